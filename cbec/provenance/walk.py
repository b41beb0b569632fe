"""Recursive SQL over marts.provenance_relation: from cells, columns and estimates to what was printed.

The relations stand at the level of columns and series; the keys of marts.panel_cell, marts.sample_member
and marts.observation turn each step into cells. Everything here reads; temporary relations live in the
connection.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import Any, TypeVar

import duckdb
import pandas as pd

T = TypeVar("T")
CELL_KEYS = ("region_level", "region_code", "year", "panel_column")


@dataclass(frozen=True)
class SourceCell:
    """One figure as its file holds it. sheet and cell are the two halves of marts.observation's locator;
    correction: what joined series read instead, and why."""

    region_level: str
    region_code: str
    name_zh: str | None
    name_en: str | None
    year: int
    indicator_id: str
    scope: str
    vintage: str
    edition: int | None
    value: Decimal | None
    value_reported: Decimal | None
    unit: str
    value_printed: str | None
    unit_printed: str | None
    obs_status: str
    obs_status_all: str
    impute_method: str | None
    impute_by: str | None
    anchor_years: list[int] | None
    suspect_codes: str | None
    obs_comment: str | None
    correction: str | None
    file: str | None
    sheet: str
    cell: str
    sha256: str | None
    source_id: str
    citation: str | None
    certainty: str | None
    is_simulated: bool


@dataclass(frozen=True)
class PanelCell:
    """One cell of the panels; depth counts the steps from the requested cell."""

    depth: int
    region_level: str
    region_code: str
    name_zh: str | None
    name_en: str | None
    year: int
    panel_column: str
    indicator_id: str
    value: float | None
    unit: str
    obs_status: str
    obs_status_all: str
    imputed_share: float
    suspect_codes: str | None
    is_derived: bool


@dataclass(frozen=True)
class ZoneAct:
    """A pilot zone and the document that set it up."""

    zone_no: int
    name_zh: str
    name_en: str | None
    batch: int
    document_no: str | None
    approved_on: datetime.date | None
    approved_on_verified: str | None
    start_year: int | None
    coverage: str | None
    revoked_on: datetime.date | None
    source: str | None
    verified: str | None


@dataclass(frozen=True)
class PrintedLine:
    """A number as a paper prints it. source_line: line in the text of the paper."""

    result_no: int
    study_id: str
    paper: str
    table_no: str
    column_no: int | None
    term: str | None
    row_label: str | None
    column_label: str | None
    statistic: str
    value: float | None
    stars: str | None
    printed: str | None
    source_line: int | None
    note: str | None


@dataclass(frozen=True)
class SeedRow:
    """A declared row: the seed file, its SHA-256 when the warehouse was built, and the row's key."""

    path: str
    sha256: str | None
    key: str


@dataclass(frozen=True)
class Ends:
    """Where a number ends: printed cells, zone documents, printed lines, declared rows."""

    cells: tuple[SourceCell, ...] = ()
    zones: tuple[ZoneAct, ...] = ()
    lines: tuple[PrintedLine, ...] = ()
    seed_rows: tuple[SeedRow, ...] = ()
    n_cells: int = field(default=0)

    @property
    def is_found(self) -> bool:
        return bool(self.cells or self.zones or self.lines or self.seed_rows)


# Steps from column to column; a technology stands between productivity and its inputs.
_COLUMN_EDGE = """
column_edge as (
    select distinct
        start_column.region_level,
        start_column.panel_column as from_column,
        target.panel_column as to_column,
        edge.years
    from (
        select from_id, to_id, years
        from marts.provenance_relation
        where relation = 'wasDerivedFrom' and from_id like 'column:%' and to_id like 'column:%'
        union
        select product.from_id, input.to_id, input.years
        from marts.provenance_relation as product
        inner join marts.provenance_relation as input
            on product.to_id = input.from_id and input.relation = 'wasDerivedFrom'
        where product.relation = 'wasDerivedFrom'
            and product.from_id like 'column:%'
            and product.to_id like 'technology:%'
            and input.to_id like 'column:%'
    ) as edge
    inner join marts.provenance_entity as start_column on edge.from_id = start_column.entity_id
    inner join marts.provenance_entity as target on edge.to_id = target.entity_id
)"""

# Cells that the requested ones rest on, themselves included; union drops what was reached before.
_WALK = f"""
with recursive {_COLUMN_EDGE},
walked as (
    select region_level, region_code, cast(year as integer) as year, panel_column
    from requested_cell
    union
    select cell.region_level, cell.region_code, cell.year, cell.panel_column
    from walked
    inner join column_edge
        on walked.region_level = column_edge.region_level
            and walked.panel_column = column_edge.from_column
    inner join marts.panel_cell as cell
        on walked.region_level = cell.region_level
            and walked.region_code = cell.region_code
            and column_edge.to_column = cell.panel_column
            and (walked.year = cell.year or (column_edge.years = 'up_to' and cell.year < walked.year))
)"""

_NAMED_FILE = """(
    select sha256, min(location) as location
    from marts.provenance_entity
    where kind in ('imported_file', 'seed_file')
    group by sha256
)"""

_REGION = """(
    select region_level, region_code, arg_max(name_zh, year) as name_zh, arg_max(name_en, year) as name_en
    from intermediate.int_region_years__gridded
    group by region_level, region_code
)"""

# Of the observations `needed`, found first: a join of a million rows for one figure takes a second.
_SOURCE_COLUMNS = f"""
    o.region_level, o.region_code, region.name_zh, region.name_en, o.year, o.indicator_id, o.scope,
    o.vintage, o.edition,
    o.value, o.value_reported, o.unit, o.value_printed, o.unit_printed, o.obs_status, o.obs_status_all,
    o.impute_method, o.impute_by, o.anchor_years, o.suspect_codes, o.obs_comment,
    'joined series read ' || correction.value_corrected || ' instead (registry.correction): '
        || correction.reason as correction,
    file.location as file,
    regexp_extract(o.source_locator, '^(.*)!', 1) as sheet,
    regexp_extract(o.source_locator, '([^!]*)$', 1) as cell,
    o.source_file_sha256 as sha256, o.source_id, source.citation, source.certainty, o.is_simulated
from needed as o
left join {_NAMED_FILE} as file on o.source_file_sha256 = file.sha256
left join registry.source as source on o.source_id = source.source_id
left join registry.correction as correction
    on correction.action = 'joined' and o.is_panel_scope and o.region_level = correction.region_level
        and o.region_code = correction.region_code and o.year = correction.year
        and o.indicator_id = correction.indicator_id and o.vintage = correction.vintage
        and o.value_printed = correction.value_printed
left join {_REGION} as region on o.region_level = region.region_level and o.region_code = region.region_code
"""

# What a province's count of zones, or a treatment cell, rests on.
_ZONE_COLUMNS = """
    zone.zone_no, zone.zone_name_zh as name_zh, zone.name_en, zone.batch,
    coalesce(zone.document_no, batch.document_no) as document_no, zone.approved_on,
    zone.approved_on_verified, timed.start_year, zone.coverage, zone.revoked_on, zone.source, zone.verified
from intermediate.int_zones__timed as timed
inner join registry.pilot_zone as zone on timed.zone_no = zone.zone_no
inner join registry.pilot_zone_batch as batch on zone.batch = batch.batch
"""


def printed_level(level: str) -> str:
    """The level under which marts.observation and registry.region hold the regions of a panel's level."""
    return "prefecture" if level == "major_city" else level


def records(
    connection: duckdb.DuckDBPyConnection, query: str, parameters: Iterable[Any] = ()
) -> list[dict[str, Any]]:
    """Rows of a query as dictionaries."""
    cursor = connection.execute(query, list(parameters))
    names = [item[0] for item in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _as(kind: type[T], rows: Iterable[Mapping[str, Any]]) -> tuple[T, ...]:
    names = [item.name for item in fields(kind)]  # type: ignore[arg-type]
    return tuple(kind(**{name: row[name] for name in names}) for row in rows)


def _ask(connection: duckdb.DuckDBPyConnection, cells: pd.DataFrame) -> None:
    connection.register("requested_frame", cells[list(CELL_KEYS)])
    # An empty frame has no types of its own.
    connection.execute(
        "create or replace temp table requested_cell as select distinct"
        " cast(region_level as varchar) as region_level, cast(region_code as varchar) as region_code,"
        " cast(year as integer) as year, cast(panel_column as varchar) as panel_column from requested_frame"
    )
    connection.unregister("requested_frame")


def source_cells(connection: duckdb.DuckDBPyConnection, cells: pd.DataFrame) -> tuple[SourceCell, ...]:
    """Every figure that panel cells rest on, however many steps down. cells: columns CELL_KEYS."""
    return _as(SourceCell, _figures(connection, cells))


def some_source_cells(
    connection: duckdb.DuckDBPyConnection, cells: pd.DataFrame, n: int
) -> tuple[tuple[SourceCell, ...], int]:
    """The first n of source_cells, and how many there are: an estimate rests on tens of thousands."""
    found = _figures(connection, cells, limit=n)
    return _as(SourceCell, found), found[0]["n_figures"] if found else 0


def _figures(
    connection: duckdb.DuckDBPyConnection, cells: pd.DataFrame, limit: int | None = None
) -> list[dict[str, Any]]:
    _ask(connection, cells)
    # Step by step: of a recursive query the planner knows no size, and hashes a million rows for one figure.
    connection.execute(f"create or replace temp table walked_cell as {_WALK} select * from walked")
    connection.execute(
        """create or replace temp table figure as
        select distinct series.indicator_id, series.printed_level as region_level, series.vintage,
            series.region_code, series.year
        from walked_cell as walked
        inner join marts.provenance_entity as named
            on named.kind = 'panel_column' and walked.region_level = named.region_level
                and walked.panel_column = named.panel_column
        inner join intermediate.int_series__chosen as series
            on named.indicator_id = series.indicator_id
                and walked.region_level = series.region_level
                and walked.region_code = series.region_code
                and walked.year = series.year"""
    )
    return records(
        connection,
        f"""with needed as materialized (
            select observation.*
            from marts.observation as observation
            inner join figure using (indicator_id, region_level, vintage, region_code, year)
            where observation.is_panel_scope
        )
        select count(*) over () as n_figures, {_SOURCE_COLUMNS}
        order by o.indicator_id, o.region_code, o.year, o.vintage
        {"limit " + str(int(limit)) if limit is not None else ""}""",
    )


def observed(
    connection: duckdb.DuckDBPyConnection,
    region_level: str,
    region_code: str,
    year: int,
    indicator_id: str,
    vintage: str | None = None,
) -> tuple[SourceCell, ...]:
    """The figures of one indicator in one region and year: in every vintage and scope, or in one vintage what
    panels read of it."""
    return _as(
        SourceCell,
        records(
            connection,
            f"""with needed as materialized (
                select * from marts.observation
                where region_level = ? and region_code = ? and year = ? and indicator_id = ?
                    and vintage = coalesce(?, vintage) and (is_panel_scope or ? is null)
            )
            select {_SOURCE_COLUMNS}
            order by o.vintage, o.scope desc""",
            [region_level, region_code, year, indicator_id, vintage, vintage],
        ),
    )


def panel_cells(connection: duckdb.DuckDBPyConnection, cells: pd.DataFrame) -> tuple[PanelCell, ...]:
    """The requested cells and those they are computed from, nearest first."""
    _ask(connection, cells)
    return _as(
        PanelCell,
        records(
            connection,
            f"""with recursive {_COLUMN_EDGE},
            walked as (
                select 0 as depth, region_level, region_code, cast(year as integer) as year, panel_column
                from requested_cell
                union
                select walked.depth + 1, cell.region_level, cell.region_code, cell.year, cell.panel_column
                from walked
                inner join column_edge
                    on walked.region_level = column_edge.region_level
                        and walked.panel_column = column_edge.from_column
                inner join marts.panel_cell as cell
                    on walked.region_level = cell.region_level
                        and walked.region_code = cell.region_code
                        and column_edge.to_column = cell.panel_column
                        and (
                            walked.year = cell.year
                            or (column_edge.years = 'up_to' and cell.year < walked.year)
                        )
            ),
            nearest as (
                select min(depth) as depth, region_level, region_code, year, panel_column
                from walked group by all
            )
            select nearest.depth,
                cell.* replace (
                    nullif(concat_ws(';', cell.suspect_codes, suspect.detectors), '') as suspect_codes
                ),
                region.name_zh, region.name_en
            from nearest
            inner join marts.panel_cell as cell using (region_level, region_code, year, panel_column)
            left join quality.suspect_cell as suspect using (region_level, region_code, year, panel_column)
            left join {_REGION} as region using (region_level, region_code)
            order by nearest.depth, cell.panel_column, cell.year""",
        ),
    )


def zones_behind(connection: duckdb.DuckDBPyConnection, cells: pd.DataFrame) -> tuple[ZoneAct, ...]:
    """Zones that stand in the count of a province and year among the requested cells or their inputs."""
    _ask(connection, cells)
    return _as(
        ZoneAct,
        records(
            connection,
            f"""{_WALK}
            select distinct {_ZONE_COLUMNS}
            inner join walked
                on timed.province_code = walked.region_code and walked.panel_column = 'pilot_zone_count'
                    and walked.region_level = 'province' and timed.start_year <= walked.year
                    and walked.year < coalesce(timed.end_year, walked.year + 1)
            inner join marts.provenance_relation as counted
                on counted.from_id = 'column:province:pilot_zone_count'
                    and counted.to_id = 'rule:' || timed.rule_id
            where not timed.is_late
            order by zone.zone_no""",
        ),
    )


def zones_of(
    connection: duckdb.DuckDBPyConnection, rule_id: str, region_level: str, region_codes: Iterable[str]
) -> tuple[ZoneAct, ...]:
    """Every zone that a rule counts in some regions, whatever the year."""
    place = (
        "timed.province_code in (select unnest(?))"
        if region_level == "province"
        else "exists (select 1 from registry.pilot_zone_prefecture as covered"
        " where covered.zone_no = timed.zone_no and covered.prefecture_code in (select unnest(?)))"
    )
    return _as(
        ZoneAct,
        records(
            connection,
            f"select distinct {_ZONE_COLUMNS} where timed.rule_id = ? and {place} order by zone.zone_no",
            [rule_id, sorted(set(region_codes))],
        ),
    )


_PRINTED = """
select result.result_no, result.study_id, study.origin as paper, result.table_no, result.column_no,
    result.term, result.row_label, result.column_label, result.statistic, result.value, result.stars,
    result.printed, result.source_line, result.note
from studies.published_result as result
inner join studies.study as study on result.study_id = study.study_id
"""


def printed_lines(
    connection: duckdb.DuckDBPyConnection, where: str, parameters: Iterable[Any]
) -> tuple[PrintedLine, ...]:
    """Printed numbers; where: a constant condition on `result` with a question mark for each parameter."""
    return _as(
        PrintedLine, records(connection, f"{_PRINTED} where {where} order by result.result_no", parameters)
    )


def seed_rows(
    connection: duckdb.DuckDBPyConnection, table: str, key: Mapping[str, Any]
) -> tuple[SeedRow, ...]:
    """The declared row with this key, when the seed table has it. table and the key's names are constants."""
    condition = " and ".join(f"{name} is not distinct from ?" for name in key)
    found = connection.execute(
        f"select count(*) from {table} where {condition}", list(key.values())
    ).fetchone()
    if not found or not found[0]:
        return ()
    text = ", ".join(f"{name} {value}" for name, value in key.items())
    return tuple(
        SeedRow(row["location"], row["sha256"], text)
        for row in records(
            connection,
            "select location, sha256 from marts.provenance_entity where kind = 'seed_file' and label_en = ?",
            [table],
        )
    )


def seed_files_behind(connection: duckdb.DuckDBPyConnection, entity_id: str) -> tuple[SeedRow, ...]:
    """Every seed or imported file that an entity is derived from, however many steps down."""
    return tuple(
        SeedRow(row["location"], row["sha256"], row["label_en"])
        for row in records(
            connection,
            """with recursive chain as (
                select cast(? as varchar) as entity_id
                union
                select relation.to_id
                from chain
                inner join marts.provenance_relation as relation
                    on chain.entity_id = relation.from_id and relation.relation = 'wasDerivedFrom'
            )
            select entity.location, entity.sha256, entity.label_en
            from chain
            inner join marts.provenance_entity as entity using (entity_id)
            where entity.kind in ('seed_file', 'imported_file')
            order by entity.entity_id""",
            [entity_id],
        )
    )


def estimate_cells(
    connection: duckdb.DuckDBPyConnection, study_id: str, table_no: str, column_no: int
) -> pd.DataFrame:
    """Panel cells of every variable of a specification on the grid of its sample; columns CELL_KEYS."""
    return connection.execute(
        """select distinct cell.region_level, cell.region_code, cell.year, cell.panel_column
        from studies.specification as specification
        inner join marts.provenance_relation as relation
            on relation.relation = 'wasDerivedFrom'
                and relation.from_id = 'estimate:' || specification.study_id || '/'
                || specification.table_no || '/' || specification.column_no
        inner join marts.provenance_entity as variable
            on relation.to_id = variable.entity_id and variable.kind = 'panel_column'
        inner join marts.sample_member as member on specification.sample = member.sample_id
        inner join marts.panel_cell as cell
            on variable.region_level = cell.region_level and variable.panel_column = cell.panel_column
                and member.region_level = cell.region_level and member.region_code = cell.region_code
                and cell.year = member.year
                - coalesce(try_cast(regexp_extract(relation.years, 'lag ([0-9]+)', 1) as integer), 0)
        where specification.study_id = ? and specification.table_no = ? and specification.column_no = ?
            and cell.value is not null""",
        [study_id, table_no, column_no],
    ).df()
