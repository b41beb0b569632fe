with refusal as (

    select * from {{ ref('int_refusals__landed') }}

),

final as (

    select
        edition,
        source_file,
        source_locator,
        region_level,
        region_code,
        indicator_id,
        scope,
        region_printed,
        header_zh as header_printed,
        value_printed,
        refusal as reason,
        source_file_sha256,
    from refusal

)

select * from final
order by source_file, source_locator, source_file_sha256
