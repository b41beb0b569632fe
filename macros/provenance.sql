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
    (
        {%- for node in project_nodes('model') %}
            select
                'table:{{ node.schema }}.{{ node.name }}' as entity_id,
                'model:{{ node.name }}' as activity_id,
                '{{ node.schema }}.{{ node.name }}' as table_name,
                '{{ node.original_file_path }}' as path,
                '{{ node.checksum.checksum }}' as sha256
            union all
        {%- endfor %}
        select
            cast(null as varchar) as entity_id,
            cast(null as varchar) as activity_id,
            cast(null as varchar) as table_name,
            cast(null as varchar) as path,
            cast(null as varchar) as sha256
        where false
    )
{%- endmacro %}

{# One row per model and thing that it reads. #}
{% macro project_reads() -%}
    (
        {%- for node in project_nodes('model') %}
            {%- for parent_id in node.depends_on.nodes | sort | unique if parent_id in graph.nodes %}
                {%- set parent = graph.nodes[parent_id] %}
            select
                'table:{{ node.schema }}.{{ node.name }}' as entity_id,
                'model:{{ node.name }}' as activity_id,
                {%- if parent.resource_type == 'seed' %}
                'seed:{{ parent.original_file_path }}' as parent_id
                {%- else %}
                'table:{{ parent.schema }}.{{ parent.name }}' as parent_id
                {%- endif %}
            union all
            {%- endfor %}
        {%- endfor %}
        select
            cast(null as varchar) as entity_id,
            cast(null as varchar) as activity_id,
            cast(null as varchar) as parent_id
        where false
    )
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
