"""The rows and columns that a study rests on, for other programs, with the status of every cell."""

from __future__ import annotations

from pathlib import Path

import duckdb

from cbec.common.words import VARIABLES, Lang
from cbec.estimators.specification import Specification
from cbec.export.dataset import PANELS as KINDS
from cbec.export.dataset import Column, column_of, dataset_of
from cbec.export.replicate import Equation, export_do, export_r
from cbec.export.stata import export_dta
from cbec.export.writers import export_csv
from cbec.own_study.definition import Study
from cbec.project import literal
from cbec.report.frames import Source

# Level of regions -> table of its panel and of its treatment.
PANELS = {level: (table, treatment) for table, level, _, treatment in KINDS.values()}


def write_data(connection: duckdb.DuckDBPyConnection, study: Study, lang: Lang, folder: Path) -> list[Path]:
    """The sample of a study as Stata and csv files of its own columns, and the .do and .R files that estimate
    its two-way columns again and print both numbers."""
    unit, (panel, treatment) = study.unit, PANELS[study.region_level]
    timing = (
        ", timing.is_treated, timing.first_treated_year, timing.event_year, timing.exposure_share"
        if study.policy
        else ""
    )
    # All names are constants of this module and columns of the study's own file.
    values = connection.execute(
        f"select panel.*{timing} from marts.{panel} as panel"
        f" inner join (select distinct region_code, year from marts.sample_member) as member"
        f" on member.region_code = panel.{unit} and member.year = panel.year"
        f" left join marts.{treatment} as timing on timing.{unit} = panel.{unit} and timing.year = panel.year"
        f" and timing.rule_id = {literal(study.rule_id or '')} order by panel.{unit}, panel.year"
    ).to_arrow_table()
    measures = [
        row[0]
        for row in connection.execute(
            "select distinct panel_column from marts.panel_cell order by 1"
        ).fetchall()
    ]
    status = connection.execute(
        f"with wide as (pivot (select region_code, year, panel_column, obs_status from marts.panel_cell)"
        f" on panel_column in ({', '.join(literal(name) for name in measures)}) using max(obs_status)"
        f" group by region_code, year)"
        f" select wide.* from (select distinct region_code, year from marts.sample_member) as member"
        f" left join wide on wide.region_code = member.region_code and wide.year = member.year"
        f" order by member.region_code, member.year"
    ).to_arrow_table() if measures else None  # fmt: skip
    labels = Source.of(connection, study.study_id).labels(lang)
    columns = tuple(
        Column(name, labels.variable(name), labels.unit(name))
        if name in measures or name in VARIABLES
        else column_of(name, {}, {}, [], lang)
        for name in values.column_names
    )
    data = dataset_of(
        connection,
        lang,
        name=study.study_id,
        title=study.title.zh if lang == "zh" else study.title.en,
        key=(unit, "year"),
        columns=columns,
        values=values,
        status={name: status[name] for name in measures} if status is not None else {},
        has_status_table=True,
        sources=(),
        notes=(),
    )
    written = [*export_dta(data, folder), *export_csv(data, folder)]
    equations = _equations(connection, study)
    if equations:
        written += [*export_do(data, equations, folder), *export_r(data, equations, folder)]
    return written


def _equations(connection: duckdb.DuckDBPyConnection, study: Study) -> list[Equation]:
    """Two-way columns, clustered by unit, of the study's first table that has any: what the files hold."""
    first, last = connection.execute("select min(year), max(year) from marts.sample_member").fetchone() or (
        0,
        0,
    )
    found: list[Equation] = []
    for row in (
        connection.execute("from studies.specification order by table_no, column_no").df().to_dict("records")
    ):
        spec = Specification.from_row({str(key): value for key, value in row.items()})
        plain = not (
            spec.winsor or spec.subgroup or spec.mediator or any("." in name for name in spec.variables)
        )
        if spec.estimator != "twfe" or not plain or spec.vcov != f"CRV1:{study.unit}":
            continue
        if spec.fixed_effects != (study.unit, "year") or (found and found[0].table_no != spec.table_no):
            continue
        terms = connection.execute(
            "select term, estimate, std_error, n_obs from estimates.regression"
            " where table_no = ? and column_no = ? and not is_observed_only order by term",
            [spec.table_no, spec.column_no],
        ).fetchall()
        if terms:
            found.append(
                Equation(
                    study.study_id, spec.table_no, spec.column_no, spec.outcome,
                    tuple(name for name in spec.regressors if name in {term[0] for term in terms}),
                    study.unit, first, last, "", (), (),
                    {term: (estimate, error, n) for term, estimate, error, n in terms},
                )
            )  # fmt: skip
    return found
