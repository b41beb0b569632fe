"""Exact permutation inference: against pyfixest, statsmodels and brute force; invariances; bad input."""

from __future__ import annotations

import itertools
import math
import warnings

import numpy as np
import pandas as pd
import pyfixest as pf
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from cbec.estimators.exact import (
    ExactFit,
    assignments,
    count_assignments,
    exact_event_study,
    exact_twfe,
)
from cbec.studies.printed_index import printed_index_effects

NAMES = {"outcome": "y", "dose": "d", "first_year": "g", "unit": "unit", "time": "year"}


def panel(starts: list[float], *, n_years: int = 6, seed: int = 1, share: float = 1.0) -> pd.DataFrame:
    """Balanced panel with a unit, year and treatment effect; `share`: dose of the first treated year."""
    rng = np.random.default_rng(seed)
    rows = [
        {
            "unit": f"u{place}",
            "year": 2010 + t,
            "g": start,
            "d": 0.0 if math.isnan(start) or 2010 + t < start else share if 2010 + t == start else 1.0,
            "noise": rng.normal(),
        }
        for place, start in enumerate(starts)
        for t in range(n_years)
    ]
    frame = pd.DataFrame(rows)
    frame["y"] = frame["noise"] + 0.5 * frame["d"] + frame.groupby("unit").ngroup() + 0.1 * frame["year"]
    return frame


NAN = float("nan")
STARTS = [2011.0, 2012.0, 2012.0, 2013.0, 2014.0, NAN, NAN, 2013.0]
SMALL = [2012.0, 2012.0, 2013.0, NAN, NAN]


def fixest(frame: pd.DataFrame, formula: str) -> pd.DataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pf.feols(formula, data=frame, vcov={"CRV1": "unit"}, demeaner_backend="rust").tidy()


@pytest.mark.parametrize("share", [1.0, 0.3])
def test_average_effect_is_pyfixests(share: float) -> None:
    frame = panel(STARTS, share=share)
    (term,) = exact_twfe(frame, **NAMES).terms
    expected = fixest(frame, "y ~ d | unit + year").loc["d"]
    assert term.estimate == pytest.approx(expected["Estimate"], rel=1e-9)
    assert term.std_error == pytest.approx(expected["Std. Error"], rel=1e-9)
    assert term.p_conventional == pytest.approx(expected["Pr(>|t|)"], rel=1e-7)


def test_event_study_is_pyfixests() -> None:
    frame = panel(STARTS)
    frame["k"] = (frame["year"] - frame["g"]).fillna(-1).astype(int)
    expected = fixest(frame, "y ~ i(k, ref=-1) | unit + year")
    terms = {t.event_year: t for t in exact_event_study(frame, **NAMES).terms if t.event_year is not None}
    assert sorted(terms) == [k for k in range(-4, 5) if k != -1]
    for event, term in terms.items():
        row = expected[expected.index.str.endswith(f"[T.{event}]")]
        assert len(row) == 1, expected.index.tolist()
        assert term.estimate == pytest.approx(row["Estimate"].iloc[0], rel=1e-8)
        assert term.std_error == pytest.approx(row["Std. Error"].iloc[0], rel=1e-8)
        assert term.n_cities == (frame["k"] == event)[frame["g"].notna()].sum()


def _dummies(frame: pd.DataFrame) -> np.ndarray:
    units = pd.get_dummies(frame["unit"], dtype=float)
    years = pd.get_dummies(frame["year"], dtype=float, drop_first=True)
    return np.hstack([units.to_numpy(), years.to_numpy()])


def _different_orders(frame: pd.DataFrame) -> list[tuple[int, ...]]:
    """One permutation of units for each different assignment of first years."""
    starts = frame.groupby("unit")["g"].first().fillna(0).to_numpy()
    chosen = {tuple(starts[list(p)]): p for p in itertools.permutations(range(len(starts)))}
    return list(chosen.values())


def test_p_of_the_average_effect_is_brute_force() -> None:
    """Every assignment estimated anew by statsmodels with dummies, standard error clustered."""
    frame = panel(SMALL, n_years=5, seed=4, share=0.4).sort_values(["unit", "year"])
    doses = frame.pivot(index="unit", columns="year", values="d").to_numpy()
    orders = _different_orders(frame)
    assert len(orders) == 30
    estimates, t_values = [], []
    for order in orders:
        design = np.column_stack([doses[list(order)].ravel(), _dummies(frame)])
        fit = sm.OLS(frame["y"].to_numpy(), design).fit(
            cov_type="cluster", cov_kwds={"groups": frame["unit"].to_numpy()}
        )
        estimates.append(fit.params[0])
        t_values.append(fit.tvalues[0])
    real = orders.index(next(o for o in orders if np.array_equal(doses[list(o)], doses)))
    fit = exact_twfe(frame, **NAMES)
    (term,) = fit.terms
    assert fit.n_assignments == 30
    assert term.estimate == pytest.approx(estimates[real], rel=1e-9)
    b, t = np.abs(estimates), np.abs(t_values)
    assert term.p_exact == pytest.approx(np.mean(b >= b[real] * (1 - 1e-9)))
    assert term.p_exact_t == pytest.approx(np.mean(t >= t[real] * (1 - 1e-9)))


def test_p_of_event_years_and_leads_is_brute_force() -> None:
    frame = panel(SMALL, n_years=5, seed=5).sort_values(["unit", "year"])
    starts = frame.groupby("unit")["g"].first().to_numpy()
    fit = exact_event_study(frame, **NAMES)
    events = [t.event_year for t in fit.terms if t.event_year is not None]
    years = frame["year"].to_numpy()
    dummies = _dummies(frame)
    found, walds = [], []
    for order in _different_orders(frame):
        distance = years - np.repeat(starts[list(order)], 5)
        design = np.column_stack([*(distance == k for k in events), dummies]).astype(float)
        coefficients = np.linalg.lstsq(design, frame["y"].to_numpy(), rcond=None)[0][: len(events)]
        covariance = np.linalg.inv(design.T @ design)
        leads = [place for place, k in enumerate(events) if k < -1]
        form = np.linalg.inv(covariance[np.ix_(leads, leads)])
        walds.append(coefficients[leads] @ form @ coefficients[leads])
        found.append(coefficients)
        if np.array_equal(starts[list(order)], starts, equal_nan=True):
            real = coefficients
            real_wald = walds[-1]
    sizes = np.abs(np.array(found))
    for place, term in enumerate(fit.terms[:-1]):
        assert term.estimate == pytest.approx(real[place], rel=1e-8)
        assert term.p_exact == pytest.approx(np.mean(sizes[:, place] >= abs(real[place]) * (1 - 1e-9)))
    assert fit.terms[-1].term == "leads"
    assert fit.terms[-1].p_exact == pytest.approx(np.mean(np.array(walds) >= real_wald * (1 - 1e-9)))


@given(st.lists(st.integers(0, 3), min_size=1, max_size=7))
def test_assignments_are_all_different_orders(codes: list[int]) -> None:
    listed = [tuple(row) for block in assignments(np.array(codes), block=7) for row in block.tolist()]
    assert listed == sorted(set(itertools.permutations(codes)))
    assert len(listed) == count_assignments(np.array(codes))


def _same(one: ExactFit, other: ExactFit) -> None:
    assert (one.n_assignments, one.n_obs, one.cohorts) == (other.n_assignments, other.n_obs, other.cohorts)
    for a, b in zip(one.terms, other.terms, strict=True):
        assert (a.term, a.event_year, a.n_cities) == (b.term, b.event_year, b.n_cities)
        assert a.estimate == pytest.approx(b.estimate, rel=1e-7, abs=1e-10)
        assert (a.p_exact, a.p_exact_t) == pytest.approx((b.p_exact, b.p_exact_t), nan_ok=True)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_row_order_and_names_do_not_matter(seed: int) -> None:
    frame = panel(SMALL, n_years=5, seed=seed, share=0.6)
    rng = np.random.default_rng(seed)
    names = dict(zip(sorted(frame["unit"].unique()), rng.permutation(list("abcde")), strict=True))
    other = frame.sample(frac=1.0, random_state=seed).assign(unit=lambda rows: rows["unit"].map(names))
    for fit in (exact_twfe, exact_event_study):
        _same(fit(frame, **NAMES), fit(other, **NAMES))


def test_units_of_the_outcome_scale_the_estimate_only() -> None:
    frame = panel(SMALL, n_years=5)
    (one,), (other,) = (
        exact_twfe(rows, **NAMES).terms for rows in (frame, frame.assign(y=frame["y"] * -100 + 7))
    )
    assert other.estimate == pytest.approx(-100 * one.estimate)
    assert (other.p_exact, other.p_exact_t) == (one.p_exact, one.p_exact_t)


def test_a_planted_effect_has_the_smallest_possible_p() -> None:
    frame = panel(SMALL, n_years=5, seed=9)
    frame["y"] = frame["y"] + 1000 * frame["d"]
    fit = exact_twfe(frame, **NAMES)
    assert fit.terms[0].p_exact == pytest.approx(1 / fit.n_assignments)


def test_bad_input_is_refused() -> None:
    frame = panel(SMALL)
    with pytest.raises(ValueError, match="not balanced"):
        exact_twfe(frame.iloc[1:], **NAMES)
    with pytest.raises(ValueError, match="missing values"):
        exact_twfe(frame.assign(y=frame["y"].where(frame["year"] > 2010)), **NAMES)
    with pytest.raises(ValueError, match="same treatment"):
        exact_twfe(panel([2012.0, 2012.0]), **NAMES)
    with pytest.raises(ValueError, match="at least one that is not"):
        exact_event_study(panel([2012.0, 2013.0, 2013.0]), **NAMES)
    with pytest.raises(ValueError, match=r"\['z'\] are not there"):
        exact_twfe(frame, **(NAMES | {"outcome": "z"}))
    with pytest.raises(ValueError, match="assignments; allowed"):
        exact_twfe(panel([float(2011 + k % 5) for k in range(15)]), **NAMES)


def test_table_has_every_reading_and_rule_and_names_cities_without_dates() -> None:
    frame = panel(SMALL, n_years=5).rename(columns={"unit": "prefecture_code"})
    index = pd.concat(
        frame.assign(study_id="s", reading=reading, index_value=frame["y"] + shift * frame["d"])
        for reading, shift in (("as printed", 0.0), ("as corrected", 1.0))
    )
    dates = frame.rename(columns={"g": "first_treated_year", "d": "exposure_share"})
    late = dates.assign(first_treated_year=dates["first_treated_year"].fillna(2031))
    columns = ["rule_id", "prefecture_code", "year", "first_treated_year", "exposure_share"]
    treatment = pd.concat([dates.assign(rule_id="one"), late.assign(rule_id="two")])[columns]
    table = printed_index_effects(index, treatment, is_simulated=True).to_pandas()
    assert table["is_simulated"].all()
    average = table[table["estimator"] == "twfe"].set_index(["reading", "rule_id"])["estimate"]
    assert len(average) == 4
    # A date after the last year is the same as none; a shift of the treated cells moves the estimate by it.
    assert average["as printed", "one"] == average["as printed", "two"]
    assert average["as corrected", "one"] - average["as printed", "one"] == pytest.approx(1.0)
    with pytest.raises(ValueError, match="rule one has no dates for u0"):
        printed_index_effects(index, treatment[treatment["prefecture_code"] != "u0"], is_simulated=False)
