-- What numbers come from, as W3C PROV calls it: an entity is a thing with a fixed content. Cells are not
-- entities of their own: a column or a series stands for them, and the keys in marts.panel_cell and
-- marts.observation lead to each.
with observation as (

    select * from {{ ref('observation') }}
    where is_panel_scope

),

panel_cell as (

    select * from {{ ref('panel_cell') }}

),

indicator as (

    select * from {{ ref('int_indicators__named') }}

),

landed as (

    select
        source_file,
        source_file_sha256,
        count(*) as n_cells,
    from {{ ref('int_observations__landed') }}
    group by source_file, source_file_sha256

),

seed_size as (

    select
        source_file_sha256,
        count(*) as n_cells,
    from observation
    group by source_file_sha256

),

sample as (

    select * from {{ ref('sample') }}

),

named as (

    select distinct
        sample.region_level,
        regexp_replace(variable.name, '^L[0-9]\.', '') as panel_column,
    from {{ specification_variables() }} as variable
    inner join sample on variable.sample = sample.sample_id

),

panel_column as (

    select
        region_level,
        panel_column,
        any_value(indicator_id) as indicator_id,
        nullif(count(value), 0) as n_cells,
    from panel_cell
    group by region_level, panel_column
    union all
    -- What an equation names and no panel holds yet.
    select
        named.region_level,
        named.panel_column,
        cast(null as varchar) as indicator_id,
        null as n_cells,
    from named
    -- These come with the rule, not with a panel.
    where named.panel_column not in ('is_treated', 'exposure_share', 'zone_count')
        and not exists (
            select 1
            from panel_cell
            where panel_cell.region_level = named.region_level
                and panel_cell.panel_column = named.panel_column
        )

),

specified as (

    select
        'specification' as kind,
        'studies.specification' as location,
    union all
    select
        'estimate' as kind,
        'estimates.fit' as location,

),

listed as (

    select
        seed.entity_id,
        'seed_file' as kind,
        seed.table_name as label_en,
        seed.table_name as label_zh,
        seed.path as location,
        seed.sha256,
        seed_size.n_cells,
        cast(null as varchar) as region_level,
        cast(null as varchar) as indicator_id,
        cast(null as varchar) as vintage,
        cast(null as varchar) as panel_column,
        cast(null as varchar) as study_id,
        cast(null as varchar) as table_no,
        cast(null as integer) as column_no,
    from {{ seed_files() }} as seed
    left join seed_size on seed.sha256 = seed_size.source_file_sha256
    union all
    select
        'file:' || source_file_sha256 as entity_id,
        'imported_file' as kind,
        source_file as label_en,
        source_file as label_zh,
        source_file as location,
        source_file_sha256 as sha256,
        n_cells,
        null as region_level,
        null as indicator_id,
        null as vintage,
        null as panel_column,
        null as study_id,
        null as table_no,
        null as column_no,
    from landed
    union all
    select
        'source:' || source_id as entity_id,
        'publication' as kind,
        citation as label_en,
        concat_ws(' ', publication_zh, edition, table_code) as label_zh,
        table_code as location,
        null as sha256,
        null as n_cells,
        null as region_level,
        null as indicator_id,
        null as vintage,
        null as panel_column,
        null as study_id,
        null as table_no,
        null as column_no,
    from {{ ref('source') }}
    union all
    select
        'series:' || observation.region_level || ':' || observation.indicator_id || ':' || observation.vintage
            as entity_id,
        'series' as kind,
        any_value(indicator.name_en) || ', ' || observation.vintage as label_en,
        any_value(indicator.name_zh) || ', ' || observation.vintage as label_zh,
        'marts.observation' as location,
        null as sha256,
        count(*) as n_cells,
        observation.region_level,
        observation.indicator_id,
        observation.vintage,
        null as panel_column,
        null as study_id,
        null as table_no,
        null as column_no,
    from observation
    inner join indicator on observation.indicator_id = indicator.indicator_id
    group by observation.region_level, observation.indicator_id, observation.vintage
    union all
    select
        'column:' || panel_column.region_level || ':' || panel_column.panel_column as entity_id,
        'panel_column' as kind,
        coalesce(indicator.name_en, panel_column.panel_column) as label_en,
        coalesce(indicator.name_zh, panel_column.panel_column) as label_zh,
        'marts.panel_cell' as location,
        null as sha256,
        panel_column.n_cells,
        panel_column.region_level,
        panel_column.indicator_id,
        null as vintage,
        panel_column.panel_column,
        null as study_id,
        null as table_no,
        null as column_no,
    from panel_column
    left join indicator on panel_column.indicator_id = indicator.indicator_id
    union all
    select
        'technology:' || technology as entity_id,
        'technology' as kind,
        description as label_en,
        technology as label_zh,
        'marts.green_tfp' as location,
        null as sha256,
        null as n_cells,
        null as region_level,
        null as indicator_id,
        null as vintage,
        null as panel_column,
        null as study_id,
        null as table_no,
        null as column_no,
    from {{ ref('technology') }}
    union all
    select
        'sample:' || sample_id as entity_id,
        'sample' as kind,
        description as label_en,
        sample_id as label_zh,
        'marts.sample_member' as location,
        null as sha256,
        null as n_cells,
        region_level,
        null as indicator_id,
        null as vintage,
        null as panel_column,
        null as study_id,
        null as table_no,
        null as column_no,
    from sample
    union all
    select
        'rule:' || rule_id as entity_id,
        'treatment_rule' as kind,
        description as label_en,
        rule_id as label_zh,
        'registry.treatment_rule' as location,
        null as sha256,
        null as n_cells,
        null as region_level,
        null as indicator_id,
        null as vintage,
        null as panel_column,
        null as study_id,
        null as table_no,
        null as column_no,
    from {{ ref('treatment_rule') }}
    union all
    select
        'document:batch-' || cast(batch as varchar) as entity_id,
        'zone_document' as kind,
        concat_ws(' ', 'State Council reply', document_no, cast(approved_on as varchar)) as label_en,
        concat_ws(' ', source, cast(approved_on as varchar)) as label_zh,
        document_no as location,
        null as sha256,
        new_zones as n_cells,
        null as region_level,
        null as indicator_id,
        null as vintage,
        null as panel_column,
        null as study_id,
        null as table_no,
        null as column_no,
    from {{ ref('pilot_zone_batch') }}
    union all
    select
        replace(origin, ' ', ':') as entity_id,
        'paper' as kind,
        title_en as label_en,
        title_zh as label_zh,
        origin as location,
        null as sha256,
        null as n_cells,
        null as region_level,
        null as indicator_id,
        null as vintage,
        null as panel_column,
        study_id,
        null as table_no,
        null as column_no,
    from {{ ref('study') }}
    where origin like 'paper %'
    union all
    select
        'printed:' || study_id || '/' || table_no as entity_id,
        'printed_table' as kind,
        study_id || ' ' || table_no as label_en,
        study_id || ' ' || table_no as label_zh,
        'studies.published_result' as location,
        null as sha256,
        count(*) as n_cells,
        null as region_level,
        null as indicator_id,
        null as vintage,
        null as panel_column,
        study_id,
        table_no,
        null as column_no,
    from {{ ref('published_result') }}
    group by study_id, table_no
    union all
    select
        item.kind || ':' || study_id || '/' || table_no || '/' || cast(column_no as varchar) as entity_id,
        item.kind,
        coalesce(note, estimator || ' of ' || outcome) as label_en,
        coalesce(note, estimator || ' of ' || outcome) as label_zh,
        item.location,
        null as sha256,
        null as n_cells,
        null as region_level,
        null as indicator_id,
        null as vintage,
        null as panel_column,
        study_id,
        table_no,
        column_no,
    from {{ ref('specification') }}
    cross join specified as item
    union all
    select
        entity_id,
        'table' as kind,
        table_name as label_en,
        table_name as label_zh,
        path as location,
        null as sha256,
        null as n_cells,
        null as region_level,
        null as indicator_id,
        null as vintage,
        null as panel_column,
        null as study_id,
        null as table_no,
        null as column_no,
    from {{ project_models() }} as project_model

),

final as (

    select
        *,
        {{ is_simulated() }} as is_simulated,
    from listed

)

select * from final
order by entity_id
