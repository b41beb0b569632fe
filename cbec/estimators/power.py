"""The power of a test, and the least effect that it would find."""

from __future__ import annotations

import numpy as np
from scipy import optimize, stats

from cbec.estimators.panel import require_choice


def _require_design(se: float, df: float, alpha: float) -> None:
    if not (np.isfinite(se) and se > 0 and df > 0 and 0 < alpha < 1):
        raise ValueError(
            f"se {se}, df {df}, alpha {alpha}; allowed: se and df above 0, alpha between 0 and 1"
        )


def power_of_test(effect: float, *, se: float, df: float, alpha: float = 0.05) -> float:
    """Probability that a two-sided t test at `alpha` rejects when the effect is `effect`.

    Noncentral t with `df` degrees of freedom and noncentrality effect / se. `effect` and `se`
    in the same units. Raises ValueError outside the allowed ranges.
    """
    _require_design(se, df, alpha)
    critical = stats.t.isf(alpha / 2, df)
    shift = abs(effect) / se
    return float(stats.nct.sf(critical, df, shift) + stats.nct.cdf(-critical, df, shift))


def minimum_detectable_effect(
    *, se: float, df: float, alpha: float = 0.05, power: float = 0.8, method: str = "bloom"
) -> float:
    """Smallest true effect that a two-sided t test at `alpha` finds with `power`.

    `bloom`: (t_{1 - alpha/2} + t_{power}) x se (Bloom 1995). `exact`: the effect at
    which `power_of_test` equals `power`. In units of `se`, positive; use the clustered
    standard error and the degrees of freedom of the test whose power it is, G* - 1 with G*
    effective clusters (`effective`). Raises ValueError outside the allowed ranges.
    """
    require_choice("method", method, ("bloom", "exact"))
    _require_design(se, df, alpha)
    if not alpha < power < 1:
        raise ValueError(f"power {power}; allowed: between alpha ({alpha}) and 1")
    guess = float(stats.t.isf(alpha / 2, df) + stats.t.ppf(power, df))
    if method == "bloom":
        return guess * se

    def gap(multiple: float) -> float:
        return power_of_test(multiple, se=1.0, df=df, alpha=alpha) - power

    upper = max(guess, 1.0)
    while gap(upper) < 0:
        upper *= 2
    return float(optimize.brentq(gap, 0.0, upper, xtol=1e-12)) * se
