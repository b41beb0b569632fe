"""What somebody with the reader's role can do: read. Nothing that it does or holds keeps anybody from publishing."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest
from psycopg import errors

from cbec.project import CbecError, Project
from cbec.publish import postgres
from cbec.publish.postgres import PostgresResult, publish_postgres
from tests.conftest import ROOT, run_cbec
from tests.postgres.conftest import NAMED, cut_short
from tests.postgres.server import PASSWORD, Server
from tests.postgres.test_publish import (
    checksums_of_database,
    checksums_of_file,
    publish,
    start_publish,
    wait_for_copy,
)

OLD_LOCK = 0x63626563
# {database}: the published one.
REFUSED = [
    # write
    "insert into registry.unit select * from registry.unit", "update marts.observation set value = 0",
    "delete from quality.finding", "truncate estimates.fit", "delete from meta.postgres_shape",
    "merge into meta.publication as a using meta.publication as b on true when matched then delete",
    "copy marts.index_score from stdin", "with gone as (delete from quality.finding returning 1) select * from gone",
    "do $$ begin execute 'delete from quality.finding'; end $$", "select nextval('marts.none')",
    # lock
    "lock table marts.observation in row share mode", "lock table marts.observation in row exclusive mode",
    "lock table marts.observation in share update exclusive mode", "lock table marts.observation in share mode",
    "lock table marts.observation in share row exclusive mode", "lock table marts.observation in exclusive mode",
    "lock table marts.observation in access exclusive mode", "lock table meta.postgres_shape in exclusive mode",
    "lock table pg_class in exclusive mode", "lock table pg_authid in access share mode",
    "select * from marts.observation for update", "select * from marts.observation for no key update",
    "select * from marts.observation for share", "select * from meta.postgres_shape for key share skip locked",
    # make
    "create table marts.mine (a int)", "create table public.mine (a int)", "create temp table mine (a int)",
    "create temp view mine as select * from marts.observation", "create temp sequence mine",
    "select * into mine from marts.index_score", "select * into temp mine from marts.index_score",
    "create schema mine", "create schema cbec_incoming", "create schema marts authorization cbec_reader",
    "create view public.mine as select * from marts.observation", "create materialized view public.mine as select 1",
    "create function public.mine() returns int language sql as 'select 1'",
    "create function pg_temp.mine() returns int language sql as 'select 1'",
    "create procedure public.mine() language sql as 'select 1'", "create type public.mine as (a int)",
    "create domain public.mine as int", "create sequence public.mine", "create statistics s on value, year from marts.observation",
    "create index on marts.observation (value)", "create trigger t before delete on marts.observation execute function tsm_handler()",
    "create rule r as on select to marts.observation do instead nothing", "create policy p on marts.observation",
    "create extension dblink", "create extension file_fdw", "create extension hstore", "create language plperl",
    "create server s foreign data wrapper postgres_fdw", "create foreign data wrapper w",
    "create event trigger e on ddl_command_start execute function tsm_handler()", "create publication p for all tables",
    "create subscription s connection 'host=127.0.0.1' publication p", "create role mine", "create database mine",
    "create tablespace t location '/tmp'", "create cast (int as bool) without function",
    # change
    "drop table marts.observation", "drop schema marts cascade", "drop database {database}", "drop role owner",
    "alter table marts.observation add column a int", "alter table marts.observation owner to cbec_reader",
    "alter table marts.observation disable trigger all", "alter table marts.observation set (autovacuum_enabled = off)",
    "alter schema marts rename to mine", "alter database {database} set work_mem = '1GB'", "alter database {database} owner to cbec_reader",
    "alter system set work_mem = '1GB'", "alter role cbec_reader superuser", "alter role cbec_reader connection limit -1",
    "alter role owner password 'x'", "alter role cbec_reader rename to mine", "alter role all set work_mem = '1GB'",
    "alter default privileges for role owner grant select on tables to public", "comment on table marts.observation is 'mine'",
    "comment on role cbec_reader is 'mine'", "comment on database {database} is 'mine'", "cluster marts.observation",
    "reindex table marts.observation", "reindex schema marts", "refresh materialized view marts.observation",
    "security label on table marts.observation is 'x'", "checkpoint", "grant owner to cbec_reader", "grant cbec_reader to owner",
    "grant execute on function lo_creat(integer) to public",
    "reassign owned by owner to cbec_reader", "drop owned by owner",
    # be somebody else
    "set role owner", "set session authorization owner", "set session_replication_role = replica", "set log_statement = 'all'",
    "set lo_compat_privileges = on", "load 'auto_explain'",
    # end others
    "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'owner'",
    "select pg_cancel_backend(pid) from pg_stat_activity where usename = 'owner'", "select pg_reload_conf()",
    "select pg_rotate_logfile()", "select pg_switch_wal()", "select pg_promote()", "select pg_backup_start('x')",
    "select pg_create_physical_replication_slot('s', true)", "select pg_create_logical_replication_slot('s', 'pgoutput')",
    "select pg_stat_reset()", "select pg_create_restore_point('x')", "select pg_log_backend_memory_contexts(1)",
    # files, programs, the net, secrets
    "copy marts.index_score to '/tmp/cbec_out'", "copy marts.index_score to program 'cat'", "copy marts.index_score from '/etc/passwd'",
    "copy marts.index_score from program 'id'", "copy (select 1) to program 'touch /tmp/cbec_out'", "select pg_read_file('/etc/passwd')",
    "select pg_read_binary_file('/etc/passwd')", "select pg_stat_file('/etc/passwd')", "select pg_ls_dir('/')", "select pg_ls_logdir()",
    "select pg_ls_waldir()", "select pg_current_logfile()", "select lo_import('/etc/passwd')", "select lo_export(1, '/tmp/cbec_out')",
    "select lo_create(0)", "select lo_creat(-1)", "select lo_from_bytea(0, 'a')", "select lo_unlink(1)", "select lo_put(1, 0, 'a')",
    "select dblink('host=127.0.0.1', 'select 1')", "select rolpassword from pg_authid", "select passwd from pg_shadow",
    "select * from pg_hba_file_rules", "select * from pg_file_settings", "select * from pg_user_mapping", "select subconninfo from pg_subscription",
    "select * from pg_statistic", "select * from pg_largeobject",
]  # fmt: skip
# Allowed, and each is left as it is: a transaction that is open, or what a session holds.
HARMLESS = [
    "select * from marts.observation limit 1", "declare c cursor for select * from marts.observation",
    "declare c cursor with hold for select * from marts.index_score", "table meta.postgres_shape",
    "lock table marts.observation in access share mode", "lock table pg_class in access share mode",
    f"select pg_advisory_lock({OLD_LOCK})", f"select pg_advisory_lock(0, {OLD_LOCK})", f"select pg_advisory_lock({OLD_LOCK}, 0)",
    "select pg_advisory_xact_lock_shared(2)", "select pg_try_advisory_lock(1)",
    "select count(pg_advisory_lock(i)) from generate_series(1001, 2000) as i",
    "grant select on marts.observation to public", "revoke select on marts.index_score from cbec_reader",
    "grant usage on schema marts to public", "grant connect on database {database} to public",
    "reassign owned by cbec_reader to cbec_reader",
    "alter role cbec_reader set work_mem = '1MB'", "alter role cbec_reader password null", "alter role cbec_reader in database {database} set work_mem = '2MB'",
    "alter default privileges for role cbec_reader grant select on tables to public", "notify cbec", "listen cbec",
    "select pg_export_snapshot()", "select txid_current()", "select pg_logical_emit_message(true, 'a', 'b')", "set constraints all deferred",
    "savepoint s", "copy marts.index_score to stdout", "explain analyze select count(*) from marts.observation",
    "analyze marts.observation", "set transaction isolation level serializable", "discard plans", "set lock_timeout = 0",
    "set application_name = 'cbec publish'", "prepare p as select * from marts.observation",
]  # fmt: skip
# No transaction can hold these.
OUTSIDE = ["vacuum marts.observation", "vacuum", "vacuum full marts.observation", "cluster", "discard all"]


@dataclass
class Reading:
    """A published database and sessions of its reader."""

    server: Server
    database: str
    sessions: list[psycopg.Connection[Any]] = field(default_factory=list)

    def session(self) -> psycopg.Connection[Any]:
        opened = self.server.connect(self.database, user="cbec_reader")
        opened.execute(
            "set default_transaction_read_only = off; set idle_in_transaction_session_timeout = 0;"
            " set statement_timeout = '20s'"
        )
        self.sessions.append(opened)
        return opened

    def hold(self, statement: str) -> psycopg.Connection[Any]:
        """A session in which the statement's transaction stays open."""
        held = self.session()
        held.execute("begin")
        held.execute(statement.format(database=self.database))
        return held

    def leave(self) -> None:
        for session in self.sessions:
            session.close()
        self.sessions.clear()


@pytest.fixture(scope="module")
def files(warehouse: Path, module_folder: Callable[[str], Path]) -> dict[str, Path]:
    """Small published files: one, another with other rows, and one with another column."""
    folders = {}
    for name, rows in (("one", 60), ("two", 40), ("changed", 50)):
        folders[name] = module_folder(name)
        # The same rows where keys are found in them.
        cut_short(warehouse, folders[name], 60, 60, only=NAMED)
        with duckdb.connect(str(folders[name] / "cbec.duckdb")) as connection:
            for table in ("marts.index_score", "quality.finding"):
                connection.execute(f"delete from {table} where rowid >= ?", [rows])
            connection.execute("update meta.publication set run_id = ?", [name])
            if name == "changed":
                connection.execute("alter table marts.index_score add column one_more double")
    return folders


@pytest.fixture
def reading(server: Server, database: str, files: dict[str, Path]) -> Iterator[Reading]:
    done = publish(server, database, files["one"])
    assert done.returncode == 0, done.stderr
    with server.connect() as connection:
        connection.execute(f"alter role cbec_reader password {psycopg.sql.quote(PASSWORD)}")
    made = Reading(server, database)
    yield made
    made.leave()


def publish_here(
    reading: Reading, folder: Path, monkeypatch: pytest.MonkeyPatch, seconds: int
) -> PostgresResult:
    """Publish with less patience than a person has."""
    monkeypatch.setattr(postgres, "PATIENCE_SECONDS", seconds)
    return publish_postgres(Project(ROOT, folder, folder / "landing"), reading.server.url(reading.database))


def version(reading: Reading) -> str:
    with reading.server.connect(reading.database) as connection:
        row = connection.execute("select run_id from meta.publication").fetchone()
    assert row is not None
    return str(row[0])


def test_what_is_refused_and_what_holds_up_nobody(
    reading: Reading, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that a reader can hold is held at once while new rows are published."""
    assert len(REFUSED) > 120 and len(HARMLESS) > 30
    before = checksums_of_database(reading.server, reading.database)
    owner = reading.server.connect(reading.database)
    reader = reading.session()
    allowed = []
    for statement in REFUSED:
        try:
            with reader.transaction():
                reader.execute(statement.format(database=reading.database))
                # For what takes its lock and would be refused only later.
                allowed.append(statement)
                raise errors.RaiseException("back")
        except (
            errors.InsufficientPrivilege, errors.UndefinedFile, errors.UndefinedFunction, errors.UndefinedObject,
            errors.WrongObjectType, errors.InvalidParameterValue, errors.FeatureNotSupported, errors.UndefinedTable,
            errors.ActiveSqlTransaction, errors.RaiseException, errors.DependentObjectsStillExist,
        ):  # fmt: skip
            pass
    assert allowed == []
    for statement in OUTSIDE:
        reader.execute(statement)
    # The last keeps the record of every right locked, and so the others out.
    for held, name in ((HARMLESS, "two"), (["drop owned by cbec_reader"], "one")):
        for statement in held:
            if statement.startswith("copy"):
                session = reading.session()
                session.execute("begin")
                # The rest of the rows is never fetched.
                session.cursor().copy(statement).__enter__().read()
            else:
                reading.hold(statement)
        assert owner.execute("select 1").fetchone() == (1,), "a connection of the owner was ended"
        result = publish_here(reading, files[name], monkeypatch, 5)
        assert not result.is_rebuilt
        assert checksums_of_database(reading.server, reading.database) == checksums_of_file(files[name])
        assert all("statistics" in notice for notice in result.notices)
        reading.leave()
    assert not Path("/tmp/cbec_out").exists()
    # And when readers have gone nothing is left of it.
    result = publish_here(reading, files["two"], monkeypatch, 5)
    assert result.notices == []
    result = publish_here(reading, files["one"], monkeypatch, 5)
    assert result.notices == []
    assert checksums_of_database(reading.server, reading.database) == before
    with pytest.raises(errors.InsufficientPrivilege):
        reading.session().execute("update marts.observation set value = 0")


def test_a_statement_that_is_refused_is_refused_for_its_rights(reading: Reading) -> None:
    """And not because of a slip in this list: the owner of the server is told of no missing table or word."""
    slips = []
    owner = reading.server.connect(reading.database)
    for statement in REFUSED:
        try:
            with owner.transaction():
                owner.execute("set local lock_timeout = '1s'; set local statement_timeout = '20s'")
                if any(
                    word in statement
                    for word in ("pg_promote", "terminate", "cancel", "checkpoint", "program", "/tmp")
                ):
                    continue
                owner.execute(statement.format(database=reading.database))
                raise errors.RaiseException("back")
        except errors.SyntaxError as error:
            slips.append((statement, str(error)))
        except psycopg.Error:
            if owner.closed:
                owner = reading.server.connect(reading.database)
    assert slips == []


HOLDERS = [
    "select * from marts.index_score limit 1", "lock table marts.index_score in access share mode",
    "declare c cursor for select * from marts.observation", "grant select on marts.index_score to public",
    "drop owned by cbec_reader",
]  # fmt: skip


def test_an_exchange_of_tables_gives_up_and_names_who_holds_them(
    reading: Reading, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A changed table needs all readers out for a moment: exit code 4, nothing published, the holder by name."""
    before = checksums_of_database(reading.server, reading.database)
    for statement in HOLDERS:
        held = reading.hold(statement)
        with pytest.raises(CbecError) as caught:
            publish_here(reading, files["changed"], monkeypatch, 2)
        assert caught.value.exit_code == 4
        assert "nothing was published, the version before stands" in str(caught.value)
        pid = held.info.backend_pid
        assert f"in the way: process {pid} of role cbec_reader" in str(caught.value), statement
        assert f"to end it: select pg_terminate_backend({pid})" in str(caught.value)
        assert checksums_of_database(reading.server, reading.database) == before
        with reading.server.connect(reading.database) as owner:
            assert owner.execute("select to_regnamespace('cbec_incoming')").fetchone() == (None,)
            owner.execute("select pg_terminate_backend(%s)", [pid])
        reading.leave()
    result = publish_here(reading, files["changed"], monkeypatch, 2)
    assert result.is_rebuilt and version(reading) == "changed"
    reading.session().execute("select one_more from marts.index_score")


def test_a_prepared_transaction_is_named_too(
    reading: Reading, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It outlives its session; most servers allow none."""
    reading.hold("lock table marts.index_score in access share mode").execute(
        "prepare transaction 'left behind'"
    )
    reading.leave()
    try:
        assert not publish_here(reading, files["two"], monkeypatch, 2).is_rebuilt
        with pytest.raises(CbecError, match="prepared transaction 'left behind' of role cbec_reader"):
            publish_here(reading, files["changed"], monkeypatch, 2)
    finally:
        with reading.server.connect(reading.database) as owner:
            owner.execute("rollback prepared 'left behind'")
    assert publish_here(reading, files["changed"], monkeypatch, 2).is_rebuilt


def test_a_full_table_of_locks_is_told_and_passes(
    reading: Reading, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one thing by which any role can stop a whole server; when it ends everything goes on."""
    held = reading.session()
    with pytest.raises(errors.OutOfMemory):
        held.execute("select count(pg_advisory_lock(i)) from generate_series(1, 1000000) as i")
    # Nobody may even connect, or the first tables are locked and then no more.
    with pytest.raises(CbecError, match="out of shared memory") as caught:
        publish_here(reading, files["changed"], monkeypatch, 2)
    assert caught.value.exit_code in (2, 4)
    reading.leave()
    assert publish_here(reading, files["changed"], monkeypatch, 5).is_rebuilt


def test_what_a_reader_makes_elsewhere_stops_nothing(
    reading: Reading, files: dict[str, Path], server: Server
) -> None:
    """Another database of the server may let every role make things."""
    other = server.new_database()
    with server.connect(other) as connection:
        connection.execute("grant create on schema public to public")
    with server.connect(other, user="cbec_reader") as elsewhere:
        elsewhere.execute("create table mine (a int); create temp table also (a int); select lo_create(0)")
        done = publish(server, reading.database, files["two"])
        assert done.returncode == 0, done.stderr
        elsewhere.execute("drop table mine; select lo_unlink(oid) from pg_largeobject_metadata")


def test_where_the_publisher_may_not_take_rights_readers_still_stop_nothing(
    server: Server, files: dict[str, Path]
) -> None:
    """Who is no superuser cannot take large objects from everybody; who owns no database not even tables."""
    name = server.new_database()
    with server.connect(name) as connection:
        connection.execute(f"create role lodger login createrole password {psycopg.sql.quote(PASSWORD)}")
        connection.execute(
            f"grant create on database {name} to lodger; grant create on schema public to public"
        )
    options = ("--to", server.url(name, user="lodger"), "--reader", "lodger_reader")
    done = run_cbec("publish", *options, warehouse=files["one"])
    assert done.returncode == 0, done.stderr
    for words in ("temporary tables; the owner can say: revoke temporary", "create objects; the owner can say: revoke create on schema public",
                  "large objects; a superuser can say: revoke execute on function lo_creat"):  # fmt: skip
        assert words in done.stderr
    with server.connect(name) as connection:
        connection.execute(f"alter role lodger_reader password {psycopg.sql.quote(PASSWORD)}")
    with server.connect(name, user="lodger_reader") as reader:
        reader.execute("set default_transaction_read_only = off")
        reader.execute("select lo_create(0); create temp table mine (a int)")
        again = run_cbec("publish", *options, warehouse=files["two"])
        assert again.returncode == 0, again.stderr
        # A view on what is published is refused with a reason; only this the notice cannot prevent.
        reader.execute("create view public.mine as select * from marts.index_score")
        refused = run_cbec("publish", *options, warehouse=files["one"])
        assert refused.returncode == 2
        assert "role 'lodger_reader' owns objects" in refused.stderr
        reader.execute("drop view public.mine; select lo_unlink(oid) from pg_largeobject_metadata")


def test_a_second_publisher_of_rows_is_told_who_is_first(
    server: Server, database: str, versions: tuple[Path, Path]
) -> None:
    assert publish(server, database, versions[0]).returncode == 0
    first = start_publish(server, database, versions[1])
    wait_for_copy(server, database)
    first.send_signal(signal.SIGSTOP)
    try:
        second = publish(server, database, versions[0])
    finally:
        first.send_signal(signal.SIGCONT)
    assert second.returncode == 5, second.stderr
    assert "another publication is running; process" in second.stderr and "of role owner" in second.stderr
    _, stderr = first.communicate(timeout=1800)
    assert first.returncode == 0, stderr


def test_what_a_reader_sets_for_its_role_lasts_until_the_next_publication(
    reading: Reading, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = reading.session()
    session.execute("alter role cbec_reader set statement_timeout = '1ms'")
    session.execute(f'alter role cbec_reader in database "{reading.database}" set search_path = nowhere')
    session.commit()
    reading.leave()
    publish_here(reading, files["two"], monkeypatch, 20)
    with reading.server.connect(reading.database, user="cbec_reader") as again:
        assert again.execute("show statement_timeout").fetchone() == ("0",)
        assert again.execute("show default_transaction_read_only").fetchone() == ("on",)
        assert again.execute("select count(*) from marts.observation").fetchone() != (0,)
    # Who holds the settings holds up nothing: it is told.
    session = reading.session()
    session.execute("alter role cbec_reader set statement_timeout = '1s'")
    session.commit()
    session.execute("begin")
    session.execute("alter role cbec_reader set statement_timeout = '2s'")
    result = publish_here(reading, files["one"], monkeypatch, 20)
    assert any("settings that are not ours" in notice for notice in result.notices)


def test_a_reader_leaves_connections_for_others(reading: Reading) -> None:
    with pytest.raises(psycopg.OperationalError, match="too many connections for role"):
        for _ in range(60):
            reading.session()
    with reading.server.connect(reading.database) as owner:
        assert owner.execute("select 1").fetchone() == (1,)
