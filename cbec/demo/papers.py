"""What the papers on exports of provinces and on the Yangtze delta need beyond the simulated city yearbooks.

Drawn with random numbers of their own, so that what else the demo draws stays as it is; nothing is planted on
these columns. log x_it = log level + spread a_i + growth (t - t0) + 0.04 e_it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cbec.demo.yearbooks import growth_years

NOISE = 0.04


@dataclass(frozen=True)
class Level:
    """What is drawn for one indicator, in its own unit: level; spread and yearly growth in logs."""

    level: float
    spread: float
    growth: float


# Near the moments that the paper on manufacturing exports prints, or implies.
PROVINCES = {
    "manufacturing_exports": Level(2500, 1.2, 0.05),
    "exports": Level(3000, 1.2, 0.05),
    "imports": Level(2000, 1.2, 0.04),
    "cbec_express_volume": Level(600, 0.8, 0.2),
    "cbec_express_revenue": Level(20, 1.0, 0.2),
    "express_outlets": Level(3000, 0.6, 0.1),
    "long_distance_optical_cable": Level(30000, 0.5, 0.04),
    "internet_penetration": Level(45, 0.1, 0.025),
    "internet_users": Level(2400, 0.6, 0.04),
    "graduate_employment_share": Level(8, 0.3, 0.05),
    "green_area": Level(90000, 0.7, 0.03),
}
# Near the moments of the ten cities of the Yangtze delta; energy so that it is a share of a city's.
CITIES = {
    "logistics_fixed_investment": Level(90, 0.5, 0.09),
    "logistics_employment": Level(6, 0.5, 0.03),
    "logistics_energy_use": Level(60, 0.5, 0.03),
    "logistics_output": Level(250, 0.5, 0.08),
    "logistics_co2": Level(130, 0.5, 0.02),
    "cpi": Level(102, 0.0, 0.0),
    "institutional_innovation": Level(60, 0.15, 0.03),
}
# Noise of price indices: one per cent.
PRICE_NOISE = {"cpi": 0.01}
# Trillion yuan of the first year and yearly growth: total, exports, imports, all goods trade.
NATIONAL = {
    ("CBEC total (customs)", "imports+exports"): (0.9, 0.15),
    ("CBEC total (customs)", "exports"): (0.6, 0.17),
    ("CBEC total (customs)", "imports"): (0.3, 0.1),
    ("Goods trade (customs)", "imports+exports"): (28.0, 0.05),
}


def draw(
    levels: Mapping[str, Level], codes: Sequence[str], years: Sequence[int], rng: np.random.Generator
) -> pd.DataFrame:
    """One column an indicator, indexed by region_code and year, in the indicators' own units."""
    index = pd.MultiIndex.from_product([codes, years], names=["region_code", "year"])
    since = growth_years(np.asarray(years))
    columns = {}
    for name, item in levels.items():
        place = item.spread * np.clip(rng.normal(0, 1, len(codes)), -2, 2)
        noise = PRICE_NOISE.get(name, NOISE) * rng.normal(0, 1, (len(codes), len(years)))
        path = np.log(item.level) + place[:, None] + item.growth * since + noise
        columns[name] = np.exp(path).ravel()
    return pd.DataFrame(columns, index=index)


def backcast(
    rows: Iterable[Mapping[str, str]], first_year: int, rng: np.random.Generator
) -> list[dict[str, str]]:
    """The figures of a provincial series (rows of the yearbook seed, one region behind the other) again, and
    years before its first one, at six per cent of growth: a longer publication of the same series."""
    by_region: dict[tuple[str, str], list[Mapping[str, str]]] = {}
    for row in rows:
        by_region.setdefault((row["indicator_id"], row["region_code"]), []).append(row)
    out: list[dict[str, str]] = []
    for series in by_region.values():
        first = min(series, key=lambda row: int(row["year"]))
        value, places = float(first["value"]), len(first["value"].partition(".")[2])
        out += [dict(row) for row in series]
        for year in range(int(first["year"]) - 1, first_year - 1, -1):
            value *= float(np.exp(-0.06 + NOISE * rng.normal()))
            out.append(dict(first) | {"year": str(year), "value": f"{value:.{places}f}"})
    return out


def macro_series(years: Sequence[int], seed: int) -> list[dict[str, str]]:
    """National cross-border e-commerce, as rows of the seed macro_series."""
    rng = np.random.default_rng([seed, 4])
    since = growth_years(np.asarray(years))
    rows = []
    for (group, series), (level, growth) in NATIONAL.items():
        path = level * np.exp(growth * since + 0.01 * rng.normal(0, 1, len(years)))
        for year, value in zip(years, path, strict=True):
            rows.append(
                {
                    "series_group": group, "series": series, "period": str(year), "value": f"{value:.2f}",
                    "value_printed": f"{value:.2f}", "unit": "trn yuan", "caliber": "GAC survey (revised)",
                    "source": "simulation", "verified": "yes", "note": "simulated",
                }
            )  # fmt: skip
    return [{"series_no": str(number)} | row for number, row in enumerate(rows, 1)]
