"""Two units for one figure are an error with both places; the same unit twice, and one by row, are read."""

from __future__ import annotations

import pytest

from cbec.ingest.vocabulary import Vocabulary
from tests.ingest import RECOGNISER, REGISTRY, Table, errors, figures, read

REVENUE = "general_public_budget_revenue"
NAME = "地方一般公共预算收入"
UNITS = {"亿元": 8, "百万元": 6, "万元": 4, "千元": 3, "千万元": 7, "十亿元": 9}
OTHERS = [u for u in UNITS if u != "亿元"]
ROWS: Table = [["石家庄市", 2014, 500.5], ["唐山市", 2014, 610.5], ["邯郸市", 2014, 361.5]]
TRUTH = {("130100", 2014, REVENUE): 500.5, ("130200", 2014, REVENUE): 610.5, ("130400", 2014, REVENUE): 361.5}
HEADER: list[object] = ["城市", "年份", f"{NAME}(亿元)"]


def with_unit_row(unit: str) -> Table:
    return [HEADER, ["", "", unit], *ROWS]


def with_wide_unit_row(unit: str) -> Table:
    return [[*HEADER, "GDP(亿元)"], ["", "", unit, ""], *[[*r, 9000] for r in ROWS]]


def with_line_between(unit: str) -> Table:
    return [HEADER, *ROWS[:2], [f"（{unit}）", "", ""], *ROWS[2:]]


def with_named_line_between(unit: str) -> Table:
    return [HEADER, *ROWS[:2], [f"{NAME}（{unit}）", "", ""], *ROWS[2:]]


def with_unit_over_its_column(unit: str) -> Table:
    return [HEADER, *ROWS[:2], ["", "", unit], *ROWS[2:]]


def with_unit_column(unit: str) -> Table:
    return [[*HEADER, "单位"], *[[*r, "亿元"] for r in ROWS[:2]], *[[*r, unit] for r in ROWS[2:]]]


def with_label(unit: str) -> Table:
    return [["城市", "年份", "指标", f"数值({unit})"], *[[*r[:2], f"{NAME}(亿元)", r[2]] for r in ROWS]]


def with_label_and_unit_column(unit: str) -> Table:
    return [["城市", "年份", "指标", "单位", "数值"], *[[*r[:2], f"{NAME}(亿元)", unit, r[2]] for r in ROWS]]


def with_label_and_title(unit: str) -> Table:
    return [
        [f"单位：{unit}"],
        ["城市", "年份", "指标", "数值"],
        *[[*r[:2], f"{NAME}(亿元)", r[2]] for r in ROWS],
    ]


def with_two_lines(unit: str) -> Table:
    return [["单位：亿元"], [f"单位：{unit}"], ["城市", "年份", NAME], *ROWS]


def with_a_note(unit: str) -> Table:
    return [HEADER, *ROWS, [f"注：收入单位为{unit}", "", ""]]


def with_a_numbered_note(unit: str) -> Table:
    return [HEADER, *ROWS, ["注：1. 数据来自年鉴", "", ""], [f"2. 单位：{unit}。", "", ""]]


def with_a_remark(unit: str) -> Table:
    return [[*HEADER, "备注"], *[[*r, unit] for r in ROWS]]


def with_a_title_of_the_indicator(unit: str) -> Table:
    return [[f"{NAME}（{unit}）"], HEADER, *ROWS]


SHAPES = [
    with_unit_row, with_wide_unit_row, with_line_between, with_named_line_between, with_unit_over_its_column,
    with_unit_column, with_label, with_label_and_unit_column, with_label_and_title, with_two_lines, with_a_note,
    with_a_numbered_note, with_a_remark, with_a_title_of_the_indicator,
]  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("unit", OTHERS)
def test_two_units_are_refused(shape: object, unit: str) -> None:
    done = read(shape(unit))  # type: ignore[operator]
    assert figures(done) == {}
    assert unit in errors(done)
    assert "!R" in errors(done)


@pytest.mark.parametrize("shape", SHAPES)
def test_one_unit_said_twice_is_read(shape: object) -> None:
    done = read(shape("亿元"))  # type: ignore[operator]
    landed = {key: value for key, value in figures(done).items() if key[2] == REVENUE}
    assert landed == TRUTH, errors(done)


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_of_each_row_is_used(unit: str) -> None:
    table: Table = [["城市", "年份", NAME, "单位"], *[[*r, "亿元"] for r in ROWS[:2]], [*ROWS[2], unit]]
    landed = figures(read(table))
    assert landed["130100", 2014, REVENUE] == 500.5
    assert landed["130400", 2014, REVENUE] == pytest.approx(361.5 * 10.0 ** (UNITS[unit] - 8))


@pytest.mark.parametrize("unit", ["斗", "万人", ""])
def test_a_unit_of_a_row_that_cannot_be_is_refused(unit: str) -> None:
    table: Table = [["城市", "年份", NAME, "单位"], *[[*r, "亿元"] for r in ROWS[:2]], [*ROWS[2], unit]]
    done = read(table)
    assert figures(done) == {}
    assert "R4C4" in errors(done)


def test_units_of_two_kinds_do_not_contradict() -> None:
    table: Table = [
        ["单位：亿元"],
        ["单位：万人"],
        ["城市", "年份", "GDP", "常住人口"],
        ["石家庄市", 2014, 5000, 1000],
    ]
    landed = figures(read(table))
    assert landed == {("130100", 2014, "gdp"): 5000, ("130100", 2014, "resident_population_year_end"): 1000}


NUMERALS = {"": 0, "thousand ": 3, "ten thousand ": 4, "10,000 ": 4, "10 thousand ": 4, "10000 ": 4, "million ": 6,
            "10 million ": 7, "ten million ": 7, "100 million ": 8, "hundred million ": 8, "billion ": 9}  # fmt: skip
BASES = [
    "yuan",
    "RMB",
    "CNY",
    "RMB yuan",
    "USD",
    "US dollars",
    "US$",
    "dollars",
    "persons",
    "people",
    "tons",
    "tonnes",
]


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("numeral", NUMERALS)
def test_english_numerals_before_a_unit(numeral: str, base: str) -> None:
    vocabulary = Vocabulary(REGISTRY, RECOGNISER.regions, "")
    own = {REGISTRY.units[u].scale for u in vocabulary.units_of(base)}
    dimensions = {REGISTRY.units[u].dimension for u in vocabulary.units_of(base)}
    assert own == {0}
    for text in (f"{numeral}{base}", f"in {numeral}{base}", f"{numeral}{base}".upper()):
        units = vocabulary.units_of(text)
        known = {(u.dimension, u.scale) for u in REGISTRY.units.values()}
        if not any((d, NUMERALS[numeral]) in known for d in dimensions):
            assert units == ()
            continue
        assert {REGISTRY.units[u].scale for u in units} == {NUMERALS[numeral]}, text
        assert {REGISTRY.units[u].dimension for u in units} == dimensions


@pytest.mark.parametrize("numeral", [n for n in NUMERALS if n])
def test_english_numerals_in_a_header(numeral: str) -> None:
    value = 5300 * 10.0 ** (8 - NUMERALS[numeral])
    for header in (f"GDP({numeral}yuan)", f"GDP ({numeral}RMB)", f"GDP（{numeral}CNY）"):
        done = read([["城市", "年份", '"' + header + '"'], ["石家庄市", 2015, f"{value:.6f}"]])
        assert figures(done) == {("130100", 2015, "gdp"): pytest.approx(5300)}, errors(done)


@pytest.mark.parametrize(
    "header",
    ["GDP(亿元)2019年", "2019年GDP(亿元)", "GDP2019年(亿元)", "(亿元)GDP2019年", "2019(亿元)GDP", "GDP(亿元)2019", "GDP_2019(亿元)",
     "2019年度GDP(亿元)", "GDP(亿元)(2019年)"],
)  # fmt: skip
def test_indicator_unit_and_year_in_one_cell(header: str) -> None:
    other = header.replace("2019", "2018")
    done = read([["城市", header, other], ["石家庄市", 5300.5, 5000.5], ["唐山市", 6100.5, 5800.5]])
    assert figures(done) == {
        ("130100", 2019, "gdp"): 5300.5, ("130100", 2018, "gdp"): 5000.5,
        ("130200", 2019, "gdp"): 6100.5, ("130200", 2018, "gdp"): 5800.5,
    }, errors(done)  # fmt: skip


@pytest.mark.parametrize(
    "header",
    [
        "GDP(亿元)2019年9月",
        "GDP(亿元)2019年1-9月",
        "2010年不变价GDP(亿元)",
        "GDP(亿元)2019-03",
        "GDP(亿元)比2018年",
        "2018年GDP2019(亿元)",
    ],
)
def test_another_year_in_one_cell_is_none(header: str) -> None:
    done = read([["城市", header], ["石家庄市", 5300.5], ["唐山市", 6100.5]])
    assert figures(done) == {}
    assert "R1C2" in errors(done)
