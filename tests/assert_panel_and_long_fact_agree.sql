-- Cell by cell, both ways: a value or status in the wide panels equals the long fact. An imported indicator
-- without a column of its own in a panel stands in the long fact only.
-- depends_on: {{ ref('panel_cell') }}
-- depends_on: {{ ref('panel_province_year') }} {{ ref('panel_province_year_status') }}
-- depends_on: {{ ref('panel_city_year') }} {{ ref('panel_city_year_status') }}
{% for level, key, panel, measure in [
    ('province', 'province_code', 'panel_province_year', 'value'),
    ('province', 'province_code', 'panel_province_year_status', 'obs_status'),
    ('prefecture', 'prefecture_code', 'panel_city_year', 'value'),
    ('prefecture', 'prefecture_code', 'panel_city_year_status', 'obs_status'),
] %}
{% set measures = [] %}
{% if execute %}
    {% for name, column in graph.nodes['model.cbec_warehouse.' ~ panel].columns.items() if column.meta.get('indicator') %}
        {% do measures.append(name) %}
    {% endfor %}
{% else %}
    {% do measures.append('year') %}
{% endif %}
select '{{ panel }}' as panel, wide.{{ key }} as region_code, wide.year, wide.panel_column
from (
    unpivot (select {{ key }}, year, {{ measures | join(", ") }} from {{ ref(panel) }})
    on {{ measures | join(", ") }} into name panel_column value cell
) as wide
full outer join (
    select * from {{ ref('panel_cell') }}
    where region_level = '{{ level }}' and {{ measure }} is not null
        and panel_column in ('{{ measures | join("', '") }}')
) as long
    on wide.{{ key }} = long.region_code and wide.year = long.year and wide.panel_column = long.panel_column
where wide.cell is distinct from long.{{ measure }}
{{ "union all" if not loop.last }}
{% endfor %}
