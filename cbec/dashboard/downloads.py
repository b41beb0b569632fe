"""What is seen as a file: csv that Excel opens in UTF-8, and xlsx in which no text is a formula."""

from __future__ import annotations

import io
from typing import Any

import pandas as pd

from cbec.common.cells import begins_formula, clean, inert


def csv(table: pd.DataFrame) -> bytes:
    """UTF-8 with a byte-order mark. A text that a spreadsheet would run gets an apostrophe before it; numbers
    stay as they are."""
    # With this end of line a carriage return inside a cell is quoted as well.
    text = table.rename(columns=_inert).map(_inert).to_csv(index=False, lineterminator="\r\n")
    return text.encode("utf-8-sig")


def _inert(value: Any) -> Any:
    return inert(value) if isinstance(value, str) else value


def xlsx(table: pd.DataFrame, about: list[tuple[str, str]], *, names: tuple[str, str]) -> bytes:
    """A workbook with the table and a sheet that says what it is.

    about: lines of the second sheet; names: of the two sheets. Numbers stay numbers, text is text whatever
    it begins with.
    """
    # Only a download needs it, and the first view shall not wait for it.
    from openpyxl import Workbook
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = names[0]
    for number, name in enumerate(table.columns, start=1):
        _write(sheet.cell(1, number), str(name))
        sheet.cell(1, number).font = Font(bold=True)
        sheet.column_dimensions[get_column_letter(number)].width = 16
    for line, row in enumerate(table.itertuples(index=False), start=2):
        for number, value in enumerate(row, start=1):
            _write(sheet.cell(line, number), value)
    sheet.freeze_panes = "A2"
    notes = book.create_sheet(names[1])
    for line, (name, text) in enumerate(about, start=1):
        _write(notes.cell(line, 1), name)
        _write(notes.cell(line, 2), text)
    notes.column_dimensions["A"].width, notes.column_dimensions["B"].width = 24, 90
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _write(cell: Any, value: Any) -> None:
    if isinstance(value, str):
        cell.value = clean(value)
        cell.data_type = "s"
        cell.quotePrefix = begins_formula(value)
    elif not pd.isna(value):
        cell.value = value.item() if hasattr(value, "item") else value
