"""What exported files say, in Chinese and in English."""

from __future__ import annotations

# key: (Chinese, English)
TEXT: dict[str, tuple[str, str]] = {
    "simulated": ("模拟数据", "SIMULATED DATA"),
    "simulated_note": (
        "模拟数据：由 cbec demo 按已知参数生成，不可作为事实引用。",
        "Simulated data, drawn by cbec demo with known parameters; not a fact about anything.",
    ),
    "city_year": ("地级单位与年份面板", "Panel of prefecture-level units and years"),
    "major_city_year": ("36个主要城市与年份面板", "Panel of 36 major cities and years"),
    "province_year": ("省级单位与年份面板", "Panel of provinces and years"),
    "table": ("数据表 {name}", "Table {name}"),
    "built": (
        "cbec-warehouse {version}，构建于 {built}，运行编号 {run}，代码版本 {commit}。",
        "cbec-warehouse {version}, built {built}, run {run}, commit {commit}.",
    ),
    "status_note": (
        "每个单元格都有状态代码（SDMX CL_OBS_STATUS）：A 为正常值，I、F、E 为他人或本项目计算的值，"
        "O、L、M、Q 等为缺失及其原因；没有代码的空格表示任何来源都没有这一格。",
        "Every cell has a status code (SDMX CL_OBS_STATUS): A is a normal value; I, F and E were computed "
        "by somebody; O, L, M, Q and others are missing and say why. A blank without a code: no source has "
        "it.",
    ),
    "treatment_note": (
        "处理变量（is_treated 等）按口径 default：全部批次，批复当年起处理；"
        "first_treated_year 为空表示从未处理。",
        "Treatment columns (is_treated and so on) follow rule default: all batches, treated from the year of "
        "approval; an empty first_treated_year means never treated.",
    ),
    "inert_note": (
        "以 = + - @ 或制表符开头的文本前加了一个单引号，使其不会被当作公式。",
        "A text that begins with = + - @ or a tab has an apostrophe before it, so that no program runs it.",
    ),
    "stata_status_note": (
        "缺失值 .a-.z 的字母即状态代码（.o = 状态 O）；变量 s_* 为各单元格的状态代码；"
        "过长的变量名已缩短，原名见变量注释。",
        "The letter of a missing value .a-.z is its status (.o = status O); variables s_* hold the status "
        "code of every cell; long names are shortened, the note of the variable has the full name.",
    ),
    "xlsx_note": (
        "数据表第1行为标题，第2行为名称与单位，第3行为变量名，数据自第4行起；底色为状态，见“状态”表。",
        "Sheet data: row 1 title, row 2 names and units, row 3 column names, data from row 4; the colour of "
        "a cell is its status, see sheet status_codes.",
    ),
    # sheets
    "sheet_data": ("数据", "data"),
    "sheet_status": ("单元格状态", "status"),
    "sheet_columns": ("变量与单位", "units"),
    "sheet_sources": ("来源", "sources"),
    "sheet_codes": ("状态", "status_codes"),
    "sheet_notes": ("说明", "notes"),
    # heads of those sheets
    "column": ("变量名", "column"),
    "label": ("名称", "label"),
    "unit": ("单位", "unit"),
    "source": ("来源", "source"),
    "publication": ("出版物", "publication"),
    "citation": ("出处", "citation"),
    "n_cells": ("单元格数", "cells"),
    "first_year": ("起始年份", "first year"),
    "last_year": ("终止年份", "last year"),
    "status_code": ("状态代码", "status"),
    "meaning": ("含义", "meaning"),
    "colour": ("颜色", "colour"),
    "status_of": ("状态：{label}", "Status: {label}"),
    "no_source": ("尚无数据", "awaiting data"),
    "yes": ("是", "yes"),
    "no": ("否", "no"),
}

# Columns that are no indicator: name -> (Chinese, English).
COLUMNS: dict[str, tuple[str, str]] = {
    "prefecture_code": ("地级单位代码", "Code of the prefecture-level unit"),
    "province_code": ("省级单位代码", "Code of the province"),
    "region_code": ("地区代码", "Code of the region"),
    "region_level": ("地区层级", "Level of the region"),
    "year": ("年份", "Year"),
    "name_zh": ("中文名称", "Chinese name"),
    "name_en": ("英文名称", "English name"),
    "unit_level": ("行政级别", "Administrative rank"),
    "is_city": ("是否为地级及以上城市", "City of prefecture level or above"),
    "is_major_city": ("是否为36个主要城市", "One of the 36 major cities"),
    "is_resource_based": ("是否为资源型城市", "Resource-based city (plan of 2013)"),
    "longitude": ("经度（度，GCJ-02）", "Longitude in degrees (GCJ-02)"),
    "latitude": ("纬度（度，GCJ-02）", "Latitude in degrees (GCJ-02)"),
    "region3": ("东中西部", "East, central or west"),
    "region4": ("四大地区", "Four-region split"),
    "is_treated": ("跨境电商综试区", "Pilot zone in this year or before"),
    "first_treated_year": ("首次处理年份", "First treated year"),
    "event_year": ("政策实施相对时间（年）", "Years since treatment"),
    "exposure_share": ("当年处理天数占比", "Share of the year under treatment"),
    "batch": ("批次", "Batch"),
    "zone_count": ("综试区个数", "Pilot zones"),
    "has_county_zone": ("是否有县级综试区", "Zone in part of the prefecture"),
    "rule_id": ("处理口径", "Treatment rule"),
    "indicator_id": ("指标", "Indicator"),
    "panel_column": ("面板变量", "Panel column"),
    "vintage": ("数据版本", "Vintage"),
    "value": ("数值", "Value"),
    "value_reported": ("公布值", "Value as reported"),
    "value_printed": ("印刷值", "Value as printed"),
    "unit": ("单位", "Unit"),
    "unit_printed": ("印刷单位", "Unit as printed"),
    "decimals": ("小数位数", "Decimals"),
    "obs_status": ("状态", "Status of the cell"),
    "obs_status_all": ("全部状态代码", "All status codes"),
    "impute_method": ("插补方法", "Method of imputation"),
    "impute_by": ("插补者", "Who imputed"),
    "imputed_share": ("插补值占比", "Share of imputed cells"),
    "anchor_years": ("插补依据年份", "Years that the fill rests on"),
    "suspect_codes": ("存疑检测代码", "Detectors that flag the cell"),
    "source_id": ("来源", "Source"),
    "source_file_sha256": ("来源文件 SHA-256", "SHA-256 of the source file"),
    "source_locator": ("来源位置", "Place in the source"),
    "obs_comment": ("备注", "Comment"),
    "is_simulated": ("是否为模拟数据", "Simulated"),
    "is_derived": ("是否由其他指标计算", "Computed from other indicators"),
    "study_id": ("研究", "Study"),
    "table_no": ("表号", "Table"),
    "column_no": ("列号", "Column"),
    "term": ("变量", "Term"),
    "estimate": ("估计值", "Estimate"),
    "std_error": ("标准误", "Standard error"),
    "t_value": ("t值", "t value"),
    "p_value": ("p值", "p value"),
    "ci_low": ("95%置信区间下限", "95% interval, low"),
    "ci_high": ("95%置信区间上限", "95% interval, high"),
    "stars": ("显著性", "Stars"),
    "n_obs": ("样本量", "Observations"),
    "n_clusters": ("聚类个数", "Clusters"),
    "n_dropped": ("未进入估计的行数", "Rows dropped"),
    "estimator": ("估计方法", "Estimator"),
    "outcome": ("被解释变量", "Outcome"),
    "sample": ("样本", "Sample"),
    "sample_id": ("样本", "Sample"),
    "formula": ("公式", "Formula"),
    "fixed_effects": ("固定效应", "Fixed effects"),
    "controls": ("控制变量", "Controls"),
    "vcov": ("标准误类型", "Covariance"),
    "treatment_rule": ("处理口径", "Treatment rule"),
    "is_observed_only": ("仅用已观测单元", "Observed cells only"),
    "index_id": ("指数", "Index"),
    "weighting": ("赋权方式", "Weighting"),
    "weight": ("权重", "Weight"),
    "entropy": ("信息熵", "Entropy"),
    "divergence": ("差异系数", "Divergence"),
    "score": ("得分", "Score"),
    "score_rank": ("排名", "Rank"),
    "technology": ("技术", "Technology"),
    "efficiency": ("效率", "Efficiency"),
    "index": ("生产率指数", "Productivity index"),
    "efficiency_change": ("效率变化", "Efficiency change"),
    "technical_change": ("技术变化", "Technical change"),
    "cumulative_index": ("累积指数", "Cumulative index"),
    "severity": ("严重程度", "Severity"),
    "detector": ("检测规则", "Detector"),
    "evidence": ("证据", "Evidence"),
    "status": ("状态", "Status"),
    "note": ("备注", "Note"),
}

# Indices that no table of a study names: column or id -> (Chinese, English).
INDICES: dict[str, tuple[str, str]] = {
    "cbec_development_printed": (
        "跨境电商发展指数（论文口径）",
        "E-commerce index of the manufacturing-exports paper",
    ),
    "cbec_development_printed_by_year": (
        "跨境电商发展指数（论文口径，逐年赋权）",
        "E-commerce index of the manufacturing-exports paper, weights by year",
    ),
    "new_quality_productivity_by_year": (
        "新质生产力指数（逐年赋权）",
        "New-quality productivity index, weights by year",
    ),
}
