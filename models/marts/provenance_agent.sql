-- Who answers for entities and activities (W3C PROV): publishers and software.
with publication as (

    select
        publication_en,
        any_value(publication_zh) as publication_zh,
    from {{ ref('source') }}
    group by publication_en

),

final as (

    select
        'publisher:' || publication_en as agent_id,
        'publisher' as kind,
        publication_en as name_en,
        publication_zh as name_zh,
    from publication
    union all
    select distinct
        'publisher:State Council' as agent_id,
        'publisher' as kind,
        'State Council of China' as name_en,
        split_part(source, ' ', 1) as name_zh,
    from {{ ref('pilot_zone_batch') }}
    union all
    select
        'software:' || software.id as agent_id,
        'software' as kind,
        software.name as name_en,
        software.name as name_zh,
    from (
        select
            'cbec' as id,
            'cbec-warehouse' as name
        union all
        select
            'dbt' as id,
            'dbt with DuckDB' as name
    ) as software

)

select * from final
order by agent_id
