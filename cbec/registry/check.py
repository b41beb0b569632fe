"""Check seed files against their own yml before dbt reads them.

dbt says which test failed; a person who edits a CSV needs the file, the line, the value and what was
probably meant. The rules are not written twice: types, constraints and tests are read from the yml
beside each CSV, and each test name below is the dbt test of that name.
"""

from __future__ import annotations

import csv
import datetime
import difflib
import hashlib
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

# Sums of the CSV files of a folder that a command writes together, so that a mixture of two runs is seen.
CHECKSUMS = "SHA256SUMS"
PRINTED_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
TYPE_PATTERNS = {
    "integer": (re.compile(r"-?[0-9]+"), "a whole number"),
    "double": (re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?"), "a number"),
    "boolean": (re.compile(r"true|false"), "true or false"),
}

# libyaml where it is there: eighty declarations take a second in pure Python.
YAML = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Violation:
    """One broken rule, with the place and the nearest valid values."""

    file: str
    line: int
    column: str
    value: str
    problem: str
    nearest: tuple[str, ...] = ()

    def __str__(self) -> str:
        near = f"; nearest valid: {', '.join(self.nearest)}" if self.nearest else ""
        return f"{self.file}:{self.line}: {self.column} {self.value!r}: {self.problem}{near}"


@dataclass(frozen=True)
class Row:
    line: int
    values: dict[str, str]


@dataclass
class Seed:
    """A CSV with the properties its yml declares. An empty field is NULL, as for dbt."""

    name: str
    path: Path
    file: str
    properties: dict[str, Any]
    header: list[str] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)

    def column(self, name: str) -> set[str]:
        return {row.values[name] for row in self.rows if row.values.get(name)}


def check_seeds(root: Path) -> list[Violation]:
    """Every violation in seeds/**/*.csv, in file and line order.

    root is the project folder. Raises FileNotFoundError when there is no seeds folder.
    """
    folder = root / "seeds"
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no seeds folder; run from the project's root")
    violations: list[Violation] = []
    seeds: dict[str, Seed] = {}
    unreadable = False
    for path in sorted(folder.rglob("*.csv")):
        seed, found = _load(path, root)
        violations += found
        if seed:
            seeds[seed.name] = seed
        else:
            unreadable = True
    for path in sorted(folder.rglob("*.yml")):
        if not path.with_suffix(".csv").is_file():
            file = path.relative_to(root).as_posix()
            violations.append(Violation(file, 1, "file", "", f"no {path.stem}.csv beside it"))
            unreadable = True
    for path in sorted(folder.rglob(CHECKSUMS)):
        violations += _check_sums(path, root)
    # Without a parent table its children cannot be judged: say first what cannot be read.
    if unreadable:
        return violations
    for seed in seeds.values():
        violations += _check(seed, seeds)
    return sorted(violations, key=lambda v: (v.file, v.line, v.column))


def checksums(folder: Path) -> str:
    """A line a CSV file of the folder: its SHA-256 and its name, as sha256sum writes them."""
    files = sorted(folder.glob("*.csv"))
    return "".join(f"{hashlib.sha256(f.read_bytes()).hexdigest()}  {f.name}\n" for f in files)


def _check_sums(path: Path, root: Path) -> Iterator[Violation]:
    listed = dict(line.split("  ", 1)[::-1] for line in path.read_text(encoding="utf-8").splitlines() if line)
    found = dict(line.split("  ", 1)[::-1] for line in checksums(path.parent).splitlines())
    for name in sorted(listed.keys() | found.keys()):
        if listed.get(name) == found.get(name):
            continue
        if name not in found:
            problem = "is listed and not there"
        elif name not in listed:
            problem = "is not of the files that were written together"
        else:
            problem = "is not as it was written"
        # The command that writes the folder is the one that mends it.
        yield Violation(
            path.relative_to(root).as_posix(), 1, "file", name, f"{problem}; write all of them again", ()
        )


def _load(path: Path, root: Path) -> tuple[Seed | None, list[Violation]]:
    file = path.relative_to(root).as_posix()

    def refuse(line: int, problem: str, value: str = "") -> tuple[None, list[Violation]]:
        return None, [Violation(file, line, "file", value, problem)]

    declaration = path.with_suffix(".yml")
    if not declaration.exists():
        return refuse(1, f"no {declaration.name} beside it declares its columns")
    declared = yaml.load(declaration.read_text(encoding="utf-8"), Loader=YAML)["seeds"][0]
    data = path.read_bytes()
    if data.startswith(b"\xef\xbb\xbf"):
        return refuse(1, "starts with a byte-order mark; save as plain UTF-8")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        return refuse(line, "is not UTF-8 from here on; save as UTF-8", repr(data[error.start : error.end]))
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(reader, [])
        wanted = [column["name"] for column in declared["columns"]]
        if header != wanted:
            unknown = [name for name in header if name not in wanted]
            missing = [name for name in wanted if name not in header]
            return refuse(
                1, f"header differs from the yml: unknown {unknown}, missing {missing}", ",".join(header)
            )
        rows, violations = [], []
        for fields in reader:
            if len(fields) != len(header):
                violations.append(
                    Violation(
                        file,
                        reader.line_num,
                        "row",
                        ",".join(fields)[:80],
                        f"has {len(fields)} fields, the header {len(header)}",
                    )
                )
                continue
            rows.append(Row(reader.line_num, dict(zip(header, fields, strict=True))))
    except csv.Error as error:
        return refuse(reader.line_num, f"is not a CSV here: {error}")
    return Seed(declared["name"], path, file, declared, header, rows), violations


def _check(seed: Seed, seeds: dict[str, Seed]) -> Iterator[Violation]:
    for column in seed.properties["columns"]:
        yield from _check_types(seed, column)
        for test in column.get("data_tests", []):
            name, arguments = _test(test)
            check = COLUMN_CHECKS.get(name)
            if check is None:
                raise ValueError(f"{seed.file}: no check for the test {name!r}; add it to COLUMN_CHECKS")
            yield from check(seed, column["name"], arguments, seeds)
    for test in seed.properties.get("data_tests", []):
        name, arguments = _test(test)
        table_check = TABLE_CHECKS.get(name)
        if table_check is None:
            raise ValueError(f"{seed.file}: no check for the test {name!r}; add it to TABLE_CHECKS")
        yield from table_check(seed, arguments, seeds)


def _test(test: str | dict[str, Any]) -> tuple[str, dict[str, Any]]:
    if isinstance(test, str):
        return test, {}
    ((name, body),) = test.items()
    return name, body.get("arguments", {})


def _check_types(seed: Seed, column: dict[str, Any]) -> Iterator[Violation]:
    name, kind = column["name"], column["data_type"]
    required = any(c["type"] == "not_null" for c in column.get("constraints", []))
    # A value that stands in ten thousand rows is judged once.
    problems = {
        value: problem
        for value in {row.values[name] for row in seed.rows}
        if (problem := _type_problem(value, kind, required))
    }
    if problems:
        for row in seed.rows:
            value = row.values[name]
            if value in problems:
                yield Violation(seed.file, row.line, name, value, *problems[value])


def _type_problem(value: str, kind: str, required: bool) -> tuple[str, tuple[str, ...]] | None:
    """What is wrong with a value of a type, and what was probably meant; None where nothing is."""
    pattern = TYPE_PATTERNS.get("double" if kind.startswith("decimal") else kind)
    if value == "":
        return ("is empty but required", ()) if required else None
    if value != value.strip():
        return "has blanks around it", (value.strip(),)
    if kind == "date" and not _is_date(value):
        return "is not a date as YYYY-MM-DD", ()
    if pattern and not pattern[0].fullmatch(value):
        return f"is not {pattern[1]}", _repaired(value)
    return None


def _is_date(value: str) -> bool:
    try:
        return bool(re.fullmatch(r"\d{4}-\d{2}-\d{2}", value)) and bool(datetime.date.fromisoformat(value))
    except ValueError:
        return False


def _repaired(value: str) -> tuple[str, ...]:
    """The number that was probably meant, when full-width digits or separators are in the way."""
    narrow = "".join(chr(ord(c) - 0xFEE0) if "\uff01" <= c <= "\uff5e" else c for c in value)
    plain = re.sub(r"[,\s\u3000]", "", narrow)
    return (plain,) if PRINTED_NUMBER.fullmatch(plain) else ()


def _nearest(value: str, valid: set[str]) -> tuple[str, ...]:
    if not value:
        return ()
    return tuple(difflib.get_close_matches(value, sorted(valid), n=3, cutoff=0.4))


def _parent(arguments: dict[str, Any], seeds: dict[str, Seed]) -> Seed:
    match = re.fullmatch(r"ref\('(\w+)'\)", arguments["to"])
    if not match or match[1] not in seeds:
        raise ValueError(f"no readable seed {arguments['to']}")
    return seeds[match[1]]


def _unique(
    seed: Seed, column: str, arguments: dict[str, Any], seeds: dict[str, Seed]
) -> Iterator[Violation]:
    yield from _repeated(seed, [column])


def _unique_combination(seed: Seed, arguments: dict[str, Any], seeds: dict[str, Seed]) -> Iterator[Violation]:
    yield from _repeated(seed, arguments["columns"])


def _repeated(seed: Seed, columns: Sequence[str]) -> Iterator[Violation]:
    first: dict[tuple[str, ...], int] = {}
    for row in seed.rows:
        key = tuple(row.values[c] for c in columns)
        if key in first:
            yield Violation(
                seed.file, row.line, " + ".join(columns), ", ".join(key), f"repeats line {first[key]}"
            )
        else:
            first[key] = row.line


def _accepted(
    seed: Seed, column: str, arguments: dict[str, Any], seeds: dict[str, Seed]
) -> Iterator[Violation]:
    valid = {str(value) for value in arguments["values"]}
    for row in seed.rows:
        value = row.values[column]
        if value and value not in valid:
            near = _nearest(value, valid) or tuple(sorted(valid))
            yield Violation(seed.file, row.line, column, value, "is not an accepted value", near)


def _relationships(
    seed: Seed, column: str, arguments: dict[str, Any], seeds: dict[str, Seed]
) -> Iterator[Violation]:
    parent = _parent(arguments, seeds)
    valid = parent.column(arguments["field"])
    for row in seed.rows:
        value = row.values[column]
        if value and value not in valid:
            yield Violation(
                seed.file, row.line, column, value, f"is not in {parent.file}", _nearest(value, valid)
            )


def _relationship_on(seed: Seed, arguments: dict[str, Any], seeds: dict[str, Seed]) -> Iterator[Violation]:
    parent = _parent(arguments, seeds)
    columns, to_columns = arguments["columns"], arguments["to_columns"]
    valid = {tuple(row.values[c] for c in to_columns) for row in parent.rows}
    for row in seed.rows:
        key = tuple(row.values[c] for c in columns)
        if all(key) and key not in valid:
            same_first = sorted({" + ".join(k) for k in valid if k[0] == key[0]})
            yield Violation(
                seed.file,
                row.line,
                " + ".join(columns),
                " + ".join(key),
                f"is not in {parent.file}",
                tuple(same_first[:4]),
            )


def _valid_region(seed: Seed, arguments: dict[str, Any], seeds: dict[str, Seed]) -> Iterator[Violation]:
    level, code = arguments["region_level"], arguments.get("code_column", "region_code")
    spans: dict[str, list[tuple[int, int]]] = {}
    names: dict[str, str] = {}
    for row in seeds["region"].rows:
        region = row.values
        if region["region_level"] == level:
            span = (int(region["valid_from_year"] or 0), int(region["valid_to_year"] or 9999))
            spans.setdefault(region["region_code"], []).append(span)
            names[region["region_code"]] = region["name_zh"]
    for row in seed.rows:
        value, year = row.values[code], row.values["year"]
        if value not in spans:
            near = tuple(f"{c} {names[c]}" for c in _nearest(value, set(spans)))
            yield Violation(seed.file, row.line, code, value, f"is no {level} of the registry", near)
        elif year.isdigit() and not any(a <= int(year) <= b for a, b in spans[value]):
            yield Violation(
                seed.file,
                row.line,
                code,
                value,
                f"{names[value]} does not exist in {year}; it is valid in {spans[value]}",
            )


def _within(
    seed: Seed, column: str, arguments: dict[str, Any], seeds: dict[str, Seed]
) -> Iterator[Violation]:
    low, high = arguments.get("minimum"), arguments.get("maximum")
    for row in seed.rows:
        value = row.values[column]
        if TYPE_PATTERNS["double"][0].fullmatch(value) and (
            (low is not None and float(value) < low) or (high is not None and float(value) > high)
        ):
            yield Violation(seed.file, row.line, column, value, f"is outside {low} to {high}")


def _pattern(
    seed: Seed, column: str, arguments: dict[str, Any], seeds: dict[str, Seed]
) -> Iterator[Violation]:
    for row in seed.rows:
        value = row.values[column]
        if value and not re.fullmatch(arguments["pattern"], value, flags=re.ASCII):
            yield Violation(
                seed.file, row.line, column, value, f"does not match {arguments['pattern']}", _repaired(value)
            )


def _printed_number(
    seed: Seed, column: str, arguments: dict[str, Any], seeds: dict[str, Seed]
) -> Iterator[Violation]:
    for row in seed.rows:
        value = row.values[column]
        if value and not PRINTED_NUMBER.fullmatch(value):
            yield Violation(
                seed.file,
                row.line,
                column,
                value,
                "is not a plain number; a cell not published belongs in seeds/registry/known_gap.csv",
                _repaired(value),
            )


def _status_list(
    seed: Seed, column: str, arguments: dict[str, Any], seeds: dict[str, Seed]
) -> Iterator[Violation]:
    rank = {row.values["obs_status"]: int(row.values["precedence"]) for row in seeds["obs_status"].rows}
    for row in seed.rows:
        status_codes = list(row.values[column])
        unknown = [status_code for status_code in status_codes if status_code not in rank]
        if unknown:
            near = tuple(sorted(rank))
            yield Violation(seed.file, row.line, column, "".join(status_codes), "has an unknown status", near)
        elif status_codes != sorted(set(status_codes), key=rank.__getitem__):
            ordered = "".join(sorted(set(status_codes), key=rank.__getitem__))
            yield Violation(
                seed.file,
                row.line,
                column,
                "".join(status_codes),
                "is out of the order of precedence",
                (ordered,),
            )


def _not_before_parent(seed: Seed, arguments: dict[str, Any], seeds: dict[str, Seed]) -> Iterator[Violation]:
    parent = _parent(arguments, seeds)
    dates = {row.values[arguments["to_key"]]: row.values[arguments["to_column"]] for row in parent.rows}
    column, key = arguments["column"], arguments["key"]
    for row in seed.rows:
        value, earliest = row.values[column], dates.get(row.values[key], "")
        # ISO dates order as text.
        if value and earliest and _is_date(value) and value < earliest:
            yield Violation(
                seed.file, row.line, column, value, f"is before {key} {row.values[key]} began", (earliest,)
            )


ColumnCheck = Callable[[Seed, str, dict[str, Any], dict[str, Seed]], Iterator[Violation]]
TableCheck = Callable[[Seed, dict[str, Any], dict[str, Seed]], Iterator[Violation]]

COLUMN_CHECKS: dict[str, ColumnCheck] = {
    "unique": _unique,
    "accepted_values": _accepted,
    "relationships": _relationships,
    "within": _within,
    "pattern": _pattern,
    "printed_number": _printed_number,
    "status_list": _status_list,
}
TABLE_CHECKS: dict[str, TableCheck] = {
    "unique_combination": _unique_combination,
    "relationship_on": _relationship_on,
    "valid_region": _valid_region,
    "not_before_parent": _not_before_parent,
}
