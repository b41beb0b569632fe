"""A project that the real builder builds in a few seconds: all seeds for the import, two marts, one data test."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
import yaml

from cbec.pipeline.runlog import read_runs
from cbec.project import Project
from cbec.registry.check import CHECKSUMS, checksums
from tests import warm
from tests.conftest import ROOT, run_cbec

# Every row of both marts carries the stamp of its version, so that a mixture would show.
STAMPED = "select stamp, position from {{ ref('stamp') }}, range(20000) as positions(position)"


@dataclass(frozen=True)
class Small:
    """The small project, its warehouse and its watched folder."""

    root: Path
    warehouse: Path
    watched: Path

    @property
    def database(self) -> Path:
        return self.warehouse / "cbec.duckdb"

    def stamp(self, number: int) -> None:
        """Change the one seed that the small build reads."""
        (self.root / "seeds/refresh/stamp.csv").write_text(f"stamp\n{number}\n")

    def cbec(self, *arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
        return run_cbec(*arguments, warehouse=self.warehouse, root=self.root, **options)

    @property
    def environment(self) -> dict[str, str]:
        folders = {"CBEC_WAREHOUSE": str(self.warehouse), "CBEC_LANDING": str(self.warehouse / "landing")}
        return os.environ | folders

    def run(self, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Code in a process of its own, as `python -c CODE ARGUMENTS`."""
        return warm.call(arguments, self.root, self.environment, code=code)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "cbec.cli", *arguments], cwd=self.root, env=self.environment,
            text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip

    def version(self, path: Path | None = None) -> tuple[str, int]:
        """(run id, stamp) of a published file, all of it read: rows counted, both marts of one stamp."""
        with duckdb.connect(str(path or self.database), read_only=True) as connection:
            for schema, table, rows in connection.sql("from meta.table_size").fetchall():
                assert len(connection.sql(f"select * from {schema}.{table}").fetchall()) == rows
            stamps = connection.sql(
                "select stamp from marts.first union select stamp from marts.second"
            ).fetchall()
            assert len(stamps) == 1
            (run_id,) = connection.sql("select run_id from meta.publication").fetchone() or ("",)
            return run_id, stamps[0][0]

    def log(self) -> list[tuple[str, str, int]]:
        """(run id, outcome, exit code) of every run, from the log beside the file."""
        project = Project(self.root, self.warehouse, self.warehouse / "landing")
        return [
            (run.run_id, run.outcome, -1 if run.exit_code is None else run.exit_code)
            for run in read_runs(project, "dev")
        ]


def make_small_project(folder: Path) -> Small:
    root = folder / "project"
    for part in ("macros", "seeds", "tests/generic"):
        shutil.copytree(ROOT / part, root / part)
    # The import reads all seeds at each start; the five megabytes of the print are not what these tests are about.
    for path in (root / "seeds/print").glob("*.csv"):
        path.write_text(path.read_text(encoding="utf-8").splitlines()[0] + "\n", encoding="utf-8")
    (root / "seeds/print" / CHECKSUMS).write_text(checksums(root / "seeds/print"), encoding="utf-8")
    landed = [f"models/staging/stg_landing__{record}.sql" for record in ("observation", "total")]
    for name in ("dbt_project.yml", "profiles.yml", *landed):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    settings = yaml.safe_load((root / "dbt_project.yml").read_text())
    # The import reads all seeds, dbt the one that the tests change.
    settings["seed-paths"] = ["seeds/refresh"]
    settings["seeds"] = {"cbec_warehouse": {"+schema": "registry"}}
    (root / "dbt_project.yml").write_text(yaml.safe_dump(settings))
    (root / "python_models").mkdir()
    (root / "analyses").mkdir()
    seeds, marts = root / "seeds/refresh", root / "models/marts"
    seeds.mkdir()
    marts.mkdir()
    column = {"name": "stamp", "data_type": "integer", "description": "Version."}
    declared = {"name": "stamp", "description": "One row.", "columns": [column]}
    (seeds / "stamp.yml").write_text(yaml.safe_dump({"seeds": [declared]}))
    for name in ("first", "second"):
        (marts / f"{name}.sql").write_text(STAMPED)
    (root / "tests/assert_stamps_are_not_negative.sql").write_text(
        "select * from {{ ref('first') }} where stamp < 0"
    )
    small = Small(root, folder / "warehouse", folder / "watched")
    small.watched.mkdir()
    small.stamp(1)
    return small


@pytest.fixture(scope="session")
def built_small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    small = make_small_project(tmp_path_factory.mktemp("small"))
    done = small.cbec("refresh")
    assert done.returncode == 0, done.stderr
    return small


@pytest.fixture
def small(built_small: Small, tmp_path: Path) -> Small:
    """A published small project that a test may attack."""
    copied = Small(tmp_path / "project", tmp_path / "warehouse", tmp_path / "watched")
    shutil.copytree(built_small.root, copied.root)
    shutil.copytree(built_small.warehouse, copied.warehouse, symlinks=True)
    copied.watched.mkdir()
    return copied
