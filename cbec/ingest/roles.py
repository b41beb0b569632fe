"""What a column holds whose header nobody has named, judged by its cells: a key, figures, words, or a helper
of an estimation such as a dummy, a lag or a standardised column."""

from __future__ import annotations

import re
import statistics
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from cbec.ingest.text import compact, number_of, plain, year_of, year_of_date
from cbec.ingest.vocabulary import Meaning, Vocabulary

Rows = Sequence[tuple[int, tuple[str, ...]]]

# Rows that are looked at, spread over a table.
N_ROWS = 3_000
# Share of the cells of a column that must be what it is taken for.
NEARLY_ALL, MOST, HALF = 0.98, 0.9, 0.5
LAG = re.compile(
    r"^(?:l[0-9]+|lag[0-9]*|lead[0-9]*|f[0-9]+)[._]|^l\.|[_.](?:lag|lead)[0-9]*$|滞后|前[一二三]期",
    re.IGNORECASE,
)
STANDARDISED = re.compile(
    r"^(?:z|std|zscore|zs)[._]|[._](?:z|std|zscore)$|standardi[sz]ed|标准化", re.IGNORECASE
)
NUMBERED = re.compile(
    r"(?:^|[_.\s])(?:u?id|code|no|num|index|obs|idx)$|^_?u?id|编号|序号|代码|编码|^(?:n|index|num)$",
    re.IGNORECASE,
)
# A remark is a sentence; words of a dimension are short.
REMARK_LENGTH = 16
# A dimension has few words; firms, people and counties are many, and a region has no one figure of them.
MANY_WORDS = 60
WITHIN_REGIONS = "names what lies within the regions"
PROVINCES_BY_TWO = 5


@dataclass(frozen=True)
class Guess:
    """What a column is taken for and why. is_key: the figures of other columns hang on it, so that a person
    has to say yes."""

    meaning: Meaning
    reason: str
    is_key: bool = False


@dataclass(frozen=True)
class Unnamed:
    """A column that nobody has named: its place, its header and the levels of that."""

    place: int
    header: str
    path: tuple[str, ...]


class Contents:
    """Cells of the columns of one table."""

    def __init__(self, body: Rows, vocabulary: Vocabulary) -> None:
        self._body = body[:: max(1, len(body) // N_ROWS)]
        self._vocabulary = vocabulary
        self._texts: dict[int, list[str]] = {}

    def texts(self, place: int) -> list[str]:
        """Cells of a column, from top to bottom, blank ones as ''."""
        if place not in self._texts:
            self._texts[place] = [plain(row[place - 1]) if place <= len(row) else "" for _, row in self._body]
        return self._texts[place]

    def share(self, place: int, holds: Callable[[str], object]) -> float:
        """Share of the cells of a column that are not blank of which something holds."""
        filled = [t for t in self.texts(place) if t]
        known = {t: bool(holds(t)) for t in set(filled)}
        return sum(known[t] for t in filled) / len(filled) if filled else 0.0

    def n_words(self, place: int) -> int:
        return len(set(self.texts(place)) - {""})

    def is_set_by(self, place: int, keys: tuple[int, ...]) -> bool:
        """True where rows that agree in the keys agree in a column, and rows of different keys need not."""
        found: dict[tuple[str, ...], set[str]] = defaultdict(set)
        for row, text in zip(
            zip(*(self.texts(k) for k in keys), strict=True), self.texts(place), strict=True
        ):
            if text and any(row):
                found[row].add(text)
        return bool(found) and all(len(held) == 1 for held in found.values())

    def has_repeated(self, keys: tuple[int, ...]) -> bool:
        """True where two rows have the same keys."""
        rows = [row for row in zip(*(self.texts(k) for k in keys), strict=True) if all(row)]
        return len(set(rows)) < len(rows)

    def repeats(self, place: int, key: int) -> bool:
        """True where some value of a key stands in more rows than one."""
        held = [t for t in self.texts(key) if t]
        return len(set(held)) < len(held)


def is_number(text: str) -> bool:
    try:
        return number_of(text) is not None
    except OverflowError:
        return True


def code_of(text: str) -> str:
    """Six digits of an official code that is printed with two, four or six of them; '' for another text."""
    match = re.fullmatch(r"([1-8][0-9]|[1-8][0-9]{3}|[1-8][0-9]{5})(?:\.0+)?", text.strip())
    return match[1].ljust(6, "0") if match else ""


def guess(
    unnamed: Sequence[Unnamed], known: dict[int, str], body: Rows, vocabulary: Vocabulary
) -> dict[int, Guess]:
    """What each column is taken for that no header tells. known: roles of the others by place."""
    held = Contents(body, vocabulary)
    open_ = [c for c in unnamed if held.n_words(c.place)]
    found: dict[int, Guess] = {}
    roles = set(known.values())
    figures = ("measure", "year_value", "region_value", "value")
    first = min((p for p, role in known.items() if role in figures), default=10**6)
    if not roles & {"year", "year_value"}:
        _guess_year(open_, held, found)
    if not roles & {"region", "province", "region_code", "region_value"}:
        _guess_regions(open_, held, vocabulary, found)
    keys = dict(known.items()) | {p: g.meaning.role for p, g in found.items()}
    regions = tuple(p for p, role in keys.items() if role in ("region", "region_code", "province"))
    years = tuple(p for p, role in keys.items() if role == "year")
    for column in open_:
        if column.place not in found:
            made = _guess_rest(column, regions, years, held, vocabulary)
            if not regions and "region_value" not in roles and _is_label(column, held, first, found):
                # The region is that of the sheet or the title: the words of a row say what its figures are.
                made = Guess(
                    Meaning(role="indicator", note="labels of the rows"), "holds labels of the rows", True
                )
            if made.meaning.role == "indicator" and any(
                role == "indicator" and column.place < p < first for p, role in known.items()
            ):
                # A level without a header before the labels that a header names, as of groups of rows.
                made = replace(made, is_key=False)
            # Words that nothing heads, behind or among the figures, are side notes.
            if column.header or made.meaning.role != "indicator" or column.place < first:
                found[column.place] = made
    return found


def _is_label(column: Unnamed, held: Contents, first: int, found: dict[int, Guess]) -> bool:
    """True for the first column of words before the figures, whose words are those of one row each."""
    before = [p for p, g in found.items() if g.meaning.role == "indicator"]
    is_words = held.share(column.place, is_number) < 1 - MOST
    return not before and column.place < first and is_words and held.n_words(column.place) > 1


def _guess_year(open_: Sequence[Unnamed], held: Contents, found: dict[int, Guess]) -> None:
    fitting = [
        c for c in open_
        if max(held.share(c.place, year_of), held.share(c.place, year_of_date)) >= NEARLY_ALL
    ]  # fmt: skip
    named = [c for c in fitting if re.search("year|yea|yr|年", compact(c.header))]
    for column in (named or fitting)[:1]:
        n = held.n_words(column.place)
        found[column.place] = Guess(
            Meaning(role="year", note="holds years"), f"holds years, {n} of them", True
        )


def _guess_regions(
    open_: Sequence[Unnamed], held: Contents, vocabulary: Vocabulary, found: dict[int, Guess]
) -> None:
    """Columns of codes and of names of regions; the finer ones are the regions themselves."""
    regions = vocabulary.regions
    codes = [
        c for c in open_
        if held.share(c.place, lambda t: regions.level_of_code(code_of(t))) >= NEARLY_ALL
        and held.n_words(c.place) >= PROVINCES_BY_TWO
    ]  # fmt: skip
    share = {
        c.place: held.share(c.place, lambda t: regions.is_name(t) in ("province", "prefecture", "both"))
        for c in open_
    }
    names = [c for c in open_ if share[c.place] >= HALF and c not in codes]
    is_finer = {c.place: held.share(c.place, lambda t: regions.is_name(t) == "prefecture") for c in names}
    # Of several names of the same regions the one that most cells know, and the longest form of it.
    names.sort(
        key=lambda c: (-held.n_words(c.place), -round(share[c.place], 2), -len("".join(held.texts(c.place))))
    )
    cities = [c for c in names if is_finer[c.place] >= HALF]
    for column in (cities or names)[:1]:
        found[column.place] = Guess(
            Meaning(role="region", note="holds names of regions"),
            f"{share[column.place]:.0%} of its cells are names of regions", True,
        )  # fmt: skip
    if cities:
        for column in [c for c in names if c not in cities][:1]:
            found[column.place] = Guess(
                Meaning(role="province", note="holds names of provinces"), "holds names of provinces", True
            )
    codes.sort(key=lambda c: -held.n_words(c.place))
    n_named = held.n_words((cities or names)[0].place) if names else 0
    for column in codes[:1]:
        if held.n_words(column.place) >= 0.9 * n_named:
            found[column.place] = Guess(
                Meaning(role="region_code", note="holds codes of regions"),
                "holds official codes of regions",
                True,
            )


def _guess_rest(
    column: Unnamed, regions: tuple[int, ...], years: tuple[int, ...], held: Contents, vocabulary: Vocabulary
) -> Guess:  # fmt: skip
    place, header = column.place, plain(column.header)
    numbers = held.share(place, is_number)
    signs = held.share(place, lambda t: is_number(t) or ("", "", compact(t)) in vocabulary.registry.symbols)
    if signs >= HALF and numbers > 0:
        return _guess_numbers(column, regions, held, vocabulary)
    known = vocabulary.regions
    if held.share(place, lambda t: known.is_name(t) or known.level_of_code(code_of(t))) >= MOST:
        return Guess(
            Meaning(role="ignore", note="names regions; another column does"), "names regions once more"
        )
    by_region = (
        bool(regions) and held.is_set_by(place, regions) and any(held.repeats(place, r) for r in regions)
    )
    if by_region and held.n_words(place) > 1:
        return Guess(
            Meaning(role="ignore", note="describes the region"),
            "has one word a region: it describes the region",
        )
    if years and held.is_set_by(place, years) and held.n_words(place) > 1:
        return Guess(
            Meaning(role="ignore", note="describes the year"), "has one word a year: it describes the year"
        )
    texts = set(held.texts(place)) - {""}
    repeats = held.has_repeated((*regions, *years))
    is_short = statistics.mean(map(len, texts)) < REMARK_LENGTH
    is_one_a_row = len(texts) >= MOST * sum(map(bool, held.texts(place)))
    if not repeats and is_short and is_one_a_row and len(texts) > MANY_WORDS:
        return Guess(Meaning(role="ignore", note="names the row"), "has another word in each row")
    if not is_short or all(is_number(t) or re.search("[0-9]", t) for t in texts):
        return Guess(Meaning(role="note", note="holds remarks"), "holds remarks on the row")
    listed = ", ".join(sorted(texts)[:6])
    if repeats and len(texts) > MANY_WORDS:
        problem = f"{WITHIN_REGIONS}: {len(texts)} names such as {listed}; sum them up first"
        return Guess(Meaning(problem=problem), problem, True)
    if not header:
        return Guess(
            Meaning(role="indicator", note="labels of the rows"), f"holds labels of the rows: {listed}", True
        )
    return Guess(
        Meaning(role="dimension", note="each word is a series of its own"),
        f"is a column of words that parts the figures: {listed}", True,
    )  # fmt: skip


def _guess_numbers(
    column: Unnamed, regions: tuple[int, ...], held: Contents, vocabulary: Vocabulary
) -> Guess:  # fmt: skip
    place, header = column.place, plain(column.header)
    texts = [t for t in held.texts(place) if is_number(t)]
    values = []
    for text in texts:
        try:
            read = number_of(text)
        except OverflowError:
            read = None
        if read is not None:
            values.append(float(read.value))
    if (
        held.share(place, lambda t: vocabulary.regions.level_of_code(code_of(t))) >= MOST
        and held.n_words(place) > 2
    ):
        return Guess(
            Meaning(role="ignore", note="holds codes of regions"), "holds codes of regions, which are named"
        )
    is_whole = all(v.is_integer() for v in values)
    if set(values) == {0.0, 1.0}:
        return Guess(
            Meaning(role="ignore", note="holds 0 and 1 only: a dummy"), "holds 0 and 1 only: a dummy"
        )
    if LAG.search(header):
        return Guess(Meaning(role="ignore", note="a lag: figures of another year"), "is named as a lag is")
    if STANDARDISED.search(header) or (
        len(values) >= 50
        and abs(statistics.fmean(values)) < 0.01
        and abs(statistics.pstdev(values) - 1) < 0.01
    ):
        return Guess(
            Meaning(role="ignore", note="a standardised helper"), "has mean 0 and deviation 1, or is named so"
        )
    if is_whole and values:
        distinct = set(values)
        one_a_region = bool(regions) and held.is_set_by(place, regions[:1])
        counts = distinct == {float(k) for k in range(1, len(distinct) + 1)} and len(distinct) > 2
        all_differ = len(distinct) == len(values) > 2
        is_full = len(values) >= MOST * len(held.texts(place))
        if not header and counts and is_full:
            # A figure that slipped out of its column is no number of a row.
            return Guess(Meaning(role="ignore", note="numbers the rows"), "numbers rows or regions")
        if NUMBERED.search(header) and (one_a_region or all_differ or counts):
            return Guess(
                Meaning(role="ignore", note="numbers the rows or the regions"), "numbers rows or regions"
            )
        if header and counts and one_a_region and len(values) > len(distinct):
            return Guess(Meaning(role="ignore", note="numbers the regions"), "numbers the regions from 1 on")
    meaning = vocabulary.unnamed(column.path)
    if not meaning.units and values and held.share(place, lambda t: t.endswith(("%", "％"))) >= MOST:
        meaning = Meaning(
            role="measure", words=meaning.words, year=meaning.year, unit_text="%", units=("pct",)
        )
    unit = f"in {meaning.unit_text}" if meaning.unit_text else "of a unit that is not stated"
    return Guess(meaning, f"holds figures {unit}; they land under the words of the header")
