"""Score the detectors against a known truth: recall of what was planted, false flags on clean cells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import yaml

from cbec.project import literal, unglobbed

# The detector that looks for a defect and, for fills, the path whose chance says whether it can be decided.
DETECTOR = {
    "linear": "D2",
    "geometric": "D3",
    "carry_forward": "D4",
    "duplicated_year": "D4",
    "moving_average": "D5",
    "share": "D7",
    "spline": "D8",
    "unit_slip": "D13",
    "shifted_row": "D14",
    "province_total": "D15",
    "boundary_jump": "D16",
}
PATH = {
    "linear": "d2",
    "geometric": "d3",
    "carry_forward": "d4",
    "duplicated_year": "d4",
    "moving_average": "d5",
    "share": "d7_share",
    "spline": "d8",
}
COLUMNS = (
    "scope", "indicator_id", "detector", "defect", "n_planted", "n_decidable", "n_found", "recall", "n_clean",
    "n_flagged_clean", "false_per_1000", "precision",
)  # fmt: skip
# Where a demo warehouse keeps what the score reads.
READ = {
    "quality": (
        "detector_scan", "detector_column", "detector_column_year", "detector_series", "detector_evidence",
    ),
    "registry": ("detector_exemption",),
}  # fmt: skip
# Standard deviations by which a defect must exceed a limit for noise to hide at most one in twenty.
POWER_MARGIN = 1.645


def detector_score_table(
    connection: duckdb.DuckDBPyConnection, root: Path, *, variables: dict[str, Any] | None = None
) -> pd.DataFrame:
    """One row per scope and what it names, columns COLUMNS, in a fixed order.

    Reads detector_scan, detector_column, detector_column_year, detector_series, detector_evidence,
    detector_exemption and demo_truth of the connection; demo_truth has region_code, year, indicator_id,
    defect, run_length, is_row, is_changed, value_clean and value_planted. root is the project folder, for the
    vars of dbt_project.yml, which variables override.

    scope: `defect` (cells filled or misprinted one by one, found by any detector), `indicator` (the same by
    indicator, with false flags of all detectors together), `detector` (found by the detector itself) and
    `row` (whole city-years, D9 for fills and D14 for shifted rows). n_found counts decidable ones; recall is
    n_found / n_decidable (0 to 1); n_clean counts cells (rows, for `row`) without any defect;
    false_per_1000 is 1000 n_flagged_clean / n_clean; precision is the share of flagged cells (rows) that have
    a defect. NULL where not applicable.

    Decidable is judged from the series and the printed unit, never from the hit. A fill: the chance of its
    path in a clean cell is at most the column's limit (detector_column.decidable_chance); for k cells
    k p^((k + 1) / 2) is at most detector_column_budget and p at most detector_local_fdr; or it shows four
    decimals more than the column. A misprint: its size exceeds what its detector asks for by 1.645 scales of
    the series. A jump counts once, in its first year.
    """
    _score_cells(connection, root, variables or {})
    _score_rows(connection)
    table = connection.sql(
        """
        with cell as (
            select * from scored where not is_row
        ),
        planted as (
            select * from cell where is_planted
        ),
        clean as (
            select indicator_id, count(*) as n_clean, count(*) filter (where is_flagged) as n_flagged_clean
            from scored where is_clean group by all
        ),
        flag as (
            select scored.indicator_id, evidence.detector, count(*) as n_flagged,
                count(*) filter (where scored.is_clean) as n_flagged_clean
            from detector_evidence as evidence inner join scored using (region_code, year, indicator_id)
            where evidence.is_flagged and evidence.region_level = 'prefecture'
            group by all
        ),
        of_detector as (
            select planted.detector, count(*) as n_planted,
                count(*) filter (where is_decidable_by_path) as n_decidable,
                count(*) filter (
                    where is_decidable_by_path and contains(detectors, planted.detector)
                ) as n_found
            from planted group by all
            union all
            select 'D1', count(*), count(*) filter (where is_decidable),
                count(*) filter (where is_decidable and contains(detectors, 'D1'))
            from planted where is_unrounded
        ),
        total as (
            select sum(n_clean) as n_clean from clean
        ),
        united as (
            select 1 as scope_no, 'defect' as scope, cast(null as varchar) as indicator_id,
                cast(null as varchar) as detector, defect, count(*) as n_planted,
                count(*) filter (where is_decidable) as n_decidable,
                count(*) filter (where is_decidable and is_flagged) as n_found,
                cast(null as bigint) as n_clean, cast(null as bigint) as n_flagged_clean,
                cast(null as bigint) as n_flagged
            from planted group by defect
            union all
            select 2, 'indicator', clean.indicator_id, null, null, count(planted.year),
                count(*) filter (where is_decidable), count(*) filter (where is_decidable and is_flagged),
                any_value(n_clean), any_value(n_flagged_clean),
                (select count(*) from scored where scored.indicator_id = clean.indicator_id and is_flagged)
            from clean left join planted on clean.indicator_id = planted.indicator_id
            group by clean.indicator_id
            union all
            select 3, 'detector', null, coalesce(flags.detector, of_detector.detector), null,
                n_planted, n_decidable, n_found, (select n_clean from total),
                coalesce(flags.n_flagged_clean, 0), flags.n_flagged
            from (
                select detector, sum(n_flagged) as n_flagged, sum(n_flagged_clean) as n_flagged_clean
                from flag group by detector
            ) as flags
            full join of_detector using (detector)
            union all
            select 4, 'detector', flag.indicator_id, flag.detector, null, null, null, null, clean.n_clean,
                flag.n_flagged_clean, flag.n_flagged
            from flag inner join clean using (indicator_id)
            union all
            select 5, 'row', null, detector, defect, n_planted, n_decidable, n_found, n_clean,
                n_flagged_clean, n_flagged
            from scored_row
        )
        select scope, indicator_id, detector, defect, cast(n_planted as bigint) as n_planted,
            cast(n_decidable as bigint) as n_decidable, cast(n_found as bigint) as n_found,
            n_found / nullif(n_decidable, 0) as recall, cast(n_clean as bigint) as n_clean,
            cast(n_flagged_clean as bigint) as n_flagged_clean,
            1000.0 * n_flagged_clean / nullif(n_clean, 0) as false_per_1000,
            1 - n_flagged_clean / nullif(n_flagged, 0) as precision
        from united
        order by scope_no, indicator_id nulls first, cast(regexp_extract(detector, '[0-9]+') as integer),
            detector, defect nulls first
        """
    ).df()
    assert tuple(table.columns) == COLUMNS
    return table


def _score_cells(connection: duckdb.DuckDBPyConnection, root: Path, variables: dict[str, Any]) -> None:
    """Temporary table scored: one row per printed cell of a prefecture-level region."""
    values = yaml.safe_load((root / "dbt_project.yml").read_text(encoding="utf-8"))["vars"] | variables
    chances = " ".join(f"when '{defect}' then p_{path}" for defect, path in PATH.items())
    detectors = " ".join(f"when '{defect}' then '{detector}'" for defect, detector in DETECTOR.items())
    run = "partition by region_code, indicator_id, defect, is_row, anchor"
    connection.execute(
        f"""
        create or replace temp table scored as
        with truth as (
            select *, min(year) over (
                partition by region_code, indicator_id, defect, is_row, anchor
            ) as first_year
            from (
                select *, year - row_number() over (
                    partition by region_code, indicator_id, defect, is_row order by year
                ) as anchor
                from demo_truth
            ) as grouped
        ),
        edge as (
            select series_no, min(year) as first_printed, max(year) as last_printed
            from detector_scan group by all
        ),
        around as (
            select series_no, year, count(growth) over (
                partition by series_no order by year range between 1 preceding and 2 following
            ) as n_growth
            from detector_scan
        ),
        flagged as (
            select region_code, year, indicator_id,
                list(distinct detector) filter (where is_flagged) as detectors
            from detector_evidence where region_level = 'prefecture' group by all
        ),
        exempted as (
            select distinct scan.region_code, scan.year, scan.indicator_id
            from detector_scan as scan inner join detector_exemption as exemption
                on scan.indicator_id like exemption.indicator_pattern
                and (exemption.kind is null or exemption.kind = scan.kind)
                and (exemption.units_below is null
                    or abs(scan.value) < exemption.units_below * power(10, -scan.column_decimals))
            where scan.region_level = 'prefecture'
        ),
        joined as (
            select scan.region_code, scan.province_code, scan.year, scan.indicator_id, scan.u, scan.value,
                truth.defect, coalesce(truth.is_row, false) as is_row, truth.anchor, truth.value_clean,
                truth.value_planted, truth.first_year, coalesce(truth.is_changed, false) as is_changed,
                truth.run_length, edge.first_printed, edge.last_printed, around.n_growth,
                scan.decimals - scan.column_decimals >= {values["detector_unrounded_decimals"]}
                    as is_unrounded,
                coalesce(abs(scan.r_d4) < scan.u / 2, false) as is_repeat, scan.p_d4,
                coalesce(abs(scan.r_d4) < scan.u / 2 and not scan.h_d4, false) as is_cap,
                coalesce(scan.h_d2 or scan.h_d3, false) as is_on_line,
                case truth.defect {chances} end as p,
                case truth.defect {detectors} end as detector,
                limits.decidable_chance as alone_chance,
                case when truth.value_planted > 0 and truth.value_clean > 0
                    then abs(ln(truth.value_planted / truth.value_clean)) end as size,
                column_year.spread_factor * sqrt(
                    power(series.growth_scale, 2)
                    + power(scan.u / nullif(least(truth.value_planted, truth.value_clean), 0), 2)
                ) as jump_scale, series.growth_scale, exempted.year is not null as is_exempt,
                coalesce(flagged.detectors, []) as detectors
            from detector_scan as scan
            inner join edge using (series_no)
            inner join (
                select distinct column_no, decidable_chance from detector_column
            ) as limits using (column_no)
            left join truth using (region_code, year, indicator_id)
            left join detector_series as series using (series_no)
            left join detector_column_year as column_year on scan.column_no = column_year.column_no
                and scan.year = column_year.year
            left join around using (series_no, year)
            left join flagged using (region_code, year, indicator_id)
            left join exempted using (region_code, year, indicator_id)
            where scan.region_level = 'prefecture'
        ),
        measured as (
            select *,
                -- A repeat belongs to D4 alone; a cubic is tested on five years, not at the ends of its gap.
                case
                    when defect = 'spline' and (
                        year = min(year) over ({run}) or year = max(year) over ({run})
                    ) then null
                    when is_repeat and defect not in ('carry_forward', 'duplicated_year', 'spline') then null
                    else p
                end as p_tested,
                min(year) over ({run}) as gap_first, max(year) over ({run}) as gap_last,
                round(size / ln(10)) * ln(10) as power,
                case when size > 2 * ln(10) then 0.4 * ln(10) else least(0.4 * ln(10), 4 * jump_scale) end
                    as slip_tolerance
            from joined
        ),
        judged as (
            select *,
                count(p_tested) over ({run}) as n_tested,
                -- A cubic that runs on a line or curve within rounding is no cubic.
                count(p_tested) filter (where not is_on_line) over ({run}) as n_core,
                max(p_tested) over ({run}) as p_largest,
                -- Beside a cubic that reaches an end of the series either end of the gap may be the anchor.
                defect = 'spline' and (
                    gap_first = first_printed + 2 and year = gap_last
                    or gap_last = last_printed - 2 and year = gap_first
                ) as is_ambiguous,
                exp(-sqrt(2) * (power - slip_tolerance) / jump_scale)
                    as slip_chance,
                exp(-sqrt(2) * (size / jump_scale - {POWER_MARGIN})) * 4 * u / value_planted as total_chance,
                exp(-sqrt(2) * (size / jump_scale - {POWER_MARGIN})) as shift_chance
            from measured
        )
        select region_code, year, indicator_id, defect, is_row,
            is_unrounded and defect is not null as is_unrounded,
            detector, detectors, len(detectors) > 0 as is_flagged, defect is null as is_clean,
            is_changed and (defect <> 'boundary_jump' or year = first_year) as is_planted,
            coalesce(not is_exempt and not is_cap and case
                when defect in ({", ".join(repr(defect) for defect in PATH)}) then
                    is_row and p <= alone_chance
                    or not is_row and not is_ambiguous and is_repeat and p_tested is null
                        and defect <> 'spline' and p_d4 <= alone_chance
                    or not is_row and not is_ambiguous
                        and not (is_repeat and p_tested is null and defect <> 'spline')
                        and p_largest <= {values["detector_local_fdr"]}
                        and case
                            when n_tested = 1 and defect <> 'spline' then p_largest <= alone_chance
                            when n_tested > 1 and (defect <> 'spline' or n_core >= n_tested / 2.0) then
                                n_tested * power(p_largest, (n_tested + 1) / 2.0)
                                <= {values["detector_column_budget"]}
                        end
                when defect = 'unit_slip' then
                    value > 0 and power > 0 and slip_chance <= {values["detector_jump_chance"]}
                    and 2 * {POWER_MARGIN} * jump_scale <= slip_tolerance
                when defect = 'province_total' then
                    region_code <> province_code and total_chance <= {values["detector_jump_chance"]}
                    and size >= (3 + {POWER_MARGIN}) * jump_scale
                when defect = 'shifted_row' then size >= (3 + {POWER_MARGIN}) * jump_scale
                when defect = 'boundary_jump' then
                    shift_chance <= {values["detector_jump_chance"]}
                    and n_growth = 4
            end, false) as is_decidable_by_path, is_decidable_by_path or coalesce(
                is_unrounded and is_changed and not is_exempt, false
            ) as is_decidable
        from judged
        """
    )


def _score_rows(connection: duckdb.DuckDBPyConnection) -> None:
    """Temporary table scored_row: whole city-years by defect, and in all for each of the two detectors."""
    connection.execute(
        """
        create or replace temp table scored_row as
        with city_year as (
            select region_code, year, max(defect) filter (where is_row) as defect,
                max(detector) filter (where is_row) = 'D14' as is_shifted,
                bool_or(contains(detectors, 'D9')) as has_d9, bool_or(contains(detectors, 'D14')) as has_d14,
                count(*) filter (where is_row and is_planted and is_decidable) >= 3 as is_decidable
            from scored group by all
        ),
        kind as (
            select *, detector.detector,
                case detector.detector when 'D9' then has_d9 else has_d14 end as is_found,
                coalesce(is_shifted = (detector.detector = 'D14'), false) as is_its
            from city_year cross join (select unnest(['D9', 'D14']) as detector) as detector
        )
        select detector, defect, count(*) as n_planted, count(*) filter (where is_decidable) as n_decidable,
            count(*) filter (where is_decidable and is_found) as n_found, cast(null as bigint) as n_clean,
            cast(null as bigint) as n_flagged_clean, cast(null as bigint) as n_flagged
        from kind where is_its group by all
        union all
        select detector, null, count(*) filter (where is_its),
            count(*) filter (where is_its and is_decidable),
            count(*) filter (where is_its and is_decidable and is_found),
            count(*) filter (where defect is null),
            count(*) filter (where defect is null and is_found), count(*) filter (where is_found)
        from kind group by all
        """
    )


def observation_from_cells(connection: duckdb.DuckDBPyConnection, cells: pd.DataFrame) -> None:
    """Relation `observation` as the detectors read it, from long cells in the indicator's unit."""
    connection.register("cells", cells)
    connection.execute(
        """
        create or replace table observation as
        select region_level, region_code, year, indicator_id, vintage,
            cast(value_printed as decimal(38, 10)) as value_reported, value_printed,
            length(split_part(value_printed, '.', 2)) as decimals, unit_printed, obs_status_all,
            true as is_panel_scope
        from cells
        """
    )


def write_detector_score(database: Path, truth: Path, root: Path) -> None:
    """Create quality.detector_score in a demo warehouse from its detectors and the truth beside it.

    database: DuckDB file with quality and registry; truth: folder with demo_truth.parquet; root: the project.
    """
    with duckdb.connect(str(database)) as connection:
        for schema, tables in READ.items():
            for table in tables:
                connection.execute(f"create temp view {table} as select * from {schema}.{table}")
        path = literal(unglobbed(truth / "demo_truth.parquet"))
        connection.execute(f"create temp view demo_truth as select * from read_parquet({path})")
        connection.register("score", detector_score_table(connection, root))
        connection.execute("create table quality.detector_score as select * from score")
