"""The published file is whole whatever happens to a build: real kills, a real full disk, real rivals."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from cbec.common.warehouse import connect
from tests.conftest import ROOT, copy_published, paused_with_the_lock, run_cbec


def start_build(warehouse: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "cbec.cli", "build", *options],
        cwd=ROOT, env=os.environ | {"CBEC_WAREHOUSE": str(warehouse)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def run_id(warehouse: Path) -> str:
    """Open the published file and read all of it; a torn file cannot do this."""
    with duckdb.connect(str(warehouse / "cbec.duckdb"), read_only=True) as connection:
        for schema, table, rows in connection.sql("from meta.table_size").fetchall():
            assert connection.sql(f"select count(*) from {schema}.{table}").fetchone() == (rows,)
            # Every value is read, and none becomes an object of Python.
            connection.sql(f"select bit_xor(hash(line)) from {schema}.{table} as line").fetchall()
        return connection.sql("select run_id from meta.publication").fetchone()[0]


@pytest.fixture
def published(warehouse: Path, tmp_path: Path) -> Path:
    """A folder of its own with a whole published file, to be attacked."""
    folder = tmp_path / "warehouse"
    folder.mkdir()
    copy_published(warehouse, folder)
    return folder


def test_kill_at_any_moment_leaves_the_published_file_whole(published: Path) -> None:
    before = run_id(published)
    clock = random.Random(20150307)
    # Spread over the start, the dbt run and the end, of a whole build and of one that starts from the published
    # file; the last build is left to finish and repairs.
    for seconds, options in ((1, ()), (9, ("--full",)), (5, ()), (25, ("--full",)), (9, ())):
        # Without its documentation a published file is built again, also when nothing else has changed.
        (published / "cbec_docs.html").unlink(missing_ok=True)
        build = start_build(published, *options)
        time.sleep(seconds + clock.uniform(0, 2))
        finished = build.poll() is not None
        build.send_signal(signal.SIGKILL)
        build.communicate()
        after = run_id(published)
        assert finished or after == before
        before = after
    (published / "cbec_docs.html").unlink(missing_ok=True)
    done = run_cbec("build", warehouse=published)
    assert done.returncode == 0, done.stderr
    assert run_id(published) != before
    left = sorted(path.name.partition("-")[0] for path in (published / ".build").iterdir())
    assert left == ["lock", "parsed"], "the next build clears what the killed ones left"


def test_two_builds_at_once(published: Path) -> None:
    before = run_id(published)
    first = start_build(published)
    with paused_with_the_lock(first, published):
        second = run_cbec("build", warehouse=published)
    assert second.returncode == 5
    assert f"process {first.pid}" in second.stderr
    assert run_id(published) == before
    _, stderr = first.communicate(timeout=1800)
    assert first.returncode == 0, stderr
    assert run_id(published) != before


def test_a_reader_connected_for_the_whole_build_never_errs(published: Path) -> None:
    stop = threading.Event()
    answers: list[tuple[str, int]] = []
    failures: list[BaseException] = []
    lasting = duckdb.connect(str(published / "cbec.duckdb"), read_only=True)
    query = "select run_id, (select sum(n_obs) from estimates.regression) from meta.publication"

    def read() -> None:
        while not stop.is_set():
            try:
                answers.append(lasting.execute(query).fetchone())
            except duckdb.Error as error:
                failures.append(error)
                return

    reader = threading.Thread(target=read)
    reader.start()
    done = run_cbec("build", warehouse=published)
    stop.set()
    reader.join()
    assert done.returncode == 0, done.stderr
    assert not failures
    assert len(set(answers)) == 1, "a connection stays on the version it opened"
    lasting.close()
    assert run_id(published) != answers[0][0], "a new connection sees the new version"


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip(f"cannot mount a small disk here: {made.stderr.decode().strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize(("spare", "options"), [(0, ()), (0, ("--full",)), (4, ()), (12, ("--full",))])
def test_a_full_disk_leaves_the_published_file_whole(
    warehouse: Path, tmp_path: Path, spare: int, options: tuple[str, ...]
) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    size = sum((warehouse / name).stat().st_size for name in ("cbec.duckdb", "run_log.jsonl"))
    with small_disk(folder, f"{size // 2**20 + 1 + spare}m"):
        copy_published(warehouse, folder)
        before = run_id(folder)
        done = run_cbec("build", *options, warehouse=folder)
        assert done.returncode == 4, done.stderr
        assert "nothing was published" in done.stderr
        assert run_id(folder) == before


@pytest.mark.parametrize("option", ["", "--full"])
def test_a_size_limit_leaves_the_published_file_whole(published: Path, option: str) -> None:
    """A full disk as every user can have it: no file may grow beyond 2 MB."""
    before = run_id(published)
    done = subprocess.run(
        ["bash", "-c", f"ulimit -f 2048; exec {sys.executable} -m cbec.cli build {option}"],
        cwd=ROOT, env=os.environ | {"CBEC_WAREHOUSE": str(published)},
        capture_output=True, text=True, check=False, timeout=1800,
    )  # fmt: skip
    assert done.returncode == 4, done.stderr
    assert run_id(published) == before


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    done = run_cbec("build", warehouse=blocked)
    assert done.returncode == 4
    assert "nothing was published" in done.stderr


def test_a_bad_seed_row_publishes_nothing(published: Path, project_copy: Path, edit) -> None:
    before = run_id(published)
    row = "110000,2016,broadband_access_ports,nbs_annual,1784.0,10k_ports"
    line = edit(project_copy / "seeds/yearbook/province_yearbook.csv", row, row.replace("1784.0", "1，784"))
    done = run_cbec("build", warehouse=published, root=project_copy)
    assert done.returncode == 2
    assert f"seeds/yearbook/province_yearbook.csv:{line}: value '1，784'" in done.stderr
    assert "nearest valid: 1784" in done.stderr
    assert run_id(published) == before


def test_a_failing_data_test_publishes_nothing(published: Path, project_copy: Path, edit) -> None:
    before = run_id(published)
    edit(project_copy / "seeds/registry/known_gap.csv",
         "prefecture,530100,2009,university_students_enrolled,nbs_major_cities,O,blank in the publication; reason not given,nbs_city_a0801\n",
         "")  # fmt: skip
    done = run_cbec("build", warehouse=published, root=project_copy)
    assert done.returncode == 4
    assert "assert_gaps_are_exactly_the_known_ones" in done.stderr
    assert run_id(published) == before


@pytest.mark.parametrize(
    "statement",
    [
        "create table marts.x (a int)",
        "drop table marts.observation",
        "update marts.observation set value = 0",
        "delete from quality.finding",
        "copy marts.observation to 'out.csv'",
        "select * from read_csv('/etc/passwd')",
        "select * from read_text('/etc/passwd')",
        "attach 'other.duckdb'",
        "install httpfs",
        "load httpfs",
        "set enable_external_access = true",
        "export database 'exported'",
    ],
)
def test_read_only_really_is(published: Path, statement: str) -> None:
    # A copy: one process cannot open one file with two configurations.
    with connect(published / "cbec.duckdb") as connection, pytest.raises(duckdb.Error):
        connection.execute(statement)
