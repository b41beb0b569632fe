-- A var that names a row of the registry, or a series, and names none would leave columns empty. Simulated
-- figures are of no series that a var names.
{% set named = [
    ('energy_account', 'account_id', ref('energy_account')),
    ('zone_count_rule', 'rule_id', ref('treatment_rule')),
    ('gdp_vintage', 'vintage', ref('vintage')),
] + ([] if target.name == 'demo' else [('city_series', 'series_id', ref('int_series__gridded'))]) -%}
{% for name, column, table in named %}
select
    '{{ name }}' as var,
    '{{ var(name) }}' as value
where '{{ var(name) }}' not in (select {{ column }} from {{ table }})
{{ 'union all' if not loop.last }}
{%- endfor %}
{%- for column, series in ([] if target.name == 'demo' else var('series_choice').items()) %}
union all
select
    'series_choice: {{ column }}' as var,
    '{{ series }}' as value
where '{{ column }} {{ series }}' not in (
        select region_level || ' ' || indicator_id || ' ' || series_id from {{ ref('int_series__ranked') }}
    )
{%- endfor %}
