"""What is printed cannot command the terminal."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.segment import Segment

# Controls but for the end of a line and the tab, and signs that turn the direction of what is shown.
COMMANDS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def _shown(text: str) -> str:
    """A text whose commands to a terminal are shown instead of obeyed."""
    return COMMANDS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class InertConsole(Console):
    """A console for texts of other people's files: names, sheets and cells. Its own colours stay."""

    def render(self, *args: Any, **options: Any) -> Iterable[Segment]:
        for segment in super().render(*args, **options):
            if segment.control or not COMMANDS.search(segment.text):
                yield segment
            else:
                yield segment._replace(text=_shown(segment.text))
