"""Tables as people print them, from simulated data and real estimators, half of them with one planted error.

Nothing here is shared with the rules: data are drawn with numpy, estimated with statsmodels and linearmodels,
and printed by hand. `python -m tests.audit.generator --n 1000` prints recall and false alarms by kind of error.
"""

from __future__ import annotations

import argparse
import csv
import io
import re
import sys
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import statsmodels.api as sm
from docx import Document
from linearmodels.iv import IV2SLS
from linearmodels.panel import PanelOLS
from openpyxl import Workbook
from scipy import stats
from scipy.optimize import linprog

Rng = np.random.Generator
FORMATS = ("csv", "xlsx", "docx", "html")


@dataclass
class Made:
    """A table: title, rows of texts, note. planted: kind of error ('' for none) and texts of the cells whose
    finding it is (stars and brackets aside)."""

    family: str
    title: str
    rows: list[list[str]]
    note: str
    planted: str = ""
    cells: tuple[str, ...] = ()
    extra: dict[str, object] = field(default_factory=dict)


def pick(rng: Rng, *options: object) -> object:
    return options[int(rng.integers(len(options)))]


def num(x: float, d: int) -> str:
    text = f"{x:.{d}f}"
    return text[1:] if re.fullmatch(r"-0\.?0*", text) else text


def swap_digits(rng: Rng, text: str, least: float) -> str | None:
    """Two neighbouring digits exchanged, so that the number changes by at least so much."""
    places = [
        k
        for k in range(len(text) - 1)
        if text[k].isdigit() and text[k + 1].isdigit() and text[k] != text[k + 1]
    ]
    rng.shuffle(places)
    for k in places:
        other = text[:k] + text[k + 1] + text[k] + text[k + 2 :]
        if abs(float(other) - float(text)) >= least:
            return other
    return None


# Regressions -----------------------------------------------------------------------------------------------

LEGENDS = {
    "usual": {"***": 0.01, "**": 0.05, "*": 0.1},
    "strict": {"***": 0.001, "**": 0.01, "*": 0.05},
    "reversed": {"*": 0.01, "**": 0.05, "***": 0.1},
}


def stars(p: float, legend: dict[str, float]) -> str:
    for mark, level in sorted(legend.items(), key=lambda item: item[1]):
        if p < level:
            return mark
    return ""


def legend_text(rng: Rng, legend: dict[str, float], zh: bool) -> str:
    items = sorted(legend.items(), key=lambda item: len(item[0]), reverse=bool(rng.integers(2)))
    if rng.integers(2):
        sep = "、" if zh else ", "
        return sep.join(f"{mark} p<{level:g}" for mark, level in items)
    marks = [mark for mark, _ in items]
    levels = [f"{100 * level:g}%" for _, level in items]
    if zh:
        return f"{'、'.join(marks)}分别表示在{'、'.join(levels)}的水平上显著"
    return f"{', '.join(marks[:-1])} and {marks[-1]} denote significance at the {', '.join(levels[:-1])} and {levels[-1]} level"


def kind_text(kind: str, vcov: str, zh: bool, shape: str) -> str:
    if zh:
        error = {"classical": "普通标准误", "robust": "稳健标准误", "cluster": "城市层面聚类稳健标准误"}[vcov]
        what = {"se": error, "t": "t值", "p": "p值", "ci": "95%置信区间"}[kind]
        bracket = {"(": "括号", "[": "方括号"}[shape]
        tail = "" if kind == "se" else f"，标准误为{error}"
        return f"{bracket}内为{what}{tail}"
    error = {"classical": "Conventional standard errors", "robust": "Robust standard errors",
             "cluster": "Standard errors clustered by city"}[vcov]  # fmt: skip
    what = {"se": error, "t": "t statistics", "p": "p-values", "ci": "95% confidence intervals"}[kind]
    bracket = {"(": "parentheses", "[": "square brackets"}[shape]
    tail = "" if kind == "se" else f"; {error.lower()} were used"
    return f"{what} in {bracket}{tail}"


@dataclass
class Fit:
    names: list[str]
    b: np.ndarray
    se: np.ndarray
    t: np.ndarray
    p: np.ndarray
    low: np.ndarray
    high: np.ndarray
    n: int
    r2: float
    adj: float | None
    f: float | None
    flags: dict[str, bool]


def panel(rng: Rng) -> dict[str, np.ndarray]:
    units, years = int(rng.integers(12, 120)), int(rng.integers(4, 14))
    n = units * years
    unit, year = np.repeat(np.arange(units), years), np.tile(np.arange(years), units)
    effect, trend = rng.normal(0, 1, units)[unit], rng.normal(0, 0.5, years)[year]
    start = rng.integers(1, years + 3, units)[unit]
    did = (year >= start).astype(float)
    x = rng.normal(0, 1, (n, 3)) * rng.uniform(0.3, 3, 3) + rng.normal(0, 2, 3) + 0.3 * effect[:, None]
    noise = rng.normal(0, 1, n) * rng.uniform(0.4, 2) + rng.normal(0, 0.5, units)[unit]
    y = rng.normal(0, 2) + did * rng.normal(0, 0.4) + x @ rng.normal(0, 0.3, 3) + effect + trend + noise
    y *= rng.choice([0.1, 1, 1, 5])
    return {
        "unit": unit,
        "year": year,
        "did": did,
        "x": x,
        "y": y,
        "units": np.array(units),
        "years": np.array(years),
    }


def least_squares(data: dict[str, np.ndarray], k: int, vcov: str, names: list[str]) -> Fit:
    design = sm.add_constant(np.column_stack([data["did"], data["x"][:, :k]]))
    model = sm.OLS(data["y"], design)
    options = {"classical": {}, "robust": {"cov_type": "HC1", "use_t": True},
               "cluster": {"cov_type": "cluster", "cov_kwds": {"groups": data["unit"]}, "use_t": True}}[vcov]  # fmt: skip
    fit = model.fit(**options)
    ends = fit.conf_int()
    order = [*range(1, k + 2), 0]
    return Fit([*names[: k + 1], "cons"], fit.params[order], fit.bse[order], fit.tvalues[order], fit.pvalues[order],
               ends[order, 0], ends[order, 1], int(fit.nobs), fit.rsquared, fit.rsquared_adj, fit.fvalue, {})  # fmt: skip


def within(data: dict[str, np.ndarray], k: int, vcov: str, names: list[str]) -> Fit:
    import pandas as pd

    index = pd.MultiIndex.from_arrays([data["unit"], data["year"]])
    x = pd.DataFrame(np.column_stack([data["did"], data["x"][:, :k]]), index=index, columns=names[: k + 1])
    y = pd.Series(data["y"], index=index)
    model = PanelOLS(y, x, entity_effects=True, time_effects=True, drop_absorbed=True)
    options = {"classical": {"cov_type": "unadjusted"}, "robust": {"cov_type": "robust"},
               "cluster": {"cov_type": "clustered", "cluster_entity": True}}[vcov]  # fmt: skip
    fit = model.fit(**options)
    ends = fit.conf_int()
    return Fit(list(fit.params.index), fit.params.to_numpy(), fit.std_errors.to_numpy(), fit.tstats.to_numpy(),
               fit.pvalues.to_numpy(), ends["lower"].to_numpy(), ends["upper"].to_numpy(), int(fit.nobs),
               float(fit.rsquared), None, None, {"fe": True})  # fmt: skip


def two_stage(data: dict[str, np.ndarray], rng: Rng, vcov: str, names: list[str]) -> Fit:
    n = len(data["y"])
    z = rng.normal(size=n)
    u = rng.normal(size=n)
    x = 0.5 * z + 0.6 * u + rng.normal(size=n)
    y = 0.3 * x + u + 0.2 * data["x"][:, 0] + rng.normal(size=n)
    exog = sm.add_constant(data["x"][:, 0])
    options = {"classical": {"cov_type": "unadjusted"}, "robust": {"cov_type": "robust"},
               "cluster": {"cov_type": "clustered", "clusters": data["unit"]}}[vcov]  # fmt: skip
    fit = IV2SLS(y, exog, x, z).fit(**options)
    order = [2, 1, 0]
    ends = fit.conf_int().to_numpy()
    return Fit([names[0], names[1], "cons"], fit.params.to_numpy()[order], fit.std_errors.to_numpy()[order],
               fit.tstats.to_numpy()[order], fit.pvalues.to_numpy()[order], ends[order, 0], ends[order, 1], n,
               float(fit.rsquared), None, None, {"iv": True})  # fmt: skip


def logit(data: dict[str, np.ndarray], k: int, names: list[str]) -> Fit:
    design = sm.add_constant(np.column_stack([data["did"], data["x"][:, :k]]))
    y = (data["y"] > np.median(data["y"])).astype(float)
    fit = sm.Logit(y, design).fit(disp=0)
    order = [*range(1, k + 2), 0]
    ends = fit.conf_int()
    return Fit([*names[: k + 1], "cons"], fit.params[order], fit.bse[order], fit.tvalues[order], fit.pvalues[order],
               ends[order, 0], ends[order, 1], len(y), fit.prsquared, None, None, {"logit": True})  # fmt: skip


NAMES = {
    True: (["DID", "人均GDP", "产业结构", "开放程度"], ["Policy", "lnpgdp", "Struc", "Open"]),
    False: (["DID", "ln GDP per capita", "Industry", "Openness"], ["Treat*Post", "lnpgdp", "struc", "open"]),
}


def regression_wide(rng: Rng, plant: bool) -> Made:
    zh = bool(rng.integers(2))
    data = panel(rng)
    names = list(pick(rng, *NAMES[zh]))  # type: ignore[call-overload]
    cons = str(
        pick(rng, "常数项", "Constant", "_cons") if zh else pick(rng, "Constant", "_cons", "Intercept")
    )
    vcov = str(pick(rng, "classical", "robust", "cluster"))
    engine = str(pick(rng, "ols", "ols", "fe", "iv", "logit", "mixed"))
    fits: list[Fit] = []
    if engine == "iv":
        fits = [two_stage(data, rng, vcov, names) for _ in range(int(rng.integers(1, 4)))]
    elif engine == "logit":
        vcov = "classical"
        fits = [logit(data, k, names) for k in range(1, int(rng.integers(2, 5)))]
    else:
        for k in range(int(rng.integers(1, 4)) + 1):
            uses = engine == "fe" or (engine == "mixed" and k % 2 == 1)
            fits.append(within(data, k, vcov, names) if uses else least_squares(data, k, vcov, names))
    hides = engine in ("ols", "fe", "mixed") and bool(rng.integers(3) == 0)
    legend_name = str(pick(rng, "usual", "usual", "usual", "strict", "reversed"))
    legend = LEGENDS[legend_name]
    kinds = [str(pick(rng, "se", "t", "p", "se", "ci"))]
    if rng.integers(4) == 0:
        kinds = ["se", "t"]
    shapes = ["(", "["][: len(kinds)] if rng.integers(4) else (["[", "("][: len(kinds)])
    d = int(rng.integers(3, 5))
    layout = str(pick(rng, "below", "below", "same", "beside")) if len(kinds) == 1 else "below"
    planted, cells = "", ()
    order = [*names, "cons"]
    shown = [name for name in order if any(name in f.names for f in fits)]
    if hides:
        shown = [shown[0], *(["cons"] if "cons" in shown else [])]
    grid: dict[tuple[str, int], list[str]] = {}
    for c, f in enumerate(fits):
        for name in shown:
            if name not in f.names:
                continue
            i = f.names.index(name)
            values = {"se": num(f.se[i], d), "t": num(f.t[i], int(d - 1)), "p": num(f.p[i], d),
                      "ci": f"{num(f.low[i], d)}, {num(f.high[i], d)}"}  # fmt: skip
            grid[name, c] = [num(f.b[i], d), stars(f.p[i], legend), *[values[kind] for kind in kinds]]
    feet: list[list[str]] = []
    n_label = str(pick(rng, "样本量", "N", "观测值") if zh else pick(rng, "Observations", "N", "Obs."))
    r2_label = {True: ["R2", "R²", "R-squared", "拟合优度"], False: ["R2", "R-squared", "R²"]}[zh]
    r2_name = str(pick(rng, *r2_label))
    if engine == "logit":
        r2_name = "Pseudo R2"
    elif engine == "fe":
        r2_name = str(pick(rng, "R2", "Within R2", "组内R2") if zh else pick(rng, "R2", "Within R-squared"))
    ns = [str(pick(rng, f"{f.n}", f"{f.n:,}")) for f in fits]
    r2s = [num(f.r2, 3) for f in fits]
    adjs = [num(f.adj, 3) if f.adj is not None else "" for f in fits]
    fs = [num(f.f, 2) if f.f is not None else "" for f in fits]
    has_adj, has_f = any(adjs) and bool(rng.integers(2)), any(fs) and bool(rng.integers(3) == 0)
    says_panel = engine in ("ols", "fe", "mixed") and bool(rng.integers(2))
    plants = []
    cell_names = list(grid)
    if plant:
        plants = ["star_up", "star_down", "r2_above_one"]
        if kinds == ["ci"]:
            plants = ["outside", "outside", "ci_off", "ci_off", "r2_above_one"]
        if "t" in kinds:
            plants += ["t_sign", "t_sign"]
        if "se" in kinds:
            plants += ["se_negative"]
        if "p" in kinds:
            plants += ["p_above_one"]
        if len(kinds) == 2:
            plants += ["t_digits", "t_digits", "t_digits"]
        plants += ["bracket_kind", "legend"] if len(fits) > 1 else []
        if has_adj:
            plants += ["adj_above", "adj_above"]
        if says_panel:
            plants += ["n_panel", "n_panel"]
    tries = 0
    note_kind = dict(zip(shapes, kinds, strict=True))
    note_legend = legend
    r2_impossible = engine != "iv"
    while plants and not planted and tries < 60:
        tries += 1
        kind = str(pick(rng, *plants))
        name, c = cell_names[int(rng.integers(len(cell_names)))]
        f = fits[c]
        i = f.names.index(name)
        cell = grid[name, c]
        p, t = f.p[i], f.t[i]
        if kind in ("star_up", "star_down"):
            ladder = ["", *sorted(legend, key=lambda m: -legend[m])]
            at = ladder.index(cell[1])
            to = at + (1 if kind == "star_up" else -1)
            if not 0 <= to < len(ladder):
                continue
            # Far from the level, and what is printed is precise enough to tell.
            edge = legend[ladder[max(at, to)]]
            few = 1.25 if kind == "star_up" else 3.0
            if not (p > edge * few if kind == "star_up" else p < edge / few):
                continue
            if "p" in kinds and abs(float(cell[2 + kinds.index("p")]) - edge) < 2 * 10.0**-d:
                continue
            if kind == "star_down" and vcov == "cluster" and abs(t) < 6:
                continue
            rounding = 10.0**-d / abs(f.se[i]) * (1 + abs(t)) if kinds == ["se"] else 0.0
            z = stats.norm.isf(edge / 2)
            if abs(abs(t) - z) < rounding + 0.15:
                continue
            cell[1] = ladder[to]
            planted, cells = kind, (cell[0], *cell[2:])
        elif kind == "r2_above_one" and r2_impossible and len(fits) > 1:
            r2s[c] = num(1 + rng.uniform(0.01, 0.9), 3)
            planted, cells = kind, (r2s[c],)
        elif kind == "outside":
            side = (
                f.high[i] + (0.1 * f.se[i] + 3 * 10.0**-d)
                if rng.integers(2)
                else f.low[i] - 0.1 * f.se[i] - 3 * 10.0**-d
            )
            cell[0] = num(side, d)
            planted, cells = kind, (cell[0],)
        elif kind == "ci_off":
            if f.se[i] < 10 * 10.0**-d:
                continue
            cell[2] = f"{num(f.low[i], d)}, {num(f.high[i] + 0.5 * f.se[i] + 5 * 10.0**-d, d)}"
            planted, cells = kind, (cell[0], *cell[2].split(", "))
        elif kind == "t_sign":
            at = 2 + kinds.index("t")
            if abs(float(cell[at])) < 0.05 or abs(float(cell[0])) < 2 * 10.0**-d:
                continue
            if sum(1 for g in grid.values() if float(g[0]) < 0) >= 2 or all(
                float(g[at]) > 0 for g in grid.values()
            ):
                # One flipped sign among others that show theirs.
                pass
            cell[at] = cell[at][1:] if cell[at].startswith("-") else "-" + cell[at]
            negative_b = [g for g in grid.values() if float(g[0]) < 0]
            if len(negative_b) >= 2 and all(float(g[at]) >= 0 for g in grid.values()):
                cell[at] = cell[at][1:] if cell[at].startswith("-") else "-" + cell[at]
                continue
            planted, cells = kind, (cell[at],)
        elif kind == "se_negative":
            at = 2 + kinds.index("se")
            if float(cell[at]) < 2 * 10.0**-d:
                continue
            cell[at] = "-" + cell[at]
            planted, cells = kind, (cell[at],)
        elif kind == "p_above_one":
            at = 2 + kinds.index("p")
            cell[at] = num(1 + rng.uniform(0.02, 0.9), d)
            planted, cells = kind, (cell[at],)
        elif kind == "t_digits":
            at = 2 + kinds.index("t")
            unit = 10.0 ** -(d - 1)
            spread = 10.0**-d / f.se[i] * (1 + abs(t)) + 4 * unit
            other = swap_digits(rng, cell[at], spread * 1.5)
            if other is None or f.se[i] < 3 * 10.0**-d:
                continue
            cell[at] = other
            planted, cells = kind, (cell[at],)
        elif kind == "bracket_kind" and len(kinds) == 1 and kinds[0] in ("se", "t"):
            marked = [g for g in grid.values() if g[1]]
            other = "t" if kinds[0] == "se" else "se"
            ratios = [abs(float(g[0])) / max(abs(float(g[2])), 1e-9) for g in grid.values()]
            if len(marked) < 3 or len(marked) < 0.6 * len(grid):
                continue
            if other == "se" and not all(r < 1.4 for r in ratios):
                continue
            if other == "t" and not all(abs(float(g[2])) < 1.3 for g in marked):
                continue
            note_kind = {shapes[0]: other}
            planted = kind
        elif kind == "legend" and legend_name != "strict":
            marked = [g for g in grid.values() if g[1] in ("*", "***")]
            if len(marked) < 3:
                continue
            note_legend = LEGENDS["usual" if legend_name == "reversed" else "reversed"]
            planted = kind
        elif kind == "adj_above" and fits[c].adj is not None and f.r2 < 0.95:
            adjs[c] = num(f.r2 + rng.uniform(0.004, 0.05), 3)
            planted, cells = kind, (adjs[c], r2s[c])
        elif kind == "n_panel":
            wrong = swap_digits(rng, str(f.n), 1)
            if wrong is None or wrong.startswith("0") or len(fits) == 2:
                continue
            ns[c] = wrong
            planted, cells = kind, (wrong,)
    if plant and not planted:
        ns[0] = f"{fits[0].n}.5"
        planted, cells = "n_whole", (ns[0],)
    # Printing ------------------------------------------------------------------------------------------------
    minus = str(pick(rng, "-", "-", "−", "–"))
    star = str(pick(rng, "*", "*", "∗", "＊"))
    full = bool(rng.integers(6) == 0)
    close = {"(": ")", "[": "]"}

    def put(text: str, shape: str = "", marks: str = "") -> str:
        text = text.replace("-", minus)
        wide = {"(": "（", ")": "）", "[": "［", "]": "］"} if full else {}
        left, right = wide.get(shape, shape), wide.get(close.get(shape, ""), close.get(shape, ""))
        return f"{left}{text}{right}{marks.replace('*', star)}"

    label = {name: (cons if name == "cons" else name) for name in shown}
    outcome = str(pick(rng, "Y", "lnY", "GTFP"))
    body: list[list[str]] = []
    width = len(fits) * (2 if layout == "beside" else 1)
    for name in shown:
        lines: list[list[str]] = [[label[name]]] + [[""] for _ in kinds]
        for c in range(len(fits)):
            cell = grid.get((name, c))
            if layout == "same":
                sep = str(pick(rng, " ", "\n"))
                lines[0].append(
                    "" if cell is None else put(cell[0], "", cell[1]) + sep + put(cell[2], shapes[0])
                )
            elif layout == "beside":
                lines[0] += ["", ""] if cell is None else [put(cell[0], "", cell[1]), put(cell[2], shapes[0])]
            else:
                lines[0].append("" if cell is None else put(cell[0], "", cell[1]))
                for line, shape, text in zip(
                    lines[1:], shapes, cell[2:] if cell else [""] * len(kinds), strict=True
                ):
                    line.append(put(text, shape) if text else "")
        body += lines if layout == "below" else lines[:1]

    def foot(name: str, values: list[str]) -> list[str]:
        cells = []
        for value in values:
            cells += [value, ""] if layout == "beside" else [value]
        return [name, *cells]

    yes, no = (
        pick(rng, ("是", "否"), ("控制", "未控制"), ("YES", "NO"))
        if zh
        else pick(rng, ("Yes", "No"), ("Y", "N"))
    )  # type: ignore[misc]
    if hides:
        feet.append(foot("控制变量" if zh else "Controls", [yes if k else no for k in range(len(fits))]))
    if any("fe" in f.flags for f in fits):
        feet.append(foot("城市固定效应" if zh else "City FE", [yes if "fe" in f.flags else no for f in fits]))
        feet.append(foot("年份固定效应" if zh else "Year FE", [yes if "fe" in f.flags else no for f in fits]))
    if says_panel and rng.integers(2):
        feet.append(foot("城市数" if zh else "Number of cities", [str(int(data["units"]))] * len(fits)))
    feet.append(foot(n_label, ns))
    feet.append(foot(r2_name, r2s))
    if has_adj:
        feet.append(foot("调整R2" if zh else "Adjusted R2", adjs))
    if has_f:
        feet.append(foot("F值" if zh else "F", fs))
    heads = [["变量" if zh else "Variables", *[f"({c + 1})" if n == 0 else "" for c in range(len(fits)) for n in
              range(width // len(fits))]]]  # fmt: skip
    if rng.integers(2):
        heads.append(["", *([outcome] * width)])
    note = [kind_text(kind, vcov, zh, shape) for shape, kind in note_kind.items()]
    note.append(legend_text(rng, note_legend, zh))
    if engine == "iv":
        note.append("2SLS估计" if zh else "2SLS estimates")
    if says_panel:
        units, years = int(data["units"]), int(data["years"])
        first = 2022 - years
        note.append(
            f"平衡面板：{units}个城市，{first}—{first + years - 1}年" if zh
            else f"Balanced panel of {units} cities, {first}-{first + years - 1}"
        )  # fmt: skip
    end = "。" if zh else "."
    text = ("注：" if zh else "Note: ") + ("；" if zh else "; ").join(note) + end
    title = ("表3 基准回归结果" if zh else "Table 3. Baseline results") if rng.integers(2) else ""
    return Made("regression_wide", title, heads + body + feet, text, planted, cells)


def regression_long(rng: Rng, plant: bool) -> Made:
    zh = bool(rng.integers(2))
    data = panel(rng)
    names = list(pick(rng, *NAMES[zh]))  # type: ignore[call-overload]
    fit = least_squares(data, int(rng.integers(1, 4)), str(pick(rng, "classical", "robust")), names)
    d = int(rng.integers(3, 6))
    rows = []
    for i, name in enumerate(fit.names):
        rows.append([name if name != "cons" else "_cons", num(fit.b[i], d), num(fit.se[i], d), num(fit.t[i], 2),
                     num(fit.p[i], 3), num(fit.low[i], d), num(fit.high[i], d)])  # fmt: skip
    planted, cells = "", ()
    for _ in range(80 if plant else 0):
        i = int(rng.integers(len(rows)))
        row = rows[i]
        kind = str(pick(rng, "t_digits", "p_digits", "ci_end", "b_sign", "se_digits"))
        spread = 10.0**-d / fit.se[i] * (1 + abs(fit.t[i])) + 0.02
        if fit.se[i] < 20 * 10.0**-d:
            continue
        if kind == "t_digits":
            other = swap_digits(rng, row[3], 2 * spread)
            at = 3
        elif kind == "p_digits":
            other = num(min(0.99, fit.p[i] + rng.uniform(0.1, 0.5)), 3)
            at = 4
            if abs(float(other) - fit.p[i]) < 0.05 + spread:
                continue
        elif kind == "ci_end":
            at = int(rng.integers(5, 7))
            other = swap_digits(rng, row[at], max(0.3 * fit.se[i], 20 * 10.0**-d))
        elif kind == "b_sign":
            if abs(fit.t[i]) < 0.5:
                continue
            at, other = 1, (row[1][1:] if row[1].startswith("-") else "-" + row[1])
        else:
            at = 2
            other = swap_digits(rng, row[2], 0.15 * fit.se[i])
            if other is not None and abs(fit.t[i]) < 0.5:
                other = None
        if other is None or other == row[at]:
            continue
        row[at] = other
        planted, cells = kind, (row[1], row[2], row[3], row[4], row[5], row[6])
        break
    if plant and not planted:
        rows[0][4] = "1.250"
        planted, cells = "p_above_one", ("1.250",)
    ci = str(pick(rng, "two", "one"))
    heads = (
        ["变量", "系数", "标准误", "t值", "p值"] if zh else ["Variable", "Coef.", "Std. Err.", "t", "P>|t|"]
    )
    if ci == "two":
        heads += ["95%置信区间下限", "95%置信区间上限"] if zh else ["95% CI lower", "95% CI upper"]
    else:
        heads += ["95%置信区间"] if zh else ["95% CI"]
        rows = [[*row[:5], f"[{row[5]}, {row[6]}]"] for row in rows]
    n_row = ["样本量" if zh else "Observations", str(fit.n), *[""] * (len(heads) - 2)]
    r2_row = ["R2", num(fit.r2, 4), *[""] * (len(heads) - 2)]
    return Made(
        "regression_long",
        "表4 回归结果" if zh else "Table 4 Regression",
        [heads, *rows, n_row, r2_row],
        "",
        planted,
        cells,
    )


def odds(rng: Rng, plant: bool) -> Made:
    zh = bool(rng.integers(2))
    data = panel(rng)
    names = list(pick(rng, *NAMES[zh]))  # type: ignore[call-overload]
    fit = logit(data, int(rng.integers(1, 4)), names)
    rows = []
    for i, name in enumerate(fit.names[:-1]):
        if fit.high[i] > 5:
            continue
        rows.append(
            [
                name,
                num(np.exp(fit.b[i]), 3),
                f"({num(np.exp(fit.low[i]), 3)}, {num(np.exp(fit.high[i]), 3)})",
                num(fit.p[i], 3),
            ]
        )
    if not rows:
        return odds(rng, plant)
    planted, cells = "", ()
    if plant:
        row = rows[int(rng.integers(len(rows)))]
        low, high = (float(x) for x in row[2].strip("()").split(", "))
        row[1] = (
            num(high * rng.uniform(1.1, 2) + 0.01, 3)
            if rng.integers(2)
            else num(max(low * 0.8 - 0.002, 0), 3)
        )
        planted, cells = "outside_interval", (row[1],)
    heads = ["变量", "OR", "95%置信区间", "p值"] if zh else ["Variable", "Odds ratio", "95% CI", "p-value"]
    return Made(
        "odds",
        "表5 Logit回归" if zh else "Table 5 Logit",
        [heads, *rows, ["N", str(fit.n), "", ""]],
        "",
        planted,
        cells,
    )


# Moments ---------------------------------------------------------------------------------------------------


def variables(rng: Rng, n: int, zh: bool) -> list[tuple[str, str, np.ndarray, str]]:
    level = np.exp(rng.normal(rng.uniform(1, 6), rng.uniform(0.2, 1.2), n))
    binary = (rng.random(n) < rng.uniform(0.03, 0.97)).astype(float)
    binary[:2] = (0, 1)
    if zh:
        return [
            ("GDP", "地区生产总值(亿元)", level, "level"), ("lnGDP", "地区生产总值的对数", np.log(level), "log"),
            ("Policy", "虚拟变量，综试区城市为1，否则为0", binary, "binary"),
            ("Urban", "城镇化率(%)", 100 * rng.beta(4, 3, n), "share"), ("Open", "进出口总额与GDP之比", rng.gamma(1, 0.3, n), "ratio"),
            ("Score", "综合得分", rng.normal(0, 1, n), "real"), ("Patent", "专利数量(件)", rng.poisson(rng.uniform(2, 40), n).astype(float), "count"),
        ]  # fmt: skip
    return [
        ("GDP", "GDP, 100 million yuan", level, "level"), ("ln GDP", "log of GDP", np.log(level), "log"),
        ("Treat", "1 if pilot city, 0 otherwise", binary, "binary"),
        ("Urban", "share of urban population (%)", 100 * rng.beta(4, 3, n), "share"), ("Open", "trade over GDP", rng.gamma(1, 0.3, n), "ratio"),
        ("Score", "composite score", rng.normal(0, 1, n), "real"), ("Patents", "number of patents", rng.poisson(rng.uniform(2, 40), n).astype(float), "count"),
    ]  # fmt: skip


def descriptive(rng: Rng, plant: bool) -> Made:
    zh = bool(rng.integers(2))
    n = int(rng.choice([8, 15, 31, 60, 300, 1000, 3878]))
    d = int(rng.integers(2, 5))
    made = [v for v in variables(rng, n, zh) if rng.integers(4)] or variables(rng, n, zh)
    stats_ = ["n", "mean", "sd", "min", "max"]
    if rng.integers(3) == 0:
        stats_.insert(4, "p50")
    if rng.integers(5) == 0:
        stats_.remove("n")
    rows: list[dict[str, str]] = []
    for name, text, x, kind in made:
        whole = kind in ("binary", "count") and rng.integers(2)
        ends = 0 if whole else d
        ddof = 1
        rows.append({"name": name, "text": text, "kind": kind, "n": str(n), "mean": num(x.mean(), d), "sd": num(x.std(ddof=ddof), d),
                     "min": num(x.min(), ends), "max": num(x.max(), ends), "p50": num(float(np.median(x)), d)})  # fmt: skip
    planted, cells = "", ()
    for _ in range(100 if plant else 0):
        i = int(rng.integers(len(rows)))
        row, x = rows[i], made[i][2]
        mean, sd, low, high = (float(row[k]) for k in ("mean", "sd", "min", "max"))
        u = 10.0**-d
        kind = str(pick(rng, "mean_above", "mean_below", "sd_large", "sd_small", "binary_sd", "share_above", "exchanged", "negative_sd",
                        "jensen", "grim", "order"))  # fmt: skip
        if kind == "mean_above" and high - low > 10 * u:
            row["mean"] = num(high + max(0.02 * abs(high), 3 * u) + 1.1 * (0 if "." in row["max"] else 1), d)
            planted, cells = kind, (row["mean"],)
        elif kind == "mean_below" and high - low > 10 * u:
            row["mean"] = num(low - max(0.02 * abs(low), 3 * u) - 1.1 * (0 if "." in row["min"] else 1), d)
            planted, cells = kind, (row["mean"],)
        elif kind == "sd_large" and n > 2 and "." in row["max"]:
            # Even with half of all values at either end.
            top = np.sqrt(n / (n - 1) * max(0, high - mean) * max(0, mean - low))
            row["sd"] = num(top * 1.08 + 4 * u, d)
            planted, cells = kind, (row["sd"],)
        elif kind == "sd_small" and "n" in stats_ and "." in row["max"]:
            least = max(high - mean, mean - low) / np.sqrt(n - 1)
            if 0.85 * least - 3 * u <= 2 * u:
                continue
            row["sd"] = num(0.85 * least - 3 * u, d)
            planted, cells = kind, (row["sd"],)
        elif kind == "binary_sd" and row["kind"] == "binary":
            other = float(np.sqrt(mean * (1 - mean))) * 0.85 - 4 * u
            if other <= 0:
                continue
            row["sd"] = num(other, d)
            planted, cells = kind, (row["sd"],)
        elif kind == "share_above" and row["kind"] == "share":
            row["max"] = num(100 + rng.uniform(1, 60), d)
            planted, cells = kind, (row["max"],)
        elif kind == "exchanged" and len(rows) > 1:
            j = int(rng.integers(len(rows)))
            a, b = rows[i], rows[j]
            if i == j or float(a["min"]) - 1 <= float(b["mean"]) <= float(a["max"]) + 1:
                continue
            a["mean"], b["mean"] = b["mean"], a["mean"]
            planted, cells = kind, (a["mean"], b["mean"])
        elif kind == "negative_sd" and sd > 2 * u:
            row["sd"] = "-" + row["sd"]
            planted, cells = kind, (row["sd"],)
        elif kind == "jensen" and row["kind"] == "log" and any(r["kind"] == "level" for r in rows):
            level = next(r for r in rows if r["kind"] == "level")
            top = np.log(float(level["mean"])) + 0.02 + 4 * u
            if (
                top > float(row["max"]) - 2 * u
                or not (0.5 * (high - low))
                or np.sqrt((high - top) * (top - low)) < sd
            ):
                continue
            row["mean"] = num(top, d)
            planted, cells = kind, (row["mean"],)
        elif kind == "grim" and row["kind"] == "binary" and "n" in stats_ and n < 0.2 * 10**d:
            # Between two multiples of 1 / n.
            count = round(x.sum())
            row["mean"] = num((count + 0.5) / n, d)
            at = float(row["mean"]) * n
            if abs(at - round(at)) < n * u:
                continue
            row["sd"] = num(np.sqrt(float(row["mean"]) * (1 - float(row["mean"])) * n / (n - 1)), d)
            planted, cells = kind, (row["mean"],)
        elif kind == "order" and high - low > 5:
            row["min"], row["max"] = row["max"], row["min"]
            planted, cells = kind, (row["min"], row["max"], row["mean"])
        if planted:
            break
    if plant and not planted:
        rows[0]["sd"] = "-0.50"
        planted, cells = "negative_sd", ("-0.50",)
    names = {
        True: {"n": ("样本量", "观测值", "N"), "mean": ("均值", "平均值"), "sd": ("标准差",), "min": ("最小值",), "max": ("最大值",), "p50": ("中位数",)},
        False: {"n": ("N", "Obs", "Observations"), "mean": ("Mean",), "sd": ("SD", "Std. Dev.", "Std. dev."), "min": ("Min", "Minimum"),
                "max": ("Max", "Maximum"), "p50": ("Median", "p50")},
    }[zh]  # fmt: skip
    heads = [str(pick(rng, *names[s])) for s in stats_]
    # A definition must be there where a rule rests on it.
    defines = planted in ("share_above", "binary_sd", "grim") or rng.integers(2)
    table = [["变量" if zh else "Variable", *(["定义" if zh else "Definition"] if defines else []), *heads]]
    for row in rows:
        table.append([row["name"], *([row["text"]] if defines else []), *[row[s] for s in stats_]])
    if rng.integers(8) == 0 and not defines:
        table = [list(column) for column in zip(*table, strict=True)]
    return Made(
        "descriptive",
        "表1 描述性统计" if zh else "Table 1. Descriptive statistics",
        table,
        "",
        planted,
        cells,
    )


def balance(rng: Rng, plant: bool) -> Made:
    zh = bool(rng.integers(2))
    sizes = rng.integers(20, 400, 2)
    d = 3
    names = (
        ["人均GDP", "产业结构", "财政支出", "外资"]
        if zh
        else ["GDP per capita", "Industry", "Spending", "FDI"]
    )
    rows, keep = [], []
    for name in names:
        a, b = (rng.normal(rng.uniform(1, 9), rng.uniform(0.2, 2), int(s)) for s in sizes)
        keep.append(a.mean() - b.mean())
        rows.append(
            [
                name,
                str(sizes[0]),
                num(a.mean(), d),
                str(sizes[1]),
                num(b.mean(), d),
                num(a.mean() - b.mean(), d),
            ]
        )
    planted, cells = "", ()
    if plant:
        i = int(rng.integers(len(rows)))
        rows[i][5] = num(keep[i] + float(pick(rng, -1, 1)) * rng.uniform(0.01, 0.9), d)  # type: ignore[arg-type]
        planted, cells = "difference", (rows[i][5],)
    top = ["", "处理组", "", "对照组", "", ""] if zh else ["", "Treated", "", "Control", "", ""]
    heads = (
        ["变量", "样本量", "均值", "样本量", "均值", "差异"]
        if zh
        else ["Variable", "N", "Mean", "N", "Mean", "Difference"]
    )
    return Made(
        "balance", "表2 均值差异" if zh else "Table 2 Balance", [top, heads, *rows], "", planted, cells
    )


def correlation(rng: Rng, plant: bool) -> Made:
    zh = bool(rng.integers(2))
    n, k = int(rng.integers(30, 900)), int(rng.integers(3, 6))
    x = rng.normal(size=(n, k)) @ rng.normal(size=(k, k))
    r = np.corrcoef(x.T)
    names = [f"X{i + 1}" for i in range(k)]
    rows = [
        [names[i], *[("1" if i == j else num(r[i, j], 3)) if j <= i else "" for j in range(k)]]
        for i in range(k)
    ]
    planted, cells = "", ()
    if plant:
        i = int(rng.integers(1, k))
        rows[i][1] = num((1 + rng.uniform(0.01, 0.5)) * float(pick(rng, -1, 1)), 3)  # type: ignore[arg-type]
        planted, cells = "above_one", (rows[i][1],)
    return Made(
        "correlation",
        "表3 相关系数矩阵" if zh else "Table 3 Correlations",
        [["", *names], *rows],
        "",
        planted,
        cells,
    )


# Efficiency ------------------------------------------------------------------------------------------------


def frontier(x: np.ndarray, y: np.ndarray, o: int, *, variable: bool) -> float:
    """Input-oriented efficiency: Charnes, Cooper and Rhodes (1978), with variable returns Banker et al. (1984)."""
    n = len(x)
    c = np.r_[1.0, np.zeros(n)]
    a = np.vstack([np.c_[-x[o][:, None], x.T], np.c_[np.zeros((y.shape[1], 1)), -y.T]])
    b = np.r_[np.zeros(x.shape[1]), -y[o]]
    eq = np.r_[0.0, np.ones(n)][None, :] if variable else None
    done = linprog(c, A_ub=a, b_ub=b, A_eq=eq, b_eq=[1.0] if variable else None, bounds=[(0, None)] * (n + 1))
    return float(done.x[0])


def efficiency(rng: Rng, plant: bool) -> Made:
    zh = bool(rng.integers(2))
    n = int(rng.integers(8, 16))
    x, y = rng.gamma(3, 2, (n, 2)) + 1, rng.gamma(3, 2, (n, 1)) + 1
    d = int(rng.integers(3, 5))
    rows = []
    for o in range(n):
        crs, vrs = frontier(x, y, o, variable=False), frontier(x, y, o, variable=True)
        crs, vrs = min(crs, 1.0), min(max(vrs, crs), 1.0)
        rows.append([f"{'城市' if zh else 'City '}{o + 1}", num(crs, d), num(vrs, d), num(crs / vrs, d)])
    numbers = np.array([[float(v) for v in row[1:]] for row in rows])
    mean = ["均值" if zh else "Mean", *[num(v, d) for v in numbers.mean(axis=0)]]
    planted, cells = "", ()
    u = 10.0**-d
    for _ in range(60 if plant else 0):
        kind = str(pick(rng, "above_one", "product", "mean_row"))
        i, j = int(rng.integers(n)), int(rng.integers(1, 4))
        if kind == "above_one":
            rows[i][j] = num(1 + rng.uniform(0.01, 0.4), d)
            planted, cells = kind, tuple(rows[i][1:])
        elif kind == "product" and numbers[i, j - 1] < 0.95:
            other = num(numbers[i, j - 1] - rng.uniform(0.02, 0.2), d)
            if float(other) <= 0.05:
                continue
            rows[i][j] = other
            planted, cells = kind, tuple(rows[i][1:])
        elif kind == "mean_row":
            geometric = float(np.exp(np.log(np.maximum(numbers[:, j - 1], u)).mean()))
            other = float(mean[j]) + float(pick(rng, -1, 1)) * rng.uniform(0.03, 0.1)  # type: ignore[arg-type]
            if abs(other - geometric) < 0.01 or other > 1:
                continue
            mean[j] = num(other, d)
            planted, cells = kind, tuple(mean[1:])
        if planted:
            break
    if plant and not planted:
        rows[0][1] = num(1.3, d)
        planted, cells = "above_one", tuple(rows[0][1:])
    heads = ["城市", "综合效率", "纯技术效率", "规模效率"] if zh else ["DMU", "crste", "vrste", "scale"]
    # A planted cell makes the mean of its column odd too: one of both must be told.
    if planted in ("above_one", "product"):
        cells = (*cells, *mean[1:])
    return Made(
        "efficiency",
        "表6 DEA效率" if zh else "Table 6 DEA efficiency",
        [heads, *rows, mean],
        "",
        planted,
        cells,
    )


def malmquist(rng: Rng, plant: bool) -> Made:
    zh = bool(rng.integers(2))
    n, d = int(rng.integers(5, 12)), 3
    pure, scale, tech = (np.exp(rng.normal(0, 0.06, n)) for _ in range(3))
    values = np.column_stack([pure * scale, tech, pure, scale, pure * scale * tech])
    rows = [[f"{2010 + i}-{2011 + i}", *[num(v, d) for v in values[i]]] for i in range(n)]
    mean = ["均值" if zh else "mean", *[num(v, d) for v in np.exp(np.log(values).mean(axis=0))]]
    planted, cells = "", ()
    if plant:
        i, j = int(rng.integers(n)), int(rng.integers(1, 6))
        if rng.integers(3) == 0:
            mean[j] = num(float(mean[j]) + float(pick(rng, -1, 1)) * rng.uniform(0.03, 0.09), d)  # type: ignore[arg-type]
            planted, cells = "mean_row", tuple(mean[1:])
        else:
            rows[i][j] = num(float(rows[i][j]) + float(pick(rng, -1, 1)) * rng.uniform(0.015, 0.2), d)  # type: ignore[arg-type]
            planted, cells = "product", (*rows[i][1:], *mean[1:])
    heads = (["年份", "技术效率变化", "技术进步", "纯技术效率变化", "规模效率变化", "全要素生产率变化"] if zh
             else ["Year", "effch", "techch", "pech", "sech", "tfpch"])  # fmt: skip
    return Made(
        "malmquist",
        "表7 Malmquist指数" if zh else "Table 7 Malmquist index",
        [heads, *rows, mean],
        "",
        planted,
        cells,
    )


# Mediation -------------------------------------------------------------------------------------------------


def mediation(rng: Rng, plant: bool) -> Made:
    zh = bool(rng.integers(2))
    n, d = int(rng.integers(80, 1500)), int(rng.integers(3, 5))
    x = rng.normal(size=n)
    m = rng.uniform(0.2, 0.8) * x + rng.normal(size=n)
    y = rng.uniform(0.1, 0.6) * x + rng.uniform(0.2, 0.8) * m + rng.normal(size=n)
    ones = np.ones(n)
    fits = [sm.OLS(y, np.column_stack([x, ones])).fit(), sm.OLS(m, np.column_stack([x, ones])).fit(),
            sm.OLS(y, np.column_stack([x, m, ones])).fit()]  # fmt: skip
    names = [["X", "cons"], ["X", "cons"], ["X", "Medi", "cons"]]
    rows = []
    text: dict[tuple[str, int], str] = {}
    for c, f in enumerate(fits):
        for i, name in enumerate(names[c]):
            text[name, c] = num(f.params[i], d)
    planted, cells = "", ()
    if plant:
        c = int(rng.integers(3))
        # Far beyond rounding, and of the same stars.
        shift = float(pick(rng, -1, 1)) * (0.04 + 20 * 10.0**-d)  # type: ignore[arg-type]
        if abs(fits[c].params[0] + shift) / fits[c].bse[0] < 4:
            shift = abs(shift)
        text["X", c] = num(
            fits[c].params[0] + shift * (1 if c != 1 else 1 / max(0.15, abs(fits[2].params[1]))), d
        )
        planted, cells = "identity", tuple(text[k] for k in (("X", 0), ("X", 1), ("X", 2), ("Medi", 2)))
    legend = LEGENDS["usual"]
    for name in ("X", "Medi", "cons"):
        line, below = [name if name != "cons" else ("常数项" if zh else "Constant")], [""]
        for c, f in enumerate(fits):
            if name not in names[c]:
                line.append("")
                below.append("")
                continue
            i = names[c].index(name)
            line.append(text[name, c] + stars(f.pvalues[i], legend))
            below.append(f"({num(f.bse[i], d)})")
        rows += [line, below]
    heads = [["变量" if zh else "Variable", "(1)", "(2)", "(3)"], ["", "Y", "Medi", "Y"]]
    feet = [["N", *[str(n)] * 3], ["R2", *[num(f.rsquared, 3) for f in fits]]]
    note = ("注：括号内为标准误；" if zh else "Note: Standard errors in parentheses; ") + legend_text(
        rng, legend, zh
    )
    return Made(
        "mediation", "表8 中介效应" if zh else "Table 8 Mediation", heads + rows + feet, note, planted, cells
    )


def effects(rng: Rng, plant: bool) -> Made:
    zh = bool(rng.integers(2))
    d = 3
    rows = []
    kinds = ["share", "total", "overlap"]
    kind = str(pick(rng, *kinds)) if plant else ""
    paths = int(rng.integers(1, 4))
    total = rng.uniform(0.2, 0.9)
    parts = rng.dirichlet(np.ones(paths + 1))[:paths] * 0.9
    if kind == "overlap":
        paths = max(paths, 2)
        parts = rng.uniform(0.6, 0.9, paths)
    values = []
    for i in range(paths):
        indirect = total * parts[i]
        row = [num(total, d), num(total - indirect, d), num(indirect, d), num(100 * parts[i], 2) + "%"]
        values.append(row)
    planted, cells = "", ()
    if plant:
        i = int(rng.integers(paths))
        if kind == "share":
            values[i][3] = num(100 * parts[i] + rng.uniform(3, 9), 2) + "%"
            cells = tuple(values[i])
        elif kind == "total":
            values[i][1] = num(float(values[i][1]) + rng.uniform(0.02, 0.1), d)
            cells = tuple(values[i])
        else:
            cells = tuple(row[3] for row in values)
        planted = kind
    for i, row in enumerate(values):
        rows.append([f"M{i + 1}", *row])
    heads = (["中介变量", "总效应", "直接效应", "间接效应", "中介效应占比"] if zh
             else ["Mediator", "Total effect", "Direct effect", "Indirect effect", "Share mediated"])  # fmt: skip
    return Made(
        "effects", "表9 中介效应分解" if zh else "Table 9 Effects", [heads, *rows], "", planted, cells
    )


FAMILIES: dict[str, tuple[Callable[[Rng, bool], Made], int]] = {
    "regression_wide": (regression_wide, 10), "regression_long": (regression_long, 3), "odds": (odds, 1),
    "descriptive": (descriptive, 6), "balance": (balance, 1), "correlation": (correlation, 1),
    "efficiency": (efficiency, 1), "malmquist": (malmquist, 2), "mediation": (mediation, 2), "effects": (effects, 1),
}  # fmt: skip


def generate(rng: Rng, plant: bool, family: str = "") -> Made:
    names = list(FAMILIES)
    weights = np.array([FAMILIES[name][1] for name in names], float)
    name = family or str(rng.choice(names, p=weights / weights.sum()))
    return FAMILIES[name][0](rng, plant)


# Files -----------------------------------------------------------------------------------------------------


def as_bytes(made: Made, kind: str, rng: Rng) -> bytes:
    """The table as a file: title above, note below, stars raised in documents."""
    width = max(len(row) for row in made.rows)
    rows = [[*row, *[""] * (width - len(row))] for row in made.rows]
    if kind == "csv":
        text = io.StringIO()
        writer = csv.writer(text)
        if made.title:
            writer.writerow([made.title])
        gap = len(rows) - 2 if rng.integers(4) == 0 else -1
        for number, row in enumerate(rows):
            if number == gap and made.family == "regression_wide":
                writer.writerow([""] * width)
            writer.writerow(row)
        for line in made.note.split("；" if rng.integers(2) else "\x00") if made.note else []:
            writer.writerow([line])
        return text.getvalue().encode("utf-8-sig" if rng.integers(2) else "utf-8")
    if kind == "xlsx":
        book = Workbook()
        sheet = book.active
        if made.title:
            sheet.append([made.title])
        as_numbers = bool(rng.integers(2))
        for row in rows:
            sheet.append([""] * width)
            at = sheet.max_row
            for column, value in enumerate(row, 1):
                cell = sheet.cell(at, column)
                if as_numbers and re.fullmatch(r"-?\d+\.\d+", value):
                    cell.value = float(value)
                    cell.number_format = "0." + "0" * len(value.split(".")[1])
                elif value:
                    cell.value = value
        if made.note:
            sheet.append([made.note])
            sheet.merge_cells(
                start_row=sheet.max_row, end_row=sheet.max_row, start_column=1, end_column=width
            )
        out = io.BytesIO()
        book.save(out)
        return out.getvalue()
    if kind == "docx":
        document = Document()
        if made.title:
            document.add_paragraph(made.title)
        table = document.add_table(len(rows), width)
        for r, row in enumerate(rows):
            for c, value in enumerate(row):
                paragraph = table.cell(r, c).paragraphs[0]
                match = re.fullmatch(r"(.*?)([*∗＊]+)", value)
                paragraph.add_run(match[1] if match else value)
                if match:
                    paragraph.add_run(match[2]).font.superscript = True
        if made.note:
            document.add_paragraph(made.note)
        out = io.BytesIO()
        document.save(out)
        return out.getvalue()
    from html import escape

    parts = ["<html><head><meta charset='utf-8'></head><body>"]
    if made.title:
        parts.append(f"<p>{escape(made.title)}</p>")
    parts.append("<table>")
    for row in rows:
        cells = []
        for value in row:
            text = escape(value).replace("\n", "<br>")
            raised = re.sub(r"([*∗＊]+)$", r"<sup>\1</sup>", text)
            cells.append(f"<td>{raised}</td>")
        parts.append(f"<tr>{''.join(cells)}</tr>")
    parts.append("</table>")
    if made.note:
        parts.append(f"<p>{escape(made.note)}</p>")
    parts.append("</body></html>")
    return "".join(parts).encode()


# Score -----------------------------------------------------------------------------------------------------


def plain(text: str) -> str:
    return re.sub(r"[()\[\]（）［］*∗＊%,]", "", text).replace("−", "-").replace("–", "-").strip()


@dataclass
class Score:
    """Of each kind of error: planted, found; and findings in tables or cells without one."""

    planted: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    found: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    true_findings: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    false_findings: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    missed: list[tuple[int, Made, str]] = field(default_factory=list)
    alarms: list[tuple[int, Made, str, str]] = field(default_factory=list)
    unread: list[tuple[int, Made, str]] = field(default_factory=list)

    @property
    def recall(self) -> float:
        return sum(self.found.values()) / max(1, sum(self.planted.values()))

    @property
    def precision(self) -> float:
        right, wrong = sum(self.true_findings.values()), sum(self.false_findings.values())
        return right / max(1, right + wrong)

    def table(self) -> str:
        lines = ["error planted             planted  found  recall"]
        for kind in sorted(self.planted):
            n, m = self.planted[kind], self.found[kind]
            lines.append(f"{kind:<26}{n:>7}{m:>7}{m / n:>8.3f}")
        lines.append("rule that found             right  wrong")
        for rule in sorted({*self.true_findings, *self.false_findings}):
            lines.append(f"{rule:<26}{self.true_findings[rule]:>7}{self.false_findings[rule]:>7}")
        lines.append(
            f"recall {self.recall:.4f}, precision {self.precision:.4f}, tables not read {len(self.unread)}"
        )
        return "\n".join(lines)


def score(n: int, seed: int, family: str = "") -> Score:
    """Audit n generated tables, every second with an error, as files of all formats in turn."""
    from cbec.audit.read import tables_of
    from cbec.audit.run import audit_grid
    from cbec.ingest.files import File

    result = Score()
    for number in range(n):
        rng = np.random.default_rng([seed, number])
        made = generate(rng, number % 2 == 1, family)
        kind = FORMATS[int(rng.integers(len(FORMATS)))]
        name = f"table.{kind}"
        tables = [audit_grid(grid) for grid in tables_of(File(name, as_bytes(made, kind, rng), Path(name)))]
        findings = [f for one in tables for f in one.findings if f.level != "remark"]
        if not any(one.is_read for one in tables):
            result.unread.append((number, made, kind))
        aim = {plain(text) for text in made.cells}
        is_found = False
        for f in findings:
            printed = {plain(part) for _, text in f.cells for part in text.split(", ")}
            hits = bool(made.planted) and (bool(printed & aim) or not aim)
            if hits:
                is_found = True
                result.true_findings[f.rule] += 1
            else:
                result.false_findings[f.rule] += 1
                result.alarms.append((number, made, kind, f"{f.level} {f.rule} {f.where} {dict(f.args)}"))
        if made.planted:
            key = f"{made.family}:{made.planted}"
            result.planted[key] += 1
            result.found[key] += is_found
            if not is_found:
                result.missed.append((number, made, kind))
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=1000, help="tables, half of them with an error")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--family", default="", choices=["", *FAMILIES])
    parser.add_argument(
        "--show", action="store_true", help="print the tables that were missed or wrongly flagged"
    )
    chosen = parser.parse_args()
    result = score(chosen.n, chosen.seed, chosen.family)
    if chosen.show:
        for number, made, kind in [*result.missed, *result.unread]:
            print(f"missed {number} {kind} {made.family}:{made.planted} {made.cells}\n{made.title}")
            print("\n".join(" | ".join(row) for row in made.rows), made.note, sep="\n")
        for number, made, kind, text in result.alarms:
            print(f"alarm {number} {kind} {made.family}:{made.planted}: {text}\n{made.title}")
            print("\n".join(" | ".join(row) for row in made.rows), made.note, sep="\n")
    print(result.table())
    sys.exit(0)


if __name__ == "__main__":
    main()
