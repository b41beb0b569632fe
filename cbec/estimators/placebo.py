"""Placebo tests: randomisation inference for a difference-in-differences coefficient.

What is computed: the coefficient of a 0/1 treatment and its clustered t value, for the real
assignment and for any number of placebo ones, and the share of those that are at least as
large (Fisher 1935; Young 2019, QJE 134(2); Chen, Qi and Yan 2025 on the schemes). The placebo
treatments are columns of a matrix; fixed effects, controls and cluster sums are applied to
blocks of columns (see `within`), which gives the same numbers as refitting one by one.

Schemes
-------
space: the units' whole treatment paths are permuted among units, so that as many random
    units as were really treated follow a real path. Paths may switch off, if the panel is
    balanced.
cohort: the vector of first treated periods is permuted, which keeps the number of units in
    every cohort. Needs absorbing treatment; the panel may be unbalanced. For absorbing
    treatment in a balanced panel `space` and `cohort` are the same distribution.
mixed: random units and random first periods. `timing="unit"` draws a period for each placebo
    treated unit, `timing="batch"` one for each real cohort, distinct, sizes kept. Absorbing.
time: the treatment is moved some periods earlier and only untreated cells are used. Nothing
    is random, hence a function of its own, `time_placebo`, and no randomisation p.

With `strata` (a province, a region) permutations stay within strata.

p values
--------
p = (1 + #{|placebo| >= |real|}) / (1 + draws) is the default: the real assignment is one of the
equally likely ones, the test then has at most its nominal size for any number of draws, and
no p is ever zero (Phipson and Smyth 2010). `plus_one=False` gives the plain share that
papers print. When all assignments are enumerated the real one is among them and the plain
share is used in either case. The test based on t is preferred when effects may differ or
groups are unequal (Young 2019; MacKinnon and Webb 2020); both are always returned.

Cost and memory
---------------
Time is proportional to rows x draws (about 15 + 2k operations for each cell, k controls; with
seven controls and one thread some 11 ns for a row and draw while a block fits the cache, 30 ns
at 10^6 rows), after a preparation that is proportional to rows x (k + 2)^2. Units matter only
through the permutations, units x log(units) x draws. Working memory is at most `memory_mb`
for blocks of placebo treatments plus about 8 x rows x (4k + 25) bytes for the sample (0.4 GB for
10^6 rows and seven controls); results are 25 bytes for each draw. A block has at least one
draw, so `memory_mb` below 32 x rows / 1e6 is exceeded. The assignments do not depend on the
block size, the estimates only in rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from cbec.estimators.absorb import Basis, Estimate, build_basis, fit_treatment, treatment_statistics
from cbec.estimators.panel import FloatArray, IntArray, Panel, prepare_panel, require_choice
from cbec.estimators.permutations import (
    MAX_BLOCK,
    Assignments,
    count_assignments,
    every_assignment,
    first_treated,
    plan_assignments,
    random_assignments,
    randomisation_p,
    require_binary,
)

POOLS = ("all", "never_treated")
EXACT = ("auto", "always", "never")
#: More degenerate draws than this share of all draws are an error.
MAX_DEGENERATE_SHARE = 0.05

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class PlaceboResult:
    """Distribution of placebo coefficients, and where the real one lies in it.

    Attributes
    ----------
    scheme, seed, exact, plus_one: how the draws were made; `seed` is None when enumerated.
    estimate: the real treatment on the full sample.
    coefficients, t_values, p_values: shape (m,), usable draws; units of the outcome, none,
        and the analytic two-sided p of t with G - 1 degrees of freedom.
    draw_ids: shape (m,), position of each in the sequence of draws, from 0.
    p_value_coefficient, p_value_t: randomisation p values, based on the coefficient and on t.
    n_draws: assignments drawn or enumerated.
    n_degenerate: draws left out because fixed effects and controls absorb the placebo treatment.
    n_placebo_treated: units treated in every draw.
    """

    scheme: str
    seed: int | None
    exact: bool
    plus_one: bool
    estimate: Estimate
    coefficients: FloatArray
    t_values: FloatArray
    p_values: FloatArray
    draw_ids: IntArray
    p_value_coefficient: float
    p_value_t: float
    n_draws: int
    n_degenerate: int
    n_placebo_treated: int


@dataclass(frozen=True)
class TimePlacebo:
    """Effects of a treatment moved to earlier periods, on untreated cells only.

    `shifts` (S,) counts periods of the panel's own time grid; `estimates` holds one fit for
    each. `n_placebo_cells` (S,) counts the cells treated by the placebo treatment, `n_units_used`
    (S,) the units whose placebo treatment starts inside their observed periods, `n_obs` (S,) the rows fitted.
    """

    shifts: IntArray
    estimates: tuple[Estimate, ...]
    n_placebo_cells: IntArray
    n_units_used: IntArray
    n_obs: IntArray


@dataclass(frozen=True)
class LeaveOneOut:
    """Estimates without one group at a time.

    `labels` are the groups left out, in ascending order, `estimates` the fit without each.
    `skipped` pairs a label with the reason why the rest could not be estimated.
    `n_sign_changes` counts estimates whose sign differs from `full`.
    """

    by: str
    full: Estimate
    labels: tuple[Any, ...]
    estimates: tuple[Estimate, ...]
    skipped: tuple[tuple[Any, str], ...]
    smallest: float
    largest: float
    n_sign_changes: int


def treatment_columns(panel: Panel, plan: Assignments, codes: IntArray) -> FloatArray:
    """Placebo treatments as columns. `codes` (m, N) to (n, m), rows in the panel's order."""
    by_unit = np.ascontiguousarray(codes.T)
    if plan.paths is None:
        started = panel.time[:, None] >= by_unit[panel.unit]
        return started.astype(np.float64)
    flat = by_unit[panel.unit] * plan.paths.shape[1] + panel.time[:, None]
    columns: FloatArray = plan.paths.ravel()[flat]
    return columns


def _block_size(panel: Panel, memory_mb: float) -> int:
    each = 8 * (4 * panel.n_obs + 3 * panel.n_units + 2 * panel.n_clusters)
    return int(np.clip(memory_mb * 1e6 / each, 1, MAX_BLOCK))


def placebo_statistics(
    panel: Panel,
    plan: Assignments,
    *,
    blocks: Iterator[IntArray],
    total: int,
    basis: Basis | None = None,
    progress: Progress | None = None,
) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
    """Coefficient and clustered standard error of each assignment in `blocks`.

    Returns three arrays of shape (total,): coefficients, standard errors, and whether the
    placebo treatment varies within fixed effects and controls (otherwise the other two mean
    nothing). `progress(done, total)` is called after each block.
    """
    base = build_basis(panel) if basis is None else basis
    coefficients = np.empty(total)
    errors = np.empty(total)
    usable = np.empty(total, dtype=bool)
    done = 0
    for codes in blocks:
        part = slice(done, done + codes.shape[0])
        coefficients[part], errors[part], usable[part] = treatment_statistics(
            base, treatment_columns(panel, plan, codes)
        )
        done += codes.shape[0]
        if progress is not None:
            progress(done, total)
    return coefficients, errors, usable


def _never_treated_pool(
    data: pd.DataFrame, panel: Panel, plan: Assignments, columns: dict[str, Any]
) -> tuple[Panel, Assignments]:
    """The panel of never-treated units, and a plan that treats as many as were, by stratum."""
    if plan.paths is not None:
        raise ValueError("pool 'never_treated' needs absorbing treatment; allowed: pool 'all'")
    rows = panel.row_position[plan.codes[panel.unit] == plan.never]
    if rows.size == 0:
        raise ValueError("no never-treated units; allowed: pool 'all'")
    pool = prepare_panel(data.iloc[rows], **columns)
    stratum_of = {label: int(s) for label, s in zip(panel.unit_labels, panel.strata, strict=True)}
    strata = np.array([stratum_of[label] for label in pool.unit_labels], dtype=np.int64)
    never = pool.time_values.size
    codes = np.full(pool.n_units, never, dtype=np.int64)
    for stratum in range(int(panel.strata.max()) + 1):
        real = plan.codes[(panel.strata == stratum) & (plan.codes != plan.never)]
        slots = np.flatnonzero(strata == stratum)
        if real.size > slots.size:
            raise ValueError(
                f"{real.size} treated units and {slots.size} never-treated units in the stratum "
                f"of unit {panel.unit_labels[np.flatnonzero(panel.strata == stratum)[0]]!r}; "
                "allowed: at most as many treated as never-treated units in each stratum"
            )
        moved = np.searchsorted(pool.time_values, panel.time_values[real])
        codes[slots[: real.size]] = np.sort(moved)
    dates = np.flatnonzero(np.isin(pool.time_values, panel.time_values[plan.dates]))
    return pool, Assignments(
        scheme=plan.scheme,
        timing=plan.timing,
        codes=codes,
        strata=strata,
        paths=None,
        never=never,
        dates=dates.astype(np.int64),
    )


def placebo_test(
    data: pd.DataFrame,
    *,
    outcome: str,
    treatment: str,
    unit: str,
    time: str,
    controls: Sequence[str] = (),
    fixed_effects: Sequence[str] = (),
    cluster: str | None = None,
    strata: str | None = None,
    scheme: str = "cohort",
    timing: str = "unit",
    dates: Sequence[Any] | None = None,
    pool: str = "all",
    draws: int = 1000,
    seed: int = 0,
    exact: str = "auto",
    plus_one: bool = True,
    order: str = "content",
    drop_singletons: bool = True,
    memory_mb: float = 256.0,
    progress: Progress | None = None,
) -> PlaceboResult:
    """Randomisation inference for the effect of a 0/1 treatment in a panel.

    Parameters
    ----------
    data: one row for a unit and period, no missing values in the columns used.
    outcome, treatment, controls: numeric columns; the treatment is 0 or 1, and 0 in every
        period for a unit never treated.
    unit, time, fixed_effects, cluster, strata, order, drop_singletons: see `prepare_panel`.
    scheme, timing, dates: see the head of this module and `plan_assignments`.
    pool: "all" exchanges treatment among all units. "never_treated" leaves the treated units
        out of the sample and treats as many of the others, in each stratum.
    draws, seed: number of random assignments, and where they start.
    exact: "auto" enumerates when there are no more different assignments than `draws`
        (`space` and `cohort` with pool "all" only), "always" demands it, "never" draws.
    plus_one: see the head of this module.
    memory_mb: bound on working memory for blocks, see the head of this module.
    progress: called as `progress(done, total)` after each block.

    Raises
    ------
    ValueError: input that `prepare_panel`, `plan_assignments` or `fit_treatment` refuse; more
        treated than never-treated units in a stratum of the pool; a single possible
        assignment; `exact="always"` where enumeration is not possible; more than 5 % of
        draws absorbed by fixed effects and controls.
    """
    require_choice("exact", exact, EXACT)
    require_choice("pool", pool, POOLS)
    if draws < 1 or memory_mb <= 0:
        raise ValueError(f"draws {draws}, memory_mb {memory_mb}; allowed: positive numbers")
    columns: dict[str, Any] = {
        "outcome": outcome,
        "treatment": treatment,
        "unit": unit,
        "time": time,
        "controls": controls,
        "fixed_effects": fixed_effects,
        "cluster": cluster,
        "strata": strata,
        "order": order,
        "drop_singletons": drop_singletons,
    }
    panel = prepare_panel(data, **columns)
    plan = plan_assignments(panel, scheme=scheme, timing=timing, dates=dates)
    basis = build_basis(panel)
    estimate = fit_treatment(panel, basis)
    enumerable = scheme != "mixed" and pool == "all"
    if pool == "never_treated":
        panel, plan = _never_treated_pool(data, panel, plan, columns)
        basis = build_basis(panel)
    n_possible = count_assignments(plan) if scheme != "mixed" else None
    if n_possible == 1:
        raise ValueError(
            "the strata leave one possible assignment; "
            "allowed: some stratum with both treated and untreated units"
        )
    if exact == "always" and not enumerable:
        raise ValueError("exact='always' needs scheme 'space' or 'cohort' and pool 'all'")
    enumerate_all = exact == "always" or (
        exact == "auto" and enumerable and n_possible is not None and n_possible <= draws
    )
    block = _block_size(panel, memory_mb)
    if enumerate_all and n_possible is not None:
        total, blocks = n_possible, every_assignment(plan, block=block)
    else:
        total, blocks = draws, random_assignments(plan, draws=draws, seed=seed, block=block)
    coefficients, errors, usable = placebo_statistics(
        panel, plan, blocks=blocks, total=total, basis=basis, progress=progress
    )
    n_degenerate = int(total - usable.sum())
    if n_degenerate > MAX_DEGENERATE_SHARE * total:
        raise ValueError(
            f"fixed effects and controls absorb {n_degenerate} of {total} placebo treatments; "
            f"allowed: at most {MAX_DEGENERATE_SHARE:.0%} (fewer effects, or other dates)"
        )
    coefficients, errors = coefficients[usable], errors[usable]
    t_values = coefficients / np.maximum(errors, np.finfo(float).tiny)
    corrected = plus_one and not enumerate_all
    return PlaceboResult(
        scheme=scheme,
        seed=None if enumerate_all else seed,
        exact=enumerate_all,
        plus_one=corrected,
        estimate=estimate,
        coefficients=coefficients,
        t_values=t_values,
        p_values=2 * stats.t.sf(np.abs(t_values), basis.df),
        draw_ids=np.flatnonzero(usable).astype(np.int64),
        p_value_coefficient=randomisation_p(coefficients, estimate.estimate, plus_one=corrected),
        p_value_t=randomisation_p(t_values, estimate.t_value, plus_one=corrected),
        n_draws=total,
        n_degenerate=n_degenerate,
        n_placebo_treated=int(np.sum(plan.codes != plan.never)),
    )


def time_placebo(
    data: pd.DataFrame,
    *,
    outcome: str,
    treatment: str,
    unit: str,
    time: str,
    shifts: Sequence[int] = (1, 2, 3),
    controls: Sequence[str] = (),
    fixed_effects: Sequence[str] = (),
    cluster: str | None = None,
    order: str = "content",
    drop_singletons: bool = True,
) -> TimePlacebo:
    """Effect of a treatment that starts some periods early, on untreated cells only.

    Cells in or after the real first treated period are left out, so the placebo effect cannot
    pick up the real one; it is zero under parallel trends without anticipation (Chen, Qi and
    Yan 2025, in-time placebo). The sample is the same for every shift.

    Parameters
    ----------
    shifts: periods of the panel's time grid by which treatment is moved, 1 or more.
    others: see `prepare_panel`.

    Raises
    ------
    ValueError: treatment that is not 0/1 or switches off; a shift below 1; a shift that
        leaves no unit with both placebo untreated and placebo treated cells.
    """
    if not shifts or any(int(s) != s or s < 1 for s in shifts):
        raise ValueError(f"shifts {list(shifts)}; allowed: whole numbers from 1")
    columns: dict[str, Any] = {
        "unit": unit,
        "time": time,
        "controls": controls,
        "fixed_effects": fixed_effects,
        "cluster": cluster,
        "order": order,
        "drop_singletons": drop_singletons,
    }
    panel = prepare_panel(data, outcome=outcome, treatment=treatment, **columns)
    require_binary(panel)
    first = first_treated(panel)
    untreated = panel.treatment == 0.0
    rows = panel.row_position[untreated]
    fits, cells, used, sizes = [], [], [], []
    for shift in shifts:
        starts = np.where(first < panel.time_values.size, first - shift, panel.time_values.size)
        placebo = panel.time >= starts[panel.unit]
        kept_unit, kept_placebo = panel.unit[untreated], placebo[untreated]
        with_placebo = np.bincount(kept_unit, weights=kept_placebo, minlength=panel.n_units)
        size = np.bincount(kept_unit, minlength=panel.n_units)
        n_used = int(np.sum((with_placebo > 0) & (with_placebo < size)))
        if n_used == 0:
            latest = int(first[first < panel.time_values.size].max())
            raise ValueError(
                f"shift {shift} leaves no unit with untreated cells before and after its placebo "
                f"start; allowed: 1 to {latest - 1} (none when that is below 1)"
            )
        name = f"placebo_{treatment}"
        while name in data.columns:
            name = f"_{name}"
        sample = data.iloc[rows].assign(**{name: kept_placebo.astype(float)})
        moved = prepare_panel(sample, outcome=outcome, treatment=name, **columns)
        fits.append(fit_treatment(moved))
        cells.append(int(kept_placebo.sum()))
        used.append(n_used)
        sizes.append(moved.n_obs)
    return TimePlacebo(
        shifts=np.asarray(shifts, dtype=np.int64),
        estimates=tuple(fits),
        n_placebo_cells=np.asarray(cells, dtype=np.int64),
        n_units_used=np.asarray(used, dtype=np.int64),
        n_obs=np.asarray(sizes, dtype=np.int64),
    )


def leave_one_out(
    data: pd.DataFrame,
    *,
    by: str,
    outcome: str,
    treatment: str,
    unit: str,
    time: str,
    controls: Sequence[str] = (),
    fixed_effects: Sequence[str] = (),
    cluster: str | None = None,
    order: str = "content",
    drop_singletons: bool = True,
    progress: Progress | None = None,
) -> LeaveOneOut:
    """Re-estimate the effect without one unit, cohort or province at a time.

    Parameters
    ----------
    by: a column whose groups are left out in turn (the unit, a province, a batch), or
        "cohort" when there is no such column: groups of units first treated in the same
        period, which needs absorbing treatment; the never treated are never left out. Rows
        where the column is missing are in every sample.
    others: see `prepare_panel`.

    Each fit is exact, on the sample without the group: fixed effects, controls, singletons
    and the small-sample factor are worked out anew.

    Raises
    ------
    ValueError: unknown column, fewer than two groups, or input that `prepare_panel` refuses.
        A group without which nothing can be estimated is recorded in `skipped`.
    """
    columns: dict[str, Any] = {
        "outcome": outcome,
        "treatment": treatment,
        "unit": unit,
        "time": time,
        "controls": controls,
        "fixed_effects": fixed_effects,
        "cluster": cluster,
        "order": order,
        "drop_singletons": drop_singletons,
    }
    panel = prepare_panel(data, **columns)
    full = fit_treatment(panel)
    if by in data.columns:
        group = data[by].to_numpy()
    elif by == "cohort":
        require_binary(panel)
        first = dict(zip(panel.unit_labels, first_treated(panel), strict=True))
        position = [first.get(label, panel.time_values.size) for label in data[unit]]
        dates = [*panel.time_values.tolist(), None]
        group = np.array([dates[p] for p in position], dtype=object)
    else:
        raise ValueError(f"unknown column {by!r}; allowed: cohort, {', '.join(map(str, data.columns))}")
    labels = sorted(pd.unique(pd.Series(group).dropna()).tolist())
    if len(labels) < 2:
        raise ValueError(f"{len(labels)} group(s) in {by!r}; allowed: two or more")
    done, fits, skipped = [], [], []
    for count, label in enumerate(labels, start=1):
        try:
            fit = fit_treatment(prepare_panel(data.loc[group != label], **columns))
        except ValueError as error:
            skipped.append((label, str(error)))
        else:
            done.append(label)
            fits.append(fit)
        if progress is not None:
            progress(count, len(labels))
    if not fits:
        raise ValueError(f"nothing can be estimated without any group of {by!r}: {skipped[0][1]}")
    values = np.array([fit.estimate for fit in fits])
    return LeaveOneOut(
        by=by,
        full=full,
        labels=tuple(done),
        estimates=tuple(fits),
        skipped=tuple(skipped),
        smallest=float(values.min()),
        largest=float(values.max()),
        n_sign_changes=int(np.sum(np.sign(values) != np.sign(full.estimate))),
    )


class Draws(Protocol):
    """What a set of draws has, whoever made them."""

    @property
    def draw_ids(self) -> IntArray: ...
    @property
    def coefficients(self) -> FloatArray: ...
    @property
    def t_values(self) -> FloatArray: ...
    @property
    def p_values(self) -> FloatArray: ...


def placebo_frame(result: Draws) -> pd.DataFrame:
    """The draws as a table: draw, estimate, t_value, p_value, one row for each usable draw."""
    return pd.DataFrame(
        {
            "draw": result.draw_ids,
            "estimate": result.coefficients,
            "t_value": result.t_values,
            "p_value": result.p_values,
        }
    )
