-- A column whose median city falls by three tenths or rises by four (0.35 in logs) and comes back in the next
-- year holds, in that year, something else than its heading says: the year has to say so (D).
-- Growth, which a crisis halves, is not looked at.
with indicator as (

    select * from {{ ref('indicator') }}
    where kind in ('flow', 'stock', 'rate', 'share', 'price') and indicator_id not like '%growth%'

),

printed as (

    {{ shipped_print() }}

),

cell as (

    select
        printed.*,
        ln(printed.value) as log_value,
    from printed
    inner join indicator on printed.indicator_id = indicator.indicator_id
    where printed.region_level = 'prefecture' and printed.value > 0

),

beside as (

    select
        *,
        log_value - lag(log_value) over region_years as step_in,
        lead(log_value) over region_years - log_value as step_out,
        lag(year) over region_years as year_before,
        lead(year) over region_years as year_after,
    from cell
    window region_years as (partition by indicator_id, scope, region_code order by year)

)

select
    indicator_id,
    scope,
    year,
    count(*) as n_regions,
    median(step_in) as median_step_in,
    median(step_out) as median_step_out,
from beside
where year - year_before = 1 and year_after - year = 1 and obs_status_all not like '%D%'
group by indicator_id, scope, year
having n_regions >= 100
    and least(abs(median_step_in), abs(median_step_out)) > 0.35
    and median_step_in * median_step_out < 0
