"""Bootstrap inference: bias-corrected scores and the truncated second stage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_ndtr, ndtri_exp

from cbec.efficiency import lp
from cbec.efficiency.lp import ReturnsToScale
from cbec.efficiency.panel import Panel
from cbec.efficiency.technology import Technology, slack_fixed

Float = NDArray[np.float64]
Progress = Callable[[int, int], None]
Orientation = Literal["input", "output"]


@dataclass(frozen=True)
class BootstrapResult:
    """Bias-corrected radial scores, one row per present cell, period by period.

    unit, period: labels. score: theta (input) or phi (output). bias, variance: of the
    bootstrap distribution. bias_corrected = score - bias. lower, upper: basic confidence
    interval for the true score. advisable: whether bias^2 / variance > 3, below which the
    correction adds more noise than it removes (Simar, Wilson 2000). bandwidth: per period.
    replications: draws used. failed: (cells,) draws without a score.
    """

    unit: NDArray[np.object_]
    period: NDArray[np.object_]
    score: Float
    bias: Float
    bias_corrected: Float
    variance: Float
    lower: Float
    upper: Float
    advisable: NDArray[np.bool_]
    bandwidth: Float
    replications: int
    failed: NDArray[np.int64]
    confidence: float


@dataclass(frozen=True)
class TruncatedRegression:
    """Maximum-likelihood fit of y = z'beta + e, e normal, y observed only above ``lower``.

    coefficients: (k,). sigma: scale of e. covariance: (k + 1, k + 1) of (beta, sigma).
    n: observations used. loglikelihood at the maximum.
    """

    coefficients: Float
    sigma: float
    covariance: Float
    loglikelihood: float
    n: int


@dataclass(frozen=True)
class SecondStage:
    """Double-bootstrap second stage (Simar, Wilson 2007, algorithm 2).

    names: of the coefficients, sigma last. coefficients, lower, upper: (k + 1,) estimates and
    basic confidence intervals; p_value: two-sided, from the bootstrap distribution.
    distance: Farrell-Shephard distance >= 1 of each cell, bias_corrected the same after the
    first bootstrap; a positive coefficient means more *inefficiency*.
    """

    names: tuple[str, ...]
    coefficients: Float
    lower: Float
    upper: Float
    p_value: Float
    distance: Float
    bias_corrected: Float
    n: int
    first_replications: int
    second_replications: int
    confidence: float


def _distances(columns: Float, data: Float, technology: Technology, sizes: tuple[int, int, int]) -> Float:
    """Distance >= 1 (phi, or 1 / theta) of each row of data against the columns; NaN if none."""
    m, s, _ = sizes
    direction = np.zeros(data.shape)
    if technology.orientation == "input":
        direction[:, :m] = -data[:, :m]
    else:
        direction[:, m : m + s] = data[:, m : m + s]
    model = lp.FrontierModel(columns, m, s, technology.rts, "directional")
    z = model.solve(
        lp.Batch(
            data,
            direction,
            np.zeros(data.shape),
            slack_fixed(technology, direction, sizes),
            np.full(len(data), -1, dtype=np.int64),
        )
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        out = 1.0 / (1.0 - z.value) if technology.orientation == "input" else 1.0 + z.value
    return np.where(np.isfinite(out) & (out > 0), out, np.nan)


def _pseudo_columns(data: Float, ratio: Float, technology: Technology, sizes: tuple[int, int, int]) -> Float:
    """Reference set with unit i moved radially so that its distance is multiplied by ratio."""
    m, s, _ = sizes
    moved = data.copy()
    if technology.orientation == "input":
        moved[:, :m] *= ratio[:, None]
    else:
        moved[:, m : m + s] /= ratio[:, None]
    return np.ascontiguousarray(moved.T)


def reflected_bandwidth(distance: Float) -> float:
    """Normal-reference bandwidth of the density of distances >= 1, reflected at 1.

    h_R = 1.06 min(sd, IQR / 1.34) (2 m)^(-1/5) on the 2 m reflected values of the m units
    above 1, then h = h_R (2 m / n)^(1/5) (sd_n / sd_R) (Silverman 1986; Daraio, Simar 2007,
    section 3.4). Raises ValueError when fewer than two units are inefficient.
    """
    above = distance[distance > 1 + 1e-9]
    if len(above) < 2:
        raise ValueError(
            f"{len(above)} of {len(distance)} units are inefficient: the density of the "
            "distances cannot be estimated, give the bandwidth as a number"
        )
    both = np.concatenate([above, 2 - above])
    spread = both.std(ddof=1)
    q75, q25 = np.percentile(both, [75, 25])
    h = 1.06 * min(spread, (q75 - q25) / 1.34) * len(both) ** -0.2
    scale = (len(both) / len(distance)) ** 0.2 * distance.std(ddof=1) / spread
    return float(h * scale)


def _smooth_draw(distance: Float, h: float, rng: np.random.Generator) -> Float:
    """Distances drawn from the kernel density reflected at 1, with the reflected variance.

    The variance correction is applied to the reflected sample, which is symmetric about 1,
    before folding. Applied after folding, as first published, it would move every draw away
    from 1 and so open a gap between the pseudo units and the frontier.
    """
    n = len(distance)
    picked = (distance[rng.integers(0, n, n)] - 1.0) * rng.choice([-1.0, 1.0], n)
    variance = max(float(((distance - 1.0) ** 2).mean()), 1e-300)
    noisy = (picked + h * rng.standard_normal(n)) / np.sqrt(1 + h**2 / variance)
    return np.asarray(1.0 + np.abs(noisy))


def _groups(panel: Panel) -> list[tuple[NDArray[np.int64], Float]]:
    """Per period: flat cell numbers and data of the present units."""
    out = []
    for t in range(panel.n_periods):
        here = np.flatnonzero(panel.present[t])
        out.append((t * panel.n_units + here, panel.data[t, here]))
    return out


def _check(panel: Panel, replications: int, confidence: float) -> None:
    if replications < 10:
        raise ValueError(f"replications must be at least 10, got {replications}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, got {confidence}")


def bootstrap_scores(
    panel: Panel,
    *,
    orientation: Orientation = "output",
    rts: ReturnsToScale = "vrs",
    replications: int = 2000,
    confidence: float = 0.95,
    bandwidth: float | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> BootstrapResult:
    """Homogeneous smoothed bootstrap of radial scores (Simar, Wilson 1998).

    Each period is its own sample. Distances are drawn from their kernel density, reflected at
    1; every unit of the reference set is moved to the drawn distance; all units are measured
    against the pseudo reference set. bandwidth: None = ``reflected_bandwidth``. Bad outputs
    are held at equality.

    Raises ValueError for too few replications, a bandwidth <= 0, or a period in which a score
    cannot be computed.
    """
    _check(panel, replications, confidence)
    if bandwidth is not None and bandwidth <= 0:
        raise ValueError(f"bandwidth must be positive, got {bandwidth}")
    technology = Technology("radial", orientation, rts)
    sizes = (panel.n_inputs, panel.n_goods, panel.n_bads)
    rng = np.random.default_rng(seed)
    groups = _groups(panel)
    cells, scores, draws, widths = [], [], [], []
    total, done = replications * len(groups), 0
    for cell, data in groups:
        distance = _distances(np.ascontiguousarray(data.T), data, technology, sizes)
        _need_all(panel, cell, distance)
        h = reflected_bandwidth(distance) if bandwidth is None else float(bandwidth)
        star = np.empty((replications, len(cell)))
        for b in range(replications):
            drawn = _smooth_draw(distance, h, rng)
            columns = _pseudo_columns(data, drawn / distance, technology, sizes)
            star[b] = _distances(columns, data, technology, sizes)
            done += 1
            if progress is not None:
                progress(done, total)
        cells.append(cell)
        scores.append(distance)
        draws.append(star)
        widths.append(h)
    distance, star = np.concatenate(scores), np.hstack(draws)
    if orientation == "input":
        distance, star = 1.0 / distance, 1.0 / star
    bias = np.nanmean(star, axis=0) - distance
    variance = np.nanvar(star, axis=0, ddof=1)
    tail = 50 * (1 - confidence)
    low, high = np.nanpercentile(star - distance, [tail, 100 - tail], axis=0)
    flat = np.concatenate(cells)
    units = np.array(panel.units, dtype=object)
    periods = np.array(panel.periods, dtype=object)
    return BootstrapResult(
        unit=units[flat % panel.n_units],
        period=periods[flat // panel.n_units],
        score=distance,
        bias=bias,
        bias_corrected=distance - bias,
        variance=variance,
        lower=distance - high,
        upper=distance - low,
        advisable=bias**2 > 3 * variance,
        bandwidth=np.array(widths),
        replications=replications,
        failed=np.isnan(star).sum(axis=0),
        confidence=confidence,
    )


def _need_all(panel: Panel, cell: NDArray[np.int64], distance: Float) -> None:
    lost = np.flatnonzero(np.isnan(distance))
    if len(lost):
        c = int(cell[lost[0]])
        raise ValueError(
            f"unit {panel.units[c % panel.n_units]!r}, period "
            f"{panel.periods[c // panel.n_units]!r} has no radial score ({len(lost)} such "
            "units); the bootstrap needs one for every unit"
        )


def truncated_regression(y: ArrayLike, z: ArrayLike, lower: float = 1.0) -> TruncatedRegression:
    """Normal regression truncated from below at ``lower``, by maximum likelihood.

    y: (n,), all > lower. z: (n, k), constant included by the caller. With gamma = beta/sigma
    and theta = 1/sigma the log-likelihood sum [log theta - (theta y - z'gamma)^2 / 2 -
    log Phi(z'gamma - theta lower)] is concave (Orme, Ruud 2002), so Newton's method with step
    halving finds its only maximum.

    Raises ValueError when y does not exceed lower, z is rank deficient, there are too few
    observations, or the likelihood has no interior maximum.
    """
    outcome = np.asarray(y, dtype=np.float64)
    design = np.asarray(z, dtype=np.float64)
    n, k = design.shape
    if outcome.shape != (n,):
        raise ValueError(f"y has shape {outcome.shape}, z has {n} rows")
    if not (np.isfinite(outcome).all() and np.isfinite(design).all()):
        raise ValueError("y and z must be finite")
    if (outcome <= lower).any():
        raise ValueError(f"{int((outcome <= lower).sum())} values of y are not above {lower}")
    if n <= k + 1 or np.linalg.matrix_rank(design) < k:
        raise ValueError(f"{n} observations cannot identify {k} coefficients and sigma")
    scale = np.where(np.abs(design).max(axis=0) > 0, np.abs(design).max(axis=0), 1.0)
    w = np.c_[-design / scale, outcome]
    c = np.c_[design / scale, np.full(n, -lower)]

    def value(p: Float) -> float:
        if p[-1] <= 0:
            return -np.inf
        return float(n * np.log(p[-1]) - 0.5 * ((w @ p) ** 2).sum() - log_ndtr(c @ p).sum())

    beta = np.linalg.lstsq(design / scale, outcome, rcond=None)[0]
    spread = max(float((outcome - design / scale @ beta).std()), 1e-8 * np.abs(outcome).max())
    p = np.r_[beta, 1.0] / spread
    now = value(p)
    hessian = np.eye(k + 1)
    for _ in range(200):
        u = w @ p
        a = c @ p
        mills = np.exp(-0.5 * a**2 - 0.5 * np.log(2 * np.pi) - log_ndtr(a))
        gradient = -w.T @ u - c.T @ mills
        gradient[-1] += n / p[-1]
        hessian = -(w.T @ w) + (c * (mills * (mills + a))[:, None]).T @ c
        hessian[-1, -1] -= n / p[-1] ** 2
        try:
            step = np.linalg.solve(hessian, -gradient)
        except np.linalg.LinAlgError:
            raise ValueError("the truncated likelihood is flat: no interior maximum") from None
        slope = float(gradient @ step)
        if slope < 1e-12 * max(1.0, abs(now)):
            break
        length = 1.0
        while length > 1e-12:
            trial = p + length * step
            new = value(trial)
            if new >= now + 1e-4 * length * slope:
                break
            length /= 2
        else:
            break
        p, now = trial, new
        if p[-1] < 1e-6 / spread or not np.isfinite(p).all():
            raise ValueError("the truncated likelihood rises without bound: no interior maximum")
    else:
        raise ValueError("the truncated likelihood did not converge in 200 Newton steps")
    sigma = 1.0 / p[-1]
    # Delta method from (gamma, theta) in scaled covariates to (beta, sigma).
    jacobian = np.zeros((k + 1, k + 1))
    jacobian[:k, :k] = np.diag(sigma / scale)
    jacobian[:k, k] = -p[:k] * sigma**2 / scale
    jacobian[k, k] = -(sigma**2)
    covariance = jacobian @ np.linalg.inv(-hessian) @ jacobian.T
    loglikelihood = now - 0.5 * n * np.log(2 * np.pi)
    return TruncatedRegression(p[:k] * sigma / scale, sigma, covariance, loglikelihood, n)


def _truncated_errors(mean: Float, sigma: float, rng: np.random.Generator) -> Float:
    """Normal errors with standard deviation sigma, left-truncated at 1 - mean."""
    bound = (1.0 - mean) / sigma
    log_u = np.log(rng.uniform(np.finfo(np.float64).tiny, 1.0, len(mean)))
    return np.asarray(-sigma * ndtri_exp(log_u + log_ndtr(-bound)))


def second_stage(
    panel: Panel,
    covariates: ArrayLike,
    *,
    names: tuple[str, ...] | None = None,
    orientation: Orientation = "output",
    rts: ReturnsToScale = "vrs",
    first_replications: int = 100,
    second_replications: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
    progress: Progress | None = None,
) -> SecondStage:
    """What drives inefficiency: Simar and Wilson (2007), algorithm 2.

    Distances >= 1 (phi, or 1 / theta) are regressed on covariates by truncated regression;
    the first bootstrap corrects the distances for bias, the second gives the intervals.
    Frontiers are contemporaneous; the regression pools all periods.

    covariates: (periods, units, k), or (units, k) for one period; a constant is added. Cells
    absent from the panel are skipped. Raises ValueError for non-finite covariates, too few
    inefficient units, or a regression without a maximum.
    """
    _check(panel, min(first_replications, second_replications), confidence)
    z_all = np.asarray(covariates, dtype=np.float64)
    if z_all.ndim == 2 and panel.n_periods == 1:
        z_all = z_all[None]
    if z_all.shape[:2] != (panel.n_periods, panel.n_units) or z_all.ndim != 3:
        raise ValueError(
            f"covariates must be shaped (periods, units, k) = ({panel.n_periods}, "
            f"{panel.n_units}, k), got {z_all.shape}"
        )
    k = z_all.shape[2]
    labels = names if names is not None else tuple(f"covariate_{i + 1}" for i in range(k))
    if len(labels) != k:
        raise ValueError(f"{len(labels)} names for {k} covariates")
    groups = _groups(panel)
    cells = np.concatenate([cell for cell, _ in groups])
    z = z_all.reshape(-1, k)[cells]
    if not np.isfinite(z).all():
        i, v = np.argwhere(~np.isfinite(z))[0]
        c = int(cells[i])
        raise ValueError(
            f"covariates must be finite: unit {panel.units[c % panel.n_units]!r}, period "
            f"{panel.periods[c // panel.n_units]!r}, {labels[v]} = {float(z[i, v])!r}"
        )
    z = np.c_[np.ones(len(z)), z]
    technology = Technology("radial", orientation, rts)
    sizes = (panel.n_inputs, panel.n_goods, panel.n_bads)
    rng = np.random.default_rng(seed)
    parts = [_distances(np.ascontiguousarray(d.T), d, technology, sizes) for _, d in groups]
    distance = np.concatenate(parts)
    _need_all(panel, cells, distance)
    above = distance > 1 + 1e-9
    if above.sum() <= k + 2:
        raise ValueError(
            f"only {int(above.sum())} of {len(distance)} units are inefficient: too few for a "
            f"regression with {k + 1} coefficients"
        )
    fit = truncated_regression(distance[above], z[above])
    mean = z @ fit.coefficients
    total = first_replications + second_replications
    star = np.empty((first_replications, len(distance)))
    ends = np.cumsum([len(cell) for cell, _ in groups])
    for b in range(first_replications):
        drawn = mean + _truncated_errors(mean, fit.sigma, rng)
        for (_, data), end in zip(groups, ends, strict=True):
            here = slice(end - len(data), end)
            columns = _pseudo_columns(data, drawn[here] / distance[here], technology, sizes)
            star[b, here] = _distances(columns, data, technology, sizes)
        if progress is not None:
            progress(b + 1, total)
    corrected = 2 * distance - np.nanmean(star, axis=0)
    # The correction can push a distance below 1 where the regression has no support.
    usable = corrected > 1 + 1e-9
    fit = truncated_regression(corrected[usable], z[usable])
    estimate = np.r_[fit.coefficients, fit.sigma]
    mean = z[usable] @ fit.coefficients
    boot = np.full((second_replications, k + 2), np.nan)
    for b in range(second_replications):
        drawn = mean + _truncated_errors(mean, fit.sigma, rng)
        try:
            again = truncated_regression(np.maximum(drawn, 1 + 1e-12), z[usable])
            boot[b] = np.r_[again.coefficients, again.sigma]
        except ValueError:
            continue
        if progress is not None:
            progress(first_replications + b + 1, total)
    boot = boot[np.isfinite(boot).all(axis=1)]
    if len(boot) < second_replications / 2:
        raise ValueError(
            f"{second_replications - len(boot)} of {second_replications} bootstrap regressions "
            "have no maximum: the model is not identified on these data"
        )
    tail = 50 * (1 - confidence)
    low, high = np.percentile(boot - estimate, [tail, 100 - tail], axis=0)
    p_value = (1 + (np.abs(boot - estimate) >= np.abs(estimate)).sum(axis=0)) / (1 + len(boot))
    return SecondStage(
        names=("constant", *labels, "sigma"),
        coefficients=estimate,
        lower=estimate - high,
        upper=estimate - low,
        p_value=p_value,
        distance=distance,
        bias_corrected=corrected,
        n=int(usable.sum()),
        first_replications=first_replications,
        second_replications=len(boot),
        confidence=confidence,
    )
