"""Weights of two-way fixed effects, years before treatment, and sensitivity to trends."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

from cbec.estimators.diagnostics import bacon_decomposition, pretrend_power, pretrend_test, twfe_weights
from cbec.estimators.sensitivity import honest_did
from cbec.estimators.staggered.fit import EventTime, fit_staggered
from tests.estimators.test_staggered import MODEL, bench


@pytest.fixture(scope="module")
def panel() -> pd.DataFrame:
    return bench.simulate_panel(seed=7)


def event_study(
    estimates: list[float], vcov: np.ndarray, n_before: int
) -> tuple[list[EventTime], np.ndarray]:
    years = [*range(-1 - n_before, -1), *range(len(estimates) - n_before)]
    rows = [
        EventTime(y, b, math.sqrt(v), 0, 0, 1)
        for y, b, v in zip(years, estimates, np.diag(vcov), strict=True)
    ]
    return rows, vcov


def correlated(n: int, *, error: float = 0.1, rho: float = 0.4) -> np.ndarray:
    return error**2 * (rho * np.ones((n, n)) + (1 - rho) * np.eye(n))


# --- weights ------------------------------------------------------------------------------


def test_bacon_adds_up_to_two_way_fixed_effects(panel: pd.DataFrame) -> None:
    table = bacon_decomposition(panel, **MODEL)
    twfe = fit_staggered(panel, estimator="twfe", **MODEL).overall.estimate
    assert abs((table.weight * table.estimate).sum() - twfe) < 1e-9
    assert abs(table.weight.sum() - 1) < 1e-9
    assert (table.weight > 0).all()
    # Four cohorts against each other in both roles, and against the never treated.
    assert table.comparison.value_counts().to_dict() == {
        "earlier vs later": 6,
        "later vs earlier": 6,
        "treated vs never treated": 4,
    }


def test_bacon_counts_units_treated_throughout_as_untreated(panel: pd.DataFrame) -> None:
    frame = panel.assign(first_treated_year=panel.first_treated_year.replace({4.0: 1.0}))
    table = bacon_decomposition(frame, **MODEL)
    twfe = fit_staggered(frame, estimator="twfe", **MODEL).overall.estimate
    assert abs((table.weight * table.estimate).sum() - twfe) < 1e-9
    assert set(table.treated_cohort) == {6, 8, 10}


def test_bacon_without_never_treated_units() -> None:
    frame = bench.simulate_panel(seed=2, never=False)
    table = bacon_decomposition(frame, **MODEL)
    assert table.control_cohort.notna().all()
    twfe = fit_staggered(frame, estimator="twfe", **MODEL).overall.estimate
    assert abs((table.weight * table.estimate).sum() - twfe) < 1e-9
    with pytest.raises(ValueError, match="nothing to compare"):
        bacon_decomposition(frame[frame.first_treated_year == 6], **MODEL)


def test_weights_reproduce_two_way_fixed_effects_from_the_effects() -> None:
    """Without noise the coefficient is the weighted sum of effects, negative weights and all."""
    frame = bench.simulate_panel(seed=3)
    frame["y"] = frame.city * 0.1 + frame.year * 0.3 + frame.effect
    found = twfe_weights(frame, **MODEL)
    effect = [bench.true_effect(g, t) for g, t in zip(found.weights.cohort, found.weights.year, strict=True)]
    assert abs(found.weights.weight.sum() - 1) < 1e-9
    assert abs(found.weights.weight @ np.array(effect) - found.estimate) < 1e-9
    assert found.n_negative == (found.weights.weight < 0).sum() > 0
    assert found.sum_negative == found.weights.weight[found.weights.weight < 0].sum()


def test_weights_equal_diff_diff(panel: pd.DataFrame) -> None:
    from diff_diff import twowayfeweights

    data = panel.assign(d=(panel.year >= panel.first_treated_year).astype(int))
    theirs = twowayfeweights(data, outcome="y", unit="city", time="year", treatment="d")
    cells = theirs.weights.merge(data, on=["city", "year"]).query("d == 1")
    want = cells.groupby(["first_treated_year", "year"]).weight.sum()
    found = twfe_weights(panel, **MODEL)
    np.testing.assert_allclose(found.weights.weight, want, atol=1e-10)
    assert abs(found.estimate - theirs.beta_fe) < 1e-9
    assert abs(found.sigma_zero - theirs.sigma_fe) < 1e-9


def test_the_sigmas_are_the_smallest_that_allow_another_sign(panel: pd.DataFrame) -> None:
    """Their closed form against the minimisation that it solves."""
    found = twfe_weights(panel, **MODEL)
    share = (found.weights.n_units / found.weights.n_units.sum()).to_numpy()
    weight = found.weights.weight.to_numpy()

    def smallest(extra: list[dict[str, Any]], bounds: Any, start: np.ndarray) -> float:
        fixed = {"type": "eq", "fun": lambda d: weight @ d - found.estimate}
        best = optimize.minimize(
            lambda d: share @ (d - share @ d) ** 2, start, bounds=bounds, constraints=[fixed, *extra],
            method="SLSQP", options={"maxiter": 2000, "ftol": 1e-14},
        )  # fmt: skip
        assert best.success
        return math.sqrt(best.fun)

    zero = smallest([{"type": "eq", "fun": lambda d: share @ d}], None, np.zeros(len(share)))
    assert abs(zero / found.sigma_zero - 1) < 1e-3
    # Every effect of the opposite sign: feasible where negative weights carry the coefficient.
    start = np.where(weight < 0, found.estimate / weight[weight < 0].sum(), 0.0)
    bounds = [(None, 0.0) if found.estimate > 0 else (0.0, None)] * len(share)
    assert found.sigma_opposite is not None
    assert abs(smallest([], bounds, start) / found.sigma_opposite - 1) < 1e-3


@pytest.mark.parametrize("n_each", [1, 3, 7])
def test_the_sigmas_exist_whatever_the_sizes(n_each: int) -> None:
    """Shares add up to one but for rounding, which must not count as a negative remainder."""
    for seed in range(5):
        for never in (True, False):
            found = twfe_weights(bench.simulate_panel(seed=seed, n_each=n_each, never=never), **MODEL)
            assert found.sigma_opposite is not None
            assert found.sigma_opposite > found.sigma_zero > 0


def test_one_cohort_has_no_negative_weight(panel: pd.DataFrame) -> None:
    frame = panel[panel.first_treated_year.isna() | (panel.first_treated_year == 8)]
    found = twfe_weights(frame, **MODEL)
    assert (found.n_negative, found.sigma_opposite) == (0, None)
    assert math.isinf(found.sigma_zero)
    with pytest.raises(ValueError, match="does not vary"):
        twfe_weights(panel[panel.first_treated_year == 8], **MODEL)


def test_controls_enter_the_weights(panel: pd.DataFrame) -> None:
    found = twfe_weights(panel, **MODEL, controls=("x",))
    fit = fit_staggered(panel, estimator="twfe", **MODEL, controls=("x",))
    assert abs(found.estimate - fit.overall.estimate) < 1e-8


# --- before treatment ---------------------------------------------------------------------


def test_joint_test_equals_its_formula() -> None:
    vcov = correlated(6)
    rows, _ = event_study([0.1, -0.1, 0.2, 1.0, 1.1, 1.2], vcov, 3)
    b = np.array([0.1, -0.1, 0.2])
    wald = b @ np.linalg.solve(vcov[:3, :3], b)
    chi = pretrend_test(rows, vcov)
    assert math.isclose(chi.statistic, wald)
    assert math.isclose(chi.p_value, stats.chi2.sf(wald, 3))
    f = pretrend_test(rows, vcov, n_clusters=31)
    assert math.isclose(f.p_value, stats.f.sf(wald / 3, 3, 30))
    assert f.event_years == (-4, -3, -2)
    # The order of events is no part of the answer.
    order = [5, 0, 3, 1, 4, 2]
    mixed = pretrend_test([rows[i] for i in order], vcov[np.ix_(order, order)])
    assert math.isclose(mixed.statistic, chi.statistic)


def test_joint_test_keeps_its_size() -> None:
    """200 panels without effects: rejections at 5 % within four standard errors."""
    rejected = 0
    for seed in range(200):
        frame = bench.simulate_panel(seed=seed, scale=0.0)
        found = fit_staggered(frame, estimator="callaway_santanna", **MODEL, first_event=-3, aggregations=())
        test = pretrend_test(found.events, found.event_vcov, n_clusters=found.n_clusters)
        rejected += test.p_value < 0.05
    assert abs(rejected / 200 - 0.05) < 4 * math.sqrt(0.05 * 0.95 / 200)


def test_power_is_that_of_a_simulation() -> None:
    vcov = correlated(5)
    rows, _ = event_study([0.0] * 5, vcov, 3)
    half, most = pretrend_power(rows, vcov)
    draws = np.random.default_rng(1).multivariate_normal(np.zeros(3), vcov[:3, :3], 200_000)
    for found in (half, most):
        shifted = draws + found.slope * np.array([-3, -2, -1])
        power = (np.abs(shifted) > 1.959964 * 0.1).any(axis=1).mean()
        assert abs(power - found.power) < 0.005
    assert half.slope < most.slope
    assert abs(half.passed - (np.abs(draws) <= 0.1959964).all(axis=1).mean()) < 0.005
    doubled, _ = event_study([0.0] * 5, 4 * vcov, 3)
    assert math.isclose(pretrend_power(doubled, 4 * vcov)[1].slope, 2 * most.slope, rel_tol=1e-3)
    assert pretrend_power(rows, vcov) == (half, most)


# --- sensitivity --------------------------------------------------------------------------


def test_intervals_widen_with_the_bound_and_scale_with_the_outcome() -> None:
    vcov = correlated(7)
    rows, _ = event_study([0.05, -0.02, 0.04, 0.6, 0.7, 0.8, 0.9], vcov, 3)
    for restriction in ("relative_magnitudes", "smoothness"):
        bounds = (0.0, 0.5, 1.0, 2.0) if restriction == "relative_magnitudes" else (0.0, 0.05, 0.1)
        found = honest_did(rows, vcov, restriction=restriction, bounds=bounds)
        lows, highs = zip(*((i.ci_low, i.ci_high) for i in found.intervals), strict=True)
        assert list(lows) == sorted(lows, reverse=True)
        assert list(highs) == sorted(highs)
        assert math.isclose(found.estimate, 0.75)
        wide, _ = event_study([10 * e.estimate for e in rows], 100 * vcov, 3)
        factor = 1 if restriction == "relative_magnitudes" else 10
        scaled = honest_did(wide, 100 * vcov, restriction=restriction, bounds=[factor * b for b in bounds])
        for ours, theirs in zip(found.intervals, scaled.intervals, strict=True):
            np.testing.assert_allclose(
                [10 * ours.ci_low, 10 * ours.ci_high], [theirs.ci_low, theirs.ci_high], rtol=1e-3
            )
        assert found.breakdown is not None and scaled.breakdown is not None
        assert math.isclose(factor * found.breakdown, scaled.breakdown, rel_tol=0.03)
        mirrored, _ = event_study([-e.estimate for e in rows], vcov, 3)
        other = honest_did(mirrored, vcov, restriction=restriction, bounds=bounds[1:2], with_breakdown=False)
        np.testing.assert_allclose(
            [-other.intervals[0].ci_high, -other.intervals[0].ci_low],
            [found.intervals[1].ci_low, found.intervals[1].ci_high],
            atol=0.01,
        )


def test_the_breakdown_is_where_the_interval_reaches_zero() -> None:
    vcov = correlated(5)
    rows, _ = event_study([0.1, -0.05, 0.6, 0.7, 0.8], vcov, 2)
    found = honest_did(rows, vcov)
    assert found.breakdown is not None
    for factor, covers in ((0.98, False), (1.02, True)):
        (interval,) = honest_did(
            rows, vcov, bounds=(factor * found.breakdown,), with_breakdown=False
        ).intervals
        assert (interval.ci_low <= 0) is covers
    nothing, _ = event_study([0.1, -0.05, 0.05, 0.0, 0.1], vcov, 2)
    assert honest_did(nothing, vcov).breakdown == 0.0
    sure, _ = event_study([0.0, 0.0, 600.0, 700.0, 800.0], vcov, 2)
    assert honest_did(sure, vcov, bounds=(1,)).breakdown is None


def test_relative_magnitudes_cover_at_the_edge_of_the_restriction() -> None:
    """A trend just as bad after treatment as before: the interval at 1 covers, the usual one does not."""
    vcov = correlated(4, rho=0.3)
    # Falling by 0.4 a year throughout, with effects of 0.5.
    truth = np.array([0.8, 0.4, -0.4 + 0.5, -0.8 + 0.5])
    rng = np.random.default_rng(4)
    covered = usual = 0
    for _ in range(100):
        rows, _ = event_study(list(rng.multivariate_normal(truth, vcov)), vcov, 2)
        found = honest_did(rows, vcov, target=0, bounds=(1.0,), with_breakdown=False)
        covered += found.intervals[0].ci_low <= 0.5 <= found.intervals[0].ci_high
        usual += abs(rows[2].estimate - 0.5) < 1.96 * 0.1
    assert covered / 100 > 0.95 - 3 * math.sqrt(0.05 * 0.95 / 100)
    assert usual / 100 < 0.3


def test_one_year_after_treatment_is_enough() -> None:
    vcov = correlated(4)
    rows, _ = event_study([0.05, -0.02, 0.04, 0.9], vcov, 3)
    found = honest_did(rows, vcov, bounds=(0.5, 1.0))
    assert found.target == "mean of event years 0 to 0"
    assert found.intervals[0].ci_low > found.intervals[1].ci_low > 0


def test_what_cannot_be_asked_is_refused() -> None:
    vcov = correlated(4)
    rows, _ = event_study([0.05, -0.02, 0.04, 0.9], vcov, 2)
    for call, words in (
        (lambda: honest_did(rows, None), "no joint covariance"),
        (lambda: honest_did(rows, vcov, restriction="linear"), "restriction 'linear'; allowed"),
        (lambda: honest_did(rows, vcov, bounds=(-1,)), "bound -1"),
        (lambda: honest_did(rows, vcov, target=5), "target 5; allowed: 0, 1"),
        (
            lambda: honest_did([rows[0], *rows[2:]], vcov[np.ix_([0, 2, 3], [0, 2, 3])]),
            "gaps around the base",
        ),
        (lambda: honest_did(rows[:2], vcov[:2, :2]), "no event year after"),
        (lambda: pretrend_test(rows[2:], vcov[2:, 2:]), "no event year before"),
        (lambda: pretrend_test(rows, vcov[:3, :3]), "shape"),
        (lambda: pretrend_test(rows, np.ones((4, 4))), "singular"),
        (lambda: pretrend_test(rows, vcov, base=0), "cannot be the base"),
        (lambda: pretrend_power(rows, vcov, power=(1.0,)), "power 1.0"),
    ):
        with pytest.raises(ValueError, match=words):
            call()
