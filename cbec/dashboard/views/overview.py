"""How fresh and how good the published data are, and which studies can run."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pandas as pd
import streamlit as st

from cbec.dashboard import queries
from cbec.dashboard.parts import View, missing_names, offer, status_label


def show(view: View) -> None:
    _freshness(view)
    _cells(view)
    _studies(view)


def _freshness(view: View) -> None:
    published = queries.publication(view.snapshot)
    tests = [
        view.say(
            f"test_{row.status}" if row.status in ("pass", "warn") else "test_other",
            n=row.n_tests,
            status=row.status,
        )
        for row in queries.tests(view.snapshot).itertuples()
    ]
    st.markdown(
        view.say(
            "built_ago",
            when=f"{published['built_at']:%Y-%m-%d %H:%M}",
            age=_age(view, published["built_at"]),
            run=published["run_id"],
            commit=str(published["git_commit"] or "?")[:10],
            dirty=view.say("dirty") if published["git_is_dirty"] else "",
        )
        + " "
        + view.say("tests_line", text=view.say("list").join(tests))
    )


def _age(view: View, built_at: Any) -> str:
    minutes = int((datetime.now(UTC).replace(tzinfo=None) - built_at).total_seconds() // 60)
    if minutes < 120:
        return view.say("minutes", n=max(minutes, 0))
    return view.say("hours", n=minutes // 60) if minutes < 2880 else view.say("days", n=minutes // 1440)


def _cells(view: View) -> None:
    sizes = queries.sizes(view.snapshot)
    with st.container(horizontal=True, key="sizes"):
        for name in ("n_values", "n_filled", "n_suspect", "n_missing", "n_indicators", "n_regions"):
            st.metric(view.say(name), f"{sizes[name]:,}", width=120)
    st.subheader(view.say("by_status"), anchor=False)
    counts = queries.status_counts(view.snapshot)
    table = pd.DataFrame(
        {
            view.say("status"): [status_label(view, letter) for letter in counts["obs_status"]],
            view.say("n_cells"): counts["n_cells"],
            view.say("share_pct"): (100 * counts["n_cells"] / max(counts["n_cells"].sum(), 1)).round(2),
        }
    )
    shown = table.assign(
        **{
            view.say("n_cells"): [f"{n:,}" for n in counts["n_cells"]],
            view.say("share_pct"): [f"{share:.2f}" for share in table[view.say("share_pct")]],
        }
    )
    st.table(shown, hide_index=True, border="horizontal", width="content")
    found = queries.finding_counts(view.snapshot).groupby("severity")["n_findings"].sum()
    if len(found):
        parts = [
            f"{found[name]:,} {view.say(f'severity_{name}')}"
            for name in ("error", "warn", "info")
            if name in found
        ]  # fmt: skip
        st.markdown(f"{view.say('findings')}: " + view.say("list").join(parts))
    offer(view, "overview-status", table, title=view.say("by_status"))


def _studies(view: View) -> None:
    studies = queries.readiness(view.snapshot)
    st.subheader(view.say("studies"), anchor=False)
    is_ready = studies["study_status"] == "ready"
    titles = studies["title_zh" if view.lang == "zh" else "title_en"]
    st.markdown(f"**:green[{view.say('n_ready', n=int(is_ready.sum()))}]**")
    ready = zip(titles[is_ready], studies["study_id"][is_ready], strict=True)
    st.markdown("\n".join(f"- {title} (`{key}`)" for title, key in ready))
    st.markdown(f"**:orange[{view.say('n_awaiting', n=int((~is_ready).sum()))}]**")
    waiting = studies[~is_ready]
    for missing, given, title in zip(
        waiting["missing"], waiting["missing_zh"], titles[~is_ready], strict=True
    ):
        names = view.say("list").join(missing_names(view, missing, given))
        with st.expander(view.say("missing_n", title=title, n=len(missing))):
            st.markdown(names or view.say("no_rows"))
    table = pd.DataFrame(
        {
            view.say("study_id"): studies["study_id"],
            view.say("title"): titles,
            view.say("status"): [view.say("ready") if ready else view.say("awaiting") for ready in is_ready],
            view.say("missing_list"): [", ".join(map(str, names)) for names in studies["missing"]],
        }
    )
    offer(view, "overview-studies", table, title=view.say("studies"))
