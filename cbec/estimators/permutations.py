"""Placebo assignments of a treatment: enumerated or drawn, and the p value of a set of them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cbec.estimators.panel import FloatArray, IntArray, Panel, require_choice

SCHEMES = ("space", "time", "mixed", "cohort")
RANDOM_SCHEMES = ("space", "mixed", "cohort")
TIMINGS = ("unit", "batch")
#: Two statistics closer than this, relatively, are the same assignment up to rounding.
TIE_TOLERANCE = 1e-10
#: Enumeration lists at most this many assignments.
MAX_ENUMERATED = 2_000_000
#: Columns in one block; more do not fit a processor's cache and are slower.
MAX_BLOCK = 64


@dataclass(frozen=True)
class Assignments:
    """How placebo treatments are made; independent of outcome and controls.

    Attributes
    ----------
    scheme, timing: as in `placebo_test`.
    codes: shape (N,), the real path of each unit. Absorbing: position of the first treated
        period, T for never treated. Otherwise: row of `paths`.
    strata: shape (N,), units are exchanged within a stratum.
    paths: None for absorbing treatment, otherwise shape (P, T) of 0 and 1.
    never: code of the path that is never treated.
    dates: shape (D,), positions of first periods that `mixed` may draw.
    """

    scheme: str
    timing: str
    codes: IntArray
    strata: IntArray
    paths: FloatArray | None
    never: int
    dates: IntArray


def require_binary(panel: Panel) -> None:
    """Raise ValueError unless the treatment is 0/1 and takes both values."""
    values = np.unique(panel.treatment)
    if not np.isin(values, (0.0, 1.0)).all():
        raise ValueError(f"treatment takes values {values[:5].tolist()}; allowed: 0 and 1")
    if values.size < 2:
        raise ValueError(f"treatment is always {values[0]:g}; allowed: both 0 and 1 must occur")


def first_treated(panel: Panel) -> IntArray:
    """Position in `time_values` of each unit's first treated row, T when never treated.

    Shape (N,). Raises ValueError when a unit's treatment switches off.
    """
    never = panel.time_values.size
    first = np.full(panel.n_units, never, dtype=np.int64)
    treated = panel.treatment == 1.0
    np.minimum.at(first, panel.unit[treated], panel.time[treated])
    off = (panel.time >= first[panel.unit]) & ~treated
    if off.any():
        label = panel.unit_labels[panel.unit[np.flatnonzero(off)[0]]]
        raise ValueError(
            f"treatment of unit {label!r} switches off; this scheme needs absorbing treatment "
            "(allowed: 0 up to some period and 1 from then on; scheme 'space' takes other paths "
            "in a balanced panel)"
        )
    return first


def _is_balanced(panel: Panel) -> bool:
    return panel.n_obs == panel.n_units * panel.time_values.size


def plan_assignments(
    panel: Panel, *, scheme: str, timing: str = "unit", dates: Sequence[Any] | None = None
) -> Assignments:
    """Describe the set of placebo treatments of a scheme; see the head of this module.

    Parameters
    ----------
    dates: values of time that `mixed` may draw as first treated period; every period but the
        first when None.

    Raises
    ------
    ValueError: unknown scheme, timing or date; treatment that is not 0/1, that does not vary,
        or that switches off where that is not possible; fewer dates than cohorts.
    """
    require_choice("scheme", scheme, SCHEMES)
    require_choice("timing", timing, TIMINGS)
    if scheme == "time":
        raise ValueError(
            f"scheme 'time' draws nothing; use time_placebo (allowed here: {', '.join(RANDOM_SCHEMES)})"
        )
    if dates is not None and scheme != "mixed":
        raise ValueError("dates are drawn by scheme 'mixed' only; allowed: None")
    require_binary(panel)
    n_times = panel.time_values.size
    paths: FloatArray | None = None
    never = n_times
    try:
        codes = first_treated(panel)
    except ValueError:
        if scheme != "space":
            raise
        if not _is_balanced(panel):
            raise ValueError(
                "treatment switches off and the panel is unbalanced, so that a path is not known "
                "where its unit has no row; allowed: absorbing treatment or a balanced panel"
            ) from None
        wide = panel.treatment.reshape(panel.n_units, n_times)
        untreated = np.zeros((1, n_times))
        table = np.unique(np.concatenate([untreated, wide]), axis=0, return_inverse=True)
        paths = np.asarray(table[0], dtype=np.float64)
        codes = np.asarray(table[1], dtype=np.int64).ravel()[1:]
        never = 0
    allowed = panel.time_values[1:]
    if scheme == "mixed" and dates is not None:
        unknown = [d for d in dates if d not in set(panel.time_values.tolist())]
        if unknown or len(dates) == 0:
            raise ValueError(f"dates {unknown} are not periods; allowed: {panel.time_values.tolist()}")
        allowed = np.unique(np.asarray(dates))
    positions = np.searchsorted(panel.time_values, allowed).astype(np.int64)
    if scheme == "mixed":
        if positions.size == 0:
            raise ValueError("one period; allowed: two or more periods for scheme 'mixed'")
        n_cohorts = np.unique(codes[codes != never]).size
        if timing == "batch" and positions.size < n_cohorts:
            raise ValueError(
                f"{positions.size} dates for {n_cohorts} cohorts; allowed: at least one for each"
            )
    return Assignments(
        scheme=scheme,
        timing=timing,
        codes=codes,
        strata=panel.strata,
        paths=paths,
        never=never,
        dates=positions,
    )


def count_assignments(plan: Assignments) -> int:
    """Number of different assignments of `space` or `cohort`: multinomials over strata.

    Raises ValueError for `mixed`, which is not enumerated.
    """
    if plan.scheme == "mixed":
        raise ValueError("scheme 'mixed' is not enumerated; allowed: space, cohort")
    total = 1
    for stratum in range(int(plan.strata.max()) + 1):
        codes = plan.codes[plan.strata == stratum]
        total *= math.factorial(codes.size)
        for size in np.unique(codes, return_counts=True)[1]:
            total //= math.factorial(int(size))
    return total


def random_assignments(
    plan: Assignments, *, draws: int, seed: int, block: int = MAX_BLOCK
) -> Iterator[IntArray]:
    """Blocks of placebo assignments, shape (<= block, N) of codes, `draws` rows in all.

    The rows depend on `plan`, `seed` and their position only, not on `block`. Two streams
    are spawned from the seed, one for units, one for periods.
    """
    unit_stream, date_stream = (
        np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(2)
    )
    n_units = plan.codes.size
    slots = np.argsort(plan.strata, kind="stable")
    treated = plan.codes != plan.never
    cohorts, cohort_of = np.unique(plan.codes[treated], return_inverse=True)
    label = np.full(n_units, -1, dtype=np.int64)
    label[treated] = cohort_of
    for start in range(0, draws, block):
        size = min(block, draws - start)
        keys = unit_stream.random((size, n_units)) + plan.strata
        shuffled = np.argsort(keys, axis=1)
        out = np.empty((size, n_units), dtype=np.int64)
        if plan.scheme != "mixed":
            out[:, slots] = plan.codes[shuffled]
        elif plan.timing == "unit":
            moved = np.empty((size, n_units), dtype=bool)
            moved[:, slots] = treated[shuffled]
            uniform = date_stream.random((size, int(treated.sum())))
            picked = plan.dates[(uniform * plan.dates.size).astype(np.int64)]
            out[:] = plan.never
            out[moved] = picked.ravel()
        else:
            uniform = date_stream.random((size, plan.dates.size))
            picked = plan.dates[np.argsort(uniform, axis=1)[:, : cohorts.size]]
            table = np.column_stack([picked, np.full(size, plan.never)])
            moved_label = np.empty((size, n_units), dtype=np.int64)
            moved_label[:, slots] = label[shuffled]
            out[:] = np.take_along_axis(table, moved_label % (cohorts.size + 1), axis=1)
        yield out


def _arrangements(codes: IntArray) -> list[IntArray]:
    """Every different order of a multiset. Shape (n,) to a list of (n,)."""
    values, sizes = np.unique(codes, return_counts=True)
    order = np.argsort(sizes, kind="stable")
    background = values[order[-1]]
    partial = [np.full(codes.size, background, dtype=np.int64)]
    free = [tuple(range(codes.size))]
    for which in order[:-1]:
        grown, left = [], []
        for row, open_slots in zip(partial, free, strict=True):
            for chosen in itertools.combinations(open_slots, int(sizes[which])):
                new = row.copy()
                new[list(chosen)] = values[which]
                grown.append(new)
                left.append(tuple(s for s in open_slots if s not in set(chosen)))
        partial, free = grown, left
    return partial


def every_assignment(plan: Assignments, *, block: int = MAX_BLOCK) -> Iterator[IntArray]:
    """Blocks of all different assignments of `space` or `cohort`, the real one included.

    Raises ValueError when there are more than `MAX_ENUMERATED`.
    """
    _require_enumerable(plan)
    return _enumerate(plan, block)


def _require_enumerable(plan: Assignments) -> None:
    total = count_assignments(plan)
    if total > MAX_ENUMERATED:
        raise ValueError(f"{total} assignments; allowed: at most {MAX_ENUMERATED} to enumerate")


def _enumerate(plan: Assignments, block: int) -> Iterator[IntArray]:
    members = [np.flatnonzero(plan.strata == s) for s in range(int(plan.strata.max()) + 1)]
    lists = [_arrangements(plan.codes[units]) for units in members]
    product = itertools.product(*lists)
    while rows := list(itertools.islice(product, block)):
        out = np.empty((len(rows), plan.codes.size), dtype=np.int64)
        for i, parts in enumerate(rows):
            for units, part in zip(members, parts, strict=True):
                out[i, units] = part
        yield out


def randomisation_p(placebo: FloatArray, real: float, *, plus_one: bool) -> float:
    """Share of |placebo| >= |real|, of draws plus the real one when `plus_one`.

    Values within `TIE_TOLERANCE` of each other tie. Raises ValueError without draws.
    """
    if placebo.size == 0:
        raise ValueError("no draws; allowed: one or more")
    count = int(np.sum(np.abs(placebo) >= abs(real) * (1 - TIE_TOLERANCE)))
    return (count + 1) / (placebo.size + 1) if plus_one else count / placebo.size
