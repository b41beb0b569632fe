"""De Chaisemartin and D'Haultfoeuille (2024), for a treatment that is adopted once and kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from cbec.estimators.staggered.aggregation import (
    Estimates,
    FloatArray,
    Options,
    cells_after,
    diff_diff_version,
    require_unit_clusters,
)
from cbec.estimators.staggered.sample import Sample


def de_chaisemartin_dhaultfoeuille(sample: Sample, options: Options) -> Estimates:
    """Switchers against those not switched yet. Estimates from diff-diff, errors from `influence`.

    With controls the error is diff-diff's, times what the authors' degrees of freedom add to that of the same
    event year without controls: diff-diff has no influence functions to give.
    """
    require_unit_clusters(sample, "de_chaisemartin_dhaultfoeuille")
    if options.gaps == "keep":
        raise ValueError("de_chaisemartin_dhaultfoeuille needs a balanced panel; use gaps='drop'")
    cells = sample.treated_cells
    found = _event_years(sample, sample.control_columns)
    psi = influence(sample, sorted(found))
    errors = {e: math.sqrt(psi[e] @ psi[e]) for e in found}
    if not any(e >= 0 for e in found) or not all(errors.values()):
        raise ValueError("no error in an event year: the fit is perfect, or nobody is left to compare with")
    if sample.controls:
        plain = _event_years(sample, [])
        errors = {e: float(row["se"]) * errors[e] / float(plain[e]["se"]) for e, row in found.items()}
    events = [
        (e, float(row["effect"]), errors[e], sum(t - g == e for g, t in cells)) for e, row in found.items()
    ]
    post = cells_after(sample)
    shown = [e for e in found if e >= 0]
    counts = np.array([float(found[e]["n_obs"]) for e in shown])
    weights = counts / counts.sum()
    b = np.array([float(found[e]["effect"]) for e in shown])
    # Event years share units and base years: their influence functions add up, not their variances.
    scale = [errors[e] / math.sqrt(psi[e] @ psi[e]) for e in shown]
    total = sum(w * k * psi[e] for w, k, e in zip(weights, scale, shown, strict=True))
    return Estimates(
        effects=[
            ("overall", None, float(weights @ b), math.sqrt(float(total @ total)), post),
            *(("dynamic", e, x, y, [c for c in post if c[1] - c[0] == e]) for e, x, y, _ in events if e >= 0),
        ],
        events=[row for row in events if options.first_event <= row[0] <= options.last_event],
        formula="DID of switchers and not yet switched{controls}, weighted by switchers",
        engine=diff_diff_version(),
        base_period="event year -1",
    )


def _event_years(sample: Sample, covariates: Sequence[str]) -> dict[int, Any]:
    """diff-diff's rows by event year, those with an error. Its placebo -l is event year -1-l against -1."""
    from diff_diff import ChaisemartinDHaultfoeuille

    data = sample.data
    status = (data["cohort"].gt(0) & data["time"].ge(data["cohort"])).astype(int)
    result = ChaisemartinDHaultfoeuille(twfe_diagnostic=False).fit(
        data.assign(d=status),
        outcome="y",
        unit="unit",
        time="time",
        treatment="d",
        covariates=list(covariates) or None,
        L_max=sample.years[-1] - min(sample.cohort_sizes) + 1,
    )
    rows = {int(h) - 1: row for h, row in (result.placebo_event_study or {}).items()}
    rows |= {int(h) - 1: row for h, row in result.event_study_effects.items()}
    return {e: row for e, row in sorted(rows.items()) if math.isfinite(row["se"]) and row["se"] > 0}


def influence(sample: Sample, events: Sequence[int]) -> dict[int, FloatArray]:
    """Influence functions on units (n,) of the effect in each event year, without controls.

    A sum of squares is a variance. Changes are centred among the switchers of one cohort and among those that
    are compared in one year, and scaled by sqrt(n / (n - 1)), n their number: the authors' degrees of
    freedom (de Chaisemartin and D'Haultfoeuille 2024, web appendix; DOF_gt in their package), which
    diff-diff leaves out. An event year before the base uses the comparisons of the effect as far after it.
    """
    wide = sample.data.pivot(index="unit", columns="time", values="y")
    cohort = sample.data.drop_duplicates("unit")["cohort"].to_numpy()
    first = np.where(cohort == 0, np.inf, cohort)
    out = {}
    for e in events:
        psi, n_switchers = np.zeros(len(wide)), 0
        ahead = e + 1 if e >= 0 else -1 - e
        for g in sorted(sample.cohort_sizes):
            year, base = g + e, g - 1
            compared = first > base + ahead
            if base + ahead > sample.years[-1] or year not in wide or not compared.any():
                continue
            change = (wide[year] - wide[base]).to_numpy(dtype=float)
            switching = cohort == g
            n_switchers += int(switching.sum())
            psi[switching] += _centred(change[switching])
            psi[compared] -= switching.sum() / compared.sum() * _centred(change[compared])
        out[e] = psi / max(n_switchers, 1)
    return out


def _centred(change: FloatArray) -> FloatArray:
    """Changes less their mean, scaled; as they are where there is one, as in the authors' package."""
    n = len(change)
    return change if n == 1 else np.asarray((change - change.mean()) * math.sqrt(n / (n - 1)))
