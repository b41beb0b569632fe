{{ config(materialized='table') }}

-- Printed cells that could not be read as figures, or whose row or column could not.
with source as (

    select * from {{ landed_rows('refused') }}

),

renamed as (

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
    from source

)

select * from renamed
