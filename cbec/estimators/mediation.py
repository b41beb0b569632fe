"""Mediation as the papers print it, three steps on one sample, with what a referee asks beside it.

    y = c D + X'g + effects,   M = a D + X'g + effects,   y = c' D + b M + X'g + effects

On one sample c = c' + a b exactly. The indirect effect a b is causal only if M is as good as randomly
assigned given D (Imai, Keele and Yamamoto 2010; for Chinese practice, Jiang 2022), so the sensitivity to an
unobserved confounder of M and y stands beside every row.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from cbec.estimators.absorb import build_projector, residualise
from cbec.estimators.panel import prepare_panel
from cbec.estimators.regression import Fit, Term, fit_least_squares
from cbec.estimators.specification import Specification

Array = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


@dataclass(frozen=True)
class Mediation:
    """total c, treatment on mediator a, mediator on outcome b, direct c', as terms of the three equations.

    identity_gap: c - c' - a b, zero up to rounding. share_mediated: a b / c, None when c is not
    distinguishable from zero at 10 % (a ratio by noise). sobel_z, sobel_p: Sobel (1982). ci_low, ci_high:
    percentile interval of a b from resampling whole clusters. rho_at_zero: correlation between the errors of
    mediator and outcome at which a b would vanish. used: rows of the frame that entered, shape (n,).
    """

    total: Term
    a: Term
    b: Term
    direct: Term
    indirect: float
    identity_gap: float
    share_mediated: float | None
    sobel_z: float
    sobel_p: float
    ci_low: float
    ci_high: float
    n_boot: int
    seed: int
    rho_at_zero: float
    n_obs: int
    used: NDArray[np.bool_] = field(compare=False, repr=False)


def sobel(a: float, a_se: float, b: float, b_se: float) -> tuple[float, float]:
    """z = a b / sqrt(a^2 s_b^2 + b^2 s_a^2) and its two-sided normal p (Sobel 1982)."""
    z = a * b / float(np.sqrt(a**2 * b_se**2 + b**2 * a_se**2))
    return z, float(2 * stats.norm.sf(abs(z)))


def mediate(
    frame: pd.DataFrame,
    specification: Specification,
    *,
    unit: str,
    time: str = "year",
    cluster: str | None = None,
    draws: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Mediation:
    """Estimate the three equations of a specification that names a mediator.

    frame: complete rows, one for each unit and time; standard errors of the terms as the specification's
    vcov. cluster: what the bootstrap resamples whole, the unit when not given. It resamples the moments of
    the data from which effects and controls are swept out once, so they are not estimated anew in a draw.

    Raises ValueError without a mediator, and for what the equations refuse.
    """
    mediator, treatment = specification.mediator, specification.treatment
    if mediator is None:
        raise ValueError(f"{specification.label}: names no mediator")
    total = _term(fit_least_squares(frame, specification.with_(mediator=None), unit=unit), treatment)
    first = specification.with_(outcome=mediator, mediator=None)
    a = _term(fit_least_squares(frame, first, unit=unit), treatment)
    both = fit_least_squares(frame, specification, unit=unit)
    direct, b = _term(both, treatment), _term(both, mediator)
    indirect = a.estimate * b.estimate
    z, p = sobel(a.estimate, a.std_error or 0.0, b.estimate, b.std_error or 0.0)
    moments, correlation = _moments(frame, specification, mediator, unit, time, cluster or unit)
    products = _resampled(moments, draws, np.random.default_rng(seed))
    tail = (1 - level) / 2
    low, high = np.quantile(products, [tail, 1 - tail])
    is_clear = total.p_value is not None and total.p_value < 0.1
    return Mediation(
        total=total,
        a=a,
        b=b,
        direct=direct,
        indirect=indirect,
        identity_gap=total.estimate - direct.estimate - indirect,
        share_mediated=indirect / total.estimate if is_clear else None,
        sobel_z=z,
        sobel_p=p,
        ci_low=float(low),
        ci_high=float(high),
        n_boot=draws,
        seed=seed,
        rho_at_zero=correlation,
        n_obs=both.n_obs,
        used=both.used,
    )


def _term(fit: Fit, name: str) -> Term:
    found = [term for term in fit.terms if term.term == name]
    if not found:
        raise ValueError(f"{name!r} does not vary beyond the other regressors and the fixed effects")
    return found[0]


def _moments(
    frame: pd.DataFrame, spec: Specification, mediator: str, unit: str, time: str, cluster: str
) -> tuple[Array, float]:
    """Cross products of (1, D, M, y) by cluster, shape (G, 4, 4), effects and controls swept out, and the
    correlation between the errors of the total-effect and the mediator equation."""
    panel = prepare_panel(
        frame,
        outcome=spec.outcome,
        treatment=spec.treatment,
        unit=unit,
        time=time,
        controls=(mediator, *spec.controls),
        fixed_effects=spec.fixed_effects,
        cluster=cluster,
    )
    columns = np.column_stack([panel.treatment, panel.controls[:, 0], panel.outcome, panel.controls[:, 1:]])
    if panel.fixed_effects:
        columns = residualise(build_projector(panel.fixed_effects, panel.n_obs), columns)
    else:
        columns = columns - columns.mean(axis=0)
    main, controls = columns[:, :3], columns[:, 3:]
    if controls.shape[1]:
        main = main - controls @ np.linalg.lstsq(controls, main, rcond=None)[0]
    d, m, y = main.T
    error_m = m - d * (d @ m) / (d @ d)
    error_y = y - d * (d @ y) / (d @ d)
    # At this correlation the indirect effect of linear equations vanishes (Imai et al. 2010, theorem 2).
    correlation = float(error_m @ error_y / np.sqrt((error_m @ error_m) * (error_y @ error_y)))
    rows = np.column_stack([np.ones(len(main)), main])
    moments = np.zeros((panel.n_clusters, 4, 4))
    np.add.at(moments, panel.cluster, rows[:, :, None] * rows[:, None, :])
    return moments, correlation


def _resampled(moments: Array, draws: int, rng: np.random.Generator) -> Array:
    """a b in samples of whole clusters drawn with replacement, shape (draws,)."""
    n = len(moments)
    weights = rng.multinomial(n, np.full(n, 1 / n), size=draws).astype(float)
    sums = (weights @ moments.reshape(n, 16)).reshape(draws, 4, 4)
    # Mediator on (1, D); outcome on (1, D, M).
    a = np.linalg.solve(sums[:, :2, :2], sums[:, :2, 2:3])[:, 1, 0]
    b = np.linalg.solve(sums[:, :3, :3], sums[:, :3, 3:4])[:, 2, 0]
    return np.asarray(a * b)
