"""The command in a process forked from one that has imported what it needs: three to six seconds less a call.

What runs is `python -m cbec.cli` as a user starts it, with its own arguments, folder, environment and output.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

# Imported without starting threads, so that a fork of the server is safe.
MODULES = (
    "tests.warm", "cbec.cli", "cbec.pipeline.build", "cbec.pipeline.refresh", "cbec.pipeline.status",
    "cbec.ingest.command", "cbec.studies.fit", "cbec.studies.green_tfp", "cbec.report.command", "cbec.report.page",
    "cbec.export.command", "cbec.provenance.show", "cbec.referee.pack", "pyfixest", "diff_diff",
    "linearmodels.panel", "dbt.cli.main", "dbt.adapters.duckdb", "dbt.task.build", "dbt.task.docs.generate",
    "dbt.parser.manifest",
)  # fmt: skip


def call(
    arguments: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    *,
    module: str = "cbec.cli",
    code: str = "",
    timeout: float = 1800,
) -> subprocess.CompletedProcess[str]:
    """Run a module to its end, as `python -m` does, or code, as `python -c` does. Raises
    subprocess.TimeoutExpired."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(MODULES))
    # As a build sets it before numpy is imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory() as place:
        files = [f"{place}/stdout", f"{place}/stderr"]
        process = context.Process(
            target=_run, args=(module, code, list(arguments), str(folder), dict(environment), files)
        )
        process.start()
        process.join(timeout)
        if process.is_alive():
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(list(arguments), timeout)
        stdout, stderr = (Path(name).read_text(encoding="utf-8") for name in files)
    assert process.exitcode is not None
    return subprocess.CompletedProcess(list(arguments), process.exitcode, stdout, stderr)


def _run(
    module: str, code: str, arguments: list[str], folder: str, environment: dict[str, str], files: list[str]
) -> None:
    for number, name in enumerate(files, 1):
        handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(handle, number)
        os.close(handle)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", encoding="utf-8", closefd=False) for number in (1, 2))
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    # What a library that the command never imports has set up is none of its business.
    logging.root.handlers.clear()
    logging.root.setLevel(logging.WARNING)
    sys.argv = ["-c" if code else module, *arguments]
    if code:
        exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})
        return
    # Run as the main module, it is not taken for the one that others import.
    sys.modules.pop(module, None)
    runpy.run_module(module, run_name="__main__", alter_sys=True)
