"""Tables of workbooks and text files. A sheet may hold several, one below the other."""

from __future__ import annotations

import io
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from cbec.audit.figures import figures, narrowed, unwrapped
from cbec.audit.grid import Grid, letter
from cbec.audit.roles import FLAGS
from cbec.ingest.files import File, Sheet, read_book

# A format that shows a fixed number of decimals, with what stands around the number.
FIXED = re.compile(
    r'(?P<before>[("\[\s]*)(?:#,##)?0(?:\.(?P<zeros>0+))?(?P<percent>%?)(?P<behind>[)"\]\s_*-]*)'
)
TITLE = re.compile(r"^\s*(?:附?表|table|panel|面板|表格)\s*[A-Za-z]?\d*[-.—]?\d*|^\s*(?:续表)", re.IGNORECASE)
NOTE = re.compile(
    r"^\s*(?:注|说明|备注|附注|括号|数据来源|资料来源|note|notes|source|standard errors?|robust|t[- ]stat|"
    r"p[- ]values?|significan|稳健|标准误|"
    r"[*]{1,3}\s*(?:p|表示|、|,|代表|分别|and|significan|denote|indicate)|"
    r"\(?[*]{1,3}\)?\s*[<p0-9]|n\s*=\s*[\d,]+|.*[*+]\s*p\s*[<≤=])",
    re.IGNORECASE,
)
SCATTERED = re.compile(r"^\s*(?:注|说明|附注|notes?\b|[*]{1,3}\s*p\b)", re.IGNORECASE)
# What tables are printed in most: level 1 of GB 2312, 3,755 characters.
FAMILIAR = frozenset(
    bytes((high, low)).decode("gb2312")
    for high in range(0xB0, 0xD8)
    for low in range(0xA1, 0xFF)
    if (high, low) < (0xD7, 0xFA)
)


def sheet_grids(file: File, encoding: str | None = None) -> list[Grid]:
    """Every table of a workbook or text file. Raises Refused with place and reason."""
    book = read_book(file, FAMILIAR, encoding=encoding or _signs_alone(file.data))
    looks = _looks(file) if file.data.startswith(b"PK") else {}
    found: list[Grid] = []
    for sheet in book.sheets:
        look = looks.get(sheet.name, _Look())
        if not look.is_hidden:
            found += _grids(_visible(sheet, look), look.texts)
    return found


def _signs_alone(data: bytes) -> str | None:
    """gb18030 for text that is ASCII but for signs (a long minus, a raised 2, a tick), which Big5 would read
    as a Chinese character; None for other data."""
    try:
        data.decode()
        return None
    except UnicodeDecodeError:
        pass
    try:
        text = data.decode("gb18030")
    except UnicodeDecodeError:
        return None
    others = {character for character in text if ord(character) > 127}
    return (
        "gb18030"
        if all(unicodedata.category(c)[0] in "PSNZ" or c in "αβγδεθλμρστχ" for c in others)
        else None
    )


@dataclass
class _Look:
    """How a sheet is shown: texts of cells by their number format, and what is hidden."""

    texts: dict[tuple[int, int], str] = field(default_factory=dict)
    rows: set[int] = field(default_factory=set)
    columns: set[int] = field(default_factory=set)
    is_hidden: bool = False


def _visible(sheet: Sheet, look: _Look) -> Sheet:
    """A sheet without the texts of hidden rows and columns: what nobody sees was not printed."""
    if not look.rows and not look.columns:
        return sheet
    rows = tuple(
        (number, tuple("" if c + 1 in look.columns else text for c, text in enumerate(cells)))
        for number, cells in sheet.rows
        if number not in look.rows
    )
    return replace(sheet, rows=rows)


def _looks(file: File) -> dict[str, _Look]:
    """What cells show by their number format (0.12 under 0.000 is printed 0.120), and what is hidden.

    The workbook has passed the guarded reader, which knows its size and refused what is no workbook.
    """
    from openpyxl import load_workbook

    found: dict[str, _Look] = {}
    book = load_workbook(io.BytesIO(file.data), data_only=True, keep_links=False)
    for sheet in book.worksheets:
        look = found[sheet.title] = _Look(is_hidden=sheet.sheet_state != "visible")
        look.rows = {number for number, about in sheet.row_dimensions.items() if about.hidden}
        for about in sheet.column_dimensions.values():
            if about.hidden and about.min and about.max:
                look.columns.update(range(about.min, min(about.max, 20_000) + 1))
        cells = look.texts
        for row in sheet.iter_rows():
            for cell in row:
                value = cell.value
                if isinstance(value, bool) or not isinstance(value, int | float):
                    continue
                text = _shown(float(value), str(cell.number_format or ""))
                if text:
                    cells[cell.row, cell.column] = text
    return found


def _shown(value: float, code: str) -> str:
    positive, _, rest = code.partition(";")
    match = FIXED.fullmatch(positive.replace("\\", ""))
    if match is None:
        return ""
    before, behind = (match[name].replace('"', "").replace("_", "").strip() for name in ("before", "behind"))
    if value < 0 and rest and "-" not in rest.split(";")[0]:
        return ""
    percent = match["percent"]
    number = f"{value * (100 if percent else 1):.{len(match['zeros'] or '')}f}{percent}"
    return f"{before}{number}{behind}"


def _grids(sheet: Sheet, looks: dict[tuple[int, int], str]) -> list[Grid]:
    width = max((len(cells) for _, cells in sheet.rows), default=0)
    texts = {
        number: [
            looks.get((number, c + 1), unwrapped(cells[c]) if c < len(cells) else "") for c in range(width)
        ]
        for number, cells in sheet.rows
    }
    merged: set[tuple[int, int]] = set()
    for r0, c0, r1, c1 in sheet.merges:
        if (r1 - r0 + 1) * (c1 - c0 + 1) > 10_000:
            continue
        text = texts.get(r0, [""] * width)[c0 - 1] if c0 <= width else ""
        for row in range(r0, r1 + 1):
            for column in range(c0, min(c1, width) + 1):
                if (row, column) != (r0, c0) and row in texts and not texts[row][column - 1]:
                    texts[row][column - 1] = text
                    merged.add((row, column - 1))
    numbered = [(number, texts[number]) for number in sorted(texts)]
    return split(sheet.name, numbered, merged, is_spread=True)


def split(
    name: str,
    numbered: Sequence[tuple[int, Sequence[str]]],
    merged: set[tuple[int, int]],
    *,
    is_spread: bool,
    title: str = "",
    note: str = "",
) -> list[Grid]:
    """Tables of one sheet or of one table of a document, told apart by their titles and by blank rows.

    numbered: rows with their numbers in the file. merged: (row number, column from 0) of repeated texts.
    """
    blocks: list[_Block] = [_Block(title=title)]
    last = None
    for number, cells in numbered:
        own = [text for column, text in enumerate(cells) if text.strip() and (number, column) not in merged]
        alone = own[0].strip() if len(own) == 1 else ""
        block = blocks[-1]
        if not own:
            last = number - 1
            continue
        is_gap = last is not None and number > last + 1
        last = number
        if alone and not figures(alone) and cells[0].strip() == alone:
            plain = narrowed(alone)
            if TITLE.match(plain) and not re.match(r"^\s*(?:panel|面板)", plain, re.IGNORECASE):
                if block.rows:
                    blocks.append(_Block(title=alone))
                else:
                    block.title = f"{block.title} {alone}".strip()
                continue
            if NOTE.match(plain) or (block.note and not is_gap) or (block.rows and len(alone) > 40):
                block.note = f"{block.note}\n{alone}".strip()
                continue
            if not block.rows:
                block.title = f"{block.title} {alone}".strip()
                continue
            if is_gap and _is_table(block):
                blocks.append(_Block(title=alone))
                continue
        elif block.rows and SCATTERED.match(narrowed(cells[0])) and not any(figures(t) for t in own):
            # A note whose commas were taken for ends of cells.
            joined = ", ".join(text.strip() for text in cells if text.strip())
            block.note = f"{block.note}\n{joined}".strip()
            continue
        elif (is_gap or block.note) and _is_table(block) and _is_head(cells):
            blocks.append(_Block())
            block = blocks[-1]
        block.rows.append((number, list(cells)))
    whole = [block for block in blocks if block.rows]
    if whole and note:
        whole[-1].note = f"{whole[-1].note}\n{note}".strip()
    found: list[Grid] = []
    for block in whole:
        names = f"{name}#{len(found) + 1}" if len(whole) > 1 else name
        rows = tuple(tuple(cells) for _, cells in block.rows)
        places = tuple(
            tuple(
                f"{letter(column)}{number}" if is_spread else f"R{number}C{column + 1}"
                for column in range(len(cells))
            )
            for number, cells in block.rows
        )
        moved = frozenset(
            (at, column)
            for at, (number, cells) in enumerate(block.rows)
            for column in range(len(cells))
            if (number, column) in merged
        )
        found.append(Grid(names, rows, places, block.title, block.note, moved))
    return found


class _Block:
    """A table on the way."""

    def __init__(self, title: str = "") -> None:
        self.title, self.note = title, ""
        self.rows: list[tuple[int, list[str]]] = []


def _is_table(block: _Block) -> bool:
    return sum(bool(figures(text)) for _, cells in block.rows for text in cells) > 1


def _is_head(cells: Sequence[str]) -> bool:
    """A row without a number but those of columns."""
    filled = [text for text in cells[1:] if text.strip()]
    if any(FLAGS.fullmatch(narrowed(text)) for text in filled):
        return False
    return len(filled) > 1 and all(
        not figures(text) or re.fullmatch(r"\(?\d{1,2}\)?", narrowed(text)) for text in filled
    )
