-- A column that mixed two series would show a revision, or another compiler, as growth: one series a column, for
-- all its regions. What completes it prints the same figures.
select
    region_level,
    indicator_id,
    count(distinct series_id) as n_series,
from {{ ref('int_series__gridded') }}
where is_panel_vintage and not is_completing
group by region_level, indicator_id
having count(distinct series_id) <> 1
union all
select
    region_level,
    indicator_id,
    count(distinct vintage) as n_series,
from {{ ref('int_series__gridded') }}
where is_panel_vintage and is_shipped
group by region_level, indicator_id
having count(distinct vintage) <> 1
union all
-- A misspelt gdp_vintage would leave the panel without GDP.
select
    region_level,
    indicator_id,
    0 as n_series,
from {{ ref('int_series__gridded') }}
group by region_level, indicator_id
having count(*) filter (where is_panel_vintage or is_major_city_vintage) = 0
