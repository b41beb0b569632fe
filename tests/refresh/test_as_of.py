"""The warehouse as it stood: no edition after the one that is requested, and the published file untouched."""

from __future__ import annotations

from pathlib import Path

import duckdb

from tests.conftest import long_only, run_dbt
from tests.printed.workbooks import make, workbook
from tests.refresh.conftest import Small


def editions(path: Path) -> list[tuple[int, int, str]]:
    with duckdb.connect(str(path), read_only=True) as db:
        return db.sql(
            "select distinct edition, year, series_id from staging.stg_landing__observation order by all"
        ).fetchall()


def totals(path: Path) -> list[tuple[int]]:
    with duckdb.connect(str(path), read_only=True) as db:
        return db.sql("select distinct edition from staging.stg_landing__total order by all").fetchall()


def test_later_editions_are_left_out_of_a_warehouse_of_its_own(small: Small) -> None:
    for edition in (2013, 2015):
        print_ = make(edition, "gdp")
        path = small.watched / print_.path
        path.parent.mkdir(parents=True)
        path.write_bytes(workbook(print_))
    done = small.cbec("import", str(small.watched))
    assert done.returncode == 0, done.stderr
    before = small.database.read_bytes()
    done = small.cbec("build", "--as-of", "2014")
    assert done.returncode == 0, done.stderr
    stood = small.warehouse / "as_of_2014/cbec.duckdb"
    assert (editions(stood), totals(stood)) == ([(2013, 2012, "ccsy")], [(2013,)])
    assert small.database.read_bytes() == before
    done = small.cbec("build")
    assert done.returncode == 0, done.stderr
    # Editions that print one year each are one series.
    assert editions(small.database) == [(2013, 2012, "ccsy"), (2015, 2014, "ccsy")]
    assert totals(small.database) == [(2013,), (2015,)]


@long_only
def test_the_tests_of_what_ships_hold_of_an_earlier_edition(tmp_path: Path) -> None:
    """Corrections, bounds and gaps of later editions are not missed: every test of figures and panels passes."""
    database = tmp_path / "build.duckdb"
    run_dbt(
        "build", "--select", "+observation +panel_city_year +publication_coverage",
        # No test of what was not built.
        "--indirect-selection", "cautious", database=database, CBEC_AS_OF="2018",
    )  # fmt: skip
    with duckdb.connect(str(database), read_only=True) as db:
        editions = db.sql("select min(edition), max(edition) from quality.publication_coverage").fetchall()
        years = db.sql(
            "select min(year), max(year) from marts.panel_city_year where employees_units_10k_persons is not null"
        ).fetchall()
    assert editions == [(2010, 2018)]
    assert years == [(2009, 2017)]
