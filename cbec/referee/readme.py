"""README of a replication package under the headings of the Social Science Data Editors' template (AEA)."""

from __future__ import annotations

import importlib.metadata
import platform
import re
from pathlib import Path
from typing import Any

import duckdb

from cbec.pipeline.metadata import _git
from cbec.provenance.walk import records

# Packages whose version a reader asks for first; every other one stands in the lock.
NAMED = ("duckdb", "dbt-core", "dbt-duckdb", "pyfixest", "diff-diff", "linearmodels", "numpy", "pandas",
         "scipy", "statsmodels", "highspy", "great-expectations")  # fmt: skip


def archived_commit(root: Path, built_from: str | None) -> str | None:
    """The commit that the package holds: the one the warehouse was built from when it is known here."""
    if built_from and _git(root, "cat-file", "-t", built_from) == "commit":
        return built_from
    return _git(root, "rev-parse", "HEAD")


def locked_versions(lock: Path) -> dict[str, str]:
    """Version of every package in a lock file."""
    pairs = re.findall(r"^([A-Za-z0-9_.\-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", lock.read_text("utf-8"), re.M)
    return {name.lower(): version for name, version in pairs}


def readme(
    connection: duckdb.DuckDBPyConnection, root: Path, study_id: str, *, is_demo: bool, lists: dict[str, int]
) -> str:
    """The text in Markdown. lists: name of each table or figure file and its number of artefact, if any."""
    publication = records(connection, "select * from meta.publication")[0]
    study = records(connection, "select * from studies.study where study_id = ?", [study_id])[0]
    parts = [
        f"# Replication package: {study['title_en']} ({study['title_zh']})",
        "**SIMULATED DATA: every figure is drawn by `cbec demo`; nobody published it, and no number here is"
        " a finding.**"
        if is_demo
        else "",
        "Headings follow the template README of the Social Science Data Editors.",
        "## Overview",
        f"The code in `code/` builds the warehouse from the figures in it, estimates every specification of"
        f" study `{study_id}` and writes its tables and figures. One command, `sh reproduce.sh`, does all of"
        f" it and compares {_count(connection, study_id)} estimates with those of this package.",
        _commit_line(root, publication),
        "## Data Availability and Provenance Statements",
        _data(connection, study_id, is_demo),
        "## Computational requirements",
        _requirements(connection, root, publication),
        "## Description of programs/code",
        _programs(connection, study_id),
        "## Instructions to Replicators",
        "1. Python 3.11 or newer and a POSIX shell; nothing else."
        "\n2. `sh reproduce.sh` makes an environment from `code/requirements.lock` (with hashes), builds and"
        " tests the warehouse, writes tables and figures to `rebuilt/`, and compares the estimates. With"
        " `PYTHON=/path/to/python` an environment that has the locked packages is used instead."
        "\n3. Imported files are named in `import_these.csv` with their SHA-256; put them into one folder and"
        " run `sh reproduce.sh FOLDER`.",
        "## List of tables and programs",
        _map(connection, study_id, lists),
        "## References",
        _references(connection, study_id),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _count(connection: duckdb.DuckDBPyConnection, study_id: str) -> int:
    found = connection.execute(
        "select count(*) from estimates.regression where study_id = ?", [study_id]
    ).fetchone()
    return int(found[0]) if found else 0


def _commit_line(root: Path, publication: dict[str, Any]) -> str:
    built, held = publication["git_commit"], archived_commit(root, publication["git_commit"])
    dirty = (
        " with uncommitted changes, which the package does not hold" if publication["git_is_dirty"] else ""
    )
    return (
        f"The warehouse was published on {publication['built_at']:%Y-%m-%d %H:%M} UTC (run"
        f" {publication['run_id']}) from commit {built or 'unknown'}{dirty}. The package holds commit"
        f" {held or 'unknown: the project is not a git checkout'}."
    )


def _table(columns: list[str], rows: list[list[Any]]) -> str:
    def cell(value: Any) -> str:
        return "" if value is None else str(value).replace("|", "\\|").replace("\n", " ")

    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    return "\n".join([*lines, *("| " + " | ".join(cell(value) for value in row) + " |" for row in rows)])


# Files and publications behind the estimates of a study, through the relations of the provenance.
_SOURCES = """with recursive chain as (
    select entity_id from marts.provenance_entity where kind = 'estimate' and study_id = ?
    union
    select relation.to_id
    from chain
    inner join marts.provenance_relation as relation
        on chain.entity_id = relation.from_id and relation.relation = 'wasDerivedFrom'
)"""


def _data(connection: duckdb.DuckDBPyConnection, study_id: str, is_demo: bool) -> str:
    sources = records(
        connection,
        f"""{_SOURCES}
        select source.citation, publisher.name_en, source.certainty, source.verified, entity.entity_id
        from chain
        inner join marts.provenance_entity as entity using (entity_id)
        inner join registry.source as source on entity.entity_id = 'source:' || source.source_id
        inner join marts.provenance_agent as publisher
            on publisher.agent_id = 'publisher:' || source.publication_en
        order by source.citation""",
        [study_id],
    )
    files = records(
        connection,
        f"""{_SOURCES}
        select entity.location, entity.kind, entity.n_cells, entity.sha256
        from chain inner join marts.provenance_entity as entity using (entity_id)
        where entity.kind in ('seed_file', 'imported_file') order by entity.kind, entity.location""",
        [study_id],
    )
    rights = (
        "Every figure is simulated and may be used freely; regions and zone dates are real."
        if is_demo
        else "Official figures belong to their publishers, named below and cell by cell in the warehouse; no"
        " licence is stated for them in the registry, so rights to redistribute imported files are not"
        " assumed and the package names them instead of holding them."
    )
    return "\n\n".join(
        [
            "### Statement about Rights",
            rights,
            "### Summary of Availability",
            "Figures that the project ships are in `code/seeds/`. Imported files are not in the package: "
            "`import_these.csv` lists them.",
            "### Details on each Data Source",
            _table(
                ["source", "publisher", "stated or inferred", "confirmed in print"],
                [[row["citation"], row["name_en"], row["certainty"], row["verified"]] for row in sources],
            )
            if sources
            else "No source: the study awaits data.",
            "### Dataset list",
            _table(
                ["file", "kind", "figures", "SHA-256"],
                [[row["location"], row["kind"].replace("_", " "), row["n_cells"], row["sha256"]]
                 for row in files],
            ),
        ]
    )  # fmt: skip


def _requirements(connection: duckdb.DuckDBPyConnection, root: Path, publication: dict[str, Any]) -> str:
    lock = root / "requirements.lock"
    versions = locked_versions(lock) if lock.is_file() else {}
    seeds = records(
        connection,
        """select 'estimates.placebo_summary' as source, scheme as method, n_draws, seed
        from estimates.placebo_summary
        union select 'estimates.inference', method, n_draws, seed from estimates.inference
        where seed is not null
        union select 'estimates.mediation', 'cluster bootstrap', n_boot, seed from estimates.mediation
        order by all""",
    )
    times = records(
        connection,
        "select phase as name, seconds from meta.run_phase join meta.publication using (run_id)",
    )
    slow = records(connection, "select name, seconds from meta.node_time order by seconds desc limit 8")
    named = [[name, versions.get(name) or "not in the lock"] for name in NAMED]
    return "\n\n".join(
        [
            "### Software Requirements",
            f"Python {platform.python_version()} was used for this package;"
            f" cbec-warehouse {importlib.metadata.version('cbec-warehouse')}. All {len(versions)} packages"
            " and their hashes are in `code/requirements.lock`; the main ones:",
            _table(["package", "version"], named),
            "### Controlled Randomness",
            "Every draw has a seed, which stands in the row that rests on it:",
            _table(
                ["table", "method", "draws", "seed"],
                [[row["source"], row["method"], row["n_draws"], row["seed"]] for row in seeds],
            ),
            "### Memory, Runtime, Storage Requirements",
            f"Measured when the warehouse was built, on {platform.machine()}, two queries side by side:"
            f" {sum(row['seconds'] for row in times):.0f} s in all.\n\n"
            + _table(
                ["phase or slowest step", "seconds"],
                [[row["name"], f"{row['seconds']:.1f}"] for row in (*times, *slow)],
            ),
        ]
    )


def _programs(connection: duckdb.DuckDBPyConnection, study_id: str) -> str:
    estimators = records(
        connection,
        "select distinct estimator, engine from estimates.regression where study_id = ? order by all",
        [study_id],
    )
    return "\n\n".join(
        [
            "`code/seeds` holds what was printed and the registry, `code/models` and `code/python_models` the"
            " steps in SQL and their adapters, `code/cbec/estimators` the estimators, `code/cbec/report`"
            " tables and figures. dbt runs the models in the order of their references.",
            _table(["estimator", "engine"], [[row["estimator"], row["engine"]] for row in estimators])
            if estimators
            else "",
            "### License for Code",
            "Apache-2.0, see `code/LICENSE`.",
        ]
    )


def _map(connection: duckdb.DuckDBPyConnection, study_id: str, lists: dict[str, int]) -> str:
    rows = records(
        connection,
        """select specification.table_no, specification.column_no, specification.estimator,
            specification.outcome, specification.treatment, status.status
        from studies.specification as specification
        left join estimates.specification_status as status
            on specification.study_id = status.study_id and specification.table_no = status.table_no
                and specification.column_no = status.column_no and not status.is_observed_only
        where specification.study_id = ? order by all""",
        [study_id],
    )
    columns = _table(
        ["table", "column", "estimator", "outcome", "regressor", "declared in", "program", "status"],
        [
            [
                row["table_no"], row["column_no"], row["estimator"], row["outcome"], row["treatment"],
                "code/seeds/studies/specification.csv",
                "code/python_models/estimates/fit.py", row["status"],
            ]
            for row in rows
        ],
    )  # fmt: skip
    programs = {"figures": "cbec/report/figures.py", "tables": "cbec/report/tables.py"}
    outputs = _table(
        ["file", "artefact", "program"],
        [
            [name, number or "", f"code/{programs.get(name.split('/')[0], 'cbec/referee/items.py')}"]
            for name, number in sorted(lists.items())
        ],
    )
    return f"{columns}\n\n{outputs}"


def _references(connection: duckdb.DuckDBPyConnection, study_id: str) -> str:
    rows = records(
        connection,
        f"""{_SOURCES}
        select distinct source.citation, source.publication_zh
        from chain inner join registry.source as source
            on chain.entity_id = 'source:' || source.source_id
        order by all""",
        [study_id],
    )
    return "\n".join(f"- {row['citation']} ({row['publication_zh']})" for row in rows) or "None."
