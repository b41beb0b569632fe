"""Keys of the published tables, from what the yml files declare and the data obey.

DuckDB's file carries neither primary nor foreign keys (dbt tests hold them), but a database server and
the tools on it live by them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import yaml

REF = re.compile(r"ref\('(\w+)'\)")
# What is queried most, and no key begins with everywhere.
SEARCHED = (
    "region_code", "province_code", "prefecture_code", "year", "indicator_id", "study_id", "panel_column",
)  # fmt: skip


@dataclass(frozen=True)
class ForeignKey:
    column: str
    parent_schema: str
    parent: str
    parent_column: str


@dataclass(frozen=True)
class Keys:
    """unique: columns that identify a row, empty when nothing does; is_primary: none of them is ever NULL;
    indexed: columns that get an index of their own."""

    unique: tuple[str, ...] = ()
    is_primary: bool = False
    foreign: tuple[ForeignKey, ...] = ()
    indexed: tuple[str, ...] = ()


@dataclass
class Declared:
    unique: list[tuple[str, ...]] = field(default_factory=list)
    relations: dict[str, tuple[str, str]] = field(default_factory=dict)


def declared_keys(root: Path) -> dict[str, Declared]:
    """By table name: column combinations tested as unique, and column -> (parent table, its column)."""
    found: dict[str, Declared] = {}
    for folder in ("seeds", "models", "python_models"):
        for path in sorted((root / folder).rglob("*.yml")):
            document = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
            for node in (*document.get("models", ()), *document.get("seeds", ())):
                found[node["name"]] = _declared(node)
    return found


def _declared(node: Mapping[str, Any]) -> Declared:
    declared = Declared()
    for name, arguments in _tests(node):
        if name == "unique_combination":
            declared.unique.append(tuple(arguments["columns"]))
    for column in node.get("columns", ()):
        for name, arguments in _tests(column):
            if name == "unique":
                declared.unique.append((column["name"],))
            elif name == "relationships" and (parent := REF.search(arguments["to"])):
                declared.relations[column["name"]] = (parent[1], arguments["field"])
    return declared


def _tests(node: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """(name, arguments) of the tests that hold for every row."""
    tests: list[tuple[str, Mapping[str, Any]]] = []
    for test in node.get("data_tests", ()):
        if isinstance(test, str):
            tests.append((test, {}))
            continue
        for name, body in test.items():
            if not (isinstance(body, dict) and body.get("config", {}).get("where")):
                tests.append((name, (body or {}).get("arguments", {})))
    return tests


def find_keys(
    connection: duckdb.DuckDBPyConnection,
    tables: Mapping[tuple[str, str], Sequence[str]],
    declared: Mapping[str, Declared],
) -> dict[tuple[str, str], Keys]:
    """Keys of each (schema, table) that the data obey; tables gives the columns.

    A foreign key is a declared relationship, or a column named and filled as the one-column primary key of
    a table of registry or studies. The references have no cycle.
    """
    unique: dict[tuple[str, str], tuple[tuple[str, ...], bool]] = {}
    for (schema, table), columns in tables.items():
        unique[schema, table] = ((), False)
        for names in declared.get(table, Declared()).unique:
            if set(names) <= set(columns):
                n_rows, n_keys, n_whole = _row(
                    connection,
                    f"select count(*), count(distinct row({_list(names)})),"
                    f" count(*) filter ({' and '.join(f'{_quoted(n)} is not null' for n in names)})"
                    f" from {_quoted(schema)}.{_quoted(table)}",
                )
                if n_rows == n_keys:
                    unique[schema, table] = (names, n_rows == n_whole)
                    break
    primary = {place: names[0] for place, (names, whole) in unique.items() if whole and len(names) == 1}
    by_column: dict[str, list[tuple[str, str]]] = {}
    for place, column in primary.items():
        if place[0] in ("registry", "studies"):
            by_column.setdefault(column, []).append(place)
    by_name = {table: (schema, table) for schema, table in tables}
    keys = {}
    for place, columns in tables.items():
        relations = declared.get(place[1], Declared()).relations
        foreign = []
        for column in columns:
            if column in relations:
                parent, parent_column = relations[column]
                candidates = [by_name[parent]] if parent in by_name else []
            else:
                # indicator_id is the key of registry.indicator before that of registry.derived_indicator.
                candidates = sorted(by_column.get(column, ()), key=lambda p: (not column.startswith(p[1]), p))
                parent_column = column
            for parent_place in candidates:
                key = ForeignKey(column, *parent_place, parent_column)
                if (
                    parent_place != place
                    and primary.get(parent_place) == parent_column
                    and _holds(connection, place, key)
                ):
                    foreign.append(key)
                    break
        names, whole = unique[place]
        first = {names[0]} if names else set()
        searched = {*(key.column for key in foreign), *(set(SEARCHED) & set(columns))}
        keys[place] = Keys(names, whole, tuple(foreign), tuple(sorted(searched - first)))
    return _without_cycles(keys)


def parents_first(keys: Mapping[tuple[str, str], Keys]) -> list[tuple[str, str]]:
    """The tables in an order in which each stands after those it refers to."""
    ordered: dict[tuple[str, str], None] = {}

    def visit(place: tuple[str, str]) -> None:
        if place not in ordered:
            for key in keys[place].foreign:
                visit((key.parent_schema, key.parent))
            ordered[place] = None

    for place in keys:
        visit(place)
    return list(ordered)


def _without_cycles(keys: dict[tuple[str, str], Keys]) -> dict[tuple[str, str], Keys]:
    """Leave out each reference that would close a circle."""
    kept: dict[tuple[str, str], list[ForeignKey]] = {place: [] for place in keys}

    def reaches(start: tuple[str, str], goal: tuple[str, str]) -> bool:
        return start == goal or any(reaches((k.parent_schema, k.parent), goal) for k in kept[start])

    for place, found in keys.items():
        for key in found.foreign:
            if not reaches((key.parent_schema, key.parent), place):
                kept[place].append(key)
    return {
        place: Keys(found.unique, found.is_primary, tuple(kept[place]), found.indexed)
        for place, found in keys.items()
    }


def _holds(connection: duckdb.DuckDBPyConnection, place: tuple[str, str], key: ForeignKey) -> bool:
    schema, table = place
    types = _row(
        connection,
        "select count(distinct data_type) from duckdb_columns() where (schema_name, table_name, column_name)"
        " in ((?, ?, ?), (?, ?, ?))",
        [schema, table, key.column, key.parent_schema, key.parent, key.parent_column],
    )
    if types != (1,):
        return False
    (orphans,) = _row(
        connection,
        f"select count(*) from {_quoted(schema)}.{_quoted(table)} as child"
        f" anti join {_quoted(key.parent_schema)}.{_quoted(key.parent)} as parent"
        f" on child.{_quoted(key.column)} = parent.{_quoted(key.parent_column)}"
        f" where child.{_quoted(key.column)} is not null",
    )
    return bool(orphans == 0)


def _row(
    connection: duckdb.DuckDBPyConnection, query: str, parameters: Sequence[str] = ()
) -> tuple[Any, ...]:
    row = connection.execute(query, parameters).fetchone()
    assert row is not None
    return row


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _list(names: Sequence[str]) -> str:
    return ", ".join(_quoted(name) for name in names)
