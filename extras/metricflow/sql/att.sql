-- --group-by specification__study_id,specification__table_no,specification__column_no
select
    study_id as specification__study_id,
    table_no as specification__table_no,
    column_no as specification__column_no,
    avg(estimate) as att,
from estimates.att
where aggregation = 'overall' and not is_observed_only
group by all
