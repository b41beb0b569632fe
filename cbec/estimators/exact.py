"""Exact permutation inference for a few units that all print the same years.

With ten cities nothing that needs many clusters can be trusted. What can be counted is every way in which
the observed treatment paths could have fallen on the cities (Fisher 1935; Young 2019); the assignments keep
the size of each cohort. In a balanced panel the sum of squares of the treatment, once unit and period means
are out, is the same for every assignment, so that each coefficient is a sum of one number for each city.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# More assignments than this are not counted one by one.
MAX_ASSIGNMENTS = 2_000_000
# Two statistics that differ by less than this share are ties: sums are taken in different orders.
TIE_SHARE = 1e-9
BASE_EVENT_YEAR = -1


@dataclass(frozen=True)
class ExactTerm:
    """One coefficient with its exact p value.

    event_year: years since the first treated year; None for the average effect and for the joint test.
    estimate: in units of the outcome; for the joint test the Wald form that is compared.
    std_error: clustered by unit (CRV1, as R fixest and pyfixest count parameters); NaN for the joint test.
    p_conventional: two-sided, t(G-1). p_exact, p_exact_t: share of assignments whose |estimate|, |t| is at
        least the observed one, the observed assignment included. n_cities: units observed at this event year.
    """

    term: str
    event_year: int | None
    estimate: float
    std_error: float
    p_conventional: float
    p_exact: float
    p_exact_t: float
    n_cities: int


@dataclass(frozen=True)
class ExactFit:
    """Terms of one estimator. n_assignments: different assignments counted; cohorts: size of each path."""

    terms: tuple[ExactTerm, ...]
    n_assignments: int
    n_obs: int
    n_units: int
    cohorts: str


@dataclass(frozen=True)
class _Design:
    """Balanced panel: outcome (units, periods) without means; codes (units,) of the paths that units have."""

    outcome: FloatArray
    codes: IntArray
    years: IntArray
    first_years: tuple[float, ...]
    doses: FloatArray
    cohorts: str


def exact_twfe(
    data: pd.DataFrame, *, outcome: str, dose: str, first_year: str, unit: str, time: str
) -> ExactFit:
    """y_it = a_i + l_t + b d_it + e_it with every assignment of the paths d_i to units.

    data: one row for a unit and period, balanced. dose: 0 to 1. first_year: first treated year, missing for
    never treated. Raises ValueError: unbalanced panel, missing values, a dose without variation, one possible
    assignment or more than MAX_ASSIGNMENTS.
    """
    design = _design(data, outcome, dose, first_year, unit, time)
    regressors = design.doses[:, :, None]
    return _fit(design, regressors, (dose,), (None,), joint=())


def exact_event_study(
    data: pd.DataFrame, *, outcome: str, dose: str, first_year: str, unit: str, time: str
) -> ExactFit:
    """y_it = a_i + l_t + sum over k != -1 of b_k 1[t - g_i = k] + e_it, every assignment of the dates g_i.

    Needs a unit that is not treated in any period of the data: without one the event years and the two
    effects are collinear (Borusyak, Jaravel and Spiess 2024). Also gives `leads`, the joint test of all
    k < -1. Arguments and errors as `exact_twfe`.
    """
    design = _design(data, outcome, dose, first_year, unit, time)
    if not any(np.isnan(year) or year > design.years[-1] for year in design.first_years):
        raise ValueError("every unit is treated within the data; allowed: at least one that is not")
    # A date after the last year of the data has leads only in name: the unit is the reference.
    starts = [None if np.isnan(y) or y > design.years[-1] else int(y) for y in design.first_years]
    distances = [None if s is None else design.years - s for s in starts]
    events = sorted({int(k) for d in distances if d is not None for k in d} - {BASE_EVENT_YEAR})
    regressors = np.zeros((len(starts), design.years.size, len(events)))
    for path, distance in enumerate(distances):
        if distance is not None:
            for place, event in enumerate(events):
                regressors[path, :, place] = distance == event
    names = tuple(f"event_year:{event}" for event in events)
    leads = tuple(place for place, event in enumerate(events) if event < BASE_EVENT_YEAR)
    return _fit(design, regressors, names, tuple(events), joint=leads)


def assignments(codes: IntArray, *, block: int = 50_000) -> Iterator[IntArray]:
    """All different orders of `codes`, in blocks of shape (m, len(codes)), ascending; the given one is among
    them."""
    paths, sizes = np.unique(codes, return_counts=True)
    begun = np.zeros((1, 0), dtype=np.intp)
    left = sizes[None, :]
    for _ in range(len(codes)):
        # Row by row and, within a row, path by path: the orders stay ascending.
        row, path = np.nonzero(left)
        begun = np.column_stack([begun[row], path])
        left = left[row]
        left[np.arange(len(path)), path] -= 1
    for first in range(0, len(begun), block):
        yield paths[begun[first : first + block]]


def count_assignments(codes: IntArray) -> int:
    """Number of different orders: n! over the product of the factorials of the sizes of the groups."""
    total = 1
    left = 0
    for size in np.unique(codes, return_counts=True)[1]:
        for step in range(1, int(size) + 1):
            left += 1
            total = total * left // step
    return total


def _design(data: pd.DataFrame, outcome: str, dose: str, first_year: str, unit: str, time: str) -> _Design:
    needed = [outcome, dose, first_year, unit, time]
    absent = [name for name in needed if name not in data.columns]
    if absent:
        raise ValueError(f"columns {absent} are not there; allowed: {sorted(map(str, data.columns))}")
    if data[[outcome, dose, unit, time]].isna().any().any():
        raise ValueError(f"missing values in {outcome}, {dose}, {unit} or {time}; allowed: none")
    values = data.pivot(index=unit, columns=time, values=outcome)
    doses = data.pivot(index=unit, columns=time, values=dose)
    if values.isna().any().any():
        raise ValueError("the panel is not balanced; allowed: every unit in every period")
    starts = data.groupby(unit)[first_year].first().astype(float).reindex(values.index).to_numpy()
    paths, codes = np.unique(
        np.column_stack([np.nan_to_num(starts, nan=np.inf), doses.to_numpy(float)]),
        axis=0,
        return_inverse=True,
    )
    codes = np.asarray(codes, dtype=np.int64).ravel()
    if len(paths) < 2:
        raise ValueError("all units have the same treatment; allowed: at least two different paths")
    n_assignments = count_assignments(codes)
    if n_assignments > MAX_ASSIGNMENTS:
        raise ValueError(f"{n_assignments} assignments; allowed: at most {MAX_ASSIGNMENTS}")
    first_years = tuple(float("nan") if np.isinf(p) else float(p) for p in paths[:, 0])
    sizes = np.bincount(codes)
    cohorts = ", ".join(
        f"{'never' if np.isnan(year) else int(year)}: {size}"
        for year, size in zip(first_years, sizes, strict=True)
    )
    raw = values.to_numpy(float)
    return _Design(
        outcome=_without_means(raw),
        codes=codes,
        years=values.columns.to_numpy().astype(np.int64),
        first_years=first_years,
        doses=paths[:, 1:],
        cohorts=cohorts,
    )


def _without_means(values: FloatArray) -> FloatArray:
    """Unit and period means out of (units, periods, ...)."""
    by_unit = values.mean(axis=1, keepdims=True)
    by_period = values.mean(axis=0, keepdims=True)
    centred: FloatArray = values - by_unit - by_period + values.mean(axis=(0, 1), keepdims=True)
    return centred


def _fit(
    design: _Design,
    regressors: FloatArray,
    names: tuple[str, ...],
    events: tuple[int | None, ...],
    *,
    joint: tuple[int, ...],
) -> ExactFit:
    """regressors: (paths, periods, k) as each path has them."""
    n, n_periods = design.outcome.shape
    k = regressors.shape[2]
    assigned = regressors[design.codes]
    # Period means of the regressors do not depend on which unit has which path.
    centre = assigned.mean(axis=0) - assigned.mean(axis=(0, 1))
    residual = regressors - regressors.mean(axis=1, keepdims=True) - centre
    observed = residual[design.codes]
    gram = np.einsum("itk,itl->kl", observed, observed)
    if np.linalg.matrix_rank(gram) < k:
        raise ValueError("the treatment is collinear with unit and period effects; allowed: more variation")
    bread = np.linalg.inv(gram)
    # unit i under path p: x'y (n, paths, k), and x'x (paths, k, k), the parts of the scores.
    xy = np.einsum("it,ptk->ipk", design.outcome, residual)
    xx = np.einsum("ptk,ptl->pkl", residual, residual)
    xy_projected, xx_projected = xy @ bread, xx @ bread
    # Parameters: slopes and periods; units are nested in the clusters (R fixest, ssc "nonnested").
    n_obs = n * n_periods
    factor = (n_obs - 1) / (n_obs - (k + n_periods)) * n / (n - 1)

    def statistics(codes: IntArray) -> tuple[FloatArray, FloatArray]:
        """Coefficients and standard errors (m, k) of assignments (m, n)."""
        estimates = np.zeros((len(codes), k))
        for i in range(n):
            estimates += xy_projected[i, codes[:, i]]
        # x'x b of each path (paths, m, k): far fewer than units.
        fitted = estimates @ xx_projected
        squares = np.zeros_like(estimates)
        every = np.arange(len(codes))
        for i in range(n):
            projected = xy_projected[i, codes[:, i]] - fitted[codes[:, i], every]
            squares += projected * projected
        return estimates, np.sqrt(factor * squares)

    estimate, error = (values[0] for values in statistics(design.codes[None, :]))
    t_value = np.abs(estimate) / np.maximum(error, np.finfo(float).tiny)
    block_of_leads = bread[np.ix_(joint, joint)] if joint else np.zeros((0, 0))
    lead_metric = np.linalg.inv(block_of_leads) if joint else block_of_leads
    places = list(joint)

    def wald(estimates: FloatArray) -> FloatArray:
        form: FloatArray = np.einsum("mk,kl,ml->m", estimates[:, places], lead_metric, estimates[:, places])
        return form

    observed_wald = float(wald(estimate[None, :])[0]) if joint else 0.0
    n_as_large = np.zeros(k)
    n_t_as_large = np.zeros(k)
    n_wald_as_large = 0
    total = 0
    for codes in assignments(design.codes, block=max(1, 4_000_000 // (n * k * k))):
        placebo, placebo_errors = statistics(codes)
        n_as_large += np.sum(np.abs(placebo) >= np.abs(estimate) * (1 - TIE_SHARE), axis=0)
        placebo_t = np.abs(placebo) / np.maximum(placebo_errors, np.finfo(float).tiny)
        n_t_as_large += np.sum(placebo_t >= t_value * (1 - TIE_SHARE), axis=0)
        if joint:
            n_wald_as_large += int(np.sum(wald(placebo) >= observed_wald * (1 - TIE_SHARE)))
        total += len(codes)
    seen = np.sum(assigned > 0, axis=(0, 1))
    terms = [
        ExactTerm(
            term=name,
            event_year=events[place],
            estimate=float(estimate[place]),
            std_error=float(error[place]),
            p_conventional=float(2 * stats.t.sf(t_value[place], n - 1)),
            p_exact=float(n_as_large[place] / total),
            p_exact_t=float(n_t_as_large[place] / total),
            n_cities=n if events[place] is None else int(seen[place]),
        )
        for place, name in enumerate(names)
    ]
    if joint:
        p_joint = n_wald_as_large / total
        terms.append(
            ExactTerm("leads", None, observed_wald, float("nan"), float("nan"), p_joint, float("nan"), n)
        )
    return ExactFit(tuple(terms), total, n_obs, n, design.cohorts)
