"""Per cent or fraction: the unit of a share that nothing prints, decided by the figures themselves.

Identities decide first: shares that add up, levels that a share is the share of. Then the range of the
column. What neither decides is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from cbec.ingest.extract import Cell, Extract
from cbec.ingest.problems import Problem
from cbec.ingest.registry import Registry

# Shares that add up to the whole, and what a share is the share of.
SHARES_OF_ONE = (("gdp_primary_share", "gdp_secondary_share", "gdp_tertiary_share"),)
SHARE_OF = {
    "gdp_primary_share": ("gdp_primary", "gdp"),
    "gdp_secondary_share": ("gdp_secondary", "gdp"),
    "gdp_tertiary_share": ("gdp_tertiary", "gdp"),
    "urban_population_share": ("urban_population_year_end", "resident_population_year_end"),
}
# Without an identity so many regions must agree before a column of small figures is one of fractions.
N_REGIONS_OF_A_RANGE = 20
# Shares that are not below one per cent in any region and year.
NEVER_BELOW_ONE = {"gdp_secondary_share", "gdp_tertiary_share", "urban_population_share"}
# What shares may miss of a hundred by rounding and by the statistical discrepancy.
SUM_TOLERANCE = Decimal("1.5")

# Sheet, first row of the header, column (0 when columns are years or regions) and indicator.
Group = tuple[str, int, int, str]
Place = tuple[str, str, int]
Keep = Callable[[Cell, bool], None]


class Shares:
    """The shares of one file; unstated: cells without a unit and whether their column was filled, by group;
    heads: what stands over them, by the same."""

    def __init__(
        self,
        file: str,
        registry: Registry,
        extract: Extract,
        unstated: dict[Group, list[tuple[Cell, bool]]],
        heads: dict[Group, str],
    ) -> None:
        self.heads = heads
        self.file = file
        self.registry = registry
        self.extract = extract
        self.unstated = unstated

    def settle(self, keep: Keep) -> None:
        """Give every cell its unit and keep it; problems name a cell and ask for the unit."""
        self._refuse_contradicted()
        loose: dict[Place, dict[str, Cell]] = {}
        for group, held in self.unstated.items():
            for cell, _ in held:
                if cell.value is not None:
                    loose.setdefault(cell.key[:3], {}).setdefault(group[3], cell)
        units: dict[Group, str] = {}
        for group, held in self.unstated.items():
            votes: dict[str, Cell] = {}
            voted: set[str] = set()
            for cell, _ in held:
                unit = self._by_identity(cell, loose.get(cell.key[:3], {}))
                if unit:
                    votes.setdefault(unit, cell)
                    voted.add(cell.source_locator)
            units[group] = self._unit(group, [c for c, _ in held], votes, voted)
        for group, held in self.unstated.items():
            for cell, is_filled in held if units[group] else ():
                cell.unit_printed = units[group]
                keep(cell, is_filled)

        for cell in self.extract.cells.values():
            if cell.indicator_id in NEVER_BELOW_ONE and cell.value is not None:
                own = self.registry.units[self.registry.indicators[cell.indicator_id].unit].scale
                if 0 < cell.value.scaleb(self.registry.units[cell.unit_printed].scale - own) < 1:
                    cell.obs_status_all = self.registry.status_list(
                        "V" + cell.obs_status_all.replace("A", "")
                    )
                    reported = f"is below one per cent, which no {cell.indicator_id} is: perhaps a fraction"
                    cell.obs_comment = "; ".join(filter(None, (cell.obs_comment, reported)))

    def _by_identity(self, cell: Cell, loose: dict[str, Cell]) -> str:
        """pct or ratio when the shares of the region and year add up, or the levels of the share say so."""
        place, indicator, value = cell.key[:3], cell.indicator_id, cell.value
        if value is None:
            return ""
        part, whole = (self._known(place, name) for name in SHARE_OF.get(indicator, ("", "")))
        if part is not None and whole:
            level = part / whole * 100
            for unit, share in (("pct", value), ("ratio", value * 100)):
                if abs(level - share) <= max(Decimal("0.01"), level / 10):
                    return unit
        for parts in SHARES_OF_ONE:
            others = [name for name in parts if name != indicator]
            if len(others) == len(parts):
                continue
            reported = {name: self._known(place, name) for name in others}
            unstated = {
                name: loose[name].value for name in others if reported[name] is None and name in loose
            }
            if any(reported[name] is None and unstated.get(name) is None for name in others):
                continue
            stated = sum((v for v in reported.values() if v is not None), Decimal(0))
            open_ = sum((v for v in unstated.values() if v is not None), value)
            for unit, total in (("pct", stated + open_), ("ratio", stated + open_ * 100)):
                if abs(total - 100) <= SUM_TOLERANCE:
                    return unit
        return ""

    def _known(self, place: Place, indicator: str) -> Decimal | None:
        """A figure with a unit, in its indicator's own, or None."""
        cell = self.extract.cells.get((*place, indicator, "")) if indicator else None
        if cell is None or cell.value is None:
            return None
        own = self.registry.units[self.registry.indicators[indicator].unit].scale
        return cell.value.scaleb(self.registry.units[cell.unit_printed].scale - own)

    def _refuse_contradicted(self) -> None:
        """Shares printed as per cent that add up to one per cent, and fractions that add up to a hundred."""
        for parts in SHARES_OF_ONE:
            for key, cell in self.extract.cells.items():
                if key[3] != parts[0]:
                    continue
                values = [v for name in parts if (v := self._known(key[:3], name)) is not None]
                total = sum(values, Decimal(0))
                is_slip = abs(total * 100 - 100) <= SUM_TOLERANCE or abs(total / 100 - 100) <= SUM_TOLERANCE
                if len(values) == len(parts) and is_slip:
                    self.extract.problem(
                        Problem(self.file, cell.source_locator, "unit", cell.value_printed,
                                f"has the unit {cell.unit_printed}, but the shares of its region and year"
                                f" add up to {total.normalize():f} %", ("pct", "ratio")),
                        "contradicted share",
                    )  # fmt: skip

    def _unit(self, group: Group, cells: list[Cell], votes: dict[str, Cell], voted: set[str]) -> str:
        """The one unit that all figures of a group have; '' after a problem."""
        indicator = group[3]
        head = self.heads.get(group, "")
        answer = (
            ("headers", head, "{use: figure}") if head and group[2] else ("defaults", "indicator", "words")
        )

        def refuse(cell: Cell, message: str) -> str:
            self.extract.problem(
                Problem(self.file, cell.source_locator, "unit", cell.value_printed,
                        f"{message}; name the unit of {indicator} in the header, the title or a mapping file",
                        ("%", "pct", "ratio"), answer=answer),
                f"unit of {indicator} at {cell.source_locator}",
            )  # fmt: skip
            return ""

        given = [(c.value, c) for c in cells if c.value]
        if not given:
            return "pct"
        least, low = min(given, key=lambda pair: abs(pair[0]))
        greatest, high = max(given, key=lambda pair: abs(pair[0]))
        if len(votes) > 1:
            one, other = votes["pct"], votes["ratio"]
            return refuse(
                other, f"is a fraction and {one.value_printed!r} at {one.source_locator} a percentage"
            )
        if "ratio" in votes:
            return "ratio" if greatest <= 1 else refuse(high, "is above one in a column of fractions")
        if "pct" in votes:
            largest: dict[str, Decimal] = {}
            for value, cell in given:
                largest[cell.region_code] = max(value, largest.get(cell.region_code, value))
            for value, cell in given:
                # Less than one per cent is possible where the region's other years are small too.
                is_odd = abs(value) <= 1 and cell.source_locator not in voted
                if is_odd and not 1 < largest[cell.region_code] < 5:
                    return refuse(cell, "could be a fraction in a column of percentages")
            return "pct"
        if abs(least) > 1:
            return "pct"
        if greatest > 1:
            return refuse(low, f"could be a fraction beside {high.value_printed!r} at {high.source_locator}")
        n_regions = len({c.region_code for _, c in given})
        if indicator in NEVER_BELOW_ONE or n_regions >= N_REGIONS_OF_A_RANGE:
            return "ratio"
        return refuse(low, "prints no unit and could be a fraction or a percentage")
