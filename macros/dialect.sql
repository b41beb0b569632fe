{# What DuckDB and Spark say differently. One macro each; everything else is common SQL. #}

{% macro integer_series(first, last, name) -%}
    {{ return(adapter.dispatch('integer_series')(first, last, name)) }}
{%- endmacro %}
{% macro default__integer_series(first, last, name) -%}
    (select cast(unnest(generate_series({{ first }}, {{ last }})) as integer) as {{ name }})
{%- endmacro %}
{% macro spark__integer_series(first, last, name) -%}
    (select explode(sequence({{ first }}, {{ last }})) as {{ name }})
{%- endmacro %}

{% macro seed_file_sha256(path) -%}
    {{ return(adapter.dispatch('seed_file_sha256')(path)) }}
{%- endmacro %}
{% macro default__seed_file_sha256(path) -%}
    (select sha256(content) from read_blob('{{ path }}'))
{%- endmacro %}
{% macro spark__seed_file_sha256(path) -%}
    (select sha2(content, 256) from binaryFile.`{{ path }}`)
{%- endmacro %}

{# True when somebody computed the value (I imputed, F forecast, E estimated). #}
{% macro is_filled(status_all) -%}
    coalesce(
        {{ status_all }} like '%I%' or {{ status_all }} like '%F%' or {{ status_all }} like '%E%',
        false
    )
{%- endmacro %}

{# Real and simulated figures never share a warehouse: the target says which one this is. #}
{% macro is_simulated() -%}
    {{ 'true' if target.name == 'demo' else 'false' }}
{%- endmacro %}

{# One number for several text keys: sorting and joining a million cells by four texts costs three times
   as much. Two series of one warehouse share a 64-bit number with odds below one in a million million. #}
{% macro key_number(columns) -%}
    {{ return(adapter.dispatch('key_number')(columns)) }}
{%- endmacro %}
{% macro default__key_number(columns) -%}
    hash({{ columns | join(", ") }})
{%- endmacro %}
{% macro spark__key_number(columns) -%}
    xxhash64({{ columns | join(", ") }})
{%- endmacro %}
