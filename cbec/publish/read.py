"""Open a published file the way every reader must: read-only, with no way out of the file."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import duckdb

from cbec.project import CbecError, Project

# A reader may not write, read local files, install an extension, or undo these settings.
LOCKED = {"enable_external_access": "false", "lock_configuration": "true"}


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
    # Beside the interpreter first: `make shell` does not activate the environment.
    folders = [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
    shell = shutil.which("duckdb", path=os.pathsep.join(folders))
    if shell is None:
        raise CbecError("no DuckDB shell; it comes with the lock file", exit_code=2)
    settings = "; ".join(f"set {name} = {value}" for name, value in LOCKED.items())
    os.execv(shell, [shell, "-readonly", "-cmd", settings, str(path)])
