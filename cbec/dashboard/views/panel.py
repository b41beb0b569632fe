"""The panels: an indicator over regions and years, the status of each cell and where it comes from."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from cbec.dashboard import queries
from cbec.dashboard.charts import OUTLINE, Chart, palette
from cbec.dashboard.parts import (
    View,
    choose,
    choose_many,
    colour_rule,
    draw,
    empty,
    facts,
    grid,
    offer,
    renamed,
    status_label,
    status_palette,
)

MOST_REGIONS = 12
SHOWN_FIRST = ("110000", "310000", "330100", "440100", "320000", "330000", "440000")
BARS = 30
MODES = ("series", "year", "status")


def show(view: View) -> None:
    head = st.container(horizontal=True)
    level = choose(
        view, "level", view.translate("level"), queries.levels(view.snapshot), widget="segments", place=head,
        name=lambda name: view.translate(f"level_{name}"),
    )  # fmt: skip
    indicators = queries.indicators(view.snapshot, level)
    column = choose(
        view,
        "indicator",
        view.translate("indicator"),
        list(indicators["panel_column"]),
        default="gdp_100m_yuan",
        name=lambda name: view.translate("table_of", indicator=view.labels.variable(name), unit=name),
    )
    mode = choose(
        view, "mode", view.translate("shown_as"), MODES, name=lambda name: view.translate(f"mode_{name}"),
        widget="segments", place=head,
    )  # fmt: skip
    cells = queries.cells(view.snapshot, level, column)
    regions = queries.regions(view.snapshot, level)
    names = view.label_by_code(regions)
    units = queries.units(view.snapshot, view.lang)
    cells = cells.assign(region=cells["region_code"].map(names), unit=cells["unit"].map(units))
    {"series": _series, "year": _year, "status": _status}[mode](view, level, column, cells, names)


def _heading(view: View, column: str, cells: pd.DataFrame) -> str:
    return view.translate("table_of", indicator=view.labels.variable(column), unit=cells["unit"].iloc[0])


def _series(view: View, level: str, column: str, cells: pd.DataFrame, names: dict[str, str]) -> None:
    default = [code for code in SHOWN_FIRST if code in names][:4] or list(names)[:4]
    codes = choose_many(
        view,
        "regions",
        view.translate("regions", n=MOST_REGIONS),
        list(names),
        default=default,
        most=MOST_REGIONS,
        name=names.__getitem__,
    )
    if not codes:
        empty(view, view.translate("nothing_chosen"))
        return
    rows = cells[cells["region_code"].isin(codes)]
    if rows["value"].notna().sum() == 0:
        empty(view, view.translate("no_values"))
        return
    chart = line_chart(view, rows, codes, names, _heading(view, column, cells))
    picked = draw(chart, key="panel-line")
    st.caption(view.translate("source_hint"))
    wide = rows.pivot(index="region_code", columns="year", values="value").reindex(codes)
    status_codes = rows.pivot(index="region_code", columns="year", values="obs_status").reindex(codes)
    wide.index = pd.Index([names[code] for code in codes], name=view.translate("region"))
    status_codes.index = wide.index
    wide.columns = status_codes.columns = [str(year) for year in wide.columns]
    styled = wide.style.apply(lambda _: status_codes.map(colour_rule), axis=None).format(number, na_rep="·")
    chosen: Any = st.dataframe(
        styled, key=f"panel-table-{level}", on_select="rerun", selection_mode="single-cell",
        height=min(38 * (len(codes) + 1), 420),
    )  # fmt: skip
    _status_codes(view, rows)
    long = rows.assign(
        region=rows["region_code"].map(names), status=[status_label(view, s) for s in rows["obs_status"]]
    )
    offer(
        view, f"panel-{column}-{level}", renamed(view, long, {
            "region_code": "region_code", "region": "region", "year": "year", "value": "value",
            "unit": "unit", "obs_status": "status", "imputed_share": "imputed_share",
            "suspect_codes": "suspects",
        }), chart, title=chart.title,
    )  # fmt: skip
    place = _place(chosen.selection["cells"], codes) or picked
    if place:
        _source(view, level, column, str(place["region_code"]), int(place["year"]), names, cells)


def _place(selected: Any, codes: list[str]) -> dict[str, Any]:
    if not selected:
        return {}
    row, year = selected[0]
    return {"region_code": codes[row], "year": year} if str(year).isdigit() and row < len(codes) else {}


def line_chart(view: View, rows: pd.DataFrame, codes: list[str], names: dict[str, str], title: str) -> Chart:
    """Values over years, one line a region, dots filled by status."""
    seen = rows.dropna(subset=["value"]).assign(
        region=lambda frame: frame["region_code"].map(names),
        status=lambda frame: [status_label(view, status_code) for status_code in frame["obs_status"]],
    )
    return Chart(
        "line",
        seen[["region_code", "region", "year", "value", "status"]],
        x="year",
        y="value",
        title=title,
        subtitle=view.subtitle,
        colour="region",
        palette=palette([names[code] for code in codes]),
        dot="status",
        dot_palette=status_palette(view, seen["obs_status"]),
        tooltip=(
            ("region", view.translate("region")),
            ("year", view.translate("year")),
            ("value", view.translate("value")),
            ("status", view.translate("status")),
        ),
        pick=("region_code", "year"),
    )


def number(value: Any) -> str:
    """A value with as many digits as can be read at a glance; downloads have all of them."""
    size = abs(value)
    return f"{value:,.0f}" if size >= 10000 else f"{value:,.2f}" if size >= 10 else f"{value:.4g}"


def _status_codes(view: View, rows: pd.DataFrame) -> None:
    colours = status_palette(view, rows["obs_status"].dropna())
    parts = [
        f'<span style="background:{colour};border:1px solid {OUTLINE};padding:0 .55em;border-radius:3px">'
        f"&nbsp;</span>&nbsp;{name}"
        for name, colour in colours.items()
    ]
    st.markdown(f'<div style="font-size:.85rem">{" &emsp; ".join(parts)}</div>', unsafe_allow_html=True)


def _source(
    view: View, level: str, column: str, region: str, year: int, names: dict[str, str], cells: pd.DataFrame
) -> None:
    indicator = str(cells["indicator_id"].iloc[0])
    title = view.translate(
        "source_of", region=names.get(region, region), year=year, indicator=view.labels.variable(column)
    )
    st.subheader(title, anchor=False)
    found = queries.cell_sources(view.snapshot, level, region, year, indicator)
    if found.empty:
        empty(view, view.translate("source_none"))
        return
    if bool(cells["is_derived"].iloc[0]):
        st.caption(view.translate("source_computed"))
    shown = found.assign(
        indicator=[view.labels.variable(name) for name in found["indicator_id"]],
        publication=found["publication_zh" if view.lang == "zh" else "publication_en"],
        value=found["value"].astype(float),
        status=[status_label(view, status_code) for status_code in found["obs_status"]],
        in_panel=["✓" if used else "" for used in found["is_in_panel"]],
    )
    table = renamed(view, shown, {
        "in_panel": "in_panel", "indicator": "indicator", "value_printed": "printed",
        "unit_printed": "unit_printed", "value": "value", "status": "status", "publication": "publication",
        "edition": "edition", "vintage": "vintage", "source_locator": "locator",
        "source_file_sha256": "file_hash", "impute_method": "impute_method", "suspect_codes": "suspects",
        "obs_comment": "comment",
    }).dropna(axis="columns", how="all")  # fmt: skip
    for row in table.astype(object).where(table.notna(), "").itertuples(index=False):
        facts({name: str(value) for name, value in zip(table.columns, row, strict=True) if value})
    offer(view, f"source-{column}-{region}-{year}", table, title=title)


def _year(view: View, level: str, column: str, cells: pd.DataFrame, names: dict[str, str]) -> None:
    years = sorted(int(year) for year in cells["year"].unique())
    filled = cells.dropna(subset=["value"])["year"]
    year = choose(
        view, "year", view.translate("year"), years, default=int(filled.max()) if len(filled) else years[-1],
        widget="slider",
    )  # fmt: skip
    rows = cells[cells["year"] == year].sort_values("value", ascending=False, na_position="last")
    if rows["value"].notna().sum() == 0:
        empty(view, view.translate("no_values"))
        return
    rows = rows.assign(
        rank=rows["value"].rank(ascending=False, method="min"),
        status=[status_label(view, status_code) for status_code in rows["obs_status"]],
    )
    top = rows.dropna(subset=["value"]).head(BARS)
    title = f"{_heading(view, column, cells)}, {year}"
    chart = Chart(
        "bar", top[["region_code", "region", "value", "status", "year"]], x="value", y="region",
        title=title, subtitle=view.subtitle, colour="status",
        palette=status_palette(view, top["obs_status"]),
        tooltip=(("region", view.translate("region")), ("value", view.translate("value")),
                 ("status", view.translate("status"))),
        pick=("region_code", "year"), height=18 * len(top),
    )  # fmt: skip
    picked = draw(chart, key="panel-bars")
    st.caption(
        (view.translate("top_note", n=BARS) + " " if len(rows) > BARS else "") + view.translate("source_hint")
    )
    table = renamed(view, rows, {
        "rank": "rank", "region_code": "region_code", "region": "region", "value": "value", "unit": "unit",
        "status": "status", "suspect_codes": "suspects",
    })  # fmt: skip
    chosen = grid(table, key=f"panel-year-table-{level}", on_select="rerun", selection_mode="single-cell")
    offer(view, f"panel-{column}-{year}", table, chart, title=title)
    selected = chosen.selection["cells"]
    if selected and selected[0][0] < len(rows):
        picked = {"region_code": rows["region_code"].iloc[selected[0][0]], "year": year}
    if picked:
        _source(view, level, column, str(picked["region_code"]), year, names, cells)


def _status(view: View, level: str, column: str, cells: pd.DataFrame, names: dict[str, str]) -> None:
    rows = cells.assign(status=[status_label(view, status_code) for status_code in cells["obs_status"]])
    title = view.translate("mode_status") + " — " + _heading(view, column, cells)
    chart = Chart(
        "heat",
        rows[["region_code", "region", "year", "status", "value"]],
        x="year",
        y="region",
        title=title,
        subtitle=view.subtitle,
        colour="status",
        palette=status_palette(view, rows["obs_status"]),
        tooltip=(
            ("region", view.translate("region")),
            ("year", view.translate("year")),
            ("status", view.translate("status")),
            ("value", view.translate("value")),
        ),
        pick=("region_code", "year"),
        height=max(200, 14 * rows["region_code"].nunique()),
    )
    picked = draw(chart, key="panel-heat")
    st.caption(view.translate("source_hint"))
    offer(view, f"panel-{column}-status", renamed(view, rows, {
        "region_code": "region_code", "region": "region", "year": "year", "value": "value",
        "status": "status", "suspect_codes": "suspects",
    }), chart, title=title)  # fmt: skip
    if picked:
        _source(view, level, column, str(picked["region_code"]), int(picked["year"]), names, cells)
