"""What every result of the library can do: become a frame, a figure, a Word table."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from cbec.common.words import Lang
from cbec.report.style import style
from cbec.report.table import Content, Row, Table, number_cell
from cbec.report.writers import write_docx


class Output(ABC):
    """A result."""

    @abstractmethod
    def to_frame(self) -> pd.DataFrame:
        """The numbers, one row for each thing that is said."""

    @abstractmethod
    def table(self, lang: Lang = "en") -> Table:
        """The three-line table of the result."""

    @abstractmethod
    def _draw(self, lang: Lang) -> Figure: ...

    def plot(
        self, path: str | os.PathLike[str] | None = None, *, lang: Lang = "en", dpi: int = 200
    ) -> Figure:
        """A figure; with a path it is written there too, as PNG, SVG or PDF by its suffix."""
        with style():
            figure = self._draw(lang)
            if path is not None:
                figure.savefig(Path(path), dpi=dpi, bbox_inches="tight")
        return figure

    def to_docx(self, path: str | os.PathLike[str], *, lang: Lang = "en") -> Path:
        """The table as a Word document; gives its path."""
        written = Path(path)
        write_docx(self.table(lang), written)
        return written


def plain_table(
    name: str, caption: str, frame: pd.DataFrame, decimals: int, lang: Lang, notes: tuple[str, ...]
) -> Table:
    """A table of a frame: the first column is the label, numbers have so many decimals."""

    def cell(value: Any) -> Content:
        if value is None or value != value:
            return ""
        if isinstance(value, int):
            return number_cell(value, 0)
        return number_cell(value, decimals) if isinstance(value, float) else str(value)

    label, *others = frame.columns
    return Table(
        study_id="own",
        name=name,
        lang=lang,
        caption=caption,
        head=(Row(str(label), tuple(map(str, others))),),
        body=tuple(
            Row(str(row[label]), tuple(cell(row[column]) for column in others))
            for row in frame.to_dict("records")
        ),
        bracket_note="",
        notes=notes,
    )
