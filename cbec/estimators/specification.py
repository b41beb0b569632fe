"""A regression column as data: one row of seeds/studies/specification.csv."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from cbec.estimators.frame import check_columns

LEAST_SQUARES = ("pooled", "twfe", "random_effects", "unit_slopes")
# An outcome that ends at a limit; see cbec.estimators.limited and cbec.studies.second_stage.
LIMITED = ("tobit", "simar_wilson")
# The estimators for staggered adoption; see cbec.estimators.staggered.fit.
STAGGERED = (
    "twfe_event_study",
    "callaway_santanna",
    "sun_abraham",
    "imputation",
    "two_stage",
    "stacked",
    "lp_did",
    "extended_twfe",
    "de_chaisemartin_dhaultfoeuille",
    "synthetic_did",
)
ESTIMATORS = (*LEAST_SQUARES, *LIMITED, *STAGGERED)
# Options of an estimator that is not least squares, as in `method=dr;anticipation=1`; lists are joined by -.
OPTIONS: dict[str, type] = {
    "control_group": str,
    "method": str,
    "gaps": str,
    "weights": str,
    "leads": str,
    "base_period": str,
    "anticipation": int,
    "first_event": int,
    "last_event": int,
    "base": int,
    "base_calendar_year": int,
    "limit": int,
    "inputs": str,
    "goods": str,
    "bads": str,
    "orientation": str,
    "rts": str,
    "first_draws": int,
    "draws": int,
    "seed": int,
}
# Options that name columns: what a frontier is made of.
COLUMN_OPTIONS = ("inputs", "goods", "bads")
LAG = re.compile(r"L([1-9])\.(.+)")
SUBGROUP = re.compile(r"(\w+?)(!=|=|>|<=)(-?[\w.]+)")
MEDIANS = ("median", "median_by_year", "median_pooled")
VCOV = re.compile(r"iid|HC1|CRV1:\w+(\+\w+)?|conley:[0-9]+")
QUANTILE_RULES = {"": "linear", "type7": "linear", "stata": "averaged_inverted_cdf"}


@dataclass(frozen=True)
class Winsor:
    """Pull values beyond two quantiles to them. rule: type7 (R's and numpy's default) or stata (winsor2)."""

    lower: float
    upper: float
    rule: str

    @classmethod
    def read(cls, text: str) -> Winsor:
        """Read `0.01:0.99` or `0.01:0.99:stata`. Raises ValueError for anything else."""
        parts = text.split(":")
        try:
            lower, upper = float(parts[0]), float(parts[1])
            rule = QUANTILE_RULES[parts[2] if len(parts) > 2 else ""]
        except (ValueError, IndexError, KeyError):
            raise ValueError(
                f"winsor {text!r}; allowed: lower:upper, or lower:upper:rule with type7 or stata"
            ) from None
        if not 0 <= lower < upper <= 1:
            raise ValueError(f"winsor {text!r}; quantiles must lie between 0 and 1, the lower one first")
        return cls(lower, upper, rule)


@dataclass(frozen=True)
class Subgroup:
    """Which rows: a column against a value, or against a median.

    value `median`: units by their mean before anyone is treated, so that groups are fixed and no unit moves
    because of the policy; `median_by_year` and `median_pooled`: rows, as the papers split them.
    """

    column: str
    relation: str
    value: str

    def __str__(self) -> str:
        """As the seed writes it."""
        return f"{self.column}{self.relation}{self.value}"

    @classmethod
    def read(cls, text: str) -> Subgroup:
        """Read `region3=east`, `unit_level!=municipality` or `gdp_per_capita_log>median`."""
        match = SUBGROUP.fullmatch(text)
        if not match or (match[2] in (">", "<=")) != (match[3] in MEDIANS):
            raise ValueError(
                f"subgroup {text!r}; allowed: column=value, column!=value, column>median or column<=median"
                " (median, median_by_year, median_pooled)"
            )
        return cls(match[1], match[2], match[3])


@dataclass(frozen=True)
class Specification:
    """One regression column.

    outcome, treatment, controls and mediator name columns of the panel or of the treatment rule, lags as
    `L1.column`; fixed_effects are absorbed, `a^b` is an interaction; vcov is "iid", "HC1",
    "CRV1:<cluster column>", "CRV1:<column>+<column>" (two-way) or "conley:<kilometres>".
    """

    study_id: str
    table_no: str
    column_no: int
    estimator: str
    outcome: str
    treatment: str
    treatment_rule: str | None
    controls: tuple[str, ...]
    fixed_effects: tuple[str, ...]
    vcov: str
    sample: str
    winsor: Winsor | None = None
    subgroup: Subgroup | None = None
    mediator: str | None = None
    note: str | None = None
    options: tuple[tuple[str, str | int], ...] = ()

    @property
    def is_staggered(self) -> bool:
        return self.estimator in STAGGERED

    @property
    def label(self) -> str:
        return f"{self.study_id} {self.table_no}({self.column_no})"

    @property
    def variables(self) -> tuple[str, ...]:
        """Regressand and regressors as they are named in the equation."""
        mediator = (self.mediator,) if self.mediator else ()
        return (self.outcome, self.treatment, *mediator, *self.controls)

    @property
    def regressors(self) -> tuple[str, ...]:
        return self.variables[1:]

    @property
    def clusters(self) -> tuple[str, ...]:
        return tuple(self.vcov.split(":", 1)[1].split("+")) if self.vcov.startswith("CRV1:") else ()

    @property
    def cluster(self) -> str | None:
        """The one cluster column, None without or with two."""
        return self.clusters[0] if len(self.clusters) == 1 else None

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column of the data that is read, lags under the name of what they lag."""
        effects = [part for effect in self.fixed_effects for part in effect.split("^")]
        group = [self.subgroup.column] if self.subgroup else []
        lists = [str(value).split("-") for name, value in self.options if name in COLUMN_OPTIONS]
        behind = [name for names in lists for name in names]
        names = [*(source(name)[0] for name in self.variables), *effects, *self.clusters, *group, *behind]
        return tuple(dict.fromkeys(names))

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Specification:
        """Read one row of the seed.

        Raises ValueError, naming the row and what is allowed, when a field asks for something that no
        estimator here does (so that it is never silently ignored).
        """
        text = {k: _text(v) for k, v in row.items()}
        where = f"specification {text['study_id']} {text['table_no']}({text['column_no']})"
        estimator, behind = str(text["estimator"]), text.get("options") or ""
        if estimator not in ESTIMATORS:
            near = difflib.get_close_matches(estimator, ESTIMATORS, n=3, cutoff=0.3)
            raise ValueError(f"{where}: estimator {estimator!r}; nearest: {', '.join(near or ESTIMATORS)}")
        if behind and estimator in LEAST_SQUARES:
            raise ValueError(f"{where}: {estimator} takes no options; found {behind!r}")
        vcov = text["vcov"] or "iid"
        if not VCOV.fullmatch(vcov):
            raise ValueError(
                f"{where}: vcov {vcov!r}; allowed: iid, HC1, CRV1:<cluster>, CRV1:<cluster>+<cluster>,"
                " conley:<kilometres>"
            )
        try:
            winsor = Winsor.read(rule) if (rule := text.get("winsor")) else None
            subgroup = Subgroup.read(group) if (group := text.get("subgroup")) else None
            options = _options(behind)
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from None
        spec = cls(
            study_id=str(text["study_id"]),
            table_no=str(text["table_no"]),
            column_no=int(row["column_no"]),
            estimator=estimator,
            outcome=str(text["outcome"]),
            treatment=str(text["treatment"]),
            treatment_rule=text["treatment_rule"],
            controls=_split(text["controls"]),
            fixed_effects=_split(text["fixed_effects"]),
            vcov=vcov,
            sample=str(text["sample"]),
            winsor=winsor,
            subgroup=subgroup,
            mediator=text.get("mediator"),
            note=text.get("note"),
            options=options,
        )
        if spec.estimator in ("random_effects", "unit_slopes", *LIMITED) and spec.fixed_effects:
            raise ValueError(f"{where}: {spec.estimator} takes no fixed effects")
        if spec.is_staggered and (spec.mediator or not spec.treatment_rule):
            raise ValueError(f"{where}: {spec.estimator} takes no mediator and needs a treatment rule")
        return spec

    def with_(self, **changes: Any) -> Specification:
        """The same column with some fields exchanged."""
        return replace(self, **changes)

    def check_columns(self, columns: Iterable[str]) -> None:
        """Raise ValueError naming the nearest columns when one that the column needs is absent."""
        check_columns(columns, self.columns, where=self.label)


def source(name: str) -> tuple[str, int]:
    """The column that a regressor is made of, and its lag in years: `L2.x` is ("x", 2)."""
    match = LAG.fullmatch(name)
    return (match[2], int(match[1])) if match else (name, 0)


def _options(text: str) -> tuple[tuple[str, str | int], ...]:
    """Read `name=value;name=value`. Raises ValueError for an unknown name or a value of the wrong kind."""
    found = []
    for part in filter(None, text.split(";")):
        name, _, value = part.partition("=")
        if name not in OPTIONS:
            raise ValueError(f"option {name!r}; allowed: {', '.join(OPTIONS)}")
        try:
            found.append((name, OPTIONS[name](value)))
        except ValueError:
            raise ValueError(f"option {name}={value!r}; a whole number is needed") from None
    return tuple(found)


def _text(value: Any) -> str | None:
    return None if value is None or value != value or value == "" else str(value)


def _split(value: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split("+")) if value else ()
