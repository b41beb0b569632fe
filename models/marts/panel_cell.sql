-- The panels in long form: one row per cell of a panel column, with everything known of its status.
with cell as (

    select * from {{ ref('int_cells__unioned') }}

),

indicator as (

    select
        indicator_id,
        unit
    from {{ ref('indicator') }}

),

unit as (

    select
        unit,
        column_suffix
    from {{ ref('unit') }}

),

derived as (

    select distinct indicator_id from {{ ref('int_observations__derived') }}

),

score as (

    select * from {{ ref('index_score') }}

),

measured as (

    select
        cell.region_level,
        cell.region_code,
        cell.year,
        {{ panel_column('cell.indicator_id', 'unit.column_suffix') }} as panel_column,
        cell.indicator_id,
        cell.value,
        indicator.unit,
        cell.obs_status,
        cell.obs_status_all,
        case when {{ is_filled('cell.obs_status_all') }} then 1.0 else 0.0 end as imputed_share,
        cell.suspect_codes,
        derived.indicator_id is not null as is_derived,
    from cell
    inner join indicator on cell.indicator_id = indicator.indicator_id
    inner join unit on indicator.unit = unit.unit
    left join derived on cell.indicator_id = derived.indicator_id

),

scored as (

    select
        region_level,
        region_code,
        year,
        {{ index_column('index_id', 'weighting') }} as panel_column,
        index_id as indicator_id,
        score as value,
        'index' as unit,
        obs_status,
        obs_status as obs_status_all,
        imputed_share,
        cast(null as varchar) as suspect_codes,
        true as is_derived,
    from score

),

-- A number that does not exist although its inputs do (the change in the first year) is missing, not normal.
productivity as (

    select
        region_level,
        region_code,
        year,
        indicator_id as panel_column,
        indicator_id,
        value,
        unit,
        case when value is null then 'O' else obs_status end as obs_status,
        case when value is null and obs_status_all not like '%O%' then 'O' else obs_status_all end
            as obs_status_all,
        imputed_share,
        cast(null as varchar) as suspect_codes,
        true as is_derived,
    from {{ productivity_cells(ref('green_tfp')) }} as productive

),

final as (

    select * from measured
    union all
    select * from scored
    union all
    select * from productivity

)

select
    *,
    {{ is_simulated() }} as is_simulated,
from final
order by region_level, panel_column, region_code, year
