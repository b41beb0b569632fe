"""Workbooks of the old .xls kind: a library reads the cells, and their records say what it leaves out.

It gives errors as empty cells, numbers without their formats and texts without raised runs. No library of the
lock file tells these, so that the few records which do are read here (names as in [MS-XLS] and [MS-CFB]).
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator
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
    hidden,
    used_merges,
)  # fmt: skip
from cbec.ingest.formats import GENERAL, code_of, printed, shown

ERRORS = {0: "#NULL!", 7: "#DIV/0!", 15: "#VALUE!", 23: "#REF!", 29: "#NAME?", 36: "#NUM!", 42: "#N/A"}
BOF, EOF, FILE_PASS, BOUND_SHEET, FONT, FORMAT, XF, SST, CONTINUE, DATE_1904 = (
    0x809, 0x0A, 0x2F, 0x85, 0x31, 0x41E, 0xE0, 0xFC, 0x3C, 0x22,
)  # fmt: skip
DIMENSIONS, BLANK, MUL_BLANK, LABEL, RICH_LABEL = 0x200, 0x201, 0xBE, 0x204, 0xD6
NUMBER, RK, MUL_RK, FORMULA, BOOL_ERR, LABEL_SST = 0x203, 0x27E, 0xBD, 0x06, 0x205, 0xFD
CELLS = {BLANK, MUL_BLANK, LABEL, RICH_LABEL, NUMBER, RK, MUL_RK, FORMULA, BOOL_ERR, LABEL_SST}
MAX_COLUMN = 256
END_OF_CHAIN = 0xFFFFFFFA

Texts = dict[tuple[int, int], str]


class _Protected(Exception):
    """The workbook is encrypted."""


def read_xls(file: File) -> Book:
    """Sheets of a workbook in the order of its tabs. Raises Refused with place and reason."""
    import python_calamine as calamine

    # Before the library, which takes the memory that a broken file asks for.
    try:
        texts = _Records(_workbook_stream(file.data)).texts()
    except _Protected:
        raise Refused(file.name, "", "is protected by a password; save it without one") from None
    except (struct.error, ValueError, IndexError) as error:
        raise Refused(file.name, "", f"is broken or truncated: {error}") from None
    try:
        workbook = calamine.CalamineWorkbook.from_filelike(io.BytesIO(file.data))
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
            sheets.append(_sheet(file.name, workbook.get_sheet_by_name(entry.name), unseen))
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt | SystemExit | MemoryError | Refused):
                raise
            raise Refused(file.name, entry.name, f"cannot be read: {error}") from None
    if not sheets:
        raise Refused(file.name, "", "has no worksheet")
    return Book(file, tuple(sheets), "workbook", tuple(warnings))


def _sheet(file: str, sheet: Any, texts: Texts) -> Sheet:
    """Cells as the library reads them, but for those whose records say more."""
    first_row, first_column = sheet.start or (0, 0)
    rows: dict[int, list[str]] = {}
    for number, row in enumerate(sheet.to_python(skip_empty_area=True), first_row + 1):
        if any(cell != "" for cell in row):
            rows[number] = [""] * first_column
            rows[number] += (printed(c) if isinstance(c, float) else str(c) for c in row)
    for (number, column), text in texts.items():
        held = rows.setdefault(number, [])
        held.extend([""] * (column - len(held)))
        held[column - 1] = text
    width = max((len(row) for row in rows.values()), default=0)
    padded = tuple((n, (*rows[n], *[""] * (width - len(rows[n])))) for n in sorted(rows))
    merges = [(r0 + 1, c0 + 1, r1 + 1, c1 + 1) for (r0, c0), (r1, c1) in (sheet.merged_cell_ranges or ())]
    return Sheet(sheet.name, padded, used_merges(file, sheet.name, merges, rows, width))


def _workbook_stream(data: bytes) -> bytes:
    """The stream of records in the compound file around it."""
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

    entries = stream(first_entry)
    root: bytes | None = None
    for place in range(0, len(entries) - 127, 128):
        entry = entries[place : place + 128]
        (length,), kind, (start, size) = (
            struct.unpack_from("<H", entry, 64), entry[66], struct.unpack_from("<II", entry, 116)
        )  # fmt: skip
        if kind == 5:
            root = stream(start)
        name = entry[: max(length - 2, 0)].decode("utf-16-le", errors="replace").lower()
        if kind == 2 and name == "encryptedpackage":
            raise _Protected
        if kind == 2 and name in ("workbook", "book"):
            if size > len(data):
                raise ValueError("its workbook is larger than the file")
            if size >= cutoff:
                return stream(start)[:size]
            small = chain(numbers(stream(first_mini)), start)
            held = root or b""
            return b"".join(held[n << mini_shift : (n + 1) << mini_shift] for n in small)[:size]
    raise ValueError("it holds no workbook")


class _Records:
    """Facts of the records of a workbook that the library leaves out."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._is_wide = struct.unpack_from("<H", data, 4)[0] >= 0x600
        self._is_1904 = False
        self._codes: dict[int, str] = {}
        self._fonts: list[tuple[bool, bool]] = []
        self._styles: list[tuple[int, int]] = []
        self._marked: dict[int, str] = {}
        self._shown: dict[int, tuple[str, bool, bool]] = {}
        # Of the sheets read so far.
        self._n_cells = 0

    def texts(self) -> list[Texts]:
        """For each sheet: cells, by row and column from 1, that are not what the library says."""
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
                self._styles.append(struct.unpack_from("<HH", body))
            elif kind == DATE_1904:
                self._is_1904 = body[:1] == b"\1"
            elif kind == SST or (kind == CONTINUE and before == SST):
                strings.append(body)
                kind = SST
            before = kind
        if strings:
            self._marked = _marked(strings, self._is_raised)
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

    def _is_raised(self, font: int) -> bool:
        return self._font(font)[0]

    def _style(self, number: int) -> tuple[str, bool, bool]:
        """Number format of a style ('' prints the number); whether its font is raised, or struck through."""
        known = self._shown.get(number)
        if known is None:
            font, code_number = self._styles[number]
            known = self._shown[number] = (code_of(code_number, self._codes), *self._font(font))
        return known

    def _sheet(self, offset: int) -> Texts:
        found: Texts = {}

        def number(row: int, column: int, style: int, value: float) -> None:
            code, is_raised, is_struck = self._style(style)
            if code or is_raised or is_struck:
                text = shown(code or GENERAL, value, is_1904=self._is_1904)
                text = f"{text} {STRUCK}" if is_struck else text
                found[row + 1, column + 1] = text.translate(RAISED) if is_raised else text

        low, high, width = 1 << 16, 0, 0
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
            elif kind == LABEL_SST:
                row, column, style, place = struct.unpack_from("<HHHI", body)
                if place in self._marked:
                    found[row + 1, column + 1] = self._marked[place]
        self._n_cells += max(high - low + 1, 0) * width
        return found


def _unpacked(packed: int) -> float:
    if packed & 2:
        value = float(struct.unpack("<i", struct.pack("<I", packed & 0xFFFFFFFC))[0] >> 2)
    else:
        value = struct.unpack("<d", b"\0\0\0\0" + struct.pack("<I", packed & 0xFFFFFFFC))[0]
    return value / 100 if packed & 1 else value


def _marked(strings: list[bytes], is_raised: Callable[[int], bool]) -> dict[int, str]:
    """Shared texts that hold raised runs, by their place. strings: a record and those that continue it."""
    found: dict[int, str] = {}
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
        if any(is_raised(font) for _, font in runs):
            stops = [start for start, _ in runs[1:]] + [len(text)]
            pieces = [text[: runs[0][0]]]
            for (start, font), stop in zip(runs, stops, strict=True):
                piece = text[start:stop]
                pieces.append(piece.translate(RAISED) if is_raised(font) else piece)
            found[number] = "".join(pieces)
    return found
