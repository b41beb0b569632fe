"""Which prefectures are pilot zones, by batch and year."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from cbec.dashboard import queries
from cbec.dashboard.charts import BATCHES, OUTLINE, Chart, projected
from cbec.dashboard.parts import View, choose, draw, empty, grid, offer, renamed


def show(view: View) -> None:
    batches = queries.batches(view.snapshot)
    years = dict(zip(batches["batch"].astype(int), batches["year"].astype(int), strict=True))
    names = {number: view.translate("batch_n", n=number, year=year) for number, year in years.items()}
    left, right = st.columns([2, 1])
    span = list(range(min(years.values()), max(*years.values(), 2025) + 1))
    year = choose(
        view, "year", view.translate("until_year"), span, default=span[-1], widget="slider", place=left
    )
    batch = choose(
        view, "batch", view.translate("batch"), [0, *years], default=0,
        name=lambda number: names.get(number, view.translate("all")), place=right,
    )  # fmt: skip
    zones = queries.zones(view.snapshot, year)
    if batch:
        zones = zones[zones["batch"] == batch]
    if zones.empty:
        empty(view, view.translate("no_zones"))
        return
    chart = _map(view, zones, names, year)
    st.caption(
        view.translate(
            "zones_line", n=zones["zone_no"].nunique(), m=zones["prefecture_code"].dropna().nunique()
        )
    )
    draw(chart, key="zones-map")
    listed = zones.drop_duplicates("zone_no").assign(
        zone=lambda frame: frame["name_zh" if view.lang == "zh" else "name_en"],
        approved_on_verified=lambda frame: frame["approved_on_verified"].map(view.translate),
        coverage=lambda frame: frame["coverage"].map(view.translate),
        province=lambda frame: frame["province_zh" if view.lang == "zh" else "province_en"],
    )
    table = renamed(view, listed, {
        "batch": "batch", "zone": "zone", "province": "province", "approved_on": "approved_on",
        "approved_on_verified": "approved_on_verified", "coverage": "coverage_kind",
        "document_no": "document_no",
    })  # fmt: skip
    table[view.translate("approved_on")] = pd.to_datetime(table[view.translate("approved_on")]).dt.strftime(
        "%Y-%m-%d"
    )
    grid(table)
    offer(view, f"zones-{year}-{batch or 'all'}", table, chart, title=chart.title)


def _map(view: View, zones: pd.DataFrame, names: dict[int, str], year: int) -> Chart:
    language = "name_zh" if view.lang == "zh" else "name_en"
    others = queries.prefectures(view.snapshot)
    others = others[~others["region_code"].isin(zones["prefecture_code"])].assign(batch="", document_no="")
    inside = zones.dropna(subset=["longitude"]).assign(batch=zones["batch"].map(names))
    rows = pd.concat([others, inside], ignore_index=True)[
        ["longitude", "latitude", language, "batch", "document_no"]
    ]
    east, north = projected(rows["longitude"], rows["latitude"])
    present = [name for name in names.values() if name in set(inside["batch"])]
    colours = dict(zip(names.values(), BATCHES, strict=False))
    rows = rows.drop(columns=["longitude", "latitude"])
    return Chart(
        "map", rows.assign(east=east.round(1), north=north.round(1)),
        x="east", y="north", title=view.translate("zones_title", year=year), subtitle=view.subtitle,
        colour="batch", palette={"": OUTLINE} | {name: colours[name] for name in present},
        tooltip=((language, view.translate("region")), ("batch", view.translate("batch")),
                 ("document_no", view.translate("document_no"))),
        height=520,
    )  # fmt: skip
