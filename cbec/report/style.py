"""How figures look: size, fonts, greys, legend, notes, and the files they are saved in."""

from __future__ import annotations

import contextlib
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cbec.common.files import replace_with
from cbec.common.fonts import chinese_font
from cbec.common.words import Labels, Lang, say
from cbec.report.table import MINUS

KINDS = (
    "event_study",
    "placebo",
    "bacon",
    "timing",
    "specification",
    "leave_one_out",
    "cohorts",
    "estimators",
    "cumulative",
    "decomposition",
    "growth_path",
    "national_trade",
    "printed_index",
)
# A figure of a paper is asked for by its number.
PAPER_FIGURES = ("F1", "F2", "F3")


FORMATS = ("png", "svg", "pdf")
# Inches: the width of a journal's text block, 14 cm; and half characters of 7.5 points in a line of it.
WIDTH = 5.6
LINE_WIDTH = 104.0
LATIN_FONT = "STIXGeneral"


TITLE_PT, LABEL_PT, SMALL_PT = 9.0, 8.0, 7.5


SHADES = ("#000000", "#6e6e6e", "#333333", "#9a9a9a", "#000000", "#6e6e6e")
MARKERS = ("o", "s", "^", "D", "v", "P")
# Filled markers first, hollow ones after, so that six series stay apart without colour.
HOLLOW = (False, False, True, False, True, True)
Builder = Callable[[], Figure]


@contextlib.contextmanager
def style() -> Iterator[None]:
    """Font, sizes and embedding for the figures made and saved inside; nothing stays set afterwards."""
    chinese = chinese_font()
    with matplotlib.rc_context(
        {
            # Latin letters and digits of a Times, which matplotlib brings; what it lacks comes from the next.
            "font.family": [LATIN_FONT, chinese.family],
            "font.size": LABEL_PT,
            "axes.titlesize": TITLE_PT,
            "axes.labelsize": LABEL_PT,
            "xtick.labelsize": SMALL_PT,
            "ytick.labelsize": SMALL_PT,
            "legend.fontsize": SMALL_PT,
            "legend.frameon": False,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.linewidth": 0.6,
            "xtick.major.width": 0.6,
            "ytick.major.width": 0.6,
            "lines.linewidth": 1.0,
            # Type 42 keeps the text of a PDF selectable and editable; journals refuse type 3, which is left
            # for a system font that cannot be anything else.
            "pdf.fonttype": 42 if chinese.is_truetype else 3,
            "ps.fonttype": 42,
            # A name or note with two dollar signs is no formula.
            "text.parse_math": False,
            # The same figure twice is the same file.
            "svg.hashsalt": "cbec",
        }
    ):
        yield


def save(make: Builder, folder: Path, stem: str, *, dpi: int) -> list[Path]:
    """Make a figure and write it as PNG (dpi dots per inch), SVG and PDF. Gives the three paths."""
    paths = []
    with style():
        figure = make()
        for suffix in FORMATS:
            path = folder / f"{stem}.{suffix}"
            metadata = (
                {"Date": None} if suffix == "svg" else {"CreationDate": None} if suffix == "pdf" else None
            )
            replace_with(
                path,
                partial(figure.savefig, format=suffix, dpi=dpi, metadata=metadata, bbox_inches="tight"),
            )
            paths.append(path)
    return paths


def new_figure(
    rows: pd.DataFrame, kind: str, labels: Labels, *, height: float, column: str = "", suffix: str = ""
) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.subplots()
    draw_title(axes, rows, kind, labels, column or str(rows["outcome"].iloc[0]), suffix)
    return figure, axes


def draw_title(
    axes: Axes, rows: pd.DataFrame, kind: str, labels: Labels, outcome: str, suffix: str = ""
) -> None:
    lang = labels.lang
    prefix = say("simulated", lang) + "  " if bool(rows["is_simulated"].any()) else ""
    colon = "：" if lang == "zh" else ": "
    text = f"{prefix}{say(f'figure_{kind}', lang)}{suffix}{colon}{labels.variable(outcome)}"
    # Of the whole figure, so that a legend above the axes does not meet it.
    figure = axes.figure
    assert isinstance(figure, Figure)
    figure.suptitle(wrapped_text(text, LINE_WIDTH * SMALL_PT / TITLE_PT), fontsize=TITLE_PT)


def draw_points(
    axes: Axes, x: np.ndarray, rows: pd.DataFrame, place: int, name: str, *, joined: bool
) -> None:
    colour = SHADES[place % len(SHADES)]
    face = "white" if HOLLOW[place % len(HOLLOW)] else colour
    axes.vlines(x, rows["ci_low"], rows["ci_high"], color=colour, lw=0.8, zorder=2)
    axes.plot(
        x, rows["estimate"], ls="-" if joined else "", lw=0.6, color=colour, ms=4, mew=0.8, mfc=face,
        mec=colour, marker=MARKERS[place % len(MARKERS)], label=name, zorder=3,
    )  # fmt: skip


def legend_above(axes: Axes, handles: list[Any] | None = None) -> None:
    """Between title and axes, where it hides no point; as many columns as fit the width."""
    shown, names = axes.get_legend_handles_labels()
    if handles is not None:
        shown, names = handles, [str(handle.get_label()) for handle in handles]
    # Each entry has a sign and a gap, some six half characters.
    widest = max(_width(name) for name in names) + 6.0
    columns = max(1, min(len(names), 4, int(LINE_WIDTH // widest)))
    axes.legend(
        shown, names, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=columns, columnspacing=1.2,
        handlelength=1.5, handletextpad=0.5, borderaxespad=0.2,
    )  # fmt: skip


def draw_note(figure: Figure, sentences: Sequence[str], lang: Lang) -> None:
    text = say("note", lang) + say("sentence", lang).join(sentences) + say("stop", lang)
    figure.supxlabel(wrapped_text(text, LINE_WIDTH), fontsize=SMALL_PT, x=0.01, ha="left")


def _width(text: str) -> float:
    """Width in half Chinese characters; a Latin letter is a little narrower than half a Chinese one."""
    return sum(2.0 if unicodedata.east_asian_width(character) in "WF" else 0.87 for character in text)


def wrapped_text(text: str, width: float) -> str:
    """Lines of at most `width` half characters; Chinese breaks anywhere but before punctuation, other text at
    spaces."""
    lines, line, used = [], "", 0.0
    for piece in _pieces(text):
        size = _width(piece)
        if used + size > width and line and piece not in "，。；：、）”":
            lines.append(line.rstrip())
            line, used = "", 0.0
            piece = piece.lstrip()
        line += piece
        used += size
    return "\n".join([*lines, line.rstrip()])


def _pieces(text: str) -> Iterator[str]:
    word = ""
    for character in text:
        if unicodedata.east_asian_width(character) in "WF":
            if word:
                yield word
            yield character
            word = ""
        else:
            word += character
            if character == " ":
                yield word
                word = ""
    if word:
        yield word


def spread_places(places: np.ndarray, *, at_least: float) -> list[int]:
    """Indices of places that are at least so far apart, so that their labels do not overlap."""
    kept: list[int] = []
    for number, place in enumerate(places):
        if not kept or place - places[kept[-1]] >= at_least:
            kept.append(number)
    return kept


def shown_digits(value: float) -> str:
    decimals = 3
    while decimals < 6 and value and abs(value) * 10**decimals < 10:
        decimals += 1
    return f"{value:.{decimals}f}".replace("-", MINUS)
