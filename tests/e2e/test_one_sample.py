"""On the published figures: no difference of rows is read as one of estimators, and no dose as an effect."""

from __future__ import annotations

import re
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from cbec.common.words import translate
from cbec.referee.items import ITEMS
from cbec.studies.sample import StudyData, assemble

KEY = ("study_id", "table_no", "column_no")


def two_way(frame: pd.DataFrame, unit: str, outcome: str) -> float:
    """The coefficient of treatment on dummies written out, sparse rows aside: no code of the estimators."""
    d = (frame["year"] >= frame["first_treated_year"].astype(float).fillna(np.inf)).to_numpy(float)
    other = np.column_stack([pd.get_dummies(frame[name]).to_numpy(float) for name in (unit, "year")])
    both = np.column_stack([d, frame[outcome].to_numpy(float)])
    left = both - other @ np.linalg.lstsq(other, both, rcond=None)[0]
    return float(left[:, 0] @ left[:, 1] / (left[:, 0] @ left[:, 0]))


def of_column(data: StudyData, key: tuple[Any, ...]) -> Any:
    (spec,) = (s for s in data.specifications() if (s.study_id, s.table_no, s.column_no) == key)
    return spec, assemble(data, spec)


def test_a_decomposed_regression_is_the_one_on_its_rows(db: duckdb.DuckDBPyConnection) -> None:
    """Fitted anew on the cities without a gap; and the column's coefficient is the published one."""
    data = StudyData.from_published(db)
    found = db.sql("select * from estimates.bacon where weight is not null").df()
    assert found.groupby(list(KEY)).ngroups >= 4
    for key, rows in found.groupby(list(KEY)):
        spec, sample = of_column(data, key)
        size = sample.rows.groupby(sample.unit)["year"].transform("size")
        used = sample.rows[size == sample.rows["year"].nunique()]
        line = rows.iloc[0]
        assert line["n_obs"] == len(used)
        fitted = two_way(used, sample.unit, spec.outcome)
        assert line["estimate_decomposed"] == pytest.approx(fitted, rel=1e-7)
        assert (rows["weight"] * rows["estimate"]).sum() == pytest.approx(fitted, rel=1e-7)
        if line["n_obs"] < line["n_obs_column"]:
            assert line["note"].startswith(f"{line['n_obs']} of {line['n_obs_column']} rows decomposed")
            assert re.match(r"分解\d+行中的\d+行", translate(line["note"], "zh"))


def test_weights_are_of_the_columns_own_regression(db: duckdb.DuckDBPyConnection) -> None:
    data = StudyData.from_published(db)
    found = db.sql("select * from estimates.twfe_weight where n_weights is not null").df()
    assert len(found) >= 4
    for line in found.to_dict("records"):
        spec, sample = of_column(data, tuple(line[name] for name in KEY))
        if not spec.controls:
            assert line["estimate"] == pytest.approx(
                two_way(sample.rows, sample.unit, spec.outcome), rel=1e-7
            )
        assert line["estimate"] == pytest.approx(line["estimate_column"], abs=1e-8)
        assert line["n_obs"] == line["n_obs_column"]


def test_two_way_effects_beside_each_estimator_are_on_its_rows(db: duckdb.DuckDBPyConnection) -> None:
    """Callaway-Sant'Anna with gaps dropped: units with a row in every year, none treated throughout, and no
    year in which everybody is treated."""
    data = StudyData.from_published(db)
    found = db.sql(
        "select same_sample.* from estimates.same_sample inner join studies.specification"
        " using (study_id, table_no, column_no)"
        " where same_sample.estimator = 'callaway_santanna' and not is_observed_only"
        " and coalesce(options, '') not like '%gaps=keep%' and coalesce(options, '') not like '%anticipation%'"
        " and controls is null"
    ).df()
    assert len(found) >= 20
    for line in found.to_dict("records"):
        spec, sample = of_column(data, tuple(line[name] for name in KEY))
        rows = sample.rows.assign(
            first_treated_year=sample.rows["first_treated_year"].astype(float).fillna(np.inf)
        )
        rows = rows[rows.groupby(sample.unit)["year"].transform("size") == rows["year"].nunique()]
        rows = rows[rows["first_treated_year"] > rows["year"].min()]
        late = rows["first_treated_year"].where(rows["first_treated_year"] <= rows["year"].max(), np.inf)
        if np.isfinite(late).all():
            rows = rows[rows["year"] < late.max()]
        assert line["n_obs"] == len(rows), line
        assert line["n_units"] == rows[sample.unit].nunique()
        assert line["estimate_twfe"] == pytest.approx(two_way(rows, sample.unit, spec.outcome), rel=1e-6)


def test_every_robust_column_has_two_way_effects_beside_it(db: duckdb.DuckDBPyConnection) -> None:
    without = db.sql(
        "select att.* from estimates.att left join estimates.same_sample as beside"
        " using (study_id, table_no, column_no, is_observed_only)"
        " where aggregation = 'overall' and (beside.estimate_twfe is null or beside.estimate <> att.estimate)"
        " and coalesce(beside.note, '') not like 'refused%'"
    ).fetchall()
    assert without == []


def test_no_language_loses_a_group_of_dropped_rows(db: duckdb.DuckDBPyConnection) -> None:
    """What tests/assert_drop_reasons_add_up.sql holds for the table holds for the note in either language."""
    found = db.sql(
        "select distinct drop_reason, n_dropped from estimates.fit where status = 'estimated'"
    ).fetchall()
    assert len(found) > 50
    for reason, n_dropped in found:
        for lang, pattern in (("en", r"(\d+) rows: "), ("zh", r"(\d+)行：")):
            said = translate(reason, lang)  # type: ignore[arg-type]
            assert sum(int(n) for n in re.findall(pattern, said)) == n_dropped, said


#: What calls a coefficient an average of effects on the treated, in either language.
AVERAGE_OF_EFFECTS = re.compile(
    r"ATT\(|average of (the )?effects|effects? on the treated|平均处理效应|受处理者的"
)


def test_no_note_calls_a_dose_an_average_of_effects(db: duckdb.DuckDBPyConnection) -> None:
    """A share of the year, a count or an index is no status: its slope averages no ATT(g,t). All texts that
    stand beside a column: of every table of estimates, of the specification, of the referee pack."""
    doses = {
        tuple(row)
        for row in db.sql(
            "select study_id, table_no, column_no from studies.specification"
            " where not regexp_full_match(treatment, '(L[1-9][.])?is_treated')"
        ).fetchall()
    }
    assert len(doses) > 10
    tables = db.sql(
        "select table_schema || '.' || table_name, list(column_name) from information_schema.columns"
        " where table_schema in ('estimates', 'studies') group by 1 order by 1"
    ).fetchall()
    read = 0
    for table, columns in tables:
        if not set(KEY) <= set(columns):
            continue
        for row in db.sql(f"select * from {table}").df().to_dict("records"):
            if tuple(row[name] for name in KEY) not in doses:
                continue
            texts = [value for value in row.values() if isinstance(value, str)]
            texts += [translate(value, "zh") for value in texts]
            read += len(texts)
            assert not [text for text in texts if AVERAGE_OF_EFFECTS.search(text)], (table, row)
    assert read > 1000
    estimand = next(item for item in ITEMS if item.name == "estimand")
    seen = set()
    for study in {key[0] for key in doses}:
        for row in db.execute(estimand.sql, {"study": study}).df().to_dict("records"):
            is_dose = (study, row["table_no"], row["column_no"]) in doses
            assert not (is_dose and AVERAGE_OF_EFFECTS.search(row["estimand"])), row
            seen.add((is_dose, bool(AVERAGE_OF_EFFECTS.search(row["estimand"]))))
    # It can tell: columns of a status in the same studies do say so.
    assert {(True, False), (False, True)} <= seen
