-- Major cities are prefectures once more, as a level of their own: the panel of the national platform's
-- cities.
with region as (

    select * from {{ ref('region') }}
    union all
    select * replace ('major_city' as region_level) from {{ ref('region') }}
    where is_major_city

),

years as (

    select * from {{ integer_series(var('first_year'), var('last_year'), 'year') }} as years

),

final as (

    select
        region.region_level,
        region.region_code,
        years.year,
        region.unit_level,
        region.name_zh,
        region.name_en,
        region.province_code,
        region.region3,
        region.region4,
        region.is_city,
        region.is_major_city,
        region.is_resource_based,
        region.resource_type,
        region.longitude,
        region.latitude,
    from region
    cross join years
    where years.year >= coalesce(region.valid_from_year, years.year)
        and years.year <= coalesce(region.valid_to_year, years.year)

)

select * from final
order by region_level, region_code, year
