"""Tables of diagnostics: descriptive statistics, comparisons, mediation, falsification, placebo."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from cbec.common.words import Bracket, Labels, say, scheme_words
from cbec.report.notes import bracket_sentence, caption_of, no_stars_sentence, number_of_table, variable_units
from cbec.report.table import (
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
    printed_decimals,
    records_of,
)
from cbec.report.tables import PRINTED_TREATMENTS, coefficient_rows


def descriptive_table(rows: pd.DataFrame, labels: Labels) -> Table:
    """Descriptive statistics of a study: rows of estimates.descriptive, in their order.

    Raises ValueError without rows.
    """
    lang = labels.lang
    if rows.empty:
        raise ValueError("no rows of estimates.descriptive for this study")
    keys = ["n_obs_short", "mean", "sd", "minimum", "maximum"]
    has_vif = "vif" in rows and rows["vif"].notna().any()
    heads = ["symbol", *keys, *(["vif"] if has_vif else []), "imputed_share", "flagged_share"]
    body = []
    for row in records_of(rows):
        values = [as_float(row[name]) for name in ("mean", "sd", "minimum", "maximum")]
        largest = max((abs(value) for value in values if not math.isnan(value)), default=0.0)
        decimals = 3 if largest < 1000 else 2 if largest < 100_000 else 0
        cells: list[Content] = [str(row["variable"]), count_cell(row["n_obs"])]
        cells += [number_cell(value, decimals, grouped=True) for value in values]
        if has_vif:
            cells.append(number_cell(as_float(row["vif"]), 2))
        cells += [percent_cell(row["imputed_share"]), percent_cell(row["flagged_share"])]
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
        units=variable_units([str(name) for name in rows["variable"]], labels),
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
        decimals = printed_decimals(as_text(top["printed"]))
        printed_cells.append(Number(float(top["value"]), decimals, as_text(top["stars"])))
        second = of_column[(of_column["term"] == top["term"]) & of_column["statistic"].isin(["se", "t", "p"])]
        if second.empty:
            printed_brackets.append("")
        else:
            line = second.iloc[0]
            kinds.add(str(line["statistic"]))
            printed_brackets.append(
                Number(float(line["value"]), printed_decimals(as_text(line["printed"])), bracketed=True)
            )
        rows = main[(main["column_no"] == number) & (main["term"] == spec[number]["treatment"])]
        mine = records_of(rows)[0] if len(rows) else None
        ours.append(mine)
        differences.append(
            number_cell(as_float(mine["estimate"]) - float(top["value"]), max(decimals, 3)) if mine else ""
        )
        counts = of_column[of_column["statistic"] == "n"]["value"]
        n_printed.append(count_cell(counts.iloc[0]) if len(counts) else "")
        n_ours.append(count_cell(mine["n_obs"]) if mine else "")
    vcov = {n: as_text(mine["vcov"]) for n, mine in zip(columns, ours, strict=True) if mine}
    our_kind: Bracket = "t" if kinds == {"t"} else "se"
    simulated = bool(main["is_simulated"].any())
    printed_kind = say("list", lang).join(say(kind, lang) for kind in sorted(kinds))
    note = bracket_sentence(vcov, our_kind, lang, table_no)
    if printed_kind:
        note += (
            say("separator", lang) + f"{say('printed', lang)}{'：' if lang == 'zh' else ': '}{printed_kind}"
        )
    body = [
        Row(say("effect_printed", lang), tuple(printed_cells)),
        Row("", tuple(printed_brackets)),
        *coefficient_rows(say("effect_ours", lang), ours, our_kind, lang),
        Row(say("effect_difference", lang), tuple(differences)),
        Row(say("n_printed", lang), tuple(n_printed)),
        Row(say("n_ours", lang), tuple(n_ours)),
    ]
    outcomes = [str(spec[n]["outcome"]) for n in columns]
    return Table(
        study_id=str(main["study_id"].iloc[0]),
        name=f"{table_no}_comparison",
        lang=lang,
        caption=caption_of(table_no, "comparison", lang, annex=True),
        head=(
            Row("", tuple(labels.variable(outcome) for outcome in outcomes)),
            Row(say("variable", lang), tuple(f"({number})" for number in columns)),
        ),
        body=tuple(body),
        bracket_note=note,
        notes=(
            say("stars_note", lang),
            no_stars_sentence(vcov, lang),
            say("simulated_note", lang) if simulated else "",
        ),
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
    lines = records_of(rows)
    table_no = str(rows["table_no"].iloc[0])
    kind: Bracket = "t" if bracket == "t" else "se"
    body: list[Row] = []
    for key, name in (("path_c", "c"), ("path_a", "a"), ("path_b", "b"), ("path_c_prime", "c_prime")):
        paths = [{"estimate": line[name], "std_error": line[f"{name}_se"], "vcov": vcov} for line in lines]
        body += coefficient_rows(say(key, lang), paths, kind, lang)
    decimals = decimals_of([as_float(line["indirect"]) for line in lines])
    body += [
        Row(
            say("indirect", lang), tuple(number_cell(as_float(line["indirect"]), decimals) for line in lines)
        ),
        Row(
            say("indirect_ci", lang),
            tuple(interval_cell(line["ci_low"], line["ci_high"], decimals) for line in lines),
        ),
        Row(say("share_mediated", lang), tuple(percent_cell(line["share_mediated"]) for line in lines)),
        Row(say("sobel_z", lang), tuple(number_cell(as_float(line["sobel_z"]), 3) for line in lines)),
        Row(say("sobel_p", lang), tuple(number_cell(as_float(line["sobel_p"]), 3) for line in lines)),
        Row(say("rho_at_zero", lang), tuple(number_cell(as_float(line["rho_at_zero"]), 3) for line in lines)),
        Row(say("n_boot", lang), tuple(count_cell(line["n_boot"]) for line in lines)),
        Row(say("n_obs", lang), tuple(count_cell(line["n_obs"]) for line in lines)),
    ]
    simulated = bool(rows["is_simulated"].any())
    outcomes = [str(line["outcome"]) for line in lines]
    mediators = [str(line["mediator"]) for line in lines]
    return Table(
        study_id=str(rows["study_id"].iloc[0]),
        name=f"{table_no}_mediation",
        lang=lang,
        caption=caption_of(table_no, "mediation", lang, annex=True),
        head=(
            Row(say("outcome", lang), tuple(labels.variable(name) for name in outcomes)),
            Row(say("mediator", lang), tuple(labels.variable(name) for name in mediators)),
            Row(say("variable", lang), tuple(f"({number})" for number in range(1, len(lines) + 1))),
        ),
        body=tuple(body),
        bracket_note=bracket_sentence(dict.fromkeys(range(1, len(lines) + 1), vcov), kind, lang, table_no),
        notes=(
            say("stars_note", lang),
            say("normal_stars_note", lang),
            say("bootstrap_note", lang),
            say("simulated_note", lang) if simulated else "",
        ),
        units=variable_units([*outcomes, *mediators], labels),
        is_simulated=simulated,
    )


def falsification_table(rows: pd.DataFrame, labels: Labels) -> Table:
    """Effects that must be zero if the design holds: rows of estimates.falsification, one line each.

    Raises ValueError without rows.
    """
    lang = labels.lang
    if rows.empty:
        raise ValueError("no rows of estimates.falsification for this study")
    has_equivalence = "equivalence_bound" in rows and rows["equivalence_bound"].notna().any()
    keys = (
        *("falsification_kind", "estimate", "std_error", "p_value"),
        *(("equivalence_bound", "equivalence_p") if has_equivalence else ()),
        *("n_treated_cells", "n_obs_short"),
    )
    body: list[Row] = []
    notes: dict[str, list[str]] = {}
    for line in records_of(rows.sort_values(["table_no", "column_no", "kind", "variant"])):
        place = f"{number_of_table(str(line['table_no']))}({line['column_no']})"
        in_time = line["kind"] == "in_time"
        name = str(line["outcome"]) if in_time else str(line["variant"])
        error = as_float(line["std_error"])
        decimals = decimals_of([error])
        label = f"{place} {labels.variable(name)}"
        notes.setdefault(labels.translate(as_text(line["note"])), []).append(label)
        body.append(
            Row(
                label,
                (
                    say("years_early", lang, n=line["variant"]) if in_time else say("other_outcome", lang),
                    number_cell(as_float(line["estimate"]), decimals),
                    number_cell(error, decimals),
                    number_cell(as_float(line["p_value"]), 3),
                    *(
                        (
                            number_cell(as_float(line["equivalence_bound"]), decimals),
                            number_cell(as_float(line["equivalence_p"]), 3),
                        )
                        if has_equivalence
                        else ()
                    ),
                    count_cell(line["n_treated_cells"]),
                    count_cell(line["n_obs"]),
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
            say("equivalence_note", lang) if has_equivalence else "",
            *sorted(
                say("note_of_rows", lang, rows=say("list", lang).join(rows), note=note)
                for note, rows in notes.items()
                if note
            ),
            say("simulated_note", lang) if simulated else "",
        ),
        is_simulated=simulated,
    )


def decomposition_table(comparisons: pd.DataFrame, weights: pd.DataFrame, labels: Labels) -> Table:
    """What two-way effects are made of, and of which regression: rows of estimates.bacon and
    estimates.twfe_weight of a study, one line a column and method.

    Raises ValueError without a row that was computed.
    """
    lang = labels.lang
    keys = ("table_no", "column_no")
    lines: list[dict[str, Any]] = []
    for key, rows in comparisons[comparisons["weight"].notna()].groupby(list(keys)):
        is_forbidden = rows["comparison_type"].str.startswith("later vs ")
        lines.append(
            records_of(rows)[0]
            | dict(zip(keys, key, strict=True))
            | {"method": "method_bacon", "doubtful": float(rows.loc[is_forbidden, "weight"].sum())}
        )
    known = weights[weights["n_weights"].notna()] if len(weights) else weights
    lines += [
        row
        | {
            "method": "method_twfe_weight",
            "doubtful": -as_float(row["sum_negative"]),
            "estimate_decomposed": row["estimate"],
        }
        for row in records_of(known)
    ]
    if not lines:
        raise ValueError("no decomposition was computed for this study")
    lines.sort(key=lambda line: (str(line["table_no"]), int(line["column_no"]), str(line["method"])))
    heads = (
        "method", "n_obs_decomposed", "n_obs_column", "estimate_decomposed", "estimate_column",
        "doubtful_weight",
    )  # fmt: skip
    body, notes = [], []
    for line in lines:
        place = f"{number_of_table(str(line['table_no']))}({line['column_no']})"
        both = [as_float(line[name]) for name in ("estimate_decomposed", "estimate_column")]
        decimals = decimals_of(both)
        note = labels.translate(as_text(line["note"]))
        if note:
            notes.append(f"{place} {note}")
        body.append(
            Row(
                f"{place} {labels.variable(str(line['outcome']))}",
                (
                    say(str(line["method"]), lang),
                    count_cell(line["n_obs"]),
                    count_cell(line["n_obs_column"]),
                    *(number_cell(value, decimals) for value in both),
                    percent_cell(line["doubtful"]),
                ),
            )
        )
    simulated = any(bool(line["is_simulated"]) for line in lines)
    return Table(
        study_id=str(lines[0]["study_id"]),
        name="decomposition",
        lang=lang,
        caption=say("decomposition", lang),
        head=(Row(say("outcome", lang), tuple(say(head, lang) for head in heads)),),
        body=tuple(body),
        bracket_note="",
        notes=(
            say("decomposition_note_table", lang),
            *dict.fromkeys(notes),
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
    for line in records_of(rows.sort_values(["table_no", "column_no", "scheme"])):
        place = f"{number_of_table(str(line['table_no']))}({line['column_no']})"
        body.append(
            Row(
                f"{place} {labels.variable(str(line['outcome']))}",
                (
                    scheme_words(str(line["scheme"]), lang),
                    number_cell(as_float(line["estimate"]), decimals_of([as_float(line["estimate"])])),
                    count_cell(line["n_draws"]),
                    number_cell(as_float(line["p_randomization"]), 3),
                    number_cell(as_float(line["p_randomization_t"]), 3),
                    # A seed is a name, not a quantity: no commas.
                    number_cell(as_float(line["seed"]), 0),
                ),
            )
        )
    simulated = bool(rows["is_simulated"].any())
    notes = sorted({labels.translate(as_text(value)) for value in rows["note"]} - {""})
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
