"""Files of a person's own: unknown columns land under their words, what cannot be known is asked once, and a
mapping file passed back as it was left says yes to every guess."""

from __future__ import annotations

import io
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest

from cbec.ingest.files import File
from cbec.ingest.mapping import load_mappings, template
from cbec.ingest.run import Imported
from tests.conftest import run_cbec
from tests.ingest import RECOGNISER, REGISTRY, Table, errors, read

PROVINCES = ("北京", "天津", "河北", "山西", "辽宁", "吉林", "江苏", "浙江", "福建", "江西")
CODES = ("110000", "120000", "130000", "140000", "210000", "220000", "320000", "330000", "350000", "360000")
Figures = dict[tuple[str, int, str], Decimal | None]


def again(done: Imported, folder: Path, data: bytes | None = None, table: Table | None = None) -> Imported:
    """The file once more with its mapping file passed back as it was left."""
    path = folder / "import.map.yml"
    path.write_text(template(list(done.problems)), encoding="utf-8")
    mappings = load_mappings(path, REGISTRY)
    if data is not None:
        return RECOGNISER.read(File(done.file.name, data, Path(done.file.name)), mappings=mappings)
    assert table is not None
    return read(table, done.file.name, mappings=mappings)


def landed(done: Imported) -> Figures:
    assert done.status == "recognised", errors(done)
    return {(c.region_code, c.year, c.indicator_id): c.value for c in done.cells}


def units(done: Imported) -> set[tuple[str, str]]:
    return {(c.indicator_id, c.unit_printed) for c in done.cells}


def panel(*columns: tuple[str, list[object]], keys: tuple[str, str] = ("省份", "年份")) -> Table:
    """Ten provinces in two years, with these columns behind the keys: ten values each, the same in both."""
    rows: Table = [[*keys, *(name for name, _ in columns)]]
    for year in (2015, 2016):
        rows += [[p, year, *(values[k] for _, values in columns)] for k, p in enumerate(PROVINCES)]
    return rows


def ten(start: float = 1.5, step: float = 1.25) -> list[object]:
    return [start + k * step for k in range(10)]


def book(rows: Table, merges: tuple[str, ...] = (), name: str = "Sheet1") -> bytes:
    made = openpyxl.Workbook()
    sheet = made.active
    sheet.title = name
    for row in rows:
        sheet.append(row)
    for area in merges:
        sheet.merge_cells(area)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


# Unknown columns ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "indicator", "unit"),
    [
        ("幸福产业产值（亿元）", "x_幸福产业产值_yuan", "100m_yuan"),
        ("幸福产业从业人员（万人）", "x_幸福产业从业人员_person", "10k_persons"),
        ("幸福场所（个）", "x_幸福场所_count", "count"),
        ("幸福指数", "x_幸福指数_unstated", "unstated"),
        ("拖拉机（万台）", "x_拖拉机_万台_unstated", "unstated"),
        ("幸福专利/万人", "x_幸福专利_万人_unstated", "unstated"),
        ("幸福人口/万人", "x_幸福人口_万人_person", "10k_persons"),
        ("joy_billion_yuan", "x_joy_billion_yuan_yuan", "1b_yuan"),
        ("joy_10k", "x_joy_10k_unstated", "unstated"),
        ("emp_joy_unit_10k", "x_emp_joy_unit_10k_unstated", "unstated"),
        ("joy_km2", "x_joy_km2_square_metre", "km2"),
        ("year_founded", "x_year_founded_unstated", "unstated"),
        ("total_joys", "x_total_joys_unstated", "unstated"),
        ("index_digital", "x_index_digital_unstated", "unstated"),
        ("note_count", "x_note_count_unstated", "unstated"),
        ("unit_employees", "x_unit_employees_unstated", "unstated"),
        ("city_rank_2", "x_city_rank_2_unstated", "unstated"),
        ("gdp_deflated_x", "x_gdp_deflated_x_unstated", "unstated"),
    ],
)
def test_an_unknown_column_lands_under_its_words(header: str, indicator: str, unit: str) -> None:
    done = read(panel((header, ten())))
    assert units(done) == {(indicator, unit)}, errors(done)
    assert landed(done)["130000", 2016, indicator] == Decimal("4.0")
    assert {c.obs_status_all for c in done.cells} == {"V"}
    assert header.split("（")[0] in done.names[indicator][0]


def test_a_title_lends_its_unit_to_unknown_columns() -> None:
    rows: Table = [["某指标", None, None], ["单位：万元", None, None], *panel(("幸福产值", ten()))]
    assert units(read(rows)) == {("x_幸福产值_yuan", "10k_yuan")}


def test_known_and_unknown_columns_land_together() -> None:
    done = read(panel(("GDP(亿元)", ten()), ("幸福产值（万元）", ten(7.5))))
    assert units(done) == {("gdp", "100m_yuan"), ("x_幸福产值_yuan", "10k_yuan")}


def test_a_unit_that_contradicts_another_is_still_refused() -> None:
    rows: Table = [["省份", "年份", "GDP(亿元)"], ["单位", None, "(万元)"], ["北京", 2015, 1.5]]
    assert read(rows).status == "refused"


# Roles by content --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "values", "word"),
    [
        ("policy", [0, 1] * 5, "dummy"),
        ("L2.joy", ten(), "lag"),
        ("lag_joy", ten(), "lag"),
        ("joy_滞后", ten(), "lag"),
        ("z_joy", ten(), "deviation 1"),
        ("joy_标准化", ten(), "deviation 1"),
        ("province_no", list(range(1, 11)), "numbers"),
        ("pid", list(range(1, 11)), "numbers"),
        ("zone", ["一类", "二类"] * 5, "describes the region"),
        ("name_en", ["Beijing", "Tianjin", "Hebei", "Shanxi", "Liaoning", "Jilin", "Jiangsu", "Zhejiang", "Fujian",
                     "Jiangxi"], "names regions"),
    ],
)  # fmt: skip
def test_helpers_and_descriptions_are_left_out_and_listed(
    header: str, values: list[object], word: str
) -> None:
    done = read(panel(("GDP(亿元)", ten()), (header, values)))
    assert units(done) == {("gdp", "100m_yuan")}, errors(done)
    said = [p for p in done.problems if p.text == header]
    assert said and said[0].is_warning and word in said[0].message
    assert any(header in reason for reason in done.dropped)


@pytest.mark.parametrize("keys", [("pv", "t"), ("prov_hanzi", "cyear"), ("NAME", "Sgnyea")])
def test_keys_are_told_by_their_content_and_asked_about(keys: tuple[str, str], tmp_path: Path) -> None:
    rows = panel(("GDP(亿元)", ten()), keys=keys)
    first = read(rows)
    assert first.status == "refused"
    assert all(f"'{key}' is no header of the registry" in errors(first) for key in keys)
    assert landed(again(first, tmp_path, table=rows))["130000", 2015, "gdp"] == Decimal("4.0")


@pytest.mark.parametrize("digits", [2, 6])
def test_codes_alone_are_regions(digits: int, tmp_path: Path) -> None:
    rows = panel(("GDP(亿元)", ten()), keys=("who", "年份"))
    rows = [rows[0], *([CODES[PROVINCES.index(str(r[0]))][:digits], *r[1:]] for r in rows[1:])]
    assert landed(again(read(rows), tmp_path, table=rows))["130000", 2015, "gdp"] == Decimal("4.0")
    rows[0] = ["行政区划代码", *rows[0][1:]]
    if digits == 6:
        assert landed(read(rows))["360000", 2016, "gdp"] == Decimal("12.75")


def test_numbers_of_rows_are_no_codes_of_regions(tmp_path: Path) -> None:
    rows: Table = [["id", "年份", "GDP(亿元)"], *([k, 2015, k * 1.5] for k in range(1, 32))]
    first = read(rows)
    assert "without a column of regions" in errors(first)
    assert again(first, tmp_path, table=rows).status == "refused"


@pytest.mark.parametrize("form", ["{}-12-31", "{}/12/31", "{}年12月31日"])
def test_the_last_days_of_years_are_years(form: str, tmp_path: Path) -> None:
    rows = panel(("GDP(亿元)", ten()))
    rows = [rows[0], *([r[0], form.format(r[1]), *r[2:]] for r in rows[1:])]
    assert landed(read(rows))["130000", 2015, "gdp"] == Decimal("4.0")
    rows[3][1] = "2015-06-30"
    assert read(rows).status == "refused"


# Dimensions --------------------------------------------------------------------------------------------


def parted() -> Table:
    rows: Table = [["省份", "年份", "产业", "GDP(亿元)"]]
    for k, province in enumerate(PROVINCES):
        rows += [[province, 2015, word, k * 3 + n + 0.5] for n, word in enumerate(("合计", "工业", "农业"))]
    return rows


def test_a_column_of_words_is_never_ignored(tmp_path: Path) -> None:
    first = read(parted())
    assert first.status == "refused" and "column of words that parts the figures" in errors(first)
    done = again(first, tmp_path, table=parted())
    found = landed(done)
    assert {i for _, _, i in found} == {f"x_gdp_亿元_{word}_yuan" for word in ("合计", "工业", "农业")}
    assert found["130000", 2015, "x_gdp_亿元_工业_yuan"] == Decimal("7.5")


def test_one_word_of_a_dimension_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "map.yml"
    path.write_text("headers: {产业: {use: dimension, take: 合计}}", encoding="utf-8")
    done = read(parted(), mappings=load_mappings(path, REGISTRY))
    assert landed(done) == {(CODES[k], 2015, "gdp"): Decimal(k * 3) + Decimal("0.5") for k in range(10)}
    assert sum(n for reason, n in done.dropped.items() if "another word" in reason) == 20


def test_firms_are_no_dimension_of_a_province(tmp_path: Path) -> None:
    rows: Table = [["省份", "年份", "公司", "营收（万元）"]]
    rows += [[PROVINCES[k % 10], 2015, f"公司甲{chr(0x4E00 + k)}", k + 0.5] for k in range(200)]
    first = read(rows)
    assert "names what lies within the regions" in errors(first)
    assert again(first, tmp_path, table=rows).status == "refused"


def test_rows_of_firms_without_their_names_are_no_figures_of_a_province(tmp_path: Path) -> None:
    rows: Table = [["省份", "年份", "营收（万元）"]]
    rows += [[PROVINCES[k % 9], 2015, k + 0.5] for k in range(200)] + [[PROVINCES[9], 2015, 7.5]]
    first = read(rows)
    assert "its rows are of what lies within regions" in errors(first)
    assert again(first, tmp_path, table=rows).status == "refused"


# Scope of a column in one cell with its name -----------------------------------------------------------


@pytest.mark.parametrize("unit", ["(亿元)", "（亿元）", "_亿元", ""])
@pytest.mark.parametrize(
    ("form", "scopes"),
    [
        (form, scopes)
        for form in ("{n}/{s}", "{n}_{s}", "{n}({s})", "{n}（{s}）", "{n} {s}", "{n}-{s}", "{n}·{s}", "{s}_{n}", "{s}/{n}")
        for scopes in (("全市", "市辖区"), ("全地区", "市区"))
    ],
)  # fmt: skip
def test_figures_of_the_whole_city_come_in_and_those_of_its_districts_do_not(
    form: str, scopes: tuple[str, str], unit: str
) -> None:
    """Whichever of the two stands first; a name that nobody knows keeps its scope among its words."""
    for name, words in (("地区生产总值", "gdp"), ("幸福总量", "幸福总量")):
        for order in (scopes, scopes[::-1]):
            heads = [form.format(n=name + unit, s=scope) for scope in order]
            figures = {scopes[0]: 5000.25, scopes[1]: 700.75}
            rows: Table = [["城市", "年份", *heads]]
            rows += [
                [city, 2014, *(figures[scope] + k for scope in order)]
                for k, city in enumerate(("石家庄市", "唐山市", "秦皇岛市"))
            ]
            done = read(rows)
            values = {cell.value for cell in done.cells}
            assert values <= {Decimal("5000.25"), Decimal("5001.25"), Decimal("5002.25")}, heads
            # Without a unit a level that is known is asked about.
            assert values or not unit, (heads, errors(done))
            if unit and name == "地区生产总值":
                assert {cell.indicator_id for cell in done.cells} == {"gdp"}, (heads, errors(done))
            assert all(words in cell.indicator_id for cell in done.cells)


# One round ---------------------------------------------------------------------------------------------


def test_everything_is_asked_at_once_and_passed_back_it_lands(tmp_path: Path) -> None:
    rows = panel(("幸福指数", ten()), ("GDP(亿元)", ten()), keys=("pv", "t"))
    rows[4][0] = "亚特兰蒂斯"
    rows[5][3] = "abc"
    rows.append(["北京", 2015, 99.5, 98.5])
    first = read(rows)
    said = errors(first)
    for word in ("'pv'", "'t'", "亚特兰蒂斯", "'abc'", "contradicts"):
        assert word in said, said
    found = landed(again(first, tmp_path, table=rows))
    assert ("140000", 2015, "gdp") not in found and ("140000", 2016, "gdp") in found
    assert ("110000", 2015, "gdp") not in found
    assert found["120000", 2015, "gdp"] == Decimal("2.75")


def test_a_table_without_a_unit_is_asked_with_the_unit_that_its_size_tells(tmp_path: Path) -> None:
    frame = RECOGNISER.published._of("province")["gdp"]
    chosen = {place: values[-1] for place, values in sorted(frame.items())[:60]}
    rows: Table = [
        ["省份代码", "年份", "gdp"],
        *([c, y, round(v * 10_000, 1)] for (c, y), v in chosen.items()),
    ]
    first = read(rows)
    assert "prints no unit for gdp" in errors(first) and "perhaps 万元" in errors(first)
    assert units(again(first, tmp_path, table=rows)) == {("gdp", "10k_yuan")}


def test_figures_without_a_name_are_asked_with_what_they_equal(tmp_path: Path) -> None:
    frame = RECOGNISER.published._of("province")["gdp"]
    names = {
        row["region_code"]: row["name_zh"] for row in REGISTRY.regions if row["region_level"] == "province"
    }
    latest = {place: values[-1] for place, values in frame.items() if place[1] == 2020}
    rows: Table = [["地区", "2020年"], *([names[c], v] for (c, _), v in latest.items())]
    first = read(rows, "分省年度数据.csv")
    assert "perhaps gdp" in errors(first)
    assert units(again(first, tmp_path, table=rows)) == {("gdp", "100m_yuan")}
    other: Table = [rows[0], *([r[0], 7.5 + k] for k, r in enumerate(rows[1:]))]
    first = read(other, "幸福.csv")
    assert units(again(first, tmp_path, table=other)) == {("x_幸福_unstated", "unstated")}


def test_a_year_that_nothing_says_can_be_said(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("省份,GDP\n北京,23014.6\n天津,16538.2\n", encoding="utf-8")
    run = run_cbec("import", str(tmp_path / "a.csv"), warehouse=tmp_path / "w")
    assert run.returncode == 2 and "has no year" in run.stderr and "--year" in run.stderr
    run = run_cbec(
        "check", str(tmp_path / "a.csv"), "--year", "2015", "--unit", "亿元", warehouse=tmp_path / "w"
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    assert "would land; 2 cells" in run.stdout


@pytest.mark.parametrize(
    "text", ["a\x07b", "a'b\"c", "a\\b", "年\u2028份", "#x: [", "\U0001f600", "{use: y}", "- a"]
)
def test_odd_headers_are_written_so_that_they_are_read_again(text: str, tmp_path: Path) -> None:
    rows = panel(("GDP(亿元)", ten()), keys=("pv", "年份"))
    rows = [[*r, 1.5] for r in rows]
    data = book([["pv", "年份", "GDP(亿元)", text.replace("\x07", "_")], *rows[1:]])
    first = RECOGNISER.read(File("a.xlsx", data, Path("a.xlsx")))
    assert landed(again(first, tmp_path, data=data))


# Kinds that were refused -------------------------------------------------------------------------------


def test_unit_and_scope_stand_behind_a_name() -> None:
    done = read(panel(("年末户籍人口_万人_全市", ten(300))))
    assert units(done) == {("registered_population_year_end", "10k_persons")}
    districts = read(panel(("年末户籍人口_万人_市辖区", ten(300)), ("GDP(亿元)", ten())))
    # Left out and listed, as under a heading of its own.
    assert units(districts) == {("gdp", "100m_yuan")}
    assert any(
        "年末户籍人口_万人_市辖区" in reason and "districts only" in reason for reason in districts.dropped
    )


@pytest.mark.parametrize("line", ["地区：广州", "城市：广州市"])
def test_a_region_stands_once_above_a_block(line: str) -> None:
    rows: Table = [
        [line, None, None],
        ["指标", "2015年", "2016年"],
        ["国内生产总值(亿元)", 18100.41, 19547.44],
    ]
    assert landed(read(rows)) == {
        ("440100", 2015, "gdp"): Decimal("18100.41"), ("440100", 2016, "gdp"): Decimal("19547.44"),
    }  # fmt: skip


def test_a_sheet_a_province_of_a_year(tmp_path: Path) -> None:
    made = openpyxl.Workbook()
    made.remove(made.active)
    for k, name in enumerate(("Shanghai2011", "Yunnan2011", "Hebei2011")):
        sheet = made.create_sheet(name)
        for row in (["Inventory", "Raw_Joy", "Coke_Joy", "Gas_Joy"], ["unit", "10^4 ton", "10^4 ton", "10^8 cu.m"],
                    ["Farming", 1.5 + k, 2, 3], ["Mining", 4, 5, 6]):  # fmt: skip
            sheet.append(row)
    out = io.BytesIO()
    made.save(out)
    first = RECOGNISER.read(File("a.xlsx", out.getvalue(), Path("a.xlsx")))
    found = landed(again(first, tmp_path, data=out.getvalue()))
    assert len(found) == 18
    assert {y for _, y, _ in found} == {2011} and {c for c, _, _ in found} == {"310000", "530000", "130000"}
    assert found["530000", 2011, next(i for _, _, i in found if "farming_raw_joy" in i)] == Decimal("2.5")


def test_the_platform_names_its_indicator_in_words_of_its_own() -> None:
    rows: Table = [
        ["数据库：分省年度数据"], ["指标：人口数(人口抽样调查)(人)"], ["时间：最近2年"], ["地区", "2015年", "2016年"],
        ["北京市", 335775, 17801], ["河北省", 5, 6], ["注：1.抽样数据。"], ["　　　2.本表不含其他。"], ["数据来源：国家统计局"],
    ]  # fmt: skip
    done = read(rows, "分省年度数据 (1).csv")
    assert units(done) == {("x_人口数_人口抽样调查_person", "persons")}
    assert landed(done)["110000", 2015, "x_人口数_人口抽样调查_person"] == 335775


def test_trade_in_dollars_is_the_sister_in_dollars() -> None:
    done = read(panel(("进出口总额(经营单位所在地)（亿美元）", ten(100))))
    assert {i for i, _ in units(done)} <= {"trade_total_operator_usd", "x_进出口总额_经营单位所在地_usd"}
    assert {REGISTRY.units[u].dimension for _, u in units(done)} == {"usd"}


@pytest.mark.parametrize("unit", ["十亿元", "billion yuan", "RMB billion", "10亿元"])
def test_units_of_a_billion(unit: str) -> None:
    found = units(read(panel((f"GDP({unit})", ten()))))
    assert found <= {("gdp", "1b_yuan"), ("x_gdp_10亿元_unstated", "unstated")} and found


def test_units_stand_in_a_column_beside_the_figures() -> None:
    rows = panel(("幸福产值", ten()), ("单位", ["亿元", "万元"] * 5))
    done = read(rows)
    assert units(done) == {("x_幸福产值_yuan", "100m_yuan"), ("x_幸福产值_yuan", "10k_yuan")}


def test_labels_without_a_header_that_were_merged(tmp_path: Path) -> None:
    rows: Table = [[None, None, None, None, 2015, 2016]]
    for label in ("一般公共预算支出（亿元）甲", "财政支出（亿元）乙"):
        for k, province in enumerate(PROVINCES):
            first = len(rows) % 10 == 1
            rows.append(
                [len(rows), label if first else None, None if first else label, province, k + 1.5, k + 2.5]
            )
    data = book(rows)
    done = again(RECOGNISER.read(File("a.xlsx", data, Path("a.xlsx"))), tmp_path, data=data)
    found = landed(done)
    assert len(found) == 40 and len({i for _, _, i in found}) == 2
    assert all(i.startswith("x_") and i.endswith("_yuan") for _, _, i in found)


def test_several_levels_of_unknown_headings_keep_their_words() -> None:
    rows: Table = [
        ["2015年各地区幸福组织情况", None, None, None, None],
        ["地区", "甲类组织", None, "乙类组织", None],
        [None, "年末机构数(个)", "年末人数(人)", "年末机构数(个)", "年末人数(人)"],
        *([p, k, k + 10, k + 20, k + 30] for k, p in enumerate(PROVINCES)),
    ]
    data = book(rows, ("A2:A3", "B2:C2", "D2:E2"))
    done = RECOGNISER.read(File("a.xlsx", data, Path("a.xlsx")))
    found = landed(done)
    assert found["130000", 2015, "x_乙类组织_年末人数_person"] == 32
    assert found["130000", 2015, "x_甲类组织_年末机构数_count"] == 2


def test_a_stray_cell_far_below_is_left_out(tmp_path: Path) -> None:
    rows = panel(("GDP(亿元)", ten()))
    made = openpyxl.load_workbook(io.BytesIO(book(rows)))
    made.active["C1048576"] = 7.25
    out = io.BytesIO()
    made.save(out)
    first = RECOGNISER.read(File("a.xlsx", out.getvalue(), Path("a.xlsx")))
    assert "R1048576C3" in errors(first)
    assert len(landed(again(first, tmp_path, data=out.getvalue()))) == 20


def test_compilers_are_told_apart(tmp_path: Path) -> None:
    one, two = read(panel(("GDP(亿元)", ten()))), read(panel(("GDP(亿元)", ten(2.5))))
    assert one.vintage_base != two.vintage_base
    shop: Table = [*panel(("GDP(亿元)", ten())), ["更多数据，关注淘宝店【行行文库】", None, None]]
    other: Table = [*panel(("GDP(亿元)", ten(2.5))), ["更多数据，关注淘宝店【行行文库】", None, None]]
    assert read(shop).vintage_base != read(other).vintage_base


def test_nothing_landed_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "names.csv").write_text("变量名,说明\ngdp,GDP\n", encoding="utf-8")
    run = run_cbec("import", str(tmp_path / "names.csv"), warehouse=tmp_path / "w")
    assert run.returncode == 2
    (tmp_path / "empty").mkdir()
    assert run_cbec("import", str(tmp_path / "empty"), warehouse=tmp_path / "w").returncode == 2


def test_cells_that_cannot_be_are_asked_about_in_the_same_round(tmp_path: Path) -> None:
    rows = panel(
        ("GDP(亿元)", ten()),
        ("幸福产值（亿元）", ten()),
        ("幸福指数", [-1.5, *ten()[1:]]),
        keys=("pv", "年份"),
    )
    rows[3][3] = -7.5
    (tmp_path / "a.csv").write_text("\n".join(",".join(map(str, row)) for row in rows), encoding="utf-8")
    run = run_cbec("import", str(tmp_path / "a.csv"), warehouse=tmp_path / "w")
    assert run.returncode == 2 and "'-7.5' is below the least possible value" in run.stderr
    assert "'pv' is no header" in run.stderr and "-1.5" not in run.stderr
    (mapping,) = (tmp_path / "w/imports").rglob("import.map.yml")
    run = run_cbec("import", str(tmp_path / "a.csv"), "--map", str(mapping), warehouse=tmp_path / "w")
    assert run.returncode == 0, run.stderr
    # Without the one cell, and without those whose magnitude is not that of GDP.
    assert "landed; 39 cells" in run.stdout
