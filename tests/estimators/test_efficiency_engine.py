"""The package against a second engine: textbook programmes, one scipy.linprog call per unit.

The textbook engine sees each variable divided by its largest value, because a general solver
cannot work to 1e-9 on raw data that span fifteen powers of ten; the package sees the raw data
and has to scale by itself.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import linprog  # type: ignore[import-untyped]

from cbec.efficiency.frontier import STATUS, Job, evaluate, run_job
from cbec.efficiency.index import malmquist_luenberger, sbm_malmquist_luenberger
from cbec.efficiency.panel import EfficiencyWarning, Panel, cube_panel
from cbec.efficiency.technology import Technology

Float = NDArray[np.float64]
TIGHT = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
# Typed loosely: the loops below run over what Technology declares as literals.
RTS: tuple[Any, ...] = ("crs", "vrs", "nirs", "ndrs")
SIDES: tuple[Any, ...] = ("input", "output")
WAYS: tuple[Any, ...] = ("goods_bads", "all")
TWO: tuple[Any, ...] = ("crs", "vrs")


def textbook(
    tech: Technology, ref: list[Float], own: list[Float], own_index: int | None = None
) -> tuple[str, float]:
    """Status and score of one unit; ref and own are [inputs, goods, bads], units in rows."""
    x_ref, y_ref, b_ref = ref
    x, y, b = own
    n, m, s, q = len(x_ref), len(x), len(y), len(b)
    keep = np.ones(n, dtype=bool)
    if own_index is not None:
        keep[own_index] = False
    x_ref, y_ref, b_ref = x_ref[keep], y_ref[keep], b_ref[keep]
    n = len(x_ref)
    weak = tech.disposability == "weak"
    if tech.measure in ("radial", "ddf"):
        if tech.measure == "radial":
            move = (-x, 0 * y, 0 * b) if tech.orientation == "input" else (0 * x, y, 0 * b)
        else:
            shares = {"goods_bads": (0, 1, -1), "all": (-1, 1, -1), "goods": (0, 1, 0)}
            f = shares[str(tech.direction)]
            move = (f[0] * x, f[1] * y, f[2] * b)
        rows_ub = [np.c_[-move[0], x_ref.T], np.c_[move[1], -y_ref.T]]
        right_ub = [x, -y]
        rows_eq: list[Float] = []
        right_eq: list[Float] = []
        (rows_eq if weak else rows_ub).append(np.c_[-move[2], b_ref.T])
        (right_eq if weak else right_ub).append(b)
        cost = np.r_[-1.0, np.zeros(n)]
        bounds = [(None, None)] + [(0, None)] * n
        ones = np.r_[0.0, np.ones(n)]
        total = 1.0
    elif tech.measure == "nddf":
        shares = {"goods_bads": (0, 1, 1), "all": (1, 1, 1)}
        f = shares[str(tech.direction)]
        moves = [v * z > 0 for v, z in zip(f, (x, y, b), strict=True)]
        groups = sum(bool(z.any()) for z in moves)
        weight = np.concatenate([z / (groups * max(z.sum(), 1)) for z in moves])
        g = np.concatenate([f[0] * x, f[1] * y, f[2] * b])
        block = np.diag(g)
        rows_ub = [
            np.c_[block[:m], x_ref.T],
            np.c_[block[m : m + s], -y_ref.T],
        ]
        right_ub = [x, -y]
        rows_eq, right_eq = [], []
        (rows_eq if weak else rows_ub).append(np.c_[block[m + s :], b_ref.T])
        (right_eq if weak else right_ub).append(b)
        cost = np.r_[-weight, np.zeros(n)]
        bounds = [(0, None)] * (m + s + q + n)
        ones = np.r_[np.zeros(m + s + q), np.ones(n)]
        total = 1.0
    else:
        k = m + s + q
        use_in = (x > 0) & (tech.orientation != "output")
        use_out = np.r_[y > 0, (b > 0) & (not weak)] & (tech.orientation != "input")
        w_in = use_in / np.where(use_in, x, 1) / max(use_in.sum(), 1)
        own_out = np.r_[y, b]
        w_out = use_out / np.where(use_out, own_out, 1) / max(use_out.sum(), 1)
        outside = own_index is not None or tech.super_efficiency
        way = -1.0 if outside else 1.0
        # columns: t, slacks (inputs, goods, bads), lambdas
        diagonal = np.eye(k)
        if outside:
            if weak:
                diagonal[m + s :] = 0
            if tech.orientation == "input":
                diagonal[m:] = 0
            if tech.orientation == "output":
                diagonal[:m] = 0
            for i, v in enumerate(np.r_[x, y, b]):
                if v == 0:
                    diagonal[i] = 0
        rows_ub = []
        if outside:
            rows_ub = [
                np.c_[-x, -diagonal[:m], x_ref.T],
                np.c_[y, -diagonal[m : m + s], -y_ref.T],
            ]
            rows_eq = []
            (rows_eq if weak else rows_ub).append(np.c_[-b, -diagonal[m + s :], b_ref.T])
        else:
            if weak:
                diagonal[m + s :] = 0
            rows_eq = [
                np.c_[-x, diagonal[:m], x_ref.T],
                np.c_[-y, -diagonal[m : m + s], y_ref.T],
                np.c_[-b, diagonal[m + s :], b_ref.T],
            ]
        right_ub = [np.zeros(len(r)) for r in rows_ub]
        right_eq = [np.zeros(len(r)) for r in rows_eq]
        rows_eq.append(np.r_[1.0, np.zeros(m), way * w_out, np.zeros(n)][None])
        right_eq.append(np.ones(1))
        cost = np.r_[1.0, -way * w_in, np.zeros(s + q + n)]
        bounds = [(0, None)] * (1 + k + n)
        ones = np.r_[-1.0, np.zeros(k), np.ones(n)]
        total = 0.0
    if tech.rts == "vrs":
        rows_eq.append(ones[None])
        right_eq.append(np.array([total]))
    if tech.rts in ("nirs", "ndrs"):
        sign = 1.0 if tech.rts == "nirs" else -1.0
        rows_ub.append(sign * ones[None])
        right_ub.append(np.array([sign * total]))
    z = linprog(
        cost,
        A_ub=np.vstack(rows_ub) if rows_ub else None,
        b_ub=np.concatenate(right_ub) if rows_ub else None,
        A_eq=np.vstack(rows_eq) if rows_eq else None,
        b_eq=np.concatenate(right_eq) if rows_eq else None,
        bounds=bounds,
        method="highs",
        options=TIGHT,
    )
    if z.status != 0:
        return {2: "infeasible", 3: "unbounded"}.get(z.status, f"status {z.status}"), np.nan
    if tech.measure == "radial":
        return "optimal", 1 + z.fun if tech.orientation == "input" else 1 - z.fun
    return "optimal", z.fun if tech.measure == "sbm" else -z.fun


def random_panel(
    seed: int,
    n: int = 18,
    periods: int = 1,
    sizes: tuple[int, int, int] = (2, 2, 1),
    *,
    zeros: bool = True,
    ties: bool = True,
) -> tuple[Panel, list[Float]]:
    """A panel in wild units (1e-6 to 1e9 per variable), and the same divided by the maxima."""
    rng = np.random.default_rng(seed)
    m, s, q = sizes
    base = rng.lognormal(0, 0.8, (periods, n, 1))
    x = base * rng.lognormal(0, 0.4, (periods, n, m))
    y = base**0.9 * rng.lognormal(0, 0.4, (periods, n, s))
    b = base * rng.lognormal(0, 0.5, (periods, n, q))
    if ties:
        x, y, b = np.round(x, 1) + 0.1, np.round(y, 1) + 0.1, np.round(b, 1) + 0.1
        for z in (x, y, b):
            z[:, 1] = z[:, 0]
            z[:, 3] = 2 * z[:, 2]
    if zeros:
        if s > 1:
            y[:, 4, 0] = 0
        if q:
            b[:, 5, 0] = 0
        if m > 1:
            x[:, 6:8, 1] = 0
    scale = 10.0 ** rng.uniform(-6, 9, m + s + q)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EfficiencyWarning)
        panel = cube_panel(x * scale[:m], y * scale[m : m + s], b * scale[m + s :])
    return panel, [z / z.max(axis=(0, 1)) if z.shape[2] else z for z in (x, y, b)]


def compare(panel: Panel, clean: list[Float], tech: Technology, tol: float = 1e-9) -> int:
    """Assert agreement on every unit of period 0; return how many were optimal."""
    result = evaluate(panel, tech)
    ref = [z[0] for z in clean]
    good = 0
    for i in range(panel.n_units):
        own = [z[i] for z in ref]
        plain = tech
        own_index = i if tech.super_efficiency else None
        if tech.super_efficiency and tech.measure == "sbm":
            plain = Technology("sbm", tech.orientation, tech.rts, tech.disposability)
            status, score = textbook(plain, ref, own)
            if score >= 1 - 1e-9:
                status, score = textbook(tech, ref, own, i)
        else:
            status, score = textbook(plain, ref, own, own_index)
        if result.status[i] == "undefined":
            # Solved, but 1 + beta is not positive: there is a distance and no efficiency.
            assert status == "optimal" and score <= -1 + 1e-9
            assert result.score[i] == pytest.approx(score, rel=tol, abs=tol), i
            continue
        assert result.status[i] == status, (i, result.status[i], status)
        if status == "optimal":
            assert result.score[i] == pytest.approx(score, rel=tol, abs=tol), i
            good += 1
        else:
            assert np.isnan(result.score[i])
    return good


TECHNOLOGIES = [
    *[Technology("radial", o, r) for o in SIDES for r in RTS],
    Technology("radial", "output", "vrs", "strong"),
    *[Technology("sbm", "none", r) for r in RTS],
    *[Technology("sbm", o, r) for o in SIDES for r in TWO],
    *[Technology("sbm", "none", r, "weak") for r in TWO],
    *[Technology("ddf", rts=r, direction=d) for r in RTS for d in WAYS],
    *[Technology("ddf", rts=r, disposability="strong") for r in TWO],
    *[Technology("nddf", rts=r, direction=d) for r in RTS for d in WAYS],
    Technology("nddf", disposability="strong"),
    *[Technology("radial", "input", r, super_efficiency=True) for r in TWO],
    Technology("radial", "output", "vrs", super_efficiency=True),
    *[Technology("ddf", rts=r, super_efficiency=True) for r in TWO],
    *[Technology("sbm", "none", r, super_efficiency=True) for r in RTS],
    *[Technology("sbm", "none", r, "weak", super_efficiency=True) for r in TWO],
]


def name_of(tech: Technology) -> str:
    parts = [tech.measure, tech.orientation, tech.rts, str(tech.disposability)]
    if tech.measure in ("ddf", "nddf"):
        parts[1] = str(tech.direction)
    return "-".join(parts + (["super"] if tech.super_efficiency else []))


@pytest.mark.parametrize("tech", TECHNOLOGIES, ids=name_of)
@pytest.mark.parametrize("seed", [1, 2])
def test_scores_equal_the_textbook_programmes(tech: Technology, seed: int) -> None:
    panel, clean = random_panel(seed)
    assert compare(panel, clean, tech) > 5


@pytest.mark.parametrize("sizes", [(1, 1, 0), (3, 1, 3), (2, 3, 0)])
def test_other_shapes_equal_the_textbook_programmes(sizes: tuple[int, int, int]) -> None:
    panel, clean = random_panel(7, n=90, sizes=sizes)
    for tech in (
        Technology("radial", "output", "crs"),
        Technology("sbm", "none", "vrs"),
        Technology("ddf", rts="vrs"),
    ):
        assert compare(panel, clean, tech) == 90


@pytest.mark.parametrize("rts", RTS)
def test_units_of_very_different_size_in_one_cross_section(rts: Any) -> None:
    """One unit ten million times smaller than the rest is scored as accurately as they are."""
    _, clean = random_panel(11, n=30, zeros=False, ties=False)
    small = [z.copy() for z in clean]
    for z in small:
        z[0, 0] *= 1e-7
    raw = cube_panel(*(z * 1e3 for z in small))
    for tech in (Technology("radial", "input", rts), Technology("sbm", "none", rts)):
        result = evaluate(raw, tech)
        # The textbook engine gets the unit at its own scale: every row divided by its data.
        ref = [z[0] / z[0, 0] for z in small]
        status, score = textbook(tech, ref, [z[0] for z in ref])
        assert result.status[0] == status == "optimal"
        assert result.score[0] == pytest.approx(score, rel=1e-9)


@pytest.mark.parametrize("rts", RTS)
@pytest.mark.parametrize("measure", ["radial", "sbm", "ddf"])
def test_cross_sections_that_span_many_powers_of_ten(measure: Any, rts: Any) -> None:
    rng = np.random.default_rng(7)
    size = rng.lognormal(0, 4, (1, 80, 1))
    z = [size * rng.lognormal(0, 0.4, (1, 80, k)) for k in (2, 1, 1)]
    assert size.max() / size.min() > 1e7
    orientation: Any = "none" if measure == "sbm" else "input"
    tech = Technology(measure, orientation, rts)
    result = evaluate(cube_panel(*z), tech)
    assert result.counts() == {"optimal": 80}
    for i in range(0, 80, 5):
        ref = [a[0] / a[0, i] for a in z]
        score = textbook(tech, ref, [a[i] for a in ref])[1]
        assert result.score[i] == pytest.approx(score, rel=1e-9, abs=1e-9)


def test_cross_period_distances_equal_the_textbook_programmes() -> None:
    panel, clean = random_panel(5, n=15, periods=3, sizes=(2, 1, 1), zeros=False)
    result = malmquist_luenberger(panel)
    tech = result.technology
    row = 0
    for t in range(2):
        for i in range(15):
            d = {}
            for frontier in (t, t + 1):
                for at in (t, t + 1):
                    ref = [z[frontier] for z in clean]
                    d[frontier, at] = textbook(tech, ref, [z[at, i] for z in clean])[1]
            index = np.sqrt((1 + d[t, t]) / (1 + d[t, t + 1]) * (1 + d[t + 1, t]) / (1 + d[t + 1, t + 1]))
            if np.isnan(index):
                assert result.status[row] == "infeasible"
            else:
                assert result.index[row] == pytest.approx(index, rel=1e-9)
            row += 1
    assert result.counts()["optimal"] > 20


def test_adjacent_sbm_uses_super_efficiency_outside_the_frontier() -> None:
    panel, clean = random_panel(6, n=12, periods=2, sizes=(2, 1, 1), zeros=False)
    result = sbm_malmquist_luenberger(panel, method="adjacent")
    tech = result.technology
    beyond = 0
    for i in range(12):
        e = {}
        for frontier in (0, 1):
            for at in (0, 1):
                ref, own = [z[frontier] for z in clean], [z[at, i] for z in clean]
                status, score = textbook(tech, ref, own)
                if status == "infeasible":
                    beyond += 1
                    outer = Technology("sbm", "none", super_efficiency=True)
                    status, score = textbook(outer, ref, own)
                e[frontier, at] = score
        index = np.sqrt(e[0, 1] / e[0, 0] * e[1, 1] / e[1, 0])
        assert result.index[i] == pytest.approx(index, rel=1e-9)
    assert beyond > 0


@pytest.mark.parametrize("rts", ["crs", "vrs"])
def test_infeasible_distances_of_a_large_cross_section_are_told_apart(rts: Any) -> None:
    """Three bads at equality: many cross-period programmes have no solution, none is lost."""
    panel, clean = random_panel(21, n=110, periods=2, sizes=(3, 1, 3), zeros=False, ties=False)
    for tech in (Technology("ddf", rts=rts), Technology("nddf", rts=rts)):
        scores = run_job(panel, tech, Job((0,), (1,)), False)
        infeasible = 0
        for i in range(110):
            own = [z[1, i] for z in clean]
            ref = [z[0] / o for z, o in zip(clean, own, strict=True)]
            status, score = textbook(tech, ref, [o / o for o in own])
            assert STATUS[scores.status[i]] == status
            infeasible += status == "infeasible"
            if status == "optimal":
                assert scores.score[i] == pytest.approx(score, rel=1e-9, abs=1e-9)
        assert 0 < infeasible < 100
