"""`cbec publish` against a real PostgreSQL: equal, keyed, read-only, and old or new whatever happens."""

from __future__ import annotations

import datetime
import hashlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest

from cbec.publish.postgres import SCHEMAS, TYPES
from tests.conftest import LONG, ROOT, run_cbec
from tests.postgres.conftest import COPIED
from tests.postgres.server import PASSWORD, QUOTED_PASSWORD, Server


def publish(
    server: Server, database: str, warehouse: Path, *options: str
) -> subprocess.CompletedProcess[str]:
    return run_cbec("publish", "--to", server.url(database), *options, warehouse=warehouse)


def start_publish(server: Server, database: str, warehouse: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "cbec.cli", "publish", "--to", server.url(database)],
        cwd=ROOT, env=os.environ | {"CBEC_WAREHOUSE": str(warehouse)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def plain(value: Any) -> str:
    """One text for one value, whichever driver read it."""
    if isinstance(value, Decimal):
        return str(int(value)) if value == value.to_integral_value() else str(value.normalize())
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.UTC).isoformat()
    return repr(value)


def checksum(rows: Iterable[tuple[Any, ...]]) -> tuple[int, str]:
    """Rows and their checksum in any order."""
    lines = sorted("\x1f".join(map(plain, row)) for row in rows)
    return len(lines), hashlib.sha256("\x1e".join(lines).encode()).hexdigest()


def tables_of(connection: duckdb.DuckDBPyConnection) -> list[str]:
    rows = connection.execute(
        "select schema_name || '.' || table_name from duckdb_tables() where list_contains(?, schema_name)"
        " order by all",
        [list(SCHEMAS)],
    ).fetchall()
    return [row[0] for row in rows]


def checksums_of_file(folder: Path, name: str = "cbec") -> dict[str, tuple[int, str]]:
    with duckdb.connect(str(folder / f"{name}.duckdb"), read_only=True) as connection:
        return {
            t: checksum(connection.execute(f"select * from {t}").fetchall()) for t in tables_of(connection)
        }


def checksums_of_database(server: Server, database: str) -> dict[str, tuple[int, str]]:
    with server.connect(database) as connection:
        tables = connection.execute(
            "select table_schema || '.' || table_name from information_schema.tables"
            " where table_schema = any(%s) and table_name <> 'postgres_shape'",
            [list(SCHEMAS)],
        ).fetchall()
        return {t: checksum(connection.execute(f"select * from {t}").fetchall()) for (t,) in tables}


def version_there(server: Server, database: str) -> tuple[str, int, int]:
    with server.connect(database) as connection:
        return connection.execute(VERSION).fetchone()


VERSION = (
    "select run_id, (select count(*) from marts.index_score), (select count(*) from quality.finding)"
    " from meta.publication"
)
ONE, TWO = ("one", 400, 400), ("two", 300, 300)


@pytest.fixture(scope="module")
def filled(server: Server, long_enough: Path) -> str:
    """Name of a database to which the real warehouse was published."""
    name = server.new_database()
    done = publish(server, name, long_enough)
    assert done.returncode == 0, done.stderr
    assert "tables made anew" in done.stdout
    assert done.stderr == "", "the owner of the server is told of nothing it could not do"
    return name


def test_every_table_arrives_row_by_row(server: Server, filled: str, long_enough: Path) -> None:
    sent = checksums_of_file(long_enough)
    assert len(sent) > 80 and sum(rows for rows, _ in sent.values()) > 100_000
    assert checksums_of_database(server, filled) == sent


def test_types_comments_and_keys_arrive(server: Server, filled: str, warehouse: Path) -> None:
    with duckdb.connect(str(warehouse / "cbec.duckdb"), read_only=True) as source:
        columns = {
            (schema, table, column): (data_type, comment)
            for schema, table, column, data_type, comment in source.execute(
                "select schema_name, table_name, column_name, data_type, comment from duckdb_columns()"
                " join duckdb_tables() using (schema_name, table_name) where list_contains(?, schema_name)"
                .replace("comment from", "duckdb_columns.comment from"),
                [list(SCHEMAS)],
            ).fetchall()
        }  # fmt: skip
    with server.connect(filled) as connection:
        there = {
            tuple(row[:3]): (row[3], row[4])
            for row in connection.execute(
                "select nspname, relname, attname, format_type(atttypid, atttypmod),"
                " col_description(pg_class.oid, attnum) from pg_attribute join pg_class on attrelid = pg_class.oid"
                " join pg_namespace on relnamespace = pg_namespace.oid where nspname = any(%s) and attnum > 0"
                " and relkind = 'r' and relname <> 'postgres_shape'",
                [list(SCHEMAS)],
            ).fetchall()
        }
        keys = connection.execute(
            "select conrelid::regclass::text, pg_get_constraintdef(oid), convalidated from pg_constraint"
        ).fetchall()
        indexes = connection.execute("select indexdef from pg_indexes where schemaname = 'marts'").fetchall()
        bare = connection.execute(
            "select relname from pg_class join pg_namespace on relnamespace = pg_namespace.oid where relkind = 'r'"
            " and nspname = any(%s) and nspname <> 'meta' and obj_description(pg_class.oid) is null",
            [list(SCHEMAS)],
        ).fetchall()
    assert there.keys() == columns.keys()
    names = {"timestamptz": "timestamp with time zone", "numeric(20, 0)": "numeric(20,0)"}
    for place, (data_type, comment) in columns.items():
        expected = TYPES.get(data_type, data_type.lower().replace("decimal", "numeric"))
        assert there[place] == (names.get(expected, expected), comment), place
    assert bare == []
    definitions = {(table, definition) for table, definition, _ in keys}
    assert all(valid for *_, valid in keys)
    assert (
        "marts.observation", "PRIMARY KEY (region_level, region_code, year, indicator_id, scope, vintage)"
    ) in definitions  # fmt: skip
    assert (
        "marts.observation", "FOREIGN KEY (indicator_id) REFERENCES registry.indicator(indicator_id)"
    ) in definitions  # fmt: skip
    # A pooled weight has no year, so this can only be unique.
    assert ("marts.index_weight", "UNIQUE (index_id, weighting, year, indicator_id)") in definitions
    assert sum(definition.startswith("PRIMARY KEY") for _, definition in definitions) >= 65
    assert sum(definition.startswith("FOREIGN KEY") for _, definition in definitions) >= 60
    assert any("marts.observation USING btree (region_code)" in line for (line,) in indexes)


def test_publishing_again_replaces_and_repairs(
    server: Server, database: str, versions: tuple[Path, Path]
) -> None:
    assert publish(server, database, versions[0]).returncode == 0
    with server.connect(database) as connection:
        connection.execute("update marts.index_score set score = 7")
    done = publish(server, database, versions[1])
    assert done.returncode == 0, done.stderr
    assert "rows replaced" in done.stdout
    assert checksums_of_database(server, database) == checksums_of_file(versions[1])
    with server.connect(database) as connection:
        connection.execute("drop table quality.digit_context; alter table estimates.att drop column estimate")
    done = publish(server, database, versions[1])
    assert done.returncode == 0, done.stderr
    assert "tables made anew" in done.stdout
    assert checksums_of_database(server, database) == checksums_of_file(versions[1])


def test_a_changed_table_is_exchanged_and_rights_stay(
    server: Server, database: str, versions: tuple[Path, Path], tmp_path: Path
) -> None:
    assert publish(server, database, versions[0]).returncode == 0
    with server.connect(database) as connection:
        connection.execute("create role neighbour; grant select on marts.index_score to neighbour")
    shutil.copy(versions[1] / "cbec.duckdb", tmp_path / "cbec.duckdb")
    with duckdb.connect(str(tmp_path / "cbec.duckdb")) as changed:
        changed.execute("alter table marts.index_score add column one_more double")
        changed.execute("drop table quality.digit_context")
    done = publish(server, database, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "tables made anew" in done.stdout
    assert checksums_of_database(server, database) == checksums_of_file(tmp_path)
    with server.connect(database) as connection:
        may = "select has_table_privilege(%s, 'marts.index_score', 'select')"
        assert connection.execute(may, ["neighbour"]).fetchone() == (True,)
        assert connection.execute(may, ["cbec_reader"]).fetchone() == (True,)
        # A view of somebody else's stands in the way of an exchange, and is not lost.
        connection.execute("create view public.theirs as select * from marts.index_score")
    refused = publish(server, database, versions[0])
    assert refused.returncode == 4
    assert "theirs depends on" in refused.stderr
    assert checksums_of_database(server, database) == checksums_of_file(tmp_path)


def test_real_and_simulated_figures_never_share_a_database(
    server: Server, filled: str, database: str, versions: tuple[Path, Path], tmp_path: Path
) -> None:
    shutil.copy(versions[0] / "cbec.duckdb", tmp_path / "demo.duckdb")
    with duckdb.connect(str(tmp_path / "demo.duckdb")) as simulated:
        simulated.execute("update meta.publication set is_simulated = true")
    refused = publish(server, filled, tmp_path, "--demo")
    assert refused.returncode == 2
    assert "holds real figures; simulated ones never share it" in refused.stderr
    done = publish(server, database, tmp_path, "--demo")
    assert done.returncode == 0, done.stderr
    refused = publish(server, database, versions[0])
    assert refused.returncode == 2
    assert "holds simulated figures; real ones never share it" in refused.stderr
    with server.connect(database) as connection:
        titles = connection.execute(
            "select obj_description('marts.observation'::regclass), obj_description('estimates'::regnamespace)"
        ).fetchone()
    assert all(title.startswith("SIMULATED DATA. ") for title in titles)


def test_a_schema_of_somebody_else_is_left_alone(server: Server, database: str, long_enough: Path) -> None:
    with server.connect(database) as connection:
        connection.execute("create schema marts; create table marts.theirs as select 1 as a")
    refused = publish(server, database, long_enough)
    assert refused.returncode == 2
    assert "schema marts that was not published from here" in refused.stderr
    with server.connect(database) as connection:
        assert connection.execute("select * from marts.theirs").fetchall() == [(1,)]
        assert connection.execute("select to_regnamespace('estimates')").fetchone() == (None,)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://owner@127.0.0.1/db", "'mysql' is not postgresql"),
        ("warehouse", "'no scheme' is not postgresql"),
        ("postgresql://owner:hidden@127.0.0.1:port/db", "host or port cannot be read"),
        ("postgresql://owner:hidden@127.0.0.1:5432", "no database is named"),
        ("postgresql://owner:hidden@127.0.0.1/a/b", "more than one database is named"),
        ("postgresql://owner:hidden@127.0.0.1/a?sslmod=require", "unknown option 'sslmod'"),
        ("postgresql://owner:hidden@127.0.0.1:1/a?connect_timeout=3", "Connection refused"),
    ],
)
def test_a_bad_address_is_named_without_its_password(warehouse: Path, url: str, words: str) -> None:
    done = run_cbec("publish", "--to", url, warehouse=warehouse)
    assert done.returncode == 2
    assert words in done.stderr
    assert "hidden" not in done.stderr


def test_passwords_come_from_three_places_and_are_never_shown(
    server: Server, database: str, versions: tuple[Path, Path], tmp_path: Path
) -> None:
    warehouse = versions[0]
    bare = server.url(database, password="")
    escaped = PASSWORD.replace("\\", "\\\\").replace(":", "\\:")
    file = tmp_path / "pgpass"
    file.write_text(f"127.0.0.1:{server.port}:*:owner:{escaped}\n")
    file.chmod(0o600)
    nothing = {"PGPASSFILE": "/nonexistent"}
    for url, env in (
        (bare, {"PGPASSWORD": PASSWORD} | nothing),
        (bare, {"PGPASSFILE": str(file)}),
    ):
        done = run_cbec("publish", "--to", url, warehouse=warehouse, env=env)
        assert done.returncode == 0, done.stderr
    for url, env in (
        (bare, nothing),
        (bare, {"PGPASSWORD": "wrong-one"} | nothing),
        (server.url(database, password=":wrong-one"), nothing),
        (server.url("no_such_database"), nothing),
    ):
        done = run_cbec("publish", "--to", url, warehouse=warehouse, env=env)
        assert done.returncode == 2
        assert "no connection" in done.stderr
        for secret in (PASSWORD, QUOTED_PASSWORD, "wrong-one"):
            assert secret not in done.stdout + done.stderr


def test_who_may_not_publish_is_told(server: Server, database: str, filled: str, long_enough: Path) -> None:
    with server.connect() as connection:
        connection.execute(f"create role guest login password {psycopg.sql.quote(PASSWORD)}")
    for name, words in ((database, "no right to create schemas"), (filled, "no right to publish there")):
        url = server.url(name, user="guest")
        done = run_cbec("publish", "--to", url, warehouse=long_enough)
        assert done.returncode == 2, done.stderr
        assert words in done.stderr
    for role, words in (("owner", "has rights over the whole server"), ("pg_monitor", "cannot be the name")):
        done = publish(server, database, long_enough, "--reader", role)
        assert done.returncode == 2
        assert words in done.stderr
    assert checksums_of_database(server, database) == {}


def test_a_plain_owner_of_a_database_publishes_and_hears_what_is_left(
    server: Server, database: str, versions: tuple[Path, Path]
) -> None:
    with server.connect() as connection:
        connection.execute(f"create role tenant login createrole password {psycopg.sql.quote(PASSWORD)}")
        connection.execute(f"alter database {database} owner to tenant")
    url = server.url(database, user="tenant")
    done = run_cbec("publish", "--to", url, "--reader", "tenant_reader", warehouse=versions[0])
    assert done.returncode == 0, done.stderr
    assert "may still make large objects; a superuser can say: revoke execute on function" in done.stderr
    assert version_there(server, database) == ONE


def test_two_publications_at_once(server: Server, database: str, versions: tuple[Path, Path]) -> None:
    first = start_publish(server, database, versions[0])
    wait_for_copy(server, database)
    # On a busy machine the first would be done before the second has started.
    first.send_signal(signal.SIGSTOP)
    try:
        second = publish(server, database, versions[1])
    finally:
        first.send_signal(signal.SIGCONT)
    assert second.returncode == 5, second.stderr
    assert "another publication is running" in second.stderr
    _, stderr = first.communicate(timeout=1800)
    assert first.returncode == 0, stderr
    assert version_there(server, database) == ONE


ATTEMPTS = [
    "insert into registry.unit select * from registry.unit",
    "update marts.observation set value = 0",
    "delete from quality.finding",
    "truncate estimates.fit",
    "drop table marts.observation",
    "alter table marts.observation add column a int",
    "create table marts.mine (a int)",
    "create table public.mine (a int)",
    "create temp table mine (a int)",
    "select * into mine from marts.index_score",
    "create schema mine",
    "create view public.mine as select 1",
    "create function public.mine() returns int language sql as 'select 1'",
    "create index on marts.observation (value)",
    "create extension dblink",
    "create extension file_fdw",
    "create role mine",
    "create database mine",
    "set role owner",
    "set session authorization owner",
    "alter default privileges for role owner grant select on tables to public",
    "comment on table marts.observation is 'mine'",
    "do $$ begin lock table marts.observation in access exclusive mode; end $$",
    "select * from marts.observation for update",
    "copy marts.index_score to '/tmp/cbec_out'",
    "copy marts.index_score to program 'cat'",
    "copy marts.index_score from '/etc/passwd'",
    "copy marts.index_score from program 'id'",
    "select pg_read_file('/etc/passwd')",
    "select pg_ls_dir('/')",
    "select lo_import('/etc/passwd')",
    "select lo_create(0)",
    "select lo_from_bytea(0, 'a')",
    "select lo_export(1, '/tmp/cbec_out')",
    "alter system set work_mem = '1GB'",
    "alter role cbec_reader superuser",
    "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'owner'",
    "select rolpassword from pg_authid",
    "do $$ begin execute 'delete from quality.finding'; end $$",
    "refresh materialized view marts.observation",
]


def test_the_reader_reads_and_does_nothing_else(server: Server, filled: str) -> None:
    with server.connect() as connection:
        connection.execute(f"alter role cbec_reader password {psycopg.sql.quote(PASSWORD)}")
    before = checksums_of_database(server, filled)
    with server.connect(filled, user="cbec_reader") as reader, server.connect(filled) as other:
        for schema in SCHEMAS:
            (table,) = reader.execute(
                "select table_name from information_schema.tables where table_schema = %s limit 1", [schema]
            ).fetchone()
            reader.execute(f"select * from {schema}.{table} limit 1").fetchall()
        # Its own default is a help, not the lock: it may turn it off.
        assert reader.execute("show transaction_read_only").fetchone() == ("on",)
        reader.execute("set default_transaction_read_only = off")
        assert reader.execute("show transaction_read_only").fetchone() == ("off",)
        assert len(ATTEMPTS) >= 20
        allowed = []
        for statement in ATTEMPTS:
            try:
                reader.execute(statement)
                allowed.append(statement)
            except (psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedFile):
                pass
        assert allowed == []
        # With a warning instead of an error.
        reader.execute("grant select on marts.observation to public")
        assert other.execute(
            "select count(*) from pg_class cross join aclexplode(relacl) as acl where acl.grantee = 0"
            " and oid = 'marts.observation'::regclass"
        ).fetchone() == (0,)
        assert other.execute("select 1").fetchone() == (1,), "a connection of the owner was ended"
    assert checksums_of_database(server, filled) == before
    assert not Path("/tmp/cbec_out").exists()


def wait_for_copy(server: Server, database: str) -> None:
    """Return while the publisher is copying rows."""
    deadline = time.monotonic() + 60
    with server.connect() as connection:
        while not connection.execute(
            "select 1 from pg_stat_activity where datname = %s and application_name = 'cbec publish'"
            " and query ilike 'copy%%' and query ilike %s",
            [database, f"%{COPIED}%"],
        ).fetchone():
            assert time.monotonic() < deadline, "the publisher never copied"
            time.sleep(0.001)


def test_a_server_that_stops_midway_keeps_the_version_before(
    server: Server, database: str, versions: tuple[Path, Path]
) -> None:
    assert publish(server, database, versions[0]).returncode == 0
    publisher = start_publish(server, database, versions[1])
    wait_for_copy(server, database)
    server.stop("immediate")
    try:
        _, stderr = publisher.communicate(timeout=600)
    finally:
        server.start()
    assert publisher.returncode == 4, stderr
    assert "nothing was published" in stderr
    assert "Traceback" not in stderr and PASSWORD not in stderr
    assert version_there(server, database) == ONE
    assert checksums_of_database(server, database) == checksums_of_file(versions[0])


def test_a_killed_publisher_leaves_old_or_new(
    server: Server, database: str, versions: tuple[Path, Path]
) -> None:
    start = time.monotonic()
    assert publish(server, database, versions[0]).returncode == 0
    whole = time.monotonic() - start
    clock = random.Random(20150307)
    seen = []
    current = ONE
    for turn in range(10 if LONG else 4):
        wanted = (TWO, ONE)[turn % 2]
        publisher = start_publish(server, database, versions[(turn + 1) % 2])
        # From the connection to beyond the end.
        time.sleep(clock.uniform(0.25, 1.15) * whole)
        publisher.send_signal(signal.SIGKILL)
        publisher.communicate()
        quiet(server, database)
        there = version_there(server, database)
        assert there in (current, wanted)
        seen.append(there != current)
        current = there
    assert False in seen, "no kill came before the commit"
    names = {ONE: versions[0], TWO: versions[1]}
    assert checksums_of_database(server, database) == checksums_of_file(names[current])
    assert publish(server, database, versions[1]).returncode == 0
    assert checksums_of_database(server, database) == checksums_of_file(versions[1])


def quiet(server: Server, database: str) -> None:
    """Wait until the server has noticed that the publisher is gone."""
    with server.connect() as connection:
        while connection.execute(
            "select 1 from pg_stat_activity where datname = %s and application_name = 'cbec publish'",
            [database],
        ).fetchone():
            time.sleep(0.02)


RUNNING = "select left(query, 60) from pg_stat_activity where application_name = 'cbec publish' and state = 'active'"
BLOCKING = """
    select left(blocker.query, 60)
    from pg_stat_activity as reader
    cross join unnest(pg_blocking_pids(reader.pid)) as blocking (pid)
    inner join pg_stat_activity as blocker on blocker.pid = blocking.pid
    where blocker.application_name = 'cbec publish' and reader.application_name <> 'cbec publish'
"""
# Rows that arrive; what is read with `copy (select ...)` are names and rights.
COPYING = re.compile(r"\s*(copy(?!\s*\()|insert\b)", re.IGNORECASE)


def test_readers_see_one_version_and_wait_for_no_row(
    server: Server, database: str, versions: tuple[Path, Path], tmp_path: Path
) -> None:
    """Single statements through exchanges of rows and of tables; whole transactions through exchanges of rows."""
    assert publish(server, database, versions[0]).returncode == 0
    shutil.copy(versions[1] / "cbec.duckdb", tmp_path / "cbec.duckdb")
    with duckdb.connect(str(tmp_path / "cbec.duckdb")) as changed:
        changed.execute("alter table marts.index_score add column one_more double")
    stop, failures = threading.Event(), []
    answers: list[tuple[str, int, int]] = []
    pairs: list[tuple[Any, Any]] = []
    running: set[str] = set()
    blocking: set[str] = set()
    rows_only = threading.Event()
    rows_only.set()

    def ask() -> None:
        try:
            with server.connect(database) as connection:
                while not stop.is_set():
                    answers.append(connection.execute(VERSION).fetchone())
                    # Four readers without a breath would leave the publisher no core.
                    time.sleep(0.01)
                    if rows_only.is_set():
                        with connection.transaction():
                            connection.execute("set transaction isolation level repeatable read")
                            first = connection.execute(VERSION).fetchone()
                            time.sleep(0.3)
                            pairs.append((first, connection.execute(VERSION).fetchone()))
        except BaseException as error:
            failures.append(error)

    def watch() -> None:
        """What the publisher runs, and what it runs while a reader waits for it."""
        try:
            with server.connect(database) as connection:
                while not stop.is_set():
                    running.update(query for (query,) in connection.execute(RUNNING).fetchall())
                    blocking.update(query for (query,) in connection.execute(BLOCKING).fetchall())
                    time.sleep(0.005)
        except BaseException as error:
            failures.append(error)

    readers = [threading.Thread(target=target) for target in (ask, ask, ask, ask, watch)]
    for reader in readers:
        reader.start()
    done = [publish(server, database, versions[1]), publish(server, database, versions[0])]
    rows_only.clear()
    time.sleep(0.4)
    done += [publish(server, database, tmp_path), publish(server, database, versions[0])]
    stop.set()
    for reader in readers:
        reader.join()
    assert [(d.returncode, "tables made anew" in d.stdout) for d in done] == [
        (0, False), (0, False), (0, True), (0, True)
    ], [d.stderr for d in done]  # fmt: skip
    assert failures == []
    assert set(answers) == {ONE, TWO}
    assert len(pairs) > 10 and all(first == second for first, second in pairs)
    # On whatever machine: only while names are exchanged, never while rows are copied.
    assert any(COPYING.match(query) for query in running), sorted(running)
    assert [query for query in blocking if COPYING.match(query)] == []
