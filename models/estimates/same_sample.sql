-- Each estimator for staggered adoption beside two-way effects on exactly its rows: what differs between the
-- two is the estimator.
with two_way as (

    select * from {{ ref('same_sample_fit') }}

),

overall as (

    select
        study_id,
        table_no,
        column_no,
        is_observed_only,
        estimate,
        std_error as published_std_error,
    from {{ ref('att') }}
    where aggregation = 'overall'

),

final as (

    select
        study_id,
        table_no,
        column_no,
        estimator,
        is_observed_only,
        estimate,
        published_std_error as std_error,
        estimate_twfe,
        {{ published_inference('two_way.std_error') }} as std_error_twfe,
        {{ published_inference('p_value') }} as p_value_twfe,
        {{ published_inference('ci_low') }} as ci_low_twfe,
        {{ published_inference('ci_high') }} as ci_high_twfe,
        n_obs,
        n_units,
        n_treated_units,
        n_obs_offered,
        outcome,
        n_effective_clusters,
        imputed_share,
        imputed_row_share,
        flagged_share,
        flagged_row_share,
        cell_status,
        note,
        is_simulated,
    from two_way
    inner join overall using (study_id, table_no, column_no, is_observed_only)

)

select * from final
order by study_id, table_no, column_no, is_observed_only
