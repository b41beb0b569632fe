-- No error, p value, interval or star is published anywhere in schema estimates that rests on fewer clusters than
-- vars say. tests/unit/test_withheld_errors.py holds that every table with an error is here.
{% set tables = [
    'fit', 'regression', 'att', 'event_study', 'data_integrity', 'falsification', 'functional_form', 'inference',
    'leave_one_out', 'mediation', 'placebo', 'placebo_summary', 'policy', 'pretrend', 'same_sample_fit', 'selection',
    'spillover'
] %}
with published as (
    {% for name in tables %}
    {%- set relation = ref(name) -%}
    {%- set found = [] -%}
    {%- if execute -%}
        {%- set names = adapter.get_columns_in_relation(relation) | map(attribute='name') | list -%}
        {%- for column in columns_of_errors() if column in names and not (column == 't_value' and 'draw' in names) -%}
            {%- do found.append(column ~ ' is not null') -%}
        {%- endfor -%}
        {%- if 'stars' in names %}{% do found.append("stars <> ''") %}{% endif -%}
    {%- endif %}
    select
        '{{ name }}' as table_name,
        study_id,
        table_no,
        column_no,
        n_effective_clusters,
    from {{ relation }}
    where
        n_effective_clusters < {{ var('min_effective_clusters') }}
        and ({{ found | join(' or ') or 'false' }})
        {%- if name == 'inference' %}
        and not {{ needs_no_error() }}
        {%- endif %}
    {% if not loop.last %}
    union all
    {% endif %}
    {% endfor %}
)

select *
from published
