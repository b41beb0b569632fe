-- Refused cells of tables that ship, and of imported tables; a table that ships and is imported counts once.
with shipped as (

    select * from {{ ref('stg_yearbook__print') }}
    where record = 'refused'

),

imported as (

    select * from {{ ref('stg_landing__refusal') }}

),

united as (

    select
        edition,
        source_file,
        source_file_sha256,
        source_locator,
        region_level,
        region_code,
        indicator_id,
        scope,
        region_printed,
        header_zh,
        value_printed,
        refusal,
    from shipped
    union all
    select imported.*
    from imported
    left join shipped
        on imported.source_file_sha256 = shipped.source_file_sha256
            and imported.source_locator = shipped.source_locator
    where shipped.source_locator is null

),

final as (

    select united.*
    from united
    left join {{ ref('int_blanks__closed') }} as closed
        on united.source_file_sha256 = closed.source_file_sha256
            and united.source_locator = closed.source_locator
    where closed.source_locator is null

)

select * from final
order by all
