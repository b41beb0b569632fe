"""Names of regions, as printed, to the codes of the registry, by year and province.

A name that is only like another is never taken for it, and a county-level unit is never promoted to the
prefecture of the same name.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from cbec.ingest.problems import nearest
from cbec.ingest.registry import Registry, Row
from cbec.ingest.text import compact

PROVINCE_SUFFIX = re.compile("(?:维吾尔自治区|壮族自治区|回族自治区|自治区|特别行政区|省|市)$")
ETHNONYM = (
    "土家族|布依族|哈尼族|彝族|傣族|景颇族|傈僳族|羌族|藏族|苗族|侗族|壮族|白族"
    "|回族|蒙古族|朝鲜族|蒙古|哈萨克|柯尔克孜"
)
AUTONOMOUS = re.compile(f"(?:{ETHNONYM})*自治州$")
# Jilin City is no province; Beijing City is.
PROVINCE_TAIL = re.compile(
    r"(?:(?:zhuang|hui|uygur|uyghur)?(?:autonomousregion)|province|municipality)$"
    r"|(?<=beijing)city$|(?<=tianjin)city$|(?<=shanghai)city$|(?<=chongqing)city$"
)
ENGLISH_TAIL = re.compile(
    r"(?:(?:zhuang|hui|uygur|uyghur)?(?:autonomousregion)|province|municipality|city|prefecture|league)$"
)
# Urumqi (city), Hebei (province).
KIND_IN_BRACKETS = re.compile(r"\((?:city|province|prefecture|municipality|league|region)\)$")
TOTAL_OF_A_PROVINCE = "total of a province among prefectures"


@dataclass(frozen=True)
class Match:
    """What a name stands for. region_code is '' when it is not loaded, and reason says why.

    is_error: nobody knows the name; nearest holds the three most similar ones. comment: what to say on
    each cell of the region (a misprint, a former name). unknown and pool: the name, and those among which the
    nearest ones are looked for when somebody asks, because it is slow.
    """

    region_code: str
    reason: str = ""
    is_error: bool = False
    near: tuple[str, ...] = ()
    comment: str = ""
    unknown: str = ""
    pool: tuple[str, ...] = field(default=(), repr=False)

    @property
    def nearest(self) -> tuple[str, ...]:
        return nearest(self.unknown, self.pool) if self.unknown else self.near


def short_names(name: str) -> set[str]:
    """A full Chinese name of a prefecture-level unit and its short forms, none of them a county's."""
    names = {name}
    if AUTONOMOUS.search(name):
        stem = AUTONOMOUS.sub("", name)
        names |= {stem, stem + "州", stem + "自治州"}
    elif name.endswith("地区"):
        names |= {name[:-2]}
    elif name.endswith("盟") or name.endswith("市"):
        names |= {name[:-1]}
    return {n for n in names if len(n) >= 2}


class Regions:
    """Lookups over region, region_alias and region_change."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._rows: dict[tuple[str, str], list[Row]] = {}
        self._by_code: dict[tuple[str, str], list[Row]] = {}
        self._province_names: dict[str, str] = {}
        self._aliases: dict[str, list[Row]] = {}
        # By level, and whether the names are English.
        self._listed = {
            (level, is_english): tuple(
                row["name_en" if is_english else "name_zh"]
                for row in registry.regions
                if row["region_level"] == level
            )
            for level in ("province", "prefecture")
            for is_english in (False, True)
        }
        for row in registry.regions:
            level = row["region_level"]
            self._by_code.setdefault((level, row["region_code"]), []).append(row)
            if level == "province":
                names = {row["name_zh"], PROVINCE_SUFFIX.sub("", row["name_zh"])}
                self._province_names |= dict.fromkeys(names, row["region_code"])
            else:
                names = short_names(row["name_zh"])
            # Tibet (Xizang) is either.
            for english in {compact(row["name_en"]), *map(compact, re.split("[()]", row["name_en"]))} - {""}:
                if level == "province" or english == compact(row["name_en"]):
                    names |= {english, ENGLISH_TAIL.sub("", english)} if level == "prefecture" else {english}
            for name in names:
                held = self._rows.setdefault((level, name), [])
                if row not in held:
                    held.append(row)
        for alias in registry.region_aliases:
            self._aliases.setdefault(compact(alias["alias"]), []).append(alias)
        # An upgrade that leaves the territory unchanged joins the two codes of one unit.
        self._same_unit: dict[str, set[str]] = {}
        self._late: set[tuple[str, int]] = set()
        for change in registry.region_changes:
            old, new = change["old_code"], change["new_code"]
            if "territory unchanged" in change["panel_note"]:
                self._same_unit.setdefault(new, set()).add(old)
                self._same_unit.setdefault(old, set()).add(new)
            # A unit abolished in the last weeks of a year is still in that year's yearbooks.
            if change["change_type"].startswith("abolish") and change["approved_on"][5:7] in ("11", "12"):
                self._late.add((old, int(change["approved_on"][:4])))
        self.match = lru_cache(maxsize=200_000)(self._match)
        self.is_name = lru_cache(maxsize=50_000)(self._is_name)

    def clean(self, text: str) -> str:
        """A printed name without blanks, marks and traditional characters."""
        name = KIND_IN_BRACKETS.sub("", compact(text).translate(self._registry.simplified))
        return re.sub(r"(?:[*#†]|\([0-9]\)|\[[0-9]\])+$", "", name)

    def level_of_code(self, code: str) -> str:
        """province or prefecture where an official code is one, in whatever year; else ''."""
        return next((level for level in ("province", "prefecture") if (level, code) in self._by_code), "")

    def by_code(self, code: str, level: str, year: int) -> Match:
        """The region of an official code in a year."""
        if (level, code) not in self._by_code:
            return Match("", f"is the code of no {level}", True)
        if level == "province":
            return Match(code)
        return self._in_year(self._by_code[level, code], year, True, "")

    def province_code(self, text: str) -> str:
        """Code of the province that a text names, or ''."""
        name = self.clean(text)
        if re.fullmatch(r"[0-9]{6}(?:\.0)?", name):
            return name[:6] if ("province", name[:6]) in self._by_code else ""
        code = self._province_names.get(name) or self._province_names.get(PROVINCE_TAIL.sub("", name), "")
        if code:
            return code
        held = self._rows.get(("province", PROVINCE_TAIL.sub("", name)))
        if held:
            return held[0]["region_code"]
        for alias in self._aliases.get(name, ()):
            if alias["region_level"] == "province":
                return alias["region_code"]
        return ""

    def _is_name(self, text: str) -> str:
        """What a text is at first sight: province, prefecture, both, other (a total, a county), or ''."""
        name = self.clean(text)
        if not name or name[0].isdigit():
            return ""
        province = bool(self.province_code(name))
        prefecture = bool(self._candidates(name, ""))
        if province and prefecture:
            return "both"
        if province or prefecture:
            return "province" if province else "prefecture"
        return "other" if self._alias(name, "", 0, "") else ""

    def contested(self, text: str) -> tuple[str, str, str] | None:
        """(province, prefecture, province of the prefecture) when a name alone may be either, as 吉林 is."""
        name = self.clean(text)
        province = self.province_code(name) if name and not name[0].isdigit() else ""
        rows = self._candidates(name, "") if province else []
        codes = {row["region_code"] for row in rows}
        if len(codes) != 1 or province in codes:
            return None
        return province, rows[0]["region_code"], rows[0]["province_code"]

    def _place(self, text: str) -> tuple[str, str, str]:
        """(kind, code, province) of a name that is one thing; kind '' for the others."""
        name = self.clean(text)
        if not name or self.contested(name):
            return "", "", ""
        kind = self.is_name(text)
        if kind in ("province", "both"):
            code = self.province_code(name)
            return "province" if kind == "province" else "municipality", code, code
        rows = self._candidates(name, "") if kind == "prefecture" else []
        provinces = {row["province_code"] for row in rows}
        if len(provinces) != 1:
            return "", "", ""
        return "prefecture", rows[0]["region_code"], provinces.pop()

    def settle(self, names: Sequence[str], *, says_city: bool = False) -> dict[int, str]:
        """What each contested name of a column of prefectures is: province, prefecture or '' (nobody knows).

        names: the column from top to bottom. Forms with their suffix, blocks of a province's cities and the
        place of other provinces' totals decide; a name alone decides nothing. says_city: the header does.
        """
        runs: list[tuple[str, list[int]]] = []
        for index, text in enumerate(names):
            name = self.clean(text)
            if not name:
                continue
            if not runs or runs[-1][0] != name:
                runs.append((name, []))
            runs[-1][1].append(index)
        wanted = [k for k, (name, _) in enumerate(runs) if self.contested(name)]
        if not wanted:
            return {}
        places = [self._place(name) for name, _ in runs]
        known = [place for place in places if place[0]]
        passes = max(Counter(name for name, _ in runs).values())
        groups = sum(1 for k, place in enumerate(known) if not k or known[k - 1][2] != place[2])
        is_blocked = groups <= 1.5 * passes * len({place[2] for place in known})
        found: dict[int, str] = {}
        for k in wanted:
            before = next((place for place in reversed(places[:k]) if place[0]), ("", "", ""))
            after = next((place for place in places[k + 1 :] if place[0]), ("", "", ""))
            answer = self._settled(runs[k][0], places, before, after, is_blocked, says_city)
            found |= dict.fromkeys(runs[k][1], answer)
        return found

    def _settled(
        self, name: str, places: list[tuple[str, str, str]], before: tuple[str, str, str],
        after: tuple[str, str, str], is_blocked: bool, says_city: bool,
    ) -> str:  # fmt: skip
        held = self.contested(name)
        assert held
        province, prefecture, home = held
        cities = {place[2] for place in places if place[0] == "prefecture"}
        if before[0] == after[0] == "province" and province not in (before[1], after[1]):
            return "province"
        if home != province:
            beside = {before[2], after[2]} & {province, home} if is_blocked else set()
            if len(beside) != 1:
                beside = cities & {province, home}
            if len(beside) == 1:
                return "province" if province in beside else "prefecture"
            return ""
        has_province = any(place[:2] == ("province", province) for place in places)
        has_prefecture = any(place[1] == prefecture for place in places)
        if has_province != has_prefecture:
            return "prefecture" if has_province else "province"
        if has_province:
            return ""
        follows, leads = before[2] == home, after[2] == home
        totals = [k for k, place in enumerate(places) if place[0] == "province"]
        if not totals:
            if len(cities) < 2 or not is_blocked:
                is_city = (follows and leads) or (says_city and (follows or not leads))
                return "prefecture" if is_city or (len(cities) > 1 and not is_blocked) else ""
            return "prefecture" if follows or not leads else ""
        heads = {self._is_beside(places, k, 1) for k in totals} - {None}
        feet = {self._is_beside(places, k, -1) for k in totals} - {None}
        if True in heads and feet <= {False}:
            return "prefecture" if follows else "province" if leads else ""
        if True in feet and heads <= {False}:
            return "prefecture" if leads else "province" if follows else ""
        return ""

    @staticmethod
    def _is_beside(places: list[tuple[str, str, str]], k: int, step: int) -> bool | None:
        """True when the next known place in a direction is a city of the province that stands at k."""
        rest = places[k + 1 :] if step > 0 else places[:k][::-1]
        beside = next((place for place in rest if place[0]), None)
        return None if beside is None else beside[0] == "prefecture" and beside[2] == places[k][2]

    def _candidates(self, name: str, province: str) -> list[Row]:
        rows = self._rows.get(("prefecture", name), [])
        if not rows and not name.isascii():
            # A province may stand before the name, with or without its suffix.
            for length in range(min(len(name) - 2, 8), 1, -1):
                prefix = self._province_names.get(name[:length])
                if prefix and not (province and province != prefix):
                    rest = self._rows.get(("prefecture", name[length:]), [])
                    found = [row for row in rest if row["province_code"] == prefix]
                    if found:
                        return found
        if not rows and name.isascii():
            rows = self._rows.get(("prefecture", ENGLISH_TAIL.sub("", name)), [])
        return [row for row in rows if not province or row["province_code"] == province]

    def _alias(self, name: str, level: str, year: int, province: str) -> Row | None:
        names = [name]
        if not name.isascii():
            names += [name[n:] for n in range(2, min(len(name) - 1, 9)) if name[:n] in self._province_names]
        for text in names:
            for alias in self._aliases.get(text, ()):
                if alias["region_level"] and level and alias["region_level"] != level:
                    continue
                if province and alias["province_code"] and alias["province_code"] != province:
                    continue
                if year and not (
                    int(alias["valid_from_year"] or 0) <= year <= int(alias["valid_to_year"] or 9999)
                ):
                    continue
                return alias
        return None

    def _match(
        self,
        text: str,
        level: str,
        year: int,
        province: str = "",
        code: str = "",
        is_later_name: bool = False,
    ) -> Match:
        """The region that a printed name means in a year.

        level: province or prefecture. province: code of the province printed beside it, or ''. code: the
        six digits printed beside it, or ''. is_later_name: the same file uses the name in years when the
        unit had it, so that in earlier years it is the unit under its later name.
        """
        name = self.clean(text)
        alias = self._alias(name, level, year, province)
        if alias and alias["kind"] in ("total", "macro_region"):
            return Match("", f"{alias['kind'].replace('_', ' ')}: {alias['note']}")
        if level == "province":
            found = self.province_code(name)
            if found:
                printed = alias["kind"] if alias and alias["kind"] == "misprint" else ""
                return Match(found, comment=f"printed {text.strip()}: {printed}" if printed else "")
            return self._unknown(text, level)
        if alias and alias["kind"] in ("county_level", "part"):
            return Match("", alias["note"])
        if alias and alias["region_code"]:
            return self._in_year(
                self._by_code[("prefecture", alias["region_code"])], year, True, f"printed {text.strip()}"
            )
        rows = self._candidates(name, province)
        if not rows:
            if self.province_code(name) and self.province_code(name) == province:
                return Match("", TOTAL_OF_A_PROVINCE)
            known = {r["province_code"] for r in self._candidates(name, "")}
            if known and province:
                wrong = ", ".join(self._by_code[("province", c)][0]["name_zh"] for c in sorted(known))
                return Match("", f"lies in {wrong}, not in the province printed beside it", True)
            if self.province_code(name):
                return Match("", TOTAL_OF_A_PROVINCE)
            return self._unknown(text, level)
        units = {frozenset({r["region_code"], *self._same_unit.get(r["region_code"], ())}) for r in rows}
        if len(units) > 1:
            if code and any(r["region_code"] == code for r in rows):
                rows = [r for r in rows if r["region_code"] == code]
            else:
                named = tuple(f"{r['name_zh']} {r['region_code']}" for r in rows)
                return Match("", "could be several regions; add the province", True, named[:3])
        codes = {c for unit in units for c in unit}
        if code and ("prefecture", code) in self._by_code and code not in codes:
            other = self._by_code[("prefecture", code)][0]["name_zh"]
            return Match("", f"stands beside the code {code}, which is {other}", True)
        # A county-level city that lies in a prefecture of its name: neither stands for the other.
        if code and not code.endswith("00") and any(code[:4] == c[:4] for c in codes):
            return Match("", f"stands beside the code {code}, which is a county's or a district's", True)
        match = self._in_year(rows, year, is_later_name or bool(code) or not name.endswith("市"), "")
        if match.region_code and compact(text).endswith("(city)"):
            held = self._by_code["prefecture", match.region_code]
            names = [
                row["name_zh"] for row in held
                if int(row["valid_from_year"] or 0) <= year <= int(row["valid_to_year"] or 9999)
            ]  # fmt: skip
            if names and not names[0].endswith("市"):
                return Match("", f"is a city by its name, and {names[0]} is none in {year}", True)
        return match

    def years_of_name(self, name: str) -> tuple[int, int]:
        """First and last year in which a prefecture-level unit has this very name; (0, 9999) for others."""
        rows = [r for rows in self._by_code.values() for r in rows if r["name_zh"] == name]
        first = min((int(r["valid_from_year"] or 0) for r in rows), default=0)
        return first, max((int(r["valid_to_year"] or 9999) for r in rows), default=9999)

    def _in_year(self, rows: list[Row], year: int, may_be_later_name: bool, comment: str) -> Match:
        codes = {row["region_code"] for row in rows}
        codes |= {other for code in codes for other in self._same_unit.get(code, ())}
        valid = [
            row
            for code in sorted(codes)
            for row in self._by_code.get(("prefecture", code), ())
            if int(row["valid_from_year"] or 0) <= year <= int(row["valid_to_year"] or 9999)
        ]
        names = {row["name_zh"] for row in rows}
        if len(valid) == 1:
            row = valid[0]
            if row["name_zh"] not in names:
                renamed = row["region_code"] in {r["region_code"] for r in rows}
                if not renamed and not may_be_later_name:
                    return Match(
                        "",
                        f"is not the name of a prefecture-level unit in {year}; it may be the county-level"
                        f" city of that name inside {row['name_zh']}",
                        True,
                        (row["name_zh"],),
                    )
                comment = comment or f"printed under the name {rows[0]['name_zh']}"
            return Match(row["region_code"], comment=comment)
        if not valid and any((code, year) in self._late for code in codes):
            return Match(sorted(codes)[0], comment="abolished in the last weeks of this year")
        if not valid:
            spans = sorted(f"{r['valid_from_year'] or ''}-{r['valid_to_year'] or ''}" for r in rows)
            return Match("", f"is no prefecture-level unit in {year}; it is one in {', '.join(spans)}")
        return Match("", f"could be several regions in {year}", True, tuple(r["name_zh"] for r in valid[:3]))

    def _unknown(self, text: str, level: str) -> Match:
        name = self.clean(text)
        pool = self._listed[level, name.isascii()]
        return Match("", f"is no {level} of the registry", True, unknown=name or " ", pool=pool)

    def prefectures(self, year: int) -> list[tuple[str, str, str, str]]:
        """(code, name, English name, province) of the prefecture-level units of a year, in order of code.

        A unit abolished or renamed in the last weeks of the year before is still printed under its old name.
        """
        return [
            (row["region_code"], row["name_zh"], row["name_en"], row["province_code"])
            for (level, _), rows in sorted(self._by_code.items())
            if level == "prefecture"
            for row in rows
            if int(row["valid_from_year"] or 0) <= year <= int(row["valid_to_year"] or 9999) + 1
        ]

    def county_cities(self) -> list[tuple[str, str, str, str]]:
        """(code, name, English name, province) of every county-level city that the yearbooks have printed."""
        return [
            (row["region_code"], row["name_zh"], row["name_en"], row["province_code"])
            for row in self._registry.county_cities
        ]

    def province_of(self, code: str) -> str:
        """Code of the province of a prefecture-level unit, or ''."""
        rows = self._by_code.get(("prefecture", code))
        return rows[0]["province_code"] if rows else ""

    def province_name(self, code: str) -> str:
        rows = self._by_code.get(("province", code))
        return rows[0]["name_zh"] if rows else code

    def name_of(self, code: str) -> str:
        """A name of a prefecture-level unit, or its code."""
        rows = self._by_code.get(("prefecture", code))
        return rows[-1]["name_zh"] if rows else code

    def knows(self, text: str) -> bool:
        """True for a name that the registry has in some year or as an alias."""
        name = self.clean(text)
        return bool(self._candidates(name, "")) or bool(self._alias(name, "", 0, ""))
