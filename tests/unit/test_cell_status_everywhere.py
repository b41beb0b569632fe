"""Every table of our estimates says what the cells were that entered its rows."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from cbec.studies.diagnostics import CELL_STATUS

ROOT = Path(__file__).resolve().parents[2]
#: Tables of schema estimates that rest on no panel cell of ours, and why.
OTHERWISE = {
    "printed_index_effect": "the index that a paper prints",
    "publication_audit": "what papers print",
    "publication_audit_summary": "what papers print",
    "publication_check": "what papers print",
    "publication_source": "what papers print",
    "publication_statement": "what papers print",
    "publication_treatment": "what papers print",
    "replication": "printed results beside estimates.regression, which has them",
    "specification_status": "whether a column was estimated",
    "study_status": "how many columns were estimated",
}
COLUMNS = {word.split(":")[0] for word in CELL_STATUS.split()}


def models() -> dict[str, set[str]]:
    """Columns of each model of schema estimates, by its name."""
    return {
        model["name"]: {column["name"] for column in model["columns"]}
        for folder in ("models/estimates", "python_models/estimates")
        for path in sorted((ROOT / folder).glob("*.yml"))
        for model in yaml.safe_load(path.read_text(encoding="utf-8"))["models"]
    }


@pytest.mark.parametrize("name", sorted(models()))
def test_a_table_of_ours_has_the_status_of_its_cells(name: str) -> None:
    assert (name in OTHERWISE) != (models()[name] >= COLUMNS), COLUMNS - models()[name]


def test_exemptions_are_tables() -> None:
    assert set(OTHERWISE) <= set(models())
