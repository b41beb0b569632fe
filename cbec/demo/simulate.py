"""Write yearbooks in the shape of the shipped ones, with figures drawn from a known model.

Every cell that the shipped yearbooks print gets a drawn value, so the demo has the same regions, years,
units, vintages and gaps, and the same models and tests run on it. No real value is read.
"""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np

# Effects in log points: on cities from the approval year on, and on provinces for each zone.
CITY_EFFECTS = {
    "gdp": 0.08,
    "general_public_budget_expenditure": 0.05,
    "household_deposits_year_end": 0.03,
    "retail_sales_consumer_goods": 0.10,
    # A placebo outcome: no effect.
    "university_students_enrolled": 0.0,
}
PROVINCE_EFFECTS_PER_ZONE = {"ecommerce_sales": 0.03}
NOISE = 0.04
PERSISTENCE = 0.5


# What dbt reads of a project.
PROJECT_PARTS = ("dbt_project.yml", "profiles.yml", "macros", "models", "python_models", "seeds", "tests")


def simulate_project(root: Path, copy: Path, truth: Path, *, seed: int = 20150307) -> None:
    """Copy what dbt reads of the project and put simulated yearbooks in place of the printed ones.

    Draws log x_it = a_i + b_t + effect * D_it + e_it, e_it AR(1), for every printed series; truth
    receives the effects as JSON. The same seed gives the same files.
    """
    rng = np.random.default_rng(seed)
    copy.mkdir(parents=True)
    for part in PROJECT_PARTS:
        if (root / part).is_dir():
            shutil.copytree(
                root / part, copy / part, ignore=shutil.ignore_patterns("__pycache__", "*.py[co]")
            )
        else:
            shutil.copy(root / part, copy / part)
    seeds, folder = root / "seeds", copy / "seeds/yearbook"
    starts = _approval_years(seeds)
    decimals = {
        row["indicator_id"]: int(row["decimals"])
        for row in _rows(seeds / "registry/indicator.csv")
        if row["decimals"]
    }
    for file in ("province_yearbook.csv", "city_yearbook.csv"):
        rows = list(_rows(seeds / "yearbook" / file))
        effects = CITY_EFFECTS if file.startswith("city") else PROVINCE_EFFECTS_PER_ZONE
        drawn = _draw(rows, effects, starts, rng)
        with (folder / file).open("w", encoding="utf-8", newline="") as target:
            writer = csv.DictWriter(target, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            for row, value in zip(rows, drawn, strict=True):
                places = decimals[row["indicator_id"]]
                writer.writerow(
                    row
                    | {
                        "value": f"{value:.{places}f}",
                        "obs_status_all": "A",
                        "suspect_codes": "",
                        "source_id": "simulation",
                        "obs_comment": "simulated",
                    }
                )
    # Published national figures are real and have no place here.
    header = (seeds / "yearbook/macro_series.csv").read_text(encoding="utf-8").splitlines()[0]
    (folder / "macro_series.csv").write_text(header + "\n", encoding="utf-8")
    truth.write_text(
        json.dumps(
            {"city": CITY_EFFECTS, "province_per_zone": PROVINCE_EFFECTS_PER_ZONE, "seed": seed}, indent=1
        )
    )


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as source:
        yield from csv.DictReader(source)


def _approval_years(seeds: Path) -> dict[str, list[int]]:
    """Approval years by region: of whole-prefecture zones for prefectures, of every zone for provinces."""
    years: dict[str, list[int]] = {}
    zone_year = {}
    for zone in _rows(seeds / "registry/pilot_zone.csv"):
        year = int((zone["approved_on"] or zone["published_on"])[:4])
        zone_year[zone["zone_no"]] = year
        years.setdefault(f"province {zone['province_code']}", []).append(year)
    for link in _rows(seeds / "registry/pilot_zone_prefecture.csv"):
        if link["coverage"] == "whole":
            years.setdefault(f"city {link['prefecture_code']}", []).append(zone_year[link["zone_no"]])
    return years


def _draw(
    rows: list[dict[str, str]],
    effects: dict[str, float],
    starts: dict[str, list[int]],
    rng: np.random.Generator,
) -> list[float]:
    """One value per row. Rows of one region and series must stand in year order, as they do."""
    level = "city" if effects is CITY_EFFECTS else "province"
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
        zones = sum(start <= int(year) for start in starts.get(f"{level} {region}", []))
        dose = min(zones, 1) if level == "city" else zones
        log_value = (
            base[indicator]
            + region_effect[indicator, region]
            + year_effect[indicator, year]
            + effects.get(indicator, 0.0) * dose
            + error[series]
        )
        values.append(float(np.exp(log_value)))
    return values
