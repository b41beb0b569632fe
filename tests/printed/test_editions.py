"""Tables of every edition, drawn by workbooks.py: each cell is read back with its region, year, indicator, scope,
unit, value and status, and what is no figure is refused with its place."""

from __future__ import annotations

import io
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest
from openpyxl.comments import Comment
from openpyxl.worksheet.worksheet import Worksheet

from cbec.ingest.files import File
from cbec.ingest.printed.regions import Column as RegionColumn
from cbec.ingest.printed.regions import Named
from cbec.ingest.run import Imported
from tests.conftest import run_cbec
from tests.printed.reading import figures, in_ones, printed_at, read, recogniser
from tests.printed.workbooks import (
    COUNTY,
    Column,
    Print,
    Row,
    figure_of,
    latin,
    make,
    meaning_of,
    pairs,
    shown,
    specs,
    title_scope,
    workbook,
)

EDITIONS = range(2010, 2025)
TABLES = tuple(specs(2018))
# Columns whose figures are not what the heading says (registry.header_correction).
OTHER_THAN_PRINTED = {
    (2014, indicator, scope)
    for indicator in ("gdp_growth", "gdp_per_capita_printed")
    for scope in ("whole_prefecture", "districts")
}
SPOILT = ("().13", "£05", "413349’", "_ 2317", "1 234", "12.3.4", "4253.", "10,20", "l2345", "12O5", "1,234")


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("edition", EDITIONS)
def test_every_cell_is_read_as_it_is_printed(edition: int, table: str) -> None:
    print_ = make(edition, table)
    imported = read(print_)
    assert imported.status == "recognised", imported.problems
    assert imported.edition == str(edition)
    printed = imported.printed
    assert printed is not None
    assert printed.tables == (specs(edition)[table].number,)
    assert printed.refused == []
    expected = shown(print_)
    assert len(expected) > 30
    assert figures(imported) == {figure.key: figure.value for figure in expected}
    rows = [row for page in print_.pages for row in page.rows if row.is_region]
    assert len(imported.cells) == sum(len(row.cells) for row in rows)
    for cell in imported.cells:
        assert cell.year == edition - 1
        assert cell.region_level == ("county" if cell.scope == COUNTY else "prefecture")
        assert cell.value_printed == printed_at(print_, cell.source_locator)
        is_other = (edition, cell.indicator_id, cell.scope) in OTHER_THAN_PRINTED
        usual = "D" if is_other else "A"
        assert cell.obs_status_all == {"": "O", "…": "N"}.get(cell.value_printed, usual)
        assert (cell.value is None) == (cell.value_printed in ("", "…"))
        assert cell.obs_comment is None or is_other
    # Marks of a reseller are a warning and nothing else is.
    assert [problem.text for problem in imported.problems] == ["马克数据网"]


@pytest.mark.parametrize("table", ["gdp", "budget", "people", "teachers"])
@pytest.mark.parametrize("edition", range(2012, 2017))
def test_printed_sums_are_totals_and_no_cells(edition: int, table: str) -> None:
    print_ = make(edition, table)
    printed = read(print_).printed
    assert printed is not None
    page_unit = print_.pages[0].unit
    title = print_.pages[0].title
    expected = {
        (row.level, row.code, meaning_of(c.words, title), c.scope or title_scope(title), Decimal(row.cells[k]))
        for page in print_.pages for row in page.rows if not row.is_region
        for k, c in enumerate(page.columns) if row.cells[k]
    }  # fmt: skip
    assert len(expected) >= 10
    found = {
        (t.level, t.region_code, t.indicator_id, t.scope.replace("_prefecture", ""), t.value)
        for t in printed.totals
    }
    assert found == expected
    units = {c.unit or page_unit for c in print_.pages[0].columns} - {"元", "%", "‰"}
    assert {"万元": "10k_yuan", "万人": "10k_persons", "人": "persons"}[units.pop()] == printed.totals[
        0
    ].unit_printed
    for total in printed.totals:
        assert printed_at(print_, total.source_locator) == total.value_printed
        assert in_ones(total.value, total.unit_printed) > 0


@pytest.mark.parametrize("text", SPOILT)
@pytest.mark.parametrize("edition", [2010, 2011, 2012, 2016, 2020, 2024])
def test_a_spoilt_figure_is_refused_with_its_place(edition: int, text: str) -> None:
    print_ = make(edition, "gdp")
    row = next(
        r for r in print_.pages[1].rows if r.is_region and all(figure_of(c) is not None for c in r.cells)
    )
    row.cells[1] = text
    imported = read(print_)
    printed = imported.printed
    assert printed is not None
    assert imported.status == "recognised"
    assert [(r.region, r.value_printed) for r in printed.refused] == [(row.name, text)]
    assert printed_at(print_, printed.refused[0].source_locator) == text
    assert any(
        text in p.message and printed.refused[0].source_locator in p.message for p in imported.problems
    )
    assert figures(imported) == {figure.key: figure.value for figure in shown(print_)}


@pytest.mark.parametrize("edition", [2010, 2011])
def test_wide_digits_and_points_are_the_same_figure(edition: int) -> None:
    print_ = make(edition, "gdp")
    row = next(r for r in print_.pages[0].rows if r.is_region)
    row.cells[4] = "１１．10"
    assert figures(read(print_))[row.code, "gdp_growth", "whole_prefecture"] == Decimal("11.10")


def test_a_misread_name_is_the_city_that_no_other_row_names() -> None:
    print_ = make(2012, "gdp", per_province=20)
    row = next(r for page in print_.pages for r in page.rows if r.name == "秦皇岛市")
    row.name = "秦阜岛市"
    cells = [c for c in read(print_).cells if c.region_code == row.code]
    assert [c.value for c in cells] == [figure_of(c) for c in row.cells]
    assert all("printed 秦阜岛市, read as 秦皇岛市" in (c.obs_comment or "") for c in cells)


def test_an_unknown_column_has_one_id_in_every_edition() -> None:
    found = []
    for edition in (2012, 2016, 2021, 2024):
        print_ = make(edition, "unknown")
        for page in print_.pages:
            page.number = f"2-{edition - 1990}"
        imported = read(print_)
        assert imported.printed is not None
        found.append(set(imported.printed.indicators))
        assert {c.indicator_id for c in imported.cells} == found[-1]
    assert found[0] == {
        "x_夜间经济街区数_count", "x_夜间经济街区数_count_districts",
        "x_夜间经济街区营业额_yuan", "x_夜间经济街区营业额_yuan_districts",
    }  # fmt: skip
    assert all(ids == found[0] for ids in found)


def test_persons_and_yuan_under_one_unknown_word_are_two_indicators() -> None:
    print_ = make(2016, "unknown")
    for page in print_.pages:
        page.columns = pairs([Column(("夜间经济街区规模",), unit=unit) for unit in ("万人", "万元")])
    printed = read(print_).printed
    assert printed is not None
    assert len(printed.indicators) == 4


def test_the_generator_draws_what_it_says(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(io.BytesIO(workbook(make(2012, "gdp"))))
    assert book.sheetnames == ["1", "2", "3", "CNKI", "更多数据，尽在【马克数据网】"]
    assert book["CNKI"].sheet_state == "hidden"
    assert book["2"]["A1"].value == "2-13 续表 1 continued 1".replace("2-13 ", "2-13 ")
    book = openpyxl.load_workbook(io.BytesIO(workbook(make(2010, "county"))))
    assert [c.value for c in book["1-3"][6]][2] == "    城市"
    assert latin("Suzhou (Jiangsu)") == "Suzhou"


# What speaks against a figure ------------------------------------------------------------------------------


def rows_of(print_: Print) -> list[Row]:
    return [row for page in print_.pages for row in page.rows if row.is_region]


def altered(print_: Print, change: Callable[[Worksheet], None]) -> Imported:
    """The workbook after a change of its first sheet."""
    book = openpyxl.load_workbook(io.BytesIO(workbook(print_)))
    change(book.worksheets[0])
    out = io.BytesIO()
    book.save(out)
    return recogniser().read(File(print_.path, out.getvalue(), Path("/printed") / print_.path))


@pytest.mark.parametrize("text", ["未公布", "3052约4835元", "约52128625"])
def test_words_among_figures_cost_their_own_cell_only(text: str) -> None:
    print_ = make(2018, "gdp")
    rows_of(print_)[3].cells[0] = text
    imported = read(print_)
    assert imported.printed is not None
    assert [r.value_printed for r in imported.printed.refused] == [text]
    assert figures(imported) == {figure.key: figure.value for figure in shown(print_)}


def header_rows(sheet: Worksheet) -> tuple[int, int]:
    """Rows of the headings and of the words for the scope."""
    row = next(r for r in range(1, 12) if str(sheet.cell(r, 1).value or "").replace(" ", "") == "城市")
    return row, row + 1


@pytest.mark.parametrize("edition", [2014, 2016, 2018])
def test_headings_that_stand_a_column_late_let_nothing_of_their_page_in(edition: int) -> None:
    print_ = make(edition, "shares", n_pages=1)

    def shift(sheet: Worksheet) -> None:
        row, _ = header_rows(sheet)
        for merge in [m for m in sheet.merged_cells.ranges if m.min_row == row and m.max_col > m.min_col]:
            sheet.unmerge_cells(str(merge))
        heads = [sheet.cell(row, c).value for c in range(3, sheet.max_column)]
        sheet.cell(row, 3).value = None
        for k, text in enumerate(heads):
            sheet.cell(row, 4 + k).value = text

    imported = altered(print_, shift)
    assert imported.status == "refused"
    assert any("a column beside their figures" in str(p) for p in imported.problems)
    assert figures(read(print_)) == {figure.key: figure.value for figure in shown(print_)}


@pytest.mark.parametrize(
    "line",
    [
        "以下为市辖区",
        "以下为市区",
        "以下各市为市辖区",
        "市辖区",
        "（市辖区）",
        "市辖区数据",
        "以下为全市",
        "其中：市辖区",
    ],
)
@pytest.mark.parametrize("place", [1, 3])
def test_a_line_between_that_says_another_scope_is_never_passed_over(line: str, place: int) -> None:
    print_ = make(2018, "shares", n_pages=1)

    def insert(sheet: Worksheet) -> None:
        row, _ = city_cell(sheet, rows_of(print_)[3].name.strip())
        merges = [str(m) for m in sheet.merged_cells.ranges if m.min_row > row]
        assert not merges
        sheet.insert_rows(row)
        sheet.cell(row, place).value = line

    imported = altered(print_, insert)
    landed = (
        {c.region_code for c in imported.cells if c.value is not None}
        if imported.status == "recognised"
        else set()
    )
    below = {row.code for row in rows_of(print_)[3:]}
    assert not landed & below


def city_cell(sheet: Worksheet, name: str) -> tuple[int, int]:
    """Row of a city, and the first column behind the table."""
    (row,) = [
        cell.row
        for cells in sheet.iter_rows(max_col=2)
        for cell in cells
        if str(cell.value or "").strip() == name
    ]
    return row, sheet.max_column + 1


@pytest.mark.parametrize(("words", "letter"), [("线性插值", "I"), ("估计值", "E"), ("快报数", "P")])
@pytest.mark.parametrize("as_comment", [False, True])
def test_a_remark_beside_a_printed_row_is_applied(words: str, letter: str, as_comment: bool) -> None:
    print_ = make(2018, "gdp")
    city = rows_of(print_)[3]

    def note(sheet: Worksheet) -> None:
        row, column = city_cell(sheet, city.name)
        if as_comment:
            sheet.cell(row, 1).comment = Comment(words, "somebody")
        else:
            sheet.cell(row, column).value = words

    imported = altered(print_, note)
    found = {c.region_code: c.obs_status_all[0] for c in imported.cells if c.value is not None}
    assert found.pop(city.code) == letter
    assert set(found.values()) == {"A"}
    assert len(figures(imported)) == len(shown(print_))


def test_a_note_of_estimates_below_the_table_is_applied() -> None:
    print_ = make(2018, "gdp")
    city = rows_of(print_)[3]
    for words, named in ((f"注：{city.name}数据为线性插值。", "I"), ("注：部分城市为估算数。", "V")):

        def note(sheet: Worksheet, words: str = words) -> None:
            sheet.cell(sheet.max_row + 1, 1).value = words

        letters = {
            c.region_code: c.obs_status_all[0] for c in altered(print_, note).cells if c.value is not None
        }
        assert letters.pop(city.code) == named
        assert set(letters.values()) == ({"A"} if named == "I" else {"V"})


@pytest.mark.parametrize("edition", [2012, 2018, 2019])
def test_headings_that_the_figures_contradict_let_nothing_in(edition: int) -> None:
    """Exchanged on every page, so that no page differs from the others and the figures alone tell."""
    print_ = make(edition, "teachers", per_province=12)
    for page in print_.pages:
        for column in page.columns:
            column.scope = {"whole": "districts", "districts": "whole"}[column.scope]
    imported = read(print_)
    assert not [c for c in imported.cells if c.value is not None]
    assert any("figures of its page contradict" in p.message for p in imported.problems)


@pytest.mark.parametrize("edition", [2012, 2018, 2019])
def test_headings_in_an_order_of_their_own_let_nothing_of_their_page_in(edition: int) -> None:
    print_ = make(edition, "teachers", per_province=12)
    page = print_.pages[1]
    for column in page.columns:
        column.scope = {"whole": "districts", "districts": "whole"}[column.scope]
    imported = read(print_)
    codes = {r.code for r in page.rows}
    others = {r.code for other in print_.pages if other is not page for r in other.rows} - codes
    landed = {c.region_code for c in imported.cells if c.value is not None}
    assert codes and not landed & codes
    assert landed and landed <= others
    assert any("in another order than on the other pages" in p.message for p in imported.problems)


def test_districts_above_the_whole_city_are_flagged() -> None:
    print_ = make(2018, "teachers")
    row = rows_of(print_)[4]
    row.cells[0], row.cells[1] = row.cells[1], row.cells[0]
    flagged = [c for c in read(print_).cells if c.obs_status_all == "V"]
    assert {c.region_code for c in flagged} == {row.code}
    assert {c.scope for c in flagged} == {"whole_prefecture", "districts"}
    assert all("exceed the whole city" in (c.obs_comment or "") for c in flagged)


def test_one_table_is_not_of_two_editions(tmp_path: Path) -> None:
    print_, landing = make(2018, "gdp"), str(tmp_path / "landing")

    def cbec(folder: str, data: bytes, *more: str):  # type: ignore[no-untyped-def]
        path = tmp_path / folder / print_.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return run_cbec(
            "import", str(path.parent), *more, warehouse=tmp_path / "warehouse",
            env={"CBEC_LANDING": landing, "COLUMNS": "200"},
        )  # fmt: skip

    first = workbook(print_)
    book = openpyxl.load_workbook(io.BytesIO(first))
    book.properties.title = "saved again"
    out = io.BytesIO()
    book.save(out)
    assert cbec("中国城市统计年鉴2018（excel）", first).returncode == 0
    kept = {p.name: p.read_bytes() for p in (tmp_path / "landing").glob("*.parquet")}
    for data in (first, out.getvalue()):
        for folder in ("中国城市统计年鉴2017（excel）", "中国城市统计年鉴2020（excel）"):
            done = cbec(folder, data)
            assert done.returncode == 2
            assert "taken for the edition 2018" in done.stderr
            assert {p.name: p.read_bytes() for p in (tmp_path / "landing").glob("*.parquet")} == kept
    assert cbec("中国城市统计年鉴2018（excel）", first).returncode == 0


@pytest.mark.parametrize(("name", "year", "is_known"), [
    ("那曲市", 2014, False), ("那曲市", 2015, False), ("那曲市", 2016, True), ("那曲市", 2017, True),
    ("襄樊市", 2009, True), ("襄樊市", 2011, True), ("襄樊市", 2015, False), ("襄阳市", 2008, False),
])  # fmt: skip
def test_a_name_of_other_years_speaks_against_the_edition(name: str, year: int, is_known: bool) -> None:
    regions = recogniser().regions
    block = "西藏自治区" if name == "那曲市" else "湖北省"
    named = [Named((0, 0, k), text, "") for k, text in enumerate((block, name))]
    place = RegionColumn(regions, year, county=False).resolve(named)[0, 0, 1]
    assert bool(place.level) is is_known, place
    assert is_known or f"is no prefecture-level unit in {year}" in place.reason


# The command -------------------------------------------------------------------------------------------------


def test_the_command_lands_a_folder_of_editions_once(tmp_path: Path) -> None:
    prints = [make(2016, "gdp"), make(2017, "gdp"), make(2017, "unknown"), make(2024, "people")]
    root = tmp_path / "yearbook"
    for print_ in prints:
        path = root / print_.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(workbook(print_))

    def cbec(*arguments: str):  # type: ignore[no-untyped-def]
        return run_cbec(
            *arguments, warehouse=tmp_path / "warehouse", env={"CBEC_LANDING": str(tmp_path / "landing"), "COLUMNS": "200"}
        )  # fmt: skip

    n_cells = sum(len(row.cells) for p in prints for page in p.pages for row in page.rows if row.is_region)
    done = cbec("import", str(root))
    assert done.returncode == 0, done.stderr
    assert f"4 files: 4 landed; {n_cells} cells" in done.stdout, done.stdout[-2000:]
    landed = sorted(p.name for p in (tmp_path / "landing").rglob("*.parquet"))
    again = cbec("import", str(root))
    assert again.returncode == 0, again.stderr
    assert "landed;" not in again.stdout.splitlines()[-3], again.stdout[-2000:]
    assert sorted(p.name for p in (tmp_path / "landing").rglob("*.parquet")) == landed


def test_a_mapping_file_says_the_edition_and_is_told_what_else_was_not_used(tmp_path: Path) -> None:
    (tmp_path / "1.xlsx").write_bytes(workbook(make(2018, "gdp")))
    mapping = tmp_path / "m.yml"

    def lands(*arguments: str) -> str:
        done = run_cbec(
            "import", str(tmp_path / "1.xlsx"), "--dry-run", *arguments, warehouse=tmp_path / "warehouse",
            env={"CBEC_LANDING": str(tmp_path / "landing"), "COLUMNS": "200"},
        )  # fmt: skip
        return f"{done.returncode} {done.stdout}{done.stderr}"

    asked = lands()
    assert asked.startswith("2 ") and "names no edition; say it with --edition" in asked
    mapping.write_text("defaults: {edition: 2018}\nheaders: {GDP: ignore}\n", encoding="utf-8")
    reported = lands("--map", str(mapping))
    assert reported.startswith("0 ") and "figures of 2017" in reported
    assert "of the mapping file only defaults: edition is used" in reported
