"""On the demo the effect is known: estimators for staggered adoption find it, and say on what they rest."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pandas as pd
import pytest

# Local projections and stacking average a window that every cohort fills, so their estimand is another one.
ROBUST = (
    "callaway_santanna", "sun_abraham", "imputation", "two_stage", "extended_twfe",
    "de_chaisemartin_dhaultfoeuille", "synthetic_did",
)  # fmt: skip


@pytest.fixture(scope="module")
def effects(demo_warehouse: Path) -> pd.DataFrame:
    """Estimates of city_outcomes T3 (log GDP given the urban share) with the true effect beside each."""
    truth = demo_warehouse / "demo_truth/demo_effect.parquet"
    with duckdb.connect(str(demo_warehouse / "demo.duckdb"), read_only=True) as connection:
        return connection.sql(
            f"""
            with truth as (
                select cast(cohort as varchar) as cohort, avg(effect) as effect, any_value(n_cities) as n_cities
                from '{truth}' where indicator_id = 'gdp' and event_year >= 0 group by cohort
            ),
            overall as (
                select sum(effect * n_cities) / sum(n_cities) as effect from '{truth}'
                where indicator_id = 'gdp' and event_year >= 0
            )
            select att.*, coalesce(truth.effect, overall.effect) as truth, truth.n_cities
            from estimates.att left join truth on att.aggregation = 'group' and att.group_label = truth.cohort
            cross join overall
            where study_id = 'city_outcomes' and table_no = 'T3'
                and (aggregation = 'overall' or (aggregation = 'group' and group_label is not null))
            """
        ).df()


def test_every_robust_interval_covers_the_known_effect(effects: pd.DataFrame) -> None:
    overall = effects[effects.aggregation.eq("overall") & effects.estimator.isin(ROBUST)]
    # Both control groups of Callaway and Sant'Anna, and the observed-only variant of each.
    assert len(overall) == 2 * (len(ROBUST) + 1)
    outside = overall[~overall.truth.between(overall.ci_low, overall.ci_high)]
    assert outside.empty, outside[["estimator", "is_observed_only", "estimate", "std_error", "truth"]]


def test_and_by_cohort_where_a_cohort_is_more_than_one_city(effects: pd.DataFrame) -> None:
    cohorts = effects[effects.aggregation.eq("group") & effects.estimator.isin(ROBUST)]
    # Hangzhou alone was approved in 2015: no error can be learnt from one city, and the notes say so.
    single = cohorts[cohorts.n_cities == 1]
    assert set(single.group_label) == {"2015"}
    assert single.note.str.contains("one unit only in the cohort").all()
    # One that rests on fewer than five effective clusters has no published error either.
    unknown = cohorts.std_error.isna()
    assert (cohorts[unknown].n_effective_clusters < 5).all()
    several = cohorts[(cohorts.n_cities > 1) & ~unknown]
    assert len(several) >= 50
    covered = several.truth.between(several.ci_low, several.ci_high)
    # Nominal 95 % of estimates that move together.
    assert covered.mean() >= 0.9, several[~covered][["estimator", "group_label", "estimate", "truth"]]


def test_two_way_effects_are_biased_by_the_confounder_and_by_what_is_filled(demo_warehouse: Path) -> None:
    with duckdb.connect(str(demo_warehouse / "demo.duckdb"), read_only=True) as connection:
        found = dict(
            connection.sql(
                "select table_no, estimate from estimates.regression where study_id = 'city_outcomes'"
                " and outcome = 'gdp_log' and table_no in ('T1', 'T2') and term = 'is_treated'"
                " and not is_observed_only"
            ).fetchall()
        )
        left_out = connection.sql(
            "select n_dropped, drop_reason from estimates.specification_status where is_observed_only"
            " and study_id = 'city_outcomes' and table_no = 'T2' and column_no = 1"
        ).fetchone()
    # Without the urban share the trend of developed cities counts as effect.
    assert found["T1"] > 1.5 * found["T2"] > 0
    assert left_out is not None
    assert "a detector flags a cell" in left_out[1]


def test_no_specification_of_a_ready_study_is_refused(demo_warehouse: Path) -> None:
    with duckdb.connect(str(demo_warehouse / "demo.duckdb"), read_only=True) as connection:
        refused = connection.sql(
            "select study_id, table_no, column_no, reason from estimates.specification_status"
            " where status <> 'estimated' and not is_observed_only"
            " and study_id not in ('city_outcomes', 'city_trade')"
            # Variants on print read what only the yearbook prints.
            " and not table_no like 'P%'"
        ).fetchall()
        diagnostics = {
            name: connection.sql(
                f"select count(*), count(*) filter (where note like 'refused%') from estimates.{name}"
            ).fetchone()
            for name in (
                "placebo", "placebo_summary", "leave_one_out", "inference", "pretrend", "bacon", "twfe_weight",
                "mediation", "panel_test", "data_integrity", "functional_form",
            )
        }  # fmt: skip
        reasons = connection.sql(
            "select study_id, table_no, note from estimates.inference where note like 'refused%'"
        ).fetchall()
    # Of 36 cities one is never treated: no placebo units, and no jackknife of its weight.
    assert [row[:3] for row in refused] == [("major_cities", "T2", 7)]
    assert "one control unit carries all the weight" in refused[0][3]
    for study, table, note in reasons:
        few = study == "major_cities" and ("never-treated units" in note or "this variant" in note)
        # Their halves are drawn anew every year.
        halves = [("new_quality_productivity", "T3"), ("manufacturing_exports", "T4")]
        moves = (study, table) in halves and "changes within a unit" in note
        assert few or moves, (study, table, note)
    for name, counts in diagnostics.items():
        assert counts is not None
        assert counts[0] > 0, name
        assert counts[1] == (len(reasons) if name == "inference" else 0), name


def test_papers_equations_that_hold_a_figure_twice_are_listed(demo_warehouse: Path) -> None:
    with duckdb.connect(str(demo_warehouse / "demo.duckdb"), read_only=True) as connection:
        pairs = connection.sql(
            "select distinct panel_column, other_column, shared_indicator_id from quality.shared_input"
            " where study_id = 'green_tfp' and kind = 'quantity'"
        ).fetchall()
    # GDP is the good output of the index and a control beside it.
    assert ("green_tfp_efficiency", "gdp_log", "gdp") in pairs
