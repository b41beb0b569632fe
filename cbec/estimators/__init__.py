"""Estimators: data frames in, frozen results out; no database and no dbt inside.

What the library offers is listed here by module. `from cbec.estimators import fit_staggered` loads the module
of that name and no other; code of this package names the module itself, so that a build knows what it reads.
"""

from cbec.common.public import offered

__all__, __getattr__ = offered(__name__, {
    "absorb": ("build_projector", "fit_treatment", "residualise"),
    "bounds": ("coefficient_bounds", "residual_deviation"),
    "diagnostics": (
        "bacon_decomposition", "pretrend_power", "pretrend_test", "twfe_weights",
    ),
    "exact": ("exact_event_study", "exact_twfe"),
    "functional_form": ("density_test", "transformed"),
    "imputation": ("impute", "pool"),
    "mediation": ("mediate", "sobel"),
    "multiple_testing": ("family_test", "group_difference_test", "holm", "romano_wolf"),
    "panel": ("Panel", "prepare_panel"),
    "panel_tests": ("f_test_of_effects", "hausman", "variance_inflation", "winsorise"),
    "permutations": ("every_assignment", "plan_assignments", "random_assignments", "randomisation_p"),
    "placebo": ("leave_one_out", "placebo_frame", "placebo_test", "time_placebo"),
    "policies": ("concurrent_policies",),
    "power": ("minimum_detectable_effect", "power_of_test"),
    "regression": ("fit_least_squares", "fit_random_effects", "fit_unit_slopes", "great_circle_km"),
    "selection": ("balance", "entropy_did", "entropy_twfe", "entropy_weights", "matched_did"),
    "sensitivity": ("honest_did",),
    "specification": ("Specification",),
    "spillover": ("distance_to_treated", "spillovers"),
    "staggered.fit": ("StaggeredFit", "fit_staggered"),
    "staggered.sample": ("prepare_sample",),
    "wild_bootstrap": ("wild_cluster_bootstrap",),
})  # fmt: skip
