"""The three questions of `cbec why`: an estimate, a panel cell, a printed number; answers are dataclasses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd

from cbec.project import CbecError
from cbec.provenance.walk import (
    CELL_KEYS,
    PanelCell,
    PrintedLine,
    SeedRow,
    SourceCell,
    ZoneAct,
    observed,
    panel_cells,
    printed_level,
    printed_lines,
    records,
    seed_rows,
    source_cells,
    zones_behind,
    zones_of,
)
from cbec.report.frames import choose

if TYPE_CHECKING:
    from cbec.estimators.sample import EstimationSample, StudyData
    from cbec.estimators.specification import Specification

# What is done, how many are done, how many there are.
Progress = Callable[[str, int, int], None]
TREATMENT_COLUMNS = (
    "is_treated", "exposure_share", "zone_count", "first_treated_year", "event_year", "batch",
)  # fmt: skip
# Where the engine's tables stand in the published file.
_HOME = {"specification": "studies", "doubted_cell": "quality"}
_LEFT_OUT = {"city": "prefecture", "province": "province"}


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
    doubted_share: float
    worst_status: str


@dataclass(frozen=True)
class Influence:
    """The coefficient without one unit; shift is what leaving it out adds."""

    region_code: str
    name_zh: str | None
    name_en: str | None
    estimate: float
    std_error: float | None
    shift: float
    shift_in_se: float | None


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

    estimate: the row of estimates.regression (a dictionary of its columns); twin: the same on observed cells
    only. influences are ordered by size of the shift; influence_origin: stored, computed, or the reason why
    there are none. cells are in order of indicator, region and year.
    """

    question: EstimateQuestion
    is_simulated: bool
    estimate: dict[str, Any]
    twin: dict[str, Any] | None
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


def why(
    connection: duckdb.DuckDBPyConnection, question: Question, progress: Progress | None = None
) -> WhyEstimate | tuple[WhyCell, ...] | WhyPublished:
    """Answer a question from an open, read-only published file.

    A region that is province and prefecture at once (Beijing) gives one answer for each level that has the
    cell. Raises CbecError (exit code 2) for unknown names, with the nearest known ones.
    """
    if isinstance(question, EstimateQuestion):
        return why_estimate(connection, question, progress)
    if isinstance(question, CellQuestion):
        return why_cell(connection, question)
    return why_published(connection, question)


def _choose(kind: str, value: str, known: list[str]) -> str:
    """As `choose`, but indifferent to case where only one known name differs by it."""
    same = [name for name in known if name.lower() == value.lower()]
    return same[0] if len(same) == 1 else choose(kind, value, known)


def _column(connection: duckdb.DuckDBPyConnection, query: str, *parameters: Any) -> list[Any]:
    return [row[0] for row in connection.execute(query, list(parameters)).fetchall()]


def _is_simulated(connection: duckdb.DuckDBPyConnection) -> bool:
    return bool(_column(connection, "select is_simulated from meta.publication")[0])


def why_estimate(
    connection: duckdb.DuckDBPyConnection, question: EstimateQuestion, progress: Progress | None = None
) -> WhyEstimate:
    """From a coefficient to its sample, the filled share of its cells, influential units and sources."""
    # The engine takes a second to load, and the other questions do not need it.
    from cbec.estimators.sample import StudyData, assemble

    study = _choose("study", question.study_id, _column(connection, "select study_id from studies.study"))
    table = _choose(
        f"table of study {study}",
        question.table_no,
        _column(
            connection,
            "select distinct table_no from studies.specification where study_id = ? order by 1",
            study,
        ),
    )
    where = "where study_id = ? and table_no = ? and column_no = ?"
    columns = _column(
        connection,
        "select column_no from studies.specification where study_id = ? and table_no = ? order by 1",
        study, table,
    )  # fmt: skip
    _choose(f"column of {study} {table}", str(question.column_no), [str(number) for number in columns])
    key = [study, table, question.column_no]
    rows = records(connection, f"select * from estimates.regression {where}", key)
    if not rows:
        reason = _column(connection, f"select reason from estimates.specification_status {where}", *key)
        raise CbecError(
            f"{study} {table}({question.column_no}) has no estimate: {reason[0] if reason else 'not run'}",
            exit_code=2,
        )
    main = [row for row in rows if not row["is_observed_only"]] or rows
    specification = records(connection, f"select * from studies.specification {where}", key)[0]
    term = question.term or str(specification["treatment"])
    terms = [str(row["term"]) for row in main]
    term = _choose(f"term of {study} {table}({question.column_no})", term, terms)
    estimate = next(row for row in main if row["term"] == term)
    twin = next((row for row in rows if row["is_observed_only"] and row["term"] == term), None)
    data = StudyData.from_reader(lambda name: connection.table(f"{_HOME.get(name, 'marts')}.{name}"))
    spec = next(
        spec
        for spec in data.specifications()
        if (spec.study_id, spec.table_no, spec.column_no) == (study, table, question.column_no)
    )
    used = assemble(data, spec)
    level = used.level
    cells = _used_cells(used, spec, level)
    # What is blank (the dollars of a year that prints yuan) went into nothing.
    found = tuple(cell for cell in source_cells(connection, cells) if cell.value is not None)
    influences, origin = _influences(connection, spec, used, estimate, question, progress)
    rule = specification["treatment_rule"]
    zones = (
        zones_of(connection, rule, level, used.rows[used.unit].unique())
        if rule
        else zones_behind(connection, cells)
    )
    return WhyEstimate(
        question=EstimateQuestion(study, table, question.column_no, term, question.computes),
        is_simulated=_is_simulated(connection),
        estimate=estimate,
        twin=twin,
        specification=specification,
        specification_row=seed_rows(
            connection,
            "studies.specification",
            {"study_id": study, "table_no": table, "column_no": question.column_no},
        ),
        sample={
            "sample": specification["sample"],
            "n_obs": estimate["n_obs"],
            "n_units": int(used.rows[used.unit].nunique()),
            "first_year": int(used.rows["year"].min()),
            "last_year": int(used.rows["year"].max()),
            "n_offered": used.n_offered,
            "n_dropped": estimate["n_dropped"],
            "drop_reason": estimate["drop_reason"],
        },
        variables=_variable_shares(connection, data, used, spec, level),
        influences=influences,
        influence_origin=origin,
        files=_file_shares(found),
        cells=found,
        zones=zones,
        findings=_findings(connection, found),
    )


def _used_cells(used: EstimationSample, spec: Specification, level: str) -> pd.DataFrame:
    """Panel cells of the rows that were estimated on; a lagged variable reads an earlier year."""
    from cbec.estimators.specification import source

    rows = used.rows[[used.unit, "year"]].rename(columns={used.unit: "region_code"})
    parts = []
    for name in dict.fromkeys(spec.variables):
        column, lag = source(name)
        parts.append(rows.assign(year=rows["year"] - lag, panel_column=column, region_level=level))
    return pd.concat(parts, ignore_index=True)[list(CELL_KEYS)]


def _variable_shares(
    connection: duckdb.DuckDBPyConnection,
    data: StudyData,
    used: EstimationSample,
    spec: Specification,
    level: str,
) -> tuple[VariableShare, ...]:
    """Share of filled and of doubted cells by variable and arm; arms are units ever treated in the window."""
    from cbec.estimators.sample import PRECEDENCE
    from cbec.estimators.specification import source

    starts = used.rows.groupby(used.unit)["first_treated_year"].first() if (
        "first_treated_year" in used.rows
    ) else None  # fmt: skip
    if starts is None:
        # Without a rule in the equation the arms are those of the default reading of the policy.
        unit = used.unit
        starts = (
            connection.execute(
                f"select {unit}, min(first_treated_year) as first_treated_year"
                f" from marts.treatment_{'province' if level == 'province' else 'city'}_year"
                f" where rule_id = 'default' group by {unit}"
            )
            .df()
            .set_index(unit)["first_treated_year"]
        )
    ever = starts.astype(float).le(used.rows["year"].max())
    names = dict(
        connection.execute(
            "select panel_column, (label_zh, label_en) from marts.provenance_entity"
            " where kind = 'panel_column' and region_level = ?",
            [level],
        ).fetchall()
    )
    doubted = data.doubted_cell[data.doubted_cell["region_level"] == level]
    roles = {spec.outcome: "outcome", spec.treatment: "treatment", spec.mediator: "mediator"}
    found = []
    for name in dict.fromkeys(spec.variables):
        column, _ = source(name)
        cells = used.cells[used.cells["panel_column"] == column]
        if cells.empty:
            continue
        treated = cells[used.unit].map(ever).fillna(False).astype(bool)
        in_doubt = cells.merge(
            doubted[doubted["panel_column"] == column][["region_code", "year"]].drop_duplicates(),
            left_on=[used.unit, "year"],
            right_on=["region_code", "year"],
        )
        label = names.get(column, (None, None))
        found.append(
            VariableShare(
                role=roles.get(name, "control"),
                panel_column=name,
                name_zh=label[0],
                name_en=label[1],
                n_cells=len(cells),
                filled_share=float(cells["imputed_share"].mean()),
                filled_share_treated=_mean(cells["imputed_share"][treated]),
                filled_share_control=_mean(cells["imputed_share"][~treated]),
                doubted_share=len(in_doubt) / len(cells),
                worst_status=min(cells["obs_status"].unique(), key=PRECEDENCE.index),
            )
        )
    return tuple(found)


def _mean(values: pd.Series) -> float | None:
    return float(values.mean()) if len(values) else None


def _influences(
    connection: duckdb.DuckDBPyConnection,
    spec: Specification,
    used: EstimationSample,
    estimate: dict[str, Any],
    question: EstimateQuestion,
    progress: Progress | None,
) -> tuple[tuple[Influence, ...], str]:
    """The coefficient without each unit, from estimates.leave_one_out or with the engine itself."""
    full, error = float(estimate["estimate"]), float(estimate["std_error"] or 0)
    if estimate["term"] == spec.treatment:
        stored = records(
            connection,
            "select left_out, name_zh, name_en, estimate, std_error from estimates.leave_one_out"
            " where study_id = ? and table_no = ? and column_no = ? and dimension in ('city', 'province')"
            " and dimension = ? and estimate is not null",
            [spec.study_id, spec.table_no, spec.column_no,
             "province" if used.unit == "province_code" else "city"],
        )  # fmt: skip
        if stored:
            return _ordered(stored, full, error), "stored"
    if not question.computes:
        return (), "not stored, and not asked to be computed"
    names = {
        row["region_code"]: row
        for row in records(connection, "select region_code, name_zh, name_en from registry.region")
    }
    computed = []
    codes = sorted(used.rows[used.unit].unique())
    for number, code in enumerate(codes):
        if progress:
            progress(f"without {names.get(code, {}).get('name_en') or code}", number, len(codes))
        result = _without(spec, used, code, str(estimate["term"]))
        if result is not None:
            label = names.get(code, {})
            computed.append(
                {
                    "left_out": code,
                    "name_zh": label.get("name_zh"),
                    "name_en": label.get("name_en"),
                    "estimate": result[0],
                    "std_error": result[1],
                }
            )
    if progress:
        progress("done", len(codes), len(codes))
    if not computed:
        return (), "none can be computed: the estimator refuses every sample without a unit"
    return _ordered(computed, full, error), "computed"


def _without(
    spec: Specification, used: EstimationSample, code: str, term: str
) -> tuple[float, float | None] | None:
    """Coefficient and standard error without one unit, None where the estimator refuses the rest."""
    from dataclasses import replace

    from cbec.estimators.regression import Fit
    from cbec.estimators.study import estimate, small_heap

    rest = replace(used, rows=used.rows[used.rows[used.unit] != code].reset_index(drop=True))
    with small_heap():
        try:
            fit = estimate(spec, rest)
        except ValueError:
            return None
    if isinstance(fit, Fit):
        found = next((item for item in fit.terms if item.term == term), None)
        return (found.estimate, found.std_error) if found else None
    overall = next((item for item in fit.effects if item.aggregation == "overall"), None)
    return (overall.estimate, overall.std_error) if overall else None


def _ordered(rows: list[dict[str, Any]], full: float, error: float) -> tuple[Influence, ...]:
    found = [
        Influence(
            region_code=row["left_out"],
            name_zh=row["name_zh"],
            name_en=row["name_en"],
            estimate=row["estimate"],
            std_error=row["std_error"],
            shift=row["estimate"] - full,
            shift_in_se=(row["estimate"] - full) / error if error else None,
        )
        for row in rows
    ]
    return tuple(sorted(found, key=lambda item: (-abs(item.shift), item.region_code)))


def _file_shares(cells: tuple[SourceCell, ...]) -> tuple[FileShare, ...]:
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


def _findings(connection: duckdb.DuckDBPyConnection, cells: tuple[SourceCell, ...]) -> tuple[Finding, ...]:
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


def why_cell(connection: duckdb.DuckDBPyConnection, question: CellQuestion) -> tuple[WhyCell, ...]:
    """From a panel cell to the figures, documents and rows behind it, one answer for each level."""
    regions = _regions(connection, question.region)
    if question.indicator in TREATMENT_COLUMNS:
        return tuple(
            _treatment_cell(connection, question, region)
            for region in regions
            if region["region_level"] == printed_level(region["region_level"])
        )
    columns = records(
        connection, "select distinct region_level, panel_column, indicator_id from marts.panel_cell"
    )
    known = sorted({str(row[name]) for row in columns for name in ("panel_column", "indicator_id")})
    known += sorted(
        set(_column(connection, "select distinct indicator_id from marts.observation")) - set(known)
    )
    name = _choose("indicator", question.indicator, [*known, *TREATMENT_COLUMNS])
    answers = []
    for region in regions:
        wanted = sorted(
            {
                row["panel_column"]
                for row in columns
                if row["region_level"] == region["region_level"]
                and name in (row["panel_column"], row["indicator_id"])
            }
        )
        # An index is a column for each weighting; its own name means the pooled one.
        wanted = [column for column in wanted if column == name] or wanted[:1]
        cells = pd.DataFrame(
            [(region["region_level"], region["region_code"], question.year, column) for column in wanted],
            columns=list(CELL_KEYS),
        )
        answer = _panel_cell_answer(connection, question, region, name, cells)
        if answer.steps or answer.cells or answer.other_vintages:
            answers.append(answer)
    if not answers:
        raise CbecError(_no_cell(connection, question, regions, name), exit_code=2)
    return tuple(answers)


def _panel_cell_answer(
    connection: duckdb.DuckDBPyConnection,
    question: CellQuestion,
    region: dict[str, Any],
    name: str,
    cells: pd.DataFrame,
) -> WhyCell:
    steps = panel_cells(connection, cells) if len(cells) else ()
    found = source_cells(connection, cells) if len(cells) else ()
    indicator = steps[0].indicator_id if steps else name
    printed = observed(
        connection, printed_level(region["region_level"]), region["region_code"], question.year, indicator
    )
    anchors = tuple(
        anchor
        for cell in found
        for year in cell.anchor_years or ()
        for anchor in observed(
            connection, cell.region_level, cell.region_code, year, cell.indicator_id, cell.vintage
        )
    )
    weighting = "by_year" if steps and steps[0].panel_column.endswith("_by_year_index") else "pooled"
    weights = records(
        connection,
        "select indicator_id, weight, entropy, divergence, year, imputed_share from marts.index_weight"
        " where index_id = ? and weighting = ? and coalesce(year, ?) = ? order by weight desc, indicator_id",
        [indicator, weighting, question.year, question.year],
    )
    return WhyCell(
        question=question,
        is_simulated=_is_simulated(connection),
        region=region,
        steps=steps,
        cells=found,
        other_vintages=tuple(cell for cell in printed if cell not in found),
        anchors=anchors,
        zones=zones_behind(connection, cells) if len(cells) else (),
        weights=tuple(weights),
        treatment=None,
        findings=_findings(connection, (*found, *printed)),
    )


def _regions(connection: duckdb.DuckDBPyConnection, text: str) -> list[dict[str, Any]]:
    """Regions by code or name: the province and the prefecture of Beijing have one name and one code."""
    rows = records(
        connection,
        "select region_level, region_code, name_zh, name_en, max(year) as last_year"
        " from intermediate.int_region_years__gridded group by all"
        " order by last_year desc, region_level desc, region_code",
    )
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        own = {str(row[name]).lower() for name in ("region_code", "name_zh", "name_en") if row[name]}
        short = {str(row["name_zh"]).removesuffix(suffix) for suffix in ("市", "省")}
        if text.lower() in own | short:
            found.setdefault((row["region_level"], row["region_code"]), row)
    if not found:
        names = {str(row[name]) for row in rows for name in ("region_code", "name_zh", "name_en")}
        _choose("region", text, sorted(names))
    return list(found.values())


def _no_cell(
    connection: duckdb.DuckDBPyConnection, question: CellQuestion, regions: list[dict[str, Any]], name: str
) -> str:
    codes = [region["region_code"] for region in regions]
    years = _column(
        connection,
        "select distinct year from marts.panel_cell where region_code in (select unnest(?))"
        " and (panel_column = ? or indicator_id = ?) order by abs(year - ?), year limit 3",
        codes, name, name, question.year,
    )  # fmt: skip
    there = f"nearest years: {', '.join(str(year) for year in years)}" if years else "awaiting data"
    label = f"{codes[0]} {regions[0]['name_zh']}"
    return f"{label}: no cell of {name} in {question.year}; {there}"


def _treatment_cell(
    connection: duckdb.DuckDBPyConnection, question: CellQuestion, region: dict[str, Any]
) -> WhyCell:
    rule = _choose(
        "rule", question.rule_id, _column(connection, "select rule_id from registry.treatment_rule")
    )
    level = region["region_level"]
    table, unit = (
        ("treatment_province_year", "province_code")
        if level == "province"
        else ("treatment_city_year", "prefecture_code")
    )
    rows = records(
        connection,
        f"select * from marts.{table} where rule_id = ? and {unit} = ? and year = ?",
        [rule, region["region_code"], question.year],
    )
    if not rows:
        years = _column(
            connection,
            f"select year from marts.{table} where rule_id = ? and {unit} = ? order by abs(year - ?) limit 3",
            rule, region["region_code"], question.year,
        )  # fmt: skip
        hint = f"nearest years: {', '.join(map(str, years))}" if years else f"not a unit of rule {rule}"
        raise CbecError(
            f"{region['region_code']} {region['name_zh']}: no treatment in {question.year}; {hint}",
            exit_code=2,
        )
    return WhyCell(
        question=question,
        is_simulated=_is_simulated(connection),
        region=region,
        steps=(),
        cells=(),
        other_vintages=(),
        anchors=(),
        zones=zones_of(connection, rule, level, [region["region_code"]]),
        weights=(),
        treatment=rows[0],
        findings=(),
    )


def why_published(connection: duckdb.DuckDBPyConnection, question: PublishedQuestion) -> WhyPublished:
    """From a printed number to its line in the paper, the audit's findings and our estimate."""
    if question.result_no is not None:
        lines = printed_lines(connection, "result.result_no = ?", [question.result_no])
        if not lines:
            last = _column(connection, "select max(result_no) from studies.published_result")[0]
            raise CbecError(
                f"printed number {question.result_no} is not known; there are 1 to {last}", exit_code=2
            )
    else:
        lines = _printed(connection, question)
    first = lines[0]
    has_audit = bool(
        _column(
            connection,
            "select 1 from information_schema.tables"
            " where table_schema = 'estimates' and table_name = 'publication_audit'",
        )
    )
    return WhyPublished(
        question=question,
        is_simulated=_is_simulated(connection),
        lines=lines,
        source_row=seed_rows(connection, "studies.published_result", {"result_no": first.result_no}),
        audit=_audit(connection, lines) if has_audit else (),
        has_audit=has_audit,
        ours=tuple(
            records(
                connection,
                "select term, estimate, std_error, stars, n_obs, vcov, is_observed_only, note"
                " from estimates.regression where study_id = ? and table_no = ? and column_no = ?"
                " order by is_observed_only, term",
                [first.study_id, first.table_no, first.column_no],
            )
        ),
    )


def _printed(connection: duckdb.DuckDBPyConnection, question: PublishedQuestion) -> tuple[PrintedLine, ...]:
    papers = dict(
        connection.execute(
            "select study_id, replace(origin, 'paper ', '') from studies.study where origin like 'paper %'"
        ).fetchall()
    )
    by_number = {number: study for study, number in papers.items()}
    study = by_number.get(question.paper) or _choose("paper", question.paper, [*papers, *by_number])
    table = _choose(
        f"table of {study}",
        question.table_no,
        _column(
            connection,
            "select distinct table_no from studies.published_result where study_id = ? order by 1",
            study,
        ),
    )
    rows = printed_lines(connection, "result.study_id = ? and result.table_no = ?", [study, table])
    columns = {str(line.column_no) for line in rows if line.column_no is not None}
    columns |= {line.column_label for line in rows if line.column_label}
    column = _choose(f"column of {study} {table}", question.column, sorted(columns))
    rows = tuple(line for line in rows if column in (str(line.column_no), line.column_label))
    terms = {name for line in rows for name in (line.term, line.row_label) if name}
    term = _choose(f"term of {study} {table}({column})", question.term, sorted(terms))
    return tuple(line for line in rows if term in (line.term, line.row_label))


def _audit(
    connection: duckdb.DuckDBPyConnection, lines: tuple[PrintedLine, ...]
) -> tuple[dict[str, Any], ...]:
    """Findings of the audit on these lines: those of their rows, else those of their table."""
    names = set(_column(connection, "select name from pragma_table_info('estimates.publication_audit')"))
    study = next((name for name in ("study_id", "seed") if name in names), None)
    if study is None or "table_no" not in names:
        return ()
    found = records(
        connection,
        f"select * from estimates.publication_audit where {study} = ? and table_no = ? order by all",
        [lines[0].study_id, lines[0].table_no],
    )
    labels = {label for line in lines for label in (line.row_label, line.term) if label}
    return tuple(sorted(found, key=lambda row: row.get("row_label") not in labels))
