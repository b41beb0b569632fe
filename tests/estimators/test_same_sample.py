"""Two-way effects on exactly the rows of each staggered estimator."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cbec.estimators.staggered.engines import ESTIMATORS
from cbec.estimators.staggered.fit import fit_staggered, used_sample
from cbec.studies.fit import run
from cbec.studies.same_sample import same_sample_table, two_way_on
from cbec.studies.sample import StudyData
from tests.estimators.test_comparability_tables import ROW, data  # noqa: F401
from tests.estimators.test_staggered import MODEL, NO_CONTROLS, bench

KEEPS_GAPS = ("callaway_santanna", "imputation", "sun_abraham", "twfe_event_study")


def with_gaps(seed: int = 3, *, never: bool = True) -> pd.DataFrame:
    """A panel with gaps in some units, one cohort treated throughout and one with a single year before."""
    frame = bench.simulate_panel(seed=seed, n_each=6, never=never)
    first = frame["first_treated_year"]
    frame["first_treated_year"] = first.where(~(first.eq(4) & (frame["city"] % 3 == 0)), 1.0)
    frame.loc[first.eq(6) & (frame["city"] % 3 == 0), "first_treated_year"] = 2.0
    rng = np.random.default_rng(seed)
    short = rng.choice(frame["city"].unique(), size=5, replace=False)
    return frame[~(frame["city"].isin(short) & (frame["year"] == 7))].reset_index(drop=True)


def with_dummies(frame: pd.DataFrame, controls: list[str]) -> tuple[float, float]:
    """Coefficient and clustered error, fixest's small-sample factor, dummies written out."""
    d = (frame["year"] >= frame["first_treated_year"].fillna(np.inf)).to_numpy(float)
    city, year = (pd.get_dummies(frame[name]).to_numpy(float) for name in ("city", "year"))
    x = np.column_stack([d, frame[controls].to_numpy(float), city, year[:, 1:]])
    y = frame["y"].to_numpy(float)
    bread = np.linalg.pinv(x.T @ x)
    b = bread @ x.T @ y
    scores = pd.DataFrame(x * (y - x @ b)[:, None]).groupby(frame["city"].to_numpy()).sum().to_numpy()
    n, g = len(frame), frame["city"].nunique()
    # Effects of cities are nested in the clusters.
    k = 1 + len(controls) + year.shape[1]
    factor = (n - 1) / (n - k) * g / (g - 1)
    return float(b[0]), float(np.sqrt(factor * (bread @ scores.T @ scores @ bread)[0, 0]))


@pytest.mark.parametrize("estimator", [name for name in ESTIMATORS if name != "twfe"])
@pytest.mark.parametrize("never", [True, False])
def test_the_rows_are_those_of_the_fit(estimator: str, never: bool) -> None:
    frame = with_gaps(never=never)
    for options in [{}, {"gaps": "keep"}] if estimator in KEEPS_GAPS else [{}]:
        fit = fit_staggered(frame, estimator=estimator, aggregations=("overall",), **MODEL, **options)
        sample = used_sample(frame, estimator=estimator, **MODEL, **options)
        found = two_way_on(sample)
        assert found["n_obs"] == fit.n_obs
        assert found["n_units"] == fit.n_units
        assert found["n_obs_offered"] - found["n_obs"] == fit.n_dropped
        named = [int(part.split(" rows: ")[0]) for part in (found["note"] or "").split("; ") if part]
        assert sum(named) == fit.n_dropped


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 30), controls=st.sampled_from([[], ["x"]]), gaps=st.sampled_from(["drop", "keep"]))
def test_the_coefficient_is_least_squares_with_dummies(seed: int, controls: list[str], gaps: str) -> None:
    frame = with_gaps(seed)
    options: dict[str, Any] = {"estimator": "callaway_santanna", "controls": controls, "gaps": gaps}
    sample = used_sample(frame, **MODEL, **options)
    used = sample.rows_of(frame, unit="city")
    found = two_way_on(sample)
    estimate, error = with_dummies(used, controls)
    assert found["estimate_twfe"] == pytest.approx(estimate, rel=1e-8)
    assert found["std_error"] == pytest.approx(error, rel=1e-8)
    assert found["n_obs"] == len(used)
    assert found["ci_low"] < estimate < found["ci_high"]
    # Rows in another order, cities under other names, the outcome in another unit.
    renamed = frame.assign(city=frame["city"].map(lambda c: f"c{997 - c}"), y=frame["y"] * 1000)
    other = two_way_on(used_sample(renamed.sample(frac=1, random_state=seed), **MODEL, **options))
    assert other["estimate_twfe"] == pytest.approx(1000 * estimate, rel=1e-8)
    assert other["std_error"] == pytest.approx(1000 * error, rel=1e-8)
    assert other["n_effective_clusters"] == pytest.approx(found["n_effective_clusters"], rel=1e-8)


def staggered(data: StudyData, **change: Any) -> StudyData:  # noqa: F811
    """The study with a two-way column and one of Callaway and Sant'Anna, one city with a gap."""
    columns = [
        ROW | change,
        ROW | change | {"column_no": 2, "estimator": "callaway_santanna", "options": "method=reg"},
    ]
    panel = data.panel_city_year.copy()
    code = panel["prefecture_code"].min()
    panel.loc[(panel["prefecture_code"] == code) & (panel["year"] == panel["year"].max()), "y"] = None
    return replace(data, specification=pd.DataFrame(columns), panel_city_year=panel)


def test_the_table_tells_the_difference_of_rows_from_the_one_of_estimators(data: StudyData) -> None:  # noqa: F811
    both = staggered(data)
    plain, robust = both.specifications()
    table = same_sample_table(both).to_pylist()
    assert [(row["column_no"], row["is_observed_only"]) for row in table] == [(2, False), (2, True)]
    row, fit = table[0], run(both, robust).fit
    column = run(both, plain)
    assert fit is not None and column.fit is not None and column.sample is not None
    assert row["n_obs"] == fit.n_obs < column.fit.n_obs == row["n_obs_offered"]
    whole = column.sample.rows.groupby("prefecture_code").filter(
        lambda rows: len(rows) == column.sample.rows["year"].nunique()  # type: ignore[union-attr]
    )
    start = whole.groupby("prefecture_code")["first_treated_year"].first()
    kept = whole[~whole["prefecture_code"].isin(start.index[start <= whole["year"].min()])]
    want = with_dummies(kept.rename(columns={"prefecture_code": "city"}), ["x2"])
    assert row["estimate_twfe"] == pytest.approx(want[0], rel=1e-8)
    assert row["std_error"] == pytest.approx(want[1], rel=1e-8)
    assert row["kind"] == "term"


def test_cells_that_nobody_filled_are_fitted_anew(data: StudyData) -> None:  # noqa: F811
    both = staggered(data)
    cells = both.panel_cell.copy()
    of_one = cells["region_code"].eq(cells["region_code"].max()) & cells["panel_column"].eq("y")
    cells.loc[of_one & cells["year"].eq(cells["year"].min()), "imputed_share"] = 1.0
    rows = same_sample_table(replace(both, panel_cell=cells)).to_pylist()
    assert rows[0]["n_units"] == rows[1]["n_units"] + 1
    assert rows[0]["estimate_twfe"] != rows[1]["estimate_twfe"]


def test_a_column_that_cannot_be_put_together_has_no_row(data: StudyData) -> None:  # noqa: F811
    waiting = staggered(data)
    empty = waiting.panel_city_year.assign(y=np.nan)
    assert same_sample_table(replace(waiting, panel_city_year=empty)).num_rows == 0


def test_controls_that_explain_the_treatment_are_a_row_with_the_reason(data: StudyData) -> None:  # noqa: F811
    both = staggered(data, controls="x1")
    timing = both.treatment_city_year.set_index(["prefecture_code", "year"])["is_treated"].astype(float)
    panel = both.panel_city_year.set_index(["prefecture_code", "year"])
    panel["x1"] = timing.reindex(panel.index)
    row = same_sample_table(replace(both, panel_city_year=panel.reset_index())).to_pylist()[0]
    assert row["estimate_twfe"] is None and row["note"].startswith("refused: the treatment has no variation")
    assert row["n_obs"] > 0


def test_estimators_without_controls_are_known() -> None:
    """stacked refuses controls, so that its rows are never those of another equation."""
    frame = with_gaps()
    for estimator in NO_CONTROLS:
        with pytest.raises(ValueError, match="takes no controls"):
            fit_staggered(frame, estimator=estimator, **MODEL, controls=("x",))
