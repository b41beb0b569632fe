-- Shipped series only: of an imported one nobody has said what it must have. Fails both ways: a cell that a series must have and nobody listed, and a listed gap that has a value.
with grid as (

    select * from {{ ref('int_series__gridded') }}
    where is_shipped

),

printed as (

    select * from {{ ref('stg_yearbook__province') }}
    union all
    select * from {{ ref('stg_yearbook__city') }}

),

known as (

    select * from {{ ref('known_gap') }}

),

unlisted as (

    select
        'gap not listed' as problem,
        grid.region_code,
        grid.year,
        grid.indicator_id,
        grid.vintage,
    from grid
    left join printed using (region_level, region_code, year, indicator_id, vintage)
    left join known using (region_level, region_code, year, indicator_id, vintage)
    where printed.value_printed is null and known.obs_status is null

),

filled as (

    select
        'listed gap has a value' as problem,
        known.region_code,
        known.year,
        known.indicator_id,
        known.vintage,
    from known
    inner join printed using (region_level, region_code, year, indicator_id, vintage)

),

outside as (

    select
        'cell outside its series' as problem,
        printed.region_code,
        printed.year,
        printed.indicator_id,
        printed.vintage,
    from printed
    left join grid using (region_level, region_code, year, indicator_id, vintage)
    where grid.is_panel_vintage is null

)

select * from unlisted
union all
select * from filled
union all
select * from outside
