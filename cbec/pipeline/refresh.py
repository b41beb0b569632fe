"""One step for a scheduler: import what is new, and only if anything is new build, test and publish."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cbec.common.files import landing_writer
from cbec.pipeline.build import BuildResult, as_landed, build_and_publish, one_run
from cbec.pipeline.history import roll_back
from cbec.pipeline.inputs import Input, code_inputs, fingerprint, landed_inputs, published_inputs
from cbec.pipeline.runlog import Progress, Run, is_as_published, phase, published_run_id, read_runs
from cbec.project import KEEP, CbecError, Project

if TYPE_CHECKING:
    from cbec.ingest.command import Outcome

NOTHING_NEW = 3
# Mapping file that a watched folder may hold, as `cbec import` writes it.
MAPPING = "import.map.yml"
# A file is taken once nothing in its folder has changed for so many seconds; a folder that does not come
# to rest is left for the next run.
QUIET_SECONDS, PATIENCE_SECONDS = 2.0, 60.0
MAX_SHOWN = 20


@dataclass(frozen=True)
class Refreshed:
    """What was published, and the names of the files that were imported for it."""

    result: BuildResult
    imported: tuple[str, ...]


def refresh(
    project: Project, *, watch: Path | None = None, keep: int = KEEP, progress: Progress | None = None
) -> Refreshed:
    """Import new files of a watched folder, and build, test and publish when any input has changed.

    New is a file whose SHA-256 has not landed yet; after a change of code or seeds all files are read
    again. Files land together with the build that they pass, or not at all. keep: see `build`. Raises
    CbecError: 2 when a file or a seed row is refused, 3 when nothing is new, 4 when a model, a test or the
    disk failed, 5 when another build runs. In each case the published and the landed files stay as they were.
    """
    report = progress or (lambda name, done, total: None)
    if watch is not None and not watch.is_dir():
        raise CbecError(f"{watch}: no such folder to watch", exit_code=2)
    # Another import would take the vintages that the files of this run are to have.
    with one_run(project, "refresh", "dev") as (run, folder), landing_writer(project.landing):
        landing = as_landed(project.landing, folder / "landing")
        database = project.database("dev")
        before = published_inputs(database) if database.is_file() else []
        imported: list[Outcome] = []
        left_out: list[str] = []
        if watch is not None:
            with phase(run, "import"):
                outcomes = _import(run, Project(project.root, folder, landing), watch, before, report)
            imported = [outcome for outcome in outcomes if outcome.action == "landed"]
            left_out = _left_out(outcomes)
        inputs = [*code_inputs(project.root), *landed_inputs(landing)]
        if fingerprint(inputs) in _done(project, before):
            said = [_nothing_new(project, inputs, before), *left_out]
            raise CbecError("\n".join(said), exit_code=NOTHING_NEW)
        landed = [outcome.path for outcome in imported if outcome.path]
        result = build_and_publish(
            project, run, folder, landing=landing, landed=landed, keep=keep, progress=progress
        )
        result.warnings += left_out
        return Refreshed(result, tuple(outcome.imported.file.name for outcome in imported))


def _nothing_new(project: Project, inputs: list[Input], before: list[Input]) -> str:
    if fingerprint(inputs) == fingerprint(before):
        return "nothing new: code, seeds and landed files are as published"
    return (
        "nothing new since somebody rolled back from a version made of this code, these seeds and landed"
        f" files; {published_run_id(project, 'dev')} stays published until one changes, or `cbec build`"
    )


def _done(project: Project, before: list[Input]) -> set[str]:
    """Inputs that need no build: those of the published file, and those a person has rolled back from."""
    # A file that somebody has written into is published anew.
    done = {fingerprint(before)} if is_as_published(project, "dev") else set()
    for run in reversed(read_runs(project, "dev")):
        if run.outcome == "rolled back":
            done.add(run.inputs_sha256)
        elif run.outcome == "published":
            break
    return done


def _import(run: Run, staged: Project, watch: Path, before: list[Input], report: Progress) -> list[Outcome]:
    """Land the new files of a folder in the run's own landing folder; what came of every file.

    Raises CbecError (2) when one is refused.
    """
    from cbec.ingest.command import Options, import_paths

    _wait_until_quiet(watch, report)
    mapping = watch / MAPPING
    outcomes = import_paths(
        staged,
        [watch],
        Options(map_file=mapping if mapping.is_file() else None, known=_known(staged, before)),
        lambda name, done, total: report(f"import {name}", done, total),
    ).outcomes
    refused = [outcome for outcome in outcomes if outcome.action == "refused"]
    if refused:
        raise CbecError("\n".join(_refusals(refused)), exit_code=2)
    landed = [outcome for outcome in outcomes if outcome.action == "landed"]
    run.files_imported = len(landed)
    run.cells_imported = sum(len(outcome.imported.cells) for outcome in landed)
    return list(outcomes)


def _left_out(outcomes: list[Outcome]) -> list[str]:
    """What the folder holds and nobody has read."""
    problems = [
        str(problem)
        for outcome in outcomes
        if outcome.action in ("left out", "passed over")
        for problem in outcome.imported.problems
    ]
    more = [f"... and {len(problems) - MAX_SHOWN} more"] if len(problems) > MAX_SHOWN else []
    return [*problems[:MAX_SHOWN], *more]


def _known(staged: Project, before: list[Input]) -> frozenset[str]:
    """SHA-256 of landed files, unless what reads them has changed since they were published."""

    def reading(inputs: list[Input]) -> set[Input]:
        return {i for i in inputs if i.kind in ("seed", "code", "environment")}

    if reading(before) != reading(code_inputs(staged.root)):
        return frozenset()
    return frozenset(path.stem for path in staged.landing.glob("*.parquet"))


def _refusals(refused: list[Outcome]) -> Iterator[str]:
    yield f"{len(refused)} file(s) refused; nothing was landed or published"
    problems = [str(problem) for outcome in refused for problem in outcome.imported.errors]
    yield from problems[:MAX_SHOWN]
    if len(problems) > MAX_SHOWN:
        yield f"... and {len(problems) - MAX_SHOWN} more; `cbec check FOLDER` lists them"


def _wait_until_quiet(folder: Path, report: Progress) -> None:
    """Wait while files are being copied into the folder: half a file would land as a version of its own."""

    def state() -> dict[Path, tuple[int, int]]:
        found = {}
        for path in folder.rglob("*"):
            try:
                if path.is_file():
                    found[path] = (path.stat().st_size, path.stat().st_mtime_ns)
            except FileNotFoundError:
                continue
        return found

    deadline = time.monotonic() + PATIENCE_SECONDS
    seen = state()
    newest = max((mtime for _, mtime in seen.values()), default=0) / 1e9
    is_young = abs(time.time() - newest) < QUIET_SECONDS
    while is_young:
        report("wait for the folder to come to rest", 0, 1)
        time.sleep(QUIET_SECONDS)
        now = state()
        is_young, seen = now != seen, now
        if is_young and time.monotonic() > deadline:
            raise CbecError(f"{folder}: files are still being written; nothing was changed", exit_code=2)


def rollback(project: Project, *, target: str = "dev", to: str = "") -> tuple[str, list[str]]:
    """Publish a kept version again, by default the one before the present one; the run log says so.

    Gives the run id of the version and warnings. Raises CbecError: 2 when no such version is kept, 4 when
    the disk failed, 5 when a build runs. Landed files and seeds stay: a refresh builds again as soon as
    any of them differs from what the version rolled back from was made of.
    """
    with one_run(project, "rollback", target) as (run, folder):
        left = project.database(target)
        run.inputs_sha256 = fingerprint(published_inputs(left)) if left.is_file() else ""
        run.reason = roll_back(project, run, folder, to)
        run.outcome = "rolled back"
        return run.published_run_id, [run.reason] if run.reason else []
