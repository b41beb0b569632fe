"""What `cbec import` and `cbec check PATH` do: recognise, validate, land."""

from __future__ import annotations

import datetime
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cbec.common.garbage import uncollected
from cbec.ingest import landing
from cbec.ingest.files import File, Refused, find_files
from cbec.ingest.mapping import load_mappings, template
from cbec.ingest.problems import Problem
from cbec.ingest.run import Imported, Recogniser
from cbec.ingest.shipped import Shipped
from cbec.project import CbecError, Project

if TYPE_CHECKING:
    import pandas as pd

    from cbec.ingest.expectations import Validator

MAX_BATCH = 100
HELD_SEEDS = (("province", "province_yearbook"), ("prefecture", "city_yearbook"))


@dataclass(frozen=True)
class Outcome:
    """One file after the run. action: landed, unchanged (the same file), nothing new (the same figures from
    another file, or as they ship), would land, refused, left out, no figures. n_shipped: cells that only
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
    """A whole run. mapping: the file to edit when something was not recognised."""

    folder: Path
    outcomes: tuple[Outcome, ...]
    docs: Path | None
    mapping: Path | None

    @property
    def has_errors(self) -> bool:
        """A file was refused, or all that was found is of kinds that are not read."""
        actions = {outcome.action for outcome in self.outcomes}
        return "refused" in actions or actions == {"left out"}


@dataclass(frozen=True)
class Options:
    """What a person requested. lands: False for --dry-run and for check."""

    publication: str = ""
    edition: str = ""
    map_file: Path | None = None
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
    validator: Validator | None = None
    outcomes: list[Outcome] = []
    # Simulated figures are compared with simulated ones only.
    print_there = None if options.is_demo else Shipped(project.root, registry)
    shipped = None if options.ignores_print else print_there
    held = landing.Held(project.landing, shipped, print_there)
    known = Known(project, recogniser, shipped)
    batch: list[Imported] = []

    def settle() -> None:
        """Judge what is waiting, and land it."""
        nonlocal validator
        judged = [i for i in batch if i.cells and i.publication and not i.errors]
        found: dict[int, Imported] = {}
        if judged:
            if validator is None:
                # Great Expectations imports slowly: once, and only when there is a file to validate.
                from cbec.ingest.expectations import Validator

                validator = Validator(registry)
            found = {
                id(i): j for i, j in zip(judged, _judged(recogniser, validator, known, judged), strict=True)
            }
        for imported in batch:
            outcomes.append(_landed(project, found.get(id(imported), imported), options, held, known))
        batch.clear()

    for done, entry in enumerate(files):
        name = entry.name if isinstance(entry, File) else entry.file
        progress(name, done, len(files))
        if isinstance(entry, Problem):
            status = "left out" if entry.is_warning else "refused"
            broken = Imported(File(entry.file, b"", Path(entry.file)), status, problems=(entry,))
            settle()
            outcomes.append(Outcome(broken, status))
            continue
        if entry.sha256 in options.known:
            settle()
            outcomes.append(Outcome(Imported(entry, "unread"), "unchanged"))
            continue
        with uncollected():
            imported = recogniser.read(
                entry,
                publication=options.publication,
                edition=options.edition,
                mappings=mappings,
                encoding=options.encoding,
            )
            imported = _apart(imported, is_demo=options.is_demo)
            # The tables of one edition are validated together: one page of data docs for all of them.
            is_alone = not imported.printed
            if is_alone or len(batch) >= MAX_BATCH or any(i.edition != imported.edition for i in batch):
                settle()
            batch.append(imported)
            if is_alone:
                settle()
    with uncollected():
        settle()
    progress("", len(files), len(files))
    docs = validator.write_docs(folder / "data_docs") if validator else None
    problems = [p for outcome in outcomes for p in outcome.imported.problems]
    text = template(problems)
    mapping = None
    if text:
        folder.mkdir(parents=True, exist_ok=True)
        mapping = folder / "import.map.yml"
        mapping.write_text(text, encoding="utf-8")
    return Run(folder, tuple(outcomes), docs, mapping)


def _apart(imported: Imported, *, is_demo: bool) -> Imported:
    """Refuse a simulated file beside real figures, and a real one in the demo."""
    if imported.publication is None or (imported.publication.source_id == "simulation") == is_demo:
        return imported
    text = "is real and has no place in the demo" if is_demo else "is simulated; only `cbec demo` loads it"
    problem = Problem(imported.file.name, "", "publication", imported.publication.publication_id, text)
    return replace(imported, problems=(*imported.problems, problem), status="refused")


def _judged(
    recogniser: Recogniser, validator: Validator, known: Known, batch: list[Imported]
) -> list[Imported]:
    """Files of one batch after the expectations: with problems and suspicions."""
    import pandas as pd

    from cbec.ingest.expectations import flags, suspects, to_frame

    registry = recogniser.registry
    first = batch[0]
    assert first.publication is not None
    frame = pd.concat([to_frame(i.cells, registry, i.file.name) for i in batch], ignore_index=True)
    existing, previous = known.figures(batch)
    flagged = flags(frame, registry, existing, previous)
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


class Known:
    """Figures of shipped yearbooks and landed files, in the indicators' own units, read once for a run."""

    COLUMNS = ("region_level", "region_code", "year", "indicator_id", "value")

    def __init__(self, project: Project, recogniser: Recogniser, shipped: Shipped | None = None) -> None:
        self._project = project
        self._shipped = shipped
        self._registry = recogniser.registry
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

    def figures(self, batch: list[Imported]) -> tuple[pd.DataFrame, pd.DataFrame]:
        """All known figures of a batch's indicators, and those of the version that it follows."""
        import pandas as pd

        base, own = batch[0].vintage_base, {i.file.sha256 for i in batch}
        years = {cell.year for i in batch for cell in i.cells}
        every, previous = [], []
        indicators = {cell.indicator_id for i in batch for cell in i.cells}
        self._load_shipped(indicators)
        for indicator in indicators:
            for sha256, vintage, part in self._load().get(indicator, ()):
                if sha256 not in own:
                    every.append(part)
                    if vintage and (vintage == base or vintage.startswith(f"{base}_r")):
                        previous.append(part[part["year"].isin(years)])
        empty = pd.DataFrame(columns=list(self.COLUMNS))
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
    )
    if path.is_file() and landing.holds(path, table):
        return replace(outcome, action="unchanged", path=path)
    landing.land(project.landing, table, sha256)
    held.add(sha256, vintage, table)
    return replace(outcome, action="landed", path=path)
