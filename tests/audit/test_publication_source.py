"""The rule that a source can contain what a paper says it took from there: declared words against the editions."""

from __future__ import annotations

import csv
import random
import re

import duckdb
import pytest

from cbec.studies.printed_statements import evaluate
from tests.conftest import ROOT, SHARED

SEED = ROOT / "seeds/studies/published_source.csv"
YEARBOOK = "china_city_statistical_yearbook"
PAPERS = {
    "yrd_malmquist": "000", "suqian_benchmark": "001", "manufacturing_exports": "002", "green_tfp": "003",
    "new_quality_productivity": "004",
}  # fmt: skip
Coverage = dict[tuple[str, int], int]
Finding = dict[str, str | None]


def declared() -> list[dict[str, str]]:
    with SEED.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def row(
    indicators: str, *, label: str = "x", first: int = 2015, last: int = 2019, **more: str
) -> dict[str, object]:
    usual = {
        "study_id": "s", "table_no": "T1", "row_label": label, "indicator_list": indicators,
        "publication_id": YEARBOOK, "first_year": first, "last_year": last, "source_line": 1,
        "quote": "from the yearbook", "definition": "the variable", "fill_quote": "",
    }  # fmt: skip
    return usual | more


def audited(
    rows: list[dict[str, object]], coverage: Coverage, scope: str = "whole_prefecture"
) -> dict[str, Finding]:
    """By variable what the SQL of publication_source makes of declared rows and of what editions print."""
    con = duckdb.connect()
    con.execute(
        "create table published_source (source_no int, study_id varchar, table_no varchar, row_label varchar,"
        " indicator_list varchar, publication_id varchar, first_year int, last_year int, source_line int,"
        " quote varchar, definition varchar, fill_quote varchar)"
    )
    con.execute(
        "create table publication_coverage (publication_id varchar, edition int, year int, indicator_id varchar,"
        " scope varchar, n_regions bigint, n_blank bigint, is_published boolean)"
    )
    names = list(row(""))
    for number, entry in enumerate(rows, 1):
        values = [None if entry[name] == "" else entry[name] for name in names]
        con.execute(f"insert into published_source values ({', '.join('?' * 12)})", [number, *values])
    for (indicator, year), n in coverage.items():
        con.execute(
            "insert into publication_coverage values (?, ?, ?, ?, ?, ?, 0, ?)",
            [YEARBOOK, year + 1, year, indicator, scope, n, n > 0],
        )
    sql = (ROOT / "models/estimates/publication_source.sql").read_text(encoding="utf-8")
    sql = sql.replace("{{ words('indicator_list') }}", "unnest(string_split(indicator_list, ' '))")
    found = evaluate(con.execute(re.sub(r"\{\{ ref\('(\w+)'\) \}\}", r"\1", sql)).df()).to_pylist()
    con.close()
    assert len({entry["row_label"] for entry in found}) == len(found)
    return {entry["row_label"]: entry for entry in found}


FULL: Coverage = {
    (name, year): 290 for name in ("gdp", "exports", "exports_usd") for year in range(2010, 2023)
}


def test_a_year_that_no_edition_prints_is_found_and_named() -> None:
    assert audited([row("gdp")], FULL)["x"]["outcome"] == "passed"
    found = audited([row("gdp")], FULL | {("gdp", 2017): 0})["x"]
    assert found["outcome"] == "flagged"
    assert found["reading"] is not None and found["reading"].endswith("prints for no whole city gdp of 2017")
    assert found["quote"] == "the variable; from the yearbook"
    assert duckdb.sql(f"select {found['evidence']}").fetchone() == (True,)
    several = audited([row("gdp")], FULL | {("gdp", year): 0 for year in (2015, 2016, 2019)})["x"]
    assert str(several["reading"]).endswith("gdp of 2015 to 2016, 2019")


@pytest.mark.parametrize("year", [2014, 2020, 2025])
def test_years_outside_the_sample_say_nothing(year: int) -> None:
    assert audited([row("gdp")], FULL | {("gdp", year): 0})["x"]["outcome"] == "passed"


def test_a_figure_may_stand_under_another_name() -> None:
    """Exports in dollars to 2017, in yuan after: together every year, alone neither."""
    halves = {("exports_usd", y): 290 * (y <= 2017) for y in range(2010, 2023)} | {
        ("exports", y): 290 * (y > 2017) for y in range(2010, 2023)
    }
    rows = [
        row("exports exports_usd", label="both"),
        row("exports", label="yuan"),
        row("exports_usd", label="usd"),
    ]
    found = audited(rows, halves)
    assert {label: entry["outcome"] for label, entry in found.items()} == {
        "both": "passed", "yuan": "flagged", "usd": "flagged",
    }  # fmt: skip
    assert str(found["yuan"]["reading"]).endswith("exports of 2015 to 2017")


def test_a_ratio_needs_both_of_its_figures() -> None:
    rows = [row("exports"), row("gdp")]
    assert audited(rows, FULL)["x"]["outcome"] == "passed"
    found = audited(rows, FULL | {("gdp", 2017): 0, ("exports", 2018): 0})["x"]
    assert found["outcome"] == "flagged"
    assert str(found["reading"]).endswith("exports of 2018; gdp of 2017")


def test_who_says_how_gaps_were_filled_is_believed() -> None:
    gap = FULL | {("gdp", 2017): 0}
    assert audited([row("gdp", fill_quote="linear, 'as usual'")], gap)["x"]["outcome"] == "passed"
    assert audited([row("gdp")], gap)["x"]["outcome"] == "flagged"


def test_what_the_coverage_does_not_know_is_not_judged() -> None:
    gap = FULL | {("gdp", 2017): 0}
    for entry in (
        row("gdp", publication_id=""),
        row("gdp", publication_id="china_statistical_yearbook"),
        row("emission_trading_volume"),
        row("gdp", first=1990, last=1999),
    ):
        assert audited([entry], gap)["x"]["outcome"] == "not applicable", entry
    # Districts are no whole cities, of which nothing is known then.
    assert audited([row("gdp")], gap, scope="districts")["x"]["outcome"] == "not applicable"


def test_generated_samples() -> None:
    """Recall and false alarms of 600 variables with and without a year that is not printed."""
    draw = random.Random(20260414)
    coverage: Coverage = {}
    rows, planted = [], {}
    for number in range(600):
        names = [f"v{number}_{k}" for k in range(draw.randint(1, 3))]
        first = draw.randint(2009, 2015)
        last = draw.randint(first + 2, 2023)
        for name in names:
            coverage |= {(name, year): draw.randint(200, 297) for year in range(2009, 2024)}
        hole = draw.choice(("", "inside", "outside"))
        if hole:
            inside = range(first, last + 1)
            years = [y for y in range(2009, 2024) if (y in inside) == (hole == "inside")]
            if not years:
                hole = ""
            else:
                coverage[draw.choice(names), draw.choice(years)] = 0
        planted[f"x{number}"] = hole == "inside"
        rows += [row(name, label=f"x{number}", first=first, last=last) for name in names]
    found = {label: entry["outcome"] == "flagged" for label, entry in audited(rows, coverage).items()}
    recall = sum(found[label] for label, is_planted in planted.items() if is_planted) / sum(planted.values())
    alarms = sum(found[label] for label, is_planted in planted.items() if not is_planted)
    print(
        f"\nsource_contains: recall {recall:.3f} of {sum(planted.values())}, {alarms} false alarms of {len(planted)}"
    )
    assert found == planted


def test_every_paper_is_declared_with_known_indicators() -> None:
    with (ROOT / "seeds/registry/indicator.csv").open(encoding="utf-8", newline="") as file:
        known = {entry["indicator_id"] for entry in csv.DictReader(file)}
    rows = declared()
    assert {entry["study_id"] for entry in rows} == set(PAPERS)
    assert {name for entry in rows for name in entry["indicator_list"].split(" ")} <= known
    for key in ("publication_id", "first_year", "last_year", "fill_quote", "definition", "quote"):
        reported: dict[tuple[str, str, str], set[str]] = {}
        for entry in rows:
            reported.setdefault((entry["study_id"], entry["table_no"], entry["row_label"]), set()).add(
                entry[key]
            )
        assert all(len(values) == 1 for values in reported.values()), key


@pytest.mark.skipif(not (SHARED / "papers").is_dir(), reason="../shared/papers is not here")
def test_quotations_stand_in_the_papers_word_for_word() -> None:
    texts = {}
    for study, number in PAPERS.items():
        (path,) = (SHARED / "papers").glob(f"{number}_*.txt")
        texts[study] = path.read_text(encoding="utf-8")
    for entry in declared():
        text = "".join(texts[entry["study_id"]].split())
        for name in ("quote", "definition", "fill_quote"):
            assert "".join(entry[name].split()) in text, (entry["source_no"], name)
        # The source is named about where the row says.
        lines = texts[entry["study_id"]].splitlines()
        near = "".join("".join(lines[max(0, int(entry["source_line"]) - 3) :][:8]).split())
        assert "".join(entry["quote"].split()) in near, entry["source_no"]
        # A publication is declared where the words name it, and nowhere else.
        assert ("《中国城市统计年鉴》" in entry["quote"]) == (entry["publication_id"] == YEARBOOK)
