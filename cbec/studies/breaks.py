"""Breaks of a series (status B), and what a column says without them.

A figure of status B begins another definition, coverage or base: the figures before it and from it on are two
series of one region. A break near a unit's first treated year reads as an effect.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from cbec.estimators.specification import Specification, source
from cbec.studies.sample import YEARS, EstimationSample, StudyData

BREAK = "B"
# A break so many years from first treatment or nearer is told from an effect by nothing in the data.
NEAR_YEARS = 2
# Column of the number of breaks that a region has had by a year.
REGIME = "break_regime"


def breaks(data: StudyData, spec: Specification, sample: EstimationSample) -> pd.DataFrame:
    """Region and year of each cell of status B behind the equation, inside the years of the sample.

    A step stands between the rows before and after it also where the row in which it falls is not used. A
    lagged cell counts in the row that it enters.
    """
    cells = data.offered(spec, None).cells
    broken = cells[cells["obs_status"].eq(BREAK) & cells["panel_column"].isin(_columns(spec))]
    found = broken.assign(year=broken["place"] % YEARS)[[sample.unit, "year"]].drop_duplicates()
    inside = found["year"].between(sample.rows["year"].min(), sample.rows["year"].max())
    return found[inside & found[sample.unit].isin(sample.rows[sample.unit])].reset_index(drop=True)


def without_broken_rows(sample: EstimationSample, found: pd.DataFrame) -> EstimationSample:
    """The sample without the rows in which a series breaks; the step between the two series stays.

    found: what `breaks` gives, here and below.
    """
    out = _is_in(sample.rows, found, [sample.unit, "year"])
    return _without(sample, out, "a series breaks in the row")


def without_breaks_near_treatment(sample: EstimationSample, found: pd.DataFrame) -> EstimationSample:
    """The sample, which has first treated years, without units whose series breaks within `NEAR_YEARS` of
    theirs."""
    start = sample.rows.groupby(sample.unit)["first_treated_year"].first().astype(float)
    near = (found["year"] - found[sample.unit].map(start).astype(float)).abs() <= NEAR_YEARS
    out = sample.rows[sample.unit].isin(found.loc[near, sample.unit])
    return _without(sample, out, f"a series breaks within {NEAR_YEARS} years of first treatment")


def effects_by_regime(
    sample: EstimationSample, found: pd.DataFrame, spec: Specification
) -> tuple[EstimationSample, Specification]:
    """The sample with the number of breaks that a region has had, and the equation, which has effects of
    regions, with one of each region in each of its regimes.

    The step between two series of a region is then in its effects and in no coefficient; what is left is read
    within regimes.
    """
    unit, rows = sample.unit, sample.rows
    years = found.groupby(unit)["year"].apply(np.sort)
    none = np.empty(0)
    regime = [
        int(np.searchsorted(years.get(code, none), year, side="right"))
        for code, year in zip(rows[unit], rows["year"], strict=True)
    ]
    effects = tuple(f"{unit}^{REGIME}" if name == unit else name for name in spec.fixed_effects)
    return replace(sample, rows=rows.assign(**{REGIME: regime})), spec.with_(fixed_effects=effects)


def _columns(spec: Specification) -> set[str]:
    return {source(name)[0] for name in spec.variables}


def _is_in(rows: pd.DataFrame, keys: pd.DataFrame, names: list[str]) -> pd.Series:
    found = pd.MultiIndex.from_frame(rows[names]).isin(pd.MultiIndex.from_frame(keys[names]))
    return pd.Series(found, index=rows.index)


def _without(sample: EstimationSample, out: pd.Series, reason: str) -> EstimationSample:
    """The sample less some rows, with the cells behind the others."""
    reasons = (*sample.reasons, f"{int(out.sum())} rows: {reason}") if out.any() else sample.reasons
    return replace(sample.restricted(~out.to_numpy()), reasons=reasons)
