-- Every printed indicator that a computed one rests on, over all steps between (int_inputs__direct), and
-- whether it stands above or below the line.
with step as (

    select distinct
        region_level,
        indicator_id,
        input_indicator_id,
        case role when 'denominator' then 'denominator' else 'numerator' end as side,
    from {{ ref('int_inputs__direct') }}

),

{% for depth in range(1, 4) -%}
-- A denominator anywhere on the way leaves the input below the line.
    depth_{{ depth }} as (

        select
            above.region_level,
            above.indicator_id,
            step.input_indicator_id,
            case above.side when 'numerator' then step.side else above.side end as side,
        from {{ 'step' if depth == 1 else 'depth_' ~ (depth - 1) }} as above
        inner join step
            on above.region_level = step.region_level
                and above.input_indicator_id = step.indicator_id

    ),

{% endfor -%}
united as (

    select * from step
    union
    select * from depth_1
    union
    select * from depth_2
    union
    select * from depth_3

),

computed as (

    select distinct
        region_level,
        indicator_id,
    from step

),

-- What is printed; the steps between are names of ours.
final as (

    select united.*
    from united
    left join computed
        on united.region_level = computed.region_level
            and united.input_indicator_id = computed.indicator_id
    where computed.indicator_id is null

)

select * from final
order by all
