"""Tobit against R's survival, and what may not change it; the double bootstrap as a column of a table."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cbec.efficiency.inference import second_stage
from cbec.efficiency.panel import cube_panel
from cbec.estimators.limited import fit_tobit
from cbec.estimators.regression import Fit, fit_least_squares
from cbec.estimators.specification import Specification
from cbec.studies.fit import stars
from cbec.studies.second_stage import BOOTSTRAP, fit_second_stage
from tests.reference import cases

ROW = {
    "study_id": "s", "table_no": "T1", "column_no": 1, "estimator": "tobit", "outcome": "y", "treatment": "x",
    "treatment_rule": None, "controls": "z", "fixed_effects": None, "vcov": "iid", "sample": "all",
    "options": None,
}  # fmt: skip


def column(**over: object) -> Specification:
    return Specification.from_row(ROW | over)


def terms(fit: Fit) -> dict[str, tuple[float, float | None]]:
    return {term.term: (term.estimate, term.std_error) for term in fit.terms}


def test_tobit_equals_survreg() -> None:
    """Investment of Grunfeld's firms, as if nobody had seen more than 300."""
    case = cases.case("panel.grunfeld_tobit")
    frame = cases.frame(case["data"]).rename(columns=str.lower)
    spec = column(outcome="inv", treatment="value", controls="capital", options="limit=300")
    found = terms(fit_tobit(frame, spec, unit="firm"))
    for name, (estimate, error) in case["expected"]["iid"].items():
        assert found[name] == (pytest.approx(estimate, rel=1e-6), pytest.approx(error, rel=1e-6)), name
    clustered = terms(fit_tobit(frame, spec.with_(vcov="CRV1:firm"), unit="firm"))
    for name, error in case["expected"]["clustered_without_factor"].items():
        # survival has no factor for a finite number of clusters.
        assert clustered[name][1] == pytest.approx(error * math.sqrt(10 / 9), rel=1e-6), name
        assert clustered[name][0] == pytest.approx(found[name][0], rel=1e-12)


def drawn(seed: int, n: int = 200) -> pd.DataFrame:
    """y* = 0.6 + 0.3 x - 0.2 z + 0.2 e, seen up to one."""
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=(2, n))
    latent = 0.6 + 0.3 * x - 0.2 * z + 0.2 * rng.normal(size=n)
    years = np.tile(np.arange(10), n // 10)
    return pd.DataFrame(
        {
            "unit": np.repeat(np.arange(n // 10), 10),
            "year": years,
            "y": np.minimum(latent, 1.0),
            "x": x,
            "z": z,
        }
    )


def test_tobit_recovers_what_least_squares_misses() -> None:
    frame = drawn(1, 20_000)
    found = terms(fit_tobit(frame, column()))
    assert found["x"][0] == pytest.approx(0.3, abs=0.01)
    assert found["z"][0] == pytest.approx(-0.2, abs=0.01)
    assert found["sigma"][0] == pytest.approx(0.2, abs=0.01)
    assert terms(fit_least_squares(frame, column(estimator="pooled")))["x"][0] < 0.28


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), scale=st.sampled_from([0.01, 10.0, 1000.0]))
def test_tobit_knows_no_order_and_no_unit(seed: int, scale: float) -> None:
    frame = drawn(seed)
    first = terms(fit_tobit(frame, column(vcov="CRV1:unit")))
    other = frame.sample(frac=1, random_state=seed).assign(x=lambda rows: rows["x"] * scale)
    second = terms(fit_tobit(other, column(vcov="CRV1:unit")))
    for name, (estimate, error) in first.items():
        factor = scale if name == "x" else 1.0
        assert second[name][0] * factor == pytest.approx(estimate, rel=1e-6, abs=1e-9)
        assert error is not None and second[name][1] is not None
        assert second[name][1] * factor == pytest.approx(error, rel=1e-5)


def test_tobit_refuses_what_it_cannot_answer() -> None:
    frame = drawn(2)
    with pytest.raises(ValueError, match="0 of 200 outcomes are at the limit 9"):
        fit_tobit(frame, column(options="limit=9"))
    with pytest.raises(ValueError, match="collinear"):
        fit_tobit(frame.assign(z=2 * frame["x"]), column())
    with pytest.raises(ValueError, match="takes vcov iid or CRV1"):
        fit_tobit(frame, column(vcov="HC1"))
    with pytest.raises(ValueError, match="tobit takes no fixed effects"):
        column(fixed_effects="unit")


def frontier(seed: int = 4) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    units, years = 12, 5
    rows = pd.DataFrame(
        {
            "unit": np.repeat([f"u{i:02d}" for i in range(units)], years),
            "year": np.tile(range(2015, 2020), units),
        }
    )
    rows["a"], rows["b"] = rng.uniform(1, 5, (2, len(rows)))
    rows["x"], rows["z"] = rng.normal(size=(2, len(rows)))
    rows["good"] = np.sqrt(rows["a"] * rows["b"]) / (
        1 + np.exp(0.4 * rows["x"] + 0.3 * rng.normal(size=len(rows)))
    )
    return rows.assign(y=0.5 + 0.01 * rows["a"])


SECOND = "inputs=a-b;goods=good;rts=crs;first_draws=20;draws=60;seed=3"


def test_the_double_bootstrap_of_a_column_is_the_library_s() -> None:
    rows = frontier()
    fit = fit_second_stage(rows, column(estimator="simar_wilson", options=SECOND), unit="unit")
    cube = rows.sort_values(["year", "unit"])

    def shaped(*names: str) -> np.ndarray:
        return cube[list(names)].to_numpy().reshape(5, 12, len(names))

    panel = cube_panel(
        shaped("a", "b"), shaped("good"), None, units=sorted(set(rows["unit"])), periods=range(2015, 2020),
        names=("a", "b", "good"),
    )  # fmt: skip
    ours = second_stage(
        panel,
        shaped("x", "z"),
        names=("x", "z"),
        rts="crs",
        first_replications=20,
        second_replications=60,
        seed=3,
    )
    expected = dict(zip(ours.names, zip(ours.coefficients, ours.lower, ours.upper, strict=True), strict=True))
    for term in fit.terms:
        name = "constant" if term.term == "_cons" else term.term
        assert (term.estimate, term.ci_low, term.ci_high) == pytest.approx(expected[name]), name
    assert [term.term for term in fit.terms] == ["x", "z", "_cons", "sigma"]
    # More of x is less efficient here, and the rows of a file have no order.
    assert fit.terms[0].estimate > 0
    again = fit_second_stage(
        rows.sample(frac=1, random_state=1), column(estimator="simar_wilson", options=SECOND), unit="unit"
    )
    assert [term.estimate for term in again.terms] == pytest.approx([term.estimate for term in fit.terms])
    # Its draws are independent from row to row, which years of a region are not.
    assert stars(0.001, BOOTSTRAP) == ""


def test_a_row_without_an_input_is_refused() -> None:
    rows = frontier()
    rows.loc[3, "b"] = np.nan
    with pytest.raises(ValueError, match="a row of the sample lacks one of a, b"):
        fit_second_stage(rows, column(estimator="simar_wilson", options=SECOND), unit="unit")
    with pytest.raises(ValueError, match="needs the option inputs"):
        fit_second_stage(rows, column(estimator="simar_wilson"), unit="unit")
    with pytest.raises(ValueError, match="pooled takes no options"):
        column(estimator="pooled", options="limit=1")
