"""The demo warehouse: simulated, said so everywhere, apart from the real one, and in by the same import."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import numpy as np
import pytest

from cbec.demo.simulate import simulate_project
from cbec.demo.size import Size
from cbec.demo.yearbooks import simulate_yearbooks
from cbec.ingest.command import Options, import_paths
from cbec.project import Project
from tests.conftest import ROOT, run_cbec


def test_every_row_says_that_it_is_simulated(demo_warehouse: Path) -> None:
    with duckdb.connect(str(demo_warehouse / "demo.duckdb"), read_only=True) as connection:
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
        assert connection.sql("select distinct source from yearbook.macro_series").fetchall() == [
            ("simulation",)
        ]
        assert connection.sql("select count(*) from yearbook.city_yearbook").fetchone() == (0,)
        sources = connection.sql("select distinct source_id from marts.observation where value is not null")
        assert sources.fetchall() == [("simulation",)]


def test_no_simulated_value_equals_the_printed_one_of_its_cell(
    demo_warehouse: Path, db: duckdb.DuckDBPyConnection
) -> None:
    real = {row[:4]: row[4] for row in db.sql(QUERY).fetchall()}
    with duckdb.connect(str(demo_warehouse / "demo.duckdb"), read_only=True) as connection:
        drawn = {row[:4]: row[4] for row in connection.sql(QUERY).fetchall()}
    # A count of universities or a share of 100 is met by chance; three digits are not.
    common = {
        key for key in drawn.keys() & real.keys() if len(f"{real[key]:.15g}".replace(".", "").strip("0")) >= 3
    }
    assert len(common) > 8000
    assert sum(drawn[key] == real[key] for key in common) <= 20, "printed values leak into the demo"


QUERY = (
    "select region_level, region_code, year, indicator_id, any_value(value_reported) from marts.observation"
    " where value_reported is not null group by all having count(*) = 1"
)


def test_what_was_drawn_is_what_came_through_the_import(demo_warehouse: Path) -> None:
    """Every printed cell, through GB18030, merged headers, symbols and renamed cities, by value and place."""
    cells = simulate_yearbooks(ROOT / "seeds").cells
    with duckdb.connect(str(demo_warehouse / "demo.duckdb"), read_only=True) as connection:
        connection.register("drawn", cells)
        found = connection.sql(
            """
            select count(*) as n, count(landed.region_code) as n_landed,
                -- A workbook keeps 17 digits, a landed value ten decimals.
                count(*) filter (
                    where (drawn.value_printed is null) <> (landed.value_in_printed_unit is null)
                        or abs(cast(drawn.value_printed as double) - cast(landed.value_in_printed_unit as double))
                        > 1e-14 * abs(cast(drawn.value_printed as double)) + 1e-10
                ) as n_different,
                count(*) filter (where drawn.value_printed is null and landed.obs_status_all not in ('O', 'M', 'N'))
                    as n_blank_with_a_value,
                count(distinct landed.source_file) as n_files,
                count(*) filter (where landed.source_locator like '%!R%C%') as n_located
            from drawn left join staging.stg_landing__observation as landed
                using (region_level, region_code, year, indicator_id)
            """
        ).df()
        # What the papers need beside the yearbooks is drawn by itself (cbec/demo/papers.py).
        (total,) = connection.sql(
            "select count(*) from staging.stg_landing__observation"
            " semi join drawn using (region_level, indicator_id, year)"
        ).fetchall()
    row = found.iloc[0]
    assert row.n == row.n_landed == row.n_located == total[0]
    assert row.n_different == row.n_blank_with_a_value == 0
    assert row.n_files == 16


def test_city_studies_are_ready_and_others_await_data(demo_warehouse: Path) -> None:
    with duckdb.connect(str(demo_warehouse / "demo.duckdb"), read_only=True) as connection:
        status = dict(connection.sql("select study_id, status from estimates.study_status").fetchall())
        years = connection.sql(
            "select count(distinct region_code), min(year), max(year) from marts.observation"
            " where region_level = 'prefecture' and value is not null"
        ).fetchone()
    assert years == (285, 2009, 2023)
    assert {study for study, value in status.items() if value == "ready"} == {
        "major_cities", "province_ecommerce", "manufacturing_exports", "yrd_malmquist",
    }  # fmt: skip
    # The papers' columns are estimated; our variants on print wait for what the drawn yearbooks do not print.
    assert {study for study, value in status.items() if value == "partly ready"} == {
        "green_tfp", "new_quality_productivity", "city_outcomes",
    }  # fmt: skip


def test_the_detectors_are_scored_beside_the_data(demo_warehouse: Path) -> None:
    with duckdb.connect(str(demo_warehouse / "demo.duckdb"), read_only=True) as connection:
        (rows,) = connection.sql("select count(*) from quality.detector_score").fetchall()
    assert rows[0] > 40
    names = {path.name for path in (demo_warehouse / "demo_truth").iterdir()}
    assert names == {
        "demo_truth.json", "demo_truth.parquet", "demo_effect.parquet", "demo_productivity.parquet",
        "demo_remark.parquet",
    }  # fmt: skip


def test_the_known_effect_per_zone_is_inside_the_interval(demo_warehouse: Path) -> None:
    truth = json.loads((demo_warehouse / "demo_truth/demo_truth.json").read_text())
    with duckdb.connect(str(demo_warehouse / "demo.duckdb"), read_only=True) as connection:
        ((estimate, std_error),) = connection.sql(
            "select estimate, std_error from estimates.regression where study_id = 'province_ecommerce'"
            " and table_no = 'T2' and column_no = 1 and not is_observed_only"
        ).fetchall()
    assert abs(estimate - truth["province_per_zone"]["ecommerce_sales"]) < 3 * std_error


def _drawn(folder: Path, size: Size) -> dict[str, bytes]:
    simulate_project(ROOT, folder / "project", folder / "yearbooks", folder / "truth", size)
    kept = [*(folder / "yearbooks").iterdir(), folder / "project/seeds/yearbook/province_yearbook.csv"]
    return {path.name: path.read_bytes() for path in kept}


def test_the_same_seed_draws_the_same_files(tmp_path: Path) -> None:
    a, b, c = (
        _drawn(tmp_path / name, Size(units=40, n_years=10, seed=seed))
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    # A zip carries the hour of its making, so workbooks are compared by what they hold elsewhere.
    assert {k: v for k, v in a.items() if k.endswith(".csv")} == {
        k: v for k, v in b.items() if k.endswith(".csv")
    }
    assert all(a[name] != c[name] for name in a if name.endswith(".csv"))


def test_a_larger_demo_has_made_up_cities_and_earlier_years(tmp_path: Path) -> None:
    _drawn(tmp_path, Size(units=300, n_years=18))
    project = Project(tmp_path / "project", tmp_path, tmp_path / "landing")
    files = [tmp_path / "yearbooks" / name for name in ("模拟城市年鉴2006.xlsx", "模拟城市年鉴2007.csv")]
    run = import_paths(project, files, Options(is_demo=True))
    assert [o.action for o in run.outcomes] == ["landed", "landed"]
    cells = run.outcomes[0].imported.cells
    assert len({cell.region_code for cell in cells}) == 300
    assert "first_year: 2006" in (tmp_path / "project/dbt_project.yml").read_text()


@pytest.mark.parametrize("is_demo", [False, True])
def test_real_and_simulated_files_never_share_a_landing(tmp_path: Path, is_demo: bool) -> None:
    if is_demo:
        path = tmp_path / "cities.csv"
        path.write_text(
            "城市,年份,地区生产总值(亿元)\n南京市,2020,14818\n苏州市,2020,20171\n", encoding="utf-8"
        )
    else:
        _drawn(tmp_path, Size(units=40, n_years=10))
        path = tmp_path / "yearbooks/模拟城市年鉴2019.csv"
    project = Project(ROOT, tmp_path, tmp_path / "landing")
    run = import_paths(project, [path], Options(is_demo=is_demo))
    assert run.has_errors
    words = "is real and has no place in the demo" if is_demo else "is simulated; only `cbec demo` loads it"
    assert any(words in str(problem) for problem in run.outcomes[0].imported.problems)
    assert not list((tmp_path / "landing").glob("*.parquet"))


@pytest.mark.parametrize(("option", "value"), [("--units", "39"), ("--units", "3001"), ("--years", "41")])
def test_sizes_out_of_range_are_refused(tmp_path: Path, option: str, value: str) -> None:
    done = run_cbec("demo", option, value, warehouse=tmp_path)
    assert done.returncode == 2
    assert option in done.stderr
    assert not (tmp_path / "demo.duckdb").exists()


def test_effects_are_what_treatment_changed() -> None:
    books = simulate_yearbooks(ROOT / "seeds")
    effects = books.effects
    before = effects[effects.event_year < 0]
    assert np.abs(before.effect).max() == 0.0
    students = effects[effects.indicator_id == "university_students_enrolled"]
    assert np.abs(students.effect).max() == 0.0
    gdp = effects[(effects.indicator_id == "gdp") & (effects.event_year >= 0)].set_index(
        ["cohort", "event_year"]
    )
    # Effects grow with time since approval and are smaller for later cohorts.
    assert gdp.effect[2016, 3] > gdp.effect[2016, 0] > 0.01
    assert gdp.effect[2016, 1] > gdp.effect[2020, 1] > gdp.effect[2022, 1]
