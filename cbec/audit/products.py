"""Tables of numbers that multiply or add up: productivity, effects, correlations, compositions.

Malmquist = efficiency change x technical change, efficiency change = pure x scale (Faere et al. 1994);
overall efficiency = pure x scale (Banker, Charnes and Cooper 1984).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from cbec.audit.figures import Figure
from cbec.audit.finding import Finding, apart, finding
from cbec.audit.inference import critical, p_range
from cbec.audit.layout import Layout, is_mean_row
from cbec.audit.legend import STANDARD
from cbec.audit.roles import TOTAL_ROW, compact, effect_of
from cbec.audit.rounding import SLACK, Interval, exact, shown

PRODUCTS = (
    ("efficiency_change", ("pure_change", "scale_change")),
    ("index", ("efficiency_change", "technical_change")),
    ("index", ("pure_change", "scale_change", "technical_change")),
    ("overall", ("pure", "scale")),
)
INDICES = ("index", "efficiency_change", "technical_change", "pure_change", "scale_change")
SCORES = ("overall", "pure", "scale")
SUPER = re.compile(r"super|超效率|sup-?sbm", re.IGNORECASE)
OUTPUT = re.compile(r"output[- ]oriented farrell|farrell output", re.IGNORECASE)
MEANS = re.compile(r"均值|平均|年均|\bmeans?\b|averages?", re.IGNORECASE)
YEAR = re.compile(r"(?:19|20)\d{2}(?:年|[-—](?:(?:19|20)\d{2}))?年?")
COUNTS = re.compile(
    r"(\d+)\s*(?:个|项|种)?\s*(?:投入|inputs?).{0,12}?(\d+)\s*(?:个|项|种)?\s*(?:产出|outputs?)",
    re.IGNORECASE,
)
ADDITIVE = re.compile(r"luenberger(?!.*malmquist)|加法|additive|指标\(li\)", re.IGNORECASE)


def audit_numbers(layout: Layout) -> list[Finding]:
    rules = {
        "productivity": _productivity,
        "effects": _effects,
        "correlation": _correlation,
        "composition": _composition,
    }
    return rules[layout.kind](layout) if layout.kind in rules else []


# Productivity --------------------------------------------------------------------------------------------


def _productivity(layout: Layout) -> list[Finding]:
    found: list[Finding] = []
    words = f"{layout.note.text} {' '.join(layout.grid.rows[0][:1])} {' '.join(layout.heads)}"
    bad: set[str] = set()
    at = {
        role: layout.roles.index(role) for role in set(layout.roles) if role and layout.roles.count(role) == 1
    }
    of_means = bool(MEANS.search(words))
    if not ADDITIVE.search(words):
        for label, row in layout.body:
            # Arithmetic means have no such product.
            one = None if is_mean_row(label) else _product(label, row, at, of_means=of_means)
            if one is not None:
                bad.add(label)
                found.append(one)
    found += _chain(layout, at)
    found += _mean_rows(layout, bad)
    found += _mean_columns(layout)
    is_bounded = not SUPER.search(words) and not OUTPUT.search(words)
    score_columns = [n for n, role in enumerate(layout.roles) if role in SCORES]
    if (
        not score_columns
        and not any(role in INDICES for role in layout.roles)
        and re.search(r"效率(?!变化|变动|指数)|efficien(?!cy change)", words, re.IGNORECASE)
        and not re.search(r"malmquist|指数|index|生产率|productivity", words, re.IGNORECASE)
    ):
        score_columns = [
            n
            for n, head in enumerate(layout.heads)
            if re.fullmatch(r"(?:19|20)\d{2}年?|均值|平均值?|mean", compact(head))
        ]
    for label, row in layout.body:
        for n in score_columns:
            score = row[n]
            if score is None:
                continue
            share = score.interval.scaled(0.01) if score.is_percent else score.interval
            if share.high < 0:
                found.append(
                    finding(
                        "efficiency",
                        "error",
                        f"{label}, {layout.heads[n]}",
                        [score],
                        f"{shown(share.high)} < 0",
                        case="negative",
                        value=score,
                    )
                )
            elif is_bounded and share.low > 1 + SLACK and label not in bad:
                found.append(
                    finding(
                        "efficiency",
                        "error",
                        f"{label}, {layout.heads[n]}",
                        [score],
                        f"{shown(share.low)} > 1",
                        value=score,
                    )
                )
    found += _jumps(layout, words)
    counts = COUNTS.search(layout.note.text)
    units = [label for label, _ in layout.body if not is_mean_row(label)]
    if counts and score_columns:
        n_variables = int(counts[1]) + int(counts[2])
        if len(units) < 3 * n_variables:
            found.append(finding("few_units", "remark", "", [], n=len(units), variables=n_variables))
    return found


def _product(
    label: str, row: Sequence[Figure | None], at: dict[str, int], *, of_means: bool
) -> Finding | None:
    """The first product of a row that does not hold; of means over years only a doubt."""
    for whole, parts in PRODUCTS:
        if whole not in at or any(part not in at for part in parts):
            continue
        if (len(parts) == 3 and "efficiency_change" in at) or (of_means and whole == "overall"):
            continue
        left, right = row[at[whole]], [row[at[part]] for part in parts]
        factors = [f for f in right if f is not None]
        if left is None or len(factors) < len(right):
            continue
        product = exact(1.0)
        for f in factors:
            product = product * f.interval
        if not product.meets(left.interval):
            names = " x ".join(f.shown for f in factors)
            how, used = "doubt" if of_means else "error", [left, *factors]
            evidence = apart(product, left.interval)
            return finding("product", how, label, used, evidence, whole=left, factors=names, implied=product)
    return None


def _jumps(layout: Layout, words: str) -> list[Finding]:
    """Cells of index numbers far from all others (Tukey 1977): mostly a leading digit or a point lost."""
    if not re.search(r"malmquist|指数|index|生产率|productivity|\bml\b|\bgml\b", words, re.IGNORECASE):
        return []
    columns = [
        n
        for n, role in enumerate(layout.roles)
        if role in INDICES or (not role and not any(r in INDICES for r in layout.roles))
    ]
    cells = [
        (f"{label}, {layout.heads[n]}", row[n])
        for label, row in layout.body
        for n in columns
        if not is_mean_row(label)
    ]
    values = sorted(f.value for _, f in cells if f is not None)
    if len(values) < 8:
        return []
    middle = values[len(values) // 2]
    if not 0.5 <= middle <= 2:
        return []
    found = []
    for where, f in cells:
        if f is not None and (f.interval.high < 0.3 * middle or f.interval.low > middle / 0.3):
            bad = f.interval.high < 0.3 * middle
            evidence = (
                f"{shown(f.interval.high)} < 0.3 * {shown(middle)}"
                if bad
                else f"{shown(f.interval.low)} > {shown(middle)} / 0.3"
            )
            found.append(finding("index_jump", "doubt", where, [f], evidence, value=f, middle=middle))
    return found


def _chain(layout: Layout, at: dict[str, int]) -> list[Finding]:
    """A cumulative index is the one before times the index of the year."""
    if "cumulative" not in at or "index" not in at:
        return []
    before: Figure | None = None
    for label, row in layout.body:
        now, index = row[at["cumulative"]], row[at["index"]]
        if is_mean_row(label):
            continue
        if before is not None and now is not None and index is not None:
            implied = before.interval * index.interval
            if not implied.meets(now.interval):
                return [
                    finding(
                        "chain",
                        "error",
                        label,
                        [before, index, now],
                        apart(implied, now.interval),
                        before=before,
                        index=index,
                        now=now,
                        implied=implied,
                    )
                ]
        before = now
    return []


def _mean_rows(layout: Layout, bad: set[str]) -> list[Finding]:
    """The row of means: geometric or arithmetic, of all rows above or of those since the mean before."""
    found = []
    since: list[list[Figure | None]] = []
    everything: list[list[Figure | None]] = []
    for label, row in layout.body:
        if not is_mean_row(label):
            since.append(row)
            everything.append(row)
            continue
        if len(since) > 1 and label not in bad:
            for n, f in enumerate(row):
                if f is None:
                    continue
                ranges = [r for rows in (since, everything) for r in _means([x[n] for x in rows])]
                if ranges and not any(r.meets(f.interval) for r in ranges):
                    is_arithmetic = min(ranges, key=lambda r: abs(r.low - f.value))
                    used = [f, *[x[n] for x in since[:6] if x[n] is not None]]
                    found.append(
                        finding(
                            "mean_row",
                            "error",
                            f"{label}, {layout.heads[n]}",
                            [u for u in used if u is not None],
                            apart(is_arithmetic, f.interval),
                            mean=f,
                            arithmetic=ranges[0],
                            geometric=ranges[1] if len(ranges) > 1 else "-",
                        )
                    )
        since = []
    # One wrong cell above makes every mean row odd: the last of a column says it.
    return found


def _mean_columns(layout: Layout) -> list[Finding]:
    """The column of means behind one of each year."""
    years = [n for n, head in enumerate(layout.heads) if YEAR.fullmatch(compact(head))]
    means = [n for n, head in enumerate(layout.heads) if is_mean_row(head)]
    if len(means) != 1 or len(years) < 2 or len(years) + 1 != len(layout.heads):
        return []
    found = []
    for label, row in layout.body:
        f = row[means[0]]
        ranges = _means([row[n] for n in years])
        if f is not None and ranges and not any(r.meets(f.interval) for r in ranges):
            used = [f, *[x for x in (row[n] for n in years[:6]) if x is not None]]
            geometric = ranges[1] if len(ranges) > 1 else "-"
            evidence = apart(min(ranges, key=lambda r: abs(r.low - f.value)), f.interval)
            found.append(
                finding(
                    "mean_row",
                    "error",
                    label,
                    used,
                    evidence,
                    mean=f,
                    arithmetic=ranges[0],
                    geometric=geometric,
                )
            )
    return found


def _means(column: Sequence[Figure | None]) -> list[Interval]:
    """Ranges of the arithmetic and the geometric mean."""
    values = [f.interval for f in column if f is not None]
    if len(values) < 2 or len(values) < len(column):
        return []
    n = len(values)
    found = [Interval(sum(v.low for v in values) / n, sum(v.high for v in values) / n)]
    if all(v.low > 0 for v in values):
        found.append(
            Interval(
                math.exp(sum(math.log(v.low) for v in values) / n),
                math.exp(sum(math.log(v.high) for v in values) / n),
            )
        )
    return found


# Effects -------------------------------------------------------------------------------------------------


def _effects(layout: Layout) -> list[Finding]:
    """Total, direct and indirect effects, by row or by column."""
    found: list[Finding] = []
    sets: list[tuple[str, dict[str, Figure]]] = []
    if sum(role in ("total", "direct", "indirect") for role in layout.roles) >= 2:
        for label, row in layout.body:
            own = {role: f for role, f in zip(layout.roles, row, strict=True) if role and f is not None}
            sets.append((label, own))
    else:
        for n, head in enumerate(layout.heads):
            own = {}
            for label, row in layout.body:
                role, f = effect_of(label), row[n]
                if role and f is not None:
                    own.setdefault(role, f)
            if len(own) > 1 and not re.search(
                r"标准误|\bse\b|std|\bt\b|p值|boot|llci|ulci|置信|下限|上限", head.lower()
            ):
                sets.append((head, own))
    indirect = [own["indirect"].interval for _, own in sets if "indirect" in own]
    together = Interval(sum(i.low for i in indirect), sum(i.high for i in indirect))
    totals = {own["total"].text for _, own in sets if "total" in own}
    for where, own in sets:
        if {"total", "direct", "indirect"} <= own.keys():
            total = own["direct"].interval + own["indirect"].interval
            all_of_them = own["direct"].interval + together
            if not total.meets(own["total"].interval) and not (
                len(totals) == 1 and len(sets) > 1 and all_of_them.meets(own["total"].interval)
            ):
                found.append(
                    finding(
                        "effects",
                        "error",
                        where,
                        [own["total"], own["direct"], own["indirect"]],
                        apart(total, own["total"].interval),
                        total=own["total"],
                        direct=own["direct"],
                        indirect=own["indirect"],
                        sum=total,
                    )
                )
                continue
        if {"total", "indirect", "share"} <= own.keys() and own["total"].value:
            ratio = own["indirect"].interval / own["total"].interval
            share = own["share"]
            as_units = share.interval.scaled(0.01) if share.is_percent else share.interval
            as_percent = share.interval.scaled(0.01)
            if not ratio.meets(as_units) and not ratio.meets(as_percent):
                found.append(
                    finding(
                        "effect_share",
                        "error",
                        where,
                        [own["indirect"], own["total"], share],
                        apart(ratio, as_percent if share.value > 1.5 or share.is_percent else as_units),
                        indirect=own["indirect"],
                        total=own["total"],
                        share=share,
                        implied=ratio,
                    )
                )
    shares = [own["share"] for _, own in sets if "share" in own]
    unit = 100.0 if any(f.is_percent or f.value > 1.5 for f in shares) else 1.0
    least = sum(max(0.0, f.interval.low) for f in shares)
    if len(shares) > 1 and least > unit and len(totals) <= 1 and not found:
        evidence = " + ".join(shown(max(0.0, f.interval.low)) for f in shares) + f" > {unit:g}"
        found.append(
            finding("effect_shares", "doubt", "", shares, evidence, sum=f"{least:g}", unit=f"{unit:g}")
        )
    return found


# Correlations --------------------------------------------------------------------------------------------


def _correlation(layout: Layout) -> list[Finding]:
    found: list[Finding] = []
    rows = layout.body
    n = layout.note.sizes[0] if len(layout.note.sizes) == 1 else 0
    legend = layout.note.stars or STANDARD
    has_stars = any(f is not None and f.marks for _, row in rows for f in row)
    for i, (label, row) in enumerate(rows):
        for j, f in enumerate(row):
            if f is None:
                continue
            where = f"{label}, {layout.heads[j]}"
            if f.interval.magnitude().low > 1 + SLACK:
                found.append(finding("correlation", "error", where, [f], f"abs({shown(f.value)}) > 1", r=f))
                continue
            other = rows[j][1][i] if j < len(rows) and i < len(rows[j][1]) and i > j else None
            if i == j and f.value != 1 and f.interval.high < 1:
                found.append(
                    finding(
                        "correlation", "error", where, [f], f"{shown(f.value)} <> 1", case="diagonal", r=f
                    )
                )
            elif (
                other is not None
                and not other.interval.meets(f.interval)
                and not re.search(r"spearman|上三角|下三角|upper|lower", layout.note.text.lower())
            ):
                found.append(
                    finding(
                        "correlation",
                        "error",
                        where,
                        [f, other],
                        apart(f.interval, other.interval),
                        case="symmetric",
                        r=f,
                        other=other,
                    )
                )
            elif n > 4 and has_stars and layout.note.stars and i != j:
                size = f.interval.magnitude()
                df = float(n - 2)
                t = Interval(*(r * math.sqrt(df / (1 - r * r)) for r in (size.low, min(size.high, 1 - 1e-9))))
                p = p_range(t, df)
                upper = legend.get(f.marks, 1.0) if f.marks else 1.0
                lower = max((level for level in legend.values() if level < upper), default=0.0)
                if f.marks and f.marks not in legend:
                    continue
                if p.low > upper or p.high < lower:
                    bound = critical(upper if p.low > upper else lower, df)
                    least = bound / math.sqrt(df + bound * bound)
                    evidence = (
                        f"{shown(size.high)} < {shown(least)}"
                        if p.low > upper
                        else f"{shown(size.low)} > {shown(least)}"
                    )
                    found.append(
                        finding(
                            "correlation",
                            "error",
                            where,
                            [f],
                            evidence,
                            case="stars",
                            r=f,
                            implied=p,
                            n=n,
                            bound=least,
                        )
                    )
    return found


# Compositions --------------------------------------------------------------------------------------------


def _composition(layout: Layout) -> list[Finding]:
    """Parts of a column against its total."""
    found = []
    totals = [n for n, (label, _) in enumerate(layout.body) if TOTAL_ROW.fullmatch(compact(label))]
    for n, head in enumerate(layout.heads):
        parts = [row[n] for at, (_, row) in enumerate(layout.body) if at not in totals]
        numbers = [f for f in parts if f is not None]
        is_share = bool(re.search(r"权重|占比|比重|构成|share|weight|percent|%|比例", head.lower()))
        for f in numbers:
            if is_share and (f.interval.low > 100 or f.interval.high < 0):
                bad = (
                    f"{shown(f.interval.low)} > 100"
                    if f.interval.low > 100
                    else f"{shown(f.interval.high)} < 0"
                )
                found.append(finding("share", "error", head, [f], bad, value=f))
        if len(numbers) < 2 or found:
            continue
        total = Interval(sum(f.interval.low for f in numbers), sum(f.interval.high for f in numbers))
        if (
            len(totals) == 1
            and totals[0] == len(layout.body) - 1
            and layout.body[totals[0]][1][n] is not None
        ):
            printed = layout.body[totals[0]][1][n]
            assert printed is not None
            if not total.meets(printed.interval) and len(numbers) == len(parts):
                found.append(
                    finding(
                        "sum",
                        "error",
                        head,
                        [printed, *numbers[:8]],
                        apart(total, printed.interval),
                        total=printed,
                        implied=total,
                    )
                )
        elif not totals and re.search(r"权重|weight", head.lower()) and len(numbers) == len(parts) >= 3:
            whole = [unit for unit in (1.0, 100.0) if total.meets(exact(unit))]
            near = [unit for unit in (1.0, 100.0) if abs((total.low + total.high) / 2 / unit - 1) < 0.25]
            if not whole and near:
                found.append(
                    finding(
                        "sum",
                        "doubt",
                        head,
                        numbers[:8],
                        apart(total, exact(near[0])),
                        case="weights",
                        total=f"{near[0]:g}",
                        implied=total,
                    )
                )
    return found
