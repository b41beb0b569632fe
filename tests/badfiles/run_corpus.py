"""Write the corpus into a folder, check it as one run, and print what became of each file as JSON.

A process of its own, so that its peak memory is that of the import.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path


def _peak_mb() -> float:
    """Most memory that this program held. What the kernel counts for the process (ru_maxrss) begins with what
    the one that started it held."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return int(status.read_text().split("VmHWM:")[1].split()[0]) / 1024


def main(root: Path, folder: Path, answer: Path) -> None:
    from cbec.ingest import expectations as loaded  # its import is start-up, not work on a file
    from cbec.ingest.command import Options, import_paths
    from cbec.project import Project

    assert loaded
    project = Project(root, folder.parent / "warehouse", folder.parent / "landing")
    started = {"name": "", "at": time.process_time()}
    seconds: dict[str, float] = {}

    def progress(name: str, done: int, total: int) -> None:
        now = time.process_time()
        seconds[started["name"]] = now - started["at"]
        started.update(name=name, at=now)

    run = import_paths(project, [folder], Options(lands=False), progress)
    result = {}
    for outcome in run.outcomes:
        imported = outcome.imported
        scale = {}
        registry_units = imported.cells and _scales(root)
        for cell in imported.cells if outcome.action == "would land" else ():
            key = f"{cell.region_code}|{cell.year}|{cell.indicator_id}"
            shift = registry_units[cell.unit_printed] - registry_units[f"of {cell.indicator_id}"]
            scale[key] = None if cell.value is None else str(cell.value.scaleb(shift))
        result[imported.file.name.split("/")[0]] = {
            "action": outcome.action,
            "cells": scale,
            "problems": [str(p) for p in imported.problems if not p.is_warning],
            "seconds": seconds.get(imported.file.name, 0.0),
            "statuses": sorted({c.obs_status_all for c in imported.cells}),
        }
    answer.write_text(
        json.dumps(
            {
                "files": result,
                "peak_mb": _peak_mb(),
                "mapping": str(run.mapping),
                "docs": str(run.docs),
            },
            ensure_ascii=False,
        ),
        encoding="utf-8",
    )


def _scales(root: Path) -> dict[str, int]:
    from cbec.ingest.registry import load_registry

    registry = load_registry(root)
    scales = {unit: row.scale for unit, row in registry.units.items()}
    return scales | {f"of {i}": registry.units[row.unit].scale for i, row in registry.indicators.items()}


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:4]))
