"""Bad input is refused with unit, period and value; questionable input warns."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from cbec.efficiency.frontier import evaluate
from cbec.efficiency.panel import (
    EfficiencyWarning,
    cross_section,
    cube_panel,
    long_panel,
    rule_of_thumb,
)
from cbec.efficiency.technology import Technology


def cubes(periods: int = 2, n: int = 16) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    return tuple(rng.uniform(1, 9, (periods, n, k)) for k in (2, 1, 1))  # type: ignore[return-value]


def make(change: Callable[..., None] | None = None, **options: Any) -> Any:
    x, y, b = cubes()
    if change is not None:
        change(x, y, b)
    units = [f"city{i}" for i in range(16)]
    return cube_panel(x, y, b, units=units, periods=[2010, 2011], **options)


def put(which: int, t: int, i: int, v: int, value: float) -> Callable[..., None]:
    def change(*arrays: np.ndarray) -> None:
        arrays[which][t, i, v] = value

    return change


def test_a_clean_panel_does_not_warn() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        panel = make()
    assert (panel.n_periods, panel.n_units, panel.n_rows) == (2, 16, 4)
    assert panel.names == ("input_1", "input_2", "good_1", "bad_1")


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (put(0, 1, 5, 0, -2.5), ["city5", "2011", "input_1", "-2.5"]),
        (put(2, 0, 7, 0, -1.0), ["city7", "2010", "bad_1", "-1.0"]),
        (put(1, 0, 3, 0, np.inf), ["city3", "2010", "good_1", "inf"]),
        (put(0, 1, 2, 1, np.nan), ["city2", "2011", "input_2", "nan", "missing"]),
        (put(1, 1, 9, 0, 0.0), ["city9", "2011", "positive good output", "0.0"]),
    ],
)
def test_bad_cells_are_named(change: Callable[..., None], parts: list[str]) -> None:
    with pytest.raises(ValueError) as caught:
        make(change)
    for part in parts:
        assert part in str(caught.value)


def test_no_positive_input_is_refused() -> None:
    def change(x: np.ndarray, *_: np.ndarray) -> None:
        x[0, 4] = 0

    with pytest.raises(ValueError, match="positive input: unit 'city4', period 2010"):
        make(change)


def test_one_zero_input_warns_and_is_scored() -> None:
    with pytest.warns(EfficiencyWarning, match="zero input: unit 'city1', period 2011"):
        panel = make(put(0, 1, 1, 0, 0.0))
    result = evaluate(panel, Technology("sbm", "none"))
    assert result.counts() == {"optimal": 32}
    # Nobody else uses none of this input: the unit can only be compared with itself.
    assert result.score[16 + 1] == pytest.approx(1)


def test_a_constant_column_warns() -> None:
    def change(x: np.ndarray, *_: np.ndarray) -> None:
        x[:, :, 1] = 7.0

    with pytest.warns(EfficiencyWarning, match=r"input_2 is constant \(7.0"):
        make(change)


def test_ten_cities_and_five_variables_warn() -> None:
    assert rule_of_thumb(10, 3, 2) == (False, 15)
    assert rule_of_thumb(15, 3, 2) == (True, 15)
    assert rule_of_thumb(100, 10, 11) == (False, 110)
    x, y, b = cubes(1, 10)
    with pytest.warns(EfficiencyWarning, match="10 units in period 0 for 2 inputs and 2 outp"):
        cube_panel(x, y, b)


def test_fewer_units_than_variables_warn() -> None:
    with pytest.warns(EfficiencyWarning, match="asks for 12"):
        cross_section([[1, 2], [2, 1]], [[1, 1], [2, 3]])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"unbalanced": "ignore"}, "unbalanced must be one of"),
        ({"names": ["a"]}, "1 names for 4 variables"),
    ],
)
def test_wrong_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(**options)


def test_labels_must_be_unique_and_complete() -> None:
    x, y, b = cubes()
    with pytest.raises(ValueError, match="'a' appears more than once"):
        cube_panel(x, y, b, units=["a"] * 16)
    with pytest.raises(ValueError, match="3 periods labels for 2 periods"):
        cube_panel(x, y, b, periods=[1, 2, 3])
    with pytest.raises(ValueError, match="agree in periods and units"):
        cube_panel(x, y[:, :5], b)


def test_a_repeated_row_is_named() -> None:
    with pytest.raises(ValueError, match="unit 'a' has more than one row in period 2012"):
        long_panel(["a", "b", "a"], [2012, 2012, 2012], [1, 2, 3], [1, 2, 3])


def test_a_missing_row_is_named() -> None:
    with pytest.raises(ValueError, match="unit 'b', period 2013"):
        long_panel(["a", "b", "a"], [2012, 2012, 2013], [1, 2, 3], [1, 2, 3])


def test_long_and_cube_panels_agree() -> None:
    x, y, b = cubes()
    unit = np.tile([f"city{i}" for i in range(16)], 2)
    period = np.repeat([2010, 2011], 16)
    shuffle = np.random.default_rng(0).permutation(32)
    rows = [z.reshape(32, -1)[shuffle] for z in (x, y, b)]
    panel = long_panel(unit[shuffle], period[shuffle], *rows)
    at = [panel.units.index(f"city{i}") for i in range(16)]
    np.testing.assert_array_equal(panel.data[:, at], make().data)
    assert panel.periods == (2010, 2011)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"measure": "x"}, "measure must be one of"),
        ({"rts": "irs"}, "rts must be one of"),
        ({"disposability": "free"}, "disposability must be one of"),
        ({"measure": "radial", "orientation": "none"}, 'radial needs "input" or "output"'),
        ({"measure": "ddf", "direction": "up"}, "direction must be one of"),
        ({"measure": "nddf", "super_efficiency": True}, "not defined for nddf"),
        ({"measure": "nddf", "weights": (0, 0, 0, 0)}, "not all zero"),
    ],
)
def test_impossible_technologies_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        Technology(**options)


def test_directions_must_fit_the_panel() -> None:
    panel = make()
    zero = (np.zeros(2), np.zeros(1), np.zeros(1))
    with pytest.raises(ValueError, match="direction of unit 'city0', period 2010 is zero"):
        evaluate(panel, Technology("ddf", direction=zero))
    with pytest.raises(ValueError, match="does not broadcast"):
        evaluate(panel, Technology("ddf", direction=(np.ones(3), 1.0, -1.0)))
    with pytest.raises(ValueError, match="lowers inputs and bads"):
        evaluate(panel, Technology("nddf", direction=(1.0, 1.0, -1.0)))
    with pytest.raises(ValueError, match="weights has 2 values, the panel has 4"):
        evaluate(panel, Technology("nddf", weights=(1, 1)))
    with pytest.raises(ValueError, match="frontier must be one of"):
        evaluate(panel, Technology(), frontier="yearly")  # type: ignore[arg-type]
