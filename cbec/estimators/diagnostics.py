"""What a reader of a staggered design asks before believing it.

Which comparisons two-way fixed effects makes (`bacon_decomposition`, `twfe_weights`), whether the
years before treatment look parallel and what that test could have seen (`pretrend_test`,
`pretrend_power`), and what is left of the result when trends differ (`honest_did`).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import optimize, stats

from cbec.estimators.staggered import EventTime
from cbec.estimators.staggered_sample import Sample, prepare_sample
from cbec.estimators.within import build_projector, factor_codes, residualise

FloatArray = NDArray[np.float64]

RESTRICTIONS = ("relative_magnitudes", "smoothness")
#: First-stage size of the hybrid test, as a share of its level (Rambachan and Roth 2023).
FIRST_STAGE_SHARE = 0.1
#: Draws behind least-favourable critical values, and their seed.
LEAST_FAVOURABLE_DRAWS = 20_000
#: Points of the quasi-random rule behind acceptance probabilities, as a power of two.
LOG2_POINTS = 14
#: A breakdown value is looked for up to this bound.
MAX_RELATIVE_MAGNITUDE = 20.0


@dataclass(frozen=True)
class TwfeWeights:
    """Weights of two-way fixed effects on the effects of treated cohort-years.

    weights has one row per treated cohort and year: cohort, year, n_units, weight (sums to one over
    the rows). sigma_zero is the smallest standard deviation of effects across treated unit-years
    with which the average effect could be zero, sigma_opposite with which every effect could have
    the sign opposite to the estimate (None when no weight is negative: then it cannot).
    """

    weights: pd.DataFrame
    estimate: float
    n_negative: int
    sum_negative: float
    sigma_zero: float
    sigma_opposite: float | None


@dataclass(frozen=True)
class PretrendTest:
    """Joint Wald test of the coefficients before treatment, F with df_denominator clusters - 1."""

    statistic: float
    df: int
    df_denominator: int | None
    p_value: float
    event_years: tuple[int, ...]


@dataclass(frozen=True)
class PretrendPower:
    """The linear trend that the usual pre-test finds with probability `power`.

    slope is the difference in trends per year, passed the probability of finding none of the
    coefficients before treatment significant without any trend (at most 0.95).
    """

    power: float
    slope: float
    passed: float


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


def bacon_decomposition(
    frame: pd.DataFrame,
    *,
    outcome: str,
    unit: str,
    time: str = "year",
    cohort: str = "first_treated_year",
) -> pd.DataFrame:
    """Two-way fixed effects as a weighted mean of two-group comparisons (Goodman-Bacon 2021).

    Columns: treated_cohort, control_cohort (missing: never treated, with those treated from the
    first year on), comparison ("treated vs never treated", "earlier vs later", "later vs earlier",
    the last being the forbidden one), weight, estimate, n_treated, n_control. The weighted mean of
    estimate is the coefficient of `fit_staggered(estimator="twfe")` on the same frame. Units with a
    gap are dropped: the decomposition holds for balanced panels only.

    Raises ValueError as `prepare_sample` does, and when the identity fails.
    """
    from diff_diff import BaconDecomposition

    sample = _whole_sample(frame, outcome, unit, time, cohort)
    if sample.data["cohort"].nunique() < 2:
        raise ValueError("one cohort and no other unit: nothing to compare")
    with warnings.catch_warnings():
        # It reports units treated throughout, which the docstring does.
        warnings.simplefilter("ignore")
        found = BaconDecomposition(weights="exact").fit(
            sample.data, outcome="y", unit="unit", time="time", first_treat="cohort"
        )
    kinds = {
        "treated_vs_never": "treated vs never treated",
        "earlier_vs_later": "earlier vs later",
        "later_vs_earlier": "later vs earlier",
    }
    rows = [
        {
            "treated_cohort": int(pair.treated_group),
            "control_cohort": None if pair.comparison_type == "treated_vs_never" else int(pair.control_group),
            "comparison": kinds[pair.comparison_type],
            "weight": float(pair.weight),
            "estimate": float(pair.estimate),
            "n_treated": int(pair.n_treated),
            "n_control": int(pair.n_control),
        }
        for pair in found.comparisons
    ]
    table = pd.DataFrame(rows).astype({"control_cohort": "Int64"})
    table = table.sort_values(["comparison", "treated_cohort", "control_cohort"], ignore_index=True)
    d = _status(sample)
    residual = _residual(sample, d)
    y = sample.data["y"].to_numpy(dtype=float)
    coefficient = float(residual @ y / (residual @ d))
    total = float((table["weight"] * table["estimate"]).sum())
    if abs(total - coefficient) > 1e-6 * max(abs(coefficient), float(np.std(y)), 1e-300):
        raise ValueError(f"the decomposition adds up to {total}, not to the coefficient {coefficient}")
    return table


def twfe_weights(
    frame: pd.DataFrame,
    *,
    outcome: str,
    unit: str,
    time: str = "year",
    cohort: str = "first_treated_year",
    controls: Sequence[str] = (),
) -> TwfeWeights:
    """Weights that two-way fixed effects attaches to each treated cohort-year.

    de Chaisemartin and D'Haultfoeuille (2020), theorem 1 and corollary 1; with controls, their
    extension: the treatment's residual on controls and fixed effects. Raises ValueError as
    `prepare_sample` does, and when treatment does not vary beyond the fixed effects and controls.
    """
    sample = _whole_sample(frame, outcome, unit, time, cohort, controls)
    d = _status(sample)
    residual = _residual(sample, d)
    if residual @ residual <= 1e-10 * (d @ d):
        raise ValueError("the treatment does not vary beyond the fixed effects and the controls")
    treated: NDArray[np.bool_] = d > 0
    scale = float(residual @ d)
    y = sample.data["y"].to_numpy(dtype=float)
    estimate = float(residual @ y) / scale
    rows = sample.data.loc[treated, ["cohort", "time"]].assign(weight=residual[treated] / scale)
    table = (
        rows.groupby(["cohort", "time"], as_index=False)
        .agg(n_units=("weight", "size"), weight=("weight", "sum"))
        .rename(columns={"time": "year"})
    )
    # A weight that is zero by design comes out as rounding.
    table["weight"] = table["weight"].where(table["weight"].abs() > 1e-12, 0.0)
    share = (table["n_units"] / table["n_units"].sum()).to_numpy(dtype=float)
    relative = table["weight"].to_numpy(dtype=float) / share
    spread = math.sqrt(float(share @ (relative - 1) ** 2))
    return TwfeWeights(
        weights=table,
        estimate=estimate,
        n_negative=int((table["weight"] < 0).sum()),
        sum_negative=float(table.loc[table["weight"] < 0, "weight"].sum()),
        sigma_zero=abs(estimate) / spread if spread > 1e-12 else math.inf,
        sigma_opposite=_sigma_opposite(estimate, relative, share),
    )


def _sigma_opposite(estimate: float, relative: FloatArray, share: FloatArray) -> float | None:
    """Their second bound, from weights in falling order (corollary 1, ii)."""
    if not (relative < 0).any():
        return None
    order = np.argsort(-relative, kind="stable")
    w, n = relative[order], share[order]
    below = np.cumsum(n[::-1])[::-1]
    first = np.cumsum((n * w)[::-1])[::-1]
    second = np.cumsum((n * w**2)[::-1])[::-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        small = w < -first / (1 - below)
    # All effects together have weight one; there 1 - below is zero but for rounding.
    small[0] = False
    start = int(np.argmax(small))
    return abs(estimate) / math.sqrt(second[start] + first[start] ** 2 / (1 - below[start]))


def _whole_sample(
    frame: pd.DataFrame, outcome: str, unit: str, time: str, cohort: str, controls: Sequence[str] = ()
) -> Sample:
    return prepare_sample(
        frame,
        outcome=outcome,
        unit=unit,
        time=time,
        cohort=cohort,
        controls=controls,
        keep_always_treated=True,
        needs_controls=False,
    )


def _status(sample: Sample) -> FloatArray:
    data = sample.data
    return np.asarray(data["cohort"].gt(0) & data["time"].ge(data["cohort"]), dtype=float)


def _residual(sample: Sample, column: FloatArray) -> FloatArray:
    """A column's residual on unit and time effects and controls."""
    data = sample.data
    codes = [factor_codes(data[name].to_numpy()) for name in ("unit", "time")]
    projector = build_projector(codes, len(data))
    block = np.column_stack([column, data[sample.control_columns].to_numpy(dtype=float)])
    block = residualise(projector, block)
    if block.shape[1] > 1:
        fit = np.linalg.lstsq(block[:, 1:], block[:, 0], rcond=1e-10)[0]
        return np.asarray(block[:, 0] - block[:, 1:] @ fit, dtype=float)
    return np.asarray(block[:, 0], dtype=float)


# --- before treatment ---------------------------------------------------------------------


def _sides(
    events: Sequence[EventTime], vcov: FloatArray | None, base: int
) -> tuple[list[int], list[int], FloatArray, FloatArray]:
    """Event years before and after the base, their estimates and covariance, in order.

    Event years that one unit alone identifies have no error and no place in a joint test.
    """
    if vcov is None:
        raise ValueError("no joint covariance: this estimator does not measure its event years from one base")
    years = [event.event_year for event in events]
    covariance = np.asarray(vcov, dtype=float)
    if covariance.shape != (len(years), len(years)):
        raise ValueError(f"vcov has shape {covariance.shape}; needed: {len(years)} by {len(years)}")
    if base in years:
        raise ValueError(f"event year {base} is estimated and cannot be the base")
    order = [i for i in np.argsort(years) if not math.isnan(events[i].std_error)]
    years = [years[i] for i in order]
    before = [year for year in years if year < base]
    if not before:
        raise ValueError(f"no event year before the base {base}")
    estimates = np.array([events[i].estimate for i in order])
    return before, [y for y in years if y > base], estimates, covariance[np.ix_(order, order)]


def pretrend_test(
    events: Sequence[EventTime], vcov: FloatArray | None, *, n_clusters: int | None = None, base: int = -1
) -> PretrendTest:
    """Are all coefficients before the base zero? F(k, G - 1) with n_clusters, else chi-squared.

    Raises ValueError without a joint covariance, without coefficients before the base, and when
    their covariance is singular (more of them than clusters allow).
    """
    before, _, estimates, covariance = _sides(events, vcov, base)
    k = len(before)
    b, v = estimates[:k], covariance[:k, :k]
    if np.linalg.matrix_rank(v) < k or (n_clusters is not None and n_clusters <= k):
        raise ValueError(f"the covariance of {k} coefficients before treatment is singular")
    wald = float(b @ np.linalg.solve(v, b))
    if n_clusters is None:
        return PretrendTest(wald, k, None, float(stats.chi2.sf(wald, k)), tuple(before))
    f = wald / k
    return PretrendTest(f, k, n_clusters - 1, float(stats.f.sf(f, k, n_clusters - 1)), tuple(before))


def pretrend_power(
    events: Sequence[EventTime],
    vcov: FloatArray | None,
    *,
    power: Sequence[float] = (0.5, 0.8),
    level: float = 0.05,
    base: int = -1,
) -> tuple[PretrendPower, ...]:
    """The linear trend that a look at the coefficients before treatment would find (Roth 2022).

    The test is the customary one: reject when any coefficient before the base is significant at
    `level` by itself. Probabilities come from a fixed quasi-random rule, so that a run repeats; diff-diff's
    own function evaluates them with unseeded random numbers.

    Raises ValueError as `pretrend_test`, and for a power outside (0, 1).
    """
    before, _, _, covariance = _sides(events, vcov, base)
    k = len(before)
    v = covariance[:k, :k]
    error = np.sqrt(np.diag(v))
    correlation = v / np.outer(error, error)
    root = _root(correlation)
    sampler = stats.qmc.Sobol(k, scramble=True, rng=np.random.default_rng(0))
    uniform = np.clip(sampler.random_base2(LOG2_POINTS), 1e-12, 1 - 1e-12)
    noise = stats.norm.ppf(uniform) @ root.T
    # Both signs of every point: the normal is symmetric and the rule should be.
    noise = np.concatenate([noise, -noise])
    critical = float(stats.norm.ppf(1 - level / 2))
    # In units of each coefficient's own standard error.
    trend = (np.array(before) - base) / error

    def rejected(slope: float) -> float:
        return float(np.mean((np.abs(noise + slope * trend) > critical).any(axis=1)))

    unit = 1 / float(np.abs(trend).max())
    size = rejected(0.0)
    out = []
    for wanted in power:
        if not 0 < wanted < 1:
            raise ValueError(f"power {wanted}; allowed: between 0 and 1")
        if wanted <= size:
            out.append(PretrendPower(wanted, 0.0, 1 - size))
            continue
        high = unit
        while rejected(high) < wanted:
            high *= 2
        slope = optimize.brentq(lambda s, p=wanted: rejected(s) - p, 0.0, high, xtol=1e-7 * high)
        out.append(PretrendPower(wanted, float(slope), 1 - size))
    return tuple(out)


def _root(covariance: FloatArray) -> FloatArray:
    """R with RR' = covariance; triangular and hence unique unless it is singular."""
    try:
        return np.asarray(np.linalg.cholesky(covariance))
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(covariance)
        return np.asarray(vectors * np.sqrt(np.maximum(values, 0)))


# --- sensitivity --------------------------------------------------------------------------


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

    target is the event year whose effect is asked for, or None for the mean over all event years
    after the base. bounds default to 0.5, 1, 1.5 and 2 (relative magnitudes), or 0, a half, one and
    two standard errors of the target (smoothness).

    Raises ValueError for an unknown restriction, a negative bound, no joint covariance, and event
    years with gaps between them.
    """
    if restriction not in RESTRICTIONS:
        raise ValueError(f"restriction {restriction!r}; allowed: {', '.join(RESTRICTIONS)}")
    before, after, estimates, covariance = _sides(events, vcov, base)
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
        self.noise = noise @ _root(covariance).T

    def _vertices(self, moments: FloatArray, is_after: NDArray[np.bool_]) -> FloatArray:
        """Dual vertices on the rows after treatment, scaled to a unit sum of standard deviations."""
        if self.n_after == 1:
            rows = np.eye(len(moments))
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
            upper = stats.norm.sf(np.minimum(high, cut) / sd)
            below = stats.norm.sf(low / sd) - upper
            with np.errstate(divide="ignore", invalid="ignore"):
                p = (stats.norm.sf(statistic / sd) - upper) / below
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
