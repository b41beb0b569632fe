-- The rules that papers imply, counted as they count: cities, over their years (README, "how far to trust it").
with counted as (

    select
        rule_id,
        count(distinct prefecture_code) as n_cities,
        count(*) as n_city_years,
    from {{ ref('treatment_city_year') }}
    where is_treated
        and (
            (rule_id = 'first_six' and year between 2010 and 2023)
            or (rule_id = 'first_five' and year between 2009 and 2022)
        )
    group by rule_id

),

expected as (

    select 'first_six' as rule_id, 123 as n_cities, 561 as n_city_years
    union all
    select 'first_five' as rule_id, 99 as n_cities, 414 as n_city_years

)

select expected.*, counted.n_cities as found_cities, counted.n_city_years as found_city_years
from expected
left join counted on expected.rule_id = counted.rule_id
where counted.n_cities is distinct from expected.n_cities
    or counted.n_city_years is distinct from expected.n_city_years
