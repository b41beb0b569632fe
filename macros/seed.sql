{# A seed has the types and NOT NULLs of its yml, so that there is one list of columns, and DuckDB reads its file.
   dbt's own materialization reads it into Python first. #}
{% materialization seed, adapter='duckdb' %}
    {%- set declared = model['columns'] -%}
    {%- set file = "'" ~ adapter.get_seed_file_path(model) | replace("'", "''") ~ "'" -%}
    {%- set header = run_query("describe from read_csv(" ~ file ~ ", header = true, delim = ',', all_varchar = true, sample_size = 1)") -%}
    {%- set definitions = [] -%}
    {%- for name in (header.columns[0].values() if execute else []) -%}
        {%- if not declared.get(name, {}).get('data_type') -%}
            {{ exceptions.raise_compiler_error("seed " ~ model['name'] ~ ": column " ~ name ~ " has no data_type in its yml") }}
        {%- endif -%}
        {%- set kinds = declared[name].get('constraints', []) | map(attribute='type') | map('string') | list -%}
        {%- set not_null = " not null" if 'not_null' in kinds or 'ConstraintType.not_null' in kinds else "" -%}
        {%- do definitions.append(adapter.quote(name) ~ " " ~ declared[name]['data_type'] ~ not_null) -%}
    {%- endfor -%}
    {#- dbt asks for what it has read. -#}
    {%- do store_result('agate_table', response='OK', agate_table=header) -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {%- call statement('main') -%}
        create or replace table {{ this }} ({{ definitions | join(", ") }});
        copy {{ this }} from {{ file }} (format csv, header true, delimiter ',');
    {%- endcall -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- do persist_docs(target_relation, model) -%}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {%- do adapter.commit() -%}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
