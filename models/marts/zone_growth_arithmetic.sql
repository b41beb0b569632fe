-- What the printed figures of a city imply, every assumption in words. Any city with the inputs has rows.
with parameter as (

    select max(value) filter (where parameter_id = 'months_per_year') as months_per_year
    from {{ ref('growth_parameter') }}

),

fact as (

    select
        *,
        date_diff('month', period_start, period_end) + 1 as months,
        year(period_end) as year,
    from {{ ref('zone_fact') }}
    where entity_level = 'city'

),

-- The newest part of a year with its growth on the same months of the year before.
turnover as (

    select *
    from fact
    where fact_indicator_id = 'cbec_turnover' and months <= 12
    qualify row_number() over (partition by region_code order by period_end desc, fact_no) = 1

),

growth as (

    select * from fact
    where fact_indicator_id = 'cbec_turnover_growth'

),

goal as (

    select *
    from fact
    where fact_indicator_id = 'cbec_turnover_goal'
    qualify row_number() over (partition by region_code order by period_end, fact_no) = 1

),

stated_growth as (

    select *
    from fact
    where fact_indicator_id = 'cbec_turnover_growth_goal'
    qualify row_number() over (partition by region_code order by reported_on desc, fact_no) = 1

),

usd_order as (

    select *
    from fact
    where fact_indicator_id = 'cbec_orders_cumulative_usd'

),

usd as (

    select
        usd_order.fact_no,
        avg(rate.yuan) as yuan,
        any_value(rate.source) as source,
        bool_and(rate.verified = 'yes') as is_verified,
        concat(year(any_value(usd_order.period_start)), ' to ', year(any_value(usd_order.period_end)))
            as years,
    from usd_order
    inner join {{ ref('exchange_rate') }} as rate
        on rate.currency = 'usd'
            and rate.year between year(usd_order.period_start) and year(usd_order.period_end)
    group by usd_order.fact_no

),

ecommerce as (

    select * from fact
    where fact_indicator_id = 'ecommerce_turnover' and months = 12

),

base as (

    select
        turnover.region_code,
        turnover.entity_zh,
        turnover.entity_en,
        turnover.year,
        turnover.value,
        turnover.months,
        turnover.censoring,
        turnover.fact_no,
        turnover.value * parameter.months_per_year / turnover.months as annualised,
        growth.value as growth_pct,
        growth.censoring as growth_censoring,
        growth.fact_no as growth_fact_no,
        goal.value as goal,
        goal.year as goal_year,
        goal.censoring as goal_censoring,
        goal.fact_no as goal_fact_no,
        stated_growth.value as stated_pct,
        stated_growth.fact_no as stated_fact_no,
    from turnover
    cross join parameter
    left join growth
        on turnover.region_code = growth.region_code
            and turnover.period_start = growth.period_start
            and turnover.period_end = growth.period_end
    left join goal on turnover.region_code = goal.region_code
    left join stated_growth on turnover.region_code = stated_growth.region_code

),

result as (

    select
        region_code,
        'annualised' as quantity,
        year,
        annualised as value,
        '100m_yuan' as unit,
        case when censoring in ('over', 'at_least') then 'lower bound' else censoring end as bound,
        concat(value, ' x 12 / ', months) as formula,
        'every month as the mean of the printed months; the end of the year is usually stronger'
            as assumption,
        cast(fact_no as varchar) as fact_nos,
    from base
    union all
    select
        region_code,
        'implied_year_before' as quantity,
        year - 1 as year,
        annualised / (1 + growth_pct / 100) as value,
        '100m_yuan' as unit,
        case when censoring = 'exact' and growth_censoring = 'exact' then 'exact' else 'undetermined' end
            as bound,
        concat(value, ' / (1 + ', growth_pct, ' %) x 12 / ', months) as formula,
        'as annualised; the growth of the printed months is that of the year' as assumption,
        concat(fact_no, ', ', growth_fact_no) as fact_nos,
    from base
    where growth_pct is not null
    union all
    select
        region_code,
        'needed_growth' as quantity,
        goal_year as year,
        100 * (power(goal / annualised, 1.0 / (goal_year - year)) - 1) as value,
        'pct' as unit,
        case when censoring in ('over', 'at_least') then 'upper bound' else censoring end as bound,
        concat('(', goal, ' / ', annualised, ') ^ (1 / ', goal_year - year, ') - 1') as formula,
        'as annualised; the goal counts as met at its printed figure' as assumption,
        concat(fact_no, ', ', goal_fact_no) as fact_nos,
    from base
    where goal is not null and goal_year > year
    union all
    select
        region_code,
        'needed_growth_from_year_before' as quantity,
        goal_year as year,
        100
        * (power(goal / (annualised / (1 + growth_pct / 100)), 1.0 / (goal_year - year + 1)) - 1) as value,
        'pct' as unit,
        'undetermined' as bound,
        concat('(', goal, ' / implied ', year - 1, ') ^ (1 / ', goal_year - year + 1, ') - 1') as formula,
        'as implied_year_before; yearly rate over the whole stretch' as assumption,
        concat(fact_no, ', ', growth_fact_no, ', ', goal_fact_no) as fact_nos,
    from base
    where goal is not null and growth_pct is not null and goal_year > year
    union all
    select
        region_code,
        'years_to_goal_at_stated_rate' as quantity,
        goal_year as year,
        ln(goal / annualised) / ln(1 + stated_pct / 100) as value,
        'years' as unit,
        case when censoring in ('over', 'at_least') then 'upper bound' else censoring end as bound,
        concat('ln(', goal, ' / ', annualised, ') / ln(1 + ', stated_pct, ' %)') as formula,
        concat('counted from ', year, '; the stated lower limit of yearly growth is the growth')
            as assumption,
        concat(fact_no, ', ', goal_fact_no, ', ', stated_fact_no) as fact_nos,
    from base
    where goal is not null and stated_pct is not null
    union all
    select
        usd_order.region_code,
        'orders_in_yuan' as quantity,
        usd_order.year,
        usd_order.value * usd.yuan as value,
        '100m_yuan' as unit,
        case
            when usd_order.censoring in ('over', 'at_least') then 'lower bound' else usd_order.censoring
        end as bound,
        concat(usd_order.value, ' x ', round(usd.yuan, 4)) as formula,
        concat(
            round(usd.yuan, 4),
            ' yuan for one dollar: mean of the yearly rates of ',
            usd.years,
            '; ',
            usd.source,
            '; verified = ', case when usd.is_verified then 'yes' else 'no' end
        ) as assumption,
        cast(usd_order.fact_no as varchar) as fact_nos,
    from usd_order
    inner join usd on usd_order.fact_no = usd.fact_no
    union all
    select
        usd_order.region_code,
        'orders_in_yuan_a_year' as quantity,
        usd_order.year,
        usd_order.value * usd.yuan * parameter.months_per_year / usd_order.months as value,
        '100m_yuan' as unit,
        case
            when usd_order.censoring in ('over', 'at_least') then 'lower bound' else usd_order.censoring
        end as bound,
        concat(usd_order.value, ' x ', round(usd.yuan, 4), ' x 12 / ', usd_order.months) as formula,
        'as orders_in_yuan; every month the same; orders are set beside turnover, not called it'
            as assumption,
        cast(usd_order.fact_no as varchar) as fact_nos,
    from usd_order
    inner join usd on usd_order.fact_no = usd.fact_no
    cross join parameter
    union all
    select
        base.region_code,
        'cbec_share_of_ecommerce' as quantity,
        ecommerce.year,
        100 * base.annualised / (1 + base.growth_pct / 100) / ecommerce.value as value,
        'pct' as unit,
        'undetermined' as bound,
        concat('implied ', base.year - 1, ' / ', ecommerce.value) as formula,
        'as implied_year_before; both turnovers are counted alike, which no source says' as assumption,
        concat(base.fact_no, ', ', base.growth_fact_no, ', ', ecommerce.fact_no) as fact_nos,
    from base
    inner join ecommerce
        on base.region_code = ecommerce.region_code
            and base.year - 1 = ecommerce.year
    where base.growth_pct is not null

),

name as (

    select
        region_code,
        any_value(entity_zh order by fact_no) as entity_zh,
        any_value(entity_en order by fact_no) as entity_en,
    from fact
    group by region_code

),

final as (

    select
        result.region_code,
        name.entity_zh,
        name.entity_en,
        result.* exclude (region_code),
    from result
    inner join name on result.region_code = name.region_code

)

select * from final
order by region_code, quantity
