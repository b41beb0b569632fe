"""Which errors that `cbec why` computes are withheld, as every table of schema estimates withholds them.

The rule and its wording are those of macros/published_inference.sql, which only a build can run.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import yaml

from cbec.project import Project

#: What a note begins its part with that says why there is no error.
WITHHELD = "withheld: "


def limits(project: Project) -> dict[str, float]:
    """The vars that say when an error is published."""
    declared = yaml.safe_load((project.root / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]
    return {name: declared[name] for name in ("min_effective_clusters", "min_clusters")}


def withheld_reason(
    n_effective: float | None, n_clusters: int | None, least: Mapping[str, float], *, is_staggered: bool
) -> str | None:
    """Why an error is not published, None where it is. least: `limits`; n_effective None or NaN: an error
    that is not clustered or cannot be learnt; is_staggered: of an estimator for staggered adoption."""
    few, few_in_all = least["min_effective_clusters"], least["min_clusters"]
    if n_effective is not None and n_effective < few:
        number = math.floor(10 * n_effective) / 10
        return f"{WITHHELD}the error rests on {number:.1f} effective clusters ({few} needed)"
    if is_staggered and n_clusters is not None and n_clusters < few_in_all:
        return f"{WITHHELD}the error rests on {n_clusters} clusters ({few_in_all} needed)"
    return None


def reason_in(row: Mapping[str, Any]) -> str | None:
    """The part of a row's note that says why it has no error."""
    parts = [part.strip() for part in str(row.get("note") or "").split(";")]
    return next((part for part in parts if part.startswith(WITHHELD)), None)
