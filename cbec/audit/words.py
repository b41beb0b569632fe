"""What an audit says, in English and Chinese. Braces are filled with the figures of a finding."""

from __future__ import annotations

import re
from typing import Literal

from cbec.audit.finding import Finding

Language = Literal["en", "zh"]
LANGUAGES = ("en", "zh")

LEVEL = {
    "en": {"error": "error", "doubt": "doubt", "remark": "remark"},
    "zh": {"error": "错误", "doubt": "存疑", "remark": "提示"},
}
KIND = {
    "regression": ("regression table", "回归表"),
    "descriptive": ("descriptive table", "描述性统计表"),
    "productivity": ("efficiency or productivity table", "效率或生产率表"),
    "effects": ("table of effects", "效应分解表"),
    "correlation": ("correlation matrix", "相关系数矩阵"),
    "composition": ("shares or weights", "构成或权重表"),
    "": ("unknown", "未识别"),
}
# Rule: name in English, in Chinese, source.
RULES: dict[str, tuple[str, str, str]] = {
    "t_ratio": ("t is b / se", "t等于系数除以标准误", "t = b / se; statcheck, Nuijten et al. (2016)"),
    "t_sign": ("t has the sign of its coefficient", "t值与系数同号", "t = b / se"),
    "p_value": ("p belongs to t", "p值与t值相符", "statcheck, Nuijten et al. (2016)"),
    "p_range": ("p between 0 and 1", "p值在0与1之间", "definition"),
    "se_negative": ("standard error not negative", "标准误非负", "definition"),
    "stars": ("stars agree with t or p", "星号与t值或p值一致", "statcheck, Nuijten et al. (2016)"),
    "star_legend": ("the legend of the stars is right", "星号注释正确", "statcheck, Nuijten et al. (2016)"),
    "legend_unusual": ("unusual legend", "星号注释不寻常", "convention"),
    "legend_said": ("the note says what stars mean", "注释说明星号含义", "convention"),
    "legend_lacks": ("the legend has every mark", "注释包含所有符号", "convention"),
    "bracket_kind": ("brackets hold what the note says", "括号内与注释所述一致", "statcheck, Nuijten et al. (2016)"),
    "bracket_said": ("the note says what brackets hold", "注释说明括号内容", "convention"),
    "stars_place": ("stars stand on coefficients", "星号标在系数上", "convention"),
    "implied_df": ("degrees of freedom that the stars imply", "星号所含自由度", "Student (1908)"),
    "ci_order": ("lower end below upper end", "置信区间下限不大于上限", "definition"),
    "ci_contains": ("interval holds its coefficient", "置信区间包含系数", "definition"),
    "ci_middle": ("coefficient in the middle of its interval", "系数位于置信区间中点", "b ± c se"),
    "ci_width": ("interval as wide as its error", "置信区间宽度与标准误相符", "b ± c se"),
    "r2_range": ("R2 between 0 and 1", "R2在0与1之间", "definition"),
    "adj_r2": ("adjusted R2 follows from R2, n and k", "调整R2与R2、样本量、变量数相符", "Theil (1961)"),
    "f_statistic": ("F follows from R2, n and k, or from t", "F值与R2、样本量、变量数或t值相符", "F = (R2/k) / ((1-R2)/(n-k-1))"),
    "f_negative": ("F not negative", "F值非负", "definition"),
    "r2_t": ("t of one regressor follows from R2 and n", "一元回归t值与R2、样本量相符", "t2 = R2 (n-2) / (1-R2)"),
    "r2_nested": ("R2 does not fall when regressors are added", "增加变量后R2不下降", "nested least squares"),
    "n_rises": ("rows do not come with regressors", "增加变量后样本量不增加", "listwise deletion"),
    "n_whole": ("numbers of rows are whole", "样本量为正整数", "definition"),
    "n_parts": ("units and clusters are not more than rows", "个体数和聚类数不超过样本量", "definition"),
    "n_panel": ("n against units x years", "样本量与个体数乘年数相符", "n = units x years"),
    "n_groups": ("groups have no more rows than the whole", "各组样本量之和不超过全样本", "sum of parts"),
    "two_texts": ("one number, one text", "同一数字前后一致", "text against table"),
    "copied": ("no column copied", "无复制的列", "Carlisle (2017)"),
    "mediation": ("total = direct + a b", "总效应等于直接效应加ab", "MacKinnon, Warsi and Dwyer (1995)"),
    "unread": ("every cell is read", "所有单元格均已识别", "reading"),
    "lacks": ("what a reader needs is printed", "必要统计量已列出", "reporting standards"),
    "untested": ("a difference between groups is tested", "组间差异经过检验", "Gelman and Stern (2006)"),
    "sd_negative": ("standard deviation not negative", "标准差非负", "definition"),
    "order": ("minimum, percentiles and maximum in order", "最小值、分位数、最大值有序", "definition"),
    "mean_in_range": ("mean within the extremes", "均值在最小值与最大值之间", "definition"),
    "sd_upper": ("standard deviation below its upper bound", "标准差不超过上界", "Popoviciu (1935); Bhatia and Davis (2000)"),
    "sd_lower": ("standard deviation above its lower bound", "标准差不低于下界", "Samuelson (1968)"),
    "sd_zero": ("standard deviation is zero only of a constant", "标准差为零当且仅当无变异", "definition"),
    "binary_sd": ("SD of a 0/1 variable", "虚拟变量的标准差", "sqrt(p(1-p) n/(n-1))"),
    "median": ("mean and median within one SD", "均值与中位数相差不超过标准差", "Hotelling and Solomons (1932)"),
    "grim": ("mean of whole numbers", "整数变量的均值可达到", "GRIM, Brown and Heathers (2017)"),
    "share": ("a part is not more than the whole", "部分不超过整体", "definition"),
    "variance": ("variance is the square of the SD", "方差等于标准差的平方", "definition"),
    "range": ("range is maximum less minimum", "极差等于最大值减最小值", "definition"),
    "vif": ("VIF at least 1, tolerance its inverse", "VIF不小于1，容差为其倒数", "VIF = 1/(1-R2)"),
    "jensen": ("mean of logs below log of mean", "对数的均值不大于均值的对数", "Jensen (1906)"),
    "log_extreme": ("extremes of a log are logs of the extremes", "对数的极值等于极值的对数", "monotone"),
    "difference": ("difference is that of the means", "差异等于均值之差", "definition"),
    "pooled_mean": ("mean of the whole is that of its groups", "总体均值等于分组加权均值", "definition"),
    "product": ("index is the product of its factors", "指数等于各因子之积", "Färe et al. (1994)"),
    "chain": ("cumulative index is chained", "累积指数为连乘", "chain index"),
    "mean_row": ("row of means is a mean of its rows", "均值行为各行均值", "arithmetic or geometric mean"),
    "efficiency": ("efficiency between 0 and 1", "效率值在0与1之间", "Charnes, Cooper and Rhodes (1978)"),
    "index_jump": ("no index cell far from all others", "指数无断崖", "Tukey (1977)"),
    "few_units": ("units at least three times the variables", "决策单元不少于变量数的三倍", "Banker et al. (1989)"),
    "effects": ("total = direct + indirect", "总效应等于直接效应加间接效应", "MacKinnon et al. (1995)"),
    "effect_share": ("share = indirect / total", "占比等于间接效应除以总效应", "definition"),
    "effect_shares": ("shares sum to at most one", "占比之和不超过一", "MacKinnon et al. (1995)"),
    "correlation": ("correlations within -1 and 1, symmetric, starred by n", "相关系数在正负一之间、对称、星号与样本量相符", "definition"),
    "sum": ("parts sum to their total", "各部分之和等于合计", "definition"),
}  # fmt: skip
# Rule and case: sentence in English and in Chinese.
SENTENCES: dict[tuple[str, str], tuple[str, str]] = {
    ("t_ratio", ""): (
        "{b} / {se} lies in {ratio}, the printed t {t} in {printed}",
        "{b} / {se} 落在{ratio}，所印t值{t}落在{printed}",
    ),
    ("t_sign", ""): ("coefficient {b} and t {t} have different signs", "系数{b}与t值{t}符号相反"),
    ("t_sign", "all"): (
        "every t is negative, also of {n} positive coefficients: parentheses read as a minus sign",
        "所有t值为负，其中{n}个系数为正：括号被读作负号",
    ),
    ("t_sign", "absolute"): ("t is printed without its sign", "t值未带符号"),
    ("p_value", ""): (
        "|t| in {size} gives p in {implied} ({df}), printed is {p}",
        "|t|落在{size}，p应落在{implied}（{df}），所印为{p}",
    ),
    ("p_range", ""): ("p {p} is no probability", "p值{p}不是概率"),
    ("se_negative", ""): ("standard error {se} is negative", "标准误{se}为负"),
    ("stars", ""): (
        "{b}: |t| lies in {size}, p in {implied} ({df}); {marks} needs another side of {bound}; after |t|: {should}",
        "{b}：|t|落在{size}，p落在{implied}（{df}）；{marks}要求在临界值{bound}的另一侧；按|t|应为{should}",
    ),
    ("stars", "p"): (
        "{b} has {marks} and p {p}; the level is {alpha} ({legend}); after p: {should}",
        "{b}标{marks}，p为{p}；界限为{alpha}（{legend}）；按p应为{should}",
    ),
    ("star_legend", ""): (
        "read as the note says ({said}) {misfits} of {n} coefficients disagree with their stars, read as {fits} {misfits_other}",
        "按注释（{said}）有{misfits}/{n}个系数与星号不符，按{fits}则有{misfits_other}个",
    ),
    ("legend_unusual", ""): (
        "more stars stand for less significance: {said}; the table follows it",
        "星号越多显著性越低：{said}；全表如此",
    ),
    ("legend_said", ""): ("no note says what the stars mean", "没有注释说明星号含义"),
    ("legend_lacks", ""): ("the note does not say what {marks} means", "注释未说明{marks}的含义"),
    ("bracket_kind", ""): (
        "the note says {said}; read so {misfits} of {n} are impossible or disagree with the stars, read as {fits} {misfits_other}",
        "注释称括号内为{said}，则{misfits}/{n}个不可能或与星号不符；读作{fits}则有{misfits_other}个",
    ),
    ("bracket_said", ""): (
        "no note says what the brackets hold; the numbers say {fits}",
        "没有注释说明括号内容；据数字判断为{fits}",
    ),
    ("stars_place", ""): ("{n} stars stand on errors or t, not on coefficients", "{n}处星号标在标准误或t值上"),
    ("implied_df", ""): (
        "stars or p of {n} cells agree with some {df} degrees of freedom (few clusters), not with the number of rows",
        "{n}个单元格的星号或p值符合约{df}个自由度（聚类较少），而非样本量",
    ),
    ("ci_order", ""): ("lower end {low} above upper end {high}", "下限{low}大于上限{high}"),
    ("ci_contains", ""): ("{b} outside its own interval {low} to {high}", "系数{b}在其区间{low}至{high}之外"),
    ("ci_middle", ""): (
        "the middle of {low} to {high} lies in {middle}, the coefficient is {b}",
        "{low}至{high}的中点落在{middle}，系数为{b}",
    ),
    ("ci_width", ""): (
        "half of {low} to {high} is {factor} times the error {se}; {confidence} needs {bound}",
        "{low}至{high}的半宽为标准误{se}的{factor}倍；{confidence}区间要求{bound}",
    ),
    ("r2_range", ""): ("R2 {r2} is outside its range", "R2 {r2} 超出取值范围"),
    ("adj_r2", ""): (
        "adjusted R2 {adj} above {bound}, its most with R2 {r2}, n {n} and at least {k} regressors",
        "调整R2 {adj} 高于{bound}，即R2 {r2}、样本量{n}、至少{k}个变量时的最大值",
    ),
    ("adj_r2", "above"): ("adjusted R2 {adj} above R2 {r2}", "调整R2 {adj} 大于R2 {r2}"),
    ("adj_r2", "low"): (
        "adjusted R2 {adj} below {bound}, its least with R2 {r2}, n {n} and the regressors listed ({k})",
        "调整R2 {adj} 低于{bound}，即R2 {r2}、样本量{n}及所列变量（{k}个）时的最小值",
    ),
    ("f_statistic", ""): (
        "R2 {r2}, n {n} and {k} regressors give a classical F in {implied}, printed is {f}",
        "R2 {r2}、样本量{n}、{k}个变量给出的经典F值落在{implied}，所印为{f}",
    ),
    ("f_statistic", "single"): (
        "F of one regressor is t squared, in {square}; printed is {f}",
        "单变量F值等于t的平方，落在{square}；所印为{f}",
    ),
    ("f_negative", ""): ("F {f} is negative", "F值{f}为负"),
    ("r2_t", ""): (
        "R2 {r2} and n {n} give a classical |t| in {implied}, the table has {size}: errors are not classical, or R2 is another",
        "R2 {r2}、样本量{n}给出的经典|t|落在{implied}，表中为{size}：标准误非经典，或R2口径不同",
    ),
    ("r2_t", "classical"): (
        "R2 {r2} and n {n} give |t| in {implied} by the classical errors that the note names, the table has {size}",
        "按注释所称的普通标准误，R2 {r2}、样本量{n}给出|t|落在{implied}，表中为{size}",
    ),
    ("r2_nested", ""): (
        "R2 falls from {r2} to {less} though regressors are added to the same rows",
        "样本相同而变量增加，R2却由{r2}降至{less}",
    ),
    ("n_rises", ""): ("n rises from {n} to {more} with more regressors", "变量增加而样本量由{n}增至{more}"),
    ("n_whole", ""): ("n {n} is no number of rows", "样本量{n}不是正整数"),
    ("n_parts", ""): ("{parts} units or clusters of {n} rows", "{n}个观测却有{parts}个个体或聚类"),
    ("n_panel", ""): (
        "n {n} is more than {units} units x {years} years = {product}",
        "样本量{n}多于{units}个个体乘{years}年={product}",
    ),
    ("n_panel", "balanced"): (
        "n {n} is not {units} units x {years} years = {product} of a balanced panel",
        "样本量{n}不等于平衡面板的{units}个个体乘{years}年={product}",
    ),
    ("n_groups", ""): (
        "groups have {sum} rows together, the whole has {n}: they overlap, or one number is wrong",
        "各组样本量合计{sum}，全样本为{n}：各组重叠，或有数字错误",
    ),
    ("two_texts", ""): ("the table has n {n}, its title or note {said}", "表中样本量为{n}，标题或注释为{said}"),
    ("copied", ""): (
        "two columns print the same coefficients and errors throughout",
        "两列系数与标准误完全相同",
    ),
    ("copied", "errors"): (
        "two columns print the same coefficients with other errors: one regression twice",
        "两列系数相同而标准误不同：同一回归的两种标准误",
    ),
    ("mediation", ""): (
        "direct {direct} + {a} x {b} lies in {sum}, the total is {total}",
        "直接效应{direct}+{a}×{b}落在{sum}，总效应为{total}",
    ),
    ("unread", ""): (
        "{n} cells could not be read as numbers, and no rule saw them: {texts}",
        "{n}个单元格无法识别为数字，未受任何规则检查：{texts}",
    ),
    ("lacks", ""): ("the table lacks {what}", "表中缺{what}"),
    ("untested", ""): (
        "groups stand side by side and no test of their difference is printed; none is computed here, for groups may overlap",
        "分组并列而未列出差异检验；因各组可能重叠，此处不代为计算",
    ),
    ("sd_negative", ""): ("standard deviation {sd} is negative", "标准差{sd}为负"),
    ("order", ""): ("{smaller} should not be above {larger}", "{smaller}不应大于{larger}"),
    ("mean_in_range", ""): ("mean {mean} beyond the extreme {end}", "均值{mean}超出极值{end}"),
    ("sd_upper", ""): (
        "SD {sd} above {bound}, the largest of any values with this mean between these extremes",
        "标准差{sd}超过{bound}，即此均值和极值下的最大可能值",
    ),
    ("sd_upper", "popoviciu"): (
        "SD {sd} above {bound}, the largest of any values between these extremes",
        "标准差{sd}超过{bound}，即此极值之间的最大可能值",
    ),
    ("sd_lower", ""): (
        "SD {sd} below {bound}, the smallest of {n} values of which one is at each extreme",
        "标准差{sd}低于{bound}，即{n}个值中含此极值时的最小可能值",
    ),
    ("sd_zero", ""): ("SD {sd} though minimum and maximum differ: it would take more than a million rows", "最小值与最大值不同而标准差为{sd}：须超过一百万个观测"),
    ("binary_sd", ""): (
        "a 0/1 variable with mean {mean} has an SD in {allowed}, printed is {sd}",
        "均值为{mean}的虚拟变量标准差应落在{allowed}，所印为{sd}",
    ),
    ("median", ""): (
        "mean {mean} and median {median} are more than one SD {sd} apart",
        "均值{mean}与中位数{median}相差超过标准差{sd}",
    ),
    ("grim", ""): (
        "no sum of {n} whole numbers has a mean that rounds to {mean}",
        "{n}个整数之和无论为何，均值都不会是{mean}",
    ),
    ("share", ""): ("{value} is more than the whole", "{value}超过整体"),
    ("share", "negative"): ("{value} of a share is negative", "占比{value}为负"),
    ("share", "one"): ("{value} of a share in units is more than one", "占比{value}大于1"),
    ("variance", ""): ("SD {sd} squared lies in {square}, the variance is {variance}", "标准差{sd}的平方落在{square}，方差为{variance}"),
    ("range", ""): ("{high} - {low} lies in {width}, the range is {range}", "{high}-{low}落在{width}，极差为{range}"),
    ("vif", ""): ("VIF {vif} below 1", "VIF {vif}小于1"),
    ("vif", "inverse"): ("1 / {vif} lies in {implied}, printed is {tolerance}", "1/{vif}落在{implied}，所印为{tolerance}"),
    ("jensen", ""): (
        "mean of logs {log} above {bound}, the log of the mean {basis}",
        "对数的均值{log}大于均值{basis}的对数{bound}",
    ),
    ("log_extreme", ""): ("log of {basis} lies in {implied}, printed is {log}", "{basis}的对数落在{implied}，所印为{log}"),
    ("difference", ""): (
        "{first} and {second} differ by {implied}, printed is {difference}",
        "{first}与{second}之差落在{implied}，所印为{difference}",
    ),
    ("pooled_mean", ""): ("groups give a mean in {implied}, printed is {mean}", "分组均值加权落在{implied}，所印为{mean}"),
    ("product", ""): ("{factors} lies in {implied}, printed is {whole}", "{factors}落在{implied}，所印为{whole}"),
    ("chain", ""): ("{before} x {index} lies in {implied}, printed is {now}", "{before}×{index}落在{implied}，所印为{now}"),
    ("mean_row", ""): (
        "the rows have an arithmetic mean in {arithmetic} and a geometric one in {geometric}, printed is {mean}",
        "各行算术均值落在{arithmetic}，几何均值落在{geometric}，所印为{mean}",
    ),
    ("efficiency", ""): ("efficiency {value} above 1 under a bounded model", "非超效率模型的效率值{value}大于1"),
    ("efficiency", "negative"): ("efficiency {value} is negative", "效率值{value}为负"),
    ("index_jump", ""): ("{value} is far from the other cells (median {middle})", "{value}远离其余单元格（中位数{middle}）"),
    ("few_units", ""): ("{n} units for {variables} inputs and outputs", "{variables}个投入产出变量仅有{n}个决策单元"),
    ("effects", ""): ("{direct} + {indirect} lies in {sum}, the total is {total}", "{direct}+{indirect}落在{sum}，总效应为{total}"),
    ("effect_share", ""): ("{indirect} / {total} lies in {implied}, printed is {share}", "{indirect}/{total}落在{implied}，所印为{share}"),
    ("effect_shares", ""): (
        "shares of the mediators sum to at least {sum} of {unit}: they overlap",
        "各中介占比之和至少为{sum}（整体为{unit}）：相互重叠",
    ),
    ("correlation", ""): ("correlation {r} outside -1 and 1", "相关系数{r}超出正负一"),
    ("correlation", "diagonal"): ("correlation of a variable with itself is {r}", "变量与自身的相关系数为{r}"),
    ("correlation", "symmetric"): ("{r} here and {other} on the other side", "此处为{r}，对称处为{other}"),
    ("correlation", "stars"): (
        "{r} with n {n} has p in {implied}, the stars say another",
        "{r}在样本量{n}下p落在{implied}，与星号不符",
    ),
    ("sum", ""): ("parts sum to {implied}, printed is {total}", "各部分之和落在{implied}，所印为{total}"),
    ("sum", "weights"): ("weights sum to {implied}, not to {total}", "权重之和落在{implied}，而非{total}"),
}  # fmt: skip
TERMS = {
    "kind_se": ("standard errors", "标准误"),
    "kind_t": ("t statistics", "t值"),
    "kind_p": ("p values", "p值"),
    "none": ("no star", "无星号"),
    "lack_n": ("the number of observations", "样本量"),
    "lack_errors": ("standard errors, t or p", "标准误、t值或p值"),
}
SAYS = {
    "en": {
        "title": "Audit of {file}", "counts": "{error} errors, {doubt} doubts, {remark} remarks",
        "none": "nothing that cannot be right", "unread": "not audited: what it reports could not be told",
        "where": "where", "rule": "rule", "finding": "finding", "cells": "cells", "evidence": "arithmetic (true in DuckDB)",
        "level": "level", "source": "source",
        "written": "what was guessed stands in {path}; put it right, then: cbec audit {file} --map {path}",
        "read": "read as", "brackets": "brackets hold", "legend": "stars",
        "intervals": "A printed number stands for every value that rounds to it; a finding has no such values that agree.",
    },
    "zh": {
        "title": "{file}的审计", "counts": "错误{error}条，存疑{doubt}条，提示{remark}条",
        "none": "未发现不可能之处", "unread": "未审计：无法识别表格内容",
        "where": "位置", "rule": "规则", "finding": "发现", "cells": "单元格", "evidence": "算式（DuckDB中为真）",
        "level": "程度", "source": "依据",
        "written": "推测内容见{path}；改正后运行：cbec audit {file} --map {path}",
        "read": "识别为", "brackets": "括号内为", "legend": "星号",
        "intervals": "所印数字代表四舍五入后等于它的一切值；凡列为发现者，其中没有任何一组值相容。",
    },
}  # fmt: skip


def name_of(rule: str, lang: Language) -> str:
    return RULES[rule][LANGUAGES.index(lang)]


def sentence(finding: Finding, lang: Language) -> str:
    """The finding in words, with its figures."""
    at = LANGUAGES.index(lang)
    text = SENTENCES[finding.rule, finding.case][at]

    def term(match: re.Match[str]) -> str:
        return TERMS[match[1]][at] if match[1] in TERMS else match[0]

    filled = re.sub(r"\{(\w+)\}", lambda m: finding.args.get(m[1], m[0]), text)
    filled = re.sub(r"\{(\w+)\}", term, filled)
    exchanged = finding.args.get("exchanged", "")
    if exchanged:
        filled += {"en": f"; exchanged with the mean of {exchanged}", "zh": f"；与{exchanged}的均值互换"}[
            lang
        ]
    return filled
