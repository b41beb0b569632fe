-- The one vintage of each series that panels, derived indicators and indices read.
with reported as (

    select * from {{ ref('int_observations__reported') }}

),

grid as (

    select * from {{ ref('int_series__gridded') }}

),

final as (

    select
        reported.region_level,
        reported.region_code,
        reported.year,
        reported.indicator_id,
        reported.vintage,
        cast(reported.value_reported as double) as value,
        reported.obs_status,
        reported.obs_status_all,
        reported.suspect_codes,
    from reported
    inner join grid
        on reported.indicator_id = grid.indicator_id
            and reported.region_level = grid.region_level
            and reported.vintage = grid.vintage
            and reported.region_code = grid.region_code
            and reported.year = grid.year
    where grid.is_panel_vintage

)

select * from final
