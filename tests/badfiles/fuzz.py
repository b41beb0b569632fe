"""Import hundreds of files made to harm, and count what they did: `make fuzz`.

Exit code 1 when a figure came in that its file does not show, a process died or showed a trace, a file took
more than 10 seconds (times `pace` on a slower machine) or 1 GB, or one was not named. The table goes to the terminal, and as JSON to --out.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from cbec.common.workers import pace
from cbec.ingest.files import File
from tests.badfiles.generate import base, csv, truth
from tests.badfiles.hostile import KINDS, Hostile, headed, hostile, is_shown, real, shown
from tests.conftest import ROOT, SHARED
from tests.ingest import RECOGNISER

MAX_SECONDS, MAX_MB = 10.0, 1024.0
# Files of one import, beside a good one.
BATCH = 40
ITSELF = "the import itself"
GOOD = "good.csv"
# What came in: a second file of the same content lands once.
LOADED = ("would land", "unchanged")


@dataclass
class Tally:
    """What the files of one kind did. wrong, traces, aborts: in words, with the file."""

    kind: str
    n: int = 0
    n_loaded: int = 0
    seconds: float = 0.0
    mb: float = 0.0
    wrong: list[str] = field(default_factory=list)
    traces: list[str] = field(default_factory=list)
    aborts: list[str] = field(default_factory=list)
    slow: list[str] = field(default_factory=list)

    @property
    def faults(self) -> list[str]:
        return [*self.wrong, *self.traces, *self.aborts, *self.slow]


def run(files: list[Hostile], folder: Path) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    """Import files as one folder, with a good one, in a process of its own."""
    place = folder / "files"
    for file in files:
        path = place / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.data)
    (place / GOOD).write_bytes(csv(base()))
    answer = folder / "answer.json"
    done = subprocess.run(
        [sys.executable, "-m", "tests.badfiles.run_corpus", str(ROOT), str(place), str(answer)],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, errors="replace",
        timeout=1800, check=False,
    )  # fmt: skip
    return done, json.loads(answer.read_text(encoding="utf-8")) if answer.is_file() else {}


def judge(files: list[Hostile], folder: Path) -> dict[str, Tally]:
    """What files did that were imported together, by kind; and the import itself."""
    tallies = {kind: Tally(kind) for kind in dict.fromkeys(["good", *(file.kind for file in files), ITSELF])}
    itself = tallies[ITSELF]
    done, answer = run(files, folder)
    if done.returncode or not answer:
        names = ", ".join(file.name for file in files)
        itself.aborts.append(f"exit code {done.returncode}: {done.stderr[-1500:]}; of {names}")
        return tallies
    if "Traceback" in done.stdout + done.stderr:
        itself.traces.append(done.stderr[-1500:])
    # A reader that was ended cannot say itself what it held.
    itself.mb = max(answer["peak_mb"], answer["readers_mb"])
    if itself.mb > MAX_MB:
        itself.slow.append(f"it held {answer['peak_mb']:.0f} MB, a reader {answer['readers_mb']:.0f} MB")
    for file in [*files, Hostile("good", GOOD, csv(base()))]:
        tally = tallies[file.kind]
        tally.n += 1
        own = [f for n, f in answer["files"].items() if n == file.name or n.startswith(f"{file.name}/")]
        if not own:
            tally.wrong.append(f"{file.name}: is not named")
        for found in own:
            _judge(file, found, tally)
        if file.kind == "good" and [f["action"] in LOADED for f in own] != [True]:
            tally.wrong.append(f"the good file did not come in: {own}")
    return tallies


def _judge(file: Hostile, found: dict[str, Any], tally: Tally) -> None:
    tally.n_loaded += found["action"] in LOADED
    tally.seconds, tally.mb = max(tally.seconds, found["seconds"]), max(tally.mb, found["mb"])
    if found["seconds"] > MAX_SECONDS * pace() or found["mb"] > MAX_MB:
        tally.slow.append(f"{file.name}: {found['seconds']:.1f} s, {found['mb']:.0f} MB")
    if found["action"] == "refused" and not found["problems"]:
        tally.wrong.append(f"{file.name}: is refused without a word")
    # An error that nobody expected is one to be mended, though no user sees its trace.
    tally.traces += [f"{file.name}: {p}" for p in found["problems"] if "was not expected" in p]
    wanted = {"|".join(map(str, key)): value for key, value in truth().items()}
    if file.is_base:
        bad = [
            k
            for k, v in found["cells"].items()
            if v is not None and abs(float(v) - wanted.get(k, -1.0)) > 1e-6
        ]
        tally.wrong += [f"{file.name}: {key} = {found['cells'][key]} was never printed" for key in bad[:2]]
        return
    _judge_meaning(file, found, tally)
    readings = shown(file.data, Path(file.name).suffix) if found["places"] else []
    for cell in found["places"]:
        if not any(is_shown(cell[:5], sheets, is_real=file.kind == "real") for sheets in readings):
            tally.wrong.append(f"{file.name}: {cell} is not what another reader sees there")
            return


def _judge_meaning(file: Hostile, found: dict[str, Any], tally: Tally) -> None:
    """Under texts that stand above a column of the whole file too, the changed file means what that one does."""
    if not file.whole or not found["places"]:
        return
    try:
        (first, before, last), (_, now, _) = headed(file.whole), headed(file.data)
    except Exception:
        # What flipped bytes make, the other reader may refuse.
        return
    read = RECOGNISER.read(File(file.name, file.whole, Path(file.name)))
    meant: dict[tuple[str, ...], set[tuple[str, str]]] = {}
    for cell in read.cells:
        sheet, _, column = _place(cell.source_locator)
        if sheet == first:
            meant.setdefault(before.get(column, ()), set()).add((cell.indicator_id, cell.scope))
    for _, _, indicator, _, place, scope in found["places"]:
        sheet, row, column = _place(place)
        text = now.get(column, ())
        # Other sheets have headings of their own, which were not changed.
        if sheet == first and row <= last and text in meant and (indicator, scope) not in meant[text]:
            tally.wrong.append(f"{file.name}: {place} is {indicator} ({scope}), under {'/'.join(text)}")
            return


def _place(place: str) -> tuple[str, int, int]:
    sheet, _, at = place.rpartition("!R")
    row, _, column = at.partition("C")
    return sheet, int(row), int(column)


def add(to: Tally, more: Tally) -> None:
    """Count what another tally counts."""
    to.n, to.n_loaded = to.n + more.n, to.n_loaded + more.n_loaded
    to.seconds, to.mb = max(to.seconds, more.seconds), max(to.mb, more.mb)
    for name in ("wrong", "traces", "aborts", "slow"):
        getattr(to, name).extend(getattr(more, name))


def _drawn(kinds: list[str], seed: int, n_each: int, folder: Path) -> Iterator[Hostile]:
    for kind in kinds:
        yield from real(seed, folder, 3 * n_each) if kind == "real" else hostile(seed, n_each, [kind])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--each", type=int, default=13, help="files of each kind")
    parser.add_argument("--kind", action="append", choices=[*KINDS, "real"], help="these kinds only")
    parser.add_argument("--real", type=Path, default=SHARED / "yearbook", help="folder of real workbooks")
    parser.add_argument("--out", type=Path, help="JSON of what was counted")
    chosen = parser.parse_args()
    out, began = Console(width=150), time.perf_counter()
    kinds: dict[str, Tally] = {}
    files = _drawn(chosen.kind or [*KINDS, "real"], chosen.seed, chosen.each, chosen.real)
    while batch := list(islice(files, BATCH)):
        with tempfile.TemporaryDirectory() as folder:
            found = judge(batch, Path(folder))
        for kind, tally in found.items():
            add(kinds.setdefault(kind, Tally(kind)), tally)
            for fault in tally.faults:
                out.print(fault, markup=False, highlight=False, soft_wrap=True)
        if chosen.out:
            chosen.out.write_text(
                json.dumps([asdict(t) for t in kinds.values()], ensure_ascii=False, indent=1)
            )
    total = Tally("all")
    for kind, tally in kinds.items():
        if kind != "good":
            add(total, tally)
    heads = (
        "kind",
        "files",
        "loaded",
        "wrong",
        "traces",
        "aborts",
        "slow or large",
        "slowest s",
        "largest MB",
    )
    table = Table(*heads, box=None)
    for one in [*kinds.values(), total]:
        counts = (one.n, one.n_loaded, len(one.wrong), len(one.traces), len(one.aborts), len(one.slow))
        table.add_row(one.kind, *map(str, counts), f"{one.seconds:.1f}", f"{one.mb:.0f}")
    out.print(table)
    out.print(f"seed {chosen.seed}; {time.perf_counter() - began:.0f} s")
    return int(any(t.faults for t in kinds.values()))


if __name__ == "__main__":
    sys.exit(main())
