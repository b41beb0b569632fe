"""study.yml of a new study: an example with every field explained, or a shipped study as the user's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb

from cbec.common.names import choose
from cbec.own_study.definition import FILE, ID, LEVELS, ZONES
from cbec.own_study.store import PANELS
from cbec.project import CbecError
from cbec.studies.diagnostics import columns_named

EXAMPLE = """\
# A study of your own · 自己的研究
# Check it with `cbec study check FOLDER`, run it with `cbec study run FOLDER`. · 检查与运行
# Lines that begin with # are explanations and examples. 以 # 开头的行是说明和示例。

study: {study}                      # id: lower-case letters, digits, _ · 研究代号
title: {{zh: 试点政策与城市经济, en: A pilot policy and the economy of cities}}

level: city                       # city, major_city or province · 城市、主要城市或省份
years: 2009-2022                  # · 样本年份
# sample:                         # default: all cities · 默认全部地级及以上城市
#   regions: is_city              # all, is_city, is_major_city, is_resource_based,
#                                 # in_files: those that your files name · 仅限自有文件中的地区
#   exclude: [拉萨市]              # names or codes; include: [...] keeps these alone · 名称或代码

# Files of your own, in this folder: xlsx, xls, csv, dta. Columns are named by their header, indicator or
# Chinese name. What is not recognised is asked in import.map.yml. · 本文件夹中自己的数据文件
# data: [data/*.xlsx]

# Who is treated since when: {zones}, a policy of the registry ({policies}),
# or a list in this folder, with columns region and date (or year), and if wanted end, batch, dose, coverage.
# 处理组与时间：{zones}、登记的政策，或本文件夹中的名单（列：地区、日期或年份）
policy:
  list: low_carbon_pilot
#  year: approval_year            # or next_year_after_june, exposure_share · 何年起算
#  zh: 低碳试点                    # names in tables · 表中的名称
#  en: Low-carbon pilot

# Variables made of others: + - * / **, log, log1p, exp, sqrt, abs, lag(x), lead(x), diff(x), growth(x),
# standardise(x), winsorise(x, 0.01, 0.99), unit_mean(x), year_mean(x), min, max, comparisons. · 派生变量
variables:
  retail_share:
    formula: retail_sales_consumer_goods_100m_yuan / gdp_100m_yuan
    zh: 零售额占GDP比重
    en: Retail sales over GDP

# An index by the entropy method. · 熵值法指数
# indices:
#   digital:
#     components:
#       telecom_business_revenue_100m_yuan: positive
#       internet_subscribers_10k_subscribers: positive

# One column for each outcome and estimator that a list names. · 列表中的每个被解释变量、估计量各占一列
tables:
  T1:
    outcome: [gdp_real_log, retail_share]
    # treatment: is_treated       # default with a policy; or exposure_share, dose, any column
    # controls: [tertiary_secondary_ratio, L1.gdp_log]
    estimator: [twfe, callaway_santanna]
    # fixed_effects: [unit, year] # default · 默认城市与年份固定效应
    # errors: {{cluster: unit}}     # default; or {{conley: 200}}, HC1 · 标准误
    # winsor: 0.01:0.99
    # subgroup: [region3=east, region3!=east]
    # mediator: tertiary_secondary_ratio
    # moderator: gdp_log
    diagnostics:
      pretrend: {{columns: [2]}}
      placebo: {{columns: [1], scheme: cohort, draws: 200}}
"""
FIELDS = (
    "estimator", "outcome", "treatment", "controls", "fixed_effects", "errors", "winsor", "subgroup",
    "mediator", "options", "note",
)  # fmt: skip


def new_study(connection: duckdb.DuckDBPyConnection, folder: Path, shipped: str = "") -> Path:
    """Write FOLDER/study.yml, of the example or of a shipped study.

    Raises CbecError (exit code 2) where there is one already, for a folder that cannot be made and for an
    unknown study.
    """
    path = folder / FILE
    if path.exists():
        raise CbecError(f"{path} is there already; nothing was written", exit_code=2)
    text = _shipped(connection, shipped) if shipped else _example(connection, folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CbecError(f"{path}: cannot be written ({error.strerror})", exit_code=2) from None
    return path


def _example(connection: duckdb.DuckDBPyConnection, folder: Path) -> str:
    policies = connection.execute(
        "select distinct policy_id from registry.concurrent_policy order by 1"
    ).fetchall()
    name = folder.resolve().name.lower()
    return EXAMPLE.format(
        study=name if ID.fullmatch(name) else "my_study",
        zones=ZONES,
        policies=", ".join(row[0] for row in policies),
    )


def _shipped(connection: duckdb.DuckDBPyConnection, study_id: str) -> str:
    known = [
        row[0]
        for row in connection.execute(
            "select distinct study_id from studies.specification order by 1"
        ).fetchall()
    ]
    study_id = choose("study", study_id, known)
    zh, en, sample = connection.execute(
        "select title_zh, title_en, sample_id from studies.study where study_id = ?", [study_id]
    ).fetchone() or ("", "", "")
    rows = _records(connection, "studies.specification", study_id, "table_no, column_no")
    asked = _records(connection, "studies.diagnostic", study_id, "table_no, diagnostic, options, column_no")
    samples = list(dict.fromkeys([sample, *(row["sample"] for row in rows)]))
    level = connection.execute(
        "select region_level from registry.sample where sample_id = ?", [sample]
    ).fetchone()
    panel = {
        row[0] for row in connection.execute(f"describe marts.{PANELS[level[0]]}").fetchall()
    } if level else set()  # fmt: skip
    names = {region: name for name, region in LEVELS.items()}
    rules = [row["treatment_rule"] for row in rows if row["treatment_rule"]]
    lines = [
        f"# {study_id}, as it ships: change it, it is yours. · 随软件提供的研究，可任意修改。",
        f"study: {study_id}_own",
        f"title: {{zh: {_word(zh)}, en: {_word(en)}}}",
        f"level: {names[level[0]] if level else 'city'}",
        f"sample: {sample}",
    ]
    if rules:
        lines += ["policy:", f"  list: {ZONES}", f"  rule: {max(sorted(set(rules)), key=rules.count)}"]
    if len(samples) > 1:
        lines.append(f"# Columns on other samples ({', '.join(samples[1:])}) say so.")
    lines.append("tables:")
    for table in dict.fromkeys(row["table_no"] for row in rows):
        lines += [f"  {table}:", "    columns:"]
        number = 0
        for row in (row for row in rows if row["table_no"] == table):
            number += 1
            gap = [f"no: {row['column_no']}"] if row["column_no"] != number else []
            number = row["column_no"]
            lines.append(f"      - {{{', '.join([*gap, *_column(row, sample)])}}}")
        own = [row for row in asked if row["table_no"] == table]
        if own:
            lines.append("    diagnostics:")
            for name in dict.fromkeys(row["diagnostic"] for row in own):
                lines.append(f"      {name}:")
                for options in dict.fromkeys(row["options"] for row in own if row["diagnostic"] == name):
                    kept, lost = _with_known(options, panel)
                    lines += [f"        # without {name}, which no panel of this level has" for name in lost]
                    columns = [
                        r["column_no"] for r in own if r["diagnostic"] == name and r["options"] == options
                    ]
                    parts = [f"columns: {columns}", *_options(kept)]
                    lines.append(f"        - {{{', '.join(parts)}}}")
    return "\n".join(lines) + "\n"


def _records(
    connection: duckdb.DuckDBPyConnection, table: str, study_id: str, order: str
) -> list[dict[str, Any]]:
    frame = connection.execute(f"select * from {table} where study_id = ? order by {order}", [study_id])
    names = [item[0] for item in frame.description]
    return [dict(zip(names, row, strict=True)) for row in frame.fetchall()]


def _column(row: dict[str, Any], sample: str) -> list[str]:
    lists = {"controls", "fixed_effects"}
    values = dict(row) | {"errors": row["vcov"], "rule": row["treatment_rule"]}
    parts = []
    for field in FIELDS:
        value = values[field]
        if field == "options" and value:
            parts.append(f"options: {{{', '.join(_options(value))}}}")
        elif field in lists:
            words = [word.strip() for word in str(value).split("+")] if value else []
            nothing = "none" if field == "fixed_effects" else ""
            parts.append(f"{field}: [{', '.join(map(_word, words)) or nothing}]")
        elif field == "note" and value:
            parts.append(f"note: {{zh: {_word(values['note_zh'] or value)}, en: {_word(value)}}}")
        elif value:
            parts.append(f"{field}: {_word(str(value))}")
    if values["rule"]:
        parts.append(f"rule: {values['rule']}")
    if row["sample"] != sample:
        parts.append(f"sample: {row['sample']}")
    return parts


def _options(text: str | None) -> list[str]:
    pairs = (part.partition("=") for part in filter(None, (text or "").split(";")))
    return [f"{name}: {_word(value)}" for name, _, value in pairs]


def _word(text: str) -> str:
    """A text as YAML reads it back."""
    plain = (
        text
        and all(c.isalnum() or c in "_.-" for c in text)
        and text.lower() not in ("null", "true", "false", "~")
    )
    return text if plain else json.dumps(text, ensure_ascii=False)


def _with_known(options: str | None, panel: set[str]) -> tuple[str | None, list[str]]:
    """Options of a diagnostic without the columns that no panel of the level has, and these."""
    lost = []
    for name, value in columns_named(options):
        columns = value.split("+")
        lost += [column for column in columns if column not in panel]
        kept = "+".join(column for column in columns if column in panel)
        options = str(options).replace(f"{name}={value}", f"{name}={kept}")
    return options, lost
