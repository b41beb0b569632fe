"""Files read in a few processes of their own: what one file does to its reader is done to nobody else."""

from __future__ import annotations

import os
import queue
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cbec.common.garbage import uncollected
from cbec.common.workers import Done, GuardedWorker, pace, single_threaded_children
from cbec.ingest.extract import Extract
from cbec.ingest.files import File, Found, Refused, list_members
from cbec.ingest.mapping import Mapping
from cbec.ingest.problems import Problem
from cbec.ingest.run import Imported, Recogniser
from cbec.ingest.tables import Table

# Two, because the process that asks for the files works too, and each may hold so much memory.
N_READERS = 2
MAX_MEMORY = 2**30
# Computing that a file may take where `pace` is 1: what any small one gets, and more for each of its MB.
SECONDS, SECONDS_PER_MB = 5.0, 1.25
# Files read ahead of the one that is waited for, a reader.
AHEAD = 3
HINT = "; if it is what it should be, divide it into smaller files"


@dataclass(frozen=True)
class Reading:
    """What became of a file: as recognised, or refused. trace: of an error that nobody expected; seconds of
    computing and MB of memory that it took."""

    imported: Imported
    trace: str = ""
    seconds: float = 0.0
    peak_mb: float = 0.0


@dataclass(frozen=True)
class How:
    """What a person said of the files, as in `Options`. known: SHA-256 of files that need no reading."""

    root: Path
    publication: str = ""
    edition: str = ""
    encoding: str | None = None
    mappings: dict[str, Mapping] | None = None
    known: frozenset[str] = frozenset()


class Readers:
    """A small pool of processes that read files; ends with the `with` block."""

    def __init__(self, how: How) -> None:
        self._how = how
        self._n = min(N_READERS, os.cpu_count() or 1)
        self._threads = ThreadPoolExecutor(self._n)
        self._idle: queue.SimpleQueue[GuardedWorker] = queue.SimpleQueue()
        self._all: list[GuardedWorker] = []
        self._lock = threading.Lock()
        self._is_over = False

    def __enter__(self) -> Readers:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            self._is_over = True
            for worker in self._all:
                worker.close()
        self._threads.shutdown()

    def members(self, path: Path, name: str) -> list[Found | Problem]:
        """What a zip holds."""
        done = self._threads.submit(self._do, path, name, seconds=SECONDS * pace()).result()
        found: list[Found | Problem] = done.result
        return found if not done.reason else [Problem(name, "", "file", "", done.reason)]

    def read(self, found: Sequence[Found | Problem]) -> Iterator[Reading | Problem]:
        """What became of each file, in order; problems come through as they are."""
        ahead: deque[Problem | tuple[Found, Future[Done]]] = deque()
        for entry in found:
            ahead.append(
                entry if isinstance(entry, Problem) else (entry, self._threads.submit(self._read, entry))
            )
            if len(ahead) > AHEAD * self._n:
                yield _waited_for(ahead.popleft())
        while ahead:
            yield _waited_for(ahead.popleft())

    def _read(self, found: Found) -> Done:
        return self._do(found, seconds=pace() * (SECONDS + SECONDS_PER_MB * found.size / 2**20))

    def _do(self, *job: Any, seconds: float) -> Done:
        """Let an idle reader do a job, or a new one when there is none."""
        try:
            worker = self._idle.get_nowait()
        except queue.Empty:
            with self._lock, single_threaded_children():
                if self._is_over:
                    return Done(reason="was not read")
                worker = GuardedWorker(_Reader, self._how, max_bytes=MAX_MEMORY)
                self._all.append(worker)
        done = worker.do(*job, seconds=seconds)
        if not worker.is_spent:
            self._idle.put(worker)
        else:
            with self._lock:
                if not self._is_over:
                    self._all.remove(worker)
                    worker.close()
        return done


def _waited_for(entry: Problem | tuple[Found, Future[Done]]) -> Reading | Problem:
    if isinstance(entry, Problem):
        return entry
    found, done = entry[0], entry[1].result()
    if not done.reason:
        imported: Imported = done.result
        return Reading(imported, "", done.seconds, done.peak_mb)
    message = done.reason if done.trace else done.reason + HINT
    problem = Problem(found.name, "", "file", "", message)
    refused = Imported(File(found.name, b"", found.path), "refused", problems=(problem,))
    return Reading(refused, done.trace, done.seconds, done.peak_mb)


class _Reader:
    """The work of one reader, with the registry made once."""

    def __init__(self, how: How) -> None:
        self._how = how
        self._recogniser: Recogniser | None = None

    def __call__(self, what: Found | Path, name: str = "") -> Imported | list[Found | Problem]:
        with uncollected():
            return list_members(what, name) if isinstance(what, Path) else self._read(what)

    def _read(self, found: Found) -> Imported:
        try:
            file = found.read()
        except Refused as refused:
            return Imported(File(found.name, b"", found.path), "refused", problems=(refused.problem,))
        if file.sha256 in self._how.known:
            return Imported(file.without_data(), "unread")
        how = self._how
        self._recogniser = self._recogniser or Recogniser.of(how.root)
        imported = self._recogniser.read(
            file,
            publication=how.publication,
            edition=how.edition,
            mappings=how.mappings,
            encoding=how.encoding,
        )
        return light(imported)


def light(imported: Imported) -> Imported:
    """A file as recognised, without its bytes and without the rows of its sheets, which nobody asks for any
    more."""
    sheets = tuple(
        replace(sheet, table=sheet.table and _light(sheet.table), texts=()) for sheet in imported.sheets
    )
    printed = imported.printed and replace(imported.printed, extract=Extract())
    return replace(imported, file=imported.file.without_data(), sheets=sheets, printed=printed)


def _light(table: Table) -> Table:
    sheet = replace(table.sheet, rows=(), merges=(), comments={}, doubts={})
    return replace(table, sheet=sheet, body=(), texts=())
