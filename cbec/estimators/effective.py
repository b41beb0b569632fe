"""How many clusters a standard error rests on.

A clustered error is an average over clusters of how far each moves the estimate. With one or two treated
units, or as few to compare with, almost all of it comes from those, whatever the number of all clusters:
the error is then far too small (Conley and Taber 2011), and t(G - 1) rejects 73, 27 and 12 per cent of true
nulls at 5 per cent with one, two and four treated of 36. The effective number of clusters

    G* = (sum of v_g)^2 / sum of v_g^2,  v_g the variance that cluster g contributes

(Carter, Schnepel and Steigerwald 2017, errors independent within clusters) is G when all contribute alike.
With G* - 1 degrees of freedom, an approximation of those of Bell and McCaffrey (2002), tests reject between
3.6 and 7.5 per cent of true nulls from five effective clusters on (`python -m bench.size`); below, where they
reject at most 6 and find next to no effect, `estimates.regression`, `att` and `event_study` have no error
(var `min_effective_clusters`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def effective_number(variances: FloatArray) -> FloatArray:
    """Effective number of clusters from what each contributes. Shape (G, ...) to (...); 0 for nothing."""
    total, squares = variances.sum(axis=0), (variances**2).sum(axis=0)
    return np.asarray(np.divide(total**2, squares, out=np.zeros_like(total), where=squares > 0))


def effective_clusters(design: FloatArray, cluster: NDArray[np.int64]) -> FloatArray:
    """Effective number of clusters behind each coefficient of least squares.

    design: (n, k), the regressors less the fixed effects, of full column rank; cluster: (n,), codes from 0.
    Gives (k,). The scale of a regressor changes nothing.
    """
    scale = np.sqrt((design**2).mean(axis=0))
    scaled = design / np.where(scale > 0, scale, 1.0)
    # What each row adds to a coefficient, for each unit of its error.
    leverage = scaled @ np.linalg.pinv(scaled.T @ scaled)
    variances = np.zeros((int(cluster.max()) + 1, design.shape[1]))
    np.add.at(variances, cluster, leverage**2)
    return effective_number(variances)
