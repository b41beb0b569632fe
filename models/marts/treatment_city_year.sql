with rule as (

    select * from {{ ref('treatment_rule') }}

),

grid as (

    select * from {{ ref('int_region_years__gridded') }}
    where region_level = 'prefecture'

),

timed as (

    select * from {{ ref('int_prefectures__timed') }}

),

zones_in_year as (

    select
        zone.rule_id,
        covered.prefecture_code,
        grid.year,
        count(*) as zone_count,
    from {{ ref('int_zones__timed') }} as zone
    inner join {{ ref('pilot_zone_prefecture') }} as covered on zone.zone_no = covered.zone_no
    inner join grid
        on covered.prefecture_code = grid.region_code
            and zone.start_year <= grid.year
            and grid.year < coalesce(zone.end_year, grid.year + 1)
    where not zone.is_late
    group by zone.rule_id, covered.prefecture_code, grid.year

),

joined as (

    select
        rule.rule_id,
        grid.region_code as prefecture_code,
        grid.year,
        coalesce(
            grid.year >= timed.first_treated_year
            and grid.year < coalesce(timed.end_year, grid.year + 1),
            false
        ) as is_treated,
        timed.first_treated_year,
        grid.year - timed.first_treated_year as event_year,
        timed.first_year_share,
        timed.batch,
        coalesce(zones_in_year.zone_count, 0) as zone_count,
        coalesce(grid.year >= timed.county_zone_year, false) as has_county_zone,
        grid.is_city,
        grid.province_code,
    from rule
    inner join grid on rule.unit_rule = 'prefecture' or grid.is_city
    left join timed
        on rule.rule_id = timed.rule_id
            and grid.region_code = timed.prefecture_code
    left join zones_in_year
        on rule.rule_id = zones_in_year.rule_id
            and grid.region_code = zones_in_year.prefecture_code
            and grid.year = zones_in_year.year
    -- What becomes of units that only a later batch treats.
    where timed.first_treated_year is not null
        or timed.late_year is null
        or rule.late_batch_rule = 'control'
        or (rule.late_batch_rule = 'not_yet' and grid.year < timed.late_year)

),

final as (

    select
        rule_id,
        prefecture_code,
        year,
        is_treated,
        first_treated_year,
        event_year,
        case
            when not is_treated then 0.0
            when year = first_treated_year then first_year_share
            else 1.0
        end as exposure_share,
        batch,
        zone_count,
        has_county_zone,
        is_city,
        province_code,
    from joined

)

select * from final
order by rule_id, prefecture_code, year
