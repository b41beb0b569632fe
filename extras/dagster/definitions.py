"""The warehouse in Dagster: every dbt model as an asset, a nightly schedule and a sensor on a folder.

Dagster looks on and decides when; building is left to the one builder, `cbec refresh`, so that what is
published is still all of it or nothing. Environment: CBEC_PROJECT (the project's folder; default: the one
this file lies in), CBEC_COMMAND (default: its .venv/bin/cbec), CBEC_WATCH (folder of yearbooks; default:
none), CBEC_CRON.
"""

import graphlib
import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import duckdb
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtCliResource, dbt_assets

ROOT = Path(os.environ.get("CBEC_PROJECT", Path(__file__).resolve().parents[2]))
COMMAND = os.environ.get("CBEC_COMMAND", str(ROOT / ".venv/bin/cbec"))
DATABASE = Path(os.environ.get("CBEC_WAREHOUSE", ROOT / "warehouse")) / "cbec.duckdb"
WATCH = os.environ.get("CBEC_WATCH", "")
PUBLISHED, NOTHING_NEW, BUSY = 0, 3, 5


def _manifest() -> Path:
    """Let dbt read the project into a folder that nobody else uses."""
    target = Path(tempfile.mkdtemp(prefix="cbec-dagster-"))
    # The dbt of the environment that runs this: a shell need not have it on its path.
    executable = str(Path(sys.executable).with_name("dbt"))
    dbt = DbtCliResource(project_dir=str(ROOT), profiles_dir=str(ROOT), dbt_executable=executable)
    # The scratch file of plain dbt would lie in the working directory.
    os.environ.setdefault("CBEC_BUILD_PATH", str(target / "scratch.duckdb"))
    dbt.cli(["--quiet", "parse", "--no-partial-parse"], target_path=target).wait()
    return target / "manifest.json"


@dbt_assets(
    manifest=_manifest(),
    name="warehouse",
    # The builder runs the data tests; a run that fails one publishes nothing and fails here as well.
    dagster_dbt_translator=DagsterDbtTranslator(
        settings=DagsterDbtTranslatorSettings(enable_asset_checks=False)
    ),
)
def warehouse(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
    """One refresh. A subset of assets is refreshed with all others, because they are published together."""
    arguments = [COMMAND, "refresh", *(["--watch", WATCH] if WATCH else [])]
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=False)
    context.log.info(done.stdout)
    if done.returncode == NOTHING_NEW:
        return
    if done.returncode == BUSY:
        raise dg.RetryRequested(max_retries=3, seconds_to_wait=300)
    if done.returncode != PUBLISHED:
        raise dg.Failure(
            f"exit code {done.returncode}; nothing was published\n{done.stderr}", allow_retries=False
        )
    if done.stderr:
        context.log.warning(done.stderr)
    with duckdb.connect(str(DATABASE), read_only=True) as connection:
        rows = connection.execute("select table_schema, table_name, n_rows from meta.table_size").fetchall()
        (run_id,) = connection.execute("select run_id from meta.publication").fetchone() or ("",)
    by_name = {table: (schema, n) for schema, table, n in rows}
    # Dagster wants what others rest on first.
    order = graphlib.TopologicalSorter(context.assets_def.asset_deps).static_order()
    for key in (key for key in order if key in context.selected_asset_keys):
        schema, n_rows = by_name.get(key.path[-1], ("", None))
        metadata: dict[str, dg.MetadataValue] = {"run_id": dg.MetadataValue.text(run_id)}
        if n_rows is not None:
            metadata["dagster/row_count"] = dg.MetadataValue.int(n_rows)
            metadata["table"] = dg.MetadataValue.text(f"{schema}.{key.path[-1]}")
        yield dg.MaterializeResult(asset_key=key, metadata=metadata)


refresh_job = dg.define_asset_job("refresh", selection=[warehouse])

nightly = dg.ScheduleDefinition(
    name="nightly",
    job=refresh_job,
    cron_schedule=os.environ.get("CBEC_CRON", "30 2 * * *"),
    execution_timezone="Asia/Shanghai",
)


@dg.sensor(name="new_yearbooks", job=refresh_job, minimum_interval_seconds=60)
def new_yearbooks(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Ask for a refresh when the content of the folder is another than at the last tick."""
    if not WATCH or not Path(WATCH).is_dir():
        return dg.SkipReason(f"no folder to watch: CBEC_WATCH is {WATCH!r}")
    state = hashlib.sha256()
    for path in sorted(
        p for p in Path(WATCH).rglob("*") if p.is_file() and not p.name.startswith((".", "~$"))
    ):
        state.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    digest = state.hexdigest()
    if digest == context.cursor:
        return dg.SkipReason("the folder is as it was")
    return dg.SensorResult(run_requests=[dg.RunRequest(run_key=digest)], cursor=digest)


defs = dg.Definitions(assets=[warehouse], jobs=[refresh_job], schedules=[nightly], sensors=[new_yearbooks])
