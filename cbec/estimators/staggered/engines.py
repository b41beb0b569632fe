"""The estimators of staggered treatment by name."""

from __future__ import annotations

from collections.abc import Callable

from cbec.estimators.staggered.aggregation import Estimates, Options
from cbec.estimators.staggered.callaway_santanna import callaway_santanna
from cbec.estimators.staggered.libraries import (
    extended_twfe,
    imputation,
    lp_did,
    stacked_did,
    two_stage,
)
from cbec.estimators.staggered.sample import Sample
from cbec.estimators.staggered.switchers import de_chaisemartin_dhaultfoeuille
from cbec.estimators.staggered.synthetic import synthetic_did
from cbec.estimators.staggered.two_way import sun_abraham, twfe, twfe_event_study

#: Which absorb effects of units and years; the others compare changes, from which both are gone.
ABSORBS_EFFECTS = (
    "twfe", "twfe_event_study", "sun_abraham", "imputation", "two_stage", "extended_twfe", "synthetic_did",
)  # fmt: skip

ESTIMATORS: dict[str, Callable[[Sample, Options], Estimates]] = {
    "twfe": twfe,
    "twfe_event_study": twfe_event_study,
    "callaway_santanna": callaway_santanna,
    "sun_abraham": sun_abraham,
    "imputation": imputation,
    "two_stage": two_stage,
    "stacked": stacked_did,
    "lp_did": lp_did,
    "extended_twfe": extended_twfe,
    "de_chaisemartin_dhaultfoeuille": de_chaisemartin_dhaultfoeuille,
    "synthetic_did": synthetic_did,
}
