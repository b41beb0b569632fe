"""What a remark says of figures: filled, estimated, forecast, preliminary, broken off, of something else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from cbec.ingest.text import plain

# In order: a figure that was both interpolated and estimated was interpolated.
KINDS = (
    ("I", re.compile(
        r"插值|插补|内插|填补|填充|补全|补齐|补缺|补值|补数|补入|拟合|平滑|沿用上年|沿用前|前值|后值|结转"
        r"|(?:均值|平均值|平均数|中位数|邻近值|相邻年份)[^，。；]{0,4}(?:补(?![贴助偿])|替代|代替|填)"
        r"|(?:用|以|取|按)[^，。；]{0,10}(?:年|期|市|省)[^，。；]{0,6}(?:数据|数|值|数字)?[^，。；]{0,2}(?:代替|替代|代入|补(?![贴助偿]))"
        r"|回归法|缺失值[^，。；]{0,8}补|interpol|ipolat|imput|(?<![a-z])fill(?:ed|ing|s)?(?![a-z])"
        r"|carried (?:forward|back)|locf|nocb|back-?fill|forward-?fill|[bf]fill",
        re.IGNORECASE,
    )),
    ("F", re.compile(
        r"预测|预计|外推|预期|目标|计划数|规划|forecast|predict|projected|projection|extrapolat|(?<![a-z])target",
        re.IGNORECASE,
    )),
    ("E", re.compile(
        r"(?<!评)估(?!价|值法)|推算|测算|推得|推导|概算|折算"
        r"|(?:按|依)[^，。；]{0,10}(?:比例|占比|比重|份额)[^，。；]{0,4}(?:推|算|分|拆|摊)"
        r"|estimat|^[(（\[]?e[)）\]]?$",
        re.IGNORECASE,
    )),
    ("P", re.compile(r"快报|初步|初值|初报|preliminary|provisional|flash", re.IGNORECASE)),
    ("B", re.compile(
        r"不可比|不能?(?:直接)?(?:比较|对比)|(?:序列|数据|数列)(?:有)?(?:中断|断裂|断点)"
        r"|break in (?:the )?series|series break|not (?:directly )?comparable",
        re.IGNORECASE,
    )),
    ("D", re.compile(
        r"市辖区|(?<![省城各])市区(?!域)|不含|不包括|(?<!全市)(?<!全国)口径(?!不变|一致|相同)|城区"
            r"|districts? (?:only|under)|excluding",
        re.IGNORECASE,
    )),
)  # fmt: skip
# A part of a year is no year, whatever stands in front of it.
PART_OF_YEAR = re.compile(
    r"[上下]半年|前[一二三1-3]个?季|[第前]?[一二三四1-4]季度|季报|[1-4]\s*季(?!节)"
    r"|(?<![a-z])(?:q[1-4]|h[12])(?![a-z0-9])|(?<![a-z])(?:half|quarter|months)(?![a-z])"
    r"|(?<![0-9])0?1\s*月?\s*[-—–~～至到]\s*(?:0?[2-9]|1[01])\s*月"
    r"|前(?:[2-9]|1[01]|[二三四五六七八九十]|十一)个?\s*月",
    re.IGNORECASE,
)
METHODS = (
    ("mice", r"多重插补|multiple imputation|mice"),
    ("arima", r"arima"),
    ("gm11", r"灰色|(?<![a-z])gm\s*\(?1\s*,\s*1\)?|grey"),
    ("spline", r"样条|spline"),
    ("regression", r"回归|regress"),
    ("geometric", r"几何|等比|增长率插|geometric|log-?linear|对数线性"),
    ("linear", r"线性|等差|linear"),
    ("moving_avg", r"移动平均|滑动平均|moving[ _-]?av"),
    (
        "locf",
        r"沿用上年|沿用前|前值|结转|前向|向前填充|locf|carried forward|forward-?fill|ffill",
    ),
    ("nocb", r"后值|后向|向后填充|nocb|carried back|back-?fill|bfill"),
    ("group_mean", r"均值|平均值|group mean|(?<![a-z])mean(?![a-z])"),
    ("share", r"比例|占比|份额|(?<![a-z])share(?![a-z])"),
    ("trend", r"趋势|trend"),
)
PLANNED = re.compile(
    r"(?<!可持续)(?:发展|预期|主要|工作)目标|目标(?:值|数|任务)|计划(?:数|值|指标)|[（(](?:计划|目标|预期)[）)]"
)
NEGATED = re.compile(
    r"(?:未|非|无|没有|没|不是|不含|不做|不作|未经|无需|不需要?)(?:任何|进行|经过|经|做过?|作|使用|采用|用|有)?(?:线性)?$"
    r"|\b(?:no|not|non|without|never|un)[\s-]*(?:any|been|linear(?:ly)?)?[\s-]*$",
    re.IGNORECASE,
)
YEAR = re.compile(r"(?<![0-9])((?:19|20)[0-9]{2})(?![0-9])")
SPAN = re.compile(r"(?<![0-9])((?:19|20)[0-9]{2})年?\s*(?:[-–—~～至到]|to)\s*((?:19|20)[0-9]{2})(?![0-9])")


@dataclass(frozen=True)
class Claim:
    """One clause of a remark. letter: I, F, E, P, B or D. method: of impute_method. years: those it names."""

    letter: str
    method: str
    years: frozenset[int]
    text: str


def no_years_figures(text: str) -> str:
    """Why a title or a remark speaks of figures that are none of a whole year, or of a plan; else ''."""
    clean = plain(text)
    if PART_OF_YEAR.search(clean):
        return "speaks of a part of the year"
    return "speaks of a plan, not of what was" if PLANNED.search(clean) else ""


@lru_cache(maxsize=20_000)
def claims_in(text: str) -> tuple[Claim, ...]:
    """What a remark says was not observed; () for a remark that only names a source."""
    found = []
    for clause in re.split(r"[，,](?!\s*1\s*\))|[；;。\n|]", plain(text)):
        for letter, pattern in KINDS:
            match = next(
                (m for m in pattern.finditer(clause) if not NEGATED.search(clause[: m.start()])), None
            )
            if match:
                method = next((name for name, words in METHODS if re.search(words, clause, re.I)), "unknown")
                years = {int(year) for year in YEAR.findall(clause)}
                for first, last in SPAN.findall(clause):
                    years |= set(range(int(first), int(last) + 1))
                found.append(Claim(letter, method, frozenset(years), clause.strip()))
                break
    return tuple(found)
