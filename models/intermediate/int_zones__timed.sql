-- One row per rule and counted zone: when it starts, when it ends, how much of its first year it covers.
with zone as (

    select
        *,
        coalesce(approved_on, published_on) as effective_on,
    from {{ ref('pilot_zone') }}

),

rule as (

    select * from {{ ref('treatment_rule') }}

),

timed as (

    select
        rule.rule_id,
        rule.year_rule,
        zone.zone_no,
        zone.batch,
        zone.province_code,
        zone.batch > rule.max_batch as is_late,
        year(zone.effective_on) + case
            when rule.year_rule = 'next_year_after_june' and month(zone.effective_on) > 6 then 1
            else 0
        end as start_year,
        year(zone.revoked_on) as end_year,
        dayofyear(make_date(year(zone.effective_on), 12, 31)) as days_in_year,
        dayofyear(zone.effective_on) as approval_day,
    from zone
    cross join rule

),

final as (

    select
        rule_id,
        zone_no,
        batch,
        province_code,
        is_late,
        start_year,
        end_year,
        case
            when year_rule = 'exposure_share'
                then (days_in_year - approval_day + 1) / cast(days_in_year as double)
            else 1.0
        end as first_year_share,
    from timed

)

select * from final
