"""The pages about imported files stand alone, and nothing that a file holds runs in them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lxml import html

from cbec.ingest.command import Options, import_paths
from cbec.project import Project
from tests.conftest import ROOT

NAMES = (
    "<img src=x onerror=document.title='PWNED'>.csv",
    "<script>document.title='PWNED'<|script>.csv",
    "\"><svg onload=document.title='PWNED'>.csv",
    "'-document.title='PWNED'-'.csv",
    "平常的文件.csv",
)
TABLE = "城市,年份,GDP(亿元)\n保定市,2014,2{}00\n唐山市,2014,6000\n"


@pytest.fixture(scope="module")
def docs(module_folder: Callable[[str], Path]) -> Path:
    folder = module_folder("docs")
    (folder / "files").mkdir()
    for number, name in enumerate(NAMES):
        (folder / "files" / name).write_text(TABLE.format(number), encoding="utf-8")
    run = import_paths(Project(ROOT, folder / "w", folder / "landing"), [folder / "files"], Options())
    assert [outcome.action for outcome in run.outcomes] == ["landed"] * len(NAMES)
    assert run.docs is not None
    return run.docs


def test_no_page_asks_anybody_or_holds_a_script(docs: Path) -> None:
    pages = sorted(docs.parent.rglob("*.html"))
    assert len(pages) > len(NAMES)
    for path in pages:
        text = path.read_text(encoding="utf-8")
        page = html.fromstring(text)
        assert "Content-Security-Policy" in text
        for element in page.iter():
            if not isinstance(element.tag, str):
                continue
            assert element.tag not in ("script", "iframe", "link", "object", "embed", "form", "base")
            for name, value in element.attrib.items():
                assert not name.startswith("on")
                if name in ("href", "src"):
                    assert not re.match(r"\s*(?:[a-z]+:|//)", value, re.IGNORECASE), value


def test_the_index_lists_every_file_and_leads_to_it(docs: Path) -> None:
    page = html.fromstring(docs.read_text(encoding="utf-8"))
    links = page.xpath("//table//a")
    assert len(links) == len(NAMES)
    for name in NAMES:
        assert any(name in (link.text or "") for link in links), name
    from urllib.parse import unquote

    for link in links:
        own = docs.parent / unquote(link.get("href"))
        assert own.is_file()
        assert "expectation" in own.read_text(encoding="utf-8").lower()


def test_nothing_runs_in_a_browser(docs: Path, browser: Any) -> None:
    asked: list[str] = []
    page = browser.new_page()
    page.on("request", lambda request: asked.append(request.url))
    for path in sorted(docs.parent.rglob("*.html")):
        page.goto(path.as_uri())
        assert page.title() != "PWNED"
        assert len(page.inner_text("body").strip()) > 40
    assert [url for url in asked if not url.startswith("file:")] == []
    page.close()
