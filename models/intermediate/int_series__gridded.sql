-- Which cells each published series must have: the ground that coverage and gaps are judged on.
with series as (

    select * from {{ ref('series') }}

),

grid as (

    select * from {{ ref('int_region_years__gridded') }}

),

final as (

    select
        series.indicator_id,
        series.region_level,
        series.vintage,
        grid.region_code,
        grid.year,
        case
            when series.indicator_id = 'gdp' and series.region_level = 'province'
                then series.vintage = '{{ var("gdp_vintage") }}'
            else series.is_panel_default
        end as is_panel_vintage,
    from series
    inner join grid
        on series.region_level = grid.region_level
            and grid.year between series.first_year and series.last_year
            and (
                series.region_set = 'provinces'
                or (series.region_set = 'major_cities' and grid.is_major_city)
                or (series.region_set = 'municipalities' and grid.unit_level = 'municipality')
            )

)

select * from final
