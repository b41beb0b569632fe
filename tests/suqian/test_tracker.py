"""Facts of pilot zones: built by dbt from a copy of the seeds to which two rows were added."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from tests.conftest import PROJECT_PARTS, ROOT, SHARED, run_dbt

MARTS = (
    "zone_fact_comparison",
    "zone_growth_arithmetic",
    "zone_growth_path",
    "zone_scorecard",
    "national_cbec_trade",
)
# Two rows of a city that the paper does not know: one that Hangzhou states too, one that nobody states.
ADDED = """901,,,city,330700,金华,Jinhua,cbec_majors,3,exact,,,,a yearbook,no,
902,,,city,330700,金华,Jinhua,export_brands_incubated,12,over,2024-01-01,2024-12-31,,a yearbook,no,
903,,,city,330700,金华,Jinhua,overseas_warehouse_count,100,exact,,2023-12-31,,a yearbook,no,
"""


@pytest.fixture(scope="module")
def tracker(module_folder: Callable[[str], Path]) -> Iterator[duckdb.DuckDBPyConnection]:
    copy = module_folder("tracker")
    for part in PROJECT_PARTS:
        source = ROOT / part
        (shutil.copytree if source.is_dir() else shutil.copy)(source, copy / part)
    shutil.copytree(ROOT / "tests/generic", copy / "tests/generic")
    seed = copy / "seeds/studies/zone_fact.csv"
    seed.write_text(seed.read_text(encoding="utf-8") + ADDED, encoding="utf-8")
    database = copy / "tracker.duckdb"
    run_dbt(
        "build", "--select", "+published_result", *(f"+{mart}" for mart in MARTS),
        "--indirect-selection", "cautious", database=database, root=copy,
    )  # fmt: skip
    with duckdb.connect(str(database), read_only=True) as connection:
        yield connection


Rows = Callable[..., list[tuple]]


@pytest.fixture(scope="module")
def rows(tracker: duckdb.DuckDBPyConnection) -> Rows:
    return lambda query, *parameters: tracker.execute(query, list(parameters)).fetchall()


def test_every_printed_fact_is_there_once_with_its_value(rows: Rows) -> None:
    joined = rows(
        "select p.result_no, p.value, f.value, f.fact_indicator_id from studies.published_result as p"
        " left join studies.zone_fact as f using (result_no) where p.study_id = 'suqian_benchmark'"
    )
    assert len(joined) == 29
    # 3 (万家) is the only one whose unit is changed.
    assert {(printed, ours) for _, printed, ours, _ in joined if printed != ours} == {(3.0, 30000.0)}


def test_the_print_says_which_facts_are_bounds(rows: Rows) -> None:
    notes = rows(
        "select p.note || p.printed, f.censoring, f.fact_no from studies.zone_fact as f"
        " join studies.published_result as p using (result_no)"
    )
    assert len(notes) == 29
    for note, censoring, fact_no in notes:
        if any(word in note for word in ("超", "突破", "余")):
            assert censoring == "over", (fact_no, note)
        elif "近" in note and "邻近" not in note:
            assert censoring == "nearly", (fact_no, note)
        elif "以上" in note:
            assert censoring == "at_least", (fact_no, note)
        else:
            assert censoring in ("exact", "about") or "多" in note, (fact_no, note)


@pytest.mark.parametrize(
    ("quantity", "value", "unit", "bound"),
    [
        ("annualised", 40 * 12 / 8, "100m_yuan", "lower bound"),
        ("implied_year_before", 40 / 1.9 * 12 / 8, "100m_yuan", "undetermined"),
        ("needed_growth", 100 * (100 / 60 - 1), "pct", "upper bound"),
        ("needed_growth_from_year_before", 100 * ((100 / (60 / 1.9)) ** 0.5 - 1), "pct", "undetermined"),
        ("years_to_goal_at_stated_rate", 2.2892, "years", "upper bound"),
        ("orders_in_yuan", 7 * (7.0467 + 7.1217) / 2, "100m_yuan", "lower bound"),
        ("orders_in_yuan_a_year", 7 * (7.0467 + 7.1217) / 2 * 12 / 18, "100m_yuan", "lower bound"),
        ("cbec_share_of_ecommerce", 100 * (60 / 1.9) / 2800, "pct", "undetermined"),
    ],
)
def test_growth_arithmetic(rows: Rows, quantity: str, value: float, unit: str, bound: str) -> None:
    ((found, found_unit, found_bound, assumption),) = rows(
        "select value, unit, bound, assumption from marts.zone_growth_arithmetic"
        " where region_code = '321300' and quantity = ?",
        quantity,
    )
    assert found == pytest.approx(value, rel=1e-4)
    assert (found_unit, found_bound) == (unit, bound)
    assert assumption
    if quantity == "orders_in_yuan":
        assert "China Statistical Yearbook" in assumption
        assert "verified = no" in assumption


def test_path_to_the_goal(rows: Rows) -> None:
    found = dict(
        rows(
            "select scenario, (round(turnover_100m_yuan, 6), round(gap_to_goal_100m_yuan, 6))"
            " from marts.zone_growth_path where year = 2026 and region_code = '321300'"
        )
    )
    assert found == {
        "stated rate": (75.0, -25.0),
        "needed rate": (100.0, 0.0),
        "recent rate": (114.0, 14.0),
    }


def test_ratios_of_different_things_are_refused_with_the_reason(rows: Rows) -> None:
    ((reason, difference),) = rows(
        "select refusal_reason, difference from marts.zone_fact_comparison where concept = 'new_economy_share'"
    )
    assert "different quantities: value added of core digital industries" in reason
    assert difference is None
    ((reason,),) = rows(
        "select refusal_reason from marts.zone_fact_comparison where concept = 'overseas_warehouses'"
        " and region_code = '321300' and other_region_code = '440300'"
    )
    assert reason.startswith("different units: 10k_m2 and count")


def test_a_comparison_has_either_a_difference_or_a_reason(rows: Rows) -> None:
    ((n_pairs, n_compared, n_bad),) = rows(
        "select count(*), count(difference), count(*) filter (where (difference is null) = (refusal_reason is null))"
        " from marts.zone_fact_comparison"
    )
    assert n_pairs > n_compared > 0
    assert n_bad == 0
    assert rows(
        "select difference, difference_bound from marts.zone_fact_comparison where concept = 'zone_approval'"
    ) == [(5.0, "exact")]


def test_a_city_that_is_added_as_rows_appears(rows: Rows) -> None:
    card = dict(
        rows(
            "select fact_indicator_id, (value, status) from marts.zone_scorecard where region_code = '330700'"
        )
    )
    ((n_items,),) = rows(
        "select count(distinct fact_indicator_id) from marts.zone_scorecard where region_code = '321300'"
    )
    assert len(card) == n_items > 10
    assert card["cbec_majors"] == (3.0, "stated")
    assert card["export_brands_incubated"] == (12.0, "stated for this city only")
    assert card["zone_platform_firms"] == (None, "gap")
    # Compared where the keys are equal, refused where the day differs.
    compared = rows(
        "select concept, other_entity_en, entity_en, difference, refusal_reason from marts.zone_fact_comparison"
        " where '330700' in (region_code, other_region_code) and concept = 'overseas_warehouses'"
        " and '440300' in (region_code, other_region_code)"
    )
    assert len(compared) == 1
    assert compared[0][3] is None
    assert "different periods: at 2023-12-31 and at 2024-12-31" in compared[0][4]


def test_gaps_name_the_quantity_that_must_not_stand_in(rows: Rows) -> None:
    assert rows(
        "select gap from marts.zone_scorecard where region_code = '321300'"
        " and fact_indicator_id = 'overseas_warehouse_count'"
    ) == [("not stated; another quantity is, and cannot stand for it: Overseas warehouses, floor area",)]
    ((n_wrong,),) = rows(
        "select count(*) from marts.zone_scorecard where (value is null) != (gap is not null)"
    )
    assert n_wrong == 0


def test_first_prints_and_revisions_stand_apart(rows: Rows) -> None:
    assert rows(
        "select revision, value_trn_yuan from marts.national_cbec_trade"
        " where series = 'imports+exports' and period = '2022' order by 1"
    ) == [("first print", 2.11), ("revision", 2.06)]
    # 15.6 % fits 2.38 on the revised 2.06 (15.5 %) and not on the first 2.11 (12.8 %).
    assert rows(
        "select growth_base, growth_on_each_base from marts.national_cbec_trade"
        " where series = 'imports+exports' and period = '2023'"
    ) == [("revision", "first print 2.11: 12.8 %; revision 2.06: 15.5 %")]
    ((n_figures, n_unverified),) = rows(
        "select count(*), count(*) filter (where not is_verified) from marts.national_cbec_trade"
    )
    source = SHARED / "facts/published_macro.csv"
    if source.exists():
        lines = [
            x for x in source.read_text(encoding="utf-8").splitlines() if x.startswith("CBEC total (customs)")
        ]
        assert n_figures == len(lines)
    assert (n_figures, n_unverified) == (24, 8)
