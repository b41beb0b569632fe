"""Measure the import of a folder of real files, and of its largest csv alone, against pandas reading them.

Prints a table and writes bench/imports.json. Usage: python bench/imports.py [FOLDER] (files are not shipped;
without FOLDER, ../shared/real, and where that is missing nothing is measured).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
import warnings
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from cbec.ingest.command import Options, import_paths
from cbec.project import Project

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).with_suffix(".json")
SUFFIXES = (".csv", ".xlsx", ".xls")


def import_seconds(paths: list[Path]) -> tuple[float, int]:
    """Seconds and landed cells of one import into an empty landing folder."""
    with tempfile.TemporaryDirectory() as folder:
        project = Project(ROOT, Path(folder) / "warehouse", Path(folder) / "landing")
        start = time.perf_counter()
        run = import_paths(project, paths, Options())
        return time.perf_counter() - start, sum(len(one.imported.cells) for one in run.outcomes)


def pandas_seconds(paths: Iterable[Path]) -> float:
    """The peer: pandas reads the same files as they lie, knowing nothing about them."""
    start = time.perf_counter()
    for path in paths:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if path.suffix == ".csv":
                pd.read_csv(path, header=None, dtype=str, on_bad_lines="skip", encoding_errors="replace")
            else:
                pd.read_excel(path, sheet_name=None, header=None, dtype=str, engine="calamine")
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT.parent / "shared/real")
    folder = parser.parse_args().folder
    files = sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES)
    texts = [path for path in files if path.suffix == ".csv"]
    if not texts:
        print(f"{folder}: no csv file to import, nothing measured", file=sys.stderr)
        return
    start = time.perf_counter()
    import great_expectations  # noqa: F401

    start_up = time.perf_counter() - start
    largest = max(texts, key=lambda path: path.stat().st_size)
    rows = []
    for name, paths in ((largest.name, [largest]), (f"{len(files)} files", files)):
        seconds, cells = import_seconds(paths)
        peer = pandas_seconds(paths)
        size = sum(path.stat().st_size for path in paths)
        rows.append({"what": name, "bytes": size, "cells": cells, "seconds": seconds, "pandas_seconds": peer})
    results = {"great_expectations_import_seconds": start_up, "rows": rows}
    RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    table = Table("import", "MB", "cells", "seconds", "us/cell", "pandas read", "ratio", box=None)
    for row in rows:
        table.add_row(
            row["what"],
            f"{row['bytes'] / 1e6:.1f}",
            f"{row['cells']:,}",
            f"{row['seconds']:.2f}",
            f"{1e6 * row['seconds'] / row['cells']:.1f}",
            f"{row['pandas_seconds']:.2f}",
            f"{row['seconds'] / row['pandas_seconds']:.1f}",
        )
    Console(width=120).print(table)
    print(f"start-up: Great Expectations imports in {start_up:.1f} s, once; written to {RESULTS}")


if __name__ == "__main__":
    main()
