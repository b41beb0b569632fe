"""What the figures behind an estimate are: of exactly the rows and columns that entered it.

The expectations are counted from the planted cells, by loops over rows that know nothing of places.
"""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cbec.estimators.regression import Fit
from cbec.estimators.specification import LEAST_SQUARES, STAGGERED, Specification, source
from cbec.estimators.staggered.fit import StaggeredFit
from cbec.studies.fit import entered, estimate
from cbec.studies.sample import PRECEDENCE, CellStatus, EstimationSample, StudyData, assemble
from tests.conftest import ROOT
from tests.estimators.test_specifications import CITIES, YEARS, one, warehouse

LETTERS = "AVBIEFP"


def lettered(data: StudyData, seed: int) -> StudyData:
    """Every cell with a letter of its own, of which I and E are filled, and some flagged."""
    rng = np.random.default_rng(seed)
    cells = data.panel_cell.assign(obs_status=rng.choice(list(LETTERS), size=len(data.panel_cell)))
    cells["imputed_share"] = cells["obs_status"].isin(["I", "E"]).astype(float)
    flagged = cells[rng.random(len(cells)) < 0.1]
    return replace(
        data,
        panel_cell=cells,
        suspect_cell=flagged[["region_level", "region_code", "year", "panel_column"]],
    )


def counted(data: StudyData, spec: Specification, rows: pd.DataFrame) -> dict[str, Any]:
    """The same by a loop over rows and names."""
    known = {(cell.region_code, cell.year, cell.panel_column): cell for cell in data.panel_cell.itertuples()}
    flags = {(cell.region_code, cell.year, cell.panel_column) for cell in data.suspect_cell.itertuples()}
    names = [*dict.fromkeys(spec.variables), *([spec.subgroup.column] if spec.subgroup else [])]
    every, filled_rows, flagged_rows = set(), 0, 0
    for row in rows.itertuples():
        own = set()
        for name in names:
            column, lag = source(name)
            key = (row.prefecture_code, row.year - lag, column)
            if key in known:
                own.add(key)
        filled_rows += any(known[key].imputed_share > 0 for key in own)
        flagged_rows += bool(own & flags)
        every |= own
    letters = Counter(known[key].obs_status for key in every)
    return {
        "imputed_share": sum(known[key].imputed_share for key in every) / len(every),
        "imputed_row_share": filled_rows / len(rows),
        "flagged_share": len(every & flags) / len(every),
        "flagged_row_share": flagged_rows / len(rows),
        "letters": {letter: n / len(every) for letter, n in letters.items()},
    }


def compare(data: StudyData, spec: Specification, sample: EstimationSample, used: Any) -> None:
    status, expected = sample.status(used), counted(data, spec, sample.rows[used])
    for name in ("imputed_share", "imputed_row_share", "flagged_share", "flagged_row_share"):
        assert getattr(status, name) == pytest.approx(expected[name], abs=1e-12), name
    parts = dict(part.split(" ", 1) for part in status.cell_status.split(", "))
    assert set(parts) == set(expected["letters"])
    for letter, text in parts.items():
        assert float(text.removesuffix(" %")) == pytest.approx(100 * expected["letters"][letter], abs=0.05)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"controls": "L1.x + m"},
        {"controls": "x + L2.x", "treatment": "L1.is_treated"},
        {"subgroup": "m>median_pooled"},
        {"subgroup": "m<=median_by_year"},
        {"outcome": "m", "controls": None},
        {"fixed_effects": "province_code + year", "mediator": "m"},
    ],
)
def test_status_is_of_the_cells_that_entered(changes: dict[str, Any], seed: int) -> None:
    data, spec = lettered(warehouse(**changes), seed), one(**changes)
    sample = assemble(data, spec)
    fit = estimate(spec, sample)
    assert fit.n_obs == fit.used.sum()
    compare(data, spec, sample, fit.used)


@pytest.mark.parametrize("estimator", (*LEAST_SQUARES, *STAGGERED))
def test_every_estimator_says_which_rows_it_used(estimator: str) -> None:
    """Its number of rows, and without the others the same estimate."""
    effects = None if estimator in ("random_effects", "unit_slopes") else "prefecture_code + year"
    vcov = "iid" if estimator == "unit_slopes" else "CRV1:prefecture_code"
    changes = {"estimator": estimator, "fixed_effects": effects, "vcov": vcov, "controls": None}
    data = lettered(warehouse(**changes), 1)
    # A city with a gap in the middle, one with a row alone, and one treated from the first year on.
    panel = data.panel_city_year
    gone = (panel["prefecture_code"].eq(CITIES[1]) & panel["year"].eq(2013)) | (
        panel["prefecture_code"].eq(CITIES[9]) & panel["year"].ne(YEARS[2])
    )
    panel = panel.assign(y=panel["y"].where(~gone))
    rule = data.treatment_city_year
    early = rule["prefecture_code"].eq(CITIES[2])
    rule = rule.assign(
        first_treated_year=rule["first_treated_year"].mask(early, YEARS[0]),
        is_treated=rule["is_treated"] | early,
    )
    data = replace(data, panel_city_year=panel, treatment_city_year=rule)
    spec = one(**changes)
    sample = assemble(data, spec)
    fit = estimate(spec, sample)
    assert fit.used.sum() == fit.n_obs
    np.testing.assert_array_equal(entered(spec, sample), fit.used)
    compare(data, spec, sample, fit.used)
    again = estimate(spec, sample.restricted(fit.used))
    assert again.n_obs == fit.n_obs
    assert value(again) == pytest.approx(value(fit), rel=1e-8)
    if estimator not in ("pooled", "random_effects", "unit_slopes"):
        assert fit.n_obs < len(sample.rows)


def value(fit: Fit | StaggeredFit) -> float:
    return fit.terms[0].estimate if isinstance(fit, Fit) else fit.overall.estimate


def test_a_column_that_parts_the_sample_is_among_the_cells() -> None:
    """Filled throughout, it is half of the cells of an equation with one column, and in every row."""
    changes = {"controls": None, "subgroup": "m>median"}
    data = warehouse(**changes)
    cells = data.panel_cell
    filled = cells["panel_column"].eq("m")
    data = replace(data, panel_cell=cells.assign(
        obs_status=cells["obs_status"].mask(filled, "I"),
        imputed_share=cells["imputed_share"].mask(filled, 1.0),
    ))  # fmt: skip
    sample = assemble(data, one(**changes))
    status = sample.status()
    assert status.imputed_row_share == 1
    # Five years before anyone is treated, ten of the outcome.
    before = int((data.panel_city_year["year"].unique() < 2015).sum())
    # Two cells of one city's outcome are filled.
    of_outcome = 2 if CITIES[5] in set(sample.rows["prefecture_code"]) else 0
    n_units = sample.rows["prefecture_code"].nunique()
    expected = (before * n_units + of_outcome) / ((before + len(YEARS)) * n_units)
    assert status.imputed_share == pytest.approx(expected)
    assert assemble(data, one(**changes), observed_only=True).rows.empty


def test_units_that_leave_with_filled_cells_are_counted() -> None:
    data = warehouse()
    cells = data.panel_cell
    filled = cells["region_code"].isin(CITIES[:4]) & cells["panel_column"].eq("y")
    data = replace(data, panel_cell=cells.assign(imputed_share=cells["imputed_share"].mask(filled, 1.0)))
    observed = assemble(data, one(), observed_only=True)
    assert observed.note == "8 of 12 units have a row without a filled or flagged cell"


@pytest.mark.parametrize(
    ("share", "text"), [(1.0, "100.0 %"), (0.99999, "99.9 %"), (0.00001, "<0.1 %"), (0.25, "25.0 %")]
)
def test_a_letter_that_is_there_reads_neither_0_nor_100(share: float, text: str) -> None:
    from cbec.studies.sample import _percent

    assert _percent(share) == text


def test_the_worst_letter_is_the_registry_s() -> None:
    """Of every two letters the one that stands higher in the list of SDMX (registry.obs_status)."""
    registry = pd.read_csv(ROOT / "seeds/registry/obs_status.csv")
    ranked = registry.sort_values("precedence")["obs_status"].tolist()
    assert list(PRECEDENCE) == ranked
    for high, low in itertools.pairwise(ranked):
        cells = pd.DataFrame({"obs_status": [low, low, high], "imputed_share": 0.0, "is_flagged": False})
        cells = cells.assign(panel_column="x", cell=range(3), place=range(3))
        status = CellStatus.of(cells, 3)
        assert status.worst_status == high
        assert status.cell_status == f"{low} 66.7 %, {high} 33.3 %"
