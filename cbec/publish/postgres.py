"""Copy a published file to PostgreSQL: old or new, never half, and no reader waits.

Everything happens in one transaction of the server, through DuckDB's postgres extension. As long as the
tables keep their shape their rows are deleted and written anew, so that multi-version concurrency does the
rest: a reader sees the version before until the commit, whatever it joins, and holds up nobody. Only when
a table came, went or changed its columns or keys are all tables made anew beside and exchanged, for which
the server must hold them for an instant.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb

from cbec.common.warehouse import published
from cbec.project import PUBLIC_SCHEMAS, CbecError, Project
from cbec.publish.address import Server, read_url
from cbec.publish.keys import Keys, declared_keys, find_keys, parents_first

# The registry and the studies explain codes and printed results; meta says when and from what.
SCHEMAS = (*PUBLIC_SCHEMAS, "registry", "studies", "meta")
DESCRIPTIONS = {
    "marts": "What people read: observations, panels, treatment, indices.",
    "quality": "Coverage, findings and readiness of studies.",
    "estimates": "Regressions, event studies and what a referee would ask.",
    "registry": "Regions, zones, indicators, units, sources and rules.",
    "studies": "Specifications, and results as printed.",
    "meta": "When it was published, and from what.",
}
_SCHEMA_LIST = ", ".join(f"'{schema}'" for schema in SCHEMAS)
INCOMING = "cbec_incoming"
# What DuckDB's types are called by PostgreSQL; an unsigned 64-bit number has no smaller home.
TYPES = {
    "BOOLEAN": "boolean", "TINYINT": "smallint", "SMALLINT": "smallint", "INTEGER": "integer",
    "BIGINT": "bigint", "HUGEINT": "numeric(38, 0)", "UTINYINT": "smallint", "USMALLINT": "integer",
    "UINTEGER": "bigint", "UBIGINT": "numeric(20, 0)", "FLOAT": "real", "DOUBLE": "double precision",
    "VARCHAR": "text", "DATE": "date", "TIMESTAMP": "timestamp", "TIMESTAMP WITH TIME ZONE": "timestamptz",
}  # fmt: skip
# How long anything waits for somebody else's lock before it gives up.
PATIENCE_SECONDS = 60
# A reader who forgot an open transaction holds up an exchange of tables.
READER_SETTINGS = {"default_transaction_read_only": "on", "idle_in_transaction_session_timeout": "10min"}
# What the server says when somebody else stands in the way.
WAITED = ("lock timeout", "could not obtain lock", "out of shared memory", "tuple concurrently updated")
# What any role may do on a fresh database although it writes there.
LARGE_OBJECTS = ("lo_creat(integer)", "lo_create(oid)", "lo_from_bytea(oid, bytea)")
Progress = Callable[[str, int, int], None]
Place = tuple[str, str]


@dataclass(frozen=True)
class TableShape:
    """What a table is apart from its rows. columns: (name, type of PostgreSQL, is nullable, comment)."""

    schema: str
    name: str
    comment: str
    columns: tuple[tuple[str, str, bool, str], ...]
    keys: Keys

    @property
    def place(self) -> Place:
        return self.schema, self.name


@dataclass
class PostgresResult:
    """What was published. rows: by schema.table; notices: what the publisher had no right to do."""

    server: str
    reader: str
    is_rebuilt: bool = False
    rows: dict[str, int] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)


def publish_postgres(
    project: Project,
    url: str,
    *,
    target: str = "dev",
    reader: str = "cbec_reader",
    progress: Progress | None = None,
) -> PostgresResult:
    """Copy marts, quality, estimates and what explains them to a PostgreSQL database.

    reader: a role that is made when it is not there and may read these tables and nothing else. Progress
    is told (table, tables done, tables). Raises CbecError: 2 for a bad URL, no server, no rights, a
    database that is not ours or of the other kind, 4 when it failed and was rolled back, 5 when another
    publication to this database is running.
    """
    server = read_url(url)
    path = published(project, target)
    report = progress or (lambda phase, done, total: None)
    report("connect", 0, 1)
    with _password(server), _duckdb_connection() as connection:
        _attach(connection, server, path)
        publication = _Publication(connection, server, reader, report)
        # DuckDB ends the server's transaction together with its own.
        connection.execute("begin")
        try:
            publication.refuse_what_must_not_be()
            publication.copy(_shapes(connection, project.root))
        except BaseException as error:
            with contextlib.suppress(duckdb.Error):
                connection.execute("rollback")
            if isinstance(error, duckdb.Error):
                raise _failure(server, error, publication.in_the_way(error)) from None
            raise
        try:
            connection.execute("commit")
        except duckdb.Error as error:
            raise CbecError(
                f"{server.shown}: the server did not confirm the commit, so the version before or this one"
                f" stands, see meta.publication; publish again: {_masked(server, str(error)).strip()}",
                exit_code=4,
            ) from None
        publication.restore_reader()
        publication.analyze()
    return publication.result


class _Publication:
    """One transaction on the server."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, server: Server, reader: str, report: Progress
    ) -> None:
        self._duckdb = connection
        self._server = server
        self._reader = reader
        self._report = report
        self.result = PostgresResult(server.shown, reader)

    def _run(self, *statements: str) -> None:
        self._duckdb.execute("call postgres_execute('server', ?)", [";\n".join(statements)])

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        return self._duckdb.execute("select * from postgres_query('server', ?)", [query]).fetchall()

    def refuse_what_must_not_be(self) -> None:
        """Raise CbecError, before anything is written, when this publication may not happen."""
        (encoding, may_create, database) = self._rows(
            "select current_setting('server_encoding'), has_database_privilege(current_database(), 'CREATE'),"
            " current_database()::text"
        )[0]
        if encoding != "UTF8":
            raise CbecError(
                f"{self._server.shown}: the database is encoded in {encoding}; Chinese names need UTF8",
                exit_code=2,
            )
        here = {row[0] for row in self._rows("select nspname::text from pg_namespace")} & set(SCHEMAS)
        self._is_first = not here
        if self._is_first:
            if not may_create:
                raise CbecError(
                    f"{self._server.shown}: no right to create schemas;"
                    f" the owner can say: grant create on database {_quoted(database)} to ...",
                    exit_code=2,
                )
        else:
            self._refuse_other_owners(here, database)
        self._refuse_second()
        self._refuse_reader()

    def _refuse_second(self) -> None:
        """Be the only publisher until the end of the transaction. Raises CbecError (exit code 5).

        By locks for which one must be the owner: an advisory lock any reader could take and keep.
        """
        if self._is_first:
            try:
                # A second one waits for the first one's name, so not long.
                self._run("set local lock_timeout = '200ms'", f"create schema {INCOMING}")
            except duckdb.Error as error:
                if "lock timeout" not in str(error):
                    raise
                raise CbecError(
                    f"{self._server.shown}: another publication is running", exit_code=5
                ) from None
        # Rows and not the table, which the server's own vacuum may hold.
        elif not self._rows(
            "select count(*) from (select from meta.postgres_shape for update skip locked) as free"
        )[0][0]:
            holders = self._rows(
                "select pid, usename::text from pg_locks join pg_stat_activity using (pid) where locktype ="
                " 'relation' and relation = 'meta.postgres_shape'::regclass and mode = 'RowShareLock'"
                " and pid <> pg_backend_pid()"
            )
            who = "".join(f"; process {pid} of role {role}" for pid, role in holders)
            raise CbecError(f"{self._server.shown}: another publication is running{who}", exit_code=5)

    def _refuse_other_owners(self, here: set[str], database: str) -> None:
        if not self._rows("select 1 where to_regclass('meta.postgres_shape') is not null"):
            raise CbecError(
                f"{self._server.shown}: the database has a schema {', '.join(sorted(here))} that was not"
                " published from here and would be replaced; name another database",
                exit_code=2,
            )
        there = self._rows("select is_simulated from meta.publication")[0][0]
        ours = self._duckdb.execute("select is_simulated from source.meta.publication").fetchone()
        assert ours is not None
        if there != ours[0]:
            kinds = {True: "simulated", False: "real"}
            raise CbecError(
                f"{self._server.shown}: the database holds {kinds[there]} figures; {kinds[ours[0]]} ones"
                " never share it; name another database",
                exit_code=2,
            )

    def _refuse_reader(self) -> None:
        name = _literal(self._reader)
        if not self._reader or self._reader.startswith("pg_") or self._reader in ("public", "none"):
            raise CbecError(f"--reader: {self._reader!r} cannot be the name of a role", exit_code=2)
        found = self._rows(
            "select rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls as has_rights,"
            " exists (select from pg_auth_members where member = pg_roles.oid) as is_member,"
            # What it makes in another database, or as a large object, must not keep this one from publishing.
            " exists (select from pg_database where datdba = pg_roles.oid) or"
            " exists (select from pg_namespace where nspowner = pg_roles.oid) or"
            " exists (select from pg_class where relowner = pg_roles.oid and relpersistence <> 't') or"
            " exists (select from pg_proc where proowner = pg_roles.oid and pronamespace not in"
            " (select oid from pg_namespace where nspname like 'pg\\_temp%')) as is_owner"
            f" from pg_roles where rolname = {name}"
        )
        self._has_reader = bool(found)
        reasons = ("has rights over the whole server", "is a member of other roles", "owns objects")
        for is_true, reason in zip(found[0] if found else (), reasons, strict=False):
            if is_true:
                raise CbecError(
                    f"--reader: role {self._reader!r} {reason} and would be more than a reader;"
                    " name another role",
                    exit_code=2,
                )

    def copy(self, shapes: Sequence[TableShape]) -> None:
        """Write every table, its comments and the reader's rights."""
        self._run(
            "set local statement_timeout = 0",
            "set local idle_in_transaction_session_timeout = 0",
            f"set local lock_timeout = '{PATIENCE_SECONDS}s'",
            # The publisher's own search path must not lead names elsewhere.
            "set local search_path = pg_catalog",
        )
        now = {shape.place: _definition(shape) for shape in shapes}
        before: dict[Place, str] = {}
        if not self._is_first:
            rows = self._rows("select table_schema, table_name, definition from meta.postgres_shape")
            before = {(schema, table): definition for schema, table, definition in rows}
        # Somebody may have altered or dropped a table since.
        columns = self._columns()
        is_whole = all(columns.get(s.place) == [column[0] for column in s.columns] for s in shapes)
        self.result.is_rebuilt = now != before or not is_whole
        rights = self._rights()
        if self.result.is_rebuilt:
            self._rebuild(shapes, sorted({*before, ("meta", "postgres_shape")} & columns.keys()))
            self._run(_create_record(), *(_recorded(place, text) for place, text in now.items()))
        else:
            self._refill(shapes)
        self._run(*(line for shape in shapes for line in _comments(shape, self._is_simulated())))
        self._grant(rights if self.result.is_rebuilt else [])
        self._report("commit", len(shapes), len(shapes))

    def _columns(self) -> dict[Place, list[str]]:
        """Column names by table, as they stand on the server."""
        rows = self._rows(
            "select table_schema::text, table_name::text, column_name::text from information_schema.columns"
            f" where table_schema in ({_SCHEMA_LIST}) order by ordinal_position"
        )
        found: dict[Place, list[str]] = {}
        for schema, table, column in rows:
            found.setdefault((schema, table), []).append(column)
        return found

    def _is_simulated(self) -> bool:
        row = self._duckdb.execute("select is_simulated from source.meta.publication").fetchone()
        return bool(row and row[0])

    def _load(self, shapes: Sequence[TableShape], *, incoming: bool) -> None:
        """Copy the rows, and count on the server what arrived."""
        for done, shape in enumerate(shapes):
            self._report(f"{shape.schema}.{shape.name}", done, len(shapes))
            place = _incoming(shape.place) if incoming else _dotted(shape.place)
            source = f"source.{_dotted(shape.place)}"
            sent = self._duckdb.execute(f"insert into server.{place} select * from {source}").fetchone()
            there = self._rows(f"select count(*) from {place}")[0][0]
            if sent is None or sent[0] != there:
                raise duckdb.Error(f"{place}: {there} rows arrived, not {sent and sent[0]}")
            self.result.rows[f"{shape.schema}.{shape.name}"] = there
            if incoming:
                self._run(f"analyze {place}")

    def _refill(self, shapes: Sequence[TableShape]) -> None:
        ordered = _ordered(shapes)
        self._run(*(f"delete from {_dotted(shape.place)}" for shape in reversed(ordered)))
        self._load(ordered, incoming=False)

    def _rebuild(self, shapes: Sequence[TableShape], before: Sequence[Place]) -> None:
        # The first publication made it as its lock.
        made = [] if self._is_first else [f"create schema {INCOMING}"]
        self._run(*made, *(_create(shape) for shape in shapes))
        # What DuckDB knows of the server's catalogue was read before.
        self._duckdb.execute("call pg_clear_cache()")
        self._load(shapes, incoming=True)
        self._report("keys", len(shapes), len(shapes))
        ordered = _ordered(shapes)
        self._run(*(line for shape in ordered for line in _create_keys(shape)))
        if before:
            listed = ", ".join(_dotted(place) for place in before)
            self._run(_wait_for(listed), f"drop table {listed}")
        self._run(
            *(f"create schema if not exists {schema}" for schema in SCHEMAS),
            *(
                line
                for shape in shapes
                for line in (
                    f"alter table {_incoming(shape.place)} set schema {shape.schema}",
                    f"alter table {shape.schema}.{_quoted(_incoming_name(shape.place))}"
                    f" rename to {_quoted(shape.name)}",
                )
            ),
            f"drop schema {INCOMING}",
        )

    def _rights(self) -> list[tuple[str, ...]]:
        """(schema, table, role) of whoever else was allowed to read a table that may be made anew."""
        return self._rows(
            "select nspname::text, relname::text, grantee.rolname::text from pg_class"
            " join pg_namespace on pg_namespace.oid = relnamespace"
            " cross join lateral aclexplode(relacl) as acl"
            " join pg_roles as grantee on grantee.oid = acl.grantee"
            f" where nspname in ({_SCHEMA_LIST}) and relkind = 'r'"
            " and acl.privilege_type = 'SELECT' and acl.grantee <> relowner"
        )

    def _grant(self, rights: Sequence[tuple[str, ...]]) -> None:
        """Give the reader what is missing, and take what every role has on a fresh database.

        Nothing is said twice: a reader can keep the server's record of a right locked, by granting what it
        may not grant in a transaction that it leaves open.
        """
        reader = _quoted(self._reader)
        places = {tuple(name.split(".")) for name in self.result.rows}
        if not self._has_reader:
            self._create_reader()
        lacks = self._rows(
            "select 'usage on schema ' || quote_ident(nspname) from pg_namespace"
            f" where nspname in ({_SCHEMA_LIST})"
            f" and not has_schema_privilege({_literal(self._reader)}, oid, 'usage') union all"
            " select format('select on table %I.%I', nspname, relname) from pg_class"
            f" join pg_namespace on pg_namespace.oid = relnamespace where nspname in ({_SCHEMA_LIST})"
            " and relkind in ('r', 'p', 'v', 'm', 'f')"
            f" and not has_table_privilege({_literal(self._reader)}, pg_class.oid, 'select')"
        )
        self._run(
            "select",
            *(f"grant {right} to {reader}" for (right,) in lacks),
            *(
                f"grant select on {_dotted((schema, table))} to {_quoted(role)}"
                for schema, table, role in rights
                if (schema, table) in places and role != self._reader
            ),
        )
        self._revoke()

    def _reader_settings(self) -> list[str]:
        """A help and no lock: a role may change them for itself, until the next publication."""
        database = self._rows("select quote_ident(current_database())")[0][0]
        return [
            f"alter role {_quoted(self._reader)} in database {database} set {name} = {_literal(value)}"
            for name, value in READER_SETTINGS.items()
        ]

    def _create_reader(self) -> None:
        reader = _quoted(self._reader)
        (limit,) = self._rows("select greatest(10, current_setting('max_connections')::int / 2)")[0]
        self._run(
            f"create role {reader} login nosuperuser nocreatedb nocreaterole noreplication nobypassrls"
            # Some connections are always left for others.
            f" noinherit connection limit {limit}",
            f"comment on role {reader} is 'May read what cbec publishes and nothing else.'",
            *self._reader_settings(),
        )

    def _revoke(self) -> None:
        """Take from everybody what a reader must not do, or say what remains and who can take it."""
        name = _literal(self._reader)
        for revoked, may in self._rows(
            "select 'revoke temporary on database ' || quote_ident(datname) || ' from public',"
            " pg_has_role(datdba, 'MEMBER') from pg_database where datname = current_database()"
            " and has_database_privilege('public', oid, 'temporary') union all"
            f" select format('revoke create, temporary on database %I from %I', datname, {name}),"
            " pg_has_role(datdba, 'MEMBER') from pg_database where datname = current_database()"
            f" and has_database_privilege({name}, oid, 'create')"
            " and not has_database_privilege('public', oid, 'create') union all"
            f" select format('grant connect on database %I to %I', datname, {name}),"
            " pg_has_role(datdba, 'MEMBER') from pg_database where datname = current_database()"
            f" and not has_database_privilege({name}, oid, 'connect') union all"
            " select 'revoke create on schema ' || quote_ident(nspname) || ' from public',"
            " pg_has_role(nspowner, 'MEMBER') from pg_namespace"
            " where has_schema_privilege('public', oid, 'create') union all"
            " select 'revoke execute on function ' || name || ' from public', is_super from"
            " (select rolsuper as is_super from pg_roles where rolname = current_user) as me"
            f" cross join unnest(array[{', '.join(map(_literal, LARGE_OBJECTS))}]) as listed (name)"
            " where has_function_privilege('public', name, 'execute')"
        ):
            if may:
                self._run(revoked)
            else:
                self._leave(revoked)

    def _leave(self, revoked: str) -> None:
        ways = {
            "temporary": "make temporary tables",
            "create": "create objects",
            "execute": "make large objects",
        }
        way = next((text for word, text in ways.items() if f"revoke {word} " in revoked), "lack a right")
        who = "a superuser" if "function" in revoked else "the owner"
        self.result.notices.append(f"role {self._reader} may still {way}; {who} can say: {revoked}")

    def restore_reader(self) -> None:
        """Undo what somebody has set for the reader's role, which every session of it begins with.

        As `analyze`: whoever holds the role's settings holds up nothing but this.
        """
        changed = self._rows(
            "select setdatabase = 0, array_to_string(array(select unnest(setconfig) order by 1), chr(10))"
            f" from pg_db_role_setting where setrole = {_literal(_quoted(self._reader))}::regrole"
            " and setdatabase in (0, (select oid from pg_database where datname = current_database()))"
        )
        own = "\n".join(sorted(f"{name}={value}" for name, value in READER_SETTINGS.items()))
        if changed == [(False, own)]:
            return
        reader = _quoted(self._reader)
        database = self._rows("select quote_ident(current_database())")[0][0]
        try:
            self._run(
                "set lock_timeout = '1s'",
                f"alter role {reader} reset all",
                f"alter role {reader} in database {database} reset all",
                *self._reader_settings(),
            )
        except duckdb.Error:
            self.result.notices.append(
                f"published, but role {self._reader} begins its sessions with settings that are not ours, and"
                f" they could not be taken back now; a superuser can say: alter role {reader} reset all"
            )

    def analyze(self) -> None:
        """Bring the planner's statistics up to date when rows were replaced; without them queries are slower.

        After the commit and with little patience, because a reader can stand in the way of this.
        """
        if self.result.is_rebuilt:
            return
        renewed, failures = 0, 0
        for name in self.result.rows:
            schema, _, table = name.partition(".")
            try:
                self._run("set lock_timeout = '1s'", f"analyze {_dotted((schema, table))}")
                renewed += 1
            except duckdb.Error:
                failures += 1
            if failures == 3:
                # A reader who holds three may hold all.
                break
        if failures:
            self.result.notices.append(
                f"published, but the statistics of {len(self.result.rows) - renewed} tables are old, because"
                " somebody holds the tables; autovacuum renews them, or: analyze"
            )

    def in_the_way(self, error: duckdb.Error) -> str:
        """Who held what was waited for, as text; empty when nobody was waited for."""
        if not any(words in str(error) for words in WAITED):
            return ""
        try:
            found = self._rows(
                "select coalesce(pid, 0) as pid, coalesce(usename, owner)::text as role,"
                " coalesce(gid, '') as gid from pg_locks left join pg_stat_activity using (pid)"
                # A prepared transaction has no process; its own lock tells which it is.
                " left join (select own.virtualtransaction, gid, owner from pg_locks as own"
                " join pg_prepared_xacts on own.transactionid = transaction) as prepared"
                " on pid is null and prepared.virtualtransaction = pg_locks.virtualtransaction"
                " where granted and pid is distinct from pg_backend_pid()"
                " and coalesce(backend_type, 'client backend') = 'client backend'"
                " and coalesce(xact_start < clock_timestamp() - interval '1 second', true)"
                # Who has written anything here, such as a right, or holds one of these tables.
                " and (locktype = 'transactionid' and mode = 'ExclusiveLock'"
                " and coalesce(datname, current_database()) = current_database()"
                " or locktype = 'relation' and relation in (select oid from pg_class where relnamespace in"
                f" (select oid from pg_namespace where nspname in ({_SCHEMA_LIST}))))"
                " group by 1, 2, 3 order by count(*) desc limit 5"
            )
        except duckdb.Error:
            return ""
        named = [
            f"prepared transaction {gid!r} of role {role}" if gid else f"process {pid} of role {role}"
            for pid, role, gid in found
        ]
        if not named:
            return ""
        end = next(
            (f"select pg_terminate_backend({pid})" for pid, _, _ in found if pid), "rollback prepared '...'"
        )
        return f"; in the way: {', '.join(named)}; to end it: {end}"


def _settings() -> dict[str, str | bool | int | float | list[str]]:
    # Nothing is installed or loaded but the packaged extension.
    return {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}


@contextlib.contextmanager
def _duckdb_connection() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect(config=_settings())
    try:
        yield connection
    finally:
        try:
            connection.execute("select 1")
            connection.close()
        except duckdb.Error:
            # After an error of its own DuckDB refuses everything, and taken apart it would abort the process.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))


@contextlib.contextmanager
def _password(server: Server) -> Iterator[None]:
    """Hand the password to libpq through the environment: no statement and no error then holds it."""
    before = os.environ.get("PGPASSWORD")
    if server.password is not None:
        os.environ["PGPASSWORD"] = server.password
    try:
        yield
    finally:
        if before is None:
            os.environ.pop("PGPASSWORD", None)
        else:
            os.environ["PGPASSWORD"] = before


def _attach(connection: duckdb.DuckDBPyConnection, server: Server, path: Path) -> None:
    # The package beside DuckDB, loaded where it lies: nothing comes from the net or goes to the home folder.
    folder = Path(str(files("duckdb_extension_postgres_scanner"))) / "extensions"
    extension = folder / f"v{duckdb.__version__}" / "postgres_scanner.duckdb_extension"
    if not extension.is_file():
        raise CbecError(
            f"{extension}: not there; the packaged extension must have DuckDB's version", exit_code=2
        )
    connection.execute(f"load {_literal(str(extension))}")
    # A time zone of its own would shift what is written.
    connection.execute("set timezone = 'UTC'")
    try:
        connection.execute(f"attach {_literal(str(path))} as source (read_only)")
    except duckdb.Error as error:
        raise CbecError(f"{path}: cannot be read: {error}", exit_code=2) from None
    try:
        connection.execute(f"attach {_literal(server.dsn)} as server (type postgres)")
    except duckdb.Error as error:
        reason = _masked(server, str(error)).split('": ', 1)[-1].strip()
        raise CbecError(f"{server.shown}: no connection: {reason}", exit_code=2) from None


def _shapes(connection: duckdb.DuckDBPyConnection, root: Path) -> list[TableShape]:
    rows = connection.execute(
        "select schema_name, table_name, column_name, data_type, is_nullable, coalesce(comment, ''),"
        " from duckdb_columns() where database_name = 'source' and list_contains(?, schema_name)"
        " and table_name in (select table_name from duckdb_tables() where database_name = 'source')"
        " order by list_position(?, schema_name), table_name, column_index",
        [list(SCHEMAS), list(SCHEMAS)],
    ).fetchall()
    columns: dict[Place, list[tuple[str, str, bool, str]]] = {}
    for schema, table, column, data_type, is_nullable, comment in rows:
        columns.setdefault((schema, table), []).append((column, _type(data_type), is_nullable, comment))
    comments: dict[Place, str] = {
        (schema, table): comment
        for schema, table, comment in connection.execute(
            "select schema_name, table_name, coalesce(comment, '') from duckdb_tables()"
            " where database_name = 'source'"
        ).fetchall()
    }
    connection.execute("use source")
    keys = find_keys(
        connection, {place: [c[0] for c in found] for place, found in columns.items()}, declared_keys(root)
    )
    return [
        TableShape(*place, comments[place], tuple(found), keys[place]) for place, found in columns.items()
    ]


def _type(data_type: str) -> str:
    if data_type.endswith("[]"):
        return f"{_type(data_type.removesuffix('[]'))}[]"
    if data_type.startswith("DECIMAL("):
        return data_type.replace("DECIMAL", "numeric")
    if data_type not in TYPES:
        raise CbecError(f"no type of PostgreSQL is known for {data_type}", exit_code=4)
    return TYPES[data_type]


def _ordered(shapes: Sequence[TableShape]) -> list[TableShape]:
    by_place = {shape.place: shape for shape in shapes}
    return [by_place[place] for place in parents_first({shape.place: shape.keys for shape in shapes})]


def _create(shape: TableShape) -> str:
    columns = ", ".join(
        f"{_quoted(name)} {data_type}{'' if is_nullable else ' not null'}"
        for name, data_type, is_nullable, _ in shape.columns
    )
    return f"create table {_incoming(shape.place)} ({columns})"


def _create_keys(shape: TableShape) -> list[str]:
    """Constraints and indexes of a table that is still beside; names are chosen by the server."""
    place, keys = _incoming(shape.place), shape.keys
    lines = []
    if keys.unique:
        names = ", ".join(map(_quoted, keys.unique))
        kind = "primary key" if keys.is_primary else "unique"
        lines.append(f"alter table {place} add {kind} ({names})")
    lines += [
        f"alter table {place} add foreign key ({_quoted(key.column)})"
        f" references {_incoming((key.parent_schema, key.parent))} ({_quoted(key.parent_column)})"
        for key in keys.foreign
    ]
    return lines + [f"create index on {place} ({_quoted(column)})" for column in keys.indexed]


def _definition(shape: TableShape) -> str:
    """All that makes two shapes differ, as text."""
    return "\n".join([_create(shape), *_create_keys(shape)])


def _create_record() -> str:
    return (
        "create table meta.postgres_shape (table_schema text, table_name text, definition text not null,"
        " primary key (table_schema, table_name));"
        "comment on table meta.postgres_shape is 'One row per published table: the definition it was made"
        " with; the next publication compares.'"
    )


def _recorded(place: Place, definition: str) -> str:
    return f"insert into meta.postgres_shape values ({', '.join(map(_literal, (*place, definition)))})"


def _comments(shape: TableShape, is_simulated: bool) -> list[str]:
    title = "SIMULATED DATA. " if is_simulated else ""
    place = _dotted(shape.place)
    return [
        f"comment on schema {shape.schema} is {_literal(title + DESCRIPTIONS[shape.schema])}",
        f"comment on table {place} is {_literal(title + shape.comment)}",
        *(
            f"comment on column {place}.{_quoted(name)} is {_literal(comment)}"
            for name, _, _, comment in shape.columns
            if comment
        ),
    ]


def _wait_for(tables: str) -> str:
    """Take the tables from their readers without ever queueing long enough to become part of a deadlock
    (PostgreSQL looks for one after a second)."""
    return f"""
        do $$
        declare deadline timestamptz := clock_timestamp() + interval '{PATIENCE_SECONDS} seconds';
        begin
            loop
                begin
                    set local lock_timeout = '50ms';
                    lock table {tables} in access exclusive mode;
                    exit;
                exception when lock_not_available then
                    if clock_timestamp() > deadline then raise; end if;
                    perform pg_sleep(0.1);
                end;
            end loop;
            set local lock_timeout = '{PATIENCE_SECONDS}s';
        end $$"""


def _failure(server: Server, error: duckdb.Error, in_the_way: str) -> CbecError:
    reason = _masked(server, str(error)).removeprefix("INTERNAL Error:")
    # Neither a trace nor the statement with the names of all tables.
    reason = re.split("Stack Trace:|CONTEXT:", reason)[0]
    # The server's own words, without the statement that led to them.
    reason = reason[reason.index("ERROR:") + 6 :].strip() if "ERROR:" in reason else reason.strip()
    if "permission denied" in reason or "must be owner" in reason or "must have" in reason:
        return CbecError(f"{server.shown}: no right to publish there: {reason}", exit_code=2)
    return CbecError(
        f"{server.shown}: nothing was published, the version before stands: {reason}{in_the_way}", exit_code=4
    )


def _masked(server: Server, text: str) -> str:
    for secret in (server.password, os.environ.get("PGPASSWORD")):
        text = text.replace(secret, "***") if secret else text
    return text


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _dotted(place: Place) -> str:
    return f"{place[0]}.{_quoted(place[1])}"


def _incoming_name(place: Place) -> str:
    # Two schemas may have a table of one name.
    return f"{place[0]}_{place[1]}"


def _incoming(place: Place) -> str:
    return f"{INCOMING}.{_quoted(_incoming_name(place))}"
