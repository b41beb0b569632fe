-- --group-by cell__region_level,metric_time__year
select
    region_level as cell__region_level,
    make_date(year, 1, 1) as metric_time__year,
    avg(imputed_share) as imputed_share,
from marts.panel_cell
where value is not null
group by all
