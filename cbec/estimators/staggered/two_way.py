"""Two-way fixed effects, static and by event time, and Sun and Abraham (2021)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cbec.estimators.panel import factor_codes, rows_in_pairs
from cbec.estimators.staggered.aggregation import (
    Estimates,
    FloatArray,
    Options,
    averages,
    cells_after,
    split_averages,
)
from cbec.estimators.staggered.sample import Sample


def _regress(
    sample: Sample, columns: Mapping[str, NDArray[Any]]
) -> tuple[FloatArray, FloatArray, tuple[str, ...]]:
    """Two-way fixed effects of y on columns and controls: coefficients and covariance of columns.

    Gives also notes. Raises ValueError when a column is collinear.
    """
    import pyfixest

    data = pd.concat([sample.data, pd.DataFrame(dict(columns), index=sample.data.index)], axis=1)
    data = data[not_alone(sample)]
    right = " + ".join([*columns, *sample.control_columns])
    model = pyfixest.feols(
        f"y ~ {right} | unit + time",
        data=data,
        vcov={"CRV1": "cluster"},
        # As in `fit_least_squares`.
        fixef_rm="none",
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
    return model._beta_hat[order], model._vcov[np.ix_(order, order)], notes


def not_alone(sample: Sample) -> NDArray[np.bool_]:
    """Rows that are not alone in a unit or year."""
    effects = [factor_codes(sample.data[name].to_numpy()) for name in ("unit", "time")]
    return rows_in_pairs(effects, len(sample.data))


def _pyfixest() -> str:
    return f"pyfixest {version('pyfixest')}"


def twfe(sample: Sample, options: Options) -> Estimates:
    data = sample.data
    treated = (data["cohort"].gt(0) & data["time"].ge(data["cohort"])).to_numpy(dtype=float)
    b, v, notes = _regress(sample, {"treated": treated})
    return Estimates(
        effects=[("overall", None, b[0], math.sqrt(v[0, 0]), cells_after(sample))],
        events=[],
        formula="{y} ~ treated{controls} | {unit} + {time}",
        engine=_pyfixest(),
        base_period="all untreated years, weighted by the regression",
        notes=notes,
    )


def twfe_event_study(sample: Sample, options: Options) -> Estimates:
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
    b, v, notes = _regress(sample, columns)
    cells = sample.treated_cells
    at = dict(
        zip(zip(data["cohort"].tolist(), data["time"].tolist(), strict=True), key.tolist(), strict=True)
    )
    position = {k: {c for c in cells if at[c] == k} for k in labels}
    treated = np.array([(ever & (key == k) & (since >= 0)).sum() for k in labels], dtype=float)
    if treated.sum() == 0:
        raise ValueError("no treated year is estimated")
    # A coefficient of one cluster has no error, and would leave that of the mean unknown.
    clusters = np.array([data.loc[ever & (key == k), "cluster"].nunique() for k in labels])
    pooled = np.where(clusters > 1, treated, 0.0)
    if pooled.sum() == 0:
        raise ValueError("every treated year is one cluster's: no standard error can be learnt from it")
    weights = pooled / pooled.sum()
    alone = [k for k, n, many in zip(labels, treated, clusters, strict=True) if n > 0 and many == 1]
    left_out = f"; without {', '.join(map(str, alone))}, of one cluster alone" if alone else ""
    errors = np.sqrt(np.diag(v))
    return Estimates(
        effects=[
            ("overall", None, weights @ b, math.sqrt(weights @ v @ weights), cells_after(sample)),
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
            f"ever treated against never treated, also before a unit's own treatment{left_out}"
            if calendar
            else f"overall: mean of post-treatment coefficients weighted by treated unit-years{left_out}",
        ),
    )


def leads_before(sample: Sample, options: Options) -> list[tuple[int, float, float, int]]:
    """Leads from first_event to the last untreated year against all untreated years before them.

    Dummies in a regression of untreated rows (Borusyak, Jaravel and Spiess 2024, section 4.4): event year,
    coefficient, clustered error, cohorts. Raises ValueError when no untreated row lies before them.
    """
    data = sample.data
    since = data["time"] - data["cohort"]
    untreated = replace(
        sample, data=data[data["cohort"].eq(0) | since.lt(-options.anticipation)].reset_index(drop=True)
    )
    rows = untreated.data
    ever = rows["cohort"].gt(0).to_numpy()
    event = np.where(ever, rows["time"] - rows["cohort"], 0)
    inside = ever & (event >= options.first_event)
    labels = sorted({int(e) for e in event[inside]})
    if not labels or not (ever & ~inside).any():
        raise ValueError(f"no untreated year before event year {options.first_event} to compare leads with")
    columns = {f"e{-e}": (inside & (event == e)).astype(float) for e in labels}
    b, v, _ = _regress(untreated, columns)
    cohorts = [len(set(rows["cohort"].to_numpy()[inside & (event == e)])) for e in labels]
    return list(zip(labels, b.tolist(), np.sqrt(np.diag(v)).tolist(), cohorts, strict=True))


def sun_abraham(sample: Sample, options: Options) -> Estimates:
    """A dummy for every cohort and year but the base, averaged over observed unit-years, held fixed."""
    data = sample.data
    base = options.base - options.anticipation
    every = sample.treated_cells
    omitted = {g: sample.last_before(g, base) for g, _ in every}
    without = sorted(g for g, last in omitted.items() if last is None)
    if without:
        raise ValueError(f"cohort(s) {', '.join(map(str, without))} have no year at the base {base}")
    cells = [(g, t) for g, t in every if t != omitted[g]]
    g_of, t_of = data["cohort"].to_numpy(), data["time"].to_numpy()
    columns = {f"g{g}t{t}": ((g_of == g) & (t_of == t)).astype(float) for g, t in cells}
    b, v, notes = _regress(sample, columns)
    # As fixest: a unit-year counts once, where it is observed (Sun and Abraham 2021 on balanced panels).
    used = data[not_alone(sample)].groupby(["cohort", "time"]).size()
    counts = {cell: float(used[cell]) for cell in cells}
    rows = averages(cells, sample.cohort_sizes, counts=counts, lone=sample.lone_cohorts)
    weights = np.array([row.weights for row in rows])
    effects, events, vcov = split_averages(rows, weights @ b, weights @ v @ weights.T, cells, options)
    return Estimates(
        effects=effects,
        events=events,
        formula="{y} ~ sum of cohort x year dummies{controls} | {unit} + {time}, averaged by unit-years",
        engine=_pyfixest(),
        base_period=f"event year {base}",
        vcov=vcov,
        notes=notes,
    )
