"""Open a published file the way every reader must: read-only, with no way out of the file."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import duckdb

from cbec.project import CbecError, Project

# A reader may not write (not even what does not fit in memory), read local files, install an extension, or
# undo these settings.
LOCKED = {"enable_external_access": "false", "temp_directory": "", "lock_configuration": "true"}


def published(project: Project, target: str) -> Path:
    """Path of the published file. Raises CbecError (exit code 2) when nothing was published yet."""
    path = project.database(target)
    if not path.is_file():
        verb = "make build" if target == "dev" else "make demo"
        raise CbecError(f"{path}: nothing published yet; run `{verb}`", exit_code=2)
    return path


def connect(path: Path) -> duckdb.DuckDBPyConnection:
    """A read-only connection that stays on the version it opened, whatever is published later."""
    return duckdb.connect(str(path), read_only=True, config=dict(LOCKED))


def replace_with_shell(path: Path) -> None:
    """Become the DuckDB shell on the published file, read-only. Does not return."""
    # The binary itself: the script that its package puts beside the interpreter changes a setting first,
    # which the safe mode refuses. That mode also turns off the shell's own commands that read, write or run.
    package = find_spec("duckdb_cli")
    if package is None or package.origin is None:
        raise CbecError("no DuckDB shell; it comes with the lock file", exit_code=2)
    shell = str(Path(package.origin).with_name("duckdb"))
    os.execv(shell, [shell, "-no-init", "-readonly", "-safe", str(path)])
