"""A regression column as data: one row of seeds/studies/specification.csv."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

ESTIMATORS = ("pooled", "twfe", "callaway_santanna", "callaway_santanna_unbalanced")
UNSUPPORTED = ("winsor", "subgroup", "mediator")


@dataclass(frozen=True)
class Specification:
    """One regression column.

    outcome, treatment and controls name columns of the panel; fixed_effects are absorbed;
    vcov is "iid", "HC1" or "CRV1:<cluster column>".
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
    note: str | None = None

    @property
    def label(self) -> str:
        return f"{self.study_id} {self.table_no}({self.column_no})"

    @property
    def variables(self) -> tuple[str, ...]:
        return (self.outcome, self.treatment, *self.controls)

    @property
    def cluster(self) -> str | None:
        return self.vcov.split(":", 1)[1] if self.vcov.startswith("CRV1:") else None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Specification:
        """Read one row of the seed.

        Raises ValueError when the estimator or the vcov is unknown, or when a field asks for
        something that no estimator here does (so that it is never silently ignored).
        """
        text = {k: _text(v) for k, v in row.items()}
        where = f"specification {text['study_id']} {text['table_no']}({text['column_no']})"
        if text["estimator"] not in ESTIMATORS:
            raise ValueError(f"{where}: estimator {text['estimator']!r}; allowed: {', '.join(ESTIMATORS)}")
        vcov = text["vcov"] or "iid"
        if vcov not in ("iid", "HC1") and not vcov.startswith("CRV1:"):
            raise ValueError(f"{where}: vcov {vcov!r}; allowed: iid, HC1, CRV1:<cluster column>")
        for field in UNSUPPORTED:
            if text.get(field):
                raise ValueError(f"{where}: {field} {text[field]!r} is not supported yet")
        return cls(
            study_id=str(text["study_id"]),
            table_no=str(text["table_no"]),
            column_no=int(row["column_no"]),
            estimator=str(text["estimator"]),
            outcome=str(text["outcome"]),
            treatment=str(text["treatment"]),
            treatment_rule=text["treatment_rule"],
            controls=_split(text["controls"]),
            fixed_effects=_split(text["fixed_effects"]),
            vcov=vcov,
            sample=str(text["sample"]),
            note=text.get("note"),
        )

    def check_columns(self, columns: Iterable[str]) -> None:
        """Raise ValueError naming the nearest columns when one that the column needs is absent."""
        have = list(columns)
        needed = [*self.variables, *self.fixed_effects, *([self.cluster] if self.cluster else [])]
        for name in needed:
            if name not in have:
                near = difflib.get_close_matches(name, have, n=3, cutoff=0.3)
                raise ValueError(f"{self.label}: no column {name!r}; nearest: {', '.join(near) or 'none'}")


def _text(value: Any) -> str | None:
    return None if value is None or value != value or value == "" else str(value)


def _split(value: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split("+")) if value else ()
