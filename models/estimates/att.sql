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
        std_error,
        p_value,
        ci_low,
        ci_high,
        n_obs,
        n_units,
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
        note,
        is_simulated,
    from fit
    where kind = 'effect'

)

select * from final
order by study_id, table_no, column_no, is_observed_only, aggregation, group_label
