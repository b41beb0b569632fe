-- Cells of every series that a panel may read: the ground on which a series is chosen for each column, and on
-- which coverage and gaps are judged. A shipped series has a row in the registry; an imported one has the
-- regions and years that its files hold.
with series as (

    select * from {{ ref('series') }}

),

grid as (

    select * from {{ ref('int_region_years__gridded') }}

),

indicator as (

    select
        indicator_id,
        panel_scope
    from {{ ref('int_indicators__named') }}

),

-- What panels read of the imported cells: one scope an indicator.
landed as (

    select landed.*
    from {{ ref('int_observations__landed') }} as landed
    inner join indicator on landed.indicator_id = indicator.indicator_id
    where landed.scope = coalesce(
            indicator.panel_scope,
            case landed.region_level when 'province' then 'province' else 'whole_prefecture' end
        )

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
        end as is_default,
        series.region_set,
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
        series_id,
        region_code,
    from landed
    group by indicator_id, region_level, series_id, region_code

),

covered as (

    select
        indicator_id,
        region_level,
        series_id,
        vintage,
        year,
        coalesce(edition, 0) as edition,
    from landed
    union all
    -- Years in which the publication prints no column of the indicator.
    select
        indicator_id,
        region_level,
        vintage as series_id,
        vintage,
        year,
        edition,
    from {{ ref('int_gaps__published') }}

),

-- Of two editions of a series that print one year the first is read, or the latest; both stay.
landed_year as (

    select
        indicator_id,
        region_level,
        series_id,
        vintage,
        year,
        {% if var('edition_rule') == 'first_edition' -%}
            min(edition) as edition_rank,
        {%- else -%}
            -max(edition) as edition_rank,
        {%- endif %}
    from covered
    group by indicator_id, region_level, series_id, vintage, year

),

imported as (

    select
        landed_region.indicator_id,
        landed_region.region_level,
        landed_year.vintage,
        landed_region.series_id,
        landed_region.region_code,
        grid.year,
        row_number() over (
            partition by
                landed_region.indicator_id, landed_region.region_level, landed_region.series_id,
                landed_region.region_code, grid.year
            order by landed_year.edition_rank, landed_year.vintage
        ) = 1 as is_edition_read,
    from landed_region
    inner join landed_year
        on landed_region.indicator_id = landed_year.indicator_id
            and landed_region.region_level = landed_year.region_level
            and landed_region.series_id = landed_year.series_id
    inner join grid
        on landed_region.region_level = grid.region_level
            and landed_region.region_code = grid.region_code
            and landed_year.year = grid.year

),

united as (

    select
        indicator_id,
        region_level,
        vintage,
        vintage as series_id,
        region_code,
        year,
        region_set,
        is_default as is_candidate,
        true as is_edition_read,
        true as is_shipped,
    from shipped
    union all
    select
        indicator_id,
        region_level,
        vintage,
        series_id,
        region_code,
        year,
        cast(null as varchar) as region_set,
        true as is_candidate,
        is_edition_read,
        false as is_shipped,
    from imported

),

final as (

    select
        united.*,
        reported.value_reported,
    from united
    left join {{ ref('int_observations__reported') }} as reported
        on united.indicator_id = reported.indicator_id
            and united.region_level = reported.region_level
            and united.region_code = reported.region_code
            and united.year = reported.year
            and united.vintage = reported.vintage
            and reported.is_panel_scope

)

select * from final
