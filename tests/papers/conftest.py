"""The warehouse of a user who brings complete files for the papers on exports and on the Yangtze delta."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import copy_published, made_once, run_cbec
from tests.papers.user_file import write_city_file, write_province_file


@pytest.fixture(scope="session")
def user_warehouse(tmp_path_factory: pytest.TempPathFactory, warehouse: Path) -> Path:
    """Folder of a warehouse on which both files are imported; what the commands said lies in said.txt."""

    def make(folder: Path) -> None:
        folder.mkdir()
        files = folder / "files"
        files.mkdir()
        for write in (write_province_file, write_city_file):
            write(files)
        landing = {"CBEC_LANDING": str(folder / "landing"), "COLUMNS": "200"}
        imported = run_cbec("import", str(files), warehouse=folder, env=landing)
        assert imported.returncode == 0, imported.stderr
        copy_published(warehouse, folder)
        built = run_cbec("build", warehouse=folder, env=landing)
        assert built.returncode == 0, built.stderr
        (folder / "said.txt").write_text(imported.stdout + built.stdout, encoding="utf-8")

    return made_once(tmp_path_factory, "user_warehouse", make)
