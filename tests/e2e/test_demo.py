"""The demo warehouse: simulated, said so everywhere, apart from the real one, and its effect is found."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from cbec.demo.simulate import simulate_project
from tests.conftest import ROOT, run_cbec


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    done = run_cbec("demo", warehouse=folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_every_row_says_that_it_is_simulated(demo: Path) -> None:
    with duckdb.connect(str(demo / "demo.duckdb"), read_only=True) as connection:
        flagged = connection.sql(
            "select schema_name, table_name from duckdb_columns() where column_name = 'is_simulated'"
            " and schema_name in ('marts', 'quality', 'estimates')"
        ).fetchall()
        assert ("marts", "observation") in flagged
        assert ("estimates", "regression") in flagged
        for schema, table in flagged:
            shares = connection.sql(f"select avg(is_simulated::int) from {schema}.{table}").fetchone()
            assert shares == (1.0,), table
        # Real published figures have no place beside simulated ones.
        assert connection.sql("select count(*) from yearbook.macro_series").fetchone() == (0,)
        sources = connection.sql("select distinct source_id from marts.observation where value is not null")
        assert sources.fetchall() == [("simulation",)]


def test_no_simulated_value_equals_the_printed_one_of_its_cell(
    demo: Path, db: duckdb.DuckDBPyConnection
) -> None:
    real = {row[:4]: row[4] for row in db.sql(QUERY).fetchall()}
    with duckdb.connect(str(demo / "demo.duckdb"), read_only=True) as connection:
        drawn = {row[:4]: row[4] for row in connection.sql(QUERY).fetchall()}
    assert drawn.keys() == real.keys()
    assert sum(drawn[key] == real[key] for key in real) <= 20, "printed values leak into the demo"


QUERY = (
    "select region_level, region_code, year, indicator_id || vintage, value_printed from marts.observation"
    " where value is not null"
)


def test_the_known_effects_are_inside_the_intervals(demo: Path) -> None:
    truth = json.loads((demo / "demo_truth.json").read_text())
    with duckdb.connect(str(demo / "demo.duckdb"), read_only=True) as connection:
        for indicator, effect in truth["city"].items():
            rows = connection.execute(
                "select table_no, estimate, std_error from estimates.regression where study_id = 'major_cities'"
                " and table_no in ('T1', 'T2') and outcome = ? and not is_observed_only",
                [f"{indicator}_log"],
            ).fetchall()
            assert len(rows) == 2
            errors = {table: (estimate - effect, std_error) for table, estimate, std_error in rows}
            # Three standard errors: five checks of one fixed draw.
            assert abs(errors["T1"][0]) < 3 * errors["T1"][1], (indicator, errors)
            # From 2020 on one city is the only control, and an influence-function standard error knows
            # nothing of one city's own noise (0.04 a year here): hold the estimate itself.
            assert abs(errors["T2"][0]) < 0.06, (indicator, errors)
        ((estimate, std_error),) = connection.sql(
            "select estimate, std_error from estimates.regression where study_id = 'province_ecommerce'"
            " and table_no = 'T2' and column_no = 1 and not is_observed_only"
        ).fetchall()
        assert abs(estimate - truth["province_per_zone"]["ecommerce_sales"]) < 3 * std_error


def test_the_same_seed_draws_the_same_files(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        simulate_project(ROOT, tmp_path / name, tmp_path / f"{name}.json", seed=seed)
    a, b, c = ((tmp_path / name / "seeds/yearbook/city_yearbook.csv").read_bytes() for name in "abc")
    assert a == b
    assert a != c
