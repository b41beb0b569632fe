"""Each staggered estimator as a function from a sample to averages, through pyfixest or diff-diff.

`cbec.estimators.staggered.fit` is the entry; nothing here checks a frame or computes an interval. Own code
stands where no locked library has the number or its number misses the reference: averages by calendar
time; ATT(g,t) with controls, the errors of de Chaisemartin and D'Haultfoeuille and synthetic difference in
differences by cohort, in modules of their own. docs/METHODS.md names each reference.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from cbec.estimators.staggered.aggregation import (
    Cell,
    Estimates,
    Options,
    cells_after,
    cluster_column,
    column_names,
    diff_diff_version,
    of_aggregates,
    require_unit_clusters,
)
from cbec.estimators.staggered.sample import Sample
from cbec.estimators.staggered.two_way import leads_before

CONTROL_GROUPS = ("not_yet_treated", "never_treated")
METHODS = ("reg", "ipw", "dr")
BASE_PERIODS = ("universal", "varying")
WEIGHTS = ("equal", "regression")
#: What imputation measures its leads against: the last untreated event year, or all years before the window.
LEADS = ("base", "window")


def _imputed(
    sample: Sample, options: Options, build: Callable[..., Any], formula: str, base: str
) -> Estimates:
    """Estimators with a first stage on untreated rows, which treated rows of other years do not touch.

    Hence the effect of one calendar year is the overall effect without treated rows of other years.
    """
    data = sample.data
    covariates = sample.control_columns or None

    def fit(rows: pd.DataFrame, pretrends: bool) -> Any:
        model = build(
            anticipation=options.anticipation,
            cluster=cluster_column(sample),
            rank_deficient_action="silent",
            pretrends=pretrends,
        )
        return model.fit(rows, covariates=covariates, **column_names(sample))

    untreated = data["cohort"].eq(0) | data["time"].lt(data["cohort"] - options.anticipation)

    def calendar(year: int) -> tuple[float, float]:
        alone = fit(data[untreated | (data["time"].eq(year) & data["time"].ge(data["cohort"]))], False)
        return float(alone.overall_att), float(alone.overall_se)

    full = fit(data, True)
    # The library counts anticipated effects into its averages; without their rows it cannot.
    proper = fit(data[untreated | data["time"].ge(data["cohort"])], False) if options.anticipation else full
    return of_aggregates(
        sample,
        options,
        proper,
        by_event=full.aggregate("event_study"),
        calendar=calendar,
        notes=(),
        formula=formula,
        engine=diff_diff_version(),
        base_period=base,
    )


def imputation(sample: Sample, options: Options) -> Estimates:
    from diff_diff import ImputationDiD

    after = "all untreated years"
    formula = "{y} imputed from untreated rows{controls} | {unit} + {time}"
    if options.leads == "base":
        base = f"before treatment: event year {-1 - options.anticipation}; after: {after}"
        return _imputed(sample, options, ImputationDiD, formula, base)
    base = f"before treatment: all years before event year {options.first_event}; after: {after}"
    found = _imputed(sample, options, ImputationDiD, formula, base)
    later = [row for row in found.events if row[0] >= -options.anticipation]
    return replace(found, events=[*leads_before(sample, options), *later])


def two_stage(sample: Sample, options: Options) -> Estimates:
    from diff_diff import TwoStageDiD

    formula = "{y} less untreated rows' fit{controls} | {unit} + {time}, on treatment dummies"
    return _imputed(sample, options, TwoStageDiD, formula, "all untreated years")


def stacked_did(sample: Sample, options: Options) -> Estimates:
    """Windows that every cohort can fill, so that no event year changes its cohorts."""
    from diff_diff import StackedDiD

    if sample.controls:
        raise ValueError("stacked takes no controls")
    require_unit_clusters(sample, "stacked")
    cohorts, years = sorted(sample.cohort_sizes), sample.years
    after = min(options.last_event, years[-1] - cohorts[-1])
    before = min(-options.first_event, cohorts[0] - years[0] - options.anticipation)
    result = StackedDiD(
        kappa_pre=before,
        kappa_post=after,
        anticipation=options.anticipation,
        control_group=options.control_group,
    ).fit(sample.data, **column_names(sample))
    inside = [(g, t) for g, t in sample.treated_cells if -before <= t - g <= after]
    post = [c for c in inside if c[1] >= c[0]]
    table = result.aggregate("event_study")
    rows = [
        (int(e), float(b), float(s), len(cohorts), i)
        for i, (e, b, s) in enumerate(zip(table.event_time, table.att, table.se, strict=True))
        if math.isfinite(s) and s > 0
    ]
    index = [list(table.vcov_index).index(table.event_time[row[4]]) for row in rows]
    vcov = np.asarray(table.vcov, dtype=float)[np.ix_(index, index)]
    # The library's own mean would count anticipated effects.
    weights = np.array([float(e >= 0) for e, *_ in rows])
    weights /= weights.sum()
    overall = float(weights @ np.array([b for _, b, *_ in rows]))
    lost = (
        [f"cohort(s) {', '.join(map(str, result.trimmed_groups))} trimmed"] if result.trimmed_groups else []
    )
    return Estimates(
        effects=[
            ("overall", None, overall, math.sqrt(weights @ vcov @ weights), post),
            *(
                ("dynamic", e, b, s, [c for c in post if c[1] - c[0] == e])
                for e, b, s, _, _ in rows
                if e >= 0
            ),
        ],
        events=[row[:4] for row in rows],
        formula="{y} ~ event-year dummies | stacked by cohort, corrective weights, controls "
        + ("not yet treated" if options.control_group == "not_yet_treated" else "never treated"),
        engine=diff_diff_version(),
        base_period=f"event year {-1 - options.anticipation}",
        vcov=vcov,
        notes=(
            f"windows from {-before} to {after}, which every cohort fills; "
            "overall: plain mean of the event years after treatment",
            *lost,
        ),
    )


def lp_did(sample: Sample, options: Options) -> Estimates:
    from diff_diff import LPDiD

    data = sample.data
    cohorts, years = sorted(sample.cohort_sizes), sample.years
    longest = min(options.last_event, years[-1] - cohorts[0])
    earliest = min(-options.first_event, cohorts[-1] - years[0])
    pooled = min(longest, years[-1] - cohorts[-1])
    status = (data["cohort"].gt(0) & data["time"].ge(data["cohort"])).astype(int)
    result = LPDiD(
        pre_window=max(earliest, 2),
        post_window=longest,
        control_group="clean" if options.control_group == "not_yet_treated" else "never_treated",
        cluster=cluster_column(sample),
        rank_deficient_action="silent",
        reweight=options.weights == "equal",
    ).fit(
        data.assign(d=status),
        outcome="y",
        unit="unit",
        time="time",
        treatment="d",
        covariates=sample.control_columns or None,
        post_pooled=(0, pooled),
    )
    cells = sample.treated_cells
    post = [(g, t) for g, t in cells if 0 <= t - g <= pooled]
    whole = result.pooled.set_index("window").loc["post"]
    rows = [
        (int(r.horizon), float(r.coefficient), float(r.se), sum(t - g == r.horizon for g, t in cells))
        for r in result.event_study.itertuples()
        if math.isfinite(r.se) and r.se > 0
    ]
    return Estimates(
        effects=[
            ("overall", None, float(whole["coefficient"]), float(whole["se"]), post),
            *(("dynamic", e, b, s, [c for c in cells if c[1] - c[0] == e]) for e, b, s, _ in rows if e >= 0),
        ],
        events=rows,
        formula="{y}(t+h) - {y}(t-1) ~ treated at t{controls} | {time}, controls "
        + ("not yet treated" if options.control_group == "not_yet_treated" else "never treated"),
        engine=diff_diff_version(),
        base_period="event year -1",
        notes=(
            "each treated unit counts once" if options.weights == "equal" else "weighted by the regression",
            f"overall: mean of event years 0 to {pooled}, which every cohort has",
        ),
    )


def extended_twfe(sample: Sample, options: Options) -> Estimates:
    from diff_diff import WooldridgeDiD

    if sample.controls and options.gaps == "keep":
        raise ValueError("extended_twfe with controls needs a balanced panel; use gaps='drop'")
    # Each control gets a slope of its own in each cohort.
    small = [g for g, n in sample.cohort_sizes.items() if n <= len(sample.controls) and sample.controls]
    if small:
        raise ValueError(
            f"cohort(s) of {', '.join(map(str, small))} have too few units for a slope of every control; "
            "use fewer controls or another estimator"
        )
    result = WooldridgeDiD(
        control_group=options.control_group,
        anticipation=options.anticipation,
        cluster=cluster_column(sample),
        rank_deficient_action="silent",
        unsupported_period_action="error",
    ).fit(sample.data, xtvar=sample.control_columns or None, **column_names(sample))
    for kind in ("group", "calendar", "event_study"):
        result.aggregate(kind)
    cells, post = sample.treated_cells, cells_after(sample)
    tables: list[tuple[str, Any, int]] = [
        ("dynamic", result.event_study_effects, -1),
        ("group", result.group_effects, 0),
        ("calendar", result.calendar_effects, 1),
    ]
    effects: list[tuple[str, int | None, float, float, Sequence[Cell]]] = [
        ("overall", None, float(result.overall_att), float(result.overall_se), post)
    ]
    events = []
    for name, table, side in tables:
        for key, row in sorted(table.items()):
            at = [c for c in cells if (c[1] - c[0] if side < 0 else c[side]) == key]
            if name == "dynamic" and options.first_event <= key <= options.last_event and row["se"] > 0:
                events.append((int(key), float(row["att"]), float(row["se"]), len(at)))
            if name != "dynamic" or key >= 0:
                at = [c for c in at if c in post]
                effects.append((name, int(key), float(row["att"]), float(row["se"]), at))
    return Estimates(
        effects=effects,
        events=events,
        formula="{y} ~ sum of cohort x year dummies after treatment{controls} | {unit} + {time}",
        engine=diff_diff_version(),
        base_period="all untreated years"
        if options.control_group == "not_yet_treated"
        else f"event year {-1 - options.anticipation}",
    )
