"""Tables: every format prints the same numbers, the note names the brackets, hostile text stays text."""

from __future__ import annotations

import re
import shutil
import sys
from html.parser import HTMLParser
from pathlib import Path

import duckdb
import openpyxl
import pandas as pd
import pytest
from docx import Document
from docx.oxml.ns import qn

from cbec import cli
from cbec.common.files import replace_with
from cbec.common.words import TEXT, Labels, Lang, translate
from cbec.project import CbecError, Project
from cbec.report import tables as build
from cbec.report.command import TableOptions, write_tables
from cbec.report.frames import Source, _note_parts
from cbec.report.notes import split_sentence
from cbec.report.table import MINUS, Interval, Number, Row, Table, percent_cell, plain
from cbec.report.tables_diagnostics import decomposition_table, falsification_table
from cbec.report.writers import tex, write
from tests.conftest import run_cbec
from tests.report.conftest import (
    EVIL_ZH,
    STUDY,
    att,
    bacon,
    event_study,
    falsification,
    regression,
    same_sample,
    specification,
    twfe_weight,
)

Grid = list[list[str]]
LABELS = {
    lang: Labels(lang, {}, {"gdp_log": ("地区生产总值（对数）", "Log of GDP", "")}) for lang in ("zh", "en")
}


def baseline(lang: str = "zh", **options: object) -> Table:
    rows, spec = regression(), specification()
    return build.regression_table(
        rows[rows["table_no"] == "T1"], spec[spec["table_no"] == "T1"], LABELS[lang],
        **{"status_names": {"B": "序列中断"}, "is_first": True, **options},  # type: ignore[arg-type]
    )  # fmt: skip


def row(table: Table, key: str, lang: str = "zh") -> list[str]:
    label = TEXT[key][0 if lang == "zh" else 1]
    return next([plain(cell) for cell in line.cells] for line in table.body if line.label == label)


def ascii_minus(text: str) -> str:
    return text.replace(MINUS, "-").strip()


def from_object(table: Table) -> Grid:
    return [
        [ascii_minus(text) for text in (line.label, *map(plain, line.cells))]
        for line in (*table.head, *table.body)
    ]


def from_docx(path: Path) -> Grid:
    return [[ascii_minus(cell.text) for cell in line.cells] for line in Document(str(path)).tables[0].rows]


def from_html(path: Path) -> Grid:
    class Cells(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.grid: Grid = []
            self.inside = False

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag == "tr":
                self.grid.append([])
            if tag in ("th", "td"):
                self.inside = True
                self.grid[-1].append("")

        def handle_endtag(self, tag: str) -> None:
            if tag in ("th", "td"):
                self.inside = False

        def handle_data(self, data: str) -> None:
            if self.inside:
                self.grid[-1][-1] += data

    parser = Cells()
    parser.feed(path.read_text(encoding="utf-8"))
    return [[ascii_minus(cell) for cell in line] for line in parser.grid]


def from_tex(path: Path) -> Grid:
    inside = re.search(r"\\toprule\[1\.5pt\]\n(.*)\\bottomrule", path.read_text(encoding="utf-8"), re.S)
    assert inside
    grid = []
    for line in inside.group(1).splitlines():
        if line.startswith("\\midrule"):
            continue
        cells = []
        for cell in re.split(r"(?<!\\) & |^ & ", line.removesuffix(" \\\\")):
            cell = re.sub(r"^\\multicolumn\{1\}\{(c|>\{.*?\}p\{.*?\})\}\{(.*)\}$", r"\2", cell)
            cell = re.sub(r"\^\{(\*+)\}", r"\1", cell).replace("{,}", ",").replace("$-$", "-")
            for character in "_%&#$":
                cell = cell.replace(f"\\{character}", f"\0{character}")
            cell = re.sub(r"(?<!\0)\$", "", cell).replace("\\times", "×").replace("\\textsuperscript{2}", "²")
            cell = cell.replace("\\rightarrow", "→").replace("\\rho", "ρ").replace("'", "'")
            for command, character in (("less", "<"), ("greater", ">"), ("backslash", "\\")):
                cell = cell.replace(f"\\text{command}{{}}", character)
            cell = cell.replace("\\textquotedbl{}", '"').replace("\\{", "{").replace("\\}", "}")
            cells.append(ascii_minus(cell.replace("\0", "")))
        grid.append(cells)
    return grid


def from_xlsx(path: Path, table: Table) -> Grid:
    """Numbers are printed by their own format: digits, brackets and stars are read from it."""
    sheet = openpyxl.load_workbook(path).worksheets[0]
    grid = []
    for line in range(2, 2 + len(table.head) + len(table.body)):
        cells = []
        for column in range(1, table.columns + 2):
            cell = sheet.cell(line, column)
            if isinstance(cell.value, int | float):
                first = cell.number_format.split(";")[0].replace('"', "")
                decimals = len(re.search(r"0(\.(0*))?[^0]*$", first).group(2) or "")  # type: ignore[union-attr]
                digits = f"{cell.value:{',' if '#,##0' in first else ''}.{decimals}f}"
                digits = f"({digits})" if first.startswith("(") else digits
                cells.append(digits + "*" * len(re.sub(r"_\*", "", first).lstrip("(#,0.)")))
            else:
                cells.append(ascii_minus(cell.value or ""))
        grid.append(cells)
    return grid


def every_table(lang: str, folder: Path) -> list[Table]:
    from cbec.report.command import table_builders

    with duckdb.connect(str(folder / "cbec.duckdb"), read_only=True) as connection:
        builders, skipped = table_builders(Source.of(connection, STUDY), lang, "se")  # type: ignore[arg-type]
        assert not skipped
        return [make() for make in builders.values()]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_format_prints_the_same_cells(lang: str, small_file: Path, tmp_path: Path) -> None:
    tables = every_table(lang, small_file)
    assert {table.name for table in tables} == {
        "descriptive", "T1", "T1_comparison", "T2", "T2_event_study", "T2_att", "T1_mediation", "placebo",
        "falsification", "decomposition",
    }  # fmt: skip
    for table in tables:
        expected = from_object(table)
        for suffix in ("docx", "html", "tex", "xlsx"):
            path = tmp_path / f"{table.name}.{suffix}"
            write(table, path)
            read = {
                "docx": from_docx,
                "html": from_html,
                "tex": from_tex,
                "xlsx": lambda place, of=table: from_xlsx(place, of),
            }[suffix](path)
            if suffix == "tex":
                # LaTeX prints the prime as an apostrophe in mathematics.
                expected_here = [[cell.replace("′", "'") for cell in line] for line in expected]
            else:
                expected_here = expected
            assert read == expected_here, (table.name, suffix)
    assert not list(tmp_path.glob(".*")), "files made beside their place are gone"


def test_coefficients_brackets_and_stars() -> None:
    table = baseline()
    assert [plain(cell) for cell in table.body[0].cells] == ["0.123***", "−0.046**"]
    assert [plain(cell) for cell in table.body[1].cells] == ["(0.030)", "(0.020)"]
    # The control's error is 0.00009: three digits would print zero.
    assert table.body[2].label == "deposits gdp ratio"
    assert [plain(cell) for cell in table.body[2].cells] == ["", "0.00021*"]
    assert table.body[4].label == "常数项"
    assert [plain(cell) for cell in table.body[4].cells] == ["", "7.500"]


@pytest.mark.parametrize(
    ("bracket", "cell", "zh", "en"),
    [
        (
            "se",
            "(0.030)",
            "括号内为聚类到城市层面的标准误",
            "In parentheses: standard errors clustered by city",
        ),
        (
            "t",
            "(4.113)",
            "括号内为t值（基于聚类到城市层面的标准误）",
            "In parentheses: t values from standard errors",
        ),
        (
            "p",
            "(0.000)",
            "括号内为p值（基于聚类到城市层面的标准误）",
            "In parentheses: p values from standard errors",
        ),
        (
            "ci",
            "[0.062, 0.185]",
            "方括号内为95%置信区间（基于聚类到城市层面的标准误）",
            "In square brackets: 95% confidence",
        ),
    ],
)
def test_the_note_names_what_the_brackets_hold(bracket: str, cell: str, zh: str, en: str) -> None:
    table = baseline(bracket=bracket)
    assert plain(table.body[1].cells[0]) == cell
    assert table.paragraphs[0].startswith(f"注：{zh}")
    assert "***、**、*分别表示在1%、5%、10%水平上显著" in table.paragraphs[0]
    assert baseline("en", bracket=bracket).paragraphs[0].startswith(f"Notes: {en}")


def test_brackets_of_a_column_hold_its_own_numbers() -> None:
    """p is two-sided: t = -2.27 has 0.031 (clusters), not half of it."""
    shown = {bracket: plain(baseline(bracket=bracket).body[1].cells[1]) for bracket in ("se", "t", "p", "ci")}
    assert shown == {"se": "(0.020)", "t": "(−2.270)", "p": "(0.031)", "ci": "[−0.086, −0.005]"}
    assert plain(percent_cell(0.1234)) == "12.3"


def test_standard_errors_that_differ_are_named_by_column() -> None:
    rows = regression()
    rows = rows[rows["table_no"] == "T1"].assign(
        vcov=lambda frame: frame["column_no"].map({1: "HC1", 2: "CRV1:province_code"})
    )
    table = build.regression_table(rows, specification(), LABELS["zh"])
    assert "第(1)列：异方差稳健（HC1）标准误；第(2)列：聚类到省份层面的标准误" in table.paragraphs[0]
    assert row(table, "cluster_row") == ["无", "省份"]


def test_brackets_without_a_name_are_not_rendered() -> None:
    for vcov in (None, "", "nonsense", "CRV1:"):
        rows = regression().assign(vcov=vcov)
        with pytest.raises(ValueError, match="no known vcov"):
            build.regression_table(rows[rows["table_no"] == "T1"], specification(), LABELS["zh"])
    with pytest.raises(ValueError, match="no note that says"):
        Table(
            "s", "T1", "zh", "表1", (Row("", ("(1)",)),), (Row("", (Number(1, 3, bracketed=True),)),), " ", ()
        )
    with pytest.raises(ValueError, match="no note that says"):
        Table("s", "T1", "zh", "表1", (Row("", ("(1)",)),), (Row("", (Interval(0, 1, 3),)),), "", ())
    with pytest.raises(ValueError, match="one width"):
        Table("s", "T1", "zh", "表1", (Row("", ("(1)",)),), (Row("", ("a", "b")),), "", ())


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_two_way_effects_on_the_same_rows_stand_beside_a_staggered_column(lang: str) -> None:
    rows, spec, beside = regression(), specification(), same_sample()
    of = {"regression": rows[rows["table_no"] == "T2"], "spec": spec[spec["table_no"] == "T2"]}
    for observed, shown in ((False, ["-0.011**", "-0.022"]), (True, ["-0.012**", "-0.023"])):
        table = build.regression_table(
            of["regression"], of["spec"], LABELS[lang], same_sample=beside, observed_only=observed
        )
        assert [ascii_minus(cell) for cell in row(table, "same_sample", lang)] == shown
        index = [line.label for line in table.body].index(TEXT["same_sample"][lang == "en"])
        below = [ascii_minus(plain(cell)) for cell in table.body[index + 1].cells]
        # An error that rests on too few clusters is not there.
        assert below[0] == "(0.005)" and "0." not in below[1]
        assert TEXT["same_sample_note"][lang == "en"] in table.notes
    # A table without such a column has neither line nor note.
    other = baseline(lang, same_sample=beside.head(0))
    assert TEXT["same_sample"][lang == "en"] not in [line.label for line in other.body]
    assert TEXT["same_sample_note"][lang == "en"] not in other.notes
    effects = build.att_table(att(), LABELS[lang], {1: "CRV1:prefecture_code"}, same_sample=beside)
    assert [ascii_minus(cell) for cell in row(effects, "same_sample", lang)] == ["-0.011**"] * 2


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        ("zh", "1(1) 分解3878行中的3700行：该定理只适用于平衡面板"),
        ("en", "1(1) 3700 of 3878 rows decomposed: the theorem is about balanced panels"),
    ],
)
def test_a_decomposition_has_both_coefficients_and_why_they_differ(lang: str, words: str) -> None:
    table = decomposition_table(bacon(), twfe_weight(), LABELS[lang])  # type: ignore[index]
    cells = [[ascii_minus(plain(cell)) for cell in line.cells] for line in table.body]
    assert [line[1:] for line in cells] == [
        ["3,700", "3,878", "0.045", "0.123", "30.0"],
        ["3,878", "3,878", "0.123", "0.123", "2.5"],
    ]
    assert [note for note in table.notes if note == words] == [words]
    refused = bacon().head(1).assign(weight=None, note="refused: nothing to compare")
    with pytest.raises(ValueError, match="no decomposition"):
        decomposition_table(refused, twfe_weight().head(0), LABELS[lang])  # type: ignore[index]


def test_foot_of_the_table() -> None:
    table = baseline()
    assert row(table, "controls") == ["否", "是"]
    assert row(table, "fe_prefecture_code") == row(table, "fe_year") == ["是", "是"]
    assert row(table, "cluster_row") == ["城市", "城市"]
    assert row(table, "n_obs") == ["3,878", "3,870"]
    assert row(table, "imputed_share") == ["3.4", "3.4"]
    assert row(table, "imputed_row_share") == ["5.0", "5.0"]
    assert row(table, "flagged_row_share") == ["2.0", "2.0"]
    assert row(table, "cell_status") == ["A 95.2, B 4.8", "A 95.2, B 4.8"]
    assert row(table, "n_dropped") == ["12", "12"]
    assert row(table, "r2_within") == ["0.120", "0.120"]
    assert "12行：被解释变量缺失" in table.paragraphs[2]
    rows = regression().assign(fixed_effects="prefecture_code + province_code#year")
    table = build.regression_table(rows[rows["table_no"] == "T1"], specification(), LABELS["zh"])
    assert row(table, "fe_province_code^year") == ["是", "是"]


def test_observed_only_coefficient_is_always_there() -> None:
    assert row(baseline(), "observed_only") == ["0.133***", "−0.056**"]
    turned = baseline(observed_only=True)
    assert [plain(cell) for cell in turned.body[0].cells] == ["0.133***", "−0.056**"]
    assert row(turned, "all_cells") == ["0.123***", "−0.046**"]
    assert row(turned, "n_obs") == ["3,778", "3,770"]
    assert "各列只用没有填补值、也没有检测器判为填补或错印之值的行估计" in turned.paragraphs[0]


def test_captions() -> None:
    assert baseline().caption == "表1  基准回归结果"
    assert baseline("en").caption == "Table 1  Baseline"
    rows, spec = regression(), specification()
    staggered = build.regression_table(
        rows[rows["table_no"] == "T2"], spec[spec["table_no"] == "T2"], LABELS["zh"]
    )
    assert staggered.caption == "表2  交错双重差分估计结果"
    variant = rows[rows["table_no"] == "T1"].assign(table_no="T1A")
    assert build.regression_table(variant, spec, LABELS["zh"]).caption == "表1A  稳健性检验"
    simulated = rows[rows["table_no"] == "T1"].assign(is_simulated=True)
    assert build.regression_table(simulated, spec, LABELS["zh"]).caption.startswith("模拟数据")
    assert build.regression_table(simulated, spec, LABELS["en"]).caption.startswith("SIMULATED DATA")


def test_stars_of_an_event_study_agree_with_its_interval() -> None:
    """With 10 degrees of freedom t = 2.1 is not significant at 5 per cent, with the normal it would be."""
    events = event_study().query("not is_observed_only and column_no == 1 and event_year == 1")
    # 2.228139 is the 97.5 % quantile of t with 10 degrees of freedom (any table of t).
    thin = events.assign(
        estimate=0.021, std_error=0.01, ci_low=0.021 - 0.02228139, ci_high=0.021 + 0.02228139
    )
    table = build.event_study_table(thin, LABELS["zh"], {1: "CRV1:prefecture_code"})
    assert plain(table.body[0].cells[0]) == "0.021*"
    wide = thin.assign(ci_low=0.021 - 0.0195996, ci_high=0.021 + 0.0195996)
    table = build.event_study_table(wide, LABELS["zh"], {1: "CRV1:prefecture_code"})
    assert plain(table.body[0].cells[0]) == "0.021**"


@pytest.mark.parametrize("bracket", ["se", "t", "p", "ci"])
def test_a_standard_error_of_zero_is_not_printed_as_one(bracket: str) -> None:
    """One treated and one control unit leave no error: no brackets and no stars."""
    events = event_study().query("not is_observed_only and column_no == 1").assign(std_error=1e-17)
    table = build.event_study_table(events, LABELS["zh"], {1: "CRV1:prefecture_code"}, bracket=bracket)  # type: ignore[arg-type]
    assert [plain(cell) for cell in table.body[0].cells] == ["−0.028"]
    assert [plain(cell) for cell in table.body[1].cells] == ["—"]


@pytest.mark.parametrize("kind", ["iid", "HC1"])
def test_errors_that_are_not_clustered_keep_brackets_and_lose_stars(kind: str) -> None:
    rows, spec = regression(), specification()
    rows = rows[rows["table_no"] == "T1"]
    rows = rows.assign(vcov=rows["vcov"].where(rows["column_no"] == 2, kind))
    rows.loc[rows["column_no"] == 1, "note"] = "errors not clustered: no star"
    table = build.regression_table(rows, spec[spec["table_no"] == "T1"], LABELS["en"])
    assert [plain(cell) for cell in table.body[0].cells] == ["0.123", "−0.046**"]
    assert [plain(cell) for cell in table.body[1].cells] == ["(0.030)", "(0.020)"]
    assert "No stars in columns (1), whose errors are not clustered" in table.notes
    assert "no star" not in "".join(table.remarks)


def test_a_reason_of_many_coefficients_is_printed_once() -> None:
    """Of each coefficient the table of estimates says why it has no error; a printed table says it once."""
    rows, spec = regression(), specification()
    rows = rows[rows["table_no"] == "T1"].assign(std_error=None, p_value=None, n_effective_clusters=3.2)
    rows["note"] = [
        f"withheld: the error rests on {n}.2 effective clusters (5 needed)" for n in range(len(rows))
    ]
    rows.loc[rows["column_no"] == 2, "note"] = "with controls; " + rows["note"]
    for lang in ("zh", "en"):
        table = build.regression_table(rows, spec[spec["table_no"] == "T1"], LABELS[lang])
        assert sum("effective number" in note or "有效聚类数（" in note for note in table.notes) == 1
        below = "".join(table.remarks)
        assert "with controls" in below
        assert "withheld" not in below and "不发布" not in below


def test_average_effects_stand_by_estimator(small_file: Path) -> None:
    table = next(table for table in every_table("zh", small_file) if table.name == "T2_att")
    assert row(table, "estimation") == ["插补法（BJS）", "两阶段DID"]
    assert row(table, "control_group") == ["尚未处理", "尚未处理"]
    assert row(table, "base_period") == ["−1", "−1"]
    assert (
        [plain(cell) for cell in table.body[0].cells] == row(table, "observed_only") == ["0.050**", "0.050**"]
    )


def test_falsification_says_what_was_moved_and_what_awaits_data(small_file: Path) -> None:
    table = next(table for table in every_table("zh", small_file) if table.name == "falsification")
    early, other = table.body
    assert "处理提前2年" in early.cells
    assert "替换结果变量" in other.cells
    assert any("待数据" in note for note in table.notes)
    assert "等价界（5%）" in table.head[0].cells and any("Hartman" in note for note in table.notes)
    assert [plain(cell) for cell in early.cells[4:6]] == ["0.050", "0.031"]
    assert other.cells[4:6] == ("", "")


@pytest.mark.parametrize(
    ("lang", "sentence"),
    [
        ("en", "1(1) universities count: refused: no column 'universities_count'; nearest: none"),
        ("zh", "1(1) universities count：未估计：没有列universities_count，没有相近的列"),
    ],
)
def test_a_refused_falsification_says_of_which_row(lang: Lang, sentence: str) -> None:
    rows = falsification()
    rows.loc[1, "note"] = "refused: no column 'universities_count'; nearest: none"
    assert sentence in falsification_table(rows, LABELS[lang]).notes


def test_no_sentence_of_a_note_brings_its_own_stop() -> None:
    """The table sets the stops between sentences and at the end."""
    of_notes = {key: pair for key, pair in TEXT.items() if key.endswith("_note")}
    assert len(of_notes) > 20
    assert not [key for key, pair in of_notes.items() if any(text.endswith((".", "。")) for text in pair)]


@pytest.mark.parametrize(
    ("lang", "sentence"),
    [
        ("zh", "列间系数差异：(2)减(1)，置换检验 p = 0.002；(1)、(2)相等，交互项Wald检验 p = 0.031"),
        (
            "en",
            "Differences between columns: (2) less (1), permutation p = 0.002; "
            "(1), (2) are equal, Wald test of interactions p = 0.031",
        ),
    ],
)
def test_a_split_table_names_the_p_values_of_its_differences(lang: Lang, sentence: str) -> None:
    tests = pd.DataFrame(
        {
            "method": [
                "permutation: T4(2) less T4(1)", "Wald: T4(1) = T4(2)", "permutation: T40(2) less T40(1)", "CV3",
            ],
            "p_value": [0.0021, 0.0307, 0.5, 0.2],
        }
    )  # fmt: skip
    assert split_sentence(tests, "T4", lang) == sentence
    assert split_sentence(tests, "T5", lang) == split_sentence(tests.iloc[:0], "T4", lang) == ""


def test_notes_of_a_specification_are_chinese_in_chinese_tables() -> None:
    labels = Labels("zh", notes={"two-way effects": "双向固定效应"})
    text = "two-way effects; 12 rows: 3 unit(s) with a gap in outcome y; what nobody translated"
    assert labels.translate(text) == "双向固定效应，12行：3个单位的y有缺口，what nobody translated"
    assert Labels("en", notes=labels.notes).translate("two-way effects") == "two-way effects"


def test_comparison_with_the_paper(small_file: Path) -> None:
    table = next(table for table in every_table("zh", small_file) if table.name == "T1_comparison")
    assert row(table, "effect_printed") == ["0.039***"]
    assert row(table, "effect_ours") == ["0.123***"]
    assert row(table, "effect_difference") == ["0.084"]
    assert row(table, "n_printed") == row(table, "n_ours") == ["3,878"]
    assert "论文公布：标准误" in table.paragraphs[0]


def test_a_number_is_never_a_negative_zero() -> None:
    assert Number(-0.0001, 3).digits == "0.000"
    assert Number(-1234.5, 1, grouped=True).digits == f"{MINUS}1,234.5"


def test_three_rules_and_fonts_in_word(tmp_path: Path) -> None:
    path = tmp_path / "T1.docx"
    write(baseline(), path)
    document = Document(str(path))
    grid = document.tables[0]

    def rule(line: int, edge: str) -> str | None:
        borders = grid.rows[line].cells[0]._element.tcPr.find(qn("w:tcBorders"))
        found = borders.find(qn(f"w:{edge}"))
        return None if found is None else found.get(qn("w:sz"))

    last = len(grid.rows) - 1
    # Eighths of a point: 12 is 1.5 pt, 6 is 0.75 pt.
    assert [rule(0, "top"), rule(1, "bottom"), rule(last, "bottom")] == ["12", "6", "12"]
    edges = {
        edge
        for line in grid.rows
        for cell in line.cells
        for edge in cell._element.tcPr.find(qn("w:tcBorders"))
    }
    assert not {edge for edge in edges if edge.tag in (qn("w:left"), qn("w:right"))}
    assert len(edges) == 3 * len(grid.columns)
    runs = [run for paragraph in grid.rows[2].cells[1].paragraphs for run in paragraph.runs]
    assert [(run.text, bool(run.font.superscript)) for run in runs] == [("0.123", False), ("***", True)]
    fonts = runs[0]._element.rPr.rFonts
    assert (fonts.get(qn("w:eastAsia")), fonts.get(qn("w:ascii"))) == ("宋体", "Times New Roman")
    stop = grid.rows[2].cells[1].paragraphs[0].paragraph_format.tab_stops[0]
    assert "DECIMAL" in str(stop.alignment)
    assert document.paragraphs[0].text == "表1  基准回归结果"
    assert "城市" in document.paragraphs[1].text


def test_text_in_a_workbook_is_never_a_formula(tmp_path: Path) -> None:
    dangers = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "=cmd|'/c calc'!A0", "\x07bell"]
    table = Table(
        "s", "T1", "zh", "=caption", (Row("=head", ("=x",)),), tuple(Row(text, (text,)) for text in dangers),
        "", ("=note",), units=(("=name", "=unit"),),
    )  # fmt: skip
    path = tmp_path / "T1.xlsx"
    write(table, path)
    book = openpyxl.load_workbook(path)
    for sheet in book.worksheets:
        for cell in (cell for line in sheet.iter_rows() for cell in line if cell.value is not None):
            assert cell.data_type == "s", cell.coordinate
            if str(cell.value)[:1] in "=+-@\t":
                assert cell.quotePrefix, cell.coordinate
    assert book.worksheets[0].cell(3, 2).value == "=1+1"
    for suffix in ("docx", "html", "tex"):
        write(table, tmp_path / f"T1.{suffix}")


def test_hostile_text_is_escaped(small_file: Path, tmp_path: Path) -> None:
    table = next(table for table in every_table("zh", small_file) if table.name == "descriptive")
    assert [line.label for line in table.body] == ["地区生产总值（对数）", "存款占比", EVIL_ZH]
    write(table, tmp_path / "d.html")
    page = (tmp_path / "d.html").read_text(encoding="utf-8")
    assert "<b>" not in page and "&lt;b&gt;" in page and "<script" not in page and "http" not in page
    write(table, tmp_path / "d.tex")
    source = (tmp_path / "d.tex").read_text(encoding="utf-8")
    assert "\\input{x}" not in source
    assert "\\textbackslash{}input\\{x\\}\\_\\%\\$\\#" in source
    assert tex("a\nb") == "a b"


def test_numbers_in_a_workbook_are_numbers(tmp_path: Path) -> None:
    write(baseline(), tmp_path / "T1.xlsx")
    book = openpyxl.load_workbook(tmp_path / "T1.xlsx")
    sheet = book.worksheets[0]
    assert sheet["B4"].value == pytest.approx(0.1234) and '"***"' in sheet["B4"].number_format
    assert sheet["B5"].value == pytest.approx(0.03) and sheet["B5"].number_format.startswith('"("0.000")"')
    assert book.sheetnames == ["T1", "说明"]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old", encoding="utf-8")

    def fail(beside: Path) -> None:
        beside.write_text("half", encoding="utf-8")
        raise OSError("disk is full")

    with pytest.raises(OSError, match="full"):
        replace_with(path, fail)
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["cbec", *arguments])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    return int(stop.value.code or 0)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("tables", "--study", "smal_study"), "study 'smal_study' is not known; nearest: small_study"),
        (("tables", "--study", STUDY, "--table", "T3"), "table 'T3' is not known; nearest: T2, T1"),
        (("tables", "--study", STUDY, "--format", "doc"), "format 'doc' is not known; nearest: docx"),
        (("tables", "--study", STUDY, "--lang", "cn"), "language 'cn' is not known; nearest: en"),
        (("tables", "--study", STUDY, "--bracket", "sd"), "bracket 'sd' is not known; nearest: se"),
        (("tables", "--study", "'; drop table x; --"), "is not known"),
        (
            ("tables", "--study", "waiting_study"),
            "awaiting data: missing indicators: green_invention_patents (绿色发明专利申请)",
        ),
        (
            ("figures", "--study", "waiting_study"),
            "awaiting data: missing indicators: green_invention_patents",
        ),
        (
            ("figures", "--study", STUDY, "--figure", "plcebo"),
            "figure 'plcebo' is not known; nearest: placebo",
        ),
        (("tables", "--study", STUDY, "--out", "pyproject.toml"), "cannot be made a folder"),
    ],
)
def test_bad_input_exits_2_and_says_what_is_near(
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    says: str,
) -> None:
    assert run(monkeypatch, *arguments) == 2
    assert says in capsys.readouterr().err


def test_the_command_writes_where_it_is_told(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert (
        run(
            monkeypatch,
            "tables",
            "--study",
            STUDY,
            "--table",
            "T1",
            "--format",
            "html",
            "--out",
            str(tmp_path / "a b"),
        )
        == 0
    )
    assert [path.name for path in (tmp_path / "a b").iterdir()] == [f"{STUDY}_T1_zh.html"]
    assert (
        run(monkeypatch, "tables", "--study", STUDY, "--lang", "en", "--format", "tex", "--observed-only")
        == 0
    )
    names = {path.name for path in (here / "output" / STUDY).iterdir()}
    assert {f"{STUDY}_T1_observed_only_en.tex", f"{STUDY}_descriptive_en.tex"} <= names
    assert run(monkeypatch, "tables", "--study", STUDY, "--table", "T1", "--demo", "--format", "html") == 0
    page = here / "demo_output" / STUDY / f"{STUDY}_T1_zh.html"
    assert "<caption>模拟数据  表1" in page.read_text(encoding="utf-8")
    # Nothing but the paths goes to the standard output, and no progress bar to a pipe.
    captured = capsys.readouterr()
    assert all(Path(line).is_file() for line in captured.out.splitlines())
    assert captured.err == ""


def test_absent_tables_are_named(small_file: Path, tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "cbec.duckdb")) as connection:
        connection.execute(f"attach '{small_file / 'cbec.duckdb'}' as whole (read_only)")
        connection.execute("copy from database whole to cbec")
        connection.execute("drop table estimates.mediation")
        connection.execute("delete from estimates.placebo_summary")
    project = Project(tmp_path, tmp_path, tmp_path)
    outcome = write_tables(project, TableOptions(STUDY, fmt="html"), lambda *_: None)
    assert "mediation: awaiting data: estimates.mediation is not there" in outcome.skipped
    assert f"placebo: awaiting data: estimates.placebo_summary has no row of study {STUDY}" in outcome.skipped
    assert len(outcome.written) == 8


def test_a_declared_table_without_estimates_says_what_it_waits_for(small_file: Path, tmp_path: Path) -> None:
    shutil.copy(small_file / "cbec.duckdb", tmp_path)
    with duckdb.connect(str(tmp_path / "cbec.duckdb")) as connection:
        connection.execute(
            "create or replace table estimates.specification_status as select * from (values"
            " (?, 'T1', 1, 'estimated', null), (?, 'T12', 1, 'awaiting data', 'no value of pm25_log'),"
            " (?, 'T12', 2, 'awaiting data', 'no value of others'))"
            " as status(study_id, table_no, column_no, status, reason)",
            [STUDY] * 3,
        )
    project = Project(tmp_path, tmp_path, tmp_path)
    with pytest.raises(CbecError, match=r"T12: awaiting data: no value of pm25_log$") as error:
        write_tables(project, TableOptions(STUDY, table="T12"), lambda *_: None)
    assert error.value.exit_code == 2
    outcome = write_tables(project, TableOptions(STUDY, fmt="html"), lambda *_: None)
    assert outcome.skipped[-1] == "T12: awaiting data: no value of pm25_log"


def test_names_of_variables() -> None:
    labels = Labels(
        "zh", {"gdp_100m_yuan": "gdp"}, {"gdp": ("地区生产总值", "GDP", "亿元")}, {"net": "互联网"}
    )
    assert labels.variable("gdp_100m_yuan") == "地区生产总值"
    # Not a column of the panel, but an indicator and a unit.
    assert labels.variable("gdp_10k_yuan") == "地区生产总值"
    assert labels.variable("net_share") == "互联网"
    assert labels.variable("is_treated") == "跨境电商综试区"
    assert labels.variable("who_knows") == "who knows"
    assert (labels.unit("gdp_100m_yuan"), labels.unit("net_share")) == ("亿元", "")


def test_tables_of_the_real_warehouse(warehouse: Path, tmp_path: Path) -> None:
    """The coefficients printed in the README stand in the Word file of the study."""
    done = run_cbec(
        "tables",
        "--study",
        "major_cities",
        "--table",
        "T2",
        "--format",
        "docx",
        "--out",
        str(tmp_path),
        warehouse=warehouse,
    )
    assert done.returncode == 0, done.stderr
    grid = from_docx(tmp_path / "major_cities_T2_zh.docx")
    assert grid[0][1] == "地区生产总值（对数）"
    # At most 4.1 effective clusters: neither error nor star, and the p of permuted cohorts instead.
    assert grid[2] == ["跨境电商综试区", "0.029", "-0.071", "-0.025", "-0.113", "0.043", "0.063", "0.059"]
    assert grid[3] == ["", *["—"] * 7]
    rows = {row[0]: row[1:] for row in grid}
    assert rows["有效聚类数"] == ["4.0", "1.4", "4.1", "1.4", "4.0", "2.7", "2.3"]
    assert rows["随机化 p 值（t）"] == ["0.485", "0.390", "0.655", "0.300", "0.360", "", ""]
    with duckdb.connect(str(warehouse / "cbec.duckdb"), read_only=True) as connection:
        stored = connection.execute(
            "select round(estimate, 3) from estimates.regression where study_id = 'major_cities' and table_no = 'T2'"
            " and not is_observed_only order by column_no"
        ).fetchall()
    assert [float(cell.rstrip("*")) for cell in grid[2][1:]] == [value for (value,) in stored]


def rows_of_docx(
    warehouse: Path, folder: Path, study: str, table: str, lang: str = "en"
) -> dict[str, list[str]]:
    done = run_cbec(
        "tables", "--study", study, "--table", table, "--lang", lang, "--format", "docx", "--out", str(folder),
        warehouse=warehouse,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return {line[0]: line[1:] for line in from_docx(folder / f"{study}_{table}_{lang}.docx")}


def test_effects_are_those_of_the_estimator(warehouse: Path, tmp_path: Path) -> None:
    """Sun-Abraham, imputation and the others absorb them whatever the specification names; Callaway and
    Sant'Anna compare changes, whatever it names."""
    absorbed = rows_of_docx(warehouse, tmp_path, "major_cities", "T3")
    assert absorbed["City effects"] == absorbed["Year effects"] == ["Yes"] * 6
    compared = rows_of_docx(warehouse, tmp_path, "major_cities", "T2")
    assert compared["City effects"] == compared["Year effects"] == ["Differenced"] * 6 + ["Yes"]
    assert rows_of_docx(warehouse, tmp_path, "major_cities", "T2", "zh")["年份固定效应"] == [
        "差分消去"
    ] * 6 + ["是"]


def test_a_mean_of_slopes_has_an_error_of_its_own(warehouse: Path, tmp_path: Path) -> None:
    rows_of_docx(warehouse, tmp_path, "province_ecommerce", "T5")
    text = "\n".join(p.text for p in Document(str(tmp_path / "province_ecommerce_T5_en.docx")).paragraphs)
    assert "standard errors of a mean of slopes" in text
    assert "standard errors under homosk" not in text
    assert (
        "Errors of the slopes of single regions are of their own years alone, under homoskedasticity" in text
    )


@pytest.mark.parametrize(
    ("lang", "title", "mean", "beijing"),
    [
        ("en", "Table 5  Slopes region by region", ": mean of the slopes", ": Beijing"),
        ("zh", "表5  逐个地区的斜率", "：各地区斜率的均值", "：北京市"),
    ],
)
def test_every_slope_says_of_which_province(
    warehouse: Path, tmp_path: Path, lang: str, title: str, mean: str, beijing: str
) -> None:
    cells = rows_of_docx(warehouse, tmp_path, "province_ecommerce", "T5", lang)
    labels = [label for label in cells if label][1:]
    assert labels[0].endswith(mean) and labels[1].endswith(beijing)
    assert len([label for label in labels if label.startswith(labels[0].removesuffix(mean))]) == 31
    document = Document(str(tmp_path / f"province_ecommerce_T5_{lang}.docx"))
    assert any(paragraph.text == title for paragraph in document.paragraphs)
    assert cells[labels[0]][0].endswith("***")
    assert not any("*" in cell for label in labels[1:31] for cell in cells[label])


def test_winsorising_is_disclosed() -> None:
    rows, spec = regression(), specification()
    rows = rows[rows["table_no"] == "T1"].assign(winsor=None)
    rows.loc[rows["column_no"] == rows["column_no"].max(), "winsor"] = "0.01:0.99 type7"
    table = build.regression_table(rows, spec[spec["table_no"] == "T1"], LABELS["en"], is_first=True)
    found = row(table, "winsorised", "en")
    assert found[-1] == "1%, 99%"
    assert set(found[:-1]) <= {"No"}


# Words of English that stay in Chinese: names of people, estimators and columns.
NAMES = re.compile(
    r"\S*_\S*|[A-Z]\w*(?:[—-][A-Z]\w*)*|D'Haultfoeuille|de (?=Chaisemartin)|[a-z]+(?==)|\w+\([^)]*\)"
)


@pytest.mark.parametrize(
    ("text", "zh"),
    [
        (
            "new_index computed again from observed cells: 2361 of 2373 values, 289 of 290 units",
            "new_index只用观测值重新计算：2373个值中得到2361个，290个单位中得到289个",
        ),
        ("12 rows: no L1.x without filled and flagged cells", "12行：去掉填补值和存疑值后没有L1.x"),
    ],
)
def test_what_is_computed_again_is_said_in_chinese(text: str, zh: str) -> None:
    """No shipped column loses a row to it, so no note of the warehouse has the second sentence."""
    assert translate(text, "zh") == zh
    assert translate(text, "en") == text


def test_no_sentence_of_the_estimators_is_english_in_chinese(db: duckdb.DuckDBPyConnection) -> None:
    notes = _note_parts(db.sql("select * from studies.specification").df())
    columns = db.sql(
        "select table_name, column_name from duckdb_columns() where schema_name = 'estimates' and table_name <> 'fit'"
        " and column_name in ('note', 'drop_reason', 'base_period', 'reason')"
    ).fetchall()
    assert len(columns) > 20
    indicators = {name for (name,) in db.sql("select indicator_id from registry.indicator").fetchall()}
    english = set()
    for table, column in columns:
        found = db.sql(
            f"select distinct {column} from estimates.{table} where {column} is not null"
        ).fetchall()
        for (text,) in found:
            for part in re.split("[，；;]", translate(text, "zh", notes)):
                words = set(re.findall("[A-Za-z]{3,}", NAMES.sub("", part))) - indicators
                if len(words) > 1:
                    english.add(f"{table}.{column}: {part}")
    assert not english
