"""What a file stores and nobody sees who opens it: it is refused with its place, or named, and never lands.

Each test draws the relatives of one case, as an .xlsx and, where the old kind has the like, as an .xls. The truth
is the same table without them.
"""

from __future__ import annotations

import io
import itertools
import re
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest
import xlwt
from hypothesis import given
from hypothesis import strategies as st
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.formatting.rule import CellIsRule, FormulaRule
from openpyxl.styles import Font
from openpyxl.styles.differential import DifferentialStyle
from openpyxl.styles.numbers import NumberFormat

from cbec.ingest.book import STRUCK, unread, unstruck
from cbec.ingest.files import File
from cbec.ingest.formats import shown, shown_text
from cbec.ingest.formula import constant
from cbec.ingest.run import Imported
from cbec.ingest.text import number_of, year_of
from cbec.ingest.vocabulary import Vocabulary
from cbec.ingest.xls import _Records
from tests.ingest import RECOGNISER, REGISTRY, Table, errors, figures, read

HEADER: list[object] = ["城市", "年份", "GDP(亿元)", "常住人口(万人)"]
TABLE: Table = [
    HEADER,
    *(
        [city, year, round(size * (1 + 0.06 * (year - 2014)), 2), round(size / 7, 2)]
        for city, size in (("石家庄市", 5000.5), ("唐山市", 6100.25), ("邯郸市", 3145.4))
        for year in (2014, 2015, 2016)
    ),
]
GROWTH: Table = [["城市", "年份", "地区生产总值增长率(%)"], ["石家庄市", 2014, 7.5], ["石家庄市", 2015, -5.3]]
FIGURE, PLACE = "5300.53", "R3C3"
NS = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
Runs = list[tuple[str, bool]]


def recognised(data: bytes, name: str) -> Imported:
    return RECOGNISER.read(File(name, data, Path(name)))


def with_cell(value: object, row: int = 3, column: int = 3, table: Table = TABLE) -> Table:
    copy = [list(line) for line in table]
    copy[row - 1][column - 1] = value
    return copy


def patched(data: bytes, **parts: Callable[[str], str]) -> bytes:
    """A workbook whose sheet, styles or workbook part is written anew."""
    names = {"sheet": "xl/worksheets/sheet1.xml", "styles": "xl/styles.xml", "book": "xl/workbook.xml"}
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for member in old.namelist():
            text = old.read(member)
            for part, written in parts.items():
                if member == names[part]:
                    changed = written(text.decode())
                    assert changed != text.decode()
                    text = changed.encode()
            new.writestr(member, text)
    return out.getvalue()


def xlsx(
    table: Table = TABLE, *, runs: dict[tuple[int, int], Runs] | None = None, struck: tuple[int, int] = (0, 0),
    codes: dict[tuple[int, int], str] | None = None, merge: str = "",
    edit: Callable[[openpyxl.worksheet.worksheet.Worksheet], object] = lambda _: None, **parts: Callable[[str], str],
) -> Imported:  # fmt: skip
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "表"
    for r, line in enumerate(table, 1):
        for c, value in enumerate(line, 1):
            cell = sheet.cell(r, c, value)
            if (r, c) == struck:
                cell.font = Font(strike=True)
            cell.number_format = (codes or {}).get((r, c), "General")
            pieces = (runs or {}).get((r, c))
            if pieces:
                cell.value = CellRichText(
                    *(TextBlock(InlineFont(strike=True), t) if gone else t for t, gone in pieces)
                )
    edit(sheet)
    out = io.BytesIO()
    book.save(out)
    data = out.getvalue()
    if merge:
        # The library blanks what it merges; other programs do not.
        cells = f'</sheetData><mergeCells><mergeCell ref="{merge}"/></mergeCells>'
        data = patched(data, sheet=lambda xml: xml.replace("</sheetData>", cells))
    return recognised(patched(data, **parts) if parts else data, "t.xlsx")


def xls(
    table: Table = TABLE, *, runs: dict[tuple[int, int], Runs] | None = None, struck: tuple[int, int] = (0, 0),
    codes: dict[tuple[int, int], str] | None = None, merge: tuple[int, int, int, int] = (),  # type: ignore[assignment]
    edit: Callable[[xlwt.Worksheet], object] = lambda _: None,
) -> Imported:  # fmt: skip
    book = xlwt.Workbook()
    sheet = book.add_sheet("表", cell_overwrite_ok=True)
    line = xlwt.Font()
    line.struck_out = True
    for r, row in enumerate(table, 1):
        for c, value in enumerate(row, 1):
            style = xlwt.XFStyle()
            style.num_format_str = (codes or {}).get((r, c), "General")
            if (r, c) == struck:
                style.font = line
            pieces = (runs or {}).get((r, c))
            if pieces:
                sheet.write_rich_text(r - 1, c - 1, [(t, line) if gone else t for t, gone in pieces], style)
            else:
                sheet.write(r - 1, c - 1, value, style)
    if merge:
        # The library blanks what it merges; other programs do not.
        sheet._Worksheet__merged_ranges.append(merge)
    edit(sheet)
    out = io.BytesIO()
    book.save(out)
    return recognised(out.getvalue(), "t.xls")


KINDS = pytest.mark.parametrize("book", [xlsx, xls], ids=["xlsx", "xls"])
TRUTH = figures(xlsx())
DOWN = figures(xlsx(GROWTH))


def is_refused(done: Imported, place: str = PLACE) -> bool:
    return done.status == "refused" and any(place in p.locator for p in done.errors)


def warned(done: Imported, *words: str) -> bool:
    return any(p.is_warning and all(word in str(p) for word in words) for p in done.problems)


def test_the_truth_is_the_table() -> None:
    assert len(TRUTH) == 18
    assert TRUTH["130100", 2015, "gdp"] == float(FIGURE)
    assert figures(xls()) == TRUTH
    assert figures(read(TABLE)) == TRUTH
    assert list(DOWN.values()) == [7.5, -5.3]
    assert not xlsx().problems


# Struck through ----------------------------------------------------------------------------------------


@KINDS
def test_no_struck_digit_is_read(book: Callable[..., Imported]) -> None:
    """Every run of the figure, struck; the rest is a figure of its own in nearly every case."""
    spans = list(itertools.combinations(range(len(FIGURE) + 1), 2))
    wrong = []
    for start, stop in spans if book is xlsx else spans[::3]:
        pieces = [(FIGURE[:start], False), (FIGURE[start:stop], True), (FIGURE[stop:], False)]
        done = book(runs={(3, 3): [piece for piece in pieces if piece[0]]})
        if not is_refused(done) or not warned(done, "struck through", PLACE):
            wrong.append((start, stop, errors(done)))
    assert not wrong


@KINDS
@pytest.mark.parametrize("stored", [5300.53, FIGURE, "5,300.53", "…"])
def test_a_struck_cell_is_not_read(book: Callable[..., Imported], stored: object) -> None:
    assert is_refused(book(with_cell(stored), struck=(3, 3)))


@KINDS
@pytest.mark.parametrize(("row", "column"), [(3, 1), (3, 2), (1, 3)])
def test_a_struck_key_or_header_is_not_read(book: Callable[..., Imported], row: int, column: int) -> None:
    for table in (TABLE, with_cell(str(TABLE[row - 1][column - 1]), row, column)):
        done = book(table, struck=(row, column))
        assert is_refused(done, f"R{row}C{column}") or done.status == "recognised"
        landed = figures(done)
        # A column without a header is listed and left out; no figure of it lands.
        gone = {k for k in TRUTH if k[2] == "gdp"} if row == 1 else set()
        assert landed in ({}, {k: v for k, v in TRUTH.items() if k not in gone} if gone else {})


@KINDS
@pytest.mark.parametrize(
    ("place", "pieces", "lands"),
    [
        ((1, 3), [("GDP(", False), ("万", True), ("亿元)", False)], False),
        ((1, 3), [("GDP(亿", False), ("万", True), ("元)", False)], False),
        ((1, 3), [("GDP(亿元)", False), ("初步", True)], True),
        ((1, 3), [("旧", True), ("GDP(亿元)", False)], True),
        ((3, 1), [("石家庄", False), ("地区", True), ("市", False)], True),
        ((3, 1), [("邯郸市", True), ("石家庄市", False)], True),
        ((3, 2), [("201", False), ("4", True), ("5", False)], False),
        ((3, 2), [("2015", False), ("2014", True)], False),
    ],
)  # fmt: skip
def test_a_struck_piece_of_a_key_is_left_out_and_named_or_refuses(
    book: Callable[..., Imported], place: tuple[int, int], pieces: Runs, lands: bool
) -> None:
    done = book(runs={place: pieces})
    assert warned(done, "struck through", f"R{place[0]}C{place[1]}")
    if lands:
        assert figures(done) == TRUTH, errors(done)
    else:
        landed = figures(done)
        assert landed == {} or (place[0] == 1 and not any(k[2] == "gdp" for k in landed))


def test_a_style_may_come_from_elsewhere() -> None:
    """Of the row, of the column, or of the named style: some programs show the cell so."""

    def styled(xml: str) -> str:
        xml = re.sub(r"</font></fonts>", "</font><font><strike/></font></fonts>", xml)
        xml = re.sub(
            r"</cellXfs>",
            '<xf numFmtId="0" fontId="1" xfId="0"/><xf numFmtId="0" fontId="0" xfId="1"/></cellXfs>',
            xml,
        )
        return re.sub(r"</cellStyleXfs>", '<xf numFmtId="0" fontId="1"/></cellStyleXfs>', xml)

    def row(xml: str) -> str:
        return xml.replace('<row r="3"', '<row r="3" s="1" customFormat="1"')

    def columns(xml: str) -> str:
        return xml.replace(
            "<sheetData>", '<cols><col min="3" max="3" width="9" style="1"/></cols><sheetData>'
        )

    def named(xml: str) -> str:
        return xml.replace('<c r="C3"', '<c r="C3" s="2"')

    for sheet in (row, columns, named):
        for value in (5300.53, FIGURE):
            done = xlsx(with_cell(value), sheet=sheet, styles=styled)
            assert is_refused(done, "R1C3" if sheet is columns else "R3C"), sheet.__name__
            assert "struck through" in errors(done)


def test_nothing_is_read_from_a_text_that_is_not_to_be_read() -> None:
    """No name of the registry means anything once it is marked."""
    vocabulary = Vocabulary(REGISTRY, RECOGNISER.regions, "", {})
    names = [
        *REGISTRY.names(),
        *REGISTRY.units,
        "亿元",
        "万元",
        "元",
        "%",
        "人",
        "城市",
        "年份",
        "地区",
        "2015",
        "2015年",
    ]
    regions = ["石家庄市", "唐山", "北京市", "河北省", "全国", "新疆维吾尔自治区"]
    assert len(names) > 100
    for stroke in ("\u034f", "\u0336"):
        for text in names:
            hidden = unread(text, STRUCK, stroke)
            meaning = vocabulary.meaning((hidden,))
            known = meaning.indicator or meaning.units or meaning.year or meaning.region
            assert not known, (text, meaning)
            assert number_of(hidden) is None
            assert year_of(hidden) is None
            assert not vocabulary.units_of(hidden)
        assert not any(vocabulary.regions.is_name(unread(name, STRUCK, stroke)) for name in regions)


@given(
    st.lists(st.tuples(st.text("0123456789.万亿元石 ", min_size=1, max_size=4), st.booleans()), max_size=5)
)
def test_what_is_read_of_pieces_is_never_what_is_struck(pieces: Runs) -> None:
    text, gone = unstruck(pieces)
    kept = "".join(t for t, is_struck in pieces if not is_struck)
    if not "".join(t for t, is_struck in pieces if is_struck).strip():
        assert text == "".join(t for t, _ in pieces)
    else:
        assert gone
        assert text == kept or (number_of(text) is None and text.endswith(STRUCK))


# Number formats ----------------------------------------------------------------------------------------

LITERALS = ['"0"', '"1"', "\\5", '"12"', '"."', '"-"', '"%5"', '"约"', '"万"', "0", "5"]


@KINDS
@pytest.mark.parametrize("literal", LITERALS)
def test_a_text_is_no_figure_that_its_format_shows_otherwise(
    book: Callable[..., Imported], literal: str
) -> None:
    for code in (f"@{literal}", f"{literal}@", f"0;-0;0;@{literal}", f"0.0;@{literal}", f"[Red]{literal}@"):
        done = book(with_cell("530"), codes={(3, 3): code})
        # 0530 and 530. are the figure that is stored.
        digits = re.sub(r'["\\\\]', "", literal)
        seen = "530" + digits if f"@{literal}" in code else digits + "530"
        is_same = re.fullmatch("[0-9.]+", seen) is not None and float(seen) == 530
        assert is_refused(done) or (is_same and figures(done)["130100", 2015, "gdp"] == 530), code


@KINDS
@pytest.mark.parametrize("code", [";;;", ';;;"9999"', "0;-0;0;", "@@", '@"/"@', "@*0", "*5@", "0;0;0;*-@"])
def test_a_hidden_or_filled_text_is_no_figure(book: Callable[..., Imported], code: str) -> None:
    assert is_refused(book(with_cell(FIGURE), codes={(3, 3): code}))


@KINDS
@pytest.mark.parametrize(
    "code", ["@", " @", "_ @_ ", "0.00_ ;_ @_ ", "* @", "0;-0;0;@", '#,##0.00;-#,##0.00;"-"', "[Red]@"]
)
def test_a_text_lands_that_its_format_shows_as_it_is(book: Callable[..., Imported], code: str) -> None:
    done = book(with_cell(FIGURE), codes={(3, 3): code})
    assert figures(done) == TRUTH, errors(done)


@KINDS
def test_a_key_is_read_as_its_format_shows_it(book: Callable[..., Imported]) -> None:
    assert figures(book(with_cell("石家庄", 3, 1), codes={(3, 1): '@"市"'})) == TRUTH
    assert figures(book(with_cell("2015", 3, 2), codes={(3, 2): '@"年"'})) == TRUTH
    assert is_refused(book(codes={(3, 1): '@"区"'}), "R3C1")
    assert is_refused(book(codes={(3, 1): '"唐山市"'[:0] + ';;;"唐山市"'}), "R3C1")
    assert is_refused(book(with_cell("15", 3, 2), codes={(3, 2): '"20"@'}), "R3C2")
    assert is_refused(book(codes={(3, 2): '0"0"'}), "R3C2")


@KINDS
@pytest.mark.parametrize("fill", [*"0159.,-%x", "５"])
def test_a_fill_that_is_seen_is_no_blank(book: Callable[..., Imported], fill: str) -> None:
    for code in (f"0*{fill}", f"*{fill}0", f"0.0*{fill}_ ", f"#,##0*{fill};-0"):
        assert is_refused(book(with_cell(530), codes={(3, 3): code})), code


@KINDS
@pytest.mark.parametrize(
    ("code", "says"),
    [("0.0;0.0", False), ("#,##0;#,##0", False), ("0.0;[Black]0.0", False), ("[Red]0.0;[red]0.0", False), ("0.0;0.0)", False),
     ("0.0;[White]0.0", False), ("General;General", False), ("0.0;0.0;0", False), ("[<0]0.0;0.0", False), ("0.0_-;0.0_-", False),
     ("0.0;-0.0", True), ("0.0;(0.0)", True), ("0.0;[Red]0.0", True), ("0.0_);[Red]\\(0.0\\)", True), ("0.0;[Color10]0.0", True),
     ("0.0;0.0-", True), ("0.0", True), ("[Blue]0.0", True), ('_ * #,##0.0_ ;_ * \\-#,##0.0_ ;_ * "-"??_ ;_ @_ ', True)],
)  # fmt: skip
def test_a_minus_that_nobody_sees_is_refused(book: Callable[..., Imported], code: str, says: bool) -> None:
    """A colour stands for the minus, as in accounts, where the positive figures have another one."""
    down = book(GROWTH, codes={(3, 3): code})
    assert figures(down) == DOWN if says else is_refused(down)
    assert figures(book(GROWTH, codes={(2, 3): code})) == DOWN


@given(
    st.sampled_from(["0", "0.0", "#,##0"]),
    st.sampled_from(["", '"5"', "*5", "_5", '" "', "* "]),
    st.booleans(),
)
def test_one_function_says_what_numbers_and_texts_show(places: str, piece: str, leads: bool) -> None:
    """A piece that prints a digit is in the way of a number and of a text; a blank is in nobody's."""
    code = piece + places if leads else places + piece
    is_seen = piece in ('"5"', "*5")
    assert (number_of(shown(code, 530.0)) is None) == is_seen
    assert (number_of(shown_text(code.replace(places, "@"), "530")) is None) == is_seen


def test_formats_of_local_currency_may_have_any_currency_and_nothing_else() -> None:
    def defined(code: str) -> Callable[[str], str]:
        own = f'<numFmts><numFmt numFmtId="44" formatCode="{code}"/></numFmts><fonts'
        cells = '<xf numFmtId="44" fontId="0" xfId="0"/></cellXfs>'
        return lambda xml: (
            re.sub("<numFmts.*?</numFmts>|<numFmts/>", "", xml)
            .replace("<fonts", own, 1)
            .replace("</cellXfs>", cells)
        )

    def sheet(xml: str) -> str:
        return xml.replace('<c r="C3"', '<c r="C3" s="1"')

    money = (
        "_(&quot;$&quot;* #,##0.00_);_(&quot;$&quot;* \\(#,##0.00\\);_(&quot;$&quot;* &quot;-&quot;??_);_(@_)"
    )
    assert figures(xlsx(sheet=sheet, styles=defined(money))) == TRUTH
    assert is_refused(xlsx(sheet=sheet, styles=defined("0*0")))


# Under merged cells ------------------------------------------------------------------------------------


@KINDS
@pytest.mark.parametrize(
    ("r0", "c0", "r1", "c1"),
    [(3, 3, 3, 4), (2, 1, 7, 1), (2, 2, 4, 2), (2, 3, 3, 3), (2, 1, 4, 2), (3, 3, 4, 4)],
)
def test_what_a_merged_cell_covers_is_not_read(
    book: Callable[..., Imported], r0: int, c0: int, r1: int, c1: int
) -> None:
    if book is xlsx:
        done = xlsx(merge=f"{chr(64 + c0)}{r0}:{chr(64 + c1)}{r1}")
    else:
        done = xls(merge=(r0 - 1, r1 - 1, c0 - 1, c1 - 1))
    assert done.status == "refused"
    assert warned(done, "merged cells cover")
    inside = {f"R{r}C{c}" for r in range(r0, r1 + 1) for c in range(c0, c1 + 1)}
    assert any(p.locator.split("!")[-1] in inside for p in done.errors)


@KINDS
def test_the_same_name_under_a_merged_cell_is_no_fault(book: Callable[..., Imported]) -> None:
    done = xlsx(merge="A2:A4") if book is xlsx else xls(merge=(1, 3, 0, 0))
    assert figures(done) == TRUTH
    assert not done.problems


@KINDS
def test_a_header_under_a_merged_cell_is_not_read(book: Callable[..., Imported]) -> None:
    done = xlsx(merge="C1:D1") if book is xlsx else xls(merge=(0, 0, 2, 3))
    assert not any(k[2] != "gdp" for k in figures(done))
    assert warned(done, "merged cells cover", "R1C4")


YEARLY: Table = [
    ["GDP(亿元)", None, None],
    ["城市", 2014, 2015],
    ["石家庄市", None, 5300],
    ["唐山市", None, 6400],
]
ACROSS: Table = [
    ["GDP(亿元)", None, None],
    ["年份", "石家庄市", "唐山市"],
    [2014, None, 6100],
    [2015, None, 6400],
]


@KINDS
@pytest.mark.parametrize("table", [YEARLY, ACROSS], ids=["years", "regions"])
def test_a_year_or_region_under_a_merged_header_gives_its_figures_to_nobody(
    book: Callable[..., Imported], table: Table
) -> None:
    assert len([v for v in figures(book(table)).values() if v]) == 2
    done = book(table, merge="B2:C2" if book is xlsx else (1, 1, 1, 2))
    assert is_refused(done, "R2C3"), figures(done)


@KINDS
def test_a_year_of_a_title_is_not_read_around_a_struck_digit(book: Callable[..., Imported]) -> None:
    table: Table = [
        ["2015年各市GDP(亿元)", None],
        ["城市", "GDP(亿元)"],
        ["石家庄市", 5300.5],
        ["唐山市", 6100.5],
    ]
    assert {k[1] for k in figures(book(table))} == {2015}
    title = "2015年各市GDP"
    for place, digit in itertools.product(range(5), "0149"):
        done = book(
            table, runs={(1, 1): [(title[:place], False), (digit, True), (title[place:], False)][not place :]}
        )
        assert figures(done) == {}, (place, digit)


# Formulas that are computed anew -----------------------------------------------------------------------


def stale(formula: str, value: str = FIGURE, how: str = 'fullCalcOnLoad="1"', cell: str = "C3") -> Imported:
    def sheet(xml: str) -> str:
        return re.sub(
            rf'<c r="{cell}"([^>]*)>.*?</c>', rf'<c r="{cell}"><f>{formula}</f><v>{value}</v></c>', xml
        )

    return xlsx(sheet=sheet, book=lambda xml: re.sub("<calcPr[^>]*/>", f"<calcPr {how}/>", xml))


@pytest.mark.parametrize(
    "how", ['fullCalcOnLoad="1"', 'forceFullCalc="true"', 'calcId="1" fullCalcOnLoad="true"']
)
def test_a_stale_figure_is_refused_or_doubted(how: str) -> None:
    assert is_refused(stale("5000+1", how=how))
    assert figures(stale("5000+300.53", how=how)) == TRUTH
    done = stale("C2*1.06", how=how)
    assert figures(done) == TRUTH
    assert warned(done, "computed anew", PLACE)
    doubted = {
        (c.region_code, c.year, c.indicator_id)
        for c in done.cells
        if "computed anew" in (c.obs_comment or "")
    }
    assert doubted == {("130100", 2015, "gdp")}
    assert {c.obs_status_all for c in done.cells if c.obs_comment and "anew" in c.obs_comment} == {"V"}


def test_a_stale_year_makes_its_figures_doubtful() -> None:
    done = stale("B2+1", "2015", cell="B3")
    assert figures(done) == TRUTH
    assert len([c for c in done.cells if "computed anew" in (c.obs_comment or "")]) == 2


def test_a_formula_that_is_not_computed_anew_is_as_stored() -> None:
    for how in ('calcId="124519"', 'fullCalcOnLoad="0"'):
        done = stale("C2*1.06", how=how)
        assert figures(done) == TRUTH
        assert not done.problems


@pytest.mark.parametrize(
    ("text", "value"),
    [("5000+1", 5001), ("=2*(3-1)/4", 1), ("-5.5", -5.5), ("TRUE", 1), ("1<2", 1), ("1e3", 1000), ("A1+1", None), ("1/0", None),
     ("SUM(1,2)", None), ("2**9", None), ("", None), ("9" * 300, None), ("(" * 150, None), ("__import__", None)],
)  # fmt: skip
def test_only_constants_are_computed(text: str, value: float | None) -> None:
    assert constant(text) == value


# Records of an old workbook that no library writes -----------------------------------------------------


def record(kind: int, body: bytes) -> bytes:
    return struct.pack("<HH", kind, len(body)) + body


def stream(*cells: bytes) -> bytes:
    """A workbook of one sheet as records; style 0 is plain and its font is the only one."""
    begin = record(0x809, struct.pack("<HHHHII", 0x600, 5, 0, 0, 0, 0))
    font = record(0x31, struct.pack("<HHHHHBBBB", 200, 0, 0, 400, 0, 0, 0, 0, 0))
    style = record(0xE0, struct.pack("<HHH", 0, 0, 1) + bytes(14))
    head = begin + font + style
    offset = len(head) + len(record(0x85, bytes(8))) + 4
    sheet = begin + b"".join(cells) + record(0x0A, b"")
    return head + record(0x85, struct.pack("<IHH", offset, 0, 0)) + record(0x0A, b"") + sheet


def formula(tokens: bytes, value: float, flags: int) -> bytes:
    body = struct.pack("<HHHdHI", 2, 2, 0, value, flags, 0) + struct.pack("<H", len(tokens)) + tokens
    return record(0x06, body)


def test_an_old_formula_that_is_computed_anew_is_refused_or_doubted() -> None:
    plus = b"\x1e" + struct.pack("<H", 5000) + b"\x1f" + struct.pack("<d", 1.0) + b"\x03"
    refers = b"\x44" + struct.pack("<HH", 1, 2)
    for flags, before in ((2, b""), (3, b""), (0, record(0x5E, bytes(2)))):
        (held,) = _Records(stream(before, formula(plus, 5300.5, flags))).texts()
        assert number_of(held.texts[3, 3]) is None
        (held,) = _Records(stream(before, formula(plus, 5001.0, flags))).texts()
        assert (held.texts, held.doubts) == ({}, {})
        (held,) = _Records(stream(before, formula(refers, 5300.5, flags))).texts()
        assert list(held.doubts) == [(3, 3)]
    (held,) = _Records(stream(formula(refers, 5300.5, 0))).texts()
    assert (held.texts, held.doubts) == ({}, {})


def test_an_old_conditional_format_that_shows_another_figure_is_seen() -> None:
    areas = record(0x1B0, struct.pack("<HH4HH4H", 1, 0, 2, 2, 2, 2, 1, 2, 2, 2, 2))
    number = record(0x1B1, struct.pack("<BBHHI", 1, 3, 0, 0, 1 << 25) + bytes(10))
    font = struct.pack("<BBHHI", 1, 3, 0, 0, 1 << 26) + bytes(2 + 64 + 4)
    struck = record(0x1B1, font + struct.pack("<I", 0x80) + bytes(46))
    plain = record(0x1B1, font + bytes(50))
    for condition, found in ((number, [(3, 3, 3, 3)]), (struck, [(3, 3, 3, 3)]), (plain, [])):
        (held,) = _Records(stream(areas, condition)).texts()
        assert held.areas == found


# Conditional formats -----------------------------------------------------------------------------------


def number_look(code: str) -> DifferentialStyle:
    return DifferentialStyle(numFmt=NumberFormat(numFmtId=170, formatCode=code))


def conditional(
    rule: openpyxl.formatting.rule.Rule, ref: str = "C2:C10", look: DifferentialStyle | None = None
) -> Imported:
    if look:
        rule.dxf = look
    return xlsx(edit=lambda sheet: sheet.conditional_formatting.add(ref, rule))


@pytest.mark.parametrize(
    "look",
    [
        number_look('"1"0.0'),
        number_look(";;;"),
        number_look("0*0"),
        DifferentialStyle(font=Font(strike=True)),
    ],
)
def test_a_conditional_format_that_shows_another_figure_is_never_silent(look: DifferentialStyle) -> None:
    for holds in (FormulaRule(formula=["TRUE"]), FormulaRule(formula=["1"]), FormulaRule(formula=["2>1"]),
                  CellIsRule("greaterThan", ["5300"]), CellIsRule("between", ["5300", "5301"])):  # fmt: skip
        assert is_refused(conditional(holds, "C3", look)), holds.operator
    for fails in (
        FormulaRule(formula=["FALSE"]),
        FormulaRule(formula=["0"]),
        CellIsRule("lessThan", ["0"]),
        CellIsRule("equal", ["1"]),
    ):
        done = conditional(fails, look=look)
        assert figures(done) == TRUTH
        assert not done.problems
    for open_ in (FormulaRule(formula=["$B3=2015"]), CellIsRule("greaterThan", ["$D$3"])):
        done = conditional(open_, "C3", look)
        assert figures(done) == TRUTH
        assert warned(done, "conditional format", PLACE)
        assert [c.obs_status_all for c in done.cells if "conditional" in (c.obs_comment or "")] == ["V"]


def test_a_conditional_format_that_colours_or_rounds_is_nothing() -> None:
    for look in (
        number_look("0.00"),
        number_look("#,##0"),
        DifferentialStyle(font=Font(bold=True, color="FF0000")),
    ):
        done = conditional(FormulaRule(formula=["TRUE"]), "A1:D10", look)
        assert figures(done) == TRUTH
        assert not done.problems


def test_a_conditional_format_in_an_extension_is_seen() -> None:
    x14, xm = (
        "http://schemas.microsoft.com/office/spreadsheetml/2009/9/main",
        "http://schemas.microsoft.com/office/excel/2006/main",
    )

    def extension(formula: str) -> Callable[[str], str]:
        rule = (
            f'<extLst><ext xmlns:z="{x14}" uri="{{78C0D931-6437-407d-A8EE-F0AAD7539E65}}"><z:conditionalFormattings>'
            f'<z:conditionalFormatting xmlns:m="{xm}"><z:cfRule type="expression"><m:f>{formula}</m:f>'
            f'<z:dxf><numFmt numFmtId="171" formatCode="&quot;1&quot;0"/></z:dxf></z:cfRule><m:sqref>C3</m:sqref>'
            f"</z:conditionalFormatting></z:conditionalFormattings></ext></extLst></worksheet>"
        )
        return lambda xml: xml.replace("</worksheet>", rule)

    assert is_refused(xlsx(sheet=extension("TRUE")))
    done = xlsx(sheet=extension("$B3=2015"))
    assert figures(done) == TRUTH
    assert warned(done, "conditional format")


# What is no cell of the sheet --------------------------------------------------------------------------

HIDDEN_ROW = (
    '<{p}row r="40"><{p}c r="A40" t="str"><{p}v>保定市</{p}v></{p}c><{p}c r="B40"><{p}v>2015</{p}v></{p}c>'
    '<{p}c r="C40"><{p}v>3000.3</{p}v></{p}c><{p}c r="D40"><{p}v>1000</{p}v></{p}c></{p}row>'
)
OURS, THEIRS = HIDDEN_ROW.format(p=""), HIDDEN_ROW.format(p="q:")
MC = "http://schemas.openxmlformats.org/markup-compatibility/2006"


def choice(inner: str) -> str:
    return (
        f'<mc:AlternateContent xmlns:mc="{MC}"><mc:Choice xmlns:q="urn:q" Requires="q">{inner}</mc:Choice>'
        f"<mc:Fallback/></mc:AlternateContent>"
    )


@pytest.mark.parametrize(
    ("where", "inner", "is_ignored"),
    [
        ("</worksheet>", f'<extLst><ext xmlns:q="urn:q" uri="1">{THEIRS}</ext></extLst>', True),
        ("</worksheet>", f'<extLst><ext uri="1">{OURS}</ext></extLst>', True),
        ("</worksheet>", f'<extLst><ext uri="1"><sheetData>{OURS}</sheetData></ext></extLst>', True),
        ("</worksheet>", f'<q:sheetData xmlns:q="urn:q">{THEIRS}</q:sheetData>', True),
        ("</worksheet>", choice('<controls><control shapeId="1"/></controls>'), True),
        ("</worksheet>", f"<sheetData>{OURS}</sheetData>", False),
        ("</worksheet>", "<sheetData/>", False),
        ("</worksheet>", choice(f"<sheetData>{OURS}</sheetData>"), False),
        ("</worksheet>", OURS, False),
        ("</sheetData>", THEIRS.replace("<q:row", '<q:row xmlns:q="urn:q"', 1), False),
        ("</sheetData>", choice(OURS), False),
        ("</sheetData>", f"<row r='39'>{OURS}</row>", False),
    ],
)  # fmt: skip
def test_only_cells_of_the_table_of_cells_are_read(where: str, inner: str, is_ignored: bool) -> None:
    done = xlsx(sheet=lambda xml: xml.replace(where, inner + where))
    assert figures(done) == TRUTH if is_ignored else done.status == "refused"
    assert is_ignored or "what of it is shown" in errors(done) or "which of them is shown" in errors(done)


@pytest.mark.parametrize("value", ['<q:v xmlns:q="urn:q">9999</q:v>', "<v>9999</v>", choice("<v>9999</v>")])
def test_a_cell_has_one_value(value: str) -> None:
    done = xlsx(sheet=lambda xml: re.sub(r'(<c r="C3"[^>]*>)', rf"\1{value}", xml))
    assert done.status == "refused"


def test_a_sheet_of_another_vocabulary_is_refused() -> None:
    assert xlsx(sheet=lambda xml: xml.replace(NS, "urn:q")).status == "refused"


# Hidden rows and columns -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "columns", "format_"),
    [('hidden="1"', "", ""), ('ht="0" customHeight="1"', "", ""), ('hidden="true" outlineLevel="1"', "", ""), ("", 'width="9" hidden="1"', ""),
     ("", 'width="0" customWidth="1"', ""), ("", 'width="9" hidden="1" outlineLevel="1" collapsed="1"', "")],
)  # fmt: skip
def test_hidden_rows_and_columns_land_and_are_named(rows: str, columns: str, format_: str) -> None:
    def sheet(xml: str) -> str:
        if rows:
            xml = xml.replace('<row r="3"', f'<row r="3" {rows}').replace('<row r="4"', f'<row r="4" {rows}')
        return (
            xml.replace("<sheetData>", f'<cols><col min="3" max="4" {columns}/></cols><sheetData>')
            if columns
            else xml
        )

    done = xlsx(sheet=sheet)
    assert figures(done) == TRUTH
    assert warned(
        done,
        "表",
        "rows that are hidden and were read: 3-4" if rows else "columns that are hidden and were read: 3-4",
    )


def test_filtered_rows_say_so() -> None:
    kept = '</sheetData><autoFilter ref="A1:D10"><filterColumn colId="0"><filters><filter val="x"/></filters></filterColumn></autoFilter>'
    done = xlsx(
        sheet=lambda xml: xml.replace('<row r="3"', '<row r="3" hidden="1"').replace("</sheetData>", kept)
    )
    assert figures(done) == TRUTH
    assert warned(done, "filtered out or hidden", ": 3")


def test_hidden_rows_and_columns_of_an_old_workbook_are_named() -> None:
    def hide(sheet: xlwt.Worksheet) -> None:
        sheet.col(2).hidden = True
        sheet.row(2).hidden = True
        sheet.col(9).hidden = True

    done = xls(edit=hide)
    assert figures(done) == TRUTH
    assert warned(done, "rows that are hidden and were read: 3")
    assert warned(done, "columns that are hidden and were read: 3")
    assert not xls().problems


# Text tables -------------------------------------------------------------------------------------------


def grouped(table: Table) -> Table:
    units: list[object] = ["城市", "年份", "GDP(万元)", "常住人口(人)"]
    return [units, *([r[0], r[1], f"{r[2] * 1e4:,.0f}", f"{r[3] * 1e4:,.0f}"] for r in table[1:])]  # type: ignore[operator]


@pytest.mark.parametrize("mark", [",", "\t", ";", "|"])
@pytest.mark.parametrize("title", ["", "各市主要经济指标,2014-2016年\n\n", "表1；数据；来源\n"])
@pytest.mark.parametrize("is_grouped", [False, True])
@pytest.mark.parametrize("note", ["", "注：2014、2015,2016;为年报数|\n"])
def test_a_table_is_cut_where_its_fields_are_whole(
    mark: str, title: str, is_grouped: bool, note: str
) -> None:
    table = grouped(TABLE) if is_grouped else TABLE
    fields = [[f'"{c}"' if mark in str(c) else str(c) for c in row] for row in table]
    text = title + "".join(mark.join(row) + "\n" for row in fields) + note
    done = recognised(text.encode(), "t.txt")
    assert figures(done) == TRUTH, errors(done)


def test_a_table_without_a_width_names_the_mark_that_was_tried() -> None:
    done = recognised("城市 年份 GDP\n石家庄市 2014 5,000\n唐山市 2014 6\n".encode(), "t.txt")
    assert done.status == "refused"
    assert warned(done, "was cut at each comma")


@pytest.mark.parametrize("code", ["0030", "002E", "0035", "0020", "4E00", "000B"])
def test_a_code_of_a_character_is_what_it_looks_like_in_a_text_table(code: str) -> None:
    done = read(with_cell(f"530_x{code}_.53"))
    assert is_refused(done)


# From right to left ------------------------------------------------------------------------------------

TURNED = ["\u202b", "\u202d", "\u202e", "\u2067", "\u2068"]
HARMLESS = ["\u202a", "\u202c", "\u2066", "\u2069", "\u200e", "\u200b", "\ufeff"]


@pytest.mark.parametrize("mark", TURNED)
@pytest.mark.parametrize("text", ["5300.53", "5 300", "5,300", "-5300", "5300%", "2015"])
def test_digits_beside_an_embedding_are_no_figure(mark: str, text: str) -> None:
    for place in {0, 1, len(text)}:
        turned = text[:place] + mark + text[place:]
        assert number_of(turned) is None
        assert year_of(turned) is None


@pytest.mark.parametrize("mark", HARMLESS)
@pytest.mark.parametrize("text", ["5300.53", "5 300", "5,300", "-5300", "5300%"])
def test_a_mark_that_changes_nothing_is_removed(mark: str, text: str) -> None:
    assert number_of(f"{mark}{text}{mark}") == number_of(text)
    assert year_of(f"{mark}2015{mark}") == 2015


@pytest.mark.parametrize("mark", ["\u200f", "\u061c"])
def test_a_letter_that_turns_leaves_a_plain_figure_alone(mark: str) -> None:
    assert number_of(f"{mark}5300.53") == number_of("5300.53")
    assert year_of(f"2015{mark}") == 2015
    for text in (f"{mark}5 300", f"5{mark} 300", f"{mark}-5300", f"5,300{mark}"):
        assert number_of(text) is None


@pytest.mark.parametrize("mark", TURNED)
def test_a_turned_figure_is_refused_with_its_place(mark: str) -> None:
    assert is_refused(read(with_cell(f"{mark}5300.53")))
    assert is_refused(xlsx(with_cell(f"{mark}5300.53")))
    assert is_refused(read(with_cell(f"{mark}2015", 3, 2)), "R3C2")
