"""Servers on the demo and the real warehouse, and one browser, for the whole session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dashboard.browser import CHROMIUM, FLAGS, running

playwright_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")


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
def demo_site(demo_warehouse: Path) -> Iterator[tuple[str, int]]:
    """Address and process of a server on the demo warehouse."""
    with running(demo_warehouse, "--demo") as (address, server):
        yield address, server.pid


@pytest.fixture(scope="session")
def real_site(warehouse: Path) -> Iterator[str]:
    with running(warehouse) as (address, _):
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
