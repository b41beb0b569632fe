"""From the warehouse's tables to the rows that a specification is estimated on, with reasons for the rest."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import pandas as pd

from cbec.estimators.panel_tests import winsorise
from cbec.estimators.specification import Specification, Subgroup, source
from cbec.studies.memory import digest

KEYS = {"province": "province_code", "prefecture": "prefecture_code", "major_city": "prefecture_code"}
# What diagnostics read beside the equation: groups to leave out or to compare, and places.
COMPANIONS = (
    "first_treated_year", "province_code", "batch", "longitude", "latitude", "region3", "is_resource_based",
)  # fmt: skip
# Schemas of the tables that are read; others are marts.
_HOME = {
    "specification": "studies", "suspect_cell": "quality", "missing_input": "quality",
    "recomputed_cell": "quality",
}  # fmt: skip
# Of tables with rows for each of some hundred panel columns: what is read, of the columns that are named.
BY_COLUMN = {
    "panel_cell": (
        "region_level", "region_code", "year", "panel_column", "obs_status", "imputed_share", "is_simulated",
    ),
    "missing_input": (
        "region_level", "panel_column", "input_indicator_id", "year", "missing_in_edition",
    ),
    "recomputed_cell": ("region_level", "region_code", "year", "panel_column", "value", "value_of_all"),
}  # fmt: skip
# Of those, what a sample keeps of a cell.
CELL_COLUMNS = ("year", "panel_column", "obs_status", "imputed_share")
# SDMX precedence, highest first; spelt out because an estimator reads no registry.
PRECEDENCE = "BOMLHQJSDKWIFEPNUVGA"
# How far the places of two regions are apart.
YEARS = 10_000
# A share below this is printed as smaller than it, in per cent: a letter that is there never reads 0.
LEAST_SHARE = 0.1
# A study is not estimated on what is left of its sample: each outcome, control and mediator has a value in at
# least this share of the rows that the sample offers.
MIN_COVERED = 0.5


class AwaitingDataError(ValueError):
    """A specification whose data are not loaded; names the columns without a value, the printed figures that
    these wait for, and the editions in which they are not."""


# Which columns of a frame lack values, and what they wait for, in words.
Lacking = Callable[..., list[str]]


class EmptiedError(ValueError):
    """A covariate is missing for a whole cohort or for every control; names both."""


@dataclass(frozen=True)
class StudyData:
    """The tables that a specification reads, as pandas frames, one field a table of the warehouse."""

    specification: pd.DataFrame
    sample_member: pd.DataFrame
    panel_province_year: pd.DataFrame
    panel_city_year: pd.DataFrame
    panel_major_city_year: pd.DataFrame
    panel_cell: pd.DataFrame
    treatment_province_year: pd.DataFrame
    treatment_city_year: pd.DataFrame
    suspect_cell: pd.DataFrame
    missing_input: pd.DataFrame
    recomputed_cell: pd.DataFrame

    @classmethod
    def from_reader(cls, read: Callable[[str], Any], also: Iterable[str] = ()) -> StudyData:
        """read gives a DuckDB relation for a table's name; of a table in BY_COLUMN only those panel columns
        are taken that a specification names, and those of also (what diagnostics read beside them)."""
        tables = {item.name: read(item.name) for item in fields(cls)}
        specification = tables.pop("specification").df()
        rows = (Specification.from_row(row) for row in _records(specification))
        named = sorted({name for spec in rows for name in spec.columns} | {source(name)[0] for name in also})
        listed = ", ".join("'" + name.replace("'", "''") + "'" for name in named)
        for name, columns in BY_COLUMN.items():
            tables[name] = tables[name].project(", ".join(columns))
            if named:
                tables[name] = tables[name].filter(f"panel_column in ({listed})")
        # Rows are taken from these frames some thousand times; Arrow's text is slow at that.
        with pd.option_context("mode.string_storage", "python"):
            return cls(
                specification=specification,
                **{name: relation.df() for name, relation in tables.items()},
            )

    @classmethod
    def from_published(cls, connection: Any) -> StudyData:
        """From an open published file (a DuckDB connection)."""
        return cls.from_reader(lambda name: connection.table(f"{_HOME.get(name, 'marts')}.{name}"))

    def panel(self, level: str) -> pd.DataFrame:
        """The panel of a level of regions (a key of KEYS)."""
        tables = {
            "province": self.panel_province_year,
            "prefecture": self.panel_city_year,
            "major_city": self.panel_major_city_year,
        }
        return tables[level]

    @cached_property
    def cells_of(self) -> dict[tuple[str, str], pd.DataFrame]:
        """Rows of panel_cell by level and column: every specification reads a few of some hundred columns.

        cell and place: the region and year as one number, see `places`; is_flagged: whether suspect_cell has
        it.
        """
        suspects = {
            key: self.places(part["region_code"], part["year"])
            for key, part in self.suspect_cell.groupby(["region_level", "panel_column"], sort=False)
        }
        found = {}
        for key, part in self.panel_cell.groupby(["region_level", "panel_column"], sort=False):
            level, column = (str(name) for name in key)
            cell = self.places(part["region_code"], part["year"])
            flagged = np.isin(cell, suspects.get(key, []))
            found[level, column] = part.rename(columns={"region_code": KEYS[level]})[
                [KEYS[level], *CELL_COLUMNS]
            ].assign(cell=cell, place=cell, is_flagged=flagged)
        return found

    @cached_property
    def missing_inputs_of(self) -> dict[tuple[str, str], pd.DataFrame]:
        """Rows of missing_input by level and column."""
        parts = self.missing_input.groupby(["region_level", "panel_column"], sort=False)
        return {(str(level), str(column)): part for (level, column), part in parts}

    @cached_property
    def recomputed_of(self) -> dict[tuple[str, str], pd.DataFrame]:
        """Rows of recomputed_cell by level and column, with the place of each."""
        parts = self.recomputed_cell.groupby(["region_level", "panel_column"], sort=False)
        return {
            (str(level), str(column)): part.assign(place=self.places(part["region_code"], part["year"]))
            for (level, column), part in parts
        }

    @cached_property
    def _numbers(self) -> dict[str, int]:
        """A number for each region code: part of the tables, for they travel to other processes."""
        tables = (self.sample_member, self.panel_cell, self.suspect_cell)
        codes = {str(code) for table in tables for code in table["region_code"].unique()}
        return {code: number for number, code in enumerate(sorted(codes))}

    def places(self, codes: pd.Series, years: pd.Series) -> np.ndarray[Any, np.dtype[np.int64]]:
        """One integer a region and year, ten thousand apart from region to region: joins of text are slow."""
        numbers = np.asarray(codes.map(self._numbers), dtype=np.int64)
        places: np.ndarray[Any, np.dtype[np.int64]] = numbers * YEARS + np.asarray(years, dtype=np.int64)
        return places

    @cached_property
    def _grids(
        self,
    ) -> dict[tuple[str, str | None, str], tuple[pd.DataFrame, np.ndarray[Any, np.dtype[np.int64]]]]:
        return {}

    def grid(
        self, level: str, rule: str | None, sample: str, everything: pd.DataFrame
    ) -> tuple[pd.DataFrame, np.ndarray[Any, np.dtype[np.int64]]]:
        """Rows of a sample with every column of the panel and the rule, in the order of units and years, and
        their places.

        Database order is not part of a result.
        """
        key = (level, rule, sample)
        if key not in self._grids:
            unit = KEYS[level]
            grid = self.members(sample).rename(columns={"region_code": unit})[[unit, "year"]]
            frame = grid.merge(everything, on=[unit, "year"], how="left", validate="one_to_one")
            frame = frame.sort_values([unit, "year"], ignore_index=True)
            self._grids[key] = frame, self.places(frame[unit], frame["year"])
        return self._grids[key]

    @cached_property
    def with_treatment(self) -> dict[tuple[str, str | None], pd.DataFrame]:
        """Panels joined with a rule's timing, by level and rule, as they were requested."""
        return {}

    @cached_property
    def _digests(self) -> dict[tuple[str | None, ...], str]:
        return {}

    def digest(self, spec: Specification, more: Iterable[str] = ()) -> str:
        """SHA-256 of a specification and of all that its samples are made of: the rows of the sample, the
        timing of the rule, and each column that is read, with the status of its cells and the suspect ones.

        more: columns that are read beside the specification's own. What is estimated on data of one digest is
        the same; the converse need not hold.
        """
        members = self._digest_of("sample", spec.sample, lambda: self.members(spec.sample))
        of_sample = self.members(spec.sample)
        level = str(of_sample["region_level"].iloc[0]) if len(of_sample) else ""
        names = {source(name)[0] for name in (*spec.columns, *more)} | set(COMPANIONS)
        return digest(
            spec, level, members, *(self._column(level, spec.treatment_rule, name) for name in sorted(names))
        )

    def unit_of(self, spec: Specification) -> str:
        """The column that names the regions of a specification's sample; empty for an unknown sample."""
        levels = self.members(spec.sample)["region_level"]
        return KEYS[str(levels.iloc[0])] if len(levels) else ""

    def timing_digest(self, rule: str | None) -> str:
        """SHA-256 of the treatment of all cities under a rule."""
        timing = self.treatment_city_year
        return self._digest_of("timing", rule, lambda: timing[timing["rule_id"] == rule])

    @cached_property
    def _samples(self) -> dict[str, pd.DataFrame]:
        return {str(sample): part for sample, part in self.sample_member.groupby("sample_id", sort=False)}

    def members(self, sample: str) -> pd.DataFrame:
        """Regions and years of a sample; no row for an unknown one."""
        return self._samples.get(sample, self.sample_member.iloc[:0])

    def no_cells(self, level: str) -> pd.DataFrame:
        """No row, with the columns of `cells_of`."""
        of_level = self.panel_cell.iloc[:0].rename(columns={"region_code": KEYS[level]})
        return of_level[[KEYS[level], *CELL_COLUMNS]].assign(cell=0, place=0, is_flagged=False)

    def _digest_of(self, kind: str, name: str | None, frame: Callable[[], pd.DataFrame]) -> str:
        key = (kind, name)
        if key not in self._digests:
            self._digests[key] = _frame_digest(frame())
        return self._digests[key]

    def _column(self, level: str, rule: str | None, name: str) -> str:
        """Digest of a column of a level: panel, its cells, suspect cells and missing inputs; of a treatment,
        under a rule."""
        if level not in KEYS:
            return ""
        unit, panel = KEYS[level], self.panel(level)
        if name in panel.columns:
            parts = [self._digest_of(f"panel {level}", name, lambda: panel[[unit, "year", name]])]
        else:
            timing = self.treatment_province_year if level == "province" else self.treatment_city_year
            if rule is None or name not in timing.columns:
                parts = ["absent"]
            else:
                own = [unit, "year", name]
                parts = [
                    self._digest_of(
                        f"rule {level} {rule}", name, lambda: timing.loc[timing["rule_id"] == rule, own]
                    )
                ]
        for kind, of in (
            ("cells", self.cells_of),
            ("missing", self.missing_inputs_of),
            ("recomputed", self.recomputed_of),
        ):
            if (level, name) in of:
                parts.append(self._digest_of(f"{kind} {level}", name, partial(of.__getitem__, (level, name))))
        return " ".join([name, *parts])

    def offered(self, spec: Specification, fill: str | None) -> Offered:
        """What `assemble` starts from, kept for the call after: a sample is wanted twice, with all cells and
        with observed ones. Raises as `assemble` does, again each time."""
        if self._last.get("requested") != (spec, fill):
            self._last.clear()
            try:
                self._last["offered"] = _offer(self, spec, fill)
            except ValueError as error:
                # Not itself: its frames would keep the file open that is being built.
                self._last["error"] = type(error), str(error)
            self._last["requested"] = (spec, fill)
        if "error" in self._last:
            kind, words = self._last["error"]
            raise kind(words)
        offered: Offered = self._last["offered"]
        return offered

    @cached_property
    def _last(self) -> dict[str, Any]:
        return {}

    @cached_property
    def placebo_draws(self) -> dict[str, Any]:
        """Draws and their summary, which two models read, by the diagnostics that ask for them."""
        return {}

    @cached_property
    def is_simulated(self) -> bool:
        return bool(self.panel_cell["is_simulated"].any())

    def specifications(self) -> list[Specification]:
        """Every row of the seed, in order of study, table and column."""
        ordered = self.specification.sort_values(["study_id", "table_no", "column_no"])
        return [Specification.from_row(row) for row in _records(ordered)]


@dataclass(frozen=True)
class CellStatus:
    """What the figures behind an estimate are, over the cells of the rows and columns that entered it.

    imputed_share: of cells that were filled (of an index or a productivity, the filled share of what it is
    made of); imputed_row_share: of rows that rest on a filled cell; flagged_share and flagged_row_share: of
    cells, and of rows resting on a cell, that a detector holds to be filled or misprinted; cell_status: the
    composition by SDMX letter, `A 14.0 %, V 86.0 %`; worst_status: the letter of highest precedence.
    """

    imputed_share: float | None
    imputed_row_share: float | None
    flagged_share: float | None
    flagged_row_share: float | None
    cell_status: str | None
    worst_status: str | None

    @classmethod
    def none(cls) -> CellStatus:
        """Of a row that nothing entered."""
        return cls(None, None, None, None, None, None)

    @classmethod
    def of(cls, cells: pd.DataFrame, n_rows: int) -> CellStatus:
        """Of rows of `StudyData.cells_of`, whose place is that of the row that rests on the cell."""
        if cells.empty:
            return cls(0.0, 0.0, 0.0, 0.0, "", "A")
        filled, flagged = (
            cells.loc[is_so, "place"].nunique() / n_rows
            for is_so in (cells["imputed_share"] > 0, cells["is_flagged"])
        )
        if (cells["place"] != cells["cell"]).any():
            # One that rests behind several rows, as a level and as a lag, counts once.
            cells = cells.drop_duplicates(["panel_column", "cell"])
        counts = cells["obs_status"].value_counts()
        letters = sorted(counts.index, key=lambda letter: (-counts[letter], PRECEDENCE.index(letter)))
        return cls(
            imputed_share=float(cells["imputed_share"].mean()),
            imputed_row_share=filled,
            flagged_share=float(cells["is_flagged"].mean()),
            flagged_row_share=flagged,
            cell_status=", ".join(f"{letter} {_percent(counts[letter] / len(cells))}" for letter in letters),
            worst_status=min(letters, key=PRECEDENCE.index),
        )


def _percent(share: float) -> str:
    percent = 100 * share
    if percent < LEAST_SHARE:
        return f"<{LEAST_SHARE:g} %"
    # Nor does one that is not the only one read 100.
    return f"{min(percent, 100 - LEAST_SHARE) if share < 1 else 100:.1f} %"


@dataclass(frozen=True)
class EstimationSample:
    """Complete rows of one specification.

    level: level of the regions, a key of KEYS.
    rows: unit, year and every column the equation names, winsorised on request; cells: the panel cells behind
    them, those of a column that parts the sample among them, with their own year, status, imputed_share,
    is_flagged, and the place of the row that rests on them; place: of each row, shape (n,); n_offered: rows
    of the sample's grid (of the subgroup); reasons: why the others are not used; n_filled_here: blanks that
    were filled for this sample alone, and blanks: which cells of rows they are, by the names of the equation,
    None where none was to be filled; note: units that left with filled and flagged cells, and columns that
    were computed again; is_recomputed: whether a value is another than that of the sample of all cells.
    """

    rows: pd.DataFrame
    cells: pd.DataFrame
    place: np.ndarray[Any, np.dtype[np.int64]]
    level: str
    unit: str
    n_offered: int
    reasons: tuple[str, ...] = field(default=())
    n_filled_here: int = 0
    note: str | None = None
    is_recomputed: bool = False
    blanks: pd.DataFrame | None = field(default=None, repr=False)

    def status(self, used: np.ndarray[Any, np.dtype[np.bool_]] | None = None) -> CellStatus:
        """Of the cells behind the rows that entered a fit, shape (n,); of all rows without it."""
        if used is None or used.all():
            return CellStatus.of(self.cells, len(self.rows))
        return CellStatus.of(self._behind(used), int(used.sum()))

    def restricted(self, used: np.ndarray[Any, np.dtype[np.bool_]]) -> EstimationSample:
        """The rows that entered a fit, shape (n,), and the cells behind them."""
        blanks = None if self.blanks is None else self.blanks[used]
        return replace(
            self, rows=self.rows[used], cells=self._behind(used), place=self.place[used], blanks=blanks
        )

    def _behind(self, used: np.ndarray[Any, np.dtype[np.bool_]]) -> pd.DataFrame:
        return self.cells[np.isin(self.cells["place"], self.place[used])]


@dataclass(frozen=True)
class Offered:
    """Rows of a sample that its equation can use. cells: those behind all rows of the grid; place: of each
    row of the grid. The rest: see `EstimationSample`."""

    rows: pd.DataFrame
    cells: pd.DataFrame
    place: pd.Series
    level: str
    unit: str
    n_offered: int
    reasons: tuple[str, ...]
    n_filled: int
    blanks: pd.DataFrame | None


def _records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]


def _frame_digest(frame: pd.DataFrame) -> str:
    kinds = [(name, str(kind)) for name, kind in frame.dtypes.items()]
    return digest(kinds, pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes())


def assemble(
    data: StudyData, spec: Specification, *, observed_only: bool = False, fill: str | None = None
) -> EstimationSample:
    """Join the sample's grid, the panel and the treatment of the rule; keep rows that the equation can use.

    observed_only: leave out rows that rest on a cell that somebody filled, or that a detector holds to be
    filled or misprinted, and take indices and productivity as they are computed from the other cells alone
    (quality.recomputed_cell): weights, bounds and frontier rest on every cell of a sample. fill: "linear" or
    "geometric" fills blanks of outcome and controls between two years of a unit, never across its first
    treated year; for comparison only, nothing is kept.

    Raises AwaitingDataError when a column has no value in the sample, ValueError for an unknown sample, rule
    or column, EmptiedError when a control empties a cohort or the control group.
    """
    offered = data.offered(spec, fill)
    frame, place, reasons = offered.rows, offered.place, list(offered.reasons)
    if observed_only:
        cells = offered.cells
        for is_so, words in (
            (cells["imputed_share"] > 0, "a cell was filled"),
            (cells["is_flagged"], "a detector flags a cell"),
        ):
            is_found = np.isin(place[frame.index], cells.loc[is_so, "place"])
            if is_found.any():
                reasons.append(f"{int(is_found.sum())} rows: {words}")
                frame = frame[~is_found]
    notes: list[str] = []
    is_recomputed = False
    if observed_only:
        frame, again = _recomputed(data, spec, offered, frame)
        reasons += again.reasons
        is_recomputed = bool(again.notes)
        notes += again.notes
    n_units, n_left = (part[offered.unit].nunique() for part in (offered.rows, frame))
    if n_left < n_units:
        notes.insert(0, f"{n_left} of {n_units} units have a row without a filled or flagged cell")
    if spec.winsor:
        frame = winsorise(frame, spec.variables, spec.winsor)
    of_rows = place[frame.index].to_numpy()
    used = offered.cells[np.isin(offered.cells["place"], of_rows)].reset_index(drop=True)
    return EstimationSample(
        rows=frame,
        cells=used,
        place=of_rows,
        level=offered.level,
        unit=offered.unit,
        n_offered=offered.n_offered,
        reasons=tuple(reasons),
        n_filled_here=offered.n_filled,
        note="; ".join(notes) or None,
        is_recomputed=is_recomputed,
        blanks=None if offered.blanks is None else offered.blanks.loc[frame.index],
    )


@dataclass(frozen=True)
class _Again:
    """What was computed again: why rows left, and what to say of each column that changed."""

    reasons: list[str]
    notes: list[str]


def _recomputed(
    data: StudyData, spec: Specification, offered: Offered, frame: pd.DataFrame
) -> tuple[pd.DataFrame, _Again]:
    """Rows with indices and productivity as observed cells alone give them."""
    again = _Again([], [])
    for name in dict.fromkeys(spec.variables):
        column, lag = source(name)
        part = data.recomputed_of.get((offered.level, column))
        if part is None or frame.empty:
            continue
        values = pd.Series(part["value"].to_numpy(dtype=float), index=part["place"] + lag)
        found = values.reindex(offered.place[frame.index]).to_numpy()
        is_absent = np.isnan(found)
        if is_absent.any():
            again.reasons.append(f"{int(is_absent.sum())} rows: no {name} without filled and flagged cells")
        before = frame[name].to_numpy(dtype=float)
        if not np.array_equal(found[~is_absent], before[~is_absent]):
            every, left = (part[part[value].notna()] for value in ("value_of_all", "value"))
            units, units_left = every["region_code"].nunique(), left["region_code"].nunique()
            words = (
                f"{column} computed again from observed cells: {len(left)} of {len(every)} values,"
                f" {units_left} of {units} units"
            )
            # Once for a column and its lags.
            if words not in again.notes:
                again.notes.append(words)
        frame = frame.assign(**{name: found})[~is_absent]
    return frame, again


def _offer(data: StudyData, spec: Specification, fill: str | None) -> Offered:
    """Rows that the equation can use, whatever their cells rest on; raises as `assemble` does."""
    members = data.members(spec.sample)
    if members.empty:
        known = sorted(data.sample_member["sample_id"].unique())
        raise ValueError(f"{spec.label}: sample {spec.sample!r} is empty; known: {known}")
    level = str(members["region_level"].iloc[0])
    unit = KEYS[level]
    everything = data.with_treatment.get((level, spec.treatment_rule))
    if everything is None:
        everything = _with_treatment(data, spec, data.panel(level), unit, level)
        data.with_treatment[level, spec.treatment_rule] = everything
    spec.check_columns(everything.columns)
    wanted = [unit, "year", *(name for name in spec.columns if name not in (unit, "year"))]
    extra = [name for name in COMPANIONS if name in everything.columns and name not in wanted]
    grid, places = data.grid(level, spec.treatment_rule, spec.sample, everything)
    frame = grid[[*wanted, *extra]]
    behind = [data.no_cells(level)]
    for name in dict.fromkeys(spec.variables):
        column, lag = source(name)
        if lag:
            earlier = everything[[unit, "year", column]].rename(columns={column: name})
            frame = frame.merge(earlier.assign(year=earlier["year"] + lag), on=[unit, "year"], how="left")
        part = data.cells_of.get((level, column))
        if part is not None:
            # A lag rests on the cell of an earlier year, at the place of the row.
            behind.append(part.assign(place=part["place"] + lag) if lag else part)
    place = pd.Series(places, index=frame.index)
    if spec.subgroup:
        behind.append(_grouping(data, level, spec.subgroup, frame, place))
    lacking = partial(_lacking, data, level, (int(grid["year"].min()), int(grid["year"].max())))
    if spec.subgroup:
        frame = _subgroup(frame, spec.with_(subgroup=None), spec.subgroup, unit, lacking)
    n_offered = len(frame)
    blanks, n_filled = None, 0
    if fill:
        frame, blanks = _filled(frame, spec, fill, unit)
        n_filled = int(blanks.to_numpy().sum())
    cells = pd.concat(behind)
    frame, reasons = _complete(frame, spec, cells, lacking)
    return Offered(frame, cells, place, level, unit, n_offered, tuple(reasons), n_filled, blanks)


def _grouping(
    data: StudyData, level: str, group: Subgroup, frame: pd.DataFrame, place: pd.Series
) -> pd.DataFrame:
    """Cells of the column that parts a sample, behind the rows that they put into a group."""
    cells = data.cells_of.get((level, group.column))
    if cells is None:
        return data.no_cells(level)
    if group.value != "median":
        return cells
    # Every row of a unit rests on all of the unit's years before anyone is treated.
    before = cells[cells["year"] < _first_treated(frame)].drop(columns="place")
    rows = pd.DataFrame({"place": place, "number": place // YEARS})
    return before.assign(number=before["cell"] // YEARS).merge(rows, on="number").drop(columns="number")


def _first_treated(frame: pd.DataFrame) -> float:
    """The first year in which anyone of a sample is treated; the one after its first where nobody ever is."""
    start = frame["first_treated_year"].min() if "first_treated_year" in frame else None
    return float(frame["year"].min() + 1 if start is None or start != start else start)


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


def _texts(values: pd.Series) -> pd.Series:
    """Values as the seed writes them."""
    return values.map(lambda value: str(value).lower() if isinstance(value, bool) else str(value))


def _subgroup(
    frame: pd.DataFrame, spec: Specification, group: Subgroup, unit: str, lacking: Lacking
) -> pd.DataFrame:
    """Rows of a subgroup; a row without a value of its column is in none. spec: the column without it.

    Raises AwaitingDataError where the column has a value in too few rows, EmptiedError where it cannot be
    compared or no row is inside.
    """
    values = frame[group.column]
    if lacking(spec, frame, [group.column]):
        parts = [f"the subgroup {group} rests on {group.column}"]
        parts += lacking(spec, frame, [group.column, *spec.variables])
        raise AwaitingDataError(f"{spec.label}: " + "; ".join(parts))
    is_number = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    where = f"{spec.label}: no row of {spec.sample} is in the subgroup {group}"
    if group.relation in ("=", "!="):
        try:
            same = values.eq(float(group.value)) if is_number else _texts(values).eq(group.value)
        except ValueError:
            raise EmptiedError(f"{where}: {group.column} is a number") from None
        inside = (same if group.relation == "=" else ~same) & values.notna()
    else:
        if not is_number:
            raise EmptiedError(f"{where}: {group.column} is no number and has no median")
        number, middle = _parted(frame, values.astype(float), group, unit)
        inside = number > middle if group.relation == ">" else number <= middle
        if not number.notna().any():
            raise EmptiedError(f"{where}: {group.column} has no value before the first treated year")
    if not inside.any():
        known = sorted(set(values.dropna() if is_number else _texts(values.dropna())))
        if is_number:
            known.sort(key=lambda value: abs(value - float(group.value)))
            shown = [f"{value:g}" for value in known[:3]]
        else:
            shown = difflib.get_close_matches(group.value, known, n=3, cutoff=0)
        raise EmptiedError(f"{where}; nearest values: {', '.join(shown)}")
    return frame[inside]


def _parted(
    frame: pd.DataFrame, number: pd.Series, group: Subgroup, unit: str
) -> tuple[pd.Series, pd.Series | float]:
    """What is compared with a median, and the median."""
    if group.value == "median":
        is_before = frame["year"] < _first_treated(frame)
        before = frame.assign(number=number)[is_before].groupby(unit)["number"].mean()
        return frame[unit].map(before), before.median()
    if group.value == "median_by_year":
        return number, number.groupby(frame["year"]).transform("median")
    return number, number.median()


def _filled(
    frame: pd.DataFrame, spec: Specification, rule: str, unit: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The frame with blanks of outcome and controls filled, and which cells of these columns were."""
    out, blanks = frame.copy(), pd.DataFrame(index=frame.index)
    start = frame.get("first_treated_year", pd.Series(float("nan"), frame.index))
    assert start is not None
    start = start.astype(float)
    # Anchors lie on one side of the approval: each side is a series of its own.
    side = [frame[unit], frame["year"] >= start.fillna(float("inf"))]
    for name in dict.fromkeys(spec.variables):
        if name == spec.treatment or frame[name].dtype == bool:
            continue
        numbers = frame[name].astype(float)
        # What falls below zero has no geometric path.
        is_log = rule == "geometric" and bool((numbers.dropna() > 0).all())
        scaled = numbers.map(np.log) if is_log else numbers
        path = _between(scaled, side)
        out[name] = (path.map(np.exp) if is_log else path).where(numbers.isna(), numbers)
        blanks[name] = numbers.isna() & path.notna()
    return out, blanks


def _between(values: pd.Series, groups: list[pd.Series]) -> pd.Series:
    """Values; where one is missing, the straight line between the nearest rows of its group that have one."""
    place = pd.Series(np.arange(len(values)), index=values.index).where(values.notna())
    ends = pd.DataFrame({"value": values, "place": place}).groupby(groups)
    before, after = ends.ffill(), ends.bfill()
    share = (np.arange(len(values)) - before["place"]) / (after["place"] - before["place"])
    return values.fillna(before["value"] + (after["value"] - before["value"]) * share)


def _complete(
    frame: pd.DataFrame, spec: Specification, status: pd.DataFrame, lacking: Lacking
) -> tuple[pd.DataFrame, list[str]]:
    """Rows without a blank, and why the others left. A year that the source prints for nobody is named."""
    parts = lacking(spec, frame, spec.variables)
    if parts:
        raise AwaitingDataError(f"{spec.label}: " + "; ".join(parts))
    reasons = []
    keep = pd.Series(True, index=frame.index)
    guarded = spec.treatment_rule is not None and "first_treated_year" in frame
    roles = {spec.outcome: "outcome", spec.treatment: "treatment", spec.mediator: "mediator"}
    for name in dict.fromkeys(spec.variables):
        missing = keep & frame[name].isna()
        if guarded and name not in (spec.outcome, spec.treatment) and missing.any():
            _guard(frame["first_treated_year"].fillna(0), keep, missing, f"{spec.label}: {name}")
        if missing.any():
            role, years = roles.get(name, "control"), _unpublished(frame, name, status)
            n_unpublished = int((missing & frame["year"].isin(years)).sum())
            if n_unpublished:
                of = _years([year - source(name)[1] for year in years])
                reasons.append(f"{n_unpublished} rows: {role} {name} is in no edition for {of}")
            if n_unpublished < int(missing.sum()):
                reasons.append(f"{int(missing.sum()) - n_unpublished} rows: {role} {name} missing")
            keep &= ~missing
    if not keep.any():
        parts = [
            f"no row has all of {', '.join(spec.variables)}",
            *lacking(spec, frame, spec.variables, True),
        ]
        raise AwaitingDataError(f"{spec.label}: " + "; ".join(parts))
    return frame[keep], reasons


def _lacking(
    data: StudyData,
    level: str,
    span: tuple[int, int],
    spec: Specification,
    frame: pd.DataFrame,
    names: Iterable[str],
    whatever: bool = False,
) -> list[str]:
    """Which columns have no value in a frame, or one in too few rows, and what they wait for.

    span: first and last year of the sample; whatever: what all columns wait for, whatever they have.
    """
    n_values = {name: int(frame[name].notna().sum()) for name in dict.fromkeys(names)}
    empty = [name for name, n in n_values.items() if not n]
    scarce = [
        name for name, n in n_values.items() if name != spec.treatment and 0 < n < MIN_COVERED * len(frame)
    ]
    rows = f"{len(frame)} rows of {spec.sample}" + (f" with {spec.subgroup}" if spec.subgroup else "")
    return [
        *([f"no value of {', '.join(empty)}"] if empty else []),
        *(f"{name} has a value in {n_values[name]} of {rows}" for name in scarce),
        *_awaited(data, level, span, n_values if whatever else [*empty, *scarce]),
    ]


def _awaited(data: StudyData, level: str, span: tuple[int, int], names: Iterable[str]) -> list[str]:
    """The printed figures under columns that no region has in a year of a sample, those of most years first,
    with the editions that do not print them."""
    first, last = span
    # By input, and whether an edition covers the year: years and editions.
    missing: dict[tuple[str, bool], tuple[set[int], set[int]]] = {}
    for name in names:
        column, lag = source(name)
        rows = data.missing_inputs_of.get((level, column))
        if rows is None:
            continue
        for indicator, year, edition in rows[(rows["year"] + lag).between(first, last)][
            ["input_indicator_id", "year", "missing_in_edition"]
        ].itertuples(index=False):
            years, editions = missing.setdefault((indicator, not pd.isna(edition)), (set(), set()))
            years.add(int(year))
            editions |= set() if pd.isna(edition) else {int(edition)}
    alike: dict[tuple[int, str, str], list[str]] = {}
    for (indicator, _), (years, editions) in missing.items():
        is_whole = years >= set(range(first, last + 1))
        when = "" if is_whole else f" for {_years(sorted(years))}"
        alike.setdefault((-len(years), when, _years(sorted(editions))), []).append(indicator)
    return [
        f"no edition {of} prints {', '.join(sorted(inputs))}{when}"
        if of
        else f"no series that panels read has {', '.join(sorted(inputs))}{when}"
        for (_, when, of), inputs in sorted(alike.items(), key=lambda item: (item[0], sorted(item[1])))
    ]


def _unpublished(frame: pd.DataFrame, name: str, status: pd.DataFrame) -> list[int]:
    """Years of a variable that have no value and whose cells rest on what no edition prints (status L)."""
    of_column = status[status["panel_column"] == source(name)[0]]
    no_edition = set(of_column.loc[of_column["obs_status"] == "L", "place"] % YEARS)
    has_value = set(frame.loc[frame[name].notna(), "year"])
    return sorted(int(year) for year in no_edition & set(frame["year"]) - has_value)


def _years(years: list[int]) -> str:
    """'2009-2019, 2021': runs of years."""
    runs: list[list[int]] = []
    for year in years:
        if runs and year == runs[-1][1] + 1:
            runs[-1][1] = year
        else:
            runs.append([year, year])
    return ", ".join(f"{first}" if first == last else f"{first}-{last}" for first, last in runs)


def _guard(cohort: pd.Series, keep: pd.Series, missing: pd.Series, where: str) -> None:
    """Raise EmptiedError when dropping rows for one covariate leaves a cohort or the controls empty."""
    lost = sorted(set(cohort[keep]) - set(cohort[keep & ~missing]))
    # Without a single row left the column awaits data.
    if lost and (keep & ~missing).any():
        names = ", ".join("the never treated" if year == 0 else f"the cohort of {int(year)}" for year in lost)
        raise EmptiedError(f"{where} is missing in every row of {names}; leave it out or restrict the sample")
