"""GM(1,1) against a published example, exact series, and its own refusals."""

from __future__ import annotations

import numpy as np
import pytest

from cbec.efficiency.grey import (
    GreyRefusal,
    exponential_smoothing,
    fill_gm11,
    gm11,
    grade_of,
    rolling_origin,
)

# Output of Changge county's township enterprises, the example of Liu and Lin's textbook.
CHANGGE = [27260.0, 29547.0, 32411.0, 35388.0]


def test_the_textbook_example() -> None:
    model = gm11(CHANGGE)
    assert model.a == pytest.approx(-0.089995, abs=1e-6)
    assert model.b == pytest.approx(25790.28, abs=0.01)
    assert np.floor(model.fitted).tolist() == [27260, 29553, 32336, 35381]
    assert model.c == pytest.approx(0.0107, abs=1e-4)
    assert (model.p, model.grade) == (1.0, "good")
    assert model.s1 == pytest.approx(3051.74, abs=0.01)
    assert model.residual[0] == 0 and model.residual[1] < 0 < model.residual[2]


def test_least_squares_by_the_normal_equations() -> None:
    x = np.array([5.0, 6.1, 6.9, 8.2, 9.1, 10.4])
    total = x.cumsum()
    design = np.c_[-(total[1:] + total[:-1]) / 2, np.ones(5)]
    a, b = np.linalg.solve(design.T @ design, design.T @ x[1:])
    model = gm11(x)
    assert (model.a, model.b) == pytest.approx((a, b), rel=1e-10)
    t = np.arange(1, 8)
    future = (1 - np.exp(a)) * (x[0] - b / a) * np.exp(-a * t)
    assert model.fitted[1:] == pytest.approx(future[:5], rel=1e-10)
    assert model.forecast(2) == pytest.approx(future[5:], rel=1e-10)


def test_a_constant_series_is_forecast_as_it_is() -> None:
    model = gm11([4.0] * 6)
    assert model.a == pytest.approx(0, abs=1e-12)
    assert model.forecast(3) == pytest.approx([4, 4, 4])
    assert (model.p, model.c, model.grade) == (1.0, 0.0, "good")


def test_units_of_measure_do_not_matter() -> None:
    small, large = gm11(CHANGGE), gm11(np.array(CHANGGE) * 1e6)
    assert large.a == pytest.approx(small.a, rel=1e-12)
    assert large.forecast(1) == pytest.approx(small.forecast(1) * 1e6, rel=1e-12)
    assert large.c == pytest.approx(small.c, rel=1e-9)


def test_class_ratio_and_smoothness_are_reported() -> None:
    model = gm11(CHANGGE)
    assert model.class_ratio == pytest.approx([27260 / 29547, 29547 / 32411, 32411 / 35388])
    assert (model.class_low, model.class_high) == pytest.approx((np.exp(-0.4), np.exp(0.4)))
    assert model.smoothness == pytest.approx([29547 / 27260, 32411 / 56807, 35388 / 89218])
    assert not model.is_smooth  # 32411 / 56807 = 0.571 exceeds 0.5
    assert gm11([*CHANGGE, 38000.0, 41000.0], smoothness_limit=0.6).is_smooth


@pytest.mark.parametrize(
    ("series", "message"),
    [
        ([1.0, 2.0, 3.0], "at least 4 values, got 3"),
        ([1.0, 2.0, 40.0, 41.0], "class ratio of values 1 and 2 is 0.5000"),
        ([5.0, 5.0, 0.0, 5.0], "positive values, value 3 of 4 is 0.0"),
        ([5.0, np.nan, 5.0, 5.0], "value 2 of 4 is nan"),
    ],
)
def test_refusals_say_why(series: list[float], message: str) -> None:
    with pytest.raises(GreyRefusal, match=message):
        gm11(series)


def test_a_failed_class_ratio_can_be_overruled_and_is_then_marked() -> None:
    model = gm11([1.0, 2.0, 40.0, 41.0], allow_class_ratio_failure=True)
    assert not model.class_ratio_passed
    assert gm11(CHANGGE).class_ratio_passed


@pytest.mark.parametrize(
    ("p", "c", "standard", "printed"),
    [
        (1.0, 0.10, "good", "better"),
        (0.96, 0.36, "qualified", "better"),
        (0.90, 0.39, "qualified", "fair"),
        (0.75, 0.60, "marginal", "unqualified"),
        (0.60, 0.20, "unqualified", "pass"),
        (0.95, 0.34, "qualified", "better"),
        (0.40, 0.10, "unqualified", "unqualified"),
    ],
)
def test_grades(p: float, c: float, standard: str, printed: str) -> None:
    assert grade_of(p, c) == standard
    assert grade_of(p, c, "printed") == printed


def test_unknown_grading_is_refused() -> None:
    with pytest.raises(ValueError, match="grading must be one of"):
        gm11(CHANGGE, grading="mine")  # type: ignore[arg-type]


def test_rolling_origin_by_hand() -> None:
    x = np.array([10.0, 11.0, 12.5, 13.6, 15.2, 16.4])
    r = rolling_origin(x)
    assert r.methods == ("gm11", "naive", "exponential_smoothing", "holt")
    assert (r.origins, r.refused) == (2, 0)
    assert r.forecasts[0] == pytest.approx([gm11(x[:4]).forecast(1)[0], gm11(x[:5]).forecast(1)[0]])
    assert r.forecasts[1] == pytest.approx([13.6, 15.2])
    assert r.actual == pytest.approx([15.2, 16.4])
    assert r.rmse[1] == pytest.approx(np.sqrt((1.6**2 + 1.2**2) / 2))
    assert r.mape[1] == pytest.approx((1.6 / 15.2 + 1.2 / 16.4) / 2)
    assert r.mase[1] == 1
    assert r.mase[0] < 0.5


def test_rolling_origin_uses_only_the_past() -> None:
    x = 100 * 1.05 ** np.arange(10)
    before = rolling_origin(x).forecasts[:, 0]
    x[6:] *= 1.2
    assert rolling_origin(x, allow_class_ratio_failure=True).forecasts[:, 0] == pytest.approx(before)


def test_two_steps_ahead() -> None:
    x = 100 * 1.05 ** np.arange(9)
    r = rolling_origin(x, steps=2)
    assert r.origins == 4
    assert r.forecasts[1] == pytest.approx(x[3:7])
    assert r.forecasts[0] == pytest.approx(x[5:], rel=2e-3)


def test_refused_origins_are_counted() -> None:
    x = [10.0, 11.0, 12.0, 13.0, 60.0, 66.0, 70.0]
    r = rolling_origin(x)
    assert (r.origins, r.refused) == (1, 2)
    with pytest.raises(GreyRefusal, match="refused at all 2 origins"):
        rolling_origin([1.0, 9.0, 1.0, 9.0, 1.0, 9.0])
    with pytest.raises(ValueError, match="too few"):
        rolling_origin([1.0, 2.0, 3.0])


def test_exponential_smoothing_on_exact_series() -> None:
    assert exponential_smoothing(np.full(6, 3.0), trend=False) == 3
    line = np.arange(2.0, 12.0)
    assert exponential_smoothing(line, trend=True, steps=3) == pytest.approx(14)
    # With alpha = 1 simple smoothing is the naive forecast, the best choice on a line.
    assert exponential_smoothing(line, trend=False) == pytest.approx(11)


def test_filling_declares_itself_and_leaves_observed_values_alone() -> None:
    nan = np.nan
    x = np.array([10.0, 11.0, 12.1, 13.3, nan, nan, 17.0, 18.0, nan])
    filled = fill_gm11(x)
    seen = ~np.isnan(x)
    assert filled.values[seen].tobytes() == x[seen].tobytes()
    assert filled.is_filled.tolist() == [False] * 4 + [True] * 2 + [False] * 3
    assert filled.values[4:6] == pytest.approx(gm11(x[:4]).forecast(2))
    assert np.isnan(filled.values[8])
    assert filled.reasons == ((8, "GM(1,1) needs at least 4 values, got 2"),)
    assert "gm11" in filled.method
