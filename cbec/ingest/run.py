"""Read one file from first byte to cells: everything before the door."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from cbec.ingest.cells import Cell, Reader
from cbec.ingest.files import Book, File, Refused, read_book
from cbec.ingest.mapping import Mapping
from cbec.ingest.problems import Causes, Problem
from cbec.ingest.publication import recognise_publication
from cbec.ingest.regions import Regions
from cbec.ingest.registry import Publication, Registry, load_registry
from cbec.ingest.tables import N_SCANNED, Recognition, recognise
from cbec.ingest.text import compact
from cbec.ingest.vocabulary import Vocabulary

N_RANGES = 8
LEFT_OUT = "left out by the mapping file"


@dataclass(frozen=True)
class Imported:
    """A file as recognised. status: recognised, refused, or no figures."""

    file: File
    status: str
    publication: Publication | None = None
    edition: str = ""
    reading: str = ""
    sheets: tuple[Recognition, ...] = ()
    cells: tuple[Cell, ...] = ()
    dropped: dict[str, int] = field(default_factory=dict)
    n_rows: int = 0
    problems: tuple[Problem, ...] = ()

    @property
    def errors(self) -> tuple[Problem, ...]:
        return tuple(p for p in self.problems if not p.is_warning)

    @property
    def vintage_base(self) -> str:
        """Vintage before collisions are looked at: publication, and edition or file when it needs one."""
        if self.publication is None:
            return ""
        if self.edition:
            return f"{self.publication.vintage}_{self.edition}"
        if self.publication.publication_id == "undocumented":
            return f"{self.publication.vintage}_{self.file.sha256[:8]}"
        return self.publication.vintage


@dataclass(frozen=True)
class Recogniser:
    """The registry and its lookups, made once for many files."""

    registry: Registry
    regions: Regions

    @classmethod
    def of(cls, root: Path) -> Recogniser:
        registry = load_registry(root)
        return cls(registry, Regions(registry))

    def read(
        self,
        file: File,
        *,
        publication: str = "",
        edition: str = "",
        mappings: dict[str, Mapping] | None = None,
        encoding: str | None = None,
    ) -> Imported:
        """Recognise a file. Never raises for what is in the file: problems carry the place."""
        mapping = _mapping_for(file, mappings or {})
        try:
            book = read_book(file, self.registry.familiar, encoding=encoding)
        except Refused as refused:
            return Imported(file, "refused", problems=(refused.problem,))
        except (MemoryError, RecursionError) as error:
            problem = Problem(file.name, "", "file", "", f"is too large to be read: {type(error).__name__}")
            return Imported(file, "refused", problems=(problem,))
        chosen, found_edition = recognise_publication(self.registry, book, publication or mapping.publication)
        return self._recognise(book, chosen, edition or found_edition, mapping)

    def _recognise(self, book: Book, chosen: Publication, edition: str, mapping: Mapping) -> Imported:
        name = book.file.name
        vocabulary = Vocabulary(self.registry, self.regions, chosen.publication_id, mapping.headers)
        siblings = tuple(sheet.name for sheet in book.sheets)
        sheets = tuple(
            part for sheet in book.sheets for part in recognise(name, sheet, vocabulary, mapping, siblings)
        )
        causes = Causes()
        for problem in (p for sheet in sheets for p in sheet.problems):
            causes.add(problem)
        problems = [*book.warnings, *causes.listed()]
        tables = [sheet.table for sheet in sheets if sheet.table]
        texts = tuple(dict.fromkeys(t for sheet in sheets for t in sheet.texts))
        is_mapped = _leaves_out(book, mapping)
        if not tables and not any(not p.is_warning for p in problems):
            reasons = {sheet.reason for sheet in sheets}
            listed = "; ".join(f"{sheet.sheet}: {sheet.reason}" for sheet in sheets[:N_RANGES])
            place = book.sheets[0].name
            if LEFT_OUT in reasons or is_mapped:
                # Not of kind table: a mapping file that leaves out even more is no answer.
                message = f"nothing is left to load: the mapping file leaves everything out ({listed})"
                problems.append(Problem(name, place, "file", "", message))
            elif reasons <= {"names indicators but holds no figures of regions"}:
                return Imported(book.file, "no figures", chosen, edition, book.reading, sheets)
            else:
                problems.append(
                    Problem(name, place, "table", place, f"holds no table of regions and figures ({listed})")
                )
        reader = Reader(name, self.registry, vocabulary, chosen, edition, mapping, texts)
        for sheet in sheets:
            if sheet.table and not any(not p.is_warning for p in sheet.problems):
                reader.read(sheet.table)
        extract = reader.finish()
        problems += extract.problems
        errors = [p for p in problems if not p.is_warning]
        if not extract.cells and tables and not errors:
            place = tables[0].sheet.name
            if is_mapped or "ignore" in mapping.regions.values():
                message = "nothing is left to load: the mapping file leaves every figure out"
                problems.append(Problem(name, place, "file", "", message))
            else:
                problems.append(Problem(name, place, "table", place, "holds no figure"))
            errors = problems
        if not errors and not any(c.value is not None for c in extract.cells.values()):
            problems.append(Problem(name, book.sheets[0].name, "table", "", "every cell is missing"))
            errors = problems
        return Imported(
            file=book.file,
            status="refused" if errors else "recognised",
            publication=chosen,
            edition=edition,
            reading=book.reading,
            sheets=sheets,
            cells=tuple(extract.cells.values()),
            dropped=dict(extract.dropped),
            n_rows=extract.n_rows,
            problems=tuple(problems),
        )


def _leaves_out(book: Book, mapping: Mapping) -> bool:
    """True when the mapping file takes a header of this book out of the figures."""
    left = {h for h, m in mapping.headers.items() if m.role in ("ignore", "qualifier", "note")}
    return bool(left) and any(
        compact(c) in left for sheet in book.sheets for _, row in sheet.rows[:N_SCANNED] for c in row
    )


def _mapping_for(file: File, mappings: dict[str, Mapping]) -> Mapping:
    for name in (file.name, file.name.rsplit("/", 1)[-1], ""):
        if name in mappings:
            return mappings[name]
    return Mapping()
