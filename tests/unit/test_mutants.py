"""The list of mutants is of this project: each line that one changes is there, and so are its tests."""

from __future__ import annotations

import ast

import pytest

from tests.conftest import ROOT
from tests.mutant_list import MUTANTS, Mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: f"{m.path}-{m.why}".replace(" ", "-"))
def test_a_mutant_changes_one_line_that_is_there(mutant: Mutant) -> None:
    text = (ROOT / mutant.path).read_text(encoding="utf-8")
    assert text.count(mutant.old) == 1, f"{mutant.old!r} in {mutant.path}"
    assert mutant.new != mutant.old
    assert "\n" not in mutant.old + mutant.new
    if mutant.path.endswith(".py"):
        ast.parse(text.replace(mutant.old, mutant.new))


def test_tests_of_mutants_exist() -> None:
    for test in sorted({test for mutant in MUTANTS for test in mutant.tests}):
        path, _, name = test.partition("::")
        functions = [node.name for node in ast.parse((ROOT / path).read_text(encoding="utf-8")).body
                     if isinstance(node, ast.FunctionDef)]  # fmt: skip
        assert not name or name in functions, test
        assert name or any(function.startswith("test_") for function in functions), test


def test_mutants_are_many_and_differ() -> None:
    assert len(MUTANTS) >= 60
    assert len({(m.path, m.old, m.new) for m in MUTANTS}) == len(MUTANTS)
    assert all(m.why for m in MUTANTS)
