"""One city beside up to five others: zone, an indicator over years, every indicator of a year."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from cbec.dashboard import queries
from cbec.dashboard.parts import View, choose, choose_many, colour_rule, draw, empty, grid, offer
from cbec.dashboard.views.panel import line_chart, number

OTHERS = 5


def show(view: View) -> None:
    regions = queries.regions(view.snapshot, "prefecture")
    if regions.empty:
        empty(view, view.translate("no_rows"))
        return
    names = view.label_by_code(regions)
    left, right = st.columns([1, 2])
    city = choose(
        view,
        "city",
        view.translate("city"),
        list(names),
        default="330100",
        name=names.__getitem__,
        place=left,
    )
    others = [code for code in names if code != city]
    with right:
        compared = choose_many(
            view, "with", view.translate("compare_with"), others,
            default=[code for code in ("110000", "440100") if code in others], most=OTHERS,
            name=names.__getitem__,
        )  # fmt: skip
    codes = [city, *compared]
    _zones(view, codes)
    indicators = queries.indicators(view.snapshot, "prefecture")
    column = choose(
        view,
        "indicator",
        view.translate("indicator"),
        list(indicators["panel_column"]),
        default="gdp_100m_yuan",
        name=lambda name: view.translate("table_of", indicator=view.labels.variable(name), unit=name),
    )
    _course(view, codes, names, column)
    _all(view, codes, names, indicators)


def _zones(view: View, codes: list[str]) -> None:
    lines = []
    for code in codes:
        facts = queries.city_facts(view.snapshot, code)
        name = facts["name_zh" if view.lang == "zh" else "name_en"]
        province = facts["province_zh" if view.lang == "zh" else "province_en"]
        place = f"**{name}**" + (f" ({province})" if province != name else "")
        if pd.isna(facts["batch"]):
            lines.append(f"- {place}: {view.translate('not_zone')}")
            continue
        approved = facts["approved_on"]
        text = view.translate(
            "zone_line", batch=int(facts["batch"]), document=facts["document_no"],
            when="?" if pd.isna(approved) else f"{approved:%Y-%m-%d}",
        )  # fmt: skip
        if not pd.isna(facts["revoked_on"]):
            text += " " + view.translate("revoked_line", when=f"{facts['revoked_on']:%Y-%m-%d}")
        lines.append(f"- {place}: {text}")
    st.markdown("\n".join(lines))


def _course(view: View, codes: list[str], names: dict[str, str], column: str) -> None:
    cells = queries.cells(view.snapshot, "prefecture", column)
    rows = cells[cells["region_code"].isin(codes)]
    if rows["value"].notna().sum() == 0:
        empty(view, view.translate("no_values"))
        return
    unit = queries.units(view.snapshot, view.lang).get(str(cells["unit"].iloc[0]), "")
    title = view.translate("table_of", indicator=view.labels.variable(column), unit=unit)
    chart = line_chart(view, rows, codes, names, title)
    draw(chart, key="city-line")
    wide = rows.assign(region=rows["region_code"].map(names)).pivot(
        index="year", columns="region", values="value"
    )
    table = wide[[names[code] for code in codes if names[code] in wide]].reset_index(
        names=view.translate("year")
    )
    offer(view, f"city-{codes[0]}-{column}", table, chart, title=title)


def _all(view: View, codes: list[str], names: dict[str, str], indicators: pd.DataFrame) -> None:
    years = list(range(int(indicators["first_year"].min()), int(indicators["last_year"].max()) + 1))
    year = choose(view, "year", view.translate("year"), years, default=years[-1], widget="slider")
    st.subheader(view.translate("all_indicators", year=year), anchor=False)
    rows = queries.newest_cells(view.snapshot, codes, year)
    if rows.empty:
        empty(view, view.translate("no_values"))
        return
    units = queries.units(view.snapshot, view.lang)
    unit_of = dict(zip(rows["panel_column"], rows["unit"], strict=True))
    order = [code for code in codes if code in set(rows["region_code"])]
    wide = rows.pivot(index="panel_column", columns="region_code", values="value")[order]
    status_codes = rows.pivot(index="panel_column", columns="region_code", values="obs_status")[order]
    heads = [view.labels.variable(column) for column in wide.index]
    # Two columns of one indicator (a level and its index by year) keep the column's own name.
    heads = [
        f"{head} [{column}]" if heads.count(head) > 1 else head
        for head, column in zip(heads, wide.index, strict=True)
    ]
    table = wide.rename(columns=names).reset_index(drop=True)
    table.insert(0, view.translate("indicator"), heads)
    table[view.translate("unit")] = [units.get(unit_of[column], "") for column in wide.index]
    shades = status_codes.rename(columns=names).map(colour_rule).reset_index(drop=True)
    shades = shades.reindex(columns=table.columns, fill_value="")
    styled = table.style.apply(lambda _: shades, axis=None)
    styled = styled.format({names[code]: number for code in order}, na_rep="·")
    grid(
        styled, height=460,
        column_config={
            view.translate("indicator"): st.column_config.TextColumn(width=180, pinned=True),
            view.translate("unit"): st.column_config.TextColumn(width=140),
        },
    )  # fmt: skip
    offer(view, f"city-{codes[0]}-{year}", table, title=view.translate("all_indicators", year=year))
