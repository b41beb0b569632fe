"""Equivalence tests and simultaneous bands against other programs and by their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.weightstats import DescrStatsW, ttost_ind

from cbec.estimators.equivalence import equivalence_test, within_deviation
from cbec.estimators.simultaneous import simultaneous_bands, sup_t_critical
from cbec.estimators.staggered.fit import fit_staggered
from tests.estimators.test_few_clusters import panel


def test_one_coefficient_is_statsmodels_two_one_sided_tests() -> None:
    values = np.random.default_rng(1).standard_normal(30) * 2 + 0.2
    described = DescrStatsW(values)
    error = float(values.std(ddof=1) / np.sqrt(30))
    for margin in (0.3, 0.9, 2.0):
        found = equivalence_test([values.mean()], [error], [29], margin=margin)
        np.testing.assert_allclose(found.p_value, described.ttost_mean(-margin, margin)[0], rtol=1e-10)


def test_a_difference_of_groups_is_statsmodels_too() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.standard_normal(20), rng.standard_normal(25) + 0.1
    pooled = math.sqrt((19 * a.var(ddof=1) + 24 * b.var(ddof=1)) / 43 * (1 / 20 + 1 / 25))
    found = equivalence_test([a.mean() - b.mean()], [pooled], [43], margin=0.8)
    np.testing.assert_allclose(found.p_value, ttost_ind(a, b, -0.8, 0.8)[0], rtol=1e-10)


@settings(max_examples=50, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.floats(-2, 2), st.floats(0.05, 2), st.integers(2, 300)), min_size=1, max_size=8
    )
)
def test_the_bound_is_the_smallest_margin_that_is_accepted(rows: list[tuple[float, float, int]]) -> None:
    b, s, df = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    bound = equivalence_test(b, s, df, margin=1.0).bound
    assert equivalence_test(b, s, df, margin=bound * 1.0001).p_value < 0.05
    assert equivalence_test(b, s, df, margin=bound * 0.9999).p_value > 0.05
    # The bound is as far out as the 90 % interval of some coefficient.
    ends = np.abs(b) + stats.t.ppf(0.95, df) * s
    np.testing.assert_allclose(bound, ends.max())
    scaled = equivalence_test(b * 1e6, s * 1e6, df, margin=1e6)
    np.testing.assert_allclose(scaled.p_value, equivalence_test(b, s, df, margin=1.0).p_value)


def test_equivalence_refuses_what_has_no_error() -> None:
    for s, df, margin in (([0.0], [3], 1.0), ([1.0], [0.5], 1.0), ([1.0], [3], 0.0), ([1.0, 2.0], [3], 1.0)):
        with pytest.raises(ValueError, match=r"allowed|needs"):
            equivalence_test([1.0] * 1, s, df, margin=margin)


def test_deviation_within_units_and_years_is_that_of_the_residuals() -> None:
    frame = panel()
    dummies = np.column_stack(
        [
            (frame[name].to_numpy()[:, None] == np.unique(frame[name])).astype(float)
            for name in ("unit", "year")
        ]
    )
    y = frame["y"].to_numpy()
    left = y - dummies @ np.linalg.lstsq(dummies, y, rcond=None)[0]
    expected = math.sqrt(left @ left / (len(y) - np.linalg.matrix_rank(dummies)))
    np.testing.assert_allclose(within_deviation(y, frame["unit"].tolist(), frame["year"].tolist()), expected)


# --- bands --------------------------------------------------------------------------------


def test_one_effect_has_its_pointwise_interval() -> None:
    np.testing.assert_allclose(sup_t_critical(np.array([[4.0]])), stats.norm.ppf(0.975), atol=2e-3)


@pytest.mark.parametrize("k", [2, 5, 12])
def test_independent_effects_have_sidaks_value(k: int) -> None:
    expected = stats.norm.ppf(0.5 + 0.5 * 0.95 ** (1 / k))
    np.testing.assert_allclose(sup_t_critical(np.eye(k) * 3), expected, atol=5e-3)


@pytest.mark.parametrize("rho", [-0.8, 0.5, 0.95])
def test_two_effects_have_the_value_of_their_joint_distribution(rho: float) -> None:
    """The probability of the square, by scipy's own integration."""
    c = sup_t_critical(np.array([[1.0, rho], [rho, 1.0]]))
    square = stats.multivariate_normal([0, 0], [[1, rho], [rho, 1]]).cdf([c, c], lower_limit=[-c, -c])
    np.testing.assert_allclose(square, 0.95, atol=1e-3)


def test_bands_hold_all_effects_at_once_and_are_never_inside_the_intervals() -> None:
    rng = np.random.default_rng(3)
    root = rng.standard_normal((6, 6))
    vcov, df = root @ root.T, np.array([4.0, 9.0, 20.0, 60.0, 300.0, np.inf])
    low, high = simultaneous_bands(np.zeros(6), vcov, df)
    error = np.sqrt(np.diag(vcov))
    assert (high >= stats.t.ppf(0.975, df) * error - 1e-12).all()
    np.testing.assert_allclose(low, -high)
    # Where all have many degrees of freedom, draws of the estimates themselves stay inside 95 times in 100.
    low, high = simultaneous_bands(np.zeros(6), vcov, np.full(6, np.inf))
    drawn = rng.multivariate_normal(np.zeros(6), vcov, size=40_000)
    np.testing.assert_allclose(((drawn >= low) & (drawn <= high)).all(axis=1).mean(), 0.95, atol=0.005)


def test_an_event_study_has_bands_where_it_has_a_joint_covariance() -> None:
    frame = panel(60, n_treated=30).drop(columns="x")
    for estimator in ("twfe_event_study", "callaway_santanna"):
        fit = fit_staggered(frame, estimator=estimator, outcome="y", unit="unit")
        for event in fit.events:
            assert event.band_low <= event.ci_low <= event.ci_high <= event.band_high
    without = fit_staggered(frame, estimator="imputation", outcome="y", unit="unit")
    assert without.event_vcov is None
    assert all(math.isnan(event.band_low) for event in without.events)
