"""`cbec audit` on layouts that people print: what stands there is read as it stands, or named as unread."""

from __future__ import annotations

import io
from pathlib import Path

import openpyxl
import pytest
from docx import Document
from docx.oxml.ns import qn
from docx.oxml.shared import OxmlElement
from scipy import stats

from cbec.audit.legend import read_note
from cbec.audit.read import tables_of
from cbec.audit.run import Audited, audit_grid
from cbec.ingest.files import File
from tests.audit.test_table_audit import SE, regression, table


def rules(audited: Audited, *levels: str) -> list[str]:
    return [f.rule for f in audited.findings if f.level in (levels or ("error", "doubt"))]


def read(name: str, data: bytes) -> list[Audited]:
    return [audit_grid(grid) for grid in tables_of(File(name, data, Path(name)))]


# Legends and notes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "note",
    [
        "***, ** and * indicate statistical significance at the 1, 5, and 10 percent levels.",
        "***, **, * denote significance at the 1, 5 and 10% levels",
        "***、**、*分别表示在1、5、10%的水平上显著",
        "***, ** and * denote significance at the one, five and ten percent level",
        "* p<0.1, ** p<0.05, *** p<0.01",
    ],
)
def test_levels_may_share_one_unit(note: str) -> None:
    assert read_note(note).stars == {"***": 0.01, "**": 0.05, "*": 0.1}


@pytest.mark.parametrize(
    ("title", "units", "years"),
    [
        ("Table 1 (276 cities x 14 years = 3864 observations)", 276, 14),
        ("Table 1, 31 provinces × 9 years", 31, 9),
        ("表1 276个城市乘14年", 276, 14),
    ],
)
def test_a_panel_is_counted_in_words(title: str, units: int, years: int) -> None:
    note = read_note(title)
    assert (note.units, note.years) == (units, years)


def test_t_may_be_printed_without_its_sign_where_the_note_says_so() -> None:
    printed = "x | (1)\na | -0.50**\n | (2.50)\nb | -0.20\n | (0.50)\nN | 500"
    stars = "; *** p<0.01, ** p<0.05, * p<0.1"
    assert rules(table(printed, note=f"Note: absolute values of t statistics in parentheses{stars}")) == []
    one = "x | (1)\na | -0.50**\n | (2.50)\nb | 0.20\n | (0.50)\nN | 500"
    assert rules(table(one, note=f"Note: t statistics in parentheses{stars}")) == ["t_sign"]
    assert rules(table(one, note=f"Note: absolute t statistics in parentheses{stars}")) == []


@pytest.mark.parametrize(
    "more",
    [
        " Stars are based on wild bootstrap p-values.",
        " 星号依据置换检验的p值。",
        " Standardized coefficients.",
    ],
)
def test_stars_of_other_tests_are_not_held_against_t(more: str) -> None:
    printed = regression(b="0.10***")
    assert "stars" in rules(table(printed, note=SE))
    assert "stars" not in rules(table(printed, note=SE + "." + more))


def test_stars_that_few_clusters_explain_are_no_error() -> None:
    """|t| 3.77 has three stars of 0.1 % by the normal, two by t(22)."""
    legend = "Note: Standard errors in parentheses. * p<0.05, ** p<0.01, *** p<0.001"
    silent = table("x | (1)\na | 3.77**\n | (1.00)\nb | 9.00***\n | (1.00)\nN | 500", note=legend)
    assert [f.level for f in silent.findings if f.rule == "stars"] in ([], ["doubt"])
    said = table(
        "x | (1)\na | 3.77**\n | (1.00)\nb | 9.00***\n | (1.00)\nN | 500",
        note=legend.replace("Standard", "Ordinary (homoskedastic) standard"),
    )
    assert [f.level for f in said.findings if f.rule == "stars"] == ["error"]


def test_a_false_t_says_nothing_of_degrees_of_freedom() -> None:
    printed = (
        "x | Coef. | SE | t\na | 0.041** | 0.018 | 3.28\nb | 0.50*** | 0.10 | 5.00\nc | 0.10 | 0.20 | 0.50"
    )
    audited = table(printed, note=SE)
    assert rules(audited) == ["t_ratio"]
    assert "implied_df" not in rules(audited, "remark")


# Intervals --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("df", [6, 11, 25, 39, 51, 84, 333, 5000])
@pytest.mark.parametrize("n", [60, 1000])
def test_an_interval_may_rest_on_any_degrees_of_freedom(df: int, n: int) -> None:
    """Tables of one regression with the interval of t(df), as Stata prints it; then one of four intervals is of
    another error."""
    c = stats.t.ppf(0.975, df)
    pairs = [(0.1712, 0.1003), (-0.2954, 0.0512), (1.2034, 0.4021), (0.0623, 0.0391)]

    def printed(spoilt: float) -> str:
        lines = ["x | Coef. | Std. Err. | [95% Conf. | Interval]"]
        for number, (b, se) in enumerate(pairs):
            half = c * se * (spoilt if number == 2 else 1)
            lines.append(f"v{number} | {b:.4f} | {se:.4f} | {b - half:.4f} | {b + half:.4f}")
        return "\n".join([*lines, f"N | {n} | | |"])

    assert rules(table(printed(1.0))) == []
    assert rules(table(printed(1.12))) == ["ci_width"]


def test_one_interval_in_two_columns() -> None:
    printed = "x | Coef. | Std. Err. | [95% Conf. | Interval]\na | 0.740 | 0.44 | 1.270 | 3.020\nN | 90 | | |"
    assert rules(table(printed)) == ["ci_contains"]


# Columns ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("head", ["Signif.", "Stars", "Sig", "显著性", ""])
def test_stars_may_have_a_column(head: str) -> None:
    good = f"x | Coef. | Std. Err. | P>|t| | {head}\na | 0.044 | 0.022 | 0.046 | **\nb | 0.90 | 0.10 | 0.000 | ***"
    good = good.replace("P>|t|", "P")
    assert rules(table(good, note="*** p<0.01, ** p<0.05, * p<0.1")) == []
    bad = good.replace("0.046 | **", "0.046 | ***")
    assert rules(table(bad, note="*** p<0.01, ** p<0.05, * p<0.1")) == ["stars"]


HEADS = [[None, "(1)", "(1)", "(2)", "(2)"], ["变量", "产出", "产出", "产出", "产出"]]
BESIDE = [
    ["a", "-0.228", "1.53", "0.50***", "5.00"],
    ["b", "0.30**", "2.00", "0.10", "0.70"],
    ["N", "233", None, "233", None],
]


@pytest.mark.parametrize("is_merged", [True, False])
def test_two_columns_under_one_heading_are_a_coefficient_and_its_t(is_merged: bool) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    for row in [*HEADS, *BESIDE, ["注：***、**、*分别表示在1%、5%、10%水平上显著"]]:
        sheet.append(row)
    if is_merged:
        for row in (1, 2):
            for first in ("B", "D"):
                last = chr(ord(first) + 1)
                sheet[f"{last}{row}"].value = None
                sheet.merge_cells(f"{first}{row}:{last}{row}")
    out = io.BytesIO()
    book.save(out)
    (audited,) = read("t.xlsx", out.getvalue())
    assert rules(audited) == ["t_sign"]
    assert [c.feet["n"].value for c in audited.layout.columns] == [233, 233]
    page = "<table>" + "".join(
        "<tr>" + "".join(f"<td>{c or ''}</td>" for c in row) + "</tr>" for row in [
            [None, "(1)", "(1)", "(2)", "(2)"], *BESIDE]
    ) + "</table><p>*** p&lt;0.01, ** p&lt;0.05, * p&lt;0.1</p>"  # fmt: skip
    (audited,) = read("t.html", page.encode())
    assert rules(audited) == ["t_sign"]


def test_columns_of_one_outcome_are_not_taken_for_pairs() -> None:
    printed = "x | (1) | (2) | (3)\n | 产出 | 产出 | 产出\na | 0.225*** | 0.264*** | 0.239\n | [2.87] | [2.72] | [1.61]\nN | 256 | 256 | 256"
    audited = table(printed, note="注：括号内为t值；***、**、*分别表示在1%、5%、10%水平上显著")
    assert rules(audited) == []
    assert [len(c.coefficients[0].beside) for c in audited.layout.columns] == [1, 1, 1]


def test_effects_are_read_in_a_table_downwards() -> None:
    printed = (
        "x | (1) | | (2) |\n | Coef. | SE | Coef. | SE\na | 0.50*** | 0.10 | 0.51*** | 0.10\nb | 0.10 | 0.20 | 0.11 | 0.20\n"
        "Firm FE | No | | Yes |\nN | 295 | | 295 |\nR2 | 0.101 | | 0.443 |\nAdj. R2 | 0.095 | | 0.303 |"
    )
    audited = table(printed, note=SE)
    assert rules(audited) == []
    assert [c.flags for c in audited.layout.columns] == [{"Firm FE": "No"}, {"Firm FE": "Yes"}]


@pytest.mark.parametrize(
    "heads",
    ["处理组均值 | 对照组均值 | 差异 | t值", "Treated | Control | Diff. | t", "处理组 | 控制组 | 差异 | t值"],
)
def test_differences_of_groups(heads: str) -> None:
    good = f"变量 | {heads}\na | 2.410 | 2.581 | -0.171 | -1.20\nb | 0.500 | 0.400 | 0.100 | 2.00"
    assert rules(table(good)) == []
    assert rules(table(good.replace("-0.171", "-0.371"))) == ["difference"]


def test_a_share_in_percent_beside_its_ends_in_ones() -> None:
    good = (
        "Variable | N | Mean | SD | Min | Max\na | 900 | 45.5% | 0.498 | 0 | 1\nb | 900 | 2.10 | 0.90 | 0 | 5"
    )
    assert rules(table(good)) == []
    assert "mean_in_range" in rules(table(good.replace("45.5%", "195.5%")))


# Cells ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("b", ["***0.10", "'0.10***", "$0.10^{***}$", "1.0×10^{-1}***", "１．０e-1＊＊＊"])
def test_ways_to_print_a_starred_number(b: str) -> None:
    audited = table(regression(b=b), note=SE)
    assert rules(audited) == ["stars"], [f.rule for f in audited.findings]


def test_p_below_a_bound() -> None:
    printed = "x | Coef. | SE | t | p\na | 0.500 | 0.100 | 5.00 | <0.001\nb | 0.050 | 0.100 | 0.50 | <0.001\nc | 0.30 | 0.10 | 3.00 | 0.003"
    assert rules(table(printed)) == ["p_value"]


@pytest.mark.parametrize("b", ["0.0x20***", "O.020***", "0.020 0.030***", "(0.040", "1.2.3"])
def test_what_is_not_read_is_named(b: str) -> None:
    audited = table(regression(b=b), note=SE)
    (found,) = [f for f in audited.findings if f.rule == "unread"]
    assert found.cells[0] == ("B2", b)


# What nobody sees, and how files are written ------------------------------------------------------------------


@pytest.mark.parametrize("what", ["row", "column", "sheet"])
def test_hidden_parts_of_a_workbook_are_not_printed(what: str) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    for row in [
        ["x", "(1)", "(2)"],
        ["a", "0.50**", "0.50**"],
        [None, "(0.20)", "(0.20)"],
        ["N", 500, 500],
        ["R2", 0.2, 0.2],
        [SE],
    ]:
        sheet.append(row)
    if what == "row":
        sheet.insert_rows(5)
        for column, text in enumerate(("R2", "1.5", "1.5"), 1):
            sheet.cell(5, column).value = text
        sheet.row_dimensions[5].hidden = True
    elif what == "column":
        sheet["C2"].value = "0.10***"
        sheet.column_dimensions["C"].hidden = True
    else:
        other = book.create_sheet("other")
        for row in [["x", "(1)"], ["a", "0.10***"], [None, "(0.20)"], ["N", 500], [SE]]:
            other.append(row)
        other.sheet_state = "hidden"
    out = io.BytesIO()
    book.save(out)
    (audited,) = read("t.xlsx", out.getvalue())
    assert rules(audited) == []


def test_hidden_parts_of_pages_and_documents() -> None:
    rows = (
        "<tr><td>x</td><td>(1)</td></tr><tr><td>a</td><td>0.50**</td></tr><tr><td></td><td>(0.20)</td></tr>"
    )
    hidden = '<tr style="display: none"><td>R2</td><td>1.5</td></tr>'
    (audited,) = read(
        "t.html", f"<table>{rows}{hidden}<tr><td>N</td><td>500</td></tr></table><p>{SE}</p>".encode()
    )
    assert rules(audited) == []
    document = Document()
    made = document.add_table(rows=4, cols=2)
    for r, texts in enumerate([("x", "(1)"), ("a", "0.50**"), ("", "(0.20)"), ("N", "500")]):
        for c, text in enumerate(texts):
            made.cell(r, c).text = text
    run = made.cell(1, 1).paragraphs[0].add_run("9")
    vanish = OxmlElement("w:vanish")
    run._r.get_or_add_rPr().append(vanish)
    assert run._r.find(qn("w:rPr")) is not None
    document.add_paragraph(SE)
    out = io.BytesIO()
    document.save(out)
    (audited,) = read("t.docx", out.getvalue())
    assert [k.b.text for k in audited.layout.columns[0].coefficients] == ["0.50"]
    assert rules(audited) == []


def test_a_table_framed_by_another_is_read() -> None:
    document = Document()
    cell = document.add_table(rows=1, cols=1).cell(0, 0)
    inner = cell.add_table(rows=4, cols=2)
    for r, texts in enumerate([("x", "(1)"), ("a", "0.10***"), ("", "(0.20)"), ("N", "500")]):
        for c, text in enumerate(texts):
            inner.cell(r, c).text = text
    cell.add_paragraph(SE)
    out = io.BytesIO()
    document.save(out)
    (audited,) = read("t.docx", out.getvalue())
    assert rules(audited) == ["stars"]


@pytest.mark.parametrize("sign", ["–", "−", "²", "✓", "×"])
def test_english_text_with_a_sign_of_gb18030(sign: str) -> None:
    b = f"{sign}0.10***" if sign in "–−" else "0.10***"
    text = f'x,(1)\na,{b}\n,(0.20)\nN,500\nR{sign if sign == "²" else "2"},0.20\nCity FE,{sign if sign in "✓×" else "Yes"}\n"{SE}"\n'
    (audited,) = read("t.csv", text.encode("gb18030"))
    assert rules(audited) == ["stars"]
    assert audited.layout.columns[0].coefficients[0].b.value == (-0.1 if sign in "–−" else 0.1)


def test_chinese_text_with_full_width_digits_of_gb18030() -> None:
    text = "表8 基准回归\n变量,系数,标准误,t值\n数字化,–０．３６７＊＊,０．１６０,–２．２９\n规模,–０．０６５,０．０４２,–１．９９\n"
    (audited,) = read("t.csv", text.encode("gb18030"))
    assert rules(audited) == ["t_ratio"]
