"""Staggered estimators against R on panels without a random number, so that both read the same figures.

R 4.2.2 with did 2.5.1 over DRDID 1.2.3, fixest 0.14.2, bacondecomp 0.1.1, didimputation 0.5.0 and
DIDmultiplegtDYN 2.1.2 (the last version without polars; without its rounding to five digits).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cbec.estimators.diagnostics import FORBIDDEN, bacon_decomposition
from cbec.estimators.staggered.fit import StaggeredFit, fit_staggered


def waves(k: float, n: int) -> np.ndarray:
    return np.round(np.sin(k * np.arange(1, n + 1) ** 1.5), 3)


def grid(units: int, years: int, cohorts: tuple[float, ...]) -> pd.DataFrame:
    frame = pd.DataFrame(
        [(u, 2010 + t) for u in range(units) for t in range(years)], columns=["unit", "year"]
    )
    start = np.array(cohorts)[np.arange(units) % len(cohorts)]
    return frame.assign(first_treated_year=start[frame["unit"]])


def small_cohort() -> pd.DataFrame:
    """300 units, four years, a cohort of three: 95 of 100 propensities lie below 0.01."""
    z = waves(0.9, 300) * 1.5
    treated = np.argsort(-(z + 1.2 * waves(1.7, 300)))[:3]
    frame = grid(300, 4, (np.nan,))
    frame["x"] = z[frame["unit"]]
    frame["first_treated_year"] = np.where(frame["unit"].isin(treated), 2012, np.nan)
    trend = frame["x"] * (frame["year"] - 2010) * 0.8
    frame["y"] = np.round(trend + waves(2.3, len(frame)) + 0.1 * frame["unit"] % 3, 3)
    return frame


def moving_control() -> pd.DataFrame:
    """40 units, eight years, three cohorts and a control that moves every year."""
    frame = grid(40, 8, (np.nan, 2013, 2015, 2016))
    frame["x"] = waves(1.1, len(frame))
    treated = frame["year"] >= frame["first_treated_year"]
    base = waves(2.3, len(frame)) + 0.1 * frame["unit"] + 0.2 * (frame["year"] - 2010) + 0.5 * frame["x"]
    return frame.assign(y=np.round(base + treated * 1.0, 3))


def gappy() -> pd.DataFrame:
    """40 units, ten years, one row in eleven missing."""
    frame = grid(40, 10, (np.nan, 2014, 2016, 2017))
    since = frame["year"] - frame["first_treated_year"]
    effect = np.where(since >= 0, (1 + 0.3 * since) * (frame["unit"] % 3 + 1) / 2, 0)
    frame["x"] = waves(1.1, len(frame))
    base = waves(2.3, len(frame)) + 0.1 * frame["unit"] + 0.2 * (frame["year"] - 2010) + 0.5 * frame["x"]
    frame["y"] = np.round(base + effect, 3)
    hole = ((frame["unit"] * 7 + frame["year"] * 3) % 11 == 0) & (
        frame["year"] != frame["first_treated_year"] - 1
    )
    return frame[~hole].reset_index(drop=True)


def always_treated() -> pd.DataFrame:
    """30 units, eight years; two of six groups are treated from the first year on."""
    frame = grid(30, 8, (2008, 2013, 2015, np.nan, 2010, 2016))
    effect = np.where(frame["year"] >= frame["first_treated_year"], 0.3 * (frame["year"] - 2008), 0)
    return frame.assign(y=np.round(waves(2.3, len(frame)) + 0.1 * frame["unit"] + effect, 3))


def fit(frame: pd.DataFrame, estimator: str, **options: object) -> StaggeredFit:
    return fit_staggered(frame, estimator=estimator, outcome="y", unit="unit", **options)


def events(found: StaggeredFit) -> dict[int, tuple[float, float]]:
    return {e.event_year: (e.estimate, e.std_error) for e in found.events}


def whole(found: StaggeredFit) -> dict[str, tuple[float, float]]:
    return {e.aggregation: (e.estimate, e.std_error) for e in found.effects if e.group is None}


# did: att_gt(xformla = ~x, control_group = "nevertreated", base_period = "universal"), aggte("simple"); then
# ATT(g,t) of 2012 in 2010, 2012 and 2013. diff-diff, which clips at .01, gives 1.183 (.568) for ipw.
SMALL = {
    "ipw": ((0.246886406, 0.48914325), (0.533293387, 0.0917717455, 0.402001066), (0.34727339, 0.367662143, 0.625806302)),
    "dr": ((0.248070654, 0.489372384), (0.532504235, 0.0925666954, 0.403574612), (0.347111045, 0.36780319, 0.62611227)),
    "reg": ((0.241434126, 0.492855021), (0.456607769, 0.189317569, 0.293550683), (0.34795356, 0.354671756, 0.638346715)),
}  # fmt: skip


@pytest.mark.parametrize("method", SMALL)
def test_propensities_of_a_small_cohort_are_not_clipped(method: str) -> None:
    overall, estimates, errors = SMALL[method]
    options = {"controls": ("x",), "method": method, "control_group": "never_treated"}
    found = fit(small_cohort(), "callaway_santanna", **options)
    np.testing.assert_allclose([found.overall.estimate, found.overall.std_error], overall, atol=1e-8)
    shown = events(found)
    np.testing.assert_allclose([shown[e][0] for e in (-2, 0, 1)], estimates, atol=1e-8)
    np.testing.assert_allclose([shown[e][1] for e in (-2, 0, 1)], errors, atol=1e-8)


# did: control_group = "notyettreated", base_period = "universal": the four averages and their errors. Since
# 2.1.2, whose error of the mean over groups was indexed wrongly, that of "group" is ours as well.
MOVING = {
    "reg": ((1.12213903, 0.190309247), (1.01027383, 0.219260228), (1.19158215, 0.181992211), (1.07555525, 0.209423875)),
    "ipw": ((1.11819538, 0.192787607), (1.00804214, 0.220781449), (1.1859036, 0.18746638), (1.07289264, 0.210988433)),
    "dr": ((1.11049432, 0.19147039), (1.00237862, 0.219818738), (1.17297779, 0.185049688), (1.06761772, 0.209979976)),
}  # fmt: skip


@pytest.mark.parametrize("method", MOVING)
def test_a_control_that_moves_gives_the_averages_of_did(method: str) -> None:
    found = whole(fit(moving_control(), "callaway_santanna", controls=("x",), method=method))
    order = ("overall", "dynamic", "group", "calendar")
    np.testing.assert_allclose([found[name] for name in order], MOVING[method], atol=1e-8)


def test_leads_of_a_control_that_moves_equal_did_where_both_read_it_in_one_year() -> None:
    """A varying base; with a universal one did reads the control in the earlier of two years, we at the base."""
    found = events(
        fit(
            moving_control(), "callaway_santanna", controls=("x",), method="dr", base_period="varying",
            first_event=-9,
        )
    )  # fmt: skip
    want = {
        -5: (-0.2003908, 0.3089214), -4: (0.4209302, 0.2291360), -3: (0.3086983, 0.2478076),
        -2: (-0.1645547, 0.2664363), -1: (-0.3968080, 0.2877003), 0: (1.1871187, 0.2387492),
        1: (1.2091428, 0.2204933), 2: (1.3005272, 0.3024724), 3: (0.9815445, 0.4020844),
        4: (0.3335599, 0.4750334),
    }  # fmt: skip
    assert found.keys() == want.keys()
    np.testing.assert_allclose([found[e] for e in want], [want[e] for e in want], atol=1e-7)


def test_sun_abraham_weighs_unit_years_that_are_there() -> None:
    """fixest: feols(y ~ x + sunab(g, year) | unit + year, cluster = ~unit), agg = "att", "cohort", "period".
    By cohort size the overall effect is 1.3056, that of 2017 .4051."""
    found = fit(gappy(), "sun_abraham", controls=("x",), gaps="keep", first_event=-9, last_event=9)
    groups = {e.group: (e.estimate, e.std_error) for e in found.effects if e.aggregation == "group"}
    np.testing.assert_allclose(whole(found)["overall"], (1.30381554, 0.261108617), atol=1e-8)
    want = {2014: (1.44550599, 0.396138828), 2016: (1.7710823, 0.471748207), 2017: (0.429783851, 0.355518119)}
    np.testing.assert_allclose([groups[g] for g in want], list(want.values()), atol=1e-8)
    period = {
        -7: (-0.335027437, 0.434267044), -6: (-0.352444662, 0.383885996), -5: (-0.0991827081, 0.39223312),
        -4: (-0.0307911298, 0.26348788), -3: (-0.0540992396, 0.253160776), -2: (0.111500893, 0.269434218),
        0: (1.02861831, 0.291134548), 1: (0.807256129, 0.256050011), 2: (1.401158, 0.285000917),
        3: (1.89284058, 0.415148475), 4: (1.16648315, 0.472566991), 5: (2.27552464, 0.536366733),
    }  # fmt: skip
    assert events(found).keys() == period.keys()
    np.testing.assert_allclose([events(found)[e] for e in period], list(period.values()), atol=1e-8)


# bacondecomp: treated, compared with (None: never or always), estimate, weight.
BACON = {
    "earlier vs later": [(2013, 2015, 1.945433333, 0.0375), (2013, 2016, 2.323333333, 0.05625), (2015, 2016, 2.29832, 0.03125)],
    "later vs always treated": [(2013, None, 1.149186667, 0.1875), (2015, None, 1.53688, 0.1875), (2016, None, 0.9225, 0.15)],
    "later vs earlier": [(2015, 2013, 1.979833333, 0.0375), (2016, 2013, 1.770933333, 0.0375), (2016, 2015, 1.6437, 0.0125)],
    "treated vs never treated": [(2013, None, 2.927853333, 0.09375), (2015, None, 2.898053333, 0.09375), (2016, None, 2.449833333, 0.075)],
}  # fmt: skip


def test_comparisons_with_units_treated_throughout_are_a_class_of_their_own() -> None:
    table = bacon_decomposition(always_treated(), outcome="y", unit="unit")
    for kind, rows in BACON.items():
        found = table[table["comparison"] == kind].sort_values(["treated_cohort", "control_cohort"])
        assert found["treated_cohort"].tolist() == [row[0] for row in rows]
        assert [None if pd.isna(g) else int(g) for g in found["control_cohort"]] == [row[1] for row in rows]
        np.testing.assert_allclose(found[["estimate", "weight"]], [row[2:] for row in rows], atol=1e-9)
    assert len(table) == 12
    assert table.loc[table["comparison"].isin(FORBIDDEN), "weight"].sum() == pytest.approx(0.6125)


# did_multiplegt_dyn(effects = 5, placebo = 3): event year, estimate, error; then the average total effect.
SWITCHERS = {
    -4: (0.0854, 0.389726135), -3: (0.540077778, 0.254186964), -2: (0.337688889, 0.271776937),
    0: (1.32796111, 0.215490514), 1: (1.30564444, 0.220344891), 2: (1.27485, 0.293311291),
    3: (1.0159, 0.46308534), 4: (0.3633, 0.527452706),
}  # fmt: skip
# The same with controls = "x".
SWITCHERS_X = {
    -4: (0.0384581693, 0.404409781), -3: (0.468421069, 0.224254055), -2: (0.346190043, 0.243836589),
    0: (1.16795193, 0.240702383), 1: (1.21488846, 0.21676655), 2: (1.32225165, 0.277391317),
    3: (0.761638415, 0.463106843), 4: (0.2059609, 0.461325808),
}  # fmt: skip


def test_switchers_have_the_degrees_of_freedom_of_the_authors() -> None:
    found = fit(moving_control(), "de_chaisemartin_dhaultfoeuille")
    assert events(found).keys() == SWITCHERS.keys()
    np.testing.assert_allclose([events(found)[e] for e in SWITCHERS], list(SWITCHERS.values()), atol=1e-8)
    np.testing.assert_allclose(whole(found)["overall"], (1.18297167, 0.20178691), atol=1e-8)


def test_switchers_with_controls_come_within_two_per_cent_of_the_authors_error() -> None:
    """Their variance also counts the estimated slopes; without degrees of freedom the gap is 10 per cent."""
    found = fit(moving_control(), "de_chaisemartin_dhaultfoeuille", controls=("x",))
    ours, theirs = np.array([events(found)[e] for e in SWITCHERS_X]), np.array(list(SWITCHERS_X.values()))
    np.testing.assert_allclose(ours[:, 0], theirs[:, 0], atol=1e-8)
    np.testing.assert_allclose(ours[:, 1], theirs[:, 1], rtol=0.02)
    np.testing.assert_allclose(whole(found)["overall"], (1.07606238, 0.198870962), rtol=0.002)


# did_imputation(horizon = TRUE, pretrends = TRUE), then pretrends = -3:-1; lags are the same.
LEADS = {
    "base": {-6: (0.400426768, 0.451295527), -5: (0.11658309, 0.260115851), -4: (0.312079266, 0.209676273),
             -3: (0.460343746, 0.243101627), -2: (0.214488479, 0.250564445)},
    "window": {-3: (0.200914992, 0.199174227), -2: (-0.0300228204, 0.239793176), -1: (-0.255516027, 0.204991314)},
}  # fmt: skip
LAGS = {
    0: (1.02375555, 0.167160389), 1: (1.0627611, 0.174070995), 2: (1.44552499, 0.257801305),
    3: (1.35564998, 0.31251678), 4: (0.703049984, 0.397760805),
}  # fmt: skip


@pytest.mark.parametrize("leads", LEADS)
def test_leads_of_imputation_have_both_bases_of_didimputation(leads: str) -> None:
    first = -9 if leads == "base" else -3
    found = fit(moving_control(), "imputation", leads=leads, first_event=first)
    want = LEADS[leads] | LAGS
    assert events(found).keys() == want.keys()
    np.testing.assert_allclose([events(found)[e] for e in want], list(want.values()), atol=1e-6)
    said = "event year -1" if leads == "base" else "all years before event year -3"
    assert found.base_period == f"before treatment: {said}; after: all untreated years"


def test_the_leads_of_a_packaged_example_equal_didimputation() -> None:
    """pyfixest's df_het, did_imputation(pretrends = -5:-1); measured against event year -1 they are .018 to .029
    away."""
    from importlib.resources import files

    frame = pd.read_csv(str(files("pyfixest") / "did/data/df_het.csv"))
    frame["first_treated_year"] = frame["g"].where(frame["g"] > 0)
    found = fit_staggered(
        frame, estimator="imputation", outcome="dep_var", unit="unit", leads="window", aggregations=()
    )
    want = {
        -5: (-0.0680646899, 0.0440630365), -4: (0.00764526894, 0.0435466395), -3: (0.0396635882, 0.0435909753),
        -2: (0.000132668637, 0.0445080865), -1: (-0.0030963473, 0.044537676), 0: (1.37307829, 0.042672776),
        1: (1.60210205, 0.0434473703), 2: (1.66571975, 0.0425534041), 3: (1.78746331, 0.0438213464),
    }  # fmt: skip
    np.testing.assert_allclose([events(found)[e] for e in want], list(want.values()), atol=1e-6)


def test_a_window_that_leaves_no_year_before_it_is_refused() -> None:
    with pytest.raises(ValueError, match="no untreated year before event year -9"):
        fit(moving_control(), "imputation", leads="window", first_event=-9)
