"""The shape of a sheet: where its header is, what each column holds, which rows carry figures.

One model serves every shape. A figure has a region, a year, an indicator and a unit; each of these is said
by the row, by the column, or by the table as a whole (its title, sheet or file). Years across, regions
across, indicators across and long tables differ only in which of the three says what.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from cbec.ingest.book import JOINER, STROKE, STRUCK
from cbec.ingest.files import Sheet
from cbec.ingest.headings import spans
from cbec.ingest.mapping import OWN_WORDS, Mapping
from cbec.ingest.printed.edition import EDITION, data_years
from cbec.ingest.problems import Problem
from cbec.ingest.remarks import no_years_figures
from cbec.ingest.roles import (
    HALF,
    MOST,
    NEARLY_ALL,
    NUMBERED,
    WITHIN_REGIONS,
    Contents,
    Unnamed,
    code_of,
    guess,
    is_number,
)
from cbec.ingest.text import PLAIN_NUMBER, compact, number_of, plain, year_of, years_in
from cbec.ingest.titles import SOURCE_LINE, of_figures, speaks_of_constant_prices, without_years
from cbec.ingest.vocabulary import Meaning, Vocabulary

NOTE_START = re.compile(
    r"^(?:注|数据来源|资料来源|来源|说明|备注|note|source|更多|http|\*|①|本表|数$)", re.IGNORECASE
)
UNIT_LINE = re.compile(r"(?:单位|unit)s?[:：为]\s*([^\s()（）;；]+)", re.IGNORECASE)
# The year in the name of a book is that of its edition.
BOOK = re.compile("年鉴|来源|来自|yearbook|source", re.IGNORECASE)
# 各省市区 are provinces, municipalities and autonomous regions; 城市区域 is no district.
DISTRICTS = re.compile(r"市辖区|(?<![省城各])市区(?!域)|districts under|urban districts", re.IGNORECASE)
WHOLE = re.compile(r"全市|全地区|total city|whole city", re.IGNORECASE)
REGION_LINE = re.compile(r"(?:地区|城市|省份|行政区|region|city|province)\s*[:：]\s*(.+)", re.IGNORECASE)
YEAR_BEHIND = re.compile(r"[\s_-]*(?:19|20)[0-9]{2}年?$")
PLACES_OF_FIGURES = ("province", "prefecture", "both")
MARKED = re.compile(f"[{STROKE}{JOINER}]|{re.escape(STRUCK)}")
# The platform's downloads name their indicator so.
NAMED_INDICATOR = re.compile(r"(?:指标|indicator)\s*[:：]\s*(.+)", re.IGNORECASE)
INDICATOR_ASKED = "names no indicator of the registry"
KEY_ROLES = {"region", "province", "region_code", "province_code", "year", "indicator"}
FIGURES = {"measure", "year_value", "region_value", "value", "qualifier", "unit_value"}
# Columns that no heading needs to stand over.
ALONE = KEY_ROLES | {"unit", "note"}
N_SCANNED = 40
# Names, and columns of figures, for which the nearest ones are looked for, which is slow.
MAX_UNKNOWN, MAX_SUGGESTED = 100, 20


@dataclass(frozen=True)
class Column:
    """One column: its place from 1, its header as printed and what it means."""

    place: int
    header: str
    header_row: int
    meaning: Meaning

    @property
    def role(self) -> str:
        return self.meaning.role


@dataclass(frozen=True)
class Table:
    """A sheet with a recognised header.

    axis: what the value columns are: measure, year_value, region_value or value. level: province or
    prefecture. body: (row number, cells) behind the header. defaults: year, indicator, unit of the table.
    region: that of the sheet's name, for a sheet without a column of regions; siblings: names of all sheets.
    reported_years: years of the line above the rows, which a column of years must agree with. scope:
    districts where title, sheet or file say that nothing else is meant, else ''.
    """

    sheet: Sheet
    columns: tuple[Column, ...]
    body: tuple[tuple[int, tuple[str, ...]], ...]
    header_rows: tuple[int, ...]
    axis: str
    level: str
    year: int = 0
    indicator: Meaning = field(default_factory=Meaning)
    unit_text: str = ""
    units: tuple[str, ...] = ()
    region: str = ""
    siblings: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    dropped: tuple[tuple[str, str], ...] = ()
    reported_years: frozenset[int] = frozenset()
    scope: str = ""

    def with_role(self, *roles: str) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if column.role in roles)


@dataclass(frozen=True)
class Recognition:
    """A sheet as a table, or why it is none. texts: every remark found on it. tried: the row most like a
    header, where none is one."""

    sheet: str
    table: Table | None
    reason: str = ""
    texts: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    tried: str = ""


def locator(sheet: str, row: int, column: int) -> str:
    """Place of a cell, rows and columns from 1."""
    return f"{sheet}!R{row}C{column}"


@dataclass(frozen=True)
class Part:
    """One of the tables that stand under each other on a sheet: its rows from its first title on.

    start: index of its header, which is repeated from the part above when it prints none. titles: what the
    part above says once for all, where both have one header.
    """

    sheet: Sheet
    start: int | None
    titles: tuple[str, ...] = ()
    is_first: bool = True


def recognise(
    file: str, sheet: Sheet, vocabulary: Vocabulary, mapping: Mapping, siblings: tuple[str, ...] = ()
) -> tuple[Recognition, ...]:
    """What one sheet is, a recognition a table. Problems name the cell; a sheet of text only is no problem.

    siblings: the names of all sheets of the book, which may be regions.
    """
    if sheet.name in mapping.sheets:
        return (Recognition(sheet.name, None, "left out by the mapping file", _texts(sheet, 2)),)
    parts, problems = _parts(file, sheet, vocabulary)
    found = [_recognise(file, part, vocabulary, mapping, siblings) for part in parts]
    if problems:
        found[-1] = replace(found[-1], problems=(*found[-1].problems, *problems))
    return tuple(found)


def _parts(file: str, sheet: Sheet, vocabulary: Vocabulary) -> tuple[list[Part], list[Problem]]:
    """A sheet cut where another header, year, unit or indicator begins.

    Below a header stand figures. A row of key words is the next header; a line that names a year, a unit or
    an indicator above further figures makes them another table under the same header.
    """
    start = _header_start(sheet, vocabulary)
    if start is None:
        return [Part(sheet, None)], []
    signs = {sign for publication, _, sign in vocabulary.registry.symbols if not publication and sign}
    problems: list[Problem] = []
    parts: list[Part] = []
    titles: tuple[str, ...] = ()
    stop, first = _header_stop(sheet, vocabulary, start)
    roles = _roles(sheet, vocabulary, start, stop)
    if not set(roles.values()) & FIGURES:
        return [Part(sheet, start)], []
    part_rows = list(sheet.rows[:first])
    part_start, is_first = start, True
    # Lines of text since the last figures, and those among them that say what the rows below are.
    lines: list[int] = []
    speaking: list[int] = []
    index = first

    def close() -> None:
        rows = (*part_rows, *(sheet.rows[k] for k in lines))
        parts.append(Part(replace(sheet, rows=rows), part_start, titles, is_first))

    while index < len(sheet.rows):
        row = sheet.rows[index][1]
        kind = _row_kind(row, roles, vocabulary, signs)
        header = sheet.rows[start:stop]
        if kind == "line" and (found := _header_without_keys(row, roles, header, vocabulary, signs)):
            fault, columns = found
            if fault:
                place, text = fault
                problems.append(
                    Problem(file, locator(sheet.name, sheet.rows[index][0], place), "table", text,
                            "stands in a row of headings between the figures that is not that of the header"
                            f" in row {header[0][0]}; print the whole header again, or move the row away")
                )  # fmt: skip
            elif columns:
                sheet = _with_row(sheet, index, columns)
                row, kind = columns, "header"
            else:
                index += 1
                continue
        again = kind == "header" and _same_header(row, header)
        if kind == "header" and not (again and not speaking):
            own = lines
            lines, speaking = [], []
            close()
            above = tuple(plain(c) for _, r in part_rows[:part_start] for c in r if c.strip())
            titles = (*above, *titles) if again else ()
            start = index
            stop, first = _header_stop(sheet, vocabulary, start)
            roles = _roles(sheet, vocabulary, start, stop)
            part_rows = [*(sheet.rows[k] for k in own), *sheet.rows[start:first]]
            part_start, is_first = len(own), False
            index = first
            continue
        if kind == "line":
            lines.append(index)
            if _speaks(row, vocabulary):
                speaking.append(index)
        elif kind == "data" and speaking:
            notes = [k for k in speaking if _is_note(sheet.rows[k][1])]
            if notes:
                number, cells = sheet.rows[notes[0]]
                place = next(k for k, c in enumerate(cells, 1) if c.strip())
                problems.append(
                    Problem(file, locator(sheet.name, number, place), "table", plain(cells[place - 1]),
                            "names a year, a unit or an indicator between the figures; say it in a header"
                            " or move the line below the table")
                )  # fmt: skip
            own = lines
            lines, speaking = [], []
            close()
            above = tuple(plain(c) for _, r in part_rows[:part_start] for c in r if c.strip())
            titles = (*above, *titles)
            part_rows = [*(sheet.rows[k] for k in own), *header, sheet.rows[index]]
            part_start, is_first = len(own), False
        else:
            part_rows += [sheet.rows[k] for k in lines]
            part_rows.append(sheet.rows[index])
            lines, speaking = [], []
        index += 1
    close()
    return parts, problems


def _roles(sheet: Sheet, vocabulary: Vocabulary, start: int, stop: int) -> dict[int, str]:
    """Role of each column by place, from its header alone; '' without one."""
    header = sheet.rows[start:stop]
    paths, _ = _paths(sheet, header, sheet.rows[stop : stop + 50], vocabulary)
    meant = {place: vocabulary.meaning(path) if path else Meaning() for place, _, _, path in paths}
    # Under a header that nobody has named figures may stand.
    return {
        place: "measure" if m.is_unnamed and _has_number(sheet.rows[stop:], place) else m.role
        for place, m in meant.items()
    }


def _has_number(rows: Sequence[tuple[int, tuple[str, ...]]], place: int) -> bool:
    return any(place <= len(row) and is_number(row[place - 1]) for _, row in rows)


def _header_without_keys(
    row: tuple[str, ...],
    roles: dict[int, str],
    header: tuple[tuple[int, tuple[str, ...]], ...],
    vocabulary: Vocabulary,
    signs: set[str],
) -> tuple[tuple[int, str] | None, tuple[str, ...]] | None:
    """A row of headings over the figures that names no keys, as 续表 prints: what is wrong with it, or the
    whole header that it stands for, or neither where it repeats the one above. None for another row."""
    values = [place for place, role in roles.items() if role in FIGURES]
    texts = {
        p: row[p - 1]
        for p in values
        if p <= len(row) and plain(row[p - 1]) and compact(row[p - 1]) not in signs
    }
    meant = {p: vocabulary.meaning((text,)) for p, text in texts.items()}
    named = [p for p, m in meant.items() if m.role in ("measure", "year_value", "region_value", "ignore")]
    above = {p: [r[p - 1] for _, r in header if p <= len(r) and r[p - 1].strip()] for p in values}
    if texts and all(m.role == "unit_value" for m in meant.values()) and len(texts) == sum(
        bool(c.strip()) for c in row
    ):  # fmt: skip
        # Units alone: those of the header again, or others, which the rows above do not have.
        for p, m in meant.items():
            own = vocabulary.meaning(tuple(above[p])).units
            if not own or vocabulary.contradict(own, m.units):
                return (p, plain(texts[p])), ()
        return None, ()
    if not named:
        return None
    if all(any(compact(text) == compact(a) for a in above[p]) for p, text in texts.items()):
        # Some of the headings again, in their places.
        return None, ()
    unknown = next((p for p in values if p not in texts or meant[p].problem or p not in named), None)
    keys = {p: row[p - 1] for p in roles if p not in values and p <= len(row) and row[p - 1].strip()}
    is_key = {p: vocabulary.meaning((t,)) for p, t in keys.items()}
    renamed = [
        p
        for p, m in is_key.items()
        if not m.problem or (len(keys) > 1 and len({*map(compact, keys.values())}) > 1)
    ]
    if unknown is not None or renamed or len(header) > 1:
        place = unknown if unknown in texts else (renamed or named)[0]
        return (place, plain(row[place - 1])), ()
    width = max(len(row), len(header[0][1]))
    first = [*header[0][1], *[""] * (width - len(header[0][1]))]
    return None, tuple(texts.get(p, first[p - 1]) for p in range(1, width + 1))


def _with_row(sheet: Sheet, index: int, cells: tuple[str, ...]) -> Sheet:
    rows = list(sheet.rows)
    rows[index] = (rows[index][0], cells)
    return replace(sheet, rows=tuple(rows))


def _same_header(row: tuple[str, ...], header: tuple[tuple[int, tuple[str, ...]], ...]) -> bool:
    width = max(len(row), len(header[0][1]))
    one, two = ([compact(c) for c in r] + [""] * (width - len(r)) for r in (row, header[0][1]))
    return one == two


def _row_kind(row: tuple[str, ...], roles: dict[int, str], vocabulary: Vocabulary, signs: set[str]) -> str:
    """data, header or line (text without figures, such as a title or a note) of a row below a header."""
    # Nearly every row ends at once: a plain number that cannot be a year.
    if any(PLAIN_NUMBER.fullmatch(c) and (len(c) != 4 or c[:2] not in ("19", "20")) for c in reversed(row)):
        return "data"
    cells = [(place, c) for place, c in enumerate(row, 1) if c.strip()]
    if not cells or any(_is_figure(c) for _, c in cells):
        return "data"
    if any(compact(c) in signs for _, c in cells):
        return "data"
    named = {place for place, role in roles.items() if role in ("region", "province")}
    named = named or {min(roles)}
    for place, text in cells:
        if place in named and vocabulary.regions.is_name(text):
            return "data"
    texts = [c for _, c in cells]
    if len({compact(c) for c in texts}) > 1:
        if any(_known(vocabulary, c) and vocabulary.meaning((c,)).role in KEY_ROLES for c in texts):
            return "header"
        is_across = all(year_of(c) for c in texts) or all(vocabulary.regions.is_name(c) for c in texts)
        if is_across and cells[0][0] > 1:
            return "header"
    in_keys = all(
        roles.get(place) == "indicator" or (roles.get(place) == "year" and year_of(c)) for place, c in cells
    )
    if in_keys and not (len(cells) == 1 and roles[cells[0][0]] == "indicator" and years_in(texts[0])):
        return "data"
    return "line"


def _is_note(row: tuple[str, ...]) -> bool:
    return bool(NOTE_START.match(plain(next(c for c in row if c.strip()))))


def _speaks(row: tuple[str, ...], vocabulary: Vocabulary) -> bool:
    """True when a line says a year, a unit or an indicator, in which the rows below may differ."""
    for cell in row:
        text = plain(cell)
        if not text or (BOOK.search(text) and not UNIT_LINE.search(text)):
            continue
        if years_in(text) or UNIT_LINE.search(text) or vocabulary.meaning((text,)).role == "unit_value":
            return True
        if len(text) <= 60 and vocabulary.indicators_named(text):
            return True
    return False


def _recognise(
    file: str, part: Part, vocabulary: Vocabulary, mapping: Mapping, siblings: tuple[str, ...]
) -> Recognition:
    sheet = part.sheet
    # A table's own cells are short; whatever is long, or stands on a sheet that is no table, is a remark.
    texts = _texts(sheet, 2)
    start = part.start
    if start is None:
        figures = sum(1 for _, row in sheet.rows for c in row if c and _is_figure(c))
        reason = "no header row" if figures else "text only"
        return Recognition(sheet.name, None, reason, texts, tried=_nearest_to_a_header(sheet, vocabulary))
    stop, first = _header_stop(sheet, vocabulary, start)
    header = sheet.rows[start:stop]
    body = sheet.rows[first:]
    titles = [plain(c) for _, row in sheet.rows[:start] for c in row if c.strip()]
    texts = tuple(dict.fromkeys([*titles, *_texts(sheet, 16)]))
    paths, unclear = _paths(sheet, header, body, vocabulary)
    columns = [
        Column(place, text, row, vocabulary.meaning(path) if path else Meaning())
        for place, text, row, path in paths
    ]
    columns, asked = _guessed(file, sheet, columns, {p: path for p, _, _, path in paths}, body, vocabulary)
    columns, dropped, problems = _by_content(file, sheet, columns, body, vocabulary)
    problems += asked
    problems += [
        Problem(file, locator(sheet.name, row, place), "table", plain(text),
                "is a heading of which it cannot be told over which columns it stands: merge its cells, or"
                " write it above every column")
        for row, place, text in unclear
    ]  # fmt: skip
    return _assemble(
        file, part, vocabulary, mapping, columns, header, body, titles, texts, dropped, problems, siblings
    )


def _texts(sheet: Sheet, length: int) -> tuple[str, ...]:
    """Remarks of at least so many characters, without figures; short ones from the first rows only."""
    rows = sheet.rows if length > 2 else sheet.rows[:500]
    found = dict.fromkeys(c for _, row in rows for c in row if len(c) >= length or NOTE_START.match(c))
    return tuple(plain(c) for c in found if not _is_figure(c))


def _is_figure(text: str) -> bool:
    """A number that cannot be a year."""
    # Nearly all figures end here.
    if PLAIN_NUMBER.fullmatch(text) and text[:2] not in ("19", "20"):
        return True
    try:
        return number_of(text) is not None and year_of(text) is None
    except OverflowError:
        return True


def _numbers_columns(texts: list[str]) -> bool:
    try:
        return all((n := number_of(text)) and n.value == k for k, text in enumerate(texts, 1))
    except OverflowError:
        return False


def _known(vocabulary: Vocabulary, text: str) -> bool:
    meaning = vocabulary.meaning((text,))
    return bool(meaning.role) and not meaning.problem


def _header_start(sheet: Sheet, vocabulary: Vocabulary) -> int | None:
    """Index of the first header row. A row of units is one together with the words above it."""
    start = _first_header(sheet, vocabulary)
    if not start:
        return start
    row = [c for c in sheet.rows[start][1] if c.strip()]
    n_units = sum(
        vocabulary.meaning((c,)).role in ("unit_value", "qualifier") or is_unit_word(c) for c in row
    )
    is_units = n_units >= 0.8 * len(row)
    above = [plain(c) for c in sheet.rows[start - 1][1] if c.strip()]
    is_words = len(set(above)) >= 3 and not any(is_number(c) or len(c) > 60 for c in above)
    return start - 1 if is_units and is_words and len(above) >= HALF * len(row) else start


def is_unit_word(text: str) -> bool:
    """True for the word that heads a row of units, and for a power of ten in front of one."""
    return bool(re.fullmatch(r"(?:计量)?单位|units?|10\^?[0-9]+.+", compact(text)))


def _first_header(sheet: Sheet, vocabulary: Vocabulary) -> int | None:
    """Index of the first row without figures of which at least two cells mean something, most of them."""
    best, best_known = None, 0
    for index, (_, row) in enumerate(sheet.rows[:N_SCANNED]):
        filled = [c for c in row if c.strip()]
        distinct = {compact(c) for c in filled}
        if len(distinct) < 2 or any(_is_figure(c) for c in filled):
            continue
        if len({plain(c) for c in filled}) == 1 or any(len(plain(c)) > 120 for c in filled):
            continue
        known = sum(_known(vocabulary, c) for c in filled)
        roles = {vocabulary.meaning((c,)).role for c in filled if _known(vocabulary, c)}
        # A title with its unit, or a region and its year, are no header.
        is_line = len(filled) == 2 and any(UNIT_LINE.match(plain(c)) for c in filled)
        if is_line or roles == {"region_value", "year_value"}:
            continue
        if known >= 2 and known >= 0.5 * len(filled):
            return index
        if known >= 1 and known > best_known:
            best, best_known = index, known
    # Mostly unknown headers still are a header when figures stand below them.
    if best is not None:
        below = sheet.rows[best + 1 : best + 6]
        if any(_is_figure(c) for _, row in below for c in row if c):
            return best
        if best_known >= 2:
            return best
    return _unnamed_header(sheet)


def _unnamed_header(sheet: Sheet) -> int | None:
    """Index of a row of words of which the registry knows none: the row above figures that are as wide."""
    for index, (_, row) in enumerate(sheet.rows[:N_SCANNED]):
        filled = [k for k, c in enumerate(row) if c.strip()]
        words = [k for k in filled if not is_number(row[k])]
        if len({compact(row[k]) for k in filled}) < 3 or len(words) < MOST * len(filled):
            continue
        if any(len(plain(row[k])) > 60 for k in filled):
            continue
        below = [r for _, r in sheet.rows[index + 1 : index + 21]]
        figures = [sum(_is_figure(c) for c in r if c.strip()) for r in below]
        widths = [sum(bool(c.strip()) for c in r) for r in below]
        is_over = sum(n > 0 and HALF * len(filled) <= w for n, w in zip(figures, widths, strict=True))
        if len(below) >= 2 and is_over >= HALF * len(below):
            return index
    return None


def _nearest_to_a_header(sheet: Sheet, vocabulary: Vocabulary) -> str:
    """The first of the rows scanned that has most words that are known, in words for a person."""
    best, text = (-1, 0), "every row is blank"
    for number, row in sheet.rows[:N_SCANNED]:
        filled = [plain(c) for c in row if c.strip()]
        words = [c for c in filled if not _is_figure(c)]
        known = [c for c in words if _known(vocabulary, c)]
        if filled and (len(known), len(words)) > best:
            best = (len(known), len(words))
            cells = ", ".join(repr(c[:20]) for c in filled[:4]) + (" ..." if len(filled) > 4 else "")
            text = (
                f"row {number} is most like a header, with {len(known)} of {len(filled)} cells known: {cells}"
            )
    return text


def _header_stop(sheet: Sheet, vocabulary: Vocabulary, start: int) -> tuple[int, int]:
    """Index behind the last header row (further levels, a row of units) and of the first row of the body."""
    width = max(len(row) for _, row in sheet.rows[start : start + 1])
    first = sheet.rows[start][1]
    keys = {
        place
        for place in range(width)
        if not first[place].strip()
        or vocabulary.meaning((first[place],)).role
        in ("region", "province", "year", "indicator", "region_code")
    }
    stop = start + 1
    while stop < min(len(sheet.rows), start + 5):
        row = sheet.rows[stop][1]
        filled = [(place, c) for place, c in enumerate(row) if c.strip()]
        if any(_is_figure(c) for _, c in filled):
            # 1, 2, 3 ... under the header number the columns.
            if len(filled) > 2 and _numbers_columns([c for _, c in filled]):
                return stop, stop + 1
            break
        in_keys = [c for place, c in filled if place in keys and place <= 3]
        if any(vocabulary.regions.is_name(c) or year_of(c) for c in in_keys):
            # Under a blank corner a year or a region is a key only when nothing else on the row is a level.
            others = [c for place, c in filled if place not in keys]
            if not others or not all(_known(vocabulary, c) for c in others):
                break
            if any(place == 0 for place, _ in filled):
                break
        known = sum(_known(vocabulary, c) for _, c in filled)
        is_level = _is_level(sheet, stop, start)
        if not filled or (known < 0.5 * len(filled) and not is_level):
            break
        # One word alone is a line between, unless it is the unit of the heading above it.
        place, text = filled[0]
        is_unit = place not in keys and vocabulary.meaning((text,)).role == "unit_value"
        if len(filled) == 1 and width > 3 and not (is_unit or is_level):
            break
        stop += 1
    return stop, stop


def _is_level(sheet: Sheet, index: int, start: int) -> bool:
    """True for a row of words below a header whose column of keys is merged down over it, or is blank there
    and comes to its names below."""
    number, row = sheet.rows[index]
    filled = [k for k, c in enumerate(row) if c.strip()]
    above = [k for k, c in enumerate(sheet.rows[start][1]) if c.strip()]
    if not above or any(is_number(row[k]) for k in filled):
        return False
    key = above[0]
    merged = any(
        r0 <= sheet.rows[start][0] < number <= r1 and c0 == key + 1 for r0, c0, r1, _ in sheet.merges
    )
    return merged or (len(filled) >= 2 and key not in filled and filled[0] > key and key == 0)


def _paths(
    sheet: Sheet,
    header: tuple[tuple[int, tuple[str, ...]], ...],
    body: tuple[tuple[int, tuple[str, ...]], ...],
    vocabulary: Vocabulary,
) -> tuple[list[tuple[int, str, int, tuple[str, ...]]], list[tuple[int, int, str]]]:
    """For each column: place from 1, header text, row of its last level, levels from the outermost. Beside
    them the headings of which nobody can tell the columns: row, place, text."""
    width = max(len(row) for _, row in (*header, *body[:2000]))
    grid = [list(row) + [""] * (width - len(row)) for _, row in header]
    numbers = [number for number, _ in header]
    merged_rows: set[int] = set()
    for r0, c0, r1, c1 in sheet.merges:
        if r0 in numbers and c0 <= width:
            # A cell that is merged downwards says nothing of how far its neighbours reach.
            if c1 > c0:
                merged_rows.add(r0)
            text = grid[numbers.index(r0)][c0 - 1]
            for number in range(r0, r1 + 1):
                if number in numbers:
                    for column in range(c0, min(c1, width) + 1):
                        grid[numbers.index(number)][column - 1] = text
    unclear: list[tuple[int, int, str]] = []
    # From the innermost outwards, so that all levels below a heading are known.
    for level in range(len(numbers) - 2, -1, -1):
        if numbers[level] not in merged_rows:
            unclear += [(numbers[level], c + 1, grid[level][c]) for c in _spread(grid, level, vocabulary)]
    paths = []
    for column in range(width):
        levels = [(numbers[k], grid[k][column]) for k in range(len(grid)) if grid[k][column].strip()]
        text = "/".join(dict.fromkeys(plain(t) for _, t in levels))
        row = levels[-1][0] if levels else numbers[0]
        paths.append((column + 1, text, row, tuple(t for _, t in levels)))
    return paths, unclear


def _spread(grid: list[list[str]], level: int, vocabulary: Vocabulary) -> list[int]:
    """Write each heading of a level over the columns that it stands for; the columns of those of which this
    cannot be told."""
    width = len(grid[level])
    below = [tuple(row[c] for row in grid[level + 1 :] if row[c].strip()) for c in range(width)]
    roles = [vocabulary.meaning(b).role if b else "" for b in below]

    # The districts are left out and need their heading; a serial number is left out and needs none.
    is_alone = [
        role in ALONE or (role == "ignore" and not DISTRICTS.search(plain(b[-1])))
        for role, b in zip(roles, below, strict=True)
    ]
    unclear: list[int] = []
    column = 0
    while column < width:
        # A run of columns with further levels; a key ends it.
        start = column
        while column < width and below[column] and not is_alone[column]:
            column += 1
        if column == start:
            column += 1
            continue
        heads = [c for c in range(start, column) if grid[level][c].strip()]
        if not heads or len(heads) == column - start:
            continue
        first = heads[0] if all(roles[c] == "measure" for c in range(start, heads[0])) else start
        groups = spans(
            [h - first for h in heads], 0, column - 1 - first, [_key(b) for b in below[first:column]],
            lambda head, at, first=first: not vocabulary.meaning(  # type: ignore[misc]
                (grid[level][head + first], *below[at + first])
            ).problem,
        )  # fmt: skip
        if groups is None:
            unclear += heads[:1]
            continue
        for head, (a, b) in zip(heads, groups, strict=True):
            text = grid[level][head]
            for c in range(a + first, b + first + 1):
                grid[level][c] = text
    return unclear


def _key(levels: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(compact(text) for text in levels)


def _guessed(
    file: str,
    sheet: Sheet,
    columns: list[Column],
    paths: dict[int, tuple[str, ...]],
    body: tuple[tuple[int, tuple[str, ...]], ...],
    vocabulary: Vocabulary,
) -> tuple[list[Column], list[Problem]]:
    """Columns whose header nobody has named, by what stands in them; and what a person is asked of them.

    A guess on which figures of other columns hang is an error that a mapping file answers with yes; figures
    land under the words of their header, and helpers of estimations are left out, with a word of it.
    """
    said = {c.place: m for c in columns if not c.header and (m := vocabulary.of_column(c.place))}
    columns = [replace(c, meaning=said.get(c.place, c.meaning)) for c in columns]
    unnamed = [
        Unnamed(c.place, c.header, paths[c.place]) for c in columns
        if c.meaning.is_unnamed or (not c.header and not c.role) or _is_no_number(c, body)
    ]  # fmt: skip
    # t heads years as often as tonnes, 项目 regions as often as indicators.
    held = Contents(body, vocabulary)
    roles = {c.role for c in columns}
    has_region = bool(roles & {"region", "province", "region_code", "province_code", "region_value"})
    unnamed += [
        Unnamed(c.place, c.header, paths[c.place]) for c in columns
        if (
            c.role in ("indicator", "unit_value") and len(paths[c.place]) == 1
            and not roles & {"year", "year_value"} and held.share(c.place, year_of) >= NEARLY_ALL
        )
        or (
            c.role == "indicator" and not has_region
            and held.share(c.place, lambda t: vocabulary.regions.is_name(t) in PLACES_OF_FIGURES) >= HALF
        )
    ]  # fmt: skip
    belied = _belied(columns, {c.place for c in unnamed}, body, vocabulary)
    unnamed += [Unnamed(c.place, c.header, paths[c.place]) for c in belied]
    open_ = {c.place for c in unnamed}
    known = {c.place: c.role for c in columns if c.place not in open_ and c.role}
    # What nobody sees, or somebody struck out, is no header that a column could land under.
    # Figures of districts are none of the whole city, whatever their words.
    unnamed = [
        c for c in unnamed
        if not any(MARKED.search(text) or DISTRICTS.search(plain(text)) for text in c.path)
    ]  # fmt: skip
    found = guess(unnamed, known, body, vocabulary)
    # In a table of no year, a header that names one among other words says of which time its figures are.
    keys = {*known.values(), *(g.meaning.role for g in found.values())}
    if not keys & {"year", "year_value"}:
        found = {
            p: g for p, g in found.items()
            if g.meaning.role != "measure" or g.meaning.year or not years_in(g.meaning.words)
        }  # fmt: skip
    problems: list[Problem] = []
    out = []
    for column in columns:
        made = found.get(column.place)
        if not made or (
            not column.header
            and not said.get(column.place)
            and made.meaning.role not in ("indicator", "ignore")
        ):
            if made is None and column.meaning.is_unnamed and not held.n_words(column.place):
                column = replace(column, meaning=Meaning(role="ignore", note="holds nothing"))
            out.append(column)
            continue
        meaning = made.meaning
        if meaning.problem:
            out.append(replace(column, meaning=meaning))
            continue
        use = "figure" if meaning.role == "measure" else meaning.role
        text = column.header or f"column {column.place}"
        at = locator(sheet.name, column.header_row, column.place)
        is_shown = made.is_key or len(problems) < MAX_SUGGESTED
        near = vocabulary.suggest(column.meaning) if is_shown and column.header else ()
        asks = ": say so in a mapping file, or what else it is" if made.is_key else ""
        problems.append(
            Problem(file, at, "header", text, f"is no header of the registry; {made.reason}{asks}", near,
                    is_warning=not made.is_key, answer=("headers", text, f"{{use: {use}}}"))
        )  # fmt: skip
        out.append(replace(column, meaning=meaning))
    return out, problems


def _belied(
    columns: list[Column], unnamed: set[int], body: tuple[tuple[int, tuple[str, ...]], ...],
    vocabulary: Vocabulary,
) -> list[Column]:  # fmt: skip
    """Columns that are headed as regions or their codes and hold none, where another column names regions."""
    known = vocabulary.regions
    held = Contents(body, vocabulary)

    def names(place: int) -> float:
        return held.share(place, lambda t: known.is_name(t) in PLACES_OF_FIGURES)

    codes = [
        c for c in columns
        if c.role in ("region_code", "province_code") and held.n_words(c.place)
        and not held.share(c.place, lambda t: known.level_of_code(code_of(t)))
    ]  # fmt: skip
    others = [
        c for c in columns
        if c.header and (c.place in unnamed or c.role in ("region", "province")) and names(c.place) >= HALF
    ]  # fmt: skip
    empty = [c for c in columns if c.role == "region" and held.n_words(c.place) and not names(c.place)]
    unknown = [c for c in empty if any(o.place in unnamed for o in others)]
    return [*codes, *unknown] if others else []


def _is_no_number(column: Column, body: tuple[tuple[int, tuple[str, ...]], ...]) -> bool:
    """True for a column that is headed as a serial number is and holds something else."""
    if column.role != "ignore" or not NUMBERED.search(plain(column.header)):
        return False
    texts = _column_texts(body, column.place)
    return any(is_number(t) and not re.fullmatch(r"[0-9]+(?:\.0+)?", plain(t)) for t in texts)


def _column_texts(
    body: tuple[tuple[int, tuple[str, ...]], ...], place: int, limit: int = 3000
) -> Counter[str]:
    return Counter(
        row[place - 1].strip() for _, row in body[:limit] if place <= len(row) and row[place - 1].strip()
    )


def _by_content(
    file: str,
    sheet: Sheet,
    columns: list[Column],
    body: tuple[tuple[int, tuple[str, ...]], ...],
    vocabulary: Vocabulary,
) -> tuple[list[Column], list[tuple[str, str]], list[Problem]]:
    """Roles settled by what stands in the columns: which of several is the region, what has no header."""
    dropped: list[tuple[str, str]] = []
    problems: list[Problem] = []
    across = any(c.role == "region_value" for c in columns)
    share: dict[int, float] = {}
    for column in columns:
        if column.role in ("region", "province") or not column.header:
            texts = _column_texts(body, column.place)
            kinds = [vocabulary.regions.is_name(t) for t in texts]
            named = sum(k in ("province", "prefecture", "both") for k in kinds)
            share[column.place] = named / len(kinds) if kinds else 0.0
    good = [c for c in columns if c.role in ("region", "province") and share[c.place] >= 0.5]
    of_cities = [c for c in good if c.role == "region" and _is_of_cities(vocabulary, body, c)]
    result = []
    first_value = min(
        (c.place for c in columns if c.role in ("region_value", "year_value", "measure")), default=0
    )
    for column in columns:
        meaning = column.meaning
        if column.role == "region" and good and column not in good:
            # Beside a column of regions it describes them, unless it names what lies inside them. A province
            # never stands in for the cities whose names are not known.
            below = _places_below(sheet, vocabulary, body, column)
            groups = [vocabulary.regions.is_name(t) == "other" for t in _column_texts(body, column.place)]
            if of_cities and below:
                row, text = below
                message = "lies below the region beside it; figures of parts are not those of the whole"
                at = locator(sheet.name, row, column.place)
                problems.append(Problem(file, at, "region", text, message))
                continue
            if of_cities or sum(groups) > len(groups) / 2:
                meaning = Meaning(role="ignore", note="describes the region; another column names it")
        elif column.role == "region" and of_cities and column in good and column not in of_cities:
            meaning = Meaning(role="province", note="names provinces; another column names the cities")
        elif column.role == "province" and good and column not in good and not share[column.place]:
            meaning = Meaning(role="ignore", note="names no province")
        elif not column.header and not column.role:
            texts = _column_texts(body, column.place)
            years = sum(year_of(t) is not None for t in texts)
            figures = [t for t in texts if _is_figure(t)]
            if not texts:
                continue
            if (
                not good
                and not across
                and share[column.place] >= 0.5
                and len(texts) >= 1
                and column.place < first_value
            ):
                meaning = Meaning(role="region", note="no header; holds names of regions")
            elif across and column.place < first_value:
                meaning = Meaning(role="indicator", note="labels of the rows")
            elif (
                years >= 0.9 * len(texts)
                and not any(c.role == "year" for c in columns)
                and column.place < first_value
            ):
                meaning = Meaning(role="year", note="no header; holds years")
            elif len(figures) >= 3:
                row = next(
                    n for n, r in body if column.place <= len(r) and _is_figure(r[column.place - 1] or "x")
                )
                problems.append(
                    Problem(
                        file,
                        locator(sheet.name, row, column.place),
                        "header",
                        f"column {column.place}",
                        f"holds figures such as {figures[0]!r} without a header",
                        answer=("headers", f"column {column.place}", "ignore"),
                    )
                )
                continue
            else:
                dropped.append((f"column {column.place}", f"side note: {next(iter(texts))[:40]}"))
                continue
        elif across and column.role == "region" and column.place < first_value and not share[column.place]:
            meaning = Meaning(role="indicator", note="labels of the rows")
        result.append(replace(column, meaning=meaning))
    return result, dropped, problems


def _is_of_cities(
    vocabulary: Vocabulary, body: tuple[tuple[int, tuple[str, ...]], ...], column: Column
) -> bool:
    """True when more names of a column are prefectures than provinces."""
    kinds = Counter(vocabulary.regions.is_name(t) for t in _column_texts(body, column.place))
    return kinds["prefecture"] >= kinds["province"]


def _places_below(
    sheet: Sheet,
    vocabulary: Vocabulary,
    body: tuple[tuple[int, tuple[str, ...]], ...],
    column: Column,
) -> tuple[int, str] | None:
    """Row and text of the first name that ends as a county, district or town does and is no region."""
    for number, row in body[:3000]:
        text = plain(row[column.place - 1]) if column.place <= len(row) else ""
        is_place = re.search("(?:县|旗|市|区|镇|乡|街道)$", text) and not text.endswith(("地区", "合计"))
        if is_place and not vocabulary.regions.is_name(text):
            return number, text
    return None


def _assemble(
    file: str,
    part: Part,
    vocabulary: Vocabulary,
    mapping: Mapping,
    columns: list[Column],
    header: tuple[tuple[int, tuple[str, ...]], ...],
    body: tuple[tuple[int, tuple[str, ...]], ...],
    titles: list[str],
    texts: tuple[str, ...],
    dropped: list[tuple[str, str]],
    problems: list[Problem],
    siblings: tuple[str, ...],
) -> Recognition:
    sheet = part.sheet
    roles = {c.role for c in columns}
    has_region = bool(roles & {"region", "province", "region_value", "region_code", "province_code"})
    region = ""
    bare = re.sub(YEAR_BEHIND, "", sheet.name)
    if not has_region and vocabulary.regions.is_name(bare) in PLACES_OF_FIGURES:
        region = bare
    if not has_region and not region:
        # 地区：广州 above a block.
        above = [m[1] for t in (*titles, *part.titles) if (m := REGION_LINE.fullmatch(t))]
        region = next((t for t in above if vocabulary.regions.is_name(t) in PLACES_OF_FIGURES), "")
    if (
        not has_region
        and not region
        and not any(c.meaning.role in ("measure", "year_value", "value") for c in columns)
    ):
        return Recognition(sheet.name, None, "names indicators but holds no figures of regions", texts)
    place = locator(sheet.name, header[0][0], 1)
    unknown = [column for column in columns if column.meaning.problem]
    for column in unknown:
        near = vocabulary.suggest(column.meaning)
        kind = "unit" if "unit" in column.meaning.problem else "header"
        at = locator(sheet.name, column.header_row, column.place)
        # To leave out what tells firms apart would make the figure of one that of its region.
        is_within = column.meaning.problem.startswith(WITHIN_REGIONS)
        answer = ("", "", "") if is_within else ("headers", column.header, "ignore")
        problems.append(Problem(file, at, kind, column.header, column.meaning.problem, near, answer=answer))
    if not has_region and not region:
        message = "is a table without a column of regions"
        problems.append(
            Problem(file, place, "table", sheet.name, message, ("地区", "城市", "省份"),
                    answer=("sheets", sheet.name, "ignore") if siblings[1:] else ("", "", ""))
        )  # fmt: skip
        return Recognition(sheet.name, None, message, texts, tuple(problems))
    if "region_value" in roles:
        axis = "region_value"
    elif "year_value" in roles:
        axis = "year_value"
    elif "value" in roles:
        axis = "value"
    else:
        axis = "measure"
    # The other sheets tell what a name is that a province and a prefecture share.
    names = (
        tuple(re.sub(YEAR_BEHIND, "", s) for s in siblings) if region == bare else (region,) * bool(region)
    )
    table = Table(
        sheet=sheet,
        columns=tuple(c for c in columns if not c.meaning.problem),
        body=body,
        header_rows=tuple(number for number, _ in header),
        axis=axis,
        level=_level(columns, body, vocabulary, mapping, names),
        region=region,
        siblings=names or (sheet.name,),
        texts=texts,
        dropped=tuple(dropped),
    )
    table, found = _defaults(file, table, vocabulary, mapping, titles, part)
    return Recognition(sheet.name, table, "", texts, tuple(problems + found))


def _level(
    columns: list[Column],
    body: tuple[tuple[int, tuple[str, ...]], ...],
    vocabulary: Vocabulary,
    mapping: Mapping,
    sheets: tuple[str, ...],
) -> str:
    """province or prefecture, by the names themselves; a name that is both is decided by the others."""
    if mapping.defaults.get("region_level"):
        return mapping.defaults["region_level"]
    names: Counter[str] = Counter()
    regions = [c for c in columns if c.role == "region"]
    provinces = [c for c in columns if c.role == "province"]
    for column in regions or provinces:
        for text in _column_texts(body, column.place, 100_000):
            names[vocabulary.regions.is_name(text)] += 1
    if not regions and not provinces:
        for column in columns:
            if column.role in ("region_code", "province_code"):
                codes = {code_of(t) for t in _column_texts(body, column.place, 100_000)}
                names.update(vocabulary.regions.level_of_code(code) for code in codes)
    names.update(vocabulary.regions.is_name(name) for name in sheets)
    for column in columns:
        if column.role == "region_value":
            names[vocabulary.regions.is_name(column.meaning.region)] += 1
    if names["prefecture"] and names["prefecture"] >= names["province"] / 4:
        return "prefecture"
    if names["province"]:
        return "province"
    if regions and provinces:
        return "prefecture"
    header = "".join(compact(c.header) for c in regions)
    if names["both"] and not provinces:
        # 吉林 alone under 地区 may be either; as a prefecture it is asked about.
        texts = [t for c in regions for t in _column_texts(body, c.place)]
        texts += [c.meaning.region for c in columns if c.role == "region_value"] + list(sheets)
        if all(vocabulary.regions.contested(t) or not vocabulary.regions.is_name(t) for t in texts):
            return "prefecture"
    return "prefecture" if re.search("市|city|prefecture", header) and names["both"] else "province"


def _defaults(
    file: str, table: Table, vocabulary: Vocabulary, mapping: Mapping, titles: list[str], part: Part
) -> tuple[Table, list[Problem]]:
    """Year, indicator and unit that the table says once for all, from the nearest text outwards."""
    problems: list[Problem] = []
    name = table.sheet.name
    stem = re.sub(r"\.[A-Za-z]+$", "", file.rsplit("/", 1)[-1])
    above = list(part.titles)

    def problem(text: str, message: str) -> None:
        place = next(
            (
                locator(name, n, k)
                for n, row in table.sheet.rows
                for k, c in enumerate(row, 1)
                if plain(c) == text
            ),
            name,
        )
        problems.append(Problem(file, place, "table", text, message))

    reported = (*titles, *above, name, stem)
    for text in reported:
        why = no_years_figures(text)
        if why:
            problem(text, f"{why}; only figures of whole years are loaded")
            break
    is_money = any(
        vocabulary.unit_for(c.meaning.indicator, ("yuan",))
        for c in table.columns if c.meaning.indicator
    ) or table.axis != "measure"  # fmt: skip
    constant = next((t for t in reported if is_money and speaks_of_constant_prices(t)), "")
    if constant:
        problem(constant, "speaks of constant prices; figures are loaded at the prices of their year")
    is_districts = any(DISTRICTS.search(plain(t)) for t in reported) and not any(
        WHOLE.search(plain(t)) for t in reported
    )
    scope = "districts" if is_districts and table.level == "prefecture" else ""
    year = int(mapping.defaults.get("year") or 0)
    own_years = years_in(" ".join(map(of_figures, titles)))
    printed = years_in(" ".join(of_figures(t) for t in titles if not BOOK.search(t)))
    if not year and not table.with_role("year"):
        sources: tuple[str, ...] = (name, "\n".join(titles), stem)
        if not part.is_first:
            sources = ("\n".join(titles), "" if own_years else "\n".join(above), name, stem)
        for text in sources:
            found = _years_of(text, vocabulary.offset)
            if len(found) == 1:
                year = found.pop()
                break
            if found and not part.is_first:
                break
        if len(printed) == 1 and year and year not in printed:
            text = next(t for t in titles if years_in(t) & printed)
            problem(text, f"names another year than the sheet or file, which says {year}")
        if not year and vocabulary.edition and vocabulary.offset is not None:
            year = vocabulary.edition - vocabulary.offset
    reported_years: frozenset[int] = frozenset()
    if not part.is_first and printed:
        reported_years = frozenset(range(min(printed), max(printed) + 1))
        across = {c.meaning.year for c in table.columns if c.meaning.year}
        if across - reported_years:
            text = next(t for t in titles if years_in(t) & printed)
            problem(
                text, f"names other years than the header, which has {', '.join(map(str, sorted(across)))}"
            )
    unit_text, units = (
        mapping.defaults.get("unit", ""),
        tuple(filter(None, [mapping.defaults.get("unit", "")])),
    )
    if not units:
        unit_text, units, other = _units_of(titles, vocabulary)
        if other:
            problem(other[1], f"names another unit than {other[0]!r}, for the same figures")
        if not units:
            unit_text, units, _ = _units_of(above, vocabulary)
        for title in titles:
            meant = vocabulary.meaning((title,))
            _, own, _ = _units_of([title], vocabulary)
            for column in table.columns:
                # 地方一般公共预算收入（百万元） above the rows speaks of one column, 单位：百万元 of all.
                if own or (meant.indicator and meant.indicator == column.meaning.indicator):
                    stated = vocabulary.unit_for(column.meaning.indicator or "gdp", column.meaning.units)
                    if stated and vocabulary.contradict((stated,), own or meant.units):
                        at = locator(name, column.header_row, column.place)
                        message = f"names another unit than the header {column.header!r} at {at}"
                        problem(title, message)
                        break
        table = _with_units(table, titles, vocabulary)
    indicator = Meaning()
    of_columns = {c.meaning.indicator for c in table.columns if c.meaning.indicator}
    needs_indicator = table.axis != "measure" and not table.with_role("indicator") and not of_columns
    given = mapping.defaults.get("indicator", "")
    words, is_said = "", False
    if given and given not in OWN_WORDS and not given.startswith("x:"):
        indicator = Meaning(role="measure", indicator=given)
    elif needs_indicator:
        for text in (*titles, *above, name, stem):
            if NOTE_START.match(text) or SOURCE_LINE.search(text) or UNIT_LINE.fullmatch(text):
                continue
            named, unexplained = vocabulary.title_says(text)
            if len(named) > 1:
                listed = ", ".join(sorted(named))
                problem(text, f"names several indicators in its title: {listed}")
                break
            if unexplained or named:
                labelled = NAMED_INDICATOR.fullmatch(text)
                words, is_said = (labelled[1] if labelled else text), bool(labelled)
            if named and not unexplained:
                indicator = next(iter(named.values()))
            if unexplained or named:
                break
        if not indicator.indicator:
            meant = vocabulary.unnamed((without_years(words or stem).strip(" _-"),))
            if given.startswith("x:"):
                meant = replace(
                    vocabulary.unnamed((given[2:],)), units=meant.units, unit_text=meant.unit_text
                )
            # What stands behind 指标： is said; anything else is a guess that a person has to confirm.
            note = "" if is_said or given else INDICATOR_ASKED
            indicator = replace(meant, note=note)
    elif not part.is_first:
        for title in titles:
            named = vocabulary.indicators_named(title)
            if named.keys() - of_columns:
                message = f"names {', '.join(sorted(named))}, which the header below it does not"
                problem(title, message)
    found_table = replace(
        table, year=year, indicator=indicator, unit_text=unit_text, units=units,
        reported_years=reported_years, scope=scope,
    )  # fmt: skip
    return found_table, problems


def _years_of(text: str, offset: int | None) -> set[int]:
    """Years of figures that titles name, a line each; of a source, those of its edition alone."""
    found: set[int] = set()
    for line in text.split("\n"):
        if SOURCE_LINE.search(line):
            found |= data_years(line, offset) if EDITION.search(line) else set()
        else:
            found |= data_years(of_figures(line), offset)
    return found


def _with_units(table: Table, titles: list[str], vocabulary: Vocabulary) -> Table:
    """Columns without a unit have that of the title that names their indicator."""
    stated = {m.indicator: m for t in titles for m in [vocabulary.meaning((t,))] if m.indicator and m.units}
    columns = []
    for column in table.columns:
        title = stated.get(column.meaning.indicator)
        if title and not column.meaning.units:
            meaning = replace(column.meaning, unit_text=title.unit_text, units=title.units)
            column = replace(column, meaning=meaning)
        columns.append(column)
    return replace(table, columns=tuple(columns))


def _units_of(
    titles: list[str], vocabulary: Vocabulary
) -> tuple[str, tuple[str, ...], tuple[str, str] | None]:
    """Text and units that titles name, one of each dimension, and two titles that contradict one another."""
    held: list[tuple[str, tuple[str, ...], str]] = []
    for title in titles:
        match = UNIT_LINE.search(title)
        text = match[1] if match else ""
        units = vocabulary.units_of(text) if text else ()
        # The word that heads a row of units is none.
        if not match and not is_unit_word(title) and vocabulary.meaning((title,)).role == "unit_value":
            # （百万元） on a line of its own.
            text, units = title, vocabulary.units_of(title)
        if units:
            held.append((text, units, title))
    for n, (_, units, title) in enumerate(held):
        for _, before, earlier in held[:n]:
            if vocabulary.contradict(units, before):
                return held[-1][0], held[-1][1], (earlier, title)
    text = held[-1][0] if held else ""
    return text, tuple(dict.fromkeys(u for _, units, _ in reversed(held) for u in units)), None
