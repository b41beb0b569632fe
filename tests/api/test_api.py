"""The library for Python users, against the published file, numpy and linearmodels."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from docx import Document
from linearmodels.panel import PanelOLS

import cbec
from cbec.efficiency.panel import long_panel
from cbec.efficiency.technology import Technology

COLUMNS = ["retail_sales_consumer_goods_log", "gdp_per_capita_log"]


def own(n: int = 40, years: int = 8, seed: int = 3) -> pd.DataFrame:
    """Units of which two thirds adopt in one of two years; effect 0.5."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {"city": np.repeat(np.arange(n), years), "year": np.tile(2010 + np.arange(years), n)}
    )
    first = np.choose(frame["city"] % 3, [2013, 2015, 9999])
    frame["treated"] = (frame["year"] >= first).astype(int)
    frame["x"] = rng.standard_normal(len(frame))
    noise = rng.standard_normal(len(frame)) + rng.standard_normal(n)[frame["city"]]
    frame["y"] = 0.5 * frame["treated"] + 0.3 * frame["x"] + noise
    return frame


@pytest.fixture(scope="module")
def published(warehouse: Path) -> cbec.PanelData:
    return cbec.read_panel("city_year", path=warehouse / "cbec.duckdb", columns=COLUMNS)


def test_the_package_loads_nothing_until_it_is_requested() -> None:
    code = "import cbec, sys; print(callable(cbec.efficiency), 'pandas' in sys.modules, sorted(cbec.__all__))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.startswith("True False")
    for name in ("read_panel", "fit", "placebo", "efficiency", "malmquist", "entropy_weights", "status"):
        assert f"'{name}'" in said


def test_a_panel_is_the_published_one(published: cbec.PanelData, db: duckdb.DuckDBPyConnection) -> None:
    rows = db.sql(
        f"select prefecture_code, year, {', '.join(COLUMNS)} from marts.panel_city_year order by 1, 2"
    ).df()
    pd.testing.assert_frame_equal(
        published.frame[["prefecture_code", "year", *COLUMNS]], rows, check_dtype=False
    )
    letters = dict(
        db.sql(
            "select obs_status, count(*) from marts.panel_cell where region_level = 'prefecture'"
            " and panel_column = 'gdp_per_capita_log' group by 1"
        ).fetchall()
    )
    held = published.cells[published.cells["column"] == "gdp_per_capita_log"]
    assert held["obs_status"].value_counts().to_dict() == letters
    (row,) = cbec.status(published, ["gdp_per_capita_log"]).to_dict("records")
    assert row["n_cells"] == sum(letters.values())
    assert row["cell_status"].startswith("A ")
    short = published.where(published["year"].between(2012, 2014))
    assert set(short.frame["year"]) == {2012, 2013, 2014}
    assert len(short.cells) == int(
        published.cells["row"].isin(published.frame.index[published["year"].between(2012, 2014)]).sum()
    )


def test_a_fit_is_that_of_linearmodels_and_its_status_that_of_its_cells(published: cbec.PanelData) -> None:
    outcome, control = COLUMNS
    found = cbec.fit(published, outcome=outcome, treatment="is_treated", controls=[control])
    rows = published.frame.dropna(subset=[outcome, control, "is_treated"])
    data = rows.assign(d=rows["is_treated"].astype(float)).set_index(["prefecture_code", "year"])
    theirs = PanelOLS(data[outcome], data[["d", control]], entity_effects=True, time_effects=True).fit()
    assert found.effect == pytest.approx(float(theirs.params["d"]), abs=1e-8)
    row = found.to_frame().iloc[0]
    assert row["n_obs"] + row["n_dropped"] == len(published.frame)
    entered = published.status_of(COLUMNS, rows.index.tolist())
    assert row["cell_status"] == entered.cell_status
    assert row["imputed_share"] == entered.imputed_share


def test_a_column_of_the_published_table_is_found_again(
    published: cbec.PanelData, warehouse: Path, db: duckdb.DuckDBPyConnection
) -> None:
    """A published two-way column, from its own rows of the specification."""
    study, table, column, outcome, treatment, controls, first, last = db.sql("""
        select spec.study_id, spec.table_no, spec.column_no, spec.outcome, spec.treatment, spec.controls,
            sample.first_year, sample.last_year
        from studies.specification as spec
        inner join registry.sample as sample on spec.sample = sample.sample_id
        inner join estimates.regression as found using (study_id, table_no, column_no)
        where spec.estimator = 'twfe' and spec.treatment_rule = 'default' and spec.treatment = 'is_treated'
            and sample.region_level = 'prefecture' and spec.winsor is null and spec.subgroup is null
            and spec.mediator is null and found.term = 'is_treated' and not found.is_observed_only
            and spec.vcov = 'CRV1:prefecture_code' and found.std_error is not null
            and not contains(coalesce(spec.controls, ''), 'L1.')
        order by found.n_obs desc, 1, 2, 3 limit 1
    """).fetchall()[0]
    names = [name.strip() for name in (controls or "").split("+") if name.strip()]
    members = db.execute(
        "select member.region_code, member.year from marts.sample_member as member where sample_id = (select sample"
        " from studies.specification where (study_id, table_no, column_no) = ($1, $2, $3))", [study, table, column]
    ).df()  # fmt: skip
    panel = cbec.read_panel(path=warehouse / "cbec.duckdb", columns=[outcome, *names], years=(first, last))
    keys = pd.MultiIndex.from_frame(panel.frame[["prefecture_code", "year"]])
    panel = panel.where(keys.isin(pd.MultiIndex.from_frame(members)))
    found = cbec.fit(panel, outcome=outcome, treatment=treatment, controls=names)
    estimate, error, stars, n_obs = db.execute(
        "select estimate, std_error, stars, n_obs from estimates.regression where (study_id, table_no, column_no)"
        " = ($1, $2, $3) and term = 'is_treated' and not is_observed_only", [study, table, column]
    ).fetchall()[0]  # fmt: skip
    row = found.to_frame().iloc[0]
    assert row["n_obs"] == n_obs
    assert (found.effect, found.std_error) == pytest.approx((estimate, error), rel=1e-9)
    assert row["stars"] == stars


def test_staggered_results_become_table_and_figure(tmp_path: Path) -> None:
    found = cbec.fit(own(), outcome="y", treatment="treated", unit="city", estimator="callaway_santanna")
    assert found.effect == pytest.approx(0.5, abs=0.35)
    frame = found.to_frame()
    assert {"effect", "event"} == set(frame["kind"])
    for lang, word in (("en", "Callaway"), ("zh", "处理")):
        path = found.to_docx(tmp_path / f"{lang}.docx", lang=lang)  # type: ignore[arg-type]
        document = Document(str(path))
        text = "\n".join(
            [p.text for p in document.paragraphs] + [c.text for t in document.tables for c in t._cells]
        )
        assert word in text
        found.plot(tmp_path / f"{lang}.png", lang=lang)  # type: ignore[arg-type]
        assert (tmp_path / f"{lang}.png").stat().st_size > 10_000


def test_errors_on_few_clusters_are_withheld() -> None:
    frame = own()
    frame["treated"] = ((frame["city"] == 0) & (frame["year"] >= 2014)).astype(int)
    row = cbec.fit(frame, outcome="y", treatment="treated", unit="city").to_frame().iloc[0]
    assert np.isnan(row.get("std_error", np.nan)) and row["stars"] == ""
    assert "effective clusters (5 needed)" in row["note"]


def test_own_status_reaches_the_estimate_and_rows_are_counted() -> None:
    frame = own()
    letters = pd.DataFrame({"y": "A", "x": ["I" if n % 4 == 0 else "V" for n in range(len(frame))]})
    frame.loc[3, "x"] = np.nan
    panel = cbec.PanelData.from_frame(frame, unit="city", status=letters)
    row = cbec.fit(panel, outcome="y", treatment="treated", controls=["x"]).to_frame().iloc[0]
    assert row["drop_reason"] == "1 rows: x missing"
    assert row["imputed_row_share"] == pytest.approx((len(frame) / 4) / (len(frame) - 1))
    rows = cbec.fit(panel, outcome="y", treatment="treated", controls=["x"]).to_frame()
    (observed,) = rows[rows["is_observed_only"] & (rows["term"] == "treated")].to_dict("records")
    assert observed["n_obs"] == len(frame) - 1 - len(frame) / 4
    left = frame[(frame.index % 4 != 0) & frame["x"].notna()]
    alone = cbec.fit(left, outcome="y", treatment="treated", unit="city", controls=["x"])
    assert observed["estimate"] == pytest.approx(alone.effect, rel=1e-9)
    lagged = cbec.fit(panel, outcome="y", treatment="treated", controls=["L1.x"]).to_frame().iloc[0]
    # The first year has no year before, and row 3 is the lag of one row more.
    assert lagged["n_obs"] == len(frame) - frame["city"].nunique() - 1


@pytest.mark.parametrize("estimator", ["twfe", "callaway_santanna"])
def test_an_unknown_treatment_is_no_control(estimator: str) -> None:
    """Rows of which nobody knows whether they are treated leave; as if they had not been given."""
    frame = own()
    gone = frame["city"].isin([2, 5])
    holes = frame.assign(treated=frame["treated"].where(~gone))
    one, two = (
        cbec.fit(f, outcome="y", treatment="treated", unit="city", estimator=estimator)
        for f in (holes, frame[~gone])
    )
    assert (one.effect, one.std_error) == pytest.approx((two.effect, two.std_error), rel=1e-9)
    assert "16 rows: treated missing" in one.to_frame()["drop_reason"].iloc[0]


def test_a_period_of_another_name_is_renamed_and_nothing_else() -> None:
    """t is also a letter of other columns' names."""
    frame = own().rename(columns={"year": "t", "city": "district"})
    one = cbec.fit(frame, outcome="y", treatment="treated", unit="district", time="t")
    two = cbec.fit(own(), outcome="y", treatment="treated", unit="city")
    assert (one.effect, one.std_error) == pytest.approx((two.effect, two.std_error), rel=1e-9)


@pytest.mark.parametrize("change", ["order", "names", "scale"])
def test_rows_names_and_scale_change_nothing(change: str) -> None:
    frame = own()
    other = frame.copy()
    factor = 1.0
    if change == "order":
        other = frame.sample(frac=1, random_state=1)
    elif change == "names":
        other["city"] = "c" + (97 - other["city"]).astype(str)
    else:
        factor, other = 1e9, frame.assign(y=frame["y"] * 1e9)
    one, two = (
        cbec.fit(f, outcome="y", treatment="treated", unit="city", controls=["x"]) for f in (frame, other)
    )
    assert (two.effect, two.std_error) == pytest.approx(
        (one.effect * factor, one.std_error * factor), rel=1e-9
    )


def test_mistakes_are_named() -> None:
    frame = own()
    with pytest.raises(ValueError, match="no column 'treatd'; nearest: treated"):
        cbec.fit(frame, outcome="y", treatment="treatd", unit="city")
    with pytest.raises(ValueError, match="nearest: twfe"):
        cbec.fit(frame, outcome="y", treatment="treated", unit="city", estimator="twf")
    with pytest.raises(ValueError, match="needs unit="):
        cbec.fit(frame, outcome="y", treatment="treated")
    with pytest.raises(ValueError, match="has two rows for year"):
        cbec.fit(pd.concat([frame, frame.head(1)]), outcome="y", treatment="treated", unit="city")
    ends = frame.assign(treated=frame["treated"].where(frame["year"] < 2016, 0))
    with pytest.raises(ValueError, match="ends in 2016; staggered estimators take one that stays"):
        cbec.fit(ends, outcome="y", treatment="treated", unit="city", estimator="sun_abraham")
    status = pd.DataFrame({"y": ["A"] * len(frame)})
    status.loc[2, "y"] = "Z"
    with pytest.raises(ValueError, match="status of 'y': 'Z' is no letter"):
        cbec.PanelData.from_frame(frame, unit="city", status=status)


def test_a_placebo_is_reproducible_and_drawn(tmp_path: Path) -> None:
    one, two = (
        cbec.placebo(own(), outcome="y", treatment="treated", unit="city", draws=199, seed=7)
        for _ in range(2)
    )
    pd.testing.assert_frame_equal(one.to_frame(), two.to_frame())
    t = one.to_frame()["t_value"].abs()
    real = abs(one.result.estimate.t_value)
    assert one.p_value == pytest.approx((1 + (t >= real - 1e-9).sum()) / (1 + len(t)))
    one.plot(tmp_path / "p.svg")
    assert one.to_docx(tmp_path / "p.docx").is_file()


def test_efficiency_and_malmquist_are_those_of_the_library(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({
        "unit": np.repeat([f"u{n}" for n in range(8)], 3), "year": np.tile([2010, 2011, 2012], 8),
        "k": rng.uniform(1, 5, 24), "y": rng.uniform(1, 5, 24), "b": rng.uniform(1, 5, 24),
    })  # fmt: skip
    scores = cbec.efficiency(frame, inputs=["k"], goods=["y"], unit="unit").to_frame()
    ratio = frame["y"] / frame["k"]
    best = ratio.groupby(frame["year"]).transform("max")
    by_hand = (ratio / best).set_axis(pd.MultiIndex.from_frame(frame[["unit", "year"]]))
    ours = scores.set_index(["unit", "period"])["efficiency"]
    # One input, one output, constant returns: productivity against the best of the year.
    np.testing.assert_allclose(ours.to_numpy(float), by_hand.loc[ours.index].to_numpy(), rtol=1e-9)
    found = cbec.malmquist(frame, inputs=["k"], goods=["y"], unit="unit")
    index = found.to_frame()
    growth = ratio.set_axis(pd.MultiIndex.from_frame(frame[["unit", "year"]]))
    expected = [growth[u, b] / growth[u, a] for u, a, b in zip(index["unit"], index["period_from"], index["period_to"], strict=True)]  # fmt: skip
    np.testing.assert_allclose(index["index"].to_numpy(float), expected, rtol=1e-9)
    with_bads = cbec.malmquist(frame, inputs=["k"], goods=["y"], bads=["b"], unit="unit", measure="ddf")
    panel = long_panel(frame["unit"], frame["year"], frame[["k"]], frame[["y"]], frame[["b"]])
    assert with_bads.result.technology == Technology("ddf", "output")
    assert len(with_bads.to_frame()) == panel.n_units * 2
    found.plot(tmp_path / "m.png")
    assert found.to_docx(tmp_path / "m.docx", lang="zh").is_file()


def test_entropy_weights_are_those_of_the_published_index(db: duckdb.DuckDBPyConnection) -> None:
    index = "cbec_development_province"
    components = dict(
        db.execute(
            "select indicator_id, direction from registry.index_component where index_id = $1", [index]
        ).fetchall()
    )
    cells = _cells(db, index)
    for weighting in ("pooled", "by_year"):
        found = cbec.entropy_weights(cells, components, unit="region_code", by_year=weighting == "by_year")
        published = db.execute(
            "select indicator_id, year, weight, entropy from marts.index_weight"
            " where index_id = $1 and weighting = $2", [index, weighting]
        ).df()  # fmt: skip
        ours = found.to_frame().rename(columns={"component": "indicator_id"})
        keys = ["indicator_id", "year"] if weighting == "by_year" else ["indicator_id"]
        both = published.drop(columns=[c for c in ("year",) if c not in keys]).merge(ours, on=keys)
        assert len(both) == len(published) == len(ours)
        np.testing.assert_allclose(both["weight_y"], both["weight_x"], rtol=1e-9)
        np.testing.assert_allclose(both["entropy_y"], both["entropy_x"], rtol=1e-9)


def _cells(db: duckdb.DuckDBPyConnection, index: str) -> pd.DataFrame:
    """The components of an index, wide, of the region-years that the published index scores."""
    names = [
        name
        for (name,) in db.execute(
            "select indicator_id from registry.index_component where index_id = $1", [index]
        ).fetchall()
    ]
    rows = db.execute(
        "select cell.region_code, cell.year, cell.indicator_id, cell.value from intermediate.int_cells__unioned as cell"
        " inner join marts.index_score as score on cell.region_code = score.region_code and cell.year = score.year"
        " where score.index_id = $1 and score.weighting = 'pooled' and cell.region_level = 'province'"
        " and list_contains($2, cell.indicator_id)", [index, names]
    ).df()  # fmt: skip
    return rows.pivot(index=["region_code", "year"], columns="indicator_id", values="value").reset_index()
