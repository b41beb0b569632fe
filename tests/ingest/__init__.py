"""Relatives of files that once came in with wrong figures: each lands right or is refused with its place."""

from __future__ import annotations

from pathlib import Path

from cbec.ingest.files import File
from cbec.ingest.registry import load_registry
from cbec.ingest.run import Imported, Recogniser
from tests.conftest import ROOT

REGISTRY = load_registry(ROOT)
RECOGNISER = Recogniser.of(ROOT)
Table = list[list[object]]


def read(table: Table, name: str = "table.csv", **how: object) -> Imported:
    """A table as a comma-separated file, recognised."""
    text = "\n".join(",".join("" if c is None else str(c) for c in row) for row in table) + "\n"
    return RECOGNISER.read(File(name, text.encode(), Path(name)), **how)  # type: ignore[arg-type]


def figures(done: Imported) -> dict[tuple[str, int, str], float | None]:
    """Landed figures by region, year and indicator, in the indicator's own unit; none of a refused file."""
    if done.status != "recognised":
        return {}
    found = {}
    for cell in done.cells:
        own = REGISTRY.units[REGISTRY.indicators[cell.indicator_id].unit].scale
        shift = REGISTRY.units[cell.unit_printed].scale - own
        value = None if cell.value is None else float(cell.value.scaleb(shift))
        found[cell.region_code, cell.year, cell.indicator_id] = value
    return found


def errors(done: Imported) -> str:
    return "\n".join(str(p) for p in done.errors)
