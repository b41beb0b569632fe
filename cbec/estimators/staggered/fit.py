"""Estimators for staggered adoption: one sample, one result shape, the libraries' own numbers.

`fit_staggered` runs any estimator of `engines.ESTIMATORS` on the sample of `prepare_sample`
and adds inference.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from cbec.estimators.simultaneous import simultaneous_bands
from cbec.estimators.staggered.aggregation import AGGREGATIONS, Estimates, FloatArray, Options
from cbec.estimators.staggered.engines import ESTIMATORS
from cbec.estimators.staggered.libraries import BASE_PERIODS, CONTROL_GROUPS, LEADS, METHODS, WEIGHTS
from cbec.estimators.staggered.sample import Sample, prepare_sample
from cbec.estimators.staggered.support import Support, of_two_way
from cbec.estimators.staggered.synthetic import unused_cohorts
from cbec.estimators.staggered.two_way import not_alone


@dataclass(frozen=True)
class EventTime:
    """Average effect at one distance from treatment; n_cohorts cohorts have that distance.

    std_error and interval are NaN where no error can be learnt; see `Effect`. band_low and band_high hold all
    event years of the fit at once (`simultaneous_bands`), NaN without a joint covariance of them.
    """

    event_year: int
    estimate: float
    std_error: float
    ci_low: float
    ci_high: float
    n_cohorts: int
    n_effective_clusters: float = math.nan
    band_low: float = math.nan
    band_high: float = math.nan


@dataclass(frozen=True)
class Effect:
    """An average of effects on the treated.

    aggregation is "overall" (each treated unit-year counts once), "dynamic" (by event year), "group"
    (by cohort) or "calendar" (by year); group is that event year, cohort or year, or None for the
    whole: then "dynamic" and "calendar" are plain means over their parts and "group" the mean weighted
    by cohort size (Callaway and Sant'Anna 2021). n_units counts treated units, n_cells the
    cohort-years averaged.

    std_error, p_value and interval are NaN where every contributing cohort lies in one cluster, most often
    one unit: its effect is fitted to it, so that no residual is left to learn an error from, and the
    clustered formula returns the controls' share alone (Conley and Taber 2011; MacKinnon and Webb 2018).
    Such a cohort stands by itself and is in no average of others, because a part without an error would
    leave the error of the whole unknown.
    """

    aggregation: str
    group: int | None
    estimate: float
    std_error: float
    p_value: float
    ci_low: float
    ci_high: float
    n_units: int
    n_cells: int
    n_effective_clusters: float


@dataclass(frozen=True)
class StaggeredFit:
    """What one estimator says about one sample.

    p values and intervals use t(G* - 1), G* the effective number of clusters (`support.Support`). events
    leaves the base period out; event_vcov is the covariance of events in their order, shape (len(events),
    len(events)); None where they are not measured from one base period by one estimator, so that no joint
    test or sensitivity analysis of them means anything: imputation and two_stage (leads are residuals of
    years that the first stage fits), lp_did and de_chaisemartin_dhaultfoeuille (one regression each),
    extended_twfe without leads, synthetic_did (a weighted base), callaway_santanna with a varying base.
    used says of each row that was given whether it entered, shape (n,).
    """

    estimator: str
    effects: tuple[Effect, ...]
    events: tuple[EventTime, ...]
    n_obs: int
    n_units: int
    n_clusters: int
    n_dropped: int
    drop_reason: str
    base_period: str
    formula: str
    engine: str
    note: str | None
    used: NDArray[np.bool_] = field(compare=False, repr=False)
    event_vcov: FloatArray | None = field(default=None, compare=False, repr=False)

    @property
    def overall(self) -> Effect:
        return next(effect for effect in self.effects if effect.aggregation == "overall")


#: What estimators and their libraries raise where they cannot estimate; some divide by a variance of zero. A
#: TypeError is none of it: that is a fault of the code, and has to show.
CANNOT_ESTIMATE = (ValueError, NotImplementedError, np.linalg.LinAlgError, ArithmeticError)
#: An error below these shares of the estimate and of the outcome's spread is rounding.
ROUNDED_ESTIMATE, ROUNDED_OUTCOME = 1e-12, 1e-14
#: Two-way effects as papers run them: also on units treated throughout, and years in which all are treated.
NAIVE = ("twfe", "twfe_event_study")
#: Which estimators an option other than its default is for; elsewhere it is an error, never ignored.
SUPPORT = {
    "method": ("callaway_santanna",),
    "base_period": ("callaway_santanna",),
    "base": ("twfe_event_study", "sun_abraham"),
    "base_calendar_year": ("twfe_event_study",),
    "weights": ("lp_did",),
    "leads": ("imputation",),
    # Sun and Abraham's and the synthetic control group is the never treated anyway.
    "control_group": (
        "callaway_santanna",
        "stacked",
        "lp_did",
        "extended_twfe",
        "sun_abraham",
        "synthetic_did",
    ),
    "anticipation": (
        "twfe_event_study",
        "callaway_santanna",
        "sun_abraham",
        "imputation",
        "two_stage",
        "stacked",
        "extended_twfe",
    ),
}


def fit_staggered(
    frame: pd.DataFrame,
    *,
    estimator: str,
    outcome: str,
    unit: str,
    time: str = "year",
    cohort: str = "first_treated_year",
    controls: Sequence[str] = (),
    cluster: str | None = None,
    control_group: str = "not_yet_treated",
    method: str = "reg",
    anticipation: int = 0,
    first_event: int = -5,
    last_event: int = 7,
    base: int = -1,
    base_calendar_year: int | None = None,
    base_period: str = "universal",
    gaps: str = "drop",
    weights: str = "equal",
    leads: str = "base",
    treatment: str | None = None,
    aggregations: Sequence[str] = AGGREGATIONS,
) -> StaggeredFit:
    """Effects of a permanent treatment that units adopt at different times.

    frame has one row per unit and time; cohort holds the first treated time, missing for never
    treated. The sample rules, and what raises, are those of `prepare_sample`. cluster defaults to the
    unit, and units must lie inside clusters.

    estimator is a key of `engines.ESTIMATORS`; which options it has is in `SUPPORT`.
    control_group and method (outcome regression, inverse probability weighting, doubly robust) choose
    the comparison. first_event and last_event bound the event study; twfe_event_study bins what lies
    outside into its ends. base is the omitted event year; anticipation moves it further back.
    base_calendar_year makes twfe_event_study compare ever treated with never treated units year by year
    against that year: event_year is then a calendar year. base_period "varying" gives
    callaway_santanna's short differences before treatment. weights "regression" leaves lp_did as its
    regression weighs the cohorts; "equal" counts each treated unit once, the average effect on the treated.
    leads "base" measures imputation's leads against the last untreated event year, "window" those from
    first_event on against all untreated years before them, as R's didimputation with that window.
    aggregations leaves averages out that nobody requests ("calendar" costs imputation and two_stage one
    fit a year); "overall" is always there. An estimator gives those of its averages that it defines.

    Controls enter as the estimator's authors propose: linearly (two-way fixed effects, Sun and
    Abraham, local projections), in the model of the untreated outcome (imputation, two-stage), at the
    base period (Callaway and Sant'Anna), demeaned within cohort-years and interacted (extended TWFE),
    residualised (de Chaisemartin and D'Haultfoeuille) or removed with coefficients of untreated rows
    (synthetic). stacked takes none.

    Raises ValueError as `prepare_sample` does, for an unknown or unsupported choice (with those
    allowed), when an estimator cannot identify the overall effect, and where the fit is perfect: an
    error that is rounding is none.
    """
    if estimator not in ESTIMATORS:
        raise ValueError(f"estimator {estimator!r}; allowed: {', '.join(ESTIMATORS)}")
    _choice("control_group", control_group, CONTROL_GROUPS)
    _choice("method", method, METHODS)
    _choice("base_period", base_period, BASE_PERIODS)
    _choice("weights", weights, WEIGHTS)
    _choice("leads", leads, LEADS)
    for aggregation in aggregations:
        _choice("aggregations", aggregation, AGGREGATIONS)
    if not first_event <= base < 0 <= last_event:
        raise ValueError(
            f"events {first_event} to {last_event} with base {base}; allowed: first <= base < 0 <= last"
        )
    requested = {
        "method": method != "reg",
        "base_period": base_period != "universal",
        "base": base != -1,
        "base_calendar_year": base_calendar_year is not None,
        "weights": weights != "equal",
        "leads": leads != "base",
        "control_group": control_group != "not_yet_treated",
        "anticipation": anticipation != 0,
    }
    for option, estimators in SUPPORT.items():
        if requested[option] and estimator not in estimators:
            raise ValueError(f"{option} is no option of {estimator}; it is one of {', '.join(estimators)}")
    naive = estimator in NAIVE
    if control_group == "never_treated" and not naive and not _has_never_treated(frame, time, cohort):
        raise ValueError("no never-treated unit in the window; use control_group='not_yet_treated'")
    sample = sample_of(
        frame,
        estimator=estimator,
        outcome=outcome,
        unit=unit,
        time=time,
        cohort=cohort,
        controls=controls,
        cluster=cluster,
        treatment=treatment,
        anticipation=anticipation,
        gaps=gaps,
    )
    options = Options(
        control_group,
        method,
        anticipation,
        first_event,
        last_event,
        base,
        base_calendar_year,
        base_period,
        gaps,
        weights,
        ("overall", *(name for name in AGGREGATIONS[1:] if name in aggregations)),
        leads,
    )
    if sample.controls and estimator in SLOPES_OF_UNTREATED:
        sample = sample.without_idle_controls(anticipation)
    lone = sample.lone_cohorts
    whole, factor = sample.scaled()
    with warnings.catch_warnings():
        # What a library drops is counted or raised below.
        warnings.simplefilter("ignore")
        try:
            _require_known_effects(sample, naive=naive)
            found = _scaled(_found(estimator, whole, options), factor)
        except CANNOT_ESTIMATE as error:
            with_controls = f" with controls {', '.join(sample.controls)}" if sample.controls else ""
            kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
            raise ValueError(f"{estimator} of {outcome!r}{with_controls}: {kind}{error}") from error
    if found.unused[0]:
        sample = sample.without(*found.unused)
    n_clusters = sample.n_clusters
    sizes = sample.cohort_sizes

    def error_of(cells: Sequence[tuple[int, int]], std_error: float) -> float:
        """NaN where cohorts in one cluster alone contribute; two-way effects pool theirs."""
        members = {g for g, _ in cells}
        unknown = members <= set(lone) if not naive else _n_clusters(sample, members) == 1
        return math.nan if members and unknown else float(std_error)

    def is_rounding(estimate: float, error: float) -> bool:
        """Whether an error is what is left of none where the fit is perfect."""
        return error <= max(ROUNDED_ESTIMATE * abs(estimate), ROUNDED_OUTCOME * factor)

    support = Support(sample, anticipation=anticipation, never_only=_compares_with_never(estimator, options))

    def effective(aggregation: str, group: int | None, cells: Sequence[tuple[int, int]]) -> float:
        return of_two_way(sample) if estimator == "twfe" else support(aggregation, group, cells)

    def is_known(aggregation: str, estimate: float, error: float, cells: Sequence[tuple[int, int]]) -> bool:
        if math.isnan(error):
            return aggregation != "overall" and bool(cells)
        return error > 0 and not is_rounding(estimate, error)

    known = [
        (aggregation, group, float(estimate), error, cells)
        for aggregation, group, estimate, given, cells in found.effects
        for error in [error_of(cells, given)]
        if aggregation in options.aggregations
        and math.isfinite(estimate)
        and is_known(aggregation, estimate, error, cells)
    ]
    if not known or known[0][0] != "overall":
        given, cells = next(row[3:] for row in found.effects if row[0] == "overall")
        reason = (
            "cohorts in one cluster alone have an estimate"
            if math.isnan(error_of(cells, given))
            else "the fit is perfect, no clustered error; allowed: residual variation"
        )
        raise ValueError(f"{estimator} of {outcome!r}: the overall effect has no standard error: {reason}")
    effects = tuple(
        Effect(
            aggregation,
            group,
            estimate,
            error,
            _p_value(estimate, error, number),
            *_interval(estimate, error, number),
            n_units=sum(sizes[g] for g in {g for g, _ in cells}),
            n_cells=len(cells),
            n_effective_clusters=number,
        )
        for aggregation, group, estimate, error, cells in known
        for number in [effective(aggregation, group, cells)]
    )
    counted = _counts_years(estimator, sample, options)
    at_event = _cells_by_event(
        sample.counted() if counted else sample, options, binned=estimator == "twfe_event_study"
    )
    if counted:
        years = dict(zip(sorted(sample.counted().cohort_sizes), sorted(sizes), strict=True))
        at_event = {e: [(years[g], t) for g, t in cells] for e, cells in at_event.items()}
    events = tuple(
        EventTime(int(e), float(b), error, *_interval(b, error, number), int(n), number)
        for e, b, given, n in found.events
        for number in [
            support("dynamic", int(e), at_event[e]) if e in at_event else support.of_ever_treated()
        ]
        for error in [error_of(at_event[e], given) if e in at_event else float(given)]
    )
    used = rows_of(sample, estimator, frame[unit], frame[time])
    n_obs = int(used.sum())
    dropped = [f"{n} rows: {reason}" for reason, n in sample.dropped]
    if n_obs < len(sample.data):
        dropped.append(f"{len(sample.data) - n_obs} rows: alone in a fixed effect")
    return StaggeredFit(
        estimator=estimator,
        effects=effects,
        events=_banded(events, found.vcov),
        n_obs=n_obs,
        n_units=sample.n_units,
        n_clusters=n_clusters,
        n_dropped=sample.n_offered - n_obs,
        drop_reason="; ".join(dropped) or "none",
        base_period=_base_period(found.base_period, sample, base - anticipation),
        formula=_readable(found.formula, sample, outcome),
        engine=found.engine,
        note="; ".join([*sample.notes, sample.usage, *found.notes, *([COUNTED] if counted else [])]) or None,
        used=used,
        event_vcov=found.vcov,
    )


def sample_of(
    frame: pd.DataFrame, *, estimator: str, anticipation: int = 0, gaps: str = "drop", **columns: Any
) -> Sample:
    """What an estimator is given; columns: those of `prepare_sample`, which says what raises."""
    naive = estimator in NAIVE
    return prepare_sample(
        frame,
        anticipation=anticipation,
        gaps=gaps,
        keep_always_treated=naive,
        needs_controls=not naive,
        **columns,
    )


def used_sample(frame: pd.DataFrame, *, estimator: str, **columns: Any) -> Sample:
    """The rows that `fit_staggered` with these arguments rests on, without the fit.

    What other estimators say on exactly these rows differs from it by the estimator alone. Controls are all
    that were given, those that the estimator has no use for among them. columns: as `sample_of` has them.
    """
    sample = sample_of(frame, estimator=estimator, **columns)
    unused = unused_cohorts(sample) if estimator == "synthetic_did" else ((), "")
    return sample.without(*unused) if unused[0] else sample


def rows_of(sample: Sample, estimator: str, unit: pd.Series, time: pd.Series) -> NDArray[np.bool_]:
    """Which of the rows that were given an estimator uses of a sample, shape (n,)."""
    if estimator in OWN_REGRESSIONS:
        sample = replace(sample, data=sample.data[not_alone(sample)])
    return sample.has(unit, time)


def _banded(events: tuple[EventTime, ...], vcov: FloatArray | None) -> tuple[EventTime, ...]:
    """Events with the band of those that have an error."""
    known = [i for i, event in enumerate(events) if event.std_error > 0]
    if vcov is None or not known:
        return events
    low, high = simultaneous_bands(
        np.array([events[i].estimate for i in known]),
        np.asarray(vcov, dtype=float)[np.ix_(known, known)],
        np.array([max(events[i].n_effective_clusters - 1, 1e-6) for i in known]),
    )
    ends = dict(zip(known, zip(low, high, strict=True), strict=True))
    return tuple(
        replace(event, band_low=float(ends[i][0]), band_high=float(ends[i][1])) if i in ends else event
        for i, event in enumerate(events)
    )


def _require_known_effects(sample: Sample, *, naive: bool) -> None:
    """Raise ValueError where no effect can have an error."""
    cohorts = sample.cohort_sizes
    if naive and _n_clusters(sample, cohorts) == 1:
        raise ValueError("the treated lie in one cluster: no standard error can be learnt from it")
    if not naive and set(sample.lone_cohorts) == set(cohorts):
        raise ValueError(
            "every treated cohort lies in one cluster: no standard error can be learnt from it"
            " (Conley and Taber 2011)"
        )


def _n_clusters(sample: Sample, cohorts: Collection[int]) -> int:
    """Clusters of some cohorts."""
    return int(sample.data.loc[sample.data["cohort"].isin(list(cohorts)), "cluster"].nunique())


def _scaled(found: Estimates, factor: float) -> Estimates:
    """Estimates in the unit of the outcome."""
    return replace(
        found,
        effects=[(name, group, b * factor, s * factor, cells) for name, group, b, s, cells in found.effects],
        events=[(e, b * factor, s * factor, n) for e, b, s, n in found.events],
        vcov=None if found.vcov is None else found.vcov * factor**2,
    )


#: Estimators that take the slopes of controls from untreated rows.
SLOPES_OF_UNTREATED = (
    "imputation",
    "two_stage",
    "lp_did",
    "de_chaisemartin_dhaultfoeuille",
    "synthetic_did",
)
#: Estimators whose averages are made here, of cohorts and years (`aggregation.averages`).
OWN_AVERAGES = ("twfe", "twfe_event_study", "sun_abraham", "synthetic_did")
#: Estimators that are one regression of ours, in which a row alone in a unit or year says nothing.
OWN_REGRESSIONS = ("twfe", "twfe_event_study", "sun_abraham")
#: Libraries that need every unit in every year, or compare with whole units only.
WHOLE_UNITS = ("stacked", "lp_did", "de_chaisemartin_dhaultfoeuille")
#: Libraries that take differences over evenly spaced times.
EVENLY_SPACED = ("stacked", "lp_did", "de_chaisemartin_dhaultfoeuille")
COUNTED = "event years count the years that are there"


def _counts_years(estimator: str, sample: Sample, options: Options) -> bool:
    keeps_gaps = estimator == "callaway_santanna" and options.gaps == "keep"
    return bool(sample.unpublished) and (estimator in EVENLY_SPACED or keeps_gaps)


def _found(estimator: str, sample: Sample, options: Options) -> Estimates:
    """What an estimator finds, cohorts in one cluster apart from the others.

    A library averages what it is given: it is given the others, and then those cohorts alone, for what nobody
    else identifies.
    """
    lone = sample.lone_cohorts
    balanced = estimator == "callaway_santanna" and options.gaps == "drop"
    if not lone or balanced or estimator in OWN_AVERAGES:
        return _on_even_years(estimator, sample, options)
    whole_units = estimator in WHOLE_UNITS or options.control_group == "never_treated"
    main = _on_even_years(estimator, sample.without_effects_of(lone, whole_units=whole_units), options)
    others = [g for g in sample.cohort_sizes if g not in lone]
    # What the others have an average of is theirs; the library need not fit a year again for it.
    effects = {(name, group) for name, group, *_ in main.effects}
    averaged = {group for name, group in effects if name == "calendar"}
    left = replace(options, calendar_years=frozenset(set(sample.years) - averaged))
    try:
        own = _on_even_years(estimator, sample.without_effects_of(others, whole_units=whole_units), left)
    except CANNOT_ESTIMATE as error:
        return replace(main, notes=(*main.notes, f"no estimate of the cohort(s) in one cluster: {error}"))
    years = {row[0] for row in main.events}
    return replace(
        main,
        effects=[*main.effects, *(row for row in own.effects if row[:2] not in effects)],
        # Their leads are events of untreated rows, and no part of a joint covariance.
        events=sorted([*main.events, *(row for row in own.events if row[0] not in years and row[0] >= 0)])
        if main.vcov is None
        else main.events,
    )


def _on_even_years(estimator: str, sample: Sample, options: Options) -> Estimates:
    """What an estimator finds; where it needs evenly spaced times, on years counted one by one, with cohorts
    and years named as they are."""
    if not _counts_years(estimator, sample, options):
        return ESTIMATORS[estimator](sample, options)
    counted = sample.counted()
    found = ESTIMATORS[estimator](counted, options)
    years = sample.years
    cohorts = dict(zip(sorted(counted.cohort_sizes), sorted(sample.cohort_sizes), strict=True))

    def year(t: int) -> int:
        return years[t - years[0]]

    def named(aggregation: str, group: int | None) -> int | None:
        if group is None or aggregation not in ("group", "calendar"):
            return group
        return cohorts[group] if aggregation == "group" else year(group)

    return replace(
        found,
        effects=[
            (aggregation, named(aggregation, group), b, s, [(cohorts[g], year(t)) for g, t in cells])
            for aggregation, group, b, s, cells in found.effects
        ],
    )


def _base_period(text: str, sample: Sample, base: int) -> str:
    """The base with the year itself for each cohort whose base year no unit has."""
    if not text.startswith("event year"):
        return text
    moved = {g: sample.last_before(g, base) for g in sample.cohort_sizes if g + base in sample.unpublished}
    named = [f"{year} for the cohort of {g}" for g, year in sorted(moved.items())]
    return "; ".join([text, *named])


def _cells_by_event(sample: Sample, options: Options, *, binned: bool) -> dict[int, list[tuple[int, int]]]:
    """Cohort-years behind each event year; none for calendar years, to which every cohort contributes."""
    if options.base_calendar_year is not None:
        return {}
    found: dict[int, list[tuple[int, int]]] = {}
    for g, t in sample.treated_cells:
        event = min(max(t - g, options.first_event), options.last_event) if binned else t - g
        found.setdefault(event, []).append((g, t))
    return found


def _compares_with_never(estimator: str, options: Options) -> bool:
    """Whether effects are measured against the never treated only."""
    return estimator in ("sun_abraham", "synthetic_did") or options.control_group == "never_treated"


def _interval(estimate: float, std_error: float, n_effective: float) -> tuple[float, float]:
    """95 % interval with t(G* - 1)."""
    half = float(stats.t.ppf(0.975, n_effective - 1) * std_error)
    return float(estimate) - half, float(estimate) + half


def _p_value(estimate: float, std_error: float, n_effective: float) -> float:
    return float(2 * stats.t.sf(abs(estimate / std_error), n_effective - 1))


def _choice(name: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise ValueError(f"{name} {value!r}; allowed: {', '.join(allowed)}")


def _has_never_treated(frame: pd.DataFrame, time: str, cohort: str) -> bool:
    if cohort not in frame or time not in frame:
        return True  # prepare_sample says which column is missing
    first = pd.to_numeric(frame[cohort], errors="coerce")
    return bool((first.isna() | first.gt(pd.to_numeric(frame[time], errors="coerce").max())).any())


def _readable(formula: str, sample: Sample, outcome: str) -> str:
    """Names in place of the sample's codes."""
    controls = "".join(f" + {name}" for name in sample.controls)
    names = {"{y}": outcome, "{controls}": controls, "{unit}": "unit", "{time}": "time"}
    # At once: a name may hold what looks like a code.
    return re.sub("|".join(map(re.escape, names)), lambda code: names[code[0]], formula)
