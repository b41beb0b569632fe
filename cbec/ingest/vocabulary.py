"""What one header or label means: indicator, unit, year, region, or the role of its column."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from cbec.ingest.problems import nearest
from cbec.ingest.regions import Regions
from cbec.ingest.registry import Alias, PrintedAlias, Registry
from cbec.ingest.text import MARKS_AT_THE_END, compact, plain, year_of

# A unit stands in brackets, behind a slash, a colon or an underscore, at the end of its header.
UNIT_TAIL = re.compile(r"^(.+?)(?:[(\[【〔]([^()\[\]【】〔〕]+)[)\]】〕]|[/:_,，、]([^/:_,，、()]+))$")
UNIT_WORD = re.compile(r"[(\[]?(?:计量)?(?:单位|unit)s?[:：](.+?)[)\]]?$")


@dataclass(frozen=True)
class Meaning:
    """What a header says; parts that it does not say are ''/None/0.

    role: an alias role, or year_value, region_value, unit_value for a header that is itself one. problem: why
    it is not understood. matched: the pattern that fitted, or the text that did not.
    """

    role: str = ""
    indicator: str = ""
    unit_text: str = ""
    units: tuple[str, ...] = ()
    year: int = 0
    region: str = ""
    is_filled: bool = False
    note: str = ""
    problem: str = ""
    matched: str = ""


class Vocabulary:
    """Aliases and units of one publication, with what a mapping file adds."""

    def __init__(
        self, registry: Registry, regions: Regions, publication: str, mapped: dict[str, Meaning] | None = None
    ) -> None:
        self.registry = registry
        self.regions = regions
        of = registry.publications.get(publication)
        # Years from the figures to the edition, and the edition that a person stated.
        self.offset = of.offset if of else None
        self.edition = 0
        own = [a for a in registry.aliases if a.publication == publication]
        self._aliases = own + [a for a in registry.aliases if not a.publication]
        self._mapped = mapped or {}
        self._printed = [a for a in registry.printed_aliases if a.publication == publication]
        self._headers = [
            (a, re.compile(a.pattern.pattern.rpartition("//")[2], a.pattern.flags)) for a in self._printed
        ]
        self.header_indicators = lru_cache(maxsize=5_000)(self._header_indicators)
        self._by_name = {compact(name): i for name, i in registry.names().items()}
        self._any_unit = re.compile("|".join(f"(?:{p.pattern})" for p, _ in registry.unit_patterns))
        self.meaning = lru_cache(maxsize=20_000)(self._meaning)
        self.units_of = lru_cache(maxsize=5_000)(self._units_of)

    def _units_of(self, text: str) -> tuple[str, ...]:
        """Units that a text may mean, () when it is none."""
        clean = compact(text).translate(self.registry.simplified).strip("()[]")
        # Most words are no unit: one expression says so before the list is gone through.
        if not (self._any_unit.fullmatch(clean) or self._any_unit.fullmatch(clean.lower())):
            return ()
        found = [unit for pattern, unit in self.registry.unit_patterns if pattern.fullmatch(clean)]
        if not found:
            found = [
                unit for pattern, unit in self.registry.unit_patterns if pattern.fullmatch(clean.lower())
            ]
        return tuple(dict.fromkeys(found))

    def _meaning(self, path: tuple[str, ...]) -> Meaning:
        """Meaning of a header of one or more levels, the outermost first."""
        levels = tuple(dict.fromkeys(level for level in path if compact(level)))
        if not levels:
            return Meaning()
        mapped = self._mapped.get("/".join(compact(level) for level in levels)) or (
            self._mapped.get(compact(levels[-1])) if len(levels) == 1 else None
        )
        if mapped:
            return mapped
        whole = self._one("/".join(levels)) if len(levels) > 1 else None
        if whole and not whole.problem:
            return whole
        found = [self._one(level) for level in levels]
        ignored = next((m for m in found if m.role == "ignore"), None)
        if ignored:
            return ignored
        meaning = Meaning()
        unknown: list[tuple[str, Meaning]] = []
        for level, part in zip(levels, found, strict=True):
            if part.problem:
                unknown.append((level, part))
            elif part.role == "unit_value":
                meaning = replace(meaning, unit_text=part.unit_text, units=part.units)
            elif part.role == "year_value":
                meaning = replace(meaning, year=part.year, role=meaning.role or "year_value")
            elif part.role == "region_value":
                meaning = replace(meaning, region=part.region, role=meaning.role or "region_value")
            elif part.role == "qualifier":
                continue
            elif meaning.role in ("", "year_value", "region_value"):
                meaning = replace(
                    part, year=meaning.year or part.year, region=meaning.region or part.region,
                    unit_text=part.unit_text or meaning.unit_text, units=part.units or meaning.units,
                )  # fmt: skip
            elif part.role == meaning.role == "measure" and part.indicator != meaning.indicator:
                return Meaning(problem=f"names both {meaning.indicator} and {part.indicator}")
        # Part of a total: a level below a known indicator that is itself unknown changes what is measured.
        if unknown:
            level, part = unknown[-1]
            return replace(part, problem=part.problem, matched=level)
        return meaning if meaning.role else Meaning(role="qualifier")

    def _one(self, text: str) -> Meaning:
        clean = compact(text).translate(self.registry.simplified)
        year = year_of(text)
        if year:
            return Meaning(role="year_value", year=year)
        units = self.units_of(text)
        labelled = UNIT_WORD.fullmatch(clean)
        if labelled:
            units = self.units_of(labelled[1])
            if not units:
                return self._unknown_unit(labelled[1])
        # A bare letter or word such as m, t or 人 is a unit only in brackets or in a unit row.
        if units and (labelled or len(clean) > 1):
            return Meaning(role="unit_value", unit_text=plain(text), units=units)
        for candidate, unit_text in self._without_units(clean):
            found = self._alias(candidate)
            if found is None:
                continue
            if unit_text and found.role in ("measure", "ignore", "value"):
                units = self.units_of(unit_text)
                if units:
                    found = replace(found, unit_text=unit_text, units=units)
                elif found.role == "measure":
                    return replace(self._unknown_unit(unit_text), indicator=found.indicator)
                else:
                    # obs_status is no serial number called obs.
                    continue
            return found
        if units:
            return Meaning(role="unit_value", unit_text=plain(text), units=units)
        level = self.regions.is_name(text)
        if level:
            return Meaning(role="region_value", region=plain(text))
        return Meaning(problem="is not recognised", matched=text)

    def _unknown_unit(self, text: str) -> Meaning:
        return Meaning(problem=f"has the unknown unit {text[:40]!r}", matched=text)

    def suggest(self, meaning: Meaning) -> tuple[str, ...]:
        """The three names nearest to what was not understood. Slow: for problems that are shown only."""
        if "unit" in meaning.problem:
            names = sorted({u.name_en for u in self.registry.units.values()})
            names += [p.pattern for p, _ in self.registry.unit_patterns if p.pattern.isalnum()]
            return nearest(meaning.matched, names)
        return nearest(
            compact(meaning.matched[:200]).translate(self.registry.simplified), self.registry.names()
        )

    def _without_units(self, clean: str) -> list[tuple[str, str]]:
        """The header as it is, then without the unit at its end, then without footnote marks."""
        tries = [(clean, "")]
        bare = (
            MARKS_AT_THE_END.sub("", clean).rstrip("0123456789") if MARKS_AT_THE_END.search(clean) else clean
        )
        if bare != clean:
            tries.append((bare, ""))
        for text in dict.fromkeys((clean, bare)):
            tail = UNIT_TAIL.match(text)
            if tail:
                tries.append((tail[1], tail[2] or tail[3]))
            # Several underscores: the unit is the last part, as in land_area_km2.
        return tries

    def _alias(self, clean: str) -> Meaning | None:
        for alias in self._aliases:
            match = alias.pattern.fullmatch(clean)
            if match and alias.role == "filled":
                rest = next(value for value in match.groupdict().values() if value)
                inner = self._meaning((rest,))
                if inner.role != "measure":
                    continue
                return replace(inner, is_filled=True, note=alias.note)
            if match:
                return self._from_alias(alias)
        known = self._by_name.get(clean)
        if known and known not in self.registry.derived:
            return Meaning(role="measure", indicator=known, matched=clean)
        return None

    def printed_aliases(self, text: str) -> list[PrintedAlias]:
        """Aliases of a printed column, given as `title//header/sub-header`; [] when nobody has named it."""
        return [alias for alias in self._printed if alias.pattern.fullmatch(text)]

    def _header_indicators(self, header: str) -> frozenset[str]:
        """Indicators that the header of a printed column may be, under whatever title."""
        return frozenset(a.indicator for a, pattern in self._headers if pattern.fullmatch(header))

    def _from_alias(self, alias: Alias) -> Meaning:
        return Meaning(
            role=alias.role,
            indicator=alias.indicator,
            units=(alias.unit,) if alias.unit else (),
            note=alias.note,
            matched=alias.text,
        )

    def unit_for(self, indicator: str, units: tuple[str, ...]) -> str:
        """The unit of the indicator's own dimension among those that a text may mean, or ''."""
        wanted = self.registry.units[self.registry.indicators[indicator].unit].dimension
        fitting = [u for u in units if self.registry.units[u].dimension == wanted]
        return fitting[0] if fitting else ""

    def indicators_named(self, text: str) -> dict[str, Meaning]:
        """Indicators that parts of a title or file name are, by id."""
        found: dict[str, Meaning] = {}
        clean = re.sub(r"\.(?:xlsx|xlsm|xls|csv|tsv|txt|dta)$", "", plain(text), flags=re.IGNORECASE)
        pieces = re.split(
            r"[_\s,，;；:：《》]|(?<=[0-9])年|(?<!上)年(?=[^末度])|各地区|分地区|各省|各市|全国", clean
        )
        for piece in [clean, *pieces]:
            if not piece or len(compact(piece)) < 2:
                continue
            meaning = self._one(re.sub(r"^[0-9\-.]+", "", piece) or piece)
            if meaning.role == "measure":
                existing = found.get(meaning.indicator)
                if existing is None or not existing.units:
                    found[meaning.indicator] = meaning
        return found
