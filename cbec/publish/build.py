"""Build into a fresh file beside the published one, test it, and only then rename it over."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import logging
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb

from cbec.demo.size import DEFAULT_SIZE, Size
from cbec.project import KEEP, CbecError, Project
from cbec.publish.atomic import publish_file, remove_leftovers, single_writer
from cbec.publish.history import (
    DOCS,
    PARQUET,
    REPORT,
    TRUTH,
    copy_to_parquet,
    link_or_copy,
    publish_run,
    repair,
    tables,
)
from cbec.publish.inputs import (
    Input,
    code_inputs,
    landed_inputs,
    list_landed,
    published_inputs,
    together,
)
from cbec.publish.rebuild import (
    AlteredFile,
    Kept,
    Plan,
    changed_tables,
    close_books,
    compact,
    make_plan,
    name_of,
    node_states,
    parents_of,
    start_from,
    write_states,
)
from cbec.publish.runlog import (
    Run,
    file_sha256,
    is_as_published,
    logged,
    note,
    now_text,
    published_run_id,
    read_runs,
    recorded_sha256,
    write_runs,
)
from cbec.quality.seeds import check_seeds

MAX_SHOWN = 20
Progress = Callable[[str, int, int], None]


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
    elif not is_full and _is_current(project, target):
        return BuildResult(published_run_id(project, target), project.database(target), {}, is_new=False)
    with one_run(project, "demo" if target == "demo" else "build", target) as (run, folder):
        return build_and_publish(
            project, run, folder, size=size, keep=keep, is_full=is_full, progress=progress
        )


def _is_current(project: Project, target: str) -> bool:
    """Whether the published file is of these seeds, code and landed files, with all that belongs to it."""
    beside = (project.parquet(target), project.docs(target), project.report(target))
    if not project.database(target).is_file() or not all(path.exists() for path in beside):
        return False
    inputs = [*code_inputs(project.root), *landed_inputs(project.landing)]
    if together(inputs) != together(published_inputs(project.database(target))):
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
    result = BuildResult(run.run_id, project.database(target), run.phases)
    with phase(run, "check seeds"):
        report("check seeds", 0, 1)
        violations = check_seeds(project.root)
        if violations:
            raise CbecError(_listed(violations), exit_code=2)
        # Before dbt reads them: what changes during the build is then new to the next refresh.
        inputs = code_inputs(project.root)
        if target == "demo":
            inputs.append(Input("environment", "size", hashlib.sha256(repr(size).encode()).hexdigest()))
        else:
            inputs += landed_inputs(landing or project.landing)
        run.inputs_sha256 = together(inputs)
    # A threaded sum has no fixed order, and two builds must agree to the last bit. Takes effect because
    # nothing has imported numpy yet.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
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
        done = _run_dbt(run, project, folder, database, inputs, is_full, report)
    result.nodes, result.n_run, result.reason_full = done.seconds, done.n_run, done.plan.reason
    result.passed = sum(test["status"] == "pass" for test in done.tests)
    result.warned = sum(test["status"] == "warn" for test in done.tests)
    with phase(run, "publish"):
        report("publish", 0, 1)
        try:
            if drawn:
                from cbec.quality.score import write_detector_score

                write_detector_score(database, folder / TRUTH, project.root)
            _write_metadata(project, database, run, done, inputs)
            compact(database)
            copy_to_parquet(database, folder / PARQUET, project.parquet(target), done.as_it_was)
        except duckdb.Error as error:
            raise CbecError(f"nothing was published: {error}", exit_code=4) from error
        os.replace(folder / "target" / "static_index.html", folder / DOCS)
    with phase(run, "report"):
        report("report", 0, 1)
        result.warnings += _write_report(project, database, folder / REPORT, target)
    _land(landed, project.landing)
    # Before the rename, so that the next build knows the file also after a kill.
    run.file_sha256 = file_sha256(database)
    note(project, run)
    run.reason = publish_run(project, target, folder, keep)
    run.outcome, run.published_run_id = "published", run.run_id
    result.warnings += [run.reason] if run.reason else []
    report("publish", 1, 1)
    return result


def _land(landed: Sequence[Path], landing: Path) -> None:
    """Bring landed files of a run to the landing folder, each whole or not at all."""
    landing.mkdir(parents=True, exist_ok=True)
    for path in landed:
        new = landing / f".{path.name}.new"
        new.unlink(missing_ok=True)
        link_or_copy(path, new)
        publish_file(new, landing / path.name)


def _write_report(project: Project, database: Path, path: Path, target: str) -> list[str]:
    """Write the report of changes; what goes wrong is told and keeps nothing from being published."""
    try:
        from cbec.report.page import write_page

        write_page(database, project.database(target), path)
    except Exception as error:  # whatever it is: the figures are tested, only their picture is missing
        path.unlink(missing_ok=True)
        return [f"no report was written: {type(error).__name__}: {error}"]
    return []


def _simulate(run: Run, project: Project, drawn: Project, size: Size, report: Progress) -> None:
    """Draw the yearbooks and import them through the same door as real ones."""
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


@dataclass
class _Done:
    """What dbt did. tests: name, status, failures and message of every test, run now or on the same tables
    before; seconds: of every node, when it last ran; as_it_was: (schema, table) that no run has changed."""

    plan: Plan
    tests: list[dict[str, Any]]
    seconds: dict[str, float]
    n_run: int
    as_it_was: frozenset[tuple[str, str]] = frozenset()


def _run_dbt(
    run: Run,
    project: Project,
    folder: Path,
    database: Path,
    inputs: list[Input],
    is_full: bool,
    report: Progress,
) -> _Done:
    """Build, test and document the project in the working directory, from the published file where that
    says how it was made."""
    published = project.database(run.target)
    with phase(run, "load dbt"):
        report("load dbt", 0, 1)
        dbt = _Dbt(folder, database, run.target, report)
        states = node_states(dbt.manifest, Path(), inputs, run.target)
        plan = Plan(states, "asked for") if is_full else make_plan(dbt.manifest, states, published)
    kept = Kept()
    if not plan.reason:
        with phase(run, "copy"):
            report("copy", 0, 1)
            try:
                recorded = recorded_sha256(project, published_run_id(project, run.target))
                kept = start_from(published, database, plan, recorded)
            except AlteredFile:
                database.unlink()
                plan = Plan(states, "the published file is not as it was published")
            except duckdb.Error as error:
                # Whatever it lacks, a build needs none of it.
                database.unlink(missing_ok=True)
                plan = Plan(states, f"the published file cannot be built on: {error}")
    os.environ["CBEC_REBUILD"] = "no" if plan.reason else "yes"
    try:
        with phase(run, "seeds, models and tests"):
            nodes = dbt.build(plan)
        with phase(run, "docs"):
            report("docs", 0, 1)
            dbt.docs()
    finally:
        os.environ.pop("CBEC_REBUILD", None)
        dbt.close()
    return _merged(dbt.manifest, database, plan, kept, nodes)


def _merged(manifest: Any, database: Path, plan: Plan, kept: Kept, nodes: list[dict[str, Any]]) -> _Done:
    """What ran now beside what is known of the rest."""
    changed = set(plan.states)
    if not plan.reason:
        changed = changed_tables(database)
    ran = {
        node["unique_id"]: node
        for node in nodes
        if plan.reason
        or node["unique_id"] in plan.changed
        or changed.intersection(parents_of(manifest, node["unique_id"]))
    }
    tests = []
    for unique_id in plan.states:
        if unique_id.startswith(("test.", "unit_test.")):
            name = name_of(manifest, unique_id)
            done = ran.get(unique_id)
            status, failures, message = (
                (done["status"], done["failures"], done["message"]) if done else kept.tests[name]
            )
            tests.append({"name": name, "status": status, "failures": failures, "message": message})
    seconds = {name: value for name, value in kept.seconds.items() if name in plan.states}
    seconds |= {name: node["seconds"] for name, node in ran.items() if name in plan.states}
    same = {
        state.relation[:2]
        for unique_id, state in plan.states.items()
        if state.relation and unique_id not in changed and not plan.reason
    }
    n_run = sum(unique_id.startswith("model.") for unique_id in ran)
    return _Done(plan, tests, seconds, n_run, frozenset(same))


@contextlib.contextmanager
def phase(run: Run, name: str) -> Iterator[None]:
    """Time a phase of a run; one that fails is timed too."""
    start = time.perf_counter()
    try:
        yield
    finally:
        run.phases[name] = time.perf_counter() - start


def _listed(violations: list[Any]) -> str:
    shown = [str(violation) for violation in violations[:MAX_SHOWN]]
    if len(violations) > MAX_SHOWN:
        shown.append(f"... and {len(violations) - MAX_SHOWN} more")
    return "\n".join([f"{len(violations)} bad seed row(s); nothing was published", *shown])


class _Dbt:
    """dbt in this process, so that one start-up and one parse serve building and docs."""

    def __init__(self, run: Path, database: Path, target: str, report: Progress) -> None:
        os.environ["CBEC_BUILD_PATH"] = str(database)
        os.environ["DO_NOT_TRACK"] = "1"
        # dbt and its adapters import slowly; `cbec status` must not pay for it.
        from dbt.cli.main import dbtRunner

        self._report = report
        self._target = run / "target"
        self._done = 0
        self._total = 0
        self._options = [
            "--quiet",
            "--log-level", "none",
            "--project-dir", ".",
            "--profiles-dir", ".",
            "--target", target,
            "--target-path", str(self._target),
            "--log-path", str(run / "logs"),
        ]  # fmt: skip
        parsed = dbtRunner().invoke(["parse", "--no-partial-parse", "--no-write-json", *self._options])
        if not parsed.success:
            self.close()
            raise CbecError(
                f"nothing was published: dbt cannot read the project: {parsed.exception}", exit_code=4
            )
        manifest: Any = parsed.result
        self.manifest = manifest
        self._runner = dbtRunner(manifest=manifest, callbacks=[self._on_event])

    def _on_event(self, event: Any) -> None:
        if event.info.name == "NodeFinished":
            self._done += 1
            self._report("seeds, models and tests", self._done, self._total)

    def build(self, plan: Plan) -> list[dict[str, Any]]:
        """Run all nodes, or those that a plan selects with the tests on them."""
        nodes = self.manifest.nodes.values()
        self._total = sum(node.resource_type in ("seed", "model", "test") for node in nodes)
        self._total += len(self.manifest.unit_tests)
        chosen: list[str] = []
        if not plan.reason:
            if not plan.selected:
                # The docs read what a run of dbt would have left.
                self._target.mkdir(parents=True, exist_ok=True)
                self.manifest.writable_manifest().write(str(self._target / "manifest.json"))
                return []
            self._total = len(plan.selected)
            chosen = ["--select", *(name_of(self.manifest, name) for name in plan.selected)]
            same = [name for name in self.manifest.unit_tests if name not in plan.changed]
            chosen += ["--exclude", *(name_of(self.manifest, name) for name in same)] if same else []
        outcome = self._runner.invoke(["build", *chosen, *self._options])
        results: Any = outcome.result
        if results is None:
            self.close()
            raise CbecError(f"nothing was published: {outcome.exception}", exit_code=4)
        nodes = [
            {
                "unique_id": item.node.unique_id,
                "name": item.node.name,
                "kind": str(item.node.resource_type),
                "status": str(item.status),
                "failures": item.failures,
                "message": item.message,
                "seconds": item.execution_time,
            }
            for item in results.results
        ]
        bad = [node for node in nodes if node["status"] in ("error", "fail", "runtime error")]
        if bad or not outcome.success:
            self.close()
            lines = [f"{node['kind']} {node['name']}: {node['message']}" for node in bad]
            raise CbecError("\n".join(["nothing was published", *lines]), exit_code=4)
        return nodes

    def docs(self) -> None:
        outcome = self._runner.invoke(["docs", "generate", "--static", "--no-compile", *self._options])
        if not outcome.success:
            self.close()
            raise CbecError(f"nothing was published: docs: {outcome.exception}", exit_code=4)

    @staticmethod
    def close() -> None:
        """Release the file: dbt-duckdb keeps its connection for the life of the process."""
        from dbt.adapters.duckdb import connections

        manager: Any = connections.DuckDBConnectionManager
        manager.close_all_connections()
        # Its handlers would write to log files of a run folder that is gone.
        for name in ("file_log", "stdout_log"):
            logging.getLogger(name).handlers.clear()


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def seed_hashes(root: Path) -> list[tuple[str, str]]:
    """(path, SHA-256) of every seed file, in path order."""
    return [
        (path.relative_to(root).as_posix(), hashlib.sha256(path.read_bytes()).hexdigest())
        for path in sorted((root / "seeds").rglob("*.csv"))
    ]


def _write_metadata(
    project: Project,
    database: Path,
    run: Run,
    done: _Done,
    inputs: list[Input],
) -> None:
    """Say in the file itself when and from what it was made; the only tables that differ by run."""
    commit = _git(project.root, "rev-parse", "HEAD")
    changes = _git(project.root, "status", "--porcelain")
    hashes = seed_hashes(project.root)
    together = hashlib.sha256("".join(digest for _, digest in hashes).encode()).hexdigest()
    with duckdb.connect(str(database)) as connection:
        connection.execute("create schema meta")
        close_books(connection)
        connection.execute(
            "create table meta.publication (run_id varchar, built_at timestamptz, target varchar,"
            " is_simulated boolean, git_commit varchar, git_is_dirty boolean, seeds_sha256 varchar,"
            " cbec_version varchar, dbt_version varchar, duckdb_version varchar)"
        )
        connection.execute(
            "insert into meta.publication values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                run.run_id, run.started_at, run.target, run.target == "demo", commit,
                None if changes is None else bool(changes),
                together, version("cbec-warehouse"), version("dbt-core"), version("duckdb"),
            ],
        )  # fmt: skip
        connection.execute("create table meta.seed_file (path varchar, sha256 varchar)")
        connection.executemany("insert into meta.seed_file values (?, ?)", hashes)
        connection.execute(
            "create table meta.landed_file as select source_file, any_value(source_file_sha256) as sha256,"
            " any_value(source_id) as source_id, any_value(vintage) as vintage, count(*) as n_cells"
            " from staging.stg_landing__observation group by source_file, source_file_sha256 order by all"
        )
        connection.execute(
            "create table meta.test_result (test varchar, status varchar, failures bigint, message varchar)"
        )
        connection.executemany(
            "insert into meta.test_result values (?, ?, ?, ?)",
            [[t["name"], t["status"], t["failures"], t["message"]] for t in done.tests],
        )
        connection.execute("create table meta.node_time (name varchar, seconds double)")
        connection.executemany(
            "insert into meta.node_time values (?, ?)", [list(item) for item in done.seconds.items()]
        )
        write_states(connection, done.plan.states)
        connection.execute(
            "create table meta.table_size (table_schema varchar, table_name varchar, n_rows bigint)"
        )
        for schema, table in tables(connection):
            connection.execute(
                f"insert into meta.table_size select ?, ?, count(*) from {schema}.{table}", [schema, table]
            )
        total = connection.execute("select sum(n_rows)::bigint from meta.table_size").fetchone()
        run.rows_published = total[0] if total else None
        connection.execute("create table meta.input_file (kind varchar, path varchar, sha256 varchar)")
        connection.executemany(
            "insert into meta.input_file values (?, ?, ?)", [[i.kind, i.path, i.sha256] for i in inputs]
        )
        # This run as it will be if it is published; otherwise nobody reads it here.
        this = replace(
            run, outcome="published", exit_code=0, ended_at=now_text(), published_run_id=run.run_id
        )
        write_runs(connection, [*(r for r in read_runs(project, run.target) if r.outcome), this])
        connection.execute("checkpoint")
