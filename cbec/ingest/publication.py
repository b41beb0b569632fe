"""Which publication a file is, and which edition."""

from __future__ import annotations

import re

from cbec.ingest.files import Book, File
from cbec.ingest.problems import Problem
from cbec.ingest.registry import Publication, Registry
from cbec.ingest.text import compact, plain

CITY_YEARBOOK = "china_city_statistical_yearbook"


def names_publication(publication: Publication, file: File) -> bool:
    """True when the name of the file or of a folder around it is that of the publication."""
    texts = [file.name, *file.path.absolute().parts[-5:]]
    return any(re.search(publication.file_pattern, plain(text), re.IGNORECASE) for text in texts)


def reseller(registry: Registry, book: Book) -> list[str]:
    """Marks of resellers in names, sheets and cells of a file."""
    texts = [book.file.name, *(sheet.name for sheet in book.sheets)]
    texts += [c for sheet in book.sheets for _, row in sheet.rows[:3] for c in row if len(c) > 3]
    whole = "\n".join(texts).lower()
    return [row["mark"] for row in registry.reseller_marks if row["mark"].lower() in whole]


# A yearbook's table has a number: 2-13, 表 11-4.
TABLE_NUMBER = re.compile(r"(?<![0-9.])[0-9]{1,2}\s*[-—–－]\s*[0-9]{1,3}(?![0-9]|\s*[-—–－/年.])")


def recognise_publication(
    registry: Registry, book: Book, wanted: str = ""
) -> tuple[Publication, str, tuple[Problem, ...]]:
    """The publication, the edition ('' when the file does not say it), and what a reader should know of it.

    wanted: a publication id that overrides recognition. The name of a yearbook is no proof: a table of it has
    a table number, and one of the yearbook of cities the structure that printed_pages looks for before this
    is asked. Anything else that uses the name is somebody's own file.
    """
    name = plain(book.file.name)
    texts = [plain(c) for sheet in book.sheets for _, row in sheet.rows[:60] for c in row if len(c) > 3]
    texts += [
        plain(c)
        for sheet in book.sheets
        for _, row in sheet.rows[60:]
        for c in row
        if "http" in c or "【" in c
    ]
    text = "\n".join(dict.fromkeys(texts))
    headers = [",".join(compact(c) for c in row) for sheet in book.sheets for _, row in sheet.rows[:5]]
    chosen = undocumented = registry.publications["undocumented"]
    problems: list[Problem] = []
    if wanted:
        chosen = registry.publications[wanted]
    else:
        for publication in registry.publications.values():
            if not _fits(publication, name, text, headers):
                continue
            if publication.offset is not None:
                marks = reseller(registry, book)
                has_number = publication.publication_id != CITY_YEARBOOK and _has_table_number(book)
                if marks or not has_number:
                    why = (
                        f"carries the mark {marks[0]}"
                        if marks
                        else "has no table of its structure and number"
                    )
                    message = (
                        f"uses the name of the {publication.description} but {why}: read as a compiler's file"
                    )
                    problems.append(Problem(book.file.name, "", "publication", "", message, is_warning=True))
                    break
            chosen = publication
            break
    if chosen is undocumented:
        problems += [
            Problem(book.file.name, "", "file", mark, "is the mark of a reseller", is_warning=True)
            for mark in reseller(registry, book)
        ]
    edition = ""
    if chosen.edition_pattern:
        for place in (name, text):
            match = re.search(chosen.edition_pattern, place, re.IGNORECASE)
            if match:
                edition = match[1]
                break
    return chosen, edition, tuple(problems)


def _has_table_number(book: Book) -> bool:
    stem = plain(book.file.name).rsplit("/", 1)[-1].rsplit(".", 1)[0]
    titles = [plain(c) for sheet in book.sheets for _, row in sheet.rows[:4] for c in row[:2] if len(c) < 60]
    return any(TABLE_NUMBER.search(text) for text in (stem, *(s.name for s in book.sheets), *titles))


def _fits(publication: Publication, name: str, text: str, headers: list[str]) -> bool:
    if publication.file_pattern and re.search(publication.file_pattern, name, re.IGNORECASE):
        return True
    if publication.text_pattern and re.search(publication.text_pattern, text, re.IGNORECASE):
        return True
    pattern = publication.header_pattern
    return bool(pattern) and any(re.search(pattern, line, re.IGNORECASE) for line in headers)
