-- The one vintage of each series that panels, derived indicators and indices read.
with filled as (

    select * from {{ ref('int_observations__filled') }}

),

grid as (

    select * from {{ ref('int_series__gridded') }}

),

final as (

    select
        filled.region_level,
        filled.region_code,
        filled.year,
        filled.indicator_id,
        filled.vintage,
        cast(filled.value as double) as value,
        filled.obs_status,
        filled.obs_status_all,
        filled.suspect_codes,
    from filled
    inner join grid
        on filled.indicator_id = grid.indicator_id
            and filled.region_level = grid.region_level
            and filled.vintage = grid.vintage
            and filled.region_code = grid.region_code
            and filled.year = grid.year
    where grid.is_panel_vintage

)

select * from final
