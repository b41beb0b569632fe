"""What is there, filled, missing or suspect, and what the detectors found."""

from __future__ import annotations

import streamlit as st

from cbec.dashboard import queries
from cbec.dashboard.charts import Chart
from cbec.dashboard.parts import View, choose, draw, empty, grid, offer, renamed

SHADES = {
    "reported": "n_reported",
    "imputed": "n_imputed",
    "missing": "n_missing",
    "suspect": "n_suspect",
}
SHOWN = 500


def show(view: View) -> None:
    _coverage(view)
    _findings(view)


def _coverage(view: View) -> None:
    st.subheader(view.translate("coverage"), anchor=False)
    left, right = st.columns(2)
    level = choose(
        view, "level", view.translate("level"), queries.levels(view.snapshot), widget="segments", place=left,
        name=lambda name: view.translate(f"level_{name}"),
    )  # fmt: skip
    shade = choose(
        view, "shade", view.translate("shade"), list(SHADES), place=right,
        name=lambda name: view.translate(f"shade_{name}"),
    )  # fmt: skip
    rows = queries.coverage(view.snapshot, level)
    if rows.empty:
        empty(view, view.translate("no_rows"))
        return
    rows = rows.assign(
        indicator=[view.labels.variable(name) for name in rows["indicator_id"]],
        share=(rows[SHADES[shade]] / rows["n_expected"].where(rows["n_expected"] > 0)).fillna(0.0),
    )
    chart = Chart(
        "heat",
        rows[["indicator", "year", "share", *SHADES.values(), "n_expected"]],
        x="year",
        y="indicator",
        title=f"{view.translate('coverage')}: {view.translate(f'shade_{shade}')}",
        subtitle=view.subtitle,
        colour="share",
        tooltip=(
            ("indicator", view.translate("indicator")),
            ("year", view.translate("year")),
            ("n_expected", view.translate("n_expected")),
            ("n_reported", view.translate("n_reported")),
            ("n_imputed", view.translate("n_imputed")),
            ("n_missing", view.translate("shade_missing")),
            ("n_suspect", view.translate("n_suspects")),
        ),
        height=max(160, 18 * rows["indicator"].nunique()),
    )
    draw(chart, key="quality-coverage")
    table = renamed(view, rows, {
        "indicator_id": "indicator", "year": "year", "n_expected": "n_expected", "n_reported": "n_reported",
        "n_imputed": "n_imputed", "n_missing": "shade_missing", "n_suspect": "n_suspects",
    })  # fmt: skip
    offer(view, f"coverage-{level}-{shade}", table, chart, title=chart.title)


def _findings(view: View) -> None:
    st.subheader(view.translate("findings"), anchor=False)
    counts = queries.finding_counts(view.snapshot)
    everything = view.translate("all")
    first, second, third = st.columns(3)
    present = set(counts["severity"])
    severity = choose(
        view, "severity", view.translate("severity"),
        ["all", *(name for name in ("error", "warn", "info") if name in present)], place=first,
        name=lambda name: everything if name == "all" else view.translate(f"severity_{name}"),
    )  # fmt: skip
    detector = choose(
        view,
        "detector",
        view.translate("detector"),
        ["all", *dict.fromkeys(counts["detector"])],
        place=second,
        name=lambda name: everything if name == "all" else name,
    )
    indicator = choose(
        view, "about", view.translate("indicator"), ["all", *queries.finding_indicators(view.snapshot)],
        place=third,
        name=lambda name: everything if name == "all" else view.labels.variable(name),
    )  # fmt: skip
    chosen = ["" if value == "all" else value for value in (severity, detector, indicator)]
    rows = queries.findings(view.snapshot, chosen[0], chosen[1], chosen[2], SHOWN)
    if rows.empty:
        empty(view, view.translate("no_findings"))
        return
    total = queries.finding_total(view.snapshot, *chosen)
    st.caption(
        view.translate("first_of", shown=SHOWN, n=total)
        if total > SHOWN
        else view.translate("n_findings", n=total)
    )
    rows = rows.assign(
        region=view.names(rows),
        indicator=[view.labels.variable(name) if name else "" for name in rows["indicator_id"].fillna("")],
        weight=[view.translate(f"severity_{name}") for name in rows["severity"]],
    )
    table = renamed(view, rows, {
        "weight": "severity", "detector": "detector", "region": "region", "year": "year",
        "indicator": "indicator", "value": "value", "evidence": "evidence",
    })  # fmt: skip
    grid(
        table,
        column_config={view.translate("evidence"): st.column_config.TextColumn(width="large")},
    )  # fmt: skip
    offer(
        view,
        "findings-" + "-".join(value or "all" for value in chosen),
        table,
        title=view.translate("findings"),
    )
