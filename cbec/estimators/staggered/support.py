"""How many clusters an average of effects by cohort and year rests on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cbec.estimators.absorb import build_projector, residualise
from cbec.estimators.effective import effective_clusters, effective_number
from cbec.estimators.panel import factor_codes
from cbec.estimators.staggered.aggregation import Cell, FloatArray
from cbec.estimators.staggered.sample import Sample


class Support:
    """Effective numbers of clusters for averages of one sample.

    An average weighs its cohort-years; in each, the treated units count alike, and so do the units that they
    are compared with: those untreated in that year, or the never treated. Each cluster then has a weight as
    treated and one as compared with, and the variance that it contributes is their square. This is what
    Callaway and Sant'Anna's estimator does without covariates; the others weigh similarly, and `python -m
    bench.size` shows that the number serves for all.
    """

    def __init__(self, sample: Sample, *, anticipation: int, never_only: bool) -> None:
        units = sample.data.drop_duplicates("unit")
        self._cohorts, row = np.unique(units["cohort"].to_numpy(), return_inverse=True)
        _, column = np.unique(units["cluster"].to_numpy(), return_inverse=True)
        # Units of each cohort (0: never treated) in each cluster.
        self._members = np.zeros((len(self._cohorts), int(column.max()) + 1))
        np.add.at(self._members, (row, column), 1.0)
        self._size = dict(zip(self._cohorts.tolist(), self._members.sum(axis=1).tolist(), strict=True))
        self._anticipation, self._never_only = anticipation, never_only

    def __call__(self, aggregation: str, group: int | None, cells: Sequence[Cell]) -> float:
        """Effective clusters of an average of `aggregation.averages` over these cells."""
        weights = self._weights(aggregation, group, cells)
        treated, compared = np.zeros(len(self._cohorts)), np.zeros(len(self._cohorts))
        for (g, t), weight in zip(cells, weights, strict=True):
            treated[self._cohorts == g] += weight / self._size[g]
            others = self._compared(g, t)
            n = self._members[others].sum()
            if n:
                compared[others] += weight / n
        return self._number(treated, compared)

    def of_ever_treated(self) -> float:
        """Effective clusters of the units ever treated against those never treated."""
        ever = self._cohorts > 0
        return self._number(
            ever / self._members[ever].sum(), ~ever / max(float(self._members[~ever].sum()), 1.0)
        )

    def _number(self, treated: FloatArray, compared: FloatArray) -> float:
        """Effective clusters from what a unit of each cohort weighs in either role."""
        roles = np.concatenate([treated @ self._members, compared @ self._members])
        # A cluster in both roles, in different years, is still one.
        return min(float(effective_number(roles**2)), float(self._members.shape[1]))

    def _compared(self, g: int, t: int) -> NDArray[np.bool_]:
        """Cohorts that a cohort is compared with in a year."""
        cohorts = self._cohorts
        later = (cohorts > max(t, g - 1) + self._anticipation) & (cohorts != g)
        is_compared: NDArray[np.bool_] = (cohorts == 0) | (later & (not self._never_only))
        return is_compared

    def _weights(self, aggregation: str, group: int | None, cells: Sequence[Cell]) -> FloatArray:
        """What each cell weighs in an average (Callaway and Sant'Anna 2021)."""
        size = np.array([self._size[g] for g, _ in cells], dtype=float)
        if aggregation == "group":
            cohorts = [g for g, _ in cells]
            weights = size / np.array([cohorts.count(g) for g in cohorts], dtype=float)
        elif aggregation in ("dynamic", "calendar") and group is None:
            parts = np.array([t - g if aggregation == "dynamic" else t for g, t in cells])
            weights = size / np.array([size[parts == part].sum() for part in parts])
        else:
            weights = size
        whole: FloatArray = weights / weights.sum()
        return whole


def of_two_way(sample: Sample) -> float:
    """Effective clusters of the coefficient of the treatment given unit, year and controls."""
    data = sample.data
    treated = (data["cohort"].gt(0) & data["time"].ge(data["cohort"])).to_numpy(dtype=float)
    columns = np.column_stack([treated, data[sample.control_columns].to_numpy(dtype=float)])
    effects = [factor_codes(data[name].to_numpy()) for name in ("unit", "time")]
    design = residualise(build_projector(effects, len(data)), columns)
    # A control that the effects absorb leaves rounding only.
    kept = np.linalg.norm(design, axis=0) > 1e-9 * np.linalg.norm(columns, axis=0)
    return float(effective_clusters(design[:, kept], factor_codes(data["cluster"].to_numpy()))[0])
