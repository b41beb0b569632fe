"""Multiple imputation of missing cells of an equation with fixed effects, and Rubin's rules.

`impute` draws every missing cell of the outcome and of the controls m times. Each variable with missing
cells has a normal linear regression on all other variables of the equation, the treatment among them, and
on its fixed effects: an imputation model that left out the treatment would pull its effect to zero (Meng
1994). The parameters are drawn from their posterior under the usual flat prior and the residual is drawn
too, so that the imputations are proper (Rubin 1987, chapter 4; van Buuren 2018, algorithm 3.1, `norm` of
R's mice). Several such variables are drawn in turn, in a chain for each imputation (van Buuren 2018,
chapter 4). Residuals of the imputation model are independent: an imputed cell has the effects of its unit
and year, and no other memory of its neighbours.

`pool` puts the fits of the completed data together (Rubin 1987, chapter 3) with the degrees of freedom of
Barnard and Rubin (1999), which never exceed those that the complete data would have had.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse, stats

from cbec.estimators.absorb import (
    Projector,
    build_projector,
    effect_coefficients,
    effects_rank,
    indicator,
    orthonormal_columns,
    residualise,
)
from cbec.estimators.frame import check_frame
from cbec.estimators.panel import FloatArray, IntArray, Panel, prepare_panel

#: Rounds of a chain, as in R's mice. One variable needs no chain.
ROUNDS = 5
ALMOST_NOTHING = 1e-300
#: What a refused prediction may be off by, in standard deviations of what is predicted.
ESTIMABLE = 1e-6


@dataclass(frozen=True)
class Imputations:
    """Completed versions of a panel.

    Attributes
    ----------
    panel: the rows in canonical order, with zeros in the missing cells.
    names: outcome, then controls.
    missing: shape (n, 1 + k), cells that are imputed, columns as in `names`.
    draws: shape (m, number of missing cells), in the order of the rows of `missing`, then of its columns.
    """

    panel: Panel
    names: tuple[str, ...]
    missing: NDArray[np.bool_]
    draws: FloatArray

    def __len__(self) -> int:
        return int(self.draws.shape[0])

    def completed(self, number: int) -> Panel:
        """The panel of one imputation, from 0 on."""
        cells = np.column_stack([self.panel.outcome, self.panel.controls])
        cells[self.missing] = self.draws[number]
        return replace(self.panel, outcome=cells[:, 0], controls=cells[:, 1:])


@dataclass(frozen=True)
class Pooled:
    """One coefficient over m completed data sets.

    within, between: W, mean of the variances, and B, variance of the estimates; std_error: root of
    T = W + (1 + 1/m) B; df, p_value and the 95 % interval: t of Barnard and Rubin; relative_increase:
    (1 + 1/m) B / W; share_between: Rubin's lambda, (1 + 1/m) B / T, the proportion of the variance that is
    due to the missing cells (van Buuren 2018, section 2.3), zero where all fits agree; missing_information:
    mice's fmi, (relative_increase + 2 / (df + 3)) / (relative_increase + 1), lambda adjusted for the finite
    number of imputations. Its term 2 / (df + 3) is there whatever is missing: it is above zero where B is
    zero and df finite, and no measure of what missing cells took.
    """

    estimate: float
    std_error: float
    df: float
    p_value: float
    ci_low: float
    ci_high: float
    within: float
    between: float
    relative_increase: float
    share_between: float
    missing_information: float
    n_imputations: int


@dataclass(frozen=True)
class _Regression:
    """Imputation model of one variable: which rows have it, and its fixed effects there.

    column: of the variable among those of the cells; observed, absent: row numbers; projector: of the effects
    on observed rows, n_effects: the parameters that they cost; design: sparse, dummies of the absent rows,
    columns as in the projector.
    """

    column: int
    observed: IntArray
    absent: IntArray
    projector: Projector
    n_effects: int
    design: sparse.csr_matrix


def impute(
    frame: pd.DataFrame,
    *,
    outcome: str,
    treatment: str,
    unit: str,
    time: str,
    controls: Sequence[str] = (),
    fixed_effects: Sequence[str] = (),
    cluster: str | None = None,
    imputations: int,
    seed: int,
    rounds: int = ROUNDS,
) -> Imputations:
    """Draw the missing cells of outcome and controls.

    Parameters
    ----------
    frame: one row a unit and period. A missing value (NaN) of the outcome or a control is imputed; treatment,
        keys, effects and clusters are complete. The rest: see `prepare_panel`, whose order by content the
        draws follow: they depend on the seed and on what the rows say, not on their order or labels.
    imputations: m; the first draws are the same whatever m.
    rounds: of the chain where several variables have missing cells.

    Raises
    ------
    ValueError: as `prepare_panel`; fewer than two imputations, no round, or a fraction of one; a column named
        twice among outcome, treatment and controls; nothing missing; a variable without an observed cell, or
        without one in a level of a fixed effect in which one is missing; observed cells that leave no degree
        of freedom, or that do not identify what predicts a missing one.
    """
    imputations = _whole("imputations", imputations, least=2, words="two or more")
    rounds = _whole("rounds", rounds, least=1, words="one or more")
    names = (outcome, *controls)
    if len({*names, treatment}) <= len(names):
        raise ValueError(f"outcome, treatment and controls name a column twice: {[*names, treatment]}")
    labels = [*fixed_effects, *([] if cluster is None else [cluster])]
    cells = check_frame(
        frame, unit=unit, time=time, numbers=[*names, treatment], labels=labels, complete=False
    )
    blank = {f"missing:{name}": np.isnan(cells[name]) for name in names}
    panel = prepare_panel(
        # Zeros keep their rank whatever the unit of the variable.
        frame.assign(**{name: np.nan_to_num(cells[name]) for name in names}, **blank),
        outcome=outcome, treatment=treatment, unit=unit, time=time, controls=controls,
        fixed_effects=fixed_effects, cluster=cluster, order_columns=list(blank),
    )  # fmt: skip
    missing = np.column_stack(list(blank.values()))[panel.row_position]
    if not missing.any():
        raise ValueError("no cell is missing; allowed: at least one")
    effects = {
        name: (codes, frame[name].to_numpy()[panel.row_position])
        for name, codes in zip(fixed_effects, panel.fixed_effects, strict=True)
    }
    models = [_model(names[i], i, missing[:, i], effects) for i in range(len(names)) if missing[:, i].any()]
    start = np.column_stack([panel.outcome, panel.controls])
    # Of order one, so that no unit of a regressor decides what is collinear.
    known = np.where(missing, np.nan, start)
    centre, spread = np.nanmean(known, axis=0), np.nanstd(known, axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    scaled = (start - centre) / spread
    treated = (panel.treatment - panel.treatment.mean()) / max(float(panel.treatment.std()), ALMOST_NOTHING)
    streams = [np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(imputations)]
    draws: list[FloatArray] = []
    for stream in streams:
        filled = scaled.copy()
        for model in models:
            filled[model.absent, model.column] = stream.choice(
                filled[model.observed, model.column], model.absent.size
            )
        if not draws:
            _require_estimable(models, names, filled, treated)
        for _ in range(rounds if len(models) > 1 else 1):
            for model in models:
                filled[model.absent, model.column] = _draw(model, filled, treated, stream)
        draws.append((filled * spread + centre)[missing])
    return Imputations(panel, names, missing, np.array(draws))


def _whole(name: str, value: int, *, least: int, words: str) -> int:
    """A count as an int; raises ValueError for a fraction, and below the least allowed."""
    try:
        number = operator.index(value)
    except TypeError:
        raise ValueError(f"{value!r} {name}; allowed: a whole number, {words}") from None
    if number < least:
        raise ValueError(f"{number} {name}; allowed: {words}")
    return number


def pool(
    estimates: Sequence[float] | FloatArray, variances: Sequence[float] | FloatArray, df_complete: float
) -> Pooled:
    """Rubin's rules for one coefficient.

    estimates, variances: shape (m,), of the completed data sets, m at least two; df_complete: degrees of
    freedom that the complete data would have, infinite allowed.

    Raises ValueError for fewer than two fits, other than positive variances, or no degrees of freedom.
    """
    estimates, variances = np.asarray(estimates, dtype=float), np.asarray(variances, dtype=float)
    m = int(estimates.size)
    if m < 2 or estimates.ndim != 1 or variances.shape != estimates.shape:
        raise ValueError(f"{m} estimates and {variances.size} variances; allowed: two or more of each")
    if not (np.isfinite(estimates).all() and np.isfinite(variances).all() and (variances > 0).all()):
        raise ValueError("an estimate or a variance is not finite; allowed: finite, variances above zero")
    if not df_complete > 0:
        raise ValueError(f"{df_complete:g} degrees of freedom of complete data; allowed: above zero")
    within, between = float(variances.mean()), float(estimates.var(ddof=1))
    total = within + (1 + 1 / m) * between
    share = (1 + 1 / m) * between / total
    df = _barnard_rubin(m, share, df_complete)
    increase = (1 + 1 / m) * between / within
    estimate, error = float(estimates.mean()), math.sqrt(total)
    half = float(stats.t.ppf(0.975, df)) * error
    return Pooled(
        estimate=estimate,
        std_error=error,
        df=df,
        p_value=float(2 * stats.t.sf(abs(estimate) / error, df)),
        ci_low=estimate - half,
        ci_high=estimate + half,
        within=within,
        between=between,
        relative_increase=increase,
        share_between=share,
        missing_information=(increase + 2 / (df + 3)) / (increase + 1),
        n_imputations=m,
    )


def _barnard_rubin(m: int, share: float, df_complete: float) -> float:
    """Degrees of freedom of Barnard and Rubin (1999); share: of T that is between imputations."""
    old = (m - 1) / share**2 if share > 0 else math.inf
    if math.isinf(df_complete):
        return old
    observed = (df_complete + 1) / (df_complete + 3) * df_complete * (1 - share)
    return observed if math.isinf(old) else old * observed / (old + observed)


def _model(
    name: str,
    column: int,
    is_absent: NDArray[np.bool_],
    effects: dict[str, tuple[IntArray, NDArray[np.object_]]],
) -> _Regression:
    """The regression of one variable; effects: codes and labels, shape (n,), by the name of the effect."""
    if is_absent.all():
        raise ValueError(f"no cell of {name} is observed: nothing to impute it from")
    observed, absent = np.flatnonzero(~is_absent), np.flatnonzero(is_absent)
    coded: list[tuple[IntArray, IntArray]] = []
    for effect, (codes, labels) in effects.items():
        levels, seen = np.unique(codes[observed], return_inverse=True)
        unseen = ~np.isin(codes[absent], levels)
        if unseen.any():
            which = sorted({str(label) for label in labels[absent[unseen]]})
            more = ", ..." if len(which) > 3 else ""
            raise ValueError(
                f"{name} has no observed cell in {len(which)} of {effect}: {', '.join(which[:3])}{more}"
            )
        coded.append((seen.astype(np.int64), np.searchsorted(levels, codes[absent]).astype(np.int64)))
    if not coded:
        coded = [(np.zeros_like(observed), np.zeros_like(absent))]
    # The order in which a projector has the effects.
    coded.sort(key=lambda pair: -int(pair[0].max()))
    projector = build_projector([seen for seen, _ in coded], observed.size)
    dummies = [indicator(codes, int(seen.max()) + 1) for seen, codes in coded]
    design = sparse.hstack(dummies, format="csr")
    return _Regression(column, observed, absent, projector, effects_rank(projector), design)


def _predictors(model: _Regression, cells: FloatArray, treatment: FloatArray) -> FloatArray:
    return np.column_stack([treatment, np.delete(cells, model.column, axis=1)])


@dataclass(frozen=True)
class _Fit:
    """A regression ready for draws.

    columns: (n, r), the predictors that observed rows identify; basis, corner: (n_o, r) and (r, r), with
    basis @ corner their residuals on the effects there; others: (n_o, m), residuals of what came with them;
    df: degrees of freedom.
    """

    columns: FloatArray
    basis: FloatArray
    corner: FloatArray
    others: FloatArray
    df: int


def _fit(model: _Regression, predictors: FloatArray, others: FloatArray) -> _Fit:
    """Predictors (n, k) and other columns (n_o, m) without the effects, in one pass."""
    seen, k = predictors[model.observed], predictors.shape[1]
    within = residualise(model.projector, np.column_stack([seen, others]))
    scale = np.linalg.norm(seen - seen.mean(axis=0), axis=0)
    basis, used = orthonormal_columns(within[:, :k], scale)
    df = int(model.observed.size) - model.n_effects - basis.shape[1]
    return _Fit(predictors[:, used], basis, basis.T @ within[:, :k][:, used], within[:, k:], df)


def _predicted(model: _Regression, fit: _Fit, seen: FloatArray, within: FloatArray) -> FloatArray:
    """Least squares of a column on effects and predictors, carried to the absent rows.

    seen, within: shape (n_o,), its values in observed rows and their residuals on the effects.
    """
    coefficients = np.linalg.solve(fit.corner, fit.basis.T @ within)
    rest = (seen - fit.columns[model.observed] @ coefficients)[:, None]
    effects = effect_coefficients(model.projector, model.projector.design_transposed @ rest)
    return np.asarray((model.design @ effects)[:, 0] + fit.columns[model.absent] @ coefficients)


def _draw(
    model: _Regression, cells: FloatArray, treatment: FloatArray, stream: np.random.Generator
) -> FloatArray:
    """One draw of the absent cells of a variable, parameters and residuals drawn (algorithm 3.1).

    Coefficients of least squares on y + s z, z standard normal, are normal about those on y with variance
    s^2 (X'X)^-1: a draw from their posterior at residual deviation s, without X'X being formed.
    """
    seen = cells[model.observed, model.column]
    shake = stream.standard_normal(seen.size)
    fit = _fit(model, _predictors(model, cells, treatment), np.column_stack([seen, shake]))
    left = fit.others[:, 0] - fit.basis @ (fit.basis.T @ fit.others[:, 0])
    deviation = math.sqrt(float(left @ left) / float(stream.chisquare(fit.df)))
    residual = deviation * stream.standard_normal(model.absent.size)
    return _predicted(model, fit, seen + deviation * shake, fit.others @ [1.0, deviation]) + residual


def _require_estimable(
    models: list[_Regression], names: tuple[str, ...], cells: FloatArray, treatment: FloatArray
) -> None:
    """Raise ValueError for a model whose observed rows do not identify what its absent rows need.

    A made-up variable that follows the model without error is predicted without error, or not at all: one
    random vector of coefficients shows every direction that is missing.
    """
    for model in models:
        name = names[model.column]
        predictors = _predictors(model, cells, treatment)
        stream = np.random.default_rng(0)
        by_level = stream.standard_normal(model.design.shape[1])
        by_column = stream.standard_normal(predictors.shape[1])
        seen = model.projector.design @ by_level + predictors[model.observed] @ by_column
        wanted = model.design @ by_level + predictors[model.absent] @ by_column
        fit = _fit(model, predictors, seen)
        if fit.df < 1:
            raise ValueError(
                f"{model.observed.size} observed cells of {name} leave no degree of freedom to impute it from"
            )
        off = np.abs(_predicted(model, fit, seen, fit.others[:, 0]) - wanted) > ESTIMABLE * seen.std()
        if off.any():
            raise ValueError(
                f"{int(off.sum())} missing cells of {name} cannot be imputed: its observed cells do not"
                " identify the treatment, a control or an effect there"
            )
