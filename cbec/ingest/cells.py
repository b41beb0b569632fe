"""Tables to cells: one row a figure, with unit, status, place and comment."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from decimal import Decimal

from cbec.ingest.extract import Cell, Extract
from cbec.ingest.files import Sheet
from cbec.ingest.likeness import Published
from cbec.ingest.mapping import Mapping
from cbec.ingest.notes import another_year, clauses, notes_of, stated_units
from cbec.ingest.problems import Problem
from cbec.ingest.regions import TOTAL_OF_A_PROVINCE, Match
from cbec.ingest.registry import Publication, Registry
from cbec.ingest.remarks import Claim, claims_in, no_years_figures
from cbec.ingest.roles import code_of, is_number
from cbec.ingest.tables import INDICATOR_ASKED, MAX_UNKNOWN, NOTE_START, Column, Table, locator
from cbec.ingest.text import compact, decimals_of, is_past, number_of, plain, year_of, year_of_date, years_in
from cbec.ingest.vocabulary import UNSTATED, Meaning, Vocabulary, unknown_id

# A column that names sources: a year in it is that of a print.
SOURCES = re.compile("来源|出处|source", re.IGNORECASE)
TRUE_WORDS = {"true", "1", "yes", "y", "是", "t"}
FALSE_WORDS = {"false", "0", "no", "n", "否", "f", ""}
# A remark that says the figures of some regions mean something else.
REDEFINES = re.compile("用的是|口径|代替|替代|不含|不包括|only|instead of|excluding")
PERCENT = "printed with a sign of per cent"
# The unit of a share that nothing prints: its figures decide when all of them are read.
UNSAID = "?"
# The unit that only a column of units says, row by row.
BY_ROW = "by row"
NO_YEAR = "has no year in row, header or title; say it with --year, or in a mapping file"
# The cause of a cell that is printed twice with two figures.
TWICE = "is printed twice with two figures; both are left out"
# The unit of a registered indicator that nothing prints: the size of its figures tells which it may be.
UNSIZED = "??"
# A mark in round brackets may be two digits of the figure: a note has to explain it.
IN_BRACKETS = re.compile(r"[(（]([0-9a-z]{1,2})[)）]|(?<![\[(（0-9a-z])([a-z])[)）]", re.IGNORECASE)
EXPLAINED = re.compile(
    r"(?:^|[\s;；。，,:：]|注释?|note)[\[(]?([0-9a-z]{1,2})(?:[\])]|[:：、．]|\.(?![0-9]))(?=\s*[^\s0-9.])",
    re.IGNORECASE,
)
# Share of cells that may be printed twice with two figures before the rows are of something else.
MANY_TWICE = 0.2
# Share of stray zeros that a large table may have, as a vendor's may have figures out of bounds.
MAX_ZEROS = 0.005
REMARK_LENGTH = 200


@dataclass(frozen=True)
class Slot:
    """A value column of one row: which indicator and unit its figures have. words: of a column that the
    registry has no indicator for."""

    column: Column
    indicator: str
    unit: str
    year: int
    region: str
    is_filled: bool
    note: str = ""
    words: str = ""


class Reader:
    """Reads the tables of one file into one Extract, so that keys are unique over its sheets."""

    def __init__(
        self,
        file: str,
        registry: Registry,
        vocabulary: Vocabulary,
        publication: Publication,
        edition: str,
        mapping: Mapping,
        texts: tuple[str, ...],
        published: Published,
    ) -> None:
        self.published = published
        # Years of those tables of the file that are of one.
        self.years: set[int] = set()
        self.file = file
        self.registry = registry
        self.vocabulary = vocabulary
        self.publication = publication
        self.edition = edition
        self.mapping = mapping
        self.texts = texts
        self.extract = Extract()
        # Cells of a share without a unit, by what shares one unit: sheet, table, column and indicator.
        self._unstated: dict[tuple[str, int, int, str], list[tuple[Cell, bool]]] = {}
        # Cells of an indicator over which no unit is printed, and what heads them, by the same.
        self._unsized: dict[tuple[str, int, int, str], list[tuple[Cell, bool]]] = {}
        self._heads: dict[tuple[str, int, int, str], tuple[str, str]] = {}
        # Words of indicators that the registry has not, by id; those that nothing in the file says.
        self.names: dict[str, tuple[str, str]] = {}
        self._asked: dict[str, tuple[str, str]] = {}
        # Keys of cells that are printed with several figures, and of those that are left out for it.
        self._contradicted: set[tuple[str, str, int, str, str]] = set()
        self._twice: set[tuple[str, str, int, str, str]] = set()
        self._claimed: set[str] = set()
        # Names like those that nobody knows, by these.
        self._alike: dict[str, tuple[str, ...]] = {}
        self._numbers: dict[str, tuple[Decimal | None, str, str, str]] = {}
        # Marks in brackets behind a figure, by its text, and those that the notes of a sheet explain.
        self._marks: dict[str, tuple[str, ...]] = {}
        self._explained: dict[str, frozenset[str]] = {}
        # Notes of the tables: sheet, place, text.
        self._table_notes: list[tuple[str, str, str]] = []
        # Places where a label contradicts the unit of the title, and whether one agrees.
        self._against_title: list[tuple[int, Column, str, str]] = []
        self._has_title_unit = False
        self._note_units = tuple(
            dict.fromkeys(
                unit
                for text in texts
                for piece in re.split(r"[\n/]", text)
                if len(piece) < 30
                for unit in vocabulary.units_of(piece)
            )
        )

    # One figure ------------------------------------------------------------------------------------

    def _figure(self, text: str) -> tuple[Decimal | None, str, str, str]:
        """(value, status, comment, problem) of a printed text; value is None when it is missing."""
        known = self._numbers.get(text)
        if known is not None:
            return known
        try:
            number = number_of(text)
        except OverflowError:
            result: tuple[Decimal | None, str, str, str] = (
                None,
                "",
                "",
                "is beyond any figure that can be stored",
            )
            self._numbers[text] = result
            return result
        if number is not None:
            comment = f"printed with the mark {number.marks}" if number.marks else ""
            in_brackets = tuple(a or b for a, b in IN_BRACKETS.findall(number.marks))
            if in_brackets:
                self._marks[text] = in_brackets
            if number.is_percent:
                comment = _joined(comment, PERCENT)
            result = (number.value, self.publication.obs_status, comment, "")
        else:
            result = self._missing(text)
        self._numbers[text] = result
        return result

    def _missing(self, text: str) -> tuple[Decimal | None, str, str, str]:
        own = self.publication.publication_id
        raw = re.sub(r"\s+", "", text).lower()
        for sign in dict.fromkeys((raw, compact(text))):
            for key in ((own, self.edition, sign), (own, "", sign), ("", "", sign)):
                found = self.registry.symbols.get(key)
                if found:
                    status, meaning = found
                    return None, status, meaning, ""
        clean = compact(text)
        if clean.startswith(("=", "+", "@")) or "cmd|" in clean:
            return None, "", "", "is a formula as text; only figures are loaded"
        if clean.startswith("#"):
            return None, "", "", "is an error of the spreadsheet"
        return None, "", "", "is neither a figure nor a known sign for a missing one"

    def _notes_of_marks(self, sheet: Sheet) -> frozenset[str]:
        """Marks such as 1 or a that a text of the sheet begins with, or names behind 注."""
        if sheet.name not in self._explained:
            found = set()
            for _, row in sheet.rows:
                for cell in row:
                    text = plain(cell)
                    if len(text) < 4 or (text[0].isdigit() and text.replace(".", "").isdigit()):
                        continue
                    found |= {m.lower() for m in EXPLAINED.findall(text)}
            self._explained[sheet.name] = frozenset(found)
        return self._explained[sheet.name]

    # One table -------------------------------------------------------------------------------------

    def read(self, table: Table) -> None:
        """Add the cells of a table. Problems name sheet and cell."""
        sheet = table.sheet.name
        merged = self._merged_down(table)
        role = {name: table.with_role(name) for name in ("region", "province", "region_code", "year")}
        region_columns = (
            role["region"]
            or role["province"]
            or (role["region_code"] or table.with_role("province_code"))[:1]
        )
        by_code = bool(region_columns) and region_columns[0].role.endswith("_code")
        province_columns = role["province"] if role["region"] else ()
        labels = table.with_role("indicator")
        dimensions = table.with_role("dimension")
        slots = self._slots(table)
        if slots is None:
            self._list_unused(table, [], {})
            return
        flags = self._flags(table, slots)
        # A comment above the rows, or beside the table, speaks of all of it.
        body = {n for n, _ in table.body}
        used = {s.column.place for s in slots} | {c.place for c in region_columns}
        self.texts += tuple(
            text for (row, column), text in table.sheet.comments.items()
            if row not in body or column not in used
        )  # fmt: skip
        last = max((c.place for c in table.columns), default=0)
        # Dates are years where all of a column are the last days of years.
        dates = [row[c.place - 1] for c in role["year"] for _, row in table.body if c.place <= len(row)]
        reads_year = year_of_date if any(map(str.strip, dates)) and all(
            year_of_date(t) for t in set(dates) if t.strip()
        ) else year_of  # fmt: skip
        years_of = self._years_by_name(table, region_columns, role["year"])
        province_context = ""
        settled = self._contested(table, region_columns, province_columns, role["region_code"])
        header = tuple(compact(c.header) for c in table.columns if c.header)
        held_label: dict[int, str] = {}
        value_columns = [s.column for s in slots]
        notes = table.with_role("note")
        shown = {c.place for c in table.columns}
        self._list_unused(table, slots, flags)
        # A header that says of its own column that it is filled says nothing of the others.
        self._claimed |= {c.header for c in table.columns}
        row_slots: dict[tuple[str, ...], list[Slot] | None] = {}

        for number, row in table.body:

            def at(column: Column, row: tuple[str, ...] = row, number: int = number) -> str:
                text = row[column.place - 1] if column.place <= len(row) else ""
                return text if text.strip() else merged.get((number, column.place), "")

            first = next((c for c in row if c.strip()), "")
            if compact(first) == header[0] and tuple(compact(c) for c in row if c.strip()) == header:
                self._drop(table, "header printed again")
                continue
            region_text = next((at(c) for c in region_columns if at(c).strip()), table.region)
            across = table.axis == "region_value"
            if not across and not region_text.strip():
                figures = [c for c in value_columns if at(c).strip()]
                if figures and not NOTE_START.match(plain(first)) and self._has_number(row, figures):
                    self._row_problem(
                        table, number, figures[0], "region", "", "has figures but names no region"
                    )
                else:
                    self._drop(table, "no region: note, advert or blank")
                continue
            if (
                not across
                and NOTE_START.match(plain(region_text))
                and not self._has_number(row, value_columns)
            ):
                self._drop(table, "note below the table")
                continue
            year = table.year
            year_text = next((at(c) for c in role["year"] if at(c).strip()), "")
            if role["year"]:
                found_year = reads_year(year_text)
                second = next(
                    (
                        c
                        for c in role["year"]
                        if at(c).strip() and reads_year(at(c)) not in (None, found_year)
                    ),
                    None,
                )
                if found_year and second and self._has_number(row, value_columns):
                    message = f"is another year than {year_text.strip()!r} in the same row"
                    self._row_problem(table, number, second, "year", at(second).strip(), message)
                    continue
                if found_year is None or not is_past(found_year):
                    if not self._has_number(row, value_columns):
                        self._refuse_text(table, number, row, value_columns)
                        self._drop(table, "no year and no figures: note")
                    else:
                        message = "is no year" if found_year is None else "is a year to come"
                        self._row_problem(table, number, role["year"][0], "year", year_text, message)
                    continue
                if table.reported_years and found_year not in table.reported_years:
                    reported = "-".join(
                        map(str, sorted({min(table.reported_years), max(table.reported_years)}))
                    )
                    message = f"stands below a line that says {reported}"
                    self._row_problem(table, number, role["year"][0], "year", year_text, message)
                    continue
                year = found_year
            if labels:
                texts = []
                for column in labels:
                    text = at(column)
                    if not text.strip() and column is not labels[-1]:
                        text = held_label.get(column.place, "")
                    elif text.strip() and column is not labels[-1]:
                        held_label[column.place] = text
                    texts.append(text)
                # A label in an outer column alone is a line of its own, not a group.
                if len(labels) > 1 and not at(labels[-1]).strip():
                    texts = [at(c) for c in labels]
                unit_text = next((at(c) for c in table.with_role("unit") if at(c).strip()), "")
                path = (*texts, "\x1f", unit_text)
                if path not in row_slots:
                    row_slots[path] = self._label_slots(table, number, labels, texts, unit_text, slots)
                chosen = row_slots[path]
                if chosen is None:
                    self._drop(table, "label not loaded")
                    continue
            else:
                chosen = slots
                if table.with_role("unit"):
                    unit_text = next((at(c) for c in table.with_role("unit") if at(c).strip()), "")
                    of_row = self._row_units(table, number, row, unit_text, slots)
                    if of_row is None:
                        continue
                    chosen = of_row
            if dimensions:
                words = [(c.meaning.take, plain(at(c))) for c in dimensions]
                other = next((text for take, text in words if take and compact(text) != compact(take)), None)
                if other is not None:
                    self._drop(table, f"another word than the one that is taken: {other[:30]!r}")
                    continue
                parts = tuple(text or "(blank)" for take, text in words if not take)
                if parts:
                    key = (*(s.indicator + s.unit for s in chosen), "\x1f", *parts)
                    if key not in row_slots:
                        row_slots[key] = self._split(table, chosen, list(parts))
                    chosen = row_slots[key] or []
            province_text = next((at(c) for c in province_columns if at(c).strip()), "")
            code_text = plain(next((at(c) for c in role["region_code"] if at(c).strip()), ""))
            code = code_text[:6] if re.fullmatch(r"[0-9]{6}(?:\.0+)?", code_text) else ""
            if table.sheet.is_delimited:
                if (
                    len(row) > last
                    and any(c.strip() for c in row[last:])
                    and not self._is_side(table, row, last)
                ):
                    extra = next(k for k in range(last, len(row)) if row[k].strip())
                    self.extract.problem(
                        Problem(self.file, locator(sheet, number, extra + 1), "key", row[extra],
                                "stands beyond the header: the row has too many fields")
                    )  # fmt: skip
                    continue
                if len(row) < max(s.column.place for s in chosen):
                    if sum(bool(c.strip()) for c in row) == 1 and not is_number(row[-1]):
                        self._drop(table, "a line of words: note")
                        continue
                    self.extract.problem(
                        Problem(self.file, locator(sheet, number, len(row)), "key", row[-1],
                                f"ends a row of {len(row)} fields; the header has {last}")
                    )  # fmt: skip
                    continue
            remark = "; ".join(dict.fromkeys(plain(at(c)) for c in notes if at(c).strip()))
            aside = [c for k, c in enumerate(row, 1) if k not in shown and c.strip() and claims_in(c)]
            remark = "; ".join(filter(None, [remark, *map(plain, aside)]))
            remark = "; ".join(filter(None, [remark, *self._noted(table, number, region_columns)]))
            why = no_years_figures(remark)
            if not why and remark and self._has_number(row, value_columns):
                own = "; ".join(plain(at(c)) for c in notes if not SOURCES.search(c.header))
                own = "; ".join(filter(None, [own, *self._noted(table, number, region_columns)]))
                why = self._against(own, year, chosen)
            if why and self._has_number(row, value_columns):
                self._row_problem(table, number, (*notes, *value_columns)[0], "value", remark, why)
                continue
            held = next((s.column for s in chosen if s.year and s.year != year), None)
            if year and held and role["year"] and self._has_number(row, [held]):
                message = f"stands in a column of {held.header!r}"
                self._row_problem(table, number, role["year"][0], "year", year_text, message)
                continue
            if across:
                self._across(table, number, row, chosen, year, remark, settled)
                continue
            province = self._province(table, number, province_columns, province_text)
            if province is None:
                continue
            name = plain(region_text)
            meant = settled.get(number, "")
            is_total = meant == "province" or self.vocabulary.regions.is_name(name) == "province"
            if table.level == "prefecture" and not province and is_total:
                province_context = self.vocabulary.regions.province_code(name)
            by_row: dict[int, Match] = {}
            was_kept = False
            for slot in chosen:
                cell_year = slot.year or year
                if not cell_year:
                    self._row_problem(table, number, slot.column, "year", "", NO_YEAR)
                    break
                match = by_row.get(cell_year)
                if match is None:
                    later = cell_year < max(years_of.get(name, {cell_year}))
                    if by_code:
                        match = self._by_code(region_text, table.level, cell_year)
                    else:
                        match = self._region(
                            region_text,
                            table.level,
                            cell_year,
                            province,
                            code,
                            later,
                            province_context,
                            meant,
                        )
                        if (
                            match.unknown
                            and code
                            and self.vocabulary.regions.level_of_code(code) == table.level
                        ):
                            # Nobody knows the spelling, and everybody the official code beside it.
                            match = replace(
                                self._by_code(code, table.level, cell_year),
                                comment=f"printed {region_text.strip()}",
                            )
                    contrary = self._other_name(table, row, region_columns, region_text, match, cell_year)
                    if contrary:
                        self._row_problem(table, number, region_columns[1], "region", *contrary)
                        break
                    by_row[cell_year] = match
                    if match.is_error:
                        if not self._has_number(row, value_columns):
                            self._refuse_text(table, number, row, value_columns)
                            self._drop(table, f"no figures: {name[:30]}")
                        else:
                            column = region_columns[0] if region_columns else slot.column
                            self._row_problem(
                                table,
                                number,
                                column,
                                "region",
                                region_text.strip(),
                                match.reason,
                                self._nearest(match),
                            )
                        break
                    if not match.region_code:
                        self._left_out(table, name, match, cell_year)
                if not match.region_code:
                    if len({s.year for s in chosen}) == 1:
                        break
                    continue
                text = row[slot.column.place - 1] if slot.column.place <= len(row) else ""
                if not text.strip() and table.sheet.merges and (number, slot.column.place) in merged:
                    self._row_problem(table, number, slot.column, "value", "", "lies inside a merged cell")
                    continue
                flag = flags.get(slot.indicator)
                self._add(
                    table, number, slot, text, match, cell_year,
                    self._is_flagged(table, number, flag, row) if flag else False,
                    remark, chosen,
                )  # fmt: skip
                was_kept = True
            self.extract.n_rows += was_kept
        self._close_table(table)

    def _close_table(self, table: Table) -> None:
        """What needs all rows: notes among them, and the unit of a title that no label agrees with."""
        used = {
            int(at[1:].split("C")[0])
            for cell in self.extract.cells.values()
            for sheet, _, at in [cell.source_locator.rpartition("!")]
            if sheet == table.sheet.name
        }
        self._table_notes += [(table.sheet.name, place, text) for place, text in notes_of(table, used)]
        if self._against_title and not self._has_title_unit:
            number, column, text, said = self._against_title[0]
            message = f"names another unit than the title, which says {said!r}"
            self._row_problem(table, number, column, "unit", text, message)
        self._against_title, self._has_title_unit = [], False

    def _against(self, remark: str, year: int, slots: list[Slot]) -> str:
        """Why a remark says that the figures beside it are of another time or unit; else ''."""
        for clause in clauses(remark):
            if why := no_years_figures(clause):
                return why
            other = another_year(clause, is_remark=True)
            years = {s.year for s in slots if s.year} or {year}
            if other and other[0] not in years and (not other[1] or other[1] & years):
                return f"says that they are the figures of {other[0]}"
            for text, units in stated_units(clause, self.vocabulary, is_remark=True):
                own = [s.unit for s in slots if s.unit in self.registry.units]
                known = self.vocabulary.scales_of(units)
                of_kind = [u for u in own if self.registry.units[u].dimension in known]
                money = {"yuan", "usd"}
                of_money = (
                    [u for u in own if self.registry.units[u].dimension in money]
                    if known.keys() & money
                    else []
                )
                if (of_kind or of_money) and not any(
                    self.registry.units[u].scale in known[self.registry.units[u].dimension] for u in of_kind
                ):  # fmt: skip
                    said = self.registry.units[(of_kind or of_money)[0]].name_en
                    return f"says {text!r}, but the figures stand under {said}"
        return ""

    def _row_units(
        self, table: Table, number: int, row: tuple[str, ...], unit_text: str, slots: list[Slot]
    ) -> list[Slot] | None:
        """Slots of a row in the unit that a column of units says; None after a problem."""
        column = table.with_role("unit")[0]
        units = self.vocabulary.units_of(unit_text) if unit_text.strip() else ()
        if not self._has_number(row, [s.column for s in slots]):
            return slots
        if not units and all(s.words for s in slots):
            # A unit that the registry has not is a part of the words.
            said = f"({unit_text.strip()})" if unit_text.strip() else ""
            made = [self._unnamed(table, s.words + said, ()) if s.unit == BY_ROW else () for s in slots]
            return [
                replace(s, indicator=m[0], unit=m[1]) if m else s for s, m in zip(slots, made, strict=True)
            ]
        if not units:
            if unit_text.strip():
                self._row_problem(table, number, column, "unit", unit_text.strip(), "is no known unit")
                return None
            if any(s.unit == BY_ROW for s in slots):
                self._row_problem(
                    table, number, column, "unit", "", "names no unit, and neither does the header"
                )
                return None
            return slots
        out = []
        for slot in slots:
            if slot.words:
                if slot.unit == BY_ROW:
                    indicator, unit = self._unnamed(table, slot.words, self.vocabulary.one_kind(unit_text))
                    slot = replace(slot, indicator=indicator, unit=unit)
                out.append(slot)
                continue
            unit = self.vocabulary.unit_for(slot.indicator, units)
            if not unit and (slot.unit == BY_ROW or len(slots) == 1):
                wanted = self.registry.units[self.registry.indicators[slot.indicator].unit].name_en
                message = f"is no unit of {slot.indicator}, which is in {wanted}"
                self._row_problem(table, number, column, "unit", unit_text.strip(), message)
                return None
            if unit and slot.unit not in (BY_ROW, UNSAID, UNSIZED):
                if self.vocabulary.contradict((unit,), (slot.unit,)):
                    at = locator(table.sheet.name, slot.column.header_row, slot.column.place)
                    message = f"is another unit than the header {slot.column.header!r} at {at} says"
                    self._row_problem(table, number, column, "unit", unit_text.strip(), message)
                    return None
            elif unit:
                slot = replace(slot, unit=unit)
            out.append(slot)
        return out

    def _noted(self, table: Table, number: int, regions: tuple[Column, ...]) -> list[str]:
        """Comments at the name of a row's region."""
        places = [(number, c.place) for c in regions]
        return [table.sheet.comments[p] for p in places if p in table.sheet.comments]

    def _drop(self, table: Table, reason: str) -> None:
        self.extract.dropped[f"{table.sheet.name}: {reason}"] += 1

    def _left_out(self, table: Table, name: str, match: Match, year: int) -> None:
        """A region that is not loaded, one line a name whatever the number of years."""
        self._drop(table, f"{name[:20]} ({match.reason.replace(f' in {year}', ' in these years')})")

    def _has_number(self, row: tuple[str, ...], columns: list[Column]) -> bool:
        return any(re.search(r"[0-9０-９]", row[c.place - 1]) for c in columns if c.place <= len(row))

    def _refuse_text(
        self, table: Table, number: int, row: tuple[str, ...], columns: list[Column]
    ) -> None:  # fmt: skip
        """A row of words where figures stand is a header that nobody recognised; what follows is not ours."""
        for column in columns:
            text = row[column.place - 1] if column.place <= len(row) else ""
            if text.strip() and self._figure(text)[3]:
                message = "stands where figures do, in a row without region or year"
                self._row_problem(table, number, column, "value", text.strip(), message)
                return

    def _is_side(self, table: Table, row: tuple[str, ...], last: int) -> bool:
        """Text to the right of a table that holds no figure is a side note."""
        return not any(re.search("[0-9]", c) for c in row[last:])

    def _row_problem(
        self, table: Table, number: int, column: Column, kind: str, text: str, message: str,
        near: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        place = locator(table.sheet.name, number, column.place)
        self._fault(Problem(self.file, place, kind, text, message, near))

    def _fault(self, problem: Problem, cause: str = "") -> bool:
        """Take down what is wrong with a cell or a row; True where the mapping file leaves such ones out.

        What is refused gives no figure in either case.
        """
        key = cause or problem.message
        if key in self.mapping.leaves_out:
            self.extract.dropped[f"left out by the mapping file: {key}"] += 1
            return True
        answer = ("leave_out", key, "true")
        if problem.message == NO_YEAR:
            # The other tables of the file may tell.
            (year,) = self.years if len(self.years) == 1 else (0,)
            answer = ("defaults", "year", str(year or ""))
        if problem.kind == "region" and problem.text:
            answer = ("regions", problem.text, "ignore")
        self.extract.problem(replace(problem, answer=answer), cause)
        return False

    @staticmethod
    def _merged_down(table: Table) -> dict[tuple[int, int], str]:
        """Text of merged cells in the body, by place, without their first cell."""
        first = dict(table.body)
        held = {}
        for r0, c0, r1, c1 in table.sheet.merges:
            row = first.get(r0)
            if row is None or c0 > len(row):
                continue
            for number in range(r0, min(r1, r0 + 5000) + 1):
                for column in range(c0, min(c1, c0 + 200) + 1):
                    if (number, column) != (r0, c0):
                        held[number, column] = row[c0 - 1]
        return held

    def _years_by_name(
        self, table: Table, regions: tuple[Column, ...], years: tuple[Column, ...]
    ) -> dict[str, set[int]]:
        """Years in which a table uses a name: a later name in an early year is a name given afterwards."""
        across = {c.meaning.year for c in table.columns if c.meaning.year}
        found: dict[str, set[int]] = {}
        for _, row in table.body:
            for column in regions[:1]:
                if column.place <= len(row):
                    name = plain(row[column.place - 1])
                    held = found.setdefault(name, set(across))
                    for other in years[:1]:
                        if other.place <= len(row):
                            text = row[other.place - 1]
                            held.add(year_of(text) or year_of_date(text) or table.year or 0)
        return {name: held or {table.year} for name, held in found.items()}

    def _nearest(self, unknown: Match | Meaning) -> tuple[str, ...]:
        """Names like one that nobody knows, for the first such names of a file: to look for them is slow."""
        if isinstance(unknown, Match) and not unknown.unknown:
            return unknown.near
        text = unknown.unknown if isinstance(unknown, Match) else unknown.problem + unknown.matched
        if text not in self._alike and len(self._alike) < MAX_UNKNOWN:
            self._alike[text] = (
                unknown.nearest if isinstance(unknown, Match) else self.vocabulary.suggest(unknown)
            )
        return self._alike.get(text, ())

    def _province(self, table: Table, number: int, columns: tuple[Column, ...], text: str) -> str | None:
        """Code of the province printed beside a region, '' when none is, None after a problem."""
        if not text.strip():
            return ""
        code = self.vocabulary.regions.province_code(text)
        mapped = self.mapping.regions.get(compact(text), "")
        if mapped:
            # A province that is left out is one that nobody checks the region against.
            return "" if mapped == "ignore" else mapped
        if not code:
            match = self.vocabulary.regions.match(text, "province", 0)
            self._row_problem(
                table, number, columns[0], "region", text.strip(), match.reason, self._nearest(match)
            )
            return None
        return code

    def _contested(
        self, table: Table, regions: tuple[Column, ...], provinces: tuple[Column, ...],
        codes: tuple[Column, ...],
    ) -> dict[int, str]:  # fmt: skip
        """By row: what a name that a province and a prefecture share stands for, from all that is around it.

        province, prefecture or 'unclear'. For a table of regions across, the keys are its columns.
        """
        known = self.vocabulary.regions
        if table.level != "prefecture":
            return {}
        if table.axis == "region_value":
            across = [c for c in table.columns if c.meaning.region]
            keys, names = [c.place for c in across], [c.meaning.region for c in across]
        elif table.region:
            keys, names = [n for n, _ in table.body], list(table.siblings)
        else:
            keys = [n for n, _ in table.body]
            names = [
                next(
                    (row[c.place - 1] for c in regions if c.place <= len(row) and row[c.place - 1].strip()),
                    "",
                )
                for _, row in table.body
            ]
        if not any(known.contested(name) for name in dict.fromkeys(names)):
            return {}
        says_city = any(re.search("市|city|prefecture", compact(c.header)) for c in regions)
        answers = known.settle(names, says_city=says_city)
        if table.region:
            own = answers.get(names.index(table.region), "") or "unclear"
            return dict.fromkeys(keys, own) if known.contested(table.region) else {}
        rows = dict(table.body)
        found = {}
        for index, answer in answers.items():
            held = known.contested(names[index])
            assert held
            row = rows.get(keys[index], ())
            beside = [row[c.place - 1] for c in (*codes, *provinces) if c.place <= len(row)]
            for text in beside if table.axis != "region_value" else ():
                code = plain(text)[:6] if plain(text)[:6].isdigit() else known.province_code(text)
                if code == held[1] or (code == held[2] != held[0]):
                    answer = "prefecture"
                elif code == held[0] != held[2] or (code == held[0] and text not in beside[len(codes) :]):
                    answer = "province"
                elif code == held[0]:
                    answer = answer or "prefecture"
                else:
                    continue
                break
            found[keys[index]] = answer or "unclear"
        return found

    def _other_name(
        self, table: Table, row: tuple[str, ...], regions: tuple[Column, ...], text: str, match: Match,
        year: int,
    ) -> tuple[str, str] | None:  # fmt: skip
        """A second column of regions that names another one than the first: its text and what is wrong."""
        for column in regions[1:] if regions and not regions[0].role.endswith("_code") else ():
            other = row[column.place - 1] if column.place <= len(row) else ""
            if other.strip() and other != text:
                found = self._region(other, table.level, year, "", "", True, "")
                if found.region_code != match.region_code:
                    return other.strip(), f"is another region than {text.strip()!r} in the same row"
        return None

    def _by_code(self, text: str, level: str, year: int) -> Match:
        """The region of an official code; that of a province among prefectures is its total."""
        mapped = self.mapping.regions.get(compact(text))
        if mapped:
            return Match("", "left out by the mapping file") if mapped == "ignore" else Match(mapped)
        code, regions = code_of(plain(text)), self.vocabulary.regions
        match = regions.by_code(code, level, year)
        if match.is_error and level == "prefecture" and regions.level_of_code(code) == "province":
            return Match("", TOTAL_OF_A_PROVINCE)
        return match

    def _region(
        self, text: str, level: str, year: int, province: str, code: str, later: bool, context: str,
        meant: str = "",
    ) -> Match:  # fmt: skip
        mapped = self.mapping.regions.get(compact(text))
        if mapped == "ignore":
            return Match("", "left out by the mapping file")
        if mapped:
            return Match(mapped, comment=f"printed {text.strip()}")
        regions = self.vocabulary.regions
        held = regions.contested(text) if meant else None
        if held and meant == "unclear":
            names = (f"{text.strip()} {held[0]}", f"{text.strip()} {held[1]}")
            message = "may be a province or a prefecture; add a column of provinces or of codes"
            return Match("", message, True, names)
        if held and meant == "province":
            return Match("", TOTAL_OF_A_PROVINCE)
        if held:
            province = held[2]
        if context and not province:
            match = regions.match(text, level, year, context, code, later)
            if not match.is_error:
                return match
        return regions.match(text, level, year, province, code, later)

    # Which indicator, unit, year and region a column has --------------------------------------------

    def _slots(self, table: Table) -> list[Slot] | None:
        """Value columns of a table; with labels in the rows the indicator is still open ('')."""
        columns = [c for c in table.columns if c.role in ("measure", "year_value", "region_value", "value")]
        if table.axis == "region_value":
            columns = [c for c in columns if c.role == "region_value" or c.meaning.region]
        elif table.axis == "year_value":
            columns = [c for c in columns if c.meaning.year]
        elif table.axis == "value":
            columns = [c for c in columns if c.role == "value"]
        has_labels = bool(table.with_role("indicator"))
        slots = []
        for column in columns:
            own = self.vocabulary.in_its_money(column.meaning, table.units)
            meaning = own if own.indicator or own.words else table.indicator
            if not meaning.indicator and has_labels:
                slots.append(Slot(column, "", "", own.year, own.region, False, words=own.words))
                continue
            if not meaning.indicator and not meaning.words:
                self.extract.problem(
                    Problem(self.file, locator(table.sheet.name, column.header_row, column.place), "table",
                            table.sheet.name,
                            f"{column.header[:40]!r} has no indicator in header, title or file name",
                            tuple(list(self.registry.names())[:3]))
                )  # fmt: skip
                return None
            if not meaning.indicator:
                units = own.units or meaning.units or table.units
                if not units and table.with_role("unit"):
                    indicator, unit = "", BY_ROW
                else:
                    indicator, unit = self._unnamed(table, meaning.words, units)
                if meaning.note == INDICATOR_ASKED:
                    at = locator(table.sheet.name, column.header_row, column.place)
                    self._asked.setdefault(indicator, (at, meaning.words))
                slots.append(Slot(column, indicator, unit, own.year, own.region, False, words=meaning.words))
                continue
            if self._is_flag_column(table, column):
                continue
            unit = self._unit(table, column, meaning, column.meaning.unit_text, column.meaning.units)
            if unit == UNSAID and table.with_role("unit"):
                unit = BY_ROW
            if unit:
                slots.append(
                    Slot(column, meaning.indicator, unit, column.meaning.year, column.meaning.region,
                         column.meaning.is_filled, _reported(meaning))
                )  # fmt: skip
        if not slots:
            return None
        return slots

    def _unnamed(self, table: Table, words: str, units: tuple[str, ...]) -> tuple[str, str]:
        """Id and unit of figures that the registry has no indicator for."""
        unit = "count" if "count" in units else units[0] if units else UNSTATED
        indicator = unknown_id(words, table.scope or "whole_prefecture", self.registry.units[unit].dimension)
        self.names.setdefault(indicator, (words, ""))
        return indicator, unit

    def _split(self, table: Table, slots: list[Slot], parts: list[str]) -> list[Slot]:
        """Slots of the rows that a column of words parts: each word is a series of its own."""
        out = []
        for slot in slots:
            words = "/".join([slot.words or slot.column.header, *parts])
            if slot.unit == BY_ROW:
                out.append(replace(slot, indicator="", words=words))
                continue
            units = (slot.unit,) if slot.unit in self.registry.units else ()
            indicator, unit = self._unnamed(table, words, units)
            out.append(replace(slot, indicator=indicator, unit=unit, words=words))
        return out

    def _unit(
        self, table: Table, column: Column, meaning: Meaning, text: str, units: tuple[str, ...], row: int = 0
    ) -> str:
        """Unit of an indicator: its header's, else the table's, the publication's or the notes'.

        '' after a problem.
        """
        place = locator(table.sheet.name, row or column.header_row, column.place)
        indicator = meaning.indicator
        own = units or meaning.units
        if text and units:
            unit = self.vocabulary.unit_for(indicator, units)
            if not unit:
                wanted = self.registry.units[self.registry.indicators[indicator].unit].name_en
                self.extract.problem(
                    Problem(self.file, place, "unit", column.header,
                            f"has the unit {text!r}, but {indicator} is in {wanted}",
                            (wanted,), answer=("headers", column.header, "{use: figure}"))
                )  # fmt: skip
            return unit
        is_share = self.registry.indicators[indicator].kind == "share"
        for candidate in (own, table.units, meaning.units):
            unit = self.vocabulary.unit_for(indicator, candidate)
            if unit:
                return unit
        if is_share:
            return UNSAID
        if not row and table.with_role("unit"):
            return BY_ROW
        # A unit that stands alone somewhere in the file holds for all of it only when no other does.
        dimension = self.registry.units[self.registry.indicators[indicator].unit].dimension
        noted = [u for u in self._note_units if self.registry.units[u].dimension == dimension]
        if len(noted) == 1:
            return noted[0]
        self._heads.setdefault(self._group(table, column, indicator), (place, column.header))
        return UNSIZED

    def _label_slots(
        self, table: Table, number: int, labels: tuple[Column, ...], texts: list[str], unit_text: str,
        slots: list[Slot],
    ) -> list[Slot] | None:  # fmt: skip
        """Slots of a row whose label names the indicator; None when the row is not loaded."""
        tries = [tuple(texts), *[(t,) for t in reversed(texts) if t.strip()]]
        meanings = [self.vocabulary.meaning(path) for path in tries if any(t.strip() for t in path)]
        if not meanings:
            return None
        meaning = next((m for m in meanings if m.role == "measure" and not m.problem), None)
        if meaning is None:
            meaning = next((m for m in meanings if m.role in ("ignore", "note")), None)
            if meaning:
                return None
        if meaning is None and all(not t.strip() or year_of(t) for t in texts):
            year = next(year_of(t) for t in texts if t.strip()) or 0
            filled = []
            for slot in slots:
                held = table.indicator if not slot.indicator else Meaning(indicator=slot.indicator)
                unit = slot.unit or (held.indicator and self._unit(table, slot.column, held, "", ()))
                if not held.indicator or not unit:
                    return None
                filled.append(Slot(slot.column, held.indicator, unit, slot.year or year, slot.region, False))
            return filled
        if meaning is None or any(s.words for s in slots):
            if not self._row_has_figures(table, number, slots):
                return None
            return self._unnamed_labels(table, texts, unit_text, slots)
        units = self.vocabulary.units_of(unit_text) if unit_text.strip() else ()
        meaning = self.vocabulary.in_its_money(meaning, units or table.units)
        if unit_text.strip() and not units:
            column = table.with_role("unit")[0]
            self._row_problem(table, number, column, "unit", unit_text, "is no known unit")
            return None
        printed = unit_text or meaning.unit_text
        stated = units or meaning.units
        label = "/".join(plain(t) for t in texts if t.strip())
        if units and self.vocabulary.contradict(units, meaning.units):
            column = table.with_role("unit")[0]
            message = f"is another unit than the label {label!r} says"
            self._row_problem(table, number, column, "unit", unit_text.strip(), message)
            return None
        for slot in slots:
            held = slot.column.meaning
            if held.units and self.vocabulary.contradict(held.units, stated):
                at = locator(table.sheet.name, slot.column.header_row, slot.column.place)
                message = f"names another unit than the header {slot.column.header!r} at {at}"
                self._row_problem(table, number, labels[0], "unit", label, message)
                return None
            if held.units and not stated and self.vocabulary.unit_for(meaning.indicator, held.units):
                printed, stated = held.unit_text, held.units
        if table.unit_text and not self.mapping.defaults.get("unit"):
            if stated and self.vocabulary.contradict(stated, table.units):
                self._against_title.append((number, labels[0], label, table.unit_text))
            elif self.vocabulary.unit_for(meaning.indicator, table.units):
                self._has_title_unit = True
        unit = self._unit(table, labels[0], meaning, printed, stated, row=number)
        if not unit:
            return None
        return [
            Slot(s.column, meaning.indicator, unit, s.year, s.region, meaning.is_filled, _reported(meaning))
            for s in slots
        ]

    def _unnamed_labels(
        self, table: Table, texts: list[str], unit_text: str, slots: list[Slot]
    ) -> list[Slot]:
        """Slots of a row whose label, or whose column, the registry has no indicator for."""
        label = self.vocabulary.unnamed(tuple(t for t in texts if t.strip()))
        out = []
        for slot in slots:
            words = "/".join(filter(None, [label.words or plain(texts[-1]), slot.words]))
            if slot.indicator and not slot.words:
                words = f"{words}/{slot.column.header}"
            units = self.vocabulary.one_kind(unit_text) if unit_text.strip() else ()
            if unit_text.strip() and not units:
                words = f"{words}({unit_text.strip()})"
            units = units or label.units or slot.column.meaning.units or table.units
            indicator, unit = self._unnamed(table, words, units)
            out.append(replace(slot, indicator=indicator, unit=unit, words=words))
        return out

    def _row_has_figures(self, table: Table, number: int, slots: list[Slot]) -> bool:
        row = next(r for n, r in table.body if n == number)
        return self._has_number(row, [s.column for s in slots])

    def _across(
        self, table: Table, number: int, row: tuple[str, ...], chosen: list[Slot], year: int, remark: str,
        settled: dict[int, str],
    ) -> None:  # fmt: skip
        """A row of a table whose columns are regions."""
        kept = False
        for slot in chosen:
            text = row[slot.column.place - 1] if slot.column.place <= len(row) else ""
            cell_year = slot.year or year
            if not cell_year:
                self._row_problem(table, number, slot.column, "year", "", NO_YEAR)
                return
            meant = settled.get(slot.column.place, "")
            match = self._region(slot.region, table.level, cell_year, "", "", True, "", meant)
            if match.is_error:
                self._row_problem(
                    table,
                    table.header_rows[-1],
                    slot.column,
                    "region",
                    slot.region,
                    match.reason,
                    self._nearest(match),
                )
                return
            if not match.region_code:
                self._left_out(table, slot.region, match, cell_year)
                continue
            self._add(table, number, slot, text, match, cell_year, False, remark, chosen)
            kept = True
        self.extract.n_rows += kept

    # Declared fills --------------------------------------------------------------------------------

    def _is_flag_column(self, table: Table, column: Column) -> bool:
        """True for a column that says of each row whether a figure was filled."""
        if not column.meaning.is_filled:
            return False
        texts = {row[column.place - 1].strip().lower() for _, row in table.body if column.place <= len(row)}
        return texts <= TRUE_WORDS | FALSE_WORDS and bool(
            texts & {"true", "false", "是", "否", "yes", "no", "0"}
        )

    def _flags(self, table: Table, slots: list[Slot]) -> dict[str, Column]:
        return {
            c.meaning.indicator: c
            for c in table.columns
            if c.role == "measure" and c.meaning.is_filled and self._is_flag_column(table, c)
        }

    @staticmethod
    def _is_flagged(table: Table, number: int, flag: Column, row: tuple[str, ...]) -> bool:
        return flag.place <= len(row) and row[flag.place - 1].strip().lower() in TRUE_WORDS

    # Landing one cell ------------------------------------------------------------------------------

    def _add(
        self, table: Table, number: int, slot: Slot, text: str, match: Match, year: int, is_flagged: bool,
        remark: str, chosen: list[Slot],
    ) -> None:  # fmt: skip
        value, status, comment, problem = self._figure(text)
        marks = self._marks.get(text)
        if marks and not problem and any(mark not in self._notes_of_marks(table.sheet) for mark in marks):
            problem = "ends in a bracket that no note of the sheet explains; it may be a part of the figure"
        if problem:
            self._row_problem(table, number, slot.column, "value", text.strip(), problem)
            return
        unit = slot.unit
        if comment and PERCENT in comment:
            if unit not in (UNSAID, UNSTATED) and (
                unit == UNSIZED or self.registry.units[unit].dimension != "ratio"
            ):
                self._row_problem(
                    table,
                    number,
                    slot.column,
                    "value",
                    text.strip(),
                    "is a percentage in a column that is none",
                )
                return
            unit = "pct"
        method: str | None = None
        by: str | None = None
        noted = table.sheet.comments.get((number, slot.column.place), "")
        if noted:
            remark = _joined(remark, noted)
            why = self._against(noted, year, [slot]) if value is not None else ""
            if why:
                self._row_problem(
                    table, number, slot.column, "value", text.strip(), f"has a remark that {why}: {noted}"
                )
                return
        doubt = self._doubt(table, number, slot) if table.sheet.doubts else ""
        if doubt and value is not None:
            status = self.registry.status_list("V" + status.replace("A", ""))
            comment = _joined(comment, doubt)
        if value is not None:
            if self.publication.impute_method:
                method, by = self.publication.impute_method, self.publication.impute_by
            if slot.is_filled or is_flagged:
                status = self.registry.status_list("I" + status.replace("A", ""))
                method, by = "unknown", "vendor"
                reported = f"column {slot.column.header!r}" if slot.is_filled else "a column beside it"
                comment = _joined(comment, f"declared as filled by {reported}; method not stated")
            claim = self._claim(remark, slot, chosen, year) if remark else None
            if claim:
                status = self.registry.status_list(claim.letter + status.replace("A", ""))
                if claim.letter in "IFE":
                    method = claim.method
                    by = "vendor" if claim.letter == "I" else "unknown"
        if remark:
            self._claimed.add(remark)
        comment = _joined(comment, slot.note, match.comment, remark[:REMARK_LENGTH])
        cell = Cell(
            region_level=table.level,
            region_code=match.region_code,
            year=year,
            indicator_id=slot.indicator,
            value_printed=text,
            value=value,
            unit_printed=unit,
            obs_status_all=status,
            impute_method=method,
            impute_by=by,
            suspect_codes=None,
            obs_comment=comment or None,
            source_locator=locator(table.sheet.name, number, slot.column.place),
            scope=table.scope,
        )
        if unit in (UNSAID, UNSIZED):
            held = self._unstated if unit == UNSAID else self._unsized
            group = self._group(table, slot.column, slot.indicator)
            self._heads.setdefault(group, ("", slot.column.header))
            held.setdefault(group, []).append((cell, slot.is_filled))
            return
        self._keep(cell, slot.is_filled)

    @staticmethod
    def _group(table: Table, column: Column, indicator: str) -> tuple[str, int, int, str]:
        """What shares one unit: sheet, table, column (0 where columns are years or regions), indicator."""
        place = column.place if table.axis == "measure" else 0
        return table.sheet.name, table.header_rows[0], place, indicator

    def _doubt(self, table: Table, number: int, slot: Slot) -> str:
        """Why a figure, or its keys, may be shown otherwise than they are stored; '' when they are not."""
        keys = table.with_role("region", "province", "region_code", "year", "indicator", "unit")
        places = [(number, c.place) for c in (slot.column, *keys)]
        places += [(row, slot.column.place) for row in table.header_rows]
        return next((table.sheet.doubts[p] for p in places if p in table.sheet.doubts), "")

    def _claim(self, remark: str, slot: Slot, chosen: list[Slot], year: int) -> Claim | None:
        """The clause of a row's remark that speaks of one of its figures.

        A clause that names some of the row's years or columns speaks of those only.
        """
        years = {s.year for s in chosen if s.year}
        for claim in claims_in(remark):
            if claim.years & years and year not in claim.years:
                continue
            clause = compact(claim.text)
            named = [s for s in chosen if len(_stem(s)) > 1 and _stem(s) in clause]
            if named and slot not in named:
                continue
            return claim
        return None

    def _list_unused(self, table: Table, slots: list[Slot], flags: dict[str, Column]) -> None:
        """Every column that gives no figure is listed with its header and the reason."""
        used = {s.column.place for s in slots} | {c.place for c in flags.values()}
        why = {
            "qualifier": "its header names no indicator",
            "unit_value": "its header names no indicator",
            "province_code": "the province is known from the names",
        }
        for column in table.columns:
            if column.place in used or column.role in ("region", "province", "region_code", "year", "note"):
                continue
            if column.role == "unit" or (column.role == "indicator" and table.with_role("indicator")):
                continue
            n = sum(1 for _, row in table.body if column.place <= len(row) and row[column.place - 1].strip())
            if n:
                reason = column.meaning.note or why.get(column.role, "the figures stand in other columns")
                place = f"{table.sheet.name}: column {column.place} {column.header[:40]!r}"
                self.extract.dropped[f"{place}: {reason}"] += n

    def _keep(self, cell: Cell, is_filled: bool) -> None:
        key = cell.key
        if key in self._twice:
            return
        existing = self.extract.cells.get(key)
        if existing is None:
            self.extract.cells[key] = cell
            return
        if cell.value is None:
            self.extract.dropped["missing here, printed elsewhere in the file"] += existing.value is not None
            return
        if existing.value is None:
            self.extract.cells[key] = cell
            return
        shift = (
            self.registry.units[cell.unit_printed].scale - self.registry.units[existing.unit_printed].scale
        )
        other = cell.value.scaleb(shift)
        existing_is_filled = "I" in existing.obs_status_all and "filled by column" in (
            existing.obs_comment or ""
        )
        # Two columns may round differently; one column does not print a figure twice in two ways.
        is_one_column = _column_of(existing) == _column_of(cell)
        same = existing.value == other if is_one_column else _same(
            existing.value, existing.value_printed, other, cell.value_printed, shift
        )  # fmt: skip
        if same:
            if existing_is_filled and not is_filled:
                self.extract.cells[key] = cell
            self.extract.dropped["copy of a figure printed elsewhere in the file"] += 1
            return
        if is_filled != existing_is_filled:
            printed, filled = (existing, cell) if is_filled else (cell, existing)
            printed.obs_comment = _joined(
                printed.obs_comment or "", f"the filled column prints {filled.value_printed} instead"
            )
            self.extract.cells[key] = printed
            self.extract.dropped["filled column differs from the printed one; the printed one is kept"] += 1
            return
        place = f"{cell.indicator_id} of {cell.region_code} in {cell.year}"
        problem = Problem(
            self.file, cell.source_locator, "key", cell.value_printed,
            f"contradicts {existing.value_printed!r} at {existing.source_locator} for {place}",
        )  # fmt: skip
        self._contradicted.add(key)
        if self._fault(problem, TWICE):
            # Nobody knows which of the two it is.
            self._twice.add(key)
            del self.extract.cells[key]

    # After all tables ------------------------------------------------------------------------------

    def finish(self) -> Extract:
        """Settle what needs the whole file: units of shares, zeros, remarks on figures of named regions."""
        # Imported here because it works on the cells of this module.
        from cbec.ingest.shares import Shares

        heads = {group: header for group, (_, header) in self._heads.items()}
        Shares(self.file, self.registry, self.extract, self._unstated, heads).settle(self._keep)
        self._refuse_rows_within()
        self._ask_for_units()
        self._ask_for_indicators()
        self._judge_zeros()
        self._judge_notes()
        self._flag_undated_fills()
        for text in self.texts:
            if not REDEFINES.search(text):
                continue
            codes = self._regions_in(text)
            if len(codes) < 1 or len(codes) > 10:
                continue
            touched = {
                indicator.indicator_id
                for indicator in self.registry.indicators.values()
                if _speaks_of(text, indicator.name_zh)
            }
            for cell in self.extract.cells.values():
                if cell.region_code in codes and cell.indicator_id in touched and cell.value is not None:
                    letters = cell.obs_status_all.replace("A", "") + "D"
                    cell.obs_status_all = self.registry.status_list(letters)
                    cell.obs_comment = _joined(cell.obs_comment or "", f"remark in the file: {text}")
        return self.extract

    def _refuse_rows_within(self) -> None:
        """Rows of firms or counties under the name of a region: no figure of theirs is one of the region."""
        n = len(self.extract.cells) + len(self._twice)
        if len(self._contradicted) > max(MANY_TWICE * n, 1):
            self.extract.problem(
                Problem(self.file, "", "key", "",
                        f"has several figures for {len(self._contradicted)} of {n} cells: its rows are"
                        " of what lies within regions, or a column that tells them apart is not used")
            )  # fmt: skip

    def _ask_for_units(self) -> None:
        """Registered indicators over which no unit is printed: the size of their figures says which."""
        for group, held in self._unsized.items():
            indicator = group[3]
            place, header = self._heads[group]
            unit, why = self.published.unit_of(indicator, [c for c, _ in held])
            if unit:
                words = self.registry.words_of(unit)
                said, use = f"perhaps {words}, because {why}", f"{{use: {indicator}, unit: {words}}}"
            else:
                said, use = "nothing tells which; they can land under their own words", "{use: figure}"
            answer = (
                ("headers", header, use) if group[2] else ("defaults", "unit", self.registry.words_of(unit))
            )
            self.extract.problem(
                Problem(self.file, place, "unit", header or group[0],
                        f"prints no unit for {indicator}; name it in the header, the title or a mapping file:"
                        f" {said}",
                        (self.registry.words_of(self.registry.indicators[indicator].unit),),
                        answer=answer if answer[2] else ("defaults", "indicator", "words"))
            )  # fmt: skip

    def _ask_for_indicators(self) -> None:
        """Figures of which nothing in the file says what they are."""
        for indicator, (place, words) in self._asked.items():
            cells = [c for c in self.extract.cells.values() if c.indicator_id == indicator]
            found, unit, why = self.published.indicator_of(cells)
            message = "has no indicator in header, title or file name that the registry knows"
            said = f"perhaps {found}, because {why}" if found else f"it can land under the words {words!r}"
            answer = ("defaults", "indicator", found or "words")
            self.extract.problem(
                Problem(self.file, place, "table", words, f"{message}: {said}", answer=answer)
            )
            if found:
                self.extract.problem(
                    Problem(self.file, place, "unit", words, f"prints no unit: {why}",
                            answer=("defaults", "unit", self.registry.words_of(unit)))
                )  # fmt: skip

    def _judge_notes(self) -> None:
        """Notes below a table that say another year, a part of one, or another unit."""
        for sheet, place, text in self._table_notes:
            cells = [
                c for c in self.extract.cells.values()
                if c.value is not None and c.source_locator.rpartition("!")[0] == sheet
            ]  # fmt: skip
            for clause in clauses(text):
                why = self._note_against(clause, cells)
                if why:
                    self.extract.problem(Problem(self.file, place, "table", text, why))
                    break

    def _note_against(self, clause: str, cells: list[Cell]) -> str:
        years = {c.year for c in cells}
        why = no_years_figures(clause)
        named = years_in(clause)
        if why and (not named or named & years):
            return f"{why}; only figures of whole years are loaded"
        other = another_year(clause, is_remark=False)
        if other and (other[1] & years - {other[0]} if other[1] else bool(years - {other[0]})):
            return f"says that figures are those of {other[0]}, which stand in rows or columns of other years"
        for unit_text, units in stated_units(clause, self.vocabulary, is_remark=False):
            known = self.vocabulary.scales_of(units)
            held = [
                self.registry.units[c.unit_printed] for c in cells
                if c.unit_printed in self.registry.units
                and self.registry.units[c.unit_printed].dimension in known
            ]  # fmt: skip
            if held and not any(u.scale in known[u.dimension] for u in held):
                return f"says {unit_text!r}, but the figures stand under {held[0].name_en}"
        return ""

    def _judge_zeros(self) -> None:
        """A 0 of what cannot be zero: refused, or flagged where a large table has a stray one."""
        zeros: dict[tuple[str, str], list[Cell]] = {}
        figures: Counter[tuple[str, str]] = Counter()
        for cell in self.extract.cells.values():
            pair = (cell.indicator_id, cell.region_level)
            if cell.value is not None and pair in self.registry.never_zero:
                figures[pair] += 1
                if cell.value == 0:
                    zeros.setdefault(pair, []).append(cell)
        for pair, cells in zeros.items():
            is_stray = len(cells) <= MAX_ZEROS * figures[pair]
            for cell in cells:
                message = f"is 0, which {pair[0]} cannot be"
                if is_stray:
                    cell.obs_status_all = self.registry.status_list(
                        "V" + cell.obs_status_all.replace("A", "")
                    )
                    cell.obs_comment = _joined(cell.obs_comment or "", f"{message}: perhaps a missing figure")
                else:
                    problem = Problem(self.file, cell.source_locator, "value", cell.value_printed,
                                      f"{message}; leave a missing figure blank")  # fmt: skip
                    if self._fault(problem):
                        del self.extract.cells[cell.key]

    def _flag_undated_fills(self) -> None:
        """A file that says that it has fills, and not which, has no figure that is certainly observed."""
        if self.publication.obs_status != "A":
            return
        for text in self.texts:
            says = any(claim.letter == "I" for claim in claims_in(text))
            if says and not any(text in known for known in self._claimed):
                for cell in self.extract.cells.values():
                    if cell.obs_status_all == "A":
                        cell.obs_status_all = "V"
                        cell.obs_comment = _joined(
                            cell.obs_comment or "", f"remark in the file: {text[:REMARK_LENGTH]}"
                        )
                return

    def _regions_in(self, text: str) -> set[str]:
        found = set()
        for piece in re.split(r"[、，,;；和及\s]|统计|年鉴", text):
            name = self.vocabulary.regions.is_name(piece) if 2 <= len(piece) <= 12 else ""
            if name in ("province", "both"):
                found.add(self.vocabulary.regions.province_code(piece))
        return found


def _speaks_of(text: str, name: str) -> bool:
    """True when a remark uses the words of an indicator: 存贷款余额 speaks of deposits and of loans."""
    if not name.endswith("余额"):
        return name in text
    kind = "存" if "存款" in name else "贷"
    return "余额" in text and kind in text and "款" in text


def _reported(meaning: Meaning) -> str:
    """What a vague header leaves open, to be said on every cell below it."""
    return meaning.note if meaning.note.startswith("the header") else ""


def _stem(slot: Slot) -> str:
    """The header of a value column without its unit."""
    return re.sub(r"[(\[/_].*$", "", compact(slot.column.header)) if not slot.year else ""


def _column_of(cell: Cell) -> str:
    """Sheet and column of a cell."""
    sheet, _, place = cell.source_locator.rpartition("!")
    return sheet + place[place.index("C") :]


def _joined(*comments: str) -> str:
    return "; ".join(filter(None, comments))


def _same(one: Decimal, one_text: str, two: Decimal, two_text: str, shift: int) -> bool:
    """Equal, or equal once the finer of two printings is rounded to the coarser."""
    if one == two:
        return True
    one_unit = Decimal(10) ** -decimals_of(one_text)
    two_unit = Decimal(10) ** (shift - decimals_of(two_text))
    coarser = max(one_unit, two_unit)
    return one_unit != two_unit and abs(one - two) <= coarser * Decimal("0.501")
