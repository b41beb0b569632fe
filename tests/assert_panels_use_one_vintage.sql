-- A series that mixed two vintages would show a revision as growth: one a region, and of shipped series one
-- a column. A gap filler prints the same figures as the series it completes.
select
    region_level,
    indicator_id,
    region_code,
    count(distinct vintage) as n_vintages,
from {{ ref('int_series__gridded') }}
where is_panel_vintage and not is_gap_filler
group by region_level, indicator_id, region_code
having count(distinct vintage) <> 1
union all
select
    region_level,
    indicator_id,
    'shipped' as region_code,
    count(distinct vintage) as n_vintages,
from {{ ref('int_series__gridded') }}
where is_panel_vintage and is_shipped
group by region_level, indicator_id
having count(distinct vintage) <> 1
union all
-- A misspelt gdp_vintage would leave the panel without GDP.
select
    region_level,
    indicator_id,
    'shipped' as region_code,
    0 as n_vintages,
from {{ ref('int_series__gridded') }}
where is_shipped
group by region_level, indicator_id
having count(*) filter (where is_panel_vintage) = 0
