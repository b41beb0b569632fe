-- What made entities out of others (W3C PROV): models, estimators, imports.
with estimator as (

    select distinct estimator from {{ ref('specification') }}

),

landed as (

    select distinct
        source_file,
        source_file_sha256,
    from {{ ref('int_observations__landed') }}

),

final as (

    select
        activity_id,
        'model' as kind,
        path as label,
        path as location,
        sha256 as code_checksum,
        'software:dbt' as agent_id,
    from {{ project_models() }} as project_model
    union all
    select
        'estimation:' || estimator as activity_id,
        'estimation' as kind,
        estimator as label,
        'cbec/estimators' as location,
        null as code_checksum,
        'software:cbec' as agent_id,
    from estimator
    union all
    select
        'import:' || source_file_sha256 as activity_id,
        'import' as kind,
        source_file as label,
        'cbec/ingest' as location,
        null as code_checksum,
        'software:cbec' as agent_id,
    from landed

)

select * from final
order by activity_id
