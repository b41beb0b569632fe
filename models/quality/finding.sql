-- What a reader of the data must know, one row a finding. A finding never changes a value.
with observation as (

    select * from {{ ref('observation') }}

),

declared_odd as (

    select
        'warn' as severity,
        'declared_odd' as detector,
        region_level,
        region_code,
        year,
        indicator_id,
        vintage,
        value,
        obs_comment as evidence,
    from observation
    where suspect_codes like '%declared_odd%'

),

series_break as (

    select
        'info' as severity,
        'series_break' as detector,
        region_level,
        region_code,
        year,
        indicator_id,
        vintage,
        value,
        obs_comment as evidence,
    from observation
    where obs_status_all like '%B%'

),

known_gap as (

    select
        'info' as severity,
        'known_gap' as detector,
        region_level,
        region_code,
        year,
        indicator_id,
        vintage,
        value,
        'status ' || obs_status || ': ' || obs_comment as evidence,
    from observation
    where value is null

),

-- Two vintages of one cell that differ by more than a tenth: splicing them would make a jump.
vintage_gap as (

    select
        'warn' as severity,
        'vintage_gap' as detector,
        older.region_level,
        older.region_code,
        older.year,
        older.indicator_id,
        older.vintage,
        older.value,
        older.vintage || ' prints ' || older.value_printed || ', ' || newer.vintage || ' prints '
        || newer.value_printed || ' ' || newer.unit_printed as evidence,
    from observation as older
    inner join observation as newer
        on older.region_level = newer.region_level
            and older.region_code = newer.region_code
            and older.year = newer.year
            and older.indicator_id = newer.indicator_id
    inner join {{ ref('int_series__gridded') }} as grid
        on newer.region_level = grid.region_level
            and newer.region_code = grid.region_code
            and newer.year = grid.year
            and newer.indicator_id = grid.indicator_id
            and newer.vintage = grid.vintage
    where grid.is_panel_vintage
        and older.vintage <> newer.vintage
        and abs(older.value / newer.value - 1) > {{ var('vintage_gap_share') }}

),

final as (

    select * from declared_odd
    union all
    select * from series_break
    union all
    select * from known_gap
    union all
    select * from vintage_gap

)

select
    severity,
    detector,
    region_code,
    year,
    indicator_id,
    value,
    evidence,
    region_level,
    vintage,
from final
order by severity desc, detector, indicator_id, region_code, year, vintage
