-- Which cells are missing, broken or suspect, and why?
select
    finding.severity,
    finding.detector,
    finding.indicator_id,
    count(*) as cells,
    min(finding.year) as first_year,
    max(finding.year) as last_year,
    any_value(finding.evidence) as example,
from {{ ref('finding') }} as finding
group by finding.severity, finding.detector, finding.indicator_id
order by finding.severity desc, cells desc, finding.indicator_id
