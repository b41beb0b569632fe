"""Every format gives back the very bits of the panel and the status of every cell, and runs no text."""

from __future__ import annotations

import csv
import hashlib
import json
import re
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyreadstat
import pytest
from frictionless import Package, system
from hypothesis import given
from hypothesis import strategies as st

from cbec.common.cells import FORMULA, inert
from cbec.common.warehouse import connect
from cbec.export.command import FORMATS, ExportOptions, export
from cbec.export.dataset import Column, Dataset, read_table
from cbec.export.stata import NAME_LENGTH, export_dta, stata_names, with_notes
from cbec.export.stata import _numbers as stata_numbers
from cbec.export.writers import COLOURS
from cbec.project import Project
from tests.conftest import ROOT, run_cbec, small_disk


@dataclass(frozen=True)
class Exported:
    """Files of one export, and what the warehouse holds."""

    folder: Path
    stem: str
    lang: str
    key: str
    values: pa.Table
    status: pa.Table
    is_simulated: bool

    @property
    def measures(self) -> list[str]:
        return [name for name in self.status.column_names if name in self.status_codes]

    @property
    def status_codes(self) -> dict[str, list[str | None]]:
        """Measure -> its status codes; a measure is what the yml of the panel gives an indicator."""
        first = self.status.column_names.index("region4") + 1
        return {name: self.status[name].to_pylist() for name in self.status.column_names[first:]}

    def path(self, suffix: str) -> Path:
        return self.folder / f"{self.stem}{suffix}"


def panel(file: Path, name: str, key: str) -> tuple[pa.Table, pa.Table]:
    with connect(file) as connection:
        return (
            connection.execute(f"select * from marts.panel_{name} order by {key}, year").to_arrow_table(),
            connection.execute(
                f"select * from marts.panel_{name}_status order by {key}, year"
            ).to_arrow_table(),
        )


@pytest.fixture(scope="module", params=["province_year", "demo city_year"])
def exported(request: pytest.FixtureRequest, module_folder: Callable[[str], Path]) -> Exported:
    folder = module_folder("export")
    is_demo = request.param.startswith("demo")
    name = request.param.split()[-1]
    key = {"province_year": "province_code", "city_year": "prefecture_code"}[name]
    home = request.getfixturevalue("demo_warehouse" if is_demo else "warehouse")
    lang = "zh" if is_demo else "en"
    options = ["--demo"] if is_demo else []
    done = run_cbec("export", "--panel", name, "--lang", lang, "--out", str(folder), *options, warehouse=home)
    assert done.returncode == 0, done.stderr
    assert {Path(line) for line in done.stdout.splitlines()} == set(folder.iterdir()), (
        "no file but the listed"
    )
    values, status = panel(home / ("demo.duckdb" if is_demo else "cbec.duckdb"), name, key)
    stem = f"cbec_{'simulated_' if is_demo else ''}{name}_{lang}"
    made = Exported(folder, stem, lang, key, values, status, is_demo)
    assert len(made.status_codes) > 140
    n_missing = sum(
        letter in ("O", "L", "M") for status_codes in made.status_codes.values() for letter in status_codes
    )
    assert n_missing > 0, "a panel without missing cells would prove nothing"
    return made


def same_bits(found: list[Any], expected: list[Any]) -> bool:
    """Equal including the last bit; -0.0 is not 0.0."""
    return [None if v is None else float(v).hex() for v in found] == [
        None if v is None else float(v).hex() for v in expected
    ]


def test_parquet(exported: Exported) -> None:
    table = pq.read_table(exported.path(".parquet"))
    assert table.select(exported.values.column_names).equals(exported.values)
    status = pq.read_table(exported.path("_status.parquet"))
    assert {name: status[name].to_pylist() for name in exported.measures} == exported.status_codes
    head = {key.decode(): text.decode() for key, text in table.schema.metadata.items()}
    assert ("模拟数据" in head["title"]) == exported.is_simulated
    about = table.schema.field("gdp_100m_yuan").metadata
    assert about[b"unit"].decode() == ("亿元" if exported.lang == "zh" else "100 million yuan")
    assert about[b"sources"]


def read_csv(path: Path) -> tuple[list[str], list[list[str]]]:
    content = path.read_bytes()
    assert content.startswith(b"\xef\xbb\xbf"), "Excel needs the mark"
    rows = list(csv.reader(content.decode("utf-8-sig").splitlines()))
    return rows[0], rows[1:]


def test_csv(exported: Exported) -> None:
    head, rows = read_csv(exported.path(".csv"))
    assert head[: exported.values.num_columns] == exported.values.column_names
    for place, name in enumerate(exported.values.column_names):
        texts = [row[place] for row in rows]
        expected = exported.values[name].to_pylist()
        kind = exported.values.schema.field(name).type
        if pa.types.is_floating(kind):
            assert same_bits([float(text) if text else None for text in texts], expected), name
        elif pa.types.is_boolean(kind):
            assert [{"true": True, "false": False, "": None}[text] for text in texts] == expected
        else:
            assert texts == ["" if value is None else str(value) for value in expected], name
    head, rows = read_csv(exported.path("_status.csv"))
    for name, status_codes in exported.status_codes.items():
        place = head.index(name)
        assert [row[place] or None for row in rows] == status_codes, name
    head, rows = read_csv(exported.path("_columns.csv"))
    assert [row[0] for row in rows][: exported.values.num_columns] == exported.values.column_names
    notes = exported.path("_notes.txt").read_text(encoding="utf-8-sig")
    assert ("模拟数据" in notes.splitlines()[0]) == exported.is_simulated


def test_xlsx(exported: Exported) -> None:
    book = openpyxl.load_workbook(exported.path(".xlsx"), read_only=True)
    names = book.sheetnames
    assert len(names) == 6
    if exported.lang == "en":
        assert names == ["data", "status", "units", "sources", "status_codes", "notes"]
    assert ("模拟数据" in names[0]) == exported.is_simulated
    rows = list(book[names[0]].iter_rows(values_only=True))
    assert ("模拟数据" in rows[0][0]) == exported.is_simulated
    width = len(rows[2])
    for place, name in enumerate(exported.values.column_names):
        assert rows[2][place] == name
        found = [row[place] if place < len(row) else None for row in rows[3:]]
        expected = exported.values[name].to_pylist()
        if pa.types.is_floating(exported.values.schema.field(name).type):
            assert same_bits(found, expected), name
        else:
            assert found == expected, name
    assert width == exported.values.num_columns + 6 - ("batch" in exported.values.column_names)
    rows = list(book[names[1]].iter_rows(values_only=True))
    for name, status_codes in exported.status_codes.items():
        place = rows[0].index(name)
        assert [row[place] if place < len(row) else None for row in rows[1:]] == status_codes, name
    units = {row[0]: row for row in book[names[2]].iter_rows(values_only=True)}
    assert units["gdp_100m_yuan"][2] == ("亿元" if exported.lang == "zh" else "100 million yuan")
    assert units["gdp_100m_yuan"][3]


def test_the_colour_of_a_cell_is_its_status(exported: Exported) -> None:
    if exported.is_simulated:
        pytest.skip(
            "styles of 900,000 cells take a minute to read; the panel of provinces has the same writer"
        )
    sheet = openpyxl.load_workbook(exported.path(".xlsx"))["data"]
    seen = set()
    for name, status_codes in exported.status_codes.items():
        place = exported.values.column_names.index(name) + 1
        for line, letter in enumerate(status_codes, start=4):
            fill = sheet.cell(line, place).fill
            colour = fill.start_color.rgb[2:] if fill.fill_type else None
            assert colour == (COLOURS.get(letter) if letter else None)
            seen.add(letter)
    assert {"A", "V", "L", "B", None} <= seen


def test_dta(exported: Exported) -> None:
    path = exported.path(".dta")
    assert b"<release>118</release>" in path.read_bytes()[:64]
    frame, about = pyreadstat.read_dta(path, user_missing=True)
    columns = [*exported.values.column_names]
    names = stata_names(columns)
    assert all(re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,31}", name) for name in frame.columns)
    assert len({name.lower() for name in frame.columns}) == len(frame.columns)
    for name in columns:
        found = frame[names[name]].tolist()
        expected = exported.values[name].to_pylist()
        if name in exported.status_codes:
            numbers = [None if isinstance(v, str) or v != v else v for v in found]
            assert same_bits(numbers, expected), name
            marks = [v.upper() if isinstance(v, str) else None for v in found]
            assert marks == [
                letter if value is None else None
                for letter, value in zip(exported.status_codes[name], expected, strict=True)
            ], name
            assert [letter or None for letter in frame[f"s_{names[name]}"]] == exported.status_codes[name], (
                name
            )
        elif pa.types.is_string(exported.values.schema.field(name).type):
            assert found == ["" if value is None else value for value in expected], name
        else:
            assert same_bits([None if v != v else v for v in found], expected), name
    labels = about.column_names_to_labels
    assert labels["gdp_100m_yuan"] == (
        "地区生产总值（当年价格）（亿元）"
        if exported.lang == "zh"
        else "Gross domestic or regional product at current prices (100 million yuan)"
    )
    assert about.variable_value_labels["is_city" if "is_city" in columns else "is_treated"] == (
        {0: "否", 1: "是"} if exported.lang == "zh" else {0: "no", 1: "yes"}
    )
    labelled = [found for found in about.variable_value_labels.values() if set(found) & {"o", "l", "m"}]
    assert labelled
    assert about.file_label == about.notes[0]
    assert ("模拟数据" in about.notes[0]) == exported.is_simulated
    cited = "simulation: " if exported.is_simulated else "nbs_province_internet: "
    assert any(note.startswith(cited) for note in about.notes)
    # Another reader of the format, which checks the offsets that the notes have moved.
    other = pd.read_stata(path, convert_categoricals=False)
    assert same_bits(
        [None if v != v else v for v in other["gdp_100m_yuan"]], exported.values["gdp_100m_yuan"].to_pylist()
    )


def test_notes_of_a_variable_name_it_in_full(exported: Exported) -> None:
    content = exported.path(".dta").read_bytes()
    long = "general_public_budget_expenditure_100m_yuan"
    short = stata_names(exported.values.column_names)[long]
    assert short != long
    entry = content.index(short.encode().ljust(129, b"\0") + b"note1".ljust(129, b"\0"))
    text = content[entry + 258 : content.index(b"\0", entry + 258)].decode()
    assert text.startswith(f"{long} | ")


def test_datapackage(exported: Exported) -> None:
    path = exported.path("_datapackage.zip")
    with zipfile.ZipFile(path) as package:
        for part, suffix in (("data", ""), ("status", "_status"), ("sources", "_sources")):
            other = exported.path(f"{suffix}.csv").read_bytes().removeprefix(b"\xef\xbb\xbf")
            assert package.read(f"{part}.csv") == other, "the very bytes that test_csv has read"
        about = json.loads(package.read("datapackage.json"))
    assert ("模拟数据" in about["title"]) == exported.is_simulated
    assert about["isSimulated"] == exported.is_simulated
    if exported.is_simulated:
        return  # Frictionless takes a minute for a million cells; the panel of provinces has the same writer.
    with system.use_context(trusted=True):
        package = Package(str(path))
        report = package.validate()
        assert report.valid, report.flatten(["type", "message"])[:5]
        field = package.get_resource("status").schema.get_field("gdp_100m_yuan")
        assert field.constraints["enum"][:3] == ["B", "O", "M"]
        assert field.to_descriptor()["rdfType"].endswith("attribute#obsStatus")
        rows = package.get_resource("data").read_rows()
        for name in exported.values.column_names:
            found = [row[name] for row in rows]
            expected = exported.values[name].to_pylist()
            if pa.types.is_floating(exported.values.schema.field(name).type):
                assert same_bits(found, expected), name
            else:
                assert found == expected, name
        rows = package.get_resource("status").read_rows()
        for name, status_codes in exported.status_codes.items():
            assert [row[name] for row in rows] == status_codes, name


def test_a_spoilt_package_is_refused(exported: Exported, tmp_path: Path) -> None:
    """So that the validation above is known to look at digests, keys and codes."""
    if exported.is_simulated:
        pytest.skip("one package is enough")
    with zipfile.ZipFile(exported.path("_datapackage.zip")) as package:
        package.extractall(tmp_path)
    with (tmp_path / "status.csv").open("a", encoding="utf-8", newline="") as file:
        file.write("999999,2024," + "?," * (len(exported.status_codes) - 1) + "?\r\n")

    with system.use_context(trusted=True):
        report = Package(str(tmp_path / "datapackage.json")).validate()
    kinds = {row[0] for row in report.flatten(["type"])}
    assert kinds == {"hash-count", "byte-count", "constraint-error", "foreign-key"}


EVIL = [
    "=1+1",
    "+1+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "＝1+1",
    "＠SUM(1)",
    "#N/A",
]


@pytest.fixture(scope="module")
def evil(module_folder: Callable[[str], Path]) -> tuple[Path, Dataset]:
    folder = module_folder("evil")
    data = Dataset(
        name="evil",
        title="=1+1",
        lang="en",
        is_simulated=False,
        key=(),
        columns=(Column("text", "=1+1", "+1+1", "@x"), Column("list", "list"), Column("number", "number")),
        values=pa.table({"text": EVIL, "list": [[text] for text in EVIL], "number": [-1.5 for _ in EVIL]}),
        status={},
        has_status_table=False,
        codes={},
        sources=(),
        notes=("=1+1",),
        run="",
        built_at="2026-01-01T00:00:00Z",
    )
    for write in FORMATS.values():
        write(data, folder)
    return folder, data


def test_no_text_of_a_workbook_is_a_formula(evil: tuple[Path, Dataset]) -> None:
    path = evil[0] / "cbec_evil_en.xlsx"
    with zipfile.ZipFile(path) as parts:
        for name in parts.namelist():
            if name.startswith("xl/worksheets/"):
                assert b"<f>" not in parts.read(name)
                assert b't="e"' not in parts.read(name)
    book = openpyxl.load_workbook(path)
    n_marked = 0
    for sheet in book:
        for row in sheet.iter_rows():
            for cell in row:
                assert cell.data_type in ("s", "n", "inlineStr"), cell.value
                if cell.data_type == "s" and str(cell.value).startswith(FORMULA):
                    assert cell.quotePrefix
                    n_marked += 1
    assert n_marked >= 2 * (len(EVIL) - 1)
    # The text itself is whole; a workbook writes a carriage return as a line break.
    found = [sheet_row[0].value.replace("\n", "\r") for sheet_row in book["data"].iter_rows(min_row=4)]
    assert found == [text.replace("\n", "\r") for text in EVIL]


@pytest.mark.parametrize("name", ["cbec_evil_en.csv", "cbec_evil_en_columns.csv", "data.csv in the package"])
def test_no_text_of_a_csv_begins_a_formula(evil: tuple[Path, Dataset], name: str) -> None:
    if name.startswith("data.csv"):
        with zipfile.ZipFile(evil[0] / "cbec_evil_en_datapackage.zip") as package:
            text = package.read("data.csv").decode("utf-8")
    else:
        text = (evil[0] / name).read_bytes().decode("utf-8-sig")
    rows = list(csv.reader(text.splitlines(keepends=True)))
    cells = [cell for row in rows[1:] for cell in row]
    assert len(cells) >= 9
    assert not [cell for cell in cells if cell.startswith(FORMULA) and cell != "-1.5"]
    if "columns" not in name:
        assert [row[0].removeprefix("'") for row in rows[1:]] == EVIL


@given(st.text(min_size=1))
def test_inert_changes_nothing_else(text: str) -> None:
    made = inert(text)
    assert made.removeprefix("'") == text.removeprefix("'")
    assert not made.startswith(FORMULA) or re.fullmatch(r"[+-]?\d+(\.\d+)?", made)
    bare = text.lstrip().lstrip("\u200b\ufeff").lstrip()
    assert made == text or text.startswith(FORMULA) or bare.startswith(FORMULA)


@given(st.lists(st.from_regex(r"[a-z][a-z0-9_]{0,60}", fullmatch=True), unique=True, max_size=30))
def test_stata_names_are_short_ascii_unique_and_lasting(columns: list[str]) -> None:
    names = stata_names(columns)
    assert list(names) == columns
    assert all(
        re.fullmatch(rf"[A-Za-z_][A-Za-z0-9_]{{0,{NAME_LENGTH - 1}}}", name) for name in names.values()
    )
    assert len({name.lower() for name in names.values()}) == len(columns)
    assert stata_names(columns) == names


def test_units_survive_in_short_names() -> None:
    assert stata_names(["agriculture_forestry_water_expenditure_100m_yuan"]) == {
        "agriculture_forestry_water_expenditure_100m_yuan": "agri_fore_water_exp_100m_yuan"
    }
    assert stata_names(["if", "中文", "中外", "1st", "str20"]) == {
        "if": "v_if", "中文": "__", "中外": "___2", "1st": "v_1st", "str20": "v_str20",
    }  # fmt: skip


def test_notes_need_the_format_that_they_know() -> None:
    with pytest.raises(ValueError, match="118"):
        with_notes(b"<stata_dta><header><release>117</release>", {"_dta": ["x"]})


def test_a_long_table_in_every_format(warehouse: Path, tmp_path: Path) -> None:
    """Of a million rows every eighteenth, in their order."""
    short = tmp_path / "warehouse"
    short.mkdir()
    shutil.copy(warehouse / "cbec.duckdb", short)
    with duckdb.connect(str(short / "cbec.duckdb")) as connection:
        connection.execute(
            "create or replace table marts.observation as from marts.observation where rowid % 18 = 0"
            " order by rowid"
        )
    done = run_cbec("export", "--table", "marts.observation", "--out", str(tmp_path), warehouse=short)
    assert done.returncode == 0, done.stderr
    with connect(short / "cbec.duckdb") as connection:
        expected = connection.execute("select * from marts.observation order by all").to_arrow_table()
    stem = "cbec_marts_observation_zh"
    assert pq.read_table(tmp_path / f"{stem}.parquet").equals(expected), "decimals and lists as they are"
    frame, _ = pyreadstat.read_dta(tmp_path / f"{stem}.dta", user_missing=True)
    values, status_codes = expected["value"].to_pylist(), expected["obs_status"].to_pylist()
    found = frame["value"].tolist()
    assert [v.upper() if isinstance(v, str) else None for v in found] == [
        letter if value is None else None for value, letter in zip(values, status_codes, strict=True)
    ]
    assert same_bits([None if isinstance(v, str) else v for v in found], values)
    head, rows = read_csv(tmp_path / f"{stem}.csv")
    place = head.index("value")
    assert same_bits([float(row[place]) if row[place] else None for row in rows], values)


def test_a_workbook_of_many_rows_is_made_on_request_only(
    warehouse: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in FORMATS:
        monkeypatch.setitem(FORMATS, name, lambda data, folder, name=name: [folder / name])
    project = Project(ROOT, warehouse, warehouse / "landing")
    every = ExportOptions(table="marts.observation", out=tmp_path)
    outcome = export(project, every, lambda *_: None)
    assert "no workbook of" in outcome.skipped[0]
    assert [path.name for path in outcome.written] == [name for name in FORMATS if name != "xlsx"]
    outcome = export(project, replace(every, fmt="xlsx"), lambda *_: None)
    assert [path.name for path in outcome.written] == ["xlsx"]


@pytest.mark.parametrize("n_blank", [0, 1, 99, 100, 5_000])
def test_a_column_may_begin_with_any_number_of_blanks(n_blank: int, tmp_path: Path) -> None:
    """What a column holds was told by its first hundred cells, which no source may have."""
    status = pa.chunked_array([[*[None] * n_blank, "O", "V", "M", None]])
    for figures in ([None, 1.5, None, None], [None, None, None, None]):
        values = pa.chunked_array([pa.array([*[None] * n_blank, *figures], pa.float64())])
        column, letters = stata_numbers(values, status)
        pyreadstat.write_dta(
            pd.DataFrame({"a": column}), tmp_path / "a.dta", version=14, missing_user_values={"a": letters}
        )
        frame, found = pyreadstat.read_dta(tmp_path / "a.dta", user_missing=True)
        assert found.readstat_variable_types == {"a": "double"}
        assert frame["a"].isna().sum() == n_blank + 1
        assert frame["a"].tolist()[n_blank : n_blank + 3] == ["o", figures[1] or "v", "m"]


def test_whole_numbers_of_every_public_table_survive_in_stata(warehouse: Path, tmp_path: Path) -> None:
    """A hash of 64 bits is no double: it must come out whole, as a text."""
    n_wide = 0
    with connect(warehouse / "cbec.duckdb") as connection:
        tables = connection.execute(
            "select distinct table_schema || '.' || table_name from information_schema.columns"
            " where table_schema in ('marts', 'quality', 'estimates') and data_type like '%BIGINT' order by 1"
        ).fetchall()
        assert len(tables) > 10
        for (table,) in tables:
            data = read_table(connection, table, "en")
            # The first rows of a long table tell as much as half a million.
            first = {name: status_codes.slice(0, 20_000) for name, status_codes in data.status.items()}
            data = replace(data, values=data.values.slice(0, 20_000), status=first)
            (path,) = export_dta(data, tmp_path)
            frame, _ = pyreadstat.read_dta(path, user_missing=True)
            names = stata_names(data.values.column_names)
            for field in data.values.schema:
                if pa.types.is_integer(field.type):
                    found = [None if v == "" or v != v else int(v) for v in frame[names[field.name]]]
                    assert found == data.values[field.name].to_pylist(), f"{table}.{field.name}"
                    n_wide += isinstance(frame[names[field.name]].iloc[0] if len(frame) else None, str)
    assert n_wide >= 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--panel", "cty_year"], "panel 'cty_year' is not known; nearest: city_year"),
        (["--panel", "city_year", "--format", "xls"], "format 'xls' is not known; nearest: xlsx"),
        (["--panel", "city_year", "--lang", "fr"], "language 'fr' is not known"),
        (["--table", "marts.observations"], "nearest: marts.observation"),
        (["--table", 'marts."observation"; drop table x'], "is not known"),
        (["--table", "../../etc/passwd"], "is not known"),
        (["--table", "staging.stg_landing__observation"], "is not known"),
        ([], "name one of --panel (city_year or major_city_year or province_year)"),
        (["--panel", "city_year", "--table", "marts.observation"], "name one of --panel"),
    ],
)
def test_bad_input_says_what_is_known(
    warehouse: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    done = run_cbec("export", *arguments, "--out", str(tmp_path / "out"), warehouse=warehouse)
    assert done.returncode == 2
    assert message in done.stderr
    assert not list(tmp_path.rglob("*.*"))


def test_a_folder_that_is_a_file(warehouse: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = run_cbec(
        "export", "--panel", "province_year", "--out", str(tmp_path / "file"), warehouse=warehouse
    )
    assert done.returncode == 2
    assert f"{tmp_path / 'file'}: cannot be made a folder" in done.stderr


def test_a_full_disk_leaves_the_files_of_before(warehouse: Path, tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    with small_disk(folder, "100k"):
        old = folder / "cbec_province_year_zh.csv"
        old.write_text("of before")
        done = run_cbec(
            "export", "--panel", "province_year", "--format", "csv", "--out", str(folder), warehouse=warehouse
        )
        assert done.returncode == 4, done.stderr
        assert "No space left" in done.stderr
        assert [path.name for path in folder.iterdir()] == [old.name], "nothing half written stays"
        assert old.read_text() == "of before"


def test_a_link_in_the_folder_leads_nowhere(warehouse: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("not ours")
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "cbec_province_year_zh.dta").symlink_to(outside)
    done = run_cbec(
        "export", "--panel", "province_year", "--format", "dta", "--out", str(folder), warehouse=warehouse
    )
    assert done.returncode == 0, done.stderr
    assert outside.read_text() == "not ours"
    assert not (folder / "cbec_province_year_zh.dta").is_symlink()


def test_twice_the_same_bytes(warehouse: Path, tmp_path: Path) -> None:
    digests = []
    for number in range(2):
        folder = tmp_path / str(number)
        done = run_cbec(
            "export", "--panel", "province_year", "--format", "csv", "--out", str(folder), warehouse=warehouse
        )
        assert done.returncode == 0, done.stderr
        digests.append({p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()})
    assert digests[0] == digests[1]


def test_the_published_file_can_be_missing(tmp_path: Path) -> None:
    done = run_cbec("export", "--panel", "province_year", warehouse=tmp_path)
    assert done.returncode == 2
    assert "run `make build`" in done.stderr


def test_duckdb_reads_our_csv_and_parquet(exported: Exported) -> None:
    with duckdb.connect() as connection:
        for suffix in (".csv", ".parquet"):
            found = connection.execute(
                f"select sum(gdp_100m_yuan), count(*) from '{exported.path(suffix)}'"
            ).fetchone()
            expected = connection.execute(
                "select sum(v), (select count(*) from (select unnest(?))) from (select unnest(?) as v)",
                [exported.values["gdp_100m_yuan"].to_pylist(), exported.values["gdp_100m_yuan"].to_pylist()],
            ).fetchone()
            assert found is not None
            assert expected is not None
            assert found[1] == exported.values.num_rows
            assert found[0] == pytest.approx(expected[0], rel=1e-12)
