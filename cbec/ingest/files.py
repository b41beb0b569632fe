"""Files, folders and zips to sheets of text; every row keeps its number.

A file is what its first bytes say, not what its name says. Nothing is unpacked or decoded before its size
is known, so that a small file cannot take the machine.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from cbec.ingest.book import MAX_BYTES, Book, File, Refused, Sheet, open_zip
from cbec.ingest.delimited import decode, read_delimited
from cbec.ingest.problems import Problem
from cbec.ingest.stata import read_stata
from cbec.ingest.workbook import read_xlsx
from cbec.ingest.xls import read_xls

__all__ = ["Book", "File", "Refused", "Sheet", "decode", "find_files", "read_book"]

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
ZIP, OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def find_files(paths: list[Path]) -> Iterator[File | Problem]:
    """Every importable file of the paths, in name order; zips are opened, hidden files left out.

    What cannot be opened is a Problem beside the others; what is of a kind that is not read is a warning in
    a folder or a zip, and an error when it was named itself. Raises Refused for a path that is not there.
    """
    for path in paths:
        if path.is_dir():
            yield from _walked(path)
        elif path.is_file():
            unread = UNREAD.get(path.suffix.lower())
            if unread:
                yield Problem(path.name, "", "file", "", unread)
            else:
                yield from _opened(path, path.name)
        else:
            raise Refused(str(path), "", "no such file or folder")


def _walked(top: Path) -> Iterator[File | Problem]:
    """What a folder holds; a folder in it that cannot be read is told, like a file that cannot."""
    closed: list[OSError] = []
    entries = [
        Path(folder, name) for folder, _, names in os.walk(top, onerror=closed.append) for name in names
    ]
    for error in sorted(closed, key=lambda e: str(e.filename)):
        name = os.path.relpath(str(error.filename), top)
        yield Problem(
            top.name if name == "." else name, "", "folder", "", f"cannot be read: {error.strerror}"
        )
    for entry in sorted(e for e in entries if e.is_file()):
        inner = entry.relative_to(top)
        if not _is_hidden(inner.parts):
            yield from _found(entry, str(inner))


def _is_hidden(parts: tuple[str, ...]) -> bool:
    return any(part.startswith((".", "~$")) for part in parts)


def _found(path: Path, name: str) -> Iterator[File | Problem]:
    """A file of a folder."""
    suffix = path.suffix.lower()
    if suffix in SUFFIXES:
        yield from _opened(path, name)
    elif suffix in UNREAD:
        yield _left_out(name, suffix)


def _left_out(name: str, suffix: str) -> Problem:
    return Problem(name, "", "file", "", f"was left out: it {UNREAD[suffix]}", is_warning=True)


def _opened(path: Path, name: str) -> Iterator[File | Problem]:
    try:
        yield from _open(path, name)
    except Refused as refused:
        yield refused.problem
    except OSError as error:
        yield Problem(name, "", "file", "", f"cannot be read: {error}")


def _open(path: Path, name: str) -> Iterator[File | Problem]:
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise Refused(name, "", f"has {size / 2**20:.0f} MB; at most {MAX_BYTES // 2**20} MB are read")
    data = path.read_bytes()
    if path.suffix.lower() == ".zip":
        yield from _unzip(name, data, path)
    else:
        yield File(name, data, path)


def _unzip(name: str, data: bytes, path: Path) -> Iterator[File | Problem]:
    """Members of a zip; one that cannot be read does not keep the others out."""
    with open_zip(name, data) as archive:
        for member in archive.infolist():
            inner = PurePosixPath(_member_name(member))
            suffix = inner.suffix.lower()
            if member.is_dir() or inner.parts[:1] == ("__MACOSX",) or _is_hidden(inner.parts):
                continue
            if suffix in UNREAD:
                yield _left_out(f"{name}/{inner}", suffix)
            elif suffix in SUFFIXES:
                yield _member(archive, member, f"{name}/{inner}", path)


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str, path: Path) -> File | Problem:
    if PurePosixPath(name).suffix.lower() == ".zip":
        return Problem(name, "", "file", "", "is a zip inside a zip; unpack it first")
    if member.flag_bits & 1:
        return Problem(name, "", "file", "", "is protected by a password")
    try:
        return File(name, archive.read(member), path)
    except Exception as error:
        # zlib and lzma raise their own classes.
        return Problem(name, "", "file", "", f"cannot be unpacked: {error}")


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
