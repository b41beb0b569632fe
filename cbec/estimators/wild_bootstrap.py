"""Wild cluster bootstrap, families of tests, differences between groups, detectable effects.

Wild cluster bootstrap
----------------------
Tests b = b0 in `y = b d + controls + fixed effects + u` with the null imposed on the
bootstrap data (Cameron, Gelbach and Miller 2008) and one weight for each cluster:

WCR11: weights times restricted residuals, clustered t (the usual WCR).
WCR31: weights times cluster-jackknife restricted residuals, each cluster predicted by the
    restricted fit without it, and the same clustered t (MacKinnon, Nielsen and Webb 2023,
    Journal of Applied Econometrics 38(5); also called WCR-S). Better than WCR11 when clusters
    are few or unequal.

No regression is refitted. With r the treatment's residual on everything else, E a basis of
what varies between clusters, a draw needs a few inner products of its G weights with columns
computed once (Roodman, MacKinnon, Nielsen and Webb 2019), here in quadratic form,
so that no G x G matrix appears. The residuals are linear in b0, hence three vectors give the
p value for every b0 and inverting the test costs next to nothing. Fixed effects nested in
clusters are swept out first; the others and the controls are explicit columns. With nested
effects "the fit without a cluster" is the fit on within-transformed data, as the clusters'
own effects cannot be predicted.

p values: symmetric is the share of |t*| >= |t|, equal-tailed twice the smaller share of
t* <= t and t* >= t, at most one; neither is below 1 / (1 + draws), as B draws can say no more than
that (Phipson and Smyth 2010). Ties count; they arise with Rademacher weights (all weights
equal give t* = t), and counting them is conservative. When 2^G <= draws all Rademacher vectors
are enumerated. Weights depend on seed, cluster count and draw only; cost is draws x clusters
x 4(K + 1) multiplications with K explicit columns; memory 32 bytes for each draw, plus rows
x K x 8 bytes twice, plus one block of weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cbec.estimators.absorb import (
    DEGENERATE_SHARE,
    build_projector,
    indicator,
    is_nested,
    orthonormal_columns,
    residualise,
    small_sample_terms,
)
from cbec.estimators.panel import FloatArray, IntArray, Panel, prepare_panel, require_choice
from cbec.estimators.placebo import Progress

METHODS = ("WCR11", "WCR31")
WEIGHTS = ("rademacher", "webb")
P_TYPES = ("symmetric", "equal_tailed")
ENUMERATE = ("auto", "never")
#: Columns that are not swept out: controls and levels of effects not nested in clusters.
MAX_EXPLICIT_COLUMNS = 3000
TIE_TOLERANCE = 1e-9
#: The search for a confidence bound ends this many standard errors from the estimate.
MAX_SEARCH = 1e5
WEBB_POINTS: FloatArray = np.sqrt(np.array([1.5, 1.0, 0.5], dtype=np.float64))


@dataclass(frozen=True)
class BootstrapTerms:
    """Inner products from which every draw's t follows; see `bootstrap_terms`.

    Index 0 belongs to the unrestricted residual, 1 to the treatment's residual: under the
    null b0 the restricted residual is the first plus (b - b0) times the second.

    Attributes
    ----------
    estimate, se: coefficient and clustered standard error.
    denominator: r'r of the treatment's residual r.
    small_sample: factor on the variance.
    score: shape (2, G), r_g'e_g in each cluster, e the (jackknife) residual.
    load: shape (2, G, K + 1), what a unit weight adds to the fit.
    respond: shape (G, K + 1), what the fit takes from each cluster's score.
    n_obs, df_k: rows, and K of the small-sample factor.
    """

    estimate: float
    se: float
    denominator: float
    small_sample: float
    score: FloatArray
    load: FloatArray
    respond: FloatArray
    n_obs: int
    df_k: int


@dataclass(frozen=True)
class BootstrapDraws:
    """t* for every null: `(n0 + s n1) / sqrt(f (v00 + 2 s v01 + s^2 v11))`, s = b - b0.

    All arrays have shape (m,); f is `small_sample`.
    """

    n0: FloatArray
    n1: FloatArray
    v00: FloatArray
    v01: FloatArray
    v11: FloatArray
    small_sample: float


@dataclass(frozen=True)
class WildBootstrapResult:
    """Wild cluster bootstrap test of one coefficient.

    `ci_low` and `ci_high` hold the values of b that the test of `p_type` does not reject at
    1 - `level`, up to the first crossing found by doubling the distance from the estimate and
    bisecting; an end is infinite when nothing within `MAX_SEARCH` standard errors on that side
    is rejected (very few clusters or draws). `p_symmetric` and `p_equal_tailed` are at least
    1 / (1 + n_draws). `t_star` has shape (n_draws,). `seed` is None when all
    weights are enumerated.
    """

    method: str
    weights: str
    estimate: float
    se: float
    t_value: float
    null: float
    p_symmetric: float
    p_equal_tailed: float
    p_type: str
    level: float
    ci_low: float
    ci_high: float
    n_draws: int
    is_enumerated: bool
    seed: int | None
    n_obs: int
    n_clusters: int
    n_treated_clusters: int
    t_star: FloatArray


def explicit_columns(effects: Sequence[IntArray], panel: Panel, *, constant: bool) -> FloatArray:
    """Dummies of effects (or a constant) beside the controls. Shape (n, K)."""
    n_levels = sum(int(codes.max()) + 1 for codes in effects)
    if n_levels + panel.controls.shape[1] > MAX_EXPLICIT_COLUMNS:
        raise ValueError(
            f"{n_levels} levels of fixed effects not nested in clusters; allowed: with the "
            f"controls at most {MAX_EXPLICIT_COLUMNS}"
        )
    parts = [np.asarray(indicator(codes).todense()) for codes in effects]
    if constant:
        parts.append(np.ones((panel.n_obs, 1)))
    return np.concatenate([*parts, panel.controls], axis=1)


def _jackknife(residuals: FloatArray, basis: FloatArray, rows: list[IntArray]) -> FloatArray:
    """Residuals of each cluster on the fit without it. Shapes (n, m), (n, K), G lists.

    `(I - Q_g Q_g')^-1 e_g`, solved on the smaller side; a direction that only this cluster
    identifies has a residual of zero and stays so.
    """
    out = residuals.copy()
    n_columns = basis.shape[1]
    for index in rows:
        q, e = basis[index], residuals[index]
        if index.size <= n_columns:
            values, vectors = np.linalg.eigh(np.eye(index.size) - q @ q.T)
            scale = np.where(values > 1e-10, 1 / np.maximum(values, 1e-10), 0.0)
            out[index] = vectors @ (scale[:, None] * (vectors.T @ e))
        else:
            values, vectors = np.linalg.eigh(np.eye(n_columns) - q.T @ q)
            scale = np.where(values > 1e-10, 1 / np.maximum(values, 1e-10), 0.0)
            out[index] = e + q @ (vectors @ (scale[:, None] * (vectors.T @ (q.T @ e))))
    return out


def bootstrap_terms(panel: Panel, *, method: str = "WCR11") -> BootstrapTerms:
    """Reduce a sample to the inner products that the wild cluster bootstrap needs.

    Raises
    ------
    ValueError: unknown method, one cluster, outcome or treatment without variation left, a
        perfect fit, too many explicit columns.
    """
    require_choice("method", method, METHODS)
    nested = [codes for codes in panel.fixed_effects if is_nested(codes, panel.cluster)]
    loose = [codes for codes in panel.fixed_effects if not is_nested(codes, panel.cluster)]
    columns = explicit_columns(loose, panel, constant=not panel.fixed_effects)
    n_free = columns.shape[1] - panel.controls.shape[1]
    scale = np.linalg.norm(columns - columns.mean(axis=0), axis=0)
    pair = np.column_stack([panel.treatment, panel.outcome])
    raw = np.linalg.norm(pair - pair.mean(axis=0), axis=0)
    floor = np.linalg.norm(pair, axis=0) * 1e-13
    if nested:
        projector = build_projector(nested, panel.n_obs)
        columns, pair = residualise(projector, columns), residualise(projector, pair)
    basis, used = orthonormal_columns(columns, scale)
    for _ in range(2):
        pair = pair - basis @ (basis.T @ pair)
    treatment, outcome = pair[:, 0], pair[:, 1]
    if np.linalg.norm(outcome) <= max(1e-10 * raw[1], floor[1]):
        raise ValueError(
            "the outcome has no variation left after fixed effects and controls; "
            "allowed: an outcome that varies within them"
        )
    denominator = float(treatment @ treatment)
    if denominator <= DEGENERATE_SHARE * max(raw[0] ** 2, 1e-300):
        raise ValueError(
            "the treatment has no variation left after fixed effects and controls; "
            "allowed: a treatment that varies within them"
        )
    estimate = float(treatment @ outcome) / denominator
    residual = outcome - estimate * treatment
    factor, df_k = small_sample_terms(
        panel.n_obs, 1 + int(used[n_free:].sum()), panel.fixed_effects, panel.cluster
    )
    by_cluster = indicator(panel.cluster).T.tocsr()
    meat = float(np.sum((by_cluster @ (treatment * residual)) ** 2))
    se = np.sqrt(factor * meat) / denominator
    if se <= 1e-14 * abs(estimate):
        raise ValueError("the fit is perfect, no clustered error; allowed: residual variation")
    both = np.column_stack([residual, treatment])
    if method == "WCR31":
        order = np.argsort(panel.cluster, kind="stable")
        edges = np.cumsum(np.bincount(panel.cluster))[:-1]
        both = _jackknife(both, basis, np.split(order, edges))
    score = np.stack([by_cluster @ (treatment * e) for e in both.T])
    load = np.stack(
        [np.column_stack([by_cluster @ (basis * e[:, None]), by_cluster @ (treatment * e)]) for e in both.T]
    )
    load[:, :, -1] /= denominator
    respond = np.column_stack([by_cluster @ (basis * treatment[:, None]), by_cluster @ (treatment**2)])
    return BootstrapTerms(
        estimate=estimate,
        se=float(se),
        denominator=denominator,
        small_sample=factor,
        score=score,
        load=load,
        respond=respond,
        n_obs=panel.n_obs,
        df_k=df_k,
    )


def weight_blocks(
    n_clusters: int, *, weights: str, draws: int, seed: int, block: int
) -> Iterator[FloatArray]:
    """Random cluster weights in blocks of shape (<= block, G); `block` does not change them.

    Rademacher: -1 or 1. Webb (2014): plus or minus the roots of 1/2, 1 and 3/2.
    """
    require_choice("weights", weights, WEIGHTS)
    stream = np.random.default_rng(seed)
    for start in range(0, draws, block):
        uniform = stream.random((min(block, draws - start), n_clusters))
        if weights == "rademacher":
            yield np.where(uniform < 0.5, -1.0, 1.0)
        else:
            points = np.concatenate([-WEBB_POINTS, WEBB_POINTS[::-1]])
            drawn: FloatArray = points[(uniform * 6).astype(np.int64)]
            yield drawn


def all_rademacher(n_clusters: int, *, block: int) -> Iterator[FloatArray]:
    """All 2^G vectors of signs in blocks of shape (<= block, G)."""
    bits = np.arange(n_clusters)
    for start in range(0, 2**n_clusters, block):
        number = np.arange(start, min(start + block, 2**n_clusters))
        signs = ((number[:, None] >> bits) & 1).astype(np.float64)
        yield signs * 2.0 - 1.0


def bootstrap_draws(
    terms: BootstrapTerms,
    blocks: Iterator[FloatArray],
    total: int,
    progress: Progress | None = None,
) -> BootstrapDraws:
    """Numerators and variances of t* for all weights in `blocks`, `total` rows in all."""
    width = terms.respond.shape[1]
    projected = np.concatenate(
        [
            terms.load[0],
            terms.load[1],
            terms.score[0][:, None] * terms.respond,
            terms.score[1][:, None] * terms.respond,
        ],
        axis=1,
    )
    gram = terms.respond.T @ terms.respond
    squares = np.stack([terms.score[0] ** 2, terms.score[0] * terms.score[1], terms.score[1] ** 2])
    out = np.empty((5, total))
    done = 0
    for weight in blocks:
        part = slice(done, done + weight.shape[0])
        product = weight @ projected
        load0, load1, cross0, cross1 = (product[:, i * width : (i + 1) * width] for i in range(4))
        own = (weight**2) @ squares.T
        out[0, part] = load0[:, -1]
        out[1, part] = load1[:, -1]
        fit0, fit1 = load0 @ gram, load1 @ gram
        out[2, part] = own[:, 0] + np.einsum("ij,ij->i", load0, fit0 - 2 * cross0)
        out[3, part] = (
            own[:, 1] + np.einsum("ij,ij->i", load0, fit1 - cross1) - np.einsum("ij,ij->i", load1, cross0)
        )
        out[4, part] = own[:, 2] + np.einsum("ij,ij->i", load1, fit1 - 2 * cross1)
        done += weight.shape[0]
        if progress is not None:
            progress(done, total)
    out[:2] *= terms.denominator
    rounding = 1e-12 * squares.sum(axis=1)
    out[2] = np.where(out[2] > rounding[0], out[2], 0.0)
    flat = out[4] <= rounding[2]
    out[4] = np.where(flat, 0.0, out[4])
    out[3] = np.where(flat, 0.0, out[3])
    return BootstrapDraws(out[0], out[1], out[2], out[3], out[4], terms.small_sample)


def t_star(draws: BootstrapDraws, shift: float) -> FloatArray:
    """t* of every draw when the null lies `shift` below the estimate. Shape (m,)."""
    variance = draws.v00 + 2 * shift * draws.v01 + shift**2 * draws.v11
    numerator = draws.n0 + shift * draws.n1
    smallest = np.finfo(float).tiny
    deviation = np.sqrt(draws.small_sample * np.maximum(variance, smallest))
    return numerator / deviation


def bootstrap_p(t_value: float, t_draws: FloatArray, p_type: str) -> float:
    """p value of `t_value` among t* (m,), `symmetric` or `equal_tailed`; ties count.

    The share of draws, and 1 / (1 + m) where no draw is as extreme: never zero.
    """
    require_choice("p_type", p_type, P_TYPES)
    slack = TIE_TOLERANCE * abs(t_value)
    least = 1 / (1 + t_draws.size)
    if p_type == "symmetric":
        return max(least, float(np.mean(np.abs(t_draws) >= abs(t_value) - slack)))
    low = float(np.mean(t_draws <= t_value + slack))
    high = float(np.mean(t_draws >= t_value - slack))
    return max(least, min(1.0, 2 * min(low, high)))


def _bound(terms: BootstrapTerms, draws: BootstrapDraws, p_type: str, alpha: float, side: float) -> float:
    """End of the confidence interval on one side (-1 or 1), infinite when there is none."""

    def rejected(distance: float) -> bool:
        shift = -side * distance * terms.se
        return bootstrap_p(shift / terms.se, t_star(draws, shift), p_type) < alpha

    inside, outside = 0.0, 2.0
    while not rejected(outside):
        inside, outside = outside, 2 * outside
        if outside > MAX_SEARCH:
            return side * np.inf
    while outside - inside > 1e-9 * max(outside, 1.0):
        middle = (inside + outside) / 2
        inside, outside = (inside, middle) if rejected(middle) else (middle, outside)
    return terms.estimate + side * (inside + outside) / 2 * terms.se


def run_bootstrap(
    panel: Panel,
    terms: BootstrapTerms,
    *,
    weights: str,
    draws: int,
    seed: int,
    enumerate_signs: str,
    memory_mb: float,
    progress: Progress | None,
) -> tuple[BootstrapDraws, int, bool]:
    """Draws, how many, and whether they are all Rademacher vectors."""
    n_clusters = panel.n_clusters
    width = 8 * (4 * n_clusters + 8 * terms.respond.shape[1])
    block = int(np.clip(memory_mb * 1e6 / width, 1, 4096))
    all_signs = enumerate_signs == "auto" and weights == "rademacher" and 2**n_clusters <= draws
    if all_signs:
        total, blocks = 2**n_clusters, all_rademacher(n_clusters, block=block)
    else:
        total = draws
        blocks = weight_blocks(n_clusters, weights=weights, draws=draws, seed=seed, block=block)
    return bootstrap_draws(terms, blocks, total, progress), total, all_signs


def wild_cluster_bootstrap(
    data: pd.DataFrame,
    *,
    outcome: str,
    treatment: str,
    unit: str,
    time: str,
    controls: Sequence[str] = (),
    fixed_effects: Sequence[str] = (),
    cluster: str | None = None,
    method: str = "WCR11",
    weights: str = "rademacher",
    draws: int = 99_999,
    seed: int = 0,
    null: float = 0.0,
    p_type: str = "symmetric",
    level: float = 0.95,
    enumerate_signs: str = "auto",
    order: str = "content",
    drop_singletons: bool = True,
    memory_mb: float = 64.0,
    progress: Progress | None = None,
) -> WildBootstrapResult:
    """Wild cluster bootstrap of one coefficient, p values and confidence interval.

    Parameters
    ----------
    data, outcome, treatment, unit, time, controls, fixed_effects, cluster, order,
    drop_singletons: see `prepare_panel`. The treatment may be any numeric column.
    method, weights: WCR11 or WCR31; rademacher or webb.
    draws, seed: number of weight vectors and where they start. All 2^G sign vectors are used
        instead when there are no more of them and `enumerate_signs` is "auto".
    null: b0, in units of the outcome per unit of treatment.
    p_type: the p value that is inverted for the interval.
    level: of the interval, between 0 and 1.
    memory_mb: bound on the memory of one block of weights.
    progress: called as `progress(done, total)` after each block.

    Raises
    ------
    ValueError: an option that does not exist, and whatever `prepare_panel` and
        `bootstrap_terms` refuse.
    """
    require_choice("weights", weights, WEIGHTS)
    require_choice("p_type", p_type, P_TYPES)
    require_choice("enumerate_signs", enumerate_signs, ENUMERATE)
    if draws < 1 or not 0 < level < 1 or memory_mb <= 0:
        raise ValueError(
            f"draws {draws}, level {level}, memory_mb {memory_mb}; "
            "allowed: draws from 1, level between 0 and 1, memory above 0"
        )
    panel = prepare_panel(
        data,
        outcome=outcome,
        treatment=treatment,
        unit=unit,
        time=time,
        controls=controls,
        fixed_effects=fixed_effects,
        cluster=cluster,
        order=order,
        drop_singletons=drop_singletons,
    )
    terms = bootstrap_terms(panel, method=method)
    sample, total, all_signs = run_bootstrap(
        panel,
        terms,
        weights=weights,
        draws=draws,
        seed=seed,
        enumerate_signs=enumerate_signs,
        memory_mb=memory_mb,
        progress=progress,
    )
    shift = terms.estimate - null
    t_draws = t_star(sample, shift)
    t_value = shift / terms.se
    alpha = 1 - level
    return WildBootstrapResult(
        method=method,
        weights=weights,
        estimate=terms.estimate,
        se=terms.se,
        t_value=t_value,
        null=null,
        p_symmetric=bootstrap_p(t_value, t_draws, "symmetric"),
        p_equal_tailed=bootstrap_p(t_value, t_draws, "equal_tailed"),
        p_type=p_type,
        level=level,
        ci_low=_bound(terms, sample, p_type, alpha, -1.0),
        ci_high=_bound(terms, sample, p_type, alpha, 1.0),
        n_draws=total,
        is_enumerated=all_signs,
        seed=None if all_signs else seed,
        n_obs=panel.n_obs,
        n_clusters=panel.n_clusters,
        n_treated_clusters=int(np.unique(panel.cluster[panel.treatment != 0]).size),
        t_star=t_draws,
    )
