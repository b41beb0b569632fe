"""Score the detectors against a known truth: recall of planted fills, false flags on clean cells."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd

# The detectors that are right about a defect. What is no fill is left out of recall and of clean cells.
FILLS = {
    "linear": ("d2",),
    "geometric": ("d3",),
    "carry_forward": ("d4",),
    "duplicated_year": ("d4",),
    "moving_average": ("d5",),
    "share": ("d7_share",),
    "spline": ("d8",),
}


@dataclass(frozen=True)
class Score:
    """by_defect: recall by defect; by_indicator: recall and false flags; by_detector: false flags by
    detector and indicator; rows: recall and precision of row pooling on whole rows."""

    by_defect: pd.DataFrame
    by_indicator: pd.DataFrame
    by_detector: pd.DataFrame
    rows: pd.DataFrame


def score_detectors(connection: duckdb.DuckDBPyConnection, *, decidable_chance: float) -> Score:
    """Join detector_scan, detector_evidence and demo_truth of the connection.

    demo_truth has region_code, year, indicator_id, defect, run_length, is_row, is_changed. A single fill is
    decidable when the chance of a run as long as it, p^((k + 1) / 2), is at most decidable_chance, or when
    it shows four decimals more than the column; a whole row is decidable by pooling. A clean cell has no
    defect of any
    kind and does not touch one that is no fill (a slip or jump bends its neighbours' paths too).
    """
    chances = " ".join(f"when '{defect}' then p_{path[0]}" for defect, path in FILLS.items())
    connection.execute(
        f"""
        create or replace temp table scored as
        with joined as (
            select scan.region_code, scan.year, scan.indicator_id, truth.defect,
                coalesce(truth.is_row, false) as is_row,
                truth.run_length, scan.decimals - scan.column_decimals as excess,
                case truth.defect {chances} end as p,
                coalesce(truth.is_changed, true) as is_changed
            from detector_scan as scan
            left join demo_truth as truth using (region_code, year, indicator_id)
            where scan.region_level = 'prefecture'
        ),
        flagged as (
            select region_code, year, indicator_id, bool_or(is_flagged) as is_flagged,
                bool_or(is_flagged and detector = 'D9') as is_row_flagged
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
        )
        select joined.*, coalesce(is_flagged, false) as is_flagged,
            coalesce(is_row_flagged, false) as is_row_flagged,
            defect is null as is_clean,
            coalesce(exempted.year is null and (
                coalesce(excess >= 4, false)
                or p is not null and power(max(p) over (
                    partition by joined.region_code, joined.indicator_id, defect, run_length, is_row
                    order by joined.year rows between 5 preceding and 5 following),
                    (case when defect = 'spline' then run_length - 1 else run_length + 1 end) / 2.0
                ) <= {decidable_chance}
            ), false) as is_decidable
        from joined left join flagged using (region_code, year, indicator_id)
        left join exempted using (region_code, year, indicator_id)
        """
    )
    fills = f"is_changed and defect in ({', '.join(repr(d) for d in FILLS)})"
    by_defect = connection.sql(
        f"""
        select defect, is_row, count(*) as n, count(*) filter (where is_decidable) as n_decidable,
            avg(is_flagged::int) as recall,
            avg(is_flagged::int) filter (where is_decidable) as recall_decidable
        from scored where {fills} group by all order by all
        """
    ).df()
    by_indicator = connection.sql(
        f"""
        select indicator_id, count(*) filter (where {fills} and not is_row) as n_fills,
            count(*) filter (where {fills} and not is_row and is_decidable) as n_decidable,
            avg(is_flagged::int) filter (where {fills} and not is_row and is_decidable) as recall_decidable,
            count(*) filter (where is_clean) as n_clean,
            1000.0 * count(*) filter (where is_clean and is_flagged) / count(*) filter (where is_clean)
                as false_per_1000
        from scored group by all order by all
        """
    ).df()
    by_detector = connection.sql(
        """
        select evidence.detector, evidence.indicator_id,
            count(*) filter (where scored.is_clean) as n_false,
            count(*) filter (where not scored.is_clean) as n_true,
            1000.0 * count(*) filter (where scored.is_clean) / any_value(clean.n) as false_per_1000
        from detector_evidence as evidence
        inner join scored using (region_code, year, indicator_id)
        inner join (
            select indicator_id, count(*) as n from scored where is_clean group by all
        ) as clean using (indicator_id)
        where evidence.is_flagged and evidence.region_level = 'prefecture'
        group by all order by all
        """
    ).df()
    rows = connection.sql(
        f"""
        with row_cells as (
            select region_code, year, bool_or(is_row and {fills}) as is_filled, bool_or(is_row) as is_any_row,
                bool_or(is_row_flagged) as is_flagged
            from scored group by all
        )
        select count(*) filter (where is_filled) as n_rows,
            avg(is_flagged::int) filter (where is_filled) as recall,
            avg(is_filled::int) filter (where is_flagged) as precision
        from row_cells
        """
    ).df()
    return Score(by_defect, by_indicator, by_detector, rows)


def observation_from_cells(connection: duckdb.DuckDBPyConnection, cells: pd.DataFrame) -> None:
    """Relation `observation` as the detectors read it, from long cells in the indicator's unit."""
    connection.register("cells", cells)
    connection.execute(
        """
        create or replace table observation as
        select region_level, region_code, year, indicator_id, vintage,
            cast(value_printed as decimal(38, 10)) as value_reported, value_printed,
            length(split_part(value_printed, '.', 2)) as decimals, unit_printed, obs_status_all
        from cells
        """
    )


def write_detector_score(database: Path, truth: Path) -> None:
    """Create quality.detector_score in a demo warehouse from its detectors and the truth beside it.

    database: DuckDB file with quality and registry; truth: folder with demo_truth.parquet.
    """
    with duckdb.connect(str(database)) as connection:
        for schema, table in (
            ("quality", "detector_scan"),
            ("quality", "detector_evidence"),
            ("registry", "detector_exemption"),
        ):
            connection.execute(f"create temp view {table} as select * from {schema}.{table}")
        path = str(truth / "demo_truth.parquet").replace("'", "''")
        connection.execute(f"create temp view demo_truth as select * from read_parquet('{path}')")
        score = score_detectors(connection, decidable_chance=0.0005).by_indicator
        connection.register("score", score)
        connection.execute("create table quality.detector_score as select * from score")
