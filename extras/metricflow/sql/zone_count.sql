-- --group-by metric_time__year
select
    make_date(year, 1, 1) as metric_time__year,
    sum(zone_count) as zone_count,
from marts.treatment_province_year
where rule_id = 'default'
group by all
