"""A share printed as a fraction is a fraction: the header says the unit, else the figures do, else nobody."""

from __future__ import annotations

import itertools
import random

import pytest

from tests.ingest import Table, errors, figures, read

SECTORS = ("第一产业", "第二产业", "第三产业")
IDS = ("gdp_primary_share", "gdp_secondary_share", "gdp_tertiary_share")
CITIES = (("石家庄市", "130100"), ("唐山市", "130200"), ("深圳市", "440300"))
HEADERS = ("{}占比", "{}比重", "{}占GDP比重", "{}增加值占GDP的比重", "{}占地区生产总值比重")
SHARES = {"130100": (9.1, 45.6, 45.3), "130200": (8.5, 57.0, 34.5), "440300": (0.1, 41.1, 58.8)}
REGIONS = (
    "石家庄",
    "唐山",
    "秦皇岛",
    "邯郸",
    "邢台",
    "保定",
    "张家口",
    "承德",
    "沧州",
    "廊坊",
    "衡水",
    "太原",
    "大同",
    "阳泉",
    "长治",
    "晋城",
    "朔州",
    "晋中",
    "运城",
    "忻州",
    "临汾",
    "吕梁",
)


def trio(scale: float, header: str, order: tuple[int, ...], decimals: int = 4) -> Table:
    table: Table = [["城市", "年份", *[header.format(SECTORS[k]) for k in order]]]
    for name, code in CITIES:
        table.append([name, 2015, *[f"{SHARES[code][k] * scale:.{decimals}f}" for k in order]])
    return table


TRUTH = {
    (code, 2015, IDS[k]): pytest.approx(SHARES[code][k], abs=0.006) for _, code in CITIES for k in range(3)
}


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("scale", [1.0, 0.01])
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_shares_that_add_up_say_their_unit(header: str, scale: float, order: tuple[int, ...]) -> None:
    done = read(trio(scale, header, order))
    assert figures(done) == TRUTH, errors(done)


@pytest.mark.parametrize(
    ("unit", "scale"), [("(%)", 1.0), ("（％）", 1.0), ("_pct", 1.0), ("(百分比)", 1.0), ("(‰)", 10.0)]
)
def test_a_printed_unit_decides(unit: str, scale: float) -> None:
    assert figures(read(trio(scale, "{}占比" + unit, (0, 1, 2)))) == TRUTH


def test_a_row_of_units_decides() -> None:
    table = trio(1.0, "{}占比", (0, 1, 2))
    assert figures(read([table[0], ["", "", "%", "%", "%"], *table[1:]])) == TRUTH
    assert figures(read([["单位：%"], *table])) == TRUTH


def test_signs_of_per_cent_decide() -> None:
    table = trio(1.0, "{}占比", (0, 1, 2))
    signed = [table[0], *[[*row[:2], *[f"{c}%" for c in row[2:]]] for row in table[1:]]]
    assert figures(read(signed)) == TRUTH


@pytest.mark.parametrize(("scale", "unit"), [(0.01, "(%)"), (0.01, "_pct")])
def test_a_printed_unit_that_the_figures_deny_is_refused(scale: float, unit: str) -> None:
    done = read(trio(scale, "{}占比" + unit, (0, 1, 2)))
    assert done.status == "refused"
    assert "table!R2C3" in errors(done)
    assert "add up to 1 %" in errors(done)


@pytest.mark.parametrize("row", [1, 2, 3])
def test_fractions_and_percentages_in_one_column_are_refused(row: int) -> None:
    table = trio(1.0, "{}占比", (0, 1, 2))
    table[row] = trio(0.01, "{}占比", (0, 1, 2))[row]
    done = read(table)
    assert done.status == "refused"
    assert f"table!R{row + 1}C" in errors(done)
    assert "name the unit" in errors(done)


@pytest.mark.parametrize("seed", range(8))
def test_a_cell_of_another_unit_in_the_column_is_refused(seed: int) -> None:
    """One slip among percentages whose row has no other shares."""
    pick = random.Random(seed)
    table: Table = [["城市", "年份", "城镇化率", "GDP(亿元)"]]
    table += [[name, 2015, round(pick.uniform(30, 90), 2), 1000] for name in REGIONS]
    row = pick.randrange(1, len(table))
    table[row][2] = 0.47
    done = read(table)
    assert done.status == "refused"
    assert f"table!R{row + 1}C3: '0.47'" in errors(done)


@pytest.mark.parametrize("header", ["城镇化率", "常住人口城镇化率", "生活垃圾无害化处理率", "第二产业占比"])
def test_the_range_of_many_regions_decides(header: str) -> None:
    values = [0.35 + 0.02 * n for n in range(len(REGIONS))]
    for scale in (1, 100):
        table: Table = [["城市", "年份", header]]
        table += [[n, 2015, f"{v * scale:.2f}"] for n, v in zip(REGIONS, values, strict=True)]
        done = read(table)
        assert sorted(figures(done).values()) == pytest.approx(sorted(v * 100 for v in values)), errors(done)


@pytest.mark.parametrize("values", [(0.47, 0.5), (0.3, 0.1), (1.0, 0.9), (0.5, 55.0), (55.0, 0.5)])
def test_what_neither_decides_is_refused_and_asks_for_the_unit(values: tuple[float, float]) -> None:
    done = read([["城市", "年份", "第一产业占比"], ["上海市", 2015, values[0]], ["深圳市", 2015, values[1]]])
    assert done.status == "refused"
    assert "table!R" in errors(done)
    assert "name the unit of gdp_primary_share" in errors(done)


@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_the_levels_of_a_share_decide(scale: float) -> None:
    done = read(
        [
            ["城市", "年份", "GDP(亿元)", "第一产业增加值(亿元)", "第一产业占比"],
            ["上海市", 2015, 25123.45, 109.82, f"{0.0044 * scale:.4f}"],
            ["石家庄市", 2015, 5440.6, 494.44, f"{0.0909 * scale:.4f}"],
        ]
    )
    got = {k[0]: v for k, v in figures(done).items() if k[2] == "gdp_primary_share"}
    assert got == {"310000": pytest.approx(0.44), "130100": pytest.approx(9.09)}, errors(done)


@pytest.mark.parametrize("scale", [1.0, 0.01])
def test_long_and_wide_shapes(scale: float) -> None:
    rows = trio(scale, "{}占比", (0, 1, 2))
    long: Table = [["城市", "年份", "指标", "数值"]]
    for row in rows[1:]:
        long += [[row[0], row[1], f"{s}占比", v] for s, v in zip(SECTORS, row[2:], strict=True)]
    assert figures(read(long)) == TRUTH
    wide: Table = [["城市", "2014年", "2015年"]]
    wide += [
        [name, 0.4 * scale * 100, f"{(0.3 + 0.02 * n) * scale * 100:.4f}"] for n, name in enumerate(REGIONS)
    ]
    done = read(wide, "第三产业占比.csv")
    assert max(v or 0 for v in figures(done).values()) == pytest.approx(72.0), errors(done)
