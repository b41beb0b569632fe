"""Every table that splits a sample has a test of the difference between its columns."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

SEEDS = Path(__file__).resolve().parents[2] / "seeds/studies"
#: What a column and the whole that it is a part of have in common; errors may be of another kind.
EQUATION = (
    "estimator",
    "outcome",
    "treatment",
    "treatment_rule",
    "controls",
    "fixed_effects",
    "sample",
    "winsor",
)


def rows(name: str) -> list[dict[str, str]]:
    with (SEEDS / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def split_tables() -> dict[tuple[str, str], list[dict[str, str]]]:
    """Columns of each table with two or more subgroups by one column."""
    found: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in rows("specification"):
        if row["subgroup"]:
            found.setdefault((row["study_id"], row["table_no"]), []).append(row)
    return {key: columns for key, columns in found.items() if len(columns) > 1}


def test_there_are_split_tables() -> None:
    assert len(split_tables()) >= 8


@pytest.mark.parametrize(("study", "table"), sorted(split_tables()))
def test_a_split_table_has_its_difference_tested_on_the_whole(study: str, table: str) -> None:
    columns = split_tables()[study, table]
    requests = [
        row
        for row in rows("diagnostic")
        if row["study_id"] == study
        and row["diagnostic"] == "group_difference"
        and f"split={table}" in row["options"].split(";")
    ]
    assert len(requests) == 1, f"{study} {table} needs a row group_difference with split={table}"
    place = requests[0]["table_no"], requests[0]["column_no"]
    whole = next(
        row
        for row in rows("specification")
        if (row["study_id"], row["table_no"], row["column_no"]) == (study, *place)
    )
    assert not whole["subgroup"] and not whole["mediator"]
    for column in columns:
        assert {name: column[name] for name in EQUATION} == {name: whole[name] for name in EQUATION}
