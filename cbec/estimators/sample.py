"""From the warehouse's tables to the rows that a specification is estimated on, with reasons for the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import pandas as pd

from cbec.estimators.panel_tests import winsorise
from cbec.estimators.specification import Specification, Subgroup, source

KEYS = {"province": "province_code", "prefecture": "prefecture_code"}
# SDMX precedence, highest first; spelt out because an estimator reads no registry.
# What diagnostics read beside the equation: groups to leave out or to compare, and places.
COMPANIONS = (
    "first_treated_year", "province_code", "batch", "longitude", "latitude", "region3", "is_resource_based",
)  # fmt: skip
CELL_COLUMNS = (
    "region_level", "region_code", "year", "panel_column", "obs_status", "imputed_share", "is_simulated",
)  # fmt: skip
PRECEDENCE = "BOMLHQJSDKWIFEPNUVGA"


class AwaitingDataError(ValueError):
    """A specification whose data are not loaded; names the columns without a value."""


class EmptiedError(ValueError):
    """A covariate is missing for a whole cohort or for every control; names both."""


@dataclass(frozen=True)
class StudyData:
    """The tables that a specification reads, as pandas frames, one field a table of the warehouse."""

    specification: pd.DataFrame
    sample_member: pd.DataFrame
    panel_province_year: pd.DataFrame
    panel_city_year: pd.DataFrame
    panel_cell: pd.DataFrame
    treatment_province_year: pd.DataFrame
    treatment_city_year: pd.DataFrame
    doubted_cell: pd.DataFrame

    @classmethod
    def from_reader(cls, read: Callable[[str], Any]) -> StudyData:
        """read gives a DuckDB relation for a table's name; of the long table only what is needed is taken."""
        tables = {item.name: read(item.name) for item in fields(cls)}
        tables["panel_cell"] = tables["panel_cell"].project(", ".join(CELL_COLUMNS))
        return cls(**{name: relation.df() for name, relation in tables.items()})

    @property
    def is_simulated(self) -> bool:
        return bool(self.panel_cell["is_simulated"].any())

    def specifications(self) -> list[Specification]:
        """Every row of the seed, in order of study, table and column."""
        ordered = self.specification.sort_values(["study_id", "table_no", "column_no"])
        return [
            Specification.from_row({str(name): value for name, value in row.items()})
            for row in ordered.to_dict("records")
        ]


@dataclass(frozen=True)
class EstimationSample:
    """Complete rows of one specification.

    rows: unit, year and every column the equation names, winsorised when asked; cells: status and
    imputed_share of the panel cells behind them, one row for each unit, year and column; n_offered: rows of
    the sample's grid (of the subgroup); reasons: why the others are not used; n_filled_here: blanks that were
    filled for this sample alone.
    """

    rows: pd.DataFrame
    cells: pd.DataFrame
    unit: str
    n_offered: int
    reasons: tuple[str, ...] = field(default=())
    n_filled_here: int = 0

    @property
    def imputed_share(self) -> float:
        return float(self.cells["imputed_share"].mean()) if len(self.cells) else 0.0

    @property
    def worst_status(self) -> str:
        return min(self.cells["obs_status"].unique(), key=PRECEDENCE.index, default="A")


def assemble(
    data: StudyData, spec: Specification, *, observed_only: bool = False, fill: str | None = None
) -> EstimationSample:
    """Join the sample's grid, the panel and the treatment of the rule; keep rows that the equation can use.

    observed_only: leave out rows that rest on a cell that somebody filled, or that a detector holds to be
    filled or misprinted. fill: "linear" or "geometric" fills blanks of outcome and controls between two
    years of a unit, never across its first treated year; for comparison only, nothing is kept.

    Raises AwaitingDataError when a column has no value in the sample, ValueError for an unknown sample, rule
    or column, EmptiedError when a control empties a cohort or the control group.
    """
    members = data.sample_member[data.sample_member["sample_id"] == spec.sample]
    if members.empty:
        known = sorted(data.sample_member["sample_id"].unique())
        raise ValueError(f"{spec.label}: sample {spec.sample!r} is empty; known: {known}")
    level = str(members["region_level"].iloc[0])
    unit = KEYS[level]
    panel = data.panel_province_year if level == "province" else data.panel_city_year
    everything = _with_treatment(data, spec, panel, unit, level)
    spec.check_columns(everything.columns)
    grid = members.rename(columns={"region_code": unit})[[unit, "year"]]
    wanted = [unit, "year", *(name for name in spec.columns if name not in (unit, "year"))]
    extra = [name for name in COMPANIONS if name in everything.columns and name not in wanted]
    frame = grid.merge(everything[[*wanted, *extra]], on=[unit, "year"], how="left", validate="one_to_one")
    cells = data.panel_cell[data.panel_cell["region_level"] == level].rename(columns={"region_code": unit})
    cells = cells[cells["panel_column"].isin(spec.columns)]
    doubted = data.doubted_cell[data.doubted_cell["region_level"] == level]
    doubted = doubted.rename(columns={"region_code": unit})
    doubted = doubted[doubted["panel_column"].isin(spec.columns)]
    behind, doubts = [], []
    for name in dict.fromkeys(spec.variables):
        column, lag = source(name)
        if lag:
            earlier = everything[[unit, "year", column]].rename(columns={column: name})
            frame = frame.merge(earlier.assign(year=earlier["year"] + lag), on=[unit, "year"], how="left")
        of_column = cells[cells["panel_column"] == column]
        behind.append(of_column.assign(year=of_column["year"] + lag))
        in_doubt = doubted[doubted["panel_column"] == column]
        doubts.append(in_doubt.assign(year=in_doubt["year"] + lag))
    # Database order is not part of a result.
    frame = frame.sort_values([unit, "year"], ignore_index=True)
    if spec.subgroup:
        frame = frame[_in_subgroup(frame, spec.subgroup, unit)]
    n_offered = len(frame)
    frame, n_filled = _filled(frame, spec, fill, unit) if fill else (frame, 0)
    frame, reasons = _complete(frame, spec)
    key = [unit, "year"]
    status = pd.concat(behind)[[*key, "panel_column", "obs_status", "imputed_share"]]
    if observed_only:
        filled = status.loc[status["imputed_share"] > 0, key]
        for rows, words in (
            (filled, "a cell was filled"),
            (pd.concat(doubts)[key], "a detector doubts a cell"),
        ):
            found = rows.drop_duplicates().assign(is_found=True)
            is_found = frame[key].merge(found, on=key, how="left")["is_found"].notna().to_numpy()
            if is_found.any():
                reasons.append(f"{int(is_found.sum())} rows: {words}")
                frame = frame[~is_found]
    if spec.winsor:
        frame = winsorise(frame, spec.variables, spec.winsor)
    used = status.merge(frame[key], on=key)
    return EstimationSample(frame, used, unit, n_offered, tuple(reasons), n_filled)


def _with_treatment(
    data: StudyData, spec: Specification, panel: pd.DataFrame, unit: str, level: str
) -> pd.DataFrame:
    if not spec.treatment_rule:
        return panel
    treatment = data.treatment_province_year if level == "province" else data.treatment_city_year
    rule = treatment[treatment["rule_id"] == spec.treatment_rule]
    if rule.empty:
        known = sorted(treatment["rule_id"].unique())
        raise ValueError(f"{spec.label}: rule {spec.treatment_rule!r}; known: {known}")
    own = [name for name in rule.columns if name in (unit, "year") or name not in panel.columns]
    return panel.merge(rule[own], on=[unit, "year"], how="left", validate="one_to_one")


def _in_subgroup(frame: pd.DataFrame, group: Subgroup, unit: str) -> pd.Series:
    values = frame[group.column]
    if group.relation in ("=", "!="):
        text = values.map(lambda value: str(value).lower() if isinstance(value, bool) else str(value))
        return text.eq(group.value) if group.relation == "=" else text.ne(group.value)
    number = values.astype(float)
    if group.value == "median":
        # Before anyone of the sample is treated, or in its first year when nobody ever is.
        start = frame["first_treated_year"].min() if "first_treated_year" in frame else None
        first = frame["year"].min() + 1 if start is None or start != start else start
        before = frame.assign(number=number)[frame["year"] < first].groupby(unit)["number"].mean()
        number, middle = frame[unit].map(before), before.median()
    elif group.value == "median_by_year":
        middle = number.groupby(frame["year"]).transform("median")
    else:
        middle = number.median()
    # A unit without a value is in neither group.
    inside: pd.Series = number > middle if group.relation == ">" else number <= middle
    return inside


def _filled(frame: pd.DataFrame, spec: Specification, rule: str, unit: str) -> tuple[pd.DataFrame, int]:
    out = frame.copy()
    start = frame.get("first_treated_year", pd.Series(float("nan"), frame.index))
    assert start is not None
    start = start.astype(float)
    # Anchors lie on one side of the approval: each side is a series of its own.
    side = [frame[unit], frame["year"] >= start.fillna(float("inf"))]
    changed = 0
    for name in dict.fromkeys(spec.variables):
        if name == spec.treatment or frame[name].dtype == bool:
            continue
        numbers = frame[name].astype(float)
        # What falls below zero has no geometric path.
        is_log = rule == "geometric" and bool((numbers.dropna() > 0).all())
        scaled = numbers.map(np.log) if is_log else numbers
        path = scaled.groupby(side).transform(lambda part: part.interpolate(limit_area="inside"))
        out[name] = (path.map(np.exp) if is_log else path).where(numbers.isna(), numbers)
        changed += int((numbers.isna() & path.notna()).sum())
    return out, changed


def _complete(frame: pd.DataFrame, spec: Specification) -> tuple[pd.DataFrame, list[str]]:
    empty = [name for name in dict.fromkeys(spec.variables) if frame[name].isna().all()]
    if empty:
        raise AwaitingDataError(f"{spec.label}: no value of {', '.join(empty)}")
    reasons = []
    keep = pd.Series(True, index=frame.index)
    guarded = spec.treatment_rule is not None and "first_treated_year" in frame
    roles = {spec.outcome: "outcome", spec.treatment: "treatment", spec.mediator: "mediator"}
    for name in dict.fromkeys(spec.variables):
        missing = keep & frame[name].isna()
        if guarded and name not in (spec.outcome, spec.treatment) and missing.any():
            _guard(frame["first_treated_year"].fillna(0), keep, missing, f"{spec.label}: {name}")
        if missing.any():
            reasons.append(f"{int(missing.sum())} rows: {roles.get(name, 'control')} {name} missing")
            keep &= ~missing
    if not keep.any():
        raise AwaitingDataError(f"{spec.label}: no row has all of {', '.join(spec.variables)}")
    return frame[keep], reasons


def _guard(cohort: pd.Series, keep: pd.Series, missing: pd.Series, where: str) -> None:
    """Raise EmptiedError when dropping rows for one covariate leaves a cohort or the controls empty."""
    lost = sorted(set(cohort[keep]) - set(cohort[keep & ~missing]))
    # Without a single row left the column awaits data.
    if lost and (keep & ~missing).any():
        names = ", ".join("the never treated" if year == 0 else f"the cohort of {int(year)}" for year in lost)
        raise EmptiedError(f"{where} is missing in every row of {names}; leave it out or restrict the sample")
