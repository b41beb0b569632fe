"""Published versions: put one in place, keep the last ones, go back to one of them.

A finished run is a folder warehouse/.build/<run id> that holds the file and what belongs to it. Putting it in
place begins with one rename of the file; all that follows can be repeated, so a run that was killed on the
way is finished by the next one.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from cbec.common.files import publish_file, publish_folder, remove_leftovers, sync
from cbec.common.warehouse import connect
from cbec.pipeline.runlog import (
    Run,
    close_unfinished,
    file_sha256,
    note,
    published_run_id,
    read_runs,
    recorded_sha256,
    wal_of,
)
from cbec.project import PUBLIC_SCHEMAS, TARGETS, CbecError, Project, literal

# What the demo drew and planted, beside its warehouse; only tests and quality.detector_score read it.
TRUTH = "demo_truth"
# Names inside the folder of a run and inside the history.
PARQUET, DOCS, REPORT = "parquet", "docs.html", "report.html"


@dataclass(frozen=True)
class Version:
    """One kept version. n_bytes: of its files, shared with the published ones for the present version."""

    run_id: str
    built_at: str
    n_bytes: int
    is_published: bool


def history_folder(project: Project, target: str) -> Path:
    return project.warehouse / "history" / TARGETS[target]


def link_or_copy(source: Path | str, place: Path | str) -> None:
    """A second name of a file that is never written again; a copy where the disk has no second names."""
    try:
        os.link(source, place)
    except OSError:
        shutil.copyfile(source, place)
        sync(Path(place))


def keep_published(project: Project, target: str) -> None:
    """Give the published version a second name in the history, unless it has one."""
    run_id = published_run_id(project, target)
    home = history_folder(project, target) / run_id
    if not run_id or home.is_dir():
        return
    new = home.with_name(f".{run_id}.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    link_or_copy(project.database(target), new / project.database(target).name)
    for source, name in ((project.docs(target), DOCS), (project.report(target), REPORT)):
        if source.is_file():
            link_or_copy(source, new / name)
    truth = project.warehouse / TRUTH
    if target == "demo" and truth.is_dir():
        shutil.copytree(truth, new / TRUTH, copy_function=link_or_copy)
    os.replace(new, home)
    sync(home.parent)


def _kept(project: Project, target: str) -> list[str]:
    """Run ids of the kept versions, the one made last first.

    In the order of the run log and not of their names, which hold the time: a clock may have been set back.
    Of what the log no longer names (its beginning may have been cut) the names decide; it is older.
    """
    folder = history_folder(project, target)
    places = {run.run_id: place for place, run in enumerate(read_runs(project))}
    names = [path.name for path in folder.glob("[!.]*")] if folder.is_dir() else []
    return sorted(names, key=lambda name: (places.get(name, -1), name), reverse=True)


def _prune(project: Project, target: str, keep: int) -> None:
    """Delete what is older than the last versions; the published one stays however old it is."""
    kept = _kept(project, target)[:keep]
    folder = history_folder(project, target)
    remove_leftovers(folder, keep=frozenset({*kept, published_run_id(project, target)}))


def publish_run(project: Project, target: str, folder: Path, keep: int) -> str:
    """Put a finished run in the place of the published version and keep the last `keep` versions.

    Gives '' or, when the file is published and something beside it is not, what; the folder of the run
    must then stay, and the next run finishes. Raises OSError when nothing was published.
    """
    keep_published(project, target)
    # What somebody wrote into the version before, and did not finish, is none of the new one's.
    wal_of(project.database(target)).unlink(missing_ok=True)
    publish_file(folder / project.database(target).name, project.database(target))
    try:
        _finish(project, target, folder)
        _prune(project, target, keep)
    except OSError as error:
        return f"published, but not everything beside it; the next run finishes: {error}"
    return ""


def _finish(project: Project, target: str, folder: Path) -> None:
    """Put what belongs to the published file in place. Repeats harmlessly."""
    publish_folder(folder / PARQUET, project.parquet(target))
    if target == "demo":
        publish_folder(folder / TRUTH, project.warehouse / TRUTH)
    for name, place in ((DOCS, project.docs(target)), (REPORT, project.report(target))):
        if (folder / name).is_file():
            publish_file(folder / name, place)
    keep_published(project, target)


def repair(project: Project) -> None:
    """Finish what a killed run had published, clear what it had not, close its log. With the lock held."""
    for target in TARGETS:
        run_id = published_run_id(project, target)
        folder = project.build_folder / run_id
        if run_id and folder.is_dir():
            _finish(project, target, folder)
    close_unfinished(project)
    remove_leftovers(project.build_folder)


def copy_to_parquet(database: Path, folder: Path, copies: Mapping[Path, str] | None = None) -> dict[str, str]:
    """One Parquet file per public table, folder/schema/table.parquet; gives their SHA-256 by `schema.table`.

    copies: files that hold a table as it is now, named schema/table.parquet, with the SHA-256 that they were
    written with. One that has been written into since is not taken.
    """
    folder.mkdir()
    known = {(path.parent.name, path.stem): (path, sha256) for path, sha256 in (copies or {}).items()}
    written = {}
    with duckdb.connect(str(database), read_only=True) as connection:
        for schema, table in tables(connection):
            if schema not in PUBLIC_SCHEMAS:
                continue
            (folder / schema).mkdir(exist_ok=True)
            path = folder / schema / f"{table}.parquet"
            copy, sha256 = known.get((schema, table), (None, ""))
            if copy and copy.is_file() and file_sha256(copy) == sha256:
                link_or_copy(copy, path)
            else:
                connection.execute(f"copy {schema}.{table} to {literal(path)} (format parquet)")
                sha256 = file_sha256(path)
            written[f"{schema}.{table}"] = sha256
    return written


def tables(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    """(schema, table) of every table but those about the publication itself."""
    rows = connection.execute(
        "select schema_name, table_name from duckdb_tables()"
        " where schema_name <> 'meta' and not temporary order by all"
    ).fetchall()
    return [(str(schema), str(table)) for schema, table in rows]


def versions(project: Project, target: str) -> list[Version]:
    """Kept versions, the one made last first."""
    folder = history_folder(project, target)
    present = published_run_id(project, target)
    found = []
    for home in (folder / name for name in _kept(project, target)):
        with connect(home / project.database(target).name) as connection:
            row = connection.execute(
                "select strftime(built_at at time zone 'UTC', '%Y-%m-%dT%H:%M:%SZ') from meta.publication"
            ).fetchone()
        n_bytes = sum(path.stat().st_size for path in home.rglob("*") if path.is_file())
        found.append(Version(home.name, str(row[0]) if row else "", n_bytes, home.name == present))
    return found


def roll_back(project: Project, run: Run, folder: Path, to: str) -> str:
    """Publish a kept version again: `to`, or the one that was made last before the present one.

    folder: an empty build folder, renamed to the version's run id. Gives what publish_run gives. Raises
    CbecError (2) when there is no such version, naming those there are.
    """
    target = run.target
    present = published_run_id(project, target)
    kept = [version.run_id for version in versions(project, target)]
    listed = ", ".join(kept) or "none"
    if to and to not in kept:
        raise CbecError(f"{to}: no such version is kept; kept: {listed}", exit_code=2)
    older = kept[kept.index(present) + 1 :] if present in kept else kept
    if not to and not older:
        raise CbecError(f"nothing older than {present or 'nothing'} is kept; kept: {listed}", exit_code=2)
    chosen = to or older[0]
    if chosen == present:
        raise CbecError(f"{chosen} is the published version; kept: {listed}", exit_code=2)
    home = history_folder(project, target) / chosen
    # The name by which repair finds it.
    staged = folder.with_name(chosen)
    file = home / project.database(target).name
    recorded = recorded_sha256(project, chosen)
    if recorded and file_sha256(file) != recorded:
        raise CbecError(f"{file}: not as it was published; kept: {listed}", exit_code=2)
    os.replace(folder, staged)
    database = staged / file.name
    link_or_copy(file, database)
    for name in (DOCS, REPORT):
        if (home / name).is_file():
            link_or_copy(home / name, staged / name)
    if (home / TRUTH).is_dir():
        shutil.copytree(home / TRUTH, staged / TRUTH, copy_function=link_or_copy)
    copy_to_parquet(database, staged / PARQUET)
    # Before the rename, so that a kill after it is understood.
    run.published_run_id = chosen
    note(project, run)
    # Every kept version stays: a person may want to go forward again.
    return publish_run(project, target, staged, keep=len(kept) + 1)
