"""Paths of productivity and their parts: right numbers, both languages, the same bytes for the same data."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from cbec.common.words import Labels
from cbec.project import Project
from cbec.report import style
from cbec.report.command import FigureOptions, write_figures
from cbec.report.frames import Awaiting, Source
from cbec.report.productivity_figures import cumulative, decomposition

# Definitions on print that the study of green productivity estimates with.
PRINTED = ("green_tfp_no_capital", "green_tfp_print_capital", "green_tfp_declared_capital")


def panel(*, is_simulated: bool = False) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    places = [
        (year, region) for year in range(2011, 2016) for region in ("east", "central") for _ in range(5)
    ]
    frame = pd.DataFrame(places, columns=["year", "region3"])
    frame["efficiency_change"] = np.exp(rng.normal(0, 0.02, len(frame)))
    frame["technical_change"] = np.exp(rng.normal(0.02, 0.02, len(frame)))
    frame["index"] = frame["efficiency_change"] * frame["technical_change"]
    frame["cumulative_index"] = 1 + 0.02 * (frame["year"] - 2010) + rng.normal(0, 0.001, len(frame))
    return frame.assign(base_year=2010, outcome="green_tfp_cumulative", is_simulated=is_simulated)


def title(figure: Figure) -> str:
    assert figure._suptitle is not None
    return figure._suptitle.get_text()


def test_lines_are_medians_that_begin_at_one() -> None:
    rows = panel()
    axes = cumulative(rows, Labels("en")).axes[0]
    lines = {line.get_label(): np.asarray(line.get_xydata()) for line in axes.lines}
    for region, name in (("east", "East"), ("central", "Central")):
        assert lines[name][0].tolist() == [2010, 1]
        expected = rows[rows["region3"] == region].groupby("year")["cumulative_index"].median()
        assert lines[name][1:, 1] == pytest.approx(expected.to_numpy())
    assert "West" not in lines


def test_bars_add_up_to_the_index() -> None:
    rows = panel()
    rows.loc[0, "index"] = np.nan
    axes = decomposition(rows, Labels("en")).axes[0]
    heights = np.array([[bar.get_height() for bar in bars] for bars in axes.containers])
    markers = next(line for line in axes.lines if line.get_label() == "Change of productivity")
    assert heights.sum(axis=0) == pytest.approx(np.asarray(markers.get_ydata()))
    expected = 100 * np.log(rows["index"]).groupby(rows["year"]).mean()
    assert np.asarray(markers.get_ydata()) == pytest.approx(expected.to_numpy())


@pytest.mark.parametrize("make", [cumulative, decomposition])
def test_simulated_data_are_named_and_nothing_is_awaited(make: object) -> None:
    assert callable(make)
    assert title(make(panel(is_simulated=True), Labels("en"))).startswith("SIMULATED")
    assert "SIMULATED" not in title(make(panel(), Labels("en")))
    with pytest.raises(Awaiting, match=r"marts\.green_tfp has no"):
        make(panel().assign(cumulative_index=np.nan, index=np.nan), Labels("en"))


def test_the_same_figure_gives_the_same_bytes(tmp_path: Path) -> None:
    files = [
        style.save(partial(cumulative, panel(), Labels("zh")), tmp_path, stem, dpi=72) for stem in ("a", "b")
    ]
    assert [first.read_bytes() == again.read_bytes() for first, again in zip(*files, strict=True)] == [
        True
    ] * 3


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("kind", ["cumulative", "decomposition"])
def test_the_study_has_one_for_each_definition(warehouse: Path, tmp_path: Path, lang: str, kind: str) -> None:
    project = Project(warehouse, warehouse, warehouse)
    options = FigureOptions("green_tfp", figure=kind, lang=lang, dpi=72, out=tmp_path)
    outcome = write_figures(project, options, lambda *_: None)
    assert {path.name for path in outcome.written} == {
        f"green_tfp_{kind}_{columns}_{lang}.{suffix}" for columns in PRINTED for suffix in style.FORMATS
    }


def test_a_study_without_productivity_has_none(warehouse: Path, tmp_path: Path) -> None:
    with duckdb.connect(str(warehouse / "cbec.duckdb"), read_only=True) as connection:
        assert Source.of(connection, "city_trade").has("marts.green_tfp")
    project = Project(warehouse, warehouse, warehouse)
    outcome = write_figures(
        project, FigureOptions("city_trade", figure="cumulative", dpi=72, out=tmp_path), lambda *_: None
    )
    assert outcome.written == ()
    assert outcome.skipped == ("cumulative: study city_trade has no such figure",)
