-- Which regions and years each sample holds.
with sample as (

    select * from {{ ref('sample') }}

),

grid as (

    select * from {{ ref('int_region_years__gridded') }}

),

final as (

    select
        sample.sample_id,
        grid.region_level,
        grid.region_code,
        grid.year,
    from sample
    inner join grid
        on sample.region_level = grid.region_level
            and grid.year between sample.first_year and sample.last_year
            and (
                sample.region_filter = 'all'
                or (sample.region_filter = 'is_city' and grid.is_city)
                or (sample.region_filter = 'is_major_city' and grid.is_major_city)
                or (sample.region_filter = 'is_resource_based' and grid.is_resource_based)
            )
            and coalesce(sample.included_regions like '%' || grid.region_code || '%', true)
            and not coalesce(sample.excluded_regions like '%' || grid.region_code || '%', false)

)

select * from final
