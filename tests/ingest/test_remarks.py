"""A row that calls its figures interpolated, estimated or forecast is believed, row by row."""

from __future__ import annotations

import itertools

import pytest

from cbec.ingest.remarks import claims_in
from cbec.ingest.text import plain
from tests.ingest import Table, read

BOOK = "《中国城市统计年鉴2016》"
COLUMNS = ("来源", "数据来源", "source", "备注", "说明", "remarks")
SAYS = [
    ("线性插值", "I", "linear"), ("插值", "I", "unknown"), ("插补", "I", "unknown"), ("interpolated", "I", "unknown"),
    ("linear interpolation", "I", "linear"), ("等比插值", "I", "geometric"), ("三次样条插值", "I", "spline"),
    ("移动平均填补", "I", "moving_avg"), ("用上年数据填补（前值）", "I", "locf"), ("多重插补法", "I", "mice"), ("回归插补", "I", "regression"),
    ("均值填充", "I", "group_mean"), ("缺失值补齐", "I", "unknown"), ("imputed by mean", "I", "group_mean"), ("线性插值估算", "I", "linear"),
    ("估算", "E", "unknown"), ("作者估计", "E", "unknown"), ("推算数", "E", "unknown"), ("estimated", "E", "unknown"), ("趋势推算", "E", "trend"),
    ("预测", "F", "unknown"), ("ARIMA预测值", "F", "arima"), ("GM(1,1)预测", "F", "gm11"), ("forecast", "F", "unknown"), ("趋势外推", "F", "trend"),
]  # fmt: skip
SILENT = [
    BOOK,
    "统计公报",
    "未插值",
    "非插值数据",
    "没有进行插值",
    "not interpolated",
    "no imputation",
    "统计年鉴，未经估算",
    "without forecast",
    "",
]
RELATION = {"I": "vendor", "E": "unknown", "F": "unknown"}


def table(column: str, remark: str, place: int = 3) -> Table:
    rows: Table = [["城市", "年份", "GDP(亿元)"]]
    rows += [["石家庄市", y, 5000 + y] for y in (2014, 2015, 2016)]
    for n, row in enumerate(rows):
        row.insert(place, [column, BOOK, remark, BOOK][n])
    return rows


@pytest.mark.parametrize(("remark", "letter", "method"), SAYS)
@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("form", ["{}", BOOK + "，{}", BOOK + "（{}）"])
def test_a_row_is_what_it_says_it_is(column: str, form: str, remark: str, letter: str, method: str) -> None:
    for place in (0, 2, 3):
        text = form.format(remark).replace(",", "，")
        done = read(table(column, text, place), publication="china_city_statistical_yearbook")
        cells = {c.year: c for c in done.cells}
        assert [cells[y].obs_status_all[0] for y in (2014, 2015, 2016)] == ["A", letter, "A"]
        assert (cells[2015].impute_method, cells[2015].impute_by) == (method, RELATION[letter])
        assert plain(remark) in (cells[2015].obs_comment or "")
        assert cells[2014].impute_method is None


@pytest.mark.parametrize("remark", SILENT)
@pytest.mark.parametrize("column", COLUMNS[:4])
def test_a_source_is_no_fill(column: str, remark: str) -> None:
    text = remark.replace(",", "，")
    done = read(table(column, text), publication="china_city_statistical_yearbook")
    assert {c.obs_status_all for c in done.cells} == {"A"}


@pytest.mark.parametrize("header", ["", "来源"])
def test_a_note_without_a_header_and_beyond_it(header: str) -> None:
    for width in (0, 1):
        rows = table("来源", "线性插值")
        rows[0] = rows[0][: 3 + width]
        rows[0][3:] = [header] * width
        for row in (rows[1], rows[3]):
            row[3] = ""
        done = read(rows, publication="china_statistical_yearbook")
        assert done.status == "recognised", done.problems
        assert {c.year: c.obs_status_all for c in done.cells} == {2014: "A", 2015: "I", 2016: "A"}


def test_a_remark_on_some_years_or_columns_speaks_of_those_only() -> None:
    wide: Table = [["城市", "2014年", "2015年", "2016年", "备注"], ["石家庄市", 1, 2, 3, "2015年为线性插值"], ["唐山市", 4, 5, 6, "2014-2015年插补"], ["保定市", 7, 8, 9, "插值"]]  # fmt: skip
    done = read([["单位：亿元"], *wide], "地区生产总值.csv", publication="china_statistical_yearbook")
    got = {(c.region_code, c.year): c.obs_status_all for c in done.cells}
    reported = {("130100", 2015), ("130200", 2014), ("130200", 2015)} | {
        ("130600", y) for y in (2014, 2015, 2016)
    }
    assert {key for key, letter in got.items() if letter == "I"} == reported
    several: Table = [
        ["城市", "年份", "GDP(亿元)", "常住人口(万人)", "备注"],
        ["石家庄市", 2014, 5000, 1000, "常住人口为插值"],
        ["石家庄市", 2015, 5100, 1010, "插值"],
    ]
    done = read(several, publication="china_statistical_yearbook")
    assert {(c.year, c.indicator_id) for c in done.cells if c.obs_status_all == "I"} == {
        (2014, "resident_population_year_end"), (2015, "gdp"), (2015, "resident_population_year_end"),
    }  # fmt: skip


@pytest.mark.parametrize("remark", ["线性插值", "估算", "预测"])
def test_long_tables_and_regions_across(remark: str) -> None:
    long: Table = [["城市", "年份", "指标", "数值", "单位", "来源"]]
    long += [
        ["石家庄市", y, "地区生产总值", 5000, "亿元", remark if y == 2015 else BOOK] for y in (2014, 2015)
    ]
    across: Table = [["年份", "石家庄市", "唐山市", "备注"], [2014, 1, 2, ""], [2015, 3, 4, remark]]
    letter = claims_in(remark)[0].letter
    for done in (
        read(long, publication="china_statistical_yearbook"),
        read([["地区生产总值"], ["单位：亿元"], *across], publication="china_statistical_yearbook"),
    ):
        assert {c.year: c.obs_status_all for c in done.cells} == {2014: "A", 2015: letter}, done.problems


def test_a_missing_figure_stays_missing_and_a_vendor_stays_suspect() -> None:
    rows = table("备注", "线性插值")
    rows[2][2] = ""
    done = read(rows)
    assert {c.year: c.obs_status_all for c in done.cells} == {2014: "V", 2015: "O", 2016: "V"}
    done = read(table("备注", "线性插值"))
    assert {c.year: c.obs_status_all for c in done.cells} == {2014: "V", 2015: "IV", 2016: "V"}


@pytest.mark.parametrize("note", ["注：个别缺失值用线性插值补齐", "说明：缺失值插补", "注:部分年份为插值"])
def test_fills_that_are_not_dated_leave_no_figure_certain(note: str) -> None:
    rows: Table = [["城市", "年份", "GDP(亿元)"], ["石家庄市", 2014, 5000], ["唐山市", 2014, 6000], [note]]
    for place in range(2):
        done = read([rows[3], *rows[:3]] if place else rows, publication="china_city_statistical_yearbook")
        assert {c.obs_status_all for c in done.cells} == {"V"}
        assert all(plain(note) in (c.obs_comment or "") for c in done.cells)


def test_every_pair_of_claims_takes_the_first_of_the_order() -> None:
    for one, two in itertools.permutations(["插值", "预测", "估算"], 2):
        assert claims_in(one + two)[0].letter == min(
            (claims_in(one)[0].letter, claims_in(two)[0].letter), key="IFE".index
        )
