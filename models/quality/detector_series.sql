-- What is usual for a series: its growth beyond the column's, and how much that varies.
with scan as (

    select * from {{ ref('detector_scan') }}

),

column_year as (

    select * from {{ ref('detector_column_year') }}

),

measured as (

    select
        scan.series_no,
        any_value(scan.column_no) as column_no,
        any_value(scan.region_level) as region_level,
        any_value(scan.region_code) as region_code,
        any_value(scan.indicator_id) as indicator_id,
        any_value(scan.vintage) as vintage,
        count(scan.growth) as n_growth,
        quantile_cont(scan.growth - column_year.common_growth, [0.25, 0.5, 0.75]) as quartiles,
    from scan
    inner join column_year
        on scan.column_no = column_year.column_no
            and scan.year = column_year.year
    group by scan.series_no

),

scaled as (

    select
        *,
        quartiles[2] as growth_middle,
        (quartiles[3] - quartiles[1]) / 1.349 as own_growth_scale,
    from measured

),

-- Fifteen years give a rough scale: it may not fall far below what the column's series have.
column_scale as (

    select
        column_no,
        median(own_growth_scale) as growth_scale,
    from scaled
    group by column_no

)

select
    scaled.series_no,
    scaled.column_no,
    scaled.region_level,
    scaled.region_code,
    scaled.indicator_id,
    scaled.vintage,
    scaled.n_growth,
    scaled.growth_middle,
    greatest(scaled.own_growth_scale, 0.75 * column_scale.growth_scale, 0.001) as growth_scale,
from scaled
inner join column_scale on scaled.column_no = column_scale.column_no
where scaled.n_growth >= {{ var('detector_least_growth') }}
order by region_level, indicator_id, vintage, region_code
