"""What the reader makes of a print, in the terms of workbooks.shown()."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import cache
from pathlib import Path

from cbec.ingest.files import File
from cbec.ingest.run import Imported, Recogniser
from tests.printed.workbooks import REGISTRY_UNIT, ROOT, Print, drawn, workbook

Key = tuple[str, str, str]
NOWHERE = Path("/printed")


@cache
def recogniser() -> Recogniser:
    return Recogniser.of(ROOT)


def read(print_: Print) -> Imported:
    return recogniser().read(File(print_.path, workbook(print_), NOWHERE / print_.path))


def meaning(imported: Imported, indicator: str) -> str:
    """Id of an indicator of the registry, or x: and the printed words of another."""
    assert imported.printed is not None
    if not indicator.startswith("x_"):
        return indicator
    return f"x:{imported.printed.indicators[indicator][0]}"


def in_ones(value: Decimal, unit: str) -> Decimal:
    return value.scaleb(REGISTRY_UNIT[unit])


def figures(imported: Imported) -> dict[Key, Decimal]:
    """Landed figures by (code, meaning, scope), in units of one."""
    return {
        (c.region_code, meaning(imported, c.indicator_id), c.scope): in_ones(c.value, c.unit_printed)
        for c in imported.cells
        if c.value is not None
    }


def printed_at(print_: Print, place: str) -> str:
    """The text of a cell of the workbook, by sheet!R1C1."""
    match = re.fullmatch(r"(.*)!R([0-9]+)C([0-9]+)", place)
    assert match, place
    grid = drawn(print_)[match[1]][0]
    return grid[int(match[2]) - 1][int(match[3]) - 1].strip()
