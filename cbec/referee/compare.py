"""Compare a rebuilt warehouse with the estimates that a replication package says it gives.

Run as `python compare.py WAREHOUSE EXPECTED.csv`; it needs nothing but duckdb. Exit code 1: a number differs.
"""

from __future__ import annotations

import csv
import math
import sys
from pathlib import Path

import duckdb

KEY = ("study_id", "table_no", "column_no", "term", "is_observed_only")
NUMBERS = ("estimate", "std_error", "n_obs")
TOLERANCE = 1e-8


def compare(warehouse: Path, expected: Path) -> list[str]:
    """Each difference in words, in the order of the expected file; empty when every number agrees."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        rows = connection.execute(
            f"select {', '.join((*KEY, *NUMBERS))} from estimates.regression"
        ).fetchall()
    rebuilt = {tuple(str(item) for item in row[: len(KEY)]): row[len(KEY) :] for row in rows}
    problems = []
    with expected.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            key = tuple(row[name] for name in KEY)
            found = rebuilt.get(key)
            if found is None:
                problems.append(f"{' '.join(key)}: not in the rebuilt warehouse")
                continue
            for name, value in zip(NUMBERS, found, strict=True):
                wanted = row[name]
                is_same = (
                    value is None
                    if wanted == ""
                    else value is not None
                    and math.isclose(float(value), float(wanted), rel_tol=TOLERANCE, abs_tol=1e-12)
                )
                if not is_same:
                    problems.append(f"{' '.join(key)}: {name} {value}, expected {wanted}")
    return problems


def main() -> None:
    warehouse, expected = Path(sys.argv[1]), Path(sys.argv[2])
    problems = compare(warehouse, expected)
    for problem in problems:
        print(problem)
    n_rows = sum(1 for _ in expected.open(encoding="utf-8")) - 1
    print(f"{n_rows} rows of estimates.regression compared, {len(problems)} differences")
    raise SystemExit(1 if problems else 0)


if __name__ == "__main__":
    main()
