"""Headers that look alike and mean different things land in different indicators."""

from __future__ import annotations

import itertools
import re

import pytest

from tests.ingest import REGISTRY, errors, figures, read

# Groups of concepts that are near each other, with headers that fit exactly one of them.
GROUPS: dict[str, dict[str, tuple[str, ...]]] = {
    "万人 people": {
        "total_population_year_end": ("年末总人口", "总人口", "年末人口数", "年底总人口"),
        "registered_population_year_end": ("年末户籍人口", "户籍人口", "户籍总人口", "年末总人口（户籍）"),
        "resident_population_year_end": ("年末常住人口", "常住人口", "常住人口数"),
    },
    "万人 work": {
        "employment": ("就业人员", "全社会就业人员", "全社会从业人员", "年末就业人员数", "就业人口"),
        "employment_urban": ("城镇就业人员", "城镇从业人员"),
        "employees_urban_units": ("城镇单位从业人员", "城镇单位就业人员", "单位从业人员", "年末单位从业人员数", "城镇单位从业人员期末人数"),
        "employees_urban_nonprivate_units": ("城镇非私营单位从业人员", "城镇非私营单位就业人员", "非私营单位从业人员期末人数"),
    },
    "亿元 telecom": {
        "telecom_business_volume": ("电信业务总量", "电信行业业务总量"),
        "telecom_business_revenue": ("电信业务收入", "电信行业业务收入"),
        "postal_business_volume": ("邮政业务总量", "邮政行业业务总量"),
        "postal_business_revenue": ("邮政业务收入", "邮政行业业务收入"),
    },
    "微克/立方米 air": {
        "pm25": ("PM2.5", "细颗粒物年均浓度", "细颗粒物（PM2.5）年平均浓度", "PM2.5年均浓度", "ＰＭ２．５"),
        "pm10": ("PM10", "可吸入颗粒物年均浓度", "可吸入颗粒物（PM10）年平均浓度", "PM10浓度", "ＰＭ１０"),
    },
    "亿元 investment": {
        "fixed_asset_investment": ("全社会固定资产投资", "全社会固定资产投资总额", "全社会固定资产投资完成额"),
        "fixed_asset_investment_excluding_rural_households": ("固定资产投资(不含农户)", "固定资产投资额（不含农户）", "固定资产投资（不包括农户）"),
    },
    "吨 dust": {
        "industrial_soot": ("工业烟尘排放量", "工业烟尘"),
        "industrial_process_dust": ("工业粉尘排放量",),
        "industrial_dust": ("工业烟（粉）尘排放量", "工业烟粉尘排放量", "industrial_soot_dust"),
        "industrial_particulates": ("工业颗粒物排放量",),
    },
    "亿元 deposits": {
        "household_deposits_year_end": ("住户存款余额", "住户存款"),
        "household_savings_deposits_year_end": ("城乡居民储蓄存款年末余额", "城乡居民储蓄年末余额", "居民储蓄存款余额", "城乡居民人民币储蓄存款余额"),
        "deposits_year_end": ("金融机构存款余额",),
    },
    "% waste": {
        "household_waste_treatment_rate": ("生活垃圾无害化处理率",),
        "household_waste_disposal_rate": ("生活垃圾处理率",),
    },
}  # fmt: skip
VALUES = {"万人": 55.5, "亿元": 77.5, "微克/立方米": 35.5, "吨": 3333.0, "%": 88.5}
HEADERS = [
    (group.split()[0], concept, header)
    for group, concepts in GROUPS.items()
    for concept, headers in concepts.items()
    for header in headers
]


@pytest.mark.parametrize(("unit", "concept", "header"), HEADERS)
@pytest.mark.parametrize("form", ["{}（{}）", "{}({})", "{}/{}", "{}_{}"])
@pytest.mark.parametrize("region", ["石家庄市", "河北省"])
def test_a_header_lands_in_its_own_concept(
    unit: str, concept: str, header: str, form: str, region: str
) -> None:
    if "/" in unit and "(" not in form and "（" not in form:
        pytest.skip("a unit with a slash stands in brackets")
    done = read([["地区", "年份", form.format(header, unit)], [region, 2015, VALUES.get(unit, 35.5)]])
    assert {key[2] for key in figures(done)} == {concept}, errors(done)


@pytest.mark.parametrize("group", GROUPS)
def test_near_concepts_stand_side_by_side(group: str) -> None:
    unit = group.split()[0]
    for order in itertools.islice(itertools.permutations(GROUPS[group]), 6):
        headers = [f"{GROUPS[group][concept][0]}({unit})" for concept in order]
        values = [VALUES[unit] + n for n in range(len(order))]
        done = read([["城市", "年份", *headers], ["石家庄市", 2015, *values]])
        assert figures(done) == {
            ("130100", 2015, concept): value for concept, value in zip(order, values, strict=True)
        }, errors(done)


@pytest.mark.parametrize(
    "header", ["电信业务", "邮电业务总量", "乡村从业人员", "城镇集体单位从业人员", "城镇固定资产投资", "颗粒物排放量", "烟尘", "人口", "农村居民储蓄"]
)  # fmt: skip
def test_a_header_of_no_known_concept_lands_as_nothing_but_itself(header: str) -> None:
    for unit in ("亿元", "万人", "吨"):
        done = read([["城市", "年份", f"{header}({unit})", "GDP(亿元)"], ["石家庄市", 2015, 5.5, 5000]])
        kind = {"亿元": "yuan", "万人": "person", "吨": "tonne"}[unit]
        others = {c.indicator_id: c.obs_status_all for c in done.cells if c.indicator_id != "gdp"}
        assert others == {f"x_{header}_{kind}": "V"}
        (asked,) = [p for p in done.problems if p.text.startswith(header)]
        assert asked.is_warning and asked.nearest and asked.locator == "table!R1C3"


@pytest.mark.parametrize(
    ("header", "indicator"),
    [("从业人员(万人)", "employment"), ("固定资产投资额(亿元)", "fixed_asset_investment"), ("年末总人口(万人)", "total_population_year_end")],
)  # fmt: skip
def test_a_vague_header_says_so_on_every_cell(header: str, indicator: str) -> None:
    done = read([["城市", "年份", header], ["石家庄市", 2015, 5.5], ["唐山市", 2015, 6.5]])
    assert [(c.indicator_id, "the header does not say" in (c.obs_comment or "")) for c in done.cells] == [
        (indicator, True)
    ] * 2


def test_no_alias_of_a_measure_joins_two_concepts() -> None:
    for _, concept, header in HEADERS:
        clean = re.sub(r"\s", "", header).lower().replace("（", "(").replace("）", ")")
        fitting = {
            a.indicator
            for a in REGISTRY.aliases
            if a.role == "measure" and not a.publication and a.pattern.fullmatch(clean)
        }
        assert fitting <= {concept}, header
