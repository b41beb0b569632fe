-- What weighs most in the index, and does weighting by year change it?
select
    weight.indicator_id,
    round(100 * max(weight.weight) filter (where weight.weighting = 'pooled'), 1) as pooled_pct,
    round(100 * min(weight.weight) filter (where weight.weighting = 'by_year'), 1) as lowest_year_pct,
    round(100 * max(weight.weight) filter (where weight.weighting = 'by_year'), 1) as highest_year_pct,
from {{ ref('index_weight') }} as weight
where weight.index_id = 'cbec_development_province_no_trade'
group by weight.indicator_id
order by pooled_pct desc
