"""The one design that printed pages allow: paper 000's index of ten cities and the dates of their zones."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa

from cbec.estimators.exact import ExactFit, exact_event_study, exact_twfe

EFFECT_SCHEMA = pa.schema(
    [
        ("study_id", pa.string()),
        ("reading", pa.string()),
        ("rule_id", pa.string()),
        ("estimator", pa.string()),
        ("term", pa.string()),
        ("event_year", pa.int32()),
        ("estimate", pa.float64()),
        ("std_error", pa.float64()),
        ("p_conventional", pa.float64()),
        ("p_exact", pa.float64()),
        ("p_exact_t", pa.float64()),
        ("n_assignments", pa.int64()),
        ("n_cities", pa.int32()),
        ("n_obs", pa.int32()),
        ("first_year", pa.int32()),
        ("last_year", pa.int32()),
        ("cohorts", pa.string()),
        ("formula", pa.string()),
        ("vcov", pa.string()),
        ("is_simulated", pa.bool_()),
    ]
)
FORMULAS = {
    "twfe": "index ~ {dose} | prefecture_code + year",
    "twfe_event_study": "index ~ event years, base -1 | prefecture_code + year",
}
UNITS = {"unit": "prefecture_code", "time": "year"}


def printed_index_effects(index: pd.DataFrame, treatment: pd.DataFrame, *, is_simulated: bool) -> pa.Table:
    """Average and dynamic effects of the zones on the printed index, every reading and treatment rule.

    index: `study_id, reading, prefecture_code, year, index_value`. treatment: `rule_id, prefecture_code,
    year, exposure_share, first_treated_year`, any cities. Raises ValueError when a rule does not time all
    cities of the index in all years, and in the cases of `cbec.estimators.exact`.
    """
    rows: list[dict[str, object]] = []
    done: dict[tuple[object, ...], ExactFit] = {}
    for (study_id, reading), cells in index.groupby(["study_id", "reading"]):
        for rule_id, dates in treatment.groupby("rule_id"):
            panel = cells.merge(dates, on=["prefecture_code", "year"], how="left", validate="one_to_one")
            if panel["exposure_share"].isna().any():
                without = sorted(set(panel.loc[panel["exposure_share"].isna(), "prefecture_code"]))
                raise ValueError(f"rule {rule_id} has no dates for {', '.join(map(str, without))}")
            panel = panel.sort_values(["prefecture_code", "year"])
            first, last = int(panel["year"].min()), int(panel["year"].max())
            # A zone after the last printed year is none within these years.
            start = panel["first_treated_year"].astype("Float64").astype(float)
            panel = panel.assign(start=start.where(start <= last), dose=panel["exposure_share"].astype(float))
            for estimator, fit_exactly in (("twfe", exact_twfe), ("twfe_event_study", exact_event_study)):
                # Rules that date these ten cities alike share the count.
                key = (reading, estimator, tuple(panel["start"].fillna(0)), tuple(panel["dose"]))
                if key not in done:
                    done[key] = fit_exactly(
                        panel, outcome="index_value", dose="dose", first_year="start", **UNITS
                    )
                fit = done[key]
                is_share = bool(((panel["dose"] > 0) & (panel["dose"] < 1)).any())
                dose = "exposure_share" if is_share else "is_treated"
                rows += [
                    {
                        "study_id": study_id,
                        "reading": reading,
                        "rule_id": rule_id,
                        "estimator": estimator,
                        "term": dose if term.term == "dose" else term.term,
                        "event_year": term.event_year,
                        "estimate": term.estimate,
                        "std_error": term.std_error,
                        "p_conventional": term.p_conventional,
                        "p_exact": term.p_exact,
                        "p_exact_t": term.p_exact_t,
                        "n_assignments": fit.n_assignments,
                        "n_cities": term.n_cities,
                        "n_obs": fit.n_obs,
                        "first_year": first,
                        "last_year": last,
                        "cohorts": fit.cohorts,
                        "formula": FORMULAS[estimator].format(dose=dose),
                        "vcov": "CRV1:prefecture_code",
                        "is_simulated": is_simulated,
                    }
                    for term in fit.terms
                ]
    frame = pd.DataFrame(rows, columns=EFFECT_SCHEMA.names)
    return pa.Table.from_pandas(frame, schema=EFFECT_SCHEMA, preserve_index=False)
