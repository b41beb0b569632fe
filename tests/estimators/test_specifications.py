"""What a row of the specification seed means: which rows, which columns, which equation."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cbec.common.words import translate
from cbec.estimators.mediation import mediate
from cbec.estimators.regression import (
    Fit,
    conley_meat,
    fit_least_squares,
    fit_unit_slopes,
    great_circle_km,
)
from cbec.estimators.specification import Specification, Subgroup, Winsor
from cbec.studies.fit import fit_table, run
from cbec.studies.sample import BY_COLUMN, MIN_COVERED, AwaitingDataError, StudyData, assemble
from cbec.studies.tables_design import pretrend_table
from cbec.studies.tables_resampling import inference_table
from tests.conftest import ROOT

CITIES, YEARS = [f"{n:06d}" for n in range(110000, 110012)], range(2010, 2020)
BASE = {
    "study_id": "s", "table_no": "T", "column_no": 1, "estimator": "twfe", "options": None, "outcome": "y",
    "treatment": "is_treated", "treatment_rule": "rule", "controls": "x", "fixed_effects": "prefecture_code + year",
    "vcov": "CRV1:prefecture_code", "sample": "all", "winsor": None, "subgroup": None, "mediator": None, "note": None,
}  # fmt: skip


def warehouse(**changes: Any) -> StudyData:
    """Twelve cities, ten years, six of them treated in 2015; one value of x missing, one of y filled."""
    rng = np.random.default_rng(3)
    panel = pd.DataFrame([(c, t) for c in CITIES for t in YEARS], columns=["prefecture_code", "year"])
    number = panel["prefecture_code"].astype(int) - 110000
    start = np.where(number % 2 == 0, 2015.0, np.nan)
    panel["x"] = rng.normal(size=len(panel))
    panel["m"] = rng.normal(size=len(panel)) + 0.5 * (panel["year"] >= start)
    panel["y"] = (
        number + 0.3 * panel["x"] + 0.4 * panel["m"] + (panel["year"] >= start) + rng.normal(size=len(panel))
    )
    panel["empty"] = np.nan
    panel["region3"] = np.where(number < 6, "east", "west")
    panel["is_resource_based"] = number % 3 == 0
    panel["longitude"], panel["latitude"] = 110 + number * 0.5, 30 + number * 0.1
    panel["province_code"] = np.where(number < 4, "110000", "120000")
    panel.loc[(panel["prefecture_code"] == CITIES[3]) & (panel["year"] == 2012), "x"] = np.nan
    rule = panel[["prefecture_code", "year"]].assign(
        rule_id="rule", is_treated=panel["year"] >= start, first_treated_year=start, batch=1.0
    )
    cells = panel.melt(["prefecture_code", "year"], ["x", "y", "m"], "panel_column", "value").rename(
        columns={"prefecture_code": "region_code"}
    )
    cells = cells.assign(region_level="prefecture", obs_status="A", imputed_share=0.0, is_simulated=False)
    filled = (
        cells["panel_column"].eq("y") & cells["region_code"].eq(CITIES[5]) & cells["year"].isin([2011, 2013])
    )
    cells.loc[filled, ["obs_status", "imputed_share"]] = ["I", 1.0]
    members = panel[["prefecture_code", "year"]].rename(columns={"prefecture_code": "region_code"})
    tables = {
        "specification": pd.DataFrame([BASE | changes]),
        "sample_member": members.assign(sample_id="all", region_level="prefecture"),
        "panel_province_year": panel.head(0),
        "panel_city_year": panel,
        "panel_major_city_year": panel.head(0),
        "panel_cell": cells,
        "treatment_province_year": rule.head(0),
        "treatment_city_year": rule,
        "suspect_cell": pd.DataFrame(
            [("prefecture", CITIES[7], 2014, "x")],
            columns=["region_level", "region_code", "year", "panel_column"],
        ),
        "missing_input": pd.DataFrame(columns=[*BY_COLUMN["missing_input"]]),
        "recomputed_cell": pd.DataFrame(columns=[*BY_COLUMN["recomputed_cell"]]),
    }
    return StudyData(**tables)


def one(**changes: Any) -> Specification:
    return Specification.from_row(BASE | changes)


def test_rows_are_kept_dropped_and_counted() -> None:
    data = warehouse()
    sample = assemble(data, one())
    assert sample.n_offered == 120
    assert len(sample.rows) == 119
    assert sample.reasons == ("1 rows: control x missing",)
    status = sample.status()
    assert status.worst_status == "I"
    assert status.imputed_share == pytest.approx(2 / (2 * 119))
    observed = assemble(data, one(), observed_only=True)
    assert len(observed.rows) == 116
    assert observed.reasons[-2:] == ("2 rows: a cell was filled", "1 rows: a detector flags a cell")
    assert observed.status().imputed_share == 0
    assert observed.note is None


def test_the_observed_variant_takes_what_observed_cells_alone_give() -> None:
    """A computed column is replaced in place and at its lag; a row without such a value leaves with a reason."""
    data = warehouse()
    panel = data.panel_city_year
    x = panel.dropna(subset="x").rename(columns={"prefecture_code": "region_code", "x": "value_of_all"})
    again = x[["region_code", "year", "value_of_all"]].assign(
        region_level="prefecture", panel_column="x", value=x["value_of_all"] * 2 + 1
    )
    # Nothing of one city is left.
    again.loc[again["region_code"] == CITIES[3], "value"] = np.nan
    renewed = replace(data, recomputed_cell=again[[*BY_COLUMN["recomputed_cell"]]])
    spec = one(controls="x + L1.x")
    assert assemble(renewed, spec).rows.equals(assemble(data, spec).rows)
    before = assemble(data, spec, observed_only=True)
    after = assemble(renewed, spec, observed_only=True)
    left = before.rows[before.rows["prefecture_code"] != CITIES[3]]
    assert not before.is_recomputed
    assert after.is_recomputed
    for name in ("x", "L1.x"):
        np.testing.assert_array_equal(after.rows[name], left[name] * 2 + 1)
    np.testing.assert_array_equal(after.rows["y"], left["y"])
    n = len(before.rows) - len(left)
    assert f"{n} rows: no x without filled and flagged cells" in after.reasons
    assert after.note is not None
    n_left = int(again["value"].notna().sum())
    assert (
        after.note.count(f"x computed again from observed cells: {n_left} of 119 values, 11 of 12 units") == 1
    )
    # The same values are the same sample, and its fit is not another one.
    same = replace(
        data, recomputed_cell=again.assign(value=again["value_of_all"])[[*BY_COLUMN["recomputed_cell"]]]
    )
    assert not assemble(same, spec, observed_only=True).is_recomputed
    # A fit on as many rows is not taken for that of all cells.
    clean = data.panel_cell.assign(obs_status="A", imputed_share=0.0)
    whole = again.assign(value=again["value_of_all"] ** 2)[[*BY_COLUMN["recomputed_cell"]]]
    none_out = replace(data, panel_cell=clean, suspect_cell=data.suspect_cell.head(0), recomputed_cell=whole)
    results = [run(none_out, one()), run(none_out, one(), observed_only=True, known=run(none_out, one()))]
    estimates = [fit.terms[0].estimate for fit in (result.fit for result in results) if isinstance(fit, Fit)]
    assert len(estimates) == 2
    assert estimates[0] != estimates[1]
    assert data.digest(spec) != renewed.digest(spec)


def test_lags_come_from_the_year_before_even_outside_of_the_sample() -> None:
    data = warehouse()
    members = data.sample_member[data.sample_member["year"] >= 2012]
    later = replace(data, sample_member=members)
    sample = assemble(later, one(controls="L2.x + L1.m", treatment="L1.is_treated"))
    panel = data.panel_city_year.set_index(["prefecture_code", "year"])
    row = sample.rows.iloc[0]
    assert row["L2.x"] == panel.loc[(row["prefecture_code"], row["year"] - 2), "x"]
    assert row["L1.m"] == panel.loc[(row["prefecture_code"], row["year"] - 1), "m"]
    treated = sample.rows[sample.rows["prefecture_code"] == CITIES[0]].set_index("year")["L1.is_treated"]
    assert treated.loc[2015] == 0
    assert treated.loc[2016] == 1
    # The missing x of 2012 is the second lag of 2014.
    assert "1 rows: control L2.x missing" in sample.reasons
    spec = one(controls="L2.x + L1.m", treatment="L1.is_treated")
    fit = fit_least_squares(sample.rows, spec, unit="prefecture_code")
    assert [term.term for term in fit.terms] == ["L1.is_treated", "L2.x", "L1.m"]


@pytest.mark.parametrize(
    ("subgroup", "cities"),
    [
        ("region3=east", 6),
        ("region3!=east", 6),
        ("is_resource_based=true", 4),
        ("is_resource_based=false", 8),
    ],
)
def test_subgroups_by_value(subgroup: str, cities: int) -> None:
    sample = assemble(warehouse(), one(subgroup=subgroup))
    assert sample.rows["prefecture_code"].nunique() == cities
    assert sample.n_offered == cities * 10


def test_median_groups_are_fixed_before_treatment_and_the_papers_are_not() -> None:
    data = warehouse()
    fixed = [assemble(data, one(subgroup=f"m{sign}median", controls=None)) for sign in (">", "<=")]
    groups = [set(sample.rows["prefecture_code"]) for sample in fixed]
    assert not groups[0] & groups[1]
    assert len(groups[0] | groups[1]) == 12
    panel = data.panel_city_year
    before = panel[panel["year"] < 2015].groupby("prefecture_code")["m"].mean()
    assert groups[0] == set(before.index[before > before.median()])
    moving = assemble(data, one(subgroup="m>median_by_year", controls=None)).rows
    assert moving.groupby("year").size().eq(6).all()
    assert moving["prefecture_code"].nunique() > 6
    pooled = assemble(data, one(subgroup="m<=median_pooled", controls=None)).rows
    assert len(pooled) == 60


def test_winsorising_touches_continuous_columns_only() -> None:
    plain, cut = assemble(warehouse(), one()).rows, assemble(warehouse(), one(winsor="0.1:0.9")).rows
    assert cut["x"].max() == pytest.approx(np.quantile(plain["x"], 0.9))
    assert cut["y"].min() == pytest.approx(np.quantile(plain["y"], 0.1))
    assert (cut["is_treated"] == plain["is_treated"]).all()


def test_what_is_not_loaded_awaits_data_and_what_is_unknown_is_an_error() -> None:
    data = warehouse()
    with pytest.raises(AwaitingDataError, match="no value of empty"):
        assemble(data, one(outcome="empty"))
    with pytest.raises(ValueError, match="no column 'xx'; nearest: x"):
        assemble(data, one(controls="xx"))
    with pytest.raises(ValueError, match="sample 'none' is empty; known: \\['all'\\]"):
        assemble(data, one(sample="none"))
    with pytest.raises(ValueError, match="rule 'no'; known: \\['rule'\\]"):
        assemble(data, one(treatment_rule="no"))


def test_a_covariate_that_empties_a_cohort_is_named() -> None:
    data = warehouse()
    panel = data.panel_city_year.fillna({"x": 0.0})
    panel.loc[panel["prefecture_code"].isin(CITIES[::2]), "x"] = np.nan
    spoilt = replace(data, panel_city_year=panel)
    with pytest.raises(ValueError, match="x is missing in every row of the cohort of 2015"):
        assemble(spoilt, one())
    table = fit_table(spoilt).to_pandas()
    assert set(table["status"]) == {"refused"}
    assert table["reason"].str.contains("the cohort of 2015").all()
    # An outcome that is missing is no covariate's fault.
    panel = data.panel_city_year.copy()
    panel.loc[panel["prefecture_code"].isin(CITIES[:6:2]), "x"] = np.nan
    fewer = replace(data, panel_city_year=panel)
    assert len(assemble(fewer, one(outcome="x", controls=None)).rows) == 89


def test_a_study_is_not_estimated_on_what_is_left_of_its_sample() -> None:
    """Half of the rows are enough, one less is not; every variable but the treatment is asked."""
    data = warehouse()
    panel = data.panel_city_year.copy()
    panel["x"] = np.where(panel.index % 2 == 0, panel["y"], np.nan)
    half = replace(data, panel_city_year=panel)
    assert len(assemble(half, one()).rows) == 60
    panel = panel.copy()
    panel.loc[0, "x"] = np.nan
    with pytest.raises(AwaitingDataError, match="x has a value in 59 of 120 rows of all"):
        assemble(replace(data, panel_city_year=panel), one())
    with pytest.raises(AwaitingDataError, match="x has a value in 59 of 120 rows of all"):
        assemble(replace(data, panel_city_year=panel), one(outcome="x", controls=None))


def test_a_year_that_no_edition_prints_is_named() -> None:
    data = warehouse()
    cells, panel = data.panel_cell.copy(), data.panel_city_year.copy()
    panel.loc[panel["year"].isin([2012, 2013, 2017]), "y"] = np.nan
    cells.loc[cells["panel_column"].eq("y") & cells["year"].isin([2012, 2013, 2017]), "obs_status"] = "L"
    gaps = replace(data, panel_cell=cells, panel_city_year=panel)
    found = assemble(gaps, one())
    assert found.reasons[0] == "36 rows: outcome y is in no edition for 2012-2013, 2017"
    # A year in which one city has a value is published, whatever the others' status.
    panel = panel.copy()
    panel.loc[(panel["year"] == 2017) & (panel["prefecture_code"] == CITIES[0]), "y"] = 1.0
    found = assemble(replace(gaps, panel_city_year=panel), one())
    assert found.reasons[:2] == (
        "24 rows: outcome y is in no edition for 2012-2013",
        "11 rows: outcome y missing",
    )
    # A lag reads the years before: what is in no edition for 2017 is missing in 2018.
    lagged = assemble(gaps, one(outcome="m", controls="L1.y"))
    assert not {2013, 2014, 2018} & set(lagged.rows["year"])
    assert any("L1.y is in no edition for 2012-2013, 2017" in reason for reason in lagged.reasons)


def _missing(column: str, given: str, years: range, *, edition: bool = True) -> pd.DataFrame:
    """Rows of missing_input; an edition is of the year after."""
    rows = [("prefecture", column, given, year, year + 1 if edition else None) for year in years]
    return pd.DataFrame(rows, columns=[*BY_COLUMN["missing_input"]])


def test_what_is_awaited_is_named_with_the_editions_that_do_not_print_it() -> None:
    data = warehouse()
    panel = data.panel_city_year.copy()
    panel.loc[panel["year"] < 2016, "y"] = np.nan
    gaps = [
        _missing("empty", "patents", range(2009, 2021)),
        _missing("empty", "energy", range(2009, 2021)),
        # Who brings what no year has still lacks what one year has not.
        _missing("empty", "gdp", range(2013, 2014)),
        _missing("y", "wages", range(2005, 2016)),
        _missing("m", "licences", YEARS, edition=False),
    ]
    short = replace(data, panel_city_year=panel, missing_input=pd.concat(gaps, ignore_index=True))

    def reason(**changes: Any) -> str:
        (row,) = {(row["status"], row["reason"]) for row in _fit_rows(short, **changes)}
        assert row[0] == "awaiting data"
        return str(row[1])

    inputs = ("no edition 2011-2020 prints energy, patents", "no edition 2014 prints gdp for 2013")
    nothing = "; ".join(("no value of empty", *inputs))
    few = "y has a value in 48 of 120 rows of all"
    years = "no edition 2011-2016 prints wages for 2010-2015"
    assert reason(controls="empty", outcome="x") == nothing
    assert reason() == f"{few}; {years}"
    # Every column that is in the way, at once; what most years lack goes first.
    both = reason(controls="empty")
    assert both == f"no value of empty; {few}; {inputs[0]}; {years}; {inputs[1]}"
    # The figure of a lag is of the year before: of 2009 for the first row.
    assert "2010-2016 prints wages for 2009-2015" in reason(outcome="x", controls="L1.y")
    # A subgroup lacks what its sample lacks, also of years that it does not have.
    part = reason(subgroup="region3=east")
    assert part == f"y has a value in 24 of 60 rows of all with region3=east; {years}"
    # A subgroup by something that nobody prints: everything that is in the way is named all the same.
    nobody = reason(subgroup="empty>median")
    assert nobody == f"the subgroup empty>median rests on empty; {both}"
    assert reason(subgroup="empty!=3") == nobody.replace(">median", "!=3")
    # In half of the rows less one it is told as little.
    assert reason(outcome="x", controls=None, subgroup="y>median_pooled") == (
        f"the subgroup y>median_pooled rests on y; {few}; {years}"
    )
    # Levels without editions.
    panel["m"] = np.nan
    assert reason(outcome="m") == "no value of m; no series that panels read has licences"
    # What was lacking when a result was kept is part of what it is kept for.
    spec = one(controls="empty")
    assert short.digest(spec) != data.digest(spec)
    assert translate(part, "zh") == (
        "all的60行（region3=east）中y仅24行有数值，2011-2016年各版均未刊载2010-2015年的wages"
    )
    assert translate(both, "zh") == (
        "无数值：empty，all的120行中y仅48行有数值，2011-2020年各版均未刊载energy, patents，"
        "2011-2016年各版均未刊载2010-2015年的wages，2014年各版均未刊载2013年的gdp"
    )


@pytest.mark.parametrize(
    ("group", "words"),
    [
        ("region3=esat", "; nearest values: west, east"),
        ("region3=Middle", "; nearest values: west, east"),
        ("number=12", "; nearest values: 11, 10, 9"),
        ("number=many", ": number is a number"),
        ("region3>median", ": region3 is no number and has no median"),
        ("is_resource_based<=median", ": is_resource_based is no number and has no median"),
        ("late>median", ": late has no value before the first treated year"),
    ],
)
def test_a_subgroup_without_rows_is_refused_with_what_there_is(group: str, words: str) -> None:
    (row,) = {(row["status"], row["reason"]) for row in _fit_rows(_numbered(), subgroup=group)}
    assert row == ("refused", f"no row of all is in the subgroup {group}{words}")


def _numbered() -> StudyData:
    """A number of each city, missing for two of them, and one that is there from the treatment on."""
    data = warehouse()
    panel = data.panel_city_year.copy()
    panel["number"] = (panel["prefecture_code"].astype(int) - 110000.0).where(lambda number: number > 1)
    panel["late"] = panel["x"].fillna(0).where(panel["year"] >= 2015)
    return replace(data, panel_city_year=panel)


def test_numbers_of_a_subgroup_are_compared_as_numbers() -> None:
    """7 and 7.0 are one; what has no number is neither equal to one nor different."""
    data = _numbered()
    for text in ("7", "7.0"):
        assert set(assemble(data, one(subgroup=f"number={text}")).rows["prefecture_code"]) == {CITIES[7]}
        rest = assemble(data, one(subgroup=f"number!={text}")).rows
        assert set(rest["prefecture_code"]) == {*CITIES[2:]} - {CITIES[7]}


def test_readiness_and_estimation_draw_one_line() -> None:
    """The share of rows below which a variable is insufficient, in SQL and here."""
    text = (ROOT / "models/quality/study_readiness.sql").read_text(encoding="utf-8")
    assert re.findall(r"set min_covered = ([\d.]+)", text) == [str(MIN_COVERED)]


def _fit_rows(data: StudyData, **changes: Any) -> list[dict[str, Any]]:
    return fit_table(replace(data, specification=pd.DataFrame([BASE | changes]))).to_pylist()


def test_status_of_every_specification_and_both_variants() -> None:
    table = fit_table(warehouse(outcome="empty")).to_pandas()
    assert list(table["status"]) == ["awaiting data", "awaiting data"]
    assert table["reason"][0] == "no value of empty"
    table = fit_table(
        warehouse(treatment="is_treated", controls="x", subgroup="is_resource_based=true")
    ).to_pandas()
    assert set(table["kind"]) == {"term"}
    assert set(table["is_observed_only"]) == {False, True}
    # A treatment that the effects absorb is refused with the reason, and the build goes on.
    table = fit_table(warehouse(fixed_effects="prefecture_code^year")).to_pandas()
    assert set(table["status"]) == {"refused"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"winsor": "0.99:0.01"}, "the lower one first"),
        ({"winsor": "1%"}, "allowed: lower:upper"),
        ({"subgroup": "x>3"}, "allowed: column=value"),
        ({"subgroup": "region3"}, "allowed: column=value"),
        ({"vcov": "CRV3:city"}, "allowed: iid, HC1"),
        ({"estimator": "twfee"}, "nearest: twfe"),
        ({"options": "method=dr"}, "takes no options"),
        ({"estimator": "imputation", "options": "metod=dr"}, "allowed: control_group"),
        ({"estimator": "imputation", "options": "anticipation=one"}, "a whole number is needed"),
        ({"estimator": "imputation", "mediator": "m"}, "takes no mediator"),
        ({"estimator": "random_effects"}, "takes no fixed effects"),
    ],
)
def test_bad_rows_say_what_is_allowed(changes: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match="specification s T\\(1\\)") as caught:
        one(**changes)
    assert words in str(caught.value)


def test_winsor_and_subgroup_read_what_they_write() -> None:
    assert Winsor.read("0.01:0.99:stata") == Winsor(0.01, 0.99, "averaged_inverted_cdf")
    assert Subgroup.read("unit_level!=municipality") == Subgroup("unit_level", "!=", "municipality")


def test_conley_equals_the_double_sum_and_nests_clustering() -> None:
    rows = assemble(warehouse(), one()).rows.reset_index(drop=True)
    scores = np.random.default_rng(1).normal(size=(len(rows), 2))
    found = conley_meat(scores, rows, 120.0, "prefecture_code")
    expected = np.zeros((2, 2))
    for i, a in rows.iterrows():
        for j, b in rows.iterrows():
            near = great_circle_km(np.array([a.longitude, b.longitude]), np.array([a.latitude, b.latitude]))[
                0, 1
            ]
            same = a.prefecture_code == b.prefecture_code
            if same or (a.year == b.year and near <= 120.0):
                expected += np.outer(scores[int(str(i))], scores[int(str(j))])
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    # Without neighbours it is clustering by city, but for the small-sample factor.
    spec = one(vcov="conley:1")
    alone = fit_least_squares(rows, spec, unit="prefecture_code").terms[0]
    clustered = fit_least_squares(rows, one(), unit="prefecture_code").terms[0]
    assert alone.estimate == clustered.estimate
    n, g, k = len(rows), 12, 2 + 10
    factor = g / (g - 1) * (n - 1) / (n - k)
    assert clustered.std_error == pytest.approx(alone.std_error * np.sqrt(factor), rel=1e-9)


def test_distances_are_those_of_a_map() -> None:
    # Beijing to Shanghai is 1,067 km on the sphere.
    found = great_circle_km(np.array([116.407, 121.474]), np.array([39.904, 31.230]))
    assert found[0, 1] == pytest.approx(1067, abs=3)
    assert found[0, 0] == 0


def test_coordinates_are_needed() -> None:
    rows = assemble(warehouse(), one()).rows.assign(longitude=np.nan)
    with pytest.raises(ValueError, match="no coordinates of 110000"):
        fit_least_squares(rows, one(vcov="conley:100"), unit="prefecture_code")


def test_slopes_by_unit_equal_least_squares_in_each() -> None:
    rows = assemble(warehouse(), one(treatment="x", controls=None)).rows
    spec = one(estimator="unit_slopes", treatment="x", controls=None, fixed_effects=None, treatment_rule=None)
    fit = fit_unit_slopes(rows, spec, unit="prefecture_code")
    assert len(fit.terms) == 13
    city = rows[rows["prefecture_code"] == CITIES[4]]
    slope = np.polyfit(city["x"], city["y"], 1)[0]
    by_name = {term.term: term.estimate for term in fit.terms}
    assert by_name[f"x:{CITIES[4]}"] == pytest.approx(slope)
    slopes = [v for k, v in by_name.items() if ":" in k]
    assert by_name["x"] == pytest.approx(np.mean(slopes))
    # Its error, p and interval are those of a mean of twelve numbers (Pesaran and Smith 1995), by scipy.
    mean, other = fit.terms[0], stats.ttest_1samp(slopes, 0)
    assert [mean.t_value, mean.p_value] == pytest.approx([other.statistic, other.pvalue])
    assert [mean.ci_low, mean.ci_high] == pytest.approx(list(other.confidence_interval(0.95)))


def test_mediation_holds_its_identity_with_effects_and_controls() -> None:
    spec = one(mediator="m")
    rows = assemble(warehouse(), spec).rows
    found = mediate(rows, spec, unit="prefecture_code", draws=400, seed=2)
    assert abs(found.identity_gap) < 1e-10
    assert found.ci_low < found.indirect < found.ci_high
    again = mediate(rows.sample(frac=1, random_state=1), spec, unit="prefecture_code", draws=400, seed=2)
    assert again.ci_low == pytest.approx(found.ci_low, rel=1e-9)
    assert -1 < found.rho_at_zero < 1
    scaled = mediate(rows.assign(y=rows["y"] * 100), spec, unit="prefecture_code", draws=400, seed=2)
    assert scaled.indirect == pytest.approx(100 * found.indirect)
    assert scaled.rho_at_zero == pytest.approx(found.rho_at_zero)
    with pytest.raises(ValueError, match="names no mediator"):
        mediate(rows, one(), unit="prefecture_code")


def test_the_observed_only_variant_removes_the_bias_of_fills_across_the_approval() -> None:
    """Values carried forward over the approval hide the effect; the rows that do so are known to be suspect."""
    data = warehouse()
    panel = data.panel_city_year.copy()
    treated = panel["prefecture_code"].isin(CITIES[::2])
    panel["y"] = (treated & (panel["year"] >= 2015)) + np.random.default_rng(5).normal(0, 0.1, len(panel))
    before = panel[treated & (panel["year"] == 2014)].set_index("prefecture_code")["y"]
    carried = treated & panel["year"].between(2015, 2017)
    panel.loc[carried, "y"] = panel.loc[carried, "prefecture_code"].map(before)
    suspect = panel.loc[carried, ["prefecture_code", "year"]].rename(
        columns={"prefecture_code": "region_code"}
    )
    suspect = suspect.assign(region_level="prefecture", panel_column="y")
    spoilt = replace(data, panel_city_year=panel, suspect_cell=suspect)
    spec = one(controls=None)
    found = {
        is_observed: fit_least_squares(
            assemble(spoilt, spec, observed_only=is_observed).rows, spec, unit="prefecture_code"
        ).terms[0]
        for is_observed in (False, True)
    }
    # The effect is one; with three of five treated years carried forward most of it is gone.
    assert found[False].estimate < 0.75
    assert found[True].ci_low is not None and found[True].ci_high is not None
    assert found[True].ci_low < 1 < found[True].ci_high
    assert abs(found[True].estimate - 1) < abs(found[False].estimate - 1)


def test_alternative_fills_stay_on_one_side_of_the_approval() -> None:
    data = warehouse()
    panel = data.panel_city_year.copy()
    blank = (panel["prefecture_code"] == CITIES[0]) & panel["year"].isin([2012, 2014, 2015])
    panel.loc[blank, "y"] = np.nan
    holed = replace(data, panel_city_year=panel)
    sample = assemble(holed, one(controls=None), fill="linear")
    city = sample.rows[sample.rows["prefecture_code"] == CITIES[0]].set_index("year")["y"]
    # 2012 lies between two years before 2015; 2014 and 2015 have no anchor on their own side.
    assert city[2012] == pytest.approx((city[2011] + city[2013]) / 2)
    assert sample.n_filled_here == 1
    assert sorted(set(YEARS) - set(city.index)) == [2014, 2015]


def diagnostic(name: str, options: str | None = None) -> pd.DataFrame:
    row = {"study_id": "s", "table_no": "T", "column_no": 1, "diagnostic": name, "options": options}
    return pd.DataFrame([row])


def test_the_mean_before_the_sensitivity_analysis_is_the_dynamic_average() -> None:
    """Whatever the window of the event study: one number under one name, and the row says which years."""
    data = warehouse(estimator="callaway_santanna", controls=None, options="last_event=2")
    (row,) = pretrend_table(data, diagnostic("pretrend")).to_pylist()
    fitted = pd.DataFrame(fit_table(data).to_pylist())
    fitted = fitted[(fitted["kind"] == "effect") & (fitted["aggregation"] == "dynamic")]
    dynamic = fitted[fitted["group_value"].isna() & ~fitted["is_observed_only"]]
    assert row["estimate"] == pytest.approx(dynamic["estimate"].item(), abs=1e-10)
    assert "effect: mean of event years 0 to 4" in row["note"]


def test_a_difference_between_groups_has_a_permutation_and_a_wald_test() -> None:
    data = warehouse(controls=None)
    rows = inference_table(data, diagnostic("group_difference", "group=region3;draws=99")).to_pylist()
    assert [row["method"] for row in rows] == [
        "permutation: region3 west less east",
        "Wald: region3 west less east",
    ]
    permutation, wald = rows
    assert wald["estimate"] == pytest.approx(permutation["estimate"], rel=1e-9)
    assert wald["n_clusters"] == 12
    assert 0 < wald["p_value"] < 1 and wald["std_error"] > 0
    assert translate(wald["note"], "zh").startswith("所有项与分组交互")
