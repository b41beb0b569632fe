"""Diagnostics of the sample: descriptive statistics, integrity of the data, selection, balance."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import pandas as pd
import pyarrow as pa

from cbec.estimators.panel_tests import f_test_of_effects, hausman, variance_inflation
from cbec.estimators.regression import fit_least_squares
from cbec.estimators.selection import (
    Panel,
    SelectionEstimate,
    balance,
    entropy_did,
    entropy_twfe,
    matched_did,
    prepare,
)
from cbec.estimators.specification import Specification, source
from cbec.estimators.staggered.fit import fit_staggered
from cbec.studies.diagnostics import (
    NOT_ESTIMATED,
    Requested,
    diagnostic_table,
    refused,
    table_schema,
    term_numbers,
)
from cbec.studies.memory import Memory, Rows, digest
from cbec.studies.sample import EstimationSample, StudyData, assemble

DESCRIPTIVE = table_schema(
    "variable:s n_obs:i mean:f sd:f minimum:f maximum:f vif:f imputed_share:f sample:s",
    key="study_id:s",
    end="",
)


SELECTION = table_schema(
    "outcome:s method:s estimate:f std_error:f p_value:f ci_low:f ci_high:f n_obs:i n_treated:i n_control:i"
)


BALANCE = table_schema(
    "outcome:s covariate:s mean_treated:f mean_control:f smd_before:f smd_after_matching:f"
    " smd_after_weighting:f min_treated:f max_treated:f min_control:f max_control:f share_outside:f"
)


DATA_INTEGRITY = table_schema(
    "outcome:s variant:s estimate:f std_error:f p_value:f n_obs:i n_filled_here:i imputed_share_treated:f"
    " imputed_share_control:f"
)


PANEL_TEST = table_schema("outcome:s test:s statistic:f df1:i df2:i p_value:f convention:s")


def descriptive_table(data: StudyData, kept: Memory | None = None) -> pa.Table:
    """Moments and VIF of every variable of a study, in the columns of estimates.descriptive.

    n_obs, mean, sd, minimum and maximum of a variable on the first sample that uses it; vif among the
    regressors of the study's column with most of them, on its complete rows. kept: what was found before.
    """
    kept = kept if kept is not None else Memory()
    of_study: dict[str, list[Specification]] = {}
    for spec in data.specifications():
        if not (spec.subgroup or spec.is_staggered):
            of_study.setdefault(spec.study_id, []).append(spec)
    found: Rows = []
    for _, specs in sorted(of_study.items()):
        key = digest(data.is_simulated, [data.digest(spec) for spec in specs])
        found += kept.rows(key, partial(_described, data, specs))
    return pa.Table.from_pylist(found, schema=DESCRIPTIVE)


def _described(data: StudyData, specs: list[Specification]) -> Rows:
    """Rows of one study, by the names of its variables."""
    rows: dict[str, dict[str, Any]] = {}
    # Regressors, sample and specification of the longest equation.
    largest: tuple[int, EstimationSample, Specification] | None = None
    for spec in specs:
        try:
            sample = assemble(data, spec)
        except NOT_ESTIMATED:
            continue
        if largest is None or len(spec.regressors) > largest[0]:
            largest = (len(spec.regressors), sample, spec)
        for name in dict.fromkeys(spec.variables):
            if source(name)[1] or name in rows:
                continue
            values = sample.rows[name].astype(float)
            cells = sample.cells[sample.cells["panel_column"] == name]
            rows[name] = {
                "study_id": spec.study_id,
                "variable": name,
                "n_obs": len(values),
                "mean": float(values.mean()),
                "sd": float(values.std(ddof=1)),
                "minimum": float(values.min()),
                "maximum": float(values.max()),
                "vif": None,
                "imputed_share": float(cells["imputed_share"].mean()) if len(cells) else 0.0,
                "sample": spec.sample,
                "is_simulated": data.is_simulated,
            }
    if largest is not None and largest[0] > 1:
        _, sample, spec = largest
        inflation = variance_inflation(sample.rows.astype({spec.treatment: float}), spec.regressors)
        for name, vif in inflation.items():
            if name in rows:
                rows[name]["vif"] = vif if math.isfinite(vif) else None
    return [row for _, row in sorted(rows.items())]


def data_integrity_table(data: StudyData, diagnostic: pd.DataFrame, kept: Memory | None = None) -> pa.Table:
    """The same column on other versions of the cells, in the columns of estimates.data_integrity.

    all: as it is; observed: without filled and suspect cells; linear and geometric: blank cells between two
    printed years of one side of the approval filled in; with the share of filled cells by treatment arm.
    """

    def rows(requested: Requested) -> list[dict[str, Any]]:
        spec = requested.specification
        variants = [("all", requested.sample)]
        variants.append(("observed", assemble(data, spec, observed_only=True)))
        variants += [(name, assemble(data, spec, fill=name)) for name in ("linear", "geometric")]
        found: list[dict[str, Any]] = []
        for name, sample in variants:
            try:
                fit = fit_least_squares(sample.rows, spec, unit=sample.unit)
            except ValueError as error:
                found.append({"variant": name, "note": refused(spec, error)})
                continue
            term = next(term for term in fit.terms if term.term == spec.treatment)
            shares = _shares_by_arm(sample)
            found.append(
                {
                    "variant": name,
                    "estimate": term.estimate,
                    "std_error": term.std_error,
                    "p_value": term.p_value,
                    "n_obs": fit.n_obs,
                    "n_filled_here": sample.n_filled_here,
                    "imputed_share_treated": shares.get(True),
                    "imputed_share_control": shares.get(False),
                    "note": "; ".join(sample.reasons) or None,
                }
            )
        return found

    return diagnostic_table(data, diagnostic, "data_integrity", DATA_INTEGRITY, rows, kept)


def _shares_by_arm(sample: EstimationSample) -> dict[bool, float]:
    """Share of filled cells among units that are ever treated in the window, and among the others."""
    if "first_treated_year" not in sample.rows:
        return {}
    start = sample.rows.groupby(sample.unit)["first_treated_year"].first()
    ever = start.le(sample.rows["year"].max())
    by_cell = sample.cells[sample.unit].map(ever)
    return {bool(arm): float(cells.mean()) for arm, cells in sample.cells["imputed_share"].groupby(by_cell)}


def panel_test_table(data: StudyData, diagnostic: pd.DataFrame, kept: Memory | None = None) -> pa.Table:
    """F tests of effects and the Hausman test, in the columns of estimates.panel_test."""

    def rows(requested: Requested) -> list[dict[str, Any]]:
        spec, unit = requested.specification, requested.sample.unit
        equation = {"outcome": spec.outcome, "regressors": spec.regressors}
        tests = [
            f_test_of_effects(requested.rows, effects=[unit], **equation),  # type: ignore[arg-type]
            f_test_of_effects(requested.rows, effects=[unit, "year"], **equation),  # type: ignore[arg-type]
            hausman(requested.rows, unit=unit, **equation),  # type: ignore[arg-type]
        ]
        return [vars(test) for test in tests]

    return diagnostic_table(data, diagnostic, "panel_tests", PANEL_TEST, rows, kept)


def selection_table(data: StudyData, diagnostic: pd.DataFrame, kept: Memory | None = None) -> pa.Table:
    """Effects among comparable cities, in the columns of estimates.selection.

    Beside the two-way coefficient with and without the covariates stand matching and weighting by them at
    g - 1, and ATT(g,t) without covariates and doubly robust. A method that refuses is a row with the reason.
    """

    def rows(requested: Requested) -> list[dict[str, Any]]:
        spec, rows_of, panel = _comparable(data, requested)
        naive, caliper = spec.with_(controls=()), float(requested.options["caliper"])
        methods: dict[str, Callable[[], SelectionEstimate]] = {
            "twfe": lambda: _two_way("twfe", rows_of, spec),
            "twfe_no_covariates": lambda: _two_way("twfe_no_covariates", rows_of, naive),
            "psm_did": lambda: matched_did(panel, caliper=caliper),
            "entropy_did": lambda: entropy_did(panel),
            "entropy_twfe": lambda: entropy_twfe(panel),
            "callaway_santanna": lambda: _group_time("callaway_santanna", rows_of, spec, "reg", ()),
            "doubly_robust": lambda: _group_time("doubly_robust", rows_of, spec, "dr", spec.controls),
        }
        found = []
        for name, method in methods.items():
            try:
                found.append(vars(method()))
            except ValueError as error:
                found.append({"method": name, "note": refused(spec, error)})
        return found

    return diagnostic_table(data, diagnostic, "selection", SELECTION, rows, kept, more=_covariates)


def _covariates(requested: Requested) -> list[str]:
    return [name for name in requested.options["covariates"].split("+") if name]


def _comparable(data: StudyData, requested: Requested) -> tuple[Specification, EstimationSample, Panel]:
    """The specification with the requested covariates as controls, its sample, and the arrays of both."""
    wanted, spec = requested.options["covariates"], requested.specification
    sample = requested.sample
    if wanted:
        spec = spec.with_(controls=tuple(wanted.split("+")))
        sample = assemble(data, spec)
    if spec.is_staggered or not spec.treatment_rule:
        raise ValueError("selection needs a two-way specification with a treatment rule")
    panel = prepare(
        sample.rows, outcome=spec.outcome, unit=sample.unit, covariates=spec.controls, cluster=spec.cluster
    )
    return spec, sample, panel


def _two_way(method: str, sample: EstimationSample, spec: Specification) -> SelectionEstimate:
    fit = fit_least_squares(sample.rows, spec, unit=sample.unit)
    term = next(term for term in fit.terms if term.term == spec.treatment)
    treated = sample.rows.groupby(sample.unit)[spec.treatment].max().astype(bool)
    return SelectionEstimate(
        method, *term_numbers(term), fit.n_obs, int(treated.sum()), int((~treated).sum()), None
    )


def _group_time(
    name: str, sample: EstimationSample, spec: Specification, method: str, controls: tuple[str, ...]
) -> SelectionEstimate:
    fit = fit_staggered(
        sample.rows, estimator="callaway_santanna", outcome=spec.outcome, unit=sample.unit,
        controls=controls, cluster=spec.cluster, method=method, aggregations=("overall",),
    )  # fmt: skip
    effect = fit.overall
    return SelectionEstimate(
        name, effect.estimate, effect.std_error, effect.p_value, effect.ci_low, effect.ci_high,
        fit.n_obs, effect.n_units, fit.n_units - effect.n_units, fit.note,
    )  # fmt: skip


def balance_table(data: StudyData, diagnostic: pd.DataFrame, kept: Memory | None = None) -> pa.Table:
    """Standardised differences before and after, and overlap, in the columns of estimates.balance."""

    def rows(requested: Requested) -> list[dict[str, Any]]:
        panel = _comparable(data, requested)[2]
        return [vars(row) for row in balance(panel, caliper=float(requested.options["caliper"]))]

    return diagnostic_table(data, diagnostic, "selection", BALANCE, rows, kept, more=_covariates)
