"""What a scheduler does: refresh what is new, leave what is not, go back when a person says so."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb

from tests.refresh.conftest import Small

GOOD = "城市,年份,GDP(亿元)\n保定市,2014,2800.5\n保定市,2015,2900\n"
BETTER = "城市,年份,GDP(亿元)\n唐山市,2014,6225.3\n"
BAD = "城市,年份,GDP(亿元)\n保定市,2014,3000\n某某市,2014,3000\n"


def landed(small: Small) -> list[str]:
    return sorted(path.name for path in (small.warehouse / "landing").glob("*.parquet"))


def test_twice_gives_published_then_nothing_new(small: Small) -> None:
    small.stamp(2)
    assert small.cbec("refresh").returncode == 0
    before = small.version(), small.database.stat().st_mtime_ns
    again = small.cbec("refresh")
    assert again.returncode == 3
    assert "nothing new" in again.stdout
    assert (small.version(), small.database.stat().st_mtime_ns) == before
    assert [row[1:] for row in small.log()[-2:]] == [("published", 0), ("nothing new", 3)]


def test_every_kind_of_input_is_new(small: Small) -> None:
    """Seeds, models and data tests are inputs; an analysis that nobody builds from is one too."""
    model = small.root / "models/marts/first.sql"
    model.write_text(model.read_text() + " where position >= 0")
    assert small.cbec("refresh").returncode == 0
    # A test that fails is new, fails, and fails again: nothing was published that would make it old.
    failing = small.root / "tests/assert_nothing.sql"
    failing.write_text("select 1 as wrong")
    assert small.cbec("refresh").returncode == 4
    assert small.cbec("refresh").returncode == 4
    failing.unlink()
    assert small.cbec("refresh").returncode == 3


def test_a_watched_folder(small: Small) -> None:
    (small.watched / "good.csv").write_bytes(GOOD.encode("gb18030"))
    done = small.cbec("refresh", "--watch", str(small.watched))
    assert done.returncode == 0, done.stderr
    assert "imported good.csv" in done.stdout
    assert len(landed(small)) == 1
    with duckdb.connect(str(small.database), read_only=True) as db:
        assert db.sql("from meta.landed_file").fetchall()[0][0] == "good.csv"
        row = db.sql(
            "select command, outcome, files_imported, cells_imported, rows_published, exit_code, seconds > 0"
            " from meta.run_log order by started_at desc limit 1"
        ).fetchone()
        total = db.sql("select sum(n_rows) from meta.table_size").fetchone()
        assert total is not None
        assert row == ("refresh", "published", 1, 2, int(total[0]), 0, True)
        phases = {name for (name,) in db.sql("select distinct phase from meta.run_phase").fetchall()}
        assert {"import", "check seeds", "seeds, models and tests", "publish"} <= phases

    # The name does not matter, the content does.
    (small.watched / "good.csv").rename(small.watched / "renamed.csv")
    assert small.cbec("refresh", "--watch", str(small.watched)).returncode == 3

    # One refused file: nothing lands, nothing is published, the cell and the nearest names are told.
    before = small.version()
    (small.watched / "bad.csv").write_text(BAD, encoding="utf-8")
    (small.watched / "better.csv").write_text(BETTER, encoding="utf-8")
    refused = small.cbec("refresh", "--watch", str(small.watched))
    assert refused.returncode == 2
    assert "bad.csv: bad!R3C1: '某某市' is no prefecture of the registry; nearest:" in refused.stderr
    assert len(landed(small)) == 1
    assert small.version() == before

    # A data test that the new file breaks takes the file back, too.
    (small.watched / "bad.csv").unlink()
    failing = small.root / "tests/assert_one_file.sql"
    failing.write_text(
        "select count(distinct source_file_sha256) from {{ ref('stg_landing__observation') }} having count(distinct source_file_sha256) > 1"
    )
    failed = small.cbec("refresh", "--watch", str(small.watched))
    assert failed.returncode == 4, failed.stderr
    assert "assert_one_file" in failed.stderr
    assert len(landed(small)) == 1
    failing.unlink()
    assert small.cbec("refresh", "--watch", str(small.watched)).returncode == 0
    assert len(landed(small)) == 2


def test_a_folder_that_is_not_there(small: Small) -> None:
    done = small.cbec("refresh", "--watch", str(small.watched / "none"))
    assert done.returncode == 2
    assert "no such folder to watch" in done.stderr


def test_rollback(small: Small) -> None:
    versions = [small.version()]
    for number in (2, 3, 4):
        small.stamp(number)
        assert small.cbec("refresh", "--keep", "3").returncode == 0
        versions.append(small.version())
    listed = small.cbec("rollback", "--list").stdout
    assert [run for run, _ in versions if run in listed] == [run for run, _ in versions[1:]]

    back = small.cbec("rollback")
    assert back.returncode == 0, back.stderr
    assert small.version() == versions[2]
    assert (small.warehouse / "parquet").resolve().name == versions[2][0]
    assert duckdb.sql(
        f"select distinct stamp from '{small.warehouse}/parquet/marts/first.parquet'"
    ).fetchall() == [(3,)]
    assert small.log()[-1][1:] == ("rolled back", 0)

    # The scheduler must not publish again what a person has just taken back ...
    assert small.cbec("refresh").returncode == 3
    assert small.version() == versions[2]
    # ... and takes what is really new.
    to = small.cbec("rollback", "--to", versions[1][0])
    assert to.returncode == 0, to.stderr
    assert small.version() == versions[1]
    assert small.cbec("rollback", "--to", versions[3][0]).returncode == 0
    assert small.version() == versions[3]
    small.stamp(5)
    assert small.cbec("refresh", "--keep", "3").returncode == 0
    assert small.version()[1] == 5
    with duckdb.connect(str(small.database), read_only=True) as db:
        counted = db.sql("select count(*) from meta.run_log where outcome = 'rolled back'").fetchone()
    assert counted == (3,)


def test_rollback_to_what_is_not_kept(small: Small) -> None:
    before = small.version()
    wrong = small.cbec("rollback", "--to", "20200101T000000Z-abcdef")
    assert wrong.returncode == 2
    assert before[0] in wrong.stderr
    alone = small.cbec("rollback")
    assert alone.returncode == 2
    same = small.cbec("rollback", "--to", before[0])
    assert same.returncode == 2
    assert "is the published version" in same.stderr
    assert small.version() == before


def test_a_torn_line_of_the_log_loses_one_line_only(small: Small) -> None:
    log = small.warehouse / "run_log.jsonl"
    n_runs = len(small.log())
    with log.open("ab") as file:
        file.write(b'{"run_id": "2026')
    assert small.cbec("refresh").returncode == 3
    assert len(small.log()) == n_runs + 1
    lines = log.read_text(encoding="utf-8").splitlines()
    assert json.loads(lines[-1])["outcome"] == "nothing new"


def test_a_version_made_before_this_was_recorded_is_rebuilt(small: Small, tmp_path: Path) -> None:
    with duckdb.connect(str(small.database)) as db:
        db.execute("drop table meta.input_file")
    assert small.cbec("refresh").returncode == 0


def test_a_published_file_that_is_spoilt_is_replaced(small: Small) -> None:
    small.database.unlink()
    small.database.write_bytes(b"not a database" * 1000)
    done = small.cbec("refresh")
    assert done.returncode == 0, done.stderr
    assert small.version()[1] == 1
