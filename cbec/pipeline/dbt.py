"""dbt in this process: what it has parsed, what it runs, what came of it."""

from __future__ import annotations

import atexit
import contextlib
import gc
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import duckdb

from cbec.common.garbage import uncollected
from cbec.pipeline.inputs import Input, parse_sha256
from cbec.pipeline.rebuild import (
    AlteredFile,
    Kept,
    Plan,
    changed_tables,
    make_plan,
    name_of,
    node_states,
    parents_of,
    start_from,
)
from cbec.pipeline.runlog import Progress, Run, phase, published_run_id, recorded_sha256
from cbec.project import CbecError, Project

# Where dbt leaves what it has parsed, below its target folder.
PARSED = "partial_parse.msgpack"
# Marks what a run is to build.
CHOSEN = "cbec_chosen"
# As in profiles.yml.
THREADS = 2
# Rows of a failing test that are shown.
N_FAILING = 3
# Seconds that nodes take, roughly: only their order hangs on it. By name, else by kind.
SECONDS = {
    "printed_figure": 3.5, "stg_yearbook__print": 1, "printed_index_effect": 1.5,
    "int_observations__landed": 1, "int_observations__reported": 3, "int_series__figured": 2,
    "int_series__gridded": 1,
    "int_witnesses__compared": 2.5, "int_observations__witnessed": 2, "int_observations__filled": 2,
    "int_observations__selected": 1, "observation": 3, "detector_scan": 2.5, "detector_evidence": 1,
    "detector_outlier": 1, "detector_release": 1, "finding": 2, "panel_cell": 2, "green_tfp": 2,
    "green_tfp_observed": 2, "fit": 30, "bacon": 1.5, "data_integrity": 4, "descriptive": 2, "inference": 5,
    "leave_one_out": 3, "placebo_summary": 2.5, "policy": 1, "pretrend": 3, "same_sample_fit": 5,
    "selection": 3, "spillover": 1,
}  # fmt: skip
SECONDS_BY_KIND = {"model": 0.2, "seed": 0.1, "test": 0.03, "unit_test": 0.1}


@dataclass
class DbtRun:
    """What dbt did. tests: name, status, failures and message of every test, run now or on the same tables
    before; seconds: of every node, when it last ran; as_it_was: (schema, table) that no run has changed;
    kept: what the published file knew."""

    plan: Plan
    tests: list[dict[str, Any]]
    seconds: dict[str, float]
    n_run: int
    as_it_was: frozenset[tuple[str, str]] = frozenset()
    kept: Kept = field(default_factory=Kept)


# What dbt holds lives to the end; searching it for garbage takes a tenth of a build. pyfixest still searches
# after each fit.
@uncollected()
def run_dbt(
    run: Run,
    project: Project,
    folder: Path,
    database: Path,
    inputs: list[Input],
    is_full: bool,
    report: Progress,
) -> DbtRun:
    """Build, test and document the project in the working directory, from the published file where that
    says how it was made."""
    published = project.database(run.target)
    with phase(run, "load dbt"):
        report("load dbt", 0, 1)
        # The project of a demo is drawn anew each time.
        place = folder if run.target == "demo" else project.build_folder
        parsed = place / f"parsed-{parse_sha256(inputs)}.msgpack"
        dbt = _Dbt(folder, database, run.target, report, parsed, is_anew=is_full)
        states = node_states(dbt.manifest, Path(), inputs, run.target)
        plan = Plan(states, "requested") if is_full else make_plan(dbt.manifest, states, published)
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


def _invoke(runner: Any, *words: str) -> Any:
    """What a run of dbt came to. Raises KeyboardInterrupt where somebody interrupted it, which dbt counts
    among its errors."""
    outcome = runner.invoke([*words])
    if isinstance(outcome.exception, KeyboardInterrupt):
        raise KeyboardInterrupt
    return outcome


def _merged(manifest: Any, database: Path, plan: Plan, kept: Kept, nodes: list[dict[str, Any]]) -> DbtRun:
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
    return DbtRun(plan, tests, seconds, n_run, frozenset(same), kept)


def longest_first(queue: Any, graph: Any) -> dict[str, float]:
    """Scores of dbt's queue, the lowest of the ready nodes first: less the seconds of the longest path from a
    node to the end. dbt's own go by depth and name, so that the longest model starts among the last."""
    left: dict[str, float] = {}
    for name in TopologicalSorter({name: graph.successors(name) for name in graph}).static_order():
        node = queue.manifest.expect(name)
        own = SECONDS.get(node.name, SECONDS_BY_KIND.get(str(node.resource_type), 0.0))
        left[name] = own + max((left[child] for child in graph.successors(name)), default=0.0)
    return {name: -seconds for name, seconds in left.items()}


def one_ahead(get: Callable[..., Any]) -> Callable[..., Any]:
    """Take a node from dbt's queue when one of its threads is free to run it, or soon is. dbt itself takes
    all that are ready at once, and what becomes ready later waits for them, whatever its score."""

    def taken(queue: Any, *arguments: Any, **options: Any) -> Any:
        with queue.some_task_done:
            while len(queue.in_progress) > THREADS:
                queue.some_task_done.wait()
        return get(queue, *arguments, **options)

    return taken


class _Dbt:
    """dbt in this process, so that one start-up and one parse serve building and docs."""

    def __init__(
        self, run: Path, database: Path, target: str, report: Progress, parsed: Path, *, is_anew: bool
    ) -> None:
        """parsed: what dbt keeps of an earlier parse of the same project, and then of this one; is_anew: read
        every file whatever was parsed before."""
        # dbt reads everything anew when a path in the profile is another one than at the last parse.
        os.environ["CBEC_BUILD_PATH"] = database.name
        os.environ["DO_NOT_TRACK"] = "1"
        # dbt and its adapters import slowly; `cbec status` must not pay for it.
        from dbt.cli.main import dbtRunner
        from dbt.graph.queue import GraphQueue

        # dbt has no setting for it.
        if GraphQueue._get_scores is not longest_first:
            # A last search for garbage among all that dbt holds takes two seconds when the process ends.
            atexit.register(gc.freeze)
            GraphQueue._get_scores = longest_first  # type: ignore[method-assign, assignment]
            GraphQueue.get = one_ahead(GraphQueue.get)  # type: ignore[method-assign]
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
        again = ["--partial-parse", "--partial-parse-file-path", str(parsed)]
        is_known = parsed.is_file() and not is_anew
        how = again if is_known else ["--no-partial-parse"]
        outcome = _invoke(dbtRunner(), "parse", "--no-write-json", *how, *self._options)
        if not outcome.success:
            self.close()
            raise CbecError(
                f"nothing was published: dbt cannot read the project: {outcome.exception}", exit_code=4
            )
        manifest: Any = outcome.result
        self.manifest = manifest
        if not is_known:
            for old in parsed.parent.glob("parsed-*.msgpack"):
                old.unlink()
            # A disk that had no room for it is no reason not to build.
            with contextlib.suppress(FileNotFoundError):
                os.replace(self._target / PARSED, parsed)
        os.environ["CBEC_BUILD_PATH"] = str(database)
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
            chosen = ["--select", f"tag:{CHOSEN}"]
        with self._tagged(plan.selected if chosen else ()):
            outcome = _invoke(self._runner, "build", *chosen, *self._options)
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
            lines = []
            for node in bad:
                lines.append(f"{node['kind']} {node['name']}: {node['message']}")
                if node["status"] == "fail" and node["kind"] == "test":
                    lines += self._failing_rows(str(node["unique_id"]))
            raise CbecError("\n".join(["nothing was published", *lines]), exit_code=4)
        return nodes

    def _failing_rows(self, unique_id: str) -> list[str]:
        """What a data test found in the file that is not published: its tables and the first rows."""
        node = self.manifest.nodes[unique_id]
        found = self._target / "compiled" / node.package_name / node.original_file_path
        compiled = node.compiled_code or (found.read_text(encoding="utf-8") if found.is_file() else "")
        if not compiled:
            return []
        try:
            with duckdb.connect(os.environ["CBEC_BUILD_PATH"], read_only=True) as connection:
                result = connection.execute(f"select * from ({compiled}\n) limit {N_FAILING}")
                names = [column[0] for column in result.description]
                rows = result.fetchall()
        except duckdb.Error as error:
            return [f"  its rows cannot be read again: {str(error).splitlines()[0]}"]
        tables = ", ".join(name_of(self.manifest, name) for name in parents_of(self.manifest, unique_id))
        said = ["; ".join(f"{k} = {v}" for k, v in zip(names, row, strict=True)) for row in rows]
        return [
            f"  of {tables or 'the file'}, first rows that fail:",
            *(f"    {text[:300]}" for text in said),
        ]

    @contextlib.contextmanager
    def _tagged(self, names: tuple[str, ...]) -> Iterator[None]:
        """Nodes by a tag of this run: dbt goes through the whole project for each name that it is given."""
        nodes = [self.manifest.nodes.get(name) or self.manifest.unit_tests[name] for name in names]
        for node in nodes:
            node.tags.append(CHOSEN)
        try:
            yield
        finally:
            for node in nodes:
                node.tags.remove(CHOSEN)

    def docs(self) -> None:
        outcome = _invoke(self._runner, "docs", "generate", "--static", "--no-compile", *self._options)
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
