with filled as (

    select * from {{ ref('int_observations__filled') }}

),

final as (

    select
        region_code,
        region_level,
        year,
        indicator_id,
        vintage,
        value,
        value_reported,
        unit,
        cast(decimals as integer) as decimals,
        obs_status,
        obs_status_all,
        impute_method,
        impute_by,
        anchor_years,
        suspect_codes,
        source_id,
        source_file_sha256,
        source_locator,
        obs_comment,
        {{ is_simulated() }} as is_simulated,
        value_printed,
        unit_printed,
    from filled

)

select * from final
order by region_level, indicator_id, vintage, region_code, year
