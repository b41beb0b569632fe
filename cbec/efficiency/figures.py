"""Figures of efficiency and productivity: one frontier with slacks, cumulative index, decomposition.

Plain functions from data frames to matplotlib figures. Labels in English or Chinese; figures of
simulated data say so in their title. `save_figure` writes PNG, SVG and PDF, the same bytes for
the same figure.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from cbec.common.fonts import chinese_font

Float = NDArray[np.float64]
Language = Literal["en", "zh"]

# Okabe and Ito (2008): told apart by colour-blind readers.
BLUE, ORANGE, GREEN, GREY, DARK = "#0072B2", "#E69F00", "#009E73", "#B8B8B8", "#222222"
REGIONS = {"east": (BLUE, "o"), "central": (ORANGE, "s"), "west": (GREEN, "^")}
TEXT: dict[str, dict[str, str]] = {
    "en": {
        "east": "East", "central": "Central", "west": "West", "simulated": "simulated data",
        "cumulative": "Green productivity since {year}, median of cities",
        "cumulative_axis": "Cumulative index ({year} = 1)",
        "decomposition": "Where productivity change comes from",
        "decomposition_axis": "Mean change on the year before, log points × 100",
        "efficiency_change": "Efficiency change", "technical_change": "Technical change",
        "index": "Productivity", "frontier": "{unit}, {year}: distance to the frontier",
        "per": "{variable} per unit of {good}", "hull": "Frontier of this projection",
        "others": "Other regions", "target": "Target", "slack": "Slack",
    },
    "zh": {
        "east": "东部", "central": "中部", "west": "西部", "simulated": "模拟数据",
        "cumulative": "{year}年以来绿色全要素生产率：城市中位数",
        "cumulative_axis": "累积指数（{year}年=1）",
        "decomposition": "生产率变化的来源",
        "decomposition_axis": "比上年平均变化（对数点×100）",
        "efficiency_change": "效率变化", "technical_change": "技术变化", "index": "生产率",
        "frontier": "{unit}{year}年：与前沿的距离", "per": "单位{good}的{variable}",
        "hull": "该投影的前沿", "others": "其他地区", "target": "目标点", "slack": "松弛",
    },
}  # fmt: skip


def cumulative_figure(
    frame: pd.DataFrame, *, language: Language = "en", is_simulated: bool = False
) -> Figure:
    """Median cumulative index by region and year.

    frame: one row per region-year with year, region3 (east, central, west), cumulative_index (1 in the first
    year). Raises ValueError without such rows, CbecError for Chinese without a font.
    """
    known = _given(frame, ["year", "region3", "cumulative_index"])
    known = known[known["region3"].isin(REGIONS)]
    median = known.groupby(["year", "region3"])["cumulative_index"].median().unstack()
    first = int(median.index.min())
    figure, axes, say = _start(language, "cumulative", is_simulated, year=first)
    ends: list[tuple[float, str, str]] = []
    for name, (colour, marker) in REGIONS.items():
        if name in median:
            axes.plot(
                median.index, median[name], color=colour, marker=marker, markersize=4, linewidth=1.8,
                clip_on=False,
            )  # fmt: skip
            ends.append((float(median[name].dropna().iloc[-1]), say[name], colour))
    axes.axhline(1, color=GREY, linewidth=0.8, zorder=0)
    _label_ends(axes, int(median.index.max()), ends)
    axes.set_ylabel(say["cumulative_axis"].format(year=first))
    _years(axes)
    return _finished(figure, language)


def decomposition_figure(
    frame: pd.DataFrame, *, language: Language = "en", is_simulated: bool = False
) -> Figure:
    """Efficiency and technical change by year, as means of logs, so that the bars add up to the index.

    frame: one row per region-year with year, index, efficiency_change, technical_change, all ratios.
    Raises ValueError without such rows, CbecError for Chinese without a font.
    """
    parts = ["efficiency_change", "technical_change"]
    known = _given(frame, ["year", "index", *parts])
    known = known[(known[["index", *parts]] > 0).all(axis=1)]
    logs = known[["year"]].assign(**{name: 100 * np.log(known[name]) for name in ("index", *parts)})
    mean = logs.groupby("year").mean()
    figure, axes, say = _start(language, "decomposition", is_simulated)
    above, below = np.zeros(len(mean)), np.zeros(len(mean))
    for name, colour in zip(parts, (ORANGE, BLUE), strict=True):
        height = mean[name].to_numpy()
        bottom = np.where(height >= 0, above, below)
        axes.bar(mean.index, height, bottom=bottom, color=colour, width=0.7, label=say[name])
        above, below = above + np.maximum(height, 0), below + np.minimum(height, 0)
    axes.plot(
        mean.index, mean["index"], color=DARK, marker="D", markersize=5, linestyle="none",
        markeredgecolor="white", label=say["index"],
    )  # fmt: skip
    axes.axhline(0, color=DARK, linewidth=0.8)
    axes.set_ylabel(say["decomposition_axis"])
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=3, frameon=False)
    _years(axes)
    return _finished(figure, language)


def frontier_figure(
    frame: pd.DataFrame,
    unit: str,
    *,
    x: str,
    y: str,
    good: str,
    labels: dict[str, str] | None = None,
    year: int | str = "",
    language: Language = "en",
    is_simulated: bool = False,
) -> Figure:
    """One region, its target and its slacks in the plane of two variables per unit of the good output.

    frame: one row per region of one year with unit, x, y, good and target_x, target_y, target_good under
    the names of the variables (the data beside EfficiencyResult.columns()). x and y are inputs or
    bad outputs. Under constant returns less of both is better, so the frontier of the projection is the lower
    left hull; a region efficient in other variables may lie off it. labels: names of variables and of the
    region to print.
    Raises ValueError when the region or its target is not there.
    """
    names = [x, y, good]
    known = _given(frame, ["unit", *names])
    own = known[known["unit"] == unit]
    if len(own) != 1 or own[[f"target_{name}" for name in names]].isna().to_numpy().any():
        raise ValueError(f"{unit!r} has no evaluated row; units: {sorted(known['unit'].unique())[:10]} ...")
    title = (labels or {}).get(unit, unit)
    figure, axes, say = _start(language, "frontier", is_simulated, unit=title, year=year)
    per = {name: known[name] / known[good] for name in (x, y)}
    row = own.iloc[0]
    here = (row[x] / row[good], row[y] / row[good])
    goal = (row[f"target_{x}"] / row[f"target_{good}"], row[f"target_{y}"] / row[f"target_{good}"])
    axes.scatter(per[x], per[y], s=12, color=GREY, linewidths=0, label=say["others"])
    hull = _lower_left_hull(per[x].to_numpy(dtype=float), per[y].to_numpy(dtype=float))
    axes.plot(hull[:, 0], hull[:, 1], color=BLUE, linewidth=1.8, label=say["hull"])
    axes.plot(
        *zip(here, (goal[0], here[1]), goal, strict=True), color=ORANGE, linewidth=1.6, label=say["slack"]
    )
    axes.scatter(*goal, s=55, marker="o", facecolors="white", edgecolors=ORANGE, linewidths=1.8, zorder=3,
                 label=say["target"])  # fmt: skip
    axes.scatter(*here, s=45, color=ORANGE, zorder=3)
    name = axes.annotate(title, here, xytext=(7, 5), textcoords="offset points", color=DARK)
    name.set_path_effects([withStroke(linewidth=3, foreground="white")])
    # A few odd regions would press all others into a corner.
    for values, place, limit in ((per[x], 0, axes.set_xlim), (per[y], 1, axes.set_ylim)):
        limit(0, 1.08 * max(float(np.quantile(values, 0.97)), here[place], goal[place]))
    named = {key: (labels or {}).get(key, key.replace("_", " ")) for key in names}
    axes.set_xlabel(say["per"].format(variable=named[x], good=named[good]))
    axes.set_ylabel(say["per"].format(variable=named[y], good=named[good]))
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=4, frameon=False)
    return _finished(figure, language)


def save_figure(figure: Figure, stem: Path) -> list[Path]:
    """Write stem.png, stem.svg and stem.pdf and return their paths; folders are made."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    paths = []
    # Neither a date nor a random id: the same figure gives the same bytes.
    with mpl.rc_context({"svg.hashsalt": "cbec", "svg.fonttype": "path", "pdf.fonttype": 42}):
        for kind, metadata in (
            ("png", {"Software": None}),
            ("svg", {"Date": None}),
            ("pdf", {"CreationDate": None}),
        ):
            path = stem.with_name(f"{stem.name}.{kind}")
            figure.savefig(path, dpi=200, metadata=metadata)
            paths.append(path)
    return paths


def _given(frame: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    absent = [name for name in columns if name not in frame]
    if absent:
        raise ValueError(f"the frame lacks {absent}; it has {list(frame.columns)}")
    known = frame.dropna(subset=columns)
    if known.empty:
        raise ValueError(f"no row has all of {columns}")
    return known


def _start(
    language: Language, title: str, is_simulated: bool, **fields: object
) -> tuple[Figure, Axes, dict[str, str]]:
    if language not in TEXT:
        raise ValueError(f"language must be one of {tuple(TEXT)}, got {language!r}")
    _font(language)
    say = TEXT[language]
    text = say[title].format(**fields)
    if is_simulated:
        text += f" ({say['simulated']})" if language == "en" else f"（{say['simulated']}）"
    figure = Figure(figsize=(7.2, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_title(text, loc="left", fontsize=12)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#E6E6E6", linewidth=0.7)
    axes.set_axisbelow(True)
    return figure, axes, say


def _font(language: Language) -> list[str]:
    """Families to draw with; DejaVu Sans comes with matplotlib and has the minus sign that SimHei lacks.
    Raises CbecError without a Chinese font."""
    return ["DejaVu Sans"] if language == "en" else [chinese_font().family, "DejaVu Sans"]


def _finished(figure: Figure, language: Language) -> Figure:
    """Set the family of every text, for ticks are made when the figure is drawn."""
    font = _font(language)
    for text in figure.findobj(Text):
        text.set_fontfamily(font)
    for axes in figure.axes:
        axes.tick_params(labelfontfamily=font)
    return figure


def _label_ends(axes: Axes, last_year: int, ends: list[tuple[float, str, str]]) -> None:
    """Names at the ends of the lines, pushed apart where they would overlap."""
    low, high = axes.get_ylim()
    room = 0.05 * (high - low)
    place = -np.inf
    for value, name, colour in sorted(ends):
        place = max(value, place + room)
        axes.annotate(
            name, (last_year, place), xytext=(8, 0), textcoords="offset points", va="center", color=colour,
            annotation_clip=False,
        )  # fmt: skip


def _years(axes: Axes) -> None:
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f}"))


def _lower_left_hull(x: Float, y: Float) -> Float:
    """Corners of the convex free-disposal frontier where less of both is better, and its ends."""
    order = np.lexsort((y, x))
    corners: list[tuple[float, float]] = []
    for k in order:
        point = (float(x[k]), float(y[k]))
        if corners and point[1] >= corners[-1][1]:
            continue
        while len(corners) >= 2 and _turn(corners[-2], corners[-1], point) <= 0:
            corners.pop()
        corners.append(point)
    far_x, far_y = float(x.max()), float(y.max())
    return np.array([(corners[0][0], far_y), *corners, (far_x, corners[-1][1])])


def _turn(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
