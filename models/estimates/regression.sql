-- Coefficients of every specification: the terms of a regression, and of an estimator for staggered adoption
-- its overall effect on the treated.
with fit as (

    select * from {{ ref('fit') }}

),

permuted as (

    select
        placebo.study_id,
        placebo.table_no,
        placebo.column_no,
        specification.treatment as term,
        false as is_observed_only,
        placebo.p_randomization,
        placebo.p_randomization_t,
    from {{ ref('placebo_summary') }} as placebo
    inner join {{ ref('specification') }} as specification using (study_id, table_no, column_no)
    where placebo.scheme = 'cohort'

),

units as (

    select
        study_id,
        table_no,
        column_no,
        is_observed_only,
        n_units as n_units_of_sample,
    from {{ ref('same_sample_fit') }}

),

final as (

    select
        study_id,
        table_no,
        column_no,
        term,
        estimate,
        {{ published_inference('std_error') }} as std_error,
        {{ published_inference('t_value') }} as t_value,
        {{ published_inference('p_value') }} as p_value,
        {{ published_inference('ci_low') }} as ci_low,
        {{ published_inference('ci_high') }} as ci_high,
        coalesce({{ published_inference('stars') }}, '') as stars,
        p_randomization,
        p_randomization_t,
        n_obs,
        n_clusters,
        n_effective_clusters,
        n_dropped,
        drop_reason,
        r2,
        r2_within,
        fixed_effects,
        vcov,
        treatment_rule,
        formula,
        imputed_share,
        is_observed_only,
        engine,
        estimator,
        outcome,
        sample,
        worst_status,
        {{ published_note() }} as note,
        is_simulated,
        controls,
        subgroup,
        winsor,
        mediator,
        options,
        imputed_row_share,
        flagged_share,
        flagged_row_share,
        cell_status,
        coalesce(units.n_units_of_sample, fit.n_units) as n_units,
    from fit
    left join permuted using (study_id, table_no, column_no, term, is_observed_only)
    left join units using (study_id, table_no, column_no, is_observed_only)
    where kind = 'term' or (kind = 'effect' and aggregation = 'overall')

)

select * from final
order by study_id, table_no, column_no, is_observed_only, term
