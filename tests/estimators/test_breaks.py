"""A break of known size, planted in a panel without noise: which variant finds the known effect."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cbec.studies.breaks import NEAR_YEARS
from cbec.studies.sample import BY_COLUMN, StudyData
from cbec.studies.tables_sample import data_integrity_table
from tests.estimators.test_comparability_tables import ROW, requested, rows

EFFECT, JUMP = 2.0, 5.0
YEARS = range(2010, 2022)
BREAK_AFTER = 1


def study(*, breaks_of: str, jump: float = JUMP, missing_row: bool = False) -> StudyData:
    """60 cities, a third treated in 2015, a third in 2017, without noise: effect 2 from the first year on.

    breaks_of: "some treated", whose series jumps one year after first treatment, "untreated", which jump in
    2016, or "none". missing_row: the figure of the year of the break is not there.
    """
    records = []
    for city in range(60):
        start = {0: 2015, 1: 2017}.get(city % 3)
        if breaks_of == "some treated":
            at = start + BREAK_AFTER if start and city % 2 == 0 else None
        else:
            at = 2016 if breaks_of == "untreated" and start is None and city % 2 == 0 else None
        for year in YEARS:
            y = 0.1 * city + 0.3 * (year - 2010) + EFFECT * (start is not None and year >= start)
            y += jump if at is not None and year >= at else 0.0
            records.append((str(100000 + city), year, y, start, at))
    panel = pd.DataFrame(records, columns=["prefecture_code", "year", "y", "first_treated_year", "at"])
    panel["is_treated"] = panel["year"] >= panel["first_treated_year"].fillna(np.inf)
    broken = panel["year"].eq(panel["at"])
    if missing_row:
        panel.loc[broken, "y"] = np.nan
    key = ["prefecture_code", "year"]
    cells = panel[key].rename(columns={"prefecture_code": "region_code"}).assign(
        panel_column="y", region_level="prefecture", obs_status=np.where(broken, "B", "A"),
        imputed_share=0.0, is_simulated=False,
    )  # fmt: skip
    rule = panel[[*key, "is_treated", "first_treated_year"]].assign(rule_id="rule")
    members = panel[key].rename(columns={"prefecture_code": "region_code"})
    return StudyData(
        specification=pd.DataFrame([ROW | {"controls": None}]),
        sample_member=members.assign(sample_id="all", region_level="prefecture"),
        panel_province_year=panel.head(0),
        panel_city_year=panel[[*key, "y"]].assign(province_code="100000"),
        panel_major_city_year=panel.head(0),
        panel_cell=cells,
        treatment_province_year=rule.head(0),
        treatment_city_year=rule,
        suspect_cell=pd.DataFrame(columns=["region_level", "region_code", "year", "panel_column"]),
        missing_input=pd.DataFrame(columns=[*BY_COLUMN["missing_input"]]),
        recomputed_cell=pd.DataFrame(columns=[*BY_COLUMN["recomputed_cell"]]),
    )


def variants(data: StudyData) -> dict[str, dict[str, Any]]:
    return rows(data_integrity_table(data, requested("data_integrity"), deviations=1.0), "variant")


@pytest.mark.parametrize("missing_row", [False, True])
def test_a_break_beside_treatment_reads_as_an_effect_until_it_is_answered(missing_row: bool) -> None:
    found = variants(study(breaks_of="some treated", missing_row=missing_row))
    # Half of the treated jump by 5 in all treated years but the first: what two-way effects make of it.
    assert found["all"]["estimate"] > EFFECT + 1
    # Without the rows of the break the step stays.
    assert found["without_broken_rows"]["estimate"] > EFFECT + 1
    for name in ("without_breaks_near_treatment", "effects_by_regime"):
        assert found[name]["estimate"] == pytest.approx(EFFECT, abs=1e-9), name
    n_broken = 20
    years = len(YEARS) - missing_row
    assert found["all"]["n_obs"] == 60 * len(YEARS) - n_broken * missing_row
    out = found["all"]["n_obs"] - found["without_breaks_near_treatment"]["n_obs"]
    assert out == n_broken * years
    assert found["effects_by_regime"]["n_obs"] == found["all"]["n_obs"]
    said = f"{n_broken} region-years in which a series breaks"
    assert found["without_breaks_near_treatment"]["note"].startswith(
        f"{said}; " + ("20 rows: outcome y missing; " if missing_row else "")
        + f"{n_broken * years} rows: a series breaks within {NEAR_YEARS} years of first treatment"
    )  # fmt: skip
    assert said in found["effects_by_regime"]["note"]
    assert "breaks" not in (found["all"]["note"] or "")


def test_the_biased_coefficient_is_the_one_of_dummies() -> None:
    data = study(breaks_of="some treated")
    panel = data.panel_city_year.merge(data.treatment_city_year, on=["prefecture_code", "year"])
    x = np.column_stack(
        [
            panel["is_treated"].to_numpy(float),
            pd.get_dummies(panel["prefecture_code"]).to_numpy(float),
            pd.get_dummies(panel["year"]).to_numpy(float),
        ]
    )
    want = np.linalg.lstsq(x, panel["y"].to_numpy(float), rcond=None)[0][0]
    assert variants(data)["all"]["estimate"] == pytest.approx(want, rel=1e-9)


def test_a_break_of_the_untreated_is_far_from_any_treatment_and_stays() -> None:
    found = variants(study(breaks_of="untreated"))
    assert found["all"]["estimate"] < EFFECT
    assert found["without_breaks_near_treatment"]["estimate"] == found["all"]["estimate"]
    assert found["effects_by_regime"]["estimate"] == pytest.approx(EFFECT, abs=1e-9)


def test_without_a_break_every_answer_is_the_column() -> None:
    # Noise, so that errors exist.
    data = study(breaks_of="none")
    noise = np.random.default_rng(0).normal(0, 0.1, len(data.panel_city_year))
    panel = data.panel_city_year.assign(y=data.panel_city_year["y"] + noise)
    found = variants(replace(data, panel_city_year=panel))
    for name in ("without_broken_rows", "without_breaks_near_treatment", "effects_by_regime"):
        for number in ("estimate", "std_error", "p_value", "n_obs"):
            assert found[name][number] == pytest.approx(found["all"][number], rel=1e-12), (name, number)
        assert found[name]["note"] == "no series breaks"


def test_a_dose_has_no_first_year_and_a_pooled_column_no_effects() -> None:
    data = study(breaks_of="some treated")
    pooled = replace(
        data,
        specification=pd.DataFrame([ROW | {"controls": None, "estimator": "pooled", "fixed_effects": None}]),
    )
    assert "effects_by_regime" not in variants(pooled)
    dose = data.panel_city_year.assign(dose=np.arange(len(data.panel_city_year)) % 7 / 7.0)
    no_rule = ROW | {"controls": None, "treatment": "dose", "treatment_rule": None}
    found = variants(replace(data, panel_city_year=dose, specification=pd.DataFrame([no_rule])))
    assert "without_breaks_near_treatment" not in found
    assert found["effects_by_regime"]["estimate"] is not None
