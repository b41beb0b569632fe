"""Altered tables: what lands is what the altered pages show, everything else is refused with its place.

The expectation comes from the pages (workbooks.shown) and never from the reader.
"""

from __future__ import annotations

import csv
import io
from decimal import Decimal

import pytest

from cbec.ingest.files import File
from cbec.ingest.run import Imported
from tests.printed.mutations import HARMFUL, HARMLESS, Mutant, mutants
from tests.printed.reading import NOWHERE, Key, figures, read, recogniser
from tests.printed.workbooks import Print, drawn, figure_of, make, shown

N_EACH = 10


def faults(before: Print, mutant: Mutant) -> list[str]:
    """What the reader makes of a mutant that its pages do not show, or loses."""
    print_ = mutant.print_
    imported = read(print_)
    found = figures(imported) if imported.status == "recognised" else {}
    reported = [*shown(print_), *mutant.also]
    allowed: dict[Key, set[Decimal]] = {}
    for figure in reported:
        allowed.setdefault(figure.key, set()).add(figure.value)
    for key in mutant.barred:
        allowed.pop(key, None)
    out = []
    year = mutant.year or print_.edition - 1
    years = {c.year for c in imported.cells if imported.status == "recognised"}
    if years - {year}:
        out.append(f"years {years}, not {year}")
    for key, value in found.items():
        values = allowed.get(_fitting(key, allowed), set())
        if len(values) > 1:
            out.append(f"{key} = {value}, though the pages contradict: {values}")
        elif value not in values:
            out.append(f"{key} = {value}, shown {values or 'nowhere'}")
    if mutant.demand == "refused" and found:
        out.append(f"{len(found)} figures of a file that must be refused")
    required: dict[Key, Decimal] = {}
    if mutant.demand in ("all", "rest"):
        unaltered = {(s.key, s.value) for s in shown(before)}
        for key, values in allowed.items():
            if len(values) == 1 and (mutant.demand == "all" or (key, *values) in unaltered):
                required[key] = next(iter(values))
        for s in mutant.also:
            required.pop(s.key, None)
    known = {_fitting(key, allowed) for key in found}
    lost = [key for key in required if key not in known]
    if lost:
        out.append(f"{len(lost)} of {len(required)} figures lost, as {lost[:2]}; {_reported(imported)}")
    out += _unaccounted(print_, imported, found)
    return out


def _fitting(key: Key, allowed: dict[Key, set[Decimal]]) -> Key:
    """The key of a column that the registry has not, whose words may stand behind those of the title."""
    code, meaning, scope = key
    if key in allowed or not meaning.startswith("x:"):
        return key
    return code, f"x:{meaning[2:].partition('/')[2]}", scope


def _reported(imported: Imported) -> str:
    return "; ".join(str(p)[-150:] for p in imported.problems if p.kind != "file")[:300]


def _unaccounted(print_: Print, imported: Imported, found: dict[Key, Decimal]) -> list[str]:
    """No printed figure goes without a word: it lands, is refused with its place, or the file is."""
    errors = [p for p in imported.problems if not p.is_warning]
    if imported.status != "recognised":
        return [] if errors and all(p.message for p in errors) else ["refused without a word"]
    if imported.printed is None:
        return []
    refused = imported.printed.refused
    out = [f"refused without a place: {r}" for r in refused if "!R" not in r.source_locator]
    printed = [
        c for p in print_.pages for r in p.rows if r.is_region for c in r.cells if c.strip() not in ("", "…")
    ]
    repeats = len(shown(print_)) - len({s.key for s in shown(print_)})
    n_known = len(found) + len(refused) + len(imported.printed.totals) + repeats
    missing = sum(c.value is None and c.value_printed not in ("", "…") for c in imported.cells)
    if len(printed) > n_known + missing:
        out.append(f"{len(printed)} figures are printed, {n_known} are landed or refused")
    if any(
        figure_of("".join(c.value_printed.split())) is None for c in imported.cells if c.value is not None
    ):
        out.append("lands a text that is no figure")
    return out


@pytest.mark.parametrize("name", HARMFUL)
def test_an_altered_table_is_read_as_it_shows_or_refused(name: str) -> None:
    drawn = mutants(name, N_EACH)
    assert drawn
    wrong = [f"{label}: {fault}" for label, before, mutant in drawn for fault in faults(before, mutant)]
    assert wrong == []


@pytest.mark.parametrize("name", HARMLESS)
def test_a_harmless_change_loses_nothing(name: str) -> None:
    drawn = mutants(name, N_EACH)
    assert len(drawn) == N_EACH
    wrong = [f"{label}: {fault}" for label, before, mutant in drawn for fault in faults(before, mutant)]
    assert wrong == []


def test_there_are_five_hundred_mutants() -> None:
    assert sum(len(mutants(name, N_EACH)) for name in (*HARMFUL, *HARMLESS)) >= 500


# Files that only use the name -------------------------------------------------------------------------------------

PANEL = "年份,省份,城市,地区生产总值(万元),年末总人口(万人)\n" + "".join(
    f"{year},河北省,{city},{1_000_000 + k},{500 + k}\n"
    for year in (2012, 2013)
    for k, city in enumerate(["石家庄市", "唐山市", "秦皇岛市", "邯郸市", "保定市"])
)


@pytest.mark.parametrize(
    "name",
    [
        "中国城市统计年鉴2014面板（马克数据网）.csv",
        "中国城市统计年鉴2014（excel）/二、地级以上城市统计资料/地级市面板数据.csv",
        "中国城市统计年鉴面板数据2000-2013.csv",
        "中国城市统计年鉴2014（excel）/2-13_地区生产总值.csv",
    ],
)
def test_a_panel_that_uses_the_name_is_not_the_print(name: str) -> None:
    """Its figures are a compiler's, or they are refused; none has the standing of the yearbook's own."""
    imported = recogniser().read(File(name, PANEL.encode(), NOWHERE / name))
    assert imported.printed is None
    assert imported.status == "refused" or (
        imported.publication is not None and imported.publication.publication_id == "undocumented"
    )
    assert all("V" in cell.obs_status_all for cell in imported.cells if cell.value is not None)


def test_a_printed_table_saved_as_text_is_the_print() -> None:
    print_ = make(2014, "gdp")
    grid = next(iter(drawn(print_).values()))[0]
    out = io.StringIO()
    csv.writer(out).writerows([[text.replace("\r\n", " ") for text in row] for row in grid if any(row)])
    name = print_.path.replace(".xlsx", ".csv")
    imported = recogniser().read(File(name, out.getvalue().encode(), NOWHERE / name))
    assert imported.status == "recognised", imported.problems
    assert figures(imported) == {figure.key: figure.value for figure in shown(print_)}


@pytest.mark.parametrize("heading", ["", "2013年地区生产总值", "2013年统计资料(市辖区)"])
@pytest.mark.parametrize("edition", [2010, 2012, 2014, 2018, 2024])
@pytest.mark.parametrize("table", ["gdp", "budget_districts", "county"])
def test_a_table_without_a_number_lands_no_figure_of_the_print(
    edition: int, table: str, heading: str
) -> None:
    """Neither does the reader of other tables take the districts for the whole city."""
    print_ = make(edition, table)
    for page in print_.pages:
        page.heading, page.title_english = heading if page.title else "", ""
    print_.name = "2013年地区生产总值.xlsx"
    imported = read(print_)
    assert imported.status == "refused"
    assert any(not p.is_warning and p.message for p in imported.problems)
