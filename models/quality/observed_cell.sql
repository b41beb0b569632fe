-- Components of indices and variables of technologies that nobody filled and no detector holds to be filled
-- or misprinted: for the observed-only variant of an estimate both are computed again from these.
with required as (

    select indicator_id from {{ ref('index_component') }}
    union
    select {{ listed('inputs') }} as indicator_id
    from {{ ref('technology') }}
    union
    select {{ listed('good_outputs') }} as indicator_id
    from {{ ref('technology') }}
    union
    select {{ listed('bad_outputs') }} as indicator_id
    from {{ ref('technology') }}
    where bad_outputs is not null

),

cell as (

    select unioned.*
    from {{ ref('int_cells__unioned') }} as unioned
    inner join required on unioned.indicator_id = required.indicator_id
    where unioned.value is not null and not {{ is_filled('unioned.obs_status_all') }}

),

suspect as (

    select distinct
        panel_cell.region_level,
        panel_cell.region_code,
        panel_cell.year,
        panel_cell.indicator_id,
    from {{ ref('suspect_cell') }} as suspect_cell
    inner join {{ ref('panel_cell') }} as panel_cell
        on suspect_cell.region_level = panel_cell.region_level
            and suspect_cell.region_code = panel_cell.region_code
            and suspect_cell.year = panel_cell.year
            and suspect_cell.panel_column = panel_cell.panel_column

),

final as (

    select cell.*
    from cell
    left join suspect
        on cell.region_level = suspect.region_level
            and cell.region_code = suspect.region_code
            and cell.year = suspect.year
            and cell.indicator_id = suspect.indicator_id
    where suspect.indicator_id is null

)

select * from final
order by region_level, indicator_id, region_code, year
