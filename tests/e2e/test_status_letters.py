"""Each status letter, from a remark on a page to the row of an estimate, a Word note, an export and `cbec why`."""

from __future__ import annotations

import csv
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from docx import Document

from cbec.demo.yearbooks import REMARKED, REMARKS
from tests.conftest import run_cbec

COLUMN = f"{REMARKED}_log"
FILLED = {"I", "F", "E"}


@pytest.fixture(scope="module")
def demo(demo_warehouse: Path) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(str(demo_warehouse / "demo.duckdb"), read_only=True)


@pytest.fixture(scope="module")
def remarks(demo_warehouse: Path) -> pd.DataFrame:
    return pd.read_parquet(demo_warehouse / "demo_truth/demo_remark.parquet")


def test_every_letter_is_planted(remarks: pd.DataFrame) -> None:
    assert set(remarks["obs_status"]) == set(REMARKS) == {"I", "F", "E", "P", "B", "D"}
    assert (remarks["obs_status"].value_counts() >= 3).all()


@pytest.mark.parametrize("letter", REMARKS)
def test_the_figure_keeps_its_letter_and_its_remark(
    demo: duckdb.DuckDBPyConnection, remarks: pd.DataFrame, letter: str
) -> None:
    planted = remarks["obs_status"] == letter
    own = remarks.loc[planted, ["region_code", "year", "indicator_id"]]  # noqa: F841 - read by the query
    found = demo.sql(
        "select obs_status, obs_comment, value_reported, impute_method from own"
        " left join marts.observation using (region_code, year, indicator_id) where region_level = 'prefecture'"
    ).df()
    assert len(found) == planted.sum()
    assert set(found["obs_status"]) == {letter}
    assert found["obs_comment"].str.contains(REMARKS[letter]).all()
    assert found["value_reported"].notna().all()
    assert found["impute_method"].notna().all() == (letter in FILLED)
    (panel,) = demo.sql(
        "select list(distinct cell.obs_status) from own inner join marts.panel_cell as cell"
        f" using (region_code, year) where region_level = 'prefecture' and panel_column = '{COLUMN}'"
    ).fetchone() or [[]]
    assert panel == [letter]


def test_no_other_figure_of_the_column_has_such_a_letter(
    demo: duckdb.DuckDBPyConnection, remarks: pd.DataFrame
) -> None:
    counts = dict(
        demo.sql(
            "select obs_status, count(*) from marts.observation where region_level = 'prefecture'"
            f" and indicator_id = '{REMARKED}' and obs_status in ('I', 'F', 'E', 'P', 'B', 'D') group by 1"
        ).fetchall()
    )
    assert counts == remarks["obs_status"].value_counts().to_dict()


def headline(demo: duckdb.DuckDBPyConnection) -> tuple[str, str, int]:
    """A two-way column of the demo that reads the column."""
    row = demo.sql(
        "select study_id, table_no, column_no from estimates.regression"
        f" where outcome = '{COLUMN}' and estimator = 'twfe' and not is_observed_only and subgroup is null"
        " and sample <> 'major_cities' order by n_obs desc, table_no limit 1"
    ).fetchone()
    assert row is not None
    return row


def test_the_estimate_says_which_letters_entered(
    demo: duckdb.DuckDBPyConnection, remarks: pd.DataFrame
) -> None:
    study, table, column = headline(demo)
    rows = demo.execute(
        "select is_observed_only, cell_status, imputed_share, imputed_row_share, n_obs from estimates.regression"
        " where (study_id, table_no, column_no) = (?, ?, ?) and term = 'is_treated'",
        [study, table, column],
    ).df()  # fmt: skip
    whole, observed = rows[~rows["is_observed_only"]].iloc[0], rows[rows["is_observed_only"]].iloc[0]
    letters = {part[0] for part in whole["cell_status"].split(", ")}
    assert set(REMARKS) <= letters
    n_filled = remarks["obs_status"].isin(FILLED).sum()
    # The column has cells of its own beside those of controls: rows, not cells, are what can be counted.
    assert whole["imputed_row_share"] >= n_filled * 0.9 / whole["n_obs"] > 0
    assert not FILLED & {part[0] for part in observed["cell_status"].split(", ")}
    assert {"P", "B", "D"} <= {part[0] for part in observed["cell_status"].split(", ")}
    assert observed["imputed_share"] == observed["imputed_row_share"] == 0
    assert observed["n_obs"] < whole["n_obs"]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_word_table_names_them(
    demo: duckdb.DuckDBPyConnection, demo_warehouse: Path, tmp_path: Path, lang: str
) -> None:
    study, table, _ = headline(demo)
    done = run_cbec(
        "tables", "--demo", "--study", study, "--table", table, "--format", "docx", "--lang", lang,
        "--out", str(tmp_path), warehouse=demo_warehouse,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (path,) = tmp_path.rglob(f"*{study}_{table}_{lang}.docx")
    document = Document(str(path))
    notes = " ".join(paragraph.text for paragraph in document.paragraphs)
    names = dict(demo.sql(f"select obs_status, name_{lang} from registry.obs_status").fetchall())
    label = {"zh": "单元状态构成（%）", "en": "Cell status (%)"}[lang]
    (cells,) = [
        [cell.text for cell in row.cells] for row in document.tables[0].rows if row.cells[0].text == label
    ]
    for letter in REMARKS:
        assert f"{letter} {names[letter]}" in notes
        assert any(f"{letter} " in cell for cell in cells)


@pytest.mark.parametrize("letter", REMARKS)
def test_why_tells_the_letter_and_the_page(demo_warehouse: Path, remarks: pd.DataFrame, letter: str) -> None:
    row = remarks[remarks["obs_status"] == letter].iloc[0]
    done = run_cbec(
        "why", "--demo", "--json", "--cell", row.region_code, str(row.year), COLUMN, warehouse=demo_warehouse
    )
    assert done.returncode == 0, done.stderr
    assert REMARKS[letter] in done.stdout
    assert f"模拟城市年鉴{row.year}.xlsx" in done.stdout


def test_the_export_has_the_letter_in_its_row(
    demo_warehouse: Path, remarks: pd.DataFrame, tmp_path: Path
) -> None:
    done = run_cbec(
        "export", "--demo", "--panel", "city_year", "--format", "csv", "--out", str(tmp_path),
        warehouse=demo_warehouse,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    statuses = exported_status(tmp_path)
    for row in remarks.itertuples():
        assert statuses[row.region_code, str(row.year)] == row.obs_status


def exported_status(folder: Path) -> dict[tuple[str, str], str]:
    """Status letter of the column in the table of statuses, by city and year."""
    (path,) = folder.rglob("*_status.csv")
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    name = next(name for name in rows[0] if name.removesuffix("_status").removeprefix("s_") == COLUMN)
    return {(row["prefecture_code"], row["year"]): row[name] for row in rows}
