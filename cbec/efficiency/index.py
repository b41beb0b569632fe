"""Productivity indices: Malmquist, Malmquist-Luenberger, Luenberger, and their components.

Every ratio index is written in efficiencies E (1 on the frontier, larger is better; see
``technology.efficiency_of``), so that one set of formulas serves all measures. E^F_s(t) is the
efficiency of a unit's period-t data against the frontier of period s in family F. For
directional distances E = 1 / (1 + D), which turns the formulas below into those of Chung, Fare
and Grosskopf (1997) and Oh (2010).
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cbec.efficiency.frontier import (
    FAILED,
    MISSING,
    OPTIMAL,
    STATUS,
    UNDEFINED,
    Job,
    Progress,
    reference_periods,
    run_jobs,
    split_jobs,
)
from cbec.efficiency.lp import ReturnsToScale
from cbec.efficiency.panel import Panel
from cbec.efficiency.technology import Direction, Technology, efficiency_of

Float = NDArray[np.float64]
Method = Literal["adjacent", "global", "biennial"]
Decomposition = Literal["ec_tc", "fgnz", "ray_desli"]
Form = Literal["ratio", "difference"]

METHODS = ("adjacent", "global", "biennial")
FAMILIES = ("contemporaneous", "sequential", "window")
DECOMPOSITIONS = ("ec_tc", "fgnz", "ray_desli")
FORMS = ("ratio", "difference")


@dataclass(frozen=True)
class Levels:
    """Level and cumulative index in long form, T x N rows, the base period included.

    level: efficiency of the cell against its own frontier (the global one for
    method="global"); a level compares units within a period. cumulative: the chained index,
    1 in the first period (0 for differences); it compares a unit with its own past. The two
    are different quantities and are kept side by side for that reason. level_status and
    cumulative_status say why a value is NaN (``broken``: an index of the chain is missing).
    """

    unit: NDArray[np.object_]
    period: NDArray[np.object_]
    level: Float
    level_status: NDArray[np.str_]
    cumulative: Float
    cumulative_status: NDArray[np.str_]


@dataclass(frozen=True)
class ProductivityResult:
    """Index rows in long form: (T - 1) x N rows, N units per pair of consecutive periods.

    index = efficiency_change x technical_change (their sum for form="difference").
    technical_change is BPC, the best-practice gap change, for global and biennial methods.
    components: further parts that the decomposition defines, by name. status: ``optimal`` or
    the first reason why the index is NaN; reason says which distance it was. level_from,
    level_to: the levels of the two periods, see ``Levels``.
    bads_rule: ``equality`` (strict), ``inequality`` or ``no bads``.
    """

    unit: NDArray[np.object_]
    period_from: NDArray[np.object_]
    period_to: NDArray[np.object_]
    index: Float
    efficiency_change: Float
    technical_change: Float
    components: dict[str, Float]
    status: NDArray[np.str_]
    reason: NDArray[np.object_]
    cumulative: Float
    level_from: Float
    level_to: Float
    levels: Levels
    technology: Technology
    method: str
    family: str
    form: str
    bads_rule: str

    def counts(self) -> dict[str, int]:
        """How many index rows have each status."""
        names, count = np.unique(self.status, return_counts=True)
        return {str(n): int(c) for n, c in zip(names, count, strict=True)}

    def columns(self) -> dict[str, NDArray[Any]]:
        """One array per column, ready for a data frame."""
        return {
            "unit": self.unit,
            "period_from": self.period_from,
            "period_to": self.period_to,
            "index": self.index,
            "efficiency_change": self.efficiency_change,
            "technical_change": self.technical_change,
            **self.components,
            "status": self.status,
            "reason": self.reason,
            "cumulative": self.cumulative,
            "level_from": self.level_from,
            "level_to": self.level_to,
            "bads_rule": np.full(len(self.unit), self.bads_rule),
        }


class _Distances:
    """E (or the distance itself) of every unit for each (reference, period) that is needed."""

    def __init__(self, panel: Panel, form: Form) -> None:
        self.panel, self.form = panel, form
        self.value: dict[tuple[str, tuple[int, ...], int], Float] = {}
        self.status: dict[tuple[str, tuple[int, ...], int], NDArray[np.int64]] = {}

    def fill(
        self,
        technology: Technology,
        pairs: list[tuple[tuple[int, ...], int]],
        workers: int,
        progress: Progress | None,
    ) -> None:
        n = self.panel.n_units
        jobs = split_jobs([Job(ref, (t,)) for ref, t in pairs], n)
        parts = run_jobs(self.panel, technology, jobs, workers=workers, progress=progress)
        for job, part in zip(jobs, parts, strict=True):
            value = part.score
            if self.form == "ratio":
                value = efficiency_of(technology, part.score)
            status = part.status.astype(np.int64)
            good = np.isfinite(value) & ((value > 0) | (self.form == "difference"))
            status[(status == OPTIMAL) & ~good] = UNDEFINED
            value = np.where(status == OPTIMAL, value, np.nan)
            for t in job.evaluated:
                here = part.cells // n == t
                full, state = np.full(n, np.nan), np.full(n, MISSING)
                full[part.cells[here] % n] = value[here]
                state[part.cells[here] % n] = status[here]
                key = (technology.rts, job.reference, t)
                self.value[key], self.status[key] = full, state


def productivity_index(
    panel: Panel,
    technology: Technology,
    *,
    method: Method = "adjacent",
    family: Literal["contemporaneous", "sequential", "window"] = "contemporaneous",
    window: int | None = None,
    decomposition: Decomposition = "ec_tc",
    form: Form = "ratio",
    workers: int = 1,
    progress: Progress | None = None,
) -> ProductivityResult:
    """Productivity change between consecutive periods.

    method ``adjacent``: M = [E_t(t+1)/E_t(t) x E_t+1(t+1)/E_t+1(t)]^(1/2), EC = E_t+1(t+1) /
    E_t(t), TC = M / EC (Fare, Grosskopf, Norris, Zhang 1994), over the frontier family
    contemporaneous, sequential (Shestalova 2003) or window. ``global``: M = E_G(t+1) / E_G(t)
    (Pastor, Lovell 2005; Oh 2010), EC as above, BPC = M / EC. ``biennial``: the same with the
    frontier of both periods (Pastor, Asmild, Lovell 2011).

    decomposition ``fgnz``: index under CRS, PEC = EC under VRS, SEC = EC / PEC, TC under CRS.
    ``ray_desli``: index under CRS, PEC and TC under VRS, scale_change = index / VRS index
    (Ray, Desli 1997). Both ignore technology.rts.

    form ``difference`` (ddf and nddf only): Luenberger indicator, L = 1/2 [D_t(t) - D_t(t+1) +
    D_t+1(t) - D_t+1(t+1)], EC = D_t(t) - D_t+1(t+1), TC = L - EC (Chambers, Fare, Grosskopf
    1996).

    Raises ValueError for unknown options, fewer than two periods, or a form that the measure
    does not have.
    """
    for name, value, allowed in (
        ("method", method, METHODS),
        ("family", family, FAMILIES),
        ("decomposition", decomposition, DECOMPOSITIONS),
        ("form", form, FORMS),
    ):
        if value not in allowed:
            raise ValueError(f"{name} must be one of {allowed}, got {value!r}")
    if panel.n_periods < 2:
        raise ValueError(f"an index needs at least 2 periods, the panel has {panel.n_periods}")
    if form == "difference" and technology.measure not in ("ddf", "nddf"):
        raise ValueError(f'form "difference" needs ddf or nddf, got {technology.measure!r}')
    if form == "difference" and decomposition != "ec_tc":
        raise ValueError('form "difference" has only the decomposition "ec_tc"')
    n_periods = panel.n_periods

    def own(t: int) -> tuple[int, ...]:
        return reference_periods(family, t, n_periods, window)

    def pooled(t: int) -> tuple[int, ...]:
        return tuple(range(n_periods)) if method == "global" else (t, t + 1)

    index_pairs: list[tuple[tuple[int, ...], int]] = []
    level_pairs = [(own(t), t) for t in range(n_periods)]
    for t in range(n_periods - 1):
        if method == "adjacent":
            index_pairs += [(own(t), t + 1), (own(t + 1), t)]
        else:
            index_pairs += [(pooled(t), t), (pooled(t), t + 1)]
    base = technology if decomposition == "ec_tc" else replace(technology, rts="crs")
    variable = replace(technology, rts="vrs")
    d = _Distances(panel, form)
    runs = [(base, level_pairs + index_pairs)]
    if decomposition == "fgnz":
        runs.append((variable, level_pairs))
    if decomposition == "ray_desli":
        runs.append((variable, level_pairs + index_pairs))
    all_cells = [sum(int(panel.present[t].sum()) for _, t in dict.fromkeys(pairs)) for _, pairs in runs]
    before = 0
    for (tech, pairs), cells in zip(runs, all_cells, strict=True):
        d.fill(tech, pairs, workers, _shifted(progress, before, sum(all_cells)))
        before += cells

    n = panel.n_units
    rows: dict[str, list[Float]] = {}
    states, reasons = [], []
    for t in range(n_periods - 1):
        i, ec, tc = _step(d, base.rts, method, own, pooled, t)
        needed = _needed(base.rts, method, own, pooled, t)
        parts = {"index": i, "efficiency_change": ec, "technical_change": tc}
        if decomposition != "ec_tc":
            vi, pec, vtc = _step(d, "vrs", method, own, pooled, t)
            parts["pure_efficiency_change"] = pec
            if decomposition == "fgnz":
                parts["scale_efficiency_change"] = ec / pec
                needed += [("vrs", own(t), t), ("vrs", own(t + 1), t + 1)]
            else:
                parts["technical_change"] = vtc
                parts["scale_change"] = i / vi
                needed += _needed("vrs", method, own, pooled, t)
        for name, column in parts.items():
            rows.setdefault(name, []).append(column)
        state, reason = _why(d, needed, panel.periods, n)
        states.append(state)
        reasons.append(reason)
    table = {name: np.concatenate(columns) for name, columns in rows.items()}
    status = np.concatenate(states)
    units, periods = _labels(panel.units), _labels(panel.periods)
    levels, chain = _levels(panel, d, base.rts, method, own, pooled, table["index"], form)
    level = levels.level.reshape(n_periods, n)
    return ProductivityResult(
        unit=np.tile(units, n_periods - 1),
        period_from=np.repeat(periods[:-1], n),
        period_to=np.repeat(periods[1:], n),
        index=table.pop("index"),
        efficiency_change=table.pop("efficiency_change"),
        technical_change=table.pop("technical_change"),
        components=table,
        status=np.array(STATUS)[status],
        reason=np.concatenate(reasons),
        cumulative=chain[1:].ravel(),
        level_from=level[:-1].ravel(),
        level_to=level[1:].ravel(),
        levels=levels,
        technology=technology,
        method=method,
        family=family,
        form=form,
        bads_rule=technology.bads_rule if panel.n_bads else "no bads",
    )


def _shifted(progress: Progress | None, before: int, total: int) -> Progress | None:
    if progress is None:
        return None

    def report(done: int, _: int) -> None:
        progress(before + done, total)

    return report


def _needed(
    rts: str, method: Method, own: Any, pooled: Any, t: int
) -> list[tuple[str, tuple[int, ...], int]]:
    level = [(rts, own(t), t), (rts, own(t + 1), t + 1)]
    if method == "adjacent":
        return [*level, (rts, own(t), t + 1), (rts, own(t + 1), t)]
    return [*level, (rts, pooled(t), t), (rts, pooled(t), t + 1)]


def _step(
    d: _Distances, rts: str, method: Method, own: Any, pooled: Any, t: int
) -> tuple[Float, Float, Float]:
    """Index, efficiency change, technical change of all units from t to t + 1."""

    def e(reference: tuple[int, ...], period: int) -> Float:
        return d.value.get((rts, reference, period), np.full(d.panel.n_units, np.nan))

    before, after = e(own(t), t), e(own(t + 1), t + 1)
    if method == "adjacent":
        old_on_new, new_on_old = e(own(t + 1), t), e(own(t), t + 1)
        if d.form == "difference":
            index = 0.5 * ((before - new_on_old) + (old_on_new - after))
        else:
            index = np.sqrt((new_on_old / before) * (after / old_on_new))
    else:
        old, new = e(pooled(t), t), e(pooled(t), t + 1)
        index = old - new if d.form == "difference" else new / old
    if d.form == "difference":
        change = before - after
        return index, change, index - change
    change = after / before
    return index, change, index / change


def _why(
    d: _Distances,
    needed: list[tuple[str, tuple[int, ...], int]],
    periods: tuple[Hashable, ...],
    n: int,
) -> tuple[NDArray[np.int64], NDArray[np.object_]]:
    """Status of each unit's index and, in words, the first distance that failed."""
    status = np.full(n, OPTIMAL)
    reason = np.full(n, "", dtype=object)
    for rts, reference, t in needed:
        now = d.status.get((rts, reference, t), np.full(n, FAILED))
        new = (status == OPTIMAL) & (now != OPTIMAL)
        status[new] = now[new]
        span = str(periods[reference[0]])
        if len(reference) > 1:
            span += f"-{periods[reference[-1]]}"
        for i in np.flatnonzero(new):
            reason[i] = f"{rts} frontier {span}, data of {periods[t]}: {STATUS[now[i]]}"
    return status, reason


def _levels(
    panel: Panel,
    d: _Distances,
    rts: str,
    method: Method,
    own: Any,
    pooled: Any,
    index: Float,
    form: Form,
) -> tuple[Levels, Float]:
    n_periods, n = panel.n_periods, panel.n_units
    keys = [(rts, pooled(t) if method == "global" else own(t), t) for t in range(n_periods)]
    level = np.array([d.value[k] for k in keys])
    state = np.array([d.status[k] for k in keys])
    steps = index.reshape(n_periods - 1, n)
    start = np.where(panel.present[:1], 1.0 if form == "ratio" else 0.0, np.nan)
    stacked = np.vstack([start, steps])
    chain = np.cumprod(stacked, axis=0) if form == "ratio" else np.cumsum(stacked, axis=0)
    levels = Levels(
        unit=np.tile(_labels(panel.units), n_periods),
        period=np.repeat(_labels(panel.periods), n),
        level=level.ravel(),
        level_status=np.array(STATUS)[state.ravel()],
        cumulative=chain.ravel(),
        cumulative_status=np.where(np.isfinite(chain.ravel()), "complete", "broken"),
    )
    return levels, chain


def _labels(values: tuple[Hashable, ...]) -> NDArray[np.object_]:
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out


def malmquist(
    panel: Panel,
    *,
    orientation: Literal["input", "output"] = "output",
    rts: ReturnsToScale = "crs",
    method: Method = "adjacent",
    family: Literal["contemporaneous", "sequential", "window"] = "contemporaneous",
    window: int | None = None,
    decomposition: Decomposition = "ec_tc",
    workers: int = 1,
    progress: Progress | None = None,
) -> ProductivityResult:
    """Malmquist index with radial distances; > 1 is progress in both orientations.

    Bad outputs, if the panel has any, are held at equality; leave them out of the panel for
    the usual index. Options and errors as in ``productivity_index``.
    """
    technology = Technology("radial", orientation, rts)
    return productivity_index(
        panel,
        technology,
        method=method,
        family=family,
        window=window,
        decomposition=decomposition,
        workers=workers,
        progress=progress,
    )


def malmquist_luenberger(
    panel: Panel,
    *,
    rule: Literal["strict", "inequality"] = "strict",
    direction: Direction = "goods_bads",
    rts: ReturnsToScale = "crs",
    method: Method = "adjacent",
    family: Literal["contemporaneous", "sequential", "window"] = "contemporaneous",
    window: int | None = None,
    decomposition: Decomposition = "ec_tc",
    form: Form = "ratio",
    workers: int = 1,
    progress: Progress | None = None,
) -> ProductivityResult:
    """Malmquist-Luenberger index; form="difference" gives the Luenberger indicator.

    rule ``strict``: equality on bad outputs (Chung, Fare, Grosskopf 1997); ``inequality``:
    Aparicio, Pastor, Zofio (2013). beta is free in sign, so cross-period distances of units
    beyond the other period's frontier are negative, not lost.
    """
    if rule not in ("strict", "inequality"):
        raise ValueError(f"rule must be 'strict' or 'inequality', got {rule!r}")
    technology = Technology(
        "ddf",
        rts=rts,
        direction=direction,
        disposability="weak" if rule == "strict" else "strong",
    )
    return productivity_index(
        panel,
        technology,
        method=method,
        family=family,
        window=window,
        decomposition=decomposition,
        form=form,
        workers=workers,
        progress=progress,
    )


def sbm_malmquist_luenberger(
    panel: Panel,
    *,
    rts: ReturnsToScale = "crs",
    disposability: Literal["weak", "strong"] = "strong",
    method: Method = "global",
    family: Literal["contemporaneous", "sequential", "window"] = "contemporaneous",
    window: int | None = None,
    decomposition: Decomposition = "ec_tc",
    super_efficiency: bool = False,
    workers: int = 1,
    progress: Progress | None = None,
) -> ProductivityResult:
    """SBM-based Malmquist-Luenberger index, non-oriented, bad outputs in the denominator.

    A unit that lies outside another period's frontier gets its super-efficiency SBM score
    (Tone 2002) there, so the adjacent index exists wherever that programme is feasible.
    """
    technology = Technology(
        "sbm",
        "none",
        rts,
        disposability=disposability,
        super_efficiency=super_efficiency,
    )
    return productivity_index(
        panel,
        technology,
        method=method,
        family=family,
        window=window,
        decomposition=decomposition,
        workers=workers,
        progress=progress,
    )
