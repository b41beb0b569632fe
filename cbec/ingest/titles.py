"""What a title, the name of a sheet or of a file says of its figures, and what it says of something else.

The year in which a table was made, its copyright, a price base and an edition of boundaries are no years of
figures; a word beside an indicator that is neither place, time, unit, source nor the word for a table makes
it another indicator.
"""

from __future__ import annotations

import re

from cbec.ingest.text import plain

_YEAR = r"(?<![0-9])(?:19|20)[0-9]{2}(?![0-9])"
_MADE = (
    r"制表|制图|编制|编印|填报|填表|更新|修改|修订|发布|公布|出版|印刷|打印|下载|访问|采集|导出|生成|录入|整理|印发|检索|提取"
    r"|成立|设立|版权(?:所有)?|copyright|©|\(c\)|updated?|modified|printed|published|accessed|downloaded|retrieved|created"
    r"|exported|revised|compiled|as of|version|(?<![a-z])v(?=\s*[.]?\s*(?:19|20))"
)
# A year that is a part of a date, the name of a base or the number of a document.
OTHER_YEARS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # 2020-03-01, 2020/3, 2020.03: but 2010-2015 is a span.
        rf"{_YEAR}\s*[-/.]\s*(?:0?[1-9]|1[0-2])(?:\s*[-/.]\s*[0-9]{{1,2}})?(?![0-9])",
        rf"(?<![0-9])[0-9]{{1,2}}\s*[-/.]\s*(?:[0-9]{{1,2}}\s*[-/.]\s*)?{_YEAR}",
        # 2020年3月, but not 2020年1-12月, which is a year.
        rf"{_YEAR}\s*年\s*(?!0?1\s*月?\s*[-—–~～至到]\s*12\s*月)[0-9一二三四五六七八九十]{{1,3}}\s*月(?:\s*[0-9一二三十]{{1,3}}\s*日)?",
        rf"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?\s*(?:[0-9]{{1,2}},?\s*)?{_YEAR}",
        rf"(?:{_MADE})(?:日期|时间|年份|年度|于|在|date|time|on|in|at)?\s*[:：]?\s*(?:于|在|on|in|at)?\s*{_YEAR}(?:\s*[-–—]\s*{_YEAR})?\s*年?",
        rf"日期\s*[:：]?\s*{_YEAR}\s*年?",
        rf"{_YEAR}\s*年?\s*(?:制表|编制|编印|填报|更新|修改|修订|发布|出版|印刷|打印|下载|访问|采集|导出|整理|印发|版权|copyright|©|updated?|revised|version)",
        # What prices, indices and boundaries are those of.
        rf"{_YEAR}\s*年?\s*(?:的)?\s*(?:不变|可比|价格|价(?!值)|为?基期|为基|基准|为基准|为?\s*100|[=＝]\s*1|口径|标准|行政区划|区划|constant|prices?|base)",
        rf"(?:constant|base|prices of|at|in)(?:\s+year)?\s*[:：]?\s*(?:of\s+)?{_YEAR}"
        r"\s*(?:prices?|=\s*1|rmb|yuan)",
        rf"(?:base\s*year|基期|基年|基准年?|不变价格?|可比价格?)\s*(?:为|是|[:：=])?\s*[(（]?\s*{_YEAR}\s*年?",
        rf"(?:以|按|按照|比|较|同比|与|相对于|since|自|relative to|compared (?:to|with))\s*{_YEAR}\s*年?",
        rf"[〔\[(（【]\s*{_YEAR}\s*[〕\]）)】]\s*第?\s*[0-9]+\s*号",
        rf"(?:gb|国标|iso)[/a-z\s]*[0-9.]+\s*[-—–]\s*{_YEAR}",
    )
)  # fmt: skip
# The year of a source is that of its print; an edition is read by its publication.
SOURCE_LINE = re.compile(
    r"^\W*(?:数据|资料)?(?:来源|来自|出处|引自|摘自)|^\W*(?:data\s*)?sources?\b", re.IGNORECASE
)
# The whole of a title, or of a bracket in it.
CONSTANT_PRICES = re.compile(
    rf"(?:^|[(（\[,，;；、:：\s_])(?:按|以|at|in)?\s*(?:{_YEAR}\s*年?)?\s*的?(?:不变价|可比价|constant)\s*(?:格|prices?)?(?:\s*\(?{_YEAR}\s*年?\)?)?\s*(?:计算|核算)?\s*(?:$|[)）\],，;；、\s_])",
    re.IGNORECASE,
)


def of_figures(text: str) -> str:
    """A title without the years that are none of its figures."""
    clean = plain(text)
    for pattern in OTHER_YEARS:
        clean = pattern.sub(" ", clean)
    return clean


def speaks_of_constant_prices(text: str) -> bool:
    """True for a title that says that its figures are no current ones."""
    return bool(CONSTANT_PRICES.search(plain(text)))


# Words beside an indicator that leave it what it is.
_NEUTRAL = (
    r"全市(?:口径)?|市辖区|市区(?!域)|全地区|上年\s*[=＝]?\s*100|中国|全国|我国|大陆|各?省(?:级|份|区市|市区|区|域|际)?|各?直辖市|各?自治区|各?地级(?:及以上)?(?:城市|市)?|各?城市(?:区域)?"
    r"|各?市(?:级|县|州)?|各?县(?:级|域|市|区)?|各?区县|各?地(?:区|方|市|州)(?!生产)|分(?:省|市|地区|城市|年|年度)|主要(?:年份|城市)?"
    r"|[0-9]+个?(?:省|市|地区|城市|地级市|省份|省市|省级)(?:份|区|市)*|等?[0-9]+(?:省|市|城)|以上|级"
    r"|数据(?:集|库|表)?|统计(?:表|数据|资料|局|年鉴|公报|数|指标)?|年鉴|公报|面板(?:数据)?|原始|完整|汇总(?:表)?|明细(?:表)?|总表|清单|一览(?:表)?"
    r"|情况(?:表)?|序列|时间(?:序列)?|指标(?:名称)?|变量|名称|历年|年度|年份?|全年|近年|最近|最新|新版?|最终|终版|定稿|版本?|副本|备份|整理|更新|附?表|续表?|附录?|图|工作表"
    r"|文件|主要经济|宏观|综合|基本|于|日期|制表|编制|下载|发布|单位|计量|来源|资料|来自|数据库|国家统计局|统计局|住建部|财政部|国家|部|和|与|及|的|之|按|由"
    r"|[一二三四五六七八九十]+|第[一二三四五六七八九十0-9]+(?:章|部分|节|表|篇)|从|至|到|末|底"
    r"|the|of|in|by|for|and|from|to|at|a|an|data(?:set)?|table|sheet|tab|panel|figures?|statistics|statistical|stats?|annual(?:ly)?|year(?:ly|s)?|yearbook"
    r"|province(?:s|ial)?|prefecture(?:s|-?level)?|cit(?:y|ies)|china|chinese|national|region(?:s|al)?|level|across|final|raw|clean(?:ed)?|new|copy|all|full|long|wide|test|my"
    r"|source|unit|units|nbs|ceic|wind|csmar|cnki|eps|macro|indicators?|series|time|exported|file|csv|xlsx?|utf-?8|gbk"
    r"|v?[0-9]+(?:\.[0-9]+)*|[-—–~～至到.、:：()（）\[\]【】〔〕\"'“”‘’·|+&/\\#!。…]"
)  # fmt: skip
_WORDS = re.compile(f"(?:{_NEUTRAL})+", re.IGNORECASE)
_LEADING = re.compile(f"^(?:{_NEUTRAL})", re.IGNORECASE)
_TRAILING = re.compile(f"(?:{_NEUTRAL})$", re.IGNORECASE)


def is_neutral(piece: str) -> bool:
    """True for a word of a title that does not change what an indicator beside it is."""
    return not piece or bool(_WORDS.fullmatch(piece))


def without_years(text: str) -> str:
    """A title without years and spans of years; 年 stays where it is a part of 年末."""
    year = rf"{_YEAR}\s*(?:年度|年(?!末|底))?"
    return re.sub(rf"[(（\[]?\s*{year}(?:\s*[-–—~～至到]\s*{year})?\s*[)）\]]?", " ", of_figures(text))


def cores(piece: str) -> list[str]:
    """A piece of a title, with fewer and fewer neutral words at its ends: 中国各城市GDP数据, …, GDP."""
    found = [piece]
    for text in found:
        for pattern in (_LEADING, _TRAILING):
            shorter = pattern.sub("", text, count=1)
            if shorter and shorter not in found and len(found) < 200:
                found.append(shorter)
    return found
