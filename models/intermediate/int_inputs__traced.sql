-- Every printed indicator that a computed one rests on: derived indicators, indices through their components,
-- the capital stock, and the default technology's productivity.
with derived as (

    select
        indicator_id,
        input_indicator_id,
        side,
    from {{ ref('derived_input') }}

),

component as (

    select
        component.index_id as indicator_id,
        coalesce(derived.input_indicator_id, component.indicator_id) as input_indicator_id,
        coalesce(derived.side, 'numerator') as side,
    from {{ ref('index_component') }} as component
    left join derived on component.indicator_id = derived.indicator_id

),

productivity as (

    select
        product.indicator_id,
        input.indicator_id as input_indicator_id,
        'numerator' as side,
    from {{ ref('technology') }} as technology
    inner join {{ ref('indicator') }} as input
        on ' + ' || technology.inputs || ' + ' || technology.good_outputs || ' + '
            || coalesce(technology.bad_outputs, '') || ' + ' like '% + ' || input.indicator_id || ' + %'
    inner join {{ ref('indicator') }} as product on product.indicator_id like 'green_tfp_%'
    where technology.is_default

),

united as (

    select * from derived
    union all
    select * from component
    union all
    select * from productivity
    union all
    select
        indicator_id,
        'fixed_asset_investment' as input_indicator_id,
        side,
    from productivity
    where input_indicator_id = 'capital_stock'
    union all
    select
        'capital_stock' as indicator_id,
        'fixed_asset_investment' as input_indicator_id,
        'numerator' as side,

),

final as (

    select distinct
        indicator_id,
        input_indicator_id,
        side,
    from united

)

select * from final
