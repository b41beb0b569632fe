"""Definitions of green productivity run as declared, and say of every region and year what happened."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cbec.efficiency.index import malmquist_luenberger, sbm_malmquist_luenberger
from cbec.efficiency.panel import cube_panel
from cbec.studies.green_tfp import GREEN_TFP_SCHEMA, TechnologyData, green_tfp_table, variables
from tests.conftest import ROOT

YEARS, N = range(2010, 2017), 24
NAMES = ("employment", "capital_stock", "gdp", "co2_emissions_inventory")
CODES = [f"32{k:02d}00" for k in range(N)]


def definition(**changes: object) -> pd.DataFrame:
    row: dict[str, object] = {
        "technology": "t", "measure": "sbm", "index_kind": "sbm_malmquist_luenberger", "returns_to_scale": "crs",
        "frontier": "global", "bads_rule": "inequality", "direction": None, "is_super_efficiency": False,
        "inputs": "employment + capital_stock", "good_outputs": "gdp", "bad_outputs": "co2_emissions_inventory",
        "sample_id": "s", "unbalanced": "frontier", "screen_ratio": 3.16, "is_default": True, "description": "",
    }  # fmt: skip
    return pd.DataFrame([row | changes])


def cube(seed: int = 1) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """(years, regions, NAMES), smooth enough that no figure is put aside."""
    rng = np.random.default_rng(seed)
    level = rng.normal(3, 0.6, (1, N, len(NAMES)))
    growth = 0.03 * np.arange(len(YEARS))[:, None, None]
    return np.asarray(np.exp(level + growth + rng.normal(0, 0.05, (len(YEARS), N, len(NAMES)))))


def data(
    values: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    technology: pd.DataFrame,
    status_codes: dict[tuple[int, str, str], str] | None = None,
) -> TechnologyData:
    rows = [
        ("prefecture", code, year, name, values[t, i, v], (status_codes or {}).get((year, code, name), "A"))
        for t, year in enumerate(YEARS)
        for i, code in enumerate(CODES)
        for v, name in enumerate(NAMES)
    ]
    sample = pd.DataFrame(
        [("s", "prefecture", code, year) for year in YEARS for code in CODES],
        columns=["sample_id", "region_level", "region_code", "year"],
    )
    return TechnologyData(
        technology=technology,
        cell=pd.DataFrame(
            rows, columns=["region_level", "region_code", "year", "indicator_id", "value", "obs_status_all"]
        ),
        sample=sample,
        obs_status=pd.read_csv(ROOT / "seeds/registry/obs_status.csv"),
        is_simulated=False,
    )


def run(given: TechnologyData) -> pd.DataFrame:
    table = green_tfp_table(given)
    assert table.schema == GREEN_TFP_SCHEMA
    return table.to_pandas().set_index(["region_code", "year"]).sort_index()


def test_the_table_holds_what_the_library_computes() -> None:
    values = cube()
    frame = run(data(values, definition()))
    panel = cube_panel(
        values[:, :, :2], values[:, :, 2:3], values[:, :, 3:], units=CODES, periods=list(YEARS)
    )
    result = sbm_malmquist_luenberger(panel)
    levels = pd.Series(result.levels.level, index=[result.levels.unit, result.levels.period]).sort_index()
    assert np.array_equal(frame["efficiency"].to_numpy(), levels.to_numpy())
    index = pd.Series(result.index, index=[result.unit, result.period_to]).sort_index()
    assert np.array_equal(frame["index"].dropna().to_numpy(), index.to_numpy())
    chain = pd.Series(result.levels.cumulative, index=[result.levels.unit, result.levels.period]).sort_index()
    assert frame["cumulative_index"].to_numpy() == pytest.approx(chain.to_numpy(), rel=1e-12)
    parts = (frame["efficiency_change"] * frame["technical_change"]).dropna()
    assert parts.to_numpy() == pytest.approx(frame["index"].dropna().to_numpy(), rel=1e-12)
    first = frame.xs(2010, level="year")
    assert (first["index_status"] == "first year").all()
    assert (first["cumulative_index"] == 1).all()
    assert (frame["n_units"] == N).all()
    assert set(frame["frontier"]) == {"global, 2010-2016"}


def test_order_of_the_rows_is_no_part_of_the_result() -> None:
    given = data(cube(), definition())
    shuffled = replace(given, cell=given.cell.sample(frac=1, random_state=3), sample=given.sample.iloc[::-1])
    assert green_tfp_table(given).equals(green_tfp_table(shuffled))


def test_a_gap_is_named_and_a_global_chain_bridges_it() -> None:
    values = cube()
    values[3, 5, 0] = np.nan
    given = data(values, definition(), {(2013, CODES[5], "employment"): "O"})
    gap = run(given).loc[CODES[5]]
    assert (gap.loc[2013, "lp_status"], gap.loc[2013, "reason"]) == ("missing", "employment has no value (O)")
    assert gap.loc[2013, ["efficiency", "index", "cumulative_index"]].isna().all()
    assert (gap.loc[2013, "obs_status"], gap.loc[2014, "index_status"]) == ("O", "missing")
    assert "data of 2013: missing" in gap.loc[2014, "reason"]
    # Circular: the change since the base year needs only both ends.
    assert gap.loc[2016, "cumulative_index"] == gap.loc[2016, "efficiency"] / gap.loc[2010, "efficiency"]
    chained = run(replace(given, technology=definition(frontier="contemporaneous"))).loc[CODES[5]]
    assert chained["cumulative_index"].notna().tolist() == [True] * 3 + [False] * 4
    absent = replace(given, cell=given.cell[given.cell["value"].notna()])
    assert run(absent).loc[(CODES[5], 2013), "reason"] == "employment has no value"


def test_dropped_regions_leave_all_years_and_say_so() -> None:
    values = cube()
    values[3, 5, 0] = np.nan
    frame = run(data(values, definition(unbalanced="drop")))
    assert set(frame.loc[CODES[5], "lp_status"]) == {"missing", "left out"}
    assert set(frame["n_units"]) == {N - 1}
    assert frame["efficiency"].notna().sum() == (N - 1) * len(YEARS)


def test_a_slipped_decimal_is_put_aside_unless_the_definition_keeps_it() -> None:
    values = cube()
    values[3, 5, 2] *= 10
    screened = run(data(values, definition()))
    cell = screened.loc[(CODES[5], 2013)]
    assert cell["lp_status"] == "screened"
    assert cell["reason"].startswith("gdp is ")
    kept = run(data(values, definition(screen_ratio=np.nan)))
    assert kept.loc[(CODES[5], 2013), "efficiency"] == 1
    # One odd figure makes the frontier that all others are measured against.
    assert kept["efficiency"].median() < screened["efficiency"].median() / 3


def test_filled_figures_are_counted_and_their_letters_carried() -> None:
    status_codes = {(2012, CODES[0], "gdp"): "I", (2012, CODES[0], "employment"): "BE"}
    frame = run(data(cube(), definition(), status_codes))
    cell = frame.loc[(CODES[0], 2012)]
    assert (cell["imputed_share"], cell["obs_status"], cell["obs_status_all"]) == (0.5, "B", "BIE")
    assert frame["imputed_share"].sum() == 0.5
    assert frame["frontier_imputed_share"].to_numpy() == pytest.approx(0.5 / (N * len(YEARS)))
    own_year = run(data(cube(), definition(frontier="contemporaneous"), status_codes))[
        "frontier_imputed_share"
    ]
    assert set(own_year.xs(2012, level="year").round(12)) == {round(0.5 / N, 12)}
    assert (own_year.xs(2011, level="year") == 0).all()


def test_a_figure_that_cannot_be_is_missing_not_an_error() -> None:
    values = cube()
    values[2, 1, 2], values[2, 2, 3] = 0, -1
    frame = run(data(values, definition(screen_ratio=np.nan)))
    assert frame.loc[(CODES[1], 2012), "reason"] == "all good outputs are 0"
    assert frame.loc[(CODES[2], 2012), "reason"] == "co2_emissions_inventory is -1, below 0"


def test_definitions_differ_as_declared() -> None:
    values = cube()
    changes = {
        "measure": "ddf",
        "direction": "goods_bads",
        "bads_rule": "equality",
        "frontier": "contemporaneous",
    }
    frame = run(data(values, definition(**changes)))
    panel = cube_panel(
        values[:, :, :2], values[:, :, 2:3], values[:, :, 3:], units=CODES, periods=list(YEARS)
    )
    result = malmquist_luenberger(panel)
    index = pd.Series(result.index, index=[result.unit, result.period_to]).sort_index()
    assert frame["index"][frame["index_status"] != "first year"].to_numpy() == pytest.approx(
        index.to_numpy(), nan_ok=True
    )
    differences = run(data(values, definition(**changes, index_kind="luenberger")))
    assert (differences.xs(2010, level="year")["cumulative_index"] == 0).all()
    both = differences["index"].notna()
    assert (differences["efficiency_change"] + differences["technical_change"])[
        both
    ].to_numpy() == pytest.approx(differences["index"][both].to_numpy())
    # Its level is an efficiency all the same.
    assert differences["efficiency"].dropna().between(0, 1 + 1e-9).all()


def test_a_definition_without_its_data_gives_no_row() -> None:
    given = data(cube(), definition(inputs="employment + energy_use"))
    assert green_tfp_table(given).num_rows == 0
    one_year = replace(given, technology=definition(), cell=given.cell[given.cell["year"] == 2012])
    assert green_tfp_table(one_year).num_rows == 0


def test_values_that_are_not_allowed_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="t: frontier must be one of"):
        green_tfp_table(data(cube(), definition(frontier="window")))
    with pytest.raises(ValueError, match="sample 'nowhere' is empty"):
        green_tfp_table(data(cube(), definition(sample_id="nowhere")))


def test_the_registry_declares_enough_definitions_and_one_default() -> None:
    registry = pd.read_csv(ROOT / "seeds/registry/technology.csv")
    assert len(registry) >= 24
    (default,) = registry[registry["is_default"]].to_dict("records")
    assert default["technology"] == "sbm_global_crs_pollutants"
    assert set(registry["measure"]) == {"radial", "sbm", "ddf", "nddf"}
    known = set(pd.read_csv(ROOT / "seeds/registry/indicator.csv")["indicator_id"])
    assert [name for name in variables(registry) if name not in known] == []


@pytest.mark.parametrize("name", ["EFFICIENCY.md", "EFFICIENCY.zh.md"])
def test_the_ten_lines_of_the_docs_run(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    code = text.split("```python\n", 1)[1].split("```", 1)[0]
    assert len(code.strip().splitlines()) <= 10
    values = cube()
    pd.DataFrame(
        {
            "city": np.tile(CODES, len(YEARS)),
            "year": np.repeat(list(YEARS), N),
            "labour_10k_persons": values[:, :, 0].ravel(),
            "capital_100m_yuan": values[:, :, 1].ravel(),
            "energy_10k_tce": values[:, :, 1].ravel() * np.exp(0.1 * np.sin(np.arange(N * len(YEARS)))),
            "gdp_100m_yuan": values[:, :, 2].ravel(),
            "co2_10k_t": values[:, :, 3].ravel(),
        }
    ).to_csv(tmp_path / "cities.csv", index=False)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, name, "exec"), {})
    printed = capsys.readouterr().out
    assert f"{{'optimal': {N * (len(YEARS) - 1)}}}" in printed
    assert "cumulative" in printed
