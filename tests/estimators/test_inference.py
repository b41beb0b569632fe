"""Wild bootstrap against refitting draw by draw, families, group differences, power."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats

from cbec.estimators.absorb import fit_treatment
from cbec.estimators.multiple_testing import family_test, group_difference_test, holm, romano_wolf
from cbec.estimators.panel import prepare_panel
from cbec.estimators.permutations import plan_assignments, random_assignments
from cbec.estimators.power import minimum_detectable_effect, power_of_test
from cbec.estimators.wild_bootstrap import (
    METHODS,
    WEBB_POINTS,
    all_rademacher,
    bootstrap_draws,
    bootstrap_p,
    bootstrap_terms,
    t_star,
    weight_blocks,
    wild_cluster_bootstrap,
)

KEYS: dict[str, Any] = {"outcome": "y", "treatment": "d", "unit": "city", "time": "year"}
TWO_WAY: dict[str, Any] = {**KEYS, "fixed_effects": ("city", "year")}
FEW = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)


def make_panel(
    *, n_units: int = 24, n_times: int = 5, seed: int = 0, effect: float = 0.4, share: float = 1.0
) -> pd.DataFrame:
    """Cities in provinces of unequal size, some treated from 2012, some from 2013."""
    rng = np.random.default_rng(seed)
    city = np.repeat(np.arange(n_units), n_times)
    year = np.tile(np.arange(2010, 2010 + n_times), n_units)
    start = np.array([9999, 2012, 9999, 2013])[np.arange(n_units) % 4][city]
    data = pd.DataFrame({"city": city, "year": year})
    data["province"] = np.floor(np.sqrt(city)).astype(int)
    data["d"] = (year >= start).astype(float)
    data["x1"] = rng.normal(size=city.size) + rng.normal(size=n_units)[city]
    data["x2"] = rng.normal(size=city.size)
    data["y"] = effect * data["d"] + 0.5 * data["x1"] + rng.normal(size=n_units)[city]
    data["y"] += (rng.normal(size=n_units) * 0.2)[city] * (year - 2011)
    data["y"] += rng.normal(size=city.size) + rng.normal(size=n_times)[year - 2010]
    data["z"] = 0.6 * data["y"] + rng.normal(size=city.size)
    return data.sample(frac=share, random_state=1) if share < 1 else data


def dummies(codes: np.ndarray) -> np.ndarray:
    return (np.unique(codes)[None, :] == codes[:, None]).astype(float)


def textbook_draws(panel: Any, weights: np.ndarray, *, method: str, null: float) -> tuple[np.ndarray, float]:
    """t* by the definition: make bootstrap data, refit the full model on dummies, repeat.

    WCR31 refits the restricted model without each cluster. Nothing is shared with the code
    under test but the sorted sample and the small-sample factor, which is checked elsewhere.
    """
    columns = [dummies(codes) for codes in panel.fixed_effects] or [np.ones((panel.n_obs, 1))]
    restricted = np.column_stack([*columns, panel.controls])
    full = np.column_stack([panel.treatment, restricted])
    target = panel.outcome - null * panel.treatment
    fitted = restricted @ np.linalg.lstsq(restricted, target, rcond=None)[0]
    residual = target - fitted
    if method == "WCR31":
        for g in range(panel.n_clusters):
            inside = panel.cluster == g
            beta = np.linalg.lstsq(restricted[~inside], target[~inside], rcond=None)[0]
            residual[inside] = target[inside] - restricted[inside] @ beta
    inverse = np.linalg.pinv(full.T @ full, rcond=1e-11)
    factor = bootstrap_terms(panel).small_sample
    by_cluster = dummies(panel.cluster).T

    def t_of(outcome: np.ndarray) -> float:
        beta = np.linalg.lstsq(full, outcome, rcond=None)[0]
        scores = by_cluster @ (full * (outcome - full @ beta)[:, None])
        variance = factor * inverse @ scores.T @ scores @ inverse
        return float((beta[0] - null) / np.sqrt(variance[0, 0]))

    base = null * panel.treatment + fitted
    draws = np.array([t_of(base + w[panel.cluster] * residual) for w in weights])
    return draws, t_of(panel.outcome)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("weights", ["rademacher", "webb"])
@pytest.mark.parametrize("cluster", ["city", "province", "year"])
@pytest.mark.parametrize("effects", [(), ("year",), ("city",), ("city", "year")])
@pytest.mark.parametrize("share", [1.0, 0.8])
def test_every_draw_equals_the_textbook(
    method: str, weights: str, cluster: str, effects: tuple[str, ...], share: float
) -> None:
    data = make_panel(n_units=18, share=share)
    options: dict[str, Any] = {
        **KEYS,
        "controls": ("x1", "x2"),
        "fixed_effects": effects,
        "cluster": cluster,
    }
    panel = prepare_panel(data, **options)
    w = next(weight_blocks(panel.n_clusters, weights=weights, draws=6, seed=3, block=6))
    terms = bootstrap_terms(panel, method=method)
    for null in (0.0, 0.7):
        draws = bootstrap_draws(terms, iter([w]), 6)
        actual = t_star(draws, terms.estimate - null)
        expected, t_value = textbook_draws(panel, w, method=method, null=null)
        np.testing.assert_allclose(actual, expected, rtol=1e-7, atol=1e-9)
        assert (terms.estimate - null) / terms.se == pytest.approx(t_value, rel=1e-8)


def test_province_year_effects_nested_in_province_clusters() -> None:
    data = make_panel(n_units=30).assign(cell=lambda f: f["province"] * 10_000 + f["year"])
    options = {**KEYS, "fixed_effects": ("city", "cell"), "cluster": "province"}
    panel = prepare_panel(data, **options)
    w = next(weight_blocks(panel.n_clusters, weights="webb", draws=6, seed=3, block=6))
    for method in METHODS:
        terms = bootstrap_terms(panel, method=method)
        actual = t_star(bootstrap_draws(terms, iter([w]), 6), terms.estimate)
        expected, _ = textbook_draws(panel, w, method=method, null=0.0)
        np.testing.assert_allclose(actual, expected, rtol=1e-7)


def test_estimate_and_error_equal_the_within_module() -> None:
    data = make_panel(share=0.8)
    options = {**TWO_WAY, "controls": ("x1", "x2"), "cluster": "province"}
    result = wild_cluster_bootstrap(data, **options, draws=99, enumerate_signs="never")
    fit = fit_treatment(prepare_panel(data, **options))
    assert result.estimate == pytest.approx(fit.estimate, abs=1e-12)
    assert result.se == pytest.approx(fit.se, rel=1e-11)
    assert bootstrap_terms(prepare_panel(data, **options)).df_k == fit.df_k


def test_methods_differ_when_clusters_are_unequal() -> None:
    options = {**TWO_WAY, "cluster": "province", "weights": "webb", "draws": 999}
    data = make_panel()
    one, two = (wild_cluster_bootstrap(data, **options, method=m) for m in METHODS)
    assert np.abs(one.t_star - two.t_star).max() > 0.1


def test_webb_weights_have_six_equally_likely_points() -> None:
    draws = next(weight_blocks(10, weights="webb", draws=6000, seed=1, block=6000))
    points, counts = np.unique(draws, return_counts=True)
    expected = np.sort(np.concatenate([WEBB_POINTS, -WEBB_POINTS]))
    np.testing.assert_allclose(points, expected)
    assert stats.chisquare(counts).pvalue > 1e-4
    assert np.mean(draws**2) == pytest.approx(1.0, abs=0.02)


def test_all_signs_are_enumerated_and_symmetric() -> None:
    data = make_panel()  # provinces 0 to 4: 32 sign vectors
    result = wild_cluster_bootstrap(data, **TWO_WAY, cluster="province", draws=999)
    assert result.is_enumerated and result.n_draws == 2**5 and result.seed is None
    np.testing.assert_allclose(np.sort(result.t_star), np.sort(-result.t_star), atol=1e-9)
    rows = np.concatenate(list(all_rademacher(5, block=7)))
    assert len(np.unique(rows, axis=0)) == 32 and set(np.unique(rows)) == {-1.0, 1.0}
    # all weights equal reproduce the sample: at least two of 32 draws tie with t
    ties = np.isclose(np.abs(result.t_star), abs(result.t_value), rtol=1e-9).sum()
    assert ties >= 2 and result.p_symmetric >= 2 / 32
    drawn = wild_cluster_bootstrap(data, **TWO_WAY, cluster="province", draws=31)
    assert not drawn.is_enumerated and drawn.n_draws == 31


def test_p_values_by_hand() -> None:
    t_draws = np.array([-3.0, -1.0, 0.5, 2.0, 2.5])
    assert bootstrap_p(2.0, t_draws, "symmetric") == pytest.approx(3 / 5)
    assert bootstrap_p(2.0, t_draws, "equal_tailed") == pytest.approx(2 * 2 / 5)
    assert bootstrap_p(-2.0, t_draws, "equal_tailed") == pytest.approx(2 * 1 / 5)
    assert bootstrap_p(0.5, t_draws, "equal_tailed") == 1.0
    # No draw is as extreme: five draws and the real one say one in six.
    for p_type in ("symmetric", "equal_tailed"):
        assert bootstrap_p(9.0, t_draws, p_type) == bootstrap_p(-9.0, t_draws, p_type) == 1 / 6


@pytest.mark.parametrize("p_type", ["symmetric", "equal_tailed"])
@pytest.mark.parametrize("method", METHODS)
def test_interval_holds_the_values_that_are_not_rejected(p_type: str, method: str) -> None:
    data = make_panel()
    options = {**TWO_WAY, "method": method, "p_type": p_type, "draws": 1999, "weights": "webb"}
    result = wild_cluster_bootstrap(data, **options)
    name = f"p_{p_type}"
    for end, inward in ((result.ci_low, 1), (result.ci_high, -1)):
        step = 1e-4 * result.se * inward
        inside = wild_cluster_bootstrap(data, **options, null=end + step)
        outside = wild_cluster_bootstrap(data, **options, null=end - step)
        assert getattr(inside, name) >= 0.05 > getattr(outside, name)
    assert result.ci_low < result.estimate < result.ci_high
    zero_inside = result.ci_low <= 0 <= result.ci_high
    assert zero_inside == (getattr(result, name) >= 0.05)


def test_interval_is_near_the_analytic_one_with_many_clusters() -> None:
    data = make_panel(n_units=160)
    result = wild_cluster_bootstrap(data, **TWO_WAY, draws=3999)
    critical = stats.t.ppf(0.975, 159)
    assert result.ci_low == pytest.approx(result.estimate - critical * result.se, abs=0.15 * result.se)
    assert result.ci_high == pytest.approx(result.estimate + critical * result.se, abs=0.15 * result.se)


def test_interval_is_unbounded_when_nothing_can_be_rejected() -> None:
    data = make_panel(n_units=16)  # provinces 0 to 3: p is at least 2 / 16
    result = wild_cluster_bootstrap(data, **TWO_WAY, cluster="province", draws=999)
    assert (result.ci_low, result.ci_high) == (-math.inf, math.inf)
    assert result.p_symmetric >= 2 / 16


# --- invariances --------------------------------------------------------------------------


@FEW
@given(seed=st.integers(0, 2**32 - 1), method=st.sampled_from(METHODS))
def test_bootstrap_ignores_row_order_and_labels(seed: int, method: str) -> None:
    data = make_panel()
    rename = np.random.default_rng(seed).permutation(24)
    other = data.assign(city=[f"c{rename[c]:02d}" for c in data["city"]])
    other = other.sample(frac=1, random_state=seed % 1000)
    options = {**TWO_WAY, "method": method, "seed": seed, "draws": 50, "weights": "webb"}
    one = wild_cluster_bootstrap(data, **options)
    two = wild_cluster_bootstrap(other, **options)
    np.testing.assert_array_equal(one.t_star, two.t_star)
    assert one == one and (one.p_symmetric, one.ci_low) == (two.p_symmetric, two.ci_low)


@FEW
@given(scale=st.floats(1e-4, 1e5), unit=st.floats(1e-3, 1e3))
def test_bootstrap_units_of_measure(scale: float, unit: float) -> None:
    data = make_panel()
    other = data.assign(y=data["y"] * scale - 5 * scale, x1=data["x1"] * unit + 2)
    options = {**TWO_WAY, "draws": 99, "controls": ("x1",), "order": "label", "method": "WCR31"}
    one, two = wild_cluster_bootstrap(data, **options), wild_cluster_bootstrap(other, **options)
    np.testing.assert_allclose(one.t_star, two.t_star, rtol=1e-7, atol=1e-9)
    assert two.ci_low == pytest.approx(one.ci_low * scale, rel=1e-5, abs=1e-7 * scale)


@FEW
@given(one=st.integers(0, 2**40), two=st.integers(0, 2**40))
def test_bootstrap_seed(one: int, two: int) -> None:
    data = make_panel()
    first, again = (wild_cluster_bootstrap(data, **TWO_WAY, draws=40, seed=one) for _ in "ab")
    np.testing.assert_array_equal(first.t_star, again.t_star)
    other = wild_cluster_bootstrap(data, **TWO_WAY, draws=40, seed=two)
    assert (one == two) == np.array_equal(first.t_star, other.t_star)


def test_weights_do_not_depend_on_the_block() -> None:
    for weights in ("rademacher", "webb"):
        one, two = (
            np.concatenate(list(weight_blocks(9, weights=weights, draws=50, seed=2, block=block)))
            for block in (7, 50)
        )
        np.testing.assert_array_equal(one, two)


def test_bootstrap_size_under_the_null() -> None:
    """500 panels without effect, 12 unequal clusters: 10 % test rejects near 10 %.

    The t test with the normal's critical value rejects more often; the margin is four
    binomial standard errors.
    """
    rejected = {"WCR11": 0, "WCR31": 0, "normal": 0}
    for seed in range(500):
        data = make_panel(n_units=12, n_times=4, seed=seed, effect=0.0)
        for method in METHODS:
            panel = prepare_panel(data, **TWO_WAY)
            terms = bootstrap_terms(panel, method=method)
            w = weight_blocks(12, weights="rademacher", draws=199, seed=seed, block=199)
            t_draws = t_star(bootstrap_draws(terms, w, 199), terms.estimate)
            t_value = terms.estimate / terms.se
            rejected[method] += bootstrap_p(t_value, t_draws, "symmetric") <= 0.1
        rejected["normal"] += abs(t_value) > stats.norm.ppf(0.95)
    margin = 4 * math.sqrt(0.1 * 0.9 / 500)
    assert all(abs(rejected[method] / 500 - 0.1) < margin for method in METHODS)
    assert rejected["normal"] > rejected["WCR11"]


# --- families -----------------------------------------------------------------------------


def test_holm_by_hand() -> None:
    # sorted .01 .02 .03 .04 times 4 3 2 1, made monotone
    np.testing.assert_allclose(holm([0.04, 0.01, 0.03, 0.02]), [0.06, 0.04, 0.06, 0.06])
    np.testing.assert_allclose(holm([0.6, 0.5]), [1.0, 1.0])
    assert holm([0.2])[0] == pytest.approx(0.2)


def test_holm_equals_statsmodels() -> None:
    from statsmodels.stats import multitest

    p = np.random.default_rng(0).uniform(size=17) ** 2
    np.testing.assert_allclose(holm(p), multitest.multipletests(p, method="holm")[1], rtol=1e-12)


def slow_romano_wolf(t_values: np.ndarray, t_draws: np.ndarray) -> np.ndarray:
    """Step-down by its definition: test the most significant of those that remain."""
    left, out, previous = list(range(t_values.size)), np.empty(t_values.size), 0.0
    while left:
        best = max(left, key=lambda s: abs(t_values[s]))
        beyond = sum(max(abs(row[s]) for s in left) >= abs(t_values[best]) for row in t_draws)
        previous = max(previous, (beyond + 1) / (len(t_draws) + 1))
        out[best] = previous
        left.remove(best)
    return out


def test_romano_wolf_equals_its_definition_and_pyfixest() -> None:
    from pyfixest.estimation.multcomp import _get_rwolf_pval

    rng = np.random.default_rng(3)
    for n_hypotheses in (1, 4, 9):
        t_values = rng.normal(scale=2, size=n_hypotheses)
        t_draws = rng.normal(size=(150, n_hypotheses)) + rng.normal(size=(150, 1))
        actual = romano_wolf(t_values, t_draws)
        np.testing.assert_allclose(actual, slow_romano_wolf(t_values, t_draws), rtol=1e-12)
        np.testing.assert_allclose(actual, _get_rwolf_pval(t_values, t_draws), rtol=1e-12)


def test_family_uses_the_same_weights_for_every_outcome() -> None:
    data = make_panel(n_units=24)
    data["copy"] = data["y"] * 3 - 1
    options = {**TWO_WAY, "draws": 499}
    options.pop("outcome")
    family = family_test(data, outcomes=("y", "copy", "z"), **options)
    # a copy in other units has the same t in every draw, so it costs nothing in the family
    assert family.t_values[0] == pytest.approx(family.t_values[1], rel=1e-9)
    assert family.p_values[0] == family.p_values[1]
    pair = family_test(data, outcomes=("y", "copy"), **options)
    alone = (pair.p_values[0] * 499 + 1) / 500
    np.testing.assert_allclose(pair.p_romano_wolf, [alone, alone], atol=1e-12)
    np.testing.assert_allclose(pair.p_holm, np.minimum(1, 2 * pair.p_values), atol=1e-12)
    assert (family.p_romano_wolf >= family.p_values).all()


def test_family_controls_the_error_rate() -> None:
    """300 families of five true nulls: at least one rejection at 10 % in about 10 %."""
    any_adjusted = any_plain = 0
    rng = np.random.default_rng(11)
    for _ in range(300):
        common, own = rng.normal(size=(200, 1)), rng.normal(size=(200, 5))
        table = np.sqrt(0.5) * (common + own)
        adjusted = romano_wolf(table[0], table[1:])
        any_adjusted += bool((adjusted <= 0.1).any())
        plain = (np.abs(table[1:]) >= np.abs(table[0])).mean(axis=0)
        any_plain += bool((plain <= 0.1).any())
    assert any_adjusted / 300 < 0.1 + 4 * math.sqrt(0.09 / 300)
    assert any_adjusted / 300 > 0.1 - 4 * math.sqrt(0.09 / 300)
    assert any_plain > 1.5 * any_adjusted


# --- difference between groups ------------------------------------------------------------


@pytest.mark.parametrize("effects", [(), ("city",), ("city", "year"), ("year",)])
@pytest.mark.parametrize("share", [1.0, 0.85])
def test_every_split_equals_two_regressions(effects: tuple[str, ...], share: float) -> None:
    data = make_panel(share=share).assign(west=lambda f: (f["city"] // 4 % 2).map({0: "e", 1: "w"}))
    options = {**KEYS, "controls": ("x1", "x2"), "fixed_effects": effects}
    result = group_difference_test(data, group="west", draws=12, seed=4, **options)
    panel = prepare_panel(data, **options)
    second = data["west"].eq("w").to_numpy()[panel.row_position]
    by_unit = second[np.unique(panel.unit, return_index=True)[1]]
    marked = prepare_panel(data.iloc[panel.row_position].assign(first=panel.row_position), **options)
    assert marked.n_obs == panel.n_obs
    assignment = plan_assignments(panel, scheme="cohort")
    plan = type(assignment)(
        **{**vars(assignment), "codes": by_unit.astype(np.int64), "never": 0, "paths": None}
    )
    splits = np.concatenate(list(random_assignments(plan, draws=12, seed=4)))
    rows = data.iloc[panel.row_position]
    expected = []
    for split in splits:
        chosen = split[panel.unit] == 1
        parts = [fit_treatment(prepare_panel(rows.loc[m], **options)) for m in (chosen, ~chosen)]
        expected.append(parts[0].estimate - parts[1].estimate)
    np.testing.assert_allclose(result.differences, expected, atol=1e-9)
    west, east = (fit_treatment(prepare_panel(data.loc[data["west"] == g], **options)) for g in ("w", "e"))
    assert result.groups == ("e", "w")
    assert result.difference == pytest.approx(west.estimate - east.estimate, abs=1e-12)
    assert result.z_value == pytest.approx(result.difference / math.hypot(west.se, east.se))
    count = np.sum(np.abs(expected) >= abs(result.difference))
    assert result.p_two_sided == pytest.approx((1 + count) / 13)


def test_group_difference_is_found_and_size_is_nominal() -> None:
    data = make_panel(n_units=48).assign(west=lambda f: f["city"] // 4 % 2)
    strong = data.assign(y=data["y"] + 4.0 * data["d"] * data["west"])
    found = group_difference_test(strong, group="west", **TWO_WAY, draws=999)
    assert found.p_two_sided < 0.005 and found.p_greater <= found.p_two_sided
    swapped = strong.assign(west=1 - strong["west"])
    other = group_difference_test(swapped, group="west", **TWO_WAY, draws=999)
    assert other.difference == pytest.approx(-found.difference) and other.p_greater > 0.995
    rejected = 0
    for seed in range(200):
        null = make_panel(n_units=24, n_times=4, seed=seed).assign(west=lambda f: f["city"] // 4 % 2)
        test = group_difference_test(null, group="west", **TWO_WAY, draws=99, seed=seed)
        rejected += test.p_two_sided <= 0.1
    assert abs(rejected / 200 - 0.1) < 4 * math.sqrt(0.09 / 200)


def test_group_difference_enumerates_few_units() -> None:
    data = make_panel(n_units=8, n_times=6).assign(west=lambda f: (f["city"] >= 4).astype(int))
    data["d"] = ((data["city"] + data["year"]) % 3 == 0).astype(float)
    result = group_difference_test(data, group="west", **TWO_WAY, draws=100)
    assert result.is_exact and result.n_draws == math.comb(8, 4)
    assert result.p_two_sided >= 2 / 70  # the split and its mirror image
    mirrored = np.sort(-result.differences)
    np.testing.assert_allclose(np.sort(result.differences), mirrored, atol=1e-9)


def test_a_large_effect_has_no_p_of_zero() -> None:
    data = make_panel(n_units=40, effect=60.0)
    for weights in ("rademacher", "webb"):
        found = wild_cluster_bootstrap(data, **TWO_WAY, draws=199, weights=weights)
        assert (found.p_symmetric, found.p_equal_tailed) == (1 / 200, 1 / 200)
        assert found.ci_low > 0
    options = {name: value for name, value in TWO_WAY.items() if name != "outcome"}
    family = family_test(data.assign(z=data["y"] + data["z"]), outcomes=("y", "z"), **options, draws=199)
    np.testing.assert_allclose(family.p_values, 1 / 200)
    np.testing.assert_allclose(family.p_holm, 2 / 200)
    np.testing.assert_allclose(family.p_romano_wolf, 1 / 200)


@FEW
@given(seed=st.integers(0, 2**32 - 1), n_draws=st.integers(20, 200), n_hypotheses=st.integers(2, 6))
def test_holm_is_never_below_what_romano_and_wolf_can_say(seed: int, n_draws: int, n_hypotheses: int) -> None:
    """Null t of all hypotheses distributed alike, dependent in any way: the share of draws whose largest |t*| is
    beyond t is at most the sum of the shares (Bonferroni)."""
    rng = np.random.default_rng(seed)
    one = rng.normal(size=n_draws)
    null = np.column_stack([rng.permutation(one) if rng.random() < 0.7 else one for _ in range(n_hypotheses)])
    t_values = rng.normal(scale=2, size=n_hypotheses) + rng.choice([0.0, 20.0], n_hypotheses)
    p_values = np.array([bootstrap_p(t, null[:, k], "symmetric") for k, t in enumerate(t_values)])
    adjusted, wolf, least = holm(p_values), romano_wolf(t_values, null), 1 / (1 + n_draws)
    assert (adjusted >= least).all() and (wolf >= least - 1e-15).all()
    assert (adjusted >= wolf - least - 1e-12).all()
    beyond = np.abs(t_values) > np.abs(one).max()
    assert (adjusted[beyond] >= wolf[beyond] - 1e-12).all()


# --- power --------------------------------------------------------------------------------


def test_minimum_detectable_effect() -> None:
    # Bloom (1995): 2.8 standard errors for 80 % power, 5 % two-sided, large samples
    assert minimum_detectable_effect(se=1.0, df=1e7) == pytest.approx(2.80, abs=0.005)
    assert minimum_detectable_effect(se=1.0, df=1e7, power=0.9) == pytest.approx(3.24, abs=0.005)
    for df in (5, 30, 284):
        exact = minimum_detectable_effect(se=0.2, df=df, power=0.7, method="exact")
        assert power_of_test(exact, se=0.2, df=df) == pytest.approx(0.7, abs=1e-9)
        assert minimum_detectable_effect(se=0.4, df=df, power=0.7, method="exact") == pytest.approx(2 * exact)


def test_power_against_simulation() -> None:
    rng = np.random.default_rng(0)
    t = (2.0 + rng.normal(size=200_000)) / np.sqrt(rng.chisquare(12, size=200_000) / 12)
    share = np.mean(np.abs(t) > stats.t.ppf(0.975, 12))
    assert power_of_test(2.0, se=1.0, df=12) == pytest.approx(share, abs=0.005)
    assert power_of_test(0.0, se=1.0, df=12) == pytest.approx(0.05, abs=1e-9)


# --- bad input ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "WCU11"}, "allowed: WCR11, WCR31"),
        ({"weights": "mammen"}, "allowed: rademacher, webb"),
        ({"p_type": "left"}, "allowed: symmetric, equal_tailed"),
        ({"enumerate_signs": "always"}, "allowed: auto, never"),
        ({"draws": 0}, "draws from 1"),
        ({"level": 95}, "level between 0 and 1"),
        ({"cluster": "one"}, "one cluster"),
        ({"outcome": "one"}, "outcome has no variation"),
        ({"treatment": "west"}, "treatment has no variation"),
        ({"outcome": "d"}, "perfect|no variation"),
        ({"controls": ("gdp",)}, "no column 'gdp'"),
        ({"outcome": "gap"}, "1 missing"),
    ],
)
def test_bad_bootstrap_input(options: dict[str, Any], message: str) -> None:
    data = make_panel().assign(one=1.0, west=lambda f: f["city"] % 2, gap=lambda f: f["y"])
    data.loc[0, "gap"] = np.nan
    with pytest.raises(ValueError, match=message):
        wild_cluster_bootstrap(data, **{**TWO_WAY, **options})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"group": "region"}, "no column 'region'"),
        ({"group": "three"}, "3 values; allowed: two"),
        ({"group": "late"}, "changes within a unit"),
        ({"group": "gap"}, "missing values"),
        ({"group": "treated"}, "no variation"),
        ({"group": "west", "strata": "west"}, "one split"),
        ({"group": "west", "draws": 0}, "positive"),
    ],
)
def test_bad_group_input(options: dict[str, Any], message: str) -> None:
    data = make_panel().assign(
        west=lambda f: f["city"] // 4 % 2,
        three=lambda f: f["city"] % 3,
        late=lambda f: f["year"] > 2012,
        treated=lambda f: f["city"] % 2,
        gap=lambda f: f["west"].where(f["city"] > 2),
    )
    with pytest.raises(ValueError, match=message):
        group_difference_test(data, **{**TWO_WAY, **options})


def test_bad_family_and_power_input() -> None:
    options = {k: v for k, v in TWO_WAY.items() if k != "outcome"}
    with pytest.raises(ValueError, match="two or more different"):
        family_test(make_panel(), outcomes=("y",), **options)
    with pytest.raises(ValueError, match="numbers from 0 to 1"):
        holm([0.2, 1.2])
    with pytest.raises(ValueError, match=r"\(S,\) and \(m, S\)"):
        romano_wolf([1.0, 2.0], np.ones((5, 3)))
    with pytest.raises(ValueError, match="finite"):
        romano_wolf([1.0], np.array([[np.nan]]))
    with pytest.raises(ValueError, match="se and df above 0"):
        minimum_detectable_effect(se=0.0, df=10)
    with pytest.raises(ValueError, match="between alpha"):
        minimum_detectable_effect(se=1.0, df=10, power=0.01)
    with pytest.raises(ValueError, match="allowed: bloom, exact"):
        minimum_detectable_effect(se=1.0, df=10, method="normal")
