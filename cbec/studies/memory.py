"""What a model computed before, by a digest of all that it was computed from.

A build that starts from a published file finds there what each column of each table gave. A column whose
inputs are as they were is not estimated again: the digest covers all of them, and the build forgets what
other code, packages or variables computed (cbec/pipeline/rebuild.py).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Rows = list[dict[str, Any]]


@dataclass
class Memory:
    """previous: rows as JSON by digest, as found; now: those that this run requested."""

    previous: Mapping[str, str] = field(default_factory=dict)
    now: dict[str, str] = field(default_factory=dict)

    def rows(self, digest: str, compute: Callable[[], Rows]) -> Rows:
        """What was found under a digest, or what compute gives."""
        found = self.recalled(digest)
        if found is None:
            found = compute()
            self.keep(digest, found)
        return found

    def recalled(self, digest: str) -> Rows | None:
        """Rows under a digest; None when they have to be computed."""
        text = self.previous.get(digest)
        if text is None:
            return None
        self.now[digest] = text
        rows: Rows = json.loads(text)
        return rows

    def keep(self, digest: str, rows: Rows) -> None:
        """Hold rows for the next build. A float survives JSON to the last bit."""
        self.now[digest] = json.dumps(rows, ensure_ascii=False, default=_plain)


def digest(*parts: object) -> str:
    """SHA-256 of the representations of parts."""
    return hashlib.sha256("\x00".join(map(repr, parts)).encode()).hexdigest()


def _plain(value: Any) -> Any:
    """A number of numpy as one of Python. Raises TypeError for what is no number."""
    item = getattr(value, "item", None)
    if item is None:
        raise TypeError(f"{value!r} cannot be kept")
    return item()
