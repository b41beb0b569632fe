"""What a referee asks beside the estimates, one table each.

seeds/studies/diagnostic.csv names the columns and the options.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from cbec.estimators.regression import Term
from cbec.estimators.specification import Specification
from cbec.studies.fit import entered, gc_frozen, identity, reason_of
from cbec.studies.memory import Memory, Rows, digest
from cbec.studies.sample import AwaitingDataError, EmptiedError, EstimationSample, StudyData, assemble

# Which diagnostics exist, with their options and the defaults.
DIAGNOSTICS: dict[str, dict[str, str]] = {
    "placebo": {"scheme": "cohort", "strata": "", "draws": "1000", "seed": "20150307"},
    "leave_one_out": {"by": "unit"},
    "time_placebo": {"shifts": "1-2-3", "margin_sd": "0.36"},
    "outcome_placebo": {"outcomes": "", "margin_sd": "0.36"},
    "wild_bootstrap": {"method": "WCR11", "weights": "rademacher", "draws": "9999", "seed": "20150307"},
    "family": {"draws": "9999", "seed": "20150307"},
    "few_clusters": {"methods": "cv3+conley_taber", "draws": "9999", "seed": "20150307"},
    "group_difference": {"group": "", "split": "", "draws": "1000", "seed": "20150307"},
    "minimum_detectable_effect": {"power": "0.8"},
    "pretrend": {"margin_sd": "0.36"},
    "bacon": {},
    "panel_tests": {},
    "data_integrity": {"imputations": "20", "seed": "20150307"},
    "selection": {"covariates": "", "caliper": "0.2"},
    "spillover": {"rings": "100-200-300-550", "donut": "200"},
    "policies": {},
    "functional_form": {"bins": "20", "least": "5", "draws": "9999", "seed": "20150307"},
}
# Options that name columns, joined by +.
OF_COLUMNS = ("outcomes", "covariates", "group", "strata")
# Their reason stands in estimates.specification_status.
NOT_ESTIMATED = (AwaitingDataError, EmptiedError)
# What every table says of the cells behind a row; see `CellStatus`.
CELL_STATUS = "imputed_share:f imputed_row_share:f flagged_share:f flagged_row_share:f cell_status:s"
MEDIATION_DRAWS = 1000
SEED = 20150307


def table_schema(
    columns: str, *, key: str = "study_id:s table_no:s column_no:n", end: str = "note:s"
) -> pa.Schema:
    """Arrow schema from `name:kind` words, with the status of the cells behind a row; s text, f double, n
    32-bit and i 64-bit integer, b boolean."""
    kinds = {"s": pa.string(), "f": pa.float64(), "n": pa.int32(), "i": pa.int64(), "b": pa.bool_()}
    pairs = [word.split(":") for word in f"{key} {columns} {CELL_STATUS} {end}".split()]
    return pa.schema([*((name, kinds[kind]) for name, kind in pairs), ("is_simulated", pa.bool_())])


@dataclass(frozen=True)
class Requested:
    """A column that requests a diagnostic; its sample is put together when it is looked at, and raises
    NOT_ESTIMATED where data are awaited."""

    data: StudyData
    specification: Specification
    options: dict[str, str]

    @cached_property
    def sample(self) -> EstimationSample:
        return assemble(self.data, self.specification)

    def status(self, used: NDArray[np.bool_] | None = None) -> dict[str, Any]:
        """`CellStatus` of rows of the sample as columns; without used, of those that the column rests on."""
        return vars(self.sample.status(self._entered if used is None else used))

    @cached_property
    def _entered(self) -> NDArray[np.bool_] | None:
        try:
            return entered(self.specification, self.sample)
        except ValueError:
            # Nothing did: what was offered.
            return None

    @property
    def columns(self) -> dict[str, Any]:
        """Arguments that the panel functions share."""
        spec = self.specification
        return {
            "treatment": spec.treatment,
            "unit": self.sample.unit,
            "time": "year",
            "controls": tuple(name for name in spec.regressors if name != spec.treatment),
            "fixed_effects": spec.fixed_effects,
            "cluster": spec.cluster,
        }

    @property
    def rows(self) -> pd.DataFrame:
        """The sample with a numeric treatment."""
        name = self.specification.treatment
        return self.sample.rows.assign(**{name: self.sample.rows[name].astype(float)})


def columns_named(options: str | None) -> list[tuple[str, str]]:
    """Of a row of studies.diagnostic the options that name columns, with their texts; no empty one."""
    pairs = (part.partition("=") for part in filter(None, (options or "").split(";")))
    return [(name, text) for name, _, text in pairs if name in OF_COLUMNS and text]


def requested_columns(data: StudyData, diagnostic: pd.DataFrame, name: str) -> Iterator[Requested]:
    """Each column that requests a diagnostic."""
    specs = {(s.study_id, s.table_no, s.column_no): s for s in data.specifications()}
    wanted = diagnostic[diagnostic["diagnostic"] == name]
    for row in wanted.sort_values(["study_id", "table_no", "column_no", "options"]).to_dict("records"):
        key = (row["study_id"], row["table_no"], int(row["column_no"]))
        where = f"diagnostic {key[0]} {key[1]}({key[2]}) {name}"
        if key not in specs:
            raise ValueError(f"{where}: there is no such specification")
        options = dict(DIAGNOSTICS[name])
        text = row["options"] if isinstance(row["options"], str) else ""
        for part in filter(None, text.split(";")):
            option, _, value = part.partition("=")
            if option not in options:
                raise ValueError(f"{where}: option {option!r}; allowed: {', '.join(options) or 'none'}")
            options[option] = value
        yield Requested(data, specs[key], options)


def diagnostic_table(
    data: StudyData,
    diagnostic: pd.DataFrame,
    name: str,
    schema: pa.Schema,
    rows: Callable[[Requested], Rows],
    kept: Memory | None = None,
    beside: Callable[[Requested], object] = lambda requested: None,
    more: Callable[[Requested], Iterable[str]] = lambda requested: (),
) -> pa.Table:
    """Rows of every column that requests it; one that the estimator refuses gives a row with the reason as
    note, one that awaits data none.

    A row may hold `used`, which rows of the sample entered it, shape (n,); the status of its cells is of
    these, and of those that the column rests on without it. kept: what was found before. beside: what `rows`
    reads beside the tables of the specification; more: columns that it reads beside those of the
    specification.
    """
    kept = kept if kept is not None else Memory()
    found: Rows = []
    for requested in requested_columns(data, diagnostic, name):
        own = data.digest(requested.specification, more(requested))
        key = digest(name, requested.options, data.is_simulated, own, beside(requested))
        found += kept.rows(key, partial(_computed, requested, rows, schema.names))
    return pa.Table.from_pylist(found, schema=schema)


def _computed(requested: Requested, rows: Callable[[Requested], Rows], names: list[str]) -> Rows:
    spec = requested.specification
    start = {**identity(spec), "outcome": spec.outcome, "is_simulated": requested.data.is_simulated}
    try:
        with gc_frozen():
            requested.sample  # noqa: B018 - so that its reasons are told from those of the estimator
    except NOT_ESTIMATED:
        return []
    with gc_frozen():
        try:
            own = [start | requested.status(row.get("used")) | row for row in rows(requested)]
        except ValueError as error:
            own = [start | requested.status() | {"note": refused(requested.specification, error)}]
    return [{name: row.get(name) for name in names} for row in own]


def refused(spec: Specification, error: ValueError) -> str:
    """The note of a row whose estimator refuses."""
    return f"refused: {reason_of(spec, error)}"


def term_numbers(term: Term) -> tuple[float, float, float, float, float]:
    """Estimate, standard error, p value and interval. Raises ValueError without a standard error."""
    fields = (term.estimate, term.std_error, term.p_value, term.ci_low, term.ci_high)
    known = [value for value in fields if value is not None]
    if len(known) < len(fields):
        raise ValueError(f"{term.term} has no standard error")
    estimate, error, p_value, low, high = known
    return estimate, error, p_value, low, high


def term_columns(term: Term | None) -> dict[str, Any]:
    """A coefficient as columns; none without one."""
    return {} if term is None else {name: value for name, value in vars(term).items() if name != "term"}
