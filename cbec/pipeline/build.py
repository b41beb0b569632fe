"""Build into a fresh file beside the published one, test it, and only then rename it over."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from cbec.common.files import publish_file, remove_leftovers, single_writer
from cbec.common.workers import prepare_workers
from cbec.demo.size import DEFAULT_SIZE, Size
from cbec.pipeline.dbt import DbtRun, run_dbt
from cbec.pipeline.history import (
    DOCS,
    PARQUET,
    REPORT,
    TRUTH,
    copy_to_parquet,
    link_or_copy,
    publish_run,
    repair,
)
from cbec.pipeline.inputs import (
    Input,
    code_inputs,
    fingerprint,
    landed_inputs,
    list_landed,
    published_inputs,
    stamps,
    touched_files,
)
from cbec.pipeline.metadata import write_metadata, write_parquet_files
from cbec.pipeline.rebuild import (
    compact,
)
from cbec.pipeline.runlog import (
    Progress,
    Run,
    file_sha256,
    is_as_published,
    logged,
    note,
    now_text,
    phase,
    published_run_id,
)
from cbec.project import KEEP, CbecError, Project
from cbec.registry.check import check_seeds
from cbec.registry.series import sentences
from cbec.report.images import Image, draw_images, write_images

MAX_SHOWN = 20


# What processes need that estimate, measure or draw.
WORKER_MODULES = (
    "pyfixest", "diff_diff", "linearmodels.panel", "cbec.studies.fit", "cbec.efficiency.frontier",
    "cbec.report.figures",
)  # fmt: skip


@dataclass
class BuildResult:
    """What a build did. phases: seconds by phase; nodes: seconds by dbt node."""

    run_id: str
    database: Path
    phases: dict[str, float]
    nodes: dict[str, float] = field(default_factory=dict)
    passed: int = 0
    warned: int = 0
    # Models that ran; all of them in a full build, and why it was one.
    n_run: int = 0
    reason_full: str = ""
    # Whether a version was published; False when nothing had changed.
    is_new: bool = True
    # What was published all the same, but not as it should be.
    warnings: list[str] = field(default_factory=list)
    # Which series the columns read of which somebody imported figures, in words.
    series: list[str] = field(default_factory=list)


def build(
    project: Project,
    *,
    target: str = "dev",
    size: Size = DEFAULT_SIZE,
    keep: int = KEEP,
    is_full: bool = False,
    progress: Progress | None = None,
) -> BuildResult:
    """Check seeds, build and test what changed, publish the file, its Parquet copies, docs and report.

    size: how much the demo draws. keep: published versions kept in the history, the new one among them.
    is_full: build everything anew, whatever the published file holds already; the result is the same.
    Raises CbecError: 2 when a seed row is bad, 4 when a model or a test failed or the disk did, 5 when
    another build runs. In each case the published files stay as they were.
    """
    if target == "demo":
        # Drawn anew each time.
        is_full = True
    elif not is_full and is_current(project, target):
        return BuildResult(published_run_id(project, target), project.database(target), {}, is_new=False)
    with one_run(project, "demo" if target == "demo" else "build", target) as (run, folder):
        return build_and_publish(
            project, run, folder, size=size, keep=keep, is_full=is_full, progress=progress
        )


def is_current(project: Project, target: str) -> bool:
    """Whether the published file is of these seeds, code and landed files, with all that belongs to it."""
    beside = (project.parquet(target), project.docs(target), project.report(target))
    if not project.database(target).is_file() or not all(path.exists() for path in beside):
        return False
    run_id = published_run_id(project, target)
    if run_id and (project.build_folder / run_id).exists():
        # A run that was stopped after its rename; the next one finishes it.
        return False
    inputs = [*code_inputs(project.root), *landed_inputs(project.landing)]
    if fingerprint(inputs) != fingerprint(published_inputs(project.database(target))):
        return False
    return is_as_published(project, target)


@contextlib.contextmanager
def one_run(project: Project, command: str, target: str) -> Iterator[tuple[Run, Path]]:
    """Hold the lock, repair what a killed run left, log the run, and give it a folder of its own."""
    try:
        with single_writer(project.build_folder):
            repair(project)
            run_id = f"{datetime.datetime.now(datetime.UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
            run = Run(run_id, command, target, now_text())
            folder = project.build_folder / run_id
            with logged(project, run):
                folder.mkdir()
                try:
                    yield run, folder
                except BaseException:
                    if published_run_id(project, target) != run_id:
                        # A full disk needs the room, the log first of all.
                        shutil.rmtree(folder, ignore_errors=True)
                    raise
            if not run.reason:
                remove_leftovers(project.build_folder)
    except OSError as error:
        raise CbecError(f"nothing was published: {error}", exit_code=4) from error


def build_and_publish(
    project: Project,
    run: Run,
    folder: Path,
    *,
    size: Size = DEFAULT_SIZE,
    landing: Path | None = None,
    landed: Sequence[Path] = (),
    keep: int = KEEP,
    is_full: bool = False,
    progress: Progress | None = None,
) -> BuildResult:
    """The one builder. landing: folder of landed files to build from, instead of the project's; landed: those
    of them that are new, which come to the project's just before the build is published, so that a failed
    build lands nothing."""
    report = progress or (lambda phase, done, total: None)
    target = run.target
    database = folder / project.database(target).name
    if landing is None and target != "demo":
        # What lands during a build is for the next one.
        landing = as_landed(project.landing, folder / "landing")
    result = BuildResult(run.run_id, project.database(target), run.phases)
    with phase(run, "check seeds"):
        report("check seeds", 0, 1)
        violations = check_seeds(project.root)
        if violations:
            raise CbecError(_listed(violations), exit_code=2)
        before = stamps(project.root, landing or project.landing)
        # Before dbt reads them: what changes during the build is then new to the next refresh.
        inputs = code_inputs(project.root)
        if target == "demo":
            inputs.append(Input("environment", "size", hashlib.sha256(repr(size).encode()).hexdigest()))
        else:
            inputs += landed_inputs(landing or project.landing)
        run.inputs_sha256 = fingerprint(inputs)
    # A threaded sum has no fixed order, and two builds must agree to the last bit. Takes effect because
    # nothing has imported numpy yet.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if is_full or not project.database(target).is_file():
        # dbt reads the project on one core; what estimates all of it takes five seconds to import.
        prepare_workers(WORKER_MODULES)
    drawn = None
    if target == "demo":
        # Imported figures are real and have no place beside simulated ones.
        drawn = Project(folder / "project", folder, folder / "landing")
        _simulate(run, project, drawn, size, report)
    source = drawn.root if drawn else project.root
    # A relative path would follow dbt into the copied project.
    read_from = drawn.landing if drawn else landing or project.landing
    os.environ["CBEC_LANDING"] = str(read_from)
    os.environ["CBEC_LANDED_LIST"] = str(folder / "landed.csv")
    list_landed(read_from, folder / "landed.csv")
    # Seed files are hashed by the path that dbt_project.yml gives them, relative to the project.
    with contextlib.chdir(source):
        done = run_dbt(run, project, folder, database, inputs, is_full, report)
    result.nodes, result.n_run, result.reason_full = done.seconds, done.n_run, done.plan.reason
    result.passed = sum(test["status"] == "pass" for test in done.tests)
    result.warned = sum(test["status"] == "warn" for test in done.tests)
    with phase(run, "publish"):
        report("publish", 0, 1)
        try:
            if drawn:
                from cbec.demo.detector_score import write_detector_score

                write_detector_score(database, folder / TRUTH, project.root)
            write_metadata(project, database, run, done, inputs)
            with ThreadPoolExecutor(1) as beside:
                drawing = beside.submit(_draw, database, done, inputs)
                written = copy_to_parquet(database, folder / PARQUET, _copies(project, target, done))
            images, warnings = drawing.result()
            result.warnings += warnings
            with duckdb.connect(str(database)) as connection:
                write_images(connection, images)
                write_parquet_files(connection, written)
                if not drawn:
                    result.series = _series(connection)
            compact(database)
        except duckdb.Error as error:
            raise CbecError(f"nothing was published: {error}", exit_code=4) from error
        os.replace(folder / "target" / "static_index.html", folder / DOCS)
    with phase(run, "report"):
        report("report", 0, 1)
        result.warnings += _write_report(project, database, folder / REPORT, target, done.as_it_was)
    touched = touched_files(before, stamps(project.root, landing or project.landing))
    if touched:
        result.warnings.append(
            f"{', '.join(touched[:3])} changed while it was built; the next build starts from nothing"
        )
    else:
        # A file of which nobody knows what it was made from has no checksum, and is not built on.
        run.file_sha256 = file_sha256(database)
    # Before the rename, so that the next build knows the file also after a kill.
    note(project, run)
    _land(landed, project.landing)
    run.reason = publish_run(project, target, folder, keep)
    run.outcome, run.published_run_id = "published", run.run_id
    result.warnings += [run.reason] if run.reason else []
    report("publish", 1, 1)
    return result


def as_landed(landing: Path, copy: Path) -> Path:
    """A folder with the files that have landed by now, whatever comes to the other or goes from it."""
    copy.mkdir()
    for path in sorted(landing.glob("*.parquet")):
        # One that goes at this moment has not been there.
        with contextlib.suppress(FileNotFoundError):
            link_or_copy(path, copy / path.name)
    return copy


def _land(landed: Sequence[Path], landing: Path) -> None:
    """Bring landed files of a run to the landing folder, each whole or not at all."""
    landing.mkdir(parents=True, exist_ok=True)
    for path in landed:
        new = landing / f".{path.name}.new"
        new.unlink(missing_ok=True)
        link_or_copy(path, new)
        publish_file(new, landing / path.name)


def _copies(project: Project, target: str, done: DbtRun) -> dict[Path, str]:
    """Published Parquet copies of tables that came out as they were, with their SHA-256."""
    # The folder itself, not the link to it, which this run will point elsewhere.
    folder = project.parquet(target).resolve()
    return {
        folder / schema / f"{table}.parquet": sha256
        for (schema, table), sha256 in done.kept.parquet.items()
        if (schema, table) in done.as_it_was
    }


def _series(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Columns that read an imported series first; nothing of a project without series."""
    found = connection.sql(
        "select 1 from duckdb_tables() where schema_name = 'quality' and table_name = 'panel_series'"
    ).fetchall()
    if not found:
        return []
    rows = connection.sql(
        "select * from quality.panel_series"
        " order by max(if(is_shipped, 0, n_read)) over (partition by region_level, indicator_id) = 0,"
        " region_level, indicator_id, n_read desc, series_id"
    ).df()
    said = sentences(rows, "en")
    more = [f"... and {len(said) - MAX_SHOWN} more in quality.panel_series"] if len(said) > MAX_SHOWN else []
    return said[:MAX_SHOWN] + more


def _draw(database: Path, done: DbtRun, inputs: list[Input]) -> tuple[list[Image], list[str]]:
    """The figures of the report; what goes wrong is told, as of the report."""
    drawing = ("cbec/report/", "cbec/common/")
    code = fingerprint([i for i in inputs if i.kind == "environment" or i.path.startswith(drawing)])
    try:
        return draw_images(database, code, done.kept.images, workers=2), []
    except Exception as error:  # whatever it is: the figures are tested, only their picture is missing
        return [], [f"not every figure of the report was drawn: {type(error).__name__}: {error}"]


def _write_report(
    project: Project, database: Path, path: Path, target: str, as_it_was: frozenset[tuple[str, str]]
) -> list[str]:
    """Write the report of changes; what goes wrong is told and keeps nothing from being published."""
    try:
        from cbec.report.page import write_page

        write_page(database, project.database(target), path, as_it_was)
    except Exception as error:  # whatever it is: the figures are tested, only their picture is missing
        path.unlink(missing_ok=True)
        return [f"no report was written: {type(error).__name__}: {error}"]
    return []


def _simulate(run: Run, project: Project, drawn: Project, size: Size, report: Progress) -> None:
    """Draw the yearbooks and take them in by the same import as real ones."""
    from cbec.demo.simulate import simulate_project
    from cbec.ingest.command import Options, import_paths

    with phase(run, "simulate"):
        report("simulate", 0, 1)
        books = drawn.warehouse / "yearbooks"
        simulate_project(project.root, drawn.root, books, drawn.warehouse / TRUTH, size)
    with phase(run, "import"):
        imported = import_paths(
            drawn,
            [books],
            Options(is_demo=True),
            lambda name, done, total: report(f"import {name}", done, total),
        )
    problems = [p for o in imported.outcomes if o.action != "landed" for p in o.imported.errors]
    if problems:
        raise CbecError("\n".join(str(p) for p in problems[:MAX_SHOWN]), exit_code=4)


def _listed(violations: list[Any]) -> str:
    shown = [str(violation) for violation in violations[:MAX_SHOWN]]
    if len(violations) > MAX_SHOWN:
        shown.append(f"... and {len(violations) - MAX_SHOWN} more")
    return "\n".join([f"{len(violations)} bad seed row(s); nothing was published", *shown])
