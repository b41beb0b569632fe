"""The package is made of layers: imports run down one list, no two files import each other in a circle."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

from tests.conftest import ROOT

# A layer imports from layers before it. `project` and `cli` are files: the first and the last.
ORDER = (
    "project", "common", "estimators", "efficiency", "registry", "ingest", "audit", "studies", "demo", "report",
    "provenance", "export", "own_study", "api", "publish", "pipeline", "referee", "dashboard", "cli",
)  # fmt: skip
# Libraries know no table: no warehouse, no study.
LIBRARIES = {"estimators": {"estimators", "common"}, "efficiency": {"efficiency", "common"}}


def modules() -> dict[str, Path]:
    found = {}
    for path in sorted((ROOT / "cbec").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(known: dict[str, Path]) -> dict[str, set[str]]:
    """What each module imports of the package, also inside functions."""
    found: dict[str, set[str]] = {}
    for name, path in known.items():
        found[name] = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "cbec":
                for item in node.names:
                    inner = f"{node.module}.{item.name}"
                    found[name].add(inner if inner in known else node.module)
            elif isinstance(node, ast.Import):
                found[name] |= {item.name for item in node.names if item.name.split(".")[0] == "cbec"}
    return found


def layer(module: str) -> str:
    return [*module.split("."), ""][1]


def test_every_layer_is_in_the_list() -> None:
    # The package itself holds only its name.
    assert {layer(name) for name in modules()} - {""} == set(ORDER)


def test_imports_run_down_the_list() -> None:
    upward = [
        f"{name} imports {other}"
        for name, others in imports(modules()).items()
        for other in sorted(others)
        if layer(other) and layer(name) and ORDER.index(layer(other)) > ORDER.index(layer(name))
    ]
    assert upward == []


def test_libraries_know_no_table() -> None:
    graph = imports(modules())
    for library, allowed in LIBRARIES.items():
        reached = {
            layer(other) for name, others in graph.items() if layer(name) == library for other in others
        }
        assert reached <= allowed, library


def test_no_circle_of_files() -> None:
    """Files are taken away that import none of those left; what stays is a circle or leads into one."""
    graph = imports(modules())
    while graph:
        ends = [name for name, others in graph.items() if not (others - {name}) & graph.keys()]
        assert ends, f"in or before a circle: {sorted(graph)}"
        for name in ends:
            del graph[name]


@pytest.mark.parametrize("library", sorted(LIBRARIES))
def test_a_library_offers_what_it_lists(library: str) -> None:
    package = importlib.import_module(f"cbec.{library}")
    assert len(package.__all__) > 20
    for name in package.__all__:
        # A module of the same name would hide it once it is loaded.
        assert f"cbec.{library}.{name}" not in modules()
        assert getattr(package, name).__doc__, name
    with pytest.raises(AttributeError, match="no attribute 'another'"):
        package.another  # noqa: B018


def test_the_package_names_the_modules_that_it_reads() -> None:
    """A build knows what a model rests on by its imports, so that inside nothing comes from a library's list."""
    models = {path.name: path for path in (ROOT / "python_models").rglob("*.py")}
    short = {
        f"{name}: {other}"
        for name, others in imports(models | modules()).items()
        for other in others & {f"cbec.{library}" for library in LIBRARIES}
    }
    assert short == set()
