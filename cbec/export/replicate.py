"""A .do and an .R file that estimate one of our tables again from the exported panel."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import duckdb

from cbec.common.files import replace_with
from cbec.common.words import Lang
from cbec.export.dataset import PANELS, RULE, Dataset
from cbec.export.stata import stata_names

# The main table of each panel: the first of these that has estimates.
MAIN_TABLES = {
    "city_year": (("city_trade", "T1"), ("city_outcomes", "T2")),
    "major_city_year": (("major_cities", "T1"),),
    "province_year": (("province_ecommerce", "T2"),),
}
# In the place of an error that is not published.
WITHHELD = "too few effective clusters for an error"
FLAGS = ("is_city", "is_major_city", "is_resource_based")


@dataclass(frozen=True)
class Equation:
    """One column of the table: what is regressed on what, in which rows, and what we found for each term.

    found: term -> (estimate, standard error, observations); no error where too few clusters carry one.
    """

    study_id: str
    table_no: str
    column_no: int
    outcome: str
    terms: tuple[str, ...]
    unit: str
    first_year: int
    last_year: int
    flag: str
    included: tuple[str, ...]
    excluded: tuple[str, ...]
    found: dict[str, tuple[float, float | None, int]]


def main_table(connection: duckdb.DuckDBPyConnection, panel: str) -> list[Equation]:
    """Two-way fixed-effects columns, clustered by unit, of the panel's main table; empty when it has none.

    Columns that need more than the panel holds (another treatment rule, a lag, winsorised values, a subgroup)
    are left out.
    """
    _, level, unit, _ = PANELS[panel]
    for study_id, table_no in MAIN_TABLES[panel]:
        rows = connection.execute(
            """
            select estimate.column_no, any_value(estimate.formula), any_value(sample.first_year),
                any_value(sample.last_year), any_value(sample.region_filter),
                any_value(sample.included_regions), any_value(sample.excluded_regions),
                list((estimate.term, estimate.estimate, estimate.std_error, estimate.n_obs))
            from estimates.regression as estimate
            inner join registry.sample as sample on estimate.sample = sample.sample_id
            where sample.region_level = $level and estimate.study_id = $study
                and estimate.table_no = $table_no and estimate.estimator = 'twfe'
                and not estimate.is_observed_only and coalesce(estimate.treatment_rule, $rule) = $rule
                and estimate.winsor is null and estimate.subgroup is null and estimate.mediator is null
                and estimate.options is null and estimate.vcov = 'CRV1:' || $unit
                and estimate.fixed_effects = $unit || ' + year'
            group by estimate.column_no order by estimate.column_no
            """,
            {"study": study_id, "table_no": table_no, "rule": RULE, "unit": unit, "level": level},
        ).fetchall()
        equations = []
        for column_no, formula, first, last, flag, included, excluded, found in rows:
            matched = re.fullmatch(r"(\w+) ~ ([\w +]+) \| .+", formula)
            if matched is None:
                continue
            equations.append(
                Equation(
                    study_id, table_no, column_no, matched[1], tuple(matched[2].split(" + ")), unit,
                    first, last, flag if flag in FLAGS else "",
                    tuple((included or "").split(";")) if included else (),
                    tuple((excluded or "").split(";")) if excluded else (),
                    {term: (estimate, error, n) for term, estimate, error, n in found},
                )
            )  # fmt: skip
        if equations:
            return equations
    return []


def export_do(data: Dataset, equations: list[Equation], folder: Path) -> list[Path]:
    """A .do file for Stata 14 or later, of built-in commands only, that reads the .dta beside it."""
    names = stata_names(column.name for column in data.columns)
    unit = names[equations[0].unit]
    lines = [
        *(f"* {line}" for line in _head(data, equations, data.lang)),
        "version 14",
        "clear all",
        "set more off",
        f'use "{data.stem}.dta", clear',
        f"encode {unit}, generate(unit_id)",
        "xtset unit_id year",
    ]
    for equation in equations:
        where = [f"inrange(year, {equation.first_year}, {equation.last_year})"]
        if equation.flag:
            where.append(f"{names[equation.flag]} == 1")
        # An inlist of texts takes ten at most.
        where += [f'{unit} != "{code}"' for code in equation.excluded]
        if equation.included:
            where.append("(" + " | ".join(f'{unit} == "{code}"' for code in equation.included) + ")")
        terms = " ".join(names[term] for term in equation.terms)
        used = f"used_{equation.column_no}"
        measured = ", ".join([names[equation.outcome], *terms.split()])
        lines += [
            "",
            f'display as text _newline "{equation.study_id} {equation.table_no} ({equation.column_no}):'
            f' {names[equation.outcome]}"',
            f"generate byte {used} = {' & '.join(where)} & !missing({measured})",
            # A unit with one row has no deviation from its own mean; the warehouse leaves it out.
            f"bysort unit_id (year): egen n_{used} = total({used})",
            f"quietly xtreg {names[equation.outcome]} {terms} i.year if {used} & n_{used} > 1,"
            " fe vce(cluster unit_id)",
        ]
        for term in equation.terms:
            estimate, error, n = equation.found[term]
            name = names[term]
            lines += [
                f'display as result "{name}: here " %12.8f _b[{name}] " (" %10.8f _se[{name}] "), n = " e(N)',
                f'display as result "{name}: ours " %12.8f {estimate!r} " ({WITHHELD}), n = {n}"'
                if error is None
                else f'display as result "{name}: ours " %12.8f {estimate!r}'
                f' " (" %10.8f {error!r} "), n = {n}"',
                f"assert reldif(_b[{name}], {estimate!r}) < 1e-6",
                *([] if error is None else [f"assert reldif(_se[{name}], {error!r}) < 1e-4"]),
            ]
    return [_write(folder / f"{data.stem}.do", lines)]


def export_r(data: Dataset, equations: list[Equation], folder: Path) -> list[Path]:
    """An .R file that needs the package fixest and reads the .csv beside it."""
    unit = equations[0].unit
    lines = [
        *(f"# {line}" for line in _head(data, equations, data.lang)),
        "library(fixest)",
        f'd <- read.csv("{data.stem}.csv", fileEncoding = "UTF-8-BOM", na.strings = "",',
        f'  colClasses = c({unit} = "character"))',
        "flags <- sapply(d, is.logical)",
        "d[flags] <- lapply(d[flags], as.integer)",
        "near <- function(a, b, tolerance) stopifnot(abs(a - b) <= tolerance * (abs(b) + 1))",
    ]
    for equation in equations:
        where = [f"year >= {equation.first_year}", f"year <= {equation.last_year}"]
        if equation.flag:
            where.append(f"{equation.flag} == 1")
        for codes, sign in ((equation.included, ""), (equation.excluded, "!")):
            if codes:
                listed = ", ".join(f'"{code}"' for code in codes)
                where.append(f"{sign}({unit} %in% c({listed}))")
        title = f"{equation.study_id} {equation.table_no} ({equation.column_no})"
        measured = ", ".join(f'"{name}"' for name in (equation.outcome, *equation.terms))
        lines += [
            "",
            f'cat("\\n{title}: {equation.outcome}\\n")',
            f"s <- subset(d, {' & '.join(where)})",
            f"s <- s[complete.cases(s[c({measured})]), ]",
            # A unit with one row has no deviation from its own mean; the warehouse leaves it out.
            f"s <- s[ave(s$year, s${unit}, FUN = length) > 1, ]",
            f"m <- feols({equation.outcome} ~ {' + '.join(equation.terms)} | {unit} + year,",
            f"  data = s, cluster = ~{unit})",
        ]
        for term in equation.terms:
            estimate, error, n = equation.found[term]
            lines += [
                f'cat(sprintf("{term}: here %12.8f (%10.8f), n = %d\\n", coef(m)["{term}"], se(m)["{term}"],'
                " nobs(m)))",
                f'cat(sprintf("{term}: ours %12.8f ({WITHHELD}), n = %d\\n", {estimate!r}, {n}L))'
                if error is None
                else f'cat(sprintf("{term}: ours %12.8f (%10.8f), n = %d\\n",'
                f" {estimate!r}, {error!r}, {n}L))",
                f'near(coef(m)["{term}"], {estimate!r}, 1e-6)',
                *([] if error is None else [f'near(se(m)["{term}"], {error!r}, 1e-4)']),
            ]
    return [_write(folder / f"{data.stem}.R", lines)]


def _head(data: Dataset, equations: list[Equation], lang: Lang) -> list[str]:
    first = equations[0]
    what = (
        f"由导出的面板重新估计研究 {first.study_id} 的表 {first.table_no}："
        "here 为本程序的结果，ours 为本项目的结果。"
        if lang == "zh"
        else f"Table {first.table_no} of study {first.study_id}, estimated again from the exported panel:"
        " `here` is what this program finds, `ours` what the warehouse holds."
    )
    lines = [data.title, what, *(data.notes[:1] if data.is_simulated else ()), data.run]
    # One line each, which neither opens nor ends a comment of more: these stand behind a comment's sign.
    return [
        " ".join(line.split()).replace("*/", "* /").replace("/*", "/ *").replace("///", "/ / /")
        for line in lines
    ]


def _write(path: Path, lines: list[str]) -> Path:
    def write(beside: Path) -> None:
        beside.write_text("\n".join(lines) + "\n", encoding="utf-8")

    replace_with(path, write)
    return path
