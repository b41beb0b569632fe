"""The pages. To add one: a module here with `show(view)`, and its line in PAGES."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Page:
    """A page of the dashboard. page_id: its path in the address, its module here and the key of its title
    (`page_<id>` in words.py); icon: a name of Material Symbols; needs: `schema.table` without which the page
    is not offered, such as the provenance tables of a page that explains a number."""

    page_id: str
    icon: str
    needs: str = ""


PAGES = (
    Page("overview", "dashboard"),
    Page("zones", "map"),
    Page("panel", "monitoring"),
    Page("index", "leaderboard"),
    Page("productivity", "eco"),
    Page("estimates", "ssid_chart"),
    Page("quality", "fact_check"),
    Page("city", "location_city"),
    Page("why", "account_tree", needs="marts.provenance_relation"),
    Page("papers", "menu_book", needs="estimates.publication_audit"),
)
