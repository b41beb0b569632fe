"""Where any number of marts and estimates ends: printed cell, zone document, printed line, declared row.

The rules go by the keys that a table has, not by its name: a new table with the usual keys needs no rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import duckdb
import pandas as pd

from cbec.provenance.walk import (
    CELL_KEYS,
    Ends,
    PrintedLine,
    SeedRow,
    ZoneAct,
    estimate_cells,
    observed,
    printed_level,
    printed_lines,
    records,
    seed_files_behind,
    seed_rows,
    some_source_cells,
    zones_behind,
    zones_of,
)

# A few of the many cells that an estimate rests on are enough to name.
SHOWN = 20
_PANELS = {
    "panel_city_year": "prefecture", "panel_major_city_year": "major_city", "panel_province_year": "province",
}  # fmt: skip


def ends_of(connection: duckdb.DuckDBPyConnection, table: str, column: str, row: Mapping[str, Any]) -> Ends:
    """Where the number in `column` of a row ends. table: `schema.table`; row: the whole row by column name.

    At most SHOWN cells are listed, n_cells counts them all.
    """
    name = table.split(".")[1]
    if name in _PANELS:
        return _panel(connection, _PANELS[name], column, row)
    keys = set(row)
    if {"source_locator", "indicator_id", "vintage"} <= keys:
        cells = observed(
            connection, row["region_level"], row["region_code"], row["year"], row["indicator_id"],
            row["vintage"],
        )  # fmt: skip
        return Ends(cells=cells, n_cells=len(cells))
    if {*CELL_KEYS} <= keys:
        return _cells(connection, [(row[key] for key in CELL_KEYS)])
    if {"index_id", "weighting", "region_code"} <= keys:
        suffix = "" if row["weighting"] == "pooled" else f"_{row['weighting']}"
        column_name = f"{row['index_id']}{suffix}_index"
        return _cells(connection, [(row["region_level"], row["region_code"], row["year"], column_name)])
    if {"index_id", "weighting", "indicator_id"} <= keys:
        return _weight(connection, row)
    if {"technology", "region_code"} <= keys:
        return _technology(connection, row)
    if "rule_id" in keys and {"prefecture_code", "province_code"} & keys:
        return _treatment(connection, row)
    if {"policy_id", "prefecture_code"} <= keys:
        return Ends(seed_rows=_policy(connection, row))
    if {"entity_id", "kind"} <= keys:
        return Ends(seed_rows=_entity(connection, row))
    if {"sample_id", "region_code"} <= keys:
        return Ends(seed_rows=seed_rows(connection, "registry.sample", {"sample_id": row["sample_id"]}))
    if {"study_id", "variable", "sample"} <= keys:
        return _variable(connection, row)
    if "study_id" in keys:
        return _study(connection, table, row)
    return Ends(seed_rows=seed_files_behind(connection, f"table:{table}"))


def _cells(connection: duckdb.DuckDBPyConnection, cells: Any) -> Ends:
    return _frame(connection, pd.DataFrame([tuple(cell) for cell in cells], columns=list(CELL_KEYS)))


def _frame(
    connection: duckdb.DuckDBPyConnection, cells: pd.DataFrame, zones: tuple[ZoneAct, ...] = ()
) -> Ends:
    found, n_cells = some_source_cells(connection, cells, SHOWN)
    return Ends(
        cells=found,
        n_cells=n_cells,
        zones=zones or zones_behind(connection, cells),
        # A province without a zone counts none because the list of zones says so.
        seed_rows=seed_files_behind(connection, "column:province:pilot_zone_count")
        if (cells["panel_column"] == "pilot_zone_count").any()
        else (),
    )


def _panel(connection: duckdb.DuckDBPyConnection, level: str, column: str, row: Mapping[str, Any]) -> Ends:
    code = row["province_code" if level == "province" else "prefecture_code"]
    ends = _cells(connection, [(level, code, row["year"], column)])
    if ends.is_found:
        return ends
    return Ends(
        seed_rows=seed_rows(
            connection, "registry.region", {"region_level": printed_level(level), "region_code": code}
        )
    )


def _weight(connection: duckdb.DuckDBPyConnection, row: Mapping[str, Any]) -> Ends:
    """A weight rests on its component in every region and year of the sample, or of its year."""
    cells = connection.execute(
        "select distinct cell.region_level, cell.region_code, cell.year, cell.panel_column"
        " from registry.index_component as component"
        " inner join marts.sample_member as member on component.sample_id = member.sample_id"
        " inner join marts.panel_cell as cell on component.indicator_id = cell.indicator_id"
        " and member.region_level = cell.region_level and member.region_code = cell.region_code"
        " and member.year = cell.year"
        " where component.index_id = ? and component.indicator_id = ? and cell.year = coalesce(?, cell.year)",
        [row["index_id"], row["indicator_id"], row["year"]],
    ).df()
    return _frame(connection, cells)


def _technology(connection: duckdb.DuckDBPyConnection, row: Mapping[str, Any]) -> Ends:
    columns = connection.execute(
        "select entity.panel_column from marts.provenance_relation as relation"
        " inner join marts.provenance_entity as entity on relation.to_id = entity.entity_id"
        " where relation.relation = 'wasDerivedFrom' and relation.from_id = ?"
        " and entity.kind = 'panel_column' and entity.region_level = ?",
        [f"technology:{row['technology']}", row["region_level"]],
    ).fetchall()
    return _cells(
        connection, [(row["region_level"], row["region_code"], row["year"], name) for (name,) in columns]
    )


def _treatment(connection: duckdb.DuckDBPyConnection, row: Mapping[str, Any]) -> Ends:
    """The zones of the unit; of a unit without one, the rule that counts none."""
    level, unit = (
        ("prefecture", "prefecture_code") if "prefecture_code" in row else ("province", "province_code")
    )
    return Ends(
        zones=zones_of(connection, row["rule_id"], level, [row[unit]]),
        seed_rows=seed_rows(connection, "registry.treatment_rule", {"rule_id": row["rule_id"]}),
    )


def _policy(connection: duckdb.DuckDBPyConnection, row: Mapping[str, Any]) -> tuple[SeedRow, ...]:
    """The list of a policy names its members; who is absent is not one."""
    own = {"policy_id": row["policy_id"], "region_code": row["prefecture_code"]}
    return seed_rows(connection, "registry.concurrent_policy", own) or seed_rows(
        connection, "registry.concurrent_policy", {"policy_id": row["policy_id"]}
    )


def _entity(connection: duckdb.DuckDBPyConnection, row: Mapping[str, Any]) -> tuple[SeedRow, ...]:
    if row["sha256"]:
        return (SeedRow(row["location"], row["sha256"], row["label_en"]),)
    return seed_files_behind(connection, row["entity_id"])


def _variable(connection: duckdb.DuckDBPyConnection, row: Mapping[str, Any]) -> Ends:
    cells = connection.execute(
        "select distinct cell.region_level, cell.region_code, cell.year, cell.panel_column"
        " from marts.sample_member as member"
        " inner join marts.panel_cell as cell on member.region_level = cell.region_level"
        " and member.region_code = cell.region_code and member.year = cell.year"
        " where member.sample_id = ? and cell.panel_column = ? and cell.value is not null",
        [row["sample"], row["variable"]],
    ).df()
    if len(cells):
        return _frame(connection, cells)
    # A variable of the treatment is a definition of it from the list of zones.
    rules = connection.execute(
        "select distinct treatment_rule from studies.specification"
        " where study_id = ? and treatment = ? and treatment_rule is not null order by 1",
        [row["study_id"], row["variable"]],
    ).fetchall()
    return Ends(
        seed_rows=tuple(
            item
            for (rule,) in rules
            for item in seed_rows(connection, "registry.treatment_rule", {"rule_id": rule})
        )
    )


def _study(connection: duckdb.DuckDBPyConnection, table: str, row: Mapping[str, Any]) -> Ends:
    """An estimate ends at the cells of its equation and its zones, a printed number at its lines."""
    study, table_no, column_no = (row.get(name) for name in ("study_id", "table_no", "column_no"))
    lines: tuple[PrintedLine, ...] = ()
    if table_no is not None:
        lines = printed_lines(
            connection,
            "result.study_id = ? and result.table_no = ? and coalesce(result.column_no = ?, true)",
            [study, table_no, column_no],
        )
    if table_no is None or column_no is None:
        return Ends(lines=lines, seed_rows=seed_rows(connection, "studies.study", {"study_id": study}))
    declared = seed_rows(
        connection,
        "studies.specification",
        {"study_id": study, "table_no": table_no, "column_no": column_no},
    )
    rules = records(
        connection,
        "select specification.treatment_rule, member.region_level, member.region_code"
        " from studies.specification as specification"
        " inner join marts.sample_member as member on specification.sample = member.sample_id"
        " where study_id = ? and table_no = ? and column_no = ? and treatment_rule is not null group by all",
        [study, table_no, column_no],
    )
    zones = (
        zones_of(
            connection,
            rules[0]["treatment_rule"],
            rules[0]["region_level"],
            [item["region_code"] for item in rules],
        )
        if rules
        else ()
    )
    cells = estimate_cells(connection, str(study), str(table_no), int(column_no))
    ends = _frame(connection, cells, zones)
    return Ends(ends.cells, ends.zones, lines[:SHOWN], declared, ends.n_cells)
