"""Numbers that other programmes computed: deaR, Benchmarking, DEAPack, pystoned, published Stata logs."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from cbec.efficiency.frontier import evaluate
from cbec.efficiency.grey import gm11
from cbec.efficiency.index import ProductivityResult, malmquist, malmquist_luenberger
from cbec.efficiency.panel import EfficiencyWarning, Panel, cross_section, long_panel
from cbec.efficiency.technology import Technology
from tests.reference.cases import case, file, table


def numbers(rows: list[dict[str, str]], *names: str) -> np.ndarray:
    return np.array([[float(r[n]) for n in names] for r in rows])


def cross(rows: list[dict[str, str]], key: str, inputs: list[str], goods: list[str]) -> Panel:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EfficiencyWarning)
        return cross_section(numbers(rows, *inputs), numbers(rows, *goods), units=[r[key] for r in rows])


SMALL = {
    "dea.tone2001.sbm_crs": Technology("sbm", "none", "crs"),
    "dea.tone2001_sbm_vrs": Technology("sbm", "none", "vrs"),
    "dea.tone2001_ccr_io": Technology("radial", "input", "crs"),
    "dea.tone2001_bcc_io": Technology("radial", "input", "vrs"),
    "dea.tone2001_ccr_oo": Technology("radial", "output", "crs"),
    "dea.tone2001_bcc_oo": Technology("radial", "output", "vrs"),
    "dea.tone2001_sbm_io_crs": Technology("sbm", "input", "crs"),
    "dea.tone2001_sbm_oo_crs": Technology("sbm", "output", "crs"),
    "dea.coelli1998_crs_io": Technology("radial", "input", "crs"),
    "dea.coelli1998_vrs_io": Technology("radial", "input", "vrs"),
    "dea.coelli1998_vrs_oo": Technology("radial", "output", "vrs"),
}


@pytest.mark.parametrize("name", SMALL)
def test_small_published_examples(name: str) -> None:
    c = case(name)
    rows = table(c["data"])
    if "tone" in name:
        panel = cross(rows, "DMU", ["Input1", "Input2"], ["Output1", "Output2"])
    else:
        panel = cross(rows, "dmus", ["input1", "input2"], ["output"])
    result = evaluate(panel, SMALL[name])
    scores = dict(zip(result.unit, result.score, strict=True))
    assert scores == pytest.approx(c["expected"], abs=c["tol"])


CHARNES = {
    "ccr_in": Technology("radial", "input", "crs"),
    "bcc_in": Technology("radial", "input", "vrs"),
    "bcc_out": Technology("radial", "output", "vrs"),
    "super_ccr_in": Technology("radial", "input", "crs", super_efficiency=True),
    "sbm_no_crs_deaR": Technology("sbm", "none", "crs"),
    "sbm_no_vrs_deaR": Technology("sbm", "none", "vrs"),
}


@pytest.mark.parametrize("name", CHARNES)
def test_charnes_1981_seventy_schools(name: str) -> None:
    c = case("dea.charnes1981")
    rows = table(c["data"])
    panel = cross(rows, "firm", ["x1", "x2", "x3", "x4", "x5"], ["y1", "y2", "y3"])
    score = evaluate(panel, CHARNES[name]).score
    np.testing.assert_allclose(score, c["expected"][name], atol=c["tol"], rtol=0)


def economy(name: str) -> Panel:
    rows = table(case(name)["data"])
    return long_panel(
        [r["DMUs"] for r in rows],
        [int(r["Period"]) for r in rows],
        numbers(rows, "Capital", "Labor"),
        numbers(rows, "GIOV"),
    )


@pytest.mark.parametrize(
    ("name", "options", "columns"),
    [
        (
            "dea.malmquist.economy_oo_crs",
            {},
            {"mi": "index", "ec": "efficiency_change", "tc": "technical_change"},
        ),
        (
            "dea.malmquist.economy_fgnz",
            {"decomposition": "fgnz"},
            {
                "mi": "index",
                "tc": "technical_change",
                "pech": "pure_efficiency_change",
                "sech": "scale_efficiency_change",
            },
        ),
        (
            "dea.malmquist.economy_global",
            {"method": "global"},
            {"mi": "index", "ec": "efficiency_change", "tc": "technical_change"},
        ),
    ],
)
def test_malmquist_of_31_provinces(name: str, options: dict[str, Any], columns: dict[str, str]) -> None:
    same_malmquist(name, economy(name), options, columns, n_rows=124)


def same_malmquist(
    name: str, panel: Panel, options: dict[str, Any], columns: dict[str, str], n_rows: int
) -> None:
    """columns: of the reference's file, with the name that the component has here."""
    c = case(name)
    result = malmquist(panel, orientation="output", **options)
    assert result.counts() == {"optimal": n_rows}
    ours = result.columns()
    row = {k: i for i, k in enumerate(zip(ours["unit"], ours["period_to"], strict=True))}
    expected = table(c["expected"])
    assert len(expected) == n_rows
    for r in expected:
        i = row[r["dmu"], int(r["period_end"])]
        for theirs, name_here in columns.items():
            assert ours[name_here][i] == pytest.approx(float(r[theirs]), abs=c["tol"])


def china30(*inputs: str) -> Panel:
    rows = table("dea/china30_2013_2015_gtfpch.csv")
    return long_panel(
        [r["id"] for r in rows],
        [int(r["year"]) for r in rows],
        numbers(rows, *inputs),
        numbers(rows, "Y"),
        numbers(rows, "CO2"),
    )


@pytest.mark.parametrize(
    ("name", "options", "columns"),
    [
        (
            "dea.malmquist.china30",
            {},
            {"mi": "index", "ec": "efficiency_change", "tc": "technical_change"},
        ),
        (
            "dea.malmquist.china30_fgnz",
            {"decomposition": "fgnz"},
            {
                "mi": "index",
                "tc": "technical_change",
                "pech": "pure_efficiency_change",
                "sech": "scale_efficiency_change",
            },
        ),
        (
            "dea.malmquist.china30_global",
            {"method": "global"},
            {"mi_global": "index", "ec_global": "efficiency_change", "bpc_global": "technical_change"},
        ),
    ],
)
def test_malmquist_of_30_provinces(name: str, options: dict[str, Any], columns: dict[str, str]) -> None:
    rows = table(case(name)["data"])
    panel = long_panel(
        [r["id"] for r in rows], [int(r["year"]) for r in rows], numbers(rows, "K", "L"), numbers(rows, "Y")
    )
    same_malmquist(name, panel, options, columns, n_rows=60)


def by_key(result: ProductivityResult) -> dict[tuple[str, int], int]:
    return {k: i for i, k in enumerate(zip(result.unit, result.period_to, strict=True))}


def test_global_ml_equals_the_published_stata_log() -> None:
    c = case("dea.gml.china30")
    result = malmquist_luenberger(china30("K", "L"), method="global")
    row = by_key(result)
    lines = file("dea/stata_gtfpch_ex3_gml.txt").read_text().splitlines()
    assert len(lines) == 60
    for line in lines:
        name, year, *printed = line.split()
        i = row[name, int(year)]
        ours = (result.index[i], result.efficiency_change[i], result.technical_change[i])
        assert ours == pytest.approx([float(v) for v in printed], abs=c["tol"])


def test_directional_distance_equals_the_published_stata_log() -> None:
    c = case("dea.ddf.china30")
    result = evaluate(china30("K", "L"), Technology("ddf", direction="all"))
    score = dict(zip(zip(result.unit, result.period, strict=True), result.score, strict=True))
    lines = file("dea/stata_teddf_ex1_ddf.txt").read_text().splitlines()
    assert len(lines) == 30
    for line in lines:
        name, *printed = line.split()
        for year, value in zip((2013, 2014, 2015), printed, strict=True):
            assert score[name, year] == pytest.approx(float(value), abs=c["tol"])


def test_strict_ml_keeps_the_distances_that_bounded_betas_lose() -> None:
    """All 60 rows: 59 indices, 8 negative cross-period distances among them.

    The row that the other programme leaves empty is an infeasible programme, and we say so.
    """
    c = case("dea.ml.china30_strict")
    result = malmquist_luenberger(china30("K", "L"), rule="strict")
    row = by_key(result)
    lost = 0
    for year in (2014, 2015):
        e = c["expected"][f"china30_{year - 1}_{year}"]
        lost += sum(v is not None and v < -1e-9 for v in e["d_t_on_t1"] + e["d_t1_on_t"])
        for k, name in enumerate(e["id"]):
            i = row[name, year]
            assert result.efficiency_change[i] == pytest.approx(e["ec"][k], abs=c["tol"])
            if e["ml"][k] is None:
                assert (name, year) == ("Neimenggu", 2015)
                assert result.status[i] == "infeasible"
                assert result.reason[i] == "crs frontier 2014, data of 2015: infeasible"
                continue
            assert result.status[i] == "optimal"
            assert result.index[i] == pytest.approx(e["ml"][k], abs=c["tol"])
            assert result.technical_change[i] == pytest.approx(e["tc"][k], abs=c["tol"])
    assert lost == 8
    assert result.counts() == {"optimal": 59, "infeasible": 1}
    assert set(result.columns()["bads_rule"]) == {"equality"}


def test_gm11_of_the_textbook_example() -> None:
    c = case("grey.gm11.changge")
    e, tol = c["expected"], c["tol"]
    model = gm11([float(r["x0"]) for r in table("grey_entropy/gm11_changge.csv")])
    assert model.a == pytest.approx(e["a_full"], abs=1e-14)
    assert model.b == pytest.approx(e["b_full"], rel=1e-13)
    assert model.a == pytest.approx(e["a"], abs=tol["a"])
    assert model.b == pytest.approx(e["b"], abs=tol["b"])
    assert model.c == pytest.approx(e["C"], abs=tol["C"])
    assert model.p == e["P"]
    assert model.s1 == pytest.approx(e["S1"], abs=tol["S1"])
    assert model.residual.mean() == pytest.approx(e["mean_residual"], abs=tol["mean_residual"])
    # The printed S2 and mean residual come from fitted values cut to whole numbers (29553,
    # 32336, 35381); with those both are met exactly. Unrounded, S2 is 32.596, not 32.657.
    cut = model.observed - np.floor(model.fitted)
    assert cut.mean() == e["mean_residual"]
    assert cut.std() == pytest.approx(e["S2"], abs=tol["S2"])
    assert model.s2 == pytest.approx(32.596, abs=1e-3)
    assert model.observed.mean() == pytest.approx(e["mean_x0"])
