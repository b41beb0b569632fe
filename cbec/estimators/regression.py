"""Pooled, fixed-effects, random-effects and unit-by-unit least squares."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from cbec.estimators.effective import effective_clusters
from cbec.estimators.frame import check_frame
from cbec.estimators.panel import binary_scale, factor_codes, rows_in_pairs
from cbec.estimators.specification import Specification

EARTH_RADIUS_KM = 6371.0088
#: What a fit says whose covariance had to be mended.
MENDED = (
    "covariance not positive semi-definite: negative eigenvalues set to zero"
    " (Cameron, Gelbach and Miller 2011)"
)
Vector = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
Matrix = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


@dataclass(frozen=True)
class Term:
    """One coefficient. p_value and interval use t(G* - 1) when clustered, G* the effective number of clusters
    (`effective_clusters`; the smaller number of two), the normal for random effects and Conley errors,
    t(N - K) otherwise."""

    term: str
    estimate: float
    std_error: float | None
    t_value: float | None
    p_value: float | None
    ci_low: float | None
    ci_high: float | None
    n_effective_clusters: float | None = None


#: The kind of error of a mean of slopes: their spread between units, not that of rows.
MEAN_GROUP = "mean_group"


@dataclass(frozen=True)
class Fit:
    """A fitted regression column. n_singletons counts rows alone in a fixed effect, dropped; used says of
    each row that was given whether it entered, shape (n,); n_units counts the units of these."""

    terms: tuple[Term, ...]
    n_obs: int
    n_clusters: int | None
    n_singletons: int
    r2: float | None
    r2_within: float | None
    formula: str
    engine: str
    used: NDArray[np.bool_] = field(compare=False, repr=False)
    dropped_terms: tuple[str, ...] = ()
    note: str | None = None
    n_units: int | None = None


def fit_least_squares(frame: pd.DataFrame, specification: Specification, *, unit: str = "unit") -> Fit:
    """Estimate y = D b + M d + X c + fixed effects + e on complete rows.

    frame has one row per region and year, without missing values in the columns used; the
    treatment may be boolean. Standard errors follow fixest's small-sample convention (Berge 2018):
    with clusters G/(G-1) * (N-1)/(N-K), K without the fixed effects nested in the cluster; with two
    cluster columns their errors added less that of the intersection (Cameron, Gelbach, Miller 2011),
    made positive semi-definite as they propose and fixest does (`positive_semidefinite`; the note says so).
    `conley:<km>` allows correlation between units up to a great-circle distance within a year, and
    within a unit over all years (Conley 1999); the frame then has longitude and latitude. Degrees of freedom
    of clustered errors: `cbec.estimators.effective`.

    Raises ValueError as `check_frame` does, and when there is one cluster, a constant outcome, or a treatment
    that the fixed effects or controls absorb.
    """
    # Costs five seconds on first import, so only when something is estimated.
    import pyfixest

    measured, codes = checked(frame, specification, unit)
    effects, clusters = specification.fixed_effects, specification.clusters
    keep = rows_in_pairs([codes[effect] for effect in effects], len(frame))
    if not keep.any():
        raise ValueError(f"{specification.label}: every row is alone in one of the fixed effects")
    # Under names that no formula reads as something else.
    number = {name: f"v{i}" for i, name in enumerate(measured)}
    label = {name: f"c{i}" for i, name in enumerate(codes)}
    scale = {name: binary_scale(values[keep]) for name, values in measured.items()}
    data = pd.DataFrame(
        {number[name]: values[keep] / scale[name] for name, values in measured.items()}
        | {label[name]: of_row[keep] for name, of_row in codes.items()}
    )
    right = " + ".join(number[name] for name in specification.regressors)
    absorbed = f" | {' + '.join(label[effect] for effect in effects)}" if effects else ""
    conley = specification.vcov.startswith("conley:")
    vcov: Any = {"CRV1": " + ".join(label[c] for c in clusters)} if clusters else specification.vcov
    with warnings.catch_warnings():
        # Collinear columns are recorded in the result instead.
        warnings.simplefilter("ignore")
        try:
            model = pyfixest.feols(
                f"{number[specification.outcome]} ~ {right}{absorbed}",
                data=data,
                vcov="iid" if conley else vcov,
                # Rows alone in a fixed effect are out already; its own search compiles for three seconds in
                # every process, and the default backend for 20.
                fixef_rm="none",
                demeaner_backend="rust",
            )
        except ValueError as error:
            if "All variables are collinear" not in str(error):
                raise
            raise ValueError(_absorbed(specification)) from error
    named = {new: old for old, new in number.items()}
    found = [named.get(str(name), "_cons") for name in model._coefnames]
    if specification.treatment not in found:
        raise ValueError(_absorbed(specification))
    factor = scale[specification.outcome] / np.array([scale.get(name, 1.0) for name in found])
    matrix = np.asarray(model._vcov, dtype=float)
    if conley:
        matrix = _conley_vcov(model, frame[keep], float(specification.vcov.split(":")[1]), unit)
    matrix, is_mended = positive_semidefinite(matrix * np.outer(factor, factor))
    effective = np.full(len(found), math.nan)
    if clusters:
        design = np.asarray(model._X, dtype=float)
        numbers = [effective_clusters(design, data[label[c]].to_numpy()) for c in clusters]
        effective = np.minimum.reduce(numbers)
    df = math.inf if conley else float(model._df_t)
    estimates = np.asarray(model._beta_hat, dtype=float) * factor
    errors = np.sqrt(np.maximum(np.diag(matrix), 0.0))
    n_obs = int(model._N)
    return Fit(
        terms=tuple(
            term_of(name, estimate, error, df, number)
            for name, estimate, error, number in zip(found, estimates, errors, effective, strict=True)
        ),
        n_obs=n_obs,
        n_clusters=int(min(model._G)) if clusters else None,
        n_singletons=len(frame) - n_obs,
        r2=_finite(model._r2),
        r2_within=_finite(model._r2_within) if specification.fixed_effects else None,
        formula=formula_of(specification),
        engine=f"pyfixest {version('pyfixest')}",
        used=keep,
        dropped_terms=tuple(c for c in specification.regressors[1:] if c not in found),
        note=MENDED if is_mended else None,
        n_units=int(frame.loc[keep, unit].nunique()),
    )


def positive_semidefinite(vcov: Matrix) -> tuple[Matrix, bool]:
    """A covariance (k, k) with its negative eigenvalues set to zero, and whether there were any.

    Errors of two clusterings added less those of the intersection, or summed over pairs of places, need not
    be positive semi-definite (Cameron, Gelbach and Miller 2011, section 2.3); fixest does the same with
    every matrix, in the units of the regressors as they are. Shape (k, k).
    """
    values, vectors = np.linalg.eigh((vcov + vcov.T) / 2)
    # Rounding leaves a zero eigenvalue on either side of zero.
    if not np.isfinite(values).all() or values.min() >= -1e-12 * max(float(values.max()), 0.0):
        return vcov, False
    return np.asarray((vectors * np.maximum(values, 0.0)) @ vectors.T), True


def checked(
    frame: pd.DataFrame, specification: Specification, unit: str
) -> tuple[dict[str, Vector], dict[str, NDArray[np.int64]]]:
    """Numbers, and codes of fixed effects and clusters, of a frame that can be fitted, by their names."""
    effects = specification.fixed_effects
    labels = [*(part for effect in effects for part in effect.split("^")), *specification.clusters]
    measured = check_frame(
        frame, unit=unit, time="year", numbers=specification.variables, labels=labels,
        where=specification.label,
    )  # fmt: skip
    y = measured[specification.outcome]
    if (y == y[0]).all():
        raise ValueError(f"{specification.label}: outcome {specification.outcome!r} is constant")
    codes = {name: factor_codes(frame[name].to_numpy()) for name in specification.clusters}
    for cluster, of_row in codes.items():
        if of_row.max() < 1:
            raise ValueError(f"{specification.label}: one cluster of {cluster!r}; at least two needed")
    groups = {effect: frame.groupby(effect.split("^"), sort=False).ngroup().to_numpy() for effect in effects}
    return measured, codes | {effect: factor_codes(group) for effect, group in groups.items()}


def _absorbed(specification: Specification) -> str:
    return (
        f"{specification.label}: {specification.treatment!r} does not vary beyond "
        f"the controls and the fixed effects {specification.fixed_effects}"
    )


def formula_of(specification: Specification) -> str:
    """The equation as pyfixest and fixest read it."""
    formula = f"{specification.outcome} ~ {' + '.join(specification.regressors)}"
    if specification.fixed_effects:
        formula += " | " + " + ".join(specification.fixed_effects)
    return formula


def _conley_vcov(model: Any, data: pd.DataFrame, cutoff_km: float, unit: str) -> Matrix:
    """Covariance of a fitted model's coefficients, in its units, with correlation over space."""
    design = np.asarray(model._X, dtype=float)
    scores = design * np.asarray(model._u_hat, dtype=float).reshape(-1, 1)
    bread = np.linalg.inv(design.T @ design)
    return np.asarray(bread @ conley_meat(scores, data, cutoff_km, unit) @ bread)


def great_circle_km(longitude: Vector, latitude: Vector) -> Matrix:
    """Distances between points, shape (n, n), from degrees, shape (n,), on a sphere (haversine)."""
    lon, lat = np.radians(longitude), np.radians(latitude)
    half = (
        np.sin((lat[:, None] - lat[None, :]) / 2) ** 2
        + np.cos(lat)[:, None] * np.cos(lat)[None, :] * np.sin((lon[:, None] - lon[None, :]) / 2) ** 2
    )
    return np.asarray(2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.clip(half, 0, 1))))


def conley_meat(scores: Matrix, data: pd.DataFrame, cutoff_km: float, unit: str) -> Matrix:
    """Sum of s_i s_j' over pairs of rows of one year within the distance and of one unit in any year.

    scores: shape (n, k); data: the same rows with the unit column, year, longitude and latitude.
    Uniform kernel (Conley 1999); the pairs within a unit are those of clustering by unit.
    Raises ValueError when a unit has no coordinates.
    """
    places = data.groupby(unit)[["longitude", "latitude"]].first().astype(float)
    if places.isna().any().any():
        missing = ", ".join(map(str, places.index[places.isna().any(axis=1)][:5]))
        raise ValueError(f"no coordinates of {missing}: Conley errors need longitude and latitude")
    near = great_circle_km(places["longitude"].to_numpy(), places["latitude"].to_numpy()) <= cutoff_km
    position = pd.Index(places.index).get_indexer(data[unit])
    k = scores.shape[1]
    total = np.zeros((k, k))
    by_unit = np.zeros((len(places), k))
    np.add.at(by_unit, position, scores)
    total += by_unit.T @ by_unit
    for _, rows in data.reset_index(drop=True).groupby("year").indices.items():
        of_year = np.zeros((len(places), k))
        np.add.at(of_year, position[rows], scores[rows])
        # The unit with itself is counted above already.
        total += of_year.T @ (near @ of_year) - of_year.T @ of_year
    return total


def fit_unit_slopes(frame: pd.DataFrame, specification: Specification, *, unit: str) -> Fit:
    """Estimate y_it = a_i + b_i D_it + e_it in each unit alone: one term a unit.

    The reading of a "variable-coefficient model" by province; classical standard errors and t(T - 2).
    The first term is the mean of the slopes with the standard error of a mean (Pesaran and Smith 1995).
    Units with fewer than three rows or a constant treatment are named in dropped_terms.
    """
    checked(frame, specification, unit)
    used = has_slope(frame, specification.treatment, unit)
    terms, slopes = [], []
    for name, rows in frame[used].groupby(unit):
        x = rows[specification.treatment].to_numpy(float)
        y = rows[specification.outcome].to_numpy(float)
        fit = stats.linregress(x, y)
        terms.append(term_of(f"{specification.treatment}:{name}", fit.slope, fit.stderr, len(rows) - 2))
        slopes.append(fit.slope)
    if len(slopes) < 2:
        raise ValueError(f"{specification.label}: no two units with three rows and a varying treatment")
    error = float(np.std(slopes, ddof=1) / np.sqrt(len(slopes)))
    mean = term_of(specification.treatment, float(np.mean(slopes)), error, len(slopes) - 1)
    return Fit(
        terms=(mean, *terms),
        n_obs=int(used.sum()),
        n_clusters=None,
        n_singletons=0,
        r2=None,
        r2_within=None,
        formula=f"{specification.outcome} ~ {specification.treatment}, in each {unit} alone",
        engine="scipy",
        used=used,
        dropped_terms=tuple(sorted(frame.loc[~used, unit].astype(str).unique())),
        note="the first term is the mean of the slopes (mean group)",
        n_units=len(slopes),
    )


def has_slope(frame: pd.DataFrame, treatment: str, unit: str) -> NDArray[np.bool_]:
    """Rows of units with three rows or more and a treatment that varies, shape (n,)."""
    of_unit = frame[treatment].astype(float).groupby(frame[unit])
    return np.asarray((of_unit.transform("size") >= 3) & (of_unit.transform("nunique") > 1))


def fit_random_effects(frame: pd.DataFrame, specification: Specification, *, unit: str) -> Fit:
    """Estimate y_it = c + X_it b + u_i + e_it by feasible GLS (Swamy and Arora 1972) with linearmodels.

    vcov iid or CRV1:<the unit>. p values and intervals use the normal, as plm and Stata do.
    """
    from linearmodels.panel import RandomEffects

    checked(frame, specification, unit)
    data = frame.infer_objects().set_index([unit, "year"])
    design = data[list(specification.regressors)].astype(float).assign(_cons=1.0)
    clustered = bool(specification.clusters)
    if clustered and specification.clusters != (unit,):
        raise ValueError(f"{specification.label}: random effects cluster by {unit} only")
    if specification.vcov not in ("iid", f"CRV1:{unit}"):
        raise ValueError(f"{specification.label}: random effects take vcov iid or CRV1:{unit}")
    model = RandomEffects(data[specification.outcome].astype(float), design, check_rank=False)
    if clustered:
        fit = model.fit(cov_type="clustered", cluster_entity=True)
    else:
        fit = model.fit(cov_type="unadjusted")
    return Fit(
        terms=tuple(
            term_of(str(name), float(fit.params[name]), float(fit.std_errors[name]), math.inf)
            for name in fit.params.index
        ),
        n_obs=int(fit.nobs),
        n_clusters=int(data.index.get_level_values(0).nunique()) if clustered else None,
        n_singletons=0,
        r2=float(fit.rsquared),
        r2_within=float(fit.rsquared_within),
        formula=f"{formula_of(specification)}, random effects of {unit}",
        engine=f"linearmodels {version('linearmodels')}",
        used=np.ones(len(frame), dtype=bool),
        n_units=int(data.index.get_level_values(0).nunique()),
        note=f"share of the unit effect in the variance: {_unit_share(fit.variance_decomposition):.3f}",
    )


def _unit_share(variance: pd.Series) -> float:
    return float(variance["Effects"] / (variance["Effects"] + variance["Residual"]))


def term_of(name: str, estimate: float, std_error: float, df: float, effective: float = math.nan) -> Term:
    """A coefficient with t and interval by t(df). effective: clusters behind a clustered error, NaN for
    another one."""
    if math.isfinite(effective):
        df = min(df, effective - 1)
    t = estimate / std_error if std_error > 0 else math.nan
    half = float(stats.t.ppf(0.975, df)) * std_error
    return Term(
        term=name,
        estimate=float(estimate),
        std_error=_finite(std_error),
        t_value=_finite(t),
        p_value=_finite(2 * stats.t.sf(abs(t), df)),
        ci_low=_finite(estimate - half),
        ci_high=_finite(estimate + half),
        n_effective_clusters=_finite(effective),
    )


def _finite(value: float) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None
