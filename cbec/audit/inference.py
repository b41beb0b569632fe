"""p values and critical values of t, over rounding intervals.

The two-sided p value of |t| with df degrees of freedom is 2 P(T > |t|); df is infinite for the normal.
"""

from __future__ import annotations

import math
from functools import lru_cache

from scipy import special

from cbec.audit.rounding import Interval

INFINITE = math.inf
# Degrees of freedom of few clusters, and the normal.
LOOSE = (*range(5, 101), 120, 150, 200, 285, INFINITE)


@lru_cache(maxsize=100_000)
def p_value(t: float, df: float) -> float:
    """Two-sided p of |t|; t may be infinite."""
    if math.isinf(t):
        return 0.0
    if math.isinf(df):
        return float(special.erfc(t / math.sqrt(2)))
    return float(2 * special.stdtr(df, -t))


@lru_cache(maxsize=10_000)
def critical(alpha: float, df: float) -> float:
    """|t| whose two-sided p is alpha."""
    if math.isinf(df):
        return float(special.ndtri(1 - alpha / 2))
    return float(special.stdtrit(df, 1 - alpha / 2))


def p_range(t: Interval, df: float) -> Interval:
    """Range of p over a range of |t|."""
    return Interval(p_value(t.high, df), p_value(t.low, df))


def df_name(df: float) -> str:
    return "normal" if math.isinf(df) else f"t({df:g})"
