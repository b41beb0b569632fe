{{ config(materialized='table') }}

-- Sums that a printed table gives for a province or for all cities.
with source as (

    select * from {{ landed_rows('total') }}

),

renamed as (

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
    from source

)

select * from renamed
