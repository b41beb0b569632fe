"""Files made to harm: a sample of `make fuzz`, and what only a disk, a full disk or a kill can do."""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from cbec.common.files import landing_writer, name_beside
from cbec.ingest import reading
from cbec.ingest.book import Refused, readable, used_merges
from cbec.ingest.command import KEEP_RUNS, Options, Run, import_paths
from cbec.ingest.files import File, Found, Problem, find_files
from cbec.ingest.landing import listed
from cbec.ingest.mapping import load_mappings
from cbec.ingest.registry import load_registry
from cbec.project import CbecError, Project
from tests.badfiles import fuzz
from tests.badfiles.generate import HEADER, base, csv, rows, zipped
from tests.badfiles.hostile import KINDS, NAMES, ODD, hostile, odd_folder
from tests.conftest import LONG, ROOT, run_cbec
from tests.ingest import RECOGNISER

# Kinds that take a reader to its limits, which takes as long as the limits are; `make fuzz` has all of them.
SLOW = {"long_string", "zip_bomb_part", "one_line", "many_columns", "many_unknown"}


def imported(folder: Path, *paths: Path, **options: object) -> Run:
    project = Project(ROOT, folder / "warehouse", folder / "landing")
    return import_paths(project, list(paths), Options(**options))  # type: ignore[arg-type]


@pytest.mark.parametrize("part", range(3))
def test_a_sample_of_hostile_files_does_no_harm(part: int, tmp_path: Path) -> None:
    kinds = [name for name in KINDS if name not in SLOW][part::3]
    files = [file for name in kinds for file in hostile(part, 3 if LONG else 1, [name])]
    assert len(files) >= (24 if LONG else 8)
    assert [fault for tally in fuzz.judge(files, tmp_path).values() for fault in tally.faults] == []


def test_the_same_seed_draws_the_same_files() -> None:
    kinds = ["flipped_part", "xls_records", "mixed_table"]
    one, other = (list(hostile(seed, 3, kinds)) for seed in (5, 6))
    # Times in workbooks and zips have steps of two seconds.
    time.sleep(2.1)
    assert one == list(hostile(5, 3, kinds))
    assert [f.data for f in one] != [f.data for f in other]


def test_a_reader_that_dies_refuses_its_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too long, too large and dead: each in words, the others come in, in their order."""
    files = tmp_path / "files"
    files.mkdir()
    for name in ("a_good.csv", "z_good.csv"):
        (files / name).write_bytes(csv(base()))
    (slow,) = hostile(1, 1, ["long_string"])
    (files / "long.xlsx").write_bytes(slow.data)
    (files / "memory.csv").write_bytes(csv(base()) + b"x" * 60_000_000)
    monkeypatch.setattr(reading, "SECONDS", 2.0)
    monkeypatch.setattr(reading, "SECONDS_PER_MB", 10.0)
    monkeypatch.setattr(reading, "MAX_MEMORY", 120 * 2**20)
    run = imported(tmp_path, files, lands=False)
    said = {o.imported.file.name: (o.action, " ".join(map(str, o.imported.errors))) for o in run.outcomes}
    assert list(said) == ["a_good.csv", "long.xlsx", "memory.csv", "z_good.csv"]
    assert said["a_good.csv"][0] == "would land"
    assert said["z_good.csv"][0] in ("would land", "unchanged")
    assert re.search("long.xlsx: takes more than [0-9]+ seconds of computing", said["long.xlsx"][1])
    assert re.search("memory.csv: takes more than 120 MB of memory", said["memory.csv"][1])


@pytest.mark.parametrize(("how", "words"), [
    (partial(os.kill, 0, signal.SIGKILL), "killed, as a system does that has no memory left"),
    (os.abort, "SIGABRT"), (partial(os._exit, 3), "exit code 3"), (partial(os.write, 2, b"thread panicked"), ""),
])  # fmt: skip
def test_the_death_of_a_worker_is_told_in_words(how: object, words: str) -> None:
    from cbec.common.workers import GuardedWorker

    worker = GuardedWorker(_obey, max_bytes=2**30)
    done = worker.do(how, seconds=5.0)
    assert bool(done.reason) == bool(words) == worker.is_spent
    assert words in done.reason
    worker.close()


class _obey:
    """A worker that does what it is told."""

    def __call__(self, how: partial[object]) -> None:
        if isinstance(how, partial) and how.func is os.kill:
            os.kill(os.getpid(), how.args[1])
        how()


def test_a_folder_says_what_it_leaves_out(tmp_path: Path) -> None:
    """Pipes, sockets, devices, links, odd kinds and names: named, none of them opened, exit code 2."""
    odd_folder(tmp_path / "odd")
    done = run_cbec("check", str(tmp_path / "odd"), warehouse=tmp_path / "warehouse")
    said = done.stdout + done.stderr
    assert done.returncode == 2
    assert "good.csv: would land" in said
    for name, words in ODD.items():
        assert re.search(rf"{re.escape(name)}: .*{words}", said), (name, said)
    # One content under many names is read under each, and lands once.
    assert said.count("would land; 24 cells (") == 1
    assert said.count("unchanged; 24 cells (") == len(NAMES)
    assert "has the same content as good.csv" in said
    # What a name holds is shown and never obeyed.
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e]", said)
    for shown in (r"line\nfeed.csv", r"\x1b[31mred", r"\u202ercs.exe", "年鉴.csv", "[bold]markup.csv"):
        assert shown in said
    assert "Traceback" not in said


def test_what_is_hidden_or_leaves_its_zip_is_named_and_litter_is_not(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    (folder / ".git").mkdir(parents=True)
    (folder / "good.csv").write_bytes(csv(base()))
    for name in (".secret.csv", "._good.csv", "~$good.xlsx", ".DS_Store"):
        (folder / name).write_bytes(b"x")
    inside = {
        "in.csv": csv(base()), "../out.csv": csv(base()), "a/../../out2.csv": csv(base()), ".hid/x.csv": b"x",
        "__MACOSX/._in.csv": b"x", "Thumbs.db": b"x", "notes.md": b"x",
    }  # fmt: skip
    (folder / "some.zip").write_bytes(zipped(inside))
    done = run_cbec("import", str(folder), "--dry-run", warehouse=tmp_path / "warehouse")
    said = done.stdout + done.stderr
    assert done.returncode == 2, said
    for name, words in {
        ".secret.csv": "is hidden", ".git": "is hidden", "some.zip/../out.csv": "leaves the zip",
        "some.zip/a/../../out2.csv": "leaves the zip", "some.zip/.hid/x.csv": "is hidden",
        "some.zip/notes.md": "holds no tables",
    }.items():  # fmt: skip
        assert re.search(rf"{re.escape(name)}.*{words}|{words}.*{re.escape(name)}", said, re.S), (name, said)
    assert not re.search(r"DS_Store|Thumbs|MACOSX|~\$", said)
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("figure", ["1e99", "9" * 40])
def test_a_figure_beyond_all_figures_below_the_header_is_refused_at_its_place(figure: str) -> None:
    table = [list(HEADER), [1, 2, figure, 4], *rows()]
    problems = RECOGNISER.read(File("figure.csv", csv(table), Path("figure.csv"))).errors
    assert any("figure!R2C" in str(problem) for problem in problems), problems


def test_names_are_shown_as_people_know_them() -> None:
    assert readable(os.fsdecode("年鉴".encode("gbk"))) == "年鉴"
    assert readable(os.fsdecode(b"a\xff")) == "a\\xff"
    assert readable("一\u3000二\n三\x1b[0m") == "一\u3000二\\n三\\x1b[0m"


def test_a_file_that_grows_while_it_is_read_is_not_half_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(csv(base()))
    (found,) = find_files([path])
    assert isinstance(found, Found)
    path.write_bytes(csv(base()) + "保定市,2015,3000.5,1000.5\n".encode())
    with pytest.raises(Refused, match="is being written"):
        found.read()


def test_many_files_are_read_up_to_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for k in range(5):
        (tmp_path / f"{k}.csv").write_bytes(csv(base()))
    (tmp_path / "5.zip").write_bytes(zipped({"a.csv": b"x" * 5_000}))
    monkeypatch.setattr("cbec.ingest.files.MAX_FILES", 3)
    found = list(find_files([tmp_path]))
    assert [isinstance(f, Found) for f in found] == [True, True, True, False]
    assert isinstance(found[-1], Problem)
    assert "3.csv: was not read, and nothing behind it" in str(found[-1])
    monkeypatch.setattr("cbec.ingest.files.MAX_FILES", 100)
    monkeypatch.setattr("cbec.ingest.files.MAX_ALL_BYTES", 5_000)
    assert "a.csv: was not read" in str(list(find_files([tmp_path]))[-1])


def test_merged_cells_are_no_more_than_the_sheet_has() -> None:
    rows = dict.fromkeys(range(1, 14))
    assert used_merges("f", "s", [(1, 1, 2**20, 1), (1, 2, 1, 4), (20, 1, 30, 4), (5, 4, 5, 2)], rows, 4) == (
        (1, 1, 13, 1), (1, 2, 1, 4),
    )  # fmt: skip
    with pytest.raises(Refused, match="s!R1C1: is merged with cells that are merged already"):
        used_merges("f", "s", [(1, 1, 2**20, 2**14)] * 2, rows, 4)


SHAPES = (
    "[]", "5", "a", "headers: [a]", "headers: {a: [b]}", "headers: {a: {use: [b]}}", "headers: {a: {unit: {b: c}}}", "files: [a]", "files: {a: b}", "files: {a: {headers: 5}}",
    "regions: {a: [b]}", "regions: {[a, b]: c}", "? [a]\n: b", "sheets: {a: {b: c}}", "defaults: {year: [2015]}", "defaults: [year]", "publication: [a]", "publication: {a: b}",
    "&a [*a]", "headers: &a {x: *a}", "files: &a {b: *a}", "!!python/object/apply:os.system [ls]", "a: !!binary x", "2015-01-01: x", "headers: {2015-01-01: {use: gdp}}", "headers: {null: ignore}",
    "headers: {1: {use: 2}}", "\x00", "a:\n\tb", "- - - -", "{" * 2_000, "headers: {" + "'" , "files: {x: {publication: 3.5}}", "defaults: {unit: ~, edition: {}}",
    "a: &a [x,x,x]\nb: &b [*a,*a,*a]\nc: &c [*b,*b,*b]\nd: &d [*c,*c,*c]\nheaders: {e: *d}", "headers: {a: {use: gdp, filled: [1]}}", "headers: {a: {1: 2}}", "sheets: [a, b]",
)  # fmt: skip


@pytest.mark.parametrize("text", SHAPES)
def test_a_mapping_file_of_any_shape_is_refused_in_words(text: str, tmp_path: Path) -> None:
    path = tmp_path / "map.yml"
    path.write_text(text)
    try:
        load_mappings(path, load_registry(ROOT))
    except CbecError as error:
        assert error.exit_code == 2
        assert str(path) in str(error)


def test_no_trace_reaches_a_person(tmp_path: Path) -> None:
    """What nobody expected names the file, and the trace is kept in the folder of the run."""
    (tmp_path / "map.yml").mkdir()
    (tmp_path / "good.csv").write_bytes(csv(base()))
    (tmp_path / "table.csv").write_bytes(csv(base()).replace(b"2014", b"2013"))
    code = (
        "import sys; from cbec import cli; from cbec.ingest import landing\n"
        "whole = landing.land\n"
        "def land(folder, table, sha256):\n"
        "    assert landing.listed(folder) == [], 'one is enough'\n"
        "    return whole(folder, table, sha256)\n"
        "landing.land = land\n"
        "if __name__ == '__main__': cli.main()"
    )
    script = tmp_path / "broken.py"
    script.write_text(code)
    env = os.environ | {
        "CBEC_WAREHOUSE": str(tmp_path / "w"), "CBEC_LANDING": str(tmp_path / "l"), "PYTHONPATH": str(ROOT),
        "PYTHONIOENCODING": "ascii",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, str(script), "import", str(tmp_path / "good.csv"), str(tmp_path / "table.csv")],
        cwd=ROOT, env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 4, done.stderr
    assert "Traceback" not in done.stderr
    said = "table.csv: the import failed (AssertionError: one is enough); 1 files have landed"
    assert said in done.stderr.replace("\n", " ")
    (traces,) = (tmp_path / "w").glob("imports/*/traces.txt")
    assert str(traces) in done.stderr
    assert "Traceback" in traces.read_text()
    done = run_cbec(
        "import", str(tmp_path / "good.csv"), "--map", str(tmp_path / "map.yml"), warehouse=tmp_path
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_full_disk_after_landing_is_told(tmp_path: Path) -> None:
    """No file may grow beyond 60 kB: the figures land, the report of the run does not."""
    (tmp_path / "good.csv").write_bytes(csv(base()))
    done = run_cbec(
        "import", str(tmp_path / "good.csv"), warehouse=tmp_path / "w",
        preexec_fn=lambda: (
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN), resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000)),
        ),
    )  # fmt: skip
    assert done.returncode == 4, done.stderr
    assert "Traceback" not in done.stderr
    assert "the report of the run: the disk is full (File too large); 1 files have landed" in done.stderr
    assert len(listed(tmp_path / "w" / "landing")) == 1


def test_two_imports_at_once_are_one_after_the_other(tmp_path: Path) -> None:
    (tmp_path / "good.csv").write_bytes(csv(base()))
    with landing_writer(tmp_path / "landing"):
        done = run_cbec("import", str(tmp_path / "good.csv"), warehouse=tmp_path)
        assert done.returncode == 5
        assert f"another import is running (process {os.getpid()}); nothing was changed" in done.stderr
        assert run_cbec("import", "--remove", "good.csv", warehouse=tmp_path).returncode == 5
        assert run_cbec("import", str(tmp_path / "good.csv"), "--dry-run", warehouse=tmp_path).returncode == 0
    assert run_cbec("import", str(tmp_path / "good.csv"), warehouse=tmp_path).returncode == 0


def test_what_a_killed_run_left_is_gone_after_the_next(tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    landing.mkdir()
    (landing / f".{'0' * 64}.99.abc.new").write_bytes(b"half")
    (tmp_path / "good.csv").write_bytes(csv(base()))
    assert imported(tmp_path, tmp_path / "good.csv").outcomes[0].action == "landed"
    assert sorted(p.suffix for p in landing.iterdir()) == ["", ".parquet"]
    gone = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True, check=True
    )
    out = tmp_path / "out"
    (out / f".cbec-new.{gone.stdout.strip()}.pack").mkdir(parents=True)
    left, mine, foreign = (
        out / f".cbec-new.{gone.stdout.strip()}.a.csv",
        out / f".cbec-new.{os.getpid()}.b.csv",
        out / ".c.csv",
    )
    for path in (left, mine, foreign):
        path.write_bytes(b"x")
    assert name_beside(out / "d.csv").parent == out
    assert sorted(out.iterdir()) == sorted([mine, foreign])


def test_the_folder_of_imports_keeps_the_last_runs(tmp_path: Path) -> None:
    """A mapping file that a person may have edited stays."""
    imports = tmp_path / "warehouse" / "imports"
    for k in range(KEEP_RUNS + 3):
        (imports / f"2020010{k // 10}T00000{k % 10}Z-aaaaaa" / "data_docs").mkdir(parents=True)
    edited = sorted(imports.iterdir())[1] / "import.map.yml"
    edited.write_text("headers: {}")
    (tmp_path / "good.csv").write_bytes(csv(base()))
    assert imported(tmp_path, tmp_path / "good.csv", lands=False).docs
    kept = sorted(imports.glob("*/data_docs"))
    assert len(kept) == KEEP_RUNS
    assert edited.is_file()
    assert len(list(imports.iterdir())) == KEEP_RUNS + 1


def test_wrong_units_of_an_import_do_not_shut_out_the_right_file(tmp_path: Path) -> None:
    """Of two imports nobody knows which is right: both are there, and the later one is told of the other."""
    wrong = [
        [HEADER[0], HEADER[1], "煤炭消费量(万吨)"],
        *[[r[0], r[1], float(str(r[2])) * 100] for r in rows()],
    ]
    right = [[HEADER[0], HEADER[1], "煤炭消费量(万吨)"], *[[*r[:3]] for r in rows()]]
    for name, table in (("wrong.csv", wrong), ("right.csv", right)):
        (tmp_path / name).write_bytes(csv(table))
    assert [o.action for o in imported(tmp_path, tmp_path / "wrong.csv").outcomes] == ["landed"]
    (outcome,) = imported(tmp_path, tmp_path / "right.csv").outcomes
    assert outcome.action == "landed"
    said = " ".join(map(str, outcome.imported.problems))
    assert "has another magnitude than a file imported before" in said


def test_an_import_that_is_killed_takes_its_readers_along(tmp_path: Path) -> None:
    (slow,) = hostile(1, 1, ["long_string"])
    (tmp_path / "long.xlsx").write_bytes(slow.data)
    env = os.environ | {"CBEC_WAREHOUSE": str(tmp_path / "w"), "CBEC_LANDING": str(tmp_path / "l")}
    parent = subprocess.Popen(
        [sys.executable, "-m", "cbec.cli", "import", str(tmp_path / "long.xlsx")], cwd=ROOT, env=env,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip

    def readers() -> list[int]:
        found = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(parent.pid)], capture_output=True, text=True, check=False
        )
        return [int(word) for word in found.stdout.split()]

    deadline = time.monotonic() + 60
    while not (alive := readers()) and time.monotonic() < deadline:
        time.sleep(0.05)
    parent.kill()
    parent.wait()
    assert alive
    while any(Path(f"/proc/{pid}").exists() for pid in alive) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(Path(f"/proc/{pid}").exists() for pid in alive)
