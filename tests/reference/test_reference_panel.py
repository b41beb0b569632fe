"""Panel regressions, their tests, winsorising and mediation against R (plm, fixest, car, multilevel, lavaan)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from cbec.estimators.mediation import mediate, sobel
from cbec.estimators.panel_tests import f_test_of_effects, hausman, variance_inflation, winsorise
from cbec.estimators.regression import fit_least_squares, fit_random_effects
from cbec.estimators.specification import Specification, Winsor
from tests.reference.cases import case, frame
from tests.reference.p_values import p_of_g


def specification(**changes: Any) -> Specification:
    row = {
        "study_id": "reference", "table_no": "T", "column_no": 1, "estimator": "twfe", "outcome": "inv",
        "treatment": "value", "treatment_rule": None, "controls": "capital", "fixed_effects": None,
        "vcov": "iid", "sample": "all",
    }  # fmt: skip
    return Specification.from_row(row | changes)


@pytest.fixture(scope="module")
def grunfeld() -> pd.DataFrame:
    return frame("panel/grunfeld.csv")


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("pooled", {"estimator": "pooled"}),
        ("pooled_hc1", {"estimator": "pooled", "vcov": "HC1"}),
        ("fe", {"fixed_effects": "firm"}),
        ("fe_twoways", {"fixed_effects": "firm + year"}),
        ("fixest_2fe_iid", {"fixed_effects": "firm + year"}),
        ("fixest_fe_cluster", {"fixed_effects": "firm", "vcov": "CRV1:firm"}),
        ("fixest_2fe_cluster", {"fixed_effects": "firm + year", "vcov": "CRV1:firm"}),
        ("fixest_2fe_twoway", {"fixed_effects": "firm + year", "vcov": "CRV1:firm+year"}),
        ("re_swar", {"estimator": "random_effects"}),
    ],
)
def test_regressions_equal_plm_and_fixest(grunfeld: pd.DataFrame, name: str, changes: dict[str, str]) -> None:
    expected = case(f"panel.grunfeld.{name}")
    spec = specification(**changes)
    if spec.estimator == "random_effects":
        fit = fit_random_effects(grunfeld, spec, unit="firm")
    else:
        fit = fit_least_squares(grunfeld, spec, unit="firm")
    found = {term.term: term for term in fit.terms}
    for want in expected["expected"]:
        term = found[{"(Intercept)": "_cons"}.get(want["term"], want["term"])]
        np.testing.assert_allclose(
            [term.estimate, term.std_error, term.t_value],
            [want["est"], want["se"], want["stat"]],
            rtol=1e-7,
            atol=expected["tol"],
            err_msg=want["term"],
        )
        assert p_of_g(term, fit.n_clusters) == pytest.approx(want["p"], rel=1e-5, abs=1e-12)


def test_f_tests_and_hausman_equal_plm(grunfeld: pd.DataFrame) -> None:
    equation = {"outcome": "inv", "regressors": ["value", "capital"]}
    for name, found in (
        ("F_individual", f_test_of_effects(grunfeld, effects=["firm"], **equation)),
        ("F_twoways", f_test_of_effects(grunfeld, effects=["firm", "year"], **equation)),
        ("hausman_chisq", hausman(grunfeld, unit="firm", **equation)),
    ):
        expected = case(f"panel.grunfeld.{name}")
        want = expected["expected"]
        assert found.statistic == pytest.approx(want["stat"], abs=expected["tol"], rel=1e-9)
        degrees = want["df"] if isinstance(want["df"], list) else [want["df"]]
        assert [found.df1, found.df2][: len(degrees)] == degrees
        assert found.p_value == pytest.approx(want["p"], rel=1e-6)


def test_inflation_equals_car(grunfeld: pd.DataFrame) -> None:
    want = case("panel.grunfeld.vif")
    assert variance_inflation(grunfeld, ["value", "capital"]) == pytest.approx(
        want["expected"], abs=want["tol"]
    )
    longley = frame("panel/longley.csv")
    want = case("panel.vif.longley")
    found = variance_inflation(longley, list(want["expected"]))
    assert found == pytest.approx(want["expected"], rel=want["tol"])


@pytest.mark.parametrize(("rule", "kind"), [("type7", "type7"), ("stata", "type2")])
def test_winsorising_bounds_equal_r(grunfeld: pd.DataFrame, rule: str, kind: str) -> None:
    expected = case("panel.winsor.grunfeld_inv")
    found = winsorise(grunfeld, ["inv"], Winsor.read(f"0.01:0.99:{rule}"))["inv"]
    assert [found.min(), found.max()] == pytest.approx(expected["expected"][kind], abs=1e-9)
    inside = grunfeld["inv"].between(found.min(), found.max())
    assert (found[inside] == grunfeld["inv"][inside]).all()


@pytest.fixture(scope="module")
def tal_or() -> pd.DataFrame:
    people = frame("mediation/tal_or.csv")
    return people.assign(id=range(len(people)), year=1)


def test_three_steps_and_sobel_equal_r(tal_or: pd.DataFrame) -> None:
    spec = specification(
        estimator="pooled", outcome="reaction", treatment="cond", controls=None, mediator="pmi"
    )
    found = mediate(tal_or, spec, unit="id", draws=20_000, seed=1)
    steps = {name: case(f"med.talor_step{k}") for k, name in enumerate(("c", "a", "both"), 1)}
    tol = steps["c"]["tol"]
    for term, step, name in (
        (found.total, "c", "cond"), (found.a, "a", "cond"), (found.direct, "both", "cond"),
        (found.b, "both", "pmi"),
    ):  # fmt: skip
        (want,) = [row for row in steps[step]["expected"] if row["term"] == name]
        assert [term.estimate, term.std_error, term.p_value] == pytest.approx(
            [want["est"], want["se"], want["p"]], abs=tol
        )
    want = case("med.talor_sobel_multilevel")["expected"]
    assert found.indirect == pytest.approx(want["Indirect.Effect"], abs=1e-6)
    assert found.sobel_z == pytest.approx(want["z.value"], abs=1e-6)
    assert abs(found.identity_gap) < 1e-12
    # Percentile intervals of lavaan and psych, 20,000 and fewer draws of theirs.
    (interval,) = [r for r in case("med.talor_lavaan_boot_perc")["expected"] if r["label"] == "ab"]
    assert [found.ci_low, found.ci_high] == pytest.approx(
        [interval["ci.lower"], interval["ci.upper"]], abs=0.02
    )
    # The total effect has p = 0.077: below 10 %, so the share is printed.
    assert found.share_mediated == pytest.approx(found.indirect / found.total.estimate)


def test_sobel_by_hand() -> None:
    z, p = sobel(0.5, 0.1, 2.0, 0.5)
    assert z == pytest.approx(1.0 / np.sqrt(0.25 * 0.25 + 4 * 0.01))
    assert p == pytest.approx(0.0018, abs=2e-4)
