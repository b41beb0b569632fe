-- A star stands only where errors are clustered, or those of a mean of slopes: no simulation shows the size of
-- others to hold, and the note of their rows says why there is none.
with published as (

    select
        'regression' as table_name,
        study_id,
        table_no,
        column_no,
        term,
        stars,
        note,
    from {{ ref('regression') }}
    where not regexp_matches(vcov, '^(CRV1:|mean_group$)')
    union all
    select
        'fit' as table_name,
        study_id,
        table_no,
        column_no,
        term,
        stars,
        note,
    from {{ ref('fit') }}
    where kind <> 'none' and not regexp_matches(vcov, '^(CRV1:|mean_group$)')

)

select *
from published
where stars <> '' or coalesce(note, '') not like '%errors not clustered: no star%'
