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

{# A sum of doubles depends on its order in the last bits; from the smallest to the largest it is the same in
   every build. A sorted list takes a tenth of the time of an ordered aggregate. #}
{% macro stable_sum(expression) -%}
    {{ return(adapter.dispatch('stable_sum')(expression)) }}
{%- endmacro %}
{% macro default__stable_sum(expression) -%}
    list_sum(list_sort(list({{ expression }})))
{%- endmacro %}
{% macro spark__stable_sum(expression) -%}
    case
        when count({{ expression }}) > 0
            then aggregate(array_sort(collect_list({{ expression }})), cast(0 as double), (total, x) -> total + x)
    end
{%- endmacro %}

{# Status codes of every row up to this one, one behind the other; window: a named window. #}
{% macro running_status_codes(expression, window) -%}
    {{ return(adapter.dispatch('running_status_codes')(expression, window)) }}
{%- endmacro %}
{% macro default__running_status_codes(expression, window) -%}
    string_agg({{ expression }}, '') over {{ window }}
{%- endmacro %}
{% macro spark__running_status_codes(expression, window) -%}
    concat_ws('', collect_list({{ expression }}) over {{ window }})
{%- endmacro %}

{# Landed rows of one record (cell, total or refused) that belong to this warehouse: simulated or real, and
   as it stood with an edition (cbec build --as-of). #}
{% macro landed_rows(record) -%}
    (
        select * from {{ landed_files() }}
        where record = '{{ record }}'
            and is_simulated = {{ is_simulated() }}
            and coalesce(edition, 0) <= {{ env_var('CBEC_AS_OF', '9999') | int }}
    )
{%- endmacro %}

{# The landed files as a relation, or the same columns without a row when nothing was imported:
   no engine reads an empty set of files. #}
{% macro landed_files() -%}
    {{ return(adapter.dispatch('landed_files')()) }}
{%- endmacro %}
{% macro default__landed_files() -%}
    {%- set pattern = literal_path(env_var('CBEC_LANDING', 'landing')) ~ '/*.parquet' -%}
    {%- set found = run_query("select count(*) from glob('" ~ pattern ~ "')") if execute -%}
    {%- if execute and found.columns[0].values()[0] > 0 -%}
        {#- A folder called year=2015 is a name, not a column; files landed before a column was there lack it. -#}
        read_parquet('{{ pattern }}', hive_partitioning = false, union_by_name = true)
    {%- else -%}
        {{ no_landed_files() }}
    {%- endif -%}
{%- endmacro %}
{# A path inside quotes, where DuckDB would take [ ] * ? for a pattern. #}
{% macro literal_path(path) -%}
    {{ return(modules.re.sub('([*?]|\\[)', '[\\1]', path) | replace("'", "''")) }}
{%- endmacro %}
{% macro spark__landed_files() -%}
    {%- set folder = env_var('CBEC_LANDING', '') -%}
    {%- if folder -%} parquet.`{{ folder }}` {%- else -%} {{ no_landed_files() }} {%- endif -%}
{%- endmacro %}
{% macro no_landed_files() -%}
    (
        select
            cast(null as varchar) as region_level,
            cast(null as varchar) as region_code,
            cast(null as integer) as year,
            cast(null as varchar) as indicator_id,
            cast(null as varchar) as vintage,
            cast(null as varchar) as value_printed,
            cast(null as decimal(38, 10)) as value_in_printed_unit,
            cast(null as varchar) as unit_printed,
            cast(null as varchar) as obs_status_all,
            cast(null as varchar) as impute_method,
            cast(null as varchar) as impute_by,
            cast(null as integer[]) as anchor_years,
            cast(null as varchar) as suspect_codes,
            cast(null as varchar) as source_id,
            cast(null as varchar) as obs_comment,
            cast(null as varchar) as source_file,
            cast(null as varchar) as source_file_sha256,
            cast(null as varchar) as source_locator,
            cast(null as boolean) as is_simulated,
            cast(null as varchar) as record,
            cast(null as varchar) as scope,
            cast(null as varchar) as publication_id,
            cast(null as varchar) as series_id,
            cast(null as integer) as edition,
            cast(null as varchar) as header_zh,
            cast(null as varchar) as header_en,
            cast(null as varchar) as refusal,
            cast(null as varchar) as region_printed
        where false
    ) as nothing_landed
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

{# The indicators of the printed yearbook: the columns of its seed behind the keys. #}
{% macro printed_indicators() -%}
    {%- if execute -%}
        {%- set declared = graph.nodes['seed.' ~ project_name ~ '.printed_figure'].columns -%}
        {{ declared | reject('in', ['edition', 'region_level', 'region_code']) | join(', ') }}
    {%- else -%} nothing {%- endif -%}
{%- endmacro %}

{# The indicators that panels of cities have a column for. #}
{% macro panel_indicators() -%}
    {%- set names = [] -%}
    {%- if execute -%}
        {%- for column in graph.nodes['model.' ~ project_name ~ '.panel_city_year'].columns.values() -%}
            {%- set indicator_id = column.get('config', {}).get('meta', {}).get('indicator') or column.get('meta', {}).get('indicator') -%}
            {%- if indicator_id -%} {%- do names.append(indicator_id) -%} {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(names) }}
{%- endmacro %}

{# Texts of a group, sorted and joined by ';'; missing where no row has one. #}
{% macro sorted_texts(expression) -%}
    {{ return(adapter.dispatch('sorted_texts')(expression)) }}
{%- endmacro %}
{% macro default__sorted_texts(expression) -%}
    array_to_string(list_sort(list({{ expression }}) filter (where {{ expression }} is not null)), ';')
{%- endmacro %}
{% macro spark__sorted_texts(expression) -%}
    nullif(concat_ws(';', array_sort(collect_list({{ expression }}))), '')
{%- endmacro %}

{# One row for each word of a text. #}
{% macro words(expression) -%}
    {{ return(adapter.dispatch('words')(expression)) }}
{%- endmacro %}
{% macro default__words(expression) -%}
    unnest(string_split({{ expression }}, ' '))
{%- endmacro %}
{% macro spark__words(expression) -%}
    explode(split({{ expression }}, ' '))
{%- endmacro %}

{# One row for each part of a list that a seed writes as 'a + b'. #}
{% macro listed(expression) -%}
    {{ return(adapter.dispatch('listed')(expression)) }}
{%- endmacro %}
{% macro default__listed(expression) -%}
    unnest(string_split({{ expression }}, ' + '))
{%- endmacro %}
{% macro spark__listed(expression) -%}
    explode(split({{ expression }}, ' [+] '))
{%- endmacro %}
