"""Cells of a file as they are read, and what was left out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal

from cbec.ingest.problems import Causes, Problem


@dataclass(slots=True)
class Cell:
    """One figure. scope: whole_prefecture, districts, county_level_city, province or nation."""

    region_level: str
    region_code: str
    year: int
    indicator_id: str
    value_printed: str
    value: Decimal | None
    unit_printed: str
    obs_status_all: str
    impute_method: str | None
    impute_by: str | None
    suspect_codes: str | None
    obs_comment: str | None
    source_locator: str
    scope: str = ""

    @property
    def key(self) -> tuple[str, str, int, str, str]:
        return (self.region_level, self.region_code, self.year, self.indicator_id, self.scope)


@dataclass
class Extract:
    """Cells of a file and what was left out. dropped: reason to number of rows or cells."""

    cells: dict[tuple[str, str, int, str, str], Cell] = field(default_factory=dict)
    causes: Causes = field(default_factory=Causes)
    dropped: Counter[str] = field(default_factory=Counter)
    n_rows: int = 0

    @property
    def problems(self) -> list[Problem]:
        return self.causes.listed()

    def problem(self, problem: Problem, cause: str = "") -> None:
        self.causes.add(problem, cause)
