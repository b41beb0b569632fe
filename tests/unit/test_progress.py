"""The progress bar of the benchmarks."""

from __future__ import annotations

import pytest
from rich.console import Console

from bench.progress import progress_bar


def test_progress_is_quiet_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("work") as report:
        report(1, 2)
    captured = capsys.readouterr()
    assert captured.out + captured.err == ""


def test_progress_shows_a_rate_on_a_terminal() -> None:
    console = Console(force_terminal=True, width=100, record=True)
    with progress_bar("work", console=console) as report:
        for done in range(1, 4):
            report(done, 3)
    text = console.export_text()
    assert "work" in text
    assert "3/3" in text
