-- What each computed indicator is computed from, one step back, by the level of the panel: derived indicators
-- by the formula that is read there (by all of them, unread, where none has its inputs), splices, indices
-- through their components, GDP at constant prices, the capital stock, energy and CO2 from fuels, and the
-- productivity of technologies that are columns. The one place that says so.
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

derived as (

    select
        level.region_level,
        input.indicator_id,
        input.input_indicator_id,
        input.side as role,
        'same' as years,
        formula_read.formula_no is not null as is_read,
    from {{ ref('derived_input') }} as input
    cross join level
    left join formula_read
        on level.region_level = formula_read.region_level
            and input.indicator_id = formula_read.indicator_id
    where formula_read.formula_no is null or input.formula_no = formula_read.formula_no

),

indicator as (

    select * from {{ ref('indicator') }}

),

same_everywhere as (

    select
        indicator_id,
        part_indicator_id as input_indicator_id,
        'part' as role,
        'same' as years,
    from {{ ref('spliced_indicator') }}
    union all
    select
        'gdp_real' as indicator_id,
        indicator_id as input_indicator_id,
        'chain' as role,
        'up_to' as years,
    from indicator
    where indicator_id in ('gdp', 'gdp_growth', 'gdp_index_previous_year')
    union all
    select
        indicator_id,
        'fixed_asset_investment_spliced' as input_indicator_id,
        'investment' as role,
        'up_to' as years,
    from indicator
    where indicator_id in ('capital_stock', 'capital_stock_declared')
    union all
    select
        indicator_id,
        'logistics_fixed_investment' as input_indicator_id,
        'investment' as role,
        'up_to' as years,
    from indicator
    where indicator_id = 'logistics_capital_stock'
    {% if var('capital_deflator') == 'gdp' -%}
    union all
    select
        'capital_stock' as indicator_id,
        indicator_id as input_indicator_id,
        'deflator' as role,
        'up_to' as years,
    from indicator
    where indicator_id in ('gdp', 'gdp_index_previous_year')
    {% endif -%}
    union all
    select
        index_id as indicator_id,
        indicator_id as input_indicator_id,
        'component' as role,
        'same' as years,
    from {{ ref('index_component') }}
    union all
    select
        computed.indicator_id,
        account.indicator_id as input_indicator_id,
        'fuel' as role,
        'same' as years,
    from {{ ref('energy_account') }} as account
    inner join indicator as computed
        on computed.indicator_id in ('energy_use_computed', 'co2_emissions_computed')
    where account.account_id = '{{ var("energy_account") }}'
    union all
    select
        product.indicator_id,
        input.indicator_id as input_indicator_id,
        'technology' as role,
        -- The technology says which years its frontier has.
        cast(null as varchar) as years,
    from {{ ref('technology') }} as technology
    inner join indicator as input
        on ' + ' || technology.inputs || ' + ' || technology.good_outputs || ' + '
            || coalesce(technology.bad_outputs, '') || ' + ' like '% + ' || input.indicator_id || ' + %'
    inner join indicator as product
        on regexp_full_match(
                product.indicator_id,
                technology.panel_columns || '_(efficiency|index|cumulative|cumulative_log)'
            )

),

final as (

    select * from derived
    union all
    select
        level.region_level,
        same_everywhere.*,
        true as is_read,
    from same_everywhere
    cross join level

)

select distinct * from final
order by all
