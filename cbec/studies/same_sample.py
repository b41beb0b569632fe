"""Two-way fixed effects on exactly the rows of each estimator for staggered adoption.

A robust estimator that needs units in every year stands beside two-way effects on all rows. Their difference
is one of estimators only where the rows are the same; here they are.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import pyarrow as pa
from pandas.util import hash_pandas_object
from scipy import stats

from cbec.estimators.absorb import fit_treatment
from cbec.estimators.panel import prepare_panel
from cbec.estimators.specification import Specification
from cbec.estimators.staggered.fit import rows_of, used_sample
from cbec.estimators.staggered.sample import Sample
from cbec.estimators.staggered.support import of_two_way
from cbec.studies.diagnostics import NOT_ESTIMATED, refused, table_schema
from cbec.studies.fit import identity
from cbec.studies.memory import Memory, Rows, digest
from cbec.studies.sample import EstimationSample, StudyData, assemble

Fitted = dict[str, dict[str, Any]]
# Options of an estimator that choose its rows.
CHOOSES_ROWS = ("anticipation", "gaps")
_NUMBERS = table_schema(
    "estimator:s outcome:s estimate_twfe:f std_error:f p_value:f ci_low:f ci_high:f n_effective_clusters:f"
    " n_clusters:i n_obs:i n_units:i n_treated_units:i n_obs_offered:i kind:s"
)
SAME_SAMPLE = pa.schema([*list(_NUMBERS)[:3], ("is_observed_only", pa.bool_()), *list(_NUMBERS)[3:]])


def same_sample_table(data: StudyData, kept: Memory | None = None) -> pa.Table:
    """The two-way coefficient of the treatment on each staggered column's rows, twice: of all cells and of
    observed cells only. Columns of estimates.same_sample_fit; std_error is not withheld here.

    The controls are the column's, entered linearly; errors are clustered as the column's are. A column that
    awaits data, or whose rows are refused, has no row: estimates.fit says why. kept: what was found before.
    """
    kept = kept if kept is not None else Memory()
    found: Rows = []
    # Estimators side by side mostly use the same rows.
    fitted: Fitted = {}
    for spec in data.specifications():
        if spec.is_staggered:
            key = digest("same_sample", data.is_simulated, data.digest(spec))
            found += kept.rows(key, partial(_both, data, spec, fitted))
    return pa.Table.from_pylist(found, schema=SAME_SAMPLE)


def _both(data: StudyData, spec: Specification, fitted: Fitted) -> Rows:
    """Rows on all cells and on observed cells only; fitted: what was found on rows with a digest."""
    found: Rows = []
    compared: dict[tuple[int, bool], dict[str, Any] | None] = {}
    for observed_only in (False, True):
        try:
            sample = assemble(data, spec, observed_only=observed_only)
        except NOT_ESTIMATED:
            continue
        rows = len(sample.rows), sample.is_recomputed
        if rows not in compared:
            compared[rows] = _compared(spec, sample, fitted)
        numbers = compared[rows]
        if numbers is not None:
            row = identity(spec) | {"estimator": spec.estimator, "outcome": spec.outcome, "kind": "term"}
            row |= {"is_observed_only": observed_only, "is_simulated": data.is_simulated} | numbers
            found.append({name: row.get(name) for name in SAME_SAMPLE.names})
    return found


def _compared(spec: Specification, sample: EstimationSample, fitted: Fitted) -> dict[str, Any] | None:
    """Numbers on the rows that the estimator uses of a sample; None where it gets none."""
    options: dict[str, Any] = {name: value for name, value in spec.options if name in CHOOSES_ROWS}
    is_status = sample.rows[spec.treatment].dtype == bool
    try:
        used = used_sample(
            sample.rows, estimator=spec.estimator, outcome=spec.outcome, unit=sample.unit,
            controls=spec.controls, cluster=spec.cluster, treatment=spec.treatment if is_status else None,
            **options,
        )  # fmt: skip
    except ValueError:
        return None
    status = vars(sample.status(rows_of(used, "twfe", sample.rows[sample.unit], sample.rows["year"])))
    try:
        # Two columns with the same numbers in the same places have the same coefficient.
        content = hash_pandas_object(used.data, index=False).to_numpy().tobytes()
        key = digest(content.hex(), list(used.dropped), used.n_offered)
        if key not in fitted:
            fitted[key] = two_way_on(used)
        return fitted[key] | status
    except ValueError as error:
        counts = {"n_obs": len(used.data), "n_units": used.n_units, "n_obs_offered": used.n_offered}
        return counts | status | {"note": refused(spec, error)}


def two_way_on(sample: Sample) -> dict[str, Any]:
    """Two-way effects of unit and year on a sample's rows: coefficient, clustered error, p and interval with
    t(G* - 1) as `cbec.estimators.regression.Term`, counts, and in note what was offered and is not used.

    Raises ValueError when the treatment does not vary beyond effects and controls.
    """
    scaled, factor = sample.scaled()
    data = scaled.data
    treated = data["cohort"].gt(0) & data["time"].ge(data["cohort"])
    panel = prepare_panel(
        data.assign(treated=treated.astype(float)), outcome="y", treatment="treated", unit="unit",
        time="time", controls=scaled.control_columns, fixed_effects=("unit", "time"), cluster="cluster",
    )  # fmt: skip
    fit, n_effective = fit_treatment(panel), of_two_way(scaled)
    half = float(stats.t.ppf(0.975, n_effective - 1)) * fit.se
    out = [f"{n} rows: {reason}" for reason, n in sample.dropped]
    if fit.n_singletons:
        out.append(f"{fit.n_singletons} rows: alone in a fixed effect")
    return {
        "estimate_twfe": fit.estimate * factor,
        "std_error": fit.se * factor,
        "p_value": float(2 * stats.t.sf(abs(fit.t_value), n_effective - 1)),
        "ci_low": (fit.estimate - half) * factor,
        "ci_high": (fit.estimate + half) * factor,
        "n_effective_clusters": n_effective,
        "n_clusters": fit.n_clusters,
        "n_obs": fit.n_obs,
        "n_units": fit.n_units,
        "n_treated_units": int(data.loc[treated, "unit"].nunique()),
        "n_obs_offered": sample.n_offered,
        "note": "; ".join(out) or None,
    }
