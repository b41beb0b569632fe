-- Provinces count every zone, county-level ones included, whatever the rule says of prefectures.
with rule as (

    select * from {{ ref('treatment_rule') }}

),

grid as (

    select * from {{ ref('int_region_years__gridded') }}
    where region_level = 'province'

),

zone as (

    select * from {{ ref('int_zones__timed') }}
    where not is_late

),

timed as (

    select
        rule_id,
        province_code,
        min(start_year) as first_treated_year,
        min(batch) as batch,
        min_by(first_year_share, start_year) as first_year_share,
    from zone
    group by rule_id, province_code

),

counted as (

    select
        rule.rule_id,
        grid.region_code as province_code,
        grid.year,
        count(zone.zone_no) as zone_count,
    from rule
    cross join grid
    left join zone
        on rule.rule_id = zone.rule_id
            and grid.region_code = zone.province_code
            and grid.year >= zone.start_year
            and grid.year < coalesce(zone.end_year, grid.year + 1)
    group by rule.rule_id, grid.region_code, grid.year

),

final as (

    select
        counted.rule_id,
        counted.province_code,
        counted.year,
        counted.zone_count > 0 as is_treated,
        timed.first_treated_year,
        counted.year - timed.first_treated_year as event_year,
        case
            when counted.zone_count = 0 then 0.0
            when counted.year = timed.first_treated_year then timed.first_year_share
            else 1.0
        end as exposure_share,
        timed.batch,
        counted.zone_count,
    from counted
    left join timed
        on counted.rule_id = timed.rule_id
            and counted.province_code = timed.province_code

)

select * from final
order by rule_id, province_code, year
