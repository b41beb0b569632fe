"""What a run of the import shows a person: how each file was read, what is kept, what is dropped and why."""

from __future__ import annotations

from collections import Counter

from rich.console import Console
from rich.table import Table as Grid

from cbec.ingest.command import Outcome, Run
from cbec.ingest.run import Imported
from cbec.ingest.tables import Column, Recognition, Table
from cbec.registry.series import sentences

MAX_PROBLEMS = 30
MAX_REASONS = 12
MANY = 5
AXES = {
    "measure": "indicators across",
    "year_value": "years across",
    "region_value": "regions across",
    "value": "one figure a row",
}


def print_run(run: Run, out: Console, err: Console, *, shows_columns: bool, explains: bool) -> None:
    """Print every outcome, then problems to err, then where the data docs and the mapping file are."""
    shared = _shared_warnings(run)
    files = [outcome for outcome in run.outcomes if outcome.action != "passed over"]
    for outcome in run.outcomes:
        if shows_columns:
            _print_file(outcome, out, explains)
        if outcome.action != "passed over":
            _print_summary(outcome, out)
        _print_printed(outcome.imported, out, explains)
        _print_problems(outcome.imported, err, shared)
    _print_shared(shared, err)
    totals = Counter(outcome.action for outcome in files)
    n_cells = sum(len(o.imported.cells) for o in run.outcomes if o.action in ("landed", "would land"))
    counted = ", ".join(f"{n} {action}" for action, n in totals.items()) or "no file found"
    out.print(f"{len(files)} files: {counted}; {n_cells} cells", highlight=False)
    tables = [o.imported.printed for o in run.outcomes if o.imported.printed and o.imported.cells]
    if tables:
        n_values = sum(
            c.value is not None for o in run.outcomes if o.imported.printed for c in o.imported.cells
        )
        n_blank = sum(c.value is None for o in run.outcomes if o.imported.printed for c in o.imported.cells)
        n_refused, n_totals = sum(len(t.refused) for t in tables), sum(len(t.totals) for t in tables)
        out.print(
            f"printed tables: {n_values} figures of regions and {n_blank} cells printed blank,"
            f" {n_totals} printed totals, {n_refused} printed cells left out",
            highlight=False,
        )
    if run.series is not None and len(run.series):
        out.print("what the next build reads:", highlight=False)
        for sentence in sentences(run.series, "en"):
            out.print(f"  {sentence}", markup=False, highlight=False, soft_wrap=True)
    if run.docs:
        out.print(f"data docs: {run.docs}", markup=False, highlight=False, soft_wrap=True)
    if run.mapping:
        out.print(f"edit and pass with --map: {run.mapping}", markup=False, highlight=False, soft_wrap=True)


def print_problems(run: Run, err: Console) -> None:
    """Print what was found wrong or suspect in every file, and nothing else."""
    shared = _shared_warnings(run)
    for outcome in run.outcomes:
        _print_problems(outcome.imported, err, shared)
    _print_shared(shared, err)


def _print_shared(shared: dict[tuple[str, str], list[str]], err: Console) -> None:
    for (text, message), names in shared.items():
        reported = f" {text!r}" if text else ""
        # A file that was left out is named, however many there are: nothing else says so.
        shown = names if message.startswith("was left out") else names[:MANY]
        more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
        err.print(
            f"warning: in {len(names)} files:{reported} {message}: {', '.join(shown)}{more}",
            markup=False, highlight=False, soft_wrap=True,
        )  # fmt: skip


def _print_summary(outcome: Outcome, out: Console) -> None:
    imported = outcome.imported
    parts = [outcome.action]
    if imported.cells and outcome.action != "refused":
        statuses = Counter(cell.obs_status_all[:1] for cell in imported.cells)
        letters = ", ".join(f"{n} {letter}" for letter, n in statuses.most_common())
        parts.append(f"{len(imported.cells)} cells ({letters})")
        if outcome.n_shipped == len(imported.cells):
            parts.append("all of them ship already")
        elif outcome.n_shipped:
            parts.append(f"{outcome.n_shipped} of them ship already")
        if outcome.n_conflicts:
            parts.append(f"{outcome.n_conflicts} differ from the figures that ship")
        if outcome.vintage:
            parts.append(f"vintage {outcome.vintage}")
        if outcome.supersedes:
            parts.append(f"supersedes {outcome.supersedes}, which stays")
    out.print(f"{imported.file.name}: {'; '.join(parts)}", markup=False, highlight=False, soft_wrap=True)


def _shared_warnings(run: Run) -> dict[tuple[str, str], list[str]]:
    """Warnings that many files share, with the names of the files: told once."""
    names: dict[tuple[str, str], list[str]] = {}
    for outcome in run.outcomes:
        for key in dict.fromkeys((p.text, p.message) for p in outcome.imported.problems if p.is_warning):
            names.setdefault(key, []).append(outcome.imported.file.name)
    return {key: found for key, found in names.items() if len(found) >= MANY}


def _print_problems(imported: Imported, err: Console, shared: dict[tuple[str, str], list[str]]) -> None:
    shown = [p for p in imported.problems if not (p.is_warning and (p.text, p.message) in shared)]
    shown.sort(key=lambda p: p.is_warning)
    for problem in shown[:MAX_PROBLEMS]:
        label = "warning" if problem.is_warning else "error"
        err.print(f"{label}: {problem}", markup=False, highlight=False, soft_wrap=True)
    if len(shown) > MAX_PROBLEMS:
        err.print(f"... and {len(shown) - MAX_PROBLEMS} more of {imported.file.name}", highlight=False)


def _print_printed(imported: Imported, out: Console, explains: bool) -> None:
    printed = imported.printed
    if printed is None or not imported.cells:
        return
    scopes = Counter(cell.scope for cell in imported.cells)
    listed = ", ".join(f"{n} {scope}" for scope, n in scopes.most_common())
    out.print(
        f"  table {', '.join(printed.tables)}, edition {imported.edition},"
        f" figures of {imported.cells[0].year}:"
        f" {listed}; {len(printed.totals)} totals, {len(printed.refused)} cells left out,"
        f" {len(printed.indicators)} columns without a name in the registry",
        markup=False, highlight=False, soft_wrap=True,
    )  # fmt: skip
    if explains:
        columns = Counter(
            (c.source_locator.rpartition("C")[2], c.indicator_id, c.scope, c.unit_printed)
            for c in imported.cells
        )
        grid = Grid(
            "column", "indicator", "scope", "unit", "cells", "words, where the registry has no name", box=None
        )
        for (place, indicator, scope, unit), n in sorted(columns.items(), key=lambda item: int(item[0][0])):
            words = printed.indicators.get(indicator, ("", ""))[0].replace("[", r"\[")
            grid.add_row(place, indicator, scope, unit, str(n), words)
        out.print(grid)


def _print_file(outcome: Outcome, out: Console, explains: bool) -> None:
    imported = outcome.imported
    if imported.publication is None:
        return
    edition = f" {imported.edition}" if imported.edition else ""
    out.print(
        f"\n{imported.file.name}: {imported.publication.publication_id}{edition}"
        f" ({imported.publication.description}); read as {imported.reading}",
        markup=False, highlight=False, soft_wrap=True,
    )  # fmt: skip
    shapes: dict[tuple[str, ...], list[Recognition]] = {}
    for sheet in imported.sheets:
        # Sheets of one shape, as in a workbook of one sheet a year, are shown once.
        key = (
            tuple(f"{c.header}|{c.role}|{c.meaning.indicator}" for c in sheet.table.columns)
            if sheet.table
            else ("", sheet.reason)
        )
        shapes.setdefault(key, []).append(sheet)
    for sheets in shapes.values():
        _print_sheet(imported, sheets, out, explains)
    reasons = Counter(imported.dropped)
    if reasons:
        grid = Grid("dropped", "reason", box=None)
        limit = len(reasons) if explains else MAX_REASONS
        for reason, n in reasons.most_common(limit):
            grid.add_row(str(n), reason.replace("[", r"\["))
        if len(reasons) > limit:
            rest = sum(n for _, n in reasons.most_common()[limit:])
            grid.add_row(str(rest), f"{len(reasons) - limit} more reasons; --explain lists them")
        out.print(grid)
    out.print(f"rows kept: {imported.n_rows}", highlight=False)


def _print_sheet(imported: Imported, sheets: list[Recognition], out: Console, explains: bool) -> None:
    first = sheets[0]
    names = first.sheet if len(sheets) == 1 else f"{first.sheet} and {len(sheets) - 1} more"
    if first.table is None:
        out.print(f"  sheet {names}: no table ({first.reason})", markup=False, highlight=False)
        return
    table = first.table
    year = f", year {table.year} of the sheet or title" if table.year and not table.with_role("year") else ""
    out.print(
        f"  sheet {names}: {AXES[table.axis]}, level {table.level},"
        f" header in row {', '.join(map(str, table.header_rows))}{year}",
        markup=False, highlight=False,
    )  # fmt: skip
    grid = Grid("column", "header", "is", "indicator", "unit", "why" if explains else "", box=None)
    indicators = Counter((c.indicator_id, c.unit_printed) for c in imported.cells)
    for column in _shown(table):
        meaning = column.meaning
        indicator = meaning.indicator or (table.indicator.indicator if column.role.endswith("_value") else "")
        unit = next((u for i, u in indicators if i == indicator), "")
        role = "filled figures" if meaning.is_filled else column.role.replace("_value", " as header")
        why = (meaning.note or meaning.matched) if explains or column.role == "ignore" else ""
        grid.add_row(
            str(column.place),
            column.header.replace("[", r"\["),
            role,
            indicator,
            unit,
            why.replace("[", r"\["),
        )
    out.print(grid)
    for place, reason in table.dropped:
        out.print(f"    {place}: {reason}", markup=False, highlight=False)


def _shown(table: Table) -> list[Column]:
    """Columns to show: of a run of years or regions only the first and the last."""
    across = [c for c in table.columns if c.role in ("year_value", "region_value")]
    hidden = {c.place for c in across[1:-1]}
    return [c for c in table.columns if c.place not in hidden]
