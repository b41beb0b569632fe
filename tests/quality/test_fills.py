"""Fills by policy: how they are computed, what stays blank, and that nothing crosses an approval year."""

from __future__ import annotations

import duckdb
import jinja2
import pandas as pd
import pytest

from cbec.efficiency.grey import GreyRefusal, gm11
from cbec.registry.render import render_model
from tests.conftest import ROOT

TREATED, CONTROL = "130100", "130200"


def fill(
    policy: str, *, extrapolate: bool = False, years: dict[int, float | None] | None = None, start: int = 2016
) -> pd.DataFrame:
    """int_observations__filled on one treated city (approved in `start`), one control and their province."""
    values = years or {
        2010: 100.0,
        2011: None,
        2012: 400.0,
        2013: 500.0,
        2014: 600.0,
        2015: None,
        2016: 800.0,
        2017: 900.0,
        2018: None,
    }
    rows = [
        (
            "prefecture",
            city,
            year,
            "x",
            "v",
            value,
            "A" if value is not None else "O",
            None if value is None else str(value),
        )
        for city in (TREATED, CONTROL)
        for year, value in values.items()
    ]
    rows += [
        ("province", "130000", year, "x", "v", 1000.0 + 100 * (year - 2010) ** 2, "A", "1") for year in values
    ]
    rows += [
        ("prefecture", CONTROL, 2015, "y", "v", None, "M", None),
        ("prefecture", CONTROL, 2014, "y", "v", 1.0, "A", "1"),
        ("prefecture", CONTROL, 2016, "y", "v", 3.0, "A", "3"),
    ]
    connection = duckdb.connect()
    connection.register(
        "r",
        pd.DataFrame(
            rows,
            columns=[
                "region_level",
                "region_code",
                "year",
                "indicator_id",
                "vintage",
                "v",
                "obs_status",
                "value_printed",
            ],
        ),
    )
    connection.execute(
        "create table int_observations__witnessed as select * exclude (v), true as is_panel_scope, cast(v as decimal(38, 10)) as value_reported, obs_status as obs_status_all,"
        # 2012 was filled by a vendor who says so.
        " case when year = 2012 and indicator_id = 'x' then 'linear' end as impute_method,"
        " case when year = 2012 and indicator_id = 'x' then 'vendor' end as impute_by,"
        " cast(null as integer[]) as anchor_years from r"
    )
    connection.execute(
        "create table region as select * from (values ('prefecture', '130100', '130000'), ('prefecture', '130200', '130000'), ('province', '130000', '130000')) as t(region_level, region_code, province_code)"
    )
    connection.execute(
        f"create table int_prefectures__timed as select 'default' as rule_id, '{TREATED}' as prefecture_code, {start} as first_treated_year"
    )
    connection.execute(
        "create table int_zones__timed as select 'default' as rule_id, '130000' as province_code, 2020 as start_year, false as is_late"
    )
    sql = render_model(
        ROOT,
        "int_observations__filled",
        variables={"fill_policy": policy, "fill_extrapolate": "true" if extrapolate else "false"},
    )
    return (
        connection.sql(sql)
        .df()
        .set_index(["region_level", "region_code", "indicator_id", "year"])
        .sort_index()
    )


def at(frame: pd.DataFrame, city: str, year: int, indicator: str = "x") -> pd.Series:
    return frame.loc[("prefecture", city, indicator, year)]


def test_the_default_fills_nothing() -> None:
    frame = fill("none")
    assert (frame.value.isna() == frame.value_reported.isna()).all()
    assert set(frame.impute_method.dropna()) == {"linear"}
    assert set(frame.impute_by.dropna()) == {"vendor"}


@pytest.mark.parametrize(
    ("policy", "method", "value"),
    [
        ("linear", "linear", 250.0),
        ("geometric", "geometric", 200.0),
        ("ratio_to_province", "share", 1100 * (0.1 + 400 / 1400) / 2),
    ],
)
def test_a_blank_between_anchors_is_filled_and_says_how(policy: str, method: str, value: float) -> None:
    cell = at(fill(policy), CONTROL, 2011)
    assert float(cell.value) == pytest.approx(value, rel=1e-9)
    assert pd.isna(cell.value_reported)
    assert (cell.obs_status, cell.obs_status_all, cell.impute_method, cell.impute_by) == (
        "I",
        "I",
        method,
        "project",
    )
    assert list(cell.anchor_years) == [2010, 2012]


def test_reported_cells_are_untouched() -> None:
    frame = fill("geometric")
    reported = frame[frame.value_reported.notna()]
    assert (reported.value == reported.value_reported).all()
    assert (reported.obs_status == "A").all()


def test_no_fill_crosses_the_approval_year() -> None:
    frame = fill("linear")
    # 2015 lies between 2014 and 2016, the year of approval: the control is filled, the treated city is not.
    assert float(at(frame, CONTROL, 2015).value) == 700
    assert pd.isna(at(frame, TREATED, 2015).value)
    assert at(frame, TREATED, 2015).obs_status == "O"
    assert float(at(frame, TREATED, 2011).value) == 250
    # One year later the same anchors lie before the approval.
    assert float(at(fill("linear", start=2017), TREATED, 2015).value) == 700


def test_nothing_is_filled_beyond_the_last_anchor_unless_requested() -> None:
    assert pd.isna(at(fill("linear"), CONTROL, 2018).value)
    cell = at(fill("linear", extrapolate=True), CONTROL, 2018)
    assert (float(cell.value), cell.obs_status, list(cell.anchor_years)) == (1000.0, "F", [2016, 2017])
    # Approved in 2017: the anchors 2016 and 2017 straddle it.
    assert pd.isna(at(fill("linear", extrapolate=True, start=2017), TREATED, 2018).value)


def test_what_cannot_exist_is_not_filled() -> None:
    cell = at(fill("linear"), CONTROL, 2015, "y")
    assert pd.isna(cell.value)
    assert cell.obs_status == "M"


def straddling(first: int, last: int, year: int) -> list[tuple[object, ...]]:
    # The data test is a call of a macro of the project.
    parts = ("macros/straddling_fills.sql", "tests/assert_fills_never_straddle_an_approval.sql")
    text = "".join((ROOT / part).read_text(encoding="utf-8") for part in parts)
    sql = jinja2.Environment(autoescape=False).from_string(text).render(ref=lambda relation: relation)
    connection = duckdb.connect()
    connection.execute(
        f"create table treatment_city_year as select 'default' as rule_id, '{TREATED}' as prefecture_code, 2016 as first_treated_year"
    )
    connection.execute(
        "create table treatment_province_year as select 'default' as rule_id, '130000' as province_code, 2016 as first_treated_year where false"
    )
    connection.execute(
        f"create table observation as select 'prefecture' as region_level, '{TREATED}' as region_code, {year} as year, 'x' as indicator_id,"
        f" 'v' as vintage, [{first}, {last}] as anchor_years, 'project' as impute_by"
    )
    return connection.sql(sql).fetchall()


def test_the_leak_test_fires_on_a_straddling_fill_and_only_there() -> None:
    assert len(straddling(2014, 2016, 2015)) == 1
    assert len(straddling(2013, 2014, 2018)) == 1
    assert straddling(2013, 2015, 2014) == []
    assert straddling(2016, 2018, 2017) == []


RUN = {2010: 100.0, 2011: 108.0, 2012: 118.0, 2013: 127.0, 2014: 139.0}


def test_gm11_forecasts_a_gap_from_the_run_before_it() -> None:
    years = RUN | {2015: None, 2016: None, 2017: 175.0, 2018: None}
    frame = fill("gm11", years=years, start=2020)
    expected = gm11(list(RUN.values())).forecast(2)
    for year, value in zip((2015, 2016), expected, strict=True):
        cell = at(frame, CONTROL, year)
        assert float(cell.value) == pytest.approx(value, rel=1e-9)
        assert (cell.obs_status, cell.obs_status_all, cell.impute_method, cell.impute_by) == (
            "I",
            "I",
            "gm11",
            "project",
        )
        assert list(cell.anchor_years) == list(RUN)
        assert pd.isna(cell.value_reported)
    # One printed year before the last gap is no run of four.
    assert pd.isna(at(frame, CONTROL, 2018).value)


def test_gm11_beyond_the_last_print_is_a_forecast_and_only_if_requested() -> None:
    years = RUN | {2015: None}
    assert pd.isna(at(fill("gm11", years=years, start=2020), CONTROL, 2015).value)
    cell = at(fill("gm11", years=years, start=2020, extrapolate=True), CONTROL, 2015)
    assert float(cell.value) == pytest.approx(gm11(list(RUN.values())).forecast(1)[0], rel=1e-9)
    assert cell.obs_status == "F"


def test_gm11_never_crosses_the_approval_year() -> None:
    years = RUN | {2015: None, 2016: 160.0}
    assert at(fill("gm11", years=years, start=2015), TREATED, 2015).obs_status == "O"
    assert pd.isna(at(fill("gm11", years=years, start=2012), TREATED, 2015).value)
    for start in (2016, 2010):
        assert at(fill("gm11", years=years, start=start), TREATED, 2015).obs_status == "I"


@pytest.mark.parametrize(
    "run",
    [
        {2010: 100.0, 2011: 108.0, 2012: 118.0},
        {2010: 100.0, 2011: 200.0, 2012: 210.0, 2013: 220.0},
        {2010: 100.0, 2011: 0.0, 2012: 110.0, 2013: 120.0},
        # Class ratios are allowed, the fit is not: up and down around one level.
        {2010: 100.0, 2011: 120.0, 2012: 95.0, 2013: 122.0, 2014: 97.0},
    ],
)
def test_gm11_refuses_what_the_grey_model_refuses(run: dict[int, float]) -> None:
    frame = fill("gm11", years=run | {max(run) + 1: None, max(run) + 2: 130.0}, start=2020)
    assert pd.isna(at(frame, CONTROL, max(run) + 1).value)
    try:
        refused = gm11(list(run.values())).grade == "unqualified"
    except GreyRefusal:
        refused = True
    assert refused


def test_gm11_of_a_constant_is_the_constant() -> None:
    run: dict[int, float | None] = {2010 + k: 50.0 for k in range(5)}
    frame = fill("gm11", years=run | {2015: None, 2016: 50.0}, start=2020)
    assert float(at(frame, CONTROL, 2015).value) == pytest.approx(50.0)


@pytest.mark.parametrize("policy", ["linear", "geometric", "ratio_to_province", "gm11"])
def test_a_declared_fill_keeps_its_method(policy: str) -> None:
    for city in (TREATED, CONTROL):
        assert at(fill(policy), city, 2012).impute_by == "vendor"
