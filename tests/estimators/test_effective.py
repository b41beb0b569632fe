"""Effective numbers of clusters, against R and by their properties, and what tests do with them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bench import size
from cbec.estimators.effective import effective_clusters, effective_number
from cbec.estimators.regression import fit_least_squares
from cbec.estimators.staggered.fit import fit_staggered
from tests.estimators.test_two_way_clusters import SPEC, panel

# effClust 0.8.0, R 4.2.2, rho = 0, of lm(y ~ d + x + factor(unit) + factor(year)) or without the factors: d, x.
CASES = [
    (1.3, "unit", True, (7.48668906954, 6.15571018550)), (1.3, "pair", True, (3.93537832078, 3.77112827918)),
    (1.3, "unit", False, (7.99452921675, 7.60569601344)), (5.3, "unit", True, (7.48402335005, 7.36158937302)),
    (5.3, "pair", True, (3.81562844608, 3.84447786299)), (5.3, "unit", False, (7.89381702298, 7.57668032291)),
]  # fmt: skip


@pytest.mark.parametrize(("k", "cluster", "is_two_way", "numbers"), CASES)
def test_regressions_have_the_numbers_of_r(
    k: float, cluster: str, is_two_way: bool, numbers: tuple[float, ...]
) -> None:
    frame = panel(k).assign(pair=lambda f: f["unit"] // 2)
    spec = SPEC.with_(vcov=f"CRV1:{cluster}")
    fit = fit_least_squares(frame, spec if is_two_way else spec.with_(fixed_effects=()))
    found = {term.term: term.n_effective_clusters for term in fit.terms}
    np.testing.assert_allclose([found["d"], found["x"]], numbers, rtol=1e-10)


def test_clusters_that_contribute_alike_all_count() -> None:
    assert effective_number(np.ones(7)) == 7
    assert effective_number(np.array([1.0, 0, 0])) == 1
    assert effective_number(np.zeros(3)) == 0


def test_nothing_about_rows_units_or_names_changes_the_number() -> None:
    rng = np.random.default_rng(1)
    design, cluster = rng.standard_normal((60, 3)), np.repeat(np.arange(12), 5)
    number = effective_clusters(design, cluster)
    order = rng.permutation(60)
    np.testing.assert_allclose(effective_clusters(design[order], cluster[order]), number)
    np.testing.assert_allclose(effective_clusters(design * [1e-9, 1, 1e9], cluster), number)
    np.testing.assert_allclose(effective_clusters(design, rng.permutation(12)[cluster]), number)
    twice = np.concatenate([design, design]), np.concatenate([cluster, cluster])
    np.testing.assert_allclose(effective_clusters(*twice), number)
    assert (number > 1).all() and (number <= 12).all()


def staggered(first: list[int], seed: int = 3) -> pd.DataFrame:
    """Ten years of units with these first treated years, 0 for never."""
    rng = np.random.default_rng(seed)
    rows = [(u, t, g or np.nan) for u, g in enumerate(first) for t in range(2010, 2020)]
    frame = pd.DataFrame(rows, columns=["unit", "year", "first_treated_year"])
    return frame.assign(y=rng.standard_normal(len(frame)))


def number_of(first: list[int], estimator: str = "callaway_santanna", **options: str) -> float:
    fit = fit_staggered(staggered(first), estimator=estimator, outcome="y", unit="unit", **options)  # type: ignore[arg-type]
    return fit.overall.n_effective_clusters


def test_few_on_either_side_are_few() -> None:
    """(1/2 + 1/2 of the treated, 34 others): 1 / (2/16 + 34 / 34^4) of the squares, by hand."""
    by_hand = (2 / 4 + 34 / 34**2) ** 2 / (2 / 16 + 34 / 34**4)
    assert number_of([2015] * 2 + [0] * 34) == pytest.approx(by_hand)
    assert number_of([2015] * 34 + [0] * 2) == pytest.approx(by_hand)
    assert number_of([2015] * 18 + [0] * 18) == pytest.approx(36)


@pytest.mark.parametrize(
    "estimator", ["callaway_santanna", "sun_abraham", "imputation", "lp_did", "two_stage"]
)
def test_the_number_is_the_design_s(estimator: str) -> None:
    """Not the outcome's: neither its unit nor its draw; of one cohort all estimators compare with the same."""
    first = [2015] * 9 + [0] * 21
    assert number_of(first, estimator) == pytest.approx(number_of(first))


def test_who_is_compared_with_matters() -> None:
    first = [2013] * 12 + [2017] * 20 + [0] * 2
    assert number_of(first, control_group="never_treated") < number_of(first)


@pytest.mark.parametrize("design", size.designs(), ids=lambda d: f"{d.name}-{d.estimator}-{d.correlation}")
def test_the_simulation_computes_what_the_estimators_do(design: size.Design) -> None:
    size.check(design, 5)


LIMITS = {"min_effective_clusters": 5.0, "min_clusters": 16.0}


@pytest.mark.parametrize(
    "name", ["4 of 36 treated", "285, all but 12 treated", "31 provinces", "285, real batches"]
)
@pytest.mark.parametrize("estimator", ["callaway_santanna", "twfe"])
def test_what_has_stars_rejects_as_often_as_it_says(name: str, estimator: str) -> None:
    """600 draws: 5 % has an error of 0.9; t(G - 1) rejects 13 % of the first."""
    design = next(d for d in size.designs() if (d.name, d.estimator, d.correlation) == (name, estimator, 0.8))
    row = size.simulate(design, 600, 0, 20150307, LIMITS)
    assert row.printed
    assert 0.025 < row.size < 0.075


@pytest.mark.parametrize(
    "name", ["1 of 36 treated", "2 of 36 treated", "36, two controls", "four lone cohorts of 36"]
)
def test_what_cannot_be_told_has_no_stars(name: str) -> None:
    """Analytic tests by t(G - 1) reject far too often there; permuted cohorts do not."""
    design = next(d for d in size.designs() if d.name == name and d.estimator == "callaway_santanna")
    row = size.simulate(design, 400, 39, 7, LIMITS)
    assert not row.printed
    assert row.size_g > 0.12
    # By t(G* - 1) they do not, but tell next to nothing either.
    assert row.size < 0.09
    assert row.size_permuted_t < 0.085


def test_years_of_ever_treated_rest_on_the_few_that_were() -> None:
    """A calendar base compares ever treated with never treated units, also before treatment."""
    fit = fit_staggered(
        staggered([2015] * 2 + [0] * 34), estimator="twfe_event_study", outcome="y", unit="unit",
        base_calendar_year=2014,
    )  # fmt: skip
    by_hand = (2 / 4 + 34 / 34**2) ** 2 / (2 / 16 + 34 / 34**4)
    assert len(fit.events) == 9
    assert [event.n_effective_clusters for event in fit.events] == pytest.approx([by_hand] * 9)
