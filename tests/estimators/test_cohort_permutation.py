"""Cohorts exchanged among units: the quick way is the slow one, and nothing but the design matters."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cbec.estimators.staggered import permutation
from cbec.estimators.staggered.permutation import permute_cohorts
from tests.estimators.test_effective import staggered

FIRST = [2013] + [2014] * 6 + [2017] * 5 + [0] * 8


def permuted(frame: pd.DataFrame, estimator: str = "callaway_santanna", draws: int = 25, **options: object):
    return permute_cohorts(frame, estimator=estimator, outcome="y", unit="unit", draws=draws, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("options", [{}, {"control_group": "never_treated"}])
@pytest.mark.parametrize("gap", [None, 2015])
def test_the_quick_way_is_the_estimator_itself(
    options: dict[str, str], gap: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also with a cohort of one unit, and a year that nobody published."""
    frame = staggered(FIRST)
    frame = frame[frame["year"] != gap]
    quick = permuted(frame, **options)
    slow = permutation._refitted
    monkeypatch.setattr(
        permutation, "_plain",
        lambda sample, moved, never_only: slow(sample, moved, "callaway_santanna", [], options),
    )  # fmt: skip
    refitted = permuted(frame, **options)
    for name in ("coefficients", "t_values", "p_values"):
        np.testing.assert_allclose(getattr(quick, name), getattr(refitted, name), rtol=1e-9, atol=1e-12)
    assert quick.p_value_t == refitted.p_value_t


@pytest.mark.parametrize("estimator", ["sun_abraham", "imputation", "twfe"])
def test_other_estimators_are_refitted(estimator: str) -> None:
    found = permuted(staggered(FIRST[1:]), estimator, 9)
    assert len(found.coefficients) == 9
    assert 0.1 <= found.p_value_t <= 1
    assert found.n_degenerate == 0


def test_order_names_and_units_change_nothing() -> None:
    frame = staggered(FIRST)
    plain = permuted(frame)
    other = frame.sample(frac=1, random_state=1).assign(
        unit=lambda f: f["unit"].map("u{:03d}".format), y=lambda f: f["y"] * 1e8 + 5
    )
    found = permuted(other)
    np.testing.assert_allclose(found.coefficients, plain.coefficients * 1e8, rtol=1e-6)
    np.testing.assert_allclose(found.t_values, plain.t_values, rtol=1e-6)
    assert (found.p_value_coefficient, found.p_value_t) == (plain.p_value_coefficient, plain.p_value_t)


def test_labels_in_another_order_are_as_another_seed() -> None:
    """And nothing at all where every assignment is taken, as `permute_cohorts` says."""
    frame = staggered(FIRST)
    other = frame.assign(unit=-frame["unit"])
    one, two = permuted(frame, draws=399), permuted(other, draws=399)
    assert not np.allclose(one.coefficients, two.coefficients)
    error = np.sqrt(one.p_value_t * (1 - one.p_value_t) / 399)
    assert abs(one.p_value_t - two.p_value_t) < 4 * np.sqrt(2) * error
    small = staggered([2014, 2014, 0, 0, 0, 0])
    whole, turned = permuted(small), permuted(small.assign(unit=-small["unit"]))
    assert whole.seed is turned.seed is None
    np.testing.assert_allclose(np.sort(whole.coefficients), np.sort(turned.coefficients), rtol=1e-9)
    assert whole.p_value_t == turned.p_value_t


def test_a_large_effect_is_the_largest() -> None:
    frame = staggered(FIRST)
    treated = frame["year"] >= frame["first_treated_year"]
    found = permuted(frame.assign(y=frame["y"] + 9 * treated), draws=99)
    assert found.p_value_t == found.p_value_coefficient == 0.01


def test_strata_hold_cohorts_together() -> None:
    """Where all of a stratum are treated alike nothing can be exchanged."""
    frame = staggered(FIRST)
    apart = frame.assign(region=frame["first_treated_year"].fillna(0))
    with pytest.raises(ValueError, match="the strata leave one possible assignment"):
        permuted(apart, strata="region")
    with pytest.raises(ValueError, match="unknown column 'nowhere'"):
        permuted(frame, strata="nowhere")
    with pytest.raises(ValueError, match="changes within unit"):
        permuted(frame.assign(region=frame["year"]), strata="region")
    halves = frame.assign(region=frame["unit"] % 2)
    assert permuted(halves, strata="region").p_value_t > 0


def test_clusters_above_units_are_refused() -> None:
    frame = staggered(FIRST).assign(pair=lambda f: f["unit"] // 2)
    with pytest.raises(ValueError, match="clustered by pair"):
        permuted(frame, cluster="pair")


def test_few_assignments_are_all_taken() -> None:
    """Two of six: fifteen, the real one among them, and no seed; the same whatever is asked for beyond."""
    frame = staggered([2015] * 2 + [0] * 4)
    found = permuted(frame, draws=15)
    assert (found.n_draws, found.seed) == (15, None)
    assert found.p_value_t * 15 == pytest.approx(round(found.p_value_t * 15))
    assert found.p_value_t >= 1 / 15
    assert permuted(frame, draws=500).p_value_t == found.p_value_t
    assert permuted(frame, draws=14).seed == 0
