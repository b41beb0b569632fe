"""Cohorts of one unit or one cluster: shown alone without an error, and in no average of others."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from cbec.estimators.sensitivity import honest_did
from cbec.estimators.staggered.aggregation import averages
from cbec.estimators.staggered.engines import ESTIMATORS
from cbec.estimators.staggered.fit import StaggeredFit, fit_staggered

ROBUST = tuple(name for name in ESTIMATORS if name not in ("twfe", "twfe_event_study"))
#: First treated year and number of units; the first cohort is one city, with an effect far from the others'.
SIZES = ((2012, 1), (2014, 8), (2016, 8), (None, 13))


def panel(effect_of_the_one: float = 9.0) -> pd.DataFrame:
    rng = np.random.default_rng(11)
    rows, unit = [], 0
    for start, size in SIZES:
        for _ in range(size):
            level = rng.normal()
            for year in range(2008, 2021):
                effect = 0.0 if start is None or year < start else 1.0
                if start == 2012:
                    effect *= effect_of_the_one
                rows.append((unit, year, start, level + 0.1 * (year - 2008) + effect + rng.normal() / 5))
            unit += 1
    frame = pd.DataFrame(rows, columns=["unit", "year", "first_treated_year", "y"])
    return frame.assign(province=frame["unit"].floordiv(2))


def fit(frame: pd.DataFrame, estimator: str, **options: object) -> StaggeredFit:
    return fit_staggered(frame, estimator=estimator, outcome="y", unit="unit", **options)


@pytest.mark.parametrize("estimator", ROBUST)
def test_the_effect_of_one_city_touches_no_average_of_others(estimator: str) -> None:
    near, far = fit(panel(1.0), estimator), fit(panel(9.0), estimator)
    compared = 0
    for one, other in zip(near.effects, far.effects, strict=True):
        assert (one.aggregation, one.group, one.n_units) == (other.aggregation, other.group, other.n_units)
        if math.isnan(one.std_error):
            # Of the one city alone: its effect is eight higher.
            assert other.estimate - one.estimate == pytest.approx(8, abs=1e-6)
            assert one.n_units == 1
            continue
        assert other.estimate == pytest.approx(one.estimate, abs=1e-6)
        assert other.std_error == pytest.approx(one.std_error, rel=1e-6)
        compared += 1
    assert compared >= 1
    assert near.overall.estimate == pytest.approx(1.0, abs=0.2)
    assert "in no average of others" in (near.note or "")


@pytest.mark.parametrize("estimator", ["callaway_santanna", "sun_abraham", "imputation"])
def test_a_year_of_one_city_alone_is_shown_without_an_error(estimator: str) -> None:
    found = fit(panel(), estimator, last_event=9)
    group = next(e for e in found.effects if (e.aggregation, e.group) == ("group", 2012))
    assert math.isnan(group.std_error) and math.isfinite(group.estimate)
    late = {e.event_year: e for e in found.events if e.event_year > 6}
    assert sorted(late) == [7, 8]
    assert all(math.isnan(e.std_error) and e.n_cohorts == 1 for e in late.values())


def test_the_mean_over_event_years_is_the_one_of_the_sensitivity_analysis() -> None:
    """One number under one name: what has an error, and nothing else."""
    for estimator in ("callaway_santanna", "sun_abraham"):
        found = fit(panel(), estimator, last_event=12)
        dynamic = next(e for e in found.effects if (e.aggregation, e.group) == ("dynamic", None))
        honest = honest_did(found.events, found.event_vcov, bounds=(1.0,), with_breakdown=False)
        assert honest.estimate == pytest.approx(dynamic.estimate, abs=1e-10)
        parts = [e for e in found.effects if e.aggregation == "dynamic" and e.group is not None]
        known = [e.estimate for e in parts if not math.isnan(e.std_error)]
        assert dynamic.estimate == pytest.approx(np.mean(known), abs=1e-10)
        assert len(known) == len(parts) - 2


def test_a_cohort_in_one_cluster_is_one_city_to_the_error() -> None:
    """Units 1 and 2 are the cohort of 2014 here, and one province."""
    frame = panel()
    frame = frame[(frame["first_treated_year"] != 2014) | frame["unit"].isin([2, 3])]
    frame = frame[frame["first_treated_year"] != 2012]
    found = fit(frame, "callaway_santanna", cluster="province")
    group = {e.group: e for e in found.effects if e.aggregation == "group"}
    assert math.isnan(group[2014].std_error) and group[2016].std_error > 0
    assert "one cluster only in the cohort(s) of 2014" in (found.note or "")
    by_unit = fit(frame, "callaway_santanna")
    assert all(e.std_error > 0 for e in by_unit.effects)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_without_another_cohort_the_true_reason_is_given(estimator: str) -> None:
    frame = panel()
    alone = frame[frame["first_treated_year"].isna() | (frame["first_treated_year"] == 2012)]
    with pytest.raises(ValueError, match="in one cluster: no standard error can be learnt from it"):
        fit(alone, estimator)


def test_two_lone_cohorts_are_a_sample_to_pooled_effects_only() -> None:
    frame = panel()
    first = frame.loc[frame["first_treated_year"] == 2014, "unit"].min()
    two = frame[
        frame["first_treated_year"].isna() | (frame["first_treated_year"] == 2012) | (frame["unit"] == first)
    ]
    assert fit(two, "twfe").overall.std_error > 0
    with pytest.raises(ValueError, match="every treated cohort lies in one cluster"):
        fit(two, "sun_abraham")


def test_a_pooled_path_leaves_the_years_of_one_city_out_of_its_mean() -> None:
    found = fit(panel(), "twfe_event_study", last_event=8)
    later = {e.event_year: e for e in found.events}
    assert math.isnan(later[7].std_error) and math.isnan(later[8].std_error)
    assert "without 7, 8, of one cluster alone" in (found.note or "")
    known = {e.group: e for e in found.effects if e.aggregation == "dynamic" and e.std_error > 0}
    treated = panel().assign(since=lambda f: f["year"] - f["first_treated_year"])
    counts = treated["since"].value_counts()
    weights = [counts[e] for e in known]
    assert found.overall.estimate == pytest.approx(
        np.average([e.estimate for e in known.values()], weights=weights), abs=1e-9
    )


def test_weights_of_lone_cohorts_are_zero_but_in_what_is_theirs() -> None:
    cells = [(g, t) for g in (2012, 2014) for t in range(2010, 2018) if t != g - 1]
    rows = {(r.aggregation, r.group): r.weights for r in averages(cells, {2012: 1, 2014: 9}, lone=(2012,))}
    is_one = np.array([g == 2012 for g, _ in cells])
    for (aggregation, group), weights in rows.items():
        own = (aggregation, group) in {("group", 2012), ("dynamic", 4), ("dynamic", 5), ("calendar", 2012),
                                       ("calendar", 2013), ("dynamic", -2)}  # fmt: skip
        assert weights.sum() == pytest.approx(1)
        if own and not weights[~is_one].any():
            assert weights[is_one].sum() == pytest.approx(1)
        else:
            assert not weights[is_one].any(), (aggregation, group)
    assert rows["calendar", 2013][is_one].sum() == pytest.approx(1)


def test_where_only_a_lone_cohort_is_left_to_an_estimator_the_reason_says_so() -> None:
    """Synthetic difference in differences has no use for a cohort with one year before it."""
    frame = panel()
    frame = frame[frame["first_treated_year"].isna() | frame["first_treated_year"].isin([2012, 2016])]
    frame["first_treated_year"] = frame["first_treated_year"].replace({2016.0: 2009.0})
    with pytest.raises(ValueError, match="with two years before treatment lies in one cluster"):
        fit(frame, "synthetic_did")
