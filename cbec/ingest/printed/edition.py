"""Which edition a file is of, and so which year its figures are of: from every year that the file names.

An edition of a yearbook prints the year before; how far back is a property of the publication. A year in the
title, the header, the name of the sheet, file or folder is a witness; two that cannot both be true are an
error, and so is a file that names none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePath

from cbec.ingest.text import THIS_YEAR, plain

EDITION = re.compile(
    r"(?:统计)?年鉴\s*[-_—–(（《》]*\s*((?:19|20)[0-9]{2})|((?:19|20)[0-9]{2})\s*年?\s*(?:版|年鉴|中国城市统计年鉴)|yearbook[\s_-]*((?:19|20)[0-9]{2})",
    re.IGNORECASE,
)
DATA_YEAR = re.compile(r"((?:19|20)[0-9]{2})\s*年(?!\s*(?:版|鉴|中国城市统计年鉴))")
ANY_YEAR = re.compile(r"(?<![0-9])((?:19|20)[0-9]{2})(?![0-9])")


@dataclass(frozen=True)
class Witness:
    """A year that a file names. kind: edition, data (the year of the figures) or either. place: where."""

    year: int
    kind: str
    place: str
    text: str


def witnesses(texts: Iterable[tuple[str, str]]) -> list[Witness]:
    """Years in (place, text) pairs; a bare 2018 in a name may be either."""
    found: list[Witness] = []
    for place, text in texts:
        clean = plain(text)
        spans: list[tuple[int, int]] = []
        for match in EDITION.finditer(clean):
            year = int(next(g for g in match.groups() if g))
            found.append(Witness(year, "edition", place, clean))
            spans.append(match.span())
        for match in DATA_YEAR.finditer(clean):
            if not any(a <= match.start() < b for a, b in spans):
                found.append(Witness(int(match[1]), "data", place, clean))
                spans.append(match.span())
        for match in ANY_YEAR.finditer(clean):
            if not any(a <= match.start() < b for a, b in spans):
                found.append(Witness(int(match[1]), "either", place, clean))
    return found


def data_years(text: str, offset: int | None) -> set[int]:
    """Years of figures that a text names. The year of an edition is one only where its publication's offset
    is known; in somebody's own file that uses a yearbook's name it says nothing."""
    found = set()
    for witness in witnesses([("", text)]):
        if witness.kind != "edition":
            found.add(witness.year)
        elif offset is not None:
            found.add(witness.year - offset)
    return found


def folders(path: PurePath) -> list[str]:
    """Names of the folders around a file, innermost first, as far as they can speak of a yearbook."""
    return [part for part in reversed(path.parts[:-1]) if part not in ("/", "\\", "..", ".")][:4]


def edition_of(found: list[Witness], offset: int, stated: int = 0) -> tuple[int, str]:
    """(edition, '') or (0, what is wrong). offset: years from the figures to the edition."""
    possible: set[int] = set()
    if stated:
        possible = {stated}
    for witness in found:
        own = {
            "edition": {witness.year},
            "data": {witness.year + offset},
            "either": {witness.year, witness.year + offset},
        }[witness.kind]
        agreed = possible & own if possible else own
        if not agreed:
            first = found[0]
            before = "year before" if offset == 1 else f"year {offset} years before"
            reported = (
                f"edition {stated} is requested" if stated else f"{first.place} says {first.text[:40]!r}"
            )
            return (
                0,
                f"{reported}, but {witness.place} says {witness.text[:40]!r}: an edition prints the {before}",
            )
        possible = agreed
    firm = {w.year if w.kind == "edition" else w.year + offset for w in found if w.kind != "either"}
    if len(possible) > 1 and firm:
        possible &= firm
    if not possible:
        return 0, "names no edition; say it with --edition"
    if len(possible) > 1:
        years = " or ".join(str(y) for y in sorted(possible))
        return 0, f"could be the edition {years}; say it with --edition"
    (edition,) = possible
    if not 1949 < edition <= THIS_YEAR:
        return 0, f"names the edition {edition}, which is not out"
    return edition, ""
