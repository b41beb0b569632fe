"""How long a person waits for the dashboard: from the command to the first view, and for each change of a
filter, in a real browser on the demo warehouse.

python -m bench.dashboard
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright
from rich.console import Console
from rich.table import Table

from tests.dashboard.browser import CHROMIUM, DRAWN, FLAGS, running

ROOT = Path(__file__).resolve().parents[1]
WAREHOUSE = Path(os.environ.get("CBEC_WAREHOUSE", ROOT / "warehouse"))
RESULTS = ROOT / "bench/dashboard.json"
STARTS, CHANGES = 5, 8
FIRST_VIEW_LIMIT, CHANGE_LIMIT = 2.0, 0.3
# The clock starts at what the person does and stops in the frame in which the chart says so.
CLOCK = """
for (const kind of ['pointerup', 'keydown'])
    document.addEventListener(kind, () => { window.since = performance.now(); }, true);
"""
SHOWN = f"""
text => [...document.querySelectorAll('{DRAWN} text')].some(node => node.textContent.includes(text))
    && performance.now() - window.since
"""

Action = Callable[[Page], None]
# Page, what is changed, and changes that take turns, each with words that its chart then shows.
Change = tuple[str, str, list[tuple[Action, str]]]


def select(label: str, option: str) -> Action:
    def act(page: Page) -> None:
        # A long list shows only a part of its options until something is typed.
        page.get_by_role("combobox", name=label).fill(option)
        page.get_by_role("option", name=option).first.click()

    return act


def segment(option: str) -> Action:
    return lambda page: page.get_by_role("radio", name=option).click()


def slide(key: str) -> Action:
    def act(page: Page) -> None:
        page.get_by_role("slider").first.focus()
        page.keyboard.press(key)

    return act


def toggle(page: Page) -> None:
    page.locator('[data-testid="stCheckbox"] label').first.click()


CASES: list[Change] = [
    ("zones", "year", [(slide("ArrowLeft"), "end of 2024"), (slide("ArrowRight"), "end of 2025")]),
    (
        "panel",
        "indicator",
        [
            (select("Indicator", "Average wage"), "Average wage"),
            (select("Indicator", "Log of GDP at"), "Log of GDP at"),
        ],
    ),
    ("panel", "shown as", [(segment("One year"), ", 2023"), (segment("Over years"), "Guangzhou")]),
    ("panel?mode=year", "year", [(slide("ArrowLeft"), ", 2022"), (slide("ArrowRight"), ", 2023")]),
    ("index", "year", [(slide("ArrowLeft"), ", 2021"), (slide("ArrowRight"), ", 2022")]),
    (
        "productivity",
        "measure",
        [
            (select("Measure", "Cumulative index"), "Cumulative index"),
            (select("Measure", "Yearly index"), "Yearly index"),
        ],
    ),
    (
        "estimates",
        "outcome",
        [
            (select("Outcome", "Log of household"), "Log of household"),
            (select("Outcome", "Log of GDP at"), "Log of GDP at"),
        ],
    ),
    (
        "quality",
        "shade",
        [(select("Shade by", "Suspect"), "Suspect"), (select("Shade by", "Missing"), "Missing")],
    ),
    ("city", "city", [(select("City", "Ningbo"), "Ningbo"), (select("City", "Wenzhou"), "Wenzhou")]),
]  # fmt: skip


def first_views(browser: Browser) -> dict[str, list[float]]:
    """Seconds from the command to an open port, to the whole first page, and between the two."""
    answers, views, loads = [], [], []
    for _ in range(STARTS):
        began = time.perf_counter()
        with running(WAREHOUSE, "--demo") as (address, _server):
            answered = time.perf_counter()
            # A new context has an empty cache: it loads every script of the page.
            context = browser.new_context(locale="en-US")
            page = context.new_page()
            page.goto(address, wait_until="commit")
            page.get_by_text("Awaiting data (").wait_for()
            shown = time.perf_counter()
            context.close()
        answers.append(answered - began)
        views.append(shown - began)
        loads.append(shown - answered)
    return {
        "command to open port": answers,
        "open port to first view": loads,
        "command to first view": views,
    }


def filter_changes(browser: Browser, address: str) -> dict[str, list[float]]:
    """Seconds from what a person does to the chart that shows it, by page and filter."""
    seconds: dict[str, list[float]] = {}
    for place, what, turns in CASES:
        page = browser.new_page(viewport={"width": 1280, "height": 1600}, locale="en-US")
        page.goto(f"{address}/{place}")
        page.locator(DRAWN).first.wait_for()
        page.wait_for_timeout(1500)
        page.evaluate(CLOCK)
        taken = []
        for number in range(CHANGES):
            act, words = turns[number % len(turns)]
            act(page)
            shown = page.wait_for_function(SHOWN, arg=words, polling="raf", timeout=15_000)
            taken.append(shown.json_value() / 1000)
            # The rest of the page settles before the next change.
            page.wait_for_timeout(500)
        page.close()
        # In the first round the file's answers are not in memory yet; it is measured as well.
        seconds[f"{place.split('?')[0]}: {what}"] = taken
    return seconds


def main() -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        starts = first_views(browser)
        with running(WAREHOUSE, "--demo") as (address, _server):
            changes = filter_changes(browser, address)
        browser.close()
    results = {
        "machine": {
            "cores": os.cpu_count(), "python": platform.python_version(), "load": os.getloadavg()[0],
        },
        "starts": starts,
        "changes": changes,
    }  # fmt: skip
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    table = Table("what", "median", "slowest", "limit", box=None)
    for name, values in starts.items():
        limit = f"{FIRST_VIEW_LIMIT:.1f}" if name == "command to first view" else ""
        table.add_row(name, f"{statistics.median(values):.2f} s", f"{max(values):.2f} s", limit)
    for name, values in changes.items():
        table.add_row(
            name, f"{1000 * statistics.median(values):.0f} ms", f"{1000 * max(values):.0f} ms",
            f"{1000 * CHANGE_LIMIT:.0f}",
        )  # fmt: skip
    Console(width=100).print(table)
    print(f"load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; written to {RESULTS}")


if __name__ == "__main__":
    main()
