"""What is wrong with a file, where, and what was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Problem:
    """One thing that keeps a file out (or, as a warning, does not).

    kind: file, header, unit, region, year, value, key, expectation. text: as printed in the cell. answer:
    what a mapping file says to it, as section, key and value in YAML.
    """

    file: str
    locator: str
    kind: str
    text: str
    message: str
    nearest: tuple[str, ...] = ()
    is_warning: bool = False
    answer: tuple[str, str, str] = ("", "", "")

    def __str__(self) -> str:
        near = f"; nearest: {', '.join(self.nearest)}" if self.nearest else ""
        place = f"{self.file}: {self.locator}" if self.locator else self.file
        printed = f" {self.text[:60]!r}" if self.text else ""
        return f"{place}:{printed} {self.message}{near}"


def nearest(text: str, names: Iterable[str], *, n: int = 3) -> tuple[str, ...]:
    """The n names most like a text, best first."""
    return tuple(difflib.get_close_matches(text[:60], sorted(set(names)), n=n, cutoff=0.0))


N_PLACES = 3
# A person maps these one by one, so that each printed text is a cause of its own.
BY_TEXT = {"header", "unit", "region", "table"}


class Causes:
    """Problems of a file, one a cause: the first place, how many there are in all, and where the next are.

    A list that is cut hides the second fault behind two hundred cells of the first.
    """

    def __init__(self) -> None:
        self._first: dict[tuple[str, str, str], Problem] = {}
        self._places: dict[tuple[str, str, str], list[str]] = {}
        self._n: dict[tuple[str, str, str], int] = {}

    def add(self, problem: Problem, cause: str = "") -> None:
        """cause: what makes two problems one where their messages differ; '' for the message itself."""
        text = problem.text if problem.kind in BY_TEXT and not cause else ""
        key = (problem.kind, text, cause or problem.message)
        if key not in self._first:
            self._first[key], self._places[key], self._n[key] = problem, [], 0
        elif len(self._places[key]) < N_PLACES - 1:
            self._places[key].append(problem.locator)
        self._n[key] += 1

    def listed(self) -> list[Problem]:
        found = []
        for key, problem in self._first.items():
            n = self._n[key]
            also = ", ".join(place for place in self._places[key] if place)
            more = f" ({n} such places in all{', also ' + also if also else ''})" if n > 1 else ""
            found.append(replace(problem, message=problem.message + more))
        return found
