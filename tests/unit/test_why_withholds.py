"""What `cbec why` withholds of what it computes is what the tables of schema estimates withhold."""

from __future__ import annotations

import duckdb
import jinja2
import pytest

from cbec.common.withheld import limits, reason_in, withheld_reason
from cbec.project import Project
from tests.conftest import ROOT

LEAST = limits(Project(root=ROOT, warehouse=ROOT, landing=ROOT))


def published(n_effective: float | None, n_clusters: int, kind: str) -> str | None:
    """The note of the shipped macro."""
    text = (ROOT / "macros/published_inference.sql").read_text(encoding="utf-8")
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, extensions=["jinja2.ext.do"])
    macros = text.split("{# Columns of schema estimates")[0]
    note = environment.from_string(macros + "select {{ published_note() }} from row").render(
        var=lambda name: LEAST[name]
    )
    found = duckdb.execute(
        "with row as (select cast(? as double) as n_effective_clusters, ? as n_clusters, ? as kind,"
        f" null::varchar as note) {note}",
        [n_effective, n_clusters, kind],
    ).fetchone()
    assert found
    return found[0]


@pytest.mark.parametrize("n_effective", [None, 1.0, 4.0469, 4.97, 5.0, 12.3])
@pytest.mark.parametrize("n_clusters", [8, 15, 16, 36])
@pytest.mark.parametrize("is_staggered", [True, False])
def test_rule_and_words_are_those_of_the_tables(
    n_effective: float | None, n_clusters: int, is_staggered: bool
) -> None:
    kind = "effect" if is_staggered else "term"
    reason = withheld_reason(n_effective, n_clusters, LEAST, is_staggered=is_staggered)
    assert reason == published(n_effective, n_clusters, kind)
    assert reason_in({"note": f"as T1(1); {reason}"}) == reason


def test_nearly_five_are_not_five() -> None:
    assert "4.9 effective clusters (5 needed)" in str(withheld_reason(4.97, 36, LEAST, is_staggered=False))
    assert withheld_reason(float("nan"), 36, LEAST, is_staggered=True) is None
