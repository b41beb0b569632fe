"""The command as a person uses it: look, load, build, list, take out; and what it says when something is wrong."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from tests.conftest import SHARED, USER_FILE, Imported, run_cbec

BAD = "城市,年份,GDP(亿元)\n保定市,2014,3000\n某某市,2014,3000\n"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "good.csv").write_bytes(USER_FILE)
    (tmp_path / "bad.csv").write_text(BAD, encoding="utf-8")
    return tmp_path


def cbec(place: Path, *arguments: str):  # type: ignore[no-untyped-def]
    return run_cbec(
        *arguments,
        warehouse=place / "warehouse",
        env={"CBEC_LANDING": str(place / "landing"), "COLUMNS": "200"},
    )


def test_look_load_list_remove(place: Path) -> None:
    looked = cbec(place, "import", str(place / "good.csv"), "--dry-run")
    assert looked.returncode == 0, looked.stderr
    assert "gb18030" in looked.stdout
    assert "10k_yuan" in looked.stdout
    assert not (place / "landing").exists()
    loaded = cbec(place, "import", str(place / "good.csv"))
    assert "landed; 6 cells" in loaded.stdout, loaded.stderr
    assert loaded.stderr == ""
    assert "good.csv" in cbec(place, "import", "--list").stdout
    assert "removed good.csv" in cbec(place, "import", "--remove", "good.csv").stdout
    assert list((place / "landing").glob("*.parquet")) == []


@pytest.mark.skipif(not (SHARED / "real").is_dir(), reason="../shared/real is not here")
def test_what_was_loaded_is_observed_when_it_is_built(imported: Imported) -> None:
    with duckdb.connect(str(imported.database), read_only=True) as db:
        cells = db.sql(
            "select year, indicator_id, value, unit, unit_printed, decimals, obs_status_all, impute_method, source_locator"
            " from marts.observation where region_code = '130600' and source_id = 'import_undocumented'"
            " and source_locator like 'good!%' order by all"
        ).fetchall()
        assert [(*row[:2], None if row[2] is None else float(row[2]), *row[3:]) for row in cells] == [
            (2014, "gdp", 2800.00005, "100m_yuan", "10k_yuan", 5, "V", None, "good!R2C3"),
            (2014, "gdp_primary", 400.25, "100m_yuan", "100m_yuan", 2, "V", None, "good!R2C5"),
            (2015, "gdp", 2900.0, "100m_yuan", "10k_yuan", 4, "IV", "unknown", "good!R3C4"),
            (2015, "gdp_primary", 410.5, "100m_yuan", "100m_yuan", 1, "V", None, "good!R3C5"),
            (2016, "gdp", 3000.0, "100m_yuan", "10k_yuan", 4, "V", None, "good!R4C3"),
            (2016, "gdp_primary", None, "100m_yuan", "100m_yuan", 0, "O", None, "good!R4C5"),
        ]
        panel = db.sql(
            "select year, gdp_100m_yuan, gdp_primary_100m_yuan from marts.panel_city_year"
            " where prefecture_code = '130600' and gdp_100m_yuan is not null order by year"
        ).fetchall()
        # The panel of cities reads the yearbook and nothing beside it.
        assert [row[0] for row in panel] == [*range(2009, 2017), *range(2018, 2024)]
        assert not {row[1] for row in panel} & {2800.00005, 2900.0, 3000.0}
        status = db.sql(
            "select gdp_100m_yuan from marts.panel_city_year_status where prefecture_code = '130600' and year = 2015"
        ).fetchone()
        assert status == ("A",)


@pytest.mark.skipif(not (SHARED / "real").is_dir(), reason="../shared/real is not here")
def test_a_figure_that_no_edition_prints_is_a_finding_and_stops_no_build(imported: Imported) -> None:
    with duckdb.connect(str(imported.database), read_only=True) as db:
        found = db.sql(
            "select severity, region_code from quality.finding where detector = 'unpublished' and year = 2017"
            " and indicator_id = 'gdp' and region_code in ('130200', '130600') order by 2"
        ).fetchall()
    # From a file that names no source: to be looked at.
    assert ("warn", "130200") in found and ("warn", "130600") in found


def test_an_error_keeps_one_file_out_and_names_the_cell(place: Path) -> None:
    done = cbec(place, "import", str(place / "good.csv"), str(place / "bad.csv"))
    assert done.returncode == 2
    assert "bad.csv: bad!R3C1: '某某市' is no prefecture of the registry; nearest:" in done.stderr
    assert len(list((place / "landing").glob("*.parquet"))) == 1
    mapping = next((place / "warehouse/imports").rglob("import.map.yml"))
    again = cbec(place, "import", str(place / "bad.csv"), "--map", str(mapping))
    assert again.returncode == 0, again.stderr


def test_check_looks_and_loads_nothing(place: Path) -> None:
    done = cbec(place, "check", str(place / "good.csv"))
    assert done.returncode == 0, done.stderr
    assert not (place / "landing").exists()
    assert next((place / "warehouse/imports").rglob("data_docs/index.html")).is_file()


def test_nothing_to_import_says_so(place: Path) -> None:
    assert cbec(place, "import").returncode == 2
    missing = cbec(place, "import", str(place / "none.csv"))
    assert missing.returncode == 2
    assert "no such file" in missing.stderr
