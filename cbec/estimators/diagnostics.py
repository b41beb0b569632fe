"""What a reader of a staggered design asks before believing it.

Which comparisons two-way fixed effects makes (`bacon_decomposition`, `twfe_weights`), whether the
years before treatment look parallel and what that test could have seen (`pretrend_test`,
`pretrend_power`), and what is left of the result when trends differ (`honest_did`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import optimize, stats

from cbec.estimators.absorb import build_projector, residualise
from cbec.estimators.panel import factor_codes, rows_in_pairs
from cbec.estimators.staggered.fit import EventTime
from cbec.estimators.staggered.sample import Sample, prepare_sample

FloatArray = NDArray[np.float64]

#: Points of the quasi-random rule behind acceptance probabilities, as a power of two.
LOG2_POINTS = 14


@dataclass(frozen=True)
class TwfeWeights:
    """Weights of two-way fixed effects on the effects of treated cohort-years.

    weights has one row per treated cohort and year: cohort, year, n_units, weight (sums to one over
    the rows). sigma_zero is the smallest standard deviation of effects across treated unit-years
    with which the average effect could be zero, sigma_opposite with which every effect could have
    the sign opposite to the estimate (None when no weight is negative: then it cannot). n_obs counts the
    rows of the regression whose coefficient `estimate` is.
    """

    weights: pd.DataFrame
    estimate: float
    n_obs: int
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


#: Comparisons with a group that is treated already: what effects that grow or fall bias.
FORBIDDEN = ("later vs earlier", "later vs always treated")


def bacon_decomposition(
    frame: pd.DataFrame,
    *,
    outcome: str,
    unit: str,
    time: str = "year",
    cohort: str = "first_treated_year",
) -> pd.DataFrame:
    """Two-way fixed effects as a weighted mean of two-group comparisons (Goodman-Bacon 2021, theorem 1).

    Columns: treated_cohort, control_cohort (missing: never treated, or treated from the first year on, as
    comparison says), comparison ("treated vs never treated", "earlier vs later", and the `FORBIDDEN` ones
    "later vs earlier" and "later vs always treated"), weight, estimate, n_treated, n_control. The
    weighted mean of estimate is the coefficient of `fit_staggered(estimator="twfe")` on the same frame. Units
    with a gap are dropped: the decomposition holds for balanced panels only.

    Raises ValueError as `prepare_sample` does, and when the identity fails.
    """
    return decompose(balanced_sample(frame, outcome=outcome, unit=unit, time=time, cohort=cohort))


def balanced_sample(
    frame: pd.DataFrame,
    *,
    outcome: str,
    unit: str,
    time: str = "year",
    cohort: str = "first_treated_year",
    treatment: str | None = None,
) -> Sample:
    """Rows that the theorem of `bacon_decomposition` is about: units without a gap, whatever their cohort.

    treatment, when given, is the 0/1 status of the regression, checked against the cohort: of another
    regressor, such as a dose, there is no such decomposition. Raises ValueError as `prepare_sample` does.
    """
    return _whole_sample(frame, outcome, unit, time, cohort, treatment=treatment)


def decompose(balanced: Sample) -> pd.DataFrame:
    """`bacon_decomposition` of rows from `balanced_sample`. Raises ValueError when the identity fails."""
    sample, factor = balanced.scaled()
    rows = _two_by_two(sample)
    if not rows:
        raise ValueError("one cohort and no other unit: nothing to compare")
    table = pd.DataFrame(rows).astype({"control_cohort": "Int64"})
    table["weight"] /= table["weight"].sum()
    table = table.sort_values(["comparison", "treated_cohort", "control_cohort"], ignore_index=True)
    d = _status(sample)
    residual = _residual(sample, d)
    coefficient = float(residual @ sample.data["y"].to_numpy(dtype=float) / (residual @ d))
    total = float((table["weight"] * table["estimate"]).sum())
    if abs(total - coefficient) > 1e-6 * max(abs(coefficient), 1.0):
        raise ValueError(
            f"the decomposition adds up to {total * factor}, not to the coefficient {coefficient * factor}"
        )
    return table.assign(estimate=table["estimate"] * factor)


def _two_by_two(sample: Sample) -> list[dict[str, Any]]:
    """Every comparison of a cohort that is not treated throughout with another group, weights not scaled.

    With n a group's units and D the share of years that it is treated, the weight of k against a group whose
    treatment does not change is n_k n D_k (1 - D_k); of the earlier k against the later l, before l is
    treated, n_k n_l (D_k - D_l) (1 - D_k); of l against k, after k is treated, n_k n_l D_l (D_k - D_l).
    """
    data = sample.data
    years = np.array(sample.years)
    group = data["cohort"].where(data["cohort"] == 0, data["cohort"].clip(lower=years[0]))
    path = data.assign(cohort=group).pivot_table(index="cohort", columns="time", values="y").to_numpy()
    size = data.assign(cohort=group).groupby("cohort")["unit"].nunique()
    starts = [int(g) for g in size.index]
    share = {g: float(np.mean((years >= g) & (g > 0))) for g in starts}
    rows = []
    for i, g in enumerate(starts):
        if g == 0 or share[g] == 1:
            continue
        for j, other in enumerate(starts):
            if other == g:
                continue
            is_stable = other == 0 or share[other] == 1
            # Years in which the other group does not change.
            window = np.ones(len(years), bool) if is_stable else (years < other) == (g < other)
            after, gap = years >= g, path[i] - path[j]
            n, d, e = float(size[g]) * float(size[other]), share[g], share[other]
            weight = n * (d * (1 - d) if is_stable else (d - e) * (1 - d) if g < other else d * (e - d))
            kind = (
                "treated vs never treated"
                if other == 0
                else FORBIDDEN[1]
                if is_stable
                else "earlier vs later"
                if g < other
                else FORBIDDEN[0]
            )
            rows.append(
                {
                    "treated_cohort": g,
                    "control_cohort": None if is_stable else other,
                    "comparison": kind,
                    "weight": weight,
                    "estimate": float(gap[window & after].mean() - gap[window & ~after].mean()),
                    "n_treated": int(size[g]),
                    "n_control": int(size[other]),
                }
            )
    return rows


def twfe_weights(
    frame: pd.DataFrame,
    *,
    outcome: str,
    unit: str,
    time: str = "year",
    cohort: str = "first_treated_year",
    controls: Sequence[str] = (),
    gaps: str = "drop",
    treatment: str | None = None,
) -> TwfeWeights:
    """Weights that two-way fixed effects attaches to each treated cohort-year.

    de Chaisemartin and D'Haultfoeuille (2020), theorem 1 and corollary 1; with controls, their
    extension: the treatment's residual on controls and fixed effects. The theorem weighs rows, so that
    gaps="keep" gives the weights of an unbalanced panel; rows alone in a unit or year are in no coefficient
    and leave. treatment: as in `balanced_sample`. Raises ValueError as `prepare_sample` does, and when
    treatment does not vary beyond the fixed effects and controls.
    """
    whole = _whole_sample(frame, outcome, unit, time, cohort, controls, gaps=gaps, treatment=treatment)
    sample, factor = _in_pairs(whole).scaled()
    d = _status(sample)
    residual = _residual(sample, d)
    if residual @ residual <= 1e-10 * (d @ d):
        raise ValueError("the treatment does not vary beyond the fixed effects and the controls")
    treated: NDArray[np.bool_] = d > 0
    scale = float(residual @ d)
    y = sample.data["y"].to_numpy(dtype=float)
    estimate = float(residual @ y) / scale * factor
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
        n_obs=len(sample.data),
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
    frame: pd.DataFrame,
    outcome: str,
    unit: str,
    time: str,
    cohort: str,
    controls: Sequence[str] = (),
    *,
    gaps: str = "drop",
    treatment: str | None = None,
) -> Sample:
    return prepare_sample(
        frame,
        outcome=outcome,
        unit=unit,
        time=time,
        cohort=cohort,
        controls=controls,
        treatment=treatment,
        gaps=gaps,
        keep_always_treated=True,
        needs_controls=False,
    )


def _in_pairs(sample: Sample) -> Sample:
    """The sample without rows alone in a unit or year. Raises ValueError when nothing is left."""
    codes = [factor_codes(sample.data[name].to_numpy()) for name in ("unit", "time")]
    keep = rows_in_pairs(codes, len(sample.data))
    if not keep.any():
        raise ValueError("every row is alone in one of the fixed effects")
    return replace(sample, data=sample.data[keep].reset_index(drop=True))


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


def around_the_base(
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
    before, _, estimates, covariance = around_the_base(events, vcov, base)
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
    before, _, _, covariance = around_the_base(events, vcov, base)
    k = len(before)
    v = covariance[:k, :k]
    error = np.sqrt(np.diag(v))
    correlation = v / np.outer(error, error)
    root = covariance_root(correlation)
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


def covariance_root(covariance: FloatArray) -> FloatArray:
    """R with RR' = covariance; triangular and hence unique unless it is singular."""
    try:
        return np.asarray(np.linalg.cholesky(covariance))
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(covariance)
        return np.asarray(vectors * np.sqrt(np.maximum(values, 0)))


# --- sensitivity --------------------------------------------------------------------------
