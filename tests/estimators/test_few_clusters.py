"""CV3 against R and by refitting, Conley and Taber's test by reading its definition, and what both refuse."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pyfixest
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.datasets import grunfeld
from statsmodels.regression.tests.results import results_grunfeld_ols_robust_cluster as r_results

from cbec.estimators.few_clusters import cluster_jackknife, few_treated_test, placebo_sums
from cbec.estimators.staggered.fit import fit_staggered
from cbec.studies.fit import gc_frozen

# The default engine compiles for twenty seconds, and iterates to 1e-6 only.
QUICK: dict[str, Any] = {"demeaner_backend": "rust", "fixef_tol": 1e-11}
TWO_WAY: dict[str, Any] = {
    "outcome": "y",
    "treatment": "d",
    "unit": "unit",
    "time": "year",
    "controls": ("x",),
    "fixed_effects": ("unit", "year"),
}


def panel(n: int = 24, years: int = 7, seed: int = 1, *, n_treated: int = 7) -> pd.DataFrame:
    """An unbalanced panel whose first units are treated from three years on; pairs of units are clusters."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {"unit": np.repeat(np.arange(n), years), "year": np.tile(2010 + np.arange(years), n)}
    )
    unit = frame["unit"].to_numpy()
    first = np.where(np.arange(n) < n_treated, 2013 + np.arange(n) % 3, 9999)[unit]
    frame["first_treated_year"] = np.where(first < 9999, first, np.nan)
    frame["d"] = (frame["year"] >= first).astype(float)
    frame["x"] = rng.standard_normal(len(frame))
    shocks = rng.standard_normal(n)[unit] + rng.standard_normal(years)[frame["year"] - 2010]
    frame["y"] = shocks + 0.5 * frame["x"] + 0.3 * frame["d"] + rng.standard_normal(len(frame))
    frame["pair"] = unit // 2
    return frame.drop(index=[8, 40, 83, 101])


def refitted(frame: pd.DataFrame, cluster: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The coefficient without each cluster, by pyfixest on the rows that are left."""
    with gc_frozen():
        return np.array(
            [
                pyfixest.feols("y ~ d + x | unit + year", frame[frame[cluster] != g], **QUICK).coef()["d"]
                for g in sorted(frame[cluster].unique())
            ]
        )


@pytest.mark.parametrize(("name", "other", "row"), [("value", "capital", 0), ("capital", "value", 1)])
def test_cv3_of_grunfeld_is_that_of_r(name: str, other: str, row: int) -> None:
    """vcovJK(center = "estimate") of R's sandwich 3.1, as statsmodels' own tests print it."""
    table = r_results.results_cluster_crv3_sandwich_r.params_table
    data = grunfeld.data.load_pandas().data.iloc[:200]
    found = cluster_jackknife(
        data, outcome="invest", treatment=name, unit="firm", time="year", controls=(other,)
    )
    ours = [found.estimate, found.std_error, found.t_value, found.p_value]
    np.testing.assert_allclose(ours, table[row], rtol=1e-6)


@pytest.mark.parametrize("cluster", ["unit", "pair", "year"])
def test_cv3_of_two_way_effects_is_that_of_refitting(cluster: str) -> None:
    frame = panel()
    found = cluster_jackknife(frame, **TWO_WAY, cluster=cluster)
    without = refitted(frame, cluster)
    whole = pyfixest.feols("y ~ d + x | unit + year", frame, **QUICK).coef()["d"]
    n = len(without)
    assert found.n_clusters == n
    ours = np.array(
        [dict(zip(found.labels, found.without, strict=True))[g] for g in sorted(frame[cluster].unique())]
    )
    np.testing.assert_allclose(ours, without, atol=1e-7)
    expected = np.sqrt((n - 1) / n * ((without - whole) ** 2).sum())
    np.testing.assert_allclose(found.std_error, expected, rtol=1e-6)


@pytest.mark.parametrize(("formula", "effects"), [("Y ~ X1 + X2", ()), ("Y ~ X1 + X2 | f1", ("f1",))])
def test_cv3_is_pyfixests_but_for_its_factor(formula: str, effects: tuple[str, ...]) -> None:
    data = pyfixest.get_data().dropna().query("group_id < 7")
    data["row"] = data.groupby("group_id").cumcount()
    found = cluster_jackknife(
        data, outcome="Y", treatment="X1", unit="group_id", time="row", controls=("X2",),
        fixed_effects=effects, cluster="group_id",
    )  # fmt: skip
    n = found.n_clusters
    with gc_frozen():
        plain = pyfixest.feols(
            formula, data, vcov={"CRV3": "group_id"}, ssc=pyfixest.ssc(k_adj=False, G_adj=False),
            demeaner_backend="rust",
        ).se()["X1"]  # fmt: skip
    # It multiplies by G / (G - 1) what is divided by it already.
    np.testing.assert_allclose(found.std_error, plain * np.sqrt((n - 1) / n), rtol=1e-6)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 50), scale=st.sampled_from([1e-6, 1.0, 1e9]))
def test_rows_names_and_scale_change_nothing(seed: int, scale: float) -> None:
    frame = panel(seed=seed)
    found = cluster_jackknife(frame, **TWO_WAY)
    other = frame.sample(frac=1, random_state=seed).assign(y=lambda f: f["y"] * scale)
    names = np.random.default_rng(seed).permutation(100)
    other["unit"] = [f"u{names[u]}" for u in other["unit"]]
    again = cluster_jackknife(other, **TWO_WAY)
    np.testing.assert_allclose(again.std_error, found.std_error * scale, rtol=1e-6)
    np.testing.assert_allclose(again.p_value, found.p_value, rtol=1e-6)


def test_a_lone_treated_cluster_has_no_jackknife() -> None:
    with pytest.raises(ValueError, match=r"without cluster 0 the coefficient of 'd' is not identified"):
        cluster_jackknife(panel(n_treated=1), **TWO_WAY)


# --- few treated units --------------------------------------------------------------------


def plain(n_treated: int, n: int = 40, seed: int = 5) -> pd.DataFrame:
    """Units treated from 2013 on, the others never; balanced, without a control."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"unit": np.repeat(np.arange(n), 6), "year": np.tile(2010 + np.arange(6), n)})
    ever = frame["unit"] < n_treated
    frame["first_treated_year"] = np.where(ever, 2013.0, np.nan)
    frame["d"] = (ever & (frame["year"] >= 2013)).astype(float)
    return frame.assign(y=rng.standard_normal(len(frame)) + frame["d"])


@pytest.mark.parametrize("n_treated", [1, 2])
def test_conley_taber_is_what_its_definition_says(n_treated: int) -> None:
    """With one date, the effect of a unit is its mean after less its mean before."""
    frame = plain(n_treated)
    wide = frame.pivot(index="unit", columns="year", values="y")
    change = wide[[2013, 2014, 2015]].mean(axis=1) - wide[[2010, 2011, 2012]].mean(axis=1)
    treated, controls = change[:n_treated], change[n_treated:]
    estimate = treated.mean() - controls.mean()
    centred = (controls - controls.mean()).to_numpy()
    n = len(controls)
    placebos = np.array([np.mean(c) for c in itertools.product(centred, repeat=n_treated)])
    placebos *= np.sqrt((n_treated + n) / (n - 1))
    p = (1 + (np.abs(placebos) >= abs(estimate)).sum()) / (placebos.size + 1)
    found = few_treated_test(frame, outcome="y", unit="unit", treatment="d", fixed_effects=("unit", "year"))
    np.testing.assert_allclose([found.estimate, found.p_value], [estimate, p])
    np.testing.assert_allclose(np.sort(found.placebos), np.sort(placebos), atol=1e-12)
    assert (found.seed, found.n_treated, found.n_controls) == (None, n_treated, n)


def test_the_interval_holds_what_the_test_does_not_reject() -> None:
    frame = plain(2)
    about: dict[str, Any] = {
        "outcome": "y",
        "unit": "unit",
        "treatment": "d",
        "fixed_effects": ("unit", "year"),
    }
    found = few_treated_test(frame, **about)
    for end, inward in ((found.ci_low, 1e-6), (found.ci_high, -1e-6)):
        for shift, rejects in ((inward, False), (-inward, True)):
            moved = frame.assign(y=frame["y"] - (end + shift) * frame["d"])
            assert (few_treated_test(moved, **about).p_value <= 0.05) is rejects


def test_group_time_effects_are_those_of_the_estimator() -> None:
    frame = panel(80, n_treated=9).groupby("unit").filter(lambda rows: len(rows) == 7)
    found = few_treated_test(frame, outcome="y", unit="unit", estimator="callaway_santanna")
    overall = fit_staggered(frame, estimator="callaway_santanna", outcome="y", unit="unit").overall
    np.testing.assert_allclose(found.estimate, overall.estimate)
    # A unit's weights: what its own outcomes add to the estimate.
    step = frame.assign(y=frame["y"] + (frame["unit"] == 2) * (frame["year"] == 2015) * 1.0)
    moved = fit_staggered(step, estimator="callaway_santanna", outcome="y", unit="unit").overall
    n_cells = frame["d"].sum()
    np.testing.assert_allclose(moved.estimate - overall.estimate, 1 / n_cells)


@pytest.mark.parametrize("n_treated", [1, 2])
def test_placebos_of_group_time_effects_are_measured_from_the_year_before(n_treated: int) -> None:
    """With one cohort, the effect of a unit is its mean after less its year before; a control in its place has
    its own."""
    frame = plain(n_treated)
    wide = frame.pivot(index="unit", columns="year", values="y")
    change = wide[[2013, 2014, 2015]].mean(axis=1) - wide[2012]
    treated, controls = change[:n_treated], change[n_treated:]
    centred = (controls - controls.mean()).to_numpy()
    n = len(controls)
    placebos = np.array([np.mean(c) for c in itertools.product(centred, repeat=n_treated)])
    found = few_treated_test(frame, outcome="y", unit="unit", estimator="callaway_santanna")
    np.testing.assert_allclose(found.estimate, treated.mean() - controls.mean())
    np.testing.assert_allclose(
        np.sort(found.placebos), np.sort(placebos) * np.sqrt((n_treated + n) / (n - 1)), atol=1e-12
    )


def test_one_treated_unit_has_a_test_where_the_estimator_has_no_error() -> None:
    frame = plain(1)
    with pytest.raises(ValueError, match="one cluster"):
        fit_staggered(frame, estimator="callaway_santanna", outcome="y", unit="unit")
    found = few_treated_test(frame, outcome="y", unit="unit", estimator="callaway_santanna")
    assert 1 / 40 <= found.p_value <= 1


def test_size_with_few_treated_units() -> None:
    """Of true nulls with an autoregression of 0.5, three treated of fifty: about 5 in 100 are rejected."""
    rng = np.random.default_rng(11)
    frame = plain(3, 50)
    rejected = 0
    for _ in range(400):
        noise = rng.standard_normal((50, 6))
        for t in range(1, 6):
            noise[:, t] += 0.5 * noise[:, t - 1]
        found = few_treated_test(
            frame.assign(y=noise.ravel()), outcome="y", unit="unit", treatment="d",
            fixed_effects=("unit", "year"), draws=999,
        )  # fmt: skip
        rejected += found.p_value <= 0.05
    assert 0.02 <= rejected / 400 <= 0.08


@pytest.mark.parametrize(
    ("n_treated", "n", "changes", "words"),
    [
        (1, 20, {}, "19, for 1 treated; allowed: 20 or more"),
        (9, 35, {}, "26, for 9 treated; allowed: 27 or more"),
        (2, 40, {"fixed_effects": ("unit",)}, "allowed: unit and year"),
        (2, 40, {"treatment": "y"}, "is no group"),
        (2, 40, {"estimator": "imputation"}, "twfe, callaway_santanna"),
        (2, 40, {"estimator": "callaway_santanna", "controls": ("d",)}, "allowed: none"),
        (2, 40, {"draws": 0}, "draws from 1"),
    ],
)
def test_refusals_name_what_is_allowed(n_treated: int, n: int, changes: dict[str, Any], words: str) -> None:
    about: dict[str, Any] = {"treatment": "d", "fixed_effects": ("unit", "year")} | changes
    with pytest.raises(ValueError, match=words):
        few_treated_test(plain(n_treated, n), outcome="y", unit="unit", **about)


def test_drawn_sums_repeat_and_have_the_spread_of_all() -> None:
    rng = np.random.default_rng(2)
    weights, residuals = rng.standard_normal((3, 5)), rng.standard_normal((30, 5))
    every, is_exact = placebo_sums(weights, residuals, draws=30**3, seed=1)
    drawn, is_drawn_exact = placebo_sums(weights, residuals, draws=20_000, seed=1)
    assert is_exact and not is_drawn_exact and every.size == 30**3
    np.testing.assert_allclose(drawn.std(), every.std(), rtol=0.03)
    np.testing.assert_array_equal(drawn, placebo_sums(weights, residuals, draws=20_000, seed=1)[0])
