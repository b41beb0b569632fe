-- How much of each study is estimated, and what the rest waits for.
with specification as (

    select
        study_id,
        count(*) as n_columns,
        count(*) filter (where status = 'estimated') as n_estimated,
        count(*) filter (where status = 'awaiting data') as n_awaiting_data,
        count(*) filter (where status = 'refused') as n_refused,
    from {{ ref('specification_status') }}
    where not is_observed_only
    group by study_id

),

lacking as (

    select
        study_id,
        string_agg(indicator_id, ', ' order by indicator_id) filter (where status = 'missing') as missing,
        string_agg(indicator_id, ', ' order by indicator_id) filter (where status = 'insufficient')
            as insufficient,
        string_agg(indicator_id, ', ' order by indicator_id) filter (where status = 'proxy') as by_proxy,
    from {{ ref('study_readiness') }}
    group by study_id

),

final as (

    select
        study.study_id,
        case
            when lacking.missing is null and lacking.insufficient is null
                and coalesce(specification.n_awaiting_data, 0) = 0
                and coalesce(specification.study_id, lacking.study_id) is not null
                then 'ready'
            when specification.n_estimated > 0 then 'partly ready'
            else 'awaiting data'
        end as status,
        coalesce(specification.n_columns, 0) as n_columns,
        coalesce(specification.n_estimated, 0) as n_estimated,
        coalesce(specification.n_awaiting_data, 0) as n_awaiting_data,
        coalesce(specification.n_refused, 0) as n_refused,
        lacking.missing,
        lacking.insufficient,
        lacking.by_proxy,
        {{ is_simulated() }} as is_simulated,
    from {{ ref('study') }} as study
    left join specification on study.study_id = specification.study_id
    left join lacking on study.study_id = lacking.study_id

)

select * from final
order by study_id
