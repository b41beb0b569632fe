-- Columns of panels that rest on an imported series, whole or in part: what each of their printed inputs is
-- read from. A table made from one of them says so.
with read as (

    select * from {{ ref('panel_series') }}
    where n_read > 0

),

with_import as (

    select distinct
        region_level,
        indicator_id,
    from read
    where not is_shipped

),

panel_column as (

    select distinct
        region_level,
        panel_column,
        indicator_id,
    from {{ ref('panel_cell') }}

),

-- What is not computed rests on itself.
input as (

    select distinct
        panel_column.region_level,
        panel_column.panel_column,
        coalesce(traced.input_indicator_id, panel_column.indicator_id) as input_indicator_id,
    from panel_column
    left join {{ ref('int_inputs__traced') }} as traced
        on panel_column.region_level = traced.region_level
            and panel_column.indicator_id = traced.indicator_id

),

final as (

    select
        input.region_level,
        input.panel_column,
        input.input_indicator_id,
        read.series_id,
        read.is_shipped,
        read.n_read,
        read.first_year_read,
        read.last_year_read,
        read.reason,
        read.is_simulated,
    from input
    inner join with_import
        on input.region_level = with_import.region_level
            and input.input_indicator_id = with_import.indicator_id
    inner join read
        on input.region_level = read.region_level
            and input.input_indicator_id = read.indicator_id

)

select * from final
order by region_level, panel_column, input_indicator_id, series_id
