"""What every reader takes and gives: a file of bytes, a book of sheets of text."""

from __future__ import annotations

import hashlib
import io
import os
import re
import zipfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from cbec.ingest.problems import Problem

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
    by row and column from 1.
    """

    name: str
    rows: tuple[tuple[int, tuple[str, ...]], ...]
    merges: tuple[tuple[int, int, int, int], ...] = ()
    is_delimited: bool = False
    comments: dict[tuple[int, int], str] = field(default_factory=dict)


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
    """Characters that a workbook writes by their number, also where its XML was saved as text: _x000D_."""
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
