"""Several hypotheses at once: Holm, Romano and Wolf, and differences between groups, two ways."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from cbec.estimators.absorb import (
    DEGENERATE_SHARE,
    Estimate,
    build_basis,
    build_projector,
    fit_treatment,
    is_nested,
    residualise,
    small_sample_terms,
    treatment_residual,
)
from cbec.estimators.effective import effective_number
from cbec.estimators.frame import check_columns, check_frame
from cbec.estimators.panel import FloatArray, Panel, factor_codes, prepare_panel, require_choice
from cbec.estimators.permutations import (
    Assignments,
    count_assignments,
    every_assignment,
    random_assignments,
    randomisation_p,
)
from cbec.estimators.placebo import MAX_DEGENERATE_SHARE, Progress
from cbec.estimators.wild_bootstrap import (
    TIE_TOLERANCE,
    WEIGHTS,
    bootstrap_p,
    bootstrap_terms,
    explicit_columns,
    run_bootstrap,
    t_star,
)


@dataclass(frozen=True)
class FamilyResult:
    """Adjusted p values for a family of outcomes, one entry for each in the given order."""

    outcomes: tuple[str, ...]
    estimates: FloatArray
    se: FloatArray
    t_values: FloatArray
    p_values: FloatArray
    p_holm: FloatArray
    p_romano_wolf: FloatArray
    n_draws: int


@dataclass(frozen=True)
class GroupDifference:
    """Permutation test of a difference of coefficients between two groups of units.

    `difference` is the coefficient in `groups[1]` minus that in `groups[0]`. `p_two_sided`
    is the share of |permuted| >= |difference|, `p_greater` the one-sided share of permuted
    >= difference. `differences` (m,) are usable draws.
    `z_value` is the difference over the root of the sum of the squared clustered errors.
    """

    groups: tuple[Any, Any]
    coefficients: tuple[float, float]
    se: tuple[float, float]
    difference: float
    z_value: float
    p_two_sided: float
    p_greater: float
    differences: FloatArray
    n_draws: int
    n_degenerate: int
    is_exact: bool
    plus_one: bool
    seed: int | None


@dataclass(frozen=True)
class GroupWald:
    """Wald test that a coefficient is the same in every group, all of them in one equation.

    coefficients and se, shape (k,), are those of each group, with the errors of the whole equation;
    `statistic` is F(k - 1, G - 1), G the clusters, with two groups the square of the interaction's t;
    `n_effective_clusters` is the smallest of the groups'.
    """

    groups: tuple[Any, ...]
    coefficients: FloatArray
    se: FloatArray
    statistic: float
    df: int
    df_denominator: int
    p_value: float
    n_obs: int
    n_effective_clusters: float


def _p_array(p_values: Sequence[float] | FloatArray) -> FloatArray:
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1 or p.size == 0 or not ((p >= 0) & (p <= 1)).all():
        raise ValueError(f"p values {p.tolist()}; allowed: a list of numbers from 0 to 1")
    return p


def holm(p_values: Sequence[float] | FloatArray) -> FloatArray:
    """Holm's (1979) step-down p values, in the given order. Shape (S,) to (S,).

    The j-th smallest is `max over i <= j of min(1, (S - i + 1) p_(i))`. Raises ValueError for
    anything but a list of numbers from 0 to 1.
    """
    p = _p_array(p_values)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1))
    out = np.empty(p.size)
    out[order] = np.minimum(stepped, 1.0)
    return out


def romano_wolf(t_values: Sequence[float] | FloatArray, t_null: FloatArray) -> FloatArray:
    """Romano and Wolf's (2005, 2016) step-down p values from resampled t.

    The largest |t| is compared with the draws' largest |t*| over all hypotheses, the next one
    with the largest over the remaining ones, and so on; p = (1 + count) / (1 + draws), made
    monotone (Romano and Wolf 2016).

    Parameters
    ----------
    t_values: shape (S,), one t for each hypothesis.
    t_null: shape (m, S), t of the same hypotheses under the null, one joint draw for each
        row: wild bootstrap with the same weights, or placebo with the same assignments.

    Returns
    -------
    Adjusted p, shape (S,), in the given order. Raises ValueError for wrong shapes or values
    that are not finite.
    """
    real = np.abs(np.asarray(t_values, dtype=np.float64))
    null = np.abs(np.asarray(t_null, dtype=np.float64))
    if real.ndim != 1 or null.ndim != 2 or null.shape[1] != real.size or null.shape[0] < 1:
        raise ValueError(f"shapes {real.shape} and {null.shape}; allowed: (S,) and (m, S)")
    if not (np.isfinite(real).all() and np.isfinite(null).all()):
        raise ValueError("t values must be finite; allowed: numbers without nan and inf")
    order = np.argsort(-real, kind="stable")
    largest = np.maximum.accumulate(null[:, order[::-1]], axis=1)[:, ::-1]
    count = np.sum(largest >= real[order] * (1 - TIE_TOLERANCE), axis=0)
    stepped = np.maximum.accumulate((count + 1) / (null.shape[0] + 1))
    out = np.empty(real.size)
    out[order] = stepped
    return out


def family_test(
    data: pd.DataFrame,
    *,
    outcomes: Sequence[str],
    treatment: str,
    unit: str,
    time: str,
    controls: Sequence[str] = (),
    fixed_effects: Sequence[str] = (),
    cluster: str | None = None,
    method: str = "WCR11",
    weights: str = "rademacher",
    draws: int = 9_999,
    seed: int = 0,
    order: str = "content",
    drop_singletons: bool = True,
    memory_mb: float = 64.0,
    progress: Progress | None = None,
) -> FamilyResult:
    """Effects of one treatment on several outcomes with Holm and Romano-Wolf p values.

    All outcomes are resampled with the same cluster weights, so that their dependence is
    kept. `p_values` are the symmetric wild bootstrap p, at least 1 / (1 + draws), and Holm works on
    these: it is never below the least value that Romano and Wolf's p has. That one counts the
    real t among the draws, (1 + count) / (1 + draws), the others do not, count / draws: where the
    t of all outcomes are distributed alike Holm's p is below it by 1 / (1 + draws) at most.

    Parameters
    ----------
    outcomes: two or more columns, on the same rows; their order does not matter for the
        estimates, but under `order="content"` it is part of what ranks the units.
    others: see `wild_cluster_bootstrap`. `progress` counts outcomes.

    Raises
    ------
    ValueError: fewer than two outcomes, an outcome named twice, and whatever
        `wild_cluster_bootstrap` refuses.
    """
    if len(outcomes) < 2 or len(set(outcomes)) < len(outcomes):
        raise ValueError(f"outcomes {list(outcomes)}; allowed: two or more different columns")
    require_choice("weights", weights, WEIGHTS)
    if draws < 1 or memory_mb <= 0:
        raise ValueError(f"draws {draws}, memory_mb {memory_mb}; allowed: positive numbers")
    estimates, errors, p_values, null = [], [], [], []
    for done, outcome in enumerate(outcomes, start=1):
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
            order_columns=tuple(outcomes),
            drop_singletons=drop_singletons,
        )
        terms = bootstrap_terms(panel, method=method)
        sample, _, _ = run_bootstrap(
            panel,
            terms,
            weights=weights,
            draws=draws,
            seed=seed,
            enumerate_signs="auto",
            memory_mb=memory_mb,
            progress=None,
        )
        t_draws = t_star(sample, terms.estimate)
        estimates.append(terms.estimate)
        errors.append(terms.se)
        p_values.append(bootstrap_p(terms.estimate / terms.se, t_draws, "symmetric"))
        null.append(t_draws)
        if progress is not None:
            progress(done, len(outcomes))
    t_values = np.array(estimates) / np.array(errors)
    return FamilyResult(
        outcomes=tuple(outcomes),
        estimates=np.array(estimates),
        se=np.array(errors),
        t_values=t_values,
        p_values=np.array(p_values),
        p_holm=holm(p_values),
        p_romano_wolf=romano_wolf(t_values, np.column_stack(null)),
        n_draws=null[0].size,
    )


def _coefficients(moments: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
    """First coefficient of many regressions from their moment matrices.

    Parameters
    ----------
    moments: shape (m, p + 1, p + 1), cross products of treatment, other columns, outcome.

    Returns
    -------
    Coefficients (m,) and whether the treatment is identified (m,).
    """
    other = moments[:, 1:-1, 1:-1]
    inverse = np.linalg.pinv(other, rcond=1e-11, hermitian=True)
    weights = np.einsum("mij,mj->mi", inverse, moments[:, 1:-1, 0])
    left = moments[:, 0, 0] - np.einsum("mi,mi->m", weights, moments[:, 1:-1, 0])
    shared = moments[:, 0, -1] - np.einsum("mi,mi->m", weights, moments[:, 1:-1, -1])
    usable = left > DEGENERATE_SHARE * np.maximum(moments[:, 0, 0], 1e-300)
    return shared / np.where(usable, left, 1.0), usable


def _unit_moments(panel: Panel) -> FloatArray:
    """Cross products within units, fixed effects nested in units swept out.

    Shape (N, p + 1, p + 1): treatment, other effects' dummies and controls, outcome. Columns
    are scaled to norm one (which leaves the treatment coefficient to be scaled back).
    """
    nested = [codes for codes in panel.fixed_effects if is_nested(codes, panel.unit)]
    loose = [codes for codes in panel.fixed_effects if not is_nested(codes, panel.unit)]
    others = explicit_columns(loose, panel, constant=not panel.fixed_effects)
    table = np.column_stack([panel.treatment, others, panel.outcome])
    if nested:
        table = residualise(build_projector(nested, panel.n_obs), table)
    norm = np.linalg.norm(table, axis=0)
    table[:, 1:-1] /= np.where(norm > 0, norm, 1.0)[1:-1]
    start = np.concatenate([[0], np.cumsum(np.bincount(panel.unit))])
    blocks = [table[a:b].T @ table[a:b] for a, b in itertools.pairwise(start)]
    return np.stack(blocks)


def group_difference_test(
    data: pd.DataFrame,
    *,
    group: str,
    outcome: str,
    treatment: str,
    unit: str,
    time: str,
    controls: Sequence[str] = (),
    fixed_effects: Sequence[str] = (),
    cluster: str | None = None,
    strata: str | None = None,
    draws: int = 1000,
    seed: int = 0,
    exact: bool = True,
    plus_one: bool = True,
    order: str = "content",
    drop_singletons: bool = True,
    memory_mb: float = 256.0,
    progress: Progress | None = None,
) -> GroupDifference:
    """Fisher's permutation test of a difference of coefficients between two groups.

    The equation is estimated in each group alone, with its own controls and fixed effects.
    Under the null that units are exchangeable between groups, whole units are reassigned, the
    number in each group kept (within `strata` if given), and both equations re-estimated
    (Cleary 1999; what Chinese journals print from `bdiff`, here always by whole units).
    Moment matrices are added up over units, so a draw costs units x p^2 + p^3 with p columns
    and does not depend on the rows.

    Parameters
    ----------
    group: column with two values, constant within a unit.
    exact: enumerate when there are no more different splits than `draws`.
    plus_one: as in `placebo_test`; not used when enumerated.
    others: see `prepare_panel`.

    Raises
    ------
    ValueError: not two groups, a group that changes within a unit, a coefficient that is not
        identified in a group, more than 5 % of draws without an identified coefficient.
    """
    check_columns(data.columns, [group])
    if draws < 1 or memory_mb <= 0:
        raise ValueError(f"draws {draws}, memory_mb {memory_mb}; allowed: positive numbers")
    if data[group].isna().any():
        raise ValueError(f"column {group!r} has missing values; allowed: none")
    names = sorted(pd.unique(data[group]).tolist())
    if len(names) != 2:
        raise ValueError(f"column {group!r} has {len(names)} values; allowed: two")
    columns: dict[str, Any] = {
        "outcome": outcome,
        "treatment": treatment,
        "unit": unit,
        "time": time,
        "controls": controls,
        "fixed_effects": fixed_effects,
        "cluster": cluster,
        "order": order,
        "drop_singletons": drop_singletons,
    }
    panel = prepare_panel(data, strata=strata, **columns)
    member = factor_codes(data[group].to_numpy()[panel.row_position])
    if not is_nested(panel.unit, member):
        raise ValueError(f"group {group!r} changes within a unit; allowed: one value for each")
    fits: list[Estimate] = []
    for name in names:
        try:
            fits.append(fit_treatment(prepare_panel(data.loc[data[group] == name], **columns)))
        except ValueError as error:
            raise ValueError(f"group {name!r}: {error}") from error
    moments = _unit_moments(panel)
    first_row = np.unique(panel.unit, return_index=True)[1]
    is_second = (data[group].to_numpy()[panel.row_position] == names[1])[first_row]
    plan = Assignments(
        scheme="cohort",
        timing="unit",
        codes=is_second.astype(np.int64),
        strata=panel.strata,
        paths=None,
        never=0,
        dates=np.empty(0, dtype=np.int64),
    )
    possible = count_assignments(plan)
    if possible == 1:
        raise ValueError("the strata leave one split; allowed: both groups in some stratum")
    size = moments.shape[1]
    block = int(np.clip(memory_mb * 1e6 / (8 * (8 * size**2 + 3 * panel.n_units)), 1, 1024))
    enumerated = exact and possible <= draws
    total = possible if enumerated else draws
    blocks = (
        every_assignment(plan, block=block)
        if enumerated
        else random_assignments(plan, draws=draws, seed=seed, block=block)
    )
    flat = moments.reshape(panel.n_units, -1)
    whole = flat.sum(axis=0)
    permuted = np.empty(total)
    usable = np.empty(total, dtype=bool)
    done = 0
    for codes in blocks:
        part = slice(done, done + codes.shape[0])
        second = codes.astype(np.float64) @ flat
        high, ok_high = _coefficients(second.reshape(-1, size, size))
        low, ok_low = _coefficients((whole - second).reshape(-1, size, size))
        permuted[part], usable[part] = high - low, ok_high & ok_low
        done += codes.shape[0]
        if progress is not None:
            progress(done, total)
    n_degenerate = int(total - usable.sum())
    if n_degenerate > MAX_DEGENERATE_SHARE * total:
        raise ValueError(
            f"{n_degenerate} of {total} splits leave a coefficient that is not identified; "
            f"allowed: at most {MAX_DEGENERATE_SHARE:.0%} (fewer controls or effects)"
        )
    permuted = permuted[usable]
    difference = fits[1].estimate - fits[0].estimate
    corrected = plus_one and not enumerated
    slack = TIE_TOLERANCE * abs(difference)
    greater = int(np.sum(permuted >= difference - slack))
    return GroupDifference(
        groups=(names[0], names[1]),
        coefficients=(fits[0].estimate, fits[1].estimate),
        se=(fits[0].se, fits[1].se),
        difference=difference,
        z_value=difference / float(np.hypot(fits[0].se, fits[1].se)),
        p_two_sided=randomisation_p(permuted, difference, plus_one=corrected),
        p_greater=(greater + 1) / (permuted.size + 1) if corrected else greater / permuted.size,
        differences=permuted,
        n_draws=total,
        n_degenerate=n_degenerate,
        is_exact=enumerated,
        plus_one=corrected,
        seed=None if enumerated else seed,
    )


def group_wald_test(
    data: pd.DataFrame,
    *,
    group: str,
    outcome: str,
    treatment: str,
    unit: str,
    time: str,
    controls: Sequence[str] = (),
    fixed_effects: Sequence[str] = (),
    cluster: str | None = None,
    order: str = "content",
    drop_singletons: bool = True,
) -> GroupWald:
    """Wald test of interacted coefficients, which journals print beside or instead of the permutation test.

    One equation with treatment, controls and fixed effects all interacted with the group (Chow 1960), so that
    its coefficients are those of the equations fitted group by group; clustered by `cluster`, which may hold
    units of several groups, with fixest's small-sample factor. It assumes many clusters in each group;
    `group_difference_test` does not.

    Parameters
    ----------
    group: column with two or more values, constant within a unit.
    others: see `prepare_panel`.

    Raises
    ------
    ValueError: fewer than two groups, a group that changes within a unit, a coefficient that is not
        identified in a group, as many groups as clusters, and whatever `prepare_panel` refuses.
    """
    check_frame(data, unit=unit, time=time, numbers=[outcome, treatment, *controls], labels=[group])
    names = sorted(pd.unique(data[group]).tolist())
    if len(names) < 2:
        raise ValueError(f"column {group!r} has {len(names)} values; allowed: two or more")
    member = pd.Series(pd.Categorical(data[group], categories=names).codes, index=data.index)
    if (member.groupby(data[unit]).nunique() > 1).any():
        raise ValueError(f"group {group!r} changes within a unit; allowed: one value for each")
    interacted = {
        f"{name} in {k}": np.where(member == k, data[name].astype(float), 0.0)
        for name in controls
        for k in range(len(names))
    }
    within = {f"{name} by group": data.groupby([group, name]).ngroup() for name in fixed_effects}
    within = within or {"constant by group": member}
    panel = prepare_panel(
        data.assign(**interacted, **within), outcome=outcome, treatment=treatment, unit=unit, time=time,
        controls=tuple(interacted), fixed_effects=tuple(within), cluster=cluster, order=order,
        drop_singletons=drop_singletons,
    )  # fmt: skip
    treatments = panel.treatment[:, None] * (
        member.to_numpy()[panel.row_position][:, None] == np.arange(len(names))
    )
    coefficients, covariance, absorbed, effective = _joint_fit(panel, treatments)
    if absorbed.any():
        raise ValueError(
            f"group {names[int(absorbed.argmax())]!r}: the treatment has no variation left after fixed"
            " effects and controls"
        )
    contrast = np.column_stack([-np.ones(len(names) - 1), np.eye(len(names) - 1)])
    gap, spread = contrast @ coefficients, contrast @ covariance @ contrast.T
    df = panel.n_clusters - 1
    if df < len(gap) or np.linalg.matrix_rank(spread) < len(gap):
        raise ValueError(f"{len(names)} groups and {df + 1} clusters: the covariance is singular")
    statistic = float(gap @ np.linalg.solve(spread, gap)) / len(gap)
    return GroupWald(
        groups=tuple(names),
        coefficients=coefficients,
        se=np.sqrt(np.diag(covariance)),
        statistic=statistic,
        df=len(gap),
        df_denominator=df,
        p_value=float(stats.f.sf(statistic, len(gap), df)),
        n_obs=panel.n_obs,
        n_effective_clusters=effective,
    )


def _joint_fit(
    panel: Panel, treatments: FloatArray
) -> tuple[FloatArray, FloatArray, NDArray[np.bool_], float]:
    """Coefficients of several treatments in one equation, their clustered covariance, which of them the
    fixed effects and controls absorb (then the numbers mean nothing), and the smallest effective number of
    clusters. treatments: shape (n, k)."""
    basis = build_basis(panel)
    residual = treatment_residual(basis, treatments.copy())
    left = np.einsum("ij,ij->j", residual, residual)
    absorbed = left <= DEGENERATE_SHARE * np.maximum(np.einsum("ij,ij->j", treatments, treatments), 1e-300)
    bread = np.linalg.pinv(residual.T @ residual)
    coefficients = bread @ (residual.T @ basis.outcome)
    scores = basis.cluster_sum @ (residual * (basis.outcome - residual @ coefficients)[:, None])
    n_slopes = treatments.shape[1] + basis.controls.shape[1]
    factor, _ = small_sample_terms(panel.n_obs, n_slopes, panel.fixed_effects, panel.cluster)
    effective = effective_number(basis.cluster_sum @ (residual @ bread) ** 2)
    return coefficients, factor * bread @ (scores.T @ scores) @ bread, absorbed, float(effective.min())
