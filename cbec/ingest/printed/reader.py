"""Pages of a printed table to cells, totals and refused cells."""

from __future__ import annotations

import math
import re
import statistics
from collections import Counter
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import combinations

from cbec.ingest.extract import Cell, Extract
from cbec.ingest.files import Book, Sheet
from cbec.ingest.printed import layout
from cbec.ingest.printed.layout import CHINESE, Column, Page
from cbec.ingest.printed.regions import Column as RegionColumn
from cbec.ingest.printed.regions import Named, Place, clean
from cbec.ingest.problems import Problem
from cbec.ingest.registry import Publication, Registry
from cbec.ingest.remarks import Claim, claims_in, no_years_figures
from cbec.ingest.tables import locator
from cbec.ingest.text import number_of, plain
from cbec.ingest.vocabulary import Vocabulary, unknown_id

SCOPE = {"whole": "whole_prefecture", "districts": "districts"}
# A figure as the yearbook prints it: no blank, no lost point, no mark inside. It never sets groups of three
# apart, so that a comma is a point that was misread.
PRINTED_NUMBER = re.compile(r"[-−–]?[0-9]+(?:\.[0-9]+)?")
# Header words that say by themselves what is measured; others (普通中学) are read under their title.
QUANTITY = re.compile(
    r"(?:数|人口|户数|面积|密度|总值|产值|增加值|增长率|增速|率|比重|比例|指数|收入|支出|余额|总?额|工资|投资|利润|税金|增值税|附加"
    r"|量|里程|长度|浓度|天数|人数|人员|用户|资产|合计|产量|藏量|藏书|费用|税收|床位|机构|项目|总计|用电|用水|游客|存款|贷款)(?:\([^()]*\))*$"
)
# A figure that the scan cut in two.
CUT = re.compile(r"[0-9]+(?: [0-9]+)+(?:\.[0-9]+)?")
NOT_IN_YEAR = re.compile("is no prefecture-level unit in [0-9]{4}")
# Figures in a row that is neither title, header nor note: three digits, or a decimal.
STRAY_FIGURE = re.compile(
    r"^(?!\W*(?:注|资料来源|数据来源|说明|备注|[Nn]ote|[Ss]ource|http)).*?(?:[0-9]{3}|[0-9]\.[0-9])"
)
# Wide forms of digits, point and minus sign are the same signs; nothing else is narrowed.
FULL_WIDTH = {0xFF10 + k: str(k) for k in range(10)} | {0xFF0E: ".", 0xFF0D: "-"}
REDEFINES = re.compile(
    "口径|代替|替代|不含|不包括|均为|系|为.{0,6}数据|employed|instead of|excluding", re.IGNORECASE
)
MAX_LISTED = 5
# A heading of another year's figures, unless it is a rate of growth or an index on that year.
OTHER_YEAR = re.compile(
    r"(?<![比较])(?:上年|去年|前年)(?!=)(?!.*(?:增|减|=\s*100|指数|±))|last year", re.IGNORECASE
)
# Of a page's rows that differ between the whole city and its districts, so large a share may show the
# districts above the whole before the headings themselves are suspect.
MAX_EXCEEDED, MIN_COMPARED = 0.5, 5
Spot = tuple[str, int, int]


@dataclass(frozen=True)
class Total:
    """A printed sum. level: province or nation."""

    level: str
    region_code: str
    year: int
    indicator_id: str
    scope: str
    value_printed: str
    value: Decimal
    unit_printed: str
    source_locator: str


@dataclass(frozen=True)
class Refusal:
    """A printed cell that is no figure, or whose row or column could not be read.

    level, region_code, indicator_id and scope are '' where they are not known.
    """

    region: str
    header: str
    value_printed: str
    reason: str
    source_locator: str
    level: str = ""
    region_code: str = ""
    indicator_id: str = ""
    scope: str = ""


@dataclass
class Printed:
    """What a printed table holds. indicators: id of a column that the registry does not know to its words."""

    extract: Extract = field(default_factory=Extract)
    totals: list[Total] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    indicators: dict[str, tuple[str, str]] = field(default_factory=dict)
    tables: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Meaning:
    indicator: str
    unit: str
    scope: str
    header: str
    note: str = ""
    obs_status: str = ""


def printed_pages(
    book: Book, vocabulary: Vocabulary
) -> tuple[dict[str, list[Page]], list[tuple[str, int, str]]]:
    """Pages by table number, when the book is a printed table of a yearbook of cities; {} otherwise. Beside
    them the rows with figures that stand on no page (sheet, row, text), which the reader refuses.

    It is one when a title has a table number, the header names a column of cities, and below it stand cities
    of several provinces.
    """
    tables: dict[str, list[Page]] = {}
    untitled: list[Page] = []
    stray: list[tuple[str, int, str]] = []
    number = ""
    for sheet in book.sheets:
        if len(sheet.rows) < 1 or (sheet.is_delimited and not _has_title(sheet)):
            continue
        found, left = layout.pages(_wide(sheet), vocabulary.regions.is_name)
        if found:
            stray += [(sheet.name, row, text) for row, text in left if STRAY_FIGURE.search(text)]
        for page in found:
            # 2-13 on a continuation of 2-15 was misread when the header is that of 2-15, and would mean
            # the same wherever it stood.
            held = tables.get(number, [])
            if page.number and not (
                held
                and not page.title
                and _same_header(held, page)
                and _is_misread(page, held[0].title, vocabulary)
            ):
                number = page.number
            if number:
                tables.setdefault(number, []).append(page)
            else:
                untitled.append(page)
    for page in reversed(untitled):
        # A first page whose title was lost is of the table that continues it; another is refused as none.
        first = next(iter(tables), "")
        tables.setdefault(first if first and _same_header(tables[first], page) else "", []).insert(0, page)
    if set(tables) == {""}:
        return {}, []
    # A page without a header has the columns of the page before, and its cities count.
    agreed = {n: layout.agreed(pages, vocabulary.header_indicators) for n, pages in tables.items()}
    known = sum(
        vocabulary.regions.is_name(_at(row, segment.region)) in ("province", "prefecture", "both")
        for pages in agreed.values() for page in pages for segment in page.segments for _, row in page.body
    )  # fmt: skip
    if known < 5:
        return {}, []
    return agreed, stray


def _same_header(held: list[Page], page: Page) -> bool:
    def words(of: Page) -> list[str]:
        return [c.words for s in of.segments for c in s.columns]

    previous = next((words(p) for p in held if p.segments), [])
    now = words(page)
    return not now or (
        len(now) == len(previous)
        and all(layout.alike(a, b) >= layout.ALIKE for a, b in zip(now, previous, strict=True))
    )


def _is_misread(page: Page, title: str, vocabulary: Vocabulary) -> bool:
    """Its number can be no table's, or its header is of the title above.

    Such a header says by itself what is measured and of what, or has a column of such titles alone.
    """
    if not re.fullmatch("[123]-[1-9][0-9]?", page.number):
        return True
    columns = [c for s in page.segments for c in s.columns]
    if not page.number.startswith("3") and not all(c.scope for c in columns):
        return False
    names = [vocabulary.header_indicators(c.words) for c in columns]
    if all(
        len(n) == 1 or (not n and QUANTITY.search(c.words.split("/")[-1]))
        for n, c in zip(names, columns, strict=True)
    ):
        return True
    subject = layout.clean_title(title)
    found = [vocabulary.printed_aliases(f"{subject}//{c.words}") for c in columns]
    return any(
        len(n) == 1 and a and not a[0].pattern.pattern.startswith(".*//")
        for n, a in zip(names, found, strict=True)
    )


def _has_title(sheet: Sheet) -> bool:
    return any(layout.table_number(c)[0] for _, row in sheet.rows[:5] for c in row[:1] if c.strip())


def _wide(sheet: Sheet) -> Sheet:
    """A title may stand in any cell of its row: bring it to the front, which is behind the blank columns."""
    rows = []
    front = layout.inset(sheet)
    for number, row in sheet.rows:
        first = next((k for k, c in enumerate(row) if c.strip()), 0)
        alone = sum(bool(c.strip()) for c in row) == 1
        if (
            first > front
            and alone
            and (layout.table_number(row[first])[0] or layout.UNIT_LINE.search(plain(row[first])))
        ):
            row = (*("" for _ in range(front)), row[first], *("" for _ in row[front + 1 :]))
        rows.append((number, row))
    return replace(sheet, rows=tuple(rows))


class PrintedReader:
    """Reads the tables of one file. year: of the figures."""

    def __init__(
        self,
        file: str,
        registry: Registry,
        vocabulary: Vocabulary,
        publication: Publication,
        edition: int,
        year: int,
    ) -> None:
        self.file = file
        self.registry = registry
        self.vocabulary = vocabulary
        self.publication = publication
        self.edition = edition
        self.year = year
        self.out = Printed()
        self._numbers: dict[str, tuple[Decimal | None, str, str]] = {}
        self._notes: list[str] = []
        self._comments: dict[Spot, str] = {}
        self._doubts: dict[Spot, str] = {}
        # Remarks that were applied where they stand: of a row or of a cell.
        self._applied: set[Spot] = set()
        self._twice: set[tuple[str, str, int, str, str]] = set()
        # Figures of rows that name a city where it cannot be, by the cell that they would be.
        self._rivals: dict[tuple[str, str, int, str, str], set[tuple[Decimal, str]]] = {}

    def read(
        self,
        tables: dict[str, list[Page]],
        texts: dict[Spot, str],
        stem: str,
        stray: list[tuple[str, int, str]],
        comments: dict[Spot, str] | None = None,
        doubts: dict[Spot, str] | None = None,
    ) -> Printed:
        """Cells of every table. texts: words of the file, notes among them, by sheet, row and column. stem:
        file name, a witness of scope and number. stray: rows with figures that stand on no page. comments:
        what somebody noted at a cell; doubts: why one may show another figure than it stores."""
        self.out.tables = tuple(tables)
        self._comments, self._doubts = comments or {}, doubts or {}
        for sheet, row, text in stray:
            self.out.refused.append(
                Refusal("", "", text, "stands on no page of a table", locator(sheet, row, 1))
            )
        self._notes = [
            t
            for t in texts.values()
            if REDEFINES.search(t) and re.match(r"^\W*(?:注|note)", t, re.IGNORECASE)
        ]
        for number, pages in tables.items():
            self._table(number, pages, stem)
        self._close_blanks()
        self._drop_contested()
        self._redefined()
        self._estimated(texts | self._comments)
        self._summary()
        return self.out

    # One table --------------------------------------------------------------------------------------------

    def _table(self, number: str, pages: list[Page], stem: str) -> None:
        title = next((p.title for p in pages if p.title), "")
        if not title and layout.table_number(stem)[0] == number:
            title = layout.table_number(stem)[1]
        scope, problem = self._title_scope(number, title, stem, pages)
        if not problem and not CHINESE.search(title):
            problem = (
                f"continues table {number}, whose first page is not in this file"
                if number
                else "has no title with the number of a table"
            )
        if problem:
            self._error(pages[0].sheet, pages[0].row, 1, "table", title, problem)
            return
        is_county = self._is_county(number, pages)
        for page in pages:
            if page.own_title and layout.clean_title(page.own_title) != layout.clean_title(title):
                self._error(
                    page.sheet,
                    page.row,
                    1,
                    "table",
                    page.own_title,
                    f"is another title than that of {number}",
                )
                return
            for at, text in page.loose:
                # A year, a unit or a scope above a table is never passed over, and above a page that
                # continues it every word may be the title of another.
                if page is not pages[0] or re.search(
                    r"(?<![0-9])(?:19|20)[0-9]{2}(?![0-9])|单位|全市|市辖区", text
                ):
                    self._error(
                        page.sheet, at, 1, "table", text, "stands above a table and is not understood"
                    )
                    return
        meanings: dict[tuple[int, int, int], _Meaning | None] = {}
        named: list[Named] = []
        sizes = _sizes(pages)
        out_of_order = _out_of_order(pages)
        for p, page in enumerate(pages):
            for s, segment in enumerate(page.segments):
                for column in segment.columns:
                    ratio = sizes.get((p, s, column.place), 0.0)
                    meanings[p, s, column.place] = self._meaning(
                        page, column, title, scope, ratio, is_county=is_county
                    )
            for s, segment in enumerate(page.segments):
                problem = (
                    "begins a table whose headings stand a column beside their figures"
                    if _is_shifted(pages, p, s)
                    else "begins headings in another order than on the other pages of the table"
                    if (p, s) in out_of_order
                    else ""
                )
                if problem:
                    self._column_problem(page, segment.columns[0], f"{problem}: the page is left out")
                    meanings |= {(p, s, column.place): None for column in segment.columns}
        # Two columns of regions on a page are read one below the other, page by page.
        for p, page in enumerate(pages):
            for s, segment in enumerate(page.segments):
                for line, cells in page.body:
                    name = _at(cells, segment.region)
                    if plain(name):
                        named.append(Named((p, s, line), name, _at(cells, segment.english)))
        regions = RegionColumn(self.vocabulary.regions, self.year, county=is_county).resolve(named)
        for p, page in enumerate(pages):
            for s, segment in enumerate(page.segments):
                columns = [(c, meanings[p, s, c.place]) for c in segment.columns]
                if not page.segments[0].columns:
                    continue
                for line, cells in page.body:
                    self._row(page, segment.region, line, cells, regions.get((p, s, line)), columns)
            self._compare_scopes(page)

    def _is_county(self, number: str, pages: list[Page]) -> bool:
        names = [clean(_at(row, s.region)) for p in pages for s in p.segments for _, row in p.body]
        known = [n for n in names if n.endswith("市")]
        cities = {n for _, n, _, _ in self.vocabulary.regions.prefectures(self.year)}
        counties = {n for _, n, _, _ in self.vocabulary.regions.county_cities()}
        n_cities, n_counties = sum(n in cities for n in known), sum(n in counties for n in known)
        return n_counties > n_cities if n_cities + n_counties else number.startswith("3")

    def _title_scope(self, number: str, title: str, stem: str, pages: list[Page]) -> tuple[str, str]:
        """Scope of the title and of the file's name, which may not contradict one another."""
        reported = {s for p in pages for t in (p.title, p.own_title) if (s := layout.title_scope(t))}
        of_file = layout.title_scope(stem)
        if of_file and layout.table_number(stem)[0] in ("", number):
            reported.add(of_file)
        if len(reported) > 1:
            return "", "the title and the file's name say different scopes (全市, 市辖区)"
        return (reported.pop() if reported else ""), ""

    def _meaning(
        self, page: Page, column: Column, title: str, title_scope: str, ratio: float, *, is_county: bool
    ) -> _Meaning | None:
        """What a column holds; None after a problem. ratio: its figures over those of the other pages."""
        header = column.words
        if not header or layout.LOST in header:
            self._column_problem(page, column, "has figures but no header that can be read")
            return None
        if column.scope == layout.BOTH:
            self._column_problem(
                page, column, "says the whole city in one language and the districts in the other"
            )
            return None
        if OTHER_YEAR.search(header):
            self._column_problem(page, column, "is of another year than the table")
            return None
        scope = column.scope or title_scope
        if column.scope and title_scope and column.scope != title_scope:
            self._column_problem(
                page, column, f"stands under {column.scope}, but the title says {title_scope}"
            )
            return None
        subject = layout.clean_title(title)
        text = f"{subject}//{header}"
        note = letter = ""
        # What the print itself got wrong and a registry row corrects, with its proof.
        for row in self.registry.header_corrections:
            if (
                row["publication_id"] == self.publication.publication_id
                and int(row["edition"]) == self.edition
                and row["table_title"] == subject
                and row["header"] == header
                and row["scope"] in ("", scope)
                and row["unit"] in ("", column.unit or page.unit)
            ):
                if row["unit_corrected"]:
                    column = replace(column, unit=row["unit_corrected"], unit_elsewhere="")
                scope = row["scope_corrected"] or scope
                if row["header_corrected"]:
                    header = row["header_corrected"]
                    text = f"{subject}//{header}"
                note, letter = row["reason"], row["obs_status"]
        if is_county:
            kept = "county_level_city"
        elif scope:
            kept = SCOPE[scope]
        else:
            self._column_problem(
                page, column, "does not say whether it is of the whole city or of the districts"
            )
            return None
        aliases = self.vocabulary.printed_aliases(text)
        if is_county:
            # What the panel of cities alone holds has an id of its own in the tables of counties.
            aliases = [a for a in aliases if not self.registry.indicators[a.indicator].panel_scope]
        units = self._units(page, column)
        printed = column.unit or page.unit
        if not units and not printed and aliases and aliases[0].unit:
            units = (aliases[0].unit,)
            note = "; ".join(filter(None, (note, f"no unit printed: {aliases[0].note}")))
        if not units:
            printed = printed or page.unit_english
            self._column_problem(
                page, column, f"has the unit {printed!r}, which nobody knows" if printed else "prints no unit"
            )
            return None
        if self._contradicted(page, column, units):
            return None
        elsewhere = self.vocabulary.units_of(column.unit_elsewhere) if column.unit_elsewhere else ()
        if elsewhere and column.unit_elsewhere != printed and set(elsewhere) != set(units):
            shift = self.registry.units[elsewhere[0]].scale - self.registry.units[units[0]].scale
            is_kind = self.registry.units[elsewhere[0]].dimension == self.registry.units[units[0]].dimension
            # Figures of the size of the other pages under another unit: one of the two units is misprinted.
            # Of two kinds of unit it is the one that the indicator cannot have.
            only_own = any(self.vocabulary.unit_for(a.indicator, units) for a in aliases) and not any(
                self.vocabulary.unit_for(a.indicator, elsewhere) for a in aliases
            )
            if (
                (not is_kind and not only_own)
                or (is_kind and not ratio)
                or (is_kind and abs(math.log10(ratio) - shift) > abs(shift) / 2)
            ):
                self._column_problem(
                    page,
                    column,
                    f"has the unit {printed!r}, but the other pages of the table {column.unit_elsewhere!r}",
                )
                return None
        for alias in aliases:
            unit = self.vocabulary.unit_for(alias.indicator, units)
            if unit:
                remark = "; ".join(filter(None, (note, alias.note if alias.obs_status else "")))
                return _Meaning(alias.indicator, unit, kept, header, remark, letter or alias.obs_status)
        if aliases:
            wanted = " or ".join(
                self.registry.units[self.registry.indicators[a.indicator].unit].name_en for a in aliases
            )
            names = ", ".join(a.indicator for a in aliases)
            self._column_problem(page, column, f"has the unit {printed!r}, but {names} is in {wanted}")
            return None
        unit = "count" if "count" in units else units[0]
        words = header if QUANTITY.search(header.split("/")[-1]) else f"{subject}/{header}"
        indicator = unknown_id(words, kept, self.registry.units[unit].dimension)
        self.out.indicators.setdefault(indicator, (words, " / ".join(column.english)))
        return _Meaning(indicator, unit, kept, header, note)

    def _contradicted(self, page: Page, column: Column, units: tuple[str, ...]) -> bool:
        """True, with a problem, when the line of the page's unit says another than the header of a column;
        a warning when the English words do, of which the Chinese ones are the text."""

        def is_other(text: str) -> bool:
            others = [self.registry.units[u] for u in self.vocabulary.units_of(text)] if text else []
            own = [self.registry.units[u] for u in units]
            kinds = {u.dimension for u in own} & {u.dimension for u in others}
            return bool(kinds) and not {(u.dimension, u.scale) for u in own} & {
                (u.dimension, u.scale) for u in others
            }

        if column.unit and is_other(page.unit):
            message = f"has the unit {column.unit!r}, but the line above the table says {page.unit!r}"
            self._column_problem(page, column, message)
            return True
        english = column.unit_english if column.unit else page.unit_english
        if is_other(english):
            chinese = column.unit or page.unit
            message = f"has the unit {chinese!r} in Chinese, which is read, and {english!r} in English"
            self._column_problem(page, column, message)
        return False

    def _units(self, page: Page, column: Column) -> tuple[str, ...]:
        """Units of a column: its own, else the page's; the English one where no Chinese one is known."""
        for printed in (
            column.unit,
            "" if column.unit else page.unit,
            column.unit_english,
            page.unit_english,
        ):
            units = self.vocabulary.units_of(printed) if printed else ()
            if units:
                return units
        return ()

    # One row ------------------------------------------------------------------------------------------------

    def _row(
        self, page: Page, region: int, number: int, row: tuple[str, ...], place: Place | None,
        columns: list[tuple[Column, _Meaning | None]],
    ) -> None:  # fmt: skip
        name = plain(_at(row, region))
        if place is None or not place.level:
            reason = "names no region" if place is None else place.reason
            for column, _ in columns:
                text = _at(row, column.place)
                if text.strip():
                    self._refuse(page, number, column, name, text, reason, place.nearest if place else ())
            has_figures = any(_at(row, c.place).strip() for c, _ in columns)
            if has_figures and NOT_IN_YEAR.match(reason):
                # A city that was none in that year speaks against the edition that the file was taken for.
                message = f"{reason}: is edition {self.edition} the right one?"
                self._error(page.sheet, number, region, "year", name, message)
            if has_figures:
                self.out.extract.dropped[f"{page.sheet}: {name[:20] or 'row'} ({reason})"] += 1
            if place is not None and place.code:
                self._rival(place.code, row, columns)
            return
        kept = False
        reported = [self._comments.get((page.sheet, number, region), "")]
        for column, meaning in columns:
            text = plain(_at(row, column.place))
            if meaning is None and CHINESE.search(text) and (claims_in(text) or no_years_figures(text)):
                reported.append(text)
                self._applied.add((page.sheet, number, column.place))
        self._applied.add((page.sheet, number, region))
        remark = "; ".join(filter(None, reported))
        for column, meaning in columns:
            text = _at(row, column.place)
            if meaning is None:
                if text.strip() and (page.sheet, number, column.place) not in self._applied:
                    self._refuse(
                        page, number, column, name, text, "stands in a column that is not understood"
                    )
                continue
            value, status, problem = self._figure(text)
            if problem:
                self._refuse(page, number, column, name, text, problem, place=place, meaning=meaning)
                continue
            at = locator(page.sheet, number, column.place)
            if place.level in ("province", "nation"):
                if value is not None:
                    self.out.totals.append(
                        Total(
                            place.level,
                            place.code,
                            self.year,
                            meaning.indicator,
                            meaning.scope,
                            text.strip(),
                            value,
                            meaning.unit,
                            at,
                        )
                    )
                continue
            self._applied.add((page.sheet, number, column.place))
            noted = "; ".join(
                filter(None, (remark, self._comments.get((page.sheet, number, column.place), "")))
            )
            if value is not None and noted and (why := no_years_figures(noted)):
                problem = f"has a remark that {why}: {noted}"
                self._refuse(page, number, column, name, text, problem, place=place, meaning=meaning)
                continue
            doubt = self._doubts.get((page.sheet, number, column.place), "") if value is not None else ""
            comment = "; ".join(filter(None, (place.comment, meaning.note, noted, doubt)))
            cell = Cell(
                region_level=place.level,
                region_code=place.code,
                year=self.year,
                indicator_id=meaning.indicator,
                value_printed=text.strip(),
                value=value,
                unit_printed=meaning.unit,
                obs_status_all=meaning.obs_status if meaning.obs_status and value is not None else status,
                impute_method=None,
                impute_by=None,
                suspect_codes=None,
                obs_comment=comment or None,
                source_locator=at,
                scope=meaning.scope,
            )
            if value is not None and (claims := claims_in(noted)):
                self._claim(cell, claims[0])
            if doubt:
                self._flag_cell(cell)
            kept = self._keep(cell, page, number, column, name) or kept
        self.out.extract.n_rows += kept

    def _rival(self, code: str, row: tuple[str, ...], columns: list[tuple[Column, _Meaning | None]]) -> None:
        """A city is named in a row that may be another's: its own row stands only where the figures agree."""
        for column, meaning in columns:
            value = self._figure(_at(row, column.place))[0]
            if meaning is None or value is None:
                continue
            level = "county" if meaning.scope == "county_level_city" else "prefecture"
            key = (level, code, self.year, meaning.indicator, meaning.scope)
            self._rivals.setdefault(key, set()).add((value, meaning.unit))

    def _drop_contested(self) -> None:
        cells = self.out.extract.cells
        for key, figures in self._rivals.items():
            cell = cells.get(key)
            if cell is not None and cell.value is not None and figures != {(cell.value, cell.unit_printed)}:
                del cells[key]
                name = self.vocabulary.regions.name_of(cell.region_code)
                reason = "another row that names this city has other figures"
                self.out.refused.append(
                    Refusal(name, cell.indicator_id, cell.value_printed, reason, cell.source_locator)
                )

    def _keep(self, cell: Cell, page: Page, number: int, column: Column, name: str) -> bool:
        key = cell.key
        if key in self._twice:
            self._refuse(
                page,
                number,
                column,
                name,
                cell.value_printed,
                "is printed more than once, with different figures",
            )
            return False
        existing = self.out.extract.cells.get(key)
        if (
            existing is None
            or existing.value is None
            or (existing.value, existing.unit_printed) == (cell.value, cell.unit_printed)
        ):
            if existing is None or existing.value is None:
                self.out.extract.cells[key] = cell
            return True
        if cell.value is None:
            return True
        # Neither of two different figures for one cell can be trusted.
        del self.out.extract.cells[key]
        self._twice.add(key)
        sheet, _, at = existing.source_locator.rpartition("!")
        self.out.refused.append(
            Refusal(
                name,
                column.words,
                existing.value_printed,
                f"contradicts {cell.value_printed!r} at {cell.source_locator}",
                f"{sheet}!{at}",
            )
        )
        self._refuse(
            page,
            number,
            column,
            name,
            cell.value_printed,
            f"contradicts {existing.value_printed!r} at {existing.source_locator}",
        )
        return False

    def _figure(self, text: str) -> tuple[Decimal | None, str, str]:
        """(value, status, problem) of a printed cell."""
        known = self._numbers.get(text)
        if known is None:
            known = self._numbers[text] = self._read_figure(text)
        return known

    def _read_figure(self, text: str) -> tuple[Decimal | None, str, str]:
        bare = text.strip().translate(FULL_WIDTH)
        if PRINTED_NUMBER.fullmatch(bare) and bare.isascii():
            try:
                number = number_of(bare.replace("−", "-").replace("–", "-"))
            except OverflowError:
                return None, "", "is beyond any figure that can be stored"
            if number is not None:
                return number.value, self.publication.obs_status, ""
        sign = re.sub(r"\s+", "", bare).lower()
        own = self.publication.publication_id
        for key in ((own, str(self.edition), sign), (own, "", sign), ("", "", sign)):
            found = self.registry.symbols.get(key)
            if found:
                return None, found[0], ""
        return None, "", "is no figure"

    # What is said about it --------------------------------------------------------------------------

    def _refuse(
        self,
        page: Page,
        number: int,
        column: Column,
        name: str,
        text: str,
        reason: str,
        near: tuple[str, ...] = (),
        *,
        place: Place | None = None,
        meaning: _Meaning | None = None,
    ) -> None:
        if near:
            reason = f"{reason}; nearest: {', '.join(near)}"
        self.out.refused.append(
            Refusal(
                name,
                column.words,
                text.strip(),
                reason,
                locator(page.sheet, number, column.place),
                level=place.level if place else "",
                region_code=place.code if place else "",
                indicator_id=meaning.indicator if meaning else "",
                scope=meaning.scope if meaning else "",
            )
        )

    def _column_problem(self, page: Page, column: Column, message: str) -> None:
        self._error(page.sheet, column.row, column.place, "header", column.words, message, is_warning=True)

    def _error(
        self,
        sheet: str,
        row: int,
        place: int,
        kind: str,
        text: str,
        message: str,
        *,
        is_warning: bool = False,
    ) -> None:
        self.out.extract.causes.add(
            Problem(self.file, locator(sheet, row, place), kind, text, message, is_warning=is_warning)
        )

    def _close_blanks(self) -> None:
        """`1 0469879` is 10469879 where the printed sum of its province adds up with it, and only there."""
        province_of = self.vocabulary.regions.province_of
        cut: dict[tuple[str, str, str], list[Refusal]] = {}
        for refusal in self.out.refused:
            if (
                refusal.indicator_id
                and CUT.fullmatch(refusal.value_printed)
                and refusal.level in ("prefecture", "county")
            ):
                province = province_of(refusal.region_code) or refusal.region_code[:6]
                cut.setdefault((refusal.indicator_id, refusal.scope, province), []).append(refusal)
        if not cut:
            return
        sums: dict[tuple[str, str, str], list[Decimal]] = {}
        for cell in self.out.extract.cells.values():
            province = province_of(cell.region_code) or cell.region_code[:6]
            key = (cell.indicator_id, cell.scope, province)
            if key in cut and cell.value is not None:
                sums.setdefault(key, []).append(cell.value)
        totals = {(t.indicator_id, t.scope, t.region_code): t for t in self.out.totals}
        for key, refusals in cut.items():
            total = totals.get(key)
            others = [
                r
                for r in self.out.refused
                if (r.indicator_id, r.scope) == key[:2]
                and r not in refusals
                and r.level in ("prefecture", "county")
                and (province_of(r.region_code) or r.region_code[:6]) == key[2]
            ]
            if total is None or others:
                continue
            closed = [Decimal(r.value_printed.replace(" ", "")) for r in refusals]
            figures = [*sums.get(key, []), *closed]
            places = max(-int(f.as_tuple().exponent) for f in figures)
            own = max(-int(total.value.as_tuple().exponent), 0)
            rounding = Decimal(5) * Decimal(10) ** -(own + 1) + Decimal(5) * len(figures) * Decimal(10) ** -(
                max(places, 0) + 1
            )
            # Of whole figures nothing is rounded.
            if abs(total.value - sum(figures)) > (rounding if places > 0 or own > 0 else 0):
                continue
            for refusal, value in zip(refusals, closed, strict=True):
                cell = Cell(
                    region_level=refusal.level,
                    region_code=refusal.region_code,
                    year=self.year,
                    indicator_id=refusal.indicator_id,
                    value_printed=refusal.value_printed,
                    value=value,
                    unit_printed=total.unit_printed,
                    obs_status_all=self.publication.obs_status,
                    impute_method=None,
                    impute_by=None,
                    suspect_codes=None,
                    obs_comment=f"blank closed: the printed sum at {total.source_locator} adds up with it",
                    source_locator=refusal.source_locator,
                    scope=refusal.scope,
                )
                if cell.key not in self.out.extract.cells:
                    self.out.extract.cells[cell.key] = cell
                    self.out.refused.remove(refusal)

    def _claim(self, cell: Cell, claim: Claim) -> None:
        """What a remark says of a figure becomes its status."""
        cell.obs_status_all = self.registry.status_list(claim.letter + cell.obs_status_all.replace("A", ""))
        if claim.letter in "IFE":
            cell.impute_method = claim.method
            cell.impute_by = "vendor" if claim.letter == "I" else "unknown"

    def _estimated(self, texts: dict[Spot, str]) -> None:
        """A note that figures were filled or estimated: those of the regions it names, else all."""
        regions = self.vocabulary.regions
        for text in dict.fromkeys(t for spot, t in texts.items() if spot not in self._applied):
            claims = [c for c in claims_in(text) if c.letter in "IFEP"]
            if not claims:
                continue
            cities = {
                code: name for code, name, _, _ in regions.prefectures(self.year) if name.rstrip("市") in text
            }
            provinces = {
                regions.province_code(text[k : k + n])
                for n in (2, 3) for k in range(len(text) - n + 1) if CHINESE.match(text[k])
            } - {""}  # fmt: skip
            for cell in self.out.extract.cells.values():
                if cell.value is None:
                    continue
                province = regions.province_of(cell.region_code) or cell.region_code[:6]
                is_named = cell.region_code in cities or (not cities and province in provinces)
                if cities or provinces:
                    if not is_named:
                        continue
                    self._claim(cell, claims[0])
                else:
                    self._flag_cell(cell)
                cell.obs_comment = "; ".join(filter(None, (cell.obs_comment, f"note of the table: {text}")))

    def _flag_cell(self, cell: Cell) -> None:
        cell.obs_status_all = self.registry.status_list("V" + cell.obs_status_all.replace("A", ""))

    def _compare_scopes(self, page: Page) -> None:
        """The districts of a city are a part of it: a larger figure makes both suspect, and where most
        rows of a page have it the headings are exchanged."""
        rows = {line for line, _ in page.body}
        cells = self.out.extract.cells
        here: dict[str, list[Cell]] = {}
        for cell in cells.values():
            sheet, _, at = cell.source_locator.rpartition("!")
            is_here = sheet == page.sheet and int(at[1:].split("C")[0]) in rows
            if is_here and cell.value is not None and self._is_additive(cell.indicator_id, cell.region_level):
                here.setdefault(cell.indicator_id, []).append(cell)
        for indicator, found in here.items():
            parts = {c.region_code: c for c in found if c.scope == "districts"}
            pairs = [
                (c, parts[c.region_code])
                for c in found
                if c.scope == "whole_prefecture" and c.region_code in parts
                and c.unit_printed == parts[c.region_code].unit_printed
            ]  # fmt: skip
            differing = [(w, p) for w, p in pairs if w.value != p.value]
            exceeding = [(w, p) for w, p in differing if (p.value or 0) > (w.value or 0)]
            if len(exceeding) >= MIN_COMPARED and len(exceeding) > MAX_EXCEEDED * len(differing):
                for cell in found:
                    del cells[cell.key]
                    name = self.vocabulary.regions.name_of(cell.region_code)
                    reason = "stands under a heading (全市, 市辖区) that the figures of its page contradict"
                    self.out.refused.append(
                        Refusal(
                            name, indicator, cell.value_printed, reason, cell.source_locator,
                            cell.region_level, cell.region_code, indicator, cell.scope,
                        )
                    )  # fmt: skip
                continue
            for whole, part in exceeding:
                for cell in (whole, part):
                    self._flag_cell(cell)
                    reported = (
                        f"the districts ({part.value_printed}) exceed the whole city ({whole.value_printed})"
                    )
                    cell.obs_comment = "; ".join(filter(None, (cell.obs_comment, reported)))

    def _is_additive(self, indicator: str, level: str) -> bool:
        """A registered flow or stock that is never negative, of which a part is not larger than the whole."""
        known = self.registry.indicators.get(indicator)
        if known is None or known.kind not in ("flow", "stock"):
            return False
        return self.registry.bounds.get((indicator, level), (0.0, 0.0))[0] >= 0

    def _redefined(self) -> None:
        """A note says that the figures of a province mean something else: D on its cells."""
        regions = self.vocabulary.regions
        for note in dict.fromkeys(self._notes):
            codes = {
                regions.province_code(note[k : k + n])
                for n in (2, 3) for k in range(len(note) - n + 1) if CHINESE.match(note[k])
            } - {""}  # fmt: skip
            if not codes or len(codes) > 5:
                continue
            for cell in self.out.extract.cells.values():
                province = regions.province_of(cell.region_code) or f"{cell.region_code[:6]}"
                if province in codes and cell.value is not None:
                    cell.obs_status_all = self.registry.status_list(
                        cell.obs_status_all.replace("A", "") + "D"
                    )
                    cell.obs_comment = "; ".join(
                        filter(None, (cell.obs_comment, f"note of the table: {note}"))
                    )

    def _summary(self) -> None:
        """One warning a cause, with the count and the first places, however many cells it has."""
        by_reason: dict[str, list[Refusal]] = {}
        for refusal in self.out.refused:
            reason = re.sub(
                r"contradicts .*", "is printed more than once, with different figures", refusal.reason
            )
            by_reason.setdefault(reason, []).append(refusal)
        for reason, found in by_reason.items():
            shown = ", ".join(
                f"{r.source_locator} {r.value_printed[:20]!r} ({r.region})" for r in found[:MAX_LISTED]
            )
            more = f" and {len(found) - MAX_LISTED} more" if len(found) > MAX_LISTED else ""
            count = f"{len(found)} cells" if len(found) > 1 else "1 cell"
            self.out.extract.causes.add(
                Problem(
                    self.file, "", "value", "", f"{count} left out: {reason}: {shown}{more}", is_warning=True
                )
            )


def _is_shifted(pages: list[Page], p: int, s: int) -> bool:
    """Whether the headings of a part of a page stand beside their columns, which gives every figure to its
    neighbour."""
    page, columns = pages[p], pages[p].segments[s].columns
    if not columns:
        return False
    first = columns[0]
    # 全市 and 市辖区 follow one another below each heading. Where the first column has one of them and the
    # headings begin with the other, they begin a column late or early.
    order: dict[str, list[str]] = {}
    for column in columns:
        if column.levels and column.scope in SCOPE:
            order.setdefault(column.words, []).append(column.scope)
    begins = [scopes[0] for scopes in order.values() if len(set(scopes)) > 1]
    is_whole = bool(first.levels) and len(set(order.get(first.words, []))) > 1
    if (
        first.scope in SCOPE
        and not is_whole
        and begins
        and sum(scope != first.scope for scope in begins) > len(begins) / 2
    ):
        return True
    filled = {c.place for c in columns if any(_at(row, c.place).strip() for _, row in page.body)}
    if first.levels or first.place not in filled:
        return False
    # Figures under no heading at the front, and a heading over no figures behind.
    if columns[-1].levels and columns[-1].place not in filled:
        return True
    usual: dict[str, set[int]] = {}
    for q, other in enumerate(pages):
        if q != p and s < len(other.segments):
            for column in other.segments[s].columns:
                usual.setdefault(column.words + column.scope, set()).add(column.place)
    moved = {
        column.place - min(usual[key], key=lambda place, c=column: abs(place - c.place))  # type: ignore[misc]
        for column in columns if column.levels and (key := column.words + column.scope) in usual
    }  # fmt: skip
    return len(moved) == 1 and 0 not in moved


def _out_of_order(pages: list[Page]) -> set[tuple[int, int]]:
    """Pages, and their parts, whose headings follow one another in an order that most other pages of the
    table do not share; where as many have the one as the other, all of them.

    A print sets every page of a table alike: of 837 workbooks of fifteen editions none has such a page. So
    either the headings were exchanged or the columns were, and nothing on the page tells which.
    """
    parts: dict[tuple[int, int], list[tuple[str, str]]] = {}
    for p, page in enumerate(pages):
        for s, segment in enumerate(page.segments):
            count = Counter((c.words, c.scope) for c in segment.columns)
            parts[p, s] = [
                (c.words, c.scope) for c in segment.columns if c.words and count[c.words, c.scope] == 1
            ]
    follows = Counter(pair for order in parts.values() for pair in combinations(order, 2))
    return {
        part
        for part, order in parts.items()
        if any(follows[two, one] >= follows[one, two] for one, two in combinations(order, 2))
    }


def _sizes(pages: list[Page]) -> dict[tuple[int, int, int], float]:
    """By page, segment and place: the median of a column over that of the same words on other pages."""
    medians: dict[tuple[int, int, int], float] = {}
    groups: dict[tuple[str, str], list[tuple[int, int, int]]] = {}
    for p, page in enumerate(pages):
        for s, segment in enumerate(page.segments):
            for column in segment.columns:
                texts = [_at(row, column.place).strip() for _, row in page.body]
                figures = [
                    abs(float(t.replace(",", "")))
                    for t in texts
                    if re.fullmatch(r"-?[0-9,]*[0-9](?:\.[0-9]+)?", t)
                ]
                positive = [f for f in figures if f]
                if positive:
                    medians[p, s, column.place] = statistics.median(positive)
                    groups.setdefault((column.words, column.scope), []).append((p, s, column.place))
    sizes = {}
    for keys in groups.values():
        for key in keys:
            others = [medians[k] for k in keys if k != key]
            if others:
                sizes[key] = medians[key] / statistics.median(others)
    return sizes


def _at(row: tuple[str, ...], place: int) -> str:
    return row[place - 1] if 0 < place <= len(row) else ""
