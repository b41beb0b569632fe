"""The grade on printed truth, on a warehouse of a few cells: which are equal, differ, absent, unpublished."""

from __future__ import annotations

import duckdb
import pandas as pd
import pytest

from bench.detector_truth import print_table, truth_table

CELL = ["region_code", "year", "indicator_id", "vintage", "value_printed", "obs_status_all"]


@pytest.fixture
def warehouse() -> duckdb.DuckDBPyConnection:
    """One city of four equal years and one that differs; another absent; 2020 unpublished; investment renamed."""
    cells = [
        ("130100", year, "gdp", vintage, "10.25", "A")
        for year in range(2011, 2015)
        for vintage in ("ccsy", "v")
    ]
    cells += [
        ("130100", 2015, "gdp", "ccsy", "11.25", "A"),
        ("130100", 2015, "gdp", "v", "12.25", "V"),
        ("130100", 2016, "gdp", "ccsy", "11.254", "A"),
        ("130100", 2016, "gdp", "v", "11.25", "V"),
        ("130200", 2015, "gdp", "v", "9.5", "V"),
        ("130100", 2020, "gdp", "v", "13.5", "V"),
        # A whole number of a file of floats.
        ("130100", 2015, "wage", "ccsy", "56609.07", "A"),
        ("130100", 2015, "wage", "v", "56609.0", "V"),
        # Printed under a narrower name, and declared as filled.
        ("130100", 2015, "investment", "v", "7.5", "V"),
        ("130100", 2015, "investment_narrow", "ccsy", "7.5", "A"),
        ("130100", 2017, "gdp", "v", "14.5", "I"),
    ]  # fmt: skip
    frame = pd.DataFrame(cells, columns=CELL)
    found = pd.DataFrame(
        [
            ("130100", 2015, "gdp", "v", "D10"), ("130100", 2020, "gdp", "v", "unpublished"),
            ("130100", 2011, "gdp", "v", "D4"), ("130100", 2012, "gdp", "v", "D16"),
            ("130100", 2011, "gdp", "ccsy", "D13"),
        ],
        columns=["region_code", "year", "indicator_id", "vintage", "detector"],
    )  # fmt: skip
    covered = pd.DataFrame(
        [("gdp", year, year != 2020) for year in range(2011, 2021)]
        + [("wage", 2015, True), ("investment", 2015, False), ("investment_narrow", 2015, True)],
        columns=["indicator_id", "year", "is_published"],
    )
    connection = duckdb.connect()
    for schema in ("marts", "quality", "registry"):
        connection.execute(f"create schema {schema}")
    for name, table in (("frame", frame), ("found", found), ("covered", covered)):
        connection.register(name, table)
    connection.execute(
        """
        create table marts.observation as select *, 'prefecture' as region_level, 'whole_prefecture' as scope,
            'unit' as unit, true as is_panel_scope, cast(value_printed as decimal(38, 10)) as value_reported,
            cast(value_printed as decimal(38, 10)) as value, left(obs_status_all, 1) as obs_status,
            length(split_part(value_printed, '.', 2)) as decimals
        from frame;
        create table quality.finding as select *, 'prefecture' as region_level from found;
        create table quality.publication_coverage as select *, 'whole_prefecture' as scope from covered;
        create table registry.publication as
            select * from (values ('ccsy', true, 'yearbook'), ('v', false, 'vendor')) as t(vintage, is_one_series, kind);
        create table quality.detector_column (column_no bigint, detector varchar, decidable_chance double);
        create table quality.detector_scan (column_no bigint, region_code varchar, region_level varchar, year integer,
            indicator_id varchar, vintage varchar, h_d2 boolean, h_d3 boolean, h_d4 boolean, h_d5 boolean,
            p_d2 double, p_d3 double, p_d4 double, p_d5 double);
        """
    )
    return connection


def test_cells_are_graded_by_what_the_edition_prints(warehouse: duckdb.DuckDBPyConnection) -> None:
    table = truth_table(warehouse, vintage="v")
    kind = table[table.scope == "kind"].set_index("kind")
    assert kind.n_cells.to_dict() == {"absent": 1, "differs": 1, "equal": 7, "unpublished": 1}
    assert kind.n_decidable.to_dict() == {"absent": 0, "differs": 1, "equal": 0, "unpublished": 1}
    assert kind.n_found.to_dict() == {"absent": 0, "differs": 1, "equal": 0, "unpublished": 1}
    # D16 claims nothing of one cell.
    assert kind.n_flagged["equal"] == 1
    assert kind.per_1000["equal"] == pytest.approx(1000 / 7)
    detector = table[table.scope == "detector"]
    assert set(zip(detector.detector, detector.kind, strict=True)) == {
        ("D10", "differs"), ("D4", "equal"), ("unpublished", "unpublished"),
    }  # fmt: skip


def test_a_vintage_without_cells_is_refused(warehouse: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(ValueError, match="no cell of nobody"):
        truth_table(warehouse, vintage="nobody")


def test_print_is_graded_on_its_own_cells(warehouse: duckdb.DuckDBPyConnection) -> None:
    table = print_table(warehouse)
    assert table[["n_cells", "n_flagged"]].iloc[0].tolist() == [8, 1]
    assert table.detector.iloc[1] == "D13"
