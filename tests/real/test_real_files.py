"""Every real file comes in, with no code written for it: kept out of the repository, so skipped without them."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import duckdb
import pytest

from tests.conftest import SHARED, Imported, run_cbec

REAL = SHARED / "real"
pytestmark = pytest.mark.skipif(not REAL.is_dir(), reason="../shared/real is not here")
COMPLETE = (
    "gdp_100m_yuan",
    "gdp_primary_100m_yuan",
    "gdp_secondary_100m_yuan",
    "gdp_tertiary_100m_yuan",
    "general_public_budget_revenue_100m_yuan",
    "general_public_budget_expenditure_100m_yuan",
    "loans_year_end_100m_yuan",
)


@pytest.fixture(scope="module")
def cells(imported: Imported) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(f"create view cell as from read_parquet('{imported.folder}/landing/*.parquet')")
    return connection


@pytest.fixture(scope="module")
def built(imported: Imported) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(str(imported.database), read_only=True)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_every_file_is_imported(imported: Imported) -> None:
    files = [p for p in REAL.rglob("*") if p.suffix in (".csv", ".xlsx")]
    # The list of variable names holds no figures.
    own = [imported.folder / "good.csv", imported.folder / "unprinted.csv"]
    figures = {sha256(p) for p in [*files, *own] if p.name != "varsList.csv"}
    assert {p.stem for p in (imported.folder / "landing").glob("*.parquet")} == figures
    assert "varsList.csv: no figures" in imported.said


def test_importing_twice_changes_nothing(imported: Imported, tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    shutil.copytree(imported.folder / "landing", landing)
    before = {p.name: (p.stat().st_mtime_ns, p.read_bytes()) for p in landing.glob("*.parquet")}
    done = run_cbec(
        "import", str(REAL / "province"), warehouse=tmp_path, env={"CBEC_LANDING": str(landing)}
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "landed;" not in done.stdout
    assert {p.name: (p.stat().st_mtime_ns, p.read_bytes()) for p in landing.glob("*.parquet")} == before


def test_declared_fills_are_imputed_and_nothing_else(cells: duckdb.DuckDBPyConnection) -> None:
    """The printed and the filled column stand side by side: what only the second has was filled."""
    import openpyxl

    (path,) = (REAL / "city").glob("298*.xlsx")
    sheet = openpyxl.load_workbook(path, read_only=True, data_only=True)["面板数据"]
    rows = [
        row
        for row in sheet.iter_rows(min_row=2, max_col=9, values_only=True)
        if isinstance(row[0], int | float)
    ]
    filled = {f"面板数据!R{n}C8" for n, row in enumerate(sheet.iter_rows(min_row=1, max_col=9, values_only=True), 1)
              if n > 1 and isinstance(row[0], int | float) and row[6] is None and row[7] is not None}  # fmt: skip
    found = dict(
        cells.execute(
            "select source_locator, obs_status_all from cell where indicator_id = 'resident_population_year_end'"
            " and source_file like '%298%'"
        ).fetchall()
    )
    imputed = {place for place, letters in found.items() if letters.startswith("I")}
    assert len(rows) > 8000
    assert imputed <= filled
    # What is left out belongs to units that did not exist in the year.
    assert len(filled - imputed) <= 31
    assert all(letters in ("V", "O") for place, letters in found.items() if place not in filled)
    flagged = cells.execute(
        "select count(*) filter (where obs_status_all not like 'I%') from cell"
        " where obs_comment like '%declared as filled%' and value_in_printed_unit is not null"
    ).fetchone()
    assert flagged == (0,)


def test_units_statuses_and_places_are_those_of_the_files(cells: duckdb.DuckDBPyConnection) -> None:
    def one(query: str) -> tuple[object, ...]:
        found = cells.execute(query).fetchone()
        assert found is not None
        return found

    gridded = one(
        "select any_value(unit_printed), min(obs_status_all), max(obs_status_all) from cell"
        " where indicator_id = 'co2_emissions_gridded'"
    )
    assert gridded == ("t", "E", "E")
    platform = one(
        "select count(*), count(distinct region_code), min(year), max(year), max(obs_status_all) from cell"
        " where vintage = 'nbs_platform' and indicator_id = 'gdp'"
    )
    assert platform == (31 * 12, 31, 2011, 2022, "A")
    remark = one(
        "select count(distinct region_code), min(obs_status_all), count(distinct indicator_id) from cell"
        " where obs_comment like '%remark in the file%'"
    )
    assert remark == (4, "DV", 2)
    across = one(
        "select count(distinct year), count(distinct region_code), count(distinct indicator_id), min(year) from cell"
        " where source_id = 'ceads_province'"
    )
    assert across == (26, 30, 5, 1997)
    patents = one(
        "select count(distinct region_code) from cell where indicator_id = 'patent_grants' and year = 2010"
    )
    assert patents == (31,)
    nobody = one("select count(*) from cell where region_code = '341400' and year > 2010")
    assert nobody == (0,)


def test_at_least_281_cities_are_complete(built: duckdb.DuckDBPyConnection) -> None:
    present = " and ".join(f"{column} is not null" for column in COMPLETE)
    found = built.sql(
        "select count(*) from (select prefecture_code from marts.panel_city_year"
        f" where year between 2009 and 2016 and {present} group by 1 having count(*) = 8)"
    ).fetchone()
    assert found is not None
    # Print alone has GDP of 282 cities in all eight years: what it leaves blank no imported file fills.
    assert found[0] >= 281
    letters = built.sql(
        "select count(*) from marts.observation where obs_comment like '%declared as filled%' and obs_status <> 'I'"
    ).fetchone()
    assert letters == (0,)


def test_a_dry_run_shows_and_loads_nothing(tmp_path: Path) -> None:
    done = run_cbec(
        "import", str(REAL / "province"), "--dry-run", "--explain", warehouse=tmp_path,
        env={"CBEC_LANDING": str(tmp_path / "landing"), "COLUMNS": "200"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "landing").exists()
    for word in (
        "years across",
        "regions across",
        "one figure a row",
        "gdp_secondary",
        "100m_yuan",
        "sum over regions",
    ):
        assert word in done.stdout, word
    assert next((tmp_path / "imports").rglob("data_docs/index.html")).is_file()


def test_green_productivity_says_what_it_waits_for(built: duckdb.DuckDBPyConnection) -> None:
    """One series a column: print comes before the vendors, and prints resident population of two years, so
    that the definitions with gridded CO2 have no city-year with all variables."""
    rows = built.sql(
        "select distinct technology, bool_or(is_simulated) from marts.green_tfp group by 1"
    ).fetchall()
    assert rows and not any(simulated for _, simulated in rows)
    share = built.sql(
        "select distinct technology_status, available_share < 0.2, missing_indicators"
        " from quality.technology_readiness where technology = 'sbm_global_crs_co2_gridded_population'"
        " and indicator_id = 'resident_population_year_end'"
    ).fetchall()
    assert share == [("awaiting data", True, "resident_population_year_end")]
    # Employment is in none of the files, so the definitions that ask for it wait.
    waiting = built.sql(
        "select missing_indicators from quality.technology_readiness"
        " where technology = 'sbm_global_crs_co2_gridded' limit 1"
    ).fetchone()
    assert waiting == ("employment",)
