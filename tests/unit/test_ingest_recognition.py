"""Shapes, units, regions, signs and encodings, one at a time."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from cbec.ingest.files import File, Refused, decode
from cbec.ingest.landing import Held, land, listed, remove, to_table
from cbec.ingest.mapping import load_mappings, template
from cbec.ingest.regions import Regions, short_names
from cbec.ingest.registry import load_registry
from cbec.ingest.run import Imported, Recogniser
from cbec.ingest.text import number_of, year_of
from cbec.ingest.vocabulary import Vocabulary
from cbec.project import CbecError
from tests.conftest import ROOT

REGISTRY = load_registry(ROOT)
REGIONS = Regions(REGISTRY)
RECOGNISER = Recogniser.of(ROOT)


def read(text: str, name: str = "table.csv", **how: object) -> Imported:
    return RECOGNISER.read(File(name, text.encode(), Path(name)), **how)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "value", "marks"),
    [
        ("1,234.5", "1234.5", ""), ("１２３４.５", "1234.5", ""), ("1 234", "1234", ""), ("12.5①", "12.5", "①"), ("7*", "7", "*"),
        ("1.5e3", "1500", ""), ("-3", "-3", ""), ("−3", "-3", ""), ("61.918115152276634", "61.9181151523", ""), ("0", "0", ""),
    ],
)  # fmt: skip
def test_numbers(text: str, value: str, marks: str) -> None:
    found = number_of(text)
    assert found is not None
    assert (found.value, found.marks) == (Decimal(value), marks)


@pytest.mark.parametrize(
    "text", ["1.2.3", "12,34", "12 34", "约5", "=1", "", "-", "inf", "0x1", "1_0", "5亿", "(5)", "½"]
)
def test_what_is_no_number(text: str) -> None:
    assert number_of(text) is None


def test_years() -> None:
    assert [year_of(t) for t in ("2022年", "2022", "2022.0", "２０２２", " 2022 年")] == [2022] * 5
    assert [year_of(t) for t in ("20222", "202", "2022.5", "1822", "2022-23")] == [None] * 5


@pytest.mark.parametrize(
    ("name", "level", "year", "province", "code"),
    [
        ("襄樊市", "prefecture", 2009, "", "420600"), ("襄阳", "prefecture", 2005, "", "420600"), ("思茅", "prefecture", 2005, "", "530800"),
        ("普洱市", "prefecture", 2010, "", "530800"), ("巢湖市", "prefecture", 2010, "", "341400"), ("莱芜", "prefecture", 2017, "", "371200"),
        ("河北保定", "prefecture", 2010, "", "130600"), ("吉林", "province", 2010, "", "220000"), ("吉林", "prefecture", 2010, "220000", "220200"),
        ("北   京", "province", 2010, "", "110000"), ("天\u200b津市", "province", 2010, "", "120000"), ("内蒙 古", "province", 2010, "", "150000"),
        ("恩施州", "prefecture", 2010, "", "422800"), ("克孜勒苏", "prefecture", 2010, "", "653000"), ("新疆阿克苏", "prefecture", 2010, "", "652900"),
        ("兴安", "prefecture", 2010, "150000", "152200"), ("毕节地区", "prefecture", 2010, "", "522400"), ("毕节市", "prefecture", 2012, "", "520500"),
        ("Inner mongolia", "province", 2010, "", "150000"), ("Guangxi Zhuang Autonomous Region", "province", 2010, "", "450000"),
        ("Baoding", "prefecture", 2010, "", "130600"), ("廣東省", "province", 2010, "", "440000"), ("江两", "province", 2010, "", "360000"),
    ],
)  # fmt: skip
def test_regions(name: str, level: str, year: int, province: str, code: str) -> None:
    assert REGIONS.match(name, level, year, province).region_code == code


@pytest.mark.parametrize("name", ["恩施市", "大理市", "延吉市", "毕节市", "阿克苏市", "石家庒市"])
def test_a_county_level_city_is_never_promoted(name: str) -> None:
    match = REGIONS.match(name, "prefecture", 2009)
    assert match.is_error
    assert match.nearest


def test_an_unknown_region_names_three_near_ones() -> None:
    assert "石家庄市" in REGIONS.match("石家庒市", "prefecture", 2015).nearest
    assert len(REGIONS.match("石家庒市", "prefecture", 2015).nearest) == 3


def test_a_unit_that_does_not_exist_is_left_out_not_guessed() -> None:
    match = REGIONS.match("巢湖市", "prefecture", 2015)
    assert (match.region_code, match.is_error) == ("", False)
    assert "no prefecture-level unit in 2015" in match.reason


def test_every_registered_name_matches_itself() -> None:
    for row in REGISTRY.regions:
        year = int(row["valid_to_year"] or row["valid_from_year"] or 2015)
        match = REGIONS.match(row["name_zh"], row["region_level"], year, row["province_code"])
        assert match.region_code == row["region_code"], row["name_zh"]


def test_short_names_never_turn_a_prefecture_into_a_city() -> None:
    assert "恩施市" not in short_names("恩施土家族苗族自治州")
    assert {"恩施", "恩施州"} <= short_names("恩施土家族苗族自治州")
    assert short_names("阿克苏地区") == {"阿克苏地区", "阿克苏"}


@pytest.mark.parametrize(
    ("header", "indicator", "unit"),
    [
        ("GDP(亿元)", "gdp", "100m_yuan"), ("地区生产总值（万元）", "gdp", "10k_yuan"), ("gdp_100m", "gdp", "100m_yuan"),
        ("年末常住人口/万人", "resident_population_year_end", "10k_persons"), ("hukou_pop_10k", "registered_population_year_end", "10k_persons"),
        ("第二产业增加值:亿元", "gdp_secondary", "100m_yuan"), ("第三产业占GDP的比重（%）", "gdp_tertiary_share", "pct"),
        ("金融机构本外币存款余额/亿元", "deposits_year_end", "100m_yuan"), ("行政区域土地面积(平方公里)", "land_area", "km2"),
        ("專利申請受理量(件)", "", ""), ("地方一般公共预算支出(元)", "general_public_budget_expenditure", "yuan"),
    ],
)  # fmt: skip
def test_headers(header: str, indicator: str, unit: str) -> None:
    vocabulary = Vocabulary(REGISTRY, REGIONS, "undocumented")
    meaning = vocabulary.meaning((header,))
    assert meaning.indicator == indicator
    assert not indicator or vocabulary.unit_for(indicator, meaning.units) == unit


def test_every_alias_names_something_that_can_be_loaded() -> None:
    for alias in REGISTRY.aliases:
        assert alias.role != "measure" or alias.indicator in REGISTRY.indicators
        assert alias.indicator not in REGISTRY.derived


def test_missing_signs_follow_the_book() -> None:
    table = "地区,年份,GDP(亿元)\n北京,2015,…\n天津,2015,\n河北,2015,-\n山西,2015,12766.5\n"
    general = {c.region_code: c.obs_status_all for c in read(table).cells}
    assert general == {"110000": "O", "120000": "O", "130000": "O", "140000": "V"}
    yearbook = read(table, publication="china_statistical_yearbook")
    assert {c.region_code: c.obs_status_all for c in yearbook.cells} == {
        "110000": "N", "120000": "O", "130000": "O", "140000": "A",
    }  # fmt: skip
    chengdu = read(table, publication="chengdu_yearbook", edition="1991")
    assert {c.region_code: c.obs_status_all for c in chengdu.cells}["130000"] == "M"


def test_a_filled_column_is_imputed_only_where_the_printed_one_is_blank() -> None:
    done = read("城市,年份,GDP(亿元),插值_GDP(亿元)\n保定,2014,10,10\n保定,2015,,11\n保定,2016,12,12\n")
    cells = {c.year: c for c in done.cells}
    assert [cells[y].obs_status_all for y in (2014, 2015, 2016)] == ["V", "IV", "V"]
    assert (cells[2015].impute_method, cells[2015].impute_by) == ("unknown", "vendor")
    assert cells[2015].source_locator == "table!R3C4"
    assert cells[2014].source_locator == "table!R2C3"


def test_a_flag_column_marks_the_figures_beside_it() -> None:
    done = read("城市,年份,fai_100m,fai_imputed\n保定,2014,10,False\n保定,2015,11,True\n")
    assert {c.year: c.obs_status_all for c in done.cells} == {2014: "V", 2015: "IV"}


def test_an_unknown_header_gives_a_mapping_that_makes_the_next_run_succeed(tmp_path: Path) -> None:
    text = "城市,年份,幸福感,GDP(亿元)\n保定,2014,10,3000\n某某市,2014,1,2\n"
    first = read(text)
    assert first.status == "refused"
    header, region = (next(p for p in first.problems if p.kind == k) for k in ("header", "region"))
    assert header.locator == "table!R1C3" and header.is_warning
    assert len(header.nearest) == 3
    path = tmp_path / "map.yml"
    path.write_text(template(list(first.problems)), encoding="utf-8")
    second = read(text, mappings=load_mappings(path, REGISTRY))
    assert second.status == "recognised", second.problems
    assert {(c.region_code, c.indicator_id, c.value) for c in second.cells} == {
        ("130600", "gdp", Decimal(3000)), ("130600", "x_幸福感_unstated", Decimal(10)),
    }  # fmt: skip
    path.write_text("headers: {幸福感: {use: gdp_growht}}", encoding="utf-8")
    with pytest.raises(CbecError, match="gdp_growth"):
        load_mappings(path, REGISTRY)
    assert region.text == "某某市"


def test_landing_is_stable_versioned_and_removable(tmp_path: Path) -> None:
    first = read("城市,年份,GDP(亿元)\n保定,2014,3000.5\n", publication="city_panel")
    table = to_table(
        first.cells, vintage="city_panel", source_id="city_panel_vendor", source_file="a.csv", sha256="a" * 64
    )
    path = land(tmp_path, table, "a" * 64)
    before = path.read_bytes()
    land(tmp_path, table, "a" * 64)
    assert path.read_bytes() == before
    held = Held(tmp_path)
    # The same figures from another file are nothing new; another figure for the same cell is a version of it.
    assert held.vintage_for("city_panel", first.cells, "b" * 64) == ("city_panel_r2", False)
    assert held.vintage_for("city_panel", first.cells, "a" * 64) == ("city_panel", True)
    revised = [replace(cell, value=cell.value + 1) for cell in first.cells if cell.value is not None]
    assert held.vintage_for("city_panel", revised, "b" * 64) == ("city_panel_r2", True)
    later = [replace(cell, year=2015) for cell in first.cells]
    assert held.vintage_for("city_panel", later, "b" * 64) == ("city_panel", True)
    assert [entry.source_file for entry in listed(tmp_path)] == ["a.csv"]
    with pytest.raises(CbecError, match="no landed file"):
        remove(tmp_path, "b.csv")
    remove(tmp_path, "a" * 12)
    assert listed(tmp_path) == []


def test_an_encoding_is_recognised_or_refused() -> None:
    text = "地区,年份,GDP(亿元)\n河北省,2015,26398.4\n"
    for codec, name in (("utf-8", "utf-8"), ("gb18030", "gb18030"), ("utf-16-le", "utf-16-le")):
        assert decode("x", text.encode(codec), REGISTRY.familiar) == (text, name)
    with pytest.raises(Refused, match="neither UTF-8"):
        decode("x", "né à Orléans, 5 €\n".encode("latin-1", errors="replace") * 3, REGISTRY.familiar)


def test_fuels_of_an_energy_yearbook_are_recognised() -> None:
    fuels = ["煤炭", "焦炭", "原油", "汽油", "煤油", "柴油", "燃料油", "液化石油气"]
    header = ",".join(f"{fuel}消费量（万吨）" for fuel in fuels)
    done = read(
        f"省份,年份,{header},天然气消费量（亿立方米）,电力消费量（亿千瓦小时）\n江苏省,2019,{'1.5,' * 8}288.1,6264.4\n"
    )
    accounts = (ROOT / "seeds/registry/energy_account.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert {c.indicator_id for c in done.cells} == {line.split(",")[2] for line in accounts}
    assert {c.unit_printed for c in done.cells} == {"10k_t", "100m_m3", "100m_kwh"}
