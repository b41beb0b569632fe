"""Read one file from first byte to cells: everything before validation."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path

from cbec.ingest.cells import Reader
from cbec.ingest.extract import Cell
from cbec.ingest.files import Book, File, Refused, read_book
from cbec.ingest.likeness import Published
from cbec.ingest.mapping import Mapping
from cbec.ingest.printed import edition as editions
from cbec.ingest.printed.layout import NOTE, Page, table_number
from cbec.ingest.printed.reader import Printed, PrintedReader, printed_pages
from cbec.ingest.problems import Causes, Problem
from cbec.ingest.publication import CITY_YEARBOOK, names_publication, recognise_publication, reseller
from cbec.ingest.regions import Regions
from cbec.ingest.registry import Publication, Registry, load_registry
from cbec.ingest.roles import is_number
from cbec.ingest.tables import N_SCANNED, Recognition, recognise
from cbec.ingest.text import compact, plain
from cbec.ingest.vocabulary import Vocabulary

N_RANGES = 8
LEFT_OUT = "left out by the mapping file"
DIVISIONS = re.compile("行政区划|城市情况一览表|区域分布|下辖的县级城市")


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
    # What a printed table holds beside its cells: totals, refused cells, columns nobody has named.
    printed: Printed | None = None
    # Words of indicators that the registry has not, in Chinese and English, by id.
    names: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def errors(self) -> tuple[Problem, ...]:
        return tuple(p for p in self.problems if not p.is_warning)

    @property
    def vintage_base(self) -> str:
        """Vintage before collisions are looked at: publication, and edition or file when it needs one."""
        if self.publication is None:
            return ""
        # Editions that print one year each are one series: the edition stands beside the cell.
        if self.edition and self.publication.is_one_series != "true":
            return f"{self.publication.vintage}_{self.edition}"
        # Files of compilers are never versions of one another, whichever comes in first.
        if self.publication.kind == "vendor":
            return f"{self.publication.vintage}_{self.file.sha256[:8]}"
        return self.publication.vintage


@dataclass(frozen=True)
class Recogniser:
    """The registry and its lookups, made once for many files."""

    registry: Registry
    regions: Regions
    published: Published

    @classmethod
    def of(cls, root: Path) -> Recogniser:
        registry = load_registry(root)
        return cls(registry, Regions(registry), Published(root, registry))

    def read(
        self,
        file: File,
        *,
        publication: str = "",
        edition: str = "",
        mappings: dict[str, Mapping] | None = None,
        encoding: str | None = None,
    ) -> Imported:
        """Recognise a file. Problems carry the place; what is in a file raises nothing but MemoryError, and
        RecursionError where it is nested too deeply."""
        mapping = mapping_for(file, mappings or {})
        try:
            book = read_book(file, self.registry.familiar, encoding=encoding)
        except Refused as refused:
            return Imported(file, "refused", problems=(refused.problem,))
        wanted = publication or mapping.publication
        if wanted in ("", CITY_YEARBOOK):
            printed = self._printed(book, edition or mapping.defaults.get("edition", ""), mapping)
            if printed is not None:
                return printed
        chosen, found_edition, notes = recognise_publication(self.registry, book, wanted)
        read = self._recognise(book, chosen, edition or found_edition, mapping)
        return replace(read, problems=(*notes, *read.problems))

    def _printed(self, book: Book, edition: str, mapping: Mapping) -> Imported | None:
        """A printed table of the yearbook of cities; None when the file has not its structure."""
        publication = self.registry.publications[CITY_YEARBOOK]
        vocabulary = Vocabulary(self.registry, self.regions, CITY_YEARBOOK)
        stem = book.file.name.rsplit("/", 1)[-1].rsplit(".", 1)[0]
        tables, stray = printed_pages(book, vocabulary)
        is_named = names_publication(publication, book.file)
        # 1.5 is a figure, 1-5 the number of a table.
        heads = [c for sheet in book.sheets[:1] for _, row in sheet.rows[:6] for c in row if not is_number(c)]
        heads.append(stem)
        is_first = any(table_number(text)[0].startswith("1-") for text in heads)
        if is_first and DIVISIONS.search(plain(" ".join(heads))):
            reason = "is a list of administrative divisions, without indicators"
            sheets = tuple(Recognition(sheet.name, None, reason) for sheet in book.sheets[:1])
            return Imported(book.file, "no figures", publication, edition, book.reading, sheets)
        if not tables or not self._is_national(tables, vocabulary, is_named):
            return None
        offset = publication.offset or 0
        witnesses = editions.witnesses(_texts_with_years(book, tables))
        if edition and not edition.isdigit():
            found, wrong = 0, f"{edition!r} is no edition; say a year such as 2018"
        else:
            found, wrong = editions.edition_of(witnesses, offset, int(edition or 0))
        place = next(iter(tables.values()))[0].sheet
        marks = reseller(self.registry, book)
        warnings = tuple(
            Problem(
                book.file.name,
                "",
                "file",
                mark,
                "is the mark of a reseller; the table has the structure of the print",
                is_warning=True,
            )
            for mark in marks
        )
        if mapping.headers or mapping.regions or mapping.sheets or set(mapping.defaults) - {"edition"}:
            message = "is a printed table: of the mapping file only defaults: edition is used"
            warnings += (Problem(book.file.name, "", "file", "", message, is_warning=True),)
        if wrong:
            problem = Problem(book.file.name, place, "year", "", wrong)
            return Imported(
                book.file, "refused", publication, "", book.reading, problems=(*warnings, problem)
            )
        texts = {
            (sheet.name, number, place): plain(c)
            for sheet in book.sheets for number, row in sheet.rows for place, c in enumerate(row, 1)
            if len(c) > 16 or (c and not c[-1].isdigit() and NOTE.match(plain(c)))
        }  # fmt: skip
        comments = {(sheet.name, *at): text for sheet in book.sheets for at, text in sheet.comments.items()}
        reader = PrintedReader(book.file.name, self.registry, vocabulary, publication, found, found - offset)
        doubts = {(sheet.name, *at): text for sheet in book.sheets for at, text in sheet.doubts.items()}
        out = reader.read(tables, texts, stem, stray, comments, doubts)
        # A hidden sheet without figures is no part of the table.
        read = {page.sheet for pages in tables.values() for page in pages}
        problems = [w for w in book.warnings if w.locator in read]
        problems += [*warnings, *out.extract.causes.listed()]
        has_error = any(not p.is_warning for p in problems)
        if not has_error and not any(c.value is not None for c in out.extract.cells.values()):
            problems.append(
                Problem(book.file.name, place, "table", "", "holds no figure of a region that could be read")
            )
            has_error = True
        return Imported(
            file=book.file,
            status="refused" if has_error else "recognised",
            publication=publication,
            edition=str(found),
            reading=book.reading,
            cells=tuple(out.extract.cells.values()),
            dropped=dict(out.extract.dropped),
            n_rows=out.extract.n_rows,
            problems=tuple(problems),
            printed=out,
        )

    def _is_national(self, tables: dict[str, list[Page]], vocabulary: Vocabulary, is_named: bool) -> bool:
        """Cities of several provinces, or the yearbook's name: provincial yearbooks number tables too."""
        provinces = {
            self.regions.province_code(row[segment.region - 1])
            for pages in tables.values()
            for page in pages
            for segment in page.segments
            for _, row in page.body
            if segment.region <= len(row)
        } - {""}
        return is_named or len(provinces) >= 3

    def _recognise(self, book: Book, chosen: Publication, edition: str, mapping: Mapping) -> Imported:
        name = book.file.name
        vocabulary = Vocabulary(self.registry, self.regions, chosen.publication_id, mapping.headers)
        vocabulary.edition = int(edition) if edition.isdigit() else 0
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
                problems.append(Problem(name, "", "table", "", _no_table(book, sheets)))
        reader = Reader(name, self.registry, vocabulary, chosen, edition, mapping, texts, self.published)
        reader.years = {table.year for table in tables if table.year}
        # Also where something is asked already: a person is asked everything at once.
        for sheet in sheets:
            if sheet.table and (is_asked(sheet) or not any(not p.is_warning for p in sheet.problems)):
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
            names=reader.names,
        )


def is_asked(sheet: Recognition) -> bool:
    """True where a mapping file answers all that is wrong with a sheet."""
    return all(p.is_warning or p.answer[0] for p in sheet.problems)


def _no_table(book: Book, sheets: tuple[Recognition, ...]) -> str:
    """What a table needs, and what was tried on this file."""
    tried = []
    for sheet in sheets[:N_RANGES]:
        place = "" if book.sheets[0].is_delimited else f"sheet {sheet.sheet}: "
        tried.append(f"{place}{sheet.reason}" + (f" ({sheet.tried})" if sheet.tried else ""))
    # Read with one separator, a file may look as if it had one column.
    width = max((len(row) for sheet in book.sheets for _, row in sheet.rows), default=0)
    reading = f"read as {book.reading}, at most {width} columns wide; " if book.reading else ""
    return (
        "holds no table of regions and figures: a row of headings such as 城市, 年份, GDP(亿元) is needed,"
        f" and below it rows with a region, a year and figures. Tried: {reading}{'; '.join(tried)}"
    )


def _texts_with_years(book: Book, tables: dict[str, list[Page]]) -> list[tuple[str, str]]:
    """(place, text) of what may name a year: folders, file, sheets, titles and headers."""
    name = book.file.name
    texts = [("the folder", part) for part in editions.folders(book.file.path.absolute())]
    texts += [("the folder", part) for part in name.split("/")[:-1]]
    texts.append(("the file name", name.rsplit("/", 1)[-1]))
    for pages in tables.values():
        for page in pages:
            texts.append((f"the sheet {page.sheet}", page.sheet))
            # As printed: the pages of a table agree on words that one of them alone may have.
            texts += [
                (f"the {'header' if row > page.row else 'title'} at {page.sheet}!R{row}C{column}", text)
                for row, column, text in page.printed
            ]
    return [(place, text) for place, text in dict.fromkeys(texts) if re.search("[12][0-9]{3}", plain(text))]


def _leaves_out(book: Book, mapping: Mapping) -> bool:
    """True when the mapping file takes a header of this book out of the figures."""
    left = {h for h, m in mapping.headers.items() if m.role in ("ignore", "qualifier", "note")}
    return bool(left) and any(
        compact(c) in left for sheet in book.sheets for _, row in sheet.rows[:N_SCANNED] for c in row
    )


def mapping_for(file: File, mappings: dict[str, Mapping]) -> Mapping:
    for name in (file.name, file.name.rsplit("/", 1)[-1], ""):
        if name in mappings:
            return mappings[name]
    return Mapping()
