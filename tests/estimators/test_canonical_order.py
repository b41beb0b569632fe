"""The canonical order of a panel: what draws hang on, and so nothing but content may decide it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from cbec.estimators.absorb import fit_treatment
from cbec.estimators.imputation import impute
from cbec.estimators.panel import prepare_panel
from cbec.estimators.wild_bootstrap import wild_cluster_bootstrap

EQUATION: dict[str, Any] = {"outcome": "y", "treatment": "d", "unit": "unit", "time": "year"}


def grid(n_units: int, n_years: int) -> pd.DataFrame:
    return pd.DataFrame([(u, t) for u in range(n_units) for t in range(n_years)], columns=["unit", "year"])


def retold(frame: pd.DataFrame, seed: int, group: str) -> pd.DataFrame:
    """The same panel with rows shuffled, and units and groups under other names."""
    rng = np.random.default_rng(seed)
    names = {
        name: dict(zip(sorted(set(frame[name])), rng.permutation(frame[name].nunique()), strict=True))
        for name in ("unit", group)
    }
    other = frame.sample(frac=1, random_state=seed)
    return other.assign(**{name: other[name].map(names[name]) for name in names})


def with_missing_units() -> pd.DataFrame:
    """24 units in six provinces without effects of units, seven of them without any outcome."""
    rng = np.random.default_rng(5)
    frame = grid(24, 6).assign(prov=lambda f: (f["unit"] * 5 % 24) // 4)
    frame["d"] = ((frame["unit"] % 3 == 0) & (frame["year"] >= 3)).astype(float)
    frame["y"] = 1.5 * frame["d"] + 0.5 * frame["prov"] + rng.normal(size=len(frame))
    frame.loc[frame["unit"].isin([0, 1, 3, 4, 6, 9, 13]), "y"] = np.nan
    return frame


@pytest.mark.parametrize("seed", range(6))
def test_imputation_of_whole_units_ignores_rows_and_labels(seed: int) -> None:
    def found(frame: pd.DataFrame) -> list[float]:
        imputed = impute(
            frame, **EQUATION, fixed_effects=("prov", "year"), cluster="unit", imputations=4, seed=1
        )
        return [fit_treatment(imputed.completed(i)).estimate for i in range(4)]

    frame = with_missing_units()
    assert found(retold(frame, seed, "prov")) == pytest.approx(found(frame), rel=1e-9)


def tied(n_units: int, n_kinds: int) -> pd.DataFrame:
    """Units of a few kinds, alike within a kind, in clusters of two."""
    values = np.random.default_rng(2).normal(size=(n_kinds, 5))
    frame = grid(n_units, 5).assign(cluster=lambda f: f["unit"] // 2)
    kind = np.random.default_rng(3).integers(n_kinds, size=n_units)[frame["unit"]]
    frame["d"] = ((kind < n_kinds / 2) & (frame["year"] > 2)).astype(float)
    return frame.assign(y=values[kind, frame["year"]] + 0.3 * frame["d"])


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("n_kinds", [3, 5, 9])
def test_bootstrap_of_equal_units_in_different_clusters(seed: int, n_kinds: int) -> None:
    def found(frame: pd.DataFrame) -> np.ndarray:
        return wild_cluster_bootstrap(
            frame, **EQUATION, fixed_effects=("year",), cluster="cluster", draws=99, seed=1,
            enumerate_signs="never",
        ).t_star  # fmt: skip

    frame = tied(28, n_kinds)
    np.testing.assert_allclose(found(retold(frame, seed, "cluster")), found(frame), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_units_that_only_a_symmetry_tells_apart(seed: int) -> None:
    """All units alike, and each in one cluster with another before the change and with a third after it: one
    must be put first, whichever, and the others follow from it."""

    def shape(frame: pd.DataFrame) -> tuple[list[int], list[int]]:
        panel = prepare_panel(frame, **EQUATION, fixed_effects=("year",), cluster="cluster")
        return panel.unit.tolist(), panel.cluster.tolist()

    frame = grid(12, 4).assign(d=lambda f: f["year"] / 2, y=lambda f: f["year"] ** 2.0)
    late = frame["year"] > 1
    frame["cluster"] = np.where(late, (frame["unit"] + 1) // 2 % 6, frame["unit"] // 2)
    assert shape(retold(frame, seed, "cluster")) == shape(frame)


@pytest.mark.parametrize("seed", range(5))
def test_units_that_differ_are_ordered_by_their_own_content_alone(seed: int) -> None:
    """Size, then values column by column in order of time, then times: the order that published draws hang
    on, whatever groups there are."""
    rng = np.random.default_rng(seed)
    frame = grid(30, 6).assign(prov=lambda f: rng.permutation(30)[f["unit"]] // 5)
    frame["d"] = ((frame["unit"] % 3 == 0) & (frame["year"] >= 3)).astype(float)
    frame["x"] = rng.integers(3, size=len(frame)).astype(float)
    frame["y"] = rng.integers(3, size=len(frame)).astype(float)
    frame = frame.sample(frac=0.9, random_state=seed)
    content = {
        unit: (len(own), *own["y"], *own["d"], *own["x"], *own["year"])
        for unit, own in frame.sort_values("year").groupby("unit")
    }
    assert len(set(content.values())) == len(content)
    panel = prepare_panel(
        frame, **EQUATION, controls=("x",), fixed_effects=("prov", "year"), cluster="prov",
        drop_singletons=False,
    )  # fmt: skip
    assert panel.unit_labels.tolist() == sorted(content, key=lambda unit: content[unit])


@pytest.mark.parametrize("n_kinds", [3, 5])
def test_groups_split_ties_and_reorder_nothing(n_kinds: int) -> None:
    frame = tied(28, n_kinds)
    content = {u: (*own["y"], *own["d"]) for u, own in frame.groupby("unit")}
    panel = prepare_panel(frame, **EQUATION, fixed_effects=("year",), cluster="cluster")
    ordered = [content[unit] for unit in panel.unit_labels]
    assert ordered == sorted(ordered)
