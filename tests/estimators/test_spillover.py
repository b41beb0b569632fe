"""Rings and donuts: hand-computed distances, known and absent spillovers, refusals, invariances."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cbec.estimators.specification import Specification
from cbec.estimators.spillover import SpilloverTerm, distance_to_treated, spillovers
from cbec.studies.fit import gc_frozen

# One degree on the equator.
DEGREE_KM = 6371.0088 * np.pi / 180


@pytest.fixture(scope="module", autouse=True)
def _spare_the_collector() -> Iterator[None]:
    """pyfixest collects garbage after each fit."""
    with gc_frozen():
        yield


SPEC = Specification.from_row(
    {
        "study_id": "s", "table_no": "T1", "column_no": 1, "estimator": "twfe", "outcome": "y",
        "treatment": "is_treated", "treatment_rule": "rule", "controls": None,
        "fixed_effects": "city + year", "vcov": "CRV1:city", "sample": "all",
    }
)  # fmt: skip


def make_panel(*, seed: int = 0, near: float = 0.0, n_units: int = 120) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Cities along the equator at random places, a quarter treated from 2014 or 2016; effect 1 on the
    treated and `near` on the untreated within 100 km of one. Frame and places."""
    rng = np.random.default_rng(seed)
    longitude = rng.uniform(0, 60, n_units)
    # Only the western half is treated, so that clean controls remain.
    chosen = (longitude < 25) & (rng.random(n_units) < 0.35)
    first = np.where(chosen, rng.choice([2014.0, 2016.0], n_units), np.inf)
    years = np.arange(2011, 2019)
    city, year = np.repeat(np.arange(n_units), len(years)), np.tile(years, n_units)
    treated = year >= first[city]
    distance = np.abs(longitude[:, None] - longitude[None, :]) * DEGREE_KM
    active = first[None, :] <= years[:, None]
    gap = np.where(active[:, None, :], distance[None, :, :], np.inf).min(axis=2)
    near_by = (gap[year - 2011, city] <= 100) & ~treated
    frame = pd.DataFrame(
        {
            "city": city,
            "year": year,
            "is_treated": treated,
            "y": rng.normal(size=n_units)[city] + 0.1 * year + treated + near * near_by
            + rng.normal(0, 0.3, len(city)),
        }
    )  # fmt: skip
    places = pd.DataFrame({"city": np.arange(n_units), "longitude": longitude, "latitude": 0.0})
    return frame, places


def run(frame: pd.DataFrame, places: pd.DataFrame, **options: Any) -> dict[tuple[str, str], SpilloverTerm]:
    treated = frame.loc[frame["is_treated"], ["city", "year"]]
    rows = spillovers(frame, SPEC, unit="city", places=places, treated=treated, **options)
    return {(row.variant, row.ring): row for row in rows}


def test_distances_by_hand() -> None:
    places = pd.DataFrame({"city": list("abc"), "longitude": [0.0, 1.0, 3.0], "latitude": 0.0})
    treated = pd.DataFrame({"city": ["a", "a", "c"], "year": [2014, 2015, 2015]})
    table = distance_to_treated(places, treated, unit="city").set_index(["year", "city"])["distance_km"]
    expected = {(2014, "a"): 0, (2014, "b"): 1, (2014, "c"): 3, (2015, "b"): 1, (2015, "c"): 0}
    for key, degrees in expected.items():
        assert table[key] == pytest.approx(degrees * DEGREE_KM, abs=1e-6)


@pytest.mark.parametrize("near", [0.5, 0.0])
def test_a_spillover_is_found_where_there_is_one(near: float) -> None:
    found = [run(*make_panel(seed=seed, near=near)) for seed in range(12)]

    def mean(variant: str, ring: str = "treated") -> float:
        terms = [result[variant, ring].term for result in found]
        return float(np.mean([term.estimate for term in terms if term]))

    # Spread of one estimate is about 0.05, of the mean of 12 about 0.015.
    assert mean("rings", "0-100") == pytest.approx(near, abs=0.05)
    assert mean("rings", "100-200") == pytest.approx(0, abs=0.05)
    assert mean("rings") == pytest.approx(1, abs=0.05)
    assert mean("donut cities") == pytest.approx(1, abs=0.05)
    assert mean("donut city-years") == pytest.approx(1, abs=0.05)
    # Contaminated controls hide part of the effect.
    assert (mean("baseline") < 0.95) == (near > 0)


def test_limits_belong_to_the_inner_ring_and_cells_are_counted() -> None:
    frame, places = make_panel(seed=1)
    result = run(frame, places)
    treated = int(frame["is_treated"].sum())
    assert result["baseline", "treated"].n_cells == treated
    in_rings = sum(row.n_cells for (variant, ring), row in result.items() if variant == "rings")
    note = result["rings", "treated"].note or ""
    beyond = int(note.split()[0])
    assert in_rings + beyond == len(frame)
    wide = run(frame, places, rings=(550.0,))
    inner = [result["rings", ring].n_cells for ring in ("0-100", "100-200", "200-300", "300-550")]
    assert wide["rings", "0-550"].n_cells == sum(inner)
    edge = pd.DataFrame({"city": [0, 1], "longitude": [0.0, 100 / DEGREE_KM], "latitude": 0.0})
    both = distance_to_treated(edge, pd.DataFrame({"city": [0], "year": [2014]}), unit="city")
    limit = float(both["distance_km"].max())
    outer = run(
        frame[frame["city"].isin([0, 1])].assign(is_treated=lambda f: (f["city"] == 0) & (f["year"] >= 2014)),
        edge,
        rings=(limit, 2 * limit),
    )
    assert outer["rings", f"0-{limit:g}"].n_cells == 5
    assert outer["rings", f"{limit:g}-{2 * limit:g}"].note == "no row in this ring"


def test_treated_neighbours_outside_of_the_sample_count() -> None:
    frame, places = make_panel(seed=2)
    treated = frame.loc[frame["is_treated"], ["city", "year"]]
    kept = frame[~frame["city"].isin(sorted(set(treated["city"]))[:5])]
    all_of_them = spillovers(kept, SPEC, unit="city", places=places, treated=treated)
    inside = treated[treated["city"].isin(kept["city"])]
    fewer = spillovers(kept, SPEC, unit="city", places=places, treated=inside)
    cells = [sum(r.n_cells for r in rows if r.ring == "0-100") for rows in (all_of_them, fewer)]
    assert cells[0] > cells[1]


def test_missing_coordinates_are_named() -> None:
    frame, places = make_panel(seed=3)
    never = sorted(set(frame["city"]) - set(frame.loc[frame["is_treated"], "city"]))[0]
    places.loc[places["city"] == never, "longitude"] = np.nan
    result = run(frame, places)
    assert result["baseline", "treated"].n_obs == len(frame)
    assert result["rings", "treated"].n_obs == len(frame) - 8
    assert f"left out, no coordinates: {never}" in (result["rings", "treated"].note or "")


def test_a_donut_without_controls_is_a_row_that_says_so() -> None:
    frame, places = make_panel(seed=4)
    places["longitude"] /= 100
    kept = frame[frame["city"].isin([0, 1, *frame.loc[frame["is_treated"], "city"].unique()[:1]])]
    first = kept.groupby("city")["is_treated"].transform("max")
    row = run(kept.assign(is_treated=first & (kept["year"] >= 2014)), places)["donut cities", "treated"]
    assert row.term is None
    assert (row.note or "").startswith("refused: ")


def test_a_later_adopter_stays_without_its_rows_beside_a_treated_city() -> None:
    """Of cities, only the never treated leave (1); of city-years, every untreated row beside a treated city:
    those of 1 from 2014 on (5), and of 2, treated from 2016, those of 2014 and 2015."""
    degrees = {0: 0.0, 1: 1.0, 2: -1.0, 3: 30.0, 4: 31.0, 5: 32.0}
    first = {0: 2014, 2: 2016}
    rng = np.random.default_rng(6)
    rows = [(city, year, year >= first.get(city, 9999)) for city in degrees for year in range(2011, 2019)]
    frame = pd.DataFrame(rows, columns=["city", "year", "is_treated"])
    frame["y"] = rng.normal(size=len(frame))
    places = pd.DataFrame({"city": list(degrees), "longitude": list(degrees.values()), "latitude": 0.0})
    result = run(frame, places, donut=200.0)
    assert result["donut cities", "treated"].n_obs == 8 * 5
    assert (result["donut cities", "treated"].note or "").startswith(
        "1 never-treated units within 200 km left out, 3 stay"
    )
    assert result["donut city-years", "treated"].n_obs == 8 * 6 - 5 - 2


def test_rows_and_labels_may_be_exchanged() -> None:
    frame, places = make_panel(seed=5, near=0.3)
    name = {city: f"c{999 - city}" for city in places["city"]}
    other = frame.sample(frac=1, random_state=1).assign(city=lambda rows: rows["city"].map(name))
    counterpart = run(
        other, places.sample(frac=1, random_state=2).assign(city=lambda rows: rows["city"].map(name))
    )
    for key, row in run(frame, places).items():
        assert row.term is not None
        assert counterpart[key].term is not None
        assert counterpart[key].term.estimate == pytest.approx(row.term.estimate, abs=1e-7)  # type: ignore[union-attr]
        assert counterpart[key].n_cells == row.n_cells


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rings": (200.0, 100.0)}, "rings .* rise from above 0"),
        ({"rings": ()}, "rings .* rise from above 0"),
        ({"donut": 0.0}, "donut 0; allowed"),
    ],
)
def test_bad_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run(*make_panel(), **options)


def test_bad_frames_are_refused() -> None:
    frame, places = make_panel()
    with pytest.raises(ValueError, match="has two places"):
        run(frame, pd.concat([places, places.head(1)]))
    with pytest.raises(ValueError, match="no treated unit has coordinates"):
        run(frame, places.assign(longitude=np.nan))
    treated = frame.loc[frame["is_treated"], ["city", "year"]]
    with pytest.raises(ValueError, match="values other than 0 and 1"):
        spillovers(
            frame.assign(is_treated=frame["is_treated"] * 0.5), SPEC, unit="city", places=places,
            treated=treated,
        )  # fmt: skip
