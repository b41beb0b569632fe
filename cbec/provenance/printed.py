"""Where a published value of a paper stands, and what was found on it."""

from __future__ import annotations

from typing import Any

import duckdb

from cbec.project import CbecError
from cbec.provenance.answers import (
    PublishedQuestion,
    WhyPublished,
    choose_known,
    first_column,
    is_simulated_file,
)
from cbec.provenance.walk import PrintedLine, printed_lines, records, seed_rows


def why_published(connection: duckdb.DuckDBPyConnection, question: PublishedQuestion) -> WhyPublished:
    """From a printed number to its line in the paper, the audit's findings and our estimate."""
    if question.result_no is not None:
        lines = printed_lines(connection, "result.result_no = ?", [question.result_no])
        if not lines:
            last = first_column(connection, "select max(result_no) from studies.published_result")[0]
            raise CbecError(
                f"printed number {question.result_no} is not known; there are 1 to {last}", exit_code=2
            )
    else:
        lines = _printed(connection, question)
    first = lines[0]
    has_audit = bool(
        first_column(
            connection,
            "select 1 from information_schema.tables"
            " where table_schema = 'estimates' and table_name = 'publication_audit'",
        )
    )
    return WhyPublished(
        question=question,
        is_simulated=is_simulated_file(connection),
        lines=lines,
        source_row=seed_rows(connection, "studies.published_result", {"result_no": first.result_no}),
        audit=_audit(connection, lines) if has_audit else (),
        has_audit=has_audit,
        ours=tuple(
            records(
                connection,
                "select term, estimate, std_error, stars, n_obs, vcov, is_observed_only, note"
                " from estimates.regression where study_id = ? and table_no = ? and column_no = ?"
                " order by is_observed_only, term",
                [first.study_id, first.table_no, first.column_no],
            )
        ),
    )


def _printed(connection: duckdb.DuckDBPyConnection, question: PublishedQuestion) -> tuple[PrintedLine, ...]:
    papers = dict(
        connection.execute(
            "select study_id, replace(origin, 'paper ', '') from studies.study where origin like 'paper %'"
        ).fetchall()
    )
    by_number = {number: study for study, number in papers.items()}
    study = by_number.get(question.paper) or choose_known("paper", question.paper, [*papers, *by_number])
    table = choose_known(
        f"table of {study}",
        question.table_no,
        first_column(
            connection,
            "select distinct table_no from studies.published_result where study_id = ? order by 1",
            study,
        ),
    )
    rows = printed_lines(connection, "result.study_id = ? and result.table_no = ?", [study, table])
    columns = {str(line.column_no) for line in rows if line.column_no is not None}
    columns |= {line.column_label for line in rows if line.column_label}
    column = choose_known(f"column of {study} {table}", question.column, sorted(columns))
    rows = tuple(line for line in rows if column in (str(line.column_no), line.column_label))
    terms = {name for line in rows for name in (line.term, line.row_label) if name}
    term = choose_known(f"term of {study} {table}({column})", question.term, sorted(terms))
    return tuple(line for line in rows if term in (line.term, line.row_label))


def _audit(
    connection: duckdb.DuckDBPyConnection, lines: tuple[PrintedLine, ...]
) -> tuple[dict[str, Any], ...]:
    """Findings of the audit on these lines: those of their rows, else those of their table."""
    names = set(first_column(connection, "select name from pragma_table_info('estimates.publication_audit')"))
    study = next((name for name in ("study_id", "seed") if name in names), None)
    if study is None or "table_no" not in names:
        return ()
    found = records(
        connection,
        f"select * from estimates.publication_audit where {study} = ? and table_no = ? order by all",
        [lines[0].study_id, lines[0].table_no],
    )
    labels = {label for line in lines for label in (line.row_label, line.term) if label}
    return tuple(sorted(found, key=lambda row: row.get("row_label") not in labels))
