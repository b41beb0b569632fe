"""Concurrent policies: omitted-policy bias goes when it is added or its cities leave; caveats are stated."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

from cbec.estimators.policies import PolicyTerm, concurrent_policies
from cbec.studies.fit import gc_frozen
from tests.estimators.test_spillover import SPEC


@pytest.fixture(scope="module", autouse=True)
def _spare_the_collector() -> Iterator[None]:
    """pyfixest collects garbage after each fit."""
    with gc_frozen():
        yield


def make_panel(seed: int = 0, n_units: int = 200) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Effect 1 of the treatment; policy a, effect 2, mostly in treated cities and from the same year;
    policy b, no effect, elsewhere; policy c before the first year, in nobody's window."""
    rng = np.random.default_rng(seed)
    city, year = np.repeat(np.arange(n_units), 8), np.tile(np.arange(2011, 2019), n_units)
    treated = rng.random(n_units) < 0.4
    has = {
        "a": rng.random(n_units) < np.where(treated, 0.6, 0.15),
        "b": rng.random(n_units) < 0.3,
        "c": rng.random(n_units) < 0.1,
    }
    start = {"a": 2014, "b": 2013, "c": 2000}
    policies = pd.concat(
        pd.DataFrame(
            {
                "policy_id": name,
                "city": city,
                "year": year,
                "is_active": members[city] & (year >= start[name]),
                "is_verified": np.where(members[city], name != "b", None),
                "is_list_complete": name != "b",
            }
        )
        for name, members in has.items()
    )
    d = treated[city] & (year >= 2014)
    a = has["a"][city] & (year >= 2014)
    y = rng.normal(size=n_units)[city] + d + 2 * a + rng.normal(0, 0.3, len(city))
    return pd.DataFrame({"city": city, "year": year, "is_treated": d, "y": y}), policies


def run(frame: pd.DataFrame, policies: pd.DataFrame) -> dict[tuple[str, str | None, str], PolicyTerm]:
    rows = concurrent_policies(frame, SPEC, unit="city", policies=policies)
    return {(row.variant, row.policy_id, row.term): row for row in rows}


def value(row: PolicyTerm) -> float:
    assert row.value is not None
    return row.value.estimate


def test_the_bias_of_an_omitted_policy_goes() -> None:
    found = run(*make_panel())
    assert value(found["baseline", None, "is_treated"]) > 1.5
    assert value(found["added", "a", "is_treated"]) == pytest.approx(1, abs=0.1)
    assert value(found["added", "a", "policy_a"]) == pytest.approx(2, abs=0.1)
    assert value(found["added", "b", "is_treated"]) > 1.5
    assert value(found["all added", None, "is_treated"]) == pytest.approx(1, abs=0.1)
    assert value(found["all added", "b", "policy_b"]) == pytest.approx(0, abs=0.1)
    assert value(found["dropped cities", "a", "is_treated"]) == pytest.approx(1, abs=0.1)
    assert value(found["dropped cities", "b", "is_treated"]) > 1.5


def test_dropped_cities_equal_a_regression_without_them() -> None:
    from cbec.estimators.regression import fit_least_squares

    frame, policies = make_panel(seed=1)
    members = policies.loc[(policies["policy_id"] == "b") & policies["is_active"], "city"].unique()
    kept = frame[~frame["city"].isin(members)]
    by_hand = fit_least_squares(kept, SPEC, unit="city")
    row = run(frame, policies)["dropped cities", "b", "is_treated"]
    assert row.value == by_hand.terms[0]
    assert row.n_obs == len(kept)
    assert (row.note or "").startswith(f"{len(members)} cities left out")


def test_what_is_not_certain_is_said() -> None:
    frame, policies = make_panel()
    found = run(frame, policies)
    members = policies.loc[(policies["policy_id"] == "b") & policies["is_active"], "city"].nunique()
    caveat = f"list of members incomplete, {members} of {members} members not confirmed in print"
    assert found["added", "b", "policy_b"].note == caveat
    assert found["added", "b", "is_treated"].note == f"b: {caveat}"
    assert found["all added", None, "is_treated"].note == f"b: {caveat}"
    assert found["added", "a", "is_treated"].note is None
    # Active in every year of the window: absorbed by the city's effect.
    row = found["added", "c", "policy_c"]
    assert (row.value, row.note) == (None, "does not vary beyond the other terms")


def test_a_policy_without_a_city_of_the_sample() -> None:
    frame, policies = make_panel()
    nobody = policies.assign(is_active=policies["is_active"] & (policies["policy_id"] != "a"))
    found = run(frame, nobody)
    assert found["added", "a", "policy_a"].note == "no city of the sample has the policy in its years"
    assert value(found["added", "a", "is_treated"]) == value(found["baseline", None, "is_treated"])
    everybody = policies.assign(is_active=policies["is_active"] | (policies["policy_id"] == "a"))
    row = run(frame, everybody)["dropped cities", "a", "is_treated"]
    assert row.value is None
    assert (row.note or "").startswith("refused: ")


def test_row_order_does_not_matter() -> None:
    frame, policies = make_panel(seed=2)
    counterpart = run(frame.sample(frac=1, random_state=1), policies.sample(frac=1, random_state=2))
    for key, row in run(frame, policies).items():
        if row.value is not None:
            assert value(counterpart[key]) == pytest.approx(row.value.estimate, abs=1e-7)


def test_bad_input_is_refused() -> None:
    frame, policies = make_panel()
    with pytest.raises(ValueError, match="no policy"):
        run(frame, policies.head(0))
    with pytest.raises(ValueError, match="policy a has 0 twice in 2011"):
        run(frame, pd.concat([policies, policies.head(1)]))
