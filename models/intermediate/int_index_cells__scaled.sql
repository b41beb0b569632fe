-- Cells of each index, min-max scaled and shifted (steps 1 of the entropy method), for both weightings:
-- pooled over the years of the sample, or year by year. A region-year with a missing component is left out.
with component as (

    select * from {{ ref('index_component') }}

),

sample as (

    select * from {{ ref('int_samples__gridded') }}

),

cell as (

    select * from {{ ref('int_cells__unioned') }}
    where value is not null

),

offered as (

    select
        component.index_id,
        component.indicator_id,
        component.direction,
        cell.region_level,
        cell.region_code,
        cell.year,
        cell.value,
        cell.obs_status_all,
        count(*) over (partition by component.index_id, cell.region_code, cell.year) as n_found,
    from component
    inner join sample on component.sample_id = sample.sample_id
    inner join cell
        on component.indicator_id = cell.indicator_id
            and sample.region_level = cell.region_level
            and sample.region_code = cell.region_code
            and sample.year = cell.year

),

required as (

    select
        index_id,
        count(*) as n_components,
    from component
    group by index_id

),

weighting as (

    select 'pooled' as weighting
    union all
    select 'by_year' as weighting

),

weighted as (

    select
        offered.*,
        weighting.weighting,
        case when weighting.weighting = 'by_year' then offered.year end as weight_year,
    from offered
    inner join required on offered.index_id = required.index_id and offered.n_found = required.n_components
    cross join weighting

),

bounded as (

    select
        *,
        min(value) over (partition by index_id, weighting, weight_year, indicator_id) as lowest,
        max(value) over (partition by index_id, weighting, weight_year, indicator_id) as highest,
    from weighted

),

final as (

    select
        index_id,
        weighting,
        weight_year,
        indicator_id,
        region_level,
        region_code,
        year,
        obs_status_all,
        case
            when highest = lowest then 0
            when direction = 'positive' then (value - lowest) / (highest - lowest)
            else (highest - value) / (highest - lowest)
        end + {{ var('entropy_shift') }} as z, -- z_ij
    from bounded

)

select * from final
order by index_id, weighting, indicator_id, region_code, year
