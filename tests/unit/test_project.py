"""Rules of the house that a machine can hold: layers, descriptions, units, thin adapters, no stray words."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
import yaml

from tests.conftest import ROOT

# Data moves to the right only.
LAYERS = ["seeds", "staging", "intermediate", "measures", "marts", "quality", "estimates"]
REF = re.compile(r"""ref\(\s*["'](\w+)["']\s*\)""")


def models() -> dict[str, Path]:
    paths = [*(ROOT / "models").rglob("*.sql"), *(ROOT / "python_models").rglob("*.py")]
    return {path.stem: path for path in paths}


def layer(name: str) -> str:
    path = models().get(name)
    return path.parent.name if path else "seeds"


def text(path: Path) -> str:
    # The panels' refs stand in their macro.
    body = path.read_text(encoding="utf-8")
    return body + (ROOT / "macros/panel.sql").read_text(encoding="utf-8") if "panel(" in body else body


def test_data_moves_one_way() -> None:
    wrong = [
        f"{name} ({layer(name)}) refs {parent} ({layer(parent)})"
        for name, path in models().items()
        for parent in REF.findall(text(path))
        if LAYERS.index(layer(parent)) > LAYERS.index(layer(name))
    ]
    assert not wrong


def test_estimates_read_marts_specifications_and_each_other_only() -> None:
    read = {
        parent
        for path in (ROOT / "python_models/estimates").glob("*.py")
        for parent in REF.findall(text(path))
    }
    # The only things of quality's: which cells the observed-only variant leaves out and computes again, and what
    # is awaited.
    # Print on trial is read as it was transcribed.
    seeds = {
        "specification",
        "diagnostic",
        "published_claim",
        "published_result",
        "pilot_zone",
        "paper_output",
    }
    assert {
        layer(parent) for parent in read - seeds - {"suspect_cell", "missing_input", "recomputed_cell"}
    } == {
        "marts",
        "estimates",
    }


def test_python_models_are_adapters() -> None:
    for path in (ROOT / "python_models").rglob("*.py"):
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        assert len(lines) <= 25, f"{path.name} has {len(lines)} lines"


def test_estimators_know_no_database() -> None:
    for path in (ROOT / "cbec/estimators").glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {
            alias.name.split(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in (
                [ast.alias(node.module)] if isinstance(node, ast.ImportFrom) and node.module else node.names
            )
        }
        assert not names & {"dbt", "duckdb"}, path.name


def test_every_public_column_is_described_in_the_database(db: duckdb.DuckDBPyConnection) -> None:
    bare = db.sql(
        "select schema_name, table_name, column_name from duckdb_columns()"
        " where schema_name in ('marts', 'quality', 'estimates', 'registry', 'yearbook', 'studies')"
        " and comment is null"
    ).fetchall()
    assert bare == []
    tables = db.sql(
        "select table_name from duckdb_tables() where comment is null and schema_name not in ('meta', 'staging')"
    ).fetchall()
    assert tables == []
    grains = db.sql(
        "select table_name from duckdb_tables() where schema_name in ('marts', 'quality', 'estimates')"
        " and not starts_with(comment, 'One row per')"
    ).fetchall()
    assert grains == []


def test_panel_columns_end_in_their_unit_and_say_it(db: duckdb.DuckDBPyConnection) -> None:
    columns = db.sql(
        "select distinct 'panel_' || case region_level when 'province' then 'province' else 'city' end || '_year'"
        " as table_name, panel_column, column_suffix, name_en"
        " from marts.panel_cell join registry.unit using (unit)"
    ).fetchall()
    assert len(columns) > 50
    comments = dict(
        db.sql(
            "select (table_name, column_name), comment from duckdb_columns()"
            " where table_name in ('panel_city_year', 'panel_province_year')"
        ).fetchall()
    )
    for table, column, suffix, unit in columns:
        assert column.endswith(suffix), column
        assert unit in comments[table, column], f"{table}.{column} does not say its unit {unit!r}"


def test_panel_columns_are_the_long_facts_columns(db: duckdb.DuckDBPyConnection) -> None:
    for level, panel in (("province", "panel_province_year"), ("prefecture", "panel_city_year")):
        declared = yaml.safe_load((ROOT / f"models/marts/{panel}.yml").read_text(encoding="utf-8"))["models"]
        long = {
            row[0]
            for row in db.execute(
                "select distinct panel_column from marts.panel_cell where region_level = ?", [level]
            ).fetchall()
        }
        for model in declared:
            measures = {
                c["name"] for c in model["columns"] if c.get("config", {}).get("meta", {}).get("indicator")
            }
            assert long <= measures, f"{model['name']} lacks columns of the long fact"
            # A column that no shipped series fills waits for an import: NULL, and of a printed indicator.
            waiting = measures - long
            filled = " or ".join(f"{column} is not null" for column in sorted(waiting))
            assert db.sql(f"select count(*) from marts.{model['name']} where {filled}").fetchone() == (0,)


def test_contract_of_the_public_tables(db: duckdb.DuckDBPyConnection) -> None:
    """Names and columns others rely on. More columns are welcome; none of these may go."""
    contract = {
        "marts.observation": "region_code region_level year indicator_id vintage value value_reported unit decimals"
        " obs_status obs_status_all impute_method impute_by anchor_years suspect_codes source_id"
        " source_file_sha256 source_locator obs_comment is_simulated",
        "marts.treatment_city_year": "rule_id prefecture_code year is_treated first_treated_year event_year"
        " exposure_share batch zone_count",
        "marts.treatment_province_year": "rule_id province_code year is_treated first_treated_year event_year"
        " exposure_share batch zone_count",
        "marts.index_weight": "index_id weighting year indicator_id entropy divergence weight imputed_share",
        "marts.index_score": "index_id weighting region_code year score score_rank imputed_share",
        "marts.green_tfp": "technology region_code year efficiency index efficiency_change technical_change"
        " cumulative_index lp_status imputed_share",
        "quality.technology_readiness": "technology indicator_id status available_share technology_status"
        " missing_indicators",
        "quality.coverage": "indicator_id year region_level n_expected n_reported n_imputed n_missing n_suspect",
        "quality.finding": "severity detector region_code year indicator_id value evidence",
        "quality.study_readiness": "study_id indicator_id status available_share",
        "estimates.regression": "study_id table_no column_no term estimate std_error t_value p_value ci_low ci_high"
        " stars n_obs n_clusters n_dropped r2 r2_within fixed_effects vcov treatment_rule formula imputed_share"
        " is_observed_only engine",
        "estimates.event_study": "study_id outcome estimator event_year estimate std_error ci_low ci_high"
        " base_period n_cohorts",
    }
    for table, columns in contract.items():
        found = {row[0] for row in db.execute(f"describe {table}").fetchall()}
        assert set(columns.split()) <= found, table


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


def test_nothing_large_is_tracked() -> None:
    large = [path for path in tracked() if path.stat().st_size > 1024 * 1024]
    # The print: one row a city and edition, and where each figure stands.
    assert {path.name for path in large} == {"printed_figure.csv", "printed_place.csv"}
    assert sum(path.stat().st_size for path in tracked() if path.parent.name == "print") < 15 * 1024**2


def test_no_city_name_in_sql() -> None:
    for path in [*(ROOT / "models").rglob("*.sql"), *(ROOT / "macros").rglob("*.sql")]:
        assert not re.search("[\u4e00-\u9fff]", path.read_text(encoding="utf-8")), (
            f"{path.name}: facts are seeds"
        )


def test_status_loads_nothing_heavy() -> None:
    """It answers at once; what builds, estimates or draws takes seconds to import."""
    code = "import sys, cbec.cli, cbec.pipeline.status; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"dbt", "matplotlib", "numpy", "pandas", "pyarrow", "pyfixest"} & {*done.stdout.split()}
