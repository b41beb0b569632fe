"""The metrics of models/semantic: dbt parses them, MetricFlow answers as the SQL beside it does."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
import yaml

from tests.conftest import PROJECT_PARTS, ROOT

ENVIRONMENT = Path(os.environ.get("CBEC_METRICFLOW", ROOT / ".venv-metricflow"))
FOLDER = ROOT / "extras/metricflow"
METRICS = sorted(
    metric["name"]
    for path in (ROOT / "models/semantic").glob("*.yml")
    for metric in yaml.safe_load(path.read_text(encoding="utf-8")).get("metrics", ())
)


@pytest.fixture(scope="module")
def file(warehouse: Path, module_folder: Callable[[str], Path]) -> Path:
    """A published file in which something was filled, so that a share is not zero whatever is asked."""
    copy = module_folder("metrics") / "cbec.duckdb"
    shutil.copy(warehouse / "cbec.duckdb", copy)
    with duckdb.connect(str(copy)) as connection:
        connection.execute("update marts.panel_cell set imputed_share = (year % 4) / 4 where is_derived")
    return copy


@pytest.fixture(scope="module")
def ask(file: Path, module_folder: Callable[[str], Path]):
    """Query MetricFlow in a copy of the project; gives the rows of its CSV."""
    if not (ENVIRONMENT / "bin/mf").is_file():
        pytest.skip(
            f"{ENVIRONMENT}: MetricFlow's own environment is not installed; see extras/metricflow/run"
        )
    copy = module_folder("project")
    for part in (*PROJECT_PARTS, "tests", "extras/metricflow"):
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("*.pyc"))
        else:
            shutil.copy(ROOT / part, copy / part)
    env = os.environ | {
        "CBEC_METRICFLOW": str(ENVIRONMENT), "CBEC_PUBLISHED": str(file), "HOME": str(copy),
    }  # fmt: skip

    def run(*arguments: str) -> list[dict[str, str]]:
        answer = copy / "answer.csv"
        done = subprocess.run(
            [copy / "extras/metricflow/run", *arguments, "--csv", answer],
            cwd=copy, env=env, capture_output=True, text=True, check=False, timeout=1800,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        with open(answer, encoding="utf-8", newline="") as lines:
            return list(csv.DictReader(lines))

    return run


def test_every_metric_has_its_sql_beside() -> None:
    assert METRICS == ["att", "imputed_share", "index_mean", "zone_count"]
    assert sorted(path.stem for path in (FOLDER / "sql").glob("*.sql")) == METRICS


@pytest.mark.parametrize("metric", METRICS)
def test_metricflow_and_sql_agree(ask, file: Path, metric: str) -> None:
    query = (FOLDER / f"sql/{metric}.sql").read_text(encoding="utf-8")
    groups = query.splitlines()[0].removeprefix("-- --group-by ")
    answers = {
        tuple(row[name].removesuffix(" 00:00:00") for name in groups.split(",")): float(row[metric])
        for row in ask("--metrics", metric, "--group-by", groups)
    }
    with duckdb.connect(str(file), read_only=True) as connection:
        expected = {tuple(map(str, row[:-1])): row[-1] for row in connection.execute(query).fetchall()}
    assert len(set(expected.values())) > 1 and answers.keys() == expected.keys()
    assert answers == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_zones_do_not_add_up_over_years(ask, file: Path) -> None:
    (row,) = ask("--metrics", "zone_count")
    with duckdb.connect(str(file), read_only=True) as connection:
        last = connection.execute(
            "select sum(zone_count) from marts.treatment_province_year where rule_id = 'default' and year ="
            " (select max(year) from marts.treatment_province_year)"
        ).fetchone()
    assert float(row["zone_count"]) == last[0] > 100
