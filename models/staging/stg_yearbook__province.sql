with source as (

    select * from {{ ref('province_yearbook') }}

),

renamed as (

    select
        'province' as region_level,
        region_code,
        year,
        indicator_id,
        vintage,
        value as value_printed,
        cast(value as decimal(38, 10)) as value_in_printed_unit,
        unit as unit_printed,
        obs_status_all,
        suspect_codes,
        source_id,
        obs_comment,
        {{ seed_file_sha256('seeds/yearbook/province_yearbook.csv') }} as source_file_sha256,
    from source

)

select * from renamed
