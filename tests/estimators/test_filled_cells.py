"""Filled and flagged cells in estimates.data_integrity: imputed, bounded, or said not to be there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cbec.common.words import translate
from cbec.estimators.imputation import pool
from cbec.estimators.regression import fit_least_squares
from cbec.studies import filled
from cbec.studies.diagnostics import requested_columns
from cbec.studies.memory import Memory
from cbec.studies.sample import StudyData, assemble
from cbec.studies.tables_sample import _without_filled_cells, data_integrity_table
from tests.estimators import test_breaks as breaks
from tests.estimators.test_comparability_tables import ROW, requested, rows

NEW = ("multiple_imputation", "bounds_low", "bounds_high")
CITIES = [str(100000 + number) for number in range(60)]
KEY = ["prefecture_code", "year"]


def study(
    *,
    imputed: Sequence[tuple[str, int]] = (),
    flagged: Sequence[tuple[str, int]] = (),
    blank: Sequence[tuple[str, int]] = (),
    filled_controls: Sequence[tuple[str, int]] = (),
    **specification: Any,
) -> StudyData:
    """60 cities in 12 years, two thirds treated, with noise and a control x; cells by city and year."""
    data = breaks.study(breaks_of="none")
    stream = np.random.default_rng(5)
    panel = data.panel_city_year.assign(
        x=stream.normal(size=len(data.panel_city_year)), province_code="100000"
    )
    panel["y"] += panel["x"] + stream.normal(0, 1, len(panel))
    panel.loc[is_in(panel, "prefecture_code", blank), "y"] = np.nan
    cells = pd.concat([data.panel_cell, data.panel_cell.assign(panel_column="x")], ignore_index=True)
    of_y = cells["panel_column"].eq("y")
    is_filled = (of_y & is_in(cells, "region_code", imputed)) | (
        ~of_y & is_in(cells, "region_code", filled_controls)
    )
    cells.loc[is_filled, ["imputed_share", "obs_status"]] = [1.0, "I"]
    suspects = pd.DataFrame(list(flagged), columns=["region_code", "year"]).assign(
        region_level="prefecture", panel_column="y"
    )
    return replace(
        data,
        specification=pd.DataFrame([ROW | {"controls": "x"} | specification]),
        panel_city_year=panel,
        panel_cell=cells,
        suspect_cell=suspects[["region_level", "region_code", "year", "panel_column"]],
    )


def is_in(frame: pd.DataFrame, region: str, cells: Sequence[tuple[str, int]]) -> np.ndarray:
    return pd.MultiIndex.from_frame(frame[[region, "year"]]).isin(
        pd.MultiIndex.from_tuples([*cells, ("", 0)])
    )


def variants(
    data: StudyData, options: str | None = None, deviations: float = 1.0
) -> dict[str, dict[str, Any]]:
    return rows(
        data_integrity_table(data, requested("data_integrity", options), deviations=deviations), "variant"
    )


def moved(data: StudyData, change: dict[tuple[str, int], float]) -> StudyData:
    """The same study with other figures of y."""
    panel = data.panel_city_year
    by = [
        change.get((code, year), 0.0)
        for code, year in zip(panel["prefecture_code"], panel["year"], strict=True)
    ]
    return replace(data, panel_city_year=panel.assign(y=panel["y"] + np.array(by)))


# Of the first cohort after treatment, of the second, of the untreated.
FILLED = [(CITIES[0], 2018), (CITIES[3], 2016), (CITIES[1], 2019), (CITIES[2], 2013)]
FLAGGED = [(CITIES[4], 2012)]


def test_without_a_filled_cell_the_variants_are_the_column() -> None:
    found = variants(study())
    everything = found["all"]
    for name in NEW:
        assert found[name]["estimate"] == everything["estimate"]
        assert found[name]["n_obs"] == everything["n_obs"]
        assert found[name]["note"].endswith("as variant all")
    imputation = found["multiple_imputation"]
    assert {k: v for k, v in imputation.items() if k not in ("variant", "note")} == {
        k: v for k, v in everything.items() if k not in ("variant", "note")
    }
    for name in ("bounds_low", "bounds_high"):
        assert (
            found[name]["std_error"] is found[name]["p_value"] is found[name]["n_effective_clusters"] is None
        )


def test_imputation_forgets_what_was_filled_and_the_column_does_not() -> None:
    data = study(imputed=FILLED, flagged=FLAGGED)
    found = variants(data)
    other = variants(moved(data, dict.fromkeys([*FILLED, *FLAGGED], 50.0)))
    assert other["all"]["estimate"] != pytest.approx(found["all"]["estimate"], abs=0.1)
    assert other["multiple_imputation"]["note"] == found["multiple_imputation"]["note"]
    for number in ("estimate", "std_error", "p_value"):
        assert other["multiple_imputation"][number] == pytest.approx(
            found["multiple_imputation"][number], rel=1e-9
        )
    row = found["multiple_imputation"]
    assert row["note"].startswith(
        "20 imputations of 5 cells in 5 rows; proportion of variance due to missing cells 0.0"
    )
    assert "is_treated among them, and on effects of prefecture_code, year" in row["note"]
    assert (row["n_filled_here"], row["n_obs"]) == (5, found["all"]["n_obs"])
    # Five of 720 cells: near what is observed, with an error hardly above it.
    assert row["estimate"] == pytest.approx(found["observed"]["estimate"], abs=0.05)
    assert row["std_error"] == pytest.approx(found["observed"]["std_error"], rel=0.05)
    assert row["imputed_share_treated"] > 0
    assert row["imputed_share"] == found["all"]["imputed_share"]


def test_the_row_is_rubins_rule_over_the_fits_of_the_column() -> None:
    """Three imputations, pooled here from fits by pyfixest."""
    data = study(imputed=FILLED)
    spec = data.specifications()[0]
    sample = assemble(data, spec)
    fits, caught = [], []

    def impute(frame: pd.DataFrame, **about: Any) -> Any:
        caught.append((frame, filled_impute(frame, **about)))
        return caught[-1][1]

    filled_impute = filled.impute
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(filled, "impute", impute)
        row = variants(data, "imputations=3")["multiple_imputation"]
    frame, imputed = caught[-1]
    assert frame["y"].isna().sum() == 4 and frame["x"].notna().all()
    for number in range(3):
        panel = imputed.completed(number)
        fits.append(fit_least_squares(filled._frame(panel, sample.rows, spec), spec, unit=sample.unit))
    terms = [next(term for term in fit.terms if term.term == "is_treated") for fit in fits]
    effective = float(np.mean([term.n_effective_clusters for term in terms]))
    want = pool(
        np.array([term.estimate for term in terms]),
        np.array([term.std_error for term in terms]) ** 2,
        effective - 1,
    )
    assert row["estimate"] == pytest.approx(want.estimate, rel=1e-8)
    assert row["std_error"] == pytest.approx(want.std_error, rel=1e-8)
    assert row["p_value"] == pytest.approx(want.p_value, rel=1e-6)
    assert row["n_effective_clusters"] == pytest.approx(effective, rel=1e-6)
    assert f"proportion of variance due to missing cells {want.share_between:.3f}" in row["note"]


def test_bounds_are_the_column_with_every_cell_at_its_corner() -> None:
    cells = [*FILLED, *FLAGGED]
    data = study(imputed=FILLED, flagged=FLAGGED)
    found = variants(data, deviations=2.0)
    low, high, everything = (found[name]["estimate"] for name in ("bounds_low", "bounds_high", "all"))
    assert low < everything < high
    note = found["bounds_low"]["note"]
    assert note == found["bounds_high"]["note"]
    distance = float(note.split(" lie up to ")[1].split(" from")[0])
    assert "5 filled or flagged cells of the outcome" in note and "2 residual deviations" in note
    # Noise of one, and a control that takes none of it away.
    assert distance == pytest.approx(2, rel=0.1)
    effects = {cell: variants(moved(data, {cell: 1.0}))["all"]["estimate"] - everything for cell in cells}
    assert {effect > 0 for effect in effects.values()} == {True, False}
    for sign, end in ((-1.0, low), (1.0, high)):
        corner = {cell: sign * distance * np.sign(effect) for cell, effect in effects.items()}
        # The note prints four digits of the distance.
        assert variants(moved(data, corner))["all"]["estimate"] == pytest.approx(end, abs=1e-3 * (high - low))
    turns = float(note.split("can change from ")[1].split(" ")[0])
    assert turns == pytest.approx(everything / ((high - low) / 4), rel=1e-2)


def test_blanks_are_imputed_where_their_year_has_a_figure() -> None:
    blank = [(CITIES[5], 2014), *((city, 2013) for city in CITIES)]
    found = variants(study(blank=blank))
    row = found["multiple_imputation"]
    assert found["linear"]["n_obs"] == 720
    assert row["n_obs"] == found["all"]["n_obs"] + 1 == 660
    assert "60 rows: no cell of y is observed in the same year" in row["note"]
    assert row["note"].startswith("20 imputations of 1 cells in 1 rows")
    # Nothing but such a year: the column itself.
    nothing = variants(study(blank=blank[1:]))
    assert nothing["multiple_imputation"]["estimate"] == nothing["all"]["estimate"]
    assert nothing["multiple_imputation"]["note"].startswith(filled.NOTHING_TO_IMPUTE)


def test_a_filled_control_is_imputed_and_has_no_bounds() -> None:
    found = variants(study(filled_controls=FILLED))
    assert found["multiple_imputation"]["note"].startswith("20 imputations of 4 cells in 4 rows")
    assert found["multiple_imputation"]["estimate"] != found["all"]["estimate"]
    for name in ("bounds_low", "bounds_high"):
        assert found[name]["estimate"] is found[name]["n_obs"] is None
        assert found[name]["note"] == (
            "refused: filled and flagged cells are of regressors alone, in which a coefficient is not linear: x"
        )
    both = variants(study(imputed=FILLED[:1], filled_controls=FILLED))
    assert "4 filled or flagged cells of x stay as they are" in both["bounds_low"]["note"]
    assert both["multiple_imputation"]["note"].startswith("20 imputations of 5 cells in 4 rows")


def test_a_variable_that_is_filled_throughout_is_refused() -> None:
    found = variants(study(imputed=[(city, year) for city in CITIES for year in breaks.YEARS]))
    row = found["multiple_imputation"]
    assert row["note"] == "refused: no cell of y is observed: nothing to impute it from"
    assert row["estimate"] is row["std_error"] is row["n_obs"] is row["imputed_share"] is None
    assert found["all"]["estimate"] is not None
    for name in ("bounds_low", "bounds_high"):
        assert found[name]["estimate"] is None
        assert found[name]["note"].startswith("refused: no cell of the outcome is observed")


@pytest.mark.parametrize(
    ("cells", "effect"),
    [
        ([(CITIES[7], year) for year in breaks.YEARS], "prefecture_code"),
        ([(city, 2013) for city in CITIES], "year"),
    ],
)
def test_a_unit_or_year_without_an_observed_cell_leaves(cells: list[tuple[str, int]], effect: str) -> None:
    """With cells to impute beside it, and without: then it is the observed-only variant."""
    found = variants(study(imputed=[*cells, *FILLED[:3]]))
    row = found["multiple_imputation"]
    assert f"{len(cells)} rows: no cell of y is observed in the same {effect}" in row["note"]
    assert row["note"].startswith("20 imputations of 3 cells in 3 rows")
    assert row["n_obs"] == 720 - len(cells)
    assert row["imputed_share"] < found["all"]["imputed_share"]
    alone = variants(study(imputed=cells))
    assert alone["multiple_imputation"]["note"] == (
        f"no cell to impute; {len(cells)} rows: no cell of y is observed in the same {effect}"
    )
    for number in ("estimate", "std_error", "p_value", "n_obs"):
        assert alone["multiple_imputation"][number] == alone["observed"][number]


def test_rows_leave_until_every_cell_has_an_observed_one() -> None:
    """One city has x in 2013 alone, where no y is observed."""
    cells = [(city, 2013) for city in CITIES]
    others = [(CITIES[9], year) for year in breaks.YEARS if year != 2013]
    row = variants(study(imputed=cells, filled_controls=others))["multiple_imputation"]
    assert row["note"] == (
        "no cell to impute; 60 rows: no cell of y is observed in the same year;"
        " 11 rows: no cell of x is observed in the same prefecture_code"
    )
    assert row["n_obs"] == 720 - 71


def test_the_note_says_where_few_observed_cells_stand_behind_many() -> None:
    many = [(city, year) for city in CITIES for year in breaks.YEARS if (int(city) + year) % 5 > 1]
    row = variants(study(imputed=many))["multiple_imputation"]
    assert row["estimate"] is not None
    assert "imputed cells of y are 60 % of all: few observed ones stand behind them" in row["note"]
    assert (
        "the error is too small if errors are correlated over years: 60 % of the outcome imputed"
        in row["note"]
    )
    few = variants(study(imputed=FILLED))["multiple_imputation"]["note"]
    assert "few observed" not in few and "too small" not in few


def test_a_winsorised_outcome_has_no_bounds() -> None:
    found = variants(study(imputed=FILLED, winsor="0.05:0.95"))
    assert (
        found["bounds_low"]["note"]
        == "refused: the outcome is winsorised: a coefficient is not linear in its cells"
    )
    row = found["multiple_imputation"]
    # The completed figures are pulled in, as those of the column are.
    plain = variants(study(imputed=FILLED))["multiple_imputation"]
    assert abs(row["estimate"] - found["all"]["estimate"]) < 0.2 * abs(row["estimate"] - plain["estimate"])


def test_an_outcome_that_is_its_own_control_has_no_bounds() -> None:
    found = variants(study(imputed=FILLED, controls="L1.y"))
    assert found["bounds_low"]["note"] == (
        "refused: filled or flagged cells of the outcome also make L1.y: not linear in them"
    )
    # Each cell stands in its own row and in the one after.
    assert found["multiple_imputation"]["note"].startswith("20 imputations of 8 cells in 8 rows")


@pytest.mark.parametrize("vcov", ["iid", "HC1", "CRV1:prefecture_code+year", "CRV1:year"])
def test_errors_are_those_of_the_column(vcov: str) -> None:
    degrees: list[float] = []

    def recorded(estimates: Any, variances: Any, df_complete: float) -> Any:
        degrees.append(df_complete)
        return pool(estimates, variances, df_complete)

    data = study(imputed=FILLED, vcov=vcov)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(filled, "pool", recorded)
        found = variants(data, "imputations=4")
    row, everything = found["multiple_imputation"], found["all"]
    assert row["std_error"] == pytest.approx(everything["std_error"], rel=0.1)
    # Of complete data the degrees of freedom are those of the column's own t.
    t = abs(everything["estimate"] / everything["std_error"])
    assert 2 * stats.t.sf(t, degrees[-1]) == pytest.approx(everything["p_value"], rel=0.02)
    assert (row["n_effective_clusters"] is None) == (everything["n_effective_clusters"] is None)


def test_an_interaction_of_effects_is_one_effect() -> None:
    # One province: its years are the years.
    plain = variants(study(imputed=FILLED))
    crossed = variants(study(imputed=FILLED, fixed_effects="prefecture_code + province_code^year"))
    for name in NEW:
        assert crossed[name]["estimate"] == pytest.approx(plain[name]["estimate"], rel=1e-9)


def test_rows_and_codes_of_cities_do_not_matter() -> None:
    data = study(imputed=FILLED, flagged=FLAGGED)
    codes = {city: str(999999 - int(city)) for city in CITIES}
    other = {}
    for name in ("sample_member", "panel_city_year", "panel_cell", "treatment_city_year", "suspect_cell"):
        frame = getattr(data, name).sample(frac=1, random_state=3)
        column = "prefecture_code" if "prefecture_code" in frame else "region_code"
        other[name] = frame.assign(**{column: frame[column].map(codes)})
    one, two = variants(data), variants(replace(data, **other))
    for name in NEW:
        assert two[name]["note"] == one[name]["note"]
        assert two[name]["estimate"] == pytest.approx(one[name]["estimate"], rel=1e-9)
    errors = [found["multiple_imputation"]["std_error"] for found in (one, two)]
    assert errors[0] == pytest.approx(errors[1], rel=1e-9)


def test_every_sentence_has_chinese_words() -> None:
    half = [(city, year) for city in CITIES for year in breaks.YEARS if int(city) % 2 or year > 2012]
    studies = [
        study(), study(imputed=FILLED), study(imputed=half), study(filled_controls=FILLED),
        study(imputed=FILLED, filled_controls=FILLED), study(imputed=FILLED, winsor="0.05:0.95"),
        study(imputed=FILLED, controls="L1.y"), study(blank=[(CITIES[5], 2014), *((city, 2013) for city in CITIES)]),
        study(imputed=[(CITIES[7], year) for year in breaks.YEARS]),
        study(imputed=[(city, year) for city in CITIES for year in breaks.YEARS]),
        study(imputed=FILLED, fixed_effects=None, estimator="pooled"),
    ]  # fmt: skip
    said = set()
    for data in studies:
        asked = next(requested_columns(data, requested("data_integrity"), "data_integrity"))
        said |= {
            part
            for row in _without_filled_cells(data, asked, {"note": None}, 1.0)
            for part in row["note"].split("; ")
        }
    assert len(said) > 20
    for part in said:
        words = re.sub(r"[A-Za-z]+_[A-Za-z_]+|L1\.y", "", translate(part, "zh"))
        assert re.search(r"[\u4e00-\u9fff]", words), part
        assert len(re.findall("[A-Za-z]{3,}", words)) <= 1, (part, words)


def test_another_distance_is_computed_anew() -> None:
    data, wanted = study(imputed=FILLED), requested("data_integrity")
    kept = Memory()
    first = data_integrity_table(data, wanted, kept, deviations=1.0)
    again = data_integrity_table(data, wanted, Memory(kept.now), deviations=1.0)
    other = data_integrity_table(data, wanted, Memory(kept.now), deviations=3.0)
    assert first.equals(again)
    ends = [rows(table, "variant")["bounds_high"]["estimate"] for table in (first, other)]
    everything = rows(first, "variant")["all"]["estimate"]
    assert ends[1] - everything == pytest.approx(3 * (ends[0] - everything), rel=1e-6)
