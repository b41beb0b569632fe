"""A table as it stands on the page, from whatever file: cells, title and notes."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Grid:
    """Rows of texts, all of one width; '' is an empty cell.

    name: sheet or number of the table in its file. places: address of each cell in the file (same shape).
    merged: cells whose text was repeated from the merged cell they belong to, as (row, column) from 0.
    title, note: what stands above and below it.
    """

    name: str
    rows: tuple[tuple[str, ...], ...]
    places: tuple[tuple[str, ...], ...]
    title: str = ""
    note: str = ""
    merged: frozenset[tuple[int, int]] = field(default_factory=frozenset)

    @property
    def width(self) -> int:
        return len(self.rows[0]) if self.rows else 0


def letter(column: int) -> str:
    """Name of a column of a sheet: 0 gives A, 26 gives AA."""
    name = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        name = chr(65 + rest) + name
    return name
