"""A table of results: rows, numbers, and the text of each cell."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from cbec.common.cells import clean
from cbec.common.words import Lang, say

MINUS = "\N{MINUS SIGN}"
MOST_DECIMALS = 6
# A standard error below this is rounding, not an error.
NO_ERROR = 1e-12
UNKNOWN = "—"


@dataclass(frozen=True)
class Number:
    """A number of a cell. decimals: digits after the point; stars: of its p value; bracketed: in ( );
    grouped: with commas between thousands."""

    value: float
    decimals: int
    stars: str = ""
    bracketed: bool = False
    grouped: bool = False

    @property
    def digits(self) -> str:
        """The number without brackets and stars, with a true minus sign; never a negative zero."""
        text = f"{self.value:{',' if self.grouped else ''}.{self.decimals}f}"
        if text.startswith("-") and not text.strip("-0.,"):
            text = text[1:]
        return text.replace("-", MINUS)


@dataclass(frozen=True)
class Interval:
    """A confidence interval of a cell, in square brackets."""

    low: float
    high: float
    decimals: int

    @property
    def digits(self) -> str:
        return f"[{Number(self.low, self.decimals).digits}, {Number(self.high, self.decimals).digits}]"


Content = Number | Interval | str


def plain(content: Content) -> str:
    """The cell as text: the number with its brackets and stars."""
    if isinstance(content, Number):
        digits = f"({content.digits})" if content.bracketed else content.digits
        return digits + content.stars
    return content.digits if isinstance(content, Interval) else content


@dataclass(frozen=True)
class Row:
    """One line: the label at the left and one cell a column."""

    label: str
    cells: tuple[Content, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "label", clean(self.label))
        object.__setattr__(
            self, "cells", tuple(clean(cell) if isinstance(cell, str) else cell for cell in self.cells)
        )


@dataclass(frozen=True)
class Table:
    """A three-line table.

    name: of its files, from ids of the database; head: rows above the header rule; body: rows below;
    bracket_note: what stands in brackets and which standard errors it rests on; notes: further sentences of
    the note; remarks: paragraphs after it; units: (variable, unit).

    Raises ValueError when rows differ in width, or when a cell is bracketed and no note says what the
    brackets hold: such a table must not be rendered.
    """

    study_id: str
    name: str
    lang: Lang
    caption: str
    head: tuple[Row, ...]
    body: tuple[Row, ...]
    bracket_note: str
    notes: tuple[str, ...]
    remarks: tuple[str, ...] = ()
    units: tuple[tuple[str, str], ...] = ()
    is_simulated: bool = False
    columns: int = field(init=False)

    def __post_init__(self) -> None:
        widths = {len(row.cells) for row in (*self.head, *self.body)}
        if len(widths) != 1:
            raise ValueError(f"{self.name}: rows of {sorted(widths)} cells; allowed: one width")
        object.__setattr__(self, "columns", widths.pop())
        if self._has_brackets and not self.bracket_note.strip():
            raise ValueError(f"{self.name}: bracketed cells and no note that says what they are")
        prefix = say("simulated", self.lang) + "  " if self.is_simulated else ""
        object.__setattr__(self, "caption", clean(prefix + self.caption))
        object.__setattr__(self, "bracket_note", clean(self.bracket_note))
        object.__setattr__(self, "units", tuple((clean(name), clean(unit)) for name, unit in self.units))
        object.__setattr__(self, "notes", tuple(clean(note) for note in self.notes if note))
        object.__setattr__(self, "remarks", tuple(clean(remark) for remark in self.remarks if remark))

    @property
    def _has_brackets(self) -> bool:
        return any(
            isinstance(cell, Interval) or (isinstance(cell, Number) and cell.bracketed)
            for row in self.body
            for cell in row.cells
        )

    @property
    def paragraphs(self) -> tuple[str, ...]:
        """What stands below the table: the note, then the remarks."""
        sentences = [part for part in (self.bracket_note, *self.notes) if part]
        stop = say("stop", self.lang)
        note = say("note", self.lang) + say("sentence", self.lang).join(sentences) if sentences else ""
        return tuple(text + stop for text in (note, *self.remarks) if text)


def decimals_of(values: Iterable[float]) -> int:
    """Three digits, more when the smallest of the values would otherwise print as zero."""
    sizes = [abs(value) for value in values if abs(value) > NO_ERROR]
    decimals = 3
    while sizes and decimals < MOST_DECIMALS and min(sizes) * 10**decimals < 1:
        decimals += 1
    return decimals


def printed_decimals(printed: str) -> int:
    digits = printed.strip().rstrip("*").strip("()")
    return len(digits.split(".", 1)[1]) if "." in digits else 0


def number_cell(value: float, decimals: int, *, grouped: bool = False) -> Content:
    return "" if math.isnan(value) else Number(value, decimals, grouped=grouped)


def count_cell(value: Any) -> Content:
    return number_cell(as_float(value), 0, grouped=True)


def percent_cell(share: Any) -> Content:
    """With one decimal, or as many as tell some from none and most from all."""
    percent = 100 * as_float(share)
    decimals = 1
    while 0 < percent < 100 and round(percent, decimals) in (0, 100) and decimals < 4:
        decimals += 1
    return number_cell(percent, decimals)


def interval_cell(low: Any, high: Any, decimals: int) -> Content:
    ends = as_float(low), as_float(high)
    return "" if any(math.isnan(end) for end in ends) else Interval(*ends, decimals)


def as_float(value: Any, default: float = math.nan) -> float:
    """The number, or the default for a missing one."""
    return default if value is None or pd.isna(value) else float(value)


def as_text(value: Any) -> str:
    return "" if value is None or pd.isna(value) else str(value)


def records_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]
