"""The report beside the published file: what changed since the last publication, and what stands now.

One self-contained page in Chinese and English without any script: a reader may open it from a mail, a share
or a USB stick. Whatever comes from data is escaped by the template.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import duckdb
import jinja2

from cbec.common.words import LANGS, Lang, pick
from cbec.report.images import read_images

# Rows shown of each list of changes; the counts are of all.
MAX_ROWS = 25
# Relative difference below which two numbers are one: what another version of a library may change.
SAME = 1e-9
TEMPLATE = Path(__file__).with_name("page.html.jinja")

WORDS: dict[str, tuple[str, str]] = {
    "title": ("跨境电商综合试验区数据仓库：发布报告", "Pilot zones of cross-border e-commerce: report"),
    "simulated": ("模拟数据", "SIMULATED DATA"),
    "banner": (
        "本页全部数字均为模拟数据，不得作为真实统计引用。",
        "Every figure on this page is simulated. Do not quote any of them.",
    ),
    "published_at": ("发布时间（UTC）", "Published (UTC)"),
    "run": ("运行编号", "Run"),
    "before": ("上一版本", "Version before"),
    "commit": ("代码版本", "Commit"),
    "dirty": ("含未提交的修改", "with uncommitted changes"),
    "unknown": ("未知", "unknown"),
    "tests": ("数据检验", "Tests"),
    "passed": ("通过", "passed"),
    "warned": ("警告", "warned"),
    "failed": ("失败", "failed"),
    "test": ("检验", "Test"),
    "message": ("说明", "Message"),
    "changes": ("自上一版本以来的变化", "What changed since the version before"),
    "first": ("首次发布：没有可比较的上一版本。", "First publication: there is no version to compare with."),
    "none": ("无变化。", "No change."),
    "not_comparable": ("与上一版本不可比：", "Cannot be compared with the version before: "),
    "inputs": ("输入文件", "Inputs"),
    "kind": ("类别", "Kind"),
    "file": ("文件", "File"),
    "change": ("变化", "Change"),
    "added": ("新增", "added"),
    "removed": ("移除", "removed"),
    "changed": ("修改", "changed"),
    "seed": ("种子", "seed"),
    "code": ("代码", "code"),
    "landed": ("导入", "import"),
    "environment": ("环境", "environment"),
    "rows": ("各表行数", "Rows by table"),
    "table": ("表", "Table"),
    "old": ("旧值", "Old"),
    "new": ("新值", "New"),
    "difference": ("差", "Difference"),
    "cells": ("数据单元", "Cells"),
    "estimates": ("估计值", "Estimates"),
    "region": ("地区", "Region"),
    "year": ("年份", "Year"),
    "indicator": ("指标", "Indicator"),
    "vintage": ("版次", "Vintage"),
    "study": ("研究", "Study"),
    "column": ("表（列）", "Table (column)"),
    "term": ("变量", "Term"),
    "sample_note": ("仅已观测", "Observed only"),
    "findings": ("新的质量发现", "New findings"),
    "resolved": ("已消失的质量发现", "Findings gone"),
    "severity": ("级别", "Severity"),
    "detector": ("检测", "Detector"),
    "evidence": ("证据", "Evidence"),
    "shown": ("共 {n} 项，列出前 {k} 项。", "{n} in all; the first {k} are listed."),
    "readiness": ("研究就绪情况", "Readiness of studies"),
    "status": ("状态", "Status"),
    "ready": ("就绪", "ready"),
    "partly ready": ("部分就绪", "partly ready"),
    "awaiting data": ("等待数据", "awaiting data"),
    "columns_estimated": ("已估计的列", "Columns estimated"),
    "of": ("{n}/{k}", "{n} of {k}"),
    "missing": ("缺失或过少的指标", "Indicators missing or with too few values"),
    "freshness": ("数据时效", "Freshness"),
    "level": ("级别", "Level"),
    "province": ("省级", "province"),
    "prefecture": ("城市", "prefecture"),
    "major_city": ("36个主要城市", "36 major cities"),
    "last_year": ("最新年份", "Last year"),
    "n_indicators": ("指标数", "Indicators"),
    "which": ("指标", "Which"),
    "figures": ("主要图形", "Main figures"),
    "no_figures": ("没有就绪的研究，暂无图形。", "No study is ready, so there is no figure."),
    "runs": ("最近的运行", "Last runs"),
    "started": ("开始（UTC）", "Started (UTC)"),
    "seconds": ("秒", "Seconds"),
    "command": ("命令", "Command"),
    "outcome": ("结果", "Outcome"),
    "reason": ("原因", "Reason"),
    "imported": ("导入文件", "Files imported"),
    "published": ("已发布", "published"),
    "nothing new": ("无新内容", "nothing new"),
    "refused": ("被拒绝", "refused"),
    "interrupted": ("被中断", "interrupted"),
    "killed": ("被终止", "killed"),
    "rolled back": ("已回退", "rolled back"),
    "unavailable": ("本文件中没有相应的表。", "The file does not hold the tables for this."),
    "yes": ("是", "yes"),
    "no": ("否", "no"),
}

# Key of a row, and the number that may move, of the tables whose figures people quote.
CELLS = "select region_code, year, indicator_id, scope, vintage, value from {db}.marts.observation"
ESTIMATES = (
    "select study_id, table_no || ' (' || column_no || ')' as place, term, is_observed_only,"
    " estimate as value from {db}.estimates.regression"
    " union all by name select study_id, table_no || ' (' || column_no || ')' as place,"
    " aggregation || coalesce(' ' || group_label, '') as term, is_observed_only, estimate as value"
    " from {db}.estimates.att"
)


@dataclass(frozen=True)
class Changes:
    """Changes of one list.

    counts: by kind of change, of all; rows: the first of them; reason: why the files cannot be compared.
    """

    counts: dict[str, int]
    rows: list[dict[str, Any]]
    reason: str = ""

    @property
    def total(self) -> int:
        return sum(self.counts.values())


def write_page(new: Path, old: Path, path: Path, as_it_was: frozenset[tuple[str, str]] = frozenset()) -> None:
    """Write the report of a built file as one HTML page. old: the published file, which may not exist;
    as_it_was: (schema, table) that are known to be the same in both.

    Raises duckdb.Error when `new` is no warehouse, OSError when the disk refuses.
    """
    with duckdb.connect() as connection:
        _attach(connection, new, "new")
        has_old = old.is_file()
        if has_old:
            try:
                _attach(connection, old, "old")
                connection.execute("select run_id from old.meta.publication")
            except duckdb.Error:
                has_old = False
        connection.execute("use new")
        facts = _facts(connection, has_old, as_it_was)
    with duckdb.connect(str(new), read_only=True) as connection:
        facts["images"] = _images(connection)
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.filters["number"] = number
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))

    def say(key: str, lang: Lang, **values: object) -> str:
        # A word that is not ours, such as a new severity, stands as it is.
        return pick(WORDS[key], lang).format(**values) if key in WORDS else key

    path.write_text(template.render(**facts, langs=LANGS, say=say, max_rows=MAX_ROWS), encoding="utf-8")


def number(value: object) -> str:
    """A number as a person reads it: six significant digits or all before the point, a real minus sign;
    '–' for nothing."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, int):
        return f"{value:,}".replace("-", "−")
    real = float(cast(float, value))
    return (f"{real:,.0f}" if abs(real) >= 1e6 else f"{real:,.6g}").replace("-", "−")


def _attach(connection: duckdb.DuckDBPyConnection, path: Path, name: str) -> None:
    quoted = str(path).replace("'", "''")
    connection.execute(f"attach '{quoted}' as {name} (read_only)")


def _dicts(connection: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    cursor = connection.execute(query)
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _if_there(connection: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]] | None:
    """Rows of a query, or None where the file lacks a table of it."""
    try:
        return _dicts(connection, query)
    except duckdb.CatalogException:
        return None


def _facts(
    connection: duckdb.DuckDBPyConnection, has_old: bool, as_it_was: frozenset[tuple[str, str]]
) -> dict[str, Any]:
    """Everything that the template prints."""
    publication = _dicts(
        connection,
        "select *, strftime(built_at at time zone 'UTC', '%Y-%m-%d %H:%M:%S') as at"
        " from new.meta.publication",
    )[0]
    names = _if_there(connection, "select indicator_id, name_zh, name_en from new.registry.indicator") or []
    regions = (
        _if_there(
            connection,
            "select region_code, arg_max(name_zh, coalesce(valid_to_year, 9999)) as name_zh,"
            " arg_max(name_en, coalesce(valid_to_year, 9999)) as name_en"
            " from new.registry.region group by all",
        )
        or []
    )
    studies = _if_there(connection, "select study_id, title_zh, title_en from new.studies.study") or []
    return {
        "publication": publication,
        "before": _dicts(
            connection,
            "select run_id, strftime(built_at at time zone 'UTC', '%Y-%m-%d %H:%M:%S') as at"
            " from old.meta.publication",
        )[0]
        if has_old
        else None,
        "tests": {
            row["status"]: row["n"]
            for row in _dicts(
                connection, "select status, count(*) as n from new.meta.test_result group by 1 order by 1"
            )
        },
        "bad_tests": _dicts(connection, "from new.meta.test_result where status <> 'pass' order by test"),
        "inputs": _inputs(connection) if has_old else None,
        "rows": _row_changes(connection) if has_old else None,
        "cells": Changes({}, [])
        if has_old and ("marts", "observation") in as_it_was
        else _moved(connection, CELLS, ["region_code", "year", "indicator_id", "scope", "vintage"], has_old),
        "estimates": _moved(
            connection, ESTIMATES, ["study_id", "place", "term", "is_observed_only"], has_old
        ),
        "findings": _findings(connection, "new", "old") if has_old else None,
        "resolved": _findings(connection, "old", "new") if has_old else None,
        "readiness": _if_there(
            connection,
            "select study_id, done.status as study_status, done.n_estimated, done.n_columns,"
            " coalesce(list({'zh': ready.name_zh, 'en': coalesce(named.name_en, replace(ready.indicator_id,"
            " '_', ' '))} order by ready.indicator_id)"
            " filter (where ready.status in ('missing', 'insufficient')), []) as missing"
            " from new.estimates.study_status as done"
            " left join new.quality.study_readiness as ready using (study_id)"
            " left join new.registry.indicator as named using (indicator_id) group by all order by 1",
        ),
        "freshness": _if_there(
            connection,
            "with last as (select region_level, indicator_id, max(year) as year from new.marts.panel_cell"
            " where value is not null group by all)"
            " select region_level, year, list(indicator_id order by indicator_id) as indicators"
            " from last group by all order by region_level, year desc",
        ),
        "runs": _dicts(
            connection,
            "select * replace (round(seconds, 1) as seconds),"
            " strftime(started_at at time zone 'UTC', '%Y-%m-%d %H:%M:%S') as at"
            " from new.meta.run_log order by started_at desc limit 10",
        ),
        "indicator_names": {r["indicator_id"]: (r["name_zh"], r["name_en"]) for r in names},
        "region_names": {r["region_code"]: (r["name_zh"], r["name_en"]) for r in regions},
        "study_names": {r["study_id"]: (r["title_zh"], r["title_en"]) for r in studies},
    }


def _inputs(connection: duckdb.DuckDBPyConnection) -> Changes:
    """Files added, removed or changed; a landed file by the name it was imported under."""
    query = (
        "select coalesce(n.kind, o.kind) as kind,"
        " coalesce(fn.source_file, fo.source_file, n.path, o.path) as path,"
        " case when o.path is null then 'added' when n.path is null then 'removed' else 'changed' end"
        " as change"
        " from new.meta.input_file n full join old.meta.input_file o on n.kind = o.kind and n.path = o.path"
        " left join new.meta.landed_file fn on n.kind = 'landed' and n.path = fn.sha256 || '.parquet'"
        " left join old.meta.landed_file fo on o.kind = 'landed' and o.path = fo.sha256 || '.parquet'"
        " where n.sha256 is distinct from o.sha256 order by all"
    )
    try:
        rows = _dicts(connection, query)
    except duckdb.Error as error:
        return Changes({}, [], str(error).splitlines()[0])
    return Changes(_counted(row["change"] for row in rows), rows)


def _row_changes(connection: duckdb.DuckDBPyConnection) -> Changes:
    rows = _dicts(
        connection,
        "select table_schema || '.' || table_name as name,"
        " o.n_rows as old, n.n_rows as new, coalesce(n.n_rows, 0) - coalesce(o.n_rows, 0) as difference"
        " from new.meta.table_size n full join old.meta.table_size o using (table_schema, table_name)"
        " where n.n_rows is distinct from o.n_rows order by 1",
    )
    return Changes({"changed": len(rows)} if rows else {}, rows)


def _moved(
    connection: duckdb.DuckDBPyConnection, query: str, keys: list[str], has_old: bool
) -> Changes | None:
    """Figures added, removed or changed between the files, the greatest relative changes first."""
    if not has_old:
        return None
    compared = (
        f"with n as ({query.format(db='new')}), o as ({query.format(db='old')}), compared as ("
        f" select {', '.join(keys)}, o.value::double as old, n.value::double as new,"
        " case when n.is_there is null then 'removed' when o.is_there is null then 'added' else 'changed' end"
        " as change"
        " from (select *, true as is_there from n) as n full join (select *, true as is_there from o) as o"
        f" using ({', '.join(keys)}))"
    )
    differing = (
        " select * from compared where change <> 'changed' or (old is null) <> (new is null)"
        f" or abs(new - old) > {SAME} * greatest(abs(old), abs(new))"
    )
    try:
        connection.execute(f"create or replace temp table moved as {compared}{differing}")
        counts = _dicts(connection, "select change, count(*) as n from moved group by 1 order by 1")
        rows = _dicts(
            connection,
            "select * from moved order by change = 'changed' desc, change,"
            f" abs(new - old) / nullif(abs(old), 0) desc nulls last, {', '.join(keys)} limit {MAX_ROWS}",
        )
    except duckdb.Error as error:
        return Changes({}, [], str(error).splitlines()[0])
    return Changes({row["change"]: row["n"] for row in counts}, rows)


def _findings(connection: duckdb.DuckDBPyConnection, here: str, there: str) -> Changes:
    """Findings of one file that the other has not."""
    columns = "severity, detector, region_code, year, indicator_id, vintage, evidence"
    only = (
        f"select {columns} from {here}.quality.finding"
        f" except all select {columns} from {there}.quality.finding"
    )
    rank = "case severity when 'error' then 0 when 'warn' then 1 else 2 end"
    try:
        counts = _dicts(
            connection, f"select severity, count(*) as n from ({only}) group by 1 order by {rank}"
        )
        rows = _dicts(connection, f"select * from ({only}) order by {rank}, {columns} limit {MAX_ROWS}")
    except duckdb.Error as error:
        return Changes({}, [], str(error).splitlines()[0])
    return Changes({row["severity"]: row["n"] for row in counts}, rows)


def _counted(values: Iterator[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    return counts


def _images(connection: duckdb.DuckDBPyConnection) -> dict[Lang, list[tuple[str, str]]]:
    """(study, SVG as base64) of the main figures of every study that is ready, by language."""
    found: dict[Lang, list[tuple[str, str]]] = {lang: [] for lang in LANGS}
    for images in read_images(connection).values():
        for image in (image for image in images if image.svg):
            found[image.lang].append((image.study_id, base64.b64encode(str(image.svg).encode()).decode()))
    return found
