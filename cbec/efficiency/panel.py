"""Panels of inputs, good outputs and bad outputs, checked once on entry."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float = NDArray[np.float64]
Unbalanced = Literal["raise", "drop", "frontier"]
UNBALANCED = ("raise", "drop", "frontier")


class EfficiencyWarning(UserWarning):
    """The numbers can be computed, but the reader should know about the data."""


@dataclass(frozen=True)
class Panel:
    """A checked panel.

    units: N labels. periods: T labels in time order. data: (T, N, R) with the columns inputs,
    goods, bads in this order; cells that are not present hold NaN. present: (T, N).
    n_inputs, n_goods, n_bads: how R splits. names: R variable names.
    dropped: units removed by ``unbalanced="drop"``.
    """

    units: tuple[Hashable, ...]
    periods: tuple[Hashable, ...]
    data: Float
    present: NDArray[np.bool_]
    n_inputs: int
    n_goods: int
    n_bads: int
    names: tuple[str, ...]
    dropped: tuple[Hashable, ...] = ()

    @property
    def n_periods(self) -> int:
        return len(self.periods)

    @property
    def n_units(self) -> int:
        return len(self.units)

    @property
    def n_rows(self) -> int:
        return int(self.data.shape[2])

    @property
    def inputs(self) -> Float:
        return self.data[:, :, : self.n_inputs]

    @property
    def goods(self) -> Float:
        return self.data[:, :, self.n_inputs : self.n_inputs + self.n_goods]

    @property
    def bads(self) -> Float:
        return self.data[:, :, self.n_inputs + self.n_goods :]


def _cube(values: ArrayLike, name: str) -> Float:
    cube = np.asarray(values, dtype=np.float64)
    if cube.ndim == 2:
        cube = cube[:, :, None]
    if cube.ndim != 3:
        raise ValueError(
            f"{name} must be shaped (periods, units) or (periods, units, variables), got {cube.shape}"
        )
    return cube


def cube_panel(
    inputs: ArrayLike,
    goods: ArrayLike,
    bads: ArrayLike | None = None,
    *,
    units: Sequence[Hashable] | None = None,
    periods: Sequence[Hashable] | None = None,
    names: Sequence[str] | None = None,
    unbalanced: Unbalanced = "raise",
) -> Panel:
    """Panel from arrays shaped (periods, units, variables); a missing cell is NaN.

    Labels default to 0, 1, 2, ... ``unbalanced`` says what a missing cell means: ``raise``
    (ValueError naming it), ``drop`` (the unit leaves all periods), ``frontier`` (the unit is
    absent in that period: it is neither in that period's reference set nor evaluated).

    Raises ValueError for wrong shapes, duplicate labels, negative or infinite values, a unit
    with no positive input or no positive good output; each names unit, period and value.
    Warns (EfficiencyWarning) about single zero inputs, constant columns and too few units.
    """
    if unbalanced not in UNBALANCED:
        raise ValueError(f"unbalanced must be one of {UNBALANCED}, got {unbalanced!r}")
    x, y = _cube(inputs, "inputs"), _cube(goods, "goods")
    b = np.empty((*x.shape[:2], 0)) if bads is None else _cube(bads, "bads")
    if not x.shape[:2] == y.shape[:2] == b.shape[:2]:
        raise ValueError(
            "inputs, goods and bads must agree in periods and units, got "
            f"{x.shape[:2]}, {y.shape[:2]}, {b.shape[:2]}"
        )
    if x.shape[2] == 0 or y.shape[2] == 0:
        raise ValueError("at least one input and one good output are needed")
    data = np.concatenate([x, y, b], axis=2)
    n_periods, n_units, n_rows = data.shape
    unit_labels = _plain(range(n_units) if units is None else units)
    period_labels = _plain(range(n_periods) if periods is None else periods)
    for what, labels, size in (
        ("units", unit_labels, n_units),
        ("periods", period_labels, n_periods),
    ):
        if len(labels) != size:
            raise ValueError(f"{len(labels)} {what} labels for {size} {what}")
        if len(set(labels)) != size:
            twice = next(v for v in labels if labels.count(v) > 1)
            raise ValueError(f"{what} must be unique, {twice!r} appears more than once")
    counts = (x.shape[2], y.shape[2], b.shape[2])
    name_list = tuple(names) if names is not None else _default_names(*counts)
    if len(name_list) != n_rows:
        raise ValueError(f"{len(name_list)} names for {n_rows} variables")
    missing = np.isnan(data).any(axis=2)
    dropped: tuple[Hashable, ...] = ()
    if missing.any() and unbalanced == "raise":
        t, i = np.argwhere(missing)[0]
        v = int(np.flatnonzero(np.isnan(data[t, i]))[0])
        raise ValueError(
            f"missing value: unit {unit_labels[i]!r}, period {period_labels[t]!r}, "
            f"{name_list[v]} = nan ({int(missing.sum())} missing cells in all); choose "
            'unbalanced="drop" or unbalanced="frontier" to go on without them'
        )
    if unbalanced == "drop":
        keep = ~missing.any(axis=0)
        dropped = tuple(u for u, k in zip(unit_labels, keep, strict=True) if not k)
        data, missing = data[:, keep], missing[:, keep]
        unit_labels = tuple(u for u, k in zip(unit_labels, keep, strict=True) if k)
        if not unit_labels:
            raise ValueError('no unit is complete in all periods: unbalanced="drop" drops all')
    data = np.where(missing[:, :, None], np.nan, data)
    panel = Panel(unit_labels, period_labels, data, ~missing, *counts, name_list, dropped)
    _check_values(panel)
    _warn_about(panel)
    return panel


def cross_section(
    inputs: ArrayLike,
    goods: ArrayLike,
    bads: ArrayLike | None = None,
    *,
    units: Sequence[Hashable] | None = None,
    names: Sequence[str] | None = None,
) -> Panel:
    """One-period panel from arrays shaped (units,) or (units, variables)."""

    def one(values: ArrayLike) -> Float:
        array = np.asarray(values, dtype=np.float64)
        return array.reshape(1, len(array), -1)

    return cube_panel(
        one(inputs),
        one(goods),
        None if bads is None else one(bads),
        units=units,
        names=names,
    )


def long_panel(
    unit: Sequence[Hashable] | NDArray[Any],
    period: Sequence[Hashable] | NDArray[Any],
    inputs: ArrayLike,
    goods: ArrayLike,
    bads: ArrayLike | None = None,
    *,
    names: Sequence[str] | None = None,
    unbalanced: Unbalanced = "raise",
) -> Panel:
    """Panel from long arrays: one row per unit and period, variables in columns.

    unit, period: (rows,) labels; units keep the order of their first row, periods are sorted.
    inputs, goods, bads: (rows,) or (rows, variables). A pair that has no row is a missing
    cell, see ``cube_panel``. Raises ValueError on a repeated (unit, period).
    """
    unit_list: tuple[Any, ...] = _plain(unit)
    period_list: tuple[Any, ...] = _plain(period)
    rows = len(unit_list)
    if len(period_list) != rows:
        raise ValueError(f"{rows} units but {len(period_list)} periods")
    unit_index = {u: i for i, u in enumerate(dict.fromkeys(unit_list))}
    period_index = {p: t for t, p in enumerate(sorted(set(period_list)))}
    shape = (len(period_index), len(unit_index))
    at_t = np.array([period_index[p] for p in period_list], dtype=np.int64)
    at_i = np.array([unit_index[u] for u in unit_list], dtype=np.int64)
    flat = at_t * shape[1] + at_i
    _, first, count = np.unique(flat, return_index=True, return_counts=True)
    if (count > 1).any():
        row = int(first[count > 1][0])
        raise ValueError(f"unit {unit_list[row]!r} has more than one row in period {period_list[row]!r}")

    def spread(values: ArrayLike, name: str) -> Float:
        array = np.asarray(values, dtype=np.float64)
        if len(array) != rows:
            raise ValueError(f"{name} has {len(array)} rows, unit has {rows}")
        array = array.reshape(rows, -1)
        cube = np.full((*shape, array.shape[1]), np.nan)
        cube[at_t, at_i] = array
        return cube

    return cube_panel(
        spread(inputs, "inputs"),
        spread(goods, "goods"),
        None if bads is None else spread(bads, "bads"),
        units=list(unit_index),
        periods=list(period_index),
        names=names,
        unbalanced=unbalanced,
    )


def _plain(labels: Iterable[Hashable]) -> tuple[Hashable, ...]:
    """Labels as plain Python values, so that messages and results show 2010, not np.int64."""
    return tuple(v.item() if isinstance(v, np.generic) else v for v in labels)


def _default_names(m: int, s: int, q: int) -> tuple[str, ...]:
    kinds = (("input", m), ("good", s), ("bad", q))
    return tuple(f"{kind}_{i + 1}" for kind, k in kinds for i in range(k))


def _check_values(panel: Panel) -> None:
    def where(t: int, i: int) -> str:
        return f"unit {panel.units[i]!r}, period {panel.periods[t]!r}"

    with np.errstate(invalid="ignore"):
        bad = (panel.data < 0) | np.isinf(panel.data)
    if bad.any():
        t, i, v = np.argwhere(bad)[0]
        raise ValueError(
            f"values must be finite and not negative: {where(t, i)}, "
            f"{panel.names[v]} = {float(panel.data[t, i, v])!r} ({int(bad.sum())} such in all)"
        )
    for what, block in (("input", panel.inputs), ("good output", panel.goods)):
        empty = panel.present & (np.nan_to_num(block).max(axis=2) == 0)
        if empty.any():
            t, i = np.argwhere(empty)[0]
            raise ValueError(
                f"a unit needs at least one positive {what}: {where(t, i)} has {block[t, i].tolist()}"
            )
    zero = panel.present[:, :, None] & (panel.inputs == 0)
    if zero.any():
        t, i, v = np.argwhere(zero)[0]
        warnings.warn(
            f"zero input: {where(t, i)}, {panel.names[v]} = 0.0 ({int(zero.sum())} zero inputs "
            "in all); only units that also use none of it can be peers",
            EfficiencyWarning,
            stacklevel=4,
        )


def rule_of_thumb(n_units: int, n_inputs: int, n_outputs: int) -> tuple[bool, int]:
    """Whether there are enough units for the variables, and how many are needed.

    Needed: max(m s, 3 (m + s)) with m inputs and s outputs, bad outputs counted among them
    (Cooper, Seiford, Tone 2007, section 5.8).
    """
    needed = max(n_inputs * n_outputs, 3 * (n_inputs + n_outputs))
    return n_units >= needed, needed


def _warn_about(panel: Panel) -> None:
    per_period = panel.present.sum(axis=1)
    t = int(per_period.argmin())
    enough, needed = rule_of_thumb(int(per_period[t]), panel.n_inputs, panel.n_goods + panel.n_bads)
    if not enough:
        warnings.warn(
            f"{int(per_period[t])} units in period {panel.periods[t]!r} for {panel.n_inputs} "
            f"inputs and {panel.n_goods + panel.n_bads} outputs: the rule of thumb asks for "
            f"{needed}; many units will look efficient only for lack of comparison",
            EfficiencyWarning,
            stacklevel=4,
        )
    cells = panel.data[panel.present]
    if len(cells) > 1:
        for v in np.flatnonzero((cells == cells[0]).all(axis=0)):
            warnings.warn(
                f"{panel.names[v]} is constant ({float(cells[0, v])!r} in every cell): it cannot "
                "tell units apart",
                EfficiencyWarning,
                stacklevel=4,
            )
