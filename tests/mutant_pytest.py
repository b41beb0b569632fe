"""Runs pytest on a copy of the project, each time in a fork of a process that has imported the libraries.

Importing them costs more than most tests do. Nothing of the project is imported before the fork, so that each
run reads the files as they then are. `python mutant_pytest.py FOLDER SECONDS` reads a JSON list of arguments a
line, and answers each with a line of JSON: exit code (null when it did not end), and the end of the output.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

LIBRARIES = (
    "numpy", "pandas", "pyarrow", "scipy.stats", "scipy.optimize", "statsmodels.api", "pyfixest", "diff_diff",
    "linearmodels.panel", "duckdb", "highspy", "docx", "openpyxl", "jinja2", "yaml", "rich.table", "hypothesis",
)  # fmt: skip


def run(arguments: list[str], seconds: float) -> tuple[int | None, str]:
    """Exit code and output of pytest in a fork; None when it did not end in time."""
    import pytest

    with tempfile.TemporaryFile("w+") as output:
        child = os.fork()
        if not child:
            os.setsid()
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
            code = 3
            try:
                code = int(pytest.main(arguments))
            finally:
                sys.stdout.flush()
                os._exit(code)
        end, done, status = time.monotonic() + seconds, 0, 0
        while not done and time.monotonic() < end:
            done, status = os.waitpid(child, os.WNOHANG)
            time.sleep(0.0 if done else 0.05)
        # What the tests started goes with them.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        if not done:
            os.waitpid(child, 0)
        output.seek(0)
        return os.waitstatus_to_exitcode(status) if done else None, output.read()


def main() -> None:
    folder, seconds = Path(sys.argv[1]), float(sys.argv[2])
    os.chdir(folder)
    # In place of the folder of this file.
    sys.path[0] = str(folder)
    for name in LIBRARIES:
        importlib.import_module(name)
    for line in sys.stdin:
        code, output = run(json.loads(line), seconds)
        print(json.dumps([code, output[-4000:]]), flush=True)


if __name__ == "__main__":
    main()
