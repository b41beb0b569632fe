"""What a note below a table, or a remark beside a figure, says against the header: another year, a part of
one, another unit."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cbec.ingest.remarks import claims_in
from cbec.ingest.tables import NOTE_START, UNIT_LINE, Table, locator
from cbec.ingest.text import number_of, plain, years_in
from cbec.ingest.titles import SOURCE_LINE, of_figures
from cbec.ingest.vocabulary import Vocabulary

_YEAR = r"((?:19|20)[0-9]{2})(?![0-9])"
_DATA = "(?:统计)?(?:数据|数值|数字|资料|数|值)"
# 为2014年数据, 2015年数据为2014年数, 数据为2014年, figures are for 2014.
OF_A_YEAR = (
    re.compile(rf"(?:为|系|是|用|取|取自|采用|沿用)\s*{_YEAR}\s*年?度?的?{_DATA}"),
    re.compile(rf"(?:数据|数值|指标|{_DATA}均?)(?:为|系|是|取|采用)\s*{_YEAR}\s*年?度?的?{_DATA}?\s*$"),
    re.compile(rf"^\W*(?:为|系|是)\s*{_YEAR}\s*年?度?\s*$"),
    re.compile(
        rf"(?:data|figures?|values?)\s*(?:are|is|were)?\s*(?:those\s*)?(?:for|of|from)\s*"
        rf"(?:the\s*)?(?:year\s*)?{_YEAR}", re.I,
    ),
)  # fmt: skip
A_YEAR_ALONE = re.compile(rf"^\W*{_YEAR}\s*年?度?的?(?:{_DATA}|\s*(?:data|figures?|values?))?\W*$", re.I)


def notes_of(table: Table, used: set[int]) -> list[tuple[str, str]]:
    """Rows of words among or below the rows of a table: place and text. used: rows that gave figures."""
    found = []
    for number, row in table.body:
        filled = [(place, c) for place, c in enumerate(row, 1) if c.strip()]
        if number in used or not filled:
            continue
        text = filled[0][1]
        is_note = bool(NOTE_START.match(plain(text))) or len(filled) == 1
        if is_note and not any(_is_number(c) for _, c in filled):
            found += [(locator(table.sheet.name, number, p), plain(c)) for p, c in filled]
    return found


def _is_number(text: str) -> bool:
    try:
        return number_of(text) is not None
    except OverflowError:
        return True


def clauses(text: str) -> list[str]:
    return [c for c in re.split(r"[，,；;。\n|]", plain(text)) if c.strip()]


def another_year(clause: str, *, is_remark: bool) -> tuple[int, frozenset[int]] | None:
    """The year whose figures stand here, and the years in whose rows they do (none: all of them).

    is_remark: stands in a cell beside the figures, where a year alone is theirs.
    """
    if claims_in(clause) or SOURCE_LINE.search(clause):
        return None
    clean = of_figures(clause)
    patterns = (*OF_A_YEAR, A_YEAR_ALONE) if is_remark else OF_A_YEAR
    for pattern in patterns:
        match = pattern.search(clean)
        if match:
            return int(match[1]), frozenset(years_in(clean[: match.start(1)]))
    return None


def stated_units(
    clause: str, vocabulary: Vocabulary, *, is_remark: bool
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Units that a clause says, as text and as what it may mean; of a remark that is a unit, itself."""
    for match in UNIT_LINE.finditer(clause):
        text = re.sub(r"(?:计算|计|表示)$", "", match[1])
        if units := vocabulary.units_of(text):
            yield text, units
    bare = re.sub(r"^\W*(?:单位)?为?|\W+$", "", clause)
    # A letter or a word such as 人 or 天 alone is too little.
    if is_remark and len(bare) > 1 and (units := vocabulary.units_of(bare)):
        yield bare, units
