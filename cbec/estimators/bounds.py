"""How far cells of the outcome that may be off can move a coefficient.

A coefficient of least squares is linear in the outcome: b = sum of w_i y_i, w the residual of the treatment
on everything else divided by its sum of squares (Frisch and Waugh 1933; Lovell 1963). With some cells of
the outcome free within d of their figure, all others as they are, it takes every value between b - d S and
b + d S, S the sum of |w_i| over the free cells, and no other: both ends are at corners of the box
(worst-case bounds in the sense of Manski 2003, chapter 1). A control that is free has no such bounds: b is
not linear in it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cbec.estimators.absorb import (
    DEGENERATE_SHARE,
    build_basis,
    build_projector,
    effects_rank,
    orthonormal_columns,
    residualise,
    treatment_residual,
)
from cbec.estimators.panel import FloatArray, Panel, factor_codes


@dataclass(frozen=True)
class Bounds:
    """Extreme coefficients, in units of the outcome by unit of the treatment. weight: S, what they move by
    for each unit of d; breakdown: the d from which on zero is among them, in units of the outcome, infinite
    where the free cells have no weight."""

    estimate: float
    low: float
    high: float
    weight: float
    breakdown: float


def coefficient_bounds(panel: Panel, is_free: NDArray[np.bool_], radius: float) -> Bounds:
    """Exact bounds of the treatment's coefficient.

    is_free: shape (n,), rows whose outcome is free, in the order of the panel; radius: d, in units of the
    outcome.

    Raises ValueError for a negative or infinite radius, for a mask that is not boolean of shape (n,), and as
    `fit_treatment` does for outcomes and treatments without variation.
    """
    if not 0 <= radius < math.inf:
        raise ValueError(f"radius {radius}; allowed: a finite number from 0 on")
    is_free = _mask("is_free", is_free, panel.n_obs)
    residual = treatment_residual(build_basis(panel), panel.treatment[:, None].copy())[:, 0]
    total = float(residual @ residual)
    if total <= DEGENERATE_SHARE * max(float(panel.treatment @ panel.treatment), 1e-300):
        raise ValueError(
            "the treatment has no variation left after fixed effects and controls; "
            "allowed: a treatment that varies within them"
        )
    weights: FloatArray = residual / total
    estimate = float(weights @ (panel.outcome - panel.outcome.mean()))
    weight = float(np.abs(weights[is_free]).sum())
    return Bounds(
        estimate=estimate,
        low=estimate - radius * weight,
        high=estimate + radius * weight,
        weight=weight,
        breakdown=abs(estimate) / weight if weight > 0 else math.inf,
    )


def residual_deviation(panel: Panel, rows: NDArray[np.bool_]) -> float:
    """Standard deviation of the outcome about the equation, estimated on some rows (n,) alone; in its unit.

    Raises ValueError where they leave no degree of freedom, and for a mask that is not boolean of shape (n,).
    """
    rows = _mask("rows", rows, panel.n_obs)
    n_obs = int(rows.sum())
    if n_obs == 0:
        raise ValueError("no cell of the outcome is observed: nothing says how far one may be off")
    projector = build_projector([factor_codes(codes[rows]) for codes in panel.fixed_effects], n_obs)
    columns = np.column_stack([panel.treatment, panel.controls])[rows]
    basis, _ = orthonormal_columns(
        residualise(projector, columns), np.linalg.norm(columns - columns.mean(axis=0), axis=0)
    )
    left = residualise(projector, panel.outcome[rows])
    left = left - basis @ (basis.T @ left)
    df = n_obs - effects_rank(projector) - basis.shape[1]
    if df < 1:
        raise ValueError(f"{n_obs} observed cells of the outcome leave no degree of freedom for a residual")
    return math.sqrt(float(left @ left) / df)


def _mask(name: str, mask: NDArray[np.bool_], n_obs: int) -> NDArray[np.bool_]:
    """Raise ValueError for what would index rows by number in place of choosing among them."""
    found = np.asarray(mask)
    if found.dtype != bool or found.shape != (n_obs,):
        raise ValueError(
            f"{name} is {found.dtype} of shape {found.shape}; allowed: boolean of shape ({n_obs},), one a row"
        )
    return found
