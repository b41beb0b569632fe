"""What observed cells alone give: indices and productivity computed again, on the published warehouses."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from tests.estimators.test_independent_engines import entropy_weights

SHIFT = 1e-4
FILLED = {"I", "F", "E"}


@pytest.fixture(scope="module", params=["db", "demo_warehouse"])
def built(request: pytest.FixtureRequest) -> duckdb.DuckDBPyConnection:
    found = request.getfixturevalue(request.param)
    if isinstance(found, Path):
        return duckdb.connect(str(found / "demo.duckdb"), read_only=True)
    assert isinstance(found, duckdb.DuckDBPyConnection)
    return found


def observed_components(db: duckdb.DuckDBPyConnection, index_id: str) -> tuple[pd.DataFrame, int]:
    """Rows region and year, columns components with cost turned round, of region-years without a filled or
    flagged component, read from the panel and the suspects; and how many region-years are complete."""
    component = db.execute("from registry.index_component where index_id = ?", [index_id]).df()
    sample = set(component["sample_id"])
    members = db.execute(
        "select region_level, region_code, year from marts.sample_member where sample_id = ?", [*sample]
    ).df()
    cells = db.execute(
        "select panel_cell.*, suspect_cell.detectors from marts.panel_cell"
        " left join quality.suspect_cell using (region_level, region_code, year, panel_column)"
        " where indicator_id in (select indicator_id from registry.index_component where index_id = ?)",
        [index_id],
    ).df()
    cells = cells.merge(members, on=["region_level", "region_code", "year"])
    cells["is_out"] = [
        bool(FILLED & set(letters)) or isinstance(detectors, str)
        for letters, detectors in zip(cells["obs_status_all"], cells["detectors"], strict=True)
    ]
    keys = ["region_code", "year"]
    wide = cells.pivot(index=keys, columns="indicator_id", values="value").dropna()
    if set(wide.columns) != set(component["indicator_id"]):
        # A component that nobody has: the index awaits it.
        return wide.head(0), 0
    out = cells.groupby(keys)["is_out"].any()
    for name, direction in zip(component["indicator_id"], component["direction"], strict=True):
        if direction == "negative":
            wide[name] = -wide[name]
    return wide[~out.reindex(wide.index).to_numpy()], len(wide)


def test_indices_equal_numpy_on_observed_cells(built: duckdb.DuckDBPyConnection) -> None:
    """Bounds, weights and scores rest on what nobody filled and no detector flags."""
    indices = [
        row[0] for row in built.sql("select distinct index_id from registry.index_component").fetchall()
    ]
    assert indices
    n_moved = n_compared = 0
    for index_id in indices:
        wide, n_complete = observed_components(built, index_id)
        if not n_complete:
            continue
        names = list(wide.columns)
        weight, score = entropy_weights(wide.to_numpy(dtype=float), SHIFT)
        weights = built.execute(
            "select indicator_id, weight from quality.index_weight_observed"
            " where index_id = ? and weighting = 'pooled'",
            [index_id],
        ).df()
        np.testing.assert_allclose(weights.set_index("indicator_id").loc[names, "weight"], weight, rtol=1e-9)
        found = built.execute(
            "select region_code, year, value, value_of_all from quality.recomputed_cell where panel_column = ?",
            [f"{index_id}_index"],
        ).df()
        assert len(found) == n_complete
        known = found.dropna(subset="value").set_index(["region_code", "year"])
        assert set(known.index) == set(wide.index)
        np.testing.assert_allclose(known.loc[wide.index, "value"], score, rtol=1e-9)
        n_moved += int((known["value"] != known["value_of_all"]).sum())
        n_compared += len(known)
    assert n_compared > 0
    assert n_moved > 0, "no index of this warehouse rests on a filled or flagged cell: nothing is tested"


def test_a_frontier_of_fewer_units_raises_efficiency_and_holds_no_filled_one(
    built: duckdb.DuckDBPyConnection,
) -> None:
    """Who is measured against fewer others cannot be less efficient (Banker, Charnes and Cooper 1984)."""
    both = built.sql(
        "select observed.technology, observed.region_code, observed.year, observed.efficiency as alone,"
        " every.efficiency as with_all"
        " from quality.green_tfp_observed as observed"
        " inner join marts.green_tfp as every using (technology, region_level, region_code, year)"
        " where observed.efficiency is not null and every.efficiency is not null"
    ).df()
    assert len(both) > 100
    assert (both["alone"] >= both["with_all"] - 1e-6).all()
    assert (both["alone"] > both["with_all"] + 1e-3).any()
    assert built.sql(
        "select count(*) from quality.green_tfp_observed"
        " where efficiency is not null and (imputed_share > 0 or obs_status_all similar to '.*[IFE].*')"
    ).fetchone() == (0,)
    # Every input of an evaluated region and year is there as an observed cell.
    (lacking,) = built.sql(
        "with input as (select technology, unnest(string_split(concat_ws(' + ', inputs, good_outputs, bad_outputs),"
        " ' + ')) as indicator_id from registry.technology)"
        " select count(*) from quality.green_tfp_observed as observed"
        " inner join input using (technology)"
        " left join quality.observed_cell as cell using (region_level, region_code, year, indicator_id)"
        " where observed.efficiency is not null and cell.value is null"
    ).fetchone() or (None,)
    assert lacking == 0


def test_the_observed_variant_reads_the_recomputed_values(built: duckdb.DuckDBPyConnection) -> None:
    """Its note names each column that moved, with the units that are left."""
    notes = built.sql(
        "select distinct note from estimates.fit where is_observed_only and note like '%computed again%'"
    ).fetchall()
    assert notes
    assert built.sql(
        "select count(*) from estimates.fit where not is_observed_only and note like '%computed again%'"
    ).fetchone() == (0,)
