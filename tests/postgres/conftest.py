from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
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


# Tables that tests look at; what happens to them does not hang on a hundred others.
NAMED = (
    "observation", "index_score", "index_weight", "finding", "digit_context", "fit", "att", "unit", "indicator",
    "region", COPIED,
)  # fmt: skip


def cut_short(
    source: Path, folder: Path, longest: int, kept: int, whole: str = "", *also: str, only: Sequence[str] = ()
) -> None:
    """A copy of a published file in which tables of more than `longest` rows, and `also`, keep their first.
    only: names of the tables that stay, beside those of meta; all of them without it."""
    shutil.copy(source / "cbec.duckdb", folder / "cbec.duckdb")
    with duckdb.connect(str(folder / "cbec.duckdb")) as connection:
        gone = connection.execute(
            "select schema_name || '.' || table_name from duckdb_tables() where schema_name <> 'meta'"
            " and not list_contains(?, table_name)", [list(only)],
        ).fetchall()  # fmt: skip
        for (table,) in gone if only else ():
            connection.execute(f"drop table {table}")
        large = connection.execute(
            "select schema_name || '.' || table_name from duckdb_tables() where estimated_size > ?"
            " and schema_name in ('marts', 'quality', 'estimates') and table_name <> ?",
            [longest, whole],
        ).fetchall()
        for table in {*also, *(row[0] for row in large)}:
            connection.execute(f"delete from {table} where rowid >= ?", [kept])
        connection.execute("checkpoint")


@pytest.fixture(scope="session")
def long_enough(warehouse: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published file with at most 20,000 rows a table: a million rows more tell nothing more."""
    folder = tmp_path_factory.mktemp("long_enough")
    cut_short(warehouse, folder, 20_000, 20_000)
    return folder


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
        cut_short(warehouse, folder, 3000, kept, COPIED, "marts.index_score", "quality.finding", only=NAMED)
        with duckdb.connect(str(folder / "cbec.duckdb")) as connection:
            connection.execute("update meta.publication set run_id = ?", [version])
        folders.append(folder)
    return folders[0], folders[1]
