"""Multiple imputation against R's mice, in simulation, and under changes that must not matter.

mice/mice.json was written by mice/mice.R (version inside it): estimates of the nhanes example of ?pool and what
pool() makes of them, and moments of 2,000 imputations of a panel drawn there.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import stats

from bench import imputation
from cbec.estimators.absorb import Estimate, build_basis, build_projector, fit_treatment
from cbec.estimators.imputation import ROUNDS, Imputations, Pooled, impute, pool

MICE = json.loads((Path(__file__).parent / "mice/mice.json").read_text(encoding="utf-8"))
EQUATION: dict[str, Any] = {
    "outcome": "y", "treatment": "d", "unit": "unit", "time": "year", "controls": ["x"],
    "fixed_effects": ["unit", "year"],
}  # fmt: skip


@pytest.mark.parametrize("case", MICE["nhanes"], ids=lambda case: case["term"])
def test_pooling_is_that_of_mice(case: dict[str, Any]) -> None:
    want = case["pooled"]
    found = pool(np.array(case["estimates"]), np.array(case["variances"]), want["dfcom"])
    assert found.n_imputations == 5
    assert found.estimate == pytest.approx(want["estimate"], rel=1e-8)
    assert found.within == pytest.approx(want["ubar"], rel=1e-8)
    assert found.between == pytest.approx(want["b"], rel=1e-8)
    assert found.std_error**2 == pytest.approx(want["t"], rel=1e-8)
    assert found.df == pytest.approx(want["df"], rel=1e-8)
    assert found.relative_increase == pytest.approx(want["riv"], rel=1e-8)
    assert found.share_between == pytest.approx(want["lambda"], rel=1e-8)
    assert found.missing_information == pytest.approx(want["fmi"], rel=1e-8)
    assert found.p_value == pytest.approx(case["p_value"], rel=1e-7)
    half = stats.t.ppf(0.975, want["df"]) * want["t"] ** 0.5
    assert (found.ci_low, found.ci_high) == pytest.approx((want["estimate"] - half, want["estimate"] + half))


def test_many_imputations_leave_within_plus_between() -> None:
    """Rubin (1987), section 3.2: as m grows T goes to W + B, and the degrees of freedom to those observed."""
    estimates = np.tile([0.0, 2.0], 50_000)
    found = pool(estimates, np.full(estimates.size, 3.0), 40)
    assert found.std_error**2 == pytest.approx(3 + 1, rel=1e-4)
    assert found.df == pytest.approx(41 / 43 * 40 * (1 - 0.25), rel=1e-2)
    assert found.share_between == pytest.approx(0.25, rel=1e-4)
    assert found.missing_information == pytest.approx(0.25, abs=0.06)
    # Nothing lost: the error of any one fit, and no more degrees of freedom than complete data have.
    alike = pool(np.full(20, 1.5), np.full(20, 0.09), 30)
    assert (alike.std_error, alike.relative_increase, alike.share_between) == (pytest.approx(0.3), 0, 0)
    # What mice calls the fraction of missing information is not zero there.
    assert alike.missing_information == pytest.approx(2 / (alike.df + 3))
    assert 28 < alike.df < 30
    assert np.isinf(pool(np.full(20, 1.5), np.full(20, 0.09), np.inf).df)
    # Few imputations of much: Rubin's (1987) degrees of freedom.
    few = pool(np.array([0.0, 2.0]), np.array([1.0, 1.0]), np.inf)
    assert few.df == pytest.approx((1 + 1 / 3) ** 2)


@pytest.mark.parametrize(
    ("estimates", "variances", "df", "words"),
    [
        ([1.0], [1.0], 9, "two or more"),
        ([1.0, 2.0], [1.0], 9, "two or more"),
        ([1.0, np.nan], [1.0, 1.0], 9, "finite"),
        ([1.0, 2.0], [1.0, 0.0], 9, "above zero"),
        ([1.0, 2.0], [1.0, 1.0], 0, "degrees of freedom"),
    ],
)
def test_what_cannot_be_pooled_is_refused(
    estimates: list[float], variances: list[float], df: float, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        pool(np.array(estimates), np.array(variances), df)
    with pytest.raises(ValueError, match=words):
        pool(estimates, variances, df)


def test_lists_are_pooled_as_arrays() -> None:
    assert pool([1.0, 2.0], [1.0, 1.0], 10) == pool(np.array([1.0, 2.0]), np.array([1.0, 1.0]), 10)
    with pytest.raises(ValueError, match="two or more"):
        pool([[1.0, 2.0]], [[1.0, 1.0]], 10)  # type: ignore[list-item]


def cells_of(found: Imputations) -> NDArray[np.float64]:
    """Draws by row of the frame and variable, shape (m, n, k), NaN where nothing was imputed."""
    cells = np.full((len(found), *found.missing.shape), np.nan)
    cells[:, found.missing] = found.draws
    order = np.argsort(found.panel.row_position)
    return cells[:, order]


def check_moments(name: str, imputations: int, rounds: int) -> None:
    """Means within 4 Monte Carlo errors cell by cell, none of some 30 beyond by chance; deviations too."""
    panel = pd.DataFrame(MICE["panel"]).astype(float)
    rows = MICE["rows_with_x"] if name == "y_alone" else list(range(len(panel)))
    frame = panel.iloc[rows].reset_index(drop=True)
    cells = cells_of(impute(frame, **EQUATION, imputations=imputations, rounds=rounds, seed=1))
    for column, variable in enumerate(["y", "x"]):
        if variable not in MICE[name]:
            assert np.isnan(cells[:, :, column]).all()
            continue
        want = MICE[name][variable]
        drawn = cells[:, want["row"], column]
        mean, sd = np.array(want["mean"]), np.array(want["sd"])
        error = sd * np.sqrt(1 / MICE["m"] + 1 / imputations)
        assert np.abs((drawn.mean(axis=0) - mean) / error).max() < 4
        ratio = drawn.std(axis=0, ddof=1) / sd
        # A ratio of two deviations has an error of the root of (1/m1 + 1/m2) / 2.
        one = np.sqrt((1 / MICE["m"] + 1 / imputations) / 2)
        assert np.abs(ratio - 1).max() < 4 * one
        assert abs(ratio.mean() - 1) < 4 * one / np.sqrt(len(ratio))


def test_imputations_of_one_variable_have_the_moments_of_mice() -> None:
    check_moments("y_alone", MICE["m"], 1)


def test_imputations_of_two_variables_have_the_moments_of_mice() -> None:
    """Chains of the usual length, against those of 20 rounds."""
    check_moments("both", 400, ROUNDS)


def draw_panel(seed: int, *, n_units: int = 30, n_years: int = 6, gaps: bool = True) -> pd.DataFrame:
    """Half of the units are treated from half time on. x is missing at random: among the treated where the
    outcome is high, so that complete rows are chosen by their outcome."""
    stream = np.random.default_rng(seed)
    n = n_units * n_years
    unit, year = np.repeat(np.arange(n_units), n_years), np.tile(np.arange(n_years), n_units)
    d = ((unit % 2 == 0) & (year >= n_years // 2)).astype(float)
    x = 0.5 * d + stream.normal(0, 1, n_units)[unit] + stream.normal(0, 1, n)
    y = d + x + stream.normal(0, 1, n_units)[unit] + 0.2 * year + stream.normal(0, 1, n)
    frame = pd.DataFrame({"unit": unit, "year": year, "d": d, "x": x, "y": y})
    if gaps:
        within = frame["y"] - frame.groupby("unit")["y"].transform("mean")
        chance = np.where(d == 1, 1 / (1 + np.exp(3 - 3 * within)), 0.1)
        frame.loc[stream.random(n) < chance, "x"] = np.nan
    return frame


def pooled(found: Imputations) -> Pooled:
    projector = build_projector(found.panel.fixed_effects, found.panel.n_obs)
    fits: list[Estimate] = []
    for number in range(len(found)):
        panel = found.completed(number)
        fits.append(fit_treatment(panel, build_basis(panel, projector)))
    df = float(np.mean([fit.n_effective_clusters for fit in fits])) - 1
    return pool(np.array([fit.estimate for fit in fits]), np.array([fit.se for fit in fits]) ** 2, df)


def test_intervals_cover_where_those_of_complete_rows_do_not() -> None:
    """200 panels whose control is missing where the treated do well: 95 % has an error of 1.5 points."""
    imputed, complete = imputation.simulate("control", 0.0, 0.0, 200, 20150307, imputations=5)
    assert 0.90 <= imputed.covered <= 0.99
    assert imputed.error == pytest.approx(imputed.spread, rel=0.2)
    assert complete.covered < 0.8


@pytest.fixture(scope="module")
def gappy() -> pd.DataFrame:
    """Cells of both variables missing: a chain."""
    frame = draw_panel(7)
    frame.loc[np.random.default_rng(1).random(len(frame)) < 0.1, "y"] = np.nan
    return frame


def test_rows_and_labels_do_not_matter(gappy: pd.DataFrame) -> None:
    one = impute(gappy, **EQUATION, imputations=3, seed=1)
    order = np.random.default_rng(2).permutation(len(gappy))
    names = {unit: f"city {(7 * unit) % 30:02d}" for unit in range(30)}
    other = gappy.iloc[order].assign(unit=lambda rows: rows["unit"].map(names))
    other.index = pd.Index(np.random.default_rng(3).permutation(len(gappy)))
    two = impute(other, **EQUATION, imputations=3, seed=1)
    assert np.array_equal(cells_of(one)[:, order], cells_of(two), equal_nan=True)
    assert pooled(one) == pooled(two)
    again = impute(gappy, **EQUATION, imputations=3, seed=2)
    assert not np.allclose(one.draws, again.draws)
    assert np.array_equal(impute(gappy, **EQUATION, imputations=5, seed=1).draws[:3], one.draws)


def test_the_unit_of_the_outcome_is_the_unit_of_the_effect(gappy: pd.DataFrame) -> None:
    one = pooled(impute(gappy, **EQUATION, imputations=3, seed=1))
    two = pooled(impute(gappy.assign(y=gappy["y"] * 1e6), **EQUATION, imputations=3, seed=1))
    assert two.estimate == pytest.approx(1e6 * one.estimate, rel=1e-8)
    assert two.std_error == pytest.approx(1e6 * one.std_error, rel=1e-8)
    assert two.df == pytest.approx(one.df, rel=1e-8)
    assert two.missing_information == pytest.approx(one.missing_information, rel=1e-8)


def test_observed_cells_stay_and_missing_ones_differ_from_draw_to_draw(gappy: pd.DataFrame) -> None:
    found = impute(gappy, **EQUATION, imputations=4, seed=1)
    rows = gappy.iloc[found.panel.row_position]
    for number in range(4):
        panel = found.completed(number)
        values = np.column_stack([panel.outcome, panel.controls])
        want = rows[["y", "x"]].to_numpy()
        assert np.array_equal(np.isnan(want), found.missing)
        assert np.array_equal(values[~found.missing], want[~found.missing])
        assert np.isfinite(values).all()
    assert (found.draws.std(axis=0) > 0.05).all()


def test_without_effects_there_is_a_constant() -> None:
    """Normal data, many rows: the imputed mean is the regression's."""
    stream = np.random.default_rng(0)
    x = stream.normal(size=400)
    frame = pd.DataFrame({"unit": np.arange(400), "year": 2020, "d": x, "y": 5 + 2 * x})
    frame["y"] += stream.normal(0, 0.01, 400)
    frame.loc[:99, "y"] = np.nan
    found = impute(
        frame, outcome="y", treatment="d", unit="unit", time="year", imputations=2, seed=0, cluster="unit"
    )
    cells = cells_of(found)[:, :100, 0]
    assert np.abs(cells - (5 + 2 * x[:100])).max() < 0.06


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: pd.concat([f, f.head(1)]), "two rows"),
        (lambda f: f.assign(y=f["y"].fillna(0), x=f["x"].fillna(0)), "no cell is missing"),
        (lambda f: f.assign(x=np.nan), "no cell of x is observed"),
        (lambda f: f.assign(y=f["y"].mask(f["unit"].eq(3))), "y has no observed cell in 1 of unit: 3"),
        (lambda f: f.assign(y=f["y"].mask(f["year"].ge(2))), r"y has no observed cell in 4 of year: 2, 3, 4, \.\.\."),
        (lambda f: f.assign(y=f["y"].mask(f["d"].eq(1))), "do not identify the treatment"),
        (lambda f: f.assign(d=f["d"].mask(f["unit"].eq(3))), "'d' has"),
        # Two groups of units observed in other years: nothing joins their year effects.
        (lambda f: f.assign(y=f["y"].mask((f["unit"] < 15) == (f["year"] < 3))), "do not identify"),
        # Ten rows for three units, five years, a treatment and a control.
        (lambda f: f[f["unit"] < 3].assign(y=lambda g: g["y"].where(g.index.isin([*range(6), 6, 7, 10, 12]))), "10 observed cells of y leave no degree of freedom"),
    ],
)  # fmt: skip
def test_what_cannot_be_imputed_is_refused(gappy: pd.DataFrame, change: Any, words: str) -> None:
    frame = change(gappy.assign(y=gappy["y"].fillna(1.0)))
    with pytest.raises(ValueError, match=words):
        impute(frame, **EQUATION, imputations=2, seed=1)


def test_one_imputation_is_not_multiple(gappy: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="two or more"):
        impute(gappy, **EQUATION, imputations=1, seed=1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rounds": 0}, "0 rounds; allowed: one or more"),
        ({"rounds": -3}, "-3 rounds; allowed: one or more"),
        ({"rounds": 1.5}, "1.5 rounds; allowed: a whole number"),
        ({"imputations": 2.5}, "2.5 imputations; allowed: a whole number"),
        ({"controls": ["y"]}, "name a column twice"),
        ({"controls": ["x", "x"]}, "name a column twice"),
        ({"controls": ["d"]}, "name a column twice"),
    ],
)
def test_options_that_mean_nothing_are_refused(gappy: pd.DataFrame, change: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        impute(gappy, **(EQUATION | {"imputations": 2, "seed": 1} | change))
    impute(gappy, **EQUATION, imputations=np.int64(2), seed=1)  # type: ignore[arg-type]
