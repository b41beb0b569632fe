"""`cbec referee`: every artefact has a status and a reason, links lead somewhere, the package is complete."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from cbec.common.cells import FORMULA
from cbec.common.warehouse import connect
from cbec.referee.compare import compare
from cbec.referee.items import ITEMS, Item
from cbec.referee.pack import _artefact, _repair
from cbec.referee.readme import locked_versions
from cbec.report.frames import Source
from tests.conftest import ROOT, run_cbec

STATUSES = {"done", "not applicable", "awaiting data", "not specified"}


@pytest.fixture(scope="module")
def pack(warehouse: Path, module_folder: Callable[[str], Path]) -> Path:
    if subprocess.run(["git", "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True).returncode:
        pytest.skip("not a git checkout: there is no commit to archive")
    folder = module_folder("referee") / "pack"
    done = run_cbec(
        "referee", "--study", "province_ecommerce", "--lang", "en", "--out", str(folder), warehouse=warehouse
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_every_artefact_has_a_status_a_reason_and_its_files(pack: Path) -> None:
    listed = json.loads((pack / "pack.json").read_text(encoding="utf-8"))["artefacts"]
    assert [item["number"] for item in listed] == list(range(1, 25)) == [item.number for item in ITEMS]
    for item in listed:
        assert item["status"] in STATUSES and item["reason"], item
        assert (item["status"] == "done") == bool(item["n_rows"]) == bool(item["files"]), item
    status = {item["name"]: item["status"] for item in listed}
    assert status["leave_one_out"] == status["data_integrity"] == "done"
    assert status["bacon"] == status["triple_difference"] == "not applicable"
    assert status["functional_form"] == "done" and "not specified" not in status.values()


def test_links_lead_somewhere(pack: Path) -> None:
    pages = [pack / "index.html", *(pack / "artefacts").glob("*.html")]
    assert len(pages) > 5
    for page in pages:
        links = re.findall(r'(?:href|src)="([^"]+)"', page.read_text(encoding="utf-8"))
        assert links
        for link in links:
            assert (page.parent / link).exists(), f"{page.name}: {link}"


def test_no_list_carries_a_formula(pack: Path) -> None:
    lists = list((pack / "artefacts").glob("*.csv"))
    assert lists
    for path in lists:
        with path.open(encoding="utf-8-sig", newline="") as file:
            cells = [cell for row in csv.reader(file) for cell in row if cell.startswith(FORMULA)]
        assert all(re.fullmatch(r"[+-]?\d+(\.\d+)?(e[+-]?\d+)?", cell) for cell in cells), path.name


def test_a_text_of_the_data_is_inert_in_a_list(warehouse: Path, tmp_path: Path) -> None:
    (tmp_path / "artefacts").mkdir()
    item = Item(99, "planted", ("甲", "a"), "select '=1+1' as text, -1.5 as number", ("", ""))
    with connect(warehouse / "cbec.duckdb") as connection:
        source = Source.of(connection, "province_ecommerce")
        _artefact(connection, source, item, {}, [], tmp_path, "en", False)
    rows = (tmp_path / "artefacts/99_planted.csv").read_text(encoding="utf-8-sig").splitlines()
    assert rows[1].startswith("'=1+1,-1.5")


def test_rows_are_those_of_the_warehouse(pack: Path) -> None:
    with (pack / "artefacts/17_leave_one_out.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len({row["left_out"] for row in rows if row["table_no"] == "T1"}) == 30
    assert {row["is_simulated"] for row in rows} == {"False"}


def test_readme_has_the_headings_and_the_locked_versions(pack: Path) -> None:
    text = (pack / "README.md").read_text(encoding="utf-8")
    for heading in (
        "Overview", "Data Availability and Provenance Statements", "Statement about Rights",
        "Details on each Data Source", "Dataset list", "Computational requirements", "Controlled Randomness",
        "Memory, Runtime, Storage Requirements", "Description of programs/code", "License for Code",
        "Instructions to Replicators", "List of tables and programs", "References",
    ):  # fmt: skip
        assert re.search(f"^#+ {re.escape(heading)}$", text, re.M), heading
    assert f"| duckdb | {locked_versions(ROOT / 'requirements.lock')['duckdb']} |" in text
    assert "20150307" in text and "seeds/yearbook/province_yearbook.csv" in text
    assert re.search(r"\d+ s in all", text) and "| T1 | 3 | twfe |" in text


def test_package_holds_code_at_the_commit_and_its_script_runs(pack: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(pack / "replication.zip") as archive:
        names = set(archive.namelist())
        archive.extractall(tmp_path)
    assert {"README.md", "reproduce.sh", "compare.py", "import_these.csv", "expected_regression.csv",
            "code/requirements.lock", "code/dbt_project.yml", "code/cbec/cli.py"} <= names  # fmt: skip
    assert not [name for name in names if name.endswith(".duckdb") or "/.git/" in name]
    assert subprocess.run(["sh", "-n", str(tmp_path / "reproduce.sh")]).returncode == 0
    # The code of the package works by itself, without the checkout.
    done = subprocess.run(
        [sys.executable, "-m", "cbec.cli", "check"], cwd=tmp_path / "code", capture_output=True, text=True
    )
    assert done.returncode == 0 and "every seed row is valid" in done.stdout, done.stderr


def test_comparison_sees_one_changed_digit(pack: Path, warehouse: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(pack / "replication.zip") as archive:
        text = archive.read("expected_regression.csv").decode("utf-8")
    same = tmp_path / "expected.csv"
    same.write_text(text, encoding="utf-8")
    assert compare(warehouse / "cbec.duckdb", same) == []
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) > 50
    rows[7]["estimate"] = repr(float(rows[7]["estimate"]) * (1 + 1e-6))
    changed = tmp_path / "changed.csv"
    with changed.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    (problem,) = compare(warehouse / "cbec.duckdb", changed)
    assert "estimate" in problem


def test_a_study_without_data_names_what_it_misses(warehouse: Path, tmp_path: Path) -> None:
    # Print allows some columns of every study: here a file in which this one has none.
    without = tmp_path / "warehouse"
    without.mkdir()
    shutil.copy(warehouse / "cbec.duckdb", without)
    with duckdb.connect(str(without / "cbec.duckdb")) as connection:
        tables = connection.execute(
            "select table_name from duckdb_columns() where schema_name = 'estimates' and column_name = 'study_id'"
        ).fetchall()
        for (table,) in tables:
            connection.execute(f"delete from estimates.{table} where study_id = 'green_tfp'")
    done = run_cbec("referee", "--study", "green_tfp", "--out", str(tmp_path / "p"), warehouse=without)
    assert done.returncode == 0, done.stderr
    listed = json.loads((tmp_path / "p/pack.json").read_text(encoding="utf-8"))["artefacts"]
    waiting = [item for item in listed if item["status"] == "awaiting data"]
    assert len(waiting) > 10 and all("缺少指标" in item["reason"] for item in waiting)


def test_bad_input_changes_nothing(warehouse: Path, tmp_path: Path) -> None:
    own = tmp_path / "mine"
    own.mkdir()
    (own / "thesis.docx").write_text("mine", encoding="utf-8")
    refused = run_cbec("referee", "--study", "province_ecommerce", "--out", str(own), warehouse=warehouse)
    assert refused.returncode == 2 and "not a referee pack" in refused.stderr
    assert [path.name for path in own.iterdir()] == ["thesis.docx"]
    unknown = run_cbec("referee", "--study", "provnce", "--out", str(tmp_path / "x"), warehouse=warehouse)
    assert unknown.returncode == 2 and "province_ecommerce" in unknown.stderr
    assert sorted(path.name for path in tmp_path.iterdir() if path.name not in ("mine", "landing")) == []


def test_a_pack_that_was_killed_between_its_renames_is_put_back(tmp_path: Path) -> None:
    folder, old = tmp_path / "study", tmp_path / ".cbec-old.study"
    old.mkdir()
    (old / "pack.json").write_text("earlier")
    _repair(folder)
    assert (folder / "pack.json").read_text() == "earlier"
    shutil.copytree(folder, old)
    (folder / "pack.json").write_text("later")
    _repair(folder)
    assert not old.exists()
    assert (folder / "pack.json").read_text() == "later"
