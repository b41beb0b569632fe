"""docs/PAPERS says what the warehouse says."""

from __future__ import annotations

import duckdb
import pytest

from cbec.studies.papers import Language, with_audit
from tests.conftest import ROOT


@pytest.mark.parametrize(("name", "lang"), [("PAPERS.md", "en"), ("PAPERS.zh.md", "zh")])
def test_the_document_is_the_audit(db: duckdb.DuckDBPyConnection, name: str, lang: Language) -> None:
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert text.count("<!-- audit: ") == 5
    assert with_audit(text, db, lang) == text


def test_findings_and_printed_numbers(db: duckdb.DuckDBPyConnection) -> None:
    findings = db.execute("select evidence from estimates.publication_audit").fetchall()
    assert len(findings) > 100
    for (evidence,) in findings:
        assert db.execute(f"select {evidence}").fetchone() == (True,), evidence


def test_what_a_source_cannot_contain_follows_from_its_editions(db: duckdb.DuckDBPyConnection) -> None:
    """Declared years less those of the editions, set against set: no list of years is written anywhere."""
    rows = db.execute(
        "select study_id, table_no, row_label, string_split(indicator_list, ' '), publication_id, first_year, last_year"
        " from studies.published_source where publication_id is not null and fill_quote is null"
    ).fetchall()
    expected = set()
    for study, table, label, names, publication, first, last in rows:
        printed = db.execute(
            "select distinct year from quality.publication_coverage where publication_id = ? and is_published"
            " and scope = 'whole_prefecture' and list_contains(?, indicator_id)",
            [publication, names],
        ).fetchall()
        if not set(range(first, last + 1)) <= {year for (year,) in printed}:
            expected.add((study, table, label))
    found = db.execute(
        "select study_id, table_no, row_label from estimates.publication_audit where rule = 'source_contains'"
    ).fetchall()
    assert set(found) == expected
    assert ("new_quality_productivity", "T2", "Fdi") in expected
    # Every paper is asked; those that name no yearbook of cities are not judged.
    asked = db.execute(
        "select study_id, sum(n_tested) > 0 from estimates.publication_audit_summary where rule = 'source_contains'"
        " group by study_id"
    ).fetchall()
    assert dict(asked) == {
        "yrd_malmquist": False, "suqian_benchmark": False, "manufacturing_exports": False, "green_tfp": False,
        "new_quality_productivity": True,
    }  # fmt: skip


def test_an_unclosed_mark_is_an_error(db: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(ValueError, match="green_tfp"):
        with_audit("<!-- audit: green_tfp -->", db, "en")
