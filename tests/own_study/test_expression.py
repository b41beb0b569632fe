"""Derived variables: values against pandas and by hand, the status of every cell, and what is no formula."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbec.own_study.expression import (
    FormulaError,
    Grid,
    Variable,
    check,
    evaluate,
    letters_of,
    mask_of,
    names_in,
)

UNITS, YEARS = ("a", "b", "c"), tuple(range(2010, 2016))
N = len(UNITS) * len(YEARS)


def grid_of(in_sample: np.ndarray | None = None) -> Grid:
    unit = np.repeat(np.array(UNITS, dtype=object), len(YEARS))
    return Grid(
        unit, np.tile(np.array(YEARS), len(UNITS)), np.ones(N, dtype=bool) if in_sample is None else in_sample
    )


def variable(values: list[float], letters: str = "A", filled: float = 0.0, flagged: bool = False) -> Variable:
    n = len(values)
    return Variable(
        np.array(values, dtype=float), mask_of([letters] * n), np.full(n, filled), np.full(n, flagged)
    )


X = variable([float(k * k % 11 + 1) for k in range(N)], "V", 0.0)
Y = variable([float(k % 5) for k in range(N)], "IA", 1.0, True)


def computed(formula: str, **columns: Variable) -> Variable:
    known = {"x": X, "y": Y} | columns
    return evaluate(formula, known.__getitem__, grid_of())


def frame() -> pd.DataFrame:
    grid = grid_of()
    return pd.DataFrame({"unit": grid.unit, "year": grid.year, "x": X.values, "y": Y.values})


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("x + 2 * y", lambda d: d.x + 2 * d.y),
        ("log(x)", lambda d: np.log(d.x)),
        ("x / y", lambda d: (d.x / d.y).where(d.y != 0)),
        ("log(y)", lambda d: np.log(d.y.where(d.y > 0))),
        ("-x ** 2", lambda d: -(d.x**2)),
        ("lag(x)", lambda d: d.groupby("unit").x.shift(1)),
        ("lead(x, 2)", lambda d: d.groupby("unit").x.shift(-2)),
        ("diff(x)", lambda d: d.groupby("unit").x.diff()),
        ("growth(x)", lambda d: d.groupby("unit").x.pct_change(fill_method=None)),
        ("standardise(x)", lambda d: (d.x - d.x.mean()) / d.x.std()),
        ("winsorise(x, 0.1, 0.9)", lambda d: d.x.clip(d.x.quantile(0.1), d.x.quantile(0.9))),
        ("unit_mean(x)", lambda d: d.groupby("unit").x.transform("mean")),
        ("year_mean(x)", lambda d: d.groupby("year").x.transform("mean")),
        ("x > 5", lambda d: (d.x > 5).astype(float)),
        ("max(x, y)", lambda d: np.maximum(d.x, d.y)),
    ],
)
def test_values_are_those_of_pandas(formula: str, expected: object) -> None:
    found = computed(formula).values
    np.testing.assert_allclose(found, expected(frame()).to_numpy(dtype=float), rtol=1e-12)  # type: ignore[operator]


def test_a_lag_is_of_the_year_before_not_of_the_row_before() -> None:
    keep = np.array([year != 2012 for year in grid_of().year])
    whole = grid_of()
    gapped = Grid(whole.unit[keep], whole.year[keep], whole.in_sample[keep])
    found = evaluate("lag(x)", lambda _: Variable(*(part[keep] for part in vars(X).values())), gapped)
    assert np.isnan(found.values[gapped.year == 2013]).all()
    assert np.isfinite(found.values[gapped.year == 2014]).all()


def test_a_cell_rests_on_the_cells_behind_it() -> None:
    both = computed("x / (y + 1)")
    assert set(letters_of(both.letters)) == {"".join(c for c in "BOMLHQJSDKWIFEPNUVGA" if c in "VIA")}
    assert (both.filled == 1).all() and both.flagged.all()
    assert (computed("log(x)").filled == 0).all() and not computed("log(x)").flagged.any()
    shifted = computed("lag(y)")
    first = grid_of().year == YEARS[0]
    assert (shifted.letters[first] == 0).all() and (shifted.letters[~first] != 0).all()


def test_a_mean_rests_on_every_cell_of_its_group() -> None:
    one = variable([1.0] * N)
    letters = one.letters.copy()
    letters[0] = mask_of(["I"])[0]
    filled = one.filled.copy()
    filled[0] = 1.0
    found = computed("unit_mean(z)", z=Variable(one.values, letters, filled, one.flagged))
    assert set(letters_of(found.letters[: len(YEARS)])) == {"IA"}
    assert set(letters_of(found.letters[len(YEARS) :])) == {"A"}
    np.testing.assert_allclose(found.filled[: len(YEARS)], 1 / len(YEARS))


def test_statistics_are_of_the_sample_alone() -> None:
    inside = grid_of().year <= 2012
    found = evaluate("standardise(x)", lambda _: X, grid_of(inside)).values[inside]
    assert abs(found.mean()) < 1e-12 and abs(found.std(ddof=1) - 1) < 1e-12


@given(st.permutations(range(N)))
def test_order_of_rows_is_no_part_of_a_value(order: list[int]) -> None:
    whole, place = grid_of(), np.array(order)
    other = Grid(whole.unit[place], whole.year[place], whole.in_sample[place])
    turned = Variable(*(part[place] for part in vars(X).values()))
    for formula in ("lag(x)", "standardise(x)", "unit_mean(x)"):
        np.testing.assert_allclose(
            evaluate(formula, lambda _: turned, other).values, computed(formula).values[place], rtol=1e-12
        )


def test_names_may_be_chinese_and_quoted() -> None:
    assert names_in("log(地区生产总值) / `R&D 经费（万元）` + lag(x, 2)") == [
        "地区生产总值",
        "R&D 经费（万元）",
        "x",
    ]
    found = evaluate("`R&D 经费` * 2", {"R&D 经费": X}.__getitem__, grid_of())
    np.testing.assert_allclose(found.values, 2 * X.values)


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("lgo(x)", "nearest: log"),
        ("log(x", "is no formula"),
        ("x.real", "no part of a formula"),
        ("__import__('os').system('true')", "no part of a formula"),
        ("open('x')", "function 'open' is not known"),
        ("lag(x, 0)", "lag goes 1 to 9 years"),
        ("lag(x, 1.5)", "lag goes 1 to 9 years"),
        ("log(x, y)", "log takes 1 argument"),
        ("winsorise(x, 0.9, 0.1)", "two quantiles between 0 and 1"),
        ("'text'", "no part of a formula"),
        ("x if x > 1 else 0", "no part of a formula"),
        ("[x]", "no part of a formula"),
        ("x = 1", "is no formula"),
        ("", "is no formula"),
        ("(" * 500 + "x" + ")" * 500, "is no formula"),
    ],
)
def test_what_is_no_formula_is_told(formula: str, words: str) -> None:
    with pytest.raises(FormulaError, match=words.replace("(", r"\(")):
        check(formula)
