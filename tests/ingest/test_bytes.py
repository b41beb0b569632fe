"""From bytes to cells of text: every figure that a file holds arrives as it is printed, or is refused with its place.

Workbooks are written here as raw XML, because no library writes what other programs write.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
import tempfile
import time
import unicodedata
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
import pandas as pd
import pyreadstat
import pytest
import xlwt
from hypothesis import given
from hypothesis import strategies as st

from cbec.ingest.files import Book, File, Found, Refused, find_files, read_book
from cbec.ingest.problems import Problem
from cbec.ingest.registry import load_registry
from cbec.ingest.run import Imported, Recogniser
from cbec.ingest.text import number_of, plain, year_of
from tests.conftest import ROOT, run_cbec

# Everything that a narrowing would turn into digits, and the other digits and numbers of Unicode.
ODD = [
    c
    for c in map(chr, range(0x80, sys.maxunicode + 1))
    if not 0xFF10 <= ord(c) <= 0xFF19
    and (
        any(d in "0123456789" for d in unicodedata.normalize("NFKC", c))
        or unicodedata.category(c) in ("No", "Nl")
    )
]

# Footnote marks ----------------------------------------------------------------------------------------


def test_no_mark_becomes_a_digit() -> None:
    wrong = []
    for mark in ODD:
        behind = number_of(f"5300{mark}")
        inside = [number_of(text) for text in (f"12{mark}34", f"{mark}34", f"{mark}")]
        years = [year_of(text) for text in (f"2015{mark}", f"201{mark}", f"20{mark}5")]
        is_kept = behind is None or (behind.value, behind.marks) == (5300, mark)
        if not is_kept or any(inside) or any(years) or plain(f"13010{mark}") == "130101":
            wrong.append((f"U+{ord(mark):04X}", behind, inside, years))
    assert len(ODD) > 1000
    assert not wrong


@pytest.mark.parametrize(
    ("text", "marks"),
    [(f"5300{mark}", mark) for mark in ("¹", "²", "¹²", "⒈", "⓪", "₁", "①", "❶", "㈠", "⑴", "⁽¹⁾", "ᵃ", "¹,²", "[1]", "(1)", "*", "[¹]")]
    + [("５３００¹", "¹"), ("5,300①", "①"), ("5 300 ②", "②"), ("5300.0¹", "¹")],
)  # fmt: skip
def test_a_mark_is_kept_beside_its_figure(text: str, marks: str) -> None:
    found = number_of(text)
    assert found is not None
    assert (found.value, found.marks) == (5300, marks)


@pytest.mark.parametrize(
    "text",
    ["10²", "10³", "5300½", "⁻5300", "5300ᵉ3", "5300⁻", "5\n300", "12\u202834", "\u202e0035", "5300㋀"],
)
def test_what_may_be_read_two_ways_is_no_figure(text: str) -> None:
    assert number_of(text) is None


def test_a_long_figure_is_no_crash() -> None:
    found = number_of("12345678901234567890.12345678901")
    assert found is not None
    assert str(found.value) == "12345678901234567890.1234567890"


@given(st.text(alphabet=[*"0123456789.,-%e ", "\u3000", "５", "．", *ODD], min_size=1, max_size=12))
def test_a_figure_has_the_digits_that_are_printed_and_no_others(text: str) -> None:
    try:
        found = number_of(text)
    except OverflowError:
        return
    if found is None:
        return
    kept = "".join(c for c in text if c not in ODD)
    plain_number = number_of(kept)
    assert plain_number is not None
    assert plain_number.value == found.value


# Workbooks of raw XML ----------------------------------------------------------------------------------

REGISTRY = load_registry(ROOT)
RECOGNISER = Recogniser.of(ROOT)
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
LINKS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
FORMATS = ("General", "0.0%", "0%", "0.00_ ", "#,##0.00", '_ * #,##0.00_ ;_ * \\-#,##0.00_ ;_ * "-"??_ ;_ @_ ', '"￥"#,##0.00', "0_);[Red]\\(0\\)",
           "# ?/?", "0.00E+00", "G/通用格式", "[DBNum1]0", "@", "0;;", "#,##0,", "0.0,", "0!.0,", "0\\.0,", '0"万"', '0"5"', '[>=10000]0.0,"万";0', "0%%",
           "yyyy-mm-dd", "[h]:mm", ";;;", '"停产"', "[$$-409]#,##0", "(0)", '0.0"%"', '0"年"', "000\\-00", '"约"0', "0.0%;-0.0%", "[Red]0.0%", "_(0%_)")  # fmt: skip


def quoted(text: str) -> str:
    return escape(text, {'"': "&quot;"})


def styles() -> str:
    """Style n has the format n; the last style has a raised font."""
    codes = "".join(
        f'<numFmt numFmtId="{200 + n}" formatCode="{quoted(code)}"/>' for n, code in enumerate(FORMATS)
    )
    kinds = "".join(f'<xf numFmtId="{200 + n}" fontId="0" xfId="0"/>' for n in range(len(FORMATS)))
    fonts = '<fonts><font><sz val="11"/></font><font><vertAlign val="superscript"/></font></fonts>'
    return (
        f'<styleSheet xmlns="{MAIN}"><numFmts>{codes}</numFmts>{fonts}<cellStyleXfs><xf numFmtId="9"/></cellStyleXfs>'
        f'<cellXfs>{kinds}<xf numFmtId="0" fontId="1"/><xf numFmtId="9"/><xf numFmtId="31"/><xf numFmtId="44"/></cellXfs></styleSheet>'
    )


RAISED_STYLE, PERCENT_STYLE, DATE_STYLE, CURRENCY_STYLE = (len(FORMATS) + n for n in range(4))


@dataclass(frozen=True)
class Wrap:
    """One way in which programs write the same sheet."""

    name: str
    part: str = "xl/worksheets/sheet1.xml"
    target: str = "worksheets/sheet1.xml"
    book: str = "xl/workbook.xml"
    written: Callable[[str], str | bytes] = lambda xml: xml
    renamed: Callable[[str], str] = lambda name: name


def prefixed(xml: str) -> str:
    return re.sub(r"<(/?)(\w)", r"<\1x:\2", xml).replace("xmlns=", "xmlns:x=")


def unplaced(xml: str) -> str:
    """Without the places of rows and cells, which is allowed as long as nothing is left out."""
    return re.sub(r' r="[A-Z]*[0-9]+"', "", xml)


WRAPS = [
    Wrap("plain"),
    Wrap("prefixed", written=prefixed),
    Wrap("single quotes", written=lambda xml: xml.replace('"', "'")),
    Wrap("other part", "xl/worksheets/blatt.xml", "worksheets/blatt.xml"),
    Wrap("other folder", "xl/数据/一.xml", "数据/一.xml"),
    Wrap("folder above", "data/s.xml", "../data/s.xml"),
    Wrap("absolute target", target="/xl/worksheets/sheet1.xml"),
    Wrap("other workbook part", "book/w/s.xml", "w/s.xml", "book/main.xml"),
    Wrap("comments", written=lambda xml: re.sub(r"(<c [^>]*[^/]>|<v>|</f>|<f>)", r"\1<!-- <c r='A1'/> -->", xml)),
    Wrap("processing instructions", written=lambda xml: re.sub(r"(<row [^>]*>|<c [^>]*[^/]>)", r"\1<?x y?>", xml)),
    Wrap("UTF-16", written=lambda xml: xml.encode("utf-16")),
    Wrap("UTF-8 mark", written=lambda xml: xml.encode("utf-8-sig")),
    Wrap("no places", written=unplaced),
    Wrap("strict", written=lambda xml: xml.replace(MAIN, "http://purl.oclc.org/ooxml/spreadsheetml/main")),
    Wrap("new lines", written=lambda xml: re.sub(r"<(c|v|f|row)\b([^>]*?)(/?)>", r"<\1\n\2\n\3>", xml)),
    Wrap("last attribute first", written=lambda xml: re.sub(r'<c (r="\w+")([^>/]*)', r"<c\2 \1", xml)),
    Wrap("unknown attribute", written=lambda xml: xml.replace("<c ", '<c cm="1" ')),
    Wrap("numeric entities", written=lambda xml: xml.replace("#", "&#35;").replace("<v>0", "<v>&#x30;")),
    Wrap("text sections", written=lambda xml: re.sub("<v>([^<]+)</v>", r"<v><![CDATA[\1]]></v>", xml)),
    Wrap("split text sections", written=lambda xml: re.sub("<v>([^<])([^<]+)</v>", r"<v>\1<![CDATA[\2]]></v>", xml)),
    Wrap("extensions", written=lambda xml: xml.replace("</c>", "<extLst><ext/></extLst></c>")),
    Wrap("upper case", renamed=str.upper),
    Wrap("backslashes", renamed=lambda name: name.replace("/", "\\")),
]  # fmt: skip


def workbook(
    cell: str,
    wrap: Wrap = WRAPS[0],
    *,
    strings: str = "",
    extra: str = "",
    header: str = "GDP(亿元)",
    calculation: str = "",
) -> bytes:
    """A sheet of cities whose cell C3 is the given XML."""

    def text(place: str, value: str) -> str:
        return f'<c r="{place}" t="inlineStr"><is><t>{value}</t></is></c>'

    rows = [f'<row r="1">{text("A1", "城市")}{text("B1", "年份")}{text("C1", header)}</row>']
    for number, (city, year, figure) in enumerate(
        [("石家庄市", 2014, "5000.5"), ("石家庄市", 2015, ""), ("石家庄市", 2016, "5600.25")], 2
    ):
        third = cell if number == 3 else f'<c r="C{number}"><v>{figure}</v></c>'
        rows.append(
            f'<row r="{number}">{text(f"A{number}", city)}<c r="B{number}"><v>{year}</v></c>{third}</row>'
        )
    sheet = f'<worksheet xmlns="{MAIN}"><sheetData>{"".join(rows)}</sheetData>{extra}</worksheet>'
    folder = wrap.book.rpartition("/")[0]
    members: dict[str, str | bytes] = {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types"/>',
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="r1" Type="{LINKS}/officeDocument" Target="{wrap.book}"/></Relationships>',
        wrap.book: f'<workbook xmlns="{MAIN}" xmlns:q="{LINKS}"><sheets><sheet name="表" sheetId="7" q:id="rId9"/></sheets>{calculation}</workbook>',
        f"{folder}/_rels/{wrap.book.rpartition('/')[2]}.rels": f'<Relationships xmlns="{PACKAGE}/relationships">'
        f'<Relationship Id="rId9" Type="{LINKS}/worksheet" Target="{wrap.target}"/>'
        f'<Relationship Id="rId2" Type="{LINKS}/styles" Target="styles.xml"/>'
        f'<Relationship Id="rId3" Type="{LINKS}/sharedStrings" Target="sharedStrings.xml"/></Relationships>',
        f"{folder}/styles.xml": styles(),
        f"{folder}/sharedStrings.xml": f'<sst xmlns="{MAIN}">{strings}</sst>',
        wrap.part: wrap.written(sheet),
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(wrap.renamed(name), content)
    return out.getvalue()


def cell_of(data: bytes, name: str = "book.xlsx", row: int = 3, column: int = 3) -> str:
    (sheet,) = read_book(File(name, data, Path(name)), REGISTRY.familiar).sheets
    return dict(sheet.rows)[row][column - 1]


def imported(data: bytes, name: str = "book.xlsx") -> Imported:
    return RECOGNISER.read(File(name, data, Path(name)))


FORMULAS = ("<f>C2/0</f>", "<f/>", '<f t="shared" ref="C3:C9" si="0">C2/0</f>', '<f t="shared" si="0"/>', '<f t="array" ref="C3">C2/0</f>', '<f ca="1">A1&lt;&gt;B1</f>')  # fmt: skip
ERROR_CELLS = [
    *(f'<c r="C3" t="e"><v>{error}</v></c>' for error in ("#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!", "#SPILL!", "Err:502")),
    *(f'<c r="C3" t="e">{formula}<v>#DIV/0!</v></c>' for formula in FORMULAS),
    '<c r="C3" t="e"><f>C2/0</f><is><t>#DIV/0!</t></is></c>', '<c r="C3" t="e"><is><t>#DIV/0!</t></is></c>',
    '<c r="C3" s="1" t="e"><v>#DIV/0!</v></c>', '<c r="C3" t="e"/>', '<c r="C3" t="e"><v/></c>', '<c r="C3" t="e"><v>#N/A</v><f>C2</f></c>',
]  # fmt: skip
UNCOMPUTED_CELLS = [
    *(f'<c r="C3">{formula}{value}</c>' for formula in FORMULAS for value in ("", "<v/>", "<v></v>")),
    '<c r="C3" t="n"><f>C2</f></c>', '<c r="C3" t="str"><f>C2</f></c>', '<c r="C3" s="1"><f>C2</f><v/></c>', '<c r="C3"><v/><f>C2</f></c>',
]  # fmt: skip


@pytest.mark.parametrize("wrap", WRAPS, ids=lambda wrap: wrap.name)
def test_no_error_and_no_uncomputed_cell_is_a_gap(wrap: Wrap) -> None:
    wrong = []
    for cell in ERROR_CELLS:
        text = cell_of(workbook(cell, wrap))
        if not text.startswith("#"):
            wrong.append((cell, text))
    for cell in UNCOMPUTED_CELLS:
        text = cell_of(workbook(cell, wrap))
        if text != "=formula without a stored value":
            wrong.append((cell, text))
    for cell, expected in {
        '<c r="C3"><f>C2*2</f><v>5300.5</v></c>': "5300.5",
        '<c r="C3" t="n"><f t="shared" si="0"/><v>5300.5</v></c>': "5300.5",
        '<c r="C3" t="str"><f>C2</f><v>…</v></c>': "…",
        '<c r="C3" s="1"><v>0.4</v></c>': "40%",
    }.items():
        text = cell_of(workbook(cell, wrap))
        if text != expected:
            wrong.append((cell, text))
    assert not wrong


# #N/A is the registry's own sign for what is not available, in a workbook as in a text file.
@pytest.mark.parametrize("cell", [c for c in (*ERROR_CELLS, *UNCOMPUTED_CELLS) if "#N/A" not in c])
def test_an_error_or_uncomputed_cell_is_refused_with_its_place(cell: str) -> None:
    done = imported(workbook(cell))
    assert done.status == "refused"
    assert [problem.locator for problem in done.errors] == ["表!R3C3"]


def test_a_formula_that_gives_nothing_is_empty() -> None:
    assert cell_of(workbook('<c r="C3" t="str"><f>""</f><v></v></c>')) == ""


def test_a_nought_that_nobody_computed_is_no_figure() -> None:
    later = '<calcPr fullCalcOnLoad="1"/>'
    cell = '<c r="C3"><f>C2*2</f><v>{}</v></c>'
    assert cell_of(workbook(cell.format(0), calculation=later)) == "=formula without a stored value"
    assert cell_of(workbook(cell.format(5300), calculation=later)) == "5300"
    assert cell_of(workbook(cell.format(0))) == "0"
    assert cell_of(workbook('<c r="C3"><v>0</v></c>', calculation=later)) == "0"


def test_cells_without_a_place_stand_behind_those_with_one() -> None:
    data = workbook('<c r="E3" t="e"><v>#REF!</v></c><c t="e"><v>#N/A</v></c>')
    assert [cell_of(data, column=n) for n in (3, 4, 5, 6)] == ["", "", "#REF!", "#N/A"]


# Number formats ----------------------------------------------------------------------------------------

AS_STORED = ("General", "0.00_ ", "#,##0.00", '_ * #,##0.00_ ;_ * \\-#,##0.00_ ;_ * "-"??_ ;_ @_ ', '"￥"#,##0.00', "0_);[Red]\\(0\\)", "# ?/?", "0.00E+00",
             "G/通用格式", "[DBNum1]0", "@", "0;;")  # fmt: skip
AS_PERCENT = ("0.0%", "0%", "0.0%;-0.0%", "[Red]0.0%", "_(0%_)")


@pytest.mark.parametrize("code", FORMATS)
def test_a_number_arrives_as_its_format_shows_it_or_not_at_all(code: str) -> None:
    style = FORMATS.index(code)
    for stored, percent in (
        ("5300.5", "530050"),
        ("0.40000000000000002", "40"),
        ("1.1E-2", "1.1"),
        ("7", "700"),
    ):
        found = number_of(cell_of(workbook(f'<c r="C3" s="{style}"><v>{stored}</v></c>')))
        if code in AS_STORED:
            assert found is not None
            assert (float(found.value), found.is_percent) == (float(stored), False)
        elif code in AS_PERCENT:
            assert found is not None
            assert (str(found.value), found.is_percent) == (percent, True)
        elif code == '0.0"%"':
            assert found is not None
            assert (float(found.value), found.is_percent) == (float(stored), True)
        else:
            assert found is None


def test_formats_that_a_workbook_names_by_number() -> None:
    def found(style: int) -> str:
        return cell_of(workbook(f'<c r="C3" s="{style}"><v>0.4</v></c>'))

    assert found(PERCENT_STYLE) == "40%"
    assert found(CURRENCY_STYLE) == "0.4"
    assert found(999) == "0.4"
    assert number_of(found(DATE_STYLE)) is None


def test_a_share_shown_as_per_cent_is_loaded_as_per_cent() -> None:
    share = workbook('<c r="C3" s="1"><v>0.4</v></c>', header="第三产业占GDP的比重（%）")
    cells = {c.year: c for c in imported(share).cells}
    assert (cells[2015].value, cells[2015].unit_printed) == (40, "pct")
    refused = imported(workbook('<c r="C3" s="1"><v>0.4</v></c>'))
    assert [problem.locator for problem in refused.errors] == ["表!R3C3"]
    scaled = imported(workbook(f'<c r="C3" s="{FORMATS.index("0!.0,")}"><v>53000</v></c>'))
    assert [problem.locator for problem in scaled.errors] == ["表!R3C3"]


# Raised runs -------------------------------------------------------------------------------------------


def runs(*pieces: tuple[str, str]) -> str:
    return "".join(
        f'<r><rPr><sz val="9"/>{f"""<vertAlign val="{how}"/>""" if how else ""}</rPr><t xml:space="preserve">{text}</t></r>'
        for text, how in pieces
    )


@pytest.mark.parametrize("how", ["superscript", "subscript"])
@pytest.mark.parametrize(
    ("mark", "kept"),
    [
        ("1", "¹"),
        ("12", "¹²"),
        ("(1)", "⁽¹⁾"),
        ("a", "ᵃ"),
        ("[1]", "[¹]"),
        ("*", "*"),
        ("①", "①"),
        ("１", "¹"),
        ("1)", "¹⁾"),
    ],
)
def test_a_raised_run_is_a_mark(how: str, mark: str, kept: str) -> None:
    rich = runs(("5300", ""), (mark, how))
    for data in (
        workbook(f'<c r="C3" t="inlineStr"><is>{rich}</is></c>'),
        workbook(
            '<c r="C3" t="s"><v>1</v></c>',
            strings=f"<si><t>x</t></si><si>{rich}<rPh sb='0' eb='1'><t>9</t></rPh></si>",
        ),
    ):
        found = number_of(cell_of(data))
        assert found is not None
        assert (found.value, found.marks) == (5300, kept)


def test_raised_digits_elsewhere_are_no_figure() -> None:
    for rich in (
        runs(("12", ""), ("2", "superscript"), ("34", "")),
        runs(("1", "superscript"), ("5300", "")),
        runs(("5300", "superscript")),
    ):
        assert number_of(cell_of(workbook(f'<c r="C3" t="inlineStr"><is>{rich}</is></c>'))) is None
    for cell in (
        f'<c r="C3" s="{RAISED_STYLE}"><v>1</v></c>',
        f'<c r="C3" s="{RAISED_STYLE}" t="inlineStr"><is><t>1</t></is></c>',
    ):
        assert number_of(cell_of(workbook(cell))) is None


# What must not take the machine ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (lambda xml: '<!DOCTYPE w [<!ENTITY a "5300">]>' + xml.replace("<v>2014", "<v>&a;"), "document type"),
        (lambda xml: f"<!DOCTYPE w>{xml}", "document type"),
        (lambda xml: xml.replace('r="C4"', 'r="XFE4"'), "stands in row"),
        (lambda xml: xml.replace('r="C4"', 'r="C40"'), "stands in row"),
        (lambda xml: xml.replace('r="C4"', 'r="B4"'), "twice"),
        (lambda xml: xml.replace('<row r="4">', '<row r="1048577">'), "no sheet has"),
        (lambda xml: xml.replace('<row r="4">', '<row r="x">'), "no sheet has"),
        (lambda xml: xml.replace('<v>5600.25', '<v>9999').replace('<c r="C4">', '<c r="C4" t="s">'), "text that is missing"),
        (lambda xml: xml.replace("</sheetData>", ""), "broken"),
        (lambda xml: xml[:-40], "broken"),
        (lambda xml: xml.replace("5000.5", "5000\x01.5"), "broken"),
    ],
)  # fmt: skip
def test_a_sheet_that_no_program_writes_is_refused(written: Callable[[str], str], message: str) -> None:
    with pytest.raises(Refused, match=message):
        read_book(
            File(
                "b.xlsx", workbook('<c r="C3"><v>1</v></c>', Wrap("spoiled", written=written)), Path("b.xlsx")
            ),
            REGISTRY.familiar,
        )


@pytest.mark.parametrize(
    "far",
    [
        '<row r="1048576"><c r="XFD1048576"/></row>',
        '<row r="1048576"><c r="J1048576" t="inlineStr"><is><t>x</t></is></c></row>',
        '<row><c r="XFD5"/></row>' + "<row><c/></row>" * 600,
    ],
)
def test_a_cell_that_stands_far_away_adds_its_row_alone(far: str) -> None:
    wrap = Wrap("far", written=lambda xml: xml.replace("</sheetData>", far + "</sheetData>"))
    assert cell_of(workbook('<c r="C3"><v>1</v></c>', wrap)) == "1"


def test_entities_do_not_grow() -> None:
    bomb = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    wrap = Wrap(
        "bomb", written=lambda xml: f'<!DOCTYPE w [<!ENTITY e0 "x">{bomb}]>' + xml.replace("5000.5", "&e9;")
    )
    with pytest.raises(Refused, match="document type"):
        cell_of(workbook('<c r="C3"><v>1</v></c>', wrap))


def test_a_sheet_of_three_megabytes_is_read_in_three_seconds() -> None:
    row = (
        '<row r="{0}"><c r="A{0}" t="inlineStr"><is><t>城</t></is></c>'
        + "".join(f'<c r="{c}{{0}}" s="4"><v>{{0}}.5</v></c>' for c in "BCDEFGHIJK")
        + "</row>"
    )
    many = "".join(row.format(n) for n in range(5, 8000))
    data = workbook(
        '<c r="C3"><v>1</v></c>',
        Wrap("large", written=lambda xml: xml.replace("</sheetData>", many + "</sheetData>")),
    )
    # Of this process: other work on the machine is no fault of the reader.
    start = time.process_time()
    assert cell_of(data, row=7999, column=11) == "7999.5"
    assert len(many) > 3_000_000
    assert time.process_time() - start < 3


# Old workbooks -----------------------------------------------------------------------------------------


def old(spoil: Callable[[xlwt.Worksheet], None]) -> bytes:
    book = xlwt.Workbook()
    sheet = book.add_sheet("表")
    for r, row in enumerate(
        (
            ["城市", "年份", "GDP(亿元)"],
            ["石家庄市", 2014, 5000.5],
            ["石家庄市", 2015, None],
            ["石家庄市", 2016, 5600.25],
        )
    ):
        for c, value in enumerate(row):
            if value is not None:
                sheet.write(r, c, value)
    spoil(sheet)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (0x00, "#NULL!"),
        (0x07, "#DIV/0!"),
        (0x0F, "#VALUE!"),
        (0x17, "#REF!"),
        (0x1D, "#NAME?"),
        (0x24, "#NUM!"),
        (0x2A, "#N/A"),
    ],
)
def test_an_error_in_an_old_workbook_is_refused(code: int, text: str) -> None:
    stored = old(lambda sheet: sheet.row(2).set_cell_error(2, code))
    computed = old(lambda sheet: sheet.write(2, 2, xlwt.Formula("C2/0")))
    empty = b"\x03\0\0\0\0\0\xff\xff"
    assert computed.count(empty) == 1
    computed = computed.replace(empty, bytes([2, 0, code, 0, 0, 0, 255, 255]))
    for data in (stored, computed):
        assert cell_of(data, "book.xls") == text
        assert text == "#N/A" or [problem.locator for problem in imported(data, "book.xls").errors] == [
            "表!R3C3"
        ]


def test_an_uncomputed_formula_in_an_old_workbook_is_refused() -> None:
    assert cell_of(old(lambda sheet: sheet.write(2, 2, xlwt.Formula("C2*2"))), "book.xls").startswith("=")


@pytest.mark.parametrize("code", [code for code in FORMATS if code not in ("@", "G/通用格式")])
@pytest.mark.parametrize("stored", [0.4, 5300.5, 40, 53, 123456789.125])
def test_a_number_of_an_old_workbook_arrives_as_its_format_shows_it(code: str, stored: float) -> None:
    style = xlwt.easyxf(num_format_str=code)
    new = cell_of(workbook(f'<c r="C3" s="{FORMATS.index(code)}"><v>{stored!r}</v></c>'))
    # Two neighbours, so that both ways of packing numbers are met.
    data = old(lambda sheet: [sheet.write(2, c, stored, style) for c in (2, 3, 4)])
    assert [cell_of(data, "book.xls", column=c) for c in (3, 4, 5)] == [new] * 3


def test_a_raised_run_in_an_old_workbook_is_a_mark() -> None:
    raised = xlwt.Font()
    raised.escapement = xlwt.Font.ESCAPEMENT_SUPERSCRIPT

    def spoil(sheet: xlwt.Worksheet) -> None:
        # Texts long enough to go on in further records, before the one that is looked for.
        for n in range(400):
            sheet.write(10 + n, 0, "长" * 60 + str(n))
            sheet.write_rich_text(10 + n, 1, [f"第{n}", ("2", raised), "x"])
        sheet.write_rich_text(2, 2, ["5300", ("1", raised)])

    data = old(spoil)
    found = number_of(cell_of(data, "book.xls"))
    assert found is not None
    assert (found.value, found.marks) == (5300, "¹")
    assert cell_of(data, "book.xls", row=410, column=2) == "第399²x"


def test_an_old_workbook_that_is_cut_is_refused() -> None:
    data = old(lambda sheet: sheet.row(2).set_cell_error(2, 7))
    for length in range(600, len(data), 97):
        with contextlib.suppress(Refused):
            assert cell_of(data[:length], "book.xls") == "#DIV/0!"


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"mimetype": "application/vnd.oasis.opendocument.spreadsheet", "content.xml": "<a/>"}, "OpenDocument"),
        ({"a.csv": "x"}, "no workbook"),
        ({"[Content_Types].xml": "<Types/>", "_rels/.rels": f'<R><Relationship Type="{LINKS}/officeDocument" Target="xl/workbook.bin"/></R>', "xl/workbook.bin": "x"}, "xlsb"),
        ({"[Content_Types].xml": "<Types/>", "_rels/.rels": f'<R><Relationship Type="{LINKS}/officeDocument" Target="word/document.xml"/></R>', "word/document.xml": "<a/>"}, "no workbook"),
        ({"[Content_Types].xml": "<Types/>"}, "broken"),
    ],
)  # fmt: skip
def test_other_packages_are_named(members: dict[str, str], message: str) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(Refused, match=message):
        cell_of(out.getvalue())


# Stata -------------------------------------------------------------------------------------------------


def stata(
    frame: pd.DataFrame, labels: dict[str, dict[int | str, str]], missing: dict[str, list[str]] | None = None
) -> Book:
    with tempfile.NamedTemporaryFile(suffix=".dta") as copy:
        pyreadstat.write_dta(
            frame, copy.name, variable_value_labels=labels, missing_user_values=missing, version=14
        )
        return read_book(File("t.dta", Path(copy.name).read_bytes(), Path("t.dta")), REGISTRY.familiar)


def column(book: Book, place: int) -> list[str]:
    return [row[place] for _, row in book.sheets[0].rows[1:]]


def test_labels_name_keys_and_never_replace_figures() -> None:
    frame = pd.DataFrame(
        {
            "city": [1, 2, 3],
            "year": [1, 2, 3],
            "gdp": [5300.5, 99.0, 5000.25],
            "exact": [2014, 2015, 2016],
            "pop": [700.5, 4.0, 2.0],
        }
    )
    labels: dict[str, dict[int | str, str]] = {
        "city": {1: "石家庄市", 2: "唐山市", 3: "邯郸市"}, "year": {1: "2014", 2: "2015", 3: "2016"}, "gdp": {99: "missing"},
        "exact": {2014: "2014年", 2015: "2015", 2016: "2016.0"}, "pop": {2: "200", 4: "9" * 40},
    }  # fmt: skip
    book = stata(frame, labels)
    assert column(book, 0) == ["石家庄市", "唐山市", "邯郸市"]
    assert column(book, 2) == ["5300.5", "missing", "5000.25"]
    assert [year_of(text) for text in column(book, 1)] == [None, None, None]
    assert column(book, 3)[1:] == ["2015", "2016"]
    assert column(book, 4)[0] == "700.5"
    assert [number_of(text) for text in column(book, 4)[1:]] == [None, None]


def test_extended_missing_values_are_empty_and_named() -> None:
    frame = pd.DataFrame({"gdp": pd.Series([5300.5, "a", "b", "a", None], dtype=object)})
    book = stata(frame, {"gdp": {"a": "not published"}}, {"gdp": ["a", "b"]})
    assert column(book, 0) == ["5300.5", "", "", "", ""]
    reported = [str(warning) for warning in book.warnings]
    assert [".a (not published) 2 times" in reported[0], ".b 1 times" in reported[1]] == [True, True]


def test_single_precision_figures_are_as_they_were_typed() -> None:
    frame = pd.DataFrame({"gdp": np.array([5300.1, 0.1, 71538176, 12345.67], dtype="float32")})
    with tempfile.NamedTemporaryFile(suffix=".dta") as copy:
        frame.to_stata(copy.name, write_index=False)
        book = read_book(File("t.dta", Path(copy.name).read_bytes(), Path("t.dta")), REGISTRY.familiar)
    assert column(book, 0) == ["5300.1", "0.1", "71538176", "12345.67"]


# Files that are not read -------------------------------------------------------------------------------

GOOD = "城市,年份,GDP(亿元)\n保定市,2014,2800.5\n"
UNREAD = (
    ".rar",
    ".7z",
    ".ods",
    ".xlsb",
    ".sav",
    ".pdf",
    ".doc",
    ".docx",
    ".PDF",
    ".et",
    ".gz",
    ".html",
    ".parquet",
)


def test_what_is_not_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    archive = tmp_path / "z.zip"
    with zipfile.ZipFile(archive, "w") as members:
        members.writestr("in/good.csv", GOOD.replace("2014", "2015"))
        for suffix in UNREAD:
            members.writestr(f"in/table{suffix}", "x")
            (tmp_path / "below" / f"table{suffix}").write_text("x")
        members.writestr("inner.zip", "x")
        members.writestr("later.csv", GOOD.replace("2014", "2016"))
        members.writestr("in/~$table.docx", "x")
    (tmp_path / "good.csv").write_text(GOOD)
    (tmp_path / ".hidden.pdf").write_text("x")
    (tmp_path / "notes.md").write_text("x")
    found = list(find_files([tmp_path]))
    assert [f.name for f in found if isinstance(f, Found)] == [
        "good.csv",
        "z.zip/in/good.csv",
        "z.zip/later.csv",
    ]
    warned = [p for p in found if isinstance(p, Problem) and p.is_warning]
    other = warned.pop()
    assert (other.kind, other.message) == (
        "folder",
        "holds 1 file of kinds that hold no tables: 1 of .md (notes.md)",
    )
    assert sorted(p.file for p in warned) == sorted(
        [f"below/table{suffix}" for suffix in UNREAD]
        + [f"z.zip/in/table{suffix}" for suffix in UNREAD]
        + [".hidden.pdf"]
    )
    assert all("was left out" in p.message for p in warned)
    assert [p.file for p in found if isinstance(p, Problem) and not p.is_warning] == ["z.zip/inner.zip"]
    for suffix in UNREAD:
        (problem,) = find_files([tmp_path / "below" / f"table{suffix}"])
        assert isinstance(problem, Problem)
        assert not problem.is_warning


def test_a_person_is_told_what_was_left_out(tmp_path: Path) -> None:
    books = tmp_path / "books"
    books.mkdir()
    (books / "good.csv").write_text(GOOD)
    (books / "scan.pdf").write_text("x")
    done = run_cbec("import", str(books), "--dry-run", warehouse=tmp_path / "warehouse")
    assert done.returncode == 2, done.stderr
    assert "1 would land" in done.stdout
    assert "warning: scan.pdf: was left out: it is a document" in done.stderr
    assert "1 left out" in done.stdout
    assert run_cbec("import", str(books / "scan.pdf"), warehouse=tmp_path / "warehouse").returncode == 2


def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its files would else be missing without a word. Not by its rights: whoever may everything reads it."""
    (tmp_path / "open").mkdir()
    (tmp_path / "closed" / "below").mkdir(parents=True)
    (tmp_path / "open" / "good.csv").write_text(GOOD)
    (tmp_path / "closed" / "good.csv").write_text(GOOD)
    scan = os.scandir

    def scandir(path: str) -> Any:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", scandir)
    found = list(find_files([tmp_path]))
    assert [f.name for f in found if isinstance(f, Found)] == ["open/good.csv"]
    (problem,) = [p for p in found if isinstance(p, Problem)]
    assert (problem.file, problem.is_warning) == ("closed", False)
    assert "cannot be read: Permission denied" in problem.message
