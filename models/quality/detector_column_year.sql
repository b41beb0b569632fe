-- The common movement of a column from one year to the next: a revision, a new definition, a bad year move
-- all its cities, and are nobody's own jump.
with scan as (

    select * from {{ ref('detector_scan') }}

),

-- Of a handful of series the median is their own movement, and the spread is theirs too.
measured as (

    select
        column_no,
        year,
        count(growth) as n_growth,
        quantile_cont(growth, [0.25, 0.5, 0.75]) as quartiles,
    from scan
    group by column_no, year

),

compared as (

    select
        *,
        quartiles[3] - quartiles[1] as spread,
        median(quartiles[3] - quartiles[1]) over (partition by column_no) as usual_spread,
    from measured

)

select
    column_no,
    year,
    n_growth,
    case when n_growth >= 8 then quartiles[2] else 0 end as common_growth,
    -- In a year of revision cities differ more than in others: by this factor, where it is no accident.
    case when n_growth >= 8 and spread > 1.5 * usual_spread then spread / usual_spread else 1 end
        as spread_factor,
from compared
order by column_no, year
