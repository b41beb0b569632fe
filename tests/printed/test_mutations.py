"""Altered tables: what lands is what the altered pages show, everything else is refused with its place.

The expectation comes from the pages (workbooks.shown) and never from the reader.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.printed.mutations import HARMFUL, HARMLESS, Mutant, mutants
from tests.printed.reading import Key, figures, read
from tests.printed.workbooks import Print, figure_of, shown

N_EACH = 10


def faults(before: Print, mutant: Mutant) -> list[str]:
    """What the reader makes of a mutant that its pages do not show, or loses."""
    print_ = mutant.print_
    imported = read(print_)
    found = figures(imported) if imported.status == "recognised" else {}
    said = [*shown(print_), *mutant.also]
    allowed: dict[Key, set[Decimal]] = {}
    for figure in said:
        allowed.setdefault(figure.key, set()).add(figure.value)
    for key in mutant.barred:
        allowed.pop(key, None)
    out = []
    year = mutant.year or print_.edition - 1
    years = {c.year for c in imported.cells if imported.status == "recognised"}
    if years - {year}:
        out.append(f"years {years}, not {year}")
    for key, value in found.items():
        values = allowed.get(_fitting(key, allowed), set())
        if len(values) > 1:
            out.append(f"{key} = {value}, though the pages contradict: {values}")
        elif value not in values:
            out.append(f"{key} = {value}, shown {values or 'nowhere'}")
    if mutant.demand == "refused" and found:
        out.append(f"{len(found)} figures of a file that must be refused")
    required: dict[Key, Decimal] = {}
    if mutant.demand in ("all", "rest"):
        unaltered = {(s.key, s.value) for s in shown(before)}
        for key, values in allowed.items():
            if len(values) == 1 and (mutant.demand == "all" or (key, *values) in unaltered):
                required[key] = next(iter(values))
        for s in mutant.also:
            required.pop(s.key, None)
    known = {_fitting(key, allowed) for key in found}
    lost = [key for key in required if key not in known]
    if lost:
        out.append(f"{len(lost)} of {len(required)} figures lost, as {lost[:2]}; {_said(imported)}")
    out += _unaccounted(print_, imported, found)
    return out


def _fitting(key: Key, allowed: dict[Key, set[Decimal]]) -> Key:
    """The key of a column that the registry has not, whose words may stand behind those of the title."""
    code, meaning, scope = key
    if key in allowed or not meaning.startswith("x:"):
        return key
    return code, f"x:{meaning[2:].partition('/')[2]}", scope


def _said(imported) -> str:  # type: ignore[no-untyped-def]
    return "; ".join(str(p)[-150:] for p in imported.problems if p.kind != "file")[:300]


def _unaccounted(print_: Print, imported, found: dict[Key, Decimal]) -> list[str]:  # type: ignore[no-untyped-def]
    """No printed figure goes without a word: it lands, is refused with its place, or the file is."""
    errors = [p for p in imported.problems if not p.is_warning]
    if imported.status != "recognised":
        return [] if errors and all(p.message for p in errors) else ["refused without a word"]
    if imported.printed is None:
        return []
    refused = imported.printed.refused
    out = [f"refused without a place: {r}" for r in refused if "!R" not in r.source_locator]
    printed = [
        c for p in print_.pages for r in p.rows if r.is_region for c in r.cells if c.strip() not in ("", "…")
    ]
    repeats = len(shown(print_)) - len({s.key for s in shown(print_)})
    n_known = len(found) + len(refused) + len(imported.printed.totals) + repeats
    missing = sum(c.value is None and c.value_printed not in ("", "…") for c in imported.cells)
    if len(printed) > n_known + missing:
        out.append(f"{len(printed)} figures are printed, {n_known} are landed or refused")
    if any(figure_of(c.value_printed) is None for c in imported.cells if c.value is not None):
        out.append("lands a text that is no figure")
    return out


@pytest.mark.parametrize("name", HARMFUL)
def test_an_altered_table_is_read_as_it_shows_or_refused(name: str) -> None:
    drawn = mutants(name, N_EACH)
    assert drawn
    wrong = [f"{label}: {fault}" for label, before, mutant in drawn for fault in faults(before, mutant)]
    assert wrong == []


@pytest.mark.parametrize("name", HARMLESS)
def test_a_harmless_change_loses_nothing(name: str) -> None:
    drawn = mutants(name, N_EACH)
    assert len(drawn) == N_EACH
    wrong = [f"{label}: {fault}" for label, before, mutant in drawn for fault in faults(before, mutant)]
    assert wrong == []


def test_there_are_five_hundred_mutants() -> None:
    assert sum(len(mutants(name, N_EACH)) for name in (*HARMFUL, *HARMLESS)) >= 500
