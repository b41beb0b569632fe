"""Workbooks of the .xlsx family, read from their XML: parts found by relationship, cells as they are shown.

A reader of tables gives an error, a formula that was never computed and a number shown as per cent as if
they were an empty cell and another number. Here each cell keeps what it says of itself, and what nobody sees
who opens the workbook is no figure: what is struck through, covered by a merged cell, hidden by a format, or
written in a vocabulary that no workbook reads.
"""

from __future__ import annotations

import math
import posixpath
import re
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple
from xml.parsers import expat

from cbec.ingest.book import (
    MAX_CELLS,
    RAISED,
    STRUCK,
    UNCOMPUTED,
    Book,
    File,
    Refused,
    Sheet,
    cover,
    hidden,
    open_zip,
    sheet_warnings,
    unescaped,
    unread,
    unstruck,
    used_merges,
)  # fmt: skip
from cbec.ingest.conditional import Look, Rule, apply
from cbec.ingest.formats import GENERAL, codes_of, shown, shown_text
from cbec.ingest.formula import constant
from cbec.ingest.problems import Problem

MAX_ROW, MAX_COLUMN, MAX_NAMES = 2**20, 2**14, 10_000
NUMBER = re.compile(r"\s*[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?\s*")
RANGE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})(?::([A-Z]{1,3})([0-9]{1,7}))?")
TRUE = ("1", "true")
RAISING = ("superscript", "subscript")

# Names stand behind the vocabulary that they are of; workbooks have two of the first kind.
VOCABULARIES = {
    "http://schemas.openxmlformats.org/spreadsheetml/2006/main": "",
    "http://purl.oclc.org/ooxml/spreadsheetml/main": "",
    "http://schemas.microsoft.com/office/spreadsheetml/2009/9/main": "x14:",
    "http://schemas.microsoft.com/office/excel/2006/main": "xm:",
    "http://schemas.openxmlformats.org/markup-compatibility/2006": "mc:",
}
STALE = "is of a formula that is computed anew when the workbook is opened, and may not be what is shown then"

# A text and whether it is struck through; None leaves that to the cell.
Pieces = tuple[tuple[str, bool | None], ...]
Attributes = dict[str, str]
Start = Callable[[str, Attributes], None]
End = Callable[[str], None]


class _Locals(dict[str, str]):
    """Names without the vocabulary that they are of; each is looked at once."""

    def __missing__(self, name: str) -> str:
        if len(self) > MAX_NAMES:
            self.clear()
        self[name] = name.rpartition(" ")[2]
        return self[name]


class _Names(dict[str, str]):
    """Names of the vocabulary of workbooks as they are, of another one behind its prefix, or behind `?:`."""

    def __missing__(self, name: str) -> str:
        if len(self) > MAX_NAMES:
            self.clear()
        space, _, local = name.rpartition(" ")
        self[name] = VOCABULARIES.get(space, "?:") + local
        return self[name]


class _Columns(dict[str, int]):
    """Number of a column from 1 by its letters; 0 for letters that name none."""

    def __missing__(self, letters: str) -> int:
        if not re.fullmatch("[A-Z]{1,3}", letters):
            return 0
        number = 0
        for letter in letters:
            number = number * 26 + ord(letter) - 64
        self[letters] = number if number <= MAX_COLUMN else 0
        return self[letters]


LOCAL, NAME, COLUMN = _Locals(), _Names(), _Columns()


class Style(NamedTuple):
    """Formats for numbers and for texts ('' shows what is stored), and what the font does."""

    code: str = ""
    text_code: str = ""
    is_raised: bool = False
    is_struck: bool = False

    def number(self, text: str, *, is_1904: bool) -> str:
        """A number as it is shown; what is no number stays as it stands."""
        found = text
        if NUMBER.fullmatch(text) and abs(value := float(text)) < float("inf"):
            found = shown(self.code or GENERAL, value, is_1904=is_1904)
        if self.is_struck:
            found = unread(found, STRUCK)
        return found.translate(RAISED) if self.is_raised else found

    def text(self, held: str | Pieces) -> tuple[str, str]:
        """A text as it is shown, and what was left out of it because it is struck through."""
        if isinstance(held, str) and not self.is_struck:
            text, gone = held, ""
        else:
            pieces = ((held, None),) if isinstance(held, str) else held
            text, gone = unstruck((t, self.is_struck if own is None else own) for t, own in pieces)
        if self.text_code:
            text = shown_text(self.text_code, text)
        return text.translate(RAISED) if self.is_raised else text, gone


PLAIN = Style()


def read_xlsx(file: File) -> Book:
    """Sheets of a workbook in the order of its tabs. Raises Refused with place and reason."""
    with open_zip(file.name, file.data) as archive:
        package = _Package(file.name, archive)
        book = package.office_document()
        names: list[tuple[str, str, str]] = []
        is_1904 = is_uncomputed = False

        within: list[str] = []

        def start(name: str, attributes: Attributes) -> None:
            nonlocal is_1904, is_uncomputed
            tag = NAME[name]
            within.append(tag)
            if within[1:] == ["sheets", "sheet"]:
                link = next((v for k, v in attributes.items() if k.endswith("/relationships id")), "")
                names.append((attributes.get("name", ""), link, attributes.get("state", "visible")))
            elif within[1:] == ["workbookPr"]:
                is_1904 = attributes.get("date1904") in TRUE
            elif within[1:] == ["calcPr"]:
                is_uncomputed = any(attributes.get(k) in TRUE for k in ("fullCalcOnLoad", "forceFullCalc"))

        package.parse(book, start, lambda _: within.__delitem__(-1))
        links = package.relations(book)
        by_kind = dict(links.values())
        reader = _Reader(package, is_1904, is_uncomputed)
        if "sharedStrings" in by_kind:
            reader.strings = _strings(package, by_kind["sharedStrings"])
        if "styles" in by_kind:
            reader.styles, reader.looks = _styles(package, by_kind["styles"])
        sheets, warnings = [], []
        for title, link, state in names:
            kind, part = links.get(link, ("", ""))
            if not part:
                raise Refused(file.name, title, "is named by the workbook but is not in it")
            if kind != "worksheet":
                continue
            if state != "visible":
                warnings.append(hidden(file.name, title))
            sheet, said = reader.sheet(title, part)
            sheets.append(sheet)
            warnings += said
    if not sheets:
        raise Refused(file.name, "", "has no worksheet")
    return Book(file, tuple(sheets), "workbook", tuple(warnings))


class _Package:
    """The parts of a workbook and how they name each other."""

    def __init__(self, file: str, archive: zipfile.ZipFile) -> None:
        self.file = file
        self._archive = archive
        # Some programs write other letters, or backslashes, than they name.
        self._members = {n.replace("\\", "/").lower(): n for n in archive.namelist()}
        if len(self._members) < len(archive.namelist()):
            counts = Counter(n.replace("\\", "/").lower() for n in archive.namelist())
            twice = max(counts, key=lambda name: counts[name])
            raise Refused(file, twice, "is in the workbook twice; which of the two is meant is not said")

    def office_document(self) -> str:
        if any(n in self._members for n in ("content.xml", "mimetype")):
            raise Refused(self.file, "", "is an OpenDocument file; save it as .xlsx")
        if "[content_types].xml" not in self._members:
            raise Refused(self.file, "", "is a zip but no workbook; name it .zip")
        for kind, part in self.relations("").values():
            if kind == "officeDocument":
                if part.endswith(".bin"):
                    raise Refused(self.file, "", "is a binary workbook (.xlsb); save it as .xlsx")
                if posixpath.dirname(part).startswith(("word", "ppt")):
                    raise Refused(self.file, "", "is no workbook")
                return part
        raise Refused(self.file, "", "is a zip that names no workbook in it")

    def relations(self, part: str) -> dict[str, tuple[str, str]]:
        """Kind and part that a part is related to, by the name of the relation."""
        folder, name = posixpath.split(part)
        found: dict[str, tuple[str, str]] = {}
        links = posixpath.join(folder, "_rels", f"{name}.rels")
        if part and links.lower() not in self._members:
            return found

        def start(tag: str, attributes: Attributes) -> None:
            if LOCAL[tag] == "Relationship" and attributes.get("TargetMode") != "External":
                target = attributes.get("Target", "").replace("\\", "/")
                path = posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
                if path.lower() in self._members:
                    found[attributes.get("Id", "")] = (attributes.get("Type", "").rpartition("/")[2], path)

        self.parse(links, start)
        return found

    def parse(self, part: str, start: Start, end: End | None = None, text: End | None = None) -> None:
        """Run handlers over a part. Raises Refused when it is not there, broken, or declares entities."""
        member = self._members.get(part.lower())
        if member is None:
            raise Refused(self.file, part, "is not in the workbook; the file is broken or truncated")
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartElementHandler = start
        parser.EndElementHandler = end
        parser.CharacterDataHandler = text

        def doctype(*_: object) -> None:
            raise Refused(self.file, part, "declares a document type, which no workbook does")

        parser.StartDoctypeDeclHandler = doctype
        try:
            with self._archive.open(member) as stream:
                while block := stream.read(1 << 18):
                    parser.Parse(block, False)
            parser.Parse(b"", True)
        except (Refused, MemoryError):
            raise
        except Exception as error:
            # A broken member raises whatever its decompressor raises.
            raise Refused(self.file, part, f"is broken or truncated: {error}") from None


class _Runs:
    """Text of an <si> or <is>: its runs, raised ones as marks, without the readings of the characters."""

    def __init__(self) -> None:
        self.chars: list[str] = []
        self.pieces: list[tuple[str, bool | None]] = []
        self._is_raised = self._is_reading = False
        self._is_struck: bool | None = None

    def start(self, tag: str, attributes: Attributes) -> None:
        if tag == "t":
            self.chars.clear()
        elif tag == "r":
            self._is_raised, self._is_struck = False, None
        elif tag == "rPr":
            # A run with a font of its own has nothing of the cell's.
            self._is_struck = False
        elif tag == "vertAlign":
            self._is_raised = attributes.get("val") in RAISING
        elif tag == "strike":
            self._is_struck = attributes.get("val", "1") in TRUE
        elif tag == "rPh":
            self._is_reading = True

    def end(self, tag: str) -> None:
        if tag == "t" and not self._is_reading:
            text = "".join(self.chars)
            self.pieces.append((text.translate(RAISED) if self._is_raised else text, self._is_struck))
        elif tag == "r":
            self._is_raised, self._is_struck = False, None
        elif tag == "rPh":
            self._is_reading = False

    def take(self) -> str:
        text = "".join(text for text, _ in self.pieces)
        self.pieces.clear()
        return unescaped(text)

    def take_struck(self) -> str | Pieces:
        """The text, in pieces where some are struck through."""
        if not any(is_struck for _, is_struck in self.pieces):
            return self.take()
        found = tuple((unescaped(text), is_struck) for text, is_struck in self.pieces)
        self.pieces.clear()
        return found


def _strings(package: _Package, part: str) -> list[str | Pieces]:
    found: list[str | Pieces] = []
    runs = _Runs()
    within: list[str] = []

    def start(name: str, attributes: Attributes) -> None:
        tag = NAME[name]
        within.append(tag)
        if tag == "mc:AlternateContent":
            raise Refused(package.file, part, "says texts in two ways; which of them is shown is not said")
        if within[1:] == ["si"]:
            runs.pieces.clear()
        elif within[1:2] == ["si"]:
            runs.start(tag, attributes)

    def end(name: str) -> None:
        is_text = within[1:] == ["si"]
        is_within = within[1:2] == ["si"]
        within.pop()
        if not is_text:
            if is_within:
                runs.end(NAME[name])
            return
        found.append(runs.take_struck())
        if len(found) > MAX_CELLS:
            raise Refused(package.file, part, f"holds more than {MAX_CELLS} texts")

    package.parse(part, start, end, runs.chars.append)
    return found


def _styles(package: _Package, part: str) -> tuple[list[Style], list[Look]]:
    """Style of cells by number, and what each conditional format changes."""
    codes: dict[int, str] = {}
    raised: list[bool] = []
    struck: list[bool] = []
    named: list[int] = []
    styles: list[tuple[int, int, int, bool]] = []
    looks: list[Look] = []
    within: list[str] = []

    def start(name: str, attributes: Attributes) -> None:
        tag = NAME[name]
        within.append(tag)
        parent = within[-2] if len(within) > 1 else ""
        if tag == "numFmt" and parent == "numFmts":
            codes[_whole(attributes.get("numFmtId"))] = attributes.get("formatCode", GENERAL)
        elif tag == "font" and parent == "fonts":
            raised.append(False)
            struck.append(False)
        elif tag == "vertAlign" and parent == "font" and "fonts" in within:
            raised[-1] = attributes.get("val") in RAISING
        elif tag == "strike" and parent == "font" and "fonts" in within:
            struck[-1] = attributes.get("val", "1") in TRUE
        elif tag == "xf" and parent == "cellStyleXfs":
            named.append(_whole(attributes.get("fontId")))
        elif tag == "xf" and parent == "cellXfs":
            has_own = attributes.get("applyFont") in TRUE
            numbers = (_whole(attributes.get(key)) for key in ("numFmtId", "fontId", "xfId"))
            styles.append((*numbers, has_own))  # type: ignore[arg-type]
        elif within[1:] == ["dxfs", "dxf"]:
            looks.append(Look())
        elif within[1:3] == ["dxfs", "dxf"]:
            looks[-1] = _look(looks[-1], tag, attributes)

    def end(_: str) -> None:
        within.pop()

    package.parse(part, start, end)

    def is_struck(font: int, style: int, has_own: bool) -> bool:
        # Programs differ in whether a font that is not said to be applied is that of the named style.
        fonts = [font] if has_own else [font, *named[style : style + 1]]
        return any(struck[n] for n in fonts if n < len(struck))

    found = [
        Style(*codes_of(number, codes), font < len(raised) and raised[font], is_struck(font, style, has_own))
        for number, font, style, has_own in styles
    ]
    return found, looks


def _look(look: Look, tag: str, attributes: Attributes) -> Look:
    """What an element of a conditional format adds to it."""
    if tag == "strike":
        return replace(look, is_struck=attributes.get("val", "1") in TRUE)
    return replace(look, code=attributes.get("formatCode", GENERAL)) if tag == "numFmt" else look


def _comments(package: _Package, part: str, *, is_thread: bool) -> list[tuple[tuple[int, int], str]]:
    """Row and column of each comment of a part, and its text: in runs, or of a thread in <text> itself."""
    found: list[tuple[tuple[int, int], str]] = []
    places: list[tuple[int, int]] = []
    runs = _Runs()

    def start(name: str, attributes: Attributes) -> None:
        tag = LOCAL[name]
        at = RANGE.fullmatch(attributes.get("ref", "")) if tag in ("comment", "threadedComment") else None
        if at:
            places.append((int(at[2]), COLUMN[at[1]]))
            runs.pieces.clear()
        runs.start("t" if is_thread and tag == "text" else tag, attributes)

    def end(name: str) -> None:
        tag = LOCAL[name]
        runs.end("t" if is_thread and tag == "text" else tag)
        if tag in ("comment", "threadedComment") and places:
            found.append((places.pop(), runs.take().strip()))

    package.parse(part, start, end, runs.chars.append)
    return found


def _whole(text: str | None) -> int:
    return int(text) if text and text.isdecimal() else 0


def _is_nought(text: str | None) -> bool:
    """True for a width or a height of nothing."""
    return bool(text and NUMBER.fullmatch(text)) and float(text or 1) == 0


def _ranges(text: str) -> list[tuple[int, int, int, int]]:
    """Cells that a list of ranges names, as first row, first column, last row, last column."""
    found = (RANGE.fullmatch(piece) for piece in text.replace("$", "").split())
    return [
        (int(m[2]), COLUMN[m[1]], int(m[4] or m[2]), COLUMN[m[3] or m[1]]) for m in found if m
    ]  # fmt: skip


class _Reader:
    """Reads the sheets of one workbook; texts of numbers are made once."""

    def __init__(self, package: _Package, is_1904: bool, is_uncomputed: bool) -> None:
        self._package = package
        self._is_1904 = is_1904
        # The workbook is to be computed when it is opened: some programs store a nought for every formula.
        self.is_uncomputed = is_uncomputed
        self.strings: list[str | Pieces] = []
        self.styles: list[Style] = []
        self.looks: list[Look] = []
        # Of the sheets read so far.
        self.n_cells = 0
        self._numbers: dict[tuple[str | None, str], str] = {}

    def sheet(self, title: str, part: str) -> tuple[Sheet, list[Problem]]:
        """The sheet, and what a person who looks at it does not see as it is read."""
        cells = _Cells(self, self._package.file, title)
        self._package.parse(part, cells.start, cells.end, cells.runs.chars.append)
        rows = cells.rows
        self.n_cells += cells.n_cells
        width = max((len(row) for row in rows.values()), default=0)
        merges = used_merges(self._package.file, title, cells.merges, rows, width)
        merges, covered = cover(rows, merges)
        for rule in cells.rules:
            rule.look = rule.look or (self.looks[rule.dxf] if 0 <= rule.dxf < len(self.looks) else None)
        apply(cells.rules, rows, cells.doubts)
        said = sheet_warnings(
            self._package.file, title, rows, covered=covered, struck=cells.struck,
            hidden_rows=cells.hidden_rows, hidden_columns=cells.hidden_columns(width),
            is_filtered=cells.is_filtered, doubts=cells.doubts,
        )  # fmt: skip
        padded = tuple((n, (*rows[n], *[""] * (width - len(rows[n])))) for n in sorted(rows) if any(rows[n]))
        sheet = Sheet(title, padded, merges, comments=self._comments(part), doubts=cells.doubts)
        return sheet, said

    def _comments(self, part: str) -> dict[tuple[int, int], str]:
        """Notes and threads of comments, by the cell at which they stand."""
        found: dict[tuple[int, int], str] = {}
        for kind, notes in self._package.relations(part).values():
            if kind in ("comments", "threadedComment"):
                for place, text in _comments(self._package, notes, is_thread=kind != "comments"):
                    found[place] = "; ".join(filter(None, (found.get(place, ""), text)))
        return found

    def number(self, text: str, style: str | None) -> str:
        """A number as its style shows it; what is no number stays as it stands."""
        known = self._numbers.get((style, text))
        if known is None:
            known = self._numbers[style, text] = self.style(style).number(text, is_1904=self._is_1904)
        return known

    def style(self, style: str | None) -> Style:
        place = _whole(style)
        return self.styles[place] if place < len(self.styles) else PLAIN


class _Cells:
    """Handlers for one sheet. A row or a cell without its place stands behind the one before it.

    Only rows of the sheet's one table of cells are read: no program shows what stands in an extension, and
    what stands elsewhere, or twice, is damage, of which each program shows something else.
    """

    def __init__(self, reader: _Reader, file: str, title: str) -> None:
        self._reader, self._file, self._title = reader, file, title
        self.rows: dict[int, list[str]] = {}
        self.merges: list[tuple[int, int, int, int]] = []
        self.runs = _Runs()
        self.rules: list[Rule] = []
        self.doubts: dict[tuple[int, int], str] = {}
        self.struck: dict[tuple[int, int], str] = {}
        self.hidden_rows: set[int] = set()
        self.is_filtered = False
        self._path: list[str] = []
        self._has_cells = False
        self._hides_rows = self._hides_columns = False
        # First and last column, whether it is hidden, and its style.
        self._columns: list[tuple[int, int, bool, str | None]] = []
        self._column_styles: dict[int, str | None] = {}
        self._row_style: str | None = None
        self._ranges = ""
        self._row = self._column = 0
        self._row_text = "0"
        self._high_column = 0
        self._cell: Attributes | None = None
        self._value: str | None = None
        self._is_formula = False
        self._formula = ""

    def start(self, name: str, attributes: Attributes) -> None:
        tag = NAME[name]
        path = self._path
        depth = len(path)
        path.append(tag)
        if self._cell is not None:
            if depth == 4 and tag == "v":
                if self._value is not None:
                    self._refuse("has a cell with two values")
                self.runs.chars.clear()
            elif depth == 4 and tag == "f":
                self._is_formula = True
                self.runs.chars.clear()
            elif depth > 4 and path[4] == "is":
                self.runs.start(tag, attributes)
            elif depth == 4 and tag in ("?:v", "?:f", "?:is", "xm:f", "mc:AlternateContent"):
                self._refuse("has a cell with values in another vocabulary")
        elif tag == "c" and depth == 3 and path[2] == "row" and path[1] == "sheetData":
            self._cell, self._value, self._is_formula, self._formula = attributes, None, False, ""
            self.runs.pieces.clear()
        elif tag == "row" and depth == 2 and path[1] == "sheetData":
            self._open_row(attributes)
        elif tag in ("row", "c", "sheetData") or "sheetData" in path:
            self._open_table(tag, depth)
        elif not depth and tag != "worksheet":
            self._refuse(f"is no worksheet but <{tag}>")
        else:
            self._start_other(tag, attributes)

    def _open_table(self, tag: str, depth: int) -> None:
        """The table of cells begins, or something stands where none does."""
        if tag == "sheetData" and depth == 1 and not self._has_cells:
            self._has_cells = True
        elif self._path[1:2] == ["extLst"]:
            return
        elif tag == "sheetData" and depth == 1:
            self._refuse("has a second table of cells; which of them is shown is not said")
        elif LOCAL[tag.replace(":", " ")] in ("row", "c", "v", "sheetData", "AlternateContent"):
            self._refuse(f"has <{tag}> where no workbook has it; what of it is shown is not said")

    def _start_other(self, tag: str, attributes: Attributes) -> None:
        """What a sheet says besides its cells."""
        path = self._path
        if path[1:] == ["mergeCells", "mergeCell"]:
            self._merge(attributes.get("ref", ""))
        elif path[1:] == ["sheetFormatPr"]:
            self._hides_rows = attributes.get("zeroHeight") in TRUE
            self._hides_columns = _is_nought(attributes.get("defaultColWidth"))
        elif path[1:] == ["cols", "col"]:
            is_hidden = attributes.get("hidden") in TRUE or _is_nought(attributes.get("width"))
            first, last = _whole(attributes.get("min")), _whole(attributes.get("max"))
            self._columns.append((first, min(last, MAX_COLUMN), is_hidden, attributes.get("style")))
        elif tag == "filterColumn":
            self.is_filtered = True
        elif tag == "conditionalFormatting":
            self._ranges = attributes.get("sqref", "")
        elif tag in ("cfRule", "x14:cfRule"):
            dxf = attributes.get("dxfId")
            rule = Rule(
                attributes.get("type", ""), attributes.get("operator", ""), dxf=_whole(dxf) if dxf else -1
            )
            rule.ranges = _ranges(self._ranges) if tag == "cfRule" else []
            self.rules.append(rule)
        elif tag in ("dataBar", "iconSet", "x14:dataBar", "x14:iconSet"):
            if self.rules and attributes.get("showValue") in ("0", "false"):
                self.rules[-1].look = Look(is_hidden=True)
        elif tag in ("formula", "xm:f", "xm:sqref"):
            self.runs.chars.clear()
        elif self.rules and "x14:dxf" in path:
            self.rules[-1].look = _look(self.rules[-1].look or Look(), tag, attributes)

    def end(self, name: str) -> None:
        path = self._path
        tag = path.pop()
        depth = len(path)
        if self._cell is not None:
            if depth == 3:
                self._close_cell(self._cell)
                self._cell = None
            elif depth == 4 and tag == "v":
                self._value = "".join(self.runs.chars)
            elif depth == 4 and tag == "f":
                self._formula = "".join(self.runs.chars)
            elif depth > 4 and path[4] == "is":
                self.runs.end(tag)
        elif tag == "row":
            self._check_size()
        elif tag in ("formula", "xm:f") and self.rules and path[-1:] and path[-1].endswith("cfRule"):
            self.rules[-1].formulas.append("".join(self.runs.chars))
        elif tag == "xm:sqref":
            for rule in reversed(self.rules):
                if rule.ranges:
                    break
                rule.ranges = _ranges("".join(self.runs.chars))

    def _refuse(self, message: str) -> None:
        raise Refused(self._file, self._title, message)

    def hidden_columns(self, width: int) -> set[int]:
        """Columns of the used width that nobody sees."""
        found: set[int] = set()
        said: set[int] = set()
        for first, last, is_hidden, _ in self._columns:
            own = range(max(first, 1), min(last, width) + 1)
            said.update(own)
            if is_hidden:
                found.update(own)
        return found | (set(range(1, width + 1)) - said if self._hides_columns else set())

    def _open_row(self, attributes: Attributes) -> None:
        text = attributes.get("r")
        self._row = _whole(text) if text else self._row + 1
        height = attributes.get("ht")
        if attributes.get("hidden", "1" if self._hides_rows and not height else "0") in TRUE or _is_nought(
            height
        ):
            self.hidden_rows.add(self._row)
        self._row_style = attributes.get("s") if attributes.get("customFormat") in TRUE else None
        self._row_text, self._column = str(self._row), 0
        if not 1 <= self._row <= MAX_ROW:
            raise Refused(self._file, self._title, f"has a row {text or self._row}, which no sheet has")

    def _close_cell(self, cell: Attributes) -> None:
        place = cell.get("r")
        if place:
            letters = place.rstrip("0123456789")
            column = COLUMN[letters]
            if not column or place[len(letters) :] != self._row_text:
                raise Refused(self._file, f"{self._title}!{place}", f"stands in row {self._row_text}")
        else:
            column = self._column + 1
        if not self._row:
            raise Refused(self._file, self._title, "has a cell outside of its rows")
        self._column = column
        text = self._text(cell)
        if not text:
            return
        if column > self._high_column:
            self._high_column = column
            self._check_size()
        row = self.rows.get(self._row)
        if row is None:
            row = self.rows[self._row] = []
        if len(row) >= column:
            if row[column - 1]:
                place = f"{self._title}!R{self._row}C{column}"
                raise Refused(self._file, place, "stands twice in the sheet", row[column - 1])
            row[column - 1] = text
            return
        if len(row) < column - 1:
            row.extend([""] * (column - 1 - len(row)))
        row.append(text)

    def _text(self, cell: Attributes) -> str:
        kind, value = cell.get("t"), self._value
        if kind == "s" and value:
            place = _whole(value.strip())
            if place >= len(self._reader.strings):
                raise Refused(
                    self._file, f"{self._title}!{cell.get('r', '')}", "names a text that is missing"
                )
            return self._styled(cell, self._reader.strings[place])
        if kind == "e":
            text = value or self.runs.take()
            return text if text.startswith("#") else f"#ERROR {text}".strip()
        if self._is_formula and value is None and not self.runs.pieces:
            return UNCOMPUTED
        if kind is None or kind == "n":
            if value and not (self._is_formula and self._reader.is_uncomputed and value.strip() == "0"):
                return self._computed(value, self._number(cell, value))
            return UNCOMPUTED if self._is_formula else ""
        if kind == "b":
            return {"1": "True", "0": "False"}.get((value or "").strip(), value or "")
        if value is not None and kind != "inlineStr":
            return self._computed("", self._styled(cell, unescaped(value)))
        return self._styled(cell, self.runs.take_struck() or unescaped(value or ""))

    def _number(self, cell: Attributes, value: str) -> str:
        style, other = cell.get("s"), self._inherited(cell)
        text = self._reader.number(value, style)
        if text.endswith(STRUCK):
            self.struck[self._row, self._column] = value
        if other and (seen := self._reader.number(value, other)) != text:
            return unread(text, f"(or {seen}, in the style of its row or column)")
        return text

    def _styled(self, cell: Attributes, held: str | Pieces) -> str:
        text, gone = self._reader.style(cell.get("s")).text(held)
        if other := self._inherited(cell):
            seen, also = self._reader.style(other).text(held)
            gone = gone or also
            if seen != text:
                text = unread(text, f"(or {seen}, in the style of its row or column)")
        if gone:
            self.struck[self._row, self._column] = gone
        return text

    def _inherited(self, cell: Attributes) -> str | None:
        """Style of the row or column of a cell without one: some programs show it so, others do not."""
        if "s" in cell or not (self._row_style or self._columns):
            return None
        place = self._column
        if place not in self._column_styles:
            own = (style for first, last, _, style in self._columns if first <= place <= last)
            self._column_styles[place] = next(own, None)
        return self._row_style or self._column_styles[place]

    def _computed(self, value: str, text: str) -> str:
        """What a formula stored, once it is told from what it gives when the workbook is opened."""
        if not (self._is_formula and self._reader.is_uncomputed and text):
            return text
        now = constant(self._formula)
        if now is None or not NUMBER.fullmatch(value):
            self.doubts[self._row, self._column] = STALE
        elif not math.isclose(now, float(value), rel_tol=1e-9, abs_tol=1e-9):
            return unread(text, f"is stored for ={self._formula.strip()}, which gives {now:.12g}")
        return text

    def _merge(self, text: str) -> None:
        found = RANGE.fullmatch(text)
        if found and found[3]:
            self.merges.append((int(found[2]), COLUMN[found[1]], int(found[4]), COLUMN[found[3]]))

    @property
    def n_cells(self) -> int:
        """Cells of the rows that hold something: one that stands far below the others adds its row alone."""
        return len(self.rows) * self._high_column

    def _check_size(self) -> None:
        if self.n_cells > MAX_CELLS - self._reader.n_cells:
            message = (
                f"spans {len(self.rows)} x {self._high_column} cells; at most {MAX_CELLS} cells are read"
            )
            if self._reader.n_cells:
                message += f" of all sheets, and those before it have {self._reader.n_cells}"
            raise Refused(self._file, self._title, message)
