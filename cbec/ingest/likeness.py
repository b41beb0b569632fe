"""What figures without a name or a unit may be: those that ship and that they are like. A guess, no more."""

from __future__ import annotations

import csv
import math
import statistics
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

from cbec.ingest.extract import Cell
from cbec.ingest.registry import Registry
from cbec.ingest.shipped import Shipped
from cbec.ingest.text import decimals_of

YEARBOOKS = {"province": "province_yearbook", "prefecture": "city_yearbook"}
# Figures that must be there to compare with, and the share of them that must agree.
N_LEAST, SHARE = 20, 0.8
# Revisions leave figures of one unit within this power of ten; units differ by a whole one or more.
WITHIN = 0.2

Place = tuple[str, int]


class Published:
    """Figures that ship, by level, indicator, region and year, in the indicator's own unit."""

    def __init__(self, root: Path, registry: Registry) -> None:
        self._root, self._registry = root, registry
        self._figures: dict[str, dict[str, dict[Place, list[float]]]] = {}
        self._printed: set[str] = set()
        self._shipped = Shipped(root, registry)

    def _of(self, level: str) -> dict[str, dict[Place, list[float]]]:
        if level not in self._figures and level in YEARBOOKS:
            held: dict[str, dict[Place, list[float]]] = {}
            path = self._root / f"seeds/yearbook/{YEARBOOKS[level]}.csv"
            with path.open(encoding="utf-8", newline="") as file:
                for row in csv.DictReader(file):
                    if row["value"]:
                        value = float(row["value"]) * self._factor(row["indicator_id"], row["unit"])
                        place = row["region_code"], int(row["year"])
                        held.setdefault(row["indicator_id"], {}).setdefault(place, []).append(value)
            self._figures[level] = held
        return self._figures.get(level, {})

    def _factor(self, indicator: str, unit: str) -> float:
        own = self._registry.unit_of(indicator)
        return 10.0 ** (self._registry.units[unit].scale - own.scale) if own else 1.0

    def _indicator(self, level: str, indicator: str) -> dict[Place, list[float]]:
        held = self._of(level).setdefault(indicator, {})
        if level == "prefecture" and indicator not in self._printed:
            self._printed.add(indicator)
            frame = self._shipped.frame({indicator})
            columns = (frame[name].tolist() for name in ("region_code", "year", "unit", "value"))
            for code, year, unit, value in zip(*columns, strict=True):
                held.setdefault((code, int(year)), []).append(value * self._factor(indicator, unit))
        return held

    def unit_of(self, indicator: str, cells: Sequence[Cell]) -> tuple[str, str]:
        """The unit in which figures of an indicator are of the size of those that ship, and that in words;
        '' twice when too few can be compared or no unit of the registry fits."""
        own = self._registry.unit_of(indicator)
        ratios = [
            math.log10(abs(float(c.value)) / abs(other))
            for c in cells if c.value
            for others in [self._indicator(c.region_level, indicator).get((c.region_code, c.year))] if others
            for other in [_nearest(others, float(c.value))] if other
        ]  # fmt: skip
        if own is None or len(ratios) < N_LEAST:
            return "", ""
        power = statistics.median(ratios)
        if sum(abs(r - power) <= WITHIN for r in ratios) < SHARE * len(ratios):
            return "", ""
        for name, unit in self._registry.units.items():
            if unit.dimension == own.dimension and abs(power + unit.scale - own.scale) <= WITHIN:
                return name, f"in {unit.name_en} they are of the size of the {len(ratios)} figures that ship"
        return "", ""

    def indicator_of(self, cells: Sequence[Cell]) -> tuple[str, str, str]:
        """The indicator whose published figures these are, the unit and that in words; '' when none is."""
        best: tuple[float, int, str, str] = (0.0, 0, "", "")
        given = [c for c in cells if c.value]
        level = given[0].region_level if given else ""
        for indicator, figures in self._of(level).items():
            pairs = [(c, figures[c.region_code, c.year]) for c in given if (c.region_code, c.year) in figures]
            own = self._registry.unit_of(indicator)
            if own is None or len(pairs) < N_LEAST:
                continue
            for name, unit in self._registry.units.items():
                if unit.dimension != own.dimension:
                    continue
                factor = 10.0 ** (unit.scale - own.scale)
                n = sum(any(_equal(c, other / factor) for other in others) for c, others in pairs)
                best = max(best, (n / len(pairs), n, indicator, name))
        share, n, indicator, unit_name = best
        if share < SHARE:
            return "", "", ""
        return indicator, unit_name, f"{n} of its figures are those of {indicator} that ship"


def _nearest(others: list[float], value: float) -> float:
    return min(others, key=lambda other: abs(other - value))


def _equal(cell: Cell, other: float) -> bool:
    """True where a figure is another one as printed, to its last digit."""
    assert cell.value is not None
    return abs(cell.value - Decimal(repr(other))) <= Decimal("0.501").scaleb(-decimals_of(cell.value_printed))
