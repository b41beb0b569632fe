-- A table, not a view: the published file must not look for landed files on a reader's machine.
{{ config(materialized='table') }}

-- Imported cells. Without a landed file the same columns with no row, so that a build needs no import.
with source as (

    select * from {{ landed_files() }}

),

publication as (

    select * from {{ ref('publication') }}

),

renamed as (

    select
        source.region_level,
        source.region_code,
        source.year,
        source.indicator_id,
        source.scope,
        source.vintage,
        source.value_printed,
        source.value_in_printed_unit,
        source.unit_printed,
        source.obs_status_all,
        source.impute_method,
        source.impute_by,
        source.anchor_years,
        source.suspect_codes,
        source.source_id,
        source.obs_comment,
        source.source_file,
        source.source_file_sha256,
        source.source_locator,
        source.is_simulated,
        source.publication_id,
        source.edition,
        -- Editions of a publication that prints one year each are one series; other vintages are their own.
        case when publication.is_one_series then publication.vintage else source.vintage end as series_id,
        source.header_zh,
        source.header_en,
    from source
    left join publication on source.publication_id = publication.publication_id
    where source.is_simulated = {{ is_simulated() }}
        and source.record = 'cell'
        and coalesce(source.edition, 0) <= {{ env_var('CBEC_AS_OF', '9999') | int }}

)

select * from renamed
