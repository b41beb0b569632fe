with filled as (

    select * from {{ ref('int_observations__filled') }}

),

-- Scopes that no panel reads are kept as they were printed; nothing is filled in them.
other_scope as (

    select
        *,
        value_reported as value,
    from {{ ref('int_observations__witnessed') }}
    where not is_panel_scope

),

united as (

    select * from filled
    union all by name
    select * from other_scope

),

final as (

    select
        region_code,
        region_level,
        year,
        indicator_id,
        scope,
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
        edition,
        witness,
        is_panel_scope,
    from united

)

select * from final
order by region_level, indicator_id, scope, vintage, region_code, year
