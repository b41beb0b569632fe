{# The four panels differ in level and in what they show (value or obs_status); the rest is one query.
   Their measures are the columns of the model's yml that name an indicator: the yml is the only list, so
   no column can lack a description and no description can lack a column. #}
{% macro panel(region_level, key, measure) -%}
with grid as (

    select * from {{ ref('int_region_years__gridded') }}
    where region_level = '{{ region_level }}'

),

cell as (

    select * from {{ ref('panel_cell') }}

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
        {%- for name, column in model['columns'].items() if column.get('meta', {}).get('indicator') %}
        max(case when cell.panel_column = '{{ name }}' then cell.{{ measure }} end) as {{ name }},
        {%- endfor %}
    from grid
    left join cell
        on grid.region_level = cell.region_level
        and grid.region_code = cell.region_code
        and grid.year = cell.year
    group by all

)

select * from final
order by {{ key }}, year
{%- endmacro %}
