"""Run every technology of the registry that the loaded data allow: the rows of marts.green_tfp."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from cbec.efficiency.index import Method, ProductivityResult, productivity_index
from cbec.efficiency.panel import EfficiencyWarning, Panel, Unbalanced, cube_panel
from cbec.efficiency.technology import Technology, efficiency_of

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]
Text = NDArray[np.object_]

GREEN_TFP_SCHEMA = pa.schema(
    [
        ("technology", pa.string()),
        ("region_level", pa.string()),
        ("region_code", pa.string()),
        ("year", pa.int32()),
        ("efficiency", pa.float64()),
        ("index", pa.float64()),
        ("efficiency_change", pa.float64()),
        ("technical_change", pa.float64()),
        ("cumulative_index", pa.float64()),
        ("base_year", pa.int32()),
        ("lp_status", pa.string()),
        ("index_status", pa.string()),
        ("reason", pa.string()),
        ("obs_status", pa.string()),
        ("obs_status_all", pa.string()),
        ("imputed_share", pa.float64()),
        ("n_units", pa.int32()),
        ("frontier_imputed_share", pa.float64()),
        ("frontier", pa.string()),
        ("sample_id", pa.string()),
        ("note", pa.string()),
        ("is_default", pa.bool_()),
        ("is_simulated", pa.bool_()),
    ]
)
LIST_SEPARATOR = " + "
# How the frontier of a definition maps on the index: method, family.
FRONTIERS = {
    "global": ("global", "contemporaneous"),
    "contemporaneous": ("adjacent", "contemporaneous"),
    "sequential": ("adjacent", "sequential"),
    "biennial": ("biennial", "contemporaneous"),
}
RULES = {"equality": "weak", "inequality": "strong"}
# Years beside a figure that it is compared with, and how many of them must be there.
NEIGHBOURS, MIN_NEIGHBOURS = 4, 3
NUMBERS = ("efficiency", "index", "efficiency_change", "technical_change", "cumulative_index")


@dataclass(frozen=True)
class TechnologyData:
    """What the definitions read, one field a table of the warehouse.

    technology: registry.technology. cell: region_level, region_code, year, indicator_id, value,
    obs_status_all of every cell of a variable. sample: sample_id, region_level, region_code, year.
    obs_status: obs_status, precedence, is_filled. is_simulated: whether these are demo figures.
    """

    technology: pd.DataFrame
    cell: pd.DataFrame
    sample: pd.DataFrame
    obs_status: pd.DataFrame
    is_simulated: bool


@dataclass(frozen=True)
class Definition:
    """One row of registry.technology. Raises ValueError where a value is not an allowed one."""

    name: str
    technology: Technology
    method: str
    family: str
    form: str
    frontier: str
    inputs: tuple[str, ...]
    goods: tuple[str, ...]
    bads: tuple[str, ...]
    sample_id: str
    unbalanced: str
    screen_ratio: float | None
    is_default: bool

    @property
    def variables(self) -> tuple[str, ...]:
        return (*self.inputs, *self.goods, *self.bads)

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Definition:
        name = str(row["technology"])
        if row["frontier"] not in FRONTIERS:
            raise ValueError(f"{name}: frontier must be one of {tuple(FRONTIERS)}, got {row['frontier']!r}")
        method, family = FRONTIERS[row["frontier"]]
        screen = row["screen_ratio"]
        given = {"direction": row["direction"]} if _text(row["direction"]) else {}
        if _text(row["bads_rule"]):
            given["disposability"] = RULES[row["bads_rule"]]
        measure = str(row["measure"])
        orientation = "output" if measure == "radial" else "none"
        return cls(
            name=name,
            technology=Technology(
                cast(Any, measure),
                cast(Any, orientation),
                row["returns_to_scale"],
                super_efficiency=bool(row["is_super_efficiency"]),
                **cast(Any, given),
            ),
            method=method,
            family=family,
            form="difference" if row["index_kind"] == "luenberger" else "ratio",
            frontier=str(row["frontier"]),
            inputs=_listed(row["inputs"]),
            goods=_listed(row["good_outputs"]),
            bads=_listed(row["bad_outputs"]),
            sample_id=str(row["sample_id"]),
            unbalanced=str(row["unbalanced"]),
            screen_ratio=None if screen is None or np.isnan(float(screen)) else float(screen),
            is_default=bool(row["is_default"]),
        )


@dataclass(frozen=True)
class _Grid:
    """The sample's cells of one definition, (years, regions, variables).

    values: NaN where there is no usable figure. status_codes: those of each cell, "" where nothing covers
    the cell. inside: (years, regions) whether the region belongs to the sample in that year.
    status, reason: (years, regions) "" or why the cell cannot be evaluated.
    """

    level: str
    years: tuple[int, ...]
    regions: tuple[str, ...]
    values: Float
    status_codes: Text
    inside: Bool
    status: Text
    reason: Text

    @property
    def complete(self) -> Bool:
        return np.asarray(self.inside & (self.status == ""), dtype=np.bool_)


def variables(technology: pd.DataFrame) -> list[str]:
    """Indicators that any definition names, sorted."""
    names: set[str] = set()
    for row in technology.to_dict("records"):
        names.update(*(_listed(row[role]) for role in ("inputs", "good_outputs", "bad_outputs")))
    return sorted(names)


def green_tfp_table(data: TechnologyData) -> pa.Table:
    """One row per definition that can run, region and year of its sample; GREEN_TFP_SCHEMA.

    A definition runs when two consecutive years have a complete region. A region-year without a
    complete set of figures keeps its row: lp_status says ``missing`` or ``screened`` and reason
    names the indicators.
    """
    columns: dict[str, list[Any]] = {field.name: [] for field in GREEN_TFP_SCHEMA}
    has_value = data.cell[data.cell["value"].notna()].groupby("region_level")["indicator_id"].agg(set)
    for row in data.technology.sort_values("technology").to_dict("records"):
        definition = Definition.from_row({str(name): value for name, value in row.items()})
        level = _sample(data, definition)["region_level"].iloc[0]
        if not has_value.get(level, set()).issuperset(definition.variables):
            continue
        grid = _grid(data, definition)
        span = _span(grid.complete)
        if span is None:
            # Awaiting data: quality.technology_readiness says which indicator.
            continue
        for name, values in _rows(data, definition, grid, span):
            columns[name].extend(values)
    return pa.table(columns, schema=GREEN_TFP_SCHEMA)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _listed(value: Any) -> tuple[str, ...]:
    return tuple(part for part in _text(value).split(LIST_SEPARATOR) if part)


def _sample(data: TechnologyData, definition: Definition) -> pd.DataFrame:
    sample = data.sample[data.sample["sample_id"] == definition.sample_id]
    if sample.empty:
        known = sorted(data.sample["sample_id"].unique())
        raise ValueError(f"{definition.name}: sample {definition.sample_id!r} is empty; known: {known}")
    return sample


def _grid(data: TechnologyData, definition: Definition) -> _Grid:
    sample = _sample(data, definition)
    level = str(sample["region_level"].iloc[0])
    years = tuple(int(year) for year in sorted(sample["year"].unique()))
    regions = tuple(sorted(sample["region_code"].unique()))
    at_year = {year: t for t, year in enumerate(years)}
    at_region = {region: i for i, region in enumerate(regions)}
    shape = (len(years), len(regions), len(definition.variables))
    inside = np.zeros(shape[:2], dtype=np.bool_)
    inside[sample["year"].map(at_year), sample["region_code"].map(at_region)] = True
    values = np.full(shape, np.nan)
    status_codes = np.full(shape, "", dtype=object)
    cells = data.cell[data.cell["region_level"] == level]
    for v, variable in enumerate(definition.variables):
        of = cells[
            (cells["indicator_id"] == variable)
            & cells["year"].isin(at_year)
            & cells["region_code"].isin(at_region)
        ]
        t, i = of["year"].map(at_year), of["region_code"].map(at_region)
        values[t, i, v] = of["value"].to_numpy(dtype=np.float64, na_value=np.nan)
        status_codes[t, i, v] = of["obs_status_all"].fillna("").to_numpy(dtype=object)
    values[~inside] = np.nan
    status = np.full(shape[:2], "", dtype=object)
    reason = np.full(shape[:2], "", dtype=object)
    for v, why in _unusable(definition, values, status_codes):
        state, text = why
        for t, i in np.argwhere(text != ""):
            reason[t, i] += ("; " if reason[t, i] else "") + f"{definition.variables[v]} {text[t, i]}"
            # Missing weighs more: a screened figure could be looked up, an absent one must be found.
            status[t, i] = "missing" if "missing" in (state, status[t, i]) else state
            values[t, i, v] = np.nan
    m, s = len(definition.inputs), len(definition.goods)
    for what, block in (("inputs", values[:, :, :m]), ("good outputs", values[:, :, m : m + s])):
        for t, i in np.argwhere((status == "") & (block == 0).all(axis=2)):
            status[t, i], reason[t, i] = "missing", f"all {what} are 0"
    return _Grid(level, years, regions, values, status_codes, inside, status, reason)


def _unusable(
    definition: Definition, values: Float, status_codes: Text
) -> Iterator[tuple[int, tuple[str, Text]]]:
    """For each variable, the cells that cannot be used, with a status and a reason in words."""
    for v in range(values.shape[2]):
        x = values[:, :, v].copy()
        absent = np.full(x.shape, "", dtype=object)
        for t, i in np.argwhere(~np.isfinite(x)):
            status_code = status_codes[t, i, v]
            absent[t, i] = f"has no value ({status_code})" if status_code else "has no value"
        for t, i in np.argwhere(x < 0):
            absent[t, i] = f"is {x[t, i]:g}, below 0"
        yield v, ("missing", absent)
        if definition.screen_ratio is None:
            continue
        jump = _jump(x)
        odd = np.full(x.shape, "", dtype=object)
        with np.errstate(invalid="ignore"):
            far = np.abs(jump) > np.log(definition.screen_ratio)
        for t, i in np.argwhere(far):
            odd[t, i] = f"is {np.exp(jump[t, i]):.3g} times the median of its nearest years"
        yield v, ("screened", odd)


def _jump(x: Float) -> Float:
    """Log of each figure over the median of its region's four nearest years, (years, regions); NaN where
    fewer than three of them are there. The nearest of equals is the earlier."""
    n_years = len(x)
    log = np.log(np.where(x > 0, x, np.nan))
    out = np.full(x.shape, np.nan)
    for t in range(n_years):
        near = sorted((s for s in range(n_years) if s != t), key=lambda s: (abs(s - t), s))[:NEIGHBOURS]
        beside = log[near]
        known = np.isfinite(beside).sum(axis=0) >= MIN_NEIGHBOURS
        if known.any():
            out[t, known] = log[t, known] - np.nanmedian(beside[:, known], axis=0)
    return out


def _span(complete: Bool) -> slice | None:
    """The longest run of years with a complete region, the later of equals; None below two years."""
    best: slice | None = None
    start = 0
    filled = [bool(row.any()) for row in complete]
    for t in range(len(filled) + 1):
        if t < len(filled) and filled[t]:
            continue
        if t - start >= 2 and (best is None or t - start >= best.stop - best.start):
            best = slice(start, t)
        start = t + 1
    return best


def _panel(definition: Definition, grid: _Grid, span: slice, kept: NDArray[np.int64]) -> tuple[Panel, str]:
    """The checked panel of the regions `kept`, and what the check warned about."""
    complete = grid.complete[span][:, kept]
    values = np.where(complete[:, :, None], grid.values[span][:, kept], np.nan)
    m, s = len(definition.inputs), len(definition.goods)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", EfficiencyWarning)
        panel = cube_panel(
            values[:, :, :m],
            values[:, :, m : m + s],
            values[:, :, m + s :] if definition.bads else None,
            units=[grid.regions[i] for i in kept],
            periods=grid.years[span],
            names=definition.variables,
            unbalanced=cast(Unbalanced, definition.unbalanced),
        )
    return panel, "; ".join(dict.fromkeys(str(warning.message) for warning in caught))


def _rows(
    data: TechnologyData, definition: Definition, grid: _Grid, span: slice
) -> Iterator[tuple[str, list[Any]]]:
    """The columns of one definition, years one behind the other, regions in order of their codes."""
    complete = grid.complete[span]
    is_dropped = definition.unbalanced == "drop"
    kept = np.flatnonzero(complete.all(axis=0) if is_dropped else complete.any(axis=0))
    if not len(kept):
        return
    panel, note = _panel(definition, grid, span, kept)
    result = productivity_index(
        panel,
        definition.technology,
        method=cast(Method, definition.method),
        family=cast(Any, definition.family),
        form=cast(Any, definition.form),
    )
    shape = grid.inside.shape
    first = span.start
    numbers = {name: np.full(shape, np.nan) for name in NUMBERS}
    lp_status, reason = grid.status.copy(), grid.reason.copy()
    index_status = np.full(shape, "missing", dtype=object)
    for name, values in _numbers(definition, result, panel.n_units).items():
        numbers[name][span, kept] = values
    of_level = result.levels.level_status.reshape(panel.n_periods, panel.n_units).astype(object)
    of_index = result.status.reshape(-1, panel.n_units).astype(object)
    why = result.reason.reshape(-1, panel.n_units)
    for k, i in enumerate(kept):
        evaluated = grid.complete[span, i]
        lp_status[span, i] = np.where(evaluated, of_level[:, k], lp_status[span, i])
        index_status[first, i] = "first year" if evaluated[0] else "missing"
        index_status[first + 1 : span.stop, i] = of_index[:, k]
        failed = (of_index[:, k] != "optimal") & evaluated[1:]
        reason[first + 1 : span.stop, i] = np.where(failed, why[:, k], reason[first + 1 : span.stop, i])
    left_out = grid.complete & ~_inside(shape, span, kept)
    lp_status[left_out], reason[left_out] = (
        "left out",
        ("the region has a gap in another year" if is_dropped else "no complete year beside it"),
    )
    unsolved = lp_status != "optimal"
    status_codes = _status_codes(data.obs_status, grid.status_codes, unsolved)
    filled = _filled(data.obs_status, grid.status_codes)
    used = _inside(shape, span, kept) & grid.complete
    t, r = np.nonzero(grid.inside)
    names = np.array(grid.regions, dtype=object)

    def repeated(value: Any) -> list[Any]:
        return [value] * len(t)

    yield "technology", repeated(definition.name)
    yield "region_level", repeated(grid.level)
    yield "region_code", list(names[r])
    yield "year", [grid.years[k] for k in t]
    for name, cube in numbers.items():
        yield name, [None if np.isnan(value) else float(value) for value in cube[t, r]]
    yield "base_year", repeated(grid.years[first])
    yield "lp_status", list(lp_status[t, r])
    yield "index_status", list(index_status[t, r])
    yield "reason", [text or None for text in reason[t, r]]
    yield "obs_status", [text[0] for text in status_codes[t, r]]
    yield "obs_status_all", list(status_codes[t, r])
    yield "imputed_share", [float(share) for share in filled[t, r]]
    yield "n_units", [int(count) for count in used.sum(axis=1)[t]]
    frontiers = [_reference(definition, span, k) for k in range(shape[0])]
    share = [_mean(filled[years][used[years]]) for years in frontiers]
    yield "frontier_imputed_share", [share[k] for k in t]
    spans = [_span_text(definition, grid.years[years]) for years in frontiers]
    yield "frontier", [spans[k] for k in t]
    yield "sample_id", repeated(definition.sample_id)
    yield "note", repeated(note or None)
    yield "is_default", repeated(definition.is_default)
    yield "is_simulated", repeated(data.is_simulated)


def _numbers(definition: Definition, result: ProductivityResult, n_units: int) -> dict[str, Float]:
    """NUMBERS as (years, regions) of the panel."""
    level = result.levels.level.reshape(-1, n_units)
    first = np.full((1, level.shape[1]), np.nan)
    difference = definition.form == "difference"
    chain = result.levels.cumulative.reshape(level.shape)
    if definition.method == "global":
        # The global index is circular, so a gap in between takes nothing away: only the base year must exist.
        chain = level[:1] - level if difference else level / level[:1]

    def steps(values: Float) -> Float:
        return np.vstack([first, values.reshape(-1, level.shape[1])])

    return {
        "efficiency": efficiency_of(definition.technology, level) if difference else level,
        "index": steps(result.index),
        "efficiency_change": steps(result.efficiency_change),
        "technical_change": steps(result.technical_change),
        "cumulative_index": chain,
    }


def _inside(shape: tuple[int, ...], span: slice, kept: NDArray[np.int64]) -> Bool:
    out = np.zeros(shape, dtype=np.bool_)
    out[span, kept] = True
    return out


def _reference(definition: Definition, span: slice, t: int) -> slice:
    """Years whose regions form the frontier that the level of year t is measured against."""
    if definition.method == "global":
        return span
    if not span.start <= t < span.stop:
        return slice(t, t)
    return slice(span.start if definition.family == "sequential" else t, t + 1)


def _span_text(definition: Definition, years: tuple[int, ...]) -> str | None:
    if not years:
        return None
    return f"{definition.frontier}, {years[0]}" + (f"-{years[-1]}" if len(years) > 1 else "")


def _mean(values: Float) -> float | None:
    return float(values.mean()) if values.size else None


def _status_codes(obs_status: pd.DataFrame, status_codes: Text, unsolved: Bool) -> Text:
    """Union of the variables' status codes in order of precedence; O where there is no number."""
    order = obs_status.sort_values("precedence")["obs_status"].tolist()
    known: dict[str, str] = {}
    out = np.full(unsolved.shape, "", dtype=object)
    for t, i in np.ndindex(unsolved.shape):
        together = "".join(status_codes[t, i]) + ("O" if unsolved[t, i] else "")
        if together not in known:
            union = "".join(status_code for status_code in order if status_code in together)
            # A normal input adds nothing to the codes of an abnormal one.
            known[together] = union.replace("A", "") or "A"
        out[t, i] = known[together]
    return out


def _filled(obs_status: pd.DataFrame, status_codes: Text) -> Float:
    """Share of a cell's variables that somebody computed."""
    marks = frozenset(obs_status.loc[obs_status["is_filled"].astype(bool), "obs_status"])
    is_filled = np.vectorize(lambda text: bool(marks & set(text)), otypes=[np.bool_])
    return np.asarray(is_filled(status_codes).mean(axis=2), dtype=np.float64)
