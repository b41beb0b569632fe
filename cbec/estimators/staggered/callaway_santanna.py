"""Callaway and Sant'Anna (2021): doubly robust effects by cohort and year, and their influence functions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cbec.estimators.staggered.aggregation import (
    Cell,
    Estimates,
    FloatArray,
    Options,
    averages,
    cells_after,
    cluster_column,
    column_names,
    diff_diff_version,
    of_aggregates,
    split_averages,
)
from cbec.estimators.staggered.sample import Sample


def influence(sample: Sample, options: Options) -> tuple[list[Cell], FloatArray, FloatArray, Any]:
    """ATT(g,t), their influence functions on units (n, m) and diff-diff's result, balanced panel.

    The influence functions are scaled so that a sum of squares is a variance.
    """
    from diff_diff import CallawaySantAnna

    if sample.unpublished and options.gaps == "drop":
        counted = sample.counted()
        cells, estimates, psi, result = influence(counted, options)
        cohorts = dict(zip(sorted(counted.cohort_sizes), sorted(sample.cohort_sizes), strict=True))
        first, years = sample.years[0], sample.years
        return [(cohorts[g], years[t - first]) for g, t in cells], estimates, psi, result
    result = CallawaySantAnna(
        control_group=options.control_group,
        estimation_method=options.method,
        anticipation=options.anticipation,
        base_period=options.base_period,
        allow_unbalanced_panel=options.gaps == "keep",
        cluster=cluster_column(sample) if options.gaps == "keep" else None,
    ).fit(sample.data, covariates=sample.control_columns or None, **column_names(sample))
    lost = sorted(
        {int(g) for (g, t), cell in result.group_time_effects.items() if not math.isfinite(cell["effect"])}
    )
    cells = sorted(
        (int(g), int(t))
        for (g, t), cell in result.group_time_effects.items()
        if math.isfinite(cell["effect"])
    )
    if lost and sample.controls:
        raise ValueError(f"no estimate for some years of cohort(s) {', '.join(map(str, lost))}")
    estimates = np.array([result.group_time_effects[cell]["effect"] for cell in cells])
    if options.gaps == "keep":
        return cells, estimates, np.empty((0, len(cells))), result
    kit = result._aggregation_kit
    cohort = sample.data.drop_duplicates("unit")["cohort"].to_numpy()
    if not np.array_equal(kit.bookkeeping["unit_cohorts"], cohort):
        raise ValueError("diff-diff dropped or reordered units")
    psi = np.zeros((sample.n_units, len(cells)))
    for i, cell in enumerate(cells):
        part = kit.influence[cell]
        np.add.at(psi[:, i], part["treated_idx"], part["treated_inf"])
        np.add.at(psi[:, i], part["control_idx"], part["control_inf"])
    return cells, estimates, psi, result


def _doubly_robust(sample: Sample, options: Options) -> tuple[list[Cell], FloatArray, FloatArray]:
    """ATT(g,t) and influence functions as `influence`, doubly robust with normalised weights.

    Sant'Anna and Zhao (2020), as R's DRDID. diff-diff divides the weights of controls by
    the number of treated units instead of by their sum, which moves mpdta's ATT(g,t) by up to 7e-6
    and overall effects with cohorts of twelve by 3 % of their error. Controls are read at the base.
    """
    data = sample.data
    wide = data.pivot(index="unit", columns="time", values="y")
    x_of = {t: rows[sample.control_columns].to_numpy(dtype=float) for t, rows in data.groupby("time")}
    cohort = data.drop_duplicates("unit")["cohort"].to_numpy()
    years, n = sample.years, len(wide)
    cells, estimates, columns = [], [], []
    for g in sorted(sample.cohort_sizes):
        last_untreated = max(t for t in years if t < g - options.anticipation)
        for t in years:
            base = last_untreated
            if options.base_period == "varying" and t < g - options.anticipation:
                base = max((s for s in years if s < t), default=t)
            if t == base:
                continue
            later = cohort > max(t, base) + options.anticipation
            is_control = (cohort == 0) | (later if options.control_group == "not_yet_treated" else False)
            chosen = np.flatnonzero((cohort == g) | (is_control & (cohort != g)))
            design = np.column_stack([np.ones(len(chosen)), x_of[base][chosen]])
            change = (wide[t] - wide[base]).to_numpy(dtype=float)[chosen]
            try:
                effect, influence = _doubly_robust_cell(cohort[chosen] == g, design, change)
            except (ValueError, np.linalg.LinAlgError) as error:
                raise ValueError(f"cohort of {g}, year {t}: {error}") from error
            psi = np.zeros(n)
            psi[chosen] = influence / len(chosen)
            cells.append((g, t))
            estimates.append(effect)
            columns.append(psi)
    return cells, np.array(estimates), np.column_stack(columns)


def _doubly_robust_cell(
    is_treated: NDArray[np.bool_], x: FloatArray, change: FloatArray
) -> tuple[float, FloatArray]:
    """One ATT(g,t) and its influence function (n,), scaled so that its variance over n is the error's."""
    d, n = is_treated.astype(float), len(change)
    score = _logit(d, x)
    # Newton's Hessian at the solution, and the outcome model on controls.
    ps = (d - score)[:, None] * x @ np.linalg.inv((x * (score * (1 - score))[:, None]).T @ x / n)
    c = 1 - d
    gram = (x * c[:, None]).T @ x / n
    if np.linalg.cond(gram) > 1e15:
        raise ValueError("the controls are collinear among the comparison units")
    slope = np.linalg.solve(gram, x.T @ (c * change) / n)
    rest = change - x @ slope
    ols = (c * rest)[:, None] * x @ np.linalg.inv(gram)
    odds = score * c / (1 - score)
    treated, control = d @ rest / d.sum(), odds @ rest / odds.sum()
    of_treated = (d * (rest - treated) - ols @ (d @ x / n)) / d.mean()
    of_control = (
        odds * (rest - control) + ps @ ((odds * (rest - control)) @ x / n) - ols @ (odds @ x / n)
    ) / odds.mean()
    return float(treated - control), of_treated - of_control


def _logit(d: FloatArray, x: FloatArray) -> FloatArray:
    """Fitted probabilities of a logit by Newton's method. Raises ValueError when they are not unique."""
    # Scaled, so that whether it converges does not depend on units.
    scale = np.abs(x).max(axis=0)
    z = x / np.where(scale > 0, scale, 1.0)
    b = np.zeros(z.shape[1])
    for _ in range(60):
        p = 1 / (1 + np.exp(-np.clip(z @ b, -500, 500)))
        step = np.linalg.solve((z * (p * (1 - p))[:, None]).T @ z, z.T @ (d - p))
        b = b + step
        if np.abs(step).max() < 1e-10 * max(1.0, np.abs(b).max()):
            probabilities: FloatArray = np.minimum(1 / (1 + np.exp(-np.clip(z @ b, -500, 500))), 1 - 1e-6)
            return probabilities
    raise ValueError("the controls predict treatment perfectly; use method='reg' or fewer controls")


def callaway_santanna(sample: Sample, options: Options) -> Estimates:
    engine = diff_diff_version()
    result: Any = None
    if options.method == "dr" and sample.controls:
        if options.gaps == "keep":
            raise ValueError("method 'dr' with controls needs a balanced panel; use gaps='drop'")
        cells, b, psi = _doubly_robust(sample, options)
        engine = "own code"
    else:
        cells, b, psi, result = influence(sample, options)
        # The base is no effect; where it is an earlier year it would count as one of that event year.
        moved = [
            sample.last_before(g, -1 - options.anticipation) == t and g - 1 - options.anticipation != t
            for g, t in cells
        ]
        if options.gaps == "drop" and any(moved):
            kept = np.flatnonzero(~np.array(moved))
            cells, b, psi = [cells[i] for i in kept], b[kept], psi[:, kept]
    data = sample.data
    rule = "varying" if options.base_period == "varying" else "universal"
    base = -1 - options.anticipation
    groups = {"not_yet_treated": "not yet treated", "never_treated": "never treated"}
    formula = (
        f"ATT(g,t) of {{y}}, controls {groups[options.control_group]}, {options.method}"
        "{controls}, averaged by cohort size"
    )
    about: dict[str, Any] = {
        "formula": formula,
        "engine": engine,
        "base_period": f"event year {base}"
        if rule == "universal"
        else f"before treatment: the year before each; after: event year {base}",
    }
    every = cells_after(sample)
    n_post = sum(t >= g for g, t in cells)
    notes = (f"{n_post} of {len(every)} ATT(g,t) after treatment have controls",)
    if options.gaps == "keep":
        return of_aggregates(sample, options, result, calendar=None, notes=notes, **about)
    size = data.drop_duplicates("unit")["cohort"].to_numpy()
    rows = averages(cells, {g: n / sample.n_units for g, n in sample.cohort_sizes.items()})
    weights = np.array([row.weights for row in rows])
    cohorts = sorted({g for g, _ in cells})
    member = (size[:, None] == np.array(cohorts)[None, :]).astype(float)
    # Cohort shares are estimated too (Callaway and Sant'Anna 2021).
    slope = np.array([row.slope @ b for row in rows])
    total = psi @ weights.T + (member - member.mean(axis=0)) @ slope.T / sample.n_units
    if not sample.is_clustered_by_unit:
        codes = data.drop_duplicates("unit")["cluster"].astype(int).to_numpy()
        n = sample.n_clusters
        total = np.array([total[codes == code].sum(axis=0) for code in np.unique(codes)])
        total = (total - total.mean(axis=0)) * math.sqrt(n / (n - 1))
    omitted = base if rule == "universal" else None
    effects, events, vcov = split_averages(rows, weights @ b, total.T @ total, cells, options, omitted)
    return Estimates(
        effects=effects, events=events, vcov=vcov if rule == "universal" else None, notes=notes, **about
    )
