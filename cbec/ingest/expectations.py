"""Import validation with Great Expectations: what a recognised file must satisfy before it lands.

flags() computes, in plain pandas, what the field asks of each cell; the expectations state it, one suite a
kind of publication; Validator runs the suite and writes the data docs. Great Expectations takes seconds to
import, so this module is imported only when a file is judged.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")

import great_expectations as gx
import great_expectations.expectations as gxe
import numpy as np
import pandas as pd
from great_expectations.data_context.types.base import ProgressBarsConfig

from cbec.ingest.data_docs import Judged, close_pages
from cbec.ingest.extract import Cell
from cbec.ingest.landing import SCOPES
from cbec.ingest.problems import Problem
from cbec.ingest.registry import Registry

# A series that multiplies by this from one year to the next and back was printed in two units.
SLIP = 50.0
# Two editions of one table agree within this factor; beyond it one of them is in another unit.
EDITION_FACTOR = 5.0
# Parts may miss their total by rounding, or by this share where a publication revised one of them.
PARTS_SHARE = 0.01
# More than this share of exactly straight triples in one year of a column is not chance.
STRAIGHT_SHARE = 0.3
N_SHOWN = 5
MAX_LABEL = 60
SERIES = ["region_level", "scope", "indicator_id", "region_code"]


class ExpectKeysToBeUnique(gxe.ExpectColumnValuesToBeUnique):
    """One figure for each region, year and indicator."""

    description: str = "One figure for each region, year and indicator."


class ExpectFiguresNotToBeNegative(gxe.ExpectColumnValuesToBeInSet):
    """Money, people, area and emissions are not negative; growth may be."""

    description: str = "No figure is below the least possible value of its indicator."


class ExpectFiguresToBePossible(gxe.ExpectColumnValuesToBeInSet):
    """Within the bounds of registry.indicator_bound."""

    description: str = (
        "No figure is beyond the greatest possible value of its indicator: that is another unit."
    )


class ExpectPartsToSumToTotal(gxe.ExpectColumnValuesToBeInSet):
    """Sectors add up to GDP, kinds of patents to all patents."""

    description: str = "The parts of a total (registry.indicator_part) add up to it."


class ExpectNoUnitSlip(gxe.ExpectColumnValuesToBeInSet):
    """No figure is a power of ten away from the years before and after it."""

    description: str = f"No figure is {SLIP:.0f} times its neighbours in the same series."


class ExpectNamesToBeKnownInTheYear(gxe.ExpectColumnValuesToBeInSet):
    """The region exists in the year of the figure."""

    description: str = "Each region is on the code list of the year, or was until its last weeks."


class ExpectMagnitudeOfTheEditionBefore(gxe.ExpectColumnValuesToBeInSet):
    """The indicator has the magnitude of the figures already known."""

    description: str = f"The median ratio to figures that ship is within {EDITION_FACTOR:.0f}."


class ExpectMagnitudeOfOtherImports(gxe.ExpectColumnValuesToBeInSet):
    """The indicator has the magnitude of what other imports hold; nobody knows which of two is in the unit
    that it says, so that one import keeps no other out."""

    description: str = f"The median ratio to figures of other imports is within {EDITION_FACTOR:.0f}."


class ExpectCoverageNotToShrink(gxe.ExpectColumnValuesToBeInSet):
    """A newer version has at least the cells of the one before."""

    description: str = "Cells that the version before had are still there."


class ExpectSeriesNotToBeInterpolated(gxe.ExpectColumnValuesToBeInSet):
    """Columns of one year in which many series run exactly straight were filled."""

    description: str = f"Fewer than {STRAIGHT_SHARE:.0%} of the series run exactly straight through one year."


@dataclass(frozen=True)
class Rule:
    """One expectation on a flag column. shares: by kind of publication, the share that must hold for the
    file to come in; a kind that is not named takes the share of ''. Severity warning never keeps it out."""

    flag: str
    expectation: type[Any]
    kind: str
    message: str
    severity: str = "critical"
    shares: tuple[tuple[str, float], ...] = (("", 1.0),)
    suspect: str = ""

    def share(self, kind: str) -> float:
        held = dict(self.shares)
        return held.get(kind, held[""])


RULES = (
    Rule("not_negative", ExpectFiguresNotToBeNegative, "value", "is below the least possible value",
         shares=(("", 1.0), ("print", 0.9)), suspect="out_of_range"),
    Rule("possible", ExpectFiguresToBePossible, "value",
         "is beyond the greatest possible value; check the unit",
         shares=(("", 1.0), ("vendor", 0.995), ("print", 0.9)), suspect="out_of_range"),
    Rule("no_slip", ExpectNoUnitSlip, "value", "is far from the years beside it, as after a slip of the unit",
         shares=(("", 1.0), ("vendor", 0.99), ("inventory", 0.98), ("gridded", 0.98), ("print", 0.98)),
         suspect="unit_slip"),
    Rule("parts_sum", ExpectPartsToSumToTotal, "value", "is a total that its parts do not add up to",
         shares=(("", 0.98), ("vendor", 0.9), ("print", 0.9)), suspect="parts_sum"),
    Rule("known_in_year", ExpectNamesToBeKnownInTheYear, "region",
         "names a region that does not exist in that year"),
    Rule("magnitude", ExpectMagnitudeOfTheEditionBefore, "unit",
         "has another magnitude than the figures that ship", shares=(("", 1.0), ("print", 0.0))),
    Rule("magnitude_imported", ExpectMagnitudeOfOtherImports, "unit",
         "has another magnitude than a file imported before; one of the two is not in the unit that it says,"
         " and `cbec import --remove` takes it out", "warning"),
    Rule("coverage", ExpectCoverageNotToShrink, "key",
         "lacks figures that the version before had", "warning"),
    Rule("not_straight", ExpectSeriesNotToBeInterpolated, "value",
         "stands in a year in which many series of the column run exactly straight", "warning"),
)  # fmt: skip


def left_out_as(rule: Rule, indicator: str) -> str:
    """What a mapping file calls the cells that break a rule."""
    return f"{indicator} {rule.message}"


def broken(frame: pd.DataFrame, leaves_out: Collection[str]) -> pd.Series:
    """True for cells that break a rule and that a mapping file leaves out."""
    out = pd.Series(False, index=frame.index)
    for rule in RULES:
        if rule.severity == "critical":
            names = frame["indicator_id"].map(lambda i, rule=rule: left_out_as(rule, i) in leaves_out)
            out |= ~frame[rule.flag] & names
    return out


def to_frame(cells: tuple[Cell, ...], registry: Registry, file: str = "") -> pd.DataFrame:
    """Cells with their value in the unit of the indicator (float; NaN when missing), one row a cell."""
    shifts: dict[tuple[str, str], float] = {}
    for cell in cells:
        pair = (cell.indicator_id, cell.unit_printed)
        if pair not in shifts:
            own = registry.unit_of(cell.indicator_id)
            shifts[pair] = 10.0 ** (registry.units[cell.unit_printed].scale - own.scale) if own else 1.0
    return pd.DataFrame(
        {
            "file": file,
            "region_level": [c.region_level for c in cells],
            "region_code": [c.region_code for c in cells],
            "year": np.array([c.year for c in cells], dtype="int64"),
            "indicator_id": [c.indicator_id for c in cells],
            "value": np.array(
                [
                    np.nan if c.value is None else float(c.value) * shifts[c.indicator_id, c.unit_printed]
                    for c in cells
                ],
                dtype="float64",
            ),
            "value_printed": [c.value_printed for c in cells],
            "obs_status_all": [c.obs_status_all for c in cells],
            "obs_comment": [c.obs_comment or "" for c in cells],
            "place": [c.source_locator for c in cells],
            "scope": [c.scope or SCOPES[c.region_level] for c in cells],
        }
    )


def flags(
    frame: pd.DataFrame, registry: Registry, existing: pd.DataFrame, previous: pd.DataFrame
) -> pd.DataFrame:
    """The frame with one boolean column a rule; True where the rule holds or does not apply.

    existing: figures already known (region_level, region_code, year, indicator_id, value, is_imported), of
    any vintage. previous: those of the version that this file follows, empty when there is none.
    """
    out = frame.copy()
    keys = ["region_level", "region_code", "year", "indicator_id"]
    out["key"] = (
        out["region_level"]
        + " "
        + out["region_code"]
        + " "
        + out["year"].astype(str)
        + " "
        + out["indicator_id"]
        + " "
        + out["scope"]
        + " "
        + out["file"]
    )
    pairs = pd.MultiIndex.from_arrays([out["indicator_id"], out["region_level"]])
    unbounded = (-np.inf, np.inf)
    bounds = {pair: _bound(str(pair[0]), str(pair[1]), registry) for pair in set(pairs)}
    low = np.array([bounds.get(pair, unbounded)[0] for pair in pairs])
    high = np.array([bounds.get(pair, unbounded)[1] for pair in pairs])
    value = out["value"].to_numpy()
    missing = np.isnan(value)
    out["not_negative"] = missing | (value >= low)
    out["possible"] = missing | (value <= high)
    out["no_slip"] = _no_slip(out)
    out["parts_sum"] = _parts_sum(out, registry)
    out["known_in_year"] = _known_in_year(out, registry)
    is_imported = existing["is_imported"].astype(bool)
    out["magnitude"] = _magnitude(out, existing[~is_imported], keys)
    out["magnitude_imported"] = _magnitude(out, existing[is_imported], keys)
    out["absent"] = _absent(out, previous, keys)
    out["coverage"] = out["absent"] == ""
    out["not_straight"] = _not_straight(out)
    return out


def _bound(indicator: str, level: str, registry: Registry) -> tuple[float, float]:
    """A county-level city has at most what a prefecture can have; a column that nobody has named is not
    negative unless its words speak of growth or profit."""
    level = "prefecture" if level == "county" else level
    return registry.bounds.get((indicator, level), _default_bound(indicator, registry))


def _default_bound(indicator: str, registry: Registry) -> tuple[float, float]:
    """Without a bound of its own a figure is at least not negative, unless it is a log."""
    unit = registry.unit_of(indicator)
    if unit is None and "_unstated" in indicator:
        # Of figures without a unit nothing is known: a log, an index or a balance may be negative.
        return (-np.inf, np.inf)
    may_fall = (
        unit.dimension == "log" if unit else bool(re.search("增长|增速|增加|利润|盈|差额|变化", indicator))
    )
    return (-np.inf, np.inf) if may_fall else (0.0, np.inf)


def _series(out: pd.DataFrame) -> pd.DataFrame:
    return out.loc[out["value"].notna(), [*SERIES, "year", "value"]].sort_values([*SERIES, "year"])


def _neighbours(out: pd.DataFrame) -> pd.DataFrame:
    """Each figure with those of the year before and the year after, where both stand in the same series."""
    ordered = _series(out)
    groups = ordered.groupby(SERIES, sort=False, observed=True)
    for name, step in (("before", 1), ("after", -1)):
        ordered[name] = groups["value"].shift(step)
        ordered.loc[(groups["year"].shift(step) - ordered["year"]).abs() != 1, name] = np.nan
    return ordered.dropna(subset=["before", "after"])


def _no_slip(out: pd.DataFrame) -> pd.Series:
    near = _neighbours(out)
    near = near[(near["before"] > 0) & (near["after"] > 0) & (near["value"] > 0)]
    up = (near["value"] / near["before"] > SLIP) & (near["value"] / near["after"] > SLIP)
    down = (near["before"] / near["value"] > SLIP) & (near["after"] / near["value"] > SLIP)
    holds = pd.Series(True, index=out.index)
    holds.loc[near.index[up | down]] = False
    return holds


def _parts_sum(out: pd.DataFrame, registry: Registry) -> pd.Series:
    holds = pd.Series(True, index=out.index)
    place = ["region_level", "region_code", "year", "scope"]
    for total, parts in registry.parts.items():
        present = out[out["indicator_id"].isin([total, *parts]) & out["value"].notna()]
        if present["indicator_id"].nunique() != len(parts) + 1:
            continue
        wide = present.pivot_table(
            index=place, columns="indicator_id", values="value", aggfunc="first"
        ).dropna()
        gap = (wide[list(parts)].sum(axis=1) - wide[total]).abs()
        bad = wide.index[gap > (PARTS_SHARE * wide[total].abs()).clip(lower=0.05)]
        rows = out[out["indicator_id"] == total]
        where = pd.MultiIndex.from_frame(rows[place]).isin(bad)
        holds.loc[rows.index[where]] = False
    return holds


def _known_in_year(out: pd.DataFrame, registry: Registry) -> pd.Series:
    spans: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for row in registry.regions:
        span = (int(row["valid_from_year"] or 0), int(row["valid_to_year"] or 9999))
        spans.setdefault((row["region_level"], row["region_code"]), []).append(span)
    seen = out[["region_level", "region_code", "year"]].drop_duplicates()
    known = {
        (level, code, year)
        for level, code, year in seen.itertuples(index=False)
        if any(a <= year <= b for a, b in spans.get((level, code), ()))
    }
    index = pd.MultiIndex.from_frame(out[["region_level", "region_code", "year"]])
    # A county-level city is known by the province and the name under which the registry lists it.
    county = out["region_level"] == "county"
    last_weeks = out["obs_comment"].str.contains("abolished in the last weeks", regex=False)
    return pd.Series(index.isin(list(known)) if known else False, index=out.index) | last_weeks | county


def _magnitude(out: pd.DataFrame, existing: pd.DataFrame, keys: list[str]) -> pd.Series:
    holds = pd.Series(True, index=out.index)
    if existing.empty:
        return holds
    both = out.loc[(out["value"] > 0) & _whole(out), [*keys, "value"]].merge(
        existing, on=keys, suffixes=("", "_existing")
    )
    both = both[both["value_existing"] > 0]
    both["ratio"] = both["value"] / both["value_existing"]
    for (level, indicator), group in both.groupby(["region_level", "indicator_id"], observed=True):
        ratio = group["ratio"].median()
        if len(group) >= 3 and not 1 / EDITION_FACTOR <= ratio <= EDITION_FACTOR:
            holds.loc[(out["region_level"] == level) & (out["indicator_id"] == indicator) & _whole(out)] = (
                False
            )
    return holds


def _whole(out: pd.DataFrame) -> pd.Series:
    """Rows of whole regions: only these are compared with figures known before."""
    return out["scope"].isin(["whole_prefecture", "province"])


def _absent(out: pd.DataFrame, previous: pd.DataFrame, keys: list[str]) -> pd.Series:
    """For each cell of an indicator that lost figures: how many, and the first regions and years."""
    if previous.empty:
        return pd.Series("", index=out.index)
    now = set(out.loc[out["value"].notna() & _whole(out), keys].itertuples(index=False, name=None))
    indicators = set(out["indicator_id"])
    lost: dict[str, list[str]] = {}
    for key in sorted(previous.loc[previous["value"].notna(), keys].itertuples(index=False, name=None)):
        _, region, year, indicator = key
        if indicator in indicators and key not in now:
            lost.setdefault(indicator, []).append(f"{region} {year}")
    words = {
        indicator: f"{len(cells)} absent: {', '.join(cells[:N_SHOWN])}{', ...' * (len(cells) > N_SHOWN)}"
        for indicator, cells in lost.items()
    }
    return out["indicator_id"].map(words).fillna("").astype(str)


def _not_straight(out: pd.DataFrame) -> pd.Series:
    holds = pd.Series(True, index=out.index)
    near = _neighbours(out)
    if near.empty:
        return holds
    moved = (near["after"] - near["before"]).abs() > 0
    bend = (near["after"] - 2 * near["value"] + near["before"]).abs()
    near["straight"] = moved & (bend <= 1e-9 * near["value"].abs().clip(lower=1e-9))
    share = near.groupby(["region_level", "indicator_id", "year"], observed=True)["straight"].agg(
        ["mean", "size"]
    )
    bad = share.index[(share["mean"] > STRAIGHT_SHARE) & (share["size"] >= 30)]
    where = pd.MultiIndex.from_frame(out[["region_level", "indicator_id", "year"]]).isin(bad)
    holds.loc[where] = False
    return holds


class Validator:
    """One Great Expectations context for a run: a suite a kind, a validation a file, one set of data docs."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._context = gx.get_context(mode="ephemeral")
        self._context.variables.progress_bars = ProgressBarsConfig(globally=False)
        source = self._context.data_sources.add_pandas("imported files")
        self._source = source
        self._suites: dict[str, Any] = {}
        self._judged: list[Judged] = []

    def _suite(self, kind: str) -> Any:
        if kind not in self._suites:
            suite = self._context.suites.add(gx.ExpectationSuite(name=f"{kind} file"))
            suite.add_expectation(ExpectKeysToBeUnique(column="key", severity="critical"))
            suite.add_expectation(
                gxe.ExpectColumnValuesToBeBetween(
                    column="year", min_value=1900, max_value=2100, severity="critical"
                )
            )
            suite.add_expectation(
                gxe.ExpectColumnValuesToMatchRegex(
                    column="region_code", regex=r"^\d{6}(_.+)?$", severity="critical"
                )
            )
            for rule in RULES:
                suite.add_expectation(
                    rule.expectation(
                        column=rule.flag, value_set=[True], mostly=rule.share(kind), severity=rule.severity
                    )
                )
            self._suites[kind] = suite
        return self._suites[kind]

    def judge(self, label: str, kind: str, frame: pd.DataFrame) -> dict[str, list[Problem]]:
        """Run the suite of a kind on a flagged frame of one file, or of the files of one edition.

        Problems by file. An error is a failed expectation of severity critical, or a file of several that
        fails a rule in more of its own cells than it may; fewer are a warning.
        """
        number = len(self._judged) + 1
        # The name becomes a path of the data docs, which may have 255 bytes.
        name = f"{number} {label}".replace("/", " : ").replace("\\", " ")[:MAX_LABEL]
        asset = self._source.add_dataframe_asset(name)
        batch = asset.add_batch_definition_whole_dataframe("whole file")
        definition = self._context.validation_definitions.add(
            gx.ValidationDefinition(name=name, data=batch, suite=self._suite(kind))
        )
        shown = [c for c in frame.columns if c not in ("obs_comment", "value_printed")]
        result = definition.run(
            batch_parameters={"dataframe": frame[shown]}, result_format={"result_format": "SUMMARY"}
        )
        failed = {
            (r.expectation_config.type, r.expectation_config.kwargs.get("column")): str(
                r.expectation_config.severity
            )
            for r in result.results
            if not r.success
        }
        self._judged.append(Judged(number, label, kind, len(result.results), len(failed)))
        problems: dict[str, list[Problem]] = {file: [] for file in frame["file"].unique()}
        ruled = {rule.flag for rule in RULES}
        for (expectation, column), severity in failed.items():
            if column not in ruled and "critical" in severity.lower():
                for file, found in problems.items():
                    found.append(Problem(file, "", "expectation", str(column), f"fails {expectation}"))
        failing = {column for _, column in failed}
        n_rows = frame["file"].value_counts()
        for rule in RULES:
            bad = frame[~frame[rule.flag]]
            for of, own in bad.groupby("file", observed=True):
                file = str(of)
                holds = 1 - len(own) / n_rows[file] >= rule.share(kind)
                is_error = not holds or (rule.flag in failing and len(problems) == 1)
                is_warning = rule.severity != "critical" or not is_error
                for indicator, rows in own.groupby("indicator_id", observed=True):
                    first = rows.iloc[0]
                    more = (
                        f" ({len(rows)} cells of {indicator} in all)" if len(rows) > 1 else f" ({indicator})"
                    )
                    places = ", ".join(rows["place"].head(N_SHOWN))
                    printed = str(first["value_printed"])
                    if rule.flag == "coverage":
                        # What is absent has no place and no value in the file; its region and year say where.
                        more, places, printed = f" ({indicator})", "", str(first["absent"])
                    problems[file].append(
                        Problem(file, places, rule.kind if not is_warning else "expectation",
                                printed, rule.message + more, is_warning=is_warning,
                                answer=("", "", "") if is_warning else
                                ("leave_out", left_out_as(rule, str(indicator)), "true"))
                    )  # fmt: skip
        return problems

    def write_docs(self, folder: Path) -> Path:
        """Write the data docs of every file judged; the page a person opens. Raises OSError when not all of
        them were written, which Great Expectations only logs, with a trace, to the terminal."""
        site = {
            "class_name": "SiteBuilder",
            "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder)},
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        }
        self._context.add_data_docs_site(site_name="import", site_config=site)
        faults = _Faults()
        logger = logging.getLogger("great_expectations")
        logger.addHandler(faults)
        was, logger.propagate = logger.propagate, False
        try:
            self._context.build_data_docs(site_names=["import"])
        finally:
            logger.propagate = was
            logger.removeHandler(faults)
        if faults.reported:
            raise OSError(f"the data docs are not whole: {faults.reported[0]}")
        return close_pages(folder, self._judged)


class _Faults(logging.Handler):
    """Keeps what is logged as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.reported: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.reported.append(record.getMessage().split("Traceback")[0][:300])


def suspects(frame: pd.DataFrame) -> dict[tuple[str, str], str]:
    """(file, place) of each cell that a rule flags, with the suspect codes."""
    found: dict[tuple[str, str], str] = {}
    for rule in RULES:
        if rule.suspect:
            bad = frame.loc[~frame[rule.flag], ["file", "place"]]
            for file, place in zip(bad["file"], bad["place"], strict=True):
                key = (str(file), str(place))
                found[key] = ";".join(dict.fromkeys(filter(None, (found.get(key, ""), rule.suspect))))
    return found
