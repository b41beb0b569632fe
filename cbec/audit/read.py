"""A file of a stranger read and audited in a process of its own, with so much time and memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

from cbec.audit.grid import Grid
from cbec.audit.layout import Hints
from cbec.audit.markup import docx_grids, html_grids
from cbec.audit.run import Audited, audit_grid
from cbec.audit.sheets import sheet_grids
from cbec.common.workers import GuardedWorker
from cbec.ingest.book import MAX_BYTES, readable
from cbec.ingest.files import File, Found, Refused
from cbec.project import CbecError

SHEETS = (".csv", ".tsv", ".txt", ".xlsx", ".xlsm", ".xls")
PAGES = (".html", ".htm")
KINDS = (*SHEETS, ".docx", *PAGES)
SECONDS, SECONDS_PER_MB, MAX_MEMORY = 20.0, 5.0, 2**30
MAX_TABLES, MAX_TABLE_CELLS = 500, 50_000


def tables_of(file: File, encoding: str | None = None) -> list[Grid]:
    """Every table of a file, by the end of its name. Raises Refused with place and reason."""
    suffix = PurePosixPath(file.name).suffix.lower()
    if suffix in PAGES:
        found = html_grids(file, encoding)
    elif suffix == ".docx":
        found = docx_grids(file)
    elif suffix in SHEETS:
        found = sheet_grids(file, encoding)
    else:
        raise Refused(file.name, "", f"is of a kind that is not audited; save it as {', '.join(KINDS)}")
    if len(found) > MAX_TABLES:
        raise Refused(file.name, "", f"holds {len(found)} tables; at most {MAX_TABLES} are audited at once")
    return found


def _auditor() -> Callable[[Found, str | None, Mapping[str, Hints]], list[Audited] | str]:
    def audit(found: Found, encoding: str | None, hints: Mapping[str, Hints]) -> list[Audited] | str:
        try:
            grids = tables_of(found.read(), encoding)
        except Refused as refused:
            return str(refused)
        for grid in grids:
            n = grid.width * len(grid.rows)
            if n > MAX_TABLE_CELLS:
                return (
                    f"{found.name}: {grid.name}: has {n} cells; a printed table has at most {MAX_TABLE_CELLS}"
                )
        return [audit_grid(grid, hints.get(grid.name)) for grid in grids]

    return audit


def audit_guarded(path: Path, encoding: str | None, hints: Mapping[str, Hints]) -> list[Audited]:
    """Tables of a file with their findings.

    Raises CbecError (exit code 2) naming the file, the place and what is wrong.
    """
    name = readable(str(path))
    try:
        if not path.is_file():
            what = "is no file" if path.exists() else "is not there"
            near = _like(path)
            raise CbecError(f"{name}: {what}{f'; nearest: {near}' if near else ''}", exit_code=2)
        size = path.stat().st_size
    except OSError as error:
        raise CbecError(f"{name}: cannot be read: {error.strerror}", exit_code=2) from None
    if size > MAX_BYTES:
        limit = MAX_BYTES // 2**20
        raise CbecError(f"{name}: has {size / 2**20:.0f} MB; at most {limit} are read", exit_code=2)
    worker = GuardedWorker(_auditor, max_bytes=MAX_MEMORY)
    try:
        job = Found(readable(path.name), path.absolute(), None, size)
        done = worker.do(job, encoding, dict(hints), seconds=SECONDS + SECONDS_PER_MB * size / 2**20)
    finally:
        worker.close()
    if done.reason:
        raise CbecError(f"{name}: {done.reason}", exit_code=2)
    if isinstance(done.result, str):
        raise CbecError(done.result, exit_code=2)
    audited: list[Audited] = done.result
    return audited


def _like(path: Path) -> str:
    """The file beside it with the most similar name."""
    from cbec.ingest.problems import nearest

    if not path.parent.is_dir():
        return ""
    names = [entry.name for entry in path.parent.iterdir() if entry.suffix.lower() in KINDS]
    return readable(", ".join(nearest(path.name, names, n=1)))
