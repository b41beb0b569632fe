{# How many rows the reasons of a text name, as in '2 rows: outcome missing; 1 rows: alone in a fixed effect'. #}
{% macro rows_named(column) -%}
    coalesce(
        list_sum(
            list_transform(regexp_extract_all({{ column }}, '(\d+) rows: ', 1), lambda n: cast(n as integer))
        ),
        0
    )
{%- endmacro %}
