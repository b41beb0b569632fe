"""At least 150 bad files: each is loaded right or refused with the place named; none crashes or takes long."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.badfiles.generate import Case, cases
from tests.conftest import ROOT

MAX_SECONDS = 10.0
MAX_MB = 1024.0


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Case], dict[str, Any]]:
    folder = tmp_path_factory.mktemp("corpus")
    every = cases(folder)
    files = folder / "files"
    files.mkdir()
    for case in every:
        (files / case.name).write_bytes(case.data)
    answer = folder / "answer.json"
    done = subprocess.run(
        [sys.executable, "-m", "tests.badfiles.run_corpus", str(ROOT), str(files), str(answer)],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=1800, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return every, json.loads(answer.read_text(encoding="utf-8"))


def test_the_corpus_is_large_enough(corpus: tuple[list[Case], dict[str, Any]]) -> None:
    every, _ = corpus
    assert len(every) >= 150
    assert len({case.name for case in every}) == len(every)


def test_each_file_is_loaded_right_or_refused_with_its_place(
    corpus: tuple[list[Case], dict[str, Any]],
) -> None:
    every, answer = corpus
    wrong = []
    for case in every:
        # Inside of a zip a file has the name of the zip before its own.
        found = next((f for name, f in answer["files"].items() if name.split("/")[0] == case.name), None)
        if found is None:
            wrong.append(f"{case.name}: was not looked at")
            continue
        problems = found["problems"]
        if case.loads:
            got = {k: None if v is None else float(v) for k, v in found["cells"].items()}
            want = {"|".join(map(str, k)): v for k, v in case.loads.items()}
            for key, value in want.items():
                if got.get(key) is None or abs(got[key] - value) > 1e-9 * abs(value):
                    wrong.append(f"{case.name}: {key} is {got.get(key)}, not {value}; {problems[:2]}")
                    break
            for key, value in got.items():
                if value is not None and key not in want:
                    wrong.append(f"{case.name}: {key} = {value} was never printed")
                    break
            for key in ("|".join(map(str, k)) for k in case.missing):
                if got.get(key, 0) is not None:
                    wrong.append(f"{case.name}: {key} is not missing")
        elif found["action"] != "refused":
            wrong.append(f"{case.name}: {found['action']} {list(found['cells'].items())[:2]}")
        elif not problems or not any(case.place in problem for problem in problems):
            wrong.append(f"{case.name}: place {case.place!r} is not named: {problems[:2]}")
    assert not wrong, "\n".join(wrong)


def test_none_takes_long_or_much_memory(corpus: tuple[list[Case], dict[str, Any]]) -> None:
    _, answer = corpus
    worst = {name: (found["seconds"], found["mb"]) for name, found in answer["files"].items()}
    assert not {
        name: worst[name] for name in worst if worst[name] > (MAX_SECONDS, 0.0) or worst[name][1] > MAX_MB
    }
    assert answer["peak_mb"] < MAX_MB


def test_data_docs_and_a_mapping_file_are_written(corpus: tuple[list[Case], dict[str, Any]]) -> None:
    _, answer = corpus
    assert Path(answer["docs"]).is_file()
    assert Path(answer["mapping"]).is_file()
