"""Conditional formats of a sheet that may show another figure than a cell stores.

Most of them only colour. One that has a number format, strikes through or shows a bar alone is looked at cell
by cell: where its condition certainly holds, what is stored is not what is shown, and nothing is read there;
where it cannot be told without computing the workbook, the figure is doubted. Rules as in ECMA-376 part 1,
18.3.1.10 and 18.18.12.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from cbec.ingest.book import STRUCK, unread
from cbec.ingest.formats import GENERAL, is_plain, is_plain_for_text, shown, shown_text
from cbec.ingest.formula import constant
from cbec.ingest.text import number_of

COMPARE: dict[str, Callable[[float, float, float], bool]] = {
    "lessThan": lambda value, one, _: value < one,
    "lessThanOrEqual": lambda value, one, _: value <= one,
    "equal": lambda value, one, _: value == one,
    "notEqual": lambda value, one, _: value != one,
    "greaterThanOrEqual": lambda value, one, _: value >= one,
    "greaterThan": lambda value, one, _: value > one,
    "between": lambda value, one, two: min(one, two) <= value <= max(one, two),
    "notBetween": lambda value, one, two: not min(one, two) <= value <= max(one, two),
}
DOUBT = "a conditional format may show otherwise than it is stored"
Range = tuple[int, int, int, int]


@dataclass(frozen=True)
class Look:
    """What a conditional format changes: the number format, the font, or that the value is shown at all."""

    code: str = GENERAL
    is_struck: bool = False
    is_hidden: bool = False

    @property
    def is_harmless(self) -> bool:
        return (
            is_plain(self.code) and is_plain_for_text(self.code) and not self.is_struck and not self.is_hidden
        )

    def of(self, text: str) -> str:
        """A cell's text as it looks under this format; itself where it looks the same."""
        if self.is_struck:
            return unread(text, STRUCK)
        if self.is_hidden:
            return unread(text, "(hidden by a conditional format)")
        try:
            number = number_of(text)
        except OverflowError:
            return unread(text, f"in the conditional format {self.code}")
        if number is None:
            return shown_text(self.code, text)
        value = float(number.value) / (100 if number.is_percent else 1)
        if number_of(shown(self.code, value)) == number:
            return text
        return unread(text, f"in the conditional format {self.code}")


@dataclass
class Rule:
    """One rule and the cells that it is of. dxf: number of its look, -1 without one; look: None until it is
    known."""

    kind: str
    operator: str = ""
    formulas: list[str] = field(default_factory=list)
    ranges: list[Range] = field(default_factory=list)
    look: Look | None = None
    dxf: int = -1

    def holds(self, text: str) -> bool | None:
        """Whether the condition holds for a cell; None when only the workbook could tell."""
        values = [constant(formula) for formula in self.formulas]
        if self.kind in ("dataBar", "iconSet"):
            return True
        if self.kind == "expression" and values[:1] != [None] and values:
            return bool(values[0])
        if self.kind == "cellIs" and self.operator in COMPARE and values and None not in values:
            try:
                number = number_of(text)
            except OverflowError:
                return None
            if number is None or (self.operator in ("between", "notBetween") and len(values) < 2):
                return None
            value = float(number.value) / (100 if number.is_percent else 1)
            return COMPARE[self.operator](value, values[0] or 0.0, values[-1] or 0.0)
        return None


def apply(
    rules: Iterable[Rule], rows: dict[int, list[str]], doubts: dict[tuple[int, int], str]
) -> list[tuple[int, int]]:
    """Make of cells that certainly look otherwise texts that nothing is read from, and doubt those that may.

    Returns the places of the first kind.
    """
    found = []
    for rule in rules:
        if rule.look is None or rule.look.is_harmless:
            continue
        for r0, c0, r1, c1 in rule.ranges:
            for number in sorted(rows) if r1 - r0 > len(rows) else range(r0, r1 + 1):
                row = rows.get(number, []) if r0 <= number <= r1 else []
                for column in range(c0, min(c1, len(row)) + 1):
                    text = row[column - 1]
                    if not text.strip():
                        continue
                    looks = rule.look.of(text)
                    holds = rule.holds(text) if looks != text else False
                    if holds:
                        row[column - 1] = looks
                        found.append((number, column))
                    elif holds is None:
                        doubts[number, column] = DOUBT
    return found
