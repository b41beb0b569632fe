-- The day of approval, where it is known, lies in the year and month beside it.
select
    policy_id,
    batch,
    unit_zh,
    approved_on,
from {{ ref('concurrent_policy') }}
where approved_on is not null
    and (
        year(approved_on) != approved_year
        or month(approved_on) is distinct from approved_month
    )
