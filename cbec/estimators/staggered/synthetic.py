"""Synthetic difference in differences (Arkhangelsky et al. 2021), by cohort."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from cbec.estimators.staggered.aggregation import (
    Estimates,
    FloatArray,
    Options,
    averages,
    diff_diff_version,
    require_unit_clusters,
    split_averages,
)
from cbec.estimators.staggered.sample import Sample


def unused_cohorts(sample: Sample) -> tuple[tuple[int, ...], str]:
    """Cohorts with one year before treatment, to which no weights of years can be fitted, and the reason."""
    years = np.array(sample.years)
    short = tuple(g for g in sorted(sample.cohort_sizes) if (years < g).sum() < 2)
    return short, "cohort with one year before treatment"


def synthetic_did(sample: Sample, options: Options) -> Estimates:
    """Cohort by cohort against never-treated units, averaged by treated unit-years.

    Arkhangelsky and others (2021) for each cohort. Unit and time weights
    come from diff-diff; the jackknife over all units keeps them (their algorithm 3), so that the
    control units that cohorts share are counted once. A cohort of one unit leaves with its unit.
    """
    from diff_diff import SyntheticDiD

    require_unit_clusters(sample, "synthetic_did")
    if options.gaps == "keep":
        raise ValueError("synthetic_did needs a balanced panel; use gaps='drop'")
    data, (short, reason) = sample.data, unused_cohorts(sample)
    y = _without_controls(sample)
    wide = data.assign(y=y).pivot(index="unit", columns="time", values="y")
    cohort_of = data.drop_duplicates("unit").set_index("unit")["cohort"]
    never = wide[cohort_of == 0].to_numpy()
    years = np.array(sample.years)
    paths: dict[int, tuple[FloatArray, FloatArray, FloatArray]] = {}
    for g in sorted(sample.cohort_sizes):
        if g in short:
            continue
        two = data[data["cohort"].isin([0, g])]
        two = two.assign(y=y[two.index], d=two["cohort"].eq(g).astype(int))
        # n_bootstrap: placebo fits before treatment that the library draws beside the jackknife; unused here.
        result = SyntheticDiD(variance_method="jackknife", n_bootstrap=0).fit(
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
    lone = sample.lone_cohorts
    if set(paths) <= set(lone):
        raise ValueError(
            "every cohort with two years before treatment lies in one cluster: no standard error can be"
            " learnt from it"
        )
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
    rows = averages(cells, {g: len(units) for g, units in own.items()}, lone=lone)
    labels = [(row.aggregation, row.group) for row in rows]
    weights = np.array([row.weights for row in rows])
    estimate = weights @ gaps(own, everyone)
    replicates = []
    for i in range(len(never)):
        if any(path[1][everyone & (np.arange(len(never)) != i)].sum() <= 1e-12 for path in paths.values()):
            raise ValueError("one control unit carries all the weight; the jackknife is undefined")
        replicates.append(weights @ gaps(own, np.arange(len(never)) != i))
    for g, units in own.items():
        for i in range(len(units)):
            rest = {c: np.delete(u, i, axis=0) if c == g else u for c, u in own.items()}
            rest = {c: u for c, u in rest.items() if len(u)}
            some = averages(
                [(c, int(t)) for c in rest for t in years], {c: len(u) for c, u in rest.items()}, lone=lone
            )
            table = {(row.aggregation, row.group): row.weights for row in some}
            values = gaps(rest, everyone)
            replicates.append(np.array([table[k] @ values if k in table else np.nan for k in labels]))
    spread = np.array(replicates) - estimate
    n = len(replicates)
    # An average that a unit alone identifies has no jackknife error.
    covariance = (n - 1) / n * spread.T @ spread
    covariance = np.where(np.isfinite(covariance), covariance, 0.0)
    effects, events, _ = split_averages(rows, estimate, covariance, cells, options)
    return Estimates(
        effects=effects,
        events=events,
        formula="{y} ~ treated{controls} | {unit} + {time}, unit and time weights by cohort, "
        "controls never treated",
        engine=diff_diff_version(),
        base_period="years before treatment, weighted",
        notes=tuple(f"the cohort of {g} has one year before treatment and is left out" for g in short),
        unused=(short, reason),
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
