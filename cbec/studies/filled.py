"""What a column says when its filled and flagged cells are treated as missing.

Filled: by whoever published the figure, or by a rule of ours; flagged: by a detector, as filled or
misprinted. Such a cell is drawn many times from what the rest of the equation says of it
(`multiple_imputation`), or is free within a distance of its figure (`bounds`), where the observed-only
sample leaves out its whole row.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cbec.estimators.absorb import build_basis, build_projector, fit_treatment
from cbec.estimators.bounds import coefficient_bounds, residual_deviation
from cbec.estimators.imputation import Imputations, Pooled, impute, pool
from cbec.estimators.panel import Panel, factor_codes, prepare_panel, rows_in_pairs
from cbec.estimators.panel_tests import winsorise
from cbec.estimators.regression import fit_least_squares
from cbec.estimators.specification import Specification, source
from cbec.studies.sample import MIN_COVERED, EstimationSample, StudyData, assemble

Mask = NDArray[np.bool_]
#: With AR(1) errors of .8 the error is 4 per cent below that of complete rows where so much of the outcome is
#: imputed.
MANY_IMPUTED = 0.05
#: Rows of estimates.data_integrity that hold the two ends.
BOUNDS = ("bounds_low", "bounds_high")
NOTHING_TO_IMPUTE = "no cell to impute, as variant all"
NOTHING_FREE = "no cell of the equation is filled or flagged, as variant all"


def is_filled_or_flagged(sample: EstimationSample, name: str) -> Mask:
    """Rows in which the cell of a variable was filled by somebody or is flagged, shape (n,)."""
    (column, lag), cells = source(name), sample.cells
    own = cells["panel_column"].eq(column) & (cells["place"] - cells["cell"]).eq(lag)
    found = own & (cells["imputed_share"].gt(0) | cells["is_flagged"].astype(bool))
    return np.isin(sample.place, cells.loc[found, "place"])


def multiple_imputation(
    data: StudyData, spec: Specification, *, imputations: int, seed: int
) -> tuple[EstimationSample, dict[str, Any]] | None:
    """The rows that entered, and the pooled coefficient of them with filled and flagged cells of outcome and
    controls imputed, and the blanks that `assemble` fills linearly. None where no cell is to be imputed.

    A row leaves whose cell has no observed one beside it in a level of a fixed effect: a city of which every
    figure is filled, or a year that no edition prints, has no effect to impute from.

    Raises ValueError as `assemble`, `impute` and `fit_treatment` do.
    """
    # Limits of winsorising are those of the completed data.
    sample = assemble(data, spec.with_(winsor=None), fill="linear")
    names = _imputable(sample, spec)
    blanks = sample.blanks if sample.blanks is not None else pd.DataFrame(index=sample.rows.index)
    absent = pd.DataFrame({name: blanks[name] | is_filled_or_flagged(sample, name) for name in names})
    keep, reasons = _in_seen_levels(sample, spec, absent)
    was_blank = blanks.any(axis=1).to_numpy()
    sample, absent = sample.restricted(keep), absent[keep]
    rows = _with_effects(sample.rows, spec)
    effects = [factor_codes(rows[effect]) for effect in spec.fixed_effects]
    if not absent.to_numpy()[rows_in_pairs(effects, len(rows))].any():
        return None if was_blank[~keep].all() else _as_it_is(sample, spec, reasons)
    imputed = impute(
        rows.assign(**{name: rows[name].astype(float).mask(absent[name]) for name in names}),
        imputations=imputations, seed=seed, **_equation(spec, sample.unit),
    )  # fmt: skip
    pooled, n_effective = _pooled(imputed, rows, spec, sample.unit)
    cells = imputed.missing
    note = [
        f"{imputations} imputations of {int(cells.sum())} cells in {int(cells.any(axis=1).sum())} rows",
        f"proportion of variance due to missing cells {pooled.share_between:.3f}",
        f"each variable drawn from the normal regression on all others, {spec.treatment} among them, and on"
        f" {_effects_words(spec)}, parameters and independent residuals drawn",
        *_scarce(imputed),
        *_many(imputed),
        *_kept(sample, [name for name in spec.variables if name not in names]),
        *sample.reasons,
        *reasons,
        *_alone(imputed.panel),
    ]
    entered = np.isin(np.arange(len(rows)), imputed.panel.row_position)
    return sample.restricted(entered), {
        "estimate": pooled.estimate,
        "std_error": pooled.std_error,
        "p_value": pooled.p_value,
        "n_obs": imputed.panel.n_obs,
        "n_filled_here": int(cells.sum()),
        "n_effective_clusters": n_effective,
        "note": "; ".join(note),
    }


def bounds(
    spec: Specification, sample: EstimationSample, *, deviations: float
) -> tuple[EstimationSample, dict[str, dict[str, Any]]] | None:
    """The rows that entered, and the least and the largest coefficient, by the names in `BOUNDS`, when
    filled and flagged cells of the outcome lie up to so many residual deviations of the observed ones from
    their figures. None where no cell is filled or flagged.

    Raises ValueError where the coefficient is not linear in these cells, and as `coefficient_bounds`.
    """
    regressors = [name for name in spec.regressors if is_filled_or_flagged(sample, name).any()]
    free = is_filled_or_flagged(sample, spec.outcome)
    if not free.any() and not regressors:
        return None
    _require_linear(spec, free, regressors)
    panel = prepare_panel(_with_effects(sample.rows, spec), **_equation(spec, sample.unit))
    free = free[panel.row_position]
    if not free.any():
        return None
    deviation = residual_deviation(panel, ~free)
    radius = deviations * deviation
    found = coefficient_bounds(panel, free, radius)
    note = [
        f"{int(free.sum())} filled or flagged cells of the outcome lie up to {radius:.4g} from"
        f" their figures, {deviations:g} residual deviations of the observed ones",
        _breakdown_words(found.breakdown / deviation if deviation > 0 else math.inf),
        *_kept(sample, regressors),
        *sample.reasons,
        *_alone(panel),
    ]
    common = {"n_obs": panel.n_obs, "n_filled_here": 0, "note": "; ".join(note)}
    entered = np.isin(np.arange(len(sample.rows)), panel.row_position)
    ends = dict(zip(BOUNDS, (found.low, found.high), strict=True))
    return sample.restricted(entered), {name: common | {"estimate": end} for name, end in ends.items()}


def _imputable(sample: EstimationSample, spec: Specification) -> list[str]:
    """Outcome and controls that are numbers: a treatment is not drawn from what it is to explain."""
    names = dict.fromkeys(spec.variables)
    return [name for name in names if name != spec.treatment and sample.rows[name].dtype != bool]


def _in_seen_levels(
    sample: EstimationSample, spec: Specification, absent: pd.DataFrame
) -> tuple[Mask, list[str]]:
    """Rows to keep, shape (n,), and why the others leave. Raises ValueError where all do."""
    for name in absent:
        if absent[name].all():
            raise ValueError(f"no cell of {name} is observed: nothing to impute it from")
    level = {
        effect: sample.rows.groupby(effect.split("^"), sort=False).ngroup().to_numpy()
        for effect in spec.fixed_effects
    }
    keep, left_by = np.ones(len(absent), dtype=bool), dict[tuple[str, str], int]()
    is_settled = False
    # Rows that leave for one variable may take the last observed cell of another with them.
    while not is_settled:
        is_settled = True
        for (effect, codes), name in itertools.product(level.items(), map(str, absent)):
            gap = absent[name].to_numpy()
            seen = np.bincount(codes[keep & ~gap], minlength=int(codes.max()) + 1) > 0
            out = keep & gap & ~seen[codes]
            if out.any():
                left_by[name, effect] = left_by.get((name, effect), 0) + int(out.sum())
                keep &= ~out
                is_settled = False
    if not keep.any():
        raise ValueError("no row is left with an observed cell beside it in each fixed effect")
    reasons = [
        f"{n} rows: no cell of {name} is observed in the same {effect}"
        for (name, effect), n in left_by.items()
    ]
    return keep, reasons


def _as_it_is(
    sample: EstimationSample, spec: Specification, reasons: list[str]
) -> tuple[EstimationSample, dict[str, Any]]:
    """Rows that are left without a cell to impute, fitted as they are."""
    rows = winsorise(sample.rows, spec.variables, spec.winsor) if spec.winsor else sample.rows
    fit = fit_least_squares(rows, spec, unit=sample.unit)
    term = next(term for term in fit.terms if term.term == spec.treatment)
    alone = [f"{fit.n_singletons} rows: alone in a fixed effect"] if fit.n_singletons else []
    return sample.restricted(fit.used), {
        "estimate": term.estimate,
        "std_error": term.std_error,
        "p_value": term.p_value,
        "n_obs": fit.n_obs,
        "n_filled_here": 0,
        "n_effective_clusters": term.n_effective_clusters,
        "note": "; ".join(["no cell to impute", *sample.reasons, *reasons, *alone]),
    }


def _with_effects(rows: pd.DataFrame, spec: Specification) -> pd.DataFrame:
    """Rows with a numeric treatment and one column for each fixed effect."""
    combined = {
        effect: rows.groupby(effect.split("^"), sort=False).ngroup()
        for effect in spec.fixed_effects
        if "^" in effect
    }
    return rows.assign(**combined, **{spec.treatment: rows[spec.treatment].astype(float)})


def _equation(spec: Specification, unit: str) -> dict[str, Any]:
    """Arguments of `prepare_panel` and `impute`."""
    return {
        "outcome": spec.outcome,
        "treatment": spec.treatment,
        "unit": unit,
        "time": "year",
        "controls": tuple(name for name in spec.regressors if name != spec.treatment),
        "fixed_effects": spec.fixed_effects,
        "cluster": spec.cluster,
    }


def _pooled(
    imputed: Imputations, rows: pd.DataFrame, spec: Specification, unit: str
) -> tuple[Pooled, float | None]:
    """Rubin's rules over the fits, with the degrees of freedom of `Term`, and the effective clusters
    behind."""
    panels = [_winsorised(imputed.completed(i), spec) for i in range(len(imputed))]
    if spec.cluster is not None:
        projector = build_projector(imputed.panel.fixed_effects, imputed.panel.n_obs)
        fits = [fit_treatment(panel, build_basis(panel, projector)) for panel in panels]
        number = float(np.mean([fit.n_effective_clusters for fit in fits]))
        estimates, errors = [fit.estimate for fit in fits], [fit.se for fit in fits]
        return pool(np.array(estimates), np.array(errors) ** 2, number - 1), number
    found, freedom, clusters = [], [], []
    for panel in panels:
        fit = fit_least_squares(_frame(panel, rows, spec), spec, unit=unit)
        term = next(term for term in fit.terms if term.term == spec.treatment)
        if term.std_error is None:
            raise ValueError(f"{spec.treatment} has no standard error")
        found.append((term.estimate, term.std_error**2))
        if term.n_effective_clusters is not None:
            clusters.append(term.n_effective_clusters)
            freedom.append(term.n_effective_clusters - 1)
        elif spec.vcov.startswith("conley:"):
            freedom.append(math.inf)
        else:
            levels = sum(int(codes.max()) for codes in panel.fixed_effects) + 1
            slopes = sum(term.term != "_cons" for term in fit.terms)
            freedom.append(float(fit.n_obs - slopes - levels))
    values = np.array(found)
    number_or_none = float(np.mean(clusters)) if clusters else None
    return pool(values[:, 0], values[:, 1], float(np.mean(freedom))), number_or_none


def _winsorised(panel: Panel, spec: Specification) -> Panel:
    if not spec.winsor:
        return panel
    columns = np.column_stack([panel.outcome, panel.treatment, panel.controls])
    names = list(range(columns.shape[1]))
    pulled = winsorise(pd.DataFrame(columns), names, spec.winsor).to_numpy()  # type: ignore[arg-type]
    return replace(panel, outcome=pulled[:, 0], treatment=pulled[:, 1], controls=pulled[:, 2:])


def _frame(panel: Panel, rows: pd.DataFrame, spec: Specification) -> pd.DataFrame:
    """The rows of a panel with its numbers."""
    numbers = dict(zip(panel.control_names, panel.controls.T, strict=True))
    numbers |= {spec.outcome: panel.outcome, spec.treatment: panel.treatment}
    return rows.iloc[panel.row_position].assign(**numbers)


def _require_linear(spec: Specification, free: Mask, regressors: list[str]) -> None:
    column = source(spec.outcome)[0]
    if not free.any():
        raise ValueError(
            f"filled and flagged cells are of regressors alone, in which a coefficient is not linear:"
            f" {', '.join(regressors)}"
        )
    again = [name for name in regressors if source(name)[0] == column]
    if again or (spec.subgroup and spec.subgroup.column == column):
        where = again[0] if again else f"the subgroup {spec.subgroup}"
        raise ValueError(f"filled or flagged cells of the outcome also make {where}: not linear in them")
    if spec.winsor:
        raise ValueError("the outcome is winsorised: a coefficient is not linear in its cells")


def _effects_words(spec: Specification) -> str:
    return f"effects of {', '.join(spec.fixed_effects)}" if spec.fixed_effects else "a constant"


def _breakdown_words(deviations: float) -> str:
    if math.isinf(deviations):
        return "no distance of these cells changes the sign"
    return f"the sign can change from {deviations:.3g} residual deviations on"


def _scarce(imputed: Imputations) -> list[str]:
    """Variables of which hardly more is observed than a study needs of a column to be estimated at all."""
    shares = imputed.missing.mean(axis=0)
    return [
        f"imputed cells of {name} are {100 * share:.0f} % of all: few observed ones stand behind them"
        for name, share in zip(imputed.names, shares, strict=True)
        if share > 1 - MIN_COVERED
    ]


def _many(imputed: Imputations) -> list[str]:
    """A warning where the model's independent residuals matter (`bench.imputation`)."""
    share = float(imputed.missing[:, 0].mean())
    if share <= MANY_IMPUTED:
        return []
    percent = f"{100 * share:.0f} % of the outcome imputed"
    return [f"the error is too small if errors are correlated over years: {percent}"]


def _kept(sample: EstimationSample, names: list[str]) -> list[str]:
    """Filled and flagged cells that are not imputed."""
    counts = {name: int(is_filled_or_flagged(sample, name).sum()) for name in dict.fromkeys(names)}
    return [f"{n} filled or flagged cells of {name} stay as they are" for name, n in counts.items() if n]


def _alone(panel: Panel) -> list[str]:
    return [f"{panel.n_singletons} rows: alone in a fixed effect"] if panel.n_singletons else []
