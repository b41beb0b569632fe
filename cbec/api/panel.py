"""A panel whose every cell has a status: read from a published file, or made from a frame of one's own."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from cbec.common.warehouse import connect, published
from cbec.common.words import Lang
from cbec.estimators.frame import check_columns
from cbec.export.dataset import TREATMENT, column_of, panel_parts
from cbec.project import Project
from cbec.studies.sample import PRECEDENCE, CellStatus

#: Columns of `PanelData.cells`.
CELLS = ("row", "column", "obs_status", "imputed_share", "is_flagged")


@dataclass(frozen=True)
class PanelData:
    """A panel and what its cells are.

    frame: one row for a unit and a period, index 0, 1, ...; unit, time: the columns that name them. cells:
    one row for each cell that has a status: `row` (of frame), `column`, `obs_status` (one SDMX letter),
    `imputed_share` (of what it is made of, 0 to 1), `is_flagged` (held by a detector to be filled or
    misprinted). labels, units: of columns, in the language that was requested; is_simulated: of the demo.
    """

    frame: pd.DataFrame
    unit: str
    time: str
    cells: pd.DataFrame = field(repr=False)
    labels: dict[str, str] = field(default_factory=dict, repr=False)
    units: dict[str, str] = field(default_factory=dict, repr=False)
    is_simulated: bool = False

    @classmethod
    def from_frame(
        cls, frame: pd.DataFrame, *, unit: str, time: str = "year", status: pd.DataFrame | None = None
    ) -> PanelData:
        """A panel of one's own. status: letters of its cells, the same rows in the same order, columns of the
        same names; what has no letter there has no status.

        Raises ValueError for a missing or repeated unit and period, a column of status that the frame has
        not, or a letter that is none of SDMX.
        """
        check_columns(frame.columns, [unit, time])
        held = frame.reset_index(drop=True)
        if held[[unit, time]].isna().any().any():
            raise ValueError(f"{int(held[[unit, time]].isna().any(axis=1).sum())} rows lack {unit} or {time}")
        repeated = held[held.duplicated([unit, time])]
        if len(repeated):
            first = repeated.iloc[0]
            raise ValueError(f"{unit} {first[unit]!r} has two rows for {time} {first[time]!r}")
        return cls(held, unit, time, _cells_of(held, status))

    def __getitem__(self, column: str) -> pd.Series:
        check_columns(self.frame.columns, [column])
        return self.frame[column]

    def to_frame(self) -> pd.DataFrame:
        """The figures, a copy."""
        return self.frame.copy()

    def where(self, rows: ArrayLike) -> PanelData:
        """The rows of which something holds (one bool a row), with their cells."""
        kept = np.asarray(rows, dtype=bool)
        if len(kept) != len(self.frame):
            raise ValueError(f"{len(kept)} values for {len(self.frame)} rows")
        place = pd.Series(range(int(kept.sum())), index=self.frame.index[kept])
        cells = self.cells[self.cells["row"].isin(place.index)]
        return replace(
            self,
            frame=self.frame[kept].reset_index(drop=True),
            cells=cells.assign(row=cells["row"].map(place)),
        )

    def assign(self, **columns: pd.Series) -> PanelData:
        """The panel with columns of one's own, which have no status."""
        gone = self.cells["column"].isin(list(columns))
        return replace(self, frame=self.frame.assign(**columns), cells=self.cells[~gone])

    def status_of(self, columns: Iterable[str], rows: Sequence[int] | None = None) -> CellStatus:
        """Composition of the cells of columns, of all rows or of some."""
        cells = self.cells[self.cells["column"].isin(list(columns))]
        if rows is not None:
            cells = cells[cells["row"].isin(set(rows))]
        shown = cells.rename(columns={"column": "panel_column"}).assign(place=cells["row"], cell=cells["row"])
        return CellStatus.of(shown, len(self.frame) if rows is None else len(rows))


def _cells_of(frame: pd.DataFrame, status: pd.DataFrame | None) -> pd.DataFrame:
    if status is None:
        return pd.DataFrame({name: [] for name in CELLS}).astype({"is_flagged": bool})
    if len(status) != len(frame):
        raise ValueError(f"status has {len(status)} rows, the frame {len(frame)}")
    check_columns(frame.columns, list(map(str, status.columns)))
    parts = []
    for name in map(str, status.columns):
        letters = status[name].reset_index(drop=True).dropna()
        unknown = sorted(set(letters) - set(PRECEDENCE))
        if unknown:
            raise ValueError(f"status of {name!r}: {unknown[0]!r} is no letter; allowed: {PRECEDENCE}")
        parts.append(pd.DataFrame({
            "row": letters.index, "column": name, "obs_status": letters.to_numpy(),
            "imputed_share": (letters == "I").to_numpy(float), "is_flagged": False,
        }))  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def read_panel(
    panel: str = "city_year",
    *,
    path: str | os.PathLike[str] | None = None,
    columns: Sequence[str] | None = None,
    years: tuple[int, int] | None = None,
    demo: bool = False,
    lang: Lang = "en",
) -> PanelData:
    """A panel of a published file, with treatment under the rule `default` and the status of every cell.

    panel: city_year, major_city_year or province_year. path: the published file; without it that of the
    project here (`demo`: its demo warehouse). columns: the measures that are wanted, all without them; years:
    first and last. The file is opened read-only.

    Raises CbecError where nothing is published or the panel is unknown, ValueError for an unknown column,
    with the nearest names.
    """
    file = Path(path) if path is not None else published(Project.here(), "demo" if demo else "dev")
    with connect(file) as connection:
        found = panel_parts(connection, panel, lang)
        (is_simulated,) = connection.sql("select is_simulated from meta.publication").fetchall()[0]
        names = list(found.values.column_names)
        wanted = list(found.status) if columns is None else list(dict.fromkeys(columns))
        check_columns(names, wanted)
        cells = connection.execute(
            "select cell.region_code, cell.year, cell.panel_column, cell.obs_status, cell.imputed_share,"
            " suspect.panel_column is not null as is_flagged"
            " from marts.panel_cell as cell"
            " left join (select distinct region_level, region_code, year, panel_column"
            " from quality.suspect_cell) as suspect using (region_level, region_code, year, panel_column)"
            " where cell.region_level = $level and list_contains($wanted, cell.panel_column)",
            {"level": found.level, "wanted": wanted},
        ).df()
    kept = [name for name in names if name not in found.status or name in wanted]
    frame = found.values.select(list(dict.fromkeys([*kept, *TREATMENT]))).to_pandas()
    if years is not None:
        frame = frame[frame["year"].between(*years)]
    frame = frame.reset_index(drop=True)
    place = pd.DataFrame({"region_code": frame[found.key], "year": frame["year"], "row": frame.index})
    cells = cells.merge(place, on=["region_code", "year"]).rename(columns={"panel_column": "column"})
    about = [column_of(str(name), found.names, {}, [], lang) for name in frame.columns]
    return PanelData(
        frame, found.key, "year", cells[list(CELLS)].reset_index(drop=True),
        {column.name: column.label for column in about},
        {column.name: column.unit for column in about if column.unit}, bool(is_simulated),
    )  # fmt: skip


def status(panel: PanelData, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """What the cells of columns are: one row a column with n_cells, cell_status (its composition by SDMX
    letter), imputed_share and flagged_share of the cells. columns: all that have a status without them.

    Raises ValueError for an unknown column, with the nearest names.
    """
    known = list(dict.fromkeys(panel.cells["column"]))
    wanted = known if columns is None else list(columns)
    check_columns(panel.frame.columns, wanted)
    rows = []
    for name in wanted:
        n_cells = int((panel.cells["column"] == name).sum())
        found = panel.status_of([name]) if n_cells else CellStatus.none()
        rows.append({
            "column": name, "n_cells": n_cells, "cell_status": found.cell_status,
            "imputed_share": found.imputed_share, "flagged_share": found.flagged_share,
        })  # fmt: skip
    return pd.DataFrame(rows, columns=["column", "n_cells", "cell_status", "imputed_share", "flagged_share"])
