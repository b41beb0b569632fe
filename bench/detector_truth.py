"""Grade the detectors on printed truth: a compiler's file against the yearbook, and print itself."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pandas as pd

from cbec.registry.render import load_seeds, run_detectors

# Detectors that claim of one cell that it was filled or misprinted, as quality.suspect_cell names them.
CLAIMING = (
    "D1", "D2", "D3", "D4", "D5", "D6", "D7", "D8", "D9", "D10", "D13", "D14", "D15", "unpublished",
)  # fmt: skip
TRUTH_COLUMNS = (
    "scope", "indicator_id", "detector", "kind", "n_cells", "n_decidable", "n_found", "recall", "n_flagged",
    "per_1000",
)  # fmt: skip
PRINT_COLUMNS = ("detector", "indicator_id", "n_cells", "n_flagged", "per_1000")
PRINTED = "(select vintage from registry.publication where is_one_series and kind = 'yearbook')"


def truth_table(connection: duckdb.DuckDBPyConnection, *, vintage: str) -> pd.DataFrame:
    """One row per kind of cell, and the same by indicator and by detector, columns TRUTH_COLUMNS.

    connection: a built warehouse into which a compiler's file was imported; vintage: its cells. Graded are
    cells of prefectures with a figure, in years and indicators that the shipped yearbook covers, less those
    that the file itself declares as filled. kind: `equal` (the edition prints the figure, within half a unit
    of the coarser of the two last digits, in its own column or in one of a narrower name), `differs` (it
    prints another), `unpublished` (it prints the indicator for no city in this scope), `absent` (not for
    this city).

    A positive (all kinds but `equal`) is decidable when its year is unpublished, when the edition prints
    another figure or a blank and agrees on detector_release_agreement of the other cells of the series
    (three or more), or when a path meets it by a chance that its column lets decide. recall is n_found /
    n_decidable; n_flagged counts all flagged cells, per_1000 is 1000 n_flagged / n_cells: for `equal` the
    false flags. Raises ValueError where the warehouse has no cell of the vintage to grade.
    """
    claiming = ", ".join(repr(name) for name in CLAIMING)
    connection.execute(
        f"""
        create or replace temp table graded as
        with printed as (
            select region_code, year, indicator_id, scope, min_by(value_reported, vintage) as value_in_print,
                min_by(decimals, vintage) as decimals_in_print,
                min_by(obs_status_all, vintage) as status_in_print
            from marts.observation
            where vintage in {PRINTED} and region_level = 'prefecture' group by all
        ),
        covered as (
            select indicator_id, year, scope, bool_or(is_published) as is_published
            from quality.publication_coverage group by all
        ),
        result as (
            select region_code, year, indicator_id, list(distinct detector) as detectors
            from quality.finding
            where vintage = $vintage and region_level = 'prefecture' and detector in ({claiming}) group by all
        ),
        sharp as (
            select scan.region_code, scan.year, scan.indicator_id,
                bool_or(case limits.detector
                    when 'D2' then h_d2 and p_d2 <= decidable_chance
                    when 'D3' then h_d3 and p_d3 <= decidable_chance
                    when 'D4' then h_d4 and p_d4 <= decidable_chance
                    when 'D5' then h_d5 and p_d5 <= decidable_chance
                end) as is_sharp
            from quality.detector_scan as scan inner join quality.detector_column as limits using (column_no)
            where scan.vintage = $vintage and scan.region_level = 'prefecture' group by all
        ),
        claimed as (
            -- A file of floats prints whole numbers as 143.0: a year of them has no decimals.
            select * replace (
                case when avg(regexp_matches(value_printed, '^[^.]*([.]0)?$')::int) over (
                    partition by indicator_id, year
                ) > 0.9 and regexp_matches(value_printed, '[.]0$') then 0 else decimals end as decimals
            )
            from marts.observation
            where vintage = $vintage and region_level = 'prefecture' and is_panel_scope
                and value_reported is not null and not regexp_matches(obs_status_all, '[IFE]')
        ),
        joined as (
            select cell.region_code, cell.year, cell.indicator_id, is_published, value_in_print,
                coalesce(status_in_print like '%O%', false) as is_blank,
                abs(cell.value_reported - value_in_print)
                    <= 0.5000001 * power(10, -least(cell.decimals, decimals_in_print)) as is_equal,
                coalesce(detectors, []) as detectors, coalesce(is_sharp, false) as is_sharp
            from claimed as cell
            inner join covered using (indicator_id, year, scope)
            left join printed using (region_code, year, indicator_id, scope)
            left join result using (region_code, year, indicator_id)
            left join sharp using (region_code, year, indicator_id)
        ),
        -- A column that the edition prints under a narrower name (investment without rural households).
        renamed as (
            select region_code, year, indicator_id, bool_or(is_same and share >= 0.8) as is_renamed
            from (
                select *, avg(is_same::int) over (partition by indicator_id, other_id, year) as share
                from (
                    select cell.region_code, cell.year, cell.indicator_id, other.indicator_id as other_id,
                        abs(cell.value_reported - other.value_reported)
                            <= 0.5000001 * power(10, -least(cell.decimals, other.decimals)) as is_same
                    from claimed as cell
                    inner join covered using (indicator_id, year, scope)
                    inner join marts.observation as other using (region_code, region_level, year, scope, unit)
                    where not is_published and other.vintage in {PRINTED}
                        and other.value_reported is not null and other.indicator_id <> cell.indicator_id
                ) as compared
            ) as shared
            group by all
        ),
        agreeing as (
            select region_code, indicator_id, count(is_equal) as n_common,
                count(*) filter (where is_equal) as n_equal
            from joined group by all
        )
        select * exclude (n_common, n_equal), len(detectors) > 0 as is_flagged,
            case
                when is_equal or is_renamed then 'equal'
                when value_in_print is not null then 'differs'
                when not is_published then 'unpublished'
                else 'absent'
            end as kind,
            kind <> 'equal' and (
                kind = 'unpublished' or is_sharp
                or (value_in_print is not null or is_blank) and n_common >= 3 and n_equal >= 0.8 * n_common
            ) as is_decidable
        from joined inner join agreeing using (region_code, indicator_id)
        left join renamed using (region_code, year, indicator_id)
        """,
        {"vintage": vintage},
    )
    table = connection.sql(
        """
        with total as (
            select kind, count(*) as n from graded group by kind
        ),
        united as (
            select 1 as scope_no, 'kind' as scope, cast(null as varchar) as indicator_id,
                cast(null as varchar) as detector, kind, count(*) as n_cells,
                count(*) filter (where is_decidable) as n_decidable,
                count(*) filter (where is_decidable and is_flagged) as n_found,
                count(*) filter (where is_flagged) as n_flagged
            from graded group by kind
            union all
            select 2, 'indicator', indicator_id, null, kind, count(*), count(*) filter (where is_decidable),
                count(*) filter (where is_decidable and is_flagged), count(*) filter (where is_flagged)
            from graded group by indicator_id, kind
            union all
            select 3, 'detector', null, detector, kind, any_value(n), null, null, count(*)
            from (select kind, unnest(detectors) as detector from graded) inner join total using (kind)
            group by detector, kind
        )
        select scope, indicator_id, detector, kind, n_cells, n_decidable, n_found,
            n_found / nullif(n_decidable, 0) as recall, n_flagged, 1000.0 * n_flagged / n_cells as per_1000
        from united order by scope_no, indicator_id, detector, kind
        """
    ).df()
    assert tuple(table.columns) == TRUTH_COLUMNS
    if table.empty:
        raise ValueError(f"no cell of {vintage} lies in a year and indicator that the yearbook covers")
    return table


def print_table(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """Flags on the printed figures of the yearbook, columns PRINT_COLUMNS: all together (no detector), by
    detector, and by detector and indicator. n_cells counts printed cells, a sign for missing among them."""
    claiming = ", ".join(repr(name) for name in CLAIMING)
    return _flags(
        connection,
        cells=f"""
            select region_code, year, indicator_id, vintage from marts.observation
            where vintage in {PRINTED} and region_level = 'prefecture' and is_panel_scope
                and not (value is null and obs_status in ('L', 'O'))
        """,
        flags=f"""
            select distinct region_code, year, indicator_id, vintage, detector from quality.finding
            where region_level = 'prefecture' and detector in ({claiming})
        """,
    )


def held_out_table(connection: duckdb.DuckDBPyConnection, root: Path) -> pd.DataFrame:
    """As print_table, but what print shows to be natural is read off the other half of its cities.

    Detectors learn from print how often a pattern is natural; measured on the same cells that would flatter
    them. Cities of even and odd rank are taken in turn for a file that somebody compiled. D10 and unpublished
    compare with print and have nothing to say here.
    """
    cells = connection.sql(
        f"""
        select *, dense_rank() over (order by region_code) % 2 as half
        from marts.observation
        where vintage in {PRINTED} and region_level = 'prefecture' and is_panel_scope
        """
    ).df()
    with duckdb.connect() as scratch:
        load_seeds(scratch, root)
        scratch.register("cells", cells)
        for half in (0, 1):
            scratch.execute(
                f"""
                create or replace table observation as
                select * replace (case when half = {half} then 'held out' else vintage end as vintage)
                from cells
                """
            )
            run_detectors(scratch, root)
            scratch.execute(
                f"create or replace table evidence_{half} as select * from detector_evidence"
                " where is_flagged and vintage = 'held out'"
            )
        claiming = ", ".join(repr(name) for name in CLAIMING)
        return _flags(
            scratch,
            cells="""
                select region_code, year, indicator_id, 'held out' as vintage from cells
                where not (value is null and obs_status in ('L', 'O'))
            """,
            flags=f"""
                select distinct region_code, year, indicator_id, vintage, detector
                from (select * from evidence_0 union all select * from evidence_1)
                where detector in ({claiming})
            """,
        )


def _flags(connection: duckdb.DuckDBPyConnection, *, cells: str, flags: str) -> pd.DataFrame:
    table = connection.sql(
        f"""
        with cell as ({cells}),
        flag as (select * from ({flags}) inner join cell using (region_code, year, indicator_id, vintage)),
        size as (select indicator_id, count(*) as n_cells from cell group by all),
        united as (
            select 1 as scope_no, cast(null as varchar) as detector, cast(null as varchar) as indicator_id,
                (select count(*) from cell) as n_cells,
                count(distinct (region_code, year, indicator_id)) as n_flagged from flag
            union all
            select 2, detector, null, (select count(*) from cell), count(*) from flag group by detector
            union all
            select 3, detector, indicator_id, any_value(n_cells), count(*)
            from flag inner join size using (indicator_id) group by detector, indicator_id
        )
        select detector, indicator_id, n_cells, n_flagged, 1000.0 * n_flagged / n_cells as per_1000
        from united order by scope_no, n_flagged desc, detector, indicator_id
        """
    ).df()
    assert tuple(table.columns) == PRINT_COLUMNS
    return table
