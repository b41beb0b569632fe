"""Run every specification that the loaded data allow, twice: on all cells and on observed cells only."""

from __future__ import annotations

import contextlib
import gc
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cbec.common.workers import worker_pool
from cbec.estimators.limited import fit_tobit
from cbec.estimators.panel import factor_codes, rows_in_pairs
from cbec.estimators.regression import (
    MEAN_GROUP,
    Fit,
    Term,
    fit_least_squares,
    fit_random_effects,
    fit_unit_slopes,
    has_slope,
)
from cbec.estimators.specification import Specification
from cbec.estimators.staggered.engines import ABSORBS_EFFECTS
from cbec.estimators.staggered.fit import EventTime, StaggeredFit, fit_staggered, rows_of, used_sample
from cbec.studies.memory import Memory, Rows, digest
from cbec.studies.sample import AwaitingDataError, EmptiedError, EstimationSample, StudyData, assemble
from cbec.studies.second_stage import BOOTSTRAP, fit_second_stage

Progress = Callable[[str, int, int], None]
# So many specifications are fitted before two processes have started.
FEW = 12

# One row for each thing that a fit says. kind: term (a coefficient), effect (an average of effects on the
# treated), event (an effect by event year against the base period), none (the specification was not fitted).
FIT_SCHEMA = pa.schema(
    [
        ("study_id", pa.string()),
        ("table_no", pa.string()),
        ("column_no", pa.int32()),
        ("is_observed_only", pa.bool_()),
        ("status", pa.string()),
        ("reason", pa.string()),
        ("kind", pa.string()),
        ("term", pa.string()),
        ("aggregation", pa.string()),
        ("group_value", pa.int32()),
        ("estimate", pa.float64()),
        ("std_error", pa.float64()),
        ("t_value", pa.float64()),
        ("p_value", pa.float64()),
        ("ci_low", pa.float64()),
        ("ci_high", pa.float64()),
        ("stars", pa.string()),
        ("n_obs", pa.int64()),
        ("n_units", pa.int64()),
        ("n_clusters", pa.int64()),
        ("n_effective_clusters", pa.float64()),
        ("n_cohorts", pa.int64()),
        ("band_low", pa.float64()),
        ("band_high", pa.float64()),
        ("band_note", pa.string()),
        ("n_dropped", pa.int64()),
        ("drop_reason", pa.string()),
        ("r2", pa.float64()),
        ("r2_within", pa.float64()),
        ("fixed_effects", pa.string()),
        ("controls", pa.string()),
        ("vcov", pa.string()),
        ("treatment_rule", pa.string()),
        ("options", pa.string()),
        ("base_period", pa.string()),
        ("formula", pa.string()),
        ("imputed_share", pa.float64()),
        ("imputed_row_share", pa.float64()),
        ("flagged_share", pa.float64()),
        ("flagged_row_share", pa.float64()),
        ("cell_status", pa.string()),
        ("engine", pa.string()),
        ("estimator", pa.string()),
        ("outcome", pa.string()),
        ("sample", pa.string()),
        ("subgroup", pa.string()),
        ("winsor", pa.string()),
        ("mediator", pa.string()),
        ("worst_status", pa.string()),
        ("note", pa.string()),
        ("is_simulated", pa.bool_()),
    ]
)


@dataclass(frozen=True)
class Result:
    """One specification on one sample; fit is None when it was not estimated, for the reason given."""

    specification: Specification
    is_observed_only: bool
    sample: EstimationSample | None
    fit: Fit | StaggeredFit | None
    status: str
    reason: str | None = None


def fit_table(
    data: StudyData,
    progress: Progress | None = None,
    workers: int = 1,
    kept: Memory | None = None,
    alone: contextlib.AbstractContextManager[Any] | None = None,
) -> pa.Table:
    """Everything the specifications estimate, in the columns of estimates.fit.

    workers: processes; the result does not depend on it. See `cbec.common.workers`. kept:
    what was estimated before from the same inputs by the same code, and is not estimated again. alone: held
    while this process computes by itself, where others of its threads do.

    A specification whose data are not loaded has status `awaiting data` with the columns that lack a value;
    one that its estimator refuses has status `refused` with the reason; neither stops the others.
    """
    specifications = data.specifications()
    kept = kept if kept is not None else Memory()
    alone = alone or contextlib.nullcontext()
    with alone:
        keys = [digest(data.is_simulated, data.digest(spec)) for spec in specifications]
    new = [spec for spec, key in zip(specifications, keys, strict=True) if key not in kept.previous]
    if workers == 1 or len(new) <= FEW:
        results: Iterator[Rows] = (_both(data, spec) for spec in new)
        with alone:
            return _collected(results, specifications, keys, progress, kept)
    # The tables without what this process derives from them, which another thread may be adding to.
    with worker_pool(workers, _start_worker, (replace(data),)) as pool:
        return _collected(pool.map(_work, new), specifications, keys, progress, kept)


def _both(data: StudyData, spec: Specification) -> Rows:
    """Rows on all cells and on observed cells only."""
    whole = run(data, spec)
    observed = run(data, spec, observed_only=True, known=whole)
    return [row for result in (whole, observed) for row in rows_of_result(result, data.is_simulated)]


def _collected(
    results: Iterator[Rows],
    specifications: list[Specification],
    keys: list[str],
    progress: Progress | None,
    kept: Memory,
) -> pa.Table:
    """Rows of every specification in its place; results: of those that are not known, in their order."""
    rows: Rows = []
    for done, (spec, key) in enumerate(zip(specifications, keys, strict=True)):
        if progress:
            progress(spec.label, done, len(specifications))
        rows += kept.rows(key, lambda: next(results))
    return pa.Table.from_pylist(rows, schema=FIT_SCHEMA)


_DATA: list[StudyData] = []


def _start_worker(data: StudyData) -> None:
    _DATA.append(data)


def _work(spec: Specification) -> Rows:
    return _both(_DATA[0], spec)


def run(
    data: StudyData, spec: Specification, *, observed_only: bool = False, known: Result | None = None
) -> Result:
    """Estimate one specification. Raises ValueError for an unknown sample, rule or column only.

    known: a result of the same specification; where the sample has the same rows with the same values, its
    fit is this one's.
    """
    try:
        sample = assemble(data, spec, observed_only=observed_only)
    except AwaitingDataError as error:
        return Result(spec, observed_only, None, None, "awaiting data", reason_of(spec, error))
    except EmptiedError as error:
        return Result(spec, observed_only, None, None, "refused", reason_of(spec, error))
    is_same = known and known.sample and len(known.sample.rows) == len(sample.rows)
    if known and is_same and not sample.is_recomputed:
        return replace(known, is_observed_only=observed_only, sample=sample)
    with gc_frozen():
        try:
            fit = estimate(spec, sample)
        except ValueError as error:
            return Result(spec, observed_only, sample, None, "refused", reason_of(spec, error))
    return Result(spec, observed_only, sample, fit, "estimated")


def reason_of(spec: Specification, error: ValueError) -> str:
    """What an error says, without the name of the column, which a row of a table has already."""
    return str(error).removeprefix(f"{spec.label}: ")


def estimate(spec: Specification, sample: EstimationSample) -> Fit | StaggeredFit:
    """Fit a specification on its sample. Raises ValueError when the estimator refuses."""
    if spec.is_staggered:
        return fit_staggered(
            sample.rows,
            estimator=spec.estimator,
            outcome=spec.outcome,
            unit=sample.unit,
            controls=spec.controls,
            cluster=spec.cluster,
            treatment=spec.treatment if sample.rows[spec.treatment].dtype == bool else None,
            **dict(spec.options),  # type: ignore[arg-type]
        )
    if spec.estimator == "random_effects":
        return fit_random_effects(sample.rows, spec, unit=sample.unit)
    if spec.estimator == "unit_slopes":
        return fit_unit_slopes(sample.rows, spec, unit=sample.unit)
    if spec.estimator == "tobit":
        return fit_tobit(sample.rows, spec, unit=sample.unit)
    if spec.estimator == "simar_wilson":
        return fit_second_stage(sample.rows, spec, unit=sample.unit)
    return fit_least_squares(sample.rows, spec, unit=sample.unit)


def entered(spec: Specification, sample: EstimationSample) -> NDArray[np.bool_]:
    """Which rows of a sample an estimator uses, shape (n,), without a fit; raises as `estimate` does."""
    rows = sample.rows
    if spec.is_staggered:
        options = dict(spec.options)
        used = used_sample(
            rows,
            estimator=spec.estimator,
            outcome=spec.outcome,
            unit=sample.unit,
            controls=spec.controls,
            cluster=spec.cluster,
            anticipation=int(options.get("anticipation", 0)),
            gaps=str(options.get("gaps", "drop")),
        )
        return rows_of(used, spec.estimator, rows[sample.unit], rows["year"])
    if spec.estimator == "unit_slopes":
        return has_slope(rows, spec.treatment, sample.unit)
    groups = [rows.groupby(effect.split("^"), sort=False).ngroup() for effect in spec.fixed_effects]
    return rows_in_pairs([factor_codes(group.to_numpy()) for group in groups], len(rows))


#: What a row says whose p value has no star because of its kind of error.
NO_STAR = "errors not clustered: no star"


def has_stars(vcov: str) -> bool:
    """Whether p values by this kind of error may be starred.

    Clustered errors allow for a unit's years to be alike, and a mean of slopes takes one draw a unit. Errors
    under homoskedasticity and HC1 reject up to one of four true nulls of a panel (docs/METHODS.md). Conley
    errors have normal p values that no count of effective clusters tempers, and no simulation of their size.
    """
    return vcov == MEAN_GROUP or vcov.startswith("CRV1:")


def stars(p_value: float | None, vcov: str) -> str:
    """Three, two or one star for p below 1, 5 and 10 per cent, none by errors that are not clustered; the one
    convention of the project."""
    if p_value is None or math.isnan(p_value) or not has_stars(vcov):
        return ""
    return "***" if p_value < 0.01 else "**" if p_value < 0.05 else "*" if p_value < 0.1 else ""


def identity(spec: Specification) -> dict[str, Any]:
    """The columns that say which specification a row belongs to."""
    return {"study_id": spec.study_id, "table_no": spec.table_no, "column_no": spec.column_no}


@contextlib.contextmanager
def gc_frozen() -> Iterator[None]:
    """Spare the collector the rest of the process: pyfixest collects garbage after each fit.

    Inside dbt's process that costs half a second a fit, ten times the fit itself.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _known(value: float) -> float | None:
    """An error that cannot be learnt is null in a table, not a number."""
    return None if math.isnan(value) else value


def _without_band(fit: StaggeredFit, event: EventTime) -> str | None:
    """Why an event year has no simultaneous band; None where it has one."""
    if math.isfinite(event.band_low):
        return None
    if fit.event_vcov is None:
        return "no joint covariance: this estimator does not measure its event years from one base"
    return "one cluster alone identifies it: no error"


def _fixed_effects(spec: Specification, sample: EstimationSample | None) -> str | None:
    """Effects that are absorbed: those of the equation, or of an estimator that has its own."""
    if not spec.is_staggered or sample is None:
        return " + ".join(spec.fixed_effects) or None
    return f"{sample.unit} + year" if spec.estimator in ABSORBS_EFFECTS else None


def _starred(row: dict[str, Any], spec: Specification, term: Term) -> dict[str, Any]:
    """Kind of error, stars and note of a term."""
    is_mean = spec.estimator == "unit_slopes" and term.term == spec.treatment
    vcov = MEAN_GROUP if is_mean else BOOTSTRAP if spec.estimator == "simar_wilson" else spec.vcov
    why_none = None if has_stars(vcov) else NO_STAR
    return {
        "vcov": vcov,
        "stars": stars(term.p_value, vcov),
        "note": "; ".join(filter(None, [row["note"], why_none])) or None,
    }


def rows_of_result(result: Result, is_simulated: bool) -> list[dict[str, Any]]:
    """What a result says, in rows of FIT_SCHEMA; errors that rest on few clusters are not withheld here."""
    spec, sample, fit = result.specification, result.sample, result.fit
    group, winsor = spec.subgroup, spec.winsor
    row: dict[str, Any] = {
        **identity(spec),
        "is_observed_only": result.is_observed_only,
        "status": result.status,
        "reason": result.reason,
        "kind": "none",
        "fixed_effects": _fixed_effects(spec, sample),
        "controls": " + ".join(spec.controls) or None,
        "vcov": spec.vcov,
        "treatment_rule": spec.treatment_rule,
        "options": "; ".join(f"{name} {value}" for name, value in spec.options) or None,
        "estimator": spec.estimator,
        "outcome": spec.outcome,
        "sample": spec.sample,
        "subgroup": f"{group.column}{group.relation}{group.value}" if group else None,
        "winsor": f"{winsor.lower:g}:{winsor.upper:g} {winsor.rule}" if winsor else None,
        "mediator": spec.mediator,
        "note": spec.note,
        "is_simulated": is_simulated,
    }
    if sample is None or fit is None:
        return [row | (vars(sample.status()) if sample else {})]
    row |= vars(sample.status(fit.used))
    reasons = list(sample.reasons)
    if isinstance(fit, Fit):
        if fit.n_singletons:
            reasons.append(f"{fit.n_singletons} rows: alone in a fixed effect")
        n_short = len(sample.rows) - fit.n_obs - fit.n_singletons
        if n_short:
            reasons.append(f"{n_short} rows: of units without a slope")
        if fit.dropped_terms:
            reasons.append(f"collinear or without variation: {', '.join(fit.dropped_terms)}")
        row |= {"r2": fit.r2, "r2_within": fit.r2_within, "n_units": fit.n_units}
    else:
        if fit.n_dropped:
            reasons.append(fit.drop_reason)
        row |= {"n_units": fit.n_units, "base_period": fit.base_period}
    row |= {
        "n_obs": fit.n_obs,
        "n_clusters": fit.n_clusters,
        "n_dropped": sample.n_offered - fit.n_obs,
        "drop_reason": "; ".join(reasons) or "none",
        "formula": fit.formula,
        "engine": fit.engine,
        "note": "; ".join(filter(None, [spec.note, sample.note, fit.note])) or None,
    }
    if isinstance(fit, Fit):
        return [row | vars(term) | {"kind": "term"} | _starred(row, spec, term) for term in fit.terms]
    effects = [
        row
        | {
            "kind": "effect",
            "term": spec.treatment,
            "aggregation": effect.aggregation,
            "group_value": effect.group,
            "estimate": effect.estimate,
            "std_error": _known(effect.std_error),
            "t_value": _known(effect.estimate / effect.std_error),
            "p_value": _known(effect.p_value),
            "ci_low": _known(effect.ci_low),
            "ci_high": _known(effect.ci_high),
            "stars": stars(effect.p_value, spec.vcov),
            "n_units": effect.n_units,
            "n_effective_clusters": _known(effect.n_effective_clusters),
        }
        for effect in fit.effects
    ]
    events = [
        row
        | {
            "kind": "event",
            "term": spec.treatment,
            "group_value": event.event_year,
            "estimate": event.estimate,
            "std_error": _known(event.std_error),
            "ci_low": _known(event.ci_low),
            "ci_high": _known(event.ci_high),
            "n_cohorts": event.n_cohorts,
            "band_low": _known(event.band_low),
            "band_high": _known(event.band_high),
            "band_note": _without_band(fit, event),
            "n_effective_clusters": _known(event.n_effective_clusters),
        }
        for event in fit.events
    ]
    return [*effects, *events]
