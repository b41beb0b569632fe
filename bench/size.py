"""Size and power of what is printed with stars, by simulation of fixed designs: `python -m bench.size`.

Each design is drawn `--draws` times without an effect (size) and with one (power): unit and year effects,
errors of an autoregression within units, treatment from given years on. Of each draw the test is made that
the tables print, at 5 per cent: the clustered t value with the effective number of clusters less one degrees
of freedom (`cbec.estimators.effective`), where the vars min_effective_clusters and min_clusters let an error
be published. Beside it: t(G - 1), as most programs have it, and the randomisation p of permuted cohorts, by t
and by the coefficient.

Many draws are computed at once; `check` holds that computation against the estimators themselves, on a draw
of each design.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy import stats

from cbec.estimators.effective import effective_number
from cbec.estimators.regression import fit_least_squares
from cbec.estimators.specification import Specification
from cbec.estimators.staggered.fit import fit_staggered
from cbec.estimators.staggered.permutation import overall_effect
from cbec.project import Project

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
YEARS, FIRST = 15, 2009
LEVEL = 0.05
# What is printed with stars must reject so many true nulls.
ALLOWED = (0.03, 0.07)
# Of an effect that is looked for: standard deviations of a year's shock.
EFFECT = 0.75


@dataclass(frozen=True)
class Design:
    """Units by first treated year (0 for never) and the correlation of errors from one year to the next.

    estimator: callaway_santanna (mean over treated unit-years) or twfe. per_cluster: units that share their
    errors' cluster and a part of their shocks.
    """

    name: str
    cohorts: tuple[tuple[int, int], ...]
    correlation: float
    estimator: str = "callaway_santanna"
    per_cluster: int = 1

    @property
    def first(self) -> IntArray:
        return np.repeat([year for year, _ in self.cohorts], [n for _, n in self.cohorts])

    @property
    def cluster(self) -> IntArray:
        """Clusters hold units of one first year, so that treatment is given to clusters."""
        return np.arange(len(self.first)) // self.per_cluster


# Whole cities by the year in which batches one to six count them (rule `first_six` of the registry).
REAL = ((2015, 1), (2016, 12), (2018, 21), (2019, 22), (2020, 43), (2022, 24))
# Beyond so many units an error is given anyway, and permuting takes an hour.
MAX_PERMUTED = 64


def designs() -> list[Design]:
    """The fixed designs, each with both correlations and both estimators."""
    of_36 = {
        "1 of 36 treated": ((2016, 1), (0, 35)),
        "2 of 36 treated": ((2016, 2), (0, 34)),
        "4 of 36 treated": ((2016, 4), (0, 32)),
        "8 of 36 treated": ((2016, 8), (0, 28)),
        "four lone cohorts of 36": ((2014, 1), (2016, 1), (2018, 1), (2019, 1), (0, 32)),
        "36, one control": ((2015, 1), (2016, 11), (2018, 17), (2020, 6), (0, 1)),
        "36, two controls": ((2015, 1), (2016, 11), (2018, 16), (2020, 6), (0, 2)),
        "36, ten controls": ((2015, 1), (2016, 11), (2018, 10), (2020, 4), (0, 10)),
        "8 clusters of 4, 4 treated": ((2016, 16), (0, 16)),
        "31 provinces": ((2015, 1), (2016, 6), (2018, 6), (2019, 7), (0, 11)),
        "285, real batches": (*REAL, (0, 285 - sum(n for _, n in REAL))),
        "285, all but 12 treated": ((2015, 1), (2016, 11), (2018, 61), (2019, 80), (2020, 120), (0, 12)),
        "285, 12 treated": ((2016, 5), (2018, 7), (0, 273)),
    }
    return [
        Design(name, cohorts, correlation, estimator, 4 if name.startswith("8 clusters") else 1)
        for name, cohorts in of_36.items()
        for estimator in ("callaway_santanna", "twfe")
        for correlation in (0.5, 0.8)
    ]


def errors(design: Design, draws: int, seed: int) -> FloatArray:
    """Errors (draws, units, years); half of the shocks' variance is the cluster's where it has several."""
    rng = np.random.default_rng(seed)
    n, rho = len(design.first), design.correlation
    shocks = rng.standard_normal((draws, n, YEARS))
    if design.per_cluster > 1:
        common = rng.standard_normal((draws, int(design.cluster.max()) + 1, YEARS))
        shocks = (shocks + common[:, design.cluster]) / np.sqrt(2)
    found = shocks.copy()
    found[:, :, 0] /= np.sqrt(1 - rho**2)
    for t in range(1, YEARS):
        found[:, :, t] = rho * found[:, :, t - 1] + shocks[:, :, t]
    return found


def treated(first: IntArray) -> FloatArray:
    """Treatment (units, years)."""
    years = FIRST + np.arange(YEARS)
    return ((first[:, None] > 0) & (years >= first[:, None])).astype(float)


@dataclass(frozen=True)
class Tests:
    """Estimates and errors (draws,), and effective clusters, of one design."""

    estimate: FloatArray
    error: FloatArray
    effective: float
    n_clusters: int


def _by_cluster(values: FloatArray, cluster: IntArray) -> FloatArray:
    """Sums over clusters of the second axis."""
    summed = np.zeros((values.shape[0], int(cluster.max()) + 1))
    np.add.at(summed, (slice(None), cluster), values)
    return summed


def two_way(y: FloatArray, first: IntArray, cluster: IntArray) -> Tests:
    """Two-way fixed effects, errors as fixest's. y: (draws, units, years)."""
    d = treated(first)
    d = d - d.mean(axis=1, keepdims=True) - d.mean(axis=0) + d.mean()
    y = y - y.mean(axis=2, keepdims=True) - y.mean(axis=1, keepdims=True) + y.mean(axis=(1, 2), keepdims=True)
    n, total = len(first), (d**2).sum()
    estimate = (y * d).sum(axis=(1, 2)) / total
    scores = _by_cluster(((y - estimate[:, None, None] * d) * d).sum(axis=2), cluster)
    g, rows = scores.shape[1], n * YEARS
    factor = g / (g - 1) * (rows - 1) / (rows - YEARS - 1)
    leverage = _by_cluster((d**2).sum(axis=1)[None], cluster)[0]
    error = np.sqrt(factor * (scores**2).sum(axis=1)) / total
    return Tests(estimate, error, float(effective_number(leverage)), g)


def group_time(y: FloatArray, first: IntArray, cluster: IntArray) -> Tests:
    """Callaway and Sant'Anna's mean over treated unit-years. y: (draws, units, years)."""
    found = overall_effect(y, list(range(FIRST, FIRST + YEARS)), first, cluster)
    return Tests(found.estimates, found.errors, found.n_effective_clusters, int(cluster.max()) + 1)


METHODS = {"callaway_santanna": group_time, "twfe": two_way}


@dataclass(frozen=True)
class Row:
    """Shares of draws that reject at 5 per cent; printed: whether an error is given at all."""

    design: str
    estimator: str
    correlation: float
    effective: float
    printed: bool
    size: float
    power: float
    size_g: float
    size_permuted_t: float
    size_permuted: float
    power_permuted_t: float


def simulate(design: Design, draws: int, permutations: int, seed: int, limits: dict[str, float]) -> Row:
    """Size and power of one design. limits: the vars that say when an error is published."""
    noise = errors(design, draws, seed)
    shifted = noise + EFFECT * treated(design.first)
    method = METHODS[design.estimator]
    null, real = (method(y, design.first, design.cluster) for y in (noise, shifted))
    can = null.effective >= limits["min_effective_clusters"]
    can &= design.estimator == "twfe" or null.n_clusters >= limits["min_clusters"]
    t_null, t_real = null.estimate / null.error, real.estimate / real.error
    df = max(null.effective - 1, 1.0)
    by_t, by_b, power_t = (np.ones(draws) for _ in range(3))
    rng = np.random.default_rng(seed + 1)
    n_clusters = int(design.cluster.max()) + 1
    n_permuted = permutations if len(design.first) <= MAX_PERMUTED else 0
    for _ in range(n_permuted):
        order = rng.permutation(n_clusters)
        moved = design.first[order[design.cluster] * design.per_cluster]
        of_null = method(noise, moved, design.cluster)
        of_real = method(shifted, moved, design.cluster)
        by_t += np.abs(of_null.estimate / of_null.error) >= np.abs(t_null) - 1e-12
        by_b += np.abs(of_null.estimate) >= np.abs(null.estimate) - 1e-12
        power_t += np.abs(of_real.estimate / of_real.error) >= np.abs(t_real) - 1e-12

    def share(p: FloatArray) -> float:
        return float((p <= LEVEL).mean())

    return Row(
        design.name, design.estimator, design.correlation, null.effective, can,
        share(2 * stats.t.sf(np.abs(t_null), df)), share(2 * stats.t.sf(np.abs(t_real), df)),
        share(2 * stats.t.sf(np.abs(t_null), null.n_clusters - 1)),
        *(share(p / (n_permuted + 1)) if n_permuted else math.nan for p in (by_t, by_b, power_t)),
    )  # fmt: skip


def check(design: Design, seed: int) -> None:
    """Raise AssertionError when the estimators of the project say otherwise of a draw."""
    y = errors(design, 1, seed)
    mine = METHODS[design.estimator](y, design.first, design.cluster)
    n = len(design.first)
    frame = pd.DataFrame({
        "unit": np.repeat(np.arange(n), YEARS), "year": np.tile(FIRST + np.arange(YEARS), n),
        "y": y[0].ravel(), "cluster": np.repeat(design.cluster, YEARS), "d": treated(design.first).ravel(),
        "first": np.repeat(np.where(design.first > 0, design.first, np.nan), YEARS),
    })  # fmt: skip
    if design.estimator == "twfe":
        spec = Specification(
            "s", "T", 1, "fixed_effects", "y", "d", None, (), ("unit", "year"), "CRV1:cluster", "all"
        )
        (term,) = fit_least_squares(frame, spec).terms
        theirs, effective = (term.estimate, term.std_error), term.n_effective_clusters
    else:
        try:
            overall = fit_staggered(
                frame, estimator=design.estimator, outcome="y", unit="unit", cohort="first", cluster="cluster"
            ).overall
        except ValueError as error:
            assert "one cluster" in str(error) or "standard error" in str(error), error
            return
        theirs, effective = (overall.estimate, overall.std_error), overall.n_effective_clusters
    assert abs(theirs[0] - mine.estimate[0]) < 1e-10, (design, theirs, mine)
    assert effective is not None
    assert abs(effective - mine.effective) < 1e-6 * mine.effective, (design, effective, mine.effective)
    if theirs[1] is not None and np.isfinite(theirs[1]):
        assert abs(theirs[1] - mine.error[0]) < 1e-9, (design, theirs, mine.error)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--permutations", type=int, default=199, help="of each design; 0 for none")
    parser.add_argument("--seed", type=int, default=20150307)
    parser.add_argument("--design", help="part of the names of those that are wanted")
    parser.add_argument("--out", type=Path, default=Path("bench/size.json"))
    chosen = parser.parse_args(arguments)
    out = Console(width=150)
    wanted = [d for d in designs() if not chosen.design or chosen.design in d.name]
    limits = yaml.safe_load((Project.here().root / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]
    rows = []
    for design in track(wanted, "designs", console=Console(stderr=True), disable=not sys.stderr.isatty()):
        check(design, chosen.seed)
        rows.append(simulate(design, chosen.draws, chosen.permutations, chosen.seed, limits))
    chosen.out.write_text(json.dumps([asdict(row) for row in rows], indent=1), encoding="utf-8")
    heads = (
        "design",
        "estimator",
        "AR(1)",
        "G*",
        "printed",
        "size %",
        "power %",
        "size t(G-1)",
        "perm. t",
        "perm. b",
        "power perm. t",
    )
    table = Table(*heads, box=None)
    for row in rows:
        shares = (row.size_g, row.size_permuted_t, row.size_permuted, row.power_permuted_t)
        own = [f"{100 * row.size:.1f}", f"{100 * row.power:.1f}"] if row.printed else ["withheld", "withheld"]
        table.add_row(
            row.design, row.estimator, f"{row.correlation:g}", f"{row.effective:.1f}",
            "yes" if row.printed else "no", *own, *(f"{100 * share:.1f}" for share in shares),
        )  # fmt: skip
    out.print(table)
    # A draw of so many has such an error itself.
    slack = 2 * np.sqrt(LEVEL * (1 - LEVEL) / chosen.draws)
    wrong = [r for r in rows if r.printed and not ALLOWED[0] - slack <= r.size <= ALLOWED[1] + slack]
    for row in wrong:
        place = f"{row.design} ({row.estimator}, {row.correlation:g})"
        out.print(f"{place}: {100 * row.size:.1f} % of true nulls rejected")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
