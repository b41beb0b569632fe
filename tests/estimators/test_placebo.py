"""Placebo engine: against pyfixest draw by draw, invariances, size, exact cases, bad input."""

from __future__ import annotations

import gc
import json
import math
import os
import subprocess
import sys
import tracemalloc
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cbec.estimators.absorb import build_basis, build_projector, fit_treatment, residualise
from cbec.estimators.panel import factor_codes, prepare_panel
from cbec.estimators.permutations import (
    count_assignments,
    every_assignment,
    first_treated,
    plan_assignments,
    random_assignments,
)
from cbec.estimators.placebo import (
    leave_one_out,
    placebo_frame,
    placebo_statistics,
    placebo_test,
    time_placebo,
    treatment_columns,
)

#: Agreement with pyfixest 0.40.1, absolute for coefficients and relative for t.
PARITY = 1e-9
#: pyfixest demeans by iteration; its default tolerance is coarser than the required parity.
TIGHT: dict[str, Any] = {
    "fixef_tol": 1e-13,
    "fixef_maxiter": 200_000,
    "demeaner_backend": "rust",
}
KEYS: dict[str, Any] = {"outcome": "y", "treatment": "d", "unit": "city", "time": "year"}
TWO_WAY: dict[str, Any] = {**KEYS, "fixed_effects": ("city", "year")}


def make_panel(*, n_units: int = 40, n_times: int = 7, seed: int = 0, effect: float = 0.3) -> pd.DataFrame:
    """Cities in provinces of five, cohorts 2013 and 2015 and never treated, two controls."""
    rng = np.random.default_rng(seed)
    city = np.repeat(np.arange(n_units), n_times)
    year = np.tile(np.arange(2010, 2010 + n_times), n_units)
    start = np.array([9999, 2013, 2015, 9999])[np.arange(n_units) % 4][city]
    data = pd.DataFrame({"city": city, "year": year, "province": city // 5})
    data["d"] = (year >= start).astype(int)
    data["x1"] = rng.normal(size=city.size) + rng.normal(size=n_units)[city]
    data["x2"] = rng.normal(size=city.size) + 0.3 * data["d"]
    shock = rng.normal(size=n_units)[city] + rng.normal(size=n_times)[year - 2010]
    drift = rng.normal(size=n_units)[city] * (year - 2013) * 0.2
    data["y"] = effect * data["d"] + 0.5 * data["x1"] + shock + drift
    data["y"] += rng.normal(size=city.size)
    return data


def unbalanced(data: pd.DataFrame, share: float = 0.7, seed: int = 3) -> pd.DataFrame:
    """A random part of the rows, one city with a single row (a singleton)."""
    part = data.sample(frac=share, random_state=seed)
    lonely = part["city"].iloc[0]
    return part.loc[(part["city"] != lonely) | (part.index == part.index[0])]


def pyfixest_fits(
    data: pd.DataFrame, controls: Sequence[str], effects: Sequence[str], clusters: Sequence[str]
) -> list[tuple[float, float, float]]:
    """Coefficient, t and p of `d` by pyfixest, for each way of clustering."""
    import pyfixest as pf  # here, so that processes that do not need it start quickly

    gc.freeze()  # every fit collects garbage, which costs more than the fit
    formula = "y ~ " + " + ".join(("d", *controls))
    formula += f" | {' + '.join(effects)}" if effects else ""
    out = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = pf.feols(formula, data, vcov={"CRV1": clusters[0]}, **TIGHT)
        for cluster in clusters:
            fit.vcov({"CRV1": cluster}).get_inference()
            out.append((fit.coef()["d"], fit.tstat()["d"], fit.pvalue()["d"]))
    return [(float(a), float(b), float(c)) for a, b, c in out]


def pyfixest_fit(
    data: pd.DataFrame, controls: Sequence[str], effects: Sequence[str], cluster: str
) -> tuple[float, float, float]:
    return pyfixest_fits(data, controls, effects, (cluster,))[0]


@pytest.mark.parametrize("is_balanced", [True, False])
@pytest.mark.parametrize("effects", [(), ("city",), ("year",), ("city", "year")])
@pytest.mark.parametrize("controls", [(), ("x1", "x2")])
def test_every_draw_equals_pyfixest(
    is_balanced: bool, effects: tuple[str, ...], controls: tuple[str, ...]
) -> None:
    data = make_panel() if is_balanced else unbalanced(make_panel())
    clusters, draws = ("city", "province", "year"), 2
    options: dict[str, Any] = {**KEYS, "controls": controls, "fixed_effects": effects}
    panel = prepare_panel(data, **options)
    plan = plan_assignments(panel, scheme="cohort")
    placebo = np.concatenate(list(random_assignments(plan, draws=draws, seed=5)))
    columns = treatment_columns(panel, plan, placebo)
    rows = data.iloc[panel.row_position]
    real = pyfixest_fits(data, controls, effects, clusters)
    each = [
        pyfixest_fits(rows.assign(d=columns[:, draw]), controls, effects, clusters) for draw in range(draws)
    ]
    for i, cluster in enumerate(clusters):
        result = placebo_test(
            data, scheme="cohort", draws=draws, seed=5, exact="never", cluster=cluster, **options
        )
        fit = result.estimate
        assert fit.estimate == pytest.approx(real[i][0], abs=PARITY)
        assert fit.t_value == pytest.approx(real[i][1], rel=PARITY)
        assert fit.p_value == pytest.approx(real[i][2], rel=1e-8)
        assert result.n_degenerate == 0 and np.ptp(result.coefficients) > 0.001
        for draw in range(draws):
            coefficient, t_value, p_value = each[draw][i]
            assert result.coefficients[draw] == pytest.approx(coefficient, abs=PARITY)
            assert result.t_values[draw] == pytest.approx(t_value, rel=PARITY)
            assert result.p_values[draw] == pytest.approx(p_value, rel=1e-8)


@pytest.mark.parametrize("scheme", ["space", "mixed"])
@pytest.mark.parametrize("is_balanced", [True, False])
def test_other_schemes_equal_pyfixest(scheme: str, is_balanced: bool) -> None:
    data = make_panel() if is_balanced else unbalanced(make_panel())
    options = {**TWO_WAY, "controls": ("x1", "x2"), "cluster": "province", "strata": "province"}
    result = placebo_test(data, scheme=scheme, draws=3, seed=1, **options)
    panel = prepare_panel(data, **options)
    plan = plan_assignments(panel, scheme=scheme)
    placebo = np.concatenate(list(random_assignments(plan, draws=3, seed=1)))
    columns = treatment_columns(panel, plan, placebo)
    for position, draw in enumerate(result.draw_ids):
        rows = data.iloc[panel.row_position].assign(d=columns[:, draw])
        expected = pyfixest_fit(rows, ("x1", "x2"), ("city", "year"), "province")
        assert result.coefficients[position] == pytest.approx(expected[0], abs=PARITY)
        assert result.t_values[position] == pytest.approx(expected[1], rel=PARITY)


def test_province_by_year_effects_equal_pyfixest() -> None:
    data = unbalanced(make_panel())
    data["cell"] = data["province"] * 10_000 + data["year"]
    panel = prepare_panel(data, **KEYS, fixed_effects=("city", "cell"), controls=("x1",))
    expected = pyfixest_fit(data, ("x1",), ("city", "cell"), "city")
    fit = fit_treatment(panel)
    assert fit.estimate == pytest.approx(expected[0], abs=PARITY)
    assert fit.t_value == pytest.approx(expected[1], rel=PARITY)
    assert fit.n_singletons == len(data) - fit.n_obs > 0


@pytest.mark.parametrize(
    ("effects", "estimate", "se"),
    [
        (("firm",), 0.110123804120719, 0.0151944939427174),
        (("firm", "year"), 0.117715855082606, 0.0108244294768637),
    ],
)
def test_grunfeld_equals_r_fixest(effects: tuple[str, ...], estimate: float, se: float) -> None:
    """R fixest 0.14.2, feols(invest ~ value + capital | effects, cluster = ~firm), ten firms."""
    from statsmodels.datasets import grunfeld

    data = grunfeld.load_pandas().data.query("firm != 'American Steel'")
    fit = fit_treatment(
        prepare_panel(
            data,
            outcome="invest",
            treatment="value",
            unit="firm",
            time="year",
            controls=("capital",),
            fixed_effects=effects,
        )
    )
    assert fit.estimate == pytest.approx(estimate, abs=1e-8)
    assert fit.se == pytest.approx(se, abs=1e-8)


def test_collinear_control_is_dropped_and_recorded() -> None:
    data = make_panel().assign(x3=lambda f: 2 * f["x1"] - f["year"] + f["city"])
    options = {**TWO_WAY, "controls": ("x1", "x3", "x2")}
    result = placebo_test(data, draws=20, **options)
    assert result.estimate.dropped_controls == ("x3",)
    expected = pyfixest_fit(data, ("x1", "x2"), ("city", "year"), "city")
    assert result.estimate.t_value == pytest.approx(expected[1], rel=PARITY)


def test_residuals_equal_least_squares_on_dummies() -> None:
    data = unbalanced(make_panel(n_units=12))
    effects = [factor_codes(data[name]) for name in ("city", "year", "province")]
    dummies = np.column_stack([np.eye(codes.max() + 1)[codes] for codes in effects])
    values = data[["y", "x1"]].to_numpy()
    expected = values - dummies @ np.linalg.lstsq(dummies, values, rcond=None)[0]
    actual = residualise(build_projector(effects, len(data)), values)
    np.testing.assert_allclose(actual, expected, atol=1e-12)


def test_disconnected_panel_is_projected_exactly() -> None:
    data = make_panel(n_units=8, n_times=6)
    early = (data["city"] < 4) & (data["year"] < 2013)
    late = (data["city"] >= 4) & (data["year"] >= 2013)
    data = data.loc[early | late]
    effects = [factor_codes(data[name]) for name in ("city", "year")]
    dummies = np.column_stack([np.eye(codes.max() + 1)[codes] for codes in effects])
    values = data["y"].to_numpy()
    expected = values - dummies @ np.linalg.lstsq(dummies, values, rcond=None)[0]
    actual = residualise(build_projector(effects, len(data)), values)
    np.testing.assert_allclose(actual, expected, atol=1e-12)


# --- schemes ------------------------------------------------------------------------------


def assignments(data: pd.DataFrame, scheme: str, **options: Any) -> tuple[Any, Any, np.ndarray]:
    panel = prepare_panel(data, **TWO_WAY, strata=options.pop("strata", None))
    plan = plan_assignments(panel, scheme=scheme, **options)
    return panel, plan, np.concatenate(list(random_assignments(plan, draws=200, seed=2)))


def test_cohort_scheme_keeps_cohort_sizes_within_strata() -> None:
    panel, plan, placebo = assignments(make_panel(), "cohort", strata="province")
    assert (np.sort(placebo, axis=1) == np.sort(plan.codes)).all()
    for stratum in range(panel.strata.max() + 1):
        members = panel.strata == stratum
        assert (np.sort(placebo[:, members], axis=1) == np.sort(plan.codes[members])).all()
    assert (placebo != plan.codes).any(axis=1).mean() > 0.99


def test_every_unit_is_treated_equally_often() -> None:
    _, plan, placebo = assignments(make_panel(), "cohort")
    share = (placebo != plan.never).mean(axis=0)
    assert abs(share.mean() - 0.5) < 1e-12
    assert share.min() > 0.34 and share.max() < 0.66  # 200 draws: four standard errors


def test_mixed_scheme_keeps_number_of_treated_units_and_dates() -> None:
    _, plan, placebo = assignments(make_panel(), "mixed", dates=(2012, 2014, 2016))
    assert ((placebo != plan.never).sum(axis=1) == 20).all()
    assert set(np.unique(placebo)) == {2, 4, 6, plan.never}
    dates, counts = np.unique(placebo[placebo != plan.never], return_counts=True)
    assert counts.min() > 0.9 * counts.sum() / dates.size


def test_mixed_batches_keep_sizes_and_distinct_dates() -> None:
    _, plan, placebo = assignments(make_panel(), "mixed", timing="batch")
    for row in placebo:
        dates, sizes = np.unique(row[row != plan.never], return_counts=True)
        assert sizes.tolist() == [10, 10] and dates.min() >= 1
    assert len({tuple(np.unique(row)) for row in placebo}) > 5


def test_space_scheme_moves_paths_that_switch_off() -> None:
    data = make_panel()
    data.loc[(data["city"] == 1) & (data["year"] == 2016), "d"] = 0
    panel, plan, placebo = assignments(data, "space")
    columns = treatment_columns(panel, plan, placebo[:5])
    paths = columns.reshape(panel.n_units, -1, 5)
    real = panel.treatment.reshape(panel.n_units, -1)
    for draw in range(5):
        moved = sorted(map(tuple, paths[:, :, draw]))
        assert moved == sorted(map(tuple, real))
    assert plan.paths is not None


def test_never_treated_pool_leaves_treated_units_out() -> None:
    data = make_panel()
    spoiled = data.copy()
    spoiled.loc[spoiled["d"].eq(1), "y"] += 1000.0
    options = {**TWO_WAY, "pool": "never_treated", "draws": 50, "order": "label"}
    clean, broken = placebo_test(data, **options), placebo_test(spoiled, **options)
    np.testing.assert_allclose(clean.coefficients, broken.coefficients, atol=1e-12)
    assert clean.n_placebo_treated == 20 and broken.p_value_coefficient == pytest.approx(1 / 51)


def test_time_placebo_equals_pyfixest_on_untreated_cells() -> None:
    data = make_panel()
    result = time_placebo(data, **TWO_WAY, shifts=(1, 2), controls=("x1",))
    start = data["city"].map(lambda c: [9999, 2013, 2015, 9999][c % 4])
    for shift, fit, cells in zip((1, 2), result.estimates, result.n_placebo_cells, strict=True):
        sample = data.assign(d=(data["year"] >= start - shift).astype(int))
        sample = sample.loc[data["d"] == 0]
        expected = pyfixest_fit(sample, ("x1",), ("city", "year"), "city")
        assert fit.estimate == pytest.approx(expected[0], abs=PARITY)
        assert fit.t_value == pytest.approx(expected[1], rel=PARITY)
        assert cells == sample["d"].sum() == 20 * shift
    assert result.n_units_used.tolist() == [20, 20]


def test_time_placebo_does_not_see_treated_cells() -> None:
    data = make_panel()
    spoiled = data.assign(y=data["y"] + 1000.0 * data["d"])
    one, two = (time_placebo(f, **TWO_WAY, shifts=(2,)).estimates[0] for f in (data, spoiled))
    assert one == two


# --- exact --------------------------------------------------------------------------------


def cross_section(control: list[float], treated: list[float]) -> pd.DataFrame:
    values = control + treated
    data = pd.DataFrame({"city": range(len(values)), "year": 1, "y": values})
    data["d"] = (data["city"] >= len(control)).astype(int)
    return data


PLANT_CONTROL = [4.17, 5.58, 5.18, 6.11, 4.50, 4.61, 5.17, 4.53, 5.33, 5.14]
PLANT_ONE = [4.81, 4.17, 4.41, 3.59, 5.87, 3.83, 6.03, 4.89, 4.32, 4.69]
PLANT_TWO = [6.31, 5.12, 5.54, 5.50, 5.37, 5.29, 4.92, 6.15, 5.80, 5.26]


@pytest.mark.parametrize(
    ("treated", "z", "p", "difference"),
    [
        (PLANT_TWO, 1.958678576342, 0.04833401892225, 0.494),
        (PLANT_ONE, -1.178335427973, 0.247926995605, -0.371),
    ],
)
def test_all_184756_assignments_of_plant_growth(
    treated: list[float], z: float, p: float, difference: float
) -> None:
    """R's PlantGrowth; z and the exact p by R coin's independence_test."""
    data = cross_section(PLANT_CONTROL, treated)
    result = placebo_test(data, **KEYS, scheme="space", exact="always")
    assert result.n_draws == math.comb(20, 10) == 184_756
    assert result.estimate.estimate == pytest.approx(difference, abs=1e-12)
    # the permutation distribution's own standard deviation gives coin's standardised z
    assert difference / result.coefficients.std() == pytest.approx(z, abs=1e-9)
    assert result.p_value_coefficient == pytest.approx(p, abs=1e-12)


def test_ten_cities_are_enumerated() -> None:
    values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.5, 8.0, 9.0, 11.0]
    result = placebo_test(cross_section(values[:6], values[6:]), **KEYS, scheme="space", draws=1000)
    # the four largest are treated: one assignment of 210 is as extreme, one as low
    assert result.exact and result.n_draws == 210 and result.seed is None
    direct = placebo_test(
        cross_section(values[:6], values[6:]), **KEYS, scheme="space", draws=1000, exact="never"
    )
    mean = np.mean(values)
    lowest = abs(np.mean(values[:4]) - mean) >= abs(np.mean(values[6:]) - mean)
    assert result.p_value_coefficient == pytest.approx((1 + int(lowest)) / 210)
    assert not direct.exact and abs(direct.p_value_coefficient - result.p_value_coefficient) < 0.02


def test_enumeration_lists_each_assignment_once() -> None:
    data = make_panel(n_units=10)
    panel = prepare_panel(data, **TWO_WAY, strata="province")
    plan = plan_assignments(panel, scheme="cohort")
    rows = np.concatenate(list(every_assignment(plan, block=7)))
    assert len(rows) == count_assignments(plan) == len(np.unique(rows, axis=0))
    assert (rows == plan.codes).all(axis=1).sum() == 1
    for stratum in (0, 1):
        members = panel.strata == stratum
        assert (np.sort(rows[:, members], axis=1) == np.sort(plan.codes[members])).all()


def test_p_value_with_and_without_correction() -> None:
    data = make_panel(effect=30.0)
    plain = placebo_test(data, **TWO_WAY, draws=99, plus_one=False)
    corrected = placebo_test(data, **TWO_WAY, draws=99)
    assert plain.p_value_coefficient == 0.0 and corrected.p_value_coefficient == pytest.approx(0.01)
    weak = placebo_test(make_panel(effect=0.0), **TWO_WAY, draws=199, plus_one=False)
    share = np.mean(np.abs(weak.t_values) >= abs(weak.estimate.t_value))
    assert weak.p_value_t == pytest.approx(share) and 0 < share < 1


# --- invariances --------------------------------------------------------------------------


def same_draws(one: Any, two: Any, scale: float = 1.0) -> None:
    np.testing.assert_allclose(one.coefficients * scale, two.coefficients, rtol=1e-9)
    np.testing.assert_allclose(one.t_values, two.t_values, rtol=1e-8)
    assert (one.p_value_coefficient, one.p_value_t) == (two.p_value_coefficient, two.p_value_t)


SCHEMES = st.sampled_from(["space", "mixed", "cohort"])
FEW = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)


@FEW
@given(scheme=SCHEMES, seed=st.integers(0, 2**32 - 1), is_balanced=st.booleans())
def test_row_order_does_not_matter(scheme: str, seed: int, is_balanced: bool) -> None:
    data = make_panel() if is_balanced else unbalanced(make_panel())
    options = {**TWO_WAY, "scheme": scheme, "seed": seed, "draws": 30, "strata": "province"}
    shuffled = data.sample(frac=1, random_state=seed % 1000)
    one = placebo_test(data, **options, controls=("x1",))
    two = placebo_test(shuffled, **options, controls=("x1",))
    np.testing.assert_array_equal(one.coefficients, two.coefficients)
    np.testing.assert_array_equal(one.t_values, two.t_values)


@FEW
@given(scheme=SCHEMES, seed=st.integers(0, 2**32 - 1))
def test_unit_and_stratum_labels_do_not_matter(scheme: str, seed: int) -> None:
    data = make_panel()
    rng = np.random.default_rng(seed)
    city, province = rng.permutation(40), rng.permutation(8)
    renamed = data.assign(
        city=[f"c{city[c]:03d}" for c in data["city"]],
        province=[f"p{province[p]}" for p in data["province"]],
    )
    options = {**TWO_WAY, "scheme": scheme, "seed": seed, "draws": 30, "strata": "province"}
    one, two = placebo_test(data, **options), placebo_test(renamed, **options)
    np.testing.assert_array_equal(one.coefficients, two.coefficients)
    assert one.p_value_t == two.p_value_t


@FEW
@given(scale=st.floats(1e-4, 1e5), shift=st.floats(-100, 100), unit=st.floats(1e-3, 1e4))
def test_units_of_measure_scale_coefficients_only(scale: float, shift: float, unit: float) -> None:
    data = make_panel()
    rescaled = data.assign(y=data["y"] * scale + shift * scale, x1=data["x1"] * unit - 3)
    options = {**TWO_WAY, "draws": 30, "order": "label", "controls": ("x1", "x2")}
    same_draws(placebo_test(data, **options), placebo_test(rescaled, **options), scale)


@FEW
@given(one=st.integers(0, 2**40), two=st.integers(0, 2**40))
def test_same_seed_same_draws_other_seed_other_draws(one: int, two: int) -> None:
    data = make_panel(n_units=20)
    first, again = (placebo_test(data, **TWO_WAY, draws=20, seed=one) for _ in range(2))
    np.testing.assert_array_equal(first.coefficients, again.coefficients)
    other = placebo_test(data, **TWO_WAY, draws=20, seed=two)
    assert (one == two) == np.array_equal(first.coefficients, other.coefficients)


def test_label_order_gives_the_same_assignments_for_every_outcome() -> None:
    data = make_panel()
    data["z"] = np.random.default_rng(9).normal(size=len(data))
    rows = []
    for outcome in ("y", "z"):
        panel = prepare_panel(data, **{**TWO_WAY, "outcome": outcome}, order="label")
        plan = plan_assignments(panel, scheme="cohort")
        placebo = np.concatenate(list(random_assignments(plan, draws=9, seed=4)))
        rows.append(pd.DataFrame(placebo, columns=panel.unit_labels))
    pd.testing.assert_frame_equal(rows[0], rows[1])


@pytest.mark.parametrize("scheme", ["space", "mixed", "cohort"])
@pytest.mark.parametrize("timing", ["unit", "batch"])
def test_block_size_does_not_change_assignments(scheme: str, timing: str) -> None:
    panel = prepare_panel(make_panel(), **TWO_WAY, strata="province")
    plan = plan_assignments(panel, scheme=scheme, timing=timing)
    one, two = (
        np.concatenate(list(random_assignments(plan, draws=50, seed=8, block=block))) for block in (7, 50)
    )
    np.testing.assert_array_equal(one, two)


def test_memory_bound_changes_nothing_and_holds() -> None:
    data = make_panel(n_units=400)
    options = {**TWO_WAY, "draws": 300, "controls": ("x1", "x2")}
    peaks, results = [], []
    for memory in (0.5, 50.0):
        tracemalloc.start()
        results.append(placebo_test(data, **options, memory_mb=memory))
        peaks.append(tracemalloc.get_traced_memory()[1] / 1e6)
        tracemalloc.stop()
    same_draws(results[0], results[1])
    constant = 8 * len(data) * (4 * 2 + 25) / 1e6
    assert peaks[0] < 0.5 + constant + 0.5  # half a megabyte for results and interpreter
    assert peaks[0] < peaks[1] < 50 + constant


def test_column_types_do_not_matter() -> None:
    data = make_panel()
    other = data.assign(
        d=data["d"].astype(bool),
        x1=data["x1"].astype("Float64"),
        city=data["city"].map("c{:02d}".format).astype("category"),
        year=pd.to_datetime(data["year"].astype(str) + "-12-31"),
        province=data["province"].astype("Int64"),
    )
    other.index = np.repeat(["a", "b"], len(data) // 2)
    options = {**TWO_WAY, "draws": 20, "controls": ("x1",), "cluster": "province"}
    one, two = placebo_test(data, **options), placebo_test(other, **options)
    np.testing.assert_array_equal(one.t_values, two.t_values)
    by = {"by": "cohort", **TWO_WAY}
    left, right = (leave_one_out(frame, **by) for frame in (data, other))
    assert left.estimates == right.estimates and len(left.labels) == 2
    shifts = [time_placebo(frame, **TWO_WAY).estimates for frame in (data, other)]
    assert shifts[0] == shifts[1]


def test_progress_is_called_and_nothing_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    calls: list[tuple[int, int]] = []
    placebo_test(make_panel(), **TWO_WAY, draws=150, progress=lambda *at: calls.append(at))
    assert calls[-1] == (150, 150) and len(calls) == 3
    assert sorted(calls) == calls
    assert capsys.readouterr().out == ""


HASH_SCRIPT = """
import json, sys
sys.path.insert(0, {tests!r})
from test_placebo import make_panel, TWO_WAY
from cbec.estimators.placebo import placebo_test
from cbec.estimators.wild_bootstrap import wild_cluster_bootstrap
data = make_panel(n_units=20)
data["city"] = ["city%d" % c for c in data["city"]]
data["province"] = ["province%d" % p for p in data["province"]]
options = dict(TWO_WAY, controls=("x2", "x1"))
draws = placebo_test(data, draws=15, scheme="mixed", strata="province", **options)
boot = wild_cluster_bootstrap(data, draws=50, weights="webb", **options)
print(json.dumps([draws.coefficients.tolist(), draws.t_values.tolist(), boot.t_star.tolist()]))
"""


def test_two_processes_with_different_hash_seeds_agree_bit_by_bit() -> None:
    root = Path(__file__).resolve().parents[2]
    script = HASH_SCRIPT.format(tests=str(Path(__file__).parent))
    outputs = []
    for hash_seed in ("1", "4242"):
        run = subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(root)},
            capture_output=True,
            text=True,
            check=True,
        )
        outputs.append(json.loads(run.stdout))
    assert outputs[0] == outputs[1]
    assert len(outputs[0][0]) == 15 and len(outputs[0][2]) == 50


# --- size ---------------------------------------------------------------------------------


def test_size_under_the_null_is_nominal() -> None:
    """400 panels without effect, serially correlated: rejections at 10 % within 4 errors."""
    rejected = np.zeros(2)
    for seed in range(400):
        data = make_panel(n_units=16, n_times=5, seed=1000 + seed, effect=0.0)
        result = placebo_test(data, **TWO_WAY, draws=99, seed=seed)
        rejected += [result.p_value_coefficient <= 0.1, result.p_value_t <= 0.1]
    margin = 4 * math.sqrt(0.1 * 0.9 / 400)
    assert (np.abs(rejected / 400 - 0.1) < margin).all()


def test_a_real_effect_is_found() -> None:
    result = placebo_test(make_panel(n_units=80, effect=2.0), **TWO_WAY, draws=199)
    assert result.p_value_coefficient == pytest.approx(1 / 200) and result.p_value_t == pytest.approx(1 / 200)
    assert np.all(np.diff(result.draw_ids) == 1) and len(placebo_frame(result)) == 199


# --- leave one out ------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["province", "cohort", "city"])
def test_leave_one_out_equals_pyfixest(by: str) -> None:
    data = unbalanced(make_panel(n_units=12))
    result = leave_one_out(data, by=by, **TWO_WAY, controls=("x1",))
    panel = prepare_panel(data, **TWO_WAY)
    starts, first = first_treated(panel), {}
    for position, label in enumerate(panel.unit_labels):
        first[label] = [*panel.time_values, 0][starts[position]]
    group = data[by] if by != "cohort" else data["city"].map(first).fillna(0)
    assert set(result.labels) == set(group[group != 0] if by == "cohort" else group)
    for label, fit in list(zip(result.labels, result.estimates, strict=True))[::3]:
        expected = pyfixest_fit(data.loc[group != label], ("x1",), ("city", "year"), "city")
        assert fit.estimate == pytest.approx(expected[0], abs=PARITY)
        assert fit.t_value == pytest.approx(expected[1], rel=PARITY)
    values = [fit.estimate for fit in result.estimates]
    assert (result.smallest, result.largest) == (min(values), max(values))
    assert result.n_sign_changes == sum(v * result.full.estimate < 0 for v in values)


def test_leave_one_out_records_what_cannot_be_estimated() -> None:
    data = make_panel(n_units=8)
    data["d"] = ((data["city"] == 1) & (data["year"] >= 2013)).astype(int)
    result = leave_one_out(data, by="city", **TWO_WAY)
    assert [label for label, _ in result.skipped] == [1]
    assert "no variation" in result.skipped[0][1] and len(result.labels) == 7


# --- bad input ----------------------------------------------------------------------------


def bad_inputs() -> Iterator[tuple[str, pd.DataFrame, dict[str, Any], str]]:
    data = make_panel(n_units=20)
    off = data.copy()
    off.loc[(off["city"] == 1) & (off["year"] == 2016), "d"] = 0
    yield "unknown scheme", data, {"scheme": "random"}, "allowed: space, time, mixed, cohort"
    yield "time scheme", data, {"scheme": "time"}, "time_placebo"
    yield "unknown column", data, {"controls": ("gdp",)}, "no column 'gdp'; nearest: "
    yield "constant outcome", data.assign(y=3.7), {}, "outcome has no variation"
    yield "unit outcome", data.assign(y=data["city"] * 1.1), {}, "outcome has no variation"
    yield "never treated only", data.assign(d=0), {}, "both 0 and 1"
    yield "always treated only", data.assign(d=1), {}, "both 0 and 1"
    yield "dose", data.assign(d=data["d"] * 0.5), {}, "allowed: 0 and 1"
    unit_level = data.assign(d=(data["city"] > 5).astype(int))
    yield "absorbed treatment", unit_level, {}, "treatment has no variation left"
    yield "one cluster", data.assign(province=1), {"cluster": "province"}, "one cluster"
    yield "switches off", off, {"scheme": "cohort"}, "absorbing"
    yield "switches off mixed", off, {"scheme": "mixed"}, "absorbing"
    yield "switches off, unbalanced", off.drop(index=5), {"scheme": "space"}, "balanced panel"
    yield "missing outcome", data.assign(y=data["y"].where(data["city"] != 3)), {}, "7 missing"
    yield "missing key", data.assign(city=data["city"].where(data["city"] != 3)), {}, "missing"
    yield "text control", data.assign(x1="a"), {"controls": ("x1",)}, "holds text"
    yield "duplicate", pd.concat([data, data.head(1)]), {}, "has two rows for year"
    yield "moving strata", data, {"strata": "year"}, "change within a unit"
    yield "own stratum", data, {"strata": "city"}, "one possible assignment"
    yield "no draws", data, {"draws": 0}, "positive"
    yield "unknown pool", data, {"pool": "controls"}, "allowed: all, never_treated"
    yield "unknown date", data, {"scheme": "mixed", "dates": (1999,)}, "allowed: \\[2010"
    few = data.assign(d=((data["city"] % 5 > 0) & (data["year"] > 2013)).astype(int))
    pool = {"pool": "never_treated", "strata": "province"}
    yield "more treated than pool", few, pool, "at most as many treated"
    yield "exact mixed", data, {"scheme": "mixed", "exact": "always"}, "exact='always'"
    yield "exact too many", make_panel(), {"exact": "always"}, "at most 2000000"
    yield "unknown order", data, {"order": "random"}, "allowed: content, label"
    yield "no rows", data.head(0), {}, "no rows"
    single = {"scheme": "mixed", "dates": (2010,)}
    yield "degenerate draws", data, single, "absorb 1000 of 1000"
    three = {"scheme": "mixed", "timing": "batch", "dates": (2012,)}
    yield "dates for cohorts", data, three, "at least one for each"


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [pytest.param(*case[1:], id=case[0]) for case in bad_inputs()],
)
def test_bad_input_is_refused(data: pd.DataFrame, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        placebo_test(data, **{**TWO_WAY, **options})


def test_bad_input_of_time_placebo_and_leave_one_out() -> None:
    data = make_panel(n_units=20)
    with pytest.raises(ValueError, match="whole numbers from 1"):
        time_placebo(data, **TWO_WAY, shifts=(0,))
    with pytest.raises(ValueError, match="allowed: 1 to 4"):
        time_placebo(data, **TWO_WAY, shifts=(6,))
    with pytest.raises(ValueError, match="allowed: cohort, city"):
        leave_one_out(data, **TWO_WAY, by="batch")
    with pytest.raises(ValueError, match="two or more"):
        leave_one_out(data.assign(one=1), **TWO_WAY, by="one")


def test_degenerate_draws_are_left_out_and_counted() -> None:
    """A single placebo treated unit that is treated throughout is absorbed by its own effect."""
    data = make_panel(n_units=16, n_times=5)
    data["d"] = ((data["city"] == 2) & (data["year"] >= 2012)).astype(int)
    panel = prepare_panel(data, **TWO_WAY)
    plan = plan_assignments(panel, scheme="mixed", dates=(2010, 2012))
    codes = np.full((3, 16), plan.never)
    codes[0, 3], codes[1, 3] = 2, 0
    _, _, usable = placebo_statistics(panel, plan, blocks=iter([codes]), total=3)
    assert usable.tolist() == [True, False, False]
    with pytest.raises(ValueError, match="absorb"):
        placebo_test(data, **TWO_WAY, scheme="mixed", dates=(2010, 2012), draws=50)


def test_basis_is_shared_between_fits() -> None:
    panel = prepare_panel(make_panel(), **TWO_WAY)
    assert fit_treatment(panel, build_basis(panel)) == fit_treatment(panel)
