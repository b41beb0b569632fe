"""Tables to cells: one row a figure, with unit, status, place and comment."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal

from cbec.ingest.extract import Cell, Extract
from cbec.ingest.mapping import Mapping
from cbec.ingest.problems import Problem
from cbec.ingest.regions import TOTAL_OF_A_PROVINCE, Match
from cbec.ingest.registry import Publication, Registry
from cbec.ingest.remarks import Claim, claims_in, no_years_figures
from cbec.ingest.tables import MAX_UNKNOWN, NOTE_START, Column, Table, locator
from cbec.ingest.text import compact, decimals_of, is_past, number_of, plain, year_of
from cbec.ingest.vocabulary import Meaning, Vocabulary

TRUE_WORDS = {"true", "1", "yes", "y", "是", "t"}
FALSE_WORDS = {"false", "0", "no", "n", "否", "f", ""}
# A remark that says the figures of some regions mean something else.
REDEFINES = re.compile("用的是|口径|代替|替代|不含|不包括|only|instead of|excluding")
PERCENT = "printed with a sign of per cent"
# The unit of a share that nothing prints: its figures decide when all of them are read.
UNSAID = "?"
# Share of stray zeros that a large table may have, as a vendor's may have figures out of bounds.
MAX_ZEROS = 0.005
REMARK_LENGTH = 200


@dataclass(frozen=True)
class Slot:
    """A value column of one row: which indicator and unit its figures have."""

    column: Column
    indicator: str
    unit: str
    year: int
    region: str
    is_filled: bool
    note: str = ""


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
    ) -> None:
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
        self._claimed: set[str] = set()
        # Names like those that nobody knows, by these.
        self._alike: dict[str, tuple[str, ...]] = {}
        self._numbers: dict[str, tuple[Decimal | None, str, str, str]] = {}
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

    # One table -------------------------------------------------------------------------------------

    def read(self, table: Table) -> None:
        """Add the cells of a table. Problems name sheet and cell."""
        sheet = table.sheet.name
        merged = self._merged_down(table)
        role = {name: table.with_role(name) for name in ("region", "province", "region_code", "year")}
        region_columns = role["region"] or role["province"]
        province_columns = role["province"] if role["region"] else ()
        labels = table.with_role("indicator")
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
                found_year = year_of(year_text)
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
            if why and self._has_number(row, value_columns):
                self._row_problem(table, number, (*notes, *value_columns)[0], "value", remark, why)
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
                    self._row_problem(
                        table, number, slot.column, "year", "", "has no year in row, header or title"
                    )
                    break
                match = by_row.get(cell_year)
                if match is None:
                    later = cell_year < max(years_of.get(name, {cell_year}))
                    match = self._region(
                        region_text, table.level, cell_year, province, code, later, province_context, meant
                    )
                    other = self._other_name(table, row, region_columns, region_text, match, cell_year)
                    if other:
                        self._row_problem(table, number, region_columns[1], "region", *other)
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
        self.extract.problem(Problem(self.file, place, kind, text, message, near))

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
                            held.add(year_of(row[other.place - 1]) or table.year or 0)
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
        for column in regions[1:]:
            other = row[column.place - 1] if column.place <= len(row) else ""
            if other.strip() and other != text:
                found = self._region(other, table.level, year, "", "", True, "")
                if found.region_code != match.region_code:
                    return other.strip(), f"is another region than {text.strip()!r} in the same row"
        return None

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
            meaning = column.meaning if column.meaning.indicator else table.indicator
            if not meaning.indicator and has_labels:
                slots.append(Slot(column, "", "", column.meaning.year, column.meaning.region, False))
                continue
            if not meaning.indicator:
                self.extract.problem(
                    Problem(self.file, locator(table.sheet.name, column.header_row, column.place), "table",
                            table.sheet.name,
                            f"{column.header[:40]!r} has no indicator in header, title or file name",
                            tuple(list(self.registry.names())[:3]))
                )  # fmt: skip
                return None
            if self._is_flag_column(table, column):
                continue
            unit = self._unit(table, column, meaning, column.meaning.unit_text, column.meaning.units)
            if unit:
                slots.append(
                    Slot(column, meaning.indicator, unit, column.meaning.year, column.meaning.region,
                         column.meaning.is_filled, _reported(meaning))
                )  # fmt: skip
        if not slots:
            return None
        return slots

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
                            (wanted,))
                )  # fmt: skip
            return unit
        is_share = self.registry.indicators[indicator].kind == "share"
        for candidate in (own, table.units, meaning.units):
            unit = self.vocabulary.unit_for(indicator, candidate)
            if unit:
                return unit
        if is_share:
            return UNSAID
        # A unit that stands alone somewhere in the file holds for all of it only when no other does.
        dimension = self.registry.units[self.registry.indicators[indicator].unit].dimension
        noted = [u for u in self._note_units if self.registry.units[u].dimension == dimension]
        if len(noted) == 1:
            return noted[0]
        wanted = self.registry.indicators[indicator].unit
        self.extract.problem(
            Problem(self.file, place, "unit", column.header or table.sheet.name,
                    f"prints no unit for {indicator}; name it in the header, the title or a mapping file",
                    (self.registry.units[wanted].name_en,))
        )  # fmt: skip
        return ""

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
        if meaning is None:
            problem = meanings[0]
            text = "/".join(plain(t) for t in texts if t.strip())
            if not self._row_has_figures(table, number, slots):
                return None
            self._row_problem(
                table,
                number,
                labels[0],
                "header",
                text,
                problem.problem or "names no indicator",
                self._nearest(problem) if problem.problem else (),
            )
            return None
        units = self.vocabulary.units_of(unit_text) if unit_text.strip() else ()
        if unit_text.strip() and not units:
            column = table.with_role("unit")[0]
            self._row_problem(table, number, column, "unit", unit_text, "is no known unit")
            return None
        unit = self._unit(
            table, labels[0], meaning, unit_text or meaning.unit_text, units or meaning.units, row=number
        )
        if not unit:
            return None
        return [
            Slot(s.column, meaning.indicator, unit, s.year, s.region, meaning.is_filled, _reported(meaning))
            for s in slots
        ]

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
                self._row_problem(
                    table, number, slot.column, "year", "", "has no year in row, header or title"
                )
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
        if problem:
            self._row_problem(table, number, slot.column, "value", text.strip(), problem)
            return
        unit = slot.unit
        if comment and PERCENT in comment:
            if unit != UNSAID and self.registry.units[unit].dimension != "ratio":
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
        if unit == UNSAID:
            column = slot.column.place if table.axis == "measure" else 0
            group = (table.sheet.name, table.header_rows[0], column, slot.indicator)
            self._unstated.setdefault(group, []).append((cell, slot.is_filled))
            return
        self._keep(cell, slot.is_filled)

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
            "province_code": "the province is known from the names",
            "unit": "the table says its units elsewhere",
        }
        for column in table.columns:
            if column.place in used or column.role in ("region", "province", "region_code", "year", "note"):
                continue
            if column.role in ("indicator", "unit") and table.with_role("indicator"):
                continue
            n = sum(1 for _, row in table.body if column.place <= len(row) and row[column.place - 1].strip())
            if n:
                reason = column.meaning.note or why.get(column.role, "the figures stand in other columns")
                place = f"{table.sheet.name}: column {column.place} {column.header[:40]!r}"
                self.extract.dropped[f"{place}: {reason}"] += n

    def _keep(self, cell: Cell, is_filled: bool) -> None:
        key = cell.key
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
        self.extract.problem(
            Problem(self.file, cell.source_locator, "key", cell.value_printed,
                    f"contradicts {existing.value_printed!r} at {existing.source_locator} for {place}"),
            "contradicts",
        )  # fmt: skip

    # After all tables ------------------------------------------------------------------------------

    def finish(self) -> Extract:
        """Settle what needs the whole file: units of shares, zeros, remarks on figures of named regions."""
        # Imported here because it works on the cells of this module.
        from cbec.ingest.shares import Shares

        Shares(self.file, self.registry, self.extract, self._unstated).settle(self._keep)
        self._judge_zeros()
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
                    self.extract.problem(
                        Problem(self.file, cell.source_locator, "value", cell.value_printed,
                                f"{message}; leave a missing figure blank")
                    )  # fmt: skip

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
    return "; ".join(c for c in comments if c)


def _same(one: Decimal, one_text: str, two: Decimal, two_text: str, shift: int) -> bool:
    """Equal, or equal once the finer of two printings is rounded to the coarser."""
    if one == two:
        return True
    one_unit = Decimal(10) ** -decimals_of(one_text)
    two_unit = Decimal(10) ** (shift - decimals_of(two_text))
    coarser = max(one_unit, two_unit)
    return one_unit != two_unit and abs(one - two) <= coarser * Decimal("0.501")
