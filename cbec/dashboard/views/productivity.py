"""Green productivity by technology: courses of cities against the median, and the ranking of a year."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from cbec.dashboard import queries
from cbec.dashboard.charts import Chart, palette
from cbec.dashboard.parts import View, awaiting, choose, choose_many, draw, empty, grid, offer, renamed

MEASURES = {
    "efficiency": "efficiency",
    "cumulative_index": "cumulative_index",
    "index": "yearly_index",
    "efficiency_change": "efficiency_change",
    "technical_change": "technical_change",
}
MOST_REGIONS, LEADERS = 8, 30
SHOWN_FIRST = ("110000", "310000", "330100", "440100")


def show(view: View) -> None:
    technologies = queries.technologies(view.snapshot)
    is_default = dict(zip(technologies["technology"], technologies["is_default"], strict=True))
    left, right = st.columns([3, 2])
    technology = choose(
        view, "technology", view.translate("technology"), list(is_default), place=left,
        name=lambda name: view.translate("default_mark", name=name) if is_default[name] else name,
    )  # fmt: skip
    measure = choose(
        view, "measure", view.translate("measure"), list(MEASURES), place=right,
        name=lambda name: view.translate(MEASURES[name]),
    )  # fmt: skip
    about = technologies.set_index("technology").loc[technology]
    st.caption(_described(view, about))
    rows = queries.productivity(view.snapshot, technology)
    if rows.empty:
        awaiting(view, about["missing"], what=technology)
        return
    rows = rows.assign(region=view.names(rows), shown=rows[measure])
    _courses(view, technology, measure, rows)
    _ranking(view, technology, measure, rows)


def _described(view: View, about: pd.Series) -> str:
    def names(text: object) -> str:
        parts = [part.strip() for part in str(text).split("+")] if isinstance(text, str) else []
        return view.translate("list").join(
            view.labels.variable(part) for part in parts if part
        ) or view.translate("none")

    return view.translate(
        "technology_line",
        measure=view.translate(f"measure_{about['measure']}"),
        frontier=view.translate(f"frontier_{about['frontier']}"),
        returns=view.translate(f"returns_{about['returns_to_scale']}"),
        inputs=names(about["inputs"]),
        good=names(about["good_outputs"]),
        bad=names(about["bad_outputs"]),
    )


def _courses(view: View, technology: str, measure: str, rows: pd.DataFrame) -> None:
    names = dict(zip(rows["region_code"], rows["region"], strict=True))
    codes = choose_many(
        view, "regions", view.translate("regions", n=MOST_REGIONS), list(names),
        default=[code for code in SHOWN_FIRST if code in names], most=MOST_REGIONS, name=names.__getitem__,
    )  # fmt: skip
    median = rows.groupby("year", as_index=False)["shown"].median().assign(region=view.translate("median"))
    seen = pd.concat([median, rows[rows["region_code"].isin(codes)]], ignore_index=True)
    seen = seen.dropna(subset=["shown"])
    if seen.empty:
        empty(view, view.translate("no_values"))
        return
    chart = Chart(
        "line", seen[["region", "year", "shown"]], x="year", y="shown",
        title=f"{view.translate(MEASURES[measure])} — {technology}", subtitle=view.subtitle, colour="region",
        palette={view.translate("median"): "#8a8a8a"} | palette([names[code] for code in codes]),
        tooltip=(("region", view.translate("region")), ("year", view.translate("year")),
                 ("shown", view.translate(MEASURES[measure]))),
    )  # fmt: skip
    draw(chart, key="productivity-line")
    chosen = rows[rows["region_code"].isin(codes)]
    table = renamed(view, chosen, {
        "region_code": "region_code", "region": "region", "year": "year", "efficiency": "efficiency",
        "index": "yearly_index", "efficiency_change": "efficiency_change",
        "technical_change": "technical_change", "cumulative_index": "cumulative_index",
        "lp_status": "lp_status", "reason": "reason",
    })  # fmt: skip
    grid(table)
    offer(view, f"productivity-{technology}-{measure}", table, chart, title=chart.title)


def _ranking(view: View, technology: str, measure: str, rows: pd.DataFrame) -> None:
    st.subheader(view.translate("ranking"), anchor=False)
    years = sorted(int(year) for year in rows["year"].unique())
    year = choose(view, "year", view.translate("year"), years, default=years[-1], widget="slider")
    ranked = rows[rows["year"] == year].dropna(subset=["shown"]).sort_values("shown", ascending=False)
    if ranked.empty:
        empty(view, view.translate("no_values"))
        return
    ranked = ranked.assign(rank=ranked["shown"].rank(ascending=False, method="min"))
    top = ranked.head(LEADERS)
    chart = Chart(
        "bar", top[["region", "shown", "rank"]], x="shown", y="region",
        title=f"{view.translate(MEASURES[measure])}, {year}", subtitle=view.subtitle,
        tooltip=(("rank", view.translate("rank")), ("region", view.translate("region")),
                 ("shown", view.translate(MEASURES[measure]))),
        height=17 * len(top),
    )  # fmt: skip
    draw(chart, key="productivity-bars")
    if len(ranked) > LEADERS:
        st.caption(view.translate("top_note", n=LEADERS))
    table = renamed(view, ranked, {
        "rank": "rank", "region_code": "region_code", "region": "region", "shown": MEASURES[measure],
        "obs_status": "status", "imputed_share": "imputed_share",
    })  # fmt: skip
    offer(view, f"productivity-ranking-{technology}-{measure}-{year}", table, chart, title=chart.title)
