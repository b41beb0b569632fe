"""Run the warehouse's own detector models on any table of cells, without building a warehouse.

The SQL stays in models/quality: this renders `ref` and `var` and runs the models in their order, so that
tests and benchmarks measure what a build runs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from pathlib import Path
from types import SimpleNamespace
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
MACRO = re.compile(r"\{%-? *macro +(\w+).*?\{%-? *endmacro *-?%\}", re.DOTALL)
SEEDS = ("region", "indicator", "detector_exemption", "region_change", "publication")


class _Returned(Exception):
    """What dbt's `return` gives back out of a macro."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value


class Renderer:
    """Models and macros of the project as dbt compiles them for DuckDB, without dbt.

    variables: vars instead of those of dbt_project.yml. home: the relation of a model or seed, by name.
    connection: what macros run queries on. Raises KeyError for an unknown var or macro.
    """

    def __init__(
        self,
        root: Path,
        *,
        variables: Mapping[str, Any] | None = None,
        home: Callable[[str], str] = str,
        connection: duckdb.DuckDBPyConnection | None = None,
    ) -> None:
        declared = yaml.safe_load((root / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]
        self._root, self._values, self._connection = root, declared | dict(variables or {}), connection
        self._environment = jinja2.Environment(
            undefined=jinja2.StrictUndefined, autoescape=False, extensions=["jinja2.ext.do"]
        )
        self._macros = {
            found[1]: found[0].replace("return(", "returned(")
            for path in sorted((root / "macros").glob("*.sql"))
            for found in MACRO.finditer(path.read_text(encoding="utf-8"))
        }
        self._template = lru_cache(maxsize=None)(self._environment.from_string)
        self._environment.globals |= {name: partial(self.macro, name) for name in self._macros} | {
            "ref": home,
            "var": self.variable,
            # How dbt keeps the result says nothing of what it is.
            "config": lambda **settings: "",
            "target": SimpleNamespace(name="dev"),
            "returned": _give_back,
            "run_query": self._query,
            "adapter": SimpleNamespace(dispatch=self._dispatched, get_columns_in_relation=self._columns),
        }

    def variable(self, name: str) -> Any:
        """A var of the project."""
        return self._values[name]

    def model(self, name: str) -> str:
        """SQL of a model. Raises FileNotFoundError for an unknown one."""
        (path,) = list((self._root / "models").rglob(f"{name}.sql")) or [self._root / f"models/{name}.sql"]
        return self._environment.from_string(path.read_text(encoding="utf-8")).render()

    def macro(self, name: str, *args: Any, **options: Any) -> Any:
        """What a macro gives: the text of its body, or what it returns."""
        try:
            return getattr(self._template(self._macros[name]).make_module(), name)(*args, **options)
        except _Returned as done:
            return done.value

    def _dispatched(self, name: str, _package: str = "") -> Callable[..., Any]:
        mine = f"duckdb__{name}"
        return partial(self.macro, mine if mine in self._macros else f"default__{name}")

    def _query(self, text: str) -> None:
        assert self._connection is not None
        self._connection.execute(text)

    def _columns(self, relation: str) -> list[SimpleNamespace]:
        assert self._connection is not None
        rows = self._connection.execute(f"describe {relation}").fetchall()
        return [SimpleNamespace(name=row[0]) for row in rows]


def _give_back(value: Any) -> None:
    raise _Returned(value)


def render_model(root: Path, name: str, *, variables: dict[str, Any] | None = None) -> str:
    """SQL of a model with bare relation names; see `Renderer`."""
    return Renderer(root, variables=variables).model(name)


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
