-- Edges between entities, activities and agents (W3C PROV): wasDerivedFrom leads from a number towards its
-- source, so that one recursive query over it ends at files, publications, seeds and documents. Edges stand
-- at the level of columns and series; which cell goes into which, marts.panel_cell and marts.observation say
-- by their keys, and `years` how the years pair: same, or up_to (every year until then).
with entity as (

    select * from {{ ref('provenance_entity') }}

),

panel_column as (

    select * from entity
    where kind = 'panel_column'

),

observation as (

    select * from {{ ref('observation') }}
    where is_panel_scope

),

selected as (

    select distinct
        indicator_id,
        region_level,
        printed_level,
        vintage,
    from {{ ref('int_series__chosen') }}

),

technology as (

    select * from {{ ref('technology') }}

),

indicator_input as (

    select * from {{ ref('int_inputs__direct') }}
    where is_read and role <> 'technology'

),

technology_input as (

    select
        technology,
        'input' as role,
        {{ listed('inputs') }} as indicator_id
    from technology
    union all
    select
        technology,
        'good_output' as role,
        {{ listed('good_outputs') }} as indicator_id
    from technology
    union all
    select
        technology,
        'bad_output' as role,
        {{ listed('bad_outputs') }} as indicator_id
    from technology
    where bad_outputs is not null

),

sample as (

    select
        sample_id,
        region_level,
    from {{ ref('sample') }}

),

variable as (

    select
        'estimate:' || variable.study_id || '/' || variable.table_no || '/'
        || cast(variable.column_no as varchar) as estimate_id,
        variable.role,
        variable.treatment_rule,
        sample.region_level,
        regexp_replace(variable.name, '^L[0-9]\.', '') as panel_column,
        nullif(regexp_extract(variable.name, '^L([0-9])\.', 1), '') as lag,
    from {{ specification_variables() }} as variable
    inner join sample on variable.sample = sample.sample_id

),

specification as (

    select
        *,
        study_id || '/' || table_no || '/' || cast(column_no as varchar) as label,
    from {{ ref('specification') }}

),

origin as (

    select
        source_file_sha256,
        region_level,
        indicator_id,
        vintage,
        source_id,
    from observation
    group by source_file_sha256, region_level, indicator_id, vintage, source_id

),

file as (

    select
        sha256,
        min(entity_id) as entity_id,
    from entity
    where kind in ('imported_file', 'seed_file')
    group by sha256

),

-- Constants of a formula: rates, factors, components.
formula as (

    select
        indicator_id,
        'registry.derived_indicator' as table_name
    from {{ ref('derived_indicator') }}
    union all
    select
        indicator_id,
        'registry.exchange_rate' as table_name
    from {{ ref('derived_indicator') }}
    where converter is not null
    union all
    select distinct
        index_id as indicator_id,
        'registry.index_component' as table_name
    from {{ ref('index_component') }}
    union all
    select distinct
        indicator_id,
        'registry.emission_factor' as table_name,
    from indicator_input
    where role = 'fuel'

),

-- Things that are rows of a seed.
registered as (

    select
        'treatment_rule' as kind,
        'registry.treatment_rule' as table_name
    union all
    select
        'zone_document' as kind,
        'registry.pilot_zone' as table_name
    union all
    select
        'zone_document' as kind,
        'registry.pilot_zone_batch' as table_name
    union all
    select
        'sample' as kind,
        'registry.sample' as table_name
    union all
    select
        'sample' as kind,
        'registry.region' as table_name
    union all
    select
        'technology' as kind,
        'registry.technology' as table_name
    union all
    select
        'printed_table' as kind,
        'studies.published_result' as table_name

),

derivation as (

    -- Estimates: what stands in the equation, on which rows, under which treatment definition.
    select
        variable.estimate_id as from_id,
        panel_column.entity_id as to_id,
        variable.role,
        coalesce('lag ' || variable.lag, 'same') as years,
    from variable
    inner join panel_column
        on variable.region_level = panel_column.region_level
            and variable.panel_column = panel_column.panel_column
    union all
    select
        'estimate:' || label as from_id,
        'rule:' || treatment_rule as to_id,
        'treatment_rule' as role,
        'same' as years,
    from specification
    where treatment_rule is not null
    union all
    select
        'estimate:' || label as from_id,
        'sample:' || sample as to_id,
        'sample' as role,
        'same' as years,
    from specification
    union all
    select
        'estimate:' || label as from_id,
        'specification:' || label as to_id,
        'specification' as role,
        'same' as years,
    from specification
    union all
    select
        'specification:' || label as from_id,
        seed.entity_id as to_id,
        'row' as role,
        'same' as years,
    from specification
    cross join {{ seed_files() }} as seed
    where seed.table_name = 'studies.specification'
    union all
    -- Columns: printed series, or what they are computed from.
    select
        panel_column.entity_id as from_id,
        'series:' || selected.printed_level || ':' || selected.indicator_id || ':' || selected.vintage
            as to_id,
        'cell' as role,
        'same' as years,
    from panel_column
    inner join selected
        on panel_column.region_level = selected.region_level
            and panel_column.indicator_id = selected.indicator_id
    union all
    select
        panel_column.entity_id as from_id,
        input_column.entity_id as to_id,
        indicator_input.role,
        indicator_input.years,
    from panel_column
    inner join indicator_input
        on panel_column.indicator_id = indicator_input.indicator_id
            and panel_column.region_level = indicator_input.region_level
    inner join panel_column as input_column
        on indicator_input.input_indicator_id = input_column.indicator_id
            and panel_column.region_level = input_column.region_level
    union all
    select
        panel_column.entity_id as from_id,
        'technology:' || technology.technology as to_id,
        'technology' as role,
        'same' as years,
    from panel_column
    inner join technology
        on regexp_full_match(
                panel_column.indicator_id,
                technology.panel_columns || '_(efficiency|index|cumulative|cumulative_log)'
            )
    union all
    select
        'technology:' || technology_input.technology as from_id,
        panel_column.entity_id as to_id,
        technology_input.role,
        'same' as years,
    from technology_input
    inner join technology on technology_input.technology = technology.technology
    inner join sample on technology.sample_id = sample.sample_id
    inner join panel_column
        on technology_input.indicator_id = panel_column.indicator_id
            and sample.region_level = panel_column.region_level
    union all
    select
        panel_column.entity_id as from_id,
        'rule:{{ var("zone_count_rule") }}' as to_id,
        'zones' as role,
        'same' as years,
    from panel_column
    where panel_column.indicator_id = 'pilot_zone_count'
    union all
    select
        panel_column.entity_id as from_id,
        seed.entity_id as to_id,
        'constant' as role,
        'same' as years,
    from panel_column
    inner join formula on panel_column.indicator_id = formula.indicator_id
    inner join {{ seed_files() }} as seed on formula.table_name = seed.table_name
    -- Series: the file that was read, and the publication behind it.
    union all
    select distinct
        'series:' || origin.region_level || ':' || origin.indicator_id || ':' || origin.vintage as from_id,
        file.entity_id as to_id,
        'cells' as role,
        'same' as years,
    from origin
    inner join file on origin.source_file_sha256 = file.sha256
    union all
    select distinct
        'series:' || origin.region_level || ':' || origin.indicator_id || ':' || origin.vintage as from_id,
        'source:' || origin.source_id as to_id,
        'print' as role,
        'same' as years,
    from origin
    -- Policy: rule, batches, documents.
    union all
    select
        'rule:' || rule.rule_id as from_id,
        'document:batch-' || cast(batch.batch as varchar) as to_id,
        'zones' as role,
        'same' as years,
    from {{ ref('treatment_rule') }} as rule
    inner join {{ ref('pilot_zone_batch') }} as batch on rule.max_batch >= batch.batch
    union all
    select
        entity.entity_id as from_id,
        seed.entity_id as to_id,
        'row' as role,
        'same' as years,
    from entity
    inner join registered on entity.kind = registered.kind
    inner join {{ seed_files() }} as seed on registered.table_name = seed.table_name
    union all
    select
        printed.entity_id as from_id,
        paper.entity_id as to_id,
        'page' as role,
        'same' as years,
    from entity as printed
    inner join entity as paper
        on printed.study_id = paper.study_id
            and paper.kind = 'paper'
    where printed.kind = 'printed_table'
    union all
    select
        entity_id as from_id,
        parent_id as to_id,
        'table' as role,
        'same' as years,
    from {{ project_reads() }} as project_read

),

final as (

    select
        'wasDerivedFrom' as relation,
        from_id,
        to_id,
        role,
        years,
    from derivation
    union all
    select
        'wasGeneratedBy' as relation,
        entity_id as from_id,
        activity_id as to_id,
        'model' as role,
        null as years,
    from {{ project_models() }} as project_model
    union all
    select
        'wasGeneratedBy' as relation,
        'estimate:' || label as from_id,
        'estimation:' || estimator as to_id,
        'estimator' as role,
        null as years,
    from specification
    union all
    -- A landed table was generated by reading the file.
    select
        'used' as relation,
        'import:' || sha256 as from_id,
        entity_id as to_id,
        'file' as role,
        null as years,
    from entity
    where kind = 'imported_file'
    union all
    select
        'used' as relation,
        activity_id as from_id,
        parent_id as to_id,
        'table' as role,
        null as years,
    from {{ project_reads() }} as project_read
    union all
    select
        'wasAttributedTo' as relation,
        'source:' || source_id as from_id,
        'publisher:' || publication_en as to_id,
        'publisher' as role,
        null as years,
    from {{ ref('source') }}
    union all
    select
        'wasAttributedTo' as relation,
        entity_id as from_id,
        'publisher:State Council' as to_id,
        'publisher' as role,
        null as years,
    from entity
    where kind = 'zone_document'
    union all
    select
        'wasAssociatedWith' as relation,
        activity_id as from_id,
        agent_id as to_id,
        'software' as role,
        null as years,
    from {{ ref('provenance_activity') }}

)

select * from final
order by relation, from_id, to_id, role
