"""Printed text to plain text, years and numbers. Nothing here knows a publication."""

from __future__ import annotations

import datetime
import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal

# Joiners, marks and soft hyphens that spreadsheets leave inside names.
INVISIBLE = re.compile("[\u200b-\u200f\u2028-\u202f\u2060-\u2064\ufeff\u00ad\x00-\x08\x0b\x0c\x0e-\x1f]")
BLANK = re.compile(r"\s+")
YEAR = re.compile(r"((?:19|20)[0-9]{2})(?:\.0+)?(?:年|年度|年末|年底)?")
NUMBER = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?")
# What nearly every cell is; the slow path below decides the rest.
PLAIN_NUMBER = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]+)?", re.ASCII)
# Blanks between groups of three are separators; any other blank inside a number is a fault.
SPACED = re.compile(r"[-+]?[0-9]{1,3}(?:\s[0-9]{3})+(?:\.[0-9]+)?")
GROUPED = re.compile(r"[-+]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?")
FOOTNOTE = re.compile(
    r"^(.*?[0-9.%])((?:[*†‡]|[①-⑳]|\[[0-9a-z]{1,2}\]|[(（](?:[0-9]{1,2}|[a-z])[)）]|[a-z][)）])+)$"
)
MARKS_AT_THE_END = re.compile(r"(?:[*†‡#]|[①-⑳]|\[[0-9a-z]{1,2}\])+$")
THIS_YEAR = datetime.date.today().year
PLACES = Decimal("0.0000000001")
GREATEST = Decimal(10) ** 24


def plain(text: str) -> str:
    """Full-width forms narrowed, invisible characters removed, blanks at the ends removed."""
    if text.isascii() and text.isprintable():
        return text.strip()
    return unicodedata.normalize("NFKC", INVISIBLE.sub("", text)).strip()


def compact(text: str) -> str:
    """plain() without any blank and in lower case: the form that patterns of the registry match."""
    return BLANK.sub("", plain(text)).lower()


def year_of(text: str) -> int | None:
    """The calendar year that a text is, as in 2022, 2022.0 or 2022年; None when it is something else."""
    match = YEAR.fullmatch(BLANK.sub("", plain(text)))
    return int(match[1]) if match else None


def years_in(text: str) -> set[int]:
    """Years that stand in a text as words of their own."""
    return {int(y) for y in re.findall(r"(?<![0-9])((?:19|20)[0-9]{2})(?![0-9])", plain(text))}


def is_past(year: int) -> bool:
    """True for a year that can have been printed."""
    return 1900 <= year <= THIS_YEAR


@dataclass(frozen=True, slots=True)
class Number:
    """A figure and the footnote marks printed behind it."""

    value: Decimal
    marks: str = ""
    is_percent: bool = False


def number_of(text: str) -> Number | None:
    """The figure that a text is, or None.

    Takes thousands separators in their places, full-width digits, a sign of per cent and footnote marks;
    refuses 1.2.3, 12,34 and formulas. Raises OverflowError beyond 10^24.
    """
    if PLAIN_NUMBER.fullmatch(text):
        value = Decimal(text)
        return Number(value.quantize(PLACES) if len(text) > 10 and decimals_of(text) > 10 else value)
    clean = plain(text).replace("−", "-")
    if SPACED.fullmatch(clean):
        clean = BLANK.sub("", clean)
    marks = ""
    footnote = FOOTNOTE.match(clean)
    # An exponent or a closing digit is no footnote; NUMBER decides first.
    if footnote and not NUMBER.fullmatch(clean):
        clean, marks = footnote[1], clean[len(footnote[1]) :]
    # Marks such as a circled one become plain digits when narrowed, so they are looked for in the raw text.
    raw = INVISIBLE.sub("", text).strip()
    circled = re.search(r"[①-⑳]+$", raw)
    if circled:
        clean, marks = plain(raw[: circled.start()]), circled[0]
    is_percent = clean.endswith("%")
    clean = clean.removesuffix("%").rstrip()
    if GROUPED.fullmatch(clean):
        clean = clean.replace(",", "")
    if not NUMBER.fullmatch(clean):
        return None
    value = Decimal(clean)
    if not abs(value) < GREATEST:
        raise OverflowError(text)
    return Number(value.quantize(PLACES) if value.as_tuple().exponent < -10 else value, marks, is_percent)  # type: ignore[operator]


def decimals_of(text: str) -> int:
    """Digits behind the point as printed."""
    match = re.search(r"\.([0-9]+)", text)
    return len(match[1]) if match else 0
