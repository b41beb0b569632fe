"""Does multiple imputation cover? Independent and correlated errors, outcome and control missing.

    python -m bench.imputation

200 panels of 40 units and 10 years, half of the units treated from half time on, effect 1, two-way effects,
clustered by unit, 20 imputations. outcome: a share of the cells of the outcome is missing, each alone or four
years in a row; control: cells of the control, among the treated where the outcome is high. Coverage of the
95 % interval (its Monte Carlo error is 1.5 points), standard deviation of the estimates and mean standard
error, of multiple imputation and of complete rows.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from cbec.estimators.absorb import build_basis, build_projector, fit_treatment
from cbec.estimators.imputation import impute, pool
from cbec.estimators.panel import prepare_panel

EFFECT = 1.0
N_UNITS, N_YEARS = 40, 10
# What is missing, which share of it (of a control what comes of the rule), and AR(1) of the errors.
DESIGNS = (
    ("outcome, cell by cell", 0.3, 0.0), ("outcome, four years", 0.3, 0.0), ("control", 0.0, 0.0),
    ("outcome, cell by cell", 0.05, 0.8), ("outcome, cell by cell", 0.1, 0.8),
    ("outcome, cell by cell", 0.3, 0.8), ("outcome, four years", 0.3, 0.8), ("control", 0.0, 0.8),
)  # fmt: skip
EQUATION: dict[str, Any] = {
    "outcome": "y", "treatment": "d", "unit": "unit", "time": "year", "controls": ("x",),
    "fixed_effects": ("unit", "year"),
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """Coverage, spread and mean error of a way to treat missing cells."""

    covered: float
    spread: float
    error: float


def draw(missing: str, share: float, correlation: float, stream: np.random.Generator) -> pd.DataFrame:
    """One panel with its gaps."""
    n = N_UNITS * N_YEARS
    unit, year = np.repeat(np.arange(N_UNITS), N_YEARS), np.tile(np.arange(N_YEARS), N_UNITS)
    d = ((unit % 2 == 0) & (year >= N_YEARS // 2)).astype(float)
    error = np.empty((N_UNITS, N_YEARS))
    error[:, 0] = stream.normal(size=N_UNITS)
    for t in range(1, N_YEARS):
        fresh = np.sqrt(1 - correlation**2) * stream.normal(size=N_UNITS)
        error[:, t] = correlation * error[:, t - 1] + fresh
    x = 0.5 * d + stream.normal(size=N_UNITS)[unit] + stream.normal(size=n)
    y = EFFECT * d + x + stream.normal(size=N_UNITS)[unit] + error.ravel()
    frame = pd.DataFrame({"unit": unit, "year": year, "d": d, "x": x, "y": y})
    if missing == "outcome, cell by cell":
        frame.loc[stream.random(n) < share, "y"] = np.nan
    elif missing == "outcome, four years":
        first = stream.integers(0, N_YEARS - 3, N_UNITS)[unit]
        some = (stream.random(N_UNITS) < share * N_YEARS / 4)[unit]
        frame.loc[some & (year >= first) & (year < first + 4), "y"] = np.nan
    else:
        within = frame["y"] - frame.groupby("unit")["y"].transform("mean")
        chance = np.where(d == 1, 1 / (1 + np.exp(3 - 3 * within)), 0.1)
        frame.loc[stream.random(n) < chance, "x"] = np.nan
    return frame


def estimates(frame: pd.DataFrame, seed: int, imputations: int) -> list[tuple[float, float, float]]:
    """Estimate, error and degrees of freedom of multiple imputation and of complete rows."""
    found = impute(frame, **EQUATION, imputations=imputations, seed=seed)
    projector = build_projector(found.panel.fixed_effects, found.panel.n_obs)
    panels = [found.completed(number) for number in range(imputations)]
    fits = [fit_treatment(panel, build_basis(panel, projector)) for panel in panels]
    df = float(np.mean([fit.n_effective_clusters for fit in fits])) - 1
    pooled = pool(np.array([fit.estimate for fit in fits]), np.array([fit.se for fit in fits]) ** 2, df)
    complete = fit_treatment(prepare_panel(frame.dropna(), **EQUATION))
    return [
        (pooled.estimate, pooled.std_error, pooled.df),
        (complete.estimate, complete.se, complete.n_effective_clusters - 1),
    ]


def simulate(
    missing: str, share: float, correlation: float, draws: int, seed: int, imputations: int = 20
) -> list[Row]:
    """Rows of multiple imputation and of complete rows."""
    streams = [np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(draws)]
    found = np.array(
        [
            estimates(draw(missing, share, correlation, stream), i, imputations)
            for i, stream in enumerate(streams)
        ]
    )  # fmt: skip
    rows = []
    for way in (0, 1):
        estimate, error, df = found[:, way].T
        covered = np.abs(estimate - EFFECT) <= stats.t.ppf(0.975, df) * error
        rows.append(Row(float(covered.mean()), float(estimate.std(ddof=1)), float(error.mean())))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--seed", type=int, default=20150307)
    options = parser.parse_args()
    print(
        "| missing | share | AR(1) | imputed: covers | spread | error"
        " | complete rows: covers | spread | error |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for missing, share, correlation in DESIGNS:
        cells = [
            f"{100 * row.covered:.0f} | {row.spread:.3f} | {row.error:.3f}"
            for row in simulate(missing, share, correlation, options.draws, options.seed)
        ]
        shown = f"{share:g}" if share else ""
        print(f"| {missing} | {shown} | {correlation:g} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
