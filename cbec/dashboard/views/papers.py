"""The five papers: what the audit found in their tables and sentences, and what our estimates say."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from cbec.dashboard import queries
from cbec.dashboard.parts import View, choose, empty, facts, grid, offer, renamed


def show(view: View) -> None:
    papers = queries.papers(view.snapshot)
    names = papers["title_zh" if view.lang == "zh" else "title_en"]
    titles = dict(zip(papers["study_id"], names, strict=True))
    paper = choose(view, "paper", view.translate("paper"), list(titles), name=lambda name: str(titles[name]))
    _audit(view, paper)
    _replication(view, paper)


def _audit(view: View, paper: str) -> None:
    st.subheader(view.translate("audit"), anchor=False)
    rules = queries.audit_summary(view.snapshot, paper)
    st.caption(
        view.translate(
            "audit_counts",
            tested=int(rules["n_tested"].sum()),
            passed=int(rules["n_passed"].sum()),
            flagged=int(rules["n_flagged"].sum()),
        )
    )
    everything = view.translate("all")
    left, right = st.columns(2)
    rows = queries.audit_findings(view.snapshot, paper)
    table_no = choose(
        view,
        "printed",
        view.translate("printed_table"),
        ["all", *dict.fromkeys(rows["table_no"])],
        place=left,
        name=lambda name: everything if name == "all" else name,
    )
    severity = choose(
        view, "weight", view.translate("severity"), ["all", *dict.fromkeys(rows["severity"])], place=right,
        name=lambda name: everything if name == "all" else view.translate(f"audit_{name}"),
    )  # fmt: skip
    if table_no != "all":
        rows = rows[rows["table_no"] == table_no]
    if severity != "all":
        rows = rows[rows["severity"] == severity]
    if rows.empty:
        empty(view, view.translate("no_findings"))
        return
    rows = rows.assign(
        rule_name=rows["name_zh" if view.lang == "zh" else "name_en"],
        weight=[view.translate(f"audit_{name}") for name in rows["severity"]],
        place=[
            " ".join(part for part in (row.row_label, row.column_label) if isinstance(part, str))
            for row in rows.itertuples()
        ],
        reported=rows["quote"].fillna(rows["printed"]),
    )
    columns = {
        "table_no": "printed_table", "place": "place", "weight": "severity", "rule_name": "audit_rule",
        "reported": "printed", "reading": "audit_reading", "suggestion": "audit_suggestion",
    }  # fmt: skip
    picked = grid(renamed(view, rows, columns), on_select="rerun", selection_mode="single-row")
    offer(
        view, f"audit-{paper}", renamed(view, rows, columns | {"evidence": "evidence"}),
        title=view.translate("audit"),
    )  # fmt: skip
    if picked.selection.rows:
        row = rows.iloc[picked.selection.rows[0]]
        facts(
            {
                view.translate(label): str(row[name])
                for name, label in (
                    ("rule_name", "audit_rule"), ("reported", "printed"), ("reading", "audit_reading"),
                    ("evidence", "evidence"), ("suggestion", "audit_suggestion"),
                )
                if pd.notna(row[name])
            }
        )  # fmt: skip
    else:
        st.caption(view.translate("pick_a_row"))


def _replication(view: View, paper: str) -> None:
    st.subheader(view.translate("replication"), anchor=False)
    rows = queries.replication(view.snapshot, paper)
    if rows.empty:
        empty(view, view.translate("no_coefficients_printed"))
        return
    verdicts = [str(name) for name in rows["verdict"]]
    st.caption(
        "; ".join(
            f"{view.translate(f'verdict_{name}')}: {verdicts.count(name)}" for name in dict.fromkeys(verdicts)
        )
    )
    rows = rows.assign(
        place=rows["table_no"].str.cat(rows["column_label"].fillna(""), sep=" ").str.strip(),
        judged=[view.translate(f"verdict_{name}") for name in rows["verdict"]],
    )
    table = renamed(view, rows, {
        "place": "table_column", "printed_term": "term", "published": "printed", "published_std_error":
        "std_error", "ours": "ours", "difference_z": "difference_z", "judged": "verdict", "reason": "reason",
    })  # fmt: skip
    grid(table)
    offer(view, f"replication-{paper}", table, title=view.translate("replication"))
