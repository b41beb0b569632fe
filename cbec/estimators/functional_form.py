"""Does the design depend on whether the outcome is taken in levels or logs?

Parallel trends hold for every monotone transformation of the outcome only if they hold for its whole
distribution. Then the distribution that the treated would have had untreated is known,
F1(post) = F1(pre) + F0(post) - F0(pre), and none of its probabilities is negative; that can be tested
(Roth and Sant'Anna 2023, doi 10.3982/ECTA19402).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cbec.estimators.frame import check_frame

Float = NDArray[np.float64]
# Outcomes of these names are logarithms already.
LOG_SUFFIX = "_log"
FORMS = ("level", "log", "ihs")


@dataclass(frozen=True)
class DensityTest:
    """implied: probability of each bin, shape (bins,), of sum 1; std_errors: clustered by unit, same shape;
    edges: shape (bins + 1,) in units of the outcome; statistic: largest -implied / std_error; p_value: of the
    least favourable case, in which every true probability is zero; n_comparisons: of a cohort and a year;
    n_small: comparisons left out because a side had too few units."""

    edges: Float
    implied: Float
    std_errors: Float
    statistic: float
    p_value: float
    n_units: int
    n_comparisons: int
    n_small: int
    n_draws: int
    seed: int


def transformed(values: pd.Series[float], outcome: str, form: str) -> pd.Series[float]:
    """An outcome in another form; one whose name ends in `_log` is brought back to its level first.

    ihs: the inverse hyperbolic sine, whose coefficient moves with the unit (Chen and Roth 2024). Raises
    ValueError for a logarithm of what is not positive and for an unknown form.
    """
    level = values.map(np.exp) if outcome.endswith(LOG_SUFFIX) else values
    if form == "level":
        return level
    if form == "ihs":
        return level.map(np.arcsinh)
    if form != "log":
        raise ValueError(f"form {form!r}; allowed: {', '.join(FORMS)}")
    if bool((level <= 0).any()):
        raise ValueError(
            f"{int((level <= 0).sum())} rows of {outcome} are not positive and have no logarithm"
        )
    return level.map(np.log)


def density_test(
    rows: pd.DataFrame,
    *,
    outcome: str,
    treatment: str,
    unit: str,
    time: str = "year",
    bins: int = 20,
    least: int = 5,
    draws: int = 9999,
    seed: int = 20150307,
) -> DensityTest:
    """Is the distribution that parallel trends imply for the untreated treated a distribution?

    rows: one per unit and period; treatment: 0 or 1 and never back to 0. Each cohort is compared, in each
    period from its first treated one on, with the units not treated by then, both against the period before
    the cohort's treatment; comparisons weigh as many treated units as they hold. One with fewer than `least`
    units on a side is left out: a single unit seems to have no variance, and rejects everything. Bins are
    quantiles of the outcome, so that no monotone transformation changes the result. Raises ValueError as
    `check_frame` does, and when the treatment is not absorbing or no cohort has enough controls.
    """
    check_frame(rows, unit=unit, time=time, numbers=[outcome, treatment])
    wide = rows.pivot(index=unit, columns=time, values=outcome).sort_index()
    treated = rows.pivot(index=unit, columns=time, values=treatment).reindex(wide.index)
    if not set(rows[treatment].astype(float)) <= {0.0, 1.0}:
        raise ValueError(f"treatment {treatment} is not 0 or 1")
    if bool((treated.ffill(axis=1).diff(axis=1) < 0).any(axis=None)):
        raise ValueError(f"treatment {treatment} ends again in some unit; it must be absorbing")
    periods = [int(period) for period in wide.columns]
    y = wide.to_numpy(float)
    is_treated = treated.to_numpy(float) == 1
    first = np.where(is_treated.any(axis=1), np.array(periods)[is_treated.argmax(axis=1)], np.inf)
    untreated = y[np.isfinite(y) & ~is_treated]
    # Values that occur: interpolated quantiles would move under a transformation.
    edges = np.unique(np.quantile(untreated, np.linspace(0, 1, bins + 1), method="inverted_cdf"))
    if len(edges) < 3:
        raise ValueError(f"{outcome} has fewer than two bins")
    # A value on an edge belongs to the bin below; an increasing transformation keeps it there.
    bin_of = np.clip(np.searchsorted(edges, y, side="left") - 1, 0, len(edges) - 2)
    member = (bin_of[:, :, None] == np.arange(len(edges) - 1)) & np.isfinite(y)[:, :, None]
    implied = np.zeros(len(edges) - 1)
    influence = np.zeros((len(y), len(edges) - 1))
    weight, comparisons, small = 0, 0, 0
    for cohort in sorted(set(first[np.isfinite(first)])):
        if cohort - 1 not in periods:
            continue
        base = periods.index(int(cohort) - 1)
        for post, period in enumerate(periods):
            both = np.isfinite(y[:, base]) & np.isfinite(y[:, post])
            ours, theirs = both & (first == cohort), both & (first > period)
            n = int(ours.sum())
            if period < cohort:
                continue
            if min(n, int(theirs.sum())) < least:
                small += 1
                continue
            start = member[:, base].astype(float)
            change = member[:, post].astype(float) - start
            means = start[ours].mean(axis=0), change[theirs].mean(axis=0)
            implied += n * (means[0] + means[1])
            influence[ours] += start[ours] - means[0]
            influence[theirs] += n * (change[theirs] - means[1]) / theirs.sum()
            weight, comparisons = weight + n, comparisons + 1
    if not comparisons:
        raise ValueError(f"no cohort of {least} units has a period before it and {least} controls after it")
    implied, influence = implied / weight, influence / weight
    covariance = influence.T @ influence
    errors = np.sqrt(np.diag(covariance))
    varies = errors > 1e-12
    ratio = -implied[varies] / errors[varies]
    statistic = float(ratio.max()) if varies.any() else -np.inf
    # The maximum of correlated normals; bins that sum to one have a singular covariance, which has a root.
    correlation = covariance[np.ix_(varies, varies)] / np.outer(errors[varies], errors[varies])
    values, vectors = np.linalg.eigh(correlation)
    root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    noise = np.random.default_rng(seed).standard_normal((draws, len(root)))
    largest = (noise @ root).max(axis=1) if varies.any() else np.zeros(draws)
    p_value = (1 + int((largest >= statistic).sum())) / (draws + 1)
    used = int((np.abs(influence).sum(axis=1) > 0).sum())
    return DensityTest(edges, implied, errors, statistic, p_value, used, comparisons, small, draws, seed)
