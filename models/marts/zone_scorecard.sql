-- Every item of the four mechanisms and the supply chain for every city with a fact; gaps are named.
with item as (

    select * from {{ ref('fact_indicator') }}
    where mechanism in ('technology', 'platform', 'brand', 'talent', 'supply_chain')

),

fact as (

    select * from {{ ref('zone_fact') }}
    where entity_level = 'city'

),

city as (

    select
        region_code,
        any_value(entity_zh order by fact_no) as entity_zh,
        any_value(entity_en order by fact_no) as entity_en,
        bool_or(fact_indicator_id = 'cbec_turnover_goal') as has_goal,
    from fact
    group by region_code

),

-- Of several facts of one item the newest; a fact without a day is the oldest.
newest as (

    select *
    from fact
    qualify row_number() over (
            partition by region_code, fact_indicator_id
            order by coalesce(period_end, reported_on, date '1900-01-01') desc, fact_no
        ) = 1

),

other as (

    select
        item.concept,
        fact.region_code,
        string_agg(distinct item.name_en, ', ') as stated,
    from fact
    inner join item on fact.fact_indicator_id = item.fact_indicator_id
    group by item.concept, fact.region_code

),

measured as (

    select
        item.mechanism,
        item.concept,
        item.fact_indicator_id,
        item.name_zh,
        item.name_en,
        item.unit,
        city.region_code,
        city.entity_zh,
        city.entity_en,
        city.has_goal,
        newest.value,
        newest.censoring,
        coalesce(newest.period_end, newest.reported_on) as known_on,
        newest.source,
        newest.fact_no,
        count(newest.fact_no) over (partition by item.fact_indicator_id) as n_cities,
        other.stated,
    from item
    cross join city
    left join newest
        on item.fact_indicator_id = newest.fact_indicator_id
            and city.region_code = newest.region_code
    left join other
        on item.concept = other.concept
            and city.region_code = other.region_code

),

final as (

    select
        * exclude (stated),
        case
            when fact_no is not null and n_cities > 1 then 'stated'
            when fact_no is not null then 'stated for this city only'
            else 'gap'
        end as status,
        case
            when fact_no is not null then null
            when stated is not null
                then concat('not stated; another quantity is, and cannot stand for it: ', stated)
            when n_cities = 0 then 'no city states a figure'
            else 'not stated for this city'
        end as gap,
    from measured

)

select * from final
order by mechanism, fact_indicator_id, region_code
