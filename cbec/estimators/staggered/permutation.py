"""Randomisation inference for estimators of staggered adoption: cohorts exchanged among units.

Nothing is assumed of errors or of how many units are treated: were treatment without any effect, and each
unit as likely as any other to adopt when some unit did, the real estimate would be one of those that the
permuted cohorts give (Fisher 1935; MacKinnon and Webb 2020, who prefer the t value where groups are unequal).
The vector of first treated years is permuted among the units that the estimator uses, so that every cohort
keeps its size.

Cost: one fit a draw, from a twentieth of a second to some seconds (`bench/staggered.py`); Callaway and
Sant'Anna's overall effect without controls takes one or two milliseconds a draw (`overall_effect`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from cbec.estimators.effective import effective_number
from cbec.estimators.permutations import (
    Assignments,
    count_assignments,
    every_assignment,
    random_assignments,
    randomisation_p,
)
from cbec.estimators.staggered.aggregation import FloatArray
from cbec.estimators.staggered.fit import fit_staggered, sample_of
from cbec.estimators.staggered.sample import Sample

IntArray = NDArray[np.int64]
#: More draws than this share that cannot be fitted are an error.
MAX_DEGENERATE_SHARE = 0.05


@dataclass(frozen=True)
class OverallEffects:
    """Overall effect, error and effective clusters of many outcomes on one design. Shapes (m,), (m,), ()."""

    estimates: FloatArray
    errors: FloatArray
    n_effective_clusters: float


@dataclass(frozen=True)
class CohortPlacebo:
    """Overall effects of permuted cohorts, and where the real one lies among them.

    estimate, std_error, n_effective_clusters: of the real cohorts. coefficients, t_values, p_values: shape
    (m,), of the draws that could be fitted, p by the estimator's own t. p_value_coefficient, p_value_t:
    shares of draws at least as large, the real one among them (Phipson and Smyth 2010). seed is None when
    there are no more different assignments than draws: all of them are then taken. n_degenerate: draws that
    could not be fitted. used: rows of the frame that the real cohorts' fit rests on, shape (n,).
    """

    estimate: float
    std_error: float
    coefficients: FloatArray
    t_values: FloatArray
    p_values: FloatArray
    draw_ids: IntArray
    p_value_coefficient: float
    p_value_t: float
    n_draws: int
    n_degenerate: int
    seed: int | None
    n_effective_clusters: float
    used: NDArray[np.bool_] = field(compare=False, repr=False)


def overall_effect(
    y: FloatArray, years: Sequence[int], cohort: IntArray, cluster: IntArray, *, never_only: bool = False
) -> OverallEffects:
    """Callaway and Sant'Anna's mean effect over treated unit-years of many outcomes, balanced, no controls.

    y: (m, units, years); cohort: (units,) first treated years, 0 for never; cluster: (units,) codes from 0.
    The comparison is with units not yet treated, or the never treated only. Cohorts in one cluster enter only
    when there are no others, and their error means nothing. Numbers are those of `fit_staggered`. Raises
    ValueError when no treated year has anything to compare with.
    """
    n, position = len(cohort), {t: i for i, t in enumerate(years)}
    cohorts = [int(g) for g in np.unique(cohort[cohort > 0])]
    lone = [g for g in cohorts if len(np.unique(cluster[cohort == g])) == 1]
    cohorts = [g for g in cohorts if g not in lone] or cohorts
    size = {g: int((cohort == g).sum()) for g in cohorts}
    cells = []
    for g in cohorts:
        for t in years[position[g] :]:
            others = (cohort == 0) | ((cohort > t) & (not never_only))
            if others.any():
                cells.append((g, t, cohort == g, others))
    if not cells:
        raise ValueError("no treated year has a unit to compare with")
    total = float(sum(size[g] for g, *_ in cells))
    effects, influence = np.empty((len(cells), len(y))), np.zeros((len(y), n))
    roles = np.zeros((2, n))
    for i, (g, t, own, others) in enumerate(cells):
        weight = size[g] / total
        change = y[:, :, position[t]] - y[:, :, position[g] - 1]
        a, b = change[:, own].mean(axis=1), change[:, others].mean(axis=1)
        effects[i] = a - b
        influence[:, own] += weight * (change[:, own] - a[:, None]) / own.sum()
        influence[:, others] -= weight * (change[:, others] - b[:, None]) / others.sum()
        roles[0, own] += weight / own.sum()
        roles[1, others] += weight / others.sum()
    of_cell = np.array([g for g, *_ in cells])
    estimates = np.array([size[g] for g in of_cell]) @ effects / total
    # Cohort shares are estimated too.
    for g in cohorts:
        slope = (effects[of_cell == g] - estimates).sum(axis=0) / total
        influence += slope[:, None] * ((cohort == g) - size[g] / n)[None, :]
    n_clusters = int(cluster.max()) + 1
    if n_clusters < n:
        influence = _summed(influence, cluster)
        influence = (influence - influence.mean(axis=1, keepdims=True)) * math.sqrt(
            n_clusters / (n_clusters - 1)
        )
    of_roles = np.concatenate(list(_summed(roles, cluster)))
    effective = min(float(effective_number(of_roles**2)), float(n_clusters))
    return OverallEffects(estimates, np.sqrt((influence**2).sum(axis=1)), effective)


def _summed(values: FloatArray, cluster: IntArray) -> FloatArray:
    """Sums over clusters of the second axis."""
    summed = np.zeros((int(cluster.max()) + 1, values.shape[0]))
    np.add.at(summed, cluster, values.T)
    return summed.T


def permute_cohorts(
    frame: pd.DataFrame,
    *,
    estimator: str,
    outcome: str,
    unit: str,
    time: str = "year",
    cohort: str = "first_treated_year",
    controls: Sequence[str] = (),
    cluster: str | None = None,
    strata: str | None = None,
    draws: int = 199,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
    **options: Any,
) -> CohortPlacebo:
    """Overall effects of permuted cohorts.

    frame, estimator, options: as `fit_staggered` has them. Units are exchanged within strata (a column that
    does not change within a unit). Raises ValueError as `fit_staggered` does, when errors are clustered above
    the unit (treatment is then not given to units), when the strata leave one assignment only, or when more
    than 5 % of draws cannot be fitted.

    Draws follow the order of the units' labels, not that of rows: under labels in another order one seed
    gives other assignments, and p values that differ as those of two seeds do. Where all assignments are
    taken labels change nothing. `prepare_panel` ranks units by content; to do so here would move published p.
    """
    if draws < 1:
        raise ValueError(f"draws {draws}; allowed: 1 or more")
    about: dict[str, Any] = {
        "outcome": outcome,
        "unit": unit,
        "time": time,
        "cohort": cohort,
        "controls": controls,
    }
    real = fit_staggered(frame, estimator=estimator, **about, cluster=cluster, aggregations=(), **options)
    sample = sample_of(
        frame, estimator=estimator, **about, cluster=cluster, anticipation=options.get("anticipation", 0),
        gaps=options.get("gaps", "drop"),
    )  # fmt: skip
    if not sample.is_clustered_by_unit:
        raise ValueError(f"errors are clustered by {cluster}: cohorts are permuted among units only")
    units = sample.data.drop_duplicates("unit")
    first = units["cohort"].to_numpy()
    groups = _strata(frame, unit, strata, [sample.units[code] for code in units["unit"]])
    years, codes = np.unique(first, return_inverse=True)
    # Year 0, the first of them, is never treated.
    plan = Assignments("cohort", "unit", codes.astype(np.int64), groups, None, 0, np.empty(0, dtype=np.int64))
    n_possible = count_assignments(plan)
    if n_possible == 1:
        raise ValueError("the strata leave one possible assignment")
    is_exact = n_possible <= draws
    draws = n_possible if is_exact else draws
    blocks = every_assignment(plan) if is_exact else random_assignments(plan, draws=draws, seed=seed)
    moved = [years[order] for block in blocks for order in block]
    is_plain = estimator == "callaway_santanna" and not controls and not options.get("anticipation", 0)
    if is_plain and options.get("gaps", "drop") == "drop":
        fits = _plain(sample, moved, never_only=options.get("control_group") == "never_treated")
    else:
        fits = _refitted(sample, moved, estimator, list(controls), options)
    found = np.full((draws, 3), math.nan)
    for done, fit in enumerate(fits):
        found[done] = fit
        if progress is not None:
            progress(done + 1, draws)
    usable = np.flatnonzero(np.isfinite(found).all(axis=1))
    if draws - len(usable) > MAX_DEGENERATE_SHARE * draws:
        raise ValueError(f"{draws - len(usable)} of {draws} permuted assignments cannot be estimated")
    coefficients, errors, effective = found[usable].T
    t_values = coefficients / errors
    overall = real.overall
    return CohortPlacebo(
        estimate=overall.estimate,
        std_error=overall.std_error,
        coefficients=coefficients,
        t_values=t_values,
        p_values=2 * stats.t.sf(np.abs(t_values), effective - 1),
        draw_ids=usable.astype(np.int64),
        p_value_coefficient=randomisation_p(coefficients, overall.estimate, plus_one=not is_exact),
        p_value_t=randomisation_p(t_values, overall.estimate / overall.std_error, plus_one=not is_exact),
        n_draws=draws,
        n_degenerate=draws - len(usable),
        seed=None if is_exact else seed,
        used=real.used,
        n_effective_clusters=overall.n_effective_clusters,
    )


def _strata(frame: pd.DataFrame, unit: str, strata: str | None, labels: Sequence[object]) -> IntArray:
    """Code of the stratum of each unit."""
    if strata is None:
        return np.zeros(len(labels), dtype=np.int64)
    if strata not in frame:
        raise ValueError(f"unknown column {strata!r}; allowed: {', '.join(map(str, frame.columns))}")
    several = frame.groupby(unit)[strata].nunique(dropna=False) > 1
    if several.any():
        raise ValueError(f"strata {strata!r} changes within unit {several.idxmax()!r}")
    of_unit = frame.drop_duplicates(unit).set_index(unit)[strata].to_dict()
    return np.asarray(pd.factorize(np.array([str(of_unit[label]) for label in labels]))[0], dtype=np.int64)


def _plain(
    sample: Sample, moved: Sequence[IntArray], *, never_only: bool
) -> Iterator[tuple[float, float, float]]:
    """Effect, error and effective clusters of each assignment, without controls."""
    rows = sample.counted() if sample.unpublished else sample
    y = rows.data.pivot(index="unit", columns="time", values="y").to_numpy()[None]
    named = dict(zip(sorted(sample.cohort_sizes), sorted(rows.cohort_sizes), strict=True)) | {0: 0}
    clusters = np.arange(y.shape[1])
    for order in moved:
        cohorts = np.array([named[int(g)] for g in order])
        found = overall_effect(y, rows.years, cohorts, clusters, never_only=never_only)
        yield float(found.estimates[0]), float(found.errors[0]), found.n_effective_clusters


def _refitted(
    sample: Sample, moved: Sequence[IntArray], estimator: str, controls: list[str], options: dict[str, Any]
) -> Iterator[tuple[float, float, float]]:
    """The same by the estimator itself; NaN where it refuses."""
    codes = sample.data.drop_duplicates("unit")["unit"].to_numpy()
    for order in moved:
        first = pd.Series(order, index=codes, dtype=float).replace(0.0, math.nan)
        frame = sample.data.assign(first_treated_year=sample.data["unit"].map(first))
        try:
            overall = fit_staggered(
                frame, estimator=estimator, outcome="y", unit="unit", time="time",
                controls=sample.control_columns, aggregations=(), **options,
            ).overall  # fmt: skip
        except ValueError:
            yield math.nan, math.nan, math.nan
        else:
            yield overall.estimate, overall.std_error, overall.n_effective_clusters
