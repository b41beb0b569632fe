"""Texts of a user's file on every page of the dashboard: shown, never run, and nothing is fetched for them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import duckdb
import pytest

from cbec.dashboard.views import PAGES
from tests.dashboard.browser import DRAWN, running
from tests.export.payloads import MARKED, poison

CHOICES = {
    "panel": {"indicator": "gdp_100m_yuan", "regions": "330100,110000"},
    "city": {"city": "330100"},
    "quality": {},
}  # fmt: skip


ONE_CITY = {"indicator": "gdp_100m_yuan", "regions": "330100"}


@pytest.fixture(scope="module")
def site(warehouse: Path, module_folder: Callable[[str], Path]) -> Iterator[str]:
    folder = module_folder("marked")
    shutil.copy(warehouse / "cbec.duckdb", folder / "cbec.duckdb")
    assert poison(folder / "cbec.duckdb", MARKED) >= 10
    with duckdb.connect(str(folder / "cbec.duckdb")) as connection:
        # The city whose source is looked at.
        connection.execute(
            "update marts.observation set source_locator = $texts[1 + rowid % len($texts)],"
            " value_printed = $texts[1 + (rowid + 7) % len($texts)] where region_code = '330100'",
            {"texts": list(MARKED)},
        )
    with running(folder) as (address, _):
        yield address


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("page_id", [page.page_id for page in PAGES])
def test_no_page_runs_or_fetches_a_text(page: Any, site: str, page_id: str, lang: str) -> None:
    """The fixture `page` fails when anything but the server is asked."""
    seen: list[str] = []
    page.on("dialog", lambda dialog: (seen.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: seen.append(request.url) if ":9/" in request.url else None)
    path = "" if page_id == PAGES[0].page_id else page_id
    page.goto(f"{site}/{path}?{urlencode({'lang': lang} | CHOICES.get(page_id, {}))}")
    page.locator("h1").wait_for()
    page.locator('[data-testid="stApp"][data-test-script-state="running"]').wait_for(state="detached")
    page.wait_for_timeout(300)
    assert page.evaluate("window.__hit") is None
    made = page.evaluate(
        "() => [...document.querySelectorAll('#root [onerror], #root [onload], #root [ontoggle], #root iframe,"
        ' #root script, #root a[href^=javascript], #root img[src*=":9/"]\')].map(node => node.outerHTML.slice(0, 80))'
    )
    assert (seen, made) == ([], [])
    assert page.get_by_test_id("stException").count() == 0


def test_the_source_of_a_figure_shows_texts_as_they_are(page: Any, site: str) -> None:
    """The one place that shows them outside a table that is drawn."""
    page.goto(f"{site}/panel?{urlencode({'lang': 'en', 'level': 'prefecture'} | ONE_CITY)}")
    dots = page.locator(f"{DRAWN} g.mark-symbol.layer_1_marks path")
    dots.first.wait_for()
    page.wait_for_timeout(1000)
    seen = set()
    for number in (3, 5, 8):
        dots.nth(number).click(force=True)
        page.get_by_test_id("stHtml").first.wait_for()
        page.wait_for_timeout(700)
        shown = page.get_by_test_id("stHtml").all_inner_texts()
        seen |= {text for text in MARKED if any(text in part for part in shown)}
        made = page.get_by_test_id("stHtml").locator("script, img, a, iframe, svg, meta, details")
        assert [node.evaluate("node => node.outerHTML") for node in made.all()] == []
    assert len(seen) >= 2
    assert page.evaluate("window.__hit") is None
