-- The rows without rings, policies or other methods are the columns that requested them.
with baseline as (

    select study_id, table_no, column_no, estimate, std_error, n_obs from {{ ref('policy') }}
    where variant = 'baseline' and estimate is not null
    union all
    select study_id, table_no, column_no, estimate, std_error, n_obs from {{ ref('spillover') }}
    where variant = 'baseline' and estimate is not null

)

select baseline.*
from baseline
left join {{ ref('specification') }} as requested
    on baseline.study_id = requested.study_id
        and baseline.table_no = requested.table_no
        and baseline.column_no = requested.column_no
left join {{ ref('fit') }} as printed
    on baseline.study_id = printed.study_id
        and baseline.table_no = printed.table_no
        and baseline.column_no = printed.column_no
        and requested.treatment = printed.term
        and not printed.is_observed_only
where printed.estimate is null
    or abs(baseline.estimate - printed.estimate) > 1e-9
    or abs(baseline.std_error - printed.std_error) > 1e-9
    or baseline.n_obs != printed.n_obs
