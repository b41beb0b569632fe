"""All rules on one table."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from cbec.audit.coefficients import audit_coefficients
from cbec.audit.finding import LEVELS, Finding, finding
from cbec.audit.fit import audit_columns
from cbec.audit.grid import Grid
from cbec.audit.layout import Hints, Layout, read_layout
from cbec.audit.moments import audit_moments
from cbec.audit.products import audit_numbers


@dataclass
class Audited:
    """A table with what was found in it, the worst first. is_read: whether a rule could be run at all."""

    layout: Layout
    findings: list[Finding] = field(default_factory=list)

    @property
    def grid(self) -> Grid:
        return self.layout.grid

    @property
    def is_read(self) -> bool:
        layout = self.layout
        return bool(layout.variables or layout.body or any(c.coefficients or c.feet for c in layout.columns))

    def count(self, level: str) -> int:
        return sum(f.level == level for f in self.findings)


def audit_grid(grid: Grid, hints: Hints | None = None) -> Audited:
    """Every rule that a table's kind has. A table of no known kind has no findings and one question."""
    layout = read_layout(grid, hints)
    found: list[Finding] = []
    if layout.kind == "regression":
        found = audit_coefficients(layout) + audit_columns(layout)
    elif layout.kind == "descriptive":
        found = audit_moments(layout)
    elif layout.kind:
        found = audit_numbers(layout)
    if layout.kind and layout.unread:
        texts = "; ".join(text for _, text in layout.unread[:5])
        about = finding("unread", "remark", "", [], n=len(layout.unread), texts=texts)
        found.append(replace(about, cells=tuple(layout.unread[:5])))
    audited = Audited(layout)
    if not audited.is_read:
        layout.questions.insert(0, ("kind", layout.kind))
    named = [replace(f, table=grid.name) for f in _one_by_cause(found)]
    audited.findings = sorted(named, key=lambda f: LEVELS.index(f.level))
    return audited


def _one_by_cause(found: list[Finding]) -> list[Finding]:
    """Findings with the same rule and the same figures are one, of several places."""
    kept: dict[tuple[object, ...], Finding] = {}
    for f in found:
        key = (f.rule, f.case, f.level, tuple(sorted(f.args.items())), f.evidence)
        if key in kept and f.rule in ("n_panel", "two_texts"):
            first = kept[key]
            where = first.where if first.where.count(";") > 2 else f"{first.where}; {f.where}"
            kept[key] = replace(first, where=where, cells=tuple(dict.fromkeys(first.cells + f.cells)))
        else:
            kept.setdefault(key if key not in kept else (*key, f.where), f)
    return list(kept.values())
