-- Printed sums that ship, and those of imported tables; a table that ships and is imported counts once.
with shipped as (

    select * from {{ ref('stg_yearbook__print') }}
    where record = 'total'

),

imported as (

    select * from {{ ref('stg_landing__total') }}

),

final as (

    select
        region_level,
        region_code,
        year,
        indicator_id,
        scope,
        vintage,
        edition,
        value_printed,
        value_in_printed_unit,
        unit_printed,
        source_file,
        source_file_sha256,
        source_locator,
    from shipped
    where value_in_printed_unit is not null
    union all
    select imported.*
    from imported
    left join shipped
        on imported.source_file_sha256 = shipped.source_file_sha256
            and imported.source_locator = shipped.source_locator
    where shipped.source_locator is null

)

select * from final
order by all
