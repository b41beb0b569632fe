"""Number formats of workbooks: what they print around a number or a text, and when they print another one.

A figure is what the sheet shows, with all the digits that it stores. A format that only rounds or groups
changes nothing; a sign of per cent or a word is delivered with the number; a format that moves the point
(`0!.0,`), fills the cell with digits (`0*0`), leaves out the minus (`0.0;0.0`), hides the number or cannot be
followed is delivered as a text that no cell takes for a figure. Of a text that is no figure, what the format
makes of it is delivered; of one that is, only what leaves its figure the same.

Sections and their signs as in ECMA-376 part 1, 18.8.31.
"""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache

from cbec.ingest.book import unread
from cbec.ingest.text import number_of, year_of

GENERAL, PERCENT, DATE = "General", "0.00%", "yyyy-mm-dd"
# Formats that a workbook names by number without saying what they are. Those of 27 to 36 and 50 to 58 are
# dates in Chinese; those that are not here print the number.
BUILT_IN: dict[int, str] = {9: PERCENT, 10: PERCENT}
BUILT_IN |= dict.fromkeys((*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)), DATE)
# These show the currency of the machine, whichever it was; another one is chosen by a format of its own.
LOCAL_CURRENCY = (5, 6, 7, 8, 41, 42, 43, 44)
CURRENCY = re.compile(r'"[^"0-9.,%@-]*"|\[\$[^\]]*\]|\\?[$€£]')
TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"?|[\\!](?P<escaped>.)|_.|\*(?P<fill>.)|\[(?P<bracket>[^\]]*)\]'
    r"|(?P<general>General|G/通用格式|@)|(?P<power>E[-+])|(?P<plain>.)",
    re.IGNORECASE | re.DOTALL,
)
# A comma behind the last place divides by a thousand; one between places groups.
SCALES = re.compile(r"[0#?],+(?![0#?,])")
# What may stand around a number and leaves it what it is.
NEUTRAL, SIGNS = "¥￥ ", "¥￥ -()"
# Colours, which accounts give to a negative number in the place of its minus; nobody sees the white one.
COLOUR = re.compile(
    "red|blue|green|cyan|magenta|yellow|[红蓝绿青黄]色?|洋红色?|colou?r ?[0-9]{1,2}",
    re.IGNORECASE,
)
# Words that are delivered with the number, because they are read there.
KEPT = ("", "%", "％", "年")


@dataclass
class _Section:
    """One of the parts of a format. places: the point, the commas and the places of digits."""

    before: str = ""
    behind: str = ""
    places: str = ""
    n_percent: int = 0
    is_date: bool = False
    is_odd: bool = False
    has_number: bool = False
    has_condition: bool = False
    colour: str = ""
    _waiting: str = field(default="", repr=False)

    def literal(self, text: str) -> None:
        if self.has_number:
            self._waiting += text
        else:
            self.before += text

    def place(self, text: str) -> None:
        # A word between places: only blanks leave the number what it is.
        self.is_odd |= bool(self._waiting.strip())
        self._waiting = ""
        self.has_number = True
        self.places += text

    def close(self) -> _Section:
        self.behind = self._waiting
        self.is_odd |= self.n_percent > 1 or bool(SCALES.search(self.places))
        return self

    def says_minus(self, positive: _Section) -> bool:
        """True when a number of this section is seen to be negative, beside one of the positive section."""
        is_bracketed = "(" in self.before and ")" in self.behind
        return "-" in self.before + self.behind or is_bracketed or self.colour not in ("", positive.colour)

    def is_plain(self, neutral: str) -> bool:
        words = (self.before + self.behind).translate(str.maketrans("", "", neutral))
        return not (words or self.n_percent or self.is_date or self.is_odd)


@lru_cache(maxsize=4096)
def _sections(code: str) -> tuple[_Section, ...]:
    found = [_Section()]
    for token in TOKEN.finditer(code):
        section = found[-1]
        kind = token.lastgroup or ""
        text = token[kind] if kind else ""
        if kind in ("quoted", "escaped"):
            section.literal(text)
        elif kind == "bracket":
            if text.startswith("$"):
                section.literal(text[1:].partition("-")[0])
            elif text.lower().strip("hms") == "":
                section.is_date = True
            section.has_condition |= text.startswith(("<", ">", "="))
            if COLOUR.fullmatch(text.strip()):
                section.colour = text.strip().lower()
        elif kind == "fill":
            section.is_odd |= bool(text.strip())
        elif kind in ("general", "power") or (text and text in "0#?.,"):
            section.place(text if kind == "plain" else "0")
        elif not kind:
            continue
        elif text == ";":
            section.close()
            found.append(_Section())
        elif text == "%":
            section.n_percent += 1
        elif text in "ymdhsegbaYMDHSEGBA":
            section.is_date = True
        elif text == "/" and section.has_number:
            section.place("")
        else:
            section.literal(text)
    found[-1].close()
    return tuple(found)


def codes_of(number: int, codes: dict[int, str]) -> tuple[str, str]:
    """The formats that a workbook means by a number, for numbers and for texts; '' for one that shows what
    the cell stores."""
    code = codes.get(number, BUILT_IN.get(number, GENERAL))
    if number in LOCAL_CURRENCY:
        code = CURRENCY.sub("", code)
    return "" if is_plain(code) else code, "" if is_plain_for_text(code) else code


def printed(value: float) -> str:
    """A number without an exponent, with all the digits that it stores."""
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{Decimal(repr(value)):f}"


@lru_cache(maxsize=4096)
def is_plain(code: str) -> bool:
    """True for a format that prints every number as it is, rounded or grouped."""
    sections = _sections(code)[:3]
    if len(sections) == 1:
        return not code.strip() or (sections[0].is_plain(NEUTRAL) and sections[0].has_number)
    # A negative number may stand in brackets, a zero may be a dash or left out, as in accounts.
    signs = (NEUTRAL, SIGNS, SIGNS)
    return (
        all(s.is_plain(signs[n]) and (s.has_number or n == 2) for n, s in enumerate(sections))
        and not any(s.has_condition for s in sections)
        and sections[1].says_minus(sections[0])
    )


def shown(code: str, value: float, *, is_1904: bool = False) -> str:
    """The text that carries the figure which a cell shows."""
    number = printed(value)
    if is_plain(code):
        return number
    sections = _sections(code)[:3]
    index = 1 if value < 0 and len(sections) > 1 else 2 if value == 0 and len(sections) > 2 else 0
    section = sections[index]
    if section.is_date:
        return _date(value, is_1904) or number
    if any(s.has_condition for s in sections):
        # Which section it is does not matter where all print alike, but for a minus.
        if value >= 0 and all(s.has_number and s.is_plain(NEUTRAL) for s in sections):
            return number
    elif not section.is_odd and (index != 1 or section.says_minus(sections[0])):
        neutral = SIGNS if index else NEUTRAL
        before, behind = section.before.strip(neutral), section.behind.strip(neutral)
        if section.n_percent:
            number, behind = f"{Decimal(repr(value)).scaleb(2):f}", f"%{behind}"
        if not before and behind in KEPT and (section.has_number or index == 2):
            return number + behind
    return unread(printed(value), f"in the format {code}")


@lru_cache(maxsize=4096)
def _text_section(code: str) -> tuple[tuple[str, str], ...] | None:
    """What is made of a text: text, literals and fills in order; None when it says nothing of texts."""
    parts: list[list[tuple[str, str]]] = [[]]
    for token in TOKEN.finditer(code):
        kind = token.lastgroup or ""
        if kind == "plain" and token[0] == ";":
            parts.append([])
        elif kind == "bracket":
            if token[kind].startswith("$"):
                parts[-1].append(("literal", token[kind][1:].partition("-")[0]))
        elif kind in ("general", "fill"):
            parts[-1].append((kind, token[kind]))
        else:
            parts[-1].append(("literal", token[kind] if kind else " "))
    if len(parts) > 3:
        return tuple(parts[3])
    return next((tuple(part) for part in reversed(parts) if ("general", "@") in part), None)


@lru_cache(maxsize=4096)
def is_plain_for_text(code: str) -> bool:
    """True for a format that shows every text as it is."""
    section = _text_section(code)
    return section is None or (
        [kind for kind, _ in section].count("general") == 1
        and not any(piece.strip() for kind, piece in section if kind != "general")
    )


def shown_text(code: str, text: str) -> str:
    """What a cell shows of a text; one that nothing is read from where that is not what it stores.

    A figure or a year must stay the one that is stored; another text is read as it is shown.
    """
    section = _text_section(code)
    if section is None or is_plain_for_text(code):
        return text
    seen = "".join(text if kind == "general" else piece for kind, piece in section if kind != "fill").strip()
    has_fill = any(piece.strip() for kind, piece in section if kind == "fill")
    has_text = any(kind == "general" for kind, _ in section)
    stored, now = _figure(text), _figure(seen)
    is_same = stored == now and (stored is None or not has_fill)
    if not any(c.isalnum() for c in text + seen):
        return seen
    return seen if is_same and has_text else unread(text, f"in the format {code}")


def _figure(text: str) -> object:
    """The year or the number that a text is; None for another one."""
    try:
        number = number_of(text)
    except OverflowError:
        return text
    return year_of(text) or (number and number.value)


def _date(value: float, is_1904: bool) -> str:
    start = datetime.datetime(1904, 1, 1) if is_1904 else datetime.datetime(1899, 12, 30)
    try:
        return str(start + datetime.timedelta(days=value))
    except OverflowError:
        return ""
