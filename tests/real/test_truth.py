"""The detectors graded on printed truth: a compiler's panel beside the yearbook that ships, and print itself.

The panel is not part of the product; without it these tests are skipped. Run with -s to see the tables that
docs/DATA_STATUS.md quotes.
"""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pandas as pd
import pytest

from bench.detector_truth import held_out_table, print_table, truth_table
from tests.conftest import ROOT, SHARED, Imported

PANEL = SHARED / "real/city/china_city_panel_real.csv"
pytestmark = pytest.mark.skipif(not PANEL.is_file(), reason="../shared/real is not here")


@pytest.fixture(scope="module")
def built(imported: Imported) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(imported.database), read_only=True) as connection:
        yield connection


def _panel(connection: duckdb.DuckDBPyConnection) -> str:
    """Vintage of the panel: the name of its compiler and the beginning of its hash."""
    ((vintage,),) = connection.execute(
        "select distinct vintage from marts.observation where vintage like 'city_panel_%'"
    ).fetchall()
    return str(vintage)


def test_what_a_compiler_filled_is_found_and_what_it_copied_is_left_alone(
    built: duckdb.DuckDBPyConnection,
) -> None:
    table = truth_table(built, vintage=_panel(built))
    print(table.to_string())
    kind = table[table.scope == "kind"].set_index("kind")
    assert kind.n_cells["equal"] >= 60_000
    assert kind.per_1000["equal"] <= 1
    assert kind.n_cells["unpublished"] >= 2_600
    assert kind.recall["unpublished"] == 1
    assert kind.recall["absent"] >= 0.95
    assert kind.recall["differs"] >= 0.90
    # In no column of 1,000 cells and more are more than two in 1,000 flagged: what print slips, the copy slips.
    equal = table[(table.scope == "indicator") & (table.kind == "equal") & (table.n_cells >= 1000)]
    assert len(equal) >= 15
    assert (equal.per_1000 <= 2).all(), equal


def test_print_itself_stays_within_one_flag_in_1000(built: duckdb.DuckDBPyConnection) -> None:
    table = print_table(built)
    print(table.to_string())
    assert table.n_cells.iloc[0] >= 500_000
    assert table.per_1000.iloc[0] <= 1


def test_what_print_taught_holds_for_cities_it_was_not_read_from(built: duckdb.DuckDBPyConnection) -> None:
    table = held_out_table(built, ROOT)
    print(table.to_string())
    united = table[table.indicator_id.isna()].set_index("detector")
    assert united.n_cells.iloc[0] >= 500_000
    paths = united.reindex([f"D{k}" for k in range(1, 10)]).n_flagged
    assert 1000 * paths.sum() / united.n_cells.iloc[0] <= 0.5, united


def test_a_vintage_that_is_not_there_is_refused(built: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(ValueError, match="no cell of nobody"):
        truth_table(built, vintage="nobody")


def test_the_grade_falls_when_a_detector_is_silent(built: duckdb.DuckDBPyConnection) -> None:
    """A grade that cannot fall says nothing."""
    with duckdb.connect() as copy:
        for schema, name in (
            ("marts", "observation"), ("quality", "finding"), ("quality", "publication_coverage"),
            ("quality", "detector_scan"), ("quality", "detector_column"), ("registry", "publication"),
        ):  # fmt: skip
            copy.execute(f"create schema if not exists {schema}")
            frame: pd.DataFrame = built.sql(f"select * from {schema}.{name}").df()
            copy.register("frame", frame)
            copy.execute(f"create table {schema}.{name} as select * from frame")
        copy.execute("delete from quality.finding where detector in ('unpublished', 'D10')")
        kind = truth_table(copy, vintage=_panel(copy)).query("scope == 'kind'").set_index("kind")
    assert kind.recall["unpublished"] < 0.5
    assert kind.recall["differs"] < 0.5
