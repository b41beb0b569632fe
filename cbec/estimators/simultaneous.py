"""Bands that hold all effects of an event study at once.

Pointwise intervals of twelve event years miss one of them far more often than in 5 of 100 studies. The
sup-t band of Montiel Olea and Plagborg-Moller (2019, Journal of Applied Econometrics 34(1)) is the
narrowest band of the form b_e +/- c s_e that holds all of them: c is the quantile of max over e of |Z_e|, Z
normal with the estimates' correlation.

Pointwise intervals here use t with each event year's effective clusters less one. The band therefore takes
from the normal maximum its level for a single event year, a = 2 (1 - Phi(c)), and from each year's own t
the quantile of that level: sup-t where clusters are many, and never inside the pointwise interval.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

FloatArray = NDArray[np.float64]
#: Points of the quasi-random rule, as a power of two: the critical value is then known to about 0.002.
LOG2_POINTS = 16


@lru_cache(maxsize=16)
def _normal_points(k: int) -> FloatArray:
    """Points of the rule as independent normals, shape (2^16, k): the same for every covariance of a size."""
    sampler = stats.qmc.Sobol(k, scramble=True, rng=np.random.default_rng(0))
    points: FloatArray = special.ndtri(np.clip(sampler.random_base2(LOG2_POINTS), 1e-12, 1 - 1e-12))
    points.flags.writeable = False
    return points


def sup_t_critical(vcov: FloatArray, *, level: float = 0.05) -> float:
    """Critical value c of the sup-t band, from a covariance (k, k).

    The 1 - level quantile of max |Z|, by a fixed quasi-random rule, so that a run repeats. Raises
    ValueError for another shape, a variance that is not above zero, and a level outside (0, 1).
    """
    v = np.asarray(vcov, dtype=float)
    if v.ndim != 2 or v.shape[0] != v.shape[1] or not v.size or not (np.diag(v) > 0).all():
        raise ValueError(f"vcov of shape {v.shape}; allowed: (k, k) with variances above zero")
    if not 0 < level < 1:
        raise ValueError(f"level {level}; allowed: between 0 and 1")
    error = np.sqrt(np.diag(v))
    values, vectors = np.linalg.eigh(v / np.outer(error, error))
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    largest = np.abs(_normal_points(len(v)) @ root.T).max(axis=1)
    # One coefficient alone has the normal's own value, whatever the rule.
    return max(float(np.quantile(largest, 1 - level)), float(stats.norm.ppf(1 - level / 2)))


def simultaneous_bands(
    estimates: FloatArray, vcov: FloatArray, df: FloatArray, *, level: float = 0.05
) -> tuple[FloatArray, FloatArray]:
    """Lower and upper ends of the band, shape (k,) each.

    estimates: (k,); vcov: (k, k); df: (k,), degrees of freedom of each estimate's own t, infinite for the
    normal. Raises ValueError as `sup_t_critical`, and for other shapes.
    """
    b, nu = np.asarray(estimates, dtype=float), np.asarray(df, dtype=float)
    if b.ndim != 1 or b.shape != nu.shape or len(b) != len(vcov):
        raise ValueError(f"shapes {b.shape}, {np.shape(vcov)}, {nu.shape}; allowed: (k,), (k, k), (k,)")
    single = 2 * stats.norm.sf(sup_t_critical(vcov, level=level))
    half = stats.t.isf(single / 2, nu) * np.sqrt(np.diag(vcov))
    return b - half, b + half
