"""The grey model GM(1,1): fit, tests, grade, forecast, rolling-origin error, declared filling.

Deng (1982); formulas as in Liu and Lin (2006), Grey Information. The model is a first-order
differential equation for the cumulated series; it is meant for short, positive, smooth series.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float = NDArray[np.float64]
Grading = Literal["standard", "printed"]
MINIMUM = 4

# Rows: name, smallest P (share of small residuals), largest C (posterior-variance ratio); both
# with strict inequality. The standard table is the textbook one. The printed one is from a
# published application; it is not monotone in C and is kept only to reproduce it.
GRADES: dict[str, tuple[tuple[str, float, float], ...]] = {
    "standard": (("good", 0.95, 0.35), ("qualified", 0.80, 0.50), ("marginal", 0.70, 0.65)),
    "printed": (("better", 0.88, 0.38), ("fair", 0.70, 0.40), ("pass", 0.50, 0.30)),
}


class GreyRefusal(ValueError):
    """The series is not one that GM(1,1) may be used on; the message says why."""


@dataclass(frozen=True)
class GreyModel:
    """A fitted GM(1,1).

    a: development coefficient (growth when negative). b: grey input. observed, fitted,
    residual (observed - fitted, signed), relative_error (|residual| / observed): (n,), the
    first fitted value is the first observation. class_ratio: (n - 1,) x(k-1) / x(k), and the
    open interval (class_low, class_high) in which they must lie. smoothness: (n - 1,)
    x(k) / sum of x before k. is_smooth: smoothness below ``smoothness_limit`` from the third
    value on. s1, s2: standard deviations (divisor n) of the observations and residuals.
    c = s2 / s1. p: share of residuals within 0.6745 s1 of their mean. grade: by ``grading``.
    """

    a: float
    b: float
    observed: Float
    fitted: Float
    residual: Float
    relative_error: Float
    class_ratio: Float
    class_low: float
    class_high: float
    class_ratio_passed: bool
    smoothness: Float
    smoothness_limit: float
    is_smooth: bool
    s1: float
    s2: float
    c: float
    p: float
    grade: str
    grading: str

    def forecast(self, steps: int) -> Float:
        """The next ``steps`` values."""
        if steps < 1:
            raise ValueError(f"steps must be at least 1, got {steps}")
        n = len(self.observed)
        return _restored(self.a, self.b, float(self.observed[0]), n + steps)[n:]


@dataclass(frozen=True)
class RollingError:
    """Out-of-sample errors of several methods on the same origins.

    methods: names. mape (share, not per cent), rmse, mase (mean absolute error over that of
    the naive method): one per method, computed on the origins where every method gave a
    forecast. origins: number of those. refused: origins at which GM(1,1) was refused; they
    are left out for all methods and counted here. forecasts: (methods, origins), actual:
    (origins,).
    """

    methods: tuple[str, ...]
    mape: Float
    rmse: Float
    mase: Float
    origins: int
    refused: int
    forecasts: Float
    actual: Float


@dataclass(frozen=True)
class GreyFill:
    """A series with its gaps filled, and what was filled by which model.

    values: (n,). is_filled: (n,) True where the value is an imputation. method: text to keep
    beside the series. reasons: for each gap that was left open, index and why.
    """

    values: Float
    is_filled: NDArray[np.bool_]
    method: str
    reasons: tuple[tuple[int, str], ...]


def _restored(a: float, b: float, first: float, n: int) -> Float:
    """x0hat(1..n): the first observation, then (1 - e^a)(x(1) - b/a) e^(-a t)."""
    t = np.arange(1, n)
    # (1 - e^a) / a tends to -1 as a tends to 0; expm1 keeps the digits on the way.
    slope = -np.expm1(a) / a if a != 0 else -1.0
    out = np.empty(n)
    out[0] = first
    out[1:] = (slope * a * first - slope * b) * np.exp(-a * t)
    return out


def grade_of(p: float, c: float, grading: Grading = "standard") -> str:
    """Grade from P and C; ``unqualified`` when no row of the table is met."""
    if grading not in GRADES:
        raise ValueError(f"grading must be one of {tuple(GRADES)}, got {grading!r}")
    for name, smallest_p, largest_c in GRADES[grading]:
        if p > smallest_p and c < largest_c:
            return name
    return "unqualified"


def gm11(
    series: ArrayLike,
    *,
    grading: Grading = "standard",
    smoothness_limit: float = 0.5,
    allow_class_ratio_failure: bool = False,
) -> GreyModel:
    """Fit GM(1,1) by least squares on x(k) + a z(k) = b, z the mean of adjacent cumulated sums.

    series: (n,) equally spaced, n >= 4, finite, positive. The class ratios x(k-1)/x(k) must
    lie in (exp(-2/(n+1)), exp(2/(n+1))); a series that fails is refused, or fitted with
    class_ratio_passed=False when allow_class_ratio_failure is set.

    Posterior check: signed residuals, the zero first one included, divisor n, P counts
    |residual - mean| < 0.6745 s1.

    Raises GreyRefusal (a ValueError) with the reason.
    """
    x = np.asarray(series, dtype=np.float64)
    if x.ndim != 1:
        raise ValueError(f"series must be one-dimensional, got shape {x.shape}")
    n = len(x)
    if n < MINIMUM:
        raise GreyRefusal(f"GM(1,1) needs at least {MINIMUM} values, got {n}")
    if not np.isfinite(x).all():
        k = int(np.flatnonzero(~np.isfinite(x))[0])
        raise GreyRefusal(f"value {k + 1} of {n} is {float(x[k])!r}")
    if (x <= 0).any():
        k = int(np.flatnonzero(x <= 0)[0])
        raise GreyRefusal(f"GM(1,1) needs positive values, value {k + 1} of {n} is {float(x[k])!r}")
    grade_of(0.0, 1.0, grading)
    ratio = x[:-1] / x[1:]
    low, high = float(np.exp(-2 / (n + 1))), float(np.exp(2 / (n + 1)))
    outside = np.flatnonzero((ratio <= low) | (ratio >= high))
    if len(outside) and not allow_class_ratio_failure:
        k = int(outside[0])
        raise GreyRefusal(
            f"class ratio of values {k + 1} and {k + 2} is {ratio[k]:.4f}, outside "
            f"({low:.4f}, {high:.4f}) for n = {n}; {len(outside)} of {n - 1} ratios fail"
        )
    scale = float(x.mean())
    u = x / scale
    total = np.cumsum(u)
    z = 0.5 * (total[1:] + total[:-1])
    y = u[1:]
    centred = z - z.mean()
    a = float(-(centred @ (y - y.mean())) / (centred @ centred))
    b = float(y.mean() + a * z.mean()) * scale
    fitted = _restored(a, b, float(x[0]), n)
    residual = x - fitted
    s1, s2 = float(x.std()), float(residual.std())
    c = s2 / s1 if s1 > 0 else (0.0 if s2 <= 1e-12 * scale else np.inf)
    near = np.abs(residual - residual.mean()) < 0.6745 * s1
    p = float(near.mean()) if s1 > 0 else float(s2 <= 1e-12 * scale)
    smoothness = x[1:] / np.cumsum(x)[:-1]
    return GreyModel(
        a=a,
        b=b,
        observed=x,
        fitted=fitted,
        residual=residual,
        relative_error=np.abs(residual) / x,
        class_ratio=ratio,
        class_low=low,
        class_high=high,
        class_ratio_passed=not len(outside),
        smoothness=smoothness,
        smoothness_limit=smoothness_limit,
        is_smooth=bool((smoothness[1:] < smoothness_limit).all()),
        s1=s1,
        s2=s2,
        c=c,
        p=p,
        grade=grade_of(p, c, grading),
        grading=grading,
    )


def exponential_smoothing(series: Float, *, trend: bool, steps: int = 1) -> float:
    """Forecast ``steps`` ahead by simple (Brown) or linear (Holt 1957) exponential smoothing.

    Smoothing constants minimise the one-step squared errors on a grid of 0.05.
    """
    grid = np.arange(0.05, 1.0001, 0.05)
    alpha = grid[:, None] if trend else grid
    beta = grid[None, :] if trend else np.zeros(1)
    shape = np.broadcast_shapes(alpha.shape, beta.shape)
    level = np.full(shape, float(series[0]))
    slope = np.full(shape, float(series[1] - series[0]) if trend else 0.0)
    loss = np.zeros(shape)
    first = 1
    if trend:
        level = np.full(shape, float(series[1]))
        first = 2
    for value in series[first:]:
        error = value - (level + slope)
        loss += error**2
        new = level + slope + alpha * error
        slope = slope + beta * alpha * error
        level = new
    best = np.unravel_index(int(loss.argmin()), shape)
    return float(level[best] + steps * slope[best])


def rolling_origin(
    series: ArrayLike,
    *,
    first_origin: int = MINIMUM,
    steps: int = 1,
    allow_class_ratio_failure: bool = False,
) -> RollingError:
    """Forecast each value ``steps`` ahead from the values before it, by four methods.

    Methods: gm11, naive (the last value), simple exponential smoothing, Holt's linear one.
    first_origin: values in the first fit, at least 4. Raises ValueError when the series is too
    short for one origin, GreyRefusal when GM(1,1) is refused at every origin.
    """
    x = np.asarray(series, dtype=np.float64)
    if first_origin < MINIMUM:
        raise ValueError(f"first_origin must be at least {MINIMUM}, got {first_origin}")
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    if x.ndim != 1 or len(x) < first_origin + steps:
        raise ValueError(f"{x.size} values are too few: first_origin + steps = {first_origin + steps}")
    methods = ("gm11", "naive", "exponential_smoothing", "holt")
    rows, actual, refused, last = [], [], 0, ""
    for origin in range(first_origin, len(x) - steps + 1):
        past = x[:origin]
        try:
            model = gm11(past, allow_class_ratio_failure=allow_class_ratio_failure)
        except GreyRefusal as reason:
            refused += 1
            last = str(reason)
            continue
        rows.append(
            (
                float(model.forecast(steps)[-1]),
                float(past[-1]),
                exponential_smoothing(past, trend=False, steps=steps),
                exponential_smoothing(past, trend=True, steps=steps),
            )
        )
        actual.append(float(x[origin + steps - 1]))
    if not rows:
        raise GreyRefusal(f"GM(1,1) is refused at all {refused} origins; the last time: {last}")
    forecasts, truth = np.array(rows).T, np.array(actual)
    error = forecasts - truth
    absolute = np.abs(error).mean(axis=1)
    naive = absolute[methods.index("naive")]
    return RollingError(
        methods=methods,
        mape=(np.abs(error) / np.abs(truth)).mean(axis=1),
        rmse=np.sqrt((error**2).mean(axis=1)),
        mase=absolute / naive if naive > 0 else np.where(absolute > 0, np.inf, 1.0),
        origins=len(truth),
        refused=refused,
        forecasts=forecasts,
        actual=truth,
    )


def fill_gm11(series: ArrayLike, *, grading: Grading = "standard") -> GreyFill:
    """Fill gaps (NaN) from the values before them, by GM(1,1) one run of gaps at a time.

    Only a gap with at least four consecutive observed values right before it is filled, from
    those values; imputed values never feed a later fit. Observed values are returned
    unchanged. Gaps that cannot be filled stay NaN and are listed with the reason.
    """
    x = np.asarray(series, dtype=np.float64)
    if x.ndim != 1:
        raise ValueError(f"series must be one-dimensional, got shape {x.shape}")
    gap = np.isnan(x)
    values, filled = x.copy(), np.zeros(len(x), dtype=np.bool_)
    reasons: list[tuple[int, str]] = []
    start = 0
    while start < len(x):
        if not gap[start]:
            start += 1
            continue
        end = start
        while end < len(x) and gap[end]:
            end += 1
        begin = start
        while begin > 0 and not gap[begin - 1]:
            begin -= 1
        try:
            model = gm11(x[begin:start], grading=grading)
            if model.grade == "unqualified":
                raise GreyRefusal(f"the fit is unqualified (P = {model.p:.2f}, C = {model.c:.2f})")
            values[start:end] = model.forecast(end - start)
            filled[start:end] = True
        except GreyRefusal as reason:
            reasons += [(i, str(reason)) for i in range(start, end)]
        start = end
    return GreyFill(values, filled, "gm11 on the preceding observed run", tuple(reasons))
