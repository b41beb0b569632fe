"""What one header or label means: indicator, unit, year, region, or the role of its column."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from cbec.ingest.numerals import split_numeral
from cbec.ingest.problems import nearest
from cbec.ingest.regions import Regions
from cbec.ingest.registry import Alias, PrintedAlias, Registry
from cbec.ingest.text import MARKS_AT_THE_END, compact, plain, year_of
from cbec.ingest.titles import cores, is_neutral, of_figures, without_years

# A unit stands in brackets, behind a slash, a colon or an underscore, at the end of its header.
UNIT_TAIL = re.compile(r"^(.+?)(?:[(\[【〔]([^()\[\]【】〔〕]+)[)\]】〕]|[/:_,，、]([^/:_,，、()]+))$")
UNIT_WORD = re.compile(r"[(\[]?(?:计量)?(?:单位|unit)s?[:：](.+?)[)\]]?$")
YEAR_IN_A_HEADER = re.compile(r"(?<![0-9])((?:19|20)[0-9]{2})(?:年度?)?(?![0-9])")
UNKNOWN, UNKNOWN_UNIT = "is not recognised", "has the unknown unit"
# The unit of figures over which none is printed, or one that the registry has not.
UNSTATED = "unstated"
BRACKETED = re.compile(r"\s*[(\[【〔]([^()\[\]【】〔〕]+)[)\]】〕]")
# Scope of the whole unit behind a name; of its districts is another column.
SCOPE_WORD = re.compile("全市|全市口径|全地区|全域|全省")
# GDP(亿元)/市辖区, 全市_GDP(亿元), GDP(亿元)(全市): a name and its scope in one cell.
SCOPE = "全市(?:口径)?|全地区|全域|市辖区(?:口径)?|(?<![省城各])市区"
SCOPE_BEHIND = re.compile(
    rf"(.+?)(?:[\s_/\-—–:：,，、·|]+(?:{SCOPE})|\s*[(\[（【〔](?:{SCOPE})[)\]）】〕])\s*"
)
SCOPE_BEFORE = re.compile(rf"\s*((?:{SCOPE}))[\s_/\-—–:：,，、·|]+(.+)")
SIZE_WORD = re.compile(
    "[0-9]*(?:k|m|b|bn|mn|mln|tn|thous|thousands?|millions?|billions?|hundreds?|[0-9]+)", re.I
)
OF_PEOPLE = {"person", "household", "subscriber"}
PEOPLE = re.compile(
    "人口|人数|人员|职工|学生|教师|户数|用户|户$|population|persons|people|employ", re.IGNORECASE
)
SEPARATORS = re.compile(r"[_\s,，;；:：、《》|]+")


@dataclass(frozen=True)
class Meaning:
    """What a header says; parts that it does not say are ''/None/0.

    role: an alias role, or year_value, region_value, unit_value for a header that is itself one. problem: why
    it is not understood. matched: the pattern that fitted, or the text that did not. words: of figures that
    the registry has no indicator for, what their header says beside its unit. take: of a dimension, the word
    whose rows are meant; '' for each word as a series of its own.
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
    words: str = ""
    take: str = ""

    @property
    def is_unnamed(self) -> bool:
        """True for a header that nobody has named, whatever else is known of it."""
        return self.problem.startswith((UNKNOWN, UNKNOWN_UNIT))


def unknown_id(words: str, scope: str, dimension: str) -> str:
    """Id of a column that the registry does not know: its words, its kind of unit and its scope.

    No edition and no table number, so that editions form a series; the kind of unit, so that persons and yuan
    under one word are two.
    """
    slug = re.sub(r"[^0-9a-z\u3400-\u9fff%]+", "_", compact(words)).strip("_")
    tail = {"whole_prefecture": "", "province": "", "nation": ""}.get(scope, f"_{scope}")
    return f"x_{slug}_{dimension}{tail}"


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
        return self._printed_units(clean) or self._counted_units(clean)

    def _printed_units(self, clean: str) -> tuple[str, ...]:
        # Most words are no unit: one expression says so before the list is gone through.
        if not self._any_unit.fullmatch(clean):
            return ()
        found = [unit for pattern, unit in self.registry.unit_patterns if pattern.fullmatch(clean)]
        return tuple(dict.fromkeys(found))

    def _counted_units(self, clean: str) -> tuple[str, ...]:
        """Units with an English numeral, which the registry need not list: ten thousand yuan, USD million."""
        counted = split_numeral(clean)
        if counted is None:
            # in yuan; but int is no unit of tonnes.
            return self._printed_units(clean[2:]) if clean.startswith("in") and len(clean) > 3 else ()
        power, base = counted
        listed = self._printed_units(f"{10**power}{base}")
        if listed:
            return listed
        kinds = {
            (u.dimension, u.scale + power)
            for b in self._printed_units(base)
            for u in [self.registry.units[b]]
        }
        return tuple(name for name, u in self.registry.units.items() if (u.dimension, u.scale) in kinds)

    def scales_of(self, units: tuple[str, ...]) -> dict[str, set[int]]:
        """Powers of ten that a text may mean, by dimension."""
        found: dict[str, set[int]] = {}
        for unit in units:
            known = self.registry.units[unit]
            found.setdefault(known.dimension, set()).add(known.scale)
        return found

    def contradict(self, one: tuple[str, ...], two: tuple[str, ...]) -> bool:
        """True when two texts mean units of one dimension and of different size: both cannot be true."""
        mine, theirs = self.scales_of(one), self.scales_of(two)
        shared = mine.keys() & theirs.keys()
        return bool(shared) and all(not mine[d] & theirs[d] for d in shared)

    def _meaning(self, path: tuple[str, ...]) -> Meaning:
        """Meaning of a header of one or more levels, the outermost first."""
        levels = tuple(dict.fromkeys(level for level in path if compact(level)))
        if not levels:
            return Meaning()
        mapped = self._mapped.get("/".join(compact(level) for level in levels)) or (
            self._mapped.get(compact(levels[-1])) if len(levels) == 1 else None
        )
        if mapped and mapped.role == "figure":
            own = self.unnamed(levels)
            return replace(own, unit_text=mapped.unit_text, units=mapped.units) if mapped.units else own
        if mapped:
            return mapped
        whole = self._one("/".join(levels)) if len(levels) > 1 else None
        if whole and not whole.problem:
            return whole
        levels = tuple(part for level in levels for part in self._with_scope(level))
        found = [self._one(level) for level in levels]
        ignored = next((m for m in found if m.role == "ignore"), None)
        if ignored:
            return ignored
        meaning = Meaning()
        unknown: list[tuple[str, Meaning]] = []
        for level, part in zip(levels, found, strict=True):
            if part.units and meaning.units and self.contradict(part.units, meaning.units):
                both = f"{meaning.unit_text or meaning.units[0]} and {part.unit_text or part.units[0]}"
                return Meaning(problem=f"has two units, {both}", matched=level)
            if part.year and meaning.year and part.year != meaning.year:
                return Meaning(problem=f"names two years, {meaning.year} and {part.year}", matched=level)
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
        if meaning.role:
            return meaning
        return replace(meaning, role="unit_value") if meaning.units else Meaning(role="qualifier")

    def _with_scope(self, text: str) -> tuple[str, ...]:
        """A header that nobody knows as the name and the scope that stand in it, or as it is."""
        if not self._one(text).problem:
            return (text,)
        if behind := SCOPE_BEHIND.fullmatch(text):
            return behind[1], text[behind.end(1) :].strip(" _/-—–:：,，、·|()[]（）【】〔〕\t\u3000")
        before = SCOPE_BEFORE.fullmatch(text)
        return (before[2], before[1]) if before else (text,)

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
        for candidate, unit_text, is_bracket in self._without_units(clean):
            found = self._alias(candidate)
            if found is None:
                continue
            if unit_text:
                own = self.units_of(unit_text)
                if own and (found.role in ("measure", "value") or (is_bracket and found.role == "ignore")):
                    found = replace(found, unit_text=unit_text, units=own)
                elif is_bracket and found.role == "measure":
                    return replace(self._unknown_unit(unit_text), indicator=found.indicator)
                elif not is_bracket or found.role in ("measure", "ignore", "value"):
                    # A tail is a part of the name: obs_status is no serial number, year_founded no year.
                    continue
            return found
        if units:
            return Meaning(role="unit_value", unit_text=plain(text), units=units)
        level = self.regions.is_name(text)
        if level:
            return Meaning(role="region_value", region=plain(text))
        return self._of_a_year(clean) or Meaning(problem=UNKNOWN, matched=text)

    def _of_a_year(self, clean: str) -> Meaning | None:
        """Indicator, unit and year in one cell, in any order: GDP(亿元)2019年, (亿元)GDP2019."""
        years = list(YEAR_IN_A_HEADER.finditer(of_figures(clean)))
        if len(years) != 1 or not any(c.isalpha() for c in clean):
            return None
        (year,) = years
        # 2019年末总人口 is 年末总人口 of 2019.
        for stop in dict.fromkeys((year.end(), year.end(1))):
            rest = (clean[: year.start()].rstrip("_-,，(") + clean[stop:].lstrip("_-,，:：)")).strip()
            unit = re.match(r"[(\[]([^()\[\]]+)[)\]](.+)", rest)
            if unit and self.units_of(unit[1]):
                rest = f"{unit[2]}({unit[1]})"
            found = self._one(rest) if rest else None
            if found and found.role == "measure" and not found.problem and not found.year:
                return replace(found, year=int(year[1]))
        return None

    def _unknown_unit(self, text: str) -> Meaning:
        return Meaning(problem=f"{UNKNOWN_UNIT} {text[:40]!r}", matched=text)

    def suggest(self, meaning: Meaning) -> tuple[str, ...]:
        """The three names nearest to what was not understood. Slow: for problems that are shown only."""
        if "unit" in meaning.problem:
            names = sorted({u.name_en for u in self.registry.units.values()})
            names += [p.pattern for p, _ in self.registry.unit_patterns if p.pattern.isalnum()]
            return nearest(meaning.matched, names)
        return nearest(
            compact(meaning.matched[:200]).translate(self.registry.simplified), self.registry.names()
        )

    def _without_units(self, clean: str) -> list[tuple[str, str, bool]]:
        """The header as it is, then without the unit at its end, then without footnote marks; with that unit
        and whether it stood in brackets."""
        tries = [(clean, "", False)]
        bare = (
            MARKS_AT_THE_END.sub("", clean).rstrip("0123456789") if MARKS_AT_THE_END.search(clean) else clean
        )
        if bare != clean:
            tries.append((bare, "", False))
        for text in dict.fromkeys((clean, bare)):
            # The unit is the last part, or the last ones: land_area_km2, gdp_billion_yuan.
            pieces = text.split("_")
            tries += [
                ("_".join(pieces[:-k]), " ".join(pieces[-k:]), False) for k in (3, 2) if len(pieces) > k
            ]
            tail = UNIT_TAIL.match(text)
            if tail:
                tries.append((tail[1], tail[2] or tail[3], bool(tail[2])))
            # 年末户籍人口_万人_全市: unit and scope behind the name, in any order.
            name, *tails = text.split("_")
            rest = [t for t in tails if not (SCOPE_WORD.fullmatch(t) or self.units_of(t))]
            if tails and not rest and any(SCOPE_WORD.fullmatch(t) for t in tails):
                tries.append((name, next((t for t in tails if not SCOPE_WORD.fullmatch(t)), ""), False))
        return tries

    def unnamed(self, path: tuple[str, ...]) -> Meaning:
        """What a header says that the registry has no indicator for: its words, and the year, the region and
        the unit among them. Nothing is cut off it but a unit in brackets."""
        words: list[str] = []
        found = Meaning(role="measure")
        for level in dict.fromkeys(level for level in path if compact(level)):
            part = self._one(level)
            if part.role == "year_value":
                found = replace(found, year=part.year)
            elif part.role == "region_value":
                found = replace(found, region=part.region)
            elif part.role == "unit_value":
                found = replace(found, unit_text=part.unit_text, units=part.units)
            elif part.role != "qualifier":
                text, unit_text, units = self._unit_within(plain(level))
                words.append(text)
                if units:
                    found = replace(found, unit_text=unit_text, units=units)
        return replace(found, words="/".join(words))

    def _unit_within(self, text: str) -> tuple[str, str, tuple[str, ...]]:
        """A header without the unit that stands in brackets in it, that unit and what it may mean; units
        behind a slash or a low line are read and stay."""
        text = re.sub(r"\s+", " ", text)
        for bracket in BRACKETED.finditer(text):
            inner = UNIT_WORD.fullmatch(compact(bracket[1]))
            units = self.one_kind(inner[1] if inner else bracket[1])
            if units:
                return f"{text[: bracket.start()]}{text[bracket.end() :]}".strip(), bracket[1], units
        pieces = re.split("[_/]", text)
        for stop in range(len(pieces), 1, -1):
            for start in range(max(1, stop - 3), stop):
                piece = " ".join(pieces[start:stop])
                # English words are a unit at the end only: emp_urban_unit_10k counts no units.
                is_place = not piece.isascii() or (len(piece) > 1 and stop == len(pieces))
                units = self.one_kind(piece) if is_place else ()
                if units and "/" in text and self.registry.units[units[0]].dimension in OF_PEOPLE:
                    # 常住人口/万人 counts people, 专利数/万人 is a figure for so many of them.
                    units = units if PEOPLE.search(pieces[0]) else ()
                if units:
                    # 10k and bn before a unit are a part of it that nobody could read.
                    is_whole = not SIZE_WORD.fullmatch(pieces[start - 1])
                    return text, piece if is_whole else "", units if is_whole else ()
        return text, "", ()

    def one_kind(self, text: str) -> tuple[str, ...]:
        """The unit that a text is where no indicator says of which kind: () when it may be of several, as 10k
        is, but 个 is a number."""
        units = self.units_of(text)
        if "count" in units:
            return ("count",)
        is_sure = len(self.scales_of(units)) == 1 or not compact(text).isascii()
        return units[:1] if is_sure else ()

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

    def of_column(self, place: int) -> Meaning | None:
        """What a mapping file says of a column without a header."""
        return self._mapped.get(f"column{place}")

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
        own = self.registry.unit_of(indicator)
        if own is None:
            return units[0] if units else ""
        wanted = own.dimension
        fitting = [u for u in units if self.registry.units[u].dimension == wanted]
        return fitting[0] if fitting else ""

    def in_its_money(self, meaning: Meaning, units: tuple[str, ...]) -> Meaning:
        """A measure whose unit is another money than its indicator's: the sister indicator in that money."""
        stated = meaning.units or units
        if not meaning.indicator or not stated or self.unit_for(meaning.indicator, stated):
            return meaning
        stem = re.sub("_(?:usd|rmb|yuan)$", "", meaning.indicator)
        for sister in (f"{stem}_usd", f"{stem}_rmb", f"{stem}_yuan", stem):
            known = sister in self.registry.indicators and sister not in self.registry.derived
            if known and sister != meaning.indicator and self.unit_for(sister, stated):
                return replace(meaning, indicator=sister)
        return meaning

    def title_says(self, text: str) -> tuple[dict[str, Meaning], tuple[str, ...]]:
        """Indicators that a title or a name states, by id, and its words that neither they nor place, time,
        unit or source explain: 财政支出占 GDP 比重 is no GDP."""
        bare = re.sub(r"\.(?:xlsx|xlsm|xls|csv|tsv|txt|dta)$", "", plain(text), flags=re.IGNORECASE)
        whole = self._one(bare)
        if whole.role == "measure" and not whole.problem:
            return {whole.indicator: whole}, ()
        pieces = [piece for piece in SEPARATORS.split(without_years(bare)) if piece]
        found: dict[str, Meaning] = {}
        unexplained = []
        start = 0
        while start < len(pieces):
            # The longest run of words that is one indicator: Gross Regional Product, 人均 GDP.
            for stop in range(min(len(pieces), start + 8), start, -1):
                meaning = self._stated(" ".join(pieces[start:stop]))
                if meaning:
                    if meaning.indicator not in found or not found[meaning.indicator].units:
                        found[meaning.indicator] = meaning
                    break
            else:
                stop = start + 1
                if not self._is_beside_the_point(pieces[start]):
                    unexplained.append(pieces[start])
            start = stop
        return found, tuple(unexplained)

    def _stated(self, piece: str) -> Meaning | None:
        """The indicator that a piece of a title is, once place and word for table are taken off its ends."""
        for core in cores(piece):
            for text in dict.fromkeys((core, self._without_place(core))):
                if len(compact(text)) < 2:
                    continue
                meaning = self._one(text)
                if meaning.role == "measure" and not meaning.problem:
                    return meaning
        return None

    def _without_place(self, text: str) -> str:
        for length in range(min(len(text) - 1, 11), 1, -1):
            if self.regions.is_name(text[:length]):
                return next(
                    (core for core in cores(text[length:]) if self._one(core).role == "measure"),
                    text[length:],
                )
        return text

    def _is_beside_the_point(self, piece: str) -> bool:
        rest = self._without_place(piece)
        return (
            is_neutral(piece)
            or is_neutral(rest)
            or bool(self.regions.is_name(piece) or self.units_of(piece) or year_of(piece))
            or any(bool(self.regions.is_name(core)) for core in cores(piece))
        )

    def speaks_of_an_indicator(self, text: str) -> bool:
        """True when words of a title are those of an indicator, among others: GDP增量."""
        clean = compact(without_years(text)).translate(self.registry.simplified)
        measures = [a.pattern for a in self._aliases if a.role == "measure"]
        return any(
            len(match[0]) >= (3 if match[0].isascii() else 2)
            for pattern in measures for match in [pattern.search(clean)] if match
        )  # fmt: skip

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
