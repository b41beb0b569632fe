"""Warm-started linear programmes over one reference set.

Every DEA model of this package is one of three programmes over the same reference columns.
With A the data matrix of the reference (rows: inputs, good outputs, bad outputs), ``o`` the
evaluated unit, S >= 0 free disposal, E >= 0 the excess of super-efficiency models:

directional   max beta             s.t.  A lam +/- S = a_o + beta d
additive      max w'S (min w'E)    s.t.  A lam +/- S -/+ E = a_o
fractional    min (1 - w_in's) / (1 + w_out's), the ratio made linear by Charnes and Cooper
              (1962) with the scalar t: A lam +/- S = t a_o, t + w_out'S = 1

plus the returns-to-scale row ``sum lam = 1`` (``<=`` NIRS, ``>=`` NDRS).

One HiGHS model lives as long as the reference set. From unit to unit only costs, bounds and
right-hand sides change, and, because the scalar (beta or t) multiplies the unit's own data,
the few coefficients of that one column. The basis survives all of these.

Reference columns enter the model only when they are needed (column generation). This is how
dominated reference units are pruned, and it is exactly safe: after each solve the dual prices
y are applied to *all* reference columns; the solution is accepted only when no column has a
negative reduced cost, which by linear-programming duality proves that the left-out columns
could not change the optimum. An infeasible answer is accepted only when the Farkas ray also
separates every left-out column. A unit that lies inside the hull of the others can never
violate either test, so inefficient units stay out and the model stays as small as the
frontier.

The solver's floating-point output is not used. From each optimal basis the primal and dual
solutions are recomputed by a dense solve and checked in units of the evaluated unit's own
data; a unit that fails the check is solved again alone, scaled by its own data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import highspy
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Kind = Literal["directional", "additive", "fractional"]
ReturnsToScale = Literal["crs", "vrs", "nirs", "ndrs"]

OPTIMAL, INFEASIBLE, UNBOUNDED, FAILED = 0, 1, 2, 3

PRICE_TOLERANCE = 2e-10
CHECK_TOLERANCE = 1e-9
LAST_RESORT_TOLERANCE = 1e-6
SMALL_REFERENCE = 60
POLISH_CHUNK = 2048


@dataclass(frozen=True)
class Batch:
    """Units to be evaluated against one reference set, all in the caller's own units.

    data: (U, R) inputs, goods, bads of each unit.
    direction: (U, R) signed move per unit of beta; used by ``directional``.
    weight: (U, R) value of one raw unit of slack (or excess); ``additive``, ``fractional``.
    slack_fixed: (U, R) True where free disposal is not allowed (slack is zero).
    excluded: (U,) reference column that the unit must not use, -1 for none.
    """

    data: Float
    direction: Float
    weight: Float
    slack_fixed: NDArray[np.bool_]
    excluded: Int


@dataclass(frozen=True)
class Solution:
    """What the programmes returned, in the caller's own units.

    status: (U,) OPTIMAL, INFEASIBLE, UNBOUNDED or FAILED. value: (U,) beta, the weighted
    slack sum, or the ratio; NaN unless optimal. slack, excess: (U, R). peer_unit, peer_column,
    peer_weight: lambdas as coordinate lists. violation: (U,) largest relative violation of
    primal or dual feasibility. solves: number of simplex calls. active: size of the model at
    the end.
    """

    status: NDArray[np.int8]
    value: Float
    slack: Float
    excess: Float
    peer_unit: Int
    peer_column: Int
    peer_weight: Float
    violation: Float
    solves: int
    active: int


def _power_of_two(x: Float) -> Float:
    return np.asarray(np.exp2(np.rint(np.log2(x))), dtype=np.float64)


def row_scale(columns: Float) -> Float:
    """Geometric mean of the non-zero entries of each row, rounded to a power of two."""
    positive = np.abs(columns) > 0
    logs = np.log2(np.abs(columns), out=np.zeros(columns.shape), where=positive)
    count = positive.sum(axis=1)
    return np.asarray(np.exp2(np.rint(logs.sum(axis=1) / np.maximum(count, 1))))


def similarity_order(points: Float) -> Int:
    """Greedy nearest-neighbour tour, so that consecutive units share most of their basis."""
    n = len(points)
    if n < 3:
        return np.arange(n)
    tiny = np.where(points > 0, points, np.inf).min(axis=0)
    tiny = np.where(np.isfinite(tiny), tiny, 1.0)
    logs = np.log(np.maximum(np.abs(points), tiny / 16))
    logs -= logs.mean(axis=1, keepdims=True)
    if n > 5000:
        _, _, axes = np.linalg.svd(logs - logs.mean(axis=0), full_matrices=False)
        return np.asarray(np.argsort(logs @ axes[0], kind="stable"))
    rest = np.arange(n)
    pool = logs.copy()
    order = np.empty(n, dtype=np.int64)
    at = int(np.argmin(logs[:, 0]))
    for step in range(n):
        order[step] = rest[at]
        here = pool[at].copy()
        last = n - step - 1
        pool[at], rest[at] = pool[last], rest[last]
        if last == 0:
            break
        diff = pool[:last] - here
        at = int(np.einsum("ij,ij->i", diff, diff).argmin())
    return order


def _solver() -> Any:
    """A HiGHS instance set up for warm starts (its stubs miss half of its methods)."""
    make: Any = highspy.Highs
    h = make()
    for name, value in (
        ("output_flag", False),
        ("presolve", "off"),
        ("parallel", "off"),
        ("threads", 1),
        ("solver", "simplex"),
        ("simplex_strategy", 1),
        ("primal_feasibility_tolerance", 1e-10),
        ("dual_feasibility_tolerance", 1e-10),
        ("small_matrix_value", 1e-12),
        ("simplex_iteration_limit", 200_000),
    ):
        h.setOptionValue(name, value)
    return h


class FrontierModel:
    """One reference set, one kind of programme, one persistent HiGHS model.

    columns: (R, N) raw data of the reference units. n_inputs, n_goods: how many of the R rows
    are inputs and good outputs, the rest are bad outputs. excess: super-efficiency form.
    own_scale: (R,) row scale to use instead of the reference's geometric means.
    """

    def __init__(
        self,
        columns: Float,
        n_inputs: int,
        n_goods: int,
        rts: ReturnsToScale,
        kind: Kind,
        *,
        excess: bool = False,
        own_scale: Float | None = None,
    ) -> None:
        self.raw = np.ascontiguousarray(columns, dtype=np.float64)
        self.n_rows, self.n_columns = self.raw.shape
        self.n_inputs, self.n_goods = n_inputs, n_goods
        self.rts, self.kind, self.excess = rts, kind, excess
        self.alone = own_scale is not None
        self.scale = row_scale(self.raw) if own_scale is None else own_scale
        scaled = self.raw / self.scale[:, None]
        self.column_scale = np.ones(self.n_columns)
        if rts == "crs" and self.n_columns:
            top = np.abs(scaled).max(axis=0)
            self.column_scale = _power_of_two(np.where(top > 0, top, 1.0))
            scaled = scaled / self.column_scale
        r = self.n_rows
        self.sign = np.ones(r)
        self.sign[n_inputs : n_inputs + n_goods] = -1.0
        self.norm_row = r if kind == "fractional" else -1
        self.rts_row = -1 if rts == "crs" else r + (kind == "fractional")
        self.n_all_rows = r + (kind == "fractional") + (rts != "crs")
        self.first_excess = 1 + r
        self.rts_slack = 1 + r + (r if excess else 0)
        self.n_aux = self.rts_slack + (1 if rts in ("nirs", "ndrs") else 0)
        self.priced = np.zeros((self.n_all_rows, self.n_columns))
        self.priced[:r] = scaled
        if self.rts_row >= 0:
            self.priced[self.rts_row] = 1.0
        self.active: list[int] = []
        self.position: dict[int, int] = {}
        self._build(self._first_columns(scaled))

    def _first_columns(self, scaled: Float) -> list[int]:
        """Columns that are likely on the frontier: best ratios under a few fixed weightings."""
        n, r, m, s = self.n_columns, self.n_rows, self.n_inputs, self.n_goods
        if n <= SMALL_REFERENCE or self.alone:
            return list(range(n))
        weights = np.random.default_rng(0).dirichlet(np.full(r, 0.5), size=4 * r)
        good = weights[:, m : m + s] @ scaled[m : m + s]
        cost = weights[:, :m] @ scaled[:m] + weights[:, m + s :] @ scaled[m + s :]
        ratio = good / np.where(cost > 0, cost, np.inf)
        chosen = set(ratio.argmax(axis=1).tolist())
        if self.rts != "crs":
            chosen |= set((good - cost).argmax(axis=1).tolist())
        return sorted(chosen)

    def _build(self, chosen: list[int]) -> None:
        r, k = self.n_rows, self.n_aux
        aux = np.zeros((self.n_all_rows, k))
        rows = np.arange(r)
        aux[rows, 1 + rows] = self.sign
        if self.excess:
            aux[rows, self.first_excess + rows] = -self.sign
        if self.rts == "nirs":
            aux[self.rts_row, self.rts_slack] = 1.0
        if self.rts == "ndrs":
            aux[self.rts_row, self.rts_slack] = -1.0
        lower, upper, cost = np.zeros(k), np.full(k, np.inf), np.zeros(k)
        if self.kind == "directional":
            lower[0], cost[0] = -np.inf, -1.0
        elif self.kind == "additive":
            upper[0] = 0.0
        else:
            cost[0] = 1.0
            aux[self.norm_row, 0] = 1.0
            if self.rts_row >= 0:
                aux[self.rts_row, 0] = -1.0
        rhs = np.zeros(self.n_all_rows)
        if self.kind == "fractional":
            rhs[self.norm_row] = 1.0
        elif self.rts_row >= 0:
            rhs[self.rts_row] = 1.0
        self.aux, self.rhs, self.aux_cost = aux, rhs, cost
        body = np.hstack([aux, self.priced[:, chosen]])
        lp = highspy.HighsLp()
        total = k + len(chosen)
        lp.num_col_, lp.num_row_ = total, self.n_all_rows
        lp.col_cost_ = np.concatenate([cost, np.zeros(len(chosen))])
        lp.col_lower_ = np.concatenate([lower, np.zeros(len(chosen))])
        lp.col_upper_ = np.concatenate([upper, np.full(len(chosen), np.inf)])
        lp.row_lower_ = lp.row_upper_ = rhs
        where = body.T != 0
        lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        lp.a_matrix_.start_ = np.concatenate([[0], where.sum(axis=1).cumsum()])
        lp.a_matrix_.index_ = np.nonzero(where)[1]
        lp.a_matrix_.value_ = body.T[where]
        self.h = _solver()
        self.h.passModel(lp)
        self.active = list(chosen)
        self.position = {c: i for i, c in enumerate(chosen)}

    def _add(self, column: int) -> None:
        values = self.priced[:, column]
        index = np.flatnonzero(values).astype(np.int32)
        self.h.addCol(0.0, 0.0, np.inf, len(index), index, values[index])
        self.position[column] = len(self.active)
        self.active.append(column)

    def solve(self, batch: Batch) -> Solution:
        """Solve one programme per unit of the batch."""
        scaled = _Scaled.of(self, batch)
        n = len(batch.data)
        status = np.full(n, FAILED, dtype=np.int8)
        basis = np.full((n, self.n_all_rows), -1, dtype=np.int64)
        self.solves = 0
        for unit in similarity_order(np.abs(scaled.data)):
            status[unit] = self._solve_unit(scaled, int(unit), basis[unit])
        out = self._polish(scaled, status, basis)
        if not self.alone:
            out = self._solve_alone(batch, out)
        return out

    def _solve_unit(self, s: _Scaled, u: int, basis: Int) -> int:
        h, r = self.h, self.n_rows
        data = s.data[u]
        rows = s.rows
        if self.kind == "directional":
            for i in s.moving:
                h.changeCoeff(i, 0, -s.direction[u, i])
            h.changeRowsBounds(r, rows, data, data)
        elif self.kind == "additive":
            h.changeRowsBounds(r, rows, data, data)
            h.changeColsCost(r, s.cost_columns, s.cost[u])
        else:
            for i in range(r):
                h.changeCoeff(i, 0, -data[i])
            for i in range(self.n_inputs, r):
                h.changeCoeff(self.norm_row, int(s.cost_columns[i]), s.out_weight[u, i])
            h.changeColsCost(r, s.cost_columns, s.cost[u])
        if s.change_bounds(u):
            h.changeColsBounds(r, s.slack_columns, s.zero, s.slack_upper[u])
            if self.excess:
                h.changeColsBounds(r, s.cost_columns, s.zero, s.excess_upper[u])
        own = int(s.excluded[u])
        blocked = own >= 0 and own in self.position
        if blocked:
            h.changeColBounds(self.n_aux + self.position[own], 0.0, 0.0)
        answer = self._generate(s, u, own)
        if answer == OPTIMAL:
            basis[:] = h.getBasicVariables()[1]
        if blocked:
            h.changeColBounds(self.n_aux + self.position[own], 0.0, np.inf)
        return answer

    def _generate(self, s: _Scaled, u: int, own: int) -> int:
        """Solve, price all reference columns, add the best one, until none helps."""
        if self.alone:
            return self._solve_hard()
        h = self.h
        state = highspy.HighsModelStatus
        for _ in range(self.n_columns + 5):
            h.run()
            self.solves += 1
            model_status = h.getModelStatus()
            if model_status == state.kOptimal:
                if len(self.active) == self.n_columns:
                    return OPTIMAL
                gain = np.array(h.getSolution().row_dual) @ self.priced
                limit, answer = PRICE_TOLERANCE, OPTIMAL
            elif model_status == state.kInfeasible:
                _, found, ray = h.getDualRay()
                if not found:
                    return FAILED
                rhs = self.rhs.copy()
                if self.kind != "fractional":
                    rhs[: self.n_rows] = s.data[u]
                size = float(np.abs(ray).max())
                ray = ray / (size if float(ray @ rhs) > 0 else -size)
                if ray @ rhs < 1e-7 * (np.abs(ray) @ np.abs(rhs)):
                    return FAILED
                gain = ray @ self.priced
                limit, answer = 1e-9, INFEASIBLE
            else:
                # Unbounded answers, too, are left to the solve with the unit's own scale.
                return FAILED
            if not self.n_columns:
                return answer
            if own >= 0:
                gain[own] = -np.inf
            best = int(gain.argmax())
            if gain[best] <= limit:
                return answer
            if best in self.position:
                # A column of the model prices out by more than the tolerance: rounding, so
                # the unit is left to the solve with its own scale.
                return answer if gain[best] < 1e-8 else FAILED
            self._add(best)
        return FAILED

    def _solve_hard(self) -> int:
        """Solve with all columns in the model, by other methods if the first gives up.

        With tolerances of 1e-10 the dual simplex method sometimes ends without a verdict. An
        optimal basis from any method is checked afterwards like every other one.
        """
        state = highspy.HighsModelStatus
        verdict = {
            state.kOptimal: OPTIMAL,
            state.kInfeasible: INFEASIBLE,
            state.kUnbounded: UNBOUNDED,
        }
        for changes in (
            {},
            {"simplex_strategy": 4},
            {"presolve": "on"},
            {"primal_feasibility_tolerance": 1e-8, "dual_feasibility_tolerance": 1e-8},
        ):
            for name, value in changes.items():
                self.h.setOptionValue(name, value)
            if changes:
                self.h.clearSolver()
            self.h.run()
            self.solves += 1
            answer = verdict.get(self.h.getModelStatus())
            if answer is not None:
                return answer
        return FAILED

    def _polish(self, s: _Scaled, status: NDArray[np.int8], basis: Int) -> Solution:
        n, r = s.data.shape
        status = status.copy()
        value = np.full(n, np.nan)
        slack, excess = np.full((n, r), np.nan), np.full((n, r), np.nan)
        violation = np.zeros(n)
        peers: list[tuple[Int, Int, Float]] = []
        active = np.array(self.active, dtype=np.int64)
        solved = np.flatnonzero(status == OPTIMAL)
        step = max(1, min(POLISH_CHUNK, 40_000_000 // max(self.n_columns, 1)))
        for start in range(0, len(solved), step):
            part = solved[start : start + step]
            z = _dense_solution(self, s, part, basis[part], active)
            ok = z.violation <= (LAST_RESORT_TOLERANCE if self.alone else CHECK_TOLERANCE)
            violation[part] = z.violation
            status[part[~ok]] = FAILED
            good = part[ok]
            value[good] = z.value[ok]
            slack[good], excess[good] = z.slack[ok], z.excess[ok]
            unit, spot = np.nonzero((z.peer_weight > 0) & ok[:, None])
            peers.append((part[unit], z.peer_column[unit, spot], z.peer_weight[unit, spot]))
        joined: list[Any] = [[], [], []]
        if peers:
            joined = [np.concatenate(column) for column in zip(*peers, strict=True)]
        return Solution(
            status=status,
            value=value,
            slack=slack,
            excess=excess,
            peer_unit=np.asarray(joined[0], dtype=np.int64),
            peer_column=np.asarray(joined[1], dtype=np.int64),
            peer_weight=np.asarray(joined[2], dtype=np.float64),
            violation=violation,
            solves=self.solves,
            active=len(self.active),
        )

    def _solve_alone(self, batch: Batch, out: Solution) -> Solution:
        """Solve the units that failed the check again, each scaled by its own data."""
        left = np.flatnonzero(out.status == FAILED)
        if not len(left):
            return out
        status, value, violation = out.status.copy(), out.value.copy(), out.violation.copy()
        slack, excess = out.slack.copy(), out.excess.copy()
        units, columns, weights = [out.peer_unit], [out.peer_column], [out.peer_weight]
        solves = out.solves
        for u in left:
            one = slice(u, u + 1)
            own = np.abs(batch.data[u])
            model = FrontierModel(
                self.raw,
                self.n_inputs,
                self.n_goods,
                self.rts,
                self.kind,
                excess=self.excess,
                own_scale=np.where(own > 0, own, self.scale),
            )
            z = model.solve(
                Batch(
                    batch.data[one],
                    batch.direction[one],
                    batch.weight[one],
                    batch.slack_fixed[one],
                    batch.excluded[one],
                )
            )
            status[u], value[u], violation[u] = z.status[0], z.value[0], z.violation[0]
            slack[u], excess[u] = z.slack[0], z.excess[0]
            units.append(z.peer_unit + u)
            columns.append(z.peer_column)
            weights.append(z.peer_weight)
            solves += z.solves
        return Solution(
            status=status,
            value=value,
            slack=slack,
            excess=excess,
            peer_unit=np.concatenate(units),
            peer_column=np.concatenate(columns),
            peer_weight=np.concatenate(weights),
            violation=violation,
            solves=solves,
            active=out.active,
        )


class _Scaled:
    """A batch in the model's scale, with the index arrays that the inner loop needs."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)
        self.last: bytes | None = None

    data: Float
    direction: Float
    cost: Float
    out_weight: Float
    excluded: Int
    size: Float
    stretch: Float
    worth: Float
    moving: list[int]
    rows: NDArray[np.int32]
    slack_columns: NDArray[np.int32]
    cost_columns: NDArray[np.int32]
    zero: Float
    slack_upper: Float
    excess_upper: Float

    @classmethod
    def of(cls, model: FrontierModel, batch: Batch) -> _Scaled:
        r = model.n_rows
        data = np.ascontiguousarray(batch.data / model.scale)
        size = np.ones(len(data))
        if model.rts == "crs":
            top = np.abs(data).max(axis=1)
            size = _power_of_two(np.where(top > 0, top, 1.0))
        data = data / size[:, None]
        direction = batch.direction / model.scale / size[:, None]
        reach = np.abs(direction).max(axis=1)
        stretch = np.where(reach > 0, reach, 1.0)
        direction = direction / stretch[:, None]
        weight = batch.weight * model.scale * size[:, None]
        worth = np.ones(len(data))
        if model.kind == "additive":
            top = np.where(data != 0, np.abs(data) * weight, weight).max(axis=1)
            worth = np.where(top > 0, top, 1.0)
            weight = weight / worth[:, None]
        outer = np.arange(r) >= model.n_inputs
        way = 1.0 if model.excess else -1.0
        ratio = model.kind == "fractional"
        first = model.first_excess if model.excess else 1
        return cls(
            data=data,
            direction=direction,
            cost=np.where(outer, 0.0, way * weight) if ratio else way * weight,
            out_weight=np.where(outer, -way * weight, 0.0),
            excluded=batch.excluded,
            size=size,
            stretch=stretch,
            worth=worth,
            moving=np.flatnonzero((direction != 0).any(axis=0)).tolist(),
            rows=np.arange(r, dtype=np.int32),
            slack_columns=np.arange(1, 1 + r, dtype=np.int32),
            cost_columns=np.arange(first, first + r, dtype=np.int32),
            zero=np.zeros(r),
            slack_upper=np.where(batch.slack_fixed, 0.0, np.inf),
            excess_upper=np.where(weight > 0, np.inf, 0.0),
        )

    def change_bounds(self, u: int) -> bool:
        """True when unit u needs other slack bounds than the unit solved before it."""
        now = self.slack_upper[u].tobytes() + self.excess_upper[u].tobytes()
        changed = self.last is None or now != self.last
        self.last = now
        return changed


@dataclass(frozen=True)
class _Dense:
    value: Float
    slack: Float
    excess: Float
    peer_column: Int
    peer_weight: Float
    violation: Float


def _dense_solution(model: FrontierModel, s: _Scaled, part: Int, basis: Int, active: Int) -> _Dense:
    """Primal and dual solution of each unit from its optimal basis, and how far it is off.

    A basic index >= 0 is a column of the model, a negative one is the logical of a row.
    """
    n, r, total, k = len(part), model.n_rows, model.n_all_rows, model.n_aux
    data = s.data[part]
    aux = np.broadcast_to(model.aux, (n, total, k)).copy()
    aux_cost = np.broadcast_to(model.aux_cost, (n, k)).copy()
    rhs = np.broadcast_to(model.rhs, (n, total)).copy()
    if model.kind == "directional":
        aux[:, :r, 0] = -s.direction[part]
        rhs[:, :r] = data
    elif model.kind == "additive":
        rhs[:, :r] = data
        aux_cost[:, s.cost_columns] = s.cost[part]
    else:
        aux[:, :r, 0] = -data
        aux[:, model.norm_row, s.cost_columns] = s.out_weight[part]
        aux_cost[:, s.cost_columns] = s.cost[part]
    matrix = np.zeros((n, total, total))
    cost = np.zeros((n, total))
    is_aux = (basis >= 0) & (basis < k)
    is_peer = basis >= k
    is_logical = basis < 0
    unit, spot = np.nonzero(is_aux)
    matrix[unit, :, spot] = aux[unit, :, basis[unit, spot]]
    cost[unit, spot] = aux_cost[unit, basis[unit, spot]]
    unit, spot = np.nonzero(is_peer)
    column = np.full(basis.shape, -1, dtype=np.int64)
    column[is_peer] = active[basis[is_peer] - k]
    matrix[unit, :, spot] = model.priced[:, column[unit, spot]].T
    unit, spot = np.nonzero(is_logical)
    matrix[unit, -basis[unit, spot] - 1, spot] = 1.0
    primal, dual, singular = _solve_stack(matrix, rhs, cost)

    # Violations, measured against the evaluated unit's own data: what matters is how far the
    # score can move, not the size of a coefficient.
    own = np.ones((n, total))
    own[:, :r] = np.where(np.abs(data) > 0, np.abs(data), 1.0)
    weight_of = np.abs(matrix / own[:, :, None]).max(axis=1)
    free = is_aux & (basis == 0) if model.kind == "directional" else np.zeros_like(is_aux)
    negative = np.where(free, 0.0, np.maximum(-primal, 0.0))
    negative = np.where(is_logical, np.abs(primal), negative) * weight_of
    slack_upper, excess_upper = s.slack_upper[part], s.excess_upper[part]
    upper = np.full((n, k), np.inf)
    upper[:, 1 : 1 + r] = slack_upper
    if model.excess:
        upper[:, model.first_excess : model.first_excess + r] = excess_upper
    unit, spot = np.nonzero(is_aux)
    above = np.maximum(primal[unit, spot] - upper[unit, basis[unit, spot]], 0.0)
    negative[unit, spot] += above * weight_of[unit, spot]
    if model.kind == "fractional":
        t_spot = is_aux & (basis == 0)
        t_value = np.where(t_spot, primal, 0.0).sum(axis=1)
        negative = negative / np.where(t_value > 0, t_value, 1.0)[:, None]
    gain = dual @ model.priced
    held = s.excluded[part]
    blocked = np.flatnonzero(held >= 0)
    gain[blocked, held[blocked]] = -np.inf
    aux_gain = np.einsum("nt,ntk->nk", dual, aux) - aux_cost
    aux_gain = np.where(upper > 0, aux_gain, -np.inf)
    aux_gain[:, 0] = 0.0 if model.kind != "fractional" else aux_gain[:, 0]
    # A slack can move by at most about the unit's own data.
    aux_gain[:, 1 : 1 + r] *= own[:, :r]
    if model.excess:
        aux_gain[:, model.first_excess : model.first_excess + r] *= own[:, :r]
    worst = np.maximum(gain.max(axis=1, initial=0.0), aux_gain.max(axis=1, initial=0.0))
    violation = np.maximum(negative.max(axis=1), worst)
    violation = np.where(singular | ~np.isfinite(violation), np.inf, violation)

    amount = np.zeros((n, k))
    unit, spot = np.nonzero(is_aux)
    amount[unit, basis[unit, spot]] = primal[unit, spot]
    if model.kind == "fractional":
        t = np.where(amount[:, 0] > 0, amount[:, 0], np.nan)
        violation = np.where(np.isnan(t), np.inf, violation)
    else:
        t = np.ones(n)
    raw = (s.size[part] / t)[:, None]
    slack = np.maximum(amount[:, 1 : 1 + r], 0.0) * raw * model.scale
    surplus = np.zeros((n, r))
    if model.excess:
        first = model.first_excess
        surplus = np.maximum(amount[:, first : first + r], 0.0) * raw * model.scale
    if model.kind == "directional":
        value = amount[:, 0] / s.stretch[part]
    else:
        moved = amount[:, s.cost_columns] / t[:, None]
        if model.kind == "additive":
            value = np.abs(s.cost[part] * moved).sum(axis=1) * s.worth[part]
        else:
            above = 1.0 + (s.cost[part] * moved).sum(axis=1)
            value = above / (1.0 + (s.out_weight[part] * moved).sum(axis=1))
    peer = np.where(is_peer, np.maximum(primal, 0.0), 0.0) * raw
    peer = peer / np.where(is_peer, model.column_scale[column], 1.0)
    return _Dense(value, slack, surplus, column, peer, violation)


def _solve_stack(matrix: Float, rhs: Float, cost: Float) -> tuple[Float, Float, NDArray[np.bool_]]:
    """x with M x = rhs and y with M'y = cost for a stack of M; singular ones are marked."""
    n = len(matrix)
    singular = np.zeros(n, dtype=np.bool_)
    # Rows of one system may differ by many powers of ten: equilibrate before factorising.
    top = np.abs(matrix).max(axis=2)
    inverse = 1.0 / np.where(top > 0, top, 1.0)
    balanced = matrix * inverse[:, :, None]
    right = rhs * inverse
    try:
        x: Any = np.linalg.solve(balanced, right[:, :, None])[:, :, 0]
        y: Any = np.linalg.solve(balanced.transpose(0, 2, 1), cost[:, :, None])[:, :, 0] * inverse
        return x, y, singular
    except np.linalg.LinAlgError:
        pass
    x, y = np.zeros(rhs.shape), np.zeros(rhs.shape)
    for i in range(n):
        try:
            x[i] = np.linalg.solve(balanced[i], right[i])
            y[i] = np.linalg.solve(balanced[i].T, cost[i]) * inverse[i]
        except np.linalg.LinAlgError:
            singular[i] = True
    return x, y, singular
