-- Average effects on the treated: overall, by event year, by cohort and by calendar year.
with fit as (

    select * from {{ ref('fit') }}

),

final as (

    select
        study_id,
        table_no,
        column_no,
        outcome,
        estimator,
        aggregation,
        cast(group_value as varchar) as group_label,
        estimate,
        {{ published_inference('std_error') }} as std_error,
        {{ published_inference('p_value') }} as p_value,
        {{ published_inference('ci_low') }} as ci_low,
        {{ published_inference('ci_high') }} as ci_high,
        n_obs,
        n_units,
        n_effective_clusters,
        case
            when options like '%control_group never_treated%' then 'never_treated'
            when
                estimator in ('callaway_santanna', 'lp_did', 'extended_twfe', 'stacked')
                then 'not_yet_treated'
        end as control_group,
        case
            when estimator = 'callaway_santanna'
                then coalesce(nullif(regexp_extract(options, 'method ([a-z]+)', 1), ''), 'reg')
        end as method,
        options,
        treatment_rule,
        controls,
        base_period,
        is_observed_only,
        imputed_share,
        worst_status,
        engine,
        {{ published_note() }} as note,
        is_simulated,
        imputed_row_share,
        flagged_share,
        flagged_row_share,
        cell_status,
    from fit
    where kind = 'effect'

)

select * from final
order by study_id, table_no, column_no, is_observed_only, aggregation, group_label
