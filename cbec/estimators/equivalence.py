"""Equivalence tests: is an effect that should be zero shown to be small, and not merely found insignificant?

A test that does not reject zero says little where errors are wide. The two one-sided tests (Schuirmann
1987) reverse the burden: the null is an effect of at least a margin, and is rejected by an estimate that is
near zero for its error. Hartman and Hidalgo (2018, American Journal of Political Science 62(4)) propose
them for placebo tests and balance, with the equivalence range beside p: the smallest margin that would be
accepted. Of several coefficients all have to be within the margin, so that the largest p counts and no
correction is needed (Berger 1982, intersection-union).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from cbec.estimators.absorb import build_projector, residualise
from cbec.estimators.panel import factor_codes

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Equivalence:
    """bound: the smallest margin that is accepted at the level; margin and p_value: of the margin that was
    named. All but p in units of the estimates."""

    bound: float
    margin: float
    p_value: float


def equivalence_test(
    estimates: Sequence[float] | FloatArray,
    errors: Sequence[float] | FloatArray,
    df: Sequence[float] | FloatArray,
    *,
    margin: float,
    level: float = 0.05,
) -> Equivalence:
    """Two one-sided t tests of |b_k| >= margin for some k, against |b_k| < margin for all.

    estimates, errors, df: shape (k,), k from 1. The bound is max over k of |b_k| + t(1 - level, df_k) s_k;
    p is max over k of P(T > (margin - |b_k|) / s_k). Raises ValueError for other shapes, an error that is
    not above zero, degrees of freedom below 1, and a margin or level outside their range.
    """
    b, s, nu = (np.asarray(values, dtype=float) for values in (estimates, errors, df))
    if b.ndim != 1 or not b.size or b.shape != s.shape or b.shape != nu.shape:
        raise ValueError(f"shapes {b.shape}, {s.shape}, {nu.shape}; allowed: three of the same length")
    if not (np.isfinite(b).all() and (s > 0).all() and (nu >= 1).all()):
        raise ValueError("an equivalence test needs errors above zero and one or more degrees of freedom")
    if not (margin > 0 and 0 < level < 0.5):
        raise ValueError(f"margin {margin}, level {level}; allowed: above 0, and between 0 and 0.5")
    size = np.abs(b)
    return Equivalence(
        bound=float((size + stats.t.ppf(1 - level, nu) * s).max()),
        margin=float(margin),
        p_value=float(stats.t.sf((margin - size) / s, nu).max()),
    )


def within_deviation(outcome: FloatArray, unit: Sequence[object], time: Sequence[object]) -> float:
    """Standard deviation of an outcome (n,) within units and times: what a margin in standard deviations
    means in a panel, whose units differ by much more than any policy moves them."""
    codes = [factor_codes(np.asarray(labels)) for labels in (unit, time)]
    values = np.asarray(outcome, dtype=float)
    left = residualise(build_projector(codes, values.size), values)
    n_left = values.size - sum(int(c.max()) + 1 for c in codes) + 1
    if n_left < 1:
        raise ValueError(f"{values.size} rows are as many as units and times: nothing varies within them")
    return float(np.sqrt(left @ left / n_left))
