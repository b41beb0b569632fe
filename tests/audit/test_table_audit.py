"""`cbec audit`: each rule on a table that holds and one that does not, files of every kind, bad input, and the
recall and false alarms on generated tables."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import duckdb
import numpy as np
import pytest
import yaml
from docx import Document

from cbec.audit.command import audit_file
from cbec.audit.figures import figures
from cbec.audit.layout import Hints
from cbec.audit.legend import read_note
from cbec.audit.read import tables_of
from cbec.audit.report import as_json
from cbec.audit.rounding import Interval, half_unit
from cbec.audit.run import Audited, audit_grid
from cbec.audit.words import RULES, SENTENCES, sentence
from cbec.ingest.files import File, Refused
from cbec.project import CbecError
from tests.audit import generator
from tests.conftest import ROOT, run_cbec

SE = "Note: Standard errors in parentheses. *** p<0.01, ** p<0.05, * p<0.1"
T = "注：括号内为t值；***、**、*分别表示在1%、5%、10%水平上显著"


def table(text: str, *, name: str = "t.csv", note: str = "", hints: Hints | None = None) -> Audited:
    """A table written as lines of cells parted by bars."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerows([cell.strip() for cell in line.split("|")] for line in text.strip().splitlines())
    if note:
        writer.writerow([note])
    grids = tables_of(File(name, out.getvalue().encode(), Path(name)))
    assert len(grids) == 1
    return audit_grid(grids[0], hints)


def regression(b: str = "0.50**", below: str = "(0.20)", feet: str = "N | 500", *, more: str = "") -> str:
    """Three coefficients of which the last two agree with their stars."""
    return f"""x | (1)
        a | {b}
         | {below}
        b | 1.00***
         | (0.10)
        c | 0.10
         | (0.20){more}
        {feet}"""


def moments(
    mean: str = "5.00",
    sd: str = "1.50",
    low: str = "2.00",
    high: str = "9.00",
    n: str = "30",
    name: str = "x",
) -> str:
    return f"""Variable | N | Mean | SD | Min | Max
        {name} | {n} | {mean} | {sd} | {low} | {high}"""


def long(
    b: str = "0.50",
    se: str = "0.20",
    t: str = "2.50",
    p: str = "0.013",
    low: str = "0.11",
    high: str = "0.89",
) -> str:
    return f"""Variable | Coef. | Std. Err. | t | P>|t| | 95% CI lower | 95% CI upper
        a | {b} | {se} | {t} | {p} | {low} | {high}
        b | 1.00 | 0.10 | 10.00 | 0.000 | 0.80 | 1.20""".replace("P>|t|", "p")


def fitted(
    r2: str = "0.300", adj: str = "0.293", f: str = "42.4", n: str = "101", t: str = "6.51", k: int = 1
) -> str:
    extra = "z | 0.20 \n | (1.00)\n" if k == 2 else ""
    return f"""x | (1)
        a | 0.50***
         | ({t})
        {extra}Constant | 1.00***
         | (9.00)
        N | {n}
        R2 | {r2}
        Adjusted R2 | {adj}
        F | {f}"""


CLASSIC = "Note: t statistics in parentheses, conventional standard errors. *** p<0.01, ** p<0.05, * p<0.1"
STEPS = """x | (1) | (2) | (3)
     | Y | M | Y
    X | 0.500*** | 0.400*** | 0.300***
     | (0.010) | (0.010) | (0.010)
    M | | | {b}***
     | | | (0.010)
    N | 500 | 500 | 500"""
CHANGES = """DMU | effch | techch | pech | sech | tfpch
    a | 1.000 | 1.100 | 1.000 | 1.000 | {a}
    b | 0.900 | 1.000 | 0.900 | 1.000 | 0.900
    mean | 0.949 | 1.049 | 0.949 | 1.000 | {mean}"""
# Rule: level, a table that holds and one that does not, note, what a person says.
CASES: dict[str, tuple[str, str, str, str, Hints | None]] = {
    "t_ratio": ("error", long(), long(t="2.86"), "", None),
    "t_sign": (
        "error", "x | (1)\na | 0.50**\n | (2.20)\nb | 1.00***\n | (9.00)\nN | 50", "x | (1)\na | 0.50**\n | (-2.20)\nb | 1.00***\n | (9.00)\nN | 50",
        T, None,
    ),
    "p_value": ("error", long(), long(p="0.310"), "", None),
    "p_range": ("error", long(), long(p="1.130"), "", None),
    "se_negative": ("error", regression(), regression(below="(-0.20)"), SE, None),
    "stars": ("error", regression(), regression("0.45***"), SE, None),
    "star_legend": (
        "error", regression("1.00***", more="\nd | 0.90***\n | (0.10)"), regression("1.00***", more="\nd | 0.90***\n | (0.10)"),
        SE, Hints(stars={"***": 0.1, "**": 0.05, "*": 0.01}),
    ),
    "legend_unusual": (
        "remark", regression(), regression("0.50**", more="").replace("1.00***", "1.00*"), SE,
        Hints(stars={"***": 0.1, "**": 0.05, "*": 0.01}),
    ),
    "legend_said": ("remark", regression(), regression(), SE, None),
    "legend_lacks": ("remark", regression(), regression("0.50+"), SE, None),
    "bracket_kind": (
        "error", regression("1.00***", "(0.10)", more="\nd | 0.90***\n | (0.10)"), regression("1.00***", "(0.10)", more="\nd | 0.90***\n | (0.10)"),
        SE, Hints(brackets={"(": "t"}),
    ),
    "bracket_said": ("remark", regression(), regression(), SE, None),
    "stars_place": ("remark", regression(), regression("0.50", "(0.20)**"), SE, None),
    "implied_df": (
        "remark", regression("0.50**", "(0.20)", "N | 5000"), regression("0.42*", "(0.20)", "N | 5000", more="\nd | 0.41*\n | (0.20)"), SE, None,
    ),
    "ci_order": ("error", long(), long(low="0.89", high="0.11"), "", None),
    "ci_contains": ("error", long(), long(low="0.61", high="0.89"), "", None),
    "ci_middle": ("error", long(), long(high="0.98"), "", None),
    "ci_width": ("error", long(), long(low="0.31", high="0.69"), "", None),
    "r2_range": ("error", regression(feet="R2 | 0.500"), regression(feet="R2 | 1.100"), SE, None),
    "adj_r2": ("error", fitted(), fitted(adj="0.310"), CLASSIC, None),
    "f_statistic": ("error", fitted(), fitted(f="24.0"), CLASSIC, None),
    "f_negative": ("error", fitted(), fitted(f="-42.0"), CLASSIC, None),
    "r2_t": ("error", fitted(f=""), fitted(f="", t="4.86"), CLASSIC, None),
    "r2_nested": (
        "doubt",
        "x | (1) | (2)\na | 1.00*** | 1.00***\n | (0.10) | (0.10)\nb | | 0.50***\n | | (0.10)\nN | 90 | 90\nR2 | 0.40 | 0.45",
        "x | (1) | (2)\na | 1.00*** | 1.00***\n | (0.10) | (0.10)\nb | | 0.50***\n | | (0.10)\nN | 90 | 90\nR2 | 0.40 | 0.35", SE, None,
    ),
    "n_rises": (
        "remark",
        "x | (1) | (2)\na | 1.00*** | 1.00***\n | (0.10) | (0.10)\nb | | 0.50***\n | | (0.10)\nN | 90 | 90",
        "x | (1) | (2)\na | 1.00*** | 1.00***\n | (0.10) | (0.10)\nb | | 0.50***\n | | (0.10)\nN | 90 | 99", SE, None,
    ),
    "n_whole": ("error", regression(feet="N | 500"), regression(feet="N | 500.5"), SE, None),
    "n_parts": ("error", regression(feet="N | 500\nNumber of clusters | 31"), regression(feet="N | 500\nNumber of clusters | 3100"), SE, None),
    "n_panel": ("error", regression(feet="N | 3850"), regression(feet="N | 3878"), SE + "; balanced panel of 275 cities, 2009-2022", None),
    "two_texts": ("error", regression(feet="N | 500"), regression(feet="N | 550"), SE + "; a sample of 500", None),
    "copied": (
        "doubt",
        "x | (1) | (2)\na | 1.01*** | 1.02***\n | (0.10) | (0.10)\nb | 0.51*** | 0.52***\n | (0.10) | (0.10)\nc | 0.31*** | 0.32***\n | (0.10) | (0.10)",
        "x | (1) | (2)\na | 1.01*** | 1.01***\n | (0.10) | (0.10)\nb | 0.51*** | 0.51***\n | (0.10) | (0.10)\nc | 0.31*** | 0.31***\n | (0.10) | (0.10)", SE, None,
    ),
    "mediation": ("error", STEPS.format(b="0.500"), STEPS.format(b="0.700"), SE, None),
    "lacks": ("remark", regression(), regression(feet="R2 | 0.5"), SE, None),
    "untested": (
        "remark", "x | (1) | (2)\na | 1.00*** | 0.80***\n | (0.10) | (0.10)\nN | 90 | 90",
        "x | 东部 | 西部\na | 1.00*** | 0.80***\n | (0.10) | (0.10)\nN | 90 | 90", SE, None,
    ),
    "sd_negative": ("error", moments(), moments(sd="-1.50"), "", None),
    "order": ("error", moments(), moments(low="9.00", high="2.00"), "", None),
    "mean_in_range": ("error", moments(), moments(mean="9.20"), "", None),
    "sd_upper": ("error", moments(sd="3.50"), moments(sd="3.60"), "", None),
    "sd_lower": ("error", moments(sd="0.94"), moments(sd="0.70"), "", None),
    "sd_zero": (
        "doubt", "Variable | Mean | SD | Min | Max\nx | 2.00 | 0.00 | 2.00 | 2.00", "Variable | Mean | SD | Min | Max\nx | 2.00 | 0.00 | 2.00 | 99.00", "", None,
    ),
    "binary_sd": ("error", moments("0.20", "0.41", "0", "1", name="Treat"), moments("0.20", "0.30", "0", "1", name="Treat"), "", None),
    "median": (
        "error", "Variable | Mean | Median | SD\nx | 5.0 | 4.2 | 1.0", "Variable | Mean | Median | SD\nx | 5.0 | 2.2 | 1.0", "", None,
    ),
    "grim": ("error", moments("0.200", "0.407", "0", "1", name="Treat"), moments("0.217", "0.418", "0", "1", name="Treat"), "", None),
    "share": ("error", moments("60", "15", "20", "99", name="城镇化率(%)"), moments("60", "15", "20", "104", name="城镇化率(%)"), "", None),
    "variance": (
        "error", "Variable | Mean | SD | Variance\nx | 5.0 | 2.00 | 4.00", "Variable | Mean | SD | Variance\nx | 5.0 | 2.00 | 4.90", "", None,
    ),
    "range": ("error", "Variable | Min | Max | Range\nx | 1.0 | 4.0 | 3.0", "Variable | Min | Max | Range\nx | 1.0 | 4.0 | 3.9", "", None),
    "vif": ("error", "Variable | VIF | 1/VIF\na | 2.00 | 0.500", "Variable | VIF | 1/VIF\na | 2.00 | 0.800", "", None),
    "jensen": (
        "error", "Variable | Mean | SD | Min | Max\nGDP | 5.2 | 2.1 | 1.2 | 14.3\nlnGDP | 1.58 | 0.42 | 0.18 | 2.66",
        "Variable | Mean | SD | Min | Max\nGDP | 5.2 | 2.1 | 1.2 | 14.3\nlnGDP | 1.85 | 0.42 | 0.18 | 2.66", "", None,
    ),
    "log_extreme": (
        "doubt", "Variable | Mean | SD | Min | Max\nGDP | 5.2 | 2.1 | 1.2 | 14.3\nlnGDP | 1.58 | 0.42 | 0.18 | 2.66",
        "Variable | Mean | SD | Min | Max\nGDP | 5.2 | 2.1 | 1.2 | 14.3\nlnGDP | 1.58 | 0.42 | 0.18 | 2.96", "", None,
    ),
    "difference": (
        "error", " | Treated | | Control | | \nVariable | N | Mean | N | Mean | Difference\na | 20 | 5.0 | 30 | 4.0 | 1.0\nb | 20 | 3.0 | 30 | 2.5 | 0.5",
        " | Treated | | Control | | \nVariable | N | Mean | N | Mean | Difference\na | 20 | 5.0 | 30 | 4.0 | 1.0\nb | 20 | 3.0 | 30 | 2.5 | 0.9", "", None,
    ),
    "pooled_mean": (
        "error", " | 全样本 | | 东部 | | 西部 | \n变量 | N | 均值 | N | 均值 | N | 均值\na | 50 | 4.4 | 20 | 5.0 | 30 | 4.0",
        " | 全样本 | | 东部 | | 西部 | \n变量 | N | 均值 | N | 均值 | N | 均值\na | 50 | 4.8 | 20 | 5.0 | 30 | 4.0", "", None,
    ),
    "product": ("error", CHANGES.format(a="1.100", mean="0.995"), CHANGES.format(a="1.200", mean="0.995"), "", None),
    "mean_row": ("error", CHANGES.format(a="1.100", mean="0.995"), CHANGES.format(a="1.100", mean="0.959"), "", None),
    "chain": (
        "error", "Year | effch | tfpch | cumulative\n2019 | 1.0 | 1.10 | 1.10\n2020 | 1.0 | 1.20 | 1.32",
        "Year | effch | tfpch | cumulative\n2019 | 1.0 | 1.10 | 1.10\n2020 | 1.0 | 1.20 | 1.42", "", None,
    ),
    "efficiency": ("error", "DMU | crste | vrste\na | 0.900 | 1.000", "DMU | crste | vrste\na | 0.900 | 1.100", "", None),
    "index_jump": (
        "doubt", "Malmquist指数 | 2019 | 2020 | 2021\n" + "\n".join(f"{c} | 1.01 | 0.98 | 1.02" for c in "abc"),
        "Malmquist指数 | 2019 | 2020 | 2021\n" + "\n".join(f"{c} | 1.01 | 0.98 | {'0.02' if c == 'b' else '1.02'}" for c in "abc"), "", None,
    ),
    "few_units": (
        "remark", "DMU | crste | vrste\n" + "\n".join(f"{c} | 0.9 | 1.0" for c in "abcdefghi"), "DMU | crste | vrste\na | 0.9 | 1.0\nb | 0.9 | 1.0",
        "注：2个投入、1个产出", None,
    ),
    "effects": (
        "error", "M | Total effect | Direct effect | Indirect effect\na | 0.50 | 0.30 | 0.20", "M | Total effect | Direct effect | Indirect effect\na | 0.50 | 0.30 | 0.26", "", None,
    ),
    "effect_share": (
        "error", "M | 总效应 | 间接效应 | 中介效应占比\na | 0.50 | 0.20 | 40.0%", "M | 总效应 | 间接效应 | 中介效应占比\na | 0.50 | 0.20 | 44.0%", "", None,
    ),
    "effect_shares": (
        "doubt", "M | 总效应 | 间接效应 | 中介效应占比\na | 0.50 | 0.20 | 40.0%\nb | 0.50 | 0.25 | 50.0%",
        "M | 总效应 | 间接效应 | 中介效应占比\na | 0.50 | 0.30 | 60.0%\nb | 0.50 | 0.25 | 50.0%", "", None,
    ),
    "unread": ("remark", regression(), regression(b="O.50**"), SE, None),
    "n_groups": (
        "doubt", "x | (1) | (2) | (3)\n | 全样本 | 东部 | 中西部\na | 0.50** | 0.50** | 0.50**\n | (0.20) | (0.20) | (0.20)\nN | 500 | 300 | 200\n组间差异检验p值 | | 0.9 |",
        "x | (1) | (2) | (3)\n | 全样本 | 东部 | 中部\na | 0.50** | 0.50** | 0.50**\n | (0.20) | (0.20) | (0.20)\nN | 500 | 300 | 220\n组间差异检验p值 | | 0.9 |", SE, None,
    ),
    "correlation": ("error", " | a | b\na | 1 | \nb | 0.52 | 1", " | a | b\na | 1 | \nb | 1.52 | 1", "", None),
    "sum": ("error", "指标 | 权重\na | 0.40\nb | 0.60\n合计 | 1.00", "指标 | 权重\na | 0.40\nb | 0.65\n合计 | 1.00", "", None),
}  # fmt: skip
# What the table that holds has in its place: another note, another reading.
OTHER = {
    "star_legend": (SE, None), "legend_unusual": (SE, None), "bracket_kind": (SE, None),
}  # fmt: skip
BAD_NOTE = {
    "legend_said": "Note: Standard errors in parentheses.",
    "bracket_said": "*** p<0.01, ** p<0.05, * p<0.1",
}


def test_every_rule_has_a_case_and_words() -> None:
    assert set(CASES) == set(RULES)
    assert {rule for rule, _ in SENTENCES} == set(RULES)


@pytest.mark.parametrize(("sd", "rules"), [("0.46", []), ("0.50", ["sd_upper"]), ("0.90", ["sd_upper"])])
def test_the_ends_of_a_share_are_no_rounded_numbers(sd: str, rules: list[str]) -> None:
    """0 and 1 without decimals, beside moments with some: the mean allows sqrt(0.315 * 0.685) = 0.4645."""
    printed = (
        f"Variable | N | Mean | SD | Min | Max\nx | 900 | 0.31 | {sd} | 0 | 1\ny | 900 | 2.1 | 0.9 | 0 | 5"
    )
    assert [f.rule for f in table(printed).findings if f.level == "error"] == rules


@pytest.mark.parametrize("rule", CASES)
def test_a_rule_tells_a_good_table_from_a_bad_one(rule: str) -> None:
    level, good, bad, note, hints = CASES[rule]
    good_note, good_hints = OTHER.get(rule, (note, hints))
    held = [f.rule for f in table(good, note=good_note, hints=good_hints).findings]
    assert rule not in held
    assert not [f for f in table(good, note=good_note, hints=good_hints).findings if f.level != "remark"]
    found = [f for f in table(bad, note=BAD_NOTE.get(rule, note), hints=hints).findings if f.rule == rule]
    assert [f.level for f in found] == [level], rule
    for lang in ("en", "zh"):
        assert not re.search("[{}]", sentence(found[0], lang)), sentence(found[0], lang)  # type: ignore[arg-type]
    if level == "remark":
        return
    # Anybody can repeat the arithmetic, and it names figures that stand in the table.
    assert duckdb.sql(f"select {found[0].evidence}").fetchone() == (True,), found[0].evidence
    assert found[0].cells
    assert all(place and text for place, text in found[0].cells)


def test_one_cause_is_one_finding() -> None:
    """A wrong error contradicts t, p and the interval; a negative t of every row is one minus."""
    assert len(table(long(se="0.45")).findings) - 1 == 1  # beside the remark on N
    rows = "\n".join(f"{c} | 0.5{n}*** | (-5.2{n})" for n, c in enumerate("abcd"))
    signs = [f for f in table(f"x | (1) | \n{rows}\nN | 90 | ", note=T).findings if f.rule == "t_sign"]
    assert [(f.case, f.args["n"]) for f in signs] == [("all", "4")]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("0.090*** (0.005)", ["0.090***", "(0.005)"]), ("０．０９０∗∗∗\n（0.005）", ["0.090***", "(0.005)"]),
        ("−0.5＊＊", ["-0.5**"]), ("[0.08, 0.10]", ["[0.08, 0.10]"]), ("（0.08～0.10）", ["(0.08, 0.10)"]),
        ("1.23 (1.01–1.50)", ["1.23", "(1.01, 1.50)"]), ("3,878", ["3,878"]), ("12.3%", ["12.3%"]), ("1.2e-05", ["1.2e-05"]),
        ('="0.05***"', ["0.05***"]), ("45.2 ± 10.1", ["45.2", "(10.1)"]), ("2010-2023", []), ("1.2.3", []), ("(1", []), ("是", []), ("—", []),
        ("5\u202e300", []),
    ],
)  # fmt: skip
def test_cells_as_they_are_printed(text: str, shown: list[str]) -> None:
    assert [f.shown for f in figures(text)] == shown


@pytest.mark.parametrize(
    ("note", "stars", "brackets"),
    [
        (SE, {"***": 0.01, "**": 0.05, "*": 0.1}, {"(": "se"}),
        (T, {"***": 0.01, "**": 0.05, "*": 0.1}, {"*": "t"}),
        ("注：***、** 和*分别表示 10%、5%和 1%的显著性水平", {"***": 0.1, "**": 0.05, "*": 0.01}, {}),
        ("+ p<0.1, * p<0.05, ** p<0.01; p-values in square brackets, standard errors in parentheses", {"+": 0.1, "*": 0.05, "**": 0.01}, {"[": "p", "(": "se"}),
        ("括号内为聚类稳健标准误对应的t统计量；* p＜0.1，** p＜0.05", {"*": 0.1, "**": 0.05}, {"*": "t"}),
        ("*, **, and *** denote significance at the 10%, 5%, and 1% levels, respectively", {"*": 0.1, "**": 0.05, "***": 0.01}, {}),
    ],
)  # fmt: skip
def test_notes_in_both_languages(note: str, stars: dict[str, float], brackets: dict[str, str]) -> None:
    read = read_note(note)
    assert (dict(read.stars), dict(read.brackets)) == (stars, brackets)


def test_intervals_hold_every_value_that_rounds() -> None:
    assert half_unit("0.050") == 0.0005
    assert half_unit("1.2e-05") == pytest.approx(5e-7)
    rng = np.random.default_rng(5)
    for _ in range(300):
        a, b = rng.normal(size=2) * 10.0 ** rng.integers(-2, 3)
        x, y = (
            Interval(v - half_unit(t), v + half_unit(t))
            for t in (f"{a:.2f}", f"{b:.3f}")
            for v in (float(t),)
        )
        for whole, value in (
            (x + y, a + b),
            (x - y, a - b),
            (x * y, a * b),
            (x / y, a / b),
            (x.magnitude(), abs(a)),
        ):
            assert whole.low <= value <= whole.high


def test_generated_tables() -> None:
    """At least .95 of the planted errors are told, and at most one finding in fifty is of something else."""
    result = generator.score(360, seed=20261130)
    print(f"\n{result.table()}")
    assert result.recall >= 0.95, [(m.family, m.planted, m.rows) for _, m, _ in result.missed][:3]
    assert result.precision >= 0.98, result.alarms[:3]
    assert not result.unread


def test_rounding_alone_is_never_a_finding() -> None:
    """Tables without an error, of other seeds and every family: no error and no doubt."""
    for family in generator.FAMILIES:
        for seed in range(12):
            rng = np.random.default_rng([404, seed])
            made = generator.generate(rng, False, family)
            data = generator.as_bytes(made, "csv", rng)
            for grid in tables_of(File("t.csv", data, Path("t.csv"))):
                assert [f for f in audit_grid(grid).findings if f.level != "remark"] == [], made.rows


def test_all_formats_say_the_same() -> None:
    rng = np.random.default_rng(8)
    made = generator.regression_wide(rng, True)
    said = []
    for kind in generator.FORMATS:
        data = generator.as_bytes(made, kind, np.random.default_rng(3))
        grids = tables_of(File(f"t.{kind}", data, Path(f"t.{kind}")))
        said.append([(f.rule, f.level, f.args) for grid in grids for f in audit_grid(grid).findings])
    assert said[0] and all(one == said[0] for one in said)


def test_several_tables_in_one_document(tmp_path: Path) -> None:
    document = Document()
    for number, high in (("1", "9.00"), ("2", "4.00")):
        document.add_paragraph(f"Table {number}. Statistics")
        rows = [line.split(" | ") for line in moments(high=high).replace("        ", "").splitlines()]
        made = document.add_table(len(rows), len(rows[0]))
        for r, row in enumerate(rows):
            for c, text in enumerate(row):
                made.cell(r, c).text = text
        document.add_paragraph(f"Note: {number}")
    document.save(str(tmp_path / "two.docx"))
    outcome = audit_file(tmp_path / "two.docx")
    assert [one.grid.title for one in outcome.tables] == ["Table 1. Statistics", "Table 2. Statistics"]
    assert [[f.rule for f in one.findings] for one in outcome.tables] == [[], ["mean_in_range"]]
    page = outcome.page.read_text(encoding="utf-8")
    assert "class='error' title='R2C3'" in page


def test_the_command_audits_and_asks(tmp_path: Path) -> None:
    path = tmp_path / "表 1.csv"
    path.write_text("x,(1)\na,0.5\n,(0.2)\nb,0.4\n,(0.3)\nN,100\n", encoding="utf-8")
    done = run_cbec("audit", str(path), "--lang", "en", warehouse=tmp_path / "w")
    assert done.returncode == 0, done.stderr
    asked = tmp_path / "表 1.csv.audit.yml"
    assert str(asked.name) in done.stderr
    guessed = yaml.safe_load(asked.read_text(encoding="utf-8"))["tables"][0]
    assert (guessed["name"], guessed["kind"]) == ("表 1", "regression")
    guessed |= {"brackets": {"(": "p"}, "stars": {"**": 0.05}}
    answer = tmp_path / "answer.yml"
    answer.write_text(yaml.safe_dump({"tables": [guessed]}, allow_unicode=True), encoding="utf-8")
    again = run_cbec(
        "audit",
        str(path),
        "--map",
        str(answer),
        "--json",
        "--out",
        str(tmp_path / "o"),
        warehouse=tmp_path / "w",
    )
    assert again.returncode == 0, again.stderr
    said = json.loads(again.stdout)
    assert said["tables"][0]["questions"] == []
    assert (tmp_path / "o" / "表 1.csv.audit.html").exists()
    words = tmp_path / "words.csv"
    words.write_text("a,b\nc,d\n", encoding="utf-8")
    unread = run_cbec("audit", str(words), warehouse=tmp_path / "w")
    assert unread.returncode == 2
    assert (tmp_path / "words.csv.audit.yml").exists()


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("a.pdf", b"%PDF", "is of a kind that is not audited"), ("a.docx", b"PK\x03\x04broken", "is a broken or truncated zip"),
        ("a.xlsx", b"nonsense\x00", "is no workbook"), ("a.csv", b"", "is empty"), ("a.html", b"<p>no table</p>", "holds no table"),
        ("a.csv", b"a,\x00b", "NUL"), ("a.docx", b"plain", "zip"),
    ],
)  # fmt: skip
def test_bad_input_is_told_and_never_a_trace(tmp_path: Path, name: str, data: bytes, says: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(CbecError, match=re.escape(says)) as told:
        audit_file(path)
    assert told.value.exit_code == 2
    assert name in str(told.value)


def test_a_document_with_entities_is_refused() -> None:
    import zipfile

    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(
            "word/document.xml", '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a>&e;</a>'
        )
    with pytest.raises(Refused, match="entities"):
        tables_of(File("a.docx", out.getvalue(), Path("a.docx")))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("tables: [{name: t, kind: regresion}]", "nearest: regression"), ("tables: [{name: u}]", "nearest: t"),
        ("tables: [{name: t, brakets: {}}]", "nearest: brackets"), ("tables: [{name: t, stars: {'*': five}}]", "is no number"),
        ("tables: 3", "has no list"), ("a: [", "is no YAML"), ("tables: [{name: t, brackets: {'(': sd}}]", "brackets ("),
        ("tables: &a [*a]", "anchors and aliases"), ("tables: [{name: t, columns: {N: meen}}]", "nearest: mean"),
    ],
)  # fmt: skip
def test_a_wrong_mapping_is_told_with_the_nearest(tmp_path: Path, text: str, says: str) -> None:
    path, answer = tmp_path / "t.csv", tmp_path / "m.yml"
    path.write_text("x,(1)\na,0.5\n,(0.2)\n", encoding="utf-8")
    answer.write_text(text, encoding="utf-8")
    with pytest.raises(CbecError, match=re.escape(says)) as told:
        audit_file(path, map_file=answer)
    assert told.value.exit_code == 2


def test_a_page_runs_nothing_of_the_table(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(
        'Variable,N,Mean,SD,Min,Max\n"<script>alert(1)</script>",30,99.0,1.5,2.0,9.0\n', encoding="utf-8"
    )
    outcome = audit_file(path, lang="en")
    page = outcome.page.read_text(encoding="utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert json.loads(as_json("x.csv", outcome.tables))["error"] == 1


def test_what_a_person_wrote_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("x,(1)\na,0.5\n,(0.2)\n", encoding="utf-8")
    mine = tmp_path / "t.csv.audit.yml"
    mine.write_text("mine", encoding="utf-8")
    assert audit_file(path).asked == tmp_path / "t.csv.new.audit.yml"
    assert mine.read_text(encoding="utf-8") == "mine"


# The five papers -------------------------------------------------------------------------------------------

SEEDS = ROOT / "seeds" / "studies"
HEADS = {"n": "N", "mean": "均值", "sd": "标准差", "min": "最小值", "max": "最大值", "vif": "VIF"}
SAYS = {"t": "t值", "se": "标准误", "p": "p值"}


def paper_tables() -> dict[tuple[str, str], Audited]:
    """Every transcribed table of the papers, printed again as a table, with what its note says."""
    with (SEEDS / "published_result.csv").open(encoding="utf-8") as file:
        results = list(csv.DictReader(file))
    with (SEEDS / "published_table.csv").open(encoding="utf-8") as file:
        noted = {(row["study_id"], row["table_no"]): row for row in csv.DictReader(file)}
    cells: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in results:
        cells.setdefault((row["study_id"], row["table_no"]), []).append(row)
    found = {}
    for key, rows in cells.items():
        statistics = {row["statistic"] for row in rows}
        extra = noted.get(key, {})
        note = ""
        if "mean" in statistics:
            used = [name for name in HEADS if name in statistics]
            by_row: dict[str, dict[str, str]] = {}
            for row in rows:
                label = f"{row['row_label']} {row['column_label']}".strip()
                by_row.setdefault(label, {})[row["statistic"]] = row["printed"]
            lines = [["变量", *[HEADS[name] for name in used]]]
            lines += [[label, *[own.get(name, "") for name in used]] for label, own in by_row.items()]
        elif "coef" in statistics:
            columns = list(dict.fromkeys((row["column_no"], row["column_label"]) for row in rows))
            lines = [["变量", *[f"({number}) {label}".strip() for number, label in columns]]]
            for label in dict.fromkeys(row["row_label"] for row in rows):
                own = [row for row in rows if row["row_label"] == label]
                for at, name in enumerate(dict.fromkeys(row["statistic"] for row in own)):
                    texts = {(r["column_no"], r["column_label"]): r["printed"] if r["printed"].endswith("*") else r["printed"] + r["stars"]
                             for r in own if r["statistic"] == name}  # fmt: skip
                    shaped = [
                        f"({re.sub(r'[()]', '', texts[c])})"
                        if name in SAYS and c in texts
                        else texts.get(c, "")
                        for c in columns
                    ]
                    lines.append([label if not at else "", *shaped])
            kind = next((SAYS[name] for name in SAYS if name in statistics), "")
            order = "10%、5%、1%" if extra.get("star_note") == "reversed" else "1%、5%、10%"
            note = f"注：括号内为{kind}；***、**、*分别表示在{order}的水平上显著"
        elif statistics == {"index"}:
            columns = [("", label) for label in dict.fromkeys(row["column_label"] for row in rows)]
            lines = [["Malmquist指数", *[label for _, label in columns]]]
            for label in dict.fromkeys(row["row_label"] for row in rows):
                at_label = {row["column_label"]: row["printed"] for row in rows if row["row_label"] == label}
                lines.append([label, *[at_label.get(column, "") for _, column in columns]])
        else:
            continue
        out = io.StringIO()
        csv.writer(out).writerows([*lines, *([[note]] if note else [])])
        grids = tables_of(File("t.csv", out.getvalue().encode(), Path("t.csv")))
        assert len(grids) == 1, key
        found[key] = audit_grid(grids[0], Hints(observations=int(extra.get("n_rows") or 0)))
    return found


# What both say, by the names of the published audit.
SAME = {
    "mean_in_range": ("mean_in_range",), "sd_lower": ("sd_lower",), "t_sign": ("t_sign",), "star_note": ("star_legend", "stars"),
    "stars_statistic": ("stars", "star_legend"), "index_jump": ("index_jump",), "copied_cells": ("copied",),
    "stars_on_coefficient": ("stars_place",),
}  # fmt: skip
# Rest on what a person says of a table: the floor of a variable, the range of a ratio as the paper defines it.
DECLARED = {"sd_upper", "ratio_range", "treatment_mean", "source_contains"}


def test_the_papers_and_the_published_audit_agree(db: duckdb.DuckDBPyConnection) -> None:
    """Every table with a computed finding of the published audit has it here without a claim, and no table
    without one has an error here."""
    published: dict[tuple[str, str], set[str]] = {}
    for study, number, rule in db.sql(
        "select study_id, table_no, rule from estimates.publication_audit where claim_no is null"
    ).fetchall():
        published.setdefault((study, number), set()).add(rule)
    audited = paper_tables()
    assert len(audited) >= 20
    for key, one in audited.items():
        assert one.is_read, key
        found = {f.rule for f in one.findings}
        expected = published.get(key, set()) - DECLARED
        for rule in expected:
            assert found & set(SAME[rule]), (key, rule, found)
        if not expected:
            assert one.count("error") == 0, (
                key,
                [(f.rule, f.where) for f in one.findings if f.level == "error"],
            )


def test_both_languages_say_the_same_figures() -> None:
    for key, (english, chinese) in SENTENCES.items():
        assert set(re.findall(r"\{(\w+)\}", chinese)) == set(re.findall(r"\{(\w+)\}", english)), key


def test_whatever_stands_in_the_cells_is_bearable() -> None:
    """Words, figures and headings thrown together: no rule raises, every sentence can be said."""
    pool = (
        "", "变量", "N", "R2", "Adj R2", "F", "均值", "标准差", "最小值", "最大值", "(1)", "0.5***", "(0.2)", "[0.1,0.2]", "-0.3**", "1", "0",
        "3,878", "YES", "total effect", "直接效应", "间接效应", "effch", "techch", "tfpch", "mean", "权重", "合计", "95% CI", "coef", "se", "t", "p",
        "0.000", "(-0.0)", "1e-5", "9e14", "lnX", "X", "2019", "2020", "crste", "vrste", "scale", "***", "(", "OR", "城市数", "VIF", "1/VIF", "median",
    )  # fmt: skip
    for seed in range(400):
        rng = np.random.default_rng([5, seed])
        height, width = int(rng.integers(1, 12)), int(rng.integers(1, 8))
        rows = [[str(rng.choice(pool)) for _ in range(width)] for _ in range(height)]
        out = io.StringIO()
        csv.writer(out).writerows([*rows, ["end"]])
        for grid in tables_of(File("t.csv", out.getvalue().encode(), Path("t.csv"))):
            for f in audit_grid(grid).findings:
                assert sentence(f, "en") and sentence(f, "zh")


def test_one_value_in_the_interval_is_enough_and_none_is_too_few() -> None:
    """t 2.0 is on either side of 1.96; adjusted R2 of 0.299 is below R2 and above what one regressor allows."""
    for stars in ("*", "**"):
        lines = f"x | (1)\na | 0.50{stars}\n | (2.0)\nb | 1.00***\n | (9.0)\nN | 5000"
        assert not [f for f in table(lines, note=T).findings if f.level != "remark"]
    assert [f.rule for f in table(fitted(adj="0.299"), note=CLASSIC).findings] == ["adj_r2"]
