"""An index by the entropy method from the columns of a panel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cbec.api.estimation import Data, panel_of
from cbec.api.results import Output, plain_table
from cbec.common.words import Lang, pick
from cbec.estimators.frame import check_columns
from cbec.report.style import WIDTH
from cbec.report.table import Table

#: What is added to each scaled value, so that its logarithm exists; var `entropy_shift` of dbt_project.yml.
SHIFT = 1e-4
DIRECTIONS = ("positive", "negative")


@dataclass(frozen=True)
class EntropyWeights(Output):
    """weights: one row a component (and year, where weights are those of a year): entropy e, divergence 1 -
    e, weight. scores: unit, time, score and rank within the year of the rows that have every component."""

    weights: pd.DataFrame
    scores: pd.DataFrame = field(repr=False)
    n_dropped: int = 0
    labels: dict[str, str] = field(default_factory=dict, repr=False)

    def to_frame(self) -> pd.DataFrame:
        """The weights."""
        return self.weights.copy()

    def table(self, lang: Lang = "en") -> Table:
        """The weights of the components."""
        note = pick(("缺少任一指标的行不参与：{n}", "rows that lack a component are left out: {n}"), lang)
        caption = pick(("熵值法权重", "Entropy weights"), lang)
        named = self.weights.assign(component=self.weights["component"].map(lambda n: self.labels.get(n, n)))
        return plain_table("weights", caption, named, 4, lang, (note.format(n=self.n_dropped),))

    def _draw(self, lang: Lang) -> Figure:
        mean = self.weights.groupby("component", sort=False)["weight"].mean().iloc[::-1]
        figure = Figure(figsize=(WIDTH, 0.9 + 0.3 * len(mean)), layout="constrained")
        axes = figure.subplots()
        axes.barh(
            [self.labels.get(str(name), str(name)) for name in mean.index], mean.to_numpy(), color="#6e6e6e"
        )
        axes.set_xlabel(pick(("权重", "Weight"), lang))
        return figure


def entropy_weights(
    data: Data,
    components: Mapping[str, str],
    *,
    unit: str | None = None,
    time: str = "year",
    by_year: bool = False,
    shift: float = SHIFT,
) -> EntropyWeights:
    """Weights and scores of an index by the entropy method.

    components: column -> positive or negative. Each is scaled between its extremes over all rows (by_year:
    over those of a year) and shifted, z = (x - min) / (max - min) + shift (max - x for negative ones); p = z
    / sum z; e = -sum p ln p / ln n; weight = (1 - e) / sum (1 - e); score = sum weight z. A column without
    variation has no weight. As macros/entropy_index.sql, and as Table 1 of the provincial studies computes
    it.

    Raises ValueError for unknown columns (with the nearest) or directions, fewer than two components or rows,
    and where no component varies.
    """
    panel = panel_of(data, unit, time)
    check_columns(panel.frame.columns, list(components))
    wrong = [f"{name}: {way!r}" for name, way in components.items() if way not in DIRECTIONS]
    if wrong or len(components) < 2:
        raise ValueError(f"{', '.join(wrong) or 'an index needs two components'}; allowed: {DIRECTIONS}")
    names = list(components)
    rows = panel.frame[[panel.unit, panel.time, *names]].dropna()
    weights, scores = [], []
    parts: list[tuple[Any, pd.DataFrame]] = list(rows.groupby(panel.time)) if by_year else [(None, rows)]
    for year, part in parts:
        if len(part) < 2:
            raise ValueError(f"{len(part)} complete rows{f' in {year}' if by_year else ''}; two are needed")
        values = part[names].to_numpy(float)
        low, high = values.min(axis=0), values.max(axis=0)
        span = np.where(high > low, high - low, 1.0)
        rising = np.array([components[name] == "positive" for name in names])
        z = np.where(high > low, np.where(rising, values - low, high - values) / span, 0.0) + shift
        p = z / z.sum(axis=0)
        entropy = -(p * np.log(p)).sum(axis=0) / np.log(len(part))
        divergence = np.where(high > low, np.maximum(1 - entropy, 0.0), 0.0)
        if not divergence.sum() > 0:
            raise ValueError(f"no component varies{f' in {year}' if by_year else ''}")
        weight = divergence / divergence.sum()
        found = {"component": names, "entropy": entropy, "divergence": divergence, "weight": weight}
        weights.append(pd.DataFrame(found if not by_year else found | {panel.time: year}))
        scores.append(part[[panel.unit, panel.time]].assign(score=z @ weight))
    score = pd.concat(scores).sort_index().reset_index(drop=True)
    score["rank"] = score.groupby(panel.time)["score"].rank(ascending=False, method="min").astype(int)
    return EntropyWeights(
        pd.concat(weights, ignore_index=True), score, len(panel.frame) - len(rows), panel.labels
    )
