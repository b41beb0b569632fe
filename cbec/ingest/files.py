"""Files, folders and zips to sheets of text; every row keeps its number.

A file is what its first bytes say, not what its name says. Nothing is unpacked or decoded before its size
is known, so that a small file cannot take the machine.
"""

from __future__ import annotations

import errno
import os
import stat
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cbec.ingest.book import MAX_BYTES, Book, File, Refused, Sheet, open_zip, readable
from cbec.ingest.delimited import decode, read_delimited
from cbec.ingest.problems import Problem
from cbec.ingest.stata import read_stata
from cbec.ingest.workbook import read_xlsx
from cbec.ingest.xls import read_xls

__all__ = [
    "Book", "File", "Found", "Refused", "Sheet", "decode", "find_files", "list_members", "read_book",
]  # fmt: skip

SUFFIXES = {".xlsx", ".xlsm", ".xls", ".csv", ".tsv", ".txt", ".dta", ".zip"}
# Files that may hold figures and are not read, with what to do: a person must not think that they were.
UNREAD = {
    suffix: advice
    for suffixes, advice in (
        (".rar .7z .tar .gz .tgz .bz2 .xz", "is an archive; unpack it, or make it a .zip"),
        (".ods .fods .xlsb .et .xlt .xltx .xltm .numbers", "is a workbook; save it as .xlsx"),
        (".sav .zsav .por .sas7bdat .xpt .rds .rdata", "holds data; save it as .dta or .csv"),
        (".parquet .feather .json .xml .dbf .mdb .accdb", "holds data; save it as .csv"),
        (".pdf .caj .doc .docx .wps .rtf", "is a document; bring its tables into .xlsx"),
        (".htm .html .mht .mhtml", "is a web page; bring its tables into .xlsx"),
    )
    for suffix in suffixes.split()
}
# What systems leave in folders and nobody put there.
LITTER = ("__MACOSX", ".DS_Store", "._", "~$", "Thumbs.db", "desktop.ini", ".~lock.")
ZIP, OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

# Of one import; the yearbook of cities has 837 workbooks and 30 MB. Entries of a folder also count what is
# not read.
MAX_FILES, MAX_ALL_BYTES, MAX_ENTRIES = 20_000, 2 * 2**30, 200_000
MAX_NAME, N_KINDS = 1_000, 5
# Names of files of one kind that are told.
N_NAMED = 3
HIDDEN = "is hidden; name it itself, or give it a name that does not begin with a dot"
SPECIAL = {
    stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device",
}  # fmt: skip


@dataclass(frozen=True)
class Found:
    """A file that is to be read. name: as people know it; path: where it lies; member: its place in that zip,
    None for a file of its own; size: of its bytes."""

    name: str
    path: Path
    member: int | None
    size: int

    def read(self) -> File:
        """Its bytes. Raises Refused with place and reason."""
        if self.size > MAX_BYTES:
            raise Refused(
                self.name, "", f"has {self.size / 2**20:.0f} MB; at most {MAX_BYTES // 2**20} MB are read"
            )
        place = Path(readable(str(self.path)))
        try:
            if self.member is None:
                with open(self.path, "rb") as file:
                    # Not more than there was when it was found, should it still be growing.
                    data = file.read(self.size + 1)
                if len(data) != self.size:
                    raise Refused(self.name, "", "is being written; import it when it is whole")
                return File(self.name, data, place)
            with open_zip(self.name, self.path) as archive:
                return _member(archive, archive.infolist()[self.member], self.name, place)
        except OSError as error:
            raise Refused(self.name, "", f"cannot be read: {error.strerror}") from None
        except IndexError:
            raise Refused(self.name, "", "is no longer in the zip") from None


def find_files(
    paths: list[Path], members: Callable[[Path, str], list[Found | Problem]] | None = None
) -> Iterator[Found | Problem]:
    """Every file of the paths, in name order, without its bytes; zips are opened, hidden files are left out.

    members: what lists a zip, `list_members` if nothing else. What cannot be opened is a Problem beside the
    others; what is of a kind that is not read is a warning in a folder or a zip, and an error when it was
    named itself. Raises Refused for a path that is not there.
    """
    n_files = n_bytes = 0
    for entry in _entries(paths, members or list_members):
        if isinstance(entry, Found):
            # One that is too large is refused by itself.
            n_files, n_bytes = n_files + 1, n_bytes + (entry.size if entry.size <= MAX_BYTES else 0)
            if n_files > MAX_FILES or n_bytes > MAX_ALL_BYTES:
                limit = f"{MAX_FILES} files and {MAX_ALL_BYTES // 2**20} MB are read at once"
                message = f"was not read, and nothing behind it: at most {limit}; import the rest by itself"
                yield Problem(entry.name, "", "file", "", message)
                return
        yield entry


def _entries(
    paths: list[Path], members: Callable[[Path, str], list[Found | Problem]]
) -> Iterator[Found | Problem]:
    for path in paths:
        name = readable(path.name)
        kind = _kind(path)
        if kind == "folder":
            yield from _walked(path, members)
        elif kind == "nothing":
            raise Refused(readable(str(path)), "", "no such file or folder")
        elif kind != "file":
            yield Problem(name, "", "file", "", f"is {kind}; only files are read")
        elif path.suffix.lower() in UNREAD:
            yield Problem(name, "", "file", "", UNREAD[path.suffix.lower()])
        else:
            yield from _opened(path, name, members)


def _kind(path: Path) -> str:
    """What lies at a path, behind a link if it is one: file, folder, nothing, or another thing in words."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return "a link to nothing" if path.is_symlink() else "nothing"
    except OSError as error:
        return "a link that leads back to itself" if error.errno == errno.ELOOP else "file"
    if stat.S_ISDIR(mode):
        return "folder"
    if stat.S_ISREG(mode):
        return "file"
    return SPECIAL.get(stat.S_IFMT(mode), "no file")


def _walked(top: Path, members: Callable[[Path, str], list[Found | Problem]]) -> Iterator[Found | Problem]:
    """What a folder holds, with what was left out: folders in it that cannot be read or are links, what is no
    file, files of kinds that are not read, and of other kinds how many there are."""
    problems: list[Problem] = []
    entries: list[Path] = []
    hidden: list[Path] = []

    def closed(error: OSError) -> None:
        name = readable(os.path.relpath(str(error.filename), top))
        name = readable(top.name) if name == "." else name
        problems.append(Problem(name, "", "folder", "", f"cannot be read: {error.strerror}"))

    for folder, inside, names in os.walk(top, onerror=closed):
        hidden += (Path(folder, name) for name in (*inside, *names) if _is_hidden(name))
        inside[:] = [name for name in inside if not _is_out_of_sight(name)]
        links = [name for name in inside if Path(folder, name).is_symlink()]
        entries += (Path(folder, name) for name in (*names, *links) if not _is_out_of_sight(name))
        if len(entries) > MAX_ENTRIES:
            problems.append(
                Problem(
                    readable(top.name), "", "folder", "", f"has more than {MAX_ENTRIES} files; the rest was"
                    " not looked at",
                )
            )  # fmt: skip
            break
    yield from sorted(problems, key=lambda problem: problem.file)
    for entry in sorted(hidden):
        yield _left_out(readable(str(entry.relative_to(top))), HIDDEN)
    other: dict[str, list[str]] = {}
    for entry in sorted(entries):
        name, suffix = readable(str(entry.relative_to(top))), entry.suffix.lower()
        kind = _kind(entry)
        if kind == "folder":
            yield _left_out(name, "is a link to a folder; name that folder itself")
        elif kind not in ("file", "nothing"):
            yield _left_out(name, f"is {kind}")
        elif suffix in UNREAD:
            yield _left_out(name, UNREAD[suffix])
        elif suffix in SUFFIXES:
            yield from _opened(entry, name, members)
        else:
            other.setdefault(readable(suffix) or "no suffix", []).append(name)
    if other:
        kinds = sorted(other.items(), key=lambda kind: (-len(kind[1]), kind[0]))
        listed = ", ".join(f"{len(names)} of {suffix} ({_some(names)})" for suffix, names in kinds[:N_KINDS])
        n = sum(map(len, other.values()))
        message = f"holds {n} file{'s' if n > 1 else ''} of kinds that hold no tables: {listed}"
        yield Problem(readable(top.name or str(top)), "", "folder", "", message, is_warning=True)


def _some(names: list[str]) -> str:
    return ", ".join([*names[:N_NAMED], *(["..."] if len(names) > N_NAMED else [])])


def _is_out_of_sight(name: str) -> bool:
    return name.startswith((".", "~$", "__MACOSX")) or name in LITTER


def _is_hidden(name: str) -> bool:
    """Whether somebody has hidden it: what systems leave is no file of anybody."""
    return name.startswith(".") and not name.startswith(LITTER)


def _left_out(name: str, what: str) -> Problem:
    return Problem(name, "", "file", "", f"was left out: it {what}", is_warning=True)


def _opened(
    path: Path, name: str, members: Callable[[Path, str], list[Found | Problem]]
) -> Iterator[Found | Problem]:
    if path.suffix.lower() == ".zip":
        yield from members(path, name)
        return
    try:
        yield Found(name, path, None, path.stat().st_size)
    except OSError as error:
        yield Problem(name, "", "file", "", f"cannot be read: {error.strerror}")


def list_members(path: Path, name: str) -> list[Found | Problem]:
    """Members of a zip; one that cannot be read does not keep the others out."""
    found: list[Found | Problem] = []
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise Refused(name, "", f"has {size / 2**20:.0f} MB; at most {MAX_BYTES // 2**20} MB are read")
        with open_zip(name, path) as archive:
            for number, member in enumerate(archive.infolist()):
                inner = PurePosixPath(readable(_member_name(member)))
                suffix, full = inner.suffix.lower(), f"{name}/{inner}"
                if member.is_dir() or any(part.startswith(LITTER) for part in inner.parts):
                    continue
                if ".." in inner.parts:
                    found.append(_left_out(full, "has a path that leaves the zip"))
                elif any(_is_hidden(part) for part in inner.parts):
                    found.append(_left_out(full, HIDDEN))
                elif len(full) > MAX_NAME:
                    found.append(Problem(f"{full[:60]}...", "", "file", "", "has too long a name"))
                elif suffix in UNREAD:
                    found.append(_left_out(full, UNREAD[suffix]))
                elif suffix == ".zip":
                    found.append(Problem(full, "", "file", "", "is a zip inside a zip; unpack it first"))
                elif suffix in SUFFIXES:
                    found.append(Found(full, path, number, member.file_size))
                else:
                    found.append(_left_out(full, "is of a kind that holds no tables"))
    except Refused as refused:
        return [refused.problem]
    except OSError as error:
        return [Problem(name, "", "file", "", f"cannot be read: {error.strerror}")]
    return found or [Problem(name, "", "file", "", "holds no file that can be read")]


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str, place: Path) -> File:
    if member.flag_bits & 1:
        raise Refused(name, "", "is protected by a password")
    try:
        return File(name, archive.read(member), place)
    except MemoryError:
        raise
    except Exception as error:
        # zlib and lzma raise their own classes.
        raise Refused(name, "", f"cannot be unpacked: {error}") from None


def _member_name(member: zipfile.ZipInfo) -> str:
    """Names without the UTF-8 flag were mostly written in GBK by Chinese systems."""
    if member.flag_bits & 0x800:
        return member.filename
    try:
        return member.filename.encode("cp437").decode("gb18030")
    except UnicodeError:
        return member.filename


def read_book(file: File, familiar: frozenset[str], *, encoding: str | None = None) -> Book:
    """Sheets of a file. familiar: characters that Chinese tables are made of, to tell encodings apart.

    Raises Refused with place and reason.
    """
    if not file.data.strip():
        raise Refused(file.name, "", "is empty")
    suffix = PurePosixPath(file.name).suffix.lower()
    if suffix == ".dta":
        return read_stata(file)
    if file.data.startswith(ZIP):
        return read_xlsx(file)
    if file.data.startswith(OLE):
        return read_xls(file)
    if suffix in (".xlsx", ".xlsm", ".xls"):
        head = file.data[:512].lstrip().lower()
        if head.startswith((b"<html", b"<!doctype html", b"<?xml", b"<table")) or b"<html" in head:
            raise Refused(file.name, "", "is a web page named as a workbook; save it as .xlsx or .csv")
        if b"\x00" in file.data[:4096] and not file.data.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise Refused(file.name, "", "is no workbook: neither a zip nor an OLE file")
    return read_delimited(file, familiar, encoding)
