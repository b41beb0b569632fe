"""Figures of the papers, one a row of studies.paper_output: scatter, means by region, and those that every
study has, of the column that the row names."""

from __future__ import annotations

import re
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cbec.common.words import REGIONS, Labels, Lang, named, say
from cbec.project import CbecError
from cbec.report import figures, tracker_figures
from cbec.report.frames import Awaiting, Source
from cbec.report.style import (
    HOLLOW,
    MARKERS,
    SHADES,
    Builder,
    draw_note,
    legend_above,
    new_figure,
    shown_digits,
)
from cbec.report.table import as_text, records_of

COLUMN = re.compile(r"(\w+)\((\d+)\)")


def scatter(rows: pd.DataFrame, x: str, labels: Labels) -> Figure:
    """One column against another with the least-squares line.

    rows: outcome (its name), y, x, is_simulated; x: name of the column on the horizontal axis. Raises
    Awaiting without rows.
    """
    if rows.empty:
        raise Awaiting("no row has both columns")
    lang = labels.lang
    figure, axes = new_figure(rows, "scatter", labels, height=3.3)
    across, up = rows["x"].to_numpy(float), rows["y"].to_numpy(float)
    slope, constant = np.polyfit(across, up, 1)
    ends = np.array([across.min(), across.max()])
    axes.plot(across, up, ls="", marker="o", ms=2.5, mfc="none", mec="#6e6e6e", mew=0.5)
    axes.plot(ends, constant + slope * ends, color="black", lw=1.0)
    axes.set_xlabel(labels.variable(x))
    axes.set_ylabel(labels.variable(str(rows["outcome"].iloc[0])))
    fit = float(np.corrcoef(across, up)[0, 1] ** 2)
    note = say("scatter_note", lang, n=f"{len(rows):,}", slope=shown_digits(float(slope)), r2=f"{fit:.3f}")
    draw_note(figure, [note], lang)
    return figure


def region_mean(rows: pd.DataFrame, labels: Labels) -> Figure:
    """Means by region and year: rows with outcome (the name of the column), region3, year, value and
    is_simulated. Raises Awaiting without rows."""
    if rows.empty:
        raise Awaiting("no row has the column")
    lang = labels.lang
    figure, axes = new_figure(rows, "region_mean", labels, height=3.0)
    for place, (region, part) in enumerate(rows.groupby("region3", sort=False)):
        means = part.groupby("year")["value"].mean()
        axes.plot(
            means.index, means, ls="-", lw=0.8, color=SHADES[place], marker=MARKERS[place], ms=4,
            mfc="white" if HOLLOW[place] else SHADES[place], label=named(REGIONS, str(region), lang),
        )  # fmt: skip
    axes.set_xlabel(say("axis_year", lang))
    axes.set_xticks(sorted(rows["year"].unique()))
    legend_above(axes)
    draw_note(figure, [say("region_mean_note", lang)], lang)
    return figure


def figure_builders(source: Source, lang: Lang, *, only: str = "") -> tuple[dict[str, Builder], list[str]]:
    """Every figure of the study, those of the paper by their number, and a sentence for each whose data are
    not there; only: a number or a kind.

    Raises CbecError (exit code 2) when the study has neither estimates nor figures of its own.
    """
    numbers = {
        str(row["output_no"]): row
        for row in records_of(source.rows_if_any("studies.paper_output"))
        if row["output_no"].startswith("F")
    }
    builders: dict[str, Builder] = {}
    skipped: list[str] = []
    labels = source.labels(lang)
    for number, row in numbers.items():
        if only not in ("", number):
            continue
        try:
            column, variables = as_text(row["columns"]), as_text(row["variables"])
            builders |= _numbered(source, lang, labels, number, row["kind"], column, variables)
        except Awaiting as reason:
            skipped.append(f"{number}: {reason}")
    if only not in numbers:
        try:
            others, why_not = figures.figure_builders(source, lang, only=only)
        except CbecError:
            if not numbers:
                raise
            return builders, skipped
        builders |= others
        skipped += why_not
    return builders, skipped


def _numbered(
    source: Source, lang: Lang, labels: Labels, number: str, kind: str, column: str, variable: str
) -> dict[str, Builder]:
    if kind == "national_trade":
        return {
            number: partial(tracker_figures.national_trade, source.table("marts.national_cbec_trade"), lang)
        }
    if kind == "growth_path":
        paths = source.table("marts.zone_growth_path")
        return {
            f"{number}_{code}": partial(tracker_figures.growth_path, rows, lang)
            for code, rows in paths.groupby("region_code")
        }
    found = COLUMN.fullmatch(column)
    if found is None:
        raise ValueError(f"{source.study_id} {number}: no column {column!r}")
    table_no, column_no = found[1], int(found[2])
    if kind in ("scatter", "region_mean"):
        return {number: partial(_of_sample, source, labels, kind, table_no, column_no, variable)}
    table = {"event_study": "estimates.event_study", "placebo": "estimates.placebo"}[kind]
    rows = _of_column(source.rows_if_any(table), table_no, column_no)
    if rows.empty:
        raise Awaiting(source.missing() or f"{table} has no row of {column}")
    if kind == "event_study":
        return {number: partial(figures.event_study, rows[~rows["is_observed_only"].astype(bool)], labels)}
    summary = _of_column(source.rows("estimates.placebo_summary"), table_no, column_no)
    # The paper draws cities and times without strata.
    scheme = "mixed" if (summary["scheme"] == "mixed").any() else str(summary["scheme"].iloc[0])
    return {
        number: partial(
            figures.placebo, rows[rows["scheme"] == scheme], summary[summary["scheme"] == scheme], labels
        )
    }


def _of_column(rows: pd.DataFrame, table_no: str, column_no: int) -> pd.DataFrame:
    if rows.empty:
        return rows
    return rows[(rows["table_no"] == table_no) & (rows["column_no"] == column_no)]


def _of_sample(
    source: Source, labels: Labels, kind: str, table_no: str, column_no: int, variable: str
) -> Figure:
    """A figure of the rows that a column of a table is estimated on."""
    rows, spec = source.sample(table_no, column_no)
    if kind == "scatter":
        return scatter(
            rows.rename(columns={spec.outcome: "y", spec.treatment: "x"}).assign(outcome=spec.outcome),
            spec.treatment,
            labels,
        )
    return region_mean(rows.rename(columns={variable: "value"}).assign(outcome=variable), labels)
