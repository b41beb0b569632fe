-- Printed cells that ship, and imported cells. An imported cell that only repeats one that ships (same
-- edition, place and figure) is left out: importing the yearbook doubles nothing.
with shipped as (

    select * from {{ ref('stg_yearbook__print') }}
    where record = 'cell'

),

imported as (

    select * from {{ ref('stg_landing__observation') }}

),

repeated as (

    select
        imported.source_file_sha256,
        imported.source_locator,
    from imported
    inner join shipped
        on imported.series_id = shipped.series_id
            and imported.edition = shipped.edition
            and imported.region_code = shipped.region_code
            and imported.indicator_id = shipped.indicator_id
            and imported.scope = shipped.scope
            and imported.unit_printed = shipped.unit_printed
            and imported.value_in_printed_unit is not distinct from shipped.value_in_printed_unit

),

final as (

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
        cast(null as varchar) as impute_method,
        cast(null as varchar) as impute_by,
        cast(null as integer[]) as anchor_years,
        suspect_codes,
        source_id,
        -- Nobody held the paper: what ships was read from a digitised copy.
        concat_ws('; ', 'digitised copy', obs_comment) as obs_comment,
        source_file,
        source_file_sha256,
        source_locator,
        publication_id,
        edition,
        series_id,
        cast(null as varchar) as header_zh,
        cast(null as varchar) as header_en,
        true as is_shipped,
    from shipped
    union all
    select
        imported.region_level,
        imported.region_code,
        imported.year,
        imported.indicator_id,
        imported.scope,
        imported.vintage,
        imported.value_printed,
        imported.value_in_printed_unit,
        imported.unit_printed,
        imported.obs_status_all,
        imported.impute_method,
        imported.impute_by,
        imported.anchor_years,
        imported.suspect_codes,
        imported.source_id,
        imported.obs_comment,
        imported.source_file,
        imported.source_file_sha256,
        imported.source_locator,
        imported.publication_id,
        imported.edition,
        imported.series_id,
        imported.header_zh,
        imported.header_en,
        false as is_shipped,
    from imported
    left join repeated
        on imported.source_file_sha256 = repeated.source_file_sha256
            and imported.source_locator = repeated.source_locator
    where repeated.source_locator is null
    union all
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
        cast(null as varchar) as impute_method,
        cast(null as varchar) as impute_by,
        cast(null as integer[]) as anchor_years,
        cast(null as varchar) as suspect_codes,
        source_id,
        obs_comment,
        source_file,
        source_file_sha256,
        source_locator,
        publication_id,
        edition,
        series_id,
        cast(null as varchar) as header_zh,
        cast(null as varchar) as header_en,
        is_shipped,
    from {{ ref('int_blanks__closed') }}

)

select * from final
order by all
