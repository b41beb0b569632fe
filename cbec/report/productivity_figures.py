"""Figures of green productivity: its path by region, and what its change is made of."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cbec.common.words import Labels, say
from cbec.report.frames import Awaiting, Source
from cbec.report.style import HOLLOW, MARKERS, SHADES, Builder, draw_note, legend_above, new_figure

REGIONS = ("east", "central", "west")
PARTS = ("efficiency_change", "technical_change")


def cumulative(rows: pd.DataFrame, labels: Labels) -> Figure:
    """Median of the cumulative index by region and year.

    rows: marts.green_tfp of one definition with region3 and outcome, the indicator of its cumulative index.
    The base year, in which the index is 1, is drawn too. Raises Awaiting without an index.
    """
    lang = labels.lang
    known = rows.dropna(subset=["cumulative_index"])
    if known.empty:
        raise Awaiting("marts.green_tfp has no cumulative index")
    figure, axes = new_figure(known, "cumulative", labels, height=3.0)
    base = int(known["base_year"].min())
    for place, region in enumerate(REGIONS):
        of_region = known[(known["region3"] == region) & (known["year"] > base)]
        if of_region.empty:
            continue
        median = of_region.groupby("year")["cumulative_index"].median()
        median = pd.concat([pd.Series([1.0], index=[base]), median])
        axes.plot(
            median.index, median, color=SHADES[place], marker=MARKERS[place], ms=4,
            mfc="white" if HOLLOW[place] else SHADES[place], label=say(f"region3_{region}", lang),
        )  # fmt: skip
    axes.axhline(1.0, color="black", lw=0.6, zorder=1)
    _years(axes, labels)
    axes.set_ylabel(say("axis_cumulative", lang, year=base))
    legend_above(axes)
    draw_note(figure, [say("cumulative_note", lang)], lang)
    return figure


def decomposition(rows: pd.DataFrame, labels: Labels) -> Figure:
    """Efficiency and technical change by year as means of logs, so that the bars add up to the index.

    rows: as for `cumulative`, with index, efficiency_change and technical_change as ratios to the year
    before. Raises Awaiting without rows that have all three.
    """
    lang = labels.lang
    known = rows[(rows[["index", *PARTS]] > 0).all(axis=1)]
    if known.empty:
        raise Awaiting("marts.green_tfp has no decomposed index")
    figure, axes = new_figure(known, "decomposition", labels, height=3.0)
    logs = pd.DataFrame({name: 100 * np.log(known[name]) for name in ("index", *PARTS)})
    mean = logs.groupby(known["year"]).mean()
    above, below = np.zeros(len(mean)), np.zeros(len(mean))
    for part, colour, hatch in zip(PARTS, ("#b3b3b3", "#ffffff"), ("", "////"), strict=True):
        height = mean[part].to_numpy(dtype=float)
        axes.bar(
            mean.index, height, bottom=np.where(height >= 0, above, below), width=0.7, color=colour,
            edgecolor="black", lw=0.6, hatch=hatch, label=say(part, lang),
        )  # fmt: skip
        above, below = above + np.maximum(height, 0), below + np.minimum(height, 0)
    axes.plot(
        mean.index, mean["index"], color="black", marker="D", ms=4, ls="", mec="white", mew=0.6,
        label=say("productivity_change", lang),
    )  # fmt: skip
    axes.axhline(0.0, color="black", lw=0.6)
    _years(axes, labels)
    axes.set_ylabel(say("axis_log_points", lang))
    legend_above(axes)
    draw_note(figure, [say("decomposition_note", lang)], lang)
    return figure


def figure_builders(source: Source, labels: Labels) -> dict[str, Callable[[], dict[str, Builder]]]:
    """Figures by kind, one for each definition of productivity that a column of the study names.

    No kind where it names none. They raise Awaiting where the file has no such index.
    """
    if not source.has("registry.technology"):
        return {}
    known = source.connection.execute(
        "select distinct panel_columns from registry.technology where panel_columns is not null order by 1"
    ).fetchall()
    cells = source.specification.reindex(columns=["outcome", "mediator", "controls"]).to_numpy().ravel()
    named = " ".join(map(str, cells))
    definitions = [
        name for (name,) in known if f"{name}_cumulative" in named or f"{name}_efficiency" in named
    ]
    if not definitions:
        return {}

    def made(kind: str, draw: Callable[[pd.DataFrame, Labels], Figure]) -> dict[str, Builder]:
        rows = _indices(source, definitions)
        return {
            f"{kind}_{name}": partial(draw, of_definition, labels)
            for name, of_definition in rows.groupby("panel_columns")
        }

    return {
        "cumulative": lambda: made("cumulative", cumulative),
        "decomposition": lambda: made("decomposition", decomposition),
    }


def _indices(source: Source, definitions: list[str]) -> pd.DataFrame:
    """Rows of marts.green_tfp of some definitions, with region3."""
    if not source.has("marts.green_tfp"):
        raise Awaiting("marts.green_tfp is not there")
    rows = source.connection.execute(
        """
        select technology.panel_columns, technology.panel_columns || '_cumulative' as outcome, measured.*,
            place.region3
        from marts.green_tfp as measured
        inner join registry.technology as technology using (technology)
        left join (
            select region_code, any_value(region3) as region3 from registry.region group by 1
        ) as place using (region_code)
        where technology.panel_columns in (select unnest(?))
        order by all
        """,
        [definitions],
    ).df()
    if rows.empty:
        raise Awaiting(f"marts.green_tfp has no row of {', '.join(definitions)}")
    return rows


def _years(axes: Axes, labels: Labels) -> None:
    axes.set_xlabel(say("axis_year", labels.lang))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
