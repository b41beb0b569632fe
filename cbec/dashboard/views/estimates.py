"""What the estimates say: coefficients by estimator, event studies and placebo tests."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from cbec.common.words import ESTIMATORS, RULES, named, scheme_words
from cbec.dashboard import queries
from cbec.dashboard.charts import Chart, palette
from cbec.dashboard.parts import (
    View,
    awaiting,
    choose,
    draw,
    empty,
    grid,
    missing_names,
    offer,
    renamed,
    switch,
)

# Points of one event year stand side by side within this many years.
SPREAD = 0.6
BINS = 40


def show(view: View) -> None:
    studies = queries.readiness(view.snapshot).set_index("study_id")
    titles = studies["title_zh" if view.lang == "zh" else "title_en"]
    order = sorted(studies.index, key=lambda key: (studies.loc[key, "study_status"] != "ready", key))
    study = choose(
        view, "study", view.translate("study", name="").strip("：: "), order, default="major_cities",
        name=lambda key: f"{titles[key]} ({key})",
    )  # fmt: skip
    outcomes = queries.estimated_outcomes(view.snapshot, study)
    missing = list(studies.loc[study, "missing"])
    names = missing_names(view, missing, studies.loc[study, "missing_zh"])
    if not outcomes:
        awaiting(view, missing, what=str(titles[study]), names=names)
        return
    if studies.loc[study, "study_status"] != "ready":
        with st.expander(view.translate("missing_n", title=titles[study], n=len(missing))):
            st.markdown(view.translate("list").join(names))
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    outcome = choose(
        view, "outcome", view.translate("outcome"), outcomes, name=view.labels.variable, place=left
    )
    with right:
        observed_only = switch(
            view, "observed", view.translate("observed_only"), help_=view.translate("observed_help")
        )
    _coefficients(view, study, outcome, observed_only)
    _event_study(view, study, outcome, observed_only)
    _placebo(view, study, outcome)


def _estimator(view: View, row: object) -> str:
    name = named(ESTIMATORS, str(row.estimator), view.lang)  # type: ignore[attr-defined]
    options = str(row.options)  # type: ignore[attr-defined]
    return f"{name}, {options}" if options else name


def _coefficients(view: View, study: str, outcome: str, observed_only: bool) -> None:
    st.subheader(view.translate("coefficients"), anchor=False)
    rows = queries.coefficients(view.snapshot, study, outcome, observed_only)
    if rows.empty:
        empty(view, view.translate("no_observed") if observed_only else view.translate("no_rows"))
        return
    rows = rows.assign(
        method=[_estimator(view, row) for row in rows.itertuples()],
        treatment=[view.labels.variable(term) for term in rows["term"]],
        place=[f"{row.table_no}({row.column_no})" for row in rows.itertuples()],
    )
    rows["label"] = rows["place"] + " " + rows["method"]
    # Treatments of different units (a zone, an index, a count) share no axis.
    terms = list(dict.fromkeys(rows["term"]))
    term = terms[0]
    if len(terms) > 1:
        term = choose(view, "term", view.translate("term"), terms, name=view.labels.variable)
    drawn = rows[rows["term"] == term]
    names = [named(ESTIMATORS, name, view.lang) for name in drawn["estimator"]]
    chart = Chart(
        "interval",
        drawn.assign(estimator=names)[
            ["label", "estimate", "ci_low", "ci_high", "std_error", "estimator", "n_obs"]
        ],
        x="estimate", y="label", low="ci_low", high="ci_high",
        title=f"{view.labels.variable(outcome)}: {view.labels.variable(term)}"
        + (f" — {view.translate('observed_only')}" if observed_only else ""),
        subtitle=view.subtitle, x_title=view.translate("estimate"), colour="estimator",
        palette=palette(list(dict.fromkeys(names))),
        tooltip=(("label", view.translate("estimator")), ("estimate", view.translate("estimate")),
                 ("std_error", view.translate("std_error")), ("ci_low", view.translate("ci_low")),
                 ("ci_high", view.translate("ci_high")), ("n_obs", view.translate("n_obs"))),
        height=max(120, 24 * len(drawn)),
    )  # fmt: skip
    draw(chart, key="estimates-coefficients")
    st.caption(view.translate("interval_note"))
    shown = rows.assign(
        stars=rows["stars"].fillna(""),
        rule=[
            named(RULES, str(rule), view.lang) if rule else "" for rule in rows["treatment_rule"].fillna("")
        ],
        filled=100 * rows["imputed_share"],
        on_filled=100 * rows["imputed_row_share"],
        on_flagged=100 * rows["flagged_row_share"],
        reason=[view.labels.translate(text) for text in rows["drop_reason"].fillna("").astype(str)],
        remark=[view.labels.translate(text) for text in rows["note"].fillna("").astype(str)],
    )
    table = renamed(view, shown, {
        "place": "table_column", "method": "estimator", "treatment": "term", "estimate": "estimate",
        "std_error": "std_error", "p_value": "p_value", "ci_low": "ci_low", "ci_high": "ci_high",
        "n_obs": "n_obs", "n_clusters": "n_clusters", "filled": "imputed_share_pct",
        "on_filled": "imputed_row_share", "on_flagged": "flagged_row_share", "cell_status": "cell_status",
        "rule": "treatment_rule", "n_dropped": "n_dropped",
        "reason": "drop_reason", "remark": "note",
    })  # fmt: skip
    decimals = st.column_config.NumberColumn(format="%.4f")
    grid(
        table,
        column_config={
            view.translate(name): decimals
            for name in ("estimate", "std_error", "p_value", "ci_low", "ci_high")
        },
    )
    kind = "observed" if observed_only else "all"
    offer(view, f"coefficients-{study}-{outcome}-{kind}", table, chart, title=chart.title)


def _event_study(view: View, study: str, outcome: str, observed_only: bool) -> None:
    st.subheader(view.translate("event_study"), anchor=False)
    rows = queries.event_study(view.snapshot, study, outcome, observed_only)
    if rows.empty:
        empty(view, view.translate("no_event_study"))
        return
    rows = rows.assign(
        series=[f"{row.table_no}({row.column_no}) {_estimator(view, row)}" for row in rows.itertuples()]
    )
    series = list(dict.fromkeys(rows["series"]))
    offsets = np.linspace(-SPREAD / 2, SPREAD / 2, len(series)) if len(series) > 1 else np.zeros(1)
    rows["place"] = rows["event_year"] + rows["series"].map(dict(zip(series, offsets, strict=True)))
    chart = Chart(
        "interval",
        rows[["place", "event_year", "estimate", "ci_low", "ci_high", "series", "base_period"]],
        x="place", y="estimate", low="ci_low", high="ci_high", upright=True, marks=(-0.5,),
        title=f"{view.translate('event_study')}: {view.labels.variable(outcome)}", subtitle=view.subtitle,
        x_title=view.translate("event_year"), y_title=view.translate("estimate"), colour="series",
        palette=palette(series),
        tooltip=(("series", view.translate("estimator")), ("event_year", view.translate("event_year")),
                 ("estimate", view.translate("estimate")), ("ci_low", view.translate("ci_low")),
                 ("ci_high", view.translate("ci_high")), ("base_period", view.translate("base_period"))),
        height=340,
    )  # fmt: skip
    draw(chart, key="estimates-events")
    st.caption(view.translate("interval_note"))
    table = renamed(view, rows, {
        "series": "estimator", "event_year": "event_year", "estimate": "estimate", "std_error": "std_error",
        "ci_low": "ci_low", "ci_high": "ci_high", "base_period": "base_period", "n_cohorts": "n_cohorts",
        "imputed_share": "imputed_share",
    })  # fmt: skip
    kind = "observed" if observed_only else "all"
    offer(view, f"event-study-{study}-{outcome}-{kind}", table, chart, title=chart.title)


def _placebo(view: View, study: str, outcome: str) -> None:
    st.subheader(view.translate("placebo"), anchor=False)
    summaries = queries.placebo_summaries(view.snapshot, study, outcome)
    if summaries.empty:
        empty(view, view.translate("no_placebo"))
        return
    keys = [f"{row.table_no}.{row.column_no}.{row.scheme}" for row in summaries.itertuples()]
    by_key = dict(zip(keys, summaries.to_dict("records"), strict=True))
    key = choose(
        view, "placebo", view.translate("test_choice"), keys,
        name=lambda key: (
            f"{by_key[key]['table_no']}({by_key[key]['column_no']}) "
            + scheme_words(str(by_key[key]["scheme"]), view.lang)
        ),
    )  # fmt: skip
    summary = by_key[key]
    draws = queries.placebo_draws(
        view.snapshot, study, summary["table_no"], int(summary["column_no"]), summary["scheme"]
    )
    counts, edges = np.histogram(draws["estimate"].dropna(), bins=BINS)
    actual = float(summary["estimate"])
    chart = Chart(
        "histogram", pd.DataFrame({"low": edges[:-1], "high": edges[1:], "n": counts}),
        x="low", y="n", low="low", high="high", marks=(actual,),
        title=f"{view.translate('placebo')}: {view.labels.variable(outcome)}", subtitle=view.subtitle,
        x_title=view.translate("draws_axis"), y_title=view.translate("count_axis"),
        tooltip=(("n", view.translate("count_axis")),), height=260,
    )  # fmt: skip
    draw(chart, key="estimates-placebo")
    st.caption(
        view.translate(
            "placebo_line", estimate=f"{actual:.4f}", n=summary["n_draws"], seed=summary["seed"],
            p=f"{summary['p_randomization']:.4f}",
        )
    )  # fmt: skip
    table = draws.rename(
        columns={"estimate": view.translate("estimate"), "p_value": view.translate("p_value")}
    )
    table = table.drop(columns="is_simulated")
    offer(view, f"placebo-{study}-{outcome}-{key}", table, chart, title=chart.title)
