-- The common movement of a column from one year to the next: a revision, a new definition, a bad year move
-- all its cities, and are nobody's own jump.
with scan as (

    select * from {{ ref('detector_scan') }}

)

select
    column_no,
    year,
    count(growth) as n_growth,
    -- Of a handful of series the median is their own movement.
    case when count(growth) >= 8 then median(growth) else 0 end as common_growth,
from scan
group by column_no, year
order by column_no, year
