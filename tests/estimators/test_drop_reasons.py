"""The rows that a drop_reason names are all that were dropped, whatever the estimator drops them for."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cbec.common.words import translate
from cbec.studies.fit import fit_table
from cbec.studies.sample import StudyData
from tests.estimators.test_comparability_tables import ROW, data  # noqa: F401

POOLED = {"fixed_effects": None, "vcov": "CRV1:prefecture_code"}
COLUMNS: dict[str, dict[str, Any]] = {
    "pooled": POOLED,
    "twfe": {},
    "random_effects": POOLED,
    "unit_slopes": POOLED | {"treatment": "dose", "treatment_rule": None, "controls": None},
    "callaway_santanna": {"options": "method=reg"},
    "synthetic_did": {"controls": None},
    "imputation": {"options": "gaps=keep"},
}


@pytest.mark.parametrize("estimator", COLUMNS)
def test_reasons_add_up(data: StudyData, estimator: str) -> None:  # noqa: F811
    """With a missing outcome, a missing control, a filled cell, a city seen once and one whose dose stands
    still."""
    panel = data.panel_city_year.copy()
    codes, years = sorted(panel["prefecture_code"].unique()), sorted(panel["year"].unique())
    panel["dose"] = np.random.default_rng(0).normal(size=len(panel))
    panel.loc[panel["prefecture_code"] == codes[2], "dose"] = 1.0
    panel.loc[(panel["prefecture_code"] == codes[0]) & (panel["year"] == years[-1]), "x2"] = None
    panel.loc[(panel["prefecture_code"] == codes[1]) & (panel["year"] > years[0]), "y"] = None
    cells = data.panel_cell.copy()
    filled = cells["region_code"].eq(codes[3]) & cells["year"].eq(years[1]) & cells["panel_column"].eq("y")
    cells.loc[filled, "imputed_share"] = 1.0
    column = ROW | {"estimator": estimator} | COLUMNS[estimator]
    study = replace(data, specification=pd.DataFrame([column]), panel_city_year=panel, panel_cell=cells)
    rows = [row for row in fit_table(study).to_pylist() if row["kind"] in ("term", "effect")]
    assert {row["is_observed_only"] for row in rows} == {False, True}
    for row in rows:
        named = [int(n) for n in re.findall(r"(\d+) rows: ", row["drop_reason"])]
        assert sum(named) == row["n_dropped"] > 0, row["drop_reason"]
        # And in the other language: the note of a Chinese table loses none.
        chinese = re.findall(r"(\d+)行：", translate(row["drop_reason"], "zh"))
        assert [int(n) for n in chinese] == named
