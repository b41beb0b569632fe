-- Panel cells that rest on a figure which the detectors hold to be filled or misprinted (severity error: two
-- detectors of different kind agree, or another release proves it). The value stays as it is; the
-- observed-only twin of an estimate leaves its row out.
with finding as (

    select * from {{ ref('finding') }}
    where severity = 'error' and detector like 'D%'

),

grid as (

    select * from {{ ref('int_series__gridded') }}
    where is_panel_vintage

),

convicted as (

    select
        finding.region_level,
        finding.region_code,
        finding.year,
        finding.indicator_id,
        {{ dbt.listagg('distinct finding.detector', "';'", 'order by finding.detector') }} as detectors,
    from finding
    inner join grid
        on finding.region_level = grid.region_level
            and finding.region_code = grid.region_code
            and finding.year = grid.year
            and finding.indicator_id = grid.indicator_id
            and finding.vintage = grid.vintage
    group by finding.region_level, finding.region_code, finding.year, finding.indicator_id

),

-- A misprinted investment stays in the stock of every later year.
stock as (

    select
        convicted.region_level,
        convicted.region_code,
        cell.year,
        'capital_stock' as indicator_id,
        convicted.detectors,
    from convicted
    inner join {{ ref('panel_cell') }} as cell
        on convicted.region_level = cell.region_level
            and convicted.region_code = cell.region_code
            and convicted.year <= cell.year
            and cell.indicator_id = 'capital_stock'
    where convicted.indicator_id = 'fixed_asset_investment'

),

direct as (

    select * from convicted
    union all
    select * from stock

),

-- What is computed from what: derived indicators, indices, and the default technology's productivity.
built_on as (

    select
        indicator_id,
        input_indicator_id,
    from {{ ref('derived_input') }}
    union all
    select
        index_id as indicator_id,
        indicator_id as input_indicator_id,
    from {{ ref('index_component') }}
    union all
    select
        index_component.index_id as indicator_id,
        derived_input.input_indicator_id,
    from {{ ref('index_component') }} as index_component
    inner join {{ ref('derived_input') }} as derived_input
        on index_component.indicator_id = derived_input.indicator_id
    union all
    select
        product.indicator_id,
        input.indicator_id as input_indicator_id,
    from {{ ref('technology') }} as technology
    inner join {{ ref('indicator') }} as input
        on ' + ' || technology.inputs || ' + ' || technology.good_outputs || ' + '
        || coalesce(technology.bad_outputs, '') || ' + ' like '% + ' || input.indicator_id || ' + %'
    inner join {{ ref('indicator') }} as product on product.indicator_id like 'green_tfp_%'
    where technology.is_default

),

resting as (

    select * from direct
    union all
    select
        direct.region_level,
        direct.region_code,
        direct.year,
        built_on.indicator_id,
        direct.detectors,
    from direct
    inner join built_on on direct.indicator_id = built_on.input_indicator_id

),

final as (

    select
        cell.region_level,
        cell.region_code,
        cell.year,
        cell.panel_column,
        {{ dbt.listagg('distinct resting.detectors', "';'", 'order by resting.detectors') }} as detectors,
        any_value(cell.is_simulated) as is_simulated,
    from resting
    inner join {{ ref('panel_cell') }} as cell
        on resting.region_level = cell.region_level
            and resting.region_code = cell.region_code
            and resting.year = cell.year
            and resting.indicator_id = cell.indicator_id
    group by cell.region_level, cell.region_code, cell.year, cell.panel_column

)

select * from final
order by region_level, panel_column, region_code, year
