-- Every indicator: those of the registry, and columns of imported tables that nobody has named yet, under
-- an id made from their header. The unit of such a column is the smallest in which it was printed.
with registered as (

    select * from {{ ref('indicator') }}

),

landed as (

    select * from {{ ref('int_observations__landed') }}

),

unit as (

    select
        unit,
        scale
    from {{ ref('unit') }}

),

unnamed as (

    select
        landed.indicator_id,
        max_by(landed.header_en, landed.edition) as name_en,
        max_by(landed.header_zh, landed.edition) as name_zh,
        min_by(landed.unit_printed, unit.scale) as unit,
        min_by(landed.scope, landed.scope) as scope,
    from landed
    inner join unit on landed.unit_printed = unit.unit
    left join registered on landed.indicator_id = registered.indicator_id
    where registered.indicator_id is null
    group by landed.indicator_id

),

final as (

    select
        indicator_id,
        name_en,
        name_zh,
        unit,
        kind,
        direction,
        panel_scope,
        true as is_registered,
    from registered
    union all
    select
        indicator_id,
        coalesce(nullif(name_en, ''), name_zh) as name_en,
        name_zh,
        unit,
        cast(null as varchar) as kind,
        cast(null as varchar) as direction,
        case when scope = 'districts' then scope end as panel_scope,
        false as is_registered,
    from unnamed

)

select * from final
