"""Servers on the demo and the real warehouse for the whole session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.dashboard.browser import running


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
def page(browser: Any) -> Iterator[Any]:
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
