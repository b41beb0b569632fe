"""Decompositions of two-way effects: of which regression, on which rows, against dummies written out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cbec.estimators.diagnostics import balanced_sample, decompose, twfe_weights
from cbec.studies.fit import run
from cbec.studies.sample import StudyData
from cbec.studies.tables_decomposition import bacon_table, twfe_weight_table
from tests.estimators.test_comparability_tables import ROW, data, requested  # noqa: F401
from tests.estimators.test_staggered import MODEL, bench


def with_dummies(
    frame: pd.DataFrame, controls: list[str], unit: str, outcome: str = "y"
) -> tuple[float, Any]:
    """Two-way coefficient by least squares with explicit dummies, and the treatment's residual."""
    d = (frame["year"] >= frame["first_treated_year"].fillna(np.inf)).to_numpy(float)
    other = np.column_stack(
        [
            pd.get_dummies(frame[unit]).to_numpy(float),
            pd.get_dummies(frame["year"]).to_numpy(float),
            frame[controls].to_numpy(float),
        ]
    )
    residual = d - other @ np.linalg.lstsq(other, d, rcond=None)[0]
    y = frame[outcome].to_numpy(float)
    return float(residual @ y / (residual @ d)), residual


def unbalanced(seed: int = 5) -> pd.DataFrame:
    """A panel with random gaps, and a unit that is seen once."""
    frame = bench.simulate_panel(seed=seed)
    kept = np.random.default_rng(seed).random(len(frame)) > 0.2
    lonely = frame[frame["city"] == 0].head(1).assign(city=999)
    return pd.concat([frame[kept], lonely], ignore_index=True)


@pytest.mark.parametrize("controls", [[], ["x"]])
def test_weights_are_those_of_the_rows_and_controls_of_the_column(controls: list[str]) -> None:
    frame = unbalanced()
    found = twfe_weights(frame, **MODEL, controls=controls, gaps="keep")
    used = frame[frame["city"] != 999]
    coefficient, residual = with_dummies(used, controls, "city")
    assert found.n_obs == len(used)
    assert found.estimate == pytest.approx(coefficient, rel=1e-9)
    treated = (used["year"] >= used["first_treated_year"].fillna(np.inf)).to_numpy()
    cells = used[treated].assign(weight=residual[treated] / residual[treated].sum())
    want = cells.groupby(["first_treated_year", "year"])["weight"].agg(["sum", "size"])
    np.testing.assert_allclose(found.weights["weight"], want["sum"], atol=1e-10)
    assert found.weights["n_units"].tolist() == want["size"].tolist()


def test_weights_of_an_unbalanced_panel_equal_diff_diff() -> None:
    from diff_diff import twowayfeweights

    frame = unbalanced(seed=8)
    frame = frame[frame["city"] != 999]
    treated = frame.assign(d=(frame["year"] >= frame["first_treated_year"]).astype(int))
    theirs = twowayfeweights(treated, outcome="y", unit="city", time="year", treatment="d")
    found = twfe_weights(frame, **MODEL, gaps="keep")
    assert found.estimate == pytest.approx(theirs.beta_fe, abs=1e-9)
    cells = theirs.weights.merge(treated, on=["city", "year"]).query("d == 1")
    want = cells.groupby(["first_treated_year", "year"])["weight"].sum()
    np.testing.assert_allclose(found.weights["weight"], want, atol=1e-9)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 50))
def test_comparisons_add_up_to_a_regression_on_the_rows_that_are_left(seed: int) -> None:
    frame = bench.simulate_panel(seed=seed, n_each=8)
    rng = np.random.default_rng(seed)
    short = rng.choice(frame["city"].unique(), size=4, replace=False)
    frame = frame[~(frame["city"].isin(short) & (frame["year"] == 3))].sample(frac=1, random_state=seed)
    balanced = balanced_sample(frame, **MODEL)
    used = balanced.rows_of(frame, unit="city")
    assert set(used["city"]) == set(frame["city"]) - set(short)
    table = decompose(balanced)
    assert (table["weight"] * table["estimate"]).sum() == pytest.approx(
        with_dummies(used, [], "city")[0], rel=1e-8
    )


@pytest.fixture
def with_gaps(data: StudyData) -> StudyData:  # noqa: F811
    """The panel of the comparability tables, one city without a row, one with a single one."""
    panel = data.panel_city_year.copy()
    codes = sorted(panel["prefecture_code"].unique())
    panel.loc[(panel["prefecture_code"] == codes[0]) & (panel["year"] == panel["year"].max()), "y"] = None
    panel.loc[(panel["prefecture_code"] == codes[1]) & (panel["year"] > panel["year"].min()), "y"] = None
    return replace(data, panel_city_year=panel)


def test_a_row_says_which_regression_it_decomposes(with_gaps: StudyData) -> None:
    whole = run(with_gaps, with_gaps.specifications()[0])
    assert whole.fit is not None and whole.sample is not None
    column = whole.fit.terms[0].estimate  # type: ignore[union-attr]
    n_column = whole.fit.n_obs
    assert len(whole.sample.rows) == n_column + 1
    found = bacon_table(with_gaps, requested("bacon")).to_pandas()
    line = found.iloc[0]
    years = whole.sample.rows["year"].nunique()
    own = whole.sample.rows.groupby("prefecture_code").filter(lambda rows: len(rows) > 1)
    used = own.groupby("prefecture_code").filter(lambda rows: len(rows) == years)
    decomposed = with_dummies(used, [], "prefecture_code")[0]
    assert (line["n_obs"], line["n_obs_column"]) == (len(used), n_column)
    assert n_column - len(used) == years - 1
    assert (found["weight"] * found["estimate"]).sum() == pytest.approx(decomposed, rel=1e-9)
    assert line["estimate_decomposed"] == pytest.approx(decomposed, rel=1e-9)
    assert line["estimate_column"] == column != line["estimate_decomposed"]
    assert line["note"] == (
        f"{len(used)} of {n_column} rows decomposed: the theorem is about balanced panels;"
        f" {years - 1} rows: 1 unit(s) with a gap in outcome y;"
        " decomposed without controls, which the theorem has not: x2"
    )


def test_weights_are_of_the_column_itself(with_gaps: StudyData) -> None:
    fit = run(with_gaps, with_gaps.specifications()[0]).fit
    assert fit is not None
    (line,) = twfe_weight_table(with_gaps, requested("bacon")).to_pylist()
    assert line["n_obs"] == line["n_obs_column"] == fit.n_obs
    column = fit.terms[0].estimate  # type: ignore[union-attr]
    assert line["estimate_column"] == column
    assert line["estimate"] == pytest.approx(column, rel=1e-9)
    assert line["note"] is None


def test_nothing_is_noted_where_the_column_itself_is_decomposed(data: StudyData) -> None:  # noqa: F811
    plain = replace(data, specification=pd.DataFrame([ROW | {"controls": None}]))
    found = bacon_table(plain, requested("bacon")).to_pandas()
    assert found["note"].isna().all()
    assert (found["n_obs"] == found["n_obs_column"]).all()
    np.testing.assert_allclose(found["estimate_decomposed"], found["estimate_column"], rtol=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fixed_effects": "prefecture_code + year + longitude^year"}, "two-way effects of prefecture_code"),
        ({"estimator": "pooled", "fixed_effects": None}, "two-way effects of prefecture_code"),
        ({"treatment": "x1"}, "x1 is a dose"),
    ],
)
def test_what_no_theorem_covers_is_refused(
    data: StudyData,  # noqa: F811
    change: dict[str, Any],
    message: str,
) -> None:
    other = replace(data, specification=pd.DataFrame([ROW | change]))
    for table in (bacon_table, twfe_weight_table):
        (line,) = table(other, requested("bacon")).to_pylist()
        assert line["note"].startswith("refused") and message in line["note"]
        assert line["estimate"] is None
