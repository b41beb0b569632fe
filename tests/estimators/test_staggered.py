"""Staggered estimators: against other engines and plain formulas, and what no estimator may break."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cbec.estimators.staggered.aggregation import averages
from cbec.estimators.staggered.engines import ESTIMATORS
from cbec.estimators.staggered.fit import StaggeredFit, fit_staggered

ROOT = Path(__file__).resolve().parents[2]
_spec = importlib.util.spec_from_file_location("bench_staggered", ROOT / "bench/staggered.py")
assert _spec is not None and _spec.loader is not None
bench = importlib.util.module_from_spec(_spec)
sys.modules["bench_staggered"] = bench
_spec.loader.exec_module(bench)

MODEL: dict[str, Any] = {"outcome": "y", "unit": "city", "cohort": "first_treated_year"}
CONTROLLED: dict[str, Any] = MODEL | {"outcome": "y_x", "controls": ("x",)}
NO_CONTROLS = ("stacked",)
ROBUST = tuple(name for name in ESTIMATORS if name not in ("twfe", "twfe_event_study"))


@pytest.fixture(scope="module")
def panel() -> pd.DataFrame:
    return bench.simulate_panel(seed=7)


def fit(frame: pd.DataFrame, estimator: str, **options: Any) -> StaggeredFit:
    return fit_staggered(frame, estimator=estimator, **(MODEL | options))


def path(found: StaggeredFit) -> dict[int, float]:
    return {event.event_year: event.estimate for event in found.events}


def parts(found: StaggeredFit, aggregation: str) -> dict[int | None, tuple[float, float]]:
    return {e.group: (e.estimate, e.std_error) for e in found.effects if e.aggregation == aggregation}


def dense(
    frame: pd.DataFrame, columns: np.ndarray, rows: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Least squares with explicit dummies: coefficients of columns, and fixest's clustered covariance."""
    used = np.ones(len(frame), dtype=bool) if rows is None else rows
    city = pd.get_dummies(frame.city).to_numpy(float)
    year = pd.get_dummies(frame.year).to_numpy(float)[:, 1:]
    x = np.column_stack([columns, city, year])[used]
    y, cluster = frame.y.to_numpy()[used], frame.city.to_numpy()[used]
    bread = np.linalg.pinv(x.T @ x)
    b = bread @ (x.T @ y)
    scores = pd.DataFrame(x * (y - x @ b)[:, None]).groupby(cluster).sum().to_numpy()
    g, n, k = len(scores), len(y), columns.shape[1]
    # City effects are nested in the clusters and count one parameter in all.
    factor = g / (g - 1) * (n - 1) / (n - k - year.shape[1] - 1)
    return b, factor * bread @ scores.T @ scores @ bread


# --- other engines ------------------------------------------------------------------------


def test_event_study_equals_dense_least_squares(panel: pd.DataFrame) -> None:
    found = fit(panel, "twfe_event_study", first_event=-3, last_event=4)
    since = (panel.year - panel.first_treated_year).clip(-3, 4)
    labels = [-3, -2, 0, 1, 2, 3, 4]
    b, v = dense(panel, np.column_stack([(since == e).to_numpy(float) for e in labels]))
    assert list(path(found)) == labels
    np.testing.assert_allclose(list(path(found).values()), b[:7], atol=1e-8)
    np.testing.assert_allclose(found.event_vcov, v[:7, :7], rtol=1e-6)
    assert found.base_period == "event year -1"


def test_event_study_on_a_calendar_base_equals_dense_least_squares(panel: pd.DataFrame) -> None:
    found = fit(panel, "twfe_event_study", base_calendar_year=3)
    ever = panel.first_treated_year.notna()
    labels = [year for year in range(1, 13) if year != 3]
    b, v = dense(panel, np.column_stack([(ever & (panel.year == t)).to_numpy(float) for t in labels]))
    assert list(path(found)) == labels
    np.testing.assert_allclose(list(path(found).values()), b[:11], atol=1e-8)
    np.testing.assert_allclose([e.std_error for e in found.events], np.sqrt(np.diag(v)[:11]), rtol=1e-6)
    assert found.base_period == "calendar year 3"
    assert [effect.aggregation for effect in found.effects] == ["overall"]
    with pytest.raises(ValueError, match="base_calendar_year 99; allowed: 1 to 12"):
        fit(panel, "twfe_event_study", base_calendar_year=99)
    with pytest.raises(ValueError, match="needs never-treated"):
        fit(panel[panel.first_treated_year.notna()], "twfe_event_study", base_calendar_year=3)


def test_sun_abraham_equals_diff_diff(panel: pd.DataFrame) -> None:
    from diff_diff import SunAbraham

    found = fit(panel, "sun_abraham", first_event=-20, last_event=20)
    theirs = SunAbraham().fit(
        panel.assign(g=panel.first_treated_year.fillna(0).astype(int)),
        outcome="y", unit="city", time="year", first_treat="g",
    )  # fmt: skip
    assert abs(found.overall.estimate - theirs.overall_att) < 1e-7
    assert abs(found.overall.std_error - theirs.overall_se) < 1e-7
    for event in found.events:
        row = theirs.event_study_effects[event.event_year]
        np.testing.assert_allclose([event.estimate, event.std_error], [row["effect"], row["se"]], atol=1e-7)


def imputed(frame: pd.DataFrame) -> pd.Series:
    """y less the fit of untreated rows, by dense least squares."""
    untreated = ~(frame.year >= frame.first_treated_year)
    city, year = pd.get_dummies(frame.city).to_numpy(float), pd.get_dummies(frame.year).to_numpy(float)[:, 1:]
    x = np.column_stack([city, year])
    b = np.linalg.lstsq(x[untreated], frame.y[untreated], rcond=None)[0]
    return frame.y - x @ b


@pytest.mark.parametrize("estimator", ["imputation", "two_stage", "extended_twfe"])
def test_three_estimators_average_the_same_imputed_effects(panel: pd.DataFrame, estimator: str) -> None:
    found = fit(panel, estimator, last_event=20)
    data = panel.assign(effect=imputed(panel), e=panel.year - panel.first_treated_year)
    data = data[data.e >= 0]
    assert abs(found.overall.estimate - data.effect.mean()) < 1e-6
    for aggregation, column in (("group", "first_treated_year"), ("calendar", "year"), ("dynamic", "e")):
        want = data.groupby(column).effect.mean()
        ours = parts(found, aggregation)
        assert sorted(ours) == sorted(want.index)
        np.testing.assert_allclose([ours[k][0] for k in want.index], want, atol=1e-6)


@pytest.mark.parametrize("name", ["ImputationDiD", "TwoStageDiD"])
def test_rows_of_other_years_do_not_touch_a_calendar_effect(panel: pd.DataFrame, name: str) -> None:
    """The trick behind calendar effects, where the library has the answer: effects by cohort."""
    import diff_diff

    data = panel.assign(g=panel.first_treated_year.fillna(0).astype(int))
    names = {"outcome": "y", "unit": "city", "time": "year", "first_treat": "g"}
    build = getattr(diff_diff, name)
    by_group = build().fit(data, **names).aggregate("group")
    for g, att, se in zip(by_group.label, by_group.att, by_group.se, strict=True):
        alone = build().fit(data[(data.g == g) | (data.g == 0) | (data.year < data.g)], **names)
        np.testing.assert_allclose([alone.overall_att, alone.overall_se], [att, se], rtol=1e-6)


def test_callaway_santanna_averages_equal_those_of_diff_diff(panel: pd.DataFrame) -> None:
    from diff_diff import CallawaySantAnna

    found = fit(panel, "callaway_santanna", first_event=-20, last_event=20)
    theirs = CallawaySantAnna(
        control_group="not_yet_treated", estimation_method="reg", base_period="universal"
    ).fit(
        panel.assign(g=panel.first_treated_year.fillna(0).astype(int)),
        outcome="y", unit="city", time="year", first_treat="g",
    )  # fmt: skip
    want = theirs.aggregate("event_study")
    keep = np.isfinite(want.se) & (want.se > 0)
    assert list(path(found)) == list(want.event_time[keep])
    np.testing.assert_allclose(list(path(found).values()), want.att[keep], atol=1e-10)
    np.testing.assert_allclose([e.std_error for e in found.events], want.se[keep], atol=1e-10)
    np.testing.assert_allclose(np.sqrt(np.diag(found.event_vcov)), want.se[keep], atol=1e-10)
    np.testing.assert_allclose(
        [found.overall.estimate, found.overall.std_error], [theirs.overall_att, theirs.overall_se], atol=1e-10
    )


def test_callaway_santanna_clusters_as_diff_diff(panel: pd.DataFrame) -> None:
    from diff_diff import CallawaySantAnna

    data = panel.assign(g=panel.first_treated_year.fillna(0).astype(int), province=panel.city // 3)
    found = fit(data, "callaway_santanna", cluster="province")
    theirs = CallawaySantAnna(
        control_group="not_yet_treated", estimation_method="reg", base_period="universal", cluster="province"
    ).fit(data, outcome="y", unit="city", time="year", first_treat="g")
    assert found.n_clusters == theirs.n_clusters == 20
    by_group = theirs.aggregate("group")
    want = dict(zip(map(int, by_group.label), by_group.se, strict=True))
    for group, (_, error) in parts(found, "group").items():
        if group is not None:
            assert abs(error / want[group] - 1) < 1e-9
    assert abs(found.overall.std_error / theirs.overall_se - 1) < 0.02


def test_de_chaisemartin_dhaultfoeuille_equals_callaway_santanna(panel: pd.DataFrame) -> None:
    """The same comparisons without controls; their errors hold the cohort shares fixed."""
    ours = fit(panel, "de_chaisemartin_dhaultfoeuille")
    theirs = fit(panel, "callaway_santanna")
    shared = set(path(ours)) & set(path(theirs)) & set(range(0, 20))
    assert len(shared) == 8
    for event in shared:
        assert abs(path(ours)[event] - path(theirs)[event]) < 1e-9
    assert abs(ours.overall.estimate - theirs.overall.estimate) < 1e-9
    # Adding variances as if event years were independent, the library has 40 % less.
    assert 0.6 * theirs.overall.std_error < ours.overall.std_error < theirs.overall.std_error


def test_extended_twfe_equals_a_regression_in_pyfixest(panel: pd.DataFrame) -> None:
    found = fit(panel, "extended_twfe")
    cells = [(g, t) for g in bench.COHORTS for t in range(g, 13)]
    columns = [((panel.first_treated_year == g) & (panel.year == t)).to_numpy(float) for g, t in cells]
    b, v = dense(panel, np.column_stack(columns))
    weights = np.ones(len(cells)) / len(cells)
    k = len(cells)
    want = [weights @ b[:k], math.sqrt(weights @ v[:k, :k] @ weights)]
    assert abs(found.overall.estimate - want[0]) < 1e-7
    # The library's small-sample factor counts parameters differently.
    assert abs(found.overall.std_error / want[1] - 1) < 0.03


def test_stacked_equals_its_comparisons_one_by_one(panel: pd.DataFrame) -> None:
    found = fit(panel, "stacked")
    wide = panel.pivot(index="city", columns="year", values="y")
    cohort = panel.drop_duplicates("city").set_index("city").first_treated_year
    for event, estimate in path(found).items():
        single = []
        for g in bench.COHORTS:
            change = wide[g + event] - wide[g - 1]
            # Clean for the whole window, which ends two years after treatment.
            clean = cohort.isna() | (cohort > g + 2)
            single.append(change[cohort == g].mean() - change[clean].mean())
        assert abs(estimate - np.mean(single)) < 1e-8
    from diff_diff import StackedDiD

    theirs = StackedDiD(kappa_pre=3, kappa_post=2).fit(
        panel.assign(g=panel.first_treated_year.fillna(0).astype(int)),
        outcome="y", unit="city", time="year", first_treat="g",
    )  # fmt: skip
    ours = [found.overall.estimate, found.overall.std_error]
    np.testing.assert_allclose(ours, [theirs.overall_att, theirs.overall_se], rtol=1e-9)


def test_local_projection_equals_its_regression(panel: pd.DataFrame) -> None:
    found = fit(panel, "lp_did", weights="regression")
    wide = panel.pivot(index="city", columns="year", values="y")
    cohort = panel.drop_duplicates("city").set_index("city").first_treated_year
    rows = []
    for t in range(2, 11):
        # Treated now, or still untreated two years on.
        chosen = (cohort == t) | cohort.isna() | (cohort > t + 2)
        change = (wide[t + 2] - wide[t - 1])[chosen]
        rows.append(pd.DataFrame({"change": change, "d": (cohort[chosen] == t).astype(float), "t": t}))
    data = pd.concat(rows)
    d = data.d - data.groupby("t").d.transform("mean")
    assert abs(path(found)[2] - (d @ data.change) / (d @ data.d)) < 1e-9


def test_equal_weights_make_local_projections_callaway_and_santanna(panel: pd.DataFrame) -> None:
    """Dube, Girardi, Jorda and Taylor (2023), section 3: reweighted, and without covariates, the two agree."""
    ours, theirs = fit(panel, "lp_did"), fit(panel, "callaway_santanna")
    after = {event: estimate for event, estimate in path(theirs).items() if event >= 0}
    assert len(after) >= 5
    for event, estimate in after.items():
        assert abs(path(ours)[event] - estimate) < 1e-9, event
    by_regression = fit(panel, "lp_did", weights="regression")
    assert abs(path(by_regression)[2] - path(ours)[2]) > 1e-3


def test_synthetic_did_of_one_cohort_equals_diff_diff(panel: pd.DataFrame) -> None:
    from diff_diff import SyntheticDiD

    data = panel[panel.first_treated_year.isna() | (panel.first_treated_year == 8)]
    found = fit(data, "synthetic_did")
    theirs = SyntheticDiD(variance_method="jackknife").fit(
        data.assign(d=data.first_treated_year.notna().astype(int)),
        outcome="y", treatment="d", unit="city", time="year", post_periods=[8, 9, 10, 11, 12],
    )  # fmt: skip
    np.testing.assert_allclose(
        [found.overall.estimate, found.overall.std_error], [theirs.att, theirs.se], rtol=1e-6
    )


# --- the truth ----------------------------------------------------------------------------


@pytest.mark.parametrize("estimator", ROBUST)
def test_effects_are_recovered_where_nothing_else_moves(estimator: str) -> None:
    """Almost no noise: robust estimators find the average effect, two-way fixed effects does not."""
    frame = bench.simulate_panel(seed=3)
    noise = np.random.default_rng(1).normal(size=len(frame)) * 1e-6
    frame["y"] = frame.city * 0.1 + frame.year * 0.3 + frame.effect + noise
    found = fit(frame, estimator, last_event=8)
    effects = frame[frame.first_treated_year.notna()]
    since = effects.year - effects.first_treated_year
    assert abs(found.overall.estimate - bench.target(frame, estimator)) < 1e-4
    for event, estimate in path(found).items():
        want = effects.effect[since == event].mean() if event >= 0 else 0.0
        assert abs(estimate - want) < 1e-4, event


@pytest.mark.parametrize(
    ("estimator", "options"),
    [
        ("callaway_santanna", {}),
        ("callaway_santanna", {"controls": ("size",), "method": "dr"}),
        ("callaway_santanna", {"controls": ("size",), "method": "ipw"}),
        ("callaway_santanna", {"base_period": "varying", "control_group": "never_treated"}),
        ("sun_abraham", {}),
        ("imputation", {}),
        ("two_stage", {}),
        ("extended_twfe", {}),
        ("stacked", {}),
    ],
)
def test_anticipation_moves_the_base_back(estimator: str, options: dict[str, Any]) -> None:
    """An effect one year early spoils the year before treatment as a base; with anticipation it does not."""
    frame = bench.simulate_panel(seed=3)
    early = (frame.first_treated_year - frame.year == 1) * 1.0
    rng = np.random.default_rng(1)
    frame["size"] = rng.normal(size=60)[frame.city]
    frame["y"] = frame.city * 0.1 + frame.year * 0.3 + frame.effect + early + rng.normal(size=720) * 1e-6
    want = bench.target(frame, estimator)
    ignoring = fit(frame, estimator, last_event=8, **options)
    allowing = fit(frame, estimator, last_event=8, anticipation=1, **options)
    assert abs(ignoring.overall.estimate - want) > 0.1
    assert abs(allowing.overall.estimate - want) < 1e-4


def test_two_way_fixed_effects_is_biased_under_the_same_conditions() -> None:
    frame = bench.simulate_panel(seed=3)
    frame["y"] = frame.city * 0.1 + frame.year * 0.3 + frame.effect
    noise = np.random.default_rng(1).normal(size=len(frame)) * 1e-6
    found = fit(frame.assign(y=frame.y + noise), "twfe")
    assert found.overall.estimate < 0.6 * bench.target(frame, "twfe")


#: Controls that vary over time take their part; Callaway and Sant'Anna read them at the base period only.
TIME_VARYING = tuple(name for name in ESTIMATORS if name not in (*NO_CONTROLS, "callaway_santanna"))


@pytest.mark.parametrize("estimator", TIME_VARYING)
def test_a_control_takes_its_part(estimator: str) -> None:
    """With a control that moves the outcome the estimate comes nearer to the one without its noise."""
    frame = bench.simulate_panel(seed=11)
    clean = fit(frame, estimator)
    found = fit_staggered(frame, estimator=estimator, **CONTROLLED)
    ignoring = fit(frame, estimator, outcome="y_x")
    assert abs(found.overall.estimate - clean.overall.estimate) < 0.15
    assert found.overall.std_error < 1.05 * ignoring.overall.std_error
    assert "x" in found.formula


@pytest.mark.parametrize("method", ["reg", "ipw", "dr"])
def test_callaway_santanna_adjusts_for_trends_that_go_with_a_control(method: str) -> None:
    """A control that decides both adoption and the trend: ignored it biases, adjusted for it does not."""
    raw, adjusted = [], []
    for seed in range(12):
        frame = bench.simulate_panel(seed=seed, n_each=40)
        rng = np.random.default_rng(100 + seed)
        order = frame.drop_duplicates("city").first_treated_year.fillna(12).rsub(8).to_numpy() / 4
        size = order + rng.normal(size=len(order))
        frame["size"] = size[frame.city]
        frame["y"] += 0.2 * frame["size"] * frame.year
        want = bench.target(frame, "callaway_santanna")
        raw.append(fit(frame, "callaway_santanna").overall.estimate - want)
        found = fit(frame, "callaway_santanna", controls=("size",), method=method)
        adjusted.append(found.overall.estimate - want)
    assert abs(np.mean(raw)) > 0.5
    assert abs(np.mean(adjusted)) < 0.15


# --- invariances --------------------------------------------------------------------------


def numbers(found: StaggeredFit) -> np.ndarray:
    rows = [(e.estimate, e.std_error) for e in (*found.effects, *found.events)]
    return np.array(rows)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_neither_row_order_nor_labels_nor_units_of_measurement_matter(
    panel: pd.DataFrame, estimator: str
) -> None:
    base = numbers(fit(panel, estimator))
    shuffled = panel.sample(frac=1, random_state=3)
    np.testing.assert_allclose(numbers(fit(shuffled, estimator)), base, rtol=0, atol=1e-12)
    labels = np.random.default_rng(5).permutation(60)
    renamed = panel.assign(city=[f"city {labels[c]:02d}" for c in panel.city])
    np.testing.assert_allclose(numbers(fit(renamed, estimator)), base, rtol=1e-5, atol=1e-6)
    scaled = panel.assign(y=1000 * panel.y + 5e4)
    np.testing.assert_allclose(numbers(fit(scaled, estimator)) / 1000, base, rtol=1e-4, atol=1e-5)
    later = panel.assign(year=panel.year + 2000, first_treated_year=panel.first_treated_year + 2000)
    np.testing.assert_allclose(numbers(fit(later, estimator)), base, rtol=1e-6, atol=1e-7)


HASH_SCRIPT = """
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("bench_staggered", {bench!r})
bench = importlib.util.module_from_spec(spec); sys.modules["bench_staggered"] = bench
spec.loader.exec_module(bench)
from cbec.estimators.staggered.fit import fit_staggered
from cbec.estimators.staggered.engines import ESTIMATORS
from cbec.estimators.diagnostics import pretrend_power
from cbec.estimators.sensitivity import honest_did
panel = bench.simulate_panel(seed=2)
panel["city"] = ["city " + str(c) for c in panel["city"]]
out = []
for name in ESTIMATORS:
    fit = fit_staggered(panel, estimator=name, **bench.MODEL, aggregations=("dynamic", "group"))
    out.append([(e.estimate, e.std_error) for e in (*fit.effects, *fit.events)])
    if name == "sun_abraham":
        out.append([p.slope for p in pretrend_power(fit.events, fit.event_vcov)])
        h = honest_did(fit.events, fit.event_vcov, bounds=(1,), with_breakdown=False)
        out.append([h.intervals[0].ci_low, h.intervals[0].ci_high])
print(json.dumps(out))
"""


def test_two_processes_with_different_hash_seeds_agree_bit_by_bit() -> None:
    script = HASH_SCRIPT.format(bench=str(ROOT / "bench/staggered.py"))
    outputs = []
    for hash_seed in ("1", "4242"):
        run = subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        outputs.append(json.loads(run.stdout))
    assert outputs[0] == outputs[1]
    assert len(outputs[0]) == len(ESTIMATORS) + 2


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.dictionaries(st.integers(3, 9), st.integers(1, 30), min_size=1, max_size=5),
    last=st.integers(9, 12),
    seed=st.integers(0, 99),
)
def test_averages_weigh_cells_as_their_names_say(sizes: dict[int, int], last: int, seed: int) -> None:
    cells = [(g, t) for g in sorted(sizes) for t in range(1, last + 1) if t != g - 1]
    effect = dict(zip(cells, np.random.default_rng(seed).normal(size=len(cells)), strict=True))
    b = np.array([effect[c] for c in cells])
    table = pd.DataFrame([(g, t, sizes[g], effect[g, t]) for g, t in cells], columns=["g", "t", "n", "b"])
    post = table[table.t >= table.g]
    rows = {(row.aggregation, row.group): row for row in averages(cells, sizes)}

    def mean(part: pd.DataFrame) -> float:
        return float(np.average(part.b, weights=part.n))

    # Event years from 0 on and calendar years count alike, cohorts by their size (Callaway and Sant'Anna 2021).
    by_cohort = {g: mean(part) for g, part in post.groupby("g")}
    whole = {
        "overall": mean(post),
        "dynamic": np.mean([mean(part) for _, part in post.groupby(post.t - post.g)]),
        "calendar": np.mean([mean(part) for _, part in post.groupby("t")]),
        "group": np.average(list(by_cohort.values()), weights=[sizes[g] for g in by_cohort]),
    }
    for (aggregation, group), row in rows.items():
        assert math.isclose(row.weights.sum(), 1.0, abs_tol=1e-12)
        if group is None:
            expected = whole[aggregation]
        else:
            part = {"group": post[post.g == group], "calendar": post[post.t == group]}.get(
                aggregation, table[table.t - table.g == group]
            )
            expected = mean(part)
        assert math.isclose(row.weights @ b, expected, abs_tol=1e-12), aggregation
        # The slope says how the average moves with a cohort's share.
        cohorts = sorted(sizes)
        for i, g in enumerate(cohorts):
            more = {c: float(n) for c, n in sizes.items()} | {g: sizes[g] + 1e-5}
            moved = next(r for r in averages(cells, more) if (r.aggregation, r.group) == (aggregation, group))
            assert math.isclose((moved.weights - row.weights) @ b / 1e-5, row.slope[i] @ b, abs_tol=1e-3)


@pytest.mark.parametrize("estimator", ESTIMATORS)
@settings(max_examples=4, deadline=None)
@given(
    of_y=st.sampled_from([1e-9, 1e9]), of_x=st.sampled_from([1e-9, 1e8, 1e9]), shift=st.sampled_from([0, 1e4])
)
def test_units_of_outcome_and_controls_scale_the_estimate(
    estimator: str, of_y: float, of_x: float, shift: float
) -> None:
    """Figures in yuan and in shares, controls times 10^8 and far from zero: scaled inside, whichever engine."""
    frame = bench.simulate_panel(seed=7)
    controls = () if estimator in NO_CONTROLS else ("x",)
    plain = fit(frame, estimator, controls=controls)
    moved = frame.assign(y=frame.y * of_y, x=(frame.x + shift) * of_x)
    found = fit(moved, estimator, controls=controls)
    for one, other in zip((*plain.effects, *plain.events), (*found.effects, *found.events), strict=True):
        np.testing.assert_allclose(
            [other.estimate / of_y, other.std_error / of_y],
            [one.estimate, one.std_error],
            rtol=1e-6,
            atol=1e-9,
        )
    if plain.event_vcov is not None:
        np.testing.assert_allclose(found.event_vcov / of_y**2, plain.event_vcov, rtol=1e-5, atol=1e-10)


@pytest.mark.parametrize("method", ["ipw", "dr"])
def test_a_control_in_yuan_is_not_called_collinear(panel: pd.DataFrame, method: str) -> None:
    plain = fit(panel, "callaway_santanna", controls=("x",), method=method).overall
    yuan = panel.assign(x=panel.x * 1e8)
    assert fit(yuan, "callaway_santanna", controls=("x",), method=method).overall.estimate == pytest.approx(
        plain.estimate, abs=1e-9
    )


# --- samples ------------------------------------------------------------------------------


def test_without_never_treated_units_the_years_of_the_last_cohort_leave() -> None:
    frame = bench.simulate_panel(seed=1, never=False)
    for estimator in ROBUST:
        found = fit(frame, estimator)
        assert "effects from 10 on are not identified" in (found.note or "")
        assert "years from 10 on" in found.drop_reason
        assert found.n_dropped == 3 * 48
        assert abs(found.overall.estimate - bench.target(frame[frame.year < 10].assign(
            first_treated_year=frame.first_treated_year.where(frame.first_treated_year < 10)), estimator)) < 1  # fmt: skip
    with pytest.raises(ValueError, match="use control_group='not_yet_treated'"):
        fit(frame, "callaway_santanna", control_group="never_treated")
    with pytest.raises(ValueError, match="no unit is a control"):
        fit(frame[frame.first_treated_year == 6], "imputation")
    # The papers' regression keeps every row.
    assert fit(frame, "twfe").n_dropped == 0


def test_a_cohort_of_one_city_is_kept_and_named(panel: pd.DataFrame) -> None:
    frame = panel[
        ~((panel.first_treated_year == 6) & (panel.city != panel.city[panel.first_treated_year == 6].min()))
    ]
    for estimator in ESTIMATORS:
        found = fit(frame, estimator)
        pools = estimator in ("twfe", "twfe_event_study")
        assert pools or "one unit only in the cohort(s) of 6" in (found.note or "")
        assert "4 of 4 cohorts" in (found.note or "")
        assert found.overall.std_error > 0
        lone = [e for e in found.effects if (e.aggregation, e.group) == ("group", 6)]
        assert all(math.isnan(e.std_error) and math.isnan(e.p_value) for e in lone)
        assert all(math.isfinite(e.estimate) for e in lone)
        if "group" in {e.aggregation for e in found.effects}:
            assert lone
            assert all(e.std_error > 0 for e in found.effects if e.aggregation == "group" and e.group != 6)


def test_one_treated_city_alone_is_refused(panel: pd.DataFrame) -> None:
    first = panel.city[panel.first_treated_year == 6].min()
    frame = panel[panel.first_treated_year.isna() | (panel.city == first)]
    for estimator in ESTIMATORS:
        with pytest.raises(ValueError, match=r"no standard error|jackknife is undefined"):
            fit(frame, estimator)


def test_a_small_control_group_is_named(panel: pd.DataFrame) -> None:
    never = panel.first_treated_year.isna()
    few = panel[~never | panel.city.isin(panel.city[never].unique()[:2])]
    assert "2 unit(s) untreated throughout" in (fit(few, "callaway_santanna").note or "")
    assert "untreated throughout" not in (fit(panel, "callaway_santanna").note or "")
    alone = panel[~never | (panel.city == panel.city[never].min())]
    with pytest.raises(ValueError, match="one control unit carries all the weight"):
        fit(alone, "synthetic_did")


def test_only_paths_measured_from_one_base_have_a_joint_covariance(panel: pd.DataFrame) -> None:
    with_base = {name for name in ESTIMATORS if fit(panel, name, aggregations=()).event_vcov is not None}
    assert with_base == {"twfe_event_study", "callaway_santanna", "sun_abraham", "stacked"}
    assert fit(panel, "callaway_santanna", base_period="varying").event_vcov is None


def test_cities_treated_throughout_leave_and_are_counted(panel: pd.DataFrame) -> None:
    frame = panel.assign(first_treated_year=panel.first_treated_year.replace({4.0: 1.0}))
    for estimator in ROBUST:
        found = fit(frame, estimator)
        assert found.n_dropped == 12 * 12
        assert "12 unit(s) treated from the first period on" in found.drop_reason
    early = fit(panel, "callaway_santanna", anticipation=3)
    assert "12 unit(s) treated from the first period on" in early.drop_reason
    assert early.base_period == "event year -4"


def test_a_gap_drops_or_keeps_its_city(panel: pd.DataFrame) -> None:
    frame = panel.drop(panel.index[[5, 200]])
    dropped = fit(frame, "imputation")
    assert (dropped.n_units, dropped.n_obs) == (58, 58 * 12)
    assert "2 unit(s) with a gap" in dropped.drop_reason
    for estimator in ("twfe", "sun_abraham", "imputation", "two_stage", "callaway_santanna", "lp_did"):
        kept = fit(frame, estimator, gaps="keep")
        assert kept.n_dropped == 0
        assert "2 unit(s) with a gap kept" in (kept.note or "")
    for estimator in ("synthetic_did", "de_chaisemartin_dhaultfoeuille"):
        with pytest.raises(ValueError, match="balanced"):
            fit(frame, estimator, gaps="keep")


def test_a_cohort_that_an_estimator_cannot_use_is_not_counted(panel: pd.DataFrame) -> None:
    """Synthetic difference in differences needs two years before: one year less, the estimate of the rest."""
    first = int(panel["first_treated_year"].min())
    short = panel[panel["year"] >= first - 1]
    found = fit(short, "synthetic_did")
    rest = fit(short[short["first_treated_year"] != first], "synthetic_did")
    assert (found.n_obs, found.n_units, found.n_clusters) == (rest.n_obs, rest.n_units, rest.n_clusters)
    assert found.effects[0] == rest.effects[0]
    n_left = int((short["first_treated_year"] == first).sum())
    assert f"{n_left} rows: cohort with one year before treatment" in found.drop_reason
    assert found.n_dropped == n_left
    assert f"{rest.n_units} of 60 units and 3 of 4 cohorts offered are used" in (found.note or "")


def test_missing_values_are_counted_by_variable(panel: pd.DataFrame) -> None:
    frame = panel.copy()
    frame.loc[frame.index[[0, 1]], "y"] = np.nan
    frame.loc[frame.index[[100]], "x"] = np.nan
    found = fit_staggered(frame, estimator="imputation", **(MODEL | {"controls": ("x",)}))
    assert "2 rows: outcome y missing" in found.drop_reason
    assert "1 rows: control x missing" in found.drop_reason
    assert found.n_dropped == 24
    assert "58 of 60 units and 4 of 4 cohorts offered are used" in (found.note or "")


def test_a_control_that_empties_a_group_is_named(panel: pd.DataFrame) -> None:
    for group, words in ((6.0, "the cohort of 6"), (None, "the never treated")):
        chosen = panel.first_treated_year.isna() if group is None else panel.first_treated_year == group
        frame = panel.assign(x=panel.x.where(~chosen | (panel.year > 2)))
        with pytest.raises(ValueError, match=f"control x is missing so often.*{words}"):
            fit_staggered(frame, estimator="imputation", **(MODEL | {"controls": ("x",)}))


def test_collinear_controls_are_recorded(panel: pd.DataFrame) -> None:
    frame = panel.assign(twice=2 * panel.x, one=1.0)
    found = fit_staggered(frame, estimator="sun_abraham", **(MODEL | {"controls": ("x", "twice", "one")}))
    assert "collinear control dropped: twice" in (found.note or "")
    assert "collinear control dropped: one" in (found.note or "")
    area = panel.assign(area=panel.city % 7)
    absorbed = fit_staggered(area, estimator="twfe", **(MODEL | {"controls": ("area",)}))
    assert "control absorbed by the fixed effects: area" in (absorbed.note or "")


@pytest.mark.parametrize("estimator", ["imputation", "two_stage", "lp_did", "synthetic_did",
                                       "de_chaisemartin_dhaultfoeuille"])  # fmt: skip
def test_a_control_that_no_untreated_row_moves_is_dropped_and_named(
    panel: pd.DataFrame, estimator: str
) -> None:
    treated = panel.year >= panel.first_treated_year
    frame = panel.assign(level=panel.city * 0.7 + panel.year * 0.1 + panel.x * treated)
    found = fit(frame, estimator, controls=("level", "x"))
    assert "varies on no untreated row beyond unit and year dropped: level" in (found.note or "")
    assert found.overall == fit(frame, estimator, controls=("x",)).overall
    assert "dropped" not in (fit(frame, estimator, controls=("x",)).note or "")


def test_a_separated_cohort_is_named_and_does_not_take_the_others_along(panel: pd.DataFrame) -> None:
    frame = panel.assign(x=10.0 * (panel.first_treated_year == 6) + panel.x)
    found = fit(frame, "callaway_santanna", controls=("x",), method="dr")
    words = "no estimate of the cohort of 6 in .*: the controls predict treatment perfectly"
    assert re.search(words, found.note or "")
    assert sorted(g for g in parts(found, "group") if g) == [4, 8, 10]
    # As R's did, whose averages over what is not missing weigh the other cohorts.
    post = [(g, t) for g in (4, 8, 10) for t in range(g, 13)]
    assert found.overall.n_cells == len(post)


def test_separation_everywhere_is_refused(panel: pd.DataFrame) -> None:
    frame = panel.assign(x=10.0 * panel.first_treated_year.notna() + panel.x / 10)
    with pytest.raises(
        ValueError, match=r"with controls x: no estimate after treatment: cohort of 4.*perfectly"
    ):
        fit(frame, "callaway_santanna", controls=("x",), method="ipw", control_group="never_treated")


def spoil(frame: pd.DataFrame, **columns: Any) -> pd.DataFrame:
    return frame.assign(**columns)


BAD = [
    ({"estimator": "cs"}, None, r"estimator 'cs'; allowed: twfe, .*synthetic_did"),
    ({"control_group": "all"}, None, "control_group 'all'; allowed"),
    ({"method": "ols"}, None, "method 'ols'; allowed: reg, ipw, dr"),
    ({"gaps": "fill"}, None, "gaps 'fill'; allowed: drop, keep"),
    ({"anticipation": -1}, None, "anticipation -1"),
    ({"first_event": 2}, None, "events 2 to 7 with base -1"),
    ({"base_calendar_year": 3}, None, "base_calendar_year is no option of callaway_santanna; it is one of twfe_event_study"),
    ({"aggregations": ("cohort",)}, None, "aggregations 'cohort'; allowed"),
    ({"outcome": "yy"}, None, r"no column 'yy'; nearest: .*y"),
    ({"cohort": "first_treated"}, None, "no column 'first_treated'; nearest: first_treated_year"),
    ({"controls": ("x", "x")}, None, "twice"),
    ({}, lambda f: f.iloc[:0], "no rows"),
    ({}, lambda f: pd.concat([f, f.iloc[[3]]]), "unit 0 has two rows for year 4"),
    ({}, lambda f: f.assign(y=1.0), "outcome 'y' is constant"),
    ({}, lambda f: f.assign(y=np.where(f.index == 3, np.inf, f.y)), "infinite on 1 rows"),
    ({}, lambda f: f.assign(y="a"), "holds text"),
    ({}, lambda f: f.assign(year=f.year + 0.5), "whole years"),
    ({}, lambda f: f.assign(first_treated_year=np.nan), "no unit is treated"),
    ({}, lambda f: f.assign(first_treated_year=99.0), "no unit is first treated between"),
    ({}, lambda f: f.assign(first_treated_year=f.first_treated_year.where(f.index != 1, 5)), "changes within unit 0"),
    ({"cluster": "one"}, lambda f: f.assign(one=1), "one cluster of 'one'"),
    ({"cluster": "p"}, lambda f: f.assign(p=f.year % 2), "unit 0 lies in two clusters"),
    ({"treatment": "d"}, lambda f: f.assign(d=f.year.eq(5).astype(int)), "unit 0: 'd' switches off in 6"),
    ({"treatment": "d"}, lambda f: f.assign(d=f.year.ge(5).astype(int)), "unit 0: 'd' is 0 in 4, against"),
    ({"treatment": "d"}, lambda f: f.assign(d=2), "values other than 0 and 1"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "change", "words"), BAD, ids=[str(row[2])[:30] for row in BAD])
def test_bad_input_is_refused_in_words(
    panel: pd.DataFrame, options: dict[str, Any], change: Any, words: str
) -> None:
    frame = panel if change is None else change(panel)
    with pytest.raises(ValueError, match=words):
        fit_staggered(frame, **({"estimator": "callaway_santanna"} | MODEL | options))


@pytest.mark.parametrize("scale", [1.0, 3e9])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_perfect_fit_has_no_error_and_is_refused(panel: pd.DataFrame, estimator: str, scale: float) -> None:
    """As `fit_treatment` and the bootstrap refuse it: what is left of no error is rounding, not an error."""
    treated = (panel.year >= panel.first_treated_year).astype(float)
    with pytest.raises(ValueError, match=f"^{estimator} of 'y'"):
        fit(panel.assign(y=scale * treated), estimator)


@pytest.mark.parametrize("estimator", ["twfe", "sun_abraham", "lp_did", "callaway_santanna"])
def test_a_perfect_fit_beside_effects_of_units_and_years_is_refused(
    panel: pd.DataFrame, estimator: str
) -> None:
    treated = (panel.year >= panel.first_treated_year).astype(float)
    frame = panel.assign(y=treated + 0.3 * panel.city + 0.7 * panel.year**2)
    with pytest.raises(ValueError, match="the fit is perfect, no clustered error"):
        fit(frame, estimator)
    # A thousandth of the noise is still noise.
    assert fit(frame.assign(y=frame.y + 1e-3 * panel.y), estimator).overall.std_error > 0


def test_what_a_library_raises_is_a_refusal(panel: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    for error in (
        ZeroDivisionError("division by zero"),
        OverflowError("x"),
    ):

        def broken(*_: Any, raised: Exception = error) -> Any:
            raise raised

        monkeypatch.setitem(ESTIMATORS, "lp_did", broken)
        with pytest.raises(ValueError, match=f"^lp_did of 'y': {type(error).__name__}: {error}"):
            fit(panel, "lp_did")


def test_a_fault_of_the_code_is_no_refusal(panel: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise TypeError("unsupported operand")

    monkeypatch.setitem(ESTIMATORS, "lp_did", broken)
    with pytest.raises(TypeError, match="unsupported operand"):
        fit(panel, "lp_did")


UNSUPPORTED = [
    ("stacked", {"controls": ("x",)}, "takes no controls"),
    ("stacked", {"cluster": "province"}, "clusters by unit only"),
    ("synthetic_did", {"cluster": "province"}, "clusters by unit only"),
    ("de_chaisemartin_dhaultfoeuille", {"cluster": "province"}, "clusters by unit only"),
    ("lp_did", {"anticipation": 1}, "anticipation is no option of lp_did; it is one of twfe_event_study"),
    ("twfe", {"anticipation": 1}, "anticipation is no option of twfe;"),
    ("imputation", {"control_group": "never_treated"}, "control_group is no option of imputation"),
    ("imputation", {"method": "dr"}, "method is no option of imputation; it is one of callaway_santanna"),
    (
        "imputation",
        {"base": -2},
        "base is no option of imputation; it is one of twfe_event_study, sun_abraham",
    ),
    ("sun_abraham", {"base_period": "varying"}, "base_period is no option of sun_abraham"),
    (
        "extended_twfe",
        {"controls": tuple(f"x{i}" for i in range(13))},
        "too few units for a slope of every control",
    ),
    ("callaway_santanna", {"gaps": "keep", "method": "dr", "controls": ("x",)}, "balanced"),
]


@pytest.mark.parametrize("estimator", ["callaway_santanna", "stacked", "lp_did", "extended_twfe"])
def test_never_treated_controls_change_the_comparison(panel: pd.DataFrame, estimator: str) -> None:
    theirs = fit(panel, estimator)
    ours = fit(panel, estimator, control_group="never_treated")
    assert abs(ours.overall.estimate - theirs.overall.estimate) > 1e-4
    assert abs(ours.overall.estimate - bench.target(panel, estimator)) < 1


@pytest.mark.parametrize("base", [-2, -3])
@pytest.mark.parametrize("estimator", ["twfe_event_study", "sun_abraham"])
def test_the_base_is_left_out_and_may_be_moved(panel: pd.DataFrame, estimator: str, base: int) -> None:
    found = fit(panel, estimator, base=base)
    assert base not in path(found) and -1 in path(found)
    assert found.base_period == f"event year {base}"


@pytest.mark.parametrize(("estimator", "options", "words"), UNSUPPORTED)
def test_what_an_estimator_cannot_do_is_said(
    panel: pd.DataFrame, estimator: str, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        many = {f"x{i}": panel.x**i * panel.city for i in range(13)}
        fit(panel.assign(province=panel.city // 3, **many), estimator, **options)


def test_results_say_what_they_are(panel: pd.DataFrame) -> None:
    for estimator in ESTIMATORS:
        found = fit(panel, estimator)
        assert found.estimator == estimator
        assert (found.n_obs, found.n_units, found.n_clusters, found.n_dropped) == (720, 60, 60, 0)
        assert found.drop_reason == "none"
        assert "{" not in found.formula and " y" in f" {found.formula}"
        assert found.engine.split(" ")[0] in ("pyfixest", "diff-diff")
        effect = found.overall
        assert effect.group is None
        assert effect.ci_low < effect.estimate < effect.ci_high
        if found.event_vcov is not None:
            assert found.event_vcov.shape == (len(found.events),) * 2
            np.testing.assert_allclose(
                np.sqrt(np.diag(found.event_vcov)), [e.std_error for e in found.events], rtol=1e-9
            )
    overall = fit(panel, "callaway_santanna").overall
    assert (overall.n_units, overall.n_cells) == (48, 9 + 7 + 5 + 3)


def test_column_types_of_the_warehouse_are_read(panel: pd.DataFrame) -> None:
    """Nullable integers, decimals and strings, as DuckDB and Arrow give them."""
    from decimal import Decimal

    base = fit(panel, "callaway_santanna").overall
    typed = panel.assign(
        first_treated_year=panel.first_treated_year.astype("Int64"),
        year=panel.year.astype("Int32"),
        city=panel.city.map("{:06d}".format).astype("string"),
        y=panel.y.astype("Float64"),
    )
    assert fit(typed, "callaway_santanna").overall == base
    decimals = panel.assign(y=[Decimal(str(round(y, 6))) for y in panel.y])
    assert abs(fit(decimals, "callaway_santanna").overall.estimate - base.estimate) < 1e-5
    missing = typed.assign(y=typed.y.where(typed.index != 5))
    assert "1 rows: outcome y missing" in fit(missing, "callaway_santanna").drop_reason


def test_averages_nobody_requested_are_left_out(panel: pd.DataFrame) -> None:
    found = fit(panel, "imputation", aggregations=())
    assert [effect.aggregation for effect in found.effects] == ["overall"]
    assert found.events


def test_province_clusters_change_errors_only(panel: pd.DataFrame) -> None:
    frame = panel.assign(province=panel.city // 4)
    for estimator in ESTIMATORS:
        if estimator in ("stacked", "synthetic_did", "de_chaisemartin_dhaultfoeuille"):
            continue
        by_city, by_province = fit(frame, estimator), fit(frame, estimator, cluster="province")
        assert by_province.n_clusters == 15
        assert abs(by_city.overall.estimate - by_province.overall.estimate) < 1e-9
        assert by_city.overall.std_error != by_province.overall.std_error
