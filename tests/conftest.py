"""One real build per test session; every test that reads a warehouse reads that one."""

from __future__ import annotations

import contextlib
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
from filelock import FileLock

from cbec.ingest.command import Options, import_paths
from cbec.pipeline.build import is_current
from cbec.project import Project
from tests import warm
from tests.dashboard.browser import CHROMIUM, FLAGS

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
YEARBOOK = SHARED / "yearbook"
# `make long`: every repetition and every whole build. Without it each mechanism is met once, on less.
LONG = bool(os.environ.get("CBEC_TEST_LONG"))
long_only = pytest.mark.skipif(not LONG, reason="takes minutes: make long")
# Everything a build reads; a test that spoils something spoils a copy of these.
PROJECT_PARTS = ("dbt_project.yml", "profiles.yml", "macros", "models", "python_models", "seeds", "analyses")


def run_cbec(
    *arguments: str, warehouse: Path, root: Path = ROOT, **options: object
) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does, in its own process; options: env, and what subprocess.run takes."""
    # What a developer has imported must not reach the tests.
    folders = {"CBEC_WAREHOUSE": str(warehouse), "CBEC_LANDING": str(warehouse / "landing")}
    more: dict[str, str] = dict(options.pop("env", {}))  # type: ignore[call-overload]
    env = os.environ | folders | more
    if not options and "PYTHONHASHSEED" not in more:
        return warm.call(arguments, root, env)
    return subprocess.run(
        [sys.executable, "-m", "cbec.cli", *arguments],
        cwd=root, env=env, capture_output=True, text=True, timeout=1800, check=False, **options,  # type: ignore[call-overload]
    )  # fmt: skip


def run_dbt(*arguments: str, database: Path, root: Path = ROOT, **env: str) -> None:
    """Run plain dbt on a file, with what it writes beside it."""
    folder = database.parent
    places = {"CBEC_BUILD_PATH": str(database), "CBEC_LANDING": str(folder / "landing")}
    options = [
        "--quiet", *arguments, "--project-dir", ".", "--profiles-dir", ".",
        "--target-path", str(folder / "target"), "--log-path", str(folder / "logs"),
    ]  # fmt: skip
    done = warm.call(options, root, os.environ | places | env, module="dbt.cli.main")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def module_folder(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Path]]:
    """New folders for fixtures of a module, that go with it: copies of a warehouse would else fill a small
    disk by the end of a run. Those of a module with a failure stay, to be looked at."""
    made: list[Path] = []

    def make(name: str) -> Path:
        made.append(tmp_path_factory.mktemp(name))
        return made[-1]

    n_failed = request.session.testsfailed
    yield make
    if request.session.testsfailed == n_failed:
        for folder in made:
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def paused_with_the_lock(process: subprocess.Popen[str], warehouse: Path) -> Iterator[None]:
    """A build or refresh that stands still while it is the only writer; it goes on afterwards.

    Two processes that are merely started one after the other reach the lock in either order.
    """
    lock = warehouse / ".build" / "lock"
    deadline = time.monotonic() + 300
    while not (lock.exists() and lock.read_text().strip() == str(process.pid)):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "it never took the lock"
        time.sleep(0.01)
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """A file system of its own; skips where none can be mounted."""
    folder.mkdir(exist_ok=True)
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip(f"cannot mount a small disk here: {made.stderr.decode().strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that the first of the test processes makes and all of them read."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    with FileLock(f"{folder}.lock"):
        if not Path(f"{folder}.made").exists():
            make(folder)
            Path(f"{folder}.made").touch()
    return folder


def copy_version(warehouse: Path, folder: Path) -> None:
    """The published version of a warehouse, with all that belongs to it and nothing of other versions."""
    run_id = (warehouse / "parquet").resolve().name
    folder.mkdir()
    for part in (f".parquet/{run_id}", f"history/cbec/{run_id}"):
        # The history holds the same files by another name.
        subprocess.run(["cp", "-a", "--parents", part, str(folder)], cwd=warehouse, check=True)
    for name, kept in (
        ("cbec.duckdb", "cbec.duckdb"),
        ("cbec_docs.html", "docs.html"),
        ("report.html", "report.html"),
    ):
        os.link(folder / "history/cbec" / run_id / kept, folder / name)
    (folder / "parquet").symlink_to(f".parquet/{run_id}")
    lines = (warehouse / "run_log.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / "run_log.jsonl").write_text("".join(line for line in lines if run_id in line), encoding="utf-8")


def built_once(factory: pytest.TempPathFactory, command: str) -> Path:
    """Folder of a warehouse that one of the test processes builds."""

    def make(folder: Path) -> None:
        there = Project(ROOT, ROOT / "warehouse", folder / "landing")
        if command == "build" and not LONG and is_current(there, "dev"):
            # As `make build` left it; `make long` builds another and compares the two.
            copy_version(there.warehouse, folder)
            return
        done = run_cbec(command, warehouse=folder, env={"PYTHONHASHSEED": HASH_SEED})
        assert done.returncode == 0, done.stderr

    return made_once(factory, f"warehouse_{command}", make)


# Another than that of a command started by hand, which is drawn: results must not hang on it.
HASH_SEED = "20150307"


@dataclass(frozen=True)
class Imported:
    """The real files and a small one of a user, imported (what the command said of the real ones), and the
    published warehouse with every table but the estimates built on them."""

    folder: Path

    @property
    def said(self) -> str:
        return (self.folder / "said.txt").read_text(encoding="utf-8")

    @property
    def database(self) -> Path:
        return self.folder / "warehouse/cbec.duckdb"


# In the encoding of old Chinese programs, with a column of fills that says so.
USER_FILE = """城市,年份,GDP(万元),插值_GDP(万元),第一产业增加值(亿元)
保定市,2014,28000000.5,28000000.5,400.25
保定市,2015,,29000000,410.5
保定市,2016,30000000,30000000,…
""".encode("gb18030")
# Growth of 2017, and so GDP, is in no edition: a figure of that year comes from elsewhere.
UNPRINTED = "城市,年份,GDP(亿元)\n保定市,2017,3227.3\n唐山市,2017,6530.15\n"


@pytest.fixture(scope="session")
def imported(tmp_path_factory: pytest.TempPathFactory, warehouse: Path) -> Imported:
    def make(folder: Path) -> None:
        folder.mkdir()
        (folder / "good.csv").write_bytes(USER_FILE)
        (folder / "unprinted.csv").write_text(UNPRINTED, encoding="utf-8")
        landing = {"CBEC_LANDING": str(folder / "landing")}
        own = (folder / "good.csv", folder / "unprinted.csv")
        for name, paths in (("said.txt", (SHARED / "real",)), ("user.txt", own)):
            done = run_cbec("import", *map(str, paths), warehouse=folder / "warehouse", env=landing)
            assert done.returncode == 0, done.stderr
            (folder / name).write_text(done.stdout, encoding="utf-8")
        copy_published(warehouse, folder / "warehouse")
        # What hangs on landed files and its tests, without the estimates.
        run_dbt(
            "build", "--select", "stg_landing__observation+", "stg_landing__total+",
            "--exclude", "path:python_models/estimates+",
            database=folder / "warehouse/cbec.duckdb", **landing,
        )  # fmt: skip

    return Imported(made_once(tmp_path_factory, "imported", make))


# One of each layout: sums of provinces to 2016, two scopes side by side or below one another.
EDITIONS = tuple(range(2010, 2025)) if LONG else (2010, 2014, 2017, 2021, 2024)


@pytest.fixture(scope="session")
def yearbook_read(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """EDITIONS of the yearbook (yearbook/) as they were read: landing/*.parquet, and what the import said of
    them (run.pickle)."""

    def make(folder: Path) -> None:
        for path in YEARBOOK.iterdir():
            if any(str(edition) in path.name for edition in EDITIONS):
                shutil.copytree(path, folder / "yearbook" / path.name)
        project = Project(ROOT, folder / "warehouse", folder / "landing")
        # What ships already would not land.
        run = import_paths(project, [folder / "yearbook"], Options(ignores_print=True))
        (folder / "run.pickle").write_bytes(pickle.dumps(run))

    return made_once(tmp_path_factory, "yearbook", make)


def copy_published(warehouse: Path, folder: Path) -> None:
    """A published file in another folder, with the log that says how it was published: built on there."""
    for name in ("cbec.duckdb", "run_log.jsonl"):
        shutil.copy(warehouse / name, folder / name)


@pytest.fixture(scope="session")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a published warehouse."""
    return built_once(tmp_path_factory, "build")


@pytest.fixture(scope="session")
def db(warehouse: Path, tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    # A process opens a file with one set of settings only; readers under test come with their own.
    copy = tmp_path_factory.mktemp("db") / "cbec.duckdb"
    os.link(warehouse / "cbec.duckdb", copy)
    return duckdb.connect(str(copy), read_only=True)


@pytest.fixture(scope="session")
def demo_warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a published demo warehouse: demo.duckdb and the truth beside it, demo_truth/."""
    return built_once(tmp_path_factory, "demo")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """The one Chromium of the session: Playwright starts once in a process."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.is_file():
        pytest.skip(f"{CHROMIUM} is not there")
    with api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        api.expect.set_options(timeout=30_000)
        yield chromium
        chromium.close()


@pytest.fixture
def project_copy(tmp_path: Path) -> Path:
    """A copy of the project that a test may spoil."""
    copy = tmp_path / "project"
    copy.mkdir()
    for part in (*PROJECT_PARTS, "tests"):
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(
                source,
                copy / part,
                ignore=shutil.ignore_patterns("*.py", "__pycache__") if part == "tests" else None,
            )
        else:
            shutil.copy(source, copy / part)
    return copy


@pytest.fixture
def edit() -> Callable[[Path, str, str], int]:
    """Replace the one place of a text in a file; gives the line number of the place."""

    def replace(path: Path, old: str, new: str) -> int:
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {path.name}"
        path.write_text(text.replace(old, new), encoding="utf-8")
        return text[: text.index(old)].count("\n") + 1

    return replace
