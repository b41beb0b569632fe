"""Real files of strangers, each imported with at most one round and no edit, beside an independent reading."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import pytest

from cbec.ingest.files import File
from cbec.ingest.mapping import load_mappings, template
from cbec.ingest.run import Imported
from tests.conftest import SHARED
from tests.ingest import RECOGNISER, REGISTRY
from tests.real import found_reading
from tests.real.found_files import HOLDING, NOT_HOLDING

FOUND = SHARED / "found"
pytestmark = pytest.mark.skipif(not FOUND.is_dir(), reason="../shared/found is not here")
# What no file says and nobody can guess: the year of 17_Economic.csv.
WAITING = {"Dragon15/17_Economic.csv": "has no year in row, header or title"}


@lru_cache(maxsize=4)
def read(name: str, folder: Path) -> Imported:
    """A file after at most one round: its mapping file passed back as it was left."""
    path = FOUND / name
    file = File(name, path.read_bytes(), path)
    done = RECOGNISER.read(file)
    if done.status != "recognised" and (text := template(list(done.problems))):
        mapping = folder / "import.map.yml"
        mapping.write_text(text, encoding="utf-8", errors="backslashreplace")
        done = RECOGNISER.read(file, mappings=load_mappings(mapping, REGISTRY))
    return done


def test_the_list_names_every_file() -> None:
    files = {str(p.relative_to(FOUND)) for p in FOUND.rglob("*") if p.is_file()}
    assert files == HOLDING.keys() | NOT_HOLDING.keys()
    assert len(NOT_HOLDING) <= 12
    assert len(WAITING) <= 0.05 * len(HOLDING)


@pytest.mark.parametrize("name", HOLDING)
def test_a_file_lands_and_every_cell_is_what_stands_there(name: str, tmp_path: Path) -> None:
    done = read(name, tmp_path)
    if name in WAITING:
        assert done.status == "refused"
        assert any(WAITING[name] in str(p) and p.locator for p in done.errors)
        return
    assert done.status == "recognised", "\n".join(map(str, done.errors[:5]))
    cells = [
        (c.source_locator, c.region_code, c.year, c.indicator_id, c.value, c.unit_printed,
         REGISTRY.units[c.unit_printed].scale, done.names.get(c.indicator_id, ("", ""))[0])
        for c in done.cells if c.value is not None
    ]  # fmt: skip
    out = found_reading.Measured(action="landed")
    found_reading.compare_rows(found_reading.figures(name), cells, out)
    assert out.wrong == []
    assert out.n_landed > 0


@pytest.mark.parametrize("name", [n for n in NOT_HOLDING if not n.endswith(".zip")])
def test_a_file_without_figures_of_regions_is_refused_with_the_place(name: str, tmp_path: Path) -> None:
    done = read(name, tmp_path)
    assert done.status == "refused"
    assert all(p.file and (p.locator or p.message) for p in done.errors)
