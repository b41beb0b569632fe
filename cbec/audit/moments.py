"""Descriptive tables: mean, standard deviation and extremes against each other and against n.

Bounds of the standard deviation: above by Bhatia and Davis (2000), sqrt((max - mean)(mean - min) n / (n -
1)), without a mean by Popoviciu (1935), (max - min) / 2, sharpened for odd n; below by Samuelson (1968), each
extreme being one of n values. A 0/1 variable has sqrt(p (1 - p) n / (n - 1)). Means of whole numbers are
multiples of 1 / n (GRIM, Brown and Heathers 2017). The mean of logs is at most the log of the mean (Jensen
1906).
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from cbec.audit.figures import Figure
from cbec.audit.finding import Finding, apart, finding
from cbec.audit.layout import Layout, Variable
from cbec.audit.roles import BINARY, BINARY_NAME, COUNT, LOGARITHM, NO_PART, ORDERED, SCALED, SHARE, compact
from cbec.audit.rounding import SLACK, Interval, exact, shown

# Rows that a table surely has, where it does not say how many.
FEW_ROWS = 8.0
# More rows than any table of this field rests on.
MANY_ROWS = 1e6


def audit_moments(layout: Layout) -> list[Finding]:
    found: list[Finding] = []
    seen: set[tuple[str, str]] = set()
    for variable in layout.variables:
        size = variable.moments.get("n")
        if size is not None:
            found += _size(layout, variable, size)
        one = _variable(layout, variable)
        if one is not None:
            found.append(one)
            seen.add((variable.group, variable.label))
    sound = [v for v in layout.variables if (v.group, v.label) not in seen]
    found += _logs(sound)
    found += _groups(layout, sound)
    if layout.variables and not any("n" in v.moments for v in layout.variables) and not layout.note.sizes:
        found.append(finding("lacks", "remark", "", [], what="{lack_n}"))
    return found


def _n(layout: Layout, variable: Variable) -> float:
    """Number of rows, 0 where it is not printed."""
    own = variable.moments.get("n")
    if own is not None:
        return own.value if own.value >= 1 and own.value == int(own.value) else 0.0
    if len(layout.note.sizes) == 1:
        return float(layout.note.sizes[0])
    if layout.note.units and layout.note.years and layout.note.is_balanced:
        return float(layout.note.units * layout.note.years)
    return 0.0


def _size(layout: Layout, variable: Variable, n: Figure) -> list[Finding]:
    if n.value < 0 or n.value != int(n.value):
        evidence = f"{shown(n.value)} < 0 or {shown(n.value)} <> floor({shown(n.value)})"
        return [finding("n_whole", "error", variable.label, [n], evidence, n=n)]
    note = layout.note
    if note.units and note.years and not variable.group:
        product = note.units * note.years
        if n.value > product or (note.is_balanced and n.value != product):
            sign = ">" if n.value > product else "<>"
            evidence = f"{shown(n.value)} {sign} {note.units} * {note.years}"
            return [
                finding(
                    "n_panel",
                    "error",
                    variable.label,
                    [n],
                    evidence,
                    case="balanced" if sign == "<>" else "",
                    n=n,
                    units=note.units,
                    years=note.years,
                    product=product,
                )
            ]
    elif len(note.sizes) == 1 and not variable.group:
        said = note.sizes[0]
        others = [v.moments["n"].value for v in layout.variables if v is not variable and "n" in v.moments]
        if n.value > said or (len(others) > 1 and all(o == said for o in others) and n.value != said):
            how = "error" if n.value > said else "doubt"
            return [
                finding("two_texts", how, variable.label, [n], f"{shown(n.value)} <> {said}", n=n, said=said)
            ]
    return []


def is_binary(variable: Variable) -> bool:
    """Whether a variable is said to be 0 or 1: by its definition, or by the name that such have."""
    low, high = variable.moments.get("min"), variable.moments.get("max")
    if low is not None and (low.value != 0 or not low.interval.low <= 0 <= low.interval.high):
        return False
    if high is not None and high.value != 1:
        return False
    name = compact(re.split(r"[(（]", variable.label)[0])
    return bool(BINARY.search(variable.text)) or bool(BINARY_NAME.fullmatch(name) and low and high)


def _variable(layout: Layout, variable: Variable) -> Finding | None:
    """The first thing that cannot be about a row."""
    m = _in_one_unit(variable.moments)
    where = variable.label + (f", {variable.group}" if variable.group else "")
    mean, sd, low, high = m.get("mean"), m.get("sd"), m.get("min"), m.get("max")
    n = _n(layout, variable)
    if sd is not None and sd.interval.high < 0:
        return finding("sd_negative", "error", where, [sd], f"{shown(sd.interval.high)} < 0", sd=sd)
    order = [(name, m[name]) for name in ORDERED if name in m]
    for at, (_, smaller) in enumerate(order):
        for _, larger in order[at + 1 :]:
            if larger.interval.is_below(smaller.interval):
                evidence = f"{shown(smaller.interval.low)} > {shown(larger.interval.high)}"
                return finding(
                    "order", "error", where, [smaller, larger], evidence, smaller=smaller, larger=larger
                )
    if mean is not None:
        for end, is_low in ((low, True), (high, False)):
            if end is None:
                continue
            if (mean.interval.is_below(end.interval)) if is_low else (end.interval.is_below(mean.interval)):
                evidence = (
                    f"{shown(mean.interval.high)} < {shown(end.interval.low)}"
                    if is_low
                    else f"{shown(mean.interval.low)} > {shown(end.interval.high)}"
                )
                used = [mean, *[f for f in (low, high) if f is not None]]
                return finding(
                    "mean_in_range",
                    "error",
                    where,
                    used,
                    evidence,
                    mean=mean,
                    end=end,
                    exchanged=_exchanged(layout, variable),
                )
    shares = _share(variable, where)
    if shares is not None:
        return shares
    if sd is not None and is_binary(variable) and mean is not None:
        one = _binary(where, mean, sd, n)
        if one is not None:
            return one
    if sd is not None and (low is not None or high is not None):
        one = _sd(where, mean, sd, low, high, n)
        if one is not None:
            return one
    if mean is not None and sd is not None:
        one = _half(where, mean, m, n)
        if one is not None:
            return one
    if mean is not None and n > 1:
        one = _grim(variable, where, mean, n)
        if one is not None:
            return one
    if "variance" in m and sd is not None:
        square = sd.interval * sd.interval
        if not square.meets(m["variance"].interval):
            return finding(
                "variance",
                "error",
                where,
                [sd, m["variance"]],
                apart(square, m["variance"].interval),
                sd=sd,
                variance=m["variance"],
                square=square,
            )
    if "range" in m and low is not None and high is not None:
        width = high.interval - low.interval
        if not width.meets(m["range"].interval):
            return finding(
                "range",
                "error",
                where,
                [low, high, m["range"]],
                apart(width, m["range"].interval),
                low=low,
                high=high,
                range=m["range"],
                width=width,
            )
    return _vif(where, m)


def _in_one_unit(moments: Mapping[str, Figure]) -> dict[str, Figure]:
    """Moments of a row, all plain numbers where some are percentages (45.5 %) and others not (0, 1)."""
    sizes = {name: f for name, f in moments.items() if name not in ("n", "t", "p", "vif")}
    if len({f.is_percent for f in sizes.values()}) < 2:
        return dict(moments)
    return {
        name: replace(f, interval=f.interval.scaled(0.01), value=f.value / 100, is_percent=False)
        if name in sizes and f.is_percent
        else f
        for name, f in moments.items()
    }


def _exchanged(layout: Layout, variable: Variable) -> str:
    """A row whose mean fits here while this one fits there."""
    own = variable.moments
    for other in layout.variables:
        theirs = other.moments
        if (
            other is variable
            or not {"mean", "min", "max"} <= theirs.keys()
            or not {"min", "max"} <= own.keys()
        ):
            continue
        if own["min"].value <= theirs["mean"].value <= own["max"].value and (
            theirs["min"].value <= own["mean"].value <= theirs["max"].value
            and not theirs["min"].value <= theirs["mean"].value <= theirs["max"].value
        ):
            return other.label
    return ""


def _sd(
    where: str, mean: Figure | None, sd: Figure, low: Figure | None, high: Figure | None, n: float
) -> Finding | None:
    used = [f for f in (mean, sd, low, high) if f is not None]
    if low is not None and high is not None and (low.text, high.text) == ("0", "1") and sd.decimals > 1:
        # The ends of a share are 0 and 1, and not what rounds to them beside moments of two decimals.
        low, high = replace(low, interval=exact(0.0)), replace(high, interval=exact(1.0))
    if low is not None and high is not None:
        # Where n is not printed two rows bear most; that there are fewer than eight is only thinkable.
        for size, how in ((n, "error"),) if n > 1 else ((2.0, "error"), (FEW_ROWS, "doubt")):
            one = _most_sd(where, mean, sd, low, high, size, how, used)
            if one is not None:
                return one
        gap = high.interval.low - low.interval.high
        if n <= 1 and sd.interval.high < gap / math.sqrt(2 * MANY_ROWS):
            evidence = f"{shown(sd.interval.high)} < {shown(gap)} / sqrt(2.0 * {MANY_ROWS:.0f})"
            return finding("sd_zero", "doubt", where, used, evidence, sd=sd)
    if n > 2:
        return _least_sd(where, mean, sd, low, high, n, used)
    return None


def _most_sd(
    where: str,
    mean: Figure | None,
    sd: Figure,
    low: Figure,
    high: Figure,
    n: float,
    how: str,
    used: list[Figure],
) -> Finding | None:
    """Of n values half at either end, of an odd number one more at one of them; with a mean that of these."""
    bottom, top = low.interval.low, high.interval.high
    factor = math.sqrt((n * n - (n % 2)) / (4 * n * (n - 1)))
    if sd.interval.low > factor * (top - bottom) * (1 + SLACK) + 1e-15:
        text = f"sqrt(({n:g} * {n:g} - {n % 2:g}) / (4.0 * {n:g} * ({n:g} - 1)))"
        evidence = f"{shown(sd.interval.low)} > {text} * ({shown(top)} - ({shown(bottom)}))"
        return finding(
            "sd_upper", how, where, used, evidence, case="popoviciu", sd=sd, bound=factor * (top - bottom)
        )
    if mean is None:
        return None
    bound = math.sqrt(n / (n - 1) * _largest(mean.interval, bottom, top))
    if sd.interval.low > bound * (1 + SLACK) + 1e-12:
        at = min(max((bottom + top) / 2, mean.interval.low), mean.interval.high)
        evidence = (
            f"{shown(sd.interval.low)} > sqrt({n:g} / ({n:g} - 1.0) * "
            f"({shown(top)} - ({shown(at)})) * (({shown(at)}) - ({shown(bottom)})))"
        )
        return finding("sd_upper", how, where, used, evidence, sd=sd, bound=bound)
    return None


def _largest(mean: Interval, low: float, high: float) -> float:
    """Largest (high - m)(m - low) over a range of m."""
    middle = min(max((low + high) / 2, mean.low), mean.high)
    return max(0.0, (high - middle) * (middle - low))


def _least_sd(
    where: str,
    mean: Figure | None,
    sd: Figure,
    low: Figure | None,
    high: Figure | None,
    n: float,
    used: list[Figure],
) -> Finding | None:
    """The smallest standard deviation of n values of which one equals each extreme, by divisor n."""
    parts: list[tuple[float, str]] = []
    up = high.interval.low - mean.interval.high if high is not None and mean is not None else 0.0
    down = mean.interval.low - low.interval.high if low is not None and mean is not None else 0.0
    for distance in (up, down):
        if distance > 0:
            parts.append((distance / math.sqrt(n - 1), f"{shown(distance)} / sqrt({n:g} - 1)"))
    if low is not None and high is not None:
        width = high.interval.low - low.interval.high
        if width > 0:
            parts.append((width / math.sqrt(2 * n), f"{shown(width)} / sqrt(2.0 * {n:g})"))
    if not parts:
        return None
    bound, text = max(parts)
    if sd.interval.high < bound * (1 - SLACK):
        return finding(
            "sd_lower",
            "error",
            where,
            used,
            f"{shown(sd.interval.high)} < {text}",
            sd=sd,
            bound=bound,
            n=f"{n:g}",
        )
    return None


def _binary(where: str, mean: Figure, sd: Figure, n: float) -> Finding | None:
    """sqrt(p (1 - p) n / (n - 1)), or with divisor n."""
    low, high = max(mean.interval.low, 0.0), min(mean.interval.high, 1.0)
    if low > high:
        return None
    most = 0.25 if low <= 0.5 <= high else max(low * (1 - low), high * (1 - high))
    least = min(low * (1 - low), high * (1 - high))
    if n <= 1:
        one = _binary(where, mean, sd, 2.0)
        other = one or _binary(where, mean, sd, FEW_ROWS)
        return one or (replace(other, level="doubt") if other is not None else None)
    allowed = Interval(math.sqrt(least), math.sqrt(most * n / (n - 1)))
    if allowed.meets(sd.interval):
        return None
    end = low if allowed.low == math.sqrt(low * (1 - low)) else high
    at = 0.5 if most == 0.25 else (low if low * (1 - low) > high * (1 - high) else high)
    evidence = (
        f"{shown(sd.interval.high)} < sqrt({shown(end)} * (1 - {shown(end)}))"
        if sd.interval.high < allowed.low
        else f"{shown(sd.interval.low)} > sqrt({shown(at)} * (1 - {shown(at)}) * {n:g} / ({n:g} - 1.0))"
    )
    return finding("binary_sd", "error", where, [mean, sd], evidence, mean=mean, sd=sd, allowed=allowed)


def _half(where: str, mean: Figure, m: object, n: float) -> Finding | None:
    """Mean and median are at most one standard deviation apart (Hotelling and Solomons 1932)."""
    assert isinstance(m, dict)
    median, sd = m.get("p50"), m.get("sd")
    if median is None or sd is None:
        return None
    gap = (mean.interval - median.interval).magnitude()
    if gap.low > sd.interval.high * (1 + SLACK):
        evidence = f"{shown(gap.low)} > {shown(sd.interval.high)}"
        return finding(
            "median", "error", where, [mean, median, sd], evidence, mean=mean, median=median, sd=sd
        )
    return None


def _grim(variable: Variable, where: str, mean: Figure, n: float) -> Finding | None:
    """Whether a mean of n whole numbers can round to what is printed."""
    low, high = variable.moments.get("min"), variable.moments.get("max")
    binary = is_binary(variable) and low is not None and high is not None
    count = (
        COUNT.search(variable.text)
        and not SCALED.search(variable.text)
        and low is not None
        and high is not None
        and low.is_whole
        and high.is_whole
        and not mean.is_whole
    )
    if not (binary or count) or mean.is_percent:
        return None
    first = math.ceil(mean.interval.low * n - 1e-6)
    if first <= mean.interval.high * n + 1e-6:
        return None
    evidence = f"ceil({shown(mean.interval.low)} * {n:g}) > {shown(mean.interval.high)} * {n:g}"
    return finding("grim", "error" if binary else "doubt", where, [mean], evidence, mean=mean, n=f"{n:g}")


def _share(variable: Variable, where: str) -> Finding | None:
    """Parts of a whole above it or below nothing."""
    m = variable.moments
    text = variable.text
    if not SHARE.search(text) or NO_PART.search(text):
        return None
    low, high, mean = m.get("min"), m.get("max"), m.get("mean")
    floor = next((f for f in (low, mean) if f is not None and f.interval.high < 0), None)
    if floor is not None:
        return finding(
            "share",
            "error",
            where,
            [floor],
            f"{shown(floor.interval.high)} < 0",
            case="negative",
            value=floor,
        )
    top = next((f for f in (high, mean) if f is not None), None)
    if top is None:
        return None
    above = next((f for f in (high, mean) if f is not None and f.interval.low > 100), None)
    if above is not None:
        return finding("share", "error", where, [above], f"{shown(above.interval.low)} > 100", value=above)
    # Of a share in units the mean is far below one; a maximum of 1.3 is then above the whole.
    if (
        not top.is_percent
        and "%" not in text
        and "per cent" not in text
        and "百分" not in text
        and (mean is not None and mean.value < 1 and 1 < top.interval.low <= 5)
    ):
        return finding(
            "share", "doubt", where, [top], f"{shown(top.interval.low)} > 1", case="one", value=top
        )
    return None


def _vif(where: str, m: object) -> Finding | None:
    assert isinstance(m, dict)
    vif, tolerance = m.get("vif"), m.get("tolerance")
    if vif is not None and vif.interval.high < 1:
        return finding("vif", "error", where, [vif], f"{shown(vif.interval.high)} < 1", vif=vif)
    if vif is not None and tolerance is not None and vif.interval.low > 0:
        inverse = exact(1.0) / vif.interval
        if not inverse.meets(tolerance.interval):
            return finding(
                "vif",
                "error",
                where,
                [vif, tolerance],
                apart(inverse, tolerance.interval),
                case="inverse",
                vif=vif,
                tolerance=tolerance,
                implied=inverse,
            )
    return None


def _logs(variables: Sequence[Variable]) -> list[Finding]:
    """A variable and its log in one table and one unit."""
    by_name = {(v.group, _bare(v.label)): v for v in variables}
    found = []
    for variable in variables:
        match = LOGARITHM.match(variable.label)
        if match is None:
            continue
        level = by_name.get((variable.group, _bare(match["name"] or match["zh"] or "")))
        if level is None or level is variable:
            continue
        m, other = variable.moments, level.moments
        if "mean" not in m or "mean" not in other or other["mean"].interval.low <= 0:
            continue
        # One unit: a log of an extreme is the extreme of the logs, of x or of 1 + x.
        shifts = [
            add
            for add in (0.0, 1.0)
            if all(
                name in m
                and name in other
                and other[name].interval.low + add > 0
                and _log(other[name].interval, add).meets(m[name].interval)
                for name in ("min", "max")
            )
        ]
        if not shifts:
            ends = [
                name
                for name in ("min", "max")
                if name in m and name in other and other[name].interval.low > 0
            ]
            one = [name for name in ends if _log(other[name].interval, 0).meets(m[name].interval)]
            if len(ends) == 2 and len(one) == 1:
                bad = next(name for name in ends if name not in one)
                implied = _log(other[bad].interval, 0)
                found.append(
                    finding(
                        "log_extreme",
                        "doubt",
                        variable.label,
                        [m[bad], other[bad]],
                        apart(implied, m[bad].interval),
                        log=m[bad],
                        basis=other[bad],
                        implied=implied,
                    )
                )
            continue
        ceilings = [math.log(other["mean"].interval.high + add) for add in shifts]
        if m["mean"].interval.low > max(ceilings) + SLACK:
            add = shifts[ceilings.index(max(ceilings))]
            evidence = f"{shown(m['mean'].interval.low)} > ln({shown(other['mean'].interval.high)} + {add:g})"
            found.append(
                finding(
                    "jensen",
                    "error",
                    variable.label,
                    [m["mean"], other["mean"]],
                    evidence,
                    log=m["mean"],
                    basis=other["mean"],
                    bound=max(ceilings),
                )
            )
    return found


def _log(interval: Interval, add: float) -> Interval:
    return Interval(math.log(interval.low + add), math.log(interval.high + add))


def _bare(label: str) -> str:
    return re.sub(r"[^0-9a-z\u4e00-\u9fff]", "", compact(re.sub(r"[(（].*?[)）]$", "", label)))


def _groups(layout: Layout, variables: Sequence[Variable]) -> list[Finding]:
    """Means of groups and of the whole, and the difference of two groups."""
    by_label: dict[str, list[Variable]] = defaultdict(list)
    for variable in variables:
        by_label[variable.label].append(variable)
    found = []
    signs: dict[int, int] = defaultdict(int)
    checks = []
    for label, rows in by_label.items():
        if len({row.group for row in rows}) < len(rows):
            continue
        means = [
            row.moments["mean"] for row in rows if "mean" in row.moments and "difference" not in row.moments
        ]
        gaps = [row.moments["difference"] for row in rows if "difference" in row.moments]
        own = [row for row in rows if "difference" in row.moments and "mean" in row.moments]
        means += [row.moments["mean"] for row in own]
        if len(means) == 2 and len(gaps) == 1:
            gap = means[0].interval - means[1].interval
            fits = [gap.meets(gaps[0].interval), gap.scaled(-1).meets(gaps[0].interval)]
            for n, is_fit in enumerate(fits):
                signs[n] += is_fit
            checks.append((label, means, gaps[0], gap, fits))
    best = 0 if signs[0] >= signs[1] else 1
    for label, means, printed, gap, fits in checks:
        if not fits[best]:
            side = gap.scaled(-1 if best else 1)
            found.append(
                finding(
                    "difference",
                    "error",
                    label,
                    [*means, printed],
                    apart(side, printed.interval),
                    first=means[0],
                    second=means[1],
                    difference=printed,
                    implied=side,
                )
            )
    for label, rows in by_label.items():
        whole = [
            r for r in rows if re.search(r"全样本|总体|全部|full|all|total|whole|pooled", r.group.lower())
        ]
        parts = [r for r in rows if r not in whole and "mean" in r.moments and "n" in r.moments]
        if len(whole) != 1 or len(parts) < 2 or not {"mean", "n"} <= whole[0].moments.keys():
            continue
        n_all = whole[0].moments["n"].value
        sizes = [p.moments["n"].value for p in parts]
        if sum(sizes) != n_all or n_all <= 0:
            continue
        total = Interval(0.0, 0.0)
        for part, size in zip(parts, sizes, strict=True):
            total = total + part.moments["mean"].interval.scaled(size / n_all)
        mean = whole[0].moments["mean"]
        if not total.meets(mean.interval):
            used = [mean, *[p.moments["mean"] for p in parts]]
            found.append(
                finding(
                    "pooled_mean", "error", label, used, apart(total, mean.interval), mean=mean, implied=total
                )
            )
    return found
