"""What a model remembers: nothing that anything it read would make another."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbec.studies import fit as study
from cbec.studies.fit import fit_table
from cbec.studies.memory import Memory
from cbec.studies.sample import StudyData, assemble
from tests.estimators.test_specifications import one, warehouse


def with_cell(data: StudyData, table: str, row: int, column: str, value: Any) -> StudyData:
    frame = getattr(data, table).copy()
    frame.iloc[row, frame.columns.get_loc(column)] = value
    return replace(data, **{table: frame})


READ: dict[str, Callable[[StudyData], StudyData]] = {
    "a value of the outcome": lambda d: with_cell(d, "panel_city_year", 7, "y", 9.0),
    "its last bit": lambda d: with_cell(
        d, "panel_city_year", 7, "y", np.nextafter(d.panel_city_year["y"].iloc[7], 99.0)
    ),
    "a value of a control": lambda d: with_cell(d, "panel_city_year", 7, "x", np.nan),
    "a place": lambda d: with_cell(d, "panel_city_year", 7, "longitude", 100.0),
    "a province": lambda d: with_cell(d, "panel_city_year", 7, "province_code", "130000"),
    "a status": lambda d: with_cell(d, "panel_cell", 3, "obs_status", "E"),
    "a share that was filled": lambda d: with_cell(d, "panel_cell", 3, "imputed_share", 1.0),
    "a suspect cell less": lambda d: replace(d, suspect_cell=d.suspect_cell.iloc[:0]),
    "a suspect cell": lambda d: with_cell(d, "suspect_cell", 0, "year", 2015),
    "a year of treatment": lambda d: with_cell(d, "treatment_city_year", 4, "is_treated", True),
    "a cohort": lambda d: with_cell(d, "treatment_city_year", 4, "first_treated_year", 2013.0),
    "a batch": lambda d: with_cell(d, "treatment_city_year", 4, "batch", 2.0),
    "a row of the sample": lambda d: replace(d, sample_member=d.sample_member.iloc[1:]),
}
UNREAD: dict[str, Callable[[StudyData], StudyData]] = {
    "another column": lambda d: with_cell(d, "panel_city_year", 7, "m", 9.0),
    "the status of another column": lambda d: with_cell(d, "panel_cell", len(d.panel_cell) - 1, "obs_status", "E"),
    "another sample": lambda d: replace(
        d,
        sample_member=pd.concat(
            [d.sample_member, d.sample_member.assign(sample_id="other")], ignore_index=True
        ),
    ),
    "another rule": lambda d: replace(
        d,
        treatment_city_year=pd.concat(
            [d.treatment_city_year, d.treatment_city_year.assign(rule_id="other")], ignore_index=True
        ),
    ),
    "another level": lambda d: replace(d, panel_province_year=d.panel_city_year.iloc[:3]),
}  # fmt: skip


@pytest.mark.parametrize("what", READ)
def test_what_is_read_is_in_the_digest(what: str) -> None:
    data = warehouse()
    assert READ[what](data).digest(one()) != data.digest(one())


@pytest.mark.parametrize("what", UNREAD)
def test_what_is_not_read_is_not(what: str) -> None:
    data = warehouse()
    assert UNREAD[what](data).digest(one()) == data.digest(one())


def test_a_specification_is_in_its_digest_and_a_column_beside_it_when_named() -> None:
    data = warehouse()
    changes = (
        {"controls": None}, {"outcome": "m"}, {"vcov": "iid"}, {"winsor": "0.01:0.99"}, {"column_no": 2},
        {"subgroup": "region3=east"}, {"mediator": "m"}, {"controls": "L1.x"}, {"note": "n"},
    )  # fmt: skip
    found = {data.digest(one()), *(data.digest(one(**change)) for change in changes)}
    assert len(found) == len(changes) + 1
    spoilt = with_cell(data, "panel_city_year", 7, "m", 9.0)
    assert spoilt.digest(one(), ["m"]) != data.digest(one(), ["m"])


def test_only_what_changed_is_estimated_again(monkeypatch: pytest.MonkeyPatch) -> None:
    data = warehouse()
    more = [{"column_no": k + 1, "controls": c} for k, c in enumerate((None, "x", "m", "x + m"))]
    rows = pd.concat([warehouse(**change).specification for change in more], ignore_index=True)
    data = replace(data, specification=rows)
    first = Memory()
    whole = fit_table(data, kept=first)
    estimated: list[int] = []
    estimate = study.estimate

    def counted(spec: Any, sample: Any) -> Any:
        estimated.append(spec.column_no)
        return estimate(spec, sample)

    monkeypatch.setattr(study, "estimate", counted)
    again = Memory(first.now)
    assert fit_table(data, kept=again).equals(whole)
    assert estimated == []
    assert again.now == first.now
    # Columns that control for m, on both samples of which one equals none of the others.
    changed = with_cell(data, "panel_city_year", 7, "m", 9.0)
    later = Memory(first.now)
    table = fit_table(changed, kept=later)
    assert set(estimated) == {3, 4}
    assert table.equals(fit_table(changed))
    assert not table.equals(whole)
    # What nobody requests any more is forgotten.
    assert len(later.now) == 4
    assert len(set(later.now) & set(first.now)) == 2


def test_tables_may_travel_to_another_process_after_they_were_looked_at() -> None:
    """Nothing that a process counts for itself goes with them."""
    data = warehouse()
    data.digest(one())
    there = pickle.loads(pickle.dumps(data))
    assemble(warehouse(), one(sample="all"))
    for observed_only in (False, True):
        here, away = (assemble(d, one(), observed_only=observed_only) for d in (data, there))
        pd.testing.assert_frame_equal(here.rows, away.rows)
        pd.testing.assert_frame_equal(here.cells, away.cells)
        assert here.reasons == away.reasons
    assert len(assemble(there, one(), observed_only=True).rows) == 116


def test_the_number_of_processes_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "FEW", 0)
    data = warehouse()
    assert fit_table(data, workers=2).equals(fit_table(warehouse()))


@given(
    st.lists(
        st.one_of(
            st.floats(allow_nan=True, allow_infinity=True), st.integers(), st.none(), st.booleans(), st.text()
        )
    )
)
def test_what_is_kept_comes_back_to_the_last_bit(values: list[Any]) -> None:
    kept = Memory()
    kept.keep("a", [{"v": value} for value in values])
    found = Memory(kept.now).recalled("a")
    assert found is not None
    for before, row in zip(values, found, strict=True):
        assert repr(row["v"]) == repr(before)
    assert Memory().recalled("a") is None
    with pytest.raises(TypeError, match="cannot be kept"):
        kept.keep("b", [{"v": object()}])
    kept.keep("c", [{"v": np.float64(0.1), "n": np.int64(3)}])
    assert Memory(kept.now).recalled("c") == [{"v": 0.1, "n": 3}]
