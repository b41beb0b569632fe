"""Copy the project and put simulated yearbooks in place of the printed ones.

Provinces keep the shape of the shipped yearbooks: every printed cell gets a drawn value, so the demo has the
same series, vintages and gaps. Cities come from simulated yearbook files (cbec.demo.yearbooks), by the same
import as any file. No real value is read.
"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cbec.demo.papers import CITIES, PROVINCES, backcast, draw, macro_series
from cbec.demo.seeds import approval_years, read_header, read_rows, write_rows
from cbec.demo.size import Size

if TYPE_CHECKING:
    import pandas as pd

# Effect in log points on provinces, for each zone.
PROVINCE_EFFECTS_PER_ZONE = {"ecommerce_sales": 0.03}
NOISE = 0.04
PERSISTENCE = 0.5
LAST_YEAR = 2023

# Provincial series of which a longer publication is simulated beside the shipped one.
LONGER = ("ecommerce_enterprises", "ecommerce_purchases", "ecommerce_sales", "websites_per_100_enterprises")

# What dbt reads of a project.
PROJECT_PARTS = ("dbt_project.yml", "profiles.yml", "macros", "models", "python_models", "seeds", "tests")


def simulate_project(root: Path, copy: Path, yearbooks: Path, truth: Path, size: Size) -> None:
    """Copy what dbt reads of the project with simulated seeds, and write yearbook files and the truth.

    copy: folder of the project's copy; yearbooks: folder of the files to import; truth: folder of the
    effects (JSON) and of demo_truth, demo_effect and demo_productivity (Parquet). The same size gives the
    same files. Raises ValueError for a size that cbec.demo.yearbooks refuses.
    """
    import pandas as pd

    from cbec.demo.yearbooks import simulate_yearbooks, write_truth, write_yearbooks

    books = simulate_yearbooks(
        root / "seeds",
        seed=size.seed,
        units=size.units,
        first_year=LAST_YEAR - size.n_years + 1,
        n_years=size.n_years,
    )
    copy.mkdir(parents=True)
    for part in PROJECT_PARTS:
        if (root / part).is_dir():
            shutil.copytree(
                root / part, copy / part, ignore=shutil.ignore_patterns("__pycache__", "*.py[co]")
            )
        else:
            shutil.copy(root / part, copy / part)
    in_books = books.cells[books.cells["region_level"] == "province"]["indicator_id"].unique()
    years = range(LAST_YEAR - size.n_years + 1, LAST_YEAR + 1)
    drawn_elsewhere = {*in_books, *PROVINCES}
    printed = _simulate_seeds(root / "seeds", copy / "seeds", drawn_elsewhere, size.seed, years)
    cities = books.cells.loc[books.cells["region_level"] == "prefecture", "region_code"].unique()
    more = _paper_cells(root / "seeds", printed, list(cities), years, size.seed)
    books = replace(books, cells=pd.concat([books.cells, more], ignore_index=True))
    _widen_registry(copy, books.cells, years[0])
    write_yearbooks(books, copy / "seeds", yearbooks)
    write_truth(books, truth)
    (truth / "demo_truth.json").write_text(
        json.dumps(
            {
                "seed": size.seed,
                "units": size.units,
                "n_years": size.n_years,
                "province_per_zone": PROVINCE_EFFECTS_PER_ZONE,
            },
            indent=1,
        )
    )


def _simulate_seeds(
    seeds: Path, folder: Path, in_books: set[str], seed: int, years: range
) -> list[dict[str, str]]:
    """Draw the provincial yearbook, whose rows it gives, and the national series; what the yearbook files
    carry, and every real figure else, goes."""
    path = "yearbook/province_yearbook.csv"
    rows = [row for row in read_rows(seeds / path) if row["indicator_id"] not in in_books]
    decimals = {row["indicator_id"]: row["decimals"] for row in read_rows(seeds / "registry/indicator.csv")}
    drawn = _draw(rows, approval_years(seeds), np.random.default_rng(seed))
    simulated = {
        "obs_status_all": "A",
        "suspect_codes": "",
        "source_id": "simulation",
        "obs_comment": "simulated",
    }
    printed = [
        row | {"value": f"{value:.{int(decimals[row['indicator_id']])}f}"} | simulated
        for row, value in zip(rows, drawn, strict=True)
    ]
    write_rows(folder / path, read_header(seeds / path), printed)
    real = [f"print/{path.name}" for path in sorted((seeds / "print").glob("*.csv"))]
    real += ["yearbook/city_yearbook.csv", "registry/correction.csv"]
    for name in real:
        write_rows(folder / name, read_header(seeds / name), [])
    for name in ("registry/series.csv", "registry/known_gap.csv"):
        kept = [
            row
            for row in read_rows(seeds / name)
            if row["region_level"] == "province" and row["indicator_id"] not in in_books
        ]
        write_rows(folder / name, read_header(seeds / name), kept)
    name = "yearbook/macro_series.csv"
    header = read_header(seeds / name)
    national = [dict.fromkeys(header, "") | row for row in macro_series(years, seed)]
    write_rows(folder / name, header, national)
    return printed


def _paper_cells(
    seeds: Path, printed: list[dict[str, str]], cities: list[str], years: range, seed: int
) -> pd.DataFrame:
    """Cells of cbec.demo.papers, in the columns of the yearbooks' cells."""
    import pandas as pd

    indicators = {row["indicator_id"]: row for row in read_rows(seeds / "registry/indicator.csv")}
    provinces = sorted({row["region_code"] for row in printed})
    longer = [row for row in printed if row["indicator_id"] in LONGER]
    cells = [
        (row["region_code"], int(row["year"]), row["indicator_id"], row["value"], "province")
        for row in backcast(longer, years[0], np.random.default_rng([seed, 3]))
        if int(row["year"]) <= LAST_YEAR
    ]
    for number, (level, levels, codes) in enumerate(
        (("province", PROVINCES, provinces), ("prefecture", CITIES, cities)), 1
    ):
        frame = draw(levels, codes, years, np.random.default_rng([seed, number]))
        for name in levels:
            places = int(indicators[name]["decimals"])
            cells += [
                (str(code), int(year), name, f"{value:.{places}f}", level)
                for code, year, value in frame[name].reset_index().itertuples(index=False)
            ]
    found = pd.DataFrame(
        cells, columns=["region_code", "year", "indicator_id", "value_printed", "region_level"]
    )
    units = found["indicator_id"].map({name: row["unit"] for name, row in indicators.items()})
    return found.assign(vintage="simulated", unit_printed=units, obs_status_all="A")


def _widen_registry(copy: Path, cells: object, first_year: int) -> None:
    """Give made-up cities a row of the registry, and every city a name in years before its real ones."""
    import pandas as pd

    assert isinstance(cells, pd.DataFrame)
    path = copy / "seeds/registry/region.csv"
    rows = list(read_rows(path))
    used = cells[["region_level", "region_code"]].drop_duplicates()
    known = {row["region_code"] for row in rows}
    if first_year < 2009:
        earliest: dict[str, dict[str, str]] = {}
        for row in rows:
            existing = earliest.get(row["region_code"])
            if existing is None or (row["valid_from_year"] or "0") < (existing["valid_from_year"] or "0"):
                earliest[row["region_code"]] = row
        for code in used["region_code"]:
            if code in earliest:
                earliest[code]["valid_from_year"] = ""
        settings = copy / "dbt_project.yml"
        text = re.sub(r"first_year: \d+", f"first_year: {first_year}", settings.read_text(encoding="utf-8"))
        settings.write_text(text, encoding="utf-8")
    for level, code in used.sort_values(["region_level", "region_code"], ascending=[False, True]).itertuples(
        index=False
    ):
        if code in known:
            continue
        is_province = level == "province"
        # Letters, because a name that ends in digits could be a footnote.
        name = "模拟" + "".join("甲乙丙丁戊己庚辛壬癸"[int(digit)] for digit in code)
        rows.append(
            dict.fromkeys(rows[0], "")
            | {
                "region_code": code,
                "region_level": level,
                "unit_level": "province" if is_province else "prefecture-level city",
                "name_zh": name + ("省" if is_province else "市"),
                "name_en": f"Simulated {code}",
                "province_code": code if is_province else f"{code[:2]}0000",
                "region3": "central",
                "region4": "central",
                "region3_1986": "central",
                "is_city": "false" if is_province else "true",
                "is_major_city": "false",
                "is_resource_based": "false",
                "source": "simulation",
                "verified": "no",
            }
        )
    write_rows(path, list(rows[0]), rows)
    made_up = [row["region_code"] for row in rows if row["source"] == "simulation"]
    _list_gaps(copy / "seeds/registry", [code for code in made_up if code.endswith("0000")])


def _list_gaps(registry: Path, provinces: list[str]) -> None:
    """Made-up provinces have what the yearbook files carry, and no series of the provincial yearbook."""
    path = registry / "known_gap.csv"
    blank = {
        "region_level": "province",
        "obs_status": "O",
        "reason": "made-up province",
        "source_id": "simulation",
    }
    absent = [
        blank | {"region_code": code, "year": str(year)} | {k: row[k] for k in ("indicator_id", "vintage")}
        for row in read_rows(registry / "series.csv")
        if row["region_set"] == "provinces"
        for code in provinces
        for year in range(int(row["first_year"]), int(row["last_year"]) + 1)
    ]
    write_rows(path, read_header(path), [*read_rows(path), *absent])


def _draw(rows: list[dict[str, str]], starts: dict[str, list[int]], rng: np.random.Generator) -> list[float]:
    """One value per row, log x_it = a_i + b_t + effect * zones_it + e_it with e AR(1).

    Rows of one region and series must stand in year order, as they do.
    """
    base: dict[str, float] = {}
    region_effect: dict[tuple[str, str], float] = {}
    year_effect: dict[tuple[str, str], float] = {}
    error: dict[tuple[str, str, str], float] = {}
    values = []
    for row in rows:
        indicator, region, year = row["indicator_id"], row["region_code"], row["year"]
        if indicator not in base:
            base[indicator] = rng.normal(7.5, 0.5)
        if (indicator, region) not in region_effect:
            region_effect[indicator, region] = rng.normal(0, 0.6)
        if (indicator, year) not in year_effect:
            year_effect[indicator, year] = 0.06 * (int(year) - 2009) + rng.normal(0, 0.02)
        series = (indicator, region, row["vintage"])
        shock = rng.normal(0, NOISE * np.sqrt(1 - PERSISTENCE**2))
        error[series] = PERSISTENCE * error.get(series, rng.normal(0, NOISE)) + shock
        zones = sum(start <= int(year) for start in starts.get(f"province {region}", []))
        log_value = (
            base[indicator]
            + region_effect[indicator, region]
            + year_effect[indicator, year]
            + PROVINCE_EFFECTS_PER_ZONE.get(indicator, 0.0) * zones
            + error[series]
        )
        values.append(float(np.exp(log_value)))
    return values
