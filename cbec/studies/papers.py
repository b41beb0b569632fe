"""docs/PAPERS: the part of each paper that the audit writes, from the warehouse."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import duckdb

Language = Literal["en", "zh"]
START, END = "<!-- audit: {study} -->", "<!-- /audit -->"
HEADS = {
    "en": ("Table", "Rule", "Severity", "Where", "Finding", "Would agree"),
    "zh": ("表", "规则", "程度", "位置", "发现", "一处小改动"),
}
SEVERITY = {"en": {"error": "error", "warning": "warning"}, "zh": {"error": "错误", "warning": "存疑"}}


def audit_part(con: duckdb.DuckDBPyConnection, study_id: str, lang: Language) -> str:
    """Findings of a study as a Markdown table with a line of counts above it."""
    tested, passed, flagged = con.execute(
        "select coalesce(sum(n_tested), 0)::int, coalesce(sum(n_passed), 0)::int,"
        " coalesce(sum(n_flagged), 0)::int from estimates.publication_audit_summary where study_id = ?",
        [study_id],
    ).fetchall()[0]
    rows = con.execute(
        f"select table_no, name_{lang}, severity, concat_ws(' ', row_label, column_label), quote,"
        " source_line, printed, reading, suggestion from estimates.publication_audit"
        " where study_id = ? order by finding_no",
        [study_id],
    ).fetchall()
    counts = {
        "en": f"{tested} statements tested, {passed} hold, {flagged} do not.",
        "zh": f"检验 {tested} 条，成立 {passed} 条，不成立 {flagged} 条。",
    }[lang]
    head = HEADS[lang]
    lines = [counts, "", "| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for table, rule, severity, where, quote, line, printed, reading, suggestion in rows:
        words = {"en": f"“{quote}” (line {line}): ", "zh": f"“{quote}”（第{line}行）："}[lang]
        text = words + reading if quote else reading
        place = where or (printed if printed and len(printed) < 60 else "")
        cells = (table, rule, SEVERITY[lang][severity], place, text, suggestion or "")
        lines.append("| " + " | ".join(" ".join(str(c).split()).replace("|", "\\|") for c in cells) + " |")
    return "\n".join(lines)


def with_audit(text: str, con: duckdb.DuckDBPyConnection, lang: Language) -> str:
    """A document with the audit's parts between their marks; raises ValueError where an end mark lacks."""
    parts = text.split("<!-- audit: ")
    out = parts[0]
    for part in parts[1:]:
        study_id, rest = part.split(" -->", 1)
        if END not in rest:
            raise ValueError(f"{study_id}: no {END} after its mark")
        after = rest.split(END, 1)[1]
        out += f"{START.format(study=study_id)}\n{audit_part(con, study_id, lang)}\n{END}{after}"
    return out


def write_papers(docs: Path, con: duckdb.DuckDBPyConnection) -> None:
    """Bring docs/PAPERS.md and docs/PAPERS.zh.md up to the warehouse."""
    languages: tuple[tuple[str, Language], ...] = (("PAPERS.md", "en"), ("PAPERS.zh.md", "zh"))
    for name, lang in languages:
        path = docs / name
        path.write_text(with_audit(path.read_text(encoding="utf-8"), con, lang), encoding="utf-8")


if __name__ == "__main__":
    from cbec.common.warehouse import connect, published
    from cbec.project import Project

    project = Project.here()
    with connect(published(project, "dev")) as connection:
        write_papers(project.root / "docs", connection)
