"""What drives inefficiency: the double bootstrap of Simar and Wilson as a column of a table."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
from scipy import stats

from cbec.efficiency.inference import second_stage
from cbec.efficiency.panel import EfficiencyWarning, cube_panel
from cbec.estimators.regression import Fit, Term, checked
from cbec.estimators.specification import Specification

#: The kind of error of a coefficient whose interval is that of a parametric bootstrap.
BOOTSTRAP = "bootstrap"
DEFAULTS: dict[str, str | int] = {
    "orientation": "output", "rts": "crs", "first_draws": 100, "draws": 2000, "seed": 20150307, "bads": "",
}  # fmt: skip


def fit_second_stage(frame: pd.DataFrame, specification: Specification, *, unit: str) -> Fit:
    """Truncated regression of distances on the regressors (Simar and Wilson 2007, algorithm 2).

    The distances (at least one; a positive coefficient means more inefficiency) are computed from the options
    inputs, goods and bads, which name columns, by each year's own frontier; the outcome of the specification
    is the score that the table shows beside them and says only which rows there are. Options: orientation
    (output or input), rts (crs or vrs), first_draws and draws of the two bootstraps, seed. The error of a
    term is the standard deviation that its interval implies under the normal; p and interval are the
    bootstrap's own.

    Raises ValueError as `second_stage` does, and where a row of the sample lacks an input or output.
    """
    options = DEFAULTS | dict(specification.options)
    missing = [name for name in ("inputs", "goods") if not options.get(name)]
    if missing:
        raise ValueError(f"{specification.label}: simar_wilson needs the option {missing[0]}")
    columns = {name: [c for c in str(options[name]).split("-") if c] for name in ("inputs", "goods", "bads")}
    measured, _ = checked(frame, specification, unit)
    units, years = sorted(frame[unit].unique()), sorted(int(year) for year in frame["year"].unique())
    place = (frame["year"].map(years.index).to_numpy(), frame[unit].map(units.index).to_numpy())
    of_role = {}
    for role, names in columns.items():
        if frame[names].isna().to_numpy().any():
            raise ValueError(f"{specification.label}: a row of the sample lacks one of {', '.join(names)}")
        of_role[role] = np.full((len(years), len(units), len(names)), np.nan)
        of_role[role][place] = frame[names].to_numpy(float)
    covariates = np.full((len(years), len(units), len(specification.regressors)), 0.0)
    covariates[place] = np.column_stack([measured[name] for name in specification.regressors])
    with warnings.catch_warnings():
        # Few regions for so many variables: the table of productivity says so.
        warnings.simplefilter("ignore", EfficiencyWarning)
        panel = cube_panel(
            of_role["inputs"],
            of_role["goods"],
            of_role["bads"] if columns["bads"] else None,
            units=units,
            periods=years,
            names=(*columns["inputs"], *columns["goods"], *columns["bads"]),
            unbalanced="frontier",
        )
    found = second_stage(
        panel,
        covariates,
        names=specification.regressors,
        orientation=options["orientation"],  # type: ignore[arg-type]
        rts=options["rts"],  # type: ignore[arg-type]
        first_replications=int(options["first_draws"]),
        second_replications=int(options["draws"]),
        seed=int(options["seed"]),
    )
    width = 2 * float(stats.norm.ppf(0.5 + found.confidence / 2))
    terms = [
        Term(
            term="_cons" if name == "constant" else name,
            estimate=float(estimate),
            std_error=float((high - low) / width),
            t_value=float(estimate * width / (high - low)),
            p_value=float(p),
            ci_low=float(low),
            ci_high=float(high),
        )
        for name, estimate, low, high, p in zip(
            found.names, found.coefficients, found.lower, found.upper, found.p_value, strict=True
        )
    ]
    return Fit(
        terms=(*terms[1:-1], terms[0], terms[-1]),
        n_obs=len(frame),
        n_clusters=None,
        n_singletons=0,
        r2=None,
        r2_within=None,
        formula=f"distance ~ {' + '.join(specification.regressors)}, truncated at 1",
        engine="highspy and numpy",
        used=np.ones(len(frame), dtype=bool),
        n_units=len(units),
        note=(
            f"distances of at least 1, corrected for bias: above zero means less efficient; {found.n} of"
            f" {len(frame)} enter the truncated regression; {found.second_replications} draws"
        ),
    )
