"""The landing folder: one Parquet file per imported file, named by its SHA-256, whole or not there."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from cbec.ingest.cells import Cell
from cbec.ingest.text import PLACES
from cbec.project import CbecError
from cbec.publish.atomic import publish_file

SCHEMA = pa.schema(
    [
        ("region_level", pa.string()),
        ("region_code", pa.string()),
        ("year", pa.int32()),
        ("indicator_id", pa.string()),
        ("vintage", pa.string()),
        ("value_printed", pa.string()),
        ("value_in_printed_unit", pa.decimal128(38, 10)),
        ("unit_printed", pa.string()),
        ("obs_status_all", pa.string()),
        ("impute_method", pa.string()),
        ("impute_by", pa.string()),
        ("anchor_years", pa.list_(pa.int32())),
        ("suspect_codes", pa.string()),
        ("source_id", pa.string()),
        ("obs_comment", pa.string()),
        ("source_file", pa.string()),
        ("source_file_sha256", pa.string()),
        ("source_locator", pa.string()),
        ("is_simulated", pa.bool_()),
    ]
)


@dataclass(frozen=True)
class Landed:
    """One landed file."""

    path: Path
    source_file: str
    sha256: str
    source_id: str
    vintage: str
    n_cells: int


def to_table(
    cells: Iterable[Cell],
    *,
    vintage: str,
    source_id: str,
    source_file: str,
    sha256: str,
    is_simulated: bool = False,
) -> pa.Table:
    """Cells in the landed columns, in the order of region, indicator and year."""
    rows = sorted(cells, key=lambda c: (c.region_level, c.indicator_id, c.region_code, c.year))
    n = len(rows)

    def constant(value: object) -> list[object]:
        return [value] * n

    columns = {
        "region_level": [c.region_level for c in rows],
        "region_code": [c.region_code for c in rows],
        "year": [c.year for c in rows],
        "indicator_id": [c.indicator_id for c in rows],
        "vintage": constant(vintage),
        "value_printed": [c.value_printed for c in rows],
        "value_in_printed_unit": [None if c.value is None else c.value.quantize(PLACES) for c in rows],
        "unit_printed": [c.unit_printed for c in rows],
        "obs_status_all": [c.obs_status_all for c in rows],
        "impute_method": [c.impute_method for c in rows],
        "impute_by": [c.impute_by for c in rows],
        "anchor_years": constant(None),
        "suspect_codes": [c.suspect_codes for c in rows],
        "source_id": constant(source_id),
        "obs_comment": [c.obs_comment for c in rows],
        "source_file": constant(source_file),
        "source_file_sha256": constant(sha256),
        "source_locator": [c.source_locator for c in rows],
        "is_simulated": constant(is_simulated),
    }
    return pa.table([pa.array(columns[f.name], type=f.type) for f in SCHEMA], schema=SCHEMA)


def land(folder: Path, table: pa.Table, sha256: str) -> Path:
    """Write a table beside its place and rename it there. Raises CbecError (4) when the disk refuses."""
    path = folder / f"{sha256}.parquet"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        new = folder / f".{sha256}.{os.getpid()}.{secrets.token_hex(3)}.new"
        try:
            pq.write_table(table, new, compression="zstd")
            publish_file(new, path)
        finally:
            new.unlink(missing_ok=True)
    except OSError as error:
        raise CbecError(f"{path}: nothing was landed: {error}", exit_code=4) from error
    return path


def holds(path: Path, table: pa.Table) -> bool:
    """True when a landed file already holds exactly these rows."""
    try:
        return bool(pq.read_table(path).equals(table))
    except (OSError, pa.ArrowInvalid):
        return False


def listed(folder: Path) -> list[Landed]:
    """Every landed file, by name of the imported file."""
    found = []
    for path in sorted(folder.glob("*.parquet")):
        table = pq.read_table(path, columns=["source_file", "source_file_sha256", "source_id", "vintage"])
        first = table.slice(0, 1).to_pylist()[0] if table.num_rows else None
        if first:
            found.append(
                Landed(
                    path,
                    first["source_file"],
                    first["source_file_sha256"],
                    first["source_id"],
                    first["vintage"],
                    table.num_rows,
                )
            )
    return sorted(found, key=lambda landed: (landed.source_file, landed.sha256))


def remove(folder: Path, which: str) -> list[Landed]:
    """Delete landed files by SHA-256 (or its beginning, 8 letters or more) or by the imported file's name.

    Raises CbecError (2) when nothing, or more than one SHA-256, fits.
    """
    every = listed(folder)
    by_sha = [f for f in every if re.fullmatch("[0-9a-f]{8,64}", which) and f.sha256.startswith(which)]
    chosen = by_sha or [f for f in every if which in (f.source_file, Path(f.source_file).name)]
    if not chosen:
        chosen = [f for f in every if Path(which).name == Path(f.source_file).name]
    if not chosen:
        names = ", ".join(f.source_file for f in every[:5]) or "nothing"
        raise CbecError(f"{which}: no landed file; landed: {names}", exit_code=2)
    if len(chosen) > 1:
        shas = ", ".join(f.sha256[:12] for f in chosen)
        raise CbecError(f"{which}: several landed files; say which SHA-256: {shas}", exit_code=2)
    for entry in chosen:
        entry.path.unlink()
    return chosen


def free_vintage(folder: Path, base: str, keys: set[tuple[str, str, int, str]], sha256: str) -> str:
    """The first of base, base_r2, base_r3 ... under which no other landed file holds one of the keys.

    keys: (level, region, year, indicator). Two versions of one cell never share a vintage, so that both stay.
    """
    taken: set[str] = set()
    for path in sorted(folder.glob("*.parquet")):
        if path.stem == sha256:
            continue
        columns = ["region_level", "region_code", "year", "indicator_id", "vintage"]
        held = pq.read_table(path, columns=columns)
        if not held.num_rows:
            continue
        vintage = held["vintage"][0].as_py()
        if vintage == base or vintage.startswith(f"{base}_r"):
            rows = zip(*(held[name].to_pylist() for name in columns[:4]), strict=True)
            if any(row in keys for row in rows):
                taken.add(vintage)
    number = 1
    name = base
    while name in taken:
        number += 1
        name = f"{base}_r{number}"
    return name
