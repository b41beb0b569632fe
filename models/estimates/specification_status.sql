-- What became of every specification, with the reason where it was not estimated.
with fit as (

    select * from {{ ref('fit') }}

),

final as (

    select
        study_id,
        table_no,
        column_no,
        is_observed_only,
        any_value(status) as status,
        any_value(reason) as reason,
        any_value(estimator) as estimator,
        any_value(outcome) as outcome,
        any_value(sample) as sample,
        any_value(n_obs) as n_obs,
        any_value(n_dropped) as n_dropped,
        any_value(drop_reason) as drop_reason,
        any_value(is_simulated) as is_simulated,
    from fit
    group by study_id, table_no, column_no, is_observed_only

)

select * from final
order by study_id, table_no, column_no, is_observed_only
