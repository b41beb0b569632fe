"""Would the tests notice? Change the project one line at a time, as `mutant_list` says: `make mutants`.

A mutant lives in a copy of what tests read, in a temporary folder that Python finds first; the working tree is
never touched. Its tests pass unmutated (tried once for each set of tests), so that it dies of itself alone: a
failed assertion or an error of a test. What does not end, or cannot be collected, is not dead. Exit code 1 when
fewer than 95 of 100 die, a line that a mutant changes is stale, or its tests do not pass unmutated.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.conftest import ROOT, SHARED
from tests.mutant_list import MUTANTS, Mutant

LEAST_DEAD = 0.95
LIMIT_SECONDS = 120.0
#: What is copied; everything else of the project is not read by quick tests.
COPIED = ("cbec", "models", "python_models", "macros", "seeds", "analyses", "bench", "tests", "docs")
FILES = ("pyproject.toml", "dbt_project.yml", "profiles.yml", "Makefile", "README.md")
OUTCOMES = ("died", "survived", "timed out", "broken", "stale", "unsound")


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant: one of OUTCOMES, in how many seconds, and what pytest said last."""

    mutant: Mutant
    fate: str
    seconds: float
    said: str


class Overlay:
    """A copy of the project in which one mutant lives at a time, with ../shared beside it."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "project"
        for name in COPIED:
            ignored = shutil.ignore_patterns("__pycache__", ".hypothesis")
            shutil.copytree(ROOT / name, self.root / name, ignore=ignored)
        for name in FILES:
            shutil.copy2(ROOT / name, self.root / name)
        if SHARED.is_dir():
            (folder / "shared").symlink_to(SHARED.resolve())
        self._passes: dict[tuple[str, ...], tuple[bool, str]] = {}
        self._stamp = time.time()
        self._runner = subprocess.Popen(
            [sys.executable, str(ROOT / "tests/mutant_pytest.py"), str(self.root), str(LIMIT_SECONDS)],
            env=os.environ | {"PYTHONPATH": str(self.root)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def close(self) -> None:
        self._runner.communicate()

    def pytest(self, tests: Sequence[str]) -> tuple[int | None, str]:
        """Exit code (None after LIMIT_SECONDS) of pytest on the copy, and what it said: the test that failed,
        or its last line."""
        runner = self._runner
        assert runner.stdin is not None and runner.stdout is not None
        runner.stdin.write(json.dumps(["-x", "-p", "no:cacheprovider", "--tb=line", *tests]) + "\n")
        runner.stdin.flush()
        answer = runner.stdout.readline()
        if not answer:
            raise RuntimeError(f"the process that runs pytest ended: exit code {runner.wait()}")
        code, output = json.loads(answer)
        if code is None:
            return None, f"no end after {LIMIT_SECONDS:.0f} seconds"
        lines = [line for line in output.splitlines() if line.strip()]
        return code, next((line for line in lines if line.startswith("FAILED")), "".join(lines[-1:]))

    def passes(self, tests: tuple[str, ...]) -> tuple[bool, str]:
        """Whether the tests pass unmutated, at least one of them not skipped, and what pytest said."""
        if tests not in self._passes:
            code, said = self.pytest(tests)
            self._passes[tests] = code == 0 and " passed" in said, said
        return self._passes[tests]

    def write(self, path: Path, text: str) -> None:
        """Write a file with a time of its own: bytecode of one text is never taken for that of another."""
        path.write_text(text, encoding="utf-8")
        self._stamp += 2
        os.utime(path, (self._stamp, self._stamp))

    def run(self, mutant: Mutant) -> Outcome:
        """Apply a mutant, run its tests, and take it back."""
        start = time.monotonic()
        path = self.root / mutant.path
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        if (n := text.count(mutant.old)) != 1:
            return Outcome(mutant, "stale", 0.0, f"{mutant.old!r} stands {n} times in {mutant.path}")
        is_sound, said = self.passes(mutant.tests)
        if not is_sound:
            return Outcome(mutant, "unsound", time.monotonic() - start, f"unmutated: {said}")
        start = time.monotonic()
        self.write(path, text.replace(mutant.old, mutant.new))
        try:
            code, said = self.pytest(mutant.tests)
        finally:
            self.write(path, text)
        fate = {None: "timed out", 0: "survived", 1: "died"}.get(code, "broken")
        return Outcome(mutant, fate, time.monotonic() - start, said)


def chosen(only: str) -> list[Mutant]:
    """Mutants whose path, text or reason has a word in it; all without one."""
    return [m for m in MUTANTS if only in f"{m.path} {m.old} {m.new} {m.why}"]


def run_all(mutants: Sequence[Mutant], jobs: int, console: Console) -> list[Outcome]:
    """Outcomes in the order of the mutants, from copies of the project, one for each job."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        parts = _parted(mutants, jobs)

        def of_part(k: int) -> list[Outcome]:
            overlay = Overlay(Path(folder) / str(k))
            found = []
            for mutant in parts[k]:
                found.append(overlay.run(mutant))
                console.print(
                    f"{found[-1].fate:>9}  {mutant.path}: {mutant.why}", highlight=False, markup=False
                )
            overlay.close()
            return found

        with ThreadPoolExecutor(jobs) as pool:
            outcomes = [outcome for part in pool.map(of_part, range(jobs)) for outcome in part]
    return sorted(outcomes, key=lambda outcome: MUTANTS.index(outcome.mutant))


def _parted(mutants: Sequence[Mutant], jobs: int) -> list[list[Mutant]]:
    """Mutants by job, those of one set of tests together, so that it is tried unmutated once."""
    parts: list[list[Mutant]] = [[] for _ in range(jobs)]
    for tests in dict.fromkeys(m.tests for m in mutants):
        min(parts, key=len).extend(m for m in mutants if m.tests == tests)
    return parts


def shown(outcomes: Sequence[Outcome], console: Console) -> None:
    """The table, those that did not die last, with what pytest said."""
    table = Table("file", "what a reader would get", "outcome", "seconds", "by")
    for o in sorted(outcomes, key=lambda o: o.fate != "died"):
        table.add_row(o.mutant.path, o.mutant.why, o.fate, f"{o.seconds:.0f}", _name(o.said))
    console.print(table)


def _name(said: str) -> str:
    """The test that failed; what else pytest said as it is."""
    return said.removeprefix("FAILED ").partition(" - ")[0]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument(
        "--only", default="", metavar="WORD", help="mutants with this word in path, text or reason"
    )
    parser.add_argument("--list", action="store_true", help="name the mutants and their tests, run nothing")
    parser.add_argument("--jobs", type=int, default=1, help="copies of the project, and processes")
    given = parser.parse_args(arguments)
    console = Console(width=None if sys.stdout.isatty() else 200)
    mutants = chosen(given.only)
    if not mutants:
        parser.error(f"no mutant has {given.only!r}")
    if given.jobs < 1:
        parser.error(f"--jobs {given.jobs}; allowed: 1 or more")
    if given.list:
        for m in mutants:
            console.print(f"{m.path}: {m.why}\n  - {m.old}\n  + {m.new}", highlight=False, markup=False)
        return 0
    start = time.monotonic()
    outcomes = run_all(mutants, min(given.jobs, len(mutants)), console)
    shown(outcomes, console)
    count = Counter(outcome.fate for outcome in outcomes)
    parts = ", ".join(f"{count[fate]} {fate}" for fate in OUTCOMES if count[fate])
    console.print(f"{len(outcomes)} mutants: {parts}; {time.monotonic() - start:.0f} seconds")
    is_held = count["died"] >= LEAST_DEAD * len(outcomes)
    return 0 if is_held and not count["stale"] and not count["unsound"] else 1


if __name__ == "__main__":
    sys.exit(main())
