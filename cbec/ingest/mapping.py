"""What a person says about a file that recognition could not know: a small YAML file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
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
    "qualifier", "ignore",
)  # fmt: skip
RULE_KEYS = ("use", "unit", "note", "filled")
KEYS = ("publication", "headers", "regions", "sheets", "defaults")


@dataclass(frozen=True)
class Mapping:
    """headers: compact header to meaning. regions: printed name to code or 'ignore'. sheets: ignored names.

    defaults: indicator, unit, year, region_level and edition where a table does not say them.
    """

    publication: str = ""
    headers: dict[str, Meaning] = field(default_factory=dict)
    regions: dict[str, str] = field(default_factory=dict)
    sheets: frozenset[str] = frozenset()
    defaults: dict[str, str] = field(default_factory=dict)


class _Loader(yaml.SafeLoader):
    """YAML without references: a few of them stand for more text than there is memory, or for themselves."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.composer.ComposerError(None, None, "holds a reference (*)", self.get_mark())
        return super().compose_node(parent, index)


def load_mappings(path: Path | None, registry: Registry) -> dict[str, Mapping]:
    """Mapping by file name, '' for all files. Raises CbecError (2) naming the bad key and the valid ones."""
    if path is None:
        return {}
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
        use, unit = str(rule.get("use") or "ignore"), str(rule.get("unit") or "")
        if unit and unit not in registry.units:
            raise bad(f"headers: {header}: unit: unknown unit of {str(header)!r}", unit, registry.units)
        if use in ROLES:
            note = str(rule.get("note") or "by the mapping file")
            meaning = Meaning(role=use, note=note, matched=str(header))
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
    )


def _defaults(
    path: Path, content: dict[Any, Any], registry: Registry, bad: Callable[[str, object, Any], CbecError]
) -> dict[str, str]:
    """What holds where a table says nothing. Raises CbecError (2) naming key, value and the nearest valid."""
    measures = [i for i in registry.indicators if i not in registry.derived]
    valid: dict[str, Any] = {
        "indicator": measures,
        "unit": registry.units,
        "year": range(1949, THIS_YEAR + 1),
        "region_level": ("province", "prefecture"),
        "edition": range(1949, THIS_YEAR + 1),
    }
    found = {}
    for key, value in content.items():
        if key not in valid:
            raise bad("defaults: unknown key", key, valid)
        if value is None or value == "":
            continue
        known = [str(v) for v in valid[key]]
        if str(value) not in known:
            raise bad(f"defaults: {key}: unknown {str(key).replace('_', ' ')}", value, known)
        found[str(key)] = str(value)
    if "indicator" in found and "unit" in found:
        _check_dimension(registry, found["indicator"], found["unit"], f"{path}: defaults: unit:")
    return found


def _check_dimension(registry: Registry, indicator: str, unit: str, place: str) -> None:
    wanted = registry.units[registry.indicators[indicator].unit].dimension
    if registry.units[unit].dimension != wanted:
        fitting = ", ".join(u for u, row in registry.units.items() if row.dimension == wanted)
        raise CbecError(f"{place} {indicator} has no unit {unit!r}; valid: {fitting}", exit_code=2)


def template(problems: list[Problem]) -> str:
    """A mapping file that lets the next run pass over what was not recognised; '' when it cannot help.

    Everything is set to ignore, with the nearest names beside it, so that a person only replaces words.
    """
    files: dict[str, dict[str, dict[str, tuple[str, str]]]] = {}
    for problem in problems:
        kinds = {"header": "headers", "unit": "headers", "region": "regions", "table": "sheets"}
        section = kinds.get(problem.kind)
        if section and problem.text and not problem.is_warning:
            held = files.setdefault(problem.file, {}).setdefault(section, {})
            held[problem.text] = (", ".join(problem.nearest), f"{problem.locator} {problem.message}")
    if not files:
        return ""
    lines = [
        "# What the import did not recognise. `ignore` leaves it out; replace it by an indicator id, a role",
        f"# ({', '.join(ROLES)})",
        "# or, for a region, by its six-digit code. Then: cbec import ... --map THIS_FILE",
        "files:",
    ]
    for name, sections in files.items():
        lines.append(f"  {_quoted(name)}:")
        for section, entries in sections.items():
            lines.append(f"    {section}:")
            for text, (near, place) in entries.items():
                lines.append(f"      # {' '.join(place.split())}")
                lines.append(f"      # nearest: {near}" if near else "      # nothing near it")
                if section == "headers":
                    lines.append(f"      {_quoted(text)}: {{use: ignore, unit: null}}")
                else:
                    lines.append(f"      {_quoted(text)}: ignore")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'
