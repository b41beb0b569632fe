"""The tables of selection, spillovers, policies and falsification: options, refusals as rows, baselines."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import stats

from cbec.estimators.placebo import time_placebo
from cbec.estimators.regression import fit_least_squares
from cbec.studies.fit import run
from cbec.studies.sample import BY_COLUMN, StudyData, assemble
from cbec.studies.tables_design import falsification_table
from cbec.studies.tables_interference import policy_table, spillover_table
from cbec.studies.tables_resampling import inference_table
from cbec.studies.tables_sample import balance_table, selection_table
from tests.estimators.test_selection import make_panel

ROW = {
    "study_id": "s", "table_no": "T1", "column_no": 1, "estimator": "twfe", "options": None, "outcome": "y",
    "treatment": "is_treated", "treatment_rule": "rule", "controls": "x2", "fixed_effects":
    "prefecture_code + year", "vcov": "CRV1:prefecture_code", "sample": "all", "winsor": None,
    "subgroup": None, "mediator": None, "note": None,
}  # fmt: skip


@pytest.fixture(scope="module")
def data() -> StudyData:
    """The panel of the selection tests as tables of a warehouse, cities on a line half a degree apart."""
    panel = make_panel(seed=11).rename(columns={"city": "number"})
    panel["prefecture_code"] = (100000 + panel["number"]).astype(str)
    panel["longitude"], panel["latitude"] = 70 + panel["number"] * 0.5, 30.0
    # A covariate whose influence the two-way effects do not absorb.
    panel["x2"] += np.random.default_rng(0).normal(0, 0.1, len(panel))
    key = ["prefecture_code", "year"]
    rule = panel[[*key, "is_treated", "first_treated_year"]].assign(rule_id="rule")
    cells = panel.melt(key, ["x1", "x2", "y"], "panel_column", "value")
    cells = cells.rename(columns={"prefecture_code": "region_code"})
    members = panel[key].rename(columns={"prefecture_code": "region_code"})
    return StudyData(
        specification=pd.DataFrame([ROW]),
        sample_member=members.assign(sample_id="all", region_level="prefecture"),
        panel_province_year=panel.head(0),
        panel_city_year=panel.drop(columns=["is_treated", "first_treated_year", "number"]),
        panel_major_city_year=panel.head(0),
        panel_cell=cells.assign(
            region_level="prefecture", obs_status="A", imputed_share=0.0, is_simulated=False
        ),
        treatment_province_year=rule.head(0),
        treatment_city_year=rule,
        suspect_cell=pd.DataFrame(columns=["region_level", "region_code", "year", "panel_column"]),
        missing_input=pd.DataFrame(columns=[*BY_COLUMN["missing_input"]]),
        recomputed_cell=pd.DataFrame(columns=[*BY_COLUMN["recomputed_cell"]]),
    )


def requested(diagnostic: str, options: str | None = None) -> pd.DataFrame:
    row = {"study_id": "s", "table_no": "T1", "column_no": 1, "diagnostic": diagnostic, "options": options}
    return pd.DataFrame([row])


def rows(table: pa.Table, key: str) -> dict[Any, dict[str, Any]]:
    return {row[key]: row for row in table.to_pylist()}


def test_selection_uses_the_controls_or_what_is_named(data: StudyData) -> None:
    plain = rows(balance_table(data, requested("selection")), "covariate")
    assert list(plain) == ["x2", "propensity_index"]
    named = requested("selection", "covariates=x1+x2;caliper=0.1")
    assert list(rows(balance_table(data, named), "covariate")) == ["x1", "x2", "propensity_index"]
    found = rows(selection_table(data, named), "method")
    assert list(found) == [
        "twfe", "twfe_no_covariates", "psm_did", "entropy_did", "entropy_twfe", "callaway_santanna",
        "doubly_robust",
    ]  # fmt: skip
    assert found["callaway_santanna"]["estimate"] > 1.4
    for method in ("psm_did", "entropy_did", "entropy_twfe", "doubly_robust"):
        row = found[method]
        assert row["estimate"] == pytest.approx(1, abs=0.4)
        assert row["ci_low"] < row["estimate"] < row["ci_high"]
        assert 0 < row["n_treated"] < 150


def test_a_method_that_refuses_does_not_stop_the_others(data: StudyData) -> None:
    """No weights bring the never treated to adopters beyond all of them; later adopters still compare."""
    treated = data.treatment_city_year.groupby("prefecture_code")["is_treated"].max()
    panel = data.panel_city_year.copy()
    far = panel["prefecture_code"].map(treated)
    panel["x2"] = panel["x2"] + np.where(far, 50.0, 0.0)
    found = rows(selection_table(replace(data, panel_city_year=panel), requested("selection")), "method")
    assert found["twfe"]["estimate"] is not None
    assert found["entropy_twfe"]["estimate"] is None
    assert found["entropy_twfe"]["note"].startswith("refused: no weights")
    assert "no weights" in found["entropy_did"]["note"]


def test_a_family_of_one_year_is_refused_and_stops_nothing(data: StudyData) -> None:
    """One imported edition of a yearbook has one year: every row is alone in its unit."""
    family = pd.concat([requested("family"), requested("family").assign(column_no=2)])
    second = ROW | {"column_no": 2, "outcome": "z"}
    panel = data.panel_city_year.assign(z=lambda frame: frame["y"] ** 2)
    both = replace(data, specification=pd.DataFrame([ROW, second]), panel_city_year=panel)
    estimated = inference_table(both, family).to_pylist()
    assert {row["method"] for row in estimated} == {"holm", "romano_wolf"}
    assert all(row["p_value"] is not None for row in estimated)
    one_year = replace(both, sample_member=data.sample_member[data.sample_member["year"] == 2012])
    refused = inference_table(one_year, family).to_pylist()
    assert [row["column_no"] for row in refused] == [1, 2]
    assert all(row["note"].startswith("refused: every row is alone") for row in refused)


def test_spillover_and_policy_start_from_the_specification(data: StudyData) -> None:
    fit = run(data, data.specifications()[0]).fit
    assert fit is not None
    term = fit.terms[0]  # type: ignore[union-attr]
    spill = spillover_table(data, requested("spillover", "rings=60-120;donut=60")).to_pylist()
    assert [row["ring"] for row in spill] == ["treated", "treated", "0-60", "60-120", "treated", "treated"]
    policies = data.treatment_city_year[["prefecture_code", "year"]].assign(
        policy_id="p", is_verified=None, is_list_complete=True
    )
    policies["is_active"] = policies["prefecture_code"].str.endswith("3") & (policies["year"] >= 2013)
    policies.loc[policies["prefecture_code"].str.endswith("3"), "is_verified"] = True
    table = policy_table(data, requested("policies"), policies).to_pylist()
    variants = [(row["variant"], row["policy_id"], row["term"]) for row in table]
    assert variants == [
        ("baseline", None, "is_treated"),
        ("added", "p", "is_treated"),
        ("added", "p", "policy_p"),
        ("all added", None, "is_treated"),
        ("all added", "p", "policy_p"),
        ("dropped cities", "p", "is_treated"),
    ]
    for baseline in (spill[0], table[0]):
        assert baseline["estimate"] == term.estimate
        assert baseline["std_error"] == term.std_error


@pytest.mark.parametrize(
    ("diagnostic", "options", "message"),
    [
        ("selection", "covariates=z", "no column 'z'"),
        ("selection", "caliper=0", "caliper 0"),
        ("spillover", "rings=200-100", "rise from above 0"),
    ],
)
def test_bad_options_are_a_row(data: StudyData, diagnostic: str, options: str, message: str) -> None:
    table = selection_table if diagnostic == "selection" else spillover_table
    notes = [row["note"] or "" for row in table(data, requested(diagnostic, options)).to_pylist()]
    assert any(message in note for note in notes)


def test_an_unknown_option_is_an_error(data: StudyData) -> None:
    with pytest.raises(ValueError, match="option 'ring'; allowed: rings, donut"):
        spillover_table(data, requested("spillover", "ring=100"))


def test_falsification_moves_the_treatment_or_the_outcome(data: StudyData) -> None:
    early = rows(falsification_table(data, requested("time_placebo", "shifts=1-2")), "variant")
    whole = run(data, data.specifications()[0])
    assert whole.sample is not None
    direct = time_placebo(
        whole.sample.rows.assign(is_treated=whole.sample.rows.is_treated.astype(float)),
        outcome="y", treatment="is_treated", unit="prefecture_code", time="year", shifts=(1, 2),
        controls=("x2",), fixed_effects=("prefecture_code", "year"), cluster="prefecture_code",
    )  # fmt: skip
    assert [early["1"]["estimate"], early["2"]["estimate"]] == [fit.estimate for fit in direct.estimates]
    assert early["2"]["n_treated_cells"] > early["1"]["n_treated_cells"] > 0
    assert early["1"]["n_obs"] == int((~whole.sample.rows.is_treated.astype(bool)).sum())
    assert early["1"]["ci_low"] < early["1"]["estimate"] < early["1"]["ci_high"]

    other = rows(falsification_table(data, requested("outcome_placebo", "outcomes=x1+x2+nowhere")), "variant")
    fit = run(data, data.specifications()[0].with_(outcome="x1")).fit
    assert fit is not None
    assert other["x1"]["estimate"] == pytest.approx(fit.terms[0].estimate, rel=1e-12)  # type: ignore[union-attr]
    assert other["x2"]["note"] == "refused: x2 is a control of this column"
    assert other["nowhere"]["note"].startswith(("awaiting data", "refused"))
    assert other["nowhere"]["estimate"] is None
    nothing = falsification_table(data, requested("outcome_placebo")).to_pylist()
    assert nothing[0]["note"] == "refused: outcome_placebo names no outcome"


def test_the_least_effect_is_that_of_the_published_test(data: StudyData) -> None:
    """With t(G* - 1): what the test of the column finds with probability 0.8 (Bloom 1995)."""
    found = rows(inference_table(data, requested("minimum_detectable_effect")), "method")
    row = found["minimum detectable effect, power 0.8"]
    spec = data.specifications()[0]
    sample = assemble(data, spec)
    fit = fit_least_squares(sample.rows, spec, unit=sample.unit)
    term = next(term for term in fit.terms if term.term == spec.treatment)
    assert term.n_effective_clusters is not None and term.n_effective_clusters < row["n_clusters"] - 0.5
    df = term.n_effective_clusters - 1
    assert row["estimate"] == pytest.approx(
        (stats.t.isf(0.025, df) + stats.t.ppf(0.8, df)) * term.std_error, rel=1e-9
    )
    assert row["n_effective_clusters"] == term.n_effective_clusters
