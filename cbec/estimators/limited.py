"""Regression of an outcome that a limit holds down, such as a score of efficiency that ends at one."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from scipy.special import log_ndtr

from cbec.estimators.effective import effective_clusters
from cbec.estimators.panel import factor_codes
from cbec.estimators.regression import Fit, Matrix, Term, Vector, checked, formula_of, term_of
from cbec.estimators.specification import Specification

# Newton steps; five to ten are usual.
MAX_STEPS = 200


def fit_tobit(frame: pd.DataFrame, specification: Specification, *, unit: str = "unit") -> Fit:
    """Estimate y* = D b + M d + X c + e, e normal, where y = min(y*, limit) is seen (Tobin 1958).

    frame as for `fit_least_squares`; option `limit` (1 by default): outcomes at or above it are censored
    there. By maximum likelihood in b / sigma and 1 / sigma, in which it is concave (Olsen 1978). vcov iid
    (the inverse of the observed information; normal p values) or CRV1:<column> (scores summed by cluster,
    times G / (G - 1); t(G* - 1) as everywhere). The last term, sigma, is the scale of e.

    Raises ValueError as `check_frame` does, when nothing or everything is censored, and for regressors that
    are collinear.
    """
    if specification.vcov != "iid" and specification.cluster is None:
        raise ValueError(f"{specification.label}: tobit takes vcov iid or CRV1:<column>")
    measured, codes = checked(frame, specification, unit)
    limit = float(dict(specification.options).get("limit", 1))
    y = measured[specification.outcome]
    is_censored = y >= limit
    if not is_censored.any() or is_censored.all():
        raise ValueError(
            f"{specification.label}: {int(is_censored.sum())} of {len(y)} outcomes are at the limit"
            f" {limit:g}; tobit needs some and not all"
        )
    x = np.column_stack([np.ones(len(y)), *(measured[name] for name in specification.regressors)])
    if np.linalg.matrix_rank(x) < x.shape[1]:
        raise ValueError(f"{specification.label}: the regressors are collinear")
    beta, sigma, covariance, scores, loglikelihood = _tobit(y, x, is_censored, limit)
    effective = np.full(len(beta) + 1, math.nan)
    df, n_clusters = math.inf, None
    if specification.cluster is not None:
        groups = codes[specification.cluster]
        n_clusters = int(groups.max()) + 1
        summed = np.zeros((n_clusters, scores.shape[1]))
        np.add.at(summed, groups, scores)
        covariance = covariance @ (summed.T @ summed) @ covariance * n_clusters / (n_clusters - 1)
        effective[: len(beta)] = effective_clusters(x, factor_codes(groups))
        # Sigma has no regressor of its own.
        effective[-1] = effective[0]
        df = n_clusters - 1
    errors = np.sqrt(np.diag(covariance))
    names = [*specification.regressors, "_cons", "sigma"]
    order = [*range(1, len(beta)), 0, len(beta)]
    estimates = np.append(beta, sigma)
    terms: tuple[Term, ...] = tuple(
        term_of(name, float(estimates[k]), float(errors[k]), df, float(effective[k]))
        for name, k in zip(names, order, strict=True)
    )
    return Fit(
        terms=terms,
        n_obs=len(y),
        n_clusters=n_clusters,
        n_singletons=0,
        r2=None,
        r2_within=None,
        formula=f"{formula_of(specification)}, censored at {limit:g} from above",
        engine="numpy, Newton steps",
        used=np.ones(len(frame), dtype=bool),
        n_units=int(frame[unit].nunique()),
        note=f"{int(is_censored.sum())} of {len(y)} outcomes censored; log likelihood {loglikelihood:.3f}",
    )


def _tobit(
    y: Vector, x: Matrix, is_censored: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], limit: float
) -> tuple[Vector, float, Matrix, Matrix, float]:
    """beta (k,), sigma, covariance (k + 1, k + 1) of both, scores (n, k + 1), log likelihood."""
    # With gamma = beta / sigma and theta = 1 / sigma: a seen row adds log theta - (theta y - x'gamma)^2 / 2,
    # a censored one log Phi(x'gamma - theta limit).
    scale = np.maximum(np.abs(x).max(axis=0), 1e-300)
    seen, z = ~is_censored, x / scale
    a = np.column_stack([-z[seen], y[seen]])
    c = np.column_stack([z[is_censored], np.full(int(is_censored.sum()), -limit)])
    n_seen = len(a)

    def value(p: Vector) -> float:
        if p[-1] <= 0:
            return -math.inf
        return float(
            n_seen * math.log(p[-1]) - 0.5 * ((a @ p) ** 2).sum() + log_ndtr(c @ p).sum()
            - 0.5 * n_seen * math.log(2 * math.pi)
        )  # fmt: skip

    start = np.linalg.lstsq(z, y, rcond=None)[0]
    spread = max(float((y - z @ start).std()), 1e-12)
    p, hessian = np.append(start, 1.0) / spread, np.eye(z.shape[1] + 1)
    for _ in range(MAX_STEPS):
        u, v = a @ p, c @ p
        mills = np.exp(-0.5 * v**2 - 0.5 * math.log(2 * math.pi) - log_ndtr(v))
        gradient = -a.T @ u + c.T @ mills
        gradient[-1] += n_seen / p[-1]
        hessian = -(a.T @ a) - (c * (mills * (mills + v))[:, None]).T @ c
        hessian[-1, -1] -= n_seen / p[-1] ** 2
        step = np.linalg.solve(hessian, -gradient)
        if float(gradient @ step) < 1e-14:
            break
        length = 1.0
        while value(p + length * step) < value(p) and length > 1e-12:
            length /= 2
        p = p + length * step
    else:
        raise ValueError(f"tobit: no maximum in {MAX_STEPS} Newton steps")
    sigma, k = 1 / p[-1], len(p) - 1
    # From (gamma, theta) of scaled regressors to (beta, sigma).
    jacobian = np.zeros((k + 1, k + 1))
    jacobian[:k, :k] = np.diag(sigma / scale)
    jacobian[:k, k] = -p[:k] * sigma**2 / scale
    jacobian[k, k] = -(sigma**2)
    inverse = np.linalg.inv(jacobian)
    scores = np.zeros((len(y), k + 1))
    scores[seen] = -a * (a @ p)[:, None]
    scores[seen, -1] += 1 / p[-1]
    scores[is_censored] = c * mills[:, None]
    covariance = jacobian @ np.linalg.inv(-hessian) @ jacobian.T
    return p[:k] * sigma / scale, float(sigma), covariance, scores @ inverse, value(p)
