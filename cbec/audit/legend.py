"""The note of a table: what its stars and brackets stand for, and how its errors were computed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from cbec.audit.figures import narrowed

STANDARD: Mapping[str, float] = {"***": 0.01, "**": 0.05, "*": 0.1}
KINDS = {
    "p": r"p[- ]?\s?val(?:ue)?s?|p\s?值|显著性概率|伴随概率|相伴概率",
    "t": r"[tz][- ]?\s?(?:stat(?:istic)?s?|values?|ratios?|scores?)\b|[tz]\s?(?:检验)?(?:值|统计量)"
    r"|[tz]\s?/\s?[tz]\b",
    "ci": r"confidence intervals?|置信区间|\bci\b",
    "se": r"standard[- ]errors?|std\.?\s?err(?:or)?s?|s\.e\.|\bses?\b|标准误差?|标准差|standard deviations?",
}
BRACKETS = {
    "(": r"parenthes[ei]s|圆括号|小括号|\(\s*\)|round brackets",
    "[": r"square[d]? brackets|方括号|中括号|\[\s*\]",
    "{": r"braces|curly brackets|花括号|大括号|\{\s*\}",
    "<": r"angle brackets|尖括号|<\s*>",
    "*": r"(?<!square )(?<!squared )(?<!curly )(?<!angle )(?<!round )brackets|(?<![圆小方中花大尖])括号|括弧",
}
MARK = re.compile(r"\*+|†+|‡+|#+|(?<![\w.])\+(?=\s*(?:p\b|P\b|:|表示|,|denote|indicate))")
LEVEL = re.compile(
    r"(?P<percent>(?<![\d.])\d{1,2}(?:\.\d+)?)\s*%|(?<![\d])(?P<share>0?\.\d{1,4})(?!\d)"
    r"|(?P<words>one|five|ten)[- ]percent|(?P<spoken>(?<![\d.])(?:1|5|10))\s*(?:percent|per cent)"
)
LEVELS = (0.0001, 0.0005, 0.001, 0.005, 0.01, 0.02, 0.025, 0.05, 0.1, 0.15, 0.2)
WORDS = {"one": 0.01, "five": 0.05, "ten": 0.1}
# "at the 1, 5, and 10 percent levels": the unit of all stands behind the last.
ONE_LEVEL = r"(?:(?<![\d.])\d{1,2}(?:\.\d+)?|\b(?:one|five|ten))"
LISTED = re.compile(
    rf"{ONE_LEVEL}\s*(?:(?:,|/|\band\b|\bor\b|和|或|及|与)\s*)+(?:{ONE_LEVEL}\s*(?:(?:,|/|\band\b|\bor\b|和|或|及|与)\s*)+)*"
    rf"{ONE_LEVEL}[\s-]*(?:%|percent|per cent)"
)
SPOKEN = {"one": "1", "five": "5", "ten": "10"}
# Stars that stand for other p values than those of t, and coefficients in other units than their errors.
STARS_ELSEWHERE = re.compile(
    r"(?:stars?|asterisks?|significance|星号|显著性)[^.;。；]{0,60}(?:bootstrap|randomi[sz]ation|permut|q-?values?|adjusted|sharpened|自助|置换|随机化|调整)"
    r"|(?:wild|bootstrap(?:ped)?|randomi[sz]ation|permutation)[^.;。；]{0,30}p[- ]?values?",
    re.IGNORECASE,
)
STANDARDIZED = re.compile(r"standardi[sz]ed|标准化(?:的)?(?:回归)?系数|\bbeta coefficients?", re.IGNORECASE)
ABSOLUTE = re.compile(r"absolute|绝对值", re.IGNORECASE)
YEARS_COUNTED = re.compile(r"[x×*乘]\s*(\d{1,3})\s*(?:years?|periods?|waves?|个?年|期)", re.IGNORECASE)
VCOV = (
    ("cluster", r"cluster|聚类|集聚|群聚"),
    ("hac", r"newey|hac\b|driscoll|kraay|自相关"),
    ("bootstrap", r"bootstrap|自助|自抽样|jackknife"),
    ("robust", r"robust|稳健|heterosk?c?edas|异方差|white|huber|\bhc[0-3]\b"),
    (
        "classical",
        r"homosk?c?edas|conventional|classical|非稳健|nonrobust|non-robust|同方差|(?:普通|传统|常规|经典)(?:ols)?的?标准误"
        r"|\b(?:ordinary|plain|usual|ols) standard errors",
    ),
)
YEARS = re.compile(r"((?:19|20)\d{2})\s*年?\s*(?:-|~|至|到|—|to|through)\s*((?:19|20)\d{2})")
UNITS = re.compile(
    r"(?<![\d.,])(\d{1,3}(?:,\d{3})+|\d{1,6})\s*(?:个|家|座)?\s*(?:地级(?:及以上)?|沪深|制造业|上市|样本)*\s*"
    r"(?:城市|市|省份|省|企业|公司|县|地区|国家|行业|cit(?:y|ies)|provinces?|firms?|compan(?:y|ies)|count(?:y|ies)|"
    r"countr(?:y|ies)|industries|units|households|individuals|prefectures)",
    re.IGNORECASE,
)
SIZE = re.compile(
    r"(?:\bN\s*=\s*|样本(?:总)?(?:量|数|容量)(?:为|是|共|:|=)?\s*|观测值(?:数)?(?:为|共|:|=)?\s*"
    r"|sample (?:size )?(?:of|is|=)\s*|共(?:有|计)?\s*(?=[\d,]+\s*(?:个)?(?:观测|样本)))"
    r"(\d{1,3}(?:,\d{3})+|\d+)"
    r"|(\d{1,3}(?:,\d{3})+|\d+)\s*(?:city-year |firm-year |unit-year |panel )?"
    r"(?:observations|obs\b|个?(?:有效)?(?:观测值|样本观测值|观察值))",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Note:
    """What a note says.

    stars: significance level of each mark. brackets: se, t, p or ci of each opening bracket, "*" for any.
    vcov: kind of standard error, '' where it is not said. level: of confidence intervals. sizes: numbers of
    observations that it names. units, years: of the panel, 0 where it is not said. is_balanced: None where
    it is not said. is_one_sided: of tests.
    """

    text: str = ""
    stars: Mapping[str, float] = field(default_factory=dict)
    brackets: Mapping[str, str] = field(default_factory=dict)
    vcov: str = ""
    level: float = 0.0
    sizes: tuple[int, ...] = ()
    units: int = 0
    years: int = 0
    is_balanced: bool | None = None
    is_one_sided: bool = False

    @property
    def is_reversed(self) -> bool:
        """More stars for less significance."""
        plain = sorted((len(mark), level) for mark, level in self.stars.items() if set(mark) == {"*"})
        levels = [level for _, level in plain]
        return len(levels) > 1 and levels != sorted(levels, reverse=True)


def read_note(text: str) -> Note:
    """Note of a table in Chinese or English, title and footer together."""
    clean = narrowed(text)
    lower = clean.lower()
    vcov = next((name for name, pattern in VCOV if re.search(pattern, lower)), "")
    if vcov == "robust" and re.search(VCOV[-1][1], lower) and re.search(r"非稳健|non-?robust", lower):
        vcov = "classical"
    level = re.search(r"(9\d(?:\.\d)?)\s*%", lower)
    span = YEARS.search(clean)
    sizes = [int((a or b).replace(",", "")) for a, b in SIZE.findall(clean)]
    units = {int(number.replace(",", "")) for number in UNITS.findall(clean)}
    counted = YEARS_COUNTED.search(clean)
    years = int(span[2]) - int(span[1]) + 1 if span else int(counted[1]) if counted else 0
    return Note(
        clean,
        stars_of(clean),
        brackets_of(lower),
        vcov,
        float(level[1]) / 100 if level else 0.0,
        tuple(dict.fromkeys(sizes)),
        units.pop() if len(units) == 1 else 0,
        years if 0 < years < 200 else 0,
        None
        if not re.search(r"平衡|balanced", lower)
        else not re.search(r"非平衡|不平衡|unbalanced|not balanced|non-?balanced", lower),
        bool(re.search(r"单侧|单尾|one[- ](?:sided|tailed)", lower)),
    )


def stars_of(text: str) -> dict[str, float]:
    """Significance levels of the marks: both alternate, or a list of one stands before the other."""
    lower = LISTED.sub(_spread, text.lower())
    best: dict[str, float] = {}
    for sentence in re.split(r"[。\n]|;(?=[^*†+]*$)", lower):
        found: list[tuple[str, float]] = []
        pieces = [(m.start(), m[0], 0.0) for m in MARK.finditer(sentence)]
        for match in LEVEL.finditer(sentence):
            level = _level(match)
            if level in LEVELS:
                pieces.append((match.start(), "", level))
        pieces.sort()
        marks = [p for p in pieces if p[1]]
        levels = [p for p in pieces if not p[1]]
        if not marks or not levels:
            continue
        kinds = "".join("M" if mark else "L" for _, mark, _ in pieces)
        if (
            (
                re.fullmatch(r"(?:ML)+", kinds)
                or (re.fullmatch(r"M{2,}L{2,}", kinds) and len(marks) == len(levels))
            )
            or (re.fullmatch(r"L{2,}M{2,}", kinds) and len(marks) == len(levels))
            or re.fullmatch(r"(?:LM)+", kinds)
        ):
            found = [(m[1], level[2]) for m, level in zip(marks, levels, strict=True)]
        else:
            # The level next behind each mark.
            for n, (_, mark, _) in enumerate(pieces[:-1]):
                if mark and not pieces[n + 1][1]:
                    found.append((mark, pieces[n + 1][2]))
        legend = dict(found)
        if len(legend) > len(best) and len(set(legend.values())) == len(legend):
            best = legend
    return best


def _spread(match: re.Match[str]) -> str:
    """A list of levels with its unit behind each."""
    found = re.findall(ONE_LEVEL, match[0])
    return ", ".join(f"{SPOKEN.get(text, text)}%" for text in found)


def _level(match: re.Match[str]) -> float:
    if match["percent"]:
        return round(float(match["percent"]) / 100, 6)
    if match["words"]:
        return WORDS[match["words"]]
    if match["spoken"]:
        return float(match["spoken"]) / 100
    return round(float(match["share"]), 6)


def brackets_of(lower: str) -> dict[str, str]:
    """What brackets hold, as the note says."""
    found: dict[str, str] = {}
    alone: set[str] = set()
    has_bracket = False
    without_stars = re.sub(r"\*+\s*p\s*[<≤=]\s*0?\.\d+", "", lower)
    clauses = re.split(r"[;。\n]|\.\s|,|，|\band\b|\bwhile\b|而", without_stars)
    for clause in clauses:
        kinds = [kind for kind, pattern in KINDS.items() if re.search(pattern, clause)]
        # "t values by robust standard errors in parentheses": the statistic, not what it rests on.
        kind = kinds[0] if kinds else ""
        named = [bracket for bracket, pattern in BRACKETS.items() if re.search(pattern, clause)]
        has_bracket |= bool(named)
        if kind:
            alone.add(kind)
        if kind and named:
            for bracket in named:
                found.setdefault(bracket, kind)
    if not found and has_bracket and len(alone) == 1:
        found["*"] = alone.pop()
    return found


def kind_in(text: str) -> str:
    """The statistic that a heading or label names: "t值", "(SE)", "P>|t|"; '' for none."""
    lower = narrowed(text).lower().strip("()[] ")
    if re.fullmatch(r"[tz]|[tz][- ]?stat.*|[tz]\s*\(?(?:value|ratio|值|统计量)\)?", lower):
        return "t"
    if re.fullmatch(r"p|p\s*>\s*\|?[tz]\|?|pr.*\|[tz]\|.*|sig\.?|显著性", lower):
        return "p"
    if re.fullmatch(r"se|s\.e\.?|std\.?\s?err\.?(?:or)?|标准误", lower):
        return "se"
    return next((kind for kind, pattern in KINDS.items() if re.search(pattern, lower)), "")
