"""Every table that prints a clustered error has p values and intervals by t(G* - 1)."""

from __future__ import annotations

import duckdb
import numpy as np
import pytest
from scipy import stats

# Table and the rows whose p value is that of estimate / std_error.
TABLES = {
    "regression": "vcov like 'CRV1%'",
    "att": "true",
    # Imputations have the degrees of freedom of Barnard and Rubin.
    "data_integrity": "variant <> 'multiple_imputation'",
    "falsification": "true",
    "policy": "true",
    "spillover": "true",
    "selection": "true",
    "same_sample_fit": "true",
}
INTERVALS = {name: rule for name, rule in TABLES.items() if name != "data_integrity"} | {
    "event_study": "true", "leave_one_out": "true",
}  # fmt: skip


def estimate_of(table: str) -> str:
    return "estimate_twfe" if table == "same_sample_fit" else "estimate"


@pytest.mark.parametrize("table", TABLES)
def test_p_values_are_of_effective_clusters(db: duckdb.DuckDBPyConnection, table: str) -> None:
    rows = db.sql(
        f"select {estimate_of(table)} as estimate, std_error, p_value, n_effective_clusters from estimates.{table}"
        f" where std_error is not null and p_value is not null and {TABLES[table]}"
    ).df()
    assert len(rows) > 3
    t_value = (rows["estimate"] / rows["std_error"]).abs()
    np.testing.assert_allclose(
        rows["p_value"], 2 * stats.t.sf(t_value, rows["n_effective_clusters"] - 1), rtol=1e-6, atol=1e-12
    )


@pytest.mark.parametrize("table", INTERVALS)
def test_intervals_are_of_effective_clusters(db: duckdb.DuckDBPyConnection, table: str) -> None:
    rows = db.sql(
        f"select {estimate_of(table)} as estimate, std_error, ci_low, ci_high, n_effective_clusters from estimates.{table}"
        f" where std_error is not null and ci_low is not null and {INTERVALS[table]}"
    ).df()
    assert len(rows) > 3
    half = stats.t.ppf(0.975, rows["n_effective_clusters"] - 1) * rows["std_error"]
    np.testing.assert_allclose(rows["ci_low"], rows["estimate"] - half, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(rows["ci_high"], rows["estimate"] + half, rtol=1e-6, atol=1e-9)
