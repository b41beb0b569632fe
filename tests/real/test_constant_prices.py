"""GDP of cities at constant prices beside the index that the national platform prints for their province.

The index is not part of the product; without it these tests are skipped. Run with -s to see the table that
docs/DATA_STATUS.md quotes.
"""

from __future__ import annotations

import csv

import duckdb
import pandas as pd
import pytest

from tests.conftest import SHARED

INDEX = SHARED / "real/province/nbs/NBS_地区生产总值指数_上年100_省级_2011-2022.csv"
pytestmark = pytest.mark.skipif(not INDEX.is_file(), reason="../shared/real is not here")


@pytest.fixture(scope="module")
def beside(db: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """Growth in per cent by province and year: of the sum of the chained GDP of its cities, and printed."""
    with INDEX.open(encoding="utf-8-sig") as lines:
        rows = list(csv.reader(lines))
    years = [int(name.strip()[:4]) for name in rows[2][1:] if name.strip()]
    printed = pd.DataFrame(
        [
            (row[0].strip(), year, float(text) - 100)
            for row in rows[3:34]
            for year, text in zip(years, row[1:], strict=False)
        ],
        columns=["name_zh", "year", "printed"],
    )
    chained = db.sql(
        "with gdp as (select region_code, year, value, lag(value) over (partition by region_code order by year)"
        " as earlier from marts.panel_cell where region_level = 'prefecture' and indicator_id = 'gdp_real')"
        " select province.name_zh, gdp.year, 100 * (sum(value) / sum(earlier) - 1) as chained"
        " from gdp inner join registry.region as city on gdp.region_code = city.region_code"
        " and city.region_level = 'prefecture'"
        " inner join registry.region as province on city.province_code = province.region_code"
        " and province.region_level = 'province'"
        " where value is not null and earlier is not null group by all"
    ).df()
    return printed.merge(chained, on=["name_zh", "year"])


def test_cities_grow_as_their_provinces_do(beside: pd.DataFrame) -> None:
    gap = beside.chained - beside.printed
    table = gap.groupby(beside.year).describe(percentiles=[0.1, 0.5, 0.9]).round(2)
    print(table.to_string(), f"median of |gap| {gap.abs().median():.2f}", sep="\n")
    assert len(gap) == 360
    assert gap.abs().median() < 0.4
    assert beside.chained.corr(beside.printed) > 0.95


@pytest.mark.parametrize("year", [2013, 2017])
def test_years_joined_by_the_rule_are_no_worse_than_printed_ones(beside: pd.DataFrame, year: int) -> None:
    gap = (beside.chained - beside.printed).abs()
    assert gap[beside.year == year].median() < gap[beside.year.between(2011, 2012)].median()
