"""What a referee asks beside the estimates, one table each.

seeds/studies/diagnostic.csv names the columns and the options.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy import stats

from cbec.estimators.diagnostics import (
    bacon_decomposition,
    honest_did,
    pretrend_power,
    pretrend_test,
    twfe_weights,
)
from cbec.estimators.functional_form import FORMS, density_test, transformed
from cbec.estimators.inference import (
    family_test,
    group_difference_test,
    minimum_detectable_effect,
    wild_cluster_bootstrap,
)
from cbec.estimators.mediation import mediate
from cbec.estimators.memory import Memory, Rows, digest
from cbec.estimators.panel_tests import f_test_of_effects, hausman, variance_inflation
from cbec.estimators.placebo import leave_one_out, placebo_frame, placebo_test, time_placebo
from cbec.estimators.policies import concurrent_policies
from cbec.estimators.regression import Term, fit_least_squares
from cbec.estimators.sample import AwaitingDataError, EmptiedError, EstimationSample, StudyData, assemble
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
from cbec.estimators.spillover import spillovers
from cbec.estimators.staggered import StaggeredFit, fit_staggered
from cbec.estimators.study import identity, small_heap

# Which diagnostics exist, with their options and the defaults.
DIAGNOSTICS: dict[str, dict[str, str]] = {
    "placebo": {"scheme": "cohort", "strata": "", "draws": "1000", "seed": "20150307"},
    "leave_one_out": {"by": "unit"},
    "time_placebo": {"shifts": "1-2-3"},
    "outcome_placebo": {"outcomes": ""},
    "wild_bootstrap": {"method": "WCR11", "weights": "rademacher", "draws": "9999", "seed": "20150307"},
    "family": {"draws": "9999", "seed": "20150307"},
    "group_difference": {"group": "", "draws": "1000", "seed": "20150307"},
    "minimum_detectable_effect": {"power": "0.8"},
    "pretrend": {},
    "bacon": {},
    "panel_tests": {},
    "data_integrity": {},
    "selection": {"covariates": "", "caliper": "0.2"},
    "spillover": {"rings": "100-200-300-550", "donut": "200"},
    "policies": {},
    "functional_form": {"bins": "20", "least": "5", "draws": "9999", "seed": "20150307"},
}
# Their reason stands in estimates.specification_status.
NOT_ESTIMATED = (AwaitingDataError, EmptiedError)
MEDIATION_DRAWS = 1000
SEED = 20150307


def _schema(
    columns: str, *, key: str = "study_id:s table_no:s column_no:n", end: str = "note:s"
) -> pa.Schema:
    """Arrow schema from `name:kind` words; s text, f double, n 32-bit and i 64-bit integer."""
    kinds = {"s": pa.string(), "f": pa.float64(), "n": pa.int32(), "i": pa.int64()}
    pairs = [word.split(":") for word in f"{key} {columns} {end}".split()]
    return pa.schema([*((name, kinds[kind]) for name, kind in pairs), ("is_simulated", pa.bool_())])


PLACEBO = _schema("outcome:s scheme:s draw:i estimate:f t_value:f p_value:f")
PLACEBO_SUMMARY = _schema(
    "outcome:s scheme:s estimate:f std_error:f n_draws:i n_degenerate:i p_randomization:f p_randomization_t:f"
    " mean_of_draws:f sd_of_draws:f seed:i"
)
LEAVE_ONE_OUT = _schema(
    "outcome:s dimension:s left_out:s name_zh:s name_en:s estimate:f std_error:f ci_low:f ci_high:f"
    " full_estimate:f"
)
FALSIFICATION = _schema(
    "outcome:s kind:s variant:s estimate:f std_error:f p_value:f ci_low:f ci_high:f n_treated_cells:i n_obs:i"
)
INFERENCE = _schema(
    "outcome:s term:s method:s estimate:f std_error:f p_value:f ci_low:f ci_high:f n_draws:i n_clusters:i"
    " seed:i"
)
PRETREND = _schema(
    "outcome:s estimator:s statistic:f df1:i df2:i p_value:f slope_power_50:f slope_power_80:f estimate:f"
    " breakdown_relative_magnitude:f honest_ci_low:f honest_ci_high:f honest_bound:f"
)
BACON = _schema("outcome:s treated_cohort:i control_cohort:i comparison_type:s weight:f estimate:f")
TWFE_WEIGHT = _schema(
    "outcome:s estimate:f n_weights:i n_negative:i sum_negative:f sigma_zero:f sigma_opposite:f"
)
MEDIATION = _schema(
    "outcome:s mediator:s a:f a_se:f b:f b_se:f c:f c_se:f c_prime:f c_prime_se:f indirect:f identity_gap:f"
    " share_mediated:f sobel_z:f sobel_p:f ci_low:f ci_high:f n_boot:i seed:i n_obs:i rho_at_zero:f"
)
DESCRIPTIVE = _schema(
    "variable:s n_obs:i mean:f sd:f minimum:f maximum:f vif:f imputed_share:f sample:s",
    key="study_id:s",
    end="",
)
SELECTION = _schema(
    "outcome:s method:s estimate:f std_error:f p_value:f ci_low:f ci_high:f n_obs:i n_treated:i n_control:i"
)
BALANCE = _schema(
    "outcome:s covariate:s mean_treated:f mean_control:f smd_before:f smd_after_matching:f"
    " smd_after_weighting:f min_treated:f max_treated:f min_control:f max_control:f share_outside:f"
)
SPILLOVER = _schema(
    "outcome:s variant:s ring:s estimate:f std_error:f p_value:f ci_low:f ci_high:f n_cells:i n_obs:i"
    " n_clusters:i"
)
POLICY = _schema(
    "outcome:s policy_id:s variant:s term:s estimate:f std_error:f p_value:f ci_low:f ci_high:f n_obs:i"
)
FUNCTIONAL_FORM = _schema(
    "outcome:s form:s estimate:f std_error:f p_value:f ci_low:f ci_high:f effect_in_percent:f statistic:f"
    " lowest_probability:f n_bins:i n_obs:i n_units:i n_draws:i seed:i"
)
DATA_INTEGRITY = _schema(
    "outcome:s variant:s estimate:f std_error:f p_value:f n_obs:i n_filled_here:i imputed_share_treated:f"
    " imputed_share_control:f"
)
PANEL_TEST = _schema("outcome:s test:s statistic:f df1:i df2:i p_value:f convention:s")


@dataclass(frozen=True)
class _Asked:
    """A column that asks for a diagnostic; its sample is put together when it is looked at, and raises
    NOT_ESTIMATED where data are awaited."""

    data: StudyData
    specification: Specification
    options: dict[str, str]

    @cached_property
    def sample(self) -> EstimationSample:
        return assemble(self.data, self.specification)

    @property
    def columns(self) -> dict[str, Any]:
        """Arguments that the panel functions share."""
        spec = self.specification
        return {
            "treatment": spec.treatment,
            "unit": self.sample.unit,
            "time": "year",
            "controls": tuple(name for name in spec.regressors if name != spec.treatment),
            "fixed_effects": spec.fixed_effects,
            "cluster": spec.cluster,
        }

    @property
    def rows(self) -> pd.DataFrame:
        """The sample with a numeric treatment."""
        name = self.specification.treatment
        return self.sample.rows.assign(**{name: self.sample.rows[name].astype(float)})


def _asked(data: StudyData, diagnostic: pd.DataFrame, name: str) -> Iterator[_Asked]:
    """Each column that asks for a diagnostic."""
    specs = {(s.study_id, s.table_no, s.column_no): s for s in data.specifications()}
    wanted = diagnostic[diagnostic["diagnostic"] == name]
    for row in wanted.sort_values(["study_id", "table_no", "column_no", "options"]).to_dict("records"):
        key = (row["study_id"], row["table_no"], int(row["column_no"]))
        where = f"diagnostic {key[0]} {key[1]}({key[2]}) {name}"
        if key not in specs:
            raise ValueError(f"{where}: there is no such specification")
        options = dict(DIAGNOSTICS[name])
        text = row["options"] if isinstance(row["options"], str) else ""
        for part in filter(None, text.split(";")):
            option, _, value = part.partition("=")
            if option not in options:
                raise ValueError(f"{where}: option {option!r}; allowed: {', '.join(options) or 'none'}")
            options[option] = value
        yield _Asked(data, specs[key], options)


def _table(
    data: StudyData,
    diagnostic: pd.DataFrame,
    name: str,
    schema: pa.Schema,
    rows: Callable[[_Asked], Rows],
    kept: Memory | None = None,
    beside: Callable[[_Asked], object] = lambda asked: None,
    more: Callable[[_Asked], Iterable[str]] = lambda asked: (),
) -> pa.Table:
    """Rows of every column that asks; one that the estimator refuses gives a row with the reason as note, one
    that awaits data none.

    kept: what was found before. beside: what `rows` reads beside the tables of the specification; more:
    columns that it reads beside those of the specification.
    """
    kept = kept if kept is not None else Memory()
    found: Rows = []
    for asked in _asked(data, diagnostic, name):
        own = data.digest(asked.specification, more(asked))
        key = digest(name, asked.options, data.is_simulated, own, beside(asked))
        found += kept.rows(key, partial(_computed, asked, rows, schema.names))
    return pa.Table.from_pylist(found, schema=schema)


def _computed(asked: _Asked, rows: Callable[[_Asked], Rows], names: list[str]) -> Rows:
    spec = asked.specification
    start = {**identity(spec), "outcome": spec.outcome, "is_simulated": asked.data.is_simulated}
    try:
        with small_heap():
            asked.sample  # noqa: B018 - so that its reasons are told from those of the estimator
    except NOT_ESTIMATED:
        return []
    with small_heap():
        try:
            own = [start | row for row in rows(asked)]
        except ValueError as error:
            own = [start | {"note": f"refused: {error}"}]
    return [{name: row.get(name) for name in names} for row in own]


def placebo_tables(data: StudyData, diagnostic: pd.DataFrame) -> tuple[pa.Table, pa.Table]:
    """Draws and their summary, in the columns of estimates.placebo and estimates.placebo_summary."""
    asked_for = diagnostic.to_csv()
    if asked_for not in data.placebo_draws:
        data.placebo_draws[asked_for] = _placebo_tables(data, diagnostic)
    found: tuple[pa.Table, pa.Table] = data.placebo_draws[asked_for]
    return found


def _placebo_tables(data: StudyData, diagnostic: pd.DataFrame) -> tuple[pa.Table, pa.Table]:
    draws: list[pd.DataFrame] = []

    def rows(asked: _Asked) -> list[dict[str, Any]]:
        options, spec = asked.options, asked.specification
        result = placebo_test(
            asked.rows, outcome=spec.outcome, scheme=options["scheme"], strata=options["strata"] or None,
            draws=int(options["draws"]), seed=int(options["seed"]), **asked.columns,
        )  # fmt: skip
        scheme = options["scheme"] + (f" within {options['strata']}" if options["strata"] else "")
        draws.append(
            placebo_frame(result).assign(**identity(spec), outcome=spec.outcome, scheme=scheme, note=None)
        )
        return [
            {
                "scheme": scheme,
                "estimate": result.estimate.estimate,
                "std_error": result.estimate.se,
                "n_draws": result.n_draws,
                "n_degenerate": result.n_degenerate,
                "p_randomization": result.p_coef,
                "p_randomization_t": result.p_t,
                "mean_of_draws": float(result.coefficients.mean()),
                "sd_of_draws": float(result.coefficients.std(ddof=1)),
                "seed": result.seed,
                "note": "every assignment enumerated" if result.exact else None,
            }
        ]

    summary = _table(data, diagnostic, "placebo", PLACEBO_SUMMARY, rows)
    if not draws:
        return PLACEBO.empty_table(), summary
    every = pd.concat(draws, ignore_index=True).assign(is_simulated=data.is_simulated)
    return pa.Table.from_pandas(every[PLACEBO.names], schema=PLACEBO, preserve_index=False), summary


def leave_one_out_table(data: StudyData, diagnostic: pd.DataFrame, kept: Memory | None = None) -> pa.Table:
    """One row for each group left out, in the columns of estimates.leave_one_out."""

    def rows(asked: _Asked) -> list[dict[str, Any]]:
        by = asked.sample.unit if asked.options["by"] == "unit" else asked.options["by"]
        result = leave_one_out(asked.rows, by=by, outcome=asked.specification.outcome, **asked.columns)
        names = _names(data, by)
        dimension = {"prefecture_code": "city", "province_code": "province"}.get(by, by)
        found = [
            {
                "dimension": dimension,
                "left_out": _label(label),
                "name_zh": names.get(_label(label), (None, None))[0],
                "name_en": names.get(_label(label), (None, None))[1],
                "estimate": estimate.estimate,
                "std_error": estimate.se,
                "ci_low": estimate.estimate - stats.t.ppf(0.975, estimate.df) * estimate.se,
                "ci_high": estimate.estimate + stats.t.ppf(0.975, estimate.df) * estimate.se,
                "full_estimate": result.full.estimate,
            }
            for label, estimate in zip(result.labels, result.estimates, strict=True)
        ]
        skipped = [
            {"dimension": dimension, "left_out": _label(label), "note": f"refused: {reason}"}
            for label, reason in result.skipped
        ]
        return [*found, *skipped]

    def names(asked: _Asked) -> object:
        by = asked.options["by"]
        return sorted(_names(data, data.unit_of(asked.specification) if by == "unit" else by).items())

    return _table(data, diagnostic, "leave_one_out", LEAVE_ONE_OUT, rows, kept, names)


def falsification_table(data: StudyData, diagnostic: pd.DataFrame, kept: Memory | None = None) -> pa.Table:
    """Effects that must be zero if the design holds, in the columns of estimates.falsification.

    in_time: the treatment some years early, on untreated rows only; outcome: the same column with an outcome
    that a zone cannot move. A placebo outcome that is not loaded is a row that awaits its data.
    """

    def earlier(asked: _Asked) -> list[dict[str, Any]]:
        shifts = [int(shift) for shift in asked.options["shifts"].split("-")]
        result = time_placebo(asked.rows, outcome=asked.specification.outcome, shifts=shifts, **asked.columns)
        found = []
        per_shift = zip(result.shifts, result.estimates, result.n_fake_cells, result.n_obs, strict=True)
        for shift, fit, cells, n_obs in per_shift:
            half = float(stats.t.ppf(0.975, fit.df)) * fit.se
            found.append(
                {
                    "kind": "in_time",
                    "variant": str(shift),
                    "estimate": fit.estimate,
                    "std_error": fit.se,
                    "p_value": fit.p_value,
                    "ci_low": fit.estimate - half,
                    "ci_high": fit.estimate + half,
                    "n_treated_cells": int(cells),
                    "n_obs": int(n_obs),
                }
            )
        return found

    def unmoved(asked: _Asked) -> list[dict[str, Any]]:
        spec = asked.specification
        found: list[dict[str, Any]] = []
        for name in filter(None, asked.options["outcomes"].split("+")):
            row: dict[str, Any] = {"kind": "outcome", "variant": name}
            other = spec.with_(outcome=name)
            try:
                if name in spec.controls:
                    raise ValueError(f"{name} is a control of this column")
                sample = assemble(data, other)
                fit = fit_least_squares(sample.rows, other, unit=sample.unit)
                term = next(term for term in fit.terms if term.term == spec.treatment)
            except AwaitingDataError as error:
                found.append(row | {"note": f"awaiting data: {error}"})
                continue
            except ValueError as error:
                found.append(row | {"note": f"refused: {error}"})
                continue
            estimate, std_error, p_value, ci_low, ci_high = _numbers(term)
            row |= {"estimate": estimate, "std_error": std_error, "p_value": p_value}
            row |= {"ci_low": ci_low, "ci_high": ci_high, "n_obs": fit.n_obs}
            found.append(row | {"n_treated_cells": int(sample.rows[spec.treatment].astype(bool).sum())})
        if not found:
            raise ValueError("outcome_placebo names no outcome")
        return found

    return pa.concat_tables(
        [
            _table(data, diagnostic, "time_placebo", FALSIFICATION, earlier, kept),
            _table(
                data,
                diagnostic,
                "outcome_placebo",
                FALSIFICATION,
                unmoved,
                kept,
                more=lambda asked: [name for name in asked.options["outcomes"].split("+") if name],
            ),
        ]
    )


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

    def bootstrapped(asked: _Asked) -> list[dict[str, Any]]:
        options = asked.options
        result = wild_cluster_bootstrap(
            asked.rows, outcome=asked.specification.outcome, method=options["method"],
            weights=options["weights"], draws=int(options["draws"]), seed=int(options["seed"]),
            **asked.columns,
        )  # fmt: skip
        return [
            {
                "term": asked.specification.treatment,
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
            }
        ]

    def differing(asked: _Asked) -> list[dict[str, Any]]:
        options = asked.options
        result = group_difference_test(
            asked.rows, group=options["group"], outcome=asked.specification.outcome,
            draws=int(options["draws"]), seed=int(options["seed"]), **asked.columns,
        )  # fmt: skip
        low, high = result.groups
        return [
            {
                "term": asked.specification.treatment,
                "method": f"permutation: {options['group']} {high} less {low}",
                "estimate": result.difference,
                "p_value": result.p_two_sided,
                "n_draws": result.n_draws,
                "seed": result.seed,
                "note": "{1:.4f} less {0:.4f}".format(*result.coefficients) + f", z {result.z_value:.2f}",
            }
        ]

    def detectable(asked: _Asked) -> list[dict[str, Any]]:
        fit = fit_least_squares(asked.sample.rows, asked.specification, unit=asked.sample.unit)
        term = next(term for term in fit.terms if term.term == asked.specification.treatment)
        if fit.n_clusters is None or term.std_error is None:
            raise ValueError("a minimum detectable effect needs one clustered standard error")
        power = float(asked.options["power"])
        return [
            {
                "term": term.term,
                "method": f"minimum detectable effect, power {power:g}",
                "estimate": minimum_detectable_effect(se=term.std_error, df=fit.n_clusters - 1, power=power),
                "std_error": term.std_error,
                "n_clusters": fit.n_clusters,
                "note": "smallest true effect found with this probability at 5 % (Bloom 1995)",
            }
        ]

    parts = [
        _table(data, diagnostic, "wild_bootstrap", INFERENCE, bootstrapped, kept),
        _table(data, diagnostic, "group_difference", INFERENCE, differing, kept),
        _table(data, diagnostic, "minimum_detectable_effect", INFERENCE, detectable, kept),
        _family_table(data, diagnostic),
    ]
    return pa.concat_tables(parts)


def _family_table(data: StudyData, diagnostic: pd.DataFrame) -> pa.Table:
    """Holm and Romano-Wolf over the columns of one table that ask for `family`, on their common rows."""
    tables: dict[tuple[str, str], list[_Asked]] = {}
    for asked in _asked(data, diagnostic, "family"):
        spec = asked.specification
        try:
            asked.sample  # noqa: B018 - a column that awaits data is in no family
        except NOT_ESTIMATED:
            continue
        tables.setdefault((spec.study_id, spec.table_no), []).append(asked)
    rows: list[dict[str, Any]] = []
    for members in tables.values():
        first = members[0]
        shared = [m for m in members if m.columns == first.columns]
        start = {"is_simulated": data.is_simulated, "term": first.specification.treatment}
        if len(shared) < len(members) or len(members) < 2:
            note = "refused: a family needs two or more columns with the same equation but for the outcome"
            rows += [start | identity(m.specification) | {"method": "holm", "note": note} for m in members]
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
            note = f"refused: {error}"
            rows += [start | identity(m.specification) | {"method": "holm", "note": note} for m in members]
            continue
        for k, member in enumerate(members):
            for method, p in (("holm", result.p_holm), ("romano_wolf", result.p_romano_wolf)):
                rows.append(
                    start
                    | identity(member.specification)
                    | {
                        "outcome": result.outcomes[k],
                        "method": method,
                        "estimate": float(result.estimates[k]),
                        "std_error": float(result.se[k]),
                        "p_value": float(p[k]),
                        "n_draws": result.n_draws,
                        "seed": int(first.options["seed"]),
                        "note": f"family of {len(members)} outcomes on {len(common)} common rows",
                    }
                )
    return pa.Table.from_pylist(
        [{name: row.get(name) for name in INFERENCE.names} for row in rows], schema=INFERENCE
    )


def pretrend_table(data: StudyData, diagnostic: pd.DataFrame, kept: Memory | None = None) -> pa.Table:
    """Joint test before treatment, its power and the honest interval, for estimates.pretrend."""

    def rows(asked: _Asked) -> list[dict[str, Any]]:
        spec, sample = asked.specification, asked.sample
        fit: StaggeredFit = fit_staggered(
            sample.rows, estimator=spec.estimator, outcome=spec.outcome, unit=sample.unit,
            controls=spec.controls, cluster=spec.cluster, aggregations=("overall",),
            **dict(spec.options),  # type: ignore[arg-type]
        )  # fmt: skip
        base = dict(spec.options).get("base", -1)
        joint = pretrend_test(fit.events, fit.event_vcov, n_clusters=fit.n_clusters, base=int(base))
        power = {p.power: p.slope for p in pretrend_power(fit.events, fit.event_vcov, base=int(base))}
        honest = honest_did(fit.events, fit.event_vcov, bounds=(1.0,), base=int(base))
        return [
            {
                "estimator": spec.estimator,
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
                "note": None if honest.breakdown is not None else "significant at every bound that was tried",
            }
        ]

    return _table(data, diagnostic, "pretrend", PRETREND, rows, kept)


def bacon_table(data: StudyData, diagnostic: pd.DataFrame, kept: Memory | None = None) -> pa.Table:
    """Two-group comparisons behind two-way effects, in the columns of estimates.bacon."""

    def rows(asked: _Asked) -> list[dict[str, Any]]:
        frame = bacon_decomposition(
            asked.sample.rows, outcome=asked.specification.outcome, unit=asked.sample.unit
        )
        named = frame.rename(columns={"comparison": "comparison_type"})
        named = named.astype(object).where(named.notna(), None)
        return [{str(k): v for k, v in row.items()} for row in named.to_dict("records")]

    return _table(data, diagnostic, "bacon", BACON, rows, kept)


def twfe_weight_table(data: StudyData, diagnostic: pd.DataFrame, kept: Memory | None = None) -> pa.Table:
    """Weights of the treated cells behind two-way effects, in the columns of estimates.twfe_weight."""

    def rows(asked: _Asked) -> list[dict[str, Any]]:
        spec = asked.specification
        result = twfe_weights(
            asked.sample.rows, outcome=spec.outcome, unit=asked.sample.unit, controls=spec.controls
        )
        names = ("estimate", "n_negative", "sum_negative", "sigma_zero", "sigma_opposite")
        return [{name: getattr(result, name) for name in names} | {"n_weights": len(result.weights)}]

    return _table(data, diagnostic, "bacon", TWFE_WEIGHT, rows, kept)


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
        with small_heap():
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
                rows.append(start | {"note": f"refused: {error}"})
                continue
        paths = {"c": result.total, "a": result.a, "b": result.b, "c_prime": result.direct}
        rows.append(
            start
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
                else "no share: the total effect is not clear"
            }
        )
    return pa.Table.from_pylist(
        [{name: row.get(name) for name in MEDIATION.names} for row in rows], schema=MEDIATION
    )


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
    """The same column on other readings of the cells, in the columns of estimates.data_integrity.

    all: as it is; observed: without filled and convicted cells; linear and geometric: blank cells between two
    printed years of one side of the approval filled in; with the share of filled cells by treatment arm.
    """

    def rows(asked: _Asked) -> list[dict[str, Any]]:
        spec = asked.specification
        variants = [("all", asked.sample)]
        variants.append(("observed", assemble(data, spec, observed_only=True)))
        variants += [(name, assemble(data, spec, fill=name)) for name in ("linear", "geometric")]
        found: list[dict[str, Any]] = []
        for name, sample in variants:
            try:
                fit = fit_least_squares(sample.rows, spec, unit=sample.unit)
            except ValueError as error:
                found.append({"variant": name, "note": f"refused: {error}"})
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

    return _table(data, diagnostic, "data_integrity", DATA_INTEGRITY, rows, kept)


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

    def rows(asked: _Asked) -> list[dict[str, Any]]:
        spec, unit = asked.specification, asked.sample.unit
        equation = {"outcome": spec.outcome, "regressors": spec.regressors}
        tests = [
            f_test_of_effects(asked.rows, effects=[unit], **equation),  # type: ignore[arg-type]
            f_test_of_effects(asked.rows, effects=[unit, "year"], **equation),  # type: ignore[arg-type]
            hausman(asked.rows, unit=unit, **equation),  # type: ignore[arg-type]
        ]
        return [vars(test) for test in tests]

    return _table(data, diagnostic, "panel_tests", PANEL_TEST, rows, kept)


def selection_table(data: StudyData, diagnostic: pd.DataFrame, kept: Memory | None = None) -> pa.Table:
    """Effects among comparable cities, in the columns of estimates.selection.

    Beside the two-way coefficient with and without the covariates stand matching and weighting by them at
    g - 1, and ATT(g,t) without covariates and doubly robust. A method that refuses is a row with the reason.
    """

    def rows(asked: _Asked) -> list[dict[str, Any]]:
        spec, rows_of, panel = _comparable(data, asked)
        naive, caliper = spec.with_(controls=()), float(asked.options["caliper"])
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
                found.append({"method": name, "note": f"refused: {error}"})
        return found

    return _table(data, diagnostic, "selection", SELECTION, rows, kept, more=_covariates)


def _covariates(asked: _Asked) -> list[str]:
    return [name for name in asked.options["covariates"].split("+") if name]


def _comparable(data: StudyData, asked: _Asked) -> tuple[Specification, EstimationSample, Panel]:
    """The specification with the covariates asked for as controls, its sample, and the arrays of both."""
    wanted, spec = asked.options["covariates"], asked.specification
    sample = asked.sample
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
        method, *_numbers(term), fit.n_obs, int(treated.sum()), int((~treated).sum()), None
    )


def _numbers(term: Term) -> tuple[float, float, float, float, float]:
    """Estimate, standard error, p value and interval. Raises ValueError without a standard error."""
    fields = (term.estimate, term.std_error, term.p_value, term.ci_low, term.ci_high)
    known = [value for value in fields if value is not None]
    if len(known) < len(fields):
        raise ValueError(f"{term.term} has no standard error")
    estimate, error, p_value, low, high = known
    return estimate, error, p_value, low, high


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

    def rows(asked: _Asked) -> list[dict[str, Any]]:
        panel = _comparable(data, asked)[2]
        return [vars(row) for row in balance(panel, caliper=float(asked.options["caliper"]))]

    return _table(data, diagnostic, "selection", BALANCE, rows, kept, more=_covariates)


def spillover_table(data: StudyData, diagnostic: pd.DataFrame, kept: Memory | None = None) -> pa.Table:
    """Effects by ring of distance and with clean controls, in the columns of estimates.spillover."""

    def rows(asked: _Asked) -> list[dict[str, Any]]:
        spec, unit = asked.specification, asked.sample.unit
        if spec.is_staggered or not spec.treatment_rule or unit != "prefecture_code":
            raise ValueError("spillover needs a two-way specification of cities with a treatment rule")
        rule = data.treatment_city_year
        treated = rule.loc[(rule["rule_id"] == spec.treatment_rule) & rule["is_treated"], [unit, "year"]]
        places = data.panel_city_year[[unit, "longitude", "latitude"]].drop_duplicates(unit)
        limits = [float(limit) for limit in asked.options["rings"].split("-")]
        found = spillovers(
            asked.sample.rows, spec, unit=unit, places=places, treated=treated, rings=limits,
            donut=float(asked.options["donut"]),
        )  # fmt: skip
        return [_plain(row.term) | vars(row) for row in found]

    return _table(
        data,
        diagnostic,
        "spillover",
        SPILLOVER,
        rows,
        kept,
        # Treated neighbours outside of the sample count too.
        beside=lambda asked: data.timing_digest(asked.specification.treatment_rule),
        more=lambda asked: ("longitude", "latitude", "is_treated"),
    )


def policy_table(
    data: StudyData, diagnostic: pd.DataFrame, policies: pd.DataFrame, kept: Memory | None = None
) -> pa.Table:
    """The treatment beside other policies and without their cities, in the columns of estimates.policy.

    policies: marts.concurrent_policy_city_year.
    """

    def rows(asked: _Asked) -> list[dict[str, Any]]:
        spec, unit = asked.specification, asked.sample.unit
        if spec.is_staggered or unit != "prefecture_code":
            raise ValueError("policies need a two-way specification of cities")
        found = concurrent_policies(asked.sample.rows, spec, unit=unit, policies=policies)
        return [_plain(row.value) | vars(row) for row in found]

    listed = digest(policies.sort_values(list(policies.columns)).to_csv(index=False))
    return _table(data, diagnostic, "policies", POLICY, rows, kept, lambda asked: listed)


def functional_form_table(data: StudyData, diagnostic: pd.DataFrame, kept: Memory | None = None) -> pa.Table:
    """The column in levels, logs and inverse hyperbolic sines, and the test whether it can matter, in the
    columns of estimates.functional_form.

    effect_in_percent makes the forms comparable: of the mean over treated rows without the effect for the
    level, 100 (exp(b) - 1) for the others, which for the sine holds far from zero only.
    """

    def rows(asked: _Asked) -> list[dict[str, Any]]:
        spec, sample, options = asked.specification, asked.sample, asked.options
        if spec.is_staggered:
            raise ValueError("functional_form needs a two-way specification")
        found: list[dict[str, Any]] = []
        for form in FORMS:
            row: dict[str, Any] = {"form": form}
            try:
                values = transformed(sample.rows[spec.outcome].astype(float), spec.outcome, form)
                fit = fit_least_squares(sample.rows.assign(**{spec.outcome: values}), spec, unit=sample.unit)
            except ValueError as error:
                found.append(row | {"note": f"refused: {error}"})
                continue
            term = next(term for term in fit.terms if term.term == spec.treatment)
            dose, share = asked.rows[spec.treatment], None
            if form != "level":
                share = 100 * float(np.expm1(term.estimate))
            elif set(dose.unique()) == {0.0, 1.0}:
                share = 100 * term.estimate / float((values - term.estimate)[dose == 1].mean())
            found.append(row | _plain(term) | {"effect_in_percent": share, "n_obs": fit.n_obs})
        if set(asked.rows[spec.treatment]) != {0.0, 1.0}:
            return [*found, {"form": "every form", "note": f"no test: {spec.treatment} is not a group"}]
        try:
            test = density_test(
                asked.rows, outcome=spec.outcome, treatment=spec.treatment, unit=sample.unit,
                bins=int(options["bins"]), least=int(options["least"]),
                draws=int(options["draws"]), seed=int(options["seed"]),
            )  # fmt: skip
        except ValueError as error:
            return [*found, {"form": "every form", "note": f"refused: {error}"}]
        result = {
            "form": "every form",
            "statistic": test.statistic,
            "p_value": test.p_value,
            "lowest_probability": float(test.implied.min()),
            "n_bins": len(test.implied),
            "n_obs": len(asked.rows),
            "n_units": test.n_units,
            "n_draws": test.n_draws,
            "seed": test.seed,
            "note": f"{test.n_comparisons} comparisons of a cohort and a year, without controls;"
            f" {test.n_small} with fewer than {options['least']} units on a side left out",
        }
        return [*found, result]

    return _table(data, diagnostic, "functional_form", FUNCTIONAL_FORM, rows, kept)


def _plain(term: Term | None) -> dict[str, Any]:
    """A coefficient as columns; none without one."""
    return {} if term is None else {name: value for name, value in vars(term).items() if name != "term"}
