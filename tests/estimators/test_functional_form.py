"""Functional form: densities by hand and by a second engine, invariances, size and power."""

from __future__ import annotations

import math

import diff_diff
import numpy as np
import pandas as pd
import pytest

from cbec.estimators.functional_form import DensityTest, density_test, transformed


def draw(
    seed: int, *, n_units: int = 120, cohorts: tuple[float, ...] = (2014, 2016, math.inf)
) -> pd.DataFrame:
    """Units with a skewed outcome and cohorts at random: parallel trends hold in every form."""
    rng = np.random.default_rng(seed)
    units = pd.DataFrame(
        {"unit": [f"u{n:03d}" for n in range(n_units)], "first": rng.choice(cohorts, n_units)}
    )
    frame = units.merge(pd.DataFrame({"year": range(2011, 2019)}), how="cross")
    level = np.exp(rng.normal(size=n_units))[frame["unit"].str[1:].astype(int)]
    frame["y"] = level * np.exp(0.1 * (frame["year"] - 2011) + 0.3 * rng.normal(size=len(frame)))
    return frame.assign(is_treated=(frame["year"] >= frame["first"]).astype(int))


def run(frame: pd.DataFrame, **options: int) -> DensityTest:
    return density_test(frame, outcome="y", treatment="is_treated", unit="unit", **options)


def test_the_density_of_two_periods_by_hand() -> None:
    """Treated before: 1 2 2 3; controls before: 1 1 2 3, after: 1 2 3 3. Implied: 1/4 2/4 1/4 plus the
    change of the controls -1/4 0 1/4 (Roth and Sant'Anna 2023, equation for the implied distribution)."""
    before = {"t": (1, 2, 2, 3), "c": (1, 1, 2, 3)}
    after = {"t": (9, 9, 9, 9), "c": (1, 2, 3, 3)}
    rows = [
        {
            "unit": f"{group}{n}",
            "year": year,
            "y": float(value),
            "is_treated": int(group == "t" and year == 2),
        }
        for year, of_year in ((1, before), (2, after))
        for group, values in of_year.items()
        for n, value in enumerate(values)
    ]
    found = run(pd.DataFrame(rows), bins=3, least=4)
    fine = run(pd.DataFrame(rows), bins=50, least=4)
    inside = {tuple(np.round(test.implied, 12)) for test in (found, fine)}
    # The lowest value lies on the first edge and in the first bin.
    assert found.edges.tolist() == [1, 2, 3] and inside == {(0.5, 0.5)}
    assert found.implied.sum() == pytest.approx(1)
    assert (found.n_comparisons, found.n_units) == (1, 8)
    # A bin speaks against the design by how far below zero it is.
    assert found.statistic == pytest.approx((-found.implied / found.std_errors).max())
    assert found.statistic < 0 and found.p_value > 0.5


@pytest.mark.parametrize("cohorts", [(2015, math.inf), (2014, 2016, math.inf)])
def test_a_second_engine_agrees(cohorts: tuple[float, ...]) -> None:
    """diff-diff's Callaway-Sant'Anna on minus the bin's dummy while untreated: its ATT is the implied
    probability (so Roth and Sant'Anna's own package didFF computes it)."""
    frame = draw(3, cohorts=cohorts)
    found = run(frame, bins=6)
    for place, (low, high) in enumerate(zip(found.edges[:-1], found.edges[1:], strict=True)):
        above = frame["y"] > low if place else frame["y"] >= low
        dummy = -(above & (frame["y"] <= high) & (frame["is_treated"] == 0)).astype(float)
        fit = diff_diff.CallawaySantAnna(
            control_group="not_yet_treated", estimation_method="reg", base_period="universal"
        ).fit(
            frame.assign(dummy=dummy, first=frame["first"].replace(math.inf, 0).astype(int)),
            outcome="dummy", unit="unit", time="year", first_treat="first",
        )  # fmt: skip
        assert fit.overall_att == pytest.approx(found.implied[place], abs=1e-10)
        # Cohort sizes are fixed here and estimated there; with one cohort the two are the same.
        tolerance = 0.02 if len(cohorts) == 2 else 0.25
        assert fit.overall_se == pytest.approx(found.std_errors[place], rel=tolerance)


def test_nothing_that_must_not_matter_matters() -> None:
    frame = draw(5)
    base = run(frame)
    for other in (
        frame.assign(y=np.log(frame["y"])),
        frame.assign(y=1e6 * frame["y"] ** 3 - 7),
        frame.sample(frac=1, random_state=1),
        frame.assign(unit=frame["unit"].map(lambda name: f"z{name}")),
    ):
        found = run(other)
        assert found.implied == pytest.approx(base.implied, abs=1e-12)
        assert (found.statistic, found.p_value) == (pytest.approx(base.statistic), base.p_value)
    twice = run(pd.concat([frame, frame.assign(unit=frame["unit"] + "b")]))
    assert twice.implied == pytest.approx(base.implied, abs=1e-12)
    assert twice.std_errors * math.sqrt(2) == pytest.approx(base.std_errors)
    assert base.implied.sum() == pytest.approx(1)
    # A unit without one year is left out of the comparisons that need it, and of no other.
    gap = run(frame.drop(index=frame.index[(frame["unit"] == "u000") & (frame["year"] == 2017)]))
    assert gap.implied.sum() == pytest.approx(1) and gap.n_comparisons == base.n_comparisons
    assert 0 < np.abs(gap.implied - base.implied).max() < 0.02
    # What the treated show under treatment is never looked at.
    moved = run(frame.assign(y=frame["y"].where(frame["is_treated"] == 0, -1e9)))
    assert moved.implied == pytest.approx(base.implied, abs=1e-12)


def test_size_and_power() -> None:
    """At 5 percent: at most 8 percent of 200 panels with treatment at random are rejected; a gap that is
    constant in levels and cannot be in logs is found in every one of 20."""
    rejected = [run(draw(seed, n_units=90), draws=999).p_value <= 0.05 for seed in range(200)]
    assert np.mean(rejected) <= 0.08
    for seed in range(20):
        frame = draw(seed, n_units=200, cohorts=(2015, math.inf))
        is_treated = np.isfinite(frame["first"])
        noise = np.random.default_rng(seed).uniform(0, 0.9, len(frame))
        late = frame["year"] >= 2015
        assert run(frame.assign(y=noise + 5 * ~is_treated + late)).p_value <= 0.05


def test_a_side_of_one_unit_decides_nothing() -> None:
    """Thirty cities treated and one never: its own noise would count as none."""
    frame = draw(2, n_units=31, cohorts=(2014, 2016))
    is_last = frame["unit"] == "u000"
    frame["first"] = frame["first"].astype(float).mask(is_last, math.inf)
    frame["is_treated"] = frame["is_treated"].mask(is_last, 0)
    every, found = run(frame, least=1), run(frame)
    assert (every.n_small, found.n_small + found.n_comparisons) == (0, every.n_comparisons)
    alone = frame[(frame["first"] == 2014) | (frame["unit"] == "u000")]
    # Only who asks for it gets a comparison with one control.
    assert run(alone, least=1).n_comparisons == 5
    with pytest.raises(ValueError, match="5 controls"):
        run(alone)


def test_forms_and_refusals() -> None:
    logs = pd.Series([0.0, 1.0])
    assert transformed(logs, "gdp_log", "level").tolist() == pytest.approx([1, math.e])
    assert transformed(logs, "gdp_log", "log").tolist() == pytest.approx([0, 1])
    assert transformed(pd.Series([0.0, 2.0]), "gdp", "ihs").tolist() == pytest.approx([0, math.asinh(2)])
    with pytest.raises(ValueError, match="1 rows of gdp are not positive"):
        transformed(pd.Series([0.0, 2.0]), "gdp", "log")
    with pytest.raises(ValueError, match="allowed: level, log, ihs"):
        transformed(logs, "gdp", "square")
    frame = draw(1)
    with pytest.raises(ValueError, match="must be absorbing"):
        run(frame.assign(is_treated=(frame["year"] % 2)))
    with pytest.raises(ValueError, match="not 0 or 1"):
        run(frame.assign(is_treated=0.5 * frame["is_treated"]))
    with pytest.raises(ValueError, match="no cohort"):
        run(frame[frame["first"] == 2014])
    with pytest.raises(ValueError, match="fewer than two bins"):
        run(frame.assign(y=1.0))
