"""Run the warehouse's own detector models on any table of cells, without building a warehouse.

The SQL stays in models/quality: this renders `ref` and `var` and runs the models in their order, so that
tests and benchmarks measure what a build runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import jinja2
import yaml

DETECTOR_MODELS = (
    "detector_scan",
    "detector_column",
    "detector_column_year",
    "detector_series",
    "detector_trend",
    "detector_outlier",
    "detector_pooled",
    "detector_evidence",
)
SEEDS = ("region", "indicator", "detector_exemption", "region_change", "publication")


def render_model(root: Path, name: str, *, variables: dict[str, Any] | None = None) -> str:
    """SQL of a model with bare relation names and the vars of dbt_project.yml, overridden by variables.

    root is the project folder. Raises FileNotFoundError for an unknown model, KeyError for an unknown var.
    """
    declared = yaml.safe_load((root / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]
    values = declared | (variables or {})
    (path,) = list((root / "models").rglob(f"{name}.sql")) or [root / f"models/{name}.sql"]
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, autoescape=False, extensions=["jinja2.ext.do"]
    )
    macros = (root / "macros/dialect.sql").read_text(encoding="utf-8").replace("default__", "")
    # Of a dispatched pair the default is the DuckDB one; the dispatcher itself has no meaning outside dbt.
    kept = [part for part in macros.split("{% macro ")[1:] if "adapter.dispatch" not in part]
    text = "{% macro ".join(["", *(part for part in kept if not part.startswith("spark__"))])
    text = text.replace("target.name", "target_name")
    source = text + path.read_text(encoding="utf-8")
    return environment.from_string(source).render(
        ref=lambda relation: relation,
        var=lambda key: values[key],
        # How dbt keeps the result says nothing of what it is.
        config=lambda **settings: "",
        target_name="dev",
    )


def load_seeds(connection: duckdb.DuckDBPyConnection, root: Path, names: tuple[str, ...] = SEEDS) -> None:
    """Create the registry tables that the detectors read, typed as their yml says."""
    for name in names:
        (path,) = (root / "seeds").rglob(f"{name}.csv")
        columns = yaml.safe_load(path.with_suffix(".yml").read_text(encoding="utf-8"))["seeds"][0]["columns"]
        types = ", ".join(f"'{column['name']}': '{column['data_type']}'" for column in columns)
        connection.execute(
            f"create or replace table {name} as from read_csv(?, header = true, columns = {{{types}}})",
            [str(path)],
        )


def run_detectors(
    connection: duckdb.DuckDBPyConnection, root: Path, *, variables: dict[str, Any] | None = None
) -> None:
    """Create the tables of DETECTOR_MODELS, detector_evidence last, from a relation `observation`.

    `observation` has the columns of marts.observation that the models read: region_level, region_code,
    year, indicator_id, vintage, value_reported, decimals, unit_printed, obs_status_all, is_panel_scope.
    """
    for name in DETECTOR_MODELS:
        connection.execute(
            f"create or replace table {name} as {render_model(root, name, variables=variables)}"
        )
