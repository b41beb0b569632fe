"""Diagnostics of the design: falsification, pre-trends, functional form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from cbec.estimators.diagnostics import pretrend_power, pretrend_test
from cbec.estimators.equivalence import equivalence_test, within_deviation
from cbec.estimators.functional_form import FORMS, density_test, transformed
from cbec.estimators.placebo import time_placebo
from cbec.estimators.regression import fit_least_squares
from cbec.estimators.sensitivity import honest_did
from cbec.estimators.staggered.fit import StaggeredFit, fit_staggered
from cbec.studies.diagnostics import (
    Requested,
    diagnostic_table,
    refused,
    table_schema,
    term_columns,
    term_numbers,
)
from cbec.studies.fit import reason_of
from cbec.studies.memory import Memory
from cbec.studies.sample import AwaitingDataError, EstimationSample, StudyData, assemble

#: Whose mean over event years is an average of their own, "dynamic", and not of a window.
AVERAGED_OVER_EVENT_YEARS = ("callaway_santanna", "sun_abraham")
FALSIFICATION = table_schema(
    "outcome:s kind:s variant:s estimate:f std_error:f p_value:f ci_low:f ci_high:f n_treated_cells:i"
    " n_obs:i",
    end="note:s n_effective_clusters:f equivalence_bound:f equivalence_margin:f equivalence_p:f",
)


PRETREND = table_schema(
    "outcome:s estimator:s statistic:f df1:i df2:i p_value:f slope_power_50:f slope_power_80:f estimate:f"
    " breakdown_relative_magnitude:f honest_ci_low:f honest_ci_high:f honest_bound:f",
    end="note:s n_effective_clusters:f equivalence_bound:f equivalence_margin:f equivalence_p:f",
)


FUNCTIONAL_FORM = table_schema(
    "outcome:s form:s estimate:f std_error:f p_value:f ci_low:f ci_high:f effect_in_percent:f statistic:f"
    " lowest_probability:f n_bins:i n_obs:i n_units:i n_draws:i seed:i",
    end="note:s n_effective_clusters:f",
)


def _equivalence(
    requested: Requested,
    sample: EstimationSample,
    outcome: str,
    coefficients: Sequence[tuple[float, float, float]],
) -> dict[str, float]:
    """Columns of the equivalence test of coefficients that should be zero: (estimate, error, effective
    clusters) each. The margin is the option's number of standard deviations of the outcome within units and
    years. Nothing where one of them has a single effective cluster, so that t has no degree of freedom, or
    where the outcome does not vary within units and years, so that there is no margin."""
    b, s, g = (np.array(values) for values in zip(*coefficients, strict=True))
    if not (g >= 2).all():
        return {}
    rows = sample.rows
    deviation = within_deviation(
        rows[outcome].to_numpy(dtype=float), rows[sample.unit].tolist(), rows["year"].tolist()
    )
    if not deviation > 0:
        return {}
    found = equivalence_test(b, s, g - 1, margin=float(requested.options["margin_sd"]) * deviation)
    return {
        "equivalence_bound": found.bound,
        "equivalence_margin": found.margin,
        "equivalence_p": found.p_value,
    }


def falsification_table(data: StudyData, diagnostic: pd.DataFrame, kept: Memory | None = None) -> pa.Table:
    """Effects that must be zero if the design holds, in the columns of estimates.falsification.

    in_time: the treatment some years early, on untreated rows only; outcome: the same column with an outcome
    that a zone cannot move. A placebo outcome that is not loaded is a row that awaits its data.
    """

    def earlier(requested: Requested) -> list[dict[str, Any]]:
        shifts = [int(shift) for shift in requested.options["shifts"].split("-")]
        result = time_placebo(
            requested.rows, outcome=requested.specification.outcome, shifts=shifts, **requested.columns
        )
        found = []
        per_shift = zip(result.shifts, result.estimates, result.n_placebo_cells, result.n_obs, strict=True)
        for shift, fit, cells, n_obs in per_shift:
            p_value, ci_low, ci_high = fit.effective_test
            found.append(
                {
                    "kind": "in_time",
                    "variant": str(shift),
                    "estimate": fit.estimate,
                    "std_error": fit.se,
                    "p_value": p_value,
                    "ci_low": ci_low,
                    "ci_high": ci_high,
                    "n_treated_cells": int(cells),
                    "n_obs": int(n_obs),
                    "used": (requested.rows[requested.specification.treatment] == 0).to_numpy(),
                    "n_effective_clusters": fit.n_effective_clusters,
                    **_equivalence(
                        requested,
                        requested.sample,
                        requested.specification.outcome,
                        [(fit.estimate, fit.se, fit.n_effective_clusters)],
                    ),
                }
            )
        return found

    def unmoved(requested: Requested) -> list[dict[str, Any]]:
        spec = requested.specification
        found: list[dict[str, Any]] = []
        for name in filter(None, requested.options["outcomes"].split("+")):
            row: dict[str, Any] = {"kind": "outcome", "variant": name}
            other = spec.with_(outcome=name)
            try:
                if name in spec.controls:
                    raise ValueError(f"{name} is a control of this column")
                sample = assemble(data, other)
                fit = fit_least_squares(sample.rows, other, unit=sample.unit)
                term = next(term for term in fit.terms if term.term == spec.treatment)
            except AwaitingDataError as error:
                found.append(row | {"note": f"awaiting data: {reason_of(other, error)}"})
                continue
            except ValueError as error:
                found.append(row | {"note": refused(other, error)})
                continue
            estimate, std_error, p_value, ci_low, ci_high = term_numbers(term)
            row |= {"estimate": estimate, "std_error": std_error, "p_value": p_value}
            row |= {"ci_low": ci_low, "ci_high": ci_high, "n_obs": fit.n_obs}
            row |= vars(sample.status(fit.used))
            number = term.n_effective_clusters
            row["n_effective_clusters"] = number
            if number is not None:
                row |= _equivalence(requested, sample, name, [(estimate, std_error, number)])
            found.append(row | {"n_treated_cells": int(sample.rows[spec.treatment].astype(bool).sum())})
        if not found:
            raise ValueError("outcome_placebo names no outcome")
        return found

    return pa.concat_tables(
        [
            diagnostic_table(data, diagnostic, "time_placebo", FALSIFICATION, earlier, kept),
            diagnostic_table(
                data,
                diagnostic,
                "outcome_placebo",
                FALSIFICATION,
                unmoved,
                kept,
                more=lambda requested: [name for name in requested.options["outcomes"].split("+") if name],
            ),
        ]
    )


def pretrend_table(data: StudyData, diagnostic: pd.DataFrame, kept: Memory | None = None) -> pa.Table:
    """Joint test before treatment, its power and the honest interval, for estimates.pretrend."""

    def rows(requested: Requested) -> list[dict[str, Any]]:
        spec, sample = requested.specification, requested.sample
        options: dict[str, Any] = dict(spec.options)
        if spec.estimator in AVERAGED_OVER_EVENT_YEARS:
            # Every year after treatment, so that the mean is the one that estimates.att calls dynamic.
            span = int(sample.rows["year"].max() - sample.rows["year"].min())
            options["last_event"] = max(span, options.get("last_event", 0))
        fit: StaggeredFit = fit_staggered(
            sample.rows, estimator=spec.estimator, outcome=spec.outcome, unit=sample.unit,
            controls=spec.controls, cluster=spec.cluster, aggregations=("dynamic",), **options,
        )  # fmt: skip
        base = options.get("base", -1)
        joint = pretrend_test(fit.events, fit.event_vcov, n_clusters=fit.n_clusters, base=int(base))
        power = {p.power: p.slope for p in pretrend_power(fit.events, fit.event_vcov, base=int(base))}
        honest = honest_did(fit.events, fit.event_vcov, bounds=(1.0,), base=int(base))
        leads = [e for e in fit.events if e.event_year in joint.event_years]
        mean = next((e for e in fit.effects if (e.aggregation, e.group) == ("dynamic", None)), fit.overall)
        return [
            {
                "estimator": spec.estimator,
                "used": fit.used,
                "statistic": joint.statistic,
                "df1": joint.df,
                "df2": joint.df_denominator,
                "p_value": joint.p_value,
                "slope_power_50": power[0.5],
                "slope_power_80": power[0.8],
                "estimate": honest.estimate,
                "breakdown_relative_magnitude": honest.breakdown,
                "honest_ci_low": honest.intervals[0].ci_low,
                "honest_ci_high": honest.intervals[0].ci_high,
                "honest_bound": honest.intervals[0].bound,
                "note": "; ".join(
                    [
                        f"effect: {honest.target}",
                        *(
                            []
                            if honest.breakdown is not None
                            else ["significant at every bound that was tried"]
                        ),
                    ]
                ),
                # Of the leads, and of the mean after treatment that the honest interval is about.
                "n_effective_clusters": min(
                    mean.n_effective_clusters,
                    fit.overall.n_effective_clusters,
                    *(e.n_effective_clusters for e in leads),
                ),
                **_equivalence(
                    requested,
                    sample,
                    spec.outcome,
                    [(e.estimate, e.std_error, e.n_effective_clusters) for e in leads],
                ),
            }
        ]

    return diagnostic_table(data, diagnostic, "pretrend", PRETREND, rows, kept)


def functional_form_table(data: StudyData, diagnostic: pd.DataFrame, kept: Memory | None = None) -> pa.Table:
    """The column in levels, logs and inverse hyperbolic sines, and the test whether it can matter, in the
    columns of estimates.functional_form.

    effect_in_percent makes the forms comparable: of the mean over treated rows without the effect for the
    level, 100 (exp(b) - 1) for the others, which for the sine holds far from zero only.
    """

    def rows(requested: Requested) -> list[dict[str, Any]]:
        spec, sample, options = requested.specification, requested.sample, requested.options
        if spec.is_staggered:
            raise ValueError("functional_form needs a two-way specification")
        found: list[dict[str, Any]] = []
        for form in FORMS:
            row: dict[str, Any] = {"form": form}
            try:
                values = transformed(sample.rows[spec.outcome].astype(float), spec.outcome, form)
                fit = fit_least_squares(sample.rows.assign(**{spec.outcome: values}), spec, unit=sample.unit)
            except ValueError as error:
                found.append(row | {"note": refused(spec, error)})
                continue
            term = next(term for term in fit.terms if term.term == spec.treatment)
            dose, share = requested.rows[spec.treatment], None
            if form != "level":
                share = 100 * float(np.expm1(term.estimate))
            elif set(dose.unique()) == {0.0, 1.0}:
                share = 100 * term.estimate / float((values - term.estimate)[dose == 1].mean())
            found.append(row | term_columns(term) | {"effect_in_percent": share, "n_obs": fit.n_obs})
        if set(requested.rows[spec.treatment]) != {0.0, 1.0}:
            return [*found, {"form": "every form", "note": f"no test: {spec.treatment} is not a group"}]
        try:
            test = density_test(
                requested.rows, outcome=spec.outcome, treatment=spec.treatment, unit=sample.unit,
                bins=int(options["bins"]), least=int(options["least"]),
                draws=int(options["draws"]), seed=int(options["seed"]),
            )  # fmt: skip
        except ValueError as error:
            return [*found, {"form": "every form", "note": refused(spec, error)}]
        result = {
            "form": "every form",
            "statistic": test.statistic,
            "p_value": test.p_value,
            "lowest_probability": float(test.implied.min()),
            "n_bins": len(test.implied),
            "n_obs": len(requested.rows),
            "n_units": test.n_units,
            "n_draws": test.n_draws,
            "seed": test.seed,
            "note": f"{test.n_comparisons} comparisons of a cohort and a year, without controls;"
            f" {test.n_small} with fewer than {options['least']} units on a side left out",
        }
        return [*found, result]

    return diagnostic_table(data, diagnostic, "functional_form", FUNCTIONAL_FORM, rows, kept)
