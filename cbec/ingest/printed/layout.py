"""A printed table as pages: titles, unit lines, header rows and bodies, on one sheet or on several.

Nothing here knows an edition or an indicator. A sheet is a run of pages; a page has a title (2-13, or 2-13
续表 1), perhaps a unit line, header rows and a body whose first column names cities. Header words of later
pages differ by misreading only, so that each column of a later page is looked for among those of the first.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from cbec.ingest.files import Sheet
from cbec.ingest.text import compact, plain

CHINESE = re.compile("[\u3400-\u9fff]")
TITLE = re.compile(
    r"^\W{0,2}([1-9])\s*[-－—–~_·.一 ]\s*([0-9](?:\s?[0-9])?)(?![0-9.])\s*(?=\D|$)(.*)$", re.DOTALL
)
CONTINUED = re.compile(r"续表?\s*[0-9一二三四五六七八九十]*|cont[il1]n[uv]ed\s*[0-9]*", re.IGNORECASE)
# The head of the column of regions, with the ways in which it was misread.
CITY_HEAD = re.compile(r"^(?:[城程坡域]?[市巾]县?|城市名称?|地区|city)$", re.IGNORECASE)
UNIT_LINE = re.compile(r"(?:计量)?单\s*位\s*(?:[:：;；.．。,，]|\s(?=[(（%‰万亿千百元人个户吨平公]))\s*(.+)$")
WHOLE = re.compile(r"^[(（]?(?:全[市巾]|全地区|地区|totalcity|total|wholecity)[)）]?$", re.IGNORECASE)
DISTRICTS = re.compile(
    r"^[(（]?(?:[市巾m]\s?辖[区医]|市[区医]|districtsundercity|urbandistricts?|districts)[)）]?$",
    re.IGNORECASE,
)
IN_TITLE_WHOLE = re.compile(r"[(（]\s*全\s*市\s*[)）]|\(total city\)", re.IGNORECASE)
IN_TITLE_DISTRICTS = re.compile(r"[(（]\s*市\s*辖?\s*区\s*[)）]|\(districts under city\)", re.IGNORECASE)
NUMBER_LIKE = re.compile(r"^[-+(]?[\s]*[0-9][0-9.,\s]*[)]?$")
YEAR_ALONE = re.compile(r"^(?:19|20)[0-9]{2}$")
NOTE = re.compile(r"^(?:注|资料来源|数据来源|说明|备注|note|source|\*|①|本表)", re.IGNORECASE)
# The part number that a title carries when a table was cut into several: (一), (Ⅱ).
PART = re.compile(r"[(（]\s*[一二三四五六七八九十ⅠⅡⅢⅣⅤⅥⅦIVX1-9]+\s*[)）]\s*")
ORDINAL = re.compile(
    r"^(?:第[一二三]产业)?\s*[:：]?\s*(?:[(（]\s*[0-9一二三四五六七八九十]{1,2}\s*[)）]|[0-9]{1,2}[.、])\s*(?=[\u3400-\u9fff])"
)
# 以下为市辖区 ends as a name does and says of what the rows below it are.
SPEAKS_OF_SCOPE = re.compile(
    "市辖区|全市|各市|^(?:城市|地区|市区|辖区)$|以下|以上|如下|其中|为.{0,4}区$|^(?:按|注)|[0-9]{4}年"
)
ALIKE = 0.6
# Stands for Chinese words that were lost in a heading.
LOST = "?"
# Scope of a column whose Chinese words say one and whose English words the other.
BOTH = "both"


@dataclass(frozen=True)
class Column:
    """One column of figures. place: from 1. levels: Chinese header words, outermost first. unit: as printed
    ('' where only the page says it). scope: whole, districts, BOTH or ''. row: of its last header word.
    unit_elsewhere: the unit on every other page of the table."""

    place: int
    levels: tuple[str, ...]
    english: tuple[str, ...]
    unit: str
    unit_english: str
    scope: str
    row: int
    unit_elsewhere: str = ""

    @property
    def words(self) -> str:
        return "/".join(self.levels)


@dataclass(frozen=True)
class Segment:
    """A column of regions with the columns of figures that belong to it (two stand side by side on some
    pages)."""

    region: int
    english: int
    columns: tuple[Column, ...]


@dataclass(frozen=True)
class Page:
    """One printed page. number: table number (2-13) or ''. title: words of the title, without number."""

    sheet: str
    row: int
    number: str
    title: str
    title_english: str
    unit: str
    unit_english: str
    segments: tuple[Segment, ...]
    body: tuple[tuple[int, tuple[str, ...]], ...]
    # Rows of the head that are neither title nor unit nor header: each is to be accounted for.
    loose: tuple[tuple[int, str], ...] = ()
    # Every text of the head as printed, with row and column.
    printed: tuple[tuple[int, int, str], ...] = ()
    own_title: str = ""


@dataclass(frozen=True)
class Head:
    """Rows above a body, sorted."""

    number: str = ""
    title: str = ""
    title_english: str = ""
    unit: str = ""
    unit_english: str = ""
    header: tuple[tuple[int, tuple[str, ...]], ...] = ()
    loose: tuple[tuple[int, str], ...] = ()


def table_number(text: str) -> tuple[str, str]:
    """(number, rest) of a title such as `2-13 地区生产总值` or `2 32 续表 3`; ('', '') of others."""
    match = TITLE.match(plain(text))
    if not match:
        return "", ""
    return f"{match[1]}-{match[2].replace(' ', '')}", match[3].strip()


def clean_title(text: str) -> str:
    """The words of a title that say what the table measures: without part number, scope and blanks."""
    text = IN_TITLE_DISTRICTS.sub("", IN_TITLE_WHOLE.sub("", CONTINUED.sub("", text)))
    text = re.sub(r"(?<=[\u3400-\u9fff])\s*[A-Za-z]{4}.*$", "", text, flags=re.DOTALL)
    return compact(PART.sub("", text)).strip(" .。·、-_")


def pages(sheet: Sheet, is_region: Callable[[str], str]) -> tuple[list[Page], list[tuple[int, str]]]:
    """Pages of a sheet in order, and rows that stand on no page (row, text).

    is_region: province, prefecture, both, other or '' for a printed name. A page without header words has no
    segments: the reader takes those of the page before. Blank columns on the left are no part of a page.
    """
    blank = inset(sheet)
    if blank:
        narrow = replace(
            sheet,
            rows=tuple((n, r[blank:]) for n, r in sheet.rows),
            merges=tuple((r0, c0 - blank, r1, c1 - blank) for r0, c0, r1, c1 in sheet.merges),
        )
        shifted, left = pages(narrow, is_region)
        wide = dict(sheet.rows)
        return [_shifted(page, blank, wide) for page in shifted], left
    found: list[Page] = []
    stray: list[tuple[int, str]] = []
    head_rows: list[tuple[int, tuple[str, ...]]] = []
    body: list[tuple[int, tuple[str, ...]]] = []
    in_body = False

    def close() -> None:
        if body:
            found.append(_page(sheet, head_rows, body))
        else:
            stray.extend((n, "".join(c for c in r if c.strip())[:60]) for n, r in head_rows)

    for number, row in sheet.rows:
        kind = _kind(row, is_region, in_body=in_body)
        if kind == "body":
            body.append((number, row))
            in_body = True
            continue
        if kind == "note":
            stray.append((number, plain(next(c for c in row if c.strip()))[:60]))
            continue
        if in_body:
            close()
            head_rows, body, in_body = [], [], False
        head_rows.append((number, row))
    close()
    return found, stray


def inset(sheet: Sheet) -> int:
    """Blank columns on the left of a sheet."""
    return min((k for _, row in sheet.rows for k, c in enumerate(row) if c.strip()), default=0)


def _shifted(page: Page, blank: int, wide: dict[int, tuple[str, ...]]) -> Page:
    """A page of a sheet without its blank columns, in the places of the whole sheet."""
    segments = tuple(
        Segment(
            s.region + blank,
            s.english + blank if s.english else 0,
            tuple(replace(c, place=c.place + blank) for c in s.columns),
        )
        for s in page.segments
    )
    return replace(
        page,
        segments=segments,
        body=tuple((number, wide[number]) for number, _ in page.body),
        printed=tuple((row, column + blank, text) for row, column, text in page.printed),
    )


def _kind(row: tuple[str, ...], is_region: Callable[[str], str], *, in_body: bool) -> str:
    """body, head or note."""
    first = plain(row[0]) if row else ""
    filled = [plain(c) for c in row if c.strip()]
    others = [plain(c) for c in row[1:] if c.strip()]
    if first and is_region(first) and not _is_city_head(first):
        # A title may begin with the name of a region; a body row has nothing else that is Chinese but
        # names of other regions (two columns of regions side by side).
        if all(not CHINESE.search(c) or is_region(c) or _is_name(c) for c in others):
            return "body"
        # Words among figures are those of one cell, or a remark beside the row.
        n_words = sum(bool(CHINESE.search(c)) for c in others)
        return "body" if sum(bool(NUMBER_LIKE.match(c)) for c in others) > n_words else "head"
    if _is_city_head(first) or table_number(first)[0] or UNIT_LINE.search(first):
        return "head"
    figures = [c for c in others if NUMBER_LIKE.match(c)]
    if first and figures and (in_body or _is_name(first)):
        return "body"
    if first and _is_name(first) and all(not CHINESE.search(c) or _is_name(c) for c in others):
        return "body"
    if in_body and NOTE.match(first) and not figures:
        return "note"
    is_nameless = not first and bool(figures) and all(_is_name(c) for c in filled if CHINESE.search(c))
    # A row whose name was lost; years above a table are a part of its head.
    if is_nameless and (in_body or not any(YEAR_ALONE.match(c) for c in figures)):
        return "body"
    return "head"


def _is_city_head(text: str) -> bool:
    return bool(CITY_HEAD.match(re.sub(r"[\W_]", "", compact(text))))


def _is_name(text: str) -> bool:
    """Looks like the name of a region, perhaps misread."""
    name = re.sub(r"[\s.·、‘’'`,\-/]", "", text)
    shape = r"[\u3400-\u9fff\[\]A-Za-z]{1,11}(?:市|巿|巾|村|啊|省|自治区|自治.?|州|盟|地区|县|区|合计)"
    return bool(re.fullmatch(shape, name)) and not SPEAKS_OF_SCOPE.search(name)


def _page(
    sheet: Sheet, head_rows: list[tuple[int, tuple[str, ...]]], body: list[tuple[int, tuple[str, ...]]]
) -> Page:
    head = _head(head_rows)
    segments = _segments(sheet, head, body) if head.header else ()
    return Page(
        sheet=sheet.name,
        row=(head_rows or body)[0][0],
        number=head.number,
        title=head.title,
        title_english=head.title_english,
        unit=head.unit,
        unit_english=head.unit_english,
        segments=segments,
        body=tuple(body),
        loose=head.loose,
        printed=tuple((n, k, c) for n, row in head_rows for k, c in enumerate(row, 1) if c.strip()),
        own_title=head.title,
    )


def _head(rows: list[tuple[int, tuple[str, ...]]]) -> Head:
    number = title = title_english = unit = unit_english = ""
    loose: list[tuple[int, str]] = []
    header: list[tuple[int, tuple[str, ...]]] = []
    for row_number, row in rows:
        filled = [c for c in row if c.strip()]
        if header or _is_header(row):
            header.append((row_number, row))
            continue
        for cell in filled:
            text = plain(cell)
            found, rest = table_number(text)
            unit_line = UNIT_LINE.search(text)
            if found:
                # 2-19 续表 2 单位：万元 on one line.
                if unit_line and not unit:
                    rest = rest[: rest.index(unit_line[0])] if unit_line[0] in rest else rest
                    unit = _bare(unit_line[1])
                number = found
                lines = [line for line in re.split(r"[\r\n]+", rest) if CHINESE.search(line)]
                chinese = "".join(m[1] if (m := LATIN_TAIL.match(line)) else line for line in lines)
                title = chinese if CHINESE.search(CONTINUED.sub("", chinese)) else ""
                title_english = rest if not chinese else ""
            elif unit_line:
                parts = re.split(
                    r"\s{2,}|[\r\n]+|(?<=[\u3400-\u9fff])\s*(?=[(（][0-9A-Za-z])",
                    unit_line[1].strip(),
                    maxsplit=1,
                )
                unit = _bare(parts[0])
                if len(parts) > 1:
                    unit_english = _bare(parts[1])
            elif (
                not CHINESE.search(text)
                and re.fullmatch(r"[(（\[]?[^()（）]*[)）\]]?", text)
                and _is_unit_english(text)
            ):
                unit_english = _bare(text)
            elif not CHINESE.search(text):
                title_english = f"{title_english} {text}".strip()
            elif title and not CONTINUED.search(title) and row_number - rows[0][0] <= 2:
                title += text
            else:
                loose.append((row_number, text[:60]))
    return Head(number, title, title_english, unit, unit_english, tuple(header), tuple(loose))


def _bare(text: str) -> str:
    return plain(text).strip("()（）[] ：:;；.。,").strip()


UNIT_ENGLISH = re.compile(
    r"[(（]?(?:(?:1:?)?[0-9o]{1,3}[,.]?[0o]{0,3}[\s.]*)?(?:usd|us\$)?(?:%|‰|per(?:cent)?|yuan|persons?(?:-times?)?|units?|tons?|households?"
    r"|kwh|sq\.?k?m|k?m2?|pieces?|beds?|copies[,、]?(?:pieces?)?|hectares?|days?|sets?|vehicles?|cu\.?m|cases?|items?"
    r"|persons?/sq\.?km|mg/cu\.?m|[μu]g/(?:cu\.?m|m3))?(?:[0-9]{5})?[)）]?"
)


def _is_unit_english(text: str) -> bool:
    bare = compact(_bare(text)).replace(" ", "")
    return bool(bare) and bool(UNIT_ENGLISH.fullmatch(bare))


def _is_header(row: tuple[str, ...]) -> bool:
    """The first row of a header: it names the column of regions, or has words in several cells."""
    if row and _is_city_head(row[0]):
        return True
    filled = [c for c in row if c.strip()]
    if not filled or (row and row[0].strip()):
        return False
    return any(
        CHINESE.search(c) and not UNIT_LINE.search(plain(c)) and not table_number(c)[0] for c in filled
    )


# Columns ----------------------------------------------------------------------------------------------


def _segments(sheet: Sheet, head: Head, body: list[tuple[int, tuple[str, ...]]]) -> tuple[Segment, ...]:
    rows = head.header
    width = max(len(r) for _, r in (*rows, *body))
    grid = [list(row) + [""] * (width - len(row)) for _, row in rows]
    numbers = [n for n, _ in rows]
    regions = [
        place
        for place in range(width)
        if any(_is_city_head(grid[k][place]) and compact(grid[k][place]) != "city" for k in range(len(grid)))
    ] or [0]
    english = {
        place for place in range(width) if any(compact(grid[k][place]) == "city" for k in range(len(grid)))
    }
    english -= set(regions)
    # A column of Latin names without a head.
    for place in range(width):
        texts = [r[place] for _, r in body if place < len(r) and r[place].strip()]
        if (
            place not in regions
            and len(texts) >= 3
            and sum(bool(re.match(r"^\s*[A-Za-z]{3}", t)) for t in texts) > 0.8 * len(texts)
        ):
            english.add(place)
    is_bilingual = bool(sheet.merges) or any(
        "\n" in c or re.search("[A-Za-z]{4}", c) for row in grid for c in row
    )
    keys = set(regions) | english
    filled = {place for _, r in body for place, c in enumerate(r) if c.strip()}
    paths = _levels(sheet, grid, numbers, keys, filled, is_bilingual)
    segments = []
    for index, region in enumerate(regions):
        stop = regions[index + 1] if index + 1 < len(regions) else width
        columns = tuple(
            paths[place]
            for place in range(region + 1, stop)
            if place in paths and place not in keys and (paths[place].levels or place in filled)
        )
        latin = next((p for p in sorted(english) if region < p < stop), -1)
        segments.append(Segment(region + 1, latin + 1, columns))
    return tuple(segments)


@dataclass(frozen=True)
class _Words:
    """One header cell taken apart."""

    chinese: str = ""
    english: str = ""
    unit: str = ""
    unit_english: str = ""
    scope: str = ""


def _levels(
    sheet: Sheet,
    grid: list[list[str]],
    numbers: list[int],
    keys: set[int],
    filled: set[int],
    is_bilingual: bool,
) -> dict[int, Column]:
    """The header words of each column, by place from 0. filled: places of columns that have figures."""
    width = len(grid[0])
    parts = [[_words(cell) for cell in row] for row in grid]
    merged = _merged_right(sheet, numbers, width)
    columns: dict[int, Column] = {}
    left: dict[int, _Words] = {}
    left_scope = ""
    for place in range(width):
        if place in keys:
            left, left_scope = {}, ""
            continue
        own = {k: parts[k][place] for k in range(len(grid)) if grid[k][place].strip()}
        if not own and place not in filled:
            continue
        scope = next((w.scope for w in reversed(list(own.values())) if w.scope), "")
        worded = {k: w for k, w in own.items() if w.chinese or w.english or w.unit}
        # The other scope of the heading to the left.
        is_pair = bool(scope) and left_scope != scope
        if is_bilingual:
            first = min(worded) if worded else len(grid)
            inherited = {
                k: w
                for k, w in left.items()
                if k < first
                and (
                    (worded and k < first)
                    or (own and not worded and (k == min(left) or is_pair))
                    or (not worded and merged.get((numbers[k], place + 1)))
                )
            }
            if worded and inherited and not (first > min(inherited)):
                inherited = {}
            held = inherited | worded
        else:
            held = worded or (left if own else {})
        if not held:
            # Figures that no header names are refused by their place.
            columns[place] = Column(
                place + 1, (), (), "", "", scope, numbers[max(own)] if own else numbers[-1]
            )
            left, left_scope = {}, ""
            continue
        if is_bilingual and worded and not any(w.chinese for w in worded.values()):
            # Its own Chinese words were lost: it is a part of what stands above it, known by its English, and
            # so is the column of its districts.
            held = {
                k: replace(w, chinese=LOST + compact(w.english)) if w.english and not w.chinese else w
                for k, w in held.items()
            }
        # Fragments of one heading stand in rows of their own where the print has one language only.
        ordered = [held[k] for k in sorted(held)]
        levels = tuple(w.chinese for w in ordered if w.chinese)
        if not is_bilingual:
            levels = tuple(filter(None, ["".join(levels)]))
        unit = next((w.unit for w in reversed(ordered) if w.unit), "")
        unit_english = next((w.unit_english for w in reversed(ordered) if w.unit_english), "")
        columns[place] = Column(
            place=place + 1,
            levels=levels,
            english=tuple(w.english for w in ordered if w.english),
            unit=unit,
            unit_english=unit_english,
            scope=scope,
            row=numbers[max(own)] if own else numbers[0],
        )
        left, left_scope = held, scope
    return _with_parents(columns)


def _merged_right(sheet: Sheet, numbers: list[int], width: int) -> dict[tuple[int, int], bool]:
    held = {}
    for r0, c0, r1, c1 in sheet.merges:
        for number in numbers:
            if r0 <= number <= r1:
                for column in range(c0 + 1, min(c1, width) + 1):
                    held[number, column] = True
    return held


def _words(cell: str) -> _Words:
    """A header cell, its lines sorted into Chinese words, English words, units and scope."""
    chinese: list[str] = []
    english: list[str] = []
    unit = unit_english = scope = ""
    text = _joined_brackets(plain(cell.replace("\r\n", "\n").replace("\r", "\n")))
    for line in text.split("\n"):
        line = line.strip()
        if not line:
            continue
        split = LATIN_TAIL.match(line)
        if split and (CHINESE.search(split[1]) or not split[1].strip("()%‰ ")):
            # One line for both languages.
            line, latin = split[1].strip(), split[2].strip()
            tail = re.search(r"[(]([^()]*)[)]\s*$", latin)
            if tail and _is_unit_english(tail[1]):
                unit_english = unit_english or _bare(tail[1])
                latin = latin[: tail.start()].strip()
            if DISTRICTS.match(compact(latin)):
                scope = _either(scope, "districts")
            elif WHOLE.match(compact(latin)):
                scope = _either(scope, "whole")
            elif latin:
                english.append(latin)
            if not line:
                continue
        bare = compact(line)
        if WHOLE.match(bare):
            scope = _either(scope, "whole")
        elif DISTRICTS.match(bare) or bare in ("districts", "undercity"):
            scope = _either(scope, "districts")
        elif re.fullmatch(r"[全市]\s?辖\s?[市区]", bare):
            # Misread; the English line beside it decides.
            continue
        elif CHINESE.search(line) or (not english and re.fullmatch(r"[(]?[%‰][)]?", bare)):
            line, found = _cut_unit(line)
            unit = unit or found
            if line:
                chinese.append(compact(line))
        elif _is_unit_english(line) and (line[0] in "(（" or line[-1] in ")）"):
            unit_english = unit_english or _bare(line)
        else:
            tail = re.search(r"[(]([^()]*)[)]\s*$", line)
            if tail and _is_unit_english(tail[1]):
                unit_english = unit_english or _bare(tail[1])
                line = line[: tail.start()].strip()
            if line:
                english.append(line)
    words = "".join(chinese).replace("笫", "第")
    for pattern, value in ((IN_TITLE_WHOLE, "whole"), (IN_TITLE_DISTRICTS, "districts")):
        if pattern.search(words):
            words, scope = pattern.sub("", words), scope or value
    # Beside the word for the scope alone stands its translation.
    return _Words(words, "" if scope and not words else " ".join(english), unit, unit_english, scope)


def _either(held: str, found: str) -> str:
    """A scope said in both languages, BOTH when the languages differ."""
    return found if held in ("", found) else BOTH


def _joined_brackets(text: str) -> str:
    """Line ends inside a bracket are no ends of a word: (个\n) is (个)."""
    return re.sub(r"[(（][^()（）]*[)）]", lambda m: m[0].replace("\n", ""), text)


# English behind Chinese on one line; a Latin word inside Chinese (GRP) is none.
LATIN_TAIL = re.compile(r"^(.*?[\u3400-\u9fff)）%‰])\s*([#(]?[A-Za-z][A-Za-z'’. ,()/%0-9<>=&:;+–—-]{2,})$")

# Words that are a unit, whether the registry knows it or not; the registry says which one.
UNIT_WORDS = re.compile(
    r"[%‰％]|[十百千万亿]{0,2}(?:美元|元|人次|人|户|个|家|所|件|张|册|吨|平方米|立方米|千瓦时|公顷|亩|头|部)"
    r"|处|床|辆|天|项|千册[、,]千?件|册[、,]件|万千瓦小时|公斤|平方公里|公里|米|人/平方公里"
    r"|升/日|微克/立方米|毫克/立方米|元/平方米|标准台|台|座|艘|条|只|吨标准煤|人、次|位|份|册/百人|平方米/人"
)

# Ten thousands of something: a unit, whatever it is of.
TEN_THOUSANDS = re.compile(r"[百千]?[万亿][\u3400-\u9fff]{1,3}")


def _cut_unit(line: str) -> tuple[str, str]:
    """A Chinese line without the unit in brackets at its end, and the unit."""
    bare = compact(line)
    whole = re.fullmatch(r"[(（]?([^()（）]+)[)）]?", bare)
    if (
        whole
        and UNIT_WORDS.fullmatch(whole[1].replace("／", "/"))
        and (bare[0] in "(（%‰％" or bare[-1] in ")）")
    ):
        return "", whole[1]
    tail = re.match(r"^(.*)[(（]([^()（）]+)[)）]?$", bare)
    if tail:
        # A unit that were taken for a word of the header would leave its column to the unit of the page.
        if UNIT_WORDS.fullmatch(tail[2]) or TEN_THOUSANDS.fullmatch(tail[2]):
            return tail[1], tail[2]
        # (当年价格万元), (当年价、万元): the unit stands behind another remark in the same bracket.
        mixed = re.match(r"^(.*?[\u3400-\u9fff])[、,，\s]?((?:万|亿|千|百万)(?:元|美元|人|吨))$", tail[2])
        if mixed:
            return f"{tail[1]}({mixed[1].rstrip('、,，')})", mixed[2]
    return bare, ""


OF_WHICH = re.compile(r"^[#＃]?其\s*[中屮巾]\s*[:：;；.]?")
STRATUM = re.compile("^第[一二三]产业$")


def _with_parents(columns: dict[int, Column]) -> dict[int, Column]:
    """`其中：住宅` stands under the heading to its left; numbers before headings are no part of them."""
    parent: tuple[str, ...] = ()
    parent_unit = ""
    was_part = False
    before = ""
    out = {}
    for place in sorted(columns):
        column = columns[place]
        levels = tuple(filter(None, (ORDINAL.sub("", level).strip("、.：:") for level in column.levels)))
        is_part = bool(levels and OF_WHICH.match(levels[0]))
        # 其中：第二产业 | 第三产业: the next stratum is a part of the same whole.
        if levels and was_part and len(levels) == 1 and STRATUM.match(levels[0]) and STRATUM.match(before):
            is_part = True
        levels = tuple(filter(None, (OF_WHICH.sub("", level) for level in levels)))
        unit = column.unit
        if is_part:
            # A part is in the unit of its whole unless it prints another.
            levels, unit = (*parent, *levels), unit or parent_unit
        elif levels:
            parent, parent_unit = levels[:1], unit
        was_part, before = is_part, levels[-1] if levels else ""
        out[place] = replace(column, levels=levels, unit=unit)
    return out


# Pages of one table -------------------------------------------------------------------------------------


def alike(one: str, two: str) -> float:
    if one == two:
        return 1.0
    return difflib.SequenceMatcher(None, one, two, autojunk=False).ratio()


# Characters that no misreading turns into one another, though one alone makes another indicator.
TELLING = re.compile("[0-9一二三四五六七八九十进出收支存贷男女增减生死城乡内外上下新旧大中小高低客货]")


def _likeness(
    one: Column, two: Column, known_as: Callable[[str], frozenset[str]], *, by_english: bool
) -> float:
    """How far two headings are one, misread: 0 when they are two that the registry tells apart.

    by_english: the Chinese words stand above two columns of the page, so that they do not tell.
    """
    is_lost = any(column.levels and column.levels[-1].startswith(LOST) for column in (one, two))
    if is_lost or (by_english and one.english and two.english):
        mine, theirs = (compact(" ".join(c.english[-1:])) for c in (one, two))
        return alike(mine, theirs) if mine and theirs else 0.0
    if one.words == two.words:
        return 1.0
    if not one.levels or not two.levels:
        return 0.0
    mine_as, theirs_as = known_as(one.words), known_as(two.words)
    if mine_as and theirs_as and not mine_as & theirs_as:
        return 0.0
    if not (mine_as or theirs_as) and TELLING.findall(one.words) != TELLING.findall(two.words):
        return 0.0
    if one.levels[-1] == two.levels[-1]:
        return max(0.9, alike(one.words, two.words))
    return alike(one.words, two.words)


def _matched(
    columns: tuple[Column, ...], table: list[list[Column]], known_as: Callable[[str], frozenset[str]]
) -> dict[int, int | None]:
    """Which column of a table each column of a page is: best match first, and of equals the same place."""
    headings = Counter((column.words, column.scope) for column in columns)
    scored = []
    for c, column in enumerate(columns):
        by_english = headings[column.words, column.scope] > 1
        for g, group in enumerate(table):
            likeness, scope = max(
                (
                    (round(_likeness(column, held, known_as, by_english=by_english), 3), held.scope)
                    for held in group
                    if held.scope == column.scope or not column.scope or not held.scope
                ),
                default=(0.0, ""),
            )
            if likeness >= ALIKE:
                scored.append((likeness, scope == column.scope, -abs(group[0].place - column.place), -c, -g))
    found: dict[int, int | None] = {}
    for _, _, _, c, g in sorted(scored, reverse=True):
        if -c not in found and -g not in found.values():
            found[-c] = -g
    return {c: found.get(c) for c in range(len(columns))}


def agreed(found: list[Page], known_as: Callable[[str], frozenset[str]]) -> list[Page]:
    """Pages with the title, unit line and header words on which the pages of one table agree.

    A column of a later page is the column of the table that its words are most like, wherever it stands;
    words that are like none stay as they are. The best likeness is taken first, so that no column takes the
    place of another that is printed. A page without header takes the columns of the page before, when its
    rows are as wide. known_as: indicators that header words may be under any title.
    """
    table: list[list[Column]] = []
    places: list[list[tuple[int, int, int]]] = []
    pages_out = _with_title(found)
    before: Page | None = None
    for index, page in enumerate(pages_out):
        if not page.segments and before is not None:
            width = max(len(r) for _, r in page.body)
            if width >= max((c.place for s in before.segments for c in s.columns), default=0):
                pages_out[index] = page = replace(page, segments=before.segments)
        if page.segments:
            before = page
        for s, segment in enumerate(page.segments):
            for c, g in _matched(segment.columns, table, known_as).items():
                column = segment.columns[c]
                if g is None:
                    table.append([column])
                    places.append([(index, s, c)])
                else:
                    table[g].append(column)
                    places[g].append((index, s, c))
    for group, where in zip(table, places, strict=True):
        words = Counter(column.levels for column in group)
        most = max(words.values())
        levels = next(column.levels for column in group if words[column.levels] == most)
        if levels and levels[-1].startswith(LOST):
            levels = next((c.levels for c in group if c.levels and not c.levels[-1].startswith(LOST)), levels)
        scopes = Counter(column.scope for column in group if column.scope)
        units = Counter(column.unit for column in group if column.unit)
        for (index, s, c), column in zip(where, group, strict=True):
            page = pages_out[index]
            segments = list(page.segments)
            cells = list(segments[s].columns)
            scope = column.scope or (scopes.most_common(1)[0][0] if len(scopes) == 1 else "")
            if not column.scope and not _has_both(pages_out[index], column, table, group):
                # The table has these words for the whole city and for the districts.
                scope = ""
            others = Counter(
                other.unit or pages_out[p].unit
                for (p, _, _), other in zip(where, group, strict=True)
                if p != index and (other.unit or pages_out[p].unit)
            )
            unit = column.unit or (units.most_common(1)[0][0] if len(units) == 1 else "")
            usual = others.most_common(1)[0][0] if others and len(others) == 1 else ""
            cells[c] = replace(column, levels=levels, scope=scope, unit=unit, unit_elsewhere=usual)
            segments[s] = replace(segments[s], columns=tuple(cells))
            pages_out[index] = replace(page, segments=tuple(segments))
    return pages_out


def _has_both(page: Page, column: Column, table: list[list[Column]], group: list[Column]) -> bool:
    """False when the table has the words of a column under both scopes, and its page has them once."""
    own = {c.scope for c in group if c.scope}
    others = {
        c.scope
        for other in table if other is not group
        for c in other if c.scope and c.words == column.words
    }  # fmt: skip
    if not own or others <= own:
        return True
    return sum(c.words == column.words for s in page.segments for c in s.columns) > 1


def _with_title(found: list[Page]) -> list[Page]:
    """A page `2-13 续表 1` has title and unit line of its table, unless it prints its own.

    A unit line holds for the pages below it until another is printed. One that was misread (力元) is that of
    its table.
    """
    title = title_english = unit = unit_english = number = ""
    out = []
    for page in found:
        if page.number and number and page.number != number and page.title:
            title = title_english = unit = unit_english = ""
        number = number or page.number
        if page.title and clean_title(page.title) != clean_title(title):
            title, title_english = page.title, page.title_english
        printed = page.unit if UNIT_WORDS.fullmatch(page.unit) or not unit else ""
        if printed or page.unit_english:
            unit, unit_english = printed or unit, page.unit_english or unit_english
        out.append(
            replace(
                page, number=page.number or number, title=title, title_english=title_english,
                unit=unit, unit_english=unit_english,
            )
        )  # fmt: skip
    return out


def title_scope(title: str) -> str:
    """whole, districts or '' as the title of a table says."""
    if IN_TITLE_DISTRICTS.search(title):
        return "districts"
    return "whole" if IN_TITLE_WHOLE.search(title) else ""
