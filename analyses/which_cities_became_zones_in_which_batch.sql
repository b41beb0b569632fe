-- Which cities became zones, in which batch, and under which document?
select
    zone.batch,
    zone.approved_on,
    zone.document_no,
    count(*) as zones,
    string_agg(zone.name_zh, ' ' order by zone.zone_no) as names,
from {{ ref('pilot_zone') }} as zone
group by zone.batch, zone.approved_on, zone.document_no
order by zone.batch
