"""Files, folders and zips to sheets of text; every row keeps its number.

A file is what its first bytes say, not what its name says. Nothing is unpacked or decoded before its size
is known, so that a small file cannot take the machine.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Any

from cbec.ingest.problems import Problem

SUFFIXES = {".xlsx", ".xlsm", ".xls", ".csv", ".tsv", ".txt", ".dta", ".zip"}
MAX_BYTES = 200 * 2**20
MAX_CELLS = 8_000_000
MAX_MEMBERS = 2_000
MAX_LINES_IN_A_CELL = 20
ZIP, OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# A formula whose value the writing program never stored, and an error, read as empty cells.
ERROR = re.compile(
    rb'<c\b(?=[^>]*\bt="e")[^>]*?\br="([A-Z]{1,4}[0-9]{1,8})"[^>]*>(?:<f\b[^>]*>[^<]*</f>)?<v>([^<]*)</v>'
)
UNCOMPUTED = re.compile(
    rb'<c\b[^>]*?\br="([A-Z]{1,4}[0-9]{1,8})"[^>]*><f\b[^>]*>[^<]*</f>(?:<v\s*/>|<v></v>)?</c>'
)
CELL_PLACE = re.compile(rb'<c\b[^>]*?\br="([A-Z]{1,4})([0-9]{1,8})"')


class Refused(Exception):
    """A file that cannot be read, with the place and the reason."""

    def __init__(self, file: str, locator: str, message: str, text: str = "") -> None:
        self.problem = Problem(file, locator, "file", text, message)
        super().__init__(str(self.problem))


@dataclass(frozen=True)
class File:
    """Bytes with the name people know them by (inside a zip: archive/member)."""

    name: str
    data: bytes
    path: Path

    @property
    def landed_name(self) -> str:
        """Name without the folders around it, so that a file is the same from wherever it is imported."""
        is_member = self.path.suffix.lower() == ".zip"
        return self.name[self.name.index(self.path.name) :] if is_member else self.path.name

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True)
class Sheet:
    """One sheet: rows that are not blank, as (row number from 1, cells as text); '' is an empty cell.

    merges: (first row, first column, last row, last column) from 1. numeric: the file types its numbers, so
    that text in a number's place is known to be text.
    """

    name: str
    rows: tuple[tuple[int, tuple[str, ...]], ...]
    merges: tuple[tuple[int, int, int, int], ...] = ()
    is_delimited: bool = False


@dataclass(frozen=True)
class Book:
    """A file as sheets, and how it was read (encoding, delimiter)."""

    file: File
    sheets: tuple[Sheet, ...]
    reading: str
    warnings: tuple[Problem, ...] = field(default=())


def find_files(paths: list[Path]) -> Iterator[File | Problem]:
    """Every importable file of the paths, in name order; zips are opened, hidden files left out.

    What cannot be opened is a Problem beside the others. Raises Refused for a path that is not there.
    """
    for path in paths:
        if path.is_dir():
            for entry in sorted(p for p in path.rglob("*") if p.is_file() and p.suffix.lower() in SUFFIXES):
                if not any(part.startswith((".", "~$")) for part in entry.relative_to(path).parts):
                    yield from _opened(entry, str(entry.relative_to(path)))
        elif path.is_file():
            yield from _opened(path, path.name)
        else:
            raise Refused(str(path), "", "no such file or folder")


def _opened(path: Path, name: str) -> Iterator[File | Problem]:
    try:
        yield from _open(path, name)
    except Refused as refused:
        yield refused.problem
    except OSError as error:
        yield Problem(name, "", "file", "", f"cannot be read: {error}")


def _open(path: Path, name: str) -> Iterator[File]:
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise Refused(name, "", f"has {size / 2**20:.0f} MB; at most {MAX_BYTES // 2**20} MB are read")
    data = path.read_bytes()
    if path.suffix.lower() == ".zip":
        yield from _unzip(name, data, path)
    else:
        yield File(name, data, path)


def _unzip(name: str, data: bytes, path: Path) -> Iterator[File]:
    with _archive(name, data) as archive:
        for member in archive.infolist():
            inner = _member_name(member)
            suffix = PurePosixPath(inner).suffix.lower()
            if member.is_dir() or inner.startswith("__MACOSX/") or suffix not in SUFFIXES:
                continue
            if suffix == ".zip":
                raise Refused(f"{name}/{inner}", "", "is a zip inside a zip; unpack it first")
            if member.flag_bits & 1:
                raise Refused(f"{name}/{inner}", "", "is protected by a password")
            try:
                content = archive.read(member)
            except (
                zipfile.BadZipFile,
                OSError,
                EOFError,
                NotImplementedError,
                ValueError,
                RuntimeError,
            ) as error:
                raise Refused(f"{name}/{inner}", "", f"cannot be unpacked: {error}") from None
            except Exception as error:
                # zlib and lzma raise their own classes.
                raise Refused(f"{name}/{inner}", "", f"cannot be unpacked: {error}") from None
            yield File(f"{name}/{inner}", content, path)


def _member_name(member: zipfile.ZipInfo) -> str:
    """Names without the UTF-8 flag were mostly written in GBK by Chinese systems."""
    if member.flag_bits & 0x800:
        return member.filename
    try:
        return member.filename.encode("cp437").decode("gb18030")
    except UnicodeError:
        return member.filename


def _archive(name: str, data: bytes) -> zipfile.ZipFile:
    """A zip whose unpacked size is known to be bearable."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        members = archive.infolist()
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError) as error:
        raise Refused(name, "", f"is a broken or truncated zip: {error}") from None
    total = sum(member.file_size for member in members)
    if total > MAX_BYTES or len(members) > MAX_MEMBERS:
        raise Refused(
            name,
            "",
            f"unpacks to {total / 2**20:.0f} MB in {len(members)} files; that is refused as a zip bomb",
        )
    return archive


def read_book(file: File, familiar: frozenset[str], *, encoding: str | None = None) -> Book:
    """Sheets of a file. familiar: characters that Chinese tables are made of, to tell encodings apart.

    Raises Refused with place and reason.
    """
    if not file.data.strip():
        raise Refused(file.name, "", "is empty")
    suffix = PurePosixPath(file.name).suffix.lower()
    if suffix == ".dta":
        return _read_stata(file)
    if file.data.startswith(ZIP) or file.data.startswith(OLE):
        return _read_workbook(file)
    if suffix in (".xlsx", ".xlsm", ".xls"):
        head = file.data[:512].lstrip().lower()
        if head.startswith((b"<html", b"<!doctype html", b"<?xml", b"<table")) or b"<html" in head:
            raise Refused(file.name, "", "is a web page named as a workbook; save it as .xlsx or .csv")
        if b"\x00" in file.data[:4096] and not file.data.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise Refused(file.name, "", "is no workbook: neither a zip nor an OLE file")
    return _read_delimited(file, familiar, encoding)


def _read_workbook(file: File) -> Book:
    import python_calamine as calamine

    unseen: dict[str, dict[tuple[int, int], str]] = {}
    if file.data.startswith(ZIP):
        with _archive(file.name, file.data) as archive:
            names = set(archive.namelist())
            if not any(n.startswith(("xl/", "content.xml")) for n in names):
                raise Refused(file.name, "", "is a zip but no workbook; name it .zip")
            unseen = _unseen_cells(file.name, archive)
    try:
        workbook = calamine.CalamineWorkbook.from_filelike(io.BytesIO(file.data))
        metadata = workbook.sheets_metadata
    except calamine.PasswordError:
        raise Refused(file.name, "", "is protected by a password; save it without one") from None
    except BaseException as error:
        # A reader in Rust can panic on broken bytes; that arrives as a BaseException.
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        hint = "is protected by a password or " if file.data.startswith(OLE) else ""
        raise Refused(file.name, "", f"{hint}cannot be read as a workbook: {error}") from None
    sheets, warnings = [], []
    for entry in metadata:
        if entry.typ != calamine.SheetTypeEnum.WorkSheet:
            continue
        if entry.visible != calamine.SheetVisibleEnum.Visible:
            warnings.append(
                Problem(file.name, entry.name, "file", "", "is hidden and was read", is_warning=True)
            )
        try:
            sheet = workbook.get_sheet_by_name(entry.name)
            if sheet.height * sheet.width > MAX_CELLS:
                raise Refused(
                    file.name, entry.name, f"spans {sheet.height} x {sheet.width} cells; at most {MAX_CELLS}"
                )
            sheets.append(_with_unseen(_sheet(sheet), unseen.get(entry.name, {})))
        except Refused:
            raise
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            raise Refused(file.name, entry.name, f"cannot be read: {error}") from None
    if not sheets:
        raise Refused(file.name, "", "has no worksheet")
    return Book(file, tuple(sheets), "workbook", tuple(warnings))


def _unseen_cells(name: str, archive: zipfile.ZipFile) -> dict[str, dict[tuple[int, int], str]]:
    """Cells that the reader would show as empty though they are not, by sheet and place from 1.

    Refuses, before the reader lays out the whole rectangle, a sheet whose furthest cells span too much.
    """
    found: dict[str, dict[tuple[int, int], str]] = {}
    titles = _sheet_names(archive)
    for member in archive.namelist():
        if not re.fullmatch(r"xl/worksheets/[^/]+\.xml", member):
            continue
        held = found.setdefault(titles.get(member, ""), {})
        low_row = low_column = 1 << 30
        high_row = high_column = 0
        try:
            with archive.open(member) as stream:
                rest = b""
                while block := stream.read(1 << 20):
                    block = rest + block
                    for letters, row in CELL_PLACE.findall(block):
                        column = _column_number(letters)
                        low_row, high_row = min(low_row, int(row)), max(high_row, int(row))
                        low_column, high_column = min(low_column, column), max(high_column, column)
                    for place in UNCOMPUTED.findall(block):
                        held[_place(place)] = "=formula without a stored value"
                    for place, error in ERROR.findall(block):
                        held[_place(place)] = error.decode(errors="replace")
                    rest = block[max(block.rfind(b"<c "), len(block) - 65536, 0) :]
        except Exception as error:
            # A broken zip member raises whatever its decompressor raises.
            raise Refused(name, member, f"is broken or truncated: {error}") from None
        if high_row and (high_row - low_row + 1) * (high_column - low_column + 1) > MAX_CELLS:
            raise Refused(
                name, member, f"spans {high_row} x {high_column} cells; at most {MAX_CELLS} cells are read"
            )
    return found


def _column_number(letters: bytes) -> int:
    column = 0
    for letter in letters:
        column = column * 26 + letter - 64
    return column


def _place(text: bytes) -> tuple[int, int]:
    letters = text.rstrip(b"0123456789")
    return int(text[len(letters) :]), _column_number(letters)


def _sheet_names(archive: zipfile.ZipFile) -> dict[str, str]:
    """Name of the sheet that each member of a workbook holds; {} when the workbook does not say."""
    from xml.sax.saxutils import unescape

    try:
        book = archive.read("xl/workbook.xml").decode("utf-8", errors="replace")
        links = archive.read("xl/_rels/workbook.xml.rels").decode("utf-8", errors="replace")
    except KeyError:
        return {}
    targets = {}
    for tag in re.findall(r"<Relationship\b[^>]*>", links):
        ident, target = re.search(r'\bId="([^"]*)"', tag), re.search(r'\bTarget="([^"]*)"', tag)
        if ident and target:
            targets[ident[1]] = "xl/" + target[1].removeprefix("/").removeprefix("xl/")
    names = {}
    for tag in re.findall(r"<sheet\b[^>]*>", book):
        title, ident = re.search(r'\bname="([^"]*)"', tag), re.search(r'\br:id="([^"]*)"', tag)
        if title and ident and ident[1] in targets:
            names[targets[ident[1]]] = unescape(title[1], {"&quot;": '"', "&apos;": "'"})
    return names


def _with_unseen(sheet: Sheet, unseen: dict[tuple[int, int], str]) -> Sheet:
    if not unseen:
        return sheet
    rows = {number: list(row) for number, row in sheet.rows}
    for (number, column), text in unseen.items():
        row = rows.setdefault(number, [])
        row.extend([""] * (column - len(row)))
        if not row[column - 1]:
            row[column - 1] = text
    return replace(sheet, rows=tuple((number, tuple(rows[number])) for number in sorted(rows)))


def _sheet(sheet: Any) -> Sheet:
    first_row, first_column = sheet.start or (0, 0)
    cache: dict[object, str] = {}
    rows = []
    pad = ("",) * first_column
    for number, row in enumerate(sheet.to_python(skip_empty_area=True), first_row + 1):
        if any(cell != "" for cell in row):
            rows.append((number, pad + tuple(_printed(cell, cache) for cell in row)))
    merges = tuple(
        (r0 + 1, c0 + 1, r1 + 1, c1 + 1) for (r0, c0), (r1, c1) in (sheet.merged_cell_ranges or ())
    )
    return Sheet(sheet.name, tuple(rows), merges)


def _printed(cell: object, cache: dict[object, str]) -> str:
    """A typed cell as the text that carries the same figure."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return str(cell)
    if isinstance(cell, float):
        known = cache.get(cell)
        if known is None:
            known = str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else f"{Decimal(repr(cell)):f}"
            cache[cell] = known
        return known
    return str(cell)


def _read_stata(file: File) -> Book:
    import tempfile

    import pyreadstat

    with tempfile.NamedTemporaryFile(suffix=".dta") as copy:
        copy.write(file.data)
        copy.flush()
        frame = None
        for encoding in (None, "GB18030"):
            try:
                frame, meta = pyreadstat.read_dta(copy.name, encoding=encoding, apply_value_formats=True)
                break
            except Exception as error:
                # pyreadstat raises a bare Exception for some broken files.
                reason = error
        if frame is None:
            raise Refused(file.name, "", f"cannot be read as a Stata file: {reason}")
    if frame.shape[0] * frame.shape[1] > MAX_CELLS:
        raise Refused(file.name, "", f"holds {frame.shape[0]} x {frame.shape[1]} cells; at most {MAX_CELLS}")
    cache: dict[object, str] = {}
    labels = [meta.column_names_to_labels.get(name) or name for name in frame.columns]
    rows: list[tuple[int, tuple[str, ...]]] = [(1, tuple(str(label) for label in labels))]
    for number, values in enumerate(frame.astype(object).itertuples(index=False), 2):
        rows.append((number, tuple("" if v is None or v != v else _printed(v, cache) for v in values)))
    return Book(file, (Sheet("data", tuple(rows)),), "Stata")


def _read_delimited(file: File, familiar: frozenset[str], encoding: str | None) -> Book:
    text, used = decode(file.name, file.data, familiar, encoding=encoding)
    if "\x00" in text:
        raise Refused(file.name, f"byte {text.index(chr(0))}", "holds NUL characters; it is no text table")
    head = text[:4096].lstrip().lower()
    if head.startswith(("<html", "<!doctype", "<?xml", "<table")):
        raise Refused(file.name, "", "is a web page, not a table; save it as .xlsx or .csv")
    delimiter = _delimiter(text)
    if text.count('"') % 2:
        line = text[: text.rindex('"')].count("\n") + 1
        raise Refused(file.name, f"line {line}", "has a quote that is never closed")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    line_before = 0
    rows: list[tuple[int, tuple[str, ...]]] = []
    n_cells = 0
    try:
        for number, fields in enumerate(reader, 1):
            n_cells += len(fields)
            if n_cells > MAX_CELLS:
                raise Refused(file.name, f"line {reader.line_num}", f"holds more than {MAX_CELLS} cells")
            if reader.line_num - line_before > MAX_LINES_IN_A_CELL:
                raise Refused(
                    file.name, f"line {line_before + 1}", "opens a quote that is closed many lines below"
                )
            line_before = reader.line_num
            if any(fields):
                rows.append((number, tuple(fields)))
    except csv.Error as error:
        raise Refused(file.name, f"line {reader.line_num}", f"is not a table here: {error}") from None
    if not rows:
        raise Refused(file.name, "", "is empty")
    stem = PurePosixPath(file.name).stem
    shown = {",": "comma", "\t": "tab", ";": "semicolon", "|": "bar"}[delimiter]
    return Book(file, (Sheet(stem, tuple(rows), is_delimited=True),), f"{used}, {shown}")


def _delimiter(text: str) -> str:
    """The separator that cuts most lines of the sample into the same number of fields."""
    lines = [line for line in text[:20_000].splitlines()[:60] if line.strip()]
    lines = lines[:-1] or lines

    def score(mark: str) -> int:
        counts = [line.count(mark) for line in lines]
        usual = max(set(counts) - {0}, key=counts.count, default=0)
        return counts.count(usual) * usual

    return max((",", "\t", ";", "|"), key=score)


def decode(
    name: str, data: bytes, familiar: frozenset[str], *, encoding: str | None = None
) -> tuple[str, str]:
    """Text of a file and the encoding it is in.

    A mark at the start decides; then strict UTF-8; then the candidates of charset-normalizer among the
    Chinese encodings, of which the one whose Chinese characters are those of tables must win clearly.
    Raises Refused when no encoding fits, or when two fit equally well with different texts.
    """
    if encoding:
        try:
            return data.decode(encoding), encoding
        except (UnicodeDecodeError, LookupError) as error:
            raise Refused(name, "", f"is not {encoding}: {error}") from None
    for mark, codec in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            try:
                return data.decode(codec), f"{codec} (marked)"
            except UnicodeDecodeError as error:
                raise Refused(
                    name, f"byte {error.start}", f"is marked as {codec} but is not from here on"
                ) from None
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError as error:
        utf8_error = error
    sample = data[:65536]
    for codec in ("utf-16-le", "utf-16-be"):
        zeros = sample[1 if codec == "utf-16-le" else 0 :: 2].count(0)
        if zeros > len(sample) // 20:
            try:
                return data.decode(codec), codec
            except UnicodeDecodeError:
                continue
    return _decode_chinese(name, data, familiar, utf8_error)


def _decode_chinese(
    name: str, data: bytes, familiar: frozenset[str], utf8_error: UnicodeDecodeError
) -> tuple[str, str]:
    from charset_normalizer import from_bytes

    # Mostly valid UTF-8 with a broken place is broken UTF-8, not another encoding.
    valid = data.decode("utf-8", errors="ignore")
    chinese = sum("\u4e00" <= c <= "\u9fff" for c in valid[:200_000])
    broken = data[:400_000].decode("utf-8", errors="replace").count("\ufffd")
    line = data[: utf8_error.start].count(b"\n") + 1
    if chinese > 20 * max(broken, 1) and sum(c in familiar for c in valid[:200_000]) > chinese // 3:
        raise Refused(
            name, f"line {line}", f"is UTF-8 but for byte {utf8_error.start}; the file is damaged here"
        )
    guesses = [match.encoding for match in from_bytes(data[:65536], cp_isolation=["gb18030", "big5"])]
    scored: list[tuple[float, str, str]] = []
    for codec in dict.fromkeys([*guesses, "gb18030", "big5hkscs"]):
        codec = {"big5": "big5hkscs", "gbk": "gb18030", "gb2312": "gb18030"}.get(codec, codec)
        if codec not in ("gb18030", "big5hkscs") or any(codec == entry[1] for entry in scored):
            continue
        try:
            text = data.decode(codec)
        except UnicodeDecodeError:
            continue
        wide = [c for c in text[:200_000] if ord(c) > 0x7F]
        share = sum(c in familiar or c in "（）、，：％—－…　℃①②③④⑤" for c in wide) / max(len(wide), 1)
        scored.append((share, codec, text))
    scored.sort(key=lambda entry: entry[0], reverse=True)
    if not scored or scored[0][0] < 0.25:
        raise Refused(
            name,
            f"line {line}",
            f"byte {utf8_error.start} is neither UTF-8, UTF-16, GB18030 nor Big5 text that reads as a table",
        )
    if len(scored) > 1 and scored[0][0] < scored[1][0] + 0.1:
        raise Refused(name, f"line {line}", "could be GB18030 or Big5; say which with --encoding")
    return scored[0][2], scored[0][1].replace("big5hkscs", "big5")
