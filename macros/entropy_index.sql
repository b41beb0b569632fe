{# The entropy method in three steps, each a query over a relation, so that the same formula runs on all cells
   and on observed cells alone: cells scaled to z, weights from the entropy of z, scores. #}

{# z_ij of every index of registry.index_component; cells: region_level, region_code, year, indicator_id, value,
   obs_status_all. #}
{% macro index_cells(cells) -%}
with component as (

    select * from {{ ref('index_component') }}

),

sample as (

    select * from {{ ref('int_samples__gridded') }}

),

cell as (

    select * from {{ cells }}
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
{%- endmacro %}

{# w_j; scaled: what index_cells gives. #}
{% macro index_weights(scaled) -%}
with scaled as (

    select * from {{ scaled }}

),

total as (

    select
        index_id,
        weighting,
        weight_year,
        indicator_id,
        count(*) as n,
        {{ stable_sum('z') }} as z_total,
    from scaled
    group by index_id, weighting, weight_year, indicator_id

),

proportion as (

    select
        scaled.*,
        total.n,
        scaled.z / total.z_total as p, -- p_ij
    from scaled
    inner join total
        on scaled.index_id = total.index_id
            and scaled.weighting = total.weighting
            and scaled.indicator_id = total.indicator_id
            and coalesce(scaled.weight_year, 0) = coalesce(total.weight_year, 0)

),

entropy as (

    select
        index_id,
        weighting,
        weight_year,
        indicator_id,
        -{{ stable_sum('p * ln(p)') }} / ln(max(n)) as entropy, -- e_j
        avg(case when {{ is_filled('obs_status_all') }} then 1.0 else 0.0 end) as imputed_share,
    from proportion
    group by index_id, weighting, weight_year, indicator_id

),

divergence as (

    select
        *,
        -- e_j is 1 up to rounding where all regions are equal: nothing to learn, no weight.
        greatest(1 - entropy, 0) as divergence, -- d_j
    from entropy

),

divergence_total as (

    select
        index_id,
        weighting,
        weight_year,
        {{ stable_sum('divergence') }} as d_total,
    from divergence
    group by index_id, weighting, weight_year

),

final as (

    select
        divergence.index_id,
        divergence.weighting,
        divergence.weight_year as year,
        divergence.indicator_id,
        divergence.entropy,
        divergence.divergence,
        divergence.divergence / divergence_total.d_total as weight, -- w_j
        divergence.imputed_share,
    from divergence
    inner join divergence_total
        on divergence.index_id = divergence_total.index_id
            and divergence.weighting = divergence_total.weighting
            and coalesce(divergence.weight_year, 0) = coalesce(divergence_total.weight_year, 0)

)

select * from final
order by index_id, weighting, year, indicator_id
{%- endmacro %}

{# Scores and their ranks; scaled and weights: what index_cells and index_weights give. #}
{% macro index_scores(scaled, weights) -%}
with scaled as (

    select * from {{ scaled }}

),

weight as (

    select * from {{ weights }}

),

status as (

    select
        obs_status,
        precedence
    from {{ ref('obs_status') }}

),

score as (

    select
        scaled.index_id,
        scaled.weighting,
        scaled.region_level,
        scaled.region_code,
        scaled.year,
        {{ stable_sum('weight.weight * scaled.z') }} as score,
        {{ stable_sum('case when ' ~ is_filled('scaled.obs_status_all') ~ ' then weight.weight else 0 end') }}
            as imputed_share,
        min_by(status.obs_status, status.precedence) as obs_status,
    from scaled
    inner join weight
        on scaled.index_id = weight.index_id
            and scaled.weighting = weight.weighting
            and scaled.indicator_id = weight.indicator_id
            and coalesce(scaled.weight_year, 0) = coalesce(weight.year, 0)
    inner join status on substr(scaled.obs_status_all, 1, 1) = status.obs_status
    group by scaled.index_id, scaled.weighting, scaled.region_level, scaled.region_code, scaled.year

),

final as (

    select
        index_id,
        weighting,
        region_code,
        year,
        score,
        rank() over (partition by index_id, weighting, year order by score desc) as score_rank,
        imputed_share,
        obs_status,
        region_level,
    from score

)

select * from final
order by index_id, weighting, region_code, year
{%- endmacro %}
