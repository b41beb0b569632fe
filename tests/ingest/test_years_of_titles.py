"""A year beside words that make it another's is no year of figures, in title, sheet, file name or note; and a
title gives its indicator only where its other words leave that what it is."""

from __future__ import annotations

import io
import itertools
from pathlib import Path

import openpyxl
import pytest

from cbec.ingest.files import File
from cbec.ingest.run import Imported
from tests.ingest import RECOGNISER, Table, errors, figures, read

ROWS: Table = [["石家庄市", 5300.5], ["唐山市", 6100.3], ["邯郸市", 3145.4]]
CODES = ("130100", "130200", "130400")


def in_workbook(rows: Table, *, sheet: str = "Sheet1", name: str = "book.xlsx") -> Imported:
    workbook = openpyxl.Workbook()
    page = workbook.active
    page.title = sheet
    for row in rows:
        page.append(row)
    out = io.BytesIO()
    workbook.save(out)
    return RECOGNISER.read(File(name, out.getvalue(), Path(name)))


def everywhere(text: str, header: list[object]) -> list[Imported]:
    """The text above the table, as the name of its sheet and as that of its file."""
    safe = "".join(c for c in text if c not in '/\\:*?[]"')[:31]
    return [
        read([[text], header, *ROWS]), in_workbook([[text], header, *ROWS]), in_workbook([header, *ROWS], sheet=safe),
        in_workbook([header, *ROWS], name=f"{safe}.xlsx"), read([header, *ROWS], f"{safe}.csv"),
    ]  # fmt: skip


OTHER_YEARS = [
    *(f"{word}{sign}{date}" for word in ("制表日期", "更新时间", "发布日期", "下载时间", "编制时间", "打印日期")
      for sign in ("：", ":", " ") for date in ("2020年3月", "2020-03-01", "2020年", "2020", "2020.3.1", "2020年3月1日")),
    "© 2020", "©2020", "Copyright 2020", "(c) 2020", "版权所有 2020", "updated 2020", "Updated: 2020-03", "March 2020",
    "2020年3月", "2020-03", "2020/3/1", "2020年12月", "01/03/2020", "2010年不变价", "2010年可比价格", "以2010年为基期",
    "按2010年不变价格计算", "2010=100", "2010年=100", "基期：2010年", "基年2010", "at 2010 prices", "constant 2010 prices",
    "比2015年增长", "较2015年", "国发〔2020〕15号", "GB/T 4754-2011", "2020年行政区划", "2020年更新", "2020年发布", "2015年基准",
    "资料来源：2020年统计公报", "来源：某局2020",
]  # fmt: skip


@pytest.mark.parametrize("text", OTHER_YEARS)
def test_a_year_of_something_else_is_no_year_of_figures(text: str) -> None:
    for done in everywhere(text, ["城市", "GDP(亿元)"]):
        assert figures(done) == {}
        assert "has no year" in errors(done) or "constant prices" in errors(done), errors(done)


@pytest.mark.parametrize("text", [t for t in OTHER_YEARS if "价" not in t and "prices" not in t])
def test_it_does_not_speak_against_the_year_of_the_figures(text: str) -> None:
    """Beside a year of figures it changes nothing."""
    for rows in (
        [["2015年各市主要指标"], [text], ["城市", "GDP(亿元)"], *ROWS],
        [[text], ["城市", "年份", "GDP(亿元)"], *[[r[0], 2015, r[1]] for r in ROWS]],
        [["城市", "年份", "GDP(亿元)"], *[[r[0], 2015, r[1]] for r in ROWS], [f"注：{text}"]],
    ):
        done = read(rows)  # type: ignore[arg-type]
        assert {k[1] for k in figures(done)} == {2015}, errors(done)


@pytest.mark.parametrize(
    "text",
    ["2015年", "2015", "2015年各市GDP", "各市主要指标（2015年）", "2015年度", "2015年1-12月", "2015年末", "截至2015年底", "时间：2015年",
     "统计时间：2015年", "GDP_2015", "2015_GDP", "各市2015年数据"],
)  # fmt: skip
def test_a_year_of_figures_is_one(text: str) -> None:
    for done in everywhere(text, ["城市", "GDP(亿元)"]):
        assert {k[1] for k in figures(done)} == {2015}, errors(done)


@pytest.mark.parametrize(
    "text",
    [
        "2010年不变价",
        "各市GDP（2010年不变价）",
        "可比价格",
        "单位：亿元（2010年可比价）",
        "GDP，按2010年不变价格计算",
    ],
)
def test_constant_prices_are_no_current_ones(text: str) -> None:
    done = read([[text], ["城市", "年份", "GDP(亿元)"], *[[r[0], 2015, r[1]] for r in ROWS]])
    assert figures(done) == {}
    assert "constant prices" in errors(done)


ACROSS: Table = [["城市", 2014, 2015], ["石家庄市", 5000, 5300], ["唐山市", 6100, 6400]]
MEASURES = {"GDP": "gdp", "地区生产总值": "gdp", "常住人口": "resident_population_year_end"}
CHANGING = ["增量", "预测值", "缺口", "之比", "9月", "人均", "实际", "占比", "比重", "增速", "密度", "指数", "弹性", "差额", "排名", "目标",
            "per capita", "growth", "gap", "forecast", "实际值", "累计", "同比"]  # fmt: skip
NEUTRAL = ["各市", "2014-2015年", "数据", "统计", "河北省", "全国", "表1", "面板数据", "国家统计局", "data", "final", "v2", "地级市",
           "历年", "统计表", "1"]  # fmt: skip


def titled(text: str, unit: str) -> list[Imported]:
    safe = text.replace("/", "")
    return [
        read([[text], [f"单位：{unit}"], *ACROSS]), read([[f"单位：{unit}"], *ACROSS], f"{safe}.csv"),
        in_workbook([[f"单位：{unit}"], *ACROSS], sheet=safe[:31]),
    ]  # fmt: skip


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("word", CHANGING)
def test_a_word_beside_an_indicator_makes_it_another(word: str, measure: str) -> None:
    unit = "亿元" if MEASURES[measure] == "gdp" else "万人"
    for text, sign in itertools.product(
        (f"{word}@{measure}", f"{measure}@{word}"), (" ", "_", "，", "：", "")
    ):
        for done in titled(text.replace("@", sign), unit):
            # 人均GDP is an indicator of its own, and its words are understood.
            assert {k[2] for k in figures(done)} & {MEASURES[measure]} == set(), text


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("word", NEUTRAL)
def test_place_time_source_and_the_word_for_a_table_change_nothing(word: str, measure: str) -> None:
    unit = "亿元" if MEASURES[measure] == "gdp" else "万人"
    for text, sign in itertools.product((f"{word}@{measure}", f"{measure}@{word}"), (" ", "_")):
        for done in titled(text.replace("@", sign), unit):
            assert {k[2] for k in figures(done)} == {MEASURES[measure]}, (text, errors(done))


@pytest.mark.parametrize(
    "text", ["财政支出占 GDP 比重", "社会融资 GDP 之比", "各市GDP_人均", "实际_GDP", "GDP 与 投资"]
)
def test_titles_that_came_in_as_gdp(text: str) -> None:
    for done in titled(text, "亿元"):
        assert figures(done) == {}
        assert "GDP" in errors(done)


def test_a_title_is_not_passed_over_for_the_name_of_the_file() -> None:
    done = read([["GDP增量"], ["单位：亿元"], *ACROSS], "GDP.csv")
    assert figures(done) == {}
    assert "'GDP增量'" in errors(done)
