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
        view.translate(
            f"test_{row.status}" if row.status in ("pass", "warn") else "test_other",
            n=row.n_tests,
            status=row.status,
        )
        for row in queries.tests(view.snapshot).itertuples()
    ]
    st.markdown(
        view.translate(
            "built_ago",
            when=f"{published['built_at']:%Y-%m-%d %H:%M}",
            age=_age(view, published["built_at"]),
            run=published["run_id"],
            commit=str(published["git_commit"] or "?")[:10],
            dirty=view.translate("dirty") if published["git_is_dirty"] else "",
        )
        + " "
        + view.translate("tests_line", text=view.translate("list").join(tests))
    )


def _age(view: View, built_at: Any) -> str:
    minutes = int((datetime.now(UTC).replace(tzinfo=None) - built_at).total_seconds() // 60)
    if minutes < 120:
        return view.translate("minutes", n=max(minutes, 0))
    return (
        view.translate("hours", n=minutes // 60)
        if minutes < 2880
        else view.translate("days", n=minutes // 1440)
    )


def _cells(view: View) -> None:
    sizes = queries.sizes(view.snapshot)
    with st.container(horizontal=True, key="sizes"):
        for name in ("n_values", "n_filled", "n_suspect", "n_missing", "n_indicators", "n_regions"):
            st.metric(view.translate(name), f"{sizes[name]:,}", width=120)
    st.subheader(view.translate("by_status"), anchor=False)
    counts = queries.status_counts(view.snapshot)
    table = pd.DataFrame(
        {
            view.translate("status"): [
                status_label(view, status_code) for status_code in counts["obs_status"]
            ],
            view.translate("n_cells"): counts["n_cells"],
            view.translate("share_pct"): (100 * counts["n_cells"] / max(counts["n_cells"].sum(), 1)).round(2),
        }
    )
    shown = table.assign(
        **{
            view.translate("n_cells"): [f"{n:,}" for n in counts["n_cells"]],
            view.translate("share_pct"): [f"{share:.2f}" for share in table[view.translate("share_pct")]],
        }
    )
    st.table(shown, hide_index=True, border="horizontal", width="content")
    found = queries.finding_counts(view.snapshot).groupby("severity")["n_findings"].sum()
    if len(found):
        parts = [
            f"{found[name]:,} {view.translate(f'severity_{name}')}"
            for name in ("error", "warn", "info")
            if name in found
        ]  # fmt: skip
        st.markdown(f"{view.translate('findings')}: " + view.translate("list").join(parts))
    offer(view, "overview-status", table, title=view.translate("by_status"))


# Of a study: colour, name, and heading of its group.
STATUSES = {
    "ready": ("green", "ready", "n_ready"),
    "partly ready": ("blue", "partly", "n_partly"),
    "awaiting data": ("orange", "awaiting", "n_awaiting"),
}


def _studies(view: View) -> None:
    studies = queries.readiness(view.snapshot)
    st.subheader(view.translate("studies"), anchor=False)
    titles = studies["title_zh" if view.lang == "zh" else "title_en"]
    done = [
        view.translate("columns_done", n=n, k=k) if k else ""
        for n, k in zip(studies["n_estimated"], studies["n_columns"], strict=True)
    ]
    for status, (colour, _, heading) in STATUSES.items():
        is_of = studies["study_status"] == status
        if not is_of.any():
            continue
        st.markdown(f"**:{colour}[{view.translate(heading, n=int(is_of.sum()))}]**")
        for place in studies.index[is_of]:
            row, title = studies.loc[place], titles[place]
            names = view.translate("list").join(missing_names(view, row["missing"], row["missing_zh"]))
            if not names:
                st.markdown(f"- {title} (`{row['study_id']}`)")
                continue
            with st.expander(view.translate("missing_n", title=title, n=len(row["missing"]))):
                st.markdown("\n\n".join(filter(None, (done[place], names))))
    table = pd.DataFrame(
        {
            view.translate("study_id"): studies["study_id"],
            view.translate("title"): titles,
            view.translate("status"): [
                view.translate(STATUSES[status][1]) for status in studies["study_status"]
            ],
            view.translate("columns_estimated"): done,
            view.translate("missing_list"): [", ".join(map(str, names)) for names in studies["missing"]],
        }
    )
    offer(view, "overview-studies", table, title=view.translate("studies"))
