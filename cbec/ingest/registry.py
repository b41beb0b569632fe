"""The seeds that recognition reads, as typed lookups."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from cbec.ingest.text import compact
from cbec.project import CbecError

Row = dict[str, str]


@dataclass(frozen=True)
class Unit:
    unit: str
    dimension: str
    scale: int
    name_en: str
    name_zh: str = ""


@dataclass(frozen=True)
class Indicator:
    indicator_id: str
    name_en: str
    name_zh: str
    unit: str
    kind: str
    panel_scope: str = ""


@dataclass(frozen=True)
class Alias:
    """One row of indicator_alias; publication '' means any."""

    publication: str
    pattern: re.Pattern[str]
    role: str
    indicator: str
    unit: str
    note: str
    text: str


@dataclass(frozen=True)
class PrintedAlias:
    """One row of printed_alias: a column of a printed table, matched as `title//header/sub-header`."""

    publication: str
    pattern: re.Pattern[str]
    indicator: str
    unit: str
    obs_status: str
    note: str


@dataclass(frozen=True)
class Publication:
    """One row of publication: how a file is recognised and what status its figures have."""

    publication_id: str
    source_id: str
    vintage: str
    kind: str
    obs_status: str
    impute_method: str
    impute_by: str
    file_pattern: str
    text_pattern: str
    header_pattern: str
    edition_pattern: str
    year_offset: str
    is_one_series: str
    description: str

    @property
    def offset(self) -> int | None:
        """Years from the figures to the edition that prints them; None when an edition prints many years."""
        return int(self.year_offset) if self.year_offset else None


@dataclass(frozen=True)
class Registry:
    """Everything that recognition looks up, read once from seeds/registry."""

    units: dict[str, Unit]
    unit_patterns: tuple[tuple[re.Pattern[str], str], ...]
    indicators: dict[str, Indicator]
    derived: frozenset[str]
    aliases: tuple[Alias, ...]
    printed_aliases: tuple[PrintedAlias, ...]
    publications: dict[str, Publication]
    symbols: dict[tuple[str, str, str], tuple[str, str]]
    regions: tuple[Row, ...]
    region_changes: tuple[Row, ...]
    region_aliases: tuple[Row, ...]
    county_cities: tuple[Row, ...]
    header_corrections: tuple[Row, ...]
    reseller_marks: tuple[Row, ...]
    bounds: dict[tuple[str, str], tuple[float, float]]
    never_zero: frozenset[tuple[str, str]]
    parts: dict[str, tuple[str, ...]]
    simplified: dict[int, str]
    precedence: dict[str, int]
    familiar: frozenset[str] = field(repr=False)

    def names(self) -> dict[str, str]:
        """Readable name to indicator id, for suggestions."""
        listed = {i.name_zh: i.indicator_id for i in self.indicators.values()}
        return listed | {i.indicator_id: i.indicator_id for i in self.indicators.values()}

    def words_of(self, unit: str) -> str:
        """A unit in the words of print, 亿元; '' for none."""
        return self.units[unit].name_zh if unit else ""

    def unit_of(self, indicator: str) -> Unit | None:
        """Unit that the warehouse keeps an indicator in; None for a column that nobody has named."""
        known = self.indicators.get(indicator)
        return self.units[known.unit] if known else None

    def status_list(self, status_codes: str) -> str:
        """Status codes without repetition in order of precedence."""
        return "".join(sorted(set(status_codes), key=self.precedence.__getitem__))


def _rows(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8", newline="") as source:
        reader = csv.DictReader(source)
        for row in reader:
            # A comma that nobody quoted moves every field behind it, and with it a meaning.
            if None in row or None in row.values():
                n = len(reader.fieldnames or ())
                raise CbecError(
                    f"{path}:{reader.line_num}: has not the {n} fields of the header", exit_code=2
                )
            yield row


@lru_cache(maxsize=4)
def load_registry(root: Path) -> Registry:
    """Read seeds/registry below the project folder. Raises FileNotFoundError when a seed is not there."""
    folder = root / "seeds/registry"

    def rows(name: str) -> tuple[Row, ...]:
        return tuple(_rows(folder / f"{name}.csv"))

    regions, region_aliases, units = rows("region"), rows("region_alias"), rows("unit")
    aliases = tuple(
        Alias(
            r["publication_id"],
            re.compile(r["pattern"]),
            r["role"],
            r["indicator_id"],
            r["unit"],
            r["note"],
            r["pattern"],
        )
        for r in rows("indicator_alias")
    )
    indicators = rows("indicator")
    variants = rows("character_variant")
    words = [r["name_zh"] for r in (*regions, *indicators, *units)]
    words += [r["pattern"] for r in rows("indicator_alias")] + [r["alias"] for r in region_aliases]
    words += [r["traditional"] for r in variants]
    parts: dict[str, tuple[str, ...]] = {}
    for r in rows("indicator_part"):
        parts[r["total_indicator_id"]] = (*parts.get(r["total_indicator_id"], ()), r["part_indicator_id"])
    return Registry(
        units={
            r["unit"]: Unit(r["unit"], r["dimension"], int(r["scale"]), r["name_en"], r["name_zh"])
            for r in units
        },
        unit_patterns=tuple((re.compile(r["pattern"]), r["unit"]) for r in rows("unit_alias"))
        + tuple((re.compile(re.escape(compact(r["name_zh"]))), r["unit"]) for r in units),
        indicators={
            r["indicator_id"]: Indicator(
                r["indicator_id"], r["name_en"], r["name_zh"], r["unit"], r["kind"], r["panel_scope"]
            )
            for r in indicators
        },
        derived=frozenset(r["indicator_id"] for r in rows("derived_indicator")),
        aliases=aliases,
        printed_aliases=tuple(
            PrintedAlias(
                r["publication_id"],
                re.compile(r["pattern"]),
                r["indicator_id"],
                r["unit"],
                r["obs_status"],
                r["note"],
            )
            for r in rows("printed_alias")
        ),
        publications={r["publication_id"]: Publication(**r) for r in rows("publication")},
        symbols={
            (r["publication_id"], r["edition"], "" if r["symbol"] == "blank" else r["symbol"]): (
                r["obs_status"],
                r["meaning"],
            )
            for r in rows("missing_symbol")
        },
        regions=regions,
        region_changes=rows("region_change"),
        region_aliases=region_aliases,
        county_cities=rows("county_level_city"),
        header_corrections=rows("header_correction"),
        reseller_marks=rows("reseller_mark"),
        bounds={
            (r["indicator_id"], r["region_level"]): (float(r["minimum"]), float(r["maximum"]))
            for r in rows("indicator_bound")
        },
        never_zero=frozenset(
            (r["indicator_id"], r["region_level"])
            for r in rows("indicator_bound")
            if r["can_be_zero"] == "false"
        ),
        parts=parts,
        simplified={ord(r["traditional"]): r["simplified"] for r in variants},
        precedence={r["obs_status"]: int(r["precedence"]) for r in rows("obs_status")},
        familiar=frozenset(c for word in words for c in word if "\u4e00" <= c <= "\u9fff"),
    )
