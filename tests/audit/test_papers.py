"""docs/PAPERS says what the warehouse says."""

from __future__ import annotations

import duckdb
import pytest

from cbec.audit.papers import Language, with_audit
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


def test_an_unclosed_mark_is_an_error(db: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(ValueError, match="green_tfp"):
        with_audit("<!-- audit: green_tfp -->", db, "en")
