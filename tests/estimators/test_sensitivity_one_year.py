"""Honest intervals with one year after treatment, against the authors' package.

HonestDiD 0.2.8 in R 4.2.2: its function computeConditionalCS_DeltaRM on a grid of 0.0005, the quantile of the
truncated normal from qnorm.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from cbec.estimators.sensitivity import honest_did
from cbec.estimators.staggered.fit import EventTime

FIRST = ((0.1, -0.05, 0.08, 1.0), np.diag([0.01] * 4))
SECOND = (
    (-0.06, 0.12, 0.7),
    np.array([[0.02, 0.008, 0.004], [0.008, 0.015, 0.006], [0.004, 0.006, 0.03]]),
)
CASES = [
    (FIRST, 0.0, 0.8, 1.2),
    (FIRST, 0.5, 0.7155, 1.2845),
    (FIRST, 1.0, 0.557, 1.443),
    (SECOND, 0.0, 0.3535, 1.0465),
    (SECOND, 1.0, 0.16, 1.27),
]


@pytest.mark.parametrize(("path", "bound", "low", "high"), CASES)
def test_relative_magnitudes_with_one_year_after_treatment_equal_honestdid(
    path: tuple[tuple[float, ...], np.ndarray], bound: float, low: float, high: float
) -> None:
    estimates, covariance = path
    n_before = len(estimates) - 1
    years = [*range(-1 - n_before, -1), 0]
    events = [
        EventTime(year, b, math.sqrt(v), math.nan, math.nan, 1)
        for year, b, v in zip(years, estimates, np.diag(covariance), strict=True)
    ]
    found = honest_did(events, covariance, bounds=(bound,), with_breakdown=False).intervals[0]
    # The package prints points of its grid inside the interval.
    np.testing.assert_allclose([found.ci_low, found.ci_high], [low, high], rtol=0, atol=6e-4)
