"""Each reusable data check fires on a bad table and is silent on a good one."""

from __future__ import annotations

import re

import duckdb
import jinja2
import pytest

from tests.conftest import ROOT

FOLDER = ROOT / "tests/generic"
PARENTS = """
create table region as select * from (values
    ('110000', 'province', null, null), ('371200', 'prefecture', null, 2017), ('460400', 'prefecture', 2015, null)
) as t (region_code, region_level, valid_from_year, valid_to_year);
create table obs_status as select * from (values ('B', 1), ('I', 12), ('A', 20)) as t (obs_status, precedence);
create table batch as select * from (values (1, date '2015-03-07')) as t (batch, approved_on);
create table pair as select * from (values ('gdp', 'first'), ('gdp', 'last')) as t (a, b);
"""

# name, arguments, good rows, bad rows (each alone must fire)
CASES = [
    (
        "unique_combination",
        {"columns": ["a", "b"]},
        ["(1, 1), (1, 2)"],
        ["(1, 1), (1, 1)", "(1, null), (1, null)"],
    ),
    (
        "relationship_on",
        {"columns": ["a", "b"], "to": "pair", "to_columns": ["a", "b"]},
        ["('gdp', 'first')", "('gdp', null)"],
        ["('gdp', 'middle')", "('fiscal', 'first')"],
    ),
    (
        "valid_region",
        {"region_level": "prefecture", "code_column": "a"},
        ["('371200', 2017)", "('460400', 2015)"],
        ["('371200', 2018)", "('460400', 2014)", "('110000', 2015)", "('999999', 2015)"],
    ),
    (
        "not_before_parent",
        {"column": "a", "key": "b", "to": "batch", "to_key": "batch", "to_column": "approved_on"},
        ["(date '2015-03-07', 1)", "(null::date, 1)"],
        ["(date '2015-03-06', 1)"],
    ),
    (
        "within",
        {"column_name": "a", "minimum": 0, "maximum": 1},
        ["(0, 0), (1, 0), (null, 0)"],
        ["(-0.1, 0)", "(1.1, 0)"],
    ),
    (
        "pattern",
        {"column_name": "a", "pattern": "[0-9]{6}"},
        ["('110000', 0), (null, 0)"],
        ["('1100001', 0)", "('x110000', 0)"],
    ),
    (
        "printed_number",
        {"column_name": "a"},
        ["('1.50', 0), ('-3', 0), (null, 0)"],
        ["('1,000', 0)", "('—', 0)", "('１', 0)", "('1.2.3', 0)", "('', 0)", "(' 1', 0)"],
    ),
    (
        "status_list",
        {"column_name": "a"},
        ["('A', 0), ('BI', 0), ('BIA', 0)"],
        ["('IB', 0)", "('X', 0)", "('AA', 0)", "('BX', 0)"],
    ),
]


def render(name: str, arguments: dict) -> str:
    text = (FOLDER / f"{name}.sql").read_text(encoding="utf-8")
    signature, body = re.search(r"{% test \w+\((.*?)\) %}(.*){% endtest %}", text, flags=re.DOTALL).groups()
    defaults = {
        key: None if value.strip() == "none" else value.strip().strip('"')
        for key, value in re.findall(r"(\w+)=([^,]+)", signature)
    }
    template = jinja2.Template(body)
    return template.render(model="child", ref=lambda table: table, none=None, **(defaults | arguments))


def test_every_generic_test_is_tried() -> None:
    assert {path.stem for path in FOLDER.glob("*.sql")} == {case[0] for case in CASES}


@pytest.mark.parametrize(("name", "arguments", "good", "bad"), CASES, ids=[case[0] for case in CASES])
def test_it_fires_on_bad_rows_only(name: str, arguments: dict, good: list[str], bad: list[str]) -> None:
    query = render(name, arguments)
    for rows, fires in [*((rows, False) for rows in good), *((rows, True) for rows in bad)]:
        with duckdb.connect() as connection:
            connection.execute(PARENTS)
            year = ", b as year" if name == "valid_region" else ""
            connection.execute(f"create table child as select *{year} from (values {rows}) as t (a, b)")
            assert bool(connection.execute(query).fetchall()) is fires, rows
