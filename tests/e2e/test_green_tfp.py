"""Green productivity in the warehouses: awaiting data, recovered where the truth is known, run on real files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pandas as pd
import pytest

# Rank correlation with planted productivity, at least: of the level within a year and of the gain since the first
# year. Set 2026-11 about 0.05 below what the default draw gives; a gain is small against its noise.
FLOORS = {
    "sbm_global_crs_pollutants": (0.88, 0.72),
    "sbm_global_crs_co2": (0.87, 0.70),
    "sbm_contemporaneous_crs_pollutants": (0.89, 0.60),
    "sbm_sequential_crs_co2": (0.89, 0.74),
    "sbm_global_vrs_co2": (0.70, 0.74),
    "ddf_global_crs_co2": (0.82, 0.60),
    "ddf_contemporaneous_crs_co2": (0.85, 0.55),
    "ddf_biennial_vrs_co2": (0.77, 0.53),
    "nddf_global_crs_co2": (0.82, 0.63),
    "nddf_global_crs_pollutants": (0.87, 0.70),
    "malmquist_contemporaneous_crs": (0.90, 0.65),
}


@pytest.fixture(scope="module")
def demo(demo_warehouse: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(demo_warehouse / "demo.duckdb"), read_only=True) as connection:
        connection.execute(
            f"create temp view truth as from '{demo_warehouse}/demo_truth/demo_productivity.parquet'"
        )
        yield connection


def test_shipped_figures_await_data_and_say_which(db: duckdb.DuckDBPyConnection) -> None:
    rows = db.sql(
        "select technology_status, count(distinct technology), bool_and(missing_indicators is not null)"
        " from quality.technology_readiness group by 1 order by 1"
    ).fetchall()
    total = db.sql("select count(*) from registry.technology").fetchall()[0][0]
    # The three definitions that the printed figures allow.
    assert rows == [("awaiting data", total - 3, True), ("ready", 3, False)]
    ready = "select distinct technology from quality.technology_readiness where technology_status = 'ready'"
    solved = "select distinct technology from marts.green_tfp"
    assert set(db.sql(ready).fetchall()) == set(db.sql(solved).fetchall())
    missing = db.sql(
        "select missing_indicators from quality.technology_readiness"
        " where technology = 'yrd_malmquist' and indicator_id = 'logistics_output'"
    ).fetchone()
    assert missing == (
        "logistics_employment, logistics_energy_use, logistics_fixed_investment, logistics_output",
    )
    assert db.sql(
        "select count(green_tfp_efficiency) + count(green_tfp_cumulative) from marts.panel_city_year"
    ).fetchone() == (0,)


def test_the_demo_runs_every_definition_whose_variables_it_has(demo: duckdb.DuckDBPyConnection) -> None:
    ready = demo.sql(
        "select distinct technology from quality.technology_readiness where technology_status = 'ready'"
    ).fetchall()
    assert len(ready) >= 24
    waiting = demo.sql(
        "select distinct technology from quality.technology_readiness"
        " where technology_status <> 'ready' and missing_indicators is null"
    ).fetchall()
    assert waiting == []
    solved = demo.sql(
        "select technology, avg(case when lp_status = 'optimal' then 1.0 else 0 end) from marts.green_tfp"
        " where lp_status not in ('missing', 'screened', 'left out') group by 1"
    ).fetchall()
    assert len(solved) == len(ready)
    assert all(share == 1 for _, share in solved)


@pytest.mark.parametrize("technology", FLOORS)
def test_planted_productivity_is_found(demo: duckdb.DuckDBPyConnection, technology: str) -> None:
    frame = demo.execute(
        "select measured.*, truth.theta, truth.theta - start.theta as gain from marts.green_tfp as measured"
        " inner join truth on measured.region_code = truth.region_code and measured.year = truth.year"
        " inner join truth as start on truth.region_code = start.region_code and start.year = measured.base_year"
        " where technology = ?",
        [technology],
    ).df()
    by_year = frame.dropna(subset=["efficiency"]).groupby("year")
    level = pd.Series(
        {year: part["efficiency"].corr(part["theta"], method="spearman") for year, part in by_year}
    ).mean()
    last = frame[frame["year"] == frame["year"].max()].dropna(subset=["cumulative_index"])
    gain = last["cumulative_index"].corr(last["gain"], method="spearman")
    print(f"{technology}: level {level:.3f}, gain {gain:.3f}, {len(last)} cities")
    assert level > FLOORS[technology][0]
    assert gain > FLOORS[technology][1]


def test_screening_a_slipped_decimal_saves_the_frontier(demo: duckdb.DuckDBPyConnection) -> None:
    medians = dict(
        demo.sql(
            "select technology, median(efficiency) from marts.green_tfp"
            " where technology like 'sbm_global_crs_pollutants%' group by 1"
        ).fetchall()
    )
    assert medians["sbm_global_crs_pollutants_unscreened"] < 0.05
    assert medians["sbm_global_crs_pollutants"] > 0.25


def test_screened_cells_are_mostly_the_planted_slips(
    demo: duckdb.DuckDBPyConnection, demo_warehouse: Path
) -> None:
    row = demo.execute(
        "with put_aside as (select distinct region_code, year from marts.green_tfp where lp_status = 'screened'),"
        f" planted as (select distinct region_code, year from '{demo_warehouse}/demo_truth/demo_truth.parquet')"
        " select count(*), count(planted.year) from put_aside left join planted using (region_code, year)"
    ).fetchone()
    assert row is not None
    put_aside, planted = row
    assert put_aside >= 10
    assert planted / put_aside > 0.75, row


def test_the_panels_show_the_default_definition(demo: duckdb.DuckDBPyConnection) -> None:
    differing = demo.sql(
        "select count(*) from marts.green_tfp as measured inner join marts.panel_city_year as panel"
        " on measured.region_code = panel.prefecture_code and measured.year = panel.year"
        " where is_default and (efficiency is distinct from green_tfp_efficiency"
        " or index is distinct from green_tfp_index or cumulative_index is distinct from green_tfp_cumulative"
        " or abs(ln(cumulative_index) - green_tfp_cumulative_log) > 1e-12)"
    ).fetchone()
    assert differing == (0,)
    counts = demo.sql(
        "select count(green_tfp_efficiency), count(green_tfp_index), count(green_tfp_cumulative) from"
        " marts.panel_city_year"
    ).fetchone()
    assert counts is not None
    assert min(counts) > 3000
    # A value and a missing status exclude each other, in both directions.
    wrong = demo.sql(
        "select count(*) from marts.panel_cell where indicator_id like 'green_tfp%'"
        " and (value is null) <> (obs_status in ('O', 'M', 'L'))"
    ).fetchone()
    assert wrong == (0,)
    shares = demo.sql(
        "select count(*) from marts.panel_cell as cell inner join marts.green_tfp as measured"
        " on cell.region_code = measured.region_code and cell.year = measured.year and measured.is_default"
        " where cell.indicator_id = 'green_tfp_efficiency' and cell.imputed_share <> measured.imputed_share"
    ).fetchone()
    assert shares == (0,)


def test_simulated_rows_say_so(demo: duckdb.DuckDBPyConnection) -> None:
    assert demo.sql("select bool_and(is_simulated) from marts.green_tfp").fetchone() == (True,)
