"""The charts of the pages, described by what they show and drawn by Vega-Lite in the browser."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd

Kind = Literal["line", "bar", "heat", "map", "interval", "histogram"]

# Distinct in hue and, mostly, in lightness; the first are used first.
SERIES = ("#1f5a96", "#c8501e", "#2f8f5b", "#7b4fa3", "#b08a00", "#5b5b5b", "#0f9fb5", "#b03a6f",
          "#6d8a1f", "#8c5a3c", "#30307f", "#d4813a", "#3f6f6f", "#a84a4a")  # fmt: skip
BATCHES = ("#08306b", "#1b62a5", "#4f9bcb", "#37a987", "#8cbf3f", "#e0b000", "#e07b1a", "#b3261e")
OUTLINE = "#c9ccd1"
# Half Chinese characters in a line of a title.
TITLE_WIDTH = 50
# Standard parallels and middle of an equal-area map of China, degrees.
PARALLELS, CENTRE = (25.0, 47.0), (105.0, 36.0)


@dataclass(frozen=True)
class Chart:
    """What is drawn. Fields are columns of `rows`.

    line: y over x, one line a `colour`, dots filled by `dot`. bar: horizontal bars of x by y in the order of
    the rows. heat: cells of x and y filled by `colour`. map: dots at x and y (kilometres) by `colour`.
    interval: x with its interval from `low` to `high` for each y, or upright when `upright`. histogram: bars
    from `low` to `high` of height y. palette, dot_palette: category -> colour, in the order of the legend;
    without a palette the colour is a share from 0 to 1. marks: lines across the x axis (of an upright
    interval and a histogram). pick: fields that a click gives back.
    """

    kind: Kind
    rows: pd.DataFrame
    x: str
    y: str
    title: str
    subtitle: str = ""
    x_title: str = ""
    y_title: str = ""
    colour: str = ""
    palette: Mapping[str, str] = field(default_factory=dict)
    dot: str = ""
    dot_palette: Mapping[str, str] = field(default_factory=dict)
    low: str = ""
    high: str = ""
    upright: bool = False
    marks: tuple[float, ...] = ()
    tooltip: tuple[tuple[str, str], ...] = ()
    pick: tuple[str, ...] = ()
    height: int = 320


def palette(names: list[str]) -> dict[str, str]:
    """A colour for each name, in order."""
    return {name: SERIES[number % len(SERIES)] for number, name in enumerate(names)}


def projected(longitude: pd.Series, latitude: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Albers equal-area conic coordinates in kilometres on the sphere (Snyder 1987, eq. 14-1 to 14-6)."""
    first, second = (np.radians(angle) for angle in PARALLELS)
    n = (np.sin(first) + np.sin(second)) / 2
    c = np.cos(first) ** 2 + 2 * n * np.sin(first)
    radius = 6371.0
    rho = radius * np.sqrt(c - 2 * n * np.sin(np.radians(latitude.to_numpy(float)))) / n
    rho_centre = radius * np.sqrt(c - 2 * n * np.sin(np.radians(CENTRE[1]))) / n
    theta = n * np.radians(longitude.to_numpy(float) - CENTRE[0])
    return rho * np.sin(theta), rho_centre - rho * np.cos(theta)


def vega(chart: Chart) -> dict[str, Any]:
    """The Vega-Lite specification without its data, which Streamlit sends as Arrow."""
    tooltip = [{"field": name, "title": title} for name, title in chart.tooltip]
    layers = _LAYERS[chart.kind](chart)
    for layer in layers:
        if tooltip and layer["mark"]["type"] in ("point", "bar", "rect"):
            layer["encoding"]["tooltip"] = tooltip
    if chart.pick:
        layers[-1]["params"] = [
            {"name": "pick", "select": {"type": "point", "fields": list(chart.pick), "toggle": False}}
        ]
    title: dict[str, Any] = {"text": _lines(chart.title), "anchor": "start", "fontSize": 13}
    if chart.subtitle:
        title |= {"subtitle": chart.subtitle, "subtitleFontSize": 12, "subtitlePadding": 4}
    # Streamlit fits everything into the height: what stands around the plot is added to it.
    spec: dict[str, Any] = {
        "title": title,
        "height": chart.height + _around(chart),
        # A picture taken of the chart ends where the chart does.
        "padding": {"left": 4, "right": 14, "top": 8, "bottom": 4},
        "layer": layers,
    }
    if chart.kind == "map":
        spec["projection"] = {"type": "identity", "reflectY": True}
    return spec


def _around(chart: Chart) -> int:
    """Height of title, axis and legends in pixels."""
    shown = [] if _names_itself(chart) else [name for name in chart.palette if name]
    legends = [names for names in (shown, list(chart.dot_palette)) if len(names) > 1]
    # Two legends stand side by side.
    rows = max((-(-len(names) // _columns(names)) for names in legends), default=2)
    return 64 + 16 * len(_lines(chart.title)) + 19 * rows + (0 if chart.kind == "map" else 20)


def _lines(text: str) -> list[str]:
    """A title in lines that fit on a phone; a Chinese character is as wide as two Latin ones."""
    lines, width = [""], 0
    for piece in re.findall(r"[\u2e80-\uffff]|[^\s\u2e80-\uffff]+\s*|\s+", text):
        size = sum(2 if ord(letter) > 0x2E7F else 1 for letter in piece)
        if width + size > TITLE_WIDTH and lines[-1] and piece not in "，。；：、）":
            lines, width = [*lines, ""], 0
        lines[-1] += piece
        width += size
    return lines


def _names_itself(chart: Chart) -> bool:
    """Whether the rows of a chart are named at its side, so that a legend would say it again."""
    return chart.kind == "interval" and not chart.upright


def _columns(names: Iterable[str]) -> int:
    """Columns of a legend that fit below a chart on a phone."""
    widest = max((sum(2 if ord(letter) > 0x2E7F else 1 for letter in name) for name in names), default=1)
    return 4 if widest <= 8 else 2 if widest <= 20 else 1


def _legend(names: Iterable[str]) -> dict[str, Any]:
    return {
        "orient": "bottom", "columns": _columns(names), "labelLimit": 300, "title": None,
        "symbolType": "circle",
    }  # fmt: skip


def _colour(chart: Chart) -> dict[str, Any]:
    if not chart.palette:
        return {
            "field": chart.colour, "type": "quantitative",
            "scale": {"domain": [0, 1], "range": ["#f3e9dc", "#2f8f5b"]},
            "legend": {"orient": "bottom", "title": None, "format": "%", "gradientLength": 140},
        }  # fmt: skip
    present = {name: colour for name, colour in chart.palette.items() if name}
    return {
        "field": chart.colour,
        "type": "nominal",
        "scale": {"domain": list(chart.palette), "range": list(chart.palette.values())},
        "legend": {**_legend(present), "values": list(present)}
        if (len(present) > 1 or chart.kind == "heat") and not _names_itself(chart)
        else None,
    }


def _years(name: str, title: str) -> dict[str, Any]:
    return {
        "field": name, "type": "quantitative", "scale": {"zero": False, "nice": False},
        "axis": {"title": title, "format": "d", "tickMinStep": 1, "grid": False},
    }  # fmt: skip


def _line(chart: Chart) -> list[dict[str, Any]]:
    y = {
        "field": chart.y, "type": "quantitative", "scale": {"zero": False},
        "axis": {"title": chart.y_title or None},
    }  # fmt: skip
    x = _years(chart.x, chart.x_title)
    dots: dict[str, Any] = {"x": x, "y": y}
    if chart.dot:
        dots["fill"] = {
            "field": chart.dot,
            "type": "nominal",
            "scale": {"domain": list(chart.dot_palette), "range": list(chart.dot_palette.values())},
            "legend": _legend(chart.dot_palette) if len(chart.dot_palette) > 1 else None,
        }
        dots["stroke"] = {**_colour(chart), "legend": None}
    else:
        dots["fill"] = {**_colour(chart), "legend": None}
    return [
        {"mark": {"type": "line", "strokeWidth": 1.8}, "encoding": {"x": x, "y": y, "color": _colour(chart)}},
        {
            "mark": {
                "type": "point",
                "size": 60 if chart.dot else 25,
                "opacity": 1,
                "strokeWidth": 1.2 if chart.dot else 0,
                "cursor": "pointer" if chart.pick else "default",
            },
            "encoding": dots,
        },
    ]


def _names_axis(title: str) -> dict[str, Any]:
    return {
        "title": title or None, "labelLimit": 170, "labelOverlap": False, "labelFlush": False,
        "labelBound": False, "domain": False, "ticks": False,
    }  # fmt: skip


def _bar(chart: Chart) -> list[dict[str, Any]]:
    colour = _colour(chart) if chart.colour else {"value": SERIES[0]}
    return [
        {
            "mark": {"type": "bar", "height": {"band": 0.72}, "stroke": "#9a9a9a", "strokeWidth": 0.4},
            "encoding": {
                "y": {
                    "field": chart.y,
                    "type": "nominal",
                    "sort": None,
                    "axis": _names_axis(chart.y_title),
                },
                "x": {
                    "field": chart.x,
                    "type": "quantitative",
                    "axis": {"title": chart.x_title, "tickCount": 5},
                },
                "color": colour,
            },
        }
    ]


def _heat(chart: Chart) -> list[dict[str, Any]]:
    return [
        {
            "mark": {"type": "rect", "stroke": "white", "strokeWidth": 0.5},
            "encoding": {
                "x": {
                    "field": chart.x,
                    "type": "ordinal",
                    "axis": {"title": chart.x_title, "labelOverlap": True},
                },
                "y": {
                    "field": chart.y,
                    "type": "nominal",
                    "sort": None,
                    "axis": _names_axis(chart.y_title),
                },
                "color": _colour(chart),
            },
        }
    ]


def _map(chart: Chart) -> list[dict[str, Any]]:
    place = {
        "longitude": {"field": chart.x, "type": "quantitative"},
        "latitude": {"field": chart.y, "type": "quantitative"},
        "color": _colour(chart),
    }
    return [
        {
            "transform": [{"filter": f"datum['{chart.colour}'] === ''"}],
            "mark": {"type": "point", "filled": True, "size": 12, "opacity": 1},
            "encoding": dict(place),
        },
        {
            "transform": [{"filter": f"datum['{chart.colour}'] !== ''"}],
            "mark": {"type": "point", "filled": True, "size": 60, "opacity": 0.95, "cursor": "pointer"},
            "encoding": dict(place),
        },
    ]


def _interval(chart: Chart) -> list[dict[str, Any]]:
    values = {
        "type": "quantitative", "scale": {"zero": True},
        "axis": {"title": chart.y_title if chart.upright else chart.x_title, "tickCount": 6},
    }  # fmt: skip
    if chart.upright:
        across: dict[str, Any] = _years(chart.x, chart.x_title)
        along, low_high = ("x", "y"), (chart.low, chart.high, chart.y)
    else:
        across = {
            "field": chart.y,
            "type": "nominal",
            "sort": None,
            "axis": {**_names_axis(chart.y_title), "grid": True},
        }
        along, low_high = ("y", "x"), (chart.low, chart.high, chart.x)
    low, high, point = low_high
    colour = _colour(chart)
    zero = {"mark": {"type": "rule", "color": "#333333"}, "encoding": {along[1]: {"datum": 0}}}
    return [
        zero,
        *(
            {
                "mark": {"type": "rule", "color": "#777777", "strokeDash": [4, 3]},
                "encoding": {along[0]: {"datum": mark}},
            }
            for mark in chart.marks
        ),
        {
            "mark": {"type": "rule", "strokeWidth": 1.5},
            "encoding": {
                along[0]: across,
                along[1]: {"field": low, **values},
                f"{along[1]}2": {"field": high},
                "color": colour,
            },
        },
        {
            "mark": {
                "type": "point",
                "filled": True,
                "size": 55,
                "opacity": 1,
                "cursor": "pointer" if chart.pick else "default",
            },
            "encoding": {along[0]: across, along[1]: {"field": point, **values}, "color": colour},
        },
    ]


def _histogram(chart: Chart) -> list[dict[str, Any]]:
    return [
        {
            "mark": {"type": "bar", "color": "#9fb6cc"},
            "encoding": {
                "x": {
                    "field": chart.low,
                    "type": "quantitative",
                    "bin": {"binned": True},
                    "axis": {"title": chart.x_title, "tickCount": 6},
                },
                "x2": {"field": chart.high},
                "y": {"field": chart.y, "type": "quantitative", "axis": {"title": chart.y_title}},
            },
        },
        *(
            {
                "mark": {"type": "rule", "color": "#c8501e", "strokeWidth": 2, "strokeDash": [6, 3]},
                "encoding": {"x": {"datum": mark}},
            }
            for mark in chart.marks
        ),
    ]


_LAYERS = {
    "line": _line,
    "bar": _bar,
    "heat": _heat,
    "map": _map,
    "interval": _interval,
    "histogram": _histogram,
}
