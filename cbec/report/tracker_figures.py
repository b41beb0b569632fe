"""Figures of the studies that rest on print alone: Suqian's path, national trade, the printed index."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cbec.common.words import PATHS, READINGS, REVISIONS, RULES, Lang, named, say
from cbec.report.frames import Awaiting, Source
from cbec.report.style import HOLLOW, MARKERS, SHADES, SMALL_PT, TITLE_PT, WIDTH, draw_note, legend_above
from cbec.report.table import MINUS

Builder = Callable[[], Figure]


def growth_path(rows: pd.DataFrame, lang: Lang) -> Figure:
    """Turnover of one city at three rates of growth, and its goal.

    rows: rows of marts.zone_growth_path of one city. Raises Awaiting without rows.
    """
    figure, axes = _start(rows, "marts.zone_growth_path", lang, "figure_growth_path", rows_name(rows, lang))
    for place, (scenario, line) in enumerate(rows.groupby("scenario", sort=True)):
        rate = float(line["growth_pct"].iloc[0])
        name = f"{named(PATHS, str(scenario), lang)} {rate:.1f}%"
        _line(axes, line["year"], line["turnover_100m_yuan"], place, name)
    goal, year = float(rows["goal_100m_yuan"].iloc[0]), int(rows["goal_year"].iloc[0])
    axes.axhline(goal, color="black", lw=0.6, ls=":")
    axes.plot(
        [year], [goal], marker="*", ms=11, color="black", ls="", label=say("goal", lang, year=year), zorder=4
    )
    # The fastest path would press the others flat; what matters stands below twice and a half the goal.
    axes.set_ylim(0, 2.5 * goal)
    axes.set_xlabel(say("axis_year", lang))
    axes.set_ylabel(say("axis_turnover", lang))
    first = rows.sort_values("year").iloc[0]
    return _finish(
        figure, axes, lang,
        say("path_note", lang, year=int(first["year"]), value=f"{float(first['turnover_100m_yuan']):.0f}"),
    )  # fmt: skip


def national_trade(rows: pd.DataFrame, lang: Lang) -> Figure:
    """Imports and exports of cross-border e-commerce by year, first prints and revisions as two series.

    rows: rows of marts.national_cbec_trade. Hollow: not confirmed in print. Raises Awaiting without rows.
    """
    rows = rows[(rows["series"] == "imports+exports") & ~rows["is_part_of_year"].astype(bool)]
    figure, axes = _start(rows, "marts.national_cbec_trade", lang, "figure_national_trade", "")
    for place, revision in enumerate(REVISIONS):
        line = rows[rows["revision"] == revision].sort_values("year")
        if line.empty:
            continue
        colour = SHADES[place]
        shape: dict[str, Any] = {"marker": MARKERS[place], "color": colour, "ms": 5}
        name = named(REVISIONS, revision, lang)
        # A year without a figure breaks the line.
        years = range(int(line["year"].min()), int(line["year"].max()) + 1)
        values = line.set_index("year")["value_trn_yuan"].reindex(years)
        axes.plot(values.index, values, ls="-", lw=0.6, label=name, **shape)
        unverified = line[~line["is_verified"].astype(bool)]
        axes.plot(unverified["year"], unverified["value_trn_yuan"], ls="", mfc="white", zorder=3, **shape)
    axes.set_ylim(bottom=0)
    axes.set_xlabel(say("axis_year", lang))
    axes.set_ylabel(say("axis_trade", lang))
    return _finish(figure, axes, lang, say("national_note", lang))


def printed_index(rows: pd.DataFrame, lang: Lang) -> Figure:
    """Event study of the printed index, one panel a reading, filled where the exact p is below 0.05.

    rows: rows of estimates.printed_index_effect of one rule. Raises Awaiting without rows.
    """
    events = rows[rows["event_year"].notna()]
    if events.empty:
        raise Awaiting("estimates.printed_index_effect has no row")
    readings = [name for name in READINGS if (events["reading"] == name).any()]
    figure = Figure(figsize=(WIDTH, 1.1 + 1.6 * len(readings)), layout="constrained")
    panels = figure.subplots(len(readings), 1, sharex=True, squeeze=False)[:, 0]
    rule = named(RULES, str(rows["rule_id"].iloc[0]), lang)
    figure.suptitle(_title(rows, say("figure_printed_index", lang), lang), fontsize=TITLE_PT)
    for axes, reading in zip(panels, readings, strict=True):
        line = events[events["reading"] == reading].sort_values("event_year")
        axes.axhline(0.0, color="black", lw=0.6)
        axes.axvline(-0.5, color="black", lw=0.6, ls=":")
        axes.vlines(
            line["event_year"], line["estimate"] - 1.96 * line["std_error"],
            line["estimate"] + 1.96 * line["std_error"], color="#9a9a9a", lw=0.8,
        )  # fmt: skip
        for is_rare, face in ((True, "black"), (False, "white")):
            part = line[(line["p_exact"] < 0.05) == is_rare]
            axes.plot(part["event_year"], part["estimate"], ls="", marker="o", ms=4.5, mfc=face, mec="black")
        average = rows[(rows["reading"] == reading) & (rows["estimator"] == "twfe")].iloc[0]
        axes.set_title(
            say(
                "reading_title", lang, reading=named(READINGS, reading, lang),
                effect=f"{average['estimate']:.4f}".replace("-", MINUS), p=f"{average['p_exact']:.2f}",
            ),
            fontsize=SMALL_PT,
        )  # fmt: skip
        axes.set_ylabel(say("axis_coefficient", lang))
    panels[-1].set_xlabel(say("axis_event", lang))
    n = int(rows["n_assignments"].iloc[0])
    draw_note(figure, [say("exact_note", lang, n=f"{n:,}", rule=rule)], lang)
    return figure


def rows_name(rows: pd.DataFrame, lang: Lang) -> str:
    """Name of the city of the rows; empty without rows."""
    return "" if rows.empty else str(rows["entity_zh" if lang == "zh" else "entity_en"].iloc[0])


def figure_builders(source: Source, lang: Lang) -> dict[str, Callable[[], dict[str, Builder]]]:
    """Readers of the figures that this study has besides those of its estimates, by kind."""
    if source.study_id == "suqian_benchmark":
        return {
            "growth_path": lambda: {
                f"growth_path_{code}": partial(growth_path, rows, lang)
                for code, rows in source.table("marts.zone_growth_path").groupby("region_code")
            },
            "national_trade": lambda: {
                "national_trade": partial(national_trade, source.table("marts.national_cbec_trade"), lang)
            },
        }
    if source.study_id == "yrd_malmquist":
        return {
            "printed_index": lambda: {
                f"printed_index_{rule}": partial(printed_index, rows, lang)
                for rule, rows in source.rows("estimates.printed_index_effect").groupby("rule_id")
                if rule in ("default", "first_five_next_year", "exposure")
            }
        }
    return {}


def _title(rows: pd.DataFrame, text: str, lang: Lang) -> str:
    simulated = "is_simulated" in rows and bool(rows["is_simulated"].any())
    return (say("simulated", lang) + "  " if simulated else "") + text


def _start(rows: pd.DataFrame, table: str, lang: Lang, key: str, name: str) -> tuple[Figure, Axes]:
    if rows.empty:
        raise Awaiting(f"{table} has no row")
    figure = Figure(figsize=(WIDTH, 3.2), layout="constrained")
    colon = ("：" if lang == "zh" else ": ") if name else ""
    figure.suptitle(_title(rows, f"{say(key, lang)}{colon}{name}", lang), fontsize=TITLE_PT)
    return figure, figure.subplots()


def _line(axes: Axes, x: pd.Series, y: pd.Series, place: int, name: str) -> None:
    axes.plot(
        x, y, ls="-", lw=0.8, color=SHADES[place], marker=MARKERS[place], ms=4,
        mfc="white" if HOLLOW[place] else SHADES[place], label=name,
    )  # fmt: skip


def _finish(figure: Figure, axes: Axes, lang: Lang, note: str) -> Figure:
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    legend_above(axes)
    draw_note(figure, [note], lang)
    return figure
