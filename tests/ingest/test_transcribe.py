"""`cbec transcribe`: printed tables become seeds, and the seeds say of each cell what a landing of the file says."""

from __future__ import annotations

import csv
import re
import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cbec.common.files import single_writer
from cbec.ingest.command import Options, import_paths
from cbec.ingest.registry import load_registry
from cbec.ingest.transcribe import transcribe
from cbec.project import CbecError, Project
from cbec.registry.check import check_seeds
from tests.conftest import ROOT, run_cbec
from tests.printed.workbooks import Print, Row, cities, make, provinces, workbook

NAMES = ("figure", "column", "place", "remark", "refusal")
# Of each cell: place, region, indicator, scope, text, figure, unit, status, suspect codes and remark.
COMPARED = (
    "record", "edition", "year", "region_level", "region_code", "indicator_id", "scope", "value_printed",
    "value_in_printed_unit", "unit_printed", "obs_status_all", "suspect_codes", "obs_comment", "source_file",
    "source_file_sha256", "source_locator", "vintage", "series_id", "source_id", "publication_id", "header_zh",
    "refusal", "region_printed",
)  # fmt: skip
# Layouts of one header a cell, seven sheets, bilingual headers and line feeds; sums of provinces in 2012 and 2016.
EDITIONS = (2010, 2012, 2016, 2018, 2024)
TABLES = ("gdp", "shares", "budget", "people", "students")


def project_at(folder: Path) -> Project:
    """The registry and no printed figure."""
    shipped = [f"printed_{name}.csv" for name in NAMES]
    shutil.copytree(ROOT / "seeds", folder / "seeds", ignore=shutil.ignore_patterns(*shipped))
    return Project(folder, folder / "warehouse", folder / "landing")


def written(folder: Path, *prints: Print) -> Path:
    for print_ in prints:
        path = folder / print_.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(workbook(print_))
    return folder


def spoilt(edition: int) -> Print:
    """A table of GDP with figures that are flagged, remarked or refused, and a city under an old name."""
    print_ = make(edition, "gdp")
    rows = [row for page in print_.pages for row in page.rows if row.level == "city"]
    # Districts above the whole city, a figure cut in two, letters of a scan, a full-width point, a sign.
    rows[3].cells[1] = "999999999"
    rows[4].cells[0] = "1 8563943"
    rows[5].cells[0] = "l2345"
    rows[6].cells[2] = "1234．5"
    rows[7].cells[4] = "…"
    rows[8].cells[0] = ""
    if edition <= 2011:
        block = "420000"
        name, english = provinces()[block]
        cells = list(rows[9].cells)
        print_.pages[-1].rows += [
            Row("province", block, name, english, ["" for _ in cells]),
            Row("city", "420600", "襄樊市", cities(edition - 1)["420600"][1], cells),
        ]
    return print_


def seeds(project: Project) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((project.root / "seeds/print").iterdir())}


def read_again(project: Project) -> list[dict[str, object]]:
    """models/staging/stg_yearbook__print on the seeds of a project, run as it stands."""
    con = duckdb.connect()
    root = project.root / "seeds"
    for table in (*(f"print/printed_{name}" for name in NAMES), "registry/indicator", "registry/publication"):
        name = table.rpartition("/")[2]
        text = f"read_csv('{root}/{table}.csv', header = true, all_varchar = true, nullstr = '')"
        con.execute(f"create table {name} as from {text}")
    for name in NAMES:
        con.execute(f"alter table printed_{name} alter edition type integer")
    con.execute("alter table publication alter year_offset type integer")
    columns = [row[0] for row in con.execute("describe printed_figure").fetchall()]
    indicators = ", ".join(c for c in columns if c not in ("edition", "region_level", "region_code"))
    sql = (ROOT / "models/staging/stg_yearbook__print.sql").read_text(encoding="utf-8")
    sql = re.sub(r"\{\{ config\(.*?\) \}\}", "", sql)
    sql = sql.replace("{{ printed_indicators() }}", indicators)
    sql = sql.replace("{{ words('regions') }}", "unnest(string_split(regions, ' '))")
    sql = sql.replace("{{ env_var('CBEC_AS_OF', '9999') | int }}", "9999")
    sql = re.sub(r"\{\{ ref\('(\w+)'\) \}\}", r"\1", sql)
    assert "{{" not in sql
    rows = con.execute(sql).to_arrow_table().to_pylist()
    con.close()
    return rows


def landed(project: Project, paths: list[Path]) -> list[dict[str, object]]:
    """Every landed row of the same files."""
    run = import_paths(project, paths, Options(ignores_print=True))
    assert not run.has_errors, [str(p) for o in run.outcomes for p in o.imported.errors]
    tables = [pq.read_table(path) for path in sorted(project.landing.glob("*.parquet"))]
    return pa.concat_tables(tables).to_pylist()


def compared(row: dict[str, object]) -> tuple[object, ...]:
    """A row in comparable form: a blank text is no text, and of a path the file counts."""
    values = [Path(str(row[name])).name if name == "source_file" else row[name] for name in COMPARED]
    if row["record"] != "cell":
        # Of a printed sum and of what is no figure nothing else is kept.
        for name in ("obs_status_all", "suspect_codes", "obs_comment"):
            values[COMPARED.index(name)] = None
    if row["record"] == "refused":
        values[COMPARED.index("year")] = None
    if row["record"] == "cell":
        for name in ("header_zh", "refusal", "region_printed"):
            values[COMPARED.index(name)] = None
    return tuple(value if value not in ("",) else None for value in values)


@pytest.fixture(scope="module")
def yearbook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tables of five editions, one of each spoilt; with an unregistered table and one of counties."""
    folder = tmp_path_factory.mktemp("print")
    for edition in EDITIONS:
        tables = [spoilt(edition) if table == "gdp" else make(edition, table) for table in TABLES]
        written(folder / str(edition), *tables, make(edition, "unknown"), make(edition, "county"))
    return folder


@pytest.fixture(scope="module")
def at_once(yearbook: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """All editions, transcribed in one run."""
    project = project_at(tmp_path_factory.mktemp("at_once"))
    done = transcribe(project, [yearbook])
    assert done.editions == EDITIONS
    assert set(done.changes) == set(EDITIONS)
    assert all(c.n_new == c.n_figures > 0 and not c.lost for c in done.changes.values())
    yield project


def test_editions_in_turn_are_editions_at_once(yearbook: Path, at_once: Project, tmp_path: Path) -> None:
    # The later edition first, and those between them together.
    project = project_at(tmp_path)
    for part in (("2024",), ("2010",), ("2018", "2016", "2012")):
        transcribe(project, [yearbook / name for name in part])
    assert seeds(project) == seeds(at_once)


def test_an_edition_read_again_gives_the_same_bytes(yearbook: Path, at_once: Project, tmp_path: Path) -> None:
    project = Project(tmp_path, tmp_path / "warehouse", tmp_path / "landing")
    shutil.copytree(at_once.root / "seeds", tmp_path / "seeds")
    before = seeds(project)
    for edition in EDITIONS[::2]:
        done = transcribe(project, [yearbook / str(edition)])
        assert done.editions == (edition,)
        assert not any(c.n_new or c.n_changed or c.lost for c in done.changes.values())
        assert seeds(project) == before, edition


def test_another_print_of_an_edition_replaces_it_and_no_other(
    yearbook: Path, at_once: Project, tmp_path: Path
) -> None:
    project = Project(tmp_path / "p", tmp_path / "p/warehouse", tmp_path / "p/landing")
    shutil.copytree(at_once.root / "seeds", project.root / "seeds")
    new = written(tmp_path / "new", make(2018, "people", noise=1))
    ships = seeds(project)
    with pytest.raises(
        CbecError, match=r"edition 2018: gdp would lose \d+ figures(.|\n)*--replace"
    ) as refused:
        transcribe(project, [new])
    assert refused.value.exit_code == 2
    assert seeds(project) == ships
    done = transcribe(project, [new], may_lose=True)
    assert done.changes[2018].n_changed > 10 and done.changes[2018].lost["gdp"] > 20
    assert not any(change.n_changed or change.lost for year, change in done.changes.items() if year != 2018)
    assert not check_sums(project)
    now, before = read_again(project), read_again(at_once)
    assert {r["indicator_id"] for r in now if r["edition"] == 2018} < {
        r["indicator_id"] for r in before if r["edition"] == 2018
    }
    others = [sorted((compared(r) for r in rows if r["edition"] != 2018), key=repr) for rows in (now, before)]
    assert others[0] == others[1]
    assert len(others[0]) > 1_500


def test_a_refused_file_writes_nothing(yearbook: Path, at_once: Project, tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(at_once.root / "seeds", project / "seeds")
    (project / "dbt_project.yml").touch()
    own = Project(project, tmp_path / "warehouse", tmp_path / "landing")
    before = seeds(own)
    bad = written(tmp_path / "bad", make(2019, "people"))
    (bad / "二.xlsx").write_bytes(workbook(make(2019, "gdp")))
    done = run_cbec("transcribe", str(bad), warehouse=tmp_path / "warehouse", root=project)
    assert done.returncode == 2
    assert "names no edition" in done.stderr
    assert "nothing was written" in done.stderr
    assert seeds(own) == before
    # Its edition said, everything is written.
    done = run_cbec(
        "transcribe", str(bad), "--edition", "2019", warehouse=tmp_path / "warehouse", root=project
    )
    assert done.returncode == 0, done.stderr
    assert "2019 (read)" in done.stdout
    assert seeds(own) != before


def check_sums(project: Project) -> list[str]:
    """What `cbec build` says of the seeds of print."""
    return [str(v) for v in check_seeds(project.root) if v.file.startswith("seeds/print/")]


def test_a_column_that_only_a_replaced_edition_printed_goes_with_it(tmp_path: Path) -> None:
    project = project_at(tmp_path / "project")
    transcribe(project, [written(tmp_path / "one", make(2018, "people"), make(2018, "budget"))])
    transcribe(project, [written(tmp_path / "two", make(2019, "people"))])
    transcribe(project, [written(tmp_path / "three", make(2018, "people"))], may_lose=True)
    header = (project.root / "seeds/print/printed_figure.csv").read_text(encoding="utf-8").partition("\n")[0]
    assert "general_public_budget_revenue" not in header.split(",")
    assert not check_sums(project)


@pytest.mark.parametrize("n_published", range(1, 6))
def test_a_run_killed_while_it_puts_its_files_in_place_is_seen_and_mended(
    at_once: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_published: int
) -> None:
    project = Project(tmp_path / "p", tmp_path / "p/warehouse", tmp_path / "p/landing")
    shutil.copytree(at_once.root / "seeds", project.root / "seeds")
    new = written(tmp_path / "new", *(make(2021, name, noise=1) for name in TABLES))
    left = n_published

    class Killed(BaseException):
        pass

    def publish(path: Path, home: Path) -> None:
        nonlocal left
        if not left:
            raise Killed
        left -= 1
        path.replace(home)

    with monkeypatch.context() as patch:
        patch.setattr("cbec.ingest.transcribe.publish_file", publish)
        with pytest.raises(Killed):
            transcribe(project, [new])
    # What a kill leaves, where an exception tidies up.
    (project.root / ".transcribed-dead").mkdir()
    assert check_sums(project), n_published
    transcribe(project, [new])
    assert not check_sums(project)
    assert not list(project.root.glob(".transcribed-*"))
    assert 2021 in {row["edition"] for row in read_again(project)}


def test_a_transcription_waits_for_nobody(at_once: Project, tmp_path: Path) -> None:
    before = seeds(at_once)
    with single_writer(at_once.build_folder), pytest.raises(CbecError, match="another") as refused:
        transcribe(at_once, [written(tmp_path, make(2021, "people"))])
    assert refused.value.exit_code == 5
    assert seeds(at_once) == before


def test_a_disk_that_fails_is_no_traceback(
    at_once: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    before = seeds(at_once)
    monkeypatch.setattr("cbec.ingest.transcribe._write", full)
    with pytest.raises(CbecError, match=r"nothing was written.*No space left") as failed:
        transcribe(at_once, [written(tmp_path, make(2021, "people"))])
    assert failed.value.exit_code == 4
    assert seeds(at_once) == before


def test_a_file_that_is_no_printed_table_writes_nothing(at_once: Project, tmp_path: Path) -> None:
    before = seeds(at_once)
    (tmp_path / "gdp.csv").write_text(
        "城市,年份,GDP(亿元)\n石家庄市,2015,5440.6\n唐山市,2015,6103.1\n", encoding="utf-8"
    )
    with pytest.raises(CbecError, match="no table of the yearbook of cities") as refused:
        transcribe(at_once, [tmp_path])
    assert refused.value.exit_code == 2
    assert seeds(at_once) == before


def test_the_seeds_say_of_each_cell_what_its_landing_says(
    yearbook: Path, at_once: Project, tmp_path: Path
) -> None:
    """Every landed cell, sum and refusal of a registered column in the scope that panels read, and no other."""
    registry = load_registry(ROOT)
    expected = []
    left_out = {"unregistered": 0, "county": 0, "other scope": 0}
    project = Project(ROOT, tmp_path / "warehouse", tmp_path / "landing")
    for row in landed(project, [yearbook]):
        known = registry.indicators.get(str(row["indicator_id"]))
        scope = (known.panel_scope or "whole_prefecture") if known else None
        if row["region_level"] == "county" or row["scope"] == "county_level_city":
            left_out["county"] += 1
        elif row["record"] == "refused" and row["indicator_id"] is None:
            expected.append(compared(row))
        elif known is None:
            left_out["unregistered"] += 1
        elif row["scope"] != scope:
            left_out["other scope"] += 1
        else:
            expected.append(compared(row))
    found = [compared(row) for row in read_again(at_once)]
    assert sorted(found, key=repr) == sorted(expected, key=repr)
    records = [row[0] for row in found]
    counts = {name: records.count(name) for name in ("cell", "total", "refused")}
    print(f"{len(found)} rows equal in {len(COMPARED)} columns: {counts}; left out: {left_out}")
    assert counts["cell"] > 2_000 and counts["total"] > 50 and counts["refused"] >= 5
    assert left_out["unregistered"] and left_out["county"] and left_out["other scope"]
    # The comparison is of cells that have something to compare.
    cells = [dict(zip(COMPARED, row, strict=True)) for row in found if row[0] == "cell"]
    statuses = {str(cell["obs_status_all"]) for cell in cells}
    assert {"A", "N", "O", "V"} <= statuses, statuses
    assert {cell["obs_comment"] for cell in cells} - {None}
    assert Decimal("1234.5") in {cell["value_in_printed_unit"] for cell in cells}
    assert len({(c["edition"], c["source_file_sha256"], c["source_locator"]) for c in cells}) == len(cells)


def test_of_a_figure_printed_twice_the_first_table_ships(tmp_path: Path) -> None:
    first, second = make(2018, "budget"), make(2018, "budget", noise=1)
    second.name = "2-99_续.xlsx"
    one, both = project_at(tmp_path / "one"), project_at(tmp_path / "both")
    alone = written(tmp_path / "first", first)
    transcribe(one, [alone])
    transcribe(both, [alone, written(tmp_path / "two", second)])
    assert seeds(one) == seeds(both)
    assert len(read_again(both)) > 100


def test_columns_nobody_has_named_and_counties_are_left_out(at_once: Project) -> None:
    with (at_once.root / "seeds/print/printed_figure.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    indicators = set(rows[0]) - {"edition", "region_level", "region_code"}
    assert indicators <= set(load_registry(ROOT).indicators)
    assert {"gdp", "general_public_budget_revenue", "university_students_enrolled"} <= indicators
    assert {row["region_level"] for row in rows} <= {"prefecture", "province", "nation"}
    assert all(re.fullmatch("[0-9]{6}", row["region_code"]) for row in rows)
    text = b"".join(seeds(at_once).values()).decode("utf-8")
    for word in ("夜间经济", "x_", "county", "3-4_"):
        assert word not in text, word
    assert "2-13_地区生产总值.xlsx" in text


def test_the_declared_columns_are_the_printed_indicators(at_once: Project) -> None:
    import yaml

    folder = at_once.root / "seeds/print"
    header = (folder / "printed_figure.csv").read_text(encoding="utf-8").partition("\n")[0].split(",")
    (seed,) = yaml.safe_load((folder / "printed_figure.yml").read_text(encoding="utf-8"))["seeds"]
    assert [column["name"] for column in seed["columns"]] == header
