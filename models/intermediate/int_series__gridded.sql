-- Which cells each series must have: the ground that coverage and gaps are judged on. A shipped series has
-- a row in the registry; an imported one has the regions and years that its files hold.
with series as (

    select * from {{ ref('series') }}

),

grid as (

    select * from {{ ref('int_region_years__gridded') }}

),

landed as (

    select * from {{ ref('stg_landing__observation') }}

),

shipped as (

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
        true as is_shipped,
    from series
    inner join grid
        on series.region_level = grid.region_level
            and grid.year between series.first_year and series.last_year
            and (
                series.region_set = 'provinces'
                or (series.region_set = 'major_cities' and grid.is_major_city)
                or (series.region_set = 'municipalities' and grid.unit_level = 'municipality')
            )

),

landed_region as (

    select
        indicator_id,
        region_level,
        vintage,
        region_code,
    from landed
    group by indicator_id, region_level, vintage, region_code

),

landed_year as (

    select
        indicator_id,
        region_level,
        vintage,
        year,
    from landed
    group by indicator_id, region_level, vintage, year

),

-- The vintage with most figures in the years of the panel comes first; of equals the later name, so that a
-- newer version of the same cells is preferred.
landed_rank as (

    select
        indicator_id,
        region_level,
        vintage,
        row_number() over (
            partition by indicator_id, region_level
            order by
                count(value_in_printed_unit)
                    filter (where year between {{ var('first_year') }} and {{ var('last_year') }}) desc,
                vintage desc
        ) as vintage_rank,
    from landed
    group by indicator_id, region_level, vintage

),

-- One vintage a region: a series spliced from two would show a revision as growth. A region that a shipped
-- series covers keeps it.
landed_choice as (

    select
        landed_region.indicator_id,
        landed_region.region_level,
        landed_region.region_code,
        min(landed_rank.vintage_rank) as vintage_rank,
    from landed_region
    inner join landed_rank
        on landed_region.indicator_id = landed_rank.indicator_id
            and landed_region.region_level = landed_rank.region_level
            and landed_region.vintage = landed_rank.vintage
    left join shipped
        on landed_region.indicator_id = shipped.indicator_id
            and landed_region.region_level = shipped.region_level
            and landed_region.region_code = shipped.region_code
            and shipped.is_panel_vintage
    where shipped.vintage is null
    group by landed_region.indicator_id, landed_region.region_level, landed_region.region_code

),

imported as (

    select
        landed_region.indicator_id,
        landed_region.region_level,
        landed_region.vintage,
        landed_region.region_code,
        grid.year,
        coalesce(landed_rank.vintage_rank = landed_choice.vintage_rank, false) as is_panel_vintage,
        false as is_shipped,
    from landed_region
    inner join landed_year
        on landed_region.indicator_id = landed_year.indicator_id
            and landed_region.region_level = landed_year.region_level
            and landed_region.vintage = landed_year.vintage
    inner join grid
        on landed_region.region_level = grid.region_level
            and landed_region.region_code = grid.region_code
            and landed_year.year = grid.year
    inner join landed_rank
        on landed_region.indicator_id = landed_rank.indicator_id
            and landed_region.region_level = landed_rank.region_level
            and landed_region.vintage = landed_rank.vintage
    left join landed_choice
        on landed_region.indicator_id = landed_choice.indicator_id
            and landed_region.region_level = landed_choice.region_level
            and landed_region.region_code = landed_choice.region_code

),

final as (

    select * from shipped
    union all
    select * from imported

)

select * from final
