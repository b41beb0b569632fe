"""What an audit finds: a rule, cells, and the arithmetic that anybody can repeat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cbec.audit.figures import Figure
from cbec.audit.rounding import Interval, shown

# Impossible as printed; odd, and somebody must look; worth saying, nothing is wrong.
LEVELS = ("error", "doubt", "remark")


@dataclass(frozen=True)
class Finding:
    """One cause.

    where: labels of the row and the column. cells: place and printed text of each number that is used.
    args: what the sentence of the rule is filled with. evidence: arithmetic that DuckDB answers with true,
    numbers being ends of rounding intervals; '' for a remark. case: which sentence of the rule.
    """

    rule: str
    level: str
    where: str
    cells: tuple[tuple[str, str], ...] = ()
    args: Mapping[str, str] = field(default_factory=dict)
    evidence: str = ""
    case: str = ""
    table: str = ""


def finding(
    rule: str,
    level: str,
    where: str,
    used: Sequence[Figure],
    evidence: str = "",
    *,
    case: str = "",
    **args: Any,
) -> Finding:
    """A finding about these figures; args: as texts, intervals or numbers."""
    cells = tuple(dict.fromkeys((f.place, f.shown) for f in used))
    texts = {name: text(value) for name, value in args.items()}
    return Finding(rule, level, where, cells, texts, evidence, case)


def text(value: object) -> str:
    if isinstance(value, Figure):
        return value.shown
    if isinstance(value, Interval):
        return str(Interval(round(value.low, 6), round(value.high, 6)))
    if isinstance(value, float):
        return shown(round(value, 6))
    return str(value)


def apart(left: Interval, right: Interval, left_text: str = "", right_text: str = "") -> str:
    """Arithmetic that is true because two ranges have no value in common; texts: how an end was computed."""
    if left.high < right.low:
        return f"{left_text or shown(left.high)} < {right_text or shown(right.low)}"
    return f"{left_text or shown(left.low)} > {right_text or shown(right.high)}"
