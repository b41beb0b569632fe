"""Speed of the placebo engine and the wild cluster bootstrap, in one run.

Run from the root: `PYTHONPATH=. python bench/inference.py [--output FILE] [--quick]`.
Prints a table and writes the same as JSON. Every engine is limited to one thread. The draws
that pyfixest (and R fixest, when present) refit one by one are the first of the same draws;
their time is measured on that part and scaled, and the table says so.

pyfixest 0.40.1 runs Python's garbage collector in every fit, which takes most of a fit's time
when many modules are loaded. That is no part of estimation, so the ratios use its time with
the loaded objects frozen (`gc.freeze`); the time as called is in the note.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cbec.estimators.multiple_testing import group_difference_test
from cbec.estimators.panel import prepare_panel
from cbec.estimators.permutations import plan_assignments, random_assignments
from cbec.estimators.placebo import leave_one_out, placebo_test, treatment_columns
from cbec.estimators.wild_bootstrap import wild_cluster_bootstrap

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
CONTROLS = tuple(f"x{i}" for i in range(1, 8))
MODEL: dict[str, Any] = {
    "outcome": "y",
    "treatment": "d",
    "unit": "city",
    "time": "year",
    "controls": CONTROLS,
    "fixed_effects": ("city", "year"),
}


@dataclass(frozen=True)
class Row:
    """One line of the table: what ran, on how much, how long, and how it compares."""

    task: str
    rows: int
    units: int
    draws: int
    seconds: float
    note: str = ""


def make_panel(n_units: int, n_times: int, *, rows: int | None = None, seed: int = 0) -> Any:
    """A panel with seven controls and three cohorts; `rows` drops random rows to that many."""
    rng = np.random.default_rng(seed)
    city = np.repeat(np.arange(n_units), n_times)
    year = np.tile(np.arange(n_times), n_units)
    start = np.array([10**6, n_times // 2, 10**6, 2 * n_times // 3])[np.arange(n_units) % 4]
    data = pd.DataFrame({"city": city, "year": year, "province": city // 9})
    data["d"] = (year >= start[city]).astype(float)
    for name in CONTROLS:
        data[name] = rng.normal(size=city.size)
    data["y"] = 0.1 * data["d"] + data["x1"] + rng.normal(size=city.size)
    data["y"] += rng.normal(size=n_units)[city]
    if rows is not None:
        data = data.iloc[np.sort(rng.permutation(city.size)[:rows])]
    return data


def timed(run: Callable[[], Any], repeats: int = 1) -> tuple[float, Any]:
    """Best wall time of `repeats` runs, in seconds, and the last result."""
    best, result = np.inf, None
    for _ in range(repeats):
        start = time.perf_counter()
        result = run()
        best = min(best, time.perf_counter() - start)
    return float(best), result


def placebo_columns(data: pd.DataFrame, draws: int, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    panel = prepare_panel(data, **MODEL)
    plan = plan_assignments(panel, scheme="cohort")
    codes = np.concatenate(list(random_assignments(plan, draws=draws, seed=seed)))
    return data.iloc[panel.row_position], treatment_columns(panel, plan, codes)


def by_pyfixest(data: pd.DataFrame, columns: np.ndarray) -> tuple[float, float, np.ndarray, np.ndarray]:
    """Seconds with objects frozen, seconds for one as called, coefficients and t."""
    import pyfixest as pf

    formula = f"y ~ d + {' + '.join(CONTROLS)} | city + year"

    def fit(column: np.ndarray) -> tuple[float, float]:
        model = pf.feols(formula, data.assign(d=column), vcov={"CRV1": "city"})
        return float(model.coef()["d"]), float(model.tstat()["d"])

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit(columns[:, 0])  # compiles; not timed
        called, _ = timed(lambda: [fit(column) for column in columns.T[:5]])
        gc.collect()
        gc.freeze()
        seconds, fits = timed(lambda: [fit(column) for column in columns.T])
        gc.unfreeze()
    table = np.array(fits)
    return seconds, called / 5, table[:, 0], table[:, 1]


R_SCRIPT = """
args <- commandArgs(TRUE)
suppressMessages(library(fixest)); setFixest_nthreads(1)
data <- read.csv(args[1]); placebo <- as.matrix(read.csv(args[2]))
fit <- function(j) { data$d <- placebo[, j]
  feols(y ~ d + x1 + x2 + x3 + x4 + x5 + x6 + x7 | city + year, data, cluster = ~city,
        notes = FALSE)$coeftable["d", "t value"] }
invisible(fit(1)); start <- proc.time()[["elapsed"]]
t <- sapply(seq_len(ncol(placebo)), fit)
cat(proc.time()[["elapsed"]] - start, t)
"""


def by_fixest(data: pd.DataFrame, columns: np.ndarray) -> tuple[float, np.ndarray] | str:
    """Seconds and t by R fixest, or why not."""
    program = shutil.which("Rscript")
    if program is None:
        return "Rscript not found: not compared"
    with tempfile.TemporaryDirectory() as folder:
        data.to_csv(f"{folder}/data.csv", index=False)
        pd.DataFrame(columns).to_csv(f"{folder}/placebo.csv", index=False)
        Path(f"{folder}/run.R").write_text(R_SCRIPT, encoding="utf-8")
        run = subprocess.run(
            [program, f"{folder}/run.R", f"{folder}/data.csv", f"{folder}/placebo.csv"],
            capture_output=True,
            text=True,
            check=False,
        )
    if run.returncode != 0:
        return f"R failed, not compared: {run.stderr.strip()[-100:]}"
    values = np.array(run.stdout.split(), dtype=float)
    return float(values[0]), values[1:]


def comparison(subsample: int) -> list[Row]:
    """1,000 placebo draws on 3,878 rows, here and refitted one by one."""
    out = []
    panels = (
        ("balanced", make_panel(277, 14)),
        ("unbalanced", make_panel(310, 14, rows=3878)),
    )
    for name, data in panels:
        seconds, result = timed(partial(placebo_test, data, **MODEL, draws=1000, seed=1, exact="never"), 3)
        rows, units = result.estimate.n_obs, result.estimate.n_units
        out.append(Row(f"placebo, clustered t, {name}", rows, units, 1000, seconds))
        sample, columns = placebo_columns(data, subsample, 1)
        part, called, coefficients, t_values = by_pyfixest(sample, columns)
        scaled = part * 1000 / subsample
        gap_b = np.abs(coefficients - result.coefficients[:subsample]).max()
        gap_t = np.abs(t_values / result.t_values[:subsample] - 1).max()
        note = (
            f"{scaled / seconds:.0f}x slower; {subsample} draws timed and scaled; largest "
            f"difference {gap_b:.0e} (coefficient), {gap_t:.0e} (t, relative); "
            f"{called * 1000:.0f} s as called"
        )
        out.append(Row(f"  pyfixest one by one, {name}", rows, units, 1000, scaled, note))
        other = by_fixest(sample, columns)
        if isinstance(other, str):
            out.append(Row(f"  R fixest one by one, {name}", rows, units, 0, 0.0, other))
        else:
            scaled = other[0] * 1000 / subsample
            gap_t = np.abs(other[1] / result.t_values[:subsample] - 1).max()
            note = f"{scaled / seconds:.0f}x slower; {subsample} draws timed; t {gap_t:.0e}"
            out.append(Row(f"  R fixest one by one, {name}", rows, units, 1000, scaled, note))
    return out


def more_tasks() -> list[Row]:
    data = make_panel(277, 14)
    rows, units = len(data), 277
    out = []
    seconds, _ = timed(lambda: placebo_test(data, **MODEL, draws=10_000, seed=1))
    out.append(Row("placebo, clustered t", rows, units, 10_000, seconds))
    seconds, _ = timed(lambda: placebo_test(data, **MODEL, draws=10_000, scheme="mixed", strata="province"))
    out.append(Row("placebo, mixed, within provinces", rows, units, 10_000, seconds))
    seconds, _ = timed(lambda: leave_one_out(data, by="city", **MODEL))
    out.append(Row("leave one city out", rows, units, units, seconds))
    data = make_panel(285, 14, rows=3878)
    for method in ("WCR11", "WCR31"):
        for weights in ("rademacher", "webb"):
            seconds, result = timed(
                partial(
                    wild_cluster_bootstrap,
                    data,
                    **MODEL,
                    method=method,
                    weights=weights,
                    draws=99_999,
                )
            )
            note = f"{result.n_clusters} clusters, p and interval"
            task = f"wild bootstrap {method} {weights}"
            out.append(Row(task, result.n_obs, 285, 99_999, seconds, note))
    west = data.assign(west=data["city"] % 8 < 4)
    seconds, _ = timed(lambda: group_difference_test(west, group="west", **MODEL, draws=1000))
    out.append(Row("difference between groups", len(data), 285, 1000, seconds))
    return out


def growth(quick: bool) -> list[Row]:
    """Cost against draws, rows and units; nanoseconds for one row and draw in the note."""
    cases = [(277, 14, 100), (277, 14, 1000), (277, 14, 10_000)]
    cases += [(2770, 14, 1000), (277, 140, 1000)]
    cases += [] if quick else [(27_700, 14, 200), (71_429, 14, 200), (277, 3610, 200)]
    out = []
    for n_units, n_times, draws in cases:
        data = make_panel(n_units, n_times)
        one, _ = timed(partial(placebo_test, data, **MODEL, draws=1, exact="never"))
        seconds, _ = timed(partial(placebo_test, data, **MODEL, draws=draws, exact="never"))
        each = (seconds - one) / (draws - 1) / len(data) * 1e9
        note = f"{one:.2f} s to prepare, then {each:.0f} ns for each row and draw"
        out.append(Row("growth: placebo", len(data), n_units, draws, seconds, note))
    if not quick:
        data = make_panel(71_429, 14).assign(province=lambda f: f["city"] % 285)
        seconds, _ = timed(lambda: wild_cluster_bootstrap(data, **MODEL, cluster="province", draws=99_999))
        task = "growth: wild bootstrap, 285 clusters"
        out.append(Row(task, len(data), 71_429, 99_999, seconds))
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".json"))
    parser.add_argument("--subsample", type=int, default=50, help="draws refitted one by one")
    parser.add_argument("--quick", action="store_true", help="at most 40,000 rows")
    options = parser.parse_args()
    if any(os.environ.get(name) != "1" for name in THREADS):  # libraries read it when loaded
        single = {**os.environ, **dict.fromkeys(THREADS, "1")}
        os.execve(sys.executable, [sys.executable, *sys.argv], single)
    rows = [*comparison(options.subsample), *more_tasks(), *growth(options.quick)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{'task':<42}{'rows':>10}{'units':>8}{'draws':>9}{'seconds':>10}  note")
    for row in rows:
        line = f"{row.task:<42}{row.rows:>10,}{row.units:>8,}{row.draws:>9,}{row.seconds:>10.3f}"
        print(f"{line}  {row.note}")
    print(f"one thread; peak memory of the process {peak:,.0f} MB; Python {sys.version.split()[0]}")
    report = {
        "python": sys.version.split()[0],
        "numpy": np.__version__,
        "machine": platform.machine(),
        "threads": 1,
        "peak_memory_mb": round(peak),
        "results": [asdict(row) for row in rows],
    }
    options.output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
