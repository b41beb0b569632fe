"""What stands around every page: language, navigation, the banner of simulated data, the newest file."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import streamlit as st

from cbec.common.warehouse import published
from cbec.common.words import LANGS
from cbec.dashboard import queries
from cbec.dashboard.database import Database, Version
from cbec.dashboard.parts import View, choose_language
from cbec.dashboard.views import PAGES, Page
from cbec.dashboard.words import translate
from cbec.project import CbecError, Project

# Seconds between two looks at whether a newer file was published.
LOOK_EVERY = 10.0
# A picture of our own: for a named icon or an emoji the browser would ask a server outside.
ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="3" '
    'fill="#1f5a96"/><path d="M3 12V8h2v4zm4 0V4h2v8zm4 0V6h2v6z" fill="#fff"/></svg>'
)
# Streamlit leaves more white around a page than a phone has.
STYLE = """<style>
[data-testid="stMainBlockContainer"] { padding: 4rem clamp(0.8rem, 2.5vw, 3rem) 3rem; }
[data-testid="stMainBlockContainer"] h1 { font-size: 1.9rem; padding: 0.3rem 0; }
[data-testid="stMainBlockContainer"] h3 { font-size: 1.25rem; }
</style>"""


@cache
def open_database(path: Path) -> Database:
    """The one open file of this process."""
    return Database(path)


def prepare(target: str) -> None:
    """Do ahead what the first view would wait for. Raises CbecError when nothing is published."""
    importlib.import_module(f"cbec.dashboard.views.{PAGES[0].page_id}")
    with open_database(published(Project.here(), target)).view() as snapshot:
        for lang in LANGS:
            queries.labels(snapshot, lang)
            queries.status_names(snapshot, lang)
        for ask in (queries.publication, queries.tests, queries.sizes, queries.status_counts,
                    queries.finding_counts, queries.readiness):  # fmt: skip
            ask(snapshot)
    with contextlib.suppress(ImportError):
        # Streamlit compiles a long pattern when it first meets the label of a button.
        importlib.import_module("streamlit.emojis")


def show(target: str) -> None:
    """One view of one page, all of it from one version of the published file."""
    st.set_page_config(page_title="cbec", page_icon=ICON, layout="wide")
    st.html(STYLE)
    head = st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center")
    lang = choose_language(head)
    try:
        # Looked for each time: the file may be gone or not yet there.
        database = open_database(published(Project.here(), target))
        with database.view() as snapshot:
            _tell_of_newer(snapshot.version, lang)
            view = View(snapshot, lang, queries.labels(snapshot, lang), queries.is_simulated(snapshot))
            offered = [page for page in PAGES if not page.needs or queries.has(snapshot, page.needs)]
            chosen = st.navigation(
                [
                    st.Page(
                        _runner(page, view),
                        title=translate(f"page_{page.page_id}", lang),
                        icon=f":material/{page.icon}:",
                        url_path=page.page_id,
                        default=page is PAGES[0],
                    )
                    for page in offered
                ]
            )
            # Again, because navigation sets the icon of the page that it chose.
            st.set_page_config(page_title=f"{chosen.title} · cbec", page_icon=ICON)
            if view.is_simulated:
                st.error(translate("simulated_banner", lang), icon=":material/science:")
            chosen.run()
        _watch(database, snapshot.version)
    except CbecError as error:
        st.error(translate("nothing_published", lang))
        st.caption(str(error).rsplit("; ", maxsplit=1)[-1])


def _runner(page: Page, view: View) -> Callable[[], None]:
    def run() -> None:
        st.title(translate(f"page_{page.page_id}", view.lang), anchor=False)
        module = importlib.import_module(f"cbec.dashboard.views.{page.page_id}")
        module.show(dataclasses.replace(view, page_id=page.page_id))

    return run


def _tell_of_newer(version: Version, lang: str) -> None:
    seen = st.session_state.get("version")
    st.session_state["version"] = version
    if seen is not None and seen != version:
        st.toast(translate("reopened", lang), icon=":material/update:", duration="long")


@st.fragment(run_every=LOOK_EVERY)
def _watch(database: Database, version: Version) -> None:
    """Run the page again when a newer file was published, also while nobody touches it."""
    try:
        is_newer = database.version() != version
    except CbecError:
        return
    if is_newer:
        st.rerun()
