"""Figures of a study: plain functions of frames, and one driver that reads the published file.

Every function gives a `Figure` in greys with different markers, so that a black-and-white print can be read.
They are called inside `style`, which sets the font.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from scipy.stats import gaussian_kde

from cbec.common.words import (
    COMPARISONS,
    ESTIMATORS,
    RULES,
    Labels,
    Lang,
    base_words,
    named,
    sample_words,
    say,
    scheme_words,
)
from cbec.estimators.specification import STAGGERED
from cbec.project import CbecError
from cbec.report import productivity_figures
from cbec.report.frames import Awaiting, Source
from cbec.report.notes import vcov_words
from cbec.report.style import (
    HOLLOW,
    LINE_WIDTH,
    MARKERS,
    SHADES,
    SMALL_PT,
    WIDTH,
    Builder,
    draw_note,
    draw_points,
    draw_title,
    legend_above,
    new_figure,
    shown_digits,
    spread_places,
    wrapped_text,
)
from cbec.report.table import MINUS, NO_ERROR, as_float, as_text

# More series than these hide each other: each gets a panel of its own.
MAX_OVERLAID = 4
GRID_COLUMNS = 3
# How a base period begins that is a year of the calendar.
CALENDAR = "calendar year"
# Light to dark: printed, suspect (blue), filled (orange); each differs from the next in grey as well.
STATUS_COLOURS = {
    "A": "#ebebeb", "G": "#dfe5ea", "N": "#d3dde6", "P": "#c6dbef", "U": "#b3d0e8", "V": "#9ecae1",
    "D": "#85bbdb", "W": "#79b5d9", "B": "#5a9fcf", "J": "#4a90c4", "S": "#4292c6",
    "E": "#f08a3c", "I": "#c44a00", "F": "#6b2002",
}  # fmt: skip
MISSING_COLOUR = "#ffffff"
# Above these numbers of rows names no longer fit.
NAMED_ROWS = 60
FOREST_ROWS = 40


def event_study(events: pd.DataFrame, labels: Labels) -> Figure:
    """Effects by event time of one outcome, one series an estimator, with 95 % intervals and sup-t bands.

    events: rows of estimates.event_study of one outcome, all cells; without the columns of bands none is
    drawn. Series are offset so that intervals do not hide each other; the number of cohorts stands below each
    year. Rows against a base of the calendar have calendar years on the axis and come alone. Raises Awaiting
    without rows.
    """
    lang = labels.lang
    _need(events, "estimates.event_study")
    bases_named = events["base_period"].dropna().astype(str)
    calendar = [int(text.split()[-1]) for text in bases_named if text.startswith(CALENDAR)]
    base = calendar[0] if calendar else -1
    series = sorted(events.groupby(["estimator", "table_no", "column_no"]), key=lambda item: item[0][1:])
    repeated = len({key[0] for key, _ in series}) < len(series)

    def name_of(key: tuple[Any, ...]) -> str:
        estimator, table_no, column_no = key
        name = named(ESTIMATORS, str(estimator), lang)
        return f"{name} {table_no}({column_no})" if repeated else name

    omitted = any(base not in set(rows["event_year"]) for _, rows in series)
    years = sorted({int(year) for year in events["event_year"]} | ({base} if omitted else set()))
    is_grid = len(series) > MAX_OVERLAID
    if is_grid:
        figure = _event_grid(events, series, [name_of(key) for key, _ in series], years, labels)
    else:
        figure, axes = new_figure(events, "event_study", labels, height=3.3)
        step = min(0.16, 0.6 / len(series))
        for place, (key, rows) in enumerate(series):
            shift = (place - (len(series) - 1) / 2) * step
            _event_points(axes, rows, place, shift, name_of(key), base)
        axes.set_xticks(years, _event_marks(events, years))
        axes.set_xlabel(say("axis_year" if calendar else "axis_event", lang))
        axes.set_ylabel(say("axis_coefficient", lang))
        if len(series) > 1:
            legend_above(axes)
    bases = sorted({base_words(text, lang) for text in bases_named})
    banded = [_has_band(rows) for _, rows in series]
    notes = [
        say("interval_note", lang),
        *([say("band_note", lang)] if any(banded) else []),
        *([say("no_band_note", lang)] if any(banded) and not all(banded) else []),
        say("grid_reference", lang, name=name_of(series[0][0])) if is_grid else say("cohorts_below", lang),
        *(say("base_none", lang, base=text) for text in bases),
        *([say("base_omitted", lang)] if omitted else []),
    ]
    if not ((events["ci_high"] - events["ci_low"]) >= 2 * NO_ERROR).all():
        notes.append(say("no_error_note", lang))
    if len(series) == 1:
        notes.insert(0, named(ESTIMATORS, str(series[0][0][0]), lang))
    draw_note(figure, notes, lang)
    return figure


def _event_points(
    axes: Axes, rows: pd.DataFrame, place: int, shift: float, name: str, base: int = -1
) -> None:
    rows = rows.sort_values("event_year")
    x = rows["event_year"].to_numpy(float) + shift
    if _has_band(rows):
        colour = SHADES[place % len(SHADES)]
        axes.vlines(x, rows["band_low"], rows["band_high"], color=colour, lw=0.8, ls=":", zorder=1.8)
    draw_points(axes, x, rows, place, name, joined=True)
    if base not in set(rows["event_year"]):
        axes.plot([base + shift], [0.0], "o", mfc="white", mec=SHADES[place % len(SHADES)], ms=4, zorder=4)
    axes.axhline(0.0, color="black", lw=0.6, zorder=1)
    axes.axvline(base + 0.5, color="#6e6e6e", lw=0.8, ls=(0, (4, 3)), zorder=1)


def _has_band(rows: pd.DataFrame) -> bool:
    """Whether a series has simultaneous bands."""
    return "band_low" in rows and bool(rows["band_low"].notna().any())


def _event_marks(events: pd.DataFrame, years: Sequence[int]) -> list[str]:
    """Event years with the number of contributing cohorts below."""
    counted = (
        events.dropna(subset=["n_cohorts"]).astype({"n_cohorts": int}).groupby("event_year")["n_cohorts"]
    )
    lows, highs = counted.min().to_dict(), counted.max().to_dict()
    marks = []
    for year in years:
        sign = f"{year}".replace("-", MINUS)
        if year in lows:
            low, high = lows[year], highs[year]
            marks.append(f"{sign}\n({low})" if low == high else f"{sign}\n({low}-{high})")
        else:
            marks.append(sign)
    return marks


def _event_grid(
    events: pd.DataFrame,
    series: Sequence[tuple[Any, pd.DataFrame]],
    names: Sequence[str],
    years: Sequence[int],
    labels: Labels,
) -> Figure:
    """A panel for each estimator on common axes, the first one in grey behind every other."""
    n_rows = math.ceil(len(series) / GRID_COLUMNS)
    figure = Figure(figsize=(WIDTH, 0.9 + 1.45 * n_rows), layout="constrained")
    grid = figure.subplots(n_rows, GRID_COLUMNS, sharex=True, sharey=True, squeeze=False)
    draw_title(grid[0, 0], events, "event_study", labels, str(events["outcome"].iloc[0]))
    first = series[0][1].sort_values("event_year")
    for place, axes in enumerate(grid.flat):
        if place >= len(series):
            axes.set_visible(False)
            # The panel above the hole is the lowest of its column.
            grid[n_rows - 2, place % GRID_COLUMNS].tick_params(labelbottom=True)
            continue
        if place:
            axes.plot(first["event_year"], first["estimate"], color="#b0b0b0", lw=1.2, zorder=1.5)
        _event_points(axes, series[place][1], 0, 0.0, names[place])
        axes.set_title(wrapped_text(names[place], LINE_WIDTH / GRID_COLUMNS), fontsize=SMALL_PT)
        axes.set_xticks(years[:: 1 if len(years) <= 10 else 2])
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0f}".replace("-", MINUS))
    figure.supylabel(say("axis_coefficient", labels.lang), fontsize=SMALL_PT)
    return figure


def placebo(draws: pd.DataFrame, summary: pd.DataFrame, labels: Labels) -> Figure:
    """Density of placebo estimates (left) and their p values (right) of one column and scheme.

    draws: rows of estimates.placebo; summary: the one row of estimates.placebo_summary. Raises Awaiting
    without rows, ValueError when all draws are equal, which has no density.
    """
    lang = labels.lang
    _need(draws, "estimates.placebo")
    _need(summary, "estimates.placebo_summary")
    line = summary.iloc[0]
    values = draws["estimate"].dropna().to_numpy(float)
    if values.size < 2 or np.ptp(values) == 0:
        raise ValueError("the placebo estimates are all equal: no density")
    true = float(line["estimate"])
    density = gaussian_kde(values)
    bandwidth = float(density.factor * values.std(ddof=1))
    figure, axes = new_figure(draws, "placebo", labels, height=3.3)
    span = max(np.ptp(values), abs(true) / 2)
    grid = np.linspace(min(values.min(), true) - 0.08 * span, max(values.max(), true) + 0.08 * span, 400)
    axes.plot(grid, density(grid), color="black", lw=1.2, label=say("density_of", lang), zorder=3)
    axes.axvline(true, color="black", ls=(0, (5, 3)), lw=0.9, zorder=2)
    axes.set_xlabel(say("axis_coefficient", lang))
    axes.set_ylabel(say("axis_density", lang))
    axes.set_ylim(0, float(density(grid).max()) * 1.08)
    right = axes.twinx()
    right.scatter(
        draws["estimate"], draws["p_value"], s=7, marker="o", facecolors="none", edgecolors="#8a8a8a",
        linewidths=0.5, label=say("p_of", lang), zorder=1, rasterized=len(draws) > 3000,
    )  # fmt: skip
    right.axhline(0.10, color="#6e6e6e", ls=(0, (2, 2)), lw=0.8)
    right.set_ylim(0, 1.08)
    right.spines["right"].set_visible(True)
    right.set_yticks([0, 0.1, 0.25, 0.5, 0.75, 1.0], ["0", "0.10", "0.25", "0.50", "0.75", "1"])
    right.set_ylabel(say("axis_p", lang))
    axes.set_zorder(right.get_zorder() + 1)
    axes.patch.set_visible(False)
    handles = [
        Line2D([], [], color="black", lw=1.2, label=say("density_of", lang)),
        Line2D([], [], ls="", marker="o", mfc="none", mec="#8a8a8a", ms=3, label=say("p_of", lang)),
        Line2D(
            [],
            [],
            color="black",
            ls=(0, (5, 3)),
            lw=0.9,
            label=f"{say('true_estimate', lang)} {shown_digits(true)}",
        ),
        Line2D([], [], color="#6e6e6e", ls=(0, (2, 2)), lw=0.8, label="p = 0.10"),
    ]
    legend_above(axes, handles)
    seed = line["seed"]
    note = say(
        "placebo_note", lang,
        scheme=scheme_words(str(line["scheme"]), lang), n_draws=f"{int(line['n_draws']):,}",
        seed=say("none", lang) if pd.isna(seed) else int(seed), bandwidth=shown_digits(bandwidth),
        p=f"{float(line['p_randomization']):.3f}",
    )  # fmt: skip
    extra = line.get("note")
    draw_note(
        figure, [note, *([] if extra is None or pd.isna(extra) else [labels.translate(str(extra))])], lang
    )
    return figure


def bacon(rows: pd.DataFrame, labels: Labels) -> Figure:
    """Weights and estimates of the two-by-two comparisons inside a two-way estimate (Goodman-Bacon 2021).

    rows: rows of estimates.bacon of one column. Raises Awaiting without rows.
    """
    lang = labels.lang
    _need(rows, "estimates.bacon")
    figure, axes = new_figure(rows, "bacon", labels, height=3.2)
    total = float(rows["weight"].sum())
    mean = float((rows["weight"] * rows["estimate"]).sum() / total)
    for place, (kind, group) in enumerate(rows.groupby("comparison_type", sort=True)):
        share = 100 * float(group["weight"].sum()) / total
        axes.plot(
            group["weight"], group["estimate"], ls="", marker=MARKERS[place % len(MARKERS)], ms=4.5,
            mfc="white" if HOLLOW[(place + 1) % len(HOLLOW)] or place == 1 else SHADES[place % len(SHADES)],
            mec=SHADES[place % len(SHADES)], mew=0.8,
            label=f"{named(COMPARISONS, str(kind), lang)} ({share:.1f}%)",
        )  # fmt: skip
    axes.axhline(0.0, color="black", lw=0.6)
    axes.axhline(mean, color="#6e6e6e", lw=0.9, ls=(0, (4, 3)))
    axes.set_xlim(left=0)
    axes.set_xlabel(say("axis_weight", lang))
    axes.set_ylabel(say("axis_coefficient", lang))
    legend_above(axes)
    is_forbidden = rows["comparison_type"].str.startswith("later vs ")
    forbidden = 100 * float(rows.loc[is_forbidden, "weight"].sum()) / total
    notes = [say("bacon_note", lang, mean=shown_digits(mean), share=f"{forbidden:.1f}")]
    draw_note(figure, [*notes, *_decomposed(rows.iloc[0], labels)], lang)
    return figure


def _decomposed(row: pd.Series, labels: Labels) -> list[str]:
    """Which regression is decomposed, beside the column's; nothing of a row that does not say."""
    if pd.isna(row.get("estimate_column")):
        return []
    both = say(
        "decomposed_rows", labels.lang, n=f"{int(row['n_obs']):,}", n_column=f"{int(row['n_obs_column']):,}",
        decomposed=shown_digits(float(row["estimate_decomposed"])),
        column=shown_digits(float(row["estimate_column"])),
    )  # fmt: skip
    note = row.get("note")
    return [both, *([] if note is None or pd.isna(note) else [labels.translate(str(note))])]


def timing(
    cells: pd.DataFrame, labels: Labels, *, column: str, rule_id: str, status_names: dict[str, str]
) -> Figure:
    """Regions by years, coloured by cell status, with a line where treatment begins.

    cells: `region_code, name_zh, name_en, year, obs_status, first_treated_year, is_simulated`, one row a
    region and year, obs_status None without a cell. Regions are sorted by first treated year, never
    treated last; above 60 of them the axis names cohorts and their size instead. Raises Awaiting without
    rows.
    """
    lang = labels.lang
    _need(cells, f"cells of {column}")
    order = (
        cells.drop_duplicates("region_code")
        .assign(first=lambda frame: frame["first_treated_year"].astype(float).fillna(math.inf))
        .sort_values(["first", "region_code"], ignore_index=True)
    )
    years = sorted(int(year) for year in cells["year"].unique())
    status_codes = [
        status_code for status_code in STATUS_COLOURS if status_code in set(cells["obs_status"].dropna())
    ]
    absent = sorted(set(cells["obs_status"].dropna()) - set(status_codes))
    code = {status_code: number for number, status_code in enumerate(status_codes, start=1)}
    grid = (
        cells.assign(code=cells["obs_status"].map(code).fillna(0))
        .pivot(index="region_code", columns="year", values="code")
        .reindex(index=order["region_code"], columns=years)
        .fillna(0)
        .to_numpy(float)
    )
    is_named = len(order) <= NAMED_ROWS
    height = min(8.6, 1.5 + (0.155 if is_named else 0.026) * len(order))
    figure, axes = new_figure(cells, "timing", labels, height=height, column=column)
    colours = [MISSING_COLOUR, *(STATUS_COLOURS[status_code] for status_code in status_codes)]
    axes.imshow(
        grid, aspect="auto", interpolation="nearest", cmap=ListedColormap(colours),
        norm=BoundaryNorm(np.arange(-0.5, len(colours)), len(colours)),
        extent=(years[0] - 0.5, years[-1] + 0.5, len(order) - 0.5, -0.5),
    )  # fmt: skip
    if is_named:
        # White lines between cells; with hundreds of rows they would be the picture.
        axes.hlines(np.arange(len(order) - 1) + 0.5, years[0] - 0.5, years[-1] + 0.5, color="white", lw=0.5)
        axes.vlines(np.array(years[:-1]) + 0.5, -0.5, len(order) - 0.5, color="white", lw=0.5)
        for row, year in np.argwhere(grid == 0):
            axes.plot(years[year], row, marker="x", color="#6e6e6e", ms=3.5, mew=0.8)
        axes.set_yticks(range(len(order)), [str(name) for name in order[f"name_{lang}"]])
    else:
        sizes = order.groupby("first", sort=True)["region_code"].agg(["size"])["size"]
        ends = sizes.cumsum()
        middles = ends - (sizes + 1) / 2
        names = [
            f"{say('none', lang) if math.isinf(first) else int(first)} ({size})"
            for first, size in zip([float(str(key)) for key in sizes.index], sizes, strict=True)
        ]
        keep = spread_places(middles.to_numpy(float), at_least=len(order) / (height - 1.5) * SMALL_PT / 72)
        axes.set_yticks(middles.to_numpy(float)[keep], [names[place] for place in keep])
        axes.set_ylabel(say("axis_cohort", lang))
    first_years = order["first"].to_numpy(float)
    # Treated before the years shown: at the left edge; after them or never: no line.
    shown = first_years[first_years <= years[-1]]
    edges_x = [x for first in shown for x in [max(first, years[0]) - 0.5] * 2]
    edges_y = [y for row in range(len(shown)) for y in (row - 0.5, row + 0.5)]
    if len(shown):
        edges_x.append(years[-1] + 0.5)
        edges_y.append(len(shown) - 0.5)
    axes.plot(edges_x, edges_y, color="black", lw=1.6, solid_joinstyle="miter")
    axes.set_xlim(years[0] - 0.5, years[-1] + 0.5)
    axes.set_xticks(years if len(years) <= 16 else years[:: math.ceil(len(years) / 16)])
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        # A frame, because a missing cell is as white as the page.
        spine.set(visible=True, color="#b0b0b0", linewidth=0.4)
    axes.set_xlabel(say("axis_year", lang))
    handles: list[Any] = [
        Patch(
            fc=STATUS_COLOURS[status_code],
            ec="#6e6e6e",
            lw=0.4,
            label=f"{status_code} {status_names.get(status_code, '')}",
        )
        for status_code in status_codes
    ]
    if (grid == 0).any():
        missing = (
            say("missing", lang)
            if not absent
            else say("list", lang).join(
                f"{status_code} {status_names.get(status_code, '').split('：')[0].split(':')[0]}"
                for status_code in absent
            )
        )
        if is_named:
            handles.append(Line2D([], [], ls="", marker="x", color="#6e6e6e", ms=3.5, label=missing))
        else:
            handles.append(Patch(fc=MISSING_COLOUR, ec="#6e6e6e", lw=0.4, label=missing))
    handles.append(Line2D([], [], color="black", lw=1.6, label=say("approval", lang)))
    legend_above(axes, handles)
    draw_note(figure, [say("timing_note", lang, n=len(order), rule=named(RULES, rule_id, lang))], lang)
    return figure


def specification_curve(rows: pd.DataFrame, labels: Labels) -> Figure:
    """Treatment coefficients of one outcome, sorted, above a grid of the choices behind each.

    rows: rows of estimates.regression of the treatment term, with `has_controls`; observed-only variants
    that equal the estimate on all cells are left out, because they add no information. Only choices that
    differ make rows of the grid; among them are the rows and units that each point uses, and whether units
    with a gap are. Raises Awaiting with fewer than two specifications.
    """
    lang = labels.lang
    on_all = rows[~rows["is_observed_only"].astype(bool)].set_index(["table_no", "column_no"])["estimate"]
    same = [
        bool(row["is_observed_only"])
        and math.isclose(on_all.get((row["table_no"], row["column_no"]), math.nan), row["estimate"])
        for row in rows.to_dict("records")
    ]
    rows = rows[~np.array(same, dtype=bool)].sort_values("estimate", ignore_index=True)
    if len(rows) < 2:
        raise Awaiting("fewer than two specifications of this outcome")
    rules = rows["treatment_rule"].fillna("").astype(str)
    choices = {
        "estimation": [named(ESTIMATORS, str(name), lang) for name in rows["estimator"]],
        "treatment_variable": [labels.variable(str(name)) for name in rows["term"]],
        "treatment_rule": [named(RULES, rule, lang) if rule else say("none", lang) for rule in rules],
        "controls": [say("yes" if flag else "no", lang) for flag in rows["has_controls"]],
        "vcov_row": [vcov_words(str(text), lang).removesuffix("的") for text in rows["vcov"]],
        "sample_row": [sample_words(str(name), lang) for name in rows["sample"]],
        "observed_row": [say("yes" if flag else "no", lang) for flag in rows["is_observed_only"]],
        "gaps_row": [
            say("gaps_kept" if keeps_gaps(row) else "gaps_dropped", lang) for row in rows.to_dict("records")
        ],
        "rows_row": [_rows_and_units(row) for row in rows.to_dict("records")],
    }
    lines: list[tuple[str, str, np.ndarray]] = []
    for key, values in choices.items():
        options = list(dict.fromkeys(values))
        if key == "rows_row":
            # The largest sample first, so that lines fall with what is left out.
            options.sort(key=lambda text: -int(text.split(" ")[0].replace(",", "")))
        if len(options) > 1:
            lines += [(key, option, np.array([value == option for value in values])) for option in options]
    height = 2.2 + 0.17 * len(lines)
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[2.0, max(0.17 * len(lines), 0.3)])
    draw_title(top, rows, "specification", labels, str(rows["outcome"].iloc[0]))
    x = np.arange(1, len(rows) + 1, dtype=float)
    is_clear = ((rows["ci_low"] > 0) | (rows["ci_high"] < 0)).to_numpy(bool)
    top.vlines(x, rows["ci_low"], rows["ci_high"], color="#8a8a8a", lw=0.9 if len(rows) < 80 else 0.4)
    size = 4.0 if len(rows) < 80 else 2.0
    estimates = rows["estimate"].to_numpy(float)
    top.plot(x[is_clear], estimates[is_clear], ls="", marker="o", color="black", ms=size)
    top.plot(x[~is_clear], estimates[~is_clear], ls="", marker="o", mfc="white", mec="black", ms=size)
    top.axhline(0.0, color="black", lw=0.6)
    top.set_ylabel(say("axis_coefficient", lang))
    top.tick_params(bottom=False)
    group = ""
    for place, (key, _, chosen) in enumerate(lines):
        if key != group and place:
            bottom.axhline(place - 0.5, color="#c8c8c8", lw=0.5)
        group = key
        bottom.plot(x, np.full(len(x), place), ls="", marker=".", ms=2, color="#d0d0d0")
        bottom.plot(
            x[chosen], np.full(int(chosen.sum()), place), ls="", marker="s", ms=size - 0.5, color="black"
        )
    titles = {key: say(key, lang) for key in choices}
    bottom.set_yticks(
        range(len(lines)),
        [f"{titles[key]}{'：' if lang == 'zh' else ': '}{option}" for key, option, _ in lines],
    )
    bottom.set_ylim(len(lines) - 0.5, -0.5)
    bottom.set_xlim(0.4, len(rows) + 0.6)
    bottom.set_xticks([])
    bottom.tick_params(length=0)
    for side in ("bottom", "left"):
        bottom.spines[side].set_visible(False)
    bottom.set_xlabel(say("axis_rank", lang))
    notes = [say("interval_note", lang), say("hollow_note", lang)]
    if any(key == "rows_row" for key, _, _ in lines):
        notes.append(say("rows_note", lang))
    draw_note(figure, notes, lang)
    return figure


def keeps_gaps(row: Mapping[Hashable, Any]) -> bool:
    """Whether units with a gap stay: least squares keeps them, an estimator for staggered adoption on request
    (`cbec.estimators.staggered.sample`)."""
    if str(row["estimator"]) not in STAGGERED:
        return True
    return "gaps keep" in as_text(row.get("options"))


def _rows_and_units(row: Mapping[Hashable, Any]) -> str:
    """`3,878 (277)`; without the units where they are not known."""
    units = as_float(row.get("n_units"))
    return f"{int(row['n_obs']):,}" + ("" if math.isnan(units) else f" ({int(units):,})")


def leave_one_out(rows: pd.DataFrame, labels: Labels) -> Figure:
    """Estimates without one batch, province or city at a time, with 95 % intervals.

    rows: rows of estimates.leave_one_out of one column and dimension. Above 40 rows only those farthest
    from the full estimate are drawn, and the note says so. Raises Awaiting without rows.
    """
    lang = labels.lang
    _need(rows, "estimates.leave_one_out")
    full = float(rows["full_estimate"].iloc[0])
    distance = (rows["estimate"] - full).abs()
    shown = rows.loc[distance.sort_values(ascending=False).index[:FOREST_ROWS]].sort_values("estimate")
    dimension = str(rows["dimension"].iloc[0])
    suffix = f" ({say(f'dim_{dimension}', lang)})"
    figure, axes = new_figure(rows, "leave_one_out", labels, height=1.3 + 0.155 * len(shown), suffix=suffix)
    y = np.arange(len(shown))
    axes.hlines(y, shown["ci_low"], shown["ci_high"], color="#8a8a8a", lw=0.9)
    axes.plot(shown["estimate"], y, ls="", marker="o", color="black", ms=3.5)
    axes.axvline(full, color="black", lw=0.8, ls=(0, (4, 3)))
    axes.axvline(0.0, color="black", lw=0.6)
    names = [
        str(row[f"name_{lang}"]) if pd.notna(row[f"name_{lang}"]) else str(row["left_out"])
        for row in shown.to_dict("records")
    ]
    axes.set_yticks(y, names)
    axes.set_ylim(-0.7, len(shown) - 0.3)
    axes.set_xlabel(say("axis_coefficient", lang))
    flips = int((np.sign(rows["estimate"]) != np.sign(full)).sum())
    notes = [
        say(
            "leave_note", lang, full=shown_digits(full), low=shown_digits(float(rows["estimate"].min())),
            high=shown_digits(float(rows["estimate"].max())), flips=flips,
        ),
        say("interval_note_h", lang),
    ]  # fmt: skip
    if len(shown) < len(rows):
        notes.append(say("leave_extreme", lang, shown=len(shown), total=len(rows)))
    draw_note(figure, notes, lang)
    return figure


def cohorts(rows: pd.DataFrame, labels: Labels) -> Figure:
    """Effects by cohort of one outcome, one series an estimator.

    rows: rows of estimates.att with aggregation `group`, all cells. Raises Awaiting without rows.
    """
    lang = labels.lang
    _need(rows, "estimates.att by cohort")
    figure, axes = new_figure(rows, "cohorts", labels, height=3.0)
    # Without a label: the average over cohorts of the same estimator.
    average = say("cohort_average", lang)
    rows = rows.assign(
        group_label=rows["group_label"].astype(object).where(rows["group_label"].notna(), average)
    )
    groups = sorted(
        {str(label) for label in rows["group_label"]}, key=lambda label: (label == average, label)
    )
    series = list(rows.groupby(["estimator", "table_no", "column_no"], sort=False))
    step = min(0.16, 0.6 / len(series))
    repeated = len({key[0] for key, _ in series}) < len(series)
    for place, ((estimator, table_no, column_no), of_series) in enumerate(series):
        name = named(ESTIMATORS, str(estimator), lang) + (f" {table_no}({column_no})" if repeated else "")
        x = np.array([groups.index(str(label)) for label in of_series["group_label"]], dtype=float)
        draw_points(axes, x + (place - (len(series) - 1) / 2) * step, of_series, place, name, joined=False)
    axes.axhline(0.0, color="black", lw=0.6, zorder=1)
    axes.set_xticks(range(len(groups)), groups)
    axes.set_xlim(-0.6, len(groups) - 0.4)
    axes.set_xlabel(say("axis_cohort", lang))
    axes.set_ylabel(say("axis_coefficient", lang))
    legend_above(axes)
    draw_note(figure, [say("interval_note", lang)], lang)
    return figure


def estimators(rows: pd.DataFrame, labels: Labels) -> Figure:
    """Estimates of one outcome by every estimator, with 95 % intervals and the rows that each uses.

    rows: `estimator, table_no, column_no, estimate, ci_low, ci_high, n_obs, outcome, is_simulated`. Raises
    Awaiting with fewer than two rows.
    """
    lang = labels.lang
    if len(rows) < 2:
        raise Awaiting("fewer than two estimates of this outcome")
    rows = rows.reset_index(drop=True)
    figure, axes = new_figure(rows, "estimators", labels, height=1.2 + 0.2 * len(rows))
    y = np.arange(len(rows))
    axes.hlines(y, rows["ci_low"], rows["ci_high"], color="#6e6e6e", lw=1.0)
    kinds = list(dict.fromkeys(rows["estimator"]))
    for place, kind in enumerate(kinds):
        chosen = (rows["estimator"] == kind).to_numpy()
        colour = SHADES[place % len(SHADES)]
        axes.plot(
            rows.loc[chosen, "estimate"], y[chosen], ls="", marker=MARKERS[place % len(MARKERS)], ms=4.5,
            mfc="white" if HOLLOW[place % len(HOLLOW)] else colour, mec=colour, zorder=3,
        )  # fmt: skip
    axes.axvline(0.0, color="black", lw=0.6)
    axes.set_yticks(
        y,
        [
            f"{named(ESTIMATORS, str(row['estimator']), lang)} {row['table_no']}({row['column_no']}),"
            f" N {int(row['n_obs']):,}"
            for row in rows.to_dict("records")
        ],
    )
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlabel(say("axis_coefficient", lang))
    draw_note(figure, [say("interval_note_h", lang)], lang)
    return figure


def figure_builders(source: Source, lang: Lang, *, only: str = "") -> tuple[dict[str, Builder], list[str]]:
    """Every figure that the study can have, by name, and a sentence for each kind whose data are not there.

    Raises CbecError (exit code 2) when the study has neither estimates nor figures of its own.
    """
    # It draws with the functions of this module.
    from cbec.report import tracker_figures

    own = tracker_figures.figure_builders(source, lang)
    try:
        readers = own | _readers(source, lang)
    except CbecError:
        # A study of printed figures alone has no regression; any other must.
        if not own:
            raise
        readers = own
    builders: dict[str, Builder] = {}
    skipped = [f"{only}: study {source.study_id} has no such figure"] if only and only not in readers else []
    for kind, read in readers.items():
        if only in ("", kind):
            try:
                builders.update(read())
            except Awaiting as reason:
                skipped.append(f"{kind}: {reason}")
    return builders, skipped


def _readers(source: Source, lang: Lang) -> dict[str, Callable[[], dict[str, Builder]]]:
    """Figures of estimates, by kind. Raises CbecError (exit code 2) when the study has none."""
    regression = source.regression()
    labels = source.labels(lang)
    return {
        "event_study": lambda: _event_studies(source, labels),
        "placebo": lambda: _placebos(source, labels),
        "bacon": lambda: {
            f"bacon_{table_no}_{column_no}": partial(bacon, rows, labels)
            for (table_no, column_no), rows in source.rows("estimates.bacon").groupby(
                ["table_no", "column_no"]
            )
        },
        "timing": lambda: _timings(source, labels, regression),
        "specification": lambda: {
            f"specification_{name}": partial(specification_curve, rows, labels)
            for name, rows in _by_outcome(_treatment_rows(source, regression), labels).items()
        },
        "leave_one_out": lambda: {
            f"leave_one_out_{table_no}_{column_no}_{dimension}": partial(leave_one_out, rows, labels)
            for (table_no, column_no, dimension), rows in source.rows("estimates.leave_one_out").groupby(
                ["table_no", "column_no", "dimension"]
            )
        },
        "cohorts": lambda: _cohorts(source, labels),
        "estimators": lambda: _estimators(source, labels, regression),
        **productivity_figures.figure_builders(source, labels),
    }


def _event_studies(source: Source, labels: Labels) -> dict[str, Builder]:
    events = source.rows("estimates.event_study")
    events = events[~events["is_observed_only"].astype(bool)]
    is_calendar = events["base_period"].fillna("").astype(str).str.startswith(CALENDAR)
    return {
        f"event_study_{outcome}{'_calendar' if calendar else ''}": partial(event_study, rows, labels)
        for (outcome, calendar), rows in events.groupby(["outcome", is_calendar], sort=False)
    }


def _placebos(source: Source, labels: Labels) -> dict[str, Builder]:
    draws, summary = source.rows("estimates.placebo"), source.rows("estimates.placebo_summary")
    keys = ["table_no", "column_no", "outcome", "scheme"]
    builders: dict[str, Builder] = {}
    for key, rows in draws.groupby(keys):
        line = summary[(summary[keys] == list(key)).all(axis=1)]
        builders[f"placebo_{key[0]}_{key[1]}_{key[3]}"] = partial(placebo, rows, line, labels)
    return builders


def _timings(source: Source, labels: Labels, regression: pd.DataFrame) -> dict[str, Builder]:
    timed = regression[regression["treatment_rule"].fillna("").astype(str) != ""]
    if timed.empty:
        raise Awaiting("no specification of this study has a treatment rule")
    builders: dict[str, Builder] = {}
    for outcome, rows in timed.groupby("outcome", sort=False):
        sample, rule = str(rows["sample"].iloc[0]), str(rows["treatment_rule"].iloc[0])
        builders[f"timing_{outcome}"] = partial(_timing, source, labels, str(outcome), sample, rule)
    return builders


def _timing(source: Source, labels: Labels, column: str, sample: str, rule: str) -> Figure:
    cells = source.cells(column, sample, rule)
    return timing(cells, labels, column=column, rule_id=rule, status_names=source.status_names(labels.lang))


def _treatment_rows(source: Source, regression: pd.DataFrame) -> pd.DataFrame:
    """The coefficient of the treatment of every column of every table, with `has_controls`."""
    spec = source.specification
    if spec.empty:
        raise Awaiting("studies.specification is not there")
    keys = ["table_no", "column_no"]
    wanted = spec[[*keys, "treatment", "controls"]].rename(columns={"treatment": "term"})
    wanted = wanted.assign(has_controls=wanted["controls"].fillna("").astype(str) != "").drop(
        columns="controls"
    )
    rows = regression.merge(wanted, on=[*keys, "term"], how="inner")
    if rows.empty:
        raise Awaiting("no treatment coefficient in estimates.regression")
    return rows


def _cohorts(source: Source, labels: Labels) -> dict[str, Builder]:
    rows = source.rows("estimates.att")
    rows = rows[(rows["aggregation"] == "group") & ~rows["is_observed_only"].astype(bool)]
    _need(rows, "estimates.att by cohort")
    return {
        f"cohorts_{outcome}": partial(cohorts, of_outcome, labels)
        for outcome, of_outcome in rows.groupby("outcome", sort=False)
    }


def _estimators(source: Source, labels: Labels, regression: pd.DataFrame) -> dict[str, Builder]:
    keys = ["table_no", "column_no", "estimator"]
    columns = [*keys, "outcome", "term", "estimate", "ci_low", "ci_high", "n_obs", "is_simulated"]
    main = _treatment_rows(source, regression)
    main = main[~main["is_observed_only"].astype(bool)][columns]
    att = source.rows_if_any("estimates.att")
    if len(att):
        att = att[(att["aggregation"] == "overall") & ~att["is_observed_only"].astype(bool)]
        # The staggered estimators have one treatment, the zone.
        att = att.assign(term="is_treated")[columns]
        # The same estimate may stand in both tables.
        main = pd.concat([main, att], ignore_index=True).drop_duplicates([*keys, "outcome"])
    return {
        f"estimators_{name}": partial(estimators, rows, labels)
        for name, rows in _by_outcome(main, labels).items()
        if len(rows) > 1
    }


def _by_outcome(rows: pd.DataFrame, labels: Labels) -> dict[str, pd.DataFrame]:
    """Rows of one outcome whose treatments have one unit: an index and a count share no axis."""
    units = rows["term"].map(lambda term: labels.unit(str(term)))
    groups = {
        (str(outcome), str(unit)): group
        for (outcome, unit), group in rows.groupby(["outcome", units], sort=False)
    }
    outcomes = [outcome for outcome, _ in groups]
    return {
        outcome if outcomes.count(outcome) == 1 else f"{outcome}_{group['term'].iloc[0]}": group
        for (outcome, _), group in groups.items()
    }


def _need(frame: pd.DataFrame, what: str) -> None:
    if frame.empty:
        raise Awaiting(f"{what} has no row")
