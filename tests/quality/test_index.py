"""The entropy method of the index in the models' own SQL, against numpy on a small table."""

from __future__ import annotations

from itertools import product

import duckdb
import numpy as np
import pandas as pd
import pytest

from cbec.registry.render import load_seeds, render_model
from tests.conftest import ROOT
from tests.estimators.test_independent_engines import entropy_weights

REGIONS, YEARS = ("110000", "120000", "130000", "140000"), (2020, 2021)
DIRECTIONS = {"sales": "positive", "lines": "positive", "cost": "negative"}
SHIFT = 1e-4


def values() -> pd.DataFrame:
    """Rows region and year, columns indicators; the first region sells most, at the least cost."""
    rng = np.random.default_rng(5)
    places = list(product(REGIONS, YEARS))
    frame = pd.DataFrame({name: rng.uniform(1, 9, len(places)) for name in DIRECTIONS})
    frame["region_code"], frame["year"] = zip(*places, strict=True)
    best = frame["region_code"] == REGIONS[0]
    frame.loc[best, ["sales", "lines"]] += 10
    frame.loc[best, "cost"] = 0.5
    return frame


def warehouse(
    frame: pd.DataFrame, letters: dict[tuple[str, int, str], str] | None = None
) -> duckdb.DuckDBPyConnection:
    """A connection with the tables of the index. letters: status of cells that are not A."""
    given = letters or {}
    cells = frame.melt(["region_code", "year"], var_name="indicator_id").assign(region_level="province")
    keys = zip(cells["region_code"], cells["year"], cells["indicator_id"], strict=True)
    cells["obs_status_all"] = [given.get(key, "A") for key in keys]
    component = pd.DataFrame(DIRECTIONS.items(), columns=["indicator_id", "direction"])
    component = component.assign(index_id="i", sample_id="s")
    sample = frame[["region_code", "year"]].assign(region_level="province", sample_id="s")
    connection = duckdb.connect()
    load_seeds(connection, ROOT, ("obs_status",))
    for name, table in (
        ("index_component", component),
        ("int_samples__gridded", sample),
        ("int_cells__unioned", cells),
    ):
        connection.register("given", table)
        connection.execute(f"create table {name} as from given")
    for model in ("int_index_cells__scaled", "index_weight", "index_score"):
        sql = render_model(ROOT, model, variables={"entropy_shift": SHIFT})
        connection.execute(f"create table {model} as {sql}")
    return connection


@pytest.mark.parametrize("weighting", ["pooled", "by_year"])
def test_weights_and_scores_equal_numpy(weighting: str) -> None:
    """numpy's formula is held against pymcdm and pyDecision (tests/reference); less of a cost is more."""
    frame = values()
    connection = warehouse(frame)
    signed = frame.assign(cost=-frame["cost"])
    groups = signed.groupby("year") if weighting == "by_year" else [(None, signed)]
    for year, rows in groups:
        weight, score = entropy_weights(rows[list(DIRECTIONS)].to_numpy(), SHIFT)
        ours = connection.execute(
            "select indicator_id, weight from index_weight where weighting = ? and year is not distinct from ?",
            [weighting, year],
        ).df()
        np.testing.assert_allclose(
            ours.set_index("indicator_id").loc[list(DIRECTIONS), "weight"], weight, rtol=1e-9
        )
        found = connection.execute(
            "select region_code, year, score from index_score where weighting = ?", [weighting]
        ).df()
        both = rows.assign(expected=score).merge(found, on=["region_code", "year"], validate="one_to_one")
        assert len(both) == len(rows)
        np.testing.assert_allclose(both["score"], both["expected"], rtol=1e-9)


def test_the_region_that_is_best_in_all_is_first() -> None:
    rows = warehouse(values()).sql("from index_score").df()
    best = rows[rows["region_code"] == REGIONS[0]]
    assert len(best) == 2 * len(YEARS)
    assert set(best["score_rank"]) == {1}
    # By year its value is the bound of every component: the score is whole.
    whole = best.loc[best["weighting"] == "by_year", "score"]
    np.testing.assert_allclose(whole, 1 + SHIFT)
    for _, group in rows.groupby(["weighting", "year"]):
        assert group.sort_values("score_rank")["score"].is_monotonic_decreasing


def test_a_score_has_its_worst_letter_and_the_weight_of_its_fills() -> None:
    """A break (B) stands above what was filled (I, F, E), and that above an unvalidated figure (V)."""
    first, second, third, fourth = REGIONS
    letters = {
        (first, 2020, "sales"): "V", (first, 2020, "cost"): "F", (second, 2020, "sales"): "BE",
        (second, 2020, "lines"): "I", (third, 2020, "cost"): "P", (fourth, 2020, "cost"): "E",
    }  # fmt: skip
    connection = warehouse(values(), letters)
    rows = (
        connection.sql("from index_score where weighting = 'pooled' and year = 2020")
        .df()
        .set_index("region_code")
    )
    assert rows["obs_status"].to_dict() == {first: "F", second: "B", third: "P", fourth: "E"}
    weight = (
        connection.sql("from index_weight where weighting = 'pooled'")
        .df()
        .set_index("indicator_id")["weight"]
    )
    filled = {
        first: weight["cost"],
        second: weight["sales"] + weight["lines"],
        third: 0.0,
        fourth: weight["cost"],
    }
    assert rows["imputed_share"].to_dict() == pytest.approx(filled)
