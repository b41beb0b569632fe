"""Which series a column reads: by the models' SQL on made-up figures, and on a warehouse with a user's files."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pandas as pd

from cbec.registry.series import FIGURES, panel_series, sentences
from tests.conftest import ROOT

CODES = [f"{number}0000" for number in range(11, 51)]


def figures(
    series: str, years: range, *, shipped: bool = False, factor: float = 1.0, regions: int = 40
) -> pd.DataFrame:
    """One provincial series of internet users, the same figures in each but for the factor."""
    rows = [
        ("province", "internet_users", series, code, year, factor * (100.0 + place + year % 7), shipped)
        for place, code in enumerate(CODES[:regions])
        for year in years
    ]
    return pd.DataFrame(rows, columns=list(FIGURES))


def chosen(*parts: pd.DataFrame) -> pd.DataFrame:
    return panel_series(ROOT, pd.concat(parts)).set_index("series_id")


def test_a_complete_file_beats_a_short_shipped_series_that_it_agrees_with() -> None:
    found = chosen(
        figures("nbs_annual", range(2016, 2017), shipped=True),
        figures("import_a", range(2013, 2023), factor=1.001),
    )
    assert tuple(found.loc["import_a", ["reason", "n_read", "n_common", "n_agreeing"]]) == (
        "most_figures", 400, 40, 40,
    )  # fmt: skip
    # Nothing is left for the one that ships.
    assert tuple(found.loc["nbs_annual", ["reason", "n_read"]]) == ("fewer_figures", 0)


def test_one_that_differs_is_not_read_however_long() -> None:
    found = chosen(
        figures("nbs_annual", range(2016, 2018), shipped=True),
        figures("import_a", range(2009, 2024), factor=1.2),
    )
    assert tuple(found.loc["import_a", ["reason", "n_read", "n_agreeing"]]) == ("differs", 0, 0)
    assert found.loc["nbs_annual", "n_read"] == 80
    said = sentences(found.reset_index(), "en")
    assert (
        "province internet_users: import_a is not read: 0 of 80 figures in common agree with what ships"
        in said[0]
    )
    assert sentences(found.reset_index(), "zh")[0].startswith("province internet_users：不读import_a，")


def test_years_outside_the_shipped_span_are_read_from_a_file_that_prints_the_same() -> None:
    found = chosen(
        figures("nbs_annual", range(2015, 2025), shipped=True),
        figures("import_a", range(2013, 2023), regions=35),
    )
    assert tuple(found.loc["import_a", ["reason", "n_read", "first_year_read", "last_year_read"]]) == (
        "completes", 70, 2013, 2014,
    )  # fmt: skip
    assert found.loc["nbs_annual", "n_read"] == 400


def test_few_common_figures_show_no_agreement_and_complete_nothing() -> None:
    found = chosen(
        figures("nbs_annual", range(2015, 2025), shipped=True),
        figures("import_a", range(2014, 2016), regions=20),
    )
    assert tuple(found.loc["import_a", ["reason", "n_common", "n_read"]]) == ("fewer_figures", 20, 0)


def test_import_and_build_say_which_cells_are_read(user_warehouse: Path) -> None:
    said = (user_warehouse / "said.txt").read_text(encoding="utf-8")
    told, built = said.split("published ", 1)
    for text in (told, built):
        assert (
            "province internet_users: 300 figures of import_" in text
            or "more in quality.panel_series" in text
        )
        assert "province ecommerce_sales: 60 figures of import_" in text
    assert "are read (2013-2022): it has most figures (300) of those that agree with what ships" in told
    assert "province gdp: import_" in told and "it has 300 figures, no more than after_census5" in told


def test_what_was_told_is_what_the_panel_reads(user_warehouse: Path) -> None:
    with duckdb.connect(str(user_warehouse / "cbec.duckdb"), read_only=True) as db:
        read = db.sql(
            "select cell.year, count(*), count(distinct source_id), min(source_id) from marts.observation as cell"
            " inner join marts.panel_province_year as panel"
            " on cell.region_code = panel.province_code and cell.year = panel.year"
            " and cell.value = panel.ecommerce_sales_100m_yuan"
            " where indicator_id = 'ecommerce_sales' and region_level = 'province' and cell.year in (2013, 2014)"
            " group by 1 order by 1"
        ).fetchall()
        users = db.sql(
            "select count(internet_users_share_ratio) from marts.panel_province_year"
            " where year between 2013 and 2022 and province_code <> '540000'"
        ).fetchone()
        series = db.sql(
            "select input_indicator_id, sum(n_read) from quality.column_series"
            " where panel_column = 'internet_users_share_ratio' and not is_shipped group by 1 order by 1"
        ).fetchall()
    assert read == [(2013, 30, 1, "import_undocumented"), (2014, 30, 1, "import_undocumented")]
    assert users == (300,)
    assert series == [("internet_users", 300), ("resident_population_year_end", 60)]
