"""What is wrong with a file, where, and what was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing that keeps a file out (or, as a warning, does not).

    kind: file, header, unit, region, year, value, key, expectation. text: as printed in the cell.
    """

    file: str
    locator: str
    kind: str
    text: str
    message: str
    nearest: tuple[str, ...] = ()
    is_warning: bool = False

    def __str__(self) -> str:
        near = f"; nearest: {', '.join(self.nearest)}" if self.nearest else ""
        place = f"{self.file}: {self.locator}" if self.locator else self.file
        printed = f" {self.text[:60]!r}" if self.text else ""
        return f"{place}:{printed} {self.message}{near}"


def nearest(text: str, names: Iterable[str], *, n: int = 3) -> tuple[str, ...]:
    """The n names most like a text, best first."""
    return tuple(difflib.get_close_matches(text[:60], sorted(set(names)), n=n, cutoff=0.0))
