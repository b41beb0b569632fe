"""A panel as arrays: units, years, factors and the columns of a design."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cbec.estimators.frame import check_frame

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
ORDERS = ("content", "label")


@dataclass(frozen=True)
class Panel:
    """An estimation sample in canonical order.

    Attributes
    ----------
    outcome, treatment: shape (n,), in the units they came in; no missing values.
    controls: shape (n, k).
    unit: shape (n,), codes 0..N-1; a unit's rows are contiguous.
    time: shape (n,), positions in `time_values`, ascending within a unit.
    fixed_effects: one array of codes of shape (n,) for each fixed effect; may be empty, then
        the model has a constant.
    cluster: shape (n,), codes 0..G-1.
    strata: shape (N,), code of each unit's stratum (zeros when there are none).
    unit_labels: shape (N,), the labels as given.
    time_values: shape (T,), ascending.
    control_names: names of the columns of `controls`.
    row_position: shape (n,), row of the data frame that each row came from.
    n_singletons: rows left out because they were alone in a fixed effect.
    """

    outcome: FloatArray
    treatment: FloatArray
    controls: FloatArray
    unit: IntArray
    time: IntArray
    fixed_effects: tuple[IntArray, ...]
    cluster: IntArray
    strata: IntArray
    unit_labels: NDArray[Any]
    time_values: NDArray[Any]
    control_names: tuple[str, ...]
    row_position: IntArray
    n_singletons: int

    @property
    def n_obs(self) -> int:
        return int(self.outcome.size)

    @property
    def n_units(self) -> int:
        return int(self.unit_labels.size)

    @property
    def n_clusters(self) -> int:
        return int(self.cluster.max()) + 1


def factor_codes(values: Any) -> IntArray:
    """Codes 0..L-1 in order of first appearance. Shape (n,) to (n,)."""
    codes: IntArray = pd.factorize(values)[0].astype(np.int64)
    return codes


def binary_scale(values: Any) -> float:
    """A power of two near the spread of values, to divide by before pyfixest absorbs fixed effects; 1 where
    the spread is ordinary, or zero.

    Its tolerance is absolute: figures in yuan would never meet it, and very small ones would at once.
    Dividing by a power of two loses no bit.
    """
    spread = float(np.std(np.asarray(values, dtype=float)))
    if not math.isfinite(spread) or spread == 0 or 1e-3 < spread < 1e4:
        return 1.0
    return 2.0 ** round(math.log2(spread))


def rows_in_pairs(effects: Sequence[IntArray], n_obs: int) -> NDArray[np.bool_]:
    """Rows to keep after rows alone in a level are dropped again and again. Shape (n,)."""
    keep = np.ones(n_obs, dtype=bool)
    changed = True
    while changed:
        changed = False
        for codes in effects:
            size = np.bincount(codes[keep], minlength=int(codes.max()) + 1)
            alone = keep & (size[codes] == 1)
            if alone.any():
                keep &= ~alone
                changed = True
    return keep


def _value_rank(unit: IntArray, time: IntArray, columns: Sequence[FloatArray]) -> IntArray:
    """Rank of every unit by what its rows say: values in order of time, then the times.

    Ranks are refined key by key until no two units tie; units with identical rows stay tied.
    """
    order = np.lexsort((time, unit))
    sorted_unit = unit[order]
    size = np.bincount(sorted_unit)
    start = np.cumsum(size) - size
    position = np.arange(unit.size) - start[sorted_unit]
    rank: IntArray = np.unique(size, return_inverse=True)[1].astype(np.int64)
    for column in (*columns, time.astype(np.float64)):
        wide = np.full((int(size.max()), size.size), np.inf)
        wide[position, sorted_unit] = column[order]
        for key in wide:
            by = np.lexsort((key, rank))
            step = (np.diff(rank[by]) != 0) | (key[by][1:] != key[by][:-1])
            rank[by] = np.concatenate([[0], np.cumsum(step)])
            if rank[by[-1]] == size.size - 1:
                return rank
    return rank


def _places(keys: Sequence[tuple[int, ...]]) -> IntArray:
    """Place of each key among the different ones in order."""
    place = {key: number for number, key in enumerate(sorted(set(keys)))}
    return np.array([place[key] for key in keys], dtype=np.int64)


def _group_rank(codes: IntArray, rows: IntArray) -> IntArray:
    """Rank of every group by the sorted ranks of its rows. Codes and rows (n,), ranks (L,)."""
    ends = np.cumsum(np.bincount(codes))[:-1]
    return _places([tuple(part.tolist()) for part in np.split(rows[np.lexsort((rows, codes))], ends)])


def _refined(rank: IntArray, unit: IntArray, time: IntArray, groups: Sequence[IntArray]) -> IntArray:
    """Ranks of units split by what the groups of their rows hold, again and again until nothing splits.

    A row is its unit's rank and its time, and the content of the groups it lies in; a unit is its
    rows. Units that differ in rank keep their order.
    """
    while True:
        rows = np.unique(np.column_stack([rank[unit], time]), axis=0, return_inverse=True)[1].ravel()
        about = [rows, *(_group_rank(codes, rows)[codes] for codes in groups)]
        told_apart = np.unique(np.column_stack(about), axis=0, return_inverse=True)[1].ravel()
        finer = _group_rank(unit, told_apart)
        if finer.max() == rank.max():
            return rank
        rank = finer


def _by_unit(unit: IntArray, time: IntArray, codes: IntArray) -> list[IntArray]:
    """Codes of every unit's rows in order of time."""
    ends = np.cumsum(np.bincount(unit))[:-1]
    return np.split(codes[np.lexsort((time, unit))], ends)


def _is_alone(member: IntArray, codes: IntArray) -> NDArray[np.bool_]:
    """Rows whose group has one member only. Shapes (n,)."""
    low, high = np.full(codes.max() + 1, member.max()), np.zeros(codes.max() + 1, dtype=np.int64)
    np.minimum.at(low, codes, member)
    np.maximum.at(high, codes, member)
    return np.asarray((low == high)[codes])


def _unit_rank(
    unit: IntArray, time: IntArray, columns: Sequence[FloatArray], groups: Sequence[IntArray]
) -> IntArray:
    """Rank 0..N-1 of every unit by its content, and where units tie by that of the groups they lie in.

    groups: codes (n,) of fixed effects, clusters and strata. Units in the very same groups are
    interchangeable and keep their order. What ties beyond them does so, contrived designs aside, by
    a symmetry of the whole panel: one is put first, whichever, and what follows of the others is
    followed up.
    """
    n_units = int(unit.max()) + 1
    rank = _value_rank(unit, time, columns)
    if rank.max() == n_units - 1:
        return rank
    groups = [factor_codes(codes) for codes in groups]
    together, lies_in = [(place,) for place in rank.tolist()], [tuple[int, ...]()] * n_units
    for codes in groups:
        # Which of its rows a unit has in one group; and in which, where others have rows there too.
        shared = _by_unit(unit, time, np.where(_is_alone(unit, codes), -1, codes))
        for number, own in enumerate(_by_unit(unit, time, codes)):
            together[number] += tuple(factor_codes(own).tolist())
            lies_in[number] += tuple(shared[number].tolist())
    twins = _places(lies_in)
    rank = _refined(_places(together), unit, time, groups)
    while not (are_twins := _is_alone(twins, rank)).all():
        first = int(np.flatnonzero(rank == rank[~are_twins].min())[0])
        later = (rank != rank[first]) | (twins != twins[first])
        rank = _refined(_places(list(zip(rank.tolist(), later.tolist(), strict=True))), unit, time, groups)
    out = np.empty(n_units, dtype=np.int64)
    out[np.argsort(rank, kind="stable")] = np.arange(n_units)
    return out


def prepare_panel(
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
    order: str = "content",
    order_columns: Sequence[str] = (),
    drop_singletons: bool = True,
) -> Panel:
    """Sort a data frame into the canonical order that every estimator here works in.

    Parameters
    ----------
    data: one row for a unit and period; balanced or not. Missing values are not allowed in
        any column used: rows are dropped or filled, and that recorded, before estimation.
    outcome, treatment, controls: numeric columns.
    unit, time: keys; a pair occurs once. `time` must be sortable and no text.
    fixed_effects: none (a constant is used), one or more columns; an interaction is one
        column that holds the combined codes.
    cluster: column of clusters, the unit when None.
    strata: column of strata, constant within a unit.
    order: "content" ranks units by their values, and those with equal values by the content of
        the effects, clusters and strata they lie in, so that draws do not depend on labels or
        rows; "label" ranks them by label, so that draws for the same seed are the same for
        different outcomes. Both are independent of row order.
    order_columns: more numeric columns that rank units under "content", before the others.
    drop_singletons: leave out rows that are alone in a fixed effect, again and again, as
        pyfixest 0.40.1 does.

    Raises
    ------
    ValueError: unknown or non-numeric column, text in `time`, missing value, duplicated unit and time,
        strata that change within a unit, fewer than two clusters, nothing left.
    """
    if order not in ORDERS:
        raise ValueError(f"order {order!r} is unknown; allowed: {', '.join(ORDERS)}")
    cluster_name = unit if cluster is None else cluster
    keys = [unit, time, *fixed_effects, cluster_name, *([] if strata is None else [strata])]
    numeric = [outcome, treatment, *controls]
    ranked = tuple(dict.fromkeys([*order_columns, *numeric]))
    columns = check_frame(data, unit=unit, time=time, numbers=ranked, labels=keys[2:])

    unit_codes = factor_codes(data[unit])
    try:
        time_codes = np.unique(data[time].to_numpy(), return_inverse=True)[1]
        labels_sorted = np.unique(data[unit].to_numpy()) if order == "label" else None
    except TypeError as error:
        raise ValueError("unit and time must each be of one sortable type") from error

    effect_codes = [factor_codes(data[name]) for name in fixed_effects]
    keep = rows_in_pairs(effect_codes, len(data)) if drop_singletons else np.ones(len(data), bool)
    if not keep.any():
        raise ValueError("every row is alone in a fixed effect; allowed: two or more to a level")
    position = np.flatnonzero(keep)
    unit_codes = factor_codes(unit_codes[position])
    time_codes = time_codes[position].astype(np.int64)
    if labels_sorted is not None:
        labels = data[unit].to_numpy()[position]
        rank = np.argsort(np.argsort(pd.unique(labels), kind="stable"), kind="stable")
    else:
        rank = _unit_rank(
            unit_codes,
            time_codes,
            [columns[name][position] for name in ranked],
            [factor_codes(data[name].to_numpy()[position]) for name in keys[2:]],
        )
    position = position[np.lexsort((time_codes, rank[unit_codes]))]

    used_times, time_used = np.unique(data[time].to_numpy()[position], return_inverse=True)
    unit_column = data[unit].to_numpy()[position]
    unit_final = factor_codes(unit_column)
    first_row = np.unique(unit_final, return_index=True)[1]
    cluster_codes = factor_codes(data[cluster_name].to_numpy()[position])
    if cluster_codes.max() < 1:
        raise ValueError(f"column {cluster_name!r} has one cluster; allowed: two or more")
    strata_codes = np.zeros(first_row.size, dtype=np.int64)
    if strata is not None:
        by_row = factor_codes(data[strata].to_numpy()[position])
        strata_codes = by_row[first_row]
        if (strata_codes[unit_final] != by_row).any():
            raise ValueError(f"strata {strata!r} change within a unit; allowed: one value for each")
    return Panel(
        outcome=columns[outcome][position],
        treatment=columns[treatment][position],
        controls=(
            np.column_stack([columns[name][position] for name in controls])
            if controls
            else np.empty((position.size, 0))
        ),
        unit=unit_final,
        time=time_used.astype(np.int64),
        fixed_effects=tuple(factor_codes(codes[position]) for codes in effect_codes),
        cluster=cluster_codes,
        strata=strata_codes,
        unit_labels=unit_column[first_row],
        time_values=used_times,
        control_names=tuple(controls),
        row_position=position.astype(np.int64),
        n_singletons=int(len(data) - position.size),
    )


def require_choice(name: str, value: str, allowed: Sequence[str]) -> None:
    """Raises ValueError, naming the allowed values, when an option is none of them."""
    if value not in allowed:
        raise ValueError(f"{name} {value!r} is unknown; allowed: {', '.join(allowed)}")
