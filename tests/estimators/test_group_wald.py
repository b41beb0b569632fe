"""Wald test of interacted group coefficients, against R, and what must not change it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from cbec.estimators.absorb import fit_treatment
from cbec.estimators.multiple_testing import GroupWald, group_wald_test
from cbec.estimators.panel import prepare_panel

EQUATION: dict[str, Any] = {
    "outcome": "y", "treatment": "d", "unit": "unit", "time": "year", "fixed_effects": ("unit", "year"),
}  # fmt: skip


def waves(k: float, n: int) -> np.ndarray:
    return np.round(np.sin(k * np.arange(1, n + 1) ** 1.5), 3)


def panel() -> pd.DataFrame:
    """36 units and seven years without a random number, so that R reads the same figures."""
    frame = pd.DataFrame([(u, 2010 + t) for u in range(36) for t in range(7)], columns=["unit", "year"])
    frame["d"] = ((frame["unit"] % 2 == 0) & (frame["year"] - 2010 >= 2 + frame["unit"] % 3)).astype(float)
    frame["x"] = waves(1.1, len(frame))
    frame["west"] = frame["unit"] // 6 % 2
    frame["region"] = np.array(["a", "b", "c"])[frame["unit"] // 4 % 3]
    frame["province"] = frame["unit"] // 3
    base = waves(2.3, len(frame)) + 0.1 * frame["unit"] + 0.2 * (frame["year"] - 2010) + 0.5 * frame["x"]
    frame["y"] = np.round(base + frame["d"] * (0.4 + 0.6 * frame["west"]), 3)
    return frame


def wald(group: str, frame: pd.DataFrame | None = None, **options: Any) -> GroupWald:
    return group_wald_test(panel() if frame is None else frame, group=group, **(EQUATION | options))


# fixest 0.14.2, R 4.2.2: wald(feols(y ~ d + d:west + x + x:west | unit + year^west, cluster), "d:west") and so on;
# group, cluster, controls, F, p, degrees of freedom. Provinces hold units of two regions.
CASES = [
    ("west", "unit", (), 1.31666595, 0.258974559, (1, 35)),
    ("west", "unit", ("x",), 2.09329098, 0.156844498, (1, 35)),
    ("region", "province", (), 1.67917383, 0.230985763, (2, 11)),
    ("region", "province", ("x",), 3.00765289, 0.0907906445, (2, 11)),
    ("west", "province", (), 0.975024188, 0.344652652, (1, 11)),
    ("west", "province", ("x",), 1.73704557, 0.214300694, (1, 11)),
]


@pytest.mark.parametrize(("group", "cluster", "controls", "statistic", "p", "df"), CASES)
def test_wald_of_interacted_coefficients_equals_fixest(
    group: str, cluster: str, controls: tuple[str, ...], statistic: float, p: float, df: tuple[int, int]
) -> None:
    found = wald(group, cluster=cluster, controls=controls)
    assert (found.df, found.df_denominator) == df
    np.testing.assert_allclose([found.statistic, found.p_value], [statistic, p], rtol=1e-7)


def test_coefficients_are_those_of_the_groups_alone() -> None:
    frame, found = panel(), wald("region", controls=("x",))
    for name, coefficient in zip(found.groups, found.coefficients, strict=True):
        alone = prepare_panel(frame[frame["region"] == name], **EQUATION, controls=("x",))
        assert coefficient == pytest.approx(fit_treatment(alone).estimate, rel=1e-9)


def test_neither_rows_nor_labels_nor_units_of_measurement_matter() -> None:
    frame, plain = panel(), wald("region", controls=("x",))
    for other in (
        frame.sample(frac=1, random_state=1),
        frame.assign(region=frame["region"].map({"a": "z", "b": "y", "c": "x"})),
        frame.assign(y=frame["y"] * 1e9, x=frame["x"] * 1e9),
    ):
        found = wald("region", other, controls=("x",))
        assert found.statistic == pytest.approx(plain.statistic, rel=1e-6)


@pytest.mark.parametrize(
    ("change", "group", "words"),
    [
        (lambda f: f.assign(one=1), "one", "has 1 values; allowed: two or more"),
        (lambda f: f.assign(late=f["year"] > 2012), "late", "changes within a unit"),
        (
            lambda f: f.assign(west=f["west"].where(f["unit"] > 3)),
            "west",
            "column 'west' has 28 missing values",
        ),
        (lambda f: f.assign(odd=f["unit"] % 2), "odd", "group 1: the treatment has no variation left"),
        (lambda f: f, "wets", "no column 'wets'; nearest: west"),
    ],
)
def test_bad_input_is_refused_in_words(change: Any, group: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        wald(group, change(panel()))
