"""`cbec why` on the built warehouse: every number ends somewhere that a person can open, and bad names are helped."""

from __future__ import annotations

import hashlib
import io
import json
import random
from collections import Counter
from pathlib import Path

import duckdb
import pytest
from rich.console import Console

from cbec.common.warehouse import connect
from cbec.project import CbecError
from cbec.provenance import CellQuestion, EstimateQuestion, PublishedQuestion, WhyEstimate, why
from cbec.provenance.numbers import ends_of
from cbec.provenance.show import as_json, show
from cbec.provenance.walk import Ends, records
from tests.conftest import ROOT, run_cbec

N_WALKS = 500
SEED = 20150307


@pytest.fixture(scope="module")
def open_db(warehouse: Path) -> duckdb.DuckDBPyConnection:
    return connect(warehouse / "cbec.duckdb")


def test_five_hundred_numbers_end_at_a_source(open_db: duckdb.DuckDBPyConnection) -> None:
    """Every table takes part before any takes part twice, and so does every numeric column."""
    columns = open_db.execute(
        "select table_schema || '.' || table_name, column_name from information_schema.columns"
        " where table_schema in ('marts', 'estimates') and regexp_matches(data_type, 'INT|DOUBLE|DECIMAL|FLOAT')"
        " order by 1, 2"
    ).fetchall()
    assert len(columns) > 200
    rng = random.Random(SEED)
    rng.shuffle(columns)
    # The first column of each table, then the second, and so on: there are more columns than walks.
    so_far: Counter[str] = Counter()
    places = [so_far.update([table]) or so_far[table] for table, _ in columns]
    columns = [pair for _, pair in sorted(zip(places, columns, strict=True), key=lambda item: item[0])]
    known: dict[tuple[object, ...], Ends] = {}
    ends_by_kind: Counter[str] = Counter()
    tables = set()
    lost, n_walked, draw = [], 0, 0
    while n_walked < N_WALKS and draw < 8 * N_WALKS:
        table, column = columns[draw % len(columns)]
        draw += 1
        found = open_db.execute(f'select count("{column}") from {table}').fetchone()
        if not found or not found[0]:
            continue
        place = rng.randrange(found[0])
        row = records(open_db, f'select * from {table} where "{column}" is not null limit 1 offset {place}')[
            0
        ]
        n_walked += 1
        tables.add(table)
        # All numbers of one equation rest on the same cells.
        is_estimate = table.startswith("estimates.") and row.get("column_no") is not None
        key = (row["study_id"], row["table_no"], row["column_no"]) if is_estimate else (table, draw)
        ends = known.get(key) or ends_of(open_db, table, column, row)
        known[key] = ends
        kind = "cell" if ends.cells else "zone" if ends.zones else "line" if ends.lines else "row"
        ends_by_kind[kind] += 1
        is_located = (
            # What no edition prints (a gap that a rule bridges) has an edition and no place.
            all(
                cell.sha256 and cell.file and (cell.cell or (cell.obs_status == "L" and cell.edition))
                for cell in ends.cells
            )
            and all(zone.document_no for zone in ends.zones)
            and all(line.source_line for line in ends.lines)
            and all(item.path and item.sha256 for item in ends.seed_rows)
        )
        # A fitted number ends at figures, not merely at the row that requests it.
        is_fitted = is_estimate and row.get("estimate") is not None
        if not ends.is_found or not is_located or (is_fitted and not ends.n_cells):
            lost.append((table, column, row))
    assert n_walked == N_WALKS
    assert not lost, lost[:3]
    assert ends_by_kind["cell"] > 200 and ends_by_kind["zone"] > 10 and ends_by_kind["row"] > 10, ends_by_kind
    with_rows = {
        name
        for (name,) in open_db.execute(
            "select table_schema || '.' || table_name from meta.table_size"
            " where table_schema in ('marts', 'estimates') and n_rows > 0"
        ).fetchall()
    }
    # Every table that holds a number took part.
    assert with_rows & {table for table, _ in columns} <= tables


def test_every_printed_number_has_a_line_of_its_paper(open_db: duckdb.DuckDBPyConnection) -> None:
    for number in random.Random(SEED).sample(range(1, 1060), 60):
        answer = why(open_db, PublishedQuestion(result_no=number))
        (line,) = answer.lines  # type: ignore[union-attr]
        assert line.result_no == number and line.source_line and line.paper.startswith("paper ")


def test_hashes_are_those_of_the_files(open_db: duckdb.DuckDBPyConnection) -> None:
    files = open_db.execute(
        "select location, sha256 from marts.provenance_entity where kind = 'seed_file'"
    ).fetchall()
    assert len(files) > 30
    for path, sha256 in files:
        assert hashlib.sha256((ROOT / path).read_bytes()).hexdigest() == sha256, path


def test_a_cell_is_what_the_seed_prints(open_db: duckdb.DuckDBPyConnection) -> None:
    (answer,) = why(open_db, CellQuestion("江苏", 2020, "gdp_log"))  # type: ignore[misc]
    (cell,) = answer.cells
    text = (ROOT / str(cell.file)).read_text(encoding="utf-8")
    printed = next(
        line for line in text.splitlines() if line.startswith(f"320000,2020,gdp,{cell.vintage},")
    ).split(",")
    assert printed[4] == cell.value_printed and cell.cell == "320000:2020" and cell.obs_status == "A"
    assert {step.panel_column for step in answer.steps} == {"gdp_log", "gdp_100m_yuan"}


def test_beijing_answers_for_both_levels_and_index_for_its_zones(open_db: duckdb.DuckDBPyConnection) -> None:
    both = why(open_db, CellQuestion("Beijing", 2020, "gdp_log"))
    assert {item.region["region_level"] for item in both} == {"province", "prefecture", "major_city"}  # type: ignore[union-attr]
    (index,) = why(open_db, CellQuestion("320000", 2020, "cbec_development_province"))  # type: ignore[misc]
    count = next(step.value for step in index.steps if step.panel_column == "pilot_zone_count")
    assert len(index.zones) == count and abs(sum(row["weight"] for row in index.weights) - 1) < 1e-9


def test_a_treatment_cell_names_its_document(open_db: duckdb.DuckDBPyConnection) -> None:
    (answer,) = why(open_db, CellQuestion("杭州", 2016, "is_treated"))  # type: ignore[misc]
    assert answer.treatment["is_treated"] and answer.zones[0].document_no == "国函〔2015〕44号"  # type: ignore[index]


def test_a_coefficient_down_to_its_cells(open_db: duckdb.DuckDBPyConnection) -> None:
    answer = why(open_db, EstimateQuestion("province_ecommerce", "T1", 3))
    assert isinstance(answer, WhyEstimate)
    assert answer.sample["n_obs"] == answer.estimate["n_obs"] == 270 and answer.sample["n_units"] == 30
    # Twelve printed figures go into a row: nine for the index and its denominators, three for the rest.
    assert len(answer.cells) == sum(item.n_cells for item in answer.files) == 270 * 12
    assert all(item.n_cells == 270 for item in answer.variables)
    assert answer.influence_origin == "stored" and len(answer.influences) == 30
    assert abs(answer.influences[0].shift) >= abs(answer.influences[-1].shift)


def test_influence_is_computed_where_none_is_stored(open_db: duckdb.DuckDBPyConnection) -> None:
    """A control of T1(3) has no stored estimates: every province is left out anew, or none is where not requested."""
    from cbec.provenance import why as module_why

    seen: list[str] = []
    answer = module_why(
        open_db,
        EstimateQuestion("province_ecommerce", "T1", 3, "gdp_per_capita_log"),
        lambda name, done, total: seen.append(name),
    )
    assert isinstance(answer, WhyEstimate)
    assert answer.influence_origin == "computed" and len(answer.influences) == 30 and len(seen) == 31
    full = answer.estimate["estimate"]
    assert len({item.region_code for item in answer.influences}) == 30
    for item in answer.influences:
        assert item.shift == pytest.approx(item.estimate - full, abs=1e-12)
        assert item.shift != 0
    not_requested = module_why(
        open_db, EstimateQuestion("province_ecommerce", "T1", 3, "gdp_per_capita_log", computes=False)
    )
    assert isinstance(not_requested, WhyEstimate) and not not_requested.influences


@pytest.mark.parametrize(
    ("study", "table", "column"),
    [("major_cities", "T2", 1), ("major_cities", "T2", 4), ("green_tfp", "P2", 4)],
)
def test_an_error_that_rests_on_few_clusters_is_withheld_here_too(
    open_db: duckdb.DuckDBPyConnection, study: str, table: str, column: int
) -> None:
    """Of the estimate, and of what is computed without a unit: shown and in JSON."""
    answer = why(open_db, EstimateQuestion(study, table, column))
    assert isinstance(answer, WhyEstimate) and answer.influence_origin == "computed"
    for item in answer.influences:
        if item.n_effective_clusters is None or item.n_effective_clusters < 5:
            assert item.std_error is None and item.shift_in_se is None
        assert (item.n_effective_clusters or 5) >= 5 or str(item.withheld).startswith(
            "withheld: the error rests on "
        )
    assert any(item.withheld for item in answer.influences)
    assert all(
        item["withheld"] is None or item["std_error"] is None
        for item in json.loads(as_json(answer))["influences"]
    )
    out = Console(file=io.StringIO(), width=300)
    show(answer, out, limit=3)
    text = out.file.getvalue()
    head = next(line for line in text.splitlines() if line.startswith(f"{study} {table}({column})"))
    number = f"{int(10 * answer.estimate['n_effective_clusters']) / 10:.1f}"
    assert f"withheld: the error rests on {number} effective clusters (5 needed)" in head
    assert f"标准误只依靠{number}个有效聚类（需5个）" in head
    assert "[, ]" not in text and "withheld 不发布" in text


@pytest.mark.parametrize(
    ("question", "words"),
    [
        (EstimateQuestion("provnce", "T1", 3), "province_ecommerce"),
        (EstimateQuestion("province_ecommerce", "T9", 3), "table"),
        (EstimateQuestion("province_ecommerce", "T1", 30), "column"),
        (EstimateQuestion("province_ecommerce", "T1", 3, "gdp"), "gdp_per_capita_log"),
        (EstimateQuestion("green_tfp", "T3", 3), "no value of"),
        (CellQuestion("苏周", 2020, "gdp"), "苏州市"),
        (CellQuestion("320000", 2020, "gpd"), "gdp"),
        (CellQuestion("320000", 1999, "gdp"), "nearest years"),
        # Printed, and no figure.
        (CellQuestion("佳木斯", 2011, "gdp_100m_yuan"), "was refused: edition 2012, 1-7!R79C3"),
        (CellQuestion("杭州", 2016, "is_treated", "first_sx"), "first_six"),
        (PublishedQuestion("009", "T3", "1", "DID"), "003"),
        (PublishedQuestion("003", "T3", "1", "DDI"), "DID"),
        (PublishedQuestion(result_no=99999), "1 to"),
    ],
)
def test_unknown_names_get_the_nearest(open_db: duckdb.DuckDBPyConnection, question, words) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(CbecError, match=words) as error:
        why(open_db, question)
    assert error.value.exit_code == 2


def test_the_command_prints_and_writes_json(warehouse: Path) -> None:
    done = run_cbec("why", "--cell", "320000", "2020", "gdp", "--json", warehouse=warehouse)
    assert done.returncode == 0, done.stderr
    (answer,) = json.loads(done.stdout)
    assert answer["cells"][0]["sha256"] and answer["cells"][0]["vintage"] == "after_census5"
    assert {cell["vintage"] for cell in answer["other_vintages"]} == {"first_print", "after_census4"}
    shown = run_cbec("why", "--published", "003", "T3", "1", "did", warehouse=warehouse)
    assert shown.returncode == 0 and "0.090***" in shown.stdout, shown.stderr
    none = run_cbec("why", warehouse=warehouse)
    assert none.returncode == 2 and "--cell" in none.stderr
