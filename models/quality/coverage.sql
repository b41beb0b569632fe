with grid as (

    select * from {{ ref('int_series__gridded') }}
    where is_panel_vintage

),

observation as (

    select * from {{ ref('observation') }}

),

final as (

    select
        grid.indicator_id,
        grid.year,
        grid.region_level,
        count(*) as n_expected,
        count(observation.value) filter (where not {{ is_filled('observation.obs_status_all') }})
            as n_reported,
        count(observation.value) filter (where {{ is_filled('observation.obs_status_all') }}) as n_imputed,
        count(*) - count(observation.value) as n_missing,
        count(observation.suspect_codes) as n_suspect,
    from grid
    left join observation
        on grid.indicator_id = observation.indicator_id
            and grid.region_level = observation.region_level
            and grid.vintage = observation.vintage
            and grid.region_code = observation.region_code
            and grid.year = observation.year
    group by grid.indicator_id, grid.year, grid.region_level

)

select * from final
order by indicator_id, region_level, year
