"""Diagnostics that refit a column many times: placebo treatments, units left out, bootstraps."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from cbec.estimators.absorb import fit_treatment
from cbec.estimators.few_clusters import cluster_jackknife, few_treated_test
from cbec.estimators.multiple_testing import family_test, group_difference_test, group_wald_test
from cbec.estimators.panel import prepare_panel, require_choice
from cbec.estimators.placebo import PlaceboResult, leave_one_out, placebo_frame, placebo_test
from cbec.estimators.power import minimum_detectable_effect
from cbec.estimators.regression import fit_least_squares
from cbec.estimators.specification import Specification
from cbec.estimators.staggered.permutation import CohortPlacebo, permute_cohorts
from cbec.estimators.wild_bootstrap import wild_cluster_bootstrap
from cbec.studies.diagnostics import (
    NOT_ESTIMATED,
    Requested,
    diagnostic_table,
    refused,
    requested_columns,
    table_schema,
)
from cbec.studies.fit import identity
from cbec.studies.memory import Memory
from cbec.studies.sample import StudyData, assemble

PLACEBO = table_schema(
    "outcome:s scheme:s draw:i estimate:f t_value:f p_value:f", end="note:s n_effective_clusters:f"
)
PLACEBO_SUMMARY = table_schema(
    "outcome:s scheme:s estimate:f std_error:f n_draws:i n_degenerate:i p_randomization:f p_randomization_t:f"
    " mean_of_draws:f sd_of_draws:f seed:i",
    end="note:s n_effective_clusters:f",
)


LEAVE_ONE_OUT = table_schema(
    "outcome:s dimension:s left_out:s name_zh:s name_en:s estimate:f std_error:f ci_low:f ci_high:f"
    " full_estimate:f",
    end="note:s n_effective_clusters:f",
)


INFERENCE = table_schema(
    "outcome:s term:s method:s estimate:f std_error:f p_value:f ci_low:f ci_high:f n_draws:i n_clusters:i"
    " seed:i",
    end="note:s n_effective_clusters:f",
)


def placebo_tables(data: StudyData, diagnostic: pd.DataFrame) -> tuple[pa.Table, pa.Table]:
    """Draws and their summary, in the columns of estimates.placebo and estimates.placebo_summary."""
    requested = diagnostic.to_csv()
    if requested not in data.placebo_draws:
        data.placebo_draws[requested] = _placebo_tables(data, diagnostic)
    found: tuple[pa.Table, pa.Table] = data.placebo_draws[requested]
    return found


def _placebo_tables(data: StudyData, diagnostic: pd.DataFrame) -> tuple[pa.Table, pa.Table]:
    draws: list[pd.DataFrame] = []

    def rows(requested: Requested) -> list[dict[str, Any]]:
        options, spec = requested.options, requested.specification
        if spec.is_staggered:
            return _permuted(requested, draws)
        result = placebo_test(
            requested.rows, outcome=spec.outcome, scheme=options["scheme"], strata=options["strata"] or None,
            draws=int(options["draws"]), seed=int(options["seed"]), **requested.columns,
        )  # fmt: skip
        scheme = options["scheme"] + (f" within {options['strata']}" if options["strata"] else "")
        estimate = result.estimate
        number = estimate.n_effective_clusters
        draws.append(_drawn(result, spec, scheme, number, requested.status()))
        return [_summary(result, scheme, estimate.estimate, estimate.se, number, is_exact=result.exact)]

    summary = diagnostic_table(data, diagnostic, "placebo", PLACEBO_SUMMARY, rows)
    if not draws:
        return PLACEBO.empty_table(), summary
    every = pd.concat(draws, ignore_index=True).assign(is_simulated=data.is_simulated)
    return pa.Table.from_pandas(every[PLACEBO.names], schema=PLACEBO, preserve_index=False), summary


def _permuted(requested: Requested, draws: list[pd.DataFrame]) -> list[dict[str, Any]]:
    """The same of an estimator for staggered adoption: its overall effect, cohorts permuted among units."""
    options, spec, sample = requested.options, requested.specification, requested.sample
    if options["scheme"] != "cohort":
        raise ValueError(f"scheme {options['scheme']!r}; allowed for {spec.estimator}: cohort")
    about: dict[str, Any] = dict(spec.options)
    result = permute_cohorts(
        sample.rows, estimator=spec.estimator, outcome=spec.outcome, unit=sample.unit, controls=spec.controls,
        cluster=spec.cluster, strata=options["strata"] or None, draws=int(options["draws"]),
        seed=int(options["seed"]), **about,
    )  # fmt: skip
    scheme = "cohort" + (f" within {options['strata']}" if options["strata"] else "")
    number = result.n_effective_clusters
    draws.append(_drawn(result, spec, scheme, number, requested.status(result.used)))
    # Of a row without an error nothing is withheld, and its note would not say why there is none.
    error = result.std_error if math.isfinite(result.std_error) else None
    row = _summary(result, scheme, result.estimate, error, number, is_exact=result.seed is None)
    return [row | {"used": result.used}]


def _drawn(
    result: PlaceboResult | CohortPlacebo,
    spec: Specification,
    scheme: str,
    number: float,
    status: dict[str, Any],
) -> pd.DataFrame:
    """Draws as rows of estimates.placebo; number: effective clusters of the real assignment; status: of the
    cells that it rests on."""
    return placebo_frame(result).assign(
        **identity(spec),
        outcome=spec.outcome,
        scheme=scheme,
        note=None,
        n_effective_clusters=number,
        **status,
    )


def _summary(
    result: PlaceboResult | CohortPlacebo,
    scheme: str,
    estimate: float,
    std_error: float | None,
    n_effective_clusters: float,
    *,
    is_exact: bool,
) -> dict[str, Any]:
    """A row of estimates.placebo_summary."""
    return {
        "scheme": scheme,
        "estimate": estimate,
        "std_error": std_error,
        "n_draws": result.n_draws,
        "n_degenerate": result.n_degenerate,
        "p_randomization": result.p_value_coefficient,
        "p_randomization_t": result.p_value_t,
        "mean_of_draws": float(result.coefficients.mean()),
        "sd_of_draws": float(result.coefficients.std(ddof=1)),
        "seed": result.seed,
        "note": "every assignment enumerated" if is_exact else None,
        "n_effective_clusters": n_effective_clusters,
    }


def leave_one_out_table(data: StudyData, diagnostic: pd.DataFrame, kept: Memory | None = None) -> pa.Table:
    """One row for each group left out, in the columns of estimates.leave_one_out."""

    def rows(requested: Requested) -> list[dict[str, Any]]:
        by = requested.sample.unit if requested.options["by"] == "unit" else requested.options["by"]
        result = leave_one_out(
            requested.rows, by=by, outcome=requested.specification.outcome, **requested.columns
        )
        names = _names(data, by)
        # "cohort" is no column of the sample.
        group = requested.rows["first_treated_year" if by == "cohort" else by]
        dimension = {"prefecture_code": "city", "province_code": "province"}.get(by, by)
        found = [
            {
                "dimension": dimension,
                "left_out": _label(label),
                "used": ~group.isin([label]).to_numpy(),
                "name_zh": names.get(_label(label), (None, None))[0],
                "name_en": names.get(_label(label), (None, None))[1],
                "estimate": estimate.estimate,
                "std_error": estimate.se,
                "ci_low": estimate.effective_test[1],
                "ci_high": estimate.effective_test[2],
                "full_estimate": result.full.estimate,
                "n_effective_clusters": estimate.n_effective_clusters,
            }
            for label, estimate in zip(result.labels, result.estimates, strict=True)
        ]
        skipped = [
            {
                "dimension": dimension,
                "left_out": _label(label),
                "note": f"refused: {reason}",
                "used": ~group.isin([label]).to_numpy(),
            }
            for label, reason in result.skipped
        ]
        return [*found, *skipped]

    def names(requested: Requested) -> object:
        by = requested.options["by"]
        return sorted(_names(data, data.unit_of(requested.specification) if by == "unit" else by).items())

    return diagnostic_table(data, diagnostic, "leave_one_out", LEAVE_ONE_OUT, rows, kept, names)


def _names(data: StudyData, by: str) -> dict[str, tuple[str, str]]:
    """Chinese and English name of each group that may be left out, by its label."""
    if by == "batch":
        return {str(n): (f"第{n}批", f"batch {n}") for n in range(1, 9)}
    panel = data.panel_province_year if by == "province_code" else data.panel_city_year
    last = panel.sort_values("year").drop_duplicates(by, keep="last")
    return {
        str(code): (str(zh), str(en))
        for code, zh, en in zip(last[by], last["name_zh"], last["name_en"], strict=True)
    }


def _label(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def inference_table(data: StudyData, diagnostic: pd.DataFrame, kept: Memory | None = None) -> pa.Table:
    """Other p values of the same coefficients, in the columns of estimates.inference."""

    def bootstrapped(requested: Requested) -> list[dict[str, Any]]:
        options = requested.options
        result = wild_cluster_bootstrap(
            requested.rows, outcome=requested.specification.outcome, method=options["method"],
            weights=options["weights"], draws=int(options["draws"]), seed=int(options["seed"]),
            **requested.columns,
        )  # fmt: skip
        return [
            {
                "term": requested.specification.treatment,
                "method": f"{result.method} {result.weights}",
                "estimate": result.estimate,
                "std_error": result.se,
                "p_value": result.p_symmetric,
                "ci_low": result.ci_low if math.isfinite(result.ci_low) else None,
                "ci_high": result.ci_high if math.isfinite(result.ci_high) else None,
                "n_draws": result.n_draws,
                "n_clusters": result.n_clusters,
                "seed": result.seed,
                "note": "every sign vector enumerated" if result.is_enumerated else None,
                "n_effective_clusters": effective_of(requested.rows, requested),
            }
        ]

    def differing(requested: Requested) -> list[dict[str, Any]]:
        options = requested.options
        if bool(options["group"]) == bool(options["split"]):
            raise ValueError("group_difference takes one of the options group and split")
        if options["split"]:
            return _split_differences(data, requested)
        name = options["group"]
        return [
            _permuted_difference(requested, requested.rows, name, name),
            _wald_difference(requested, requested.rows, name, name),
        ]

    def few(requested: Requested) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for method in requested.options["methods"].split("+"):
            require_choice("method", method, tuple(FEW_CLUSTERS))
            name, compute = FEW_CLUSTERS[method]
            row: dict[str, Any] = {"term": requested.specification.treatment, "method": name}
            try:
                found.append(row | compute(requested))
            except ValueError as error:
                found.append(row | {"note": refused(requested.specification, error)})
        return found

    def detectable(requested: Requested) -> list[dict[str, Any]]:
        fit = fit_least_squares(requested.sample.rows, requested.specification, unit=requested.sample.unit)
        term = next(term for term in fit.terms if term.term == requested.specification.treatment)
        number = term.n_effective_clusters
        if fit.n_clusters is None or term.std_error is None or number is None:
            raise ValueError("a minimum detectable effect needs one clustered standard error")
        power = float(requested.options["power"])
        return [
            {
                "term": term.term,
                "method": f"minimum detectable effect, power {power:g}",
                # Of the test that is published: t(G* - 1).
                "estimate": minimum_detectable_effect(
                    se=term.std_error, df=min(fit.n_clusters, number) - 1, power=power
                ),
                "std_error": term.std_error,
                "n_clusters": fit.n_clusters,
                "note": "smallest true effect found with this probability at 5 % (Bloom 1995)",
                "n_effective_clusters": number,
            }
        ]

    parts = [
        diagnostic_table(data, diagnostic, "wild_bootstrap", INFERENCE, bootstrapped, kept),
        diagnostic_table(data, diagnostic, "few_clusters", INFERENCE, few, kept),
        diagnostic_table(
            data,
            diagnostic,
            "group_difference",
            INFERENCE,
            differing,
            kept,
            # Which rows the columns of the split table have.
            beside=lambda requested: [
                data.digest(part)
                for part, _ in _parts(data, requested.specification, requested.options["split"])
            ],
        ),
        diagnostic_table(data, diagnostic, "minimum_detectable_effect", INFERENCE, detectable, kept),
        _family_table(data, diagnostic),
    ]
    return pa.concat_tables(parts)


def effective_of(rows: pd.DataFrame, requested: Requested) -> float:
    """Effective clusters behind the treatment's coefficient of a requested column on some rows."""
    panel = prepare_panel(rows, outcome=requested.specification.outcome, **requested.columns)
    return fit_treatment(panel).n_effective_clusters


def _jackknifed(requested: Requested) -> dict[str, Any]:
    """CV3 of a column of least squares."""
    spec = requested.specification
    if spec.is_staggered or spec.estimator not in ("pooled", "twfe"):
        raise ValueError(f"CV3 is an error of least squares, and {spec.estimator} is none")
    found = cluster_jackknife(requested.rows, outcome=spec.outcome, **requested.columns)
    farthest = int(np.abs(found.without - found.estimate).argmax())
    return {
        "estimate": found.estimate,
        "std_error": found.std_error,
        "p_value": found.p_value,
        "ci_low": found.ci_low,
        "ci_high": found.ci_high,
        "n_clusters": found.n_clusters,
        "n_effective_clusters": found.n_effective_clusters,
        "note": f"without {found.labels[farthest]}, which moves it most, {found.without[farthest]:.4g}",
    }


def _replaced(requested: Requested) -> dict[str, Any]:
    """Placebo units in the places of few treated ones."""
    spec, options = requested.specification, requested.options
    strange = {
        name: value
        for name, value in spec.options
        if (name, value) not in (("method", "reg"), ("gaps", "drop"), ("control_group", "not_yet_treated"))
    }
    if spec.is_staggered and strange:
        words = ", ".join(f"{name} {value}" for name, value in strange.items())
        raise ValueError(f"{words}: weights of this variant are not known; allowed: the defaults")
    found = few_treated_test(
        requested.rows if not spec.is_staggered else requested.sample.rows,
        outcome=spec.outcome, unit=requested.sample.unit, estimator=spec.estimator, treatment=spec.treatment,
        controls=tuple(name for name in spec.regressors if name != spec.treatment),
        fixed_effects=spec.fixed_effects, draws=int(options["draws"]), seed=int(options["seed"]),
    )  # fmt: skip
    return {
        "estimate": found.estimate,
        "p_value": found.p_value,
        "ci_low": found.ci_low if math.isfinite(found.ci_low) else None,
        "ci_high": found.ci_high if math.isfinite(found.ci_high) else None,
        "n_draws": found.n_draws,
        "n_clusters": found.n_treated + found.n_controls,
        "seed": found.seed,
        "note": f"{found.n_controls} never-treated units in the places of {found.n_treated} treated ones"
        + (", every assignment" if found.seed is None else ""),
    }


#: What the diagnostic few_clusters can be asked for: the name of the row, and what computes it.
FEW_CLUSTERS: dict[str, tuple[str, Callable[[Requested], dict[str, Any]]]] = {
    "cv3": ("CV3", _jackknifed),
    "conley_taber": ("Conley-Taber", _replaced),
}


def _permuted_difference(requested: Requested, rows: pd.DataFrame, group: str, name: str) -> dict[str, Any]:
    """Permutation test of the difference between two groups; name: of the grouping, in the row."""
    options = requested.options
    result = group_difference_test(
        rows, group=group, outcome=requested.specification.outcome, draws=int(options["draws"]),
        seed=int(options["seed"]), **requested.columns,
    )  # fmt: skip
    low, high = result.groups
    return {
        "term": requested.specification.treatment,
        "method": f"permutation: {name} {high} less {low}".replace("  ", " "),
        "estimate": result.difference,
        "p_value": result.p_two_sided,
        "n_draws": result.n_draws,
        "seed": result.seed,
        "note": "{1:.4f} less {0:.4f}".format(*result.coefficients) + f", z {result.z_value:.2f}",
    }


def _wald_difference(requested: Requested, rows: pd.DataFrame, group: str, name: str) -> dict[str, Any]:
    """Wald test that the coefficient is the same in all groups."""
    wald = group_wald_test(rows, group=group, outcome=requested.specification.outcome, **requested.columns)
    gap = float(wald.coefficients[1] - wald.coefficients[0]) if wald.df == 1 else None
    low, high = wald.groups[0], wald.groups[-1]
    return {
        "term": requested.specification.treatment,
        "method": f"Wald: {name} {high} less {low}" if name else f"Wald: {' = '.join(wald.groups)}",
        "estimate": gap,
        "std_error": None if gap is None else abs(gap) / wald.statistic**0.5,
        "p_value": wald.p_value,
        "n_clusters": wald.df_denominator + 1,
        "note": f"everything interacted with the group: F({wald.df}, {wald.df_denominator})"
        f" {wald.statistic:.2f}",
        "n_effective_clusters": wald.n_effective_clusters,
    }


def _parts(data: StudyData, whole: Specification, table_no: str) -> list[tuple[Specification, str]]:
    """The equation of a column on each subgroup of a table that splits it, and the place of the subgroup."""
    return [
        (whole.with_(subgroup=spec.subgroup), f"{table_no}({spec.column_no})")
        for spec in sorted(data.specifications(), key=lambda spec: spec.column_no)
        if (spec.study_id, spec.table_no) == (whole.study_id, table_no) and spec.subgroup is not None
    ]


def _split_differences(data: StudyData, requested: Requested) -> list[dict[str, Any]]:
    """Each pair of a split table's columns by permutation, and all of them at once by a Wald test."""
    whole, table_no, unit = requested.specification, requested.options["split"], requested.sample.unit
    keys = [unit, "year"]
    rows = requested.rows.assign(split="")
    places = []
    for part, place in _parts(data, whole, table_no):
        inside = pd.MultiIndex.from_frame(rows[keys]).isin(
            pd.MultiIndex.from_frame(assemble(data, part).rows[keys])
        )
        if (inside & (rows["split"] != "")).any():
            raise ValueError(f"{place} shares rows with another column of {table_no}: no split")
        rows.loc[inside, "split"] = place
        places.append(place)
    if len(places) < 2:
        raise ValueError(f"{table_no} has no two subgroups")
    rows = rows[rows["split"] != ""]
    found = []
    for low, high in itertools.combinations(places, 2):
        pair = rows[rows["split"].isin([low, high])]
        found.append(_permuted_difference(requested, pair, "split", ""))
    return [*found, _wald_difference(requested, rows, "split", "")]


def _family_table(data: StudyData, diagnostic: pd.DataFrame) -> pa.Table:
    """Holm and Romano-Wolf over the columns of one table that request `family`, on their common rows."""
    tables: dict[tuple[str, str], list[Requested]] = {}
    for requested in requested_columns(data, diagnostic, "family"):
        spec = requested.specification
        try:
            requested.sample  # noqa: B018 - a column that awaits data is in no family
        except NOT_ESTIMATED:
            continue
        tables.setdefault((spec.study_id, spec.table_no), []).append(requested)
    rows: list[dict[str, Any]] = []
    for members in tables.values():
        first = members[0]
        shared = [m for m in members if m.columns == first.columns]
        start = {"is_simulated": data.is_simulated, "term": first.specification.treatment}
        if len(shared) < len(members) or len(members) < 2:
            note = "refused: a family needs two or more columns with the same equation but for the outcome"
            rows += [start | _of_member(m) | {"method": "holm", "note": note} for m in members]
            continue
        key = [first.sample.unit, "year"]
        outcomes = [m.specification.outcome for m in members]
        common = first.rows
        for member in members[1:]:
            common = common.merge(member.sample.rows[[*key, member.specification.outcome]], on=key)
        try:
            result = family_test(
                common, outcomes=outcomes, draws=int(first.options["draws"]), seed=int(first.options["seed"]),
                **first.columns,
            )  # fmt: skip
        except ValueError as error:
            # One edition of a yearbook has one year: nothing to compare, and no reason to stop a build.
            note = refused(first.specification, error)
            rows += [start | _of_member(m) | {"method": "holm", "note": note} for m in members]
            continue
        number = effective_of(common, first)
        for k, member in enumerate(members):
            for method, p in (("holm", result.p_holm), ("romano_wolf", result.p_romano_wolf)):
                rows.append(
                    start
                    | _of_member(member)
                    | {
                        "outcome": result.outcomes[k],
                        "method": method,
                        "estimate": float(result.estimates[k]),
                        "std_error": float(result.se[k]),
                        "p_value": float(p[k]),
                        "n_draws": result.n_draws,
                        "seed": int(first.options["seed"]),
                        "note": f"family of {len(members)} outcomes on {len(common)} common rows",
                        "n_effective_clusters": number,
                    }
                )
    return pa.Table.from_pylist(
        [{name: row.get(name) for name in INFERENCE.names} for row in rows], schema=INFERENCE
    )


def _of_member(requested: Requested) -> dict[str, Any]:
    return {**identity(requested.specification), **requested.status()}
