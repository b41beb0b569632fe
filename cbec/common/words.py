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
    "mechanism": ("机制检验", "Mechanism"),
    "heterogeneity": ("异质性分析", "Heterogeneity"),
    "regressions": ("回归结果", "Regressions"),
    "descriptive": ("描述性统计", "Descriptive statistics"),
    "event_study": ("政策动态效应", "Dynamic effects"),
    "comparison": ("与论文公布结果的比较", "Comparison with the printed results"),
    "att": ("平均处理效应", "Average treatment effects"),
    "mediation": ("中介效应分解", "Mediation"),
    "placebo": ("安慰剂检验", "Placebo tests"),
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
    "worst_status": ("最差单元状态", "Worst cell status"),
    "n_dropped": ("未进入估计的行数", "Rows dropped"),
    "treatment_rule": ("处理口径", "Treatment rule"),
    "observed_only": ("仅用已观测单元", "Observed cells only"),
    "all_cells": ("全部单元", "All cells"),
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
    "falsification": ("证伪检验", "Falsification tests"),
    "falsification_kind": ("检验", "Test"),
    "falsification_note": (
        "若设计成立，各效应应为零：提前处理时间者只用未处理的行；替换结果者为政策难以影响的变量。",
        "If the design holds, every effect is zero: an early treatment uses untreated rows only; another "
        "outcome is one that the policy can hardly move.",
    ),
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
    "normal_stars_note": ("星号按正态分布", "Stars by the normal distribution"),
    "imputed_note": (
        "插补值占比为所用单元格中由他人或本项目填补的比例",
        "Imputed cells: share of the cells used that somebody filled",
    ),
    "observed_note": (
        "“仅用已观测单元”一行去掉含填补值、或检测器判为填补或错印之值的行后重新估计",
        "“Observed cells only”: estimated again without the rows that rest on a filled cell, or on one that a"
        " detector holds to be filled or misprinted",
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
    "timing_note": (
        "{n}个地区；处理口径：{rule}；粗线右侧为处理后",
        "{n} regions; treatment rule: {rule}; treated to the right of the heavy line",
    ),
    "vcov_row": ("标准误", "Standard errors"),
    "treatment_variable": ("处理变量", "Treatment"),
    "sample_row": ("样本", "Sample"),
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

ESTIMATORS: dict[str, tuple[str, str]] = {
    "pooled": ("混合回归", "Pooled"),
    "twfe": ("双向固定效应", "Two-way effects"),
    "callaway_santanna": ("Callaway-Sant'Anna", "Callaway-Sant'Anna"),
    "random_effects": ("随机效应", "Random effects"),
    "unit_slopes": ("各单位斜率", "Slope by unit"),
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
    Chinese.
    """

    lang: Lang
    panel_columns: Mapping[str, str] = field(default_factory=dict)
    indicators: Mapping[str, tuple[str, str, str]] = field(default_factory=dict)
    study_names: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)

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
        if column in VARIABLES:
            return pick(VARIABLES[column], self.lang)
        shifted = re.fullmatch(r"([LF])(\d+)\.(\w+)", column)
        if shifted:
            words = {"L": ("滞后{n}期", "lag {n}"), "F": ("前置{n}期", "lead {n}")}[shifted[1]]
            return (
                f"{self.variable(shifted[3])}（{words[0].format(n=shifted[2])}）"
                if self.lang == "zh"
                else (f"{self.variable(shifted[3])} ({words[1].format(n=shifted[2])})")
            )
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
    (r"^(\d+) rows: a cell was filled$", r"\1行：含填补值"),
    (r"^(\d+) rows: a detector flags a cell$", r"\1行：检测器存疑"),
    (r"^(\d+) rows: unit dropped by the estimator$", r"\1行：单位被估计方法剔除"),
    (
        r"^(\d+) rows: cohort with one year before treatment$",
        r"\1行：所在批次处理前只有一年",
    ),
    (r"^(\d+) rows: alone in a fixed effect$", r"\1行：固定效应组内只有一行"),
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
