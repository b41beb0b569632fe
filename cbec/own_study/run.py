"""From study.yml to a results file and to tables, figures and data for other programs.

The results file has the schemas of the published one, of this study alone, and every reader of the published
file reads it. The published file is read, never written; nothing of the warehouse is built.
"""

from __future__ import annotations

import errno
import hashlib
import importlib.metadata
import importlib.util
import os
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pyarrow as pa

from cbec.common.files import landing_writer
from cbec.common.warehouse import connect, published
from cbec.own_study.data import write_tables_of
from cbec.own_study.definition import Study, read_study
from cbec.own_study.store import Tables, home_of, open_tables
from cbec.own_study.tree import Faults
from cbec.project import CbecError, Project

RESULTS = "results"
FILE = "results.duckdb"
# What the SQL of estimates makes of what the engine found, in its order.
AFTER = ("specification_status", "att", "event_study", "same_sample", "regression")
# Models of other questions than a study's.
NOT_OF_A_STUDY = ("grey_model", "printed_index_effect", "publication_check", "summary_statistic")
OF_THE_WAREHOUSE = ("concurrent_policy_city_year",)
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Done:
    """A study that ran. n_columns: how many columns it has, and how many were estimated; waiting: of the
    others, why."""

    study: Study
    file: Path
    n_columns: int
    n_estimated: int
    waiting: tuple[str, ...]
    remarks: tuple[str, ...]


def results_of(folder: Path) -> Path:
    """The results file of a study's folder. Raises CbecError (exit code 2) where it did not run yet."""
    path = folder / RESULTS / FILE
    if not path.is_file():
        raise CbecError(f"{folder}: has no results yet; run `cbec study run {folder}`", exit_code=2)
    return path


def id_of(file: Path) -> str:
    """The id of the study that a results file holds."""
    with connect(file) as connection:
        (study_id,) = connection.execute("select study_id from studies.study").fetchone() or ("",)
    return str(study_id)


def check_study(
    project: Project, folder: Path, target: str = "dev", progress: Progress = lambda *_: None
) -> Faults:
    """Find every fault of a study and estimate nothing; gives what is no fault and should be known.

    Raises CbecError (exit code 2) that lists the faults.
    """
    with _told(folder), _tables(project, folder, target, progress) as tables:
        tables.faults.raise_if_any()
        return tables.faults


def run_study(
    project: Project, folder: Path, target: str = "dev", progress: Progress = lambda *_: None
) -> Done:
    """Estimate a study and write its results file, whole or not at all.

    Raises CbecError: 2 for every fault at once, 5 while another run of the study is busy.
    """
    with _told(folder), _tables(project, folder, target, progress) as tables:
        tables.faults.raise_if_any()
        _recall(tables, folder)
        _estimate(tables, progress)
        rows = tables.rows(
            "select table_no, column_no, status, reason from estimates.specification_status"
            " where not is_observed_only order by all"
        )
        done = Done(
            tables.study,
            folder / RESULTS / FILE,
            len(rows),
            sum(row[2] == "estimated" for row in rows),
            tuple(
                f"{table}({column}): {status}: {reason}"
                for table, column, status, reason in rows
                if status != "estimated"
            ),
            tuple(tables.faults.remarks),
        )
        _finish(tables)
    return done


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """The one place where what nobody expected is caught: a person is told in words, the trace is kept."""
    try:
        yield
    except CbecError:
        raise
    except Exception as error:
        place = folder / RESULTS / "traces.txt"
        with suppress(OSError), open(place, "a", encoding="utf-8") as file:
            file.write(f"{traceback.format_exc()}\n")
        is_full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        reason = "the disk is full" if is_full else f"the study failed ({type(error).__name__}: {error})"
        raise CbecError(f"{folder}: {reason}; where it happened stands in {place}", exit_code=4) from None


@contextmanager
def _tables(project: Project, folder: Path, target: str, progress: Progress) -> Iterator[Tables]:
    """The tables of a study in a file beside its results, which takes their place where `_finish` says so."""
    # Beside relative paths of files the import needs absolute ones.
    folder = folder.absolute()
    source = published(project, target)
    progress("read", 0, 5)
    study, faults = read_study(folder)
    work = folder / RESULTS / ".work"
    try:
        work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CbecError(f"{work}: cannot be made a folder ({error.strerror})", exit_code=2) from None
    with landing_writer(work):
        path = work / f"new-{os.getpid()}.duckdb"
        for left in work.glob("new-*"):
            left.unlink(missing_ok=True)
        tables = open_tables(project, study, faults, path, source, work)
        try:
            write_tables_of(tables, progress)
            yield tables
        finally:
            tables.connection.close()
            for left in work.glob("new-*"):
                left.unlink(missing_ok=True)


def _code() -> str:
    """SHA-256 of the code and packages that estimates rest on."""
    package = Path(__file__).resolve().parents[1]
    total = hashlib.sha256()
    for room in ("common", "estimators", "studies"):
        for path in sorted((package / room).rglob("*.py")):
            total.update(path.read_bytes())
    for name in ("numpy", "pandas", "scipy", "pyfixest", "diff_diff", "linearmodels"):
        total.update(importlib.metadata.version(name).encode())
    return total.hexdigest()


def _recall(tables: Tables, folder: Path) -> None:
    """What the run before found from the same inputs by the same code is not estimated again."""
    connection, before = tables.connection, folder / RESULTS / FILE
    connection.execute("create table rebuild.kept (model varchar, digest varchar, result varchar)")
    connection.execute("create table meta.study_code (sha256 varchar)")
    connection.execute("insert into meta.study_code values (?)", [_code()])
    if not before.is_file():
        return
    try:
        with duckdb.connect(str(before), read_only=True) as old:
            if old.execute("select sha256 from meta.study_code").fetchone() != (_code(),):
                return
            kept = old.execute("select model, digest, result from rebuild.kept").to_arrow_table()
    except duckdb.Error:
        # A file of another version: nothing of it is used.
        return
    connection.register("kept_before", kept)
    connection.execute("insert into rebuild.kept select * from kept_before")
    connection.unregister("kept_before")


@dataclass(frozen=True)
class _Dbt:
    """What an adapter in python_models asks of dbt."""

    connection: duckdb.DuckDBPyConnection
    this: SimpleNamespace
    config: SimpleNamespace

    def ref(self, name: str) -> duckdb.DuckDBPyRelation:
        own = home_of(name)
        # Policies that run beside the study's own are those of the registry.
        return self.connection.table(f"published.{own}" if name in OF_THE_WAREHOUSE else own)


def _estimate(tables: Tables, progress: Progress) -> None:
    """The layer of estimates over the study's tables: the adapters of the warehouse, then its SQL."""
    adapters = sorted((tables.project.root / "python_models/estimates").glob("*.py"))
    adapters = [path for path in adapters if path.stem not in NOT_OF_A_STUDY]
    # The columns themselves first: what they need is imported while nothing else waits.
    adapters.sort(key=lambda path: path.stem != "fit")
    for number, path in enumerate(adapters):
        progress(path.stem, number, len(adapters))
        dbt = _Dbt(
            tables.connection,
            SimpleNamespace(identifier=path.stem),
            # What a model's yml hands it is a var of the same name.
            SimpleNamespace(meta_get=tables.models.variable),
        )
        found = _model(path)(dbt, tables.connection)
        assert isinstance(found, pa.Table)
        relation = home_of(path.stem)
        tables.connection.register("found_now", found)
        tables.connection.execute(f"create table {relation} as from found_now")
        tables.connection.unregister("found_now")
        tables.models.macro("withhold_few_clusters", relation)
    for name in AFTER:
        tables.run_model(name)


def _model(path: Path) -> Callable[[Any, duckdb.DuckDBPyConnection], Any]:
    spec = importlib.util.spec_from_file_location(f"cbec_model_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    model: Callable[[Any, duckdb.DuckDBPyConnection], Any] = module.model
    return model


def _finish(tables: Tables) -> None:
    """Put the new file in the place of the old one, in one step."""
    connection = tables.connection
    connection.execute("create table meta.study_file as select $path as path, $text as content", {
        "path": "study.yml", "text": (tables.study.folder / "study.yml").read_text(encoding="utf-8-sig"),
    })  # fmt: skip
    connection.execute("detach published")
    (name,) = connection.execute("select current_database()").fetchone() or ("",)
    (path,) = connection.execute(
        "select path from duckdb_databases() where database_name = ?", [name]
    ).fetchone() or ("",)
    connection.execute("checkpoint")
    connection.close()
    os.replace(path, tables.study.folder / RESULTS / FILE)
