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
