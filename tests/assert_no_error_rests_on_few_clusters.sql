-- No error, p value, interval or star is published that rests on fewer clusters than vars say.
with published as (

    select
        study_id,
        table_no,
        column_no,
        n_effective_clusters,
        std_error is not null or p_value is not null or ci_low is not null or stars <> '' as has_error,
    from {{ ref('regression') }}

    union all by name

    select
        study_id,
        table_no,
        column_no,
        n_effective_clusters,
        std_error is not null or p_value is not null or ci_low is not null as has_error,
    from {{ ref('att') }}

    union all by name

    select
        study_id,
        table_no,
        column_no,
        n_effective_clusters,
        std_error is not null or ci_low is not null as has_error,
    from {{ ref('event_study') }}

)

select *
from published
where has_error and n_effective_clusters < {{ var('min_effective_clusters') }}
