select
    index_id,
    weighting,
    year,
    sum(weight) as total,
from {{ ref('index_weight') }}
group by index_id, weighting, year
having abs(sum(weight) - 1) > 1e-12
