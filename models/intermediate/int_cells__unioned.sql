-- Every cell that a panel or an index may read: selected vintages and derived indicators, one name each.
with selected as (

    select
        region_level,
        region_code,
        year,
        indicator_id,
        value,
        obs_status,
        obs_status_all,
        suspect_codes
    from {{ ref('int_observations__selected') }}

),

derived as (

    select
        region_level,
        region_code,
        year,
        indicator_id,
        value,
        obs_status,
        obs_status_all,
        suspect_codes
    from {{ ref('int_observations__derived') }}

),

final as (

    select * from selected
    union all
    select * from derived

)

select * from final
