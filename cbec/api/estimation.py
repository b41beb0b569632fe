"""Fit a regression column, or permute its treatment, on a panel or on a plain frame."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from matplotlib.figure import Figure

from cbec.api.panel import PanelData
from cbec.api.results import Output
from cbec.common.withheld import withheld_reason
from cbec.common.words import Labels, Lang, say
from cbec.estimators.frame import check_columns
from cbec.estimators.placebo import PlaceboResult, placebo_frame, placebo_test
from cbec.estimators.specification import STAGGERED, Specification, source
from cbec.estimators.staggered.fit import SUPPORT
from cbec.report import figures
from cbec.report.style import draw_note, new_figure
from cbec.report.table import Row, Table, count_cell, number_cell
from cbec.report.tables import att_table, regression_table
from cbec.studies.fit import FIT_SCHEMA, Result, estimate, rows_of_result
from cbec.studies.sample import EstimationSample

Data = PanelData | pd.DataFrame
#: Fewer effective clusters, or fewer clusters of an estimator for staggered adoption, leave no error that
#: can be trusted (docs/METHODS.md); the vars of the same names in dbt_project.yml.
LEAST = {"min_effective_clusters": 5, "min_clusters": 16}
COHORT = "first_treated_year"
_OF_ERRORS = ("std_error", "t_value", "p_value", "ci_low", "ci_high", "band_low", "band_high")


@dataclass(frozen=True)
class Estimate(Output):
    """A fitted column. rows: as in `estimates.fit`, with errors that rest on too few clusters withheld and
    the reason in note; specification: what was fitted; labels: of its variables."""

    rows: pd.DataFrame = field(repr=False)
    specification: Specification
    labels: dict[str, str] = field(default_factory=dict, repr=False)
    units: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def effect(self) -> float:
        """The coefficient of the treatment, or the average effect on the treated."""
        return float(self._main["estimate"].iloc[0])

    @property
    def std_error(self) -> float:
        """Its error; NaN where it is withheld."""
        return float(self._main["std_error"].iloc[0])

    @property
    def _main(self) -> pd.DataFrame:
        rows = self.rows[~self.rows["is_observed_only"].astype(bool)]
        overall = rows[(rows["kind"] == "effect") & (rows["aggregation"] == "overall")]
        return overall if len(overall) else rows[rows["term"] == self.specification.treatment]

    def to_frame(self) -> pd.DataFrame:
        """Terms, averages of effects (kind effect) and effects by event year (kind event): estimate,
        std_error, t_value, p_value, ci_low, ci_high, stars, n_obs, n_units, n_clusters,
        n_effective_clusters, the composition of the cells (cell_status, imputed_share, ...), drop_reason and
        note."""
        gone = ["study_id", "table_no", "column_no", "status", "reason", "treatment_rule"]
        return self.rows.drop(columns=gone).dropna(axis=1, how="all").reset_index(drop=True)

    def table(self, lang: Lang = "en") -> Table:
        """The regression table; of an estimator for staggered adoption the averages of its effects."""
        rows, labels = self.rows, self._labels(lang)
        if self.specification.is_staggered:
            effects = rows[rows["kind"] == "effect"].assign(control_group=self._control_group)
            return att_table(effects, labels, {1: self.specification.vcov})
        specification = pd.DataFrame([{
            "study_id": "own", "table_no": "T1", "column_no": 1, "treatment": self.specification.treatment,
            "controls": " + ".join(self.specification.controls), "subgroup": None, "note": None,
            "fixed_effects": " + ".join(self.specification.fixed_effects),
            "estimator": self.specification.estimator,
        }])  # fmt: skip
        terms = rows.assign(p_randomization=np.nan, p_randomization_t=np.nan)
        return regression_table(terms, specification, labels)

    @property
    def _control_group(self) -> str | None:
        """As estimates.att says it."""
        chosen = dict(self.specification.options).get("control_group")
        has_choice = self.specification.estimator in SUPPORT["control_group"][:4]
        return str(chosen) if chosen else "not_yet_treated" if has_choice else None

    def _draw(self, lang: Lang) -> Figure:
        labels = self._labels(lang)
        rows = self.rows[~self.rows["is_observed_only"].astype(bool)]
        events = rows[rows["kind"] == "event"]
        if len(events):
            return figures.event_study(events.rename(columns={"group_value": "event_year"}), labels)
        terms = rows[(rows["kind"] == "term") & (rows["term"] != "_cons")]
        figure, axes = new_figure(terms, "coefficients", labels, height=0.9 + 0.35 * len(terms))
        places = np.arange(len(terms))[::-1]
        axes.hlines(
            places, terms["ci_low"].astype(float), terms["ci_high"].astype(float), color="black", lw=0.8
        )
        axes.plot(terms["estimate"].astype(float), places, "o", color="black", ms=4)
        axes.axvline(0.0, color="#6e6e6e", lw=0.6)
        axes.set_ylim(-0.6, len(terms) - 0.4)
        axes.set_yticks(places, [labels.variable(str(term)) for term in terms["term"]])
        axes.set_xlabel(say("axis_coefficient", lang))
        draw_note(figure, [say("interval_note", lang)], lang)
        return figure

    def _labels(self, lang: Lang) -> Labels:
        names = {name: (label, label, self.units.get(name, "")) for name, label in self.labels.items()}
        return Labels(lang, panel_columns={name: name for name in names}, indicators=names)


def fit(
    data: Data,
    *,
    outcome: str,
    treatment: str,
    controls: Sequence[str] = (),
    unit: str | None = None,
    time: str = "year",
    fixed_effects: Sequence[str] | None = None,
    cluster: str | Sequence[str] | None = None,
    vcov: str | None = None,
    estimator: str = "twfe",
    cohort: str | None = None,
    min_effective_clusters: int = LEAST["min_effective_clusters"],
    min_clusters: int = LEAST["min_clusters"],
    **options: Any,
) -> Estimate:
    """Fit one regression column.

    data: a `PanelData`, whose cells give the estimate its status, or a frame with one row for a unit and a
    period. unit, time: of a frame (a panel has its own). estimator: pooled, twfe, random_effects,
    unit_slopes, tobit, or one for staggered adoption (callaway_santanna, sun_abraham, imputation, ...:
    docs/METHODS.md), whose options are those of `cbec.estimators.fit_staggered`. fixed_effects: absorbed,
    `a^b` is an interaction; without them unit and time, none for pooled. cluster: one column or two; the
    unit without it. vcov: iid, HC1 or conley:<kilometres> instead of clusters. cohort: first treated period,
    missing for never treated, for the staggered estimators; without it made from the treatment, which must
    then stay once it begins.

    Rows that lack a value of the equation are left out and counted in drop_reason. Errors that rest on fewer
    than min_effective_clusters effective clusters, or min_clusters clusters of a staggered estimator, are
    withheld, with the reason in note.

    Raises ValueError for unknown columns or estimators (with the nearest), what an estimator refuses, and
    where no complete row is left.
    """
    panel = panel_of(data, unit, time)
    staggered = estimator in STAGGERED
    unit, time = panel.unit, panel.time
    clusters = [cluster] if isinstance(cluster, str) else list(cluster or [unit])
    if fixed_effects is None:
        fixed_effects = (unit, time) if estimator == "twfe" else ()
    row = {
        "study_id": "own", "table_no": "T1", "column_no": 1, "estimator": estimator, "outcome": outcome,
        "treatment": treatment, "treatment_rule": "own" if staggered else None,
        "controls": " + ".join(controls), "fixed_effects": "" if staggered else " + ".join(fixed_effects),
        "vcov": vcov or "CRV1:" + "+".join(clusters), "sample": "own", "winsor": None, "subgroup": None,
        "mediator": None, "note": None,
        "options": ";".join(f"{name}={value}" for name, value in options.items()),
    }  # fmt: skip
    spec = Specification.from_row(row)
    check_columns(panel.frame.columns, spec.columns)
    sample = _sample(panel, spec, cohort)
    own = _renamed(spec, time)
    results = [Result(spec, False, sample, estimate(own, sample), "estimated")]
    observed = _observed(sample)
    if observed is sample:
        results.append(replace(results[0], is_observed_only=True))
    elif observed is not None:
        # Too little may be left.
        with contextlib.suppress(ValueError):
            results.append(Result(spec, True, observed, estimate(own, observed), "estimated"))
    least = {"min_effective_clusters": min_effective_clusters, "min_clusters": min_clusters}
    found = [row for result in results for row in rows_of_result(result, panel.is_simulated)]
    rows = [row | {"treatment_rule": None} for row in _withheld(found, least, staggered)]
    frame = pa.Table.from_pylist(rows, schema=FIT_SCHEMA).to_pandas()
    return Estimate(frame, spec, panel.labels, panel.units)


def panel_of(data: Data, unit: str | None, time: str) -> PanelData:
    if isinstance(data, PanelData):
        if unit not in (None, data.unit):
            raise ValueError(f"unit {unit!r}; the panel's is {data.unit!r}")
        return data
    if unit is None:
        raise ValueError("a frame needs unit=, the column that names its units")
    return PanelData.from_frame(data, unit=unit, time=time)


def _renamed(spec: Specification, time: str) -> Specification:
    """The specification on rows whose period is called year, as estimators have it."""

    def new(name: str) -> str:
        return "^".join("year" if part == time else part for part in name.split("^"))

    kind = "CRV1:" + "+".join(map(new, spec.clusters)) if spec.clusters else spec.vcov
    return spec.with_(fixed_effects=tuple(map(new, spec.fixed_effects)), vcov=kind)


def _sample(panel: PanelData, spec: Specification, cohort: str | None) -> EstimationSample:
    """Complete rows of an equation, and the cells behind them."""
    frame, unit, time = panel.frame, panel.unit, panel.time
    if time != "year" and "year" in frame:
        raise ValueError(f"time={time!r} beside another column 'year'; rename that one")
    rows = frame.rename(columns={time: "year"})
    behind: list[tuple[str, pd.Series]] = []
    for name in spec.variables:
        column, lag = source(name)
        if lag:
            # The row of the same unit so many periods before, -1 where there is none.
            keys = pd.MultiIndex.from_frame(rows[[unit, "year"]])
            earlier = pd.MultiIndex.from_arrays([rows[unit], rows["year"] - lag])
            place = pd.Series(keys.get_indexer(earlier), index=rows.index)
            rows[name] = rows[column].to_numpy()[place.to_numpy()]
            rows.loc[place < 0, name] = np.nan
            behind.append((column, place))
        else:
            behind.append((column, pd.Series(rows.index, index=rows.index)))
    # Whether a unit is treated that nobody knows of is unknown, and not no.
    unknown = rows[spec.treatment].isna()
    if spec.is_staggered:
        rows[spec.treatment] = _zero_or_one(rows[spec.treatment], spec.treatment)
        rows[COHORT] = frame[cohort] if cohort else _cohort(rows[~unknown], rows[unit], spec.treatment)
    needed = [*spec.variables, *(part for effect in spec.fixed_effects for part in effect.split("^"))]
    needed = list(dict.fromkeys("year" if name == time else name for name in [*needed, *spec.clusters]))
    lacking = rows[needed].isna()
    lacking[spec.treatment] |= unknown
    complete = ~lacking.any(axis=1)
    if not complete.any():
        worst = lacking.mean().idxmax()
        raise ValueError(
            f"no complete row is left; {worst!r} is missing on {lacking[worst].mean():.0%} of rows"
        )
    first = lacking.idxmax(axis=1)[~complete].value_counts()
    kept = rows[complete]
    parts = []
    for column, place in behind:
        of_rows = place[complete]
        cells = panel.cells[panel.cells["column"] == column]
        found = pd.DataFrame({"place": of_rows.index, "cell": of_rows.to_numpy()})
        parts.append(found.merge(cells.rename(columns={"row": "cell"}), on="cell"))
    cells = pd.concat(parts, ignore_index=True).rename(columns={"column": "panel_column"})
    return EstimationSample(
        rows=kept.reset_index(drop=True),
        cells=cells,
        place=kept.index.to_numpy(np.int64),
        level="own",
        unit=unit,
        n_offered=len(rows),
        reasons=tuple(f"{n} rows: {name} missing" for name, n in first.items()),
    )


def _observed(sample: EstimationSample) -> EstimationSample | None:
    """The sample without rows that rest on a filled or flagged cell, itself where there are none; None where
    nothing is left."""
    doubted = sample.cells[(sample.cells["imputed_share"] > 0) | sample.cells["is_flagged"].astype(bool)]
    gone = np.isin(sample.place, doubted["place"])
    if not gone.any():
        return sample
    if gone.all():
        return None
    reasons = (*sample.reasons, f"{int(gone.sum())} rows: rest on filled or flagged cells")
    kept = sample.restricted(~gone)
    return replace(kept, rows=kept.rows.reset_index(drop=True), reasons=reasons)


def _zero_or_one(values: pd.Series, name: str) -> pd.Series:
    known = values.dropna()
    if not known.isin([0, 1]).all():
        odd = known[~known.isin([0, 1])].iloc[0]
        raise ValueError(f"treatment {name!r} holds {odd!r}; allowed for a staggered estimator: 0 and 1")
    return values.fillna(0).astype(bool)


def _cohort(rows: pd.DataFrame, units: pd.Series, treatment: str) -> pd.Series:
    """First treated period of each of units, missing for never treated; ValueError where treatment ends.
    rows: those of which the treatment is known."""
    unit = str(units.name)
    starts = rows[rows[treatment]].groupby(unit)["year"].min()
    ended = rows[~rows[treatment] & rows["year"].gt(rows[unit].map(starts))]
    if len(ended):
        row = ended.iloc[0]
        raise ValueError(
            f"treatment {treatment!r} of {unit} {row[unit]!r} ends in {row['year']}; staggered estimators"
            " take one that stays: give cohort="
        )
    return units.map(starts)


def _withheld(rows: list[dict[str, Any]], least: Mapping[str, int], staggered: bool) -> list[dict[str, Any]]:
    """Rows without errors that rest on too few clusters, as macros/published_inference.sql withholds them."""
    out = []
    for row in rows:
        n_effective, n_clusters = row.get("n_effective_clusters"), row.get("n_clusters")
        reason = withheld_reason(n_effective, n_clusters, least, is_staggered=staggered)
        if reason:
            note = "; ".join(filter(None, [row.get("note"), reason]))
            row = row | dict.fromkeys(_OF_ERRORS) | {"stars": "", "note": note}
        out.append(row)
    return out


@dataclass(frozen=True)
class Placebo(Output):
    """Where the real coefficient lies among those of permuted treatments. result: of
    `cbec.estimators.placebo_test`."""

    result: PlaceboResult
    outcome: str
    labels: dict[str, str] = field(default_factory=dict, repr=False)
    is_simulated: bool = False

    @property
    def p_value(self) -> float:
        """Randomisation p by the t statistic."""
        return self.result.p_value_t

    def to_frame(self) -> pd.DataFrame:
        """draw, estimate, t_value, p_value: one row for each usable draw."""
        return placebo_frame(self.result)

    def table(self, lang: Lang = "en") -> Table:
        """The coefficient, its analytic p and the randomisation p values."""
        found = self.result
        lines = [
            Row(say("true_estimate", lang), (number_cell(found.estimate.estimate, 4),)),
            Row(say("p_randomization", lang), (number_cell(found.p_value_coefficient, 3),)),
            Row(say("p_randomization_t", lang), (number_cell(found.p_value_t, 3),)),
            Row(say("n_obs", lang), (count_cell(found.estimate.n_obs),)),
        ]
        name = self.labels.get(self.outcome, self.outcome)
        return Table(
            study_id="own", name="placebo", lang=lang, caption=f"{say('figure_placebo', lang)}: {name}",
            head=(Row("", (name,)),), body=tuple(lines), bracket_note="", notes=(self._how,),
        )  # fmt: skip

    @property
    def _how(self) -> str:
        found = self.result
        how = "every assignment" if found.exact else f"seed {found.seed}"
        return f"{found.n_draws} assignments, scheme {found.scheme}, {how}"

    def _draw(self, lang: Lang) -> Figure:
        found = self.result
        draws = self.to_frame().assign(outcome=self.outcome, is_simulated=self.is_simulated)
        summary = pd.DataFrame([{
            "estimate": found.estimate.estimate, "scheme": found.scheme, "n_draws": found.n_draws,
            "seed": found.seed, "p_randomization": found.p_value_coefficient, "note": None,
        }])  # fmt: skip
        names = {name: (label, label, "") for name, label in self.labels.items()}
        return figures.placebo(draws, summary, Labels(lang, {name: name for name in names}, names))


def placebo(
    data: Data,
    *,
    outcome: str,
    treatment: str,
    controls: Sequence[str] = (),
    unit: str | None = None,
    time: str = "year",
    cluster: str | None = None,
    draws: int = 1000,
    seed: int = 0,
    **options: Any,
) -> Placebo:
    """Randomisation inference for the two-way coefficient of a 0/1 treatment.

    data, unit, time, cluster: as in `fit`; rows that lack a value of the equation are left out. options:
    those of `cbec.estimators.placebo_test` (scheme, strata, pool, exact, ...). Raises ValueError as that
    does.
    """
    panel = panel_of(data, unit, time)
    names = [panel.unit, panel.time, outcome, treatment, *controls, *([cluster] if cluster else [])]
    check_columns(panel.frame.columns, names)
    rows = panel.frame[list(dict.fromkeys(names))].dropna()
    rows = rows.assign(**{treatment: _zero_or_one(rows[treatment], treatment).astype(float)})
    found = placebo_test(
        rows, outcome=outcome, treatment=treatment, unit=panel.unit, time=panel.time, controls=controls,
        fixed_effects=(panel.unit, panel.time), cluster=cluster or panel.unit, draws=draws, seed=seed,
        **options,
    )  # fmt: skip
    return Placebo(found, outcome, panel.labels, panel.is_simulated)
