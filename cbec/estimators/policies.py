"""Policies that start in the same cities and years: does the treatment's coefficient carry theirs?

Each policy's dummy is added alone, then all together; then the cities that ever have a policy leave, one
policy at a time. A dummy of a policy that itself starts in several years shares the faults of two-way
regressions; leaving its cities out does not.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cbec.estimators.regression import Fit, Term, fit_least_squares
from cbec.estimators.specification import Specification


@dataclass(frozen=True)
class PolicyTerm:
    """policy_id: the policy added or dropped, or, among all added, whose dummy this is; None for the baseline
    and the treatment among all added. term: name of the coefficient, value None when not estimated. used:
    rows of the frame that entered, shape (n,); None without a fit."""

    variant: str
    policy_id: str | None
    term: str
    value: Term | None
    n_obs: int
    note: str | None
    used: NDArray[np.bool_] | None = field(default=None, compare=False, repr=False)


def concurrent_policies(
    frame: pd.DataFrame, specification: Specification, *, unit: str, policies: pd.DataFrame
) -> tuple[PolicyTerm, ...]:
    """The specification with other policies added, and without the cities that have them.

    frame: complete rows of the specification, one per unit and year; policies: policy_id, unit, year,
    is_active, and per policy is_list_complete, per member is_verified. A unit-year that policies lack counts
    as not active. Raises ValueError without any policy, for a unit-year that a policy has twice, and as
    `fit_least_squares` for the baseline; a variant that cannot be estimated is a row that says so.
    """
    if policies.empty:
        raise ValueError("no policy; columns policy_id, unit, year and is_active are needed")
    if policies.duplicated(["policy_id", unit, "year"]).any():
        row = policies[policies.duplicated(["policy_id", unit, "year"])].iloc[0]
        raise ValueError(f"policy {row['policy_id']} has {row[unit]} twice in {row['year']}")
    inside = policies[policies[unit].isin(frame[unit].unique())]
    names = sorted(policies["policy_id"].unique())
    wide = policies.assign(is_active=policies["is_active"].astype(float))
    wide = wide.pivot(index=[unit, "year"], columns="policy_id", values="is_active")
    data = frame.merge(
        wide.rename(columns=column_of).reset_index(), on=[unit, "year"], how="left", validate="one_to_one"
    )
    columns = {name: column_of(name) for name in names}
    data[list(columns.values())] = data[list(columns.values())].fillna(0.0)
    caveat = {name: _caveat(inside[inside["policy_id"] == name], unit) for name in names}
    treatment = specification.treatment

    base = fit_least_squares(data, specification, unit=unit)
    rows = [PolicyTerm("baseline", None, treatment, _term(base, treatment), base.n_obs, None, base.used)]
    for name in names:
        rows += _fitted(data, specification, unit, "added", {name: columns[name]}, caveat, own=name)
    rows += _fitted(data, specification, unit, "all added", columns, caveat)
    for name in names:
        members = set(data.loc[data[columns[name]] > 0, unit])
        stays = ~data[unit].isin(members).to_numpy()
        count = f"{len(members)} cities left out" if members else "no city of the sample has the policy"
        found = _fitted(data[stays], specification, unit, "dropped cities", {}, caveat, own=name, note=count)
        rows += [replace(term, used=_within(stays, term.used)) for term in found]
    return tuple(rows)


def _within(stays: NDArray[np.bool_], used: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
    """Which rows of a frame entered, of those that stay."""
    if used is None:
        return None
    whole = stays.copy()
    whole[stays] = used
    return whole


def column_of(policy_id: str) -> str:
    """Name of a policy's dummy in the equation."""
    return f"policy_{policy_id}"


def _fitted(
    data: pd.DataFrame,
    specification: Specification,
    unit: str,
    variant: str,
    columns: dict[str, str],
    caveat: dict[str, str | None],
    *,
    own: str | None = None,
    note: str | None = None,
) -> list[PolicyTerm]:
    """A row for the treatment and one for each policy's dummy; a refusal is the note."""
    wide = specification.with_(
        controls=(*specification.controls, *(c for c in columns.values() if data[c].any()))
    )
    caveats = [f"{name}: {caveat[name]}" for name in ([own] if own else columns) if caveat[name]]
    try:
        fit = fit_least_squares(data, wide, unit=unit)
    except ValueError as error:
        text = f"refused: {str(error).removeprefix(f'{specification.label}: ')}"
        return [PolicyTerm(variant, own, specification.treatment, None, len(data), text)]
    terms = [
        PolicyTerm(
            variant,
            own,
            specification.treatment,
            _term(fit, specification.treatment),
            fit.n_obs,
            "; ".join(filter(None, [note, *caveats])) or None,
            fit.used,
        )
    ]
    for name, column in columns.items():
        value = _term(fit, column)
        why = caveat[name] if value else "does not vary beyond the other terms"
        if not data[column].any():
            why = "no city of the sample has the policy in its years"
        terms.append(PolicyTerm(variant, name, column, value, fit.n_obs, why, fit.used))
    return terms


def _caveat(of_policy: pd.DataFrame, unit: str) -> str | None:
    """What is not certain about the members of one policy among the cities of a sample."""
    members = of_policy[of_policy["is_active"].astype(bool)].drop_duplicates(unit)
    parts = []
    if not of_policy["is_list_complete"].astype(bool).all():
        parts.append("list of members incomplete")
    unsure = int((~members["is_verified"].astype(bool)).sum())
    if unsure:
        parts.append(f"{unsure} of {len(members)} members not confirmed in print")
    return ", ".join(parts) or None


def _term(fit: Fit, name: str) -> Term | None:
    return next((term for term in fit.terms if term.term == name), None)
