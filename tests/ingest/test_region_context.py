"""A name that a province and a prefecture share is what the column around it says, or an error that asks."""

from __future__ import annotations

import io
import itertools
from pathlib import Path

import openpyxl
import pytest

from cbec.ingest.files import File
from tests.ingest import RECOGNISER, REGISTRY, Table, errors, figures, read

PROVINCES = {"河北": ["石家庄", "唐山"], "吉林": ["长春", "吉林", "四平"], "广西": ["南宁", "柳州"], "海南": ["海口", "三亚"], "青海": ["西宁", "海北", "海南", "果洛"]}  # fmt: skip
CODES = {
    "石家庄": "130100", "唐山": "130200", "长春": "220100", "四平": "220300", "南宁": "450100", "柳州": "450200", "海口": "460100",
    "三亚": "460200", "西宁": "630100", "海北": "632200", "果洛": "632600", ("吉林", "吉林"): "220200", ("青海", "海南"): "632500",
}  # fmt: skip


def column(
    names: list[str], header: str = "地区", years: tuple[int, ...] = (2015,), by_year: bool = False
) -> Table:
    """A table of GDP; the figure of a row is its number, so that a row is known by it."""
    rows = [(y, n) for y in years for n in names] if by_year else [(y, n) for n in names for y in years]
    return [[header, "年份", "GDP(亿元)"], *[[n, y, k + 1] for k, (y, n) in enumerate(rows)]]


def code(province: str, city: str) -> str:
    return CODES.get((province, city)) or CODES[city]


def truth(table: Table, cities: list[tuple[int, str]]) -> dict[tuple[str, int, str], float]:
    return {(c, int(str(table[k][1])), "gdp"): float(str(table[k][2])) for k, c in cities}


@pytest.mark.parametrize("header", ["地区", "城市"])
@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("by_year", [True, False])
@pytest.mark.parametrize("order", list(itertools.permutations(PROVINCES))[::7])
def test_totals_before_or_after_their_cities(
    header: str, before: bool, by_year: bool, order: tuple[str, ...]
) -> None:
    """Every province with its cities, as in the yearbooks, all names without a suffix."""
    listed: list[tuple[str, str]] = []
    for province in order:
        cities = [(province, city) for city in PROVINCES[province]]
        listed += [(province, ""), *cities] if before else [*cities, (province, "")]
    table = column([city or province for province, city in listed], header, (2014, 2015), by_year)
    done = read(table)
    want = {}
    for k, row in enumerate(table[1:]):
        province, city = listed[k % len(listed) if by_year else k // 2]
        if city:
            want[code(province, city), row[1], "gdp"] = float(str(row[2]))
    if done.status == "refused":
        # 海南 may stand between Qinghai's cities and Hainan's: then it asks.
        assert "may be a province or a prefecture" in errors(done)
        assert "table!R" in errors(done)
    else:
        assert figures(done) == want


@pytest.mark.parametrize("names", [
    ["海口", "三亚", "海南"], ["海南", "海口", "三亚"], ["南宁", "海南", "海口"], ["海口市", "海南", "三亚市"], ["海南", "海口"], ["Haikou", "Hainan", "Sanya"],
])  # fmt: skip
def test_hainan_among_the_cities_of_hainan_is_the_province(names: list[str]) -> None:
    done = read(column(names))
    assert done.status == "recognised", errors(done)
    assert "632500" not in {c.region_code for c in done.cells}
    assert any("total of a province" in reason for reason in done.dropped)


@pytest.mark.parametrize("names", [
    ["西宁", "海南", "果洛"], ["海北", "海南"], ["海南", "海西", "玉树"], ["黄南州", "海南", "果洛州"], ["石家庄", "西宁", "海南", "海北"],
])  # fmt: skip
def test_hainan_among_the_prefectures_of_qinghai_is_the_prefecture(names: list[str]) -> None:
    assert "632500" in {c.region_code for c in read(column(names)).cells}


@pytest.mark.parametrize("names", [
    ["吉林", "长春", "吉林市"], ["辽宁", "沈阳", "吉林", "长春", "四平"], ["沈阳", "辽宁", "长春", "四平", "吉林"], ["吉林", "长春市", "吉林市", "四平市"],
    ["河北", "石家庄", "吉林", "长春", "黑龙江", "哈尔滨"],
])  # fmt: skip
def test_jilin_as_a_total_is_no_city(names: list[str]) -> None:
    done = read(column(names))
    assert done.status == "recognised", errors(done)
    place = names.index("吉林") + 1
    assert place not in {c.value for c in done.cells if c.region_code == "220200"}


@pytest.mark.parametrize("names", [
    ["吉林省", "长春", "吉林"], ["长春", "吉林", "四平"], ["沈阳", "长春", "吉林", "哈尔滨"], ["辽宁", "沈阳", "吉林省", "长春", "吉林", "四平"],
    ["大连", "吉林", "青岛", "无锡", "大同"],
])  # fmt: skip
def test_jilin_among_cities_is_the_city(names: list[str]) -> None:
    done = read(column(names))
    assert done.status == "recognised", errors(done)
    assert [c.value for c in done.cells if c.region_code == "220200"] == [names.index("吉林") + 1]


@pytest.mark.parametrize("names", [
    ["吉林", "长春", "四平"], ["石家庄", "唐山", "吉林", "长春", "四平"], ["吉林"], ["海南"], ["石家庄", "海南", "唐山"],
    ["西宁", "海南", "海口"], ["吉林", "长春", "吉林", "四平"],
])  # fmt: skip
def test_what_stays_ambiguous_asks_for_a_province_or_a_code(names: list[str]) -> None:
    done = read(column(names))
    assert done.status == "refused"
    assert any(f"table!R{k + 2}C1" in errors(done) for k, n in enumerate(names) if n in ("吉林", "海南"))
    assert "add a column of provinces or of codes" in errors(done)
    assert "nearest" in errors(done)


@pytest.mark.parametrize(
    ("name", "province", "region"),
    [("吉林", "吉林省", "220200"), ("海南", "青海省", "632500"), ("海南", "海南省", ""), ("吉林", "220200", "220200"), ("吉林", "220000", ""), ("海南", "632500", "632500"), ("海南", "460000", "")],
)  # fmt: skip
def test_a_province_or_a_code_beside_decides(name: str, province: str, region: str) -> None:
    header = "地区代码" if province.isdigit() else "省份"
    for place in (0, 1):
        rows: Table = [["城市"], [name], ["石家庄"]]
        for row, text in zip(
            rows, (header, province, "130100" if province.isdigit() else "河北省"), strict=True
        ):
            row.insert(place, text)
        table = [[*rows[0], "年份", "GDP(亿元)"], *[[*row, 2015, k + 1] for k, row in enumerate(rows[1:])]]
        done = read(table)
        assert figures(done) == {
            ("130100", 2015, "gdp"): 2.0, **({(region, 2015, "gdp"): 1.0} if region else {}),
        }, errors(done)  # fmt: skip


@pytest.mark.parametrize(
    "names", [["辽宁", "吉林", "黑龙江"], ["广西", "海南", "重庆"], ["吉林省"], ["河北", "海南", "青海"]]
)
def test_among_provinces_it_is_a_province(names: list[str]) -> None:
    codes = {
        r["region_code"]
        for r in REGISTRY.regions
        if r["region_level"] == "province" and any(r["name_zh"].startswith(n[:2]) for n in names)
    }
    assert {c.region_code for c in read(column(names)).cells} == codes


def test_regions_across() -> None:
    def across(names: list[str]) -> Table:
        return [
            ["地区生产总值"],
            ["单位：亿元"],
            ["年份", *names],
            [2015, *[k + 1 for k in range(len(names))]],
        ]

    assert ("632500", 2015, "gdp") not in figures(read(across(["海口", "海南", "三亚"])))
    assert figures(read(across(["西宁", "海南", "果洛"])))["632500", 2015, "gdp"] == 2
    assert figures(read(across(["长春", "吉林", "四平"])))["220200", 2015, "gdp"] == 2
    assert "may be a province or a prefecture" in errors(read(across(["吉林", "长春", "四平"])))


@pytest.mark.parametrize(
    ("names", "codes"),
    [
        (["长春", "吉林", "四平"], {"220100", "220200", "220300"}), (["海口", "三亚", "海南"], {"460100", "460200"}),
        (["辽宁", "吉林", "黑龙江"], {"210000", "220000", "230000"}), (["吉林"], set()), (["吉林", "长春"], set()),
    ],
)  # fmt: skip
def test_a_sheet_a_region(names: list[str], codes: set[str]) -> None:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name in names:
        sheet = book.create_sheet(name)
        sheet.append(["年份", "GDP(亿元)"])
        sheet.append([2015, 100])
    out = io.BytesIO()
    book.save(out)
    done = RECOGNISER.read(File("book.xlsx", out.getvalue(), Path("book.xlsx")))
    assert {key[0] for key in figures(done)} == codes, errors(done)


COUNTY = ["辛集市", "定州市", "迁安市", "正定县", "宽城满族自治县", "藁城区"]


@pytest.mark.parametrize("known", [[], ["石家庄市"], ["石家庄市", "唐山市"]])
@pytest.mark.parametrize("header", ["城市", "地区", "市", "名称"])
@pytest.mark.parametrize("reverse", [True, False])
def test_a_county_never_becomes_its_province(header: str, known: list[str], reverse: bool) -> None:
    names = [*known, *COUNTY]
    table: Table = [["省份", header, "年份", "GDP(亿元)"]]
    table += [["河北省", name, 2015, k + 1] for k, name in enumerate(names)]
    if reverse:
        table = [[row[1], row[0], *row[2:]] for row in table]
    done = read(table)
    assert done.status == "refused"
    assert figures(done) == {}
    assert "table!R" in errors(done)
    assert "辛集市" in errors(done) or "名称" in errors(done)


def test_a_county_never_becomes_the_city_beside_it() -> None:
    table: Table = [["城市", "地区", "年份", "GDP(亿元)"]]
    table += [["石家庄市", "正定县", 2015, 5], ["唐山市", "迁安市", 2015, 6]]
    done = read(table)
    assert done.status == "refused"
    assert "table!R2C2: '正定县' lies below the region beside it" in errors(done)


@pytest.mark.parametrize("groups", [("东部", "西部"), ("东部地区", "中部地区"), ("华北", "华东")])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_column_that_describes_the_region_is_still_left_out(groups: tuple[str, str], place: int) -> None:
    table: Table = [["省份", "城市"], ["河北省", "石家庄市"], ["山东省", "青岛市"]]
    for row, text in zip(table, ("地区", *groups), strict=True):
        row.insert(place, text)
    done = read(
        [
            [*row, *more]
            for row, more in zip(table, (["年份", "GDP(亿元)"], [2015, 1], [2015, 2]), strict=True)
        ]
    )
    assert {k[0] for k in figures(done)} == {"130100", "370200"}, errors(done)
    assert any("地区" in reason for reason in done.dropped)


def test_two_columns_of_regions() -> None:
    head = ["地区", "城市", "年份", "GDP(亿元)"]
    done = read([head, ["河北省", "石家庄市", 2015, 1], ["山东省", "青岛市", 2015, 2]])
    assert {k[0] for k in figures(done)} == {"130100", "370200"}, errors(done)
    done = read([head, ["石家庄市", "Shijiazhuang", 2015, 1], ["唐山市", "Tangshan", 2015, 2]])
    assert {k[0] for k in figures(done)} == {"130100", "130200"}, errors(done)
    done = read([head, ["石家庄市", "石家庄", 2015, 1], ["唐山市", "保定", 2015, 2]])
    assert "table!R3C2: '保定' is another region than '唐山市'" in errors(done)


@pytest.mark.parametrize("name", ["Jilin City", "Jilin city"])
def test_jilin_city_is_no_province(name: str) -> None:
    assert {k[0] for k in figures(read(column([name, "Changchun"])))} == {"220200", "220100"}
