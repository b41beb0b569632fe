with derived as (

    select * from {{ ref('int_observations__derived') }}

),

indicator as (

    select indicator_id, unit from {{ ref('indicator') }}

),

final as (

    select
        derived.region_code,
        derived.region_level,
        derived.year,
        derived.indicator_id,
        derived.value,
        indicator.unit,
        derived.obs_status,
        derived.obs_status_all,
        derived.suspect_codes,
        {{ 'true' if target.name == 'demo' else 'false' }} as is_simulated,
    from derived
    inner join indicator on derived.indicator_id = indicator.indicator_id

)

select * from final
order by region_level, indicator_id, region_code, year
