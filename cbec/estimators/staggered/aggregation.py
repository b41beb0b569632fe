"""Effects by cohort and year, and the averages of them that are reported."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cbec.estimators.staggered.sample import Sample

FloatArray = NDArray[np.float64]
Cell = tuple[int, int]
AGGREGATIONS = ("overall", "dynamic", "group", "calendar")


@dataclass(frozen=True)
class Options:
    control_group: str
    method: str
    anticipation: int
    first_event: int
    last_event: int
    base: int
    base_calendar_year: int | None
    base_period: str
    gaps: str
    weights: str
    aggregations: tuple[str, ...] = AGGREGATIONS
    leads: str = "base"
    #: Years whose average is asked for; all where None.
    calendar_years: frozenset[int] | None = None


@dataclass(frozen=True)
class Estimates:
    """Averages before inference: effects as (aggregation, group, estimate, error, cells). unused: cohorts
    that the estimator could not use, and why."""

    effects: Sequence[tuple[str, int | None, float, float, Sequence[Cell]]]
    events: Sequence[tuple[int, float, float, int]]
    formula: str
    engine: str
    base_period: str
    vcov: FloatArray | None = None
    notes: tuple[str, ...] = ()
    unused: tuple[tuple[int, ...], str] = ((), "")


@dataclass(frozen=True)
class Average:
    """A row of weights over cells, and its derivative to each cohort's share. Shapes (m,), (G, m)."""

    aggregation: str
    group: int | None
    weights: FloatArray
    slope: FloatArray


def averages(
    cells: Sequence[Cell],
    share: Mapping[int, float],
    *,
    counts: Mapping[Cell, float] | None = None,
    lone: Collection[int] = (),
) -> list[Average]:
    """The four averages of ATT(g,t) (Callaway and Sant'Anna 2021) as weights over cells.

    cells are (cohort, time); those before treatment enter only the dynamic averages of their event
    time. share is each cohort's share of the units (any scale). counts: what a cell weighs against others
    where its cohort is not whole in every year, else its cohort's share.

    lone: cohorts whose effects have no standard error. They enter no average of others: a part without an
    error would leave that of the whole unknown. What they alone identify stands by itself, and a mean over
    parts is the mean of those parts that others identify.
    """
    cohorts = sorted({g for g, _ in cells})
    g = np.array([cell[0] for cell in cells])
    t = np.array([cell[1] for cell in cells])
    p = np.array([share[cell[0]] if counts is None else counts[cell] for cell in cells], dtype=float)
    is_cohort = g[None, :] == np.array(cohorts)[:, None]
    post = t >= g
    is_known = ~np.isin(g, list(lone))

    def ratio(aggregation: str, group: int | None, chosen: NDArray[np.bool_]) -> Average:
        if (chosen & is_known).any():
            chosen = chosen & is_known
        total = p[chosen].sum()
        weights = np.where(chosen, p, 0.0) / total
        mine = is_cohort & chosen[None, :]
        slope = (mine - mine.sum(axis=1, keepdims=True) * weights[None, :]) / total
        return Average(aggregation, group, weights, slope)

    def known(parts: list[Average]) -> list[Average]:
        return [part for part in parts if part.weights[is_known].any()] or parts

    def mean(aggregation: str, parts: list[Average]) -> Average:
        return Average(
            aggregation,
            None,
            np.mean([part.weights for part in known(parts)], axis=0),
            np.mean([part.slope for part in known(parts)], axis=0),
        )

    dynamic = [ratio("dynamic", int(e), (t - g) == e) for e in sorted(set(t - g))]
    calendar = [ratio("calendar", int(s), post & (t == s)) for s in sorted(set(t[post]))]
    by_group = []
    for c in cohorts:
        own = np.where((g == c) & post, p, 0.0)
        if own.any():
            by_group.append(Average("group", c, own / own.sum(), np.zeros((len(cohorts), len(g)))))
    parts = known(by_group)
    scale = np.array([share[part.group] for part in parts if part.group is not None], dtype=float)
    rows = np.array([part.weights for part in parts])
    whole = scale @ rows / scale.sum()
    slope = np.zeros((len(cohorts), len(g)))
    for part in parts:
        slope[cohorts.index(int(part.group or 0))] = (part.weights - whole) / scale.sum()
    return [
        ratio("overall", None, post),
        mean("dynamic", [part for part in dynamic if part.group is not None and part.group >= 0]),
        *dynamic,
        Average("group", None, whole, slope),
        *by_group,
        mean("calendar", calendar),
        *calendar,
    ]


def _members(average: Average, cells: Sequence[Cell]) -> list[Cell]:
    return [cell for cell, weight in zip(cells, average.weights, strict=True) if weight != 0]


def split_averages(
    rows: Sequence[Average],
    estimates: FloatArray,
    covariance: FloatArray,
    cells: Sequence[Cell],
    options: Options,
    omitted: int | None = None,
) -> tuple[
    list[tuple[str, int | None, float, float, list[Cell]]], list[tuple[int, float, float, int]], FloatArray
]:
    """Effects, events in the window and the events' covariance, from all averages."""
    errors = np.sqrt(np.maximum(np.diag(covariance), 0))
    effects = [
        (row.aggregation, row.group, float(b), float(s), _members(row, cells))
        for row, b, s in zip(rows, estimates, errors, strict=True)
        if not (row.aggregation == "dynamic" and row.group is not None and row.group < 0)
    ]
    inside = [
        i
        for i, row in enumerate(rows)
        if row.aggregation == "dynamic"
        and row.group is not None
        and options.first_event <= row.group <= options.last_event
        and row.group != omitted
        and errors[i] > 0
    ]
    events = [
        (int(rows[i].group or 0), float(estimates[i]), float(errors[i]), len(_members(rows[i], cells)))
        for i in inside
    ]
    return effects, events, covariance[np.ix_(inside, inside)]


def cells_after(sample: Sample) -> list[Cell]:
    return [(g, t) for g, t in sample.treated_cells if t >= g]


def diff_diff_version() -> str:
    return f"diff-diff {version('diff-diff')}"


def column_names(sample: Sample) -> dict[str, str]:
    return {"outcome": "y", "unit": "unit", "time": "time", "first_treat": "cohort"}


def cluster_column(sample: Sample) -> str | None:
    """diff-diff clusters by unit when told nothing, and treats that case as exact."""
    return None if sample.is_clustered_by_unit else "cluster"


def require_unit_clusters(sample: Sample, name: str) -> None:
    if not sample.is_clustered_by_unit:
        raise ValueError(f"{name} clusters by unit only; leave cluster out")


def of_aggregates(
    sample: Sample,
    options: Options,
    result: Any,
    *,
    by_event: Any = None,
    calendar: Callable[[int], tuple[float, float]] | None,
    notes: tuple[str, ...],
    formula: str,
    engine: str,
    base_period: str,
) -> Estimates:
    """Overall, dynamic and group effects as the library averages them; calendar ones if it can."""
    cells, post = sample.treated_cells, cells_after(sample)
    if by_event is None:
        by_event = result.aggregate("event_study")
    effects: list[tuple[str, int | None, float, float, Sequence[Cell]]] = [
        ("overall", None, float(result.overall_att), float(result.overall_se), post)
    ]
    events = []
    for e, b, s in zip(by_event.event_time, by_event.att, by_event.se, strict=True):
        at = [(g, t) for g, t in cells if t - g == int(e)]
        if e >= 0:
            effects.append(("dynamic", int(e), float(b), float(s), at))
        if options.first_event <= e <= options.last_event and math.isfinite(s) and s > 0:
            events.append((int(e), float(b), float(s), len(at)))
    if "group" in options.aggregations:
        by_group = result.aggregate("group")
        for g, b, s in zip(by_group.label, by_group.att, by_group.se, strict=True):
            effects.append(("group", int(g), float(b), float(s), [c for c in post if c[0] == int(g)]))
    if calendar is not None and "calendar" in options.aggregations:
        years = {t for _, t in post}
        for year in sorted(years if options.calendar_years is None else years & options.calendar_years):
            effects.append(("calendar", year, *calendar(year), [c for c in post if c[1] == year]))
    return Estimates(effects, events, formula, engine, base_period, notes=notes)
