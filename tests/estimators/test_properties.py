"""What must not change a result, and what must stop it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyfixest
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.api import OLS, add_constant

from cbec.estimators.regression import Fit, fit_least_squares
from cbec.estimators.specification import Specification
from cbec.estimators.staggered.fit import fit_staggered
from cbec.studies.fit import stars

ROW = {
    "study_id": "s", "table_no": "T", "column_no": 1, "estimator": "twfe", "outcome": "y", "treatment": "d",
    "treatment_rule": None, "controls": "x", "fixed_effects": "unit + year", "vcov": "CRV1:unit", "sample": "all",
}  # fmt: skip
TWFE = Specification.from_row(ROW)
STAGGERED = Specification.from_row(
    ROW | {"estimator": "callaway_santanna", "controls": None, "treatment_rule": "rule"}
)


def panel(seed: int, units: int = 14, years: int = 7) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        [(u, 2010 + t) for u in range(units) for t in range(years)], columns=["unit", "year"]
    )
    start = np.where(np.arange(units) % 3 == 0, np.nan, 2012 + np.arange(units) % 3)
    frame["first_treated_year"] = start[frame["unit"]]
    frame["d"] = (frame["year"] >= frame["first_treated_year"]).astype(float)
    frame["x"] = rng.normal(size=len(frame))
    frame["y"] = frame["d"] + 0.5 * frame["x"] + rng.normal(size=len(frame)) + frame["unit"] * 0.3
    frame["unit"] = frame["unit"].map(lambda u: f"{u:06d}")
    return frame


def numbers(fit: Fit) -> np.ndarray:
    return np.array([[t.estimate, t.std_error, t.p_value] for t in fit.terms], dtype=float)


def run(frame: pd.DataFrame, specification: Specification) -> np.ndarray:
    if specification.estimator == "twfe":
        return numbers(fit_least_squares(frame, specification))
    effect = fit_staggered(frame, estimator=specification.estimator, outcome="y", unit="unit").overall
    return np.array([[effect.estimate, effect.std_error, effect.p_value]])


@pytest.mark.parametrize("specification", [TWFE, STAGGERED], ids=["twfe", "callaway_santanna"])
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_row_order_and_labels_change_nothing(specification: Specification, seed: int) -> None:
    frame = panel(seed)
    expected = run(frame, specification)
    shuffled = frame.sample(frac=1, random_state=seed)
    np.testing.assert_allclose(run(shuffled, specification), expected, rtol=1e-9)
    renamed = frame.assign(unit=frame["unit"].map(lambda u: f"city {999999 - int(u)}"))
    np.testing.assert_allclose(run(renamed, specification), expected, rtol=1e-9)


@pytest.mark.parametrize("specification", [TWFE, STAGGERED], ids=["twfe", "callaway_santanna"])
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.sampled_from([1e-4, 1e4, 1e8]))
def test_units_of_the_outcome_scale_the_estimate(
    specification: Specification, seed: int, scale: float
) -> None:
    frame = panel(seed)
    expected = run(frame, specification)
    scaled = run(frame.assign(y=frame["y"] * scale), specification)
    np.testing.assert_allclose(scaled[:, :2], expected[:, :2] * scale, rtol=1e-7)
    np.testing.assert_allclose(scaled[:, 2], expected[:, 2], rtol=1e-6, atol=1e-12)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_duplicated_clusters_keep_the_estimate(seed: int) -> None:
    """Every unit twice under another name: same coefficient, smaller error."""
    frame = panel(seed)
    twice = pd.concat([frame, frame.assign(unit="copy " + frame["unit"])])
    once, double = run(frame, TWFE), run(twice, TWFE)
    np.testing.assert_allclose(double[:, 0], once[:, 0], rtol=1e-8, atol=1e-12)
    assert (double[:, 1] < once[:, 1]).all()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: f.drop(columns="x"), "no column 'x'"),
        (lambda f: f.assign(y=1.0), "outcome 'y' is constant"),
        (lambda f: f[f["unit"] == f["unit"].iloc[0]], "one cluster of 'unit'"),
        (lambda f: f.iloc[:0], "no complete row"),
        (lambda f: f.assign(d=f["year"].ge(2013).astype(float)), "'d' does not vary beyond"),
    ],
    ids=["column", "constant", "cluster", "empty", "absorbed"],
)
def test_bad_input_is_an_error_that_names_it(spoil, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit_least_squares(spoil(panel(1)), TWFE)


def test_a_collinear_control_is_recorded() -> None:
    frame = panel(1).assign(x=lambda f: f["year"].astype(float))
    fit = fit_least_squares(frame, TWFE)
    assert fit.dropped_terms == ("x",)


@pytest.mark.parametrize("seed", [1, 395])
@pytest.mark.parametrize("scale", [1e-12, 1e-8, 1e8, 1e12])
def test_figures_in_yuan_and_in_shares_are_fitted_as_others(seed: int, scale: float) -> None:
    """Outcome, control or both; the engine's own tolerance is absolute."""
    frame = panel(seed)
    plain = numbers(fit_least_squares(frame, TWFE))
    for of_y, of_x in ((scale, 1), (1, scale), (scale, scale), (scale, 1 / scale)):
        scaled = numbers(fit_least_squares(frame.assign(y=frame["y"] * of_y, x=frame["x"] * of_x), TWFE))
        factor = np.array([[of_y], [of_y / of_x]])
        np.testing.assert_allclose(scaled[:, :2], plain[:, :2] * factor, rtol=1e-7)
        np.testing.assert_allclose(scaled[:, 2], plain[:, 2], rtol=1e-6)


@pytest.mark.parametrize("controls", ["x", None])
def test_an_absorbed_treatment_is_named(controls: str | None) -> None:
    """Also where nothing else is left in the equation."""
    frame = panel(1).assign(d=lambda f: f["first_treated_year"].notna().astype(float))
    with pytest.raises(ValueError, match="'d' does not vary beyond the controls and the fixed effects"):
        fit_least_squares(frame, Specification.from_row(ROW | {"controls": controls}))


def test_a_region_alone_in_its_effect_is_counted() -> None:
    frame = panel(1)
    alone = frame.iloc[[0]].assign(unit="999999")
    assert fit_least_squares(pd.concat([frame, alone]), TWFE).n_singletons == 1


@pytest.mark.parametrize("seed", range(6))
def test_rows_alone_are_those_that_pyfixest_finds(seed: int) -> None:
    """One row that leaves may leave another alone, and so on."""
    whole = panel(seed)
    frame = whole.sample(frac=0.25, random_state=seed)
    fit = fit_least_squares(frame, TWFE)
    theirs = pyfixest.feols(
        fit.formula, frame.astype({TWFE.treatment: float}), vcov={"CRV1": "unit"}, fixef_rm="singleton",
        demeaner_backend="rust",
    )  # fmt: skip
    assert 0 < fit.n_singletons == len(frame) - theirs._N
    assert fit.terms[0].estimate == pytest.approx(float(theirs.coef()[TWFE.treatment]), rel=1e-9)
    assert fit.terms[0].std_error == pytest.approx(float(theirs.se()[TWFE.treatment]), rel=1e-9)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("estimator", "ols", "nearest: pooled"),
        ("vcov", "robust", "allowed: iid"),
        ("winsor", "1/99", "allowed: lower:upper"),
    ],
)
def test_a_specification_is_never_half_understood(field: str, value: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Specification.from_row(ROW | {field: value})


def test_stars() -> None:
    assert [stars(p, "CRV1:unit") for p in (0.0099, 0.01, 0.0499, 0.05, 0.0999, 0.1, None)] == [
        "***",
        "**",
        "**",
        "*",
        "*",
        "",
        "",
    ]


@pytest.mark.parametrize(
    ("vcov", "mark"),
    [
        ("CRV1:unit", "***"), ("CRV1:unit+year", "***"), ("conley:500", ""), ("mean_group", "***"),
        ("iid", ""), ("HC1", ""), ("", ""),
    ],
)  # fmt: skip
def test_errors_that_are_not_clustered_have_no_stars(vcov: str, mark: str) -> None:
    assert stars(1e-37, vcov) == mark


def test_p_and_interval_are_of_one_t() -> None:
    """Two-sided p and interval of 95 %, by statsmodels on N - K degrees of freedom without clusters, by scipy on
    G* - 1 with them, of regressions and of averages over cohorts."""
    frame = panel(3)
    plain = Specification.from_row(ROW | {"estimator": "pooled", "fixed_effects": None, "vcov": "iid"})
    term = next(term for term in fit_least_squares(frame, plain).terms if term.term == "d")
    other = OLS(frame["y"], add_constant(frame[["d", "x"]])).fit()
    assert [term.ci_low, term.ci_high] == pytest.approx(other.conf_int().loc["d"].tolist(), rel=1e-9)
    assert term.p_value == pytest.approx(other.pvalues["d"], rel=1e-9)
    clustered = next(term for term in fit_least_squares(frame, TWFE).terms if term.term == "d")
    average = fit_staggered(frame, estimator="callaway_santanna", outcome="y", unit="unit").overall
    for found in (clustered, average):
        assert found.std_error is not None and found.n_effective_clusters is not None
        t = stats.t(found.n_effective_clusters - 1, loc=found.estimate, scale=found.std_error)
        assert [found.ci_low, found.ci_high] == pytest.approx(list(t.interval(0.95)), rel=1e-9)
        beyond = t.cdf(0) if found.estimate > 0 else t.sf(0)
        assert found.p_value == pytest.approx(2 * beyond, rel=1e-9)


@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e9])
def test_the_covariance_of_events_is_in_the_unit_of_the_outcome(scale: float) -> None:
    frame = panel(4)
    fit = fit_staggered(
        frame.assign(y=frame["y"] * scale), estimator="twfe_event_study", outcome="y", unit="unit"
    )
    assert fit.event_vcov is not None
    errors = [event.std_error for event in fit.events]
    np.testing.assert_allclose(np.sqrt(np.diag(fit.event_vcov)), errors, rtol=1e-9)
