"""Answers of `cbec why` on a terminal and as JSON."""

from __future__ import annotations

import dataclasses
import datetime
import json
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.table import Table

from cbec.common.withheld import reason_in
from cbec.common.words import translate
from cbec.provenance.answers import WhyCell, WhyEstimate, WhyPublished
from cbec.provenance.walk import SourceCell, ZoneAct

Answer = WhyEstimate | tuple[WhyCell, ...] | WhyPublished


def as_json(answer: Answer) -> str:
    """Everything in an answer; figures keep their decimals as text."""
    plain = (
        [dataclasses.asdict(item) for item in answer]
        if isinstance(answer, tuple)
        else dataclasses.asdict(answer)
    )
    return json.dumps(plain, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    if isinstance(value, datetime.date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not JSON")


def show(answer: Answer, out: Console, *, limit: int = 10) -> None:
    """Print an answer; limit: rows of each list, 0 for all."""
    if isinstance(answer, tuple):
        for item in answer:
            _show_cell(item, out, limit)
    elif isinstance(answer, WhyEstimate):
        _show_estimate(answer, out, limit)
    else:
        _show_published(answer, out, limit)


class _Page:
    """Lines and tables with one style; names of seeds are never markup."""

    def __init__(self, out: Console, limit: int) -> None:
        self.out, self.limit = out, limit

    def line(self, text: str) -> None:
        self.out.print(text, markup=False, highlight=False, soft_wrap=True)

    def title(self, text: str) -> None:
        self.out.print()
        self.out.print(text, style="bold", markup=False, highlight=False, soft_wrap=True)

    def simulated(self, is_simulated: bool) -> None:
        if is_simulated:
            self.line("SIMULATED DATA: drawn by `cbec demo`; nobody published these figures")

    def table(self, columns: list[str], rows: list[list[Any]]) -> None:
        table = Table(*columns, box=None, pad_edge=False)
        shown = rows[: self.limit] if self.limit else rows
        for row in shown:
            table.add_row(*(_text(value) for value in row))
        self.out.print(table, markup=False, highlight=False)
        if len(rows) > len(shown):
            self.line(f"... and {len(rows) - len(shown)} more (--limit 0 shows all)")


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        if abs(value) < 1000:
            return f"{value:.4g}"
        return f"{value:,.2f}" if abs(value) < 1e6 else f"{value:,.0f}"
    return format(value.normalize(), "f") if isinstance(value, Decimal) else str(value)


def _share(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f} %"


def _name(code: str, zh: str | None, en: str | None) -> str:
    return " ".join(part for part in (code, zh, en) if part)


def _printed(cell: SourceCell) -> str:
    if cell.value_printed:
        return f"{cell.value_printed} {cell.unit_printed or ''}".strip()
    return "blank" if cell.cell else "not printed"


def _sources(page: _Page, cells: tuple[SourceCell, ...]) -> None:
    page.table(
        ["region", "year", "indicator", "scope", "vintage", "edition", "printed", "value", "status", "file",
         "sheet", "cell", "sha256", "source"],
        [
            [
                _name(c.region_code, c.name_zh, None), c.year, c.indicator_id, c.scope, c.vintage, c.edition,
                _printed(c),
                None if c.value is None else f"{_text(c.value)} {c.unit}", c.obs_status_all,
                c.file or "unknown", c.sheet, c.cell, (c.sha256 or "")[:12],
                f"{c.citation}{'' if c.certainty in (None, 'stated') else f' ({c.certainty})'}",
            ]
            for c in cells
        ],
    )  # fmt: skip
    for cell in cells[: page.limit or None]:
        words = [
            f"filled: {cell.impute_method} by {cell.impute_by or 'unknown'}" if cell.impute_method else "",
            f"from {', '.join(map(str, cell.anchor_years))}" if cell.anchor_years else "",
            f"suspect: {cell.suspect_codes}" if cell.suspect_codes else "",
            cell.obs_comment or "",
            cell.correction or "",
        ]
        if any(words):
            page.line(
                f"  {cell.region_code} {cell.year} {cell.indicator_id}: {'; '.join(filter(None, words))}"
            )


def _zones(page: _Page, zones: tuple[ZoneAct, ...]) -> None:
    page.table(
        ["zone", "name", "batch", "document", "approved", "confirmed", "counts from", "coverage", "source"],
        [
            [z.zone_no, z.name_zh, z.batch, z.document_no, z.approved_on, z.approved_on_verified,
             z.start_year, z.coverage, z.source]
            for z in zones
        ],
    )  # fmt: skip


def _findings(page: _Page, findings: tuple[Any, ...]) -> None:
    if findings:
        page.title(f"Findings of the detectors on these figures: {len(findings)}")
        page.table(
            ["severity", "detector", "region", "year", "indicator", "evidence"],
            [[f.severity, f.detector, f.region_code, f.year, f.indicator_id, f.evidence] for f in findings],
        )


def _error(row: dict[str, Any]) -> str:
    """The standard error of a row, or that there is none and why, in both languages."""
    if row["std_error"] is not None:
        return f"standard error {_text(row['std_error'])}"
    reason = reason_in(row)
    if reason is None:
        return "no standard error 没有标准误"
    return f"standard error, p and interval {reason} {translate(reason, 'zh')}"


def _show_estimate(answer: WhyEstimate, out: Console, limit: int) -> None:
    page, row, spec, sample = _Page(out, limit), answer.estimate, answer.specification, answer.sample
    page.simulated(answer.is_simulated)
    where = f"{row['study_id']} {row['table_no']}({row['column_no']})"
    p = f", p {_text(row['p_value'])} [{_text(row['ci_low'])}, {_text(row['ci_high'])}]"
    page.line(
        f"{where} {row['term']}: {_text(row['estimate'])}{row['stars'] or ''}, {_error(row)}"
        f"{'' if row['std_error'] is None else p}"
    )
    if answer.observed_only:
        observed_only = answer.observed_only
        page.line(
            f"on observed cells only: {_text(observed_only['estimate'])}{observed_only['stars'] or ''},"
            f" {_error(observed_only)}, n {observed_only['n_obs']}"
        )
    page.title("Specification")
    page.line(f"{spec['estimator']}, {row['engine']}: {row['formula']}")
    page.line(
        f"fixed effects {row['fixed_effects'] or 'none'}; errors {row['vcov']}; treatment rule"
        f" {row['treatment_rule'] or 'none'}; options {row['options'] or 'none'}; winsorised"
        f" {row['winsor'] or 'no'}; subgroup {row['subgroup'] or 'none'}"
    )
    for seed in answer.specification_row:
        page.line(f"declared in {seed.path} ({seed.key}), sha256 {seed.sha256}")
    if row["note"]:
        page.line(f"note: {row['note']}")
    page.title("Sample")
    page.line(
        f"{sample['sample']}: {sample['n_obs']} observations, {sample['n_units']} units,"
        f" {sample['first_year']}-{sample['last_year']}; {sample['n_dropped']} of {sample['n_offered']}"
        f" dropped ({sample['drop_reason']})"
    )
    page.line(
        f"cells used: {row['cell_status'] or 'none'}; {_share(row['imputed_share'])} filled; of the rows"
        f" {_share(row['imputed_row_share'])} rest on a filled cell and {_share(row['flagged_row_share'])} on"
        " one that a detector flags"
    )
    page.title("Filled and suspect cells by variable; arms: units treated by the last year, and the others")
    page.table(
        ["role", "variable", "name", "cells", "filled", "in treated", "in others", "suspect", "status"],
        [
            [v.role, v.panel_column, v.name_zh or v.name_en, v.n_cells, _share(v.filled_share),
             _share(v.filled_share_treated), _share(v.filled_share_control), _share(v.suspect_share),
             v.cell_status]
            for v in answer.variables
        ],
    )  # fmt: skip
    page.title(f"Units that move it most when left out ({answer.influence_origin})")
    page.table(
        ["left out", "estimate", "standard error", "effective clusters", "shift", "shift in standard errors"],
        [
            [_name(i.region_code, i.name_zh, i.name_en), i.estimate,
             "withheld 不发布" if i.withheld else i.std_error,
             i.n_effective_clusters, i.shift, i.shift_in_se]
            for i in answer.influences
        ],
    )  # fmt: skip
    page.title(f"Files: {len(answer.cells)} figures go into it")
    page.table(
        ["file", "sheet or table", "indicator", "figures", "filled", "first", "last", "sha256", "source"],
        [
            [f.file or "unknown", f.sheet, f.indicator_id, f.n_cells, f.n_filled, f.first_cell, f.last_cell,
             (f.sha256 or "")[:12], f.citation]
            for f in answer.files
        ],
    )  # fmt: skip
    page.title("Figures")
    _sources(page, answer.cells)
    if any(v.panel_column.startswith("green_tfp") for v in answer.variables):
        page.line(
            "the frontier that productivity is measured against holds the other cities of the sample too"
        )
    if answer.zones:
        page.title(f"Zones behind the treatment: {len(answer.zones)}")
        _zones(page, answer.zones)
    _findings(page, answer.findings)


def _show_cell(answer: WhyCell, out: Console, limit: int) -> None:
    page, region = _Page(out, limit), answer.region
    page.simulated(answer.is_simulated)
    label = _name(region["region_code"], region["name_zh"], region["name_en"])
    page.line(f"{label} ({region['region_level']}), {answer.question.year}, {answer.question.indicator}")
    if answer.treatment:
        page.line(
            ", ".join(f"{name} {value}" for name, value in answer.treatment.items() if value is not None)
        )
        page.title("Zones of the region under the rule" if answer.zones else "No zone counts under the rule")
    if answer.steps:
        page.title("Cell and what it is computed from")
        page.table(
            ["step", "column", "year", "value", "unit", "status", "filled share", "suspect"],
            [
                [s.depth, s.panel_column, s.year, s.value, s.unit, s.obs_status_all, s.imputed_share,
                 s.suspect_codes]
                for s in answer.steps
            ],
        )  # fmt: skip
    if answer.weights:
        page.title("Weights of the index")
        page.table(
            ["component", "weight", "year"],
            [[w["indicator_id"], w["weight"], w["year"] or "all"] for w in answer.weights],
        )
    for title, cells in (
        ("Figures behind it", answer.cells),
        ("Computed from these years", answer.anchors),
        ("Printed for the same region, year and indicator, and not used here", answer.other_vintages),
    ):
        if cells:
            page.title(title)
            _sources(page, cells)
    if answer.zones:
        _zones(page, answer.zones)
    _findings(page, answer.findings)
    page.line("")


def _show_published(answer: WhyPublished, out: Console, limit: int) -> None:
    page = _Page(out, limit)
    first = answer.lines[0]
    page.line(f"{first.paper} ({first.study_id}), {first.table_no}: {len(answer.lines)} printed numbers")
    page.table(
        ["no", "column", "row", "kind", "printed", "line of the text", "note"],
        [
            [n.result_no, n.column_label or n.column_no, n.row_label or n.term, n.statistic,
             f"{n.printed or ''}{n.stars if n.stars and n.stars not in (n.printed or '') else ''}",
             n.source_line, n.note]
            for n in answer.lines
        ],
    )  # fmt: skip
    for seed in answer.source_row:
        page.line(f"transcribed in {seed.path} ({seed.key}), sha256 {seed.sha256}")
    if not answer.has_audit:
        page.line("estimates.publication_audit is not in this warehouse")
    elif answer.audit:
        page.title(f"Findings of the audit in this table, nearest first: {len(answer.audit)}")
        names = [name for name in ("rule", "severity", "row_label", "column_label", "printed", "evidence")
                 if name in answer.audit[0]]  # fmt: skip
        page.table(names, [[row[name] for name in names] for row in answer.audit])
    else:
        page.line("the audit finds nothing in this table")
    if answer.ours:
        page.simulated(answer.is_simulated)
        page.title("Our estimate of the same column")
        page.table(
            ["term", "estimate", "standard error", "n", "errors", "observed cells only", "note"],
            [
                [r["term"], f"{_text(r['estimate'])}{r['stars'] or ''}", r["std_error"], r["n_obs"],
                 r["vcov"], r["is_observed_only"], r["note"]]
                for r in answer.ours
            ],
        )  # fmt: skip
