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

step as (

    select * from {{ ref('int_inputs__direct') }}

),

region_year as (

    select
        region_level,
        region_code,
        year,
    from {{ ref('int_region_years__gridded') }}

),

reached_0 as (

    select * from flagged

),

-- One step further from what is flagged, to the years that rest on it. A misprinted investment stays in the
-- stock of every later year. GDP at constant prices rests on the GDP of its base year alone, and on the
-- growth between that year and its own, on either side.
{% for depth in range(1, 6) -%}
    reached_{{ depth }} as (

        select distinct
            reached.region_level,
            reached.region_code,
            region_year.year,
            step.indicator_id,
            reached.detectors,
        from reached_{{ depth - 1 }} as reached
        inner join step
            on reached.region_level = step.region_level
                and reached.indicator_id = step.input_indicator_id
        inner join region_year
            on reached.region_level = region_year.region_level
                and reached.region_code = region_year.region_code
        where
            case
                when step.role = 'chain' and step.input_indicator_id = 'gdp'
                    then reached.year = {{ var('gdp_base_year') }}
                when step.role = 'chain' and reached.year > {{ var('gdp_base_year') }}
                    then region_year.year >= reached.year
                when step.role = 'chain' then region_year.year < reached.year
                when step.years = 'up_to' then region_year.year >= reached.year
                else region_year.year = reached.year
            end

    ),

{% endfor -%}
derived as (

    select * from reached_0
    {% for depth in range(1, 6) -%}
        union all
        select * from reached_{{ depth }}
    {% endfor %}

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
