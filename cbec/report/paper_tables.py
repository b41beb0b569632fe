"""Tables of the papers that are no regressions, one a row of studies.paper_output: definitions, moments,
weights, productivity, the grey model, facts of zones."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pandas as pd

from cbec.common.words import (
    CENSORING,
    COMPONENT_DIMENSIONS,
    FACT_STATUS,
    FACT_UNITS,
    GRADE_NAMES,
    MECHANISMS,
    QUANTITIES,
    ROLES,
    Labels,
    Lang,
    named,
    pick,
    say,
)
from cbec.efficiency.grey import GRADES
from cbec.report.frames import Awaiting, Source
from cbec.report.notes import number_of_table, variable_units
from cbec.report.table import (
    Content,
    Row,
    Table,
    as_float,
    as_text,
    count_cell,
    number_cell,
    percent_cell,
    records_of,
)
from cbec.report.tables_diagnostics import descriptive_table

Output = dict[str, Any]
Builder = Callable[[], Table]
STATISTICS = ("maximum", "minimum", "mean", "sd")
# Columns of facts that hold a code, and its words.
CODED = {
    "mechanism": MECHANISMS, "unit": FACT_UNITS, "other_unit": FACT_UNITS, "censoring": CENSORING,
    "bound": CENSORING, "status": FACT_STATUS,
}  # fmt: skip
# Panels of a productivity table: column of marts.green_tfp and key of its words.
PRODUCTIVITY = (
    ("index", "productivity_index"),
    ("efficiency", "productivity_level"),
    ("efficiency_change", "efficiency_change"),
    ("technical_change", "technical_change"),
)


def paper_builders(source: Source, lang: Lang) -> dict[str, Builder]:
    """Tables of the study that rest on a row of studies.paper_output, by number; regressions apart."""
    makers: dict[str, Callable[[Source, Output, Labels], Table]] = {
        "definition": definition_table,
        "descriptive": moments_table,
        "by_region": by_region_table,
        "index_weight": weight_table,
        "productivity": productivity_table,
        "grey_grade": grade_table,
        "grey_model": grey_table,
        "zone_fact": fact_table,
        "zone_comparison": comparison_table,
        "zone_scorecard": scorecard_table,
        "zone_arithmetic": arithmetic_table,
    }
    rows = records_of(source.rows_if_any("studies.paper_output"))
    labels = source.labels(lang) if rows else None
    return {
        str(row["output_no"]): partial(makers[row["kind"]], source, row, labels)  # type: ignore[arg-type]
        for row in rows
        if row["kind"] in makers
    }


def _table(
    source: Source,
    output: Output,
    labels: Labels,
    head: tuple[Row, ...],
    body: list[Row],
    *,
    notes: tuple[str, ...] = (),
    units: tuple[tuple[str, str], ...] = (),
    is_simulated: bool = False,
) -> Table:
    lang = labels.lang
    title = str(output["title_zh" if lang == "zh" else "title_en"])
    return Table(
        study_id=source.study_id,
        name=str(output["output_no"]),
        lang=lang,
        caption=f"{say('table', lang)}{number_of_table(str(output['output_no']))}  {title}",
        head=head,
        body=tuple(body),
        bracket_note="",
        notes=(*notes, say("simulated_note", lang) if is_simulated else ""),
        remarks=(say("study", lang, name=source.title(lang)),),
        units=units,
        is_simulated=is_simulated,
    )


def _rows(source: Source, table: str, output: Output) -> pd.DataFrame:
    """Rows of an output in a table of schema estimates. Raises Awaiting with what the study misses."""
    frame = source.rows_if_any(table)
    frame = frame[frame["output_no"] == output["output_no"]] if len(frame) else frame
    if frame.empty:
        raise Awaiting(source.missing() or f"{table} has no row of {output['output_no']}")
    return frame


def _names(source: Source, output: Output) -> list[str]:
    """Variables of an output: its own, or those of the column that it rests on."""
    if as_text(output["variables"]):
        return [name.strip() for name in str(output["variables"]).split("+")]
    table, _, column = str(output["columns"]).rstrip(")").partition("(")
    spec = source.specification
    (row,) = records_of(spec[(spec["table_no"] == table) & (spec["column_no"] == int(column))])
    controls = [name.strip() for name in as_text(row["controls"]).split("+") if name.strip()]
    return [str(row["outcome"]), str(row["treatment"]), *controls]


def definition_table(source: Source, output: Output, labels: Labels) -> Table:
    """What each variable is: name, role, symbol, unit, definition, and whether its figures are loaded."""
    lang = labels.lang
    defined = source.definitions(lang)
    ready = {row["indicator_id"]: row for row in records_of(source.rows_if_any("quality.study_readiness"))}
    body = []
    for name in _names(source, output):
        indicator = labels.indicator(name)
        row = ready.get(indicator, {})
        role = as_text(row.get("role"))
        status = as_text(row.get("status"))
        share = f" {100 * as_float(row['available_share']):.0f} %" if row else ""
        rule = name == "is_treated"
        cells: list[Content] = [
            named(ROLES, role, lang) if role else say("role_treatment", lang) if rule else "",
            name,
            labels.unit(name),
            say("definition_treated", lang) if rule else defined.get(indicator, ""),
            say(f"ready_{status}", lang) + share if status else "",
        ]
        body.append(Row(labels.variable(name), tuple(cells)))
    heads = ("role", "symbol", "unit", "definition", "readiness")
    return _table(
        source, output, labels,
        (Row(say("variable", lang), tuple(say(key, lang) for key in heads)),), body,
        notes=(say("readiness_note", lang),), is_simulated=source.is_simulated(),
    )  # fmt: skip


def moments_table(source: Source, output: Output, labels: Labels) -> Table:
    """Moments and VIF: rows of estimates.summary_statistic in the order of the equation."""
    rows = _rows(source, "estimates.summary_statistic", output)
    place = {name: number for number, name in enumerate(_names(source, output))}
    table = descriptive_table(rows.sort_values("variable", key=lambda names: names.map(place)), labels)
    return _table(
        source, output, labels, table.head, list(table.body), notes=(say("imputed_note", labels.lang),),
        units=table.units, is_simulated=table.is_simulated,
    )  # fmt: skip


def by_region_table(source: Source, output: Output, labels: Labels) -> Table:
    """Maximum, minimum, mean and standard deviation of each variable by region."""
    lang = labels.lang
    rows = _rows(source, "estimates.summary_statistic", output)
    names = _names(source, output)
    cell = {(row["region_code"], row["variable"]): row for row in records_of(rows)}
    body = []
    for code in dict.fromkeys(rows["region_code"]):
        values = [cell[code, name][statistic] for statistic in STATISTICS for name in names]
        body.append(
            Row(
                labels.regions.get(code, code),
                tuple(number_cell(as_float(v), 2, grouped=True) for v in values),
            )
        )
    return _table(
        source, output, labels,
        (
            Row("", tuple(say(statistic, lang) for statistic in STATISTICS for _ in names)),
            Row(say("region_head", lang), tuple(labels.variable(name) for _ in STATISTICS for name in names)),
        ),
        body,
        notes=(say("by_region_note", lang, n=int(rows["n_obs"].max())),),
        units=variable_units(names, labels),
        is_simulated=bool(rows["is_simulated"].any()),
    )  # fmt: skip


def weight_table(source: Source, output: Output, labels: Labels) -> Table:
    """Indicators, dimensions and entropy weights of an index, pooled over its sample."""
    lang = labels.lang
    rows = source.index_weights(str(output["variables"]))
    if rows.empty or rows["weight"].isna().all():
        raise Awaiting(source.missing() or f"marts.index_weight has no row of {output['variables']}")
    body = [
        Row(
            labels.variable(str(row["indicator_id"])),
            (
                named(COMPONENT_DIMENSIONS, str(row["dimension"]), lang),
                say(str(row["direction"]), lang),
                number_cell(as_float(row["entropy"]), 4),
                percent_cell(row["weight"]),
                percent_cell(row["imputed_share"]),
            ),
        )
        for row in records_of(rows)
    ]
    heads = ("dimension", "direction", "entropy", "weight_pct", "imputed_share")
    return _table(
        source, output, labels,
        (Row(say("indicator", lang), tuple(say(key, lang) for key in heads)),), body,
        notes=(say("weight_note", lang),), is_simulated=source.is_simulated(),
    )  # fmt: skip


def productivity_table(source: Source, output: Output, labels: Labels) -> Table:
    """Change of productivity, level, efficiency change and technical change: years down, regions across."""
    lang = labels.lang
    rows = source.productivity(str(output["variables"]))
    if rows["efficiency"].isna().all():
        raise Awaiting(source.missing() or f"marts.green_tfp has no row of {output['variables']}")
    codes, years = list(dict.fromkeys(rows["region_code"])), sorted(rows["year"].unique())
    cell = {(row["region_code"], row["year"]): row for row in records_of(rows)}
    body = []
    for column, key in PRODUCTIVITY:
        body.append(Row(say(key, lang), ("",) * len(codes)))
        for year in years:
            values = [
                as_float(cell[code, year][column]) if (code, year) in cell else float("nan") for code in codes
            ]
            if not pd.isna(values).all():
                body.append(Row(str(year), tuple(number_cell(value, 3) for value in values)))
    note = as_text(rows["note"].iloc[0])
    return _table(
        source, output, labels,
        (Row(say("axis_year", lang), tuple(labels.regions.get(code, code) for code in codes)),), body,
        notes=(
            say("productivity_note", lang, technology=str(output["variables"])),
            say("rule_of_thumb_note", lang) if "rule" in note or "units" in note else "",
        ),
        is_simulated=bool(rows["is_simulated"].any()),
    )  # fmt: skip


def grade_table(source: Source, output: Output, labels: Labels) -> Table:
    """Thresholds of the grades of GM(1,1), the textbook's and the printed ones, and the series with each."""
    lang = labels.lang
    fitted = source.rows_if_any("estimates.grey_model")
    body = []
    for grading, column in (("standard", "grade"), ("printed", "grade_printed")):
        counts = fitted[column].value_counts().to_dict() if len(fitted) else {}
        for grade, least, most in (*GRADES[grading], ("unqualified", float("nan"), float("nan"))):
            cells: list[Content] = [
                named(GRADE_NAMES, grade, lang),
                number_cell(least, 2),
                number_cell(most, 2),
            ]
            body.append(
                Row(
                    say(f"grading_{grading}", lang),
                    (*cells, count_cell(counts.get(grade, 0) if len(fitted) else None)),
                )
            )
    heads = ("grade", "small_error_share_least", "posterior_ratio_most", "n_series")
    missing = "" if len(fitted) else say("awaiting_note", lang, what=source.missing())
    return _table(
        source, output, labels,
        (Row(say("grading", lang), tuple(say(key, lang) for key in heads)),), body,
        notes=(say("grade_note", lang), missing), is_simulated=source.is_simulated(),
    )  # fmt: skip


def grey_table(source: Source, output: Output, labels: Labels) -> Table:
    """GM(1,1) of each variable and region, with its two grades."""
    lang = labels.lang
    rows = _rows(source, "estimates.grey_model", output)
    place = {name: number for number, name in enumerate(_names(source, output))}
    rows = rows.sort_values(
        ["variable", "region_code"],
        key=lambda column: column.map(place) if column.name == "variable" else column,
    )
    body = []
    for row in records_of(rows):
        grades = [
            named(GRADE_NAMES, as_text(row[name]), lang) if as_text(row[name]) else ""
            for name in ("grade", "grade_printed")
        ]
        cells = (
            count_cell(row["n_obs"]),
            number_cell(as_float(row["a"]), 4),
            number_cell(as_float(row["small_error_share"]), 3),
            number_cell(as_float(row["posterior_ratio"]), 3),
            percent_cell(row["mean_relative_error"]),
            *grades,
        )
        place_name = labels.regions.get(row["region_code"], row["region_code"])
        body.append(Row(f"{labels.variable(row['variable'])}{pick(('：', ': '), lang)}{place_name}", cells))
    heads = (
        "n_obs_short",
        "grey_a",
        "small_error_share",
        "posterior_ratio",
        "mean_relative_error",
        "grading_standard",
        "grading_printed",
    )
    notes = sorted({labels.translate(as_text(note)) for note in rows["note"]} - {""})
    return _table(
        source, output, labels,
        (Row(say("variable", lang), tuple(say(key, lang) for key in heads)),), body,
        notes=(say("grade_note", lang), *notes), is_simulated=bool(rows["is_simulated"].any()),
    )  # fmt: skip


def _listing(
    source: Source,
    output: Output,
    labels: Labels,
    frame: pd.DataFrame,
    label: str,
    heads: dict[str, str],
    note: str,
) -> Table:
    """A table of text: columns of a frame under heads, numbers as they are."""
    lang = labels.lang
    body = []
    for row in records_of(frame):
        cells: list[Content] = [_shown(name, row[name], labels) for name in heads]
        body.append(Row(as_text(row[label]), tuple(cells)))
    head = Row(say("item", lang), tuple(say(key, lang) for key in heads.values()))
    return _table(source, output, labels, (head,), body, notes=(say(note, lang),))


def _shown(name: str, value: Any, labels: Labels) -> Content:
    """A cell of a table of facts: numbers with the decimals that they have; codes and reasons in words, days
    without hours."""
    if isinstance(value, pd.Timestamp):
        return value.date().isoformat()
    if isinstance(value, int | float) and not isinstance(value, bool):
        decimals = len(f"{value:g}".partition(".")[2]) if abs(value) < 1e5 else 0
        return number_cell(float(value), decimals)
    text = as_text(value)
    if name in CODED:
        return named(CODED[name], text, labels.lang)
    if name in ("refusal_reason", "gap"):
        return labels.translate(text)
    return say(text, labels.lang) if name == "verified" and text in ("yes", "no") else text


def _city(lang: Lang) -> str:
    return "entity_zh" if lang == "zh" else "entity_en"


def fact_table(source: Source, output: Output, labels: Labels) -> Table:
    """Facts as a text prints them, with period, censoring and source."""
    lang = labels.lang
    rows = source.zone_facts(lang)
    heads = {
        _city(lang): "city", "value": "value", "unit": "unit", "censoring": "censoring",
        "period_end": "period", "source": "source", "verified": "confirmed",
    }  # fmt: skip
    return _listing(source, output, labels, rows, "name", heads, "fact_note")


def comparison_table(source: Source, output: Output, labels: Labels) -> Table:
    """Pairs of facts of two cities: the difference where the keys agree, else why there is none."""
    lang = labels.lang
    names = source.zone_facts(lang).set_index("fact_no")["name"]
    rows = source.table("marts.zone_fact_comparison")
    rows = rows.assign(name=rows["fact_no"].map(names))
    heads = {
        _city(lang): "city", "value": "value", "unit": "unit", f"other_{_city(lang)}": "city",
        "other_value": "value", "other_unit": "unit", "difference": "difference_head",
        "refusal_reason": "refusal",
    }  # fmt: skip
    return _listing(source, output, labels, rows, "name", heads, "comparison_note")


def scorecard_table(source: Source, output: Output, labels: Labels) -> Table:
    """What is known of each mechanism in each city, and the gaps."""
    lang = labels.lang
    rows = source.table("marts.zone_scorecard")
    heads = {
        "mechanism": "mechanism_head",
        _city(lang): "city",
        "value": "value",
        "unit": "unit",
        "status": "status_head",
        "gap": "gap",
    }
    return _listing(
        source, output, labels, rows, "name_zh" if lang == "zh" else "name_en", heads, "scorecard_note"
    )


def arithmetic_table(source: Source, output: Output, labels: Labels) -> Table:
    """Turnover, growth and what the goal needs, each with its formula and assumption."""
    rows = source.table("marts.zone_growth_arithmetic")
    # What is computed from figures of two digits has no six.
    rows = rows.assign(
        name=[named(QUANTITIES, str(quantity), labels.lang) for quantity in rows["quantity"]],
        value=rows["value"].astype(float).round(2),
    )
    heads = {
        _city(labels.lang): "city",
        "year": "axis_year",
        "value": "value",
        "unit": "unit",
        "bound": "censoring",
        "formula": "formula",
    }
    return _listing(source, output, labels, rows, "name", heads, "arithmetic_note")
