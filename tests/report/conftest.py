"""A small published file with every table that tables and figures read, and what they can meet in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from tests.conftest import ROOT

STUDY = "small_study"
# Names that a document could take for a formula, a tag or a command.
EVIL_ZH = '=HYPERLINK("x")<b>&\\input{x}_%$#'


def _regression(**over: Any) -> dict[str, Any]:
    row = {
        "study_id": STUDY, "table_no": "T1", "column_no": 1, "term": "is_treated", "estimate": 0.1234, "std_error": 0.03,
        "t_value": 4.1133, "p_value": 0.0002, "ci_low": 0.0622, "ci_high": 0.1846, "stars": "***", "n_obs": 3878,
        "n_clusters": 277, "n_dropped": 12, "drop_reason": "12 rows: outcome gdp_log missing", "r2": 0.91, "r2_within": 0.12,
        "fixed_effects": "prefecture_code + year", "vcov": "CRV1:prefecture_code", "treatment_rule": "default",
        "formula": "gdp_log ~ is_treated", "imputed_share": 0.034, "is_observed_only": False, "engine": "pyfixest",
        "estimator": "twfe", "outcome": "gdp_log", "sample": "small", "worst_status": "B", "note": None, "is_simulated": False,
        "imputed_row_share": 0.05, "flagged_share": 0.01, "flagged_row_share": 0.02, "cell_status": "A 95.2 %, B 4.8 %",
        "options": None, "n_units": 277,
    }  # fmt: skip
    return row | over


def regression() -> pd.DataFrame:
    rows = []
    for observed in (False, True):
        shift = 0.01 if observed else 0.0
        rows += [
            _regression(is_observed_only=observed, estimate=0.1234 + shift, n_obs=3878 - 100 * observed),
            _regression(
                is_observed_only=observed, column_no=2, estimate=-0.0456 - shift, std_error=0.0201, t_value=-2.27,
                p_value=0.0312, ci_low=-0.086, ci_high=-0.0052, note="with controls", n_obs=3870 - 100 * observed,
            ),
            _regression(is_observed_only=observed, column_no=2, term="deposits_gdp_ratio", estimate=0.00021, std_error=0.00009, p_value=0.07),
            _regression(is_observed_only=observed, column_no=2, term="_cons", estimate=7.5, std_error=1.5, p_value=0.5),
        ]  # fmt: skip
        for number, estimator in ((1, "callaway_santanna"), (2, "sun_abraham")):
            rows.append(
                _regression(
                    table_no="T2", column_no=number, estimator=estimator, is_observed_only=observed, r2=None, r2_within=None,
                    estimate=0.08 * number + shift, n_obs=3600, n_units=240, options="gaps keep" if number == 1 else None,
                )
            )  # fmt: skip
    return pd.DataFrame(rows)


def specification() -> pd.DataFrame:
    common = {
        "study_id": STUDY, "outcome": "gdp_log", "treatment": "is_treated", "treatment_rule": "default",
        "fixed_effects": "prefecture_code + year", "vcov": "CRV1:prefecture_code", "sample": "small",
        "winsor": None, "subgroup": None, "mediator": None, "note": None,
    }  # fmt: skip
    rows = [
        ("T1", 1, "twfe", None),
        ("T1", 2, "twfe", "deposits_gdp_ratio"),
        ("T2", 1, "callaway_santanna", None),
        ("T2", 2, "sun_abraham", None),
    ]
    return pd.DataFrame(
        [
            common | {"table_no": table, "column_no": column, "estimator": estimator, "controls": controls}
            for table, column, estimator, controls in rows
        ]
    )


def event_study() -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "study_id": STUDY, "outcome": "gdp_log", "estimator": estimator, "event_year": year,
                "estimate": 0.01 * year + 0.002 * column, "std_error": 0.01, "ci_low": 0.01 * year - 0.02,
                "ci_high": 0.01 * year + 0.02, "base_period": "-1", "n_cohorts": 5 - abs(year), "table_no": "T2",
                "column_no": column, "is_observed_only": observed, "is_simulated": False,
                "band_low": 0.01 * year - 0.03 if column == 1 else None,
                "band_high": 0.01 * year + 0.03 if column == 1 else None,
            }
            for observed in (False, True)
            for column, estimator in ((1, "callaway_santanna"), (2, "sun_abraham"))
            for year in range(-3, 4)
            if not (estimator == "sun_abraham" and year == -1)
        ]
    )  # fmt: skip


def placebo() -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "study_id": STUDY, "table_no": "T1", "column_no": 1, "outcome": "gdp_log", "scheme": "cohort", "draw": draw,
                "estimate": ((draw * 37) % 101 - 50) / 1000, "t_value": 1.0, "p_value": 1 - abs((draw * 37) % 101 - 50) / 51,
                "is_simulated": True,
            }
            for draw in range(100)
        ]
    )  # fmt: skip


def placebo_summary() -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "study_id": STUDY, "table_no": "T1", "column_no": 1, "outcome": "gdp_log", "scheme": "cohort",
                "estimate": 0.1234, "n_draws": 100, "p_randomization": 0.0099, "p_randomization_t": 0.0198,
                "seed": 20240101, "note": "strata: province", "is_simulated": True,
            }
        ]
    )  # fmt: skip


def falsification() -> pd.DataFrame:
    row = {"study_id": STUDY, "table_no": "T1", "column_no": 1, "outcome": "gdp_log", "is_simulated": True}
    return pd.DataFrame(
        [
            row | {"kind": "in_time", "variant": "2", "estimate": 0.011, "std_error": 0.0234, "p_value": 0.64,
                   "n_treated_cells": 80, "n_obs": 900, "note": None, "equivalence_bound": 0.0498,
                   "equivalence_p": 0.031},
            row | {"kind": "outcome", "variant": "universities_count", "estimate": None, "std_error": None,
                   "p_value": None, "n_treated_cells": None, "n_obs": None,
                   "note": "awaiting data: T1(1): no value of universities_count"},
        ]
    )  # fmt: skip


def leave_one_out() -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "study_id": STUDY, "table_no": "T1", "column_no": 1, "outcome": "gdp_log", "dimension": "province",
                "left_out": str(place), "name_zh": f"省{place}", "name_en": f"Province {place}",
                "estimate": 0.12 + place / 1000, "std_error": 0.03, "ci_low": 0.06, "ci_high": 0.18,
                "full_estimate": 0.1234, "is_simulated": False,
            }
            for place in range(50)
        ]
    )  # fmt: skip


def bacon() -> pd.DataFrame:
    kinds = ("treated vs never treated", "earlier vs later", "later vs earlier")
    return pd.DataFrame(
        [
            {
                "study_id": STUDY, "table_no": "T1", "column_no": 1, "outcome": "gdp_log", "treated_cohort": 2015 + place,
                "control_cohort": 2018, "comparison_type": kinds[place % 3], "weight": 0.1, "estimate": place / 100,
                "n_obs": 3700, "n_obs_column": 3878, "estimate_decomposed": 0.045, "estimate_column": 0.1234,
                "note": "3700 of 3878 rows decomposed: the theorem is about balanced panels", "is_simulated": False,
            }
            for place in range(10)
        ]
    )  # fmt: skip


def twfe_weight() -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "study_id": STUDY, "table_no": "T1", "column_no": 1, "outcome": "gdp_log", "estimate": 0.1234, "n_weights": 20,
                "n_negative": 2, "sum_negative": -0.025, "sigma_zero": 0.1, "sigma_opposite": 0.4, "n_obs": 3878,
                "n_obs_column": 3878, "estimate_column": 0.1234, "note": None, "is_simulated": False,
            }
        ]
    )  # fmt: skip


def same_sample() -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "study_id": STUDY, "table_no": "T2", "column_no": column, "estimator": estimator, "is_observed_only": observed,
                "estimate": 0.08 * column, "std_error": 0.03, "estimate_twfe": -0.011 * column - 0.001 * observed,
                "std_error_twfe": 0.005 if column == 1 else None, "p_value_twfe": 0.04 if column == 1 else None,
                "ci_low_twfe": -0.02 if column == 1 else None, "ci_high_twfe": -0.001 if column == 1 else None,
                "n_obs": 3600, "n_units": 240, "n_treated_units": 100, "n_obs_offered": 3878, "outcome": "gdp_log",
                "n_effective_clusters": 20.0, "note": "278 rows: 20 unit(s) with a gap in outcome gdp_log", "is_simulated": False,
            }
            for column, estimator in ((1, "callaway_santanna"), (2, "sun_abraham"))
            for observed in (False, True)
        ]
    )  # fmt: skip


def att() -> pd.DataFrame:
    groups = [("overall", ""), ("group", "2015"), ("group", "2016"), ("group", "2018")]
    return pd.DataFrame(
        [
            {
                "study_id": STUDY, "table_no": "T2", "column_no": 1, "outcome": "gdp_log", "estimator": estimator,
                "aggregation": aggregation, "group_label": label, "estimate": 0.05 + 0.01 * len(label), "std_error": 0.02,
                "p_value": 0.02, "ci_low": 0.01, "ci_high": 0.09, "n_obs": 455, "n_units": 35, "control_group": "not yet treated",
                "method": "dr", "treatment_rule": "default", "base_period": "-1", "is_observed_only": observed,
                "imputed_share": 0.02, "engine": "diff-diff", "note": None, "is_simulated": False,
                "imputed_row_share": 0.05, "flagged_share": 0.01, "flagged_row_share": 0.02, "cell_status": "A 98.0 %, I 2.0 %",
            }
            for estimator in ("imputation", "two_stage")
            for aggregation, label in groups
            for observed in (False, True)
        ]
    )  # fmt: skip


def mediation() -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "study_id": STUDY, "table_no": "T1", "outcome": "gdp_log", "mediator": "deposits_gdp_ratio", "a": 0.2,
                "a_se": 0.05, "b": 0.3, "b_se": 0.1, "c": 0.12, "c_se": 0.03, "c_prime": 0.06, "c_prime_se": 0.03,
                "indirect": 0.06, "share_mediated": 0.5, "sobel_z": 2.4, "sobel_p": 0.016, "ci_low": 0.01, "ci_high": 0.11,
                "n_boot": 1000, "n_obs": 3878, "rho_at_zero": 0.2, "is_simulated": False,
            }
        ]
    )  # fmt: skip


def descriptive() -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "study_id": STUDY, "variable": variable, "n_obs": 3878, "mean": mean, "sd": 1.2, "minimum": -0.5,
                "maximum": high, "vif": vif, "imputed_share": 0.034, "flagged_share": 0.01, "is_simulated": False,
            }
            for variable, mean, high, vif in (
                ("gdp_log", 7.1, 10.9, None),
                ("deposits_gdp_ratio", 1.5, 4.2, 1.37),
                ("evil_yuan", 58559.96, 59022.45, 2.0),
            )
        ]
    )  # fmt: skip


def published_result() -> pd.DataFrame:
    rows = [
        # The mediator stands above the treatment, as in one of the papers.
        ("T1", 1, "GP1", "coef", 0.2, "***", "0.200***"),
        ("T1", 1, "DID", "coef", 0.039, "***", "0.039***"),
        ("T1", 1, "DID", "se", 0.006, None, "0.006"),
        ("T1", 1, "Observations", "n", 3878, None, "3878"),
    ]
    return pd.DataFrame(
        [
            {
                "result_no": number, "study_id": STUDY, "table_no": table, "column_no": column, "term": term,
                "row_label": term, "column_label": f"({column})", "statistic": statistic, "value": value, "stars": mark,
                "printed": printed, "source_line": 1, "note": None,
            }
            for number, (table, column, term, statistic, value, mark, printed) in enumerate(rows, start=1)
        ]
    )  # fmt: skip


def panel_cell() -> pd.DataFrame:
    status = ("A", "B", "I", "A", "V", None)
    return pd.DataFrame(
        [
            {
                "region_level": "prefecture", "region_code": f"11000{city}", "year": year, "panel_column": "gdp_log",
                "indicator_id": "gdp_log", "obs_status": status[(city + year) % 6], "is_simulated": False,
            }
            for city in range(5)
            for year in range(2014, 2022)
            if status[(city + year) % 6]
        ]
    )  # fmt: skip


def tables() -> dict[str, pd.DataFrame]:
    cities = [f"11000{city}" for city in range(5)]
    studies = [(STUDY, "小研究", "A small study"), ("waiting_study", "等数据", "A study that waits")]
    return {
        "studies.study": pd.DataFrame(studies, columns=["study_id", "title_zh", "title_en"]),
        "studies.specification": specification(),
        "studies.study_indicator": pd.DataFrame(
            [(STUDY, "paper_only", "论文变量")], columns=["study_id", "indicator_id", "name_zh"]
        ),
        "studies.published_result": published_result(),
        "quality.study_readiness": pd.DataFrame(
            [
                ("waiting_study", "green_invention_patents", "missing", "绿色发明专利申请"),
                ("waiting_study", "gdp", "available", "地区生产总值"),
            ],
            columns=["study_id", "indicator_id", "status", "name_zh"],
        ),
        "registry.indicator": pd.DataFrame(
            [
                ("gdp_log", "地区生产总值（对数）", "Log of GDP", "log"),
                ("deposits_gdp", "存款占比", "Deposits over GDP", "ratio"),
                ("evil", EVIL_ZH, EVIL_ZH, "ratio"),
            ],
            columns=["indicator_id", "name_zh", "name_en", "unit"],
        ),
        "registry.unit": pd.DataFrame(
            [("log", "自然对数", "natural log"), ("ratio", "+比值", "+ratio")], columns=["unit", "name_zh", "name_en"]
        ),
        "registry.obs_status": pd.DataFrame(
            [("A", "正常", "normal"), ("B", "序列中断", "break"), ("I", "插补", "imputed"), ("V", "未经核实", "unvalidated")],
            columns=["obs_status", "name_zh", "name_en"],
        ),
        "registry.region": pd.DataFrame(
            [("prefecture", code, f"亳州{code[-1]}", f"City {code[-1]}", 2000) for code in cities],
            columns=["region_level", "region_code", "name_zh", "name_en", "valid_to_year"],
        ),
        "marts.panel_cell": panel_cell(),
        "marts.sample_member": pd.DataFrame(
            [("small", "prefecture", code, year) for code in cities for year in range(2014, 2022)],
            columns=["sample_id", "region_level", "region_code", "year"],
        ),
        "marts.treatment_city_year": pd.DataFrame(
            [("default", code, year, 2015 + 2 * place if place < 4 else None) for place, code in enumerate(cities) for year in range(2014, 2022)],
            columns=["rule_id", "prefecture_code", "year", "first_treated_year"],
        ),
        "marts.treatment_province_year": pd.DataFrame(
            [("default", "110000", 2014, 2015)],
            columns=["rule_id", "province_code", "year", "first_treated_year"],
        ),
        "estimates.regression": regression(),
        "estimates.event_study": event_study(),
        "estimates.placebo": placebo(),
        "estimates.placebo_summary": placebo_summary(),
        "estimates.leave_one_out": leave_one_out(),
        "estimates.falsification": falsification(),
        "estimates.bacon": bacon(),
        "estimates.twfe_weight": twfe_weight(),
        "estimates.same_sample": same_sample(),
        "estimates.att": att(),
        "estimates.mediation": mediation(),
        "estimates.descriptive": descriptive(),
    }  # fmt: skip


def write_file(path: Path, frames: dict[str, pd.DataFrame]) -> None:
    with duckdb.connect(str(path)) as connection:
        for name, frame in frames.items():
            connection.execute(f"create schema if not exists {name.split('.')[0]}")
            connection.register("frame", frame)
            connection.execute(f"create table {name} as select * from frame")
            connection.unregister("frame")


@pytest.fixture(scope="session")
def small_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a published file that has everything."""
    folder = tmp_path_factory.mktemp("report")
    write_file(folder / "cbec.duckdb", tables())
    simulated = {
        name: frame.assign(is_simulated=True) if "is_simulated" in frame else frame
        for name, frame in tables().items()
    }
    write_file(folder / "demo.duckdb", simulated)
    return folder


@pytest.fixture
def here(small_file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The small file is the warehouse of the command; gives its folder."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("CBEC_WAREHOUSE", str(small_file))
    return small_file
