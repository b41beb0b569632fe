-- Two-way effects on the rows of an estimator use as many rows as it does, and as many as were offered less those
-- that the note names.
with fit as (

    select distinct
        study_id,
        table_no,
        column_no,
        is_observed_only,
        n_obs as n_obs_fit,
    from {{ ref('fit') }}
    where kind = 'effect' and aggregation = 'overall'

),

counted as (

    select
        *,
        {{ rows_named('note') }} as n_named,
    from {{ ref('same_sample') }}
    where coalesce(note, '') not like 'refused%'

)

select *
from fit
left join counted using (study_id, table_no, column_no, is_observed_only)
where n_obs is null or n_obs <> n_obs_fit or n_obs + n_named <> n_obs_offered
