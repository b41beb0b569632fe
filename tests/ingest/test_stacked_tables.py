"""A second table under the first is read under its own header, year and unit, or refused."""

from __future__ import annotations

import itertools

import pytest

from tests.ingest import Table, errors, figures, read

CITIES = {"石家庄市": "130100", "唐山市": "130200", "保定市": "130600", "青岛市": "370200"}
NAMES = list(CITIES)
GDP, PEOPLE = "gdp", "resident_population_year_end"
HEADERS = {GDP: "GDP(亿元)", PEOPLE: "常住人口(万人)"}


def figure(city: str, year: int, indicator: str) -> float:
    """A figure that is known by where it belongs."""
    return round((1000 + 100 * NAMES.index(city) + year - 2000) * (1 if indicator == GDP else 0.25), 2)


def truth(*keys: tuple[str, int, str]) -> dict[tuple[str, int, str], float]:
    return {(CITIES[c], y, i): figure(c, y, i) for c, y, i in keys}


GAPS: list[Table] = [[], [[]], [["续表"]], [[], ["二、其他"], []]]


@pytest.mark.parametrize("gap", GAPS)
@pytest.mark.parametrize("order", list(itertools.permutations((GDP, PEOPLE))))
@pytest.mark.parametrize("cities", [(NAMES[:2], NAMES[2:]), (NAMES, NAMES), (NAMES[:1], NAMES[1:2])])
def test_another_indicator(gap: Table, order: tuple[str, str], cities: tuple[list[str], list[str]]) -> None:
    table: Table = []
    keys = []
    for indicator, names in zip(order, cities, strict=True):
        table += [
            ["城市", "年份", HEADERS[indicator]],
            *[[n, 2015, figure(n, 2015, indicator)] for n in names],
        ]
        table += gap
        keys += [(n, 2015, indicator) for n in names]
    done = read(table)
    assert figures(done) == truth(*keys), errors(done)


@pytest.mark.parametrize("swap", list(itertools.permutations(range(4)))[1::3])
def test_columns_swapped(swap: tuple[int, ...]) -> None:
    header: list[object] = ["城市", "年份", HEADERS[GDP], HEADERS[PEOPLE]]

    def row(name: str) -> list[object]:
        return [name, 2015, figure(name, 2015, GDP), figure(name, 2015, PEOPLE)]

    table = [
        header,
        *[row(n) for n in NAMES[:2]],
        [header[k] for k in swap],
        *[[row(n)[k] for k in swap] for n in NAMES[2:]],
    ]
    done = read(table)
    assert figures(done) == truth(*[(n, 2015, i) for n in NAMES for i in (GDP, PEOPLE)]), errors(done)


YEAR_LINES = ["{}年", "{}", "{}年各市主要指标", "表2 {}年", "（{}年）", "{}年末"]


@pytest.mark.parametrize("line", YEAR_LINES)
@pytest.mark.parametrize("repeats_header", [True, False])
@pytest.mark.parametrize("same_cities", [True, False])
@pytest.mark.parametrize("below_header", [True, False])
def test_another_year(line: str, repeats_header: bool, same_cities: bool, below_header: bool) -> None:
    """2014年, header, cities, 2015年, (header,) the same or other cities."""
    if below_header and repeats_header:
        repeats_header = False
    table: Table = []
    keys = []
    header: list[object] = ["城市", HEADERS[GDP], HEADERS[PEOPLE]]
    for k, year in enumerate((2014, 2015, 2016)):
        names = NAMES if same_cities else NAMES[k : k + 1]
        if k == 0 and below_header:
            table.append(header)
        table.append([line.format(year)])
        if (k == 0 and not below_header) or (k and repeats_header):
            table.append(header)
        table += [[n, figure(n, year, GDP), figure(n, year, PEOPLE)] for n in names]
        keys += [(n, year, i) for n in names for i in (GDP, PEOPLE)]
    done = read([[*row, *[""] * (3 - len(row))] for row in table])
    assert figures(done) == truth(*keys), errors(done)


@pytest.mark.parametrize(
    "line", ["单位：千人", "单位:千人", "（单位：千人）", "计量单位：千人", "续表 单位：千人"]
)
@pytest.mark.parametrize("repeats_header", [True, False])
def test_another_unit(line: str, repeats_header: bool) -> None:
    header: list[object] = ["城市", "年份", "常住人口"]
    table: Table = [["单位：万人"], header, *[[n, 2015, figure(n, 2015, PEOPLE)] for n in NAMES[:2]], [line]]
    table += [header] if repeats_header else []
    table += [[n, 2015, figure(n, 2015, PEOPLE) * 10] for n in NAMES[2:]]
    done = read(table)
    assert figures(done) == truth(*[(n, 2015, PEOPLE) for n in NAMES]), errors(done)


def test_a_unit_line_against_the_header_is_refused() -> None:
    rows = [[n, 2015, figure(n, 2015, GDP)] for n in NAMES]
    done = read([["城市", "年份", "GDP(亿元)"], *rows[:2], ["单位：万元"], *rows[2:]])
    assert done.status == "refused"
    assert "table!R4C1: '单位:万元' names another unit" in errors(done)


@pytest.mark.parametrize("shape", ["years", "regions"])
def test_another_title_over_years_or_regions_across(shape: str) -> None:
    table: Table = []
    keys = []
    for title, indicator in (("地区生产总值（亿元）", GDP), ("常住人口（万人）", PEOPLE)):
        unit = "单位：亿元" if indicator == GDP else "单位：万人"
        table += [[title.split("（")[0]], [unit]]
        if shape == "years":
            table += [
                ["城市", "2014年", "2015年"],
                *[[n, figure(n, 2014, indicator), figure(n, 2015, indicator)] for n in NAMES],
            ]
        else:
            table += [
                ["年份", *NAMES],
                *[[y, *[figure(n, y, indicator) for n in NAMES]] for y in (2014, 2015)],
            ]
        keys += [(n, y, indicator) for n in NAMES for y in (2014, 2015)]
    done = read(table)
    assert figures(done) == truth(*keys), errors(done)


def test_years_across_in_two_blocks() -> None:
    table: Table = [["单位：亿元"]]
    for years in ((2014, 2015), (2016, 2017)):
        table += [
            ["城市", *[f"{y}年" for y in years]],
            *[[n, *[figure(n, y, GDP) for y in years]] for n in NAMES],
        ]
    done = read(table, "地区生产总值.csv")
    # The unit stands above the first block only.
    assert "R7C2: '2016年' prints no unit for gdp" in errors(done)
    table.insert(6, ["单位：亿元"])
    done = read(table, "地区生产总值.csv")
    assert figures(done) == truth(*[(n, y, GDP) for n in NAMES for y in range(2014, 2018)]), errors(done)


@pytest.mark.parametrize(
    ("line", "word"),
    [
        (["常住人口"], "which the header below it does not"), (["注：以下为2016年数据"], "between the figures"), (["备注：单位为万元"], "R4"),
        (["2014年"], "stands below a line that says 2014"), (["2010-2014年"], "stands below a line that says 2010-2014"), (["地区", "面积", "人口密度"], "R4C"),
        (["名称", "数值一", "数值二"], "R4C"),
    ],
)  # fmt: skip
def test_a_line_that_changes_the_meaning_is_refused_with_its_place(line: list[object], word: str) -> None:
    rows = [[n, 2015, figure(n, 2015, GDP)] for n in NAMES]
    done = read([["城市", "年份", "GDP(亿元)"], *rows[:2], line, *rows[2:]])
    assert done.status == "refused", figures(done)
    assert word in errors(done)
    assert "table!R" in errors(done)


@pytest.mark.parametrize(
    "line", ["一、河北省各市", "华北地区", "续表", "（一）", "2015年", "本表数据", "河北省", "2014-2016年"]
)
def test_a_line_that_changes_nothing_is_passed_over(line: str) -> None:
    rows = [[n, 2015, figure(n, 2015, GDP)] for n in NAMES]
    done = read([["城市", "年份", "GDP(亿元)"], *rows[:2], [line, "", ""], *rows[2:]])
    assert figures(done) == truth(*[(n, 2015, GDP) for n in NAMES]), errors(done)


@pytest.mark.parametrize("notes", [
    ["注：2015年为初步数"], ["资料来源：《中国城市统计年鉴2016》"], ["单位：亿元"], ["2016年编"], ["注：GDP按当年价格计算", "来源：2016年年鉴"],
])  # fmt: skip
def test_notes_below_the_last_figure_are_notes(notes: list[str]) -> None:
    rows: Table = [[n, 2015, figure(n, 2015, GDP)] for n in NAMES]
    done = read([["城市", "年份", "GDP(亿元)"], *rows, *[[n] for n in notes]])
    assert figures(done) == truth(*[(n, 2015, GDP) for n in NAMES]), errors(done)


def test_a_title_that_contradicts_the_sheet_is_refused() -> None:
    rows: Table = [[n, figure(n, 2015, GDP)] for n in NAMES]
    done = read([["2014年各市主要指标"], ["城市", "GDP(亿元)"], *rows], "2015.csv")
    assert done.status == "refused"
    assert "names another year than the sheet" in errors(done)


def test_long_tables_with_missing_figures_have_no_second_header() -> None:
    table: Table = [["城市", "年份", "指标", "数值", "单位"]]
    for n in NAMES:
        table += [[n, 2015, "地区生产总值", "" if n == NAMES[1] else figure(n, 2015, GDP), "亿元"]]
    done = read(table)
    assert {k: v for k, v in figures(done).items() if v} == truth(
        *[(n, 2015, GDP) for n in NAMES if n != NAMES[1]]
    )
