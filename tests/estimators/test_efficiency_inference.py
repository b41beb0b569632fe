"""Bootstraps against known truths; the truncated regression against a second optimiser."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize  # type: ignore[import-untyped]
from scipy.stats import norm  # type: ignore[import-untyped]

from cbec.efficiency.inference import (
    bootstrap_scores,
    reflected_bandwidth,
    second_stage,
    truncated_regression,
)
from cbec.efficiency.panel import Panel, cross_section


def sample(seed: int, n: int = 60) -> tuple[Panel, np.ndarray]:
    """One input, one output, frontier y = sqrt(x), true distances 1 + exponential."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(1, 9, n)
    distance = 1 + rng.exponential(0.3, n)
    return cross_section(x, np.sqrt(x) / distance), distance


def test_bias_correction_moves_towards_the_truth_and_intervals_cover_it() -> None:
    raw, corrected, covered = [], [], []
    for seed in range(8):
        panel, truth = sample(seed)
        r = bootstrap_scores(panel, replications=120, seed=seed)
        raw.append((r.score - truth).mean())
        corrected.append((r.bias_corrected - truth).mean())
        covered.append(((r.lower <= truth) & (truth <= r.upper)).mean())
        assert (r.bias_corrected >= r.score - 1e-12).all()
        assert (r.lower <= r.upper).all() and (r.failed == 0).all()
    # DEA is too optimistic by construction; most of that must be gone.
    assert np.mean(raw) < -0.03
    assert abs(np.mean(corrected)) < 0.4 * abs(np.mean(raw))
    # Nominal 0.95 at interior points; the ends of the frontier are never covered well.
    assert 0.7 < np.mean(covered) <= 0.99


def test_input_orientation_corrects_downwards() -> None:
    panel, _ = sample(1)
    r = bootstrap_scores(panel, orientation="input", replications=60)
    assert (r.score <= 1 + 1e-12).all()
    assert (r.bias_corrected <= r.score + 1e-12).all()
    assert (r.bias_corrected < r.score - 1e-4).mean() > 0.9


def test_bootstrap_is_reproducible_and_reports_progress() -> None:
    panel, _ = sample(2, n=20)
    seen: list[tuple[int, int]] = []
    a = bootstrap_scores(
        panel, replications=20, seed=5, progress=lambda done, total: seen.append((done, total))
    )
    b = bootstrap_scores(panel, replications=20, seed=5)
    c = bootstrap_scores(panel, replications=20, seed=6)
    assert a.bias.tobytes() == b.bias.tobytes()
    assert not np.allclose(a.bias, c.bias)
    assert seen[0] == (1, 20) and seen[-1] == (20, 20)


def test_bandwidth_follows_the_formula() -> None:
    distance = np.array([1.0, 1.0, 1.2, 1.4, 1.6])
    both = np.array([1.2, 1.4, 1.6, 0.8, 0.6, 0.4])
    q75, q25 = np.percentile(both, [75, 25])
    spread = both.std(ddof=1)
    h = 1.06 * min(spread, (q75 - q25) / 1.34) * 6**-0.2
    expected = h * (6 / 5) ** 0.2 * distance.std(ddof=1) / spread
    assert reflected_bandwidth(distance) == pytest.approx(expected)
    with pytest.raises(ValueError, match="1 of 3 units are inefficient"):
        reflected_bandwidth(np.array([1.0, 1.0, 1.5]))


def truncated_sample(seed: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    z = np.c_[np.ones(n), rng.normal(size=n)]
    y = z @ [1.2, 0.5] + rng.normal(0, 0.4, n)
    while (y <= 1).any():
        low = y <= 1
        y[low] = z[low] @ [1.2, 0.5] + rng.normal(0, 0.4, low.sum())
    return y, z


def test_truncated_regression_equals_a_general_optimiser() -> None:
    y, z = truncated_sample(0, 300)

    def loss(p: np.ndarray) -> float:
        mean, sigma = z @ p[:2], np.exp(p[2])
        inside = norm.logsf(1, mean, sigma)
        return float(-(norm.logpdf(y, mean, sigma) - inside).sum())

    other = minimize(loss, [1.5, 0.1, 0.0], method="BFGS", options={"gtol": 1e-9})
    fit = truncated_regression(y, z)
    assert fit.coefficients == pytest.approx(other.x[:2], rel=1e-5)
    assert fit.sigma == pytest.approx(np.exp(other.x[2]), rel=1e-5)
    assert fit.loglikelihood == pytest.approx(-other.fun, rel=1e-10)
    # Covariance against the second optimiser's Hessian by central differences.
    p = np.r_[fit.coefficients, np.log(fit.sigma)]
    step = 1e-4
    hessian = np.empty((3, 3))
    for i in range(3):
        for j in range(3):
            e, f = step * np.eye(3)[i], step * np.eye(3)[j]
            hessian[i, j] = (loss(p + e + f) - loss(p + e - f) - loss(p - e + f) + loss(p - e - f)) / (
                4 * step**2
            )
    cov = np.linalg.inv(hessian)
    assert np.sqrt(np.diag(fit.covariance))[:2] == pytest.approx(np.sqrt(np.diag(cov))[:2], rel=1e-3)


def test_truncated_regression_recovers_the_truth_that_least_squares_misses() -> None:
    y, z = truncated_sample(1, 20_000)
    fit = truncated_regression(y, z)
    assert fit.coefficients == pytest.approx([1.2, 0.5], abs=0.03)
    assert fit.sigma == pytest.approx(0.4, abs=0.02)
    ols = np.linalg.lstsq(z, y, rcond=None)[0]
    assert abs(ols[1] - 0.5) > 0.1


def test_truncated_regression_does_not_depend_on_the_units_of_covariates() -> None:
    y, z = truncated_sample(2, 200)
    a = truncated_regression(y, z)
    b = truncated_regression(y, z * [1, 1e7])
    assert b.coefficients[1] * 1e7 == pytest.approx(a.coefficients[1], rel=1e-6)
    assert b.sigma == pytest.approx(a.sigma, rel=1e-6)


@pytest.mark.parametrize(
    ("y", "z", "message"),
    [
        ([1.0, 2.0, 3.0, 4.0], np.ones((4, 1)), "1 values of y are not above 1"),
        ([2.0, 3.0], np.ones((2, 1)), "cannot identify"),
        ([2.0, 3.0, 4.0, 5.0, 6.0], np.ones((5, 2)), "cannot identify"),
        ([2.0, np.nan, 4.0, 5.0], np.ones((4, 1)), "must be finite"),
    ],
)
def test_truncated_regression_refuses(y: list[float], z: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        truncated_regression(y, z)


def planted(n: int = 80) -> tuple[Panel, np.ndarray]:
    rng = np.random.default_rng(4)
    x = rng.uniform(1, 9, n)
    z = rng.normal(size=(n, 2))
    y, _ = truncated_sample(4, n)
    z[:, 0] = truncated_sample(4, n)[1][:, 1]
    return cross_section(x, x**0.8 / y), z


def test_second_stage_finds_the_driver_and_not_the_noise() -> None:
    panel, z = planted()
    r = second_stage(panel, z, names=("driver", "noise"), first_replications=40, second_replications=200)
    assert r.names == ("constant", "driver", "noise", "sigma")
    assert r.lower[1] > 0 and r.p_value[1] < 0.02
    assert 0.3 < r.coefficients[1] < 0.8
    assert r.lower[2] < 0 < r.upper[2]
    assert (r.bias_corrected >= r.distance - 1e-9).mean() > 0.95


def test_second_stage_names_a_missing_covariate() -> None:
    panel, z = planted()
    z[7, 1] = np.nan
    with pytest.raises(ValueError, match="unit 7, period 0, covariate_2 = nan"):
        second_stage(panel, z)
    with pytest.raises(ValueError, match="covariates must be shaped"):
        second_stage(panel, z[:5])
