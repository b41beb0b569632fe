with named as (

    select * from {{ ref('int_indicators__named') }}

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
        is_registered,
    from named

)

select * from final
order by indicator_id
