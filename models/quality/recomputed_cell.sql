-- Panel cells that are computed over many regions (indices, productivity), computed again from cells that
-- nobody filled and no detector flags: weights, bounds and frontier are then those of observed cells. The
-- observed-only variant of an estimate reads these; the panels keep theirs.
with score as (

    {{ index_scores(ref('index_cell_observed'), ref('index_weight_observed')) }}

),

productive as (

    select * from {{ productivity_cells(ref('green_tfp_observed')) }} as productive
    where value is not null

),

computed as (

    select
        region_level,
        region_code,
        year,
        {{ index_column('index_id', 'weighting') }} as panel_column,
        score as value,
    from score
    union all
    select
        region_level,
        region_code,
        year,
        indicator_id as panel_column,
        value,
    from productive

),

column_of_many as (

    select distinct index_id as indicator_id from {{ ref('index_component') }}
    union all
    select distinct indicator_id from {{ productivity_cells(ref('green_tfp')) }} as productive

),

cell as (

    select * from {{ ref('panel_cell') }}
    where indicator_id in (select indicator_id from column_of_many)

),

final as (

    select
        cell.region_level,
        cell.region_code,
        cell.year,
        cell.panel_column,
        computed.value,
        cell.value as value_of_all,
        cell.is_simulated,
    from cell
    left join computed
        on cell.region_level = computed.region_level
            and cell.region_code = computed.region_code
            and cell.year = computed.year
            and cell.panel_column = computed.panel_column

)

select * from final
order by region_level, panel_column, region_code, year
