"""Tables as data: one object that every format is written from, so that no two formats can disagree.

A `Table` is a caption, a head, a body and notes; its cells are numbers, intervals or text. The builders
take the frames of schema `estimates` and give a `Table`; they open no file and no database.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
from scipy.optimize import brentq
from scipy.stats import t as student

from cbec.common.withheld import WITHHELD
from cbec.common.words import (
    CONTROL_GROUPS,
    ESTIMATORS,
    RULES,
    TEXT,
    Bracket,
    Labels,
    Lang,
    base_words,
    named,
    say,
)
from cbec.estimators.regression import MEAN_GROUP
from cbec.estimators.specification import STAGGERED
from cbec.report.notes import (
    bracket_sentence,
    caption_of,
    cluster_level,
    column_notes,
    no_stars_sentence,
    split_sentence,
    table_kind,
    variable_units,
)
from cbec.report.table import (
    MINUS,
    NO_ERROR,
    UNKNOWN,
    Content,
    Number,
    Row,
    Table,
    as_float,
    as_text,
    count_cell,
    decimals_of,
    interval_cell,
    number_cell,
    percent_cell,
    records_of,
)
from cbec.studies.fit import NO_STAR, stars

# What the papers call their treatment: a dummy in two of them, an index and a count of zones in the third.
PRINTED_TREATMENTS = ("DID", "Policy", "ECI", "NumCPZ")


def regression_table(
    estimates: pd.DataFrame,
    specification: pd.DataFrame,
    labels: Labels,
    *,
    bracket: Bracket = "se",
    observed_only: bool = False,
    status_names: Mapping[str, str] | None = None,
    study_title: str = "",
    is_first: bool = False,
    same_sample: pd.DataFrame | None = None,
    differences: pd.DataFrame | None = None,
    series: str = "",
) -> Table:
    """The regression table of one table_no of a study.

    estimates: rows of estimates.regression of that table, both variants; specification: rows of
    studies.specification of that table; status_names: status code -> name; is_first: whether it is the
    study's first table, the baseline; same_sample: rows of estimates.same_sample of that table, two-way
    effects on the rows of its staggered columns; differences: rows of estimates.inference of the study, for
    the note of a table that splits the sample; series: which imported series its variables rest on, in words.
    The treatment comes first, then controls, the constant last.

    Raises ValueError when there are no rows, or when a column has no vcov: brackets that nobody can name
    are not printed.
    """
    lang = labels.lang
    main = estimates[estimates["is_observed_only"].astype(bool) == observed_only]
    if main.empty:
        raise ValueError("no rows of estimates.regression for this table")
    study_id, table_no = str(main["study_id"].iloc[0]), str(main["table_no"].iloc[0])
    columns = [int(number) for number in sorted(main["column_no"].unique())]
    spec = {int(str(row["column_no"])): row for row in specification.to_dict("records")}
    by_column = {
        number: {str(row["term"]): row for row in records_of(main[main["column_no"] == number])}
        for number in columns
    }
    first = {number: next(iter(by_column[number].values())) for number in columns}
    treatments = [
        as_text(spec[n].get("treatment")) if n in spec else next(iter(by_column[n])) for n in columns
    ]
    terms = _in_order(by_column.values(), treatments, spec)

    body: list[Row] = []
    for term in terms:
        lines_of_term = [by_column[n].get(term) for n in columns]
        label = labels.variable(term)
        if any(line is not None and as_text(line["vcov"]) == MEAN_GROUP for line in lines_of_term):
            label = say("mean_of_slopes", lang, name=label)
        body += coefficient_rows(label, lines_of_term, bracket, lang)
    if observed_only:
        body += _variant_rows(estimates, columns, treatments, bracket, lang, observed=False)
    body += _variant_rows(estimates, columns, treatments, bracket, lang, observed=True)
    beside = two_way_beside(same_sample, columns, bracket, lang, observed_only=observed_only)
    body += beside
    body += _summary_rows(first, spec, columns, treatments, by_column, estimates, lang)

    outcomes = [str(first[n]["outcome"]) for n in columns]
    kinds = {n: as_text(first[n]["vcov"]) for n in columns}
    main_note = bracket_sentence(kinds, bracket, lang, table_no)
    codes = _status_words([first[n] for n in columns], status_names or {}, lang)
    simulated = bool(main["is_simulated"].any())
    return Table(
        study_id=study_id,
        name=f"{table_no}_observed_only" if observed_only else table_no,
        lang=lang,
        caption=caption_of(table_no, table_kind(main, specification, table_no, is_first), lang),
        head=(
            Row("", tuple(labels.variable(outcome) for outcome in outcomes)),
            Row(say("variable", lang), tuple(f"({number})" for number in columns)),
        ),
        body=tuple(body),
        bracket_note=main_note,
        notes=(
            say("stars_note", lang),
            no_stars_sentence(kinds, lang),
            say("slopes_note", lang) if MEAN_GROUP in kinds.values() else "",
            _withheld_note(main, lang),
            "" if differences is None else split_sentence(differences, table_no, lang),
            say("main_is_observed", lang) if observed_only else "",
            say("observed_note", lang),
            say("same_sample_note", lang) if beside else "",
            say("imputed_note", lang),
            codes,
            say("simulated_note", lang) if simulated else "",
        ),
        remarks=(
            column_notes("columns_note", {n: _note_of(by_column[n].values()) for n in columns}, labels),
            column_notes("dropped_note", {n: as_text(first[n]["drop_reason"]) for n in columns}, labels),
            series,
            say("study", lang, name=study_title) if study_title else "",
        ),
        units=variable_units([*outcomes, *terms], labels),
        is_simulated=simulated,
    )


def event_study_table(
    events: pd.DataFrame, labels: Labels, vcov: Mapping[int, str], *, bracket: Bracket = "se"
) -> Table:
    """Effects by event time of one table_no: rows of estimates.event_study of all cells.

    vcov: column_no -> vcov of that column. The table of event studies carries no p: stars follow from the
    interval, and the note says so.
    Raises ValueError without rows or without a vcov.
    """
    lang = labels.lang
    main = events[~events["is_observed_only"].astype(bool)]
    if main.empty:
        raise ValueError("no rows of estimates.event_study for this table")
    table_no = str(main["table_no"].iloc[0])
    keys = sorted({(int(c), str(e)) for c, e in zip(main["column_no"], main["estimator"], strict=True)})
    cells = {(int(r["column_no"]), str(r["estimator"]), int(r["event_year"])): r for r in records_of(main)}
    years = sorted({int(year) for year in main["event_year"]})
    head_row = {key: next(row for (c, e, _), row in cells.items() if (c, e) == key) for key in keys}
    body: list[Row] = []
    for year in years:
        rows = [
            cells[(*key, year)] | {"vcov": vcov.get(key[0], "")} if (*key, year) in cells else None
            for key in keys
        ]
        label = f"{year:+d}".replace("-", MINUS) if year else "0"
        body += coefficient_rows(label, rows, bracket, lang)
    body.append(
        Row(
            say("estimation", lang),
            tuple(named(ESTIMATORS, estimator, lang) for _, estimator in keys),
        )
    )
    counts = [
        {
            int(r["event_year"]): r["n_cohorts"]
            for r in records_of(main)
            if (int(r["column_no"]), str(r["estimator"])) == key
        }
        for key in keys
    ]
    body.append(
        Row(
            say("n_cohorts", lang),
            tuple(
                count_cell(max((as_float(v) for v in count.values()), default=math.nan)) for count in counts
            ),
        )
    )
    bases = sorted({as_text(value) for value in main["base_period"]} - {""})
    simulated = bool(main["is_simulated"].any())
    outcomes = [str(head_row[key]["outcome"]) for key in keys]
    return Table(
        study_id=str(main["study_id"].iloc[0]),
        name=f"{table_no}_event_study",
        lang=lang,
        caption=caption_of(table_no, "event_study", lang, annex=True),
        head=(
            Row("", tuple(labels.variable(outcome) for outcome in outcomes)),
            Row(say("event_time", lang), tuple(f"({column})" for column, _ in keys)),
        ),
        body=tuple(body),
        bracket_note=bracket_sentence({c: vcov.get(c, "") for c, _ in keys}, bracket, lang, table_no),
        notes=(
            say("stars_note", lang),
            _withheld_note(main, lang),
            say("implied_stars_note", lang),
            *(say("base_none", lang, base=base_words(base, lang)) for base in bases),
            say("simulated_note", lang) if simulated else "",
        ),
        units=variable_units(outcomes, labels),
        is_simulated=simulated,
    )


def att_table(
    rows: pd.DataFrame,
    labels: Labels,
    vcov: Mapping[int, str],
    *,
    bracket: Bracket = "se",
    same_sample: pd.DataFrame | None = None,
) -> Table:
    """Overall effects of the staggered estimators of one table_no: rows of estimates.att.

    same_sample: as in `regression_table`. Columns are column_no and estimator; the observed-only variant is
    a row. Raises ValueError without an overall effect or without a vcov.
    """
    lang = labels.lang
    overall = rows[rows["aggregation"] == "overall"]
    main = overall[~overall["is_observed_only"].astype(bool)]
    if main.empty:
        raise ValueError("no overall effect in estimates.att for this table")
    table_no = str(main["table_no"].iloc[0])
    kinds = overall["column_no"].map(lambda number: vcov.get(int(number), ""))
    overall = overall.assign(vcov=kinds)
    main = overall[~overall["is_observed_only"].astype(bool)]
    lines = records_of(main.sort_values(["column_no", "estimator"]))
    keys = [(int(line["column_no"]), str(line["estimator"])) for line in lines]
    variant = {
        (int(line["column_no"]), str(line["estimator"])): line
        for line in records_of(overall[overall["is_observed_only"].astype(bool)])
    }
    outcomes = [str(line["outcome"]) for line in lines]
    simulated = bool(main["is_simulated"].any())
    beside = two_way_beside(same_sample, [number for number, _ in keys], bracket, lang, observed_only=False)
    body = (
        *coefficient_rows(labels.variable("is_treated"), lines, bracket, lang),
        *coefficient_rows(say("observed_only", lang), [variant.get(key) for key in keys], bracket, lang),
        *beside,
        Row(say("estimation", lang), tuple(named(ESTIMATORS, key[1], lang) for key in keys)),
        Row(
            say("control_group", lang),
            tuple(
                named(
                    CONTROL_GROUPS, as_text(line["control_group"]).replace(" ", "_").replace("-", "_"), lang
                )
                for line in lines
            ),
        ),
        Row(
            say("base_period", lang), tuple(base_words(as_text(line["base_period"]), lang) for line in lines)
        ),
        Row(
            say("treatment_rule", lang),
            tuple(named(RULES, as_text(line["treatment_rule"]), lang) for line in lines),
        ),
        Row(say("n_obs", lang), tuple(count_cell(line["n_obs"]) for line in lines)),
        *_status_rows(lines, lang),
    )
    return Table(
        study_id=str(main["study_id"].iloc[0]),
        name=f"{table_no}_att",
        lang=lang,
        caption=caption_of(table_no, "att", lang, annex=True),
        head=(
            Row("", tuple(labels.variable(outcome) for outcome in outcomes)),
            Row(say("variable", lang), tuple(f"({key[0]})" for key in keys)),
        ),
        body=body,
        bracket_note=bracket_sentence({c: vcov.get(c, "") for c, _ in keys}, bracket, lang, table_no),
        notes=(
            say("stars_note", lang),
            _withheld_note(overall, lang),
            say("observed_note", lang),
            say("same_sample_note", lang) if beside else "",
            say("imputed_note", lang),
            say("simulated_note", lang) if simulated else "",
        ),
        units=variable_units(outcomes, labels),
        is_simulated=simulated,
    )


def two_way_beside(
    same_sample: pd.DataFrame | None,
    columns: Sequence[int],
    bracket: Bracket,
    lang: Lang,
    *,
    observed_only: bool,
) -> list[Row]:
    """Two-way coefficients on the rows of staggered columns; no row where there is none."""
    if same_sample is None or same_sample.empty:
        return []
    of_variant = same_sample[same_sample["is_observed_only"].astype(bool) == observed_only]
    lines = {
        int(row["column_no"]): {
            name: row[f"{name}_twfe"] for name in ("estimate", "std_error", "p_value", "ci_low", "ci_high")
        }
        # Errors of the two-way fit are clustered whatever the column asks for.
        | {"vcov": "CRV1:unit"}
        for row in records_of(of_variant)
    }
    found = [lines.get(number) for number in columns]
    return coefficient_rows(say("same_sample", lang), found, bracket, lang) if any(found) else []


def _withheld_note(rows: pd.DataFrame, lang: Lang) -> str:
    """What a table says that has effects without an error because of few clusters; '' for others."""
    known = rows.get("n_effective_clusters")
    return (
        say("withheld_note", lang)
        if known is not None and (rows["std_error"].isna() & known.notna()).any()
        else ""
    )


def coefficient_rows(
    label: str, lines: Sequence[Mapping[str, Any] | None], bracket: Bracket, lang: Lang
) -> list[Row]:
    """Two rows: estimates with stars, and below them what stands in brackets. A line has its kind of error in
    vcov, which says whether it may have stars."""
    errors = [as_float(line["std_error"]) for line in lines if line is not None]
    decimals = decimals_of(errors)
    top: list[Content] = []
    second: list[Content] = []
    for line in lines:
        if line is None or math.isnan(as_float(line["estimate"])):
            top.append("")
            second.append("")
            continue
        mark = stars(_p_value(line), as_text(line["vcov"]))
        top.append(Number(as_float(line["estimate"]), decimals, mark))
        second.append(_bracketed(line, bracket, decimals))
    return [Row(label, tuple(top)), Row("", tuple(second))]


def _bracketed(line: Mapping[str, Any], bracket: Bracket, decimals: int) -> Content:
    estimate, error = as_float(line["estimate"]), as_float(line["std_error"])
    if not error > NO_ERROR:
        # One treated and one control unit have no error: zero in brackets would read as certainty.
        return UNKNOWN
    if bracket == "ci":
        return interval_cell(line.get("ci_low"), line.get("ci_high"), decimals)
    value = {
        "se": error,
        "t": as_float(line.get("t_value"), estimate / error),
        "p": as_float(_p_value(line)),
    }[bracket]
    # t and p are numbers of their own scale: three digits suffice.
    return "" if math.isnan(value) else Number(value, decimals if bracket == "se" else 3, bracketed=True)


def _p_value(line: Mapping[str, Any]) -> float | None:
    """p of the row, or the one that its interval implies when the table carries none; None when unknown.

    The interval's half-width over the standard error is the critical value, which gives the degrees of
    freedom: stars and interval then say the same. Without an interval the normal is taken.
    """
    if "p_value" in line:
        value = as_float(line["p_value"])
        return None if math.isnan(value) else value
    estimate, error = as_float(line["estimate"]), as_float(line["std_error"])
    if not error > NO_ERROR:
        return None
    critical = (as_float(line.get("ci_high")) - as_float(line.get("ci_low"))) / 2 / error
    statistic = abs(estimate / error)
    if math.isnan(critical) or critical <= student.ppf(0.975, 1e6):
        return math.erfc(statistic / math.sqrt(2))
    df = brentq(lambda guess: student.ppf(0.975, guess) - critical, 1.0, 1e6) if critical < 12.7 else 1.0
    return float(2 * student.sf(statistic, df))


def _variant_rows(
    estimates: pd.DataFrame,
    columns: Sequence[int],
    treatments: Sequence[str],
    bracket: Bracket,
    lang: Lang,
    *,
    observed: bool,
) -> list[Row]:
    """The treatment's coefficient of the other variant, whatever the name of the treatment in the column."""
    variant = estimates[estimates["is_observed_only"].astype(bool) == observed]
    lines = [
        next(iter(records_of(variant[(variant["column_no"] == n) & (variant["term"] == treatment)])), None)
        for n, treatment in zip(columns, treatments, strict=True)
    ]
    label = say("observed_only" if observed else "all_cells", lang)
    return coefficient_rows(label, lines, bracket, lang)


def _summary_rows(
    first: Mapping[int, Mapping[str, Any]],
    spec: Mapping[int, Mapping[Hashable, Any]],
    columns: Sequence[int],
    treatments: Sequence[str],
    by_column: Mapping[int, Mapping[str, Any]],
    estimates: pd.DataFrame,
    lang: Lang,
) -> list[Row]:
    """The block below the coefficients: what was estimated, on how much, of what quality."""

    def yes(flag: bool) -> str:
        return say("yes" if flag else "no", lang)

    def line(key: str, cells: Iterable[Content]) -> Row:
        return Row(say(key, lang), tuple(cells))

    effects = {n: _effects(as_text(first[n]["fixed_effects"])) for n in columns}
    known = list(dict.fromkeys(effect for n in columns for effect in effects[n]))
    has_controls = {
        n: bool(as_text(spec[n].get("controls")))
        if n in spec
        else bool(set(by_column[n]) - {treatment, "_cons"})
        for n, treatment in zip(columns, treatments, strict=True)
    }
    rows = [
        line("estimation", (named(ESTIMATORS, as_text(first[n]["estimator"]), lang) for n in columns)),
        line("controls", (yes(has_controls[n]) for n in columns)),
    ]
    differences = {n: as_text(first[n]["estimator"]) in STAGGERED and not effects[n] for n in columns}
    if not known:
        unit = _unit_of(first) if any(differences.values()) else None
        known = [unit, "year"] if unit else ["year"]
    for effect in known:
        key = f"fe_{effect}"
        label = say(key, lang) if key in TEXT else say("fe_other", lang, name=effect)
        rows.append(
            Row(
                label,
                tuple(
                    say("differenced", lang) if differences[n] else yes(effect in effects[n]) for n in columns
                ),
            )
        )
    winsor = [as_text(first[n].get("winsor")) for n in columns]
    if any(winsor):
        rows.append(line("winsorised", (_winsor_words(text, lang) for text in winsor)))
    rules = [as_text(first[n]["treatment_rule"]) for n in columns]
    if any(rules):
        rows.append(line("treatment_rule", (named(RULES, rule, lang) if rule else "" for rule in rules)))
    rows.append(line("cluster_row", (cluster_level(as_text(first[n]["vcov"]), lang) for n in columns)))
    clusters = [count_cell(first[n]["n_clusters"]) for n in columns]
    if any(clusters):
        rows.append(line("n_clusters", clusters))
    effective = [
        as_float(by_column[n].get(treatment, first[n]).get("n_effective_clusters"))
        for n, treatment in zip(columns, treatments, strict=True)
    ]
    if not all(math.isnan(value) for value in effective):
        rows.append(line("n_effective_clusters", (number_cell(value, 1) for value in effective)))
    permuted = [
        as_float(by_column[n].get(treatment, first[n]).get("p_randomization_t"))
        for n, treatment in zip(columns, treatments, strict=True)
    ]
    if not all(math.isnan(value) for value in permuted):
        rows.append(line("p_randomization_t", (number_cell(value, 3) for value in permuted)))
    rows.append(line("n_obs", (count_cell(first[n]["n_obs"]) for n in columns)))
    for key in ("r2", "r2_within"):
        values = [as_float(first[n][key]) for n in columns]
        if not all(math.isnan(value) for value in values):
            rows.append(line(key, (number_cell(value, 3) for value in values)))
    variant = estimates[estimates["is_observed_only"].astype(bool)].drop_duplicates("column_no")
    n_observed = dict(zip(variant["column_no"].astype(int), variant["n_obs"], strict=True))
    rows += [
        *_status_rows([first[n] for n in columns], lang),
        line("n_obs_observed", (count_cell(n_observed.get(n)) for n in columns)),
        line("n_dropped", (count_cell(first[n]["n_dropped"]) for n in columns)),
    ]
    return rows


def _status_rows(lines: Sequence[Mapping[str, Any]], lang: Lang) -> list[Row]:
    """What the cells behind each column are."""
    shares = ("imputed_share", "imputed_row_share", "flagged_row_share")
    return [
        *(Row(say(key, lang), tuple(percent_cell(line[key]) for line in lines)) for key in shares),
        # The label has the unit.
        Row(
            say("cell_status", lang), tuple(as_text(line["cell_status"]).replace(" %", "") for line in lines)
        ),
    ]


def _status_words(lines: Sequence[Mapping[str, Any]], names: Mapping[str, str], lang: Lang) -> str:
    """What the letters in the composition of the cells mean."""
    letters = sorted({part[0] for line in lines for part in as_text(line["cell_status"]).split(", ") if part})
    codes = say("list", lang).join(f"{letter} {names.get(letter, '')}".strip() for letter in letters)
    return say("status_note", lang, codes=codes) if codes else ""


def _note_of(lines: Iterable[Mapping[str, Any]]) -> str:
    """What the coefficients of a column say, each thing once. Of errors that are withheld or not starred the
    table's note speaks."""
    parts = [part.strip() for line in lines for part in as_text(line["note"]).split(";")]
    of_table = (WITHHELD, NO_STAR)
    return "; ".join(part for part in dict.fromkeys(parts) if part and not part.startswith(of_table))


def _unit_of(first: Mapping[int, Mapping[str, Any]]) -> str | None:
    """The unit that errors are clustered by, of columns that absorb nothing."""
    found = {as_text(row["vcov"]).partition(":")[2] for row in first.values()}
    return next((column for column in ("prefecture_code", "province_code") if column in found), None)


def _winsor_words(text: str, lang: Lang) -> str:
    """Quantiles that values are pulled to, `0.01:0.99 type7`, in per cent."""
    if not text:
        return say("no", lang)
    lower, _, upper = text.split()[0].partition(":")
    return f"{100 * float(lower):g}%, {100 * float(upper):g}%"


def _in_order(
    columns: Iterable[Mapping[str, Any]],
    treatments: Sequence[str],
    spec: Mapping[int, Mapping[Hashable, Any]],
) -> list[str]:
    present = list(dict.fromkeys(term for column in columns for term in column))
    controls = [
        name.strip()
        for row in spec.values()
        for name in as_text(row.get("controls")).split("+")
        if name.strip()
    ]
    wanted = dict.fromkeys([*treatments, *controls, *present])
    ordered = [term for term in wanted if term in present and term not in ("_cons", "Intercept")]
    return ordered + [term for term in ("_cons", "Intercept") if term in present]


def _effects(text: str) -> list[str]:
    for sign in ("#", "×", ":"):
        text = text.replace(sign, "^")
    return [part.strip() for part in text.split("+") if part.strip()]
