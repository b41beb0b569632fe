"""Productivity indices: values known by hand, identities, statuses, workers."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from numpy.typing import NDArray

from cbec.efficiency import frontier
from cbec.efficiency.frontier import evaluate, reference_periods, split_jobs
from cbec.efficiency.index import (
    ProductivityResult,
    malmquist,
    malmquist_luenberger,
    productivity_index,
    sbm_malmquist_luenberger,
)
from cbec.efficiency.panel import EfficiencyWarning, Panel, cube_panel, long_panel
from cbec.efficiency.technology import Technology


def made(seed: int = 0, n: int = 20, periods: int = 4, q: int = 1) -> Panel:
    rng = np.random.default_rng(seed)
    size = rng.lognormal(0, 0.6, (1, n, 1))
    x = size * rng.lognormal(0, 0.2, (periods, n, 2))
    y = size * rng.lognormal(0, 0.2, (periods, n, 1)) * 1.03 ** np.arange(periods)[:, None, None]
    b = size * rng.lognormal(0, 0.3, (periods, n, q))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EfficiencyWarning)
        return cube_panel(x, y, b if q else None, periods=range(2010, 2010 + periods))


@pytest.fixture(scope="module")
def panel() -> Panel:
    return made()


def by_hand(**options: object) -> ProductivityResult:
    """Three units, one input, one output: productivities 1, 2, 4 and then 2, 2, 5."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EfficiencyWarning)
        panel = cube_panel([[1.0, 2.0, 3.0], [2.0, 3.0, 3.0]], [[1.0, 4.0, 12.0], [4.0, 6.0, 15.0]])
    return malmquist(panel, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("orientation", ["input", "output"])
@pytest.mark.parametrize("method", ["adjacent", "global", "biennial"])
def test_one_input_one_output_by_hand(orientation: str, method: str) -> None:
    """M is the ratio of productivities, TC the ratio of the best ones, 5 / 4."""
    r = by_hand(orientation=orientation, method=method)
    assert r.index == pytest.approx([2, 1, 1.25])
    assert r.technical_change == pytest.approx([1.25, 1.25, 1.25])
    assert r.efficiency_change == pytest.approx([1.6, 0.8, 1])
    assert r.level_to == pytest.approx([0.4, 0.4, 1])
    assert r.cumulative == pytest.approx([2, 1, 1.25])
    own = [0.25, 0.5, 1] if method != "global" else [0.2, 0.4, 0.8]
    assert r.level_from == pytest.approx(own)


def test_the_level_is_not_the_index() -> None:
    """The third unit is on the frontier in both periods and still gains a quarter."""
    r = by_hand()
    third = r.levels.unit == 2
    assert r.levels.level[third] == pytest.approx([1, 1])
    assert r.levels.cumulative[third] == pytest.approx([1, 1.25])
    assert set(r.levels.cumulative_status) == {"complete"}


TECHNOLOGIES = [
    Technology("radial", "output"),
    Technology("sbm", "none"),
    Technology("sbm", "none", "vrs"),
    Technology("ddf"),
    Technology("ddf", disposability="strong"),
    Technology("nddf"),
]


@pytest.mark.parametrize("technology", TECHNOLOGIES, ids=lambda t: f"{t.measure}-{t.rts}")
@pytest.mark.parametrize("method", ["adjacent", "global", "biennial"])
def test_components_multiply_to_the_index(panel: Panel, technology: Technology, method: str) -> None:
    r = productivity_index(panel, technology, method=method)  # type: ignore[arg-type]
    ok = r.status == "optimal"
    assert ok.sum() >= 20
    product = r.efficiency_change * r.technical_change
    assert product[ok] == pytest.approx(r.index[ok], rel=1e-12)
    assert np.isnan(r.index[~ok]).all()
    assert all(r.reason[~ok]) and not any(r.reason[ok])


@pytest.mark.parametrize("family", ["contemporaneous", "sequential", "window"])
def test_fgnz_and_ray_desli_parts_multiply_to_the_crs_index(family: str) -> None:
    panel = made(q=0)
    plain = malmquist(panel, family=family, window=2)  # type: ignore[arg-type]
    f = malmquist(panel, family=family, window=2, decomposition="fgnz")  # type: ignore[arg-type]
    parts = f.components["pure_efficiency_change"] * f.components["scale_efficiency_change"]
    assert f.index == pytest.approx(plain.index, rel=1e-12)
    assert f.efficiency_change == pytest.approx(parts, rel=1e-12)
    rd = malmquist(
        panel,
        family=family,  # type: ignore[arg-type]
        window=2,
        decomposition="ray_desli",
    )
    ok = rd.status == "optimal"
    product = rd.components["pure_efficiency_change"] * rd.technical_change * rd.components["scale_change"]
    assert ok.sum() > 20
    assert product[ok] == pytest.approx(plain.index[ok], rel=1e-12)
    assert not np.allclose(rd.technical_change[ok], plain.technical_change[ok])


def test_luenberger_parts_add_up_and_cumulate_by_sums(panel: Panel) -> None:
    r = malmquist_luenberger(panel, form="difference", rule="inequality")
    assert r.counts() == {"optimal": 60}
    assert r.efficiency_change + r.technical_change == pytest.approx(r.index, abs=1e-12)
    by_unit = r.index.reshape(3, 20).cumsum(axis=0)
    assert r.cumulative == pytest.approx(by_unit.ravel())
    assert (r.levels.cumulative.reshape(4, 20)[0] == 0).all()
    level = evaluate(panel, r.technology).score.reshape(4, 20)
    assert r.efficiency_change == pytest.approx((level[:-1] - level[1:]).ravel(), abs=1e-12)


def test_luenberger_by_hand() -> None:
    """One input of 1, outputs 1 and 2, then 2 and 3, direction the output: a distance is the best output over
    the own one, less 1. D1(1) = (1, 0), D1(2) = (0, -1/3), D2(1) = (2, 1/2), D2(2) = (1/2, 0); a gain is
    positive (Chambers, Fare and Grosskopf 1996)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EfficiencyWarning)
        panel = cube_panel([[1.0, 1.0], [1.0, 1.0]], [[1.0, 2.0], [2.0, 3.0]])
    r = productivity_index(panel, Technology("ddf", direction="goods"), form="difference")
    assert r.index == pytest.approx([1.25, 5 / 12])
    assert r.efficiency_change == pytest.approx([0.5, 0])
    assert r.technical_change == pytest.approx([0.75, 5 / 12])
    # Of the frontier of both years: D(1) - D(2) with the outputs of 3.
    whole = productivity_index(
        panel, Technology("ddf", direction="goods"), form="difference", method="global"
    )
    assert whole.index == pytest.approx([1.5, 0.5])


def test_global_index_is_circular(panel: Panel) -> None:
    """Chaining over the years equals the direct comparison of last and first year."""
    for r in (
        sbm_malmquist_luenberger(panel),
        malmquist_luenberger(panel, method="global"),
    ):
        level = r.levels.level.reshape(4, 20)
        chained = r.cumulative.reshape(3, 20)[-1]
        assert chained == pytest.approx(level[-1] / level[0], rel=1e-12)
    adjacent = sbm_malmquist_luenberger(panel, method="adjacent")
    assert not np.allclose(adjacent.cumulative, sbm_malmquist_luenberger(panel).cumulative)


def test_planted_productivity_is_recovered() -> None:
    """Units with a planted loss and growth: levels rank the loss, indices rank the growth."""
    rng = np.random.default_rng(8)
    n, periods = 120, 4
    x = rng.lognormal(0, 0.6, (1, n, 2)) * np.ones((periods, 1, 1))
    loss = np.abs(rng.normal(0, 0.4, n))
    growth = rng.normal(0.03, 0.03, n)
    time = np.arange(periods)[:, None]
    y = np.exp(np.log(x).mean(axis=2) - loss + growth * time)
    b = x[:, :, 0] * np.exp(0.2 * loss)
    r = sbm_malmquist_luenberger(cube_panel(x, y, b))

    def rank_correlation(u: NDArray[np.float64], v: NDArray[np.float64]) -> float:
        return float(np.corrcoef(u.argsort().argsort(), v.argsort().argsort())[0, 1])

    assert rank_correlation(r.levels.level[:n], -loss) > 0.85
    assert rank_correlation(r.cumulative[-n:], growth) > 0.85


def test_sequential_frontier_never_regresses(panel: Panel) -> None:
    r = malmquist_luenberger(panel, family="sequential", rule="inequality")
    assert (r.technical_change[r.status == "optimal"] >= 1 - 1e-9).all()
    plain = malmquist_luenberger(panel, rule="inequality")
    assert (plain.technical_change < 1 - 1e-6).any()


def test_strict_and_inequality_rules_are_named_and_differ(panel: Panel) -> None:
    strict = malmquist_luenberger(panel)
    loose = malmquist_luenberger(panel, rule="inequality")
    assert set(strict.columns()["bads_rule"]) == {"equality"}
    assert set(loose.columns()["bads_rule"]) == {"inequality"}
    both = (strict.status == "optimal") & (loose.status == "optimal")
    assert not np.allclose(strict.index[both], loose.index[both])


@pytest.mark.parametrize("name", frontier.FRONTIERS)
def test_frontier_families_nest(panel: Panel, name: str) -> None:
    """More reference periods can only lower a score; the global frontier lowers most."""
    technology = Technology("sbm", "none")
    own = evaluate(panel, technology).score
    wide = evaluate(panel, technology, frontier="global").score
    score = evaluate(panel, technology, frontier=name, window=2).score  # type: ignore[arg-type]
    assert (score <= own + 1e-9).all() and (score >= wide - 1e-9).all()


def test_reference_periods() -> None:
    assert reference_periods("contemporaneous", 2, 5) == (2,)
    assert reference_periods("global", 2, 4) == (0, 1, 2, 3)
    assert reference_periods("sequential", 2, 5) == (0, 1, 2)
    assert reference_periods("window", 3, 5, 2) == (2, 3)
    assert reference_periods("window", 0, 5, 3) == (0,)
    assert reference_periods("biennial", 1, 3) == (1, 2)
    assert reference_periods("biennial", 2, 3) == (1, 2)
    with pytest.raises(ValueError, match="needs window"):
        reference_periods("window", 1, 3)


def test_results_do_not_depend_on_the_number_of_workers(
    panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frontier, "WORTH_A_POOL", 0)
    monkeypatch.setattr(frontier, "BLOCK", 20)
    seen: list[tuple[int, int]] = []
    one = sbm_malmquist_luenberger(panel, progress=lambda done, total: seen.append((done, total)))
    two = sbm_malmquist_luenberger(panel, workers=2)
    for a, b in ((one.index, two.index), (one.efficiency_change, two.efficiency_change)):
        assert a.tobytes() == b.tobytes()
    assert seen[-1][0] == seen[-1][1] == 160
    assert [d for d, _ in seen] == sorted(d for d, _ in seen)


def test_blocks_depend_on_the_panel_only() -> None:
    jobs = [frontier.Job((0, 1, 2), (t,)) for t in range(3)]
    assert split_jobs(jobs, 600) == [frontier.Job((0, 1, 2), (t,)) for t in range(3)]
    assert split_jobs(jobs, 300) == [frontier.Job((0, 1, 2), (0, 1, 2))]


def holey(unbalanced: str, q: int = 1) -> Panel:
    full = made(n=10, periods=3, q=q)
    unit = np.tile(np.arange(10), 3)
    period = np.repeat([2010, 2011, 2012], 10)
    keep = ~((unit == 4) & (period == 2011))
    data: NDArray[np.float64] = full.data.reshape(30, -1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EfficiencyWarning)
        return long_panel(
            unit[keep],
            period[keep],
            data[keep, :2],
            data[keep, 2],
            data[keep, 3:] if q else None,
            unbalanced=unbalanced,  # type: ignore[arg-type]
        )


def test_unbalanced_frontier_reports_the_missing_rows() -> None:
    r = malmquist_luenberger(holey("frontier"), rule="inequality")
    assert r.counts() == {"optimal": 18, "missing": 2}
    lost = r.status == "missing"
    assert set(r.unit[lost]) == {4}
    assert all("missing" in reason for reason in r.reason[lost])
    chain = (r.levels.unit == 4) & (r.levels.period >= 2011)
    assert set(r.levels.cumulative_status[chain]) == {"broken"}
    scores = evaluate(holey("frontier"), Technology("sbm", "none"))
    assert scores.counts() == {"optimal": 29, "missing": 1}


def test_unbalanced_drop_equals_the_panel_without_the_unit() -> None:
    dropped = holey("drop", q=0)
    assert dropped.dropped == (4,)
    r = malmquist(dropped)
    full = made(n=10, periods=3, q=0)
    rest = np.delete(full.data, 4, axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EfficiencyWarning)
        direct = malmquist(cube_panel(rest[:, :, :2], rest[:, :, 2]))
    assert r.counts() == {"optimal": 18}
    assert r.index == pytest.approx(direct.index, rel=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "fixed"}, "method must be one of"),
        ({"family": "global"}, "family must be one of"),
        ({"decomposition": "x"}, "decomposition must be one of"),
        ({"form": "difference"}, "needs ddf or nddf"),
        ({"workers": 0}, "workers must be at least 1"),
    ],
)
def test_wrong_options_are_refused(panel: Panel, options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        productivity_index(panel, Technology("sbm", "none"), **options)  # type: ignore[arg-type]


def test_one_period_has_no_index() -> None:
    with pytest.raises(ValueError, match="at least 2 periods"):
        malmquist(made(periods=1))
