"""What every run did: one line when it starts, one when it ends, in warehouse/run_log.jsonl.

The log stands beside the published files, because a run that fails publishes nothing and must be remembered
all the same; each build copies it into the file it publishes (meta.run_log, meta.run_phase).
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from cbec.common.warehouse import connect
from cbec.project import INTERRUPTED, CbecError, Project

LOG_NAME = "run_log.jsonl"
# Outcome by exit code of the run that raised.
OUTCOMES = {2: "refused", 3: "nothing new", 4: "failed", INTERRUPTED: "interrupted"}
MAX_REASON = 4000


@dataclass
class Run:
    """One run. seconds of each phase, and what came in and went out; outcome is '' while it runs.

    outcome: published, nothing new, refused, failed, interrupted, rolled back (a person chose an earlier
    version), or killed (it never said how it ended). inputs_sha256: what it was built from, or the version
    rolled back from. file_sha256: the file as it was published, known before the rename.
    """

    run_id: str
    command: str
    target: str
    started_at: str
    ended_at: str = ""
    outcome: str = ""
    reason: str = ""
    exit_code: int | None = None
    phases: dict[str, float] = field(default_factory=dict)
    files_imported: int = 0
    cells_imported: int = 0
    rows_published: int | None = None
    published_run_id: str = ""
    inputs_sha256: str = ""
    file_sha256: str = ""


def now_text() -> str:
    """The present second as ISO 8601 in UTC."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def log_path(project: Project) -> Path:
    return project.warehouse / LOG_NAME


def note(project: Project, run: Run) -> None:
    """Add a line with what is known of a run and force it to disk. A line that a kill has torn is closed."""
    with open(log_path(project), "ab+") as log:
        if log.tell():
            log.seek(-1, os.SEEK_END)
            torn = log.read(1) != b"\n"
        else:
            torn = False
        log.write((b"\n" if torn else b"") + json.dumps(asdict(run), ensure_ascii=False).encode() + b"\n")
        log.flush()
        os.fsync(log.fileno())


def read_runs(project: Project, target: str = "") -> list[Run]:
    """Every run in the order of its start; a torn line is passed over."""
    path = log_path(project)
    if not path.is_file():
        return []
    runs: dict[str, Run] = {}
    known = set(Run.__dataclass_fields__)
    for line in path.read_bytes().splitlines():
        try:
            row: dict[str, Any] = json.loads(line)
            run = Run(**{key: value for key, value in row.items() if key in known})
        except (ValueError, TypeError, AttributeError):
            continue
        runs[run.run_id] = run
    return [run for run in runs.values() if target in ("", run.target)]


def close_unfinished(project: Project) -> None:
    """Say of runs that never ended whether their version was published. Call with the lock held."""
    for run in read_runs(project):
        if run.outcome:
            continue
        wanted = run.published_run_id or run.run_id
        if published_run_id(project, run.target) == wanted:
            run.outcome = "rolled back" if run.published_run_id else "published"
            run.reason, run.exit_code = "the process died after publishing; finished by the next run", 0
            run.published_run_id = wanted
        else:
            run.outcome, run.reason = "killed", "the process died; nothing was published"
        run.ended_at = now_text()
        note(project, run)


@contextlib.contextmanager
def logged(project: Project, run: Run) -> Iterator[Run]:
    """Log the start and the end of a run, whatever its end. A full disk must not hide why the run failed."""
    note(project, run)
    try:
        yield run
        run.exit_code = 0
    except BaseException as error:
        if published_run_id(project, run.target) == (run.published_run_id or run.run_id):
            # Stopped after publishing: the next run finishes it and says so.
            raise
        run.exit_code = error.exit_code if isinstance(error, CbecError) else 4
        run.reason = (str(error) or type(error).__name__)[:MAX_REASON]
        if isinstance(error, KeyboardInterrupt):
            run.exit_code, run.reason = INTERRUPTED, "by Ctrl-C; nothing was published"
        run.outcome = OUTCOMES.get(run.exit_code, "failed")
        run.ended_at = now_text()
        with contextlib.suppress(OSError):
            note(project, run)
        raise
    run.ended_at = now_text()
    # It is published already; only the log is behind, and the next run closes it.
    with contextlib.suppress(OSError):
        note(project, run)


def published_run_id(project: Project, target: str) -> str:
    """Run that made the published file; '' when there is none, or none that can be read."""
    path = project.database(target)
    if not path.is_file():
        return ""
    try:
        with connect(path) as connection:
            row = connection.execute("select run_id from meta.publication").fetchone()
    except duckdb.Error:
        return ""
    return str(row[0]) if row else ""


def recorded_sha256(project: Project, run_id: str) -> str:
    """SHA-256 of the file that a run published, as the log says; '' when it says nothing."""
    return next((run.file_sha256 for run in read_runs(project) if run.run_id == run_id), "")


def is_as_published(project: Project, target: str) -> bool:
    """Whether the published file is, byte for byte, the one that its run published."""
    path = project.database(target)
    if not path.is_file() or wal_of(path).exists():
        return False
    recorded = recorded_sha256(project, published_run_id(project, target))
    return bool(recorded) and file_sha256(path) == recorded


def wal_of(database: Path) -> Path:
    """What DuckDB leaves beside a file that was written into and not closed; readers see it as part of it."""
    return database.with_name(f"{database.name}.wal")


def file_sha256(path: Path) -> str:
    """SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_runs(connection: duckdb.DuckDBPyConnection, runs: list[Run]) -> None:
    """Create meta.run_log and meta.run_phase in a file that is being built."""
    connection.execute(
        "create table meta.run_log (run_id varchar, command varchar, target varchar,"
        " started_at timestamptz, ended_at timestamptz, seconds double, outcome varchar, exit_code integer,"
        " reason varchar, files_imported bigint, cells_imported bigint, rows_published bigint,"
        " published_run_id varchar)"
    )
    connection.execute("create table meta.run_phase (run_id varchar, phase varchar, seconds double)")
    for run in runs:
        connection.execute(
            "insert into meta.run_log select $1, $2, $3, $4::timestamptz, $5::timestamptz,"
            " epoch($5::timestamptz - $4::timestamptz), $6, $7, $8, $9, $10, $11, $12",
            [
                run.run_id, run.command, run.target, run.started_at, run.ended_at or None, run.outcome,
                run.exit_code, run.reason or None, run.files_imported, run.cells_imported,
                run.rows_published, run.published_run_id or None,
            ],
        )  # fmt: skip
        for phase, seconds in run.phases.items():
            connection.execute("insert into meta.run_phase values (?, ?, ?)", [run.run_id, phase, seconds])


Progress = Callable[[str, int, int], None]


@contextlib.contextmanager
def phase(run: Run, name: str) -> Iterator[None]:
    """Time a phase of a run; one that fails is timed too."""
    start = time.perf_counter()
    try:
        yield
    finally:
        run.phases[name] = time.perf_counter() - start
