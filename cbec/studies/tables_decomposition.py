"""What two-way effects of a column are made of: two-group comparisons, and weights of treated cells.

Both say which regression they decompose. It is the column's own wherever the theorem covers it: weights
exist for unbalanced panels with controls (de Chaisemartin and D'Haultfoeuille 2020), two-group comparisons
for balanced panels without controls alone (Goodman-Bacon 2021).
"""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa

from cbec.estimators.diagnostics import balanced_sample, decompose, twfe_weights
from cbec.estimators.panel import factor_codes, rows_in_pairs
from cbec.estimators.regression import Term, fit_least_squares
from cbec.estimators.specification import Specification
from cbec.studies.diagnostics import Requested, diagnostic_table, table_schema
from cbec.studies.memory import Memory
from cbec.studies.sample import StudyData

# Rows and coefficient of the regression that is decomposed, and of the column.
_BOTH = "n_obs:i n_obs_column:i"
BACON = table_schema(
    "outcome:s treated_cohort:i control_cohort:i comparison_type:s weight:f estimate:f"
    f" {_BOTH} estimate_decomposed:f estimate_column:f"
)
TWFE_WEIGHT = table_schema(
    "outcome:s estimate:f n_weights:i n_negative:i sum_negative:f sigma_zero:f sigma_opposite:f"
    f" {_BOTH} estimate_column:f"
)


def bacon_table(data: StudyData, diagnostic: pd.DataFrame, kept: Memory | None = None) -> pa.Table:
    """Two-group comparisons behind two-way effects, in the columns of estimates.bacon.

    The decomposed regression is fitted by itself, without the column's controls and on the rows that are left
    when units with a gap are out; the note names what is out and why.
    """

    def rows(requested: Requested) -> list[dict[str, Any]]:
        spec, unit = _two_way(requested), requested.sample.unit
        own = _own_rows(requested)
        balanced = balanced_sample(own, outcome=spec.outcome, unit=unit, treatment=_status(requested))
        plain, used = spec.with_(controls=(), mediator=None), balanced.rows_of(own, unit=unit)
        both = {
            "n_obs": len(used),
            "n_obs_column": len(own),
            "estimate_decomposed": _treatment(used, plain, unit).estimate,
            "estimate_column": _treatment(requested.sample.rows, spec, unit).estimate,
            "note": _left_out(spec, len(used), len(own), balanced.dropped),
            "used": requested.rows.index.isin(used.index),
        }
        named = decompose(balanced).rename(columns={"comparison": "comparison_type"})
        named = named.astype(object).where(named.notna(), None)
        return [{str(k): v for k, v in row.items()} | both for row in named.to_dict("records")]

    return diagnostic_table(data, diagnostic, "bacon", BACON, rows, kept)


def twfe_weight_table(data: StudyData, diagnostic: pd.DataFrame, kept: Memory | None = None) -> pa.Table:
    """Weights of the treated cells behind two-way effects, in the columns of estimates.twfe_weight.

    On the rows and with the controls of the column.
    """

    def rows(requested: Requested) -> list[dict[str, Any]]:
        spec, unit = _two_way(requested), requested.sample.unit
        own = _own_rows(requested)
        controls = tuple(name for name in spec.regressors if name != spec.treatment)
        result = twfe_weights(
            own, outcome=spec.outcome, unit=unit, controls=controls, gaps="keep",
            treatment=_status(requested),
        )  # fmt: skip
        names = ("estimate", "n_obs", "n_negative", "sum_negative", "sigma_zero", "sigma_opposite")
        return [
            {name: getattr(result, name) for name in names}
            | {
                "n_weights": len(result.weights),
                "n_obs_column": len(own),
                "estimate_column": _treatment(requested.sample.rows, spec, unit).estimate,
            }
        ]

    return diagnostic_table(data, diagnostic, "bacon", TWFE_WEIGHT, rows, kept)


def _two_way(requested: Requested) -> Specification:
    """The specification. Raises ValueError unless it has effects of unit and year, and no others."""
    spec, unit = requested.specification, requested.sample.unit
    if spec.estimator != "twfe" or set(spec.fixed_effects) != {unit, "year"}:
        raise ValueError(f"a decomposition needs two-way effects of {unit} and year alone")
    return spec


def _status(requested: Requested) -> str:
    """The treatment, a status of 0 and 1. Raises ValueError for another, such as a dose."""
    name = requested.specification.treatment
    if not set(requested.rows[name].unique()) <= {0.0, 1.0}:
        raise ValueError(f"a decomposition needs a treatment of 0 and 1: {name} is a dose")
    return name


def _own_rows(requested: Requested) -> pd.DataFrame:
    """Rows behind the column's coefficient: those not alone in a unit or year."""
    rows, unit = requested.rows, requested.sample.unit
    effects = [factor_codes(rows[name].to_numpy()) for name in (unit, "year")]
    return rows[rows_in_pairs(effects, len(rows))]


def _treatment(rows: pd.DataFrame, spec: Specification, unit: str) -> Term:
    fit = fit_least_squares(rows, spec, unit=unit)
    return next(term for term in fit.terms if term.term == spec.treatment)


def _left_out(
    spec: Specification, n_used: int, n_column: int, dropped: tuple[tuple[str, int], ...]
) -> str | None:
    """What the column has and the decomposed regression has not; None when they are the same."""
    parts = []
    if n_used < n_column:
        parts.append(f"{n_used} of {n_column} rows decomposed: the theorem is about balanced panels")
        parts += [f"{n} rows: {reason}" for reason, n in dropped]
    without = [name for name in spec.regressors if name != spec.treatment]
    if without:
        parts.append(f"decomposed without controls, which the theorem has not: {', '.join(without)}")
    return "; ".join(parts) or None
