"""p values as the references have them."""

from __future__ import annotations

from scipy import stats

from cbec.estimators.regression import Term
from cbec.estimators.staggered.fit import Effect


def p_of_g(found: Term | Effect, n_clusters: int | None) -> float | None:
    """By t(G - 1), as fixest has it, of a clustered error; ours has the effective number of clusters for G."""
    if found.n_effective_clusters is None or n_clusters is None or found.std_error is None:
        return found.p_value
    return float(2 * stats.t.sf(abs(found.estimate / found.std_error), n_clusters - 1))
