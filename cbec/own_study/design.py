"""Designs that no estimate can be of, found before anything runs."""

from __future__ import annotations

import numpy as np

from cbec.estimators.specification import LAG, Specification
from cbec.own_study.columns import Reader
from cbec.own_study.definition import TREATMENTS, Study
from cbec.own_study.expression import names_in
from cbec.own_study.store import Tables
from cbec.own_study.tree import Faults


def roots_of(study: Study, name: str, seen: tuple[str, ...] = ()) -> set[str]:
    """The columns of panel or files that a column of the study is made of."""
    formula = next((item for item in study.formulas if item.name == name), None)
    index = next((item for item in study.indices if item.name == name), None)
    if name in seen or (formula is None and index is None):
        return {name}
    parts = names_in(formula.text) if formula else list(index.components) if index else []
    return set().union(*(roots_of(study, part, (*seen, name)) for part in parts)) if parts else {name}


def check_design(tables: Tables, spec: Specification, reader: Reader) -> None:
    """Designs that no estimate can be of: each a fault at the column that asks for it."""
    study, faults = tables.study, tables.faults
    place = study.places.get((spec.table_no, spec.column_no), ("tables", spec.table_no))
    _check_inputs(study, spec, faults, place)
    if spec.treatment not in TREATMENTS or study.policy is None:
        return
    table = "treatment_province_year" if study.level == "province" else "treatment_city_year"
    rows = tables.frame(
        f"select member.region_code, member.year, timing.is_treated, timing.first_treated_year"
        f" from marts.sample_member as member inner join marts.{table} as timing"
        f" on timing.{study.unit} = member.region_code and timing.year = member.year"
        " where member.sample_id = $sample and timing.rule_id = $rule",
        {"sample": spec.sample, "rule": spec.treatment_rule},
    )
    outcome = reader.found.get(spec.outcome)
    if outcome is not None:
        has_value = reader.base[np.isfinite(outcome.values)]
        rows = rows.merge(has_value, on=["region_code", "year"])
    if rows.empty:
        # Without a value of the outcome the column awaits data, which is no fault of the design.
        return
    last = rows["year"].max()
    ever = rows.groupby("region_code")["is_treated"].any()
    n_treated, n_never = int(ever.sum()), int((~ever).sum())
    label = f"{spec.table_no}({spec.column_no})"
    if not n_treated:
        faults.add(
            place,
            f"{label}: no unit of the sample is treated by {last} in a year with a value of {spec.outcome}",
        )
    elif not rows["is_treated"].astype(bool).eq(False).any():
        faults.add(place, f"{label}: every row of the sample is treated: there is nothing to compare with")
    elif spec.is_staggered or spec.treatment == "is_treated":
        before = rows[~rows["is_treated"].astype(bool)].groupby("region_code").size()
        with_before = int((ever & ever.index.isin(before.index)).sum())
        if not with_before:
            faults.add(place, f"{label}: no treated unit has a year before its treatment in the sample")
        elif n_never == 0 and rows["first_treated_year"].nunique() == 1:
            faults.add(place, f"{label}: all units are treated in one year and none is left untreated")
        elif n_never == 1:
            faults.remark(
                f"{label}: one unit alone is never treated; late effects and every error rest on it"
            )


def _check_inputs(study: Study, spec: Specification, faults: Faults, place: tuple[str | int, ...]) -> None:
    """A control, mediator or index that is made of the outcome, or of the same columns."""
    label = f"{spec.table_no}({spec.column_no})"
    indices = {index.name: set(index.components) for index in study.indices}
    of_outcome = roots_of(study, spec.outcome)
    for name in (*spec.controls, *((spec.mediator,) if spec.mediator else ())):
        match = LAG.fullmatch(name)
        column = match[2] if match else name
        if "_x_" in column:
            continue
        role = "mediator" if name == spec.mediator else "control"
        roots = roots_of(study, column)
        if roots == of_outcome and (column != spec.outcome or not match):
            faults.add(
                place,
                f"{label}: {role} {name} is a function of the outcome {spec.outcome}: both are made of"
                f" {', '.join(sorted(roots))}",
            )
        elif column in indices.get(spec.outcome, ()):
            faults.add(
                place,
                f"{label}: {role} {name} is a component of the index {spec.outcome}, which is the outcome",
            )
        elif column in indices and spec.outcome in indices[column]:
            faults.add(place, f"{label}: the index {column} contains the outcome {spec.outcome}")
        elif spec.outcome in roots and column != spec.outcome:
            faults.add(place, f"{label}: {role} {name} is made of the outcome {spec.outcome}")
        elif roots & of_outcome:
            faults.remark(
                f"{label}: {role} {name} and the outcome share {', '.join(sorted(roots & of_outcome))}"
            )
    of_treatment = roots_of(study, spec.treatment)
    if spec.treatment not in TREATMENTS and of_treatment & of_outcome:
        faults.add(
            place,
            f"{label}: treatment {spec.treatment} and outcome {spec.outcome} are both made of"
            f" {', '.join(sorted(of_treatment & of_outcome))}",
        )
    if spec.mediator and spec.mediator in indices.get(spec.treatment, ()):
        faults.add(
            place,
            f"{label}: mediator {spec.mediator} is a component of the index {spec.treatment}, the treatment",
        )
