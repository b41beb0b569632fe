"""Write a `Dataset` as a Stata file 118; extended missing values carry the status of missing cells."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyreadstat

from cbec.common.cells import clean
from cbec.common.files import replace_with
from cbec.export.dataset import Dataset, say
from cbec.export.writers import plain

# pyreadstat counts by versions of Stata: 14 writes format 118, which Stata 14 to 19 and pandas read.
STATA_14 = 14
# Stata allows 32, but pyreadstat names the value labels of a variable by its name and a running number.
NAME_LENGTH = 29
LABEL_LENGTH = 80
STATUS_PREFIX = "s_"
STRING_LENGTH = 2045
# Whole numbers beyond this are not all doubles; a hash or a seed of 64 bits becomes a text.
EXACT = 2**53
# Words of long names, and what remains of them.
SHORT = {
    "agriculture": "agri", "apparent": "app", "applications": "appl", "average": "avg",
    "broadband": "bband", "business": "bus", "cable": "cabl", "capita": "cap", "commercial": "comm",
    "computed": "comp", "consumer": "cons", "consumption": "cons", "crude": "crud", "deposits": "dep",
    "design": "dsgn", "destination": "dest", "development": "dev", "distance": "dist", "ecommerce": "ecom",
    "electricity": "elec", "emission": "emis", "emissions": "emis", "employees": "empl", "enrolled": "enrl",
    "enterprise": "ent", "enterprises": "ent", "environment": "env", "expenditure": "exp", "exports": "exp",
    "express": "expr", "financial": "fin", "fiscal": "fisc", "fixed": "fix", "foreign": "for",
    "forestry": "fore", "general": "gen", "goods": "good", "graduate": "grad", "household": "hh",
    "housing": "hous", "industrial": "ind", "industry": "ind", "internet": "net", "invention": "inv",
    "inventory": "invy", "investment": "invt", "length": "len", "manufacturing": "manuf", "mobile": "mob",
    "natural": "nat", "operator": "oper", "optical": "opt", "origin": "orig", "patent": "pat",
    "patents": "pat", "pollution": "poll", "population": "pop", "previous": "prev", "price": "pric",
    "printed": "prnt", "productivity": "prod", "province": "prov", "public": "pub", "purchases": "purch",
    "quality": "qual", "real": "re", "registered": "reg", "resident": "res", "residential": "resid",
    "retail": "ret", "revenue": "rev", "sales": "sale", "science": "sci", "secondary": "sec",
    "strategic": "strat", "students": "stud", "subscribers": "subs", "sufficiency": "suff",
    "telecom": "tel", "tertiary": "tert", "total": "tot", "trading": "trad", "traffic": "traf",
    "treatment": "treat", "university": "univ", "utility": "util", "volume": "vol", "waste": "wast",
    "websites": "webs",
}  # fmt: skip
RESERVED = frozenset({
    "_N", "_all", "_b", "_coef", "_cons", "_n", "_pi", "_pred", "_rc", "_skip", "byte", "double", "float",
    "if", "in", "int", "long", "strL", "using", "with",
})  # fmt: skip


def stata_names(columns: Iterable[str], *, room: int = NAME_LENGTH) -> dict[str, str]:
    """Column -> a name of at most `room` ASCII letters, digits and underscores, unique whatever the case.

    A name that is too long has its words shortened, the longest first, as SHORT says, and only then cut; what
    holds a digit is never cut, because `100m` and `10k` are units. The same columns always get the same
    names.
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for column in columns:
        name = re.sub(r"[^A-Za-z0-9_]", "_", column) or "_"
        if name in RESERVED or re.fullmatch(r"str\d+", name) or name[0].isdigit():
            name = f"v_{name}"
        words = name.split("_")
        for place in sorted(range(len(words)), key=lambda n: (-len(words[n]), n)):
            if len("_".join(words)) > room:
                words[place] = SHORT.get(words[place], words[place])
        while len("_".join(words)) > room:
            loose = [place for place, word in enumerate(words) if len(word) > 2 and word.isalpha()]
            if not loose:
                break
            longest = max(loose, key=lambda place: (len(words[place]), place))
            words[longest] = words[longest][:-1]
        base = name = "_".join(words)[:room]
        number = 2
        while name.lower() in taken:
            tail = f"_{number}"
            name = base[: room - len(tail)] + tail
            number += 1
        taken.add(name.lower())
        names[column] = name
    return names


def export_dta(data: Dataset, folder: Path) -> list[Path]:
    """One .dta: values, `s_<name>` with the status of each cell of a panel, labels in the dataset's language.

    A missing cell holds .a to .z, the letter of its status; `.` where no source has the cell. Notes carry the
    title, the sources and what the codes mean; the note of a variable its full name, unit and sources.
    """
    names = stata_names(column.name for column in data.columns)
    frame: dict[str, Any] = {}
    labels: dict[str, str] = {}
    value_labels: dict[str, dict[Any, str]] = {}
    missing: dict[str, list[str]] = {}
    notes: dict[str, list[str]] = {}
    for column in data.columns:
        name = names[column.name]
        values = data.values[column.name]
        status_codes = data.status.get(column.name)
        frame[name], used = _numbers(values, status_codes) if _is_number(values) else (_strings(values), [])
        labels[name] = column.heading[:LABEL_LENGTH]
        if used:
            missing[name] = used
            value_labels[name] = {status_code: data.codes[status_code.upper()] for status_code in used}
        if pa.types.is_boolean(values.type):
            value_labels[name] = {0: say("no", data.lang), 1: say("yes", data.lang)}
        parts = [column.name, column.description, column.unit, "; ".join(column.sources)]
        notes[name] = [" | ".join(part for part in parts if part)]
    for column_name, status_codes in data.status.items() if data.has_status_table else ():
        name = STATUS_PREFIX + names[column_name]
        frame[name] = _strings(status_codes)
        labels[name] = say("status_of", data.lang, label=labels[names[column_name]])[:LABEL_LENGTH]
    cited = dict.fromkeys(f"{use.source_id}: {use.citation or use.publication}" for use in data.sources)
    codes_note = "; ".join(f"{status_code} = {meaning}" for status_code, meaning in data.codes.items())
    notes["_dta"] = [
        data.title,
        *data.notes,
        *([say("stata_status_note", data.lang), codes_note] if data.status else []),
        *cited,
    ]

    def write(beside: Path) -> None:
        pyreadstat.write_dta(
            pd.DataFrame(frame),
            beside,
            file_label=data.title[:LABEL_LENGTH],
            column_labels=labels,
            version=STATA_14,
            variable_value_labels={name: found for name, found in value_labels.items() if found},
            missing_user_values=missing,
        )
        beside.write_bytes(with_notes(beside.read_bytes(), notes))

    path = folder / f"{data.stem}.dta"
    replace_with(path, write)
    return [path]


def _is_number(values: pa.ChunkedArray) -> bool:
    """Whether Stata can hold the column as numbers: its widest type is the double."""
    kind = values.type
    if pa.types.is_integer(kind):
        return all(abs(value) <= EXACT for value in values.drop_null().to_pylist())
    return bool(pa.types.is_floating(kind) or pa.types.is_decimal(kind) or pa.types.is_boolean(kind))


def _numbers(values: pa.ChunkedArray, status_codes: pa.ChunkedArray | None) -> tuple[Any, list[str]]:
    """A column for pyreadstat, and the letters that stand for its missing values."""
    if pa.types.is_boolean(values.type) or (pa.types.is_integer(values.type) and status_codes is None):
        return pd.array([None if v is None else int(v) for v in values.to_pylist()], dtype="Int64"), []
    numbers = [None if value is None else float(value) for value in values.to_pylist()]
    if status_codes is None:
        return pd.Series(numbers, dtype="float64"), []
    marked = [
        status_code.lower() if number is None and status_code is not None else number
        for number, status_code in zip(numbers, status_codes.to_pylist(), strict=True)
    ]
    used = sorted({value for value in marked if isinstance(value, str)})
    if not used:
        return pd.Series(marked, dtype="float64"), used
    # Objects would be told by their first hundred, which may all be blank; an ordered category is looked
    # through to its end.
    present = list(dict.fromkeys(value for value in marked if value is not None))
    return pd.Series(pd.Categorical(marked, categories=present, ordered=True)), used


def _strings(values: pa.ChunkedArray) -> pd.Series[str]:
    """Texts; a missing one is empty, as Stata has it. Stata's fixed-width texts end at 2,045 bytes."""
    texts = (clean(str(plain(value))) if value is not None else "" for value in values.to_pylist())
    return pd.Series(
        [text.encode()[:STRING_LENGTH].decode(errors="ignore") for text in texts], dtype="object"
    )


def with_notes(content: bytes, notes: Mapping[str, Sequence[str]]) -> bytes:
    """A file of format 118 with notes: characteristics note0 (their number), note1, ... of `_dta` or of
    a variable.

    pyreadstat writes none. Layout: "Description of the .dta file format 118", sections 5.2 (map) and 5.10
    (characteristics) of StataCorp. Raises ValueError when the content is no such file without
    characteristics.
    """
    opening, closing = b"<characteristics>", b"</characteristics>"
    start = content.find(opening + closing)
    head = content.find(b"<map>") + len(b"<map>")
    if b"<release>118</release>" not in content[:64] or start < 0 or head < len(b"<map>"):
        raise ValueError("not a file of format 118 without characteristics")
    blocks = []
    for variable, texts in notes.items():
        entries = [("note0", str(len(texts))), *((f"note{n}", text) for n, text in enumerate(texts, start=1))]
        for key, text in entries:
            body = (
                variable.encode().ljust(129, b"\0") + key.encode().ljust(129, b"\0") + text.encode() + b"\0"
            )
            blocks.append(b"<ch>" + struct.pack("<I", len(body)) + body + b"</ch>")
    inserted = b"".join(blocks)
    # Fourteen offsets; those after the characteristics (the ninth) move.
    offsets = list(struct.unpack_from("<14Q", content, head))
    moved = [offset if place <= 8 else offset + len(inserted) for place, offset in enumerate(offsets)]
    cut = start + len(opening)
    return (
        content[:head] + struct.pack("<14Q", *moved) + content[head + 14 * 8 : cut] + inserted + content[cut:]
    )
