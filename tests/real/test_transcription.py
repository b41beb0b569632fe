"""The printed figures that ship, made again from the workbooks, and the workbooks imported over them."""

from __future__ import annotations

import csv
import pickle
import shutil
from collections import Counter
from pathlib import Path

import duckdb
import pytest

from cbec.ingest import transcribe as transcribe_module
from cbec.ingest.command import Options, Run, import_paths
from cbec.ingest.transcribe import FOLDER, transcribe
from cbec.project import Project
from tests.conftest import EDITIONS, ROOT, YEARBOOK, run_dbt

pytestmark = pytest.mark.skipif(not YEARBOOK.is_dir(), reason="../shared/yearbook is not here")
# Figures and printed sums of provinces, and another edition without sums.
IMPORTED = ("中国城市统计年鉴2014（excel）", "中国城市统计年鉴2022（excel）")
# What of the way to the selected figures hangs on landed files.
SELECTED = (
    "stg_landing__observation+,+int_observations__selected stg_landing__total+,+int_observations__selected"
)


def test_the_workbooks_give_the_seeds_that_ship(
    project_copy: Path, yearbook_read: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every table of EDITIONS, read once for all tests as `transcribe` reads them, in the place of theirs."""
    folder, workbooks = project_copy / FOLDER, yearbook_read / "yearbook"
    for path in folder.glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
        assert header[0] == "edition"
        with path.open("w", encoding="utf-8", newline="") as file:
            others = [row for row in rows if int(row[0]) not in EDITIONS]
            csv.writer(file, lineterminator="\n").writerows([header, *others])

    def as_read(project: Project, paths: list[Path], options: Options, *_: object) -> Run:
        assert (paths, options) == ([workbooks], Options(ignores_print=True))
        shutil.copytree(yearbook_read / "landing", project.landing)
        run: Run = pickle.loads((yearbook_read / "run.pickle").read_bytes())
        return run

    monkeypatch.setattr(transcribe_module, "import_paths", as_read)
    done = transcribe(
        Project(project_copy, project_copy / "warehouse", project_copy / "landing"), [workbooks]
    )
    assert done.editions == EDITIONS
    names = sorted(path.name for path in (ROOT / FOLDER).iterdir())
    assert sorted(path.name for path in folder.iterdir()) == names
    differing = {
        name: sorted(
            set((folder / name).read_text(encoding="utf-8").splitlines())
            ^ set((ROOT / FOLDER / name).read_text(encoding="utf-8").splitlines())
        )[:4]
        for name in names
        if (folder / name).read_bytes() != (ROOT / FOLDER / name).read_bytes()
    }
    n_figures = sum(change.n_figures for change in done.changes.values())
    print(f"{n_figures} figures of {len(done.editions)} editions transcribed")
    assert not differing, differing
    assert n_figures > 500_000 * len(EDITIONS) / 15


def dbt(folder: Path, *arguments: str) -> None:
    run_dbt(*arguments, database=folder / "cbec.duckdb")


def asked(folder: Path, statement: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(folder / "cbec.duckdb")) as con:
        return con.execute(statement).fetchall()


# What makes one row of a model.
KEYS = {
    "int_observations__reported": "region_level, region_code, year, indicator_id, scope, vintage",
    "int_observations__selected": "region_level, region_code, year, indicator_id",
}


def test_importing_the_yearbook_over_the_seeds_doubles_nothing(warehouse: Path, tmp_path: Path) -> None:
    shutil.copy(warehouse / "cbec.duckdb", tmp_path / "cbec.duckdb")
    for model in KEYS:
        asked(tmp_path, f"create table before_{model} as from intermediate.{model}")
    project = Project(ROOT, tmp_path / "warehouse", tmp_path / "landing")
    run = import_paths(project, [YEARBOOK / name for name in IMPORTED], Options())
    assert not run.has_errors
    actions = Counter(outcome.action for outcome in run.outcomes)
    n_shipped = sum(outcome.n_shipped for outcome in run.outcomes)
    n_conflicts = sum(outcome.n_conflicts for outcome in run.outcomes)
    dbt(tmp_path, "run", "--select", *SELECTED.split())
    print(f"\n{dict(actions)}; {n_shipped} cells ship already, {n_conflicts} differ")
    for model, key in KEYS.items():
        now, before = f"intermediate.{model}", f"before_{model}"
        (counts,) = asked(tmp_path, f"select (select count(*) from {before}), (select count(*) from {now})")
        print(f"{model}: {counts[0]} rows before, {counts[1]} after")
        lost = asked(tmp_path, f"from {before} except from {now} limit 5")
        assert not lost, lost
        doubled = asked(tmp_path, f"select {key} from {now} group by all having count(*) > 1 limit 5")
        assert not doubled, doubled
        # Whatever its vintage, what was added is of no cell that ships.
        cell = key.removesuffix(", vintage")
        again = asked(
            tmp_path,
            f"select {cell} from (from {now} except from {before}) intersect select {cell} from {before} limit 5",
        )
        assert not again, again
    # Of cities only other scopes than the one that panels read are new, and columns that nobody has named.
    named = asked(
        tmp_path,
        "select distinct indicator_id, scope from (from intermediate.int_observations__reported"
        " except from before_int_observations__reported) inner join registry.indicator using (indicator_id)"
        " where is_panel_scope and region_level = 'prefecture'",
    )
    assert not named, named
    assert n_conflicts == 0
    assert n_shipped > 50_000
    assert actions["nothing new"] > 5
