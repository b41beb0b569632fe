"""The nearest valid name to one that is not there."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from cbec.project import CbecError


def choose(kind: str, value: str, known: Iterable[str]) -> str:
    """The value when it is known. Raises CbecError (exit code 2) with the nearest known ones."""
    options = list(known)
    if value in options:
        return value
    by_lower = {option.lower(): option for option in options}
    near = [by_lower[name] for name in difflib.get_close_matches(value.lower(), by_lower, n=3, cutoff=0.4)]
    hint = f"nearest: {', '.join(near)}" if near else f"known: {', '.join(options) or 'none'}"
    raise CbecError(f"{kind} {value!r} is not known; {hint}", exit_code=2)
