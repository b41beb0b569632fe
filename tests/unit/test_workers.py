"""Worker processes end with their parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cbec.common import workers
from tests.conftest import ROOT

CODE = """
import multiprocessing.forkserver, os, time
from cbec.common.workers import prepare_workers, worker_pool

def first():
    pass

def pid(_):
    time.sleep(0.3)
    return os.getpid()

if __name__ == "__main__":
    PREPARE
    with worker_pool(2, first) as pool:
        server = multiprocessing.forkserver._forkserver._forkserver_pid
        print(*{*pool.map(pid, range(8))}, *([server] if server else []), flush=True)
        WAIT
"""


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc here")
@pytest.mark.parametrize("wait", ["time.sleep(600)", "list(pool.map(time.sleep, [600, 600]))"])
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("prepare", ["pass", "prepare_workers(['decimal'])"])
def test_workers_end_with_a_parent_that_is_killed(
    tmp_path: Path, wait: str, how: signal.Signals, prepare: str
) -> None:
    """Idle or at work, they do not stay behind with the tables that they were given."""
    script = tmp_path / "parent.py"
    script.write_text(CODE.replace("WAIT", wait).replace("PREPARE", prepare))
    parent = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, text=True, cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert parent.stdout is not None
    workers = [int(word) for word in parent.stdout.readline().split()]
    assert len(workers) > (prepare != "pass"), "and the server that they are forked from"
    assert all(runs(pid) for pid in workers)
    parent.send_signal(how)
    parent.wait(timeout=120)
    parent.stdout.close()
    deadline = time.monotonic() + 120
    while any(runs(pid) for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.1)
    left = [pid for pid in workers if runs(pid)]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert left == []


def test_the_pace_of_a_machine_is_bounded_and_follows_its_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(1000))
    # Each look at the clock is a second later, so that the loop takes one.
    monkeypatch.setattr(workers.time, "thread_time", lambda: float(next(clock)))
    for seconds, expected in ((1e-9, 6.0), (0.5, 2.0), (1e9, 1.0)):
        workers.pace.cache_clear()
        monkeypatch.setattr(workers, "SECONDS_OF_A_LOOP", seconds)
        assert workers.pace() == expected
    workers.pace.cache_clear()
