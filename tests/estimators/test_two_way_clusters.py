"""Errors clustered two ways where the matrix is not positive semi-definite, against R."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cbec.estimators.regression import MENDED, Fit, fit_least_squares, positive_semidefinite
from cbec.estimators.specification import Specification

SPEC = Specification.from_row(
    {
        "study_id": "s", "table_no": "T", "column_no": 1, "estimator": "twfe", "outcome": "y", "treatment": "d",
        "treatment_rule": None, "controls": "x", "fixed_effects": "unit + year", "vcov": "CRV1:unit+year",
        "sample": "all",
    }
)  # fmt: skip


def waves(k: float, n: int) -> np.ndarray:
    return np.round(np.sin(k * np.arange(1, n + 1) ** 1.5), 3)


def panel(k: float) -> pd.DataFrame:
    """Eight units and five years without a random number, so that R reads the same figures."""
    frame = pd.DataFrame([(u, 2010 + t) for u in range(8) for t in range(5)], columns=["unit", "year"])
    frame["d"] = (frame["year"] - 2010 >= 1 + frame["unit"] % 4).astype(float)
    frame["x"] = waves(k, 40)
    frame["y"] = np.round(2 * waves(k + 0.7, 40) + 0.3 * frame["d"] + 0.2 * frame["x"], 3)
    return frame


# fixest 0.14.2, R 4.2.2: feols(y ~ d + x | unit + year, vcov = ~unit + year): estimates, errors, p values.
# Without the correction the errors are (.348, .164), none, (.4155, none) and (none, .171).
CASES = [
    (1.3, (0.1972568013, 0.5256178669), (0.3549982688, 0.2036047005), (0.6080579508, 0.06122649074)),
    (1.8, (-0.008829513044, 0.2888644545), (0.09670631796, 0.1931970249), (0.9316419089, 0.2091878323)),
    (5.3, (0.9992074606, 0.6083351487), (0.4155872896, 0.03385147488), (0.07400834934, 5.636084837e-05)),
    (5.4, (-0.929112262, 0.2764035728), (0.09462917932, 0.1911328701), (0.0006032906884, 0.2216739999)),
]


def columns(fit: Fit, clusters: int) -> np.ndarray:
    """Estimates, errors and p values by t(G - 1), as fixest has them."""
    return np.array(
        [[t.estimate, t.std_error, 2 * stats.t.sf(abs(t.t_value or 0), clusters - 1)] for t in fit.terms]
    ).T


@pytest.mark.parametrize(("k", "estimates", "errors", "p_values"), CASES)
def test_a_matrix_that_is_not_positive_is_mended_as_in_fixest(
    k: float, estimates: tuple[float, ...], errors: tuple[float, ...], p_values: tuple[float, ...]
) -> None:
    fit = fit_least_squares(panel(k), SPEC)
    np.testing.assert_allclose(columns(fit, 5), [estimates, errors, p_values], rtol=1e-7)
    assert fit.note == MENDED


def test_the_unit_of_the_outcome_does_not_touch_the_mended_errors() -> None:
    plain = columns(fit_least_squares(panel(1.3), SPEC), 5)
    yuan = columns(fit_least_squares(panel(1.3).assign(y=lambda f: f["y"] * 1e9), SPEC), 5)
    np.testing.assert_allclose(yuan, plain * np.array([[1e9], [1e9], [1]]), rtol=1e-6)


def test_a_matrix_that_is_positive_stays_as_it_is() -> None:
    matrix = np.array([[2.0, 0.5], [0.5, 1.0]])
    found, is_mended = positive_semidefinite(matrix)
    assert found is matrix and not is_mended
    # Rounding of a singular one is no fault.
    root = np.array([[1.0], [1 / 3]])
    assert not positive_semidefinite(root @ root.T)[1]


def test_a_tiny_p_value_is_not_zero() -> None:
    """1 - cdf gives 0 or 2.2e-16; R 4.2.2: 2 * pt(-t, 26) of fixest's t of 1175029.627."""
    frame = panel(1.3).assign(y=lambda f: 1e6 * f["d"] + f["y"])
    d = fit_least_squares(frame, SPEC.with_(vcov="iid")).terms[0]
    assert d.p_value == pytest.approx(5.803137e-141, rel=1e-5)
