"""What `cbec import` and `cbec check PATH` do: recognise, validate, land."""

from __future__ import annotations

import contextlib
import datetime
import errno
import secrets
import shutil
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cbec.common.files import landing_writer
from cbec.common.garbage import uncollected
from cbec.ingest import landing
from cbec.ingest.files import File, Refused, find_files
from cbec.ingest.mapping import Mapping, load_mappings, template
from cbec.ingest.problems import Problem
from cbec.ingest.reading import How, Readers, Reading
from cbec.ingest.registry import Registry, load_registry
from cbec.ingest.run import Imported, mapping_for
from cbec.ingest.shipped import Shipped
from cbec.project import CbecError, Project
from cbec.registry.series import builds_panels, panel_series, shipped_figures

if TYPE_CHECKING:
    import pandas as pd

    from cbec.ingest.expectations import Validator

MAX_BATCH = 100
# Runs whose data docs are kept, and the traces of errors beside them.
KEEP_RUNS = 10
# What becomes of files that hold figures which are there after the run.
LANDING = {"landed", "would land", "unchanged", "nothing new"}
TRACES = "traces.txt"
HELD_SEEDS = (("province", "province_yearbook"), ("prefecture", "city_yearbook"))


@dataclass(frozen=True)
class Outcome:
    """One file after the run. action: landed, unchanged (the same file), nothing new (the same figures from
    another file, or as they ship), would land, refused, left out, passed over (files of a folder that hold no
    tables), no figures. n_shipped: cells that only
    repeat printed figures that ship; n_conflicts: cells that ship with another figure."""

    imported: Imported
    action: str
    vintage: str = ""
    supersedes: str = ""
    path: Path | None = None
    n_shipped: int = 0
    n_conflicts: int = 0


@dataclass(frozen=True)
class Run:
    """A whole run. mapping: the file to edit when something was not recognised. efforts: seconds of computing
    and MB of memory that reading took, by name of the file. series: rows of quality.panel_series, as the next
    build will have them, of the columns for which something landed or would."""

    folder: Path
    outcomes: tuple[Outcome, ...]
    docs: Path | None
    mapping: Path | None
    efforts: dict[str, tuple[float, float]] = field(default_factory=dict)
    series: pd.DataFrame | None = None

    @property
    def has_files(self) -> bool:
        """Any file was found that is read or may hold figures."""
        return any(outcome.action != "passed over" for outcome in self.outcomes)

    @property
    def has_errors(self) -> bool:
        """A file was refused, or left out though it may hold figures; or there is nothing that could land."""
        actions = {outcome.action for outcome in self.outcomes}
        return bool({"refused", "left out"} & actions) or not actions & LANDING


@dataclass(frozen=True)
class Options:
    """What a person requested. lands: False for --dry-run and for check."""

    publication: str = ""
    edition: str = ""
    map_file: Path | None = None
    # What holds where a file does not say it: indicator, unit, year, region_level.
    defaults: dict[str, str] = field(default_factory=dict)
    encoding: str | None = None
    lands: bool = True
    # True for the demo warehouse only, which takes simulated files and no others.
    is_demo: bool = False
    # SHA-256 of files that need no reading, because what they land is there already.
    known: frozenset[str] = frozenset()
    # Read as if no printed figure shipped: to make the seeds of the print.
    ignores_print: bool = False


def import_paths(
    project: Project,
    paths: list[Path],
    options: Options,
    progress: Callable[[str, int, int], None] = lambda name, done, total: None,
) -> Run:
    """Import files, folders and zips. A file with an error is kept out; the others land.

    Raises CbecError: 2 for a path, publication or mapping file that is not there, 4 when the disk fails or
    something happens that nobody expected (the trace is in the run's folder), 5 while another import runs.
    """
    now = datetime.datetime.now(datetime.UTC)
    folder = project.warehouse / "imports" / f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    run = _Importing(project, folder, options, progress)
    try:
        # Two imports at once would take one vintage for two files.
        with landing_writer(project.landing) if options.lands else contextlib.nullcontext():
            return run.all(paths)
    except CbecError:
        raise
    except Exception as error:  # told to a person in words
        # The one place where what nobody expected is caught: a person is told the file and no trace.
        n = sum(outcome.action == "landed" for outcome in run.outcomes)
        said = f"{run.at or 'the import'}: {_in_words(error)}; {n} files have landed"
        where = _keep_trace(folder, run.at, traceback.format_exc())
        raise CbecError(f"{said}{where}", exit_code=4) from None


def _in_words(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"the disk is full ({error.strerror})"
    if isinstance(error, MemoryError):
        return "there is not enough memory"
    return f"the import failed ({type(error).__name__}: {error})"


def _keep_trace(folder: Path, name: str, trace: str) -> str:
    """Add where an error was raised to the traces of a run; gives words that say where they are."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / TRACES, "a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"{name}\n{trace}\n")
    except OSError:
        return ""
    return f"; where it happened stands in {folder / TRACES}"


class _Importing:
    """One run. at: what it is doing now; outcomes: of the files that it is done with."""

    def __init__(
        self, project: Project, folder: Path, options: Options, progress: Callable[[str, int, int], None]
    ) -> None:
        self.at = ""
        self.outcomes: list[Outcome] = []
        self._project, self._folder, self._options, self._progress = project, folder, options, progress
        self._registry = load_registry(project.root)
        # Simulated figures are compared with simulated ones only.
        print_there = None if options.is_demo else Shipped(project.root, self._registry)
        shipped = None if options.ignores_print else print_there
        self._held = landing.Held(project.landing, shipped, print_there)
        self._known = Known(project, self._registry, shipped)
        self._validator: Validator | None = None
        self._batch: list[Imported] = []
        self._mappings: dict[str, Mapping] = {}
        self._efforts: dict[str, tuple[float, float]] = {}
        # By SHA-256, the first file of this run with a content that landed.
        self._first: dict[str, str] = {}

    def all(self, paths: list[Path]) -> Run:
        """Read, judge and land every file of the paths."""
        options, registry = self._options, self._registry
        if options.publication and options.publication not in registry.publications:
            valid = ", ".join(registry.publications)
            raise CbecError(f"unknown publication {options.publication!r}; valid: {valid}", exit_code=2)
        self.at = str(options.map_file or "")
        mappings = load_mappings(options.map_file, registry, options.defaults)
        self._mappings = mappings
        how = How(
            self._project.root,
            options.publication,
            options.edition,
            options.encoding,
            mappings,
            options.known,
        )
        with Readers(how) as readers:
            try:
                found = list(find_files(paths, readers.members))
            except Refused as refused:
                raise CbecError(str(refused), exit_code=2) from None
            readings = readers.read(found)
            for done, entry in enumerate(found):
                self.at = entry.name if not isinstance(entry, Problem) else entry.file
                self._progress(self.at, done, len(found))
                with uncollected():
                    self._take(next(readings))
        with uncollected():
            self._settle()
        self._progress("", len(found), len(found))
        self.at = "the report of the run"
        docs = self._validator.write_docs(self._folder / "data_docs") if self._validator else None
        mapping = self._write_mapping()
        _forget_runs(self._folder)
        return Run(self._folder, tuple(self.outcomes), docs, mapping, self._efforts, self._series())

    def _series(self) -> pd.DataFrame | None:
        """Which series the columns will read of which this run has figures. Simulated yearbooks have one."""
        import pandas as pd

        new = [o for o in self.outcomes if o.action in ("landed", "would land", "unchanged") and o.vintage]
        cells = [(c, o.vintage) for o in new for c in o.imported.cells]
        wanted = {c.indicator_id for c, _ in cells if c.indicator_id in self._registry.indicators}
        # Of files that are read for something else than panels nobody asks, nor where no panel is built.
        is_for_panels = not (self._options.is_demo or self._options.ignores_print)
        if not (is_for_panels and wanted and builds_panels(self._project.root)):
            return None
        for outcome in new:
            self._known.add_cells(outcome.imported, outcome.vintage)
        figures = pd.concat([shipped_figures(self._project.root, wanted), *self._known.series(wanted)])
        found = panel_series(self._project.root, figures.dropna(subset="value"))
        own = {vintage for _, vintage in cells}
        columns = {(c.region_level, c.indicator_id) for c, _ in cells}
        keys = pd.MultiIndex.from_frame(found[["region_level", "indicator_id"]])
        return found[keys.isin(columns) & (found["series_id"].isin(own) | found["n_read"].gt(0))]

    def _take(self, reading: Reading | Problem) -> None:
        """Settle what came of one file, or put it to those that are judged together."""
        if isinstance(reading, Problem):
            status = "refused" if not reading.is_warning else "left out"
            status = "passed over" if reading.is_warning and reading.kind == "folder" else status
            broken = Imported(File(reading.file, b"", Path(reading.file)), status, problems=(reading,))
            self._settle()
            self.outcomes.append(Outcome(broken, status))
            return
        imported = reading.imported
        self._efforts[imported.file.name] = (reading.seconds, reading.peak_mb)
        if reading.trace:
            (problem,) = imported.problems
            where = _keep_trace(self._folder, imported.file.name, reading.trace)
            imported = replace(imported, problems=(replace(problem, message=problem.message + where),))
        if imported.status == "unread":
            self._settle()
            self.outcomes.append(Outcome(imported, "unchanged"))
            return
        imported = _apart(imported, is_demo=self._options.is_demo)
        # The tables of one edition are validated together: one page of data docs for all of them.
        is_alone = not imported.printed
        batch = self._batch
        if is_alone or len(batch) >= MAX_BATCH or any(i.edition != imported.edition for i in batch):
            self._settle()
        batch.append(imported)
        if is_alone:
            self._settle()

    def _settle(self) -> None:
        """Judge what is waiting, and land it."""
        # Also where something is asked: what is wrong with the cells is then asked with it.
        judged = [
            i for i in self._batch if i.cells and i.publication and all(p.answer[0] for p in i.errors)
        ]  # fmt: skip
        found: dict[int, Imported] = {}
        if judged:
            if self._validator is None:
                # Great Expectations imports slowly: once, and only when there is a file to validate.
                from cbec.ingest.expectations import Validator

                self._validator = Validator(self._registry)
            left_out = {i.file.name: mapping_for(i.file, self._mappings).leaves_out for i in judged}
            after = _judged(self._registry, self._validator, self._known, judged, left_out)
            found = {id(i): j for i, j in zip(judged, after, strict=True)}
        for imported in self._batch:
            self.at = imported.file.name
            self.outcomes.append(self._landed(found.get(id(imported), imported)))
        self._batch.clear()

    def _landed(self, imported: Imported) -> Outcome:
        sha256 = imported.file.sha256
        if sha256 in self._first and not imported.errors:
            message = f"has the same content as {self._first[sha256]}"
            twin = Problem(imported.file.name, "", "file", "", message, is_warning=True)
            return Outcome(replace(imported, problems=(*imported.problems, twin)), "unchanged")
        outcome = _landed(self._project, imported, self._options, self._held, self._known)
        if outcome.action in ("landed", "would land", "unchanged"):
            self._first[sha256] = imported.file.name
        return outcome

    def _write_mapping(self) -> Path | None:
        text = template([p for outcome in self.outcomes for p in outcome.imported.problems])
        if not text:
            return None
        self._folder.mkdir(parents=True, exist_ok=True)
        mapping = self._folder / "import.map.yml"
        mapping.write_text(text, encoding="utf-8", errors="backslashreplace")
        return mapping


def _forget_runs(present: Path) -> None:
    """Delete the data docs and traces of all but the last runs. Mapping files are small and stay: a person
    may have edited them."""
    folder = present.parent
    runs = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    # Should the clock have been set back, the present one is not the last by its name.
    others = [run for run in runs if run != present]
    for run in others[: max(len(others) - KEEP_RUNS + 1, 0)]:
        shutil.rmtree(run / "data_docs", ignore_errors=True)
        with contextlib.suppress(OSError):
            (run / TRACES).unlink(missing_ok=True)
            run.rmdir()


def _apart(imported: Imported, *, is_demo: bool) -> Imported:
    """Refuse a simulated file beside real figures, and a real one in the demo."""
    if imported.publication is None or (imported.publication.source_id == "simulation") == is_demo:
        return imported
    text = "is real and has no place in the demo" if is_demo else "is simulated; only `cbec demo` loads it"
    problem = Problem(imported.file.name, "", "publication", imported.publication.publication_id, text)
    return replace(imported, problems=(*imported.problems, problem), status="refused")


def _judged(
    registry: Registry,
    validator: Validator,
    known: Known,
    batch: list[Imported],
    left_out: dict[str, frozenset[str]],
) -> list[Imported]:
    """Files of one batch after the expectations: with problems and suspicions.

    left_out: by file, what is wrong with cells that its mapping file leaves out.
    """
    import pandas as pd

    from cbec.ingest.expectations import broken, flags, suspects, to_frame

    first = batch[0]
    assert first.publication is not None
    frame = pd.concat([to_frame(i.cells, registry, i.file.name) for i in batch], ignore_index=True)
    existing, previous = known.figures(batch)
    flagged = flags(frame, registry, existing, previous)
    if leaves_out := frozenset().union(*left_out.values()):
        gone = broken(flagged, leaves_out)
        places = set(zip(flagged.loc[gone, "file"], flagged.loc[gone, "place"], strict=True))
        batch = [_without(i, places) for i in batch]
        flagged = flagged[~gone].reset_index(drop=True)
    kind = "print" if first.printed else first.publication.kind
    label = first.file.name
    if len(batch) > 1:
        label = f"{first.publication.publication_id} {first.edition} ({len(batch)} files)"
    problems = validator.judge(label, kind, flagged)
    suspect_codes = suspects(flagged)
    out = []
    for imported in batch:
        for cell in imported.cells if suspect_codes else ():
            codes = suspect_codes.get((imported.file.name, cell.source_locator))
            if codes:
                cell.suspect_codes = ";".join(filter(None, (cell.suspect_codes, codes)))
                # A printed figure that cannot be is kept as printed, and nobody vouches for it.
                if imported.printed and cell.value is not None:
                    cell.obs_status_all = registry.status_list(cell.obs_status_all.replace("A", "") + "V")
        own = problems.get(imported.file.name, [])
        status = "refused" if any(not p.is_warning for p in own) else imported.status
        out.append(replace(imported, problems=(*imported.problems, *own), status=status))
    return out


def _without(imported: Imported, places: set[tuple[str, str]]) -> Imported:
    """A file without the cells of these places, and how many they are."""
    name = imported.file.name
    kept = tuple(c for c in imported.cells if (name, c.source_locator) not in places)
    n = len(imported.cells) - len(kept)
    dropped = imported.dropped | ({"left out by the mapping file: beyond what can be": n} if n else {})
    return replace(imported, cells=kept, dropped=dropped)


class Known:
    """Figures of shipped yearbooks and landed files, in the indicators' own units, read once for a run."""

    COLUMNS = ("region_level", "region_code", "year", "indicator_id", "value")

    def __init__(self, project: Project, registry: Registry, shipped: Shipped | None = None) -> None:
        self._project = project
        self._shipped = shipped
        self._registry = registry
        self._parts: dict[str, list[tuple[str, str, pd.DataFrame]]] | None = None
        self._requested: set[str] = set()

    def _scale(self, indicator: str, unit: str) -> float:
        own = self._registry.unit_of(indicator)
        return 10.0 ** (self._registry.units[unit].scale - own.scale) if own else 1.0

    def _load(self) -> dict[str, list[tuple[str, str, pd.DataFrame]]]:
        import pandas as pd
        import pyarrow.parquet as pq

        if self._parts is not None:
            return self._parts
        self._parts = {}
        for level, name in HELD_SEEDS:
            frame = pd.read_csv(
                self._project.root / f"seeds/yearbook/{name}.csv",
                dtype={"region_code": str, "value": "float64"},
                usecols=["region_code", "year", "indicator_id", "unit", "value"],
            )
            frame["region_level"] = level
            self._split("", "", frame)
        for path in sorted(self._project.landing.glob("*.parquet")):
            table = pq.read_table(path)
            if "record" in table.column_names:
                import pyarrow.compute as pc

                table = table.filter(pc.equal(table["record"], "cell"))
            if table.num_rows:
                read = [*self.COLUMNS[:4], "vintage", "unit_printed", "value_in_printed_unit"]
                read += ["scope"] if "scope" in table.column_names else []
                frame = table.select(read).to_pandas()
                self.add(path.stem, str(frame["vintage"].iloc[0]), frame)
        return self._parts

    def _split(self, sha256: str, vintage: str, frame: pd.DataFrame) -> None:
        assert self._parts is not None
        pairs = zip(frame["indicator_id"], frame["unit"], strict=True)
        scales = {pair: self._scale(*pair) for pair in set(pairs)}
        factor = [scales[pair] for pair in zip(frame["indicator_id"], frame["unit"], strict=True)]
        frame = frame.assign(value=frame["value"] * factor, year=frame["year"].astype("int64"))
        for indicator, part in frame.groupby("indicator_id", observed=True):
            self._parts.setdefault(str(indicator), []).append((sha256, vintage, part[list(self.COLUMNS)]))

    def add(self, sha256: str, vintage: str, frame: pd.DataFrame) -> None:
        """Remember the cells of a file: landed columns."""
        if self._parts is None:
            self._load()
        if "scope" in frame:
            frame = frame[frame["scope"].isin(["whole_prefecture", "province"]) | frame["scope"].isna()]
        values = frame["value_in_printed_unit"].astype("float64")
        self._split(sha256, vintage, frame.rename(columns={"unit_printed": "unit"}).assign(value=values))

    def _load_shipped(self, indicators: set[str]) -> None:
        """The printed figures of these indicators that ship, each read when it is first requested."""
        self._load()
        wanted = indicators - self._requested
        if self._shipped and wanted:
            self._requested |= wanted
            self._split("", self._shipped.series, self._shipped.frame(wanted))

    def add_cells(self, imported: Imported, vintage: str) -> None:
        """Remember the cells of a file that was not there when this was loaded."""
        import pandas as pd

        if any(sha256 == imported.file.sha256 for parts in self._load().values() for sha256, _, _ in parts):
            return
        rows = [
            (c.region_level, c.region_code, c.year, c.indicator_id, c.unit_printed, c.value, c.scope)
            for c in imported.cells
        ]
        names = [*self.COLUMNS[:4], "unit_printed", "value_in_printed_unit", "scope"]
        frame = pd.DataFrame(rows, columns=names)
        frame["scope"] = frame["scope"].replace("", None)
        self.add(imported.file.sha256, vintage, frame)

    def series(self, indicators: set[str]) -> Iterator[pd.DataFrame]:
        """Figures of some indicators by series: the printed ones that ship and the landed ones."""
        self._load_shipped(indicators)
        for indicator in sorted(indicators):
            for _, vintage, part in self._load().get(indicator, ()):
                if vintage:
                    yield part.assign(series_id=vintage, is_shipped=False)

    def figures(self, batch: list[Imported]) -> tuple[pd.DataFrame, pd.DataFrame]:
        """All known figures of a batch's indicators with `is_imported`, and those of the version that it
        follows."""
        import pandas as pd

        base, own = batch[0].vintage_base, {i.file.sha256 for i in batch}
        years = {cell.year for i in batch for cell in i.cells}
        every, previous = [], []
        indicators = {cell.indicator_id for i in batch for cell in i.cells}
        self._load_shipped(indicators)
        for indicator in indicators:
            for sha256, vintage, part in self._load().get(indicator, ()):
                if sha256 not in own:
                    every.append(part.assign(is_imported=bool(sha256)))
                    if vintage and (vintage == base or vintage.startswith(f"{base}_r")):
                        previous.append(part[part["year"].isin(years)])
        empty = pd.DataFrame(columns=[*self.COLUMNS, "is_imported"])
        return (pd.concat(every) if every else empty), (pd.concat(previous) if previous else empty)


def _landed(
    project: Project, imported: Imported, options: Options, held: landing.Held, known: Known
) -> Outcome:
    if imported.status == "no figures":
        return Outcome(imported, "no figures")
    publication = imported.publication
    if imported.errors or not imported.cells or publication is None:
        return Outcome(imported, "refused")
    sha256, base = imported.file.sha256, imported.vintage_base
    if publication.is_one_series == "true" and imported.edition:
        series, name = publication.vintage, imported.file.landed_name
        wrong = held.contradicts(series, imported.edition, imported.cells, sha256, name)
        if wrong:
            problem = Problem(imported.file.name, "", "year", f"edition {imported.edition}", wrong)
            refused = replace(imported, status="refused", problems=(*imported.problems, problem))
            return Outcome(refused, "refused")
    n_shipped, conflicts = held.compared(base, imported.edition, imported.cells, imported.file.name)
    if conflicts:
        imported = replace(imported, problems=(*imported.problems, *conflicts))
    vintage, is_new = held.vintage_for(base, imported.cells, sha256, imported.edition)
    if not is_new:
        return Outcome(imported, "nothing new", base, n_shipped=n_shipped, n_conflicts=len(conflicts))
    supersedes = "" if vintage == base else base

    outcome = Outcome(imported, "would land", vintage, supersedes, None, n_shipped, len(conflicts))
    if not options.lands:
        return outcome
    path = project.landing / f"{sha256}.parquet"
    table = landing.to_table(
        imported.cells,
        vintage=vintage,
        source_id=publication.source_id,
        source_file=imported.file.landed_name,
        sha256=sha256,
        is_simulated=options.is_demo,
        publication_id=publication.publication_id,
        series_id=publication.vintage if publication.is_one_series == "true" else "",
        edition=imported.edition,
        printed=imported.printed,
        names=imported.names,
    )
    if path.is_file() and landing.holds(path, table):
        return replace(outcome, action="unchanged", path=path)
    landing.land(project.landing, table, sha256)
    held.add(sha256, vintage, table)
    return replace(outcome, action="landed", path=path)
