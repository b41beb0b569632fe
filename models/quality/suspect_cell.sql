-- Panel cells that rest on a figure which a detector holds to be filled or misprinted. The value stays as it
-- is; the observed-only variant of an estimate leaves its row out. One detector is enough here: at most one
-- printed cell in a thousand is lost for nothing. Level shifts, broken identities and columns as a whole
-- (D16, D11, D9B) say nothing of one cell.
with finding as (

    select * from {{ ref('finding') }}
    where detector in (
            'D1', 'D2', 'D3', 'D4', 'D5', 'D6', 'D7', 'D8', 'D9', 'D10', 'D13', 'D14', 'D15',
            'unpublished'
        )

),

chosen as (

    select * from {{ ref('int_series__chosen') }}

),

flagged as (

    select
        chosen.region_level,
        finding.region_code,
        finding.year,
        finding.indicator_id,
        {{ dbt.listagg('distinct finding.detector', "';'", 'order by finding.detector') }} as detectors,
    from finding
    inner join chosen
        on finding.region_level = chosen.printed_level
            and finding.region_code = chosen.region_code
            and finding.year = chosen.year
            and finding.indicator_id = chosen.indicator_id
            and finding.vintage = chosen.vintage
    group by chosen.region_level, finding.region_code, finding.year, finding.indicator_id

),

derived as (

    select * from flagged
    union all
    select
        flagged.region_level,
        flagged.region_code,
        cell.year,
        cell.indicator_id,
        flagged.detectors,
    from flagged
    inner join {{ ref('int_inputs__traced') }} as traced
        on flagged.indicator_id = traced.input_indicator_id
            and flagged.region_level = traced.region_level
    inner join {{ ref('panel_cell') }} as cell
        on flagged.region_level = cell.region_level
            and flagged.region_code = cell.region_code
            and traced.indicator_id = cell.indicator_id
            and (
                flagged.year = cell.year
                -- A misprinted investment stays in the stock of every later year, and a misprinted growth
                -- in the chain.
                or (
                    (
                        flagged.indicator_id like 'fixed\_asset\_investment%' escape '\'
                        or (
                            flagged.indicator_id = 'gdp_growth'
                            and cell.indicator_id in ('gdp_real', 'gdp_real_log')
                        )
                    )
                    and flagged.year < cell.year
                )
            )

),

final as (

    select
        cell.region_level,
        cell.region_code,
        cell.year,
        cell.panel_column,
        {{ dbt.listagg('distinct derived.detectors', "';'", 'order by derived.detectors') }} as detectors,
        any_value(cell.is_simulated) as is_simulated,
    from derived
    inner join {{ ref('panel_cell') }} as cell
        on derived.region_level = cell.region_level
            and derived.region_code = cell.region_code
            and derived.year = cell.year
            and derived.indicator_id = cell.indicator_id
    group by cell.region_level, cell.region_code, cell.year, cell.panel_column

)

select * from final
order by region_level, panel_column, region_code, year
