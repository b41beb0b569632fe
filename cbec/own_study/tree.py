"""study.yml as a tree that knows its lines, and every fault in it found at once."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from cbec.project import CbecError

Place = tuple[str | int, ...]
# A study is written by hand; what is larger, or unfolds to more by its anchors, is something else.
MAX_BYTES, MAX_VALUES = 1 << 20, 50_000


@dataclass(frozen=True)
class Fault:
    """What a person has to change: file, line (0 where the whole file is meant) and what is wrong."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}" if self.line else f"{self.file}: {self.message}"


def nearest(value: str, known: Iterable[str]) -> str:
    """`; nearest: a, b`, or what is allowed where nothing is near and the list is short, or ''."""
    options = list(dict.fromkeys(known))
    by_lower = {option.lower(): option for option in options}
    near = [by_lower[name] for name in difflib.get_close_matches(value.lower(), by_lower, n=3, cutoff=0.5)]
    if near:
        return f"; nearest: {', '.join(near)}"
    return f"; allowed: {', '.join(options)}" if 0 < len(options) <= 12 else ""


@dataclass
class Faults:
    """Faults of one study in the order in which they were found, each once. remarks: what is no fault and
    should be known."""

    file: str
    lines: dict[Place, int] = field(default_factory=dict)
    found: list[Fault] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def add(self, place: Place, message: str, *, file: str = "", line: int = 0) -> None:
        """place: keys that lead to the value; file and line instead where another file is at fault."""
        if not file:
            while place and place not in self.lines:
                place = place[:-1]
            line = self.lines.get(place, 0)
        fault = Fault(file or self.file, line, message)
        if fault not in self.found:
            self.found.append(fault)

    def remark(self, message: str) -> None:
        if message not in self.remarks:
            self.remarks.append(message)

    def raise_if_any(self) -> None:
        """Raises CbecError (exit code 2) that lists every fault."""
        if self.found:
            ordered = sorted(self.found, key=lambda fault: (fault.file != self.file, fault.file, fault.line))
            raise CbecError("\n".join(["the study cannot run:", *map(str, ordered)]), exit_code=2)


def read_tree(path: Path) -> tuple[Any, Faults]:
    """The values of a YAML file and where each stands. Raises CbecError (exit code 2) for no YAML at all."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise CbecError(f"{path.name}: is larger than {MAX_BYTES // 1024} kB", exit_code=2)
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = "is not UTF-8" if isinstance(error, UnicodeDecodeError) else error.strerror
        raise CbecError(f"{path}: cannot be read ({reason})", exit_code=2) from None
    faults = Faults(path.name)
    try:
        node = yaml.compose(text, yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path.name}:{mark.line + 1}" if mark else path.name
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise CbecError(f"{where}: is no YAML: {problem}", exit_code=2) from None
    except RecursionError:
        raise CbecError(f"{path.name}: is nested too deeply", exit_code=2) from None
    if node is None:
        raise CbecError(f"{path.name}: is empty", exit_code=2)
    try:
        return _value(node, (), faults, set()), faults
    except RecursionError:
        raise CbecError(f"{path.name}: is nested too deeply", exit_code=2) from None


def _value(node: yaml.Node, place: Place, faults: Faults, above: set[int]) -> Any:
    faults.lines.setdefault(place, node.start_mark.line + 1)
    if len(faults.lines) > MAX_VALUES:
        raise CbecError(f"{faults.file}: unfolds to more than {MAX_VALUES} values", exit_code=2)
    if id(node) in above:
        raise CbecError(f"{faults.file}:{node.start_mark.line + 1}: refers to itself", exit_code=2)
    above = above | {id(node)}
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else ""
            faults.lines[(*place, key)] = key_node.start_mark.line + 1
            if not key:
                faults.add((*place, key), "a key must be a word")
            elif key in found:
                faults.add((*place, key), f"{key!r} stands twice")
            found[key] = _value(value_node, (*place, key), faults, above)
        return found
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*place, number), faults, above) for number, item in enumerate(node.value)]
    assert isinstance(node, yaml.ScalarNode)
    # Words stay as they are written: `no` is a word, and so is 330100.
    return None if node.tag == "tag:yaml.org,2002:null" else str(node.value).strip()


@dataclass(frozen=True)
class Node:
    """A value of the tree with its place, and questions to it that note a fault instead of raising."""

    value: Any
    place: Place
    faults: Faults

    def fault(self, message: str) -> None:
        self.faults.add(self.place, message)

    def fields(self, known: Iterable[str]) -> dict[str, Node]:
        """Of a mapping; unknown keys are faults."""
        names = list(known)
        found = self.entries()
        for key, node in found.items():
            if key not in names:
                node.fault(f"{key!r} is not known{nearest(key, names)}")
        return {key: node for key, node in found.items() if key in names}

    def entries(self) -> dict[str, Node]:
        """Of a mapping with keys of the user's own."""
        if self.value is None:
            return {}
        if not isinstance(self.value, dict):
            self.fault(f"{self._words()} where `name: value` lines are needed")
            return {}
        return {key: Node(item, (*self.place, key), self.faults) for key, item in self.value.items()}

    def items(self) -> list[Node]:
        """Of a list, or the one value that stands in its place."""
        if self.value is None:
            return []
        if isinstance(self.value, list):
            return [Node(item, (*self.place, n), self.faults) for n, item in enumerate(self.value)]
        return [self]

    def text(self) -> str:
        if isinstance(self.value, dict | list):
            self.fault(f"{self._words()} where one word is needed")
            return ""
        return self.value or ""

    def texts(self) -> list[str]:
        return [text for item in self.items() if (text := item.text())]

    def choice(self, known: Iterable[str]) -> str:
        """One of the known words; a fault and '' for any other."""
        options, text = list(known), self.text()
        if text and text not in options:
            self.fault(f"{text!r} is not known{nearest(text, options)}")
            return ""
        return text

    def whole(self, least: int, most: int) -> int | None:
        text = self.text()
        if not text:
            return None
        try:
            number = int(text)
        except ValueError:
            self.fault(f"{text!r} is no whole number")
            return None
        if not least <= number <= most:
            self.fault(f"{number} is not between {least} and {most}")
            return None
        return number

    def _words(self) -> str:
        if isinstance(self.value, dict):
            return "lines of `name: value`"
        return "a list" if isinstance(self.value, list) else f"the word {self.value!r}"
