from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from tests.postgres.server import Server

# The table whose copying is waited for.
COPIED = "treatment_city_year"


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.remove()


@pytest.fixture
def database(server: Server) -> str:
    """Name of an empty database."""
    return server.new_database()


@pytest.fixture(scope="session")
def versions(warehouse: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two folders with one published file each, `one` and `two`, which differ in every table that the tests'
    readers look at. Large tables but one are cut short, so that publishing takes a moment only."""
    folders = []
    for version, kept in (("one", 400), ("two", 300)):
        folder = tmp_path_factory.mktemp(version)
        shutil.copy(warehouse / "cbec.duckdb", folder / "cbec.duckdb")
        with duckdb.connect(str(folder / "cbec.duckdb")) as connection:
            connection.execute("update meta.publication set run_id = ?", [version])
            large = connection.execute(
                "select schema_name || '.' || table_name from duckdb_tables() where estimated_size > 3000"
                " and schema_name in ('marts', 'quality', 'estimates') and table_name <> ?",
                [COPIED],
            ).fetchall()
            for table in {"marts.index_score", "quality.finding", *(row[0] for row in large)}:
                connection.execute(
                    f"delete from {table} where rowid not in (select rowid from {table} order by rowid limit ?)",
                    [kept],
                )
            connection.execute("checkpoint")
        folders.append(folder)
    return folders[0], folders[1]
