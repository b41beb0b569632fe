"""A year that no unit has: the base is the last year before it, and nothing else changes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cbec.estimators.staggered.aggregation import Options
from cbec.estimators.staggered.callaway_santanna import _with_controls, influence
from cbec.estimators.staggered.engines import ESTIMATORS
from cbec.estimators.staggered.fit import fit_staggered
from cbec.estimators.staggered.sample import prepare_sample

COHORTS = (None, 2015, 2016, 2018, 2019)
EFFECT = 0.5


def panel(seed: int = 1, noise: float = 0.1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = []
    for unit in range(120):
        start = COHORTS[unit % len(COHORTS)]
        level, error = rng.normal(), 0.0
        for year in range(2009, 2024):
            error = 0.5 * error + noise * rng.normal()
            effect = EFFECT if start and year >= start else 0.0
            rows.append((unit, year, start, level + 0.1 * (year - 2009) + error + effect))
    return pd.DataFrame(rows, columns=["unit", "year", "first_treated_year", "y"])


def without(frame: pd.DataFrame, *years: int) -> pd.DataFrame:
    return frame[~frame["year"].isin(years)]


def fit(frame: pd.DataFrame, estimator: str, **options: object):
    return fit_staggered(frame, estimator=estimator, outcome="y", unit="unit", **options)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_every_estimator_recovers_the_effect_without_a_year(estimator: str) -> None:
    found = fit(without(panel(), 2017), estimator)
    assert found.overall.estimate == pytest.approx(EFFECT, abs=4 * found.overall.std_error)
    assert "no unit has 2017: left out" in found.note


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_without_noise_the_effect_is_exact_whichever_year_is_missing(estimator: str) -> None:
    for year in (2014, 2017, 2020):
        found = fit(without(panel(noise=1e-9), year), estimator)
        assert found.overall.estimate == pytest.approx(EFFECT, abs=1e-6)


@pytest.mark.parametrize(
    "estimator", ["twfe_event_study", "callaway_santanna", "sun_abraham", "stacked", "lp_did",
                  "de_chaisemartin_dhaultfoeuille"]
)  # fmt: skip
def test_the_base_period_names_the_year_that_stands_for_a_missing_one(estimator: str) -> None:
    assert "2016 for the cohort of 2018" in fit(without(panel(), 2017), estimator).base_period
    assert "cohort" not in fit(panel(), estimator).base_period
    # A year that is no base of any cohort moves none.
    assert "cohort" not in fit(without(panel(), 2021), estimator).base_period


def test_two_missing_years_move_the_base_by_both() -> None:
    frame = panel()
    frame = frame[frame["first_treated_year"] != 2016]
    found = fit(without(frame, 2016, 2017), "callaway_santanna", aggregations=["group"])
    assert "2015 for the cohort of 2018" in found.base_period


def test_cohorts_that_would_start_together_are_refused() -> None:
    frame = panel()
    frame["first_treated_year"] = frame["first_treated_year"].replace({2016.0: 2017.0})
    with pytest.raises(ValueError, match="not told apart without 2017"):
        fit(without(frame, 2017), "lp_did")


def test_two_codes_agree_on_the_cells_without_a_year() -> None:
    """diff-diff on years counted one by one, and our own code on the years as they are."""
    frame = without(panel(), 2017)
    sample = prepare_sample(frame, outcome="y", unit="unit")
    options = Options("not_yet_treated", "reg", 0, -5, 7, -1, None, "universal", "drop", "equal")
    cells, theirs, their_psi, _ = influence(sample, options)
    found = _with_controls(sample, options)
    own, ours, our_psi = found.cells, found.estimates, found.influence
    common = [c for c in own if c in cells]
    assert len(common) == len(own) > 40
    a = np.array([theirs[cells.index(c)] for c in common])
    b = np.array([ours[own.index(c)] for c in common])
    np.testing.assert_allclose(a, b, atol=1e-12)
    se_a = np.sqrt((their_psi[:, [cells.index(c) for c in common]] ** 2).sum(axis=0))
    se_b = np.sqrt((our_psi[:, [own.index(c) for c in common]] ** 2).sum(axis=0))
    np.testing.assert_allclose(se_a, se_b, rtol=2e-2)


def test_event_years_are_calendar_years_where_the_estimator_allows() -> None:
    """The cohort of 2016 is first seen again in 2018, two years on; its base is no event."""
    frame = without(panel(), 2017)
    frame = frame[frame["first_treated_year"].isin([2016]) | frame["first_treated_year"].isna()]
    for estimator in ("callaway_santanna", "sun_abraham", "twfe_event_study", "imputation"):
        events = {e.event_year for e in fit(frame, estimator).events}
        assert 1 not in events and {0, 2, 3} <= events
    late = without(panel(), 2017)
    late = late[late["first_treated_year"].isin([2018]) | late["first_treated_year"].isna()]
    for estimator in ("callaway_santanna", "sun_abraham"):
        # The base of this cohort is 2016: its event year -2 has no effect, -1 does not exist.
        assert not {-1, -2} & {e.event_year for e in fit(late, estimator).events}


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_cohort_whose_first_year_no_row_has_is_named(estimator: str) -> None:
    """Its event years begin at 1, or count from the first year that is there."""
    frame = without(panel(), 2018)
    assert (
        "no row has 2018, the first year of its cohort: seen treated from"
        in fit(frame[frame["first_treated_year"] != 2019], estimator).note
    )
    assert "first year of its cohort" not in fit(without(panel(), 2017), estimator).note


def test_results_do_not_depend_on_rows_or_labels() -> None:
    frame = without(panel(), 2017)
    shuffled = frame.sample(frac=1, random_state=3)
    renamed = frame.assign(unit="u" + frame["unit"].astype(str).str.zfill(3))
    for estimator in ("callaway_santanna", "sun_abraham", "lp_did", "stacked"):
        one = fit(frame, estimator).overall
        for other in (shuffled, renamed):
            assert fit(other, estimator).overall.estimate == pytest.approx(one.estimate, abs=1e-10)
