with scaled as (

    select * from {{ ref('int_index_cells__scaled') }}

),

proportion as (

    select
        *,
        z / sum(z) over (partition by index_id, weighting, weight_year, indicator_id) as p, -- p_ij
    from scaled

),

entropy as (

    select
        index_id,
        weighting,
        weight_year,
        indicator_id,
        -sum(p * ln(p)) / ln(count(*)) as entropy, -- e_j
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

final as (

    select
        index_id,
        weighting,
        weight_year as year,
        indicator_id,
        entropy,
        divergence,
        divergence / sum(divergence) over (partition by index_id, weighting, weight_year) as weight, -- w_j
        imputed_share,
    from divergence

)

select * from final
order by index_id, weighting, year, indicator_id
