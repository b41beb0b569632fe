"""A folder may be called what people call folders: no figure is left out because of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest

from tests.conftest import ROOT
from tests.refresh.conftest import Small, make_small_project

GOOD = "城市,年份,GDP(亿元)\n保定市,2014,2800.5\n保定市,2015,2900\n"
CHECK = "tests/assert_landed_inputs_are_landed_files.sql"


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """A project with an imported file in a folder whose name is a pattern, a quote and a partition."""
    folder = tmp_path_factory.mktemp("odd") / "year=2015" / "a[b]*c'd {e} 数据"
    folder.mkdir(parents=True)
    small = make_small_project(folder)
    shutil.copy(ROOT / CHECK, small.root / CHECK)
    (small.watched / "good.csv").write_text(GOOD, encoding="utf-8")
    done = small.cbec("import", str(small.watched), env=landing(small))
    assert done.returncode == 0, done.stderr
    return small


def landing(small: Small) -> dict[str, str]:
    return {"CBEC_LANDING": str(small.warehouse.parent / "what?")}


def figures(path: Path) -> list[tuple[int, float]]:
    with duckdb.connect(str(path), read_only=True) as db:
        return [
            (year, float(value))
            for year, value in db.sql(
                "select year, value_in_printed_unit from staging.stg_landing__observation order by year"
            ).fetchall()
        ]


def test_what_was_imported_is_in_the_build(odd: Small) -> None:
    done = odd.cbec("build", env=landing(odd))
    assert done.returncode == 0, done.stderr
    assert figures(odd.database) == [(2014, 2800.5), (2015, 2900.0)]
    assert (odd.warehouse / "parquet/marts/first.parquet").is_file()


def test_a_build_that_reads_no_landed_file_fails(odd: Small) -> None:
    macro = odd.root / "macros/dialect.sql"
    text = macro.read_text(encoding="utf-8")
    broken = text.replace("literal_path(env_var('CBEC_LANDING', 'landing')) ~", "'nowhere' ~")
    assert broken != text
    macro.write_text(broken, encoding="utf-8")
    try:
        done = odd.cbec("build", env=landing(odd))
    finally:
        macro.write_text(text, encoding="utf-8")
    assert done.returncode == 4
    assert "assert_landed_inputs_are_landed_files" in done.stderr
