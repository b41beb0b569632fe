"""Pooled and fixed-effects least squares through pyfixest."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from importlib.metadata import version

import pandas as pd

from cbec.estimators.specification import Specification


@dataclass(frozen=True)
class Term:
    """One coefficient. p_value and interval use t(G - 1) when clustered, t(N - K) otherwise."""

    term: str
    estimate: float
    std_error: float | None
    t_value: float | None
    p_value: float | None
    ci_low: float | None
    ci_high: float | None


@dataclass(frozen=True)
class Fit:
    """A fitted regression column. n_singletons counts rows alone in a fixed effect, dropped."""

    terms: tuple[Term, ...]
    n_obs: int
    n_clusters: int | None
    n_singletons: int
    r2: float | None
    r2_within: float | None
    formula: str
    engine: str
    dropped_terms: tuple[str, ...] = ()
    note: str | None = None


def fit_least_squares(frame: pd.DataFrame, specification: Specification) -> Fit:
    """Estimate y = D b + X c + fixed effects + e on complete rows.

    frame has one row per region and year, without missing values in the columns used; the
    treatment may be boolean. Standard errors follow fixest's small-sample convention (Berge 2018):
    with clusters G/(G-1) * (N-1)/(N-K), K without the fixed effects nested in the cluster.

    Raises ValueError when there are no rows, one cluster, a constant outcome, or a treatment that
    the fixed effects or controls absorb.
    """
    # Costs five seconds on first import, so only when something is estimated.
    import pyfixest

    specification.check_columns(frame.columns)
    data = frame.copy()
    names = list(specification.variables)
    data[names] = data[names].astype(float)
    _check(data, specification)
    right = " + ".join([specification.treatment, *specification.controls])
    formula = f"{specification.outcome} ~ {right}"
    if specification.fixed_effects:
        formula += " | " + " + ".join(specification.fixed_effects)
    cluster = specification.cluster
    with warnings.catch_warnings():
        # Collinear columns and singletons are recorded in the result instead.
        warnings.simplefilter("ignore")
        model = pyfixest.feols(
            formula,
            data=data,
            vcov={"CRV1": cluster} if cluster else specification.vcov,
            fixef_rm="singleton",
            # The default backend compiles for 20 seconds in every process.
            demeaner_backend="rust",
        )
        table = model.tidy()
    if specification.treatment not in table.index:
        raise ValueError(
            f"{specification.label}: {specification.treatment!r} does not vary beyond "
            f"the controls and the fixed effects {specification.fixed_effects}"
        )
    terms = tuple(
        Term(
            term="_cons" if name == "Intercept" else str(name),
            estimate=float(row["Estimate"]),
            std_error=_finite(row["Std. Error"]),
            t_value=_finite(row["t value"]),
            p_value=_finite(row["Pr(>|t|)"]),
            ci_low=_finite(row["2.5%"]),
            ci_high=_finite(row["97.5%"]),
        )
        for name, row in table.iterrows()
    )
    n_obs = int(model._N)
    found = {term.term for term in terms}
    return Fit(
        terms=terms,
        n_obs=n_obs,
        n_clusters=int(model._G[0]) if cluster else None,
        n_singletons=len(data) - n_obs,
        r2=_finite(model._r2),
        r2_within=_finite(model._r2_within) if specification.fixed_effects else None,
        formula=formula,
        engine=f"pyfixest {version('pyfixest')}",
        dropped_terms=tuple(c for c in specification.controls if c not in found),
    )


def _check(data: pd.DataFrame, specification: Specification) -> None:
    if data.empty:
        raise ValueError(f"{specification.label}: no complete row is left")
    if data[specification.outcome].nunique() < 2:
        raise ValueError(f"{specification.label}: outcome {specification.outcome!r} is constant")
    cluster = specification.cluster
    if cluster and data[cluster].nunique() < 2:
        raise ValueError(f"{specification.label}: one cluster of {cluster!r}; at least two needed")


def _finite(value: float) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None
