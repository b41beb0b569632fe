"""Complete files of a user, with made-up figures: what the papers on exports of provinces and on cities of the
Yangtze delta need and the warehouse does not ship.

Where a provincial figure ships, the file carries it, as a file taken from the same yearbooks would.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd

from cbec.demo.papers import CITIES, PROVINCES, Level, draw
from cbec.demo.seeds import read_rows
from cbec.registry.series import shipped_figures
from tests.conftest import ROOT

SEEDS = ROOT / "seeds"
YEARS = range(2013, 2023)
DELTA_YEARS = range(2009, 2022)
# What ships for no province, or not for all years of the paper.
MORE_OF_PROVINCES = {
    "resident_population_year_end": Level(4400, 0.7, 0.005),
    "gdp": Level(27000, 0.8, 0.07),
    "gdp_primary": Level(2300, 0.8, 0.04),
    "gdp_secondary": Level(11000, 0.8, 0.06),
    "gdp_tertiary": Level(14000, 0.8, 0.09),
    "general_public_budget_revenue": Level(3000, 0.8, 0.06),
    "general_public_budget_expenditure": Level(6000, 0.5, 0.07),
    "science_expenditure": Level(150, 0.9, 0.1),
    "foreign_investment_actual": Level(300000, 0.9, 0.02),
    "deposits_year_end": Level(35000, 0.7, 0.1),
    "loans_year_end": Level(25000, 0.7, 0.12),
    "ecommerce_enterprises": Level(3000, 0.9, 0.15),
    "ecommerce_purchases": Level(2800, 1.1, 0.15),
    "ecommerce_sales": Level(4000, 1.1, 0.15),
    "websites_per_100_enterprises": Level(52, 0.1, -0.01),
}
MORE_OF_CITIES = {"employment": Level(500, 0.3, 0.01), "energy_use": Level(3000, 0.3, 0.02)}


def write_province_file(folder: Path, seed: int = 2) -> Path:
    """One csv of 30 provinces and ten years with every figure that the paper on exports needs."""
    codes = _names("province", {"540000"})
    levels = PROVINCES | MORE_OF_PROVINCES
    frame = draw(levels, list(codes), YEARS, np.random.default_rng(seed))
    shipped = shipped_figures(ROOT, levels).pivot_table(
        index=["region_code", "year"], columns="indicator_id", values="value"
    )
    frame.update(shipped.reindex(frame.index))
    # The three industries add up.
    industries = frame[["gdp_primary", "gdp_secondary", "gdp_tertiary"]]
    frame[list(industries)] = industries.div(industries.sum(axis=1), axis=0).mul(frame["gdp"], axis=0)
    return _write(folder / "分省数据.csv", "省份", codes, frame)


def write_city_file(folder: Path, seed: int = 3) -> Path:
    """One csv of the ten cities of the Yangtze delta with every figure of theirs that does not ship."""
    (sample,) = [
        row
        for row in read_rows(SEEDS / "registry/sample.csv")
        if row["sample_id"] == "yrd_ten_cities_2012_2021"
    ]
    names = _names("prefecture", set())
    codes = {code: names[code] for code in sample["included_regions"].split(";")}
    frame = draw(CITIES | MORE_OF_CITIES, list(codes), DELTA_YEARS, np.random.default_rng(seed))
    return _write(folder / "长三角城市.csv", "城市", codes, frame)


def _names(level: str, without: set[str]) -> dict[str, str]:
    return {
        row["region_code"]: row["name_zh"]
        for row in read_rows(SEEDS / "registry/region.csv")
        if row["region_level"] == level and not row["valid_to_year"] and row["region_code"] not in without
    }


def _write(path: Path, region: str, names: dict[str, str], frame: pd.DataFrame) -> Path:
    indicators = {row["indicator_id"]: row for row in read_rows(SEEDS / "registry/indicator.csv")}
    units = {row["unit"]: row["name_zh"] for row in read_rows(SEEDS / "registry/unit.csv")}
    heads = [f"{indicators[name]['name_zh']}（{units[indicators[name]['unit']]}）" for name in frame]
    places = [int(indicators[name]["decimals"] or 4) for name in frame]
    with path.open("w", encoding="utf-8-sig", newline="") as target:
        writer = csv.writer(target)
        writer.writerow([region, "年份", *heads])
        for (code, year), values in zip(frame.index, frame.to_numpy(), strict=True):
            printed = [f"{value:.{digits}f}" for value, digits in zip(values, places, strict=True)]
            writer.writerow([names[code], year, *printed])
    return path
