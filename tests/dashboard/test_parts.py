"""What the pages are made of: the reader of the published file, downloads, charts and words."""

from __future__ import annotations

import io
import string
import threading
import time
from pathlib import Path

import duckdb
import numpy as np
import openpyxl
import pandas as pd
import pytest

from cbec.common.files import publish_file
from cbec.dashboard import downloads
from cbec.dashboard.charts import Chart, palette, projected, vega
from cbec.dashboard.database import Database
from cbec.dashboard.parts import STATUS_COLOURS
from cbec.dashboard.words import TEXT
from cbec.project import CbecError
from cbec.report import figures


def make_file(path: Path, number: int) -> Path:
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"create table first as select {number} as n")
        connection.execute(f"create table second as select {number} as n")
    return path


def test_every_view_reads_one_version_while_twenty_are_published(tmp_path: Path) -> None:
    published = make_file(tmp_path / "published.duckdb", 0)
    database = Database(published)
    stop = threading.Event()
    answers: list[tuple[int, int]] = []
    errors: list[Exception] = []

    def read() -> None:
        while not stop.is_set():
            try:
                with database.view() as snapshot:
                    first = int(snapshot.rows("select n from first")["n"].iloc[0])
                    second = int(snapshot.rows("select n + $zero as n from second", zero=0)["n"].iloc[0])
                answers.append((first, second))
            except Exception as error:
                errors.append(error)

    readers = [threading.Thread(target=read) for _ in range(6)]
    for reader in readers:
        reader.start()
    for number in range(1, 21):
        publish_file(make_file(tmp_path / "new.duckdb", number), published)
        answered, until = len(answers), time.monotonic() + 30
        while len(answers) < answered + 3 and time.monotonic() < until:
            time.sleep(0.001)
    with database.view() as snapshot:
        assert snapshot.rows("select n from first")["n"].iloc[0] == 20
    stop.set()
    for reader in readers:
        reader.join(timeout=120)
        assert not reader.is_alive()
    assert errors == []
    assert len(answers) > 50
    assert all(first == second for first, second in answers)
    assert len({first for first, _ in answers}) > 3


def test_a_file_that_is_gone_is_an_error_a_person_can_act_on(tmp_path: Path) -> None:
    database = Database(tmp_path / "none.duckdb")
    with pytest.raises(CbecError, match="nothing published"), database.view():
        pass


@pytest.mark.parametrize(
    "statement",
    [
        "create table x as select 1",
        "create temp table x as select 1; insert into first values (2)",
        "insert into first values (2)",
        "update first set n = 2",
        "delete from first",
        "drop table first",
        "alter table first add column m integer",
        "truncate first",
        "copy first to '{folder}/out.csv'",
        "export database '{folder}/out'",
        "attach '{folder}/other.duckdb' as other",
        "select * from read_csv('/etc/passwd')",
        "select * from read_text('/etc/passwd')",
        "select * from glob('/etc/*')",
        "select * from '/etc/passwd'",
        "install httpfs",
        "load httpfs",
        "install postgres_scanner",
        "set enable_external_access = true",
        "set lock_configuration = false",
        "set temp_directory = '{folder}'",
        "create view v as select 1",
    ],
)
def test_a_view_cannot_write_read_files_or_load_extensions(tmp_path: Path, statement: str) -> None:
    published = make_file(tmp_path / "published.duckdb", 1)
    before = published.read_bytes()
    with Database(published).view() as snapshot, pytest.raises(duckdb.Error):
        snapshot.cursor.execute(statement.format(folder=tmp_path))
    assert published.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["published.duckdb"]


def test_what_a_person_chose_is_a_value_and_never_a_statement(tmp_path: Path) -> None:
    with Database(make_file(tmp_path / "published.duckdb", 1)).view() as snapshot:
        rows = snapshot.rows("select $text as text", text="1; drop table first")
        assert rows["text"].tolist() == ["1; drop table first"]


FORMULAS = ("=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\n=1")


def test_no_text_of_a_download_is_a_formula() -> None:
    table = pd.DataFrame({"=head": [*FORMULAS, "plain", None], "number": [-1.5, *range(7), None]})
    back = pd.read_csv(io.BytesIO(downloads.csv(table)), encoding="utf-8-sig")
    assert list(back.columns) == ["'=head", "number"]
    assert all(str(text).startswith("'") for text in back["'=head"][: len(FORMULAS)])
    assert back["number"].iloc[0] == -1.5
    book = openpyxl.load_workbook(
        io.BytesIO(downloads.xlsx(table, [("=about", "=2+2")], names=("data", "about")))
    )
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert not [cell for cell in cells if cell.data_type == "f"]
    quoted = [cell for cell in cells if isinstance(cell.value, str) and cell.value.startswith("=")]
    assert len(quoted) == 4
    assert all(cell.quotePrefix for cell in quoted)
    assert book["data"]["B2"].value == -1.5
    assert book["data"]["A9"].value == "plain"


def test_charts_say_that_they_are_simulated_and_give_back_what_was_clicked() -> None:
    rows = pd.DataFrame({"year": [2020, 2021], "value": [1.0, 2.0], "region": "a"})
    spec = vega(
        Chart(
            "line", rows, "year", "value", "title", subtitle="SIMULATED DATA", colour="region",
            palette=palette(["a"]), pick=("region", "year"),
        )
    )  # fmt: skip
    assert spec["title"]["subtitle"] == "SIMULATED DATA"
    assert spec["layer"][-1]["params"][0]["select"]["fields"] == ["region", "year"]


def test_the_map_keeps_areas() -> None:
    """A square degree has the area that it has on the sphere, wherever it lies."""
    for longitude, latitude in ((80.0, 30.0), (105.0, 36.0), (130.0, 50.0)):
        east, north = projected(
            pd.Series([longitude, longitude + 0.1, longitude + 0.1, longitude]),
            pd.Series([latitude, latitude, latitude + 0.1, latitude + 0.1]),
        )
        corners = list(zip(east, north, strict=True))
        shoelace = sum(
            a[0] * b[1] - b[0] * a[1] for a, b in zip(corners, corners[1:] + corners[:1], strict=True)
        )
        sphere = (
            6371.0**2 * np.radians(0.1) * (np.sin(np.radians(latitude + 0.1)) - np.sin(np.radians(latitude)))
        )
        assert abs(shoelace) / 2 == pytest.approx(sphere, rel=1e-3)


def test_words_stand_in_both_languages_with_the_same_places() -> None:
    def places(text: str) -> set[str | None]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    for key, (chinese, english) in TEXT.items():
        assert chinese and english, key
        assert places(chinese) == places(english), key


def test_status_colours_are_those_of_the_figures() -> None:
    assert STATUS_COLOURS == figures.STATUS_COLOURS
