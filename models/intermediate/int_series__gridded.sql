-- Which cells each series must have: the ground that coverage and gaps are judged on. A shipped series has
-- a row in the registry; an imported one has the regions and years that its files hold.
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

reported as (

    select * from {{ ref('int_observations__reported') }}
    where is_panel_scope

),

candidate as (

    select
        shipped.indicator_id,
        shipped.region_level,
        shipped.vintage as series_id,
        count(reported.value_reported) as n_figures,
        true as is_shipped,
    from shipped
    left join reported
        on shipped.indicator_id = reported.indicator_id
            and shipped.region_level = reported.region_level
            and shipped.region_code = reported.region_code
            and shipped.year = reported.year
            and shipped.vintage = reported.vintage
    where shipped.is_default
    group by shipped.indicator_id, shipped.region_level, shipped.vintage
    union all
    select
        indicator_id,
        region_level,
        series_id,
        count(value_in_printed_unit)
        filter (where year between {{ var('first_year') }} and {{ var('last_year') }}) as n_figures,
        false as is_shipped,
    from landed
    group by indicator_id, region_level, series_id

),

-- One series a column, for all its regions: a column spliced from two would show a revision, or another
-- compiler, as growth. Cities read var city_series where it prints the indicator, provinces what ships; else
-- the series with most figures, of equals the later name, so that a newer version is preferred.
ranked as (

    select
        indicator_id,
        region_level,
        series_id,
        n_figures,
        row_number() over (
            partition by indicator_id, region_level
            order by
                case
                    when region_level = 'prefecture' and series_id = '{{ var("city_series") }}' then 0
                    when region_level <> 'prefecture' and is_shipped then 0
                    else 1
                end,
                n_figures desc,
                series_id desc
        ) as series_rank,
    from candidate

),

imported as (

    select
        landed_region.indicator_id,
        landed_region.region_level,
        landed_year.vintage,
        landed_region.series_id,
        landed_region.region_code,
        grid.year,
        ranked.series_rank = 1 and row_number() over (
            partition by
                landed_region.indicator_id, landed_region.region_level, landed_region.series_id,
                landed_region.region_code, grid.year
            order by landed_year.edition_rank, landed_year.vintage
        ) = 1 as is_panel_vintage,
        false as is_shipped,
    from landed_region
    inner join landed_year
        on landed_region.indicator_id = landed_year.indicator_id
            and landed_region.region_level = landed_year.region_level
            and landed_region.series_id = landed_year.series_id
    inner join grid
        on landed_region.region_level = grid.region_level
            and landed_region.region_code = grid.region_code
            and landed_year.year = grid.year
    inner join ranked
        on landed_region.indicator_id = ranked.indicator_id
            and landed_region.region_level = ranked.region_level
            and landed_region.series_id = ranked.series_id

),

-- A year that a province's shipped series leaves blank is read from an imported one that prints the same
-- figures in every other year: then it is one series in two publications, and no revision can show as growth.
shipped_value as (

    select
        shipped.indicator_id,
        shipped.region_level,
        shipped.region_code,
        shipped.year,
        reported.value_reported,
    from shipped
    left join reported
        on shipped.indicator_id = reported.indicator_id
            and shipped.region_level = reported.region_level
            and shipped.region_code = reported.region_code
            and shipped.year = reported.year
            and shipped.vintage = reported.vintage
    where shipped.is_default and shipped.region_level = 'province'

),

landed_value as (

    select
        imported.indicator_id,
        imported.region_level,
        imported.region_code,
        imported.year,
        imported.vintage,
        reported.value_reported,
    from imported
    inner join reported
        on imported.indicator_id = reported.indicator_id
            and imported.region_level = reported.region_level
            and imported.region_code = reported.region_code
            and imported.year = reported.year
            and imported.vintage = reported.vintage
    where reported.value_reported is not null

),

same_series as (

    select
        landed_value.indicator_id,
        landed_value.region_level,
        landed_value.region_code,
        landed_value.vintage,
    from landed_value
    inner join shipped_value
        on landed_value.indicator_id = shipped_value.indicator_id
            and landed_value.region_level = shipped_value.region_level
            and landed_value.region_code = shipped_value.region_code
            and landed_value.year = shipped_value.year
    where shipped_value.value_reported is not null
    group by
        landed_value.indicator_id, landed_value.region_level, landed_value.region_code, landed_value.vintage
    having count(*) >= {{ var('same_series_years') }}
        and max(
            abs(landed_value.value_reported - shipped_value.value_reported)
            - {{ var('same_series_share') }} * abs(shipped_value.value_reported)
        ) <= 0

),

gap_filler as (

    select
        landed_value.indicator_id,
        landed_value.region_level,
        landed_value.region_code,
        landed_value.year,
        max(landed_value.vintage) as vintage,
    from landed_value
    inner join same_series
        on landed_value.indicator_id = same_series.indicator_id
            and landed_value.region_level = same_series.region_level
            and landed_value.region_code = same_series.region_code
            and landed_value.vintage = same_series.vintage
    inner join shipped_value
        on landed_value.indicator_id = shipped_value.indicator_id
            and landed_value.region_level = shipped_value.region_level
            and landed_value.region_code = shipped_value.region_code
            and landed_value.year = shipped_value.year
    where shipped_value.value_reported is null
    group by
        landed_value.indicator_id, landed_value.region_level, landed_value.region_code, landed_value.year

),

united as (

    select
        shipped.indicator_id,
        shipped.region_level,
        shipped.vintage,
        shipped.vintage as series_id,
        shipped.region_code,
        shipped.year,
        shipped.is_default and coalesce(ranked.series_rank = 1, false) as is_panel_vintage,
        -- What the panel of major cities reads, whatever that of all cities does.
        shipped.is_default and shipped.region_set = 'major_cities' and coalesce(ranked.n_figures > 0, false)
            as is_major_city_vintage,
        true as is_shipped,
    from shipped
    left join ranked
        on shipped.indicator_id = ranked.indicator_id
            and shipped.region_level = ranked.region_level
            and shipped.vintage = ranked.series_id
    union all
    select
        indicator_id,
        region_level,
        vintage,
        series_id,
        region_code,
        year,
        is_panel_vintage,
        false as is_major_city_vintage,
        is_shipped,
    from imported

),

final as (

    select
        united.indicator_id,
        united.region_level,
        united.vintage,
        united.series_id,
        united.region_code,
        united.year,
        case
            when gap_filler.vintage is null then united.is_panel_vintage
            else united.vintage = gap_filler.vintage
        end as is_panel_vintage,
        united.is_major_city_vintage,
        united.is_shipped,
        coalesce(united.vintage = gap_filler.vintage, false) as is_gap_filler,
        unpublished.year is not null as is_unpublished,
    from united
    left join {{ ref('int_gaps__published') }} as unpublished
        on united.indicator_id = unpublished.indicator_id
            and united.region_level = unpublished.region_level
            and united.region_code = unpublished.region_code
            and united.year = unpublished.year
            and united.vintage = unpublished.vintage
    left join gap_filler
        on united.indicator_id = gap_filler.indicator_id
            and united.region_level = gap_filler.region_level
            and united.region_code = gap_filler.region_code
            and united.year = gap_filler.year

)

select * from final
