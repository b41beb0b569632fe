-- The one vintage of each series that panels, derived indicators and indices read.
with filled as (

    select * from {{ ref('int_observations__filled') }}

),

chosen as (

    select * from {{ ref('int_series__chosen') }}

),

final as (

    select
        chosen.region_level,
        chosen.printed_level,
        filled.region_code,
        filled.year,
        filled.indicator_id,
        filled.vintage,
        cast(filled.value as double) as value,
        filled.obs_status,
        filled.obs_status_all,
        filled.suspect_codes,
    from filled
    inner join chosen
        on filled.indicator_id = chosen.indicator_id
            and filled.region_level = chosen.printed_level
            and filled.vintage = chosen.vintage
            and filled.region_code = chosen.region_code
            and filled.year = chosen.year

)

select * from final
