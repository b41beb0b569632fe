-- Turnover year by year from the annualised one, at three rates, against the goal.
with arithmetic as (

    select * from {{ ref('zone_growth_arithmetic') }}

),

fact as (

    select
        *,
        year(period_end) as year,
    from {{ ref('zone_fact') }}
    where entity_level = 'city'

),

start as (

    select
        region_code,
        entity_zh,
        entity_en,
        year,
        value,
    from arithmetic
    where quantity = 'annualised'

),

goal as (

    select *
    from fact
    where fact_indicator_id = 'cbec_turnover_goal'
    qualify row_number() over (partition by region_code order by period_end, fact_no) = 1

),

-- The rate that a text states, the rate that the goal needs, and the rate of the newest printed months.
rate as (

    select
        region_code,
        'stated rate' as scenario,
        value as growth_pct,
    from fact
    where fact_indicator_id = 'cbec_turnover_growth_goal'
    qualify row_number() over (partition by region_code order by reported_on desc, fact_no) = 1
    union all
    select
        region_code,
        'needed rate' as scenario,
        value as growth_pct,
    from arithmetic
    where quantity = 'needed_growth'
    union all
    select
        region_code,
        'recent rate' as scenario,
        value as growth_pct,
    from fact
    where fact_indicator_id = 'cbec_turnover_growth'
    qualify row_number() over (partition by region_code order by period_end desc, fact_no) = 1

),

last_year as (

    select cast(max(value) as integer) as last_year
    from {{ ref('growth_parameter') }}
    where parameter_id = 'last_path_year'

),

years as (

    select
        start.*,
        unnest(generate_series(cast(start.year as integer), last_year.last_year)) as path_year,
    from start
    cross join last_year

),

final as (

    select
        years.region_code,
        years.entity_zh,
        years.entity_en,
        rate.scenario,
        cast(years.path_year as integer) as year,
        rate.growth_pct,
        years.value * power(1 + rate.growth_pct / 100, years.path_year - years.year) as turnover_100m_yuan,
        goal.value as goal_100m_yuan,
        cast(goal.year as integer) as goal_year,
        case
            when years.path_year = goal.year
                then years.value * power(1 + rate.growth_pct / 100, years.path_year - years.year) - goal.value
        end as gap_to_goal_100m_yuan,
    from years
    inner join rate on years.region_code = rate.region_code
    left join goal on years.region_code = goal.region_code

)

select * from final
order by region_code, scenario, year
