"""Bounds of a coefficient are those of all corners, and the residual deviation is that of dummies."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from cbec.estimators.absorb import fit_treatment
from cbec.estimators.bounds import coefficient_bounds, residual_deviation
from cbec.estimators.panel import Panel, prepare_panel
from tests.estimators.test_imputation import EQUATION, draw_panel

RADIUS = 0.7
N_FREE = 7


@pytest.fixture(scope="module")
def panel() -> Panel:
    """Unbalanced, with a control."""
    frame = draw_panel(3, n_units=12, gaps=False)
    return prepare_panel(frame.drop(index=[5, 30, 31]), **EQUATION)


@pytest.fixture(scope="module")
def free(panel: Panel) -> np.ndarray:
    return np.isin(
        np.arange(panel.n_obs), np.random.default_rng(0).choice(panel.n_obs, N_FREE, replace=False)
    )


def test_no_corner_is_beyond_the_bounds_and_two_are_on_them(panel: Panel, free: np.ndarray) -> None:
    found = coefficient_bounds(panel, free, RADIUS)
    corners = []
    for signs in itertools.product([-1.0, 1.0], repeat=N_FREE):
        moved = panel.outcome.copy()
        moved[free] += RADIUS * np.array(signs)
        corners.append(fit_treatment(replace(panel, outcome=moved)).estimate)
    assert found.low == pytest.approx(min(corners), rel=1e-10)
    assert found.high == pytest.approx(max(corners), rel=1e-10)
    assert found.estimate == pytest.approx(fit_treatment(panel).estimate, rel=1e-10)
    inside = panel.outcome.copy()
    inside[free] += np.random.default_rng(1).uniform(-RADIUS, RADIUS, N_FREE)
    assert found.low < fit_treatment(replace(panel, outcome=inside)).estimate < found.high


def test_the_sign_changes_at_the_breakdown(panel: Panel, free: np.ndarray) -> None:
    found = coefficient_bounds(panel, free, RADIUS)
    assert found.estimate > 0
    assert coefficient_bounds(panel, free, found.breakdown).low == pytest.approx(0, abs=1e-12)
    assert coefficient_bounds(panel, free, 0.99 * found.breakdown).low > 0
    turned = coefficient_bounds(replace(panel, outcome=-panel.outcome), free, found.breakdown)
    assert turned.high == pytest.approx(0, abs=1e-12)


def test_nothing_free_is_the_coefficient(panel: Panel) -> None:
    found = coefficient_bounds(panel, np.zeros(panel.n_obs, dtype=bool), RADIUS)
    assert found.low == found.high == found.estimate
    assert math.isinf(found.breakdown)


def test_the_deviation_is_that_of_dummies_on_the_observed_rows(panel: Panel, free: np.ndarray) -> None:
    numbers = {"y": panel.outcome, "d": panel.treatment, "x": panel.controls[:, 0]}
    frame = pd.DataFrame(numbers | {"unit": panel.unit, "year": panel.time})
    fit = smf.ols("y ~ d + x + C(unit) + C(year)", frame[~free]).fit()
    assert residual_deviation(panel, ~free) == pytest.approx(math.sqrt(fit.mse_resid), rel=1e-10)
    # What the free cells say is no part of it.
    wild = panel.outcome + 100 * free
    assert residual_deviation(replace(panel, outcome=wild), ~free) == pytest.approx(
        residual_deviation(panel, ~free), rel=1e-8
    )


@pytest.mark.parametrize("radius", [-1.0, math.inf, math.nan])
def test_a_distance_is_a_finite_number(panel: Panel, free: np.ndarray, radius: float) -> None:
    with pytest.raises(ValueError, match="radius"):
        coefficient_bounds(panel, free, radius)


def test_what_has_no_bounds_is_refused(panel: Panel, free: np.ndarray) -> None:
    with pytest.raises(ValueError, match="no variation"):
        coefficient_bounds(replace(panel, treatment=panel.time.astype(float)), free, RADIUS)
    nothing = np.zeros(panel.n_obs, dtype=bool)
    with pytest.raises(ValueError, match="no cell of the outcome is observed"):
        residual_deviation(panel, nothing)
    nothing[:4] = True
    with pytest.raises(ValueError, match="degree of freedom"):
        residual_deviation(panel, nothing)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda mask: mask.astype(int),
        lambda mask: mask.astype(float),
        lambda mask: mask.astype(object),
        lambda mask: mask[:-1],
        lambda mask: mask[:, None],
        lambda mask: np.flatnonzero(mask),
    ],
)  # fmt: skip
def test_a_mask_is_boolean_and_has_one_entry_a_row(
    panel: Panel, free: np.ndarray, wrong: Callable[[np.ndarray], np.ndarray]
) -> None:
    for ask in (lambda m: coefficient_bounds(panel, m, 1.0), lambda m: residual_deviation(panel, m)):
        with pytest.raises(ValueError, match=rf"boolean of shape \({panel.n_obs},\)"):
            ask(wrong(free))
    assert coefficient_bounds(panel, free.tolist(), 1.0) == coefficient_bounds(panel, free, 1.0)  # type: ignore[arg-type]
