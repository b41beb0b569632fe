"""Size of the cluster jackknife and of placebo units, on the designs of bench.size.

`python -m bench.few_clusters`.

Each design of two-way effects is drawn without an effect; the share of draws is printed that CV3 with t(G -
1), CV3 with t(G* - 1), and Conley and Taber's test reject at 5 per cent. A method that a design does not
allow, because a coefficient is not identified without one of the clusters or controls are too few, has a
dash.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy import stats

from bench.size import LEVEL, Design, FloatArray, designs, errors, treated, two_way
from cbec.estimators.few_clusters import placebo_sums

# Beyond so many units the jackknife of a thousand draws takes minutes, and is not needed.
MAX_JACKKNIFED = 64
PLACEBOS = 999


@dataclass(frozen=True)
class Row:
    """Shares of draws that reject at 5 per cent; None where the design does not allow the method."""

    design: str
    correlation: float
    effective: float
    cv3: float | None
    cv3_effective: float | None
    conley_taber: float | None


def jackknifed(y: FloatArray, design: Design) -> FloatArray | None:
    """CV3 errors (draws,); None where the treatment is not identified without some cluster."""
    first, cluster = design.first, design.cluster
    n = int(cluster.max()) + 1
    without = []
    for g in range(n):
        left = cluster != g
        d = treated(first[left])
        within = d - d.mean(axis=1, keepdims=True) - d.mean(axis=0) + d.mean()
        if (within**2).sum() < 1e-9:
            return None
        without.append(
            two_way(y[:, left], first[left], np.unique(cluster[left], return_inverse=True)[1]).estimate
        )
    gap = np.array(without) - two_way(y, first, cluster).estimate
    return np.asarray(np.sqrt((n - 1) / n * (gap**2).sum(axis=0)))


def placed(y: FloatArray, design: Design, seed: int) -> float | None:
    """Share that Conley and Taber's test rejects."""
    d = treated(design.first)
    within = d - d.mean(axis=1, keepdims=True) - d.mean(axis=0) + d.mean()
    weights = within / (within**2).sum()
    ever = design.first > 0
    estimates = (y * weights).sum(axis=(1, 2))
    rejected = 0
    for draw, estimate in zip(y, estimates, strict=True):
        controls = draw[~ever]
        residuals = controls - controls.mean(axis=0) - controls.mean(axis=1, keepdims=True) + controls.mean()
        try:
            placebos, _ = placebo_sums(weights[ever], residuals, draws=PLACEBOS, seed=seed)
        except ValueError:
            return None
        p = (1 + (np.abs(placebos) >= abs(estimate) - 1e-12).sum()) / (placebos.size + 1)
        rejected += int(p <= LEVEL)
    return rejected / len(y)


def simulate(design: Design, draws: int, seed: int) -> Row:
    """Sizes on one design."""
    y = errors(design, draws, seed)
    found = two_way(y, design.first, design.cluster)
    shares: list[float | None] = [None, None]
    error = jackknifed(y, design) if len(design.first) <= MAX_JACKKNIFED else None
    if error is not None:
        t = np.abs(found.estimate / error)
        shares = [
            float((2 * stats.t.sf(t, df) <= LEVEL).mean())
            for df in (found.n_clusters - 1, max(found.effective - 1, 1.0))
        ]
    by_unit = design.per_cluster == 1
    return Row(
        design.name,
        design.correlation,
        found.effective,
        *shares,
        placed(y, design, seed) if by_unit else None,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=20150307)
    parser.add_argument("--out", type=Path, default=Path("bench/few_clusters.json"))
    chosen = parser.parse_args(arguments)
    wanted = [design for design in designs() if design.estimator == "twfe"]
    progress = track(wanted, "designs", console=Console(stderr=True), disable=not sys.stderr.isatty())
    rows = [simulate(design, chosen.draws, chosen.seed) for design in progress]
    chosen.out.write_text(json.dumps([asdict(row) for row in rows], indent=1), encoding="utf-8")
    table = Table("design", "AR(1)", "G*", "CV3 t(G-1) %", "CV3 t(G*-1) %", "Conley-Taber %", box=None)
    for row in rows:
        shares = (row.cv3, row.cv3_effective, row.conley_taber)
        table.add_row(
            row.design, f"{row.correlation:g}", f"{row.effective:.1f}",
            *("-" if share is None else f"{100 * share:.1f}" for share in shares),
        )  # fmt: skip
    Console(width=120).print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
