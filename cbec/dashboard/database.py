"""The published file as a long-running reader needs it: always whole, never older than it must be."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Hashable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import pandas as pd

from cbec.common.warehouse import connect
from cbec.project import CbecError

T = TypeVar("T")
# What makes one published file different from the next: inode, time of change, bytes.
Version = tuple[int, int, int]


class Snapshot:
    """One version of the published file for the length of one view."""

    def __init__(self, version: Version, cursor: duckdb.DuckDBPyConnection, memory: dict[Hashable, Any]):
        self.version = version
        self.cursor = cursor
        self._memory = memory

    def remember(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` gives, computed once for a version of the file; nobody may change it."""
        if key not in self._memory:
            self._memory[key] = make()
        found: T = self._memory[key]
        return found

    def rows(self, sql: str, **values: Any) -> pd.DataFrame:
        """The rows of a statement of this package; what a person chose comes in as a parameter only."""
        key = (sql, tuple((name, _frozen(value)) for name, value in sorted(values.items())))
        return self.remember(key, lambda: self.cursor.execute(sql, values).df())


def _frozen(value: Any) -> Hashable:
    return tuple(value) if isinstance(value, list) else value


class Database:
    """One open file, whatever is published: views under way finish on the version they began with, the
    next view waits for them and opens the newer file.

    DuckDB gives one process one instance a path, so that a newer file cannot be opened while the older one
    is open under the same name.
    """

    def __init__(self, path: Path, *, limit: int = 300) -> None:
        """path: the published file; limit: results to remember before all are forgotten."""
        self.path = path
        self._limit = limit
        self._turn = threading.Condition()
        self._readers = 0
        self._version: Version | None = None
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._memory: dict[Hashable, Any] = {}

    def version(self) -> Version:
        """Version of the file that is published now. Raises CbecError (exit code 2) when there is none."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            raise CbecError(f"{self.path.name}: nothing published", exit_code=2) from None
        return found.st_ino, found.st_mtime_ns, found.st_size

    @contextlib.contextmanager
    def view(self) -> Iterator[Snapshot]:
        """The newest version for the length of the block. Raises CbecError when nothing is published."""
        with self._turn:
            while self.version() != self._version and self._readers:
                self._turn.wait()
            version = self.version()
            if self._connection is None or version != self._version:
                if self._connection is not None:
                    self._connection.close()
                    self._connection = None
                self._connection = connect(self.path)
                self._version = version
                self._memory = {}
            if len(self._memory) > self._limit:
                self._memory = {}
            self._readers += 1
            snapshot = Snapshot(version, self._connection.cursor(), self._memory)
        try:
            yield snapshot
        finally:
            snapshot.cursor.close()
            with self._turn:
                self._readers -= 1
                self._turn.notify_all()
