-- Which five provinces led the e-commerce index in its last year, and how much of that was filled?
select
    score.score_rank,
    region.name_zh,
    region.name_en,
    round(score.score, 3) as score,
    score.imputed_share,
    score.obs_status,
from {{ ref('index_score') }} as score
inner join {{ ref('region') }} as region
    on score.region_code = region.region_code
        and region.region_level = 'province'
where score.index_id = 'cbec_development_province_no_trade'
    and score.weighting = 'pooled'
    and score.year = {{ var('last_year') }}
    and score.score_rank <= 5
order by score.score_rank
