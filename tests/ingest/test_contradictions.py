"""Zeros that cannot be, rows twice, columns that are not used, and one problem a cause."""

from __future__ import annotations

import itertools

import pytest

from tests.ingest import REGISTRY, Table, errors, figures, read

LEVELS = {
    "GDP(亿元)": "gdp", "常住人口(万人)": "resident_population_year_end", "年末总人口(万人)": "total_population_year_end",
    "户籍人口(万人)": "registered_population_year_end", "在岗职工平均工资(元)": "average_wage", "行政区域土地面积(平方公里)": "land_area",
    "地方一般公共预算收入(亿元)": "general_public_budget_revenue", "社会消费品零售总额(亿元)": "retail_sales_consumer_goods",
    "就业人员(万人)": "employment", "人均GDP(元)": "gdp_per_capita_printed",
}  # fmt: skip
MAY_BE_ZERO = ("实际使用外资金额(万美元)", "普通高等学校数(所)", "专利申请受理量(件)", "房地产开发投资(亿元)")


@pytest.mark.parametrize("header", LEVELS)
@pytest.mark.parametrize("zero", ["0", "0.0", "0.00", "０"])
@pytest.mark.parametrize("region", ["石家庄市", "河北省"])
def test_a_zero_of_what_cannot_be_zero_is_refused(header: str, zero: str, region: str) -> None:
    for publication in ("", "china_statistical_yearbook"):
        done = read(
            [["地区", "年份", header], [region, 2014, zero], [region, 2015, 77]], publication=publication
        )
        assert done.status == "refused"
        assert f"table!R2C3: {zero!r} is 0, which {LEVELS[header]} cannot be" in errors(done)


@pytest.mark.parametrize("header", MAY_BE_ZERO)
def test_a_zero_of_what_can_be_zero_lands(header: str) -> None:
    done = read([["城市", "年份", header], ["石家庄市", 2014, 0], ["石家庄市", 2015, 77]])
    assert 0 in figures(done).values(), errors(done)


def test_a_stray_zero_of_a_large_table_is_flagged() -> None:
    names = [
        r["name_zh"]
        for r in REGISTRY.regions
        if r["region_level"] == "prefecture" and not r["valid_from_year"] and not r["valid_to_year"]
    ]
    table: Table = [["城市", "年份", "GDP(亿元)"]]
    table += [[name, 2015, 0 if n == 7 else 100 + n] for n, name in enumerate(names)]
    assert len(table) > 200
    done = read(table)
    assert done.status == "recognised", errors(done)
    (zero,) = [c for c in done.cells if c.value == 0]
    assert zero.obs_status_all == "V"
    assert "is 0, which gdp cannot be" in (zero.obs_comment or "")
    yearbook = read(table, publication="china_statistical_yearbook")
    assert [c.obs_status_all for c in yearbook.cells if c.value == 0] == ["V"]


ROW = ["石家庄市", 2015, 5440.6, 1070.16]
OTHERS = [["唐山市", 2015, 6103.06, 780.1], ["保定市", 2015, 3000.3, 1155.2]]


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("name", ["石家庄市", "石家庄", "河北石家庄", " 石家庄市 "])
@pytest.mark.parametrize(
    ("gdp", "people"), [(5440.6, 1070.16), (5440.7, 1070.16), (5441, 1070.16), (5440.6, 1070), (54406, 1070.16), ("5440.60", "1070.160")]
)  # fmt: skip
def test_a_row_twice(place: int, name: str, gdp: object, people: object) -> None:
    rows: Table = [ROW, *OTHERS]
    rows.insert(place, [name, 2015, gdp, people])
    done = read([["城市", "年份", "GDP(亿元)", "常住人口(万人)"], *rows])
    if (float(str(gdp)), float(str(people))) == (5440.6, 1070.16):
        assert len(figures(done)) == 6, errors(done)
        return
    assert done.status == "refused"
    first, second = sorted((place, 0 if place else 1))
    assert f"table!R{second + 2}C" in errors(done)
    assert f"at table!R{first + 2}C" in errors(done)
    assert "contradicts" in errors(done)


@pytest.mark.parametrize("missing", ["", "—", "…"])
def test_a_row_twice_of_which_one_is_blank_is_no_contradiction(missing: str) -> None:
    for order in itertools.permutations([ROW, ["石家庄市", 2015, missing, missing]]):
        done = read([["城市", "年份", "GDP(亿元)", "常住人口(万人)"], *order])
        assert figures(done)["130100", 2015, "gdp"] == 5440.6


def test_long_and_wide_rows_twice() -> None:
    long = [
        ["城市", "年份", "指标", "数值", "单位"],
        ["石家庄市", 2015, "地区生产总值", 5440.6, "亿元"],
        ["石家庄市", 2015, "GDP", 5441, "亿元"],
    ]
    assert "contradicts '5440.6' at table!R2C4" in errors(read(long))
    wide = [
        ["单位：亿元"],
        ["城市", "2014年", "2015年"],
        ["石家庄市", 5170.3, 5440.6],
        ["石家庄市", 5170.3, 5440],
    ]
    found = errors(read(wide, "地区生产总值.csv"))
    assert "!R4C3: '5440' contradicts '5440.6' at 地区生产总值!R3C3" in found


def test_one_problem_a_cause_with_its_number() -> None:
    table: Table = [["城市", "年份", "GDP(亿元)", "常住人口(万人)"]]
    table += [["石家庄市", 2000 + n % 24, "约5", "1070"] for n in range(500)]
    table += [["石家庒市", 2015, 5, 5], ["石家庄市", 2099, 5, 5]]
    done = read(table)
    assert len(done.errors) == 3, errors(done)
    assert (
        "table!R2C3: '约5' is neither a figure nor a known sign for a missing one (500 such places in all, also table!R3C3, table!R4C3)"
        in errors(done)
    )
    assert "table!R502C1" in errors(done)
    assert "table!R503C2" in errors(done)


@pytest.mark.parametrize(
    ("header", "word"), [("全市", "names no indicator"), ("合计", "names no indicator"), ("人口密度", "computed by the compiler"), ("序号", "serial number"), ("省份代码", "province")]
)  # fmt: skip
def test_a_column_that_is_not_used_is_listed_with_its_reason(header: str, word: str) -> None:
    if header == "合计":
        header = "total"
    for place in (2, 3):
        table: Table = [["城市", "年份", "GDP(亿元)"], ["石家庄市", 2015, 5440.6], ["唐山市", 2015, 6103.1]]
        for row, value in zip(table, (header, 130000, 130000), strict=True):
            row.insert(place, value)
        done = read(table)
        (reason,) = [r for r in done.dropped if f"column {place + 1}" in r]
        assert repr(header) in reason
        assert word in reason


def test_columns_of_another_shape_are_refused() -> None:
    table: Table = [["单位：亿元"], ["城市", "2014年", "2015年", "财政收入(亿元)"], ["石家庄市", 1, 2, 3]]
    done = read(table, "地区生产总值.csv")
    assert done.status == "refused"
    assert "R2C2" in errors(done)
