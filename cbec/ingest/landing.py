"""The landing folder: one Parquet file per imported file, named by its SHA-256, whole or not there."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from cbec.common.files import publish_file
from cbec.ingest.extract import Cell
from cbec.ingest.printed.reader import Printed
from cbec.ingest.problems import Problem
from cbec.ingest.shipped import MIN_REPEATED, REPEATED_SHARE, Shipped, ShippedCell
from cbec.ingest.text import PLACES
from cbec.project import CbecError

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
        # cell, total (a printed sum over cities) or refused (printed, but no figure).
        ("record", pa.string()),
        ("scope", pa.string()),
        ("publication_id", pa.string()),
        # Editions of a publication that prints one year in each are one series; other vintages are their own.
        ("series_id", pa.string()),
        ("edition", pa.int32()),
        # Words of a column that the registry does not know, or of a refused cell.
        ("header_zh", pa.string()),
        ("header_en", pa.string()),
        ("refusal", pa.string()),
        ("region_printed", pa.string()),
    ]
)
SCOPES = {
    "prefecture": "whole_prefecture",
    "county": "county_level_city",
    "province": "province",
    "nation": "nation",
}
Key = tuple[object, ...]
# Every landed file reads with these columns, also one that was landed before they were there.
KEYS = ("region_level", "region_code", "year", "indicator_id", "scope")


@dataclass(frozen=True)
class Landed:
    """One landed file."""

    path: Path
    source_file: str
    sha256: str
    source_id: str
    vintage: str
    n_cells: int
    edition: str = ""


def to_table(
    cells: Iterable[Cell],
    *,
    vintage: str,
    source_id: str,
    source_file: str,
    sha256: str,
    is_simulated: bool = False,
    publication_id: str = "",
    series_id: str = "",
    edition: str = "",
    printed: Printed | None = None,
    names: dict[str, tuple[str, str]] | None = None,
) -> pa.Table:
    """Cells in the landed columns, in the order of region, indicator and year; then printed totals and
    refused cells."""
    names = printed.indicators if printed else names or {}
    shared = {
        "vintage": vintage, "source_id": source_id, "source_file": source_file, "source_file_sha256": sha256,
        "is_simulated": is_simulated, "series_id": series_id or vintage,
        "publication_id": publication_id or None,
        "edition": int(edition) if edition.isdigit() else None,
    }  # fmt: skip
    rows: list[dict[str, object]] = []
    for c in sorted(cells, key=lambda c: (c.region_level, c.indicator_id, c.region_code, c.year, c.scope)):
        words = names.get(c.indicator_id, (None, None))
        rows.append(
            {
                "region_level": c.region_level, "region_code": c.region_code, "year": c.year,
                "indicator_id": c.indicator_id, "value_printed": c.value_printed,
                "value_in_printed_unit": None if c.value is None else c.value.quantize(PLACES),
                "unit_printed": c.unit_printed, "obs_status_all": c.obs_status_all,
                "impute_method": c.impute_method, "impute_by": c.impute_by, "suspect_codes": c.suspect_codes,
                "obs_comment": c.obs_comment, "source_locator": c.source_locator, "record": "cell",
                "scope": c.scope or SCOPES[c.region_level], "header_zh": words[0], "header_en": words[1],
            }
        )  # fmt: skip
    for total in printed.totals if printed else ():
        rows.append(
            {
                "region_level": total.level, "region_code": total.region_code, "year": total.year,
                "indicator_id": total.indicator_id, "value_printed": total.value_printed,
                "value_in_printed_unit": total.value.quantize(PLACES), "unit_printed": total.unit_printed,
                "source_locator": total.source_locator, "record": "total", "scope": total.scope,
            }
        )  # fmt: skip
    for refusal in printed.refused if printed else ():
        rows.append(
            {
                "region_level": refusal.level or None, "region_code": refusal.region_code or None,
                "indicator_id": refusal.indicator_id or None, "scope": refusal.scope or None,
                "value_printed": refusal.value_printed, "source_locator": refusal.source_locator,
                "record": "refused", "header_zh": refusal.header, "refusal": refusal.reason,
                "region_printed": refusal.region,
            }
        )  # fmt: skip
    columns = {
        f.name: [shared[f.name]] * len(rows) if f.name in shared else [row.get(f.name) for row in rows]
        for f in SCHEMA
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
    wanted = ["source_file", "source_file_sha256", "source_id", "vintage", "record", "edition"]
    for path in sorted(folder.glob("*.parquet")):
        held = set(pq.ParquetFile(path).schema_arrow.names)
        table = pq.read_table(path, columns=[name for name in wanted if name in held])
        first = table.slice(0, 1).to_pylist()[0] if table.num_rows else None
        if first:
            n_cells = table["record"].to_pylist().count("cell") if "record" in held else table.num_rows
            found.append(
                Landed(
                    path, first["source_file"], first["source_file_sha256"], first["source_id"],
                    first["vintage"], n_cells, str(first.get("edition") or ""),
                )
            )  # fmt: skip
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


def _figure(cell: Cell) -> tuple[Decimal | None, str]:
    """What makes two cells of one key the same: value and unit."""
    return (None if cell.value is None else cell.value.quantize(PLACES), cell.unit_printed)


class Held:
    """What the landing folder holds, read once for a run and kept as files land, and what ships (shipped).

    against: the print that ships, where a table may not be of another edition than it says; the same as
    shipped but for `cbec transcribe`, which writes what ships and must not make two editions of one.

    Two versions of one cell never share a vintage, so that both stay.
    """

    def __init__(self, folder: Path, shipped: Shipped | None = None, against: Shipped | None = None) -> None:
        self._folder = folder
        self._shipped = shipped
        self._against = against or shipped
        self._vintages: dict[str, str] | None = None
        self._values: dict[str, dict[Key, object]] = {}
        # Printed columns by what they are of: file to figures by region. Filled when first requested.
        self._columns: dict[tuple[str, str, str], dict[str, dict[str, Decimal]]] | None = None
        self._editions: dict[str, tuple[int, str]] = {}

    def _files(self) -> dict[str, str]:
        if self._vintages is None:
            self._vintages = {}
            for path in sorted(self._folder.glob("*.parquet")):
                first = pq.ParquetFile(path).read_row_group(0, columns=["vintage"]).slice(0, 1)
                if first.num_rows:
                    self._vintages[path.stem] = first["vintage"][0].as_py()
        return self._vintages

    def _cells(self, sha256: str) -> dict[Key, object]:
        if sha256 not in self._values:
            table = pq.read_table(self._folder / f"{sha256}.parquet")
            levels = table["region_level"].to_pylist()
            scopes = table["scope"].to_pylist() if "scope" in table.column_names else [None] * len(levels)
            records = (
                table["record"].to_pylist() if "record" in table.column_names else ["cell"] * len(levels)
            )
            columns = [table[name].to_pylist() for name in ("region_code", "year", "indicator_id")]
            printed = zip(
                table["value_in_printed_unit"].to_pylist(), table["unit_printed"].to_pylist(), strict=True
            )
            self._values[sha256] = {
                (level, *key, scope or SCOPES.get(level, "")): value
                for level, scope, record, *key, value in zip(
                    levels, scopes, records, *columns, printed, strict=True
                )
                if record == "cell"
            }
        return self._values[sha256]

    def _shipped_cells(self, base: str, keys: Iterable[Key]) -> dict[Key, ShippedCell]:
        """Of these keys the cells that ship in the series."""
        if self._shipped is None or base != self._shipped.series:
            return {}
        wanted = set(keys)
        editions = {self._shipped.edition_of(int(str(key[2]))) for key in wanted}
        return {
            key: cell
            for edition in sorted(editions)
            for key, cell in self._shipped.cells(edition).items()
            if key in wanted
        }

    def compared(
        self, base: str, edition: str, cells: Iterable[Cell], name: str
    ) -> tuple[int, list[Problem]]:
        """Number of cells that ship already, and a warning for each that ships with another figure.

        Only a printed table of an edition is compared: other files of the series are compilers' versions.
        """
        listed_cells = list(cells)
        shipped = self._shipped_cells(base, (c.key for c in listed_cells)) if edition else {}
        n_same, conflicts = 0, []
        for cell in listed_cells:
            other = shipped.get(cell.key)
            if other is None:
                continue
            if other.figure == _figure(cell):
                n_same += 1
                continue
            here = f"{other.printed!r}" if other.printed else "blank"
            unit = f" {other.figure[1]}" if other.figure[1] != cell.unit_printed else ""
            conflicts.append(
                Problem(
                    name, cell.source_locator, "value", cell.value_printed or "blank",
                    f"is {here}{unit} in the edition {edition} as it ships ({other.file}, {other.locator})",
                    is_warning=True,
                )
            )  # fmt: skip
        return n_same, conflicts

    def vintage_for(
        self, base: str, cells: Iterable[Cell], sha256: str, edition: str = ""
    ) -> tuple[str, bool]:
        """(vintage, is new). vintage: the first of base, base_r2, base_r3 ... under which no other file, and
        nothing that ships, holds one of the cells. Not new when others hold every one of them with the same
        figure. A cell that only repeats one that ships in its edition takes no vintage: no model reads it.
        """
        wanted: dict[Key, object] = {
            (c.region_level, c.region_code, c.year, c.indicator_id, c.scope or SCOPES[c.region_level]):
                _figure(c)
            for c in cells
        }  # fmt: skip
        shipped = self._shipped_cells(base, wanted)
        same: dict[Key, object] = {
            key: cell.figure for key, cell in shipped.items() if cell.figure == wanted[key]
        }
        left_out = same.keys() if edition else set()
        read = wanted.keys() - left_out
        taken = {base} if shipped.keys() & read else set()
        for other, vintage in self._files().items():
            if other == sha256 or not (vintage == base or vintage.startswith(f"{base}_r")):
                continue
            held = self._cells(other)
            common = held.keys() & wanted.keys()
            if common & read:
                taken.add(vintage)
            same |= {key: held[key] for key in common if held[key] == wanted[key]}
        name, number = base, 1
        while name in taken:
            number += 1
            name = f"{base}_r{number}"
        return name, len(same) < len(wanted)

    def add(self, sha256: str, vintage: str, table: pa.Table) -> None:
        """Remember a file that has just landed."""
        self._files()[sha256] = vintage
        self._values.pop(sha256, None)

    def contradicts(self, series: str, edition: str, cells: Sequence[Cell], sha256: str, name: str) -> str:
        """What speaks against the edition of a printed table, '' when nothing does: the same file was taken
        for another edition, or another edition prints the same figures throughout. Remembers the table."""
        if self._against and series == self._against.series:
            known = self._against.file(sha256)
            if known and known[0] != int(edition):
                return (
                    f"this very file ships as a table of the edition {known[0]},"
                    " and one table is not of two editions"
                )
            duplicate = None if known else self._against.duplicate_of(int(edition), cells)
            if duplicate:
                shipped_as, n_equal, n = duplicate
                return (
                    f"{n_equal} of its {n} figures are those of the edition {shipped_as} as it ships,"
                    " and one table is not of two editions"
                )
        if self._columns is None:
            if self._edition_of(sha256) == edition:
                # Asked when it landed.
                return ""
            self._columns = {}
            for path in sorted(self._folder.glob("*.parquet")):
                self._remember_landed(path)
        columns: dict[tuple[str, str, str], dict[str, Decimal]] = {}
        for c in cells:
            if c.value is not None:
                columns.setdefault((series, c.indicator_id, c.scope), {})[c.region_code] = c.value
        repeated: dict[str, int] = {}
        n_columns = 0
        for key, figures in columns.items():
            if len(figures) < MIN_REPEATED:
                continue
            n_columns += 1
            for other, held in self._columns.get(key, {}).items():
                if self._editions[other][0] != int(edition):
                    common = figures.keys() & held.keys()
                    equal = sum(figures[region] == held[region] for region in common)
                    if len(common) >= MIN_REPEATED and equal >= REPEATED_SHARE * len(common):
                        repeated[other] = repeated.get(other, 0) + 1
        repeated_in = next((other for other, n in repeated.items() if n == n_columns), "")
        if self._editions.get(sha256, (int(edition), ""))[0] != int(edition):
            repeated_in = sha256
        if repeated_in:
            taken_for, file = self._editions[repeated_in]
            what = "this very file" if repeated_in == sha256 else f"{file}, with the same figures,"
            return (
                f"{what} was taken for the edition {taken_for}, and one table is not of two editions;"
                f" `cbec import --remove {repeated_in[:12]}` takes it out"
            )
        self._editions[sha256] = (int(edition), name)
        for key, figures in columns.items():
            self._columns.setdefault(key, {})[sha256] = figures
        return ""

    def _edition_of(self, sha256: str) -> str:
        """Edition under which a file has landed, '' when it has not."""
        path = self._folder / f"{sha256}.parquet"
        if not path.is_file():
            return ""
        with pq.ParquetFile(path) as file:
            if "edition" not in file.schema_arrow.names:
                return ""
            for batch in file.iter_batches(batch_size=1, columns=["edition"]):
                return str(batch["edition"][0].as_py() or "")
        return ""

    def _remember_landed(self, path: Path) -> None:
        assert self._columns is not None
        names = pq.ParquetFile(path).schema_arrow.names
        if not {"edition", "series_id", "record", "scope"} <= set(names):
            return
        wanted = ["edition", "series_id", "record", "scope", "indicator_id", "region_code", "source_file"]
        rows = pq.read_table(path, columns=[*wanted, "value_in_printed_unit"]).to_pydict()
        for edition, series, record, scope, indicator, region, file, value in zip(
            *rows.values(), strict=True
        ):
            if record == "cell" and edition is not None and value is not None:
                self._editions[path.stem] = (edition, file)
                held = self._columns.setdefault((series, indicator, scope), {})
                held.setdefault(path.stem, {})[region] = value
