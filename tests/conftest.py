"""One real build per test session; every test that reads a warehouse reads that one."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from filelock import FileLock

from tests.dashboard.browser import CHROMIUM, FLAGS

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
# Everything a build reads; a test that spoils something spoils a copy of these.
PROJECT_PARTS = ("dbt_project.yml", "profiles.yml", "macros", "models", "python_models", "seeds", "analyses")


def run_cbec(
    *arguments: str, warehouse: Path, root: Path = ROOT, **options: object
) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does, in its own process."""
    # What a developer has imported must not reach the tests.
    folders = {"CBEC_WAREHOUSE": str(warehouse), "CBEC_LANDING": str(warehouse / "landing")}
    env = os.environ | folders | dict(options.pop("env", {}))  # type: ignore[arg-type]
    return subprocess.run(
        [sys.executable, "-m", "cbec.cli", *arguments],
        cwd=root, env=env, capture_output=True, text=True, timeout=1800, check=False, **options,  # type: ignore[call-overload]
    )  # fmt: skip


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


def built_once(factory: pytest.TempPathFactory, command: str) -> Path:
    """Folder of a warehouse that the first of the test processes builds and all of them read."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / f"warehouse_{command}"
    with FileLock(f"{folder}.lock"):
        if not Path(f"{folder}.built").exists():
            done = run_cbec(command, warehouse=folder)
            assert done.returncode == 0, done.stderr
            Path(f"{folder}.built").touch()
    return folder


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
    shutil.copy(warehouse / "cbec.duckdb", copy)
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
