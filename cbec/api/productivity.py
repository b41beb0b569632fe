"""Efficiency and productivity of units from the columns of a panel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cbec.api.estimation import Data, panel_of
from cbec.api.results import Output, plain_table
from cbec.common.words import Lang, pick
from cbec.efficiency.frontier import EfficiencyResult, evaluate
from cbec.efficiency.index import ProductivityResult, productivity_index
from cbec.efficiency.panel import Panel, long_panel
from cbec.efficiency.technology import Technology
from cbec.estimators.frame import check_columns
from cbec.report.style import WIDTH
from cbec.report.table import Table

#: Names of what is shown, Chinese and English.
EFFICIENCY = ("效率", "Efficiency")
INDEX = ("生产率指数", "Productivity index")


@dataclass(frozen=True)
class Scores(Output):
    """Efficiency by unit and period, or the productivity index between periods. result: of
    `cbec.efficiency.evaluate` or `cbec.efficiency.productivity_index`."""

    result: EfficiencyResult | ProductivityResult = field(repr=False)

    @property
    def _shown(self) -> tuple[str, str, tuple[str, str]]:
        if isinstance(self.result, EfficiencyResult):
            return "period", "efficiency", EFFICIENCY
        return "period_to", "index", INDEX

    def to_frame(self) -> pd.DataFrame:
        """One row a unit and period, with status: why there is no score where there is none."""
        return pd.DataFrame(self.result.columns())

    def table(self, lang: Lang = "en") -> Table:
        """Units by periods."""
        period, value, names = self._shown
        wide = self.to_frame().pivot(index="unit", columns=period, values=value).astype(float)
        shown = wide.reset_index().rename(columns={"unit": pick(("单元", "Unit"), lang)})
        technology = self.result.technology
        how = f"{technology.measure}, {technology.orientation}, {technology.rts}; {self.result.bads_rule}"
        return plain_table(value, pick(names, lang), shown, 4, lang, (how,))

    def _draw(self, lang: Lang) -> Figure:
        period, value, names = self._shown
        frame = self.to_frame()
        figure = Figure(figsize=(WIDTH, 3.3), layout="constrained")
        axes = figure.subplots()
        periods = list(dict.fromkeys(frame[period]))
        values = [frame.loc[frame[period] == at, value].dropna().to_numpy(float) for at in periods]
        axes.boxplot(values, medianprops={"color": "black"}, flierprops={"markersize": 3})
        axes.set_xticks(range(1, len(periods) + 1), [str(at) for at in periods])
        means = [float(np.mean(v)) if len(v) else np.nan for v in values]
        places = range(1, len(periods) + 1)
        axes.plot(places, means, "D", color="black", ms=3, label=pick(("均值", "mean"), lang))
        axes.set_ylabel(pick(names, lang))
        axes.legend()
        return figure


def efficiency(
    data: Data,
    *,
    inputs: Sequence[str],
    goods: Sequence[str],
    bads: Sequence[str] = (),
    unit: str | None = None,
    time: str = "year",
    frontier: str = "contemporaneous",
    window: int | None = None,
    **technology: Any,
) -> Scores:
    """Efficiency of every unit in every period by data envelopment analysis.

    data, unit, time: as in `cbec.fit`. inputs, goods, bads: columns, all positive. technology: fields of
    `cbec.efficiency.Technology` (measure, orientation, rts, disposability, direction, super_efficiency).
    frontier: contemporaneous, sequential, global, window, ... as in `cbec.efficiency.evaluate`. A unit and
    period with a blank is missing, and is no reference of others.

    Raises ValueError for unknown columns (with the nearest) and options.
    """
    panel = _long(data, unit, time, inputs, goods, bads)
    # The words of a caller; what they name is checked there, with the nearest valid ones.
    return Scores(evaluate(panel, Technology(**technology), frontier=frontier, window=window))  # type: ignore[arg-type]


def malmquist(
    data: Data,
    *,
    inputs: Sequence[str],
    goods: Sequence[str],
    bads: Sequence[str] = (),
    unit: str | None = None,
    time: str = "year",
    method: str = "adjacent",
    decomposition: str = "ec_tc",
    form: str = "ratio",
    **technology: Any,
) -> Scores:
    """Productivity change between consecutive periods: Malmquist with radial distances, Malmquist-Luenberger
    with measure="ddf" or "sbm" and bad outputs.

    As `efficiency`; method (adjacent, global, biennial), decomposition and form as in
    `cbec.efficiency.productivity_index`. Orientation is output without another.
    """
    panel = _long(data, unit, time, inputs, goods, bads)
    made = Technology(**({"orientation": "output"} | technology))
    # The words of a caller; what they name is checked there, with the nearest valid ones.
    return Scores(productivity_index(panel, made, method=method, decomposition=decomposition, form=form))  # type: ignore[arg-type]


def _long(
    data: Data, unit: str | None, time: str, inputs: Sequence[str], goods: Sequence[str], bads: Sequence[str]
) -> Panel:
    held = panel_of(data, unit, time)
    names = [*inputs, *goods, *bads]
    check_columns(held.frame.columns, names)
    rows = held.frame.dropna(subset=names)
    if rows.empty:
        raise ValueError(f"no row has all of {', '.join(names)}")
    return long_panel(
        rows[held.unit].tolist(), rows[held.time].tolist(), rows[list(inputs)].to_numpy(float),
        rows[list(goods)].to_numpy(float), rows[list(bads)].to_numpy(float) if bads else None,
        names=names, unbalanced="frontier",
    )  # fmt: skip
