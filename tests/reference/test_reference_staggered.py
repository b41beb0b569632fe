"""Staggered estimators and their diagnostics against numbers that R and a paper's authors printed."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cbec.estimators.diagnostics import bacon_decomposition, pretrend_power, twfe_weights
from cbec.estimators.sensitivity import honest_did
from cbec.estimators.staggered.fit import EventTime, StaggeredFit, fit_staggered
from tests.reference.cases import case, file, frame
from tests.reference.p_values import p_of_g

MPDTA: dict[str, Any] = {
    "outcome": "lemp",
    "unit": "countyreal",
    "time": "year",
    "cohort": "first_treated_year",
}


@pytest.fixture(scope="module")
def mpdta() -> pd.DataFrame:
    counties = frame("did/mpdta.csv")
    return counties.assign(first_treated_year=counties["first.treat"].where(counties["first.treat"] > 0))


def table(fit: StaggeredFit, aggregation: str) -> dict[int | None, tuple[float, float]]:
    return {e.group: (e.estimate, e.std_error) for e in fit.effects if e.aggregation == aggregation}


def events(fit: StaggeredFit) -> dict[int, tuple[float, float]]:
    return {e.event_year: (e.estimate, e.std_error) for e in fit.events}


CS_CASES = [
    ("did.cs_mpdta_nocov_never_varying", "never_treated", "reg", (), "varying"),
    ("did.cs_mpdta_nocov_notyet_varying", "not_yet_treated", "reg", (), "varying"),
    ("did.cs_mpdta_nocov_never_universal", "never_treated", "reg", (), "universal"),
    ("did.cs_mpdta_lpop_dr_never", "never_treated", "dr", ("lpop",), "varying"),
    ("did.cs_mpdta_lpop_reg_never", "never_treated", "reg", ("lpop",), "varying"),
    ("did.cs_mpdta_lpop_ipw_never", "never_treated", "ipw", ("lpop",), "varying"),
]


@pytest.mark.parametrize(("name", "control_group", "method", "controls", "base_period"), CS_CASES)
def test_callaway_santanna_and_its_four_averages_equal_r_did(
    mpdta: pd.DataFrame,
    name: str,
    control_group: str,
    method: str,
    controls: tuple[str, ...],
    base_period: str,
) -> None:
    expected = case(name)
    fit = fit_staggered(
        mpdta, estimator="callaway_santanna", **MPDTA, control_group=control_group, method=method,
        controls=controls, base_period=base_period,
    )  # fmt: skip
    want, tol = expected["expected"], expected["tol"]
    simple = want["simple"]
    found = [fit.overall.estimate, fit.overall.std_error]
    np.testing.assert_allclose(found, [simple["overall"], simple["overall_se"]], rtol=0, atol=tol)
    for aggregation in ("dynamic", "group", "calendar"):
        ours, theirs = table(fit, aggregation), want[aggregation]
        # R did 2.1.2 reads the wrong cohorts when it accounts for estimated cohort shares in the mean
        # over groups: its error there is that of the test below, up to 0.4 % from the formula.
        slack = 0.005 * theirs["overall_se"] if aggregation == "group" else 0.0
        assert abs(ours[None][0] - theirs["overall"]) < tol, aggregation
        assert abs(ours[None][1] - theirs["overall_se"]) < tol + slack, aggregation
        rows = zip(theirs["egt"], theirs["att"], theirs["se"], strict=True)
        shown = ours | events(fit) if aggregation == "dynamic" else ours
        n_compared = 0
        for key, att, se in rows:
            if se is not None:
                np.testing.assert_allclose(
                    shown[key], [att, se], rtol=0, atol=tol, err_msg=f"{aggregation} {key}"
                )
                n_compared += 1
        assert n_compared >= 3


def test_the_error_of_the_mean_over_groups_differs_from_r_by_its_indexing(mpdta: pd.DataFrame) -> None:
    """The first three of R's (g,t) pairs are all of cohort 2004; with them in place of the three cohorts
    our influence functions give R's number to the last digit."""
    from cbec.estimators.staggered.aggregation import Options, averages
    from cbec.estimators.staggered.callaway_santanna import influence
    from cbec.estimators.staggered.sample import prepare_sample

    expected = case("did.cs_mpdta_nocov_never_varying")["expected"]["group"]
    sample = prepare_sample(mpdta, outcome="lemp", unit="countyreal")
    options = Options("never_treated", "reg", 0, -5, 7, -1, None, "varying", "drop", "equal")
    cells, b, psi, _ = influence(sample, options)
    sizes = sample.cohort_sizes
    rows = [row for row in averages(cells, sizes) if row.aggregation == "group" and row.group is not None]
    theta = np.array([row.weights @ b for row in rows])
    share = np.array(list(sizes.values())) / sample.n_units
    first = (sample.data.drop_duplicates("unit")["cohort"] == 2004).to_numpy(dtype=float)
    wrong = np.column_stack([first] * 3) - share
    weights = share / share.sum()
    correction = wrong @ theta / share.sum() - wrong.sum(axis=1) * (weights @ theta) / share.sum()
    total = psi @ (weights @ np.array([row.weights for row in rows])) + correction / sample.n_units
    assert abs(math.sqrt(total @ total) - expected["overall_se"]) < 1e-12


def test_twfe_equals_fixest(mpdta: pd.DataFrame) -> None:
    expected = case("did.twfe_mpdta")
    fit = fit_staggered(mpdta, estimator="twfe", **MPDTA)
    effect = fit.overall
    want = expected["expected"][0]
    found = [effect.estimate, effect.std_error, p_of_g(effect, fit.n_clusters)]
    np.testing.assert_allclose(found, [want[k] for k in ("est", "se", "p")], rtol=0, atol=expected["tol"])


def test_twfe_on_castle_doctrine_equals_fixest() -> None:
    """fixest weighs nothing here; the sample keeps every state."""
    expected = case("did.twfe_castle")
    states = frame("did/castle.csv")
    first = states[states["post"] == 1].groupby("sid")["year"].min()
    states = states.assign(first_treated_year=states["sid"].map(first))
    outcome = "l_homicide"
    fit = fit_staggered(states, estimator="twfe", outcome=outcome, unit="sid", treatment="post")
    want = expected["expected"][0]
    found = [fit.overall.estimate, fit.overall.std_error, p_of_g(fit.overall, fit.n_clusters)]
    np.testing.assert_allclose(found, [want[k] for k in ("est", "se", "p")], rtol=0, atol=expected["tol"])


def test_event_study_equals_fixest(mpdta: pd.DataFrame) -> None:
    expected = case("did.es_mpdta_twfe")
    found = events(fit_staggered(mpdta, estimator="twfe_event_study", **MPDTA))
    want = {int(r["term"].removeprefix("rel::")): [r["est"], r["se"]] for r in expected["expected"]}
    assert sorted(found) == sorted(want)
    for year, pair in want.items():
        np.testing.assert_allclose(found[year], pair, rtol=0, atol=expected["tol"])


def test_sun_abraham_equals_fixest(mpdta: pd.DataFrame) -> None:
    fit = fit_staggered(mpdta, estimator="sun_abraham", **MPDTA)
    dynamic, cohorts, att = (case(f"did.sa_mpdta_{k}") for k in ("dyn", "cohort", "att"))
    found = events(fit)
    for row in dynamic["expected"]:
        year = int(row["term"].removeprefix("year::"))
        np.testing.assert_allclose(found.pop(year), [row["est"], row["se"]], rtol=0, atol=dynamic["tol"])
    assert not found
    by_cohort = table(fit, "group")
    for row in cohorts["expected"]:
        pair = by_cohort[int(row["_row"].removeprefix("cohort::"))]
        np.testing.assert_allclose(pair, [row["Estimate"], row["Std. Error"]], rtol=0, atol=cohorts["tol"])
    (row,) = att["expected"]
    overall = [fit.overall.estimate, fit.overall.std_error, p_of_g(fit.overall, fit.n_clusters)]
    want = [row["Estimate"], row["Std. Error"], row["Pr(>|t|)"]]
    np.testing.assert_allclose(overall, want, rtol=0, atol=att["tol"])


@pytest.mark.parametrize(
    ("estimator", "static", "dynamic"),
    [
        ("imputation", "did.bjs_mpdta_static", "did.bjs_mpdta_dyn"),
        ("two_stage", "did.did2s_mpdta_static", "did.did2s_mpdta_dyn"),
    ],
)
def test_imputation_and_two_stage_equal_r(
    mpdta: pd.DataFrame, estimator: str, static: str, dynamic: str
) -> None:
    fit = fit_staggered(mpdta, estimator=estimator, **MPDTA)
    overall, path = case(static), case(dynamic)
    names = ("estimate", "std.error") if estimator == "imputation" else ("est", "se")
    want = [overall["expected"][0][k] for k in names]
    np.testing.assert_allclose(
        [fit.overall.estimate, fit.overall.std_error], want, rtol=0, atol=overall["tol"]
    )
    found = events(fit)
    for row in path["expected"]:
        year = int(row["term"].removeprefix("rel::"))
        np.testing.assert_allclose(found.pop(year), [row[k] for k in names], rtol=0, atol=path["tol"])
    assert not found


def test_local_projections_equal_their_recipe_in_fixest(mpdta: pd.DataFrame) -> None:
    expected = case("did.lpdid_mpdta")
    found = events(fit_staggered(mpdta, estimator="lp_did", weights="regression", **MPDTA))
    assert sorted(found) == sorted(map(int, expected["expected"]))
    for year, row in expected["expected"].items():
        np.testing.assert_allclose(found[int(year)], [row["est"], row["se"]], rtol=0, atol=expected["tol"])


def test_bacon_decomposition_equals_bacondecomp(mpdta: pd.DataFrame) -> None:
    expected = case("did.bacon_mpdta")
    found = bacon_decomposition(mpdta, **MPDTA)
    pairs = {
        (int(r.treated_cohort), None if pd.isna(r.control_cohort) else int(r.control_cohort)): (
            r.weight,
            r.estimate,
        )
        for r in found.itertuples()
    }
    rows = expected["expected"]["rows"]
    assert len(pairs) == len(found) == len(rows)
    for row in rows:
        key = (row["treated"], None if row["untreated"] == 99999 else row["untreated"])
        np.testing.assert_allclose(pairs[key], [row["weight"], row["estimate"]], rtol=0, atol=expected["tol"])
    total = (found.weight * found.estimate).sum()
    assert abs(total - expected["expected"]["total"]) < expected["tol"]
    assert abs(twfe_weights(mpdta, **MPDTA).estimate - expected["expected"]["total"]) < expected["tol"]


def ehec() -> tuple[list[EventTime], np.ndarray]:
    """Event study of Benzarti and Carloni's data: five years before the base, two after."""
    data = json.loads(file("did/ehec_eventstudy.json").read_text(encoding="utf-8"))
    vcov = np.array(data["sigma"])
    years = (-6, -5, -4, -3, -2, 0, 1)
    rows = [
        EventTime(year, b, math.sqrt(v), 0.0, 0.0, 1)
        for year, b, v in zip(years, data["betahat"], np.diag(vcov), strict=True)
    ]
    return rows, vcov


@pytest.mark.parametrize(("restriction", "key"), [("relative_magnitudes", "RM"), ("smoothness", "SD_FLCI")])
def test_honest_intervals_equal_those_of_its_authors(restriction: str, key: str) -> None:
    expected = case("did.honest.readme_ehec")
    want = expected["expected"][key]
    found = honest_did(
        *ehec(), restriction=restriction, bounds=[float(m) for m in want], target=0, with_breakdown=False
    )
    for interval, (bound, pair) in zip(found.intervals, want.items(), strict=True):
        assert interval.bound == float(bound)
        np.testing.assert_allclose(
            [interval.ci_low, interval.ci_high], pair, rtol=0, atol=expected["tol"], err_msg=bound
        )


def test_honest_breakdown_lies_where_the_printed_intervals_reach_zero() -> None:
    """The authors' intervals exclude zero at 1.5 and 0.02 and cover it at 2 and 0.03."""
    rows, vcov = ehec()
    magnitudes = honest_did(rows, vcov, target=0, bounds=(1,))
    assert magnitudes.breakdown is not None
    assert 1.5 < magnitudes.breakdown < 2
    smooth = honest_did(rows, vcov, target=0, restriction="smoothness", bounds=(0,))
    assert smooth.breakdown is not None
    assert 0.02 < smooth.breakdown < 0.03


def test_pretrend_power_equals_diff_diff_up_to_its_random_numbers() -> None:
    from diff_diff.pretrends import PreTrendsPower

    rows, vcov = ehec()
    ours = pretrend_power(rows, vcov, power=(0.5, 0.8))
    for found in ours:
        theirs = PreTrendsPower(power=found.power)._compute_mdv(np.array([5.0, 4, 3, 2, 1]), vcov[:5, :5])
        assert abs(found.slope / theirs - 1) < 0.01


def test_de_chaisemartin_dhaultfoeuille_equals_the_authors_package(mpdta: pd.DataFrame) -> None:
    """R DIDmultiplegtDYN 2.1.2, did_multiplegt_dyn(effects = 4, placebo = 2), without its rounding. diff-diff
    has errors 0.4 to 2.3 per cent smaller."""
    want = {
        -3: (-0.00376929367, 0.031703165), -2: (0.0242689034, 0.014487174), 0: (-0.0189221991, 0.0120676857),
        1: (-0.0535893474, 0.0170398417), 2: (-0.136274346, 0.0362263577), 3: (-0.100811363, 0.0351004237),
    }  # fmt: skip
    found = fit_staggered(mpdta, estimator="de_chaisemartin_dhaultfoeuille", **MPDTA)
    assert events(found).keys() == want.keys()
    np.testing.assert_allclose([events(found)[e] for e in want], list(want.values()), rtol=1e-7)
    overall = (found.overall.estimate, found.overall.std_error)
    np.testing.assert_allclose(overall, (-0.0397636256, 0.0118262693), rtol=1e-7)
