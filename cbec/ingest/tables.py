"""The shape of a sheet: where its header is, what each column holds, which rows carry figures.

One model serves every shape. A figure has a region, a year, an indicator and a unit; each of these is said
by the row, by the column, or by the table as a whole (its title, sheet or file). Years across, regions
across, indicators across and long tables differ only in which of the three says what.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace

from cbec.ingest.files import Sheet
from cbec.ingest.mapping import Mapping
from cbec.ingest.printed.edition import data_years
from cbec.ingest.problems import Problem
from cbec.ingest.remarks import no_years_figures
from cbec.ingest.text import PLAIN_NUMBER, compact, number_of, plain, year_of, years_in
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
KEY_ROLES = {"region", "province", "region_code", "province_code", "year", "indicator"}
N_SCANNED = 40
MAX_UNKNOWN = 100


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
    """A sheet as a table, or why it is none. texts: every remark found on it."""

    sheet: str
    table: Table | None
    reason: str = ""
    texts: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


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
    if not set(roles.values()) & {"measure", "year_value", "region_value", "value", "qualifier"}:
        return [Part(sheet, start)], []
    part_rows = list(sheet.rows[:first])
    part_start, is_first = start, True
    lines: list[int] = []
    index = first

    def close() -> None:
        rows = (*part_rows, *(sheet.rows[k] for k in lines))
        parts.append(Part(replace(sheet, rows=rows), part_start, titles, is_first))

    while index < len(sheet.rows):
        row = sheet.rows[index][1]
        kind = _row_kind(row, roles, vocabulary, signs)
        header = sheet.rows[start:stop]
        again = kind == "header" and _same_header(row, header)
        speaking = [k for k in lines if _speaks(sheet.rows[k][1], roles, vocabulary)]
        if kind == "header" and not (again and not speaking):
            own = lines
            lines = []
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
            lines = []
            close()
            above = tuple(plain(c) for _, r in part_rows[:part_start] for c in r if c.strip())
            titles = (*above, *titles)
            part_rows = [*(sheet.rows[k] for k in own), *header, sheet.rows[index]]
            part_start, is_first = len(own), False
        else:
            part_rows += [sheet.rows[k] for k in lines]
            part_rows.append(sheet.rows[index])
            lines = []
        index += 1
    close()
    return parts, problems


def _roles(sheet: Sheet, vocabulary: Vocabulary, start: int, stop: int) -> dict[int, str]:
    """Role of each column by place, from its header alone; '' without one."""
    header = sheet.rows[start:stop]
    paths = _paths(sheet, header, sheet.rows[stop : stop + 50])
    return {place: vocabulary.meaning(path).role if path else "" for place, _, _, path in paths}


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


def _speaks(row: tuple[str, ...], roles: dict[int, str], vocabulary: Vocabulary) -> bool:
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
        return Recognition(sheet.name, None, reason, texts)
    stop, first = _header_stop(sheet, vocabulary, start)
    header = sheet.rows[start:stop]
    body = sheet.rows[first:]
    titles = [plain(c) for _, row in sheet.rows[:start] for c in row if c.strip()]
    texts = tuple(dict.fromkeys([*titles, *_texts(sheet, 16)]))
    columns = [
        Column(place, text, row, vocabulary.meaning(path) if path else Meaning())
        for place, text, row, path in _paths(sheet, header, body)
    ]
    columns, dropped, problems = _by_content(file, sheet, columns, body, vocabulary)
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
    """Index of the first header row: no figures, at least two cells that mean something, most of them."""
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
    return None


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
        distinct = {compact(c) for _, c in filled}
        if not filled or known < 0.5 * len(filled) or (len(distinct) == 1 and len(filled) == 1 and width > 3):
            break
        stop += 1
    return stop, stop


def _paths(
    sheet: Sheet,
    header: tuple[tuple[int, tuple[str, ...]], ...],
    body: tuple[tuple[int, tuple[str, ...]], ...],
) -> list[tuple[int, str, int, tuple[str, ...]]]:
    """For each column: place from 1, header text, row of its last level, levels from the outermost."""
    width = max(len(row) for _, row in (*header, *body[:2000]))
    grid = [list(row) + [""] * (width - len(row)) for _, row in header]
    numbers = [number for number, _ in header]
    merged_rows: set[int] = set()
    for r0, c0, r1, c1 in sheet.merges:
        if r0 in numbers and c0 <= width:
            merged_rows.add(r0)
            text = grid[numbers.index(r0)][c0 - 1]
            for number in range(r0, r1 + 1):
                if number in numbers:
                    for column in range(c0, min(c1, width) + 1):
                        grid[numbers.index(number)][column - 1] = text
    if len(header) > 1:
        for level, number in enumerate(numbers[:-1]):
            if number in merged_rows:
                continue
            # A merged header saved as text leaves blanks to the right of its first cell.
            held = ""
            for column in range(width):
                if grid[level][column].strip():
                    held = grid[level][column]
                elif held and any(grid[below][column].strip() for below in range(level + 1, len(grid))):
                    grid[level][column] = held
    paths = []
    for column in range(width):
        levels = [(numbers[k], grid[k][column]) for k in range(len(grid)) if grid[k][column].strip()]
        text = "/".join(dict.fromkeys(plain(t) for _, t in levels))
        row = levels[-1][0] if levels else numbers[0]
        paths.append((column + 1, text, row, tuple(t for _, t in levels)))
    return paths


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
        elif not column.header:
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
                        "key",
                        figures[0],
                        "stands in a column of figures without a header",
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
    has_region = bool(roles & {"region", "province", "region_value"})
    region = ""
    if not has_region and vocabulary.regions.is_name(sheet.name) in ("province", "prefecture", "both"):
        region = sheet.name
    if (
        not has_region
        and not region
        and not any(c.meaning.role in ("measure", "year_value", "value") for c in columns)
    ):
        return Recognition(sheet.name, None, "names indicators but holds no figures of regions", texts)
    place = locator(sheet.name, header[0][0], 1)
    unknown = [column for column in columns if column.meaning.problem]
    for column in unknown[:MAX_UNKNOWN]:
        near = vocabulary.suggest(column.meaning)
        kind = "unit" if "unit" in column.meaning.problem else "header"
        at = locator(sheet.name, column.header_row, column.place)
        problems.append(Problem(file, at, kind, column.header, column.meaning.problem, near))
    if len(unknown) > MAX_UNKNOWN:
        column = unknown[MAX_UNKNOWN]
        at = locator(sheet.name, column.header_row, column.place)
        more = f"and {len(unknown) - MAX_UNKNOWN - 1} more headers are not recognised either"
        problems.append(Problem(file, at, "table", column.header, more))
    if not has_region and not region:
        message = "is a table without a column of regions"
        problems.append(Problem(file, place, "table", sheet.name, message, ("地区", "城市", "省份")))
        return Recognition(sheet.name, None, message, texts, tuple(problems))
    if "region_value" in roles:
        axis = "region_value"
    elif "year_value" in roles:
        axis = "year_value"
    elif "value" in roles:
        axis = "value"
    else:
        axis = "measure"
    table = Table(
        sheet=sheet,
        columns=tuple(c for c in columns if not c.meaning.problem),
        body=body,
        header_rows=tuple(number for number, _ in header),
        axis=axis,
        level=_level(columns, body, vocabulary, mapping, siblings if region else ()),
        region=region,
        siblings=siblings or (sheet.name,),
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
    is_districts = any(DISTRICTS.search(plain(t)) for t in reported) and not any(
        WHOLE.search(plain(t)) for t in reported
    )
    scope = "districts" if is_districts and table.level == "prefecture" else ""
    year = int(mapping.defaults.get("year") or 0)
    own_years = years_in(" ".join(titles))
    printed = years_in(" ".join(t for t in titles if not BOOK.search(t)))
    if not year and not table.with_role("year"):
        sources: tuple[str, ...] = (name, " ".join(titles), stem)
        if not part.is_first:
            sources = (" ".join(titles), "" if own_years else " ".join(above), name, stem)
        for text in sources:
            found = data_years(text, vocabulary.offset)
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
        unit_text, units = _unit_of(titles, vocabulary) or _unit_of(above, vocabulary) or ("", ())
        for title in titles:
            for column in table.columns if _unit_of([title], vocabulary) else ():
                own = vocabulary.unit_for(column.meaning.indicator, units) if column.meaning.indicator else ""
                stated = column.meaning.units and vocabulary.unit_for(
                    column.meaning.indicator or "gdp", column.meaning.units
                )
                if own and stated and own != stated:
                    problem(title, f"names another unit than the header {column.header!r}")
                    break
    indicator = Meaning()
    of_columns = {c.meaning.indicator for c in table.columns if c.meaning.indicator}
    needs_indicator = table.axis != "measure" and not table.with_role("indicator") and not of_columns
    if mapping.defaults.get("indicator"):
        indicator = Meaning(role="measure", indicator=mapping.defaults["indicator"])
    elif needs_indicator:
        for text in (*[t.split("：")[-1].split(":")[-1] for t in (*titles, *above)], name, stem):
            named = vocabulary.indicators_named(text)
            if len(named) == 1:
                indicator = next(iter(named.values()))
                break
            if len(named) > 1:
                problems.append(
                    Problem(file, name, "table", name,
                            f"names several indicators in its title: {', '.join(sorted(named))}")
                )  # fmt: skip
                break
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


def _unit_of(titles: list[str], vocabulary: Vocabulary) -> tuple[str, tuple[str, ...]] | None:
    """The unit that the last title with one names, as text and as what it may mean."""
    for title in reversed(titles):
        match = UNIT_LINE.search(title)
        if match and vocabulary.units_of(match[1]):
            return match[1], vocabulary.units_of(match[1])
    return None
