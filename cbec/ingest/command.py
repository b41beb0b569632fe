"""What `cbec import` and `cbec check PATH` do: recognise, judge at the door, land."""

from __future__ import annotations

import contextlib
import csv
import datetime
import gc
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cbec.ingest import landing
from cbec.ingest.files import File, Refused, find_files
from cbec.ingest.mapping import load_mappings, template
from cbec.ingest.problems import Problem
from cbec.ingest.run import Imported, Recogniser
from cbec.project import CbecError, Project

if TYPE_CHECKING:
    import pandas as pd

    from cbec.quality.door import Door

HELD_SEEDS = (("province", "province_yearbook"), ("prefecture", "city_yearbook"))


@dataclass(frozen=True)
class Outcome:
    """One file after the run. action: landed, unchanged, would land, refused, left out, no figures."""

    imported: Imported
    action: str
    vintage: str = ""
    supersedes: str = ""
    path: Path | None = None


@dataclass(frozen=True)
class Run:
    """A whole run. mapping: the file to edit when something was not recognised."""

    folder: Path
    outcomes: tuple[Outcome, ...]
    docs: Path | None
    mapping: Path | None

    @property
    def has_errors(self) -> bool:
        return any(outcome.action == "refused" for outcome in self.outcomes)


@dataclass(frozen=True)
class Options:
    """What a person asked for. lands: False for --dry-run and for check."""

    publication: str = ""
    edition: str = ""
    map_file: Path | None = None
    encoding: str | None = None
    lands: bool = True
    # True for the demo warehouse only, which takes simulated files and no others.
    is_demo: bool = False
    # SHA-256 of files that need no reading, because what they land is there already.
    known: frozenset[str] = frozenset()


def import_paths(
    project: Project,
    paths: list[Path],
    options: Options,
    progress: Callable[[str, int, int], None] = lambda name, done, total: None,
) -> Run:
    """Import files, folders and zips. A file with an error is kept out; the others land.

    Raises CbecError (2) for a path, publication or mapping file that is not there.
    """
    recogniser = Recogniser.of(project.root)
    registry = recogniser.registry
    if options.publication and options.publication not in registry.publications:
        valid = ", ".join(registry.publications)
        raise CbecError(f"unknown publication {options.publication!r}; valid: {valid}", exit_code=2)
    mappings = load_mappings(options.map_file, registry)
    try:
        files = list(find_files(paths))
    except Refused as refused:
        raise CbecError(str(refused), exit_code=2) from None
    now = datetime.datetime.now(datetime.UTC)
    folder = project.warehouse / "imports" / f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    door: Door | None = None
    outcomes: list[Outcome] = []
    for done, entry in enumerate(files):
        name = entry.name if isinstance(entry, File) else entry.file
        progress(name, done, len(files))
        if isinstance(entry, Problem):
            status = "left out" if entry.is_warning else "refused"
            broken = Imported(File(entry.file, b"", Path(entry.file)), status, problems=(entry,))
            outcomes.append(Outcome(broken, status))
            continue
        if entry.sha256 in options.known:
            outcomes.append(Outcome(Imported(entry, "unread"), "unchanged"))
            continue
        with _uncollected():
            imported = recogniser.read(
                entry,
                publication=options.publication,
                edition=options.edition,
                mappings=mappings,
                encoding=options.encoding,
            )
            imported = _apart(imported, is_demo=options.is_demo)
            if imported.cells and imported.publication and not imported.errors:
                if door is None:
                    # Great Expectations imports slowly: once, and only when a file has come to the door.
                    from cbec.quality.door import Door

                    door = Door(registry)
                imported = _judged(project, recogniser, door, imported)
            outcomes.append(_landed(project, imported, options))
    progress("", len(files), len(files))
    docs = door.write_docs(folder / "data_docs") if door else None
    problems = [p for outcome in outcomes for p in outcome.imported.problems]
    text = template(problems)
    mapping = None
    if text:
        folder.mkdir(parents=True, exist_ok=True)
        mapping = folder / "import.map.yml"
        mapping.write_text(text, encoding="utf-8")
    return Run(folder, tuple(outcomes), docs, mapping)


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """No garbage collection within one file: its cells are in no cycles, and walking over hundreds of
    thousands of them again and again is a quarter of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _apart(imported: Imported, *, is_demo: bool) -> Imported:
    """Refuse a simulated file beside real figures, and a real one in the demo."""
    if imported.publication is None or (imported.publication.source_id == "simulation") == is_demo:
        return imported
    text = "is real and has no place in the demo" if is_demo else "is simulated; only `cbec demo` loads it"
    problem = Problem(imported.file.name, "", "publication", imported.publication.publication_id, text)
    return replace(imported, problems=(*imported.problems, problem), status="refused")


def _judged(project: Project, recogniser: Recogniser, door: Door, imported: Imported) -> Imported:
    from cbec.quality.door import flags, suspects, to_frame

    assert imported.publication is not None
    registry = recogniser.registry
    frame = to_frame(imported.cells, registry)
    held, before = _held(project, recogniser, imported)
    flagged = flags(frame, registry, held, before)
    problems = door.judge(imported.file.name, imported.publication.kind, flagged)
    doubts = suspects(flagged)
    if doubts:
        for cell in imported.cells:
            cell.suspect_codes = doubts.get(cell.source_locator)
    status = "refused" if any(not p.is_warning for p in problems) else imported.status
    return replace(imported, problems=(*imported.problems, *problems), status=status)


def _held(project: Project, recogniser: Recogniser, imported: Imported) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Figures of the shipped yearbooks and landed files, and those of the same publication, in own units."""
    import pandas as pd
    import pyarrow.parquet as pq

    registry = recogniser.registry
    wanted = {cell.indicator_id for cell in imported.cells}
    columns = ["region_level", "region_code", "year", "indicator_id", "value"]
    rows: list[tuple[str, str, int, str, float]] = []

    def scaled(indicator: str, unit: str, value: float) -> float:
        own = registry.units[registry.indicators[indicator].unit].scale
        return value * 10.0 ** (registry.units[unit].scale - own)

    for level, name in HELD_SEEDS:
        with (project.root / f"seeds/yearbook/{name}.csv").open(encoding="utf-8", newline="") as source:
            for row in csv.DictReader(source):
                if row["indicator_id"] in wanted:
                    value = scaled(row["indicator_id"], row["unit"], float(row["value"]))
                    rows.append((level, row["region_code"], int(row["year"]), row["indicator_id"], value))
    held = pd.DataFrame(rows, columns=columns)
    before = pd.DataFrame(rows[:0], columns=columns)
    parts = []
    for path in sorted(project.landing.glob("*.parquet")):
        if path.stem == imported.file.sha256:
            continue
        read = [*columns[:4], "vintage", "unit_printed", "value_in_printed_unit"]
        table = pq.read_table(path, columns=read, filters=[("indicator_id", "in", sorted(wanted))])
        if not table.num_rows:
            continue
        part = table.to_pandas()
        factor = [scaled(i, u, 1.0) for i, u in zip(part["indicator_id"], part["unit_printed"], strict=True)]
        part["value"] = part["value_in_printed_unit"].astype("float64") * factor
        part["year"] = part["year"].astype("int64")
        vintage = str(part["vintage"].iloc[0])
        if vintage == imported.vintage_base or vintage.startswith(f"{imported.vintage_base}_r"):
            before = part[columns] if before.empty else pd.concat([before, part[columns]])
        parts.append(part[columns])
    known = [frame for frame in (held, *parts) if not frame.empty]
    return (pd.concat(known) if known else held), before


def _landed(project: Project, imported: Imported, options: Options) -> Outcome:
    if imported.status == "no figures":
        return Outcome(imported, "no figures")
    if imported.errors or not imported.cells or imported.publication is None:
        return Outcome(imported, "refused")
    sha256, base = imported.file.sha256, imported.vintage_base
    keys = {cell.key for cell in imported.cells}
    vintage = landing.free_vintage(project.landing, base, keys, sha256)
    supersedes = "" if vintage == base else base
    if not options.lands:
        return Outcome(imported, "would land", vintage, supersedes)
    path = project.landing / f"{sha256}.parquet"
    table = landing.to_table(
        imported.cells,
        vintage=vintage,
        source_id=imported.publication.source_id,
        source_file=imported.file.landed_name,
        sha256=sha256,
        is_simulated=options.is_demo,
    )
    if path.is_file() and landing.holds(path, table):
        return Outcome(imported, "unchanged", vintage, supersedes, path)
    landing.land(project.landing, table, sha256)
    return Outcome(imported, "landed", vintage, supersedes, path)
