"""Selection into treatment: who is comparable with whom, and effects among the comparable.

Cohort by cohort: a city that adopts in g is compared with cities that are untreated in the year looked at,
by covariates of the year before g, which treatment has not changed. Three ways to make them alike: nearest
neighbours in the index of an adoption logit (Heckman, Ichimura and Todd 1997), entropy balancing (Hainmueller
2012) and, in `cbec.estimators.staggered.fit`, the doubly robust estimator of Callaway and Sant'Anna (2021).

Standard errors are clustered and hold matches and weights fixed. Only what a regression of the controls'
change on the covariates leaves over enters them, because balance removes the rest (Abadie and Imbens 2011;
with exact balance that regression leaves the estimate as it is, Zhao and Percival 2017). No bootstrap: it
fails for nearest neighbours with replacement (Abadie and Imbens 2008).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import optimize, stats

from cbec.estimators.effective import effective_number
from cbec.estimators.panel import binary_scale, rows_in_pairs
from cbec.estimators.staggered.sample import prepare_sample

Array = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
Whole = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
Flags = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
#: Width of the caliper in standard deviations of the logit of the propensity score (Austin 2011).
CALIPER = 0.2
#: Largest difference of means, in standard deviations of the controls, that counts as balanced.
BALANCED = 1e-8
#: Beyond this a standardised slope is no estimate: the likelihood rises without end.
LARGEST_SLOPE = 30.0


@dataclass(frozen=True)
class Panel:
    """outcome: (n, T), NaN where missing; covariates: (n, T, k); cohort: (n,), 0 for never treated inside the
    window; cluster: (n,) integer codes; years: (T,); names of the k covariates; notes of the sample."""

    outcome: Array
    covariates: Array
    cohort: Whole
    cluster: Whole
    years: Whole
    names: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def cohorts(self) -> list[int]:
        return sorted(int(g) for g in np.unique(self.cohort) if g)

    def base(self, cohort: int) -> int:
        """Position of the last year before a cohort's first."""
        return int(np.searchsorted(self.years, cohort)) - 1


@dataclass(frozen=True)
class Propensity:
    """A logit of treatment. slopes and std_errors are per standard deviation of the covariate, shape (k,);
    index: the fitted log odds without the intercepts, probability: the score, both of every row."""

    slopes: Array
    std_errors: Array
    index: Array
    probability: Array


@dataclass(frozen=True)
class SelectionEstimate:
    """An average effect on the treated, each treated city-year that has a comparison once.

    p value and interval use t(G - 1), G the clusters. n_treated and n_control are units that carry weight;
    n_effective_clusters is of the weights, as `cbec.estimators.staggered.support` has it.
    """

    method: str
    estimate: float
    std_error: float
    p_value: float
    ci_low: float
    ci_high: float
    n_obs: int
    n_treated: int
    n_control: int
    note: str | None
    n_effective_clusters: float


@dataclass(frozen=True)
class Balance:
    """One covariate, adopters of g against cities untreated in g, in the year before g, all cohorts stacked.

    smd: difference of means over sqrt((s1^2 + s0^2) / 2) of the whole stack, so that the three can be
    compared. share_outside: adopters outside the controls' range. None: no weights exist.
    """

    covariate: str
    mean_treated: float
    mean_control: float
    smd_before: float
    smd_after_matching: float | None
    smd_after_weighting: float | None
    min_treated: float
    max_treated: float
    min_control: float
    max_control: float
    share_outside: float


def prepare(
    frame: pd.DataFrame,
    *,
    outcome: str,
    unit: str,
    covariates: Sequence[str],
    time: str = "year",
    cohort: str = "first_treated_year",
    cluster: str | None = None,
) -> Panel:
    """Arrays of a panel with one row per unit and time; cohort is missing for never treated.

    The rules are those of `prepare_sample`; a unit with a gap is used in the years that it has. Raises
    ValueError for what `prepare_sample` refuses, for no covariate, and for one that is constant.
    """
    if not covariates:
        raise ValueError("no covariate to balance; name them in the option covariates")
    for name in covariates:
        if name in frame and frame[name].nunique() < 2:
            raise ValueError(f"covariate {name!r} is constant")
    sample = prepare_sample(
        frame, outcome=outcome, unit=unit, time=time, cohort=cohort, controls=covariates, cluster=cluster,
        gaps="keep",
    )  # fmt: skip
    years = np.array(sample.years)
    units = np.unique(sample.data["unit"])
    row = np.searchsorted(units, sample.data["unit"])
    column = np.searchsorted(years, sample.data["time"])
    y = np.full((len(units), len(years)), np.nan)
    y[row, column] = sample.data["y"]
    x = np.full((*y.shape, len(sample.controls)), np.nan)
    x[row, column] = sample.data[sample.control_columns].to_numpy()
    cohorts, clusters = np.zeros(len(units), np.int64), np.zeros(len(units), np.int64)
    cohorts[row] = sample.data["cohort"]
    clusters[row] = sample.data["cluster"]
    return Panel(y, x, cohorts, clusters, years, sample.controls, sample.notes)


# --- the score ----------------------------------------------------------------------------


def propensity_score(covariates: Array, treated: Flags, groups: Whole | None = None) -> Propensity:
    """Logit of treated (n,) on covariates (n, k), with an intercept for each value of groups (n,).

    With one group per cohort and its risk set as rows it is the discrete-time hazard of adoption.
    Raises ValueError when a covariate is constant, when there are fewer treated or untreated rows than
    covariates and two, and when a combination of covariates separates the arms perfectly.
    """
    from statsmodels.discrete.discrete_model import Logit
    from statsmodels.tools.sm_exceptions import PerfectSeparationError, PerfectSeparationWarning

    n, k = covariates.shape
    fewest = min(int(treated.sum()), int(n - treated.sum()))
    if fewest < k + 2:
        arm = "treated" if treated.sum() == fewest else "untreated"
        raise ValueError(f"{fewest} {arm} rows for {k} covariates; at least {k + 2} needed")
    scale = covariates.std(axis=0)
    if (scale <= 1e-12 * np.maximum(np.abs(covariates).max(axis=0), 1e-300)).any():
        raise ValueError(f"covariate {int(np.argmin(scale)) + 1} of {k} is constant")
    x = (covariates - covariates.mean(axis=0)) / scale
    labels = np.zeros(n) if groups is None else groups
    intercepts = (labels[:, None] == np.unique(labels)[None, :]).astype(float)
    separated = "the covariates separate treated and untreated rows perfectly; use fewer covariates"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", PerfectSeparationWarning)
        try:
            fit = Logit(treated.astype(float), np.hstack([x, intercepts])).fit(disp=0, maxiter=100)
        except (PerfectSeparationError, PerfectSeparationWarning, np.linalg.LinAlgError) as error:
            raise ValueError(separated) from error
    slopes, errors = np.asarray(fit.params)[:k], np.asarray(fit.bse)[:k]
    if not fit.mle_retvals["converged"] or not np.abs(slopes).max() < LARGEST_SLOPE:
        raise ValueError(separated)
    return Propensity(slopes, errors, x @ slopes, np.asarray(fit.predict()))


def share_outside(treated: Array, control: Array) -> float:
    """Share of the treated whose value lies outside the controls' range: no common support."""
    return float(np.mean((treated < control.min()) | (treated > control.max())))


def nearest_controls(index_treated: Array, index_control: Array, caliper: float) -> Array:
    """Weights (n treated, n control) of the nearest controls, rows of ones; a tie is shared equally.

    With replacement. A treated row without a control within the caliper has a row of zeros.
    """
    distance = np.abs(index_treated[:, None] - index_control[None, :])
    least = distance.min(axis=1, keepdims=True)
    chosen = (distance <= least + 1e-12) & (least <= caliper)
    return np.asarray(chosen / np.maximum(chosen.sum(axis=1, keepdims=True), 1))


def entropy_weights(controls: Array, target: Array) -> Array:
    """Weights (n,) of controls (n, k), positive and of sum one, whose means are target (k,).

    Of all such weights the nearest to equal ones in entropy (Hainmueller 2012), by Newton steps on the
    convex dual log sum exp(lambda'(x - target)). Raises ValueError when no weights reach the target: it lies
    outside what the controls span.
    """
    scale = controls.std(axis=0)
    flat = scale <= 1e-12 * np.maximum(np.abs(controls).max(axis=0, initial=0), 1e-300)
    if flat.any():
        raise ValueError(
            f"covariate {int(np.argmax(flat)) + 1} of {len(flat)} is constant among the controls"
        )
    x = (controls - target) / scale
    if (x.min(axis=0) >= 0).any() or (x.max(axis=0) <= 0).any():
        raise ValueError("no weights: a mean of the treated is beyond every control")

    def weights(multipliers: Array) -> Array:
        power = x @ multipliers
        raised = np.exp(power - power.max())
        return np.asarray(raised / raised.sum())

    def value(multipliers: Array) -> float:
        power = x @ multipliers
        return float(np.log(np.exp(power - power.max()).sum()) + power.max())

    def slope(multipliers: Array) -> Array:
        return np.asarray(weights(multipliers) @ x)

    def curvature(multipliers: Array) -> Array:
        w = weights(multipliers)
        mean = w @ x
        return np.asarray((x * w[:, None]).T @ x - np.outer(mean, mean))

    found = optimize.minimize(
        value, np.zeros(x.shape[1]), jac=slope, hess=curvature, method="trust-exact",
        options={"gtol": BALANCED / 10, "maxiter": 100},
    )  # fmt: skip
    lagrange = np.asarray(found.x)
    # The trust region stops where the value can no longer fall in double precision; Newton goes on.
    for _ in range(5):
        if np.abs(slope(lagrange)).max() < BALANCED / 10:
            break
        lagrange = lagrange - np.linalg.lstsq(curvature(lagrange), slope(lagrange), rcond=None)[0]
    if not np.abs(slope(lagrange)).max() < BALANCED:
        raise ValueError("no weights: the controls do not reach the means of the treated together")
    return weights(lagrange)


# --- effects ------------------------------------------------------------------------------

# Treated rows that are used (n treated,) and weights of the controls (n control,) of sum one.
Weighting = Callable[[Array, Array, Array, Array], tuple[Flags, Array]]


@dataclass(frozen=True)
class _Stack:
    """Adopters and their risk sets: unit, cohort, whether it adopts, covariates of g - 1, the logit."""

    unit: Whole
    cohort: Whole
    adopts: Flags
    covariates: Array
    score: Propensity


def stack_of(panel: Panel) -> _Stack:
    """One row per cohort g and city untreated before g: does it adopt in g? Raises as `propensity_score`."""
    units, cohorts, adopts, x = [], [], [], []
    for g in panel.cohorts:
        known = np.isfinite(panel.covariates[:, panel.base(g)]).all(axis=1)
        at_risk = np.flatnonzero(known & ((panel.cohort == 0) | (panel.cohort >= g)))
        chosen = panel.cohort[at_risk] == g
        if chosen.all() or not chosen.any():
            continue
        units.append(at_risk)
        cohorts.append(np.full(len(at_risk), g))
        adopts.append(chosen)
        x.append(panel.covariates[at_risk, panel.base(g)])
    if not units:
        raise ValueError("no cohort with a city that is not yet treated to compare with")
    groups, treated, values = np.concatenate(cohorts), np.concatenate(adopts), np.concatenate(x)
    return _Stack(np.concatenate(units), groups, treated, values, propensity_score(values, treated, groups))


def matched_did(panel: Panel, *, caliper: float = CALIPER) -> SelectionEstimate:
    """PSM-DID period by period: the change since g - 1 of a city against that of its nearest neighbour.

    Neighbours are sought anew for each cohort and year among cities untreated in that year, by the index of
    the adoption logit at g - 1, within caliper standard deviations of it, with replacement. Raises ValueError
    for a caliper that is not positive, when no city has a neighbour, and as `stack_of`.
    """
    stack = stack_of(panel)
    return _estimate(panel, stack, _by_matching(stack, caliper), "psm_did")


def entropy_did(panel: Panel) -> SelectionEstimate:
    """ATT(g,t) against cities untreated in t, weighted so that the means of their covariates at g - 1 are the
    cohort's, averaged over treated city-years. Raises ValueError when no cohort can be balanced."""
    return _estimate(panel, stack_of(panel), _by_entropy, "entropy_did")


def _by_matching(stack: _Stack, caliper: float) -> Weighting:
    if not caliper > 0:
        raise ValueError(f"caliper {caliper:g}; allowed: above 0")
    width = caliper * float(stack.score.index.std())

    def weighting(x1: Array, x0: Array, index1: Array, index0: Array) -> tuple[Flags, Array]:
        chosen = nearest_controls(index1, index0, width)
        used = np.asarray(chosen.any(axis=1))
        if not used.any():
            raise ValueError("no neighbour within the caliper")
        return used, chosen[used].mean(axis=0)

    return weighting


def _by_entropy(x1: Array, x0: Array, index1: Array, index0: Array) -> tuple[Flags, Array]:
    return np.ones(len(x1), bool), entropy_weights(x0, x1.mean(axis=0))


def _estimate(panel: Panel, stack: _Stack, weighting: Weighting, method: str) -> SelectionEstimate:
    """Average of the cells (g, t), t >= g, with the influence of every unit on it."""
    n = len(panel.cohort)
    total, influence, n_cells, fewest = 0.0, np.zeros(n), 0, math.inf
    # What a unit weighs as treated and as compared with.
    roles = np.zeros((2, n))
    lost: dict[str, int] = {}
    treated_units, control_units, city_years, unmatched = set[int](), set[int](), 0, 0
    for g in panel.cohorts:
        rows = np.flatnonzero(stack.cohort == g)
        units, index = stack.unit[rows], stack.score.index[rows]
        x = stack.covariates[rows]
        for t in range(panel.base(g) + 1, len(panel.years)):
            change = panel.outcome[units, t] - panel.outcome[units, panel.base(g)]
            seen = np.isfinite(change)
            one = seen & (panel.cohort[units] == g)
            zero = seen & ((panel.cohort[units] == 0) | (panel.cohort[units] > panel.years[t]))
            if not one.any():
                continue
            n_cells += 1
            if not zero.any():
                lost["no untreated city"] = lost.get("no untreated city", 0) + 1
                continue
            try:
                used, weights = weighting(x[one], x[zero], index[one], index[zero])
            except ValueError as error:
                lost[str(error)] = lost.get(str(error), 0) + 1
                continue
            n_used = int(used.sum())
            fewest = min(fewest, 1 / float(weights @ weights))
            unmatched += int((~used).sum())
            effect = change[one][used].mean() - weights @ change[zero]
            rest = change - _fitted(x[zero], change[zero], x)
            treated_rest = rest[one][used]
            total += n_used * effect
            city_years += n_used
            influence[units[one][used]] += treated_rest - treated_rest.mean()
            influence[units[zero]] -= n_used * weights * rest[zero]
            roles[0, units[one][used]] += 1.0
            roles[1, units[zero]] += n_used * weights
            treated_units |= set(units[one][used].tolist())
            control_units |= set(units[zero][weights > 1e-12].tolist())
    if not city_years:
        raise ValueError(f"{method}: {'; '.join(lost) or 'no treated city-year'}")
    notes = [f"{reason} in {count} of {n_cells} cohort-years" for reason, count in sorted(lost.items())]
    notes.append(f"controls of a cohort-year count as {fewest:.1f} equal ones or more")
    if unmatched:
        notes.append(f"{unmatched} treated city-years without a neighbour within the caliper")
    notes += [note for note in panel.notes if note.startswith(("one unit only", "no never-treated"))]
    sums = np.bincount(panel.cluster, weights=influence / city_years)
    n_clusters = len(np.unique(panel.cluster))
    summed = np.concatenate([np.bincount(panel.cluster, weights=role) for role in roles])
    std_error = math.sqrt(float(sums @ sums) * n_clusters / (n_clusters - 1))
    return _result(
        method, float(total / city_years), std_error, n_obs=int(np.isfinite(panel.outcome).sum()),
        n_treated=len(treated_units), n_control=len(control_units), note="; ".join(notes),
        n_effective_clusters=min(float(effective_number(summed**2)), float(n_clusters)),
    )  # fmt: skip


def _fitted(x: Array, y: Array, at: Array) -> Array:
    """Least squares of y on x and a constant, fitted at other rows; the mean when there are too few rows."""
    if len(y) < x.shape[1] + 2:
        return np.full(len(at), y.mean())
    centre, scale = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-300)
    design = np.column_stack([np.ones(len(x)), (x - centre) / scale])
    slopes = np.linalg.lstsq(design, y, rcond=None)[0]
    return np.asarray(np.column_stack([np.ones(len(at)), (at - centre) / scale]) @ slopes)


def entropy_twfe(panel: Panel) -> SelectionEstimate:
    """Two-way fixed effects with the never treated weighted to the means of the ever treated.

    Covariates of the last year before anyone is treated; treated cities weigh 1, the others together as
    much as there are of them. Without a never-treated city the last cohort stands in, as in
    `prepare_sample`. Raises ValueError when no weights exist.
    """
    import pyfixest

    base = panel.base(min(panel.cohorts))
    x = panel.covariates[:, base]
    known = np.isfinite(x).all(axis=1)
    ever = panel.cohort > 0
    if not (known & ever).any() or not (known & ~ever).any():
        raise ValueError("no treated or no untreated city with covariates in the base year")
    weights = np.where(known & ever, 1.0, 0.0)
    control = entropy_weights(x[known & ~ever], x[known & ever].mean(axis=0))
    weights[known & ~ever] = control * len(control)
    # What covariates explain of the controls' change in each year is balanced away, so it is no error.
    rest = panel.outcome.copy()
    for t in range(len(panel.years)):
        change = panel.outcome[:, t] - panel.outcome[:, base]
        seen = known & ~ever & np.isfinite(change)
        if seen.any():
            rest[known, t] -= _fitted(x[seen], change[seen], x[known])
    row, column = np.nonzero(np.isfinite(panel.outcome) & (weights[:, None] > 0))
    in_pairs = rows_in_pairs([row, column], len(row))
    row, column = row[in_pairs], column[in_pairs]
    scale = binary_scale(panel.outcome[row, column])
    data = pd.DataFrame(
        {
            "y": panel.outcome[row, column] / scale,
            "rest": rest[row, column] / scale,
            "d": (ever[row] & (panel.years[column] >= panel.cohort[row])).astype(float),
            "unit": row,
            "time": panel.years[column],
            "cluster": panel.cluster[row],
            "w": weights[row],
        }
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model, of_rest = (
            pyfixest.feols(
                f"{left} ~ d | unit + time",
                data=data,
                vcov={"CRV1": "cluster"},
                weights="w",
                # As in `fit_least_squares`.
                fixef_rm="none",
                demeaner_backend="rust",
            )
            for left in ("y", "rest")
        )
    effective = 1 / float(control @ control)
    # Its regressor is multiplied by the root of the weights; what a row adds, by the weight.
    added = data["w"].to_numpy() * np.asarray(model._X, dtype=float)[:, 0] ** 2
    return _result(
        "entropy_twfe", float(model.coef()["d"]) * scale, float(of_rest.se()["d"]) * scale,
        n_obs=int(model._N), n_treated=int((known & ever).sum()), n_control=len(control),
        note=f"controls count as {effective:.1f} equal ones",
        n_effective_clusters=float(
            effective_number(np.bincount(data["cluster"], weights=added).astype(float))
        ),
    )  # fmt: skip


def _result(
    method: str, estimate: float, error: float, *, n_effective_clusters: float, **counts: float | str | None
) -> SelectionEstimate:
    """With p value and interval of t(G* - 1), as `cbec.estimators.regression.Term`."""
    df = n_effective_clusters - 1
    half = float(stats.t.ppf(0.975, df)) * error
    p_value = float(2 * stats.t.sf(abs(estimate) / error, df)) if error > 0 else math.nan
    return SelectionEstimate(
        method, estimate, error, p_value, estimate - half, estimate + half,
        n_effective_clusters=n_effective_clusters, **counts,  # type: ignore[arg-type]
    )  # fmt: skip


# --- balance ------------------------------------------------------------------------------


def balance(panel: Panel, *, caliper: float = CALIPER) -> tuple[Balance, ...]:
    """Balance of each covariate and of the logit's index before and after, and the overlap of the arms.

    The matches and weights are those of the first treated year; each cohort counts by its adopters that have
    them. Raises ValueError as `stack_of`.
    """
    stack = stack_of(panel)
    values = np.column_stack([stack.covariates, stack.score.index])
    gaps: dict[str, list[Array]] = {"before": [], "matched": [], "weighted": []}
    sizes: dict[str, list[int]] = {"before": [], "matched": [], "weighted": []}
    pool_weight = np.zeros(len(stack.unit))
    schemes = {"matched": _by_matching(stack, caliper), "weighted": _by_entropy}
    for g in panel.cohorts:
        one = np.flatnonzero((stack.cohort == g) & stack.adopts)
        zero = np.flatnonzero((stack.cohort == g) & ~stack.adopts)
        if not len(one) or not len(zero):
            continue
        pool_weight[zero] = len(one) / len(zero)
        gaps["before"].append(values[one].mean(axis=0) - values[zero].mean(axis=0))
        sizes["before"].append(len(one))
        for name, weighting in schemes.items():
            x, index = stack.covariates, stack.score.index
            try:
                used, weights = weighting(x[one], x[zero], index[one], index[zero])
            except ValueError:
                continue
            gaps[name].append(values[one][used].mean(axis=0) - weights @ values[zero])
            sizes[name].append(int(used.sum()))
    treated, control = values[stack.adopts], values[~stack.adopts]
    weight = pool_weight[~stack.adopts] / pool_weight[~stack.adopts].sum()
    mean = weight @ control
    spread = np.sqrt((treated.var(axis=0, ddof=1) + weight @ (control - mean) ** 2) / 2)
    smd = {
        name: np.average(found, axis=0, weights=sizes[name]) / spread if found else None
        for name, found in gaps.items()
    }

    def of(name: str, i: int) -> float | None:
        found = smd[name]
        return None if found is None else float(found[i])

    return tuple(
        Balance(
            covariate=name,
            mean_treated=float(treated[:, i].mean()),
            mean_control=float(mean[i]),
            smd_before=float(np.average(gaps["before"], axis=0, weights=sizes["before"])[i] / spread[i]),
            smd_after_matching=of("matched", i),
            smd_after_weighting=of("weighted", i),
            min_treated=float(treated[:, i].min()),
            max_treated=float(treated[:, i].max()),
            min_control=float(control[:, i].min()),
            max_control=float(control[:, i].max()),
            share_outside=share_outside(treated[:, i], control[:, i]),
        )
        for i, name in enumerate((*panel.names, "propensity_index"))
    )
