"""Dagster for real, in its own environment: server, schedule, sensor, and a run that publishes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.refresh.conftest import Small

BIN = ROOT / ".venv-dagster/bin"
DEFINITIONS = ROOT / "extras/dagster/definitions.py"

pytestmark = pytest.mark.skipif(
    not (BIN / "dagster").exists(), reason=".venv-dagster is not installed; see extras/dagster/README.md"
)

# What the daemon does at a tick, and then the run itself, with a real instance on disk.
SCRIPT = """
import json, sys
import dagster as dg
sys.path.insert(0, sys.argv[1])
from definitions import defs
found = {}
with dg.DagsterInstance.get() as instance:
    graph = defs.get_repository_def()
    found["assets"] = sorted(key.path[-1] for key in graph.asset_graph.get_all_asset_keys())
    with dg.build_schedule_context(instance) as context:
        tick = defs.resolve_schedule_def("nightly").evaluate_tick(context)
    found["schedule"] = len(tick.run_requests)
    sensor, cursor, ticks = defs.resolve_sensor_def("new_yearbooks"), None, []
    for _ in range(2):
        with dg.build_sensor_context(instance, cursor=cursor, definitions=defs) as context:
            tick = sensor.evaluate_tick(context)
        cursor = tick.cursor or cursor
        ticks.append([len(tick.run_requests or []), tick.skip_message])
    found["sensor"] = ticks
    def run():
        done = defs.resolve_job_def("refresh").execute_in_process(instance=instance, raise_on_error=False)
        rows = {
            e.asset_key.path[-1]: getattr(e.materialization.metadata.get("dagster/row_count"), "value", None)
            for e in done.get_asset_materialization_events()
        }
        failure = [e.event_specific_data.error.message + str(e.event_specific_data.user_failure_data) for e in done.all_events if e.is_step_failure]
        return [done.success, rows, failure]
    found["runs"] = [run(), run()]
    open("seeds/refresh/stamp.csv", "w").write("stamp\\n-1\\n")
    found["runs"].append(run())
print("FOUND " + json.dumps(found))
"""


@pytest.fixture
def environment(small: Small, tmp_path: Path) -> dict[str, str]:
    home = tmp_path / "dagster"
    home.mkdir()
    command = tmp_path / "cbec"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m cbec.cli "$@"\n')
    command.chmod(0o755)
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    # A shell that knows of no environment.
    return {
        "HOME": str(tmp_path), "PATH": os.defpath,
        "DAGSTER_HOME": str(home),
        "CBEC_PROJECT": str(small.root),
        "CBEC_COMMAND": str(command),
        "CBEC_WAREHOUSE": str(small.warehouse),
        "CBEC_LANDING": str(small.warehouse / "landing"),
        "CBEC_WATCH": str(small.watched),
    }  # fmt: skip


def test_schedule_sensor_and_runs(small: Small, environment: dict[str, str]) -> None:
    small.stamp(77)
    (small.watched / "good.csv").write_text("城市,年份,GDP(亿元)\n保定市,2014,2800.5\n", encoding="utf-8")
    done = subprocess.run(
        [str(BIN / "python"), "-c", SCRIPT, str(DEFINITIONS.parent)], cwd=small.root, env=environment,
        capture_output=True, text=True, check=False, timeout=1800,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.split("FOUND ")[1])
    assert found["assets"] == ["first", "second", "stamp", "stg_landing__observation", "stg_landing__total"]
    assert found["schedule"] == 1
    assert found["sensor"] == [[1, None], [0, "the folder is as it was"]]
    published, nothing_new, failed = found["runs"]
    rows = {
        "first": 20000,
        "second": 20000,
        "stamp": 1,
        "stg_landing__observation": 1,
        "stg_landing__total": 0,
    }
    assert published == [True, rows, []]
    assert nothing_new == [True, {}, []]
    assert failed[0] is False
    assert "assert_stamps_are_not_negative" in failed[2][0]
    assert "exit code 4" in failed[2][0]
    assert small.version()[1] == 77


def test_the_server_starts_headless(small: Small, environment: dict[str, str]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [str(BIN / "dagster"), "dev", "-f", str(DEFINITIONS), "-h", "127.0.0.1", "-p", str(port)],
        cwd=small.root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip
    question = {
        "query": "{repositoriesOrError {... on RepositoryConnection {nodes {schedules {name} sensors {name}"
        " assetNodes {assetKey {path}}}}}}"
    }
    try:
        deadline = time.monotonic() + 300
        while True:
            request = urllib.request.Request(
                f"http://127.0.0.1:{port}/graphql", json.dumps(question).encode(),
                {"Content-Type": "application/json"},
            )  # fmt: skip
            try:
                with urllib.request.urlopen(request, timeout=60) as answer:
                    (repository,) = json.load(answer)["data"]["repositoriesOrError"]["nodes"]
                break
            except OSError:
                assert server.poll() is None, server.stdout.read() if server.stdout else ""
                assert time.monotonic() < deadline, "the server does not answer"
                time.sleep(0.5)
    finally:
        # The server and the process that holds its definitions.
        os.killpg(server.pid, signal.SIGKILL)
        server.communicate()
    assert [s["name"] for s in repository["schedules"]] == ["nightly"]
    assert [s["name"] for s in repository["sensors"]] == ["new_yearbooks"]
    assert len(repository["assetNodes"]) == 5
