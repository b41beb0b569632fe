"""Small published examples, written out so that a fresh clone tests them."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from cbec.efficiency.frontier import evaluate
from cbec.efficiency.panel import EfficiencyWarning, Panel, cross_section
from cbec.efficiency.technology import Technology


def small(inputs: object, goods: object, bads: object = None) -> Panel:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EfficiencyWarning)
        return cross_section(inputs, goods, bads)  # type: ignore[arg-type]


# Tone (2001), European Journal of Operational Research 130, 498-509, the numerical example.
TONE = small(
    [[4, 3], [6, 3], [8, 1], [8, 1], [2, 4]],
    [[2, 3], [2, 3], [6, 2], [6, 1], [1, 4]],
)
# Coelli, Rao, Battese (1998), two inputs and one output.
COELLI = small([[2, 5], [2, 4], [6, 6], [3, 2], [6, 2]], [1, 2, 3, 1, 2])
# Coelli (1996), guide to DEAP, example 2: one input and one output; checked by hand.
DEAP = small([2, 4, 3, 5, 6], [1, 2, 3, 4, 5])


@pytest.mark.parametrize(
    ("panel", "technology", "expected"),
    [
        (TONE, Technology("sbm", "none"), [79 / 99, 25 / 44, 1, 2 / 3, 1]),
        (TONE, Technology("sbm", "input"), [28 / 33, 95 / 132, 1, 1, 1]),
        (TONE, Technology("sbm", "output"), [9 / 11, 20 / 33, 1, 2 / 3, 1]),
        (TONE, Technology("radial", "input"), [0.9, 5 / 6, 1, 1, 1]),
        (COELLI, Technology("radial", "input"), [0.5, 1, 5 / 6, 5 / 7, 1]),
        (COELLI, Technology("radial", "input", "vrs"), [1, 1, 1, 1, 1]),
        (COELLI, Technology("radial", "output", "vrs"), [2, 1, 1, 1, 1]),
        (DEAP, Technology("radial", "input", "crs"), [0.5, 0.5, 1, 0.8, 5 / 6]),
        (DEAP, Technology("radial", "input", "vrs"), [1, 0.625, 1, 0.9, 1]),
        (DEAP, Technology("radial", "input", "nirs"), [0.5, 0.5, 1, 0.9, 1]),
        (DEAP, Technology("radial", "input", "ndrs"), [1, 0.625, 1, 0.8, 5 / 6]),
    ],
)
def test_printed_scores(panel: Panel, technology: Technology, expected: list[float]) -> None:
    result = evaluate(panel, technology)
    assert result.score == pytest.approx(expected, abs=1e-12)
    assert result.counts() == {"optimal": 5}


def test_slacks_targets_and_peers_of_the_deap_example() -> None:
    """Unit 2 (x = 4, y = 2) is compared with the midpoint of units 1 and 3: x = 2.5."""
    result = evaluate(DEAP, Technology("radial", "input", "vrs"))
    assert result.target[1] == pytest.approx([2.5, 2.0], abs=1e-12)
    assert result.slack[1] == pytest.approx([0, 0], abs=1e-12)
    peers = result.peers
    mine = peers.row == 1
    assert dict(zip(peers.unit[mine], peers.weight[mine], strict=True)) == pytest.approx({0: 0.5, 2: 0.5})


def test_second_stage_finds_the_slack_that_the_radial_score_hides() -> None:
    """Tone's unit D: efficient by CCR, but one unit of output 2 short of unit C."""
    result = evaluate(TONE, Technology("radial", "input"))
    assert result.score[3] == pytest.approx(1)
    assert result.slack[3] == pytest.approx([0, 0, 0, 1], abs=1e-12)
    assert result.target[3] == pytest.approx([8, 1, 6, 2])


def test_super_efficiency_by_hand() -> None:
    """One input, one output, CRS: the best unit against the second best.

    Productivities 2 and 1.5: theta = 4/3, and super-SBM input the same with one input.
    """
    panel = small([1, 2], [2, 3])
    radial = evaluate(panel, Technology("radial", "input", super_efficiency=True))
    assert radial.score == pytest.approx([4 / 3, 0.75])
    sbm = evaluate(panel, Technology("sbm", "input", super_efficiency=True))
    assert sbm.score == pytest.approx([4 / 3, 0.75])
    output = evaluate(panel, Technology("sbm", "output", super_efficiency=True))
    assert output.score == pytest.approx([4 / 3, 0.75])
    assert sbm.excess[0, 0] == pytest.approx(1 / 3)


def test_super_efficiency_without_a_reference_is_reported_infeasible() -> None:
    """Under VRS nobody else reaches the largest output: input orientation has no answer."""
    result = evaluate(DEAP, Technology("radial", "input", "vrs", super_efficiency=True))
    assert result.status.tolist() == ["optimal"] * 4 + ["infeasible"]
    assert np.isnan(result.score[4]) and np.isnan(result.efficiency[4])
    assert result.counts() == {"optimal": 4, "infeasible": 1}


def test_sbm_with_a_bad_output_by_hand() -> None:
    """A (1, 2, 1) dominates B (2, 2, 2) in input and bad: rho = (1 - 1/2) / (1 + 1/2 (1/2))."""
    panel = small([1, 2], [2, 2], [1, 2])
    strong = evaluate(panel, Technology("sbm", "none"))
    assert strong.score == pytest.approx([1, 0.5 / 1.25])
    assert strong.bads_rule == "inequality"
    # Weak: the bad is held at 2, which takes two of A: output 4, no input saved.
    weak = evaluate(panel, Technology("sbm", "none", disposability="weak"))
    assert weak.score == pytest.approx([1, 1 / 2])
    assert weak.bads_rule == "equality"


def test_directional_distance_by_hand() -> None:
    """Same data, direction (0, y, -b): B can go to y = 2 + 2 beta, b = 2 - 2 beta.

    Twice A is (2, 4, 2). On the ray lam A: y = 2 lam >= 2 + 2 beta, b = lam = 2 - 2 beta:
    beta = 1/3.
    """
    panel = small([1, 2], [2, 2], [1, 2])
    result = evaluate(panel, Technology("ddf"))
    assert result.score == pytest.approx([0, 1 / 3], abs=1e-12)
    assert result.efficiency == pytest.approx([1, 0.75])
    assert result.target[1] == pytest.approx([4 / 3, 8 / 3, 4 / 3])


def test_non_radial_directional_distance_by_hand() -> None:
    """B may halve its bad at the same output (w'beta = 1/4) or raise output: y -> 2 lam,
    b = lam <= 2: at lam = 2 output doubles, beta_y = 1 and w'beta = 1/2, the larger."""
    panel = small([1, 2], [2, 2], [1, 2])
    result = evaluate(panel, Technology("nddf"))
    assert result.score == pytest.approx([0, 0.5], abs=1e-12)
    assert result.betas[1] == pytest.approx([0, 1, 0], abs=1e-12)
    only_bad = evaluate(panel, Technology("nddf", weights=(0, 0, 1)))
    assert only_bad.score == pytest.approx([0, 0.5], abs=1e-12)
    assert only_bad.betas[1] == pytest.approx([0, 0, 0.5], abs=1e-12)


def test_a_given_direction_equals_the_preset_and_scales_beta() -> None:
    panel = small([[2, 3], [4, 4], [3, 5]], [3, 4, 3], [2, 3, 3])
    x, y, b = panel.inputs, panel.goods, panel.bads
    preset = evaluate(panel, Technology("ddf", direction="all")).score
    same = evaluate(panel, Technology("ddf", direction=(-x, y, -b))).score
    double = evaluate(panel, Technology("ddf", direction=(-2 * x, 2 * y, -2 * b))).score
    assert same == pytest.approx(preset, abs=1e-12)
    assert double == pytest.approx(preset / 2, abs=1e-12)
    assert preset.max() > 0.01


def test_unbounded_is_reported() -> None:
    """Lowering a bad under weak disposability by moving nothing else: b can rise for ever
    in the direction (0, 0, +b) when bads are freely disposable upwards."""
    panel = small([1, 2], [2, 2], [1, 2])
    upward = (np.zeros(1), np.zeros(1), np.ones(1))
    result = evaluate(panel, Technology("ddf", disposability="strong", direction=upward))
    assert result.status.tolist() == ["unbounded", "unbounded"]
    assert np.isnan(result.score).all()
