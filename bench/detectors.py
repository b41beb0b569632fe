"""Measure the scan of 10^5, 10^6 and 10^7 cells with the SQL of the detector models.

Prints a table and writes bench/detectors.json. Usage: python bench/detectors.py [--cells N ...] [--threads T]
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import duckdb

from cbec.registry.render import DETECTOR_MODELS, load_seeds, render_model

ROOT = Path(__file__).resolve().parents[1]
YEARS = 15
# Log-normal growth paths under 285 city names a column; one cell in fifty is the rounded chord.
CELLS = """
create or replace table observation as
with city as (
    select region_code, row_number() over (order by region_code) - 1 as city
    from region where region_level = 'prefecture' and valid_to_year is null
    qualify city < 285
),
grid as (
    select 'prefecture' as region_level, city.region_code,
        2009 + y as year, 'indicator_' || (s % 40) as indicator_id, 'v' || (s // (40 * 285)) as vintage, s, y,
        200 * exp(2 * (hash(s) % 1000) / 1000.0 + 0.08 * y + 0.05 * ((hash(s, y) % 2000) / 1000.0 - 1))
            as level
    from range({series}) as a(s) cross join range({years}) as b(y) inner join city on (s // 40) % 285 = city
),
filled as (
    select *, case when hash(s, y, 7) % 50 = 0 and y between 1 and {years} - 2
        then (lag(level) over w + lead(level) over w) / 2 else level end as x
    from grid window w as (partition by s order by y)
)
select region_level, region_code, year, indicator_id, vintage,
    cast(round(x, 2) as decimal(38, 10)) as value_reported,
    2 as decimals, '100m_yuan' as unit_printed, 'A' as obs_status_all, true as is_panel_scope
from filled
"""


def measure(cells: int, threads: int) -> dict[str, float]:
    """Seconds by model and in all for one table of cells; processor seconds do not feel other users."""
    with duckdb.connect() as connection:
        connection.execute(f"set threads = {threads}")
        load_seeds(connection, ROOT)
        connection.execute(CELLS.format(series=cells // YEARS, years=YEARS))
        seconds: dict[str, float] = {}
        processor = time.process_time()
        for name in DETECTOR_MODELS:
            sql = render_model(ROOT, name)
            start = time.perf_counter()
            connection.execute(f"create or replace table {name} as {sql}")
            seconds[name] = time.perf_counter() - start
        processor = time.process_time() - processor
        (flagged,) = connection.sql("select count(*) from detector_evidence where is_flagged").fetchone()  # type: ignore[misc]
        return {
            "cells": cells,
            **seconds,
            "seconds": sum(seconds.values()),
            "processor_seconds": processor,
            "flagged": flagged,
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, nargs="+", default=[10**5, 10**6, 10**7])
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    rows = [measure(cells, arguments.threads) for cells in arguments.cells]
    print(f"{'cells':>12} {'seconds':>9} {'cpu':>9} {'cpu us/cell':>11}  " + "  ".join(DETECTOR_MODELS))
    for row in rows:
        parts = "  ".join(f"{row[name]:{len(name)}.2f}" for name in DETECTOR_MODELS)
        print(
            f"{row['cells']:12,} {row['seconds']:9.2f} {row['processor_seconds']:9.2f}"
            f" {1e6 * row['processor_seconds'] / row['cells']:11.2f}  {parts}"
        )
    out = Path(__file__).with_suffix(".json")
    out.write_text(
        json.dumps({"threads": arguments.threads, "rows": rows}, indent=1) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
