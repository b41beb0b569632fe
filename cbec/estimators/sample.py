"""From the warehouse's tables to the rows that a specification is estimated on, with reasons for the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

import pandas as pd

from cbec.estimators.panel_tests import winsorise
from cbec.estimators.specification import Specification, Subgroup, source

KEYS = {"province": "province_code", "prefecture": "prefecture_code"}
# SDMX precedence, highest first; spelt out because an estimator reads no registry.
CELL_COLUMNS = (
    "region_level", "region_code", "year", "panel_column", "obs_status", "imputed_share", "is_simulated",
)  # fmt: skip
PRECEDENCE = "BOMLHQJSDKWIFEPNUVGA"


class AwaitingDataError(ValueError):
    """A specification whose data are not loaded; names the columns without a value."""


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
    the sample's grid (of the subgroup); reasons: why the others are not used.
    """

    rows: pd.DataFrame
    cells: pd.DataFrame
    unit: str
    n_offered: int
    reasons: tuple[str, ...] = field(default=())

    @property
    def imputed_share(self) -> float:
        return float(self.cells["imputed_share"].mean()) if len(self.cells) else 0.0

    @property
    def worst_status(self) -> str:
        return min(self.cells["obs_status"].unique(), key=PRECEDENCE.index, default="A")


def assemble(data: StudyData, spec: Specification, *, observed_only: bool = False) -> EstimationSample:
    """Join the sample's grid, the panel and the treatment of the rule; keep rows that the equation can use.

    observed_only: leave out rows that rest on a filled cell. Raises AwaitingDataError when a column has no
    value in the sample, ValueError for an unknown sample, rule or column.
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
    extra = [
        name
        for name in ("first_treated_year", "province_code", "batch", "longitude", "latitude")
        if name in everything.columns and name not in wanted
    ]
    frame = grid.merge(everything[[*wanted, *extra]], on=[unit, "year"], how="left", validate="one_to_one")
    cells = data.panel_cell[data.panel_cell["region_level"] == level].rename(columns={"region_code": unit})
    cells = cells[cells["panel_column"].isin(spec.columns)]
    behind = []
    for name in dict.fromkeys(spec.variables):
        column, lag = source(name)
        if lag:
            earlier = everything[[unit, "year", column]].rename(columns={column: name})
            frame = frame.merge(earlier.assign(year=earlier["year"] + lag), on=[unit, "year"], how="left")
        of_column = cells[cells["panel_column"] == column]
        behind.append(of_column.assign(year=of_column["year"] + lag))
    # Database order is not part of a result.
    frame = frame.sort_values([unit, "year"], ignore_index=True)
    if spec.subgroup:
        frame = frame[_in_subgroup(frame, spec.subgroup, unit)]
    n_offered = len(frame)
    frame, reasons = _complete(frame, spec)
    key = [unit, "year"]
    status = pd.concat(behind)[[*key, "panel_column", "obs_status", "imputed_share"]]
    if observed_only:
        filled = status.loc[status["imputed_share"] > 0, key].drop_duplicates().assign(is_filled=True)
        is_filled = frame[key].merge(filled, on=key, how="left")["is_filled"].notna().to_numpy()
        if is_filled.any():
            reasons.append(f"{int(is_filled.sum())} rows: a cell was filled")
            frame = frame[~is_filled]
    if spec.winsor:
        frame = winsorise(frame, spec.variables, spec.winsor)
    used = status.merge(frame[key], on=key)
    return EstimationSample(frame, used, unit, n_offered, tuple(reasons))


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


def _complete(frame: pd.DataFrame, spec: Specification) -> tuple[pd.DataFrame, list[str]]:
    empty = [name for name in dict.fromkeys(spec.variables) if frame[name].isna().all()]
    if empty:
        raise AwaitingDataError(f"{spec.label}: no value of {', '.join(empty)}")
    reasons = []
    keep = pd.Series(True, index=frame.index)
    roles = {spec.outcome: "outcome", spec.treatment: "treatment", spec.mediator: "mediator"}
    for name in dict.fromkeys(spec.variables):
        missing = keep & frame[name].isna()
        if missing.any():
            reasons.append(f"{int(missing.sum())} rows: {roles.get(name, 'control')} {name} missing")
            keep &= ~missing
    if not keep.any():
        raise AwaitingDataError(f"{spec.label}: no row has all of {', '.join(spec.variables)}")
    return frame[keep], reasons
