"""A real server and a real browser: what the tests of the dashboard and its measurement share."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DRAWN = '[data-testid="stVegaLiteChart"] svg'


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(
    warehouse: Path, *options: str, program: Sequence[str] = ("-m", "cbec.cli"), **env: str
) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """`cbec serve` as a user starts it: its address, once the port is open, and its process."""
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, *program, "serve", "--port", str(port), *options],
        cwd=ROOT, env=os.environ | {"CBEC_WAREHOUSE": str(warehouse)} | env,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        wait_until_it_answers(port, server)
        yield f"http://127.0.0.1:{port}", server
    finally:
        server.terminate()
        server.communicate(timeout=120)


def wait_until_it_answers(port: int, server: subprocess.Popen[str], *, seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert server.poll() is None, f"the server stopped: {server.stderr and server.stderr.read()}"
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1) as answer:
                if answer.status == 200:
                    return
        except urllib.error.HTTPError:
            # It asks for a token.
            return
        except OSError:
            time.sleep(0.01)
    raise AssertionError("the server does not answer")
