"""Notes below a table, remarks beside a figure, a second column of years and marks in brackets."""

from __future__ import annotations

import pytest

from tests.ingest import Table, errors, figures, read

HEADER: list[object] = ["城市", "年份", "GDP(亿元)"]
ROWS: Table = [
    ["石家庄市", 2014, 5000.5],
    ["石家庄市", 2015, 2700.5],
    ["唐山市", 2014, 6100.2],
    ["唐山市", 2015, 3100.2],
]
AGAINST = [
    "2015年数据为上半年数", "2015年为1-9月数", "2015年系前三季度数据", "数据为上半年数", "2015年数据为2014年数", "2015年数据采用2013年数值",
    "数据为2014年", "2015年为计划数", "表中数据均为2013年数据", "figures are for 2013", "2015 figures are for January to June (Q2)",
]  # fmt: skip
HARMLESS = [
    "数据来自统计年鉴", "2016年数据为上半年数", "GDP按当年价格计算", "来源：2016年统计年鉴", "GDP单位为亿元", "2015年数据为年报数",
    "本表按2015年行政区划", "增长率以2010年为基期", "2015年起口径不变", "更新于2020年3月",
]  # fmt: skip


def below(text: str, lead: str) -> list[Table]:
    return [
        [HEADER, *ROWS, [f"{lead}{text}", "", ""]],
        [HEADER, *ROWS, ["", "", ""], [f"{lead}{text}", "", ""]],
        [HEADER, *ROWS, ["注：1. 本表数据来自统计年鉴", "", ""], [f"2. {text}", "", ""]],
    ]


@pytest.mark.parametrize("text", AGAINST)
@pytest.mark.parametrize("lead", ["注：", "说明：", "注:1."])
def test_a_note_against_the_rows_is_refused_with_its_place(text: str, lead: str) -> None:
    for rows in below(text, lead):
        done = read(rows)
        assert figures(done) == {}, rows[-1]
        assert f"R{len(rows)}C1" in errors(done)


@pytest.mark.parametrize("text", HARMLESS)
@pytest.mark.parametrize("lead", ["注：", "说明：", "注:1."])
def test_a_note_that_agrees_changes_nothing(text: str, lead: str) -> None:
    for rows in below(text, lead):
        done = read(rows)
        assert len(figures(done)) == 4, errors(done)


REMARKS = [
    "为2014年数据",
    "2014年数据",
    "2014年",
    "2014",
    "系2014年数",
    "亿美元",
    "百万元",
    "单位：万元",
    "上半年数",
    "数据为2014年",
    "1-6月",
]


@pytest.mark.parametrize("header", ["备注", "说明", "注", "note"])
@pytest.mark.parametrize("remark", REMARKS)
def test_a_remark_of_another_year_or_unit_is_refused(remark: str, header: str) -> None:
    rows: Table = [[*HEADER, header], ["石家庄市", 2015, 5300.5, ""], ["唐山市", 2015, 6100.2, remark]]
    done = read(rows)
    assert figures(done) == {}
    assert "R3C4" in errors(done)


@pytest.mark.parametrize(
    "remark",
    ["2015年数据", "2015", "亿元", "单位：亿元", "为2015年数据", "年报数", "2016年撤县设区", "见2016年年鉴"],
)
def test_a_remark_that_agrees_is_read(remark: str) -> None:
    rows: Table = [[*HEADER, "备注"], ["石家庄市", 2015, 5300.5, ""], ["唐山市", 2015, 6100.2, remark]]
    assert len(figures(read(rows))) == 2, errors(read(rows))


def test_a_column_of_sources_names_years_of_print() -> None:
    for source in ("2016", "2016年", "中国统计年鉴2016", "2016年统计公报"):
        rows: Table = [
            [*HEADER, "数据来源"],
            ["石家庄市", 2015, 5300.5, source],
            ["唐山市", 2015, 6100.2, source],
        ]
        assert len(figures(read(rows))) == 2, errors(read(rows))


@pytest.mark.parametrize("names", [("年份", "统计年度"), ("年度", "年份"), ("year", "时间")])
def test_two_columns_of_years_must_agree(names: tuple[str, str]) -> None:
    def table(other: object) -> Table:
        return [
            [names[0], "城市", names[1], "GDP(亿元)"], [2015, "石家庄市", 2015, 5000.5], [2015, "唐山市", other, 6100.3],
        ]  # fmt: skip

    for agreeing in (2015, "2015年", ""):
        assert {k[1] for k in figures(read(table(agreeing)))} == {2015}
    for other in (2014, "2016年"):
        done = read(table(other))
        assert figures(done) == {}
        assert "R3C3" in errors(done)


def test_a_year_of_the_row_and_of_the_header_must_agree() -> None:
    def table(year: int) -> Table:
        return [["城市", "年份", "2015年GDP(亿元)"], ["石家庄市", year, 5000.5], ["唐山市", year, 6100.3]]

    assert {k[1] for k in figures(read(table(2015)))} == {2015}
    assert figures(read(table(2014))) == {}


def marked(mark: str, *notes: str) -> Table:
    return [HEADER, ["石家庄市", 2015, f"530{mark}"], ["唐山市", 2015, 6100.2], *[[n, "", ""] for n in notes]]


@pytest.mark.parametrize("mark", ["(12)", "(00)", "(1)", "(a)", "a)", "（12）"])
def test_a_bracket_that_nothing_explains_may_be_digits(mark: str) -> None:
    for rows in (marked(mark), marked(mark, "注：数据来自年鉴"), marked(mark, "(9) 见年鉴")):
        done = read(rows)
        assert figures(done) == {}
        assert "R2C3" in errors(done)


@pytest.mark.parametrize("mark", ["(1)", "[1]", "(a)", "a)", "[12]", "（1）"])
def test_a_bracket_that_a_note_explains_is_a_mark(mark: str) -> None:
    letter = mark.strip("()[]（）")
    for note in (
        f"({letter}) 含深汕合作区",
        f"注：({letter}) 不变",
        f"[{letter}] 见年鉴",
        f"注{letter}：见年鉴",
        f"{letter}) 见年鉴",
    ):
        landed = figures(read(marked(mark, note)))
        assert landed.get(("130100", 2015, "gdp")) == 530, (note, errors(read(marked(mark, note))))


@pytest.mark.parametrize("mark", ["①", "*", "†", "¹", "②", "**", "[1]", "[12]"])
def test_a_ringed_raised_or_starred_mark_is_one(mark: str) -> None:
    assert figures(read(marked(mark)))["130100", 2015, "gdp"] == 530
