"""A chart as PNG, set in the Chinese font of the project's figures."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterable, Mapping

from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from cbec.dashboard.charts import OUTLINE, SERIES, Chart
from cbec.report.figures import style

WIDTH, DPI = 7.2, 200
# matplotlib's settings belong to the process, and two people may ask at once.
_ONE_AT_A_TIME = threading.Lock()
_SHARES = LinearSegmentedColormap.from_list("share", ["#f3e9dc", "#2f8f5b"])


def png(chart: Chart) -> bytes:
    """The picture of a chart, 7.2 inches wide at 200 dots per inch."""
    with _ONE_AT_A_TIME, style():
        rows = chart.rows[chart.y].nunique() if chart.kind in ("bar", "heat") or _lies(chart) else 0
        figure = Figure(figsize=(WIDTH, 5.4 if chart.kind == "map" else max(3.6, 0.16 * rows + 1.4)))
        figure.set_layout_engine("constrained")
        axes = figure.subplots()
        _DRAW[chart.kind](chart, axes)
        title = f"{chart.title}\n{chart.subtitle}" if chart.subtitle else chart.title
        figure.suptitle(title, x=0.01, ha="left")
        if chart.kind != "map":
            axes.set_xlabel(chart.x_title)
            axes.set_ylabel(chart.y_title)
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=DPI, bbox_inches="tight")
        return file.getvalue()


def _lies(chart: Chart) -> bool:
    return chart.kind == "interval" and not chart.upright


def _groups(chart: Chart) -> Iterable[tuple[str, str]]:
    present = set(chart.rows[chart.colour]) if chart.colour else set()
    return ((name, colour) for name, colour in chart.palette.items() if name in present)


def _legend(axes: Axes, names: Mapping[str, str], *, marker: str = "o") -> None:
    if len(names) > 1:
        handles = [
            Line2D([], [], marker=marker, ls="", mfc=colour, mec="#555555", mew=0.4, label=name)
            for name, colour in names.items()
        ]
        figure = axes.figure
        assert isinstance(figure, Figure)
        figure.legend(handles=handles, loc="outside lower center", ncols=min(4, len(handles)))


def _draw_line(chart: Chart, axes: Axes) -> None:
    for name, colour in _groups(chart):
        rows = chart.rows[chart.rows[chart.colour] == name]
        axes.plot(rows[chart.x], rows[chart.y], color=colour, label=name)
        faces = rows[chart.dot].map(chart.dot_palette).fillna(OUTLINE) if chart.dot else colour
        axes.scatter(rows[chart.x], rows[chart.y], c=faces, edgecolors=colour, linewidths=0.8, s=16, zorder=3)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _legend(axes, dict(_groups(chart)) | dict(chart.dot_palette))


def _draw_bar(chart: Chart, axes: Axes) -> None:
    colours = chart.rows[chart.colour].map(chart.palette) if chart.colour else SERIES[0]
    axes.barh(chart.rows[chart.y].astype(str), chart.rows[chart.x], color=colours)
    axes.invert_yaxis()
    _legend(axes, dict(_groups(chart)))


def _draw_heat(chart: Chart, axes: Axes) -> None:
    columns = sorted(chart.rows[chart.x].unique())
    names = list(dict.fromkeys(chart.rows[chart.y]))
    across = {value: number for number, value in enumerate(columns)}
    down = {value: number for number, value in enumerate(names)}
    shades = chart.rows[chart.colour].map(chart.palette if chart.palette else _SHARES)
    axes.bar(
        chart.rows[chart.x].map(across), 1.0, width=1.0,
        bottom=chart.rows[chart.y].map(down).astype(float) - 0.5,
        color=list(shades), edgecolor="white", linewidth=0.3,
    )  # fmt: skip
    axes.set_xticks(range(len(columns)), [str(value) for value in columns], rotation=90)
    axes.set_yticks(range(len(names)), names)
    axes.set_xlim(-0.5, len(columns) - 0.5)
    axes.set_ylim(len(names) - 0.5, -0.5)
    _legend(axes, dict(_groups(chart)), marker="s")


def _draw_map(chart: Chart, axes: Axes) -> None:
    for name, colour in _groups(chart):
        rows = chart.rows[chart.rows[chart.colour] == name]
        axes.scatter(rows[chart.x], rows[chart.y], c=colour, s=24 if name else 5, zorder=2 if name else 1)
    axes.set_aspect("equal")
    axes.set_axis_off()
    _legend(axes, {name: colour for name, colour in _groups(chart) if name})


def _draw_interval(chart: Chart, axes: Axes) -> None:
    if not chart.upright:
        names = list(dict.fromkeys(chart.rows[chart.y]))
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(names) - 0.5, -0.5)
        place = chart.rows[chart.y].map({name: number for number, name in enumerate(names)})
    colours = [chart.palette[name] for name in chart.rows[chart.colour]]
    if chart.upright:
        axes.vlines(chart.rows[chart.x], chart.rows[chart.low], chart.rows[chart.high], colors=colours)
        axes.scatter(chart.rows[chart.x], chart.rows[chart.y], c=colours, s=14, zorder=3)
        axes.axhline(0, color="#333333", lw=0.6)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        for mark in chart.marks:
            axes.axvline(mark, color="#777777", ls="--", lw=0.8)
        _legend(axes, dict(_groups(chart)))
    else:
        axes.hlines(place, chart.rows[chart.low], chart.rows[chart.high], colors=colours)
        axes.scatter(chart.rows[chart.x], place, c=colours, s=14, zorder=3)
        axes.axvline(0, color="#333333", lw=0.6)


def _draw_histogram(chart: Chart, axes: Axes) -> None:
    width = chart.rows[chart.high] - chart.rows[chart.low]
    axes.bar(chart.rows[chart.low], chart.rows[chart.y], width=width, align="edge", color="#9fb6cc")
    for mark in chart.marks:
        axes.axvline(mark, color="#c8501e", ls="--")


_DRAW = {
    "line": _draw_line,
    "bar": _draw_bar,
    "heat": _draw_heat,
    "map": _draw_map,
    "interval": _draw_interval,
    "histogram": _draw_histogram,
}
