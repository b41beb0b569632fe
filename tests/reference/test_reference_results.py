"""Two-way effects and entropy weights that somebody else computed, and official figures transcribed apart from
the seeds. Those figures stand beside the project, not in it; without them their tests are skipped."""

from __future__ import annotations

import csv
from decimal import Decimal

import duckdb
import numpy as np
import pandas as pd
import pytest

from cbec.estimators.regression import fit_least_squares
from cbec.estimators.specification import Specification
from tests.conftest import SHARED
from tests.estimators.test_independent_engines import entropy_weights, weights_of_shares
from tests.reference.cases import case, frame
from tests.reference.p_values import p_of_g

FACTS = SHARED / "facts"
needs_facts = pytest.mark.skipif(
    not FACTS.is_dir(), reason="../shared/facts, the figures transcribed apart from the seeds, is not here"
)


def specification(**changes) -> Specification:
    row = {
        "study_id": "reference", "table_no": "T", "column_no": 1, "estimator": "twfe", "outcome": "lemp",
        "treatment": "d", "treatment_rule": None, "controls": None,
        "fixed_effects": "countyreal + year", "vcov": "CRV1:countyreal", "sample": "all",
    }  # fmt: skip
    return Specification.from_row(row | changes)


@pytest.fixture
def mpdta() -> pd.DataFrame:
    counties = frame("did/mpdta.csv").rename(columns={"first.treat": "first_treat"})
    counties["d"] = (counties.first_treat.gt(0) & counties.year.ge(counties.first_treat)).astype(float)
    counties["first_treated_year"] = counties.first_treat.where(counties.first_treat > 0)
    return counties


@pytest.mark.parametrize(
    ("name", "vcov"),
    [("did.twfe_mpdta", "CRV1:countyreal"), ("did.twfe_mpdta_iid", "iid"), ("did.twfe_mpdta_hc1", "HC1")],
)
def test_two_way_effects_equal_fixest(mpdta: pd.DataFrame, name: str, vcov: str) -> None:
    expected = case(name)
    fit = fit_least_squares(mpdta, specification(vcov=vcov), unit="countyreal")
    (term,) = fit.terms
    want = expected["expected"][0]
    found = [term.estimate, term.std_error, term.t_value, p_of_g(term, fit.n_clusters)]
    np.testing.assert_allclose(
        found, [want[k] for k in ("est", "se", "t", "p")], rtol=0, atol=expected["tol"]
    )


@pytest.mark.parametrize("data", ["economy", "china30"])
def test_entropy_weights_equal_other_packages(data: str) -> None:
    """The numpy formula that the warehouse's SQL is held against, itself held against pymcdm and pyDecision."""
    plain, scaled = case(f"entropy.{data}_sum"), case(f"entropy.{data}_minmax")
    rows = frame(plain["data"])
    if data == "china30":
        rows = rows.loc[rows["year"] == 2013, ["K", "L", "Y"]]
    values = rows.to_numpy(float)
    for theirs in plain["expected"].values():
        np.testing.assert_allclose(weights_of_shares(values), theirs, rtol=0, atol=plain["tol"])
    # The reference sets 0 ln 0 = 0; a vanishing shift does the same.
    weight, _ = entropy_weights(values, 1e-12)
    np.testing.assert_allclose(weight, scaled["expected"], rtol=0, atol=scaled["tol"])


@needs_facts
def test_every_official_figure_is_found(db: duckdb.DuckDBPyConnection) -> None:
    """All 13,185 figures of the fact files, from those files: value, unit, vintage and source."""
    rename = {
        "fiscal_revenue_general_budget": "general_public_budget_revenue",
        "trade_total_operator_usd10k": "trade_total_operator_usd",
        "gdp_current_price": "gdp",
        "gdp_current_price_vintage_2019": "gdp",
    }
    observed = {
        (row[0], row[1], row[2], row[3], row[4]): row[5:]
        for row in db.execute(
            "select o.region_level, o.region_code, o.year, o.indicator_id, o.vintage,"
            " o.value_printed, o.unit_printed, o.value, o.unit, s.citation, o.obs_status"
            " from marts.observation as o join registry.source as s using (source_id)"
        ).fetchall()
    }
    scale = {"10k_usd": Decimal(10)}
    found = 0
    for level, file, code in (
        ("province", "province_yearbook.csv", "province_code"),
        ("prefecture", "city_yearbook.csv", "prefecture_code"),
    ):
        for row in csv.DictReader((FACTS / file).open(encoding="utf-8-sig")):
            name = row["indicator"]
            if level == "prefecture":
                vintage = "nbs_major_cities" + ("_2019" if name.endswith("vintage_2019") else "")
            elif name.startswith("gdp_"):
                vintage, name = name[4:], "gdp"
            else:
                vintage = "nbs_annual" if row["source_certainty"] == "stated" else "customs_annual"
            key = (level, row[code], int(row["year"]), rename.get(name, name), vintage)
            printed, unit, value, kept, citation, _ = observed[key]
            assert (printed, unit, citation) == (row["value"], row["unit"], row["official_source"]), key
            assert value == Decimal(row["value"]) * scale.get(unit, 1), key
            assert kept == unit or unit == "10k_usd", key
            found += 1
    for row in csv.DictReader((FACTS / "province_ecommerce.csv").open(encoding="utf-8-sig")):
        for column in list(row)[3:]:
            name = column.removesuffix("_100m_yuan").removesuffix("_pct")
            printed, _, value, *_, status = observed[
                "province", row["province_code"], int(row["year"]), name, "nbs_annual"
            ]
            if row[column]:
                assert printed == row[column]
                assert value == Decimal(row[column])
                found += 1
            else:
                assert (value, status) == (None, "L")
    assert found == 13_185


@needs_facts
def test_statuses_of_the_fact_files(db: duckdb.DuckDBPyConnection) -> None:
    """The breaks, odd cells and gaps that the fact files report, and no other; the print's are its own."""
    counts = dict(
        db.execute(
            "select obs_status, count(*) from marts.observation where vintage <> 'ccsy' group by 1"
        ).fetchall()
    )
    assert counts["L"] == 31
    assert counts["O"] == 98
    breaks = db.execute(
        "select indicator_id, region_level, year, count(*) from marts.observation"
        " where obs_status = 'B' and vintage <> 'ccsy' group by all order by all"
    ).fetchall()
    assert breaks == [
        ("ecommerce_enterprise_share", "province", 2023, 31),
        ("ecommerce_enterprises", "province", 2023, 31),
        ("gdp", "prefecture", 2019, 32),
        ("gdp", "prefecture", 2024, 32),
        ("gdp", "province", 2019, 31),
        ("retail_sales_consumer_goods", "prefecture", 2019, 34),
        ("retail_sales_consumer_goods", "prefecture", 2024, 36),
    ]
    odd = db.execute(
        "select region_code, year, indicator_id, obs_status from marts.observation"
        " where suspect_codes is not null and vintage <> 'ccsy' order by all"
    ).fetchall()
    assert odd == [
        ("410100", 2011, "registered_population_year_end", "V"),
        ("410100", 2012, "registered_population_year_end", "V"),
        ("460100", 2017, "household_deposits_year_end", "V"),
    ]
