-- Two cities side by side where a reader may compare them; a difference only where the keys are equal.
with fact as (

    select
        fact.*,
        indicator.concept,
        indicator.mechanism,
        indicator.unit,
        indicator.measure,
        indicator.is_period_bound,
        indicator.definition,
        case
            when not indicator.is_period_bound then 'any period'
            when fact.period_start is not null and fact.period_end is not null
                then concat(fact.period_start, ' to ', fact.period_end)
            when fact.period_end is not null then concat('at ', fact.period_end)
            else 'period not printed'
        end as period_key,
    from {{ ref('zone_fact') }} as fact
    inner join
        {{ ref('fact_indicator') }} as indicator
        on fact.fact_indicator_id = indicator.fact_indicator_id
    where fact.entity_level = 'city'

),

pair as (

    select
        one.concept,
        one.mechanism,
        one.fact_no,
        other.fact_no as other_fact_no,
        one.region_code,
        other.region_code as other_region_code,
        one.entity_zh,
        other.entity_zh as other_entity_zh,
        one.entity_en,
        other.entity_en as other_entity_en,
        one.value,
        other.value as other_value,
        one.censoring,
        other.censoring as other_censoring,
        one.unit,
        other.unit as other_unit,
        concat_ws(' | ', one.fact_indicator_id, one.unit, one.measure, one.period_key) as comparable_key,
        concat_ws(
            ' | ', other.fact_indicator_id, other.unit, other.measure, other.period_key
        ) as other_comparable_key,
        concat_ws(
            '; ',
            case
                when one.unit != other.unit
                    then concat('different units: ', one.unit, ' and ', other.unit)
            end,
            case
                when one.fact_indicator_id != other.fact_indicator_id
                    then concat('different quantities: ', one.definition, ' and ', other.definition)
            end,
            case
                when one.measure != other.measure
                    then concat('different kinds of number: ', one.measure, ' and ', other.measure)
            end,
            case
                when one.is_period_bound and other.is_period_bound
                    and 'period not printed' in (one.period_key, other.period_key)
                    then 'period not printed'
                when one.period_key != other.period_key
                    then concat('different periods: ', one.period_key, ' and ', other.period_key)
            end
        ) as refusal,
    from fact as one
    inner join fact as other
        on one.concept = other.concept
            and one.region_code < other.region_code

),

final as (

    select
        * exclude (refusal),
        refusal = '' as is_comparable,
        nullif(refusal, '') as refusal_reason,
        case when refusal = '' then value - other_value end as difference,
        case when refusal = '' and other_value != 0 then value / other_value end as ratio,
        -- A bound minus a figure stays a bound; two bounds of one side say nothing of their difference.
        case
            when refusal != '' then null
            when censoring = 'exact' and other_censoring = 'exact' then 'exact'
            when 'about' in (censoring, other_censoring) then 'about'
            when censoring in ('over', 'at_least') and other_censoring in ('exact', 'nearly') then 'at least'
            when censoring in ('exact', 'nearly') and other_censoring in ('over', 'at_least') then 'at most'
            when censoring = 'nearly' and other_censoring = 'exact' then 'at most'
            when censoring = 'exact' and other_censoring = 'nearly' then 'at least'
            else 'undetermined'
        end as difference_bound,
    from pair

)

select * from final
order by concept, fact_no, other_fact_no
