"""A heading is read over the columns it stands over, where only one reading is possible, or refused."""

from __future__ import annotations

import io
import itertools
from pathlib import Path

import openpyxl
import pytest

from cbec.ingest.files import File
from cbec.ingest.headings import spans
from cbec.ingest.run import Imported
from tests.ingest import RECOGNISER, Table, errors, figures, read

CITIES = {"石家庄市": "130100", "唐山市": "130200", "邯郸市": "130400"}
HEADS = {"gdp": "GDP(亿元)", "gdp_secondary": "第二产业增加值(亿元)", "gdp_tertiary": "第三产业增加值(亿元)"}
Truth = dict[tuple[str, int, str], float | None]


def figure(city: int, year: int, indicator: int) -> float:
    return 1000 * (city + 1) + 100 * (year - 2010) + 10 * indicator + 0.5


def table(years: list[list[int]], offsets: list[int]) -> tuple[Table, Truth]:
    """Groups of years, each under a heading that stands so many columns behind the first of its group."""
    head: list[object] = ["城市"]
    below: list[object] = [""]
    rows: Table = [[name] for name in CITIES]
    truth: Truth = {}
    for n, (indicator, group, offset) in enumerate(zip(HEADS, years, offsets, strict=False)):
        head += [HEADS[indicator] if k == offset else "" for k in range(len(group))]
        below += group
        for c, code in enumerate(CITIES.values()):
            for year in group:
                rows[c].append(figure(c, year, n))
                truth[code, year, indicator] = figure(c, year, n)
    return [head, below, *rows], truth


def as_workbook(rows: Table, *, merges_down: bool) -> Imported:
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    for row in rows:
        sheet.append([c if c != "" else None for c in row])
    if merges_down:
        sheet.merge_cells("A1:A2")
    out = io.BytesIO()
    workbook.save(out)
    return RECOGNISER.read(File("table.xlsx", out.getvalue(), Path("table.xlsx")))


LAYOUTS = [([list(range(2014, 2014 + width))] * n, width) for n in (2, 3) for width in (2, 3, 4, 5)]


def readings(years: list[list[int]], offsets: list[int]) -> list[Imported]:
    rows, _ = table(years, offsets)
    return [read(rows), as_workbook(rows, merges_down=False), as_workbook(rows, merges_down=True)]


@pytest.mark.parametrize(("years", "width"), LAYOUTS)
def test_a_heading_over_the_middle_or_the_first_of_its_columns(years: list[list[int]], width: int) -> None:
    for offset in {0, (width - 1) // 2, width // 2}:
        offsets = [offset] * len(years)
        _, truth = table(years, offsets)
        for done in readings(years, offsets):
            assert figures(done) == truth, (offset, errors(done))


@pytest.mark.parametrize("lengths", list(itertools.permutations((2, 3, 4, 5), 2)))
def test_groups_of_unequal_width(lengths: tuple[int, int]) -> None:
    """Where the years begin again tells the groups apart; a heading of its own place must fit them."""
    years = [list(range(2014, 2014 + n)) for n in lengths]
    for offsets in ([0, 0], [(n - 1) // 2 for n in lengths]):
        _, truth = table(years, offsets)
        for done in readings(years, offsets):
            assert figures(done) == truth, (offsets, errors(done))


@pytest.mark.parametrize(("years", "width"), LAYOUTS)
def test_no_heading_lends_its_figures_to_another(years: list[list[int]], width: int) -> None:
    """Wherever the headings stand: what lands is right, and what cannot be told is refused with a place."""
    for offsets in itertools.product(range(width), repeat=len(years)):
        _, truth = table(years, list(offsets))
        done = read(table(years, list(offsets))[0])
        landed = figures(done)
        assert landed in ({}, truth), (offsets, landed)
        if not landed:
            assert "!R1C" in errors(done)


def test_regions_and_scopes_over_the_middle() -> None:
    regions: Table = [
        ["年份", "", "石家庄市", "", "", "唐山市", ""],
        ["", *["GDP(亿元)", "第二产业增加值(亿元)", "第三产业增加值(亿元)"] * 2],
        [2014, 10, 4, 5, 20, 8, 9], [2015, 11, 5, 6, 21, 9, 10],
    ]  # fmt: skip
    landed = figures(read(regions))
    assert landed in ({}, {
        (code, year, indicator): float(regions[2 + y][1 + 3 * c + n])  # type: ignore[arg-type]
        for c, code in enumerate(("130100", "130200")) for y, year in enumerate((2014, 2015))
        for n, indicator in enumerate(HEADS)
    })  # fmt: skip
    scopes: Table = [
        ["城市", "", "GDP(亿元)", "", "常住人口(万人)"], ["", *["全市", "市辖区"] * 2],
        ["石家庄市", 10, 4, 900, 400], ["唐山市", 20, 8, 700, 300],
    ]  # fmt: skip
    landed = figures(read(scopes, "2015.csv"))
    assert landed in ({}, {
        ("130100", 2015, "gdp"): 10.0, ("130200", 2015, "gdp"): 20.0,
        ("130100", 2015, "resident_population_year_end"): 900.0,
        ("130200", 2015, "resident_population_year_end"): 700.0,
    })  # fmt: skip


def test_every_reading_of_a_row_of_headings() -> None:
    """By brute force: a reading that is found is the only one that is centred, or begins with the headings."""
    for width in range(2, 8):
        for n in range(1, 4):
            for heads in itertools.combinations(range(width), n):
                keys = [(str(2014 + k % 3),) for k in range(width)]
                found = spans(heads, 0, width - 1, keys, lambda head, column: True)
                if found is None:
                    continue
                assert [c for a, b in found for c in range(a, b + 1)] == list(range(width))
                for head, (a, b) in zip(heads, found, strict=True):
                    assert a <= head <= b
                    assert len({keys[c] for c in range(a, b + 1)}) == b - a + 1
                    assert head == a or abs((head - a) - (b - head)) <= 1


NEW_ROWS = [("秦皇岛市", "130300"), ("保定市", "130600")]


def repeated(line: list[object], order: tuple[int, int]) -> tuple[Table, Truth]:
    rows: Table = [["城市", "年份", HEADS["gdp"], HEADS["gdp_secondary"]]]
    truth: Truth = {}
    for c, (name, code) in enumerate(CITIES.items()):
        rows.append([name, 2015, figure(c, 2015, 0), figure(c, 2015, 1)])
        truth |= {(code, 2015, i): figure(c, 2015, n) for n, i in enumerate(list(HEADS)[:2])}
    rows.append(line)
    for c, (name, code) in enumerate(NEW_ROWS, 5):
        pair = [figure(c, 2015, 0), figure(c, 2015, 1)]
        rows.append([name, 2015, pair[order[0]], pair[order[1]]])
        truth |= {(code, 2015, i): pair[n] for n, i in enumerate(list(HEADS)[:2])}
    return rows, truth


@pytest.mark.parametrize(
    "keys", [["", ""], ["续表", ""], ["续表1", ""], ["", "续"], ["（续）", ""], ["名称", "时期"]]
)
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_header_again_without_its_keys(keys: list[object], order: tuple[int, int]) -> None:
    heads = [HEADS["gdp"], HEADS["gdp_secondary"]]
    rows, truth = repeated([*keys, heads[order[0]], heads[order[1]]], order)
    done = read(rows)
    landed = figures(done)
    if keys[1] == "时期" and order == (1, 0):
        assert landed == {}
        assert "R5C" in errors(done)
    else:
        assert landed == truth, errors(done)


@pytest.mark.parametrize(
    "other", ["第三产业增加值(亿元)", "常住人口(万人)", "产值", "GDP(万元)", "人均GDP(元)"]
)
@pytest.mark.parametrize("keys", [["", ""], ["续表", ""], ["名称", "时期"]])
def test_a_header_again_with_another_column(other: str, keys: list[object]) -> None:
    rows, truth = repeated([*keys, HEADS["gdp"], other], (0, 1))
    done = read(rows)
    landed = figures(done)
    wrong = {k for k in landed if k[0] in ("130300", "130600") and k[2] == "gdp_secondary"}
    assert not wrong
    assert landed or "R5C" in errors(done) or "contradicts" in errors(done)
    rows, truth = repeated([*keys, other, HEADS["gdp"]], (1, 0))
    for key, value in figures(read(rows)).items():
        if key[2] == "gdp" and key[0] in ("130300", "130600"):
            assert value == truth[key]
