"""Each detector fires on a hand-made series and keeps silent on its nearest harmless relative."""

from __future__ import annotations

import duckdb
import numpy as np
import pandas as pd
import pytest

from cbec.registry.render import load_seeds, render_model, run_detectors
from tests.conftest import ROOT

YEARS = range(2009, 2024)
# Twenty cities of three provinces, so that columns have a scale and provinces a mean.
CITIES = [f"{p}{k:02d}00" for p in (13, 32, 41) for k in range(1, 8)]


def column(seed: int = 1, *, level: float = 4000.0, noise: float = 0.05, decimals: int = 2) -> pd.DataFrame:
    """Clean cities x years, printed with `decimals`."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(0.06, noise, (len(CITIES), len(YEARS)))
    start = rng.normal(0, 0.8, (len(CITIES), 1))
    return pd.DataFrame(
        np.round(level * np.exp(start + steps.cumsum(axis=1)), decimals), index=CITIES, columns=list(YEARS)
    )


def scan(
    columns: dict[str, pd.DataFrame],
    *,
    decimals: int = 2,
    vintage: str = "v",
    provinces: pd.DataFrame | None = None,
) -> duckdb.DuckDBPyConnection:
    """A connection on which the detectors ran. Values of numpy float are printed with `decimals`, text as it is."""
    rows = []
    for name, frame in columns.items():
        for level, table in (("prefecture", frame), ("province", provinces)):
            for code, series in () if table is None else table.iterrows():
                for year, value in series.items():
                    if isinstance(value, float) and np.isnan(value):
                        continue
                    text = value if isinstance(value, str) else f"{value:.{decimals}f}"
                    places = len(text.partition(".")[2])
                    rows.append((level, code, year, name, vintage, text, places))
    cells = pd.DataFrame(
        rows,
        columns=[
            "region_level",
            "region_code",
            "year",
            "indicator_id",
            "vintage",
            "value_printed",
            "decimals",
        ],
    )
    connection = duckdb.connect()
    load_seeds(connection, ROOT)
    connection.register("cells", cells)
    connection.execute(
        "create table observation as select *, true as is_panel_scope, cast(value_printed as decimal(38, 10)) as value_reported,"
        " 'unit' as unit_printed, 'A' as obs_status_all from cells"
    )
    run_detectors(connection, ROOT)
    return connection


def flagged(connection: duckdb.DuckDBPyConnection, detector: str | None = None) -> set[tuple[str, int, str]]:
    """Cells that are flagged, (region, year, indicator), by one detector or any."""
    where = "" if detector is None else f" and detector = '{detector}'"
    return set(
        connection.sql(
            f"select region_code, year, indicator_id from detector_evidence where is_flagged{where}"
        ).fetchall()
    )


CITY = "320300"


def test_clean_columns_are_silent() -> None:
    found = flagged(scan({f"c{seed}": column(seed) for seed in range(20)}))
    # 6,300 clean cells: the budget is one in a thousand.
    assert len(found) <= 6, found


def test_d1_sees_decimals_that_the_column_does_not_print() -> None:
    frame = column().astype(object)
    frame.loc[CITY, 2015] = "512.34567891"
    assert flagged(scan({"x": frame}), "D1") == {(CITY, 2015, "x")}


def test_d1_is_silent_where_a_province_prints_more_decimals() -> None:
    frame = column().astype(object)
    for code in CITIES[7:14]:
        frame.loc[code] = [f"{float(value) + 0.001:.3f}" for value in frame.loc[code]]
    assert flagged(scan({"x": frame}), "D1") == set()


@pytest.mark.parametrize(("length", "geometric"), [(1, False), (2, False), (4, False), (1, True), (3, True)])
def test_d2_and_d3_see_rounded_fills_between_anchors(length: int, geometric: bool) -> None:
    frame = column()
    left, right = frame.loc[CITY, 2012], frame.loc[CITY, 2013 + length]
    share = np.arange(1, length + 1) / (length + 1)
    fill = left * (right / left) ** share if geometric else left + (right - left) * share
    frame.loc[CITY, range(2013, 2013 + length)] = np.round(fill, 2)
    wanted = {(CITY, year, "x") for year in range(2013, 2013 + length)}
    assert flagged(scan({"x": frame}), "D3" if geometric else "D2") == wanted


def test_a_coarse_series_is_undecidable_and_says_so() -> None:
    frame = column(level=60, noise=0.01, decimals=0)
    connection = scan({"x": frame}, decimals=0)
    assert flagged(connection) == set()
    hits, decidable = connection.sql(
        "select sum(n_hits), sum(n_decidable) from detector_column where detector = 'D2'"
    ).fetchone()  # type: ignore[misc]
    assert hits > 10
    assert decidable == 0


def test_integers_in_a_column_with_decimals_are_judged_as_integers() -> None:
    frame = column().astype(object)
    frame.loc[CITY] = [str(143 - k // 2 - k) for k in range(len(YEARS))]
    assert {cell for cell in flagged(scan({"x": frame})) if cell[0] == CITY} == set()


def test_d4_sees_a_value_carried_forward() -> None:
    frame = column()
    frame.loc[CITY, [2014, 2015]] = frame.loc[CITY, 2013]
    assert flagged(scan({"x": frame}), "D4") == {(CITY, 2014, "x"), (CITY, 2015, "x")}


def test_d4_is_silent_on_area_and_on_a_cap() -> None:
    area = column()
    area.loc[CITY] = 1641.0
    capped = column(2).clip(upper=3000.0)
    found = flagged(scan({"land_area": area, "treated_share": capped}), "D4")
    assert found == set()


def sticky() -> pd.DataFrame:
    """A quota that stands: one cell in five repeats, each alone."""
    frame = column()
    for i, code in enumerate(CITIES):
        for year in range(2011 + i % 3, 2023, 5):
            frame.loc[code, year] = frame.loc[code, year - 1]
    return frame


@pytest.mark.parametrize("vintage", ["ccsy", "v"])
def test_d4_is_silent_where_print_repeats_by_nature(vintage: str) -> None:
    """No edition was filled, so its repeats say how often the indicator repeats; other vintages of it too."""
    connection = scan({"taxis": sticky()}, vintage=vintage)
    assert (flagged(connection, "D4") == set()) == (vintage == "ccsy")


def test_d4_sees_a_fill_where_print_never_repeats() -> None:
    frame = column()
    frame.loc[CITY, [2014, 2015]] = frame.loc[CITY, 2013]
    printed = scan({"x": column()}, vintage="ccsy").sql("select * from observation").df()
    connection = scan({"x": frame})
    connection.register("printed", printed)
    connection.execute("insert into observation by name select * from printed")
    run_detectors(connection, ROOT)
    assert flagged(connection, "D4") == {(CITY, 2014, "x"), (CITY, 2015, "x")}


def test_d1_lets_an_edition_print_finer_than_the_others() -> None:
    """Six calm editions print two decimals, the nine restless ones after them none."""
    frame = column(level=60, noise=0.08)
    for year in range(2014, 2008, -1):
        frame[year] = frame[2015] * 0.94 ** (2015 - year)
    printed = frame.astype(object)
    for year in YEARS:
        printed[year] = [f"{value:.{2 if year < 2015 else 0}f}" for value in frame[year]]
    assert flagged(scan({"x": printed}), "D1") != set()
    assert flagged(scan({"x": printed}, vintage="ccsy"), "D1") == set()


def test_d5_sees_the_mean_of_the_years_before() -> None:
    frame = column()
    frame.loc[CITY, 2016] = round((frame.loc[CITY, 2014] + frame.loc[CITY, 2015]) / 2, 2)
    frame.loc["410200", 2017] = round(float(frame.loc["410200", [2014, 2015, 2016]].mean()), 2)
    assert flagged(scan({"x": frame}), "D5") == {(CITY, 2016, "x"), ("410200", 2017, "x")}


def test_d6_sees_a_line_prolonged_to_the_end() -> None:
    frame = column()
    step = frame.loc[CITY, 2018] - frame.loc[CITY, 2017]
    for year in range(2019, 2024):
        frame.loc[CITY, year] = frame.loc[CITY, year - 1] + step
    connection = scan({"x": frame})
    assert flagged(connection, "D6") == {(CITY, 2023, "x")}
    assert {year for code, year, _ in flagged(connection) if code == CITY} >= set(range(2019, 2024))


def test_d6_leaves_the_end_alone_where_a_gap_ends_one_year_before() -> None:
    frame = column()
    frame.loc[CITY, 2022] = round((frame.loc[CITY, 2021] + frame.loc[CITY, 2023]) / 2, 2)
    connection = scan({"x": frame})
    assert flagged(connection, "D6") == set()
    assert flagged(connection, "D2") == {(CITY, 2022, "x")}


def test_a_finer_printing_tells_the_anchor_from_its_fills() -> None:
    frame = column().astype(object)
    anchor, outer = float(frame.loc[CITY, 2011]), float(frame.loc[CITY, 2014])
    for year in (2009, 2010, 2012, 2013):
        value = anchor * (outer / anchor) ** ((year - 2011) / 3)
        # A third decimal that is not zero, as nine fills in ten have.
        frame.loc[CITY, year] = f"{value:.3f}" if f"{value:.3f}"[-1] != "0" else f"{value + 0.001:.3f}"
    years = {year for code, year, _ in flagged(scan({"x": frame})) if code == CITY}
    assert years == {2009, 2010, 2012, 2013}


def test_d7_sees_a_share_kept_and_a_mean_of_the_province() -> None:
    frame = column()
    mine = [code for code in CITIES if code.startswith("32")]
    total = frame.loc[mine].sum() * 1.05
    provinces = pd.DataFrame([total], index=["320000"])
    frame.loc[CITY, 2015] = round(float(frame.loc[CITY, 2014] * total[2015] / total[2014]), 2)
    others = [code for code in mine if code != "320500"]
    frame.loc["320500", 2018] = round(float(frame.loc[others, 2018].mean()), 2)
    found = flagged(scan({"x": frame}, provinces=provinces), "D7")
    assert found == {(CITY, 2015, "x"), ("320500", 2018, "x")}


def test_d7_is_silent_on_a_province_whose_cities_all_reach_the_cap() -> None:
    frame = column(level=70).clip(upper=100.0)
    frame[list(range(2018, 2024))] = 100.0
    assert flagged(scan({"treated_share": frame}), "D7") == set()


def test_d8_sees_a_cubic_over_five_years_and_not_over_two() -> None:
    from scipy.interpolate import CubicSpline

    for length, seen in ((5, True), (2, False)):
        frame = column()
        gap = list(range(2013, 2013 + length))
        others = [year for year in YEARS if year not in gap]
        frame.loc[CITY, gap] = np.round(CubicSpline(others, frame.loc[CITY, others])(gap), 2)
        years = {year for code, year, _ in flagged(scan({"x": frame}), "D8") if code == CITY}
        assert (years == set(gap)) if seen else (years == set())


def test_d9_pools_a_row_whose_columns_cannot_be_decided_alone() -> None:
    coarse = {f"c{seed}": column(seed, level=90, noise=0.04, decimals=0) for seed in range(20)}
    for frame in coarse.values():
        frame.loc[CITY, 2015] = np.round((frame.loc[CITY, 2014] + frame.loc[CITY, 2016]) / 2)
    connection = scan(coarse, decimals=0)
    rows = {(code, year) for code, year, _ in flagged(connection, "D9")}
    assert rows == {(CITY, 2015)}
    pooled = {cell for cell in flagged(connection, "D9") if cell[:2] == (CITY, 2015)}
    alone = {cell for cell in flagged(connection, "D2") if cell[:2] == (CITY, 2015)}
    assert len(pooled) >= 15
    assert len(alone) < len(pooled)


def test_d9b_sees_a_column_of_one_year() -> None:
    frame = column(level=90, noise=0.04, decimals=0)
    frame[2015] = np.round((frame[2014] + frame[2016]) / 2)
    years = (
        scan({"x": frame}, decimals=0)
        .sql("select distinct year from detector_evidence where detector = 'D9B'")
        .fetchall()
    )
    assert years == [(2015,)]
    clean = scan({"x": column(level=90, noise=0.04, decimals=0)}, decimals=0)
    assert clean.sql("select count(*) from detector_evidence where detector = 'D9B'").fetchone() == (0,)


def test_d6_sees_an_end_that_was_forecast_from_the_years_before() -> None:
    fine = column(level=4e6, decimals=0)
    k = np.arange(1, 6)
    x = fine.loc[CITY, range(2016, 2021)].to_numpy()
    slope, start = np.polyfit(k, x, 1)
    fine.loc[CITY, [2021, 2022, 2023]] = np.round(start + slope * np.array([6, 7, 8]))
    # GM(1,1) by its textbook matrix form, beside the closed form of the model.
    x = fine.loc["410200", range(2017, 2022)].to_numpy()
    total = x.cumsum()
    design = np.column_stack([-(total[1:] + total[:-1]) / 2, np.ones(4)])
    a, b = np.linalg.lstsq(design, x[1:], rcond=None)[0]
    for step, year in ((5, 2022), (6, 2023)):
        fine.loc["410200", year] = round((x[0] - b / a) * (1 - np.exp(a)) * np.exp(-a * step))
    found = flagged(scan({"x": fine}, decimals=0), "D6")
    assert found == {(CITY, year, "x") for year in (2021, 2022, 2023)} | {
        ("410200", 2022, "x"),
        ("410200", 2023, "x"),
    }
    assert flagged(scan({"x": column(level=4e6, decimals=0)}, decimals=0), "D6") == set()


def test_d8_calls_calm_years_context_and_flags_none() -> None:
    frame = column()
    # Six years of steady growth, off every line by some units.
    for year in range(2013, 2019):
        frame.loc[CITY, year] = round(frame.loc[CITY, year - 1] * 1.06 + 0.4 * (-1) ** year, 2)
    connection = scan({"x": frame})
    calm = connection.sql(
        f"select year, is_flagged from detector_evidence where rule = 'VARIANCE' and region_code = '{CITY}'"
    ).fetchall()
    assert {year for year, _ in calm} >= {2015, 2016}
    assert not any(is_flagged for _, is_flagged in calm)


@pytest.mark.parametrize(("factor", "seen"), [(10.0, True), (0.0001, True), (10000.0, True), (4.0, False)])
def test_d13_sees_a_power_of_ten_and_not_another_factor(factor: float, seen: bool) -> None:
    frame = column(level=400000)
    frame.loc[CITY, 2015] = round(frame.loc[CITY, 2015] * factor, 2)
    connection = scan({"x": frame})
    assert flagged(connection, "D13") == ({(CITY, 2015, "x")} if seen else set())
    if seen:
        slip = connection.sql("select statistic from detector_evidence where detector = 'D13'").fetchall()
        assert slip == [(np.log10(factor),)]


def test_d13_sees_the_years_and_the_column_in_another_unit() -> None:
    frame = column(level=400000)
    frame.loc[CITY, [2009, 2010, 2011]] *= 10000
    frame[2017] *= 10000
    frame[2018] *= 10000
    found = flagged(scan({"x": frame.round(2)}), "D13")
    assert found == {(CITY, year, "x") for year in (2009, 2010, 2011)} | {
        (code, year, "x") for code in CITIES for year in (2017, 2018)
    }


def test_d13_is_silent_where_years_differ_tenfold_by_nature() -> None:
    assert flagged(scan({"x": column(noise=1.0)}), "D13") == set()


def test_d13_counts_how_often_a_column_jumps_by_other_factors() -> None:
    """Where figures fall and rise by factors of four to six all the time, one of nine is no unit."""
    quiet, restless = column(level=400000), column(level=400000)
    for i, code in enumerate(CITIES[1:13]):
        restless.loc[code, 2011 + i % 9] /= 4 + i / 6
    for frame in (quiet, restless):
        frame.loc[CITIES[0], 2015] /= 9
    assert flagged(scan({"x": quiet.round(2)}), "D13") == {(CITIES[0], 2015, "x")}
    assert flagged(scan({"x": restless.round(2)}), "D13") == set()


def test_d14_sees_the_adjacent_row_and_names_it() -> None:
    columns = {f"c{seed}": column(seed) for seed in range(8)}
    beside = CITIES[CITIES.index(CITY) + 1]
    for frame in columns.values():
        frame.loc[CITY, 2015] = frame.loc[beside, 2015]
    connection = scan(columns)
    found = flagged(connection, "D14")
    assert {cell[:2] for cell in found} == {(CITY, 2015)}
    assert len(found) == 8
    (reference,) = connection.sql(
        "select distinct reference from detector_evidence where detector = 'D14'"
    ).fetchall()
    assert reference == (f"{beside} (8 figures equal)",)


def test_d14_sees_a_page_that_slid_by_one_line() -> None:
    """No figure is equal to the one beside it any more: only the paths of the neighbours tell."""
    columns = {f"c{seed}": column(seed) for seed in range(12)}
    for frame in columns.values():
        frame.loc[CITIES[8:12], 2015] = frame.loc[CITIES[9:13], 2015].to_numpy()
    rows = {cell[:2] for cell in flagged(scan(columns), "D14")}
    assert rows == {(code, 2015) for code in CITIES[8:12]}


def test_d14_is_silent_on_a_row_that_is_only_bad() -> None:
    columns = {f"c{seed}": column(seed) for seed in range(8)}
    rng = np.random.default_rng(5)
    for frame in columns.values():
        frame.loc[CITY, 2015] = round(frame.loc[CITY, 2015] * rng.choice([0.3, 3.1]), 2)
    assert flagged(scan(columns), "D14") == set()


@pytest.mark.parametrize("printed", [True, False])
def test_d15_sees_the_total_of_the_province(printed: bool) -> None:
    frame = column()
    mine = [code for code in CITIES if code.startswith("32")]
    totals = (1.05 * frame.loc[mine].sum()).round(2)
    provinces = pd.DataFrame([totals], index=["320000"])
    frame.loc[CITY, 2015] = round(float(totals[2015] if printed else frame.loc[mine, 2015].sum()), 2)
    connection = scan({"x": frame}, provinces=provinces if printed else None)
    assert flagged(connection, "D15") == {(CITY, 2015, "x")}
    rules = connection.sql(
        "select rule from detector_evidence where detector = 'D15' and is_flagged"
    ).fetchall()
    assert rules == [("PROVINCE_TOTAL" if printed else "SUM_OF_CITIES",)]


def test_d15_is_silent_off_the_total_and_on_a_city_that_is_its_province() -> None:
    frame = column()
    mine = [code for code in CITIES if code.startswith("32")]
    totals = (1.05 * frame.loc[mine].sum()).round(2)
    frame.loc[CITY, 2015] = round(float(totals[2015]) * 1.2, 2)
    provinces = pd.DataFrame([totals, frame.loc["130100"]], index=["320000", "130000"])
    assert flagged(scan({"x": frame}, provinces=provinces), "D15") == set()


def test_d16_sees_a_level_that_stays_and_names_a_recorded_change() -> None:
    frame = column(noise=0.02)
    frame.loc["320500", range(2014, 2024)] *= 1.4
    # 512000 lost a county to 510100 in 2016, as registry.region_change records.
    frame.loc["510100"] = frame.loc["320300"] * 0.5
    frame.loc["510100", range(2016, 2024)] *= 1.3
    connection = scan({"x": frame.round(2)})
    assert flagged(connection, "D16") == {("320500", 2014, "x"), ("510100", 2016, "x")}
    found = dict(
        connection.sql(
            "select region_code, reference from detector_evidence where detector = 'D16' and is_flagged"
        ).fetchall()
    )
    assert found["320500"] is None
    assert "2016" in found["510100"]
    assert "county" in found["510100"]


def test_d16_is_silent_on_a_year_that_goes_back_and_on_a_column_that_jumps_as_a_whole() -> None:
    back, whole = column(noise=0.02), column(3, noise=0.02)
    back.loc[CITY, 2015] *= 1.5
    back.loc["130200", [2015, 2016]] *= 1.5
    whole[list(range(2018, 2024))] *= 1.5
    assert flagged(scan({"x": back.round(2), "y": whole.round(2)}), "D16") == set()


def test_d16_leaves_the_year_after_a_fill_to_the_fill() -> None:
    frame = column(noise=0.01)
    frame.loc[CITY, [2014, 2015, 2016]] = frame.loc[CITY, 2013]
    connection = scan({"x": frame})
    assert flagged(connection, "D4") == {(CITY, year, "x") for year in (2014, 2015, 2016)}
    assert flagged(connection, "D16") == set()


def releases(
    connection: duckdb.DuckDBPyConnection,
    first: pd.DataFrame,
    second: pd.DataFrame,
    third: pd.DataFrame | None = None,
    *,
    names: tuple[str, ...] = ("a", "b", "c"),
    blank: str = "O",
) -> list[tuple[object, ...]]:
    load_seeds(connection, ROOT, ("publication",))
    rows = [
        (
            "prefecture",
            code,
            year,
            "x",
            vintage,
            None if pd.isna(value) else float(value),
            2,
            blank if pd.isna(value) else "A",
        )
        for vintage, frame in zip(names, (first, second, third), strict=True)
        if frame is not None
        for code, series in frame.iterrows()
        for year, value in series.items()
    ]
    connection.register(
        "cells",
        pd.DataFrame(
            rows,
            columns=[
                "region_level",
                "region_code",
                "year",
                "indicator_id",
                "vintage",
                "v",
                "decimals",
                "obs_status_all",
            ],
        ),
    )
    connection.execute(
        "create table observation as select *, true as is_panel_scope, cast(v as decimal(38, 10)) as value_reported from cells"
    )
    return connection.sql(
        f"select region_code, year, vintage, other_value from ({render_model(ROOT, 'detector_release')})"
    ).fetchall()


def test_d10_sees_what_one_release_leaves_blank_and_what_it_changes() -> None:
    vendor, scanned = column(), column()
    scanned.loc[CITY, 2012] = np.nan
    scanned.loc["130200", 2013] += 5
    found = releases(duckdb.connect(), vendor, scanned)
    assert {row[:3] for row in found} == {(CITY, 2012, "a"), ("130200", 2013, "a"), ("130200", 2013, "b")}


def test_d10_names_the_release_that_print_contradicts() -> None:
    vendor, scanned, other = column(), column(), column()
    scanned.loc["130200", 2013] += 5
    # Another compiler differs from a figure that print confirms.
    other.loc[CITY, 2015] += 5
    names = ("vendor", "ccsy", "other")
    found = {row[:3] for row in releases(duckdb.connect(), vendor, scanned, other, names=names)}
    assert found == {("130200", 2013, "vendor"), ("130200", 2013, "other"), (CITY, 2015, "other")}


def test_d10_takes_a_year_that_nobody_was_printed_in_for_no_blank() -> None:
    platform, scanned = column(), column()
    scanned[2017] = np.nan
    found = releases(duckdb.connect(), platform, scanned, names=("platform", "ccsy", ""), blank="L")
    assert found == []


def test_d10_takes_rounding_for_no_change() -> None:
    """A file of floats holds 56609.0 where the edition prints 56609.07, in most years of some cities."""
    scanned = column(level=40000, decimals=0)
    vendor = scanned.copy()
    scanned[[2010, 2011]] = column(2, level=40000)[[2010, 2011]]
    vendor[[2010, 2011]] = scanned[[2010, 2011]].round(0)
    assert releases(duckdb.connect(), vendor, scanned, names=("vendor", "ccsy", "")) == []


def test_d10_leaves_a_revised_vintage_alone() -> None:
    assert releases(duckdb.connect(), column(), (column() * 1.02).round(2)) == []


def identities(total: float, parts: tuple[float, float, float]) -> list[tuple[bool]]:
    connection = duckdb.connect()
    load_seeds(connection, ROOT, ("region", "identity"))
    rows = zip(("gdp", "gdp_primary", "gdp_secondary", "gdp_tertiary"), (total, *parts), strict=True)
    connection.register(
        "cells",
        pd.DataFrame(
            [("prefecture", CITY, 2015, name, "v", value, 2) for name, value in rows],
            columns=[
                "region_level",
                "region_code",
                "year",
                "indicator_id",
                "vintage",
                "value_reported",
                "decimals",
            ],
        ),
    )
    connection.execute("create table observation as select *, true as is_panel_scope from cells")
    return connection.sql(f"select is_broken from ({render_model(ROOT, 'detector_identity')})").fetchall()


def test_d11_allows_rounding_and_no_more() -> None:
    assert identities(100.01, (10.0, 40.0, 50.0)) == [(False,)]
    assert identities(100.05, (10.0, 40.0, 50.0)) == [(True,)]


def test_d12_needs_enough_digits_and_sees_heaping() -> None:
    connection = duckdb.connect()
    rng = np.random.default_rng(3)
    frames = []
    for name, n, heaped in (("even", 2000, False), ("heaped", 2000, True), ("few", 150, True)):
        values = rng.integers(1000, 100000, n)
        values = np.where(heaped & (rng.random(n) < 0.3), values // 10 * 10, values)
        frames.append(
            pd.DataFrame({"indicator_id": name, "value_printed": values.astype(str), "year": range(n)})
        )
    cells = pd.concat(frames).assign(region_level="prefecture", vintage="v", region_code=CITY)
    connection.register("cells", cells)
    connection.execute(
        "create table observation as select *, true as is_panel_scope, cast(value_printed as decimal(38, 10)) as value_reported from cells"
    )
    found = dict(
        connection.sql(
            f"select indicator_id, last_digit_chi2 from ({render_model(ROOT, 'digit_context')})"
        ).fetchall()
    )
    assert set(found) == {"even", "heaped"}
    # The 99.9 % point of chi-square with nine degrees of freedom.
    assert found["even"] < 27.9 < found["heaped"]


def inject(frame: pd.DataFrame, method: str, code: str, year: int, total: pd.Series) -> None:
    x = frame.loc[code]
    before, after, earlier = x[year - 1], x[year + 1], x[year - 2]
    fills = {
        "linear": (before + after) / 2,
        "geometric": np.sqrt(before * after),
        "carry_forward": before,
        "moving_average": (before + earlier) / 2,
        "share": before * total[year] / total[year - 1],
    }
    frame.loc[code, year] = round(float(fills[method]), 2)


@pytest.mark.parametrize("method", ["linear", "geometric", "carry_forward", "moving_average", "share"])
def test_mutation_each_fill_is_found_and_clean_cells_are_not(method: str) -> None:
    """Fifteen single fills in each of eight clean columns, where kappa says that a cell can be decided."""
    rng = np.random.default_rng(7)
    wanted, found = set(), set()
    for seed in range(8):
        frame, name = column(seed + 50), f"c{seed}"
        groups = [[code for code in CITIES if code.startswith(p)] for p in ("13", "32", "41")]
        provinces = pd.DataFrame(
            [1.05 * frame.loc[group].sum() for group in groups], index=["130000", "320000", "410000"]
        )
        for code in CITIES[:15]:
            year = int(rng.integers(2012, 2022))
            inject(frame, method, code, year, provinces.loc[f"{code[:2]}0000"])
            wanted.add((code, year, name))
        found |= flagged(scan({name: frame}, provinces=provinces if method == "share" else None))
    assert len(found & wanted) >= 0.95 * len(wanted)
    # One false flag in 1,000 clean cells.
    assert len(found - wanted) <= 0.001 * (8 * len(CITIES) * len(YEARS) - len(wanted))


def test_d12_sees_values_that_bunch_at_whole_and_half() -> None:
    connection = duckdb.connect()
    rng = np.random.default_rng(4)
    frames = []
    for name, n, share in (("even", 600, 0.0), ("bunched", 600, 0.3), ("few", 150, 0.3)):
        values = np.round(rng.uniform(1, 20, n), 1)
        values = np.where(rng.random(n) < share, np.round(values * 2) / 2, values)
        frames.append(
            pd.DataFrame(
                {"indicator_id": name, "value_printed": [f"{v:.1f}" for v in values], "year": range(n)}
            )
        )
    cells = pd.concat(frames).assign(region_level="prefecture", vintage="v", region_code=CITY)
    connection.register("cells", cells)
    connection.execute(
        "create table observation as select *, true as is_panel_scope, cast(value_printed as decimal(38, 10)) as value_reported from cells"
    )
    found = {
        name: (share, z)
        for name, share, z in connection.sql(
            f"select indicator_id, share_at_threshold, threshold_z from ({render_model(ROOT, 'digit_context')})"
        ).fetchall()
    }
    assert set(found) == {"even", "bunched"}
    assert abs(found["even"][1]) < 3.3 < found["bunched"][1]
    assert found["bunched"][0] == pytest.approx(0.2 * 0.7 + 0.3, abs=0.06)
