with scaled as (

    select * from {{ ref('int_index_cells__scaled') }}

),

weight as (

    select * from {{ ref('index_weight') }}

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
