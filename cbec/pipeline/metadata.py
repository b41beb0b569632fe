"""Tables of a published file that say when, from what and how it was made."""

from __future__ import annotations

import hashlib
import subprocess
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import duckdb

from cbec.pipeline.dbt import DbtRun
from cbec.pipeline.history import tables
from cbec.pipeline.inputs import Input, seed_hashes
from cbec.pipeline.rebuild import close_books, write_states
from cbec.pipeline.runlog import Run, now_text, read_runs, write_runs
from cbec.project import Project


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def write_metadata(
    project: Project,
    database: Path,
    run: Run,
    done: DbtRun,
    inputs: list[Input],
) -> None:
    """Say in the file itself when and from what it was made; the only tables that differ by run."""
    commit = _git(project.root, "rev-parse", "HEAD")
    changes = _git(project.root, "status", "--porcelain")
    hashes = seed_hashes(project.root)
    fingerprint = hashlib.sha256("".join(digest for _, digest in hashes).encode()).hexdigest()
    with duckdb.connect(str(database)) as connection:
        # One transaction: each of some two thousand rows would be written to disk by itself.
        connection.begin()
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
                fingerprint, version("cbec-warehouse"), version("dbt-core"), version("duckdb"),
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
        connection.commit()
        connection.execute("checkpoint")


def write_parquet_files(connection: duckdb.DuckDBPyConnection, written: dict[str, str]) -> None:
    """Table meta.parquet_file: SHA-256 of the Parquet copy of each public table."""
    connection.execute(
        "create table meta.parquet_file (table_schema varchar, table_name varchar, sha256 varchar)"
    )
    connection.begin()
    connection.executemany(
        "insert into meta.parquet_file values (?, ?, ?)",
        [[*name.split(".", 1), sha256] for name, sha256 in sorted(written.items())],
    )
    connection.commit()
