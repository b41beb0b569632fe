"""Every table and figure of the five papers, by the command that makes it: on the demo, on a user's complete files,
and what waits for data says so."""

from __future__ import annotations

from pathlib import Path

import docx
import duckdb
import openpyxl
import pytest

from cbec.demo.seeds import read_rows
from cbec.project import CbecError, Project
from cbec.report.command import FigureOptions, TableOptions, write_figures, write_tables
from tests.conftest import ROOT

OUTPUTS = list(read_rows(ROOT / "seeds/studies/paper_output.csv"))
# As the papers number them.
PRINTED = {
    "yrd_malmquist": {*["T1", "T2", "T3", "T4", "T5", "T6", "T7", "T8"]},
    "manufacturing_exports": {*["T1", "T2", "T3", "T4", "T5", "T6", "T7", "T8", "F1", "F2", "F3"]},
    "green_tfp": {*["T1", "T2", "T3", "T4", "T5", "T6", "T7", "T8", "F1", "F2"]},
    "new_quality_productivity": {*["T1", "T2", "T3", "T4", "T5", "T6", "F1"]},
    # Its facts stand in its text: it prints no table.
    "suqian_benchmark": set(),
}
# Facts as texts print them are the same in every warehouse.
OF_FACTS = {"zone_fact", "zone_comparison", "zone_scorecard", "zone_arithmetic", "growth_path"}
# What a table of definitions, or of grades, says without a figure.
WITHOUT_FIGURES = {"definition", "grey_grade"}


def name(output: dict[str, str]) -> str:
    return f"{output['study_id']}-{output['output_no']}"


def written(warehouse: Path, output: dict[str, str], out: Path, target: str, lang: str) -> tuple[Path, ...]:
    """Files of one output; raises CbecError where it awaits data."""
    project = Project(ROOT, warehouse, warehouse / "landing")
    study, number = output["study_id"], output["output_no"]
    if number.startswith("F"):
        done = write_figures(
            project,
            FigureOptions(study, figure=number, lang=lang, dpi=50, out=out, target=target),
            lambda *_: None,
        )
        if done.skipped:
            raise CbecError(done.skipped[0], exit_code=2)
        return done.written
    return write_tables(
        project, TableOptions(study, table=number, lang=lang, out=out, target=target), lambda *_: None
    ).written


def text_of(path: Path) -> str:
    if path.suffix == ".docx":
        document = docx.Document(str(path))
        cells = [cell.text for table in document.tables for row in table.rows for cell in row.cells]
        return "\n".join([*(paragraph.text for paragraph in document.paragraphs), *cells])
    if path.suffix == ".xlsx":
        rows = openpyxl.load_workbook(path).worksheets[0].iter_rows(values_only=True)
        return "\n".join(str(value) for row in rows for value in row if value is not None)
    return ""


def test_the_list_holds_every_table_and_figure_that_the_papers_print() -> None:
    listed: dict[str, set[str]] = {study: set() for study in PRINTED}
    for output in OUTPUTS:
        if output["is_printed"] == "true":
            listed[output["study_id"]].add(output["output_no"])
    assert listed == PRINTED
    # Every table of which a number is transcribed is among them.
    transcribed = {
        (row["study_id"], row["table_no"])
        for row in read_rows(ROOT / "seeds/studies/published_result.csv")
        # TEXT is a number of the running text.
        if row["study_id"] != "suqian_benchmark" and row["table_no"] != "TEXT"
    }
    assert transcribed <= {(study, number) for study in PRINTED for number in PRINTED[study]}


@pytest.mark.parametrize("output", OUTPUTS, ids=name)
def test_it_runs_on_the_demo(output: dict[str, str], demo_warehouse: Path, tmp_path: Path) -> None:
    for lang in ("en", "zh"):
        paths = written(demo_warehouse, output, tmp_path / lang, "demo", lang)
        suffixes = {path.suffix for path in paths}
        assert {".png", ".pdf"} <= suffixes or {".docx", ".xlsx"} <= suffixes
        for path in paths:
            text = text_of(path)
            assert "awaiting data" not in text.lower() and "等待数据" not in text
            if text and output["kind"] not in OF_FACTS:
                assert ("SIMULATED DATA" if lang == "en" else "模拟数据") in text


OF_USER = [
    output for output in OUTPUTS if output["study_id"] in ("yrd_malmquist", "manufacturing_exports")
]  # fmt: skip


@pytest.mark.parametrize("output", OF_USER, ids=name)
def test_it_runs_on_a_complete_file_of_a_user(
    output: dict[str, str], user_warehouse: Path, tmp_path: Path
) -> None:
    paths = written(user_warehouse, output, tmp_path, "dev", "en")
    texts = [text_of(path) for path in paths]
    assert paths and not any("awaiting data" in text.lower() or "SIMULATED" in text for text in texts)
    if output["kind"] == "regression" and output["study_id"] == "manufacturing_exports":
        # The note of the table says which series were read.
        assert any(
            "internet_users: import_" in text or "manufacturing_exports: import_" in text for text in texts
        )


def test_every_column_of_a_complete_file_is_estimated_on_the_papers_rows(user_warehouse: Path) -> None:
    with duckdb.connect(str(user_warehouse / "cbec.duckdb"), read_only=True) as db:
        rows = db.sql(
            "select study_id, table_no, column_no, status, n_obs from estimates.specification_status"
            " where study_id in ('manufacturing_exports', 'yrd_malmquist') and not is_observed_only"
            " and not table_no like 'P%' order by all"
        ).fetchall()
    exports = {
        row[1:3]: row[4] for row in rows if row[0] == "manufacturing_exports" and row[3] == "estimated"
    }
    assert len(exports) == 14
    # Of the halves of a sample a row that is alone in an effect leaves.
    assert all(n == 300 or (key[0].startswith("T8") and 147 <= n <= 150) for key, n in exports.items()), (
        exports
    )
    delta = [row for row in rows if row[0] == "yrd_malmquist"]
    assert len(delta) == 11 and {row[3] for row in delta} == {"estimated"}, delta


@pytest.mark.parametrize("output", OUTPUTS, ids=name)
def test_what_ships_says_what_it_waits_for(output: dict[str, str], warehouse: Path, tmp_path: Path) -> None:
    """A table without its figures is not made; one of definitions or of printed facts needs none."""
    try:
        paths = written(warehouse, output, tmp_path, "dev", "en")
    except CbecError as error:
        assert error.exit_code == 2
        assert "awaiting data" in str(error)
        assert any(word in str(error) for word in ("missing indicators: ", "no value of ", "has a value in "))
        assert output["kind"] not in OF_FACTS | WITHOUT_FIGURES | {"national_trade"}
    else:
        assert all("SIMULATED" not in text_of(path) for path in paths)
        assert output["kind"] in OF_FACTS | WITHOUT_FIGURES | {"national_trade"}, paths
