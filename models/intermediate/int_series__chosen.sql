-- Which vintage each panel reads of each cell. A panel's level is that of the regions it reads, except
-- that the national platform's 36 cities are a panel of their own: never in one column with the
-- yearbook's 290.
with grid as (

    select * from {{ ref('int_series__gridded') }}

),

-- Where the platform's figures are not there (simulated ones are not its), its panel reads what that of all
-- cities does.
has_platform as (

    select count(*) filter (where is_major_city_vintage) > 0 as is_there from grid

),

final as (

    select
        region_level,
        region_level as printed_level,
        region_code,
        year,
        indicator_id,
        vintage,
    from grid
    where is_panel_vintage
    union all
    select
        'major_city' as region_level,
        region_level as printed_level,
        region_code,
        year,
        indicator_id,
        vintage,
    from grid
    where is_major_city_vintage
    union all
    select
        'major_city' as region_level,
        grid.region_level as printed_level,
        grid.region_code,
        grid.year,
        grid.indicator_id,
        grid.vintage,
    from grid
    cross join has_platform
    inner join {{ ref('int_region_years__gridded') }} as city
        on city.region_level = 'major_city'
            and grid.region_code = city.region_code
            and grid.year = city.year
    where grid.is_panel_vintage
        and grid.region_level = 'prefecture'
        and not has_platform.is_there

)

select * from final
