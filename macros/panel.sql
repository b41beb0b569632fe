{# The four panels differ in level and in what they show (value or obs_status); the rest is one query.
   Their measures are the columns of the model's yml that name an indicator: the yml is the only list, so
   no column can lack a description and no description can lack a column. #}
{% macro panel(region_level, key, measure) -%}
{%- set columns = [] -%}
{%- for name, column in model['columns'].items() if column.get('meta', {}).get('indicator') -%}
    {%- do columns.append(name) -%}
{%- endfor -%}
with grid as (

    select * from {{ ref('int_region_years__gridded') }}
    where region_level = '{{ region_level }}'

),

cell as (

    select
        region_code,
        year,
        panel_column,
        {{ measure }} as measure,
    from {{ ref('panel_cell') }}
    where region_level = '{{ region_level }}'

),

-- One pass over the cells, not one for each column.
wide as (

    pivot cell
    on panel_column in ('{{ columns | join("', '") }}')
    using max(measure)
    group by region_code, year

),

final as (

    select
        grid.region_code as {{ key }},
        grid.year,
        grid.name_zh,
        grid.name_en,
        {% if key != 'province_code' -%}
        grid.province_code,
        grid.unit_level,
        grid.is_city,
        grid.is_major_city,
        grid.is_resource_based,
        grid.longitude,
        grid.latitude,
        {%- endif %}
        grid.region3,
        grid.region4,
        {%- for name in columns %}
        wide.{{ name }},
        {%- endfor %}
    from grid
    left join wide
        on grid.region_code = wide.region_code
            and grid.year = wide.year

)

select * from final
order by {{ key }}, year
{%- endmacro %}

{# Name of an indicator's panel column: it ends in the unit, once. #}
{% macro panel_column(indicator_id, column_suffix) -%}
    case
        when {{ indicator_id }} like '%' || replace({{ column_suffix }}, '_', '\_') escape '\'
            then {{ indicator_id }}
        else {{ indicator_id }} || {{ column_suffix }}
    end
{%- endmacro %}

{# Levels and changes of a productivity table (marts.green_tfp or one like it) as cells of panel columns, of
   definitions that have columns. Level, yearly change and change since the base year stand side by side:
   papers print one under the name of another. #}
{% macro productivity_cells(measured) -%}
    (
        select
            measured.region_level,
            measured.region_code,
            measured.year,
            indicator.indicator_id,
            case part.part
                when 'efficiency' then measured.efficiency
                when 'index' then measured.index
                when 'cumulative' then measured.cumulative_index
                when 'cumulative_log' then ln(nullif(greatest(measured.cumulative_index, 0), 0))
            end as value,
            indicator.unit,
            measured.obs_status,
            measured.obs_status_all,
            measured.imputed_share
        from {{ measured }} as measured
        inner join {{ ref('technology') }} as technology on measured.technology = technology.technology
        cross join (select {{ listed("'efficiency + index + cumulative + cumulative_log'") }} as part) as part
        inner join {{ ref('indicator') }} as indicator
            on technology.panel_columns || '_' || part.part = indicator.indicator_id
    )
{%- endmacro %}

{# The panel column of an index: weights pooled over years have the plain name. #}
{% macro index_column(index_id, weighting) -%}
    {{ index_id }} || case when {{ weighting }} = 'pooled' then '' else '_' || {{ weighting }} end || '_index'
{%- endmacro %}
