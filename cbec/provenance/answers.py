"""Questions that `cbec why` answers, and the answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import duckdb
import pandas as pd

from cbec.common.names import choose
from cbec.provenance.walk import PanelCell, PrintedLine, SeedRow, SourceCell, ZoneAct, records

# What is done, how many are done, how many there are.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class EstimateQuestion:
    """Why is this coefficient what it is? computes: leave units out anew where that is not stored."""

    study_id: str
    table_no: str
    column_no: int
    term: str = ""
    computes: bool = True


@dataclass(frozen=True)
class CellQuestion:
    """Where does this panel cell come from? region: code or name; indicator: an indicator, a panel column, an
    index, a column of the treatment (then under rule_id)."""

    region: str
    year: int
    indicator: str
    rule_id: str = "default"


@dataclass(frozen=True)
class PublishedQuestion:
    """Where does a paper print this number? paper: study or number (003); result_no instead of the rest."""

    paper: str = ""
    table_no: str = ""
    column: str = ""
    term: str = ""
    result_no: int | None = None


Question = EstimateQuestion | CellQuestion | PublishedQuestion


@dataclass(frozen=True)
class VariableShare:
    """Cells of one variable in the sample used. shares are 0 to 1, None where an arm has no unit."""

    role: str
    panel_column: str
    name_zh: str | None
    name_en: str | None
    n_cells: int
    filled_share: float
    filled_share_treated: float | None
    filled_share_control: float | None
    suspect_share: float
    cell_status: str


@dataclass(frozen=True)
class Influence:
    """The coefficient without one unit; shift is what leaving it out adds.

    withheld: why there is no std_error, where it rests on too few of n_effective_clusters.
    """

    region_code: str
    name_zh: str | None
    name_en: str | None
    estimate: float
    std_error: float | None
    shift: float
    shift_in_se: float | None
    n_effective_clusters: float | None = None
    withheld: str | None = None


@dataclass(frozen=True)
class FileShare:
    """How many figures one file and publication give. n_filled: with status I, E or F."""

    file: str | None
    sha256: str | None
    sheet: str
    indicator_id: str
    citation: str | None
    certainty: str | None
    n_cells: int
    n_filled: int
    first_cell: str
    last_cell: str


@dataclass(frozen=True)
class Finding:
    """What a detector or the registry says about a figure."""

    severity: str
    detector: str
    region_code: str | None
    year: int | None
    indicator_id: str | None
    vintage: str | None
    evidence: str | None


@dataclass(frozen=True)
class WhyEstimate:
    """An estimate and all that it rests on.

    estimate: the row of estimates.regression (a dictionary of its columns); observed_only: on observed cells
    only. influences are ordered by size of the shift; influence_origin: stored, computed, or the reason why
    there are none. cells are in order of indicator, region and year.
    """

    question: EstimateQuestion
    is_simulated: bool
    estimate: dict[str, Any]
    observed_only: dict[str, Any] | None
    specification: dict[str, Any]
    specification_row: tuple[SeedRow, ...]
    sample: dict[str, Any]
    variables: tuple[VariableShare, ...]
    influences: tuple[Influence, ...]
    influence_origin: str
    files: tuple[FileShare, ...]
    cells: tuple[SourceCell, ...]
    zones: tuple[ZoneAct, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class WhyCell:
    """A panel cell and what it rests on. steps: the cell (depth 0) and the cells that it is computed from;
    other_vintages: what else is printed for the same region, year and indicator; anchors: figures that a
    filled cell was computed from; weights: of an index, one dictionary a component; treatment: row of the
    rule's table."""

    question: CellQuestion
    is_simulated: bool
    region: dict[str, Any]
    steps: tuple[PanelCell, ...]
    cells: tuple[SourceCell, ...]
    other_vintages: tuple[SourceCell, ...]
    anchors: tuple[SourceCell, ...]
    zones: tuple[ZoneAct, ...]
    weights: tuple[dict[str, Any], ...]
    treatment: dict[str, Any] | None
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class WhyPublished:
    """A printed number, the lines beside it, what the audit of the papers found and what our estimate is."""

    question: PublishedQuestion
    is_simulated: bool
    lines: tuple[PrintedLine, ...]
    source_row: tuple[SeedRow, ...]
    audit: tuple[dict[str, Any], ...]
    has_audit: bool
    ours: tuple[dict[str, Any], ...]


def choose_known(kind: str, value: str, known: list[str]) -> str:
    """As `choose`, but indifferent to case where only one known name differs by it."""
    same = [name for name in known if name.lower() == value.lower()]
    return same[0] if len(same) == 1 else choose(kind, value, known)


def first_column(connection: duckdb.DuckDBPyConnection, query: str, *parameters: Any) -> list[Any]:
    return [row[0] for row in connection.execute(query, list(parameters)).fetchall()]


def is_simulated_file(connection: duckdb.DuckDBPyConnection) -> bool:
    return bool(first_column(connection, "select is_simulated from meta.publication")[0])


def file_shares(cells: tuple[SourceCell, ...]) -> tuple[FileShare, ...]:
    groups: dict[tuple[str, ...], list[SourceCell]] = {}
    for cell in cells:
        key = (cell.file, cell.sha256, cell.sheet, cell.indicator_id, cell.source_id)
        groups.setdefault(tuple(str(part) for part in key), []).append(cell)
    return tuple(
        FileShare(
            file=members[0].file,
            sha256=members[0].sha256,
            sheet=members[0].sheet,
            indicator_id=members[0].indicator_id,
            citation=members[0].citation,
            certainty=members[0].certainty,
            n_cells=len(members),
            n_filled=sum(bool(set("IEF") & set(cell.obs_status_all)) for cell in members),
            first_cell=members[0].cell,
            last_cell=members[-1].cell,
        )
        for _, members in sorted(groups.items())
    )


def findings_on(connection: duckdb.DuckDBPyConnection, cells: tuple[SourceCell, ...]) -> tuple[Finding, ...]:
    if not cells:
        return ()
    frame = pd.DataFrame(
        [(c.region_level, c.region_code, c.year, c.indicator_id, c.vintage) for c in cells],
        columns=["region_level", "region_code", "year", "indicator_id", "vintage"],
    )
    connection.register("found_frame", frame)
    rows = records(
        connection,
        "select distinct finding.severity, finding.detector, finding.region_code, finding.year,"
        " finding.indicator_id, finding.vintage, finding.evidence from quality.finding as finding"
        " inner join found_frame using (region_level, region_code, year, indicator_id, vintage)"
        " order by finding.severity, finding.detector, finding.region_code, finding.year,"
        " finding.indicator_id, finding.evidence",
    )
    connection.unregister("found_frame")
    return tuple(Finding(**row) for row in rows)
