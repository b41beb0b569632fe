"""Words under a table of results, and above its columns."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping

import pandas as pd

from cbec.common.words import TEXT, Bracket, Labels, Lang, pick, say
from cbec.estimators.specification import STAGGERED
from cbec.report.table import as_float, as_text
from cbec.studies.fit import has_stars


def cluster_level(vcov: str, lang: Lang) -> str:
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
    return say(
        {
            "mean_group": "vcov_mean_group",
            "bootstrap": "vcov_bootstrap",
            "HC1": "vcov_hc1",
            "hetero": "vcov_hc1",
            "iid": "vcov_iid",
        }[vcov],
        lang,
    )


def bracket_sentence(vcov: Mapping[int, str], bracket: Bracket, lang: Lang, where: str) -> str:
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
    return vcov in ("iid", "HC1", "hetero", "mean_group", "bootstrap") or (
        vcov.startswith(("CRV", "conley")) and ":" in vcov and bool(vcov.split(":", 1)[1].strip())
    )


def no_stars_sentence(vcov: Mapping[int, str], lang: Lang) -> str:
    """Which columns have no stars because of their kind of error; '' where all may have them."""
    columns = "".join(f"({number})" for number, kind in vcov.items() if not has_stars(kind))
    return say("no_stars_note", lang, columns=columns) if columns else ""


def column_notes(key: str, notes: Mapping[int, str], labels: Labels) -> str:
    """One sentence for columns with the same note; empty when there is nothing to say."""
    groups: dict[str, list[int]] = {}
    for number, text in notes.items():
        if text and text != "none":
            groups.setdefault(labels.translate(text), []).append(number)
    if not groups:
        return ""
    parts = ["".join(f"({n})" for n in numbers) + " " + text for text, numbers in groups.items()]
    return say(key, labels.lang, notes=say("separator", labels.lang).join(parts))


def series_sentences(rows: pd.DataFrame) -> list[str]:
    """What printed inputs are read from where one reads an imported series, as in
    `internet_users: import_1 (2013-2022, 300)`.

    rows: of quality.column_series. Simulated yearbooks are the one series of most columns of the demo: there
    only inputs that were chosen among several are named.
    """
    if rows.empty:
        return []
    chosen = rows[~(rows["is_simulated"].astype(bool) & (rows["reason"] == "only_series"))]
    said = []
    for name, part in chosen.groupby("input_indicator_id", sort=True):
        series = dict.fromkeys(
            f"{series_id} ({first}-{last}, {n})"
            for series_id, first, last, n in part.sort_values(
                ["n_read", "series_id"], ascending=[False, True]
            )[["series_id", "first_year_read", "last_year_read", "n_read"]].itertuples(index=False)
        )
        said.append(f"{name}: {' + '.join(series)}")
    return said


def split_sentence(tests: pd.DataFrame, table_no: str, lang: Lang) -> str:
    """p values of the differences between the columns of a table that splits a sample; '' for other tables.

    tests: rows of estimates.inference of the study, whose method names the columns that are compared.
    """
    if tests.empty:
        return ""
    place = re.escape(table_no) + r"(\(\d+\))"
    parts = []
    for method, p in zip(tests["method"].map(str), tests["p_value"].map(as_float), strict=True):
        pair = re.fullmatch(f"permutation: {place} less {place}", method)
        whole = re.fullmatch(f"Wald: {place}(?: = {place})+", method)
        if math.isnan(p) or not (pair or whole):
            continue
        if pair:
            parts.append(say("split_permutation", lang, high=pair[1], low=pair[2], p=f"{p:.3f}"))
        else:
            columns = say("list", lang).join(re.findall(r"\(\d+\)", method))
            parts.append(say("split_wald", lang, columns=columns, p=f"{p:.3f}"))
    return say("split_note", lang, tests=say("separator", lang).join(parts)) if parts else ""


def table_kind(main: pd.DataFrame, specification: pd.DataFrame, table_no: str, is_first: bool) -> str:
    """Which of the usual tables it is, from its specification; a number with a letter is a variant."""

    def asks(name: str) -> bool:
        return name in specification and bool(specification[name].map(as_text).ne("").any())

    estimators = set(main["estimator"].map(as_text))
    if asks("mediator"):
        return "mechanism"
    if asks("subgroup"):
        return "heterogeneity"
    if table_no[-1:].isalpha():
        return "robustness"
    if estimators == {"unit_slopes"}:
        return "unit_slopes"
    if estimators and estimators <= set(STAGGERED):
        return "staggered"
    return "baseline" if is_first else "regressions"


def number_of_table(table_no: str) -> str:
    return table_no[1:] if table_no[:1] == "T" and table_no[1:2].isdigit() else table_no


def caption_of(table_no: str, kind: str, lang: Lang, *, annex: bool = False) -> str:
    number = f"{say('table', lang)}{number_of_table(table_no)}"
    if annex:
        number += "附" if lang == "zh" else " annex"
    return f"{number}  {say(kind, lang)}"


def variable_units(columns: Iterable[str], labels: Labels) -> tuple[tuple[str, str], ...]:
    return tuple(
        (labels.variable(column), labels.unit(column))
        for column in dict.fromkeys(columns)
        if labels.unit(column)
    )
