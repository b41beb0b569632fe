"""Simulated city yearbooks with a known treatment effect and planted, logged defects.

Two pure functions: `simulate_yearbooks` draws the long table, the log of defects and the effects;
`write_yearbooks` puts the table into the messy files people have. No real value is read, only names,
codes and approval years of the registry.

Model, for indicator j, city i, year t (natural logs):
    y_jit = m_j + s_j (0.6 d_i + 0.7 z_i + 0.39 a_ji) + g_j (t - t0) + b_jt + 0.5 c_it + tau_j(G_i, t - G_i) + e_jit
d_i: development, higher in cities approved early (the confounder); z_i: size; c_it = 0.012 d_i (t - t0) its trend,
which is linear in the printed urban share; e: AR(1) with persistence 0.5; tau: the effect, by approval year and
event year. GDP is produced: log Y = 0.78 + 0.4 log K + 0.4 log L + 0.2 log E + 0.02 (t - t0) + theta_it with planted
productivity theta_it = -|u_i| + 0.5 c_it + tau + e, capital K from investment by perpetual inventory, and
emissions that rise with energy and fall with theta.
"""

from __future__ import annotations

import csv
import datetime
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.interpolate import CubicSpline

from cbec.demo.seeds import approval_years, read_rows
from cbec.project import literal

Array = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
VINTAGE = "simulated"
TITLE = "城市统计资料（模拟数据，非真实统计）"
PERSISTENCE = 0.5
UNROUNDED_SHARE = 0.25
MISSING_SHARE = 0.003


@dataclass(frozen=True)
class Indicator:
    """What is drawn for one column: log mean and spread near the papers' moments, growth, noise, effect."""

    indicator_id: str
    name_zh: str
    unit: str
    unit_zh: str
    decimals: int
    mean: float
    spread: float
    growth: float
    noise: float
    effect: float = 0.0
    # Whether a province's figure is the sum of its cities'.
    is_summable: bool = True


# Levels are those of these years whatever the window, so that forty years neither end above what is possible
# nor begin below it.
FIRST_YEAR = 2009
MIDDLE_YEAR = 2016
PACE_BEFORE = 0.25
# Fifty made-up cities make a province; at a third of a real city's size their totals are a real one's.
MADE_UP_SIZE = 1 / 3
# What a province's cities may add up to before the effect and what belongs to no city, of the possible.
LARGEST_SHARE_OF_BOUND = 0.8
# Output elasticities of capital, labour and energy, yearly technical progress, and the effect on productivity.
ELASTICITIES = (0.4, 0.4, 0.2)
TECHNICAL_PROGRESS = 0.02
PRODUCTIVITY_EFFECT = 0.06
DEPRECIATION = 0.096


# Means and spreads: the descriptive tables of the two city studies, in the printed unit.
INDICATORS = (
    Indicator("employment", "从业人员", "10k_persons", "万人", 2, 5.2, 0.7, 0.01, 0.02),
    Indicator("fixed_asset_investment", "固定资产投资额", "100m_yuan", "亿元", 2, 6.9, 0.9, 0.09, 0.06),
    Indicator("energy_use", "能源消费总量", "10k_t", "万吨标准煤", 2, 6.9, 0.8, 0.03, 0.03),
    Indicator("green_invention_patents", "绿色发明专利申请量", "items", "件", 0, 4.6, 1.7, 0.14, 0.2, 0.15),
    Indicator("green_utility_patents", "绿色实用新型专利申请量", "items", "件", 0, 5.0, 1.5, 0.15, 0.2, 0.12),
    Indicator("university_students_enrolled", "普通本专科在校学生数", "persons", "人", 0, 10.66, 1.3, 0.02, 0.03),
    Indicator("foreign_investment_actual", "实际使用外资金额", "10k_usd", "万美元", 0, 10.0, 1.9, 0.02, 0.2, 0.05),
    Indicator("loans_year_end", "年末金融机构贷款余额", "10k_yuan", "万元", 0, 16.62, 1.15, 0.12, 0.03, 0.03),
    Indicator("deposits_year_end", "年末金融机构存款余额", "10k_yuan", "万元", 0, 17.0, 1.0, 0.11, 0.03),
    Indicator("household_deposits_year_end", "住户存款余额", "10k_yuan", "万元", 0, 16.4, 0.9, 0.12, 0.03, 0.03),
    Indicator("pm25", "细颗粒物年均浓度", "ug_per_m3", "微克/立方米", 2, 3.7, 0.3, -0.04, 0.06, -0.02, False),
    Indicator("strategic_industry_employees", "战略性新兴产业上市公司员工数", "persons", "人", 0, 8.0, 1.7, 0.08, 0.1, 0.08),
    Indicator("average_wage", "在岗职工平均工资", "yuan", "元", 0, 10.9, 0.15, 0.09, 0.02, 0.01, False),
    Indicator("universities", "普通高等学校数", "institutions", "所", 0, 1.6, 0.9, 0.01, 0.02),
    Indicator("broadband_subscribers", "互联网宽带接入用户数", "10k_subscribers", "万户", 2, 4.2, 0.8, 0.12, 0.05, 0.05),
    Indicator("telecom_business_volume", "电信业务总量", "10k_yuan", "万元", 0, 12.9, 0.8, 0.06, 0.1, 0.04),
    Indicator("pollution_control_investment", "环境污染治理投资额", "10k_yuan", "万元", 0, 10.6, 1.1, 0.03, 0.3),
    Indicator("emission_trading_volume", "排放权交易额", "10k_yuan", "万元", 2, 5.5, 1.5, 0.15, 0.4),
    Indicator("household_waste_treatment_rate", "生活垃圾无害化处理率", "pct", "%", 2, 4.5, 0.05, 0.004, 0.02, 0.0, False),
    Indicator("ai_enterprises", "人工智能企业数", "enterprises", "个", 0, 4.0, 1.6, 0.2, 0.15, 0.1),
    Indicator("data_asset_word_frequency", "数据资产词频", "log", "对数", 3, 0.6, 0.3, 0.05, 0.1, 0.03, False),
    Indicator("trade_total_operator_rmb", "货物进出口总额", "10k_yuan", "万元", 0, 14.3, 1.8, 0.06, 0.12, 0.08),
    Indicator("science_expenditure", "科学技术支出", "10k_yuan", "万元", 0, 10.6, 1.2, 0.13, 0.15, 0.06),
    Indicator("general_public_budget_expenditure", "地方一般公共预算支出", "10k_yuan", "万元", 0, 15.0, 0.75, 0.1, 0.04, 0.05),
    Indicator("general_public_budget_revenue", "地方一般公共预算收入", "10k_yuan", "万元", 0, 14.0, 1.0, 0.1, 0.05),
    Indicator("retail_sales_consumer_goods", "社会消费品零售总额", "10k_yuan", "万元", 0, 15.7, 0.9, 0.09, 0.03, 0.1),
    Indicator("resident_population_year_end", "年末常住人口", "10k_persons", "万人", 2, 5.9, 0.65, 0.003, 0.006),
    Indicator("patent_applications", "专利申请受理量", "items", "件", 0, 7.9, 1.6, 0.14, 0.12, 0.1),
    Indicator("patent_grants", "专利申请授权量", "items", "件", 0, 7.4, 1.6, 0.15, 0.12, 0.1),
)  # fmt: skip

# What follows from the columns above and from planted productivity; mean, spread, growth, noise and effect are
# those of the equation, not of the column.
PRODUCED = (
    Indicator("gdp", "地区生产总值", "100m_yuan", "亿元", 2, 0.78, 0.35, TECHNICAL_PROGRESS, 0.02, PRODUCTIVITY_EFFECT),
    Indicator("gdp_primary", "第一产业增加值", "100m_yuan", "亿元", 2, -2.3, 0.5, -0.03, 0.03),
    Indicator("gdp_secondary", "第二产业增加值", "100m_yuan", "亿元", 2, 0, 0, 0, 0),
    Indicator("gdp_tertiary", "第三产业增加值", "100m_yuan", "亿元", 2, -0.1, 0.42, 0.03, 0.03, 0.04),
    Indicator("industrial_so2", "工业二氧化硫排放量", "t", "吨", 0, 9.9, 0.5, -0.10, 0.15, -1.5),
    Indicator("industrial_dust", "工业烟（粉）尘排放量", "t", "吨", 0, 9.6, 0.5, -0.06, 0.15, -1.5),
    Indicator("industrial_wastewater", "工业废水排放量", "10k_t", "万吨", 0, 8.3, 0.5, -0.03, 0.1, -1.0),
    Indicator("co2_emissions_inventory", "二氧化碳排放量", "10k_t", "万吨", 2, 7.8, 0.15, 0.0, 0.03, -0.5),
    Indicator("gdp_secondary_share", "第二产业占地区生产总值的比重", "pct", "%", 2, 0, 0, 0, 0, 0.0, False),
    Indicator("gdp_per_capita_printed", "人均地区生产总值", "yuan", "元", 0, 0, 0, 0, 0, 0.0, False),
    Indicator("urban_population_share", "常住人口城镇化率", "pct", "%", 2, 45, 6.0, 0.9, 0.15, 0.0, False),
    Indicator("data_exchange", "有无数据交易平台", "yes_no", "是否", 0, 0, 0, 0, 0, 0.0, False),
)  # fmt: skip
DEFINITIONS = {item.indicator_id: item for item in (*INDICATORS, *PRODUCED)}

# What remarks at figures of workbooks say, and the status that it means: every letter goes from a page to a
# table of estimates. On a column that no identity ties to others; the figure itself is as drawn.
REMARKS = {
    "I": "线性插值",
    "F": "预测数",
    "E": "估算数",
    "P": "快报数",
    "B": "与上年不可比",
    "D": "统计口径调整",
}
REMARKED, N_REMARKS = "retail_sales_consumer_goods", 5


@dataclass(frozen=True)
class Yearbooks:
    """cells: one row per printed cell; defects: one row per cell that is not what the model drew; effects: one
    row per indicator, approval year and event year with the mean effect on the log and on the level, against the
    same draws without treatment; productivity: one row per city and year with planted theta; remarks: one row
    per figure of which its page says something, with the status letter."""

    cells: pd.DataFrame
    defects: pd.DataFrame
    effects: pd.DataFrame
    productivity: pd.DataFrame
    remarks: pd.DataFrame


def effect(base: float, cohort: int, event_year: int) -> float:
    """Effect in log points: none before approval, then building up; later cohorts gain less."""
    if event_year < 0:
        return 0.0
    return float(base * (1.0 - 0.08 * (cohort - 2015)) * (1.0 - np.exp(-(event_year + 1) / 2.0)))


def demo_cities(seeds: Path) -> pd.DataFrame:
    """The 285 prefecture-level cities whose code is valid from 2009 to 2024, with names by year of renaming."""
    region = pd.DataFrame(read_rows(seeds / "registry/region.csv"))
    region = region[(region.region_level == "prefecture") & (region.is_city == "true")]
    first = pd.to_numeric(region.valid_from_year.replace("", "0"))
    last = pd.to_numeric(region.valid_to_year.replace("", "9999"))
    spans = pd.DataFrame({"code": region.region_code, "first": first, "last": last}).groupby("code")
    whole = (spans["first"].min() <= 2009) & (spans["last"].max() >= 2024)
    kept = region[region.region_code.isin(whole.index[whole])].assign(first=first, last=last)
    return kept.sort_values(["region_code", "first"]).reset_index(drop=True)


def growth_years(years: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> Array:
    """Years of growth since FIRST_YEAR, shape (years,); before it everything moves at a quarter of the pace."""
    since = (years - FIRST_YEAR).astype(float)
    return np.asarray(np.where(since < 0, PACE_BEFORE * since, since))


def _made_up_codes(seeds: Path, n: int) -> list[str]:
    """Codes of n cities, at most 50 to a province as in the country, in prefixes that no province has."""
    used = {row["region_code"][:2] for row in read_rows(seeds / "registry/region.csv")}
    free = [str(prefix) for prefix in range(16, 100) if str(prefix) not in used | {"71", "81", "82"}]
    return [f"{free[k // 50]}{k % 50 + 1:02d}00" for k in range(n)]


def simulate_yearbooks(
    seeds: Path, *, seed: int = 20150307, units: int = 285, first_year: int = FIRST_YEAR, n_years: int = 15
) -> Yearbooks:
    """Draw the yearbooks. seeds: the project's seeds folder; units beyond the 285 cities lie in made-up provinces.

    The same arguments give the same tables. Raises ValueError outside 40 to 3,000 units and 10 to 40 years.
    """
    if not 40 <= units <= 3000 or not 10 <= n_years <= 40:
        raise ValueError(f"{units} units x {n_years} years; allowed: 40 to 3000 units, 10 to 40 years")
    rng = np.random.default_rng(seed)
    cities = demo_cities(seeds).drop_duplicates("region_code", keep="last")
    made_up = _made_up_codes(seeds, max(0, units - len(cities)))
    codes = [*cities.region_code, *made_up][:units]
    provinces = np.array([*cities.province_code, *(f"{code[:2]}0000" for code in made_up)][:units])
    # No zone of the registry lies in a made-up city: those are never treated.
    starts = approval_years(seeds)
    cohort = np.array([min(starts.get(f"city {code}", [9999])) for code in codes])
    years = np.arange(first_year, first_year + n_years)

    development = rng.normal(0, 1, units) + np.clip((2024 - np.minimum(cohort, 2024)) / 6.0, 0, 1.5)
    development = (development - development.mean()) / development.std()
    size = rng.normal(0, 1, units)
    trend = 0.012 * development[:, None] * growth_years(years)[None, :]
    scale = np.where(np.arange(units) < len(cities), 0.0, np.log(MADE_UP_SIZE))
    city = _Cities(development, size, scale, trend, cohort, years)
    logs = {item.indicator_id: _draw(item, city, rng) for item in INDICATORS}
    _shrink_giants(logs, provinces, bounds(seeds, "province"))
    shocks = _production_shocks(city, rng)
    columns, theta = _produce(logs, shocks, city, with_effect=True)
    untreated, _ = _produce(logs, shocks, city, with_effect=False)
    clean = {name: np.round(values, DEFINITIONS[name].decimals) for name, values in columns.items()}
    clean["gdp"] = np.round(clean["gdp_primary"] + clean["gdp_secondary"] + clean["gdp_tertiary"], 2)
    totals = _province_totals(clean, DEFINITIONS, provinces)
    printed, log = _plant(
        clean, DEFINITIONS, provinces, totals, years, codes, rng, bounds(seeds, "prefecture")
    )
    cells = _cells(printed, DEFINITIONS, codes, years, "prefecture", rng)
    province_cells = _cells(
        {name: (total, np.zeros_like(total, dtype=bool)) for name, (_, total) in totals.items()},
        DEFINITIONS, list(next(iter(totals.values()))[0]), years, "province", None,
    )  # fmt: skip
    productivity = pd.DataFrame(
        {
            "region_code": np.repeat(codes, n_years),
            "year": np.tile(years, units).astype("int32"),
            "theta": theta.ravel(),
        }
    )
    defects = pd.DataFrame(log)
    remarks = _remarks(cells, defects, seed)
    return Yearbooks(
        pd.concat([_remarked(cells, remarks), province_cells], ignore_index=True),
        defects,
        _effects(columns, untreated, city),
        productivity,
        remarks,
    )


def _remarks(cells: pd.DataFrame, defects: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Figures with a remark, in workbooks and in cities where nothing else is planted on the column."""
    planted = defects.loc[defects["indicator_id"] == REMARKED, "region_code"]
    free = cells[
        (cells["indicator_id"] == REMARKED)
        & cells["value_printed"].notna()
        & (cells["year"] % 2 == 0)
        & ~cells["region_code"].isin(planted)
    ].drop_duplicates("region_code")
    # Numbers of its own: what else is drawn stays as it is.
    chosen = free.sample(min(len(free), N_REMARKS * len(REMARKS)), random_state=seed)
    letters = [list(REMARKS)[k % len(REMARKS)] for k in range(len(chosen))]
    found = chosen[["region_code", "year", "indicator_id"]].assign(obs_status=letters)
    return found.sort_values(["year", "region_code"], ignore_index=True)


def _remarked(cells: pd.DataFrame, remarks: pd.DataFrame) -> pd.DataFrame:
    keys = ["region_code", "year", "indicator_id"]
    said = cells[keys].merge(remarks, on=keys, how="left")["obs_status"]
    return cells.assign(obs_status_all=said.where(said.notna(), cells["obs_status_all"]))


@dataclass(frozen=True)
class _Cities:
    """development, size, log_scale and cohort, shape (units,); trend, shape (units, years); years,
    shape (years,)."""

    development: Array
    size: Array
    log_scale: Array
    trend: Array
    cohort: np.ndarray[tuple[int, ...], np.dtype[np.int64]]
    years: np.ndarray[tuple[int, ...], np.dtype[np.int64]]

    def tau(self, base: float) -> Array:
        """The effect in log points, shape (units, years)."""
        return np.array([[effect(base, int(g), int(t - g)) for t in self.years] for g in self.cohort])

    def noise(self, scale: float, rng: np.random.Generator) -> Array:
        """Stationary AR(1) errors with standard deviation `scale`, shape (units, years)."""
        units, n_years = self.trend.shape
        error = np.empty((units, n_years))
        error[:, 0] = rng.normal(0, scale, units)
        shocks = rng.normal(0, scale * np.sqrt(1 - PERSISTENCE**2), (units, n_years))
        for t in range(1, n_years):
            error[:, t] = PERSISTENCE * error[:, t - 1] + shocks[:, t]
        return error


def _draw(item: Indicator, city: _Cities, rng: np.random.Generator) -> Array:
    """Logs without the effect, shape (units, years), of one indicator."""
    units, n_years = city.trend.shape
    middle = growth_years(city.years) + FIRST_YEAR - MIDDLE_YEAR
    error = city.noise(item.noise, rng)
    # No city lies further out than real ones do.
    place = 0.6 * city.development + 0.7 * city.size + 0.39 * rng.normal(0, 1, units)
    level = item.spread * np.clip(place, -2.3, 2.3) + (city.log_scale if item.is_summable else 0.0)
    growth = item.growth + rng.normal(0, abs(item.growth) / 4 + 0.002, units)
    year_effect = rng.normal(0, 0.015, n_years)
    loading = 0.5 if item.effect else 0.0
    return np.asarray(
        item.mean
        + level[:, None]
        + growth[:, None] * middle
        + year_effect[None, :]
        + loading * city.trend
        + error
    )


def _production_shocks(city: _Cities, rng: np.random.Generator) -> dict[str, Array]:
    """What the produced columns draw beyond their inputs; productivity without the effect under "theta"."""
    units = city.trend.shape[0]
    shocks: dict[str, Array] = {}
    output = DEFINITIONS["gdp"]
    slack = np.abs(rng.normal(0, output.spread, units))[:, None]
    shocks["theta"] = -slack + 0.5 * city.trend + city.noise(output.noise, rng)
    for item in PRODUCED[1:8]:
        shocks[item.indicator_id] = item.spread * rng.normal(0, 1, units)[:, None] + city.noise(
            item.noise, rng
        )
    shocks["urban_population_share"] = city.noise(DEFINITIONS["urban_population_share"].noise, rng)
    exchange = np.zeros_like(city.trend)
    exchange[rng.choice(units, units // 20, replace=False), city.trend.shape[1] // 2 :] = 1
    shocks["data_exchange"] = exchange
    return shocks


def perpetual_inventory(investment: Array, depreciation: float) -> Array:
    """Capital stock, shape of investment (units, years): K_0 = I_0 / (g + d), K_t = (1 - d) K_{t-1} + I_t, g the mean
    log growth of investment over its first five years (Harberger 1978)."""
    growth = np.log(investment[:, 4] / investment[:, 0]) / 4
    stock = np.empty_like(investment)
    stock[:, 0] = investment[:, 0] / (growth + depreciation)
    for t in range(1, investment.shape[1]):
        stock[:, t] = (1 - depreciation) * stock[:, t - 1] + investment[:, t]
    return stock


def _produce(
    logs: dict[str, Array], shocks: dict[str, Array], city: _Cities, *, with_effect: bool
) -> tuple[dict[str, Array], Array]:
    """Every column in its printed unit, and productivity theta, with or without the treatment."""
    since = growth_years(city.years)[None, :]
    middle = since + FIRST_YEAR - MIDDLE_YEAR

    def tau(item: Indicator) -> Array | float:
        return city.tau(item.effect) if with_effect and item.effect else 0.0

    columns = {item.indicator_id: np.exp(logs[item.indicator_id] + tau(item)) for item in INDICATORS}
    columns["household_waste_treatment_rate"] = np.minimum(columns["household_waste_treatment_rate"], 100.0)
    output, tertiary = DEFINITIONS["gdp"], DEFINITIONS["gdp_tertiary"]
    theta = shocks["theta"] + tau(output)
    capital = perpetual_inventory(columns["fixed_asset_investment"], DEPRECIATION)
    inputs = (capital, columns["employment"], columns["energy_use"])
    factor = sum(share * np.log(x) for share, x in zip(ELASTICITIES, inputs, strict=True))
    gdp = np.exp(output.mean + factor + output.growth * since + theta)
    primary = np.minimum(np.exp(-2.3 - 0.03 * middle + shocks["gdp_primary"]), 0.5)
    ratio = np.exp(
        tertiary.mean
        + tertiary.growth * middle
        + shocks["gdp_tertiary"]
        + shocks["gdp_secondary"]
        + tau(tertiary)
    )
    columns["gdp_primary"] = gdp * primary
    columns["gdp_secondary"] = gdp * (1 - primary) / (1 + ratio)
    columns["gdp_tertiary"] = gdp * (1 - primary) * ratio / (1 + ratio)
    columns["gdp"] = gdp
    energy = np.log(columns["energy_use"]) - DEFINITIONS["energy_use"].mean
    for item in PRODUCED[4:8]:
        # Here the effect of an emission is its elasticity to productivity.
        columns[item.indicator_id] = np.exp(
            item.mean
            + (1.0 if item.indicator_id.startswith("co2") else 0.8) * energy
            + item.effect * (theta + 0.28)
            + item.growth * middle
            + shocks[item.indicator_id]
        )
    columns["gdp_secondary_share"] = 100 * columns["gdp_secondary"] / gdp
    columns["gdp_per_capita_printed"] = gdp / columns["resident_population_year_end"] * 10000
    urban = DEFINITIONS["urban_population_share"]
    columns["urban_population_share"] = np.clip(
        urban.mean
        + urban.spread * city.development[:, None]
        + urban.growth * since
        + 25 * city.trend
        + shocks["urban_population_share"],
        5,
        99,
    )
    columns["data_exchange"] = shocks["data_exchange"]
    return columns, np.asarray(theta)


def _effects(treated: dict[str, Array], untreated: dict[str, Array], city: _Cities) -> pd.DataFrame:
    """Mean effect by indicator, approval year and event year: on the log, and on the level."""
    frames = []
    for name in sorted(treated):
        if name == "data_exchange":
            continue
        difference = np.log(treated[name]) - np.log(untreated[name])
        level = treated[name] - untreated[name]
        for g in sorted({int(g) for g in city.cohort if g <= city.years[-1]}):
            rows = city.cohort == g
            frames.append(
                pd.DataFrame(
                    {
                        "indicator_id": name,
                        "cohort": g,
                        "event_year": city.years - g,
                        "n_cities": int(rows.sum()),
                        "effect": difference[rows].mean(axis=0),
                        "effect_level": level[rows].mean(axis=0),
                    }
                )
            )
    return pd.concat(frames, ignore_index=True)


def bounds(seeds: Path, region_level: str) -> dict[str, tuple[float, float]]:
    """The least and the greatest value that import validation accepts, by indicator, in the printed unit."""
    scale = {row["unit"]: int(row["scale"]) for row in read_rows(seeds / "registry/unit.csv")}
    own = {row["indicator_id"]: row["unit"] for row in read_rows(seeds / "registry/indicator.csv")}
    found = dict.fromkeys(DEFINITIONS, (-np.inf, np.inf))
    for row in read_rows(seeds / "registry/indicator_bound.csv"):
        name = row["indicator_id"]
        if row["region_level"] == region_level and name in found:
            factor = 10.0 ** (scale[own[name]] - scale[DEFINITIONS[name].unit])
            found[name] = (float(row["minimum"]) * factor, float(row["maximum"]) * factor)
    return found


def _shrink_giants(
    logs: dict[str, Array],
    provinces: np.ndarray[tuple[int, ...], np.dtype[np.str_]],
    bounds: dict[str, tuple[float, float]],
) -> None:
    """Scale the cities of a province down, in place, where the draw adds up to more than a province can have."""
    for item in INDICATORS:
        ceiling = LARGEST_SHARE_OF_BOUND * bounds[item.indicator_id][1]
        if not item.is_summable or not np.isfinite(ceiling):
            continue
        for code in set(provinces):
            own = provinces == code
            total = np.exp(logs[item.indicator_id][own]).sum(axis=0).max()
            logs[item.indicator_id][own] -= max(0.0, float(np.log(total / ceiling)))


def _province_totals(
    clean: dict[str, Array],
    definitions: dict[str, Indicator],
    provinces: np.ndarray[tuple[int, ...], np.dtype[np.str_]],
) -> dict[str, tuple[list[str], Array]]:
    """Sum over the cities of each province, plus a twentieth for what belongs to no city here."""
    codes = sorted(set(provinces))
    member = np.array([[province == code for province in provinces] for code in codes], dtype=float)
    return {
        name: (codes, np.round(1.05 * (member @ values), definitions[name].decimals))
        for name, values in clean.items()
        if definitions[name].is_summable
    }


class _Planter:
    """Defects on the printed values; each cell gets at most one, and fills keep their anchors."""

    def __init__(
        self,
        clean: dict[str, Array],
        definitions: dict[str, Indicator],
        years: np.ndarray[tuple[int, ...], np.dtype[np.int64]],
        codes: list[str],
        rng: np.random.Generator,
    ) -> None:
        self.values = {name: values.copy() for name, values in clean.items()}
        self.clean, self.definitions, self.years, self.codes, self.rng = clean, definitions, years, codes, rng
        self.is_used = {name: np.zeros(values.shape, dtype=bool) for name, values in clean.items()}
        self.is_unrounded = {name: np.zeros(values.shape, dtype=bool) for name, values in clean.items()}
        self.log: list[dict[str, object]] = []

    def put(
        self,
        name: str,
        i: int,
        first: int,
        new: Array,
        defect: str,
        anchors: list[int],
        *,
        rounded: bool,
        row: bool,
    ) -> None:
        for k, value in enumerate(new):
            t = first + k
            kept = round(float(value), self.definitions[name].decimals) if rounded else float(value)
            self.values[name][i, t] = kept
            self.is_unrounded[name][i, t] = not rounded
            self.log.append(
                {
                    "region_code": self.codes[i], "year": int(self.years[t]), "indicator_id": name, "defect": defect,
                    "run_length": len(new), "anchor_years": [int(self.years[a]) for a in anchors],
                    "value_clean": float(self.clean[name][i, t]), "value_planted": kept, "is_rounded": rounded,
                    "is_row": row,
                    # A fill that gives what was printed anyway is no defect.
                    "is_changed": kept != float(self.clean[name][i, t]),
                }
            )  # fmt: skip

    def place(self, name: str, length: int, before: int, after: int) -> tuple[int, int] | None:
        """A city and first year with room for a run and its anchors, none of it used; None after 50 tries."""
        units, n_years = self.clean[name].shape
        for _ in range(50):
            i = int(self.rng.integers(units))
            t = int(self.rng.integers(before, n_years - after - length + 1))
            window = slice(max(0, t - before - 1), t + length + after + 1)
            if not self.is_used[name][i, window].any():
                self.is_used[name][i, window] = True
                return i, t
        return None


def _line(x: Array, t: int, k: int) -> Array:
    return np.asarray(x[t - 1] + (x[t + k] - x[t - 1]) * np.arange(1, k + 1) / (k + 1))


def _curve(x: Array, t: int, k: int) -> Array:
    return np.asarray(np.exp(_line(np.log(np.maximum(x, 1e-9)), t, k)))


def _mean(x: Array, t: int, k: int) -> Array:
    path = [float(x[t - 2]), float(x[t - 1])]
    for _ in range(k):
        path.append((path[-1] + path[-2]) / 2)
    return np.array(path[2:])


def _spline(x: Array, t: int, k: int) -> Array:
    """The cubic spline through every other year, read at the gap."""
    others = np.r_[0:t, t + k : len(x)]
    return np.asarray(CubicSpline(others, x[others])(np.arange(t, t + k)))


def _plant(
    clean: dict[str, Array],
    definitions: dict[str, Indicator],
    provinces: np.ndarray[tuple[int, ...], np.dtype[np.str_]],
    totals: dict[str, tuple[list[str], Array]],
    years: np.ndarray[tuple[int, ...], np.dtype[np.int64]],
    codes: list[str],
    rng: np.random.Generator,
    bounds: dict[str, tuple[float, float]],
) -> tuple[dict[str, tuple[Array, np.ndarray[tuple[int, ...], np.dtype[np.bool_]]]], list[dict[str, object]]]:
    """Planted values with a mark on unrounded ones, by indicator, and the log."""
    plan = _Planter(clean, definitions, years, codes, rng)
    units, n_years = clean["gdp"].shape
    names = sorted(clean)
    scale = units * n_years / (285 * 15)

    # Whole rows: one page missing, filled in one way. Years a row needs stay clear in every column.
    for defect, count in (("linear", 36), ("geometric", 18), ("carry_forward", 18), ("duplicated_year", 10), ("shifted_row", 8)):  # fmt: skip
        for _ in range(round(count * scale)):
            spot = plan.place(names[0], 1, 1, 1)
            if spot is None:
                continue
            i, t = spot
            for name in names:
                plan.is_used[name][i, max(0, t - 2) : t + 3] = True
                x = plan.values[name][i]
                anchors = [t - 1, t + 1] if defect in ("linear", "geometric") else [t - 1]
                if defect == "linear":
                    new = _line(x, t, 1)
                elif defect == "geometric":
                    new = _curve(x, t, 1)
                elif defect == "shifted_row":
                    new, anchors = clean[name][(i + 1) % units, t : t + 1], []
                else:
                    new = x[t - 1 : t]
                plan.put(name, i, t, new, defect, anchors, rounded=True, row=True)

    # Single cells and short runs. Where the fill cannot differ from a repeat, nothing is planted.
    for name in names:
        if name == "data_exchange":
            continue
        for defect, count, lengths, before, after in (
            ("linear", 9, (1, 2, 3), 1, 1), ("geometric", 9, (1, 2, 3), 1, 1), ("carry_forward", 6, (1, 2), 2, 1),
            ("moving_average", 6, (1, 2), 2, 1), ("share", 6, (1, 2), 1, 1), ("spline", 3, (4, 5), 2, 2),
            ("unit_slip", 2, (1,), 1, 1), ("province_total", 1, (1,), 1, 1), ("boundary_jump", 1, (3,), 1, 0),
        ):  # fmt: skip
            if defect in ("share", "province_total") and name not in totals:
                continue
            for _ in range(round(count * scale)):
                k = int(rng.choice(lengths))
                rounded = bool(rng.random() >= UNROUNDED_SHARE) or defect not in (
                    "linear",
                    "geometric",
                    "spline",
                )
                spot = plan.place(name, k, before, after)
                if spot is None:
                    continue
                i, t = spot
                if defect == "share" and (provinces == provinces[i]).sum() < 4:
                    continue
                x = plan.values[name][i]
                province = totals[name][0].index(provinces[i]) if name in totals else -1
                anchors = [t - 1, t + k]
                if defect == "linear":
                    new = _line(x, t, k)
                elif defect == "geometric":
                    new = _curve(x, t, k)
                elif defect == "carry_forward":
                    new, anchors = np.repeat(x[t - 1], k), [t - 1]
                elif defect == "moving_average":
                    new, anchors = _mean(x, t, k), [t - 2, t - 1]
                elif defect == "share":
                    p = totals[name][1][province]
                    new, anchors = x[t - 1] * p[t : t + k] / p[t - 1], [t - 1]
                elif defect == "spline":
                    new, anchors = _spline(x, t, k), [t - 1, t + k]
                elif defect == "unit_slip":
                    new, anchors = x[t : t + 1] * 10.0 ** rng.choice([-4, 1, 4]), []
                elif defect == "province_total":
                    new, anchors = totals[name][1][province][t : t + 1], []
                elif plan.is_used[name][i, t + k + 1 :].any():
                    continue
                else:
                    k = n_years - t
                    new, anchors = x[t:] * 1.3, []
                    plan.is_used[name][i, t:] = True
                if not bounds[name][0] <= new.min() <= new.max() <= bounds[name][1]:
                    # Import validation refuses such a file.
                    continue
                plan.put(name, i, t, new, defect, anchors, rounded=rounded, row=False)
    return {name: (plan.values[name], plan.is_unrounded[name]) for name in names}, plan.log


def _cells(
    printed: dict[str, tuple[Array, np.ndarray[tuple[int, ...], np.dtype[np.bool_]]]],
    definitions: dict[str, Indicator],
    codes: list[str],
    years: np.ndarray[tuple[int, ...], np.dtype[np.int64]],
    level: str,
    rng: np.random.Generator | None,
) -> pd.DataFrame:
    """Long table of printed text; rng draws which cells are blank, None leaves none blank."""
    frames = []
    for name in sorted(printed):
        values, is_unrounded = printed[name]
        text = np.char.mod(f"%.{definitions[name].decimals}f", values.ravel())
        loose = is_unrounded.ravel()
        text = text.astype(object)
        text[loose] = [f"{value:.8f}".rstrip("0").rstrip(".") for value in values.ravel()[loose]]
        is_blank = np.zeros(text.shape, dtype=bool) if rng is None else rng.random(text.shape) < MISSING_SHARE
        text[is_blank] = None
        frames.append(
            pd.DataFrame(
                {
                    "region_level": level,
                    "region_code": np.repeat(codes, len(years)),
                    "year": np.tile(years, len(codes)).astype("int32"),
                    "indicator_id": name,
                    "vintage": VINTAGE,
                    "value_printed": text,
                    "unit_printed": definitions[name].unit,
                    "obs_status_all": np.where(is_blank, "O", "A"),
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def write_truth(books: Yearbooks, folder: Path) -> None:
    """demo_truth, demo_effect, demo_productivity and demo_remark as Parquet; only tests and
    quality.detector_score read them."""
    import duckdb

    folder.mkdir(parents=True, exist_ok=True)
    tables = {
        "demo_truth": books.defects,
        "demo_effect": books.effects,
        "demo_productivity": books.productivity,
        "demo_remark": books.remarks,
    }
    with duckdb.connect() as connection:
        for name, frame in tables.items():
            connection.register("frame", frame)
            path = literal(folder / f"{name}.parquet")
            connection.execute(f"copy (select * from frame) to {path} (format parquet)")


def write_yearbooks(books: Yearbooks, seeds: Path, folder: Path) -> list[Path]:
    """The cells as people have them, every file said to be simulated. Paths in year order, provinces last.

    Cities: odd years as GB18030 CSV with a two-row header, even years as xlsx with merged cells; names of their
    year, symbols for blanks. Provinces: one CSV with a byte-order mark, years down. seeds: names of regions.
    """
    folder.mkdir(parents=True, exist_ok=True)
    region = pd.DataFrame(read_rows(seeds / "registry/region.csv"))
    first = pd.to_numeric(region.valid_from_year.replace("", "0"))
    last = pd.to_numeric(region.valid_to_year.replace("", "9999"))
    cells = books.cells[books.cells.region_level == "prefecture"]
    indicators = sorted(cells.indicator_id.unique())
    named = headings(seeds)
    headers = [named[name][0] for name in indicators]
    units = [named[name][1] for name in indicators]
    paths = []
    for key, of_year in cells.groupby("year"):
        year = int(str(key))
        wide = of_year.pivot(index="region_code", columns="indicator_id", values="value_printed")
        of_year_names = region[(first <= year) & (last >= year)]
        names = dict(zip(of_year_names.region_code, of_year_names.name_zh, strict=True))
        # Three editions, three habits: blank, dash and dots; names with and without 市, or spread over blanks.
        symbol = ("", "—", "…")[year % 3]
        rows = [
            [_label(names[code], year), *(text if isinstance(text, str) else symbol for text in printed)]
            for code, printed in zip(wide.index, wide[indicators].to_numpy().tolist(), strict=True)
        ]
        title = f"{TITLE}{year}年"
        path = folder / f"模拟城市年鉴{year}.{'csv' if year % 2 else 'xlsx'}"
        if path.suffix == ".csv":
            with path.open("w", encoding="gb18030", newline="") as target:
                csv.writer(target).writerows(
                    [[title], ["城市", *headers], ["", *units], *rows, ["注：模拟数据。"]]
                )
        else:
            of_place = {code: number for number, code in enumerate(wide.index)}
            own = books.remarks[books.remarks["year"] == year]
            remarks = {
                (of_place[code], indicators.index(name)): REMARKS[letter]
                for code, name, letter in zip(
                    own["region_code"], own["indicator_id"], own["obs_status"], strict=True
                )
            }
            _write_workbook(path, title, headers, units, rows, wide.shape[0], remarks)
        paths.append(path)
    path = folder / "模拟分省年鉴.csv"
    wide = books.cells[books.cells.region_level == "province"].pivot(
        index=["region_code", "year"], columns="indicator_id", values="value_printed"
    )
    names = dict(zip(region.region_code, region.name_zh, strict=True))
    with path.open("w", encoding="utf-8-sig", newline="") as target:
        writer = csv.writer(target)
        writer.writerow([TITLE])
        writer.writerow(
            [
                "省份",
                "年份",
                *(f"{named[name][0]}（{named[name][1]}）" for name in map(str, wide)),
            ]
        )
        for (code, year), printed in zip(wide.index, wide.to_numpy().tolist(), strict=True):
            writer.writerow([names[code], year, *printed])
    return [*paths, path]


def headings(seeds: Path) -> dict[str, tuple[str, str]]:
    """Name and unit of every indicator in Chinese: those of the registry, and of what is drawn here its own."""
    units = {row["unit"]: row["name_zh"] for row in read_rows(seeds / "registry/unit.csv")}
    known = {
        row["indicator_id"]: (row["name_zh"], units[row["unit"]])
        for row in read_rows(seeds / "registry/indicator.csv")
    }
    return known | {name: (item.name_zh, item.unit_zh) for name, item in DEFINITIONS.items()}


def _label(name: str, year: int) -> str:
    short = name.removesuffix("市")
    return (name, short, "   ".join(short) if len(short) == 2 else name)[year % 3]


def _write_workbook(
    path: Path,
    title: str,
    headers: list[str],
    units: list[str],
    rows: list[list[str]],
    n_cities: int,
    remarks: dict[tuple[int, int], str],
) -> None:
    """Title over all columns, 城市 merged over the two header rows, units below each name; remarks by row of
    the table and column, as comments on the cells."""
    from openpyxl import Workbook
    from openpyxl.comments import Comment

    book = Workbook()
    # The same seed must give the same bytes.
    book.properties.created = book.properties.modified = datetime.datetime(2024, 1, 1)
    sheet = book.active
    assert sheet is not None
    sheet.title = "模拟"
    sheet.append([title])
    sheet.merge_cells(start_row=1, start_column=1, end_row=1, end_column=len(headers) + 1)
    sheet.append(["城市", *headers])
    sheet.append(["", *units])
    sheet.merge_cells(start_row=2, start_column=1, end_row=3, end_column=1)
    for row in rows:
        sheet.append([row[0], *(_number(text) for text in row[1:])])
    for (place, column), text in remarks.items():
        sheet.cell(place + 4, column + 2).comment = Comment(text, TITLE)
    sheet.append([f"注：共{n_cities}个城市，模拟数据。"])
    book.save(path)


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
