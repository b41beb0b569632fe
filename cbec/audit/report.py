"""The findings of a file: on the terminal, as JSON, and as a page with each finding beside its cell."""

from __future__ import annotations

import html
import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from cbec.audit.run import Audited
from cbec.audit.words import KIND, LANGUAGES, LEVEL, RULES, SAYS, Language, name_of, sentence
from cbec.common.cells import clean
from cbec.common.console import InertConsole
from cbec.common.files import replace_with
from cbec.project import CbecError

POLICY = "default-src 'none'; style-src 'unsafe-inline'"
STYLE = """
body{font:15px/1.5 system-ui,"Noto Sans CJK SC",sans-serif;margin:2rem auto;max-width:76rem;padding:0 1rem;
color:#1a1a1a}table{border-collapse:collapse;margin:.6rem 0 1.4rem}td,th{padding:.25rem .6rem;
border-bottom:1px solid #ddd;text-align:left;vertical-align:top;white-space:pre-wrap}
table.printed td{border:1px solid #e2e2e2}
.error{background:#f9d6d5}.doubt{background:#fdeccb}.remark{background:#e3edf7}
sup a{text-decoration:none;font-weight:600}code{font-size:.85em;overflow-wrap:anywhere}small{color:#555}
"""


def counts(audited: Sequence[Audited]) -> dict[str, int]:
    return {level: sum(one.count(level) for one in audited) for level in ("error", "doubt", "remark")}


def print_report(file: str, audited: Sequence[Audited], lang: Language, out: InertConsole) -> None:
    """One block a table, the worst finding first; nothing of the file is taken for markup."""
    says = SAYS[lang]
    at = LANGUAGES.index(lang)
    for one in audited:
        title = " ".join(one.grid.title.split())[:100]
        kind = KIND[one.layout.kind][at]
        out.print(
            f"{one.grid.name}: {title}" if title else one.grid.name,
            markup=False,
            highlight=False,
            style="bold",
        )
        out.print(
            f"  {says['read']}: {kind if one.is_read else says['unread']}", markup=False, highlight=False
        )
        if one.is_read and not one.findings:
            out.print(f"  {says['none']}", markup=False, highlight=False)
        for finding in one.findings:
            level = LEVEL[lang][finding.level]
            where = f" [{finding.where}]" if finding.where else ""
            out.print(
                f"  {level}: {name_of(finding.rule, lang)}{where}",
                markup=False,
                highlight=False,
                soft_wrap=True,
            )
            out.print(f"    {sentence(finding, lang)}", markup=False, highlight=False, soft_wrap=True)
            if finding.cells:
                cells = ", ".join(f"{place} {text}" for place, text in finding.cells)
                out.print(f"    {says['cells']}: {cells}", markup=False, highlight=False, soft_wrap=True)
            if finding.evidence:
                out.print(
                    f"    {says['evidence']}: {finding.evidence}",
                    markup=False,
                    highlight=False,
                    soft_wrap=True,
                )
    summary = Table.grid(padding=(0, 2))
    summary.add_row(says["counts"].format(**counts(audited)))
    out.print(summary)


def as_json(file: str, audited: Sequence[Audited]) -> str:
    """The same in both languages at once; `evidence` is SQL that gives true."""
    tables = [
        {
            "table": one.grid.name,
            "title": one.grid.title,
            "kind": one.layout.kind,
            "is_audited": one.is_read,
            "questions": [{"field": name, "guess": guess} for name, guess in one.layout.questions],
            "findings": [_record(one, n) for n in range(len(one.findings))],
        }
        for one in audited
    ]
    return json.dumps({"file": file, **counts(audited), "tables": tables}, ensure_ascii=False, indent=2)


def _record(one: Audited, n: int) -> dict[str, Any]:
    finding = one.findings[n]
    return {
        "rule": finding.rule,
        "level": finding.level,
        "where": finding.where,
        "cells": [{"place": place, "printed": text} for place, text in finding.cells],
        "figures": dict(finding.args),
        "evidence": finding.evidence,
        "source": RULES[finding.rule][2],
        "name_en": name_of(finding.rule, "en"),
        "name_zh": name_of(finding.rule, "zh"),
        "text_en": sentence(finding, "en"),
        "text_zh": sentence(finding, "zh"),
    }


def write_page(path: Path, file: str, audited: Sequence[Audited], lang: Language) -> None:
    """A page without scripts: every table as it was read, cells coloured by their worst finding, with the
    number of each. Raises CbecError (exit code 4) where it cannot be written."""
    says = SAYS[lang]
    at = LANGUAGES.index(lang)
    title = _text(says["title"].format(file=file))
    parts = [
        f"<!doctype html><html lang='{lang}'><head><meta charset='utf-8'><title>{title}</title>",
        f"<meta http-equiv='Content-Security-Policy' content=\"{POLICY}\">",
        f"<style>{STYLE}</style></head><body><h1>{title}</h1>",
        f"<p>{_text(says['counts'].format(**counts(audited)))}<br><small>{_text(says['intervals'])}</small></p>",
    ]
    for number, one in enumerate(audited, 1):
        heading = f"{one.grid.name} {' '.join(one.grid.title.split())}".strip()
        kind = KIND[one.layout.kind][at] if one.is_read else says["unread"]
        parts.append(f"<h2>{_text(heading)}</h2><p><small>{_text(says['read'])}: {_text(kind)}</small></p>")
        parts.append(_printed(one, number))
        if one.grid.note:
            parts.append(f"<p><small>{_text(one.grid.note)}</small></p>")
        if not one.findings:
            parts.append(f"<p>{_text(says['none'])}</p>" if one.is_read else "")
            continue
        heads = (
            "",
            says["level"],
            says["rule"],
            says["where"],
            says["finding"],
            says["cells"],
            says["evidence"],
        )
        parts.append("<table><tr>" + "".join(f"<th>{_text(head)}</th>" for head in heads) + "</tr>")
        for n, finding in enumerate(one.findings, 1):
            cells = ", ".join(f"{place} {text}" for place, text in finding.cells)
            rule = f"{_text(name_of(finding.rule, lang))}<br><small>{_text(RULES[finding.rule][2])}</small>"
            values = (
                f"<td id='f{number}.{n}'>{n}</td>"
                f"<td class='{finding.level}'>{_text(LEVEL[lang][finding.level])}</td>"
                f"<td>{rule}</td><td>{_text(finding.where)}</td><td>{_text(sentence(finding, lang))}</td>"
                f"<td>{_text(cells)}</td><td><code>{_text(finding.evidence)}</code></td>"
            )
            parts.append(f"<tr>{values}</tr>")
        parts.append("</table>")
    parts.append("</body></html>\n")
    try:
        replace_with(path, lambda beside: _write(beside, "\n".join(parts)))
    except OSError as error:
        raise CbecError(f"{path}: cannot be written: {error.strerror}", exit_code=4) from None


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _printed(one: Audited, number: int) -> str:
    marks: dict[str, list[int]] = defaultdict(list)
    levels: dict[str, str] = {}
    for n, finding in enumerate(one.findings, 1):
        for place, _ in finding.cells:
            marks[place].append(n)
            levels.setdefault(place, finding.level)
    rows = []
    for places, texts in zip(one.grid.places, one.grid.rows, strict=True):
        cells = []
        for place, text in zip(places, texts, strict=True):
            links = "".join(
                f"<sup><a href='#f{number}.{n}'>{n}</a></sup>" for n in dict.fromkeys(marks.get(place, []))
            )
            style = f" class='{levels[place]}'" if place in levels else ""
            cells.append(f"<td{style} title='{html.escape(place)}'>{_text(text)}{links}</td>")
        rows.append(f"<tr>{''.join(cells)}</tr>")
    return f"<table class='printed'>{''.join(rows)}</table>"


def _text(text: str) -> str:
    return html.escape(clean(text))
