"""From printed tables of the yearbook of cities to the seeds that ship: `cbec transcribe FOLDER`.

Four CSV files hold what was printed, each cell once and in its own words:
printed_figure  one row a region and edition, one column an indicator, text as printed;
printed_column  one row a printed column: edition, table, unit, status, and the list of its rows;
printed_place   one row a sheet of such a list: which region stands in which row;
printed_remark  what is said of single cells: another status than the column's, a suspect code, a remark.
printed_refusal holds the printed cells that are no figures. models/staging/stg_yearbook__print puts them
together again.
"""

from __future__ import annotations

import csv
import re
import shutil
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from cbec.common.files import publish_file, single_writer
from cbec.ingest.command import Options, Run, import_paths
from cbec.ingest.landing import SCOPES
from cbec.ingest.publication import CITY_YEARBOOK
from cbec.ingest.registry import load_registry
from cbec.ingest.shipped import FOLDER, KEYS, figure_of
from cbec.project import CbecError, Project
from cbec.registry.check import CHECKSUMS, checksums

COLUMN = (
    "edition", "indicator_id", "column_no", "place_list", "unit", "obs_status_all", "obs_comment",
    "source_file", "source_file_sha256",
)  # fmt: skip
PLACE = ("edition", "place_list", "sheet", "regions")
REMARK = ("edition", "indicator_id", "region_code", "obs_status_all", "suspect_codes", "obs_comment")
REFUSAL = (
    "edition", "source_file", "source_file_sha256", "source_locator", "region_level", "region_code",
    "indicator_id", "scope", "value_printed", "header_zh", "refusal", "region_printed",
)  # fmt: skip
LOCATOR = re.compile(r"(.+)!R([0-9]+)C([0-9]+)")
# Folder beside the seeds in which a transcription is written.
NEW = ".transcribed-"
Row = dict[str, Any]
# By edition the texts of (level, region, indicator).
Texts = dict[int, dict[tuple[str, str, str], str]]


@dataclass(frozen=True)
class Change:
    """What an edition ships now: figures and columns, and of the figures how many are new, say something else
    than before, or are gone (lost, by indicator)."""

    n_figures: int
    n_columns: int
    n_new: int
    n_changed: int
    lost: Mapping[str, int]


@dataclass(frozen=True)
class Transcribed:
    """What was written: files, editions of this run, what changed by edition of all editions."""

    run: Run
    editions: tuple[int, ...]
    changes: dict[int, Change]


def transcribe(
    project: Project,
    paths: list[Path],
    progress: Callable[[str, int, int], None] = lambda *_: None,
    *,
    edition: str = "",
    may_lose: bool = False,
) -> Transcribed:
    """Read printed tables and write their whole-city figures to seeds/print; other editions stay as they are.

    Columns that the registry does not know, and scopes that no panel reads, are left to `cbec import`.
    edition: of tables whose folder and file do not name it. may_lose: whether an edition that ships may lose
    figures: a folder that holds one table of it would else take the others away.
    Raises CbecError, and nothing is written: 2 when a file is refused, when no printed table is among them or
    when an edition would lose figures; 4 when the disk fails; 5 while a build or another transcription runs.
    """
    try:
        with single_writer(project.build_folder):
            return _transcribed(project, paths, progress, edition, may_lose)
    except OSError as error:
        raise CbecError(f"nothing was written: {error}", exit_code=4) from error


def _transcribed(
    project: Project,
    paths: list[Path],
    progress: Callable[[str, int, int], None],
    edition: str,
    may_lose: bool,
) -> Transcribed:
    for left in project.root.glob(f"{NEW}*"):
        # Of a run that was killed.
        shutil.rmtree(left)
    with tempfile.TemporaryDirectory() as folder:
        own = replace(project, landing=Path(folder) / "landing", warehouse=Path(folder) / "warehouse")
        # The seeds that are to be written say nothing about what is read.
        run = import_paths(own, paths, Options(edition=edition, ignores_print=True), progress)
        refused = [p for o in run.outcomes if o.action == "refused" for p in o.imported.errors]
        if refused:
            raise CbecError("\n".join(map(str, refused)) + "\nnothing was written", exit_code=2)
        tables = [pq.read_table(path) for path in sorted(own.landing.glob("*.parquet"))]
    landed = [table for table in tables if table["publication_id"][0].as_py() == CITY_YEARBOOK]
    if not landed:
        raise CbecError("no table of the yearbook of cities was found; nothing was written", exit_code=2)
    rows = _shipped_rows(pa.concat_tables(landed).to_pylist(), project.root)
    editions = tuple(sorted({row["edition"] for row in rows}))
    ships = _Seeds.shipped(project.root / FOLDER)
    written = _Seeds.of(rows)
    written.keep(ships, editions)
    changes = _changes(ships.texts(), written.texts())
    losses = [
        f"edition {year}: {name} would lose {n:,} figures"
        for year, change in changes.items()
        for name, n in sorted(change.lost.items())
    ]
    if losses and not may_lose:
        raise CbecError(
            "\n".join(losses)
            + "\nnothing was written; name every table of the edition, or say --replace to let them go",
            exit_code=2,
        )
    written.write(project.root)
    return Transcribed(run, editions, changes)


def _changes(before: Texts, after: Texts) -> dict[int, Change]:
    changes = {}
    for edition in sorted(set(before) | set(after)):
        old, new = before.get(edition, {}), after.get(edition, {})
        changes[edition] = Change(
            n_figures=len(new),
            n_columns=len({indicator for _, _, indicator in new}),
            n_new=len(new.keys() - old.keys()),
            n_changed=sum(new[key] != old[key] for key in new.keys() & old.keys()),
            lost=Counter(indicator for _, _, indicator in old.keys() - new.keys()),
        )
    return changes


def _shipped_rows(rows: list[Row], root: Path) -> list[Row]:
    """Registered indicators in the one scope that panels read; of a figure printed twice the first table."""
    registry = load_registry(root)
    wanted = {
        name: scope or SCOPES["prefecture"]
        for name, scope in ((i, registry.indicators[i].panel_scope) for i in registry.indicators)
    }
    chosen: dict[tuple[object, ...], Row] = {}
    for row in sorted(
        rows, key=lambda r: (r["edition"], r["vintage"], r["source_file"], r["source_locator"])
    ):
        if row["region_level"] == "county" or row["scope"] == "county_level_city":
            continue
        indicator = row["indicator_id"]
        if row["record"] == "refused":
            if indicator is None or wanted.get(indicator) == row["scope"]:
                chosen[("refused", row["source_file_sha256"], row["source_locator"])] = row
        elif wanted.get(indicator) == row["scope"]:
            chosen.setdefault((row["edition"], indicator, row["region_code"]), row)
    return list(chosen.values())


@dataclass
class _Seeds:
    figure: list[Row]
    column: list[Row]
    place: list[Row]
    remark: list[Row]
    refusal: list[Row]

    @classmethod
    def of(cls, rows: list[Row]) -> _Seeds:
        figures: dict[tuple[int, str, str], Row] = {}
        columns: dict[tuple[int, str, str, str], list[Row]] = defaultdict(list)
        for row in rows:
            if row["record"] == "refused":
                continue
            found = LOCATOR.fullmatch(row["source_locator"])
            assert found, row["source_locator"]
            assert figure_of(row["value_printed"]) == row["value_in_printed_unit"], row
            row["sheet"], row["line"], row["column_no"] = found[1], int(found[2]), int(found[3])
            key = (row["edition"], row["region_level"], row["region_code"])
            figure = figures.setdefault(key, dict(zip(KEYS, key, strict=True)))
            figure[row["indicator_id"]] = row["value_printed"] or ""
            columns[row["edition"], row["indicator_id"], row["source_file_sha256"], row["column_no"]].append(
                row
            )
        lists: dict[tuple[int, tuple[tuple[str, str], ...]], int] = {}
        column, remark = [], []
        for (edition, indicator, sha256, number), cells in sorted(
            columns.items(), key=lambda item: (item[0][0], item[1][0]["source_file"], item[0][3], item[0][1])
        ):
            n_lists = sum(1 for other, _ in lists if other == edition)
            place_list = lists.setdefault((edition, _places(cells)), n_lists + 1)
            (unit,) = {c["unit_printed"] for c in cells}
            reported = Counter(
                (c["obs_status_all"], c["obs_comment"] or "") for c in cells if c["value_printed"]
            )
            status, comment = min(reported, key=lambda s: (-reported[s], s)) if reported else ("O", "")
            first = cells[0]
            column.append(
                {
                    "edition": edition, "indicator_id": indicator, "column_no": number,
                    "place_list": place_list, "unit": unit, "obs_status_all": status, "obs_comment": comment,
                    "source_file": Path(first["source_file"]).name, "source_file_sha256": sha256,
                }
            )  # fmt: skip
            for cell in cells:
                if cell["record"] == "total":
                    continue
                usual = (status if cell["value_printed"] else "O", comment, "")
                own = (cell["obs_status_all"], cell["obs_comment"] or "", cell["suspect_codes"] or "")
                if own != usual:
                    remark.append(
                        {
                            "edition": edition, "indicator_id": indicator, "region_code": cell["region_code"],
                            "obs_status_all": own[0], "suspect_codes": own[2], "obs_comment": own[1],
                        }
                    )  # fmt: skip
        place = [
            {"edition": edition, "place_list": number, "sheet": sheet, "regions": regions}
            for (edition, sheets), number in lists.items()
            for sheet, regions in sheets
        ]
        refusal = [
            {name: row[name] for name in REFUSAL} | {"source_file": Path(row["source_file"]).name}
            for row in rows
            if row["record"] == "refused"
        ]
        return cls(list(figures.values()), column, place, remark, refusal)

    @classmethod
    def shipped(cls, folder: Path) -> _Seeds:
        """The seeds as they stand; without them, none."""
        seeds = cls([], [], [], [], [])
        for rows, name in seeds._files():
            path = folder / f"{name}.csv"
            if path.is_file():
                with open(path, encoding="utf-8", newline="") as file:
                    rows += [row | {"edition": int(row["edition"])} for row in csv.DictReader(file)]
        return seeds

    def keep(self, ships: _Seeds, replaced: tuple[int, ...]) -> None:
        """Add the rows of editions that were not read."""
        for (rows, _), (kept, _) in zip(self._files(), ships._files(), strict=True):
            rows += [row for row in kept if row["edition"] not in replaced]

    def texts(self) -> Texts:
        """Printed texts by edition, and of each by level, region and indicator."""
        found: Texts = defaultdict(dict)
        for row in self.figure:
            for name, text in row.items():
                if text and name not in KEYS:
                    found[row["edition"]][row["region_level"], row["region_code"], name] = text
        return found

    def _files(self) -> tuple[tuple[list[Row], str], ...]:
        return (
            (self.figure, "printed_figure"), (self.column, "printed_column"), (self.place, "printed_place"),
            (self.remark, "printed_remark"), (self.refusal, "printed_refusal"),
        )  # fmt: skip

    def write(self, root: Path) -> None:
        """Write all files beside, then put each in its place, and last the list of their sums: whoever finds
        the seeds in between is told by `check_seeds`."""
        indicators = sorted({str(row["indicator_id"]) for row in self.column})
        headers = (KEYS + tuple(indicators), COLUMN, PLACE, REMARK, REFUSAL)
        folder = root / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        # A column that only a replaced edition printed is empty in what was kept.
        printed = set(headers[0])
        self.figure = [{k: v for k, v in row.items() if v or k in printed} for row in self.figure]
        with tempfile.TemporaryDirectory(prefix=NEW, dir=root) as beside:
            new = Path(beside)
            for (rows, name), header in zip(self._files(), headers, strict=True):
                _write(new / f"{name}.csv", header, rows)
            sums = checksums(new)
            _declare(folder / "printed_figure.yml", new / "printed_figure.yml", indicators)
            (new / CHECKSUMS).write_text(sums, encoding="utf-8")
            for path in sorted(new.iterdir(), key=lambda p: p.name == CHECKSUMS):
                publish_file(path, folder / path.name)


def _places(cells: Iterable[Row]) -> tuple[tuple[str, str], ...]:
    """Sheets, and of each the regions with their rows: '110000:7 120000:8'."""
    sheets: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for cell in cells:
        sheets[cell["sheet"]].append((cell["line"], cell["region_code"]))
    return tuple(
        (sheet, " ".join(f"{code}:{line}" for line, code in sorted(found)))
        for sheet, found in sorted(sheets.items())
    )


def _write(path: Path, header: tuple[str, ...], rows: list[Row]) -> None:
    """Rows in the order of their first columns, so that an edition read again gives the same file."""

    def order(row: Mapping[str, Any]) -> list[tuple[int, str]]:
        first = [str(row.get(name) or "") for name in header[:4]]
        return [(int(text) if text.isdigit() else 0, text) for text in first]

    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, header, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(sorted(rows, key=order))


def _declare(declaration: Path, new: Path, indicators: list[str]) -> None:
    """The columns of printed_figure are the printed indicators: their list in the yml follows."""
    declared = yaml.safe_load(declaration.read_text(encoding="utf-8"))
    (seed,) = declared["seeds"]
    seed["columns"] = [c for c in seed["columns"] if c["name"] in KEYS] + [
        {
            "name": name,
            "data_type": "varchar",
            "description": f"Text as printed; see {name} in registry.indicator.",
        }
        for name in indicators
    ]
    text = yaml.safe_dump(declared, allow_unicode=True, sort_keys=False, width=200)
    new.write_text(text, encoding="utf-8")
