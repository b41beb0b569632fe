"""What a remark beside a row says of its figures: filled, estimated or forecast, how, and for which years."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from cbec.ingest.text import plain

# In order: a figure that was both interpolated and estimated was interpolated.
KINDS = (
    ("I", re.compile(
        r"插值|插补|内插|填补|填充|补全|补齐|补缺|拟合|平滑|均值替代|均值代替|沿用上年|沿用前|前值|后值|结转"
        r"|interpolat|imput|(?<![a-z])fill(?:ed|ing|s)?(?![a-z])|carried (?:forward|back)|locf|nocb"
        r"|back-?fill|forward-?fill|[bf]fill",
        re.IGNORECASE,
    )),
    ("F", re.compile(r"预测|预计|外推|forecast|predict|projected|projection|extrapolat", re.IGNORECASE)),
    ("E", re.compile(r"估算|估计|推算|测算|估值|estimat", re.IGNORECASE)),
)  # fmt: skip
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
NEGATED = re.compile(
    r"(?:未|非|无|没有|没|不是|不含|不做|不作|未经|无需|不需要?)(?:任何|进行|经过|经|做过?|作|使用|采用|用|有)?(?:线性)?$"
    r"|\b(?:no|not|non|without|never|un)[\s-]*(?:any|been|linear(?:ly)?)?[\s-]*$",
    re.IGNORECASE,
)
YEAR = re.compile(r"(?<![0-9])((?:19|20)[0-9]{2})(?![0-9])")
SPAN = re.compile(r"(?<![0-9])((?:19|20)[0-9]{2})年?\s*(?:[-–—~～至到]|to)\s*((?:19|20)[0-9]{2})(?![0-9])")


@dataclass(frozen=True)
class Claim:
    """One clause of a remark. letter: I, F or E. method: one of impute_method. years: those it names."""

    letter: str
    method: str
    years: frozenset[int]
    text: str


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
