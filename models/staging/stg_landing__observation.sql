-- A table, not a view: the published file must not look for landed files on a reader's machine.
{{ config(materialized='table') }}

-- Imported cells. Without a landed file the same columns with no row, so that a build needs no import.
with source as (

    select * from {{ landed_rows('cell') }}

),

renamed as (

    select
        region_level,
        region_code,
        year,
        indicator_id,
        scope,
        vintage,
        value_printed,
        value_in_printed_unit,
        unit_printed,
        obs_status_all,
        impute_method,
        impute_by,
        anchor_years,
        suspect_codes,
        source_id,
        obs_comment,
        source_file,
        source_file_sha256,
        source_locator,
        is_simulated,
        publication_id,
        edition,
        series_id,
        header_zh,
        header_en,
    from source

)

select * from renamed
