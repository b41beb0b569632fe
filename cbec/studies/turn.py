"""One model of the studies after the other, with the tables that all of them read and with its memory."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import duckdb

from cbec.studies.diagnostics import columns_named
from cbec.studies.memory import Memory
from cbec.studies.sample import StudyData

# Made by `cbec build`; plain dbt has none, and computes everything.
TABLE = "rebuild.kept"
# Warning filters and the collector belong to the whole process, and models run side by side in it.
TURN = threading.Lock()
_LOADED: dict[tuple[Any, ...], StudyData] = {}


@contextlib.contextmanager
def study_data(dbt: Any, session: duckdb.DuckDBPyConnection) -> Iterator[tuple[StudyData, Memory]]:
    """The tables of the studies, read once a build and lent to one model at a time, with its memory.

    session: the connection of the build; a table that was built again is read again.
    """
    with TURN, memory(session, dbt.this.identifier) as kept:
        yield _read_once(dbt, session), kept


@contextlib.contextmanager
def shared_study_data(dbt: Any, session: duckdb.DuckDBPyConnection) -> Iterator[tuple[StudyData, Memory]]:
    """The same for a model that leaves most of its work to other processes: it holds TURN by itself, and only
    while it computes here."""
    with TURN:
        data = _read_once(dbt, session)
    with memory(session, dbt.this.identifier) as kept:
        yield data, kept


def _read_once(dbt: Any, session: duckdb.DuckDBPyConnection) -> StudyData:
    names = ", ".join(f"'{item.name}'" for item in fields(StudyData))
    tables = session.execute(
        "select database_name, path, table_name, table_oid from duckdb_tables()"
        " inner join duckdb_databases() using (database_name)"
        f" where table_name in ({names}) order by all"
    ).fetchall()
    key = tuple(tables)
    if key not in _LOADED:
        _LOADED.clear()
        _LOADED[key] = StudyData.from_reader(lambda name: dbt.ref(name), _of_diagnostics(session))
    return _LOADED[key]


def _of_diagnostics(session: duckdb.DuckDBPyConnection) -> list[str]:
    """Columns that diagnostics read beside those of the specifications: what they are made of counts too."""
    rows = session.execute("select distinct options from studies.diagnostic").fetchall()
    return [name for (options,) in rows for _, text in columns_named(options) for name in text.split("+")]


@contextlib.contextmanager
def memory(session: duckdb.DuckDBPyConnection, model: str) -> Iterator[Memory]:
    """The memory of a model: read from the file that is built, and written back when the model is done."""
    exists = session.execute(
        "select count(*) from duckdb_tables() where schema_name || '.' || table_name = ?", [TABLE]
    ).fetchone()
    if not exists or not exists[0]:
        yield Memory()
        return
    found = session.execute(f"select digest, result from {TABLE} where model = ?", [model]).fetchall()
    kept = Memory({str(key): str(text) for key, text in found})
    yield kept
    session.execute(f"delete from {TABLE} where model = ?", [model])
    session.execute(
        f"insert into {TABLE} select ?, unnest(?::varchar[]), unnest(?::varchar[])",
        [model, list(kept.now), list(kept.now.values())],
    )
