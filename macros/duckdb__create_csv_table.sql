{# Types and NOT NULL of a seed come from its yml, so that there is one list of columns. #}
{% macro duckdb__create_csv_table(model, agate_table) -%}
    {%- set declared = model['columns'] -%}
    {%- set definitions = [] -%}
    {%- for name in agate_table.column_names -%}
        {%- if not declared.get(name, {}).get('data_type') -%}
            {{ exceptions.raise_compiler_error("seed " ~ model['name'] ~ ": column " ~ name ~ " has no data_type in its yml") }}
        {%- endif -%}
        {%- set kinds = declared[name].get('constraints', []) | map(attribute='type') | map('string') | list -%}
        {%- set not_null = " not null" if 'not_null' in kinds or 'ConstraintType.not_null' in kinds else "" -%}
        {%- do definitions.append(adapter.quote(name) ~ " " ~ declared[name]['data_type'] ~ not_null) -%}
    {%- endfor -%}
    {%- set sql -%}
        create table {{ this.render() }} ({{ definitions | join(", ") }})
    {%- endset -%}
    {%- call statement('_') -%}{{ sql }}{%- endcall -%}
    {{ return(sql) }}
{%- endmacro %}
