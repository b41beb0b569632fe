"""Workbooks of the .xlsx family, read from their XML: parts found by relationship, cells as they are shown.

A reader of tables gives an error, a formula that was never computed and a number shown as per cent as if
they were an empty cell and another number. Here each cell keeps what it says of itself.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections import Counter
from collections.abc import Callable
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
    hidden,
    open_zip,
    unescaped,
    used_merges,
)  # fmt: skip
from cbec.ingest.formats import GENERAL, code_of, shown

MAX_ROW, MAX_COLUMN, MAX_NAMES = 2**20, 2**14, 10_000
NUMBER = re.compile(r"\s*[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?\s*")
RANGE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})(?::([A-Z]{1,3})([0-9]{1,7}))?")
TRUE = ("1", "true")
RAISING = ("superscript", "subscript")

Attributes = dict[str, str]
Start = Callable[[str, Attributes], None]
End = Callable[[str], None]


class _Locals(dict[str, str]):
    """Names without their prefix, which a program may choose; each is looked at once."""

    def __missing__(self, name: str) -> str:
        if len(self) > MAX_NAMES:
            self.clear()
        self[name] = name.rpartition(":")[2]
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


LOCAL, COLUMN = _Locals(), _Columns()


def read_xlsx(file: File) -> Book:
    """Sheets of a workbook in the order of its tabs. Raises Refused with place and reason."""
    with open_zip(file.name, file.data) as archive:
        package = _Package(file.name, archive)
        book = package.office_document()
        names: list[tuple[str, str, str]] = []
        is_1904 = is_uncomputed = False

        def start(name: str, attributes: Attributes) -> None:
            nonlocal is_1904, is_uncomputed
            if LOCAL[name] == "sheet":
                # The prefix of r:id may be any; no other attribute is called so.
                link = next((v for k, v in attributes.items() if ":" in k and LOCAL[k] == "id"), "")
                names.append((attributes.get("name", ""), link, attributes.get("state", "visible")))
            elif LOCAL[name] == "workbookPr":
                is_1904 = attributes.get("date1904") in TRUE
            elif LOCAL[name] == "calcPr":
                is_uncomputed = attributes.get("fullCalcOnLoad") in TRUE

        package.parse(book, start)
        links = package.relations(book)
        by_kind = dict(links.values())
        reader = _Reader(package, is_1904, is_uncomputed)
        if "sharedStrings" in by_kind:
            reader.strings = _strings(package, by_kind["sharedStrings"])
        if "styles" in by_kind:
            reader.styles = _styles(package, by_kind["styles"])
        sheets, warnings = [], []
        for title, link, state in names:
            kind, part = links.get(link, ("", ""))
            if not part:
                raise Refused(file.name, title, "is named by the workbook but is not in it")
            if kind != "worksheet":
                continue
            if state != "visible":
                warnings.append(hidden(file.name, title))
            sheets.append(reader.sheet(title, part))
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
        parser = expat.ParserCreate()
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
        self.pieces: list[str] = []
        self._is_raised = self._is_reading = False

    def start(self, tag: str, attributes: Attributes) -> None:
        if tag == "t":
            self.chars.clear()
        elif tag == "r":
            self._is_raised = False
        elif tag == "vertAlign":
            self._is_raised = attributes.get("val") in RAISING
        elif tag == "rPh":
            self._is_reading = True

    def end(self, tag: str) -> None:
        if tag == "t" and not self._is_reading:
            text = "".join(self.chars)
            self.pieces.append(text.translate(RAISED) if self._is_raised else text)
        elif tag == "r":
            self._is_raised = False
        elif tag == "rPh":
            self._is_reading = False

    def take(self) -> str:
        text = "".join(self.pieces)
        self.pieces.clear()
        return unescaped(text)


def _strings(package: _Package, part: str) -> list[str]:
    found: list[str] = []
    runs = _Runs()

    def start(name: str, attributes: Attributes) -> None:
        tag = LOCAL[name]
        if tag == "si":
            runs.pieces.clear()
        else:
            runs.start(tag, attributes)

    def end(name: str) -> None:
        tag = LOCAL[name]
        if tag != "si":
            runs.end(tag)
            return
        found.append(runs.take())
        if len(found) > MAX_CELLS:
            raise Refused(package.file, part, f"holds more than {MAX_CELLS} texts")

    package.parse(part, start, end, runs.chars.append)
    return found


def _styles(package: _Package, part: str) -> list[tuple[str, bool, bool]]:
    """Number format of each style of cells ('' prints the number), and whether its font is raised or struck
    through."""
    codes: dict[int, str] = {}
    raised: list[bool] = []
    struck: list[bool] = []
    styles: list[tuple[int, int]] = []
    within: list[str] = []

    def start(name: str, attributes: Attributes) -> None:
        tag = LOCAL[name]
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
        elif tag == "xf" and parent == "cellXfs":
            styles.append((_whole(attributes.get("numFmtId")), _whole(attributes.get("fontId"))))

    def end(_: str) -> None:
        within.pop()

    package.parse(part, start, end)
    marks = [*zip(raised, struck, strict=True)]
    return [
        (code_of(number, codes), *(marks[font] if font < len(marks) else (False, False)))
        for number, font in styles
    ]


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


class _Reader:
    """Reads the sheets of one workbook; texts of numbers are made once."""

    def __init__(self, package: _Package, is_1904: bool, is_uncomputed: bool) -> None:
        self._package = package
        self._is_1904 = is_1904
        # The workbook is to be computed when it is opened: some programs store a nought for every formula.
        self.is_uncomputed = is_uncomputed
        self.strings: list[str] = []
        self.styles: list[tuple[str, bool, bool]] = []
        # Of the sheets read so far.
        self.n_cells = 0
        self._numbers: dict[tuple[str | None, str], str] = {}

    def sheet(self, title: str, part: str) -> Sheet:
        cells = _Cells(self, self._package.file, title)
        self._package.parse(part, cells.start, cells.end, cells.runs.chars.append)
        rows = cells.rows
        self.n_cells += cells.n_cells
        width = max((len(row) for row in rows.values()), default=0)
        padded = tuple((n, (*rows[n], *[""] * (width - len(rows[n])))) for n in sorted(rows))
        merges = used_merges(self._package.file, title, cells.merges, rows, width)
        return Sheet(title, padded, merges, comments=self._comments(part))

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
            known = text
            code, is_raised, is_struck = self._style(style)
            if NUMBER.fullmatch(text) and abs(value := float(text)) < float("inf"):
                known = shown(code or GENERAL, value, is_1904=self._is_1904)
            if is_struck:
                known = f"{known} {STRUCK}"
            self._numbers[style, text] = known = known.translate(RAISED) if is_raised else known
        return known

    def text(self, text: str, style: str | None) -> str:
        return text.translate(RAISED) if style and self._style(style)[1] else text

    def _style(self, style: str | None) -> tuple[str, bool, bool]:
        place = _whole(style)
        return self.styles[place] if place < len(self.styles) else ("", False, False)


class _Cells:
    """Handlers for one sheet. A row or a cell without its place stands behind the one before it."""

    def __init__(self, reader: _Reader, file: str, title: str) -> None:
        self._reader, self._file, self._title = reader, file, title
        self.rows: dict[int, list[str]] = {}
        self.merges: list[tuple[int, int, int, int]] = []
        self.runs = _Runs()
        self._row = self._column = 0
        self._row_text = "0"
        self._low_row, self._high_row, self._high_column = MAX_ROW, 0, 0
        self._cell: Attributes | None = None
        self._value: str | None = None
        self._is_formula = False

    def start(self, name: str, attributes: Attributes) -> None:
        tag = LOCAL[name]
        if tag == "c":
            self._cell, self._value, self._is_formula = attributes, None, False
            self.runs.pieces.clear()
        elif tag == "v":
            self.runs.chars.clear()
        elif tag == "f":
            self._is_formula = True
        elif tag == "row":
            self._open_row(attributes.get("r"))
        elif tag == "mergeCell":
            self._merge(attributes.get("ref", ""))
        elif self._cell is not None:
            self.runs.start(tag, attributes)

    def end(self, name: str) -> None:
        tag = LOCAL[name]
        if tag == "v":
            self._value = "".join(self.runs.chars)
        elif tag == "c":
            if self._cell is not None:
                self._close_cell(self._cell)
            self._cell = None
        elif tag == "row":
            self._check_size()
        elif self._cell is not None:
            self.runs.end(tag)

    def _open_row(self, text: str | None) -> None:
        self._row = _whole(text) if text else self._row + 1
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
        if self._row < self._low_row:
            self._low_row = self._row
        if self._row > self._high_row:
            self._high_row = self._row
        if column > self._high_column:
            self._high_column = column
            self._check_size()
        text = self._text(cell)
        if not text:
            return
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
        kind, value, style = cell.get("t"), self._value, cell.get("s")
        if kind == "s" and value:
            place = _whole(value.strip())
            if place >= len(self._reader.strings):
                raise Refused(
                    self._file, f"{self._title}!{cell.get('r', '')}", "names a text that is missing"
                )
            return self._reader.text(self._reader.strings[place], style)
        if kind == "e":
            text = value or self.runs.take()
            return text if text.startswith("#") else f"#ERROR {text}".strip()
        if self._is_formula and value is None and not self.runs.pieces:
            return UNCOMPUTED
        if kind is None or kind == "n":
            if value and not (self._is_formula and self._reader.is_uncomputed and value.strip() == "0"):
                return self._reader.number(value, style)
            return UNCOMPUTED if self._is_formula else ""
        if kind == "b":
            return {"1": "True", "0": "False"}.get((value or "").strip(), value or "")
        text = value if value is not None and kind != "inlineStr" else self.runs.take() or value or ""
        return self._reader.text(unescaped(text), style)

    def _merge(self, text: str) -> None:
        found = RANGE.fullmatch(text)
        if found and found[3]:
            self.merges.append((int(found[2]), COLUMN[found[1]], int(found[4]), COLUMN[found[3]]))

    @property
    def n_cells(self) -> int:
        """Cells from the first row that is used to the last one."""
        return max(self._high_row - self._low_row + 1, 0) * self._high_column

    def _check_size(self) -> None:
        if self.n_cells > MAX_CELLS - self._reader.n_cells:
            height = self._high_row - self._low_row + 1
            message = f"spans {height} x {self._high_column} cells; at most {MAX_CELLS} cells are read"
            if self._reader.n_cells:
                message += f" of all sheets, and those before it have {self._reader.n_cells}"
            raise Refused(self._file, self._title, message)
