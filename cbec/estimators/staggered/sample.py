"""The estimation sample of a staggered design: what is offered, what is used and why the rest is not.

Every estimator of `cbec.estimators.staggered.fit` reads the same sample, so that a difference between
two of them is never a difference of rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cbec.estimators.absorb import build_projector, orthonormal_columns, residualise
from cbec.estimators.frame import check_frame, require_no_text
from cbec.estimators.panel import factor_codes

GAPS = ("drop", "keep")
#: A control group smaller than this is named in the notes.
FEW_UNITS = 5


@dataclass(frozen=True)
class Sample:
    """Rows that estimators use, sorted by unit and time, with names no formula can trip over.

    data columns: unit (integer code), time (integer), cohort (first treated time, 0 for never treated
    inside the window), y, x1 .. xk (controls in the given order), cluster (integer code). The labels
    behind the codes are in units and controls. dropped holds (reason, rows) in the order in which
    rows left; n_cohorts_offered counts treated cohorts.
    """

    data: pd.DataFrame
    units: tuple[object, ...]
    controls: tuple[str, ...]
    is_clustered_by_unit: bool
    dropped: tuple[tuple[str, int], ...]
    notes: tuple[str, ...]
    n_offered: int
    n_cohorts_offered: int

    @property
    def control_columns(self) -> list[str]:
        return [f"x{i + 1}" for i in range(len(self.controls))]

    @cached_property
    def cohort_sizes(self) -> dict[int, int]:
        """Units of each treated cohort."""
        units = self.data.drop_duplicates("unit")
        cohorts, counts = np.unique(units.loc[units["cohort"] > 0, "cohort"], return_counts=True)
        return {int(g): int(n) for g, n in zip(cohorts, counts, strict=True)}

    @cached_property
    def lone_cohorts(self) -> tuple[int, ...]:
        """Treated cohorts that lie in one cluster: their effects are fitted to it, and nothing is left to
        learn a standard error from."""
        clusters = self.data.drop_duplicates("unit").groupby("cohort")["cluster"].nunique()
        return tuple(int(g) for g in clusters.index[clusters == 1] if g > 0)

    @cached_property
    def n_units(self) -> int:
        return int(self.data["unit"].nunique())

    @cached_property
    def n_clusters(self) -> int:
        return int(self.data["cluster"].nunique())

    @cached_property
    def years(self) -> list[int]:
        return sorted(int(t) for t in self.data["time"].unique())

    @cached_property
    def treated_cells(self) -> list[tuple[int, int]]:
        """Cohort-years (g, t) of cohorts that are treated at some time, in order."""
        data = self.data[self.data["cohort"] > 0]
        pairs = data[["cohort", "time"]].drop_duplicates().sort_values(["cohort", "time"])
        return [(int(g), int(t)) for g, t in pairs.itertuples(index=False)]

    @cached_property
    def unpublished(self) -> list[int]:
        """Years inside the window that no unit has."""
        return sorted(set(range(self.years[0], self.years[-1] + 1)) - set(self.years))

    def last_before(self, cohort: int, base: int) -> int | None:
        """The year that a cohort's event year `base` is read from: that year, or the last one before it that
        any unit has."""
        return max((t for t in self.years if t <= cohort + base), default=None)

    @property
    def usage(self) -> str:
        """How much of what was offered is used."""
        return (
            f"{self.n_units} of {len(self.units)} units and {len(self.cohort_sizes)} of"
            f" {self.n_cohorts_offered} cohorts offered are used"
        )

    def rows_of(self, frame: pd.DataFrame, *, unit: str, time: str = "year") -> pd.DataFrame:
        """The rows of a frame that are used, in its order; unit and time as in `prepare_sample`."""
        return frame[self.has(frame[unit], frame[time])]

    def has(self, unit: pd.Series, time: pd.Series) -> NDArray[np.bool_]:
        """Which of some units and times are used, shape (n,)."""
        index = {label: code for code, label in enumerate(self.units)}
        code = np.array([index.get(label, -1) for label in unit.tolist()], dtype=np.int64)
        times = pd.to_numeric(time).to_numpy(dtype=np.int64)
        own = self.data["time"].to_numpy(dtype=np.int64)
        first, n_times = int(own.min()), int(own.max() - own.min()) + 1
        within = (code >= 0) & (times >= first) & (times < first + n_times)
        places = self.data["unit"].to_numpy(dtype=np.int64) * n_times + own - first
        return within & np.isin(code * n_times + times - first, places)

    def without(self, cohorts: Sequence[int], reason: str) -> Sample:
        """The rows that are left when an estimator has no use for some cohorts."""
        is_out = self.data["cohort"].isin(cohorts)
        return replace(
            self,
            data=self.data[~is_out].reset_index(drop=True),
            dropped=(*self.dropped, (reason, int(is_out.sum()))),
        )

    def without_effects_of(self, cohorts: Sequence[int], *, whole_units: bool) -> Sample:
        """The sample without treated rows of some cohorts, or without their units."""
        data = self.data
        leaving = data["cohort"].isin(cohorts)
        if not whole_units:
            leaving &= data["time"].ge(data["cohort"])
        data = data[~leaving]
        # What stays of them is never treated in the rows that are left.
        data = data.assign(cohort=data["cohort"].where(~data["cohort"].isin(cohorts), 0))
        return replace(self, data=data.reset_index(drop=True))

    def without_idle_controls(self, anticipation: int = 0) -> Sample:
        """The sample less the controls that do not vary beyond unit, time and each other on untreated rows.

        Estimators that learn a control's slope there have none to learn; a library leaves such a control out
        and says nothing. The notes name it.
        """
        data = self.data
        rows = data[data["cohort"].eq(0) | data["time"].lt(data["cohort"] - anticipation)]
        codes = [factor_codes(rows[name].to_numpy()) for name in ("unit", "time")]
        x = rows[self.control_columns].to_numpy(dtype=float)
        x = x - x.mean(axis=0)
        left = residualise(build_projector(codes, len(rows)), x.copy())
        kept = np.flatnonzero(orthonormal_columns(left, np.linalg.norm(x, axis=0))[1])
        idle = [name for i, name in enumerate(self.controls) if i not in kept]
        if not idle:
            return self
        used = {self.control_columns[i]: f"x{k + 1}" for k, i in enumerate(kept)}
        dropped = [name for name in self.control_columns if name not in used]
        note = f"control that varies on no untreated row beyond unit and year dropped: {', '.join(idle)}"
        return replace(
            self,
            data=data.drop(columns=dropped).rename(columns=used),
            controls=tuple(self.controls[i] for i in kept),
            notes=(*self.notes, note),
        )

    def scaled(self) -> tuple[Sample, float]:
        """The sample with outcome and controls of ordinary size, and what the outcome was divided by.

        Libraries compare with absolute tolerances. Controls are centred as well, which no estimator here
        notices: each has an intercept or fixed effects.
        """
        factor = _power_of_two(self.data["y"])
        columns = {"y": self.data["y"] / factor}
        for name in self.control_columns:
            x = self.data[name]
            columns[name] = (x - x.mean()) / _power_of_two(x)
        return replace(self, data=self.data.assign(**columns)), factor

    def counted(self) -> Sample:
        """The same rows with years counted one by one, as if those that no unit has did not exist.

        A cohort starts in the first year from its own on that is there. Raises ValueError when two cohorts
        would start together.
        """
        years, first = self.years, self.years[0]
        place = {t: first + i for i, t in enumerate(years)}
        start = {g: place[min(t for t in years if t >= g)] for g in self.cohort_sizes}
        if len(set(start.values())) < len(start):
            raise ValueError(
                f"cohorts {', '.join(map(str, sorted(start)))} are not told apart without "
                f"{', '.join(map(str, self.unpublished))}"
            )
        data = self.data.assign(
            time=self.data["time"].map(place), cohort=self.data["cohort"].map({0: 0, **start})
        )
        return replace(self, data=data)


def prepare_sample(
    frame: pd.DataFrame,
    *,
    outcome: str,
    unit: str,
    time: str = "year",
    cohort: str = "first_treated_year",
    controls: Sequence[str] = (),
    cluster: str | None = None,
    treatment: str | None = None,
    anticipation: int = 0,
    gaps: str = "drop",
    keep_always_treated: bool = False,
    needs_controls: bool = True,
) -> Sample:
    """Check a panel and reduce it to rows from which effects are identified.

    frame has one row per unit and time. cohort is the first treated time, missing (or infinite) for
    never treated; a cohort after the last time is never treated inside the window. treatment, when
    given, is the 0/1 status, checked against the cohort.

    Rows leave in this order, each with its reason: a missing outcome, control or cluster; units with
    a gap (gaps="drop") or nothing ("keep"); units treated from the first time on (plus anticipation),
    which have no period before; units first treated just after the window, whose last rows
    anticipation may reach. Without never-treated units, times from the last cohort on have no
    untreated unit: they leave too and the last cohort becomes the control group. needs_controls=False
    (two-way fixed effects as the papers run it) keeps the last two kinds of rows, and
    keep_always_treated the units treated throughout.

    Raises ValueError naming the culprit for: absent columns (with the nearest names), duplicated
    unit-times, times or cohorts that are no whole numbers or text, a cohort that changes within a unit, a
    treatment that switches off or contradicts the cohort, a unit in two clusters, fewer than two
    clusters, an outcome that is constant or infinite, no treated or no control units, and controls
    whose missing values empty a cohort or the control group.
    """
    if gaps not in GAPS:
        raise ValueError(f"gaps {gaps!r}; allowed: {', '.join(GAPS)}")
    if anticipation < 0:
        raise ValueError(f"anticipation {anticipation}; allowed: 0 or more periods")
    wanted = [outcome, unit, time, cohort, *controls]
    if len(set(wanted)) < len(wanted):
        raise ValueError(f"outcome, unit, time, cohort and controls name a column twice: {wanted}")
    data, labels = _coded(frame, outcome, unit, time, cohort, controls, cluster, treatment)
    columns = [f"x{i + 1}" for i in range(len(controls))]
    n_offered = len(data)
    offered = _cohorts(data)
    dropped: list[tuple[str, int]] = []
    notes: list[str] = []

    def leave(leaving: pd.Series, reason: str) -> None:
        nonlocal data
        n_rows = int(leaving.sum())
        if n_rows:
            dropped.append((reason, n_rows))
            data = data[~leaving]

    names = {"y": f"outcome {outcome}", "cluster": f"cluster {cluster}"}
    names |= {column: f"control {name}" for column, name in zip(columns, controls, strict=True)}
    for column in ["y", *columns, "cluster"]:
        before = _cohorts(data)
        leave(data[column].isna(), f"{names[column]} missing")
        n_times = int(data["time"].nunique())
        if gaps == "drop":
            # Once per variable, so that the reason names the one that emptied a cohort.
            short = data.groupby("unit")["time"].transform("size") < n_times
            n_units = int(data.loc[short, "unit"].nunique())
            leave(short, f"{n_units} unit(s) with a gap in {names[column]}")
        lost = sorted(before - _cohorts(data))
        if lost and (column in columns or column == "cluster"):
            raise ValueError(
                f"{names[column]} is missing so often that nothing is left of {_group_names(lost)}; "
                f"leave {names[column].split(' ', 1)[1]!r} out, fill it or keep units with gaps"
            )
        if lost:
            notes.append(f"no complete unit of {_group_names(lost)}")
    if data.empty:
        raise ValueError(f"no complete row is left ({'; '.join(reason for reason, _ in dropped)})")
    first, last = int(data["time"].min()), int(data["time"].max())
    if gaps == "keep":
        n_gap = int((data.groupby("unit").size() < n_times).sum())
        if n_gap:
            notes.append(f"{n_gap} unit(s) with a gap kept")
    ever = data["cohort"] > 0
    if not keep_always_treated:
        always = ever & (data["cohort"] <= first + anticipation)
        n_units = int(data.loc[always, "unit"].nunique())
        leave(always, f"{n_units} unit(s) treated from the first period on")
    if needs_controls:
        soon = data["cohort"].between(last + 1, last + anticipation)
        n_units = int(data.loc[soon, "unit"].nunique())
        leave(soon, f"{n_units} unit(s) first treated within the anticipation after the window")
    data = data.assign(cohort=data["cohort"].where(data["cohort"] <= last, 0))
    treated = sorted(set(data["cohort"]) - {0})
    if not treated:
        raise ValueError(f"no unit is first treated between {first + 1 + anticipation} and {last}")
    if needs_controls and not data["cohort"].eq(0).any():
        if len(treated) == 1:
            raise ValueError(f"every unit is treated from {treated[0]} on; no unit is a control")
        end = treated[-1] - anticipation
        leave(data["time"] >= end, f"years from {end} on: no unit is untreated then")
        soon = data["cohort"].between(end, treated[-1] - 1)
        leave(soon, "first treated within the anticipation after the last identified year")
        data = data.assign(cohort=data["cohort"].where(data["cohort"] < treated[-1], 0))
        notes.append(
            f"no never-treated unit: effects from {end} on are not identified; "
            f"the control group is the cohort of {treated[-1]} before its treatment"
        )
        if not set(data["cohort"]) - {0}:
            raise ValueError(
                f"no never-treated unit and no cohort is treated before {end}, "
                f"when the cohort of {treated[-1]} stops being a control"
            )
    absent = sorted(set(range(int(data["time"].min()), int(data["time"].max()) + 1)) - set(data["time"]))
    if absent:
        notes.append(f"no unit has {', '.join(map(str, absent))}: left out")
        notes += [
            f"no row has {g}, the first year of its cohort: seen treated from {seen} on"
            for g in sorted(_cohorts(data) & set(absent))
            for seen in [min(t for t in data["time"] if t > g)]
        ]
    _check_outcome(data, outcome, cluster)
    kept = _independent(data, columns)
    notes += [f"collinear control dropped: {name}" for i, name in enumerate(controls) if i not in kept]
    by_unit = bool((data.groupby("cluster")["unit"].nunique() == 1).all())
    sizes = data.drop_duplicates("unit")["cohort"].value_counts()
    if needs_controls:
        notes += _lone_notes(data)
    n_never = int(sizes.get(0, 0))
    if needs_controls and n_never < FEW_UNITS:
        notes.append(
            f"{n_never} unit(s) untreated throughout: late effects and every standard error rest on them"
        )
    used = {columns[i]: f"x{position + 1}" for position, i in enumerate(kept)}
    final = data[["unit", "time", "cohort", "y", "cluster", *used]].rename(columns=used)
    return Sample(
        data=final.reset_index(drop=True),
        units=labels,
        controls=tuple(controls[i] for i in kept),
        is_clustered_by_unit=by_unit,
        dropped=tuple(dropped),
        notes=tuple(notes),
        n_offered=n_offered,
        n_cohorts_offered=len(offered - {0}),
    )


def _coded(
    frame: pd.DataFrame,
    outcome: str,
    unit: str,
    time: str,
    cohort: str,
    controls: Sequence[str],
    cluster: str | None,
    treatment: str | None,
) -> tuple[pd.DataFrame, tuple[object, ...]]:
    """Numbers and integer codes in place of names and labels, sorted, and checked row by row."""
    measured = check_frame(
        frame, unit=unit, time=time, numbers=[outcome, *controls, *([treatment] if treatment else [])],
        labels=[cohort, *([cluster] if cluster else [])], complete=False,
    )  # fmt: skip
    codes, labels = _codes(frame[unit])
    data = pd.DataFrame({"unit": codes, "time": _whole(frame[time], time)})
    require_no_text(frame[cohort], cohort)
    first = pd.to_numeric(frame[cohort], errors="coerce").astype(float)
    unreadable = first.isna() & frame[cohort].notna()
    if unreadable.any():
        raise ValueError(
            f"cohort {cohort!r} holds {frame.loc[unreadable, cohort].tolist()[0]!r}; years or missing"
        )
    data["cohort"] = _whole(first.replace([np.inf, -np.inf], np.nan).fillna(0), cohort)
    if (data["cohort"] < 0).any():
        raise ValueError(f"cohort {cohort!r} is negative; allowed: a year, or missing for never treated")
    if (data["cohort"] == 0).all():
        raise ValueError(f"cohort {cohort!r} is missing on every row: no unit is treated")
    changing = data.groupby("unit")["cohort"].nunique() > 1
    if changing.any():
        label = labels[int(changing.to_numpy().argmax())]
        raise ValueError(f"cohort {cohort!r} changes within unit {label!r}; one first treated year each")
    for column, name in [("y", outcome), *((f"x{i + 1}", name) for i, name in enumerate(controls))]:
        data[column] = measured[name]
    if cluster is None or cluster == unit:
        data["cluster"] = data["unit"].astype(float)
    else:
        data["cluster"] = _codes(frame[cluster])[0].astype(float)
        data.loc[frame[cluster].isna().to_numpy(), "cluster"] = np.nan
        several = data.groupby("unit")["cluster"].nunique() > 1
        if several.any():
            raise ValueError(
                f"unit {labels[int(several.to_numpy().argmax())]!r} lies in two clusters of {cluster!r}"
            )
    if treatment is not None:
        _check_treatment(data.assign(d=measured[treatment]), treatment, labels)
    return data.sort_values(["unit", "time"], ignore_index=True), labels


def _check_treatment(data: pd.DataFrame, treatment: str, labels: Sequence[object]) -> None:
    if not data["d"].dropna().isin([0.0, 1.0]).all():
        raise ValueError(f"treatment {treatment!r} holds values other than 0 and 1")
    data = data.dropna(subset="d").sort_values(["unit", "time"])
    ends = data[data.groupby("unit")["d"].diff() < 0]
    if len(ends):
        row = ends.iloc[0]
        raise ValueError(
            f"unit {labels[int(row['unit'])]!r}: {treatment!r} switches off in {int(row['time'])}; "
            "treatment must be permanent"
        )
    wrong = data[data["d"] != (data["cohort"].gt(0) & data["time"].ge(data["cohort"]))]
    if len(wrong):
        row = wrong.iloc[0]
        raise ValueError(
            f"unit {labels[int(row['unit'])]!r}: {treatment!r} is {int(row['d'])} in {int(row['time'])}, "
            f"against its first treated year {int(row['cohort']) or 'never'}"
        )


def _check_outcome(data: pd.DataFrame, outcome: str, cluster: str | None) -> None:
    if data["y"].nunique() < 2:
        raise ValueError(f"outcome {outcome!r} is constant")
    if data["cluster"].nunique() < 2:
        raise ValueError(f"one cluster of {cluster or 'unit'!r}; at least two needed")
    if data["time"].nunique() < 2:
        raise ValueError("one period only; at least two needed")


def _independent(data: pd.DataFrame, columns: Sequence[str]) -> list[int]:
    """Positions of the columns that are neither constant nor a linear function of those before them."""
    kept: list[int] = []
    basis = np.ones((len(data), 1)) / np.sqrt(len(data))
    for i, column in enumerate(columns):
        x = data[column].to_numpy()
        rest = x - basis @ (basis.T @ x)
        rest -= basis @ (basis.T @ rest)
        # Against its own size: rounding of a collinear column leaves 1e-16 of it.
        if np.linalg.norm(rest) > 1e-9 * max(float(np.linalg.norm(x)), 1e-300):
            kept.append(i)
            basis = np.column_stack([basis, rest / np.linalg.norm(rest)])
    return kept


def _codes(labels: pd.Series) -> tuple[np.ndarray, tuple[object, ...]]:
    """Integer codes in the order of the labels, whatever the order of the rows."""
    values = labels.tolist()
    distinct = sorted(set(labels.dropna().tolist()), key=lambda label: (str(type(label)), label))
    index = {label: code for code, label in enumerate(distinct)}
    return np.array([index.get(value, -1) for value in values]), tuple(distinct)


def _whole(values: pd.Series, name: str) -> np.ndarray:
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=float)
    if not np.equal(numbers, np.round(numbers)).all():
        raise ValueError(f"column {name!r} must hold whole years")
    return numbers.astype(np.int64)


def _lone_notes(data: pd.DataFrame) -> list[str]:
    """Which cohorts lie in one cluster, and what follows."""
    treated = (
        data[data["cohort"] > 0].drop_duplicates("unit").groupby("cohort")[["unit", "cluster"]].nunique()
    )
    lone = treated[treated["cluster"] == 1]
    kinds = {"unit": lone[lone["unit"] == 1].index, "cluster": lone[lone["unit"] > 1].index}
    return [
        f"one {kind} only in the cohort(s) of {', '.join(map(str, years))}: shown without a standard error,"
        " and in no average of others"
        for kind, years in kinds.items()
        if len(years)
    ]


def _power_of_two(values: pd.Series) -> float:
    """The power of two nearest to the spread, so that dividing by it loses no bit."""
    spread = float(values.std(ddof=0))
    return 2.0 ** round(math.log2(spread)) if spread > 0 and math.isfinite(spread) else 1.0


def _cohorts(data: pd.DataFrame) -> set[int]:
    return {int(g) for g in data["cohort"].unique()}


def _group_names(cohorts: Sequence[int]) -> str:
    return ", ".join("the never treated" if g == 0 else f"the cohort of {g}" for g in cohorts)
