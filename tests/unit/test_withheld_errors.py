"""Every table of estimates that publishes an error counts the clusters behind it, and is in the one test of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
#: Tables of schema estimates with a column of errors that no clustered error of ours stands behind, and why.
OTHERWISE = {
    "panel_test": "F and Hausman tests of homoskedastic errors",
    "printed_index_effect": "one cross-section of provinces, its p counted by permutation",
    "publication_check": "printed errors of the papers",
    "publication_treatment": "printed errors of the papers",
    "same_sample": "errors of estimates.att and of estimates.same_sample_fit, which are tested",
    "replication": "printed errors, and ours as estimates.regression publishes them",
}


def columns_of_errors() -> set[str]:
    """The names that the macro lists."""
    text = (ROOT / "macros/published_inference.sql").read_text(encoding="utf-8")
    listed = re.search(r"macro columns_of_errors.*?return\(\[(.*?)\]\)", text, re.S)
    assert listed
    return set(re.findall(r"'([a-z0-9_]+)'", listed[1]))


def models() -> dict[str, set[str]]:
    """Columns of each model of schema estimates, by its name."""
    found = {}
    for folder in ("models/estimates", "python_models/estimates"):
        for path in sorted((ROOT / folder).glob("*.yml")):
            for model in yaml.safe_load(path.read_text(encoding="utf-8"))["models"]:
                found[model["name"]] = {column["name"] for column in model["columns"]}
    return found


@pytest.mark.parametrize("name", sorted(models()))
def test_a_table_with_errors_counts_the_clusters_behind_them(name: str) -> None:
    columns = models()[name]
    errors = {c for c in columns if c in columns_of_errors() or re.search(r"(^|_)(std_error|se)$", c)}
    errors |= {c for c in columns if re.fullmatch(r"p_value|p_conventional|(.*_)?ci_(low|high)|stars", c)}
    test = (ROOT / "tests/assert_no_error_rests_on_few_clusters.sql").read_text(encoding="utf-8")
    is_tested = f"'{name}'" in test
    if not errors or name in OTHERWISE:
        assert not is_tested
        return
    assert "n_effective_clusters" in columns, f"{name} publishes {sorted(errors)}"
    assert is_tested
    # What the macro does not list it does not take away.
    assert errors - {"stars"} <= columns_of_errors(), name


def test_exemptions_are_tables() -> None:
    assert set(OTHERWISE) <= set(models())
