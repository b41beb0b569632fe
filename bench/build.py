"""Measure where the time of a build goes, and how our estimation compares with a peer in the same run."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import duckdb
from rich.console import Console
from rich.table import Table

from cbec.estimators.regression import fit_least_squares
from cbec.estimators.specification import Specification

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench/build.json"
REPEATS = 5


def timed_command(*arguments: str, warehouse: str) -> tuple[float, str]:
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "cbec.cli", *arguments],
        cwd=ROOT, env=os.environ | {"CBEC_WAREHOUSE": warehouse}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return time.perf_counter() - start, done.stdout


def median_seconds(work: Any) -> float:
    work()
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def estimation(database: Path) -> dict[str, float]:
    """T1(3) of province_ecommerce: 270 rows, 4 regressors, two-way effects, by us and by linearmodels."""
    from linearmodels.panel import PanelOLS

    names = [
        "trade_total_operator_log", "cbec_development_province_no_trade_index", "gdp_per_capita_log",
        "general_public_budget_revenue_gdp_ratio", "mobile_internet_users_per_100_persons",
    ]  # fmt: skip
    with duckdb.connect(str(database), read_only=True) as connection:
        frame = connection.sql(
            f"select province_code, year, {', '.join(names)} from marts.panel_province_year"
        ).df()
        row = connection.sql(
            "select * from studies.specification where study_id = 'province_ecommerce'"
            " and table_no = 'T1' and column_no = 3"
        ).df()
    frame = frame.dropna()
    specification = Specification.from_row({str(k): v for k, v in row.iloc[0].items()})
    panel = frame.set_index(["province_code", "year"])

    def peer() -> None:
        model = PanelOLS(panel[names[0]], panel[names[1:]], entity_effects=True, time_effects=True)
        model.fit(cov_type="clustered", cluster_entity=True)

    ours, theirs = median_seconds(lambda: fit_least_squares(frame, specification)), median_seconds(peer)
    return {"ours_seconds": ours, "linearmodels_seconds": theirs, "ratio": ours / theirs}


def main() -> None:
    with tempfile.TemporaryDirectory() as warehouse:
        wall, printed = timed_command("build", "--json", warehouse=warehouse)
        build = json.loads(printed)
        status, _ = timed_command("status", "--json", warehouse=warehouse)
        fit = estimation(Path(warehouse) / "cbec.duckdb")
        size = (Path(warehouse) / "cbec.duckdb").stat().st_size
    kinds: dict[str, list[float]] = defaultdict(list)
    for node, seconds in build["nodes"].items():
        kinds[node.split(".")[0]].append(seconds)
    results = {
        "machine": {"cores": os.cpu_count(), "python": platform.python_version()},
        "build_wall_seconds": wall,
        "phases": build["phases"],
        "nodes": {kind: {"n": len(values), "seconds": sum(values)} for kind, values in kinds.items()},
        "slowest": sorted(build["nodes"].items(), key=lambda item: -item[1])[:10],
        "status_wall_seconds": status,
        "two_way_fit_270_rows": fit,
        "database_bytes": size,
    }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    table = Table("what", "seconds", box=None)
    table.add_row("cbec build, wall", f"{wall:.1f}")
    for phase, seconds in build["phases"].items():
        table.add_row(f"  {phase}", f"{seconds:.1f}")
    table.add_row("  start-up and exit", f"{wall - sum(build['phases'].values()):.1f}")
    for kind, values in kinds.items():
        table.add_row(f"  {len(values)} {kind} nodes (two side by side)", f"{sum(values):.1f}")
    for node, seconds in results["slowest"][:5]:
        table.add_row(f"    {node}", f"{seconds:.1f}")
    table.add_row("cbec status, wall", f"{status:.1f}")
    table.add_row("two-way fit, 270 rows", f"{fit['ours_seconds']:.3f}")
    table.add_row("  linearmodels, the same", f"{fit['linearmodels_seconds']:.3f}")
    Console(width=100).print(table)
    print(f"ratio to linearmodels {fit['ratio']:.2f}; {size / 1e6:.0f} MB; written to {RESULTS}")


if __name__ == "__main__":
    main()
