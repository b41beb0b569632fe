"""The reference cases: results that somebody else computed, and the data that they were computed from.

Those that ship stand in shipped/ beside this file, and README.md says where they are from. The others stand in
../shared/reference, or where CBEC_REFERENCE_DIR says; a test that needs one of them is skipped without it.
A case is ``{id, area, data, expected, tol, source, second_check, note, date}``; `data` is the name of a file.
"""

from __future__ import annotations

import csv
import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.conftest import SHARED

SHIPPED = Path(__file__).parent / "shipped"
BESIDE = Path(os.environ.get("CBEC_REFERENCE_DIR", SHARED / "reference"))
DEAR = "the data set EconomyLong of R's deaR"
# What tests read and does not ship: cases and files by name, and what they are.
NOT_SHIPPED = {
    "dea.malmquist.economy_oo_crs": DEAR,
    "dea.malmquist.economy_fgnz": DEAR,
    "dea.malmquist.economy_global": DEAR,
    "entropy.economy_sum": DEAR,
    "entropy.economy_minmax": DEAR,
}


@cache
def cases(folder: Path) -> dict[str, dict[str, Any]]:
    """By id; none where the folder is not there."""
    path = folder / "cases.json"
    rows = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    return {row["id"]: row for row in rows}


def case(name: str) -> dict[str, Any]:
    """The case of that id, the shipped one first; skips the test where it neither ships nor stands beside."""
    for folder in (SHIPPED, BESIDE):
        if name in cases(folder):
            return cases(folder)[name]
    if name in NOT_SHIPPED and not cases(BESIDE):
        pytest.skip(f"{name} does not ship ({NOT_SHIPPED[name]}), and {BESIDE} is not here")
    raise KeyError(f"no reference case {name!r}; there are {sorted(cases(SHIPPED) | cases(BESIDE))}")


def file(name: str) -> Path:
    """A file that a case names, the shipped one first."""
    return next((folder / name for folder in (SHIPPED, BESIDE) if (folder / name).is_file()), SHIPPED / name)


def table(name: str) -> list[dict[str, str]]:
    """The rows of a file of data, as text."""
    with file(name).open(encoding="utf-8") as f:
        return list(csv.DictReader(f))


def frame(name: str) -> pd.DataFrame:
    """The rows of a file of data, as numbers."""
    return pd.read_csv(file(name))
