"""FILE.audit.yml: what was guessed of each table, for a person to put right."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from cbec.audit.layout import KINDS, Hints
from cbec.audit.roles import MOMENTS, PRODUCTIVITY
from cbec.audit.run import Audited
from cbec.common.cells import clean
from cbec.common.files import replace_with
from cbec.common.names import choose
from cbec.ingest.problems import nearest
from cbec.project import CbecError

MAX_MAP = 2**20
FIELDS = (
    "name",
    "kind",
    "brackets",
    "stars",
    "columns",
    "errors",
    "observations",
    "units",
    "years",
    "balanced",
)
STATISTICS = ("se", "t", "p", "ci")
VCOV = ("classical", "robust", "cluster", "hac", "bootstrap")
ROLES = (
    *MOMENTS,
    "coef",
    "se",
    "t",
    "p",
    "ci",
    "ci_low",
    "ci_high",
    *PRODUCTIVITY,
    "total",
    "direct",
    "indirect",
    "share",
)
HEAD = """\
# What `cbec audit` took this file for. Put right what is wrong, leave the rest, and run
#   cbec audit FILE --map THIS_FILE
# kind: {kinds}
# brackets: what stands in ( [ {{ < or, without brackets, on the line below: se, t, p or ci
# stars: significance level of each mark; columns: heading to role, such as 均值: mean
#   roles: {roles}
# errors: {vcov}; observations: rows of each variable where the table has no N;
# units, years, balanced: of the panel. 0 and '' mean that nothing is said.
"""


def write_map(path: Path, audited: Sequence[Audited]) -> None:
    """All guesses of a file. Raises CbecError (exit code 4) where it cannot be written."""
    lines = [
        HEAD.format(kinds=", ".join(KINDS), roles=", ".join(dict.fromkeys(ROLES)), vcov=", ".join(VCOV)),
        "tables:",
    ]
    for one in audited:
        layout = one.layout
        questions = dict(layout.questions)
        for name, guess in layout.questions:
            lines.append(f"  # asked: {name}{f' (guess: {_line(guess)})' if guess else ''}")
        entry: dict[str, Any] = {
            "name": layout.grid.name,
            "kind": layout.kind,
            "brackets": dict(layout.note.brackets) or _guess(questions.get("brackets", "")),
            "stars": dict(layout.note.stars),
            "columns": {clean(h): "" for h in layout.heads if h},
            "errors": layout.note.vcov,
            "observations": layout.note.sizes[0] if len(layout.note.sizes) == 1 else 0,
            "units": layout.note.units,
            "years": layout.note.years,
            "balanced": layout.note.is_balanced,
        }
        text = yaml.safe_dump(
            [entry], allow_unicode=True, sort_keys=False, default_flow_style=None, width=110
        )
        lines += [f"  {line}" for line in text.splitlines()]
    body = "\n".join(lines) + "\n"
    try:
        replace_with(path, lambda beside: _write(beside, body))
    except OSError as error:
        raise CbecError(f"{path}: cannot be written: {error.strerror}", exit_code=4) from None


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _line(text: str) -> str:
    return re.sub(r"\s+", " ", clean(text))[:80]


def _guess(text: str) -> dict[str, str]:
    slot, _, kind = text.partition(": ")
    return {slot: kind} if slot else {}


def read_map(path: Path) -> dict[str, Hints]:
    """Hints by name of table. Raises CbecError (exit code 2) naming the file, the table, the value and the
    nearest valid one."""
    try:
        if path.stat().st_size > MAX_MAP:
            raise CbecError(f"{path}: is too large for a mapping file", exit_code=2)
        text = path.read_text(encoding="utf-8")
        if re.search(
            r"(?m)(?:^|[\s\[{,:])[&*][A-Za-z0-9_]+\s*(?:$|[\s,}\]])",
            re.sub(r"#.*|'[^']*'|\"[^\"]*\"", "", text),
        ):
            raise CbecError(f"{path}: anchors and aliases are not read", exit_code=2)
        data = yaml.safe_load(text)
    except OSError as error:
        raise CbecError(f"{path}: cannot be read: {error.strerror}", exit_code=2) from None
    except UnicodeDecodeError:
        raise CbecError(f"{path}: is not UTF-8", exit_code=2) from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}:" if mark else ""
        raise CbecError(
            f"{path}:{line} is no YAML: {getattr(error, 'problem', error)}", exit_code=2
        ) from None
    tables = data.get("tables") if isinstance(data, dict) else None
    if not isinstance(tables, list):
        raise CbecError(f"{path}: has no list `tables`", exit_code=2)
    found: dict[str, Hints] = {}
    for entry in tables:
        if not isinstance(entry, dict) or "name" not in entry:
            raise CbecError(f"{path}: a table has no name: {str(entry)[:60]!r}", exit_code=2)
        place = f"{path}: table {entry['name']!r}"
        for field in entry:
            if field not in FIELDS:
                near = ", ".join(nearest(str(field), FIELDS, n=1))
                raise CbecError(f"{place}: {str(field)[:40]!r} is no field; nearest: {near}", exit_code=2)
        kind = _one(place, "kind", entry.get("kind"), KINDS)
        brackets = {
            str(slot): _one(place, f"brackets {slot}", value, STATISTICS)
            for slot, value in _mapping(place, "brackets", entry.get("brackets")).items()
        }
        stars = {
            str(mark): _number(place, f"stars {mark}", level, most=1.0)
            for mark, level in _mapping(place, "stars", entry.get("stars")).items()
        }
        columns = {
            str(head): _one(place, f"columns {head}", role, ROLES)
            for head, role in _mapping(place, "columns", entry.get("columns")).items()
            if role
        }
        balanced = entry.get("balanced")
        if balanced not in (None, True, False):
            raise CbecError(f"{place}: balanced {balanced!r} is neither true nor false", exit_code=2)
        units, years, observations = (
            int(_number(place, name, entry.get(name) or 0)) for name in ("units", "years", "observations")
        )
        found[str(entry["name"])] = Hints(
            kind,
            {slot: value for slot, value in brackets.items() if value},
            stars,
            columns,
            _one(place, "errors", entry.get("errors"), VCOV),
            units,
            years,
            observations,
            balanced,
        )
    return found


def _one(place: str, field: str, value: Any, known: Sequence[str]) -> str:
    if value in (None, ""):
        return ""
    try:
        return choose(field, str(value), known)
    except CbecError as error:
        raise CbecError(f"{place}: {error}", exit_code=2) from None


def _mapping(place: str, field: str, value: Any) -> Mapping[Any, Any]:
    if value is None or value == "":
        return {}
    if not isinstance(value, dict):
        raise CbecError(f"{place}: {field} {str(value)[:40]!r} is not of the form key: value", exit_code=2)
    return value


def _number(place: str, field: str, value: Any, most: float = 1e12) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise CbecError(f"{place}: {field} {str(value)[:40]!r} is no number from 0 to {most:g}", exit_code=2)
    return float(value)
