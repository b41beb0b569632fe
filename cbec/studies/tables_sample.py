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
from cbec.studies.breaks import (
    breaks,
    effects_by_regime,
    without_breaks_near_treatment,
    without_broken_rows,
)
from cbec.studies.diagnostics import (
    NOT_ESTIMATED,
    Requested,
    diagnostic_table,
    refused,
    table_schema,
    term_numbers,
)
from cbec.studies.filled import (
    BOUNDS,
    NOTHING_FREE,
    NOTHING_TO_IMPUTE,
    bounds,
    multiple_imputation,
)
from cbec.studies.memory import Memory, Rows, digest
from cbec.studies.sample import CellStatus, EstimationSample, StudyData, assemble

DESCRIPTIVE = table_schema(
    "variable:s n_obs:i mean:f sd:f minimum:f maximum:f vif:f sample:s",
    key="study_id:s",
    end="",
)


SELECTION = table_schema(
    "outcome:s method:s estimate:f std_error:f p_value:f ci_low:f ci_high:f n_obs:i n_treated:i n_control:i",
    end="note:s n_effective_clusters:f",
)


BALANCE = table_schema(
    "outcome:s covariate:s mean_treated:f mean_control:f smd_before:f smd_after_matching:f"
    " smd_after_weighting:f min_treated:f max_treated:f min_control:f max_control:f share_outside:f"
)


DATA_INTEGRITY = table_schema(
    "outcome:s variant:s estimate:f std_error:f p_value:f n_obs:i n_filled_here:i imputed_share_treated:f"
    " imputed_share_control:f",
    end="note:s n_effective_clusters:f",
)


#: Variants of estimates.data_integrity that change cells; the others change what is done about breaks.
VERSIONS_OF_CELLS = ("all", "observed", "linear", "geometric")
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
                "sample": spec.sample,
                "is_simulated": data.is_simulated,
                **vars(CellStatus.of(cells, len(values))),
            }
    if largest is not None and largest[0] > 1:
        _, sample, spec = largest
        inflation = variance_inflation(sample.rows.astype({spec.treatment: float}), spec.regressors)
        for name, vif in inflation.items():
            if name in rows:
                rows[name]["vif"] = vif if math.isfinite(vif) else None
    return [{name: row[name] for name in DESCRIPTIVE.names} for _, row in sorted(rows.items())]


def data_integrity_table(
    data: StudyData, diagnostic: pd.DataFrame, kept: Memory | None = None, *, deviations: float
) -> pa.Table:
    """The same column on other versions of the cells, in the columns of estimates.data_integrity.

    all: as it is; observed: without filled and suspect cells; linear and geometric: blank cells between two
    printed years of one side of the approval filled in; without_broken_rows, without_breaks_near_treatment
    and effects_by_regime, where they exist: see `cbec.studies.breaks`; multiple_imputation, bounds_low and
    bounds_high: see `cbec.studies.filled`; with the share of filled cells by treatment arm. deviations: how
    far a filled or flagged cell of the outcome may be off, in residual deviations (var bounds_residual_sds).
    """

    def rows(requested: Requested) -> list[dict[str, Any]]:
        spec, whole = requested.specification, requested.sample
        found_breaks = breaks(data, spec, whole)
        variants: dict[str, Callable[[], tuple[EstimationSample, Specification]]] = {
            "all": lambda: (whole, spec),
            "observed": lambda: (assemble(data, spec, observed_only=True), spec),
            "linear": lambda: (assemble(data, spec, fill="linear"), spec),
            "geometric": lambda: (assemble(data, spec, fill="geometric"), spec),
            "without_broken_rows": lambda: (without_broken_rows(whole, found_breaks), spec),
        }
        # A dose has no first year, a pooled regression no effects of regions.
        if "first_treated_year" in whole.rows:
            variants["without_breaks_near_treatment"] = lambda: (
                without_breaks_near_treatment(whole, found_breaks),
                spec,
            )
        if whole.unit in spec.fixed_effects:
            variants["effects_by_regime"] = lambda: effects_by_regime(whole, found_breaks, spec)
        found: list[dict[str, Any]] = []
        for name, version in variants.items():
            about = [] if name in VERSIONS_OF_CELLS else [_breaks_words(len(found_breaks))]
            sample: EstimationSample | None = None
            try:
                sample, equation = version()
                fit = fit_least_squares(sample.rows, equation, unit=sample.unit)
            except ValueError as error:
                # A version that there is not has no cells, least of all those of the version before it.
                status = sample.status() if sample else CellStatus.none()
                found.append(vars(status) | {"variant": name, "note": refused(spec, error)})
                continue
            term = next(term for term in fit.terms if term.term == spec.treatment)
            shares = _shares_by_arm(sample)
            alone = [f"{fit.n_singletons} rows: alone in a fixed effect"] if fit.n_singletons else []
            found.append(
                vars(sample.status(fit.used))
                | {
                    "variant": name,
                    "estimate": term.estimate,
                    "std_error": term.std_error,
                    "p_value": term.p_value,
                    "n_obs": fit.n_obs,
                    "n_filled_here": sample.n_filled_here,
                    "imputed_share_treated": shares.get(True),
                    "imputed_share_control": shares.get(False),
                    "note": "; ".join([*about, *sample.reasons, *alone]) or None,
                    "n_effective_clusters": term.n_effective_clusters,
                }
            )
        return [*found, *_without_filled_cells(data, requested, found[0], deviations)]

    return diagnostic_table(
        data, diagnostic, "data_integrity", DATA_INTEGRITY, rows, kept, beside=lambda requested: deviations
    )


def _without_filled_cells(
    data: StudyData, requested: Requested, everything: dict[str, Any], deviations: float
) -> list[dict[str, Any]]:
    """Rows of the variants that take filled and flagged cells for missing; everything: the row of variant
    all, which they equal without such a cell."""
    spec, options = requested.specification, requested.options
    found = []
    try:
        imputed = multiple_imputation(
            data, spec, imputations=int(options["imputations"]), seed=int(options["seed"])
        )
        if imputed:
            found.append(_described_cells(*imputed))
        else:
            found.append(everything | {"note": _first(NOTHING_TO_IMPUTE, everything["note"])})
    except ValueError as error:
        found.append(vars(CellStatus.none()) | {"note": refused(spec, error)})
    found[0] |= {"variant": "multiple_imputation"}
    no_error = {"std_error": None, "p_value": None, "n_effective_clusters": None}
    try:
        ends = bounds(spec, requested.sample, deviations=deviations)
        for name in BOUNDS:
            row = _described_cells(ends[0], ends[1][name]) if ends else everything | no_error
            note = row["note"] if ends else _first(NOTHING_FREE, row["note"])
            found.append(row | {"variant": name, "note": note})
    except ValueError as error:
        status = vars(CellStatus.none()) | {"note": refused(spec, error)}
        found += [status | {"variant": name} for name in BOUNDS]
    return found


def _first(words: str, note: str | None) -> str:
    """A note with words before it; a refusal stays what it is."""
    return note if note and note.startswith("refused") else "; ".join(filter(None, [words, note]))


def _described_cells(sample: EstimationSample, row: dict[str, Any]) -> dict[str, Any]:
    """A row with the status of the cells of the rows behind it, as they stood before."""
    shares = _shares_by_arm(sample)
    by_arm = {"imputed_share_treated": shares.get(True), "imputed_share_control": shares.get(False)}
    return vars(sample.status()) | by_arm | row


def _breaks_words(n_breaks: int) -> str:
    return f"{n_breaks} region-years in which a series breaks" if n_breaks else "no series breaks"


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
        status = vars(rows_of.status())
        for name, method in methods.items():
            try:
                found.append(status | vars(method()))
            except ValueError as error:
                found.append(status | {"method": name, "note": refused(spec, error)})
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
        method, *term_numbers(term), fit.n_obs, int(treated.sum()), int((~treated).sum()), None,
        math.nan if term.n_effective_clusters is None else term.n_effective_clusters,
    )  # fmt: skip


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
        fit.n_obs, effect.n_units, fit.n_units - effect.n_units, fit.note, effect.n_effective_clusters,
    )  # fmt: skip


def balance_table(data: StudyData, diagnostic: pd.DataFrame, kept: Memory | None = None) -> pa.Table:
    """Standardised differences before and after, and overlap, in the columns of estimates.balance."""

    def rows(requested: Requested) -> list[dict[str, Any]]:
        _, sample, panel = _comparable(data, requested)
        status = vars(sample.status())
        return [status | vars(row) for row in balance(panel, caliper=float(requested.options["caliper"]))]

    return diagnostic_table(data, diagnostic, "selection", BALANCE, rows, kept, more=_covariates)
