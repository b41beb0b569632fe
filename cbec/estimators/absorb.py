"""Panels in canonical order, exact fixed-effect residualisation, clustered t values.

Everything the placebo and the bootstrap modules share. Three ideas:

* `prepare_panel` sorts the rows into an order that depends on what the rows say, not on
  how they are stored or labelled, so that every number that follows (including random
  draws) is the same after the rows are shuffled or the units renamed.
* `build_projector` removes any number of fixed effects exactly, without iterating: the
  effect with most levels is swept out by means, the others through the Schur complement
  of the normal equations (Frisch and Waugh 1933; Lovell 1963; Abowd, Kramarz and Margolis
  1999 for the two-way system). Balanced and unbalanced panels take the same path.
* `treatment_statistics` gives the coefficient and the clustered standard error of many
  candidate treatments at once, on residualised data.

Small samples: the convention of R fixest and pyfixest 0.40.1 (their `vcov={"CRV1": ...}`):
`(N - 1) / (N - K) * G / (G - 1)`, where K counts the regressors and the fixed effects that
are not nested in the clusters, plus one for each nested fixed effect that is left out; the
reference distribution is t with G - 1 degrees of freedom.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray
from scipy import sparse, stats

from cbec.estimators.effective import effective_number
from cbec.estimators.panel import FloatArray, IntArray, Panel

#: Levels of all fixed effects but the largest; their normal equations are dense.
MAX_SECONDARY_LEVELS = 6000
#: A regressor is collinear when less than this share of its variance is left.
COLLINEAR_SHARE = 1e-12
#: A candidate treatment is degenerate when less than this share of it is left.
DEGENERATE_SHARE = 1e-9


@dataclass(frozen=True)
class Projector:
    """Normal equations of the fixed effects; see `build_projector`.

    Attributes
    ----------
    design: sparse, shape (n, L), dummies of all effects, the largest effect first.
    design_transposed: sparse, shape (L, n).
    level_size: shape (L0,), rows in each level of the largest effect.
    cross: sparse, shape (L0, L1), rows shared by a level of it and a level of the others.
    schur_inverse: shape (L1, L1), pseudo-inverse of the others' system after the sweep.
    """

    design: sparse.csr_matrix
    design_transposed: sparse.csr_matrix
    level_size: FloatArray
    cross: sparse.csr_matrix
    schur_inverse: FloatArray


@dataclass(frozen=True)
class Basis:
    """Everything about an equation that does not depend on the treatment.

    Attributes
    ----------
    projector: the fixed effects.
    controls: shape (n, k), orthonormal basis of the residualised controls.
    outcome: shape (n,), outcome without fixed effects and controls.
    cluster_sum: sparse, shape (G, n), sums rows within clusters.
    cluster_outcome: sparse, shape (G, n), the same, rows weighted by `outcome`.
    small_sample: the factor on the variance.
    df: degrees of freedom of t, G - 1.
    kept_controls, dropped_controls: names; a control is dropped when it is collinear with
        the fixed effects and the controls before it.
    """

    projector: Projector
    controls: FloatArray
    outcome: FloatArray
    cluster_sum: sparse.csr_matrix
    cluster_outcome: sparse.csr_matrix
    small_sample: float
    df: int
    kept_controls: tuple[str, ...]
    dropped_controls: tuple[str, ...]


@dataclass(frozen=True)
class Estimate:
    """One coefficient with a clustered standard error.

    `estimate` and `se` are in units of the outcome per unit of the treatment; `p_value` is
    two-sided from t with `df` degrees of freedom, G - 1, as packages print it; what is published has that of
    `effective_test`; `df_k` is the K of the small-sample factor; `n_effective_clusters` see
    `cbec.estimators.effective`.
    """

    estimate: float
    se: float
    t_value: float
    p_value: float
    df: int
    df_k: int
    n_obs: int
    n_units: int
    n_clusters: int
    n_singletons: int
    dropped_controls: tuple[str, ...]
    n_effective_clusters: float

    @property
    def effective_test(self) -> tuple[float, float, float]:
        """Two-sided p value and 95 % interval with t(G* - 1), as `cbec.estimators.regression.Term`."""
        df = self.n_effective_clusters - 1
        half = float(stats.t.ppf(0.975, df)) * self.se
        return float(2 * stats.t.sf(abs(self.t_value), df)), self.estimate - half, self.estimate + half


def indicator(codes: IntArray, n_levels: int | None = None) -> sparse.csr_matrix:
    """Dummies of the levels. Shape (n,) to sparse (n, L)."""
    width = int(codes.max()) + 1 if n_levels is None else n_levels
    rows = np.arange(codes.size + 1)
    return sparse.csr_matrix((np.ones(codes.size), codes, rows), shape=(codes.size, width))


def build_projector(effects: Sequence[IntArray], n_obs: int) -> Projector:
    """Prepare the exact projection on fixed effects (on a constant when there are none).

    Cost: rows once, plus the cube of the levels of all effects but the largest.

    Raises
    ------
    ValueError: more than `MAX_SECONDARY_LEVELS` levels besides those of the largest effect.
    """
    listed = list(effects) if effects else [np.zeros(n_obs, dtype=np.int64)]
    listed.sort(key=lambda codes: -int(codes.max()))
    largest = indicator(listed[0])
    others = [indicator(codes) for codes in listed[1:]]
    n_others = sum(block.shape[1] for block in others)
    if n_others > MAX_SECONDARY_LEVELS:
        raise ValueError(
            f"{n_others} levels of fixed effects besides the largest effect; "
            f"allowed: at most {MAX_SECONDARY_LEVELS}"
        )
    level_size = np.asarray(largest.sum(axis=0)).ravel()
    if others:
        rest = sparse.hstack(others, format="csr")
        cross = sparse.csr_matrix(largest.T @ rest)
        scaled = sparse.diags(1.0 / level_size) @ cross
        schur = np.asarray((rest.T @ rest - cross.T @ scaled).todense())
        values, vectors = np.linalg.eigh((schur + schur.T) / 2)
        used = values > values[-1] * 1e-11
        inverse = (vectors[:, used] / values[used]) @ vectors[:, used].T
        design = sparse.hstack([largest, rest], format="csr")
    else:
        cross = sparse.csr_matrix((largest.shape[1], 0))
        inverse = np.empty((0, 0))
        design = largest
    design = sparse.csr_matrix(design)
    return Projector(
        design=design,
        design_transposed=sparse.csr_matrix(design.T),
        level_size=level_size,
        cross=cross,
        schur_inverse=inverse,
    )


def effect_coefficients(projector: Projector, sums: FloatArray) -> FloatArray:
    """Fixed effects of a least-squares fit from sums by level. Shape (L, m) to (L, m)."""
    n_first = projector.level_size.size
    size = projector.level_size[:, None]
    if projector.schur_inverse.size == 0:
        return sums / size
    first, rest = sums[:n_first], sums[n_first:]
    second = projector.schur_inverse @ (rest - projector.cross.T @ (first / size))
    return np.concatenate([(first - projector.cross @ second) / size, second])


def effects_rank(projector: Projector) -> int:
    """Number of parameters that the fixed effects cost: their levels less what they say twice."""
    if projector.schur_inverse.size == 0:
        return projector.level_size.size
    return projector.level_size.size + int(np.linalg.matrix_rank(projector.schur_inverse))


def residualise(projector: Projector, values: FloatArray) -> FloatArray:
    """Residual of each column on the fixed effects. Shape (n,) or (n, m), same out.

    Applied twice, so that rounding of the first pass is swept out by the second.
    """
    wide = values[:, None] if values.ndim == 1 else values
    out = wide - wide.mean(axis=0)
    for _ in range(2):
        theta = effect_coefficients(projector, projector.design_transposed @ out)
        out = out - projector.design @ theta
    return cast(FloatArray, out[:, 0] if values.ndim == 1 else out)


def orthonormal_columns(columns: FloatArray, scale: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Orthonormal basis of residualised columns, and which of them it needs.

    Parameters
    ----------
    columns: shape (n, k), residualised.
    scale: shape (k,), norm of each column before it was residualised (about its mean); a
        column whose squared remainder is below `COLLINEAR_SHARE` of that is left out.

    Returns
    -------
    Basis of shape (n, r), and a mask of shape (k,) with r true values, first columns first.
    """
    n_obs, n_columns = columns.shape
    basis = np.empty((n_obs, n_columns))
    used = np.zeros(n_columns, dtype=bool)
    for j in range(n_columns):
        rank = int(used.sum())
        vector = columns[:, j].copy()
        for _ in range(2):
            vector -= basis[:, :rank] @ (basis[:, :rank].T @ vector)
        norm = float(np.linalg.norm(vector))
        if norm <= scale[j] * np.sqrt(COLLINEAR_SHARE) or norm == 0.0:
            continue
        basis[:, rank] = vector / norm
        used[j] = True
    return np.ascontiguousarray(basis[:, : int(used.sum())]), used


def is_nested(effect: IntArray, cluster: IntArray) -> bool:
    """Whether every level of a fixed effect lies within one cluster."""
    of_level = np.empty(int(effect.max()) + 1, dtype=np.int64)
    of_level[effect] = cluster
    return bool((of_level[effect] == cluster).all())


def small_sample_terms(
    n_obs: int, n_regressors: int, effects: Sequence[IntArray], cluster: IntArray
) -> tuple[float, int]:
    """Factor on a clustered variance, and the K in it, as fixest and pyfixest 0.40.1 do.

    `n_regressors` counts slopes only. Raises ValueError when no degrees of freedom are left.
    """
    n_clusters = int(cluster.max()) + 1
    if n_clusters < 2:
        raise ValueError("one cluster; allowed: two or more")
    if effects:
        levels = [int(codes.max()) + 1 for codes in effects]
        nested = [is_nested(codes, cluster) for codes in effects]
        df_k = n_regressors + sum(levels) - (len(levels) - 1)
        df_k += sum(1 - size for size, inside in zip(levels, nested, strict=True) if inside)
    else:
        df_k = n_regressors + 1
    if n_obs <= df_k:
        raise ValueError(f"{n_obs} rows and {df_k} parameters; allowed: more rows than parameters")
    return (n_obs - 1) / (n_obs - df_k) * n_clusters / (n_clusters - 1), df_k


def build_basis(panel: Panel, projector: Projector | None = None) -> Basis:
    """Residualise outcome and controls once, for any number of candidate treatments.

    projector: of the panel's fixed effects, where another panel of the same rows had it built.

    Raises
    ------
    ValueError: the outcome has no variation left, or no degrees of freedom are left.
    """
    if projector is None:
        projector = build_projector(panel.fixed_effects, panel.n_obs)
    centred = panel.controls - panel.controls.mean(axis=0)
    controls, used = orthonormal_columns(
        residualise(projector, panel.controls), np.linalg.norm(centred, axis=0)
    )
    outcome = residualise(projector, panel.outcome)
    outcome = outcome - controls @ (controls.T @ outcome)
    outcome = outcome - controls @ (controls.T @ outcome)
    total = float(np.sum((panel.outcome - panel.outcome.mean()) ** 2))
    magnitude = float(np.sum(panel.outcome**2)) * 1e-26
    if float(outcome @ outcome) <= max(total * 1e-20, magnitude):
        raise ValueError(
            "the outcome has no variation left after fixed effects and controls; "
            "allowed: an outcome that varies within them"
        )
    factor, _ = small_sample_terms(panel.n_obs, 1 + int(used.sum()), panel.fixed_effects, panel.cluster)
    cluster_sum = sparse.csr_matrix(indicator(panel.cluster).T)
    cluster_outcome = cluster_sum.copy()
    cluster_outcome.data = outcome[cluster_sum.indices]
    names = panel.control_names
    return Basis(
        projector=projector,
        controls=controls,
        outcome=outcome,
        cluster_sum=cluster_sum,
        cluster_outcome=cluster_outcome,
        small_sample=factor,
        df=panel.n_clusters - 1,
        kept_controls=tuple(n for n, keep in zip(names, used, strict=True) if keep),
        dropped_controls=tuple(n for n, keep in zip(names, used, strict=True) if not keep),
    )


def treatment_residual(basis: Basis, treatments: FloatArray) -> FloatArray:
    """Candidate treatments without fixed effects and controls, in place. Shape (n, m)."""
    theta = effect_coefficients(basis.projector, basis.projector.design_transposed @ treatments)
    gamma = basis.controls.T @ treatments
    treatments -= basis.projector.design @ theta
    if gamma.size:
        treatments -= basis.controls @ gamma
    return treatments


def treatment_statistics(
    basis: Basis, treatments: FloatArray
) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
    """Coefficients and clustered standard errors of many treatments, one at a time.

    For treatment d with residual r, outcome residual e: b = r'e / r'r, and the sandwich
    with one score for each cluster, `sum_g (r_g'(e_g - b r_g))^2 / (r'r)^2`, times the
    small-sample factor (Liang and Zeger 1986; Cameron and Miller 2015, after Frisch-Waugh).

    Parameters
    ----------
    treatments: shape (n, m), overwritten.

    Returns
    -------
    Coefficients (m,), standard errors (m,), and a mask (m,) of the columns that the fixed
    effects and controls leave variation in; the numbers of other columns are meaningless.
    """
    raw = np.einsum("ij,ij->j", treatments, treatments)
    residual = treatment_residual(basis, treatments)
    score = basis.cluster_outcome @ residual
    np.square(residual, out=residual)
    weight = basis.cluster_sum @ residual
    total = weight.sum(axis=0)
    usable = total > DEGENERATE_SHARE * np.maximum(raw, 1e-300)
    safe = np.where(usable, total, 1.0)
    coefficient = score.sum(axis=0) / safe
    score -= coefficient * weight
    variance = np.einsum("ij,ij->j", score, score) * basis.small_sample / safe**2
    return coefficient, np.sqrt(variance), usable


def fit_treatment(panel: Panel, basis: Basis | None = None) -> Estimate:
    """Effect of the treatment by least squares with fixed effects, clustered errors.

    Raises
    ------
    ValueError: no variation left in the outcome or in the treatment, or a perfect fit.
    """
    base = build_basis(panel) if basis is None else basis
    coefficient, error, usable = treatment_statistics(base, panel.treatment[:, None].copy())
    if not usable[0]:
        raise ValueError(
            "the treatment has no variation left after fixed effects and controls; "
            "allowed: a treatment that varies within them"
        )
    if error[0] <= 1e-14 * abs(coefficient[0]):
        raise ValueError("the fit is perfect, no clustered error; allowed: residual variation")
    n_slopes = 1 + base.controls.shape[1]
    _, df_k = small_sample_terms(panel.n_obs, n_slopes, panel.fixed_effects, panel.cluster)
    t_value = float(coefficient[0] / error[0])
    return Estimate(
        estimate=float(coefficient[0]),
        se=float(error[0]),
        t_value=t_value,
        p_value=float(2 * stats.t.sf(abs(t_value), base.df)),
        df=base.df,
        df_k=df_k,
        n_obs=panel.n_obs,
        n_units=panel.n_units,
        n_clusters=panel.n_clusters,
        n_singletons=panel.n_singletons,
        dropped_controls=base.dropped_controls,
        n_effective_clusters=_effective_clusters(base, panel.treatment),
    )


def _effective_clusters(basis: Basis, treatment: FloatArray) -> float:
    """Effective number of clusters behind the coefficient of a treatment (n,)."""
    residual = treatment_residual(basis, treatment[:, None].copy())[:, 0]
    return float(effective_number(basis.cluster_sum @ residual**2))
