"""Which publication a file is, and which edition."""

from __future__ import annotations

import re

from cbec.ingest.files import Book, File
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


def recognise_publication(registry: Registry, book: Book, wanted: str = "") -> tuple[Publication, str]:
    """The publication and the edition ('' when the file does not say it).

    wanted: a publication id that overrides recognition.
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
    chosen = registry.publications["undocumented"]
    if wanted:
        chosen = registry.publications[wanted]
    else:
        for publication in registry.publications.values():
            if _fits(publication, name, text, headers):
                chosen = publication
                break
    edition = ""
    if chosen.edition_pattern:
        for place in (name, text):
            match = re.search(chosen.edition_pattern, place, re.IGNORECASE)
            if match:
                edition = match[1]
                break
    return chosen, edition


def _fits(publication: Publication, name: str, text: str, headers: list[str]) -> bool:
    if publication.file_pattern and re.search(publication.file_pattern, name, re.IGNORECASE):
        return True
    if publication.text_pattern and re.search(publication.text_pattern, text, re.IGNORECASE):
        return True
    pattern = publication.header_pattern
    return bool(pattern) and any(re.search(pattern, line, re.IGNORECASE) for line in headers)
