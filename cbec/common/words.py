"""What tables and figures say, in Chinese and in English, and the names of variables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from cbec.common.cells import clean

Lang = Literal["zh", "en"]
Bracket = Literal["se", "t", "p", "ci"]
LANGS: tuple[Lang, ...] = get_args(Lang)
BRACKETS: tuple[Bracket, ...] = get_args(Bracket)

# key: (Chinese, English)
TEXT: dict[str, tuple[str, str]] = {
    # captions
    "table": ("表", "Table "),
    "simulated": ("模拟数据", "SIMULATED DATA"),
    "baseline": ("基准回归结果", "Baseline"),
    "robustness": ("稳健性检验", "Robustness"),
    "staggered": ("交错双重差分估计结果", "Staggered difference-in-differences"),
    "unit_slopes": ("逐个地区的斜率", "Slopes region by region"),
    "mean_of_slopes": ("{name}：各地区斜率的均值", "{name}: mean of the slopes"),
    "slopes_note": (
        "各地区斜率的标准误只出自本地区各年，在同方差假定下计算，未聚类，不标星号",
        "Errors of the slopes of single regions are of their own years alone, under homoskedasticity and not"
        " clustered: no stars",
    ),
    "no_stars_note": (
        "第{columns}列的标准误未聚类，不标星号",
        "No stars in columns {columns}, whose errors are not clustered",
    ),
    "mechanism": ("机制检验", "Mechanism"),
    "heterogeneity": ("异质性分析", "Heterogeneity"),
    "regressions": ("回归结果", "Regressions"),
    "descriptive": ("描述性统计", "Descriptive statistics"),
    "event_study": ("政策动态效应", "Dynamic effects"),
    "comparison": ("与论文公布结果的比较", "Comparison with the printed results"),
    "att": ("平均处理效应", "Average treatment effects"),
    "mediation": ("中介效应分解", "Mediation"),
    "decomposition": ("双向固定效应的分解", "Decomposition of two-way effects"),
    "placebo": ("安慰剂检验", "Placebo tests"),
    # tables of the papers that are no regressions
    "role": ("类型", "Role"),
    "role_treatment": ("处理变量", "treatment"),
    "definition": ("含义", "Definition"),
    "definition_treated": (
        "综试区城市在获批当年及以后为1，其他为0",
        "1 in a city with a pilot zone from the year of approval on, 0 elsewhere",
    ),
    "readiness": ("本库数据", "Data here"),
    "ready_available": ("有", "available"),
    "ready_proxy": ("替代", "proxy"),
    "ready_insufficient": ("不足", "insufficient"),
    "ready_missing": ("缺", "missing"),
    "readiness_note": (
        "本库数据：研究样本中有数值的行的占比",
        "Data here: share of the rows of the study's sample with a figure",
    ),
    "awaiting_note": ("等待数据：{what}", "Awaiting data: {what}"),
    "region_head": ("研究对象", "Region"),
    "by_region_note": ("各地区至多{n}年", "Up to {n} years a region"),
    "indicator": ("指标", "Indicator"),
    "dimension": ("维度", "Dimension"),
    "direction": ("方向", "Direction"),
    "positive": ("正向", "positive"),
    "negative": ("逆向", "negative"),
    "entropy": ("信息熵", "Entropy"),
    "weight_pct": ("权重（%）", "Weight (%)"),
    "weight_note": ("熵值法，样本各年合并计算", "Entropy method, all years of the sample together"),
    "productivity_index": ("生产率变化（上年=1）", "Change of productivity (year before = 1)"),
    "productivity_level": ("效率水平", "Level of efficiency"),
    "productivity_note": (
        "技术设定{technology}（registry.technology）；变化=效率变化×技术变化，首年没有变化",
        "Technology {technology} (registry.technology); change = efficiency change x technical change, none"
        " in the first year",
    ),
    "rule_of_thumb_note": (
        "单元少于投入产出数目之积或其和的三倍，前沿的区分力有限",
        "Fewer regions than three times the variables: the frontier tells little apart",
    ),
    "grading": ("标准", "Table of grades"),
    "grading_standard": ("通用标准", "Textbook"),
    "grading_printed": ("论文标准", "As printed"),
    "grade": ("等级", "Grade"),
    "small_error_share": ("小误差概率", "Small-error share"),
    "small_error_share_least": ("小误差概率大于", "Small-error share above"),
    "posterior_ratio": ("后验差比", "Posterior ratio"),
    "posterior_ratio_most": ("后验差比小于", "Posterior ratio below"),
    "n_series": ("序列数", "Series"),
    "grey_a": ("发展系数a", "Coefficient a"),
    "mean_relative_error": ("平均相对误差（%）", "Mean relative error (%)"),
    "grade_note": (
        "GM(1,1)；小误差概率即论文的V，后验差比即论文的H，两个条件须同时满足",
        "GM(1,1); the small-error share is the paper's V, the posterior ratio its H, and both must hold",
    ),
    "item": ("项目", "Item"),
    "city": ("城市", "City"),
    "value": ("数值", "Value"),
    "censoring": ("界限", "Bound"),
    "period": ("时点", "Period"),
    "source": ("来源", "Source"),
    "confirmed": ("已核实", "Confirmed"),
    "difference_head": ("差", "Difference"),
    "refusal": ("不可比的原因", "Why not comparable"),
    "mechanism_head": ("机制", "Mechanism"),
    "status_head": ("状态", "Status"),
    "gap": ("缺口", "Gap"),
    "formula": ("算式", "Formula"),
    "fact_note": ("按文献刊印转录", "As the texts print them"),
    "comparison_note": (
        "指标、单位、口径与时期都相同才可比",
        "Comparable only with the same indicator, unit, kind of number and period",
    ),
    "scorecard_note": ("没有文献说明的是缺口，不是零", "What no text states is a gap, never a zero"),
    "arithmetic_note": (
        "由刊印数值推算，见marts.zone_growth_arithmetic",
        "Computed from printed figures; see marts.zone_growth_arithmetic",
    ),
    "figure_coefficients": ("系数", "Coefficients"),
    "figure_scatter": ("散点与拟合线", "Scatter and fitted line"),
    "figure_region_mean": ("分区域均值", "Means by region"),
    "scatter_note": (
        "{n}个观测，拟合线斜率{slope}，R²为{r2}",
        "{n} observations; slope of the line {slope}, R2 {r2}",
    ),
    "region_mean_note": ("各区域省份的简单平均", "Simple means over the provinces of a region"),
    "axis_share": ("占比（%）", "Share (%)"),
    "penetration": ("占货物进出口", "share of all goods trade"),
    "import_share": ("进口占比", "share of imports"),
    # which series a column reads (quality.panel_series)
    "series_read": (
        "{column}：读{series}的{n_read}个数值（{years}），{why}",
        "{column}: {n_read} figures of {series} are read ({years}): {why}",
    ),
    "series_not_read": ("{column}：不读{series}，{why}", "{column}: {series} is not read: {why}"),
    "series_named": ("由series_choice指定", "named in series_choice"),
    "series_city_series": ("城市面板读该序列", "panels of cities read it"),
    "series_only_series": ("没有其他序列", "no other series has figures"),
    "series_most_figures": (
        "在与随附序列一致的序列中数值最多（{n_figures}个）",
        "it has most figures ({n_figures}) of those that agree with what ships",
    ),
    "series_completes": ("补足{chosen}的空缺，两者数值相同", "it completes {chosen}, which prints the same"),
    "series_another_named": ("series_choice指定了{chosen}", "series_choice names {chosen}"),
    "series_another_city_series": ("城市面板读{chosen}", "panels of cities read {chosen}"),
    "series_differs": (
        "与随附序列共有的{n_common}个数值中只有{n_agreeing}个一致；可在series_choice中指定",
        "{n_agreeing} of {n_common} figures in common agree with what ships; series_choice can name it",
    ),
    "series_fewer_figures": (
        "数值（{n_figures}个）不多于{chosen}；可在series_choice中指定",
        "it has {n_figures} figures, no more than {chosen}; series_choice can name it",
    ),
    "series_note": ("所读序列：{rows}", "Series read: {rows}"),
    # head and foot of a regression table
    "variable": ("变量", "Variable"),
    "symbol": ("符号", "Symbol"),
    "unit": ("单位", "Unit"),
    "estimation": ("估计方法", "Estimator"),
    "controls": ("控制变量", "Controls"),
    "fe_prefecture_code": ("城市固定效应", "City effects"),
    "fe_province_code": ("省份固定效应", "Province effects"),
    "fe_year": ("年份固定效应", "Year effects"),
    "fe_province_code^year": ("省份×年份固定效应", "Province × year effects"),
    "fe_other": ("{name} 固定效应", "{name} effects"),
    "cluster_row": ("聚类层级", "Clustered by"),
    "n_clusters": ("聚类个数", "Clusters"),
    "n_effective_clusters": ("有效聚类数", "Effective clusters"),
    "n_obs": ("样本量", "Observations"),
    "r2": ("R²", "R²"),
    "r2_within": ("组内R²", "Within R²"),
    "imputed_share": ("插补值占比（%）", "Imputed cells (%)"),
    "imputed_row_share": ("含插补值的行（%）", "Rows on imputed cells (%)"),
    "flagged_share": ("存疑值占比（%）", "Flagged cells (%)"),
    "flagged_row_share": ("含存疑值的行（%）", "Rows on flagged cells (%)"),
    "cell_status": ("单元状态构成（%）", "Cell status (%)"),
    "n_dropped": ("未进入估计的行数", "Rows dropped"),
    "treatment_rule": ("处理口径", "Treatment rule"),
    "observed_only": ("仅用已观测单元", "Observed cells only"),
    "all_cells": ("全部单元", "All cells"),
    "same_sample": ("同一样本的双向固定效应", "Two-way effects on the same rows"),
    "n_obs_observed": ("样本量（仅用已观测单元）", "Observations, observed cells only"),
    "yes": ("是", "Yes"),
    "no": ("否", "No"),
    "differenced": ("差分消去", "Differenced"),
    "winsorised": ("缩尾", "Winsorised at"),
    "none": ("无", "None"),
    # descriptive, event study, comparison, mediation, placebo
    "mean": ("均值", "Mean"),
    "sd": ("标准差", "Std. dev."),
    "minimum": ("最小值", "Minimum"),
    "maximum": ("最大值", "Maximum"),
    "vif": ("方差膨胀因子", "VIF"),
    "n_obs_short": ("观测值", "N"),
    "method": ("方法", "Method"),
    "method_bacon": ("Goodman-Bacon（2021）", "Goodman-Bacon (2021)"),
    "method_twfe_weight": (
        "de Chaisemartin和D'Haultfoeuille（2020）权重",
        "Weights, de Chaisemartin and D'Haultfoeuille (2020)",
    ),
    "n_obs_decomposed": ("所分解回归的样本量", "N, decomposed"),
    "n_obs_column": ("本列样本量", "N, column"),
    "estimate_decomposed": ("所分解回归的系数", "Coefficient, decomposed"),
    "estimate_column": ("本列系数", "Coefficient, column"),
    "doubtful_weight": ("用已处理组作对照的权重或负权重之和（%）", "Forbidden or negative weight (%)"),
    "decomposition_note_table": (
        "两种系数相同时，所分解的就是本列的回归；Goodman-Bacon定理只适用于不含控制变量的平衡面板",
        "Where both coefficients are equal, it is the column's regression that is decomposed; Goodman-Bacon's"
        " theorem is about balanced panels without controls",
    ),
    "falsification": ("证伪检验", "Falsification tests"),
    "falsification_kind": ("检验", "Test"),
    "falsification_note": (
        "若设计成立，各效应应为零：提前处理时间者只用未处理的行；替换结果者为政策难以影响的变量",
        "If the design holds, every effect is zero: an early treatment uses untreated rows only; another "
        "outcome is one that the policy can hardly move",
    ),
    "equivalence_note": (
        "等价检验（Hartman和Hidalgo 2018）：等价界为5%水平下可断定效应绝对值不超过的最小界；"
        "p值的界默认为结果变量在单位和年份内标准差的0.36倍",
        "Equivalence tests (Hartman and Hidalgo 2018): the bound is the smallest margin within which the"
        " effect is shown to lie at 5 per cent; p is of a margin of, by default, 0.36 standard deviations of"
        " the outcome within units and years",
    ),
    "equivalence_bound": ("等价界（5%）", "Equivalence bound (5%)"),
    "equivalence_p": ("等价检验 p 值", "p of equivalence"),
    "note_of_rows": ("{rows}：{note}", "{rows}: {note}"),
    "years_early": ("处理提前{n}年", "Treated {n} year(s) early"),
    "other_outcome": ("替换结果变量", "Another outcome"),
    "n_treated_cells": ("处理的行数", "Rows treated"),
    "std_error": ("标准误", "Std. error"),
    "p_value": ("p 值", "p value"),
    "event_time": ("相对时间", "Event time"),
    "n_cohorts": ("批次数", "Cohorts"),
    "base_period": ("基期", "Base period"),
    "printed": ("论文公布", "Printed"),
    "ours": ("本项目", "Ours"),
    "difference": ("差", "Difference"),
    "effect_printed": ("处理变量系数：论文公布", "Treatment coefficient: printed"),
    "effect_ours": ("处理变量系数：本项目", "Treatment coefficient: ours"),
    "effect_difference": ("处理变量系数：本项目减论文", "Treatment coefficient: ours less printed"),
    "n_printed": ("样本量：论文公布", "Observations: printed"),
    "n_ours": ("样本量：本项目", "Observations: ours"),
    "mediator": ("中介变量", "Mediator"),
    "outcome": ("被解释变量", "Outcome"),
    "path_c": ("总效应 c", "Total effect c"),
    "path_a": ("政策→中介 a", "Policy → mediator a"),
    "path_b": ("中介→结果 b", "Mediator → outcome b"),
    "path_c_prime": ("直接效应 c′", "Direct effect c′"),
    "indirect": ("间接效应 ab", "Indirect effect ab"),
    "indirect_ci": ("间接效应95%置信区间", "Indirect effect, 95% interval"),
    "share_mediated": ("中介占比（%）", "Share mediated (%)"),
    "sobel_z": ("Sobel z", "Sobel z"),
    "sobel_p": ("Sobel p", "Sobel p"),
    "n_boot": ("自助抽样次数", "Bootstrap draws"),
    "rho_at_zero": ("间接效应为零时的 ρ", "ρ at which the indirect effect is zero"),
    "scheme": ("方案", "Scheme"),
    "estimate": ("估计值", "Estimate"),
    "p_randomization": ("随机化 p 值", "Randomization p"),
    "p_randomization_t": ("随机化 p 值（t）", "Randomization p (t)"),
    "n_draws": ("次数", "Draws"),
    "seed": ("种子", "Seed"),
    "aggregation": ("汇总", "Aggregation"),
    "overall": ("总体", "Overall"),
    "control_group": ("对照组", "Control group"),
    # notes
    "note": ("注：", "Notes: "),
    "note_in": ("括号内为", "In parentheses: "),
    "note_in_square": ("方括号内为", "In square brackets: "),
    "se": ("标准误", "standard errors"),
    "t": ("t值", "t values"),
    "p": ("p值", "p values"),
    "ci": ("95%置信区间", "95% confidence intervals"),
    "vcov_cluster": ("聚类到{level}层面的", "clustered by {level}"),
    "vcov_hc1": ("异方差稳健（HC1）", "robust to heteroskedasticity (HC1)"),
    "vcov_iid": ("同方差假定下的", "under homoskedasticity"),
    "vcov_conley": ("Conley空间相关稳健（{km}公里）", "Conley, spatial to {km} km"),
    "vcov_bootstrap": ("由自助法置信区间换算的", "that the bootstrap interval implies"),
    "vcov_mean_group": ("组均值估计的", "of a mean of slopes"),
    "vcov_estimator": ("估计方法自带的", "of the estimator itself"),
    "level_prefecture_code": ("城市", "city"),
    "level_province_code": ("省份", "province"),
    "level_year": ("年份", "year"),
    "stars_note": (
        "***、**、*分别表示在1%、5%、10%水平上显著",
        "***, ** and * mark significance at 1, 5 and 10 per cent",
    ),
    "implied_stars_note": (
        "星号由估计值、标准误和95%置信区间推得",
        "Stars follow from the estimate, its standard error and its 95% interval",
    ),
    "withheld_note": (
        "有效聚类数（Carter、Schnepel和Steigerwald 2017）过少时不列标准误、p值、区间和星号",
        "No error, p value, interval or stars where the effective number of clusters (Carter, Schnepel and"
        " Steigerwald 2017) is too small",
    ),
    "split_note": ("列间系数差异：{tests}", "Differences between columns: {tests}"),
    "split_permutation": (
        "{high}减{low}，置换检验 p = {p}",
        "{high} less {low}, permutation p = {p}",
    ),
    "split_wald": (
        "{columns}相等，交互项Wald检验 p = {p}",
        "{columns} are equal, Wald test of interactions p = {p}",
    ),
    "normal_stars_note": ("星号按正态分布", "Stars by the normal distribution"),
    "imputed_note": (
        "插补值为他人或本项目填补之值，存疑值为检测器判为填补或错印之值；占比按实际进入估计的单元格和行计算",
        "Imputed cells are those that somebody filled, flagged ones those that a detector holds to be filled"
        " or misprinted; shares are of the cells and rows that entered the estimate",
    ),
    "observed_note": (
        "“仅用已观测单元”一行去掉含填补值、或检测器判为填补或错印之值的行后重新估计",
        "“Observed cells only”: estimated again without the rows that rest on a filled cell, or on one that a"
        " detector holds to be filled or misprinted",
    ),
    "same_sample_note": (
        "“同一样本的双向固定效应”恰用该列所用的行，与该列之差只来自估计方法；其他列的双向固定效应所用的行可能不同",
        "“Two-way effects on the same rows” use exactly the rows of the column: what differs from it is the"
        " estimator alone; two-way effects in other columns may use other rows",
    ),
    "main_is_observed": (
        "各列只用没有填补值、也没有检测器判为填补或错印之值的行估计",
        "All columns are estimated without the rows that rest on a filled cell, or on one that a detector"
        " holds to be filled or misprinted",
    ),
    "status_note": ("状态代码：{codes}", "Status codes: {codes}"),
    "columns_note": ("各列说明：{notes}", "By column: {notes}"),
    "dropped_note": ("未进入估计的原因：{notes}", "Why rows were dropped: {notes}"),
    "simulated_note": (
        "本表由模拟数据生成，不可作为事实引用",
        "Made from simulated data; not a fact about anything",
    ),
    "vcov_columns": ("第{columns}列：{text}", "columns {columns}: {text}"),
    "bootstrap_note": (
        "间接效应的置信区间由按聚类自助抽样得到",
        "The interval of the indirect effect is bootstrapped by cluster",
    ),
    "study": ("研究：{name}", "Study: {name}"),
    # figures
    "figure_event_study": ("政策动态效应", "Dynamic effects"),
    "figure_placebo": ("安慰剂检验", "Placebo test"),
    "figure_bacon": ("Goodman-Bacon分解", "Goodman-Bacon decomposition"),
    "figure_timing": ("处理时点与单元状态", "Treatment timing and cell status"),
    "figure_specification": ("设定曲线", "Specification curve"),
    "figure_leave_one_out": ("逐一剔除", "Leave one out"),
    "figure_cohorts": ("分批次处理效应", "Effects by cohort"),
    "figure_estimators": ("各估计方法的系数", "Estimates by estimator"),
    "figure_cumulative": ("累积指数", "Cumulative index"),
    "figure_decomposition": ("变化的来源", "Where change comes from"),
    "region3_east": ("东部", "East"),
    "region3_central": ("中部", "Central"),
    "region3_west": ("西部", "West"),
    "axis_cumulative": ("累积指数的中位数（{year}年=1）", "Median cumulative index ({year} = 1)"),
    "axis_log_points": ("比上年平均变化（对数点×100）", "Mean change on the year before, log points × 100"),
    "efficiency_change": ("效率变化", "Efficiency change"),
    "technical_change": ("技术变化", "Technical change"),
    "productivity_change": ("生产率变化", "Change of productivity"),
    "cumulative_note": (
        "各年中位数取自当年有累积指数的城市，各年城市不尽相同",
        "The median is of the cities that have an index in that year, which are not the same in every year",
    ),
    "decomposition_note": (
        "各城市对数的平均数，两部分之和等于生产率变化",
        "Means of logs over cities, so that the two parts add up to the change of productivity",
    ),
    "figure_growth_path": ("跨境电商交易额的增长路径", "Paths of cross-border e-commerce turnover"),
    "figure_national_trade": ("全国跨境电商进出口", "National cross-border e-commerce, imports and exports"),
    "figure_printed_index": ("论文公布指数的事件研究", "Event study of the printed index"),
    "axis_turnover": ("交易额（亿元）", "Turnover (100 million yuan)"),
    "axis_trade": ("进出口（万亿元）", "Imports and exports (trillion yuan)"),
    "goal": ("{year}年目标", "Goal for {year}"),
    "path_note": (
        "起点为{year}年交易额{value}亿元，由已公布月份按月均推算，为下限",
        "From {value} (100 million yuan) in {year}, a lower bound: the printed months spread to a year",
    ),
    "national_note": (
        "初步数与修订数是两个系列，不得连接；空心点未经印刷品核实",
        "First prints and revisions are two series, never spliced. Hollow: not confirmed in print",
    ),
    "reading_title": (
        "{reading}：平均效应 {effect}，精确p = {p}",
        "{reading}: average effect {effect}, exact p = {p}",
    ),
    "exact_note": (
        "基期为-1；实心点的精确p值小于0.05（穷举{n}种保持批次规模的分配）；"
        "竖线为按城市聚类的95%区间，十个聚类不足为凭；处理口径：{rule}",
        "Base period −1. Filled: exact p below 0.05 (all {n} assignments that keep the cohort sizes). "
        "Bars: 95% intervals clustered by city, not to be trusted with ten cities. Treatment rule: {rule}",
    ),
    "axis_event": ("政策实施相对时间（年）", "Years since treatment"),
    "axis_coefficient": ("估计系数", "Estimate"),
    "axis_density": ("核密度", "Kernel density"),
    "axis_p": ("p值", "p value"),
    "axis_weight": ("权重", "Weight"),
    "axis_year": ("年份", "Year"),
    "axis_cohort": ("首次处理年份", "First treated year"),
    "cohort_average": ("平均", "average"),
    "axis_rank": ("按估计值排序的设定", "Specifications, sorted by estimate"),
    "true_estimate": ("真实估计值", "Actual estimate"),
    "density_of": ("虚假系数的核密度", "Density of placebo estimates"),
    "p_of": ("p值（右轴）", "p value (right axis)"),
    "full_sample": ("全样本", "Full sample"),
    "weighted_mean": ("加权平均", "Weighted mean"),
    "approval": ("处理开始", "Treatment begins"),
    "missing": ("无单元格", "No cell"),
    "cohorts_below": ("横轴括号内为批次数", "Cohorts in parentheses below the axis"),
    "grid_reference": (
        "横轴为政策实施相对时间（年），灰线为{name}",
        "Years since treatment; grey line: {name}",
    ),
    "interval_note": ("竖线为95%置信区间", "Bars are 95% intervals"),
    "band_note": (
        "虚线为95%同时置信带（sup-t，Montiel Olea和Plagborg-Møller 2019）",
        "Dotted bars are 95% simultaneous bands (sup-t, Montiel Olea and Plagborg-Møller 2019)",
    ),
    "no_band_note": (
        "没有虚线者无同时置信带（无各期联合协方差）",
        "Without dotted bars: no simultaneous band, because the years have no joint covariance",
    ),
    "no_error_note": (
        "没有竖线的点没有标准误（处理单位或对照单位过少）",
        "Points without a bar have no standard error (too few treated or control units)",
    ),
    "interval_note_h": ("横线为95%置信区间", "Bars are 95% intervals"),
    "base_none": ("基期：{base}", "Base period: {base}"),
    "base_omitted": ("空心圆为基期（系数为0）", "Hollow circle: base period, zero by construction"),
    "placebo_note": (
        "方案：{scheme}；{n_draws}次；种子{seed}；带宽{bandwidth}；随机化p值 = {p}",
        "Scheme: {scheme}; {n_draws} draws; seed {seed}; bandwidth {bandwidth}; randomization p = {p}",
    ),
    "bacon_note": (
        "虚线为加权平均 {mean}；用已处理组作对照的权重 {share}%",
        "Dashed: weighted mean {mean}; weight on already-treated controls {share}%",
    ),
    "decomposed_rows": (
        "分解所用{n}行，本列{n_column}行；所分解回归的系数{decomposed}，本列系数{column}",
        "{n} rows decomposed, {n_column} in the column; coefficient of the regression decomposed"
        " {decomposed}, of the column {column}",
    ),
    "timing_note": (
        "{n}个地区；处理口径：{rule}；粗线右侧为处理后",
        "{n} regions; treatment rule: {rule}; treated to the right of the heavy line",
    ),
    "vcov_row": ("标准误", "Standard errors"),
    "treatment_variable": ("处理变量", "Treatment"),
    "sample_row": ("样本", "Sample"),
    "rows_row": ("行数（单位数）", "Rows (units)"),
    "gaps_row": ("有缺口的单位", "Units with a gap"),
    "gaps_kept": ("保留", "kept"),
    "gaps_dropped": ("剔除", "left out"),
    "rows_note": (
        "只有“行数（单位数）”在同一行的点才用同样多的观测：不同行之间的差别可能来自样本而非估计方法",
        "Only points on one line of “Rows (units)” use as many rows: across lines a difference may be one of"
        " rows and not of estimators",
    ),
    "hollow_note": (
        "空心点的置信区间包含0",
        "Hollow markers: the interval contains zero",
    ),
    "observed_row": ("仅已观测单元", "Observed cells only"),
    "dim_batch": ("批次", "Batch"),
    "dim_province": ("省份", "Province"),
    "dim_city": ("城市", "City"),
    "leave_note": (
        "虚线为全样本估计值 {full}；剔除后最小 {low}，最大 {high}，变号 {flips} 次",
        "Dashed: full sample {full}; lowest {low}, highest {high}, sign changes {flips}",
    ),
    "leave_extreme": (
        "仅显示最远离全样本的{shown}个，共{total}个",
        "The {shown} farthest from the full sample of {total}",
    ),
    # Between parts of a sentence, and between sentences of a note.
    "separator": ("；", "; "),
    "sentence": ("；", ". "),
    "stop": ("。", "."),
    "list": ("、", ", "),
}

# The three regions of the registry.
REGIONS: dict[str, tuple[str, str]] = {
    "east": ("东部", "East"),
    "central": ("中部", "Central"),
    "west": ("西部", "West"),
}
# Roles of variables in a study (studies.study_indicator).
ROLES: dict[str, tuple[str, str]] = {
    "input": ("投入", "input"),
    "good output": ("期望产出", "good output"),
    "bad output": ("非期望产出", "bad output"),
    "factor": ("影响因素", "factor"),
    "fact": ("事实", "fact"),
    "outcome": ("被解释变量", "outcome"),
    "treatment": ("核心解释变量", "treatment"),
    "control": ("控制变量", "control"),
    "mediator": ("机制变量", "mediator"),
    "subgroup": ("分组变量", "subgroup"),
    "index component": ("指数构成", "index component"),
    "robustness outcome": ("稳健性检验的被解释变量", "robustness outcome"),
}
# Dimensions of indices (registry.index_component).
COMPONENT_DIMENSIONS: dict[str, tuple[str, str]] = {
    "market size": ("市场规模", "market size"),
    "supporting facilities": ("配套设施", "supporting facilities"),
    "growth potential": ("增长潜力", "growth potential"),
    "new labour": ("新质劳动力", "new labour"),
    "new objects of labour": ("新质劳动对象", "new objects of labour"),
    "new means of labour": ("新质劳动资料", "new means of labour"),
}
# Codes of the facts of pilot zones (studies.zone_fact and what rests on it).
MECHANISMS: dict[str, tuple[str, str]] = {
    "technology": ("技术赋能", "technology"),
    "platform": ("平台协同", "platform"),
    "brand": ("品牌提升", "brand"),
    "talent": ("人才支撑", "talent"),
    "supply_chain": ("供应链", "supply chain"),
}
FACT_UNITS: dict[str, tuple[str, str]] = {
    "years": ("年", "years"),
    "year": ("年份", "year"),
    "pct": ("%", "%"),
    "pieces_per_second": ("件/秒", "pieces a second"),
    "10k_yuan": ("万元", "10 thousand yuan"),
    "m": ("米", "m"),
    "10k_persons": ("万人", "10 thousand persons"),
    "count": ("个", "number"),
    "firms": ("户", "firms"),
    "100m_usd": ("亿美元", "100 million US dollars"),
    "100m_yuan": ("亿元", "100 million yuan"),
    "10k_m2": ("万平方米", "10 thousand square metres"),
}
CENSORING: dict[str, tuple[str, str]] = {
    "exact": ("确数", "exact"),
    "over": ("超过", "over"),
    "nearly": ("近", "nearly"),
    "at_least": ("不低于", "at least"),
    "about": ("约", "about"),
    "lower bound": ("下界", "lower bound"),
    "upper bound": ("上界", "upper bound"),
    "undetermined": ("不定", "undetermined"),
}
FACT_STATUS: dict[str, tuple[str, str]] = {
    "gap": ("缺口", "gap"),
    "stated": ("有数", "stated"),
    "stated for this city only": ("仅该市有数", "stated for this city only"),
}
QUANTITIES: dict[str, tuple[str, str]] = {
    "annualised": ("年化交易额", "turnover at a year's rate"),
    "needed_growth": ("目标所需的增长", "growth that the goal needs"),
    "needed_growth_from_year_before": ("自上年起目标所需的年均增长", "the same from the year before"),
    "orders_in_yuan": ("订单额（折人民币）", "orders in yuan"),
    "orders_in_yuan_a_year": ("年均订单额（折人民币）", "orders in yuan, a year"),
    "years_to_goal_at_stated_rate": ("按既有增速达标所需年数", "years to the goal at the stated rate"),
    "cbec_share_of_ecommerce": ("跨境电商占电商交易额", "share of all e-commerce"),
    "implied_year_before": ("推算的上年交易额", "turnover of the year before, implied"),
}
# Grades of the grey model, the textbook's and those of the paper.
GRADE_NAMES: dict[str, tuple[str, str]] = {
    "good": ("好", "good"),
    "qualified": ("合格", "qualified"),
    "marginal": ("勉强合格", "marginal"),
    "unqualified": ("不合格", "unqualified"),
    "better": ("较好", "better"),
    "fair": ("一般", "fair"),
    "pass": ("及格", "pass"),
}
ESTIMATORS: dict[str, tuple[str, str]] = {
    "pooled": ("混合回归", "Pooled"),
    "twfe": ("双向固定效应", "Two-way effects"),
    "callaway_santanna": ("Callaway-Sant'Anna", "Callaway-Sant'Anna"),
    "random_effects": ("随机效应", "Random effects"),
    "unit_slopes": ("各单位斜率", "Slope by unit"),
    "tobit": ("Tobit", "Tobit"),
    "simar_wilson": ("截断回归（Simar-Wilson双重自助法）", "Truncated (Simar-Wilson)"),
    "twfe_event_study": ("双向固定效应事件研究", "Two-way event study"),
    "sun_abraham": ("Sun-Abraham", "Sun-Abraham"),
    "imputation": ("插补法（BJS）", "Imputation (BJS)"),
    "two_stage": ("两阶段DID", "Two-stage DID"),
    "lp_did": ("局部投影DID", "LP-DID"),
    "stacked": ("堆叠DID", "Stacked DID"),
    "de_chaisemartin_dhaultfoeuille": ("dCDH", "dCDH"),
    "extended_twfe": ("扩展TWFE", "Extended TWFE"),
    "synthetic_did": ("合成DID", "Synthetic DID"),
}
# What the registry of indicators does not hold: treatment by a rule, the constant, indices by their id or,
# where one index has two weightings, by their column.
VARIABLES: dict[str, tuple[str, str]] = {
    "is_treated": ("跨境电商综试区", "Pilot zone"),
    "exposure_share": ("跨境电商综试区（当年天数占比）", "Pilot zone (share of the year)"),
    "_cons": ("常数项", "Constant"),
    "sigma": ("误差标准差", "Scale of the error"),
    "Intercept": ("常数项", "Constant"),
    "cbec_development_province": ("跨境电商发展指数", "E-commerce index"),
    "cbec_development_province_no_trade": (
        "跨境电商发展指数（不含外贸）",
        "E-commerce index, without trade",
    ),
    "cbec_development_province_by_year_index": (
        "跨境电商发展指数（逐年赋权）",
        "E-commerce index, weights by year",
    ),
    "cbec_development_province_no_trade_by_year_index": (
        "跨境电商发展指数（不含外贸，逐年赋权）",
        "E-commerce index, without trade, weights by year",
    ),
    "new_quality_productivity": ("新质生产力指数", "New-quality productivity"),
}
RULES: dict[str, tuple[str, str]] = {
    "default": ("全部批次", "all batches"),
    "first_six": ("前六批", "batches 1-6"),
    "first_five": ("前五批", "batches 1-5"),
    "first_five_next_year": ("前五批，下半年顺延", "batches 1-5, next year"),
    "first_six_late_dropped": ("前六批，去后批", "batches 1-6, later dropped"),
    "first_six_not_yet": ("前六批，后批未处理", "batches 1-6, later not yet"),
    "first_five_not_yet": ("前五批，后批未处理", "batches 1-5, later not yet"),
    "exposure": ("当年天数占比", "share of the year"),
    "county_to_parent": ("县级归上级", "county to parent"),
    "county_flagged": ("县级标记", "county flagged"),
    "all_prefectures": ("全部地级单位", "all prefectures"),
    # Of a study's own policy.
    "approval_year": ("批复当年", "year of approval"),
    "next_year_after_june": ("下半年顺延", "next year after June"),
    "exposure_share": ("当年天数占比", "share of the year"),
}
SCHEMES: dict[str, tuple[str, str]] = {
    "time": ("时间", "in time"),
    "unit": ("个体", "in space"),
    "space": ("个体", "in space"),
    "mixed": ("混合", "mixed"),
    "cohort": ("批次置换", "cohort permutation"),
}
# Where the units of a stratified placebo are exchanged.
STRATA: dict[str, tuple[str, str]] = {
    "province_code": ("省内", "within provinces"),
    "region3": ("三大地带内", "within the three regions"),
    "region4": ("四大区域内", "within the four regions"),
}
SAMPLES: dict[str, tuple[str, str]] = {
    "provinces": ("省份", "provinces"),
    "provinces_without_tibet": ("省份（不含西藏）", "provinces without Tibet"),
    "cities": ("城市", "cities"),
    "major_cities": ("重点城市", "major cities"),
    "yrd_ten_cities": ("长三角十市", "ten Yangtze-delta cities"),
}
CONTROL_GROUPS: dict[str, tuple[str, str]] = {
    "not_yet_treated": ("尚未处理", "not yet treated"),
    "notyettreated": ("尚未处理", "not yet treated"),
    "never_treated": ("从未处理", "never treated"),
    "nevertreated": ("从未处理", "never treated"),
}
COMPARISONS: dict[str, tuple[str, str]] = {
    "treated vs never treated": ("处理组对从未处理组", "Treated against never treated"),
    "earlier vs later": ("先处理对后处理", "Earlier against later treated"),
    "later vs earlier": ("后处理对先处理", "Later against already treated"),
    "later vs always treated": ("后处理对始终处理", "Later against always treated"),
}
PATHS: dict[str, tuple[str, str]] = {
    "needed rate": ("达标所需增速", "Needed rate"),
    "recent rate": ("最近增速", "Recent rate"),
    "stated rate": ("规划增速下限", "Stated rate"),
}
REVISIONS: dict[str, tuple[str, str]] = {
    "first print": ("初步数", "First print"),
    "revision": ("修订数", "Revision"),
    "not known": ("口径不明", "Not known"),
}
READINGS: dict[str, tuple[str, str]] = {
    "as printed": ("按原文", "As printed"),
    "as corrected": ("按声明的更正", "As corrected"),
    "without corrected years": ("剔除有更正的年份", "Without corrected years"),
}


def pick(pair: tuple[str, str], lang: Lang) -> str:
    """The Chinese or the English of a pair."""
    return pair[0] if lang == "zh" else pair[1]


def say(key: str, lang: Lang, **values: object) -> str:
    """A text of TEXT with its places filled. Raises KeyError on an unknown key."""
    return pick(TEXT[key], lang).format(**values) if values else pick(TEXT[key], lang)


def named(names: Mapping[str, tuple[str, str]], key: str, lang: Lang) -> str:
    """A name from a list of pairs; the key itself, in words, when the list does not know it."""
    return pick(names[key], lang) if key in names else key.replace("_", " ")


def scheme_words(scheme: str, lang: Lang) -> str:
    """A placebo scheme with its strata: `cohort within province_code`."""
    kind, _, stratum = scheme.partition(" within ")
    name = named(SCHEMES, kind, lang)
    return f"{name}{pick(('，', ', '), lang)}{named(STRATA, stratum, lang)}" if stratum else name


def sample_words(sample: str, lang: Lang) -> str:
    """A sample by what it holds and its years: `cities_2010_2023`."""
    found = re.fullmatch(r"(\w+)_(\d{4})_(\d{4})", sample)
    if found is None:
        return sample.replace("_", " ")
    return f"{named(SAMPLES, found[1], lang)} {found[2]}–{found[3]}"


@dataclass(frozen=True)
class Labels:
    """Names and units of variables in one language.

    panel_columns: panel column -> indicator; indicators: indicator -> (zh, en, unit); study_names:
    indicator -> the name that the study gives it in Chinese; notes: what a specification adds, English ->
    Chinese; regions: code -> name in this language, for terms of one unit (`variable:code`).
    """

    lang: Lang
    panel_columns: Mapping[str, str] = field(default_factory=dict)
    indicators: Mapping[str, tuple[str, str, str]] = field(default_factory=dict)
    study_names: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    regions: Mapping[str, str] = field(default_factory=dict)

    def translate(self, text: str) -> str:
        """A note in the language of these labels; see `translate`. Columns in it get their names."""
        words = translate(text, self.lang, self.notes)
        return re.sub(r"(?<=控制变量缺失（)\w+(?=）)", lambda found: self.variable(found[0]), words)

    def indicator(self, column: str) -> str:
        """The indicator of a panel column: as the panel says, else the longest name that the column begins
        with (a column is an indicator and a unit), else the column itself."""
        if column in self.panel_columns:
            return self.panel_columns[column]
        known = {*self.indicators, *self.study_names}
        parts = column.split("_")
        heads = ("_".join(parts[:count]) for count in range(len(parts), 0, -1))
        return next((head for head in heads if head in known), column)

    def variable(self, column: str) -> str:
        """Name of a variable; the column in words when nothing names it."""
        if column in VARIABLES and column not in self.indicators:
            return pick(VARIABLES[column], self.lang)
        shifted = re.fullmatch(r"([LF])(\d+)\.(\w+)", column)
        if shifted:
            words = {"L": ("滞后{n}期", "lag {n}"), "F": ("前置{n}期", "lead {n}")}[shifted[1]]
            return (
                f"{self.variable(shifted[3])}（{words[0].format(n=shifted[2])}）"
                if self.lang == "zh"
                else (f"{self.variable(shifted[3])} ({words[1].format(n=shifted[2])})")
            )
        of_unit = re.fullmatch(r"(\w+):(\w+)", column)
        if of_unit:
            place = clean(self.regions.get(of_unit[2], of_unit[2]))
            return self.variable(of_unit[1]) + pick(("：", ": "), self.lang) + place
        indicator = self.indicator(column)
        if indicator in self.indicators:
            zh, en, _ = self.indicators[indicator]
            return clean(zh if self.lang == "zh" else en)
        if indicator in VARIABLES:
            return pick(VARIABLES[indicator], self.lang)
        if indicator in self.study_names and self.lang == "zh":
            return clean(self.study_names[indicator])
        return clean(indicator.replace("_", " "))

    def unit(self, column: str) -> str:
        """Unit of a variable, empty when it has none that is known."""
        indicator = self.indicator(column)
        return clean(self.indicators[indicator][2]) if indicator in self.indicators else ""


# What the estimators write in English, by machine: pattern -> Chinese. Other text stays as written.
_MACHINE_ZH: tuple[tuple[str, str], ...] = (
    (r"^(\d+) rows: outcome \S+ is in no edition for (.+)$", r"\1行：被解释变量\2年无任何版次刊载"),
    (r"^(\d+) rows: control (\S+) is in no edition for (.+)$", r"\1行：控制变量\2在\3年无任何版次刊载"),
    (r"^(\d+) rows: mediator (\S+) is in no edition for (.+)$", r"\1行：中介变量\2在\3年无任何版次刊载"),
    (r"^(\d+) rows: outcome \S+ missing$", r"\1行：被解释变量缺失"),
    (r"^(\d+) rows: treatment \S+ missing$", r"\1行：处理变量缺失"),
    (r"^(\d+) rows: control (\S+) missing$", r"\1行：控制变量缺失（\2）"),
    (r"^(\d+) rows: mediator (\S+) missing$", r"\1行：中介变量缺失（\2）"),
    (r"^different units: (\S+) and (\S+)$", r"单位不同：\1与\2"),
    (r"^different quantities: (.+) and (.+)$", r"指标不同：\1与\2"),
    (r"^different kinds of number: (.+) and (.+)$", r"数值类型不同：\1与\2"),
    (r"^different periods: (.+) and (.+)$", r"时期不同：\1与\2"),
    (r"^no city states a figure$", "没有城市公布数值"),
    (r"^not stated for this city$", "该市未公布"),
    (r"^not stated$", "未公布"),
    (r"^another quantity is, and cannot stand for it: (.+)$", r"公布的是另一指标，不能替代：\1"),
    (r"^(\d+) of (\d+) outcomes censored$", r"\2个被解释变量中\1个在界限处被删失"),
    (r"^log likelihood (.+)$", r"对数似然\1"),
    (
        r"^distances of at least 1, corrected for bias: above zero means less efficient$",
        "距离函数不小于1，经偏差修正：系数大于零表示效率更低",
    ),
    (r"^(\d+) of (\d+) enter the truncated regression$", r"\2个中\1个进入截断回归"),
    (r"^(\d+) draws$", r"抽样\1次"),
    (r"^(\d+) rows: a cell was filled$", r"\1行：含填补值"),
    (r"^(\d+) rows: a detector flags a cell$", r"\1行：检测器存疑"),
    (
        r"^(\d+) of (\d+) units have a row without a filled or flagged cell$",
        r"\2个单位中有\1个有不含填补值和存疑值的行",
    ),
    (r"^(\d+) rows: unit dropped by the estimator$", r"\1行：单位被估计方法剔除"),
    (
        r"^(\d+) rows: cohort with one year before treatment$",
        r"\1行：所在批次处理前只有一年",
    ),
    (
        r"^(\S+) computed again from observed cells: (\d+) of (\d+) values, (\d+) of (\d+) units$",
        r"\1只用观测值重新计算：\3个值中得到\2个，\5个单位中得到\4个",
    ),
    (r"^(\d+) rows: no (\S+) without filled and flagged cells$", r"\1行：去掉填补值和存疑值后没有\2"),
    (r"^(\d+) rows: alone in a fixed effect$", r"\1行：固定效应组内只有一行"),
    (r"^(\d+) rows: of units without a slope$", r"\1行：所在单位无法估计斜率"),
    (r"^(\d+) rows: a series breaks in the row$", r"\1行：序列在该行中断"),
    (
        r"^(\d+) rows: a series breaks within (\d+) years of first treatment$",
        r"\1行：序列在首次处理前后\2年以内中断",
    ),
    (r"^(\d+) region-years in which a series breaks$", r"序列中断的地区—年份共\1个"),
    (r"^no series breaks$", r"没有序列中断"),
    (r"^(\d+) imputations of (\d+) cells in (\d+) rows$", r"对\3行中的\2个单元格插补\1次"),
    (r"^proportion of variance due to missing cells (\S+)$", r"缺失单元格所致方差比例\1"),
    (
        r"^each variable drawn from the normal regression on all others, (\S+) among them, and on effects of"
        r" (.+), parameters and independent residuals drawn$",
        r"各变量取自对其余全部变量（含\1）和固定效应（\2）的正态回归，参数与相互独立的残差均抽取",
    ),
    (
        r"^each variable drawn from the normal regression on all others, (\S+) among them, and on a constant,"
        r" parameters and independent residuals drawn$",
        r"各变量取自对其余全部变量（含\1）和常数项的正态回归，参数与相互独立的残差均抽取",
    ),
    (
        r"^imputed cells of (\S+) are (\d+) % of all: few observed ones stand behind them$",
        r"\1的单元格有\2 %为插补，所依据的观测值很少",
    ),
    (
        r"^the error is too small if errors are correlated over years: (\d+) % of the outcome imputed$",
        r"若误差跨年相关，标准误偏小（被解释变量有\1 %为插补）",
    ),
    (r"^(\d+) filled or flagged cells of (\S+) stay as they are$", r"\2的\1个填补或存疑单元格保持原样"),
    (r"^(\d+) rows: no cell of (\S+) is observed in the same (\S+)$", r"\1行：同一\3内\2没有观测值"),
    (r"^no cell to impute, as variant all$", r"没有可插补的单元格，与all相同"),
    (r"^no cell to impute$", r"没有可插补的单元格"),
    (
        r"^no row is left with an observed cell beside it in each fixed effect$",
        r"没有剩下一行在每个固定效应组内都有观测值",
    ),
    (
        r"^no cell of the equation is filled or flagged, as variant all$",
        r"方程中没有填补或存疑的单元格，与all相同",
    ),
    (
        r"^(\d+) filled or flagged cells of the outcome lie up to (\S+) from their figures, (\S+) residual"
        r" deviations of the observed ones$",
        r"被解释变量的\1个填补或存疑单元格偏离其数值至多\2，即观测值残差标准差的\3倍",
    ),
    (
        r"^the sign can change from (\S+) residual deviations on$",
        r"偏离达到残差标准差的\1倍起，符号可能改变",
    ),
    (r"^no distance of these cells changes the sign$", r"这些单元格无论偏离多少都不改变符号"),
    (r"^no cell of (\S+) is observed: nothing to impute it from$", r"\1没有观测值，无从插补"),
    (r"^(\S+) has no observed cell in (\d+) of (\S+): (.+)$", r"\1在\3的\2个组内没有观测值：\4"),
    (
        r"^(\d+) observed cells of (\S+) leave no degree of freedom to impute it from$",
        r"\2的\1个观测值没有剩余自由度，无从插补",
    ),
    (
        r"^(\d+) missing cells of (\S+) cannot be imputed: its observed cells do not identify the treatment,"
        r" a control or an effect there$",
        r"\2的\1个缺失单元格无从插补：其观测值不能识别处理变量、某个控制变量或固定效应",
    ),
    (
        r"^filled and flagged cells are of regressors alone, in which a coefficient is not linear: (.+)$",
        r"填补和存疑单元格只在解释变量中（\1），系数对其不是线性的",
    ),
    (
        r"^filled or flagged cells of the outcome also make (.+): not linear in them$",
        r"被解释变量的填补或存疑单元格也用于\1，系数对其不是线性的",
    ),
    (
        r"^the outcome is winsorised: a coefficient is not linear in its cells$",
        r"被解释变量经缩尾处理，系数对其单元格不是线性的",
    ),
    (
        r"^no cell of the outcome is observed: nothing says how far one may be off$",
        r"被解释变量没有观测值，无从得知单元格会偏离多少",
    ),
    (
        r"^(\d+) observed cells of the outcome leave no degree of freedom for a residual$",
        r"被解释变量的\1个观测值没有剩余自由度，得不到残差",
    ),
    (
        r"^(\d+) of (\d+) rows decomposed: the theorem is about balanced panels$",
        r"分解\2行中的\1行：该定理只适用于平衡面板",
    ),
    (
        r"^decomposed without controls, which the theorem has not: (.+)$",
        r"分解不含控制变量，该定理没有控制变量：\1",
    ),
    (
        r"^a decomposition needs two-way effects of (\S+) and year alone$",
        r"分解只适用于仅含\1和年份固定效应的双向固定效应",
    ),
    (
        r"^a decomposition needs a treatment of 0 and 1: (\S+) is a dose$",
        r"分解需要0和1的处理变量：\1为处理强度",
    ),
    (r"^(\d+) rows: (\d+) unit\(s\) with a gap in \w+ (\S+)$", r"\1行：\2个单位的\3有缺口"),
    (
        r"^(\d+) rows: (\d+) unit\(s\) treated from the first period on$",
        r"\1行：\2个单位自首期起即受处理",
    ),
    (r"^(\d+) rows: years from (\d+) on: no unit is untreated then$", r"\1行：\2年起无未处理单位"),
    (r"^collinear: (.+)$", r"共线：\1"),
    (r"^not-yet-treated controls$", r"对照组为尚未处理单位"),
    (
        r"^(\d+) of (\d+) units and (\d+) of (\d+) cohorts offered are used$",
        r"使用\2个单位中的\1个、\4个批次中的\3个",
    ),
    (
        r"^one unit only in the cohort\(s\) of (.+): shown without a standard error,"
        r" and in no average of others$",
        r"\1年批次只有一个单位：单独列示，无标准误，不进入其他平均",
    ),
    (
        r"^one cluster only in the cohort\(s\) of (.+): shown without a standard error,"
        r" and in no average of others$",
        r"\1年批次只有一个聚类：单独列示，无标准误，不进入其他平均",
    ),
    (r"^without ([\d, -]+), of one cluster alone$", r"不含仅有一个聚类的第\1期"),
    (
        r"^no row has (\d+), the first year of its cohort: seen treated from (\d+) on$",
        r"\1年批次的首年无观测：自\2年起见到处理",
    ),
    (
        r"^no estimate of the cohort of (\d+) in ([\d, ]+): the controls predict treatment perfectly.*$",
        r"\1年批次在\2年无估计：控制变量完全预测处理",
    ),
    (
        r"^no estimate of the cohort of (\d+) in ([\d, ]+): the controls are collinear among the (\d+)"
        r" comparison units$",
        r"\1年批次在\2年无估计：控制变量在\3个对照单位中共线",
    ),
    (
        r"^no estimate of the cohort of (\d+) in ([\d, ]+): (.+)$",
        r"\1年批次在\2年无估计（\3）",
    ),
    (
        r"^little overlap of the cohort of (\d+) in ([\d, ]+): a fitted propensity reaches (\S+)$",
        r"\1年批次在\2年重叠不足：拟合的倾向得分达到\3",
    ),
    (
        r"^control that varies on no untreated row beyond unit and year dropped: (.+)$",
        r"剔除在未处理观测中除单位和年份外没有变化的控制变量：\1",
    ),
    (
        r"^covariance not positive semi-definite: negative eigenvalues set to zero \((.+)\)$",
        r"协方差矩阵非半正定：负特征值置零（\1）",
    ),
    (r"^effect: mean of event years (\S+) to (\S+)$", r"效应：第\1至\2期的平均"),
    (r"^effect: event year (\S+)$", r"效应：第\1期"),
    (r"^significant at every bound that was tried$", r"在所试的每个界限下均显著"),
    (
        r"^everything interacted with the group: F\((\d+), (\d+)\) (\S+)$",
        r"所有项与分组交互：F(\1, \2) = \3",
    ),
    (
        r"^(\d+) unit\(s\) untreated throughout: late effects and every standard error rest on them$",
        r"始终未处理的单位仅\1个：后期效应和所有标准误都依赖它们",
    ),
    (r"^no complete unit of (.+)$", r"无完整单位：\1"),
    (
        r"^no never-treated unit: effects from (\d+) on are not identified$",
        r"无从未处理单位：\1年起的效应不可识别",
    ),
    (
        r"^the control group is the cohort of (\d+) before its treatment$",
        r"对照组为\1年批次处理之前的观测",
    ),
    (
        r"^overall: mean of post-treatment coefficients weighted by treated unit-years$",
        r"总体：处理后各期系数按受处理观测数加权平均",
    ),
    (
        r"^overall: mean of the years' coefficients weighted by treated unit-years$",
        r"总体：各年系数按受处理观测数加权平均",
    ),
    (
        r"^overall: mean of event years (\d+) to (\d+), which every cohort has$",
        r"总体：各批次都有的第\1至\2期的平均",
    ),
    (r"^overall: plain mean of the event years after treatment$", r"总体：处理后各期的简单平均"),
    (r"^windows from (\S+) to (\d+), which every cohort fills$", r"窗口为各批次都有的第\1至\2期"),
    (r"^weighted by the regression$", r"权重由回归决定"),
    (r"^each treated unit counts once$", r"每个受处理单位权重相同"),
    (
        r"^ever treated against never treated, also before a unit's own treatment$",
        r"曾受处理与从未处理相比，包括单位自身受处理之前",
    ),
    (r"^share of the unit effect in the variance: (\S+)$", r"个体效应占方差的份额：\1"),
    (
        r"^the first term is the mean of the slopes \(mean group\)$",
        r"第一项为各斜率的平均（组均值估计）",
    ),
    (
        r"^the cohort of (\d+) has one year before treatment and is left out$",
        r"\1年批次处理前只有一年，剔除",
    ),
    (r"^every assignment enumerated$", r"枚举了全部分配"),
    (r"^every sign vector enumerated$", r"枚举了全部符号向量"),
    (r"^event year (\S+)$", r"第\1期"),
    (r"^calendar year (\d+)$", r"\1年"),
    (r"^years before treatment, weighted$", r"处理前各年加权"),
    (r"^all untreated years$", r"所有未处理年份"),
    (r"^all untreated years, weighted by the regression$", r"所有未处理年份，由回归加权"),
    (r"^before treatment: event year (\S+)$", r"处理前：第\1期"),
    (r"^before treatment: all years before event year (\S+)$", r"处理前：第\1期之前的所有年份"),
    (r"^after: all untreated years$", r"处理后：所有未处理年份"),
    (r"^no share: the total effect is not clear$", r"不报告份额：总效应不显著"),
    (r"^none$", r"无"),
    (r"^no unit has ([\d, -]+): left out$", r"无单位有\1年的值，剔除该年"),
    (r"^event years count the years that are there$", r"期数只计有数据的年份"),
    (
        r"^(\d+) untreated rows beyond (\d+) km, (\d+) since the first treatment$",
        r"\2公里以外未处理的\1行，其中首次处理以后的\3行",
    ),
    (
        r"^(\d+) never-treated units within (\d+) km left out, (\d+) stay$",
        r"剔除\2公里以内从未处理的\1个单位，保留\3个",
    ),
    (
        r"^(\d+) untreated rows within (\d+) km of a treated unit left out$",
        r"剔除距受处理单位\2公里以内的未处理\1行",
    ),
    (
        r"^withheld: the error rests on (\S+) effective clusters \((\d+) needed\)$",
        r"不发布：标准误只依靠\1个有效聚类（需\2个）",
    ),
    (r"^no column '([^']+)'$", r"没有列\1"),
    (r"^nearest: none$", r"没有相近的列"),
    (r"^nearest: (.+)$", r"相近的列：\1"),
    (r"^errors not clustered: no star$", r"标准误未聚类，不标星号"),
    (
        r"^withheld: the error rests on (\S+) clusters \((\d+) needed\)$",
        r"不发布：标准误只依靠\1个聚类（需\2个）",
    ),
    (r"^without (\S+), which moves it most, (\S+)$", r"影响最大者为\1，去掉后为\2"),
    (
        r"^(\d+) never-treated units in the places of (\d+) treated ones$",
        r"以\1个从未处理单位代入\2个受处理单位的位置",
    ),
    (
        r"^(\d+) never-treated units in the places of (\d+) treated ones, every assignment$",
        r"以\1个从未处理单位代入\2个受处理单位的位置，枚举全部组合",
    ),
    (
        r"^never-treated units with a row in every year: (\d+), for (\d+) treated$",
        r"每年都有数字的从未处理单位\1个，受处理\2个",
    ),
    (
        r"^allowed: (\d+) or more \((\d+), and (\d+) for each treated unit\)$",
        r"至少须\1个（\2个，且每个受处理单位\3个）",
    ),
    (r"^gaps keep: weights of this variant are not known$", r"不知道保留缺口的变体的权重"),
    (r"^(.+): weights of this variant are not known$", r"不知道该变体（\1）的权重"),
    (r"^allowed: the defaults$", r"只限默认选项"),
    (r"^(\S+) less (\S+), z (\S+)$", r"\1减\2，z = \3"),
    (
        r"^(\d+) treated city-years without a neighbour within the caliper$",
        r"\1个受处理城市年在卡尺内没有近邻",
    ),
    (r"^controls count as (\S+) equal ones$", r"对照相当于\1个等权对照"),
    (
        r"^controls of a cohort-year count as (\S+) equal ones or more$",
        r"一个批次年的对照至少相当于\1个等权对照",
    ),
    (
        r"^no neighbour within the caliper in (\d+) of (\d+) cohort-years$",
        r"\2个批次年中\1个在卡尺内没有近邻",
    ),
    (
        r"^no weights: a mean of the treated is beyond every control in (\d+) of (\d+) cohort-years$",
        r"\2个批次年中\1个没有权重：受处理者的均值超出所有对照",
    ),
    (
        r"^no weights: the controls do not reach the means of the treated together"
        r" in (\d+) of (\d+) cohort-years$",
        r"\2个批次年中\1个没有权重：对照合起来达不到受处理者的均值",
    ),
    (
        r"^(\d+) rows: first treated within the anticipation after the last identified year$",
        r"\1行：首次处理在最后可识别年份之后的预期期内",
    ),
    (
        r"^no joint covariance: this estimator does not measure its event years from one base$",
        r"没有联合协方差：该估计量的各期不以同一基期度量",
    ),
    (r"^one cluster alone identifies it: no error$", r"仅由一个聚类识别：没有标准误"),
    (r"^list of members incomplete$", r"成员名单不全"),
    (r"^(\w+): list of members incomplete$", r"\1：成员名单不全"),
    (
        r"^list of members incomplete, (\d+) of (\d+) members not confirmed in print$",
        r"成员名单不全，\2个成员中\1个未经印刷证实",
    ),
    (
        r"^(\w+): list of members incomplete, (\d+) of (\d+) members not confirmed in print$",
        r"\1：成员名单不全，\3个成员中\2个未经印刷证实",
    ),
    (r"^(\d+) cities left out$", r"剔除\1个城市"),
    (
        r"^(\d+) comparisons of a cohort and a year, without controls$",
        r"批次与年份的比较共\1个，不含控制变量",
    ),
    (r"^(\d+) with fewer than (\d+) units on a side left out$", r"剔除一侧单位不足\2个的\1个"),
    (r"^no test: (\S+) is not a group$", r"不检验：\1不是分组变量"),
    (r"^family of (\d+) outcomes on (\d+) common rows$", r"\1个被解释变量为一族，共同的\2行"),
    (
        r"^smallest true effect found with this probability at (\S+ %) \((.+)\)$",
        r"在\1水平下以该概率发现的最小真实效应（\2）",
    ),
    (r"^nearest: (.+)$", r"最接近的：\1"),
    (
        r"^'(\S+)' does not vary beyond the controls and the fixed effects \((.+)\)$",
        r"\1在控制变量和固定效应（\2）之外没有变化",
    ),
    (r"^no unit is first treated between (\d+) and (\d+)$", r"\1至\2年没有首次受处理的单位"),
    (r"^no value of (.+)$", r"无数值：\1"),
    (r"^(\S+) has a value in (\d+) of (\d+) rows of (\S+)$", r"\4的\3行中\1仅\2行有数值"),
    (r"^no row of (\S+) is in the subgroup (\S+)$", r"\1没有属于子样本\2的行"),
    (
        r"^no row of (\S+) is in the subgroup (\S+): (\S+) is a number$",
        r"\1没有属于子样本\2的行：\3为数值",
    ),
    (
        r"^no row of (\S+) is in the subgroup (\S+): (\S+) is no number and has no median$",
        r"\1没有属于子样本\2的行：\3不是数值，没有中位数",
    ),
    (
        r"^no row of (\S+) is in the subgroup (\S+): (\S+) has no value before the first treated year$",
        r"\1没有属于子样本\2的行：首次受处理年份以前\3无数值",
    ),
    (r"^the subgroup (\S+) rests on (\S+)$", r"子样本\1取决于\2"),
    (r"^(\d+) rows: treatment \S+ is in no edition for (.+)$", r"\1行：处理变量\2年无任何版次刊载"),
    (r"^(\S+) is missing in every row of (.+)$", r"\1在以下各组的每一行都缺失：\2"),
    (r"^leave it out or restrict the sample$", r"请去掉该变量或缩小样本"),
    (r"^collinear or without variation: (.+)$", r"共线或没有变化：\1"),
    (r"^one cluster of (.+)$", r"只有一个聚类：\1"),
    (r"^at least two needed$", r"至少需要两个"),
    (r"^every row is alone in one of the fixed effects$", r"每一行都独占某个固定效应组"),
    (r"^nearest values: (.+)$", r"最接近的取值：\1"),
    (
        r"^(\S+) has a value in (\d+) of (\d+) rows of (\S+) with (.+)$",
        r"\4的\3行（\5）中\1仅\2行有数值",
    ),
    (r"^no row has all of (.+)$", r"没有一行同时具有：\1"),
    (r"^no edition ([\d, -]+) prints (.+) for ([\d, -]+)$", r"\1年各版均未刊载\3年的\2"),
    (r"^no edition ([\d, -]+) prints (.+)$", r"\1年各版均未刊载\2"),
    (r"^no series that panels read has (.+) for ([\d, -]+)$", r"面板读取的序列均无\2年的\1"),
    (r"^no series that panels read has (.+)$", r"面板读取的序列均无\1"),
    (r"^awaiting data: (.+)$", r"待数据：\1"),
    (r"^(\d+) for the cohort of (\d+)$", r"\2年批次为\1年"),
    (r"^the frame has no rows: no complete row is left$", r"没有剩下完整的行"),
    (r"^no column of ours: the study lacks (.+)$", r"本项目没有对应的列：研究缺少\1"),
    (
        r"^proxies that are loaded and not used for a paper's column: (.+)$",
        r"已载入但不用于论文各列的替代指标：\1",
    ),
    (
        r"^(\d+) of (\d+) ATT\(g,t\) after treatment have controls$",
        r"处理后的\2个ATT(g,t)中有对照的为\1个",
    ),
    (r"^fewest controls of one: (\d+)$", r"其中对照最少的只有\1个"),
    (r"^(\d+) unit\(s\) with a gap dropped$", r"剔除\1个有缺口的单位"),
    (r"^(\d+) unit\(s\) with a gap kept$", r"保留\1个有缺口的单位"),
    (
        r"^(\d+) unit\(s\) treated from the first year on dropped$",
        r"剔除\1个自首年起即受处理的单位",
    ),
    (r"^before treatment: the year before each$", r"处理前各期为其前一年"),
    (r"^after: the last year before treatment$", r"处理后各期为处理前最后一年"),
)


def translate(text: str, lang: Lang, notes: Mapping[str, str] | None = None) -> str:
    """What a specification or an estimator wrote, part by part (semicolons part them), in one language.

    notes: the specifications' own notes, English -> Chinese. A part that is neither one of them nor one of
    the machine's own sentences stays as it was written.
    """
    parts = [part.strip() for part in clean(text).split(";") if part.strip()]
    if lang == "zh":
        parts = [(notes or {}).get(part) or _machine_zh(part) for part in parts]
    return ("，" if lang == "zh" else "; ").join(parts)


def _machine_zh(part: str) -> str:
    if part.startswith("refused: "):
        return f"未估计：{_machine_zh(part.removeprefix('refused: '))}"
    # Cohorts that are listed at the end of a sentence.
    part = re.sub(r"the cohort of (\d+)(?=, the |$)", r"\1年批次", part)
    part = re.sub(r"(?<= )the never treated(?=, the |$)", "从未处理单位", part)
    if part.startswith("proxies that are loaded"):
        part = re.sub(r"(\w+) for (\w+)(?=,|$)", r"\1代替\2", part)
    for pattern, zh in _MACHINE_ZH:
        if re.match(pattern, part):
            return re.sub(pattern, zh, part)
    return part


def base_words(text: str, lang: Lang) -> str:
    """A base period in words; one that is a number of years gets a true minus sign."""
    return re.sub(r"^-(?=\d)", "\N{MINUS SIGN}", translate(text, lang))
