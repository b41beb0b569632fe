"""The Superset bundle: real PostgreSQL, real Superset, every chart answers and the dashboard is drawn."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from tests.conftest import ROOT, run_cbec
from tests.postgres.server import PASSWORD, Server

ENVIRONMENT = Path(os.environ.get("CBEC_SUPERSET", ROOT / ".venv-superset"))
ASSETS = ROOT / "extras/superset/assets"
CHARTS = {
    path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in (ASSETS / "charts").glob("*.yaml")
}
ADMIN = "admin-of-the-test"


class Browser:
    """What a logged-in person's browser sends."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._open = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar())).open
        body = {"username": "admin", "password": ADMIN, "provider": "db", "refresh": False}
        self._token = None
        self._token = self.ask("/api/v1/security/login", body)["access_token"]

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        request = urllib.request.Request(self.address + path)
        if body:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        if self._token:
            request.add_header("Authorization", f"Bearer {self._token}")
        with self._open(request, timeout=120) as answer:
            return json.load(answer)


@pytest.fixture(scope="module")
def superset(warehouse: Path, module_folder: Callable[[str], Path]) -> Iterator[str]:
    """Address of a Superset that was set up by extras/superset/run on a published database."""
    if not (ENVIRONMENT / "bin/superset").is_file():
        pytest.skip(f"{ENVIRONMENT}: Superset's own environment is not installed; see extras/superset/run")
    server = Server()
    home = module_folder("superset")
    try:
        done = run_cbec("publish", "--to", server.url("postgres"), warehouse=warehouse)
        assert done.returncode == 0, done.stderr
        with server.connect() as connection:
            connection.execute(f"alter role cbec_reader password {psycopg.sql.quote(PASSWORD)}")
        port = free_port()
        env = os.environ | {
            "CBEC_POSTGRES_URI": f"postgresql://cbec_reader@127.0.0.1:{server.port}/postgres",
            "PGPASSWORD": PASSWORD, "CBEC_SUPERSET_PASSWORD": ADMIN, "CBEC_SUPERSET_HOME": str(home),
            "CBEC_SUPERSET": str(ENVIRONMENT),
        }  # fmt: skip
        with open(home / "log", "w") as log:
            running = subprocess.Popen(
                [ROOT / "extras/superset/run", str(port)],
                env=env,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            try:
                wait_for(f"http://127.0.0.1:{port}/health", running, home / "log")
                yield f"http://127.0.0.1:{port}"
            finally:
                os.killpg(running.pid, signal.SIGTERM)
                running.wait(timeout=60)
    finally:
        server.remove()


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(address: str, running: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 600
    while True:
        assert running.poll() is None, log.read_text()[-3000:]
        assert time.monotonic() < deadline, log.read_text()[-3000:]
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.5)


def test_the_bundle_names_what_is_published_only(db) -> None:
    for path in (ASSETS / "datasets").rglob("*.yaml"):
        dataset = yaml.safe_load(path.read_text(encoding="utf-8"))
        names = db.execute(
            "select column_name from duckdb_columns() where schema_name = ? and table_name = ?",
            [dataset["schema"], dataset["table_name"]],
        ).fetchall()
        assert {column["column_name"] for column in dataset["columns"]} == {name for (name,) in names}, (
            path.name
        )
    database = (ASSETS / "databases/cbec.yaml").read_text(encoding="utf-8")
    assert "${CBEC_POSTGRES_URI}" in database and "password" not in database


def test_every_chart_answers(superset: str) -> None:
    browser = Browser(superset)
    listed = browser.ask("/api/v1/chart/?q=(page_size:100)")["result"]
    assert {chart["slice_name"] for chart in listed} == {chart["slice_name"] for chart in CHARTS.values()}
    for chart in listed:
        (answer,) = browser.ask(f"/api/v1/chart/{chart['id']}/data/")["result"]
        assert answer["error"] is None and answer["rowcount"] > 0, chart["slice_name"]
        assert any(value is not None for value in answer["data"][0].values()), chart["slice_name"]
    zones = next(
        chart["id"] for chart in listed if chart["slice_name"] == CHARTS["zones_by_year"]["slice_name"]
    )
    counts = {
        r["year"]: r["zone_count"] for r in browser.ask(f"/api/v1/chart/{zones}/data/")["result"][0]["data"]
    }
    # 13 zones of two batches by 2016, as approved by the State Council.
    assert counts[2016] == 13 and counts[2009] == 0


def test_the_dashboard_is_drawn(superset: str, tmp_path: Path, browser: Any) -> None:
    picture = Path(os.environ.get("CBEC_SCREENSHOTS", tmp_path)) / "superset.png"
    page = browser.new_page(viewport={"width": 1400, "height": 1700})
    page.goto(f"{superset}/login/")
    page.locator("#username").fill("admin")
    page.locator("#password").fill(ADMIN)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/login" not in url, timeout=120_000)
    page.goto(f"{superset}/superset/dashboard/cbec/?standalone=1")
    for chart in CHARTS.values():
        page.get_by_text(chart["slice_name"]).first.wait_for(timeout=120_000)
    # Four charts are drawn on canvases; the page's policy forbids waiting by a script.
    page.locator("canvas").nth(3).wait_for(timeout=120_000)
    page.locator('[data-test="loading-indicator"]').first.wait_for(state="detached", timeout=120_000)
    page.wait_for_timeout(2000)
    text = page.inner_text("body")
    page.screenshot(path=str(picture))
    page.close()
    assert "callaway_santanna" in text
    for word in ("Unexpected error", "No results", "Data error"):
        assert word not in text
