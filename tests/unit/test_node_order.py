"""In which order dbt's nodes run: the longest path first, and never more taken than can run."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import networkx as nx
import pytest
from dbt.graph.queue import GraphQueue

from cbec.pipeline import dbt
from tests.conftest import ROOT


class Nodes:
    """As much of dbt's manifest as its queue asks for."""

    def expect(self, name: str) -> Any:
        kind, _, short = name.partition(".")
        return SimpleNamespace(unique_id=name, name=short, resource_type=kind)


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> GraphQueue:
    """`last` is long; its one parent comes by name after everything else."""
    monkeypatch.setattr(dbt, "SECONDS", {"last": 30.0})
    monkeypatch.setattr(GraphQueue, "_get_scores", dbt.longest_first)
    monkeypatch.setattr(GraphQueue, "get", dbt.one_ahead(GraphQueue.get))
    graph = nx.DiGraph([("model.z", "model.last"), ("model.a", "test.a"), ("model.b", "model.c")])
    graph.add_nodes_from(f"test.t{number}" for number in range(20))
    return GraphQueue(graph, Nodes(), set(graph))  # type: ignore[arg-type]


def test_the_longest_path_comes_first(queue: GraphQueue) -> None:
    assert [queue.get().unique_id for _ in range(3)] == ["model.z", "model.b", "model.a"]
    queue.mark_done("model.z")
    # Ready later than twenty tests, and before all of them.
    assert queue.get().unique_id == "model.last"


def test_no_more_is_taken_than_soon_runs(queue: GraphQueue) -> None:
    taken: list[str] = []
    n_nodes = len(queue.graph)

    def take() -> None:
        while not queue.empty():
            taken.append(queue.get().unique_id)

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    done, deadline = 0, time.monotonic() + 60
    while done < n_nodes:
        assert time.monotonic() < deadline, taken
        with queue.lock:
            running = sorted(queue.in_progress)
        assert len(running) <= dbt.THREADS + 1
        for name in running[:1]:
            queue.mark_done(name)
            done += 1
    thread.join(timeout=60)
    assert not thread.is_alive()
    assert len(taken) == len({*taken}) == n_nodes


def test_what_takes_long_is_there() -> None:
    """A node that was renamed would lose its place without a word."""
    files = {
        path.stem
        for folder in ("models", "python_models", "seeds")
        for path in Path(ROOT / folder).rglob("*")
        if path.suffix in (".sql", ".py", ".csv")
    }
    assert dbt.SECONDS.keys() <= files
    assert f"threads: {dbt.THREADS}" in (ROOT / "profiles.yml").read_text(encoding="utf-8")
