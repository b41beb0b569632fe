"""What the documents name is there: files of the project, and what their examples import."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import pytest

from tests.conftest import ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
# A changelog speaks of what was.
DOCUMENTS.remove(ROOT / "CHANGELOG.md")
FOLDERS = "cbec|models|python_models|macros|seeds|tests|analyses|extras|bench|docs"
PATH = re.compile(rf"(?<![\w/.])(?:{FOLDERS})/[\w./-]*\w\.(?:py|sql|yml|csv|md|jinja|png)\b")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_files_that_a_document_names_exist(document: Path) -> None:
    named = set(PATH.findall(document.read_text(encoding="utf-8")))
    assert sorted(name for name in named if not (ROOT / name).is_file()) == []


def test_examples_import_what_exists() -> None:
    found = 0
    for document in DOCUMENTS:
        for code in re.findall(r"```python\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL):
            for node in ast.walk(ast.parse(code)):
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cbec"):
                    module = importlib.import_module(str(node.module))
                    for item in node.names:
                        found += 1
                        assert hasattr(module, item.name), f"{document.name}: {node.module}.{item.name}"
    assert found > 3
