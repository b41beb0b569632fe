"""The text of a cell to the numbers it prints, with their stars and brackets."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from cbec.audit.rounding import Interval, half_unit
from cbec.ingest.text import INVISIBLE, NARROW, is_reordered

# Signs that print a minus, a star or a bracket; full-width ones are narrowed before.
SAME = str.maketrans(
    {
        **dict.fromkeys("−–‒﹣‐‑", "-"),
        **dict.fromkeys("∗⁎٭⋆★☆✱﹡", "*"),
        **dict.fromkeys("〔【﹝", "["),
        **dict.fromkeys("〕】﹞", "]"),
        **dict.fromkeys("〈《⟨", "<"),
        **dict.fromkeys("〉》⟩", ">"),
        **dict.fromkeys("；", ";"),
        **dict.fromkeys("、", ","),
        **dict.fromkeys("～〜∼", "~"),
    }
)
CLOSE = {"(": ")", "[": "]", "{": "}", "<": ">"}
NUMBER = (
    r"[-+]?\s?(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)(?:\.[0-9]*)?(?:[eE][-+]?[0-9]{1,3})?"
    r"|[-+]?\s?\.[0-9]+(?:[eE][-+]?[0-9]{1,3})?"
)
MARKS = r"\*+|†+|‡+|\++(?![0-9.])|#+"
TOKEN = re.compile(
    rf"\s*(?P<open>[(\[{{<])?\s*(?P<before>{MARKS})?\s*(?:[tzp]\s*=\s*)?(?P<number>{NUMBER})\s*(?P<percent>%)?\s*(?P<inner>{MARKS})?"
    rf"(?:\s*(?P<between>,|;|~|-|\bto\b|至)\s*(?P<second>{NUMBER})\s*(?P<percent2>%)?)?\s*(?P<close>[)\]}}>])?\s*(?P<outer>{MARKS})?"
    r"\s*[/;]?"
)
PLUS_MINUS = re.compile(rf"^\s*({NUMBER})\s*(?:±|\+/-)\s*({NUMBER})\s*$")
# A number with a hyphen between two: an interval where a heading says so.
HYPHENATED = re.compile(rf"\s*[(\[]?\s*({NUMBER})\s*-\s*({NUMBER})\s*[)\]]?\s*")
NOTHING = {
    "",
    "-",
    "--",
    "---",
    "—",
    "——",
    "…",
    ".",
    "..",
    "...",
    "n.a.",
    "na",
    "n/a",
    "nan",
    "/",
    "\\",
    "·",
    "－",
}
MAX_CELL = 200
GREATEST = 1e15


@dataclass(frozen=True)
class Figure:
    """A printed number.

    value, interval: what it is and stands for. text: as printed, narrowed, without stars and brackets. marks:
    its stars. bracket: "(", "[", "{", "<" or "". second: the other end where the brackets hold two numbers.
    place: address of its cell.
    """

    value: float
    interval: Interval
    text: str
    marks: str = ""
    bracket: str = ""
    second: Figure | None = None
    is_percent: bool = False
    place: str = ""

    @property
    def decimals(self) -> int:
        match = re.search(r"\.([0-9]+)", self.text)
        return len(match[1]) if match else 0

    @property
    def is_whole(self) -> bool:
        """Printed without decimals."""
        return bool(re.fullmatch(r"[-+]?[0-9,]+", self.text))

    @property
    def shown(self) -> str:
        """As a person sees it."""
        inner = self.text + ("%" if self.is_percent else "")
        if self.second is not None:
            inner += f", {self.second.text}"
        return f"{self.bracket}{inner}{CLOSE.get(self.bracket, '')}{self.marks}"


def narrowed(text: str) -> str:
    """The text with full-width forms narrowed and the many minus signs, stars and brackets made one."""
    return INVISIBLE.sub("", text.translate(NARROW)).translate(SAME).strip()


def unwrapped(text: str) -> str:
    """The text that some programs write as a formula, so that a spreadsheet leaves it alone: ="0.09***"."""
    match = re.fullmatch(r'="?(.*?)"?', text, re.DOTALL)
    return re.sub(r"^\s*'(?=[-+−(\[.\d])", "", match[1] if match else text)


# As LaTeX prints it: $0.020^{***}$, 2.0 \times 10^{-2}.
RAISED = re.compile(r"\$|\\[()]|\^\{([*†‡+#]+)\}|\^(?=[*†‡+#])")
POWER = re.compile(r"(?<=[0-9.])\s*(?:[×x*]|\\times|\\cdot)\s*10\s*\^?\{?\s*([-+]?[0-9]{1,2})\}?(?![0-9.])")
AT_MOST = re.compile(r"\s*[<≤]\s*(0?\.[0-9]+)\s*")


def figure(
    text: str, *, marks: str = "", bracket: str = "", is_percent: bool = False, place: str = ""
) -> Figure:
    """A number as printed ("0.050", "3,878", "-.159") to its figure; raises ValueError for no number."""
    clean = re.sub(r"\s", "", text)
    value = float(clean.replace(",", ""))
    if not abs(value) < GREATEST:
        raise ValueError(f"{text} is too large to be audited")
    half = half_unit(clean)
    return Figure(value, Interval(value - half, value + half), clean, marks, bracket, None, is_percent, place)


def is_blank(text: str) -> bool:
    return narrowed(text).lower() in NOTHING


def figures(text: str, place: str = "") -> tuple[Figure, ...]:
    """All numbers that a cell prints, in order; none where it holds words."""
    if len(text) > MAX_CELL or is_reordered(text):
        return ()
    clean = PLUS_MINUS.sub(r"\1 (\2)", unwrapped(narrowed(text)))
    clean = POWER.sub(r"e\1", RAISED.sub(r"\1", clean))
    if clean.lower() in NOTHING:
        return ()
    most = AT_MOST.fullmatch(clean)
    if most:
        # p < 0.001 stands for every p below.
        bound = float(most[1])
        return (Figure(bound, Interval(0.0, bound), f"<{most[1]}", place=place),)
    found: list[Figure] = []
    at = 0
    while at < len(clean):
        match = TOKEN.match(clean, at)
        if match is None or match.end() == at:
            return ()
        opened, closed = match["open"] or "", match["close"] or ""
        if CLOSE.get(opened, "") != closed:
            return ()
        marks = (match["outer"] or "") + (match["inner"] or "") + (match["before"] or "")
        try:
            if found and not opened and not re.search(r"[\n/]\s*$", clean[:at] + match[0][:1]):
                return ()
            first = figure(
                match["number"], marks=marks, bracket=opened, is_percent=bool(match["percent"]), place=place
            )
            if match["second"]:
                # Without brackets a hyphen is one of years, or of pages.
                if not opened and (found or match["between"] == "-"):
                    return ()
                other = figure(match["second"], is_percent=bool(match["percent2"]), place=place)
                first = replace(first, second=other)
        except ValueError:
            return ()
        found.append(first)
        at = match.end()
    return tuple(found)


def range_of(text: str, place: str = "") -> tuple[Figure, Figure] | None:
    """Both ends of an interval printed with a hyphen ("0.10-0.20", "-0.3 - -0.1"); None for another text."""
    match = HYPHENATED.fullmatch(narrowed(text))
    if match is None:
        return None
    try:
        return figure(match[1], place=place), figure(match[2], place=place)
    except ValueError:
        return None
