"""Every coefficient of docs/FINDINGS.md is the published one, and both languages print the same numbers."""

from __future__ import annotations

import math
import re
from pathlib import Path

import duckdb
import pyfixest as pf
import pytest

from tests.conftest import ROOT

PAGES = (ROOT / "docs/FINDINGS.md", ROOT / "docs/FINDINGS.zh.md")
LATE = "cities_2017_2023_first_treated_from_2018"
TRADE = ("exports_log", "imports_log")
# Label of the row -> study, sample, one (outcome, estimator, observed only) a column.
TRADE_ROWS = {
    "two-way effects, all cities": ("cities_2017_2023", "twfe", False),
    "without cities treated before 2018": (LATE, "twfe", False),
    "the same, only cells no detector flags": (LATE, "twfe", True),
    "two-way event study, mean of the years after": (LATE, "twfe_event_study", False),
    "Callaway-Sant'Anna, not yet treated": (LATE, "callaway_santanna", False),
    "Sun-Abraham": (LATE, "sun_abraham", False),
    "imputation; extended two-way effects": (LATE, "imputation", False),
    "stacked; local projections": (LATE, "stacked", False),
    "de Chaisemartin-D'Haultfoeuille": (LATE, "de_chaisemartin_dhaultfoeuille", False),
    "synthetic difference in differences": (LATE, "synthetic_did", False),
}
OUTCOME_ROWS = {
    "GDP, current prices": "gdp_log",
    "GDP, prices of 2010 (F after 2012)": "gdp_real_log",
    "GDP per head as printed": "gdp_per_capita_log",
    "tertiary over secondary industry": "tertiary_secondary_ratio_log",
    "loans": "loans_year_end_log",
    "deposits": "deposits_year_end_log",
    "retail sales": "retail_sales_consumer_goods_log",
    "budget revenue": "general_public_budget_revenue_log",
    "budget expenditure": "general_public_budget_expenditure_log",
    "university students": "university_students_enrolled_log",
    "industrial SO2": "industrial_so2_log",
    "average wages, to 2021": "average_wage_log",
    "staff of units in towns, to 2022": "employees_units_log",
}
GREEN_ROWS = {
    "no capital": "green_tfp_no_capital_efficiency",
    "with printed capital": "green_tfp_print_capital_efficiency",
    "with declared capital": "green_tfp_declared_capital_efficiency",
}
CELL = re.compile(r"-?\d+\.\d{3} \((?:\d+\.\d{3}|withheld)\)")


def _cells(page: Path) -> dict[str, list[str]]:
    """First column of every row of a table -> the coefficients with errors beside it."""
    rows = [
        line.strip("| \n").split(" | ")
        for line in page.read_text(encoding="utf-8").splitlines()
        if "|" in line
    ]
    return {row[0]: CELL.findall(" ".join(row[1:])) for row in rows}


def _published(
    db: duckdb.DuckDBPyConnection, outcome: str, estimator: str, *, sample: str = "", observed: bool = False
) -> set[str]:
    """The average effects of an outcome without controls or subgroups, as the page writes them."""
    found = db.execute(
        "select distinct round(estimate, 3), round(std_error, 3) from estimates.fit"
        " where outcome = $outcome and estimator = $estimator and is_observed_only = $observed"
        " and $sample in ('', sample) and subgroup is null and coalesce(controls, '') = ''"
        " and ((kind = 'term' and term in ('is_treated', 'exposure_share')) or aggregation = 'overall')",
        {"outcome": outcome, "estimator": estimator, "observed": observed, "sample": sample},
    ).fetchall()
    return {f"{estimate:.3f} ({_words(error)})" for estimate, error in found}


def _words(error: float | None) -> str:
    return "withheld" if error is None else f"{error:.3f}"


@pytest.mark.parametrize("label", TRADE_ROWS)
def test_effects_on_trade_are_the_published_ones(db: duckdb.DuckDBPyConnection, label: str) -> None:
    sample, estimator, observed = TRADE_ROWS[label]
    cells = _cells(PAGES[0])[label]
    assert len(cells) == 2
    for outcome, cell in zip(TRADE, cells, strict=True):
        assert cell in _published(db, outcome, estimator, sample=sample, observed=observed)


def test_two_way_effects_on_the_rows_of_the_others_are_the_published_ones(
    db: duckdb.DuckDBPyConnection,
) -> None:
    (line,) = (
        line
        for line in PAGES[0].read_text(encoding="utf-8").splitlines()
        if line.startswith("| two-way effects, rows of the estimators below")
    )
    found = [
        db.execute(
            "select distinct round(estimate_twfe, 6), round(std_error_twfe, 6), n_obs from estimates.same_sample"
            " where study_id = 'city_trade' and table_no in ('T3', 'T4') and outcome = ? and not is_observed_only"
            " and estimator <> 'synthetic_did' and (study_id, table_no, column_no) not in"
            " (select (study_id, table_no, column_no) from studies.specification"
            " where options like '%anticipation%')",
            [outcome],
        ).fetchall()
        for outcome in TRADE
    ]
    # One number an outcome: from the event study on all but synthetic DID use the same rows.
    assert [len(rows) for rows in found] == [1, 1]
    cells = [f"{b:.3f} ({error:.3f}), N {n:,}" for ((b, error, n),) in found]
    assert line == f"| two-way effects, rows of the estimators below | {cells[0]} | {cells[1]} |"


@pytest.mark.parametrize("label", OUTCOME_ROWS)
def test_effects_on_the_economy_are_the_published_ones(db: duckdb.DuckDBPyConnection, label: str) -> None:
    for estimator, cell in zip(("twfe", "callaway_santanna"), _cells(PAGES[0])[label][:2], strict=True):
        assert cell in _published(db, OUTCOME_ROWS[label], estimator)


@pytest.mark.parametrize("label", GREEN_ROWS)
def test_effects_on_green_productivity_are_the_published_ones(
    db: duckdb.DuckDBPyConnection, label: str
) -> None:
    (cells,) = (cells for name, cells in _cells(PAGES[0]).items() if name.startswith(label) and cells)
    for estimator, cell in zip(("twfe", "callaway_santanna"), cells[:2], strict=True):
        assert cell in _published(db, GREEN_ROWS[label], estimator)


@pytest.mark.parametrize(
    ("words", "column"), [("counted from the next year", 5), ("errors clustered by province", 6)]
)
def test_the_other_columns_of_trade_are_the_published_ones(
    db: duckdb.DuckDBPyConnection, words: str, column: int
) -> None:
    (cell,) = re.findall(rf"{words} ({CELL.pattern})", PAGES[0].read_text(encoding="utf-8"))
    estimate, error = db.execute(
        "select round(estimate, 3), round(std_error, 3) from estimates.regression where study_id = 'city_trade'"
        " and table_no = 'T1A' and column_no = ? and term = 'is_treated' and not is_observed_only",
        [column],
    ).fetchone()
    assert cell == f"{estimate:.3f} ({error:.3f})"


def test_the_smallest_effects_that_are_found_are_the_published_ones(db: duckdb.DuckDBPyConnection) -> None:
    """In log points, and in per cent as the exponential of them says."""
    found = db.execute(
        "select estimate from estimates.inference where study_id = 'city_trade' and table_no = 'T2'"
        " and method like 'minimum detectable effect%' order by column_no"
    ).fetchall()
    exports, imports = (f"{effect:.2f}" for (effect,) in found)
    per_cent = [f"{100 * math.expm1(effect):.0f} %" for (effect,) in found]
    reported = (
        f"is {exports} log points ({per_cent[0]}) for exports and {imports} ({per_cent[1]}) for imports"
    )
    assert reported in PAGES[0].read_text(encoding="utf-8")


def test_gdp_per_head_without_the_year_of_another_meaning(db: duckdb.DuckDBPyConnection) -> None:
    """By an engine of others: the rows of the published column less the cells with D."""
    frame = db.execute(
        "select panel.prefecture_code, panel.year, panel.gdp_per_capita_log, treatment.is_treated::int as treated"
        " from marts.panel_city_year as panel"
        " inner join marts.panel_city_year_status as status_codes using (prefecture_code, year)"
        " inner join marts.treatment_city_year as treatment using (prefecture_code, year)"
        " where rule_id = 'default' and year <= 2023 and panel.gdp_per_capita_log is not null and status_codes.gdp_per_capita_log not like '%D%'"
    ).df()
    assert set(range(2009, 2024)) - set(frame["year"]) == {2013, 2017}
    fit = pf.feols(
        "gdp_per_capita_log ~ treated | prefecture_code + year", frame, vcov={"CRV1": "prefecture_code"},
        demeaner_backend="rust",
    )  # fmt: skip
    reported = f"{fit.coef()['treated']:.3f} ({fit.se()['treated']:.3f}), N {fit._N:,}"
    assert f"two-way effects are {reported}" in PAGES[0].read_text(encoding="utf-8")


def test_both_languages_print_the_same_numbers() -> None:
    english, chinese = (sorted(re.findall(r"-?\d+\.\d+", page.read_text(encoding="utf-8"))) for page in PAGES)
    assert english == chinese


def test_the_comparison_is_on_the_cities_of_the_other_column(db: duckdb.DuckDBPyConnection) -> None:
    """N, cities and treated cities as the table gives them; the last column is two-way effects on these rows."""
    lines = [line for line in PAGES[0].read_text(encoding="utf-8").splitlines() if CELL.search(line)]
    for label, outcome in (OUTCOME_ROWS | GREEN_ROWS).items():
        (line,) = (line for line in lines if line.startswith(f"| {label}"))
        first = CELL.findall(line)[0]
        found = db.execute(BESIDE, {"outcome": outcome}).fetchall()
        ends = [
            f" {first}, {n_obs_two_way:,} | {effect:.3f} ({_words(error)}), {n_obs:,} of {n_units} cities,"
            f" {n_treated} treated | {there:.3f} ({_words(error_there)}) |"
            for n_obs_two_way, effect, error, n_obs, n_units, n_treated, there, error_there in found
        ]
        assert any(line.endswith(end) for end in ends), (line, ends)


# Plain columns of one outcome by two-way effects and by Callaway-Sant'Anna, on samples of the same name.
BESIDE = """
with plain as (
    select fit.* from estimates.fit as fit
    where outcome = $outcome and not is_observed_only and subgroup is null and coalesce(controls, '') = ''
)

select distinct two_way.n_obs, staggered.estimate, staggered.std_error, beside.n_obs, beside.n_units,
    staggered.n_units, beside.estimate_twfe, beside.std_error
from plain as two_way
inner join plain as staggered
    on two_way.sample = staggered.sample and two_way.treatment_rule = staggered.treatment_rule
inner join estimates.same_sample_fit as beside
    on staggered.study_id = beside.study_id and staggered.table_no = beside.table_no
        and staggered.column_no = beside.column_no
        and staggered.is_observed_only = beside.is_observed_only
where two_way.estimator = 'twfe' and two_way.kind = 'term' and two_way.term = 'is_treated'
    and staggered.estimator = 'callaway_santanna' and staggered.aggregation = 'overall'
"""
