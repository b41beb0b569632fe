"""Headline numbers against a second computation that shares no code with the first."""

from __future__ import annotations

import duckdb
import numpy as np
import pandas as pd
import pytest
from linearmodels.panel import PanelOLS
from scipy import stats

PROVINCE_CONTROLS = [
    "gdp_per_capita_log",
    "general_public_budget_revenue_gdp_ratio",
    "mobile_internet_users_per_100_persons",
]
INDEX = "cbec_development_province_no_trade_index"

# table, column, outcome, regressors, unit, first year, last year, where, rows
COLUMNS = [
    ("province_ecommerce", "T1", 3, "trade_total_operator_log", [INDEX, *PROVINCE_CONTROLS],
     "province_code", 2016, 2024, "province_code <> '540000'", 270),
    ("province_ecommerce", "T2", 1, "ecommerce_sales_log", ["pilot_zone_count"],
     "province_code", 2015, 2024, "true", 310),
    ("province_ecommerce", "T2", 2, "ecommerce_sales_log", ["pilot_zone_count", *PROVINCE_CONTROLS],
     "province_code", 2016, 2024, "true", 279),
    *[
        ("major_cities", "T1", number, outcome, ["is_treated"], "prefecture_code", first, 2021, "is_major_city", rows)
        for number, outcome, first, rows in [
            (1, "gdp_log", 2009, 467),
            (2, "general_public_budget_expenditure_log", 2009, 467),
            (3, "household_deposits_year_end_log", 2009, 464),
            (4, "retail_sales_consumer_goods_log", 2015, 250),
            (5, "university_students_enrolled_log", 2009, 461),
        ]
    ],
]  # fmt: skip


def load(db: duckdb.DuckDBPyConnection, column) -> pd.DataFrame:
    """The sample by hand: from the panel, not through the specification machinery."""
    _, _, _, outcome, regressors, unit, first, last, where, _ = column
    # The study of major cities reads the national platform's panel.
    cities = "panel_major_city_year" if column[0] == "major_cities" else "panel_city_year"
    source = f"marts.{'panel_province_year' if unit == 'province_code' else cities}"
    if "is_treated" in regressors:
        source = (
            f"(select p.*, t.is_treated::int as is_treated from marts.{cities} as p"
            " join (from marts.treatment_city_year where rule_id = 'default') as t"
            " using (prefecture_code, year))"
        )
    names = ", ".join([outcome, *regressors])
    frame = db.sql(
        f"select {unit}, year, {names} from {source} where {where} and year between {first} and {last}"
    ).df()
    return frame.dropna().astype(dict.fromkeys([outcome, *regressors], float))


def within(frame: pd.DataFrame, names: list[str], unit: str) -> np.ndarray:
    """Residuals on unit and year dummies by least squares: no iteration, no tolerance."""
    dummies = np.column_stack(
        [pd.get_dummies(frame[unit], dtype=float), pd.get_dummies(frame["year"], dtype=float).iloc[:, 1:]]
    )
    values = frame[names].to_numpy()
    return values - dummies @ np.linalg.lstsq(dummies, values, rcond=None)[0]


@pytest.mark.parametrize("column", COLUMNS, ids=lambda c: f"{c[0]}-{c[1]}-{c[2]}")
def test_two_way_effects_equal_numpy_and_linearmodels(db: duckdb.DuckDBPyConnection, column) -> None:
    study, table, number, outcome, regressors, unit, *_, rows = column
    frame = load(db, column)
    assert len(frame) == rows
    ours = (
        db.execute(
            "select * from estimates.regression where study_id = ? and table_no = ? and column_no = ?"
            " and not is_observed_only",
            [study, table, number],
        )
        .df()
        .set_index("term")
        .loc[regressors]
    )

    y, *columns = within(frame, [outcome, *regressors], unit).T
    x = np.column_stack(columns)
    beta = np.linalg.solve(x.T @ x, x.T @ y)
    np.testing.assert_allclose(ours["estimate"], beta, rtol=1e-8, atol=1e-10)

    # fixest's convention (Berge 2018): K counts the regressors and the years, not the units, which
    # are nested in the clusters.
    scores = pd.DataFrame(x * (y - x @ beta)[:, None]).groupby(frame[unit].to_numpy()).sum().to_numpy()
    groups, n = len(scores), len(frame)
    k = len(regressors) + frame["year"].nunique()
    bread = np.linalg.inv(x.T @ x)
    adjustment = groups / (groups - 1) * (n - 1) / (n - k)
    std_error = np.sqrt(np.diag(bread @ scores.T @ scores @ bread) * adjustment)
    # Carter, Schnepel and Steigerwald (2017): G / (1 + Gamma), Gamma the squared coefficient of variation of
    # what the clusters contribute to the variance of a coefficient.
    contributed = pd.DataFrame((x @ bread) ** 2).groupby(frame[unit].to_numpy()).sum().to_numpy()
    effective = groups / (1 + np.var(contributed, axis=0) / np.mean(contributed, axis=0) ** 2)
    np.testing.assert_allclose(ours["n_effective_clusters"], effective, rtol=1e-8)
    # Below five nothing that rests on the error is published.
    std_error = np.where(effective >= 5, std_error, np.nan)
    np.testing.assert_allclose(ours["std_error"].astype(float), std_error, rtol=1e-8)
    p_value = 2 * stats.t.sf(np.abs(beta / std_error), effective - 1)
    np.testing.assert_allclose(ours["p_value"].astype(float), p_value, rtol=1e-7)
    half = stats.t.ppf(0.975, effective - 1) * std_error
    np.testing.assert_allclose(ours["ci_high"].astype(float) - ours["estimate"], half, rtol=1e-7)
    assert set(ours["n_clusters"]) == {groups}
    assert set(ours["n_obs"]) == {n}

    panel = frame.set_index([unit, "year"])
    other = PanelOLS(panel[outcome], panel[regressors], entity_effects=True, time_effects=True).fit()
    np.testing.assert_allclose(ours["estimate"], other.params[regressors], rtol=1e-8)


@pytest.mark.parametrize("number", [1, 2])
def test_pooled_columns_equal_numpy(db: duckdb.DuckDBPyConnection, number: int) -> None:
    regressors = [INDEX, *(PROVINCE_CONTROLS if number == 2 else [])]
    outcome = "trade_total_operator_log"
    column = ("", "", 0, outcome, regressors, "province_code", 2016, 2024, "province_code <> '540000'", 270)
    frame = load(db, column)
    x = np.column_stack([np.ones(len(frame)), frame[regressors]])
    y = frame[outcome].to_numpy()
    beta = np.linalg.lstsq(x, y, rcond=None)[0]
    ours = (
        db.execute(
            "select * from estimates.regression where study_id = 'province_ecommerce' and table_no = 'T1'"
            " and column_no = ? and not is_observed_only",
            [number],
        )
        .df()
        .set_index("term")
        .loc[["_cons", *regressors]]
    )
    np.testing.assert_allclose(ours["estimate"], beta, rtol=1e-8)
    residual = y - x @ beta
    r2 = 1 - residual @ residual / ((y - y.mean()) @ (y - y.mean()))
    np.testing.assert_allclose(ours["r2"], r2, rtol=1e-9)
    scores = pd.DataFrame(x * residual[:, None]).groupby(frame["province_code"].to_numpy()).sum().to_numpy()
    bread = np.linalg.inv(x.T @ x)
    n, k, groups = len(frame), x.shape[1], len(scores)
    adjustment = groups / (groups - 1) * (n - 1) / (n - k)
    std_error = np.sqrt(np.diag(bread @ scores.T @ scores @ bread) * adjustment)
    np.testing.assert_allclose(ours["std_error"], std_error, rtol=1e-8)


def entropy_weights(values: np.ndarray, shift: float) -> tuple[np.ndarray, np.ndarray]:
    """Weights and scores of the entropy method; rows are region-years, columns indicators (all positive)."""
    low, high = values.min(axis=0), values.max(axis=0)
    z = np.where(high > low, (values - low) / np.where(high > low, high - low, 1), 0) + shift
    weight = weights_of_shares(z)
    return weight, z @ weight


def weights_of_shares(z: np.ndarray) -> np.ndarray:
    p = z / z.sum(axis=0)
    entropy = -(p * np.log(p)).sum(axis=0) / np.log(len(z))
    return (1 - entropy) / (1 - entropy).sum()


@pytest.mark.parametrize("index_id", ["cbec_development_province", "cbec_development_province_no_trade"])
@pytest.mark.parametrize("weighting", ["pooled", "by_year"])
def test_entropy_weights_equal_numpy(db: duckdb.DuckDBPyConnection, index_id: str, weighting: str) -> None:
    """From the seeds, by hand: nothing of the warehouse's own scaling or derived cells is used."""
    y = db.sql("select * from yearbook.province_yearbook").df()
    y["value"] = y["value"].astype(float)
    wide = y[y.vintage.isin(["nbs_annual", "customs_annual"])].pivot_table(
        index=["region_code", "year"], columns="indicator_id", values="value"
    )
    wide["gdp"] = (
        y[(y.indicator_id == "gdp") & (y.vintage == "after_census5")].set_index(["region_code", "year"]).value
    )
    person = wide["resident_population_year_end"]
    made = pd.DataFrame(
        {
            "express_volume_per_capita": wide["express_volume"] / person,
            "ecommerce_enterprises": wide["ecommerce_enterprises"],
            "websites_per_100_enterprises": wide["websites_per_100_enterprises"],
            "optical_cable_length_per_capita": wide["optical_cable_length"] * 1000 / (person * 10_000),
            "broadband_subscribers_per_100_persons": wide["broadband_subscribers"] / person * 100,
            "trade_gdp": wide["trade_total_operator_rmb"] / wide["gdp"],
            "ecommerce_purchases_per_capita": wide["ecommerce_purchases"] / person,
            "ecommerce_sales_per_capita": wide["ecommerce_sales"] / person,
        }
    )
    zone = db.sql(
        "select province_code, coalesce(approved_on, published_on) as on_day from registry.pilot_zone"
    ).df()
    made["pilot_zone_count"] = [
        ((zone.province_code == code) & (zone.on_day.dt.year <= year)).sum() for code, year in made.index
    ]
    if index_id.endswith("no_trade"):
        made = made.drop(columns="trade_gdp")
    made = made.reset_index().query("2016 <= year <= 2024 and region_code != '540000'")
    assert len(made) == 270
    names = [c for c in made.columns if c not in ("region_code", "year")]
    groups = [(None, made)] if weighting == "pooled" else list(made.groupby("year"))
    for year, group in groups:
        weight, score = entropy_weights(group[names].to_numpy(float), 1e-4)
        ours = (
            db.execute(
                "select indicator_id, weight from marts.index_weight"
                " where index_id = ? and weighting = ? and year is not distinct from ?",
                [index_id, weighting, year],
            )
            .df()
            .set_index("indicator_id")
            .weight
        )
        assert len(ours) == len(names)
        np.testing.assert_allclose(ours[names], weight, rtol=0, atol=1e-9)
        np.testing.assert_allclose(ours.sum(), 1, rtol=0, atol=1e-12)
        scores = (
            db.execute(
                "select region_code, year, score from marts.index_score"
                " where index_id = ? and weighting = ? and (? is null or year = ?)",
                [index_id, weighting, year, year],
            )
            .df()
            .set_index(["region_code", "year"])
            .score
        )
        mine = pd.Series(score, index=pd.MultiIndex.from_frame(group[["region_code", "year"]]))
        np.testing.assert_allclose(scores.sort_index(), mine.sort_index(), rtol=0, atol=1e-9)


def test_entropy_of_known_shares() -> None:
    """The helper above against Shannon's binary entropy, H(1/4) = 0.8112781245 and H(1/8) = 0.5435644432 bits
    (Cover and Thomas 2006, figure 2.1): the weights are 1 - H over their sum."""
    divergence = 1 - np.array([0.8112781244591328, 0.5435644431995964])
    weight = weights_of_shares(np.array([[1.0, 1.0], [3.0, 7.0]]))
    np.testing.assert_allclose(weight, divergence / divergence.sum(), rtol=1e-14)
