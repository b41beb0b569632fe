-- --group-by score__index_id,score__weighting,metric_time__year
select
    index_id as score__index_id,
    weighting as score__weighting,
    make_date(year, 1, 1) as metric_time__year,
    avg(score) as index_mean,
from marts.index_score
group by all
