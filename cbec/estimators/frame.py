"""The one front of every estimator: what a frame must be before anything is computed from it.

Errors name the column, the unit or the number of rows, so that none comes from a library's inside.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def check_frame(
    frame: pd.DataFrame,
    *,
    unit: str | None,
    time: str | None,
    numbers: Sequence[str],
    labels: Sequence[str] = (),
    complete: bool = True,
    where: str = "",
) -> dict[str, FloatArray]:
    """Check a panel and give its numeric columns as floats, shape (n,) each.

    unit, time: keys; a pair has one row. None where an estimator has no such key. Times are no text, "2010"
    no more than a word. numbers: outcome, treatment, controls. labels: clusters, fixed effects, strata.
    complete: a missing number or label is an error; else both may be missing, and the caller says which rows
    leave. where: put before every message.

    Raises ValueError for absent columns (with the nearest names), no rows, missing keys, two rows of one unit
    and time, text as time or in a numeric column (that of a number too), infinite values there, and missing
    values where rows must be complete.
    """
    keys = [name for name in (unit, time) if name is not None]
    start = f"{where}: " if where else ""
    check_columns(frame.columns, [*keys, *numbers, *labels], where=where)
    if frame.empty:
        raise ValueError(f"{start}the frame has no rows: no complete row is left")
    for name in keys:
        _require_known(frame[name], name, "none in a key", start)
    if time is not None:
        require_no_text(frame[time], time, where=where)
    if len(keys) == 2 and frame.duplicated(keys).any():
        label, period = frame.loc[frame.duplicated(keys), keys].iloc[0].tolist()
        raise ValueError(f"{start}unit {label!r} has two rows for {time} {period!r}")
    if complete:
        for name in labels:
            _require_known(frame[name], name, "none in clusters, effects and strata", start)
    return {name: _floats(frame[name], name, complete, where) for name in dict.fromkeys(numbers)}


def check_columns(have: Iterable[object], needed: Sequence[str], *, where: str = "") -> None:
    """Raise ValueError for the first needed column that is absent, with the nearest names."""
    names = [str(name) for name in have]
    for name in needed:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=3, cutoff=0.3)
            start = f"{where}: " if where else ""
            raise ValueError(f"{start}no column {name!r}; nearest: {', '.join(near) or 'none'}")


def _require_known(values: pd.Series, name: str, allowed: str, start: str) -> None:
    missing = int(values.isna().sum())
    if missing:
        raise ValueError(f"{start}column {name!r} has {missing} missing values; allowed: {allowed}")


def require_no_text(values: pd.Series, name: str, *, where: str = "") -> None:
    """Raise ValueError, naming it, for text in a column of numbers, that of a number too: what was read as
    text may hold more that only looks like a number."""
    if pd.api.types.is_numeric_dtype(values.dtype):
        return
    text = next((value for value in values if isinstance(value, str | bytes)), None)
    if text is not None:
        start = f"{where}: " if where else ""
        raise ValueError(f"{start}column {name!r} holds text, not numbers: {text!r}")


def _floats(values: pd.Series, name: str, complete: bool, where: str) -> FloatArray:
    require_no_text(values, name, where=where)
    start = f"{where}: " if where else ""
    try:
        column: FloatArray = values.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{start}column {name!r} holds text, not numbers: {error}") from None
    if np.isinf(column).any():
        raise ValueError(f"{start}column {name!r} is infinite on {int(np.isinf(column).sum())} rows")
    if complete and np.isnan(column).any():
        raise ValueError(
            f"{start}column {name!r} has {int(np.isnan(column).sum())} missing values; "
            "allowed: complete rows (drop or fill rows before estimation, and record it)"
        )
    return column
