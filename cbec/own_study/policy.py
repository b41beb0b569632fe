"""Whom a policy treats since when: a list of the user's own, or one of the registry, as tables of zones.

The timing itself is that of the pilot zones: models int_zones__timed, int_prefectures__timed and
treatment_city_year run over these tables.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from cbec.common.workers import GuardedWorker
from cbec.ingest.regions import Regions
from cbec.ingest.registry import load_registry
from cbec.own_study.definition import ZONES, Label, Study
from cbec.own_study.tree import Faults, nearest

HEADERS = {
    "region": (
        "region", "unit", "city", "prefecture", "name", "地区", "城市", "地级市", "市", "名称", "单位",
        "省份",
    ),
    "province": ("province", "省", "所属省份", "所在省份"),
    "code": ("code", "region_code", "unit_code", "行政区划代码", "区划代码", "代码"),
    "date": (
        "date", "year", "approved_on", "approved", "start", "日期", "批复日期", "批复时间", "年份", "时间",
        "试点年份", "开始",
    ),
    "end": ("end", "revoked_on", "until", "结束", "撤销日期", "终止"),
    "batch": ("batch", "批次"),
    "dose": ("dose", "intensity", "强度", "剂量"),
    "coverage": ("coverage", "覆盖"),
}  # fmt: skip
# A list of regions needs a small part of it.
MAX_MEMORY = 1 << 30
# Years in which a policy may begin or end.
FIRST_YEAR, LAST_YEAR = 1949, 2100
WHOLE, PART = ("", "whole", "全域", "全市"), ("part", "county", "部分", "县")
DATE = re.compile(r"(\d{4})(?:[-/.年]?(\d{1,2}))?(?:[-/.月]?(\d{1,2}))?[日月年]?(?: 00:00:00)?(?:\.0)?")


@dataclass(frozen=True)
class Start:
    """One line of a list: where, since when, with what. is_year_only: the list has no month."""

    code: str
    province: str
    begins: datetime.date
    ends: datetime.date | None
    batch: int
    dose: float | None
    is_whole: bool
    is_year_only: bool


def write_timing(
    connection: duckdb.DuckDBPyConnection, study: Study, root: Path, faults: Faults, models: Any
) -> None:
    """Tables of zones and rules in the study's file, and the treatment of every region and year.

    connection: has the registry's tables and intermediate.int_region_years__gridded; models: renders and runs
    a model of the project by name.
    """
    policy = study.policy
    rules = {str(row["treatment_rule"]) for row in study.specifications if row["treatment_rule"]}
    if policy is not None and not policy.rule:
        if policy.source != ZONES:
            connection.execute("delete from registry.treatment_rule")
        connection.execute(
            "insert into registry.treatment_rule values (?, ?, ?, ?, ?, 'prefecture', 'of this study')",
            [study.rule_id, policy.last_batch, policy.year_rule, policy.county_rule, policy.late_rule],
        )
        if policy.source != ZONES:
            _write_zones(connection, _starts(connection, study, root, faults))
    known = [row[0] for row in connection.execute("select rule_id from registry.treatment_rule").fetchall()]
    for rule in sorted(rules - set(known)):
        faults.add(("policy", "rule"), f"rule {rule!r} is not known{nearest(rule, known)}")
    connection.execute(
        "delete from registry.treatment_rule where not list_contains($rules, rule_id)",
        {"rules": sorted(rules)},
    )
    for name in (
        "int_zones__timed",
        "int_prefectures__timed",
        "treatment_city_year",
        "treatment_province_year",
    ):
        models(name)


def _starts(connection: duckdb.DuckDBPyConnection, study: Study, root: Path, faults: Faults) -> list[Start]:
    assert study.policy is not None
    source = study.policy.source
    rows = connection.execute(
        "select region_level, region_code, coalesce(approved_on, make_date(approved_year,"
        " coalesce(approved_month, 1), 1)), approved_on is null and approved_month is null,"
        " coalesce(try_cast(batch as integer), 0), coverage = 'whole' from registry.concurrent_policy"
        " where policy_id = ? order by all",
        [source],
    ).fetchall()
    if rows:
        provinces = _provinces(connection)
        found = [
            Start(city, province, begins, None, batch, None, is_whole, is_year_only)
            for level, code, begins, is_year_only, batch, is_whole in rows
            for city, province in sorted(provinces.items())
            if (level == "prefecture" and city == code) or (level == "province" and province == code)
        ]
        return _dated(found, study, faults)
    path = study.folder / source
    if not path.is_file() or not path.resolve().is_relative_to(study.folder.resolve()):
        known = [
            row[0]
            for row in connection.execute(
                "select distinct policy_id from registry.concurrent_policy"
            ).fetchall()
        ]
        files = [item.name for item in study.folder.iterdir() if item.suffix in (".csv", ".xlsx")]
        faults.add(
            ("policy",),
            f"{source!r} is no file of the folder and no policy{nearest(source, [ZONES, *known, *files])}",
        )
        return []
    return _dated(_listed(path, study, root, connection, faults), study, faults)


def _dated(starts: list[Start], study: Study, faults: Faults) -> list[Start]:
    assert study.policy is not None
    n = sum(start.is_year_only for start in starts)
    if n and study.policy.year_rule != "approval_year":
        faults.add(
            ("policy",),
            f"{study.policy.year_rule} needs a month and {n} of {len(starts)} lines have a year only",
        )
    if study.policy.last_batch < 9999 and not any(start.batch for start in starts):
        faults.add(("policy",), "last_batch needs a column batch in the list")
    return starts


def _provinces(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    rows = connection.execute(
        "select distinct region_code, province_code from intermediate.int_region_years__gridded"
        " where region_level = 'prefecture'"
    ).fetchall()
    return dict(rows)


def read_list(path: Path) -> pd.DataFrame:
    """A csv or workbook as texts, read by a process that may die of it. Raises ValueError in words."""
    worker = GuardedWorker(_list_reader, max_bytes=MAX_MEMORY)
    try:
        done = worker.do(str(path), seconds=5 + path.stat().st_size / 1e6)
    finally:
        worker.close()
    if done.reason:
        raise ValueError(done.reason)
    if isinstance(done.result, str):
        raise ValueError(done.result)
    frame: pd.DataFrame = done.result
    return frame


def _list_reader() -> Callable[[str], pd.DataFrame | str]:
    return _read_list


def _read_list(name: str) -> pd.DataFrame | str:
    """The table, or why there is none."""
    try:
        if name.lower().endswith((".xlsx", ".xls")):
            return pd.read_excel(name, dtype=str, engine="calamine").fillna("")
        for encoding in ("utf-8-sig", "gb18030"):
            try:
                return pd.read_csv(name, dtype=str, encoding=encoding, sep=None, engine="python").fillna("")
            except UnicodeDecodeError:
                continue
        return "is neither UTF-8 nor GB 18030"
    except MemoryError:
        raise
    except Exception as error:  # whatever a reader of strangers' files raises
        return f"cannot be read ({type(error).__name__}: {error})"


def _listed(
    path: Path, study: Study, root: Path, connection: duckdb.DuckDBPyConnection, faults: Faults
) -> list[Start]:
    try:
        frame = read_list(path)
    except ValueError as error:
        faults.add((), str(error), file=path.name)
        return []
    columns: dict[str, str] = {}
    for header in frame.columns:
        role = next((role for role, names in HEADERS.items() if str(header).strip().lower() in names), None)
        if role is None:
            faults.remark(f"{path.name}: column {header!r} is not used")
        elif role in columns:
            faults.add(
                (), f"two columns are the {role}: {columns[role]!r} and {header!r}", file=path.name, line=1
            )
        else:
            columns[role] = str(header)
    if "region" not in columns and "province" in columns:
        columns["region"] = columns.pop("province")
    if "date" not in columns or not ({"region", "code"} & columns.keys()):
        lacks = "date (or year)" if "date" not in columns else "region"
        faults.add(
            (),
            f"has no column {lacks}; its columns: {', '.join(map(str, frame.columns))}",
            file=path.name,
            line=1,
        )
        return []
    regions, provinces = Regions(load_registry(root)), _provinces(connection)
    starts: list[Start] = []
    seen: dict[tuple[str, datetime.date], int] = {}
    for number, line in enumerate(frame.to_dict("records"), 2):
        texts = {role: str(line[header]).strip() for role, header in columns.items()}
        if not any(texts.values()):
            continue

        def wrong(message: str, number: int = number) -> None:
            faults.add((), message, file=path.name, line=number)

        begins, is_year_only = read_date(texts["date"])
        if begins is None:
            wrong(f"{texts['date']!r} is no year and no date; write 2013, 2013-10 or 2013-10-01")
            continue
        places = _places(texts, study, regions, provinces, begins.year, wrong)
        ends, _ = read_date(texts.get("end", ""))
        if texts.get("end") and (ends is None or ends < begins):
            wrong(f"{texts['end']!r} is no end of what began {texts['date']}")
        coverage = texts.get("coverage", "").lower()
        if coverage not in (*WHOLE, *PART):
            wrong(f"coverage {coverage!r} is not known{nearest(coverage, ('whole', 'part'))}")
        batch, dose = _number(texts.get("batch", "")), _number(texts.get("dose", ""))
        for name, value in (("batch", batch), ("dose", dose)):
            if texts.get(name) and value is None:
                wrong(f"{name} {texts[name]!r} is no number")
        for code in places:
            if (code, begins) in seen:
                wrong(f"{texts.get('region') or code} stands in line {seen[code, begins]} already")
                continue
            seen[code, begins] = number
            starts.append(
                Start(
                    code,
                    provinces.get(code, code),
                    begins,
                    ends,
                    int(batch or 0),
                    dose,
                    coverage in WHOLE,
                    is_year_only,
                )
            )
    return starts


def read_date(text: str) -> tuple[datetime.date | None, bool]:
    """A day (the first of a month or year), and whether the text has a year alone; None for no date."""
    text = text.strip().removesuffix(".0")
    found = DATE.fullmatch(text)
    # A workbook makes 2013.10 the number 2013.1, which is then January or October.
    if not found or re.fullmatch(r"\d{4}\.1", text):
        return None, False
    year, month, day = found.groups()
    if not FIRST_YEAR <= int(year) <= LAST_YEAR:
        # 41275 is how a workbook counts 2013-01-01, and no May of the year 4127.
        return None, False
    try:
        return datetime.date(int(year), int(month or 1), int(day or 1)), month is None
    except ValueError:
        return None, False


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _places(
    texts: dict[str, str], study: Study, regions: Regions, provinces: dict[str, str], year: int, wrong: Any
) -> list[str]:
    """Codes of the regions that a line treats; none, and a fault, for a name that nobody knows."""
    code = texts.get("code", "").removesuffix(".0")
    name = texts.get("region", "") or code
    home = regions.province_code(texts["province"]) if texts.get("province") else ""
    if texts.get("province") and not home:
        wrong(f"province {texts['province']!r} is not known")
        return []
    level = "province" if study.level == "province" else "prefecture"
    if level == "province" and (found := regions.province_code(name)):
        return [found]
    if code and not texts.get("region"):
        if code in provinces or (level == "province" and code in provinces.values()):
            return [code]
        wrong(f"code {code!r} is no {level} of the registry")
        return []
    match = regions.match(name, level, min(max(year, 2000), 2024), home, code)
    if match.region_code:
        return [match.region_code]
    of_province = regions.province_code(name)
    if level == "prefecture" and of_province and not match.is_error:
        return sorted(city for city, province in provinces.items() if province == of_province)
    near = f"; nearest: {', '.join(match.nearest)}" if match.nearest else ""
    wrong(f"{name!r} {match.reason}{near}")
    return []


def _write_zones(connection: duckdb.DuckDBPyConnection, starts: list[Start]) -> None:
    listed = pd.DataFrame(
        [
            (
                number,
                start.batch,
                start.begins,
                start.ends,
                start.province,
                start.code,
                start.is_whole,
                start.dose,
            )
            for number, start in enumerate(starts, 1)
        ],
        columns=["zone_no", "batch", "begins", "ends", "province_code", "code", "is_whole", "dose"],
    ).astype({"begins": "datetime64[s]", "ends": "datetime64[s]", "dose": float, "code": str})
    connection.register("starts", listed)
    for statement in (
        "delete from registry.pilot_zone",
        "delete from registry.pilot_zone_prefecture",
        "insert into registry.pilot_zone by name select zone_no, batch, begins::date as approved_on,"
        " begins::date as published_on, province_code, ends::date as revoked_on from starts",
        "insert into registry.pilot_zone_prefecture by name select zone_no, code as prefecture_code,"
        " case when is_whole then 'whole' else 'part' end as coverage from starts",
        "create table registry.zone_dose as select zone_no, code as region_code, dose from starts"
        " where dose is not null and not isnan(dose)",
    ):
        connection.execute(statement)
    connection.unregister("starts")


def label_of(connection: duckdb.DuckDBPyConnection, study: Study) -> Label | None:
    """What the treatment by the study's policy is called; None for the pilot zones, which have their name."""
    policy = study.policy
    if policy is None or policy.source == ZONES:
        return None
    if policy.label.zh:
        return policy.label
    found = connection.execute(
        "select any_value(policy_zh), any_value(policy_en) from registry.concurrent_policy"
        " where policy_id = ?",
        [policy.source],
    ).fetchone()
    return Label(*found) if found and found[0] else Label("政策", "Policy")
