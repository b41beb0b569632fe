"""Each staggered estimator as a function from a sample to averages, through pyfixest or diff-diff.

`cbec.estimators.staggered` is the entry; nothing here checks a frame or computes an interval. Own code
stands where no locked library has the number or its number misses the reference: averages by calendar
time, the doubly robust ATT(g,t), the standard error of the overall effect of de Chaisemartin and
D'Haultfoeuille, synthetic difference in differences by cohort. docs/METHODS.md names each reference.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cbec.estimators.staggered_sample import Sample

FloatArray = NDArray[np.float64]
Cell = tuple[int, int]

CONTROL_GROUPS = ("not_yet_treated", "never_treated")
METHODS = ("reg", "ipw", "dr")
BASE_PERIODS = ("universal", "varying")
WEIGHTS = ("equal", "regression")
AGGREGATIONS = ("overall", "dynamic", "group", "calendar")


@dataclass(frozen=True)
class Options:
    control_group: str
    method: str
    anticipation: int
    first_event: int
    last_event: int
    base: int
    base_calendar_year: int | None
    base_period: str
    gaps: str
    weights: str
    aggregations: tuple[str, ...] = AGGREGATIONS


@dataclass(frozen=True)
class Estimates:
    """Averages before inference: effects as (aggregation, group, estimate, error, cells)."""

    effects: Sequence[tuple[str, int | None, float, float, Sequence[Cell]]]
    events: Sequence[tuple[int, float, float, int]]
    formula: str
    engine: str
    base_period: str
    vcov: FloatArray | None = None
    notes: tuple[str, ...] = ()
    n_obs: int | None = None


@dataclass(frozen=True)
class Average:
    """A row of weights over cells, and its derivative to each cohort's share. Shapes (m,), (G, m)."""

    aggregation: str
    group: int | None
    weights: FloatArray
    slope: FloatArray


# --- averages over cohort-years -----------------------------------------------------------


def averages(cells: Sequence[Cell], share: Mapping[int, float]) -> list[Average]:
    """The four averages of ATT(g,t) (Callaway and Sant'Anna 2021) as weights over cells.

    cells are (cohort, time); those before treatment enter only the dynamic averages of their event
    time. share is each cohort's share of the units (any scale).
    """
    cohorts = sorted({g for g, _ in cells})
    g = np.array([cell[0] for cell in cells])
    t = np.array([cell[1] for cell in cells])
    p = np.array([share[cohort] for cohort in g], dtype=float)
    is_cohort = g[None, :] == np.array(cohorts)[:, None]
    post = t >= g

    def ratio(aggregation: str, group: int | None, chosen: NDArray[np.bool_]) -> Average:
        total = p[chosen].sum()
        weights = np.where(chosen, p, 0.0) / total
        mine = is_cohort & chosen[None, :]
        slope = (mine - mine.sum(axis=1, keepdims=True) * weights[None, :]) / total
        return Average(aggregation, group, weights, slope)

    def mean(aggregation: str, parts: list[Average]) -> Average:
        return Average(
            aggregation,
            None,
            np.mean([part.weights for part in parts], axis=0),
            np.mean([part.slope for part in parts], axis=0),
        )

    dynamic = [ratio("dynamic", int(e), (t - g) == e) for e in sorted(set(t - g))]
    calendar = [ratio("calendar", int(s), post & (t == s)) for s in sorted(set(t[post]))]
    by_group = [
        Average("group", c, (g == c) * post / (post & (g == c)).sum(), np.zeros((len(cohorts), len(g))))
        for c in cohorts
        if (post & (g == c)).any()
    ]
    scale = np.array([share[part.group] for part in by_group if part.group is not None], dtype=float)
    rows = np.array([part.weights for part in by_group])
    whole = scale @ rows / scale.sum()
    slope = np.zeros((len(cohorts), len(g)))
    for part in by_group:
        slope[cohorts.index(int(part.group or 0))] = (part.weights - whole) / scale.sum()
    return [
        ratio("overall", None, post),
        mean("dynamic", [part for part in dynamic if part.group is not None and part.group >= 0]),
        *dynamic,
        Average("group", None, whole, slope),
        *by_group,
        mean("calendar", calendar),
        *calendar,
    ]


def _members(average: Average, cells: Sequence[Cell]) -> list[Cell]:
    return [cell for cell, weight in zip(cells, average.weights, strict=True) if weight != 0]


def _split(
    rows: Sequence[Average],
    estimates: FloatArray,
    covariance: FloatArray,
    cells: Sequence[Cell],
    options: Options,
    omitted: int | None = None,
) -> tuple[
    list[tuple[str, int | None, float, float, list[Cell]]], list[tuple[int, float, float, int]], FloatArray
]:
    """Effects, events in the window and the events' covariance, from all averages."""
    errors = np.sqrt(np.maximum(np.diag(covariance), 0))
    effects = [
        (row.aggregation, row.group, float(b), float(s), _members(row, cells))
        for row, b, s in zip(rows, estimates, errors, strict=True)
        if not (row.aggregation == "dynamic" and row.group is not None and row.group < 0)
    ]
    inside = [
        i
        for i, row in enumerate(rows)
        if row.aggregation == "dynamic"
        and row.group is not None
        and options.first_event <= row.group <= options.last_event
        and row.group != omitted
        and errors[i] > 0
    ]
    events = [
        (int(rows[i].group or 0), float(estimates[i]), float(errors[i]), len(_members(rows[i], cells)))
        for i in inside
    ]
    return effects, events, covariance[np.ix_(inside, inside)]


def treated_cells(sample: Sample) -> list[Cell]:
    """Treated cohort-years of the sample."""
    data = sample.data[sample.data["cohort"] > 0]
    pairs = data[["cohort", "time"]].drop_duplicates().sort_values(["cohort", "time"])
    return [(int(g), int(t)) for g, t in pairs.itertuples(index=False)]


def _post(sample: Sample) -> list[Cell]:
    return [(g, t) for g, t in treated_cells(sample) if t >= g]


# --- pyfixest -----------------------------------------------------------------------------


def _regress(
    sample: Sample, columns: Mapping[str, NDArray[Any]]
) -> tuple[FloatArray, FloatArray, int, tuple[str, ...]]:
    """Two-way fixed effects of y on columns and controls: coefficients and covariance of columns.

    Gives also the rows used and notes. Raises ValueError when a column is collinear.
    """
    import pyfixest

    data = pd.concat([sample.data, pd.DataFrame(dict(columns), index=sample.data.index)], axis=1)
    right = " + ".join([*columns, *sample.control_columns])
    model = pyfixest.feols(
        f"y ~ {right} | unit + time",
        data=data,
        vcov={"CRV1": "cluster"},
        fixef_rm="singleton",
        # The default backend compiles for 20 seconds in every process.
        demeaner_backend="rust",
    )
    names = [str(name) for name in model._coefnames]
    missing = [name for name in columns if name not in names]
    if missing:
        raise ValueError(
            f"{', '.join(missing)} cannot be told from the fixed effects"
            f"{' and the controls ' + ', '.join(sample.controls) if sample.controls else ''}"
        )
    absorbed = [
        name for name, x in zip(sample.controls, sample.control_columns, strict=True) if x not in names
    ]
    notes = tuple(f"control absorbed by the fixed effects: {name}" for name in absorbed)
    order = [names.index(name) for name in columns]
    return model._beta_hat[order], model._vcov[np.ix_(order, order)], int(model._N), notes


def _pyfixest() -> str:
    return f"pyfixest {version('pyfixest')}"


def _twfe(sample: Sample, options: Options) -> Estimates:
    data = sample.data
    treated = (data["cohort"].gt(0) & data["time"].ge(data["cohort"])).to_numpy(dtype=float)
    b, v, n_obs, notes = _regress(sample, {"treated": treated})
    return Estimates(
        effects=[("overall", None, b[0], math.sqrt(v[0, 0]), _post(sample))],
        events=[],
        formula="{y} ~ treated{controls} | {unit} + {time}",
        engine=_pyfixest(),
        base_period="all untreated years, weighted by the regression",
        notes=notes,
        n_obs=n_obs,
    )


def _twfe_event_study(sample: Sample, options: Options) -> Estimates:
    """Event years before first_event and after last_event share the dummies of the ends."""
    data = sample.data
    ever = data["cohort"].to_numpy() > 0
    since = np.where(ever, data["time"] - data["cohort"], 0)
    calendar = options.base_calendar_year is not None
    if calendar:
        base = int(options.base_calendar_year or 0)
        key = data["time"].to_numpy()
        if base not in sample.years:
            raise ValueError(f"base_calendar_year {base}; allowed: {sample.years[0]} to {sample.years[-1]}")
        if not (~ever).any():
            raise ValueError("a calendar base needs never-treated units")
    else:
        base = options.base - options.anticipation
        if base < options.first_event:
            raise ValueError(f"base {base} lies before first_event {options.first_event}")
        key = np.clip(since, options.first_event, options.last_event)
        # Where no unit has the base year, the last year before it that is there.
        for g in sample.cohort_sizes:
            last = sample.last_before(g, base)
            if last is not None:
                key[(data["cohort"] == g) & (data["time"] == last)] = base
    labels = sorted({int(k) for k in key[ever]} - {base})
    if base not in {int(k) for k in key[ever]}:
        raise ValueError(f"no treated unit is observed in the base event year {base}")
    columns = {f"e{k}".replace("-", "m"): (ever & (key == k)).astype(float) for k in labels}
    b, v, n_obs, notes = _regress(sample, columns)
    cells = treated_cells(sample)
    at = dict(
        zip(zip(data["cohort"].tolist(), data["time"].tolist(), strict=True), key.tolist(), strict=True)
    )
    position = {k: {c for c in cells if at[c] == k} for k in labels}
    treated = np.array([(ever & (key == k) & (since >= 0)).sum() for k in labels], dtype=float)
    if treated.sum() == 0:
        raise ValueError("no treated year is estimated")
    weights = treated / treated.sum()
    errors = np.sqrt(np.diag(v))
    return Estimates(
        effects=[
            ("overall", None, weights @ b, math.sqrt(weights @ v @ weights), _post(sample)),
            # A gap in a calendar year mixes units not treated yet: an event, but no effect on the treated.
            *(
                ("dynamic", k, b[i], errors[i], sorted(position[k]))
                for i, k in enumerate(labels)
                if treated[i] > 0 and not calendar
            ),
        ],
        events=[(k, b[i], errors[i], len({g for g, _ in position[k]})) for i, k in enumerate(labels)],
        formula=(
            "{y} ~ sum over years of ever treated x year{controls} | {unit} + {time}"
            if calendar
            else f"{{y}} ~ sum of event-year dummies binned at {options.first_event} and {options.last_event}"
            "{controls} | {unit} + {time}"
        ),
        engine=_pyfixest(),
        base_period=f"calendar year {base}" if calendar else f"event year {base}",
        vcov=v,
        notes=(
            *notes,
            "overall: mean of the years' coefficients weighted by treated unit-years; "
            "ever treated against never treated, also before a unit's own treatment"
            if calendar
            else "overall: mean of post-treatment coefficients weighted by treated unit-years",
        ),
        n_obs=n_obs,
    )


def _sun_abraham(sample: Sample, options: Options) -> Estimates:
    """A dummy for every cohort and year but the base, averaged with cohort sizes held fixed."""
    data = sample.data
    base = options.base - options.anticipation
    every = treated_cells(sample)
    omitted = {g: sample.last_before(g, base) for g, _ in every}
    without = sorted(g for g, last in omitted.items() if last is None)
    if without:
        raise ValueError(f"cohort(s) {', '.join(map(str, without))} have no year at the base {base}")
    cells = [(g, t) for g, t in every if t != omitted[g]]
    g_of, t_of = data["cohort"].to_numpy(), data["time"].to_numpy()
    columns = {f"g{g}t{t}": ((g_of == g) & (t_of == t)).astype(float) for g, t in cells}
    b, v, n_obs, notes = _regress(sample, columns)
    rows = averages(cells, sample.cohort_sizes)
    weights = np.array([row.weights for row in rows])
    effects, events, vcov = _split(rows, weights @ b, weights @ v @ weights.T, cells, options)
    return Estimates(
        effects=effects,
        events=events,
        formula="{y} ~ sum of cohort x year dummies{controls} | {unit} + {time}, averaged by cohort size",
        engine=_pyfixest(),
        base_period=f"event year {base}",
        vcov=vcov,
        notes=notes,
        n_obs=n_obs,
    )


# --- diff-diff ----------------------------------------------------------------------------


def _diff_diff() -> str:
    return f"diff-diff {version('diff-diff')}"


def _names(sample: Sample) -> dict[str, str]:
    return {"outcome": "y", "unit": "unit", "time": "time", "first_treat": "cohort"}


def _cluster(sample: Sample) -> str | None:
    """diff-diff clusters by unit when told nothing, and treats that case as exact."""
    return None if sample.is_clustered_by_unit else "cluster"


def _unit_clusters_only(sample: Sample, name: str) -> None:
    if not sample.is_clustered_by_unit:
        raise ValueError(f"{name} clusters by unit only; leave cluster out")


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
        cluster=_cluster(sample) if options.gaps == "keep" else None,
    ).fit(sample.data, covariates=sample.control_columns or None, **_names(sample))
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


def _callaway_santanna(sample: Sample, options: Options) -> Estimates:
    engine = _diff_diff()
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
    every = _post(sample)
    n_post = sum(t >= g for g, t in cells)
    notes = (f"{n_post} of {len(every)} ATT(g,t) after treatment have controls",)
    if options.gaps == "keep":
        return _of_aggregates(sample, options, result, calendar=None, notes=notes, **about)
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
    effects, events, vcov = _split(rows, weights @ b, total.T @ total, cells, options, omitted)
    return Estimates(
        effects=effects, events=events, vcov=vcov if rule == "universal" else None, notes=notes, **about
    )


def _of_aggregates(
    sample: Sample,
    options: Options,
    result: Any,
    *,
    by_event: Any = None,
    calendar: Callable[[int], tuple[float, float]] | None,
    notes: tuple[str, ...],
    formula: str,
    engine: str,
    base_period: str,
) -> Estimates:
    """Overall, dynamic and group effects as the library averages them; calendar ones if it can."""
    cells, post = treated_cells(sample), _post(sample)
    if by_event is None:
        by_event = result.aggregate("event_study")
    effects: list[tuple[str, int | None, float, float, Sequence[Cell]]] = [
        ("overall", None, float(result.overall_att), float(result.overall_se), post)
    ]
    events = []
    for e, b, s in zip(by_event.event_time, by_event.att, by_event.se, strict=True):
        at = [(g, t) for g, t in cells if t - g == int(e)]
        if e >= 0:
            effects.append(("dynamic", int(e), float(b), float(s), at))
        if options.first_event <= e <= options.last_event and math.isfinite(s) and s > 0:
            events.append((int(e), float(b), float(s), len(at)))
    if "group" in options.aggregations:
        by_group = result.aggregate("group")
        for g, b, s in zip(by_group.label, by_group.att, by_group.se, strict=True):
            effects.append(("group", int(g), float(b), float(s), [c for c in post if c[0] == int(g)]))
    if calendar is not None and "calendar" in options.aggregations:
        for year in sorted({t for _, t in post}):
            effects.append(("calendar", year, *calendar(year), [c for c in post if c[1] == year]))
    return Estimates(effects, events, formula, engine, base_period, notes=notes)


def _imputed(
    sample: Sample, options: Options, build: Callable[..., Any], formula: str, base: str
) -> Estimates:
    """Estimators with a first stage on untreated rows, which treated rows of other years do not touch.

    Hence the effect of one calendar year is the overall effect without treated rows of other years.
    """
    data = sample.data
    covariates = sample.control_columns or None

    def fit(rows: pd.DataFrame, pretrends: bool) -> Any:
        model = build(
            anticipation=options.anticipation,
            cluster=_cluster(sample),
            rank_deficient_action="silent",
            pretrends=pretrends,
        )
        return model.fit(rows, covariates=covariates, **_names(sample))

    untreated = data["cohort"].eq(0) | data["time"].lt(data["cohort"] - options.anticipation)

    def calendar(year: int) -> tuple[float, float]:
        alone = fit(data[untreated | (data["time"].eq(year) & data["time"].ge(data["cohort"]))], False)
        return float(alone.overall_att), float(alone.overall_se)

    full = fit(data, True)
    # The library counts anticipated effects into its averages; without their rows it cannot.
    proper = fit(data[untreated | data["time"].ge(data["cohort"])], False) if options.anticipation else full
    return _of_aggregates(
        sample,
        options,
        proper,
        by_event=full.aggregate("event_study"),
        calendar=calendar,
        notes=(),
        formula=formula,
        engine=_diff_diff(),
        base_period=base,
    )


def _imputation(sample: Sample, options: Options) -> Estimates:
    from diff_diff import ImputationDiD

    base = "before treatment: all years before the leads shown; after: all untreated years"
    formula = "{y} imputed from untreated rows{controls} | {unit} + {time}"
    return _imputed(sample, options, ImputationDiD, formula, base)


def _two_stage(sample: Sample, options: Options) -> Estimates:
    from diff_diff import TwoStageDiD

    formula = "{y} less untreated rows' fit{controls} | {unit} + {time}, on treatment dummies"
    return _imputed(sample, options, TwoStageDiD, formula, "all untreated years")


def _stacked(sample: Sample, options: Options) -> Estimates:
    """Windows that every cohort can fill, so that no event year changes its cohorts."""
    from diff_diff import StackedDiD

    if sample.controls:
        raise ValueError("stacked takes no controls")
    _unit_clusters_only(sample, "stacked")
    cohorts, years = sorted(sample.cohort_sizes), sample.years
    after = min(options.last_event, years[-1] - cohorts[-1])
    before = min(-options.first_event, cohorts[0] - years[0] - options.anticipation)
    result = StackedDiD(
        kappa_pre=before,
        kappa_post=after,
        anticipation=options.anticipation,
        control_group=options.control_group,
    ).fit(sample.data, **_names(sample))
    inside = [(g, t) for g, t in treated_cells(sample) if -before <= t - g <= after]
    post = [c for c in inside if c[1] >= c[0]]
    table = result.aggregate("event_study")
    rows = [
        (int(e), float(b), float(s), len(cohorts), i)
        for i, (e, b, s) in enumerate(zip(table.event_time, table.att, table.se, strict=True))
        if math.isfinite(s) and s > 0
    ]
    index = [list(table.vcov_index).index(table.event_time[row[4]]) for row in rows]
    vcov = np.asarray(table.vcov, dtype=float)[np.ix_(index, index)]
    # The library's own mean would count anticipated effects.
    weights = np.array([float(e >= 0) for e, *_ in rows])
    weights /= weights.sum()
    overall = float(weights @ np.array([b for _, b, *_ in rows]))
    lost = (
        [f"cohort(s) {', '.join(map(str, result.trimmed_groups))} trimmed"] if result.trimmed_groups else []
    )
    return Estimates(
        effects=[
            ("overall", None, overall, math.sqrt(weights @ vcov @ weights), post),
            *(
                ("dynamic", e, b, s, [c for c in post if c[1] - c[0] == e])
                for e, b, s, _, _ in rows
                if e >= 0
            ),
        ],
        events=[row[:4] for row in rows],
        formula="{y} ~ event-year dummies | stacked by cohort, corrective weights, controls "
        + ("not yet treated" if options.control_group == "not_yet_treated" else "never treated"),
        engine=_diff_diff(),
        base_period=f"event year {-1 - options.anticipation}",
        vcov=vcov,
        notes=(
            f"windows from {-before} to {after}, which every cohort fills; "
            "overall: plain mean of the event years after treatment",
            *lost,
        ),
    )


def _lp_did(sample: Sample, options: Options) -> Estimates:
    from diff_diff import LPDiD

    data = sample.data
    cohorts, years = sorted(sample.cohort_sizes), sample.years
    longest = min(options.last_event, years[-1] - cohorts[0])
    earliest = min(-options.first_event, cohorts[-1] - years[0])
    pooled = min(longest, years[-1] - cohorts[-1])
    status = (data["cohort"].gt(0) & data["time"].ge(data["cohort"])).astype(int)
    result = LPDiD(
        pre_window=max(earliest, 2),
        post_window=longest,
        control_group="clean" if options.control_group == "not_yet_treated" else "never_treated",
        cluster=_cluster(sample),
        rank_deficient_action="silent",
        reweight=options.weights == "equal",
    ).fit(
        data.assign(d=status),
        outcome="y",
        unit="unit",
        time="time",
        treatment="d",
        covariates=sample.control_columns or None,
        post_pooled=(0, pooled),
    )
    cells = treated_cells(sample)
    post = [(g, t) for g, t in cells if 0 <= t - g <= pooled]
    whole = result.pooled.set_index("window").loc["post"]
    rows = [
        (int(r.horizon), float(r.coefficient), float(r.se), sum(t - g == r.horizon for g, t in cells))
        for r in result.event_study.itertuples()
        if math.isfinite(r.se) and r.se > 0
    ]
    return Estimates(
        effects=[
            ("overall", None, float(whole["coefficient"]), float(whole["se"]), post),
            *(("dynamic", e, b, s, [c for c in cells if c[1] - c[0] == e]) for e, b, s, _ in rows if e >= 0),
        ],
        events=rows,
        formula="{y}(t+h) - {y}(t-1) ~ treated at t{controls} | {time}, controls "
        + ("not yet treated" if options.control_group == "not_yet_treated" else "never treated"),
        engine=_diff_diff(),
        base_period="event year -1",
        notes=(
            "each treated unit counts once" if options.weights == "equal" else "weighted by the regression",
            f"overall: mean of event years 0 to {pooled}, which every cohort has",
        ),
    )


def _extended_twfe(sample: Sample, options: Options) -> Estimates:
    from diff_diff import WooldridgeDiD

    if sample.controls and options.gaps == "keep":
        raise ValueError("extended_twfe with controls needs a balanced panel; use gaps='drop'")
    # Each control gets a slope of its own in each cohort.
    small = [g for g, n in sample.cohort_sizes.items() if n <= len(sample.controls) and sample.controls]
    if small:
        raise ValueError(
            f"cohort(s) of {', '.join(map(str, small))} have too few units for a slope of every control; "
            "use fewer controls or another estimator"
        )
    result = WooldridgeDiD(
        control_group=options.control_group,
        anticipation=options.anticipation,
        cluster=_cluster(sample),
        rank_deficient_action="silent",
        unsupported_period_action="error",
    ).fit(sample.data, xtvar=sample.control_columns or None, **_names(sample))
    for kind in ("group", "calendar", "event_study"):
        result.aggregate(kind)
    cells, post = treated_cells(sample), _post(sample)
    tables: list[tuple[str, Any, int]] = [
        ("dynamic", result.event_study_effects, -1),
        ("group", result.group_effects, 0),
        ("calendar", result.calendar_effects, 1),
    ]
    effects: list[tuple[str, int | None, float, float, Sequence[Cell]]] = [
        ("overall", None, float(result.overall_att), float(result.overall_se), post)
    ]
    events = []
    for name, table, side in tables:
        for key, row in sorted(table.items()):
            at = [c for c in cells if (c[1] - c[0] if side < 0 else c[side]) == key]
            if name == "dynamic" and options.first_event <= key <= options.last_event and row["se"] > 0:
                events.append((int(key), float(row["att"]), float(row["se"]), len(at)))
            if name != "dynamic" or key >= 0:
                at = [c for c in at if c in post]
                effects.append((name, int(key), float(row["att"]), float(row["se"]), at))
    return Estimates(
        effects=effects,
        events=events,
        formula="{y} ~ sum of cohort x year dummies after treatment{controls} | {unit} + {time}",
        engine=_diff_diff(),
        base_period="all untreated years"
        if options.control_group == "not_yet_treated"
        else f"event year {-1 - options.anticipation}",
    )


def _de_chaisemartin_dhaultfoeuille(sample: Sample, options: Options) -> Estimates:
    from diff_diff import ChaisemartinDHaultfoeuille

    _unit_clusters_only(sample, "de_chaisemartin_dhaultfoeuille")
    if options.gaps == "keep":
        raise ValueError("de_chaisemartin_dhaultfoeuille needs a balanced panel; use gaps='drop'")
    data, cells = sample.data, treated_cells(sample)
    longest = sample.years[-1] - min(sample.cohort_sizes)
    status = (data["cohort"].gt(0) & data["time"].ge(data["cohort"])).astype(int)
    result = ChaisemartinDHaultfoeuille(twfe_diagnostic=False).fit(
        data.assign(d=status),
        outcome="y",
        unit="unit",
        time="time",
        treatment="d",
        covariates=sample.control_columns or None,
        L_max=longest + 1,
    )
    after = {int(h) - 1: row for h, row in result.event_study_effects.items()}
    # Placebo -l compares event year -1-l with -1.
    before = {int(h) - 1: row for h, row in (result.placebo_event_study or {}).items()}
    rows = [
        (e, float(row["effect"]), float(row["se"]), sum(t - g == e for g, t in cells))
        for e, row in sorted((before | after).items())
        if math.isfinite(row["se"]) and row["se"] > 0
    ]
    post = _post(sample)
    counts = np.array([float(after[e]["n_obs"]) for e in sorted(after)])
    weights = counts / counts.sum()
    b = np.array([float(after[e]["effect"]) for e in sorted(after)])
    s = np.array([float(after[e]["se"]) for e in sorted(after)])
    # diff-diff adds the variances of event years as if they were independent; they share units and
    # base years. Their correlation is that of the same averages of ATT(g,t), whose influence
    # functions it gives.
    plain = replace(sample, controls=(), data=data[["unit", "time", "cohort", "y", "cluster"]])
    compared = replace(options, base_period="universal", control_group="not_yet_treated", method="reg")
    pairs, _, psi, _ = influence(plain, compared)
    share = {g: float(n) for g, n in sample.cohort_sizes.items()}
    path = {row.group: psi @ row.weights for row in averages(pairs, share) if row.aggregation == "dynamic"}
    correlation = (
        np.corrcoef(np.array([path[e] for e in sorted(after)])) if len(after) > 1 else np.ones((1, 1))
    )
    error = math.sqrt(float((weights * s) @ correlation @ (weights * s)))
    return Estimates(
        effects=[
            ("overall", None, float(weights @ b), error, post),
            *(("dynamic", e, x, y, [c for c in post if c[1] - c[0] == e]) for e, x, y, _ in rows if e >= 0),
        ],
        events=[row for row in rows if options.first_event <= row[0] <= options.last_event],
        formula="DID of switchers and not yet switched{controls}, weighted by switchers",
        engine=_diff_diff(),
        base_period="event year -1",
    )


# --- synthetic difference in differences --------------------------------------------------


def _synthetic_did(sample: Sample, options: Options) -> Estimates:
    """Cohort by cohort against never-treated units, averaged by treated unit-years.

    Arkhangelsky and others (2021) for each cohort. Unit and time weights
    come from diff-diff; the jackknife over all units keeps them (their algorithm 3), so that the
    control units that cohorts share are counted once. A cohort of one unit leaves with its unit.
    """
    from diff_diff import SyntheticDiD

    _unit_clusters_only(sample, "synthetic_did")
    if options.gaps == "keep":
        raise ValueError("synthetic_did needs a balanced panel; use gaps='drop'")
    data, notes = sample.data, []
    y = _without_controls(sample)
    wide = data.assign(y=y).pivot(index="unit", columns="time", values="y")
    cohort_of = data.drop_duplicates("unit").set_index("unit")["cohort"]
    never = wide[cohort_of == 0].to_numpy()
    years = np.array(sample.years)
    paths: dict[int, tuple[FloatArray, FloatArray, FloatArray]] = {}
    for g in sorted(sample.cohort_sizes):
        if (years < g).sum() < 2:
            notes.append(f"the cohort of {g} has one year before treatment and is left out")
            continue
        two = data[data["cohort"].isin([0, g])]
        two = two.assign(y=y[two.index], d=two["cohort"].eq(g).astype(int))
        result = SyntheticDiD(variance_method="jackknife").fit(
            two,
            outcome="y",
            treatment="d",
            unit="unit",
            time="time",
            post_periods=[int(t) for t in years[years >= g]],
        )
        omega = np.array([float(result.unit_weights.get(u, 0.0)) for u in wide.index[cohort_of == 0]])
        omega[omega < 0] = 0.0
        lam = np.array([float(result.time_weights.get(int(t), 0.0)) for t in years[years < g]])
        paths[g] = (wide[cohort_of == g].to_numpy(), omega / omega.sum(), lam / lam.sum())
    if not paths:
        raise ValueError("no cohort has two years before treatment")
    cells = [(g, int(t)) for g in paths for t in years]

    def gaps(treated: Mapping[int, FloatArray], keep: NDArray[np.bool_]) -> FloatArray:
        """Effect of each cell of the cohorts in `treated`."""
        out = []
        for g, own in treated.items():
            _, omega, lam = paths[g]
            weight = omega[keep]
            gap = own.mean(axis=0) - weight @ never[keep] / weight.sum()
            out.append(gap - lam @ gap[years < g])
        return np.concatenate(out)

    everyone = np.ones(len(never), dtype=bool)
    own = {g: path[0] for g, path in paths.items()}
    rows = averages(cells, {g: len(units) for g, units in own.items()})
    labels = [(row.aggregation, row.group) for row in rows]
    weights = np.array([row.weights for row in rows])
    estimate = weights @ gaps(own, everyone)
    replicates = []
    for i in range(len(never)):
        if any(path[1][everyone & (np.arange(len(never)) != i)].sum() <= 1e-12 for path in paths.values()):
            raise ValueError("one control unit carries all the weight; the jackknife is undefined")
        replicates.append(weights @ gaps(own, np.arange(len(never)) != i))
    if [len(units) for units in own.values()] == [1]:
        raise ValueError("one treated unit: the jackknife is undefined; use another estimator")
    for g, units in own.items():
        for i in range(len(units)):
            rest = {c: np.delete(u, i, axis=0) if c == g else u for c, u in own.items()}
            rest = {c: u for c, u in rest.items() if len(u)}
            some = averages([(c, int(t)) for c in rest for t in years], {c: len(u) for c, u in rest.items()})
            table = {(row.aggregation, row.group): row.weights for row in some}
            values = gaps(rest, everyone)
            replicates.append(np.array([table[k] @ values if k in table else np.nan for k in labels]))
    spread = np.array(replicates) - estimate
    n = len(replicates)
    # An average that a unit alone identifies has no jackknife error.
    covariance = (n - 1) / n * spread.T @ spread
    covariance = np.where(np.isfinite(covariance), covariance, 0.0)
    effects, events, _ = _split(rows, estimate, covariance, cells, options)
    return Estimates(
        effects=effects,
        events=events,
        formula="{y} ~ treated{controls} | {unit} + {time}, unit and time weights by cohort, "
        "controls never treated",
        engine=_diff_diff(),
        base_period="years before treatment, weighted",
        notes=tuple(notes),
    )


def _without_controls(sample: Sample) -> FloatArray:
    """y less the controls, with coefficients of two-way fixed effects on untreated rows."""
    data = sample.data
    y = data["y"].to_numpy(dtype=float)
    if not sample.controls:
        return y
    import pyfixest

    untreated = data[data["cohort"].eq(0) | data["time"].lt(data["cohort"])]
    columns = sample.control_columns
    model = pyfixest.feols(
        f"y ~ {' + '.join(columns)} | unit + time", data=untreated, vcov="iid", demeaner_backend="rust"
    )
    slopes = dict(zip(model._coefnames, model._beta_hat, strict=True))
    fitted = sum(slopes.get(x, 0.0) * data[x].to_numpy(dtype=float) for x in columns)
    rest: FloatArray = y - np.asarray(fitted, dtype=float)
    return rest


ESTIMATORS: dict[str, Callable[[Sample, Options], Estimates]] = {
    "twfe": _twfe,
    "twfe_event_study": _twfe_event_study,
    "callaway_santanna": _callaway_santanna,
    "sun_abraham": _sun_abraham,
    "imputation": _imputation,
    "two_stage": _two_stage,
    "stacked": _stacked,
    "lp_did": _lp_did,
    "extended_twfe": _extended_twfe,
    "de_chaisemartin_dhaultfoeuille": _de_chaisemartin_dhaultfoeuille,
    "synthetic_did": _synthetic_did,
}
