"""What a title, a sheet, a file name or a comment says of a table is applied, whatever the table is."""

from __future__ import annotations

import io
from pathlib import Path

import openpyxl
import pytest
from openpyxl.comments import Comment
from openpyxl.styles import Font

from cbec.ingest.files import File
from cbec.ingest.run import Imported
from tests.ingest import RECOGNISER, Table, errors, figures, read

YEARBOOK = {"publication": "chengdu_yearbook", "edition": "2019"}
CITIES: Table = [["杭州市", 6500.1], ["宁波市", 5000.2]]
HEADER: list[object] = ["城市", "地区生产总值(亿元)"]


def book(
    title: str = "2018年各市主要经济指标", name: str = "book.xlsx", sheet: str = "数据", comment: str = "", at: str = "B3",
    struck: str = "",
) -> Imported:  # fmt: skip
    workbook = openpyxl.Workbook()
    page = workbook.active
    page.title = sheet
    for row in [[title], HEADER, *CITIES]:
        page.append(row)
    if comment:
        page[at].comment = Comment(comment, "somebody")
    if struck:
        page[struck].font = Font(strike=True)
    out = io.BytesIO()
    workbook.save(out)
    return RECOGNISER.read(File(name, out.getvalue(), Path(name)), **YEARBOOK)  # type: ignore[arg-type]


def places(word: str) -> list[Imported]:
    """The word in the title, in the name of the file and in that of the sheet."""
    return [
        book(f"2018年{word}各市主要经济指标"), book(name=f"2018年{word}.xlsx"), book(sheet=f"2018年{word}"),
        read([[f"2018年{word}各市主要经济指标", ""], HEADER, *CITIES], **YEARBOOK),
        read([HEADER, *CITIES], f"2018年{word}.csv", **YEARBOOK),
    ]  # fmt: skip


@pytest.mark.parametrize("word", ["市辖区", "市区", "（市辖区）"])
def test_districts_are_no_whole_city(word: str) -> None:
    for done in places(word):
        assert {c.scope for c in done.cells} == {"districts"}, errors(done)


@pytest.mark.parametrize("word", ["全市及市辖区", "各省市区", "城市区域", "各地区"])
def test_words_that_only_look_like_districts_change_nothing(word: str) -> None:
    for done in places(word):
        assert {c.scope for c in done.cells} == {""}, errors(done)


@pytest.mark.parametrize(
    "word",
    ["上半年", "下半年", "1-6月", "1—9月", "1-11月", "前三季度", "一季度", "第3季度", "前10个月", "发展目标", "计划数",
     "（计划）", "Q3", "H1"],
)  # fmt: skip
def test_a_part_of_a_year_and_a_plan_are_no_year(word: str) -> None:
    for done in places(word):
        assert figures(done) == {}
        assert "whole years" in errors(done)


@pytest.mark.parametrize("word", ["1-12月", "全年", "可持续发展目标相关", "冬季节", "年度"])
def test_a_whole_year_lands(word: str) -> None:
    assert len(figures(book(f"2018年{word}各市主要经济指标"))) == 2


@pytest.mark.parametrize(("title", "header"), [("万元", "亿元"), ("亿元", "万元"), ("元", "万元")])
def test_two_units_for_one_column_are_asked_about(title: str, header: str) -> None:
    table: Table = [[f"2018年各市（单位：{title}）", ""], ["城市", f"地区生产总值({header})"], *CITIES]
    done = read(table, **YEARBOOK)
    assert figures(done) == {}
    assert "another unit" in errors(done)
    table[1][1] = f"地区生产总值({title})"
    assert len(figures(read(table, **YEARBOOK))) == 2


@pytest.mark.parametrize("column", ["obs_status", "obs_flag", "id_status", "num_note", "index_imputed"])
def test_a_column_of_statuses_is_no_serial_number(column: str) -> None:
    rows: Table = [[*HEADER, column], ["杭州市", 6500.1, "I"], ["宁波市", 5000.2, "M"]]
    done = read(rows, "2018.csv", **YEARBOOK)
    assert figures(done) == {}
    assert column in errors(done)


@pytest.mark.parametrize(
    ("comment", "letter"),
    [("线性插值", "I"), ("估算数", "E"), ("快报数", "P"), ("不含市辖县", "D"), ("见年鉴", "A")],
)
def test_a_comment_at_a_figure_is_applied(comment: str, letter: str) -> None:
    for at in ("B3", "A3"):
        cells = {c.region_code: c for c in book(comment=comment, at=at).cells}
        assert cells["330100"].obs_status_all[0] == letter
        assert comment in (cells["330100"].obs_comment or "")
        assert cells["330200"].obs_status_all == "A"
    if letter == "I":
        assert {c.obs_status_all for c in book(comment=comment, at="A1").cells} == {"V"}


def test_a_figure_that_was_struck_out_is_none() -> None:
    done = book(struck="B4")
    assert figures(done) == {}
    assert "R4C2" in errors(done)


@pytest.mark.parametrize(
    ("remark", "letter"),
    [("缺失值用均值补", "I"), ("用2017年数据代替", "I"), ("以邻近值代替", "I"), ("回归法补", "I"), ("ipolate", "I"),
     ("按全省比例推得", "E"), ("估", "E"), ("e", "E"), ("暂估数", "E"), ("快报数", "P"), ("初步核算数", "P"), ("目标值", ""),
     ("上半年数", ""), ("1-9月", ""), ("不含市辖县", "D"), ("市辖区数据", "D"), ("新口径", "D")],
)  # fmt: skip
def test_a_remark_that_says_otherwise_is_applied(remark: str, letter: str) -> None:
    done = read(
        [[*HEADER, "备注"], ["杭州市", 6500.1, remark], ["宁波市", 5000.2, ""]], "2018.csv", **YEARBOOK
    )
    if letter:
        assert {c.region_code: c.obs_status_all for c in done.cells} == {"330100": letter, "330200": "A"}
    else:
        assert figures(done) == {}
        assert errors(done)


@pytest.mark.parametrize(
    "remark",
    ["统计年鉴", "《城市统计年鉴2019》", "国家数据", "评估报告", "按市财政补助", "季节", "全市口径", "口径不变", "headquarters",
     "on behalf of the bureau"],
)  # fmt: skip
def test_a_remark_that_names_a_source_is_none(remark: str) -> None:
    done = read(
        [[*HEADER, "备注"], ["杭州市", 6500.1, remark], ["宁波市", 5000.2, ""]], "2018.csv", **YEARBOOK
    )
    assert {c.obs_status_all for c in done.cells} == {"A"}


def test_a_fraction_among_percentages_is_flagged() -> None:
    rows: Table = [["城市", "第三产业增加值占GDP比重(%)"], ["杭州市", 0.639], ["宁波市", 45.2]]
    done = read(rows, "2018.csv", **YEARBOOK)
    assert {c.region_code: c.obs_status_all for c in done.cells} == {"330100": "V", "330200": "A"}


def test_returns_written_by_their_number_are_returns() -> None:
    text = '城市,"地区生产总值_x000D_\n(亿元)"\n杭州市,6500.1\n宁波市,5000.2\n'
    done = RECOGNISER.read(File("2018.csv", text.encode(), Path("2018.csv")), **YEARBOOK)  # type: ignore[arg-type]
    assert len(figures(done)) == 2, errors(done)
