"""Matching and weighting: hand-solved cases, other solvers, known effects under selection, bad input."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from cbec.estimators.selection import (
    Panel,
    SelectionEstimate,
    balance,
    entropy_did,
    entropy_twfe,
    entropy_weights,
    matched_did,
    nearest_controls,
    prepare,
    propensity_score,
    share_outside,
)
from cbec.estimators.staggered.fit import fit_staggered
from cbec.studies.fit import gc_frozen

EFFECT = 1.0
DRAWS = 40


@pytest.fixture(scope="module", autouse=True)
def _spare_the_collector() -> Iterator[None]:
    """pyfixest collects garbage after each fit."""
    with gc_frozen():
        yield


def make_panel(*, seed: int, n_units: int = 150, effect: float = EFFECT) -> pd.DataFrame:
    """Cohorts 2014 and 2016 and never treated, years 2011-2018; cities with high x1 and x2 adopt, and grow
    by 0.3 x1 + 0.15 x2 a year without it."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n_units, 2))
    chance = 1 / (1 + np.exp(1.0 - 0.9 * x[:, 0] - 0.5 * x[:, 1]))
    first = np.where(rng.random(n_units) < chance, rng.choice([2014.0, 2016.0], n_units), np.nan)
    years = np.arange(2011, 2019)
    city = np.repeat(np.arange(n_units), len(years))
    year = np.tile(years, n_units)
    level, shock = rng.normal(size=n_units)[city], rng.normal(0, 0.5, len(city))
    treated = year >= np.nan_to_num(first, nan=9999)[city]
    trend = (0.3 * x[:, 0] + 0.15 * x[:, 1])[city] * (year - 2011)
    return pd.DataFrame(
        {
            "city": city,
            "year": year,
            "first_treated_year": first[city],
            "is_treated": treated,
            "x1": x[city, 0],
            "x2": x[city, 1],
            "y": level + trend + effect * treated + shock,
        }
    )


def arrays(frame: pd.DataFrame, **changes: Any) -> Panel:
    return prepare(frame, **({"outcome": "y", "unit": "city", "covariates": ("x1", "x2")} | changes))


# --- entropy balancing ----------------------------------------------------------------------


def test_two_groups_are_weighted_by_hand() -> None:
    """With one dummy the weights are the target's shares, equal within each value."""
    controls = np.array([[0.0], [0.0], [0.0], [1.0]])
    np.testing.assert_allclose(entropy_weights(controls, np.array([0.4])), [0.2, 0.2, 0.2, 0.4], atol=1e-10)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 4), st.floats(0.01, 100), st.floats(-50, 50))
def test_means_are_exact_in_any_unit(seed: int, k: int, scale: float, shift: float) -> None:
    rng = np.random.default_rng(seed)
    controls = rng.normal(size=(60, k))
    # A mean of some of the controls can always be reached.
    target = controls[rng.choice(60, 30, replace=False)].mean(axis=0)
    weights = entropy_weights(controls, target)
    assert weights.min() > 0
    assert weights.sum() == pytest.approx(1, abs=1e-12)
    assert np.abs((weights @ controls - target) / controls.std(axis=0)).max() < 1e-6
    again = entropy_weights(scale * controls + shift, scale * target + shift)
    np.testing.assert_allclose(again, weights, atol=1e-6)
    order = rng.permutation(60)
    np.testing.assert_allclose(entropy_weights(controls[order], target), weights[order], atol=1e-6)


@pytest.mark.filterwarnings("ignore:Values in x were outside bounds")
def test_weights_solve_the_primal_problem() -> None:
    """Against a general solver of: least sum w log(w n) subject to the moments."""
    rng = np.random.default_rng(4)
    controls, target = rng.normal(size=(12, 2)), np.array([0.2, -0.1])
    found = optimize.minimize(
        lambda w: float(np.sum(w * np.log(np.maximum(w, 1e-12) * 12))), np.full(12, 1 / 12), method="SLSQP",
        bounds=[(1e-12, 1)] * 12, options={"maxiter": 500, "ftol": 1e-14},
        constraints=[
            {"type": "eq", "fun": lambda w: w.sum() - 1},
            {"type": "eq", "fun": lambda w: w @ controls - target},
        ],
    )  # fmt: skip
    assert found.success
    np.testing.assert_allclose(entropy_weights(controls, target), found.x, atol=1e-6)


def test_targets_out_of_reach_are_refused() -> None:
    controls = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    with pytest.raises(ValueError, match="beyond every control"):
        entropy_weights(controls, np.array([1.5, 0.5]))
    # Each mean alone is within the range, both together are not.
    with pytest.raises(ValueError, match="do not reach the means of the treated together"):
        entropy_weights(controls, np.array([0.9, 0.9]))
    with pytest.raises(ValueError, match="covariate 2 of 2 is constant among the controls"):
        entropy_weights(np.array([[0.0, 1.0], [1.0, 1.0]]), np.array([0.5, 1.0]))


# --- score and neighbours ---------------------------------------------------------------------


def test_logit_of_a_dummy_is_the_log_odds_ratio() -> None:
    """30 of 40 against 10 of 40: odds 3 and 1/3, log odds ratio ln 9, error sqrt(sum of 1/n)."""
    x = np.repeat([1.0, 0.0], 40)
    treated = np.concatenate([np.arange(40) < 30, np.arange(40) < 10])
    score = propensity_score(x[:, None], treated)
    assert score.slopes[0] / x.std() == pytest.approx(np.log(9), abs=1e-8)
    error = np.sqrt(1 / 30 + 1 / 10 + 1 / 10 + 1 / 30)
    assert score.std_errors[0] / x.std() == pytest.approx(error, abs=1e-6)
    np.testing.assert_allclose(score.probability, np.where(x == 1, 0.75, 0.25), atol=1e-8)


def test_neighbours_by_hand() -> None:
    """Nearest, a tie shared, one beyond the caliper."""
    weights = nearest_controls(np.array([0.0, 2.0, 9.0]), np.array([0.1, 0.4, 1.5, 2.5]), caliper=1.0)
    np.testing.assert_allclose(weights, [[1, 0, 0, 0], [0, 0, 0.5, 0.5], [0, 0, 0, 0]])


def test_share_outside_by_hand() -> None:
    assert share_outside(np.array([0.0, 1.0, 2.0, 5.0]), np.array([0.5, 3.0])) == 0.5


def test_matching_equals_a_loop() -> None:
    """One covariate, so that neighbours in the index are neighbours in the covariate."""
    frame = make_panel(seed=3, n_units=60)
    panel = arrays(frame, covariates=("x1",))
    wide = frame.pivot(index="city", columns="year", values="y")
    one = frame.drop_duplicates("city").set_index("city")
    # Caliper in units of x1: the index is a multiple of it, over the same stack of risk sets.
    stack = pd.concat(
        one.loc[one["first_treated_year"].isna() | (one["first_treated_year"] >= g), "x1"]
        for g in (2014, 2016)
    )
    width = 0.2 * stack.std(ddof=0)
    changes = []
    for g in (2014, 2016):
        for t in range(g, 2019):
            late = one["first_treated_year"].isna() | (one["first_treated_year"] > t)
            for city in one.index[one["first_treated_year"] == g]:
                gaps = (one.loc[late, "x1"] - one.loc[city, "x1"]).abs()
                if gaps.min() <= width:
                    change = wide[t] - wide[g - 1]
                    changes.append(change[city] - change[gaps.idxmin()])
    assert matched_did(panel).estimate == pytest.approx(np.mean(changes), abs=1e-10)


def test_balanced_weights_need_no_regression() -> None:
    """The regression behind the standard error leaves the estimate as it is: one cohort, one year, by hand."""
    frame = make_panel(seed=8)
    frame = frame[frame["year"].le(2014) & ~frame["first_treated_year"].eq(2016)]
    wide = frame.pivot(index="city", columns="year", values="y")
    one = frame.drop_duplicates("city").set_index("city")
    change = (wide[2014] - wide[2013]).to_numpy()
    treated = one["first_treated_year"].notna().to_numpy()
    x = one[["x1", "x2"]].to_numpy()
    weights = entropy_weights(x[~treated], x[treated].mean(axis=0))
    slope = np.array([0.7, -1.3])
    plain = change[treated].mean() - weights @ change[~treated]
    rest = change - x @ slope
    assert rest[treated].mean() - weights @ rest[~treated] == pytest.approx(plain, abs=1e-8)
    assert entropy_did(arrays(frame)).estimate == pytest.approx(plain, abs=1e-8)


# --- effects under selection ------------------------------------------------------------------


@pytest.fixture(scope="module")
def simulated() -> dict[str, np.ndarray[Any, Any]]:
    """Estimates and intervals of DRAWS panels, shape (DRAWS, 3) by method."""
    found: dict[str, list[tuple[float, float, float]]] = {}
    for seed in range(DRAWS):
        frame = make_panel(seed=1000 + seed)
        panel = arrays(frame)
        results: list[SelectionEstimate] = [matched_did(panel), entropy_did(panel), entropy_twfe(panel)]
        for method, controls in (("reg", ()), ("dr", ("x1", "x2"))):
            effect = fit_staggered(
                frame, estimator="callaway_santanna", outcome="y", unit="city", controls=controls,
                method=method, aggregations=("overall",),
            ).overall  # fmt: skip
            found.setdefault(method, []).append((effect.estimate, effect.ci_low, effect.ci_high))
        for result in results:
            found.setdefault(result.method, []).append((result.estimate, result.ci_low, result.ci_high))
    return {name: np.array(values) for name, values in found.items()}


def test_the_naive_comparison_is_biased(simulated: dict[str, np.ndarray[Any, Any]]) -> None:
    assert simulated["reg"][:, 0].mean() - EFFECT > 0.5


@pytest.mark.parametrize("method", ["psm_did", "entropy_did", "entropy_twfe", "dr"])
def test_comparable_cities_give_the_effect_back(
    simulated: dict[str, np.ndarray[Any, Any]], method: str
) -> None:
    """Bias within four errors of the mean of the draws, and 3 % of the effect for the caliper's width."""
    estimates, low, high = simulated[method].T
    assert abs(estimates.mean() - EFFECT) < 4 * estimates.std(ddof=1) / np.sqrt(DRAWS) + 0.03
    # Nominal 95 %; with that, less than 85 % of 40 has a chance of 0.3 %.
    assert np.mean((low <= EFFECT) & (high >= EFFECT)) >= 0.85


# --- balance ------------------------------------------------------------------------------------


def test_p_values_and_intervals_are_of_effective_clusters() -> None:
    panel = arrays(make_panel(seed=4, n_units=60))
    for found in (matched_did(panel), entropy_did(panel), entropy_twfe(panel)):
        df = found.n_effective_clusters - 1
        assert found.p_value == pytest.approx(2 * stats.t.sf(abs(found.estimate) / found.std_error, df))
        half = stats.t.ppf(0.975, df) * found.std_error
        assert (found.ci_low, found.ci_high) == pytest.approx((found.estimate - half, found.estimate + half))


def test_balance_before_and_after() -> None:
    table = {row.covariate: row for row in balance(arrays(make_panel(seed=5)))}
    assert list(table) == ["x1", "x2", "propensity_index"]
    for name in ("x1", "x2"):
        row = table[name]
        assert row.smd_before > 0.2
        assert row.smd_after_weighting is not None
        assert abs(row.smd_after_weighting) < 1e-6
    index = table["propensity_index"]
    assert index.smd_after_matching is not None
    assert abs(index.smd_after_matching) < 0.1 * index.smd_before
    assert 0 <= index.share_outside < 0.2


def test_difference_before_by_hand() -> None:
    """One cohort: difference of means over the root of the mean variance."""
    frame = make_panel(seed=6)
    frame = frame[~frame["first_treated_year"].eq(2016)]
    one = frame.drop_duplicates("city")
    treated, control = (one.loc[one["first_treated_year"].notna() == arm, "x1"] for arm in (True, False))
    spread = np.sqrt((treated.var() + control.var(ddof=0)) / 2)
    row = balance(arrays(frame))[0]
    assert row.smd_before == pytest.approx((treated.mean() - control.mean()) / spread, abs=1e-10)
    assert (row.min_control, row.max_treated) == (control.min(), treated.max())


# --- invariances and bad input -------------------------------------------------------------------


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 1000))
def test_rows_and_labels_may_be_exchanged(seed: int) -> None:
    frame = make_panel(seed=2, n_units=80)
    rng = np.random.default_rng(seed)
    names = {city: f"c{name:03d}" for city, name in enumerate(rng.permutation(80))}
    other = frame.sample(frac=1, random_state=seed).assign(city=lambda rows: rows["city"].map(names))
    for method in (matched_did, entropy_did, entropy_twfe):
        first, second = method(arrays(frame)), method(arrays(other))
        assert second.estimate == pytest.approx(first.estimate, abs=1e-7)
        assert second.std_error == pytest.approx(first.std_error, rel=1e-5)
    for row, counterpart in zip(balance(arrays(frame)), balance(arrays(other)), strict=True):
        assert counterpart.smd_before == pytest.approx(row.smd_before, abs=1e-9)
        assert counterpart.smd_after_matching == pytest.approx(row.smd_after_matching, abs=1e-9)


def test_a_unit_with_a_gap_is_used_in_its_years() -> None:
    frame = make_panel(seed=9)
    gone = (frame["city"] == 0) & (frame["year"] == 2017)
    assert matched_did(arrays(frame[~gone])).n_obs == len(frame) - 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.assign(x1=1.0), "covariate 'x1' is constant"),
        (lambda f: f.assign(x1=f["first_treated_year"].notna() * 5.0 + f["x2"] / 100), "perfectly"),
        (lambda f: f[f["first_treated_year"].isna() | (f["city"] < 3)], "treated rows for 2 covariates"),
        (lambda f: f.assign(first_treated_year=np.nan), "no unit is treated"),
        (lambda f: f.assign(first_treated_year=2014.0), "no unit is a control"),
        (lambda f: f.drop(columns="x2"), "no column 'x2'"),
    ],
)
def test_bad_panels_are_refused(change: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        matched_did(arrays(change(make_panel(seed=1))))


def test_other_bad_input() -> None:
    frame = make_panel(seed=1)
    with pytest.raises(ValueError, match="no covariate to balance"):
        arrays(frame, covariates=())
    with pytest.raises(ValueError, match="caliper 0; allowed: above 0"):
        matched_did(arrays(frame), caliper=0)
    # Nearly all adopters far above everybody else.
    moved = frame.assign(x1=frame["x1"] + 50 * (frame["first_treated_year"].notna() & (frame["city"] > 20)))
    with pytest.raises(ValueError, match=r"beyond every control|do not reach"):
        entropy_twfe(arrays(moved))
    with pytest.raises(ValueError, match="within the caliper"):
        matched_did(arrays(frame), caliper=1e-12)
