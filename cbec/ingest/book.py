"""What every reader takes and gives: a file of bytes, a book of sheets of text."""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

from cbec.ingest.problems import Problem

ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
MAX_BYTES = 200 * 2**20
MAX_CELLS = 8_000_000
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


def open_zip(name: str, data: bytes) -> zipfile.ZipFile:
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


def unescaped(text: str) -> str:
    """Characters that a workbook writes by their number, also where its XML was saved as text: _x000D_."""
    return ESCAPED.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text


def hidden(file: str, sheet: str) -> Problem:
    return Problem(file, sheet, "file", "", "is hidden and was read", is_warning=True)
