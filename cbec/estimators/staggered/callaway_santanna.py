"""Callaway and Sant'Anna (2021): doubly robust effects by cohort and year, and their influence functions."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
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

#: DRDID's defaults (`trim.level` and the cap of std_ipw_did_panel and drdid_panel): a comparison unit with
#: this propensity leaves the cell, and none is larger than the cap.
TRIM, CAP = 0.995, 1 - 1e-6
#: From here on R did leaves the cell out (`overlap_check_fail`); DRDID, as we, does not. The note says where.
LITTLE_OVERLAP = 0.999
#: diff-diff clips propensities at 0.01 unless told otherwise, which replaces the weights of most comparison
#: units of a small cohort. This is as good as never.
NEVER_CLIPPED = 1e-6


@dataclass(frozen=True)
class Cells:
    """ATT(g,t), their influence functions on units (n, m), scaled so that a sum of squares is a variance, the
    cells without an estimate, with the reason, and those with little overlap."""

    cells: list[Cell]
    estimates: FloatArray
    influence: FloatArray
    lost: dict[Cell, str]
    little_overlap: dict[Cell, str]

    @property
    def notes(self) -> tuple[str, ...]:
        parts = (("no estimate", self.lost), ("little overlap", self.little_overlap))
        return tuple(f"{name} of the {reason}" for name, some in parts for reason in _reasons(some))


def influence(sample: Sample, options: Options) -> tuple[list[Cell], FloatArray, FloatArray, Any]:
    """ATT(g,t), their influence functions as in `Cells` and diff-diff's result, balanced panel, no controls
    (with them only where units with a gap are kept)."""
    from diff_diff import CallawaySantAnna

    if sample.unpublished and options.gaps == "drop":
        counted = sample.counted()
        cells, estimates, psi, result = influence(counted, options)
        cohorts = dict(zip(sorted(counted.cohort_sizes), sorted(sample.cohort_sizes), strict=True))
        first, years = sample.years[0], sample.years
        return [(cohorts[g], years[t - first]) for g, t in cells], estimates, psi, result
    result = CallawaySantAnna(
        control_group=options.control_group,
        # Without controls the three are one.
        estimation_method=options.method if sample.controls else "reg",
        pscore_trim=NEVER_CLIPPED,
        anticipation=options.anticipation,
        base_period=options.base_period,
        allow_unbalanced_panel=options.gaps == "keep",
        cluster=cluster_column(sample) if options.gaps == "keep" else None,
    ).fit(sample.data, covariates=sample.control_columns or None, **column_names(sample))
    cells = sorted(
        (int(g), int(t))
        for (g, t), cell in result.group_time_effects.items()
        if math.isfinite(cell["effect"])
    )
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


def _with_controls(sample: Sample, options: Options) -> Cells:
    """ATT(g,t) with controls on a balanced panel, read at the base period.

    Sant'Anna and Zhao (2020), as R's DRDID. diff-diff divides the doubly robust weights of controls by
    the number of treated units instead of by their sum, which moves mpdta's ATT(g,t) by up to 7e-6
    and overall effects with cohorts of twelve by 3 % of their error. A cell that its method refuses has no
    estimate; the others do not suffer from it. Raises ValueError when no cell after treatment has one.
    """
    data = sample.data
    wide = data.pivot(index="unit", columns="time", values="y")
    x_of = {t: rows[sample.control_columns].to_numpy(dtype=float) for t, rows in data.groupby("time")}
    cohort = data.drop_duplicates("unit")["cohort"].to_numpy()
    n = len(wide)
    cells, estimates, columns = [], [], []
    lost: dict[Cell, str] = {}
    little: dict[Cell, str] = {}
    for g, t, base, is_control in _comparisons(sample, options, cohort):
        chosen = np.flatnonzero((cohort == g) | is_control)
        design = np.column_stack([np.ones(len(chosen)), x_of[base][chosen]])
        change = (wide[t] - wide[base]).to_numpy(dtype=float)[chosen]
        try:
            effect, influence, highest = _cell(options.method, cohort[chosen] == g, design, change)
        except (ValueError, np.linalg.LinAlgError) as error:
            lost[g, t] = str(error)
            continue
        if highest >= LITTLE_OVERLAP:
            little[g, t] = f"a fitted propensity reaches {LITTLE_OVERLAP:g}"
        psi = np.zeros(n)
        psi[chosen] = influence / len(chosen)
        cells.append((g, t))
        estimates.append(effect)
        columns.append(psi)
    if not any(t >= g for g, t in cells):
        raise ValueError(f"no estimate after treatment: {'; '.join(_reasons(lost))}")
    return Cells(cells, np.array(estimates), np.column_stack(columns), lost, little)


def _comparisons(
    sample: Sample, options: Options, cohort: NDArray[np.int64]
) -> Iterator[tuple[int, int, int, NDArray[np.bool_]]]:
    """Cohort, year, base year and which units are compared with the cohort, for every cell but the bases."""
    years = sample.years
    for g in sorted(sample.cohort_sizes):
        last_untreated = max(t for t in years if t < g - options.anticipation)
        for t in years:
            base = last_untreated
            if options.base_period == "varying" and t < g - options.anticipation:
                base = max((s for s in years if s < t), default=t)
            if t == base:
                continue
            later = (cohort > max(t, base) + options.anticipation) & (cohort != g)
            yield g, t, base, (cohort == 0) | (later & (options.control_group == "not_yet_treated"))


def _cell(
    method: str, is_treated: NDArray[np.bool_], x: FloatArray, change: FloatArray
) -> tuple[float, FloatArray, float]:
    """One ATT(g,t), its influence function (n,), scaled so that its variance over n is the error's, and the
    highest propensity.

    Sant'Anna and Zhao (2020): outcome regression, normalised inverse probability weighting, or both.
    """
    d, n = is_treated.astype(float), len(change)
    c = 1 - d
    if not d.any() or not c.any():
        raise ValueError(f"no {'comparison' if d.any() else 'treated'} unit")
    rest, ols = (change, np.zeros_like(x)) if method == "ipw" else _outcome_model(c, x, change)
    treated = d @ rest / d.sum()
    of_treated = (d * (rest - treated) - ols @ (d @ x / n)) / d.mean()
    if method == "reg":
        return float(treated), of_treated, 0.0
    score = _propensity(d, x)
    # Newton's Hessian at the solution.
    ps = (d - score)[:, None] * x @ np.linalg.inv((x * (score * (1 - score))[:, None]).T @ x / n)
    odds = np.where(score < TRIM, score * c / (1 - score), 0.0)
    if not odds.any():
        raise ValueError(f"no comparison unit has a propensity below {TRIM:g}")
    control = odds @ rest / odds.sum()
    of_control = (
        odds * (rest - control) + ps @ ((odds * (rest - control)) @ x / n) - ols @ (odds @ x / n)
    ) / odds.mean()
    return float(treated - control), of_treated - of_control, float(score.max())


def _outcome_model(c: FloatArray, x: FloatArray, change: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Changes less what comparison units predict (n,), and the influence of each unit's row on the slopes."""
    compared = x[c > 0]
    size = np.linalg.norm(compared, axis=0)
    if (size == 0).any() or np.linalg.matrix_rank(compared / size, tol=1e-9) < x.shape[1]:
        raise ValueError(f"the controls are collinear among the {len(compared)} comparison units")
    gram = compared.T @ compared / len(x)
    rest = change - x @ np.linalg.solve(gram, x.T @ (c * change) / len(x))
    return rest, (c * rest)[:, None] * x @ np.linalg.inv(gram)


def _propensity(d: FloatArray, x: FloatArray) -> FloatArray:
    """Fitted probabilities of a logit by Newton's method. Raises ValueError when they are not unique."""
    separated = "the controls predict treatment perfectly (use method='reg' or fewer controls)"
    b = np.zeros(x.shape[1])
    for _ in range(60):
        p = 1 / (1 + np.exp(-np.clip(x @ b, -500, 500)))
        try:
            step = np.linalg.solve((x * (p * (1 - p))[:, None]).T @ x, x.T @ (d - p))
        except np.linalg.LinAlgError:
            raise ValueError(separated) from None
        b = b + step
        if np.abs(step).max() < 1e-10 * max(1.0, np.abs(b).max()):
            return np.asarray(np.minimum(1 / (1 + np.exp(-np.clip(x @ b, -500, 500))), CAP))
    raise ValueError(separated)


def _reasons(lost: Mapping[Cell, str]) -> list[str]:
    """Cells by reason and cohort, each in words."""
    years: dict[tuple[str, int], list[int]] = {}
    for (g, t), reason in sorted(lost.items()):
        years.setdefault((reason, g), []).append(t)
    return [f"cohort of {g} in {', '.join(map(str, some))}: {reason}" for (reason, g), some in years.items()]


def callaway_santanna(sample: Sample, options: Options) -> Estimates:
    engine = diff_diff_version()
    result: Any = None
    about_cells: tuple[str, ...] = ()
    if options.method == "dr" and sample.controls and options.gaps == "keep":
        raise ValueError("method 'dr' with controls needs a balanced panel; use gaps='drop'")
    if sample.controls and options.gaps == "drop":
        found = _with_controls(sample, options)
        cells, b, psi, about_cells = found.cells, found.estimates, found.influence, found.notes
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
    notes = (f"{n_post} of {len(every)} ATT(g,t) after treatment have controls", *about_cells)
    if options.gaps == "keep":
        return of_aggregates(sample, options, result, calendar=None, notes=notes, **about)
    size = data.drop_duplicates("unit")["cohort"].to_numpy()
    share = {g: n / sample.n_units for g, n in sample.cohort_sizes.items()}
    rows = averages(cells, share, lone=sample.lone_cohorts)
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
