"""An index: what weighs how much in it, who leads it, and how scores moved."""

from __future__ import annotations

from typing import Any

import streamlit as st

from cbec.dashboard import queries
from cbec.dashboard.charts import Chart, palette
from cbec.dashboard.parts import (
    View,
    awaiting,
    choose,
    choose_many,
    draw,
    empty,
    grid,
    offer,
    renamed,
    status_label,
)

WEIGHTINGS = ("pooled", "by_year")
LEADERS = 31
MOST_REGIONS = 10


def show(view: View) -> None:
    indices = queries.indices(view.snapshot)
    left, right = st.columns(2)
    index_id = choose(
        view,
        "index",
        view.translate("index"),
        list(indices["index_id"]),
        name=lambda name: _name(view, name),
        place=left,
    )
    weighting = choose(
        view, "weighting", view.translate("weighting"), WEIGHTINGS, widget="segments", place=right,
        name=lambda name: view.translate(f"weighting_{name}"),
    )  # fmt: skip
    scores = queries.index_scores(view.snapshot, index_id, weighting)
    if scores.empty:
        awaiting(view, indices.set_index("index_id").loc[index_id, "missing"], what=_name(view, index_id))
        return
    scores = scores.assign(region=view.names(scores))
    years = sorted(int(year) for year in scores["year"].unique())
    year = choose(view, "year", view.translate("year"), years, default=years[-1], widget="slider")
    _ranking(view, index_id, weighting, scores, year)
    _weights(view, index_id, weighting, year)
    _course(view, index_id, weighting, scores, year)


def _name(view: View, index_id: str) -> str:
    if index_id == "cbec_development_printed":
        return view.translate(index_id)
    return view.labels.variable(index_id)


def _ranking(view: View, index_id: str, weighting: str, scores: Any, year: int) -> None:
    st.subheader(view.translate("ranking"), anchor=False)
    rows = scores[scores["year"] == year].sort_values("score_rank")
    if rows["score"].notna().sum() == 0:
        empty(view, view.translate("no_values"))
        return
    rows = rows.assign(
        status=[status_label(view, status_code) for status_code in rows["obs_status"]],
        filled=100 * rows["imputed_share"],
    )
    seen = rows.dropna(subset=["score"]).head(LEADERS)
    chart = Chart(
        "bar", seen[["region", "score", "score_rank"]], x="score", y="region",
        title=f"{_name(view, index_id)}, {year}", subtitle=view.subtitle, x_title=view.translate("score"),
        tooltip=(("score_rank", view.translate("rank")), ("region", view.translate("region")),
                 ("score", view.translate("score"))),
        height=17 * len(seen),
    )  # fmt: skip
    draw(chart, key="index-ranking")
    if len(rows) > LEADERS:
        st.caption(view.translate("top_note", n=LEADERS))
    table = renamed(view, rows, {
        "score_rank": "rank", "region_code": "region_code", "region": "region", "score": "score",
        "status": "status", "filled": "imputed_share_pct",
    })  # fmt: skip
    grid(table)
    offer(view, f"ranking-{index_id}-{weighting}-{year}", table, chart, title=chart.title)


def _weights(view: View, index_id: str, weighting: str, year: int) -> None:
    st.subheader(view.translate("weights"), anchor=False)
    rows = queries.index_weights(view.snapshot, index_id, weighting, year)
    if rows.empty:
        empty(view, view.translate("no_values"))
        return
    rows = rows.assign(
        indicator=[view.labels.variable(name) for name in rows["indicator_id"]],
        filled=100 * rows["imputed_share"],
    )
    chart = Chart(
        "bar", rows[["indicator", "weight"]], x="weight", y="indicator",
        title=f"{view.translate('weights')} — {_name(view, index_id)}"
        + (f", {year}" if weighting == "by_year" else ""),
        subtitle=view.subtitle, x_title=view.translate("weight"),
        tooltip=(("indicator", view.translate("indicator")), ("weight", view.translate("weight"))),
        height=26 * len(rows),
    )  # fmt: skip
    draw(chart, key="index-weights")
    table = renamed(view, rows, {
        "indicator": "indicator", "weight": "weight", "entropy": "entropy", "filled": "imputed_share_pct",
    })  # fmt: skip
    offer(view, f"weights-{index_id}-{weighting}-{year}", table, chart, title=chart.title)


def _course(view: View, index_id: str, weighting: str, scores: Any, year: int) -> None:
    st.subheader(view.translate("course"), anchor=False)
    names = dict(zip(scores["region_code"], scores["region"], strict=True))
    leaders = scores[scores["year"] == year].sort_values("score_rank")["region_code"]
    codes = choose_many(
        view, "regions", view.translate("regions", n=MOST_REGIONS), list(names), default=list(leaders[:5]),
        most=MOST_REGIONS, name=names.__getitem__,
    )  # fmt: skip
    rows = scores[scores["region_code"].isin(codes)].dropna(subset=["score"])
    if rows.empty:
        empty(view, view.translate("nothing_chosen"))
        return
    chart = Chart(
        "line",
        rows[["region", "year", "score"]],
        x="year",
        y="score",
        title=f"{view.translate('course')} — {_name(view, index_id)}",
        subtitle=view.subtitle,
        colour="region",
        palette=palette([names[code] for code in codes]),
        tooltip=(
            ("region", view.translate("region")),
            ("year", view.translate("year")),
            ("score", view.translate("score")),
        ),
    )
    draw(chart, key="index-course")
    table = renamed(
        view,
        rows,
        {
            "region_code": "region_code",
            "region": "region",
            "year": "year",
            "score": "score",
            "score_rank": "rank",
        },
    )
    offer(view, f"course-{index_id}-{weighting}", table, chart, title=chart.title)
