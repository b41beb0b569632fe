"""Data envelopment analysis, productivity indices and the grey model; no database and no dbt inside.

What the library offers is listed here by module, and loaded when it is requested, as in `cbec.estimators`.
"""

from cbec.common.public import offered

__all__, __getattr__ = offered(__name__, {
    "frontier": ("EfficiencyResult", "Peers", "evaluate"),
    "grey": ("GreyRefusal", "exponential_smoothing", "fill_gm11", "gm11", "rolling_origin"),
    "index": (
        "ProductivityResult", "malmquist", "malmquist_luenberger", "productivity_index",
        "sbm_malmquist_luenberger",
    ),
    "inference": ("bootstrap_scores", "second_stage", "truncated_regression"),
    "panel": ("Panel", "cross_section", "cube_panel", "long_panel", "rule_of_thumb"),
    "technology": ("Technology", "efficiency_of"),
})  # fmt: skip
