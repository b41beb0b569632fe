"""What the detectors of the warehouse see in the figures of a study's own files."""

from __future__ import annotations

import hashlib

import duckdb
import pandas as pd

from cbec.own_study.store import Tables
from cbec.registry.render import DETECTOR_MODELS, SEEDS, load_seeds, run_detectors

COLUMNS = ("indicator_id", "region_code", "year", "vintage", "detectors")
# They say nothing of one cell: a column of one year, a level that moves (as in quality.suspect_cell).
NOT_OF_A_CELL = ("D9B", "D16")


def suspect_cells(tables: Tables, own: pd.DataFrame) -> pd.DataFrame:
    """Cells of `own_cells` that a detector holds to be filled or misprinted, with the columns of COLUMNS:
    detectors joined by semicolons. Fills that a file declares are none of them: their letter says it."""
    if own.empty:
        return pd.DataFrame(columns=list(COLUMNS))
    kept, digest = tables.work / "suspects.parquet", _digest(tables, own)
    state = tables.work / "suspects.txt"
    if kept.is_file() and state.is_file() and state.read_text(encoding="utf-8") == digest:
        return pd.read_parquet(kept)
    state.unlink(missing_ok=True)
    level = "province" if tables.study.level == "province" else "prefecture"
    with duckdb.connect() as connection:
        load_seeds(connection, tables.project.root)
        connection.register("cells", own[own["value"].notna()])
        connection.execute(
            "create table observation as select $level as region_level, region_code, year::integer as year,"
            " indicator_id, vintage, try_cast(value as decimal(38, 10)) as value_reported,"
            " decimals::integer as decimals,"
            " unit_printed, obs_status_all, true as is_panel_scope from cells",
            {"level": level},
        )
        run_detectors(connection, tables.project.root)
        found = connection.execute(
            "select indicator_id, region_code, year, vintage,"
            " string_agg(distinct detector, ';' order by detector) as detectors from detector_evidence"
            " where is_flagged and not is_declared and detector not in (select unnest($none))"
            " group by all order by all",
            {"none": list(NOT_OF_A_CELL)},
        ).df()
    found.to_parquet(kept, index=False)
    state.write_text(digest, encoding="utf-8")
    return found


def _digest(tables: Tables, own: pd.DataFrame) -> str:
    root = tables.project.root
    read = [
        *(root / f"models/quality/{name}.sql" for name in DETECTOR_MODELS),
        *sorted((root / "macros").glob("*.sql")),
        *(path for name in SEEDS for path in (root / "seeds").rglob(f"{name}.csv")),
        root / "dbt_project.yml",
    ]
    total = hashlib.sha256(pd.util.hash_pandas_object(own, index=False).to_numpy().tobytes())
    for path in read:
        total.update(path.read_bytes())
    return total.hexdigest()
