"""Build into a fresh file beside the published one, test it, and only then rename it over."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import logging
import os
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb

from cbec.demo.size import DEFAULT_SIZE, Size
from cbec.project import PUBLIC_SCHEMAS, CbecError, Project
from cbec.publish.atomic import publish_file, publish_folder, remove_leftovers, single_writer
from cbec.quality.seeds import check_seeds

MAX_SHOWN = 20
# What the demo drew and planted, beside its warehouse; only tests and quality.detector_score read it.
TRUTH = "demo_truth"
Progress = Callable[[str, int, int], None]


@dataclass
class BuildResult:
    """What a build did. phases: seconds by phase; nodes: seconds by dbt node."""

    run_id: str
    database: Path
    phases: dict[str, float] = field(default_factory=dict)
    nodes: dict[str, float] = field(default_factory=dict)
    passed: int = 0
    warned: int = 0


def build(
    project: Project, *, target: str = "dev", size: Size = DEFAULT_SIZE, progress: Progress | None = None
) -> BuildResult:
    """Check seeds, build and test every model, publish the file, its Parquet copies and its docs.

    size: how much the demo draws. Raises CbecError: 2 when a seed row is bad, 4 when a model or a test
    failed or the disk did, 5 when another build runs. In each case the published files stay as they were.
    """
    report = progress or (lambda phase, done, total: None)
    try:
        with single_writer(project.build_folder):
            remove_leftovers(project.build_folder)
            return _build(project, target, size, report)
    except OSError as error:
        raise CbecError(f"nothing was published: {error}", exit_code=4) from error


def _build(project: Project, target: str, size: Size, report: Progress) -> BuildResult:
    now = datetime.datetime.now(datetime.UTC)
    run_id = f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    run = project.build_folder / run_id
    run.mkdir()
    database = run / project.database(target).name
    result = BuildResult(run_id, project.database(target))
    with _phase(result, "check seeds"):
        report("check seeds", 0, 1)
        violations = check_seeds(project.root)
        if violations:
            raise CbecError(_listed(violations), exit_code=2)
    # A threaded sum has no fixed order, and two builds must agree to the last bit. Takes effect because
    # nothing has imported numpy yet.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    drawn = None
    if target == "demo":
        # Imported figures are real and have no place beside simulated ones.
        drawn = Project(run / "project", run, run / "landing")
        _simulate(result, project, drawn, size, report)
    source = drawn.root if drawn else project.root
    # A relative path would follow dbt into the copied project.
    os.environ["CBEC_LANDING"] = str(drawn.landing if drawn else project.landing)
    # Seed files are hashed by the path that dbt_project.yml gives them, relative to the project.
    with contextlib.chdir(source):
        run_results = _run_dbt(result, run, database, target, report)
    for node in run_results:
        result.nodes[node["unique_id"]] = node["seconds"]
    tests = [node for node in run_results if node["kind"] in ("test", "unit_test")]
    result.passed = sum(test["status"] == "pass" for test in tests)
    result.warned = sum(test["status"] == "warn" for test in tests)
    with _phase(result, "publish"):
        report("publish", 0, 1)
        try:
            if drawn:
                from cbec.quality.score import write_detector_score

                write_detector_score(database, run / TRUTH, project.root)
            _write_metadata(project, database, target, run_id, now, tests, result)
            _copy_to_parquet(database, run / "parquet")
        except duckdb.Error as error:
            raise CbecError(f"nothing was published: {error}", exit_code=4) from error
        publish_file(database, project.database(target))
        publish_folder(run / "parquet", project.parquet(target))
        if drawn:
            publish_folder(run / TRUTH, project.warehouse / TRUTH)
        publish_file(run / "target" / "static_index.html", project.docs(target))
    report("publish", 1, 1)
    remove_leftovers(project.build_folder)
    return result


def _simulate(result: BuildResult, project: Project, drawn: Project, size: Size, report: Progress) -> None:
    """Draw the yearbooks and import them through the same door as real ones."""
    from cbec.demo.simulate import simulate_project
    from cbec.ingest.command import Options, import_paths

    with _phase(result, "simulate"):
        report("simulate", 0, 1)
        books = drawn.warehouse / "yearbooks"
        simulate_project(project.root, drawn.root, books, drawn.warehouse / TRUTH, size)
    with _phase(result, "import"):
        imported = import_paths(
            drawn,
            [books],
            Options(is_demo=True),
            lambda name, done, total: report(f"import {name}", done, total),
        )
    problems = [p for o in imported.outcomes if o.action != "landed" for p in o.imported.errors]
    if problems:
        raise CbecError("\n".join(str(p) for p in problems[:MAX_SHOWN]), exit_code=4)


def _run_dbt(
    result: BuildResult, run: Path, database: Path, target: str, report: Progress
) -> list[dict[str, Any]]:
    """Build, test and document the project in the working directory."""
    with _phase(result, "load dbt"):
        report("load dbt", 0, 1)
        dbt = _Dbt(run, database, target, report)
    with _phase(result, "seeds, models and tests"):
        run_results = dbt.build()
    with _phase(result, "docs"):
        report("docs", 0, 1)
        dbt.docs()
    dbt.close()
    return run_results


@contextlib.contextmanager
def _phase(result: BuildResult, name: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    result.phases[name] = time.perf_counter() - start


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
        self._done = 0
        self._total = 0
        self._options = [
            "--quiet",
            "--log-level", "none",
            "--project-dir", ".",
            "--profiles-dir", ".",
            "--target", target,
            "--target-path", str(run / "target"),
            "--log-path", str(run / "logs"),
        ]  # fmt: skip
        parsed = dbtRunner().invoke(["parse", "--no-partial-parse", *self._options])
        if not parsed.success:
            self.close()
            raise CbecError(
                f"nothing was published: dbt cannot read the project: {parsed.exception}", exit_code=4
            )
        manifest: Any = parsed.result
        nodes = manifest.nodes.values()
        self._total = sum(node.resource_type in ("seed", "model", "test") for node in nodes)
        self._total += len(manifest.unit_tests)
        self._runner = dbtRunner(manifest=manifest, callbacks=[self._on_event])

    def _on_event(self, event: Any) -> None:
        if event.info.name == "NodeFinished":
            self._done += 1
            self._report("seeds, models and tests", self._done, self._total)

    def build(self) -> list[dict[str, Any]]:
        outcome = self._runner.invoke(["build", *self._options])
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
    target: str,
    run_id: str,
    now: datetime.datetime,
    tests: list[dict[str, Any]],
    result: BuildResult,
) -> None:
    """Say in the file itself when and from what it was made; the only tables that differ by run."""
    commit = _git(project.root, "rev-parse", "HEAD")
    changes = _git(project.root, "status", "--porcelain")
    hashes = seed_hashes(project.root)
    together = hashlib.sha256("".join(digest for _, digest in hashes).encode()).hexdigest()
    with duckdb.connect(str(database)) as connection:
        connection.execute("create schema meta")
        connection.execute(
            "create table meta.publication (run_id varchar, built_at timestamptz, target varchar,"
            " is_simulated boolean, git_commit varchar, git_is_dirty boolean, seeds_sha256 varchar,"
            " cbec_version varchar, dbt_version varchar, duckdb_version varchar)"
        )
        connection.execute(
            "insert into meta.publication values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                run_id, now, target, target == "demo", commit, None if changes is None else bool(changes),
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
            [[t["name"], t["status"], t["failures"], t["message"]] for t in tests],
        )
        connection.execute("create table meta.run_time (kind varchar, name varchar, seconds double)")
        connection.executemany(
            "insert into meta.run_time values (?, ?, ?)",
            [
                [kind, name, seconds]
                for kind, times in (("phase", result.phases), ("node", result.nodes))
                for name, seconds in times.items()
            ],
        )
        connection.execute(
            "create table meta.table_size (table_schema varchar, table_name varchar, n_rows bigint)"
        )
        for schema, table in _tables(connection):
            connection.execute(
                f"insert into meta.table_size select ?, ?, count(*) from {schema}.{table}", [schema, table]
            )
        connection.execute("checkpoint")


def _tables(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    rows = connection.execute(
        "select schema_name, table_name from duckdb_tables()"
        " where schema_name <> 'meta' and not temporary order by all"
    ).fetchall()
    return [(str(schema), str(table)) for schema, table in rows]


def _copy_to_parquet(database: Path, folder: Path) -> None:
    folder.mkdir()
    with duckdb.connect(str(database), read_only=True) as connection:
        for schema, table in _tables(connection):
            if schema in PUBLIC_SCHEMAS:
                (folder / schema).mkdir(exist_ok=True)
                connection.execute(
                    f"copy {schema}.{table} to '{folder / schema / table}.parquet' (format parquet)"
                )
