"""The three questions of `cbec why`: an estimate, a panel cell, a printed number; answers are dataclasses."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd

from cbec.common.withheld import limits, reason_in, withheld_reason
from cbec.project import CbecError, Project
from cbec.provenance.answers import (
    CellQuestion,
    EstimateQuestion,
    Influence,
    Progress,
    Question,
    VariableShare,
    WhyCell,
    WhyEstimate,
    WhyPublished,
    choose_known,
    file_shares,
    findings_on,
    first_column,
    is_simulated_file,
)
from cbec.provenance.cell import why_cell
from cbec.provenance.printed import why_published
from cbec.provenance.walk import (
    CELL_KEYS,
    records,
    seed_rows,
    source_cells,
    zones_behind,
    zones_of,
)

if TYPE_CHECKING:
    from cbec.estimators.regression import Term
    from cbec.estimators.specification import Specification
    from cbec.estimators.staggered.fit import Effect
    from cbec.studies.sample import EstimationSample

_LEFT_OUT = {"city": "prefecture", "province": "province"}


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


def why_estimate(
    connection: duckdb.DuckDBPyConnection, question: EstimateQuestion, progress: Progress | None = None
) -> WhyEstimate:
    """From a coefficient to its sample, the filled share of its cells, influential units and sources."""
    # The engine takes a second to load, and the other questions do not need it.
    from cbec.studies.fit import entered
    from cbec.studies.sample import StudyData, assemble

    study = choose_known(
        "study", question.study_id, first_column(connection, "select study_id from studies.study")
    )
    table = choose_known(
        f"table of study {study}",
        question.table_no,
        first_column(
            connection,
            "select distinct table_no from studies.specification where study_id = ? order by 1",
            study,
        ),
    )
    where = "where study_id = ? and table_no = ? and column_no = ?"
    columns = first_column(
        connection,
        "select column_no from studies.specification where study_id = ? and table_no = ? order by 1",
        study, table,
    )  # fmt: skip
    choose_known(f"column of {study} {table}", str(question.column_no), [str(number) for number in columns])
    key = [study, table, question.column_no]
    rows = records(connection, f"select * from estimates.regression {where}", key)
    if not rows:
        reason = first_column(connection, f"select reason from estimates.specification_status {where}", *key)
        raise CbecError(
            f"{study} {table}({question.column_no}) has no estimate: {reason[0] if reason else 'not run'}",
            exit_code=2,
        )
    main = [row for row in rows if not row["is_observed_only"]] or rows
    specification = records(connection, f"select * from studies.specification {where}", key)[0]
    term = question.term or str(specification["treatment"])
    terms = [str(row["term"]) for row in main]
    term = choose_known(f"term of {study} {table}({question.column_no})", term, terms)
    estimate = next(row for row in main if row["term"] == term)
    observed_only = next((row for row in rows if row["is_observed_only"] and row["term"] == term), None)
    data = StudyData.from_published(connection)
    spec = next(
        spec
        for spec in data.specifications()
        if (spec.study_id, spec.table_no, spec.column_no) == (study, table, question.column_no)
    )
    offered = assemble(data, spec)
    used = offered.restricted(entered(spec, offered))
    level = used.level
    cells = used.cells.rename(columns={used.unit: "region_code"}).assign(region_level=level)
    cells = cells[list(CELL_KEYS)].drop_duplicates(ignore_index=True)
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
        is_simulated=is_simulated_file(connection),
        estimate=estimate,
        observed_only=observed_only,
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
        variables=_variable_shares(connection, used, spec, level),
        influences=influences,
        influence_origin=origin,
        files=file_shares(found),
        cells=found,
        zones=zones,
        findings=findings_on(connection, found),
    )


def _variable_shares(
    connection: duckdb.DuckDBPyConnection,
    used: EstimationSample,
    spec: Specification,
    level: str,
) -> tuple[VariableShare, ...]:
    """Share of filled and of suspect cells by variable and arm; arms are units ever treated in the window."""
    from cbec.estimators.specification import source
    from cbec.studies.sample import CellStatus

    starts = used.rows.groupby(used.unit)["first_treated_year"].first() if (
        "first_treated_year" in used.rows
    ) else None  # fmt: skip
    if starts is None:
        # Without a rule in the equation the arms are those of the default treatment definition.
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
    roles = {spec.outcome: "outcome", spec.treatment: "treatment", spec.mediator: "mediator"}
    grouping = [spec.subgroup.column] if spec.subgroup else []
    found = []
    for name in dict.fromkeys([*spec.variables, *grouping]):
        column, lag = source(name)
        cells = used.cells[used.cells["panel_column"] == column]
        if name not in grouping:
            cells = cells[cells["place"] == cells["cell"] + lag]
        cells = cells.drop_duplicates("cell")
        if cells.empty:
            continue
        treated = cells[used.unit].map(ever).fillna(False).astype(bool)
        label = names.get(column, (None, None))
        found.append(
            VariableShare(
                role=roles.get(name, "group" if name in grouping else "control"),
                panel_column=name,
                name_zh=label[0],
                name_en=label[1],
                n_cells=len(cells),
                filled_share=float(cells["imputed_share"].mean()),
                filled_share_treated=_mean(cells["imputed_share"][treated]),
                filled_share_control=_mean(cells["imputed_share"][~treated]),
                suspect_share=float(cells["is_flagged"].mean()),
                cell_status=CellStatus.of(cells, len(cells)).cell_status or "",
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
            "select left_out, name_zh, name_en, estimate, std_error, n_effective_clusters, note"
            " from estimates.leave_one_out"
            " where study_id = ? and table_no = ? and column_no = ? and dimension in ('city', 'province')"
            " and dimension = ? and estimate is not null",
            [spec.study_id, spec.table_no, spec.column_no,
             "province" if used.unit == "province_code" else "city"],
        )  # fmt: skip
        if stored:
            for row in stored:
                row["withheld"] = reason_in(row)
            return _ordered(stored, full, error), "stored"
    if not question.computes:
        return (), "not stored, and not requested to be computed"
    names = {
        row["region_code"]: row
        for row in records(connection, "select region_code, name_zh, name_en from registry.region")
    }
    computed = []
    least = limits(Project.here())
    codes = sorted(used.rows[used.unit].unique())
    for number, code in enumerate(codes):
        if progress:
            progress(f"without {names.get(code, {}).get('name_en') or code}", number, len(codes))
        result = _without(spec, used, code, str(estimate["term"]), least)
        if result is not None:
            label = names.get(code, {})
            computed.append(
                {
                    "left_out": code,
                    "name_zh": label.get("name_zh"),
                    "name_en": label.get("name_en"),
                }
                | result
            )
    if progress:
        progress("done", len(codes), len(codes))
    if not computed:
        return (), "none can be computed: the estimator refuses every sample without a unit"
    return _ordered(computed, full, error), "computed"


def _without(
    spec: Specification, used: EstimationSample, code: str, term: str, least: dict[str, float]
) -> dict[str, Any] | None:
    """Coefficient without one unit, with its error where a table would publish it; None where the estimator
    refuses the rest. least: what an error must rest on."""
    from cbec.estimators.regression import Fit
    from cbec.studies.fit import estimate, gc_frozen

    rest = used.restricted((used.rows[used.unit] != code).to_numpy())
    with gc_frozen():
        try:
            fit = estimate(spec, rest)
        except ValueError:
            return None
    if isinstance(fit, Fit):
        found: Term | Effect | None = next((item for item in fit.terms if item.term == term), None)
    else:
        found = next((item for item in fit.effects if item.aggregation == "overall"), None)
    if found is None:
        return None
    number = found.n_effective_clusters
    reason = withheld_reason(number, fit.n_clusters, least, is_staggered=spec.is_staggered)
    return {
        "estimate": found.estimate,
        "std_error": None if reason else _known(found.std_error),
        "n_effective_clusters": _known(number),
        "withheld": reason,
    }


def _known(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else value


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
            n_effective_clusters=row["n_effective_clusters"],
            withheld=row["withheld"],
        )
        for row in rows
    ]
    return tuple(sorted(found, key=lambda item: (-abs(item.shift), item.region_code)))
