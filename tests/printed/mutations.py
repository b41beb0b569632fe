"""Ways in which a printed table is altered, each with what its pages then show.

A mutation changes a Print, and shown() of the changed print is what may be read: it knows the pages, not the
reader. Where the altered page is ambiguous the mutation bars the figures that it made so.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal

from tests.printed.reading import Key
from tests.printed.workbooks import (
    COUNTY,
    MUNICIPALITIES,
    Column,
    Page,
    Print,
    Row,
    Shown,
    cities,
    counties,
    figure_of,
    make,
    shown,
    specs,
)


@dataclass
class Mutant:
    """An altered print. demand: what must come in: all, rest (what the mutation has not touched), none, or
    refused (no figure of the file may). barred: figures that may not. also: figures that may, though no page
    says all of them by itself."""

    print_: Print
    demand: str
    barred: set[Key] = field(default_factory=set)
    also: list[Shown] = field(default_factory=list)
    year: int = 0


Mutator = Callable[[Print, random.Random], "Mutant | None"]
HARMLESS: dict[str, Mutator] = {}
HARMFUL: dict[str, Mutator] = {}


def harmless(function: Mutator) -> Mutator:
    HARMLESS[function.__name__] = function
    return function


def harmful(function: Mutator) -> Mutator:
    HARMFUL[function.__name__] = function
    return function


def regions(page: Page) -> list[Row]:
    return [row for row in page.rows if row.is_region]


def full(page: Page) -> list[Row]:
    """Rows of cities of a province, with a figure in every cell."""
    return [
        r
        for r in regions(page)
        if all(figure_of(c) is not None for c in r.cells) and r.code not in MUNICIPALITIES
    ]


def later(print_: Print, rng: random.Random) -> Page:
    return rng.choice(print_.pages[1:])


def keys(
    print_: Print, *, page: Page | None = None, column: int | None = None, row: Row | None = None
) -> set[Key]:
    """Keys of the figures of a page, column or row."""
    return {
        s.key
        for s in shown(print_)
        if (page is None or print_.pages[s.page] is page)
        and (column is None or s.column == column)
        and (row is None or print_.pages[s.page].rows[s.row] is row)
    }


# Rows ---------------------------------------------------------------------------------------------------------


@harmful
def figures_of_two_rows_exchanged(print_: Print, rng: random.Random) -> Mutant:
    one, two = rng.sample(full(rng.choice(print_.pages)), 2)
    one.cells, two.cells = two.cells, one.cells
    return Mutant(print_, "all")


@harmful
def names_of_two_rows_exchanged(print_: Print, rng: random.Random) -> Mutant:
    """Both names: the page shows the other city."""
    one, two = rng.sample(full(rng.choice(print_.pages)), 2)
    if print_.is_county and one.code[:6] != two.code[:6]:
        two = one
    one.name, two.name = two.name, one.name
    one.english, two.english = two.english, one.english
    return Mutant(print_, "rest")


@harmful
def names_exchanged_over_provinces(print_: Print, rng: random.Random) -> Mutant | None:
    """Without English names a city stands in the block of another province: it is that city or nothing."""
    if print_.is_county:
        return None
    pool = [r for p in print_.pages for r in full(p)]
    one = rng.choice(pool)
    two = rng.choice([r for r in pool if r.code[:2] != one.code[:2]])
    one.name, two.name = two.name, one.name
    one.english, two.english = two.english, one.english
    return Mutant(print_, "rest")


@harmful
def chinese_names_exchanged_alone(print_: Print, rng: random.Random) -> Mutant | None:
    """The English names of two cities of a province stay and contradict. Those of counties are no witness: the
    print has them in other rows than the Chinese ones."""
    if print_.edition < 2012 or print_.is_county:
        return None
    pool = full(rng.choice(print_.pages))
    one = rng.choice(pool)
    two = rng.choice([r for r in pool if r.code[:2] == one.code[:2] and r is not one] or [one])
    if one is two:
        return None
    barred = keys(print_, row=one) | keys(print_, row=two)
    one.name, two.name = two.name, one.name
    return Mutant(print_, "rest", barred)


@harmful
def english_name_of_a_city_of_another_province(print_: Print, rng: random.Random) -> Mutant | None:
    """Name and block are two witnesses against one: the city, or nothing."""
    if print_.edition < 2012 or print_.is_county:
        return None
    row = rng.choice(full(rng.choice(print_.pages)))
    also = [s for s in shown(print_) if print_.pages[s.page].rows[s.row] is row]
    others = [(z, e) for z, e, p in cities(print_.edition - 1).values() if p != f"{row.code[:2]}0000"]
    row.english = rng.choice([e for _, e in others if e != row.english])
    return Mutant(print_, "rest", also=also)


@harmful
def chinese_name_of_a_city_of_another_province(print_: Print, rng: random.Random) -> Mutant | None:
    """The English name and the block say one city, the Chinese name another."""
    if print_.edition < 2012 or print_.is_county:
        return None
    row = rng.choice(full(rng.choice(print_.pages)))
    barred = keys(print_, row=row)
    row.name = rng.choice(
        [z for z, _, p in cities(print_.edition - 1).values() if p != f"{row.code[:2]}0000"]
    )
    return Mutant(print_, "rest", barred)


@harmful
def a_county_among_cities(print_: Print, rng: random.Random) -> Mutant | None:
    """The name of a city is that of a county-level city of its province: no figure of it is a city's."""
    if print_.is_county:
        return None
    row = rng.choice(full(rng.choice(print_.pages)))
    barred = keys(print_, row=row)
    province = f"{row.code[:2]}0000"
    pool = [(z, e) for z, e, p in counties().values() if p == province]
    # Those that share a letter with the city are the ones that could be taken for it.
    pool = [c for c in pool if set(c[0][:-1]) & set(row.name[:-1])] or pool
    known = {z for z, _, _ in cities(print_.edition - 1).values()}
    name, english = rng.choice([c for c in pool if c[0] not in known])
    row.name = name
    row.english = english if row.english else ""
    return Mutant(print_, "rest", barred)


@harmful
def a_city_of_another_province_in_place_of_one(print_: Print, rng: random.Random) -> Mutant | None:
    """A real name that shares letters with the city it replaces is no misreading of it."""
    if print_.is_county:
        return None
    row = rng.choice(full(rng.choice(print_.pages)))
    province = f"{row.code[:2]}0000"
    pool = [
        (z, e)
        for z, e, p in cities(print_.edition - 1).values()
        if p not in (province, "130000", "210000", "320000", "330000") and z != row.name
    ]
    pool = [c for c in pool if set(c[0][:-1]) & set(row.name[:-1])] or pool
    barred = keys(print_, row=row)
    row.name, row.english = rng.choice(pool)
    return Mutant(print_, "rest", barred)


@harmful
def a_city_printed_twice_with_other_figures(print_: Print, rng: random.Random) -> Mutant:
    page = rng.choice(print_.pages)
    row = rng.choice(full(page))
    other = [str(int(Decimal(c)) + 7) for c in row.cells]
    home = rng.choice(print_.pages) if not print_.is_county else page
    block = [k for k, r in enumerate(home.rows) if r.code[:2] == row.code[:2] and r.is_region]
    home.rows.insert(block[-1] + 1 if block else page.rows.index(row) + 1 if home is page else len(home.rows),
                     replace(row, cells=other))  # fmt: skip
    return Mutant(print_, "rest")


@harmful
def a_name_nobody_knows(print_: Print, rng: random.Random) -> Mutant:
    row = rng.choice(full(rng.choice(print_.pages)))
    barred = keys(print_, row=row)
    row.name, row.english = rng.choice(["测试市", "某某市", "Ｘ市"]), "Nowhere" if row.english else ""
    return Mutant(print_, "rest", barred)


@harmful
def a_name_lost(print_: Print, rng: random.Random) -> Mutant:
    row = rng.choice(full(rng.choice(print_.pages)))
    barred = keys(print_, row=row)
    row.name = row.english = ""
    return Mutant(print_, "rest", barred)


@harmful
def a_letter_of_a_name_misread(print_: Print, rng: random.Random) -> Mutant | None:
    """One letter is another: the city that nobody else names, or nothing."""
    pool = [r for p in print_.pages for r in full(p) if len(r.name) >= 4]
    if not pool:
        return None
    row = rng.choice(pool)
    also = [s for s in shown(print_) if print_.pages[s.page].rows[s.row] is row]
    row.name = row.name[0] + rng.choice("阜卓圳") + row.name[2:]
    return Mutant(print_, "rest", also=also)


@harmful
def a_province_row_removed(print_: Print, rng: random.Random) -> Mutant | None:
    if print_.is_county:
        return None
    page = rng.choice([p for p in print_.pages if any(r.level == "province" for r in p.rows)])
    row = rng.choice([r for r in page.rows if r.level == "province"])
    page.rows.remove(row)
    # Without English names a city may be the misreading of one that is missing in the block above.
    also = [s for s in shown(print_) if s.key[0][:2] == row.code[:2]] if print_.edition < 2012 else []
    return Mutant(print_, "all", also=also)


# Columns --------------------------------------------------------------------------------------------------------


def _exchange(page: Page, one: int, two: int) -> None:
    for row in page.rows:
        row.cells[one], row.cells[two] = row.cells[two], row.cells[one]


def _out_of_order(print_: Print, page: Page) -> Mutant:
    """A page with an order of its own is left out; of two pages neither is the one that errs."""
    if len(print_.pages) < 3:
        return Mutant(print_, "refused")
    return Mutant(print_, "rest", keys(print_, page=page))


@harmful
def columns_exchanged_with_their_headers(print_: Print, rng: random.Random) -> Mutant | None:
    """Headings in another order than on the other pages: whether their columns went with them, nobody can say."""
    page = rng.choice(print_.pages)
    columns = page.columns
    if len(columns) < 2 or any(len(c.words) > 1 for c in columns):
        return None
    if columns[0].scope:
        # Whole groups: the header of a pair is printed once.
        groups = len(columns) // 2
        if groups < 2:
            return None
        one, two = rng.sample(range(groups), 2)
        exchanged = [(2 * one, 2 * two), (2 * one + 1, 2 * two + 1)]
    else:
        exchanged = [tuple(rng.sample(range(len(columns)), 2))]  # type: ignore[list-item]
    for one, two in exchanged:
        columns[one], columns[two] = columns[two], columns[one]
        _exchange(page, one, two)
    return _out_of_order(print_, page)


@harmless
def columns_exchanged_with_their_headers_everywhere(print_: Print, rng: random.Random) -> Mutant | None:
    """Another edition may set its table in another order."""
    groups = list(range(0, len(print_.pages[0].columns), 2 if print_.pages[0].columns[0].scope else 1))
    if len(groups) < 2 or any(len(c.words) > 1 for c in print_.pages[0].columns):
        return None
    step = groups[1]
    one, two = rng.sample(groups, 2)
    for page in print_.pages:
        for k in range(step):
            page.columns[one + k], page.columns[two + k] = page.columns[two + k], page.columns[one + k]
            _exchange(page, one + k, two + k)
    return Mutant(print_, "all")


def _whole_holds_its_part(print_: Print) -> bool:
    """No page shows districts above the whole city, which the reader flags or refuses."""
    for page in print_.pages:
        wholes = {c.words: k for k, c in enumerate(page.columns) if c.scope == "whole"}
        for k, column in enumerate(page.columns):
            if column.scope == "districts" and column.words in wholes:
                for row in page.rows:
                    part, whole = figure_of(row.cells[k]), figure_of(row.cells[wholes[column.words]])
                    if part is not None and whole is not None and part > whole:
                        return False
    return True


@harmful
def figures_of_two_columns_exchanged(print_: Print, rng: random.Random) -> Mutant | None:
    if len(print_.pages[0].columns) < 2:
        return None
    page = rng.choice(print_.pages)
    _exchange(page, *rng.sample(range(len(page.columns)), 2))
    return Mutant(print_, "all" if _whole_holds_its_part(print_) else "none")


@harmful
def scope_words_exchanged_on_a_page(print_: Print, rng: random.Random) -> Mutant | None:
    page = rng.choice(print_.pages)
    if not page.columns[0].scope:
        return None
    pair = 2 * rng.randrange(len(page.columns) // 2)
    page.columns[pair].scope, page.columns[pair + 1].scope = "districts", "whole"
    return _out_of_order(print_, page)


@harmful
def scope_words_exchanged_everywhere(print_: Print, rng: random.Random) -> Mutant | None:
    if not print_.pages[0].columns[0].scope:
        return None
    for page in print_.pages:
        for column in page.columns:
            column.scope = {"whole": "districts", "districts": "whole"}[column.scope]
    return Mutant(print_, "all" if _whole_holds_its_part(print_) else "none")


@harmful
def chinese_scope_against_english_scope(print_: Print, rng: random.Random) -> Mutant | None:
    """全市 above Districts under City is neither."""
    if not print_.pages[0].columns[0].scope or print_.edition < 2012:
        return None
    pair = 2 * rng.randrange(len(print_.pages[0].columns) // 2)
    barred = keys(print_, column=pair) | keys(print_, column=pair + 1)
    for page in print_.pages:
        page.columns[pair].scope_words = ("市辖区", "Total City")
        page.columns[pair + 1].scope_words = ("全市", "Districts under City")
    return Mutant(print_, "rest", barred)


@harmful
def scope_words_removed_everywhere(print_: Print, rng: random.Random) -> Mutant | None:
    """Two columns under one heading and no word which is which."""
    if not print_.pages[0].columns[0].scope:
        return None
    pair = 2 * rng.randrange(len(print_.pages[0].columns) // 2)
    barred = keys(print_, column=pair) | keys(print_, column=pair + 1)
    for page in print_.pages:
        for column in page.columns[pair : pair + 2]:
            column.scope, column.scope_words = "", ("", "")
    return Mutant(print_, "rest", barred)


@harmful
def scope_word_removed_on_a_page(print_: Print, rng: random.Random) -> Mutant | None:
    """The other pages say what the column is, or nobody does."""
    if not print_.pages[0].columns[0].scope:
        return None
    page = rng.choice(print_.pages)
    place = rng.randrange(len(page.columns))
    also = [s for s in shown(print_) if print_.pages[s.page] is page and s.column == place]
    page.columns[place].scope, page.columns[place].scope_words = "", ("", "")
    return Mutant(print_, "rest", also=also)


@harmful
def scope_word_lost_and_columns_exchanged(print_: Print, rng: random.Random) -> Mutant | None:
    """A page prints 市辖区 in front of 全市 and has lost one of the words: nothing may stand for the other."""
    if not print_.pages[0].columns[0].scope:
        return None
    page = later(print_, rng)
    pair = 2 * rng.randrange(len(page.columns) // 2)
    also = [s for s in shown(print_) if print_.pages[s.page] is page and s.column in (pair, pair + 1)]
    page.columns[pair].scope, page.columns[pair + 1].scope = "districts", "whole"
    _exchange(page, pair, pair + 1)
    page.columns[pair].scope, page.columns[pair].scope_words = "", ("", "")
    for row in page.rows[::2]:
        row.cells[pair + 1] = ""
    # The column without a word is that of the districts.
    also = [s for s in also if s.key[2] == "districts" or page.rows[s.row].cells[pair + 1]]
    # Where the lost word is found again, the page has an order of its own and is left out.
    return Mutant(print_, "none", also=also)


@harmful
def scope_of_the_title_removed(print_: Print, rng: random.Random) -> Mutant | None:
    title = print_.pages[0].title
    if "(全市)" not in title and "(市辖区)" not in title:
        return None
    for page in print_.pages:
        page.title = page.title.replace("(全市)", "").replace("(市辖区)", "")
        page.title_english = page.title_english.replace("(Total City)", "").replace(
            "(Districts under City)", ""
        )
    print_.name = print_.name.replace("(全市)", "").replace("(市辖区)", "")
    return Mutant(print_, "refused")


@harmful
def scope_of_the_title_exchanged(print_: Print, rng: random.Random) -> Mutant | None:
    """The title says 市辖区, the name of the file 全市."""
    title = print_.pages[0].title
    if "(全市)" not in title:
        return None
    print_.pages[0].title = title.replace("(全市)", "(市辖区)")
    return Mutant(print_, "refused")


@harmful
def scope_in_title_and_file_exchanged(print_: Print, rng: random.Random) -> Mutant | None:
    title = print_.pages[0].title
    if "(全市)" not in title:
        return None
    print_.pages[0].title = title.replace("(全市)", "(市辖区)")
    print_.name = print_.name.replace("(全市)", "(市辖区)")
    return Mutant(print_, "all")


# Headers ----------------------------------------------------------------------------------------------------------

OTHER_WORDS = {
    "gdp": ("人均地区生产总值", "社会消费品零售总额"),
    "budget": ("教育支出", "科学技术支出", "社会消费品零售总额", "第一产业增加值"),
    "county": ("第三产业增加值", "第二产业增加值"),
    "shares": ("第三产业占GDP的比重",),
}


@harmful
def headers_of_a_page_exchanged(print_: Print, rng: random.Random) -> Mutant | None:
    """Headers alone: the figures stand under the other words, in an order of no other page."""
    page = rng.choice(print_.pages)
    columns = page.columns
    if columns[0].scope:
        if (
            len(columns) < 4
            or len({(c.unit, c.digits) for c in columns}) > 1
            or any(len(c.words) > 1 for c in columns)
        ):
            return None
        one, two = 0, 2
        for a, b in ((0, 2), (1, 3)):
            columns[a], columns[b] = columns[b], columns[a]
    else:
        if len(columns) < 2:
            return None
        one, two = rng.sample(range(len(columns)), 2)
        columns[one], columns[two] = columns[two], columns[one]
    return _out_of_order(print_, page)


@harmful
def another_indicator_on_a_later_page(print_: Print, rng: random.Random) -> Mutant | None:
    """A later page prints another indicator of the registry, its words like those of the page before."""
    page = later(print_, rng)
    words = {w for c in page.columns for w in c.words}
    pairs_of = {
        "地方财政一般预算内支出": "地方财政一般预算内收入", "公共财政支出": "公共财政收入", "地方一般公共预算支出": "地方一般公共预算收入",
        "科学支出": "教育支出", "科学技术支出": "教育支出", "教育支出": "科学支出",
        "第一产业占GDP的比重": "第二产业占GDP的比重", "第三产业占GDP的比重": "第二产业占GDP的比重",
        "第一产业增加值": "第三产业增加值", "第二产业增加值": "第三产业增加值",
        "年末总人口": "年平均人口", "年末户籍人口": "常住人口", "货物进口额": "货物出口额",
    }  # fmt: skip
    usable = [w for w in words if w in pairs_of]
    if not usable:
        return None
    old = rng.choice(sorted(usable))
    new = pairs_of[old]
    if new in words:
        # Two columns would say the same: the other leaves the page.
        gone = [k for k, c in enumerate(page.columns) if c.words == (new,)]
        for k in reversed(gone):
            del page.columns[k]
            for row in page.rows:
                del row.cells[k]
    for column in page.columns:
        if column.words == (old,):
            column.words, column.english = (new,), ("",)
    return Mutant(print_, "rest")


@harmful
def another_unknown_column_on_a_later_page(print_: Print, rng: random.Random) -> Mutant | None:
    """Words that the registry has not, but for one numeral or one of two opposites those of the first page."""
    page = later(print_, rng)
    first, second = rng.choice(
        [
            ("第一类试验区数", "第二类试验区数"),
            ("试验区进入数", "试验区退出数"),
            ("男性试验员数", "女性试验员数"),
        ]
    )
    groups = sorted({c.words for c in page.columns})
    old = rng.choice(groups)
    if len(old) > 1 or len(groups[0]) > 1 or any(len(c.words) > 1 for c in page.columns):
        return None
    for each in print_.pages:
        for column in each.columns:
            if column.words == old:
                column.words, column.english = (second if each is page else first,), ("Pilot",)
    return Mutant(print_, "rest")


@harmful
def a_letter_of_a_later_header_misread(print_: Print, rng: random.Random) -> Mutant | None:
    """Words of a later page that nobody knows, in the place of words but for one letter the same."""
    page = later(print_, rng)
    groups = sorted({c.words for c in page.columns if len(c.words) == 1 and len(c.words[0]) >= 6})
    if not groups:
        return None
    old = rng.choice(groups)
    word = old[0]
    place = word.index("产") if "产" in word else word.index("额") if "额" in word else 1
    new = word[:place] + "严" + word[place + 1 :]
    also = [s for s in shown(print_) if print_.pages[s.page] is page and page.columns[s.column].words == old]
    for column in page.columns:
        if column.words == old:
            column.words = (new,)
    return Mutant(print_, "rest", also=also)


@harmful
def a_header_removed(print_: Print, rng: random.Random) -> Mutant | None:
    """A column of figures without a word, beside columns that have theirs, on every page."""
    if print_.pages[0].columns[0].scope or len(print_.pages[0].columns) < 2:
        return None
    place = rng.randrange(len(print_.pages[0].columns))
    barred = keys(print_, column=place)
    for page in print_.pages:
        page.columns[place] = Column(("",))
        for row in page.rows[::2]:
            neighbour = max(place - 1, 0)
            if neighbour != place:
                row.cells[neighbour] = ""
    left = shown(print_)
    return Mutant(print_, "rest" if left else "none", barred)


@harmful
def a_column_beyond_the_header(print_: Print, rng: random.Random) -> Mutant:
    for page in print_.pages:
        page.columns = [*page.columns, Column(("",))]
        for row in page.rows:
            row.cells = [*row.cells, "4711" if row.is_region else ""]
        if page.is_side_by_side:
            page.is_side_by_side = False
    return Mutant(print_, "rest")


@harmful
def all_header_words_of_a_later_page_removed(print_: Print, rng: random.Random) -> Mutant:
    """A page without header continues the page before it, or is refused."""
    page = later(print_, rng)
    also = [s for s in shown(print_) if print_.pages[s.page] is page]
    page.has_header = False
    page.is_side_by_side = False
    return Mutant(print_, "none", also=also)


# Units ------------------------------------------------------------------------------------------------------------

SWAPS = ("万元", "亿元", "万人", "人", "%", "元", "万美元", "百万美元")


@harmful
def unit_exchanged_everywhere(print_: Print, rng: random.Random) -> Mutant:
    """万元 for 亿元 is a figure in 亿元; 万人 is no unit of money, and the column is refused."""
    new = rng.choice(SWAPS)
    if print_.pages[0].unit:
        for page in print_.pages:
            page.unit = new if page.unit else ""
        return Mutant(print_, "rest")
    old = rng.choice(sorted({c.unit for c in print_.pages[0].columns}))
    for page in print_.pages:
        for column in page.columns:
            if column.unit == old:
                column.unit = new
    return Mutant(print_, "rest")


@harmful
def unit_line_of_a_later_page_exchanged(print_: Print, rng: random.Random) -> Mutant | None:
    """The page is in the unit that it prints, whatever the pages before it are in, or is refused."""
    if not print_.pages[0].unit:
        return None
    page = later(print_, rng)
    page.unit = rng.choice([u for u in SWAPS if u != page.unit])
    return Mutant(print_, "rest", also=shown(print_))


@harmful
def unit_of_a_later_header_exchanged(print_: Print, rng: random.Random) -> Mutant | None:
    """Two units for one column: each page is in its own, or the column is refused."""
    page = later(print_, rng)
    if not page.columns[0].unit:
        return None
    old = rng.choice(sorted({c.unit for c in page.columns}))
    new = rng.choice([u for u in SWAPS if u != old])
    words = {c.words for c in page.columns if c.unit == old}
    for column in page.columns:
        if column.unit == old:
            column.unit = new
    also = [s for s in shown(print_) if print_.pages[s.page].columns[s.column].words in words]
    return Mutant(print_, "rest", also=also)


@harmful
def unit_removed(print_: Print, rng: random.Random) -> Mutant:
    """No unit in either language: no figure."""
    if print_.pages[0].unit:
        for page in print_.pages:
            page.unit, page.unit_english = "", ""
        return Mutant(print_, "refused")
    old = rng.choice(sorted({c.unit for c in print_.pages[0].columns}))
    barred = {
        s.key for s in shown(print_) if print_.pages[s.page].columns[s.column].unit == old
    }  # fmt: skip
    for page in print_.pages:
        for column in page.columns:
            if column.unit == old:
                column.unit = ""
    left = shown(print_)
    return Mutant(print_, "rest" if left else "refused", barred)


# Pages and tables ---------------------------------------------------------------------------------------------------


def _glue(print_: Print, other: Print) -> None:
    """The pages of another table below those of the print, on its last sheet."""
    for page in other.pages:
        page.sheet = print_.pages[-1].sheet
    print_.pages += other.pages


def _other(print_: Print, rng: random.Random) -> Print | None:
    table = rng.choice(["gdp", "shares", "people", "unknown", "teachers", "budget_districts"])
    other = make(print_.edition, table, n_pages=2)
    return None if print_.is_county or other.pages[0].number == print_.pages[0].number else other


@harmful
def another_table_below(print_: Print, rng: random.Random) -> Mutant | None:
    """Its own number and title: both tables are read, each as itself."""
    other = _other(print_, rng)
    if other is None:
        return None
    _glue(print_, other)
    return Mutant(print_, "all")


@harmful
def another_table_below_under_the_same_number(print_: Print, rng: random.Random) -> Mutant | None:
    """One number and two titles: the second table is read as itself or refused, never under the first title."""
    other = _other(print_, rng)
    if other is None:
        return None
    del other.pages[1:]
    other.pages[0].number = print_.pages[0].number
    _glue(print_, other)
    return Mutant(print_, "none")


@harmful
def twin_table_below_under_the_same_number(print_: Print, rng: random.Random) -> Mutant | None:
    """The table of the districts below that of the whole cities, one number, the words of the headers the same."""
    title = print_.pages[0].title
    if "(全市)" not in title:
        return None
    twin = print_.copy()
    for page in twin.pages:
        page.title = title.replace("(全市)", "(市辖区)")
        page.rows = [r for r in page.rows if r.code[:2] not in ("11", "12", "13")]
        for row in page.rows:
            row.cells = [f"{figure + 3}" if (figure := figure_of(c)) else c for c in row.cells]
    for page in print_.pages:
        page.rows = [r for r in page.rows if r.code[:2] in ("11", "12", "13")]
    print_.pages = [p for p in print_.pages if p.rows]
    _glue(print_, twin)
    return Mutant(print_, "none")


@harmful
def another_table_below_without_a_number(print_: Print, rng: random.Random) -> Mutant | None:
    """A title of its own and no number: the second table is refused, or read under its own title."""
    other = _other(print_, rng)
    if other is None:
        return None
    del other.pages[1:]
    page = other.pages[0]
    page.heading = page.title
    _glue(print_, other)
    return Mutant(print_, "none")


@harmful
def a_page_of_another_table_among_the_pages(print_: Print, rng: random.Random) -> Mutant | None:
    """A continuation of another number under the same headers: whose it is nobody can say."""
    names = {"2-15": "budget_districts", "2-30": "teachers", "2-32": "students", "2-33": "teachers"}
    table = names.get(print_.pages[0].number)
    if table is None:
        return None
    place = rng.randrange(1, len(print_.pages))
    other = make(print_.edition, table, n_pages=len(print_.pages)).pages[place]
    barred = {s.key for s in shown(print_) if s.page == place}
    other.sheet = print_.pages[place].sheet
    print_.pages[place] = other
    return Mutant(print_, "none", barred | _without_title(print_, place))


def _without_title(print_: Print, place: int) -> set[Key]:
    return {s.key for s in shown(print_) if s.page == place}


@harmful
def another_table_below_as_a_continuation(print_: Print, rng: random.Random) -> Mutant | None:
    """`续表` alone above headers of other words: a part of the table above, or refused."""
    if print_.is_county or print_.edition == 2010:
        return None
    other = make(print_.edition, "unknown", n_pages=1)
    page = other.pages[0]
    page.title, page.heading, page.title_english = "", "续表", ""
    page.number = print_.pages[0].number
    _glue(print_, other)
    mutant = Mutant(print_, "none")
    return mutant


@harmful
def a_page_removed(print_: Print, rng: random.Random) -> Mutant:
    print_.pages.remove(later(print_, rng))
    return Mutant(print_, "all" if not print_.is_county else "none")


@harmful
def the_first_page_removed(print_: Print, rng: random.Random) -> Mutant:
    """The name of the file has the title, or the pages that are left are refused."""
    first = print_.pages.pop(0)
    scoped = print_.copy()
    scoped.pages[0].title = first.title
    scoped.pages[0].unit = first.unit
    return Mutant(print_, "none", also=shown(scoped))


@harmful
def the_first_page_removed_and_the_file_renamed(print_: Print, rng: random.Random) -> Mutant:
    print_.pages.pop(0)
    print_.name = "1.xlsx"
    return Mutant(print_, "refused")


@harmful
def a_page_repeated(print_: Print, rng: random.Random) -> Mutant | None:
    page = rng.choice(print_.pages)
    again = Print(print_.edition, [], "", [page]).copy().pages[0]
    print_.pages.insert(print_.pages.index(page) + 1, again)
    return Mutant(print_, "all")


@harmful
def a_page_repeated_with_other_figures(print_: Print, rng: random.Random) -> Mutant | None:
    page = rng.choice(print_.pages)
    again = Print(print_.edition, [], "", [page]).copy().pages[0]
    for row in again.rows:
        row.cells = [f"{figure + 1}" if (figure := figure_of(c)) is not None else c for c in row.cells]
    print_.pages.append(again)
    if print_.edition == 2012:
        again.sheet = "4"
    return Mutant(print_, "rest")


@harmful
def the_number_removed(print_: Print, rng: random.Random) -> Mutant:
    """A title without a number is no title of the yearbook's."""
    for page in print_.pages:
        page.heading = page.title or f"续表 {page.continued}"
    return Mutant(print_, "none")


@harmful
def every_title_removed(print_: Print, rng: random.Random) -> Mutant:
    for page in print_.pages:
        page.heading, page.title_english = "", ""
    return Mutant(print_, "none")


# Years and names ---------------------------------------------------------------------------------------------------


@harmful
def a_contradicting_year_in_the_title(print_: Print, rng: random.Random) -> Mutant:
    page = print_.pages[0]
    year = print_.edition - rng.choice([2, 3, 5])
    page.title = rng.choice([f"{page.title}({year}年)", f"{year}年{page.title}"])
    return Mutant(print_, "refused")


@harmful
def a_contradicting_year_in_a_later_title(print_: Print, rng: random.Random) -> Mutant:
    page = later(print_, rng)
    title = print_.pages[0].title
    page.heading = f"{page.number} {title}({print_.edition - 3}年)"
    return Mutant(print_, "refused")


@harmful
def a_contradicting_year_in_a_header(print_: Print, rng: random.Random) -> Mutant:
    page = rng.choice(print_.pages)
    old = rng.choice([c.words for c in page.columns])
    for column in page.columns:
        if column.words == old:
            column.words = (f"{print_.edition - 4}年{old[0]}", *old[1:])
    return Mutant(print_, "refused")


@harmful
def a_contradicting_year_above_a_page(print_: Print, rng: random.Random) -> Mutant:
    page = rng.choice(print_.pages)
    page.loose = [f"({print_.edition - 3}年)"]
    return Mutant(print_, "refused")


@harmful
def a_contradicting_year_in_the_name(print_: Print, rng: random.Random) -> Mutant:
    year = print_.edition - rng.choice([2, 3])
    print_.name = rng.choice([f"{year}年 {print_.name}", print_.name.replace(".xlsx", f"({year}).xlsx")])
    return Mutant(print_, "refused")


@harmful
def a_contradicting_year_in_a_folder(print_: Print, rng: random.Random) -> Mutant:
    print_.folders[1] = f"二、{print_.edition - 2}年地级以上城市统计资料"
    return Mutant(print_, "refused")


@harmful
def the_folder_of_another_edition(print_: Print, rng: random.Random) -> Mutant:
    """The folder alone names the edition, so that the figures are of the year before it."""
    year = print_.edition + rng.choice([-1, 1, 2]) if print_.edition < 2023 else print_.edition - 1
    print_.folders = [f"中国城市统计年鉴{year}", "二、地级以上城市"]
    return Mutant(print_, "none", year=year - 1)


@harmful
def folders_without_a_year(print_: Print, rng: random.Random) -> Mutant:
    print_.folders = rng.choice([["数据", "下载"], ["中国城市统计年鉴", "二"], []])
    return Mutant(print_, "refused")


@harmful
def two_editions_in_the_folders(print_: Print, rng: random.Random) -> Mutant:
    print_.folders = [f"中国城市统计年鉴{print_.edition - 1}", f"中国城市统计年鉴{print_.edition}"]
    return Mutant(print_, "refused")


# Figures ----------------------------------------------------------------------------------------------------------

SPOILS: dict[str, Callable[[str, random.Random], str]] = {
    "letter": lambda s, r: s[:-1] + r.choice("lOoISB&〇"),
    "comma": lambda s, r: s.replace(".", ",") if "." in s else f"{s[:-3]},{s[-3:]}",
    "blank": lambda s, r: s[:1] + " " + s[1:],
    "wide blank": lambda s, r: s[:1] + "\u3000" + s[1:],
    "two points": lambda s, r: s[:1] + "." + s[1:2] + "." + s[2:],
    "point at the end": lambda s, r: s.replace(".", "") + ".",
    "apostrophe": lambda s, r: s + "’",
    "bracket": lambda s, r: "(" + s + ")",
    "exponent": lambda s, r: s + "E3",
    "footnote": lambda s, r: s + "①",
    "formula": lambda s, r: "=1+" + s,
    "per cent": lambda s, r: s + "%",
    "two figures": lambda s, r: s + "\n" + s,
}


@harmful
def figures_spoilt(print_: Print, rng: random.Random) -> Mutant:
    pool = [(r, k) for p in print_.pages for r in full(p) for k in range(len(r.cells)) if len(r.cells[k]) > 2]
    before = shown(print_)
    also = []
    for (row, k), (kind, spoil) in zip(rng.sample(pool, len(SPOILS)), SPOILS.items(), strict=True):
        row.cells[k] = spoil(row.cells[k], rng)
        if "blank" in kind and any(
            r.level == "province" and r.cells[k] for p in print_.pages for r in p.rows
        ):
            # The printed sum of the province says which figure the pieces are.
            also += [s for s in before if print_.pages[s.page].rows[s.row] is row and s.column == k]
    return Mutant(print_, "rest", also=also)


# Nothing is lost --------------------------------------------------------------------------------------------------


@harmless
def nothing_altered(print_: Print, rng: random.Random) -> Mutant:
    return Mutant(print_, "all")


@harmless
def cities_of_a_province_in_another_order(print_: Print, rng: random.Random) -> Mutant:
    for page in print_.pages:
        start = 0
        for k in range(len(page.rows) + 1):
            if k == len(page.rows) or not page.rows[k].is_region or page.rows[k].code in MUNICIPALITIES:
                part = page.rows[start:k]
                rng.shuffle(part)
                page.rows[start:k] = part
                start = k + 1
    return Mutant(print_, "all")


@harmless
def blank_rows_added(print_: Print, rng: random.Random) -> Mutant:
    print_.blank_rows = sorted(rng.sample(range(40), 6))
    return Mutant(print_, "all")


@harmless
def blank_columns_added_on_the_left(print_: Print, rng: random.Random) -> Mutant:
    print_.blank_columns = [0] if rng.random() < 0.5 else [0, 1]
    return Mutant(print_, "all")


@harmless
def a_blank_column_between(print_: Print, rng: random.Random) -> Mutant:
    lead = 2 if print_.edition >= 2012 else 1
    print_.blank_columns = [lead + rng.randrange(len(print_.pages[0].columns) + 1)]
    return Mutant(print_, "all")


@harmless
def notes_added(print_: Print, rng: random.Random) -> Mutant:
    notes = ["注：本表数据由各市统计局提供。", "资料来源：国家统计局", "Note: data are provided by cities."]
    for page in print_.pages:
        page.below = rng.sample(notes, rng.randrange(1, 3))
    return Mutant(print_, "all")


@harmless
def other_sheet_names(print_: Print, rng: random.Random) -> Mutant:
    names = {page.sheet for page in print_.pages}
    new = dict(
        zip(sorted(names), rng.sample(["Sheet9", "表", "a", "第1页", "1-8", "数据"], len(names)), strict=True)
    )
    for page in print_.pages:
        page.sheet = new[page.sheet]
    return Mutant(print_, "all")


@harmless
def a_name_like_an_old_workbook(print_: Print, rng: random.Random) -> Mutant:
    print_.name = print_.name.replace(".xlsx", rng.choice([".xls", ".XLSX", " (1).xlsx", "_副本.xlsx"]))
    return Mutant(print_, "all")


@harmless
def the_file_renamed(print_: Print, rng: random.Random) -> Mutant:
    print_.name = rng.choice(["1.xlsx", "下载.xlsx", "table.xlsx"])
    return Mutant(print_, "all")


@harmless
def no_other_sheets(print_: Print, rng: random.Random) -> Mutant:
    print_.extra_sheets = False
    return Mutant(print_, "all")


@harmless
def a_section_heading_above(print_: Print, rng: random.Random) -> Mutant:
    print_.pages[0].loose = ["(二)综合经济", "General Economy"]
    return Mutant(print_, "all")


@harmless
def the_year_said_again(print_: Print, rng: random.Random) -> Mutant:
    print_.name = (
        f"{print_.edition - 1}年 {print_.name}" if rng.random() < 0.5 else f"{print_.edition}{print_.name}"
    )
    print_.name = f"{print_.pages[0].title}{print_.edition - 1}年.xlsx"
    return Mutant(print_, "all")


@harmless
def all_cities_in_one_page(print_: Print, rng: random.Random) -> Mutant:
    first = print_.pages[0]
    first.rows = [row for page in print_.pages for row in page.rows]
    print_.pages = [first]
    return Mutant(print_, "all")


@harmless
def blanks_inside_names(print_: Print, rng: random.Random) -> Mutant:
    for row in rng.sample([r for p in print_.pages for r in p.rows if r.level != "nation"], 6):
        row.name = row.name[0] + " " + row.name[1:]
    mutant = Mutant(print_, "none")
    plain = print_.copy()
    for page in plain.pages:
        for row in page.rows:
            row.name = row.name.replace(" ", "")
    mutant.also = shown(plain)
    return mutant


BASES = [
    (edition, table)
    for edition in (2010, 2011, 2012, 2013, 2016, 2018, 2020, 2021, 2024)
    for table in ("gdp", "budget", "shares", "people", "trade", "teachers", "unknown", "county", "schools", "students")
]  # fmt: skip


def mutants(name: str, n: int) -> list[tuple[str, Print, Mutant]]:
    """n mutants of a kind from bases drawn by its name: (label, print before, mutant)."""
    mutate = {**HARMLESS, **HARMFUL}[name]
    rng = random.Random(name)
    found = []
    for edition, table in rng.sample(BASES, len(BASES)):
        per_province = rng.choice([6, 7, 30]) if table != "county" else 6
        before = make(edition, table, n_pages=rng.choice([2, 3, 4]), per_province=per_province)
        mutant = mutate(before.copy(), rng)
        if mutant is not None:
            found.append((f"{name} of {table} {edition}", before, mutant))
        if len(found) == n:
            break
    return found


__all__ = ["COUNTY", "HARMFUL", "HARMLESS", "Mutant", "mutants", "specs"]
