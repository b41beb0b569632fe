"""Diagnostics of what else moves: mediators, spillovers, concurrent policies."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa

from cbec.estimators.mediation import mediate
from cbec.estimators.policies import concurrent_policies
from cbec.estimators.spillover import spillovers
from cbec.studies.diagnostics import (
    MEDIATION_DRAWS,
    NOT_ESTIMATED,
    SEED,
    Requested,
    diagnostic_table,
    refused,
    table_schema,
    term_columns,
)
from cbec.studies.fit import gc_frozen, identity
from cbec.studies.memory import Memory, digest
from cbec.studies.sample import StudyData, assemble

MEDIATION = table_schema(
    "outcome:s mediator:s a:f a_se:f b:f b_se:f c:f c_se:f c_prime:f c_prime_se:f indirect:f identity_gap:f"
    " share_mediated:f sobel_z:f sobel_p:f ci_low:f ci_high:f n_boot:i seed:i n_obs:i rho_at_zero:f",
    end="note:s n_effective_clusters:f",
)


SPILLOVER = table_schema(
    "outcome:s variant:s ring:s estimate:f std_error:f p_value:f ci_low:f ci_high:f n_cells:i n_obs:i"
    " n_clusters:i",
    end="note:s n_effective_clusters:f",
)


POLICY = table_schema(
    "outcome:s policy_id:s variant:s term:s estimate:f std_error:f p_value:f ci_low:f ci_high:f n_obs:i",
    end="note:s n_effective_clusters:f",
)


def mediation_table(data: StudyData) -> pa.Table:
    """Three steps of every specification that names a mediator, in the columns of estimates.mediation."""
    rows: list[dict[str, Any]] = []
    for spec in data.specifications():
        if spec.mediator is None:
            continue
        start = {
            **identity(spec), "outcome": spec.outcome, "mediator": spec.mediator,
            "is_simulated": data.is_simulated,
        }  # fmt: skip
        try:
            sample = assemble(data, spec)
        except NOT_ESTIMATED:
            continue
        with gc_frozen():
            try:
                result = mediate(
                    sample.rows,
                    spec,
                    unit=sample.unit,
                    cluster=spec.cluster,
                    draws=MEDIATION_DRAWS,
                    seed=SEED,
                )
            except ValueError as error:
                rows.append(start | vars(sample.status()) | {"note": refused(spec, error)})
                continue
        paths = {"c": result.total, "a": result.a, "b": result.b, "c_prime": result.direct}
        rows.append(
            start
            | vars(sample.status(result.used))
            | {name: term.estimate for name, term in paths.items()}
            | {f"{name}_se": term.std_error for name, term in paths.items()}
            | {
                name: getattr(result, name)
                for name in MEDIATION.names
                if name not in paths and hasattr(result, name)
            }
            | {
                "note": None
                if result.share_mediated is not None
                else "no share: the total effect is not clear",
                # The weakest of the four decides for what is made of them.
                "n_effective_clusters": min(
                    (
                        term.n_effective_clusters
                        for term in paths.values()
                        if term.n_effective_clusters is not None
                    ),
                    default=None,
                ),
            }
        )
    return pa.Table.from_pylist(
        [{name: row.get(name) for name in MEDIATION.names} for row in rows], schema=MEDIATION
    )


def spillover_table(data: StudyData, diagnostic: pd.DataFrame, kept: Memory | None = None) -> pa.Table:
    """Effects by ring of distance and with clean controls, in the columns of estimates.spillover."""

    def rows(requested: Requested) -> list[dict[str, Any]]:
        spec, unit = requested.specification, requested.sample.unit
        if spec.is_staggered or not spec.treatment_rule or unit != "prefecture_code":
            raise ValueError("spillover needs a two-way specification of cities with a treatment rule")
        rule = data.treatment_city_year
        treated = rule.loc[(rule["rule_id"] == spec.treatment_rule) & rule["is_treated"], [unit, "year"]]
        places = data.panel_city_year[[unit, "longitude", "latitude"]].drop_duplicates(unit)
        limits = [float(limit) for limit in requested.options["rings"].split("-")]
        found = spillovers(
            requested.sample.rows, spec, unit=unit, places=places, treated=treated, rings=limits,
            donut=float(requested.options["donut"]),
        )  # fmt: skip
        return [term_columns(row.term) | vars(row) for row in found]

    return diagnostic_table(
        data,
        diagnostic,
        "spillover",
        SPILLOVER,
        rows,
        kept,
        # Treated neighbours outside of the sample count too.
        beside=lambda requested: data.timing_digest(requested.specification.treatment_rule),
        more=lambda requested: ("longitude", "latitude", "is_treated"),
    )


def policy_table(
    data: StudyData, diagnostic: pd.DataFrame, policies: pd.DataFrame, kept: Memory | None = None
) -> pa.Table:
    """The treatment beside other policies and without their cities, in the columns of estimates.policy.

    policies: marts.concurrent_policy_city_year.
    """

    def rows(requested: Requested) -> list[dict[str, Any]]:
        spec, unit = requested.specification, requested.sample.unit
        if spec.is_staggered or unit != "prefecture_code":
            raise ValueError("policies need a two-way specification of cities")
        found = concurrent_policies(requested.sample.rows, spec, unit=unit, policies=policies)
        return [term_columns(row.value) | vars(row) for row in found]

    listed = digest(policies.sort_values(list(policies.columns)).to_csv(index=False))
    return diagnostic_table(data, diagnostic, "policies", POLICY, rows, kept, lambda requested: listed)
