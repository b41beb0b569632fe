"""Mutants: one line of the project changed so that its results are wrong, and the tests that must notice.

Each is a mistake that somebody could make: a sign, a bound, a degree of freedom, a unit. Run by `make mutants`
(`tests/mutants.py`). An `old` stands exactly once in its file; `tests/unit/test_mutants.py` holds that.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """path: of the file, from the root; old, new: the text that is changed; tests: of pytest, quick ones that
    need no built warehouse; why: what a reader would get."""

    path: str
    old: str
    new: str
    tests: tuple[str, ...]
    why: str


E_, S_, Q_ = "cbec/estimators/", "cbec/estimators/staggered/", "cbec/efficiency/"
T_, R_ = "tests/estimators/test_", "tests/reference/test_reference_"

#: Tests by what they hold; mutants of one set share its unmutated run.
INTERVALS = (
    f"{T_}properties.py::test_p_and_interval_are_of_one_t",
    f"{T_}properties.py::test_the_covariance_of_events_is_in_the_unit_of_the_outcome",
)
CONLEY = (
    f"{T_}specifications.py::test_conley_equals_the_double_sum_and_nests_clustering",
    f"{T_}specifications.py::test_distances_are_those_of_a_map",
    f"{T_}specifications.py::test_slopes_by_unit_equal_least_squares_in_each",
)
TWO_WAY = (f"{T_}two_way_clusters.py",)
NUMBERS = (
    f"{T_}effective.py::test_regressions_have_the_numbers_of_r",
    f"{T_}effective.py::test_clusters_that_contribute_alike_all_count",
    f"{T_}effective.py::test_few_on_either_side_are_few",
    f"{T_}effective.py::test_who_is_compared_with_matters",
)
EQUIVALENCE = (
    f"{T_}equivalence.py::test_one_coefficient_is_statsmodels_two_one_sided_tests",
    f"{T_}equivalence.py::test_the_bound_is_the_smallest_margin_that_is_accepted",
    f"{T_}equivalence.py::test_deviation_within_units_and_years_is_that_of_the_residuals",
    f"{T_}equivalence.py::test_independent_effects_have_sidaks_value",
    f"{T_}equivalence.py::test_bands_hold_all_effects_at_once_and_are_never_inside_the_intervals",
)
GROUP_TIME = (f"{R_}staggered.py::test_callaway_santanna_and_its_four_averages_equal_r_did",)
STAGGERED = (
    f"{T_}staggered.py::test_callaway_santanna_averages_equal_those_of_diff_diff",
    f"{T_}staggered.py::test_callaway_santanna_clusters_as_diff_diff",
    f"{T_}staggered.py::test_averages_weigh_cells_as_their_names_say",
)
CONTROLS = (f"{T_}staggered_against_r.py",)
LONE = (f"{T_}lone_cohorts.py",)
FEW = (
    f"{T_}few_clusters.py::test_cv3_of_grunfeld_is_that_of_r",
    f"{T_}few_clusters.py::test_conley_taber_is_what_its_definition_says",
    f"{T_}few_clusters.py::test_placebos_of_group_time_effects_are_measured_from_the_year_before",
)
BOOTSTRAP = (
    f"{T_}inference.py::test_estimate_and_error_equal_the_within_module",
    f"{T_}inference.py::test_p_values_by_hand",
    f"{T_}inference.py::test_all_signs_are_enumerated_and_symmetric",
)
DETECTABLE = (f"{T_}comparability_tables.py::test_the_least_effect_is_that_of_the_published_test",)
FAMILY = (
    f"{T_}inference.py::test_holm_is_never_below_what_romano_and_wolf_can_say",
    f"{T_}inference.py::test_holm_by_hand",
    f"{T_}inference.py::test_romano_wolf_equals_its_definition_and_pyfixest",
    f"{T_}inference.py::test_every_split_equals_two_regressions",
)
WALD = (f"{T_}group_wald.py",)
PLACEBO = (
    f"{T_}placebo.py::test_p_value_with_and_without_correction",
    f"{T_}placebo.py::test_ten_cities_are_enumerated",
    f"{T_}placebo.py::test_time_placebo_equals_pyfixest_on_untreated_cells",
    f"{T_}placebo.py::test_every_draw_equals_pyfixest",
)
HONEST = (
    f"{T_}diagnostics.py::test_intervals_widen_with_the_bound_and_scale_with_the_outcome",
    f"{R_}staggered.py::test_honest_intervals_equal_those_of_its_authors",
)
SELECTION = (f"{T_}selection.py",)
MEDIATION = (f"{R_}panel.py::test_three_steps_and_sobel_equal_r", f"{R_}panel.py::test_sobel_by_hand")
RINGS = (f"{T_}spillover.py",)
DENSITY = (
    f"{T_}functional_form.py::test_the_density_of_two_periods_by_hand",
    f"{T_}functional_form.py::test_a_second_engine_agrees",
)
INDEX = (
    f"{T_}efficiency_index.py::test_one_input_one_output_by_hand",
    f"{T_}efficiency_index.py::test_luenberger_by_hand",
    f"{T_}efficiency_index.py::test_global_index_is_circular",
    f"{T_}efficiency_index.py::test_reference_periods",
)
SCORES = (f"{T_}efficiency_published.py",)
GREY = (f"{T_}efficiency_grey.py",)
LETTERS = (
    f"{T_}cell_status.py::test_the_worst_letter_is_the_registry_s",
    f"{T_}cell_status.py::test_a_letter_that_is_there_reads_neither_0_nor_100",
)
STATUS = (
    f"{T_}cell_status.py::test_a_column_that_parts_the_sample_is_among_the_cells",
    f"{T_}cell_status.py::test_status_is_of_the_cells_that_entered",
)
SAMPLE = (
    f"{T_}specifications.py::test_lags_come_from_the_year_before_even_outside_of_the_sample",
    f"{T_}specifications.py::test_median_groups_are_fixed_before_treatment_and_the_papers_are_not",
    f"{T_}specifications.py::test_a_study_is_not_estimated_on_what_is_left_of_its_sample",
)
ENTROPY = ("tests/quality/test_index.py",)
VERDICT = ("tests/audit/test_replication_rules.py",)
AUDITED = (
    "tests/audit/test_table_audit.py::test_a_rule_tells_a_good_table_from_a_bad_one",
    "tests/audit/test_table_audit.py::test_intervals_hold_every_value_that_rounds",
    "tests/audit/test_table_audit.py::test_one_value_in_the_interval_is_enough_and_none_is_too_few",
)
PRINTED = (
    "tests/audit/test_publication_audit.py::test_a_printed_t_is_what_rounds_to_it",
    "tests/audit/test_publication_audit.py::test_a_rule_tells_a_good_cell_from_a_bad_one",
    "tests/audit/test_publication_audit.py::test_a_claim_tells_a_good_cell_from_a_bad_one",
    "tests/audit/test_publication_audit.py::test_cells_of_claims_exist_and_units_are_halved",
)
TABLES = (
    "tests/report/test_tables.py::test_coefficients_brackets_and_stars",
    "tests/report/test_tables.py::test_brackets_of_a_column_hold_its_own_numbers",
    "tests/report/test_tables.py::test_stars_of_an_event_study_agree_with_its_interval",
    f"{T_}properties.py::test_stars",
)
UNITS = (
    "tests/ingest/test_units_agree.py::test_a_unit_of_each_row_is_used",
    "tests/ingest/test_units_agree.py::test_english_numerals_in_a_header",
    "tests/ingest/test_units_agree.py::test_english_numerals_before_a_unit",
)
SHARES = ("tests/ingest/test_shares.py",)
POOLED = (
    f"{T_}imputation.py::test_pooling_is_that_of_mice",
    f"{T_}imputation.py::test_many_imputations_leave_within_plus_between",
)
IMPUTED = (
    f"{T_}imputation.py::test_rows_and_labels_do_not_matter",
    f"{T_}imputation.py::test_imputations_of_one_variable_have_the_moments_of_mice",
    f"{T_}imputation.py::test_what_cannot_be_imputed_is_refused",
)
BOUNDED = (f"{T_}bounds.py",)
ORDERED = (f"{T_}canonical_order.py",)
FILLED = (
    f"{T_}filled_cells.py::test_the_row_is_rubins_rule_over_the_fits_of_the_column",
    f"{T_}filled_cells.py::test_imputation_forgets_what_was_filled_and_the_column_does_not",
    f"{T_}filled_cells.py::test_rows_leave_until_every_cell_has_an_observed_one",
    f"{T_}filled_cells.py::test_an_outcome_that_is_its_own_control_has_no_bounds",
)

ESTIMATORS = (
    Mutant(f"{E_}regression.py", "df = min(df, effective - 1)", "df = min(df, effective)", INTERVALS, "p of one cluster too many"),
    Mutant(f"{E_}regression.py", "stats.t.ppf(0.975, df)) * std_error", "stats.t.ppf(0.95, df)) * std_error", INTERVALS, "a 90 % interval sold as one of 95 %"),
    Mutant(f"{E_}regression.py", "p_value=_finite(2 * stats.t.sf(abs(t), df))", "p_value=_finite(stats.t.sf(abs(t), df))", INTERVALS, "half of p"),
    Mutant(f"{E_}regression.py", "(near @ of_year) - of_year.T @ of_year", "(near @ of_year)", CONLEY, "a unit counts twice in Conley errors"),
    Mutant(f"{E_}regression.py", "return np.asarray(2 * EARTH_RADIUS_KM", "return np.asarray(EARTH_RADIUS_KM", CONLEY, "half of every distance"),
    Mutant(f"{E_}regression.py", "np.std(slopes, ddof=1)", "np.std(slopes, ddof=0)", CONLEY, "the error of a mean of slopes without its degree of freedom"),
    Mutant(f"{E_}regression.py", "(vectors * np.maximum(values, 0.0)) @ vectors.T", "(vectors * np.abs(values)) @ vectors.T", TWO_WAY, "negative eigenvalues turned over"),
    Mutant(f"{E_}effective.py", "np.divide(total**2, squares", "np.divide(total, squares", NUMBERS, "a number of clusters in units of the outcome"),
    Mutant(f"{E_}effective.py", "cluster, leverage**2)", "cluster, np.abs(leverage))", NUMBERS, "leverage where its square belongs"),
    Mutant(f"{S_}support.py", "(later & (not self._never_only))", "(later & self._never_only)", NUMBERS, "the other control group"),
    Mutant(f"{S_}support.py", "float(effective_number(roles**2))", "float(effective_number(roles))", NUMBERS, "weights where variances belong"),
    Mutant(f"{E_}equivalence.py", "stats.t.ppf(1 - level, nu)", "stats.t.ppf(1 - level / 2, nu)", EQUIVALENCE, "a two-sided critical value of one-sided tests"),
    Mutant(f"{E_}equivalence.py", "(margin - size) / s, nu).max()", "(margin - size) / s, nu).min()", EQUIVALENCE, "one effect within the margin speaks for all"),
    Mutant(f"{E_}equivalence.py", "for c in codes) + 1", "for c in codes)", EQUIVALENCE, "units and years counted with their overlap"),
    Mutant(f"{E_}simultaneous.py", "np.quantile(largest, 1 - level)", "np.quantile(largest, 1 - level / 2)", EQUIVALENCE, "bands of 97.5 %"),
    Mutant(f"{E_}simultaneous.py", "single = 2 * stats.norm.sf(", "single = stats.norm.sf(", EQUIVALENCE, "bands at half their level"),
    Mutant(f"{S_}aggregation.py", "post = t >= g", "post = t > g", STAGGERED, "the year of treatment is left out"),
    Mutant(f"{S_}aggregation.py", "part.group is not None and part.group >= 0]", "part.group is not None and part.group > 0]", STAGGERED, "the dynamic mean without its first year"),
    Mutant(f"{S_}aggregation.py", "whole = scale @ rows / scale.sum()", "whole = rows.mean(axis=0)", STAGGERED, "cohorts of all sizes alike"),
    Mutant(f"{S_}aggregation.py", "* weights[None, :]) / total", "* weights[None, :])", GROUP_TIME, "the part of the error that cohort shares have"),
    Mutant(f"{S_}aggregation.py", "is_known = ~np.isin(g, list(lone))", "is_known = np.isin(g, g)", LONE, "an average rests on a cohort without an error"),
    Mutant(f"{S_}callaway_santanna.py", "score * c / (1 - score), 0.0)", "score * c, 0.0)", GROUP_TIME, "propensities in place of odds"),
    Mutant(f"{S_}callaway_santanna.py", "total.mean(axis=0)) * math.sqrt(n / (n - 1))", "total.mean(axis=0))", STAGGERED, "clustered errors without G / (G - 1)"),
    Mutant(f"{S_}callaway_santanna.py", "(cohort > max(t, base) + options.anticipation)", "(cohort > base + options.anticipation)", CONTROLS, "treated units among the not yet treated"),
    Mutant(f"{S_}callaway_santanna.py", "total = psi @ weights.T + ", "total = psi @ weights.T - ", GROUP_TIME, "the sign of what cohort shares add"),
    Mutant(f"{S_}fit.py", "half = float(stats.t.ppf(0.975, n_effective - 1) * std_error)", "half = float(stats.t.ppf(0.95, n_effective - 1) * std_error)", INTERVALS, "a 90 % interval sold as one of 95 %"),
    Mutant(f"{S_}fit.py", "return float(2 * stats.t.sf(abs(estimate / std_error)", "return float(stats.t.sf(abs(estimate / std_error)", INTERVALS, "half of p"),
    Mutant(f"{S_}fit.py", "found.vcov * factor**2", "found.vcov * factor", INTERVALS, "a covariance in the unit of an estimate"),
    Mutant(f"{S_}fit.py", "unknown = members <= set(lone) if", "unknown = members < set(lone) if", LONE, "an error learnt from one city"),
    Mutant(f"{E_}few_clusters.py", "math.sqrt((n - 1) / n * float(", "math.sqrt(float(", FEW, "CV3 without (G - 1) / G"),
    Mutant(f"{E_}few_clusters.py", " * math.sqrt((n_treated + n_controls) / (n_controls - 1))", "", FEW, "what the controls' mean takes away is not given back"),
    Mutant(f"{E_}few_clusters.py", "float((1 + np.sum(sizes", "float((np.sum(sizes", FEW, "the estimate is not among the draws"),
    Mutant(f"{E_}few_clusters.py", "weights[place, start - 1] -= 1.0", "weights[place, 0] -= 1.0", FEW, "measured from the first year"),
    Mutant(f"{E_}wild_bootstrap.py", "se = np.sqrt(factor * meat) / denominator", "se = np.sqrt(meat) / denominator", BOOTSTRAP, "no small-sample factor"),
    Mutant(f"{E_}wild_bootstrap.py", "return max(least, min(1.0, 2 * min(low, high)))", "return max(least, min(1.0, min(low, high)))", BOOTSTRAP, "one tail sold as two"),
    Mutant(f"{E_}wild_bootstrap.py", "np.abs(t_draws) >= abs(t_value) - slack", "np.abs(t_draws) >= abs(t_value) + slack", BOOTSTRAP, "ties do not count"),
    Mutant(f"{E_}wild_bootstrap.py", "least = 1 / (1 + t_draws.size)", "least = 0.0", BOOTSTRAP, "a p of zero from draws"),
    Mutant("cbec/studies/tables_resampling.py", "df=min(fit.n_clusters, number) - 1, power=power", "df=fit.n_clusters - 1, power=power", DETECTABLE, "effects that the published test does not find"),
    Mutant(f"{E_}multiple_testing.py", "np.arange(p.size, 0, -1)", "np.arange(1, p.size + 1)", FAMILY, "Holm's factors from the wrong end"),
    Mutant(f"{E_}multiple_testing.py", "null[:, order[::-1]], axis=1)[:, ::-1]", "null[:, order], axis=1)", FAMILY, "steps down from the wrong end"),
    Mutant(f"{E_}multiple_testing.py", "difference = fits[1].estimate - fits[0].estimate", "difference = fits[0].estimate - fits[1].estimate", FAMILY, "the difference turned over"),
    Mutant(f"{E_}multiple_testing.py", "np.linalg.solve(spread, gap)) / len(gap)", "np.linalg.solve(spread, gap))", WALD, "a chi-square read as an F"),
    Mutant(f"{E_}permutations.py", "return (count + 1) / (placebo.size + 1) if plus_one", "return count / placebo.size if plus_one", PLACEBO, "p of zero"),
    Mutant(f"{E_}permutations.py", "np.sum(np.abs(placebo) >= abs(real)", "np.sum(placebo >= abs(real)", PLACEBO, "one tail sold as two"),
    Mutant(f"{E_}placebo.py", "first - shift, panel.time_values.size)", "first + shift, panel.time_values.size)", PLACEBO, "placebo dates after treatment"),
    Mutant(f"{E_}placebo.py", "untreated = panel.treatment == 0.0", "untreated = panel.treatment >= 0.0", PLACEBO, "treated cells in a placebo sample"),
    Mutant(f"{E_}placebo.py", "started = panel.time[:, None] >= by_unit", "started = panel.time[:, None] > by_unit", PLACEBO, "placebo treatment a year late"),
    Mutant(f"{E_}sensitivity.py", "np.where(after, bound, 1.0)", "np.where(after, 2 * bound, 1.0)", HONEST, "twice the violation that the row names"),
    Mutant(f"{E_}sensitivity.py", "M=bound / self.error", "M=bound", HONEST, "a bound in another unit"),
    Mutant(f"{E_}sensitivity.py", "size = (self.level - self.first_stage) / (1 - self.first_stage)", "size = self.level + self.first_stage", HONEST, "a second stage that spends its level twice"),
    Mutant(f"{E_}selection.py", "total += n_used * effect", "total += effect", SELECTION, "cells of all sizes alike"),
    Mutant(f"{E_}selection.py", "(panel.cohort[units] > panel.years[t]))", "(panel.cohort[units] >= panel.years[t]))", SELECTION, "cities compared with themselves"),
    Mutant(f"{E_}selection.py", "weight @ (control - mean) ** 2) / 2)", "weight @ (control - mean) ** 2))", SELECTION, "standardised differences too small by the root of two"),
    Mutant(f"{E_}mediation.py", "a**2 * b_se**2 + b**2 * a_se**2", "a**2 * a_se**2 + b**2 * b_se**2", MEDIATION, "Sobel's errors exchanged"),
    Mutant(f"{E_}mediation.py", "np.quantile(products, [tail, 1 - tail])", "np.quantile(products, [2 * tail, 1 - 2 * tail])", MEDIATION, "a 90 % interval sold as one of 95 %"),
    Mutant(f"{E_}mediation.py", "total.p_value < 0.1", "total.p_value < 0.05", MEDIATION, "a share that is printed is not"),
    Mutant(f"{E_}spillover.py", "inside = (far > low) & (far <= high)", "inside = (far >= low) & (far < high)", RINGS, "a limit belongs to the outer ring"),
    Mutant(f"{E_}spillover.py", "out = data[unit].isin(set(data.loc[near & ~ever, unit]))", "out = data[unit].isin(set(data.loc[near, unit]))", RINGS, "treated cities leave with their neighbours"),
    Mutant(f"{E_}functional_form.py", "both & (first > period)", "both & (first >= period)", DENSITY, "the treated among their controls"),
    Mutant(f"{E_}functional_form.py", "implied += n * (means[0] + means[1])", "implied += n * (means[0] - means[1])", DENSITY, "the trend of the controls turned over"),
    Mutant(f"{E_}functional_form.py", "ratio = -implied[varies]", "ratio = implied[varies]", DENSITY, "likely bins speak against the design"),
)  # fmt: skip

EFFICIENCY = (
    Mutant(f"{Q_}index.py", "np.sqrt((new_on_old / before) * (after / old_on_new))", "(new_on_old / before) * (after / old_on_new)", INDEX, "Malmquist without its root"),
    Mutant(f"{Q_}index.py", "(new_on_old / before) * (after / old_on_new)", "(new_on_old / before) * (old_on_new / after)", INDEX, "the second ratio turned over"),
    Mutant(f"{Q_}index.py", "0.5 * ((before - new_on_old) + (old_on_new - after))", "0.5 * ((new_on_old - before) + (after - old_on_new))", INDEX, "Luenberger's sign: progress reads as regress"),
    Mutant(f"{Q_}index.py", 'index = old - new if d.form == "difference" else new / old', 'index = new - old if d.form == "difference" else new / old', INDEX, "the sign of the global indicator"),
    Mutant(f"{Q_}frontier.py", "max(0, t - window + 1)", "max(0, t - window)", INDEX, "a window of one year more"),
    Mutant(f"{Q_}technology.py", 'else 1.0 + score', 'else 1.0 - score', SCORES, "1 / (1 - beta)"),
    Mutant(f"{Q_}technology.py", '"goods": 1.0, "bads": -1.0}', '"goods": 1.0, "bads": 1.0}', SCORES, "emissions are an aim"),
    Mutant(f"{Q_}grey.py", "z = 0.5 * (total[1:] + total[:-1])", "z = 1.0 * total[1:]", GREY, "GM(1,1) on ends in place of means"),
    Mutant(f"{Q_}grey.py", "< 0.6745 * s1", "< 0.6745 * s2", GREY, "P by the residuals' own deviation"),
    Mutant(f"{Q_}grey.py", "slope = -np.expm1(a) / a if", "slope = np.expm1(-a) / a if", GREY, "the restored series a year late"),
)  # fmt: skip

FILLED_CELLS = (
    Mutant(f"{E_}imputation.py", "total = within + (1 + 1 / m) * between", "total = within + between", POOLED, "as if imputations were without number"),
    Mutant(f"{E_}imputation.py", "(df_complete + 3) * df_complete * (1 - share)", "(df_complete + 3) * df_complete", POOLED, "degrees of freedom that missing cells took"),
    Mutant(f"{E_}imputation.py", "share_between=share,", "share_between=(increase + 2 / (df + 3)) / (increase + 1),", POOLED, "a part due to missing cells where they change nothing"),
    Mutant("cbec/studies/filled.py", "{pooled.share_between:.3f}", "{pooled.missing_information:.3f}", FILLED, "a note that counts what no missing cell took"),
    Mutant(f"{E_}imputation.py", "shake = stream.standard_normal(seen.size)", "shake = np.zeros(seen.size)", IMPUTED, "imputations that know the parameters"),
    Mutant(f"{E_}imputation.py", "return np.column_stack([treatment, np.delete(", "return np.column_stack([0 * treatment, np.delete(", IMPUTED, "a treatment that imputed cells do not have"),
    Mutant(f"{E_}imputation.py", "cluster=cluster, order_columns=list(blank),", 'cluster=cluster, order="label",', IMPUTED, "labels choose the draws"),
    Mutant(f"{E_}panel.py", "about = [rows, *(_group_rank(codes, rows)[codes] for codes in groups)]", "about = [rows]", ORDERED, "draws that hang on the order of the rows"),
    Mutant(f"{E_}panel.py", "return np.asarray((low == high)[codes])", "return np.ones(codes.size, dtype=bool)", ORDERED, "equal units of different clusters taken for one another"),
    Mutant(f"{E_}bounds.py", "weight = float(np.abs(weights[is_free]).sum())", "weight = abs(float(weights[is_free].sum()))", BOUNDED, "cells that are all off to one side"),
    Mutant(f"{E_}bounds.py", "df = n_obs - effects_rank(projector) - basis.shape[1]", "df = n_obs", BOUNDED, "a residual that knows no parameters"),
    Mutant("cbec/studies/filled.py", '(cells["imputed_share"].gt(0) | cells["is_flagged"]', '(cells["imputed_share"].gt(1) | cells["is_flagged"]', FILLED, "a filled cell taken at its word"),
    Mutant("cbec/studies/filled.py", '(cells["place"] - cells["cell"]).eq(lag)', '(cells["place"] - cells["cell"]).eq(0)', FILLED, "a lag taken at its word"),
    Mutant("cbec/studies/filled.py", "codes[keep & ~gap]", "codes[~gap]", FILLED, "a city of whose observed cells none is left"),
)  # fmt: skip

STATUSES = (
    Mutant("cbec/studies/sample.py", 'PRECEDENCE = "BOMLHQJSDKWIFEPNUVGA"', 'PRECEDENCE = "BOMLHQJSDKWEFIPNUVGA"', LETTERS, "an estimate stands above an imputation"),
    Mutant("cbec/studies/sample.py", "worst_status=min(letters, key=PRECEDENCE.index)", "worst_status=max(letters, key=PRECEDENCE.index)", LETTERS, "the best letter sold as the worst"),
    Mutant("cbec/studies/sample.py", 'part.assign(place=part["place"] + lag)', 'part.assign(place=part["place"] - lag)', STATUS, "status of a lag from the year after"),
    Mutant("cbec/studies/sample.py", 'earlier.assign(year=earlier["year"] + lag)', 'earlier.assign(year=earlier["year"] - lag)', SAMPLE, "a lead sold as a lag"),
    Mutant("cbec/studies/sample.py", 'drop_duplicates(["panel_column", "cell"])', 'drop_duplicates(["panel_column", "place"])', STATUS, "a cell counts as often as it is read"),
    Mutant("cbec/studies/sample.py", 'before = cells[cells["year"] < _first_treated(frame)]', 'before = cells[cells["year"] <= _first_treated(frame)]', STATUS, "cells of a subgroup from under treatment"),
    Mutant("cbec/studies/sample.py", 'cells.loc[is_so, "place"].nunique() / n_rows', 'is_so.sum() / n_rows', STATUS, "a share of rows above one"),
    Mutant("cbec/studies/sample.py", 'is_before = frame["year"] < _first_treated(frame)', 'is_before = frame["year"] > 0', SAMPLE, "groups by what treatment has moved"),
    Mutant("cbec/studies/sample.py", "MIN_COVERED = 0.5", "MIN_COVERED = 0.05", SAMPLE, "a study on what is left of its sample"),
)  # fmt: skip

INDICES = (
    Mutant("cbec/studies/sample.py", 'index=part["place"] + lag)', 'index=part["place"])', (f"{T_}specifications.py",), "a recomputed lag of the wrong year"),
    Mutant("cbec/studies/sample.py", "is_recomputed=is_recomputed", "is_recomputed=False", (f"{T_}specifications.py",), "the fit of filled cells sold as that of observed ones"),
    Mutant("cbec/estimators/selection.py", "df = n_effective_clusters - 1", "df = 10 * n_effective_clusters", (f"{T_}selection.py",), "matched effects judged by clusters that do not count"),
    Mutant("macros/entropy_index.sql", "when direction = 'positive' then", "when direction != 'positive' then", ENTROPY, "directions exchanged"),
    Mutant("macros/entropy_index.sql", "min(value) over (partition by index_id, weighting, weight_year, indicator_id)", "min(value) over (partition by index_id, weighting, indicator_id)", ENTROPY, "years scaled by the least of all years"),
    Mutant("macros/entropy_index.sql", " / ln(max(n)) as entropy", " / log2(max(n)) as entropy", ENTROPY, "entropy by another logarithm than its bound"),
    Mutant("macros/entropy_index.sql", "greatest(1 - entropy, 0) as divergence", "greatest(entropy, 0) as divergence", ENTROPY, "most weight to what says least"),
    Mutant("macros/entropy_index.sql", "order by score desc", "order by score", ENTROPY, "the ranking upside down"),
    Mutant("macros/entropy_index.sql", "min_by(status.obs_status, status.precedence)", "max_by(status.obs_status, status.precedence)", ENTROPY, "the best letter sold as the worst"),
    Mutant("macros/dialect.sql", "or {{ status_all }} like '%F%'", "or {{ status_all }} like '%P%'", ENTROPY, "provisional figures are fills, forecasts are none"),
    Mutant("seeds/registry/obs_status.csv", "F,13,forecast", "F,21,forecast", ENTROPY, "a forecast stands below a normal figure"),
)  # fmt: skip

TABLES_AND_REPLICATION = (
    Mutant("cbec/studies/fit.py", '"**" if p_value < 0.05', '"**" if p_value < 0.06', TABLES, "two stars below 6 %"),
    Mutant("cbec/report/tables.py", '"p": as_float(_p_value(line)),', '"p": as_float(_p_value(line)) / 2,', TABLES, "half of p in brackets"),
    Mutant("cbec/report/tables.py", 'as_float(line.get("ci_low"))) / 2 / error', 'as_float(line.get("ci_low"))) / error', TABLES, "stars by twice the critical value"),
    Mutant("cbec/report/tables.py", '(value, decimals if bracket == "se" else 3, bracketed=True)', '(abs(value), decimals if bracket == "se" else 3, bracketed=True)', TABLES, "t without its sign"),
    Mutant("cbec/report/table.py", "percent = 100 * as_float(share)", "percent = as_float(share)", TABLES, "a share sold as per cent"),
    Mutant("models/estimates/replication.sql", "sign(ours) = sign(published) as has_same_sign", "sign(ours) >= sign(published) as has_same_sign", VERDICT, "a gain agrees with a printed loss"),
    Mutant("models/estimates/replication.sql", r"'\.([0-9]+)', 1))) / 2 as half_digit", r"'\.([0-9]+)', 1))) as half_digit", VERDICT, "a whole digit for half of one"),
    Mutant("models/estimates/replication.sql", "coalesce(abs(beside.t), ", "coalesce(beside.t, ", VERDICT, "a negative t is never significant"),
    Mutant("models/estimates/replication.sql", "ours.estimate * coefficient.unit_factor as ours", "ours.estimate / coefficient.unit_factor as ours", VERDICT, "ours in no unit of the paper"),
    Mutant("models/estimates/replication.sql", "abs(n_obs / published_n_obs - 1) <=", "abs(n_obs / published_n_obs - 1) >=", VERDICT, "reproduced on another sample only"),
    Mutant("models/estimates/replication.sql", "abs(difference_z) >= ", "difference_z >= ", VERDICT, "a difference below is within chance"),
    Mutant("models/estimates/publication_statement.sql", "greatest(0, abs(other.value) - other.half)", "abs(other.value) + other.half", PRINTED, "a printed t at the upper end of its rounding"),
    Mutant("models/estimates/publication_statement.sql", "0.5 * power(10, -length(regexp_extract(printed", "5 * power(10, -length(regexp_extract(printed", PRINTED, "rounding intervals ten times as wide"),
    Mutant("cbec/audit/rounding.py", "return 0.5 * 10.0 **", "return 1.0 * 10.0 **", PRINTED, "a whole printed unit for half of one"),
    Mutant("cbec/audit/rounding.py", "self.low - other.high, self.high - other.low", "self.low - other.low, self.high - other.high", AUDITED, "the ends of a difference from the same side"),
    Mutant("cbec/audit/coefficients.py", "p.low <= upper * (1 + SLACK) and p.high >= lower", "p.high <= upper * (1 + SLACK) and p.high >= lower", AUDITED, "stars judged by the end of p that favours nobody"),
    Mutant("cbec/audit/moments.py", "(n * n - (n % 2)) / (4 * n * (n - 1))", "(n * n - (n % 2)) / (16 * n * (n - 1))", AUDITED, "half of the largest deviation"),
    Mutant("cbec/audit/fit.py", "1 - (1 - share.high) * (size - 1) / (size - k - 1)", "1 - (1 - share.high) * (size - k - 1) / (size - 1)", AUDITED, "adjusted R2 above R2 as the most there can be"),
    Mutant("cbec/audit/products.py", "product = product * f.interval", "product = product + f.interval", AUDITED, "an index as the sum of its factors"),
    Mutant("cbec/studies/printed_statements.py", '{"": 0, "-": -1, "+": 1}', '{"": 0, "-": 1, "+": -1}', PRINTED, "the ends of a rounding interval exchanged"),
)  # fmt: skip

INGEST = (
    Mutant("seeds/registry/unit.csv", "10k_yuan,10 thousand yuan,万元,yuan,4,_10k_yuan", "10k_yuan,10 thousand yuan,万元,yuan,8,_10k_yuan", UNITS, "a factor of ten thousand"),
    Mutant("cbec/ingest/numerals.py", 'max(len(digits[0].replace(",", "")) - 1, 0)', 'max(len(digits[0].replace(",", "")), 0)', UNITS, "ten for one"),
    Mutant("cbec/ingest/numerals.py", '"million": 6', '"million": 7', UNITS, "ten millions for one"),
    Mutant("cbec/ingest/shares.py", "return cell.value.scaleb(self.registry.units[cell.unit_printed].scale - own)", "return cell.value.scaleb(own - self.registry.units[cell.unit_printed].scale)", SHARES, "a level times ten thousand where it is divided"),
    Mutant("cbec/ingest/shares.py", '("pct", stated + open_), ("ratio", stated + open_ * 100)', '("ratio", stated + open_), ("pct", stated + open_ * 100)', SHARES, "fractions sold as per cent"),
)  # fmt: skip

MUTANTS = (*ESTIMATORS, *EFFICIENCY, *FILLED_CELLS, *STATUSES, *INDICES, *TABLES_AND_REPLICATION, *INGEST)
