"""Statements about printed numbers: cells put in for their numbers, each statement evaluated once.

A statement is arithmetic that DuckDB reads. The evidence of a finding is the negated statement with a
comment behind it, so that `select <evidence>` gives true without any other table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import duckdb
import pandas as pd
import pyarrow as pa

from cbec.audit.rounding import half_unit

CELL = re.compile(r"\[(\d+)([-+]?)\]")
# Statements of one query: parsing one by one costs ten times as much.
BATCH = 200
FACT = re.compile(r"\{([\w-]+)\}")
COLUMNS = (
    *("study_id", "table_no", "row_label", "column_label", "rule_id", "cell_list"),
    *("holds_when", "reading", "suggestion", "claim_no", "quote"),
)
SCHEMA = pa.schema(
    [pa.field(name, pa.int32() if name == "claim_no" else pa.string()) for name in COLUMNS]
    + [pa.field("outcome", pa.string()), pa.field("evidence", pa.string())]
)


def bind(
    formula: str, printed: Mapping[int, tuple[float, str]], facts: Mapping[str, float]
) -> tuple[str, str]:
    """Statement with numbers for cells, and the cells it used.

    formula: [n] is printed number n, [n-] and [n+] the ends of its rounding interval, {name} a fact.
    printed: result_no to (value, text as printed). Raises KeyError on an unknown cell or fact.
    """
    used: list[int] = []

    def number(match: re.Match[str]) -> str:
        result_no = int(match.group(1))
        used.append(result_no)
        value, text = printed[result_no]
        step = half_unit(text) * {"": 0, "-": -1, "+": 1}[match.group(2)]
        return f"({round(value + step, 9):.12g})"

    bound = CELL.sub(number, FACT.sub(lambda match: f"({facts[match.group(1)]:g})", formula))
    return bound, " ".join(str(n) for n in sorted(set(used)))


def claim_statements(claims: pd.DataFrame, results: pd.DataFrame, zones: pd.DataFrame) -> pd.DataFrame:
    """One statement per claim of seed published_claim, columns as publication_statement.

    A claim stands at a row or column where every cell that it uses is in that row or column.
    """
    shown = results.dropna(subset="value")
    columns = zip(
        shown["result_no"].tolist(), shown["value"].tolist(), shown["printed"].tolist(), strict=True
    )
    printed = {int(number): (float(value), str(text)) for number, value, text in columns}
    facts = {name: zone_count(name, zones) for text in claims["formula"] for name in FACT.findall(text)}
    bound = [bind(text, printed, facts) for text in claims["formula"]]
    frame = claims[["study_id", "table_no", "rule_id", "reading", "suggestion", "claim_no", "quote"]].copy()
    for label in ("row_label", "column_label"):
        places = {
            int(number): None if pd.isna(text) else str(text)
            for number, text in zip(results["result_no"], results[label], strict=True)
        }
        frame[label] = [shared_place(cells, places) for _, cells in bound]
    frame["holds_when"] = [statement for statement, _ in bound]
    frame["cell_list"] = [cells or None for _, cells in bound]
    return frame


def shared_place(cells: str, places: Mapping[int, str | None]) -> str | None:
    """The label that all of these cells carry ("1 4 7"), or nothing."""
    labels = {places[int(cell)] for cell in cells.split()}
    return labels.pop() if len(labels) == 1 else None


def zone_count(name: str, zones: pd.DataFrame) -> float:
    """Zones approved up to a batch: zones_to_batch_<n>."""
    kind, _, value = name.rpartition("_")
    if kind != "zones_to_batch":
        raise KeyError(f"{name}: allowed is zones_to_batch_<n>")
    return float((zones["batch"] <= int(value)).sum())


def evaluate(statements: pd.DataFrame) -> pa.Table:
    """Outcome (passed, flagged, not applicable) and evidence of each statement.

    Not applicable: the table lacks a number that the rule needs (holds_when is missing).
    """
    frame = statements.reindex(columns=list(COLUMNS)).astype(object)
    frame = frame.where(frame.notna(), None)
    requested = [text for text in frame["holds_when"].tolist() if text is not None]
    con = duckdb.connect()
    answers: list[bool | None] = []
    for start in range(0, len(requested), BATCH):
        batch = ", ".join(f"({text})" for text in requested[start : start + BATCH])
        answers += con.execute(f"select [{batch}]").fetchall()[0][0]
    con.close()
    holds = iter(answers)
    outcomes: list[str] = []
    evidence: list[str | None] = []
    for holds_when, reading in zip(frame["holds_when"].tolist(), frame["reading"].tolist(), strict=True):
        if holds_when is None:
            outcomes.append("not applicable")
            evidence.append(None)
            continue
        passed = bool(next(holds))
        outcomes.append("passed" if passed else "flagged")
        comment = " ".join(str(reading or "").split())
        evidence.append(None if passed else f"not ({holds_when}) -- {comment}")
    frame["outcome"], frame["evidence"] = outcomes, evidence
    return pa.Table.from_pandas(frame, schema=SCHEMA, preserve_index=False)
