"""Estimators for staggered adoption through diff-diff."""

from __future__ import annotations

import math
import warnings
from collections import Counter
from dataclasses import dataclass
from importlib.metadata import version

import pandas as pd
from scipy import stats

from cbec.estimators.regression import Fit, Term
from cbec.estimators.specification import Specification


@dataclass(frozen=True)
class EventTime:
    """Average effect at one distance from treatment; n_cohorts cohorts have that distance."""

    event_year: int
    estimate: float
    std_error: float
    ci_low: float
    ci_high: float
    n_cohorts: int


def fit_callaway_santanna(
    frame: pd.DataFrame, specification: Specification, *, unit: str, time: str = "year"
) -> tuple[Fit, tuple[EventTime, ...]]:
    """Estimate ATT(g,t) against not-yet-treated units and average them (Callaway, Sant'Anna 2021).

    frame has one row per unit and year, complete in the outcome, with first_treated_year (NULL for
    never treated). Units whose first treated year lies after the window are controls throughout;
    units treated from the first year on have no period before and are dropped. The balanced
    variant drops units with a gap, as R did does by default; the unbalanced one keeps them and
    compares repeated cross-sections. The overall effect weighs every identified ATT(g,t), t >= g,
    by cohort size (their "simple" aggregation). Standard errors come from the influence function,
    clustered by unit; p values and intervals use t(G - 1), G the units, as elsewhere in the project
    (R did uses the normal).

    Raises ValueError when controls are asked for (not supported), when no unit is treated inside
    the window, or when no ATT(g,t) has a control.
    """
    from diff_diff import CallawaySantAnna

    if specification.controls:
        raise ValueError(f"{specification.label}: covariates are not supported by this adapter")
    balanced = specification.estimator == "callaway_santanna"
    first, last = int(frame[time].min()), int(frame[time].max())
    data = frame[[unit, time, specification.outcome]].copy()
    cohort = frame["first_treated_year"].astype(float)
    # diff-diff's own code for never treated is 0.
    data["cohort"] = cohort.where(cohort.le(last), 0).fillna(0).astype(int)
    always = data["cohort"].between(1, first)
    n_always = int(data.loc[always, unit].nunique())
    data = data[~always]
    years = data.groupby(unit)[time].transform("size")
    gap = years < frame[time].nunique()
    n_gap = int(data.loc[gap, unit].nunique())
    if balanced:
        data = data[~gap]
    cohorts = sorted(set(data["cohort"]) - {0})
    if not cohorts:
        raise ValueError(f"{specification.label}: no unit is treated between {first} and {last}")
    if len(cohorts) == 1 and not data["cohort"].eq(0).any():
        raise ValueError(
            f"{specification.label}: every unit is treated from {cohorts[0]} on; no unit is a control"
        )
    with warnings.catch_warnings():
        # Cells without controls are counted in the note instead.
        warnings.simplefilter("ignore")
        result = CallawaySantAnna(
            control_group="not_yet_treated",
            estimation_method="reg",
            allow_unbalanced_panel=not balanced,
        ).fit(
            data.sort_values([unit, time]),
            outcome=specification.outcome,
            unit=unit,
            time=time,
            first_treat="cohort",
        )
        by_event = result.aggregate("event_study")
    cells = {k: v for k, v in result.group_time_effects.items() if k[1] >= k[0]}
    identified = {k: v for k, v in cells.items() if math.isfinite(v["effect"])}
    if not identified or not math.isfinite(result.overall_att):
        raise ValueError(f"{specification.label}: no ATT(g,t) has a not-yet-treated control")
    controls = [int(v["n_control"]) for v in identified.values()]
    notes = [
        f"{len(identified)} of {len(cells)} ATT(g,t) after treatment have controls",
        f"fewest controls of one: {min(controls)}",
    ]
    if n_always:
        notes.append(f"{n_always} unit(s) treated from the first year on dropped")
    if n_gap:
        notes.append(f"{n_gap} unit(s) with a gap {'dropped' if balanced else 'kept'}")
    n_units = int(data[unit].nunique())
    estimate, std_error = float(result.overall_att), float(result.overall_se)
    low, high = _interval(estimate, std_error, n_units)
    fit = Fit(
        terms=(
            Term(
                term=specification.treatment,
                estimate=estimate,
                std_error=std_error,
                t_value=estimate / std_error,
                p_value=float(2 * stats.t.sf(abs(estimate / std_error), n_units - 1)),
                ci_low=low,
                ci_high=high,
            ),
        ),
        n_obs=len(data),
        n_clusters=n_units,
        n_singletons=0,
        r2=None,
        r2_within=None,
        formula=(
            f"ATT(g,t) of {specification.outcome}, controls not yet treated, "
            f"{'balanced' if balanced else 'unbalanced'} panel, simple aggregation"
        ),
        engine=f"diff-diff {version('diff-diff')}",
        note="; ".join(notes),
    )
    cohorts_at = Counter(
        t - g for (g, t), cell in result.group_time_effects.items() if math.isfinite(cell["effect"])
    )
    events = tuple(
        EventTime(
            event_year=int(event),
            estimate=float(effect),
            std_error=float(error),
            ci_low=_interval(effect, error, n_units)[0],
            ci_high=_interval(effect, error, n_units)[1],
            n_cohorts=cohorts_at[int(event)],
        )
        for event, effect, error in zip(by_event.event_time, by_event.att, by_event.se, strict=True)
        if math.isfinite(effect) and math.isfinite(error)
    )
    return fit, events


def _interval(estimate: float, std_error: float, n_units: int) -> tuple[float, float]:
    """95 % interval with t(G - 1)."""
    half = float(stats.t.ppf(0.975, n_units - 1) * std_error)
    return float(estimate) - half, float(estimate) + half
