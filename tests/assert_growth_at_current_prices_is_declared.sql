-- Growth that is GDP's own growth at current prices, to the printed digit, in half of the regions of a year is
-- no growth at constant prices: the year has to say so (D).
with observation as (

    {{ shipped_print() }}

),

growth as (

    select * from observation
    where indicator_id = 'gdp_growth' and value is not null and obs_status_all not like '%D%'

),

gdp as (

    select
        *,
        100 * (value / lag(value) over region_years - 1) as growth_at_current_prices,
        year - lag(year) over region_years as n_years,
    from observation
    where indicator_id = 'gdp' and value > 0
    window region_years as (partition by region_level, region_code, scope order by year)

)

select
    growth.region_level,
    growth.year,
    count(*) as n_regions,
    count(*) filter (
        where abs(growth.value - gdp.growth_at_current_prices) <= 0.5 * pow(10, -growth.decimals)
    ) as n_equal,
from growth
inner join gdp
    on growth.region_level = gdp.region_level
        and growth.region_code = gdp.region_code
        and growth.scope = gdp.scope
        and growth.year = gdp.year
where gdp.n_years = 1
group by growth.region_level, growth.year
having n_regions >= 10 and n_equal >= 0.5 * n_regions
