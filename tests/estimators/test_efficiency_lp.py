"""What the solver layer promises: small models, safe pruning, honest failures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cbec.efficiency import lp
from cbec.efficiency.lp import Batch, FrontierModel


def units(n: int = 250, spread: float = 0.7) -> tuple[np.ndarray, Batch]:
    """Two inputs, one good, one bad; a non-oriented SBM batch."""
    rng = np.random.default_rng(12)
    size = rng.lognormal(0, spread, (n, 1))
    data = size * rng.lognormal(0, 0.4, (n, 4))
    weight = np.array([0.5, 0.5, 0.5, 0.5]) / data
    nothing = np.zeros(data.shape)
    free = np.zeros(data.shape, dtype=bool)
    return data, Batch(data, nothing, weight, free, np.full(n, -1))


@pytest.fixture
def no_second_try(monkeypatch: pytest.MonkeyPatch) -> None:
    """The warm-started model must do all the work: solving a unit alone is an error here."""

    def refuse(self: Any, batch: Batch, out: lp.Solution) -> lp.Solution:
        assert (out.status != lp.FAILED).all(), out.violation.max()
        return out

    monkeypatch.setattr(FrontierModel, "_solve_alone", refuse)


@pytest.mark.usefixtures("no_second_try")
@pytest.mark.parametrize("rts", ["crs", "vrs", "nirs", "ndrs"])
def test_only_efficient_units_enter_the_model(rts: Any) -> None:
    data, batch = units()
    model = FrontierModel(data.T, 2, 1, rts, "fractional")
    out = model.solve(batch)
    efficient = set(np.flatnonzero(out.value > 1 - 1e-9).tolist())
    assert (out.status == lp.OPTIMAL).all()
    assert efficient <= set(model.active)
    # NIRS and NDRS start with a few columns that are best only under another assumption.
    spare = len(model.active) - len(efficient)
    assert spare == 0 if rts in ("crs", "vrs") else spare <= 8
    assert len(efficient) < 60
    assert out.violation.max() < 1e-10
    # One solve per unit, and at most two more for each column that enters.
    assert out.solves <= len(data) + 2 * len(efficient)


@pytest.mark.usefixtures("no_second_try")
@pytest.mark.parametrize("rts", ["crs", "vrs", "nirs", "ndrs"])
def test_prices_alone_bring_in_what_a_free_beta_needs(rts: Any) -> None:
    """With beta free the programme is never infeasible: only prices can ask for columns."""
    data, base = units()
    batch = Batch(data, data * [-1, -1, 1, -1], base.weight, base.slack_fixed, base.excluded)
    out = FrontierModel(data.T, 2, 1, rts, "directional").solve(batch)
    assert (out.status == lp.OPTIMAL).all()
    assert out.active < 100


@pytest.mark.usefixtures("no_second_try")
def test_ten_powers_of_ten_need_no_second_try_under_crs() -> None:
    data, batch = units(spread=5)
    assert data.max() / data.min() > 1e10
    out = FrontierModel(data.T, 2, 1, "crs", "fractional").solve(batch)
    assert (out.status == lp.OPTIMAL).all()
    # Doubling or shrinking a unit does not change its score under CRS.
    small = Batch(data * 1e-6, batch.direction, batch.weight * 1e6, batch.slack_fixed, batch.excluded)
    again = FrontierModel(data.T, 2, 1, "crs", "fractional").solve(small)
    np.testing.assert_allclose(again.value, out.value, rtol=1e-10)


@pytest.mark.parametrize("kind", ["directional", "additive", "fractional"])
def test_pruned_and_full_reference_sets_agree(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    data, base = units()
    batch = Batch(data, data * [-1, -1, 1, -1], base.weight, base.slack_fixed, base.excluded)
    pruned = FrontierModel(data.T, 2, 1, "vrs", kind)
    few = pruned.solve(batch)
    monkeypatch.setattr(lp, "SMALL_REFERENCE", 10**6)
    full = FrontierModel(data.T, 2, 1, "vrs", kind)
    assert len(full.active) == 250
    np.testing.assert_allclose(full.solve(batch).value, few.value, rtol=1e-11, atol=1e-11)
    assert len(pruned.active) < 100


def test_a_wrong_answer_is_found_and_solved_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """With pricing switched off the model stops too early; the check must notice."""
    data, base = units()
    batch = Batch(data, data * [-1, -1, 1, -1], base.weight, base.slack_fixed, base.excluded)
    right = FrontierModel(data.T, 2, 1, "vrs", "directional").solve(batch)
    monkeypatch.setattr(lp, "PRICE_TOLERANCE", 1e9)
    rescued = FrontierModel(data.T, 2, 1, "vrs", "directional").solve(batch)
    np.testing.assert_allclose(rescued.value, right.value, rtol=1e-11, atol=1e-11)
    monkeypatch.setattr(lp, "CHECK_TOLERANCE", 1e9)
    wrong = FrontierModel(data.T, 2, 1, "vrs", "directional").solve(batch)
    assert np.nanmax(np.abs(wrong.value - right.value)) > 1e-6


def test_an_unprovable_answer_is_reported_as_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    data, batch = units(n=30)
    monkeypatch.setattr(lp, "CHECK_TOLERANCE", -1.0)
    monkeypatch.setattr(lp, "LAST_RESORT_TOLERANCE", -1.0)
    out = FrontierModel(data.T, 2, 1, "crs", "fractional").solve(batch)
    assert (out.status == lp.FAILED).all()
    assert np.isnan(out.value).all()


def test_an_empty_reference_set_is_infeasible() -> None:
    _, batch = units(n=5)
    out = FrontierModel(np.empty((4, 0)), 2, 1, "crs", "fractional").solve(batch)
    assert (out.status == lp.INFEASIBLE).all()


def test_the_tour_visits_everybody_once() -> None:
    points = np.random.default_rng(0).uniform(0, 1, (400, 3))
    assert sorted(lp.similarity_order(points).tolist()) == list(range(400))
    assert sorted(lp.similarity_order(np.ones((6000, 2))).tolist()) == list(range(6000))
