"""Measure the efficiency package in one run: a table on the screen and a JSON file.

python bench/efficiency.py [--out FILE] [--quick]

One generated panel of 277 units x 14 years (3 inputs, 1 good, 3 bads). Times are medians of
three runs where a run takes less than 20 seconds. scipy.linprog and the bare highspy loop are
measured on a sample of programmes and scaled; the sample size is printed. ``--quick`` leaves
out the growth table.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import highspy
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog  # type: ignore[import-untyped]

from bench.progress import progress_bar
from cbec.efficiency.frontier import evaluate
from cbec.efficiency.index import malmquist, sbm_malmquist_luenberger
from cbec.efficiency.panel import EfficiencyWarning, Panel, cube_panel
from cbec.efficiency.technology import Technology

Float = NDArray[np.float64]
UNITS, YEARS = 277, 14


def generate(n: int, years: int = YEARS, seed: int = 2010) -> tuple[Float, Float, Float]:
    """Labour, capital, energy; output; three bads. Inefficiency is planted."""
    rng = np.random.default_rng(seed)
    size = rng.lognormal(0, 0.9, (1, n, 1))
    trend = np.exp(0.04 * np.arange(years))[:, None, None]
    x = size * trend * np.exp(rng.normal(0, 0.3, (1, n, 3)) + rng.normal(0, 0.05, (years, n, 3)))
    loss = np.abs(rng.normal(0, 0.3, (1, n, 1)) + rng.normal(0, 0.05, (years, n, 1)))
    progress = np.exp(0.02 * np.arange(years))[:, None, None]
    y = progress * np.exp((np.log(x) * [0.4, 0.35, 0.25]).sum(axis=2, keepdims=True) - loss)
    b = x[:, :, 2:] * np.exp(rng.normal(0, 0.5, (1, n, 3)) + rng.normal(0, 0.08, (years, n, 3)))
    return x * [50.0, 2e3, 3e2], y * 1e3, b * [4e4, 2e4, 6e3]


def panel_of(n: int) -> Panel:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EfficiencyWarning)
        return cube_panel(*generate(n))


def timed(run: Callable[[], Any], repeat: int = 3) -> tuple[float, Any]:
    spent, out = [], None
    for _ in range(repeat):
        start = time.perf_counter()
        out = run()
        spent.append(time.perf_counter() - start)
        if spent[-1] > 20:
            break
    return statistics.median(spent), out


def bare_model(body: Float, cost: Float, lower: Float, rhs: Float) -> Any:
    """A HiGHS model with default pricing order, warm-started by doing nothing special."""
    make: Any = highspy.Highs
    h = make()
    for name, value in (
        ("output_flag", False),
        ("presolve", "off"),
        ("threads", 1),
        ("solver", "simplex"),
    ):
        h.setOptionValue(name, value)
    p = highspy.HighsLp()
    p.num_row_, p.num_col_ = body.shape
    p.col_cost_, p.col_lower_ = cost, lower
    p.col_upper_ = np.full(len(cost), np.inf)
    p.row_lower_ = p.row_upper_ = rhs
    where = body.T != 0
    p.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    p.a_matrix_.start_ = np.concatenate([[0], where.sum(axis=1).cumsum()])
    p.a_matrix_.index_ = np.nonzero(where)[1]
    p.a_matrix_.value_ = body.T[where]
    h.passModel(p)
    return h


def bare_malmquist(x: Float, y: Float) -> Float:
    """Output-oriented CRS distances, adjacent frontiers, in the order of the units."""
    m, s = x.shape[2], y.shape[2]
    found = []
    top_x, top_y = x.mean(axis=(0, 1)), y.mean(axis=(0, 1))
    x, y = x / top_x, y / top_y
    years, n = x.shape[:2]
    for t in range(years):
        slack = np.diag(np.r_[np.ones(m), -np.ones(s)])
        body = np.hstack([np.ones((m + s, 1)), slack, np.vstack([x[t].T, y[t].T])])
        body[:m, 0] = 0
        cost = np.r_[-1.0, np.zeros(m + s + n)]
        h = bare_model(body, cost, np.zeros(len(cost)), np.ones(m + s))
        for at in range(max(0, t - 1), min(years, t + 2)):
            for i in range(n):
                for r in range(m):
                    h.changeRowBounds(r, x[at, i, r], x[at, i, r])
                for r in range(s):
                    h.changeCoeff(m + r, 0, -y[at, i, r])
                    h.changeRowBounds(m + r, 0.0, 0.0)
                h.run()
                found.append(h.getInfo().objective_function_value)
    return -np.array(found)


def bare_sbm(x: Float, y: Float, b: Float) -> Float:
    """Non-oriented CRS SBM with bads, one model per year, in the order of the units."""
    m, s, q = x.shape[2], y.shape[2], b.shape[2]
    k = m + s + q
    data = np.concatenate([x, y, b], axis=2)
    data = data / data.mean(axis=(0, 1))
    sign = np.r_[np.ones(m), -np.ones(s), np.ones(q)]
    found = []
    for t in range(len(data)):
        n = data.shape[1]
        body = np.zeros((k + 1, 1 + k + n))
        body[:k, 0] = -1
        body[:k, 1 : 1 + k] = np.diag(sign)
        body[:k, 1 + k :] = data[t].T
        body[k, 0] = 1
        body[k, 1 + m : 1 + k] = 1
        cost = np.zeros(1 + k + n)
        cost[0] = 1
        h = bare_model(body, cost, np.zeros(len(cost)), np.r_[np.zeros(k), 1.0])
        for i in range(n):
            own = data[t, i]
            for r in range(k):
                h.changeCoeff(r, 0, -own[r])
            for r in range(m):
                h.changeColCost(1 + r, -1 / (m * own[r]))
            for r in range(m, k):
                h.changeCoeff(k, 1 + r, 1 / ((s + q) * own[r]))
            h.run()
            found.append(h.getInfo().objective_function_value)
    return np.array(found)


def scipy_malmquist(x: Float, y: Float, sample: int) -> tuple[float, Float]:
    """Seconds per programme and the distances of the first year's first units."""
    x, y = x / x.mean(axis=(0, 1)), y / y.mean(axis=(0, 1))
    n = x.shape[1]
    cost = np.r_[-1.0, np.zeros(n)]
    found = []
    start = time.perf_counter()
    for i in range(sample):
        body = np.vstack([np.c_[np.zeros(x.shape[2]), x[0].T], np.c_[y[0, i], -y[0].T]])
        z = linprog(cost, A_ub=body, b_ub=np.r_[x[0, i], 0 * y[0, i]], method="highs")
        found.append(-z.fun)
    return (time.perf_counter() - start) / sample, np.array(found)


def scipy_sbm(x: Float, y: Float, b: Float, sample: int) -> tuple[float, Float]:
    m, s, q = x.shape[2], y.shape[2], b.shape[2]
    k = m + s + q
    data = np.concatenate([x, y, b], axis=2)
    data = (data / data.mean(axis=(0, 1)))[0]
    n = len(data)
    body = np.zeros((k + 1, 1 + k + n))
    body[:k, 1 : 1 + k] = np.diag(np.r_[np.ones(m), -np.ones(s), np.ones(q)])
    body[:k, 1 + k :] = data.T
    body[k, 0] = 1
    right = np.r_[np.zeros(k), 1.0]
    found = []
    start = time.perf_counter()
    for i in range(sample):
        body[:k, 0] = -data[i]
        body[k, 1 + m : 1 + k] = 1 / ((s + q) * data[i, m:])
        cost = np.zeros(1 + k + n)
        cost[0] = 1
        cost[1 : 1 + m] = -1 / (m * data[i, :m])
        found.append(linprog(cost, A_eq=body, b_eq=right, method="highs").fun)
    return (time.perf_counter() - start) / sample, np.array(found)


R_SCRIPT = """
args <- commandArgs(TRUE); d <- read.csv(args[1]); out <- list()
x <- as.matrix(d[d$t == 0, c("x1", "x2", "x3")]); y <- as.matrix(d[d$t == 0, "y", drop = FALSE])
if (requireNamespace("Benchmarking", quietly = TRUE)) {
  s <- system.time(for (k in 1:3) Benchmarking::dea(x, y, RTS = "crs", ORIENTATION = "out"))
  cat("Benchmarking", s[["elapsed"]] / 3 / nrow(x), "\\n")
} else cat("Benchmarking missing\\n")
if (requireNamespace("deaR", quietly = TRUE)) {
  r <- deaR::make_deadata(data.frame(u = seq_len(nrow(x)), x, y), ni = 3, no = 1)
  s <- system.time(deaR::model_basic(r, orientation = "oo", rts = "crs", maxslack = FALSE))
  cat("deaR", s[["elapsed"]] / nrow(x), "\\n")
} else cat("deaR missing\\n")
"""


def r_packages(x: Float, y: Float) -> dict[str, str]:
    """Seconds per radial programme in R, or why there is no number."""
    if shutil.which("Rscript") is None:
        return {"deaR": "Rscript not present", "Benchmarking": "Rscript not present"}
    with tempfile.TemporaryDirectory() as folder:
        data, script = Path(folder) / "d.csv", Path(folder) / "d.R"
        rows = ["t,x1,x2,x3,y"]
        rows += [",".join(map(repr, [0, *map(float, x[0, i]), float(y[0, i, 0])])) for i in range(x.shape[1])]
        data.write_text("\n".join(rows))
        script.write_text(R_SCRIPT)
        run = subprocess.run(["Rscript", str(script), str(data)], capture_output=True, text=True, check=False)
    lines = (line.split(" ", 1) for line in run.stdout.splitlines() if " " in line)
    return {name: value.strip() for name, value in lines} or {"R": run.stderr[-200:]}


def peak_megabytes() -> dict[str, float]:
    """Largest resident set so far of this process, and of the largest worker."""
    return {
        "main": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "largest_worker": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("bench/efficiency.json"))
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    x, y, b = generate(UNITS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EfficiencyWarning)
        plain = cube_panel(x, y)
    full = panel_of(UNITS)
    rows: list[dict[str, Any]] = []

    def show(name: str, seconds: float, programmes: int, **extra: Any) -> None:
        row = {"name": name, "seconds": seconds, "programmes": programmes, **extra}
        rows.append(row)
        more = "  ".join(f"{k}={v}" for k, v in extra.items())
        each = 1e3 * seconds / programmes
        print(f"{name:<46} {seconds:9.2f} s {programmes:>8} LP {each:8.3f} ms/LP  {more}")

    count = UNITS * YEARS + 2 * UNITS * (YEARS - 1)
    ours, result = timed(lambda: malmquist(plain))
    assert result.counts() == {"optimal": UNITS * (YEARS - 1)}
    bare, distances = timed(lambda: bare_malmquist(x, y))
    sample = 150
    each, check = scipy_malmquist(x, y, sample)
    own = 1 / result.level_from[:sample]
    assert np.allclose(own, check, rtol=1e-7) and np.allclose(own, distances[:sample], rtol=1e-6)
    show("Malmquist CRS contemporaneous, ours", ours, count)
    show("  bare highspy warm-start loop", bare, count, ours_over_bare=round(ours / bare, 2))
    show(
        f"  scipy.linprog (sample of {sample}, scaled)",
        each * count,
        count,
        scipy_over_ours=round(each * count / ours, 1),
    )

    count = UNITS * YEARS
    sbm = Technology("sbm", "none", "crs")
    ours, scores = timed(lambda: evaluate(full, sbm))
    bare, other = timed(lambda: bare_sbm(x, y, b))
    each, check = scipy_sbm(x, y, b, sample)
    assert np.allclose(scores.score, other, rtol=1e-6)
    assert np.allclose(scores.score[:sample], check, rtol=1e-6)
    show("SBM with bads, slacks, targets, peers, ours", ours, count)
    show("  bare highspy warm-start loop", bare, count, ours_over_bare=round(ours / bare, 2))
    show(
        f"  scipy.linprog (sample of {sample}, scaled)",
        each * count,
        count,
        scipy_over_ours=round(each * count / ours, 1),
    )
    efficient = int((scores.score > 1 - 1e-9).sum())
    print(f"  ({efficient} of {count} city-years are on their year's frontier)")

    # A job this small stays in the calling process whatever the number of workers.
    seconds, result = timed(lambda: sbm_malmquist_luenberger(full, workers=2))
    show(f"global SBM-ML {UNITS} x {YEARS} ({count} columns)", seconds, 2 * count)
    assert result.counts() == {"optimal": UNITS * (YEARS - 1)}

    r = r_packages(x, y)
    for name, value in r.items():
        print(f"R {name}, seconds per radial programme: {value}")

    if not options.quick:
        for n in (500, 1000, 3000):
            panel = panel_of(n)
            with progress_bar(f"{n} units") as report_progress:
                run = partial(sbm_malmquist_luenberger, panel, workers=2, progress=report_progress)
                seconds, result = timed(run, repeat=1)
            memory = {k: round(v) for k, v in peak_megabytes().items()}
            show(f"global SBM-ML {n} x 14, workers=2", seconds, 2 * n * YEARS, peak_mb=memory)
            assert result.counts() == {"optimal": n * (YEARS - 1)}
    peak = peak_megabytes()
    print("peak memory, MB:", {k: round(v) for k, v in peak.items()})
    report = {
        "rows": rows,
        "r": r,
        "peak_megabytes": peak,
        "efficient_city_years": efficient,
        "machine": {
            "python": platform.python_version(),
            "processor": platform.machine(),
            "highspy": version("highspy"),
            "numpy": np.__version__,
        },
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(report, indent=1))
    print(f"written to {options.out}")


if __name__ == "__main__":
    main()
