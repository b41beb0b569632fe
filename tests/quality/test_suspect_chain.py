"""A flag reaches exactly the years that rest on the flagged figure: told again year by year, in Python."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

BASE_YEAR = 2010
GROWTH = {"gdp_growth", "gdp_index_previous_year"}
Cell = tuple[str, str, int]


@pytest.fixture(scope="module", params=["db", "demo_warehouse"])
def built(request: pytest.FixtureRequest) -> duckdb.DuckDBPyConnection:
    found = request.getfixturevalue(request.param)
    if isinstance(found, Path):
        return duckdb.connect(str(found / "demo.duckdb"), read_only=True)
    assert isinstance(found, duckdb.DuckDBPyConnection)
    return found


def suspects(db: duckdb.DuckDBPyConnection, indicator_id: str) -> set[Cell]:
    """Level, region and year of an indicator's suspect cells with a value."""
    return set(
        db.execute(
            "select region_level, region_code, year from quality.suspect_cell"
            " inner join marts.panel_cell using (region_level, region_code, year, panel_column)"
            " where indicator_id = ? and value is not null",
            [indicator_id],
        ).fetchall()
    )


def cells(db: duckdb.DuckDBPyConnection, indicator_id: str) -> set[Cell]:
    return set(
        db.execute(
            "select region_level, region_code, year from marts.panel_cell"
            " where indicator_id = ? and value is not null",
            [indicator_id],
        ).fetchall()
    )


def on_the_way(year: int) -> set[int]:
    """Years whose growth leads from the base year to a year: Y_t = Y_base times growth of base + 1 to t, or
    divided by growth of t + 1 to base."""
    return set(range(BASE_YEAR + 1, year + 1)) if year > BASE_YEAR else set(range(year + 1, BASE_YEAR + 1))


def test_a_chain_is_flagged_where_it_rests_on_a_flag(built: duckdb.DuckDBPyConnection) -> None:
    of_growth = set[Cell]().union(*(suspects(built, name) for name in GROWTH))
    of_base = {(level, region) for level, region, year in suspects(built, "gdp") if year == BASE_YEAR}
    expected = {
        (level, region, year)
        for level, region, year in cells(built, "gdp_real")
        if (level, region) in of_base or any((level, region, step) in of_growth for step in on_the_way(year))
    }
    assert expected
    assert suspects(built, "gdp_real") == expected
    assert suspects(built, "gdp_real_log") == expected & cells(built, "gdp_real_log")


def test_productivity_is_flagged_where_an_input_is(built: duckdb.DuckDBPyConnection) -> None:
    """Through every step between: growth to GDP at constant prices to a score."""
    technologies = built.sql(
        "select panel_columns, concat_ws(' + ', inputs, good_outputs, bad_outputs) from registry.technology"
        " where panel_columns is not null"
    ).fetchall()
    n_flagged = 0
    for columns, variables in technologies:
        flagged = set[Cell]().union(*(suspects(built, name) for name in variables.split(" + ")))
        expected = flagged & cells(built, f"{columns}_efficiency")
        assert suspects(built, f"{columns}_efficiency") == expected
        n_flagged += len(expected)
    assert n_flagged > 0
