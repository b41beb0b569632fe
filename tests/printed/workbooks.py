"""Workbooks in the layouts of the City Statistical Yearbook, and what their pages show.

A Print is one file: pages with a title, a unit line, columns and rows of printed texts. It is drawn into .xlsx in
the layout of its edition, and shown() says, from the pages alone and without the reader, which figure each cell
is. The cities, provinces and their order are those of the registry; GDP and revenue of the 36 major cities are
those of seeds/yearbook, every other figure is drawn at random and means nothing.
"""

from __future__ import annotations

import copy
import csv
import io
import random
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cache
from pathlib import Path

import openpyxl

ROOT = Path(__file__).resolve().parents[2]
PROVINCES = ("130000", "210000", "320000", "330000")
COUNTY_PROVINCES = ("130000", "210000", "320000", "330000", "340000", "350000")
MUNICIPALITIES = ("110000", "120000")
WHOLE, DISTRICTS, COUNTY = "whole_prefecture", "districts", "county_level_city"
SCOPES = {"whole": WHOLE, "districts": DISTRICTS}
SCOPE_WORDS = {"whole": ("全市", "Total City"), "districts": ("市辖区", "Districts\nunder City")}
# Unit as printed: (dimension, power of ten).
UNITS = {
    "元": ("yuan", 0), "万元": ("yuan", 4), "亿元": ("yuan", 8), "万美元": ("usd", 4), "百万美元": ("usd", 6),
    "人": ("persons", 0), "万人": ("persons", 4), "%": ("pct", 0), "‰": ("per_mille", 0), "个": ("count", 0),
    "万吨": ("tonnes", 4),
    "所": ("count", 0),
}  # fmt: skip
UNITS_ENGLISH = {
    "元": "(yuan)", "万元": "(10 000 yuan)", "亿元": "(100 000 000 yuan)", "万美元": "(USD 10 000)",
    "百万美元": "", "人": "(person)", "万人": "(10 000 persons)", "%": "(%)", "‰": "(‰)", "个": "(unit)",
    "万吨": "(10 000 tons)", "所": "(unit)",
}  # fmt: skip
REGISTRY_UNIT = {
    "yuan": 0, "10k_yuan": 4, "100m_yuan": 8, "10k_usd": 4, "1m_usd": 6, "persons": 0, "10k_persons": 4, "pct": 0,
    "per_mille": 0, "count": 0, "institutions": 0, "enterprises": 0, "zones": 0, "10k_t": 4,
}  # fmt: skip
# Words of a header, under a title where they need one: indicator and dimension.
MEANINGS = {
    "地区生产总值(当年价格)": ("gdp", "yuan"),
    "地区生产总值": ("gdp", "yuan"),
    "人均地区生产总值": ("gdp_per_capita_printed", "yuan"),
    "地区生产总值增长率": ("gdp_growth", "pct"),
    "第一产业占GDP的比重": ("gdp_primary_share", "pct"),
    "第二产业占GDP的比重": ("gdp_secondary_share", "pct"),
    "第三产业占GDP的比重": ("gdp_tertiary_share", "pct"),
    "第一产业增加值": ("gdp_primary", "yuan"),
    "第二产业增加值": ("gdp_secondary", "yuan"),
    "第三产业增加值": ("gdp_tertiary", "yuan"),
    "地方财政一般预算内收入": ("general_public_budget_revenue", "yuan"),
    "地方财政一般预算内支出": ("general_public_budget_expenditure", "yuan"),
    "公共财政收入": ("general_public_budget_revenue", "yuan"),
    "公共财政支出": ("general_public_budget_expenditure", "yuan"),
    "地方一般公共预算收入": ("general_public_budget_revenue", "yuan"),
    "地方一般公共预算支出": ("general_public_budget_expenditure", "yuan"),
    "科学支出": ("science_expenditure", "yuan"),
    "科学技术支出": ("science_expenditure", "yuan"),
    "教育支出": ("education_expenditure", "yuan"),
    "年末总人口": ("registered_population_year_end", "persons"),
    "年末户籍人口": ("registered_population_year_end", "persons"),
    "常住人口": ("resident_population_year_end", "persons"),
    "常住人口/城镇常住人口": ("urban_population_year_end", "persons"),
    "年平均人口": ("population_annual_average", "persons"),
    "自然增长率": ("natural_population_growth", "per_mille"),
    "货物进口额": ("imports", "yuan"),
    "货物出口额": ("exports", "yuan"),
    "货物进口额 in usd": ("imports_usd", "usd"),
    "货物出口额 in usd": ("exports_usd", "usd"),
    "当年实际使用外资金额": ("foreign_investment_actual", "usd"),
    "社会消费品零售总额": ("retail_sales_consumer_goods", "yuan"),
    "学校数//普通高等学校": ("universities", "count"),
    "学校数//普通中学": ("secondary_schools", "count"),
    "专任教师数//普通高等学校": ("universities_teachers", "persons"),
    "专任教师数//普通中学": ("secondary_teachers", "persons"),
    "在校学生数//普通高等学校": ("university_students_enrolled", "persons"),
    "在校学生数//普通中学": ("secondary_students", "persons"),
}  # fmt: skip


@dataclass
class Column:
    """A column of figures as printed. words: levels of its header, outermost first; unit: '' where the page says it."""

    words: tuple[str, ...]
    english: tuple[str, ...] = ()
    unit: str = ""
    scope: str = ""
    digits: int = 0
    # Other words for the scope than those of the edition, such as 全辖区 or Districts beside 全市.
    scope_words: tuple[str, str] | None = None


@dataclass
class Row:
    """A printed row. level: nation, province, city or county."""

    level: str
    code: str
    name: str
    english: str
    cells: list[str]

    @property
    def is_region(self) -> bool:
        return self.level in ("city", "county")


@dataclass
class Page:
    """A printed page. title: '' on a page that continues. sheet: name of its sheet. heading: all of its title,
    where it is not the usual one. loose: texts above its header, below: texts under its rows."""

    number: str
    title: str
    title_english: str
    unit: str
    columns: list[Column]
    rows: list[Row]
    continued: int = 0
    sheet: str = "1-7"
    heading: str | None = None
    loose: list[str] = field(default_factory=list)
    below: list[str] = field(default_factory=list)
    has_header: bool = True
    unit_english: str | None = None
    is_side_by_side: bool = False


@dataclass
class Print:
    """One file of an edition. folders: from the outermost."""

    edition: int
    folders: list[str]
    name: str
    pages: list[Page]
    is_county: bool = False
    extra_sheets: bool = True
    blank_rows: list[int] = field(default_factory=list)
    blank_columns: list[int] = field(default_factory=list)

    @property
    def path(self) -> str:
        return "/".join([*self.folders, self.name])

    def copy(self) -> Print:
        return copy.deepcopy(self)


# Regions and figures of the repository ----------------------------------------------------------------


@cache
def seed(path: str) -> tuple[dict[str, str], ...]:
    with (ROOT / "seeds" / path).open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))


def latin(name: str) -> str:
    return re.sub(r"\s*\(.*", "", name)


@cache
def cities(year: int) -> dict[str, tuple[str, str, str]]:
    """Code of a prefecture-level city to its Chinese name, English name and province."""
    return {
        row["region_code"]: (row["name_zh"], latin(row["name_en"]), row["province_code"])
        for row in seed("registry/region.csv")
        if row["region_level"] == "prefecture"
        and int(row["valid_from_year"] or 0) <= year <= int(row["valid_to_year"] or 9999)
    }


@cache
def counties() -> dict[str, tuple[str, str, str]]:
    return {
        row["region_code"]: (row["name_zh"], latin(row["name_en"]), row["province_code"])
        for row in seed("registry/county_level_city.csv")
    }


@cache
def provinces() -> dict[str, tuple[str, str]]:
    return {
        row["region_code"]: (row["name_zh"], row["name_en"])
        for row in seed("registry/region.csv")
        if row["region_level"] == "province"
    }


@cache
def official() -> dict[tuple[str, int, str], Decimal]:
    """Figures of the 36 major cities in 100 million yuan."""
    return {
        (r["region_code"], int(r["year"]), r["indicator_id"]): Decimal(r["value"])
        for r in seed("yearbook/city_yearbook.csv")
        if r["unit"] == "100m_yuan" and r["value"]
    }


# Tables ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Spec:
    """A table as an edition prints it. pairs: each column stands under 全市 and under 市辖区."""

    number: str
    title: str
    english: str
    columns: tuple[Column, ...]
    unit: str = ""
    pairs: bool = True
    is_county: bool = False


def pairs(columns: Iterable[Column]) -> list[Column]:
    return [replace(c, scope=scope) for c in columns for scope in ("whole", "districts")]


def specs(edition: int) -> dict[str, Spec]:
    """The tables of an edition, by a short name."""
    money = "万元" if edition < 2020 else "亿元"
    if edition < 2013:
        revenue, spending, science = "地方财政一般预算内收入", "地方财政一般预算内支出", "科学支出"
        budget, budget_english = "地方财政一般预算内收支状况", "General Budgetary Revenue and Expenditure"
    elif edition < 2018:
        revenue, spending, science = "公共财政收入", "公共财政支出", "科学技术支出"
        budget, budget_english = "地方公共财政收支状况", "Public Finance Income and Expenditure"
    else:
        revenue, spending, science = "地方一般公共预算收入", "地方一般公共预算支出", "科学技术支出"
        budget, budget_english = (
            "地方一般公共预算收支状况",
            "Local General Public Budget Revenue and Expenditure",
        )
    budget_columns = (
        Column((revenue,), ("Budget Revenue",)),
        Column((spending,), ("Budget Expenditure",)),
        Column((science,), ("Expenditure for Science",)),
        Column(("教育支出",), ("Expenditure for Education",)),
    )
    schools = (
        Column(("普通高等学校",), ("Regular Institutions\nof Higher Education",)),
        Column(("普通中学",), ("Regular Secondary Schools",)),
    )
    if edition < 2018:
        people = Spec(
            "2-1", "人口状况", "Population",
            (
                Column(("年末总人口",), ("Total Population at Year-end",), "万人", digits=2),
                Column(("年平均人口",), ("Annual Average Population",), "万人", digits=2),
                Column(("自然增长率",), ("Natural Growth Rate",), "‰", digits=2),
            ),
        )  # fmt: skip
    elif edition < 2021:
        people = Spec(
            "2-1", "人口及户数", "Population and Number of Households",
            (
                Column(("年末户籍人口",), ("Household Registered\nPopulation at Year-end",), "万人"),
                Column(("年平均人口",), ("Annual Average\nPopulation",), "万人"),
            ),
        )  # fmt: skip
    else:
        people = Spec(
            "2-1", "人口数", "Resident Population",
            (
                Column(("常住人口",), ("Resident Population",)),
                Column(("常住人口", "城镇常住人口"), ("Resident Population", "Urban Resident Population")),
            ),
            unit="万人",
        )  # fmt: skip
    trade_unit = "万美元" if edition < 2019 else "万元"
    return {
        "gdp": Spec(
            "2-13", "地区生产总值", "Gross Regional Product",
            (
                Column(("地区生产总值(当年价格)",), ("Gross Regional Product\n(Current Prices)",), money,
                       digits=0 if money == "万元" else 2),
                Column(("人均地区生产总值",), ("Per Capita GRP",), "元"),
                Column(("地区生产总值增长率",), ("GRP Growth Rate",), "%", digits=2),
            ),
        ),
        "shares": Spec(
            "2-14", "地区生产总值构成", "Composition of Gross Regional Product",
            tuple(
                Column((f"第{n}产业占GDP的比重",), (f"{latin_} Industry as\nPercentage to GRP",), digits=2)
                for n, latin_ in (("一", "Primary"), ("二", "Secondary"), ("三", "Tertiary"))
            ),
            unit="%",
        ),
        "budget": Spec("2-15", f"{budget}(全市)", f"{budget_english} (Total City)", budget_columns, "万元", pairs=False),
        "budget_districts": Spec(
            "2-16", f"{budget}(市辖区)", f"{budget_english} (Districts under City)", budget_columns, "万元", pairs=False
        ),
        "people": people,
        "trade": Spec(
            "2-18", "对外经济贸易情况(全市)", "Foreign Trade and Economic Cooperation (Total City)",
            (
                Column(("货物进口额",), ("Import Volume of\ngoods",), trade_unit),
                Column(("货物出口额",), ("Export Volume of\ngoods",), trade_unit),
                Column(("当年实际使用外资金额",), ("Amount of Foreign Capital\nActually Utilized",), "万美元"),
            ),
            pairs=False,
        ),
        "unknown": Spec(
            "2-39", "夜间经济发展情况", "Development of the Night Economy",
            (
                Column(("夜间经济街区数",), ("Number of Night Markets",), "个"),
                Column(("夜间经济街区营业额",), ("Turnover of Night Markets",), "万元"),
            ),
        ),
        "schools": Spec("2-30", "学校数", "Number of Schools", schools, "所"),
        "teachers": Spec("2-32", "专任教师数", "Number of Full-time Teachers", schools, "人"),
        "students": Spec("2-33", "在校学生数", "Number of Students Enrollment", schools, "人"),
        "county": Spec(
            "3-4", "地区生产总值" if edition > 2011 else "综合经济", "Gross Regional Product",
            (
                Column(("地区生产总值",), ("Gross Regional\nProduct",)),
                Column(("第一产业增加值",), ("Value-added\nof the Primary\nIndustry",)),
                Column(("第二产业增加值",), ("Value-added of\nthe Secondary\nIndustry",)),
            )[2 if edition == 2010 else 0 :],
            "万元", pairs=False, is_county=True,
        ),
    }  # fmt: skip


def folders(edition: int, *, is_county: bool) -> list[str]:
    """The folders of an edition as they are named."""
    part = "三、{}县级城市统计资料" if is_county else "二、{}地级以上城市统计资料"
    year = f"{edition - 1}年" if edition <= 2011 else ""
    excel = "Excel" if edition == 2019 else "excel"
    return [f"中国城市统计年鉴{edition}（{excel}）", part.format(year)]


def make(edition: int, table: str, *, n_pages: int = 3, per_province: int = 7, noise: int = 0) -> Print:
    """The table of an edition, with made-up figures."""
    spec = specs(edition)[table]
    rng = random.Random(f"{edition}/{table}/{noise}")
    columns = pairs(spec.columns) if spec.pairs else [replace(c) for c in spec.columns]
    rows: list[Row] = []
    year = edition - 1
    title_scope = "districts" if "市辖区" in spec.title else "whole"

    def figures(code: str) -> list[str]:
        cells = []
        base = rng.uniform(200, 900)
        # A part of what the whole city has.
        wholes: dict[tuple[str, ...], Decimal] = {}
        for k, column in enumerate(columns):
            scope = column.scope or title_scope
            indicator = meaning_of(column.words, spec.title)
            known = official().get((code, year, indicator)) if scope == "whole" else None
            unit = column.unit or spec.unit
            if known is not None and unit in ("万元", "亿元"):
                value = known * (10_000 if unit == "万元" else 1)
            elif unit in ("%", "‰"):
                value = Decimal(rng.randint(100, 9_999)) / 100
            elif unit == "万人":
                value = Decimal(round(base * rng.uniform(0.2, 1)))
            else:
                value = Decimal(round(base * rng.uniform(40, 90) * (1 + k)))
            if unit not in ("%", "‰"):
                if scope == "whole":
                    wholes[column.words] = value
                elif column.words in wholes:
                    value = wholes[column.words] * Decimal(rng.randint(30, 95)) / 100
            cells.append(f"{value:.{column.digits}f}")
        return cells

    def add(level: str, code: str, name: str, english: str) -> None:
        rows.append(Row(level, code, name, english, figures(code)))

    if not spec.is_county:
        rows.append(Row("nation", "100000", "城市合计", "Prefecture Cities", ["" for _ in columns]))
        for code in MUNICIPALITIES:
            add("city", code, cities(year)[code][0], cities(year)[code][1])
    known = counties() if spec.is_county else cities(year)
    for province in COUNTY_PROVINCES if spec.is_county else PROVINCES:
        name, english = provinces()[province]
        rows.append(Row("province", province, name, english, ["" for _ in columns]))
        members = [code for code, (_, _, block) in known.items() if block == province][:per_province]
        for code in members:
            add("county" if spec.is_county else "city", code, known[code][0], known[code][1])
    if 2012 <= edition <= 2016 and not spec.is_county:
        _add_totals(rows, columns, spec)
    # Some figures are not printed.
    regions = [row for row in rows if row.is_region]
    for row in rng.sample(regions, 2):
        row.cells[rng.randrange(len(columns))] = ""
    rng.choice(regions).cells[rng.randrange(len(columns))] = "…"
    pages = _paged(spec, rows, columns, n_pages, edition)
    suffix = ".xlsx"
    return Print(
        edition=edition,
        folders=folders(edition, is_county=spec.is_county),
        name=f"{spec.number}_{spec.title}{suffix}",
        pages=pages,
        is_county=spec.is_county,
    )


def _add_totals(rows: list[Row], columns: list[Column], spec: Spec) -> None:
    """Sums of provinces and of the nation, where the unit adds up."""
    for k, column in enumerate(columns):
        if (column.unit or spec.unit) in ("%", "‰", "元"):
            continue
        nation = Decimal(0)
        head: Row | None = None
        for row in rows:
            if row.level == "province":
                head = row
            elif row.is_region:
                nation += Decimal(row.cells[k])
                if head is not None:
                    total = Decimal(head.cells[k] or 0) + Decimal(row.cells[k])
                    head.cells[k] = f"{total:.{column.digits}f}"
        rows[0].cells[k] = f"{nation:.{column.digits}f}"


def _paged(spec: Spec, rows: list[Row], columns: list[Column], n_pages: int, edition: int) -> list[Page]:
    per_page = -(-len(rows) // n_pages)
    pages = []
    for k in range(n_pages):
        part = rows[k * per_page : (k + 1) * per_page]
        if part:
            sheet = {2012: str(k + 1), 2024: "Sheet9"}.get(edition, f"1-{n_pages}")
            pages.append(
                Page(
                    spec.number, "" if k else spec.title, "" if k else spec.english, spec.unit,
                    [replace(c) for c in columns], part, continued=k, sheet=sheet,
                    is_side_by_side=edition == 2010 and spec.is_county,
                )
            )  # fmt: skip
    return pages


# What the pages show -------------------------------------------------------------------------------------

FIGURE = re.compile(r"[-−–]?[0-9]+(?:\.[0-9]+)?")
WIDE = str.maketrans("０１２３４５６７８９．－", "0123456789.-")


def meaning_of(words: tuple[str, ...], title: str, dimension: str = "") -> str:
    """Indicator of header words under a title; 'x:' and the words when the registry has none, '' when the
    unit is of another kind."""
    subject = re.sub(r"\s*[(（].*", "", title)
    text = "/".join(words)
    found = MEANINGS.get(f"{subject}//{text}") or MEANINGS.get(text)
    if found and dimension and found[1] != dimension:
        found = MEANINGS.get(f"{text} in {dimension}", ("", ""))
    return found[0] if found else f"x:{text}"


def figure_of(text: str) -> Decimal | None:
    clean = text.strip().translate(WIDE)
    return Decimal(clean.replace("−", "-").replace("–", "-")) if FIGURE.fullmatch(clean) else None


@dataclass(frozen=True)
class Shown:
    """A printed figure of a region. value: in units of one. is_sure: the page says all of it by itself."""

    page: int
    row: int
    column: int
    key: tuple[str, str, str]
    value: Decimal
    is_sure: bool = True


def title_scope(title: str) -> str:
    if "(市辖区)" in title:
        return "districts"
    return "whole" if "(全市)" in title else ""


def shown(print_: Print) -> list[Shown]:
    """Every figure of a region that the pages show, by (code, indicator, scope)."""
    year = print_.edition - 1
    known = counties() if print_.is_county else cities(year)
    by_name: dict[str, list[str]] = {}
    for code, (name, _, _) in known.items():
        by_name.setdefault(name, []).append(code)
    found = []
    title = unit_line = number = ""
    for p, page in enumerate(print_.pages):
        if page.number and page.number != number:
            title, unit_line, number = "", "", page.number
        title = page.title or title
        unit_line = page.unit or unit_line
        province = ""
        for k, column in enumerate(page.columns):
            reported = {s for s in (column.scope, title_scope(title)) if s}
            scope = COUNTY if print_.is_county else SCOPES[reported.pop()] if len(reported) == 1 else ""
            dimension, power = UNITS.get(column.unit or unit_line, ("", 0))
            meaning = meaning_of(column.words, title, dimension)
            if not scope or not dimension or not meaning:
                continue
            for r, row in enumerate(page.rows):
                if row.level == "province":
                    province = row.code
                codes = by_name.get(row.name.strip(), [])
                if len(codes) > 1:
                    codes = [c for c in codes if known[c][2] == (province or row.code[:6])]
                value = figure_of(row.cells[k]) if k < len(row.cells) else None
                if not row.is_region or len(codes) != 1 or value is None:
                    continue
                if row.english and row.english.strip() != known[codes[0]][1]:
                    continue
                key = (codes[0], meaning, scope)
                found.append(Shown(p, r, k, key, value.scaleb(power)))
    return found


# Drawing -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Style:
    """How an edition sets its pages."""

    is_bilingual: bool
    newline: str
    kind: str

    @classmethod
    def of(cls, edition: int) -> Style:
        if edition == 2010:
            return cls(False, "", "cell by cell")
        if edition == 2011:
            return cls(False, "\r\n", "two rows")
        if edition == 2024:
            return cls(True, " ", "single lines")
        return cls(True, "\r\n" if edition < 2021 else "\n", "two rows")


Grid = list[list[str]]
Merge = tuple[int, int, int, int]


def drawn(print_: Print) -> dict[str, tuple[Grid, list[Merge]]]:
    """Rows and merged cells (from 0) of every sheet of a print."""
    sheets: dict[str, tuple[Grid, list[Merge]]] = {}
    style = Style.of(print_.edition)
    for page in print_.pages:
        grid, merges = sheets.setdefault(page.sheet, ([], []))
        if grid:
            grid += [[], [], []] if style.kind == "cell by cell" else [[], []]
        elif style.kind == "cell by cell":
            grid.append([])
        rows, own = _page(page, print_.edition, style)
        merges += [(r0 + len(grid), c0, r1 + len(grid), c1) for r0, c0, r1, c1 in own]
        grid += rows
    for grid, merges in sheets.values():
        for place in sorted(print_.blank_rows, reverse=True):
            if place <= len(grid):
                grid.insert(place, [])
                merges[:] = [
                    (r0 + (r0 >= place), c0, r1 + (r1 >= place), c1)
                    for r0, c0, r1, c1 in merges
                    if not r0 < place <= r1
                ]
        for place in sorted(print_.blank_columns, reverse=True):
            for row in grid:
                if len(row) >= place:
                    row.insert(place, "")
            merges[:] = [(r0, c0 + (c0 >= place), r1, c1 + (c1 >= place)) for r0, c0, r1, c1 in merges]
    return sheets


def _page(page: Page, edition: int, style: Style) -> tuple[Grid, list[Merge]]:
    grid: Grid = [[text] for text in page.loose]
    single = style.kind == "single lines"
    blank: Grid = [[]] if single or style.kind == "cell by cell" else []
    heading = page.heading
    if heading is None:
        heading = _heading(page, edition, style)
    if heading:
        grid += [[heading], *blank]
        if page.title_english and style.is_bilingual:
            grid += [[page.title_english], *blank]
    unit_english = UNITS_ENGLISH.get(page.unit, "") if page.unit_english is None else page.unit_english
    if page.unit or page.unit_english:
        line = f"单位：{page.unit}" if page.unit else ""
        colon = "：" if edition < 2020 or single else ":"
        line = line.replace("：", colon)
        if style.kind == "cell by cell":
            if not page.continued:
                grid += [[f"    {line}"], []]
        elif not style.is_bilingual:
            grid.append([line])
        elif single:
            width = 2 + len(page.columns)
            grid.append([line, *("" for _ in range(width - 2)), unit_english])
        else:
            grid += [[text] for text in (line, unit_english) if text]
    merges: list[Merge] = []
    if page.has_header:
        header = (
            _cell_by_cell(page) if style.kind == "cell by cell" else _header(page, edition, style, merges)
        )
        merges = [(r0 + len(grid), c0, r1 + len(grid), c1) for r0, c0, r1, c1 in merges]
        grid += header
    body: Grid = []
    for row in page.rows:
        inset = "  " if row.is_region and row.code not in MUNICIPALITIES else ""
        lead = [f"{inset}{row.name}"]
        if style.is_bilingual:
            lead.append(f"{inset}{row.english}" if edition >= 2016 else row.english)
        pad = "    " if style.kind == "cell by cell" else ""
        body.append([*lead, *(f"{pad}{c}" if c else "" for c in row.cells)])
    if page.is_side_by_side:
        # The second half of the rows stands to the right of the first, under a header of its own.
        half = -(-len(body) // 2)
        width = 1 + len(page.columns)
        right = [*body[half:], *([""] * width for _ in range(half))]
        body = [[*one, *two] for one, two in zip(body[:half], right, strict=False)]
        for header_row in grid[len(grid) - len(header) :]:
            header_row += header_row[:width]
    grid += body
    grid += [[text] for text in page.below]
    return grid, merges


def _heading(page: Page, edition: int, style: Style) -> str:
    gap = {2010: "", 2011: " ", 2018: "  "}.get(edition, "" if edition % 2 else " ")
    lead = " " if edition == 2010 else ""
    if not page.number:
        return ""
    if page.title:
        return f"{lead}{page.number}{gap}{page.title}"
    if not page.continued:
        return f"{lead}{page.number}"
    if edition == 2010:
        unit = f"单位：{page.unit}" if page.unit else ""
        return f" {page.number}续表{page.continued}{unit}"
    if edition == 2011:
        return f"{page.number} 续表{page.continued}"
    return f"{page.number} 续表 {page.continued} continued {page.continued}"


def _scope_text(column: Column, edition: int, style: Style) -> str:
    if not column.scope and column.scope_words is None:
        return ""
    chinese, english = column.scope_words or SCOPE_WORDS[column.scope]
    if column.scope_words is None and 2017 <= edition <= 2020 and chinese == "全市":
        chinese = "全 市"
    if not style.is_bilingual:
        return chinese
    english = english.replace("\n", " " if style.newline == " " else style.newline)
    return style.newline.join(filter(None, (chinese, english)))


def _broken(text: str, style: Style) -> str:
    return text.replace("\n", style.newline or " ")


def _header(page: Page, edition: int, style: Style, merges: list[Merge]) -> Grid:
    """Header rows: one for each level of words, and one for the scopes."""
    head = "城市" if edition < 2017 else "城 市"
    lead = [head, "City"] if style.is_bilingual else [head]
    n_levels = max((len(c.words) for c in page.columns), default=1)
    has_scopes = any(c.scope or c.scope_words for c in page.columns)
    grid: Grid = [
        [*(lead if k == 0 else ("" for _ in lead)), *("" for _ in page.columns)]
        for k in range(n_levels + has_scopes)
    ]
    before: Column | None = None
    for k, column in enumerate(page.columns):
        place = len(lead) + k
        for level, word in enumerate(column.words):
            is_same = before is not None and before.words[: level + 1] == column.words[: level + 1]
            if is_same and (level < len(column.words) - 1 or has_scopes) and before.unit == column.unit:
                continue
            parts = [word]
            is_last = level == len(column.words) - 1
            if is_last and column.unit:
                parts.append(f"({column.unit})")
            if style.is_bilingual and level < len(column.english):
                parts.append(_broken(column.english[level], style))
                if is_last and column.unit and UNITS_ENGLISH[column.unit]:
                    parts.append(UNITS_ENGLISH[column.unit])
            if word or column.unit:
                grid[level][place] = style.newline.join(filter(None, parts))
        if has_scopes:
            grid[-1][place] = _scope_text(column, edition, style)
        before = column
    if edition != 2012 and len(grid) > 1:
        merges += [(0, k, len(grid) - 1, k) for k in range(len(lead))]
        for level in range(n_levels if has_scopes else 1):
            start = 0
            for k in range(1, len(page.columns) + 1):
                if k == len(page.columns) or grid[level][len(lead) + k]:
                    is_whole = level == 0 or grid[level][len(lead) + start]
                    if k - start > 1 and is_whole:
                        merges.append((level, len(lead) + start, level, len(lead) + k - 1))
                    start = k
    return grid


def _cell_by_cell(page: Page) -> Grid:
    """Header of 2010: a line of print is a row of cells."""
    has_scopes = any(c.scope or c.scope_words for c in page.columns)
    if not has_scopes:
        if all(len(c.words[0]) <= 7 and not c.unit for c in page.columns):
            return [["    城市", *(f"    {c.words[0]}" for c in page.columns)]]
        top, middle, bottom = [""], ["    城市"], [""]
        for column in page.columns:
            word = column.words[0]
            lines = ["", word, ""] if len(word) <= 6 else [word[:6], "", word[6:]]
            if column.unit:
                lines = [word[:6], word[6:], f"({column.unit})"]
            for row, line in zip((top, middle, bottom), lines, strict=True):
                row.append(f"    {line}" if line else "")
        return [top, middle, bottom]
    top, middle, bottom = [""], ["    城市"], [""]
    before: Column | None = None
    for column in page.columns:
        is_same = before is not None and before.words == column.words and before.unit == column.unit
        word, _, remark = column.words[0].partition("(")
        unit = f"{remark.removesuffix(')')}{column.unit}"
        top.append("" if is_same else f"    {word}")
        middle.append("" if is_same or not unit else f"    ({unit})")
        bottom.append(f"    {_scope_text(column, 2010, Style.of(2010))}" if column.scope else "")
        before = column
    return [top, middle, bottom]


def workbook(print_: Print) -> bytes:
    """The .xlsx of a print, with the hidden sheet of the portal and the sheet of a reseller."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, (grid, merges) in drawn(print_).items():
        sheet = book.create_sheet(name)
        for r, row in enumerate(grid, 1):
            for c, text in enumerate(row, 1):
                if text:
                    cell = sheet.cell(r, c)
                    cell.value = text.replace("\r\n", "_x000D_\n")
                    cell.data_type = "s"
        for r0, c0, r1, c1 in merges:
            sheet.merge_cells(start_row=r0 + 1, start_column=c0 + 1, end_row=r1 + 1, end_column=c1 + 1)
    if print_.extra_sheets:
        if print_.edition < 2024:
            hidden = book.create_sheet("CNKI")
            hidden["A1"] = "http://www.cnki.net/"
            hidden.sheet_state = "hidden"
        book.create_sheet("更多数据，尽在【马克数据网】")["A1"] = "百度搜索“马克数据网”，获取更多价值数据！"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
