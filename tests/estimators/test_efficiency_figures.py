"""Figures say what they show, in both languages, and the same data give the same bytes."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from rich.console import Console

from bench.progress import progress_bar
from cbec.common.fonts import chinese_font
from cbec.efficiency.figures import (
    cumulative_figure,
    decomposition_figure,
    frontier_figure,
    save_figure,
)


def panel() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        [
            (year, region)
            for year in range(2011, 2016)
            for region in ("east", "central", "west")
            for _ in range(5)
        ],
        columns=["year", "region3"],
    )
    frame["efficiency_change"] = np.exp(rng.normal(0, 0.02, len(frame)))
    frame["technical_change"] = np.exp(rng.normal(0.02, 0.02, len(frame)))
    frame["index"] = frame["efficiency_change"] * frame["technical_change"]
    frame["cumulative_index"] = 1 + 0.02 * (frame["year"] - 2011)
    return frame


def cross_section() -> pd.DataFrame:
    frame = pd.DataFrame(
        {"unit": list("abcd"), "energy": [1.0, 2, 3, 3], "co2": [3.0, 1, 3, 0.9], "gdp": 1.0}
    )
    for name in ("energy", "co2", "gdp"):
        frame[f"target_{name}"] = frame[name]
    frame.loc[2, ["target_energy", "target_co2"]] = [1.5, 2.0]
    return frame


def drawn(language: str = "en", *, is_simulated: bool = False) -> list[Figure]:
    options: dict[str, object] = {"language": language, "is_simulated": is_simulated}
    return [
        cumulative_figure(panel(), **options),  # type: ignore[arg-type]
        decomposition_figure(panel(), **options),  # type: ignore[arg-type]
        frontier_figure(cross_section(), "c", x="energy", y="co2", good="gdp", year=2015, **options),  # type: ignore[arg-type]
    ]


def title(figure: Figure) -> str:
    return figure.axes[0].get_title(loc="left")


def test_simulated_data_are_named_in_every_title() -> None:
    assert all("simulated data" in title(figure) for figure in drawn(is_simulated=True))
    assert not any("simulated" in title(figure) for figure in drawn())


def test_bars_add_up_to_the_index() -> None:
    axes = decomposition_figure(panel()).axes[0]
    heights = np.array([[bar.get_height() for bar in container] for container in axes.containers])
    markers = next(line for line in axes.lines if line.get_label() == "Productivity")
    assert heights.sum(axis=0) == pytest.approx(np.asarray(markers.get_ydata()))


def test_the_slack_leads_from_the_region_to_its_target() -> None:
    axes = frontier_figure(cross_section(), "c", x="energy", y="co2", good="gdp").axes[0]
    lines = {line.get_label(): np.asarray(line.get_xydata()) for line in axes.lines}
    assert lines["Slack"].tolist() == [[3, 3], [1.5, 3], [1.5, 2]]
    assert lines["Frontier of this projection"].tolist() == [[1, 3], [1, 3], [2, 1], [3, 0.9], [3, 0.9]]
    with pytest.raises(ValueError, match="'z' has no evaluated row"):
        frontier_figure(cross_section(), "z", x="energy", y="co2", good="gdp")


def test_the_same_figure_gives_the_same_bytes(tmp_path: Path) -> None:
    first = save_figure(cumulative_figure(panel()), tmp_path / "a/figure")
    again = save_figure(cumulative_figure(panel()), tmp_path / "b/figure")
    assert [path.suffix for path in first] == [".png", ".svg", ".pdf"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]


def test_chinese_labels_are_set_in_the_font_of_every_figure(tmp_path: Path) -> None:
    for figure in drawn("zh", is_simulated=True):
        assert "模拟数据" in title(figure)
        families = {text.get_fontfamily()[0] for text in figure.findobj(Text)}
        assert families == {chinese_font().family}
        # A character without a glyph, such as the minus sign of an axis, would be drawn as a box.
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            save_figure(figure, tmp_path / "figure")


def test_a_frame_that_lacks_a_column_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="lacks \\['cumulative_index'\\]"):
        cumulative_figure(panel().drop(columns="cumulative_index"))
    with pytest.raises(ValueError, match="no row has all"):
        cumulative_figure(panel().assign(cumulative_index=np.nan))


def test_progress_is_quiet_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("work") as report:
        report(1, 2)
    captured = capsys.readouterr()
    assert captured.out + captured.err == ""


def test_progress_shows_a_rate_on_a_terminal() -> None:
    console = Console(force_terminal=True, width=100, record=True)
    with progress_bar("work", console=console) as report:
        for done in range(1, 4):
            report(done, 3)
    text = console.export_text()
    assert "work" in text
    assert "3/3" in text
