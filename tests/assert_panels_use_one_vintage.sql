-- A panel column that mixed two vintages of GDP would show a revision as growth.
select
    region_level,
    indicator_id,
    count(distinct vintage) as n_vintages,
from {{ ref('int_series__gridded') }}
where is_panel_vintage
group by region_level, indicator_id
having count(distinct vintage) <> 1
union all
-- A misspelt gdp_vintage would leave the panel without GDP.
select
    region_level,
    indicator_id,
    0 as n_vintages,
from {{ ref('int_series__gridded') }}
group by region_level, indicator_id
having count(*) filter (where is_panel_vintage) = 0
