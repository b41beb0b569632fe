"""Confidence sets under restrictions on violations of parallel trends (Rambachan and Roth 2023)."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from cbec.estimators.diagnostics import FloatArray, around_the_base, covariance_root
from cbec.estimators.staggered.fit import EventTime

RESTRICTIONS = ("relative_magnitudes", "smoothness")
#: First-stage size of the hybrid test, as a share of its level (Rambachan and Roth 2023).
FIRST_STAGE_SHARE = 0.1
#: Draws behind least-favourable critical values, and their seed.
LEAST_FAVOURABLE_DRAWS = 20_000
#: A breakdown value is looked for up to this bound.
MAX_RELATIVE_MAGNITUDE = 20.0


@dataclass(frozen=True)
class HonestInterval:
    """Robust interval when trends may differ by as much as `bound` allows."""

    bound: float
    ci_low: float
    ci_high: float


@dataclass(frozen=True)
class HonestDid:
    """Sensitivity of an event study to violations of parallel trends (Rambachan and Roth 2023).

    breakdown is the smallest bound whose interval covers zero: 0 when the effect is not significant
    to begin with, None when it stays significant up to MAX_RELATIVE_MAGNITUDE.
    """

    restriction: str
    target: str
    estimate: float
    std_error: float
    intervals: tuple[HonestInterval, ...]
    breakdown: float | None
    engine: str


def honest_did(
    events: Sequence[EventTime],
    vcov: FloatArray | None,
    *,
    restriction: str = "relative_magnitudes",
    bounds: Sequence[float] | None = None,
    target: int | None = None,
    level: float = 0.05,
    base: int = -1,
    with_breakdown: bool = True,
) -> HonestDid:
    """Intervals for an effect when trends may differ after treatment.

    restriction "relative_magnitudes": between two years after treatment the difference in trends is
    at most `bound` times its largest value between two years before. The interval is the hybrid of
    conditional and least-favourable tests (Rambachan and Roth 2023; Andrews, Roth and Pakes
    2023), own code, because diff-diff 3.13.0 extends the identified set by 1.96 standard errors, which
    ignores that the largest difference is estimated and misses the reference.
    restriction "smoothness": the slope of the difference in trends changes by at most `bound` a year.
    The interval is the shortest of fixed length, from diff-diff.

    target is the event year whose effect is requested, or None for the mean over all event years
    after the base. bounds default to 0.5, 1, 1.5 and 2 (relative magnitudes), or 0, a half, one and
    two standard errors of the target (smoothness).

    Raises ValueError for an unknown restriction, a negative bound, no joint covariance, and event
    years with gaps between them.
    """
    if restriction not in RESTRICTIONS:
        raise ValueError(f"restriction {restriction!r}; allowed: {', '.join(RESTRICTIONS)}")
    before, after, estimates, covariance = around_the_base(events, vcov, base)
    if not after:
        raise ValueError(f"no event year after the base {base}")
    if [*before, base, *after] != list(range(before[0], after[-1] + 1)):
        raise ValueError(f"event years {before} and {after} have gaps around the base {base}")
    if target is not None and target not in after:
        raise ValueError(f"target {target}; allowed: {', '.join(map(str, after))}")
    weights = np.array([1.0 / len(after) if target is None else float(y == target) for y in after])
    k = len(before)
    estimate = float(weights @ estimates[k:])
    error = math.sqrt(float(weights @ covariance[k:, k:] @ weights))
    if bounds is None:
        bounds = (
            (0.5, 1.0, 1.5, 2.0)
            if restriction == "relative_magnitudes"
            else (0.0, error / 2, error, 2 * error)
        )
    if min(bounds) < 0:
        raise ValueError(f"bound {min(bounds)}; allowed: 0 or more")
    if restriction == "relative_magnitudes":
        problem = _RelativeMagnitudes(estimates, covariance, k, weights, level)
        found = [HonestInterval(float(m), *problem.interval(float(m))) for m in bounds]
        breakdown = problem.breakdown() if with_breakdown else None
        engine = "own code"
    else:
        smooth = _Smoothness(before, after, estimates, covariance, weights, level, estimate, error)
        found = [HonestInterval(float(m), *smooth.interval(float(m))) for m in bounds]
        breakdown = smooth.breakdown() if with_breakdown else None
        engine = f"diff-diff {version('diff-diff')}"
    name = f"mean of event years {after[0]} to {after[-1]}" if target is None else f"event year {target}"
    return HonestDid(restriction, name, estimate, error, tuple(found), breakdown, engine)


class _RelativeMagnitudes:
    """Test inversion under relative magnitudes.

    The restriction is a union over the year s before treatment with the largest difference and over its
    sign: in each, the differences in trends delta satisfy A delta <= 0. An effect theta = l'tau is
    accepted when the moments A (beta - tau) <= 0 are for some tau with that l'tau. Their test
    statistic is the largest of v_j = gamma_j'y over the vertices gamma_j of a dual polyhedron; the
    conditional critical value is that of a normal truncated to where the same vertex stays the
    largest, and values above the least-favourable critical value are rejected outright.

    Moments of years after treatment only are compared, as the authors' package does. With first
    differences as moments the vertices are known: with w_t the sum of l from t on, the positive or
    the negative side of w, or both sides of one year.
    """

    def __init__(
        self, estimates: FloatArray, covariance: FloatArray, n_before: int, weights: FloatArray, level: float
    ) -> None:
        n = len(estimates)
        self.n_before, self.n_after = n_before, n - n_before
        self.estimates, self.weights = estimates, weights
        self.level, self.first_stage = level, level * FIRST_STAGE_SHARE
        difference = np.zeros((n, n + 1))
        difference[np.arange(n), np.arange(n)] = -1.0
        difference[np.arange(n), np.arange(n) + 1] = 1.0
        #: First differences without the column of the base, which is zero.
        self.difference = np.delete(difference, n_before, axis=1)
        self.covariance = covariance
        self.centre = float(weights @ estimates[n_before:])
        self.error = math.sqrt(float(weights @ covariance[n_before:, n_before:] @ weights))
        noise = np.random.default_rng(0).standard_normal((LEAST_FAVOURABLE_DRAWS, n))
        self.noise = noise @ covariance_root(covariance).T

    def _vertices(self, moments: FloatArray, is_after: NDArray[np.bool_]) -> FloatArray:
        """Dual vertices on the rows after treatment, scaled to a unit sum of standard deviations.

        One year after treatment leaves no nuisance parameter: each of its two rows is a vertex.
        """
        if self.n_after == 1:
            rows = np.eye(len(moments))[is_after]
        else:
            w = np.cumsum(self.weights[::-1])[::-1]
            positive, negative = np.maximum(w, 0), np.maximum(-w, 0)
            pairs = np.hstack([np.eye(self.n_after), np.eye(self.n_after)])
            rows = np.zeros((self.n_after + 2, len(moments)))
            # Rows after treatment: first differences, then their negatives.
            rows[:, is_after] = np.vstack(
                [np.concatenate([positive, negative]), np.concatenate([negative, positive]), pairs]
            )
        deviation = np.sqrt(np.einsum("ij,jk,ik->i", moments, self.covariance, moments))
        rows = rows / (rows @ deviation)[:, None]
        # With a bound of zero both sides of a year cancel: a moment of 0 <= 0 tells nothing.
        real = np.linalg.norm(rows @ moments, axis=1) > 1e-12 * np.linalg.norm(rows, axis=1)
        return np.asarray(rows[real])

    def _cases(self, bound: float) -> list[tuple[FloatArray, FloatArray, FloatArray, FloatArray, float]]:
        """For each year before and sign: v at 0, its slope in theta, covariance, deviations, cut-off."""
        after = np.arange(len(self.estimates)) >= self.n_before
        limit = np.where(after, bound, 1.0)[:, None]
        tau = np.concatenate([np.zeros(self.n_before), self.weights / (self.weights @ self.weights)])
        out = []
        for s in range(self.n_before):
            for sign in (1.0, -1.0):
                cap = limit * (sign * self.difference[s])[None, :]
                moments = np.vstack([self.difference - cap, -self.difference - cap])
                is_after = np.concatenate([after, after])
                real = np.linalg.norm(moments, axis=1) > 1e-10
                moments, is_after = moments[real], is_after[real]
                rows = self._vertices(moments, is_after) @ moments
                covariance = rows @ self.covariance @ rows.T
                deviation = np.sqrt(np.diag(covariance))
                worst = (self.noise @ rows.T).max(axis=1)
                cut = float(np.quantile(worst, 1 - self.first_stage))
                out.append((rows @ self.estimates, -(rows @ tau), covariance, deviation, cut))
        return out

    def _accepted(
        self,
        theta: FloatArray,
        cases: Sequence[tuple[FloatArray, FloatArray, FloatArray, FloatArray, float]],
    ) -> NDArray[np.bool_]:
        """Which values of theta (n,) some case accepts."""
        accepted = np.zeros(len(theta), dtype=bool)
        size = (self.level - self.first_stage) / (1 - self.first_stage)
        for constant, slope, covariance, deviation, cut in cases:
            v = constant[:, None] + slope[:, None] * theta[None, :]
            top = v.argmax(axis=0)
            statistic = v[top, np.arange(len(theta))]
            ratio = covariance[:, top] / np.diag(covariance)[top][None, :]
            with np.errstate(divide="ignore", invalid="ignore"):
                edge = (v - ratio * statistic) / (1 - ratio)
            low = np.where(ratio < 1 - 1e-12, edge, -np.inf).max(axis=0)
            high = np.where(ratio > 1 + 1e-12, edge, np.inf).min(axis=0)
            sd = deviation[top]
            # Where nothing is to be profiled out, the authors' package leaves the first stage out of the
            # truncation, which widens the interval by up to 2 %.
            upper = special.ndtr(-(high if self.n_after == 1 else np.minimum(high, cut)) / sd)
            below = special.ndtr(-low / sd) - upper
            with np.errstate(divide="ignore", invalid="ignore"):
                p = (special.ndtr(-statistic / sd) - upper) / below
            rejected = (statistic > cut) | ((statistic > 0) & (p < size))
            accepted |= ~rejected
        return accepted

    def interval(self, bound: float) -> tuple[float, float]:
        """Smallest and largest effect accepted."""
        cases = self._cases(bound)
        width = 20.0
        for _ in range(12):
            theta = self.centre + np.linspace(-width, width, 801) * self.error
            accepted = self._accepted(theta, cases)
            if not (accepted[0] or accepted[-1]):
                break
            width *= 2
        else:
            return -math.inf, math.inf
        if not accepted.any():
            raise ValueError("no effect is accepted: the years before treatment contradict the restriction")
        ends = []
        for inside, step in (
            (int(accepted.argmax()), -1),
            (len(theta) - 1 - int(accepted[::-1].argmax()), 1),
        ):
            yes, no = float(theta[inside]), float(theta[inside + step])
            for _ in range(40):
                middle = (yes + no) / 2
                yes, no = (middle, no) if self._accepted(np.array([middle]), cases)[0] else (yes, middle)
            ends.append(yes)
        return ends[0], ends[1]

    def breakdown(self) -> float | None:
        """Smallest bound at which zero is accepted, to three digits."""

        def covers_zero(bound: float) -> bool:
            return bool(self._accepted(np.zeros(1), self._cases(bound))[0])

        if covers_zero(0.0):
            return 0.0
        low, high = 0.0, 1.0
        while not covers_zero(high):
            low, high = high, 2 * high
            if low >= MAX_RELATIVE_MAGNITUDE:
                return None
        while high - low > 1e-3 * high:
            middle = (low + high) / 2
            low, high = (low, middle) if covers_zero(middle) else (middle, high)
        return high


class _Smoothness:
    """Fixed-length intervals under a bound on second differences, through diff-diff."""

    def __init__(
        self,
        before: Sequence[int],
        after: Sequence[int],
        estimates: FloatArray,
        covariance: FloatArray,
        weights: FloatArray,
        level: float,
        estimate: float,
        error: float,
    ) -> None:
        from diff_diff.results import MultiPeriodDiDResults, PeriodEffect

        # In standard errors of the target: the library's search for the best weights depends on scale.
        years, scaled = [*before, *after], covariance / error**2
        effects = {
            year: PeriodEffect(year, float(b) / error, math.sqrt(float(v)), 0.0, 0.0, (0.0, 0.0))
            for year, b, v in zip(years, estimates, np.diag(scaled), strict=True)
        }
        # Its event-study container, of which only effects and covariance are read.
        self.results = MultiPeriodDiDResults(
            period_effects=effects,
            avg_att=estimate,
            avg_se=error,
            avg_t_stat=0.0,
            avg_p_value=0.0,
            avg_conf_int=(0.0, 0.0),
            n_obs=0,
            n_treated=0,
            n_control=0,
            pre_periods=list(before),
            post_periods=list(after),
            vcov=scaled,
            interaction_indices={year: i for i, year in enumerate(years)},
        )
        self.weights, self.level, self.estimate, self.error = weights, level, estimate, error

    def interval(self, bound: float) -> tuple[float, float]:
        from diff_diff import HonestDiD

        with warnings.catch_warnings():
            # An empty identified set does not touch the interval.
            warnings.simplefilter("ignore")
            found = HonestDiD("smoothness", M=bound / self.error, alpha=self.level, l_vec=self.weights).fit(
                self.results
            )
        return float(found.ci_lb) * self.error, float(found.ci_ub) * self.error

    def breakdown(self) -> float | None:
        """Where the end of the interval nearer to zero reaches it, to one per cent."""

        def distance(bound: float) -> float:
            low, high = self.interval(bound)
            return low if self.estimate > 0 else -high

        if distance(0.0) <= 0:
            return 0.0
        high = self.error / 2
        while distance(high) > 0:
            high *= 2
            if high > MAX_RELATIVE_MAGNITUDE * self.error:
                return None
        return float(optimize.brentq(distance, 0.0, high, rtol=1e-2, xtol=1e-3 * high))
