"""Monte-Carlo of the staggered estimators: bias, error and coverage where the truth is known.

Run from the root: `PYTHONPATH=. python bench/staggered.py [--output FILE] [--panels N]`.
Prints tables and writes the same as JSON. Each panel has 60 units and 12 years. Units draw one of five
groups: treated from year 4, 6, 8 or 10 on, or never; effects differ by cohort and grow with time;
errors are AR(1) with .5. The truth is the average of true effects that an estimator is after (`target`),
once among the units drawn and once in the population. Estimators in RANDOM_SIZES have errors for the
latter: cohort sizes vary from sample to sample too. The others hold them fixed. An interval for
the population is too wide for the sample and the reverse too narrow; the table's `own` column reads the
coverage that an estimator claims.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import Progress

from cbec.estimators.regression import fit_least_squares
from cbec.estimators.specification import Specification
from cbec.estimators.staggered.engines import ESTIMATORS
from cbec.estimators.staggered.fit import fit_staggered

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
COHORTS = (4, 6, 8, 10)
#: First-year effect of each cohort, and its growth a year: the early gain most.
EFFECTS = {4: (2.0, 0.5), 6: (1.5, 0.35), 8: (1.0, 0.2), 10: (0.5, 0.1)}
MODEL: dict[str, Any] = {"outcome": "y", "unit": "city", "cohort": "first_treated_year"}
EVENT = 2
RANDOM_SIZES = ("callaway_santanna", "two_stage", "stacked", "synthetic_did")


def true_effect(cohort: int, year: int) -> float:
    """Effect on a unit of `cohort` in `year`; zero before treatment."""
    start, growth = EFFECTS[cohort]
    return start + growth * (year - cohort) if year >= cohort else 0.0


def simulate_panel(
    *,
    seed: int,
    n_each: int = 12,
    n_years: int = 12,
    rho: float = 0.5,
    scale: float = 1.0,
    never: bool = True,
    is_drawn: bool = False,
) -> pd.DataFrame:
    """City-years with y, first_treated_year (missing: never), x (a control with slope 0.5) and effect.

    `scale` multiplies every effect; errors have unit variance and autocorrelation `rho`. Groups have
    n_each units, or as many in expectation when `is_drawn`.
    """
    rng = np.random.default_rng(seed)
    groups = np.array([*COHORTS, np.nan] if never else COHORTS)
    cohort = np.repeat(groups, n_each)
    n = len(cohort)
    if is_drawn:
        cohort = np.sort(rng.choice(groups, size=n))
    error = np.empty((n, n_years))
    error[:, 0] = rng.normal(size=n)
    for t in range(1, n_years):
        error[:, t] = rho * error[:, t - 1] + math.sqrt(1 - rho**2) * rng.normal(size=n)
    # Cities that adopt early are larger: levels may differ, trends do not.
    level = rng.normal(size=n) + np.where(np.isnan(cohort), 0.0, 0.2 * (12 - np.nan_to_num(cohort)))
    year = np.arange(1, n_years + 1)
    x = rng.normal(size=(n, n_years))
    effect = np.array(
        [[0.0 if np.isnan(g) else scale * true_effect(int(g), int(t)) for t in year] for g in cohort]
    )
    y = level[:, None] + 0.3 * year + 0.5 * x + effect + error
    return pd.DataFrame(
        {
            "city": np.repeat(np.arange(n), n_years),
            "year": np.tile(year, n),
            "first_treated_year": np.repeat(cohort, n_years),
            "x": x.ravel(),
            "effect": effect.ravel(),
            "y": (y - 0.5 * x).ravel(),
            "y_x": y.ravel(),
        }
    )


def target(panel: pd.DataFrame, estimator: str) -> float:
    """The average of true effects that an estimator's overall effect stands for."""
    data = panel.dropna(subset="first_treated_year")
    since = data["year"] - data["first_treated_year"]
    last = panel["year"].max() - data["first_treated_year"].max()
    if estimator == "stacked":
        inside = data.assign(e=since)[since.between(0, last)]
        return float(inside.groupby("e")["effect"].mean().mean())
    if estimator == "lp_did":
        return float(data.loc[since.between(0, last), "effect"].mean())
    return float(data.loc[since >= 0, "effect"].mean())


def event_target(panel: pd.DataFrame, event: int) -> float:
    data = panel.dropna(subset="first_treated_year")
    return float(data.loc[data["year"] - data["first_treated_year"] == event, "effect"].mean())


@dataclass(frozen=True)
class Score:
    """An estimator over all panels; coverage is of nominal 95 % intervals, for the truth among the
    units drawn and in the population, and `coverage` is that of the two which the errors are for.
    truth is the one in the population; bias and rmse are against the one among the units drawn."""

    estimator: str
    what: str
    truth: float
    bias: float
    rmse: float
    mean_std_error: float
    std_deviation: float
    coverage: float
    coverage_drawn: float
    coverage_population: float
    seconds: float
    panels: int


@dataclass(frozen=True)
class Draw:
    """One estimate, the truth among the units drawn, and the seconds that it took."""

    estimate: float
    std_error: float
    ci_low: float
    ci_high: float
    truth: float
    seconds: float


def score(name: str, what: str, truth: float, draws: list[Draw]) -> Score:
    off = np.array([draw.estimate - draw.truth for draw in draws])
    drawn = float(np.mean([draw.ci_low <= draw.truth <= draw.ci_high for draw in draws]))
    population = float(np.mean([draw.ci_low <= truth <= draw.ci_high for draw in draws]))
    return Score(
        estimator=name,
        what=what,
        truth=truth,
        bias=float(off.mean()),
        rmse=float(np.sqrt(np.mean(off**2))),
        mean_std_error=float(np.mean([draw.std_error for draw in draws])),
        std_deviation=float(off.std(ddof=1)),
        coverage=population if name in RANDOM_SIZES else drawn,
        coverage_drawn=drawn,
        coverage_population=population,
        seconds=float(np.median([draw.seconds for draw in draws])),
        panels=len(draws),
    )


def recovery(panels: int, advance: Callable[[], None]) -> list[Score]:
    """Every estimator on the same panels: its overall effect and its effect at event year 2."""
    overall: dict[str, list[Draw]] = {name: [] for name in ESTIMATORS}
    event: dict[str, list[Draw]] = {name: [] for name in ESTIMATORS}
    # Groups of equal size, as in the population.
    population = simulate_panel(seed=0)
    for seed in range(panels):
        panel = simulate_panel(seed=seed, is_drawn=True)
        for name in ESTIMATORS:
            start = time.perf_counter()
            fit = fit_staggered(
                panel, estimator=name, **MODEL, last_event=8, aggregations=("overall", "dynamic")
            )
            seconds = time.perf_counter() - start
            e = fit.overall
            overall[name].append(
                Draw(e.estimate, e.std_error, e.ci_low, e.ci_high, target(panel, name), seconds)
            )
            for r in fit.events:
                if r.event_year == EVENT:
                    truth = event_target(panel, EVENT)
                    event[name].append(Draw(r.estimate, r.std_error, r.ci_low, r.ci_high, truth, seconds))
        advance()
    out = [score(name, "overall", target(population, name), draws) for name, draws in overall.items()]
    at_event = event_target(population, EVENT)
    return out + [
        score(name, f"event year {EVENT}", at_event, draws) for name, draws in event.items() if draws
    ]


@dataclass(frozen=True)
class Size:
    """Share of panels without any effect in which two-way fixed effects finds one at 5 %."""

    rho: float
    vcov: str
    rejected: float
    panels: int


def sizes(panels: int, advance: Callable[[], None]) -> list[Size]:
    out = []
    for rho in (0.0, 0.5, 0.8):
        counts = dict.fromkeys(("iid", "HC1", "CRV1:city"), 0)
        for seed in range(panels):
            panel = simulate_panel(seed=10_000 + seed, rho=rho, scale=0.0)
            panel["d"] = (panel["year"] >= panel["first_treated_year"]).astype(float)
            for vcov in counts:
                row = {
                    "study_id": "bench", "table_no": "T", "column_no": 1, "estimator": "twfe", "outcome": "y",
                    "treatment": "d", "treatment_rule": None, "controls": None,
                    "fixed_effects": "city + year", "vcov": vcov, "sample": "all",
                }  # fmt: skip
                p_value = fit_least_squares(panel, Specification.from_row(row)).terms[0].p_value
                counts[vcov] += p_value is not None and p_value < 0.05
            advance()
        out += [Size(rho, vcov, count / panels, panels) for vcov, count in counts.items()]
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".json"))
    parser.add_argument("--panels", type=int, default=200)
    options = parser.parse_args()
    if any(os.environ.get(name) != "1" for name in THREADS):  # libraries read it when loaded
        single = {**os.environ, **dict.fromkeys(THREADS, "1")}
        os.execve(sys.executable, [sys.executable, *sys.argv], single)
    start = time.perf_counter()
    fit_staggered(simulate_panel(seed=0), estimator="twfe", **MODEL)
    fit_staggered(simulate_panel(seed=0), estimator="imputation", **MODEL)
    imported = time.perf_counter() - start
    # pyfixest collects garbage in every fit; the libraries' objects are none.
    gc.collect()
    gc.freeze()
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("panels", total=4 * options.panels)
        scores = recovery(options.panels, lambda: progress.advance(task))
        rejections = sizes(options.panels, lambda: progress.advance(task))
    print(
        f"{'estimator':<31}{'effect':<13}{'truth':>7}{'bias':>8}{'RMSE':>7}{'SE':>7}{'SD':>7}{'own':>7}{'drawn':>7}{'popul.':>7}{'s':>7}"
    )
    for s in scores:
        print(
            f"{s.estimator:<31}{s.what:<13}{s.truth:>7.3f}{s.bias:>+8.3f}{s.rmse:>7.3f}"
            f"{s.mean_std_error:>7.3f}{s.std_deviation:>7.3f}{s.coverage:>7.1%}{s.coverage_drawn:>7.1%}{s.coverage_population:>7.1%}{s.seconds:>7.3f}"
        )
    print(f"\n{'rho':>4}  {'vcov':<10}{'rejected at 5 %':>16}")
    for size in rejections:
        print(f"{size.rho:>4.1f}  {size.vcov:<10}{size.rejected:>16.1%}")
    total = time.perf_counter() - start
    print(f"{options.panels} panels; {total:.0f} s, of which {imported:.0f} s imports")
    report = {
        "python": sys.version.split()[0],
        "machine": platform.machine(),
        "threads": 1,
        "seconds": round(total),
        "recovery": [asdict(s) for s in scores],
        "size": [asdict(size) for size in rejections],
    }
    options.output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
