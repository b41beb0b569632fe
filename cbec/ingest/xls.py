"""Workbooks of the old .xls kind: a library reads the cells, and their records say what it leaves out.

It gives errors as empty cells, numbers and texts without their formats, texts without raised and struck
runs, and hidden rows and columns as any other. No library of the lock file tells these, so that the few
records which do are read here (names as in [MS-XLS] and [MS-CFB]).
"""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

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
    sheet_warnings,
    unread,
    used_merges,
)  # fmt: skip
from cbec.ingest.conditional import DOUBT
from cbec.ingest.formats import codes_of, printed
from cbec.ingest.problems import Problem
from cbec.ingest.workbook import PLAIN, STALE, Pieces, Style
from cbec.ingest.xls_password import decrypted, is_encrypted

ERRORS = {0: "#NULL!", 7: "#DIV/0!", 15: "#VALUE!", 23: "#REF!", 29: "#NAME?", 36: "#NUM!", 42: "#N/A"}
BOF, EOF, FILE_PASS, BOUND_SHEET, FONT, FORMAT, XF, SST, CONTINUE, DATE_1904 = (
    0x809, 0x0A, 0x2F, 0x85, 0x31, 0x41E, 0xE0, 0xFC, 0x3C, 0x22,
)  # fmt: skip
DIMENSIONS, BLANK, MUL_BLANK, LABEL, RICH_LABEL = 0x200, 0x201, 0xBE, 0x204, 0xD6
NUMBER, RK, MUL_RK, FORMULA, BOOL_ERR, LABEL_SST = 0x203, 0x27E, 0xBD, 0x06, 0x205, 0xFD
STRING, UNCALCED, ROW, COLUMN_INFO, DEFAULT_ROW, FILTER_MODE, CONDITIONS, CONDITION, CONDITION_12 = (
    0x207, 0x5E, 0x208, 0x7D, 0x225, 0x9B, 0x1B0, 0x1B1, 0x87A,
)  # fmt: skip
CELLS = {BLANK, MUL_BLANK, LABEL, RICH_LABEL, NUMBER, RK, MUL_RK, FORMULA, BOOL_ERR, LABEL_SST}
MAX_COLUMN = 256
END_OF_CHAIN = 0xFFFFFFFA

Texts = dict[tuple[int, int], str]


@dataclass
class _Unseen:
    """What the library does not say of a sheet, by row and column from 1.

    texts: cells that are not what it says; styled: styles of texts that may be shown otherwise; runs: texts
    of which runs are struck through, with their style; areas: of conditional formats that may show another
    figure.
    """

    texts: Texts = field(default_factory=dict)
    styled: dict[tuple[int, int], Style] = field(default_factory=dict)
    runs: dict[tuple[int, int], tuple[Pieces, Style]] = field(default_factory=dict)
    doubts: Texts = field(default_factory=dict)
    hidden_rows: set[int] = field(default_factory=set)
    hidden_columns: set[int] = field(default_factory=set)
    is_filtered: bool = False
    areas: list[tuple[int, int, int, int]] = field(default_factory=list)


class _Protected(Exception):
    """The workbook is encrypted."""


def read_xls(file: File) -> Book:
    """Sheets of a workbook in the order of its tabs. Raises Refused with place and reason."""
    import python_calamine as calamine

    # Before the library, which takes the memory that a broken file asks for.
    data = file.data
    try:
        stream, extents = _workbook_stream(data)
        if is_encrypted(stream):
            clear = decrypted(stream)
            if clear is None:
                raise _Protected
            data, stream = _with_stream(data, clear, extents), clear
        texts = _Records(stream).texts()
    except _Protected:
        raise Refused(file.name, "", "is protected by a password; save it without one") from None
    except (struct.error, ValueError, IndexError) as error:
        raise Refused(file.name, "", f"is broken or truncated: {error}") from None
    try:
        workbook = calamine.CalamineWorkbook.from_filelike(io.BytesIO(data))
        metadata = workbook.sheets_metadata
    except BaseException as error:
        # A reader in Rust can panic on broken bytes; that arrives as a BaseException.
        if isinstance(error, KeyboardInterrupt | SystemExit | MemoryError):
            raise
        raise Refused(file.name, "", f"cannot be read as a workbook: {error}") from None
    if len(texts) != len(metadata):
        raise Refused(
            file.name, "", f"is broken: {len(texts)} sheets are not the {len(metadata)} of its list"
        )
    sheets, warnings = [], []
    for entry, unseen in zip(metadata, texts, strict=True):
        if entry.typ != calamine.SheetTypeEnum.WorkSheet:
            continue
        if entry.visible != calamine.SheetVisibleEnum.Visible:
            warnings.append(hidden(file.name, entry.name))
        try:
            sheet, said = _sheet(file.name, workbook.get_sheet_by_name(entry.name), unseen)
            sheets.append(sheet)
            warnings += said
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt | SystemExit | MemoryError | Refused):
                raise
            raise Refused(file.name, entry.name, f"cannot be read: {error}") from None
    if not sheets:
        raise Refused(file.name, "", "has no worksheet")
    return Book(file, tuple(sheets), "workbook", tuple(warnings))


def _sheet(file: str, sheet: Any, unseen: _Unseen) -> tuple[Sheet, list[Problem]]:
    """Cells as the library reads them, but for those whose records say more; and what nobody sees of them."""
    first_row, first_column = sheet.start or (0, 0)
    rows: dict[int, list[str]] = {}
    for number, row in enumerate(sheet.to_python(skip_empty_area=True), first_row + 1):
        if any(cell != "" for cell in row):
            rows[number] = [""] * first_column
            rows[number] += (printed(c) if isinstance(c, float) else str(c) for c in row)
    struck: Texts = {}

    def put(place: tuple[int, int], text: str) -> None:
        held = rows.setdefault(place[0], [])
        held.extend([""] * (place[1] - len(held)))
        held[place[1] - 1] = text

    for place, text in unseen.texts.items():
        put(place, text)
        if text.endswith(STRUCK):
            struck[place] = text
    for place, style in unseen.styled.items():
        row = rows.get(place[0], [])
        if place not in unseen.runs and place[1] <= len(row) and row[place[1] - 1]:
            text, gone = style.text(row[place[1] - 1])
            put(place, text)
            if gone:
                struck[place] = gone
    for place, (pieces, style) in unseen.runs.items():
        text, gone = style.text(pieces)
        put(place, text)
        if gone:
            struck[place] = gone
    width = max((len(row) for row in rows.values()), default=0)
    merges = [(r0 + 1, c0 + 1, r1 + 1, c1 + 1) for (r0, c0), (r1, c1) in (sheet.merged_cell_ranges or ())]
    used = used_merges(file, sheet.name, merges, rows, width)
    used, covered = cover(rows, used)
    for r0, c0, r1, c1 in unseen.areas:
        for number in sorted(rows) if r1 - r0 > len(rows) else range(r0, r1 + 1):
            row = rows.get(number, []) if r0 <= number <= r1 else []
            unseen.doubts.update(
                ((number, c), DOUBT) for c in range(c0, min(c1, len(row)) + 1) if row[c - 1].strip()
            )
    said = sheet_warnings(
        file, sheet.name, rows, covered=covered, struck=struck, hidden_rows=unseen.hidden_rows,
        hidden_columns=unseen.hidden_columns, is_filtered=unseen.is_filtered, doubts=unseen.doubts,
    )  # fmt: skip
    padded = tuple((n, (*rows[n], *[""] * (width - len(rows[n])))) for n in sorted(rows) if any(rows[n]))
    return Sheet(sheet.name, padded, used, doubts=unseen.doubts), said


def _with_stream(data: bytes, stream: bytes, extents: list[tuple[int, int]]) -> bytes:
    """A compound file with another stream of records of the same length in its places."""
    out, place = bytearray(data), 0
    for start, length in extents:
        out[start : start + length] = stream[place : place + length]
        place += length
    return bytes(out)


def _workbook_stream(data: bytes) -> tuple[bytes, list[tuple[int, int]]]:
    """The stream of records in the compound file around it, and where its pieces lie: start and length."""
    shift, mini_shift = struct.unpack_from("<HH", data, 30)
    n_tables, first_entry, _, cutoff, first_mini, n_mini, more, n_more = struct.unpack_from("<8I", data, 44)
    n_sectors = len(data) >> shift
    if shift not in (9, 12) or mini_shift != 6 or max(n_tables, n_mini, n_more) > n_sectors:
        raise ValueError("its header is no header of a compound file")

    def sector(number: int) -> bytes:
        return data[(number + 1) << shift : (number + 2) << shift]

    def numbers(block: bytes) -> list[int]:
        return [n for (n,) in struct.iter_unpack("<I", block[: len(block) // 4 * 4])]

    def chain(table: list[int], number: int) -> Iterator[int]:
        for _ in range(len(table)):
            if number >= END_OF_CHAIN:
                return
            yield number
            number = table[number]

    tables = numbers(data[76:512])
    for _ in range(n_sectors):
        if more >= END_OF_CHAIN:
            break
        *part, more = numbers(sector(more))
        tables += part
    fat = [n for table in tables if table < END_OF_CHAIN for n in numbers(sector(table))]

    def stream(start: int) -> bytes:
        return b"".join(map(sector, chain(fat, start)))

    def pieces(places: list[int], width: int, size: int) -> tuple[bytes, list[tuple[int, int]]]:
        extents = [(p, min(width, size - n * width)) for n, p in enumerate(places) if n * width < size]
        return b"".join(data[p : p + n] for p, n in extents), extents

    entries = stream(first_entry)
    root: list[int] = []
    for place in range(0, len(entries) - 127, 128):
        entry = entries[place : place + 128]
        (length,), kind, (start, size) = (
            struct.unpack_from("<H", entry, 64), entry[66], struct.unpack_from("<II", entry, 116)
        )  # fmt: skip
        if kind == 5:
            root = [(n + 1) << shift for n in chain(fat, start)]
        name = entry[: max(length - 2, 0)].decode("utf-16-le", errors="replace").lower()
        if kind == 2 and name == "encryptedpackage":
            raise _Protected
        if kind == 2 and name in ("workbook", "book"):
            if size > len(data):
                raise ValueError("its workbook is larger than the file")
            if size >= cutoff:
                return pieces([(n + 1) << shift for n in chain(fat, start)], 1 << shift, size)
            small = [n << mini_shift for n in chain(numbers(stream(first_mini)), start)]
            width = (1 << shift) - 1
            held = [root[n >> shift] + (n & width) for n in small if n >> shift < len(root)]
            return pieces(held, 1 << mini_shift, size)
    raise ValueError("it holds no workbook")


class _Records:
    """Facts of the records of a workbook that the library leaves out."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._is_wide = struct.unpack_from("<H", data, 4)[0] >= 0x600
        self._is_1904 = False
        self._codes: dict[int, str] = {}
        self._fonts: list[tuple[bool, bool]] = []
        # Font, format, parent, and whether the font is not the parent's.
        self._styles: list[tuple[int, int, int, bool]] = []
        self._marked: dict[int, str | Pieces] = {}
        self._shown: dict[int, Style] = {}
        # Of the sheets read so far.
        self._n_cells = 0

    def texts(self) -> list[_Unseen]:
        """What the library does not say, for each sheet."""
        offsets: list[int] = []
        strings: list[bytes] = []
        before = 0
        for kind, body in self._records(0):
            if kind == FILE_PASS:
                raise _Protected
            if kind == BOUND_SHEET:
                offsets.append(struct.unpack_from("<I", body)[0])
            elif kind == FONT:
                # Raised or lowered; struck through.
                options, raising = struct.unpack_from("<H", body, 2)[0], struct.unpack_from("<H", body, 8)[0]
                self._fonts.append((raising in (1, 2), bool(options & 8)))
            elif kind == FORMAT:
                self._codes[struct.unpack_from("<H", body)[0]] = self._code(body)
            elif kind == XF:
                font, code, options = struct.unpack_from("<HHH", body)
                used = body[9] if self._is_wide else body[7]
                self._styles.append((font, code, options >> 4, bool(options & 4) or bool(used >> 2 & 2)))
            elif kind == DATE_1904:
                self._is_1904 = body[:1] == b"\1"
            elif kind == SST or (kind == CONTINUE and before == SST):
                strings.append(body)
                kind = SST
            before = kind
        if strings:
            self._marked = _marked(strings, self._font)
        return [self._sheet(offset) for offset in offsets]

    def _records(self, offset: int) -> Iterator[tuple[int, bytes]]:
        """Records of one part of the stream, without those of the charts inside it."""
        depth = 0
        while True:
            kind, length = struct.unpack_from("<HH", self._data, offset)
            body = self._data[offset + 4 : offset + 4 + length]
            if len(body) < length:
                raise ValueError("its records end early")
            offset += 4 + length
            if kind == BOF:
                depth += 1
            elif kind == EOF:
                depth -= 1
                if depth <= 0:
                    return
            elif depth == 1:
                yield kind, body

    def _code(self, body: bytes) -> str:
        if not self._is_wide:
            return body[3 : 3 + body[2]].decode("gb18030", errors="replace")
        text = body[5:]
        return text.decode("utf-16-le") if body[4] & 1 else text.decode("latin-1")

    def _font(self, font: int) -> tuple[bool, bool]:
        # Font 4 is left out of the list.
        place = font - (font > 4)
        return self._fonts[place] if place < len(self._fonts) else (False, False)

    def _style(self, number: int) -> Style:
        known = self._shown.get(number)
        if known is None:
            font, code, parent, has_own = self._styles[number]
            is_raised, is_struck = self._font(font)
            if not has_own and parent < len(self._styles):
                # Programs differ in whether such a font is the cell's or that of its named style.
                is_struck |= self._font(self._styles[parent][0])[1]
            known = self._shown[number] = Style(*codes_of(code, self._codes), is_raised, is_struck)
        return known

    def _sheet(self, offset: int) -> _Unseen:
        unseen = _Unseen()
        found = unseen.texts
        is_stale = False

        def number(row: int, column: int, style: int, value: float) -> None:
            look = self._style(style)
            if look != PLAIN:
                found[row + 1, column + 1] = look.number(repr(value), is_1904=self._is_1904)

        def text(row: int, column: int, style: int) -> None:
            look = self._style(style)
            if look.is_struck or look.text_code or look.is_raised:
                unseen.styled[row + 1, column + 1] = look

        low, high, width = 1 << 16, 0, 0
        areas: list[tuple[int, ...]] = []
        for kind, body in self._records(offset):
            if kind == DIMENSIONS and self._is_wide:
                # The library makes room for what is promised here.
                first, last, left, right = struct.unpack_from("<IIHH", body)
                if not (first <= last <= 1 << 16 and left <= right <= MAX_COLUMN):
                    raise ValueError("a sheet promises more rows or columns than there can be")
            if kind in CELLS:
                row, column = struct.unpack_from("<HH", body)
                if kind in (MUL_RK, MUL_BLANK):
                    column = max(column, struct.unpack_from("<H", body, len(body) - 2)[0])
                low, high, width = min(low, row), max(high, row), max(width, column + 1)
                if width > MAX_COLUMN or (high - low + 1) * width > MAX_CELLS - self._n_cells:
                    raise ValueError(
                        f"a sheet spans {high - low + 1} x {width} cells; at most {MAX_CELLS} of all sheets"
                    )
            if kind == NUMBER:
                number(*struct.unpack_from("<HHHd", body))
            elif kind == RK:
                row, column, style, packed = struct.unpack_from("<HHHI", body)
                number(row, column, style, _unpacked(packed))
            elif kind == MUL_RK:
                row, first = struct.unpack_from("<HH", body)
                for n in range((len(body) - 6) // 6):
                    style, packed = struct.unpack_from("<HI", body, 4 + 6 * n)
                    number(row, first + n, style, _unpacked(packed))
            elif kind == BOOL_ERR:
                row, column, _, value, is_error = struct.unpack_from("<HHHBB", body)
                if is_error:
                    found[row + 1, column + 1] = ERRORS.get(value, "#ERROR")
            elif kind == FORMULA:
                row, column, style = struct.unpack_from("<HHH", body)
                result, flags = body[6:14], struct.unpack_from("<H", body, 14)[0]
                if result[6:] != b"\xff\xff":
                    value = struct.unpack("<d", result)[0]
                    # A nought that is to be computed when the workbook is opened was never computed.
                    if value == 0 and flags & 2:
                        found[row + 1, column + 1] = UNCOMPUTED
                    else:
                        number(row, column, style, value)
                elif result[0] == 2:
                    found[row + 1, column + 1] = ERRORS.get(result[2], "#ERROR")
                elif result[0] == 3:
                    found[row + 1, column + 1] = UNCOMPUTED
                else:
                    text(row, column, style)
                if (flags & 3 or is_stale) and (row + 1, column + 1) not in unseen.doubts:
                    self._doubt(unseen, (row + 1, column + 1), body, is_wide=self._is_wide)
            elif kind in (LABEL, RICH_LABEL):
                row, column, style = struct.unpack_from("<HHH", body)
                text(row, column, style)
                if kind == RICH_LABEL and any(self._font(font)[1] for font in self._fonts_of(body)):
                    unseen.styled[row + 1, column + 1] = self._style(style)._replace(is_struck=True)
            elif kind == LABEL_SST:
                row, column, style, place = struct.unpack_from("<HHHI", body)
                text(row, column, style)
                held = self._marked.get(place)
                if isinstance(held, str):
                    found[row + 1, column + 1] = held
                elif held is not None:
                    unseen.runs[row + 1, column + 1] = (held, self._style(style))
            elif kind == UNCALCED:
                is_stale = True
            elif kind == ROW and len(body) >= 14:
                row, height, options = (struct.unpack_from("<H", body, at)[0] for at in (0, 6, 12))
                if options & 0x20 or not height:
                    unseen.hidden_rows.add(row + 1)
            elif kind == COLUMN_INFO and len(body) >= 10:
                first_column, last_column, column_width, _, options = struct.unpack_from("<5H", body)
                if options & 1 or not column_width:
                    unseen.hidden_columns.update(range(first_column + 1, min(last_column, MAX_COLUMN) + 2))
            elif kind == FILTER_MODE:
                unseen.is_filtered = True
            elif kind == CONDITIONS and len(body) >= 14:
                n_areas = struct.unpack_from("<H", body, 12)[0]
                areas = [struct.unpack_from("<4H", body, 14 + 8 * k) for k in range(n_areas)]
            elif (kind == CONDITION and _changes_figures(body)) or (
                # Of the newer kind the records have no such order; what they change is not looked for.
                kind == CONDITION_12 and areas
            ):
                unseen.areas += [(r0 + 1, c0 + 1, r1 + 1, c1 + 1) for r0, r1, c0, c1 in areas]
        self._n_cells += max(high - low + 1, 0) * width
        return unseen

    def _doubt(self, unseen: _Unseen, place: tuple[int, int], body: bytes, *, is_wide: bool) -> None:
        """Of a formula that is computed anew when the workbook is opened: what it stores is doubted, or is
        not what its constants give."""
        value = struct.unpack_from("<d", body, 6)[0] if body[12:14] != b"\xff\xff" else None
        now = _constant(body[20:]) if is_wide else None
        if now is None or value is None:
            unseen.doubts[place] = STALE
        elif not math.isclose(now, value, rel_tol=1e-9, abs_tol=1e-9):
            held = unseen.texts.get(place, printed(value))
            unseen.texts[place] = unread(held, f"is stored for a formula that gives {now:.12g}")

    def _fonts_of(self, body: bytes) -> list[int]:
        """Fonts of the runs of a text that stands in its cell."""
        count = struct.unpack_from("<H", body, 6)[0]
        if self._is_wide:
            at = 9 + (count << (body[8] & 1))
            n = struct.unpack_from("<H", body, at)[0]
            return [struct.unpack_from("<HH", body, at + 2 + 4 * k)[1] for k in range(n)]
        at = 8 + count
        return [body[at + 2 + 2 * k] for k in range(body[at])]


def _unpacked(packed: int) -> float:
    if packed & 2:
        value = float(struct.unpack("<i", struct.pack("<I", packed & 0xFFFFFFFC))[0] >> 2)
    else:
        value = struct.unpack("<d", b"\0\0\0\0" + struct.pack("<I", packed & 0xFFFFFFFC))[0]
    return value / 100 if packed & 1 else value


def _changes_figures(body: bytes) -> bool:
    """True for a conditional format with a number format of its own or a font that is struck through."""
    options = struct.unpack_from("<I", body, 6)[0]
    has_number, has_font = options >> 25 & 1, options >> 26 & 1
    if has_number or not has_font:
        return bool(has_number)
    # Behind the options: name of the font in 64 bytes, its height, what is set of its style.
    return len(body) < 84 or bool(struct.unpack_from("<I", body, 80)[0] & 0x80)


def _constant(formula: bytes) -> float | None:
    """What a formula of numbers and their arithmetic alone gives; None for another one."""
    (length,) = struct.unpack_from("<H", formula)
    place, stop, stack = 2, 2 + length, list[float]()
    try:
        while place < stop:
            kind = formula[place]
            if kind == 0x1E:
                stack.append(float(struct.unpack_from("<H", formula, place + 1)[0]))
                place += 3
            elif kind == 0x1F:
                stack.append(struct.unpack_from("<d", formula, place + 1)[0])
                place += 9
            elif kind in (0x12, 0x13, 0x15):
                stack[-1] *= -1 if kind == 0x13 else 1
                place += 1
            elif kind in (3, 4, 5, 6):
                two, one = stack.pop(), stack.pop()
                stack.append((one + two, one - two, one * two, two and one / two)[kind - 3])
                place += 1
            else:
                return None
    except (IndexError, struct.error, OverflowError):
        return None
    return stack[0] if len(stack) == 1 else None


def _marked(strings: list[bytes], font_of: Callable[[int], tuple[bool, bool]]) -> dict[int, str | Pieces]:
    """Shared texts that hold raised or struck runs, by their place. strings: a record and those that continue
    it; font_of: whether a font is raised, and struck through."""
    found: dict[int, str | Pieces] = {}
    record, place = 0, 8

    def take(length: int) -> bytes:
        nonlocal record, place
        taken = b""
        while length:
            if place >= len(strings[record]):
                record, place = record + 1, 0
            piece = strings[record][place : place + length]
            place, length, taken = place + len(piece), length - len(piece), taken + piece
        return taken

    def characters(count: int, is_wide: bool) -> str:
        """A text goes on in the next record behind a byte that says anew how wide its characters are."""
        nonlocal record, place
        taken = ""
        while count:
            if place >= len(strings[record]):
                record, place = record + 1, 1
                is_wide = bool(strings[record][0] & 1)
            n = min(count, (len(strings[record]) - place) >> is_wide)
            if not n:
                raise ValueError("a text is cut")
            piece = strings[record][place : place + (n << is_wide)]
            taken += piece.decode("utf-16-le", errors="replace") if is_wide else piece.decode("latin-1")
            place, count = place + len(piece), count - n
        return taken

    n_texts = struct.unpack_from("<I", strings[0], 4)[0]
    if n_texts > sum(map(len, strings)) // 3:
        raise ValueError("it promises more texts than it has bytes for")
    for number in range(n_texts):
        count, flags = struct.unpack("<HB", take(3))
        n_runs = struct.unpack("<H", take(2))[0] if flags & 8 else 0
        n_more = struct.unpack("<I", take(4))[0] if flags & 4 else 0
        text = characters(count, bool(flags & 1))
        runs = [struct.unpack("<HH", take(4)) for _ in range(n_runs)]
        take(n_more)
        fonts = [font_of(font) for _, font in runs]
        if any(is_raised or is_struck for is_raised, is_struck in fonts):
            stops = [start for start, _ in runs[1:]] + [len(text)]
            pieces: list[tuple[str, bool | None]] = [(text[: runs[0][0]], None)]
            for (start, _), stop, (is_raised, is_struck) in zip(runs, stops, fonts, strict=True):
                piece = text[start:stop]
                pieces.append((piece.translate(RAISED) if is_raised else piece, is_struck))
            has_struck = any(is_struck for _, is_struck in pieces)
            found[number] = tuple(pieces) if has_struck else "".join(piece for piece, _ in pieces)
    return found
