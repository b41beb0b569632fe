-- The rows that a reason names are all that were dropped, in every fit; and in the readings of one column with
-- other cells or without breaks, rows used and rows named add up to one number.
with fit as (

    select distinct
        study_id,
        table_no,
        column_no,
        cast(is_observed_only as varchar) as variant,
        n_dropped,
        drop_reason as reason,
    from {{ ref('fit') }}
    where status = 'estimated'

),

integrity as (

    select
        study_id,
        table_no,
        column_no,
        variant,
        max(n_obs) filter (where variant = 'all') over (partition by study_id, table_no, column_no)
        - n_obs as n_dropped,
        note as reason,
        max(note) filter (where variant = 'all') over (partition by study_id, table_no, column_no) as first_reason,
    from {{ ref('data_integrity') }}
    where n_obs is not null

),

counted as (

    select
        * exclude (reason, first_reason),
        reason,
        {{ rows_named('reason') }} - {{ rows_named('first_reason') }} as n_named,
    from integrity

    union all by name

    select
        *,
        {{ rows_named('reason') }} as n_named,
    from fit

)

select *
from counted
where n_dropped is null or n_named <> n_dropped
