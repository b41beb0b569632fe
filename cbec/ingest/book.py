"""What every reader takes and gives: a file of bytes, a book of sheets of text."""

from __future__ import annotations

import hashlib
import io
import os
import re
import zipfile
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from cbec.ingest.problems import Problem
from cbec.ingest.text import PLAIN_NUMBER, is_figure, year_of

ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
MAX_BYTES = 200 * 2**20
MAX_CELLS = 8_000_000
# As many as a sheet can have; a text table has no limit of its own.
MAX_COLUMNS = 2**14
MAX_MEMBERS = 2_000
# Texts that arrive in the place of a figure that is none; no cell takes them for one.
UNCOMPUTED = "=formula without a stored value"
# Behind a figure whose font is struck through: somebody took it back.
STRUCK = "(struck through)"
# Stand behind each character of a text that is not to be taken for anything: one is drawn as a stroke, the
# other not at all, and neither is removed where texts are narrowed.
STROKE, JOINER = "\u0336", "\u034f"
# What makes another number, or another unit, of the rest of a text once it is taken out.
NUMERAL = re.compile("[0-9０-９.,．，%％‰+−-]|[〇零一二两三四五六七八九十百千万亿]")
N_PLACES = 3
# A raised or lowered run is a mark, also once its font is gone.
RAISED = str.maketrans(
    "0123456789０１２３４５６７８９()（）abcdefghijklmnoprstuvwxyz",
    "⁰¹²³⁴⁵⁶⁷⁸⁹⁰¹²³⁴⁵⁶⁷⁸⁹⁽⁾⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ",
)


class Refused(Exception):
    """A file that cannot be read, with the place and the reason."""

    def __init__(self, file: str, locator: str, message: str, text: str = "") -> None:
        self.problem = Problem(file, locator, "file", text, message)
        super().__init__(str(self.problem))


@dataclass(frozen=True)
class File:
    """Bytes with the name people know them by (inside a zip: archive/member). path: where it lies, in
    characters that can be printed. sha256: of the bytes, also when they were let go."""

    name: str
    data: bytes
    path: Path
    sha256: str = ""

    def __post_init__(self) -> None:
        if not self.sha256:
            object.__setattr__(self, "sha256", hashlib.sha256(self.data).hexdigest())

    @property
    def landed_name(self) -> str:
        """Name without the folders around it, so that a file is the same from wherever it is imported."""
        is_member = self.path.suffix.lower() == ".zip"
        return self.name[self.name.index(self.path.name) :] if is_member else self.path.name

    def without_data(self) -> File:
        """The same file, by name and hash alone."""
        return replace(self, data=b"")


@dataclass(frozen=True)
class Sheet:
    """One sheet: rows that are not blank, as (row number from 1, cells as text); '' is an empty cell.

    merges: (first row, first column, last row, last column) from 1. comments: what somebody noted at a cell,
    by row and column from 1. doubts: why a cell may show another figure than it stores, by the same.
    """

    name: str
    rows: tuple[tuple[int, tuple[str, ...]], ...]
    merges: tuple[tuple[int, int, int, int], ...] = ()
    is_delimited: bool = False
    comments: dict[tuple[int, int], str] = field(default_factory=dict)
    doubts: dict[tuple[int, int], str] = field(default_factory=dict)


@dataclass(frozen=True)
class Book:
    """A file as sheets, and how it was read (encoding, delimiter)."""

    file: File
    sheets: tuple[Sheet, ...]
    reading: str
    warnings: tuple[Problem, ...] = field(default=())


def open_zip(name: str, source: bytes | Path) -> zipfile.ZipFile:
    """A zip, given by its bytes or its place, whose unpacked size is known to be bearable."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(source) if isinstance(source, bytes) else source)
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


def unescaped(text: str) -> str:
    """Characters that a workbook writes by their number: _x000D_. A text table shows these as they stand."""
    if "_x" not in text:
        return text
    text = ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
    # Halves of a character beyond the first 65,536 stand one by one; a half alone is none.
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def readable(name: str) -> str:
    """A name of a file in characters that can be printed.

    A name that is not UTF-8 was written by a system whose names are GBK, as a zip of Windows is unpacked on
    Linux; what is not that either is shown by its bytes. Ends of lines and other controls are shown as such.
    """
    try:
        name.encode()
    except UnicodeEncodeError:
        data = os.fsencode(name)
        try:
            name = data.decode("gb18030")
        except UnicodeDecodeError:
            name = data.decode(errors="backslashreplace")
    return "".join(
        c if c.isprintable() or c in "\u3000\u00a0" else c.encode("unicode_escape").decode() for c in name
    )


def used_merges(
    file: str, sheet: str, merges: Sequence[tuple[int, int, int, int]], rows: Collection[int], width: int
) -> tuple[tuple[int, int, int, int], ...]:
    """Merged cells as far as the sheet is used. rows: numbers of those that hold anything; width: columns.

    Together they cannot be more cells than the sheet has. Those that are overlap, which a workbook does not
    do, and which of them is meant is not said. Raises Refused for these.
    """
    low, high = min(rows, default=1), max(rows, default=0)
    n_left = (high - low + 1) * width
    used = []
    for r0, c0, r1, c1 in merges:
        if r0 <= r1 and low <= r1 and r0 <= high and 1 <= c0 <= min(c1, width):
            r1, c1 = min(r1, high), min(c1, width)
            used.append((r0, c0, r1, c1))
            n_left -= (r1 - max(r0, low) + 1) * (c1 - c0 + 1)
            if n_left < 0:
                raise Refused(file, f"{sheet}!R{r0}C{c0}", "is merged with cells that are merged already")
    return tuple(used)


def hidden(file: str, sheet: str) -> Problem:
    return Problem(file, sheet, "file", "", "is hidden and was read", is_warning=True)


def unread(text: str, reason: str, stroke: str = JOINER) -> str:
    """A text that nothing takes for a figure, a year, a name or a unit, and that looks like the one given."""
    if stroke == JOINER and PLAIN_NUMBER.fullmatch(text) and year_of(text) is None:
        return f"{text} {reason}"
    return f"{_apart(text, stroke)} {reason}"


def _apart(text: str, stroke: str) -> str:
    return "".join(c + stroke for c in text)


def unstruck(pieces: Iterable[tuple[str, bool]]) -> tuple[str, str]:
    """The text that is read of pieces, of which some are struck through; and what was left out of it.

    A word that is struck is left out. Where a numeral is, or all of the text, or where a figure remains,
    whoever struck it must say what holds: the text is then none that anything is read from.
    """
    held = [(text, is_struck) for text, is_struck in pieces if text]
    gone = "".join(text for text, is_struck in held if is_struck).strip()
    kept = "".join(text for text, is_struck in held if not is_struck)
    if not gone:
        return "".join(text for text, _ in held), ""
    if kept.strip() and not NUMERAL.search(gone) and not is_figure(kept):
        return kept, gone
    if not kept.strip() and PLAIN_NUMBER.fullmatch(gone):
        return unread(gone, STRUCK), gone
    stroked = "".join(_apart(text, STROKE if is_struck else JOINER) for text, is_struck in held)
    return f"{stroked} {STRUCK}", gone


def places(found: Collection[tuple[int, int]]) -> str:
    """The first few of some cells."""
    listed = [f"R{row}C{column}" for row, column in sorted(found)[:N_PLACES]]
    return ", ".join(listed) + (f" and {len(found) - N_PLACES} more" if len(found) > N_PLACES else "")


def cover(
    rows: dict[int, list[str]], merges: Iterable[tuple[int, int, int, int]]
) -> tuple[tuple[tuple[int, int, int, int], ...], list[tuple[int, int]]]:
    """Take out of the rows what lies under merged cells, which a sheet stores and does not show.

    What is the same as the text that is shown is blank; another one becomes a text that nothing is read from,
    so that a figure, a name or a year is refused there. Returns the merged cells that cover none, whose text
    is that of all their cells, and the places of those.
    """
    found: list[tuple[int, int]] = []
    kept = []
    for r0, c0, r1, c1 in merges:
        n_before = len(found)
        top = rows.get(r0, [])
        shown = top[c0 - 1].strip() if len(top) >= c0 else ""
        for number in range(r0, r1 + 1):
            row = rows.get(number, [])
            for column in range(c0, min(c1, len(row)) + 1):
                text = row[column - 1]
                if not text or (number, column) == (r0, c0):
                    continue
                row[column - 1] = ""
                if text.strip() and text.strip() != shown:
                    row[column - 1] = unread(text, "(under a merged cell)")
                    found.append((number, column))
        if len(found) == n_before:
            kept.append((r0, c0, r1, c1))
    return tuple(kept), found


def sheet_warnings(
    file: str, sheet: str, rows: dict[int, list[str]], *, covered: Collection[tuple[int, int]] = (),
    struck: dict[tuple[int, int], str] | None = None, hidden_rows: Iterable[int] = (),
    hidden_columns: Iterable[int] = (), is_filtered: bool = False,
    doubts: dict[tuple[int, int], str] | None = None,
) -> list[Problem]:  # fmt: skip
    """What a person who looks at a sheet does not see as it is read."""
    said = []
    if covered:
        said.append(f"holds what merged cells cover and nobody sees; it is not read ({places(covered)})")
    if struck:
        said.append(f"holds what is struck through; it is not read ({places(struck)})")
    used = {column for row in rows.values() for column, text in enumerate(row, 1) if text.strip()}
    lines = {n for n in hidden_rows if any(text.strip() for text in rows.get(n, ()))}
    if lines:
        why = "filtered out or hidden" if is_filtered else "hidden"
        said.append(f"has rows that are {why} and were read: {_ranges(lines)}")
    if columns := used.intersection(hidden_columns):
        said.append(f"has columns that are hidden and were read: {_ranges(columns)}")
    by_reason: dict[str, list[tuple[int, int]]] = {}
    for place, reason in (doubts or {}).items():
        by_reason.setdefault(reason, []).append(place)
    said += [f"holds a figure that {reason} ({places(found)})" for reason, found in by_reason.items()]
    return [Problem(file, sheet, "file", "", message, is_warning=True) for message in said]


def _ranges(numbers: Collection[int]) -> str:
    """Numbers with those that follow each other as one: 3, 5-7."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    listed = ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in runs[:10])
    return listed + (f" and {len(runs) - 10} more" if len(runs) > 10 else "")
