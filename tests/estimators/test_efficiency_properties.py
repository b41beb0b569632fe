"""Properties that must hold for any data."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cbec.efficiency.frontier import evaluate
from cbec.efficiency.index import productivity_index
from cbec.efficiency.panel import EfficiencyWarning, Panel, cross_section, cube_panel
from cbec.efficiency.technology import Technology

FAST = settings(max_examples=60, deadline=None, derandomize=True)
PLAIN = [
    Technology("radial", "input", "crs"),
    Technology("radial", "output", "vrs"),
    Technology("sbm", "none", "crs"),
    Technology("sbm", "none", "vrs"),
    Technology("sbm", "none", disposability="weak"),
    Technology("sbm", "input", "ndrs"),
    Technology("ddf"),
    Technology("ddf", rts="vrs", disposability="strong", direction="all"),
    Technology("nddf", rts="nirs"),
]
technologies = st.sampled_from(PLAIN)


@st.composite
def data(draw: st.DrawFn, periods: int = 1) -> np.ndarray:
    """(periods, units, 4): two inputs, a good, a bad; coarse values make ties frequent."""
    n = draw(st.integers(4, 12))
    values = st.integers(1, 12)
    flat = draw(st.lists(values, min_size=periods * n * 4, max_size=periods * n * 4))
    return np.array(flat, dtype=float).reshape(periods, n, 4)


def panel_of(z: np.ndarray) -> Panel:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EfficiencyWarning)
        if len(z) == 1:
            return cross_section(z[0, :, :2], z[0, :, 2], z[0, :, 3])
        return cube_panel(z[:, :, :2], z[:, :, 2], z[:, :, 3])


def scores(z: np.ndarray, technology: Technology) -> np.ndarray:
    return evaluate(panel_of(z), technology).score


def same(a: np.ndarray, b: np.ndarray) -> None:
    np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


@FAST
@given(data(), technologies, st.lists(st.integers(-6, 9), min_size=4, max_size=4))
def test_units_of_measure_do_not_matter(z: np.ndarray, technology: Technology, powers: list[int]) -> None:
    same(scores(z, technology), scores(z * 10.0 ** np.array(powers), technology))


@FAST
@given(data(), technologies, st.randoms(use_true_random=False))
def test_row_order_does_not_matter(z: np.ndarray, technology: Technology, random: object) -> None:
    order = np.arange(z.shape[1])
    random.shuffle(order)  # type: ignore[attr-defined]
    same(scores(z, technology)[order], scores(z[:, order], technology))


@FAST
@given(data(), technologies, st.data())
def test_a_duplicate_changes_nothing(z: np.ndarray, technology: Technology, more: st.DataObject) -> None:
    counterpart = more.draw(st.integers(0, z.shape[1] - 1))
    longer = scores(np.concatenate([z, z[:, [counterpart]]], axis=1), technology)
    before = scores(z, technology)
    same(longer[:-1], before)
    same(longer[-1:], before[[counterpart]])


@FAST
@given(data(), technologies, st.data())
def test_a_dominated_unit_changes_nothing(z: np.ndarray, technology: Technology, more: st.DataObject) -> None:
    """Twice the inputs for half the good at the same bad, made from an existing unit."""
    worse = z[:, [more.draw(st.integers(0, z.shape[1] - 1))]] * [2.0, 2.0, 0.5, 1.0]
    longer = scores(np.concatenate([z, worse], axis=1), technology)
    same(longer[:-1], scores(z, technology))


@FAST
@given(data(), technologies)
def test_efficiency_lies_between_0_and_1(z: np.ndarray, technology: Technology) -> None:
    result = evaluate(panel_of(z), technology)
    assert result.counts() == {"optimal": z.shape[1]}
    assert (result.efficiency > 0).all() and (result.efficiency <= 1 + 1e-9).all()
    assert (result.violation <= 1e-9).all()
    assert (result.slack >= 0).all()


@FAST
@given(data(), st.sampled_from(["crs", "vrs"]))
def test_super_efficiency_exceeds_1_only_for_efficient_units(z: np.ndarray, rts: str) -> None:
    plain = evaluate(panel_of(z), Technology("sbm", "none", rts))  # type: ignore[arg-type]
    above = evaluate(
        panel_of(z),
        Technology("sbm", "none", rts, super_efficiency=True),  # type: ignore[arg-type]
    )
    inefficient = plain.score < 1 - 1e-9
    same(above.score[inefficient], plain.score[inefficient])
    rest = above.score[~inefficient]
    assert (rest[np.isfinite(rest)] >= 1 - 1e-9).all()
    assert set(above.status[np.isnan(above.score)]) <= {"infeasible", "unbounded"}


@FAST
@given(data(), technologies)
def test_targets_are_made_of_the_peers(z: np.ndarray, technology: Technology) -> None:
    result = evaluate(panel_of(z), technology)
    built = np.zeros(result.target.shape)
    p = result.peers
    np.add.at(built, p.row, p.weight[:, None] * z[0, p.unit.astype(int)])
    np.testing.assert_allclose(built, result.target, rtol=1e-8, atol=1e-8)


@FAST
@given(data(), technologies)
def test_a_target_is_efficient(z: np.ndarray, technology: Technology) -> None:
    """Evaluated in place of the unit, the projection of the most inefficient unit scores 1."""
    if technology.measure in ("ddf", "nddf") or technology.disposability == "weak":
        technology = Technology("sbm", "none", technology.rts)
    result = evaluate(panel_of(z), technology)
    worst = int(result.efficiency.argmin())
    target = result.target[worst]
    if (target[:2] > 1e-9).any() and target[2] > 1e-9:
        moved = np.concatenate([z, np.maximum(target, 0)[None, None]], axis=1)
        again = evaluate(panel_of(moved), technology)
        assert again.efficiency[-1] == pytest.approx(1, abs=1e-7)


@FAST
@given(data(), technologies, st.sampled_from(["adjacent", "global", "biennial"]))
def test_an_unchanged_panel_has_index_1(z: np.ndarray, technology: Technology, method: str) -> None:
    r = productivity_index(
        panel_of(np.concatenate([z, z, z])),
        technology,
        method=method,  # type: ignore[arg-type]
    )
    assert set(r.status) == {"optimal"}
    for column in (r.index, r.efficiency_change, r.technical_change, r.cumulative):
        np.testing.assert_allclose(column, 1, rtol=1e-9)


@FAST
@given(data(periods=3), technologies)
def test_every_row_is_a_number_or_says_why(z: np.ndarray, technology: Technology) -> None:
    r = productivity_index(panel_of(z), technology)
    assert sum(r.counts().values()) == 2 * z.shape[1]
    assert ((r.status == "optimal") == np.isfinite(r.index)).all()
    ok = r.status == "optimal"
    same(r.index[ok], (r.efficiency_change * r.technical_change)[ok])
    g = productivity_index(panel_of(z), technology, method="global")
    level = g.levels.level.reshape(3, -1)
    same(g.cumulative.reshape(2, -1)[-1], level[-1] / level[0])
