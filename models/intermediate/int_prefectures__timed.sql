-- One row per rule and prefecture-level unit that a zone touches: first treated year and late start.
with zone as (

    select * from {{ ref('int_zones__timed') }}

),

covered as (

    select * from {{ ref('pilot_zone_prefecture') }}

),

rule as (

    select * from {{ ref('treatment_rule') }}

),

touching as (

    select
        zone.*,
        covered.prefecture_code,
        covered.coverage,
        covered.coverage = 'whole' or rule.county_rule = 'assign_parent' as is_qualifying,
        covered.coverage = 'part' and rule.county_rule = 'flag' as is_flagged,
    from zone
    inner join covered on zone.zone_no = covered.zone_no
    inner join rule on zone.rule_id = rule.rule_id

),

final as (

    select
        rule_id,
        prefecture_code,
        min(start_year) filter (where is_qualifying and not is_late) as first_treated_year,
        min(batch) filter (where is_qualifying and not is_late) as batch,
        min_by(first_year_share, start_year) filter (where is_qualifying and not is_late) as first_year_share,
        min(start_year) filter (where is_qualifying and is_late) as late_year,
        min(start_year) filter (where is_flagged and not is_late) as county_zone_year,
        -- Treatment ends only where every qualifying zone was revoked.
        case
            when count(*) filter (where is_qualifying and not is_late and end_year is null) = 0
                then max(end_year) filter (where is_qualifying and not is_late)
        end as end_year,
    from touching
    group by rule_id, prefecture_code

)

select * from final
