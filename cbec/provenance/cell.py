"""Where a cell of a panel comes from."""

from __future__ import annotations

from typing import Any

import duckdb
import pandas as pd

from cbec.project import CbecError
from cbec.provenance.answers import (
    CellQuestion,
    WhyCell,
    choose_known,
    findings_on,
    first_column,
    is_simulated_file,
)
from cbec.provenance.walk import (
    CELL_KEYS,
    observed,
    panel_cells,
    printed_level,
    records,
    source_cells,
    zones_behind,
    zones_of,
)

TREATMENT_COLUMNS = (
    "is_treated", "exposure_share", "zone_count", "first_treated_year", "event_year", "batch",
)  # fmt: skip


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
        set(first_column(connection, "select distinct indicator_id from marts.observation")) - set(known)
    )
    name = choose_known("indicator", question.indicator, [*known, *TREATMENT_COLUMNS])
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
        is_simulated=is_simulated_file(connection),
        region=region,
        steps=steps,
        cells=found,
        other_vintages=tuple(cell for cell in printed if cell not in found),
        anchors=anchors,
        zones=zones_behind(connection, cells) if len(cells) else (),
        weights=tuple(weights),
        treatment=None,
        findings=findings_on(connection, (*found, *printed)),
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
        choose_known("region", text, sorted(names))
    return list(found.values())


def _no_cell(
    connection: duckdb.DuckDBPyConnection, question: CellQuestion, regions: list[dict[str, Any]], name: str
) -> str:
    codes = [region["region_code"] for region in regions]
    years = first_column(
        connection,
        "select distinct year from marts.panel_cell where region_code in (select unnest(?))"
        " and (panel_column = ? or indicator_id = ?) order by abs(year - ?), year limit 3",
        codes, name, name, question.year,
    )  # fmt: skip
    refused = connection.execute(
        "select edition, source_locator, value_printed, reason from quality.refused_cell"
        " where region_code in (select unnest(?)) and edition in"
        " (select edition from quality.publication_coverage where year = ?) and indicator_id in"
        " (select ? union select indicator_id from marts.panel_cell where panel_column = ?) order by all",
        [codes, question.year, name, name],
    ).fetchone()
    if refused:
        edition, place, printed, why_not = refused
        return (
            f"{codes[0]} {regions[0]['name_zh']}: {name} of {question.year} is printed and was refused:"
            f" edition {edition}, {place}, {' '.join(str(printed).split())!r}: {why_not}"
        )
    there = f"nearest years: {', '.join(str(year) for year in years)}" if years else "awaiting data"
    label = f"{codes[0]} {regions[0]['name_zh']}"
    return f"{label}: no cell of {name} in {question.year}; {there}"


def _treatment_cell(
    connection: duckdb.DuckDBPyConnection, question: CellQuestion, region: dict[str, Any]
) -> WhyCell:
    rule = choose_known(
        "rule", question.rule_id, first_column(connection, "select rule_id from registry.treatment_rule")
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
        years = first_column(
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
        is_simulated=is_simulated_file(connection),
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
