"""What was published, when, from what, and how good it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cbec.common.warehouse import connect
from cbec.pipeline.inputs import seed_hashes
from cbec.project import Project


def read_status(project: Project, path: Path) -> dict[str, Any]:
    """Publication, rows per table, tests by status, readiness by study, and seeds changed since.

    Of a study: a row of estimates.study_status.

    Keys: publication, tables, tests, failed_tests, studies, changed_seeds; plain values, ready for
    JSON.
    """
    with connect(path) as connection:

        def rows(query: str) -> list[dict[str, Any]]:
            cursor = connection.execute(query)
            names = [item[0] for item in cursor.description or []]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

        seeds = dict(connection.execute("select path, sha256 from meta.seed_file").fetchall())
        now = dict(seed_hashes(project.root))
        return {
            "publication": rows(
                "select * replace (strftime(built_at at time zone 'UTC', '%Y-%m-%dT%H:%M:%SZ') as built_at)"
                " from meta.publication"
            )[0],
            "tables": rows("select * from meta.table_size order by all"),
            "tests": rows("select status, count(*) as n_tests from meta.test_result group by 1 order by 1"),
            "failed_tests": rows("select * from meta.test_result where status <> 'pass' order by test"),
            "studies": rows(
                "select study_id, status as study_status, n_columns, n_estimated, n_awaiting_data, n_refused,"
                " coalesce(missing, '') as missing, coalesce(insufficient, '') as insufficient,"
                " coalesce(by_proxy, '') as by_proxy"
                " from estimates.study_status order by 1"
            ),
            "changed_seeds": sorted(
                name for name in seeds.keys() | now.keys() if seeds.get(name) != now.get(name)
            ),
        }
