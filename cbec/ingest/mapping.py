"""What a person says about a file that recognition could not know: a small YAML file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from cbec.ingest.problems import Problem, nearest
from cbec.ingest.registry import Registry
from cbec.ingest.text import compact
from cbec.ingest.vocabulary import Meaning
from cbec.project import CbecError

ROLES = (
    "region", "province", "region_code", "province_code", "year", "indicator", "unit", "value", "note",
    "qualifier", "ignore",
)  # fmt: skip
KEYS = ("publication", "headers", "regions", "sheets", "defaults")


@dataclass(frozen=True)
class Mapping:
    """headers: compact header to meaning. regions: printed name to code or 'ignore'. sheets: ignored names.

    defaults: indicator, unit, year and region_level where a table does not say them.
    """

    publication: str = ""
    headers: dict[str, Meaning] = field(default_factory=dict)
    regions: dict[str, str] = field(default_factory=dict)
    sheets: frozenset[str] = frozenset()
    defaults: dict[str, str] = field(default_factory=dict)


def load_mappings(path: Path | None, registry: Registry) -> dict[str, Mapping]:
    """Mapping by file name, '' for all files. Raises CbecError (2) naming the bad key and the valid ones."""
    if path is None:
        return {}
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CbecError(f"{path}: is no readable mapping file: {error}", exit_code=2) from None
    if not isinstance(content, dict):
        raise CbecError(f"{path}: must hold the keys {', '.join((*KEYS, 'files'))}", exit_code=2)
    files = content.pop("files", None) or {}
    mappings = {"": _mapping(path, content, registry)}
    for name, part in files.items():
        mappings[str(name)] = _mapping(path, {**content, **(part or {})}, registry)
    return mappings


def _mapping(path: Path, content: dict[str, Any], registry: Registry) -> Mapping:
    def bad(message: str, value: object, valid: Any) -> CbecError:
        near = ", ".join(nearest(str(value), list(valid)))
        return CbecError(f"{path}: {message} {value!r}; nearest valid: {near}", exit_code=2)

    for key in content:
        if key not in KEYS:
            raise bad("unknown key", key, KEYS)
    publication = content.get("publication") or ""
    if publication and publication not in registry.publications:
        raise bad("unknown publication", publication, registry.publications)
    headers = {}
    for header, rule in (content.get("headers") or {}).items():
        rule = {"use": rule} if isinstance(rule, str) else (rule or {})
        use, unit = rule.get("use") or "ignore", rule.get("unit") or ""
        if unit and unit not in registry.units:
            raise bad(f"unknown unit of {header!r}", unit, registry.units)
        if use in ROLES:
            meaning = Meaning(role=use, note=rule.get("note") or "by the mapping file", matched=str(header))
        elif use in registry.indicators and use not in registry.derived:
            meaning = Meaning(
                role="measure",
                indicator=use,
                units=(unit,) if unit else (),
                unit_text=unit,
                is_filled=bool(rule.get("filled")),
                matched=str(header),
            )
        else:
            raise bad(f"unknown use of {header!r}", use, [*ROLES, *registry.indicators])
        headers["/".join(compact(level) for level in str(header).split("/"))] = meaning
        headers[compact(str(header))] = meaning
    codes = {row["region_code"] for row in registry.regions}
    regions = {str(k): str(v) for k, v in (content.get("regions") or {}).items()}
    for name, code in regions.items():
        if code != "ignore" and code not in codes:
            raise bad(f"unknown region code of {name!r}", code, codes)
    sheets = content.get("sheets") or {}
    return Mapping(
        publication,
        headers,
        {compact(name): code for name, code in regions.items()},
        frozenset(str(name) for name, use in sheets.items() if use == "ignore"),
        {str(k): str(v) for k, v in (content.get("defaults") or {}).items()},
    )


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
