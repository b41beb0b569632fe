"""Words of headings and labels to what they stand for, in Chinese and English."""

from __future__ import annotations

import re

from cbec.audit.figures import narrowed
from cbec.audit.legend import kind_in

# Read without blanks, in lower case.
MOMENTS = {
    "n": r"n|obs\.?|observations?|no\.?ofobs\.?(?:ervations)?|numberofobs(?:ervations)?|样本量|样本数|样本容量|样本个数|观测值|"
    r"观测数|观测值数|观察值|观测量|观察数|样本|count|频数|samplesize",
    "mean": r"mean|average|avg\.?|均值|平均值|平均数|平均|算术平均|means",
    "sd": r"s\.?d\.?|std\.?dev\.?(?:iation)?|standarddeviations?|std\.?|标准差|标准偏差|stdev|stddev|st\.?dev\.?",
    "min": r"min\.?|minimum|最小值|最小|极小值",
    "max": r"max\.?|maximum|最大值|最大|极大值",
    "p50": r"median|中位数|中值|p50|50%|med\.?|q2",
    "p25": r"p25|25%|q1|下四分位数?|25分位数?|第25百分位数?|25thpercentile",
    "p75": r"p75|75%|q3|上四分位数?|75分位数?|第75百分位数?|75thpercentile",
    "p1": r"p1|1%",
    "p5": r"p5|5%",
    "p10": r"p10|10%",
    "p90": r"p90|90%",
    "p95": r"p95|95%",
    "p99": r"p99|99%",
    "variance": r"variance|var\.?|方差",
    "range": r"range|极差|全距",
    "sum": r"sum|总和",
    "vif": r"vif|方差膨胀因子",
    "tolerance": r"1/vif|tolerance|容差|容忍度",
    "difference": r"difference|diff\.?|差异|差值|均值差异?|均值之差|meandiff(?:erence)?|\(?1\)?-\(?2\)?|t-c|differenceinmeans",
    "t": r"t|t值|t-?stat(?:istic)?\.?|t-?value|t统计量|t检验",
    "p": r"p|p值|p-?value|p\.?value",
}
ORDERED = ("min", "p1", "p5", "p10", "p25", "p50", "p75", "p90", "p95", "p99", "max")
MEAN_AND_SD = re.compile(
    r"(?:mean|均值|平均值)(?:[(/\[±]|\+/-)?(?:s\.?d\.?|std\.?(?:dev\.?)?|标准差|standarddeviation)[)\]]?"
)
FEET = {
    "n": r"(?:n|obs\.?|observations?|numberofobs(?:ervations)?|no\.?ofobs\.?(?:ervations)?|samplesize|samples?|样本量|样本数|样本容量|"
    r"样本观测值|样本总数|观测值|观测数|观测值数量?|观察值|观测量|观察数|样本|样本个数|总样本量)(?:\(n\)|n)?",
    "f": r"f|f值|f统计量|f统计值|f-?stat(?:istic)?s?\.?|f-?values?|f检验|f-?test|modelf|f\(\d+,\d+\)",
    "clusters": r"聚类数|聚类个数|(?:numberof|no\.?of|#of|n_?)?clusters?|n_clust",
    "years": r"(?:numberof|no\.?of|#of)?(?:years|periods|waves)|年份数|年数|期数|时期数|年份个数",
    "units": r"(?:numberof|no\.?of|#of|n_)(?:firms|cities|units|groups|ids?|provinces|countries|individuals|counties|"
    r"households|prefectures|panels|compan(?:y|ies))|cities|firms|provinces|groups|units|"
    r"(?:城市|企业|省份|个体|地区|国家|公司|县域?|截面|组|单位|家庭)(?:数|个数|数量)",
}
OTHER_FEET = re.compile(
    r"ar\(?\d\)?.*|hansen.*|sargan.*|wald.*|lr\b.*|lrchi.*|chi.*|χ.*|kleibergen.*|kp.*|k-p.*|cragg.*|hausman.*|lm.*统计量|lm(?:test)?|dw|d-w.*|"
    r"durbin.*|log(?:pseudo)?-?likelihood.*|logl.*hood|ll|对数似然.*|aic|bic|sigma.*|rho|rmse|rootmse|theta|mean(?:of)?(?:dep|y|out).*|controlmean.*|"
    r"dep(?:endent)?\.?var.*mean.*|(?:因变量|被解释变量|对照组)均值|meanvif|平均vif|bandwidth.*|带宽|anderson.*|stock.*|弱工具.*|过度识别.*|不可识别.*|"
    r"识别不足.*|prob.*|p值.*|p-?value.*|第一阶段f.*|firststagef.*|first-stagef.*|underid.*|weakid.*|overid.*|组间差异.*|经验p值.*|"
    r"差异检验.*|(?:p-?valueof)?diff.*|费舍尔.*|fisher.*|chow.*|suest.*|sobel.*|bootstrap.*|中介效应.*|门槛值.*|threshold.*"
)
R2 = re.compile(r"r-?2|r-?squared?|r-?sq\.?|r²|r\^2|r方|拟合优度|可决系数|判定系数|决定系数")
COEFFICIENT = re.compile(
    r"coefs?\.?|coefficients?|系数|估计系数|回归系数|系数估计值?|估计值|estimates?|beta|b|β|估计结果|参数估计"
)
RATIO = re.compile(r"or|oddsratios?|hr|hazardratios?|irr|rrr|优势比|比值比|风险比|exp\(b\)|让步比")
LOW = re.compile(r".*(?:lower|下限|ci_?low|2\.5%|0\.025|ll|\blow\b).*")
HIGH = re.compile(r".*(?:upper|上限|ci_?high|97\.5%|0\.975|ul|\bhigh\b).*")
FLAGS = re.compile(
    r"y|n|yes|no|是|否|有|无|√|×|✓|✗|x|v|控制|未控制|不控制|已控制|包含|不包含|included|controlled|固定|不固定",
    re.IGNORECASE,
)
NO_FLAGS = re.compile(r"n|no|否|无|×|✗|未控制|不控制|不包含|不固定|", re.IGNORECASE)
EFFECTS = re.compile(
    r"fe\b|fixedeffect|固定效应|个体|年份|时间|省份|城市|行业|year|city|firm|province|industry|unit|双向"
)
CONSTANT = re.compile(r"_?cons(?:tant)?\.?|\(?intercept\)?|常数项?|截距项?|const|_con|c", re.IGNORECASE)
# Dummies: by how the field calls them, or by what their definition says.
BINARY = re.compile(
    r"虚拟变量|哑变量|0[-/—,]1变量|是否|dummy|indicator variable|binary|=\s*1\b|取值?为?1|赋值为?1|记为1|为1[,，;]|1\s*if\b|if .*1,? |1\s*[=＝:：]\s*(?:是|yes)|"
    r"\b(?:0/1|0,\s*1)\b",
    re.IGNORECASE,
)
BINARY_NAME = re.compile(
    r"(?:did|policy|treat(?:ed|ment)?|post|dummy|female|male|married|soe|is_[a-z_]+|has_[a-z_]+|treat[*×x]post)\d?",
    re.IGNORECASE,
)
COUNT = re.compile(
    r"number of|count of|\bcounts?\b|个数|件数|次数|人数(?!比|占)|家数|数量(?!级)|岁|\bage\b|years of (?:schooling|education)|household size|家庭规模|children",
    re.IGNORECASE,
)
SCALED = re.compile(
    r"对数|\blog|\bln|万|千|百|亿|thousand|million|billion|hundred|per\b|人均|每|均值|mean|average|平均|/|率|占比|比重|ratio|share|index|指数|增长",
    re.IGNORECASE,
)
# Parts of a whole: of these none is above it.
SHARE = re.compile(
    r"(?:城镇化|城市化|就业|失业|参与|识字|入学|覆盖|合格|及格|普及|死亡|出勤|贫困|渗透|中标|存活|毕业)率(?!.*(?:增|变))|"
    r"\b(?:urbani[sz]ation|employment|unemployment|participation|literacy|enrol(?:l)?ment|coverage|poverty|penetration|survival) (?:rate|share)\b|"
    r"\b(?:share|percentage|proportion|fraction|percent) of\b|\bfemale share|\burban share|持股比例|股权集中度|"
    r"(?:占比|所占比例|所占比重|占.{1,14}(?:的)?(?:比例|比重|百分比|份额))|\bshare\b|\bprobability\b|概率",
    re.IGNORECASE,
)
# Ratios to GDP, sales and the like, which may be above one.
NO_PART = re.compile(
    r"gdp|地区生产总值|国内生产总值|生产总值|贷款|存款|负债|进出口|贸易|对外|债|loan|deposit|debt|trade|open|增长|growth|change|变化|"
    r"ln|log|对数|share price|per share|shares? of stock|每股|earnings",
    re.IGNORECASE,
)
LOGARITHM = re.compile(
    r"^\s*(?:ln|log)(?![a-z]*(?:ist|in\b))[\s_(.]*(?P<name>.+?)\)?\s*$|^(?P<zh>.+?)\s*[(（]?(?:的)?(?:自然)?对数[)）]?\s*$",
    re.IGNORECASE,
)
PRODUCTIVITY = {
    "index": r"tfpch|tfp|malmquist(?:指数|index)?|mi|m指数|ml|gml|ml指数|gml指数|全要素生产率(?:变化|变动|增长率?|指数)*|tfp(?:change|指数)|"
    r"(?:total)?factorproductivity(?:change)?|totalfactorproductivity(?:change|index)?|malmquist-?luenberger(?:指数|index)?",
    "efficiency_change": r"effch|ec|gec|mlec|mleffch|技术效率变化(?:指数)?|效率变化(?:指数)?|技术效率变动(?:指数)?|技术效率指数|efficiencychange|"
    r"technicalefficiencychange|eff\.?change",
    "technical_change": r"techch|tc|gtc|mltc|mltech|技术进步(?:变化|变动)?(?:指数)?|技术变化(?:指数)?|技术变动(?:指数)?|techn(?:ical|ological)(?:change|progress)|tech\.?change",
    "pure_change": r"pech|pec|纯技术效率(?:变化|变动)(?:指数)?|pure(?:technical)?efficiencychange",
    "scale_change": r"sech|sec|规模效率(?:变化|变动)(?:指数)?|scale(?:efficiency)?change",
    "cumulative": r"累[计积](?:指数|tfp|malmquist|全要素生产率)?.*|cumulative.*|cum\.?",
    "overall": r"crste|te|ote|综合(?:技术)?效率(?:值)?|总效率|(?:overall)?technicalefficiency(?:\(crs\))?|ccr|crs|te_?crs|overallefficiency|efficiency(?:score)?|效率值?|技术效率",
    "pure": r"vrste|pte|纯技术效率(?:值)?|pure(?:technical)?efficiency|bcc|vrs|te_?vrs",
    "scale": r"scale|se|sce|规模效率(?:值)?|scaleefficiency",
}
MEAN_ROW = re.compile(
    r"mean|average|avg\.?|均值|平均值?|平均数|几何平均(?:值|数)?|geo(?:metric)?mean|总体均值|全国(?:平均|均值)?|总?平均|全样本均值",
    re.IGNORECASE,
)
TOTAL_ROW = re.compile(r"total|sum|合计|总计|总和|小计|全部", re.IGNORECASE)
EFFECT = {
    "total": r"总效应(?:值)?|totaleffect|total|c\(总效应\)",
    "direct": r"直接效应(?:值)?|directeffect|direct|ade|averagedirecteffect",
    "indirect": r"间接效应(?:值)?|中介效应(?:值)?|indirecteffect|indirect|acme|mediat(?:ion|ed|ing)effect|a\*b|ab|a×b",
    "share": r".*(?:占比|比例|比重|份额)(?:\(%\))?|(?:share|proportion|percent(?:age)?|%)(?:of(?:total)?)?(?:effect)?(?:mediated|explained)?.*|.*mediated",
}


def compact(text: str) -> str:
    """A label without blanks, signs of formulas and a colon at its end, in lower case."""
    clean = narrowed(text).lower().replace("²", "2").replace("×", "*")
    return re.sub(r"[\s$\\{}_:：]|^其中", "", clean)


def moment_of(text: str) -> str:
    """The statistic of a descriptive table that a heading names; '' for none."""
    clean = compact(text)
    bare = re.sub(r"\((?:n|mean|sd|min|max|obs|均值|标准差|s\.d\.)\)$", "", clean)
    for name, pattern in MOMENTS.items():
        if re.fullmatch(pattern, clean) or re.fullmatch(pattern, bare):
            return name
    return "mean_sd" if MEAN_AND_SD.fullmatch(clean) else ""


def foot_of(label: str) -> str:
    """The statistic of a regression column that a label names; '' for a regressor, "other" for a test."""
    clean = compact(label)
    if R2.search(clean) and not re.search(r"(?:change|Δ|δ|变化)", clean):
        is_adjusted = bool(re.search(r"adj|调整|修正|校正|bar", clean))
        for name, pattern in (
            ("pseudo", r"pseudo|伪|准|mcfadden"), ("within", r"within|组内|\(w\)"),
            ("between", r"between|组间"), ("overall", r"overall|总体"),
        ):  # fmt: skip
            if re.search(pattern, clean):
                return f"adj_{name}" if is_adjusted else name
        return "adj_r2" if is_adjusted else "r2"
    for name, pattern in FEET.items():
        if re.fullmatch(pattern, clean):
            return name
    return "other" if OTHER_FEET.fullmatch(clean) else ""


def long_role(text: str) -> str:
    """The role of a column of a table that lists one regression downwards."""
    clean = compact(text)
    if COEFFICIENT.fullmatch(clean):
        return "coef"
    if RATIO.fullmatch(clean):
        return "ratio"
    if re.search(r"conf|置信|ci|%", clean) or LOW.fullmatch(clean) or HIGH.fullmatch(clean):
        if LOW.fullmatch(clean) and not HIGH.fullmatch(clean):
            return "ci_low"
        if HIGH.fullmatch(clean) and not LOW.fullmatch(clean):
            return "ci_high"
        if re.search(r"conf|置信|ci", clean):
            return "ci"
    kind = kind_in(text)
    if kind == "se" and re.search(r"标准差|deviation", clean):
        return ""
    return kind if len(clean) < 30 else ""


def productivity_of(text: str) -> str:
    clean = re.sub(r"\([a-z]+\)$|(?<=[\u4e00-\u9fff])[a-z]+$", "", compact(text)) or compact(text)
    for name, pattern in PRODUCTIVITY.items():
        if re.fullmatch(pattern, clean) or re.fullmatch(pattern, compact(text)):
            return name
    return ""


def effect_of(text: str) -> str:
    clean = compact(text)
    if re.search(r"置信|标准误|值$(?<!效应值)|显著", clean):
        return ""
    return next((name for name, pattern in EFFECT.items() if re.fullmatch(pattern, clean)), "")
