"""Where a coefficient comes from: its sample, what is filled in it, who moves it, which files it rests on."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from cbec.common.withheld import reason_in
from cbec.dashboard import queries
from cbec.dashboard.parts import View, choose, empty, facts, grid, offer, renamed
from cbec.provenance import EstimateQuestion, WhyEstimate, why

LISTED = 30


def show(view: View) -> None:
    st.caption(view.translate("why_intro"))
    columns = queries.estimated_columns(view.snapshot)
    if columns.empty:
        empty(view, view.translate("no_rows"))
        return
    titles = dict(
        zip(columns["study_id"], columns["title_zh" if view.lang == "zh" else "title_en"], strict=True)
    )
    left, right = st.columns(2)
    study = choose(
        view, "study", view.translate("study"), list(titles), name=lambda name: str(titles[name]), place=left
    )
    own = columns[columns["study_id"] == study]
    places = [f"{row.table_no}.{row.column_no}" for row in own.itertuples()]
    place = choose(
        view, "column", view.translate("table_column"), places, place=right,
        name=lambda name: "{}({})".format(*str(name).split(".")),
    )  # fmt: skip
    table_no, column_no = str(place).split(".")
    answer = view.snapshot.remember(
        ("why", study, place),
        lambda: why(view.snapshot.cursor, EstimateQuestion(study, table_no, int(column_no), computes=False)),
    )
    assert isinstance(answer, WhyEstimate)
    _estimate(view, answer)
    _variables(view, answer)
    _influence(view, answer)
    _files(view, answer)


def _frame(items: Sequence[Any]) -> pd.DataFrame:
    return pd.DataFrame([dataclasses.asdict(item) for item in items])


def _estimate(view: View, answer: WhyEstimate) -> None:
    row, sample = answer.estimate, answer.specification
    filled = 100 * float(row["imputed_share"] or 0.0)
    facts(
        {
            view.translate("term"): view.labels.variable(str(row["term"])),
            view.translate("estimate"): f"{row['estimate']:.4g}{row['stars'] or ''}",
            view.translate("std_error"): view.labels.translate(reason_in(row) or "")
            if row["std_error"] is None
            else f"{row['std_error']:.4g}",
            view.translate("n_obs"): str(row["n_obs"]),
            view.translate("imputed_share_pct"): f"{filled:.1f}",
            view.translate("imputed_row_share"): f"{100 * float(row['imputed_row_share'] or 0.0):.1f}",
            view.translate("flagged_row_share"): f"{100 * float(row['flagged_row_share'] or 0.0):.1f}",
            view.translate("cell_status"): str(row["cell_status"] or ""),
            view.translate("formula"): str(row["formula"] or ""),
            view.translate("sample"): str(sample["sample"]),
            view.translate("engine"): str(row["engine"] or ""),
            view.translate("note"): view.labels.translate(str(row["note"] or "")),
        }
    )


def _variables(view: View, answer: WhyEstimate) -> None:
    st.subheader(view.translate("cells_used"), anchor=False)
    rows = _frame(answer.variables)
    if rows.empty:
        empty(view, view.translate("no_rows"))
        return
    rows = rows.assign(
        variable=[view.labels.variable(name) for name in rows["panel_column"]],
        filled=100 * rows["filled_share"],
        treated=100 * rows["filled_share_treated"].astype(float),
        control=100 * rows["filled_share_control"].astype(float),
        suspect=100 * rows["suspect_share"],
    )
    table = renamed(view, rows, {
        "variable": "indicator", "n_cells": "n_cells", "filled": "imputed_share_pct",
        "treated": "filled_treated_pct", "control": "filled_control_pct", "suspect": "suspect_pct",
        "cell_status": "cell_status",
    })  # fmt: skip
    grid(table)
    offer(view, "why-cells", table, title=view.translate("cells_used"))


def _influence(view: View, answer: WhyEstimate) -> None:
    st.subheader(view.translate("influence"), anchor=False)
    if not answer.influences:
        empty(view, view.translate("no_influence"))
        return
    rows = _frame(answer.influences[:LISTED])
    rows = rows.assign(region=rows["name_zh" if view.lang == "zh" else "name_en"].fillna(rows["region_code"]))
    table = renamed(view, rows, {
        "region": "region", "estimate": "estimate_without", "shift": "shift", "shift_in_se": "shift_in_se",
    })  # fmt: skip
    grid(table)
    offer(view, "why-influence", table, title=view.translate("influence"))


def _files(view: View, answer: WhyEstimate) -> None:
    st.subheader(view.translate("files_behind"), anchor=False)
    rows = _frame(answer.files)
    if rows.empty:
        empty(view, view.translate("no_rows"))
        return
    rows = rows.assign(
        variable=[view.labels.variable(name) for name in rows["indicator_id"]],
        cells=[
            first if first == last else f"{first} … {last}"
            for first, last in zip(rows["first_cell"], rows["last_cell"], strict=True)
        ],
    )
    table = renamed(view, rows, {
        "variable": "indicator", "file": "file", "sheet": "sheet", "cells": "cell_range",
        "n_cells": "n_cells", "n_filled": "n_imputed", "citation": "citation", "sha256": "sha256",
    })  # fmt: skip
    grid(table)
    offer(view, "why-files", table, title=view.translate("files_behind"))
