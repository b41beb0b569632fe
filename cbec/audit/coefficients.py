"""Coefficients against their errors, t, p, stars and intervals (after statcheck, Nuijten et al. 2016)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from cbec.audit.figures import Figure
from cbec.audit.finding import Finding, finding
from cbec.audit.inference import INFINITE, LOOSE, critical, df_name, p_range
from cbec.audit.layout import Coefficient, Column, Layout
from cbec.audit.legend import ABSOLUTE, STANDARD, STANDARDIZED, STARS_ELSEWHERE
from cbec.audit.roles import CONSTANT, NO_FLAGS, compact
from cbec.audit.rounding import SLACK, Interval, exact, shown

LEGENDS: tuple[Mapping[str, float], ...] = (
    STANDARD,
    {"*": 0.01, "**": 0.05, "***": 0.1},
    {"***": 0.001, "**": 0.01, "*": 0.05},
    {"***": 0.001, "**": 0.01, "*": 0.05, "+": 0.1, "†": 0.1},
    {"**": 0.01, "*": 0.05},
)
FEW_SILENT = 20
BRACKETED = ("(", "[", "{", "<", "line")
HIDDEN = re.compile(r"控制变量|controls?\b|固定效应|fixed effects?|\bfe\b|双向固定|已控制", re.IGNORECASE)
# Intervals of percentiles are not symmetric, and shrunk or selected estimates have no such t.
PERCENTILE = re.compile(r"bootstrap|percentile|自助|自抽样|百分位|bayes|贝叶斯|posterior|后验", re.IGNORECASE)


@dataclass(frozen=True)
class Printed:
    """A coefficient with its numbers by what they are. marks: its stars, wherever they stand."""

    column: Column
    label: str
    b: Figure
    marks: str
    se: Figure | None = None
    t: Figure | None = None
    p: Figure | None = None
    low: Figure | None = None
    high: Figure | None = None
    is_ratio: bool = False
    level: float = 0.0

    def size(self, df: float) -> Interval | None:
        """Range of |t|: as `magnitude`, else by the interval, whose half is so many errors of t(df)."""
        own = self.magnitude
        if own is not None or self.low is None or self.high is None or not self.level or self.is_ratio:
            return own
        low, high = self.low.interval, self.high.interval
        width = clip((high - low).scaled(0.5), 0.0)
        if not (low + high).scaled(0.5).meets(self.b.interval) or width.high <= 0:
            return None
        return self.b.interval.magnitude().scaled(critical(1 - self.level, df)) / width

    @property
    def where(self) -> str:
        return f"{self.label}, {self.column.label}"

    @property
    def ratio(self) -> Interval | None:
        """Range of |b / se|."""
        if self.se is None or self.is_ratio:
            return None
        return self.b.interval.magnitude() / clip(self.se.interval, 0.0)

    @property
    def magnitude(self) -> Interval | None:
        """Range of |t| by what is printed: t itself, b / se, or what both allow."""
        own = self.t.interval.magnitude() if self.t is not None else None
        ratio = self.ratio
        if own is None or ratio is None:
            return own or ratio
        if not own.meets(ratio):
            return own
        return Interval(max(own.low, ratio.low), min(own.high, ratio.high))

    @property
    def used(self) -> list[Figure]:
        return [f for f in (self.b, self.se, self.t, self.p, self.low, self.high) if f is not None]


def clip(interval: Interval, low: float) -> Interval:
    return Interval(max(interval.low, low), max(interval.high, low))


@dataclass(frozen=True)
class Reading:
    """How a table is read: kinds of its brackets, its legend, and of each column the degrees of freedom."""

    kinds: Mapping[str, str]
    legend: Mapping[str, float]
    is_said: bool
    df: Mapping[int, float]
    is_one_sided: bool = False
    has_stars: bool = True
    may_have_few_clusters: bool = True


def audit_coefficients(layout: Layout) -> list[Finding]:
    """Every finding about coefficients, and what must be asked in `layout.questions`."""
    found: list[Finding] = []
    kinds = _kinds(layout, found)
    printed = _printed(layout, kinds)
    if not printed:
        return found
    stars = {p.marks for p in printed if p.marks}
    legend, is_said, is_whole = _legend(layout, printed, found)
    one_sided = layout.note.is_one_sided
    df = _degrees(layout, printed, legend, one_sided, found)
    knows_errors = layout.note.vcov == "classical" or any("clusters" in c.feet for c in layout.columns)
    reading = Reading(kinds, legend, is_said, df, one_sided, bool(stars), not knows_errors)
    is_whole = is_whole and not STARS_ELSEWHERE.search(layout.note.text)
    widths = _widths(layout, printed, df)
    is_absolute = _is_absolute(printed)
    if ABSOLUTE.search(layout.note.text) and any(p.t is not None for p in printed):
        # The note says it.
        is_absolute = True
    elif is_absolute:
        found.append(finding("t_sign", "remark", "", [], case="absolute"))
    wrong = [p for p in printed if p.t is not None and _is_opposed(p)]
    signed = [p for p in printed if p.t is not None and p.t.value]
    if len(wrong) >= 3 and all(p.t is not None and p.t.value < 0 for p in signed):
        # One cause: parentheses of all were read as a minus.
        used = [f for p in wrong[:3] for f in (p.b, p.t) if f is not None]
        evidence = " and ".join(
            f"({shown(p.b.value)}) * ({shown(p.t.value)}) < 0" for p in wrong[:3] if p.t is not None
        )
        found.append(finding("t_sign", "error", "", used, evidence, case="all", n=len(wrong)))
        is_absolute = True
    is_percentile = bool(PERCENTILE.search(layout.note.text))
    for item in printed:
        own = _conflict(item, reading, is_percentile, layout, widths, skips_stars=not is_whole)
        if not is_absolute and _is_opposed(item) and (own is None or own.rule == "stars"):
            assert item.t is not None
            evidence = f"({shown(item.b.value)}) * ({shown(item.t.value)}) < 0"
            found.append(
                finding("t_sign", "error", item.where, [item.b, item.t], evidence, b=item.b, t=item.t)
            )
        if own is not None:
            found.append(own)
    on_brackets = [f for c in layout.columns for k in c.coefficients for _, f in k.beside if f.marks]
    if on_brackets:
        found.append(finding("stars_place", "remark", "", on_brackets[:3], n=len(on_brackets)))
    return found


# What the brackets hold ----------------------------------------------------------------------------------


def _kinds(layout: Layout, found: list[Finding]) -> dict[str, str]:
    """The statistic in each kind of bracket; by the note, unless the numbers say otherwise."""
    note = layout.note
    slots = {
        slot for c in layout.columns for k in c.coefficients for slot, _ in k.beside if slot in BRACKETED
    }
    kinds: dict[str, str] = {}
    for slot in sorted(slots, key=BRACKETED.index):
        said = note.brackets.get(slot, "")
        if not said and "*" in note.brackets and note.brackets["*"] not in kinds.values():
            said = note.brackets["*"]
        if not said and slot == "line" and len(set(note.brackets.values())) == 1:
            said = next(iter(note.brackets.values()))
        pairs = [
            (k, f)
            for c in layout.columns
            for k in c.coefficients
            for s, f in k.beside
            if s == slot and not f.second
        ]
        wrong = {kind: _wrong(layout, pairs, kind) for kind in ("se", "t", "p")}
        scores = {kind: sum(one.weight for one in wrong[kind]) for kind in wrong}
        n = len(pairs)
        best = min(scores, key=lambda kind: scores[kind])
        if said in scores:
            if n >= 2 and scores[said] >= max(2, 0.5 * n) and scores[best] <= 0.1 * n:
                used = [f for one in wrong[said][:3] for f in (one.b, one.other)]
                found.append(
                    finding(
                        "bracket_kind",
                        "error",
                        "",
                        used,
                        " and ".join(f"({one.evidence})" for one in wrong[said][:3]),
                        said=f"{{kind_{said}}}",
                        fits=f"{{kind_{best}}}",
                        misfits=len(wrong[said]),
                        n=n,
                        misfits_other=len(wrong[best]),
                    )
                )
                kinds[slot] = best
            else:
                kinds[slot] = said
            continue
        if said == "ci" or not pairs:
            kinds[slot] = said or "ci"
            continue
        taken = set(kinds.values())
        ranked = sorted((score, kind) for kind, score in scores.items() if kind not in taken)
        if len(ranked) > 1 and ranked[0][0] + max(1, 0.15 * n) <= ranked[1][0] and ranked[0][0] <= 0.34 * n:
            kinds[slot] = ranked[0][1]
            if not note.brackets:
                layout.questions.append(("brackets", f"{slot}: {ranked[0][1]}"))
                found.append(finding("bracket_said", "remark", "", [], fits=f"{{kind_{ranked[0][1]}}}"))
        else:
            layout.questions.append(("brackets", f"{slot}: "))
    return kinds


@dataclass(frozen=True)
class _Wrong:
    """A pair that cannot be under a reading. weight: 0.5 where it might be a slip of sign."""

    b: Figure
    other: Figure
    evidence: str
    weight: float = 1.0


def _wrong(layout: Layout, pairs: Sequence[tuple[Coefficient, Figure]], kind: str) -> list[_Wrong]:
    """Pairs of a coefficient and what stands in brackets that cannot be, if this is what stands there; by the
    legend that leaves fewest."""
    has_stars = any(k.b.marks or f.marks for k, f in pairs)
    legends = [layout.note.stars, *LEGENDS[:3]] if layout.note.stars else list(LEGENDS)
    starred: list[list[_Wrong]] = [[] for _ in legends]
    found: list[_Wrong] = []
    for k, f in pairs:
        if kind == "se" and f.interval.high <= 0 and f.value < 0:
            found.append(_Wrong(k.b, f, f"{shown(f.value)} < 0"))
        elif kind == "p" and (f.interval.low > 1 or f.interval.high < 0):
            found.append(_Wrong(k.b, f, f"{shown(f.value)} not between 0 and 1"))
        elif kind == "t" and f.value * k.b.value < 0:
            text = f"({shown(f.value)}) * ({shown(k.b.value)}) < 0"
            found.append(_Wrong(k.b, f, text, 0.5 if f.value > 0 else 1.0))
        elif has_stars and not (k.is_ratio and kind == "se"):
            for legend, wrong in zip(legends, starred, strict=True):
                p = clip(f.interval, 0.0) if kind == "p" else None
                size = (
                    f.interval.magnitude()
                    if kind == "t"
                    else k.b.interval.magnitude() / clip(f.interval, 0.0)
                )
                text = _no_star(legend, k.b.marks or f.marks, size, p, (INFINITE, 30, 10))
                if text:
                    wrong.append(_Wrong(k.b, f, text))
    return found + min(starred, key=len)


def _no_star(
    legend: Mapping[str, float], marks: str, size: Interval | None, p: Interval | None, dfs: Sequence[float]
) -> str:
    """Arithmetic by which no p, or p of no |t|, in a range has these stars; '' where one has."""
    upper = legend.get(marks, 1.0) if marks else 1.0
    lower = max((level for level in legend.values() if level < upper), default=0.0)
    if p is not None:
        if _allows(legend, marks, p):
            return ""
        return f"{shown(p.low)} > {upper:g}" if p.low > upper else f"{shown(p.high)} < {lower:g}"
    if size is None or any(_allows(legend, marks, p_range(size, df)) for df in dfs):
        return ""
    # The bound that is nearest of all degrees of freedom, in each direction.
    few = [critical(upper, df) for df in dfs if p_range(size, df).low > upper]
    many = [critical(lower, df) for df in dfs if p_range(size, df).low <= upper]
    parts = [f"{shown(size.high)} < {shown(min(few))}"] if few else []
    return " and ".join([*parts, f"{shown(size.low)} > {shown(max(many))}"] if many else parts)


def _printed(layout: Layout, kinds: Mapping[str, str]) -> list[Printed]:
    found = []
    # Of an interval of percentiles no error follows.
    level = 0.0 if PERCENTILE.search(layout.note.text) else layout.note.level or 0.95
    for column in layout.columns:
        for k in column.coefficients:
            by: dict[str, Figure] = {}
            for slot, f in k.beside:
                kind = kinds.get(slot, "") if slot in BRACKETED else slot
                if kind == "ci" or (slot == "ci"):
                    if f.second is not None:
                        by.setdefault("ci_low", replace(f, second=None, bracket=""))
                        by.setdefault("ci_high", f.second)
                elif kind:
                    by.setdefault(kind, f)
            # Of a standardized coefficient beside the error of the raw one no t follows.
            is_raw_error = "se" in by and "t" not in by and bool(STANDARDIZED.search(layout.note.text))
            marks = k.b.marks or next((f.marks for _, f in k.beside if f.marks), "")
            found.append(
                Printed(
                    column,
                    k.label,
                    k.b,
                    marks,
                    by.get("se"),
                    by.get("t"),
                    by.get("p"),
                    by.get("ci_low"),
                    by.get("ci_high"),
                    k.is_ratio or is_raw_error,
                    level,
                )
            )
    return found


def _is_absolute(printed: Sequence[Printed]) -> bool:
    """Several negative coefficients, and no negative t: |t| is printed."""
    negative = [p for p in printed if p.t is not None and p.b.interval.high < 0]
    return len(negative) >= 2 and all(p.t is not None and p.t.value >= 0 for p in negative)


def _is_opposed(item: Printed) -> bool:
    """Whether t has the other sign than its coefficient, whatever was rounded away."""
    b, t = item.b, item.t
    if t is None or item.is_ratio:
        return False
    return b.interval.low > 0 > t.interval.high or b.interval.high < 0 < t.interval.low


# Stars ---------------------------------------------------------------------------------------------------


def _allows(legend: Mapping[str, float], marks: str, p: Interval) -> bool:
    """Whether a range of p holds one that these stars mean; marks that the legend has not are never wrong."""
    if marks:
        if marks not in legend:
            return True
        upper = legend[marks]
        lower = max((level for level in legend.values() if level < upper), default=0.0)
    else:
        upper, lower = 1.0, max(legend.values(), default=1.0)
    return p.low <= upper * (1 + SLACK) and p.high >= lower * (1 - SLACK)


def _p_of(item: Printed, df: float, *, is_one_sided: bool = False) -> Interval | None:
    """Range of p: as printed, else from t."""
    if item.p is not None:
        return clip(item.p.interval, 0.0)
    size = item.size(df)
    if size is None:
        return None
    return p_range(size, df).scaled(0.5 if is_one_sided else 1.0)


def _misfits(
    printed: Sequence[Printed], legend: Mapping[str, float], dfs: Sequence[float], *, is_one_sided: bool
) -> int:
    """Cells whose stars no p allows, by the degrees of freedom that leave fewest."""
    best = len(printed) + 1
    for df in dfs:
        n = 0
        for item in printed:
            p = _p_of(item, df, is_one_sided=is_one_sided)
            n += p is not None and not _allows(legend, item.marks, p)
        best = min(best, n)
    return best


def _legend(
    layout: Layout, printed: Sequence[Printed], found: list[Finding]
) -> tuple[Mapping[str, float], bool, bool]:
    """What the stars mean; whether the note says so; whether stars can be judged at all."""
    note = layout.note
    marks = {p.marks for p in printed if p.marks}
    judged = [p for p in printed if _p_of(p, INFINITE) is not None]
    if not marks or not judged:
        return note.stars or STANDARD, bool(note.stars), bool(marks)
    dfs = (INFINITE, 60, 30, 20, 15, 10)
    one_sided = note.is_one_sided

    def count(legend: Mapping[str, float]) -> int:
        return _misfits(judged, legend, dfs, is_one_sided=one_sided)

    if note.stars:
        unknown = sorted(marks - set(note.stars))
        if unknown:
            cells = [p.b for p in printed if p.marks in unknown]
            found.append(finding("legend_lacks", "remark", "", cells[:3], marks=" ".join(unknown)))
        own = count(note.stars)
        others = [
            (count(legend), n)
            for n, legend in enumerate(LEGENDS)
            if dict(legend) != dict(note.stars) and marks <= set(legend)
        ]
        if others and own:
            least, n = min(others)
            n_marked = sum(bool(p.marks) for p in judged)
            is_plain = note.is_reversed and LEGENDS[n] is STANDARD and least == 0
            if (is_plain and own >= 1) or (own >= 2 and own >= 0.5 * n_marked and least <= 0.1 * own):
                other = LEGENDS[n]
                texts = [
                    (
                        p,
                        _no_star(
                            note.stars,
                            p.marks,
                            None if p.p else p.size(INFINITE),
                            _p_of(p, INFINITE) if p.p else None,
                            dfs,
                        ),
                    )
                    for p in judged
                ]
                wrong = [(p, text) for p, text in texts if text]
                found.append(
                    finding(
                        "star_legend",
                        "error",
                        "",
                        [f for p, _ in wrong[:3] for f in p.used],
                        " and ".join(f"({text})" for _, text in wrong[:3]),
                        said=_spelt(note.stars),
                        fits=_spelt(other),
                        misfits=own,
                        misfits_other=least,
                        n=len(judged),
                    )
                )
                return other, True, True
        if note.is_reversed and own <= 0.25 * len(judged):
            found.append(finding("legend_unusual", "remark", "", [], said=_spelt(note.stars)))
        return note.stars, True, True
    ranked = sorted((count(legend), n) for n, legend in enumerate(LEGENDS) if n != 1 and marks <= set(legend))
    layout.questions.append(("stars", _spelt(LEGENDS[ranked[0][1]]) if ranked else ""))
    found.append(finding("legend_said", "remark", "", [p.b for p in printed if p.marks][:2]))
    if not ranked:
        return {}, False, False
    return LEGENDS[ranked[0][1]], False, True


def _spelt(legend: Mapping[str, float]) -> str:
    return ", ".join(f"{mark} {level:g}" for mark, level in sorted(legend.items(), key=lambda item: item[1]))


# Degrees of freedom --------------------------------------------------------------------------------------


def hides_regressors(layout: Layout, column: Column) -> bool:
    """Whether a column has regressors that it does not list."""
    yes = [label for label, text in column.flags.items() if not NO_FLAGS.fullmatch(text.strip())]
    return bool(yes) or bool(HIDDEN.search(layout.note.text))


def _strict(layout: Layout, column: Column) -> list[float]:
    """Degrees of freedom that a column's own numbers allow."""
    found: list[float] = [INFINITE]
    size = column.feet.get("n")
    clusters = column.feet.get("clusters") or (
        column.feet.get("units") if layout.note.vcov == "cluster" else None
    )
    if clusters is not None and clusters.value > 2:
        found += [clusters.value - 1]
    if size is not None and size.value > 3:
        n, k = int(size.value), len(column.coefficients)
        if n <= 400:
            least = max(1, n // 3) if hides_regressors(layout, column) else max(1, n - k - 2)
            found += [float(df) for df in range(least, max(least, n - k + 1) + 1)]
        else:
            found.append(float(n - k))
    return found


def _tests(item: Printed, df: float, legend: Mapping[str, float], has_stars: bool, one_sided: bool) -> int:
    """How many of a coefficient's numbers disagree under these degrees of freedom; none of one whose t is
    not b / se, which tells nothing of them."""
    if item.t is not None and item.ratio is not None and not item.ratio.meets(item.t.interval.magnitude()):
        return 0
    n = 0
    size = item.magnitude
    half = 0.5 if one_sided else 1.0
    if size is not None and item.p is not None:
        n += not p_range(size, df).scaled(half).meets(clip(item.p.interval, 0.0))
    p = _p_of(item, df, is_one_sided=one_sided)
    if p is not None and has_stars:
        n += not _allows(legend, item.marks, p)
    return n


def _degrees(
    layout: Layout,
    printed: Sequence[Printed],
    legend: Mapping[str, float],
    one_sided: bool,
    found: list[Finding],
) -> dict[int, float]:
    """Degrees of freedom of each column: those of its numbers, or of few clusters where these explain more.

    Of a table whose note speaks of clusters and prints no number of them, any number from six on may be
    meant, the same for all columns.
    """
    has_stars = any(p.marks for p in printed)
    chosen: dict[int, float] = {}
    total = 0
    for column in layout.columns:
        own = [p for p in printed if p.column is column]
        scores = [
            (sum(_tests(p, df, legend, has_stars, one_sided) for p in own), -df)
            for df in _strict(layout, column)
        ]
        least, df = min(scores)
        chosen[id(column)] = -df
        total += least
    if not total or layout.note.vcov == "classical":
        return chosen
    by_df = {
        df: [
            sum(_tests(p, df, legend, has_stars, one_sided) for p in printed if p.column is column)
            for column in layout.columns
        ]
        for df in LOOSE
    }
    knows_clusters = any("clusters" in c.feet for c in layout.columns)
    is_free = layout.note.vcov == "cluster" and not knows_clusters
    # One number of clusters for the table; a column may have used the normal all the same.
    scores = [
        (sum(map(min, counts, by_df[INFINITE])) if is_free else sum(counts), -df)
        for df, counts in by_df.items()
    ]
    least, negative = min(scores)
    few = -negative
    # A note that is silent may leave out some thirty clusters, of which one cell alone tells little.
    is_silent = not layout.note.vcov and not knows_clusters and least == 0 and few >= FEW_SILENT
    if least < total and (is_free or is_silent or total - least >= 2):
        found.append(finding("implied_df", "remark", "", [], df=f"{few:g}", n=total - least))
        for column, count, normal in zip(layout.columns, by_df[few], by_df[INFINITE], strict=True):
            chosen[id(column)] = few if count <= normal or not is_free else INFINITE
    return chosen


# One coefficient -----------------------------------------------------------------------------------------


def _conflict(
    item: Printed,
    reading: Reading,
    is_percentile: bool,
    layout: Layout,
    widths: Mapping[int, list[Interval]],
    *,
    skips_stars: bool,
) -> Finding | None:
    """The first thing that cannot be about a coefficient, with all that follows from it left out."""
    b, se, t, p = item.b, item.se, item.t, item.p
    df = reading.df.get(id(item.column), INFINITE)
    name = df_name(df)
    if se is not None and se.interval.high < 0:
        return finding("se_negative", "error", item.where, [se], f"{shown(se.interval.high)} < 0", se=se)
    if p is not None and (p.interval.low > 1 + SLACK or p.interval.high < 0):
        return finding(
            "p_range",
            "error",
            item.where,
            [p],
            f"{shown(p.value)} not between 0 and 1",
            p=p,
            range=p.interval,
        )
    ratio = item.ratio
    if t is not None and ratio is not None and not ratio.meets(t.interval.magnitude()):
        own = t.interval.magnitude()
        evidence = (
            f"{_top(b)} / {shown(max(se.interval.low, 0))} < {shown(own.low)}"
            if ratio.high < own.low and se is not None
            else f"{_bottom(b)} / {shown(se.interval.high if se else 0)} > {shown(own.high)}"
        )
        return finding(
            "t_ratio",
            "error",
            item.where,
            [b, *([se] if se else []), t],
            evidence,
            b=b,
            se=se,
            t=t,
            ratio=ratio,
            printed=own,
        )
    interval = _interval_conflict(item, widths[id(item.column)], is_percentile, layout)
    if interval is not None:
        return interval
    half = 0.5 if reading.is_one_sided else 1.0
    size = item.magnitude
    if size is not None and p is not None:
        implied = p_range(size, df).scaled(half)
        if not implied.meets(clip(p.interval, 0.0)):
            other = p_range(size, INFINITE).scaled(half)
            # A p below that of the normal is below that of every t distribution.
            is_sure = p.interval.high < other.low or not any(
                p_range(size, d).scaled(half).meets(clip(p.interval, 0.0)) for d in (3, 4, *LOOSE)
            )
            alpha = p.interval.high if p.interval.high < implied.low else max(p.interval.low, 1e-12)
            bound = critical(min(alpha / half, 1.0), df)
            evidence = (
                f"{shown(size.high)} < {shown(bound)}"
                if p.interval.high < implied.low
                else f"{shown(size.low)} > {shown(bound)}"
            )
            return finding(
                "p_value",
                "error" if is_sure else "doubt",
                item.where,
                [*([t] if t else [b, *([se] if se else [])]), p],
                evidence,
                size=size,
                implied=implied,
                p=p,
                df=name,
                bound=bound,
            )
    if skips_stars or not reading.has_stars:
        return None
    return _star_conflict(item, reading, df)


def _star_conflict(item: Printed, reading: Reading, df: float) -> Finding | None:
    p = _p_of(item, df, is_one_sided=reading.is_one_sided)
    legend = reading.legend
    if p is None or not legend or _allows(legend, item.marks, p):
        return None
    upper = legend[item.marks] if item.marks else 1.0
    lower = max((level for level in legend.values() if level < upper), default=0.0)
    is_too_many = p.low > upper
    level = upper if is_too_many else lower
    ends = [] if item.se or item.t or item.p else [item.low, item.high]
    used = [item.b, *[f for f in (item.se, item.t, item.p, *ends) if f is not None]]
    common: dict[str, object] = {
        "marks": item.marks or "{none}",
        "should": _stars_for(legend, p),
        "b": item.b,
        "alpha": f"{level:g}",
        "legend": _spelt(legend),
    }
    how = "error" if reading.is_said else "doubt"
    if item.p is not None:
        end = item.p.interval.low if is_too_many else item.p.interval.high
        evidence = f"{shown(end)} {'>' if is_too_many else '<'} {shown(level)}"
        return finding("stars", how, item.where, used, evidence, case="p", p=item.p, **common)
    size = item.size(df)
    assert size is not None
    bound = critical(level * (2 if reading.is_one_sided else 1), df)
    if not is_too_many and how == "error":
        # Fewer stars than t would carry: few degrees of freedom might explain it.
        few = [d for d in LOOSE if _allows(legend, item.marks, p_range(size, d))]
        how = "doubt" if few and reading.may_have_few_clusters else how
    evidence = (
        f"{shown(size.high)} < {shown(bound)}" if is_too_many else f"{shown(size.low)} > {shown(bound)}"
    )
    common |= {"size": size, "bound": bound, "df": df_name(df), "implied": p}
    return finding("stars", how, item.where, used, evidence, case="", **common)


def _stars_for(legend: Mapping[str, float], p: Interval) -> str:
    """The stars of a p in the middle of its range."""
    middle = (p.low + p.high) / 2
    held = [(level, mark) for mark, level in legend.items() if middle < level]
    return min(held)[1] if held else "{none}"


def _interval_conflict(
    item: Printed, widths: list[Interval], is_percentile: bool, layout: Layout
) -> Finding | None:
    """An interval against its coefficient and error: b inside, in the middle, so many errors wide."""
    low, high, b = item.low, item.high, item.b
    if low is None or high is None:
        return None
    used = [b, low, high]
    if low.interval.low > high.interval.high:
        return finding(
            "ci_order",
            "error",
            item.where,
            [low, high],
            f"{shown(low.interval.low)} > {shown(high.interval.high)}",
            low=low,
            high=high,
        )
    if b.interval.high < low.interval.low or b.interval.low > high.interval.high:
        evidence = (
            f"{shown(b.interval.high)} < {shown(low.interval.low)}"
            if b.interval.high < low.interval.low
            else f"{shown(b.interval.low)} > {shown(high.interval.high)}"
        )
        return finding("ci_contains", "error", item.where, used, evidence, b=b, low=low, high=high)
    if is_percentile:
        return None
    middle = (low.interval + high.interval).scaled(0.5)
    is_log = (
        low.interval.high > 0
        and (item.is_ratio or low.value > 0)
        and Interval(
            math.sqrt(max(low.interval.low, 0) * high.interval.low),
            math.sqrt(low.interval.high * high.interval.high),
        ).meets(b.interval)
    )
    if not middle.meets(b.interval):
        if is_log or item.is_ratio:
            return None
        evidence = (
            f"({shown(low.interval.high)} + {shown(high.interval.high)}) / 2 < {shown(b.interval.low)}"
            if middle.high < b.interval.low
            else f"({shown(low.interval.low)} + {shown(high.interval.low)}) / 2 > {shown(b.interval.high)}"
        )
        return finding(
            "ci_middle", "error", item.where, used, evidence, b=b, low=low, high=high, middle=middle
        )
    if item.se is None or item.is_ratio:
        return None
    factor = _factor(item)
    if not any(factor.meets(allowed) for allowed in widths):
        allowed = widths[0]
        is_narrow = factor.high < allowed.low
        limit = allowed.low if is_narrow else allowed.high
        evidence = (
            f"{shown(factor.high)} < {shown(limit)}" if is_narrow else f"{shown(factor.low)} > {shown(limit)}"
        )
        return finding(
            "ci_width",
            "error",
            item.where,
            [*used, item.se],
            evidence,
            low=low,
            high=high,
            se=item.se,
            factor=factor,
            bound=limit,
            confidence=f"{layout.note.level or 0.95:.0%}",
        )
    return None


def _widths(layout: Layout, printed: Sequence[Printed], df: Mapping[int, float]) -> dict[int, list[Interval]]:
    """Critical values that intervals of each column may be built with, by level of confidence, the first as
    the note says or 95 %.

    Degrees of freedom of a column are one number, which its other intervals tell: what three of them and most
    agree on, the others have to meet. Otherwise any number from four on is thinkable, unless the note calls
    the errors classical.
    """
    found: dict[int, list[Interval]] = {}
    said = layout.note.level
    for column in layout.columns:
        own = [p for p in printed if p.column is column and p.se and p.low and p.high and not p.is_ratio]
        factors = [_factor(p) for p in own]
        fewest = 4.0
        if layout.note.vcov == "classical" and "n" in column.feet:
            fewest = min(*_strict(layout, column), df.get(id(column), INFINITE))
        windows, agreed = [], []
        for level in [said] if said else [0.95, 0.9, 0.99]:
            window = Interval(critical(1 - level, INFINITE), critical(1 - level, fewest))
            ends = {c for f in factors for c in (f.low, f.high) if window.low <= c <= window.high}
            counts = {c: sum(f.meets(exact(c)) for f in factors) for c in (window.low, window.high, *ends)}
            most = max(counts.values())
            if most >= 3 and most > len(factors) / 2:
                best = [c for c, n in counts.items() if n == most]
                agreed.append(Interval(min(best), max(best)))
            windows.append(window)
        found[id(column)] = agreed or windows
    return found


def _factor(item: Printed) -> Interval:
    """Half of an interval over its error."""
    assert item.se is not None and item.low is not None and item.high is not None
    return clip((item.high.interval - item.low.interval).scaled(0.5), 0.0) / clip(item.se.interval, 0.0)


def _top(b: Figure) -> str:
    return shown(b.interval.magnitude().high)


def _bottom(b: Figure) -> str:
    return shown(b.interval.magnitude().low)


def is_constant(label: str) -> bool:
    return bool(CONSTANT.fullmatch(compact(label)))


def statistics(layout: Layout) -> list[Printed]:
    """Coefficients with their numbers by kind, for rules of whole columns."""
    asked = list(layout.questions)
    found = _printed(layout, _kinds(layout, []))
    layout.questions[:] = asked
    return found
