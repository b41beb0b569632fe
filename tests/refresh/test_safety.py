"""Readers never err and the published file is whole, whatever happens to a refresh. Everything here is real."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path

import duckdb
import pytest

from tests.conftest import LONG, paused_with_the_lock, small_disk
from tests.refresh.conftest import Small

READERS, REFRESHES = (10, 20) if LONG else (4, 5)
# In each phase.
KILLS = int(os.environ.get("CBEC_TEST_KILLS", "1"))

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
    first = small.version()
    readers = [
        subprocess.Popen([sys.executable, "-c", READER, str(small.database), str(stop)],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(READERS)
    ]  # fmt: skip
    try:
        done = small.run(REFRESHER, str(REFRESHES))
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


# Kills itself in a phase of a run: some seconds after its start, or just before its end.
KILLED = """
import contextlib, os, signal, sys, threading
from cbec.pipeline import build, dbt, refresh, runlog
wanted, seconds, at_end, verb = sys.argv[1], float(sys.argv[2]), sys.argv[3] == "end", sys.argv[4:]
die = lambda: os.kill(os.getpid(), signal.SIGKILL)
phase = runlog.phase
@contextlib.contextmanager
def dying(run, name):
    with phase(run, name):
        if name == wanted and not at_end:
            threading.Timer(seconds, die).start()
        yield
        if name == wanted and at_end:
            die()
build.phase = dbt.phase = refresh.phase = dying
sys.argv = ["cbec", *verb]
from cbec.cli import main
main()
"""
VERBS = ("refresh", "build", "full", "watch")


# The verb to which something happens in a phase, where not each of them meets it.
MET_BY = {
    "import": "watch", "check seeds": "refresh", "load dbt": "build", "copy": "refresh",
    "seeds, models and tests": "full", "docs": "watch", "publish": "build", "report": "full",
}  # fmt: skip


def struck(phases: Iterable[str], verb: str) -> list[tuple[int, str]]:
    """Phases of a verb in which something happens to it, with their places: those of MET_BY, and with LONG
    all of them. A phase that is not listed there is an error."""
    found = [(place, name) for place, name in enumerate(phases) if MET_BY[name] == verb or LONG]
    assert {name for name, by in MET_BY.items() if by == verb} <= {name for _, name in found}
    return found


def verb_of(small: Small, name: str) -> tuple[str, ...]:
    return {
        "refresh": ("refresh",), "build": ("build",), "full": ("build", "--full"),
        "watch": ("refresh", "--watch", str(small.watched)),
    }[name]  # fmt: skip


def feed(small: Small, number: int) -> None:
    """Something new for any verb: another version of the seed, and of the file in the watched folder."""
    small.stamp(number)
    file = small.watched / "figures.csv"
    file.write_text(f"城市,年份,GDP(亿元)\n保定市,2014,{2000 + number / 10}\n", encoding="utf-8")
    # At rest for long.
    os.utime(file, (0, 0))


def phases(small: Small, *verb: str) -> dict[str, float]:
    """Seconds of each phase of a run, from its log."""
    done = small.cbec(*verb)
    assert done.returncode == 0, done.stderr
    last = json.loads((small.warehouse / "run_log.jsonl").read_text().splitlines()[-1])
    return {name: float(seconds) for name, seconds in last["phases"].items()}


def assert_landed_as_published(small: Small) -> None:
    """The published file is built from all that has landed, and from nothing else."""
    with duckdb.connect(str(small.database), read_only=True) as connection:
        known = {sha for (sha,) in connection.sql("select sha256 from meta.landed_file").fetchall()}
    assert {path.stem for path in (small.warehouse / "landing").glob("*.parquet")} == known


@pytest.mark.parametrize("verb", VERBS)
def test_kill_in_every_phase(small: Small, verb: str) -> None:
    """The published file is the one before or the one after, whole; the next run repairs."""
    clock = random.Random(20150307 + KILLS)
    feed(small, 1000)
    words = verb_of(small, verb)
    seconds = phases(small, *words)
    assert {"check seeds", "load dbt", "seeds, models and tests", "publish", "report"} <= seconds.keys()
    assert ("import" in seconds) == (verb == "watch")
    before, outcomes = small.version(), {"before": 0, "after": 0, "ended": 0}
    kills = [(name, place + k) for place, name in struck(seconds, verb) for k in range(KILLS)]
    for number, (name, turn) in enumerate(kills):
        feed(small, 2000 + number)
        # In turn, and another way for the next verb, so that one kill of a phase does not always hit its end.
        how = ("inside", "end")[(turn + VERBS.index(verb)) % 2]
        killed = small.run(KILLED, name, str(clock.uniform(0, 1) * seconds[name]), how, *words)
        now = small.version()
        outcome = "before" if now == before else "after"
        if killed.returncode != -signal.SIGKILL:
            # The phase was shorter this time.
            assert killed.returncode == 0, killed.stderr
            outcome = "ended"
        assert now[1] in (before[1], 2000 + number)
        if outcome != "ended" and [*seconds].index(name) < [*seconds].index("publish"):
            assert outcome == "before", name
        outcomes[outcome] += 1
        before = now
    print(f"\n{verb}: {KILLS} kills in each of {', '.join(seconds)}: {outcomes}")
    assert not LONG or outcomes["before"] > len(kills) // 3
    feed(small, 3000)
    done = small.cbec(*words)
    assert done.returncode == 0, done.stderr
    assert small.version()[1] == 3000
    _assert_tidy(small)
    assert_landed_as_published(small)
    assert {outcome for _, outcome, _ in small.log()} <= {"published", "killed", "nothing new"}


@pytest.mark.parametrize("name", ["load dbt", "seeds, models and tests", "publish"])
def test_ctrl_c_is_told_and_harms_nothing(small: Small, name: str) -> None:
    """Exit code 130 as of any command, also while dbt runs, which takes an interruption for an error."""
    before = small.version()
    feed(small, 1500)
    # A shell's job in the background ignores it, and what it starts.
    heeding = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
    stopped = small.run(heeding + KILLED.replace("SIGKILL", "SIGINT"), name, "0", "end", "build")
    assert stopped.returncode == 130, stopped.stderr
    assert stopped.stderr.strip() == (
        "cbec: interrupted; what was published and what had landed stand as they were"
    )
    now = small.version()
    assert now == before if name != "publish" else now[1] in (before[1], 1500)
    if now == before:
        assert small.log()[-1][1:] == ("interrupted", 130)
    feed(small, 1501)
    done = small.cbec("build")
    assert done.returncode == 0, done.stderr
    assert small.version()[1] == 1501
    _assert_tidy(small)


def test_a_reader_connected_for_a_whole_build_stays_on_its_version(small: Small) -> None:
    before = small.version()
    lasting = duckdb.connect(str(small.database), read_only=True)
    query = "select (select run_id from meta.publication), min(stamp), max(stamp) from marts.first"
    answers, stop = [], threading.Event()

    def read() -> None:
        while not stop.is_set():
            answers.append(lasting.execute(query).fetchone())

    reader = threading.Thread(target=read)
    reader.start()
    small.stamp(60)
    done = small.cbec("build")
    stop.set()
    reader.join()
    assert done.returncode == 0, done.stderr
    assert set(answers) == {(before[0], before[1], before[1])}
    lasting.close()
    assert small.version()[1] == 60, "a new connection sees the new version"


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
    killed = small.run(MOMENTS, str(moment))
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
    assert "of first, first rows that fail:" in done.stderr
    assert "stamp = -1" in done.stderr
    assert small.version() == before
    assert small.log()[-1][1:] == ("failed", 4)
    small.stamp(7)
    assert small.cbec("refresh").returncode == 0
    assert small.version()[1] == 7
    _assert_tidy(small)


# Builds, and another process lands a file when all has been read.
LANDING_MEANWHILE = """
import contextlib, pathlib, sys
from cbec.ingest.command import Options, import_paths
from cbec.pipeline import build, runlog
from cbec.project import Project
phase = runlog.phase
# The build itself changes where its own process lands.
project = Project.here()
@contextlib.contextmanager
def meanwhile(run, name):
    with phase(run, name):
        if name == sys.argv[1]:
            done = import_paths(project, [pathlib.Path(sys.argv[2])], Options())
            assert [outcome.action for outcome in done.outcomes] == ["landed"]
        yield
build.phase = meanwhile
from cbec.pipeline import dbt
dbt.phase = meanwhile
print(build.build(project, is_full=True).warnings)
"""


@pytest.mark.parametrize("phase", ["load dbt", "seeds, models and tests", "publish"])
def test_what_lands_during_a_build_is_for_the_next(small: Small, tmp_path: Path, phase: str) -> None:
    name = "assert_landed_inputs_are_landed_files.sql"
    shutil.copy(Path(__file__).parents[1] / name, small.root / "tests" / name)
    small.stamp(11)
    file = tmp_path / "figures.csv"
    file.write_text("城市,年份,GDP(亿元)\n保定市,2014,2000\n", encoding="utf-8")
    done = small.run(LANDING_MEANWHILE, phase, str(file))
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("[]")
    assert small.version()[1] == 11
    query = "select count(*) from staging.stg_landing__observation"
    with duckdb.connect(str(small.database), read_only=True) as connection:
        assert connection.sql(query).fetchone() == (0,)
    assert small.cbec("refresh").returncode == 0
    with duckdb.connect(str(small.database), read_only=True) as connection:
        assert connection.sql(query).fetchone() == (1,)


def test_a_bad_seed_row_is_refused(small: Small) -> None:
    before = small.version()
    (small.root / "seeds/refresh/stamp.csv").write_text("stamp\nfive\n")
    done = small.cbec("refresh")
    assert done.returncode == 2
    assert "seeds/refresh/stamp.csv:2: stamp 'five'" in done.stderr
    assert small.version() == before
    assert small.log()[-1][1:] == ("refused", 2)


# Fills the disk when a phase begins, but for so many kB.
FILLED = """
import contextlib, os, sys
from cbec.pipeline import build, dbt, refresh, runlog
wanted, filler, spare, verb = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:]
phase = runlog.phase
@contextlib.contextmanager
def crowded(run, name):
    with phase(run, name):
        if name == wanted:
            room = os.statvfs(os.path.dirname(filler))
            with open(filler, "wb") as file, contextlib.suppress(OSError):
                file.write(b"0" * max(room.f_bavail * room.f_frsize - spare * 1024, 0))
        yield
build.phase = dbt.phase = refresh.phase = crowded
sys.argv = ["cbec", *verb]
from cbec.cli import main
main()
"""


@pytest.mark.parametrize("verb", VERBS)
def test_a_disk_that_fills_in_any_phase(small: Small, tmp_path: Path, verb: str) -> None:
    """A file system of its own: the version before or the one after, whole, and the reason in words."""
    disk = tmp_path / "disk"
    size = sum(p.stat().st_size for p in small.warehouse.rglob("*") if p.is_file() and not p.is_symlink())
    with small_disk(disk, f"{size // 1024 + 24000}k"):
        crowded = Small(small.root, disk / "warehouse", small.watched)
        shutil.copytree(small.warehouse, crowded.warehouse, symlinks=True)
        words = verb_of(crowded, verb)
        feed(crowded, 4000)
        told: dict[str, str] = {}
        for number, name in struck(phases(crowded, *words), verb):
            # In turn, and the other way for the next verb.
            spare = (0, 600)[(number + VERBS.index(verb)) % 2]
            before = crowded.version()
            feed(crowded, 4001 + number)
            done = crowded.run(FILLED, name, str(disk / "filler"), str(spare), *words)
            assert "Traceback" not in done.stderr, done.stderr
            now = crowded.version()
            # With no room at all only the report can be missing.
            may_pass = (0,) if spare or name == "report" else ()
            assert done.returncode in (4, *may_pass), done.stdout + done.stderr
            if done.returncode == 4:
                assert "nothing was published" in done.stderr or "the disk is full" in done.stderr
                assert now == before
            else:
                # What is made beside the file may be missing: told, and made by the next run.
                assert now[1] == 4001 + number
            told[f"{name}, {spare} kB left"] = re.sub(r"\s+", " ", done.stderr)[-100:]
            (disk / "filler").unlink()
        if LONG:
            assert sum("No space" in said or "full" in said for said in told.values()) > len(told) // 2, told
        feed(crowded, 5000)
        done = crowded.cbec(*words)
        assert done.returncode == 0, done.stderr
        assert crowded.version()[1] == 5000
        _assert_tidy(crowded)
        assert_landed_as_published(crowded)


@pytest.mark.parametrize("days", ["-400d", "+400d"])
def test_a_clock_that_was_set(small: Small, days: str) -> None:
    """Back or forth: the version before is the one that was made before, and the last ones are kept."""
    if not shutil.which("faketime"):
        pytest.skip("no faketime to set a clock with")
    made = [small.version()[0]]
    for number, clock in enumerate((None, days, None, days)):
        small.stamp(70 + number)
        words = [sys.executable, "-m", "cbec.cli", "refresh", "--keep", "3"]
        words = ["faketime", "-f", clock, *words] if clock else words
        # What waits counts on a clock that nobody sets.
        env = small.environment | {"DONT_FAKE_MONOTONIC": "1"}
        done = subprocess.run(words, cwd=small.root, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert small.version()[1] == 70 + number
        made.append(small.version()[0])
    assert made != sorted(made)
    listed = small.cbec("rollback", "--list").stdout
    kept = sorted((run for run in made if run in listed), key=listed.index)
    assert kept == made[:-4:-1]
    assert small.cbec("rollback").returncode == 0
    assert small.version() == (made[-2], 72)
    assert small.cbec("rollback").returncode == 0
    assert small.version() == (made[-3], 71)
    assert small.cbec("rollback", "--to", made[-1]).returncode == 0
    assert small.version() == (made[-1], 73)
    assert small.cbec("refresh").returncode == 3
    _assert_tidy(small)


@pytest.mark.parametrize("verb", VERBS)
def test_a_size_limit_publishes_nothing(small: Small, verb: str) -> None:
    """A full disk as every user can have it: no file may grow beyond 256 kB."""
    before = small.version()
    small.stamp(11)
    command = f"ulimit -f 256; exec {sys.executable} -m cbec.cli {' '.join(verb_of(small, verb))}"
    done = subprocess.run(
        ["bash", "-c", command], cwd=small.root, env=small.environment, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.returncode == 4, done.stderr
    assert small.version() == before


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
    env = small.environment | {"PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(command, cwd=small.root, capture_output=True, text=True, check=False, env=env)
    finally:
        for path in folders:
            path.chmod(0o755 if path.is_dir() else 0o644)
    assert done.returncode == 4, done.stderr
    assert "nothing was published" in done.stderr
    assert "Permission denied" in done.stderr
    assert small.version() == before


@pytest.mark.parametrize("verb", VERBS)
def test_two_at_once(small: Small, verb: str) -> None:
    before = small.version()
    small.stamp(10)
    first = small.start(*verb_of(small, verb))
    with paused_with_the_lock(first, small.warehouse):
        second = small.cbec(*verb_of(small, verb))
    assert second.returncode == 5, second.stderr
    assert f"process {first.pid}" in second.stderr
    assert small.version() == before
    _, stderr = first.communicate(timeout=1800)
    assert first.returncode == 0, stderr
    assert small.version()[1] == 10
    _assert_tidy(small)
