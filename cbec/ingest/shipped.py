"""The printed figures that ship (seeds/print), as cells that an imported file is compared with."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING

from cbec.ingest.publication import CITY_YEARBOOK
from cbec.ingest.registry import Registry
from cbec.ingest.text import PLACES

if TYPE_CHECKING:
    import pandas as pd

    from cbec.ingest.extract import Cell

FOLDER = Path("seeds/print")
KEYS = ("edition", "region_level", "region_code")
PLAIN = re.compile("-?[0-9]+([.][0-9]{1,10})?")
SCOPE = "whole_prefecture"
# So many figures, and so large a share of them, are not the same in two years by chance.
MIN_REPEATED = 30
REPEATED_SHARE = 0.95
TELLING_DIGITS = 4
Key = tuple[object, ...]
Row = dict[str, str]


@dataclass(frozen=True)
class ShippedCell:
    """One printed cell. figure: value and unit, as a landed cell is compared."""

    figure: tuple[Decimal | None, str]
    printed: str
    file: str
    locator: str


def figure_of(text: str | None) -> Decimal | None:
    """The figure as models/staging/stg_yearbook__print reads it from its text."""
    if not text:
        return None
    if PLAIN.fullmatch(text):
        return Decimal(text)
    try:
        return Decimal(re.sub(r"\s", "", text).replace("．", "."))
    except InvalidOperation:
        return None


class Shipped:
    """The cells of regions that seeds/print holds, an edition read when it is first requested.

    Without the seeds (a project that has not transcribed anything) there is none.
    """

    def __init__(self, root: Path, registry: Registry) -> None:
        publication = registry.publications[CITY_YEARBOOK]
        self._folder = root / FOLDER
        self._registry = registry
        self._offset = publication.offset or 0
        # Editions that print one year each are one series, and the publication's vintage names it.
        self.series = publication.vintage
        self._rows: dict[str, dict[int, list[Row]]] = {}
        self._cells: dict[int, dict[Key, ShippedCell]] = {}
        self._files: dict[str, tuple[int, str]] | None = None
        self._texts: pd.DataFrame | None = None

    def _of(self, name: str, edition: int) -> list[Row]:
        if name not in self._rows:
            self._rows[name] = defaultdict(list)
            path = self._folder / f"printed_{name}.csv"
            if path.is_file():
                with path.open(encoding="utf-8", newline="") as file:
                    for row in csv.DictReader(file):
                        self._rows[name][int(row["edition"])].append(row)
        return self._rows[name].get(edition, [])

    @property
    def editions(self) -> list[int]:
        self._of("column", 0)
        return sorted(self._rows["column"])

    def edition_of(self, year: int) -> int:
        """The edition that prints a year."""
        return year + self._offset

    def file(self, sha256: str) -> tuple[int, str] | None:
        """Edition and name of a file whose figures ship, None for any other."""
        if self._files is None:
            self._files = {
                row["source_file_sha256"]: (edition, row["source_file"])
                for edition in self.editions
                for row in self._of("column", edition)
            }
        return self._files.get(sha256)

    def scope(self, indicator: str) -> str:
        """The one scope in which an indicator ships: the one that panels read."""
        known = self._registry.indicators.get(indicator)
        return (known.panel_scope if known else "") or SCOPE

    def cells(self, edition: int) -> dict[Key, ShippedCell]:
        """Cells by level, region, year, indicator and scope; put together as stg_yearbook__print does."""
        if edition in self._cells:
            return self._cells[edition]
        places: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
        for row in self._of("place", edition):
            for place in row["regions"].split(" "):
                code, _, line = place.partition(":")
                places[row["place_list"]].append((code, row["sheet"], line))
        figures = {
            row["region_code"]: row
            for row in self._of("figure", edition)
            if row["region_level"] == "prefecture"
        }
        found: dict[Key, ShippedCell] = {}
        year = edition - self._offset
        for column in self._of("column", edition):
            indicator, unit = column["indicator_id"], column["unit"]
            scope = self.scope(indicator)
            for code, sheet, line in places[column["place_list"]]:
                if code not in figures:
                    continue
                printed = figures[code][indicator]
                value = figure_of(printed)
                found["prefecture", code, year, indicator, scope] = ShippedCell(
                    # Nothing to round in a figure of at most ten decimals.
                    (value if value is None or PLAIN.fullmatch(printed) else value.quantize(PLACES), unit),
                    printed,
                    column["source_file"],
                    f"{sheet}!R{line}C{column['column_no']}",
                )
        self._cells[edition] = found
        return found

    def duplicate_of(self, edition: int, cells: Iterable[Cell]) -> tuple[int, int, int] | None:
        """Another edition that prints these figures throughout, with how many of how many it prints alike.

        Figures of four digits and more, in the scope that ships. Two editions share 2.4 per cent of them at
        most, two tables of the areas of land 81.
        """
        telling = [
            cell
            for cell in cells
            if cell.value is not None
            and cell.region_level == "prefecture"
            and cell.scope == self.scope(cell.indicator_id)
            and len(re.sub(r"\D", "", cell.value_printed).strip("0")) >= TELLING_DIGITS
        ]
        for other in self.editions:
            if other == edition:
                continue
            rows = {row["region_code"]: row for row in self._of("figure", other)}
            texts = [(c.value, rows.get(c.region_code, {}).get(c.indicator_id, "")) for c in telling]
            printed = [(value, text) for value, text in texts if text]
            n_equal = sum(figure_of(text) == value for value, text in printed)
            if len(printed) >= MIN_REPEATED and n_equal >= REPEATED_SHARE * len(printed):
                return other, n_equal, len(printed)
        return None

    def frame(self, indicators: set[str]) -> pd.DataFrame:
        """Figures of whole regions: region_level, region_code, year, indicator_id, unit, value."""
        import pandas as pd

        names = ["region_level", "region_code", "year", "indicator_id", "unit", "value"]
        path = self._folder / "printed_figure.csv"
        if not path.is_file():
            return pd.DataFrame(columns=names)
        if self._texts is None:
            self._texts = pd.read_csv(path, dtype=str, keep_default_na=False)
        texts = self._texts[self._texts["region_level"] == "prefecture"]
        here = [i for i in texts.columns[3:] if i in indicators and self.scope(i) == SCOPE]
        if not here:
            return pd.DataFrame(columns=names)
        units = {
            (str(edition), row["indicator_id"]): row["unit"]
            for edition in self.editions
            for row in self._of("column", edition)
        }
        long = texts.melt(KEYS, here, "indicator_id", "text")
        clean = long["text"].str.replace(r"\s", "", regex=True).str.replace("．", ".")
        long["value"] = pd.to_numeric(clean, errors="coerce")
        long = long[long["value"].notna()]
        pairs = zip(long["edition"], long["indicator_id"], strict=True)
        year = long["edition"].astype("int64") - self._offset
        return long.assign(year=year, unit=[units[pair] for pair in pairs])[names]
