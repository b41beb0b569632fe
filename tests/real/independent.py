"""An independent reading of the City Statistical Yearbook: positions noted by hand, nothing shared with the project.

Somebody looked at every workbook and wrote down which column holds what. The words of the headings are not
read here, so that a mistake in reading headings cannot be made twice.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from python_calamine import CalamineWorkbook

# Indicator, scope, unit, then `editions:table.column`, the column counted from 1 as a spreadsheet does.
# A unit after `=` holds for that edition only. Editions 2010 and 2011 have no column of English names.
LAYOUT = """
gdp whole 10k_yuan 10-11:13.2 12-17:13.3 19:9.3 20:9.3=100m_yuan 21-23:7.3=100m_yuan 24:6.3=100m_yuan
gdp districts 10k_yuan 10-11:13.3 12-17:13.4 18:9.3 19:9.4 20:9.4=100m_yuan 21-23:7.4=100m_yuan 24:6.4=100m_yuan
gdp_per_capita_printed whole yuan 10-11:13.4 12-17:13.5 19-20:9.5 21-23:7.5 24:6.5
gdp_per_capita_printed districts yuan 10-11:13.5 12-17:13.6 18:9.4 19-20:9.6 21-23:7.6 24:6.6
gdp_growth whole pct 10-11:13.6 12-17:13.7 19-20:9.7 21-23:7.7 24:6.7
gdp_growth districts pct 10-11:13.7 12-17:13.8 18:9.5 19-20:9.8 21-23:7.8 24:6.8
gdp_primary_share whole pct 10-11:14.2 12-17:14.3 19-20:10.3 21-23:8.3 24:7.3
gdp_primary_share districts pct 10-11:14.3 12-17:14.4 18:10.3 19-20:10.4 21-23:8.4 24:7.4
gdp_secondary_share whole pct 10-11:14.4 12-17:14.5 19-20:10.5 21-23:8.5 24:7.5
gdp_secondary_share districts pct 10-11:14.5 12-17:14.6 18:10.4 19-20:10.6 21-23:8.6 24:7.6
gdp_tertiary_share whole pct 10-11:14.6 12-17:14.7 19-20:10.7 21-23:8.7 24:7.7
gdp_tertiary_share districts pct 10-11:14.7 12-17:14.8 18:10.5 19-20:10.8 21-23:8.8 24:7.8
general_public_budget_revenue whole 10k_yuan 10-11:23.2 12-17:15.3 18-20:11.3 21-23:9.3 24:8.3
general_public_budget_revenue districts 10k_yuan 10-11:24.2 12-17:16.3 18-20:12.3 21-23:10.3 24:9.3
general_public_budget_expenditure whole 10k_yuan 10-11:23.3 12-17:15.4 18-20:11.4 21-23:9.4 24:8.4
general_public_budget_expenditure districts 10k_yuan 10-11:24.3 12-17:16.4 18-20:12.4 21-23:10.4 24:9.4
science_expenditure whole 10k_yuan 10-11:23.4 12-17:15.5 18-20:11.5 21-23:9.5 24:8.5
science_expenditure districts 10k_yuan 10-11:24.4 12-17:16.5 18-20:12.5 21-23:10.5 24:9.5
education_expenditure whole 10k_yuan 10-11:23.5 12-17:15.6 18-20:11.6 21-23:9.6 24:8.6
education_expenditure districts 10k_yuan 10-11:24.5 12-17:16.6 18-20:12.6 21-23:10.6 24:9.6
deposits_year_end whole 10k_yuan 10-11:25.2 12-17:17.3 18-20:13.3 21-23:11.3 24:10.3
deposits_year_end districts 10k_yuan 10-11:25.3 12-17:17.4 18-20:13.4 21-23:11.4 24:10.4
household_savings_deposits_year_end whole 10k_yuan 10:25.6 11:25.4 12-17:17.5
household_deposits_year_end whole 10k_yuan 18-20:13.5
household_savings_deposits_year_end districts 10k_yuan 10:25.7 11:25.5 12-17:17.6
household_deposits_year_end districts 10k_yuan 18-20:13.6
loans_year_end whole 10k_yuan 10:25.4 11:25.6 12-17:17.7 18-20:13.7 21-23:11.5 24:10.5
loans_year_end districts 10k_yuan 10:25.5 11:25.7 12-17:17.8 18-20:13.8 21-23:11.6 24:10.6
retail_sales_consumer_goods whole 10k_yuan 10-11:21.4 12-17:27.5 18-20:20.3 21-24:16.3
retail_sales_consumer_goods districts 10k_yuan 10-11:21.5 12-17:27.6 18-20:20.4 21-24:16.4
wholesale_retail_sales_above_limit whole 10k_yuan 10-11:21.2 12-17:27.3 18-20:20.7 21-24:16.7
wholesale_retail_sales_above_limit districts 10k_yuan 10-11:21.3 12-17:27.4 18-20:20.8 21-24:16.8
wholesale_retail_enterprises_above_limit whole enterprises 10-11:21.6 12-17:27.7 18-20:20.5 21-23:16.5
wholesale_retail_enterprises_above_limit districts enterprises 10-11:21.7 12-17:27.8 18-20:20.6 21-23:16.6
retail_sales_units_above_limit whole 10k_yuan 24:16.5
retail_sales_units_above_limit districts 10k_yuan 24:16.6
fixed_asset_investment whole 10k_yuan 10-11:20.2 12:29.3
fixed_asset_investment districts 10k_yuan 10-11:20.3 12:29.4
fixed_asset_investment_excluding_rural_households whole 10k_yuan 13-17:29.3
fixed_asset_investment_excluding_rural_households districts 10k_yuan 13-17:29.4
real_estate_development_investment whole 10k_yuan 10-11:20.4 12-17:29.5 18-20:14.3
real_estate_development_investment districts 10k_yuan 10-11:20.5 12-17:29.6 18-20:14.4
residential_development_investment whole 10k_yuan 10-11:20.6 12-17:29.7 18-20:14.5
residential_development_investment districts 10k_yuan 10-11:20.7 12-17:29.8 18-20:14.6
commercial_housing_sales_area whole 10k_m2 18-20:15.3 21-23:12.3 24:11.3
commercial_housing_sales_area districts 10k_m2 18-20:15.4 21-23:12.4 24:11.4
foreign_investment_contracts whole count 10-11:22.2 12-17:28.3 18-20:16.5
foreign_investment_contracts districts count 10-11:22.3 12-17:28.4 18-20:16.6
foreign_investment_actual whole 10k_usd 10-11:22.4 12-17:28.5 18-20:16.7
foreign_investment_actual districts 10k_usd 10-11:22.5 12-17:28.6 18-20:16.8
imports_usd whole 10k_usd 18:16.3
exports_usd whole 10k_usd 18:16.4
imports whole 10k_yuan 19-20:16.3 21-23:13.3 24:12.3
exports whole 10k_yuan 19-20:16.4 21-23:13.4 24:12.4
registered_population_year_end whole 10k_persons 10-11:1.2 12-20:1.3 22-23:1.3
registered_population_year_end districts 10k_persons 10-11:1.3 12-20:1.4 22-23:1.4
population_annual_average whole 10k_persons 10-11:1.4 12-20:1.5
population_annual_average districts 10k_persons 10-11:1.5 12-20:1.6
natural_population_growth whole per_mille 10-11:1.6 12-17:1.7 18-20:2.7
natural_population_growth districts per_mille 10-11:1.7 12-17:1.8 18-20:2.8
resident_population_year_end whole 10k_persons 21:1.3 24:1.3
resident_population_year_end districts 10k_persons 21:1.4 24:1.4
urban_population_year_end whole 10k_persons 21:1.5
urban_population_year_end districts 10k_persons 21:1.6
urban_registered_population_year_end whole 10k_persons 22-23:1.5
urban_registered_population_year_end districts 10k_persons 22-23:1.6
urban_population_share whole pct 24:1.5
employees_urban_units whole 10k_persons 10-11:2.2 12-14:2.3 15-17:2.3=persons 18:23.3=persons 19-20:22.3=persons
employees_urban_units districts 10k_persons 10-11:2.3 12-14:2.4 15-17:2.4=persons 18:23.4=persons 19-20:22.4=persons
employees_urban_nonprivate_units whole persons 21-23:18.3
employees_private_and_self_employed whole persons 10-11:2.4 12-17:2.5 18:23.5 19-20:22.5
employees_private_and_self_employed districts persons 10-11:2.5 12-17:2.6 18:23.6 19-20:22.6
registered_unemployed whole persons 10-11:2.6 12-17:2.7 18:23.7 19-20:22.7
registered_unemployed districts persons 10-11:2.7 12-17:2.8 18:23.8 19-20:22.8
average_wage whole yuan 10-11:26.6 12-15:40.7 16:39.7 17:38.7 18:32.7 19-20:31.7 21-22:18.6
average_wage districts yuan 10-11:26.7 12-15:40.8 16:39.8 17:38.8 18:32.8 19-20:31.8
staff_wage_bill whole 10k_yuan 10-11:26.4 12-15:40.5 16:39.5 17:38.5 18:32.5 19-20:31.5 21-23:18.5
staff_wage_bill districts 10k_yuan 10-11:26.5 12-15:40.6 16:39.6 17:38.6 18:32.6 19-20:31.6
employees_manufacturing whole 10k_persons 10-11:5.6 12-14:5.7 15-17:5.7=persons 18:26.7=persons 19-20:25.7=persons
employees_manufacturing districts 10k_persons 10-11:5.7 12-14:5.8 15-17:5.8=persons 18:26.8=persons 19-20:25.8=persons
employees_transport whole 10k_persons 10-11:6.6 12-14:6.7 15-17:7.3=persons 18:28.3=persons 19-20:27.3=persons
employees_transport districts 10k_persons 10-11:6.7 12-14:6.8 15-17:7.4=persons 18:28.4=persons 19-20:27.4=persons
employees_ict whole 10k_persons 10-11:7.2 12-14:7.3 15-17:7.7=persons 18:28.7=persons 19-20:27.7=persons
employees_ict districts 10k_persons 10-11:7.3 12-14:7.4 15-17:7.8=persons 18:28.8=persons 19-20:27.8=persons
employees_wholesale_retail whole 10k_persons 10-11:7.4 12-14:7.5 15-17:6.7=persons 18:27.7=persons 19-20:26.7=persons
employees_wholesale_retail districts 10k_persons 10-11:7.5 12-14:7.6 15-17:6.8=persons 18:27.8=persons 19-20:26.8=persons
industrial_wastewater whole 10k_t 10-11:41.2 12-15:47.3 16:46.3 17:45.3 18-20:6.3
industrial_so2_generated whole t 12-15:47.4 16:46.4 17:45.4
industrial_so2_removed whole t 10-11:41.4
industrial_so2 whole t 10-11:41.5 12-15:47.5 16:46.5 17:45.5 18-20:6.4 21-23:5.4 24:3.4
industrial_nox whole t 18-20:6.5 21-23:5.5 24:3.5
industrial_soot_removed whole t 10-11:41.6
industrial_soot whole t 10-11:41.7
industrial_soot_dust_removed whole t 12-15:48.3
industrial_soot_dust_generated whole t 16:47.3 17:46.3
industrial_dust whole t 12-15:48.4 16:47.4 17:46.4 18-20:7.3
industrial_particulates whole t 21-23:5.3 24:3.3
pm25 whole ug_per_m3 18-20:8.3 21-23:6.3 24:5.3
industrial_solid_waste_use_rate whole pct 10-11:42.2 12-15:49.3 16:48.3 17:47.3 18-20:7.4
household_waste_treatment_rate whole pct 10-11:42.4 12-15:49.5 16:48.5 17:47.5 18-20:8.5 21-23:6.5 24:5.6
rd_personnel whole persons 18:22.3 19-20:21.3
rd_expenditure whole 10k_yuan 18:22.4 19-20:21.4
patent_applications whole items 18:22.5 19-20:21.5
patent_grants whole items 18:22.6 19-20:21.6 21-24:17.3
patent_grants_invention whole items 18:22.7 19-20:21.7 21-24:17.4
electricity_consumption districts 10k_kwh 10-11:37.4 12-15:43.5 16:42.5 17:41.5
electricity_consumption whole 10k_kwh 18:47.5 19:46.5 20:46.3 24:29.3
industrial_electricity_consumption districts 10k_kwh 10-11:37.5 12-15:43.6 16:42.6 17:41.6
industrial_electricity_consumption whole 10k_kwh 18:47.6 19:46.6 20:46.4 24:29.4
university_students_enrolled whole persons 10-11:29.2 12-17:34.3 18:37.3 19-20:36.3 21-23:23.3 24:19.3
university_students_enrolled districts persons 10-11:29.3 12-17:34.4
secondary_students whole 10k_persons 10-11:29.6 12-15:35.5 16-17:35.3 18:38.3 19-20:37.3 21-23:24.3
secondary_students districts 10k_persons 10-11:29.7 12-15:35.6 16-17:35.4 18:38.4 19-20:37.4 21-23:24.4
primary_students whole 10k_persons 10-11:29.8 12-15:36.3 16-17:35.5 18:38.5 19-20:37.5 21-23:24.5
primary_students districts 10k_persons 10-11:29.9 12-15:36.4 16-17:35.6 18:38.6 19-20:37.6 21-23:24.6
universities whole institutions 10-11:27.2 12-17:30.3 18:33.3 19-20:32.3 21-23:19.3
universities_teachers whole persons 10-11:28.2 12-17:32.3 18:35.3 19-20:34.3 21-23:21.3
universities_teachers districts persons 10-11:28.3 12-17:32.4
secondary_teachers whole persons 10-11:28.4 12-17:33.3 18:36.3 19-20:35.3 21-23:22.3
secondary_teachers districts persons 10-11:28.5 12-17:33.4 18:36.4 19-20:35.4 21-23:22.4
primary_teachers whole persons 10-11:28.6 12-17:33.5 18:36.5 19-20:35.5 21-23:22.5
primary_teachers districts persons 10-11:28.7 12-17:33.6 18:36.6 19-20:35.6 21-23:22.6
hospitals_and_health_centres whole count 10-11:32.2 12-15:39.3 16:38.3 17:37.3
hospitals_and_health_centres districts count 10-11:32.3 12-15:39.4 16:38.4 17:37.4
hospitals whole count 18:40.3 19-20:39.3 21-23:26.3 24:23.3
hospitals districts count 18:40.4 19-20:39.4 21-23:26.4 24:23.4
beds_of_hospitals_and_health_centres whole beds 10-11:32.4 12-15:39.5 16:38.5 17:37.5
beds_of_hospitals_and_health_centres districts beds 10-11:32.5 12-15:39.6 16:38.6 17:37.6
hospital_beds whole beds 18:40.5 19-20:39.5 21-23:26.5 24:23.5
hospital_beds districts beds 18:40.6 19-20:39.6 21-23:26.6 24:23.6
doctors whole persons 10-11:32.6 12-15:39.7 16:38.7 17:37.7 18:40.7 19-20:39.7 21-23:26.7 24:23.7
doctors districts persons 10-11:32.7 12-15:39.8 16:38.8 17:37.8 18:40.8 19-20:39.8 21-23:26.8 24:23.8
paved_road_area_districts districts 10k_m2 10-11:39.2 12-15:42.4 12-15:45.3 16:41.4 16:44.3 17:40.4 18:42.4 19-20:41.4 21:28.3 22-23:29.3 24:26.3
buses_districts districts vehicles 10-11:39.3 12-15:45.4 16:44.4 17:43.3 18:43.3 19-20:42.3 21:29.3 22-23:30.3
green_area_districts districts hectares 10-11:43.2 12-15:46.3 16:45.3 17:44.3 18-20:5.3 21-23:4.3
park_green_area_districts districts hectares 10-11:43.3 12-15:46.4 16:45.4 17:44.4 18-20:5.4 21-23:4.4
built_up_green_cover_rate_districts districts pct 10-11:43.6 12-15:46.6 16:45.6 17:44.6 18:5.6 19-20:5.5 21-23:4.5
land_area whole km2 10-11:11.2 12-17:11.3 18-20:3.3
land_area districts km2 10-11:11.3 12-17:11.4 18-20:3.4
built_up_area_districts districts km2 10-11:11.4 12-17:11.5 18-20:3.5 21-23:2.3
industrial_enterprises_above_scale whole enterprises 10-11:16.2 12-17:18.3 18-20:17.3 21-23:14.3
industrial_enterprises_above_scale districts enterprises 10-11:16.3 12-17:18.4 18-20:17.4 21-23:14.4
industrial_output_above_scale whole 10k_yuan 10-11:17.2 12-17:19.3
industrial_output_above_scale districts 10k_yuan 10-11:17.3 12-17:20.3
industrial_profits whole 10k_yuan 10-11:18.6 12-17:22.7 18-20:19.7 21-23:15.5 24:14.5
industrial_profits districts 10k_yuan 10-11:18.7 12-17:22.8 18-20:19.8 21-23:15.6 24:14.6
postal_business_volume whole 10k_yuan 10-11:35.4
telecom_business_volume whole 10k_yuan 10-11:35.5
postal_business_revenue whole 10k_yuan 12-17:25.4 18:46.3 19-20:45.3 22-23:32.3
postal_sector_revenue whole 10k_yuan 24:28.3
telecom_business_revenue whole 10k_yuan 12-17:25.5 18:46.4 19-20:45.4 22-23:32.4 24:28.4
mobile_telephone_subscribers whole 10k_subscribers 10-11:36.4 12:26.5 13-17:26.4 18:46.5 19-20:45.5 22-23:32.5 24:28.5
broadband_subscribers whole 10k_subscribers 13-17:26.5 18:46.6 19-20:45.6 22:32.6
passengers whole 10k_persons 10-11:33.2 12-15:23.3
highway_passengers whole 10k_persons 10-11:33.4 12-15:23.5 16-17:23.3 18:44.3 19-20:43.3 21:30.3 22-23:31.3
highway_freight whole 10k_t 10-11:34.4 12-15:24.5 16-17:24.3 18:45.3 19-20:44.3 21:30.4 22-23:31.4
basic_pension_insured whole persons 12-13:41.3
employee_pension_insured whole persons 14-15:41.3 16:40.3 17:39.3 18:41.3 19-20:40.3 21-23:27.3 24:24.3
basic_medical_insured whole persons 12-15:41.5
employee_medical_insured whole persons 16:40.5 17:39.5 18:41.5 19-20:40.5 21-23:27.5 24:24.5
"""
SCOPES = {"whole": "whole_prefecture", "districts": "districts"}
NUMBER = re.compile(r"-?\d+(\.\d+)?")
STRAY = re.compile("[^一-鿿]")
GLYPHS = str.maketrans("巿荊", "市荆")
# What the workbooks of the reseller hold beside the printed tables.
FOREIGN_SHEETS = ("CNKI", "马克")


@dataclass(frozen=True)
class Column:
    indicator: str
    scope: str
    unit: str
    edition: int
    table: int
    number: int


@dataclass(frozen=True)
class Figure:
    region_code: str
    column: Column
    file: str
    locator: str
    value: Decimal


@dataclass
class Reading:
    figures: list[Figure] = field(default_factory=list)
    # Rows with a Chinese first cell that is not an exact full name: headings, provinces, misread names.
    other_names: Counter[str] = field(default_factory=Counter)
    # Of those, the rows whose name is a full name but for a stray mark: edition, file, `sheet!Rline`.
    marked: dict[tuple[int, str, str], str] = field(default_factory=dict)
    other_texts: Counter[str] = field(default_factory=Counter)
    files: int = 0


def columns() -> list[Column]:
    """LAYOUT spelt out, one entry for each edition."""
    found = []
    for line in LAYOUT.strip().splitlines():
        indicator, scope, unit, *places = line.split()
        for place in places:
            editions, _, rest = place.partition(":")
            where, _, own = rest.partition("=")
            table, number = (int(part) for part in where.split("."))
            first, _, last = editions.partition("-")
            for edition in range(2000 + int(first), 2001 + int(last or first)):
                found.append(Column(indicator, SCOPES[scope], own or unit, edition, table, number))
    return found


def region_codes(seed: Path) -> dict[str, str]:
    """Codes of full names of prefectures and municipalities, as the registry spells them today."""
    with seed.open(encoding="utf-8", newline="") as file:
        rows = [
            row
            for row in csv.DictReader(file)
            if row["region_level"] == "prefecture" and row["name_zh"].endswith("市")
        ]
    codes = {row["name_zh"]: row["region_code"] for row in rows}
    assert len(codes) == len(rows), "a full name stands twice"
    return codes


def edition_of(path: Path, root: Path) -> int:
    """The edition that the outermost folder names."""
    match = re.search(r"年鉴(20\d\d)", path.relative_to(root).parts[0])
    assert match is not None, path
    return int(match.group(1))


def text_of(cell: object) -> str:
    """A cell as one reads it: full-width forms made plain, a whole number without a decimal point."""
    if isinstance(cell, float):
        return format(Decimal(repr(cell)).normalize(), "f")
    return unicodedata.normalize("NFKC", str(cell)).strip()


def name_of(cell: object) -> str:
    return re.sub(r"\s", "", str(cell))


def printed_sheets(path: Path) -> Iterator[tuple[str, list[list[object]]]]:
    workbook = CalamineWorkbook.from_path(str(path))
    for name in workbook.sheet_names:
        if not any(word in name for word in FOREIGN_SHEETS):
            yield name, workbook.get_sheet_by_name(name).to_python(skip_empty_area=False)


def read(root: Path, seed: Path, editions: Collection[int]) -> Reading:
    """Every plain number of the noted columns of editions that stands in the row of a city with its full name."""
    codes = region_codes(seed)
    wanted: dict[tuple[int, int], list[Column]] = {}
    for column in columns():
        if column.edition in editions:
            wanted.setdefault((column.edition, column.table), []).append(column)
    reading = Reading()
    for path in sorted(root.rglob("2-*.xlsx")):
        match = re.match(r"2-(\d+)[_ ]", path.name)
        assert match is not None, path
        here = wanted.pop((edition_of(path, root), int(match.group(1))), None)
        if here is None:
            continue
        reading.files += 1
        for sheet, rows in printed_sheets(path):
            for line, row in enumerate(rows, 1):
                name = name_of(row[0]) if row else ""
                if name not in codes:
                    reading.other_names[name] += 1
                    plain = STRAY.sub("", name).translate(GLYPHS)
                    if plain in codes:
                        reading.marked[here[0].edition, path.name, f"{sheet}!R{line}"] = codes[plain]
                    continue
                for column in here:
                    text = text_of(row[column.number - 1]) if len(row) >= column.number else ""
                    if NUMBER.fullmatch(text):
                        locator = f"{sheet}!R{line}C{column.number}"
                        reading.figures.append(Figure(codes[name], column, path.name, locator, Decimal(text)))
                    elif text:
                        reading.other_texts[text] += 1
    assert not wanted, f"noted, but without a workbook: {sorted(wanted)}"
    return reading
