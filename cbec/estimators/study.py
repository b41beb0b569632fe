"""Run every specification that the loaded data allow, twice: on all cells and on observed cells only."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields

import pandas as pd
import pyarrow as pa

from cbec.estimators.regression import Fit, fit_least_squares
from cbec.estimators.specification import Specification
from cbec.estimators.staggered import EventTime, fit_callaway_santanna

REGRESSION_SCHEMA = pa.schema(
    [
        ("study_id", pa.string()),
        ("table_no", pa.string()),
        ("column_no", pa.int32()),
        ("term", pa.string()),
        ("estimate", pa.float64()),
        ("std_error", pa.float64()),
        ("t_value", pa.float64()),
        ("p_value", pa.float64()),
        ("ci_low", pa.float64()),
        ("ci_high", pa.float64()),
        ("stars", pa.string()),
        ("n_obs", pa.int64()),
        ("n_clusters", pa.int64()),
        ("n_dropped", pa.int64()),
        ("drop_reason", pa.string()),
        ("r2", pa.float64()),
        ("r2_within", pa.float64()),
        ("fixed_effects", pa.string()),
        ("vcov", pa.string()),
        ("treatment_rule", pa.string()),
        ("formula", pa.string()),
        ("imputed_share", pa.float64()),
        ("is_observed_only", pa.bool_()),
        ("engine", pa.string()),
        ("estimator", pa.string()),
        ("outcome", pa.string()),
        ("sample", pa.string()),
        ("worst_status", pa.string()),
        ("note", pa.string()),
        ("is_simulated", pa.bool_()),
    ]
)

EVENT_STUDY_SCHEMA = pa.schema(
    [
        ("study_id", pa.string()),
        ("outcome", pa.string()),
        ("estimator", pa.string()),
        ("event_year", pa.int32()),
        ("estimate", pa.float64()),
        ("std_error", pa.float64()),
        ("ci_low", pa.float64()),
        ("ci_high", pa.float64()),
        ("base_period", pa.string()),
        ("n_cohorts", pa.int64()),
        ("table_no", pa.string()),
        ("column_no", pa.int32()),
        ("is_observed_only", pa.bool_()),
        ("is_simulated", pa.bool_()),
    ]
)

KEYS = {"province": "province_code", "prefecture": "prefecture_code"}
BASE_PERIOD = "before treatment: the year before each; after: the last year before treatment"


@dataclass(frozen=True)
class StudyData:
    """The tables that a specification reads, as pandas frames, one field a table of the warehouse."""

    specification: pd.DataFrame
    sample_member: pd.DataFrame
    panel_province_year: pd.DataFrame
    panel_city_year: pd.DataFrame
    panel_cell: pd.DataFrame
    treatment_province_year: pd.DataFrame
    treatment_city_year: pd.DataFrame

    @classmethod
    def from_reader(cls, read: Callable[[str], pd.DataFrame]) -> StudyData:
        return cls(**{field.name: read(field.name) for field in fields(cls)})


@dataclass(frozen=True)
class _Estimated:
    specification: Specification
    is_observed_only: bool
    fit: Fit
    events: tuple[EventTime, ...]
    n_dropped: int
    drop_reason: str
    imputed_share: float
    worst_status: str


def regression_table(data: StudyData) -> pa.Table:
    """One row per specification, term and twin; the columns of estimates.regression."""
    simulated = _is_simulated(data)
    rows = []
    for result in _run(data):
        spec, fit = result.specification, result.fit
        for term in fit.terms:
            rows.append(
                {
                    **vars(term),
                    "study_id": spec.study_id,
                    "table_no": spec.table_no,
                    "column_no": spec.column_no,
                    "stars": stars(term.p_value),
                    "n_obs": fit.n_obs,
                    "n_clusters": fit.n_clusters,
                    "n_dropped": result.n_dropped,
                    "drop_reason": result.drop_reason,
                    "r2": fit.r2,
                    "r2_within": fit.r2_within,
                    "fixed_effects": " + ".join(spec.fixed_effects) or None,
                    "vcov": spec.vcov,
                    "treatment_rule": spec.treatment_rule,
                    "formula": fit.formula,
                    "imputed_share": result.imputed_share,
                    "is_observed_only": result.is_observed_only,
                    "engine": fit.engine,
                    "estimator": spec.estimator,
                    "outcome": spec.outcome,
                    "sample": spec.sample,
                    "worst_status": result.worst_status,
                    "note": "; ".join(filter(None, [spec.note, fit.note])) or None,
                    "is_simulated": simulated,
                }
            )
    return pa.Table.from_pylist(rows, schema=REGRESSION_SCHEMA)


def event_study_table(data: StudyData) -> pa.Table:
    """One row per staggered specification, event time and twin; the columns of estimates.event_study."""
    simulated = _is_simulated(data)
    staggered = data.specification[data.specification["estimator"].str.startswith("callaway_santanna")]
    rows = [
        {
            **vars(event),
            "study_id": result.specification.study_id,
            "outcome": result.specification.outcome,
            "estimator": result.specification.estimator,
            "base_period": BASE_PERIOD,
            "table_no": result.specification.table_no,
            "column_no": result.specification.column_no,
            "is_observed_only": result.is_observed_only,
            "is_simulated": simulated,
        }
        for result in _run(data, staggered)
        for event in result.events
    ]
    return pa.Table.from_pylist(rows, schema=EVENT_STUDY_SCHEMA)


def stars(p_value: float | None) -> str:
    """Three, two or one star for p below 1, 5 and 10 per cent; the one convention of the project."""
    if p_value is None:
        return ""
    return "***" if p_value < 0.01 else "**" if p_value < 0.05 else "*" if p_value < 0.1 else ""


def _run(data: StudyData, rows: pd.DataFrame | None = None) -> list[_Estimated]:
    rows = data.specification if rows is None else rows
    ordered = rows.sort_values(["study_id", "table_no", "column_no"])
    results = []
    for row in ordered.to_dict("records"):
        spec = Specification.from_row({str(name): value for name, value in row.items()})
        frame, cells, unit = _assemble(data, spec)
        if frame[spec.outcome].notna().sum() == 0:
            # Awaiting data: quality.study_readiness says which indicator is missing.
            continue
        with _small_heap():
            for observed_only in (False, True):
                results.append(_estimate(spec, frame, cells, unit, observed_only))
    return results


@contextlib.contextmanager
def _small_heap() -> Iterator[None]:
    """Spare the collector the rest of the process: pyfixest collects garbage after each fit.

    Inside dbt's process that costs half a second a fit, ten times the fit itself.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _assemble(data: StudyData, spec: Specification) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    """Join the sample's grid, the panel and the treatment of the rule; give also its cells' status."""
    members = data.sample_member[data.sample_member["sample_id"] == spec.sample]
    if members.empty:
        known = sorted(data.sample_member["sample_id"].unique())
        raise ValueError(f"{spec.label}: sample {spec.sample!r} is empty; known: {known}")
    level = members["region_level"].iloc[0]
    unit = KEYS[level]
    province = level == "province"
    panel = data.panel_province_year if province else data.panel_city_year
    frame = members.rename(columns={"region_code": unit})[[unit, "year"]].merge(
        panel, on=[unit, "year"], how="left", validate="one_to_one"
    )
    if spec.treatment_rule:
        treatment = data.treatment_province_year if province else data.treatment_city_year
        rule = treatment[treatment["rule_id"] == spec.treatment_rule]
        if rule.empty:
            known = sorted(treatment["rule_id"].unique())
            raise ValueError(f"{spec.label}: rule {spec.treatment_rule!r}; known: {known}")
        frame = frame.merge(
            rule.drop(columns=["province_code"], errors="ignore") if not province else rule,
            on=[unit, "year"],
            how="left",
            validate="one_to_one",
            suffixes=("", "_of_rule"),
        )
    spec.check_columns(frame.columns)
    cells = data.panel_cell[
        (data.panel_cell["region_level"] == level) & data.panel_cell["panel_column"].isin(spec.variables)
    ].rename(columns={"region_code": unit})
    # Database order is not part of a result.
    return frame.sort_values([unit, "year"], ignore_index=True), cells, unit


def _estimate(
    spec: Specification, frame: pd.DataFrame, cells: pd.DataFrame, unit: str, observed_only: bool
) -> _Estimated:
    reasons = []
    keep = pd.Series(True, index=frame.index)
    for role, names in (
        ("outcome", [spec.outcome]),
        ("treatment", [spec.treatment]),
        ("control", list(spec.controls)),
    ):
        for name in names:
            missing = keep & frame[name].isna()
            if missing.any():
                reasons.append(f"{int(missing.sum())} rows: {role} {name} missing")
                keep &= ~missing
    key = [unit, "year"]
    if observed_only:
        filled = cells.loc[cells["imputed_share"] > 0, key].drop_duplicates().assign(filled=True)
        is_filled = frame[key].merge(filled, on=key, how="left")["filled"].notna().to_numpy()
        dropped = keep & is_filled
        if dropped.any():
            reasons.append(f"{int(dropped.sum())} rows: a cell was filled")
            keep &= ~dropped
    used = frame[keep]
    events: tuple[EventTime, ...] = ()
    if spec.estimator.startswith("callaway_santanna"):
        fit, events = fit_callaway_santanna(used, spec, unit=unit)
        if fit.n_obs < len(used):
            reasons.append(f"{len(used) - fit.n_obs} rows: unit dropped by the estimator")
    else:
        fit = fit_least_squares(used, spec)
        if fit.n_singletons:
            reasons.append(f"{fit.n_singletons} rows: alone in a fixed effect")
    if fit.dropped_terms:
        reasons.append(f"collinear: {', '.join(fit.dropped_terms)}")
    inside = used[key].merge(cells, on=key)
    return _Estimated(
        specification=spec,
        is_observed_only=observed_only,
        fit=fit,
        events=events,
        n_dropped=len(frame) - fit.n_obs,
        drop_reason="; ".join(reasons) or "none",
        imputed_share=float(inside["imputed_share"].mean()) if len(inside) else 0.0,
        worst_status=_worst(inside["obs_status"]),
    )


def _worst(status: pd.Series) -> str:
    # SDMX precedence, highest first; spelt out because an estimator reads no registry.
    order = "BOMLHQJSDKWIFEPNUVGA"
    return min(status.unique(), key=order.index, default="A")


def _is_simulated(data: StudyData) -> bool:
    return bool(data.panel_cell["is_simulated"].any())
