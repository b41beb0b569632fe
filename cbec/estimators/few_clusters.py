"""Inference where clusters are few: the cluster jackknife, and placebo units where the treated are few.

CV3
---
The cluster jackknife of MacKinnon, Nielsen and Webb (2023, Journal of Applied Econometrics 38(5); 2023,
Stata Journal 23(4), `summclust`):

    CV3 = (G - 1) / G * sum over g of (b_(g) - b)^2,   b_(g) the coefficient without cluster g,

with t(G - 1). It is nearer to its size than the usual clustered error when clusters are few or unequal. Every
b_(g) comes from the moments of the sample less those of the cluster, so that nothing is fitted anew; fixed
effects nested in clusters leave with them and are swept out first.

Few treated units
-----------------
With few treated units an error cannot be learnt from them, but how an untreated unit moves can be learnt from
many controls (Conley and Taber 2011, Review of Economics and Statistics 93(1)). An estimate is linear in the
outcomes: a - alpha = sum over treated j and years t of w_jt e_jt, and the controls' own share vanishes with
their number. Each treated unit is replaced by a control drawn at random, with the treated unit's weights and
the control's residuals; the distribution of these sums is that of a - alpha when alpha is what is tested.

Ferman and Pinto (2019, same journal 101(3)) rescale the residuals where the variance of a unit's error
hangs on how many observations a cell of unit and year averages, A + B / M. A panel with one figure for each
unit and year has M = 1 throughout: their variance is one number and their test is Conley and Taber's, so
that this is what is done. What it supposes is that a treated unit's errors are as variable as a control's:
where the treated are large cities with steadier figures p is too large.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from cbec.estimators.absorb import (
    DEGENERATE_SHARE,
    build_basis,
    build_projector,
    fit_treatment,
    is_nested,
    residualise,
    treatment_residual,
)
from cbec.estimators.panel import FloatArray, IntArray, prepare_panel, require_choice
from cbec.estimators.staggered.permutation import overall_effect
from cbec.estimators.staggered.sample import prepare_sample
from cbec.estimators.wild_bootstrap import explicit_columns

#: Estimators whose weights on the treated units' outcomes are known here.
LINEAR = ("twfe", "callaway_santanna")
#: Controls with a figure in every year. With 19 the smallest p of one treated unit is 0.05.
MIN_CONTROLS = 20
#: Controls for each treated unit. The controls' own share of the variance is then a quarter at most, and the
#: factor for it near to what it should be.
MIN_CONTROLS_PER_TREATED = 3


@dataclass(frozen=True)
class ClusterJackknife:
    """A coefficient with its CV3 error.

    p value and interval use t(n_clusters - 1). without, shape (G,), is the coefficient without each
    cluster, in the order of labels; n_effective_clusters as `cbec.estimators.effective` has it.
    """

    estimate: float
    std_error: float
    t_value: float
    p_value: float
    ci_low: float
    ci_high: float
    n_obs: int
    n_clusters: int
    n_effective_clusters: float
    labels: tuple[Any, ...]
    without: FloatArray


@dataclass(frozen=True)
class FewTreated:
    """An effect tested against placebo units.

    p_value is the share of placebo sums at least as large as the estimate, the estimate among them; ci_low
    and ci_high hold the effects that the test does not reject at 1 - level. placebos: shape (n_draws,), in
    units of the outcome. seed is None when every assignment of controls was taken.
    """

    estimate: float
    p_value: float
    ci_low: float
    ci_high: float
    level: float
    n_treated: int
    n_controls: int
    n_obs: int
    n_draws: int
    seed: int | None
    placebos: FloatArray


def cluster_jackknife(
    data: pd.DataFrame,
    *,
    outcome: str,
    treatment: str,
    unit: str,
    time: str,
    controls: Sequence[str] = (),
    fixed_effects: Sequence[str] = (),
    cluster: str | None = None,
    level: float = 0.95,
) -> ClusterJackknife:
    """CV3 of one coefficient of least squares.

    Parameters
    ----------
    data, outcome, treatment, unit, time, controls, fixed_effects, cluster: see `prepare_panel`. The treatment
        may be any numeric column.
    level: of the interval, between 0 and 1.

    Raises
    ------
    ValueError: what `prepare_panel` and `fit_treatment` refuse, and a cluster without which the coefficient
        is not identified: then there is no b_(g), and no jackknife.
    """
    if not 0 < level < 1:
        raise ValueError(f"level {level}; allowed: between 0 and 1")
    panel = prepare_panel(
        data, outcome=outcome, treatment=treatment, unit=unit, time=time, controls=controls,
        fixed_effects=fixed_effects, cluster=cluster,
    )  # fmt: skip
    whole = fit_treatment(panel)
    nested = [codes for codes in panel.fixed_effects if is_nested(codes, panel.cluster)]
    loose = [codes for codes in panel.fixed_effects if not is_nested(codes, panel.cluster)]
    others = explicit_columns(loose, panel, constant=not panel.fixed_effects)
    table = np.column_stack([panel.treatment, others, panel.outcome])
    if nested:
        table = residualise(build_projector(nested, panel.n_obs), table)
    norm = np.linalg.norm(table, axis=0)
    scale = np.where(norm > 0, norm, 1.0)
    table = table / scale
    order = np.argsort(panel.cluster, kind="stable")
    first = np.concatenate([[0], np.cumsum(np.bincount(panel.cluster))])
    names = data[cluster or unit].to_numpy()[panel.row_position]
    labels = tuple(names[order[first[:-1]]].tolist())
    moments = table.T @ table
    without = np.empty(panel.n_clusters)
    for g in range(panel.n_clusters):
        own = table[order[first[g] : first[g + 1]]]
        found = _coefficient(moments - own.T @ own)
        if found is None:
            raise ValueError(
                f"without cluster {labels[g]!r} the coefficient of {treatment!r} is not identified: "
                "no jackknife; allowed: a treatment that varies among any G - 1 clusters"
            )
        without[g] = found
    without *= scale[-1] / scale[0]
    n = panel.n_clusters
    error = math.sqrt((n - 1) / n * float(((without - whole.estimate) ** 2).sum()))
    half = float(stats.t.ppf((1 + level) / 2, n - 1)) * error
    t_value = whole.estimate / error
    return ClusterJackknife(
        estimate=whole.estimate,
        std_error=error,
        t_value=t_value,
        p_value=float(2 * stats.t.sf(abs(t_value), n - 1)),
        ci_low=whole.estimate - half,
        ci_high=whole.estimate + half,
        n_obs=panel.n_obs,
        n_clusters=n,
        n_effective_clusters=whole.n_effective_clusters,
        labels=labels,
        without=without,
    )


def _coefficient(moments: FloatArray) -> float | None:
    """First coefficient from cross products of treatment, other columns and outcome, shape (p + 1, p + 1);
    None when it is not identified."""
    inverse = np.linalg.pinv(moments[1:-1, 1:-1], rcond=1e-11, hermitian=True)
    weights = inverse @ moments[1:-1, 0]
    left = moments[0, 0] - weights @ moments[1:-1, 0]
    if left <= DEGENERATE_SHARE * max(float(moments[0, 0]), 1e-300):
        return None
    return float((moments[0, -1] - weights @ moments[1:-1, -1]) / left)


def few_treated_test(
    data: pd.DataFrame,
    *,
    outcome: str,
    unit: str,
    time: str = "year",
    estimator: str = "twfe",
    treatment: str = "",
    cohort: str = "first_treated_year",
    controls: Sequence[str] = (),
    fixed_effects: Sequence[str] = (),
    draws: int = 9_999,
    seed: int = 0,
    level: float = 0.95,
) -> FewTreated:
    """Conley and Taber's (2011) test and interval of an effect on few treated units.

    Parameters
    ----------
    data: one row for a unit and period; no missing values in the columns used.
    estimator: twfe (the coefficient of treatment, a 0/1 column, given the controls, unit and time effects) or
        callaway_santanna (the mean effect over treated unit-years of the cohorts, without controls).
    draws, seed: assignments of controls to the treated units' places, with replacement, and where they start.
        All of them are taken when there are no more than draws.
    level: of the interval, between 0 and 1.

    The placebo sums are multiplied by sqrt((N0 + N1) / (N1 - 1)), N0 treated and N1 controls, which gives
    back what the controls' mean takes away; with one date of treatment it is exact, and it vanishes with
    N1.

    Raises
    ------
    ValueError: another estimator, another equation than two-way, a treatment that is not 0/1, no treated
        unit, fewer than MIN_CONTROLS never-treated units with a row in every year or fewer than
        MIN_CONTROLS_PER_TREATED for each treated unit, and what the estimator refuses.
    """
    require_choice("estimator", estimator, LINEAR)
    if draws < 1 or not 0 < level < 1:
        raise ValueError(f"draws {draws}, level {level}; allowed: draws from 1, level between 0 and 1")
    if estimator == "twfe":
        estimate, weights, residuals, n_obs = _two_way(
            data, outcome, treatment, unit, time, controls, fixed_effects
        )
    else:
        estimate, weights, residuals, n_obs = _group_time(data, outcome, unit, time, cohort, controls)
    placebos, is_exact = placebo_sums(weights, residuals, draws=draws, seed=seed)
    n_draws, sizes = placebos.size, np.sort(np.abs(placebos))[::-1]
    slack = 1e-12 * abs(estimate)
    # The largest value that is not among the share that rejects.
    rank = math.floor((1 - level) * (n_draws + 1) + 1e-9)
    half = float(sizes[rank - 1]) if rank else math.inf
    return FewTreated(
        estimate=estimate,
        p_value=float((1 + np.sum(sizes >= abs(estimate) - slack)) / (n_draws + 1)),
        ci_low=estimate - half,
        ci_high=estimate + half,
        level=level,
        n_treated=len(weights),
        n_controls=len(residuals),
        n_obs=n_obs,
        n_draws=n_draws,
        seed=None if is_exact else seed,
        placebos=placebos,
    )


def placebo_sums(
    weights: FloatArray, residuals: FloatArray, *, draws: int, seed: int
) -> tuple[FloatArray, bool]:
    """Sums of w_jt e_jt with controls in the places of the treated, and whether they are all of them.

    weights: (N0, T) of the treated units; residuals: (N1, T) of the controls. Each place draws by itself,
    with replacement. Shape (m,). Raises ValueError for too few
    controls.
    """
    n_treated, n_controls = len(weights), len(residuals)
    _require_controls(n_controls, n_treated)
    # What control l adds in the place of treated unit j.
    added = weights @ residuals.T * math.sqrt((n_treated + n_controls) / (n_controls - 1))
    if n_controls**n_treated <= draws:
        total = np.zeros(1)
        for place in added:
            total = (total[:, None] + place[None, :]).ravel()
        return total, True
    chosen = np.random.default_rng(seed).integers(n_controls, size=(draws, n_treated))
    return np.asarray(added[np.arange(n_treated), chosen].sum(axis=1)), False


def _require_controls(n_controls: int, n_treated: int) -> None:
    """Raise ValueError where controls are too few to learn a distribution from."""
    needed = max(MIN_CONTROLS, MIN_CONTROLS_PER_TREATED * n_treated)
    if n_controls < needed:
        raise ValueError(
            f"never-treated units with a row in every year: {n_controls}, for {n_treated} treated; allowed:"
            f" {needed} or more ({MIN_CONTROLS}, and {MIN_CONTROLS_PER_TREATED} for each treated unit)"
        )


def _two_way(
    data: pd.DataFrame,
    outcome: str,
    treatment: str,
    unit: str,
    time: str,
    controls: Sequence[str],
    fixed_effects: Sequence[str],
) -> tuple[float, FloatArray, FloatArray, int]:
    """Estimate, weights of the treated units, residuals of the controls, and rows, of two-way effects."""
    if set(fixed_effects) != {unit, time}:
        raise ValueError(
            f"fixed effects {', '.join(fixed_effects) or 'none'}; allowed: {unit} and {time}, so that"
            " controls can stand for treated units"
        )
    columns: dict[str, Any] = {
        "outcome": outcome,
        "treatment": treatment,
        "unit": unit,
        "time": time,
        "controls": controls,
        "fixed_effects": fixed_effects,
    }
    panel = prepare_panel(data, **columns)
    if set(np.unique(panel.treatment)) != {0.0, 1.0}:
        raise ValueError(f"treatment {treatment!r} is no group; allowed: 0 and 1, both of them")
    fit = fit_treatment(panel)
    residual = treatment_residual(build_basis(panel), panel.treatment[:, None].copy())[:, 0]
    ever = np.zeros(panel.n_units, dtype=bool)
    ever[panel.unit[panel.treatment == 1]] = True
    weights = np.zeros((panel.n_units, panel.time_values.size))
    weights[panel.unit, panel.time] = residual / float(residual @ residual)
    _require_controls(int((~ever).sum()), int(ever.sum()))
    rows = np.sort(panel.row_position[~ever[panel.unit]])
    own = prepare_panel(data.iloc[rows], **columns)
    years = np.searchsorted(panel.time_values, own.time_values)
    left = np.full((own.n_units, panel.time_values.size), np.nan)
    left[own.unit, years[own.time]] = build_basis(own).outcome
    return fit.estimate, weights[ever], _complete(left), panel.n_obs


def _group_time(
    data: pd.DataFrame, outcome: str, unit: str, time: str, cohort: str, controls: Sequence[str]
) -> tuple[float, FloatArray, FloatArray, int]:
    """The same of Callaway and Sant'Anna's overall effect, on units with a row in every year."""
    if controls:
        raise ValueError("callaway_santanna with controls is not linear in the outcomes; allowed: none")
    sample = prepare_sample(data, outcome=outcome, unit=unit, time=time, cohort=cohort)
    rows = sample.counted() if sample.unpublished else sample
    wide = rows.data.pivot(index="unit", columns="time", values="y").to_numpy(dtype=float)
    first = rows.data.drop_duplicates("unit").set_index("unit")["cohort"].sort_index().to_numpy()
    years: list[int] = list(rows.years)
    clusters: IntArray = np.arange(len(wide), dtype=np.int64)
    estimate = float(overall_effect(wide[None], years, first, clusters).estimates[0])
    return estimate, _cohort_weights(first, years), _complete(_by_year(wide[first == 0])), wide.size


def _cohort_weights(first: IntArray, years: list[int]) -> FloatArray:
    """Weights of the treated units' outcomes in the mean over treated unit-years, (N0, T): a year after
    treatment counts once, and the year before it as often as there are such years, with a minus.

    Years in which nobody is untreated, and cohorts of one unit beside larger ones, are left out, as
    `overall_effect` leaves them out.
    """
    cohorts = [int(g) for g in np.unique(first[first > 0])]
    cohorts = [g for g in cohorts if (first == g).sum() > 1] or cohorts
    units = np.flatnonzero(np.isin(first, cohorts))
    weights = np.zeros((units.size, len(years)))
    for place, unit in enumerate(units):
        start = years.index(int(first[unit]))
        for t in range(start, len(years)):
            if (first == 0).any() or (first > years[t]).any():
                weights[place, t] += 1.0
                weights[place, start - 1] -= 1.0
    return weights / float(np.maximum(weights, 0).sum())


def _by_year(outcomes: FloatArray) -> FloatArray:
    """Outcomes less the mean of their year. Shape (N, T)."""
    return outcomes - outcomes.mean(axis=0, keepdims=True) if len(outcomes) else outcomes


def _complete(residuals: FloatArray) -> FloatArray:
    """Units with a residual in every year."""
    return residuals[~np.isnan(residuals).any(axis=1)]
