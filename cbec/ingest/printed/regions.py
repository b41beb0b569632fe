"""Which city, province or total each row of a printed table is, from the whole column at once.

A yearbook prints a province, then its cities. A name is looked for in the block in which it stands; one that
was misread (秦阜岛市) is the city of that province that no other row names and whose letters or English name
fit; whatever stays open is refused with its place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from cbec.ingest.regions import Regions
from cbec.ingest.text import compact, plain

TOTAL = re.compile(
    r"^(?:(?:全国|地级|地级及以上|地级以上|县级)?(?:城市)?(?:合|总|台)计|全国总计|prefecturecities|total)$",
    re.IGNORECASE,
)
NATION = "100000"


# An edition goes to press a year after its figures, and may keep an old name for a year or two.
LATE_NAME, OLD_NAME = 1, 2


@dataclass(frozen=True)
class Place:
    """What a row is. level: prefecture, county, province, nation, or '' with the reason.

    A code without a level is the city that is named where it cannot be: its figures elsewhere are suspect.
    """

    level: str
    code: str = ""
    comment: str = ""
    reason: str = ""
    nearest: tuple[str, ...] = ()


@dataclass(frozen=True)
class Named:
    """A row's printed names. key: any hashable that tells rows apart."""

    key: object
    name: str
    english: str = ""


def clean(text: str) -> str:
    """A printed name without blanks and the marks that specks of dust were read as."""
    return re.sub(r"[\s.·、‘’'`“”\",，\-/*_:：;；|^~•。<>()（）\[\]]", "", compact(text)).replace("巿", "市")


def _english(text: str) -> str:
    """Letters of a Latin name; Suzhou (Jiangsu) is printed as Suzhou."""
    return re.sub(r"[^a-z]", "", re.sub(r"[(（].*", "", compact(text)))


class Column:
    """The regions of one table. county: True for tables of county-level cities."""

    def __init__(self, regions: Regions, year: int, *, county: bool) -> None:
        self._regions = regions
        self._year = year
        self._county = county
        self._order: dict[str, list[tuple[str, str, str]]] = {}
        for code, name, english, province in regions.county_cities() if county else regions.prefectures(year):
            self._order.setdefault(province, []).append((code, name, english))
        self._latin: dict[str, list[tuple[str, str, str]]] = {}
        self._named: dict[str, list[tuple[str, str, str]]] = {}
        for cities in self._order.values():
            for city in cities:
                self._latin.setdefault(_english(city[2]), []).append(city)
                self._named.setdefault(city[1], []).append(city)
        # A name that is another place's own is no misreading.
        other = regions.prefectures(year) if county else regions.county_cities()
        self._others = {name for _, name, _, _ in other} - set(self._named)

    def resolve(self, rows: list[Named]) -> dict[object, Place]:
        """A Place for every row, in the order in which they are printed."""
        found: dict[object, Place] = {}
        open_rows: list[tuple[Named, str, str]] = []
        taken: set[str] = set()
        province = before = head = ""
        for row in rows:
            name = clean(row.name)
            place, province = self._exact(row, name, province)
            if place is None and head and head != province:
                # A row from elsewhere stood between the head of the block and this one.
                place, province = self._exact(row, name, head)
            if place is None:
                open_rows.append((row, province, before))
                continue
            found[row.key] = place
            head = place.code if place.level == "province" else head
            if place.level in ("prefecture", "county"):
                taken.add(place.code)
                before = place.code
        # Names that are left are compared with the cities that no row names.
        misread: dict[str, list[Named]] = {}
        for row, block, _ in open_rows:
            place = self._misread(row, block, taken)
            found[row.key] = place
            if place.level:
                misread.setdefault(place.code, []).append(row)
        for code, named in misread.items():
            if len({clean(r.name) for r in named}) > 1:
                for row in named:
                    found[row.key] = Place(
                        "", reason=f"could be {code}, and so could another name of the table"
                    )
        return found

    # A name as the registry has it -------------------------------------------------------------------

    def _exact(self, row: Named, name: str, province: str) -> tuple[Place | None, str]:
        if TOTAL.match(name):
            return Place("nation", NATION), province
        code = self._province(name)
        if code and not self._is_city(name, province):
            return Place("province", code), code
        english = _english(row.english)
        if self._county:
            known = [c for c in self._order.get(province, ()) if c[1] == name] or self._elsewhere(
                name, english, province
            )
            if known:
                # English names of counties are printed a row too high or too low in three editions; the
                # Chinese ones are in order.
                return Place("county", known[0][0]), known[0][0][:6]
            return None, province
        match = self._regions.match(name, "prefecture", self._year, province, "", True)
        if (
            (match.is_error or not match.region_code)
            and province
            and self._elsewhere(name, english, province)
        ):
            match = self._regions.match(name, "prefecture", self._year, "", "", True)
        if match.is_error or not match.region_code:
            if not match.is_error and "could be" not in match.reason and self._regions.knows(name):
                return Place("", reason=match.reason), province
            return None, province
        own = next((c[2] for group in self._order.values() for c in group if c[0] == match.region_code), "")
        wrong = self._contradicted(english, match.region_code, own, province)
        if wrong:
            return wrong, province
        first, last = self._regions.years_of_name(name)
        if not first - LATE_NAME <= self._year <= last + OLD_NAME:
            years = f"only since {first}" if self._year < first else f"only until {last}"
            return Place("", reason=f"is no prefecture-level unit in {self._year}: a name {years}"), province
        block = self._regions.province_of(match.region_code)
        return Place("prefecture", match.region_code, comment=match.comment), block or province

    def _contradicted(self, english: str, code: str, own: str, province: str) -> Place | None:
        """A refusal when the English name beside a city is that of another.

        Name and block outweigh an English name from a third place; outside its block a city has its own.
        """
        namesakes = self._latin.get(english, []) if english and english != _english(own) else []
        block = self._order.get(province, [])
        if any(c[0] == code for c in block):
            namesakes = [c for c in namesakes if c in block]
        if not namesakes or any(c[0] == code for c in namesakes):
            return None
        named = ", ".join(f"{c[1]} {c[2]}" for c in namesakes)
        return Place("", reason=f"stands beside the English name of another city: {named}", nearest=(named,))

    def _elsewhere(self, name: str, english: str, province: str) -> list[tuple[str, str, str]]:
        """The one city of that very name in another province: the head of its block was lost or misread.

        Only when its English name stands beside it, or nothing in the block is like it.
        """
        found = [
            c for block, cities in self._order.items() if block != province for c in cities if c[1] == name
        ]
        if len(found) != 1:
            return []
        if english and _english(found[0][2]) == english:
            return found
        return [] if self._alike(name, province) else found

    def _province(self, name: str) -> str:
        """Code of a province that is printed as the head of its block; a municipality is a city here."""
        if name.endswith("市"):
            return ""
        code = self._regions.province_code(name)
        if code:
            return code
        # 新疆维吾尔自治e, 广西壮族自治: cut or misread at the end.
        stem = re.match(r"^(.{2,3}?)(?:维吾尔|壮族|回族)?自治.?$", name)
        return self._regions.province_code(stem[1]) if stem else ""

    def _is_city(self, name: str, province: str) -> bool:
        """吉林 without 省 or 市 inside the block of Jilin is the city."""
        if re.search("省|自治", name):
            return False
        return bool(province) and any(c[1].removesuffix("市") == name for c in self._order.get(province, ()))

    def _alike(self, name: str, province: str) -> bool:
        return any(_shared(name, c[1]) >= 0.5 for c in self._order.get(province, ()))

    # A name that was misread --------------------------------------------------------------------------

    def _misread(self, row: Named, province: str, taken: set[str]) -> Place:
        name, english = clean(row.name), _english(row.english)
        free = [c for c in self._order.get(province, ()) if c[0] not in taken]
        level = "county" if self._county else "prefecture"
        by_english = [c for c in free if english and _english(c[2]) == english]
        by_letters = [c for c in free if _shared(name, c[1]) >= 0.5 and abs(len(name) - len(c[1])) <= 1]
        namesakes = self._named.get(name, ())
        if len(namesakes) == 1 and not by_english and not by_letters:
            # Nothing that is missing here is like it: the head of its block was lost.
            (city,) = namesakes
            return self._contradicted(english, city[0], city[2], province) or Place(level, city[0])
        chosen = None
        if namesakes:
            by_english = by_letters = []
        elif name in self._others:
            by_letters = []
        if len(by_english) == 1 and (_shared(name, by_english[0][1]) > 0 or len(free) == 1):
            chosen = by_english[0]
        elif not by_english and len(by_letters) == 1 and not (english and english in self._latin):
            chosen = by_letters[0]
        if chosen:
            return Place(level, chosen[0], comment=f"printed {plain(row.name)}, read as {chosen[1]}")
        near = tuple(c[1] for c in sorted(free, key=lambda c: -_shared(name, c[1]))[:3])
        where = f" of {self._regions.province_name(province)}" if province else ""
        return Place(
            "",
            namesakes[0][0] if len(namesakes) == 1 and not english else "",
            reason=f"is no {'county-level city' if self._county else 'city'}{where} that the registry knows",
            nearest=near,
        )


def _shared(one: str, two: str) -> float:
    """Share of the letters of the second name, without its ending, that the first has about there."""
    stem = re.sub("(?:市|地区|盟|自治州)$", "", two)
    hits = sum(letter in one[max(0, k - 1) : k + 2] for k, letter in enumerate(stem))
    return hits / max(len(stem), 1)
