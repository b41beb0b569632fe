"""Bias, spread and coverage under selection on observables: the panels of tests/estimators/test_selection.py.

python bench/selection.py [draws]
"""

from __future__ import annotations

import gc
import sys

import numpy as np

from cbec.estimators.selection import entropy_did, entropy_twfe, matched_did
from cbec.estimators.staggered.fit import fit_staggered
from tests.estimators.test_selection import EFFECT, arrays, make_panel


def main(draws: int) -> None:
    """Print one line per method."""
    found: dict[str, list[tuple[float, float, float, float]]] = {}
    # pyfixest collects garbage after each fit.
    gc.freeze()
    for seed in range(draws):
        frame = make_panel(seed=5000 + seed)
        panel = arrays(frame)
        for result in (matched_did(panel), entropy_did(panel), entropy_twfe(panel)):
            row = (result.estimate, result.std_error, result.ci_low, result.ci_high)
            found.setdefault(result.method, []).append(row)
        for method, controls in (("reg", ()), ("dr", ("x1", "x2"))):
            effect = fit_staggered(
                frame, estimator="callaway_santanna", outcome="y", unit="city", controls=controls,
                method=method, aggregations=("overall",),
            ).overall  # fmt: skip
            row = (effect.estimate, effect.std_error, effect.ci_low, effect.ci_high)
            found.setdefault(f"callaway_santanna {method}", []).append(row)
    for name, rows in found.items():
        estimate, error, low, high = np.array(rows).T
        covered = np.mean((low <= EFFECT) & (high >= EFFECT))
        rmse = np.sqrt(np.mean((estimate - EFFECT) ** 2))
        print(
            f"{name:24} bias {estimate.mean() - EFFECT:+.3f} rmse {rmse:.3f}"
            f" error {error.mean():.3f} spread {estimate.std(ddof=1):.3f} covers {100 * covered:.1f} %"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
