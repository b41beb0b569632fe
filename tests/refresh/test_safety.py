"""Readers never err and the published file is whole, whatever happens to a refresh. Everything here is real."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import paused_with_the_lock
from tests.refresh.conftest import Small

READERS, REFRESHES = 10, 20
# 100 were run once by hand; the default keeps the suite short.
KILLS = int(os.environ.get("CBEC_TEST_KILLS", "6"))

# Opens the published file anew for each answer, as a dashboard does for each visitor.
READER = """
import pathlib, sys, time
from cbec.common.warehouse import connect
path, stop = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
QUERY = '''select (select run_id from meta.publication), min(stamp), max(stamp), count(*)
           from (select stamp from marts.first union all select stamp from marts.second)'''
while not stop.exists():
    with connect(path) as connection:
        for _ in range(3):
            print(*connection.execute(QUERY).fetchone(), flush=True)
            time.sleep(0.25)
"""
# One process, as a scheduler that stays up has it.
REFRESHER = """
import pathlib, sys
from cbec.project import Project
from cbec.pipeline.refresh import refresh
for number in range(100, 100 + int(sys.argv[1])):
    pathlib.Path('seeds/refresh/stamp.csv').write_text(f'stamp\\n{number}\\n')
    print(refresh(Project.here()).result.run_id, number, flush=True)
"""


def test_readers_see_one_consistent_version_through_all_refreshes(small: Small, tmp_path: Path) -> None:
    stop = tmp_path / "stop"
    env = os.environ | {
        "CBEC_WAREHOUSE": str(small.warehouse),
        "CBEC_LANDING": str(small.warehouse / "landing"),
    }
    first = small.version()
    readers = [
        subprocess.Popen([sys.executable, "-c", READER, str(small.database), str(stop)],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(READERS)
    ]  # fmt: skip
    try:
        done = subprocess.run(
            [sys.executable, "-c", REFRESHER, str(REFRESHES)], cwd=small.root, env=env,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    finally:
        stop.touch()
        ended = [reader.communicate(timeout=600) for reader in readers]
    assert done.returncode == 0, done.stderr
    published = {first, *((run, int(stamp)) for run, stamp in map(str.split, done.stdout.splitlines()))}
    assert len(published) == REFRESHES + 1
    seen: set[tuple[str, int]] = set()
    for reader, (stdout, stderr) in zip(readers, ended, strict=True):
        assert (reader.returncode, stderr) == (0, "")
        answers = [line.split() for line in stdout.splitlines()]
        assert len(answers) > REFRESHES
        for run, least, greatest, rows in answers:
            assert least == greatest, "two versions in one answer"
            assert rows == "40000"
            seen.add((run, int(least)))
    assert seen <= published
    assert len(seen) > REFRESHES // 2, "the readers met most of the versions"


def test_kill_at_random_moments(small: Small) -> None:
    clock = random.Random(20150307 + KILLS)
    started = time.monotonic()
    small.stamp(1000)
    assert small.cbec("refresh").returncode == 0
    # The machine's own pace decides how long a refresh lasts, and it changes with what else runs.
    length = time.monotonic() - started
    before, outcomes = small.version(), {"before": 0, "after": 0}
    for number in range(KILLS):
        small.stamp(2000 + number)
        run, started = small.start("refresh"), time.monotonic()
        # Every third kill falls into the last part, where files change places.
        share = clock.uniform(0.75, 1.05) if number % 3 == 2 else clock.uniform(0, 1)
        with contextlib.suppress(subprocess.TimeoutExpired):
            run.wait(timeout=share * length)
        length = time.monotonic() - started if run.returncode == 0 else length * 1.03
        with contextlib.suppress(ProcessLookupError):
            os.killpg(run.pid, signal.SIGKILL)
        run.communicate()
        now = small.version()
        if now == before:
            outcomes["before"] += 1
        else:
            assert now[1] == 2000 + number
            outcomes["after"] += 1
        before = now
    assert sum(outcomes.values()) == KILLS
    print(f"\n{KILLS} kills within {length:.1f} s: {outcomes}")
    done = small.cbec("refresh")
    assert done.returncode in (0, 3), done.stderr
    assert small.version()[1] == 2000 + KILLS - 1
    _assert_tidy(small)
    assert {outcome for _, outcome, _ in small.log()} <= {"published", "killed", "nothing new"}


def _assert_tidy(small: Small) -> None:
    """Nothing is left of killed runs, and all that stands beside the file belongs to it."""
    run_id, _ = small.version()
    # Beside the lock only what dbt has parsed, in one version.
    left = sorted(path.name.partition("-")[0] for path in (small.warehouse / ".build").iterdir())
    assert left in (["lock"], ["lock", "parsed"])
    assert (small.warehouse / "parquet").resolve().name == run_id
    kept = [path.name for path in (small.warehouse / "history/cbec").iterdir()]
    assert run_id in kept
    assert not [name for name in kept if name.startswith(".")]
    assert all(outcome for _, outcome, _ in small.log())


# Each is a rename or a link of publishing; the process kills itself just before it.
MOMENTS = """
import os, signal, sys
from cbec.project import Project
from cbec.pipeline.refresh import refresh
left = int(sys.argv[1])
def dying(function):
    def inner(*arguments, **options):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **options)
    return inner
from cbec.pipeline import build
publish = build.publish_run
def armed(*arguments, **options):
    os.replace, os.link = dying(os.replace), dying(os.link)
    return publish(*arguments, **options)
build.publish_run = armed
refresh(Project.here())
"""


@pytest.mark.parametrize("moment", [0, 1, 3, 5])
def test_kill_between_the_steps_of_publishing(small: Small, moment: int) -> None:
    """Before the file is renamed, just after, and between what follows; then the next run repairs."""
    before = small.version()
    small.stamp(50)
    env = os.environ | {
        "CBEC_WAREHOUSE": str(small.warehouse),
        "CBEC_LANDING": str(small.warehouse / "landing"),
    }
    killed = subprocess.run(
        [sys.executable, "-c", MOMENTS, str(moment)], cwd=small.root, env=env, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    now = small.version()
    assert now == before if moment == 0 else now[1] == 50
    done = small.cbec("refresh")
    assert done.returncode == (0 if moment == 0 else 3), done.stderr
    assert small.version()[1] == 50
    _assert_tidy(small)
    outcome = small.log()[-2][1]
    assert outcome == ("killed" if moment == 0 else "published")


def test_a_failing_data_test_publishes_nothing(small: Small) -> None:
    before = small.version()
    small.stamp(-1)
    done = small.cbec("refresh")
    assert done.returncode == 4
    assert "nothing was published" in done.stderr
    assert "assert_stamps_are_not_negative" in done.stderr
    assert small.version() == before
    assert small.log()[-1][1:] == ("failed", 4)
    small.stamp(7)
    assert small.cbec("refresh").returncode == 0
    assert small.version()[1] == 7
    _assert_tidy(small)


def test_a_bad_seed_row_is_refused(small: Small) -> None:
    before = small.version()
    (small.root / "seeds/refresh/stamp.csv").write_text("stamp\nfive\n")
    done = small.cbec("refresh")
    assert done.returncode == 2
    assert "seeds/refresh/stamp.csv:2: stamp 'five'" in done.stderr
    assert small.version() == before
    assert small.log()[-1][1:] == ("refused", 2)


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip(f"cannot mount a small disk here: {made.stderr.decode().strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("spare_kb", [0, 600])
def test_a_full_disk_publishes_nothing(small: Small, tmp_path: Path, spare_kb: int) -> None:
    """A file system of its own, full from the start or full in the middle of the build."""
    disk = tmp_path / "disk"
    size = sum(p.stat().st_size for p in small.warehouse.rglob("*") if p.is_file() and not p.is_symlink())
    with small_disk(disk, f"{size // 1024 + 16000}k"):
        crowded = Small(small.root, disk / "warehouse", small.watched)
        shutil.copytree(small.warehouse, crowded.warehouse, symlinks=True)
        before = crowded.version()
        small.stamp(8)
        room = os.statvfs(disk)
        with open(disk / "filler", "wb") as filler, contextlib.suppress(OSError):
            filler.write(b"0" * max(room.f_bavail * room.f_frsize - spare_kb * 1024, 0))
        done = crowded.cbec("refresh")
        assert done.returncode == 4, done.stdout + done.stderr
        assert "nothing was published" in done.stderr
        assert crowded.version() == before
        (disk / "filler").unlink()
        done = crowded.cbec("refresh")
        assert done.returncode == 0, done.stderr
        assert crowded.version()[1] == 8
        _assert_tidy(crowded)


def test_a_read_only_folder_publishes_nothing(small: Small) -> None:
    """As a user who owns nothing; the superuser may write anywhere."""
    before = small.version()
    small.stamp(9)
    command = [sys.executable, "-m", "cbec.cli", "refresh"]
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("no setpriv to become another user with")
        # Nobody, who may read everything (the interpreter may lie in the superuser's home) and write nothing.
        command = [
            "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
            "--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search", *command,
        ]  # fmt: skip
    folders = [small.warehouse, *(p for p in small.warehouse.rglob("*") if not p.is_symlink())]
    for path in folders:
        path.chmod(0o555 if path.is_dir() else 0o444)
    env = os.environ | {
        "CBEC_WAREHOUSE": str(small.warehouse),
        "CBEC_LANDING": str(small.warehouse / "landing"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    try:
        done = subprocess.run(command, cwd=small.root, capture_output=True, text=True, check=False, env=env)
    finally:
        for path in folders:
            path.chmod(0o755 if path.is_dir() else 0o644)
    assert done.returncode == 4, done.stderr
    assert "nothing was published" in done.stderr
    assert "Permission denied" in done.stderr
    assert small.version() == before


def test_two_refreshes_at_once(small: Small) -> None:
    before = small.version()
    small.stamp(10)
    first = small.start("refresh")
    with paused_with_the_lock(first, small.warehouse):
        second = small.cbec("refresh")
    assert second.returncode == 5, second.stderr
    assert f"process {first.pid}" in second.stderr
    assert small.version() == before
    _, stderr = first.communicate(timeout=1800)
    assert first.returncode == 0, stderr
    assert small.version()[1] == 10
    _assert_tidy(small)
