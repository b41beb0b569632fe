with source as (

    select * from {{ ref('known_gap') }}

),

renamed as (

    select
        source.region_level,
        source.region_code,
        source.year,
        source.indicator_id,
        source.vintage,
        cast(null as varchar) as value_printed,
        cast(null as decimal(38, 10)) as value_in_printed_unit,
        indicator.unit as unit_printed,
        source.obs_status as obs_status_all,
        cast(null as varchar) as suspect_codes,
        source.source_id,
        source.reason as obs_comment,
        {{ seed_file_sha256('seeds/registry/known_gap.csv') }} as source_file_sha256,
    from source
    inner join {{ ref('indicator') }} as indicator on source.indicator_id = indicator.indicator_id

)

select * from renamed
