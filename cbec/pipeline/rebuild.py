"""What a build has to run again: what changed since the published build, and what hangs on it.

Every node of the dbt project has a fingerprint: the SHA-256 of its code, columns and configuration, of the
macros, variables and environment that it names, of its seed file, its landed files and the Python modules
that it imports. A build starts from a copy of the published file when that file says with which
fingerprints it was made, runs the nodes whose fingerprint differs and what hangs on them, and passes over
whatever turns out to read tables that came out as they were (macros/rebuild.sql). The result equals a full
build row for row.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import yaml

import cbec
from cbec.pipeline.inputs import Input, fingerprint
from cbec.pipeline.runlog import file_sha256, wal_of
from cbec.project import literal
from cbec.report.images import Image, read_images

# The bookkeeping of macros/rebuild.sql in the file that is built; gone before it is published.
SCHEMA = "rebuild"
# Paths that differ by run; what lies behind them is in the fingerprints as `landed`.
_PATHS = {"CBEC_BUILD_PATH"}
_LANDED = {"CBEC_LANDING", "CBEC_LANDED_LIST"}
# As in profiles.yml.
STORAGE_VERSION = "v1.0.0"
# Files by which every node is made.
COMMON_FILES = (
    "profiles.yml", "macros/rebuild.sql", "macros/check_vars.sql", "macros/seed.sql",
)  # fmt: skip
DBT_PACKAGES = ("dbt", "dbt_duckdb")
# What says itself whether it came out as it was (macros/rebuild.sql).
MATERIALIZATIONS = ("table", "view")
# What the materialization does with a table that a Python model has made, which no code of the model names.
AFTER_PYTHON = ".withhold_few_clusters"
# Beyond this share of nodes of other code a build from nothing is quicker, and leaves no room unused.
MOST_CHANGED = 0.5
# A file whose blocks are unused beyond this share is written anew: a build on a file leaves the room of the
# tables that it replaced, and the next one takes it.
MOST_UNUSED = 0.5
_PACKAGE = Path(cbec.__file__).parent


@dataclass(frozen=True)
class State:
    """What a published file says of a node: its fingerprint, and its relation (schema, name, type) if any."""

    sha256: str
    relation: tuple[str, str, str] | None = None


@dataclass(frozen=True)
class Plan:
    """What a build runs. reason: why it is a full one, '' when it starts from the published file.

    states: every node as it will be. changed: nodes that run whatever their parents say. selected: those and
    all that hangs on them; of a full build nothing, for everything runs. gone: relations to drop.
    """

    states: Mapping[str, State]
    reason: str = ""
    changed: tuple[str, ...] = ()
    selected: tuple[str, ...] = ()
    gone: tuple[tuple[str, str, str], ...] = field(default=())


def node_states(manifest: Any, root: Path, inputs: list[Input], target: str) -> dict[str, State]:
    """The state of every seed, model, data test and unit test of a parsed project, by unique id."""
    return _Printer(manifest, root, inputs, target).states()


class _Printer:
    def __init__(self, manifest: Any, root: Path, inputs: list[Input], target: str) -> None:
        settings = yaml.safe_load((root / "dbt_project.yml").read_text(encoding="utf-8"))
        self._vars: dict[str, Any] = settings.pop("vars", {})
        self._manifest = manifest
        # Variables of a package stand below its name.
        self._packages = {settings.get("name"), *(macro.package_name for macro in manifest.macros.values())}
        self._root = root
        self._sha = {item.path: item.sha256 for item in inputs}
        self._landed = fingerprint([item for item in inputs if item.kind == "landed"])
        self._seeds = fingerprint([item for item in inputs if item.kind == "seed"])
        # What everything rests on: packages, profile, settings, and how a table is made.
        self._common = _digest(
            target,
            json.dumps(settings, sort_keys=True, default=str),
            *(item.sha256 for item in inputs if item.kind == "environment"),
            *(self._sha.get(name, "") for name in COMMON_FILES),
            *self._replaced(),
        )
        self._nodes = {
            unique_id: node
            for unique_id, node in manifest.nodes.items()
            if node.resource_type in ("seed", "model", "test")
        }

    def states(self) -> dict[str, State]:
        found = {
            unique_id: State(self._print(node), _relation(node)) for unique_id, node in self._nodes.items()
        }
        for unique_id, test in self._manifest.unit_tests.items():
            # Its inputs are in it; what it tests is the code of its model.
            model = next(iter(test.depends_on.nodes), "")
            text = json.dumps(_plain(test), sort_keys=True, default=str)
            found[unique_id] = State(_digest(text, found[model].sha256 if model in found else ""))
        return found

    def _replaced(self) -> list[str]:
        """Macros of the project in the place of dbt's own, and its materializations: they make the nodes."""
        macros = self._manifest.macros
        theirs = {str(macro.name) for macro in macros.values() if macro.package_name in DBT_PACKAGES}
        return [
            str(macro.macro_sql)
            for name, macro in sorted(macros.items())
            if macro.package_name not in DBT_PACKAGES
            and (macro.name in theirs or str(macro.name).startswith("materialization_"))
        ]

    def _print(self, node: Any) -> str:
        if node.resource_type == "seed":
            return _digest(self._common, _declared(node), self._sha.get(node.original_file_path, ""))
        texts = [node.raw_code, *self._macros(node)]
        parts = [self._common, node.name, _declared(node), *texts]
        parts += [*self._named(texts), *self._graph(texts)]
        if node.resource_type == "model" and str(node.language) == "python":
            parts += python_prints(self._root / node.original_file_path)
        return _digest(*parts)

    def _macros(self, node: Any) -> list[str]:
        """Text of every macro that a node reaches, in the order of their names."""
        seen: set[str] = set()
        ahead = [str(name) for name in node.depends_on.macros]
        if node.resource_type == "model" and str(node.language) == "python":
            ahead += [name for name in self._manifest.macros if name.endswith(AFTER_PYTHON)]
        while ahead:
            name = ahead.pop()
            macro = self._manifest.macros.get(name)
            if macro is None or name in seen:
                continue
            seen.add(name)
            ahead += [str(other) for other in macro.depends_on.macros]
            # What an adapter says in its own words is chosen when it runs.
            for word in re.findall(r"adapter\.dispatch\(\s*['\"](\w+)", macro.macro_sql):
                ahead += [
                    other
                    for other in self._manifest.macros
                    if re.fullmatch(rf"macro\.\w+\.(default|duckdb)__{word}", other)
                ]
        return [self._manifest.macros[name].macro_sql for name in sorted(seen)]

    def _named(self, texts: list[str]) -> list[str]:
        """Values of the variables and of the environment that texts name."""
        text = "\n".join(texts)
        literal = re.findall(r"\bvar\(\s*['\"](\w+)['\"]\s*[,)]", text)
        # A name that is itself computed may be any, and so may one that a package has of its own.
        is_any = len(re.findall(r"\bvar\(", text)) > len(literal)
        is_any = is_any or (bool(literal) and any(name in self._packages for name in self._vars))
        names = sorted(self._vars) if is_any else sorted(set(literal))
        found = [f"{name}={self._vars.get(name)!r}" for name in names]
        for name in sorted(set(re.findall(r"\benv_var\(\s*['\"](\w+)['\"]", text)) - _PATHS):
            found.append(self._landed if name in _LANDED else f"{name}={os.environ.get(name, '')}")
        return found

    def _graph(self, texts: list[str]) -> list[str]:
        """Of code that reads dbt's graph, the graph: its columns where it asks for a node, else all of it."""
        text = "\n".join(texts)
        # The macro itself, and what chooses among its kinds, names no seed.
        asking = "\n".join(t for t in texts if not re.search(r"macro \w*seed_file_sha256\(", t))
        requested = re.findall(r"\bseed_file_sha256\(\s*(?:'([^']+)'\s*\))?", asking)
        found = (
            [self._seeds] if "" in requested else [self._sha.get(path, "") for path in sorted(set(requested))]
        )
        if "graph.nodes" in text:
            found += [f"{n.original_file_path} {_declared(n)}" for _, n in sorted(self._nodes.items())]
        if re.search(r"graph\.nodes(?!\[)", text):
            found += [
                f"{name} {node.checksum.checksum} {sorted(node.depends_on_nodes)}"
                for name, node in sorted(self._nodes.items())
            ]
        return found


def _declared(node: Any) -> str:
    """Configuration, columns and description as declared, with the arguments of a generic test."""
    plain = _plain(node)
    kept = {name: plain.get(name) for name in ("config", "columns", "description", "schema", "test_metadata")}
    return json.dumps(kept, sort_keys=True, default=str)


def _plain(node: Any) -> dict[str, Any]:
    plain: dict[str, Any] = node.to_dict(omit_none=True)
    plain.pop("created_at", None)
    return plain


def _relation(node: Any) -> tuple[str, str, str] | None:
    if node.resource_type == "test":
        return None
    kind = "view" if node.resource_type == "model" and str(node.config.materialized) == "view" else "table"
    return (str(node.schema), str(node.alias), kind)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()


def python_prints(path: Path) -> list[str]:
    """`module sha256` of a Python model and of every module of this package that it reaches by imports."""
    seen: dict[str, str] = {"model": _file_print(path)}
    ahead = sorted(_imports(path))
    while ahead:
        name = ahead.pop()
        file = _file_of(name)
        if name in seen or file is None:
            continue
        seen[name] = _file_print(file)
        ahead += sorted(_imports(file))
        # Importing a module runs the packages that it lies in.
        if "." in name:
            ahead.append(name.rpartition(".")[0])
    return [f"{name} {sha}" for name, sha in sorted(seen.items())]


@cache
def _file_print_at(path: Path, _stamp: tuple[int, int]) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _file_print(path: Path) -> str:
    stat = path.stat()
    return _file_print_at(path, (stat.st_mtime_ns, stat.st_size))


@cache
def _imports_at(path: Path, _sha: str) -> frozenset[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {item.name for item in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            # `from cbec.a import b` may mean a module b or a name in a.
            found |= {node.module, *(f"{node.module}.{item.name}" for item in node.names)}
    return frozenset(name for name in found if name.split(".")[0] == "cbec")


def _imports(path: Path) -> frozenset[str]:
    return _imports_at(path, _file_print(path))


def _file_of(module: str) -> Path | None:
    place = _PACKAGE.joinpath(*module.split(".")[1:])
    for file in (place.with_suffix(".py"), place / "__init__.py"):
        if file.is_file():
            return file
    return None


def name_of(manifest: Any, unique_id: str) -> str:
    """The name by which dbt selects a node."""
    return str((manifest.nodes.get(unique_id) or manifest.unit_tests[unique_id]).name)


def parents_of(manifest: Any, unique_id: str) -> list[str]:
    """What a node reads: unique ids."""
    node = manifest.nodes.get(unique_id) or manifest.unit_tests[unique_id]
    return list(node.depends_on.nodes)


def make_plan(manifest: Any, states: dict[str, State], published: Path) -> Plan:
    """Compare the nodes of a project with those that a published file was made from."""
    before = published_states(published)
    if not before:
        return Plan(states, "nothing is published, or by an earlier version")
    others = [
        f"{name} is {node.config.materialized}"
        for name, node in manifest.nodes.items()
        if node.resource_type == "model" and str(node.config.materialized) not in MATERIALIZATIONS
    ]
    if others:
        return Plan(states, f"{others[0]}: only tables and views say whether they came out as they were")
    changed = {name for name, state in states.items() if before.get(name) != state}
    if len(changed) > MOST_CHANGED * len(states):
        return Plan(states, f"{len(changed)} of {len(states)} nodes are others")
    gone = {name: state.relation for name, state in before.items() if name not in states and state.relation}
    children: dict[str, list[str]] = {}
    for name, node in manifest.nodes.items():
        for parent in node.depends_on_nodes:
            children.setdefault(parent, []).append(name)
    selected: set[str] = set()
    ahead = list(changed)
    while ahead:
        name = ahead.pop()
        if name in selected or name not in states:
            continue
        selected.add(name)
        ahead += children.get(name, ())
    kept = {state.relation for state in states.values() if state.relation}
    # A relation that changed its kind is another one.
    replaced = {
        state.relation
        for name, state in before.items()
        if name in changed and state.relation and state.relation not in kept
    }
    dropped = {relation for relation in gone.values() if relation and relation not in kept} | replaced
    return Plan(states, "", tuple(sorted(changed)), tuple(sorted(selected)), tuple(sorted(dropped)))


def published_states(published: Path) -> dict[str, State]:
    """Nodes by unique id of a published file; none where it does not say so or cannot be read."""
    if not published.is_file():
        return {}
    try:
        with duckdb.connect(str(published), read_only=True) as connection:
            rows = connection.execute(
                "select unique_id, sha256, table_schema, table_name, table_type from meta.node_state"
            ).fetchall()
    except duckdb.Error:
        return {}
    return {
        str(name): State(str(sha), (str(schema), str(table), str(kind)) if schema else None)
        for name, sha, schema, table, kind in rows
    }


def write_states(connection: duckdb.DuckDBPyConnection, states: Mapping[str, State]) -> None:
    """Table meta.node_state of a file about to be published."""
    connection.execute(
        "create table meta.node_state (unique_id varchar, sha256 varchar,"
        " table_schema varchar, table_name varchar, table_type varchar)"
    )
    connection.executemany(
        "insert into meta.node_state values (?, ?, ?, ?, ?)",
        [
            [name, state.sha256, *(state.relation or (None, None, None))]
            for name, state in sorted(states.items())
        ],
    )


class AlteredFile(Exception):
    """A published file is not the one that its run published."""


@dataclass(frozen=True)
class Kept:
    """What the published file knows of nodes that do not run again, by name: seconds, and (status, failures,
    message) of tests; its drawings, by what they were drawn from; SHA-256 of its Parquet copies, by
    (schema, table)."""

    seconds: dict[str, float] = field(default_factory=dict)
    tests: dict[str, tuple[str, int | None, str | None]] = field(default_factory=dict)
    images: dict[str, list[Image]] = field(default_factory=dict)
    parquet: dict[tuple[str, str], str] = field(default_factory=dict)


def start_from(published: Path, database: Path, plan: Plan, sha256: str) -> Kept:
    """Copy the published file to the one that is built, without what this run says anew.

    Raises AlteredFile when it is not the file of that SHA-256: what somebody wrote into it since it was
    published would be carried on.
    """
    shutil.copyfile(published, database)
    if wal_of(published).exists() or file_sha256(database) != sha256:
        raise AlteredFile
    with duckdb.connect(str(database)) as connection:
        seconds = connection.execute("select name, seconds from meta.node_time").fetchall()
        tests = connection.execute("select test, status, failures, message from meta.test_result").fetchall()
        images = read_images(connection)
        parquet = connection.execute(
            "select table_schema, table_name, sha256 from meta.parquet_file"
        ).fetchall()
        connection.execute(f"create schema {SCHEMA}")
        # What other code computed is no longer known.
        connection.execute(
            f"create table {SCHEMA}.kept as from meta.kept_result where model not in (select unnest(?))",
            [[name.rpartition(".")[2] for name in plan.changed if name.startswith("model.")]],
        )
        connection.execute("drop schema meta cascade")
        for schema, name, kind in plan.gone:
            connection.execute(f'drop {kind} if exists "{schema}"."{name}"')
        seeds = [name for name in plan.changed if name.startswith("seed.")]
        for table, names in (("to_run", list(plan.changed)), ("changed", seeds)):
            connection.execute(
                f"create table {SCHEMA}.{table} as select unnest(?::varchar[]) as unique_id", [names]
            )
    return Kept(
        {str(name): float(value) for name, value in seconds},
        {str(test): (str(status), failures, message) for test, status, failures, message in tests},
        images,
        {(str(schema), str(table)): str(sha) for schema, table, sha in parquet},
    )


def changed_tables(database: Path) -> set[str]:
    """Unique ids of what came out otherwise than it was in the published file."""
    with duckdb.connect(str(database)) as connection:
        rows = connection.execute(f"select distinct unique_id from {SCHEMA}.changed").fetchall()
    return {str(name) for (name,) in rows}


def close_books(connection: duckdb.DuckDBPyConnection) -> None:
    """Keep in `meta` what models remember (cbec/studies/turn.py), and drop the bookkeeping."""
    connection.execute(f"create table meta.kept_result as from {SCHEMA}.kept order by all")
    connection.execute(f"drop schema {SCHEMA} cascade")


def compact(database: Path) -> None:
    """Write a file anew when most of it is the room of tables that were replaced."""
    with duckdb.connect(str(database), read_only=True) as connection:
        blocks = connection.execute("select total_blocks, free_blocks from pragma_database_size()").fetchone()
    if not blocks or blocks[1] <= MOST_UNUSED * blocks[0]:
        return
    small = database.with_name("compact.duckdb")
    with duckdb.connect() as connection:
        connection.execute("set threads = 1")
        connection.execute(f"attach {literal(database)} as old (read_only)")
        connection.execute(f"attach {literal(small)} as new (storage_version '{STORAGE_VERSION}')")
        connection.execute("copy from database old to new")
    os.replace(small, database)
