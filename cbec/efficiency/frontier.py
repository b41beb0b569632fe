"""Scores of every unit against contemporaneous, global, sequential, window, biennial frontiers."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cbec.common.workers import single_threaded_children, worker_pool
from cbec.efficiency import lp
from cbec.efficiency.panel import Panel
from cbec.efficiency.technology import (
    Technology,
    directions,
    efficiency_of,
    score_of,
    slack_fixed,
    slack_weights,
)

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Frontier = Literal["contemporaneous", "global", "sequential", "window", "biennial"]
Progress = Callable[[int, int], None]

FRONTIERS = ("contemporaneous", "global", "sequential", "window", "biennial")
STATUS = ("optimal", "infeasible", "unbounded", "failed", "missing", "undefined")
OPTIMAL, INFEASIBLE, UNBOUNDED, FAILED, MISSING, UNDEFINED = range(6)
ON_FRONTIER = 1e-9
BLOCK = 1000
# Starting a process costs about as much as this many programmes.
WORTH_A_POOL = 15_000


@dataclass(frozen=True)
class Peers:
    """Lambdas as a coordinate list: row of the result, peer's unit and period, weight."""

    row: Int
    unit: NDArray[np.object_]
    period: NDArray[np.object_]
    weight: Float


@dataclass(frozen=True)
class EfficiencyResult:
    """Scores in long form, period by period, N units in each; all arrays have T x N rows.

    unit, period: labels. status: ``optimal``, ``infeasible``, ``unbounded``, ``failed`` (the
    solver could not prove its answer), ``missing`` (cell absent from the panel) or
    ``undefined`` (solved, but the score has no efficiency, e.g. 1 + beta <= 0).
    score: theta, phi, rho, beta or the weighted beta sum. efficiency: the same as a distance
    in (0, 1], above 1 only for super-efficiency. Both are NaN exactly where status says why.
    slack, target: (rows, R), columns as in ``names``; targets are data plus the radial or
    directional move, less the slacks. excess: what super-efficiency SBM adds. betas (nddf):
    slack over direction. violation: largest relative violation of the optimality conditions.
    peers: lambdas. bads_rule: equality or inequality.
    """

    unit: NDArray[np.object_]
    period: NDArray[np.object_]
    status: NDArray[np.str_]
    score: Float
    efficiency: Float
    slack: Float
    excess: Float
    target: Float
    betas: Float
    violation: Float
    peers: Peers
    names: tuple[str, ...]
    technology: Technology
    frontier: str
    bads_rule: str

    def counts(self) -> dict[str, int]:
        """How many rows have each status."""
        names, count = np.unique(self.status, return_counts=True)
        return {str(n): int(c) for n, c in zip(names, count, strict=True)}

    def columns(self) -> dict[str, NDArray[Any]]:
        """One array per column, ready for a data frame: keys, score, slacks and targets."""
        out: dict[str, NDArray[Any]] = {
            "unit": self.unit,
            "period": self.period,
            "status": self.status,
            "score": self.score,
            "efficiency": self.efficiency,
        }
        for i, name in enumerate(self.names):
            out[f"slack_{name}"] = self.slack[:, i]
            out[f"target_{name}"] = self.target[:, i]
        out["bads_rule"] = np.full(len(self.unit), self.bads_rule)
        return out


@dataclass(frozen=True)
class Job:
    """Reference periods and the periods evaluated against them."""

    reference: tuple[int, ...]
    evaluated: tuple[int, ...]


@dataclass(frozen=True)
class CellScores:
    """Scores of one job: flat cell numbers (period x N + unit) and, on request, the detail."""

    cells: Int
    status: NDArray[np.int8]
    score: Float
    violation: Float
    solves: int
    slack: Float | None = None
    excess: Float | None = None
    target: Float | None = None
    peer_row: Int | None = None
    peer_cell: Int | None = None
    peer_weight: Float | None = None


def reference_periods(
    frontier: Frontier, t: int, n_periods: int, window: int | None = None
) -> tuple[int, ...]:
    """Periods whose units form the reference set of period t.

    contemporaneous {t}; global all; sequential up to t; window the last ``window`` periods up
    to t; biennial {t, t + 1}, and {t - 1, t} for the last period.
    """
    if frontier == "contemporaneous":
        return (t,)
    if frontier == "global":
        return tuple(range(n_periods))
    if frontier == "sequential":
        return tuple(range(t + 1))
    if frontier == "window":
        if window is None or window < 1:
            raise ValueError(f'frontier "window" needs window >= 1 periods, got {window}')
        return tuple(range(max(0, t - window + 1), t + 1))
    if frontier == "biennial":
        first = min(t, max(n_periods - 2, 0))
        return tuple(range(first, min(first + 2, n_periods)))
    raise ValueError(f"frontier must be one of {FRONTIERS}, got {frontier!r}")


def split_jobs(jobs: Sequence[Job], n_units: int) -> list[Job]:
    """Merge jobs that share a reference set, then cut them into blocks of about 1,000 units.

    The cut depends on the panel only, never on the number of workers, so the same models see
    the same units in the same order and the results are equal to the last bit.
    """
    merged: dict[tuple[int, ...], list[int]] = {}
    for job in jobs:
        merged.setdefault(job.reference, []).extend(job.evaluated)
    out = []
    for reference, evaluated in merged.items():
        periods = sorted(set(evaluated))
        per_block = max(1, BLOCK // max(n_units, 1))
        for start in range(0, len(periods), per_block):
            out.append(Job(reference, tuple(periods[start : start + per_block])))
    return out


def _cells(panel: Panel, periods: tuple[int, ...]) -> Int:
    base = np.array(periods, dtype=np.int64)[:, None] * panel.n_units
    flat = base + np.arange(panel.n_units)
    return flat[panel.present[list(periods)]]


def run_job(panel: Panel, technology: Technology, job: Job, detail: bool) -> CellScores:
    """Evaluate the present units of the job's periods against its reference set."""
    sizes = (panel.n_inputs, panel.n_goods, panel.n_bads)
    flat = panel.data.reshape(-1, panel.n_rows)
    reference = _cells(panel, job.reference)
    cells = _cells(panel, job.evaluated)
    columns = np.ascontiguousarray(flat[reference].T)
    data = flat[cells]
    direction = directions(technology, panel).reshape(flat.shape)[cells]
    own = np.searchsorted(reference, cells)
    inside = (own < len(reference)) & (reference[np.minimum(own, len(reference) - 1)] == cells)
    nobody = np.full(len(cells), -1, dtype=np.int64)
    own = np.where(inside, own, -1)
    is_sbm = technology.measure == "sbm"
    batch = lp.Batch(
        data=data,
        direction=direction,
        weight=slack_weights(technology, data, direction, sizes),
        slack_fixed=slack_fixed(technology, direction, sizes),
        excluded=own if technology.super_efficiency and not is_sbm else nobody,
    )
    model = lp.FrontierModel(columns, sizes[0], sizes[1], technology.rts, technology.kind)
    z = model.solve(batch)
    state = _State(z, score_of(technology, z.value, excess=False))
    if is_sbm:
        outside = ~inside & (z.status == lp.INFEASIBLE)
        again = outside
        if technology.super_efficiency:
            efficient = (z.status == lp.OPTIMAL) & (state.score >= 1 - ON_FRONTIER)
            again = outside | (inside & efficient)
        _super_sbm(technology, columns, sizes, batch, own, np.flatnonzero(again), state)
    elif detail and technology.kind == "directional":
        _second_stage(technology, columns, sizes, batch, z, state)
    if not detail:
        return CellScores(cells, state.status, state.score, state.violation, state.solves)
    sign = np.ones(panel.n_rows)
    sign[sizes[0] : sizes[0] + sizes[1]] = -1.0
    move = np.zeros(data.shape)
    if technology.kind == "directional":
        move = z.value[:, None] * direction
    target = data + move - sign * state.slack + sign * state.excess
    return CellScores(
        cells,
        state.status,
        state.score,
        state.violation,
        state.solves,
        state.slack,
        state.excess,
        target,
        state.peer_row,
        reference[state.peer_column],
        state.peer_weight,
    )


class _State:
    """What is known about each unit so far; later stages overwrite single units."""

    def __init__(self, z: lp.Solution, score: Float) -> None:
        self.status, self.score = z.status.copy(), score.copy()
        self.slack, self.excess = z.slack.copy(), z.excess.copy()
        self.violation, self.solves = z.violation.copy(), z.solves
        self.peer_row, self.peer_column = z.peer_unit, z.peer_column
        self.peer_weight = z.peer_weight

    def replace(self, units: Int, z: lp.Solution) -> None:
        """Take slacks, excess and lambdas of ``units`` from z (same order)."""
        self.slack[units], self.excess[units] = z.slack, z.excess
        self.violation[units] = z.violation
        keep = ~np.isin(self.peer_row, units)
        self.peer_row = np.concatenate([self.peer_row[keep], units[z.peer_unit]])
        self.peer_column = np.concatenate([self.peer_column[keep], z.peer_column])
        self.peer_weight = np.concatenate([self.peer_weight[keep], z.peer_weight])


def _part(batch: lp.Batch, units: Int, excluded: Int) -> lp.Batch:
    return lp.Batch(
        batch.data[units],
        batch.direction[units],
        batch.weight[units],
        batch.slack_fixed[units],
        excluded[units],
    )


def _super_sbm(
    technology: Technology,
    columns: Float,
    sizes: tuple[int, int, int],
    batch: lp.Batch,
    own: Int,
    units: Int,
    state: _State,
) -> None:
    """Super-efficiency SBM (Tone 2002) for efficient units and for units outside the set."""
    if not len(units):
        return
    model = lp.FrontierModel(columns, sizes[0], sizes[1], technology.rts, technology.kind, excess=True)
    z = model.solve(_part(batch, units, own))
    state.solves += z.solves
    value, status = z.value, z.status.copy()
    if technology.measure == "sbm" and technology.orientation == "output":
        # 1 / (1 - mean excess): no finite score when the peers produce none of the outputs.
        status[(status == lp.OPTIMAL) & ~(value < 1)] = lp.UNBOUNDED
        value = np.where(status == lp.OPTIMAL, value, np.nan)
    state.status[units] = status
    state.score[units] = score_of(technology, value, excess=True)
    state.replace(units, z)


def _second_stage(
    technology: Technology,
    columns: Float,
    sizes: tuple[int, int, int],
    batch: lp.Batch,
    first: lp.Solution,
    state: _State,
) -> None:
    """Largest slacks that remain after the radial or directional move (Ali, Seiford 1993)."""
    units = np.flatnonzero(first.status == lp.OPTIMAL)
    if not len(units):
        return
    moved = batch.data + first.value[:, None] * batch.direction
    moved = np.where(np.abs(moved) < 1e-13 * np.abs(batch.data), 0.0, moved)
    scale = lp.row_scale(columns)
    weight = 1.0 / np.where(np.abs(batch.data) > 0, np.abs(batch.data), scale)
    second = lp.Batch(
        moved,
        batch.direction,
        np.where(batch.slack_fixed, 0.0, weight),
        batch.slack_fixed,
        batch.excluded,
    )
    model = lp.FrontierModel(columns, sizes[0], sizes[1], technology.rts, "additive")
    z = model.solve(_part(second, units, batch.excluded))
    state.solves += z.solves
    solved = np.flatnonzero(z.status == lp.OPTIMAL)
    if len(solved) < len(units):
        index = np.full(len(units), -1)
        index[solved] = np.arange(len(solved))
        kept = index[z.peer_unit] >= 0
        z = lp.Solution(
            z.status[solved],
            z.value[solved],
            z.slack[solved],
            z.excess[solved],
            index[z.peer_unit[kept]],
            z.peer_column[kept],
            z.peer_weight[kept],
            z.violation[solved],
            z.solves,
            z.active,
        )
    state.replace(units[solved], z)


_WORKER: dict[str, Any] = {}


def _start_worker(panel: Panel, technology: Technology, detail: bool) -> None:
    _WORKER.update(panel=panel, technology=technology, detail=detail)


def _work(job: Job) -> CellScores:
    return run_job(_WORKER["panel"], _WORKER["technology"], job, _WORKER["detail"])


def run_jobs(
    panel: Panel,
    technology: Technology,
    jobs: Sequence[Job],
    *,
    detail: bool = False,
    workers: int = 1,
    progress: Progress | None = None,
) -> list[CellScores]:
    """Run jobs in this process or in up to ``workers`` others; the order of the jobs is kept.

    Fewer than WORTH_A_POOL programmes stay in this process, where they are done sooner.

    progress(done, total) is called after each job with numbers of unit programmes. Workers
    import the script that requests them (`cbec.common.workers`): with more than one it needs the
    usual ``if __name__ == "__main__"`` guard.
    """
    if workers < 1:
        raise ValueError(f"workers must be at least 1, got {workers}")
    sizes = [int(panel.present[list(job.evaluated)].sum()) for job in jobs]
    total, done = sum(sizes), 0
    out: list[CellScores] = []

    def results() -> Iterator[CellScores]:
        if workers == 1 or len(jobs) == 1 or total < WORTH_A_POOL:
            for job in jobs:
                yield run_job(panel, technology, job, detail)
            return
        pool_of = worker_pool(min(workers, len(jobs)), _start_worker, (panel, technology, detail))
        with single_threaded_children(), pool_of as pool:
            yield from pool.map(_work, jobs)

    for size, scores in zip(sizes, results(), strict=True):
        out.append(scores)
        done += size
        if progress is not None:
            progress(done, total)
    return out


def evaluate(
    panel: Panel,
    technology: Technology,
    *,
    frontier: Frontier = "contemporaneous",
    window: int | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> EfficiencyResult:
    """Efficiency of every unit in every period.

    panel: from ``cube_panel``, ``long_panel`` or ``cross_section``. frontier: which periods'
    units form the reference set, see ``reference_periods``; window: its width in periods.
    workers: processes; the result does not depend on it. progress: called with (done, total).

    Raises ValueError for an unknown frontier or a direction that does not fit the panel.
    """
    n_periods, n_units = panel.n_periods, panel.n_units
    jobs = split_jobs(
        [Job(reference_periods(frontier, t, n_periods, window), (t,)) for t in range(n_periods)],
        n_units,
    )
    parts = run_jobs(panel, technology, jobs, detail=True, workers=workers, progress=progress)
    total, r = n_periods * n_units, panel.n_rows
    status = np.full(total, MISSING, dtype=np.int64)
    score, violation = np.full(total, np.nan), np.full(total, np.nan)
    slack, excess, target = (np.full((total, r), np.nan) for _ in range(3))
    rows: list[Int] = []
    peer_cells: list[Int] = []
    weights: list[Float] = []
    for p in parts:
        assert p.peer_row is not None and p.peer_cell is not None
        assert p.peer_weight is not None
        status[p.cells], score[p.cells], violation[p.cells] = p.status, p.score, p.violation
        slack[p.cells], excess[p.cells], target[p.cells] = p.slack, p.excess, p.target
        rows.append(p.cells[p.peer_row])
        peer_cells.append(p.peer_cell)
        weights.append(p.peer_weight)
    row, cell, weight = np.concatenate(rows), np.concatenate(peer_cells), np.concatenate(weights)
    order = np.lexsort((cell, row))
    row, cell, weight = row[order], cell[order], weight[order]
    efficiency = efficiency_of(technology, score)
    status[(status == OPTIMAL) & ~np.isfinite(efficiency)] = UNDEFINED
    betas = np.full((total, r), np.nan)
    if technology.measure == "nddf":
        direction = np.abs(directions(technology, panel).reshape(total, r))
        betas = np.where(direction > 0, slack / np.where(direction > 0, direction, 1.0), 0.0)
        betas[status != OPTIMAL] = np.nan
    units = _labels(panel.units)
    periods = _labels(panel.periods)
    return EfficiencyResult(
        unit=np.tile(units, n_periods),
        period=np.repeat(periods, n_units),
        status=np.array(STATUS)[status],
        score=score,
        efficiency=efficiency,
        slack=slack,
        excess=excess,
        target=target,
        betas=betas,
        violation=violation,
        peers=Peers(row, units[cell % n_units], periods[cell // n_units], weight),
        names=panel.names,
        technology=technology,
        frontier=frontier,
        bads_rule=technology.bads_rule if panel.n_bads else "no bads",
    )


def _labels(values: tuple[Hashable, ...]) -> NDArray[np.object_]:
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out
