"""The published file is read by what people connect with today: DuckDB 1.5 and 1.4, Node, SQLAlchemy, pandas."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

import duckdb
import pandas as pd
import pytest
import sqlalchemy

from tests.conftest import ROOT

# What every reader must find: rows of each public table, and a sum of doubles to the last bit.
TABLES = (
    "select table_schema || '.' || table_name from information_schema.tables"
    " where table_schema in ('marts', 'quality', 'estimates') order by 1"
)
TOTAL = "select sum(value) as total, count(*) as n from (select value from marts.panel_cell order by all)"


@pytest.fixture(scope="module")
def file(warehouse: Path, module_folder: Callable[[str], Path]) -> Path:
    """A copy, which a reader of another version may lock."""
    return Path(shutil.copy(warehouse / "cbec.duckdb", module_folder("readers")))


@pytest.fixture(scope="module")
def expected(file: Path) -> dict[str, object]:
    with duckdb.connect(str(file), read_only=True, config={"threads": "1"}) as connection:
        tables = [row[0] for row in connection.execute(TABLES).fetchall()]
        counts = {}
        for name in tables:
            row = connection.execute(f"select count(*) from {name}").fetchone()
            assert row is not None
            counts[name] = row[0]
        total = connection.execute(TOTAL).fetchone()
        assert total is not None
        chinese = connection.execute(
            "select name_zh from marts.panel_city_year where prefecture_code = '330100' and year = 2015"
        ).fetchone()
    assert chinese == ("杭州市",)
    assert len(counts) > 30
    return {"counts": counts, "total": float(total[0]), "n": total[1], "name": "杭州市"}


def blocks(language: str, page: str) -> list[str]:
    """Blocks of code of a page of the documentation."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.+?)```", text, re.S)


READER = """
import json, sys, duckdb
c = duckdb.connect(sys.argv[1], read_only=True, config={"threads": "1"})
# A bar would stand in what is printed.
c.execute("set enable_progress_bar = false")
counts = {t: c.execute(f"select count(*) from {t}").fetchone()[0] for (t,) in c.execute(sys.argv[2]).fetchall()}
for t in counts:
    c.execute(f"select * from {t} limit 20000").fetchall()
total, n = c.execute(sys.argv[3]).fetchone()
name = c.execute(
    "select name_zh from marts.panel_city_year where prefecture_code = '330100' and year = 2015"
).fetchone()[0]
print(json.dumps({"version": duckdb.__version__, "counts": counts, "total": total, "n": n, "name": name}))
"""


def read_by(python: str | Path, file: Path) -> dict[str, object]:
    done = subprocess.run(
        [str(python), "-c", READER, str(file), TABLES, TOTAL],
        capture_output=True, text=True, check=False, timeout=1800,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_duckdb_of_the_lock_file(file: Path, expected: dict[str, object]) -> None:
    found = read_by(sys.executable, file)
    assert str(found.pop("version")).startswith("1.5.")
    assert found == expected


def test_duckdb_1_4(file: Path, expected: dict[str, object], tmp_path: Path) -> None:
    """The long-term release that drivers of 2025 and 2026 bring with them."""
    venv.create(tmp_path / "venv", with_pip=False)
    python = tmp_path / "venv/bin/python"
    done = subprocess.run(
        [
            sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--disable-pip-version-check",
            "--no-deps", "--only-binary", ":all:", "duckdb>=1.4,<1.5",
        ],
        capture_output=True, text=True, check=False, timeout=1800,
    )  # fmt: skip
    if done.returncode:
        pytest.skip(f"duckdb 1.4 cannot be installed here: {done.stderr.strip().splitlines()[-1]}")
    found = read_by(python, file)
    assert str(found.pop("version")).startswith("1.4.")
    assert found == expected


NODE = """
import { DuckDBInstance } from '@duckdb/node-api';
const [file, tables, total] = process.argv.slice(2);
const instance = await DuckDBInstance.create(file, { access_mode: 'READ_ONLY', threads: '1' });
const c = await instance.connect();
const rows = async (sql) => (await c.runAndReadAll(sql)).getRowsJson();
const counts = {};
for (const [t] of await rows(tables)) {
  counts[t] = Number((await rows(`select count(*) from ${t}`))[0][0]);
  await rows(`select * from ${t} limit 100`);
}
const [sum, n] = (await rows(total))[0];
const name = (await rows(
  "select name_zh from marts.panel_city_year where prefecture_code = '330100' and year = 2015"))[0][0];
const version = (await rows('select version()'))[0][0];
console.log(JSON.stringify({ version, counts, total: Number(sum), n: Number(n), name }));
"""


def test_node(file: Path, expected: dict[str, object], tmp_path: Path) -> None:
    """The client that JavaScript tools (Evidence, Observable, VS Code extensions) build on."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("Node.js is not installed")
    try:
        done = subprocess.run(
            [npm, "install", "--no-audit", "--no-fund", "--silent", "@duckdb/node-api"],
            cwd=tmp_path, capture_output=True, text=True, check=False, timeout=1800,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        pytest.skip("npm cannot install @duckdb/node-api here: no answer in two minutes")
    if done.returncode:
        pytest.skip(f"npm cannot install @duckdb/node-api here: {done.stderr.strip()[-200:]}")
    (tmp_path / "read.mjs").write_text(NODE, encoding="utf-8")
    done = subprocess.run(
        [node, "read.mjs", str(file), TABLES, TOTAL],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=1800,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found.pop("version").startswith("v1.")
    assert found == expected
    (block,) = blocks("js", "docs/CONNECT.md")
    (tmp_path / "recipe.mjs").write_text(f"{block}\nconsole.log(rows.length);\n", encoding="utf-8")
    (tmp_path / "warehouse").symlink_to(file.parent)
    done = subprocess.run(
        [node, "recipe.mjs"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stderr
    counts = expected["counts"]
    assert isinstance(counts, dict)
    assert int(done.stdout) == counts["quality.coverage"]


def test_sqlalchemy_and_pandas(file: Path, expected: dict[str, object]) -> None:
    """As Superset, Metabase-like tools and notebooks connect: duckdb-engine, read-only, nothing but the file."""
    engine = sqlalchemy.create_engine(
        f"duckdb:///{file}",
        connect_args={
            "read_only": True,
            "config": {"enable_external_access": "false", "lock_configuration": "true"},
        },
    )
    counts = expected["counts"]
    assert isinstance(counts, dict)
    try:
        names = sqlalchemy.inspect(engine).get_table_names(schema="marts")
        assert set(names) >= {name.split(".")[1] for name in counts if name.startswith("marts.")}
        with engine.connect() as connection:
            frame = pd.read_sql(
                sqlalchemy.text("select * from marts.panel_city_year where year = :year"),
                connection,
                params={"year": 2015},
            )
            assert len(frame) > 300
            assert "杭州市" in set(frame["name_zh"])
            with pytest.raises(sqlalchemy.exc.DBAPIError):
                connection.execute(sqlalchemy.text("delete from marts.observation"))
    finally:
        engine.dispose()


def test_the_recipes_in_python_run(file: Path, tmp_path: Path) -> None:
    (tmp_path / "warehouse").symlink_to(file.parent)
    recipes = blocks("python", "docs/CONNECT.md")
    assert len(recipes) == 2
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(recipes) + "\nprint(len(panel), len(frame))"],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = [int(number) for number in done.stdout.split()]
    assert len(rows) == 2
    assert min(rows) > 200


def test_both_languages_have_the_same_recipes() -> None:
    for language in ("python", "js", "r", "stata"):
        found = blocks(language, "docs/CONNECT.md")
        assert found == blocks(language, "docs/CONNECT.zh.md")
        assert found


def test_parquet_copies_need_no_database(warehouse: Path) -> None:
    """Excel's Power Query, Power BI and Spark read the Parquet copies without any driver."""
    frame = pd.read_parquet(warehouse / "parquet/marts/panel_province_year.parquet")
    assert len(frame) == 496
    assert frame["gdp_100m_yuan"].notna().sum() > 300
