"""A progress bar with rate for the functions that take a progress callback."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.text import Text


class _Rate(ProgressColumn):
    """Programmes solved in a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f}/s" if speed else "")


@contextmanager
def progress_bar(description: str, *, console: Console | None = None) -> Iterator[Callable[[int, int], None]]:
    """Give a callback (done, total) that moves a bar on standard error; nothing is shown without a terminal.

    with progress_bar("global SBM-ML") as report:
        sbm_malmquist_luenberger(panel, progress=report)
    """
    shown = console or Console(stderr=True)
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn(),
    )  # fmt: skip
    with Bar(*columns, console=shown, disable=not shown.is_terminal, transient=True) as bar:
        task = bar.add_task(description, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
