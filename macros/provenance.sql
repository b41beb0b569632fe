{# Lists that only dbt knows, as relations: what the seeds are, what the models are, what each model reads.
   Outside of a run (a linter) they are empty. #}

{% macro project_nodes(resource_type) -%}
    {%- set found = [] -%}
    {%- if execute -%}
        {%- for node in graph.nodes.values() | sort(attribute='unique_id')
            if node.resource_type == resource_type and node.package_name == project_name -%}
            {%- do found.append(node) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(found) }}
{%- endmacro %}

{# Rows of words under names, as a relation. A list of values, because a union of some hundred selects takes
   a linter minutes. #}
{% macro word_rows(names, rows) -%}
    (
        select *
        from (
            values
            {%- for row in rows or [[none] * (names | length)] %}
            (
                {%- for word in row -%}
                    {{ "cast(null as varchar)" if word is none else "'" ~ word ~ "'" }}
                    {%- if not loop.last %}, {% endif -%}
                {%- endfor -%}
            )
            {%- if not loop.last %},{% endif -%}
            {%- endfor %}
        ) as listed ({{ names | join(', ') }})
    )
{%- endmacro %}

{# One row per seed file: entity_id, path, sha256, schema and table. #}
{% macro seed_files() -%}
    (
        {%- for node in project_nodes('seed') %}
            select
                'seed:{{ node.original_file_path }}' as entity_id,
                '{{ node.original_file_path }}' as path,
                {{ seed_file_sha256(node.original_file_path) }} as sha256,
                '{{ node.schema }}.{{ node.name }}' as table_name
            union all
        {%- endfor %}
        select
            cast(null as varchar) as entity_id,
            cast(null as varchar) as path,
            cast(null as varchar) as sha256,
            cast(null as varchar) as table_name
        where false
    )
{%- endmacro %}

{# One row per model: its table, the file of its code and that file's checksum. #}
{% macro project_models() -%}
    {%- set rows = [] -%}
    {%- for node in project_nodes('model') -%}
        {%- do rows.append([
            'table:' ~ node.schema ~ '.' ~ node.name,
            'model:' ~ node.name,
            node.schema ~ '.' ~ node.name,
            node.original_file_path,
            node.checksum.checksum,
        ]) -%}
    {%- endfor -%}
    {{ word_rows(['entity_id', 'activity_id', 'table_name', 'path', 'sha256'], rows) }}
{%- endmacro %}

{# One row per model and thing that it reads. #}
{% macro project_reads() -%}
    {%- set rows = [] -%}
    {%- for node in project_nodes('model') -%}
        {%- for parent_id in node.depends_on.nodes | sort | unique if parent_id in graph.nodes -%}
            {%- set parent = graph.nodes[parent_id] -%}
            {%- do rows.append([
                'table:' ~ node.schema ~ '.' ~ node.name,
                'model:' ~ node.name,
                'seed:' ~ parent.original_file_path if parent.resource_type == 'seed'
                else 'table:' ~ parent.schema ~ '.' ~ parent.name,
            ]) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ word_rows(['entity_id', 'activity_id', 'parent_id'], rows) }}
{%- endmacro %}

{# Names that an equation of a specification holds, one row each: lag and role apart. #}
{% macro specification_variables() -%}
    (
        select study_id, table_no, column_no, sample, treatment_rule, 'outcome' as role, outcome as name
        from {{ ref('specification') }}
        union all
        select study_id, table_no, column_no, sample, treatment_rule, 'treatment' as role, treatment as name
        from {{ ref('specification') }}
        union all
        select study_id, table_no, column_no, sample, treatment_rule, 'mediator' as role, mediator as name
        from {{ ref('specification') }}
        where mediator is not null
        union all
        select study_id, table_no, column_no, sample, treatment_rule, 'control' as role,
            {{ listed('controls') }} as name
        from {{ ref('specification') }}
        where controls is not null
    )
{%- endmacro %}
