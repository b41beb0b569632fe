{# A build that starts from the published file (cbec/pipeline/rebuild.py) passes over a model whose own code is
   as it was and whose parents came out as they were; a table that comes out as it was changes nothing after it.
   rebuild.to_run lists nodes of other code, rebuild.changed what came out otherwise. Plain dbt and a full build
   make everything, as ever. #}

{% macro is_rebuild() -%}
    {{ return(env_var('CBEC_REBUILD', '') == 'yes') }}
{%- endmacro %}

{# Where models keep what they computed (cbec/studies/turn.py); plain dbt keeps nothing. #}
{% macro keep_results() -%}
    {%- if env_var('CBEC_REBUILD', '') and execute -%}
        create schema if not exists rebuild;
        create table if not exists rebuild.kept (model varchar, digest varchar, result varchar);
    {%- endif -%}
{%- endmacro %}

{# Whether a node has to run: its own code is another, or something that it reads is. #}
{% macro has_changed(node) -%}
    {%- set found = run_query(
        "select (select count(*) from rebuild.to_run where unique_id = '" ~ node.unique_id ~ "')"
        ~ " + (select count(*) from rebuild.changed where unique_id in ('" ~ node.depends_on.nodes | join("', '") ~ "'))"
    ) -%}
    {{ return(found.columns[0].values()[0] > 0) }}
{%- endmacro %}

{# Columns and rows of a relation as two short lists: what is quick to ask, and every row in its order. #}
{% macro shape_of(relation) -%}
    {%- set found = run_query(
        "select (select count(*) from " ~ relation ~ ") as n_rows,"
        ~ " (select string_agg(column_name || ' ' || data_type, ', ' order by column_index) from duckdb_columns()"
        ~ " where schema_name = '" ~ relation.schema ~ "' and table_name = '" ~ relation.identifier ~ "') as names"
    ) -%}
    {{ return([found.columns[0].values()[0], found.columns[1].values()[0]]) }}
{%- endmacro %}
{% macro rows_of(relation) -%}
    {#- Rows that are not committed yet are numbered from somewhere else. -#}
    {%- set found = run_query(
        "select concat_ws(' ', bit_xor(hash(line.rowid - start.first, line)), min(hash(line)), max(hash(line)))"
        ~ " from " ~ relation ~ " as line, (select min(rowid) as first from " ~ relation ~ ") as start"
    ) -%}
    {{ return(found.columns[0].values()[0]) }}
{%- endmacro %}

{# Whether two tables hold the same rows in the same order. #}
{% macro is_same(one, other) -%}
    {{ return(shape_of(one) == shape_of(other) and rows_of(one) == rows_of(other)) }}
{%- endmacro %}

{# As dbt makes a table, beside the old one, which a rebuild compares before it goes. #}
{% materialization table, adapter='duckdb', supported_languages=['sql', 'python'] -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- if is_rebuild() and existing is not none and not has_changed(model) -%}
        {%- call noop_statement('main', 'AS IT WAS') -%}{%- endcall -%}
        {{ return({'relations': [target_relation]}) }}
    {%- endif -%}
    {%- set new_relation = make_intermediate_relation(target_relation) -%}
    {%- do drop_relation_if_exists(load_cached_relation(new_relation)) -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {%- call statement('main', language=model['language']) -%}
        {{- create_table_as(False, new_relation, compiled_code, model['language']) }}
    {%- endcall -%}
    {%- if model['language'] == 'python' -%}
        {%- do withhold_few_clusters(new_relation) -%}
    {%- endif -%}
    {%- set as_it_was = is_rebuild() and existing is not none and is_same(existing, new_relation) -%}
    {%- do drop_relation_if_exists(existing) -%}
    {%- do adapter.rename_relation(new_relation, target_relation) -%}
    {%- do create_indexes(target_relation) -%}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {%- do persist_docs(target_relation, model) -%}
    {%- do adapter.commit() -%}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {%- if is_rebuild() and not as_it_was -%}
        {%- do run_query("insert into rebuild.changed values ('" ~ model.unique_id ~ "')") -%}
    {%- endif -%}
    {{ return({'relations': [target_relation]}) }}
{%- endmaterialization %}

{# A view holds nothing: it is as its parents are. #}
{% materialization view, adapter='duckdb' -%}
    {%- if is_rebuild() -%}
        {%- if load_cached_relation(this) is not none and not has_changed(model) -%}
            {%- call noop_statement('main', 'AS IT WAS') -%}{%- endcall -%}
            {{ return({'relations': [this.incorporate(type='view')]}) }}
        {%- endif -%}
        {%- do run_query("insert into rebuild.changed values ('" ~ model.unique_id ~ "')") -%}
    {%- endif -%}
    {{ return(dbt.materialization_view_default()) }}
{%- endmaterialization %}

{# A test of tables that are as they were, which passed on them, passes. #}
{% macro duckdb__get_test_sql(main_sql, fail_calc, warn_if, error_if, limit) -%}
    {%- if is_rebuild() and not has_changed(model) -%}
        select 0 as failures, false as should_warn, false as should_error
    {%- else -%}
        {{ dbt.default__get_test_sql(main_sql, fail_calc, warn_if, error_if, limit) }}
    {%- endif -%}
{%- endmacro %}
