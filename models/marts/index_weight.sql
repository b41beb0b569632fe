with scaled as (

    select * from {{ ref('int_index_cells__scaled') }}

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
