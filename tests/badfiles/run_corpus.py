"""Check a folder as one run, and print what became of each file as JSON.

A process of its own, so that its peak memory is that of the import.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path


def main(root: Path, folder: Path, answer: Path) -> None:
    from rich.console import Console

    from cbec.common.workers import peak_mb
    from cbec.ingest.command import Options, import_paths
    from cbec.ingest.report import print_run
    from cbec.project import Project

    project = Project(root, folder.parent / "warehouse", folder.parent / "landing")
    began = time.perf_counter()
    run = import_paths(project, [folder], Options(lands=False))
    print_run(run, Console(), Console(stderr=True), shows_columns=True, explains=True)
    result = {}
    scales = _scales(root)
    for outcome in run.outcomes:
        imported = outcome.imported
        name = imported.file.name
        # A copy of a file under another name is read as well, and lands once.
        cells = imported.cells if outcome.action in ("would land", "unchanged") else ()
        seconds, mb = run.efforts.get(name, (0.0, 0.0))
        values: dict[str, str | None] = {}
        for cell in cells:
            key = f"{cell.region_code}|{cell.year}|{cell.indicator_id}"
            shift = scales[cell.unit_printed] - scales.get(f"of {cell.indicator_id}", 0)
            values[key] = None if cell.value is None else str(cell.value.scaleb(shift))
        result[name] = {
            "action": outcome.action,
            "cells": values,
            "places": [
                [c.region_code, str(c.year), c.indicator_id, str(c.value), c.source_locator, c.scope]
                for c in cells
                if c.value is not None
            ],
            "problems": [str(p) for p in imported.problems if not p.is_warning],
            "warnings": [str(p) for p in imported.problems if p.is_warning],
            "seconds": seconds,
            "mb": mb,
            "statuses": sorted({c.obs_status_all for c in imported.cells}),
        }
    answer.write_text(
        json.dumps(
            {
                "files": result,
                "peak_mb": peak_mb(),
                "readers_mb": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024,
                "seconds": time.perf_counter() - began,
                "mapping": str(run.mapping),
                "docs": str(run.docs),
            },
            ensure_ascii=False,
        ),
        encoding="utf-8",
        errors="backslashreplace",
    )


def _scales(root: Path) -> dict[str, int]:
    from cbec.ingest.registry import load_registry

    registry = load_registry(root)
    scales = {unit: row.scale for unit, row in registry.units.items()}
    return scales | {f"of {i}": registry.units[row.unit].scale for i, row in registry.indicators.items()}


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:4]))
