"""What the papers print beside regressions, from rows of seeds/studies/paper_output.csv: moments, by region
too, and the grey model of each series."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from cbec.efficiency.grey import GreyRefusal, gm11, grade_of
from cbec.estimators.panel_tests import variance_inflation
from cbec.estimators.specification import Specification
from cbec.studies.diagnostics import NOT_ESTIMATED, table_schema
from cbec.studies.memory import Memory, Rows, digest
from cbec.studies.sample import KEYS, CellStatus, EstimationSample, StudyData, assemble

KEY = "study_id:s output_no:s"
SUMMARY_STATISTIC = table_schema(
    "variable:s region_code:s n_obs:i mean:f sd:f minimum:f maximum:f vif:f", key=KEY, end="sample:s"
)
GREY_MODEL = table_schema(
    "variable:s region_code:s n_obs:i a:f b:f posterior_ratio:f small_error_share:f mean_relative_error:f"
    " grade:s grade_printed:s class_ratio_passed:b is_smooth:b",
    key=KEY,
    end="sample:s note:s",
)
SUMMARISED = ("descriptive", "by_region")
COLUMN = re.compile(r"(\w+)\((\d+)\)")


def specification_of(data: StudyData, output: dict[str, Any]) -> Specification:
    """The specification whose sample an output rests on: that of its column, as in `T4(2)`, or one made of
    its variables on its sample. Raises ValueError for a column that is none."""
    names = variables_of(output)
    if not isinstance(output["columns"], str):
        return Specification(
            study_id=output["study_id"], table_no=output["output_no"], column_no=0, estimator="pooled",
            outcome=names[0], treatment=names[1], treatment_rule=None, controls=names[2:], fixed_effects=(),
            vcov="iid", sample=output["sample"],
        )  # fmt: skip
    found = COLUMN.fullmatch(output["columns"])
    for spec in data.specifications():
        if found and (spec.study_id, spec.table_no, spec.column_no) == (
            output["study_id"], found[1], int(found[2]),
        ):  # fmt: skip
            return spec
    raise ValueError(f"{output['study_id']} {output['output_no']}: no column {output['columns']!r}")


def variables_of(output: dict[str, Any]) -> tuple[str, ...]:
    """Names that the row lists; none where it lists none."""
    text = output["variables"]
    return tuple(part.strip() for part in text.split("+")) if isinstance(text, str) else ()


def summary_table(data: StudyData, outputs: pd.DataFrame, kept: Memory | None = None) -> pa.Table:
    """Moments of every variable of outputs of kind descriptive, and of each region of kind by_region, in the
    columns of estimates.summary_statistic.

    A variable of the specification is described on its complete rows, winsorised as it asks; another one on
    the rows on which it would be complete in place of the outcome. vif: among the regressors of the column,
    on its rows. An output whose data are not loaded has no row.
    """
    return _table(data, outputs, SUMMARISED, _summarised, SUMMARY_STATISTIC, kept)


def grey_table(data: StudyData, outputs: pd.DataFrame, kept: Memory | None = None) -> pa.Table:
    """GM(1,1) of each variable and region of outputs of kind grey_model, in the columns of
    estimates.grey_model; a series that the model refuses has the reason as note."""
    return _table(data, outputs, ("grey_model",), _grey, GREY_MODEL, kept)


def _table(
    data: StudyData,
    outputs: pd.DataFrame,
    kinds: tuple[str, ...],
    rows: Any,
    schema: pa.Schema,
    kept: Memory | None,
) -> pa.Table:
    kept = kept if kept is not None else Memory()
    found: Rows = []
    ordered = outputs[outputs["kind"].isin(kinds)].sort_values(["study_id", "output_no"])
    for output in ordered.to_dict("records"):
        row = {str(name): value for name, value in output.items()}
        spec = specification_of(data, row)
        key = digest(row, data.is_simulated, data.digest(spec, variables_of(row)))
        found += kept.rows(key, partial(_complete_rows, rows, data, row, spec, schema.names))
    return pa.Table.from_pylist(found, schema=schema)


def _complete_rows(
    rows: Any, data: StudyData, output: dict[str, Any], spec: Specification, names: list[str]
) -> Rows:
    start = {
        "study_id": output["study_id"], "output_no": output["output_no"], "sample": spec.sample,
        "is_simulated": data.is_simulated,
    }  # fmt: skip
    try:
        own = list(rows(data, output, spec))
    except NOT_ESTIMATED:
        return []
    return [{name: (start | row).get(name) for name in names} for row in own]


def _summarised(data: StudyData, output: dict[str, Any], spec: Specification) -> Iterator[dict[str, Any]]:
    base = assemble(data, spec)
    inflation: dict[str, float] = {}
    if isinstance(output["columns"], str) and len(spec.regressors) > 1:
        inflation = variance_inflation(base.rows.astype({spec.treatment: float}), spec.regressors)
    for name in variables_of(output) or spec.variables:
        known = name in spec.variables
        sample = base if known else assemble(data, spec.with_(outcome=name, mediator=None))
        if output["kind"] == "by_region":
            for code, rows in sample.rows.groupby(sample.unit, sort=True):
                yield {"region_code": str(code)} | _moments(sample, rows, name)
        else:
            vif = inflation.get(name, math.inf)
            yield _moments(sample, sample.rows, name) | {"vif": vif if math.isfinite(vif) else None}


def _moments(sample: EstimationSample, rows: pd.DataFrame, name: str) -> dict[str, Any]:
    values = rows[name].astype(float)
    places = sample.place[sample.rows.index.isin(rows.index)]
    cells = sample.cells[(sample.cells["panel_column"] == name) & sample.cells["place"].isin(places)]
    return {
        "variable": name,
        "n_obs": len(values),
        "mean": float(values.mean()),
        "sd": float(values.std(ddof=1)) if len(values) > 1 else None,
        "minimum": float(values.min()),
        "maximum": float(values.max()),
        **vars(CellStatus.of(cells, len(values))),
    }


def _grey(data: StudyData, output: dict[str, Any], spec: Specification) -> Iterator[dict[str, Any]]:
    assemble(data, spec)
    members = data.members(spec.sample)
    level = str(members["region_level"].iloc[0])
    unit = KEYS[level]
    panel = members.rename(columns={"region_code": unit})[[unit, "year"]].merge(
        data.panel(level), on=[unit, "year"], how="left"
    )
    for name in variables_of(output):
        every = data.cells_of.get((level, name), data.no_cells(level))
        for code, rows in panel.sort_values("year").groupby(unit, sort=True):
            series = rows[name].to_numpy(float)
            places = data.places(rows[unit], rows["year"])
            cells = every[np.isin(every["place"], places)]
            row = {"variable": name, "region_code": str(code), "n_obs": int(np.isfinite(series).sum())}
            yield row | _fitted(series) | vars(CellStatus.of(cells, len(rows)))


def _fitted(series: np.ndarray[Any, np.dtype[np.float64]]) -> dict[str, Any]:
    try:
        model = gm11(series, allow_class_ratio_failure=True)
    except GreyRefusal as reason:
        return {"note": f"refused: {reason}"}
    return {
        "a": model.a,
        "b": model.b,
        "posterior_ratio": model.c,
        "small_error_share": model.p,
        "mean_relative_error": float(model.relative_error[1:].mean()),
        "grade": model.grade,
        "grade_printed": grade_of(model.p, model.c, "printed"),
        "class_ratio_passed": model.class_ratio_passed,
        "is_smooth": model.is_smooth,
    }
