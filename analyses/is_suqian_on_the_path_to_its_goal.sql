-- What do the printed figures of Suqian imply, under which assumptions, and where do three rates lead?
select
    arithmetic.entity_zh,
    arithmetic.quantity,
    arithmetic.year,
    round(arithmetic.value, 1) as value,
    arithmetic.unit,
    arithmetic.bound,
    arithmetic.formula,
    arithmetic.assumption,
from {{ ref('zone_growth_arithmetic') }} as arithmetic
union all
select
    path.entity_zh,
    concat('turnover at the ', path.scenario, ' of ', round(path.growth_pct, 1), ' %') as quantity,
    path.year,
    round(path.turnover_100m_yuan, 1) as value,
    '100m_yuan' as unit,
    null as bound,
    concat('gap to the goal: ', round(path.gap_to_goal_100m_yuan, 1)) as formula,
    'from the annualised turnover' as assumption,
from {{ ref('zone_growth_path') }} as path
where path.year = path.goal_year
order by entity_zh, quantity
