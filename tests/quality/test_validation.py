"""What the validation of an imported file says of figures that its predecessor had and it has not."""

from __future__ import annotations

import pandas as pd
import pytest

from cbec.ingest.expectations import Validator, flags, to_frame
from tests.ingest import REGISTRY, Table, read

CITIES = ("石家庄市", "唐山市", "秦皇岛市", "邯郸市", "邢台市", "保定市")
KEYS = ["region_level", "region_code", "year", "indicator_id", "value"]


def frame(rows: Table) -> pd.DataFrame:
    done = read([["城市", "年份", "GDP(亿元)", "户籍人口(万人)"], *rows])
    return to_frame(done.cells, REGISTRY, "table.csv")


@pytest.mark.parametrize("n_lost", [0, 1, 2, 6])
def test_lost_figures_are_named(n_lost: int) -> None:
    """The warning names what is absent, not what is there, and only of an indicator that the file has."""
    rows: Table = [[name, 2015, 1000 + i, 500 + i] for i, name in enumerate(CITIES)]
    before = frame(rows)
    # The outcome of the last n cities is blank now; the other column is whole.
    now = [[*row[:2], "" if i >= len(rows) - n_lost else row[2], row[3]] for i, row in enumerate(rows)]
    if n_lost == len(rows):
        now = [[*row[:2], row[2], ""] for row in rows]  # a whole column
    flagged = flags(frame(now), REGISTRY, before.iloc[:0][KEYS].assign(is_imported=True), before[KEYS])
    found = [
        problem
        for problem in Validator(REGISTRY).judge("table.csv", "vendor", flagged)["table.csv"]
        if "the version before had" in problem.message
    ]
    assert len(found) == bool(n_lost)
    if n_lost:
        (problem,) = found
        assert problem.is_warning
        assert problem.locator == ""
        lost = sorted(before["region_code"].unique())[-n_lost:]
        assert problem.text.startswith(f"{n_lost} absent: {lost[0]} 2015")
        assert all(f"{code} 2015" in problem.text for code in lost[:3])
        kept = set(before["region_code"]) - set(lost)
        assert not any(code in problem.text for code in kept)
