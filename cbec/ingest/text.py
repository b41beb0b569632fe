"""Printed text to plain text, years and numbers. Nothing here knows a publication."""

from __future__ import annotations

import datetime
import re
import unicodedata
from dataclasses import dataclass
from decimal import Context, Decimal

# Joiners, marks and soft hyphens that spreadsheets leave inside names.
INVISIBLE = re.compile(
    "[\u061c\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff\u00ad\x00-\x08\x0b\x0c\x0e-\x1f]"
)
BLANK = re.compile(r"\s+")
YEAR = re.compile(r"((?:19|20)[0-9]{2})(?:\.0+)?(?:年|年度|年末|年底)?")
YEAR_END = re.compile(r"((?:19|20)[0-9]{2})(?:([-/.])12\2|年12月)31日?(?:[ T]00:00(?::00(?:\.0+)?)?)?")
NUMBER = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?")
# What nearly every cell is; the slow path below decides the rest.
PLAIN_NUMBER = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]+)?", re.ASCII)
# Blanks between groups of three are separators; any other blank inside a number, a new line too, is a fault.
SPACED = re.compile(r"[-+]?[0-9]{1,3}(?: [0-9]{3})+(?:\.[0-9]+)?")
GROUPED = re.compile(r"[-+]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?")
MARKS_AT_THE_END = re.compile(r"(?:[*†‡#]|[①-⑳]|\[[0-9a-z]{1,2}\])+$")
# May show digits in another order than they are stored in: 5 300 embedded from right to left is shown as
# 300 5 (Unicode Standard Annex 9). Embeddings from left to right, and the ends of all, change nothing.
REVERSES = re.compile("[\u202b\u202d\u202e\u2067\u2068]")
# Letters from right to left without a form: they leave alone digits and their point what they are.
TURNS = re.compile("[\u061c\u200f]")
DIGIT = re.compile("[0-9０-９]")
# All that may be narrowed inside a figure. NFKC narrows a raised 1 as well, and 5300¹ would be 53001.
NARROW = str.maketrans(
    {full: chr(full - 0xFEE0) for full in range(0xFF01, 0xFF5F)}
    | dict(zip("﹐﹒﹢﹣﹪﹙﹚−\u2028\u2029", ",.+-%()-\n\n", strict=True))
    | dict.fromkeys(
        "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000",
        " ",
    )
)
THIS_YEAR = datetime.date.today().year
PLACES = Decimal("0.0000000001")
GREATEST = Decimal(10) ** 24
# Room for the greatest figure with all its places.
WIDE = Context(prec=40)


def _is_odd_digit(character: str) -> bool:
    """True for what NFKC turns into digits though it is no digit: ¹ ₁ ① ⒈ ½ 𝟏, but not the full-width １."""
    narrow = unicodedata.normalize("NFKC", character)
    return bool(re.search("[0-9]", narrow)) and not "０" <= character <= "９"


def _is_mark(character: str) -> bool:
    """True for a whole number or a letter that is raised, lowered or ringed, as footnote marks are."""
    form = unicodedata.decomposition(character).partition(" ")[0]
    kind = unicodedata.category(character)
    if kind == "No":
        ringed = form in ("<super>", "<sub>", "<circle>", "<compat>") or (
            "CIRCLED" in unicodedata.name(character, "")
        )
        return ringed and unicodedata.numeric(character).is_integer()
    return form in ("<super>", "<sub>") and kind in ("Lm", "Lo", "Ps", "Pe")


# Blocks that hold such characters; nothing between them does.
_BLOCKS = ((0xA0, 0x2FF), (0x1D00, 0x33FF), (0xA640, 0xA7FF), (0x1D7CE, 0x1D7FF), (0x1F100, 0x1F1FF),
           (0x1FBF0, 0x1FBF9))  # fmt: skip
_FORMS = [chr(code) for first, last in _BLOCKS for code in range(first, last + 1)]
ODD = "".join(filter(_is_odd_digit, _FORMS))
MARK = "".join(filter(_is_mark, _FORMS))
ODD_DIGIT = re.compile(f"[{ODD}]")
# Beside a digit it would become a part of the number.
BESIDE_A_DIGIT = re.compile(f"((?<=[0-9０-９])[{ODD}]+|[{ODD}]+(?=[0-9０-９]))")
_OTHER_MARK = rf"[*†‡]|\[[0-9a-z{MARK}]{{1,2}}\]|\((?:[0-9]{{1,2}}|[a-z])\)|[a-z]\)"
FOOTNOTE = re.compile(rf"(.*?[0-9.%])((?: ?[{MARK}]|{_OTHER_MARK})(?:[,，、 ]?[{MARK}]|{_OTHER_MARK})*)")
# 10² is a hundred to one reader and ten with a footnote to another.
POWER = re.compile("[-+]?10[⁰¹²³⁴-⁹]+")


def plain(text: str) -> str:
    """Full-width forms narrowed, invisible characters removed, blanks at the ends removed.

    km² becomes km2, but a raised, lowered or ringed digit beside a digit stays what it is.
    """
    if text.isascii() and text.isprintable():
        return text.strip()
    pieces = BESIDE_A_DIGIT.split(INVISIBLE.sub("", text))
    narrowed = (piece if n % 2 else unicodedata.normalize("NFKC", piece) for n, piece in enumerate(pieces))
    return "".join(narrowed).strip()


def compact(text: str) -> str:
    """plain() without any blank and in lower case: the form that patterns of the registry match."""
    return BLANK.sub("", plain(text)).lower()


def year_of(text: str) -> int | None:
    """The calendar year that a text is, as in 2022, 2022.0 or 2022年; None when it is something else."""
    match = (
        None if ODD_DIGIT.search(text) or is_reordered(text) else YEAR.fullmatch(BLANK.sub("", plain(text)))
    )
    return int(match[1]) if match else None


def year_of_date(text: str) -> int | None:
    """The year of its last day, as in 2019-12-31; None for another text. A date within a year is not it."""
    match = YEAR_END.fullmatch(plain(text)) if not is_reordered(text) else None
    return int(match[1]) if match else None


def years_in(text: str) -> set[int]:
    """Years that stand in a text as words of their own."""
    if REVERSES.search(text):
        return set()
    return {int(y) for y in re.findall(r"(?<![0-9])((?:19|20)[0-9]{2})(?![0-9])", plain(text))}


def is_reordered(text: str) -> bool:
    """True when the digits of a text may be shown in another order than they are stored in."""
    if text.isascii() or not DIGIT.search(text):
        return False
    if REVERSES.search(text):
        return True
    return bool(TURNS.search(text)) and not re.fullmatch(r"[0-9]+(?:\.[0-9]+)?年?", plain(text))


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

    Takes thousands separators in their places, full-width digits, a sign of per cent and footnote marks,
    which are told from digits before anything is narrowed. Refuses 1.2.3, 12,34, 12²34 and formulas. Raises
    OverflowError beyond 10^24.
    """
    if PLAIN_NUMBER.fullmatch(text):
        value = Decimal(text)
        return Number(value.quantize(PLACES) if len(text) > 10 and decimals_of(text) > 10 else value)
    if is_reordered(text):
        return None
    clean = INVISIBLE.sub("", text.translate(NARROW)).strip()
    marks = ""
    # An exponent or a closing digit is no footnote; NUMBER decides first.
    footnote = None if NUMBER.fullmatch(clean) or POWER.fullmatch(clean) else FOOTNOTE.fullmatch(clean)
    if footnote:
        clean, marks = footnote[1], footnote[2].strip()
    is_percent = clean.endswith("%")
    clean = clean.removesuffix("%").rstrip()
    if SPACED.fullmatch(clean):
        clean = clean.replace(" ", "")
    elif GROUPED.fullmatch(clean):
        clean = clean.replace(",", "")
    if not NUMBER.fullmatch(clean):
        return None
    value = Decimal(clean)
    if not abs(value) < GREATEST:
        raise OverflowError(text)
    if value.as_tuple().exponent < -10:  # type: ignore[operator]
        value = value.quantize(PLACES, context=WIDE)
    return Number(value, marks, is_percent)


def is_figure(text: str) -> bool:
    """True for a text that is a figure, however large."""
    try:
        return number_of(text) is not None
    except OverflowError:
        return True


def decimals_of(text: str) -> int:
    """Digits behind the point as printed."""
    match = re.search(r"\.([0-9]+)", text)
    return len(match[1]) if match else 0
