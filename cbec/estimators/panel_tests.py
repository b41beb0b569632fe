"""Tests and descriptions that stand beside a panel regression: F, Hausman, VIF, winsorising."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from cbec.estimators.frame import check_frame
from cbec.estimators.specification import Winsor

Array = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


@dataclass(frozen=True)
class Test:
    """A test statistic. df2 is None for a chi-squared test; convention says which of several was computed."""

    test: str
    statistic: float
    df1: int
    df2: int | None
    p_value: float
    convention: str


def winsorise(frame: pd.DataFrame, columns: Sequence[str], rule: Winsor) -> pd.DataFrame:
    """Copy with values beyond two quantiles of each column pulled to them; columns of two values are left.

    frame: shape (n, k); missing values stay missing and do not count. The quantile rule is R's type 7 or
    Stata's (type 2), which differ in the tails of short columns.
    """
    out = frame.copy()
    for name in columns:
        values = out[name].astype(float)
        known = values.dropna()
        if known.nunique() > 2:
            low, high = np.quantile(known, [rule.lower, rule.upper], method=rule.rule)  # type: ignore[call-overload]
            out[name] = values.clip(low, high)
    return out


def variance_inflation(frame: pd.DataFrame, columns: Sequence[str]) -> dict[str, float]:
    """VIF_j = 1 / (1 - R2_j), R2_j of column j on the others and a constant (Marquardt 1970).

    frame: complete rows, shape (n, k). inf for a column that the others determine.
    """
    x = frame[list(columns)].to_numpy(float)
    out = {}
    for j, name in enumerate(columns):
        others = np.column_stack([np.ones(len(x)), np.delete(x, j, axis=1)])
        coefficients, *_ = np.linalg.lstsq(others, x[:, j], rcond=None)
        residual = x[:, j] - others @ coefficients
        total = float(((x[:, j] - x[:, j].mean()) ** 2).sum())
        rest = float((residual**2).sum())
        out[name] = math.inf if rest <= 1e-12 * total else total / rest
    return out


def _dummies(frame: pd.DataFrame, effects: Sequence[str]) -> Array:
    parts = [pd.get_dummies(frame[name], drop_first=True).to_numpy(float) for name in effects]
    return np.column_stack([np.ones(len(frame)), *parts])


def _residual_sum(y: Array, x: Array) -> tuple[float, int]:
    coefficients, *_ = np.linalg.lstsq(x, y, rcond=None)
    return float(((y - x @ coefficients) ** 2).sum()), int(np.linalg.matrix_rank(x))


def f_test_of_effects(
    frame: pd.DataFrame, *, outcome: str, regressors: Sequence[str], effects: Sequence[str]
) -> Test:
    """F test that the fixed effects are all zero, pooled least squares against them (Chow 1960; Baltagi 4.1).

    frame: complete rows. Raises ValueError as `check_frame` does, and without degrees of freedom.
    """
    check_frame(frame, unit=None, time=None, numbers=[outcome, *regressors], labels=effects)
    y = frame[outcome].to_numpy(float)
    x = frame[list(regressors)].to_numpy(float)
    restricted, k0 = _residual_sum(y, np.column_stack([np.ones(len(y)), x]))
    free, k1 = _residual_sum(y, np.column_stack([_dummies(frame, effects), x]))
    df1, df2 = k1 - k0, len(y) - k1
    if df1 < 1 or df2 < 1:
        raise ValueError(f"F test: {df1} and {df2} degrees of freedom; both must be positive")
    statistic = (restricted - free) / df1 / (free / df2)
    name = "F: no effects of " + " and ".join(effects)
    return Test(name, statistic, df1, df2, float(stats.f.sf(statistic, df1, df2)), "pooled against effects")


def hausman(frame: pd.DataFrame, *, outcome: str, regressors: Sequence[str], unit: str) -> Test:
    """Hausman (1978) test of random against fixed unit effects.

    (b_FE - b_RE)' (V_FE - V_RE)^{-1} (b_FE - b_RE) with classical covariances and each estimator's own
    error variance, Swamy-Arora random effects: the form that R's plm prints. gretl's and the auxiliary
    regression's values differ. frame: complete rows with `year`. Raises ValueError as `check_frame` does, and
    when the difference of covariances is singular; the statistic may be negative in small samples, as
    elsewhere.
    """
    from linearmodels.panel import PanelOLS, RandomEffects

    check_frame(frame, unit=unit, time="year", numbers=[outcome, *regressors])
    data = frame.infer_objects().set_index([unit, "year"])
    x = data[list(regressors)].astype(float)
    y = data[outcome].astype(float)
    within = PanelOLS(y, x, entity_effects=True).fit(cov_type="unadjusted")
    random = RandomEffects(y, x.assign(_cons=1.0)).fit(cov_type="unadjusted")
    names = list(regressors)
    gap = within.params[names].to_numpy(float) - random.params[names].to_numpy(float)
    spread = within.cov.loc[names, names].to_numpy(float) - random.cov.loc[names, names].to_numpy(float)
    try:
        statistic = float(gap @ np.linalg.solve(spread, gap))
    except np.linalg.LinAlgError:
        raise ValueError("Hausman: the two covariances do not differ in some direction") from None
    p_value = float(stats.chi2.sf(statistic, len(names)))
    return Test("Hausman: random effects", statistic, len(names), None, p_value, "chi-squared, as plm")
