"""One front: every estimator refuses the same frames, in the same words, and none in a library's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cbec.estimators.diagnostics import bacon_decomposition, twfe_weights
from cbec.estimators.functional_form import density_test
from cbec.estimators.mediation import mediate
from cbec.estimators.multiple_testing import family_test, group_difference_test
from cbec.estimators.panel_tests import hausman
from cbec.estimators.placebo import leave_one_out, placebo_test, time_placebo
from cbec.estimators.regression import fit_least_squares, fit_random_effects, fit_unit_slopes
from cbec.estimators.selection import prepare
from cbec.estimators.specification import Specification
from cbec.estimators.staggered.fit import fit_staggered
from cbec.estimators.wild_bootstrap import wild_cluster_bootstrap

ROW = {
    "study_id": "s", "table_no": "T", "column_no": 1, "estimator": "twfe", "outcome": "y", "treatment": "d",
    "treatment_rule": None, "controls": "x", "fixed_effects": "unit + year", "vcov": "CRV1:province",
    "sample": "all",
}  # fmt: skip
TWFE = Specification.from_row(ROW)
RANDOM = Specification.from_row(ROW | {"estimator": "random_effects", "fixed_effects": None, "vcov": "iid"})
SLOPES = Specification.from_row(ROW | {"estimator": "unit_slopes", "fixed_effects": None, "vcov": "iid"})
MEDIATED = Specification.from_row(ROW | {"controls": None, "mediator": "x"})
EQUATION: dict[str, Any] = {
    "treatment": "d", "unit": "unit", "time": "year", "controls": ("x",), "fixed_effects": ("unit", "year"),
}  # fmt: skip
CLUSTERED = EQUATION | {"outcome": "y", "cluster": "province"}
STAGGERED: dict[str, Any] = {"outcome": "y", "unit": "unit"}

Estimator = Callable[[pd.DataFrame], object]
ESTIMATORS: dict[str, Estimator] = {
    "least squares": lambda f: fit_least_squares(f, TWFE),
    "random effects": lambda f: fit_random_effects(f, RANDOM, unit="unit"),
    "unit slopes": lambda f: fit_unit_slopes(f, SLOPES, unit="unit"),
    "staggered": lambda f: fit_staggered(
        f, estimator="callaway_santanna", **STAGGERED, controls=("x",), cluster="province"
    ),
    "bacon": lambda f: bacon_decomposition(f, **STAGGERED),
    "weights": lambda f: twfe_weights(f, **STAGGERED, controls=("x",)),
    "selection": lambda f: prepare(f, **STAGGERED, covariates=("x",)),
    "functional form": lambda f: density_test(f, outcome="y", treatment="d", unit="unit", least=1, draws=9),
    "mediation": lambda f: mediate(f, MEDIATED, unit="unit", draws=9),
    "hausman": lambda f: hausman(f, outcome="y", regressors=("d", "x"), unit="unit"),
    "placebo": lambda f: placebo_test(f, **CLUSTERED, scheme="cohort", draws=9),
    "time placebo": lambda f: time_placebo(f, **CLUSTERED, shifts=(1,)),
    "leave one out": lambda f: leave_one_out(f, **CLUSTERED, by="province"),
    "bootstrap": lambda f: wild_cluster_bootstrap(f, **CLUSTERED, draws=9),
    "family": lambda f: family_test(f, outcomes=("y", "z"), **EQUATION, draws=9),
    "group difference": lambda f: group_difference_test(f, group="west", **CLUSTERED, draws=9),
}
#: Rows with a missing number leave, counted and named, in the estimators that choose their sample.
CHOOSE_ROWS = ("staggered", "bacon", "weights", "selection")
#: No clusters are handed to these.
UNCLUSTERED = ("random effects", "unit slopes", "bacon", "weights", "selection", "functional form", "hausman",
               "family")  # fmt: skip


def panel() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame([(u, 2010 + t) for u in range(24) for t in range(8)], columns=["unit", "year"])
    start = np.where(np.arange(24) % 3 == 0, np.nan, 2013 + np.arange(24) % 3)
    frame["first_treated_year"] = start[frame["unit"]]
    frame["d"] = (frame["year"] >= frame["first_treated_year"]).astype(float)
    frame[["x", "z"]] = rng.normal(size=(len(frame), 2))
    frame["y"] = frame["d"] + frame["x"] + rng.normal(size=len(frame)) + 0.3 * frame["unit"]
    return frame.assign(province=frame["unit"] // 2, west=frame["unit"] % 2)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_good_frame_is_taken_by_all(name: str) -> None:
    ESTIMATORS[name](panel())


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_unit_and_year_twice_is_refused_by_all_alike(name: str) -> None:
    with pytest.raises(ValueError, match="unit 0 has two rows for year 2013"):
        ESTIMATORS[name](pd.concat([panel(), panel().iloc[[3]]], ignore_index=True))


@pytest.mark.parametrize("name", ESTIMATORS)
def test_an_absent_column_is_named_with_the_nearest(name: str) -> None:
    with pytest.raises(ValueError, match="no column 'y'; nearest: year"):
        ESTIMATORS[name](panel().drop(columns="y"))


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize(
    ("value", "words"),
    [("?", "column 'y' holds text, not numbers"), (np.inf, "column 'y' is infinite on 1 rows")],
)
def test_text_and_infinite_values_are_refused_by_all_alike(name: str, value: object, words: str) -> None:
    frame = panel().astype({"y": object}) if isinstance(value, str) else panel()
    frame.loc[5, "y"] = value
    with pytest.raises(ValueError, match=words):
        ESTIMATORS[name](frame)


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("column", ["y", "year"])
@pytest.mark.parametrize("dtype", [object, "string", "category"])
def test_numbers_written_as_text_are_text(name: str, column: str, dtype: Any) -> None:
    frame = panel().assign(**{column: lambda f: f[column].astype(str).astype(dtype)})
    with pytest.raises(ValueError, match=f"column '{column}' holds text, not numbers: '"):
        ESTIMATORS[name](frame)


@pytest.mark.parametrize("name", ["staggered", "bacon", "weights", "selection"])
def test_a_cohort_written_as_text_is_text(name: str) -> None:
    frame = panel()
    words = frame["first_treated_year"].map(str).where(frame["first_treated_year"].notna())
    with pytest.raises(ValueError, match="column 'first_treated_year' holds text, not numbers: '201"):
        ESTIMATORS[name](frame.assign(first_treated_year=words))


@pytest.mark.parametrize("name", ESTIMATORS)
def test_numbers_in_a_column_of_objects_are_numbers(name: str) -> None:
    ESTIMATORS[name](panel().astype({"y": object, "year": object, "first_treated_year": object}))


@pytest.mark.parametrize("name", [name for name in ESTIMATORS if name not in CHOOSE_ROWS])
def test_a_missing_number_is_refused_and_no_row_alone_in_an_effect(name: str) -> None:
    frame = panel()
    column = "y" if name == "functional form" else "x"
    frame.loc[[5, 9], column] = np.nan
    with pytest.raises(ValueError, match=f"column '{column}' has 2 missing values; allowed: complete rows"):
        ESTIMATORS[name](frame)


def test_a_missing_number_leaves_with_its_reason_where_the_sample_is_chosen() -> None:
    frame = panel()
    frame.loc[[5, 9], "x"] = np.nan
    found = fit_staggered(frame, estimator="imputation", **STAGGERED, controls=("x",), gaps="keep")
    assert found.drop_reason == "2 rows: control x missing"


@pytest.mark.parametrize("name", [name for name in ESTIMATORS if name not in UNCLUSTERED])
def test_a_missing_cluster_is_named(name: str) -> None:
    frame = panel()
    frame["province"] = frame["province"].where(frame["unit"] != 4).astype(object)
    if name == "staggered":
        found = fit_staggered(frame, estimator="sun_abraham", **STAGGERED, cluster="province")
        assert found.drop_reason == "8 rows: cluster province missing"
        return
    with pytest.raises(ValueError, match="column 'province' has 8 missing values; allowed: none in"):
        ESTIMATORS[name](frame)


NAMES = {"y": "GDP (100m yuan) {unit}", "x": "log[x] + 1", "unit": "city^code", "province": "prov. {unit}"}


def test_names_with_brackets_are_read_as_names() -> None:
    """What a formula would read as a call, a fold or a placeholder."""
    frame = panel()
    spec = TWFE.with_(outcome=NAMES["y"], controls=(NAMES["x"],), vcov=f"CRV1:{NAMES['province']}")
    named = frame.rename(columns={k: v for k, v in NAMES.items() if k != "unit"})
    found = fit_least_squares(named, spec)
    plain = fit_least_squares(frame, TWFE)
    assert [t.estimate for t in found.terms] == [t.estimate for t in plain.terms]
    assert [t.std_error for t in found.terms] == [t.std_error for t in plain.terms]
    assert [t.term for t in found.terms] == ["d", "log[x] + 1"]
    assert found.formula == "GDP (100m yuan) {unit} ~ d + log[x] + 1 | unit + year"


@pytest.mark.parametrize("estimator", ["callaway_santanna", "sun_abraham", "imputation", "synthetic_did"])
def test_names_with_brackets_are_read_as_names_by_staggered_estimators(estimator: str) -> None:
    frame = panel()
    named = frame.rename(columns=NAMES)
    found = fit_staggered(
        named, estimator=estimator, outcome=NAMES["y"], unit=NAMES["unit"], controls=(NAMES["x"],)
    )
    plain = fit_staggered(frame, estimator=estimator, **STAGGERED, controls=("x",))
    assert found.overall == plain.overall
    assert "GDP (100m yuan) {unit}" in found.formula and "log[x] + 1" in found.formula
