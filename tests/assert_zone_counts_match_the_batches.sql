-- Rows of pilot_zone, the batch table's own counts, and the counts by year that follow from both.
select
    batch.batch,
    batch.new_zones,
    count(zone.zone_no) as zones,
from {{ ref('pilot_zone_batch') }} as batch
left join {{ ref('pilot_zone') }} as zone on batch.batch = zone.batch
group by batch.batch, batch.new_zones
having count(zone.zone_no) <> batch.new_zones
union all
select
    batch.batch,
    batch.active_zones,
    cast(sum(treatment.zone_count) as bigint) as zones,
from {{ ref('pilot_zone_batch') }} as batch
inner join {{ ref('treatment_province_year') }} as treatment
    on year(batch.approved_on) = treatment.year
    and treatment.rule_id = 'default'
-- Batch 6 and 7 share a year: the later count is the year's.
where batch.batch not in (6, 8)
group by batch.batch, batch.active_zones
having sum(treatment.zone_count) <> batch.active_zones
