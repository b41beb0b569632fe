"""Printed tables imported over the printed figures that ship: nothing new, more of the edition, or a conflict."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from cbec.ingest.command import Options, Run, import_paths
from cbec.ingest.landing import Held
from cbec.ingest.registry import load_registry
from cbec.ingest.shipped import Shipped
from cbec.ingest.transcribe import transcribe
from cbec.project import CbecError, Project
from tests.conftest import ROOT, run_cbec
from tests.printed.workbooks import Print, make, workbook


def written(folder: Path, print_: Print) -> Path:
    path = folder / print_.path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(workbook(print_))
    return path


@pytest.fixture(scope="module")
def shipping(module_folder: Callable[[str], Path]) -> tuple[Path, Path]:
    """A project in which two made-up tables of the edition 2018 ship, and the folder of their workbooks."""
    root = module_folder("shipping")
    shutil.copytree(ROOT / "seeds", root / "seeds")
    for path in (root / "seeds/print").glob("*.csv"):
        path.unlink()
    (root / "dbt_project.yml").touch()
    folder = module_folder("print")
    for table in ("budget", "gdp"):
        written(folder, make(2018, table))
    transcribe(Project(root, root / "warehouse", root / "landing"), [folder])
    return root, folder


def imported(root: Path, folder: Path, path: Path, **options: bool) -> Run:
    return import_paths(Project(root, folder / "warehouse", folder / "landing"), [path], Options(**options))  # type: ignore[arg-type]


def test_a_file_whose_cells_all_ship_is_nothing_new(shipping: tuple[Path, Path], tmp_path: Path) -> None:
    root, folder = shipping
    path = folder / make(2018, "budget").path
    done = run_cbec("import", str(path), warehouse=tmp_path, root=root, env={"COLUMNS": "200"})
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if ": nothing new;" in line]
    assert "; all of them ship already;" in line
    assert "1 files: 1 nothing new; 0 cells" in done.stdout
    assert not list(tmp_path.rglob("*.parquet"))
    # The same figures saved again are another file.
    again = written(tmp_path / "again", make(2018, "budget"))
    (outcome,) = imported(root, tmp_path, again).outcomes
    assert (outcome.action, outcome.n_shipped) == ("nothing new", len(outcome.imported.cells))
    assert outcome.n_conflicts == 0


def test_the_districts_of_a_table_land_beside_what_ships(shipping: tuple[Path, Path], tmp_path: Path) -> None:
    root, folder = shipping
    (outcome,) = imported(root, tmp_path, folder / make(2018, "gdp").path).outcomes
    whole = sum(cell.scope == "whole_prefecture" for cell in outcome.imported.cells)
    assert 0 < whole < len(outcome.imported.cells)
    assert (outcome.action, outcome.n_shipped, outcome.n_conflicts) == ("landed", whole, 0)
    # What only repeats a figure makes no version of the rest.
    assert (outcome.vintage, outcome.supersedes) == ("ccsy", "")


def test_a_figure_that_differs_is_told_and_lands_as_another_version(
    shipping: tuple[Path, Path], tmp_path: Path
) -> None:
    root, _ = shipping
    print_ = make(2018, "budget")
    row = next(row for page in print_.pages for row in page.rows if row.level == "city" and row.cells[0])
    before, row.cells[0] = row.cells[0], "4321"
    path = written(tmp_path, print_)
    done = run_cbec("import", str(path), warehouse=tmp_path, root=root, env={"COLUMNS": "200"})
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if "as it ships" in line]
    (outcome,) = imported(root, tmp_path / "again", path).outcomes
    (cell,) = [cell for cell in outcome.imported.cells if cell.value == Decimal(4321)]
    for part in (path.name, cell.source_locator, "'4321'", repr(before), "the edition 2018"):
        assert part in line, (part, line)
    assert "1 differ from the figures that ship" in done.stdout
    assert "supersedes ccsy, which stays" in done.stdout
    (landed,) = tmp_path.glob("landing/*.parquet")
    assert set(pq.read_table(landed)["vintage"].to_pylist()) == {"ccsy_r2"}
    assert (outcome.n_conflicts, outcome.n_shipped) == (1, len(outcome.imported.cells) - 1)


def test_a_printed_blank_differs_from_a_figure(shipping: tuple[Path, Path], tmp_path: Path) -> None:
    root, _ = shipping
    print_ = make(2018, "budget")
    row = next(row for page in print_.pages for row in page.rows if row.level == "city" and row.cells[0])
    row.cells[0] = ""
    (outcome,) = imported(root, tmp_path, written(tmp_path, print_), lands=False).outcomes
    assert (outcome.action, outcome.vintage, outcome.n_conflicts) == ("would land", "ccsy_r2", 1)


def test_the_same_file_is_not_of_another_edition(shipping: tuple[Path, Path], tmp_path: Path) -> None:
    root, folder = shipping
    print_ = make(2018, "budget")
    print_.folders = [name.replace("2018", "2019") for name in print_.folders]
    path = tmp_path / print_.path
    path.parent.mkdir(parents=True)
    shutil.copy(folder / make(2018, "budget").path, path)
    (outcome,) = imported(root, tmp_path, path).outcomes
    assert outcome.action == "refused"
    assert "ships as a table of the edition 2018" in str(outcome.imported.problems[-1])


def test_a_table_saved_again_is_not_of_another_edition(shipping: tuple[Path, Path], tmp_path: Path) -> None:
    """Not the file but the figures tell it: a row less, and other bytes."""
    root, _ = shipping
    for table in ("budget", "gdp"):
        print_ = make(2018, table)
        print_.folders = [name.replace("2018", "2019") for name in print_.folders]
        del print_.pages[-1].rows[-1]
        (outcome,) = imported(root, tmp_path, written(tmp_path / table, print_)).outcomes
        assert outcome.action == "refused"
        message = str(outcome.imported.problems[-1])
        assert re.search(r"(\d+) of its \1 figures are those of the edition 2018 as it ships", message)
    # What `cbec transcribe` writes is told the same.
    with pytest.raises(CbecError, match="are those of the edition 2018 as it ships"):
        transcribe(Project(root, root / "warehouse", root / "landing"), [tmp_path / "budget"])
    # Another year's figures come in.
    print_ = make(2019, "budget")
    (outcome,) = imported(root, tmp_path, written(tmp_path / "other", print_)).outcomes
    assert outcome.action == "landed"


def test_a_file_without_an_edition_is_a_version_of_its_own(
    shipping: tuple[Path, Path], tmp_path: Path
) -> None:
    """No model leaves a compiler's copy out, so that it may not stand under the vintage of the print."""
    root, folder = shipping
    (outcome,) = imported(root, tmp_path, folder / make(2018, "budget").path, lands=False).outcomes
    cells = list(outcome.imported.cells)
    held = Held(tmp_path / "landing", Shipped(root, load_registry(root)))
    assert held.vintage_for("ccsy", cells, "a" * 64, "2018") == ("ccsy", False)
    assert held.vintage_for("ccsy", cells, "a" * 64) == ("ccsy_r2", False)
    later = [replace(cell, year=2023) for cell in cells[:5]]
    assert held.vintage_for("ccsy", [*cells[:5], *later], "a" * 64, "2018") == ("ccsy", True)
    assert held.vintage_for("ccsy", [*cells[:5], *later], "a" * 64) == ("ccsy_r2", True)
    assert held.vintage_for("city_panel", cells, "a" * 64) == ("city_panel", True)


def test_what_ships_is_read_as_the_warehouse_reads_it() -> None:
    """Cells of the shipped seeds by edition, and the frame that validation compares with, say the same."""
    registry = load_registry(ROOT)
    shipped = Shipped(ROOT, registry)
    assert shipped.editions == list(range(2010, 2025))
    frame = shipped.frame({"gdp", "gas_supply_districts", "hospital_beds"})
    assert set(frame["indicator_id"]) == {"gdp", "hospital_beds"}
    at = {
        (r.region_code, r.year, r.indicator_id): (r.value, r.unit)
        for r in frame[frame["year"] == 2018].itertuples()
    }
    cells = {
        (key[1], key[2], key[3]): (float(cell.figure[0]), cell.figure[1])
        for key, cell in shipped.cells(2019).items()
        if key[3] in ("gdp", "hospital_beds") and cell.figure[0] is not None
    }
    assert at == cells
    assert len(at) > 500
