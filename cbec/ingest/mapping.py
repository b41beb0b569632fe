"""What a person says about a file that recognition could not know: a small YAML file."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from cbec.ingest.problems import Problem, nearest
from cbec.ingest.registry import Registry
from cbec.ingest.text import THIS_YEAR, compact
from cbec.ingest.vocabulary import Meaning
from cbec.project import CbecError

ROLES = (
    "region", "province", "region_code", "province_code", "year", "indicator", "unit", "value", "note",
    "qualifier", "ignore", "dimension", "figure",
)  # fmt: skip
RULE_KEYS = ("use", "unit", "note", "filled", "take")
KEYS = ("publication", "headers", "regions", "sheets", "defaults", "leave_out")
# Where figures are to land under the words of their own title, sheet or file.
OWN_WORDS = ("words",)
LEVELS = ("province", "prefecture")


@dataclass(frozen=True)
class Mapping:
    """headers: compact header to meaning. regions: printed name to code or 'ignore'. sheets: ignored names.

    defaults: indicator, unit, year, region_level and edition where a table does not say them. leaves_out:
    what is wrong with cells that are to be left out.
    """

    publication: str = ""
    headers: dict[str, Meaning] = field(default_factory=dict)
    regions: dict[str, str] = field(default_factory=dict)
    sheets: frozenset[str] = frozenset()
    defaults: dict[str, str] = field(default_factory=dict)
    leaves_out: frozenset[str] = frozenset()


class _Loader(yaml.SafeLoader):
    """YAML without references: a few of them stand for more text than there is memory, or for themselves."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.composer.ComposerError(None, None, "holds a reference (*)", self.get_mark())
        return super().compose_node(parent, index)


def load_mappings(
    path: Path | None, registry: Registry, defaults: dict[str, str] | None = None
) -> dict[str, Mapping]:
    """Mapping by file name, '' for all files. defaults: those of the command line, which go before those of
    the file. Raises CbecError (2) naming the bad key and the valid ones."""
    given = {key: value for key, value in (defaults or {}).items() if value}
    checked = _mapping(Path("the command line"), {"defaults": given}, registry).defaults
    mappings = _load(path, registry) if path else {"": Mapping()}
    return {name: replace(m, defaults=m.defaults | checked) for name, m in mappings.items()}


def _load(path: Path, registry: Registry) -> dict[str, Mapping]:
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _Loader) or {}
    except RecursionError:
        raise CbecError(
            f"{path}: is no readable mapping file: it is nested too deeply", exit_code=2
        ) from None
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise CbecError(f"{path}: is no readable mapping file: {error}", exit_code=2) from None
    if not isinstance(content, dict):
        raise CbecError(f"{path}: must hold the keys {', '.join((*KEYS, 'files'))}", exit_code=2)
    files = _section(path, content, "files")
    rest = {key: value for key, value in content.items() if key != "files"}
    mappings = {"": _mapping(path, rest, registry)}
    for name in files:
        mappings[str(name)] = _mapping(path, {**rest, **_section(path, files, name)}, registry)
    return mappings


def _section(path: Path, content: dict[Any, Any], key: Any) -> dict[Any, Any]:
    """A part of the file that holds names and what they are. Raises CbecError (2) for a list or a word."""
    part = content.get(key)
    if part is not None and not isinstance(part, dict):
        raise CbecError(f"{path}: {key}: must hold lines of `name: use`, not {str(part)[:60]!r}", exit_code=2)
    return part or {}


def _mapping(path: Path, content: dict[Any, Any], registry: Registry) -> Mapping:
    def bad(message: str, value: object, valid: Any) -> CbecError:
        near = ", ".join(nearest(str(value), [str(v) for v in valid]))
        return CbecError(f"{path}: {message} {str(value)!r}; nearest valid: {near}", exit_code=2)

    for key in content:
        if key not in KEYS:
            raise bad("unknown key", key, KEYS)
    publication = content.get("publication") or ""
    if publication and str(publication) not in registry.publications:
        raise bad("publication: unknown publication", publication, registry.publications)
    measures = [i for i in registry.indicators if i not in registry.derived]
    headers = {}
    for header, rule in _section(path, content, "headers").items():
        rule = {"use": rule} if not isinstance(rule, dict) else rule
        for key in rule:
            if key not in RULE_KEYS:
                raise bad(f"headers: {header}: unknown key", key, RULE_KEYS)
        use, written = str(rule.get("use") or "ignore"), str(rule.get("unit") or "")
        unit = _unit(registry, written, use)
        if written and not unit:
            names = [*registry.units, *(u.name_zh for u in registry.units.values())]
            raise bad(f"headers: {header}: unit: unknown unit of {str(header)!r}", written, names)
        if use in ROLES:
            note = str(rule.get("note") or "by the mapping file")
            meaning = Meaning(
                role=use, note=note, matched=str(header), units=(unit,) if unit else (), unit_text=unit,
                take=str(rule.get("take") or ""),
            )  # fmt: skip
        elif use in measures:
            if unit:
                _check_dimension(registry, use, unit, f"{path}: headers: {header}: unit:")
            meaning = Meaning(
                role="measure",
                indicator=use,
                units=(unit,) if unit else (),
                unit_text=unit,
                is_filled=bool(rule.get("filled")),
                matched=str(header),
            )
        else:
            raise bad(f"headers: {header}: unknown use of {str(header)!r}", use, [*ROLES, *measures])
        headers["/".join(compact(level) for level in str(header).split("/"))] = meaning
        headers[compact(str(header))] = meaning
    codes = {row["region_code"] for row in registry.regions}
    regions = {str(k): str(v) for k, v in _section(path, content, "regions").items()}
    for name, code in regions.items():
        if code != "ignore" and code not in codes:
            raise bad(f"regions: {name}: unknown region code of {name!r}", code, codes)
    left_out = _section(path, content, "leave_out")
    for fault, said in left_out.items():
        if said is not True:
            raise bad(f"leave_out: {fault}: unknown use", said, ("true",))
    sheets = _section(path, content, "sheets")
    for name, use in sheets.items():
        if use != "ignore":
            raise bad(f"sheets: {name}: unknown use", use, ("ignore",))
    return Mapping(
        str(publication),
        headers,
        {compact(name): code for name, code in regions.items()},
        frozenset(str(name) for name in sheets),
        _defaults(path, _section(path, content, "defaults"), registry, bad),
        frozenset(map(str, left_out)),
    )


def _unit(registry: Registry, written: str, indicator: str = "") -> str:
    """The unit that a person writes by its id or in the words of print; of the indicator's kind where the
    words may mean several, '' for none."""
    if written in registry.units:
        return written
    clean = compact(written)
    found = [u.unit for u in registry.units.values() if compact(u.name_zh) == clean]
    found += [unit for pattern, unit in registry.unit_patterns if pattern.fullmatch(clean)]
    known = registry.indicators.get(indicator)
    wanted = registry.units[known.unit].dimension if known else ""
    return next((u for u in found if registry.units[u].dimension == wanted), found[0] if found else "")


def _defaults(
    path: Path, content: dict[Any, Any], registry: Registry, bad: Callable[[str, object, Any], CbecError]
) -> dict[str, str]:
    """What holds where a table says nothing. Raises CbecError (2) naming key, value and the nearest valid."""
    measures = [i for i in registry.indicators if i not in registry.derived]
    valid: dict[str, Any] = {
        "indicator": measures,
        "unit": registry.units,
        "year": range(1949, THIS_YEAR + 1),
        "region_level": LEVELS,
        "edition": range(1949, THIS_YEAR + 1),
    }
    found = {}
    for key, value in content.items():
        if key not in valid:
            raise bad("defaults: unknown key", key, valid)
        if value is None or value == "":
            continue
        known = [str(v) for v in valid[key]]
        text = str(value)
        if key == "indicator" and (text in OWN_WORDS or re.fullmatch("x:.+", text)):
            found["indicator"] = text
            continue
        if key == "indicator" and text not in known:
            text = registry.names().get(text, text)
        if key == "unit":
            text = _unit(registry, text, str(content.get("indicator") or "")) or text
            known += [u.name_zh for u in registry.units.values()]
        if text not in known:
            raise bad(f"defaults: {key}: unknown {str(key).replace('_', ' ')}", value, known)
        found[str(key)] = text
    if found.get("indicator") in registry.indicators and "unit" in found:
        _check_dimension(registry, found["indicator"], found["unit"], f"{path}: defaults: unit:")
    return found


def _check_dimension(registry: Registry, indicator: str, unit: str, place: str) -> None:
    wanted = registry.units[registry.indicators[indicator].unit].dimension
    if registry.units[unit].dimension != wanted:
        fitting = ", ".join(u for u, row in registry.units.items() if row.dimension == wanted)
        raise CbecError(f"{place} {indicator} has no unit {unit!r}; valid: {fitting}", exit_code=2)


HEAD = """\
# What the import could not know, and what it guessed. Passed back as it is, it says yes to every guess:
#   cbec import ... --map THIS_FILE
# headers: `figure` lets a column land under its own words, `ignore` leaves it out, the id of an indicator
#   makes it that one ({use: gdp, unit: 亿元}); roles: ROLES.
#   A `dimension` makes a series of each of its words; {use: dimension, take: 合计} takes one word alone.
# regions: a six-digit code, or `ignore`. sheets: `ignore`. defaults: indicator, unit, year, region_level.
#   indicator: `words` lets figures land under the words of their title, sheet or file; x:词 under yours.
# leave_out: cells that are wrong in this way stay out, the rest of the file comes in.
# 导入时无法知道的内容，以及所作的猜测及其理由。原样传回即表示同意全部猜测：cbec import ... --map 本文件
# headers：表头的含义。figure 按其自身文字入库，ignore 不用，也可写指标编号与单位，如 {use: gdp, unit: 亿元}；
#   dimension 使每个词各成一列，take 只取其中一个词。regions：六位代码或 ignore。
# defaults：表中未写明的指标、单位、年份与级别。leave_out：有此类错误的单元格不入库，其余照常入库。
files:
"""


def template(problems: list[Problem]) -> str:
    """A mapping file with everything that a run asks and what was guessed of it; '' when it asks nothing.

    Passed back as it is, it says yes to every guess. Columns that land under their own words are in it too,
    for a person to name.
    """
    files: dict[str, dict[str, dict[str, tuple[str, str, str]]]] = {}
    for problem in sorted(problems, key=lambda p: p.is_warning):
        section, key, value = problem.answer
        if section and (key or section == "defaults"):
            held = files.setdefault(problem.file, {}).setdefault(section, {})
            near = ", ".join(problem.nearest)
            held.setdefault(key, (value, near, f"{problem.locator} {problem.message}"))
    if not files:
        return ""
    lines = [HEAD.replace("ROLES", ", ".join(ROLES)).rstrip("\n")]
    for name, sections in files.items():
        lines.append(f"  {_quoted(name)}:")
        for section, entries in sections.items():
            lines.append(f"    {section}:")
            for key, (value, near, place) in entries.items():
                lines.append(f"      # {_plain(place)}")
                if near:
                    lines.append(f"      # nearest: {_plain(near)}")
                shown = _quoted(value) if section == "defaults" and value else value or "null  # ?"
                lines.append(f"      {_quoted(key)}: {shown}")
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))


def _quoted(text: str) -> str:
    """A text in the double quotes of YAML, with whatever cannot be printed as its number."""
    return '"' + "".join(_escaped(c) for c in text) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character.isprintable():
        return character
    return f"\\u{ord(character):04x}" if ord(character) < 0x10000 else f"\\U{ord(character):08x}"
