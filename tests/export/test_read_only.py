"""No statement that a reader can send writes, reads a local file, installs anything or unlocks the settings."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from cbec.common.warehouse import connect
from tests.conftest import ROOT, run_cbec

# {folder}: a folder that must stay empty.
REFUSED = [
    # write
    "create table marts.x (a int)",
    "create view marts.x as select 1",
    "create macro marts.x(a) as a",
    "drop table marts.observation",
    "drop schema marts cascade",
    "alter table marts.observation add column x int",
    "comment on table marts.observation is 'x'",
    "insert into marts.observation select * from marts.observation",
    "update marts.observation set value = 0",
    "delete from quality.finding",
    "truncate marts.observation",
    # attach
    "attach '{folder}/other.duckdb'",
    "attach ':memory:' as scratch",
    # read a local file
    "select * from '/etc/passwd'",
    "select * from read_csv('/etc/passwd')",
    "select * from read_text('/etc/passwd')",
    "select * from read_blob('/etc/passwd')",
    "select * from read_json('/etc/passwd')",
    "select * from read_parquet('/etc/passwd')",
    "select * from sniff_csv('/etc/passwd')",
    "select * from glob('/etc/*')",
    "select * from query('select * from read_text(''/etc/passwd'')')",
    "copy marts.observation from '/etc/passwd'",
    "import database '{folder}'",
    "select getenv('HOME')",
    "select * from a_frame_of_the_caller",
    # write a local file
    "copy marts.observation to '{folder}/out.csv'",
    "copy (select 1) to '{folder}/out.parquet' (format parquet)",
    "export database '{folder}/all'",
    "set profiling_output = '{folder}/profile.json'",
    "set temp_directory = '{folder}'",
    # secrets and extensions
    "create secret s (type s3, key_id 'a', secret 'b')",
    "create persistent secret s (type s3, key_id 'a', secret 'b')",
    "install httpfs",
    "install x from community",
    "load httpfs",
    "load '{folder}/x.duckdb_extension'",
    "update extensions",
    # settings
    "set enable_external_access = true",
    "reset enable_external_access",
    "set lock_configuration = false",
    "set memory_limit = '1GB'",
    "set allow_unsigned_extensions = true",
]
IN_THE_SHELL = [
    ".shell touch {folder}/ran",
    ".system touch {folder}/ran",
    ".read {folder}/../script.sql",
    ".open {folder}/other.duckdb",
    ".output {folder}/out.txt",
    ".once {folder}/out.txt",
    ".log {folder}/log.txt",
    ".import /etc/passwd x",
    ".cd {folder}",
]


@pytest.fixture(scope="module")
def file(warehouse: Path, module_folder: Callable[[str], Path]) -> Path:
    # A copy: one process cannot open one file with two configurations.
    return Path(shutil.copy(warehouse / "cbec.duckdb", module_folder("read_only")))


@pytest.fixture(scope="module")
def untouched(file: Path) -> Iterator[None]:
    before = hashlib.sha256(file.read_bytes()).hexdigest()
    yield
    assert hashlib.sha256(file.read_bytes()).hexdigest() == before
    assert {path.name for path in file.parent.iterdir()} == {file.name}, "nothing beside it either"


@pytest.mark.parametrize("statement", REFUSED)
@pytest.mark.usefixtures("untouched")
def test_the_connection_refuses(file: Path, tmp_path: Path, statement: str) -> None:
    import pandas as pd

    a_frame_of_the_caller = pd.DataFrame({"a": [1]})
    with connect(file) as connection:
        assert connection.execute("select count(*) > 0 from marts.observation").fetchone() == (True,)
        with pytest.raises(duckdb.Error):
            connection.execute(statement.format(folder=tmp_path)).fetchall()
    assert len(a_frame_of_the_caller) == 1
    assert not list(tmp_path.iterdir())


def test_a_log_cannot_be_written_to_a_file(file: Path, tmp_path: Path) -> None:
    """DuckDB 1.5.5 accepts the call, then may abort on the first line of the log: so in its own process."""
    code = (
        "import sys; from pathlib import Path; from cbec.common.warehouse import connect\n"
        "c = connect(Path(sys.argv[1]))\n"
        "c.execute(f\"call enable_logging(storage = 'file', storage_path = '{sys.argv[2]}')\")\n"
        "c.execute('select 1')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(file), str(tmp_path / "log")],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "file system operations are disabled" in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_query_that_does_not_fit_in_memory_leaves_no_file(file: Path) -> None:
    with connect(file) as connection:
        assert connection.execute("select current_setting('temp_directory')").fetchone() == ("",)


@pytest.mark.usefixtures("untouched")
def test_the_shell_refuses(warehouse: Path, tmp_path: Path) -> None:
    """All attempts in one session, each between two questions that must be answered."""
    folder = tmp_path / "empty"
    folder.mkdir()
    (tmp_path / "script.sql").write_text("select 'the script ran';")
    in_sql = [f"{statement};" for statement in REFUSED if "a_frame" not in statement]
    attempts = [text.format(folder=folder) for text in (*IN_THE_SHELL, *in_sql)]
    script = "\n".join(
        f"{attempt}\nselect 'still here ' || {number};" for number, attempt in enumerate(attempts)
    )
    done = run_cbec("shell", warehouse=warehouse, input=".mode list\n" + script + "\n")
    for number, attempt in enumerate(attempts):
        assert f"still here {number}\n" in done.stdout, attempt
    errors = done.stderr.count("Error") + done.stderr.count("cannot be used in -safe mode")
    assert errors >= len(attempts), done.stderr
    assert "the script ran" not in done.stdout
    assert "root:" not in done.stdout + done.stderr
    assert not list(folder.iterdir())
