"""Statistics of whole regressions: sizes, R2, adjusted R2, F, nested and copied columns, mediation.

Adjusted R2 is 1 - (1 - R2) (n - 1) / (n - k - 1) (Theil 1961); F is (R2 / k) / ((1 - R2) / (n - k - 1)) with
k regressors beside the constant.
"""

from __future__ import annotations

import math
import re

from cbec.audit.coefficients import Printed, hides_regressors, is_constant, statistics
from cbec.audit.figures import Figure
from cbec.audit.finding import Finding, apart, finding
from cbec.audit.layout import Column, Layout
from cbec.audit.roles import NO_FLAGS, compact
from cbec.audit.rounding import SLACK, Interval, exact, shown

INSTRUMENTS = re.compile(r"2sls|\biv\b|工具变量|gmm|quantile|分位|两阶段|二阶段", re.IGNORECASE)
NONLINEAR = re.compile(
    r"logit|probit|tobit|poisson|泊松|cox|负二项|negative binomial|odds|优势比|门槛", re.IGNORECASE
)
WEIGHTED = re.compile(r"weighted|加权|wls|gls|fgls|随机效应|random effects?|\bre\b", re.IGNORECASE)
GROUPS = re.compile(
    r"东部?|中部?|西部?|东北|高组|低组|大型|中小|国有|非国有|民营|资源型|非资源型|沿海|内陆|\beast|\bwest|\bcentral|\bhigh\b|\blow\b|\blarge\b|"
    r"\bsmall\b|\bsoe|\burban\b|\brural\b|\bmale\b|\bfemale\b|\byoung|\bold\b|组$",
    re.IGNORECASE,
)
WHOLE = re.compile(r"全样本|总样本|全部|\bfull\b|\ball\b|\bwhole\b|\bpooled\b", re.IGNORECASE)
# Groups that are parts of one whole, each named once.
SPLITS = tuple(
    re.compile(text, re.IGNORECASE)
    for text in (
        r"东北|东部|中部|西部|\beast|\bcentral|\bmiddle|\bwest|\bnortheast",
        r"高|低|\bhigh\b|\blow\b",
        r"非国有|国有|民营|\bnon-?soe|\bsoe|\bprivate",
        r"沿海|内陆|\bcoastal|\binland",
        r"\burban\b|\brural\b|城镇|农村",
        r"\bmale\b|\bfemale\b|男性|女性",
        r"大型|中小型?|\blarge\b|\bsmall\b",
    )
)
TESTED = re.compile(
    r"组间|差异检验|chow|fisher|费舍尔|suest|interaction|交互项?|difference test|经验p值|permutation",
    re.IGNORECASE,
)
SHARES = ("r2", "adj_r2", "within", "between", "overall", "pseudo", "adj_within", "adj_overall")
# Controls that a note hides are rarely more than these.
MANY = 100
# Columns that are compared with each other.
MAX_COMPARED = 40


def audit_columns(layout: Layout) -> list[Finding]:
    found: list[Finding] = []
    printed = statistics(layout)
    for column in layout.columns:
        own = [p for p in printed if p.column is column]
        found += _size(layout, column)
        found += _r2(layout, column, own)
    if len(layout.columns) <= MAX_COMPARED:
        found += _nested(layout)
        found += _copied(layout)
        found += _mediation(layout)
        found += _groups(layout)
    found += _remarks(layout, printed)
    return found


def _groups(layout: Layout) -> list[Finding]:
    """Groups of one split that have more rows together than the whole beside them: they may overlap, or one
    of the numbers is wrong."""
    found = []
    sized = [(c, c.feet["n"]) for c in layout.columns if "n" in c.feet]
    whole = [(c, n) for c, n in sized if WHOLE.search(" ".join(c.heads))]
    for pattern in SPLITS:
        parts = [(c, n) for c, n in sized if pattern.search(" ".join(c.heads))]
        names = {tuple(pattern.findall(" ".join(c.heads))) for c, _ in parts}
        if len(whole) != 1 or not 2 <= len(parts) <= 5 or len(names) < len(parts):
            continue
        total = sum(n.value for _, n in parts)
        if total > whole[0][1].value:
            evidence = f"{' + '.join(shown(n.value) for _, n in parts)} > {shown(whole[0][1].value)}"
            used = [whole[0][1], *(n for _, n in parts)]
            found.append(
                finding("n_groups", "doubt", whole[0][0].label, used, evidence, n=used[0], sum=total)
            )
    return found


def _size(layout: Layout, column: Column) -> list[Finding]:
    n = column.feet.get("n")
    if n is None:
        return []
    if n.value <= 0 or (n.decimals and n.value != int(n.value)):
        evidence = f"{shown(n.value)} <= 0 or {shown(n.value)} <> floor({shown(n.value)})"
        return [finding("n_whole", "error", column.label, [n], evidence, n=n)]
    found = []
    units, years = column.feet.get("units"), column.feet.get("years")
    n_units = units.value if units else float(layout.note.units)
    n_years = years.value if years else float(layout.note.years)
    used = [f for f in (n, units, years) if f is not None]
    for name in ("units", "clusters"):
        part = column.feet.get(name)
        if part is not None and part.value > n.value:
            found.append(
                finding(
                    "n_parts",
                    "error",
                    column.label,
                    [n, part],
                    f"{shown(part.value)} > {shown(n.value)}",
                    n=n,
                    parts=part,
                )
            )
            return found
    if units is not None and n_years and n.value > n_units * n_years:
        evidence = f"{shown(n.value)} > {shown(n_units)} * {shown(n_years)}"
        how = "error" if years is not None or layout.note.years else "doubt"
        found.append(
            finding(
                "n_panel",
                how,
                column.label,
                used,
                evidence,
                n=n,
                units=n_units,
                years=n_years,
                product=n_units * n_years,
            )
        )
    elif n_units and n_years and layout.note.is_balanced and n.value != n_units * n_years:
        # Parts of the panel, and lags, are smaller; one column, or one beside those that are whole, is not.
        is_alone = len(layout.columns) == 1
        if (
            n.value > n_units * n_years
            or units is not None
            or is_alone
            or _mostly_whole(layout, n_units * n_years)
        ):
            evidence = f"{shown(n.value)} <> {shown(n_units)} * {shown(n_years)}"
            found.append(
                finding(
                    "n_panel",
                    "error",
                    column.label,
                    used,
                    evidence,
                    case="balanced",
                    n=n,
                    units=n_units,
                    years=n_years,
                    product=n_units * n_years,
                )
            )
    elif n_units and n_years and not layout.note.is_balanced and n.value > n_units * n_years:
        evidence = f"{shown(n.value)} > {shown(n_units)} * {shown(n_years)}"
        found.append(
            finding(
                "n_panel",
                "error",
                column.label,
                used,
                evidence,
                n=n,
                units=n_units,
                years=n_years,
                product=n_units * n_years,
            )
        )
    elif len(layout.note.sizes) == 1 and not layout.note.units:
        said = layout.note.sizes[0]
        sizes = {c.feet["n"].value for c in layout.columns if "n" in c.feet}
        others = [c.feet["n"].value for c in layout.columns if "n" in c.feet and c is not column]
        is_only = said not in sizes and len(sizes) == 1 and column is layout.columns[0]
        is_odd = n.value > said or (len(others) > 1 and all(o == said for o in others) and n.value != said)
        if is_only or is_odd:
            how = "error" if n.value > said else "doubt"
            found.append(
                finding("two_texts", how, column.label, [n], f"{shown(n.value)} <> {said}", n=n, said=said)
            )
    return found


def _mostly_whole(layout: Layout, product: float) -> bool:
    sizes = [c.feet["n"].value for c in layout.columns if "n" in c.feet]
    return sum(size == product for size in sizes) * 2 >= len(sizes)


def _share(f: Figure) -> Interval:
    return f.interval.scaled(0.01) if f.is_percent else f.interval


def _r2(layout: Layout, column: Column, own: list[Printed]) -> list[Finding]:
    found: list[Finding] = []
    feet = column.feet
    shares = [f for c in layout.columns for name, f in c.feet.items() if name in SHARES]
    is_percent = len(shares) > 1 and all(f.interval.low > 1 for f in shares)
    is_instrumented = bool(INSTRUMENTS.search(f"{layout.note.text} {column.label} {' '.join(column.flags)}"))
    for name in SHARES:
        f = feet.get(name)
        if f is None:
            continue
        share = _share(f)
        if is_percent and share.high <= 100:
            continue
        if share.low > 1 + SLACK or (
            share.high < 0
            and not is_instrumented
            and not name.startswith("adj")
            and name not in ("overall", "between")
        ):
            bad = f"{shown(share.low)} > 1" if share.low > 1 else f"{shown(share.high)} < 0"
            return [finding("r2_range", "error", column.label, [f], bad, r2=f)]
        if share.high < -1 and name.startswith("adj") and not is_instrumented:
            return [finding("r2_range", "doubt", column.label, [f], f"{shown(share.high)} < -1", r2=f)]
    f_value = feet.get("f")
    if f_value is not None and f_value.interval.high < 0:
        found.append(
            finding(
                "f_negative",
                "error",
                column.label,
                [f_value],
                f"{shown(f_value.interval.high)} < 0",
                f=f_value,
            )
        )
        return found
    if is_percent or is_instrumented or NONLINEAR.search(layout.note.text + column.label):
        return found
    return found + _adjusted(layout, column) + _f(layout, column, own) + _single(layout, column, own)


def _adjusted(layout: Layout, column: Column) -> list[Finding]:
    feet = column.feet
    for plain, adjusted in (("r2", "adj_r2"), ("within", "adj_within"), ("overall", "adj_overall")):
        r2, adj, n = feet.get(plain), feet.get(adjusted), feet.get("n")
        if r2 is None or adj is None:
            continue
        share, other = _share(r2), _share(adj)
        if share.is_below(other):
            return [
                finding(
                    "adj_r2",
                    "error",
                    column.label,
                    [r2, adj],
                    f"{shown(other.low)} > {shown(share.high)}",
                    case="above",
                    r2=r2,
                    adj=adj,
                )
            ]
        if n is None or n.value < 4 or plain != "r2" or share.high >= 1:
            continue
        size = n.value
        k = len([c for c in column.coefficients if not is_constant(c.label)])
        has_constant = any(is_constant(c.label) for c in column.coefficients)
        hides = hides_regressors(layout, column)
        if not k or size - k - 1 <= 0:
            continue
        ceiling = 1 - (1 - share.high) * (size - 1) / (size - k - 1)
        formula = f"1 - (1 - {shown(share.high)}) * ({shown(size)} - 1) / ({shown(size)} - {k} - 1.0)"
        if exact(ceiling).is_below(Interval(other.low, other.low)):
            return [
                finding(
                    "adj_r2",
                    "error",
                    column.label,
                    [r2, adj, n],
                    f"{shown(other.low)} > {formula}",
                    r2=r2,
                    adj=adj,
                    n=n,
                    k=k,
                    bound=ceiling,
                )
            ]
        most = k if not hides and has_constant else k + MANY if not _absorbs(column, layout) else size - 2
        if not has_constant and not column.flags:
            # Neither a constant nor a word of effects: they may have been absorbed.
            most = size - 2
        floor = 1 - (1 - share.low) * (size - 1) / max(size - most - 1, 0.5)
        if other.high < floor - SLACK and most < size - 2:
            formula = f"1 - (1 - {shown(share.low)}) * ({shown(size)} - 1) / ({shown(size)} - {most:g} - 1.0)"
            how = "error" if not hides and has_constant else "doubt"
            return [
                finding(
                    "adj_r2",
                    how,
                    column.label,
                    [r2, adj, n],
                    f"{shown(other.high)} < {formula}",
                    case="low",
                    r2=r2,
                    adj=adj,
                    n=n,
                    k=int(most),
                    bound=floor,
                )
            ]
    return []


def _absorbs(column: Column, layout: Layout) -> bool:
    yes = [label for label, text in column.flags.items() if not NO_FLAGS.fullmatch(text.strip())]
    pattern = re.compile(
        r"fe\b|effect|固定|个体|年份|时间|省|城市|行业|地区|year|city|firm|province|industry|unit|双向",
        re.IGNORECASE,
    )
    return any(pattern.search(label) for label in yes) or (
        not column.flags and bool(re.search(r"固定效应|fixed effect", layout.note.text.lower()))
    )


def _f(layout: Layout, column: Column, own: list[Printed]) -> list[Finding]:
    """F against R2 and n. Of robust errors it is another F: only what is said to be classical is judged."""
    feet = column.feet
    f_value, r2, n = feet.get("f"), feet.get("r2"), feet.get("n")
    slopes = [p for p in own if not is_constant(p.label)]
    has_constant = any(is_constant(p.label) for p in own)
    if f_value is None or hides_regressors(layout, column) or not slopes or not has_constant:
        return []
    if WEIGHTED.search(layout.note.text):
        return []
    by_r2 = _f_of(r2, n, len(slopes)) if r2 is not None and n is not None else None
    if by_r2 is not None and by_r2.meets(f_value.interval):
        return []
    if len(slopes) == 1 and slopes[0].magnitude is not None:
        size = slopes[0].magnitude
        square = size * size
        if square.meets(f_value.interval):
            return []
        used = [f for f in (slopes[0].b, slopes[0].se, slopes[0].t, f_value) if f is not None]
        return [
            finding(
                "f_statistic",
                "error" if layout.note.vcov == "classical" else "doubt",
                column.label,
                used,
                apart(square, f_value.interval),
                case="single",
                f=f_value,
                square=square,
            )
        ]
    if by_r2 is None or r2 is None or n is None:
        return []
    others = [c for c in layout.columns if c is not column and "f" in c.feet]
    agree = sum(_f_agrees(layout, c) for c in others)
    used = [f_value, r2, n]
    classical = layout.note.vcov == "classical"
    if layout.note.vcov in ("robust", "cluster", "hac", "bootstrap"):
        return []
    how = "error" if classical else "doubt" if agree and agree * 2 >= len(others) else "remark"
    return [
        finding(
            "f_statistic",
            how,
            column.label,
            used,
            apart(by_r2, f_value.interval),
            f=f_value,
            implied=by_r2,
            r2=r2,
            n=n,
            k=len(slopes),
        )
    ]


def _f_of(r2: Figure, n: Figure, k: int) -> Interval | None:
    share = _share(r2)
    rest = n.value - k - 1
    if rest <= 0 or share.low < 0 or share.low >= 1:
        return None
    high = math.inf if share.high >= 1 else share.high / k / ((1 - share.high) / rest)
    return Interval(share.low / k / ((1 - share.low) / rest), high)


def _f_agrees(layout: Layout, column: Column) -> bool:
    feet = column.feet
    slopes = [c for c in column.coefficients if not is_constant(c.label)]
    if not {"f", "r2", "n"} <= feet.keys() or not slopes or hides_regressors(layout, column):
        return False
    implied = _f_of(feet["r2"], feet["n"], len(slopes))
    return implied is not None and implied.meets(feet["f"].interval)


def _single(layout: Layout, column: Column, own: list[Printed]) -> list[Finding]:
    """t of a single regressor against R2 and n: t2 = R2 (n - 2) / (1 - R2) by classical errors."""
    r2, n = column.feet.get("r2"), column.feet.get("n")
    slopes = [p for p in own if not is_constant(p.label)]
    if r2 is None or n is None or len(slopes) != 1 or len(own) != 2 or hides_regressors(layout, column):
        return []
    size, share = slopes[0].magnitude, _share(r2)
    if size is None or WEIGHTED.search(layout.note.text) or n.value <= 3 or share.high >= 1 or share.high < 0:
        return []
    low = max(share.low, 0.0)
    implied = Interval(
        math.sqrt(low / (1 - low) * (n.value - 2)), math.sqrt(share.high / (1 - share.high) * (n.value - 2))
    )
    if implied.meets(size):
        return []
    used = [f for f in (slopes[0].b, slopes[0].se, slopes[0].t, r2, n) if f is not None]
    formula = f"sqrt({shown(low)} / (1 - {shown(low)}) * ({shown(n.value)} - 2))"
    top = f"sqrt({shown(share.high)} / (1 - {shown(share.high)}) * ({shown(n.value)} - 2))"
    evidence = f"{top} < {shown(size.low)}" if implied.high < size.low else f"{formula} > {shown(size.high)}"
    how = "error" if layout.note.vcov == "classical" else "remark"
    return [
        finding(
            "r2_t",
            how,
            column.label,
            used,
            evidence,
            size=size,
            implied=implied,
            r2=r2,
            n=n,
            case="classical" if how == "error" else "",
        )
    ]


def _same_outcome(first: Column, second: Column) -> bool:
    def outcome(column: Column) -> list[str]:
        return [
            h
            for h in column.heads
            if not re.fullmatch(r"[(（]?\s*\d{1,2}\s*[)）]?|模型\s*\S{1,2}|model\s*\S{1,2}", h.lower())
        ]

    return outcome(first) == outcome(second)


def _terms(column: Column) -> set[str]:
    yes = {label for label, text in column.flags.items() if not NO_FLAGS.fullmatch(text.strip())}
    return yes | {c.label for c in column.coefficients if not is_constant(c.label)}


def _nested(layout: Layout) -> list[Finding]:
    """R2 does not fall, and rows do not come, when regressors are added."""
    if INSTRUMENTS.search(layout.note.text) or NONLINEAR.search(layout.note.text):
        return []
    found = []
    for long in layout.columns:
        for short in layout.columns:
            if short is long or not _terms(short) < _terms(long) or not _terms(short):
                continue
            if not _same_outcome(short, long) or not short.feet.get("n") or not long.feet.get("n"):
                continue
            if any(INSTRUMENTS.search(" ".join((*c.heads, *c.flags))) for c in (short, long)):
                continue
            if short.feet["n"].value < long.feet["n"].value:
                used = [short.feet["n"], long.feet["n"]]
                found.append(
                    finding(
                        "n_rises", "remark", f"{short.label}; {long.label}", used, n=used[0], more=used[1]
                    )
                )
                continue
            if short.feet["n"].value != long.feet["n"].value:
                continue
            for name in ("r2", "overall", "pseudo"):
                a, b = short.feet.get(name), long.feet.get(name)
                if a is None or b is None or not _share(b).is_below(_share(a)):
                    continue
                if name == "r2" and _absorbs(long, layout) != _absorbs(short, layout):
                    # With effects absorbed R2 may be that within.
                    continue
                evidence = f"{shown(_share(b).high)} < {shown(_share(a).low)}"
                found.append(
                    finding(
                        "r2_nested", "doubt", f"{short.label}; {long.label}", [a, b], evidence, r2=a, less=b
                    )
                )
                break
    return found[:3]


def _copied(layout: Layout) -> list[Finding]:
    found = []
    for at, first in enumerate(layout.columns):
        for second in layout.columns[at + 1 :]:
            pairs = [(a, b) for a in first.coefficients for b in second.coefficients if a.label == b.label]
            if len(pairs) < 3 or any(a.b.text != b.b.text for a, b in pairs):
                continue
            if sum(bool(a.b.decimals >= 2 and a.b.value) for a, _ in pairs) < 3:
                continue
            same = all([f.text for _, f in a.beside] == [f.text for _, f in b.beside] for a, b in pairs)
            evidence = " and ".join(f"{shown(a.b.value)} = {shown(b.b.value)}" for a, b in pairs[:4])
            found.append(
                finding(
                    "copied",
                    "doubt" if same else "remark",
                    f"{first.label}; {second.label}",
                    [f for a, b in pairs[:4] for f in (a.b, b.b)],
                    evidence if same else "",
                    case="" if same else "errors",
                )
            )
    return found


def _mediation(layout: Layout) -> list[Finding]:
    """Total = direct + a b, of least squares on one sample (MacKinnon, Warsi and Dwyer 1995)."""
    if (
        NONLINEAR.search(layout.note.text)
        or INSTRUMENTS.search(layout.note.text)
        or WEIGHTED.search(layout.note.text)
    ):
        return []
    found = []
    columns = layout.columns
    for total in columns:
        for step in columns:
            for full in columns:
                if len({id(total), id(step), id(full)}) < 3:
                    continue
                outcome, mediator = _outcome(total), _outcome(step)
                if not outcome or not mediator or outcome == mediator or _outcome(full) != outcome:
                    continue
                by = {compact(c.label): c for c in full.coefficients}
                base = {compact(c.label): c for c in total.coefficients if not is_constant(c.label)}
                first = {compact(c.label): c for c in step.coefficients if not is_constant(c.label)}
                if mediator not in by or mediator in base or base.keys() != first.keys():
                    continue
                if {k for k in by if not is_constant(k)} != base.keys() | {mediator} or not base:
                    continue
                if total.flags != step.flags or total.flags != full.flags:
                    continue
                sizes = {c.feet["n"].value for c in (total, step, full) if "n" in c.feet}
                if len(sizes) != 1 or not all("n" in c.feet for c in (total, step, full)):
                    continue
                for name in base:
                    c, a, d, b = base[name].b, first[name].b, by[name].b, by[mediator].b
                    sums = d.interval + a.interval * b.interval
                    if not sums.meets(c.interval):
                        found.append(
                            finding(
                                "mediation",
                                "error",
                                f"{base[name].label}; {total.label}; {step.label}; {full.label}",
                                [c, a, d, b],
                                apart(sums, c.interval),
                                total=c,
                                a=a,
                                b=b,
                                direct=d,
                                sum=sums,
                            )
                        )
    # One wrong number of a mediator breaks the identity of every regressor.
    return found[:1]


def _outcome(column: Column) -> str:
    words = [h for h in column.heads if not re.fullmatch(r"[(（]?\s*\d{1,2}\s*[)）]?", h)]
    return compact(words[-1]) if words else ""


def _remarks(layout: Layout, printed: list[Printed]) -> list[Finding]:
    found = []
    if printed and not any("n" in c.feet for c in layout.columns):
        found.append(finding("lacks", "remark", "", [], what="{lack_n}"))
    if (
        printed
        and not any(p.se or p.t or p.p or p.low for p in printed)
        and not any(k.beside for c in layout.columns for k in c.coefficients)
    ):
        found.append(finding("lacks", "remark", "", [], what="{lack_errors}"))
    grouped = [c for c in layout.columns if any(GROUPS.search(h) for h in c.heads)]
    words = f"{layout.note.text} {' '.join(label for c in layout.columns for label in c.flags)}"
    tests = (
        any(c.has_other_tests for c in layout.columns)
        or TESTED.search(words)
        or any(re.search(r"[*×x]|交互", k.label) for c in layout.columns for k in c.coefficients)
    )
    if len(grouped) > 1 and printed and not tests:
        found.append(finding("untested", "remark", "; ".join(c.label for c in grouped[:3]), []))
    return found
