"""Whether two published files hold the same: every table but those of `meta`, row for row, to the last bit.

python bench/compare.py ONE.duckdb TWO.duckdb lists the tables that differ, with rows of each; exit code 1.
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb


def differing(one: Path, two: Path) -> dict[str, str]:
    """What differs, by schema.table: the same rows in the same order, columns and types are equal."""
    with duckdb.connect() as connection:
        connection.execute(f"attach '{one}' as one (read_only)")
        connection.execute(f"attach '{two}' as two (read_only)")
        columns = {
            build: dict(
                connection.execute(
                    "select schema_name || '.' || table_name,"
                    " string_agg(column_name || ' ' || data_type, ', ' order by column_index)"
                    " from duckdb_columns()"
                    " where database_name = ? and schema_name <> 'meta' and not internal"
                    " group by all order by all",
                    [build],
                ).fetchall()
            )
            for build in ("one", "two")
        }
        found = {
            table: "is in one of the two only, or has other columns"
            for table in sorted({*columns["one"], *columns["two"]})
            if columns["one"].get(table) != columns["two"].get(table)
        }
        views = {
            f"{schema}.{name}"
            for schema, name in connection.execute(
                "select schema_name, view_name from duckdb_views() where not internal"
            ).fetchall()
        }
        for table in sorted(set(columns["one"]) - set(found) - views):
            rows = [
                connection.execute(
                    "select count(*), bit_xor(hash(line.rowid, line)), min(hash(line)), max(hash(line))"
                    f" from {build}.{table} as line"
                ).fetchone()
                for build in ("one", "two")
            ]
            if rows[0] != rows[1]:
                other = connection.execute(f"from one.{table} except all from two.{table} limit 3").fetchall()
                found[table] = f"{rows[0]} and {rows[1]}; {other or 'the same rows in another order'}"
    return found


if __name__ == "__main__":
    differences = differing(Path(sys.argv[1]), Path(sys.argv[2]))
    for name, what in differences.items():
        print(f"{name}: {what}")
    print(f"{len(differences)} tables differ")
    sys.exit(1 if differences else 0)
