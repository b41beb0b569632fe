-- Effects by years since the first treated year, against the base period, of every staggered specification.
with fit as (

    select * from {{ ref('fit') }}

),

final as (

    select
        study_id,
        outcome,
        estimator,
        group_value as event_year,
        estimate,
        {{ published_inference('std_error') }} as std_error,
        {{ published_inference('ci_low') }} as ci_low,
        {{ published_inference('ci_high') }} as ci_high,
        base_period,
        n_cohorts,
        n_effective_clusters,
        table_no,
        column_no,
        is_observed_only,
        options,
        treatment_rule,
        imputed_share,
        {{ published_inference('band_low') }} as band_low,
        {{ published_inference('band_high') }} as band_high,
        band_note,
        is_simulated,
        imputed_row_share,
        flagged_share,
        flagged_row_share,
        cell_status,
    from fit
    where kind = 'event'

)

select * from final
order by study_id, table_no, column_no, is_observed_only, event_year
