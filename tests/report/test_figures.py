"""Figures: Chinese text has glyphs, files are not blank, and what is not there is said, not drawn."""

from __future__ import annotations

import itertools
import re
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font
from matplotlib.image import imread

from cbec.common import fonts
from cbec.common.words import ESTIMATORS, TEXT, Labels, sample_words, scheme_words
from cbec.project import CbecError, Project
from cbec.report import figures, style
from cbec.report.command import FigureOptions, write_figures
from cbec.report.frames import Awaiting
from tests.report import conftest as small

LABELS = Labels("zh", {}, {"gdp_log": ("地区生产总值（对数）", "Log of GDP", "")})


def bitmap(path: Path, text: str) -> np.ndarray:
    font = FT2Font(str(path))
    font.set_size(24, 100)
    font.set_text(text)
    font.draw_glyphs_to_bitmap()
    return np.asarray(font.get_image())


def texts(figure: Figure) -> str:
    return "\n".join(item.get_text() for item in figure.findobj(lambda item: hasattr(item, "get_text")))


def test_the_font_draws_chinese_and_not_boxes() -> None:
    path = fonts.chinese_font().path
    # A private code point has no glyph: it is drawn as the missing-glyph box.
    with pytest.warns(UserWarning, match="missing"):
        box = bitmap(path, "\ue123")
    drawn = [bitmap(path, character) for character in "跨境电亳"]
    for image in drawn:
        assert image.any()
        assert image.shape != box.shape or not np.array_equal(image, box)
    assert not any(np.array_equal(one, two) for one, two in itertools.pairwise(drawn))


def test_every_character_of_the_labels_has_a_glyph() -> None:
    """Of the fonts that a figure uses, the Latin one first."""
    from matplotlib import font_manager

    latin = Path(font_manager.findfont(style.LATIN_FONT, fallback_to_default=False))
    for character in set("".join(zh + en for zh, en in TEXT.values())) - set("\n"):
        assert fonts.has_glyphs(latin, character) or fonts.has_glyphs(fonts.chinese_font().path, character), (
            character
        )


def test_without_any_chinese_font_it_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "packaged_fonts", list)
    monkeypatch.setattr(fonts, "SYSTEM", ())
    with pytest.raises(CbecError, match="no font with Chinese characters"):
        fonts.chinese_font.__wrapped__()


def test_a_system_font_is_taken_when_the_packaged_one_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    choice = fonts.chinese_font()
    monkeypatch.setattr(fonts, "packaged_fonts", list)
    # It was added to matplotlib's list above, as a font of the system would be.
    monkeypatch.setattr(fonts, "SYSTEM", (choice.family,))
    assert fonts.chinese_font.__wrapped__() == choice


def test_a_file_that_is_no_font_has_no_glyphs(tmp_path: Path) -> None:
    (tmp_path / "x.otf").write_text("nothing")
    assert not fonts.has_glyphs(tmp_path / "x.otf", "a")
    assert not fonts.has_glyphs(tmp_path / "absent.otf", "a")


MAKERS = {
    "event_study": lambda labels: figures.event_study(
        small.event_study().query("not is_observed_only"), labels
    ),
    "placebo": lambda labels: figures.placebo(small.placebo(), small.placebo_summary(), labels),
    "bacon": lambda labels: figures.bacon(small.bacon(), labels),
    "leave_one_out": lambda labels: figures.leave_one_out(small.leave_one_out(), labels),
    "cohorts": lambda labels: figures.cohorts(
        small.att().query("aggregation == 'group' and not is_observed_only"), labels
    ),
}


@pytest.mark.parametrize("kind", MAKERS)
def test_three_files_that_are_not_blank(kind: str, tmp_path: Path) -> None:
    paths = style.save(lambda: MAKERS[kind](LABELS), tmp_path, kind, dpi=80)
    assert [path.suffix for path in paths] == [".png", ".svg", ".pdf"]
    pixels = imread(paths[0])[..., :3]
    assert pixels.min() < 0.2 and 0.005 < (pixels < 0.9).any(axis=2).mean() < 0.6
    assert paths[1].read_text(encoding="utf-8").count("<path") > 50
    pdf = paths[2].read_bytes()
    # TrueType programs (FontFile2); type 3 is what journals refuse, and CFF under a TrueType name is wrong.
    assert pdf.startswith(b"%PDF") and pdf.count(b"/FontFile2") == 2
    assert b"/Type3" not in pdf and b"/FontFile3" not in pdf
    again = style.save(lambda: MAKERS[kind](LABELS), tmp_path, "again", dpi=80)
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in paths]


def drawn(kind: str, lang: str = "zh") -> Figure:
    labels = Labels(lang, {}, {"gdp_log": ("地区生产总值（对数）", "Log of GDP", "")})  # type: ignore[arg-type]
    with style.style():
        return MAKERS[kind](labels)


def test_event_study_says_base_and_cohorts() -> None:
    shown = texts(drawn("event_study"))
    assert "基期：−1" in shown and "空心圆为基期" in shown and "Callaway-Sant'Anna" in shown
    assert "虚线为95%同时置信带" in shown and "没有虚线者" in shown
    assert "Dotted bars are 95% simultaneous bands" in texts(drawn("event_study", "en"))
    axes = drawn("event_study").axes[0]
    # Two estimators side by side: offset from the year, never on it.
    first, second = (
        line.get_xdata()
        for line in axes.lines
        if str(line.get_label()) in ("Callaway-Sant'Anna", "Sun-Abraham")
    )
    assert first[0] < -3 < second[0]
    assert next(tick.get_text() for tick in axes.get_xticklabels()) == "−3\n(2)"
    assert any(list(line.get_xdata()) == [-0.5, -0.5] for line in axes.lines)
    # The band of the one estimator that has one stands outside its interval.
    dotted = [lines for lines in axes.collections if lines.get_linestyle()[0][1] is not None]
    assert len(dotted) == 1
    (band,), (interval, *_) = dotted, [lines for lines in axes.collections if lines not in dotted]
    for outer, inner in zip(band.get_segments(), interval.get_segments(), strict=True):
        assert outer[0][1] < inner[0][1] and inner[1][1] < outer[1][1]


def test_placebo_says_how_it_was_drawn() -> None:
    shown = texts(drawn("placebo"))
    for part in (
        "模拟数据",
        "方案：批次置换",
        "100次",
        "种子20240101",
        "带宽",
        "随机化p值 = 0.010",
        "p = 0.10",
        "真实估计值 0.123",
    ):
        assert part in shown, part
    left, right = drawn("placebo").axes
    assert any(list(line.get_xdata()) == [0.1234, 0.1234] for line in left.lines)
    assert any(list(line.get_ydata()) == [0.1, 0.1] for line in right.lines)
    assert "SIMULATED DATA" in texts(drawn("placebo", "en"))
    with pytest.raises(ValueError, match="all equal"):
        figures.placebo(small.placebo().assign(estimate=0.1), small.placebo_summary(), LABELS)


def test_bacon_mean_and_forbidden_share() -> None:
    # Ten weights of 0.1 on 0.00 to 0.09: mean 0.045; three of ten are later against earlier.
    assert "加权平均 0.045" in texts(drawn("bacon")) and "30.0%" in texts(drawn("bacon"))


def test_bacon_says_which_regression_it_decomposes() -> None:
    shown = texts(drawn("bacon")).replace("\n", "")
    assert "分解所用3,700行，本列3,878行；所分解回归的系数0.045，本列系数0.123" in shown
    assert "分解3878行中的3700行" in shown
    english = " ".join(texts(drawn("bacon", "en")).split())
    assert "3,700 rows decomposed, 3,878 in the column" in english
    assert "regression decomposed 0.045, of the column 0.123" in english
    # A file of before has no such columns.
    old = small.bacon().drop(columns=["n_obs", "n_obs_column", "estimate_decomposed", "estimate_column"])
    with style.style():
        assert "本列系数" not in texts(figures.bacon(old, LABELS))


def test_the_curve_marks_rows_units_and_the_rule_of_gaps() -> None:
    rows = (
        small.regression().query("term == 'is_treated' and not is_observed_only").assign(has_controls=False)
    )
    with style.style():
        figure = figures.specification_curve(rows, LABELS)
    shown = texts(figure)
    for line in (
        "行数（单位数）：3,878 (277)",
        "行数（单位数）：3,600 (240)",
        "有缺口的单位：保留",
        "有缺口的单位：剔除",
    ):
        assert line in shown, line
    # Each point has one mark among the lines of rows, the one of its own.
    bottom = figure.axes[1]
    names = [label.get_text() for label in bottom.get_yticklabels()]
    marks = {
        names[int(line.get_ydata()[0])]: {int(x) - 1 for x in line.get_xdata()}
        for line in bottom.lines
        if line.get_marker() == "s" and len(line.get_ydata())
    }
    ordered = rows.sort_values("estimate", ignore_index=True)
    for text, n_obs in (("3,878 (277)", 3878), ("3,870 (277)", 3870), ("3,600 (240)", 3600)):
        assert marks[f"行数（单位数）：{text}"] == set(ordered.index[ordered["n_obs"] == n_obs])
    kept = ordered.index[ordered["estimator"].eq("twfe") | ordered["options"].eq("gaps keep")]
    assert marks["有缺口的单位：保留"] == set(kept)
    # The largest sample stands first.
    of_rows = [name for name in names if name.startswith("行数")]
    assert of_rows == [f"行数（单位数）：{text}" for text in ("3,878 (277)", "3,870 (277)", "3,600 (240)")]
    note = shown.replace("\n", "")
    assert "不同行之间的差别可能来自样本而非估计方法" in note


def test_a_base_of_the_calendar_has_years_on_the_axis() -> None:
    one = small.event_study().query("not is_observed_only and estimator == 'sun_abraham'")
    rows = one.assign(event_year=one.event_year + 2016, base_period="calendar year 2015")
    with style.style():
        figure = figures.event_study(rows, LABELS)
    shown = texts(figure).replace("\n", "")
    assert "年份" in shown and "相对时间" not in shown and "基期：2015年" in shown
    low, high = figure.axes[0].get_xlim()
    assert 2012 < low < high < 2020


def test_many_estimators_get_a_panel_each() -> None:
    one = small.event_study().query("not is_observed_only and estimator == 'callaway_santanna'")
    names = ("twfe_event_study", "callaway_santanna", "sun_abraham", "imputation", "stacked")
    rows = pd.concat([one.assign(estimator=name, column_no=n) for n, name in enumerate(names, 1)])
    # One city alone: a point without a bar.
    rows.loc[rows.event_year == 3, ["std_error", "ci_low", "ci_high"]] = float("nan")
    with style.style():
        figure = figures.event_study(rows, LABELS)
        figure.draw_without_rendering()
    panels = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title() for axes in panels] == [ESTIMATORS[name][0] for name in names]
    assert all(axes.get_ylim() == panels[0].get_ylim() for axes in panels)
    shown = texts(figure).replace("\n", "")
    assert "灰线为" + ESTIMATORS[names[0]][0] in shown
    assert "没有竖线的点没有标准误" in shown


def test_leave_one_out_says_what_it_leaves_out() -> None:
    shown = texts(drawn("leave_one_out")).replace("\n", "")
    assert "仅显示最远离全样本的40个，共50个" in shown and "最小 0.120，最大 0.169，变号 0 次" in shown


def test_timing_line_and_colours() -> None:
    cells = pd.DataFrame(
        [
            ("1", "亳州", "Bozhou", year, "A" if year < 2017 else "I", 2016, False)
            for year in range(2014, 2019)
        ]
        + [("2", "漯河", "Luohe", year, None, None, False) for year in range(2014, 2019)],
        columns=[
            "region_code",
            "name_zh",
            "name_en",
            "year",
            "obs_status",
            "first_treated_year",
            "is_simulated",
        ],
    )
    with style.style():
        figure = figures.timing(
            cells, LABELS, column="gdp_log", rule_id="default", status_names={"A": "正常", "I": "插补"}
        )
    axes = figure.axes[0]
    step = next(line for line in axes.lines if line.get_linewidth() == 1.6)
    # Down the first city's row, then along its foot: the second city is never treated.
    assert list(step.get_xdata()) == [2015.5, 2015.5, 2018.5]
    assert list(step.get_ydata()) == [-0.5, 0.5, 0.5]
    grid = np.asarray(axes.images[0].get_array())
    assert grid.tolist() == [[1, 1, 1, 2, 2], [0, 0, 0, 0, 0]]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["亳州", "漯河"]
    assert "I 插补" in texts(figure)


def test_timing_of_many_regions_names_cohorts() -> None:
    cells = pd.DataFrame(
        [
            (f"{city:04}", "甲", "A", year, "A", (2015, 2018, None)[city % 3], True)
            for city in range(90)
            for year in range(2014, 2020)
        ],
        columns=[
            "region_code",
            "name_zh",
            "name_en",
            "year",
            "obs_status",
            "first_treated_year",
            "is_simulated",
        ],
    )
    figure = figures.timing(cells, LABELS, column="gdp_log", rule_id="default", status_names={})
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()] == [
        "2015 (30)",
        "2018 (30)",
        "无 (30)",
    ]
    assert "模拟数据" in texts(figure)


def test_treatments_of_different_units_share_no_axis() -> None:
    rows = small.regression().query("term == 'is_treated' and not is_observed_only")
    labels = Labels("zh", {}, {"zones": ("个数", "Zones", "个")})
    assert list(figures._by_outcome(rows, labels)) == ["gdp_log"]
    mixed = pd.concat([rows, rows.assign(term="zones_count")])
    groups = figures._by_outcome(mixed, labels)
    assert list(groups) == ["gdp_log_is_treated", "gdp_log_zones_count"]
    assert [len(group) for group in groups.values()] == [len(rows), len(rows)]


def test_specification_curve_leaves_out_variants_that_say_nothing() -> None:
    rows = small.regression()
    rows = rows[rows["term"] == "is_treated"].assign(has_controls=lambda frame: frame["column_no"] == 2)
    same = rows.assign(
        estimate=lambda frame: frame.groupby(["table_no", "column_no"])["estimate"].transform("first")
    )
    with style.style():
        assert "仅已观测单元" in texts(figures.specification_curve(rows, LABELS))
        figure = figures.specification_curve(same, LABELS)
    assert "仅已观测单元" not in texts(figure)
    marks = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
    estimates = np.sort(np.concatenate([np.asarray(line.get_ydata(), dtype=float) for line in marks]))
    assert estimates == pytest.approx([-0.0456, 0.08, 0.1234, 0.16])
    with pytest.raises(Awaiting, match="fewer than two"):
        figures.specification_curve(rows.head(1), LABELS)


@pytest.mark.parametrize(
    "make",
    [
        partial(figures.event_study, small.event_study().head(0), LABELS),
        partial(figures.placebo, small.placebo().head(0), small.placebo_summary(), LABELS),
        partial(figures.bacon, small.bacon().head(0), LABELS),
        partial(figures.leave_one_out, small.leave_one_out().head(0), LABELS),
        partial(figures.cohorts, small.att().head(0), LABELS),
        partial(figures.estimators, small.regression().head(1), LABELS),
    ],
)
def test_no_rows_no_picture(make: style.Builder, tmp_path: Path) -> None:
    with pytest.raises(Awaiting, match="awaiting data"):
        style.save(make, tmp_path, "empty", dpi=80)
    assert not list(tmp_path.iterdir())


def test_the_driver_makes_every_kind(small_file: Path, tmp_path: Path) -> None:
    project = Project(small_file, small_file, small_file)
    outcome = write_figures(project, FigureOptions(small.STUDY, dpi=72, out=tmp_path), lambda *_: None)
    assert outcome.skipped == ()
    assert {path.name for path in outcome.written} == {
        f"{small.STUDY}_{name}_zh.{suffix}"
        for name in (
            "event_study_gdp_log", "placebo_T1_1_cohort", "bacon_T1_1", "timing_gdp_log", "specification_gdp_log",
            "leave_one_out_T1_1_province", "cohorts_gdp_log", "estimators_gdp_log",
        )
        for suffix in style.FORMATS
    }  # fmt: skip
    assert all(path.stat().st_size > 2000 for path in outcome.written)


def test_an_absent_table_is_said(small_file: Path, tmp_path: Path) -> None:
    frames = small.tables()
    for name in ("estimates.placebo", "estimates.bacon"):
        del frames[name]
    small.write_file(tmp_path / "cbec.duckdb", frames)
    project = Project(tmp_path, tmp_path, tmp_path)
    for kind in ("placebo", "bacon"):
        outcome = write_figures(project, FigureOptions(small.STUDY, figure=kind), lambda *_: None)
        assert outcome.written == ()
        assert outcome.skipped == (f"{kind}: awaiting data: estimates.{kind} is not there",)


def test_lines_break_within_the_width() -> None:
    wrapped = style.wrapped_text(
        "注：" + "虚假系数的核密度，" * 20 + "and a sentence of English words " * 3, 60
    )
    assert all(style._width(line) <= 62 for line in wrapped.splitlines())
    assert not re.search(r"\n[，。；]", wrapped)
    assert wrapped.replace("\n", "").replace(" ", "") == (
        "注：" + "虚假系数的核密度，" * 20 + "andasentenceofEnglishwords" * 3
    )


def test_machine_names_become_words() -> None:
    assert scheme_words("cohort within province_code", "zh") == "批次置换，省内"
    assert scheme_words("cohort within province_code", "en") == "cohort permutation, within provinces"
    assert scheme_words("mixed", "zh") == "混合"
    assert sample_words("cities_2010_2023", "zh") == "城市 2010–2023"
    assert sample_words("provinces_without_tibet_2013_2022", "en") == "provinces without Tibet 2013–2022"
    assert sample_words("mine", "en") == "mine"
    lagged = LABELS.variable("L1.is_treated")
    assert LABELS.variable("is_treated") in lagged and lagged.endswith("（滞后1期）")


def test_cohorts_end_with_their_average() -> None:
    rows = small.att()
    rows = rows[rows["aggregation"] == "group"]
    average = rows.head(1).assign(group_label=None)
    figure = figures.cohorts(pd.concat([average, rows]), LABELS)
    labels = [tick.get_text() for tick in figure.axes[0].get_xticklabels()]
    assert labels[-1] == "平均" and labels[:-1] == sorted(rows["group_label"].unique())
