"""What the published file says of the printed coefficients and of paper 000's index."""

from __future__ import annotations

import duckdb
import pytest


def test_every_printed_coefficient_has_one_verdict(db: duckdb.DuckDBPyConnection) -> None:
    counts = db.sql(
        "select (select count(*) from studies.published_result where statistic = 'coef'),"
        " count(*), count(distinct result_no), count(verdict), count(nullif(reason, ''))"
        " from estimates.replication"
    ).fetchone()
    assert counts is not None
    assert counts[0] > 200
    assert set(counts) == {counts[0]}


def test_a_column_without_data_names_what_is_missing(db: duckdb.DuckDBPyConnection) -> None:
    reasons = db.sql(
        "select study_id, reason, ours from estimates.replication where verdict = 'awaiting data'"
    ).fetchall()
    assert len(reasons) > 200
    for study, reason, ours in reasons:
        assert ours is None
        words = ("no value of", "has a value in", "no row has all of", "the study lacks logistics_co2")
        assert any(word in reason for word in words), (study, reason)


def test_index_as_printed_and_corrected_differ_in_seven_cells(db: duckdb.DuckDBPyConnection) -> None:
    assert dict(
        db.sql("select reading, (count(*), count(*) filter (where is_corrected)) from marts.printed_index"
               " group by reading").fetchall()
    ) == {"as printed": (100, 0), "as corrected": (100, 7), "without corrected years": (90, 0)}  # fmt: skip
    changed = db.sql(
        "select year, printed_value, index_value from marts.printed_index where is_corrected"
    ).fetchall()
    assert {year for year, _, _ in changed} == {2021}
    assert all(value == pytest.approx(1 + printed) for _, printed, value in changed)


def test_every_reading_and_rule_is_estimated_and_none_finds_an_effect(db: duckdb.DuckDBPyConnection) -> None:
    rows = db.sql(
        "select reading, rule_id, n_assignments, p_exact from estimates.printed_index_effect"
        " where estimator = 'twfe'"
    ).fetchall()
    rules = {rule for (rule,) in db.sql("select rule_id from registry.treatment_rule").fetchall()}
    assert {(reading, rule) for reading, rule, _, _ in rows} == {
        (reading, rule)
        for reading in ("as printed", "as corrected", "without corrected years")
        for rule in rules
    }
    # 10! over the factorials of the cohorts 1, 4, 2, 1, 1 and one never; with batch 4 in 2020: 1, 4, 2, 2, 1.
    assert {n for _, _, n, _ in rows} == {75_600, 37_800}
    assert min(p for _, _, _, p in rows) > 0.8
