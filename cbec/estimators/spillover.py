"""Effects on the neighbours: rings around treated cities, and estimates without contaminated controls.

    y_it = tau D_it + sum over rings r of delta_r (1 - D_it) 1{distance of i to the nearest treated city of t
           lies in r} + X_it'g + a_i + l_t + e_it

(Butts 2021, rings of the untreated). Beyond the last ring nothing is supposed to arrive: those rows are the
clean comparison, so the rings must reach as far as the spillover does.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cbec.estimators.regression import Fit, Term, fit_least_squares, great_circle_km
from cbec.estimators.specification import Specification

#: A free-trade-zone study finds spillovers up to 550 km away, so the rings reach that far.
RINGS = (100.0, 200.0, 300.0, 550.0)
#: Cities nearer than this to a treated one are no controls of the donut.
DONUT = 200.0
# Name of the column that says which row of the frame a row is.
POSITION = "row of the frame"
Array = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


@dataclass(frozen=True)
class SpilloverTerm:
    """variant: baseline (the specification itself), rings, donut cities, donut city-years. ring: treated, or
    its limits in km. n_cells: rows in the ring, or treated rows. term is None when nothing was estimated; the
    note says why. used: rows of the frame that entered, shape (n,); None without a fit."""

    variant: str
    ring: str
    term: Term | None
    n_cells: int
    n_obs: int
    n_clusters: int | None
    note: str | None
    used: NDArray[np.bool_] | None = field(default=None, compare=False, repr=False)


def distance_to_treated(places: pd.DataFrame, treated: pd.DataFrame, *, unit: str) -> pd.DataFrame:
    """Kilometres to the nearest treated unit of each year: columns unit, year, distance_km.

    places: unit, longitude, latitude (degrees), one row each; treated: unit, year, one row per treated
    unit-year. One row per unit with coordinates and year with a treated one; a treated unit is at 0.
    Raises ValueError for a unit with two places, or when no treated unit has coordinates.
    """
    known = places.dropna(subset=["longitude", "latitude"]).sort_values(unit, ignore_index=True)
    if known[unit].duplicated().any():
        twice = known.loc[known[unit].duplicated(), unit].iloc[0]
        raise ValueError(f"unit {twice!r} has two places")
    position = pd.Index(known[unit])
    located = treated[treated[unit].isin(position)]
    if located.empty:
        raise ValueError("no treated unit has coordinates: longitude and latitude are needed")
    distances = great_circle_km(known["longitude"].to_numpy(float), known["latitude"].to_numpy(float))
    parts = [
        pd.DataFrame(
            {
                unit: known[unit],
                "year": year,
                "distance_km": distances[:, position.get_indexer(rows[unit])].min(axis=1),
            }
        )
        for year, rows in located.groupby("year")
    ]
    return pd.concat(parts, ignore_index=True)


def spillovers(
    frame: pd.DataFrame,
    specification: Specification,
    *,
    unit: str,
    places: pd.DataFrame,
    treated: pd.DataFrame,
    rings: Sequence[float] = RINGS,
    donut: float = DONUT,
) -> tuple[SpilloverTerm, ...]:
    """The specification as it is, with rings, and without controls near a treated city.

    frame: complete rows of the specification; places and treated as in `distance_to_treated`, with treated
    cities outside the frame too, because their neighbours feel them all the same. rings: outer limits in km,
    rising; a ring holds its outer limit, not its inner one. donut cities: never-treated units that are
    within donut km of a treated unit in any year of the frame leave altogether; donut city-years: only
    untreated rows within donut km leave, those of later adopters too. Units of the frame without
    coordinates are left out of all but the baseline and named in the note.

    Raises ValueError for limits that do not rise from above 0, a treatment other than 0 and 1, and as
    `fit_least_squares` for the baseline; a variant that cannot be estimated is a row that says so.
    """
    limits = [0.0, *map(float, rings)]
    if len(limits) < 2 or any(a >= b for a, b in itertools.pairwise(limits)):
        raise ValueError(f"rings {list(rings)}; allowed: kilometres that rise from above 0")
    if not donut > 0:
        raise ValueError(f"donut {donut:g}; allowed: kilometres above 0")
    treatment = specification.treatment
    data = frame.assign(**{treatment: frame[treatment].astype(float)})
    data[POSITION] = np.arange(len(frame))
    if not data[treatment].isin([0.0, 1.0]).all():
        raise ValueError(f"treatment {treatment!r} holds values other than 0 and 1")
    treated = treated[treated["year"].isin(data["year"].unique())]
    found = [*_rows("baseline", {}, data, specification, unit, None, n_rows=len(frame), must=True)]

    distance = distance_to_treated(places, treated, unit=unit)
    everywhere = set(places.dropna(subset=["longitude", "latitude"])[unit])
    lost = sorted(set(data[unit]) - everywhere)
    unseen = sorted(set(treated[unit]) - everywhere)
    notes = [f"left out, no coordinates: {', '.join(map(str, lost))}"] if lost else []
    if unseen:
        notes.append(f"neighbours not counted, no coordinates: {', '.join(map(str, unseen))}")
    note = "; ".join(notes) or None
    data = data[data[unit].isin(everywhere)].merge(distance, on=[unit, "year"], how="left")
    # A year without a treated city is beyond every ring.
    far = data["distance_km"].fillna(np.inf).where(data[treatment] == 0, np.inf)

    columns: dict[str, str] = {}
    for low, high in itertools.pairwise(limits):
        name = f"ring_{low:g}_{high:g}".replace(".", "_")
        inside = (far > low) & (far <= high)
        data[name] = inside.astype(float)
        columns[name] = f"{low:g}-{high:g}"
    # Two untreated cities at one place are neighbours at no distance.
    first = next(iter(columns))
    data[first] = ((far >= 0) & (far <= limits[1])).astype(float)
    n_clean = int(((far > limits[-1]) & (data[treatment] == 0)).sum())
    after = data["year"] >= int(treated["year"].min())
    n_late = int(((far > limits[-1]) & (data[treatment] == 0) & after).sum())
    clean = f"{n_clean} untreated rows beyond {limits[-1]:g} km, {n_late} since the first treatment"
    n_rows = len(frame)
    text = "; ".join(filter(None, [clean, note]))
    found += _rows("rings", columns, data, specification, unit, text, n_rows=n_rows)

    near = far <= donut
    ever = data[unit].isin(set(data.loc[data[treatment] == 1, unit]) | set(treated[unit]))
    out = data[unit].isin(set(data.loc[near & ~ever, unit]))
    n_left = int(data.loc[~ever & ~out, unit].nunique())
    n_out = int(data.loc[out, unit].nunique())
    for variant, leaving, text in (
        ("donut cities", out, f"{n_out} never-treated units within {donut:g} km left out, {n_left} stay"),
        (
            "donut city-years",
            near,
            f"{int(near.sum())} untreated rows within {donut:g} km of a treated unit left out",
        ),
    ):
        text = "; ".join(filter(None, [text, note]))
        found += _rows(variant, {}, data[~leaving], specification, unit, text, n_rows=n_rows)
    return tuple(found)


def _rows(
    variant: str,
    columns: dict[str, str],
    data: pd.DataFrame,
    specification: Specification,
    unit: str,
    note: str | None,
    *,
    n_rows: int,
    must: bool = False,
) -> list[SpilloverTerm]:
    """One row for the treatment and one for each ring; a refusal is a row unless the fit must succeed."""
    treatment = specification.treatment
    filled = [name for name in columns if data[name].any()]
    wide = specification.with_(controls=(*filled, *specification.controls))
    cells = {treatment: int(data[treatment].sum())} | {name: int(data[name].sum()) for name in columns}
    fit: Fit | None = None
    reason = note
    try:
        fit = fit_least_squares(data, wide, unit=unit)
    except ValueError as error:
        if must:
            raise
        reason = f"refused: {error}"
    terms = {term.term: term for term in fit.terms} if fit else {}
    used = np.isin(np.arange(n_rows), data.loc[fit.used, POSITION]) if fit else None
    rows = []
    for name, ring in {treatment: "treated", **columns}.items():
        text = reason
        if fit and name not in terms:
            text = "no row in this ring" if not cells[name] else "collinear with the other terms"
        rows.append(
            SpilloverTerm(
                variant,
                ring,
                terms.get(name),
                cells[name],
                fit.n_obs if fit else len(data),
                fit.n_clusters if fit else None,
                text,
                used,
            )
        )
    return rows
