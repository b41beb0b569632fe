-- A column that mixed two series would show a revision as growth: one series a region, and of shipped ones one
-- vintage a column. A gap filler prints the same figures as the series it completes.
select
    region_level,
    indicator_id,
    region_code,
    count(distinct series_id) as n_vintages,
from {{ ref('int_series__gridded') }}
where is_panel_vintage and not is_gap_filler
group by region_level, indicator_id, region_code
having count(distinct series_id) <> 1
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
