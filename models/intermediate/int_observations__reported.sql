-- One row per cell that a publication prints or is known to leave blank, in the indicator's unit.
with printed as (

    select * from {{ ref('stg_yearbook__province') }}
    union all
    select * from {{ ref('stg_yearbook__city') }}
    union all
    select * from {{ ref('stg_registry__known_gap') }}

),

indicator as (

    select
        indicator_id,
        unit
    from {{ ref('indicator') }}

),

unit as (

    select
        unit,
        scale
    from {{ ref('unit') }}

),

source as (

    select
        source_id,
        table_code
    from {{ ref('source') }}

),

scaled as (

    select
        printed.*,
        indicator.unit,
        printed_unit.scale - kept_unit.scale as scale_shift,
        coalesce(source.table_code, printed.source_id) as table_locator,
    from printed
    inner join indicator on printed.indicator_id = indicator.indicator_id
    inner join unit as printed_unit on printed.unit_printed = printed_unit.unit
    inner join unit as kept_unit on indicator.unit = kept_unit.unit
    inner join source on printed.source_id = source.source_id

),

final as (

    select
        region_code,
        region_level,
        year,
        indicator_id,
        vintage,
        cast(
            value_in_printed_unit * cast(power(10, scale_shift) as decimal(18, 6)) as decimal(38, 10)
        ) as value_reported,
        unit,
        length(split_part(value_printed, '.', 2)) - scale_shift as decimals,
        value_printed,
        unit_printed,
        substr(obs_status_all, 1, 1) as obs_status,
        obs_status_all,
        suspect_codes,
        source_id,
        source_file_sha256,
        table_locator || '!' || region_code || ':' || cast(year as varchar) as source_locator,
        obs_comment,
    from scaled

)

select * from final
