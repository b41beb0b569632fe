"""Tables as data: one object that every format is written from, so that no two formats can disagree.

A `Table` is a caption, a head, a body and notes; its cells are numbers, intervals or text. The builders
take the frames of schema `estimates` and give a `Table`; they open no file and no database.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from scipy.optimize import brentq
from scipy.stats import t as student

from cbec.estimators.study import stars
from cbec.report.labels import (
    CONTROL_GROUPS,
    ESTIMATORS,
    RULES,
    TEXT,
    Bracket,
    Labels,
    Lang,
    base_words,
    clean,
    named,
    pick,
    say,
    scheme_words,
)

MINUS = "\N{MINUS SIGN}"
MOST_DECIMALS = 6
# A standard error below this is rounding, not an error.
NO_ERROR = 1e-12
UNKNOWN = "—"
# What the papers call their treatment: a dummy in two of them, an index and a count of zones in the third.
PRINTED_TREATMENTS = ("DID", "Policy", "ECI", "NumCPZ")


@dataclass(frozen=True)
class Number:
    """A number of a cell. decimals: digits after the point; stars: of its p value; bracketed: in ( );
    grouped: with commas between thousands."""

    value: float
    decimals: int
    stars: str = ""
    bracketed: bool = False
    grouped: bool = False

    @property
    def digits(self) -> str:
        """The number without brackets and stars, with a true minus sign; never a negative zero."""
        text = f"{self.value:{',' if self.grouped else ''}.{self.decimals}f}"
        if text.startswith("-") and not text.strip("-0.,"):
            text = text[1:]
        return text.replace("-", MINUS)


@dataclass(frozen=True)
class Interval:
    """A confidence interval of a cell, in square brackets."""

    low: float
    high: float
    decimals: int

    @property
    def digits(self) -> str:
        return f"[{Number(self.low, self.decimals).digits}, {Number(self.high, self.decimals).digits}]"


Content = Number | Interval | str


def plain(content: Content) -> str:
    """The cell as text: the number with its brackets and stars."""
    if isinstance(content, Number):
        digits = f"({content.digits})" if content.bracketed else content.digits
        return digits + content.stars
    return content.digits if isinstance(content, Interval) else content


@dataclass(frozen=True)
class Row:
    """One line: the label at the left and one cell a column."""

    label: str
    cells: tuple[Content, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "label", clean(self.label))
        object.__setattr__(
            self, "cells", tuple(clean(cell) if isinstance(cell, str) else cell for cell in self.cells)
        )


@dataclass(frozen=True)
class Table:
    """A three-line table.

    name: of its files, from ids of the database; head: rows above the header rule; body: rows below;
    bracket_note: what stands in brackets and which standard errors it rests on; notes: further sentences of
    the note; remarks: paragraphs after it; units: (variable, unit).

    Raises ValueError when rows differ in width, or when a cell is bracketed and no note says what the
    brackets hold: such a table must not be rendered.
    """

    study_id: str
    name: str
    lang: Lang
    caption: str
    head: tuple[Row, ...]
    body: tuple[Row, ...]
    bracket_note: str
    notes: tuple[str, ...]
    remarks: tuple[str, ...] = ()
    units: tuple[tuple[str, str], ...] = ()
    is_simulated: bool = False
    columns: int = field(init=False)

    def __post_init__(self) -> None:
        widths = {len(row.cells) for row in (*self.head, *self.body)}
        if len(widths) != 1:
            raise ValueError(f"{self.name}: rows of {sorted(widths)} cells; allowed: one width")
        object.__setattr__(self, "columns", widths.pop())
        if self._has_brackets and not self.bracket_note.strip():
            raise ValueError(f"{self.name}: bracketed cells and no note that says what they are")
        prefix = say("simulated", self.lang) + "  " if self.is_simulated else ""
        object.__setattr__(self, "caption", clean(prefix + self.caption))
        object.__setattr__(self, "notes", tuple(clean(note) for note in self.notes if note))
        object.__setattr__(self, "remarks", tuple(clean(remark) for remark in self.remarks if remark))

    @property
    def _has_brackets(self) -> bool:
        return any(
            isinstance(cell, Interval) or (isinstance(cell, Number) and cell.bracketed)
            for row in self.body
            for cell in row.cells
        )

    @property
    def paragraphs(self) -> tuple[str, ...]:
        """What stands below the table: the note, then the remarks."""
        sentences = [part for part in (self.bracket_note, *self.notes) if part]
        stop = say("stop", self.lang)
        note = say("note", self.lang) + say("sentence", self.lang).join(sentences) if sentences else ""
        return tuple(text + stop for text in (note, *self.remarks) if text)


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
) -> Table:
    """The regression table of one table_no of a study.

    estimates: rows of estimates.regression of that table, both twins; specification: rows of
    studies.specification of that table; status_names: status letter -> name; is_first: whether it is the
    study's first table, the baseline. The treatment comes first, then controls, the constant last.

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
        number: {str(row["term"]): row for row in _records(main[main["column_no"] == number])}
        for number in columns
    }
    first = {number: next(iter(by_column[number].values())) for number in columns}
    treatments = [_text(spec[n].get("treatment")) if n in spec else next(iter(by_column[n])) for n in columns]
    terms = _in_order(by_column.values(), treatments, spec)

    body: list[Row] = []
    for term in terms:
        body += _coefficient_rows(
            labels.variable(term), [by_column[n].get(term) for n in columns], bracket, lang
        )
    if observed_only:
        body += _twin_rows(estimates, columns, treatments, bracket, lang, observed=False)
    body += _twin_rows(estimates, columns, treatments, bracket, lang, observed=True)
    body += _foot(first, spec, columns, treatments, by_column, estimates, lang)

    outcomes = [str(first[n]["outcome"]) for n in columns]
    main_note = _bracket_note({n: _text(first[n]["vcov"]) for n in columns}, bracket, lang, table_no)
    letters = sorted({_text(first[n]["worst_status"]) for n in columns} - {""})
    named_letters = [f"{letter} {(status_names or {}).get(letter, '')}".strip() for letter in letters]
    simulated = bool(main["is_simulated"].any())
    return Table(
        study_id=study_id,
        name=f"{table_no}_observed_only" if observed_only else table_no,
        lang=lang,
        caption=_caption(table_no, _kind(main, specification, table_no, is_first), lang),
        head=(
            Row("", tuple(labels.variable(outcome) for outcome in outcomes)),
            Row(say("variable", lang), tuple(f"({number})" for number in columns)),
        ),
        body=tuple(body),
        bracket_note=main_note,
        notes=(
            say("stars_note", lang),
            say("main_is_observed", lang) if observed_only else "",
            say("observed_note", lang),
            say("imputed_note", lang),
            say("status_note", lang, letters=say("list", lang).join(named_letters)) if letters else "",
            say("simulated_note", lang) if simulated else "",
        ),
        remarks=(
            _by_column("columns_note", {n: _text(first[n]["note"]) for n in columns}, labels),
            _by_column("dropped_note", {n: _text(first[n]["drop_reason"]) for n in columns}, labels),
            say("study", lang, name=study_title) if study_title else "",
        ),
        units=_units([*outcomes, *terms], labels),
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
    cells = {(int(r["column_no"]), str(r["estimator"]), int(r["event_year"])): r for r in _records(main)}
    years = sorted({int(year) for year in main["event_year"]})
    head_row = {key: next(row for (c, e, _), row in cells.items() if (c, e) == key) for key in keys}
    body: list[Row] = []
    for year in years:
        rows = [cells.get((*key, year)) for key in keys]
        label = f"{year:+d}".replace("-", MINUS) if year else "0"
        body += _coefficient_rows(label, rows, bracket, lang)
    body.append(
        Row(
            say("estimation", lang),
            tuple(named(ESTIMATORS, estimator, lang) for _, estimator in keys),
        )
    )
    counts = [
        {
            int(r["event_year"]): r["n_cohorts"]
            for r in _records(main)
            if (int(r["column_no"]), str(r["estimator"])) == key
        }
        for key in keys
    ]
    body.append(
        Row(
            say("n_cohorts", lang),
            tuple(_count(max((_float(v) for v in count.values()), default=math.nan)) for count in counts),
        )
    )
    bases = sorted({_text(value) for value in main["base_period"]} - {""})
    simulated = bool(main["is_simulated"].any())
    outcomes = [str(head_row[key]["outcome"]) for key in keys]
    return Table(
        study_id=str(main["study_id"].iloc[0]),
        name=f"{table_no}_event_study",
        lang=lang,
        caption=_caption(table_no, "event_study", lang, annex=True),
        head=(
            Row("", tuple(labels.variable(outcome) for outcome in outcomes)),
            Row(say("event_time", lang), tuple(f"({column})" for column, _ in keys)),
        ),
        body=tuple(body),
        bracket_note=_bracket_note({c: vcov.get(c, "") for c, _ in keys}, bracket, lang, table_no),
        notes=(
            say("stars_note", lang),
            say("implied_stars_note", lang),
            *(say("base_none", lang, base=base_words(base, lang)) for base in bases),
            say("simulated_note", lang) if simulated else "",
        ),
        units=_units(outcomes, labels),
        is_simulated=simulated,
    )


def descriptive_table(rows: pd.DataFrame, labels: Labels) -> Table:
    """Descriptive statistics of a study: rows of estimates.descriptive, in their order.

    Raises ValueError without rows.
    """
    lang = labels.lang
    if rows.empty:
        raise ValueError("no rows of estimates.descriptive for this study")
    keys = ["n_obs_short", "mean", "sd", "minimum", "maximum"]
    has_vif = "vif" in rows and rows["vif"].notna().any()
    heads = ["symbol", *keys, *(["vif"] if has_vif else []), "imputed_share"]
    body = []
    for row in _records(rows):
        values = [_float(row[name]) for name in ("mean", "sd", "minimum", "maximum")]
        largest = max((abs(value) for value in values if not math.isnan(value)), default=0.0)
        decimals = 3 if largest < 1000 else 2 if largest < 100_000 else 0
        cells: list[Content] = [str(row["variable"]), _count(row["n_obs"])]
        cells += [_number(value, decimals, grouped=True) for value in values]
        if has_vif:
            cells.append(_number(_float(row["vif"]), 2))
        cells.append(_percent(row["imputed_share"]))
        body.append(Row(labels.variable(str(row["variable"])), tuple(cells)))
    simulated = bool(rows["is_simulated"].any())
    return Table(
        study_id=str(rows["study_id"].iloc[0]),
        name="descriptive",
        lang=lang,
        caption=say("descriptive", lang),
        head=(Row(say("variable", lang), tuple(say(key, lang) for key in heads)),),
        body=tuple(body),
        bracket_note="",
        notes=(say("imputed_note", lang), say("simulated_note", lang) if simulated else ""),
        units=_units([str(name) for name in rows["variable"]], labels),
        is_simulated=simulated,
    )


def comparison_columns(
    estimates: pd.DataFrame, specification: pd.DataFrame, published: pd.DataFrame
) -> list[int]:
    """Columns of a table_no for which the paper prints a coefficient and we have estimates."""
    printed = published[(published["statistic"] == "coef") & published["column_no"].notna()]["column_no"]
    return sorted(
        {int(c) for c in printed}
        & {int(c) for c in estimates["column_no"]}
        & {int(c) for c in specification["column_no"]}
    )


def comparison_table(
    estimates: pd.DataFrame, specification: pd.DataFrame, published: pd.DataFrame, labels: Labels
) -> Table:
    """Our treatment coefficients of one table_no beside the printed ones.

    The paper's treatment is the one of PRINTED_TREATMENTS in the column, else the first coefficient that it
    prints there; its brackets hold what the paper prints (se or t), the note says which.
    published: rows of studies.published_result of that table. Raises ValueError when the paper prints no
    coefficient of a column of ours, or without a vcov of ours.
    """
    lang = labels.lang
    main = estimates[~estimates["is_observed_only"].astype(bool)]
    table_no = str(main["table_no"].iloc[0])
    spec = {int(str(row["column_no"])): row for row in specification.to_dict("records")}
    columns = comparison_columns(main, specification, published)
    if not columns:
        raise ValueError("the paper prints no coefficient of these columns")
    printed_cells: list[Content] = []
    printed_brackets: list[Content] = []
    ours, differences, n_printed, n_ours = [], [], [], []
    kinds = set()
    for number in columns:
        of_column = published[published["column_no"] == number].sort_values("result_no")
        effects = of_column[of_column["statistic"] == "coef"]
        named_ones = effects[effects["term"].isin(PRINTED_TREATMENTS)]
        top = (named_ones if len(named_ones) else effects).iloc[0]
        decimals = _printed_decimals(_text(top["printed"]))
        printed_cells.append(Number(float(top["value"]), decimals, _text(top["stars"])))
        second = of_column[(of_column["term"] == top["term"]) & of_column["statistic"].isin(["se", "t", "p"])]
        if second.empty:
            printed_brackets.append("")
        else:
            line = second.iloc[0]
            kinds.add(str(line["statistic"]))
            printed_brackets.append(
                Number(float(line["value"]), _printed_decimals(_text(line["printed"])), bracketed=True)
            )
        rows = main[(main["column_no"] == number) & (main["term"] == spec[number]["treatment"])]
        mine = _records(rows)[0] if len(rows) else None
        ours.append(mine)
        differences.append(
            _number(_float(mine["estimate"]) - float(top["value"]), max(decimals, 3)) if mine else ""
        )
        counts = of_column[of_column["statistic"] == "n"]["value"]
        n_printed.append(_count(counts.iloc[0]) if len(counts) else "")
        n_ours.append(_count(mine["n_obs"]) if mine else "")
    vcov = {n: _text(mine["vcov"]) for n, mine in zip(columns, ours, strict=True) if mine}
    our_kind: Bracket = "t" if kinds == {"t"} else "se"
    simulated = bool(main["is_simulated"].any())
    printed_kind = say("list", lang).join(say(kind, lang) for kind in sorted(kinds))
    note = _bracket_note(vcov, our_kind, lang, table_no)
    if printed_kind:
        note += (
            say("separator", lang) + f"{say('printed', lang)}{'：' if lang == 'zh' else ': '}{printed_kind}"
        )
    body = [
        Row(say("effect_printed", lang), tuple(printed_cells)),
        Row("", tuple(printed_brackets)),
        *_coefficient_rows(say("effect_ours", lang), ours, our_kind, lang),
        Row(say("effect_difference", lang), tuple(differences)),
        Row(say("n_printed", lang), tuple(n_printed)),
        Row(say("n_ours", lang), tuple(n_ours)),
    ]
    outcomes = [str(spec[n]["outcome"]) for n in columns]
    return Table(
        study_id=str(main["study_id"].iloc[0]),
        name=f"{table_no}_comparison",
        lang=lang,
        caption=_caption(table_no, "comparison", lang, annex=True),
        head=(
            Row("", tuple(labels.variable(outcome) for outcome in outcomes)),
            Row(say("variable", lang), tuple(f"({number})" for number in columns)),
        ),
        body=tuple(body),
        bracket_note=note,
        notes=(say("stars_note", lang), say("simulated_note", lang) if simulated else ""),
        is_simulated=simulated,
    )


def att_table(
    rows: pd.DataFrame, labels: Labels, vcov: Mapping[int, str], *, bracket: Bracket = "se"
) -> Table:
    """Overall effects of the staggered estimators of one table_no: rows of estimates.att.

    Columns are column_no and estimator; the observed-only twin is a row. Raises ValueError without an
    overall effect or without a vcov.
    """
    lang = labels.lang
    overall = rows[rows["aggregation"] == "overall"]
    main = overall[~overall["is_observed_only"].astype(bool)]
    if main.empty:
        raise ValueError("no overall effect in estimates.att for this table")
    table_no = str(main["table_no"].iloc[0])
    lines = _records(main.sort_values(["column_no", "estimator"]))
    keys = [(int(line["column_no"]), str(line["estimator"])) for line in lines]
    twin = {
        (int(line["column_no"]), str(line["estimator"])): line
        for line in _records(overall[overall["is_observed_only"].astype(bool)])
    }
    outcomes = [str(line["outcome"]) for line in lines]
    simulated = bool(main["is_simulated"].any())
    body = (
        *_coefficient_rows(labels.variable("is_treated"), lines, bracket, lang),
        *_coefficient_rows(say("observed_only", lang), [twin.get(key) for key in keys], bracket, lang),
        Row(say("estimation", lang), tuple(named(ESTIMATORS, key[1], lang) for key in keys)),
        Row(
            say("control_group", lang),
            tuple(
                named(CONTROL_GROUPS, _text(line["control_group"]).replace(" ", "_").replace("-", "_"), lang)
                for line in lines
            ),
        ),
        Row(say("base_period", lang), tuple(base_words(_text(line["base_period"]), lang) for line in lines)),
        Row(
            say("treatment_rule", lang),
            tuple(named(RULES, _text(line["treatment_rule"]), lang) for line in lines),
        ),
        Row(say("n_obs", lang), tuple(_count(line["n_obs"]) for line in lines)),
        Row(say("imputed_share", lang), tuple(_percent(line["imputed_share"]) for line in lines)),
    )
    return Table(
        study_id=str(main["study_id"].iloc[0]),
        name=f"{table_no}_att",
        lang=lang,
        caption=_caption(table_no, "att", lang, annex=True),
        head=(
            Row("", tuple(labels.variable(outcome) for outcome in outcomes)),
            Row(say("variable", lang), tuple(f"({key[0]})" for key in keys)),
        ),
        body=body,
        bracket_note=_bracket_note({c: vcov.get(c, "") for c, _ in keys}, bracket, lang, table_no),
        notes=(
            say("stars_note", lang),
            say("observed_note", lang),
            say("imputed_note", lang),
            say("simulated_note", lang) if simulated else "",
        ),
        units=_units(outcomes, labels),
        is_simulated=simulated,
    )


def mediation_table(rows: pd.DataFrame, labels: Labels, vcov: str, *, bracket: Bracket = "se") -> Table:
    """Total, direct and indirect effect of one table_no: rows of estimates.mediation, one column each.

    Brackets hold standard errors or t values: the paths have no p and no interval of their own, so `p`
    and `ci` give standard errors, and the note says so. Raises ValueError without rows or without vcov.
    """
    lang = labels.lang
    if rows.empty:
        raise ValueError("no rows of estimates.mediation for this table")
    lines = _records(rows)
    table_no = str(rows["table_no"].iloc[0])
    kind: Bracket = "t" if bracket == "t" else "se"
    body: list[Row] = []
    for key, name in (("path_c", "c"), ("path_a", "a"), ("path_b", "b"), ("path_c_prime", "c_prime")):
        paths = [{"estimate": line[name], "std_error": line[f"{name}_se"]} for line in lines]
        body += _coefficient_rows(say(key, lang), paths, kind, lang)
    decimals = _decimals([_float(line["indirect"]) for line in lines])
    body += [
        Row(say("indirect", lang), tuple(_number(_float(line["indirect"]), decimals) for line in lines)),
        Row(
            say("indirect_ci", lang),
            tuple(_interval(line["ci_low"], line["ci_high"], decimals) for line in lines),
        ),
        Row(say("share_mediated", lang), tuple(_percent(line["share_mediated"]) for line in lines)),
        Row(say("sobel_z", lang), tuple(_number(_float(line["sobel_z"]), 3) for line in lines)),
        Row(say("sobel_p", lang), tuple(_number(_float(line["sobel_p"]), 3) for line in lines)),
        Row(say("rho_at_zero", lang), tuple(_number(_float(line["rho_at_zero"]), 3) for line in lines)),
        Row(say("n_boot", lang), tuple(_count(line["n_boot"]) for line in lines)),
        Row(say("n_obs", lang), tuple(_count(line["n_obs"]) for line in lines)),
    ]
    simulated = bool(rows["is_simulated"].any())
    outcomes = [str(line["outcome"]) for line in lines]
    mediators = [str(line["mediator"]) for line in lines]
    return Table(
        study_id=str(rows["study_id"].iloc[0]),
        name=f"{table_no}_mediation",
        lang=lang,
        caption=_caption(table_no, "mediation", lang, annex=True),
        head=(
            Row(say("outcome", lang), tuple(labels.variable(name) for name in outcomes)),
            Row(say("mediator", lang), tuple(labels.variable(name) for name in mediators)),
            Row(say("variable", lang), tuple(f"({number})" for number in range(1, len(lines) + 1))),
        ),
        body=tuple(body),
        bracket_note=_bracket_note(dict.fromkeys(range(1, len(lines) + 1), vcov), kind, lang, table_no),
        notes=(
            say("stars_note", lang),
            say("normal_stars_note", lang),
            say("bootstrap_note", lang),
            say("simulated_note", lang) if simulated else "",
        ),
        units=_units([*outcomes, *mediators], labels),
        is_simulated=simulated,
    )


def falsification_table(rows: pd.DataFrame, labels: Labels) -> Table:
    """Effects that must be zero if the design holds: rows of estimates.falsification, one line each.

    Raises ValueError without rows.
    """
    lang = labels.lang
    if rows.empty:
        raise ValueError("no rows of estimates.falsification for this study")
    keys = ("falsification_kind", "estimate", "std_error", "p_value", "n_treated_cells", "n_obs_short")
    body, notes = [], set()
    for line in _records(rows.sort_values(["table_no", "column_no", "kind", "variant"])):
        place = f"{_number_of(str(line['table_no']))}({line['column_no']})"
        in_time = line["kind"] == "in_time"
        name = str(line["outcome"]) if in_time else str(line["variant"])
        error = _float(line["std_error"])
        decimals = _decimals([error])
        notes.add(labels.translate(_text(line["note"])))
        body.append(
            Row(
                f"{place} {labels.variable(name)}",
                (
                    say("years_early", lang, n=line["variant"]) if in_time else say("other_outcome", lang),
                    _number(_float(line["estimate"]), decimals),
                    _number(error, decimals),
                    _number(_float(line["p_value"]), 3),
                    _count(line["n_treated_cells"]),
                    _count(line["n_obs"]),
                ),
            )
        )
    simulated = bool(rows["is_simulated"].any())
    return Table(
        study_id=str(rows["study_id"].iloc[0]),
        name="falsification",
        lang=lang,
        caption=say("falsification", lang),
        head=(Row(say("outcome", lang), tuple(say(key, lang) for key in keys)),),
        body=tuple(body),
        bracket_note="",
        notes=(
            say("falsification_note", lang),
            *sorted(notes - {""}),
            say("simulated_note", lang) if simulated else "",
        ),
        is_simulated=simulated,
    )


def placebo_table(rows: pd.DataFrame, labels: Labels) -> Table:
    """Randomization p values: rows of estimates.placebo_summary of a study, one line each.

    Raises ValueError without rows.
    """
    lang = labels.lang
    if rows.empty:
        raise ValueError("no rows of estimates.placebo_summary for this study")
    keys = ("scheme", "estimate", "n_draws", "p_randomization", "p_randomization_t", "seed")
    body = []
    for line in _records(rows.sort_values(["table_no", "column_no", "scheme"])):
        place = f"{_number_of(str(line['table_no']))}({line['column_no']})"
        body.append(
            Row(
                f"{place} {labels.variable(str(line['outcome']))}",
                (
                    scheme_words(str(line["scheme"]), lang),
                    _number(_float(line["estimate"]), _decimals([_float(line["estimate"])])),
                    _count(line["n_draws"]),
                    _number(_float(line["p_randomization"]), 3),
                    _number(_float(line["p_randomization_t"]), 3),
                    # A seed is a name, not a quantity: no commas.
                    _number(_float(line["seed"]), 0),
                ),
            )
        )
    simulated = bool(rows["is_simulated"].any())
    notes = sorted({labels.translate(_text(value)) for value in rows["note"]} - {""})
    return Table(
        study_id=str(rows["study_id"].iloc[0]),
        name="placebo",
        lang=lang,
        caption=say("placebo", lang),
        head=(Row(say("outcome", lang), tuple(say(key, lang) for key in keys)),),
        body=tuple(body),
        bracket_note="",
        notes=(*notes, say("simulated_note", lang) if simulated else ""),
        is_simulated=simulated,
    )


def _coefficient_rows(
    label: str, lines: Sequence[Mapping[str, Any] | None], bracket: Bracket, lang: Lang
) -> list[Row]:
    """Two rows: estimates with stars, and below them what stands in brackets."""
    errors = [_float(line["std_error"]) for line in lines if line is not None]
    decimals = _decimals(errors)
    top: list[Content] = []
    second: list[Content] = []
    for line in lines:
        if line is None or math.isnan(_float(line["estimate"])):
            top.append("")
            second.append("")
            continue
        top.append(Number(_float(line["estimate"]), decimals, stars(_p_value(line))))
        second.append(_bracketed(line, bracket, decimals))
    return [Row(label, tuple(top)), Row("", tuple(second))]


def _bracketed(line: Mapping[str, Any], bracket: Bracket, decimals: int) -> Content:
    estimate, error = _float(line["estimate"]), _float(line["std_error"])
    if not error > NO_ERROR:
        # One treated and one control unit have no error: zero in brackets would read as certainty.
        return UNKNOWN
    if bracket == "ci":
        return _interval(line.get("ci_low"), line.get("ci_high"), decimals)
    value = {
        "se": error,
        "t": _float(line.get("t_value"), estimate / error),
        "p": _float(_p_value(line)),
    }[bracket]
    # t and p are numbers of their own scale: three digits suffice.
    return "" if math.isnan(value) else Number(value, decimals if bracket == "se" else 3, bracketed=True)


def _p_value(line: Mapping[str, Any]) -> float | None:
    """p of the row, or the one that its interval implies when the table carries none; None when unknown.

    The interval's half-width over the standard error is the critical value, which gives the degrees of
    freedom: stars and interval then say the same. Without an interval the normal is taken.
    """
    if "p_value" in line:
        value = _float(line["p_value"])
        return None if math.isnan(value) else value
    estimate, error = _float(line["estimate"]), _float(line["std_error"])
    if not error > NO_ERROR:
        return None
    critical = (_float(line.get("ci_high")) - _float(line.get("ci_low"))) / 2 / error
    statistic = abs(estimate / error)
    if math.isnan(critical) or critical <= student.ppf(0.975, 1e6):
        return math.erfc(statistic / math.sqrt(2))
    df = brentq(lambda guess: student.ppf(0.975, guess) - critical, 1.0, 1e6) if critical < 12.7 else 1.0
    return float(2 * student.sf(statistic, df))


def _twin_rows(
    estimates: pd.DataFrame,
    columns: Sequence[int],
    treatments: Sequence[str],
    bracket: Bracket,
    lang: Lang,
    *,
    observed: bool,
) -> list[Row]:
    """The treatment's coefficient of the other twin, whatever the name of the treatment in the column."""
    twin = estimates[estimates["is_observed_only"].astype(bool) == observed]
    lines = [
        next(iter(_records(twin[(twin["column_no"] == n) & (twin["term"] == treatment)])), None)
        for n, treatment in zip(columns, treatments, strict=True)
    ]
    label = say("observed_only" if observed else "all_cells", lang)
    return _coefficient_rows(label, lines, bracket, lang)


def _foot(
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

    effects = {n: _effects(_text(first[n]["fixed_effects"])) for n in columns}
    known = list(dict.fromkeys(effect for n in columns for effect in effects[n]))
    has_controls = {
        n: bool(_text(spec[n].get("controls")))
        if n in spec
        else bool(set(by_column[n]) - {treatment, "_cons"})
        for n, treatment in zip(columns, treatments, strict=True)
    }
    rows = [
        line("estimation", (named(ESTIMATORS, _text(first[n]["estimator"]), lang) for n in columns)),
        line("controls", (yes(has_controls[n]) for n in columns)),
    ]
    for effect in known or ["year"]:
        key = f"fe_{effect}"
        label = say(key, lang) if key in TEXT else say("fe_other", lang, name=effect)
        rows.append(Row(label, tuple(yes(effect in effects[n]) for n in columns)))
    rules = [_text(first[n]["treatment_rule"]) for n in columns]
    if any(rules):
        rows.append(line("treatment_rule", (named(RULES, rule, lang) if rule else "" for rule in rules)))
    rows.append(line("cluster_row", (_level(_text(first[n]["vcov"]), lang) for n in columns)))
    clusters = [_count(first[n]["n_clusters"]) for n in columns]
    if any(clusters):
        rows.append(line("n_clusters", clusters))
    rows.append(line("n_obs", (_count(first[n]["n_obs"]) for n in columns)))
    for key in ("r2", "r2_within"):
        values = [_float(first[n][key]) for n in columns]
        if not all(math.isnan(value) for value in values):
            rows.append(line(key, (_number(value, 3) for value in values)))
    twin = estimates[estimates["is_observed_only"].astype(bool)].drop_duplicates("column_no")
    n_twin = dict(zip(twin["column_no"].astype(int), twin["n_obs"], strict=True))
    rows += [
        line("imputed_share", (_percent(first[n]["imputed_share"]) for n in columns)),
        line("n_obs_observed", (_count(n_twin.get(n)) for n in columns)),
        line("worst_status", (_text(first[n]["worst_status"]) for n in columns)),
        line("n_dropped", (_count(first[n]["n_dropped"]) for n in columns)),
    ]
    return rows


def _in_order(
    columns: Iterable[Mapping[str, Any]],
    treatments: Sequence[str],
    spec: Mapping[int, Mapping[Hashable, Any]],
) -> list[str]:
    present = list(dict.fromkeys(term for column in columns for term in column))
    controls = [
        name.strip()
        for row in spec.values()
        for name in _text(row.get("controls")).split("+")
        if name.strip()
    ]
    wanted = dict.fromkeys([*treatments, *controls, *present])
    ordered = [term for term in wanted if term in present and term not in ("_cons", "Intercept")]
    return ordered + [term for term in ("_cons", "Intercept") if term in present]


def _effects(text: str) -> list[str]:
    for sign in ("#", "×", ":"):
        text = text.replace(sign, "^")
    return [part.strip() for part in text.split("+") if part.strip()]


def _level(vcov: str, lang: Lang) -> str:
    if not vcov.startswith("CRV"):
        return say("none", lang)
    return _level_name(vcov.split(":", 1)[1], lang)


def _level_name(column: str, lang: Lang) -> str:
    parts = [part.strip() for part in column.split("+")]
    return say("list", lang).join(
        pick(TEXT[f"level_{part}"], lang) if f"level_{part}" in TEXT else part for part in parts
    )


def vcov_words(vcov: str, lang: Lang) -> str:
    """The kind of standard errors in words; KeyError when it is none that `_is_known` knows."""
    if vcov.startswith("CRV"):
        return say("vcov_cluster", lang, level=_level_name(vcov.split(":", 1)[1], lang))
    if vcov.startswith("conley:"):
        return say("vcov_conley", lang, km=vcov.split(":", 1)[1])
    return say({"HC1": "vcov_hc1", "hetero": "vcov_hc1", "iid": "vcov_iid"}[vcov], lang)


def _bracket_note(vcov: Mapping[int, str], bracket: Bracket, lang: Lang, where: str) -> str:
    """What the brackets hold, with the standard errors behind it, column by column when they differ.

    Raises ValueError when a column's vcov is unknown.
    """
    unknown = sorted(n for n, text in vcov.items() if not _is_known(text))
    if unknown or not vcov:
        raise ValueError(
            f"{where}: columns {unknown} have no known vcov (allowed: iid, HC1, CRV1:<column>, conley:<km>); "
            "brackets that cannot be named are not printed"
        )
    opening = say("note_in_square" if bracket == "ci" else "note_in", lang)

    def words(text: str) -> str:
        errors = (
            vcov_words(text, lang) + say("se", lang)
            if lang == "zh"
            else f"{say('se', lang)} {vcov_words(text, lang)}"
        )
        if bracket == "se":
            return errors
        return (
            f"{say(bracket, lang)}（基于{errors}）" if lang == "zh" else f"{say(bracket, lang)} from {errors}"
        )

    groups: dict[str, list[int]] = {}
    for number, text in vcov.items():
        groups.setdefault(words(text), []).append(number)
    if len(groups) == 1:
        return opening + next(iter(groups))
    return opening + say("separator", lang).join(
        say("vcov_columns", lang, columns="".join(f"({n})" for n in numbers), text=text)
        for text, numbers in groups.items()
    )


def _is_known(vcov: str) -> bool:
    return vcov in ("iid", "HC1", "hetero") or (
        vcov.startswith(("CRV", "conley")) and ":" in vcov and bool(vcov.split(":", 1)[1].strip())
    )


def _by_column(key: str, notes: Mapping[int, str], labels: Labels) -> str:
    """One sentence for columns with the same note; empty when there is nothing to say."""
    groups: dict[str, list[int]] = {}
    for number, text in notes.items():
        if text and text != "none":
            groups.setdefault(labels.translate(text), []).append(number)
    if not groups:
        return ""
    parts = ["".join(f"({n})" for n in numbers) + " " + text for text, numbers in groups.items()]
    return say(key, labels.lang, notes=say("separator", labels.lang).join(parts))


def _kind(main: pd.DataFrame, specification: pd.DataFrame, table_no: str, is_first: bool) -> str:
    """Which of the usual tables it is, from its specification; a number with a letter is a variant."""

    def asks(name: str) -> bool:
        return name in specification and bool(specification[name].map(_text).ne("").any())

    estimators = set(main["estimator"].map(_text))
    if asks("mediator"):
        return "mechanism"
    if asks("subgroup"):
        return "heterogeneity"
    if table_no[-1:].isalpha():
        return "robustness"
    if estimators and not estimators & {"pooled", "twfe"}:
        return "staggered"
    return "baseline" if is_first else "regressions"


def _number_of(table_no: str) -> str:
    return table_no[1:] if table_no[:1] == "T" and table_no[1:2].isdigit() else table_no


def _caption(table_no: str, kind: str, lang: Lang, *, annex: bool = False) -> str:
    number = f"{say('table', lang)}{_number_of(table_no)}"
    if annex:
        number += "附" if lang == "zh" else " annex"
    return f"{number}  {say(kind, lang)}"


def _units(columns: Iterable[str], labels: Labels) -> tuple[tuple[str, str], ...]:
    return tuple(
        (labels.variable(column), labels.unit(column))
        for column in dict.fromkeys(columns)
        if labels.unit(column)
    )


def _decimals(values: Iterable[float]) -> int:
    """Three digits, more when the smallest of the values would otherwise print as zero."""
    sizes = [abs(value) for value in values if abs(value) > NO_ERROR]
    decimals = 3
    while sizes and decimals < MOST_DECIMALS and min(sizes) * 10**decimals < 1:
        decimals += 1
    return decimals


def _printed_decimals(printed: str) -> int:
    digits = printed.strip().rstrip("*").strip("()")
    return len(digits.split(".", 1)[1]) if "." in digits else 0


def _number(value: float, decimals: int, *, grouped: bool = False) -> Content:
    return "" if math.isnan(value) else Number(value, decimals, grouped=grouped)


def _count(value: Any) -> Content:
    return _number(_float(value), 0, grouped=True)


def _percent(share: Any) -> Content:
    return _number(100 * _float(share), 1)


def _interval(low: Any, high: Any, decimals: int) -> Content:
    ends = _float(low), _float(high)
    return "" if any(math.isnan(end) for end in ends) else Interval(*ends, decimals)


def _float(value: Any, default: float = math.nan) -> float:
    """The number, or the default for a missing one."""
    return default if value is None or pd.isna(value) else float(value)


def _text(value: Any) -> str:
    return "" if value is None or pd.isna(value) else str(value)


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]
