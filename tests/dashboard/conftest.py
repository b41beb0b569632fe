"""Servers on the demo and the real warehouse, and one browser, for the whole session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dashboard.browser import CHROMIUM, FLAGS, ROOT, running

playwright_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")


def published_folder(request: pytest.FixtureRequest, name: str, fixture: str) -> Path:
    """The warehouse that was built here, else the one that the session builds."""
    here = ROOT / "warehouse"
    return here if (here / name).is_file() else Path(request.getfixturevalue(fixture))


@pytest.fixture(scope="session")
def demo_folder(request: pytest.FixtureRequest) -> Path:
    return published_folder(request, "demo.duckdb", "demo_warehouse")


@pytest.fixture(scope="session")
def real_folder(request: pytest.FixtureRequest) -> Path:
    return published_folder(request, "cbec.duckdb", "warehouse")


@pytest.fixture(scope="session")
def browser() -> Iterator[playwright_api.Browser]:
    if not CHROMIUM.is_file():
        pytest.skip(f"{CHROMIUM} is not there")
    with playwright_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        playwright_api.expect.set_options(timeout=30_000)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def demo_site(demo_folder: Path) -> Iterator[tuple[str, int]]:
    """Address and process of a server on the demo warehouse."""
    with running(demo_folder, "--demo") as (address, server):
        yield address, server.pid


@pytest.fixture(scope="session")
def real_site(real_folder: Path) -> Iterator[str]:
    with running(real_folder) as (address, _):
        yield address


@pytest.fixture
def page(browser: playwright_api.Browser) -> Iterator[playwright_api.Page]:
    """A page of its own; it fails the test when it asks anything of another machine."""
    context = browser.new_context(viewport={"width": 1000, "height": 1400}, locale="en-US")
    opened = context.new_page()
    opened.set_default_timeout(30_000)
    outside: list[str] = []
    opened.on(
        "request",
        lambda request: (
            None
            if request.url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:"))
            else outside.append(request.url)
        ),
    )
    yield opened
    context.close()
    assert outside == []
