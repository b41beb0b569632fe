-- Every printed indicator that a computed one rests on, by the level of the panel: derived indicators by the
-- formula that is read there (by all of them where none has its inputs), splices, indices through their
-- components, GDP at constant prices, the capital stock, and the default technology's productivity.
with level as (

    select distinct region_level from {{ ref('int_observations__selected') }}

),

formula_read as (

    select distinct
        region_level,
        indicator_id,
        formula_no,
    from {{ ref('int_observations__derived') }}

),

direct as (

    select distinct
        level.region_level,
        input.indicator_id,
        input.input_indicator_id,
        input.side,
    from {{ ref('derived_input') }} as input
    cross join level
    left join formula_read
        on level.region_level = formula_read.region_level
            and input.indicator_id = formula_read.indicator_id
    where formula_read.formula_no is null or input.formula_no = formula_read.formula_no

),

-- Steps within the computation: what is itself computed leads on to its own inputs.
step as (

    select
        level.region_level,
        spliced.indicator_id,
        spliced.part_indicator_id as input_indicator_id,
        'numerator' as side,
    from {{ ref('spliced_indicator') }} as spliced
    cross join level
    union all
    select
        level.region_level,
        'gdp_real' as indicator_id,
        input.indicator_id as input_indicator_id,
        'numerator' as side,
    from {{ ref('indicator') }} as input
    cross join level
    where input.indicator_id in ('gdp', 'gdp_growth', 'gdp_index_previous_year')
    union all
    select
        level.region_level,
        stock.indicator_id,
        'fixed_asset_investment_spliced' as input_indicator_id,
        'numerator' as side,
    from {{ ref('indicator') }} as stock
    cross join level
    where stock.indicator_id in ('capital_stock', 'capital_stock_declared')
    union all
    select
        level.region_level,
        component.index_id as indicator_id,
        component.indicator_id as input_indicator_id,
        'numerator' as side,
    from {{ ref('index_component') }} as component
    cross join level
    union all
    select
        level.region_level,
        product.indicator_id,
        input.indicator_id as input_indicator_id,
        'numerator' as side,
    from {{ ref('technology') }} as technology
    inner join {{ ref('indicator') }} as input
        on ' + ' || technology.inputs || ' + ' || technology.good_outputs || ' + '
            || coalesce(technology.bad_outputs, '') || ' + ' like '% + ' || input.indicator_id || ' + %'
    inner join {{ ref('indicator') }} as product
        on regexp_full_match(
                product.indicator_id,
                technology.panel_columns || '_(efficiency|index|cumulative|cumulative_log)'
            )
    cross join level
    union all
    select * from direct

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
